/* The block table, and the addresses the proxy never connects to. */
#include "proxy/blocks.h"
#include "proxy/guard.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "url/url.h"
#include "wire/cursor.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

static void put(struct buf *b, const char *id, const char *org, uint8_t kind, const char *value, int64_t expires)
{
	struct block k = { .kind = kind, .created_ms = 1, .expires_ms = expires };
	snprintf(k.id, sizeof k.id, "%s", id);
	snprintf(k.org, sizeof k.org, "%s", org);
	snprintf(k.value, sizeof k.value, "%s", value);
	block_write(b, &k);
}

static struct blocks *table(void)
{
	clock_hold(50);
	struct blocks *t = NULL;
	struct buf b;
	buf_init(&b, 65536);
	wr_u8(&b, 1);
	wr_u32(&b, 8);
	put(&b, "N", "412015", BLOCK_NAME, "Bad.Example", 100);
	put(&b, "S", "*", BLOCK_NAME, "all.example", 100);
	put(&b, "U", "412015", BLOCK_URL, "http://Site.example:80/x/y?q", 100);
	put(&b, "A", "412015", BLOCK_ADDRESS, "198.51.100.0/24", 100);
	put(&b, "T", "412015", BLOCK_TERMINAL, "10.1.0.5", 100);
	put(&b, "E", "412015", BLOCK_NAME, "old.example", 10);
	put(&b, "L", "412015", BLOCK_NAME, "old.example", 60);
	put(&b, "6", "412015", BLOCK_ADDRESS, "2001:db8:bad::/48", 100);
	assert_int_equal(blocks_parse(b.ptr, b.len, &t), 0);
	buf_done(&b);
	return t;
}

static const struct {
	const char *org, *host, *address, *terminal, *id;
	int64_t now;
} cases[] = {
	{ "412015", "bad.example", "", "", "N", 50 },
	{ "412015", "x.y.bad.example", "", "", "N", 50 },
	{ "412015", "notbad.example", "", "", NULL, 50 },
	{ "412023", "bad.example", "", "", NULL, 50 },
	{ "412015", "bad.example", "", "", NULL, 100 },
	{ "412023", "www.all.example", "", "", "S", 50 },
	{ "412015", "c.example", "198.51.100.7", "", "A", 50 },
	{ "412015", "198.51.100.7", "", "", "A", 50 },
	{ "412023", "c.example", "198.51.100.7", "", NULL, 50 },
	{ "412015", "c.example", "2001:db8:bad::1", "", "6", 50 },
	{ "412015", "c.example", "", "10.1.0.5", "T", 50 },
	{ "412015", "c.example", "", "10.1.0.6", NULL, 50 },
	{ "412023", "c.example", "", "10.1.0.5", NULL, 50 },
	{ "412015", "old.example", "", "", "L", 50 },
	{ "412015", "old.example", "", "", NULL, 70 },
};

static void finds(void **state)
{
	struct blocks *t = table();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct block_query q = { .org = cases[i].org, .host = cases[i].host };
		clock_hold(cases[i].now);
		if (cases[i].address[0])
			assert_int_equal(prefix_parse(str_from(cases[i].address), &q.address), 0);
		if (cases[i].terminal[0])
			assert_int_equal(prefix_parse(str_from(cases[i].terminal), &q.terminal), 0);
		const struct block *k = blocks_find(t, &q);
		if ((k == NULL) != (cases[i].id == NULL) || (k && strcmp(k->id, cases[i].id) != 0))
			fail_msg("case %zu: %s", i, k ? k->id : "nothing");
	}
	blocks_unref(&t);
	assert_null(t);
}

/* A block lasts as long as it was given, whatever the wall clock is set to. */
static void lasts_its_time(void **state)
{
	static const int64_t set[] = { 0, 3600000, -3600000, -86400000 };
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		struct blocks *t = table();
		struct block_query q = { .org = "412015", .host = "bad.example" };
		clock_shift(set[i]);
		assert_non_null(blocks_find(t, &q));
		clock_advance(49);
		assert_non_null(blocks_find(t, &q));
		clock_advance(1);
		assert_null(blocks_find(t, &q));
		blocks_unref(&t);
	}
}

