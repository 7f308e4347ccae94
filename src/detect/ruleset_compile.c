/* From rules to what a matcher walks through for each event; last stage of loading.
 *
 * Each pattern gives its longest literal to its field's Hyperscan database, or, without wildcards, to the field's
 * table of whole texts. From each rule a set of such patterns is chosen of which at least one must be found for
 * the rule to be true (its triggers): a rule whose triggers are silent isn't looked at, and a field without triggers is
 * scanned only when such a rule asks for it. Rules without such a set
 * (only expressions, networks, negations …) are asked for every event of their log source. */
#include "detect/ruleset.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>

struct compiler {
	struct ruleset *s;
	struct err *err;
	uint32_t cap_fields, cap_sources;
};

static int no_memory(struct compiler *c)
{
	return err_set(c->err, E_NOMEM, "", "no memory for the rules");
}

/* Grows an arena array by doubling; the old one stays in the arena. */
static void *grown(struct arena *a, void *list, uint32_t n, uint32_t *cap, size_t size)
{
	if (n < *cap)
		return list;
	uint32_t want = *cap ? *cap * 2 : 8;
	void *p = arena_array(a, want, size);
	if (!p)
		return NULL;
	if (n)
		memcpy(p, list, n * size);
	*cap = want;
	return p;
}

static int list_add_pred(struct compiler *c, struct pred_list *l, struct pred *d)
{
	struct pred **p = grown(&c->s->arena, l->list, l->n, &l->cap, sizeof *p);
	if (!p)
		return no_memory(c);
	l->list = p;
	l->list[l->n++] = d;
	return 0;
}

static int list_add_rule(struct compiler *c, struct rule_list *l, struct rule *r)
{
	if (l->n && l->list[l->n - 1] == r)
		return 0;
	struct rule **p = grown(&c->s->arena, l->list, l->n, &l->cap, sizeof *p);
	if (!p)
		return no_memory(c);
	l->list = p;
	l->list[l->n++] = r;
	return 0;
}

static int find_field(struct compiler *c, const struct field_path *path, struct map *by_name, uint32_t *ret)
{
	struct ruleset *s = c->s;
	char key[512];
	int n = snprintf(key, sizeof key, "%d/%.500s", (int)path->kind, path->name);
	struct str k = { key, (size_t)n < sizeof key ? (size_t)n : sizeof key - 1 };
	uintptr_t was = (uintptr_t)map_get(by_name, k);
	if (was) {
		*ret = (uint32_t)was - 1;
		return 0;
	}
	struct match_field *f = grown(&s->arena, s->fields, s->n_fields, &c->cap_fields, sizeof *f);
	if (!f || map_put(by_name, k, (void *)(uintptr_t)(s->n_fields + 1)) < 0)
		return no_memory(c);
	s->fields = f;
	s->fields[s->n_fields] = (struct match_field){ .path = *path };
	field_steps(path, &s->fields[s->n_fields].steps);
	*ret = s->n_fields++;
	return 0;
}

static int find_source(struct compiler *c, const struct logsource *l, uint32_t *ret)
{
	struct ruleset *s = c->s;
	for (uint32_t i = 0; i < s->n_sources; i++)
		if (logsource_same(&s->sources[i].source, l)) {
			*ret = i;
			return 0;
		}
	struct match_source *m = grown(&s->arena, s->sources, s->n_sources, &c->cap_sources, sizeof *m);
	if (!m)
		return no_memory(c);
	s->sources = m;
	s->sources[s->n_sources] = (struct match_source){ .source = *l };
	*ret = s->n_sources++;
	return 0;
}

static bool searchable(const struct pred *d)
{
	return d->op == PRED_MATCH && (pattern_is_exact(&d->pattern) || pattern_literal(&d->pattern).len > 0);
}

static enum pred_found found_means(const struct pred *d)
{
	if (!searchable(d))
		return PRED_ASK;
	bool whole = pattern_is_exact(&d->pattern) || pattern_is_contains(&d->pattern);
	return whole && !d->pattern.cased ? PRED_SURE : PRED_VERIFY;
}

