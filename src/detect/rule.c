/* One YAML document -> one rule; see rule.h. Second stage behind yml.c; ruleset.c links rules to each other. */
#include "detect/rule.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define RULE_IDENTIFIERS 512
#define RULE_CONDITION 8192

int rule_fault(struct rule_parser *p, unsigned line, const char *fmt, ...)
{
	char place[256], words[400];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(words, sizeof words, fmt, ap);
	va_end(ap);
	snprintf(place, sizeof place, "%.200s:%u", p->file, line);
	return err_set(p->err, strcmp(words, "no memory") ? E_INVALID : E_NOMEM, place, "%s", words);
}

struct expr *expr_new(struct rule_parser *p, enum expr_kind kind, unsigned n)
{
	struct expr *e = arena_alloc(p->arena, sizeof *e);
	if (!e)
		return NULL;
	e->kind = kind;
	e->n = n;
	e->kids = n ? arena_array(p->arena, n, sizeof *e->kids) : NULL;
	return n && !e->kids ? NULL : e;
}

/* A text attribute; "" when absent. */
static int get_text(struct rule_parser *p, const struct yml *map, const char *key, size_t max, const char **ret)
{
	const struct yml *y = yml_get(map, key);
	*ret = "";
	if (!y || yml_is_null(y))
		return 0;
	if (y->kind != YML_SCALAR || y->text.len > max || memchr(y->text.ptr, 0, y->text.len))
		return rule_fault(p, y->line, "'%s' must be text of at most %zu bytes", key, max);
	for (size_t i = 0; i < y->text.len; i++)
		if ((unsigned char)y->text.ptr[i] < 0x20)
			return rule_fault(p, y->line, "'%s' holds a control character", key);
	*ret = y->text.ptr;
	return 0;
}

static int read_level(struct rule_parser *p, const struct yml *doc)
{
	const struct yml *y = yml_get(doc, "level");
	p->rule->level = FINDING_MEDIUM;
	if (y && (y->kind != YML_SCALAR || !finding_level_parse(y->text, &p->rule->level)))
		return rule_fault(p, y->line, "level must be informational, low, medium, high or critical");
	return 0;
}

static bool digits(struct str s, size_t min, size_t max)
{
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
	return s.len >= min && s.len <= max;
}

/* cve.2021-41773, in older rules cve.2021.41773 -> CVE-2021-41773; other tags of that name space say nothing. */
static int take_cve(struct rule_parser *p, struct str tag, unsigned line)
{
	char text[24];
	struct str year = { tag.ptr + 4, tag.len - 4 }, number = { tag.ptr + 9, tag.len - 9 };
	year.len = 4;
	if (tag.len < 10 || (tag.ptr[8] != '-' && tag.ptr[8] != '.') || !digits(year, 4, 4) || !digits(number, 4, 7) || p->rule->n_cves == FINDING_CVES)
		return 0;
	snprintf(text, sizeof text, "CVE-" STR_FMT "-" STR_FMT, STR_ARG(year), STR_ARG(number));
	const char *s = arena_strdup(p->arena, str_from(text));
	if (!s)
		return rule_fault(p, line, "no memory");
	p->rule->cves[p->rule->n_cves++] = s;
	return 0;
}

/* attack.t1071.001 -> T1071.001 */
static int take_attack(struct rule_parser *p, struct str tag, unsigned line)
{
	if (tag.len < 9 || tag.ptr[8] < '0' || tag.ptr[8] > '9' || p->rule->n_attacks == FINDING_ATTACKS)
		return 0;
	char *s = arena_strdup(p->arena, (struct str){ tag.ptr + 7, tag.len - 7 });
	if (!s)
		return rule_fault(p, line, "no memory");
	s[0] = 'T';
	p->rule->attacks[p->rule->n_attacks++] = s;
	return 0;
}

static int read_tags(struct rule_parser *p, const struct yml *doc)
{
	const struct yml *tags = yml_get(doc, "tags");
	int r = 0;
	if (tags && tags->kind != YML_LIST)
		return yml_is_null(tags) ? 0 : rule_fault(p, tags->line, "tags must be a list");
	for (const struct yml *t = tags ? tags->first : NULL; t && r == 0; t = t->next) {
		if (t->kind != YML_SCALAR || t->text.len > 100 || memchr(t->text.ptr, 0, t->text.len))
			return rule_fault(p, t->line, "a tag must be text of at most 100 bytes");
		if (str_starts(t->text, STR("attack.t")))
			r = take_attack(p, t->text, t->line);
		else if (str_starts(t->text, STR("cve.")))
			r = take_cve(p, t->text, t->line);
	}
	return r;
}

