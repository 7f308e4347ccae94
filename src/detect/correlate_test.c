/* Correlations over series of events: windows, groups, ceilings, and a restart in the middle. */
#include "detect/engine.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define BASE                                                                                                      \
	"---\ntitle: base\nid: b1\nname: first\nlogsource:\n    category: test\ndetection:\n    s:\n        K: one\n"    \
	"    condition: s\n"                                                                                          \
	"---\ntitle: base2\nid: b2\nname: second\nlogsource:\n    category: test\ndetection:\n    s:\n        K: two\n"  \
	"    condition: s\n"                                                                                          \
	"---\ntitle: base3\nid: b3\nname: third\nlogsource:\n    category: test\ndetection:\n    s:\n        K: three\n" \
	"    condition: s\n"
#define C(type, rules, rest) "title: c\nid: c\ncorrelation:\n    type: " type "\n    rules: [" rules "]\n    group-by: [G]\n" rest
#define COUNT(cond) C("event_count", "first", "    timespan: 60s\n    condition:\n        " cond "\n") BASE

struct found {
	unsigned n;
	struct {
		char uid[FINDING_UID_LEN + 1], org[8], id[16];
		int64_t first, last;
		uint64_t count;
		size_t records;
	} list[64];
};

static void keep(const struct finding *f, void *user)
{
	struct found *w = user;
	assert_true(w->n < ARRAY_LEN(w->list));
	memcpy(w->list[w->n].uid, f->uid, sizeof f->uid);
	memcpy(w->list[w->n].org, f->org, sizeof f->org);
	snprintf(w->list[w->n].id, sizeof w->list[w->n].id, "%s", f->rule.id);
	w->list[w->n].first = f->first_time;
	w->list[w->n].last = f->last_time;
	w->list[w->n].records = f->n_records;
	w->list[w->n++].count = f->count;
}

struct run {
	struct ruleset *s;
	struct engine *e;
	struct found found;
	unsigned no;
};

static void fail_fault(const struct err *err, void *user)
{
	(void)user;
	fail_msg("%s: %s", err->path, err->msg);
}

static void begin(struct run *r, const char *rules, size_t bytes)
{
	struct err err = { 0 };
	*r = (struct run){ 0 };
	assert_int_equal(ruleset_load_text(str_from(rules), "c.yml", &(struct ruleset_opts){ .on_fault = fail_fault }, &r->s, &err), 0);
	struct engine_opts o = { .rules = r->s, .correlation_bytes = bytes, .horizon_ms = CORRELATE_AT_ONCE, .on_finding = keep, .user = &r->found };
	assert_int_equal(engine_create(&o, &r->e, &err), 0);
}

static void end(struct run *r)
{
	engine_destroy(&r->e);
	ruleset_destroy(&r->s);
}

static void event(struct run *r, const char *org, int64_t t, const char *fields)
{
	char json[256], record[64];
	int n = snprintf(json, sizeof json, "{\"category\":\"test\",\"org\":\"%s\",\"time\":%lld,%s}", org, (long long)t, fields);
	snprintf(record, sizeof record, "%s/events/000001/%u", org, r->no++);
	struct engine_event ev = { .json = { json, (size_t)n }, .record = str_from(record) };
	assert_int_equal(engine_event(r->e, &ev, NULL), 0);
}

