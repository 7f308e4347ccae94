/* The attributes' paths ("src_endpoint.ip") that parsers put into a record, numbered, so that a record asks a bit where it would compare
 * texts, and knows beforehand how the paths of one kind of line nest. */
#ifndef DEVICE_PATH_H
#define DEVICE_PATH_H

#include "base/str.h"

#define PATHS 256      /* of all parsers together, with what they stand in; more is a bug */
#define PATH_DEPTH 4
#define PATH_TEXT 64   /* bytes of one */

struct path {
	struct str text;
	uint8_t id, n_heads;
	uint8_t heads[PATH_DEPTH]; /* what it stands in: "http_request", "http_request.url" */
};
/* Texts are static: a path is known again by its address. Never NULL, and of one text always the same. Not for threads. */
const struct path *path_known(const char *text);

#endif
