/* Names that are one person's, and names that are none. */
#include "wire/identity.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <cmocka.h>

static void test_ok(void **state)
{
	static const struct {
		struct str name;
		bool ok;
	} cases[] = {
		{ STR("mallory"), true },
		{ STR("uid:1000"), true },
		{ STR("Sato Hanako"), true },
		{ STR("佐藤　花子"), true },
		{ STR("ｓａｔｏ"), true },
		{ STR("髙﨑々ヶ"), true },
		{ STR("a23456789012345678901234567890123456789012345678901234567890123"), true },
		{ STR("a234567890123456789012345678901234567890123456789012345678901234"), false },
		{ STR(""), false },
		{ STR(" "), false },
		{ STR("mallory "), false },
		{ STR(" mallory"), false },
		{ STR("　mallory"), false },
		{ STR("mallory　"), false },
		{ STR("mallory\t"), false },
		{ STR("mal\nlory"), false },
		{ STR("mal\x7flory"), false },
		{ STR("mal\0lory"), false },
		{ STR("mal\xc2\x85lory"), false },         /* U+0085, a control of C1 */
		{ STR("mal\xc2\xa0lory"), false },         /* no-break space */
		{ STR("mal\xc2\xadlory"), false },         /* soft hyphen */
		{ STR("mal\xe2\x80\x8blory"), false },     /* zero width space */
		{ STR("mal\xe2\x80\xaelory"), false },     /* right-to-left override */
		{ STR("mallory\xef\xbb\xbf"), false },     /* byte order mark */
		{ STR("m\xd0\xb0llory"), false },          /* Cyrillic a */
		{ STR("ma\xcc\x80llory"), false },         /* combining grave */
		{ STR("ﾀﾅｶ"), false },                     /* half-width katakana: タナカ in NFKC */
		{ STR("\xef\xa8\x90"), false },            /* U+FA10, 塚's twin */
		{ STR("\xff"), false },
		{ STR("\xe3\x80"), false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (identity_ok(cases[i].name) != cases[i].ok)
			fail_msg("case %zu: " STR_FMT, i, STR_ARG(cases[i].name));
}

static void test_same(void **state)
{
	static const struct {
		const char *a, *b;
		bool same;
	} cases[] = {
		{ "mallory", "mallory", true },
		{ "mallory", "mallory ", true },
		{ "mallory", "Mallory", true },
		{ "mallory", "ｍａｌｌｏｒｙ", true },
		{ "mallory", "ＭＡＬＬＯＲＹ　", true },
		{ "uid:1000", "ｕｉｄ：１０００", true },
		{ "佐藤 花子", "佐藤　花子", true },
		{ "佐藤花子", "佐藤 花子", true },
		{ "mallory", "malory", false },
		{ "mallory", "mallory2", false },
		{ "mallory2", "mallory", false },
		{ "佐藤", "佐籐", false },
		{ "", "a", false },
		{ "\xff", "\xff", true },
		{ "\xff", "\xfe", false },
		{ "\xe3", "a", false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (identity_same(cases[i].a, cases[i].b) != cases[i].same)
			fail_msg("%s, %s", cases[i].a, cases[i].b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ok), cmocka_unit_test(test_same) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("identity", tests, NULL, NULL);
}