/* Entry, request as it comes out of target.c (host already in its one form), hit. */
static const struct {
	const char *entry, *host;
	bool https;
	uint16_t port;
	const char *path; /* NULL: not known */
	bool hit;
} spellings[] = {
	{ "http://site.example/x/y", "site.example", false, 80, "/x/y", true },
	{ "http://site.example/x/y", "site.example", false, 0, "/x/y", true },
	{ "http://Site.Example.:80/x/y", "site.example", false, 80, "/x/y", true },
	{ "HTTPS://site.example:443/x/y", "site.example", true, 443, "/x/y", true },
	{ "http://site.example/x/y", "site.example", true, 443, "/x/y", false },
	{ "http://site.example/x/y", "site.example", false, 8080, "/x/y", false },
	{ "http://site.example:8080/x/y", "site.example", false, 8080, "/x/y", true },
	{ "https://site.example:80/x", "site.example", true, 80, "/x", true },
	{ "http://site.example/x/y", "www.site.example", false, 80, "/x/y", false },
	{ "http://site.example/x/y", "site.example", false, 80, "/x/z", false },
	{ "http://site.example/x/y", "site.example", false, 80, "/x/y/", false },
	{ "http://site.example/x/y", "site.example", false, 80, "/x/Y", false }, /* short links differ by case only */
	{ "http://site.example/x/y", "site.example", false, 80, NULL, false },
	{ "http://site.example/x/y?q=1", "site.example", false, 80, "/x/y", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/x/y?q=2", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/%78/%79", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/x%2Fy", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/x\\y", true },
	{ "http://site.example/x/y", "site.example", false, 80, "//x///y", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/./x/../x/y", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/../x/%2e%2E/x/%2e/y", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/a%2f..%2fx/y", true },
	{ "http://site.example/x/y", "site.example", false, 80, "/x/%2579", false }, /* "%79" by name: another file */
	{ "http://site.example/a(1).exe", "site.example", false, 80, "/a%281%29.exe", true },
	{ "http://site.example/a%281%29.exe", "site.example", false, 80, "/a(1).exe", true },
	{ "http://site.example/\xe8\xa9\xa6", "site.example", false, 80, "/%E8%a9%A6", true },
	{ "http://site.example/100%", "site.example", false, 80, "/100%25", true },
	{ "http://site.example/a#part", "site.example", false, 80, "/a", true },
	{ "http://site.example/a%00b", "site.example", false, 80, "/a%00c", false },
	{ "http://site.example/a%00b", "site.example", false, 80, "/a%00b", true },
	{ "http://site.example", "site.example", false, 80, "/", true },
	{ "http://site.example?x", "site.example", false, 80, "/?y", true },
	{ "http://192.0.2.7/x", "192.0.2.7", false, 80, "/x", true },
	{ "http://0xc0000207/x", "192.0.2.7", false, 80, "/x", true },
	{ "http://[2001:DB8:0::1]:80/x", "2001:db8::1", false, 80, "/x", true },
};

static struct blocks *one(const char *value)
{
	clock_hold(50);
	struct blocks *t = NULL;
	struct buf b;
	buf_init(&b, 65536);
	wr_u8(&b, 1);
	wr_u32(&b, 1);
	put(&b, "U", "*", BLOCK_URL, value, 100);
	blocks_parse(b.ptr, b.len, &t);
	buf_done(&b);
	return t;
}

static void urls_hold_however_they_are_written(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(spellings); i++) {
		struct blocks *t = one(spellings[i].entry);
		assert_non_null(t);
		const struct block_query q = { .org = "412015", .host = spellings[i].host, .https = spellings[i].https,
			                       .port = spellings[i].port, .path = str_from(spellings[i].path) };
		if ((blocks_find(t, &q) != NULL) != spellings[i].hit)
			fail_msg("case %zu: %s and %s", i, spellings[i].entry, spellings[i].path ? spellings[i].path : "-");
		blocks_unref(&t);
	}
}

