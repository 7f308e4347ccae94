/* Forked children of torided that hold less than it does: for what must parse text or look at the kernel, but may not be
 * trusted with root. */
#ifndef APPLY_CHILD_H
#define APPLY_CHILD_H

#include "base/buf.h"
#include "base/err.h"

#define CHILD_NET_ADMIN (1u << 0) /* CAP_NET_ADMIN is kept, also for the programs it runs; nothing else ever is */

/* Runs fn in a child as USER_WORKER with no capability but those of `keep`, no new privileges, and core dumps off. What fn
 * puts into out, and its error, come back. A child that dies or takes longer than timeout_ms is an error. Without root
 * (unit tests of a developer) the child keeps its user. */
typedef int (*child_fn)(void *arg, struct buf *out, struct err *err);
int child_call(unsigned keep, child_fn fn, void *arg, int timeout_ms, struct buf *out, struct err *err);

/* Signals back to default, all unblocked but SIGPIPE ignored: first thing after fork(), since torided's loop has handlers
 * that write into pipes we share. Forking with them blocked is the caller's part. */
void child_signals_block(void *ret_old_set);
void child_signals_fresh(void);
void child_signals_restore(const void *old_set);

/* env_real's compile: fork+exec of toride-compile (beside our own program, or in $TORIDE_LIBEXEC) as USER_WORKER in empty
 * namespaces, arguments this node's directories (a description for others is refused), stdin the submitted file, stdout a
 * pipe, nothing else open, limits on memory, time, files and processes. */
int child_compile(const char *hex, struct buf *out, struct err *err);

#endif
