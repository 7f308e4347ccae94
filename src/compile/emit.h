/* Small helpers the generators share. */
#ifndef COMPILE_EMIT_H
#define COMPILE_EMIT_H

#include "compile/compile.h"

#define INTERNAL_GATEWAY 1   /* 100.64.INDEX.1: the node on the attachment link */
#define INTERNAL_RESOLVER 53 /* 100.64.INDEX.53: the organisation's own address of the resolver */
#define INTERNAL_TIME 123    /* 100.64.INDEX.123: … of the time server */
#define SHAPE_IN "toride-in"   /* + priority of an uplink: where what it brings can queue; "toride-" is the node's */
#define LINE_TABLE 900       /* + priority: routing table of an uplink */
#define LINE_PREF 40000      /* rules: the line in use when it isn't the first; + priority: each line in order */
#define TABLE_BASE 1000      /* routing table of an organisation = 1000 + index */

/* The address HOST in the organisation's /24 of service.internal4, and its IPv6 twin in router6's /64. */
struct prefix internal4(const struct model *m, const struct org *o, uint8_t host);
struct prefix internal6(const struct org *o, uint8_t host);
/* Adds b to the outset and frees it. */
int emit(struct outset *out, const char *path, struct buf *b, struct err *err);
/* Address with or without its length, straight into b. */
void put_addr(struct buf *b, const struct prefix *p);
void put_prefix(struct buf *b, const struct prefix *p);

#endif
