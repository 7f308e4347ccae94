/* What waits until its time has come: hits within the horizon, windows that are due; see correlate_parts.h.
 *
 * Each organisation has a clock (all it sent before has been seen) and two timelines, by horizon. On a timeline everything
 * is taken in the order of its own time, hits before the windows that end with them: what comes out depends on what
 * happened, not on the order in which it arrived. */
#include "detect/correlate_parts.h"

#include "base/err.h"
#include "base/mem.h"

/* ---- heaps, least time first */

/* Of equal times the record's name decides, so that the order of arrival doesn't. */
static int held_order(const struct held *a, const struct held *b)
{
	if (a->time != b->time)
		return a->time < b->time ? -1 : 1;
	struct str x = { a->text, a->record_len }, y = { b->text, b->record_len };
	if (x.len != y.len)
		return x.len < y.len ? -1 : 1;
	int r = x.len ? memcmp(x.ptr, y.ptr, x.len) : 0;
	return r ? r : a->salt != b->salt ? (a->salt < b->salt ? -1 : 1) : (a->rule > b->rule) - (a->rule < b->rule);
}

static bool held_push(struct timeline *t, struct held h)
{
	if (t->n_held == t->cap_held) {
		uint32_t cap = t->cap_held ? t->cap_held * 2 : 16;
		struct held *p = mem_grow(t->held, cap * sizeof *p);
		if (!p)
			return false;
		t->held = p;
		t->cap_held = cap;
	}
	uint32_t i = t->n_held++;
	for (; i > 0 && held_order(&h, &t->held[(i - 1) / 2]) < 0; i = (i - 1) / 2)
		t->held[i] = t->held[(i - 1) / 2];
	t->held[i] = h;
	return true;
}

static struct held held_pop(struct timeline *t)
{
	struct held top = t->held[0], last = t->held[--t->n_held];
	uint32_t i = 0;
	for (uint32_t k = 1; k < t->n_held; k = 2 * i + 1) {
		if (k + 1 < t->n_held && held_order(&t->held[k + 1], &t->held[k]) < 0)
			k++;
		if (held_order(&last, &t->held[k]) <= 0)
			break;
		t->held[i] = t->held[k];
		i = k;
	}
	t->held[i] = last;
	return top;
}

/* Of windows that end together: by rule, then by the event they began with. */
static bool due_before(const struct due *a, const struct due *b)
{
	if (a->time != b->time)
		return a->time < b->time;
	if (a->rule != b->rule)
		return a->rule < b->rule;
	return a->number != b->number ? a->number < b->number : a->salt < b->salt;
}

static bool due_push(struct timeline *t, struct due d)
{
	if (t->n_due == t->cap_due) {
		uint32_t cap = t->cap_due ? t->cap_due * 2 : 16;
		struct due *p = mem_grow(t->due, cap * sizeof *p);
		if (!p)
			return false;
		t->due = p;
		t->cap_due = cap;
	}
	uint32_t i = t->n_due++;
	for (; i > 0 && due_before(&d, &t->due[(i - 1) / 2]); i = (i - 1) / 2)
		t->due[i] = t->due[(i - 1) / 2];
	t->due[i] = d;
	return true;
}

static struct due due_pop(struct timeline *t)
{
	struct due top = t->due[0], last = t->due[--t->n_due];
	uint32_t i = 0;
	for (uint32_t k = 1; k < t->n_due; k = 2 * i + 1) {
		if (k + 1 < t->n_due && due_before(&t->due[k + 1], &t->due[k]))
			k++;
		if (!due_before(&t->due[k], &last))
			break;
		t->due[i] = t->due[k];
		i = k;
	}
	t->due[i] = last;
	return top;
}

/* ---- organisations */

uint32_t time_org(struct correlator *c, struct str code)
{
	uintptr_t was = (uintptr_t)map_get(&c->orgs_by_code, code);
	if (was)
		return (uint32_t)was - 1;
	if (c->n_orgs == CORRELATE_ORGS)
		return c->n_orgs - 1;
	if (c->n_orgs == c->cap_orgs) {
		uint32_t cap = c->cap_orgs ? c->cap_orgs * 2 : 16;
		struct org_clock **p = mem_grow(c->orgs, cap * sizeof *p);
		if (!p)
			return NOBODY;
		c->orgs = p;
		c->cap_orgs = cap;
	}
	struct org_clock *o = mem_alloc(sizeof *o);
	if (!o || map_put(&c->orgs_by_code, code, (void *)(uintptr_t)(c->n_orgs + 1)) < 0) {
		mem_free(o);
		return NOBODY;
	}
	str_copy(code, o->code, sizeof o->code);
	c->orgs[c->n_orgs] = o;
	return c->n_orgs++;
}

