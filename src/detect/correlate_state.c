/* Groups, clocks and what is held as bytes, saved beside the cursors they belong to, and back; see correlate_parts.h.
 * Bytes of a file: checked. Rules go by id and digest, so that a group comes back only to the correlation it was made for. */
#include "detect/correlate_parts.h"

#include "base/err.h"
#include "base/mem.h"

#define STATE_VERSION 3u
#define NAME_TEXT 1024u

uint64_t correlate_digest(const struct rule *r)
{
	static const uint64_t fixed[2] = { 1, 2 };
	const struct correlation *k = r->correlation;
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_printf(&b, "%d %lld %u %.17g %.17g", (int)k->type, (long long)k->timespan_ms, k->n_cond, k->percentile, k->jitter);
	for (unsigned i = 0; i < k->n_cond; i++)
		buf_printf(&b, " %d %.17g", (int)k->cond[i].op, k->cond[i].value);
	for (unsigned i = 0; i < k->n_rules; i++)
		buf_printf(&b, " %s", k->rules[i]->id);
	for (unsigned i = 0; i < k->n_group; i++)
		buf_printf(&b, " %s", k->group_by[i]);
	for (unsigned i = 0; i < k->n_value; i++)
		buf_printf(&b, " %s", k->values[i]);
	uint64_t h = hash_sip(fixed, b.ptr ? b.ptr : "", b.len);
	buf_done(&b);
	return h;
}

/* ---- saved */

static void save_names(const struct names *n, struct buf *b)
{
	wr_u32(b, n->n);
	for (uint32_t i = 0; i < n->n; i++)
		wr_text(b, str_from(n->list[i].text ? n->list[i].text : ""));
}

static void save_orgs(const struct correlator *c, struct buf *b)
{
	wr_u32(b, c->n_orgs);
	for (uint32_t i = 0; i < c->n_orgs; i++) {
		const struct org_clock *o = c->orgs[i];
		wr_text(b, str_from(o->code));
		wr_u64(b, (uint64_t)o->clock);
		for (unsigned line = 0; line < 2; line++) {
			const struct timeline *t = &o->lines[line];
			wr_u64(b, (uint64_t)t->done);
			wr_u32(b, t->n_held);
			for (uint32_t k = 0; k < t->n_held; k++) {
				const struct held *h = &t->held[k];
				wr_u64(b, (uint64_t)h->time);
				wr_u64(b, h->salt);
				wr_u8(b, h->action);
				wr_blob(b, str_from(c->s->rules[h->rule]->id));
				wr_blob(b, (struct str){ h->text, h->record_len });
				wr_blob(b, (struct str){ h->text + h->record_len, h->json_len });
			}
		}
	}
}

static void save_rules(const struct correlator *c, struct buf *b)
{
	wr_u32(b, c->s->n_rules);
	for (uint32_t i = 0; i < c->s->n_rules; i++) {
		wr_u64(b, c->digests[i]);
		if (c->digests[i])
			wr_blob(b, str_from(c->s->rules[i]->id));
	}
}

static void save_group(const struct group *g, struct buf *b)
{
	wr_u32(b, g->rule);
	wr_u32(b, g->org);
	wr_u64(b, g->id[0]);
	wr_u64(b, g->id[1]);
	wr_u64(b, (uint64_t)g->quiet_until);
	wr_u8(b, (uint8_t)(g->incomplete | (g->more ? 2 : 0)));
	if (g->more) {
		uint64_t sum;
		memcpy(&sum, &g->more->sum, sizeof sum);
		wr_u64(b, g->more->seen);
		wr_u64(b, sum);
		wr_u8(b, g->more->sums);
		wr_u8(b, g->more->sample_slot);
		wr_blob(b, (struct str){ g->more->sample ? g->more->sample : "", g->more->sample_len });
	}
	wr_u32(b, g->n);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct entry *e = group_entry(g, i);
		wr_u64(b, (uint64_t)e->time);
		wr_u64(b, e->v.hash);
		wr_u64(b, e->salt);
		wr_u32(b, e->record.name);
		wr_u32(b, e->record.number);
		wr_u32(b, e->weight);
		wr_u8(b, e->slot);
		wr_u8(b, e->action);
	}
}

void correlator_save(const struct correlator *c, struct buf *b)
{
	wr_u32(b, STATE_VERSION);
	for (unsigned i = 0; i < 4; i++)
		wr_u64(b, c->seed[i / 2][i % 2]);
	save_names(&c->names, b);
	save_rules(c, b);
	save_orgs(c, b);
	for (uint32_t s = 0; s < CORRELATE_SHARDS; s++) {
		wr_u32(b, c->shards[s].n_groups);
		for (uint32_t i = 0; i < c->shards[s].n_made && !b->failed; i++)
			if (group_of(c, (struct group_at){ s, i })->used)
				save_group(group_of(c, (struct group_at){ s, i }), b);
	}
}

