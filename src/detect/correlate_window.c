/* What the events of a group amount to, by the type of the correlation; see correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define JITTER_LEAST 8u /* intervals; fewer say nothing */
#define KEEP_JUDGED 10000u /* values a window that is judged later remembers; beyond, the result is incomplete */

static const struct rule *rule_of(const struct correlator *c, const struct group *g)
{
	return c->s->rules[g->rule];
}

/* ---- telling */

static void identity(const struct correlator *c, const struct entry *e, char dst[CORRELATE_RECORD + 20])
{
	char record[CORRELATE_RECORD];
	names_text(&c->names, e->record, record);
	if (e->salt)
		snprintf(dst, CORRELATE_RECORD + 20, "%s#%016llx", record, (unsigned long long)e->salt);
	else
		snprintf(dst, CORRELATE_RECORD + 20, "%s", record);
}

struct telling {
	struct correlate_result res;
	char first[CORRELATE_RECORD + 20], records[FINDING_RECORDS][CORRELATE_RECORD];
	const struct entry *start;
};

static void tell_entry(const struct correlator *c, struct telling *t, const struct entry *e)
{
	if (!t->start || e->time < t->start->time)
		t->start = e;
	if (e->time > t->res.last_time)
		t->res.last_time = e->time;
	if (e->action == FINDING_ALLOWED || t->res.action == FINDING_UNKNOWN)
		t->res.action = (enum finding_action)e->action;
	if (t->res.n_records == FINDING_RECORDS)
		return;
	names_text(&c->names, e->record, t->records[t->res.n_records]);
	if (!t->records[t->res.n_records][0])
		return;
	t->res.records[t->res.n_records] = t->records[t->res.n_records];
	t->res.n_records++;
}

/* The hit goes on to the correlations above: on its own timeline now, on the later one when its time has come. */
static void chain(struct correlator *c, const struct rule *r, const struct taken *t, unsigned depth)
{
	struct correlate_hit hit = *t->hit;
	struct taken up = *t;
	unsigned line = c->line_of[r->index];
	hit.rule = r;
	up.hit = &hit;
	if (line == 0 && c->used_on[r->index] & 2u)
		time_take(c, &hit, t->org, 1);
	correlate_chain(c, r, line, &up, depth + 1);
}

/* of_hash: only the entries of this value; 0: all. slot: the rule of the hit's event. */
static void fire(struct correlator *c, struct group_at at, const struct taken *t, unsigned slot, uint64_t of_hash, unsigned depth)
{
	struct group *g = group_of(c, at);
	const struct rule *r = rule_of(c, g);
	struct telling tell = { .res = { .rule = r, .root = t->hit->root, .org = t->hit->org, .incomplete = g->incomplete } };
	struct buf key;
	uint64_t seen = g->more ? g->more->seen : 0, n = 0;
	for (uint32_t i = 0; i < g->n; i++)
		if (group_entry(g, i)->weight && (!of_hash || group_entry(g, i)->v.hash == of_hash)) {
			tell_entry(c, &tell, group_entry(g, i));
			n += group_entry(g, i)->weight;
		}
	buf_init(&key, CORRELATE_KEY);
	if (tell.start && correlate_key(c, r, slot, t->hit->org, t->hit->root, &key)) {
		tell.res.group = buf_view(&key);
		tell.res.first_time = tell.start->time;
		tell.res.count = !of_hash && seen > n ? seen : n;
		identity(c, tell.start, tell.first);
		tell.res.first = str_from(tell.first);
		c->stats.fired++;
		c->o.fn(&tell.res, c->o.user);
	}
	buf_done(&key);
	if (of_hash)
		return;
	if (r->correlation->eager)
		g->quiet_until = tell.res.last_time + r->correlation->timespan_ms;
	group_empty(c, at);
	chain(c, r, t, depth);
}

/* ---- counts */

/* Entries older than a timespan before the newest go. False: the event itself is too old. */
static bool slide(struct correlator *c, struct group_at at, const struct entry *e)
{
	struct group *g = group_of(c, at);
	int64_t span = rule_of(c, g)->correlation->timespan_ms;
	int64_t newest = g->n && g->newest > e->time ? g->newest : e->time;
	uint32_t old = 0;
	if (g->n && g->oldest < newest - span) {
		while (old < g->n && group_entry(g, old)->time < newest - span)
			old++;
		group_remove_first(c, at, old);
	}
	if (old && g->n == 0)
		g->incomplete = false;
	if (e->time >= newest - span)
		return true;
	c->stats.late += c->o.horizon_ms < 0; /* else it was counted when it came */
	g->incomplete = true;
	return false;
}

