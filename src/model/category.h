/* Categories of URL lists: the names in descriptions and indexes, the same in words, and what public lists call them. A name
 * that isn't in the table is a category too (bought lists have their own) and then begins with "x-", so that a slip of the
 * pen in a description isn't taken for one. */
#ifndef MODEL_CATEGORY_H
#define MODEL_CATEGORY_H

#include "base/str.h"

#define CATEGORY_NAME 32 /* bytes with the end */

struct url_category {
	const char *name;
	const char *ja, *en;
	const char *others; /* what lists call it beside, each between blanks */
};

/* The category's row, or NULL when it is nobody's name. */
const struct url_category *url_category_find(struct str name);
/* A list's name for it into dst: lower case, "_" as "-", other lists' names as ours, unknown ones with "x-" before them.
 * -E_INVALID: not a name. */
int url_category_name(struct str name, char dst[CATEGORY_NAME]);
/* Is it one that may stand in a description: the table's, or "x-" and a name? */
bool url_category_ok(struct str name);
/* In words; the name itself where there are none. Borrowed from the table or from name. */
const char *url_category_label(const char *name, bool ja);
const struct url_category *url_category_table(size_t *ret_n);

#endif
