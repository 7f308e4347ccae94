/* Text: comparison, splitting, numbers, UTF-8, hex. */
#include "base/test.h"

#include "base/mem.h"
#include "base/str.h"

static void test_compare(void **state)
{
	(void)state;
	assert_true(str_case_eq(STR("ExAmple"), STR("example")));
	assert_false(str_case_eq(STR("example"), STR("exampl")));
	assert_true(str_ends(STR("a.example"), STR(".example")));
	assert_false(str_ends(STR("example"), STR("a.example")));
	assert_true(str_case_starts(STR("HTTP/1.1"), STR("http/")));
	assert_str(str_trim(STR(" \ta b\t ")), "a b");
}

static void test_next(void **state)
{
	(void)state;
	struct str rest = STR("a,,b"), w;
	assert_true(str_next(&rest, ',', &w));
	assert_str(w, "a");
	assert_true(str_next(&rest, ',', &w));
	assert_str(w, "");
	assert_true(str_next(&rest, ',', &w));
	assert_str(w, "b");
	assert_false(str_next(&rest, ',', &w));
	rest = STR("a,"); /* an empty last field is a field */
	assert_true(str_next(&rest, ',', &w));
	assert_true(str_next(&rest, ',', &w));
	assert_str(w, "");
	assert_false(str_next(&rest, ',', &w));
}

static void test_clip(void **state)
{
	char dst[5];
	str_clip("", dst, sizeof dst);
	assert_string_equal(dst, "");
	str_clip("four", dst, sizeof dst);
	assert_string_equal(dst, "four");
	str_clip("fives", dst, sizeof dst);
	assert_string_equal(dst, "five");
	str_clip("x", dst, 1);
	assert_string_equal(dst, "");
}

static void test_ip4(void **state)
{
	static const uint8_t addr[][4] = { { 0, 0, 0, 0 }, { 255, 255, 255, 255 }, { 10, 9, 99, 100 }, { 192, 0, 2, 1 }, { 109, 200, 20, 5 } };
	static const char *const text[] = { "0.0.0.0", "255.255.255.255", "10.9.99.100", "192.0.2.1", "109.200.20.5" };
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		char dst[16];
		ip4_format(addr[i], dst);
		assert_string_equal(dst, text[i]);
	}
}

static void test_number(void **state)
{
	static const struct {
		const char *text;
		uint64_t max, want;
		bool ok;
	} cases[] = {
		{ "0", 9, 0, true },   { "65535", 65535, 65535, true }, { "65536", 65535, 0, false },
		{ "", 9, 0, false },   { "-1", 9, 0, false },           { "+1", 9, 0, false },
		{ " 1", 9, 0, false }, { "1 ", 9, 0, false },           { "0x1", 99, 0, false },
		{ "18446744073709551615", UINT64_MAX, UINT64_MAX, true }, { "18446744073709551616", UINT64_MAX, 0, false },
		{ "99999999999999999999", UINT64_MAX, 0, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		uint64_t v = 77;
		assert_int_equal(str_to_u64(str_from(cases[i].text), cases[i].max, &v), cases[i].ok);
		assert_true(v == (cases[i].ok ? cases[i].want : 77));
	}
}

static void test_head(void **state)
{
	(void)state;
	assert_int_equal(str_head("", 3), 0);
	assert_int_equal(str_head("abc", 3), 3);
	assert_int_equal(str_head("abcd", 3), 3);
	assert_int_equal(str_head("あ", 3), 3);
	assert_int_equal(str_head("ああ", 3), 3);
	assert_int_equal(str_head("aああ", 3), 1);
	assert_int_equal(str_head("aああ", 4), 4);
	assert_int_equal(str_head("あ", 2), 0);
}

static void test_utf8(void **state)
{
	static const struct {
		const char *text;
		bool ok;
	} cases[] = {
		{ "砦 toride", true },  { "\xf0\xa9\xb8\xbd", true },     { "\xc0\x80", false },         { "\xed\xa0\x80", false },
		{ "\xf4\x90\x80\x80", false }, { "\xe3\x81", false }, { "\xff", false }, { "\x80", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(str_is_utf8(str_from(cases[i].text)), cases[i].ok);
	assert_false(str_is_utf8((struct str){ "a\0b", 3 }));
	for (size_t at = 0; at < 24; at++) { /* one byte that is none, wherever it stands among those taken together */
		char text[25] = "abcdefghijklmnopqrstuvwx";
		assert_true(str_is_utf8((struct str){ text, 24 }));
		text[at] = 0;
		assert_false(str_is_utf8((struct str){ text, 24 }));
		text[at] = (char)0x80;
		assert_false(str_is_utf8((struct str){ text, 24 }));
	}
}

static void test_copy_and_hex(void **state)
{
	char dst[4], hex[5];
	unsigned char raw[2];
	(void)state;
	assert_true(str_copy(STR("abc"), dst, sizeof dst));
	assert_false(str_copy(STR("abcd"), dst, sizeof dst));
	assert_false(str_copy((struct str){ "a\0c", 3 }, dst, sizeof dst));
	hex_format("\x0f\xa0", 2, hex);
	assert_string_equal(hex, "0fa0");
	assert_true(hex_parse(STR("0FA0"), raw, 2));
	assert_memory_equal(raw, "\x0f\xa0", 2);
	assert_false(hex_parse(STR("0g"), raw, 1));
	assert_false(hex_parse(STR("0f0"), raw, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_compare), cmocka_unit_test(test_next),
		                            cmocka_unit_test(test_number), cmocka_unit_test(test_head), cmocka_unit_test(test_utf8), cmocka_unit_test(test_clip), cmocka_unit_test(test_ip4),
		                            cmocka_unit_test(test_copy_and_hex) };
	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
