/* Lists in each format: what is taken, what is refused and where, what holds then. */
#include "base/test.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/category.h"
#include "url/import.h"

#include <stdio.h>
#include <stdlib.h>

static const struct {
	const char *name;
	enum url_format format;
	const char *category, *text;
	unsigned entries, bad, left_out;
	const char *held[6]; /* "category url": the URL has exactly this category; "- url": none */
} lists[] = {
	{ "plain.txt", URL_FORMAT_PLAIN, "adult", "# remark\n\nexample.com\n  Spaced.Example  \r\n.dot.example # why\n! ad style\nexample.com\n",
	  4, 0, 0, { "adult http://a.example.com/", "adult http://spaced.example/", "adult http://dot.example/", "- http://example.org/" } },
	{ "bad.txt", URL_FORMAT_PLAIN, "adult", "jp\ntwo words\nexa mple\nex\x01.example\na..b\n10.0.0.1/8\n0.0.0.0/0\n::/0\nok.example\nhttp://\nx.example:99999/a\n",
	  1, 10, 0, { "adult http://ok.example/", "- http://jp/", "- http://10.0.0.1/" } },
	{ "ads.hosts", URL_FORMAT_AUTO, NULL, "# remark\n127.0.0.1 localhost\n::1 ip6-localhost\n0.0.0.0 ad.example track.example#x\n0.0.0.0 0.0.0.0\nno.example\n",
	  2, 1, 0, { "ads http://ad.example/", "ads http://track.example/", "- http://www.ad.example/", "- http://no.example/" } },
	{ "policy.rpz", URL_FORMAT_AUTO, "phishing",
	  "$TTL 60\n$ORIGIN rpz.example.\n@ SOA a. b. (\n 1 2 3 4\n 5 )\n NS localhost.\nbad.example CNAME .\n*.bad.example 60 IN CNAME .\n"
	  "abs.example.rpz.example. CNAME *.\nfine.bad.example CNAME rpz-passthru.\nsink.example A 192.0.2.1\n24.0.2.0.192.rpz-ip CNAME .\n"
	  "32.zz.db8.2001.rpz-ip CNAME .\nns.example.rpz-nsdname CNAME .\nx.example TXT hello\nlone\n",
	  7, 1, 2, { "phishing http://bad.example/", "phishing http://x.bad.example/", "- http://fine.bad.example/", "phishing http://abs.example/",
	             "phishing http://192.0.2.77/", "phishing http://[2001:db8::7]/" } },
	{ "feed.csv", URL_FORMAT_AUTO, NULL,
	  "# first,line\n\"id\",\"dateadded\",\"url\",\"threat\"\n1,2026-01-01,\"http://e.example/a,b\",malware_download\n2,x,f.example,\"PHISH\"\n3,x,,malware\n4,x,g.example,<b>\n",
	  2, 2, 0, { "x-malware-download http://e.example/a,b", "phishing http://www.f.example/", "- http://e.example/" } },
	{ "two.csv", URL_FORMAT_AUTO, NULL, "a.example,games\nb.example,SNS\n", 2, 0, 0, { "games http://a.example/", "social http://b.example/" } },
	{ "idn.txt", URL_FORMAT_PLAIN, "adult", "日本語.example\nhttp://例え.example/x\n＊.bad.example\n", 2, 1, 0,
	  { "adult http://www.xn--wgv71a119e.example/", "adult http://xn--r8jz45g.example/x", "- http://xn--r8jz45g.example/" } },
	{ "paths.txt", URL_FORMAT_PLAIN, "warez", "host.example/a/b\nhttps://host.example/c?d=1\nhost.example/\nhttp://192.0.2.1/x\n", 4, 0, 0,
	  { "warez http://host.example/a/b/c", "warez http://host.example/", "warez http://192.0.2.1/x", "- http://192.0.2.1/y" } },
};

static char last_bad[512];
static void on_bad(const char *path, uint64_t line, const char *why, void *user)
{
	snprintf(last_bad, sizeof last_bad, "%s:%llu: %s", path, (unsigned long long)line, why);
}

static void holds(const struct url_index *x, const char *list, const char *want)
{
	const char *url = strchr(want, ' ') + 1;
	struct url_query q = { 0 };
	struct url_target t;
	struct url_hit hit;
	struct str category = { want, (size_t)(url - want) - 1 };
	assert_int_equal(url_split(str_from(url), &q), 0);
	assert_int_equal(url_target_from(&q, &t), 0);
	url_index_find(x, &t, &hit);
	uint64_t mask = want[0] == '-' ? 0 : url_index_mask(x, category);
	if (hit.categories != mask || (want[0] != '-' && !mask))
		fail_msg("%s: not so: %s (%llx)", list, want, (unsigned long long)hit.categories);
}

