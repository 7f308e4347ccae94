/* YAML in, as far as rules need it: scalars, lists, maps, several documents a file. On libyaml's events.
 *
 * Refused with the line: anchors, aliases and explicit tags (they make small files large or objects out of text),
 * doubled keys, keys that aren't scalars, more than 1 MiB, YML_DEPTH levels, YML_NODES nodes or YML_DOCS documents.
 * A scalar stays text; `plain` says that it stood without quotes, so that null, booleans and numbers can be told
 * from '…' strings by whoever needs to (YAML 1.2 core schema for null; yes/no count as booleans as in YAML 1.1). */
#ifndef DETECT_YML_H
#define DETECT_YML_H

#include "base/arena.h"

struct err;

#define YML_BYTES (1024 * 1024)
#define YML_DEPTH 24
#define YML_NODES 50000
#define YML_DOCS 256
#define YML_KEYS 1000 /* of one map */

enum yml_kind { YML_SCALAR, YML_LIST, YML_MAP };

struct yml {
	enum yml_kind kind;
	bool plain;               /* scalar without quotes */
	unsigned line;            /* from 1 */
	struct str text;          /* scalar; ended by NUL, may hold others */
	struct str key;           /* when it is a value of a map */
	unsigned key_line;
	struct yml *first, *next; /* children; next sibling, or next document */
	unsigned n;               /* children */
};

/* ret: the first document (NULL when there is none). err's path is "file:line". */
int yml_parse(struct str text, const char *file, struct arena *a, struct yml **ret, struct err *err);
const struct yml *yml_get(const struct yml *map, const char *key); /* NULL when absent or no map */
bool yml_is_null(const struct yml *y);
bool yml_bool(const struct yml *y, bool *ret);

#endif
