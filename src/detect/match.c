/* Event -> rules that are true; the hot path of detection. See match.h and ruleset_compile.c.
 *
 * Everything remembered about an event carries the event's number (epoch), so nothing has to be cleared between
 * events. Predicates are evaluated at most once an event. */
#include "detect/match.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define BUMP (64u * 1024)
#define REGEX_STEPS 100000 /* about 1 ms */
#define NUMBER_TEXT 40
#define ORIGIN_TEXT 100

/* Which log sources an event belongs to depends on little, and that repeats: remembered by hash of it. The seeds are
 * random, so nobody outside can make two of them meet. */
#define ORIGINS 256u
struct origin {
	uint64_t key[2];
	uint32_t n, *list; /* sources that apply; list NULL: empty place */
};

struct text {
	struct str raw, folded; /* folded.ptr NULL until somebody asks */
};

struct field_now {
	uint32_t epoch, scanned;
	yyjson_val *val;
	uint32_t first, n; /* in matcher.texts */
};

struct matcher {
	const struct ruleset *s;
	struct match_stats stats;
	struct rule_cost *cost;
	hs_scratch_t *scratch;
	pcre2_match_data *re_data;
	pcre2_match_context *re_context;
	struct field_now *fields;
	struct text texts[MATCH_VALUES];
	uint32_t n_texts, epoch, *found, *value; /* by pred: epoch; epoch * 2 + result */
	uint32_t *asked;                         /* by rule: epoch */
	uint32_t *source_on;                     /* by source: epoch */
	struct origin *origins;                  /* ORIGINS of them */
	uint32_t *origin_sources;                /* ORIGINS times n_sources */
	uint64_t seed[2][2];
	unsigned sample;
	const struct rule **queue, **fired;
	uint32_t n_queue;
	const struct match_field *scanning;
	char *bump;
	size_t used;
	struct arena more; /* when bump is full */
	void *json;        /* yyjson's memory */
	size_t json_size;
	yyjson_doc *doc;
	yyjson_val *root;
};

static void *reserve(struct matcher *m, size_t n)
{
	if (n > BUMP - m->used)
		return arena_alloc(&m->more, n + 1);
	void *p = m->bump + m->used;
	m->used += n;
	return p;
}

/* ---- values of fields */

static void add_text(struct matcher *m, struct str s)
{
	if (m->n_texts == MATCH_VALUES) {
		m->stats.values_cut++;
		return;
	}
	m->texts[m->n_texts++] = (struct text){ .raw = s };
}

static void add_number(struct matcher *m, yyjson_val *v)
{
	char *d = reserve(m, NUMBER_TEXT);
	if (!d)
		return;
	int n = yyjson_is_uint(v)   ? snprintf(d, NUMBER_TEXT, "%llu", (unsigned long long)yyjson_get_uint(v))
	        : yyjson_is_sint(v) ? snprintf(d, NUMBER_TEXT, "%lld", (long long)yyjson_get_sint(v))
	                            : snprintf(d, NUMBER_TEXT, "%.17g", yyjson_get_real(v));
	add_text(m, (struct str){ d, (size_t)n });
}

static void add_scalar(struct matcher *m, yyjson_val *v)
{
	if (yyjson_is_str(v))
		add_text(m, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
	else if (yyjson_is_num(v))
		add_number(m, v);
	else if (yyjson_is_bool(v))
		add_text(m, yyjson_get_bool(v) ? STR("true") : STR("false"));
}

static void add_all(struct matcher *m, yyjson_val *v, unsigned depth)
{
	size_t i, n;
	yyjson_val *key, *kid;
	if (depth > 32) {
		m->stats.values_cut++;
	} else if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, key, kid)
			add_all(m, kid, depth + 1);
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, kid)
			add_all(m, kid, depth + 1);
	} else {
		add_scalar(m, v);
	}
}

static void add_values(struct matcher *m, const struct field_path *f, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *kid;
	if (f->kind == FIELD_ANY) {
		add_all(m, m->root, 0);
	} else if (f->kind == FIELD_BELOW) {
		add_all(m, v, 0);
	} else if (f->kind == FIELD_EXTENSION) {
		struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
		if (s.ptr && field_extension(s).len)
			add_text(m, field_extension(s));
	} else if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, kid)
			add_scalar(m, kid);
	} else {
		add_scalar(m, v);
	}
}

