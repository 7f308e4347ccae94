/* Running another program: fork and exec with an argument vector, never a shell. */
#ifndef BASE_PROC_H
#define BASE_PROC_H

#include "base/buf.h"

#include <sys/types.h>

struct err;

struct proc_opts {
	const char *const *argv; /* ended by NULL; argv[0] is searched in PATH */
	struct str input;        /* written to its standard input */
	int timeout_ms;          /* killed afterwards; 0: 10 s */
	const char *netns;       /* path of a network namespace to enter first, or NULL */
	int netns_fd;            /* the same as an open descriptor, or 0 */
	uid_t uid;               /* 0: stay */
	gid_t gid;
	struct buf *out; /* standard output and error, or NULL */
	int *ret_status; /* exit code, or 128 + signal; NULL: anything but 0 is an error */
};

int proc_run(const struct proc_opts *o, struct err *err);
/* In a forked child that reads what others wrote: of the parent's descriptors it keeps the standard ones and these two (-1: none). */
void proc_keep_only(int a, int b);

#endif
