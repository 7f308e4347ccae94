/* See conf.h. */
#include "look/conf.h"

#include "base/err.h"
#include "base/mem.h"

#include <yyjson.h>

static const char *text(struct look_conf *c, yyjson_val *obj, const char *key)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_str(v) ? arena_strdup(&c->arena, (struct str){ yyjson_get_str(v), yyjson_get_len(v) }) : NULL;
}

static bool page(struct look_conf *c, yyjson_val *v, struct look_target *t)
{
	uint64_t every = yyjson_get_uint(yyjson_obj_get(v, "every_s"));
	*t = (struct look_target){ text(c, v, "org"), text(c, v, "site"), text(c, v, "path"), text(c, v, "names"), yyjson_get_bool(yyjson_obj_get(v, "tls")),
		                   (unsigned)every };
	return t->org && t->site && t->path && t->names && strlen(t->names) < LOOK_NAMES && strlen(t->site) < 254 && strlen(t->path) < 1024 && every > 0 &&
	       every <= 86400 && t->path[0] == '/';
}

static bool parse(struct look_conf *c, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(root, "pages");
	c->web = text(c, root, "web");
	if (!c->web || !yyjson_is_arr(list) || yyjson_arr_size(list) > LOOK_PAGES)
		return false;
	c->pages = arena_array(&c->arena, yyjson_arr_size(list) + 1, sizeof *c->pages);
	yyjson_arr_foreach(list, i, n, v)
		if (!c->pages || !page(c, v, &c->pages[c->n++]))
			return false;
	return true;
}

int look_conf_parse(struct str json, struct look_conf *ret, struct err *err)
{
	*ret = (struct look_conf){ 0 };
	arena_init(&ret->arena, 64 * MIB);
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	bool ok = doc && parse(ret, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_INVALID, "lookd.json", "malformed");
}

void look_conf_done(struct look_conf *c)
{
	arena_done(&c->arena);
	*c = (struct look_conf){ 0 };
}
