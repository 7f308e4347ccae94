/* See sighting.h. Called by engine.c for each event that touches a known value. */
#include "detect/sighting.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <stdio.h>

#define KEY_MAX 1400u
#define FORGET_MS (7 * 86400 * 1000LL)

struct sighting {
	char *uid, *value, *feed;
	int64_t quiet_until, first, last; /* first: of those not told yet; 0: none */
	int64_t first_ever;
	uint64_t untold, all;
	char record[64];     /* of the first not told */
	uint64_t salt;
};

struct sightings {
	struct map by_key;
	struct sightings_stats stats;
};

static void one_destroy(struct sighting *x)
{
	if (!x)
		return;
	mem_free(x->uid);
	mem_free(x->value);
	mem_free(x->feed);
	mem_free(x);
}

static struct sighting *one_make(struct sightings *s, struct str key, struct str uid, struct str value, struct str feed)
{
	struct sighting *x = mem_alloc(sizeof *x);
	if (!x)
		return NULL;
	x->uid = mem_strndup(uid.ptr, uid.len);
	x->value = mem_strndup(value.ptr, value.len);
	x->feed = mem_strndup(feed.ptr, feed.len);
	if (x->uid && x->value && x->feed && map_put(&s->by_key, key, x) == 0)
		return x;
	one_destroy(x);
	return NULL;
}

static struct str make_key(const struct sighting_event *e, char dst[KEY_MAX])
{
	const char *what = *e->item->uid ? e->item->uid : e->item->value;
	int n = snprintf(dst, KEY_MAX, STR_FMT "/" STR_FMT "/%s/%s", STR_ARG(e->org), STR_ARG(e->terminal), what, e->item->value);
	return (struct str){ dst, n < 0 ? 0 : (size_t)n < KEY_MAX ? (size_t)n : KEY_MAX - 1 };
}

static enum finding_level level_of(const struct intel_item *i)
{
	return i->confidence >= 80 ? FINDING_HIGH : i->confidence >= 40 ? FINDING_MEDIUM : FINDING_LOW;
}

static enum observable_type type_of(enum intel_kind kind)
{
	static const enum observable_type types[] = { OBSERVABLE_HOSTNAME, OBSERVABLE_IP, OBSERVABLE_URL, OBSERVABLE_HASH, OBSERVABLE_JA4 };
	return types[kind];
}

static void identity(const char *record, uint64_t salt, char dst[96])
{
	if (salt)
		snprintf(dst, 96, "%s#%016llx", record, (unsigned long long)salt);
	else
		snprintf(dst, 96, "%s", record);
}

static void tell_one(struct sightings *s, const struct sighting_event *e, const struct sighting *x, struct str key,
                     void (*tell)(const struct finding *f, void *user), void *user)
{
	char title[400], title_ja[400], terminal[64], record[64], first[96];
	const struct intel_item *i = e->item;
	const char *name = *i->name ? i->name : i->value, *feed = intel_feed_name(e->intel, i->feed);
	struct finding f = { .time = e->time_ms, .first_time = x ? x->first : e->time_ms, .last_time = e->time_ms, .count = x ? x->untold : 1,
		.action = e->action, .terminal = terminal, .n_observables = 1 };
	snprintf(title, sizeof title, "Known by threat intelligence: %.200s (%.60s, confidence %u)", name, feed, i->confidence);
	snprintf(title_ja, sizeof title_ja, "脅威情報に載っている相手との通信: %.200s (%.60s、確度 %u)", name, feed, i->confidence);
	if (!str_copy(e->terminal, terminal, sizeof terminal))
		terminal[0] = 0;
	if (e->org.len == 6)
		str_copy(e->org, f.org, sizeof f.org);
	f.rule.id = FINDING_RULE_INTEL;
	f.rule.title = title;
	f.rule.title_ja = title_ja;
	f.rule.level = level_of(i);
	f.observables[0] = (struct observable){ type_of(i->kind), i->value };
	if (*terminal)
		f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_TERMINAL, terminal };
	if (!str_copy(e->record, record, sizeof record))
		record[0] = 0;
	if (x && x->record[0])
		f.records[f.n_records++] = x->record;
	if (record[0] && (!x || strcmp(record, x->record) != 0))
		f.records[f.n_records++] = record;
	identity(x ? x->record : record, x ? x->salt : e->salt, first);
	finding_uid(str_from(FINDING_RULE_INTEL), key, str_from(first), f.uid);
	s->stats.told++;
	tell(&f, user);
}

