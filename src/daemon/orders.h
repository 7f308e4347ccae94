/* torided's own socket: fixed-size binary orders (wire/order.h) from controld and respondd, handed to src/apply. */
#ifndef DAEMON_ORDERS_H
#define DAEMON_ORDERS_H

#include "apply/apply.h"

#include <uv.h>

struct orders;

struct orders_opts {
	uv_loop_t *loop;
	int fd;               /* listening socket; taken over */
	struct apply *apply;  /* NULL: recovery failed; all but status is refused with `why` */
	const char *why;
	/* Writes RUN/status.json and puts its path into text. */
	int (*status)(char *text, size_t size, void *user, struct err *err);
	void *user;
};

int orders_open(const struct orders_opts *o, struct orders **ret, struct err *err);
void orders_close(struct orders **o);

#endif