static uint32_t keep(const struct correlation *k)
{
	if (k->type == CORRELATION_SUM)
		return KEEP_JUDGED;
	return k->threshold > CORRELATE_KEEP ? (uint32_t)k->threshold : CORRELATE_KEEP;
}

/* An event from long before the quiet time (a clock that was set back) isn't kept silent by it. */
static bool is_quiet(const struct correlator *c, const struct group *g, int64_t time)
{
	return time < g->quiet_until && time >= g->quiet_until - 3 * rule_of(c, g)->correlation->timespan_ms;
}

/* A value seen already is as young as its last event. */
static void supersede(struct correlator *c, struct group_at at, uint64_t hash)
{
	struct entry *was = group_by_value(c, at, hash);
	struct group *g = group_of(c, at);
	if (!was)
		return;
	if (!g->more) { /* few: no need to keep what is dead */
		group_remove(c, at, (uint32_t)(was - group_entry(g, 0)));
		return;
	}
	was->weight = 0;
	g->more->dead++;
	while (g->n && group_entry(g, 0)->weight == 0)
		group_remove_first(c, at, 1);
	if (g->more->dead > g->n / 2)
		group_compact(c, at);
}

static uint32_t living(const struct group *g)
{
	return g->n - (g->more ? g->more->dead : 0);
}

/* Sums of more events than are kept: the two oldest become one, which leaves the window with the younger. */
static void merge_oldest(struct correlator *c, struct group_at at)
{
	struct group *g = group_of(c, at);
	struct entry *a = group_entry(g, 0), *b = group_entry(g, 1);
	double add = a->v.number;
	b->weight += a->weight;
	group_remove_first(c, at, 1);
	b->v.number += add;
	g->more->sum += add;
}

static bool satisfied(const struct correlation *k, double n)
{
	for (unsigned i = 0; i < k->n_cond; i++) {
		double v = k->cond[i].value;
		bool ok = false;
		switch (k->cond[i].op) {
		case COMPARE_LT: ok = n < v; break;
		case COMPARE_LTE: ok = n <= v; break;
		case COMPARE_GT: ok = n > v; break;
		case COMPARE_GTE: ok = n >= v; break;
		case COMPARE_EQ: ok = n == v; break;
		case COMPARE_NEQ: ok = n != v; break;
		}
		if (!ok)
			return false;
	}
	return true;
}

static void count_now(struct correlator *c, struct group_at at, const struct entry *e, const struct taken *t, unsigned depth)
{
	struct group *g = group_of(c, at);
	const struct correlation *k = rule_of(c, g)->correlation;
	if (!slide(c, at, e))
		return;
	if (k->type == CORRELATION_VALUE_COUNT)
		supersede(c, at, e->v.hash);
	if (g->n >= keep(k) && k->type == CORRELATION_SUM)
		merge_oldest(c, at);
	else if (living(g) >= keep(k))
		group_remove_first(c, at, 1);
	if (!group_insert(c, at, e) || is_quiet(c, g, e->time))
		return;
	if (k->type == CORRELATION_SUM ? satisfied(k, g->more->sum) : living(g) >= k->threshold)
		fire(c, at, t, e->slot, 0, depth);
}

/* ---- windows that are judged when their time has passed */

