/* Reads rule files and links correlations to their rules; see ruleset.h. */
#include "detect/ruleset.h"

#include "detect/filter.h"
#include "detect/placeholder.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define WALK_DEPTH 12

struct loader {
	struct ruleset *s;
	const struct ruleset_opts *o;
	struct err *err;
	const char *dir;
	unsigned depth;
	struct filter *filters, **last_filter;
	struct placeholders placeholders;
};

static void fault(struct loader *l, const struct err *err)
{
	l->s->n_faults++;
	if (l->o && l->o->on_fault)
		l->o->on_fault(err, l->o->user);
}

/* Filters wait until all rules are there. */
static int keep_filter(struct loader *l, const struct yml *doc, const char *file)
{
	struct filter *f = arena_alloc(&l->s->arena, sizeof *f);
	if (!f)
		return -E_NOMEM;
	*f = (struct filter){ .file = file, .doc = doc };
	*l->last_filter = f;
	l->last_filter = &f->next;
	return 0;
}

static int add_text(struct loader *l, struct str text, const char *file)
{
	struct ruleset *s = l->s;
	struct yml *doc;
	struct err e = { 0 };
	char *name = arena_strdup(&s->arena, str_from(file));
	if (!name)
		return err_set(l->err, E_NOMEM, file, "no memory");
	s->n_files++;
	if (yml_parse(text, name, &s->arena, &doc, &e) < 0) {
		fault(l, &e);
		return e.code == E_NOMEM ? err_set(l->err, E_NOMEM, file, "no memory") : 0;
	}
	for (; doc; doc = doc->next) {
		struct rule *r;
		if (yml_is_null(doc))
			continue;
		if (s->n_rules >= RULESET_RULES)
			return err_set(l->err, E_LIMIT, file, "more than %d rules", RULESET_RULES);
		if (yml_get(doc, "filter")) {
			if (keep_filter(l, doc, name) < 0)
				return err_set(l->err, E_NOMEM, file, "no memory");
			continue;
		}
		if (rule_parse(doc, name, &l->placeholders.o, &s->arena, &r, &e) < 0) {
			fault(l, &e);
			if (e.code == E_NOMEM)
				return err_set(l->err, E_NOMEM, file, "no memory");
			continue;
		}
		*s->last = r;
		s->last = &r->next;
		s->n_rules++;
	}
	return 0;
}

static int add_file(struct loader *l, const char *path)
{
	struct buf b;
	struct err e = { 0 };
	buf_init(&b, YML_BYTES + 1);
	int r = fs_read(path, &b, &e);
	if (r == 0 && l->o && l->o->on_file)
		l->o->on_file(path, buf_view(&b), l->o->user);
	if (r == 0)
		r = add_text(l, buf_view(&b), path);
	else if (r == -E_LIMIT)
		fault(l, &e), r = 0;
	else if (l->err)
		*l->err = e;
	buf_done(&b);
	return r;
}

static int add_path(struct loader *l, const char *path);

static int add_entry(const char *name, void *user)
{
	struct loader *l = user;
	char path[4096];
	struct stat st;
	if (name[0] == '.')
		return 0;
	int n = snprintf(path, sizeof path, "%s/%s", l->dir, name);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(l->err, E_LIMIT, l->dir, "path too long");
	if (lstat(path, &st) < 0)
		return err_errno(l->err, path, "cannot look at it");
	struct str s = str_from(name);
	if (S_ISREG(st.st_mode) && (str_ends(s, STR(".yml")) || str_ends(s, STR(".yaml"))))
		return add_file(l, path);
	return S_ISDIR(st.st_mode) ? add_path(l, path) : 0;
}

/* The values of placeholders that a directory of rules may bring. A file that is wrong is told, and gives none. */
static int add_placeholders(struct loader *l, const char *dir)
{
	char path[4096];
	struct buf b;
	struct err e = { 0 };
	int n = snprintf(path, sizeof path, "%s/%s", dir, PLACEHOLDERS_FILE);
	if (n < 0 || (size_t)n >= sizeof path)
		return err_set(l->err, E_LIMIT, dir, "path too long");
	if (!fs_exists(path))
		return 0;
	buf_init(&b, PLACEHOLDERS_BYTES);
	int r = fs_read(path, &b, &e);
	if (r == 0 && l->o && l->o->on_file)
		l->o->on_file(path, buf_view(&b), l->o->user);
	if (r == 0)
		r = placeholders_parse(&l->placeholders, buf_view(&b), path, &e);
	buf_done(&b);
	if (r < 0)
		fault(l, &e);
	return r == -E_NOMEM ? err_set(l->err, E_NOMEM, path, "no memory") : 0;
}

static int add_path(struct loader *l, const char *path)
{
	struct stat st;
	if (stat(path, &st) < 0)
		return err_errno(l->err, path, "cannot read the rules");
	if (!S_ISDIR(st.st_mode))
		return add_file(l, path);
	if (l->depth >= WALK_DEPTH)
		return err_set(l->err, E_LIMIT, path, "directories nested too deeply");
	int r = add_placeholders(l, path);
	if (r < 0)
		return r;
	const char *before = l->dir;
	l->dir = path;
	l->depth++;
	r = fs_list(path, add_entry, l, l->err);
	l->depth--;
	l->dir = before;
	return r;
}