/* K,G at seconds; what comes out: findings as "first-last*count" in seconds. `tick` at the end. */
static const struct {
	const char *name, *rules, *events, *want;
	int tick_s;
} cases[] = {
	{ "gte reached", COUNT("gte: 3"), "0one/a 10one/a 20one/a", "0-20*3", 0 },
	{ "gte not reached", COUNT("gte: 3"), "0one/a 10one/a", "", 1000 },
	{ "gt is one more", COUNT("gt: 2"), "0one/a 10one/a 20one/a", "0-20*3", 0 },
	{ "outside of the window", COUNT("gte: 3"), "0one/a 50one/a 61one/a", "", 1000 },
	{ "the window slides", COUNT("gte: 3"), "0one/a 50one/a 61one/a 70one/a", "50-70*3", 0 },
	{ "exactly a timespan is within", COUNT("gte: 3"), "0one/a 30one/a 60one/a", "0-60*3", 0 },
	{ "groups apart", COUNT("gte: 3"), "0one/a 1one/b 2one/a 3one/b", "", 0 },
	{ "other rule's events don't count", COUNT("gte: 2"), "0one/a 1two/a 2three/a", "", 0 },
	{ "an event without the group's field is left out", COUNT("gte: 2"), "0one/- 1one/- 2one/-", "", 0 },
	{ "quiet for a timespan, then again", COUNT("gte: 2"), "0one/a 1one/a 2one/a 3one/a 30one/a 61one/a 62one/a", "0-1*2 2-61*4", 0 },
	{ "out of order within the window", COUNT("gte: 3"), "20one/a 0one/a 10one/a", "0-20*3", 0 },
	{ "too late", COUNT("gte: 3"), "100one/a 0one/a 101one/a", "", 0 },
	{ "lt: judged when the window has passed", COUNT("lt: 3"), "0one/a 10one/a", "", 59 },
	{ "lt: fires", COUNT("lt: 3"), "0one/a 10one/a", "0-10*2", 61 },
	{ "lt: silent", COUNT("lt: 3"), "0one/a 10one/a 20one/a", "", 100 },
	{ "eq by the next event", COUNT("eq: 2"), "0one/a 10one/a 70one/a", "0-10*2", 0 },
	{ "range", COUNT("gt: 1\n        lte: 2"), "0one/a 10one/a 100one/a 101one/a 102one/a", "0-10*2", 1000 },
	{ "neq", COUNT("neq: 2"), "0one/a 10one/a 100one/a", "100-100*1", 1000 },
	{ "value_count counts different values", C("value_count", "first", "    timespan: 60s\n    condition:\n        field: V\n        gte: 3\n") BASE,
	  "0one/a/x 1one/a/y 2one/a/x 3one/a/y 4one/a/z", "2-4*3", 0 },
	{ "value_count: a value is as young as its last event", C("value_count", "first", "    timespan: 60s\n    condition:\n        field: V\n        gte: 2\n") BASE,
	  "0one/a/x 50one/a/x 100one/a/y", "50-100*2", 0 },
	{ "temporal in any order", C("temporal", "first, second, third", "    timespan: 60s\n") BASE, "0two/a 1three/a 2one/a", "0-2*3", 0 },
	{ "temporal needs all", C("temporal", "first, second, third", "    timespan: 60s\n") BASE, "0two/a 1three/a 2two/a", "", 0 },
	{ "temporal within the timespan", C("temporal", "first, second", "    timespan: 60s\n") BASE, "0two/a 61one/a", "", 0 },
	{ "ordered", C("temporal_ordered", "first, second, third", "    timespan: 60s\n") BASE, "0one/a 1two/a 2three/a", "0-2*3", 0 },
	{ "ordered: wrong order", C("temporal_ordered", "first, second, third", "    timespan: 60s\n") BASE, "0two/a 1one/a 2three/a", "", 0 },
	{ "ordered: the youngest start counts", C("temporal_ordered", "first, second, third", "    timespan: 60s\n") BASE,
	  "0one/a 50one/a 51two/a 70three/a", "50-70*3", 0 },
	{ "ordered: too long", C("temporal_ordered", "first, second, third", "    timespan: 60s\n") BASE, "0one/a 50two/a 70three/a", "", 0 },
	{ "temporal: two of three are enough", C("temporal", "first, second, third", "    timespan: 60s\n    condition:\n        gte: 2\n") BASE, "0two/a 2one/a", "0-2*2", 0 },
	{ "temporal: eq all of them", C("temporal", "first, second", "    timespan: 60s\n    condition:\n        eq: 2\n") BASE, "0two/a 2one/a", "0-2*2", 0 },
#define AMOUNT(type, cond) C(type, "first", "    timespan: 60s\n    condition:\n        field: V\n" cond) BASE
	{ "value_count lt: judged when the window has passed", AMOUNT("value_count", "        lt: 3\n"), "0one/a/x 1one/a/y 2one/a/x 70one/b/x 71one/b/y 72one/b/z", "0-1*3", 1000 },
	{ "value_count of two fields together", C("value_count", "first", "    timespan: 60s\n    condition:\n        field:\n            - V\n            - K\n        gte: 2\n") BASE,
	  "0one/a/x 1one/a/x 2one/a/y", "1-2*2", 0 },
	{ "value_count: many values", AMOUNT("value_count", "        gte: 30\n"),
	  "0one/a/v1 0one/a/v2 0one/a/v3 0one/a/v4 0one/a/v5 0one/a/v6 0one/a/v7 0one/a/v8 0one/a/v9 0one/a/v10 1one/a/v1 1one/a/v2 1one/a/v11 1one/a/v12 1one/a/v13 "
	  "1one/a/v14 1one/a/v15 1one/a/v16 1one/a/v17 1one/a/v18 1one/a/v19 1one/a/v20 2one/a/v21 2one/a/v22 2one/a/v23 2one/a/v24 2one/a/v25 2one/a/v26 2one/a/v3 "
	  "2one/a/v4 2one/a/v27 2one/a/v28 2one/a/v29 3one/a/v29 3one/a/v28 4one/a/v30", "0-4*30", 0 },
	{ "value_sum reached", AMOUNT("value_sum", "        gte: 100\n"), "0one/a/50 1one/a/49.5 2one/a/0.5", "0-2*3", 0 },
	{ "value_sum slides", AMOUNT("value_sum", "        gt: 99\n"), "0one/a/50 50one/a/40 61one/a/50 62one/a/20", "50-62*3", 0 },
	{ "value_sum: what is no number doesn't count", AMOUNT("value_sum", "        gte: 100\n"), "0one/a/50 1one/a/x50 2one/a/49", "", 0 },
	{ "value_sum lt", AMOUNT("value_sum", "        lt: 100\n"), "0one/a/50 1one/a/40 100one/b/60 101one/b/60", "0-1*2", 1000 },
	{ "value_avg: judged at the end", AMOUNT("value_avg", "        gt: 10\n"), "0one/a/100 1one/a/1 2one/a/1 70one/b/100 71one/b/1 80one/b/1 81one/b/1 82one/b/1 83one/b/1 84one/b/1 85one/b/1 86one/b/1 87one/b/1 88one/b/1",
	  "0-2*3", 1000 },
	{ "value_percentile: the median", AMOUNT("value_percentile", "        percentile: 50\n        gte: 5\n"), "0one/a/1 1one/a/5 2one/a/9 100one/b/1 101one/b/2 102one/b/99", "0-2*3", 1000 },
	{ "value_percentile: the highest", AMOUNT("value_percentile", "        percentile: 100\n        lt: 10\n"), "0one/a/1 1one/a/5 2one/a/9 100one/b/1 101one/b/99", "0-2*3", 1000 },
	{ "value_percentile without percentile: the value's share of all", AMOUNT("value_percentile", "        lte: 25\n"),
	  "0one/a/x 1one/a/x 2one/a/x 3one/a/y 100one/b/x 101one/b/y", "3-3*1", 1000 },
#define REGULAR "title: c\nid: c\nx-toride:\n    jitter: 0.15\ncorrelation:\n    type: event_count\n    rules: [first]\n    group-by: [G]\n    timespan: 150s\n" \
	"    condition:\n        gte: 10\n---\n" BASE
	{ "jitter: regular", REGULAR, "0one/a 10one/a 20one/a 30one/a 41one/a 50one/a 60one/a 69one/a 80one/a 90one/a", "0-90*10", 1000 },
	{ "jitter: one missing, one doubled", REGULAR, "0one/a 10one/a 20one/a 30one/a 40one/a 50one/a 70one/a 80one/a 80one/a 90one/a 100one/a", "0-100*11", 1000 },
	{ "jitter: people", REGULAR, "0one/a 3one/a 20one/a 22one/a 60one/a 61one/a 65one/a 100one/a 140one/a 143one/a", "", 1000 },
	{ "jitter: regular, but soon over", REGULAR, "0one/a 2one/a 4one/a 6one/a 8one/a 10one/a 12one/a 14one/a 16one/a 18one/a 20one/a", "", 1000 },
	{ "jitter: too few", REGULAR, "0one/a 10one/a 20one/a 30one/a 40one/a 50one/a 60one/a 70one/a 80one/a", "", 1000 },
	{ "a chain above a window that is judged later",
	  "title: top\nid: top\ncorrelation:\n    type: event_count\n    rules: [few]\n    group-by: [G]\n    timespan: 200s\n    condition:\n        gte: 2\n---\n"
	  "title: few\nid: m\nname: few\ncorrelation:\n    type: event_count\n    rules: [first]\n    group-by: [G]\n    timespan: 60s\n    condition:\n        lt: 3\n" BASE,
	  "0one/a 100one/a 200one/a 201one/a 202one/a", "60-160*2", 1000 },
	{ "a chain: many, then one other",
	  "title: top\nid: top\ncorrelation:\n    type: temporal_ordered\n    rules: [many, second]\n    group-by: [G]\n    timespan: 60s\n---\n"
	  "title: many\nid: m\nname: many\ncorrelation:\n    type: event_count\n    rules: [first]\n    group-by: [G]\n    timespan: 60s\n    condition:\n        gte: 3\n" BASE,
	  "0one/a 1one/a 2two/a 3one/a 4two/a", "3-4*2", 0 },
	{ "aliases: one rule's V is another's G",
	  "title: c\nid: c\ncorrelation:\n    type: temporal\n    rules: [first, second]\n    group-by: [x]\n    timespan: 60s\n    aliases:\n        x:\n"
	  "            first: G\n            second: V\n" BASE,
	  "0one/a/q 1two/q/a", "0-1*2", 0 },
	{ "generate: the single findings too", "title: c\nid: c\ncorrelation:\n    type: event_count\n    rules: [first]\n    group-by: [G]\n    timespan: 60s\n"
	  "    condition:\n        gte: 2\n    generate: true\n" BASE, "0one/a 1one/a", "0-0*1 1-1*1 0-1*2", 0 },
	{ "generate, but of a step: the correlation alone", "title: c\nid: c\ncorrelation:\n    type: event_count\n    rules: [b1s]\n    group-by: [G]\n    timespan: 60s\n"
	  "    condition:\n        gte: 2\n    generate: true\n---\ntitle: step\nid: b1s\nlogsource:\n    category: test\ndetection:\n    s:\n        K: one\n    condition: s\n"
	  "x-toride:\n    step: true\n", "0one/a 1one/a", "0-1*2", 0 },
};