static const struct field_now *field(struct matcher *m, uint32_t f)
{
	struct field_now *now = &m->fields[f];
	if (now->epoch == m->epoch)
		return now;
	const struct field_path *p = &m->s->fields[f].path;
	now->epoch = m->epoch;
	now->val = p->kind == FIELD_ANY ? m->root : field_get(m->root, p, &m->s->fields[f].steps);
	now->first = m->n_texts;
	if (now->val)
		add_values(m, p, now->val);
	now->n = m->n_texts - now->first;
	return now;
}

static struct str folded(struct matcher *m, struct text *t)
{
	if (!t->folded.ptr) {
		char *p = reserve(m, t->raw.len);
		if (!p)
			return (struct str){ "", 0 };
		for (size_t i = 0; i < t->raw.len; i++) {
			unsigned char c = (unsigned char)t->raw.ptr[i];
			p[i] = (char)(c + (((unsigned)(c - 'A') < 26u) << 5));
		}
		t->folded = (struct str){ p, t->raw.len };
	}
	return t->folded;
}

/* ---- what Hyperscan and the tables find */

static void pred_found(struct matcher *m, const struct pred_list *l)
{
	for (uint32_t i = 0; i < l->n; i++) {
		uint32_t p = l->list[i]->index;
		if (m->found[p] == m->epoch)
			continue;
		m->found[p] = m->epoch;
		const struct rule_list *t = &m->s->triggers[p];
		for (uint32_t k = 0; k < t->n; k++) {
			uint32_t r = t->list[k]->index;
			if (m->asked[r] == m->epoch || m->source_on[m->s->rule_source[r]] != m->epoch)
				continue;
			m->asked[r] = m->epoch;
			m->queue[m->n_queue++] = t->list[k];
		}
	}
}

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *user)
{
	struct matcher *m = user;
	pred_found(m, &m->scanning->literals[id]);
	return 0;
}

static void scan(struct matcher *m, uint32_t f)
{
	const struct match_field *mf = &m->s->fields[f];
	if (m->fields[f].scanned == m->epoch)
		return;
	const struct field_now *now = field(m, f);
	m->fields[f].scanned = m->epoch;
	m->scanning = mf;
	for (uint32_t i = now->first; i < now->first + now->n; i++) {
		struct text *t = &m->texts[i];
		if (mf->db && t->raw.len)
			hs_scan(mf->db, t->raw.ptr, (unsigned)t->raw.len, 0, m->scratch, on_literal, m);
		if (mf->n_exact) {
			const struct pred_list *l = map_get(&mf->by_text, folded(m, t));
			if (l)
				pred_found(m, l);
		}
	}
}

/* ---- predicates */

static bool try_pattern(struct matcher *m, const struct pred *d, struct text *t)
{
	return pattern_match(&d->pattern, d->pattern.cased ? t->raw : folded(m, t));
}

static bool try_regex(struct matcher *m, const struct pred *d, struct text *t)
{
	int r = pcre2_match(d->re, (PCRE2_SPTR)t->raw.ptr, t->raw.len, 0, PCRE2_NO_UTF_CHECK, m->re_data, m->re_context);
	if (r < 0 && r != PCRE2_ERROR_NOMATCH)
		m->stats.regex_limit++;
	return r >= 0;
}

static bool try_cidr(const struct pred *d, struct str s)
{
	char text[INET6_ADDRSTRLEN];
	struct prefix a = { .family = 4, .len = 32 };
	if (!str_copy(s, text, sizeof text))
		return false;
	if (inet_pton(AF_INET, text, a.addr) != 1) {
		a = (struct prefix){ .family = 6, .len = 128 };
		if (inet_pton(AF_INET6, text, a.addr) != 1)
			return false;
	}
	return a.family == d->prefix.family && prefix_contains(&d->prefix, &a);
}