static int64_t horizon(const struct correlator *c, unsigned line)
{
	if (c->o.horizon_ms)
		return c->o.horizon_ms > 0 ? c->o.horizon_ms : 0;
	return line ? CORRELATE_LATE_MS : CORRELATE_SOON_MS;
}

/* ---- hits */

static void held_free(struct correlator *c, struct held *h)
{
	c->held_bytes -= sizeof *h + h->record_len + h->json_len;
	c->waiting--;
	c->stats.held--;
	mem_free(h->text);
}

/* Valid until the next. */
static bool parse(struct correlator *c, struct str json, yyjson_val **ret)
{
	yyjson_alc alc;
	size_t need = yyjson_read_max_memory_usage(json.len, 0) + 64;
	if (need > c->json_size) {
		void *p = mem_grow(c->json, need * 2);
		if (!p)
			return false;
		c->json = p;
		c->json_size = need * 2;
	}
	yyjson_alc_pool_init(&alc, c->json, c->json_size);
	*ret = yyjson_doc_get_root(yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, &alc, NULL));
	return yyjson_is_obj(*ret);
}

static void take(struct correlator *c, const struct correlate_hit *hit, uint32_t org, unsigned line, bool late)
{
	struct taken t = { .hit = hit, .org = org, .late = late };
	correlate_chain(c, hit->rule, line, &t, 0);
	if (t.named)
		names_drop(&c->names, t.record);
}

static void take_held(struct correlator *c, uint32_t org, unsigned line, struct held h)
{
	struct str record = { h.text, h.record_len }, json = { h.text + h.record_len, h.json_len };
	struct correlate_hit hit = { .rule = c->s->rules[h.rule], .json = json, .time = h.time, .org = str_from(c->orgs[org]->code),
		.record = record, .salt = h.salt, .action = (enum finding_action)h.action };
	if (parse(c, json, &hit.root))
		take(c, &hit, org, line, false);
	else
		c->stats.dropped++;
	held_free(c, &h);
}

static void judge_due(struct correlator *c, uint32_t org, unsigned line)
{
	struct due d = due_pop(&c->orgs[org]->lines[line]);
	struct group_at at = { d.shard, d.group };
	c->waiting--;
	if (at.place >= c->shards[at.shard].n_made)
		return;
	const struct group *g = group_of(c, at);
	if (!g->used || g->id[0] != d.id[0] || g->id[1] != d.id[1] || g->n == 0)
		return;
	int64_t ends = group_entry(g, 0)->time + c->s->rules[g->rule]->correlation->timespan_ms;
	if (ends > d.time)
		time_window(c, at); /* it has begun anew since */
	else
		window_judge(c, at);
}

/* Everything before `until`, in order. */
static void advance(struct correlator *c, uint32_t org, unsigned line, int64_t until)
{
	struct timeline *t = &c->orgs[org]->lines[line];
	while ((t->n_held && t->held[0].time < until) || (t->n_due && t->due[0].time < until)) {
		bool hit = t->n_held && (!t->n_due || t->held[0].time <= t->due[0].time);
		if (hit)
			take_held(c, org, line, held_pop(t));
		else
			judge_due(c, org, line);
	}
	if (until > t->done)
		t->done = until;
}

void time_advance(struct correlator *c, uint32_t org, int64_t clock_ms)
{
	struct org_clock *o = c->orgs[org];
	if (clock_ms > o->clock)
		o->clock = clock_ms;
	for (unsigned line = 0; line < 2; line++)
		if (o->clock - horizon(c, line) > o->lines[line].done)
			advance(c, org, line, o->clock - horizon(c, line));
}

