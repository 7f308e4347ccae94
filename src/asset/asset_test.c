/* Lists from outside, versions and ranges. */
#include "base/test.h"

#include "asset/parts.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

static void test_versions(void **state)
{
	static const struct {
		const char *a, *b;
		int order;
	} cases[] = {
		{ "1.0", "1.0", 0 },       { "1.9", "1.10", -1 },    { "2.4.58", "2.4.6", 1 },  { "1.0", "1.0.0", -1 },    { "1.0-rc1", "1.0", -1 },
		{ "1.0-rc1", "1.0-rc2", -1 }, { "1.0b", "1.0a", 1 },  { "1.01", "1.1", 0 },      { "10", "9", 1 },          { "1.0p1", "1.0", 1 },
		{ "", "1", -1 },           { "1.0alpha", "1.0beta", -1 }, { "99999999999999999999", "99999999999999999998", 1 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int c = version_compare(cases[i].a, cases[i].b), d = version_compare(cases[i].b, cases[i].a);
		if ((c > 0) - (c < 0) != cases[i].order || (d > 0) - (d < 0) != -cases[i].order)
			fail_msg("%s %s: %d %d", cases[i].a, cases[i].b, c, d);
	}
	static const struct {
		struct vuln v;
		const char *version;
		bool covers;
	} ranges[] = {
		{ { .from = "2.0", .to = "2.15.0", .to_excluded = true }, "2.14.1", true }, { { .from = "2.0", .to = "2.15.0", .to_excluded = true }, "2.15.0", false },
		{ { .from = "2.0", .to = "2.15.0" }, "2.15.0", true },                      { { .from = "2.0", .to = "", .from_excluded = true }, "2.0", false },
		{ { .from = "", .to = "" }, "1", true },                                    { { .from = "", .to = "" }, "", false },
		{ { .from = "1.5", .to = "1.5" }, "1.5", true },                            { { .from = "1.5", .to = "1.5" }, "1.5.1", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(ranges); i++)
		assert_int_equal(vuln_covers(&ranges[i].v, ranges[i].version), ranges[i].covers);
}

static void test_cve(void **state)
{
	char d[24];
	assert_true(asset_cve("ET EXPLOIT log4j (cve-2021-44228) M1", d));
	assert_string_equal(d, "CVE-2021-44228");
	assert_true(asset_cve("CVE-20 CVE-2020-123 CVE-2020-12345678901", d));
	assert_string_equal(d, "CVE-2020-1234567890");
	assert_false(asset_cve("CVE-, CVE-2021-12, cves", d));
}

static void read_seed(const char *name, struct buf *b)
{
	char path[700];
	snprintf(path, sizeof path, "%s/src/asset/seeds/vuln/%s", getenv("TORIDE_SOURCE") ? getenv("TORIDE_SOURCE") : ".", name);
	buf_reset(b);
	assert_int_equal(fs_read(path, b, NULL), 0);
}

static void test_lists(void **state)
{
	struct buf b;
	struct arena a;
	struct vuln *v;
	struct asset *s;
	struct err err = { 0 };
	size_t n, out;
	buf_init(&b, MIB);
	arena_init(&a, 256 * MIB);
	read_seed("nvd.json", &b);
	assert_int_equal(vuln_parse(buf_view(&b), &a, &v, &n, &out, &err), 0);
	assert_int_equal(n, 2);
	assert_string_equal(v[0].cve, "CVE-2021-44228");
	assert_string_equal(v[0].product, "log4j");
	assert_int_equal(v[0].score10, 100);
	assert_true(vuln_covers(&v[0], "2.14.1") && !vuln_covers(&v[0], "2.15.0") && !vuln_covers(&v[0], "1.2.17"));
	assert_string_equal(v[1].vendor, "a:b"); /* a quoted colon is no end */
	assert_true(vuln_covers(&v[1], "1.0") && !vuln_covers(&v[1], "1.1"));
	read_seed("csaf.json", &b);
	assert_int_equal(vuln_parse(buf_view(&b), &a, &v, &n, &out, &err), 0);
	assert_int_equal(n, 2);
	assert_int_equal(out, 1); /* P9 is nowhere in the tree */
	assert_string_equal(v[0].vendor, "example_co");
	assert_string_equal(v[0].product, "web_server");
	assert_true(vuln_covers(&v[0], "1.3.9") && !vuln_covers(&v[0], "1.4") && vuln_covers(&v[1], "2.0"));
	read_seed("assets.csv", &b);
	assert_int_equal(asset_parse(buf_view(&b), &a, &s, &n, &out, &err), 0);
	assert_int_equal(n, 1);
	assert_string_equal(s[0].vendor, "Apache, Inc");
	assert_string_equal(s[0].product, "http \"server\"");
	assert_string_equal(s[0].version, "2.4.58");
	arena_done(&a);
	buf_done(&b);
}

static const struct vuln *row(const struct vuln *v, size_t n, const char *id, const char *product, const char *version)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(v[i].cve, id) == 0 && strcmp(v[i].product, product) == 0 && vuln_covers(&v[i], version))
			return &v[i];
	return NULL;
}