static int by_number(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

/* Nearest rank: the least value that at least so many percent of all don't exceed. */
static double percentile(const struct group *g, double percent)
{
	double *list = mem_array(g->n, sizeof *list), v = 0;
	if (!list)
		return 0;
	for (uint32_t i = 0; i < g->n; i++)
		list[i] = group_entry(g, i)->v.number;
	qsort(list, g->n, sizeof *list, by_number);
	double rank = percent / 100 * g->n;
	uint32_t at = (uint32_t)rank + (rank > (uint32_t)rank);
	v = list[at ? at - 1 : 0];
	mem_free(list);
	return v;
}

static double median(double *list, uint32_t n)
{
	qsort(list, n, sizeof *list, by_number);
	return n % 2 ? list[n / 2] : (list[n / 2 - 1] + list[n / 2]) / 2;
}

/* How irregular: the median deviation from the median interval, as a share of it. A clock gives 0, one that is shaken by
 * ±20 % gives 0.1, people give 0.5 and more; a few that are missing or doubled change little. Events within a second are one. */
static double jitter(const struct group *g)
{
	double *list = mem_array(g->n, sizeof *list), m;
	uint32_t n = 0;
	int64_t before = group_entry(g, 0)->time;
	for (uint32_t i = 1; list && i < g->n; i++) {
		int64_t time = group_entry(g, i)->time;
		if (time - before < 1000)
			continue;
		list[n++] = (double)(time - before);
		before = time;
	}
	if (n < JITTER_LEAST) {
		mem_free(list);
		return INFINITY;
	}
	m = median(list, n);
	for (uint32_t i = 0; i < n; i++)
		list[i] = fabs(list[i] - m);
	m = median(list, n) / m;
	mem_free(list);
	return m;
}

static int by_hash(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return (x > y) - (x < y);
}

/* The values whose share of all events, in percent, satisfies the condition: a finding for each. */
static void judge_shares(struct correlator *c, struct group_at at, const struct taken *t, unsigned slot)
{
	struct group *g = group_of(c, at);
	uint64_t *list = mem_array(g->n, sizeof *list);
	uint32_t n = g->n;
	for (uint32_t i = 0; list && i < n; i++)
		list[i] = group_entry(g, i)->v.hash;
	if (list)
		qsort(list, n, sizeof *list, by_hash);
	bool any = false;
	for (uint32_t i = 0, k = 0; list && i < n; i = k) {
		while (k < n && list[k] == list[i])
			k++;
		if (!satisfied(rule_of(c, g)->correlation, 100.0 * (k - i) / n))
			continue;
		fire(c, at, t, slot, list[i] ? list[i] : 1, 0);
		any = true;
	}
	mem_free(list);
	const struct rule *r = rule_of(c, g);
	group_empty(c, at);
	if (any)
		chain(c, r, t, 0);
}

static bool amounts(const struct group *g, const struct correlation *k)
{
	double seen = (double)g->more->seen;
	switch (k->type) {
	case CORRELATION_VALUE_COUNT: return satisfied(k, living(g));
	case CORRELATION_SUM: return satisfied(k, g->more->sum);
	case CORRELATION_AVG: return satisfied(k, g->more->sum / seen);
	case CORRELATION_PERCENTILE: return satisfied(k, percentile(g, k->percentile));
	/* What is as regular as a clock goes on: for half of the timespan at least. */
	default: return satisfied(k, seen) && (k->jitter == 0 || ((g->newest - g->oldest) * 2 >= k->timespan_ms && jitter(g) <= k->jitter));
	}
}

/* The group's last event stands for the window; it is the caller's from now on. */
static char *take_sample(struct correlator *c, struct group_at at, size_t *ret_len)
{
	struct group_more *m = group_of(c, at)->more;
	char *p = m ? m->sample : NULL;
	*ret_len = p ? m->sample_len : 0;
	c->shards[at.shard].bytes -= *ret_len;
	if (m) {
		m->sample = NULL;
		m->sample_len = 0;
	}
	return p;
}

static void judge(struct correlator *c, struct group_at at, struct str json, yyjson_val *root)
{
	struct group *g = group_of(c, at);
	const struct rule *r = rule_of(c, g);
	const struct correlation *k = r->correlation;
	const struct entry *last = group_entry(g, g->n - 1);
	char record[CORRELATE_RECORD];
	/* The window counts above at the moment it ended. */
	struct correlate_hit hit = { .rule = r, .json = json, .root = root, .time = group_entry(g, 0)->time + k->timespan_ms,
		.org = str_from(c->orgs[g->org]->code), .salt = last->salt, .action = (enum finding_action)last->action };
	struct taken t = { .hit = &hit, .org = g->org, .record = last->record, .named = true };
	unsigned slot = g->more->sample_slot;
	names_text(&c->names, last->record, record);
	hit.record = str_from(record);
	names_keep(&c->names, t.record);
	if (k->type == CORRELATION_SHARE)
		judge_shares(c, at, &t, slot);
	else if (amounts(g, k))
		fire(c, at, &t, slot, 0, 0);
	else
		group_empty(c, at);
	names_drop(&c->names, t.record);
}

void window_judge(struct correlator *c, struct group_at at)
{
	size_t len;
	char *sample = take_sample(c, at, &len);
	yyjson_doc *doc = sample ? yyjson_read(sample, len, 0) : NULL;
	if (doc && group_of(c, at)->n)
		judge(c, at, (struct str){ sample, len }, yyjson_doc_get_root(doc));
	else
		group_empty(c, at);
	yyjson_doc_free(doc);
	mem_free(sample);
}

static void count_later(struct correlator *c, struct group_at at, const struct entry *e, const struct taken *t)
{
	struct group *g = group_of(c, at);
	const struct correlation *k = rule_of(c, g)->correlation;
	bool every = k->type == CORRELATION_PERCENTILE || k->type == CORRELATION_SHARE || k->type == CORRELATION_VALUE_COUNT || k->jitter > 0;
	if (g->n && e->time > group_entry(g, 0)->time + k->timespan_ms)
		window_judge(c, at);
	if (g->n && e->time < group_entry(g, 0)->time - k->timespan_ms) {
		c->stats.late += c->o.horizon_ms < 0;
		g->incomplete = true;
		return;
	}
	if (!group_more(c, at)) {
		c->stats.dropped++;
		return;
	}
	bool opens = g->n == 0;
	g->more->seen++;
	g->incomplete |= t->late;
	group_sample(c, at, t->hit->json, e->slot);
	if (k->type == CORRELATION_VALUE_COUNT && group_by_value(c, at, e->v.hash))
		return;
	if (g->n < (every ? KEEP_JUDGED : CORRELATE_KEEP))
		group_insert(c, at, e);
	else if (g->more->sums)
		g->more->sum += e->v.number;
	else if (every)
		g->incomplete = true;
	if (opens && g->n)
		time_window(c, at);
}

/* ---- temporal: one event a rule */

static uint32_t slot_at(const struct group *g, unsigned slot)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (group_entry(g, i)->slot == slot)
			return i;
	return NOBODY;
}

