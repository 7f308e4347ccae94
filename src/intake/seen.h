/* What has been taken from each sender, so that what is sent again after a reconnect, or after our own crash, is
 * dropped. Kept in a file beside the cursors of the segments at that moment; records behind the cursors tell the rest,
 * since each names its sender (normalise/accept.h). */
#ifndef INTAKE_SEEN_H
#define INTAKE_SEEN_H

#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"

#define SEEN_SOURCES 4096
#define SEEN_SOURCE_TEXT 64
#define SEEN_BOOTS 4 /* of one source: what a killed process left can come in beside its successor's */

/* A commit that was cut off, or found the disk full, may have written one organisation's records and not another's:
 * then a later number is safe and an earlier one isn't. So what is read again is noted number by number. */
#define SEEN_WINDOW (1u << 20) /* numbers; half of it is more than a sender's ring holds */

struct seen {
	struct map by_source; /* boot and source -> struct seen_source */
	uint64_t uses;
};
struct seen_source {
	uint64_t used;           /* when, for which of a source's boots is the oldest */
	uint64_t sequence;       /* the highest taken */
	uint64_t base;           /* everything up to here was taken; without window: sequence */
	uint64_t *window;        /* bits of base + 1 …: which were taken; or NULL. Owned */
};

void seen_init(struct seen *s);
void seen_done(struct seen *s);
/* The sender's state; a new boot starts from 0. NULL: no room. Valid until the next call with another boot. */
struct seen_source *seen_get(struct seen *s, const char *source, uint64_t boot);
bool seen_has(const struct seen_source *k, uint64_t sequence);
/* Taken from a sender, which sends in order: what is below a new highest number was sent before, or never will be. */
void seen_take(struct seen_source *k, uint64_t sequence);

/* Notes one record that is in a segment, in any order. Records that name no sender are fine. */
void seen_record(struct seen *s, struct str json);
/* All is read: true when numbers are missing below a sender's highest (it will send them again). give_up: forget that. */
bool seen_settle(struct seen *s, bool give_up);

/* The file: sources, then a blank line, then the cursors as reader_save() wrote them. */
void seen_format(const struct seen *s, struct str cursors, struct buf *b);
int seen_parse(struct seen *s, struct str text, struct str *ret_cursors, struct err *err);

#endif