void sightings_add(struct sightings *s, const struct sighting_event *e, void (*tell)(const struct finding *f, void *user), void *user)
{
	char buf[KEY_MAX];
	struct str key = make_key(e, buf);
	struct sighting *x = map_get(&s->by_key, key);
	s->stats.hits++;
	if (!x && s->by_key.len < SIGHTINGS_MAX)
		x = one_make(s, key, str_from(e->item->uid), str_from(e->item->value), str_from(intel_feed_name(e->intel, e->item->feed)));
	if (!x) {
		s->stats.too_many++;
		tell_one(s, e, NULL, key, tell, user);
		return;
	}
	s->stats.untold++;
	if (x->untold++ == 0) {
		x->first = e->time_ms;
		x->salt = e->salt;
		if (!str_copy(e->record, x->record, sizeof x->record))
			x->record[0] = 0;
	}
	if (x->all++ == 0)
		x->first_ever = e->time_ms;
	if (e->time_ms > x->last)
		x->last = e->time_ms;
	/* An event from long before the quiet time (a clock that was set back) isn't kept silent by it. */
	if (e->time_ms < x->quiet_until && e->time_ms >= x->quiet_until - 2 * SIGHTING_QUIET_MS)
		return;
	tell_one(s, e, x, key, tell, user);
	s->stats.untold -= x->untold;
	x->untold = 0;
	x->quiet_until = e->time_ms + SIGHTING_QUIET_MS;
}

void sightings_tick(struct sightings *s, int64_t now_ms)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&s->by_key, &i, &key, &v);) {
		struct sighting *x = v;
		if (now_ms <= x->last + FORGET_MS)
			continue;
		map_del(&s->by_key, key);
		s->stats.untold -= x->untold;
		one_destroy(x);
	}
}

void sightings_stats(const struct sightings *s, struct sightings_stats *ret)
{
	*ret = s->stats;
	ret->kept = s->by_key.len;
}

/* ---- saved and restored */

void sightings_save(const struct sightings *s, struct buf *b)
{
	struct str key;
	void *v;
	wr_u32(b, (uint32_t)s->by_key.len);
	for (size_t i = 0; map_next(&s->by_key, &i, &key, &v);) {
		const struct sighting *x = v;
		wr_blob(b, key);
		wr_blob(b, str_from(x->uid));
		wr_blob(b, str_from(x->value));
		wr_blob(b, str_from(x->feed));
		wr_u64(b, (uint64_t)x->quiet_until);
		wr_u64(b, (uint64_t)x->first);
		wr_u64(b, (uint64_t)x->last);
		wr_u64(b, (uint64_t)x->first_ever);
		wr_u64(b, x->untold);
		wr_u64(b, x->all);
		wr_u64(b, x->salt);
		wr_text(b, str_from(x->record));
	}
}

static bool time_ok(int64_t t)
{
	return t > INT64_MIN / 4 && t < INT64_MAX / 4;
}

static int read_one(struct sightings *s, struct rd *r)
{
	struct str key = rd_blob(r), uid = rd_blob(r), value = rd_blob(r), feed = rd_blob(r);
	if (r->bad || key.len >= KEY_MAX || map_get(&s->by_key, key))
		return -E_CORRUPT;
	struct sighting *x = one_make(s, key, uid, value, feed);
	if (!x)
		return -E_NOMEM;
	x->quiet_until = (int64_t)rd_u64(r);
	x->first = (int64_t)rd_u64(r);
	x->last = (int64_t)rd_u64(r);
	x->first_ever = (int64_t)rd_u64(r);
	x->untold = rd_u64(r);
	x->all = rd_u64(r);
	x->salt = rd_u64(r);
	rd_text(r, x->record, sizeof x->record);
	s->stats.untold += x->untold;
	return !r->bad && time_ok(x->quiet_until) && time_ok(x->first) && time_ok(x->last) && time_ok(x->first_ever) ? 0 : -E_CORRUPT;
}

static void clear(struct sightings *s)
{
	struct str key;
	void *v;
	for (size_t i = 0; map_next(&s->by_key, &i, &key, &v);)
		one_destroy(v);
	s->stats.untold = 0;
	map_done(&s->by_key);
	map_init(&s->by_key, SIGHTINGS_MAX);
}

