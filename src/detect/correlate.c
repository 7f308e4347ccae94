/* Fired rules -> correlations; see correlate.h. Between match.c and engine.c. The parts stand in correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#define CHAIN 8 /* correlations above each other */
#define STEP_MS 60000 /* a clock that is so far ahead isn't merely late */

/* No record is of a year that a group's times can't hold; a broken sender's may say so. */
static int64_t time_within(int64_t t)
{
	return t > CORRELATE_TIME_MAX ? CORRELATE_TIME_MAX : t < -CORRELATE_TIME_MAX ? -CORRELATE_TIME_MAX : t;
}

static bool name(struct correlator *c, struct taken *t)
{
	struct str record = t->hit->record;
	if (!t->named && names_take(&c->names, record.len && record.len < CORRELATE_RECORD ? record : STR(""), &t->record) < 0)
		return false;
	t->named = true;
	return true;
}

static void one(struct correlator *c, const struct use *u, struct taken *t, unsigned depth)
{
	const struct rule *r = u->correlation;
	const struct correlate_hit *hit = t->hit;
	struct entry e = { .time = time_within(hit->time), .slot = (uint8_t)u->slot, .action = (uint8_t)hit->action, .salt = hit->salt, .weight = 1 };
	struct group_at at;
	uint64_t id[2];
	buf_reset(&c->key);
	if (!correlate_value(c, r->correlation, u->slot, hit->root, &e) || !correlate_key(c, r, u->slot, hit->org, hit->root, &c->key))
		return;
	correlate_id(c, &c->key, id);
	group_soon(c, id); /* its place in the table comes while the record is named */
	bool named = name(c, t);
	e.record = t->record;
	if (!named || (!group_find(c, id, &at) && !group_make(c, r, t->org, id, &at))) {
		c->stats.dropped++;
		return;
	}
	struct group *g = group_of(c, at);
	__builtin_prefetch(g->list + g->first);        /* what leaves the window … */
	__builtin_prefetch(g->list + g->first + g->n); /* … and where this one goes: lines that are nowhere near each other */
	g->touched = true;
	window_take(c, at, &e, t, depth);
	groups_make_room(c, at.shard);
}

void correlate_chain(struct correlator *c, const struct rule *r, unsigned line, struct taken *t, unsigned depth)
{
	if (depth > CHAIN)
		return;
	/* The last slot first: an event that is several steps of a sequence is one step only. */
	for (uint32_t i = c->use_from[r->index + 1]; i-- > c->use_from[r->index];)
		if (c->line_of[c->uses[i].correlation->index] == line)
			one(c, &c->uses[i], t, depth);
}

void correlator_hit(struct correlator *c, const struct correlate_hit *hit)
{
	uint8_t lines = c->used_on[hit->rule->index];
	uint32_t org = lines ? time_org(c, hit->org) : NOBODY;
	if (lines && org == NOBODY)
		c->stats.dropped++;
	for (unsigned line = 0; org != NOBODY && line < 2; line++)
		if (lines & 1u << line) {
			time_take(c, hit, org, line);
			time_hurry(c, org, line);
		}
}

bool correlator_wants(const struct correlator *c, const struct rule *r)
{
	return c->used_on[r->index] != 0;
}

void correlator_clock(struct correlator *c, struct str org, int64_t clock_ms)
{
	if (c->waiting == 0)
		return;
	uintptr_t at = (uintptr_t)map_get(&c->orgs_by_code, org);
	if (at)
		time_advance(c, (uint32_t)at - 1, clock_ms);
}

void correlator_tick(struct correlator *c, int64_t now_ms)
{
	for (uint32_t i = 0; i < c->n_orgs; i++)
		if (now_ms > 0 && c->orgs[i]->clock - now_ms > STEP_MS)
			time_back(c, i, now_ms); /* the clock was set back, and no event has come since to say so */
		else
			time_advance(c, i, now_ms);
	groups_expire(c);
}

