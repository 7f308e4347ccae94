/* Fired rules -> correlations; see correlate.h. Between match.c and engine.c. */
#include "detect/correlate.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define GROUPS_MAX (1u << 20)
#define KEY_MAX 4096
#define VALUE_MAX 256 /* bytes of one group value as it is */
#define CHAIN 8

struct entry {
	int64_t time;
	uint64_t value; /* value_count: hash; temporal_ordered: start of the sequence that ends here */
	uint64_t salt;
	uint16_t slot; /* which of the correlation's rules */
	uint8_t action;
	char record[CORRELATE_RECORD];
};

struct group {
	struct group *newer, *older; /* by last touch */
	const struct rule *rule;
	char *key;
	size_t key_len;
	int64_t quiet_until;
	uint64_t seen; /* windows judged later: events of the window, beyond those kept */
	struct entry *list; /* by time */
	uint32_t n, cap;
	char *sample;
	size_t sample_len;
};

struct use { /* a rule is the slot-th of a correlation */
	const struct rule *correlation;
	unsigned slot;
};

struct correlator {
	const struct ruleset *s;
	correlate_fn fn;
	void *user;
	struct use *uses;
	uint32_t *use_from; /* by rule index; n_rules + 1 */
	uint64_t *digests;  /* by rule index: what the correlation says */
	struct map groups;
	struct group *newest, *oldest;
	size_t bytes, max;
	bool late_windows; /* any correlation is judged later */
	struct correlate_stats stats;
};

/* ---- groups and their ceiling */

static size_t size_of(const struct group *g)
{
	return sizeof *g + 2 * g->key_len + 64 + g->cap * sizeof *g->list + g->sample_len;
}

static void unlink_group(struct correlator *c, struct group *g)
{
	*(g->newer ? &g->newer->older : &c->newest) = g->older;
	*(g->older ? &g->older->newer : &c->oldest) = g->newer;
	g->newer = g->older = NULL;
}

static void push_newest(struct correlator *c, struct group *g)
{
	g->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = g;
	c->newest = g;
}

static void touch(struct correlator *c, struct group *g)
{
	if (c->newest == g)
		return;
	unlink_group(c, g);
	push_newest(c, g);
}

static void group_free(struct group *g)
{
	mem_free(g->key);
	mem_free(g->list);
	mem_free(g->sample);
	mem_free(g);
}

static void group_drop(struct correlator *c, struct group *g)
{
	map_del(&c->groups, (struct str){ g->key, g->key_len });
	unlink_group(c, g);
	c->bytes -= size_of(g);
	group_free(g);
}

static void make_room(struct correlator *c, const struct group *keep)
{
	while (c->bytes > c->max && c->oldest && c->oldest != keep) {
		c->stats.evicted++;
		group_drop(c, c->oldest);
	}
}

static struct group *group_make(struct correlator *c, const struct rule *r, struct str key)
{
	struct group *g = mem_alloc(sizeof *g);
	if (!g)
		return NULL;
	g->rule = r;
	g->key = mem_strndup(key.ptr, key.len);
	g->key_len = key.len;
	if (c->groups.len >= GROUPS_MAX && c->oldest) {
		c->stats.evicted++;
		group_drop(c, c->oldest);
	}
	if (!g->key || map_put(&c->groups, key, g) < 0) {
		group_free(g);
		return NULL;
	}
	push_newest(c, g);
	c->bytes += size_of(g);
	return g;
}

static bool group_grow(struct correlator *c, struct group *g)
{
	if (g->n < g->cap)
		return true;
	uint32_t cap = g->cap ? g->cap * 2 : 4;
	struct entry *p = mem_grow(g->list, cap * sizeof *p);
	if (!p)
		return false;
	c->bytes += (cap - g->cap) * sizeof *p;
	g->list = p;
	g->cap = cap;
	return true;
}

static void remove_first(struct group *g, uint32_t n)
{
	if (n == 0)
		return;
	memmove(g->list, g->list + n, (g->n - n) * sizeof *g->list);
	g->n -= n;
}

/* ---- firing */

static void identity(const struct entry *e, char dst[CORRELATE_RECORD + 20])
{
	if (e->salt)
		snprintf(dst, CORRELATE_RECORD + 20, "%s#%016llx", e->record, (unsigned long long)e->salt);
	else
		snprintf(dst, CORRELATE_RECORD + 20, "%s", e->record);
}

