/* The private PostgreSQL cluster: made on first start, by the process that becomes the server.
 *
 * Its clients have numbers, not accounts, so the server gets an /etc/passwd of its own (in its mount namespace only)
 * that names them: authentication is `peer`, by the kernel, with no password anywhere. Roles: toride_respond (owner of
 * database "toride"), toride_portal, toride_auth, toride_replica (copies the cluster), and postgres (superuser; for root at the console).
 *
 * Of a pair the node that carries the traffic has the database that takes changes; the other one's is a copy that follows it (hot standby,
 * daemon/replicad.c). One that isn't to carry the traffic any more gives its own up and copies the other's: it never believes what it had,
 * which stays in STATE/pg/data.before. Row M-104. */
#ifndef DAEMON_POSTGRES_H
#define DAEMON_POSTGRES_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

/* torided, at start: writes RUN/pg-passwd. */
int postgres_write_users(struct err *err);
/* In the child, as root, in its own mount namespace. 0 or -1 with errno. */
int postgres_mount_users(void);
/* In the child, as its user: initdb and roles when STATE/pg/data isn't there. Made beside and renamed, so a kill in the
 * middle leaves nothing half made. Rewrites pg_hba.conf, pg_ident.conf and our settings each time. standby: what is there is replaced by a
 * copy of the other node's, however long that takes; a copy stays one where that isn't asked (postgres_promote()). */
int postgres_prepare(bool standby, struct err *err);
/* torided: what is there, running or not, follows the other node and takes no changes. */
bool postgres_is_copy(void);
/* torided: a copy that runs takes over; postgres_is_copy() is false when it has. Harmless when it is told again. */
int postgres_promote(pid_t pid, struct err *err);
void postgres_promoted(void);
/* torided: the server itself was started; before, it is made or copied. */
bool postgres_has_begun(void);
/* torided: it takes sessions (recovery after a crash is over). */
bool postgres_is_ready(void);

#endif
