/* See coverage.h. */
#include "detect/coverage.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- of a set of rules ---- */

static void put_need(const struct logsource *s, size_t *n, struct buf *b)
{
	struct logsource_need need;
	logsource_needs(s, &need);
	buf_puts(b, (*n)++ ? ",{" : "{");
	json_field_s(b, "source", need.name);
	json_field_u64(b, "class", need.class_uid);
	json_field_s(b, "products", need.products);
	buf_putc(b, '}');
}

#define SOURCES_OF_A_RULE 16

struct put {
	const struct logsource *seen[SOURCES_OF_A_RULE];
	size_t n;
	struct buf *b;
};

static bool same_need(const struct logsource *a, const struct logsource *b)
{
	struct logsource_need x, y;
	logsource_needs(a, &x);
	logsource_needs(b, &y);
	return strcmp(x.name, y.name) == 0;
}

/* Each once; a correlation may stand on correlations. */
static void put_needs(const struct rule *r, unsigned depth, struct put *p)
{
	if (r->correlation) {
		for (unsigned i = 0; i < r->correlation->n_rules && depth < 8; i++)
			if (r->correlation->rules[i])
				put_needs(r->correlation->rules[i], depth + 1, p);
		return;
	}
	for (size_t i = 0; i < p->n; i++)
		if (same_need(p->seen[i], &r->source))
			return;
	if (p->n == SOURCES_OF_A_RULE)
		return;
	p->seen[p->n] = &r->source;
	put_need(&r->source, &p->n, p->b);
}

static bool every(const struct rule *r)
{
	return r->correlation && (r->correlation->type == CORRELATION_ORDERED || (r->correlation->type == CORRELATION_TEMPORAL && !r->correlation->n_cond));
}

static void put_rule(const struct rule *r, struct buf *b)
{
	struct put needs = { .b = b };
	buf_putc(b, '{');
	json_field_s(b, "id", r->id);
	json_field_s(b, "title", r->title);
	json_field_s(b, "title_ja", r->title_ja);
	json_key(b, "attacks");
	buf_putc(b, '[');
	for (size_t i = 0; i < r->n_attacks; i++) {
		buf_puts(b, i ? "," : "");
		json_str(b, str_from(r->attacks[i]));
	}
	buf_putc(b, ']');
	json_field_bool(b, "every", every(r));
	json_key(b, "needs");
	buf_putc(b, '[');
	put_needs(r, 0, &needs);
	buf_puts(b, "]}");
}

void coverage_format(const struct ruleset *s, struct buf *b)
{
	size_t n = 0;
	buf_putc(b, '[');
	for (uint32_t i = 0; i < s->n_rules; i++) {
		if (s->rules[i]->referenced)
			continue;
		buf_puts(b, n++ ? "," : "");
		put_rule(s->rules[i], b);
	}
	buf_putc(b, ']');
}

/* ---- counting ---- */

static struct str text(yyjson_val *o, const char *key)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : STR("");
}

static bool counted(yyjson_val *counts, const struct coverage_seen *seen, struct str value)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(counts, i, n, v)
		if (str_eq(text(v, "value"), value) && (!seen->org || str_eq(text(v, "value2"), str_from(seen->org))))
			return true;
	return false;
}

static bool is_there(const struct coverage_source *s, const struct coverage_seen *seen)
{
	struct str rest = s->products, one;
	char number[24];
	snprintf(number, sizeof number, "%llu", (unsigned long long)s->class_uid);
	if (!seen->products || !seen->classes)
		return true;
	if (s->class_uid && !counted(seen->classes, seen, str_from(number)))
		return false;
	if (!rest.len)
		return true;
	while (str_next(&rest, '|', &one))
		if (counted(seen->products, seen, one))
			return true;
	return false;
}

static int source_of(struct coverage *c, yyjson_val *need, const struct coverage_seen *seen, struct coverage_source **ret, struct err *err)
{
	struct str key = text(need, "source");
	for (size_t i = 0; i < c->n_sources; i++)
		if (str_eq(c->sources[i].key, key)) {
			*ret = &c->sources[i];
			return 0;
		}
	if (!key.len || c->n_sources == COVERAGE_SOURCES)
		return err_set(err, key.len ? E_LIMIT : E_INVALID, "coverage", key.len ? "more than %d sources" : "a source without a name", COVERAGE_SOURCES);
	*ret = &c->sources[c->n_sources++];
	**ret = (struct coverage_source){ .key = key, .products = text(need, "products"), .class_uid = yyjson_get_uint(yyjson_obj_get(need, "class")) };
	(*ret)->there = is_there(*ret, seen);
	return 0;
}

static int technique_of(struct coverage *c, struct str id, struct coverage_technique **ret, struct err *err)
{
	*ret = map_get(&c->names, id);
	if (*ret)
		return 0;
	if (!id.len || c->n_techniques == COVERAGE_TECHNIQUES)
		return err_set(err, E_LIMIT, "coverage", "more than %d techniques", COVERAGE_TECHNIQUES);
	*ret = &c->techniques[c->n_techniques++];
	(*ret)->id = id;
	return map_put(&c->names, id, *ret) < 0 ? err_set(err, E_NOMEM, "", "no memory") : 0;
}

