/* What the two halves of the packet filter share: nft_sets.c (sets and maps), nft.c (chains). */
#ifndef COMPILE_NFT_OUT_H
#define COMPILE_NFT_OUT_H

#include "compile/compile.h"

struct nft_out {
	const struct model *m;
	struct buf nft, rules;
	size_t n_rules;
};

void nft_line(struct nft_out *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* An address, or a prefix where it is one. */
const char *nft_addr(const struct prefix *p, char dst[PREFIX_TEXT]);
/* All named sets and maps but the verdict maps, which name chains and so come behind them. */
void nft_sets(struct nft_out *n);
void nft_verdict_maps(struct nft_out *n);
/* nft/zones.bin and nft/never.bin: what root's side reads without parsing text. */
void nft_side_files(const struct model *m, struct buf *zones, struct buf *never);

#endif