/* ---- restored */

struct restoring {
	struct correlator *c;
	struct rd *r;
	struct record_name *names; /* by saved number: a reference each, held until the end */
	const struct rule **rules; /* by saved number; NULL: gone, or it says something else now */
	uint32_t *orgs;            /* by saved number */
	uint32_t n_names, n_rules, n_orgs;
};

static bool time_ok(int64_t t)
{
	return t > INT64_MIN / 4 && t < INT64_MAX / 2;
}

static bool group_time_ok(int64_t t)
{
	return t >= -CORRELATE_TIME_MAX && t <= CORRELATE_TIME_MAX + 31 * 86400000LL; /* quiet until a timespan later */
}

/* At most so many can follow when each takes `least` bytes. */
static uint32_t read_count(struct rd *r, size_t least)
{
	uint32_t n = rd_u32(r);
	if (r->bad || n > (size_t)(r->end - r->p) / least) {
		r->bad = true;
		return 0;
	}
	return n;
}

static int read_names(struct restoring *w)
{
	uint32_t n = read_count(w->r, 2);
	w->names = mem_array(n + 1u, sizeof *w->names);
	if (!w->names)
		return -E_NOMEM;
	for (uint32_t i = 0; i < n; i++) {
		char text[NAME_TEXT];
		rd_text(w->r, text, sizeof text);
		/* A name without its number, so that it isn't cut again. */
		if (w->r->bad)
			return -E_CORRUPT;
		if (names_whole(&w->c->names, str_from(text), &w->names[i]) < 0)
			return -E_NOMEM;
		w->n_names++;
	}
	return w->r->bad ? -E_CORRUPT : 0;
}

static int read_rules(struct restoring *w)
{
	w->n_rules = read_count(w->r, 8);
	w->rules = mem_array(w->n_rules + 1u, sizeof *w->rules);
	if (!w->rules)
		return -E_NOMEM;
	for (uint32_t i = 0; i < w->n_rules && !w->r->bad; i++) {
		uint64_t digest = rd_u64(w->r);
		const struct rule *r = digest ? ruleset_find(w->c->s, rd_blob(w->r)) : NULL;
		if (r && r->correlation && w->c->digests[r->index] == digest)
			w->rules[i] = r;
	}
	return w->r->bad ? -E_CORRUPT : 0;
}

static int read_held(struct restoring *w, uint32_t org, unsigned line)
{
	struct correlate_hit h = { .time = (int64_t)rd_u64(w->r), .salt = rd_u64(w->r) };
	uint8_t action = rd_u8(w->r);
	struct str id = rd_blob(w->r);
	h.record = rd_blob(w->r);
	h.json = rd_blob(w->r);
	if (w->r->bad || action > FINDING_DENIED || !time_ok(h.time) || (h.record.len && memchr(h.record.ptr, 0, h.record.len)))
		return -E_CORRUPT;
	h.action = (enum finding_action)action;
	h.rule = ruleset_find(w->c->s, id);
	if (!h.rule || !(w->c->used_on[h.rule->index] & 1u << line))
		return 0;
	return time_hold(w->c, &h, org, line) ? 0 : -E_NOMEM;
}

static int read_org(struct restoring *w, uint32_t i)
{
	char code[CORRELATE_RECORD];
	rd_text(w->r, code, sizeof code);
	uint32_t org = w->r->bad ? NOBODY : time_org(w->c, str_from(code));
	if (org == NOBODY)
		return w->r->bad ? -E_CORRUPT : -E_NOMEM;
	w->orgs[i] = org;
	w->c->orgs[org]->clock = (int64_t)rd_u64(w->r);
	for (unsigned line = 0; line < 2; line++) {
		int64_t done = (int64_t)rd_u64(w->r);
		uint32_t n = read_count(w->r, 29);
		if (!time_ok(done) || !time_ok(w->c->orgs[org]->clock))
			return -E_CORRUPT;
		w->c->orgs[org]->lines[line].done = done;
		for (uint32_t k = 0; k < n; k++) {
			int x = read_held(w, org, line);
			if (x < 0)
				return x;
		}
	}
	return w->r->bad ? -E_CORRUPT : 0;
}

static int read_orgs(struct restoring *w)
{
	w->n_orgs = read_count(w->r, 34);
	w->orgs = mem_array(w->n_orgs + 1u, sizeof *w->orgs);
	if (!w->orgs)
		return -E_NOMEM;
	for (uint32_t i = 0; i < w->n_orgs; i++) {
		int x = read_org(w, i);
		if (x < 0)
			return x;
	}
	return w->r->bad ? -E_CORRUPT : 0;
}

struct saved_more {
	uint64_t seen, sum;
	bool sums;
	uint8_t slot;
	struct str sample;
};