static void chain(struct correlator *c, const struct rule *r, const struct correlate_hit *hit, unsigned depth);

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
		chain(c, g->rule, hit, depth + 1);
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

/* ---- the types */

static struct entry *insert(struct correlator *c, struct group *g, const struct entry *e)
{
	if (!group_grow(c, g)) {
		c->stats.dropped++;
		return NULL;
	}
	uint32_t i = g->n++;
	for (; i > 0 && g->list[i - 1].time > e->time; i--)
		g->list[i] = g->list[i - 1];
	g->list[i] = *e;
	return &g->list[i];
}

/* Entries older than a timespan before the newest go. False: the event itself is too old. */
static bool slide(struct correlator *c, struct group *g, const struct entry *e)
{
	int64_t span = g->rule->correlation->timespan_ms;
	int64_t newest = g->n && g->list[g->n - 1].time > e->time ? g->list[g->n - 1].time : e->time;
	uint32_t old = 0;
	while (old < g->n && g->list[old].time < newest - span)
		old++;
	remove_first(g, old);
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
		remove_first(g, 1);
	if (insert(c, g, e) && g->n >= k->threshold && !is_quiet(g, e->time))
		fire(c, g, hit, depth);
}

static void judge(struct correlator *c, struct group *g)
{
	if (g->n && satisfied(g->rule->correlation, g->seen))
		fire(c, g, NULL, 0);
	g->n = 0;
	g->seen = 0;
}

static void set_sample(struct correlator *c, struct group *g, struct str s)
{
	char *p = mem_strndup(s.ptr, s.len);
	if (!p)
		return;
	c->bytes += s.len;
	c->bytes -= g->sample_len;
	mem_free(g->sample);
	g->sample = p;
	g->sample_len = s.len;
}

static void count_later(struct correlator *c, struct group *g, const struct entry *e, const struct correlate_hit *hit)
{
	int64_t span = g->rule->correlation->timespan_ms;
	if (g->n && e->time > g->list[0].time + span)
		judge(c, g);
	if (g->n && e->time < g->list[0].time - span) {
		c->stats.late++;
		return;
	}
	g->seen++;
	set_sample(c, g, hit->sample);
	if (g->n < CORRELATE_KEEP)
		insert(c, g, e);
}

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
	insert(c, g, e);
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

/* ---- finding the group */

/* A long text counts by its hash, so that no length of a URL keeps an event out. */
static void put_text(struct buf *b, struct str s)
{
	unsigned char h[SHA256_LEN];
	if (s.len > VALUE_MAX) {
		hash_sha256(s.ptr, s.len, h);
		s = (struct str){ (const char *)h, sizeof h };
	}
	wr_blob(b, s);
}