static int read_jitter(struct rule_parser *p, const struct yml *y)
{
	char text[32], *end = text;
	if (y->kind == YML_SCALAR && y->text.len && str_copy(y->text, text, sizeof text) && strspn(text, "0123456789.") == y->text.len)
		p->rule->jitter = strtod(text, &end);
	return p->rule->jitter > 0 && p->rule->jitter <= 1 && *end == 0 ? 0 : rule_fault(p, y->line, "jitter must be a number above 0 and up to 1");
}

bool rule_timespan(struct str s, int64_t *ret_ms)
{
	uint64_t n = 0;
	char unit = s.len > 1 ? s.ptr[s.len - 1] : 0;
	int64_t ms = unit == 's' ? 1000 : unit == 'm' ? 60000 : unit == 'h' ? 3600000 : unit == 'd' ? 86400000 : 0;
	if (!ms || !str_to_u64((struct str){ s.ptr, s.len - 1 }, 100000000, &n) || !n)
		return false;
	*ret_ms = (int64_t)n * ms;
	return true;
}

static int read_seen_fields(struct rule_parser *p, const struct yml *y, struct first_seen *s)
{
	for (const struct yml *n = y->kind == YML_LIST ? y->first : y; n; n = y->kind == YML_LIST ? n->next : NULL) {
		if (n->kind != YML_SCALAR || !n->text.len || s->n == FIRST_SEEN_FIELDS)
			return rule_fault(p, n->line, "first_seen: fields are names, at most %d", FIRST_SEEN_FIELDS);
		s->fields[s->n++] = n->text.ptr;
	}
	return 0;
}

static int read_seen_span(struct rule_parser *p, const struct yml *y, int64_t *ret_ms)
{
	bool ok = y->kind == YML_SCALAR && rule_timespan(y->text, ret_ms) && *ret_ms <= FIRST_SEEN_SPAN_MS;
	return ok ? 0 : rule_fault(p, y->line, "first_seen: '" STR_FMT "' is a number and s, m, h or d, at most 60 days", STR_ARG(y->key));
}

static int read_first_seen(struct rule_parser *p, const struct yml *y)
{
	struct first_seen *s = &p->rule->first_seen;
	int r = 0;
	s->line = y->line;
	s->learn_ms = 7 * 86400000LL;
	if (y->kind != YML_MAP)
		return rule_fault(p, y->line, "first_seen must be a map");
	for (const struct yml *k = y->first; k && r == 0; k = k->next)
		if (str_eq(k->key, STR("fields")))
			r = read_seen_fields(p, k, s);
		else if (str_eq(k->key, STR("learn")))
			r = read_seen_span(p, k, &s->learn_ms);
		else if (str_eq(k->key, STR("new_for")))
			r = read_seen_span(p, k, &s->new_ms);
		else
			r = rule_fault(p, k->key_line, "first_seen has no '" STR_FMT "'", STR_ARG(k->key));
	return r < 0 || s->n ? r : rule_fault(p, y->line, "first_seen: fields are missing");
}

static int read_own(struct rule_parser *p, const struct yml *own)
{
	int x = own->kind == YML_MAP ? 0 : rule_fault(p, own->line, "x-toride must be a map");
	for (const struct yml *k = x == 0 ? own->first : NULL; k && x == 0; k = k->next)
		if (str_eq(k->key, STR("jitter")))
			x = read_jitter(p, k);
		else if (str_eq(k->key, STR("first_seen")))
			x = read_first_seen(p, k);
		else if (str_eq(k->key, STR("step")))
			x = yml_bool(k, &p->rule->referenced) ? 0 : rule_fault(p, k->line, "step takes true or false");
		else if (!str_eq(k->key, STR("title_ja")))
			x = rule_fault(p, k->key_line, "x-toride has no '" STR_FMT "'", STR_ARG(k->key));
	return x < 0 ? x : get_text(p, own, "title_ja", 256 * 3, &p->rule->title_ja);
}

