/* See event.h. */
#include "normalise/event.h"

int event_parse(struct str json, struct event *ret)
{
	*ret = (struct event){ 0 };
	if (json.len > EVENT_MAX * 2) /* what was stored as raw is longer than what came */
		return -E_LIMIT;
	ret->doc = yyjson_read(json.ptr, json.len, 0);
	ret->root = yyjson_doc_get_root(ret->doc);
	if (yyjson_is_obj(ret->root))
		return 0;
	event_done(ret);
	return -E_INVALID;
}

void event_done(struct event *e)
{
	yyjson_doc_free(e->doc);
	*e = (struct event){ 0 };
}

yyjson_val *event_get(const struct event *e, const char *path)
{
	yyjson_val *v = e->root;
	while (v) {
		size_t n = strcspn(path, ".");
		v = yyjson_obj_getn(v, path, n);
		if (!path[n])
			return v;
		path += n + 1;
	}
	return NULL;
}

struct str event_str(const struct event *e, const char *path)
{
	yyjson_val *v = event_get(e, path);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ NULL, 0 };
}