static int count_rule(struct coverage *c, yyjson_val *rule, size_t at, const struct coverage_seen *seen, struct err *err)
{
	size_t i, n, there = 0;
	yyjson_val *v, *needs = yyjson_obj_get(rule, "needs"), *attacks = yyjson_obj_get(rule, "attacks");
	struct coverage_source *s;
	struct coverage_technique *t;
	yyjson_arr_foreach(needs, i, n, v) {
		int r = source_of(c, v, seen, &s, err);
		if (r < 0)
			return r;
		s->rules++;
		there += s->there;
	}
	bool blind = yyjson_get_bool(yyjson_obj_get(rule, "every")) ? there < yyjson_arr_size(needs) : !there && yyjson_arr_size(needs);
	c->rule_blind[at] = blind;
	c->rules++;
	c->blind += blind;
	yyjson_arr_foreach(needs, i, n, v)
		if (source_of(c, v, seen, &s, err) == 0)
			s->blind += blind && !s->there;
	yyjson_arr_foreach(attacks, i, n, v) {
		int r = technique_of(c, (struct str){ yyjson_get_str(v), yyjson_get_len(v) }, &t, err);
		if (r < 0)
			return r;
		t->rules++;
		t->blind += blind;
	}
	c->untagged += yyjson_arr_size(attacks) == 0;
	return 0;
}

static int compare(struct str a, struct str b)
{
	int r = memcmp(a.ptr, b.ptr, a.len < b.len ? a.len : b.len);
	return r ? r : (a.len > b.len) - (a.len < b.len);
}

static int by_id(const void *a, const void *b)
{
	return compare(((const struct coverage_technique *)a)->id, ((const struct coverage_technique *)b)->id);
}

static int by_key(const void *a, const void *b)
{
	return compare(((const struct coverage_source *)a)->key, ((const struct coverage_source *)b)->key);
}

int coverage_count(yyjson_val *rules, const struct coverage_seen *seen, struct coverage *ret, struct err *err)
{
	size_t i, n;
	yyjson_val *v;
	*ret = (struct coverage){ .known = seen->products && seen->classes };
	arena_init(&ret->arena, MIB);
	map_init(&ret->names, COVERAGE_TECHNIQUES);
	ret->rule_blind = arena_array(&ret->arena, yyjson_arr_size(rules) + 1, sizeof *ret->rule_blind);
	int r = !yyjson_is_arr(rules) ? err_set(err, E_INVALID, "coverage", "not a list of rules") : ret->rule_blind ? 0 : err_set(err, E_NOMEM, "", "no memory");
	yyjson_arr_foreach(rules, i, n, v)
		r = r < 0 ? r : count_rule(ret, v, i, seen, err);
	qsort(ret->techniques, ret->n_techniques, sizeof *ret->techniques, by_id);
	qsort(ret->sources, ret->n_sources, sizeof *ret->sources, by_key);
	return r;
}

void coverage_done(struct coverage *c)
{
	map_done(&c->names);
	arena_done(&c->arena);
}

/* ---- the Navigator's layer ---- */

static void put_comment(yyjson_val *rules, const struct coverage *c, struct str id, bool ja, struct buf *b)
{
	size_t i, n, k, m, put = 0;
	yyjson_val *v, *a;
	yyjson_arr_foreach(rules, i, n, v)
		yyjson_arr_foreach(yyjson_obj_get(v, "attacks"), k, m, a) {
			if (!str_eq((struct str){ yyjson_get_str(a), yyjson_get_len(a) }, id))
				continue;
			struct str title = text(v, ja && text(v, "title_ja").len ? "title_ja" : "title");
			buf_printf(b, "%s" STR_FMT "%s", put++ ? "\n" : "", STR_ARG(title), !c->rule_blind[i] ? "" : ja ? " (記録が届いていない)" : " (its records don't come)");
		}
}

void coverage_layer(yyjson_val *rules, const struct coverage *c, const char *name, bool japanese, struct buf *b)
{
	unsigned most = 1;
	struct buf comment;
	buf_putc(b, '{');
	json_field_s(b, "name", name);
	buf_puts(b, ",\"versions\":{\"layer\":\"4.5\"},\"domain\":\"enterprise-attack\"");
	json_field_s(b, "description", japanese ? "検知ルールで見つけられる技術。点数は、記録が届いていて働けるルールの数" : "Techniques that the rules could find; the score is how many can fire, with the records that come");
	json_key(b, "techniques");
	buf_putc(b, '[');
	for (size_t i = 0; i < c->n_techniques; i++) {
		const struct coverage_technique *t = &c->techniques[i];
		most = t->rules > most ? t->rules : most;
		buf_init(&comment, 256 * KIB);
		put_comment(rules, c, t->id, japanese, &comment);
		buf_puts(b, i ? ",{" : "{");
		json_field(b, "techniqueID", t->id);
		json_field_u64(b, "score", t->rules - t->blind);
		json_field(b, "comment", buf_view(&comment));
		buf_putc(b, '}');
		buf_done(&comment);
	}
	buf_puts(b, "],\"gradient\":{\"colors\":[\"#ffffff\",\"#0017c1\"],\"minValue\":0");
	json_field_u64(b, "maxValue", most);
	buf_puts(b, "}}");
}
