/* seccomp(2): from now on only these system calls. */
#ifndef JAIL_CALLS_H
#define JAIL_CALLS_H

#include <stdint.h>

struct err;

/* groups: enum calls of table.h; the base is always in. Reaches all threads. Needs no_new_privs.
 * What isn't listed ends the process with JAIL_EXIT_CALL, after one line on stderr. */
int jail_calls_apply(uint32_t groups, struct err *err);
/* For throw-away workers that parse hostile bytes: what is held already and memory of their own; opening any path fails with
 * EACCES (libraries ask behind our back), all else ends the worker with JAIL_EXIT_CALL. Made once, before the maker is
 * confined; a forked worker enters it with one system call (jail_calls_enter()). NULL: *err. Never freed. */
struct sock_fprog;
const struct sock_fprog *jail_calls_worker(struct err *err);
int jail_calls_enter(const struct sock_fprog *filter);
/* For engines of others, passed on over exec: all but what no server needs (mounts, modules, tracing, keys, bpf …):
 * those get EPERM. */
int jail_calls_engine(struct err *err);

#endif
