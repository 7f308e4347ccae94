/* YAML text -> tree, first stage of a rule; see yml.h. libyaml hands over events, we keep the ceilings. */
#include "detect/yml.h"

#include "base/err.h"
#include "base/mem.h"

#include <yaml.h>

struct loader {
	yaml_parser_t parser;
	struct arena *arena;
	const char *file;
	struct err *err;
	size_t nodes;
};

static int refuse(struct loader *l, unsigned line, enum err_code code, const char *why)
{
	char place[256];
	snprintf(place, sizeof place, "%.200s:%u", l->file, line);
	return err_set(l->err, code, place, "%s", why);
}

static void event_done(yaml_event_t *e)
{
	yaml_event_delete(e);
}

static int next_event(struct loader *l, yaml_event_t *e)
{
	if (!yaml_parser_parse(&l->parser, e)) {
		memset(e, 0, sizeof *e);
		return refuse(l, (unsigned)l->parser.problem_mark.line + 1, E_INVALID,
		              l->parser.problem ? l->parser.problem : "not YAML");
	}
	return 0;
}

static struct yml *node(struct loader *l, const yaml_event_t *e, enum yml_kind kind, int *ret)
{
	unsigned line = (unsigned)e->start_mark.line + 1;
	if (++l->nodes > YML_NODES) {
		*ret = refuse(l, line, E_LIMIT, "too many values in one file");
		return NULL;
	}
	struct yml *y = arena_alloc(l->arena, sizeof *y);
	if (!y) {
		*ret = refuse(l, line, E_NOMEM, "no memory");
		return NULL;
	}
	y->kind = kind;
	y->line = line;
	*ret = 0;
	return y;
}

static int read_node(struct loader *l, const yaml_event_t *e, unsigned depth, struct yml **ret);

static int read_list(struct loader *l, struct yml *list, unsigned depth)
{
	struct yml **at = &list->first;
	for (;;) {
		_cleanup_(event_done) yaml_event_t e = { 0 };
		int r = next_event(l, &e);
		if (r < 0 || e.type == YAML_SEQUENCE_END_EVENT)
			return r;
		r = read_node(l, &e, depth, at);
		if (r < 0)
			return r;
		at = &(*at)->next;
		list->n++;
	}
}

/* One key and its value; *ret_end when the map ends here. */
static int read_pair(struct loader *l, struct yml *map, struct yml **at, unsigned depth, bool *ret_end)
{
	_cleanup_(event_done) yaml_event_t k = { 0 }, v = { 0 };
	int r = next_event(l, &k);
	*ret_end = r == 0 && k.type == YAML_MAPPING_END_EVENT;
	if (r < 0 || *ret_end)
		return r;
	unsigned line = (unsigned)k.start_mark.line + 1;
	struct yml *key = NULL;
	if (k.type != YAML_SCALAR_EVENT)
		return refuse(l, line, E_INVALID, "a key must be plain text (no list, map or alias)");
	r = read_node(l, &k, depth, &key);
	if (r < 0)
		return r;
	if (map->n >= YML_KEYS)
		return refuse(l, line, E_LIMIT, "too many keys in one map");
	for (const struct yml *c = map->first; c; c = c->next)
		if (str_eq(c->key, key->text))
			return refuse(l, line, E_INVALID, "this key stands twice in the same map");
	r = next_event(l, &v);
	if (r == 0)
		r = read_node(l, &v, depth, at);
	if (r == 0) {
		(*at)->key = key->text;
		(*at)->key_line = line;
	}
	return r;
}

static int read_map(struct loader *l, struct yml *map, unsigned depth)
{
	struct yml **at = &map->first;
	for (bool end = false;;) {
		int r = read_pair(l, map, at, depth, &end);
		if (r < 0 || end)
			return r;
		at = &(*at)->next;
		map->n++;
	}
}

static int read_scalar(struct loader *l, const yaml_event_t *e, struct yml **ret)
{
	int r;
	struct yml *y = node(l, e, YML_SCALAR, &r);
	if (!y)
		return r;
	struct str s = { (const char *)e->data.scalar.value, e->data.scalar.length };
	char *copy = arena_strdup(l->arena, s);
	if (!copy)
		return refuse(l, y->line, E_NOMEM, "no memory");
	y->text = (struct str){ copy, s.len };
	y->plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
	*ret = y;
	return 0;
}

