/* placeholders.json; see placeholder.h. */
#include "detect/placeholder.h"

#include "base/err.h"

static void add_each(yyjson_val *list, void (*add)(struct str value, void *to), void *to)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, n, v)
		add((struct str){ yyjson_get_str(v), yyjson_get_len(v) }, to);
}

static bool give(struct str name, void (*add)(struct str value, void *to), void *to, void *user)
{
	struct placeholders *p = user;
	bool known = p->more && p->more->placeholder && p->more->placeholder(name, add, to, p->more->user);
	for (unsigned i = 0; !known && i < p->n; i++) {
		yyjson_val *list = yyjson_obj_getn(yyjson_doc_get_root(p->docs[i]), name.ptr, name.len);
		known = list != NULL;
		add_each(list, add, to);
	}
	return known;
}

void placeholders_init(struct placeholders *p, const struct rule_opts *more)
{
	*p = (struct placeholders){ .o = { give, p }, .more = more };
}

void placeholders_done(struct placeholders *p)
{
	for (unsigned i = 0; i < p->n; i++)
		yyjson_doc_free(p->docs[i]);
	p->n = 0;
}

static int check_list(yyjson_val *key, yyjson_val *list, const char *file, struct err *err)
{
	size_t i, n;
	yyjson_val *v;
	if (!yyjson_is_arr(list) || yyjson_arr_size(list) == 0)
		return err_set(err, E_INVALID, file, "placeholder '%.100s' needs a list of texts", yyjson_get_str(key));
	yyjson_arr_foreach(list, i, n, v)
		if (!yyjson_is_str(v))
			return err_set(err, E_INVALID, file, "placeholder '%.100s': value %zu is no text", yyjson_get_str(key), i + 1);
	return 0;
}

int placeholders_parse(struct placeholders *p, struct str json, const char *file, struct err *err)
{
	yyjson_read_err why;
	yyjson_val *key, *list;
	size_t i, n;
	if (p->n == PLACEHOLDERS_FILES)
		return err_set(err, E_LIMIT, file, "more than %d files of placeholders", PLACEHOLDERS_FILES);
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, YYJSON_READ_ALLOW_COMMENTS | YYJSON_READ_ALLOW_TRAILING_COMMAS,
	                                   NULL, &why);
	if (!doc)
		return why.code == YYJSON_READ_ERROR_MEMORY_ALLOCATION
		               ? err_set(err, E_NOMEM, file, "no memory")
		               : err_set(err, E_INVALID, file, "not JSON: %s at byte %zu", why.msg, why.pos);
	int r = yyjson_is_obj(yyjson_doc_get_root(doc)) ? 0 : err_set(err, E_INVALID, file, "must be an object");
	yyjson_obj_foreach(yyjson_doc_get_root(doc), i, n, key, list)
		if (r == 0)
			r = check_list(key, list, file, err);
	if (r < 0)
		yyjson_doc_free(doc);
	else
		p->docs[p->n++] = doc;
	return r;
}
