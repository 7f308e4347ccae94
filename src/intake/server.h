/* SOCK_EVENTS: takes events from our own processes (wire/events.h) and acknowledges what is synced.
 *
 * A peer's user must be allowed (jail_peer_allowed) and its source must be named after its process; what that may say
 * stands in normalise/sender.c, the rest is kept unparsed. Whoever breaks the
 * protocol, says nothing for too long in the middle of a message, or sends text with a newline is counted
 * ("peers_rejected") and closed; the others don't notice. A peer has at most one message beyond its turn in memory;
 * when the spool takes no more, nothing is read until a commit works again. */
#ifndef INTAKE_SERVER_H
#define INTAKE_SERVER_H

#include "intake/spool.h"

#include <sys/types.h>
#include <uv.h>

struct intake_server;
struct intake_server_opts {
	uv_loop_t *loop;
	struct spool *spool;
	struct stats *stats;
	int listen_fd; /* owned from here on */
	/* May this user connect, and as what ("proxyd")? NULL as name: any source, and nothing it says is believed.
	 * Tests bring their own. */
	bool (*allowed)(uid_t uid, const char **ret_process);
	int hello_ms, message_ms; /* 0: 5 s, 30 s */
	int rest_ms; /* who sent little isn't listened to for so long: a busy sender would wake us, and wait for it, once an event. 0: never */
};

#define INTAKE_REST_BYTES (32 * 1024) /* who sent more than that at once isn't kept waiting, */
#define INTAKE_AWAKE_BYTES (4 * INTAKE_REST_BYTES) /* nor who sent so much since it rested last */
#define INTAKE_PEERS 256
#define INTAKE_PEERS_USER 32 /* of one user */

int intake_server_start(const struct intake_server_opts *o, struct intake_server **ret, struct err *err);
void intake_server_stop(struct intake_server **s); /* closes handles; run the loop once more to free */
void intake_server_committed(struct intake_server *s); /* everything put is safe: acknowledge, and read on */
void intake_server_tick(struct intake_server *s);      /* about once a second: drops who is too slow */

/* Tables: "who may send" as jail/table.c says. */
bool intake_allowed(uid_t uid, const char **ret_process);

/* One message of a sender, parsed; for the server and the fuzz target. */
struct intake_message {
	uint8_t type;
	uint64_t boot, sequence;
	char source[SEEN_SOURCE_TEXT];
	char org[8];
	struct str json; /* borrowed */
};
int intake_message_parse(struct str bytes, struct intake_message *ret);

#endif