static int read_head(struct rule_parser *p, const struct yml *doc)
{
	struct rule *r = p->rule;
	int x = get_text(p, doc, "title", 256 * 3, &r->title);
	if (x == 0 && !*r->title)
		x = rule_fault(p, doc->line, "title is missing");
	if (x == 0)
		x = get_text(p, doc, "id", 64, &r->id);
	if (x == 0)
		x = get_text(p, doc, "name", 256, &r->name);
	if (x == 0 && !*r->id)
		r->id = *r->name ? r->name : r->title;
	const struct yml *own = yml_get(doc, "x-toride");
	r->title_ja = "";
	if (x == 0 && own)
		x = read_own(p, own);
	if (x == 0)
		x = read_level(p, doc);
	return x < 0 ? x : read_tags(p, doc);
}

int logsource_parse(struct rule_parser *p, const struct yml *doc, struct logsource *s)
{
	const struct yml *y = yml_get(doc, "logsource");
	if (!y || y->kind != YML_MAP)
		return rule_fault(p, y ? y->line : doc->line, "logsource is missing or no map");
	int r = get_text(p, y, "category", 128, &s->category);
	if (r == 0)
		r = get_text(p, y, "product", 128, &s->product);
	if (r == 0)
		r = get_text(p, y, "service", 128, &s->service);
	if (r < 0)
		return r;
	if (!*s->category && !*s->product && !*s->service)
		return rule_fault(p, y->line, "logsource names no category, product or service");
	return logsource_resolve(s) ? 0 : rule_fault(p, y->line, "product toride has no such log source");
}

static int read_selection(struct rule_parser *p, const struct yml *y, unsigned depth, struct expr **ret);

static int read_map(struct rule_parser *p, const struct yml *y, struct expr **ret)
{
	struct expr *e = expr_new(p, EXPR_AND, y->n);
	unsigned i = 0;
	if (y->n == 0)
		return rule_fault(p, y->line, "an empty search identifier");
	if (!e)
		return rule_fault(p, y->line, "no memory");
	for (const struct yml *c = y->first; c; c = c->next) {
		int r = value_parse(p, c->key, c, &e->kids[i++]);
		if (r < 0)
			return r;
	}
	*ret = e->n == 1 ? e->kids[0] : e;
	return 0;
}

static int read_keyword(struct rule_parser *p, const struct yml *y, struct expr **ret)
{
	return value_parse(p, (struct str){ "", 0 }, y, ret);
}

static int read_selection(struct rule_parser *p, const struct yml *y, unsigned depth, struct expr **ret)
{
	unsigned i = 0;
	if (depth > 8)
		return rule_fault(p, y->line, "nested too deeply");
	if (y->kind == YML_MAP)
		return read_map(p, y, ret);
	if (y->kind == YML_SCALAR)
		return read_keyword(p, y, ret);
	if (y->n == 0)
		return rule_fault(p, y->line, "an empty search identifier");
	struct expr *e = expr_new(p, EXPR_OR, y->n);
	if (!e)
		return rule_fault(p, y->line, "no memory");
	for (const struct yml *c = y->first; c; c = c->next) {
		int r = read_selection(p, c, depth + 1, &e->kids[i++]);
		if (r < 0)
			return r;
	}
	*ret = e;
	return 0;
}

static int read_conditions(struct rule_parser *p, const struct yml *y, const struct named_expr *names, unsigned n,
                           struct expr **ret)
{
	bool list = y->kind == YML_LIST;
	if (y->kind == YML_MAP || (list && (y->n == 0 || y->n > 64)))
		return rule_fault(p, y->line, "condition must be text or a list of at most 64");
	struct expr *e = expr_new(p, EXPR_OR, list ? y->n : 1);
	unsigned i = 0;
	if (!e)
		return rule_fault(p, y->line, "no memory");
	for (const struct yml *c = list ? y->first : y; c; c = list ? c->next : NULL) {
		if (c->kind != YML_SCALAR || c->text.len > RULE_CONDITION)
			return rule_fault(p, c->line, "condition must be text of at most %d bytes", RULE_CONDITION);
		int r = condition_parse(p, c->text, c->line, names, n, &e->kids[i++]);
		if (r < 0)
			return r;
	}
	*ret = e->n == 1 ? e->kids[0] : e;
	return 0;
}

