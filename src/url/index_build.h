/* An index is built from entries in any order; see index.h. All in memory: 32 bytes an entry while it is built, then the
 * file's 21. One thing named twice is one entry with the categories of both. */
#ifndef URL_INDEX_BUILD_H
#define URL_INDEX_BUILD_H

#include "url/index.h"
#include "url/key.h"

#define URL_BUILD_MAX 400000000u /* entries */

struct buf;
struct url_build;

int url_build_create(struct url_build **ret, struct err *err);
void url_build_destroy(struct url_build **b);
/* The number of a category, made when it is new: a-z 0-9 and "-". -E_INVALID, or -E_LIMIT beyond URL_CATEGORIES. */
int url_build_category(struct url_build *b, struct str name);

struct url_entry {
	enum url_kind kind;
	const struct url_target *t; /* host, or address with its labels made; for paths also the path, with its query
	                               for URL_KIND_QUERY */
	uint16_t port;              /* of paths; 0: any */
	unsigned len;               /* ADDR: of the prefix, 0 to 128 */
	bool below_only;            /* DOMAIN: not the name itself */
	int category;               /* its number; -1: the entry exempts */
};
int url_build_add(struct url_build *b, const struct url_entry *e); /* 0, -E_NOMEM, -E_LIMIT, -E_INVALID: too deep a path */
int url_build_source(struct url_build *b, const struct url_index_source *s);
/* The file's bytes into out (initialised, its ceiling counts); b is used up. ret_entries: different entries. */
int url_build_finish(struct url_build *b, int64_t now_ms, struct buf *out, uint64_t *ret_entries, struct err *err);

#endif
