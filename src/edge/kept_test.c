/* Kept pages as nginx 1.22 writes them, and what is taken away. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "edge/kept.h"

#include <stdio.h>
#include <stdlib.h>
#include <fcntl.h>
#include <sys/stat.h>

#define HEAD "\5\0\0\0binary\n\0\1\nKEY: "

static void heads(void **state)
{
	static const struct {
		struct str bytes;
		const char *url, *keys; /* NULL: refused */
	} cases[] = {
		{ STR(HEAD "https://a.example/x?y\nHTTP/1.1 200 OK\r\nsurrogate-key:  news front \r\nX: y\r\n\r\nbody"), "https://a.example/x?y", "news front" },
		{ STR(HEAD "https://a.example/x?y 1f.2\nHTTP/1.1 200 OK\r\n\r\n"), "https://a.example/x?y", "" },
		{ STR(HEAD " 1f.2\nHTTP/1.1 200 OK\r\n\r\n"), NULL, NULL },
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
	struct kept k = { .url = STR("https://a.example/news/1?x"), .keys = STR("news front-page") };
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

/* A head of nginx's: version 5, fresh until 1000 (little endian). */
#define FRESH_TO_1000 "\5\0\0\0\0\0\0\0\350\3\0\0\0\0\0\0more\nKEY: "

static void expired(void **state)
{
	static const struct {
		const char *name;
		int64_t written, before;
		struct str bytes;
		bool gone;
	} cases[] = {
		{ "a/aa/0", 900, 1000, STR(FRESH_TO_1000 "http://a/\nHTTP/1.1 200 OK\r\n\r\n"), false }, /* fresh to that very second */
		{ "a/aa/1", 900, 1001, STR(FRESH_TO_1000 "http://a/\nHTTP/1.1 200 OK\r\n\r\n"), true },
		{ "a/aa/2", 1500, 1400, STR(FRESH_TO_1000 "http://a/\nHTTP/1.1 200 OK\r\n\r\n"), false }, /* confirmed by its origin since: written again */
		{ "a/aa/3", 900, 901, STR(HEAD "http://a/\nHTTP/1.1 200 OK\r\n\r\n"), true }, /* of another version */
		{ "a/aa/4", 900, 900, STR(HEAD "http://a/\nHTTP/1.1 200 OK\r\n\r\n"), false },
		{ "a/aa/5", 900, 2000, STR("something else"), false },
	};
	char top[] = "/tmp/toride-kept.XXXXXX", path[256];
	(void)state;
	assert_non_null(mkdtemp(top));
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		unsigned n = 9;
		put(top, cases[i].name, cases[i].bytes);
		snprintf(path, sizeof path, "%s/%s", top, cases[i].name);
		struct timespec at[2] = { { .tv_sec = cases[i].written }, { .tv_sec = cases[i].written } };
		assert_int_equal(utimensat(AT_FDCWD, path, at, 0), 0);
		assert_int_equal(kept_expire(top, cases[i].before, &n, NULL), 0);
		assert_int_equal(n, cases[i].gone);
		assert_int_equal(fs_exists(path), !cases[i].gone);
		assert_int_equal(kept_purge(top, PURGE_ALL, STR(""), &n, NULL), 0);
	}
	fs_rmtree(top, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(heads), cmocka_unit_test(matches), cmocka_unit_test(files), cmocka_unit_test(expired) };
	return cmocka_run_group_tests_name("edge/kept", tests, NULL, NULL);
}