/* The entry's path at the end of as many dot segments as a request may have. */
static void a_long_detour_leads_to_the_block(void **state)
{
	struct blocks *t = one("http://site.example/x");
	char path[URL_PATH_MAX + 64];
	size_t n = 0;
	while (n < URL_PATH_MAX - 16)
		n += (size_t)snprintf(path + n, sizeof path - n, "/d/%%2e.");
	snprintf(path + n, sizeof path - n, "/%%78");
	struct block_query q = { .org = "412015", .host = "site.example", .path = str_from(path) };
	assert_non_null(blocks_find(t, &q));
	memset(path, 'a', URL_PATH_MAX + 1); /* longer ones the lists refuse (url.invalid) */
	path[0] = '/', path[URL_PATH_MAX + 1] = 0;
	q.path = str_from(path);
	assert_null(blocks_find(t, &q));
	blocks_unref(&t);
}

static void urls_that_are_none_are_refused(void **state)
{
	static const char *const bad[] = { "", "site.example/x", "ftp://site.example/", "http://", "http:///x", "http://a b/", "http://u@site.example/",
		                           "http://site.example:0/", "http://site.example:99999/", "http://a..b/", "http://site.example/\n", "http://1.2.3.256/" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct blocks *t = one(bad[i]);
		if (t)
			fail_msg("%s", bad[i]);
	}
}

static void refuses_messages(void **state)
{
	struct blocks *t = NULL;
	struct buf b;
	buf_init(&b, 65536);
	wr_u8(&b, 1);
	wr_u32(&b, 1);
	put(&b, "N", "412015", BLOCK_NAME, "bad.example", 100);
	for (size_t cut = 0; cut < b.len; cut++)
		assert_int_equal(blocks_parse(b.ptr, cut, &t), -E_INVALID);
	wr_u8(&b, 0);
	assert_int_equal(blocks_parse(b.ptr, b.len, &t), -E_INVALID); /* leftovers */
	b.ptr[0] = 2;
	assert_int_equal(blocks_parse(b.ptr, b.len - 1, &t), -E_INVALID);
	buf_reset(&b);
	wr_u8(&b, 1);
	wr_u32(&b, 1);
	put(&b, "A", "412015", BLOCK_ADDRESS, "not an address", 100);
	assert_int_equal(blocks_parse(b.ptr, b.len, &t), -E_INVALID);
	buf_done(&b);
}

static void guard(void **state)
{
	static const struct {
		const char *addr;
		bool refused;
	} list[] = {
		{ "127.0.0.1", true },   { "10.1.2.3", true },     { "100.64.3.1", true },  { "169.254.169.254", true },
		{ "172.31.255.255", true }, { "172.32.0.1", false }, { "192.168.0.1", true }, { "0.0.0.0", true },
		{ "224.0.0.1", true },   { "255.255.255.255", true }, { "203.0.113.9", false }, { "198.51.100.9", false },
		{ "192.0.2.77", true }, /* refused by the list */
		{ "8.8.8.8", false },    { "::1", true },          { "::", true },          { "fe80::1", true },
		{ "fd00::1", true },     { "ff02::1", true },      { "::ffff:10.0.0.1", true }, { "::ffff:8.8.8.8", false },
		{ "64:ff9b::a00:1", true }, { "64:ff9b::808:808", false }, { "2002:a00:1::", true }, { "2001:db8::1", false },
		{ "2606:4700::1", false }, { "::ffff:192.0.2.77", true },
	};
	struct prefix refuse, except, p;
	assert_int_equal(prefix_parse(STR("192.0.2.64/26"), &refuse), 0);
	assert_int_equal(prefix_parse(STR("127.0.0.0/8"), &except), 0);
	for (size_t i = 0; i < ARRAY_LEN(list); i++) {
		assert_int_equal(prefix_parse(str_from(list[i].addr), &p), 0);
		if (guard_refuses(&p, &refuse, 1, NULL, 0) != list[i].refused)
			fail_msg("%s", list[i].addr);
	}
	assert_int_equal(prefix_parse(STR("127.0.0.1"), &p), 0);
	assert_false(guard_refuses(&p, &refuse, 1, &except, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds), cmocka_unit_test(urls_hold_however_they_are_written),
		cmocka_unit_test(a_long_detour_leads_to_the_block), cmocka_unit_test(urls_that_are_none_are_refused),
		cmocka_unit_test(lasts_its_time), cmocka_unit_test(refuses_messages), cmocka_unit_test(guard) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
