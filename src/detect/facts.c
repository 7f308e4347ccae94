/* detectd.json, read; see facts.h. */
#include "detect/facts.h"

#include "base/mem.h"

#include <yyjson.h>

static struct str text(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

static int no_memory(struct err *err)
{
	return err_set(err, E_NOMEM, "detectd.json", "no memory");
}

static int read_prefixes(struct facts *f, yyjson_val *org, const char *key, struct prefix **ret, size_t *ret_n, struct err *err)
{
	yyjson_val *list = yyjson_obj_get(org, key), *v;
	size_t i, n;
	*ret = arena_array(&f->arena, yyjson_arr_size(list) + 1, sizeof **ret);
	if (!*ret)
		return no_memory(err);
	yyjson_arr_foreach(list, i, n, v)
		if (prefix_parse(text(v), &(*ret)[(*ret_n)++]) < 0)
			return err_set(err, E_INVALID, "detectd.json", "orgs[].%s: not an address", key);
	return 0;
}

static int read_white(struct facts *f, yyjson_val *list, struct facts_org *o, struct err *err)
{
	size_t i, n;
	yyjson_val *v;
	o->white = arena_array(&f->arena, yyjson_arr_size(list) + 1, sizeof *o->white);
	if (!o->white)
		return no_memory(err);
	yyjson_arr_foreach(list, i, n, v)
		if (!(o->white[o->n_white++] = arena_strdup(&f->arena, text(v))))
			return no_memory(err);
	return 0;
}

static int read_org(struct facts *f, yyjson_val *v, struct facts_org *o, struct err *err)
{
	struct str code = text(yyjson_obj_get(v, "code"));
	if (code.len != 6 || !str_copy(code, o->code, sizeof o->code))
		return err_set(err, E_INVALID, "detectd.json", "orgs: code is missing");
	if (map_put(&f->by_code, code, o) < 0)
		return no_memory(err);
	int r = read_prefixes(f, v, "child_proxies", &o->child_proxies, &o->n_child_proxies, err);
	if (r == 0)
		r = read_prefixes(f, v, "prefixes", &o->prefixes, &o->n_prefixes, err);
	return r < 0 ? r : read_white(f, yyjson_obj_get(v, "white"), o, err);
}

int facts_parse(struct str json, struct facts *f, struct err *err)
{
	*f = (struct facts){ 0 };
	arena_init(&f->arena, 256 * MIB);
	map_init(&f->by_code, 10000);
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *list = yyjson_obj_get(root, "orgs"), *v;
	size_t i, n;
	int r = 0;
	if (yyjson_get_uint(yyjson_obj_get(root, "v")) != 1 || !yyjson_is_arr(list))
		r = err_set(err, E_INVALID, "detectd.json", "not a version 1 configuration of detectd");
	else if (!(f->orgs = arena_array(&f->arena, yyjson_arr_size(list) + 1, sizeof *f->orgs)))
		r = no_memory(err);
	if (r == 0)
		yyjson_arr_foreach(list, i, n, v)
			if (r == 0)
				r = read_org(f, v, &f->orgs[f->n_orgs++], err);
	yyjson_doc_free(doc);
	return r;
}

void facts_done(struct facts *f)
{
	map_done(&f->by_code);
	arena_done(&f->arena);
	f->orgs = NULL;
	f->n_orgs = 0;
}

static bool is_private(const struct prefix *a)
{
	const uint8_t *b = a->addr;
	return a->family == 6 ? (b[0] & 0xfe) == 0xfc : b[0] == 10 || (b[0] == 172 && (b[1] & 0xf0) == 16) || (b[0] == 192 && b[1] == 168);
}

bool facts_is_inside(const struct facts *f, struct str org, struct str address)
{
	const struct facts_org *o = f ? map_get(&f->by_code, org) : NULL;
	struct prefix a;
	if (prefix_parse(address, &a) < 0)
		return false;
	return o ? prefix_among(o->prefixes, o->n_prefixes, &a) : is_private(&a);
}

bool facts_is_child_proxy(const struct facts *f, struct str org, struct str address)
{
	const struct facts_org *o = f ? map_get(&f->by_code, org) : NULL;
	struct prefix a;
	return o && prefix_parse(address, &a) == 0 && prefix_among(o->child_proxies, o->n_child_proxies, &a);
}
