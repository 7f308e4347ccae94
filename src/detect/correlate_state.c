/* The groups as bytes, saved beside the cursors they belong to, and back; see correlate_parts.h. Bytes of a file: checked. */
#include "detect/correlate_parts.h"

#include "base/err.h"
#include "base/mem.h"

uint64_t correlate_digest(const struct rule *r)
{
	static const uint64_t fixed[2] = { 1, 2 };
	const struct correlation *k = r->correlation;
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_printf(&b, "%d %lld %u", (int)k->type, (long long)k->timespan_ms, k->n_cond);
	for (unsigned i = 0; i < k->n_cond; i++)
		buf_printf(&b, " %d %llu", (int)k->cond[i].op, (unsigned long long)k->cond[i].value);
	for (unsigned i = 0; i < k->n_rules; i++)
		buf_printf(&b, " %s", k->rules[i]->id);
	for (unsigned i = 0; i < k->n_group; i++)
		buf_printf(&b, " %s", k->group_by[i]);
	uint64_t h = hash_sip(fixed, b.ptr ? b.ptr : "", b.len);
	buf_done(&b);
	return h;
}

static void save_group(const struct correlator *c, const struct group *g, struct buf *b)
{
	wr_blob(b, str_from(g->rule->id));
	wr_u64(b, c->digests[g->rule->index]);
	wr_blob(b, (struct str){ g->key, g->key_len });
	wr_u64(b, (uint64_t)g->quiet_until);
	wr_u64(b, g->seen);
	wr_blob(b, (struct str){ g->sample ? g->sample : "", g->sample_len });
	wr_u32(b, g->n);
	for (uint32_t i = 0; i < g->n; i++) {
		const struct entry *e = &g->list[i];
		wr_u64(b, (uint64_t)e->time);
		wr_u64(b, e->value);
		wr_u64(b, e->salt);
		wr_u16(b, e->slot);
		wr_u8(b, e->action);
		wr_text(b, str_from(e->record));
	}
}

void correlator_save(const struct correlator *c, struct buf *b)
{
	wr_u32(b, (uint32_t)c->groups.len);
	for (const struct group *g = c->oldest; g; g = g->newer)
		save_group(c, g, b);
}

static bool time_ok(int64_t t)
{
	return t >= 0 && t < INT64_MAX / 2;
}

static void read_entry(struct rd *r, struct entry *e)
{
	e->time = (int64_t)rd_u64(r);
	e->value = rd_u64(r);
	e->salt = rd_u64(r);
	e->slot = rd_u16(r);
	e->action = rd_u8(r);
	rd_text(r, e->record, sizeof e->record);
	if (e->action > FINDING_DENIED || e->slot >= CORRELATION_RULES || !time_ok(e->time))
		r->bad = true;
}

static int read_group(struct correlator *c, struct rd *r)
{
	struct str id = rd_blob(r);
	uint64_t digest = rd_u64(r);
	struct str key = rd_blob(r);
	int64_t quiet = (int64_t)rd_u64(r);
	uint64_t seen = rd_u64(r);
	struct str sample = rd_blob(r);
	uint32_t n = rd_u32(r);
	if (r->bad || !time_ok(quiet) || n > CORRELATION_COUNT + 1 || key.len > CORRELATE_KEY || map_get(&c->groups, key))
		return -E_CORRUPT;
	const struct rule *rule = ruleset_find(c->s, id);
	bool same = rule && rule->correlation && c->digests[rule->index] == digest;
	struct group *g = same ? group_make(c, rule, key) : NULL;
	if (same && !g)
		return -E_NOMEM;
	if (g) {
		g->quiet_until = quiet;
		g->seen = seen;
		if (sample.len)
			group_sample(c, g, sample);
	}
	int64_t before = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		struct entry e;
		read_entry(r, &e);
		if (r->bad || e.time < before || (g && e.slot >= rule->correlation->n_rules))
			return -E_CORRUPT;
		before = e.time;
		if (g && !group_insert(c, g, &e))
			return -E_NOMEM;
	}
	return 0;
}

int correlator_restore(struct correlator *c, struct str saved)
{
	struct rd r = rd_from(saved.ptr, saved.len);
	uint32_t n = rd_u32(&r);
	int x = 0;
	groups_clear(c);
	for (uint32_t i = 0; x == 0 && i < n; i++) {
		x = r.bad ? -E_CORRUPT : read_group(c, &r);
		groups_make_room(c);
	}
	if (x == 0 && rd_end(&r) < 0)
		x = -E_CORRUPT;
	if (x < 0)
		groups_clear(c);
	return x;
}
