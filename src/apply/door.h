/* The door of inspected lines: what becomes of packets at the two sockets Suricata copies between.
 *
 * An ingress chain (nftables, family netdev) stands on each port and each cable's inner end. While Suricata inspects, it drops
 * everything: AF_PACKET has taken its copy before, and the node's own stack must never see what nobody inspected. While Suricata
 * doesn't, it drops too (closed), or hands each packet to the opposite socket (bridge). So the change from one to the other is
 * one transaction, and there is no bridge device with addresses of its own.
 *
 * Suricata inspects when a running AF_PACKET socket of its user is bound to every one of these sockets (/proc/net/packet);
 * that its process lives is not enough. */
#ifndef APPLY_DOOR_H
#define APPLY_DOOR_H

#include "apply/generation.h"

#define DOOR_LINES_MAX 9 /* all uplinks, and the leg to the public sites' origins (ips/leg.h) */

struct door_line {
	char outer[16], inner[16], port[16];
};
struct door {
	bool bridge; /* what happens while nobody inspects; else closed */
	bool mirror; /* the cable of what the proxy decrypts (ips/mirror.h) is there; its inner end lets nothing in */
	uint8_t n;
	struct door_line lines[DOOR_LINES_MAX];
};
enum door_state { DOOR_NONE, DOOR_CLOSED, DOOR_BRIDGE, DOOR_INSPECT };

/* suricata/lines.bin of a generation; one without has no lines. */
int door_load(const struct gen *g, struct door *ret, struct err *err);
int door_parse(struct str bin, struct door *ret, struct err *err);
/* nft's text; without lines the one that takes the table away. */
void door_nft(const struct door *d, bool inspecting, struct buf *out);
/* Puts it into the kernel and says so in RUN/ips (one word: none, closed, bridge, inspect). */
int door_set(const struct env *e, const struct door *d, bool inspecting, struct err *err);
/* What RUN/ips says. */
enum door_state door_said(void);
const char *door_word(enum door_state s);
/* Is each of the door's sockets read by Suricata? packets: the text of /proc/net/packet. */
bool door_captured(const struct door *d, struct str packets, unsigned (*index_of)(const char *interface));
bool door_captured_now(const struct door *d);

#endif
