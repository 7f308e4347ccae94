/* What a block stands against is counted: which events, by which values, since when, and over a crash. */
#include "detect/tally.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "detect/engine.h"

#include <stdio.h>

#define SINCE 1000000

struct told {
	unsigned n;
	struct {
		char block[40], terminal[64], uid[FINDING_UID_LEN + 1], main[64];
		uint64_t count;
		bool passed;
	} f[32];
};

static void note(const struct finding *f, void *user)
{
	struct told *t = user;
	assert_true(t->n < 32);
	assert_string_equal(f->rule.id, FINDING_RULE_BLOCKED);
	snprintf(t->f[t->n].block, 40, "%s", f->block);
	snprintf(t->f[t->n].terminal, 64, "%s", f->terminal);
	snprintf(t->f[t->n].uid, sizeof t->f[0].uid, "%s", f->uid);
	snprintf(t->f[t->n].main, 64, "%s", f->observables[0].value);
	t->f[t->n].count = f->count;
	t->f[t->n++].passed = f->action == FINDING_ALLOWED;
}

static uint64_t counted(const struct told *t, const char *block, bool passed)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < t->n; i++)
		if (strcmp(t->f[i].block, block) == 0 && t->f[i].passed == passed)
			n += t->f[i].count;
	return n;
}

static void list_of(struct buf *b, const struct indicator *list, uint32_t n)
{
	buf_init(b, INDICATORS_BYTES);
	wr_u32(b, n);
	for (uint32_t i = 0; i < n; i++)
		indicators_write(b, &list[i]);
}

static const struct indicator blocked[] = {
	{ BLOCK_NAME, "412015", "B-name", "Evil.Example", SINCE },
	{ BLOCK_ADDRESS, "412015", "B-addr", "203.0.113.7", SINCE },
	{ BLOCK_ADDRESS, "412015", "B-net", "198.51.100.0/24", SINCE },
	{ BLOCK_URL, "412015", "B-url", "http://shared.example/bad", SINCE },
	{ BLOCK_TERMINAL, "412015", "B-term", "10.1.0.66", SINCE },
	{ BLOCK_NAME, "412023", "B-other", "evil.example", SINCE },
	{ BLOCK_ADDRESS, "412015", "B-six", "2001:db8::7", SINCE },
	{ BLOCK_NAME, "412015", "B-never", "no name at all", SINCE },
};

static struct engine *engine;
static struct tally *tally;
static struct ruleset *rules;

static int begin(void **state)
{
	struct buf b;
	(void)state;
	assert_int_equal(tally_create(&tally, NULL), 0);
	assert_int_equal(ruleset_load_text(STR("title: t\nid: t\nlogsource:\n    category: firewall\ndetection:\n    s:\n        dst_port: 1\n    condition: s\n"),
	                                   "r.yml", NULL, &rules, NULL), 0);
	assert_int_equal(engine_create(&(struct engine_opts){ .rules = rules, .tally = tally }, &engine, NULL), 0);
	list_of(&b, blocked, ARRAY_LEN(blocked));
	assert_int_equal(tally_watch(tally, buf_view(&b)), 0);
	buf_done(&b);
	return 0;
}

static int end(void **state)
{
	(void)state;
	engine_destroy(&engine);
	tally_destroy(&tally);
	ruleset_destroy(&rules);
	return 0;
}

static void event(int time, const char *org, const char *src, const char *host, const char *ip, const char *url, const char *result)
{
	static unsigned n;
	char json[800], record[40];
	int len = snprintf(json, sizeof json,
	                   "{\"class_uid\":4002,\"time\":%d,\"org\":\"%s\",\"src_endpoint\":{\"ip\":\"%s\"},\"dst_endpoint\":{\"hostname\":\"%s\","
	                   "\"ip\":\"%s\"},\"http_request\":{\"url\":{\"hostname\":\"%s\",\"url_string\":\"%s\"}},%s}",
	                   time, org, src, host, ip, host, url, result);
	int r = snprintf(record, sizeof record, "%s/events/000001/%u", org, n++);
	struct engine_event e = { { json, (size_t)len }, { record, (size_t)r }, n };
	assert_int_equal(engine_event(engine, &e, NULL), 0);
}

#define ALLOWED "\"action\":\"Allowed\",\"disposition\":\"Allowed\""
#define DENIED "\"action\":\"Denied\",\"disposition\":\"Blocked\""
#define ERROR "\"action\":\"Allowed\",\"disposition\":\"Error\""