static int number_preds(struct compiler *c)
{
	struct ruleset *s = c->s;
	for (struct rule *r = s->first; r; r = r->next)
		for (struct pred *d = r->preds; d; d = d->next)
			d->index = s->n_preds++;
	s->preds = arena_array(&s->arena, s->n_preds + 1u, sizeof *s->preds);
	s->pred_field = arena_array(&s->arena, s->n_preds + 1u, sizeof *s->pred_field);
	s->pred_kind = arena_array(&s->arena, s->n_preds + 1u, 1);
	s->triggers = arena_array(&s->arena, s->n_preds + 1u, sizeof *s->triggers);
	s->rule_source = arena_array(&s->arena, s->n_rules + 1u, sizeof *s->rule_source);
	if (!s->preds || !s->pred_field || !s->pred_kind || !s->triggers || !s->rule_source)
		return no_memory(c);
	return 0;
}

static int place_preds(struct compiler *c, struct map *by_name)
{
	struct ruleset *s = c->s;
	for (struct rule *r = s->first; r; r = r->next) {
		s->rule_source[r->index] = UINT32_MAX;
		int x = r->correlation ? 0 : find_source(c, &r->source, &s->rule_source[r->index]);
		for (struct pred *d = r->preds; x == 0 && d; d = d->next) {
			s->preds[d->index] = d;
			s->pred_kind[d->index] = (unsigned char)found_means(d);
			x = find_field(c, &d->path, by_name, &s->pred_field[d->index]);
			uint32_t other;
			if (x == 0 && d->op == PRED_FIELDREF)
				x = find_field(c, &d->other, by_name, &other);
		}
		if (x < 0)
			return x;
	}
	return 0;
}

/* ---- literals and whole texts of each field */

struct texts { /* of one field while it is built */
	struct map map;
	struct pred_list *lists;
	struct str *keys;
	uint32_t n, cap, cap_keys;
};

static int texts_add(struct compiler *c, struct texts *t, struct str text, struct pred *d)
{
	char key[PATTERN_BYTES];
	memcpy(key, text.ptr, text.len);
	pattern_fold(key, text.len);
	struct str k = { key, text.len };
	uintptr_t at = (uintptr_t)map_get(&t->map, k);
	if (!at) {
		struct pred_list *l = grown(&c->s->arena, t->lists, t->n, &t->cap, sizeof *l);
		struct str *keys = grown(&c->s->arena, t->keys, t->n, &t->cap_keys, sizeof *keys);
		char *copy = arena_strdup(&c->s->arena, k);
		if (!l || !keys || !copy || map_put(&t->map, k, (void *)(uintptr_t)(t->n + 1)) < 0)
			return no_memory(c);
		t->lists = l;
		t->keys = keys;
		t->lists[t->n] = (struct pred_list){ 0 };
		t->keys[t->n] = (struct str){ copy, text.len };
		at = ++t->n;
	}
	return list_add_pred(c, &t->lists[at - 1], d);
}

static int build_database(struct compiler *c, struct match_field *f, struct texts *t)
{
	if (t->n == 0)
		return 0;
	const char **text = mem_array(t->n, sizeof *text);
	unsigned *flags = mem_array(t->n, sizeof *flags), *ids = mem_array(t->n, sizeof *ids);
	size_t *lens = mem_array(t->n, sizeof *lens);
	hs_compile_error_t *why = NULL;
	int r = 0;
	for (uint32_t i = 0; text && flags && ids && lens && i < t->n; i++) {
		text[i] = t->keys[i].ptr;
		lens[i] = t->keys[i].len;
		flags[i] = HS_FLAG_CASELESS | HS_FLAG_SINGLEMATCH;
		ids[i] = i;
	}
	if (!text || !flags || !ids || !lens)
		r = no_memory(c);
	else if (hs_compile_lit_multi(text, flags, ids, lens, t->n, HS_MODE_BLOCK, NULL, &f->db, &why) != HS_SUCCESS)
		r = err_set(c->err, E_STATE, f->path.name, "Hyperscan: %s", why ? why->message : "can't compile the texts");
	else if (hs_alloc_scratch(f->db, &c->s->scratch) != HS_SUCCESS)
		r = no_memory(c);
	hs_free_compile_error(why);
	mem_free(text);
	mem_free(flags);
	mem_free(ids);
	mem_free(lens);
	f->literals = t->lists;
	f->n_literals = t->n;
	return r;
}

