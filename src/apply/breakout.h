/* The addresses of services that break out (compile/nft_breakout.c): the sets of table inet toride are filled in the transaction that
 * makes them, from lists that the generation pins by digest. They are small (hundreds, at most BREAKOUT_MAX a list).
 *
 *   nft/breakout.bin      u16 n, n x { u16 number, char hex[65] }: set saasNUMBER_4 and saasNUMBER_6 hold STATE/feeds/addr/HEX */
#ifndef APPLY_BREAKOUT_H
#define APPLY_BREAKOUT_H

#include "apply/generation.h"

#define BREAKOUT_MAX 100000u

/* Adds the commands behind the table's text. Nothing where the generation has no such file. -E_NOT_FOUND when a list isn't on this node,
 * -E_CORRUPT when it was changed there, -E_LIMIT when it is too long. */
int breakout_elements(const struct gen *g, struct buf *nft, struct err *err);
int breakout_parse(struct str bin, int (*fn)(unsigned number, const char *hex, void *user), void *user, struct err *err); /* -E_CORRUPT */

#endif