static void test_matches(void **state)
{
	struct told t = { 0 };
	(void)state;
	event(SINCE + 1, "412015", "10.1.0.5", "evil.example", "203.0.113.9", "http://evil.example/", DENIED);
	event(SINCE + 2, "412015", "10.1.0.5", "www.evil.example", "203.0.113.9", "http://www.evil.example/", ALLOWED);
	event(SINCE + 3, "412015", "10.1.0.5", "notevil.example", "203.0.113.9", "http://notevil.example/", ALLOWED);
	event(SINCE + 4, "412015", "10.1.0.5", "a.example", "203.0.113.7", "http://a.example/", ALLOWED);
	event(SINCE + 5, "412015", "10.1.0.5", "203.0.113.7", "", "http://203.0.113.7/", DENIED);
	event(SINCE + 6, "412015", "10.1.0.5", "b.example", "198.51.100.200", "http://b.example/", DENIED);
	event(SINCE + 7, "412015", "10.1.0.5", "shared.example", "203.0.113.9", "http://shared.example/bad", DENIED);
	event(SINCE + 8, "412015", "10.1.0.5", "shared.example", "203.0.113.9", "http://shared.example/good", ALLOWED);
	event(SINCE + 9, "412015", "10.1.0.66", "www.news.example", "203.0.113.9", "http://www.news.example/", ALLOWED);
	event(SINCE + 10, "412015", "10.1.0.5", "c.example", "2001:db8::7", "http://c.example/", DENIED);
	event(SINCE + 11, "412031", "10.1.0.5", "evil.example", "203.0.113.7", "http://evil.example/", ALLOWED);
	tally_flush(tally, note, &t);
	assert_int_equal(counted(&t, "B-name", false), 1);
	assert_int_equal(counted(&t, "B-name", true), 1);
	assert_int_equal(counted(&t, "B-addr", true), 1);
	assert_int_equal(counted(&t, "B-addr", false), 1);
	assert_int_equal(counted(&t, "B-net", false), 1);
	assert_int_equal(counted(&t, "B-url", false), 1);
	assert_int_equal(counted(&t, "B-url", true), 0);
	assert_int_equal(counted(&t, "B-term", true), 1);
	assert_int_equal(counted(&t, "B-six", false), 1);
	assert_int_equal(counted(&t, "B-other", true) + counted(&t, "B-other", false), 0); /* its body asked nothing */
	tally_flush(tally, note, &t);
	assert_int_equal(t.n, 8); /* told once */
}

static void test_before_and_errors(void **state)
{
	struct told t = { 0 };
	(void)state;
	event(SINCE, "412015", "10.1.0.5", "evil.example", "203.0.113.9", "http://evil.example/", ALLOWED); /* had begun before it acted */
	event(SINCE + 1, "412015", "10.1.0.5", "evil.example", "", "http://evil.example/", ERROR);
	event(SINCE + 1, "412015", "10.1.0.5", "evil.example", "", "http://evil.example/", "\"message\":\"no traffic\"");
	tally_flush(tally, note, &t);
	assert_int_equal(t.n, 0);
}

static void test_apart(void **state)
{
	struct told t = { 0 };
	(void)state;
	for (int i = 1; i <= 3; i++)
		event(SINCE + i, "412015", "10.1.0.5", "evil.example", "", "http://evil.example/", DENIED);
	event(SINCE + 9, "412015", "10.1.0.6", "evil.example", "", "http://evil.example/", DENIED);
	tally_flush(tally, note, &t);
	assert_int_equal(t.n, 2); /* a count a terminal */
	for (unsigned i = 0; i < 2; i++) {
		bool first = strcmp(t.f[i].terminal, "10.1.0.5") == 0;
		assert_int_equal(t.f[i].count, first ? 3 : 1);
		assert_string_equal(t.f[i].main, "Evil.Example");
	}
	assert_string_not_equal(t.f[0].uid, t.f[1].uid);
}

/* Read again after a crash, from the same record on: the same uid, so respondd takes only what is more. */
static void test_same_again(void **state)
{
	struct told t = { 0 };
	struct tally_event e = { .q = { .org = STR("412015"), .host = STR("evil.example"), .terminal = STR("10.1.0.5") },
		                 .time_ms = SINCE + 1, .record = STR("412015/events/000001/7"), .salt = 9 };
	struct tally_event later = e;
	(void)state;
	later.record = STR("412015/events/000001/8");
	tally_count(tally, &e);
	tally_flush(tally, note, &t);
	tally_count(tally, &e);
	tally_count(tally, &later);
	tally_flush(tally, note, &t);
	assert_string_equal(t.f[0].uid, t.f[1].uid);
	assert_int_equal(t.f[1].count, 2);
}

static void test_list(void **state)
{
	struct told t = { 0 };
	struct buf b;
	(void)state;
	assert_int_equal(tally_watch(tally, STR("\0\0\0\1\1")), -E_INVALID);
	event(SINCE + 1, "412015", "10.1.0.5", "evil.example", "", "http://evil.example/", DENIED);
	list_of(&b, NULL, 0);
	assert_int_equal(tally_watch(tally, buf_view(&b)), 0);
	buf_done(&b);
	event(SINCE + 2, "412015", "10.1.0.5", "evil.example", "", "http://evil.example/", DENIED);
	tally_flush(tally, note, &t);
	assert_int_equal(counted(&t, "B-name", false), 1); /* what was counted before the block ended is told */
	assert_false(tally_wants(tally));
}

static uint64_t sum, parts;

static void add_up(const struct finding *f, void *user)
{
	(void)user;
	sum += f->count;
	parts++;
}

/* A flood of terminals can't grow it without end: beyond the ceiling they are counted together. */
static void test_ceiling(void **state)
{
	char ip[32];
	(void)state;
	for (int i = 0; i < TALLY_MAX + 500; i++) {
		snprintf(ip, sizeof ip, "10.2.%d.%d", i >> 8, i & 255);
		struct tally_event e = { .q = { .org = STR("412015"), .host = STR("evil.example"), .terminal = str_from(ip) },
			                 .time_ms = SINCE + 1, .record = STR("r"), .salt = (uint64_t)i };
		tally_count(tally, &e);
	}
	tally_flush(tally, add_up, NULL);
	assert_int_equal(sum, TALLY_MAX + 500);
	assert_int_equal(parts, TALLY_MAX + 1);
}

#define T(fn) cmocka_unit_test_setup_teardown(fn, begin, end)
int main(void)
{
	const struct CMUnitTest tests[] = { T(test_matches), T(test_before_and_errors), T(test_apart), T(test_same_again), T(test_list),
		                            T(test_ceiling) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