static int build_table(struct compiler *c, struct match_field *f, struct texts *t)
{
	f->exact = t->lists;
	f->n_exact = t->n;
	for (uint32_t i = 0; i < t->n; i++)
		if (map_put(&f->by_text, t->keys[i], &f->exact[i]) < 0)
			return no_memory(c);
	return 0;
}

static int build_fields(struct compiler *c)
{
	struct ruleset *s = c->s;
	struct texts *t = mem_array(s->n_fields + 1u, 2 * sizeof *t);
	int r = t ? 0 : no_memory(c);
	for (uint32_t i = 0; r == 0 && i < s->n_fields; i++) {
		map_init(&t[2 * i].map, 1u << 20);
		map_init(&t[2 * i + 1].map, 1u << 20);
		map_init(&s->fields[i].by_text, 1u << 20);
	}
	for (uint32_t i = 0; r == 0 && i < s->n_preds; i++) {
		struct pred *d = s->preds[i];
		if (!searchable(d))
			continue;
		bool exact = pattern_is_exact(&d->pattern);
		r = texts_add(c, &t[2 * s->pred_field[i] + exact], pattern_literal(&d->pattern), d);
	}
	for (uint32_t i = 0; r == 0 && i < s->n_fields; i++) {
		r = build_database(c, &s->fields[i], &t[2 * i]);
		if (r == 0)
			r = build_table(c, &s->fields[i], &t[2 * i + 1]);
	}
	for (uint32_t i = 0; t && i < s->n_fields; i++) {
		map_done(&t[2 * i].map);
		map_done(&t[2 * i + 1].map);
	}
	mem_free(t);
	return r;
}

/* ---- triggers */

/* Fields with few values, most events having one of them: what a text's length says of its rarity is wrong there. */
static bool is_common(const struct field_path *f)
{
	static const char *const names[] = { "action", "disposition", "http_request.http_method", "http_response.code", "EventID",
		"connection_info.direction" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strcmp(f->name, names[i]) == 0)
			return true;
	return false;
}

static double rarity(const struct pred *d) /* smaller is rarer */
{
	double n = (double)pattern_literal(&d->pattern).len;
	/* Keywords are looked for in every text of an event: dear, so anything else wakes the rule first. */
	double burden = d->path.kind == FIELD_ANY ? 1000 : is_common(&d->path) ? 10 : 0;
	return (pattern_is_exact(&d->pattern) ? 1 / (1 + n) : 1 / (n * n)) + burden;
}

/* How often the rule would be asked if this expression chose the triggers; < 0: it can't. */
static double trigger_cost(const struct expr *e)
{
	double sum = 0, best = -1;
	switch (e->kind) {
	case EXPR_PRED:
		return searchable(e->pred) ? rarity(e->pred) : -1;
	case EXPR_NOT:
		return -1;
	case EXPR_OR:
		for (unsigned i = 0; i < e->n; i++) {
			double x = trigger_cost(e->kids[i]);
			if (x < 0)
				return -1;
			sum += x;
		}
		return sum;
	case EXPR_AND:
		for (unsigned i = 0; i < e->n; i++) {
			double x = trigger_cost(e->kids[i]);
			if (x >= 0 && (best < 0 || x < best))
				best = x;
		}
		return best;
	}
	return -1;
}

