/* Punycode by RFC 3492's own samples, names as people write them, and names that only look like others. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "url/puny.h"

#include <stdio.h>

static const struct {
	const char *in, *out; /* NULL: refused */
} names[] = {
	{ "日本語.jp", "xn--wgv71a119e.jp" },
	{ "例え.テスト", "xn--r8jz45g.xn--zckzah" },
	{ "bücher.example", "xn--bcher-kva.example" },
	{ "3年b組金八先生.example", "xn--3b-ww4c5e180e575a65lsy2b.example" }, /* RFC 3492 7.1 (L) */
	{ "ｗｗｗ．Ｅｘａｍｐｌｅ。jp", "www.example.jp" },
	{ "１２７。0.0.1", "127.0.0.1" },
	{ "WWW.example.JP", "www.example.jp" },
	{ "xn--wgv71a119e.jp", "xn--wgv71a119e.jp" },
	{ "", NULL },
	{ "\xff.jp", NULL },
	{ "ああああああああああああああああああああああああああああああああああああああああああああああああああああああああああああああああ.jp", NULL },
};

static void names_get_their_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char got[256] = "";
		int r = url_host_from_utf8(str_from(names[i].in), got);
		if (r != (names[i].out ? 0 : -E_INVALID) || (names[i].out && strcmp(got, names[i].out) != 0))
			fail_msg("%s: %d %s", names[i].in, r, got);
	}
}

static void there_and_back(void **state)
{
	static const uint32_t samples[][8] = { { 0x644, 0x64a, 0x647, 0 }, { 'a', 0x3042, 'b', 0x10ffff, 0 }, { 0x80, 0 }, { 0xe9, 0xe9, 0xe8, 0 } };
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		int n = 0;
		char text[64];
		uint32_t back[64];
		while (samples[i][n])
			n++;
		int len = puny_encode(samples[i], n, text, sizeof text);
		assert_true(len > 0);
		assert_int_equal(puny_decode((struct str){ text, (size_t)len }, back, 64), n);
		assert_memory_equal(back, samples[i], (size_t)n * sizeof *back);
	}
	uint32_t room[4];
	assert_int_equal(puny_decode(STR("99999999"), room, 4), -1);
	assert_int_equal(puny_decode(STR("abcde-"), room, 4), -1);
	assert_int_equal(puny_decode(STR("!"), room, 4), -1);
}

static const struct {
	const char *host;
	bool alike;
} seen[] = {
	{ "аррӏе.com", true },       /* all Cyrillic */
	{ "pаypal.com", true },      /* one Cyrillic letter */
	{ "www.gооgle.example", true },
	{ "paypaı.example", true },
	{ "ωww.example", true },
	{ "日本語.jp", false },
	{ "bücher.example", false },
	{ "кошка.example", false },  /* Russian: к and ш look like no other */
	{ "москва.рф", false },
	{ "apple.com", false },
	{ "xn--.example", false },
	{ "xn--!!.example", false },
};

static void lookalikes_are_told(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(seen); i++) {
		char host[256];
		assert_int_equal(url_host_from_utf8(str_from(seen[i].host), host), 0);
		if (url_lookalike(str_from(host)) != seen[i].alike)
			fail_msg("%s (%s)", seen[i].host, host);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_get_their_form),
		cmocka_unit_test(there_and_back),
		cmocka_unit_test(lookalikes_are_told),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
