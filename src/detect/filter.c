/* Filters into rules; see filter.h. Between the reading of all files and the linking of correlations (ruleset.c). */
#include "detect/filter.h"

#include "base/err.h"
#include "base/mem.h"

struct filtering {
	struct rule_parser p; /* p.rule is a stand-in while the filter itself is looked at */
	const struct yml *map, *rules;
	struct logsource source;
};

static bool is_open_or(const char *want, const char *have)
{
	return !*want || strcmp(want, have) == 0;
}

static bool covers(const struct logsource *filter, const struct logsource *rule)
{
	return is_open_or(filter->category, rule->category) && is_open_or(filter->product, rule->product) &&
	       is_open_or(filter->service, rule->service);
}

static bool is_any(const struct yml *rules)
{
	return rules->kind == YML_SCALAR && (str_case_eq(rules->text, STR("any")) || str_case_eq(rules->text, STR("all")));
}

static int narrow(struct filtering *f, struct rule *r)
{
	struct rule_parser p = f->p;
	struct pred *before = r->preds;
	struct expr *own, *both;
	p.rule = r;
	int x = detection_parse(&p, f->map, f->rules, &own);
	if (x == 0)
		x = rule_resolve(&p, before);
	if (x < 0) { /* the rule stays as it was */
		for (; r->preds != before; r->preds = r->preds->next)
			pcre2_code_free(r->preds->re);
		return x;
	}
	both = expr_new(&p, EXPR_AND, 2);
	if (!both)
		return rule_fault(&p, f->map->line, "no memory");
	both->kids[0] = r->condition;
	both->kids[1] = own;
	r->condition = both;
	return 0;
}

static struct rule *find(struct rule *rules, struct str name)
{
	for (struct rule *r = rules; r; r = r->next)
		if (str_eq(str_from(r->id), name) || (*r->name && str_eq(str_from(r->name), name)))
			return r;
	return NULL;
}

static int one_named(struct filtering *f, struct rule *rules, const struct yml *y)
{
	struct rule *r = y->kind == YML_SCALAR ? find(rules, y->text) : NULL;
	if (y->kind != YML_SCALAR)
		return rule_fault(&f->p, y->line, "filter: rules must be ids or names, or any");
	if (!r)
		return rule_fault(&f->p, y->line, "filter: there is no rule '" STR_FMT "'", STR_ARG(y->text));
	if (r->correlation)
		return rule_fault(&f->p, y->line, "filter: '" STR_FMT "' is a correlation; name the rules below it", STR_ARG(y->text));
	if (!covers(&f->source, &r->source))
		return rule_fault(&f->p, y->line, "filter: rule '" STR_FMT "' has another log source", STR_ARG(y->text));
	return narrow(f, r);
}

static int apply_all(struct filtering *f, struct rule *rules)
{
	int first = 0;
	struct err e = { 0 }, *err = f->p.err;
	f->p.err = &e;
	for (struct rule *r = is_any(f->rules) ? rules : NULL; r; r = r->next)
		if (!r->correlation && covers(&f->source, &r->source) && narrow(f, r) < 0 && !first) {
			first = -(int)e.code;
			*err = e;
		}
	bool list = f->rules->kind == YML_LIST;
	for (const struct yml *y = is_any(f->rules) ? NULL : list ? f->rules->first : f->rules; y; y = list ? y->next : NULL)
		if (one_named(f, rules, y) < 0 && !first) {
			first = -(int)e.code;
			*err = e;
		}
	return first;
}

int filter_apply(const struct filter *f, struct rule *rules, const struct rule_opts *o, struct arena *a, struct err *err)
{
	struct rule nobody = { .file = f->file };
	struct filtering w = { .p = { .file = f->file, .arena = a, .opts = o, .rule = &nobody, .err = err } };
	w.map = yml_get(f->doc, "filter");
	w.rules = yml_get(w.map, "rules");
	if (w.map->kind != YML_MAP)
		return rule_fault(&w.p, w.map->line, "filter must be a map");
	if (!w.rules || w.rules->kind == YML_MAP || (w.rules->kind == YML_LIST && w.rules->n == 0))
		return rule_fault(&w.p, w.rules ? w.rules->line : w.map->line, "filter: rules must be ids or names, or any");
	int r = logsource_parse(&w.p, f->doc, &w.source);
	return r < 0 ? r : apply_all(&w, rules);
}