static void play(struct run *r, const char *events)
{
	struct str rest = str_from(events), one;
	while (str_next(&rest, ' ', &one)) {
		char text[64], k[16] = "", g[16] = "", v[16] = "", fields[160];
		int t = 0;
		str_copy(one, text, sizeof text);
		assert_true(sscanf(text, "%d%15[a-z]/%15[^/]/%15s", &t, k, g, v) >= 3);
		int n = snprintf(fields, sizeof fields, "\"K\":\"%s\"", k);
		if (strcmp(g, "-") != 0)
			n += snprintf(fields + n, sizeof fields - (size_t)n, ",\"G\":\"%s\"", g);
		if (*v)
			snprintf(fields + n, sizeof fields - (size_t)n, ",\"V\":\"%s\"", v);
		event(r, "412015", 1000000 + t * 1000, fields);
	}
}

static void told(const struct found *f, char dst[512])
{
	size_t at = 0;
	dst[0] = 0;
	for (unsigned i = 0; i < f->n; i++)
		at += (size_t)snprintf(dst + at, 512 - at, "%s%lld-%lld*%llu", at ? " " : "", (long long)(f->list[i].first / 1000 - 1000),
		                       (long long)(f->list[i].last / 1000 - 1000), (unsigned long long)f->list[i].count);
}

