/* The `correlation` section of a meta rule (Sigma correlation specification 2.1); correlate.c runs it. */
#include "detect/rule.h"

#include "base/err.h"
#include "base/mem.h"

#include <math.h>
#include <stdlib.h>

static int read_type(struct rule_parser *p, const struct yml *c, struct correlation *k)
{
	static const char *const names[] = { "event_count", "value_count", "temporal", "temporal_ordered", "value_sum", "value_avg",
		"value_percentile" };
	const struct yml *y = yml_get(c, "type");
	if (!y || y->kind != YML_SCALAR)
		return rule_fault(p, c->line, "correlation: type is missing");
	for (unsigned i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(y->text, str_from(names[i]))) {
			k->type = (enum correlation_type)i; /* the names in the order of the type */
			return 0;
		}
	return rule_fault(p, y->line, "correlation: type '" STR_FMT "' is not supported", STR_ARG(y->text));
}

static int read_rules(struct rule_parser *p, const struct yml *c, struct correlation *k)
{
	const struct yml *y = yml_get(c, "rules");
	if (!y || y->kind == YML_MAP || (y->kind == YML_LIST && y->n == 0))
		return rule_fault(p, y ? y->line : c->line, "correlation: rules must be a list of ids or names");
	for (const struct yml *n = y->kind == YML_LIST ? y->first : y; n; n = y->kind == YML_LIST ? n->next : NULL) {
		if (n->kind != YML_SCALAR || k->n_rules == CORRELATION_RULES)
			return rule_fault(p, n->line, "correlation: at most %d rules, by id or name", CORRELATION_RULES);
		k->lines[k->n_rules] = n->line;
		k->names[k->n_rules++] = n->text;
	}
	return 0;
}

static int read_group_by(struct rule_parser *p, const struct yml *c, struct correlation *k)
{
	const struct yml *y = yml_get(c, "group-by");
	k->aliases = yml_get(c, "aliases");
	if (k->aliases && k->aliases->kind != YML_MAP)
		return rule_fault(p, k->aliases->line, "correlation: aliases must be a map");
	if (y && y->kind == YML_MAP)
		return rule_fault(p, y->line, "correlation: group-by must be a list of fields");
	for (const struct yml *n = !y ? NULL : y->kind == YML_LIST ? y->first : y; n; n = y->kind == YML_LIST ? n->next : NULL) {
		if (n->kind != YML_SCALAR || !n->text.len || k->n_group == CORRELATION_GROUP_BY)
			return rule_fault(p, n->line, "correlation: group-by takes at most %d fields", CORRELATION_GROUP_BY);
		k->group_by[k->n_group++] = n->text.ptr;
	}
	return 0;
}

static int read_timespan(struct rule_parser *p, const struct yml *c, struct correlation *k)
{
	const struct yml *y = yml_get(c, "timespan");
	if (!y || y->kind != YML_SCALAR || y->text.len < 2)
		return rule_fault(p, y ? y->line : c->line, "correlation: timespan is missing (as in 30s, 5m, 1h, 2d)");
	if (!rule_timespan(y->text, &k->timespan_ms))
		return rule_fault(p, y->line, "correlation: timespan must be a number and s, m, h or d");
	return k->timespan_ms <= CORRELATION_SPAN_MS ? 0 : rule_fault(p, y->line, "correlation: timespan is longer than 30 days");
}

static bool is_count(const struct correlation *k)
{
	return k->type <= CORRELATION_ORDERED;
}

static bool read_number(struct str s, double *ret)
{
	char text[40], *end;
	if (!s.len || !str_copy(s, text, sizeof text) || strspn(text, "0123456789.-+eE") != s.len)
		return false;
	*ret = strtod(text, &end);
	return *end == 0 && isfinite(*ret);
}

static int read_criterion(struct rule_parser *p, const struct yml *y, struct correlation *k)
{
	static const char *const names[] = { "lt", "lte", "gt", "gte", "eq", "neq" };
	for (unsigned i = 0; i < ARRAY_LEN(names); i++) {
		if (!str_eq(y->key, str_from(names[i])))
			continue;
		uint64_t v;
		double d = 0;
		bool ok = y->kind == YML_SCALAR && k->n_cond < ARRAY_LEN(k->cond);
		if (is_count(k) && !(ok && str_to_u64(y->text, CORRELATION_COUNT, &v)))
			return rule_fault(p, y->line, "correlation: condition takes one or two counts of at most %d", CORRELATION_COUNT);
		if (!(ok && read_number(y->text, &d)))
			return rule_fault(p, y->line, "correlation: condition takes one or two numbers");
		k->cond[k->n_cond].op = (enum compare)i;
		k->cond[k->n_cond++].value = d;
		return 0;
	}
	return rule_fault(p, y->key_line, "correlation: condition has no '" STR_FMT "'", STR_ARG(y->key));
}

/* Only lower bounds can be decided before the time is over, and of averages and shares not even they. */
static void find_threshold(struct correlation *k)
{
	double most = 1;
	k->eager = k->n_cond > 0 && (is_count(k) || k->type == CORRELATION_SUM);
	for (unsigned i = 0; i < k->n_cond; i++) {
		double least = k->cond[i].op == COMPARE_GTE ? k->cond[i].value : k->cond[i].op == COMPARE_GT ? k->cond[i].value + 1 : 0;
		if (k->cond[i].op != COMPARE_GTE && k->cond[i].op != COMPARE_GT)
			k->eager = false;
		if (least > most)
			most = least;
	}
	k->threshold = is_count(k) ? (uint64_t)most : 1;
}

