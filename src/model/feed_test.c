/* Lists of addresses: what a line means, the file, and differences. */
#include "base/test.h"

#include "base/mem.h"
#include "model/feed.h"

#include <stdio.h>

static const struct {
	const char *line, *prefixes; /* "": bad; NULL: says nothing */
} lines[] = {
	{ "203.0.113.9", "203.0.113.9/32" },
	{ "  203.0.113.0/24 ; SBL123", "203.0.113.0/24" },
	{ "203.0.113.77/24", "203.0.113.0/24" },
	{ "2001:db8:1::/48\t# JP", "2001:db8:1::/48" },
	{ "198.51.100.1,malware,2026-11-01\r", "198.51.100.1/32" },
	{ "192.0.2.7-192.0.2.33", "192.0.2.7/32 192.0.2.8/29 192.0.2.16/28 192.0.2.32/31" },
	{ "10.0.0.0-10.255.255.255", "10.0.0.0/8" },
	{ "255.255.255.254-255.255.255.255", "255.255.255.254/31" },
	{ "", NULL },
	{ "# 203.0.113.9", NULL },
	{ "; 203.0.113.9", NULL },
	{ "0.0.0.0/0", "" },
	{ "::/0", "" },
	{ "10.0.0.0/7", "" },
	{ "9.0.0.0-10.255.255.255", "" },
	{ "192.0.2.9-192.0.2.8", "" },
	{ "192.0.2.9-2001:db8::1", "" },
	{ "evil.example", "" },
	{ "203.0.113.256", "" },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct feed_text t = { .lines = 0 };
		char got[512] = "", text[PREFIX_TEXT];
		assert_int_equal(feed_read(&t, "x", str_from(lines[i].line)), 0);
		for (size_t k = 0; k < t.feed.n; k++)
			snprintf(got + strlen(got), sizeof got - strlen(got), "%s%s", k ? " " : "", prefix_format(&t.feed.list[k], text));
		assert_string_equal(got, lines[i].prefixes ? lines[i].prefixes : "");
		assert_int_equal(t.bad, lines[i].prefixes && !*lines[i].prefixes);
		assert_int_equal(t.lines, lines[i].prefixes != NULL);
		feed_done(&t.feed);
	}
}

static struct feed sorted(const char *text)
{
	struct feed_text t = { .lines = 0 };
	assert_int_equal(feed_read(&t, "x", str_from(text)), 0);
	feed_sort(&t.feed);
	return t.feed;
}

static int note(bool add, const struct prefix *p, void *user)
{
	char text[PREFIX_TEXT], *s = user;
	snprintf(s + strlen(s), 512 - strlen(s), "%s%s ", add ? "+" : "-", prefix_format(p, text));
	return 0;
}

static void test_diff(void **state)
{
	struct feed a = sorted("203.0.113.9\n203.0.113.8\n2001:db8::/32\n203.0.113.9\n"), b = sorted("203.0.113.8\n203.0.113.10\n192.0.2.0/24\n");
	struct feed none = { 0 };
	char got[512] = "";
	(void)state;
	assert_int_equal(a.n, 3);
	assert_int_equal(feed_diff(&a, &b, note, got), 0);
	assert_string_equal(got, "+192.0.2.0/24 -203.0.113.9/32 +203.0.113.10/32 -2001:db8::/32 ");
	got[0] = 0;
	assert_int_equal(feed_diff(&a, &a, note, got), 0);
	assert_string_equal(got, "");
	assert_int_equal(feed_diff(&none, &b, note, got), 0);
	assert_string_equal(got, "+192.0.2.0/24 +203.0.113.8/32 +203.0.113.10/32 ");
	feed_done(&a);
	feed_done(&b);
}

static void test_file(void **state)
{
	struct feed a = sorted("203.0.113.9\n203.0.113.8\n2001:db8::/32\n"), b;
	struct buf f;
	struct err err;
	(void)state;
	buf_init(&f, MIB);
	assert_int_equal(feed_format(&a, &f), 0);
	assert_int_equal(feed_parse(buf_view(&f), &b, &err), 0);
	assert_int_equal(b.n, 3);
	feed_done(&b);
	for (size_t n = 0; n < f.len; n++)
		assert_int_equal(feed_parse((struct str){ f.ptr, n }, &b, &err), -E_CORRUPT);
	f.ptr[8 + 18 + 17] = 1; /* a host bit */
	assert_int_equal(feed_parse(buf_view(&f), &b, &err), -E_CORRUPT);
	buf_done(&f);
	feed_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_diff), cmocka_unit_test(test_file) };
	return cmocka_run_group_tests_name("model/feed", tests, NULL, NULL);
}