/* Findings of rules that stand alone beside the correlation aren't looked at. */
static void drop_singles(struct found *f)
{
	unsigned n = 0;
	for (unsigned i = 0; i < f->n; i++)
		if (f->list[i].id[0] != 'b' || f->list[i].id[1] == '1')
			f->list[n++] = f->list[i];
	f->n = n;
}

static void test_cases(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run r;
		char got[512];
		begin(&r, cases[i].rules, 0);
		play(&r, cases[i].events);
		if (cases[i].tick_s)
			engine_tick(r.e, 1000000 + cases[i].tick_s * 1000);
		drop_singles(&r.found);
		told(&r.found, got);
		if (strcmp(got, cases[i].want) != 0)
			fail_msg("%s: got '%s', wanted '%s'", cases[i].name, got, cases[i].want);
		end(&r);
	}
}

/* The same addresses in two bodies are two groups. */
static void test_orgs_apart(void **state)
{
	(void)state;
	struct run r;
	begin(&r, COUNT("gte: 3"), 0);
	for (int i = 0; i < 4; i++)
		event(&r, i % 2 ? "412015" : "412023", 1000000 + i, "\"K\":\"one\",\"G\":\"10.1.0.5\"");
	assert_int_equal(r.found.n, 0);
	event(&r, "412023", 1000010, "\"K\":\"one\",\"G\":\"10.1.0.5\"");
	assert_int_equal(r.found.n, 1);
	assert_string_equal(r.found.list[0].org, "412023");
	assert_int_equal(r.found.list[0].records, 3);
	end(&r);
}

/* Cut anywhere, saved, restored into a new process: the same findings with the same uids. */
static void test_restart(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct run whole;
		struct str rest = str_from(cases[i].events), one;
		unsigned n = 0;
		begin(&whole, cases[i].rules, 0);
		play(&whole, cases[i].events);
		if (cases[i].tick_s)
			engine_tick(whole.e, 1000000 + cases[i].tick_s * 1000);
		while (str_next(&rest, ' ', &one))
			n++;
		for (unsigned cut = 0; cut <= n; cut++) {
			struct run a, b;
			struct buf saved;
			rest = str_from(cases[i].events);
			for (unsigned k = 0; k < cut; k++)
				str_next(&rest, ' ', &one);
			char head[1024];
			size_t head_len = rest.ptr ? (size_t)(rest.ptr - cases[i].events) : strlen(cases[i].events);
			snprintf(head, sizeof head, "%.*s", (int)(head_len && cut < n ? head_len - 1 : head_len), cases[i].events);
			begin(&a, cases[i].rules, 0);
			if (cut)
				play(&a, head);
			buf_init(&saved, MIB);
			correlator_save(engine_correlator(a.e), &saved);
			begin(&b, cases[i].rules, 0);
			assert_int_equal(correlator_restore(engine_correlator(b.e), buf_view(&saved)), 0);
			b.no = a.no;
			b.found = a.found;
			if (cut < n)
				play(&b, cases[i].events + (cut ? head_len : 0));
			if (cases[i].tick_s)
				engine_tick(b.e, 1000000 + cases[i].tick_s * 1000);
			if (b.found.n != whole.found.n || memcmp(b.found.list, whole.found.list, b.found.n * sizeof *b.found.list) != 0)
				fail_msg("%s: cut after %u of %u: %u findings, %u without the cut", cases[i].name, cut, n, b.found.n, whole.found.n);
			buf_done(&saved);
			end(&a);
			end(&b);
		}
		end(&whole);
	}
}

