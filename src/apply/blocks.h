/* Blocks: what the watch has decided to stop, for one organisation ("412015") or all ("*"), until a time. They belong to no
 * generation: they survive apply, rollback and restart. Requirements: a block kills what runs, not only what comes.
 *
 *   STATE/blocks  u32 "TBLK", u8 version 1, u32 n, n × block_write, 32 bytes SHA-256; written atomically, then acted upon
 *
 * Enforced in three places:
 *   - nft table inet toride_block, in front of everything; rewritten whole in one transaction at each change, so that
 *     overlapping prefixes and two blocks of the same thing need no bookkeeping: what one releases another still holds.
 *     Elements carry their remaining time, so the kernel lets go even if torided is dead. Logged to nflog group 1, "B:";
 *     what leaves the node all the same, "P:".
 *   - Unbound: the name and all below it don't exist (always_nxdomain): in the organisation's view (named as its interface), or everywhere
 *     (local_zone; views are compiled with view-first). Forgotten by a reload: told again.
 *   - proxyd: the whole table over RUN/proxy.sock: u8 1, u32 n, n × block_write; answer u8 0.
 *   - BIRD: two kinds that the upstream is asked to drop (announce.h), and nobody else told of.
 * Terminals need an organisation; URLs are the proxy's alone. Our own service's addresses are never blocked. */
#ifndef APPLY_BLOCKS_H
#define APPLY_BLOCKS_H

#include "apply/zones.h"
#include "wire/order.h"

#define BLOCKS_MAX 20000u

struct blocks {
	struct block *list;
	size_t n, cap;
};

int blocks_load(struct blocks *b, struct err *err); /* a missing file is empty; -E_CORRUPT */
int blocks_save(const struct blocks *b, struct err *err);
int blocks_parse(struct str data, struct blocks *ret, struct err *err);
void blocks_done(struct blocks *b);
struct block *blocks_find(const struct blocks *b, const char *id);
int blocks_put(struct blocks *b, const struct block *k, struct err *err); /* replaces the one of the same id */
void blocks_drop(struct blocks *b, struct block *k);
int64_t blocks_next_expiry(const struct blocks *b); /* UTC ms; 0 = none */

/* May it be ordered? -E_INVALID (malformed, no expiry, expired), -E_DENIED (would hit ourselves), -E_NOT_FOUND (org). */
int block_check(const struct block *k, const struct zones *z, int64_t now_ms, struct err *err);

/* The nft text of the whole table; a negative buf.failed on memory. Pure. */
void blocks_nft(const struct blocks *b, const struct zones *z, int64_t now_ms, struct buf *out);

/* These read STATE/blocks themselves, under a lock, so that a change under way in a child and a block that comes in
 * meanwhile can't undo each other. */
int blocks_install(const struct env *e, const struct gen *g, struct err *err);
int blocks_tell_unbound(const struct env *e, struct err *err);
int blocks_tell_proxy(struct err *err);

/* Adds or removes for good: file, kernel, resolver, proxy, running flows. What fails is undone. */
int blocks_add(const struct env *e, const struct block *k, struct err *err);
int blocks_remove(const struct env *e, const char *id, struct err *err);
/* The wall clock was set by so much: each block keeps the time it was given. The kernel and the proxy count by clocks of their
 * own that nobody sets, so only the file changes. */
int blocks_clock_set(int64_t by_ms, int64_t *ret_next, struct err *err);
/* Removes all that have expired; ret_next as blocks_next_expiry(). */
int blocks_expire(const struct env *e, int64_t *ret_next, struct err *err);

#endif
