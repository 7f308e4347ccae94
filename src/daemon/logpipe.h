/* What a process writes to its standard error, line by line into STATE/log/NAME.log (8 MiB, three older ones kept);
 * warnings and errors go to our own standard error too. Lines are cut at 8 KiB. */
#ifndef DAEMON_LOGPIPE_H
#define DAEMON_LOGPIPE_H

#include "base/buf.h"

#include <uv.h>

struct err;

struct logpipe {
	char name[32];
	int in, out, file; /* in: our end of the pipe; out: the child's, kept open over restarts */
	size_t size;       /* of the file */
	struct buf line;
	bool cut;          /* the rest of a line that was too long is skipped */
	uv_poll_t poll;
};

int logpipe_open(struct logpipe *l, uv_loop_t *loop, const char *name, struct err *err);
void logpipe_drain(struct logpipe *l); /* takes what is there now */
void logpipe_close(struct logpipe *l); /* the loop must run once more for the handle */

#endif
