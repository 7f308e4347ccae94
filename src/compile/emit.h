/* Small helpers the generators share. */
#ifndef COMPILE_EMIT_H
#define COMPILE_EMIT_H

#include "compile/compile.h"
#include "model/own.h"

#define SHAPE_IN "toride-in"   /* + priority of an uplink: where what it brings can queue; "toride-" is the node's */
#define LINE_TABLE 900       /* + priority: routing table of an uplink */
#define LINE_PREF 40000      /* rules: the line in use when it isn't the first; + priority: each line in order */
/* A packet's mark: the organisation's index, and this bit while it goes by the breakout line (nft.c); asked after the organisations' own
 * tables, before the lines in order. */
#define MARK_ORG 0xffff
#define MARK_BREAKOUT 0x10000
#define BREAKOUT_PREF 30001 /* the one before: torided's, while the line doesn't work (apply/lines.c) */
/* The leg to the public sites' origins (nft_leg.c): rules before those of the organisations. */
#define LEG_PREF 90       /* what the sites' server asks: into the cable */
#define LEG_BEHIND_PREF 91 /* what the origins answer: back into it */
#define LEG_TABLE 890
#define LEG_BEHIND_TABLE 891
#define TABLE_BASE 1000      /* routing table of an organisation = 1000 + index */

#define CLASS_BREAKOUT 0x4000 /* + index: the class of what an organisation sends by the breakout (shape.c) */

/* Does this organisation use the breakout, in this family? */
bool breaks_out(const struct org *o, int family);

/* Adds b to the outset and frees it. */
int emit(struct outset *out, const char *path, struct buf *b, struct err *err);
/* The name of the ClickHouse elsewhere, by which stored and clusterd know that they were told of the same. */
void field_store_place(struct buf *b, const struct service *s);
/* "base64:…" as a certificate in PEM. */
void put_pem(struct buf *b, const char *certificate);
/* Address with or without its length, straight into b. */
void put_addr(struct buf *b, const struct prefix *p);
void put_prefix(struct buf *b, const struct prefix *p);
/* An address as a member of an object; "" where it isn't set. */
void field_addr(struct buf *b, const char *key, const struct prefix *p);
/* How long the organisation's records are kept: "retention_days", and "retention" for the classes that differ. */
void field_retention(struct buf *b, const struct org *o);

#endif
