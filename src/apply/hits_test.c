/* Counters over readings, reloads, reboots, rules that come and go; and the file they stand in. */
#include "base/test.h"

#include "apply/hits.h"
#include "base/mem.h"

#include <stdio.h>

/* What `nft -j list` shows of one rule. */
#define RULE(name, packets) "{\"rule\":{\"comment\":\"" name "\",\"expr\":[{\"match\":{}},{\"counter\":{\"packets\":" #packets ",\"bytes\":1}},{\"accept\":null}]}},"
#define LIST(rules) "{\"nftables\":[{\"metainfo\":{}}," rules "{\"chain\":{\"name\":\"out\"}}]}"

static void reading(struct hits *h, const char *kernel, int64_t now)
{
	struct buf b;
	struct err err;
	buf_init(&b, MIB);
	assert_int_equal(hits_read(str_from(kernel), &b, &err), 0);
	assert_int_equal(hits_merge(h, buf_view(&b), now, &err), 0);
	buf_done(&b);
}

static void is(const struct hits *h, const char *name, uint64_t total, int64_t since, int64_t hit)
{
	const struct hit *k = hits_find(h, name);
	assert_non_null(k);
	if (k->total != total || k->since_ms != since || k->hit_ms != hit)
		fail_msg("%s: %llu since %lld hit %lld", name, (unsigned long long)k->total, (long long)k->since_ms, (long long)k->hit_ms);
}

static void test_readings(void **state)
{
	struct hits h = { 0 };
	(void)state;
	reading(&h, LIST(RULE("a/r1/4", 0) RULE("a/r2/4", 3) RULE("a/r2/4", 4)), 1000); /* two lines of one rule */
	is(&h, "a/r1/4", 0, 1000, 0);
	is(&h, "a/r2/4", 7, 1000, 1000);
	reading(&h, LIST(RULE("a/r2/4", 8) RULE("a/r1/4", 0)), 2000);
	is(&h, "a/r2/4", 8, 1000, 2000);
	reading(&h, LIST(RULE("a/r2/4", 8) RULE("a/r1/4", 0)), 3000);
	is(&h, "a/r2/4", 8, 1000, 2000);
	/* a reboot, or a filter loaded anew: below the last is from zero */
	reading(&h, LIST(RULE("a/r2/4", 2) RULE("a/r3/4", 5)), 4000);
	is(&h, "a/r2/4", 10, 1000, 4000);
	is(&h, "a/r3/4", 5, 4000, 4000);
	is(&h, "a/r1/4", 0, 1000, 0); /* gone from the filter, not forgotten */
	reading(&h, LIST(RULE("a/r2/4", 2)), 4000 + HITS_FORGET_MS);
	assert_null(hits_find(&h, "a/r1/4"));
	is(&h, "a/r3/4", 5, 4000, 4000);
	assert_null(hits_find(&h, "a/r9/4"));
	hits_done(&h);
}

static void test_unused_for_90_days(void **state)
{
	static const struct {
		const char *rule;
		int64_t days; /* unused from that day on, and a millisecond before it not */
	} cases[] = { { "a/never/4", 90 }, { "a/early/4", 91 }, { "a/late/4", 179 }, { "a/new/4", 179 } };
	const int64_t day = 86400000, began = 1000;
	struct hits h = { 0 };
	(void)state;
	reading(&h, LIST(RULE("a/never/4", 0) RULE("a/early/4", 0) RULE("a/late/4", 0)), began);
	reading(&h, LIST(RULE("a/never/4", 0) RULE("a/early/4", 1) RULE("a/late/4", 0)), began + day);
	reading(&h, LIST(RULE("a/never/4", 0) RULE("a/early/4", 1) RULE("a/late/4", 1) RULE("a/new/4", 0)), began + 89 * day);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct hit *k = hits_find(&h, cases[i].rule);
		int64_t from = began + cases[i].days * day;
		assert_non_null(k);
		assert_true(hits_unused(k->since_ms, k->hit_ms, from, 90 * day));
		assert_false(hits_unused(k->since_ms, k->hit_ms, from - 1, 90 * day));
	}
	assert_false(hits_unused(0, 0, began + 90 * day, 90 * day)); /* never counted */
	assert_false(hits_unused(began, 0, began - 400 * day, 90 * day)); /* a clock that was set back */
	hits_done(&h);
}

static void test_file(void **state)
{
	struct hits h = { 0 }, g;
	struct buf b;
	struct err err;
	(void)state;
	buf_init(&b, MIB);
	reading(&h, LIST(RULE("b/r1/4", 9) RULE("a/r1:per-source/6", 1)), 5);
	assert_int_equal(hits_format(&h, &b), 0);
	assert_int_equal(hits_parse(buf_view(&b), &g, &err), 0);
	is(&g, "b/r1/4", 9, 5, 5);
	assert_int_equal(g.n, 2);
	hits_done(&g);
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(hits_parse((struct str){ b.ptr, n }, &g, &err), -E_CORRUPT);
	b.ptr[8 + 2] = 'c'; /* out of order */
	assert_int_equal(hits_parse(buf_view(&b), &g, &err), -E_CORRUPT);
	buf_reset(&b);
	assert_int_equal(hits_read(STR("{\"nftables\":3}"), &b, &err), -E_CORRUPT);
	assert_int_equal(hits_merge(&h, STR("\0\0\0\1"), 9, &err), -E_INVALID);
	is(&h, "b/r1/4", 9, 5, 5); /* as it was */
	buf_done(&b);
	hits_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_readings), cmocka_unit_test(test_unused_for_90_days), cmocka_unit_test(test_file) };
	return cmocka_run_group_tests_name("apply/hits", tests, NULL, NULL);
}
