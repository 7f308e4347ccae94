/* Lists of addresses and networks that others keep (reputation, countries): a million entries that no description could hold. They
 * are read from text once, by whoever brings them, and pinned by digest in service.address_feeds.
 *
 * File: u32 "TADR", u32 n, n × struct prefix (u8 family, u8 len, u8 address[16], bits behind len zero), strictly ascending by bytes. */
#ifndef MODEL_FEED_H
#define MODEL_FEED_H

#include "base/buf.h"
#include "model/model.h"

#define FEED_MAX 4000000u
#define FEED_FILE_MAX (8u + FEED_MAX * 18u)

struct feed {
	struct prefix *list;
	size_t n, cap;
};

void feed_done(struct feed *f);

struct feed_text {
	struct feed feed;
	uint64_t lines, bad;
	void (*on_bad)(const char *name, uint64_t line, const char *why, void *user); /* may be NULL */
	void *user;
};
/* One list: an address, a prefix or a range "a-b" at the beginning of each line; behind it a blank, a comma, a tab or ";", and whatever else
 * stands there. Empty lines and those that begin with # or ; say nothing. Host bits are cut; what is wider than a /8 (IPv6: /16) is bad:
 * such a line is a slip, or an attack. 0, -E_LIMIT past FEED_MAX, -E_NOMEM. */
int feed_read(struct feed_text *t, const char *name, struct str text);
void feed_sort(struct feed *f); /* ascending, each once */
int feed_format(const struct feed *f, struct buf *out);
int feed_parse(struct str data, struct feed *ret, struct err *err); /* -E_CORRUPT */
/* What to take away from old and to add to reach new; both sorted. fn returns other than 0 to stop, which is returned. */
int feed_diff(const struct feed *old, const struct feed *new, int (*fn)(bool add, const struct prefix *p, void *user), void *user);

#endif