static bool to_number(struct str s, double *ret)
{
	char text[64], *end;
	if (!s.len || !str_copy(s, text, sizeof text))
		return false;
	*ret = strtod(text, &end);
	return *end == 0;
}

static bool to_part(struct str s, enum date_part part, double *ret)
{
	unsigned n;
	if (!date_part_of(s, part, &n))
		return false;
	*ret = n;
	return true;
}

static bool try_compare(const struct pred *d, struct str s)
{
	double v;
	if (!(d->part == DATE_NONE ? to_number(s, &v) : to_part(s, d->part, &v)))
		return false;
	switch (d->compare) {
	case COMPARE_LT: return v < d->number;
	case COMPARE_LTE: return v <= d->number;
	case COMPARE_GT: return v > d->number;
	case COMPARE_GTE: return v >= d->number;
	case COMPARE_EQ: return v == d->number;
	case COMPARE_NEQ: break;
	}
	return false;
}

static bool refers(const struct pred *d, struct str a, struct str b)
{
	if (d->open_start && d->open_end)
		return b.len == 0 || memmem(a.ptr, a.len, b.ptr, b.len) != NULL;
	if (d->open_end)
		return str_starts(a, b);
	return d->open_start ? str_ends(a, b) : str_eq(a, b);
}

static bool try_fieldref(struct matcher *m, const struct pred *d, struct text *t)
{
	yyjson_val *other = field_value(m->root, &d->other);
	uint32_t from = m->n_texts;
	bool hit = false;
	if (other)
		add_values(m, &d->other, other);
	for (uint32_t i = from; !hit && i < m->n_texts; i++)
		hit = d->cased ? refers(d, t->raw, m->texts[i].raw) : refers(d, folded(m, t), folded(m, &m->texts[i]));
	m->n_texts = from;
	return hit;
}

static bool try_text(struct matcher *m, const struct pred *d, struct text *t)
{
	switch (d->op) {
	case PRED_MATCH: return try_pattern(m, d, t);
	case PRED_REGEX: return try_regex(m, d, t);
	case PRED_CIDR: return try_cidr(d, t->raw);
	case PRED_COMPARE: return try_compare(d, t->raw);
	case PRED_FIELDREF: return try_fieldref(m, d, t);
	default: return false;
	}
}

static uint32_t field_of(const struct matcher *m, const struct pred *d)
{
	return m->s->pred_field[d->index];
}

static bool pred_test(struct matcher *m, const struct pred *d)
{
	enum pred_found kind = (enum pred_found)m->s->pred_kind[d->index];
	if (kind != PRED_ASK)
		scan(m, field_of(m, d));
	if (kind != PRED_ASK && m->found[d->index] != m->epoch)
		return false;
	if (kind == PRED_SURE)
		return true;
	const struct field_now *now = field(m, field_of(m, d));
	if (d->op == PRED_EXISTS)
		return (now->val != NULL) == d->flag;
	if (d->op == PRED_NULL)
		return !now->val || yyjson_is_null(now->val);
	for (uint32_t i = now->first; i < now->first + now->n; i++)
		if (try_text(m, d, &m->texts[i]))
			return true;
	return false;
}

static bool pred_true(struct matcher *m, const struct pred *d)
{
	uint32_t *v = &m->value[d->index];
	if (*v >> 1 != m->epoch)
		*v = m->epoch << 1 | pred_test(m, d);
	return *v & 1;
}

static bool expr_true(struct matcher *m, const struct expr *e)
{
	if (e->kind == EXPR_PRED)
		return pred_true(m, e->pred);
	if (e->kind == EXPR_NOT)
		return !expr_true(m, e->kids[0]);
	bool stop = e->kind == EXPR_OR;
	for (unsigned i = 0; i < e->n; i++)
		if (expr_true(m, e->kids[i]) == stop)
			return stop;
	return !stop;
}

/* ---- one event */

static uint64_t now_ns(void) /* for the cost of rules only; nothing depends on it */
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void ask(struct matcher *m, const struct rule *r, bool timed, struct match_event *ret)
{
	struct rule_cost *c = &m->cost[r->index];
	uint64_t from = timed ? now_ns() : 0;
	bool hit = expr_true(m, r->condition);
	if (timed)
		c->ns += (now_ns() - from) * m->sample;
	c->asked++;
	m->stats.asked++;
	if (!hit)
		return;
	c->fired++;
	m->stats.fired++;
	m->fired[ret->n_fired++] = r;
}