static bool read_more(struct rd *r, struct saved_more *m)
{
	m->seen = rd_u64(r);
	m->sum = rd_u64(r);
	m->sums = rd_u8(r);
	m->slot = rd_u8(r);
	m->sample = rd_blob(r);
	return !r->bad && m->slot < CORRELATION_RULES;
}

static int put_more(struct correlator *c, struct group_at at, const struct saved_more *m)
{
	struct group_more *more = group_more(c, at);
	if (!more)
		return -E_NOMEM;
	more->seen = m->seen;
	more->sums = m->sums;
	if (m->sample.len)
		group_sample(c, at, m->sample, m->slot);
	return 0;
}

static int read_entry(struct restoring *w, const struct rule *rule, bool keep, struct group_at at, int64_t *before)
{
	struct entry e = { .time = (int64_t)rd_u64(w->r), .v.hash = rd_u64(w->r), .salt = rd_u64(w->r) };
	uint32_t name = rd_u32(w->r), number = rd_u32(w->r);
	e.weight = rd_u32(w->r);
	e.slot = rd_u8(w->r);
	e.action = rd_u8(w->r);
	if (w->r->bad || name >= w->n_names || !group_time_ok(e.time) || e.time < *before || e.action > FINDING_DENIED ||
	    e.slot >= (rule ? rule->correlation->n_rules : CORRELATION_RULES))
		return -E_CORRUPT;
	*before = e.time;
	e.record = (struct record_name){ w->names[name].name, number };
	if (!keep)
		return 0;
	if (!group_insert(w->c, at, &e))
		return -E_NOMEM;
	if (e.weight == 0 && !group_more(w->c, at))
		return -E_NOMEM;
	if (e.weight == 0)
		group_more(w->c, at)->dead++;
	return 0;
}

static int read_group(struct restoring *w)
{
	struct correlator *c = w->c;
	struct saved_more more = { 0 };
	uint32_t number = rd_u32(w->r), org = rd_u32(w->r);
	uint64_t id[2];
	id[0] = rd_u64(w->r);
	id[1] = rd_u64(w->r);
	int64_t quiet = (int64_t)rd_u64(w->r), before = INT64_MIN;
	uint8_t flags = rd_u8(w->r);
	bool has_more = flags & 2;
	if (w->r->bad || number >= w->n_rules || org >= w->n_orgs || !group_time_ok(quiet) || (has_more && !read_more(w->r, &more)))
		return -E_CORRUPT;
	const struct rule *rule = w->rules[number];
	struct group_at at = { 0 };
	uint32_t n = read_count(w->r, 38);
	if (w->r->bad || (rule && group_find(c, id, &at)))
		return -E_CORRUPT;
	if (rule && !group_make(c, rule, w->orgs[org], id, &at))
		return -E_NOMEM;
	if (rule && has_more && put_more(c, at, &more) < 0)
		return -E_NOMEM;
	if (rule) {
		group_of(c, at)->quiet_until = quiet;
		group_of(c, at)->incomplete = flags & 1;
	}
	for (uint32_t i = 0; i < n; i++) {
		int x = read_entry(w, rule, rule != NULL, at, &before);
		if (x < 0)
			return x;
	}
	if (rule && has_more)
		memcpy(&group_more(c, at)->sum, &more.sum, sizeof more.sum);
	if (rule && n && !rule->correlation->eager)
		time_window(c, at);
	if (rule)
		groups_make_room(c, at.shard);
	return 0;
}

static int read_groups(struct restoring *w)
{
	for (uint32_t s = 0; s < CORRELATE_SHARDS; s++) {
		uint32_t n = read_count(w->r, 37);
		for (uint32_t i = 0; i < n; i++) {
			int x = read_group(w);
			if (x < 0)
				return x;
		}
	}
	return rd_end(w->r) < 0 ? -E_CORRUPT : 0;
}

static void clear(struct correlator *c)
{
	groups_clear(c);
	time_clear(c);
}

int correlator_restore(struct correlator *c, struct str saved)
{
	struct rd r = rd_from(saved.ptr, saved.len);
	struct restoring w = { .c = c, .r = &r };
	clear(c);
	if (saved.len == 0)
		return 0;
	int x = rd_u32(&r) == STATE_VERSION ? 0 : -E_CORRUPT;
	for (unsigned i = 0; i < 4; i++)
		c->seed[i / 2][i % 2] = rd_u64(&r);
	if (x == 0)
		x = read_names(&w);
	if (x == 0)
		x = read_rules(&w);
	if (x == 0)
		x = read_orgs(&w);
	if (x == 0)
		x = read_groups(&w);
	for (uint32_t i = 0; i < w.n_names; i++)
		names_drop(&c->names, w.names[i]);
	mem_free(w.names);
	mem_free(w.rules);
	mem_free(w.orgs);
	if (x < 0)
		clear(c);
	return x;
}
