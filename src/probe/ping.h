/* Asks through one interface whether anybody is there: ICMP echo (RFC 792, RFC 4443) on datagram sockets bound to the
 * interface, which need no privilege but the sysctl net.ipv4.ping_group_range (compile/net.c sets it to our group). */
#ifndef PROBE_PING_H
#define PROBE_PING_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define PING_TARGETS 16
#define PING_KEPT 16 /* questions whose answers are told apart */

struct ping {
	int fd4, fd6; /* -1: none of that family */
	struct sockaddr_storage targets[PING_TARGETS];
	unsigned n;
	uint16_t sequence;           /* of the last question */
	uint16_t judged;             /* of the last one that ping_judge() gave back */
	uint32_t answered[PING_KEPT]; /* by sequence; bit i: targets[i] has */
	unsigned asked_at[PING_KEPT]; /* in the caller's ticks */
	bool closer[PING_KEPT];
};

/* targets: addresses in text; those of a family the kernel doesn't let us ask are left out. */
int ping_open(struct ping *p, const char *interface, const char *const *targets, unsigned n, struct err *err);
void ping_close(struct ping *p);
/* One question to each at that tick of the caller's clock. What can't be sent (no carrier, no route) is a question without an answer. closer: given back
 * with it. */
void ping_ask(struct ping *p, unsigned tick, bool closer);
/* Takes what has come in. An answer to a question that was judged already counts for the oldest one that wasn't: a slow line isn't a lossy one. */
void ping_hear(struct ping *p);
/* The next question that was asked `age` ticks ago or earlier: who has answered it (bit i: targets[i]). False: there is none. */
bool ping_judge(struct ping *p, unsigned tick, unsigned age, uint32_t *ret_answered, bool *ret_closer);

#endif
