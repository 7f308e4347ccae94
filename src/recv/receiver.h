/* The receiver: sockets of every body, each bound to its attachment, so that the socket a line came in by says whose it is (as
 * proxy/listen.c). One thread, one loop.
 *
 * UDP (RFC 5426): a datagram is a line. What the kernel dropped for want of room is read back (SO_MEMINFO) and told.
 * TCP (RFC 6587), TLS (RFC 5425, both sides with a certificate): while more than RECEIVER_BEHIND bytes wait for intaked's
 * acknowledgement nothing is read, and senders wait. Syslog has no acknowledgement of its own; the end of a connection is made one:
 * a sender that closes its side and reads on sees ours closed only when all it sent is safe on disk. Whatever else ends a connection,
 * our death too, is a reset (SO_LINGER 0). */
#ifndef RECV_RECEIVER_H
#define RECV_RECEIVER_H

#include "recv/conf.h"
#include "wire/events.h"
#include "wire/stats.h"

#include <uv.h>

#define RECEIVER_BEHIND (4u * 1024 * 1024)
#define RECEIVER_RING (12u * 1024 * 1024) /* of events that wait; events_open() */
#define STREAMS_ALL 2048   /* connections */
#define STREAMS_SOURCE 16  /* … of one registered device */
#define STREAMS_STRAY 16   /* … of all unregistered addresses of one body: its terminals can't shut its devices out */
#define STREAM_SLOW_MS 60000 /* a line that doesn't come to its end */

struct receiver;
struct receiver_opts {
	uv_loop_t *loop;
	struct events *events;
	struct stats *stats;
	int slow_ms; /* 0: STREAM_SLOW_MS */
};
int receiver_start(const struct receiver_opts *o, struct receiver **ret, struct err *err);
/* What is described now; goes on with what didn't change. Sockets that can't be opened yet are tried each tick. */
void receiver_config(struct receiver *r, const struct conf *c);
void receiver_settled(struct receiver *r); /* acknowledgements came: connections end, and reading goes on */
void receiver_tick(struct receiver *r);    /* about once a second */
void receiver_stop(struct receiver **r);   /* no more is read; the process ends: nothing is freed */

#endif
