/* What a change takes away from the packet filter: read from nft/rules.json of both generations in a child without any
 * privilege, since it is text; comes back as fixed binary.
 *
 *   u8 opens, u8 closes, u32 n, n × { u16 zone, u8 family, u8 protocol, u16 low, u16 high, u8 from_len, u8 from[16],
 *                                     u8 to_len, u8 to[16],
 *                                     u8 answers }
 * A revoked permission is an allowing rule that is no more, or a denying one that is new. */
#ifndef APPLY_CUT_H
#define APPLY_CUT_H

#include "apply/engine.h"

#define CUT_MAX 4096u /* past that whole zones are cut instead */

struct cut {
	uint16_t zone;            /* 0: any (never from the child) */
	uint8_t family, protocol; /* protocol 0: any */
	uint16_t low, high;       /* 0,0: any port */
	uint8_t from_len, from[16], to_len, to[16];
	bool answers; /* to and ports are where the answers come from: a server behind a public address */
};

struct cuts {
	bool opens, closes;
	struct cut *list;
	size_t n;
};

int cuts_read(const struct gen *from, const struct gen *to, struct cuts *ret, struct err *err);
void cuts_done(struct cuts *c);
/* The difference itself; also what the child runs. Pure. */
int cuts_diff(struct str old_rules, struct str new_rules, struct buf *out, struct err *err);
int cuts_parse(struct str data, struct cuts *ret, struct err *err);
/* conntrack -D for one. */
int cut_run(const struct env *e, const struct cut *c, struct err *err);

#endif
