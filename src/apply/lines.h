/* Which uplink carries the traffic. Belongs to no generation: toride-probed finds out which lines work, and a change of
 * the description doesn't move what a failure has moved. */
#ifndef APPLY_LINES_H
#define APPLY_LINES_H

#include "apply/env.h"

/* dead: bit i is the i-th uplink of the generation `digest` ("sha256:…"), which must be the one in force (-E_STATE). The
 * first that isn't dead carries the traffic; when all are, the first, since an order to be cut off is never right. */
int lines_set(const struct env *e, const char *digest, uint8_t dead, struct err *err);
/* The rules for net/lines.bin as lines of `ip -4|-6 -batch`: -E_CORRUPT when it isn't one. Pure. */
int lines_rules(struct str bin, uint8_t dead, struct buf *v4, struct buf *v6, struct err *err);

#endif
