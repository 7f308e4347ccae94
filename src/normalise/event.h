/* One event as intaked stores it: parsed, and its attributes by OCSF path. */
#ifndef NORMALISE_EVENT_H
#define NORMALISE_EVENT_H

#include "base/err.h"
#include "base/str.h"

#include <yyjson.h>

#define EVENT_MAX (256u * 1024) /* bytes; what is larger isn't an event */

struct event {
	yyjson_doc *doc;
	yyjson_val *root; /* an object */
};
/* 0, -E_INVALID (not a JSON object) or -E_LIMIT. */
int event_parse(struct str json, struct event *ret);
/* The same within the caller's memory, where that is enough (EVENT_ROOM holds what most are); else as event_parse(). */
#define EVENT_ROOM (64u * 1024)
int event_parse_in(struct str json, void *room, size_t size, struct event *ret);
void event_done(struct event *e);
/* "http_request.url.hostname"; NULL when absent. */
yyjson_val *event_get(const struct event *e, const char *path);
struct str event_str(const struct event *e, const char *path); /* {NULL,0} when absent or not text */

#endif
