/* Lists of addresses in the kernel (model/feed.h): table inet toride_feed, which belongs to no change of the filter. It is brought from the
 * lists that are in it to the lists a generation pins by their differences alone.
 *
 * A list is a hash set for each length of prefix, asked with the address cut to that length: nft's interval sets of this age take 92 s for
 * 200 changes among 200,000 entries, these 0.02 s (bench/feeds.sh). Asked of new connections only.
 *
 *   nft/feeds.bin       u8 n, n × char interface[16]; u16 n, n × { char name[33], char hex[65] }     (compile/nft_sets.c)
 *   STATE/feeds/loaded  the same bytes, of what is in the kernel; empty while it is being changed
 *   STATE/feeds/addr/HEX  the lists, by the SHA-256 of the file */
#ifndef APPLY_FEEDS_H
#define APPLY_FEEDS_H

#include "apply/generation.h"
#include "model/feed.h"

#define FEEDS_MAX 16

struct feed_ref {
	char name[33], hex[65];
};

struct feeds {
	char uplinks[255][17];
	size_t n_uplinks;
	struct feed_ref list[FEEDS_MAX];
	size_t n;
};

/* -E_CORRUPT. No bytes are no lists. */
int feeds_parse(struct str data, struct feeds *ret, struct err *err);

/* STATE/feeds/addr/HEX. -E_NOT_FOUND, -E_CORRUPT; ret->list is the caller's (feed_done). */
int feed_load(const struct feed_ref *ref, struct feed *ret, struct err *err);

/* The kernel to what the generation pins. -E_NOT_FOUND when a list isn't on this node, -E_CORRUPT when it has changed there; then
 * nothing was touched. */
int feeds_install(const struct env *e, const struct gen *g, struct err *err);

#endif