static int read_fields(struct rule_parser *p, const struct yml *y, struct correlation *k)
{
	bool list = y->kind == YML_LIST;
	if (y->kind == YML_MAP || (list && y->n == 0))
		return rule_fault(p, y->line, "correlation: field must be a name, or a list of names");
	for (const struct yml *n = list ? y->first : y; n; n = list ? n->next : NULL) {
		if (n->kind != YML_SCALAR || !n->text.len || k->n_value == CORRELATION_VALUES)
			return rule_fault(p, n->line, "correlation: field takes at most %d names", CORRELATION_VALUES);
		k->values[k->n_value++] = n->text.ptr;
	}
	if (k->n_value > 1 && k->type != CORRELATION_VALUE_COUNT)
		return rule_fault(p, y->line, "correlation: only value_count takes several fields");
	return 0;
}

static int read_percentile(struct rule_parser *p, const struct yml *y, struct correlation *k)
{
	if (y->kind != YML_SCALAR || !read_number(y->text, &k->percentile) || k->percentile < 0 || k->percentile > 100)
		return rule_fault(p, y->line, "correlation: percentile must be a number from 0 to 100");
	return 0;
}

/* Temporal: how many of the rules must fire; all of them when nothing is said. */
static int read_temporal(struct rule_parser *p, const struct yml *y, struct correlation *k)
{
	k->eager = true;
	k->threshold = k->n_rules;
	if (!y)
		return 0;
	if (y->kind != YML_MAP)
		return rule_fault(p, y->line, "correlation: a condition of rule names is not supported for temporal; give the least number of rules");
	for (const struct yml *v = y->first; v; v = v->next) {
		int r = read_criterion(p, v, k);
		if (r < 0)
			return r;
	}
	bool all = k->n_cond == 1 && k->cond[0].op == COMPARE_EQ && k->cond[0].value == k->n_rules;
	if (!all)
		find_threshold(k);
	if (!k->eager || k->threshold > k->n_rules || (k->type == CORRELATION_ORDERED && k->threshold != k->n_rules))
		return rule_fault(p, y->line, k->type == CORRELATION_ORDERED ? "correlation: temporal_ordered needs all its rules"
		                                                              : "correlation: temporal takes gt or gte, of at most as many as it has rules");
	return 0;
}

static int read_amounts(struct rule_parser *p, const struct yml *y, struct correlation *k)
{
	const struct yml *percentile = yml_get(y, "percentile");
	if (k->type == CORRELATION_PERCENTILE && !percentile)
		k->type = CORRELATION_SHARE;
	for (const struct yml *v = y->first; v; v = v->next) {
		int r = str_eq(v->key, STR("field")) && k->type != CORRELATION_EVENT_COUNT ? read_fields(p, v, k)
		        : v == percentile && k->type == CORRELATION_PERCENTILE             ? read_percentile(p, v, k)
		                                                                           : read_criterion(p, v, k);
		if (r < 0)
			return r;
	}
	if (k->n_cond == 0)
		return rule_fault(p, y->line, "correlation: condition has no count");
	if (k->type != CORRELATION_EVENT_COUNT && k->n_value == 0)
		return rule_fault(p, y->line, "correlation: condition.field is missing");
	find_threshold(k);
	return 0;
}

static int read_condition(struct rule_parser *p, const struct yml *c, struct correlation *k)
{
	const struct yml *y = yml_get(c, "condition");
	if (k->type == CORRELATION_TEMPORAL || k->type == CORRELATION_ORDERED)
		return read_temporal(p, y, k);
	if (!y || y->kind != YML_MAP)
		return rule_fault(p, y ? y->line : c->line, "correlation: condition is missing or no map");
	return read_amounts(p, y, k);
}

int correlation_parse(struct rule_parser *p, const struct yml *doc, const struct yml *c)
{
	static const char *const known[] = { "type", "rules", "aliases", "group-by", "timespan", "condition", "generate" };
	struct correlation *k = arena_alloc(p->arena, sizeof *k);
	const struct yml *g = yml_get(c, "generate");
	if (!k)
		return rule_fault(p, doc->line, "no memory");
	if (c->kind != YML_MAP)
		return rule_fault(p, c->line, "correlation must be a map");
	for (const struct yml *y = c->first; y; y = y->next) {
		bool ok = false;
		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			ok |= str_eq(y->key, str_from(known[i]));
		if (!ok)
			return rule_fault(p, y->key_line, "correlation has no '" STR_FMT "'", STR_ARG(y->key));
	}
	if (!g)
		g = yml_get(doc, "generate");
	if (g && !yml_bool(g, &p->rule->generate))
		return rule_fault(p, g->line, "generate takes true or false");
	p->rule->correlation = k;
	int r = read_type(p, c, k);
	if (r == 0)
		r = read_rules(p, c, k);
	if (r == 0)
		r = read_group_by(p, c, k);
	if (r == 0)
		r = read_timespan(p, c, k);
	if (r == 0)
		r = read_condition(p, c, k);
	if (r < 0 || p->rule->jitter == 0)
		return r;
	if (k->type != CORRELATION_EVENT_COUNT)
		return rule_fault(p, doc->line, "jitter is for correlations of the type event_count");
	k->jitter = p->rule->jitter;
	k->eager = false; /* how regular it is is known when the time is over */
	return 0;
}
