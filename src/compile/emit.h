/* Small helpers the generators share. */
#ifndef COMPILE_EMIT_H
#define COMPILE_EMIT_H

#include "compile/compile.h"
#include "model/own.h"

#define SHAPE_IN "toride-in"   /* + priority of an uplink: where what it brings can queue; "toride-" is the node's */
#define LINE_TABLE 900       /* + priority: routing table of an uplink */
#define LINE_PREF 40000      /* rules: the line in use when it isn't the first; + priority: each line in order */
#define TABLE_BASE 1000      /* routing table of an organisation = 1000 + index */

/* Adds b to the outset and frees it. */
int emit(struct outset *out, const char *path, struct buf *b, struct err *err);
/* Address with or without its length, straight into b. */
/* "base64:…" as a certificate in PEM. */
void put_pem(struct buf *b, const char *certificate);
void put_addr(struct buf *b, const struct prefix *p);
void put_prefix(struct buf *b, const struct prefix *p);

#endif