int detection_parse(struct rule_parser *p, const struct yml *d, const struct yml *beside, struct expr **ret)
{
	struct named_expr names[RULE_IDENTIFIERS];
	const struct yml *cond = yml_get(d, "condition");
	unsigned n = 0;
	if (!cond)
		return rule_fault(p, d->line, "condition is missing");
	for (const struct yml *c = d->first; c; c = c->next) {
		if (c == cond || c == beside)
			continue;
		if (str_eq(c->key, STR("timeframe")))
			return rule_fault(p, c->key_line, "timeframe is obsolete; use a correlation rule");
		if (n == RULE_IDENTIFIERS)
			return rule_fault(p, c->key_line, "more than %d search identifiers", RULE_IDENTIFIERS);
		names[n].name = c->key;
		int r = read_selection(p, c, 0, &names[n++].expr);
		if (r < 0)
			return r;
	}
	return read_conditions(p, cond, names, n, ret);
}

static int read_detection(struct rule_parser *p, const struct yml *doc)
{
	const struct yml *d = yml_get(doc, "detection");
	if (!d || d->kind != YML_MAP)
		return rule_fault(p, d ? d->line : doc->line, "detection is missing or no map");
	return detection_parse(p, d, NULL, &p->rule->condition);
}

int rule_resolve(struct rule_parser *p, const struct pred *until)
{
	for (struct pred *d = p->rule->preds; d != until; d = d->next) {
		const char *why = NULL, *name = d->field;
		if (!d->field)
			d->path = (struct field_path){ FIELD_ANY, "" };
		else
			why = field_resolve(&p->rule->source, d->field, &d->path);
		if (!why && d->op == PRED_FIELDREF) {
			name = d->other.name;
			why = field_resolve(&p->rule->source, name, &d->other);
		}
		if (why)
			return rule_fault(p, d->line, "field '%s': %s", name, why);
	}
	return 0;
}

static int resolve_seen(struct rule_parser *p)
{
	struct first_seen *s = &p->rule->first_seen;
	for (unsigned i = 0; i < s->n; i++) {
		const char *why = field_resolve(&p->rule->source, s->fields[i], &s->paths[i]);
		if (why)
			return rule_fault(p, s->line, "first_seen: field '%s': %s", s->fields[i], why);
	}
	return 0;
}

static int read_rule(struct rule_parser *p, const struct yml *doc)
{
	if (doc->kind != YML_MAP)
		return rule_fault(p, doc->line, "a rule must be a map");
	const struct yml *action = yml_get(doc, "action");
	if (action)
		return rule_fault(p, action->key_line, "collections by 'action' are obsolete; write whole documents");
	int r = read_head(p, doc);
	const struct yml *c = yml_get(doc, "correlation");
	if (r < 0)
		return r;
	if (c && yml_get(doc, "detection"))
		return rule_fault(p, c->key_line, "a rule has either detection or correlation");
	if (c && p->rule->first_seen.n)
		return rule_fault(p, p->rule->first_seen.line, "first_seen is for rules with a detection");
	if (c)
		return correlation_parse(p, doc, c);
	if (p->rule->jitter > 0)
		return rule_fault(p, doc->line, "jitter is for correlations of the type event_count");
	r = logsource_parse(p, doc, &p->rule->source);
	if (r == 0)
		r = read_detection(p, doc);
	r = r < 0 ? r : rule_resolve(p, NULL);
	return r < 0 ? r : resolve_seen(p);
}

int rule_parse(const struct yml *doc, const char *file, const struct rule_opts *o, struct arena *a, struct rule **ret,
               struct err *err)
{
	struct rule_parser p = { .file = file, .arena = a, .opts = o, .err = err };
	p.rule = arena_alloc(a, sizeof *p.rule);
	if (!p.rule)
		return rule_fault(&p, doc->line, "no memory");
	p.rule->file = file;
	p.rule->line = doc->line;
	int r = read_rule(&p, doc);
	if (r < 0)
		rule_release(p.rule);
	else
		*ret = p.rule;
	return r;
}

void rule_release(struct rule *r)
{
	for (struct pred *d = r ? r->preds : NULL; d; d = d->next) {
		pcre2_code_free(d->re);
		d->re = NULL;
	}
}
