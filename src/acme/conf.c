/* See conf.h. */
#include "acme/conf.h"

#include "base/err.h"
#include "base/mem.h"

#include <yyjson.h>

static const char *text(struct acme_conf *c, yyjson_val *obj, const char *key)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_str(v) ? arena_strdup(&c->arena, (struct str){ yyjson_get_str(v), yyjson_get_len(v) }) : NULL;
}

static bool site(struct acme_conf *c, yyjson_val *v, struct acme_site *s)
{
	size_t i, n;
	yyjson_val *name;
	s->org = text(c, v, "org");
	s->resolver = text(c, v, "resolver");
	s->acme = yyjson_get_bool(yyjson_obj_get(v, "acme"));
	yyjson_arr_foreach(yyjson_obj_get(v, "names"), i, n, name) {
		if (s->n == ACME_NAMES || !yyjson_is_str(name) || yyjson_get_len(name) > 253 || memchr(yyjson_get_str(name), '/', yyjson_get_len(name)))
			return false;
		s->names[s->n] = arena_strdup(&c->arena, (struct str){ yyjson_get_str(name), yyjson_get_len(name) });
		if (!s->names[s->n] || !*s->names[s->n++])
			return false;
	}
	return s->org && s->resolver && s->n > 0;
}

static bool parse(struct acme_conf *c, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(root, "sites");
	c->directory = text(c, root, "directory");
	c->contact = text(c, root, "contact");
	c->web = text(c, root, "web");
	c->ca = text(c, root, "ca");
	if (!c->directory || !c->contact || !c->web || !c->ca || !yyjson_is_arr(list) || yyjson_arr_size(list) > ACME_SITES)
		return false;
	c->sites = arena_array(&c->arena, yyjson_arr_size(list) + 1, sizeof *c->sites);
	yyjson_arr_foreach(list, i, n, v)
		if (!c->sites || !site(c, v, &c->sites[c->n++]))
			return false;
	return true;
}

int acme_conf_parse(struct str json, struct acme_conf *ret, struct err *err)
{
	*ret = (struct acme_conf){ 0 };
	arena_init(&ret->arena, 64 * MIB);
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	bool ok = doc && parse(ret, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_INVALID, "acmed.json", "malformed");
}

void acme_conf_done(struct acme_conf *c)
{
	arena_done(&c->arena);
	*c = (struct acme_conf){ 0 };
}