static int add_triggers(struct compiler *c, struct rule *r, const struct expr *e)
{
	const struct expr *best = NULL;
	int x = 0;
	if (e->kind == EXPR_PRED)
		return list_add_rule(c, &c->s->triggers[e->pred->index], r);
	for (unsigned i = 0; e->kind == EXPR_OR && x == 0 && i < e->n; i++)
		x = add_triggers(c, r, e->kids[i]);
	for (unsigned i = 0; e->kind == EXPR_AND && i < e->n; i++) {
		double cost = trigger_cost(e->kids[i]);
		if (cost >= 0 && (!best || cost < trigger_cost(best)))
			best = e->kids[i];
	}
	return best ? add_triggers(c, r, best) : x;
}

static int expr_cost(const struct expr *e)
{
	static const int of[] = { [PRED_MATCH] = 1, [PRED_EXISTS] = 1, [PRED_NULL] = 1, [PRED_COMPARE] = 3, [PRED_CIDR] = 4,
		[PRED_FIELDREF] = 6, [PRED_REGEX] = 1000 };
	int sum = 0;
	if (e->kind == EXPR_PRED)
		return of[e->pred->op];
	for (unsigned i = 0; i < e->n && sum < 1000000; i++)
		sum += expr_cost(e->kids[i]);
	return sum;
}

/* Cheap things first, expressions last; equal ones keep their order. */
static void order(struct expr *e, unsigned depth)
{
	if (e->kind == EXPR_PRED || depth > 2 * RULE_EXPR_DEPTH)
		return;
	for (unsigned i = 0; i < e->n; i++)
		order(e->kids[i], depth + 1);
	if (e->n > 256)
		return; /* a long list of values: all alike */
	for (unsigned i = 1; i < e->n; i++) {
		struct expr *k = e->kids[i];
		int cost = expr_cost(k);
		unsigned j = i;
		for (; j > 0 && expr_cost(e->kids[j - 1]) > cost; j--)
			e->kids[j] = e->kids[j - 1];
		e->kids[j] = k;
	}
}

static int build_triggers(struct compiler *c)
{
	struct ruleset *s = c->s;
	struct rule_list *always = mem_array(s->n_sources + 1u, sizeof *always);
	int x = always ? 0 : no_memory(c);
	for (struct rule *r = s->first; x == 0 && r; r = r->next) {
		if (r->correlation)
			continue;
		order(r->condition, 0);
		r->regex_only = trigger_cost(r->condition) < 0;
		x = r->regex_only ? list_add_rule(c, &always[s->rule_source[r->index]], r) : add_triggers(c, r, r->condition);
	}
	for (uint32_t i = 0; x == 0 && i < s->n_sources; i++) {
		s->sources[i].always = always[i].list;
		s->sources[i].n_always = always[i].n;
	}
	mem_free(always);
	return x;
}

static int build_sources(struct compiler *c)
{
	struct ruleset *s = c->s;
	size_t row = s->n_fields;
	unsigned char *seen = mem_array(s->n_sources * row + 1, 1);
	if (!seen)
		return no_memory(c);
	int x = 0;
	for (struct rule *r = s->first; x == 0 && r; r = r->next)
		for (struct pred *d = r->preds; x == 0 && d; d = d->next)
			if (s->triggers[d->index].n) /* the others are scanned when a rule that was woken asks */
				seen[s->rule_source[r->index] * row + s->pred_field[d->index]] = 1;
	for (uint32_t i = 0; x == 0 && i < s->n_sources; i++) {
		struct match_source *m = &s->sources[i];
		m->fields = arena_array(&s->arena, s->n_fields + 1u, sizeof *m->fields);
		if (!m->fields)
			x = no_memory(c);
		for (uint32_t f = 0; x == 0 && f < s->n_fields; f++)
			if (seen[i * row + f])
				m->fields[m->n_fields++] = f;
	}
	mem_free(seen);
	return x;
}

int ruleset_compile(struct ruleset *s, struct err *err)
{
	struct compiler c = { .s = s, .err = err };
	struct map by_name;
	map_init(&by_name, 1u << 20);
	int r = number_preds(&c);
	if (r == 0)
		r = place_preds(&c, &by_name);
	map_done(&by_name);
	if (r == 0)
		r = build_fields(&c);
	if (r == 0)
		r = build_triggers(&c);
	return r < 0 ? r : build_sources(&c);
}
