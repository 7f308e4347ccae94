/* The wildcard and escape table of Sigma's rules specification 2.1, and the case rules. */
#include "detect/pattern.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

static const struct {
	const char *value, *text;
	bool match;
} wild[] = {
	{ "prog?.exe", "progA.exe", true }, { "prog?.exe", "prog.exe", false }, { "prog?.exe", "progAB.exe", false },
	{ "antivirus_V*.exe", "antivirus_V1.exe", true }, { "antivirus_V*.exe", "antivirus_V21.2.1.exe", true },
	{ "antivirus_V*.exe", "antivirus_V.exe", true }, { "antivirus_V*.exe", "xantivirus_V1.exe", false },
	{ "abc", "ABC", true }, { "ABC", "abc", true }, { "abc", "abcd", false }, { "abc", "", false },
	{ "", "", true }, { "", "a", false }, { "*", "", true }, { "*", "anything", true }, { "?", "", false },
	{ "?", "\xe3\x81\x82", true }, { "??", "\xe3\x81\x82", false }, { "*??", "\xe3\x81\x82", false },
	{ "*\xe3\x81\x82?", "x\xe3\x81\x82y", true }, { "a*b*c", "aXbYc", true }, { "a*b*c", "aXcYb", false },
	{ "*b", "ab", true }, { "*ab", "aab", true }, { "*aab", "aaab", true }, { "*a?b", "aaxb", true },
	{ "*a?b", "aXbaYb", true }, { "a*", "A", true }, { "*ab*ab", "ab", false }, { "ab*ab", "abab", true },
	/* "Summarized, these are the following possibilities" */
	{ "a\\b", "a\\b", true }, { "a\\\\b", "a\\b", true }, { "a\\\\b", "a\\\\b", false },
	{ "a\\*", "a*", true }, { "a\\*", "ab", false }, { "a\\?", "a?", true }, { "a\\?", "ab", false },
	{ "a\\\\*", "a\\anything", true }, { "a\\\\*", "a\\*", true }, { "a\\\\*", "ab", false },
	{ "a\\\\\\*", "a\\*", true }, { "a\\\\\\*", "a\\b", false },
	{ "a\\\\\\b", "a\\\\b", true }, { "a\\\\\\\\b", "a\\\\b", true }, { "a\\", "a\\", true },
	{ "\\\\\\\\host\\share", "\\\\host\\share", true },
	/* ASCII only: full-width and accented letters are what they are */
	{ "\xef\xbc\xa1", "\xef\xbd\x81", false }, { "\xc3\x84", "\xc3\xa4", false },
};

static void test_wildcards(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(wild); i++) {
		struct arena a;
		struct pattern p;
		char text[256];
		arena_init(&a, MIB);
		assert_int_equal(pattern_parse(str_from(wild[i].value), &(struct pattern_opts){ 0 }, &a, &p), 0);
		snprintf(text, sizeof text, "%s", wild[i].text);
		pattern_fold(text, strlen(text));
		if (pattern_match(&p, str_from(text)) != wild[i].match)
			fail_msg("'%s' on '%s' should be %d", wild[i].value, wild[i].text, wild[i].match);
		arena_done(&a);
	}
}

static const struct {
	const char *value;
	struct pattern_opts o;
	const char *text;
	bool match;
} options[] = {
	{ "abc", { .open_start = true, .open_end = true }, "xxabcxx", true },
	{ "abc", { .open_end = true }, "abcxx", true }, { "abc", { .open_end = true }, "xabc", false },
	{ "abc", { .open_start = true }, "xabc", true }, { "abc", { .open_start = true }, "abcx", false },
	{ "*abc", { .open_start = true }, "xabc", true },
	{ "Abc", { .cased = true }, "Abc", true }, { "Abc", { .cased = true }, "abc", false },
	{ "a*c?", { .plain = true }, "a*c?", true }, { "a*c?", { .plain = true }, "abcd", false },
	{ "-x", { .windash = true, .open_start = true, .open_end = true }, "cmd /x", true },
	{ "-x", { .windash = true, .open_start = true, .open_end = true }, "cmd \xe2\x80\x93x", true },
	{ "-x", { .windash = true, .open_start = true, .open_end = true }, "cmd \xe2\x80\x95x", true },
	{ "-x", { .windash = true, .open_start = true, .open_end = true }, "cmd +x", false },
	{ "/a -b", { .windash = true }, "-a /b", true },
};

static void test_options(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(options); i++) {
		struct arena a;
		struct pattern p;
		arena_init(&a, MIB);
		assert_int_equal(pattern_parse(str_from(options[i].value), &options[i].o, &a, &p), 0);
		if (pattern_match(&p, str_from(options[i].text)) != options[i].match)
			fail_msg("row %zu: '%s' on '%s' should be %d", i, options[i].value, options[i].text, options[i].match);
		arena_done(&a);
	}
}

static void test_ceilings(void **state)
{
	(void)state;
	static char big[PATTERN_BYTES + 2], many[2 * PATTERN_TOKENS + 2];
	struct arena a;
	struct pattern p;
	arena_init(&a, MIB);
	memset(big, 'x', PATTERN_BYTES + 1);
	assert_int_equal(pattern_parse(str_from(big), &(struct pattern_opts){ 0 }, &a, &p), -E_LIMIT);
	for (size_t i = 0; i < 2 * PATTERN_TOKENS; i += 2)
		memcpy(many + i, "?x", 2);
	assert_int_equal(pattern_parse(str_from(many), &(struct pattern_opts){ 0 }, &a, &p), -E_LIMIT);
	mem_fail_at(1);
	assert_int_equal(pattern_parse(STR("abc"), &(struct pattern_opts){ 0 }, &a, &p), -E_NOMEM);
	mem_fail_at(0);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_wildcards), cmocka_unit_test(test_options),
		cmocka_unit_test(test_ceilings) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