static void test_damaged_state(void **state)
{
	(void)state;
	struct run a;
	struct buf saved;
	struct correlate_stats st;
	begin(&a, COUNT("lt: 30"), 0);
	for (int i = 0; i < 40; i++) {
		char f[64];
		snprintf(f, sizeof f, "\"K\":\"one\",\"G\":\"g%d\"", i);
		event(&a, "412015", 1000000 + i, f);
	}
	buf_init(&saved, MIB);
	correlator_save(engine_correlator(a.e), &saved);
	assert_int_equal(correlator_restore(engine_correlator(a.e), buf_view(&saved)), 0);
	correlator_stats(engine_correlator(a.e), &st);
	assert_int_equal(st.groups, 40);
	for (size_t n = 1; n < saved.len; n += 7) {
		assert_int_equal(correlator_restore(engine_correlator(a.e), (struct str){ saved.ptr, n }), -E_CORRUPT);
		correlator_stats(engine_correlator(a.e), &st);
		assert_int_equal(st.groups, 0);
		assert_int_equal(st.bytes, 0);
	}
	/* Other rules: what they don't know is left out, the rest is whole. */
	struct run b;
	begin(&b, COUNT("lt: 31"), 0);
	assert_int_equal(correlator_restore(engine_correlator(b.e), buf_view(&saved)), 0);
	correlator_stats(engine_correlator(b.e), &st);
	assert_int_equal(st.groups, 0);
	end(&b);
	buf_done(&saved);
	end(&a);
}

/* A group value of any length counts, and two long ones that differ at their end are two. */
static void test_long_values(void **state)
{
	(void)state;
	struct run r;
	static char json[3][4200];
	begin(&r, COUNT("gte: 2"), 0);
	for (int i = 0; i < 3; i++) {
		int n = snprintf(json[i], sizeof json[i], "{\"category\":\"test\",\"org\":\"412015\",\"time\":1000%d,\"K\":\"one\",\"G\":\"%04000d%d\"}", i, 0, i % 2);
		struct engine_event ev = { .json = { json[i], (size_t)n }, .record = STR("412015/events/000001/1") };
		assert_int_equal(engine_event(r.e, &ev, NULL), 0);
		assert_int_equal(r.found.n, i == 2);
	}
	end(&r);
}

/* A sender's clock a year ahead: the event counts at the time it was taken in, and silences nothing afterwards. */
static void test_wrong_clock(void **state)
{
	(void)state;
	struct run r;
	begin(&r, COUNT("gte: 2"), 0);
	for (int i = 0; i < 2; i++)
		event(&r, "412015", 31536000000000 + i, i ? "\"K\":\"one\",\"G\":\"a\"" : "\"ingest_time\":1000000,\"K\":\"one\",\"G\":\"a\"");
	assert_int_equal(r.found.n, 0);
	for (int i = 0; i < 2; i++)
		event(&r, "412015", 31536000000000, "\"ingest_time\":2000000,\"K\":\"one\",\"G\":\"b\"");
	assert_int_equal(r.found.n, 1);
	assert_true(r.found.list[0].last == 2000000);
	for (int i = 0; i < 2; i++)
		event(&r, "412015", 2100000 + i, "\"K\":\"one\",\"G\":\"b\"");
	assert_int_equal(r.found.n, 2);
	end(&r);
}

/* Times that no group can hold, from a sender that is broken or means harm: they count among themselves, and nobody else's events
 * move; what was saved of them comes back. */
static void test_times_far_off(void **state)
{
	(void)state;
	static const int64_t far[] = { INT64_C(1) << 48, INT64_C(1) << 49, INT64_MAX / 8, INT64_MAX - 1, -(INT64_C(1) << 48), INT64_MIN + 1 };
	for (size_t i = 0; i < ARRAY_LEN(far); i++) {
		struct run r;
		struct buf saved;
		buf_init(&saved, MIB);
		begin(&r, COUNT("gte: 3"), 0);
		event(&r, "412015", 1000000, "\"K\":\"one\",\"G\":\"b\"");
		for (int k = 0; k < 2; k++)
			event(&r, "412015", far[i], "\"K\":\"one\",\"G\":\"a\"");
		correlator_save(engine_correlator(r.e), &saved);
		assert_int_equal(correlator_restore(engine_correlator(r.e), buf_view(&saved)), 0);
		for (int k = 0; k < 2; k++)
			event(&r, "412015", 1000001, "\"K\":\"one\",\"G\":\"b\"");
		assert_int_equal(r.found.n, 1);
		assert_true(r.found.list[0].first == 1000000 && r.found.list[0].last == 1000001);
		event(&r, "412015", far[i], "\"K\":\"one\",\"G\":\"a\"");
		assert_int_equal(r.found.n, 2);
		assert_int_equal(r.found.list[1].count, 3);
		buf_done(&saved);
		end(&r);
	}
}

/* What a finding says a terminal asked our resolver for: the zone behind names that carry data, never less than a registry's name, and never
 * the resolver itself. */
static char seen_name[300];
static bool seen_ip;

