/* Findings on their way to respondd: kept until acknowledged, sent again after a reconnect. On a libuv loop.
 *
 * The protocol stands in finding.h. Bounded: when outbox_full() the caller stops reading events; nothing is lost. */
#ifndef DETECT_OUTBOX_H
#define DETECT_OUTBOX_H

#include "base/buf.h"

#include <uv.h>

#define OUTBOX_BYTES (32u * 1024 * 1024)

struct err;
struct outbox;
struct outbox_opts {
	const char *path;                             /* of the socket */
	void (*on_ack)(uint64_t seq, void *user);     /* all up to seq are committed */
	void (*on_watch)(struct str list, void *user); /* what is blocked now, for follow_watch() */
	void *user;
	int retry_ms;                                 /* between attempts to connect; 0: 300 */
};

int outbox_open(uv_loop_t *loop, const struct outbox_opts *o, struct outbox **ret, struct err *err);
void outbox_close(struct outbox **o); /* run the loop once more to let handles go */
/* Copies the JSON. Gives its number. -E_NOMEM, or -E_LIMIT: longer than FINDING_JSON_MAX. */
int outbox_put(struct outbox *o, struct str json, uint64_t *ret_seq);
bool outbox_full(const struct outbox *o);
uint64_t outbox_last(const struct outbox *o);   /* number of the last one put; 0: none yet */
uint64_t outbox_acked(const struct outbox *o);

#endif
