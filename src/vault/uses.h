/* Who may ask the vault what, and how often. One bucket a (user, use): so that a stolen proxyd can't mint certificates
 * for the world, nor a stolen reader fetch every key at once. */
#ifndef VAULT_USES_H
#define VAULT_USES_H

#include "base/str.h"
#include "vault/vault.h"

#include <sys/types.h>

struct uses;
struct err;

/* own_names: the file of names, one a line, that the desk's server may have certified; kept, read at each use; NULL: none. */
int uses_open(const char *own_names, struct uses **ret, struct err *err);
void uses_close(struct uses **u);
/* 0, -E_DENIED (not in the table, or not this seal domain) or -E_LIMIT (bucket empty). now_ms: monotonic. */
int uses_take(struct uses *u, uid_t uid, const struct vault_request *rq, int64_t now_ms);
/* "proxyd" for logs and counters, "root", or "uid-1234" (in dst). */
const char *uses_caller(uid_t uid, char dst[32]);

#endif