static bool has_tag(const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return e->data.scalar.anchor || e->data.scalar.tag;
	case YAML_SEQUENCE_START_EVENT:
		return e->data.sequence_start.anchor || e->data.sequence_start.tag;
	case YAML_MAPPING_START_EVENT:
		return e->data.mapping_start.anchor || e->data.mapping_start.tag;
	default:
		return false;
	}
}

static int read_node(struct loader *l, const yaml_event_t *e, unsigned depth, struct yml **ret)
{
	unsigned line = (unsigned)e->start_mark.line + 1;
	int r;
	if (e->type == YAML_ALIAS_EVENT || has_tag(e))
		return refuse(l, line, E_INVALID, "anchors, aliases and tags of YAML are not allowed in rules");
	if (depth >= YML_DEPTH)
		return refuse(l, line, E_LIMIT, "nested too deeply");
	if (e->type == YAML_SCALAR_EVENT)
		return read_scalar(l, e, ret);
	if (e->type != YAML_SEQUENCE_START_EVENT && e->type != YAML_MAPPING_START_EVENT)
		return refuse(l, line, E_INVALID, "a value is missing");
	bool map = e->type == YAML_MAPPING_START_EVENT;
	struct yml *y = node(l, e, map ? YML_MAP : YML_LIST, &r);
	if (!y)
		return r;
	r = map ? read_map(l, y, depth + 1) : read_list(l, y, depth + 1);
	if (r == 0)
		*ret = y;
	return r;
}

static int read_stream(struct loader *l, struct yml **ret)
{
	struct yml **at = ret;
	for (unsigned docs = 0;;) {
		_cleanup_(event_done) yaml_event_t e = { 0 };
		int r = next_event(l, &e);
		if (r < 0 || e.type == YAML_STREAM_END_EVENT)
			return r;
		if (e.type == YAML_STREAM_START_EVENT || e.type == YAML_DOCUMENT_START_EVENT ||
		    e.type == YAML_DOCUMENT_END_EVENT)
			continue;
		if (++docs > YML_DOCS)
			return refuse(l, (unsigned)e.start_mark.line + 1, E_LIMIT, "too many documents in one file");
		r = read_node(l, &e, 0, at);
		if (r < 0)
			return r;
		at = &(*at)->next;
	}
}

int yml_parse(struct str text, const char *file, struct arena *a, struct yml **ret, struct err *err)
{
	struct loader l = { .arena = a, .file = file, .err = err };
	*ret = NULL;
	if (text.len > YML_BYTES)
		return refuse(&l, 1, E_LIMIT, "larger than 1 MiB");
	if (!yaml_parser_initialize(&l.parser))
		return refuse(&l, 1, E_NOMEM, "no memory");
	yaml_parser_set_encoding(&l.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(&l.parser, (const unsigned char *)text.ptr, text.len);
	int r = read_stream(&l, ret);
	yaml_parser_delete(&l.parser);
	if (r < 0)
		*ret = NULL;
	return r;
}

const struct yml *yml_get(const struct yml *map, const char *key)
{
	if (!map || map->kind != YML_MAP)
		return NULL;
	for (const struct yml *c = map->first; c; c = c->next)
		if (str_eq(c->key, str_from(key)))
			return c;
	return NULL;
}

static bool is_one_of(struct str s, const char *const *list)
{
	for (; *list; list++)
		if (str_eq(s, str_from(*list)))
			return true;
	return false;
}

bool yml_is_null(const struct yml *y)
{
	static const char *const words[] = { "", "~", "null", "Null", "NULL", NULL };
	return y->kind == YML_SCALAR && y->plain && is_one_of(y->text, words);
}

bool yml_bool(const struct yml *y, bool *ret)
{
	static const char *const yes[] = { "true", "True", "TRUE", "yes", "Yes", "YES", NULL };
	static const char *const no[] = { "false", "False", "FALSE", "no", "No", "NO", NULL };
	if (y->kind != YML_SCALAR || !y->plain)
		return false;
	*ret = is_one_of(y->text, yes);
	return *ret || is_one_of(y->text, no);
}
