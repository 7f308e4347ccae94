/* The processes of the table while they run: start, readiness, restart with back-off, orderly stop.
 *
 * A process starts when what it needs exists. It is ready when RUN/ready/NAME holds something (daemons write the digest
 * they serve), or, for an engine, when its socket accepts (or it has lived for half a second); supervise writes the file
 * for engines. Ended by itself it starts again: at once after a clean end (0, or the stop signal somebody sent to make it
 * read its configuration anew) that followed at least a second of life, else after 0.1 s, doubling to 30 s, from the
 * beginning again once it has lived for 60 s. */
#ifndef DAEMON_SUPERVISE_H
#define DAEMON_SUPERVISE_H

#include "base/buf.h"
#include "wire/events.h"

#include <uv.h>

struct supervise;
struct err;

struct supervise_opts {
	uv_loop_t *loop;
	const int *sockets;    /* by index of table_sockets; borrowed */
	struct events *events; /* for OCSF 6002; may be NULL */
	void (*ready)(const char *name, void *user);
	void (*ended)(const char *name, void *user); /* one of them, whatever the reason; may be NULL */
	void (*stopped)(void *user); /* all have ended after supervise_stop() */
	void *user;
};

int supervise_open(const struct supervise_opts *o, struct supervise **ret, struct err *err);
void supervise_close(struct supervise **s); /* after `stopped`, outside the loop */
void supervise_reap(struct supervise *s);   /* SIGCHLD came */
/* In reverse order, each its stop signal; killed after 3 s, all after 10 s. */
void supervise_stop(struct supervise *s);
/* "processes":[…] as a JSON field. */
void supervise_status(struct supervise *s, struct buf *b);

#endif
