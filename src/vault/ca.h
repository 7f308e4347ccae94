/* The interception CA: one self-signed P-256 certificate, and leaves signed by it (vault.h says which). */
#ifndef VAULT_CA_H
#define VAULT_CA_H

#include "vault/store.h"
#include "vault/vault.h"

struct ca;

/* Loads the key and certificate (store: ca.key, ca.crt), or makes them; a key without certificate (killed between the
 * two) gets one. name: CN of a new one, UTF-8, at most 64 bytes. */
int ca_open(struct store *s, const char *name, struct ca **ret, struct err *err);
void ca_close(struct ca **ca);
struct str ca_pem(const struct ca *ca);
/* Appends the DER of a new certificate to b. -E_INVALID with words for a name, time or key it won't sign. */
int ca_leaf(struct ca *ca, const struct vault_request *rq, struct buf *b, struct err *err);

#endif