static void test_jvn(void **state)
{
	struct buf b;
	struct arena a;
	struct vuln *v;
	struct err err = { 0 };
	size_t n, out;
	buf_init(&b, MIB);
	arena_init(&a, 256 * MIB);
	read_seed("jvn.xml", &b);
	assert_int_equal(vuln_parse(buf_view(&b), &a, &v, &n, &out, &err), 0);
	assert_int_equal(out, 2); /* "for Windows 3.1 未満" isn't guessed at; of one product no version is said */
	const struct vuln *one = row(v, n, "CVE-2026-10001", "web+server", "1.9.2");
	assert_non_null(one);
	assert_string_equal(one->vendor, "example");
	assert_int_equal(one->score10, 75); /* version 3 of CVSS, not 2 */
	assert_non_null(row(v, n, "CVE-2026-10001", "例ウェブ_サーバ", "1.5"));
	assert_null(row(v, n, "CVE-2026-10001", "web+server", "1.9.3"));
	assert_null(row(v, n, "CVE-2026-10001", "web+server", "1.4"));   /* that is the other's */
	assert_non_null(row(v, n, "CVE-2026-10002", "web+server", "1.4"));
	assert_non_null(row(v, n, "CVE-2026-10002", "web+server", "2.0.1"));
	one = row(v, n, "JVNDB-2026-000002", "backup", "8.1"); /* no CVE: JVN's number */
	assert_non_null(one);
	assert_int_equal(one->score10, 0); /* nothing left from the entry before */
	assert_int_equal(n, 2 + 2 + 2 + 1);
	read_seed("jvnrss.xml", &b);
	assert_int_equal(vuln_parse(buf_view(&b), &a, &v, &n, &out, &err), 0);
	assert_int_equal(n, 1);
	assert_int_equal(out, 1);
	assert_true(strcmp(v[0].product, "two") == 0 && vuln_covers(&v[0], "4.2") && !vuln_covers(&v[0], "4.3") && v[0].score10 == 98);
	read_seed("doctype.xml", &b);
	assert_int_equal(vuln_parse(buf_view(&b), &a, &v, &n, &out, &err), -E_INVALID);
	assert_non_null(strstr(err.msg, "document type"));
	arena_done(&a);
	buf_done(&b);
}

static void test_jvn_words(void **state)
{
	static const struct {
		const char *text, *from, *to; /* "[" with the bound, "(" without; NULL: not understood */
	} cases[] = {
		{ "8.1", "[8.1", "[8.1" },
		{ "ファームウェアバージョン 1.05およびそれ以前", "[", "[1.05" },
		{ "7.6.2より前のバージョン", "[", "(7.6.2" },
		{ "Ver.1.4.2より前のバージョン（CVE-2025-0354、CVE-2025-0355）", "[", "(1.4.2" },
		{ "2.4.0 から 2.4.48", "[2.4.0", "[2.4.48" },
		{ "2.4.0 から 2.4.48 まで", "[2.4.0", "[2.4.48" },
		{ "2.0 以上 2.15.0 未満", "[2.0", "(2.15.0" },
		{ "v3.0以降", "[3.0", "[" },
		{ "3.0 〜 3.2", "[3.0", "[3.2" },
		{ "1.0 and earlier", "[", "[1.0" },
		{ "prior to 9.1p2", "[", "(9.1p2" },
		{ "すべてのバージョン", "[", "[" },
		{ "for NetApp 5.8 (Build 1299) 未満", NULL, NULL },
		{ "5.8 (Build 1299) 未満", NULL, NULL },
		{ "Windows Server 2019", NULL, NULL },
		{ "未満", NULL, NULL },
		{ "1.0 未満 2.0 未満", NULL, NULL },
		{ "1.0、2.0、3.0", NULL, NULL },
		{ "1.x", NULL, NULL },
		{ "", NULL, NULL },
	};
	struct arena a;
	arena_init(&a, MIB);
	struct reading r = { .a = &a };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct vuln v = { 0 };
		char from[64] = "", to[64] = "";
		bool ok = jvn_range(&r, str_from(cases[i].text), &v);
		if (ok) {
			snprintf(from, sizeof from, "%c%s", v.from_excluded ? '(' : '[', v.from);
			snprintf(to, sizeof to, "%c%s", v.to_excluded ? '(' : '[', v.to);
		}
		if (ok != !!cases[i].from || (ok && (strcmp(from, cases[i].from) || strcmp(to, cases[i].to))))
			fail_msg("%s: %d %s %s", cases[i].text, ok, from, to);
	}
	arena_done(&a);
}

static void test_refused(void **state)
{
	static const char *const vulns[] = { "", "{", "[]", "{\"vulnerabilities\":1}", "{\"x\":[]}", "<", "<a/>", "<VULDEF-Document>",
		                             "<VULDEF-Document><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a><a>" };
	static const char *const assets[] = { "", "product,version\n", "address,product\n", "\"address,product,version\n", "\n" };
	struct arena a;
	struct vuln *v;
	struct asset *s;
	size_t n, out;
	arena_init(&a, 256 * MIB);
	for (size_t i = 0; i < ARRAY_LEN(vulns); i++) {
		struct err err = { 0 };
		assert_int_equal(vuln_parse(str_from(vulns[i]), &a, &v, &n, &out, &err), -E_INVALID);
	}
	for (size_t i = 0; i < ARRAY_LEN(assets); i++) {
		struct err err = { 0 };
		assert_int_equal(asset_parse(str_from(assets[i]), &a, &s, &n, &out, &err), -E_INVALID);
	}
	struct err err = { 0 };
	assert_int_equal(asset_parse(STR("address,product,version\n,x,1\n10.0.0.1,,1\n10.0.0.1,x\n10.0.0.2,\"y\"z,1\n10.0.0.3,ok,1"), &a, &s, &n, &out, &err), 0);
	assert_int_equal(n, 2); /* "x" without a version is one, too */
	assert_int_equal(out, 3);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_versions), cmocka_unit_test(test_cve), cmocka_unit_test(test_lists), cmocka_unit_test(test_jvn), cmocka_unit_test(test_jvn_words), cmocka_unit_test(test_refused),
	};
	return cmocka_run_group_tests_name("asset/asset", tests, NULL, NULL);
}
