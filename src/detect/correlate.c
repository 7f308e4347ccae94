/* Fired rules -> correlations; see correlate.h. Between match.c and engine.c. The parts stand in correlate_parts.h. */
#include "detect/correlate_parts.h"

#include "base/err.h"
#include "base/mem.h"

#define CHAIN 8 /* correlations above each other */

static void one(struct correlator *c, const struct use *u, const struct correlate_hit *hit, unsigned depth)
{
	const struct rule *r = u->correlation;
	const struct correlation *k = r->correlation;
	struct entry e = { .time = hit->time, .slot = (uint16_t)u->slot, .action = (uint8_t)hit->action, .salt = hit->salt };
	struct buf key;
	str_copy(hit->record, e.record, sizeof e.record);
	if (k->type == CORRELATION_VALUE_COUNT && !correlate_value(k, u->slot, hit, &e.value))
		return;
	buf_init(&key, CORRELATE_KEY);
	bool ok = correlate_key(c, r, u->slot, hit, &key);
	struct group *g = ok ? map_get(&c->groups, buf_view(&key)) : NULL;
	if (ok && !g && !(g = group_make(c, r, buf_view(&key))))
		c->stats.dropped++;
	buf_done(&key);
	if (!g)
		return;
	group_touch(c, g);
	window_take(c, g, &e, hit, depth);
	groups_make_room(c);
}

void correlate_chain(struct correlator *c, const struct rule *r, const struct correlate_hit *hit, unsigned depth)
{
	if (depth > CHAIN)
		return;
	/* The last slot first: an event that is several steps of a sequence is one step only. */
	for (uint32_t i = c->use_from[r->index + 1]; i-- > c->use_from[r->index];)
		one(c, &c->uses[i], hit, depth);
}

void correlator_hit(struct correlator *c, const struct correlate_hit *hit)
{
	correlate_chain(c, hit->rule, hit, 0);
}

bool correlator_wants(const struct correlator *c, const struct rule *r, bool *ret_sample)
{
	*ret_sample = false;
	for (uint32_t i = c->use_from[r->index]; i < c->use_from[r->index + 1]; i++)
		*ret_sample |= !c->uses[i].correlation->correlation->eager;
	return c->use_from[r->index] < c->use_from[r->index + 1];
}

static bool useless(const struct group *g, int64_t now)
{
	int64_t span = g->rule->correlation->timespan_ms;
	return now > g->quiet_until && (g->n == 0 || now > g->list[g->n - 1].time + 2 * span);
}

void correlator_tick(struct correlator *c, int64_t now_ms)
{
	struct group *next;
	for (struct group *g = c->late_windows ? c->oldest : NULL; g; g = next) {
		next = g->newer;
		const struct correlation *k = g->rule->correlation;
		/* or lies in the future by more than itself: the clock was set back, and no event has come since to say so */
		if (!k->eager && g->n &&
		    (now_ms > g->list[0].time + k->timespan_ms || now_ms < g->list[0].time - k->timespan_ms))
			window_judge(c, g);
	}
	while (c->oldest && useless(c->oldest, now_ms))
		group_drop(c, c->oldest);
}

void correlator_clock_set(struct correlator *c, struct str org, int64_t by_ms)
{
	for (struct group *g = c->oldest; g; g = g->newer) {
		if (!str_eq(correlate_org(g), org))
			continue;
		for (uint32_t i = 0; i < g->n; i++) {
			g->list[i].time += by_ms;
			if (g->rule->correlation->type == CORRELATION_ORDERED)
				g->list[i].value = (uint64_t)((int64_t)g->list[i].value + by_ms);
		}
		g->quiet_until += g->quiet_until ? by_ms : 0;
	}
}

void correlator_stats(const struct correlator *c, struct correlate_stats *ret)
{
	*ret = c->stats;
	ret->groups = c->groups.len;
	ret->bytes = c->bytes;
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

static bool fill_uses(struct correlator *c)
{
	const struct ruleset *s = c->s;
	uint32_t n = 0;
	for (const struct rule *r = s->first; r; r = r->next)
		n += r->correlation ? r->correlation->n_rules : 0;
	c->uses = mem_array(n + 1u, sizeof *c->uses);
	c->use_from = mem_array(s->n_rules + 1u, sizeof *c->use_from);
	c->digests = mem_array(s->n_rules + 1u, sizeof *c->digests);
	if (!c->uses || !c->use_from || !c->digests)
		return false;
	n = 0;
	for (uint32_t i = 0; i < s->n_rules; i++) {
		const struct rule *r = s->rules[i];
		c->use_from[i] = n;
		if (r->correlated)
			n += count_uses(s, r, c->uses + n);
		if (r->correlation) {
			c->digests[i] = correlate_digest(r);
			c->late_windows |= !r->correlation->eager;
		}
	}
	c->use_from[s->n_rules] = n;
	return true;
}

int correlator_create(const struct ruleset *s, size_t max_bytes, correlate_fn fn, void *user, struct correlator **ret,
                      struct err *err)
{
	struct correlator *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	c->s = s;
	c->fn = fn;
	c->user = user;
	c->max = max_bytes;
	map_init(&c->groups, CORRELATE_GROUPS);
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
	map_done(&c->groups);
	mem_free(c->uses);
	mem_free(c->use_from);
	mem_free(c->digests);
	mem_free(c);
	*cp = NULL;
}
