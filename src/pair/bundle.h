/* A few small files in one sealed piece, for the other node of a pair: Knot's keys (daemon/dnskeysd.c). Who carries it can't open it.
 *
 *   bundle  nonce[12], tag[16], AES-256-GCM (NIST SP 800-38D) of: items (u8 1, text name, blob bytes), u8 0 */
#ifndef PAIR_BUNDLE_H
#define PAIR_BUNDLE_H

#include "base/buf.h"

#include <stdbool.h>

struct err;

#define BUNDLE_KEY 32
#define BUNDLE_MAX (8 * MIB)
#define BUNDLE_NAME 128

void bundle_add(struct buf *plain, const char *name, struct str bytes);
void bundle_finish(struct buf *plain);
int bundle_seal(const unsigned char key[BUNDLE_KEY], struct str plain, struct buf *ret, struct err *err);
/* -E_DENIED: of another key, or altered. */
int bundle_open(const unsigned char key[BUNDLE_KEY], struct str sealed, struct buf *ret_plain, struct err *err);
/* Calls fn for each file; stops at its first failure. All names and the form are checked before the first call: a name is one of a copy of Knot's
 * keys (knot_backup.label, keys/data.mdb, keys/keys/HEX.pem), so that none leads elsewhere. -E_INVALID: of another form. */
int bundle_each(struct str plain, int (*fn)(const char *name, struct str bytes, void *user), void *user);
bool bundle_name_ok(const char *name);

#endif
