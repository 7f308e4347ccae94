/* The URL index: ten million and more names, paths and address prefixes with their categories, in one file that is
 * mapped, checked whole before use, and shared by all who ask. `toride url import` builds it from bought and public lists
 * (url/import.h); a new file is put in the old one's place by rename, and whoever holds the old one keeps it until done.
 *
 * An entry is 16 bytes in a table of 64-byte buckets, three quarters full, with a filter before it: 23 bytes an entry. Text isn't kept (url/key.h).
 * Everything a file says is checked against its size when it is opened; asking stays within bounds whatever the bytes
 * are. The file must not be shortened while it is mapped, hence: only root writes its directory, and only by rename.
 *
 * What holds: a name's own entry and those of all domains above it, host and path with all paths above it, an address's
 * prefixes. Their categories are joined. An entry without categories ("passthru" of a response policy zone) ends the search
 * upwards: what stands above it doesn't hold. Schemes don't matter; a port does where a path's entry names one.
 * Requirements: F-10. */
#ifndef URL_INDEX_H
#define URL_INDEX_H

#include "url/url.h"

#define URL_CATEGORIES 64     /* in one index */
#define URL_CATEGORY_NAME 32
#define URL_INDEX_FILE "url.index" /* below STATE/feeds/url */

struct url_index;

/* Maps the file and checks all of it. -E_IO, -E_CORRUPT with words. */
int url_index_open(const char *path, struct url_index **ret, struct err *err);
/* The same over bytes that stay the caller's and outlive it. */
int url_index_from(const void *bytes, size_t size, struct url_index **ret, struct err *err);
struct url_index *url_index_ref(struct url_index *x);
void url_index_unref(struct url_index **x); /* NULL inside is fine; the last one unmaps */

/* Bit n of a mask is category n of this index. */
struct url_hit {
	uint64_t categories;
	bool wants_path; /* the path wasn't known, and there are entries for paths of this host */
};
/* NULL index: nothing holds. */
void url_index_find(const struct url_index *x, const struct url_target *t, struct url_hit *ret);
/* The same for n at once: memory is asked for all before any is waited for. */
void url_index_find_many(const struct url_index *x, const struct url_target *const t[], size_t n, struct url_hit ret[]);

/* Which entries hold, the most exact first, in words: "path https…", "domain example.jp", "address 192.0.2.0/24". */
struct url_reason {
	uint64_t categories; /* 0: the entry exempts the name */
	char entry[600];
};
size_t url_index_explain(const struct url_index *x, const struct url_target *t, struct url_reason *ret, size_t max);

uint64_t url_index_mask(const struct url_index *x, struct str category); /* its bit; 0: not in this index */
const char *url_index_category(const struct url_index *x, unsigned n);   /* "" when there is none */

struct url_index_source {
	char name[96];                    /* the list's file */
	char category[URL_CATEGORY_NAME]; /* "" : the list names them itself */
	uint64_t entries;
	uint8_t sha256[32];
};
struct url_index_info {
	uint64_t entries, size; /* size: bytes of the file */
	int64_t built_ms;
	uint32_t n_categories, n_sources;
};
void url_index_info(const struct url_index *x, struct url_index_info *ret);
const struct url_index_source *url_index_source(const struct url_index *x, size_t n);

#endif
