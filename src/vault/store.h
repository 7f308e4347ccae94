/* Secrets in files: wrapped with AES-256-GCM under the master key (vault.h, "At rest"). */
#ifndef VAULT_STORE_H
#define VAULT_STORE_H

#include "base/buf.h"

struct err;
struct token;

#define STORE_KEY 32

struct store {
	char dir[512];
	unsigned char master[STORE_KEY];
	uint64_t version; /* another one whenever something was put or erased, and at each start */
};

/* Sweeps what a crash left, loads the master key, or makes one when the directory holds nothing yet. -E_CORRUPT when
 * secrets are there but the master key isn't: nothing is ever made anew over what can't be read. */
int store_open(struct store *s, const char *dir, struct err *err);
/* The same beside whoever has it open: sweeps and makes nothing. -E_NOT_FOUND: there is no master key. */
int store_attach(struct store *s, const char *dir, struct err *err);
void store_done(struct store *s);
/* From now on the token is asked for the master key at each start, and the file that held it is gone. Tried before anything is changed; killed in
 * between, the next start finishes it. */
int store_to_token(struct store *s, const struct token *t, struct err *err);
bool store_has(const struct store *s, const char *name); /* "ca.key", "orgs/412015.key" */
/* Appends the secret to b. -E_NOT_FOUND; -E_CORRUPT when it was altered, or belongs to another name or master key. */
int store_get(const struct store *s, const char *name, struct buf *b, struct err *err);
int store_put(struct store *s, const char *name, struct str secret, struct err *err);
/* The file's bytes as they are; a box of this name that is on no disk; what is in one: -E_CORRUPT when it is of another name or master key. */
int store_read_box(const struct store *s, const char *name, struct buf *b, struct err *err);
int store_box(const struct store *s, const char *name, struct str secret, struct buf *b, struct err *err);
int store_open_box(const struct store *s, const char *name, struct str box, struct buf *b, struct err *err);
/* Overwrites with random bytes, syncs, removes, syncs the directory. Gone already is fine. */
int store_erase(struct store *s, const char *name, struct err *err);

#endif
