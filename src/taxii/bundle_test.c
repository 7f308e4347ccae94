/* Pages become one bundle: the newest of each indicator, nothing that is over, within limits; and which servers are asked. */
#include "taxii/taxii.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

#define NOW 1795386357000LL /* 2026-11-22 */
#define OBJECT(id, modified, more) "{\"type\":\"indicator\",\"id\":\"indicator--" id "\",\"modified\":\"" modified "\"" more "}"

static void add(struct taxii_bundle *b, const char *json, int want, const char *next)
{
	char got[TAXII_NEXT];
	struct err err = { 0 };
	assert_int_equal(taxii_bundle_add(b, str_from(json), got, &err), want);
	assert_string_equal(got, next);
}

static char *format(const struct taxii_bundle *b)
{
	static char text[4096];
	struct buf out;
	buf_init(&out, sizeof text - 1);
	taxii_bundle_format(b, &out);
	snprintf(text, sizeof text, "%s", buf_cstr(&out));
	buf_done(&out);
	return text;
}

static void test_merge(void **state)
{
	struct taxii_bundle b;
	(void)state;
	taxii_bundle_init(&b, NOW);
	add(&b, "{\"objects\":[" OBJECT("1", "2026-11-20T00:00:00Z", ",\"name\":\"old\"") "," OBJECT("2", "2026-11-20T00:00:00Z", "") "]}", 0, "");
	add(&b, "{\"more\":true,\"next\":\"a b&c\",\"objects\":[" OBJECT("1", "2026-11-20T00:00:00.001Z", ",\"name\":\"newer\"") "]}", 0, "a b&c");
	add(&b, "{\"objects\":[" OBJECT("1", "2026-11-19T00:00:00Z", ",\"name\":\"older\"") "]}", 0, "");
	assert_int_equal(b.by_id.len, 2);
	assert_non_null(strstr(format(&b), "newer"));
	assert_null(strstr(format(&b), "older"));
	add(&b, "{\"objects\":[" OBJECT("1", "2026-11-21T00:00:00Z", ",\"revoked\":true") "," OBJECT("2", "2026-11-21T00:00:00Z", ",\"valid_until\":\"2026-11-21T12:00:00Z\"") "]}", 0, "");
	assert_int_equal(b.by_id.len, 0);
	assert_int_equal(b.removed, 2);
	assert_int_equal(b.bytes, 0);
	assert_string_equal(format(&b), "{\"type\":\"bundle\",\"id\":\"bundle--54495047-7e11-4ced-8001-ca11ed000004\",\"objects\":[]}\n");
	taxii_bundle_done(&b);
}

static void test_left_out(void **state)
{
	struct taxii_bundle b;
	struct buf large;
	(void)state;
	taxii_bundle_init(&b, NOW);
	add(&b, "{\"objects\":[{\"type\":\"malware\",\"id\":\"malware--1\",\"modified\":\"2026-11-20T00:00:00Z\"},7,null,[],"
	        "{\"type\":\"indicator\",\"modified\":\"2026-11-20T00:00:00Z\"},{\"type\":\"indicator\",\"id\":\"indicator--1\",\"modified\":\"yesterday\"}]}", 0, "");
	assert_int_equal(b.left_out, 6);
	buf_init(&large, MIB);
	buf_puts(&large, "{\"objects\":[{\"type\":\"indicator\",\"id\":\"indicator--9\",\"modified\":\"2026-11-20T00:00:00Z\",\"name\":\"");
	for (int i = 0; i < 70000; i++)
		buf_putc(&large, 'x');
	buf_puts(&large, "\"}]}");
	add(&b, buf_cstr(&large), 0, "");
	buf_done(&large);
	assert_int_equal(b.left_out, 7);
	assert_int_equal(b.by_id.len, 0);
	taxii_bundle_done(&b);
}

static void test_bad(void **state)
{
	static const char *const pages[] = { "", "x", "[]", "{\"objects\":7}", "{\"more\":true}", "{\"more\":true,\"next\":7}", "{\"more\":true,\"next\":\"\"}",
		                             "{\"more\":true,\"next\":\"a\\u0000b\"}" };
	struct taxii_bundle b;
	(void)state;
	taxii_bundle_init(&b, NOW);
	for (size_t i = 0; i < ARRAY_LEN(pages); i++)
		add(&b, pages[i], -E_INVALID, "");
	taxii_bundle_done(&b);
}

static void test_dates(void **state)
{
	static const struct {
		const char *text;
		bool is;
	} cases[] = { { "2026-11-20T00:00:00Z", true }, { "2026-11-20T00:00:00.123456Z", true }, { "2026-11-20", false }, { "2026-11-20T00:00:00+09:00", false },
		      { "2026-11-20T00:00:00Z&x=Z", false }, { "", false }, { "2026-13-20T00:00:00Z", false }, { "2026-11-20T00:00:00.00000000000000000000000000Z", false } };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (taxii_is_date(str_from(cases[i].text)) != cases[i].is)
			fail_msg("%s", cases[i].text);
}

#define ROOT "\"api_root\":\"https://t.example/api\",\"collection\":\"c\""

static void test_conf(void **state)
{
	static const struct {
		const char *json, *at, *words;
	} cases[] = {
		{ "{", "f", "" },
		{ "{}", "f", "1 to 64" },
		{ "{\"sources\":[{" ROOT "}]}", "sources[0]", "name must be" },
		{ "{\"sources\":[{\"name\":\"a/b\"," ROOT "}]}", "sources[0]", "name must be" },
		{ "{\"sources\":[{\"name\":\"a\"," ROOT ",\"pasword\":\"x\"}]}", "sources[0]", "isn't known" },
		{ "{\"sources\":[{\"name\":\"a\"," ROOT ",\"user\":\"x\"}]}", "sources[0]", "user needs secret" },
		{ "{\"sources\":[{\"name\":\"a\",\"api_root\":\"http://t.example\",\"collection\":\"c\"}]}", "sources[0]", "https://" },
		{ "{\"sources\":[{\"name\":\"a\",\"api_root\":\"https://u@t.example\",\"collection\":\"c\"}]}", "sources[0]", "https://" },
		{ "{\"sources\":[{\"name\":\"a\"," ROOT "},{\"name\":\"a\"," ROOT "}]}", "sources[1]", "twice" },
		{ "{\"sources\":[{\"name\":\"a\",\"api_root\":\"https://t.example\",\"collection\":\"../x\"}]}", "sources[0]", "collection" },
	};
	struct arena a;
	struct taxii_source *s;
	size_t n;
	struct err err = { 0 };
	(void)state;
	arena_init(&a, MIB);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(taxii_conf_parse(str_from(cases[i].json), "f", &a, &s, &n, &err), -E_INVALID);
		assert_string_equal(err.path, cases[i].at);
		assert_non_null(strstr(err.msg, cases[i].words));
	}
	assert_int_equal(taxii_conf_parse(STR("{\"sources\": [ // two\n{\"name\":\"a\"," ROOT "},{\"name\":\"b\"," ROOT ",\"secret\":\"/s\",},]}"), "f", &a, &s, &n, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(s[1].secret, "/s");
	assert_string_equal(s[0].user, "");
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_merge), cmocka_unit_test(test_left_out), cmocka_unit_test(test_bad),
		                            cmocka_unit_test(test_dates), cmocka_unit_test(test_conf) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
