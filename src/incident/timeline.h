/* What happened to an incident, in order, never changed: kind and values are stored, words are made when shown,
 * in Japanese or English, from one table. */
#ifndef INCIDENT_TIMELINE_H
#define INCIDENT_TIMELINE_H

#include "base/buf.h"
#include "store/store.h"

struct err;

#define TIMELINE_ARGS 3

/* Inside a transaction. kind: a row of the table (anything else is a bug). Values may be NULL from the right. */
int timeline_add(struct store *s, int64_t incident, const char *org, int64_t at_ms, const char *actor, const char *kind,
                 const char *a1, const char *a2, const char *a3, struct err *err);
/* Words for one row: args is the stored JSON list. Unknown kinds show as themselves. */
void timeline_words(const char *kind, const char *args, bool ja, struct buf *b);

#endif