void correlator_clock_set(struct correlator *c, struct str org, int64_t by_ms)
{
	uintptr_t at = (uintptr_t)map_get(&c->orgs_by_code, org);
	if (!at)
		return;
	time_shift(c, (uint32_t)at - 1, by_ms);
	groups_shift(c, (uint32_t)at - 1, by_ms);
}

void correlator_stats(const struct correlator *c, struct correlate_stats *ret)
{
	*ret = c->stats;
	ret->groups = 0;
	ret->bytes = c->held_bytes + c->names.bytes;
	for (uint32_t i = 0; i < CORRELATE_SHARDS; i++) {
		ret->groups += c->shards[i].n_groups;
		ret->bytes += c->shards[i].bytes;
	}
}

/* ---- made and unmade */

static uint32_t count_uses(const struct ruleset *s, const struct rule *of, struct use *dst)
{
	uint32_t n = 0;
	for (const struct rule *r = s->first; r; r = r->next)
		for (unsigned i = 0; r->correlation && i < r->correlation->n_rules; i++)
			if (r->correlation->rules[i] == of) {
				if (dst)
					dst[n] = (struct use){ r, i };
				n++;
			}
	return n;
}

/* Our own processes hand in within moments; other senders have clocks and queues of their own. */
static bool is_ours(const struct rule *r, unsigned depth)
{
	if (!r->correlation)
		return logsource_is_ours(&r->source);
	for (unsigned i = 0; i < r->correlation->n_rules; i++)
		if (depth == 0 || !is_ours(r->correlation->rules[i], depth - 1))
			return false;
	return true;
}

static bool fill_uses(struct correlator *c)
{
	const struct ruleset *s = c->s;
	uint32_t n = 0;
	for (const struct rule *r = s->first; r; r = r->next)
		n += r->correlation ? r->correlation->n_rules : 0;
	c->uses = mem_array(n + 1u, sizeof *c->uses);
	c->use_from = mem_array(s->n_rules + 1u, sizeof *c->use_from);
	c->digests = mem_array(s->n_rules + 1u, sizeof *c->digests);
	c->line_of = mem_array(s->n_rules + 1u, 1);
	c->used_on = mem_array(s->n_rules + 1u, 1);
	if (!c->uses || !c->use_from || !c->digests || !c->line_of || !c->used_on)
		return false;
	for (uint32_t i = 0; i < s->n_rules; i++)
		if (s->rules[i]->correlation) {
			c->digests[i] = correlate_digest(s->rules[i]);
			c->line_of[i] = !is_ours(s->rules[i], CHAIN);
		}
	n = 0;
	for (uint32_t i = 0; i < s->n_rules; i++) {
		c->use_from[i] = n;
		if (s->rules[i]->correlated)
			n += count_uses(s, s->rules[i], c->uses + n);
		for (uint32_t k = c->use_from[i]; k < n; k++)
			c->used_on[i] = (uint8_t)(c->used_on[i] | 1u << c->line_of[c->uses[k].correlation->index]);
	}
	c->use_from[s->n_rules] = n;
	return true;
}

int correlator_create(const struct correlate_opts *o, struct correlator **ret, struct err *err)
{
	struct correlator *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	c->o = *o;
	c->s = o->rules;
	names_init(&c->names);
	buf_init(&c->key, CORRELATE_KEY);
	map_init(&c->orgs_by_code, CORRELATE_ORGS);
	groups_clear(c);
	rnd_bytes(c->seed, sizeof c->seed);
	if (!fill_uses(c)) {
		correlator_destroy(&c);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	*ret = c;
	return 0;
}

void correlator_destroy(struct correlator **cp)
{
	struct correlator *c = *cp;
	if (!c)
		return;
	groups_clear(c);
	time_clear(c);
	names_done(&c->names);
	map_done(&c->orgs_by_code);
	mem_free(c->uses);
	mem_free(c->use_from);
	mem_free(c->digests);
	mem_free(c->line_of);
	mem_free(c->used_on);
	buf_done(&c->key);
	mem_free(c->json);
	mem_free(c);
	*cp = NULL;
}
