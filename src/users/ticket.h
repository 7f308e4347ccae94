/* Who is it, by a ticket of the organisation's own Kerberos realm (RFC 4120) as browsers send it: Negotiate (RFC 4559), SPNEGO (RFC 4178).
 * By MIT's libgssapi, in toride-userd alone: whoever reads a ticket holds the key it is sealed with.
 *
 * A ticket must be for the proxy's own name under this organisation's key, of the same realm, in time by krb5.conf's clockskew, and not have been
 * seen before: what was seen is kept in a file (MIT's replay cache), since a restart within those minutes must not forget it. Nothing is read
 * from disk but that and krb5.conf of the generation (compile/userd.c), and no realm's server is ever asked.
 *
 * For one thread at a time. Requirements: F-08, issue 5. */
#ifndef USERS_TICKET_H
#define USERS_TICKET_H

#include "users/keytab.h"
#include "users/users.h"

struct ticket_door; /* one organisation's key, ready */

/* Once a process, before it is confined. config: krb5.conf's path; seen: the directory for what was seen. */
int ticket_init(const char *config, const char *seen, struct err *err);
/* keys is copied. */
int ticket_open(const char *org, const struct keytab *keys, struct ticket_door **ret, struct err *err);
void ticket_close(struct ticket_door **d);
/* text: as the header has it, base64. USERS_OK: r->name is who it is, as the directory's filter takes it, and r->proven is set. Else
 * USERS_TICKET, USERS_CLOCK or USERS_REPLAYED, and what was wrong in err (its path: a short word for the event). */
enum users_result ticket_take(struct ticket_door *d, const char *text, struct users_request *r, struct err *err);

#endif
