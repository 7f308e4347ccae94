/* The keys of public sites: made here, never given away. The site's server signs its handshakes through us; see vault.h. */
#ifndef VAULT_SITES_H
#define VAULT_SITES_H

#include "vault/store.h"
#include "vault/vault.h"

struct sites;

int sites_open(struct store *s, struct sites **ret, struct err *err);
void sites_close(struct sites **s);
/* Makes a P-256 key and appends the certification request for rq->leaf.names (PEM). */
int sites_make(struct sites *s, const struct vault_request *rq, struct buf *ret_pem, struct err *err);
/* rq->message: 32 bytes that name the key, then the digest. -E_NOT_FOUND: no such key. */
int sites_sign(struct sites *s, struct str message, struct buf *ret_der, struct err *err);

/* Erases keys that signed nothing for SITES_UNUSED_DAYS: those of certificates that were renewed, and of requests that came to nothing. A site
 * that is served uses its key each hour (daemon/acmed.c looks). Nothing goes before this process has seen SITES_SURE_DAYS of uses without
 * somebody's setting the clock. */
#define SITES_UNUSED_DAYS 180
#define SITES_SURE_DAYS 2
int sites_retire(struct sites *s, unsigned *ret_n, struct err *err);

#endif
