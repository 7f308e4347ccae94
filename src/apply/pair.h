/* The door of a pair: of two gateways with the same addresses, engines and filter, one shows itself.
 *
 * On the node that stands by, ingress and egress chains (nftables, family netdev) stand on every uplink and attachment: nothing
 * comes in or goes out there but what concerns the node's own address on an uplink (its resolver, its time, its signs of life).
 * On the one that carries the traffic the interfaces are elements of the set `open`, which the chains look into first. A takeover is
 * that one transaction. Elements live for PAIR_HOLD_S: torided holds the door open, and one that died or hangs lets it fall
 * shut, since the other node has taken over by then.
 *
 * RUN/pair-role says which it is (standby, active); a node that starts stands by. Row M-104. */
#ifndef APPLY_PAIR_H
#define APPLY_PAIR_H

#include "apply/generation.h"

#define PAIR_HOLD_S 5
#define PAIR_AGAIN_MS 2000 /* held again */
#define PAIR_UPLINKS 8
#define PAIR_ATTACHMENTS 16384
#define PAIR_OWN 16

enum pair_role { PAIR_NONE, PAIR_STANDBY, PAIR_ACTIVE };

struct pair_door {
	unsigned n_uplinks, n_attachments, n_own;
	char uplinks[PAIR_UPLINKS][16];
	char (*attachments)[16]; /* pair_done() */
	struct {
		uint8_t family, addr[16];
	} own[PAIR_OWN];
};

/* pair/NODE.bin of this node (place_node()); one without is no pair: n_uplinks is 0. */
int pair_load(const struct gen *g, struct pair_door *ret, struct err *err);
int pair_parse(struct str bin, struct pair_door *ret, struct err *err);
void pair_done(struct pair_door *d);
/* nft's text; index_of: 0 for an interface that isn't there yet, which is left out. Without uplinks the text that takes the table away. */
void pair_nft(const struct pair_door *d, enum pair_role role, unsigned (*index_of)(const char *interface), struct buf *out);
void pair_hold_nft(const struct pair_door *d, unsigned (*index_of)(const char *interface), struct buf *out);

/* What RUN/pair-role says; PAIR_NONE: this node isn't one of a pair. */
enum pair_role pair_said(void);
const char *pair_word(enum pair_role r);
/* The door as RUN/pair-role says, for that generation's interfaces. One that makes the node a pair's begins standing by. */
int pair_install(const struct env *e, const struct gen *g, struct err *err);
/* The node starts: it stands by, whatever it did before. */
int pair_begin(const struct env *e, const struct gen *g, struct err *err);
int pair_set(const struct env *e, const struct gen *g, enum pair_role role, struct err *err);
int pair_hold(const struct env *e, const struct gen *g, struct err *err);
/* A copy of STATE/blocks for paird, when it is another than before: RUN/pair-blocks/blocks. */
int pair_show_blocks(struct err *err);
/* conntrackd, when it has started (anew at each move): the one that took over looks at what the kernel holds and sends it; the one that stands by asks for it.
 * Not all comes to one that has just started, so the node that stands by asks some times more (apply.c, ask_again()). */
int pair_flows(const struct env *e, enum pair_role role, struct err *err);

#endif
