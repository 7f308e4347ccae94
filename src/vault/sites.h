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

#endif
