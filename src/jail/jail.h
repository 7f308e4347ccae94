/* How a daemon locks itself in, and who may talk to it. All of it is data in table.c.
 *
 * Each daemon's main() calls jail_install() first; daemon_confine() (wire/daemon.h) then does, with no way back:
 * no_new_privs · capabilities down to the row's `caps_kept` · Landlock (only the row's paths) · seccomp (only the
 * row's system calls). Call it before making threads: seccomp reaches threads that exist, Landlock doesn't.
 *
 * A system call that isn't listed ends the process with exit code JAIL_EXIT_CALL and one log line on stderr that
 * names its number. With TORIDE_SECCOMP_LOG=1 in the environment it is allowed and logged by the kernel instead
 * (for development). User, groups, namespaces and limits were set by torided before exec; a daemon started by
 * hand stays who it was. */
#ifndef JAIL_JAIL_H
#define JAIL_JAIL_H

#include <stdbool.h>
#include <sys/types.h>

struct err;

#define JAIL_EXIT_CALL 159 /* 128 + SIGSYS */

void jail_install(void);
/* What daemon_confine() calls. name: a row of table.c, else -E_NOT_FOUND. */
int jail_confine(const char *name, struct err *err);
/* May this user connect to RUN/socket_name ("vault.sock")? Root, the server itself, and whom table.c lists. */
bool jail_peer_allowed(const char *socket_name, uid_t uid);

#endif