static bool put_value(struct buf *b, yyjson_val *v)
{
	char d[40];
	if (yyjson_is_str(v))
		put_text(b, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
	else if (yyjson_is_num(v))
		wr_blob(b, (struct str){ d, (size_t)snprintf(d, sizeof d, "%.17g", yyjson_get_num(v)) });
	else if (yyjson_is_bool(v))
		wr_blob(b, yyjson_get_bool(v) ? STR("true") : STR("false"));
	else
		return false;
	return true;
}

static bool make_key(struct correlator *c, const struct rule *r, unsigned slot, const struct correlate_hit *hit, struct buf *b)
{
	const struct correlation *k = r->correlation;
	wr_blob(b, str_from(r->id));
	wr_blob(b, hit->org);
	for (unsigned i = 0; i < k->n_group; i++)
		if (!put_value(b, field_value(hit->root, &k->paths[slot][i]))) {
			c->stats.ungrouped++;
			return false;
		}
	return !b->failed;
}

static bool value_hash(const struct correlation *k, unsigned slot, const struct correlate_hit *hit, uint64_t *ret)
{
	static const uint64_t fixed[2] = { 0x746f72696465, 0x76616c7565 }; /* saved with the state: the same after a restart */
	struct buf b;
	buf_init(&b, KEY_MAX);
	yyjson_val *v = field_value(hit->root, &k->value_path[slot]);
	bool ok = put_value(&b, v) && !b.failed;
	if (ok)
		*ret = hash_sip(fixed, b.ptr, b.len);
	buf_done(&b);
	return ok;
}

static void one(struct correlator *c, const struct use *u, const struct correlate_hit *hit, unsigned depth)
{
	const struct rule *r = u->correlation;
	const struct correlation *k = r->correlation;
	struct entry e = { .time = hit->time, .slot = (uint16_t)u->slot, .action = (uint8_t)hit->action, .salt = hit->salt };
	struct buf key;
	str_copy(hit->record, e.record, sizeof e.record);
	if (k->type == CORRELATION_VALUE_COUNT && !value_hash(k, u->slot, hit, &e.value))
		return;
	buf_init(&key, KEY_MAX);
	bool ok = make_key(c, r, u->slot, hit, &key);
	struct group *g = ok ? map_get(&c->groups, buf_view(&key)) : NULL;
	if (ok && !g && !(g = group_make(c, r, buf_view(&key))))
		c->stats.dropped++;
	buf_done(&key);
	if (!g)
		return;
	touch(c, g);
	if (!k->eager)
		count_later(c, g, &e, hit);
	else if (k->type == CORRELATION_TEMPORAL)
		temporal(c, g, &e, hit, depth);
	else if (k->type == CORRELATION_ORDERED)
		ordered(c, g, &e, hit, depth);
	else
		count_now(c, g, &e, hit, depth);
	make_room(c, NULL);
}

static void chain(struct correlator *c, const struct rule *r, const struct correlate_hit *hit, unsigned depth)
{
	if (depth > CHAIN)
		return;
	/* The last slot first: an event that is several steps of a sequence is one step only. */
	for (uint32_t i = c->use_from[r->index + 1]; i-- > c->use_from[r->index];)
		one(c, &c->uses[i], hit, depth);
}

void correlator_hit(struct correlator *c, const struct correlate_hit *hit)
{
	chain(c, hit->rule, hit, 0);
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
		if (!k->eager && g->n && now_ms > g->list[0].time + k->timespan_ms)
			judge(c, g);
	}
	while (c->oldest && useless(c->oldest, now_ms))
		group_drop(c, c->oldest);
}

void correlator_stats(const struct correlator *c, struct correlate_stats *ret)
{
	*ret = c->stats;
	ret->groups = c->groups.len;
	ret->bytes = c->bytes;
}

/* ---- made and unmade */

static uint64_t digest_of(const struct rule *r)
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
			c->digests[i] = digest_of(r);
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
	map_init(&c->groups, GROUPS_MAX);
	if (!fill_uses(c)) {
		correlator_destroy(&c);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	*ret = c;
	return 0;
}

static void clear(struct correlator *c)
{
	while (c->oldest)
		group_drop(c, c->oldest);
}

void correlator_destroy(struct correlator **cp)
{
	struct correlator *c = *cp;
	if (!c)
		return;
	clear(c);
	map_done(&c->groups);
	mem_free(c->uses);
	mem_free(c->use_from);
	mem_free(c->digests);
	mem_free(c);
	*cp = NULL;
}

/* ---- saved and restored */

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
	if (r->bad || !time_ok(quiet) || n > CORRELATION_COUNT + 1 || key.len > KEY_MAX || map_get(&c->groups, key))
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
			set_sample(c, g, sample);
	}
	int64_t before = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		struct entry e;
		read_entry(r, &e);
		if (r->bad || e.time < before || (g && e.slot >= rule->correlation->n_rules))
			return -E_CORRUPT;
		before = e.time;
		if (g && !insert(c, g, &e))
			return -E_NOMEM;
	}
	return 0;
}

int correlator_restore(struct correlator *c, struct str saved)
{
	struct rd r = rd_from(saved.ptr, saved.len);
	uint32_t n = rd_u32(&r);
	int x = 0;
	clear(c);
	for (uint32_t i = 0; x == 0 && i < n; i++) {
		x = r.bad ? -E_CORRUPT : read_group(c, &r);
		make_room(c, NULL);
	}
	if (x == 0 && rd_end(&r) < 0)
		x = -E_CORRUPT;
	if (x < 0)
		clear(c);
	return x;
}
