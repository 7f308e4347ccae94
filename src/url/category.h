/* Categories of URL lists: the names in descriptions and indexes, the same in words, and what public lists call them. A name
 * that isn't in the table is a category too (bought lists have their own); it then stands for itself. */
#ifndef URL_CATEGORY_H
#define URL_CATEGORY_H

#include "url/index.h"

struct url_category {
	const char *name;
	const char *ja, *en;
	const char *others; /* what lists call it beside, each between blanks */
};

/* The category's row, or NULL when it is nobody's name. */
const struct url_category *url_category_find(struct str name);
/* Its name into dst: lower case, "_" as "-", other lists' names as ours. -E_INVALID: not a name. */
int url_category_name(struct str name, char dst[URL_CATEGORY_NAME]);
/* In words; the name itself where there are none. Borrowed from the table or from name. */
const char *url_category_label(const char *name, bool ja);
const struct url_category *url_category_table(size_t *ret_n);

#endif
