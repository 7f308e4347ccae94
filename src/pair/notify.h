/* What keepalived says of its instances (keepalived.conf(5), vrrp_notify_fifo), and whether that makes this node the one that
 * carries the traffic. Pure: the caller has the pipe and the clock.
 *
 *   INSTANCE "sync0" MASTER 151
 *
 * One instance a path between the two nodes. A node takes over when it is master on one path at least and hears a better one on none. One that
 * carries the traffic goes on while it is master on one path, but for a better one that stays on another: a path that comes back begins as
 * BACKUP. So a single path that is cut makes no second one. Rows S-30 M-104. */
#ifndef PAIR_NOTIFY_H
#define PAIR_NOTIFY_H

#include "base/str.h"

#include <stdint.h>

#define NOTIFY_PATHS 16
#define NOTIFY_LINE 256

enum path_state { PATH_UNKNOWN, PATH_MASTER, PATH_BACKUP, PATH_FAULT };

struct notify {
	struct {
		char name[16];
		enum path_state state;
		int64_t since_ms;
	} paths[NOTIFY_PATHS];
	unsigned n;
	char line[NOTIFY_LINE]; /* what is left of one that isn't whole yet */
	size_t len;
	bool skip;              /* it was too long */
};

/* Bytes from the pipe. True when a master heard of another one below it: neighbours must be told again who it is. */
bool notify_take(struct notify *n, struct str bytes, int64_t now_ms);
/* active: this node carries the traffic now; settle_ms: how long a path that came back may stay BACKUP. */
bool notify_active(const struct notify *n, bool active, int64_t settle_ms, int64_t now_ms);

#endif
