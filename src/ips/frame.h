/* Ethernet frames of conversations that nobody sent as packets: clean captures that new signatures must stay silent on (clean.h),
 * and what the web proxy decrypted, written out for the inspection to read (proxy/mirror.h).
 *
 * RFC 791, 8200, 9293, 768. Checksums are right, nothing is fragmented. Both ends are IPv4, or one of them is IPv6 and an IPv4 one is
 * written as ::ffff:a.b.c.d (RFC 4291 section 2.5.5.2). */
#ifndef IPS_FRAME_H
#define IPS_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_PAYLOAD 1360 /* bytes of a segment or datagram: with VXLAN around it still fits into 1,500 */
#define FRAME_MAX (18 + 40 + 20 + FRAME_PAYLOAD)

struct frame_end {
	uint8_t addr[16]; /* family 4: the first four bytes */
	uint8_t family;   /* 4 or 6 */
	uint16_t port;
};

enum { FRAME_FIN = 1, FRAME_SYN = 2, FRAME_PSH = 8, FRAME_ACK = 16 };

struct frame {
	struct frame_end from, to;
	uint16_t vlan;  /* 802.1Q tag; 0: none */
	uint16_t ident; /* IPv4 */
	uint32_t seq, ack;
	uint8_t flags;
	const void *payload; /* n bytes, at most FRAME_PAYLOAD */
	size_t n;
};
/* Into dst[FRAME_MAX]; how many bytes. */
size_t frame_udp(const struct frame *f, uint8_t *dst);
size_t frame_echo(const struct frame *f, uint8_t *dst); /* ICMP echo request, RFC 792; IPv4 only; payload behind its 8 bytes */

/* One TCP connection as a series of frames. end[0] opened it. */
typedef void (*talk_out)(const uint8_t *frame, size_t n, void *user);
struct talk {
	struct frame_end end[2];
	uint16_t vlan, ident;
	uint32_t seq[2]; /* next byte of each side */
	bool open;
	talk_out out;
	void *user;
};
void talk_open(struct talk *t);                                     /* the three of the handshake; seq as set are the initial numbers */
void talk_say(struct talk *t, int who, const void *p, size_t n);    /* its segments, and an acknowledgement of the other side */
void talk_close(struct talk *t);                                    /* FIN of both; nothing when it isn't open */

#endif