int sightings_restore(struct sightings *s, struct str saved)
{
	struct rd r = rd_from(saved.ptr, saved.len);
	clear(s);
	if (saved.len == 0)
		return 0;
	uint32_t n = rd_u32(&r);
	int x = n > SIGHTINGS_MAX ? -E_CORRUPT : 0;
	for (uint32_t i = 0; x == 0 && i < n; i++)
		x = read_one(s, &r);
	if (x == 0 && rd_end(&r) < 0)
		x = -E_CORRUPT;
	if (x < 0)
		clear(s);
	return x;
}

/* ---- told to others: a sum for each value, whoever met it */

static void put_sum(struct buf *b, const struct sighting *x, uint64_t count, int64_t first, int64_t last, int64_t now_ms)
{
	static const uint64_t fixed[2][2] = { { 0x73746978, 1 }, { 0x73746978, 2 } };
	char when[CLOCK_TEXT], id[80];
	bool stix = strncmp(x->uid, "indicator--", 11) == 0;
	struct str what = str_from(*x->uid ? x->uid : x->value);
	uint64_t a = hash_sip(fixed[0], what.ptr, what.len), c = hash_sip(fixed[1], what.ptr, what.len);
	snprintf(id, sizeof id, "%s--%08x-%04x-4%03x-%04x-%012llx", stix ? "sighting" : "x-toride-sighting", (unsigned)(a >> 32),
	         (unsigned)(a >> 16 & 0xffff), (unsigned)(a & 0xfff), (unsigned)(0x8000 | (c >> 50 & 0x3fff)), (unsigned long long)(c & 0xffffffffffff));
	buf_puts(b, b->ptr[b->len - 1] == '[' ? "{" : ",{");
	json_field_s(b, "type", stix ? "sighting" : "x-toride-sighting");
	json_field_s(b, "spec_version", "2.1");
	json_field_s(b, "id", id);
	clock_format_utc(now_ms, when);
	json_field_s(b, "created", when);
	json_field_s(b, "modified", when);
	clock_format_utc(first, when);
	json_field_s(b, "first_seen", when);
	clock_format_utc(last, when);
	json_field_s(b, "last_seen", when);
	json_field_u64(b, "count", count);
	if (stix)
		json_field_s(b, "sighting_of_ref", x->uid);
	else {
		json_field_s(b, "value", x->value);
		json_field_s(b, "feed", x->feed);
		if (*x->uid)
			json_field_s(b, "uid", x->uid);
	}
	buf_putc(b, '}');
}

struct sum {
	const struct sighting *any;
	uint64_t count;
	int64_t first, last;
};

static bool add_sum(struct map *sums, const struct sighting *x)
{
	struct str key = str_from(*x->uid ? x->uid : x->value);
	struct sum *sum = map_get(sums, key);
	if (!sum) {
		sum = mem_alloc(sizeof *sum);
		if (!sum || map_put(sums, key, sum) < 0) {
			mem_free(sum);
			return false;
		}
		*sum = (struct sum){ x, 0, x->first_ever, x->last };
	}
	sum->count += x->all;
	sum->first = x->first_ever < sum->first ? x->first_ever : sum->first;
	sum->last = x->last > sum->last ? x->last : sum->last;
	return true;
}

void sightings_format(const struct sightings *s, int64_t now_ms, struct buf *b)
{
	struct map sums;
	struct str key;
	void *v;
	map_init(&sums, SIGHTINGS_MAX);
	for (size_t i = 0; map_next(&s->by_key, &i, &key, &v);)
		if (!add_sum(&sums, v))
			b->failed = -E_NOMEM;
	buf_puts(b, "{\"type\":\"bundle\",\"id\":\"bundle--54495047-7e11-4ced-8001-ca11ed000003\",\"objects\":[");
	for (size_t i = 0; !b->failed && map_next(&sums, &i, &key, &v);) {
		const struct sum *x = v;
		put_sum(b, x->any, x->count, x->first, x->last, now_ms);
	}
	buf_puts(b, "]}");
	for (size_t i = 0; map_next(&sums, &i, &key, &v);)
		mem_free(v);
	map_done(&sums);
}

int sightings_create(struct sightings **ret, struct err *err)
{
	struct sightings *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	map_init(&s->by_key, SIGHTINGS_MAX);
	*ret = s;
	return 0;
}

void sightings_destroy(struct sightings **sp)
{
	struct sightings *s = *sp;
	if (!s)
		return;
	clear(s);
	map_done(&s->by_key);
	mem_free(s);
	*sp = NULL;
}