static void keep_observables(const struct finding *f, void *user)
{
	(void)user;
	seen_name[0] = 0, seen_ip = false;
	for (size_t i = 0; i < f->n_observables; i++) {
		if (f->observables[i].type == OBSERVABLE_HOSTNAME)
			snprintf(seen_name, sizeof seen_name, "%s", f->observables[i].value);
		seen_ip |= f->observables[i].type == OBSERVABLE_IP;
	}
}

static void test_asked_names(void **state)
{
	(void)state;
#define DATA "0123456789abcdef01234567"
	static const struct {
		const char *name, *seen;
	} rows[] = {
		{ "c2.example", "c2.example" }, { "www.city.saga.lg.jp", "www.city.saga.lg.jp" }, { DATA ".t.evil.example", "t.evil.example" },
		{ DATA "." DATA "." DATA ".evil.example", "evil.example" }, { DATA ".evil.jp", "evil.jp" }, { DATA ".evil.co.uk", "evil.co.uk" }, { DATA ".co.uk", "" }, { DATA ".karatsu.saga.jp", "" }, { DATA ".co.jp", "" }, { DATA ".saga.jp", "" },
		{ DATA ".evil.co.jp", "evil.co.jp" }, { DATA ".example", "" }, { DATA, "" }, { "localhost", "" }, { "", "" }, { ".", "" }, { DATA ".", "" },
		{ "microsoft-login-secure-verify.pages.dev", "microsoft-login-secure-verify.pages.dev" }, { DATA "." DATA ".pages.dev", DATA ".pages.dev" },
		{ DATA ".cloudfront.net", DATA ".cloudfront.net" }, { DATA ".GitHub.io", DATA ".GitHub.io" }, { DATA ".evil.pages.dev", "evil.pages.dev" },
		{ DATA ".chuo.tokyo.jp", "" }, { DATA ".evil.chuo.tokyo.jp", "evil.chuo.tokyo.jp" }, { DATA ".pref.saga.jp", "pref.saga.jp" }, { DATA ".x.kawasaki.jp", "" },
		{ "01234567.89abcdef.01234567.89abcdef.01234567.89abcdef.evil.example", "" },
		{ "t.0123456789abcdef012345.evil.example", "t.0123456789abcdef012345.evil.example" },
	};
	struct ruleset *s;
	struct engine *e;
	assert_int_equal(ruleset_load_text(STR("title: t\nid: r\nlogsource:\n    category: dns\ndetection:\n    s:\n        src_ip: 10.1.0.5\n    condition: s\n"), "r.yml", NULL, &s, NULL), 0);
	struct engine_opts o = { .rules = s, .horizon_ms = CORRELATE_AT_ONCE, .on_finding = keep_observables };
	assert_int_equal(engine_create(&o, &e, NULL), 0);
	for (size_t i = 0; i < 2 * ARRAY_LEN(rows); i++) {
		char json[700];
		const char *name = rows[i / 2].name, *zone = i % 2 ? ",\"zone\":\"evil.example\"" : "";
		int n = snprintf(json, sizeof json, "{\"class_uid\":4003,\"org\":\"412015\",\"product\":\"unbound\",\"time\":1000000,"
		                 "\"src_endpoint\":{\"ip\":\"10.1.0.5\"},\"dst_endpoint\":{\"ip\":\"100.64.1.53\"},\"query\":{\"hostname\":\"%s\"%s}}", name, zone);
		assert_int_equal(engine_event(e, &(struct engine_event){ .json = { json, (size_t)n }, .record = STR("412015/events/000001/1") }, NULL), 0);
		if (strcmp(seen_name, i % 2 ? "" : rows[i / 2].seen) != 0 || seen_ip != (i % 2 == 1)) /* a zone of ours: its question is somebody's outside */
			fail_msg("%s: '%s'", name, seen_name);
	}
	engine_destroy(&e);
	ruleset_destroy(&s);
}

/* A flood of groups: memory stays below the ceiling, the oldest go and are counted, the youngest still fire. */
static void test_ceiling(void **state)
{
	(void)state;
	struct run r;
	struct correlate_stats st;
	begin(&r, COUNT("gte: 3"), 256 * 1024);
	for (int i = 0; i < 5000; i++) {
		char f[64];
		snprintf(f, sizeof f, "\"K\":\"one\",\"G\":\"g%d\"", i);
		event(&r, "412015", 1000000 + i, f);
		correlator_stats(engine_correlator(r.e), &st);
		assert_true(st.bytes <= 256 * 1024);
	}
	assert_true(st.evicted > 2000 && st.groups + st.evicted == 5000);
	for (int i = 0; i < 2; i++)
		event(&r, "412015", 1006000, "\"K\":\"one\",\"G\":\"g4999\"");
	assert_int_equal(r.found.n, 1);
	engine_tick(r.e, 1000000 + 1000000);
	correlator_stats(engine_correlator(r.e), &st);
	assert_int_equal(st.groups, 0);
	assert_int_equal(st.bytes, 0);
	end(&r);
}

/* ---- order: what comes in shuffled, within the horizon, gives what it gives in order */

