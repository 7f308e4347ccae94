/* The vault's master key behind a PKCS#11 token (OASIS PKCS #11 2.40): an AES key of 256 bits that never leaves the token encrypts it (AES-GCM,
 * CKM_AES_GCM), and is asked once at each start. A disk without its token then opens nothing; root on a machine whose token is there can
 * have it do the same.
 *
 * The token's library is somebody else's code: it is loaded in a child of its own, which hands over 32 bytes and ends; nothing of it stays in the
 * vault's memory. The child has the caller's user and no network where the caller has none: libraries that speak TCP to their device need a proxy
 * on a UNIX socket (p11-kit server). */
#ifndef VAULT_TOKEN_H
#define VAULT_TOKEN_H

#include "base/buf.h"

struct err;

#define TOKEN_KEY 32        /* of the master key, bytes */
#define TOKEN_BOX (12 + TOKEN_KEY + 16) /* nonce, ciphertext, tag */
#define TOKEN_WAIT_MS 60000 /* for its answer */
#define TOKEN_LABEL "toride-master" /* of its key */

struct token {
	char module[256]; /* absolute path of the library */
	char name[33];    /* label of the token: 1 to 32 bytes */
	char pin[65];     /* of its user */
};

/* Three lines: module, name, PIN. -E_INVALID with words. */
int token_parse(struct str text, struct token *ret, struct err *err);
void token_format(const struct token *t, struct buf *b);

/* The library, and all directories above it, are root's and nobody else's to write: who takes the vault over may write its files, and would else name a
 * library of his own to be run before the next start's jail. From here on t names it by its real path: a link to it may be anybody's, and lead
 * elsewhere a moment later. -E_DENIED. */
int token_trusted(struct token *t, struct err *err);

/* Makes the token's key where it has none. wait_ms: TOKEN_WAIT_MS. -E_NOT_FOUND: no such token or key, -E_DENIED: the PIN is wrong, -E_TIMEOUT,
 * -E_CORRUPT: not what this key encrypted, -E_IO with the function that failed and its number (CKR_…). */
int token_wrap(const struct token *t, const unsigned char key[TOKEN_KEY], int wait_ms, unsigned char ret[TOKEN_BOX], struct err *err);
int token_unwrap(const struct token *t, const unsigned char box[TOKEN_BOX], int wait_ms, unsigned char ret[TOKEN_KEY], struct err *err);

#endif
