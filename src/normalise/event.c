/* See event.h. */
#include "normalise/event.h"

static int parse(struct str json, const yyjson_alc *alc, struct event *ret)
{
	*ret = (struct event){ 0 };
	if (json.len > EVENT_MAX * 2) /* what was stored as raw is longer than what came */
		return -E_LIMIT;
	ret->doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, alc, NULL);
	ret->root = yyjson_doc_get_root(ret->doc);
	if (yyjson_is_obj(ret->root))
		return 0;
	event_done(ret);
	return -E_INVALID;
}

int event_parse(struct str json, struct event *ret)
{
	return parse(json, NULL, ret);
}

int event_parse_in(struct str json, void *room, size_t size, struct event *ret)
{
	yyjson_alc alc;
	bool fits = json.len <= size && yyjson_read_max_memory_usage(json.len, 0) <= size - 64;
	return parse(json, fits && yyjson_alc_pool_init(&alc, room, size) ? &alc : NULL, ret);
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
