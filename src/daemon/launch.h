/* Starting one process of the table: namespaces, user, capabilities, limits, descriptors, then exec. */
#ifndef DAEMON_LAUNCH_H
#define DAEMON_LAUNCH_H

#include "jail/table.h"

#include <sys/types.h>

struct err;

struct launch {
	const struct table_process *row;
	const char *program; /* full path */
	int log_fd;          /* its standard output and error: the write end of a pipe that we read */
	const int *sockets;  /* listening descriptors by index of table_sockets, -1: none */
	bool standby;        /* the database is to be a copy of the other node's */
};

/* Each process is the first of a process namespace of its own, so that its children end with it, and dies with us
 * (PR_SET_PDEATHSIG): whatever kills torided leaves nothing running. */
int launch(const struct launch *l, pid_t *ret, struct err *err);

#endif
