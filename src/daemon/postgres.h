/* The private PostgreSQL cluster: made on first start, by the process that becomes the server.
 *
 * Its clients have numbers, not accounts, so the server gets an /etc/passwd of its own (in its mount namespace only)
 * that names them: authentication is `peer`, by the kernel, with no password anywhere. Roles: toride_respond (owner of
 * database "toride"), toride_portal, and postgres (superuser; for root at the console). */
#ifndef DAEMON_POSTGRES_H
#define DAEMON_POSTGRES_H

#include <stdbool.h>

struct err;

/* torided, at start: writes RUN/pg-passwd. */
int postgres_write_users(struct err *err);
/* In the child, as root, in its own mount namespace. 0 or -1 with errno. */
int postgres_mount_users(void);
/* In the child, as its user: initdb and roles when STATE/pg/data isn't there. Made beside and renamed, so a kill in the
 * middle leaves nothing half made. Rewrites pg_hba.conf, pg_ident.conf and our settings each time. */
int postgres_prepare(struct err *err);
/* torided: it takes sessions (recovery after a crash is over). */
bool postgres_is_ready(void);

#endif
