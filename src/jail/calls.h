/* seccomp(2): from now on only these system calls. */
#ifndef JAIL_CALLS_H
#define JAIL_CALLS_H

#include <stdint.h>

struct err;

/* groups: enum calls of table.h; the base is always in. Reaches all threads. Needs no_new_privs.
 * What isn't listed ends the process with JAIL_EXIT_CALL, after one line on stderr. */
int jail_calls_apply(uint32_t groups, struct err *err);
/* For engines of others, passed on over exec: all but what no server needs (mounts, modules, tracing, keys, bpf …):
 * those get EPERM. */
int jail_calls_engine(struct err *err);

#endif