#define HORIZON 5000
#define EACH(name, type, rules, cond) "title: " name "\nid: " name "\nname: " name "\ncorrelation:\n    type: " type "\n    rules: [" rules "]\n" \
	"    group-by: [G]\n    timespan: 20s\n" cond "    generate: true\n---\n"
#define IF(cond) "    condition:\n        " cond "\n"
#define OF(cond) "    condition:\n        field: V\n        " cond "\n"
static const char all_types[] = EACH("many", "event_count", "first", IF("gte: 4")) EACH("few", "event_count", "first, second", IF("lt: 3"))
	EACH("values", "value_count", "first, second", OF("gte: 5")) EACH("fewvalues", "value_count", "second", OF("eq: 2"))
	EACH("sum", "value_sum", "first, third", OF("gte: 25")) EACH("low", "value_sum", "third", OF("lt: 9")) EACH("avg", "value_avg", "second", OF("gt: 5"))
	EACH("median", "value_percentile", "first", "    condition:\n        field: V\n        percentile: 50\n        gte: 4\n")
	EACH("rare", "value_percentile", "second, third", OF("lt: 30")) EACH("all", "temporal", "first, second, third", "")
	EACH("row", "temporal_ordered", "first, second, third", "") EACH("top", "temporal_ordered", "many, second, few", "")
	EACH("tops", "event_count", "few, rare, row", IF("gte: 2")) BASE;

struct sent {
	int64_t time, arrives;
	unsigned no;
	char kind, group, org;
	int value;
};

static int by_arrival(const void *a, const void *b)
{
	const struct sent *x = a, *y = b;
	return x->arrives != y->arrives ? (x->arrives > y->arrives) - (x->arrives < y->arrives) : (x->no > y->no) - (x->no < y->no);
}

struct told {
	char *list[4000];
	size_t n;
};

