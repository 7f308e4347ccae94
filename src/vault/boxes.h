/* Keys for the other node of a pair (doc/PAIRS.md): wrapped as they lie on the disk, so that only a vault with the same master key opens
 * them. What is made or destroyed at one node is so at the other a second later.
 *
 * Names: acme.key, orgs/ORG.key, orgs/ORG.destroyed, sites/HEX.key. Not the master key, the seal's or the interception authority's: these
 * are the same from the set-up on. A destruction travels as a box too, so that nobody who holds no master key can order one. */
#ifndef VAULT_BOXES_H
#define VAULT_BOXES_H

#include "vault/keys.h"
#include "vault/store.h"

/* Answer's fields: u64 version of what is there, u32 n, n × text name, those behind `after` in the order of bytes; n is BOXES_AT_ONCE at
 * most. */
#define BOXES_AT_ONCE 96
int boxes_names(const struct store *s, const char *after, struct buf *reply, struct err *err);
/* An organisation's data key is made where there is none yet, so that both nodes have one and the same. -E_NOT_FOUND: no such key. */
int boxes_get(const struct store *s, struct keys *k, const char *name, struct buf *ret_box, struct err *err);
/* -E_CORRUPT: not of this master key and name. -E_EXISTS: another key of this name is here; it stays. A key that was destroyed here isn't
 * taken again; a destruction destroys. */
int boxes_put(struct store *s, struct keys *k, const char *name, struct str box, struct err *err);

#endif
