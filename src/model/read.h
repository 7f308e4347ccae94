/* From JSON to the structs of model.h, by the schema table: types, forms, ranges, defaults, unknown members. */
#ifndef MODEL_READ_H
#define MODEL_READ_H

#include "model/faults.h"
#include "model/schema.h"

#include <yyjson.h>

struct reader {
	struct arena *arena;        /* of what is read */
	struct faults *faults;
	struct path path;           /* of the value that is being read */
	const struct model *model;  /* whose prefectures organisations name */
	int failed;                 /* sticks: -E_NOMEM, -E_LIMIT */
};

/* Fills dst (zeroed by the caller) from v, which may be of any type or NULL; defaults stand where members are missing
 * or wrong. Each wrong one is a fault at the reader's path. */
void read_object(struct reader *r, const struct object *o, yyjson_val *v, void *dst);

/* Parses one file's text. Refuses deep nesting before yyjson sees it. `name` is the file's, for the path of a syntax
 * error: "orgs/412015.json:12:5". NULL with a fault, or with r->failed. The caller frees with yyjson_doc_free. */
yyjson_doc *read_parse(struct reader *r, const char *name, struct str text, bool strict);

#endif