const struct rule *ruleset_find(const struct ruleset *s, struct str name)
{
	for (const struct rule *r = s->first; r; r = r->next)
		if (str_eq(str_from(r->id), name) || (*r->name && str_eq(str_from(r->name), name)))
			return r;
	return NULL;
}

static int index_names(struct loader *l, struct map *names)
{
	struct err e;
	for (struct rule *r = l->s->first; r; r = r->next) {
		const char *both[] = { r->id, r->name };
		for (int i = 0; i < 2; i++) {
			struct rule *was = *both[i] ? map_get(names, str_from(both[i])) : r;
			if (!was && map_put(names, str_from(both[i]), r) < 0)
				return err_set(l->err, E_NOMEM, r->file, "no memory");
			if (was && was != r) {
				char place[256];
				snprintf(place, sizeof place, "%.200s:%u", r->file, r->line);
				err_set(&e, E_EXISTS, place, "%s '%.100s' is also that of %.200s:%u", i ? "name" : "id", both[i], was->file,
				        was->line);
				fault(l, &e);
			}
		}
	}
	return 0;
}

/* The field a group value has in events of one rule: an alias of that rule, or the name itself. */
static const char *group_field(const struct correlation *k, const struct rule *r, const char *name)
{
	const struct yml *alias = yml_get(k->aliases, name);
	const struct yml *of = alias ? yml_get(alias, *r->name ? r->name : r->id) : NULL;
	return of && of->kind == YML_SCALAR ? of->text.ptr : alias ? NULL : name;
}

/* Fields of a correlation are those of the events of the rules below it: of each of them, and at the same place in all. */
static int resolve(struct rule_parser *p, unsigned line, const struct rule *r, const char *name, unsigned depth, struct field_path *ret)
{
	const char *rule = *r->name ? r->name : r->id;
	if (!name)
		return rule_fault(p, line, "correlation: an alias has no field for rule '%.100s'", rule);
	if (!r->correlation) {
		struct field_path had = *ret;
		const char *why = field_resolve(&r->source, name, ret);
		if (why)
			return rule_fault(p, line, "correlation: field '%s' of rule '%.100s': %s", name, rule, why);
		return !had.name || (had.kind == ret->kind && strcmp(had.name, ret->name) == 0)
		               ? 0
		               : rule_fault(p, line, "correlation: field '%s' stands elsewhere in the events of rule '%.100s'", name, rule);
	}
	int x = depth ? 0 : rule_fault(p, line, "correlations refer to each other in a ring");
	for (unsigned i = 0; x == 0 && i < r->correlation->n_rules; i++)
		if (r->correlation->rules[i])
			x = resolve(p, line, r->correlation->rules[i], name, depth - 1, ret);
	return x;
}

static int link_rules(struct rule_parser *p, const struct map *names)
{
	struct correlation *k = p->rule->correlation;
	for (unsigned i = 0; i < k->n_rules; i++) {
		k->rules[i] = map_get(names, k->names[i]);
		if (!k->rules[i])
			return rule_fault(p, k->lines[i], "correlation: there is no rule '" STR_FMT "'", STR_ARG(k->names[i]));
	}
	return 0;
}

static bool in_ring(const struct rule *start, const struct rule *at, unsigned depth, unsigned *steps)
{
	if (depth == 0 || --*steps == 0)
		return true;
	for (unsigned i = 0; at->correlation && i < at->correlation->n_rules; i++) {
		const struct rule *next = at->correlation->rules[i];
		if (next && (next == start || in_ring(start, next, depth - 1, steps)))
			return true;
	}
	return false;
}

static int link_fields(struct rule_parser *p)
{
	struct correlation *k = p->rule->correlation;
	unsigned steps = 10000;
	if (in_ring(p->rule, p->rule, 8, &steps))
		return rule_fault(p, p->rule->line, "correlations refer to each other in a ring, or over more than 8 levels");
	int r = 0;
	for (unsigned i = 0; i < k->n_rules; i++) {
		for (unsigned g = 0; r == 0 && g < k->n_group; g++)
			r = resolve(p, k->lines[i], k->rules[i], group_field(k, k->rules[i], k->group_by[g]), 8, &k->paths[i][g]);
		for (unsigned v = 0; r == 0 && v < k->n_value; v++)
			r = resolve(p, k->lines[i], k->rules[i], group_field(k, k->rules[i], k->values[v]), 8, &k->value_paths[i][v]);
	}
	return r;
}

