/* Which servers are asked; see taxii.h. The operator's own file. */
#include "taxii/taxii.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <yyjson.h>

static bool plain(const char *s, const char *chars)
{
	return *s && strlen(s) <= 64 && s[strspn(s, chars)] == 0;
}

static int read_text(yyjson_val *o, const char *key, const char *at, struct arena *a, const char **ret, struct err *err)
{
	yyjson_val *v = yyjson_obj_get(o, key);
	*ret = "";
	if (!v)
		return 0;
	if (!yyjson_is_str(v) || yyjson_get_len(v) > 1000 || memchr(yyjson_get_str(v), 0, yyjson_get_len(v)) || strpbrk(yyjson_get_str(v), "\r\n"))
		return err_set(err, E_INVALID, at, "%s must be text", key);
	*ret = arena_strdup(a, (struct str){ yyjson_get_str(v), yyjson_get_len(v) });
	return *ret ? 0 : err_set(err, E_NOMEM, at, "no memory");
}

static int read_source(yyjson_val *o, const char *at, struct arena *a, struct taxii_source *s, struct err *err)
{
	static const char names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	static const char *const keys[] = { "name", "api_root", "collection", "user", "secret", "ca" };
	const char **to[] = { &s->name, &s->api_root, &s->collection, &s->user, &s->secret, &s->ca };
	int r = yyjson_is_obj(o) ? 0 : err_set(err, E_INVALID, at, "must be an object");
	size_t known = 0;
	for (size_t j = 0; r == 0 && j < ARRAY_LEN(keys); j++) {
		r = read_text(o, keys[j], at, a, to[j], err);
		known += yyjson_obj_get(o, keys[j]) != NULL;
	}
	if (r == 0 && known != yyjson_obj_size(o))
		r = err_set(err, E_INVALID, at, "has a member that isn't known (name, api_root, collection, user, secret, ca)");
	if (r == 0 && !plain(s->name, names))
		r = err_set(err, E_INVALID, at, "name must be letters, digits, - and _");
	if (r == 0 && (strncmp(s->api_root, "https://", 8) != 0 || strpbrk(s->api_root, "?#@ \\")))
		r = err_set(err, E_INVALID, at, "api_root must begin with https:// and hold no question, user or blank");
	if (r == 0 && !plain(s->collection, names))
		r = err_set(err, E_INVALID, at, "collection must be its id or alias");
	return r < 0 || *s->secret || !*s->user ? r : err_set(err, E_INVALID, at, "user needs secret, a file with the password");
}

int taxii_conf_parse(struct str json, const char *file, struct arena *a, struct taxii_source **ret, size_t *ret_n, struct err *err)
{
	yyjson_read_err why = { 0 };
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS, NULL, &why);
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "sources"), *o;
	size_t i, n, count = yyjson_arr_size(list);
	if (!doc)
		return err_set(err, E_INVALID, file, "%s at byte %zu", why.msg, why.pos);
	struct taxii_source *s = arena_array(a, count + 1, sizeof *s);
	int r = !count || count > TAXII_SOURCES ? err_set(err, E_INVALID, file, "sources must be a list of 1 to %d", TAXII_SOURCES)
	        : !s                            ? err_set(err, E_NOMEM, file, "no memory")
	                                        : 0;
	yyjson_arr_foreach(list, i, n, o)
	{
		char at[32];
		snprintf(at, sizeof at, "sources[%zu]", i);
		r = r < 0 ? r : read_source(o, at, a, &s[i], err);
		for (size_t k = 0; r == 0 && k < i; k++)
			if (strcmp(s[k].name, s[i].name) == 0)
				r = err_set(err, E_INVALID, at, "this name stands here twice");
	}
	yyjson_doc_free(doc);
	*ret = s;
	*ret_n = count;
	return r;
}
