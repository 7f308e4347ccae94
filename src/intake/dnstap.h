/* SOCK_DNSTAP: our name servers' frame streams (fstrm.h) → events. Which server it is tells the peer's user.
 *
 * The resolver's questions and answers are paired (dnspair.h) and all told; those of the authoritative servers are counted
 * (dnscount.h), and told up to a rate. While the spool is behind, nothing is read, and what doesn't fit the socket the
 * server drops by itself, as dnstap has no acknowledgement. */
#ifndef INTAKE_DNSTAP_H
#define INTAKE_DNSTAP_H

#include "intake/spool.h"

#include <sys/types.h>
#include <uv.h>

#define DNSTAP_PEERS 16
#define DNSTAP_BEHIND (16u * 1024 * 1024) /* bytes waiting in the spool */

struct dnstap_server;
struct dnstap_server_opts {
	uv_loop_t *loop;
	struct spool *spool;
	struct stats *stats;
	const struct orgs *orgs;
	int listen_fd; /* owned from here on */
	/* May this user connect, and as which server ("unbound")? */
	bool (*allowed)(uid_t uid, const char **ret_process);
};

int dnstap_server_start(const struct dnstap_server_opts *o, struct dnstap_server **ret, struct err *err);
void dnstap_server_stop(struct dnstap_server **s); /* tells what waits; run the loop once more to free */
void dnstap_server_orgs(struct dnstap_server *s, const struct orgs *orgs);
void dnstap_server_committed(struct dnstap_server *s); /* the spool has room again */
void dnstap_server_tick(struct dnstap_server *s);      /* about once a second */
bool dnstap_allowed(uid_t uid, const char **ret_process); /* as jail/table.c says */

#endif