static void new_epoch(struct matcher *m)
{
	const struct ruleset *s = m->s;
	m->used = 0;
	m->n_texts = 0;
	m->n_queue = 0;
	if (m->more.used)
		arena_done(&m->more);
	if (++m->epoch < UINT32_MAX / 2)
		return;
	m->epoch = 1;
	memset(m->fields, 0, s->n_fields * sizeof *m->fields);
	memset(m->found, 0, s->n_preds * sizeof *m->found);
	memset(m->value, 0, s->n_preds * sizeof *m->value);
	memset(m->asked, 0, s->n_rules * sizeof *m->asked);
	memset(m->source_on, 0, s->n_sources * sizeof *m->source_on);
}

static size_t put_text(char *key, size_t at, struct str s)
{
	size_t n = s.len < ORIGIN_TEXT ? s.len : ORIGIN_TEXT;
	key[at++] = (char)n;
	memcpy(key + at, s.ptr, n);
	return at + n;
}

/* False: a name is longer than any log source's, and is looked at afresh each time. */
static bool origin_key(const struct matcher *m, const struct event_origin *o, uint64_t ret[2])
{
	const struct str texts[] = { o->product, o->category, o->service, o->verdict, o->channel };
	char key[ARRAY_LEN(texts) * (ORIGIN_TEXT + 1) + 2 * sizeof(uint64_t) + 1];
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		if (texts[i].len > ORIGIN_TEXT)
			return false;
		if (texts[i].len)
			n = put_text(key, n, texts[i]);
		else
			key[n++] = 0;
	}
	memcpy(key + n, &o->class_uid, sizeof o->class_uid);
	memcpy(key + n + sizeof o->class_uid, &o->event_id, sizeof o->event_id);
	n += sizeof o->class_uid + sizeof o->event_id;
	key[n++] = (char)(o->windows | o->device << 1);
	ret[0] = hash_sip(m->seed[0], key, n);
	ret[1] = hash_sip(m->seed[1], key, n);
	return true;
}

static const struct origin *find_sources(struct matcher *m)
{
	const struct ruleset *s = m->s;
	struct event_origin o;
	uint64_t key[2] = { 0 };
	event_origin(m->root, &o);
	bool keep = origin_key(m, &o, key);
	struct origin *at = &m->origins[keep ? key[0] % (ORIGINS - 1) : ORIGINS - 1];
	if (keep && at->list && at->key[0] == key[0] && at->key[1] == key[1])
		return at;
	*at = (struct origin){ .key = { key[0], key[1] }, .list = m->origin_sources + (size_t)(at - m->origins) * s->n_sources };
	for (uint32_t i = 0; i < s->n_sources; i++)
		if (logsource_applies(&s->sources[i].source, &o))
			at->list[at->n++] = i;
	return at;
}

static int parse(struct matcher *m, struct str json, struct err *err)
{
	yyjson_alc alc;
	size_t need = yyjson_read_max_memory_usage(json.len, 0) + 64;
	if (json.len > MATCH_EVENT_MAX)
		return err_set(err, E_INVALID, "", "event of %zu bytes is too large", json.len);
	if (need > m->json_size) {
		void *p = mem_grow(m->json, need * 2);
		if (!p)
			return err_set(err, E_NOMEM, "", "no memory");
		m->json = p;
		m->json_size = need * 2;
	}
	yyjson_alc_pool_init(&alc, m->json, m->json_size);
	yyjson_read_err why = { 0 };
	m->doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, &alc, &why);
	m->root = yyjson_doc_get_root(m->doc);
	if (!yyjson_is_obj(m->root))
		return err_set(err, E_INVALID, "", "event is no JSON object: %s at byte %zu", why.msg ? why.msg : "another value", why.pos);
	return 0;
}