/* Takes out the rules that keep() refuses. */
static void drop(struct loader *l, int (*keep)(struct rule_parser *, const struct map *), const struct map *names)
{
	struct ruleset *s = l->s;
	for (struct rule **at = &s->first; *at;) {
		struct err e = { 0 };
		struct rule_parser p = { .file = (*at)->file, .rule = *at, .err = &e };
		if (!(*at)->correlation || keep(&p, names) == 0) {
			at = &(*at)->next;
			continue;
		}
		fault(l, &e);
		*at = (*at)->next;
		s->n_rules--;
	}
	s->last = &s->first;
	while (*s->last)
		s->last = &(*s->last)->next;
}

static bool listed(const struct ruleset *s, const struct rule *want)
{
	for (const struct rule *r = s->first; r; r = r->next)
		if (r == want)
			return true;
	return false;
}

static int check_fields(struct rule_parser *p, const struct map *names)
{
	(void)names;
	return link_fields(p);
}

static int link_all(struct loader *l)
{
	struct map names;
	map_init(&names, 2 * RULESET_RULES);
	int r = index_names(l, &names);
	if (r == 0) {
		drop(l, link_rules, &names);
		drop(l, check_fields, &names);
	}
	map_done(&names);
	/* A correlation that fell takes those above it along; chains are at most 8 deep. */
	for (unsigned round = 0; r == 0 && round < 8; round++)
		for (struct rule **at = &l->s->first; *at;) {
			struct correlation *k = (*at)->correlation;
			unsigned i = 0;
			while (k && i < k->n_rules && (!k->rules[i]->correlation || listed(l->s, k->rules[i])))
				i++;
			if (!k || i == k->n_rules) {
				at = &(*at)->next;
				continue;
			}
			struct err e;
			char place[256];
			snprintf(place, sizeof place, "%.200s:%u", (*at)->file, k->lines[i]);
			err_set(&e, E_INVALID, place, "correlation: rule '" STR_FMT "' was refused", STR_ARG(k->names[i]));
			fault(l, &e);
			*at = (*at)->next;
			l->s->n_rules--;
		}
	for (struct rule *x = l->s->first; x; x = x->next)
		for (unsigned i = 0; x->correlation && i < x->correlation->n_rules; i++) {
			x->correlation->rules[i]->correlated = true;
			x->correlation->rules[i]->referenced |= !x->generate;
		}
	return r;
}

static int apply_filters(struct loader *l)
{
	for (const struct filter *f = l->filters; f; f = f->next) {
		struct err e = { 0 };
		l->s->n_filters++;
		if (filter_apply(f, l->s->first, &l->placeholders.o, &l->s->arena, &e) == 0)
			continue;
		fault(l, &e);
		if (e.code == E_NOMEM)
			return err_set(l->err, E_NOMEM, f->file, "no memory");
	}
	return 0;
}

static int number(struct ruleset *s, struct err *err)
{
	s->rules = arena_array(&s->arena, s->n_rules + 1, sizeof *s->rules);
	if (!s->rules)
		return err_set(err, E_NOMEM, "", "no memory");
	uint32_t i = 0;
	for (struct rule *r = s->first; r; r = r->next) {
		r->index = i;
		s->rules[i++] = r;
		s->n_correlations += r->correlation != NULL;
	}
	return 0;
}

static int create(const struct ruleset_opts *o, struct loader *l, struct err *err)
{
	struct ruleset *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	arena_init(&s->arena, RULESET_BYTES);
	s->last = &s->first;
	*l = (struct loader){ .s = s, .o = o, .err = err };
	l->last_filter = &l->filters;
	placeholders_init(&l->placeholders, o ? &o->rule : NULL);
	return 0;
}

static int finish(struct loader *l, int r, struct ruleset **ret)
{
	if (r == 0)
		r = apply_filters(l);
	placeholders_done(&l->placeholders);
	if (r == 0)
		r = link_all(l);
	if (r == 0)
		r = number(l->s, l->err);
	if (r == 0)
		r = ruleset_compile(l->s, l->err);
	if (r < 0)
		ruleset_destroy(&l->s);
	else
		*ret = l->s;
	return r;
}

int ruleset_load(const char *const *paths, size_t n, const struct ruleset_opts *o, struct ruleset **ret, struct err *err)
{
	struct loader l;
	int r = create(o, &l, err);
	if (r < 0)
		return r;
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_path(&l, paths[i]);
	return finish(&l, r, ret);
}

int ruleset_load_text(struct str text, const char *file, const struct ruleset_opts *o, struct ruleset **ret, struct err *err)
{
	struct loader l;
	int r = create(o, &l, err);
	return r < 0 ? r : finish(&l, add_text(&l, text, file), ret);
}

void ruleset_destroy(struct ruleset **sp)
{
	struct ruleset *s = *sp;
	if (!s)
		return;
	for (struct rule *r = s->first; r; r = r->next)
		rule_release(r);
	for (uint32_t i = 0; i < s->n_fields; i++) {
		hs_free_database(s->fields[i].db);
		map_done(&s->fields[i].by_text);
	}
	hs_free_scratch(s->scratch);
	arena_done(&s->arena);
	mem_free(s);
	*sp = NULL;
}
