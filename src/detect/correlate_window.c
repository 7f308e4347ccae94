/* What the events of a group amount to, by the type of the correlation; see correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/mem.h"

#include <stdio.h>

static void identity(const struct entry *e, char dst[CORRELATE_RECORD + 20])
{
	if (e->salt)
		snprintf(dst, CORRELATE_RECORD + 20, "%s#%016llx", e->record, (unsigned long long)e->salt);
	else
		snprintf(dst, CORRELATE_RECORD + 20, "%s", e->record);
}

static void fire(struct correlator *c, struct group *g, const struct correlate_hit *hit, unsigned depth)
{
	char first[CORRELATE_RECORD + 20];
	struct correlate_result res = { .rule = g->rule, .group = { g->key, g->key_len }, .count = g->seen > g->n ? g->seen : g->n,
		.first_time = g->list[0].time, .last_time = g->list[0].time };
	const struct entry *start = &g->list[0];
	for (uint32_t i = 0; i < g->n; i++) {
		const struct entry *e = &g->list[i];
		if (e->time < start->time)
			start = e;
		if (e->time > res.last_time)
			res.last_time = e->time;
		if (e->action == FINDING_ALLOWED || res.action == FINDING_UNKNOWN)
			res.action = (enum finding_action)e->action;
		if (res.n_records < FINDING_RECORDS && e->record[0])
			res.records[res.n_records++] = e->record;
	}
	res.first_time = start->time;
	identity(start, first);
	res.first = str_from(first);
	if (!hit)
		res.sample = (struct str){ g->sample, g->sample_len };
	c->stats.fired++;
	c->fn(&res, c->user);
	g->n = 0;
	g->seen = 0;
	if (hit) {
		g->quiet_until = res.last_time + g->rule->correlation->timespan_ms;
		correlate_chain(c, g->rule, hit, depth + 1);
	}
}

static bool satisfied(const struct correlation *k, uint64_t n)
{
	for (unsigned i = 0; i < k->n_cond; i++) {
		uint64_t v = k->cond[i].value;
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

/* ---- counts */

/* Entries older than a timespan before the newest go. False: the event itself is too old. */
static bool slide(struct correlator *c, struct group *g, const struct entry *e)
{
	int64_t span = g->rule->correlation->timespan_ms;
	int64_t newest = g->n && g->list[g->n - 1].time > e->time ? g->list[g->n - 1].time : e->time;
	uint32_t old = 0;
	while (old < g->n && g->list[old].time < newest - span)
		old++;
	group_remove_first(g, old);
	if (e->time >= newest - span)
		return true;
	c->stats.late++;
	return false;
}

static uint32_t keep(const struct correlation *k)
{
	return k->threshold > CORRELATE_KEEP ? (uint32_t)k->threshold : CORRELATE_KEEP;
}

/* An event from long before the quiet time (a clock that was set back) isn't kept silent by it. */
static bool is_quiet(const struct group *g, int64_t time)
{
	return time < g->quiet_until && time >= g->quiet_until - 3 * g->rule->correlation->timespan_ms;
}

static void count_now(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit,
                      unsigned depth)
{
	const struct correlation *k = g->rule->correlation;
	if (!slide(c, g, e))
		return;
	if (k->type == CORRELATION_VALUE_COUNT)
		for (uint32_t i = 0; i < g->n; i++)
			if (g->list[i].value == e->value) { /* seen already: it is as young as its last event */
				memmove(g->list + i, g->list + i + 1, (g->n - i - 1) * sizeof *g->list);
				g->n--;
				break;
			}
	if (g->n >= keep(k))
		group_remove_first(g, 1);
	if (group_insert(c, g, e) && g->n >= k->threshold && !is_quiet(g, e->time))
		fire(c, g, hit, depth);
}

void window_judge(struct correlator *c, struct group *g)
{
	if (g->n && satisfied(g->rule->correlation, g->seen))
		fire(c, g, NULL, 0);
	g->n = 0;
	g->seen = 0;
}

static void count_later(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit)
{
	int64_t span = g->rule->correlation->timespan_ms;
	if (g->n && e->time > g->list[0].time + span)
		window_judge(c, g);
	if (g->n && e->time < g->list[0].time - span) {
		c->stats.late++;
		return;
	}
	g->seen++;
	group_sample(c, g, hit->sample);
	if (g->n < CORRELATE_KEEP)
		group_insert(c, g, e);
}

/* ---- temporal: one event a rule */

static struct entry *slot_of(struct group *g, unsigned slot)
{
	for (uint32_t i = 0; i < g->n; i++)
		if (g->list[i].slot == slot)
			return &g->list[i];
	return NULL;
}

static void set_slot(struct correlator *c, struct group *g, const struct entry *e)
{
	struct entry *was = slot_of(g, e->slot);
	if (was) {
		uint32_t i = (uint32_t)(was - g->list);
		memmove(was, was + 1, (g->n - i - 1) * sizeof *was);
		g->n--;
	}
	group_insert(c, g, e);
}

static void temporal(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit,
                     unsigned depth)
{
	if (!slide(c, g, e))
		return;
	set_slot(c, g, e);
	if (g->n == g->rule->correlation->n_rules && !is_quiet(g, e->time))
		fire(c, g, hit, depth);
}

/* value = when the youngest sequence that reaches this slot began. */
static void ordered(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit,
                    unsigned depth)
{
	const struct correlation *k = g->rule->correlation;
	struct entry new = *e;
	const struct entry *before = e->slot ? slot_of(g, e->slot - 1u) : NULL;
	if (e->slot && (!before || before->time > e->time || e->time - (int64_t)before->value > k->timespan_ms))
		return;
	new.value = e->slot ? before->value : (uint64_t)e->time;
	set_slot(c, g, &new);
	if (e->slot + 1u == k->n_rules && g->n == k->n_rules && !is_quiet(g, e->time))
		fire(c, g, hit, depth);
}

void window_take(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit, unsigned depth)
{
	const struct correlation *k = g->rule->correlation;
	if (!k->eager)
		count_later(c, g, e, hit);
	else if (k->type == CORRELATION_TEMPORAL)
		temporal(c, g, e, hit, depth);
	else if (k->type == CORRELATION_ORDERED)
		ordered(c, g, e, hit, depth);
	else
		count_now(c, g, e, hit, depth);
}
