/* Certificates we show to terminals: for each host one, signed by the interception CA in the vault over this
 * process's one key, kept in memory (bounded, least recently used goes). One cache a thread. */
#ifndef PROXY_LEAF_H
#define PROXY_LEAF_H

#include "proxy/worker.h"

#define LEAF_CACHE 8192
#define LEAF_DAYS 30

struct leaf_cache;
/* x is borrowed during the call; NULL: the vault couldn't (code says why). */
typedef void (*leaf_fn)(X509 *x, int code, void *user);

int leaf_cache_create(struct worker *w, struct leaf_cache **ret);
void leaf_cache_destroy(struct leaf_cache **c);
/* Calls fn, at once when it is there. */
void leaf_get(struct leaf_cache *c, const char *host, leaf_fn fn, void *user);
void leaf_forget(struct leaf_cache *c, void *user); /* its callback won't come */
/* The process's key, and its public half in DER; once. */
int leaf_key_create(EVP_PKEY **ret);

#endif