static void formats_are_read(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		struct url_import im = { .bad = on_bad };
		struct buf file;
		struct url_index *x;
		struct err err = { 0 };
		uint64_t entries;
		buf_init(&file, 8 * MIB);
		assert_int_equal(url_build_create(&im.build, NULL), 0);
		if (url_import_text(&im, lists[i].name, str_from(lists[i].text), lists[i].format, lists[i].category, &err) < 0)
			fail_msg("%s: %s", lists[i].name, err.msg);
		if (im.entries != lists[i].entries || im.bad_lines != lists[i].bad || im.left_out != lists[i].left_out)
			fail_msg("%s: %llu entries, %llu bad (%s), %llu left out", lists[i].name, (unsigned long long)im.entries,
			         (unsigned long long)im.bad_lines, last_bad, (unsigned long long)im.left_out);
		assert_int_equal(url_build_finish(im.build, 1, &file, &entries, NULL), 0);
		assert_int_equal(url_index_from(file.ptr, file.len, &x, NULL), 0);
		for (size_t k = 0; k < 6 && lists[i].held[k]; k++)
			holds(x, lists[i].name, lists[i].held[k]);
		url_index_unref(&x);
		url_build_destroy(&im.build);
		buf_done(&file);
	}
}

static void directories_are_read(void **state)
{
	char dir[] = "/tmp/import-test.XXXXXX", path[128];
	struct url_import im = { .bad = on_bad };
	struct err err;
	assert_non_null(mkdtemp(dir));
	static const char *const files[][2] = { { "social_networks/domains", "sns.example\n" }, { "warez/urls", "h.example/w\nbad line\n" },
		                                { "warez/expressions", "(regex)\n" } };
	assert_int_equal(url_build_create(&im.build, NULL), 0);
	assert_int_equal(url_import_list(&im, dir, URL_FORMAT_UT1, NULL, &err), -E_INVALID);
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i][0]);
		*strrchr(path, '/') = 0;
		assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
		path[strlen(path)] = '/';
		assert_int_equal(fs_write(path, str_from(files[i][1]), 0644, NULL), 0);
	}
	assert_int_equal(url_import_list(&im, dir, URL_FORMAT_AUTO, NULL, &err), 0);
	assert_int_equal(im.entries, 2);
	assert_int_equal(im.bad_lines, 1);
	snprintf(path, sizeof path, "%s/warez/urls:2: more than one thing on the line", dir);
	assert_string_equal(last_bad, path);
	assert_int_equal(url_build_category(im.build, STR("social")), 0);
	assert_int_equal(url_import_list(&im, "/nonexistent", URL_FORMAT_AUTO, NULL, &err), -E_IO);
	url_build_destroy(&im.build);
	assert_int_equal(fs_rmtree(dir, NULL), 0);
}

static void categories_have_one_name(void **state)
{
	static const char *const cases[][2] = { { "Social_Networks", "social" }, { "porn", "adult" }, { "my-own", "x-my-own" }, { "x-my-own", "x-my-own" },
		                                { "<script>", NULL }, { "", NULL }, { "a-name-that-is-longer-than-twenty-nine", NULL } };
	char got[URL_CATEGORY_NAME];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = url_category_name(str_from(cases[i][0]), got);
		assert_int_equal(r, cases[i][1] ? 0 : -E_INVALID);
		if (r == 0)
			assert_string_equal(got, cases[i][1]);
	}
	assert_string_equal(url_category_label("gambling", true), "ギャンブル");
	assert_string_equal(url_category_label("x-my-own", true), "x-my-own");
	assert_true(url_category_ok(STR("gambling")) && url_category_ok(STR("x-my-own")));
	assert_false(url_category_ok(STR("gamblng")) || url_category_ok(STR("porn")) || url_category_ok(STR("x-")) || url_category_ok(STR("x-A")));
	size_t n;
	const struct url_category *t = url_category_table(&n);
	for (size_t i = 0; i < n; i++) /* a name leads to one row only */
		assert_ptr_equal(url_category_find(str_from(t[i].name)), &t[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(formats_are_read),
		cmocka_unit_test(directories_are_read),
		cmocka_unit_test(categories_have_one_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