static void keep_told(const struct finding *f, void *user)
{
	struct told *t = user;
	struct buf b;
	buf_init(&b, MIB);
	finding_format(f, &b);
	assert_true(t->n < ARRAY_LEN(t->list));
	t->list[t->n++] = mem_strndup(b.ptr, b.len);
	buf_done(&b);
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void free_told(struct told *t)
{
	for (size_t i = 0; i < t->n; i++)
		mem_free(t->list[i]);
}

static struct engine *start(const struct ruleset *s, struct told *t)
{
	struct engine *e;
	struct err err = { 0 };
	struct engine_opts o = { .rules = s, .horizon_ms = HORIZON, .on_finding = keep_told, .user = t };
	assert_int_equal(engine_create(&o, &e, &err), 0);
	return e;
}

static void send_one(struct engine *e, const struct sent *x)
{
	static const char *const kinds[] = { "one", "two", "three" };
	char json[300], record[64];
	int n = snprintf(json, sizeof json, "{\"category\":\"test\",\"org\":\"41201%d\",\"time\":%lld,\"ingest_time\":%lld,\"K\":\"%s\",\"G\":\"g%d\",\"V\":%d}",
	                 x->org, (long long)x->time, (long long)x->arrives, kinds[(int)x->kind], x->group, x->value);
	snprintf(record, sizeof record, "41201%d/events/000001/%u", x->org, x->no);
	struct engine_event ev = { .json = { json, (size_t)n }, .record = str_from(record) };
	assert_int_equal(engine_event(e, &ev, NULL), 0);
}

/* cut: after so many the state is saved, and another engine goes on. */
static void run_all(const struct ruleset *s, const struct sent *list, unsigned n, unsigned cut, struct told *t)
{
	struct engine *e = start(s, t);
	for (unsigned i = 0; i < n; i++) {
		if (cut && i == cut) {
			struct buf b;
			buf_init(&b, 16 * MIB);
			correlator_save(engine_correlator(e), &b);
			engine_destroy(&e);
			e = start(s, t);
			assert_int_equal(correlator_restore(engine_correlator(e), buf_view(&b)), 0);
			buf_done(&b);
		}
		send_one(e, &list[i]);
	}
	engine_tick(e, INT64_MAX / 4);
	struct correlate_stats st;
	correlator_stats(engine_correlator(e), &st);
	assert_int_equal(st.groups + st.held + st.late + st.bytes + st.dropped, 0);
	engine_destroy(&e);
	qsort(t->list, t->n, sizeof *t->list, by_text);
}

static void same_told(const struct told *a, const struct told *b, unsigned round, const char *what)
{
	for (size_t i = 0; i < a->n || i < b->n; i++)
		if (i >= a->n || i >= b->n || strcmp(a->list[i], b->list[i]) != 0)
			fail_msg("round %u, %s: %zu findings in order, %zu so\n%s\n%s", round, what, a->n, b->n, i < a->n ? a->list[i] : "-", i < b->n ? b->list[i] : "-");
}

static void test_shuffled(void **state)
{
	(void)state;
	struct ruleset *s;
	struct err err = { 0 };
	size_t all = 0;
	assert_int_equal(ruleset_load_text(STR(all_types), "c.yml", &(struct ruleset_opts){ .on_fault = fail_fault }, &s, &err), 0);
	for (unsigned round = 1; round <= 60; round++) {
		static struct sent list[150];
		static struct told in_order, shuffled, cut;
		unsigned n = 30 + round * 2;
		rnd_hold(round);
		in_order.n = shuffled.n = cut.n = 0;
		int64_t time = 1795386357000;
		for (unsigned i = 0; i < n; i++) {
			time += (int64_t)(rnd_u64() % (round % 2 ? 1500 : 4000));
			list[i] = (struct sent){ .time = time, .arrives = time, .no = i, .kind = (char)(rnd_u64() % 3), .group = (char)(rnd_u64() % 3),
				.org = (char)(rnd_u64() % 2), .value = (int)(rnd_u64() % 10) };
		}
		run_all(s, list, n, 0, &in_order);
		for (unsigned i = 0; i < n; i++)
			list[i].arrives += (int64_t)(rnd_u64() % HORIZON);
		qsort(list, n, sizeof *list, by_arrival);
		run_all(s, list, n, 0, &shuffled);
		same_told(&in_order, &shuffled, round, "shuffled");
		run_all(s, list, n, 1 + (unsigned)(rnd_u64() % (n - 1)), &cut);
		same_told(&in_order, &cut, round, "shuffled and restarted");
		all += in_order.n;
		free_told(&in_order);
		free_told(&shuffled);
		free_told(&cut);
	}
	rnd_hold(0);
	assert_true(all > 5000); /* it was about something */
	ruleset_destroy(&s);
}

/* Later than the horizon: still counted where it can be, but the result says that it may not be whole. */
static void test_too_late(void **state)
{
	(void)state;
	static const struct {
		int64_t late;
		bool incomplete;
	} rows[] = { { HORIZON, false }, { HORIZON + 1, true } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ruleset *s;
		struct err err = { 0 };
		static struct told t;
		struct correlate_stats st;
		t.n = 0;
		assert_int_equal(ruleset_load_text(STR(COUNT("gte: 3")), "c.yml", NULL, &s, &err), 0);
		struct engine *e = start(s, &t);
		int64_t at = 1795386357000;
		send_one(e, &(struct sent){ .time = at, .arrives = at, .no = 1 });
		send_one(e, &(struct sent){ .time = at - 1000, .arrives = at - 1000 + rows[i].late, .no = 2 });
		send_one(e, &(struct sent){ .time = at + 4000, .arrives = at + 8000, .no = 3, .group = 1 });
		send_one(e, &(struct sent){ .time = at + 5000, .arrives = at + 8000, .no = 4 });
		engine_tick(e, at + 100000);
		size_t told = 0;
		for (size_t k = 0; k < t.n; k++)
			if (strstr(t.list[k], "\"id\":\"c\"")) {
				assert_int_equal(strstr(t.list[k], "\"incomplete\":true") != NULL, rows[i].incomplete);
				assert_non_null(strstr(t.list[k], "\"count\":3"));
				told++;
			}
		assert_int_equal(told, 1);
		correlator_stats(engine_correlator(e), &st);
		assert_int_equal(st.late, rows[i].incomplete);
		free_told(&t);
		engine_destroy(&e);
		ruleset_destroy(&s);
	}
}

/* A flood within the horizon: what is held has its ceiling too, the rest goes on before its time and is counted. */
static void test_held_ceiling(void **state)
{
	(void)state;
	struct run r;
	struct correlate_stats st;
	struct err err = { 0 };
	r = (struct run){ 0 };
	assert_int_equal(ruleset_load_text(STR(COUNT("gte: 3")), "c.yml", NULL, &r.s, &err), 0);
	struct engine_opts o = { .rules = r.s, .correlation_bytes = 256 * 1024, .horizon_ms = HORIZON, .on_finding = keep, .user = &r.found };
	assert_int_equal(engine_create(&o, &r.e, &err), 0);
	for (int i = 0; i < 5000; i++) {
		char f[64];
		snprintf(f, sizeof f, "\"K\":\"one\",\"G\":\"g%d\"", i);
		event(&r, "412015", 1000000 + i / 2, f);
		correlator_stats(engine_correlator(r.e), &st);
		assert_true(st.bytes <= 256 * 1024);
	}
	assert_true(st.hurried > 1000 && st.held > 200);
	engine_tick(r.e, 2000000);
	correlator_stats(engine_correlator(r.e), &st);
	assert_int_equal(st.held, 0);
	end(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_cases), cmocka_unit_test(test_orgs_apart), cmocka_unit_test(test_restart),
		cmocka_unit_test(test_damaged_state), cmocka_unit_test(test_ceiling),
		cmocka_unit_test(test_long_values), cmocka_unit_test(test_shuffled), cmocka_unit_test(test_too_late),
		cmocka_unit_test(test_held_ceiling), cmocka_unit_test(test_wrong_clock), cmocka_unit_test(test_times_far_off), cmocka_unit_test(test_asked_names) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
