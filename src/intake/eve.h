/* SOCK_EVE: what Suricata says, a JSON object a line (normalise/eve.h) → events and counters.
 *
 * Suricata never waits for us: what doesn't fit the socket it drops and counts. A line that isn't one (it may have been cut) is
 * counted, and reading goes on behind the next newline. While the spool is behind, nothing is read. */
#ifndef INTAKE_EVE_H
#define INTAKE_EVE_H

#include "intake/spool.h"

#include <sys/types.h>
#include <uv.h>

#define EVE_PEERS 4

struct eve_server;
struct eve_server_opts {
	uv_loop_t *loop;
	struct spool *spool;
	struct stats *stats;
	const struct orgs *orgs;
	int listen_fd; /* owned from here on */
	bool (*allowed)(uid_t uid);
};

int eve_server_start(const struct eve_server_opts *o, struct eve_server **ret, struct err *err);
void eve_server_stop(struct eve_server **s); /* run the loop once more to free */
void eve_server_orgs(struct eve_server *s, const struct orgs *orgs);
void eve_server_committed(struct eve_server *s); /* the spool has room again */
bool eve_allowed(uid_t uid);                     /* as jail/table.c says */

#endif
