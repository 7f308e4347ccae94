/* The block table, and the addresses the proxy never connects to. */
#include "proxy/blocks.h"
#include "proxy/guard.h"

#include "base/err.h"
#include "base/mem.h"
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
	const char *org, *host, *url, *address, *terminal, *id;
	int64_t now;
} cases[] = {
	{ "412015", "bad.example", "", "", "", "N", 50 },
	{ "412015", "x.y.bad.example", "", "", "", "N", 50 },
	{ "412015", "notbad.example", "", "", "", NULL, 50 },
	{ "412023", "bad.example", "", "", "", NULL, 50 },
	{ "412015", "bad.example", "", "", "", NULL, 100 },
	{ "412023", "www.all.example", "", "", "", "S", 50 },
	{ "412015", "site.example", "http://site.example/x/y", "", "", "U", 50 },
	{ "412015", "site.example", "http://site.example/x/z", "", "", NULL, 50 },
	{ "412015", "site.example", "https://site.example/x/y", "", "", NULL, 50 },
	{ "412015", "c.example", "", "198.51.100.7", "", "A", 50 },
	{ "412015", "198.51.100.7", "", "", "", "A", 50 },
	{ "412023", "c.example", "", "198.51.100.7", "", NULL, 50 },
	{ "412015", "c.example", "", "2001:db8:bad::1", "", "6", 50 },
	{ "412015", "c.example", "", "", "10.1.0.5", "T", 50 },
	{ "412015", "c.example", "", "", "10.1.0.6", NULL, 50 },
	{ "412023", "c.example", "", "", "10.1.0.5", NULL, 50 },
	{ "412015", "old.example", "", "", "", "L", 50 },
	{ "412015", "old.example", "", "", "", NULL, 70 },
};

static void finds(void **state)
{
	struct blocks *t = table();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct block_query q = { .org = cases[i].org, .host = cases[i].host, .url = str_from(cases[i].url), .now_ms = cases[i].now };
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(finds), cmocka_unit_test(refuses_messages), cmocka_unit_test(guard) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
