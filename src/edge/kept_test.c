/* Kept pages as nginx 1.22 writes them, and what is taken away. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "edge/kept.h"

#include <stdio.h>
#include <stdlib.h>

#define HEAD "\5\0\0\0binary\n\0\1\nKEY: "

static void heads(void **state)
{
	static const struct {
		struct str bytes;
		const char *url, *keys; /* NULL: refused */
	} cases[] = {
		{ STR(HEAD "https://a.example/x?y\nHTTP/1.1 200 OK\r\nsurrogate-key:  news front \r\nX: y\r\n\r\nbody"), "https://a.example/x?y", "news front" },
		{ STR(HEAD "http://a.example/\nHTTP/1.1 200 OK\r\nX: Surrogate-Key: no\r\n\r\nSurrogate-Key: body\r\n"), "http://a.example/", "" },
		{ STR(HEAD "http://a.example/\nHTTP/1.1 200 OK\r\nSurrogate-Key: a"), NULL, NULL }, /* its head isn't all there */
		{ STR(HEAD "\nHTTP/1.1 200 OK\r\n\r\n"), NULL, NULL },
		{ STR(HEAD "http://a.example/"), NULL, NULL },
		{ STR("KEY: http://a.example/\nHTTP/1.1 200 OK\r\n\r\n"), NULL, NULL },
		{ STR(""), NULL, NULL },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct kept k;
		assert_int_equal(kept_read(cases[i].bytes, &k), cases[i].url ? 0 : -E_INVALID);
		if (cases[i].url) {
			assert_str(k.url, cases[i].url);
			assert_str(k.keys, cases[i].keys);
		}
	}
}

static void matches(void **state)
{
	struct kept k = { STR("https://a.example/news/1?x"), STR("news front-page") };
	(void)state;
	assert_true(kept_matches(&k, PURGE_ALL, STR("")));
	assert_true(kept_matches(&k, PURGE_URL, STR("https://a.example/news/1?x")));
	assert_true(kept_matches(&k, PURGE_URL, STR("https://a.example/news/*")));
	assert_false(kept_matches(&k, PURGE_URL, STR("https://a.example/news/1")));
	assert_false(kept_matches(&k, PURGE_URL, STR("https://a.example/other/*")));
	assert_true(kept_matches(&k, PURGE_KEY, STR("front-page")));
	assert_false(kept_matches(&k, PURGE_KEY, STR("front")));
	assert_false(kept_matches(&k, PURGE_KEY, STR("news front-page")));
}

static void put(const char *top, const char *name, struct str bytes)
{
	char path[256], *slash;
	snprintf(path, sizeof path, "%s/%s", top, name);
	slash = strrchr(path, '/');
	*slash = 0;
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	*slash = '/';
	assert_int_equal(fs_write(path, bytes, 0644, NULL), 0);
}

static void files(void **state)
{
	char top[] = "/tmp/toride-kept.XXXXXX", path[256];
	unsigned n = 0;
	(void)state;
	assert_non_null(mkdtemp(top));
	put(top, "a/bc/1", STR(HEAD "https://a.example/1\nHTTP/1.1 200 OK\r\nSurrogate-Key: news\r\n\r\n"));
	put(top, "a/bd/2", STR(HEAD "https://a.example/2\nHTTP/1.1 200 OK\r\nSurrogate-Key: news top\r\n\r\n"));
	put(top, "b/aa/3", STR(HEAD "https://a.example/3\nHTTP/1.1 200 OK\r\n\r\n"));
	put(top, "b/aa/4", STR("something else"));
	assert_int_equal(kept_purge(top, PURGE_KEY, STR("news"), &n, NULL), 0);
	assert_int_equal(n, 2);
	assert_int_equal(kept_purge(top, PURGE_URL, STR("https://a.example/1"), &n, NULL), 0);
	assert_int_equal(n, 0);
	snprintf(path, sizeof path, "%s/b/aa/3", top);
	assert_true(fs_exists(path));
	assert_int_equal(kept_purge(top, PURGE_URL, STR("https://a.example/*"), &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_false(fs_exists(path));
	assert_int_equal(kept_purge(top, PURGE_ALL, STR(""), &n, NULL), 0);
	assert_int_equal(n, 1);
	fs_rmtree(top, NULL);
	assert_int_equal(kept_purge(top, PURGE_ALL, STR(""), &n, NULL), 0);
	assert_int_equal(n, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(heads), cmocka_unit_test(matches), cmocka_unit_test(files) };
	return cmocka_run_group_tests_name("edge/kept", tests, NULL, NULL);
}
