/* Whose names stand below which: registries (general, Japan's by kind, by prefecture and by town), hosts, and who holds a name himself. */
#include "model/suffix.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

static void suffixes(void **state)
{
	static const struct {
		const char *name;
		enum suffix is;
	} cases[] = {
		{ "jp", SUFFIX_REGISTRY },         { "com", SUFFIX_REGISTRY },          { "co.jp", SUFFIX_REGISTRY },          { "LG.jp", SUFFIX_REGISTRY },
		{ "saga.jp", SUFFIX_REGISTRY },    { "karatsu.saga.jp", SUFFIX_REGISTRY }, { "chuo.tokyo.jp", SUFFIX_REGISTRY }, { "kita.kawasaki.jp", SUFFIX_REGISTRY },
		{ "co.uk", SUFFIX_REGISTRY },      { "com.br", SUFFIX_REGISTRY },       { "gv.at", SUFFIX_REGISTRY },          { "xn--p1ai", SUFFIX_REGISTRY },
		{ "xn--55qx5d.cn", SUFFIX_REGISTRY }, { "unknown-tld", SUFFIX_REGISTRY },
		{ "example.jp", SUFFIX_NONE },     { "evil.saga.jp", SUFFIX_NONE },     { "city.kawasaki.jp", SUFFIX_NONE },   { "pref.saga.jp", SUFFIX_NONE },
		{ "city.saga.lg.jp", SUFFIX_NONE }, { "example.co.uk", SUFFIX_NONE },   { "name.unknown-tld", SUFFIX_NONE },   { "a.pages.dev", SUFFIX_NONE },
		{ "pages.dev", SUFFIX_HOST },      { "CloudFront.net", SUFFIX_HOST },   { "github.io", SUFFIX_HOST },          { "trycloudflare.com", SUFFIX_HOST },
		{ "sakura.ne.jp", SUFFIX_HOST },   { "blob.core.windows.net", SUFFIX_HOST }, { "duckdns.org", SUFFIX_HOST },
		{ ".", SUFFIX_NONE },              { "a..jp", SUFFIX_NONE },              { "\xff.jp", SUFFIX_NONE },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (suffix_of(str_from(cases[i].name)) != cases[i].is)
			fail_msg("%s: %d", cases[i].name, suffix_of(str_from(cases[i].name)));
	char longest[300];
	for (size_t i = 0; i < sizeof longest; i++)
		longest[i] = i % 40 ? 'a' : '.';
	assert_int_equal(suffix_of((struct str){ longest, sizeof longest }), SUFFIX_NONE);
	assert_int_equal(suffix_of(STR("")), SUFFIX_REGISTRY);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(suffixes) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
