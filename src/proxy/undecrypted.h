/* What isn't looked into, beside what the lists name (conf_undecrypted()): hosts of categories that an organisation leaves alone
 * (`no_decrypt_categories`: finance, health, government). A list says what its owner answers for; a category is said by somebody else's index, so
 * that less is believed of it: the host's own entry or a domain's above it counts, a path's doesn't, nor does a name in look-alike letters;
 * and its server's certificate is verified by us first, on a connection of our own. Requirements: F-09. */
#ifndef PROXY_UNDECRYPTED_H
#define PROXY_UNDECRYPTED_H

#include "proxy/worker.h"

#define UNDECRYPTED_MS 600000 /* so long a verified server isn't asked again; each thread and organisation for itself */
#define UNDECRYPTED_MAX 4096

/* Is this host of such a category, by the index in force? */
bool undecrypted_category(const struct worker *w, const struct conf_org *o, const char *host);
/* Its server was verified, lately. */
bool undecrypted_verified(const struct worker *w, const struct conf_org *o, const char *host, uint16_t port);
void undecrypted_remember(struct worker *w, const struct conf_org *o, const char *host, uint16_t port);
void undecrypted_forget(struct worker *w); /* other authorities are trusted now, or it ends */

#endif
