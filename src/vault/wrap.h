/* Small secrets of others, wrapped: what they keep is of no use without the vault. AES-256-GCM (NIST SP 800-38D) under a key of its own for each
 * use; whose secret it is stands in the associated data, so that one can't be put in another's place. */
#ifndef VAULT_WRAP_H
#define VAULT_WRAP_H

#include "vault/keys.h"

/* use: VAULT_TSIG's kind of name ("totp"). message: the context, a NUL, and the secret; the wrapped form into ret. -E_INVALID without a NUL. */
int wrap_close(struct keys *k, const char *use, struct str message, struct buf *ret, struct err *err);
/* message: the context, a NUL, and the wrapped form. -E_CORRUPT: altered, of another context or use. */
int wrap_open(struct keys *k, const char *use, struct str message, struct buf *ret, struct err *err);

#endif
