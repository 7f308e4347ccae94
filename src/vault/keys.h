/* The seal key and the organisations' data keys; see vault.h for what is derived and how. */
#ifndef VAULT_KEYS_H
#define VAULT_KEYS_H

#include "vault/store.h"

struct keys;

#define KEYS_ORGS_MAX 8192

int keys_open(struct store *s, struct keys **ret, struct err *err); /* makes the seal key; finishes begun destructions */
void keys_close(struct keys **k);
void keys_seal_public(const struct keys *k, unsigned char ret[32]);
int keys_seal_pem(const struct keys *k, struct buf *b, struct err *err);
int keys_seal(struct keys *k, struct str message, unsigned char ret_sig[64], struct err *err);
/* Makes the organisation's data key at its first use. -E_NOT_FOUND once it was destroyed. */
int keys_ensure(struct keys *k, const char *org, struct err *err);
int keys_segment(struct keys *k, const char *org, const char *series, uint64_t number, unsigned char ret[32], struct err *err);
/* The secret that name servers share under that name. */
int keys_tsig(struct keys *k, const char *name, unsigned char ret[32], struct err *err);
/* The key that small secrets of one use are wrapped under (wrap.h). */
int keys_wrapping(struct keys *k, const char *use, unsigned char ret[32], struct err *err);
/* Done means: on disk and synced. Again, or never made: also done, and it can't be made afterwards. */
int keys_destroy(struct keys *k, const char *org, struct err *err);

#endif
