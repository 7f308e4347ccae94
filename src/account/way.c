/* See way.h. authd asks it at each sign-in and for each page. */
#include "account/way.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <string.h>

struct ways {
	size_t n;
	struct way list[];
};

static bool read_one(yyjson_val *v, struct way *ret)
{
	static const char *const names[] = { [WAY_NOBODY] = "off", [WAY_OWN] = "own", [WAY_STAFF] = "all" };
	struct str people = ctl_str(v, "people");
	if (!str_copy(ctl_str(v, "org"), ret->org, sizeof ret->org) || strlen(ret->org) != 6 || strspn(ret->org, "0123456789") != 6)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(people, str_from(names[i]))) {
			ret->people = (enum way_people)i;
			return true;
		}
	return false;
}

int ways_parse(struct str json, struct ways **ret, struct err *err)
{
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *v, *list = yyjson_obj_get(yyjson_doc_get_root(doc), "ways");
	size_t i, max, n = yyjson_arr_size(list);
	struct ways *w = n <= WAYS_MAX ? mem_alloc(sizeof *w + n * sizeof w->list[0]) : NULL;
	int r = !yyjson_is_arr(list) ? err_set(err, E_INVALID, "ways", "missing, or not a list") :
	        n > WAYS_MAX         ? err_set(err, E_LIMIT, "ways", "%d at most", WAYS_MAX) :
	        !w                   ? err_set(err, E_NOMEM, "ways", "no memory") :
	                               0;
	if (r == 0) {
		w->n = n;
		yyjson_arr_foreach(list, i, max, v)
			if (r == 0 && !read_one(v, &w->list[i]))
				r = err_set(err, E_INVALID, "ways", "number %zu can't be read", i);
	}
	yyjson_doc_free(doc);
	if (r < 0)
		ways_destroy(&w);
	else
		*ret = w;
	return r;
}

void ways_destroy(struct ways **w)
{
	mem_free(*w);
	*w = NULL;
}

struct way way_of(const struct ways *w, const char *name)
{
	if (strcmp(name, WAY_NODE) == 0)
		return (struct way){ .people = WAY_ANYBODY };
	for (size_t i = 0; w && i < w->n; i++)
		if (strcmp(w->list[i].org, name) == 0)
			return w->list[i];
	return (struct way){ .people = WAY_NOBODY };
}

bool way_lets(const struct way *way, enum role role, const char *org)
{
	if (way->people == WAY_ANYBODY)
		return true;
	if (role_of_one_body(role))
		return way->people != WAY_NOBODY && strcmp(way->org, org) == 0;
	return way->people == WAY_STAFF;
}
