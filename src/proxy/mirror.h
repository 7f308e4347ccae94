/* What the proxy decrypts, for the intrusion prevention to read (detect only): each request and its answer is written out as a TCP
 * connection between the terminal and the origin, in the clear, with the addresses and ports they really have, the organisation's
 * index as VLAN. HTTP/2 is written as HTTP/1.1. The frames go inside VXLAN (RFC 7348) to the far end of a virtual cable of the node, where
 * Suricata listens and everything is dropped: a datagram needs no right that a process which was taken over could use.
 *
 * It never makes a page wait: nothing is sent before the answer is delivered or refused, at most MIRROR_BODY of each body (the inspection
 * reads no more), no more than MIRROR_RATE frames a millisecond, and what the kernel doesn't take at once is dropped and counted.
 *
 * Not mirrored: what isn't decrypted, WebSockets, requests that were refused before they were sent on. */
#ifndef PROXY_MIRROR_H
#define PROXY_MIRROR_H

#include "base/buf.h"
#include "model/model.h"

#define MIRROR_BODY (64u * 1024)
#define MIRROR_RATE 40    /* frames a millisecond and thread: 400 Mbit/s */
#define MIRROR_BURST 4000 /* frames */
#define MIRROR_RETRY_MS 1000

struct mirror {
	int fd;             /* connected; -1: the cable isn't there */
	int64_t tried_ms;   /* when it was looked for */
	int64_t filled_ms;  /* frames that may be sent */
	uint32_t budget;
	uint32_t vni;       /* counts connections; initial numbers come of it, so that two of the same ends are told apart */
};
struct mirror_talk {
	struct prefix client, server;
	uint16_t client_port, server_port, vlan;
	struct str request;      /* HTTP/1.1: head and content */
	struct str head;         /* of the answer, without framing and end; empty: there was none */
	struct str body;
	uint64_t length;         /* of the whole body */
	bool has_body;
};

void mirror_init(struct mirror *m);
void mirror_done(struct mirror *m);
/* How many frames were sent; *ret_dropped those that weren't. Opens the cable's end when there is one. */
unsigned mirror_send(struct mirror *m, const struct mirror_talk *t, int64_t now_ms, unsigned *ret_dropped);

struct txn;
void mirror_request(struct txn *t); /* all of t->request goes out now; again when it is sent anew */
void mirror_more(struct txn *t);    /* t->request is the next piece of content */
void mirror_answer(struct txn *t);  /* t->head is the origin's, as rewrite_response() leaves it */
void mirror_end(struct txn *t);     /* the hold is still the origin's; nothing when it has been called */

#endif
