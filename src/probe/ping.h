/* Asks through one interface whether anybody is there: ICMP echo (RFC 792, RFC 4443) on datagram sockets bound to the
 * interface, which need no privilege but the sysctl net.ipv4.ping_group_range (compile/net.c sets it to our group). */
#ifndef PROBE_PING_H
#define PROBE_PING_H

#include "base/err.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>

#define PING_TARGETS 16

struct ping {
	int fd4, fd6; /* -1: none of that family */
	struct sockaddr_storage targets[PING_TARGETS];
	unsigned n;
	uint16_t sequence;
};

/* targets: addresses in text; those of a family the kernel doesn't let us ask are left out. */
int ping_open(struct ping *p, const char *interface, const char *const *targets, unsigned n, struct err *err);
void ping_close(struct ping *p);
/* One question to each. What can't be sent (no carrier, no route) is a question without an answer. */
void ping_ask(struct ping *p);
/* Takes what has come in; bit i: targets[i] has answered. */
uint32_t ping_heard(struct ping *p);

#endif
