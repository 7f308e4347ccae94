/* What the parts of the packet filter share: nft_sets.c (sets and maps), nft_policy.c (an organisation's chains), nft.c. */
#ifndef COMPILE_NFT_OUT_H
#define COMPILE_NFT_OUT_H

#include "base/map.h"
#include "compile/compile.h"

/* The connection mark's highest bit: a rule with an end let it pass. The rest of the mark is free for others. */
#define TIMED "0x80000000"

/* What is dropped comes unasked, and in a flood faster than anything can be recorded: so much of it is, the counter counts all. */
#define LOG_SOME "limit rate 200/second burst 400 packets "

struct nft_out {
	const struct model *m;
	struct arena *arena;
	struct buf nft, rules, scratch;
	struct map shared; /* "TYPE ELEMENTS" -> number of the set */
	struct buf shared_sets;
	size_t n_rules;
};

void nft_line(struct nft_out *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An address, or a prefix where it is one. */
const char *nft_addr(const struct prefix *p, char dst[PREFIX_TEXT]);
/* The first fields of rules.json for a rule that carries a comment; whoever calls it ends the object with "}". */
void nft_note(struct nft_out *n, const char *comment);
/* A denial of one kind: matched, logged with code and rule id, refused in the given way, and noted. */
void nft_deny(struct nft_out *n, const char *code, const char *id, const char *match, const char *verdict);
#define NFT_INTERVALS "; flags interval; auto-merge" /* behind a type whose elements may be ranges */
/* The name of a set of this type ("type inet_service", "typeof meta day") with these elements, one for all rules that have the same: a set of its own in each rule takes the kernel a walk over
 * all sets to name it, at 1,788 organisations with a few such rules a minute. dst holds it; "" and n->nft.failed on no memory. */
#define NFT_SHARED 24
const char *nft_shared(struct nft_out *n, const char *type, const char *elements, char dst[NFT_SHARED]);
/* spoof_CODE, out_CODE, inbound_CODE, local_CODE, and the sets that limits need. */
void nft_org_chains(struct nft_out *n, const struct org *o);
/* All named sets and maps but the verdict maps, which name chains and so come behind them. */
int nft_sets(struct nft_out *n); /* -E_NOMEM */
void nft_verdict_maps(struct nft_out *n);
bool nft_transparent(const struct model *m); /* is there a body whose terminals need know of no proxy? Then there is a set of their interfaces */
/* nft_web.c: what visitors of the public sites may hold and open. */
void nft_web_sets(struct nft_out *n);
void nft_web_chains(struct nft_out *n);
void nft_web_input(struct nft_out *n);
/* nft_breakout.c: what leads by another line; nothing where nobody opted for it. */
void nft_breakout_sets(struct nft_out *n);
void nft_breakout(struct nft_out *n);
void nft_breakout_nat(struct nft_out *n);
void nft_breakout_lists(const struct model *m, struct buf *b); /* nft/breakout.bin; empty: no such file */
/* nft_leg.c: what the public sites' server asks over an inspected leg; nothing where there is none. */
void nft_leg_sets(struct nft_out *n);
void nft_leg_raw(struct nft_out *n);     /* in raw_in, before the zone is set */
void nft_leg_nat_in(struct nft_out *n);
void nft_leg_nat_out(struct nft_out *n);
void nft_leg_forward(struct nft_out *n); /* behind what is established */
void nft_leg_back(struct nft_out *n);    /* a chain of its own */
/* nft/feeds.bin, nft/zones.bin and nft/never.bin: what root's side reads without parsing text. */
void nft_feeds(const struct model *m, struct buf *b);
void nft_side_files(const struct model *m, struct buf *zones, struct buf *never);

#endif