bool time_hold(struct correlator *c, const struct correlate_hit *hit, uint32_t org, unsigned line)
{
	struct held h = { .time = hit->time, .rule = hit->rule->index, .salt = hit->salt, .action = (uint8_t)hit->action };
	h.record_len = hit->record.len < CORRELATE_RECORD ? (uint32_t)hit->record.len : 0;
	h.json_len = (uint32_t)hit->json.len;
	h.text = mem_alloc(h.record_len + hit->json.len + 1);
	if (!h.text)
		return false;
	if (h.record_len)
		memcpy(h.text, hit->record.ptr, h.record_len);
	memcpy(h.text + h.record_len, hit->json.ptr, hit->json.len);
	if (!held_push(&c->orgs[org]->lines[line], h)) {
		mem_free(h.text);
		return false;
	}
	c->held_bytes += sizeof h + h.record_len + hit->json.len;
	c->waiting++;
	c->stats.held++;
	return true;
}

/* Too much is held: this organisation's oldest is taken before its time. Who comes behind it in time is late then. */
void time_hurry(struct correlator *c, uint32_t org, unsigned line)
{
	struct timeline *t = &c->orgs[org]->lines[line];
	while (t->n_held && c->held_bytes > c->o.max_bytes / 4) {
		c->stats.hurried++;
		advance(c, org, line, t->held[0].time + 1);
	}
}

void time_take(struct correlator *c, const struct correlate_hit *hit, uint32_t org, unsigned line)
{
	bool at_once = c->o.horizon_ms < 0, late = !at_once && hit->time < c->orgs[org]->lines[line].done;
	c->stats.late += late;
	if (late || at_once)
		take(c, hit, org, line, late);
	else if (!time_hold(c, hit, org, line))
		c->stats.dropped++;
}

void time_window(struct correlator *c, struct group_at at)
{
	const struct group *g = group_of(c, at);
	const struct entry *first = group_entry(g, 0);
	struct due d = { .shard = at.shard, .group = at.place, .id = { g->id[0], g->id[1] }, .rule = g->rule, .number = first->record.number,
		.salt = first->salt };
	d.time = first->time + c->s->rules[g->rule]->correlation->timespan_ms;
	if (due_push(&c->orgs[g->org]->lines[c->line_of[g->rule]], d))
		c->waiting++;
	else
		c->stats.dropped++;
}

static void time_drain(struct correlator *c, uint32_t org)
{
	for (unsigned line = 0; line < 2; line++) {
		struct timeline *t = &c->orgs[org]->lines[line];
		while (t->n_held)
			take_held(c, org, line, held_pop(t));
		for (uint32_t n = t->n_due; n > 0 && t->n_due; n--)
			judge_due(c, org, line);
	}
}

void time_back(struct correlator *c, uint32_t org, int64_t clock_ms)
{
	struct org_clock *o = c->orgs[org];
	time_drain(c, org);
	o->clock = clock_ms;
	for (unsigned line = 0; line < 2; line++)
		if (o->lines[line].done > clock_ms - horizon(c, line))
			o->lines[line].done = clock_ms - horizon(c, line);
}

void time_shift(struct correlator *c, uint32_t org, int64_t by_ms)
{
	struct org_clock *o = c->orgs[org];
	o->clock += by_ms;
	for (unsigned line = 0; line < 2; line++) {
		struct timeline *t = &o->lines[line];
		t->done += by_ms;
		for (uint32_t i = 0; i < t->n_held; i++)
			t->held[i].time += by_ms;
		for (uint32_t i = 0; i < t->n_due; i++)
			t->due[i].time += by_ms;
	}
}

void time_clear(struct correlator *c)
{
	for (uint32_t i = 0; i < c->n_orgs; i++) {
		for (unsigned line = 0; line < 2; line++) {
			struct timeline *t = &c->orgs[i]->lines[line];
			while (t->n_held) {
				struct held h = held_pop(t);
				held_free(c, &h);
			}
			c->waiting -= t->n_due;
			mem_free(t->held);
			mem_free(t->due);
		}
		mem_free(c->orgs[i]);
	}
	mem_free(c->orgs);
	c->orgs = NULL;
	c->n_orgs = c->cap_orgs = 0;
	map_done(&c->orgs_by_code);
	map_init(&c->orgs_by_code, CORRELATE_ORGS);
}