static void set_slot(struct correlator *c, struct group_at at, const struct entry *e)
{
	uint32_t was = slot_at(group_of(c, at), e->slot);
	if (was != NOBODY)
		group_remove(c, at, was);
	group_insert(c, at, e);
}

static void temporal(struct correlator *c, struct group_at at, const struct entry *e, const struct taken *t, unsigned depth)
{
	struct group *g = group_of(c, at);
	if (!slide(c, at, e))
		return;
	set_slot(c, at, e);
	if (g->n >= rule_of(c, g)->correlation->threshold && !is_quiet(c, g, e->time))
		fire(c, at, t, e->slot, 0, depth);
}

/* v.start = when the youngest sequence that reaches this slot began. */
static void ordered(struct correlator *c, struct group_at at, const struct entry *e, const struct taken *t, unsigned depth)
{
	struct group *g = group_of(c, at);
	const struct correlation *k = rule_of(c, g)->correlation;
	struct entry new = *e;
	uint32_t i = e->slot ? slot_at(g, e->slot - 1u) : NOBODY;
	const struct entry *before = i == NOBODY ? NULL : group_entry(g, i);
	if (e->slot && (!before || before->time > e->time || e->time - before->v.start > k->timespan_ms))
		return;
	new.v.start = e->slot ? before->v.start : e->time;
	set_slot(c, at, &new);
	if (e->slot + 1u == k->n_rules && g->n == k->n_rules && !is_quiet(c, g, e->time))
		fire(c, at, t, e->slot, 0, depth);
}

void window_take(struct correlator *c, struct group_at at, const struct entry *e, const struct taken *t, unsigned depth)
{
	struct group *g = group_of(c, at);
	const struct correlation *k = rule_of(c, g)->correlation;
	if (correlation_is_numeric(k)) {
		if (!group_more(c, at)) {
			c->stats.dropped++;
			return;
		}
		g->more->sums = true;
	}
	if (t->late)
		g->incomplete = true;
	if (!k->eager)
		count_later(c, at, e, t);
	else if (k->type == CORRELATION_TEMPORAL)
		temporal(c, at, e, t, depth);
	else if (k->type == CORRELATION_ORDERED)
		ordered(c, at, e, t, depth);
	else
		count_now(c, at, e, t, depth);
}
