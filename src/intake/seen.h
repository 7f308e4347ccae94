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

struct seen {
	struct map by_source; /* -> struct seen_source */
};
struct seen_source {
	uint64_t boot, sequence; /* everything up to sequence was taken */
};

void seen_init(struct seen *s);
void seen_done(struct seen *s);
/* The sender's state; a boot that isn't the last one starts from 0. NULL: no room. */
struct seen_source *seen_get(struct seen *s, const char *source, uint64_t boot);
/* Notes one record that is in a segment. Records that name no sender are fine. */
void seen_record(struct seen *s, struct str json);

/* The file: sources, then a blank line, then the cursors as reader_save() wrote them. */
void seen_format(const struct seen *s, struct str cursors, struct buf *b);
int seen_parse(struct seen *s, struct str text, struct str *ret_cursors, struct err *err);

#endif
