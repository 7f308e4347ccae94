/* What is new to an organisation: after learning, for a while, again when it was forgotten; over restarts and crashes; within the ceiling. */
#include "detect/baseline.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define T0 1795341600000LL
#define MINUTE 60000LL
#define DAY 86400000LL

static const struct rule rule = { .id = "r", .first_seen = { .n = 1, .paths = { { FIELD_PATH, "v" } }, .learn_ms = 7 * DAY, .new_ms = 10 * MINUTE } };

static bool new_at(struct baseline *b, const char *org, const char *value, int64_t after_ms)
{
	char json[128];
	snprintf(json, sizeof json, "{\"v\":\"%s\"}", value);
	yyjson_doc *d = yyjson_read(json, strlen(json), 0);
	bool fresh = baseline_new(b, &rule, str_from(org), yyjson_doc_get_root(d), T0 + after_ms);
	yyjson_doc_free(d);
	return fresh;
}

static void test_learning(void **state)
{
	static const struct {
		const char *org, *value;
		int64_t after;
		bool fresh;
	} cases[] = {
		{ "412015", "a", 0, false },                   /* the first of all: it begins to learn */
		{ "412015", "b", 3 * DAY, false },             /* learns */
		{ "412023", "z", 5 * DAY, false },             /* another begins later */
		{ "412015", "a", 8 * DAY, false },             /* usual */
		{ "412015", "b", 8 * DAY, false },
		{ "412015", "c", 8 * DAY, true },              /* new, */
		{ "412015", "c", 8 * DAY + 9 * MINUTE, true }, /* for ten minutes, */
		{ "412015", "c", 8 * DAY + 11 * MINUTE, false },
		{ "412023", "c", 8 * DAY, false },             /* who still learns is told nothing, */
		{ "412023", "a", 13 * DAY, true },             /* and what is usual elsewhere may be new here */
		{ "412015", "b", 60 * DAY, false },
		{ "412015", "a", 120 * DAY, true },            /* not met for 112 days */
		{ "412015", "c", 60 * DAY, false },            /* late, but known */
	};
	struct baseline *b = NULL;
	struct baseline_stats s;
	(void)state;
	assert_int_equal(baseline_create(NULL, BASELINE_MAX, &b, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (new_at(b, cases[i].org, cases[i].value, cases[i].after) != cases[i].fresh)
			fail_msg("case %zu", i);
	baseline_stats(b, &s);
	assert_int_equal(s.values, 8); /* two organisations; a, b, c and z, c, a */
	assert_int_equal(s.fresh, 4);
	yyjson_doc *d = yyjson_read("{\"w\":1}", 7, 0);
	assert_false(baseline_new(b, &rule, STR("412015"), yyjson_doc_get_root(d), T0 + 121 * DAY)); /* it has no such field */
	yyjson_doc_free(d);
	baseline_destroy(&b);
	assert_null(b);
}

static char dir[64], file[96];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/toride-baseline.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(file, sizeof file, "%s/usual", dir);
	return 0;
}

static int remove_dir(void **state)
{
	(void)state;
	return fs_rmtree(dir, NULL);
}

static struct baseline *again(struct baseline **b)
{
	struct baseline *next = NULL;
	baseline_destroy(b);
	assert_int_equal(baseline_create(file, BASELINE_MAX, &next, NULL), 0);
	return next;
}

static void save(struct baseline *b)
{
	baseline_mark(b);
	assert_int_equal(baseline_flush(b, NULL), 0);
}

static void test_restart(void **state)
{
	struct baseline *b = NULL;
	(void)state;
	assert_int_equal(baseline_create(file, BASELINE_MAX, &b, NULL), 0);
	new_at(b, "412015", "a", 0);
	save(b);
	b = again(&b);
	assert_false(new_at(b, "412015", "a", 8 * DAY));
	assert_true(new_at(b, "412015", "c", 8 * DAY)); /* the organisation's seven days are over: that was kept */
	baseline_mark(b);
	assert_true(new_at(b, "412015", "d", 8 * DAY)); /* behind the state that is being saved: its finding may be lost, */
	assert_int_equal(baseline_flush(b, NULL), 0);
	b = again(&b);
	assert_false(new_at(b, "412015", "c", 9 * DAY));
	assert_true(new_at(b, "412015", "d", 9 * DAY)); /* so it is new once more */
	baseline_destroy(&b);
}

static void test_torn(void **state)
{
	struct stat st;
	struct baseline *b = NULL;
	struct err err = { 0 };
	(void)state;
	assert_int_equal(baseline_create(file, BASELINE_MAX, &b, NULL), 0);
	new_at(b, "412015", "a", 0);
	save(b);
	new_at(b, "412015", "b", DAY);
	save(b);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(truncate(file, st.st_size - 3), 0);
	b = again(&b);
	assert_false(new_at(b, "412015", "a", 8 * DAY));
	assert_true(new_at(b, "412015", "b", 8 * DAY)); /* was in the torn record */
	save(b);
	b = again(&b); /* what follows it can be read */
	assert_false(new_at(b, "412015", "b", 9 * DAY));
	baseline_destroy(&b);
	assert_int_equal(fs_write(file, STR("something else altogether, and long enough"), 0600, NULL), 0);
	assert_int_equal(baseline_create(file, BASELINE_MAX, &b, &err), -E_CORRUPT);
	assert_null(b);
}

/* Values met every day again aren't written for ever. */
static void test_written_anew(void **state)
{
	struct stat st;
	struct baseline *b = NULL;
	(void)state;
	assert_int_equal(baseline_create(file, BASELINE_MAX, &b, NULL), 0);
	for (int day = 0; day < 20; day++) {
		char value[16];
		for (int i = 0; i < 20000; i++) {
			snprintf(value, sizeof value, "v%d", i);
			assert_false(new_at(b, "412015", value, day * DAY));
		}
		save(b);
	}
	assert_int_equal(stat(file, &st), 0);
	assert_true(st.st_size < 2 << 20); /* 20 times 320 kB would be 6.4 MB */
	b = again(&b);
	assert_false(new_at(b, "412015", "v19999", 21 * DAY));
	assert_true(new_at(b, "412015", "other", 21 * DAY));
	baseline_destroy(&b);
}

static void test_ceiling(void **state)
{
	struct baseline *b = NULL;
	struct baseline_stats s;
	const unsigned max = 20000;
	(void)state;
	assert_int_equal(baseline_create(NULL, max, &b, NULL), 0);
	for (unsigned i = 0; i < max - 1; i++) {
		char value[16];
		snprintf(value, sizeof value, "%u", i);
		new_at(b, "412015", value, 0);
	}
	assert_false(new_at(b, "412015", "beyond", 8 * DAY)); /* no room: no flood of findings */
	baseline_stats(b, &s);
	assert_int_equal(s.values, max);
	assert_int_equal(s.full, 1);
	assert_false(new_at(b, "412015", "5", 8 * DAY));
	assert_true(new_at(b, "412015", "beyond", 95 * DAY)); /* what nobody met for 90 days made room */
	baseline_stats(b, &s);
	assert_int_equal(s.values, 3);
	baseline_destroy(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_learning),
		cmocka_unit_test_setup_teardown(test_restart, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_torn, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(test_written_anew, make_dir, remove_dir),
		cmocka_unit_test(test_ceiling),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