int matcher_event(struct matcher *m, struct str json, struct match_event *ret, struct err *err)
{
	const struct ruleset *s = m->s;
	*ret = (struct match_event){ .fired = m->fired };
	new_epoch(m);
	m->stats.events++;
	int r = parse(m, json, err);
	if (r < 0) {
		m->stats.bad++;
		return r;
	}
	ret->root = m->root;
	const struct origin *o = find_sources(m);
	for (uint32_t i = 0; i < o->n; i++)
		m->source_on[o->list[i]] = m->epoch;
	for (uint32_t i = 0; i < o->n; i++)
		for (uint32_t f = 0; f < s->sources[o->list[i]].n_fields; f++)
			scan(m, s->sources[o->list[i]].fields[f]);
	bool timed = m->stats.events % m->sample == 0;
	for (uint32_t i = 0; i < m->n_queue; i++)
		ask(m, m->queue[i], timed, ret);
	for (uint32_t i = 0; i < o->n; i++)
		for (uint32_t k = 0; k < s->sources[o->list[i]].n_always; k++)
			ask(m, s->sources[o->list[i]].always[k], timed, ret);
	return 0;
}

static bool arrays(struct matcher *m)
{
	const struct ruleset *s = m->s;
	m->cost = mem_array(s->n_rules + 1u, sizeof *m->cost);
	m->fields = mem_array(s->n_fields + 1u, sizeof *m->fields);
	m->found = mem_array(s->n_preds + 1u, sizeof *m->found);
	m->value = mem_array(s->n_preds + 1u, sizeof *m->value);
	m->asked = mem_array(s->n_rules + 1u, sizeof *m->asked);
	m->source_on = mem_array(s->n_sources + 1u, sizeof *m->source_on);
	m->origins = mem_array(ORIGINS, sizeof *m->origins);
	m->origin_sources = mem_array(ORIGINS * (s->n_sources + 1u), sizeof *m->origin_sources);
	m->queue = mem_array(s->n_rules + 1u, sizeof *m->queue);
	m->fired = mem_array(s->n_rules + 1u, sizeof *m->fired);
	m->bump = mem_alloc(BUMP);
	m->re_data = pcre2_match_data_create(1, NULL);
	m->re_context = pcre2_match_context_create(NULL);
	return m->cost && m->fields && m->found && m->value && m->asked && m->source_on && m->origins && m->origin_sources && m->queue && m->fired && m->bump &&
	       m->re_data && m->re_context;
}

int matcher_create(const struct ruleset *s, struct matcher **ret, struct err *err)
{
	struct matcher *m = mem_alloc(sizeof *m);
	if (!m)
		return err_set(err, E_NOMEM, "", "no memory");
	m->s = s;
	m->sample = MATCH_SAMPLE;
	rnd_bytes(m->seed, sizeof m->seed);
	arena_init(&m->more, 64 * MIB);
	if (!arrays(m) || (s->scratch && hs_clone_scratch(s->scratch, &m->scratch) != HS_SUCCESS)) {
		matcher_destroy(&m);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	pcre2_set_match_limit(m->re_context, REGEX_STEPS);
	pcre2_set_depth_limit(m->re_context, REGEX_STEPS / 10);
	*ret = m;
	return 0;
}

void matcher_destroy(struct matcher **mp)
{
	struct matcher *m = *mp;
	if (!m)
		return;
	mem_free(m->cost);
	mem_free(m->fields);
	mem_free(m->found);
	mem_free(m->value);
	mem_free(m->asked);
	mem_free(m->source_on);
	mem_free(m->origins);
	mem_free(m->origin_sources);
	mem_free(m->queue);
	mem_free(m->fired);
	mem_free(m->bump);
	mem_free(m->json);
	pcre2_match_data_free(m->re_data);
	pcre2_match_context_free(m->re_context);
	hs_free_scratch(m->scratch);
	arena_done(&m->more);
	mem_free(m);
	*mp = NULL;
}

void matcher_stats(const struct matcher *m, struct match_stats *ret)
{
	*ret = m->stats;
}

const struct rule_cost *matcher_costs(const struct matcher *m)
{
	return m->cost;
}

void matcher_sample(struct matcher *m, unsigned n)
{
	m->sample = n ? n : MATCH_SAMPLE;
}
