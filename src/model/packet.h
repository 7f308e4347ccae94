/* What the packet filter does with one packet, answered from the description: the same order (policy.h) that the compiler
 * writes chains from. New connections only; limits, running blocks and the engines behind the filter (proxy, resolver)
 * aren't asked. test/system/packet.t holds it against the kernel with random packets. */
#ifndef MODEL_PACKET_H
#define MODEL_PACKET_H

#include "model/policy.h"

struct packet {
	const struct org *org; /* comes in by its interface; NULL: from the Internet */
	struct prefix from, to;  /* addresses */
	uint8_t protocol;        /* IPPROTO_TCP, _UDP or _ICMP (for either family: an echo request) */
	uint16_t port;           /* destination; 0 of ICMP */
	int64_t at_ms;
};

/* "from 412015:10.1.0.5 to 203.0.113.40:443 tcp at 2026-12-07T09:00:00+09:00": protocol (tcp when left out) and time (now_ms)
 * may be missing; no code: from the Internet; IPv6 with a port in brackets. -E_INVALID with what is wrong. */
int packet_parse(const struct model *m, struct str question, int64_t now_ms, struct packet *ret, struct err *err);

enum packet_fate {
	PACKET_PASS,    /* accepted and forwarded */
	PACKET_SERVICE, /* accepted by a service of the node: proxy, resolver, echo */
	PACKET_REFUSE,  /* answered with a reset or an ICMP error */
	PACKET_DROP,
};

struct decision {
	enum packet_fate fate;
	const struct org *org;         /* whose policy decided; NULL: the node's */
	const char *id;                /* of the rule, or of the service: "proxy", "resolver", "echo" */
	const struct fw_rule *rule;    /* both NULL: one of Toride's own */
	const struct publish *publish;
	size_t at;                     /* its place in the description */
	const struct publish *door;    /* it was translated to this server; NULL: it wasn't */
	char comment[96];              /* the filter's name for it ("412015/r1/4"); "": it has none */
};
void packet_decide(const struct model *m, const struct policy_sets *sets, const struct packet *p, struct decision *ret);

/* In one sentence. */
void decision_words(const struct decision *d, bool japanese, char *dst, size_t size);
/* Where it stands in the description, "orgs[412015].fw[0]"; "" for Toride's own. */
const char *decision_path(const struct decision *d, char dst[64]);

#endif
