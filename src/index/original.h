/* The records of the rows that an answer tells: read from the sealed segments, since the index keeps of most the name and the columns alone; of those that can't be
 * had, what stands in the columns, asked for in a second question, with a message that says so and how to have the record.
 *
 * The index may be a cluster's, run by others: a row of a body that wasn't asked for is never followed to that body's segments, and a name is
 * checked before it is part of a path or of a question. Requirements: F-18, X-06. */
#ifndef INDEX_ORIGINAL_H
#define INDEX_ORIGINAL_H

#include "base/buf.h"
#include "segment/pick.h"

#include <yyjson.h>

struct client;
struct original {
	struct segment_name name;
	int64_t time_ms;
	int why;        /* 0: its text is the record; else why it can't be had (pick.h) */
	bool told;      /* its text is there, be it the record or the columns */
	size_t at, len; /* the text, in … */
};
struct originals {
	struct pick *pick; /* NULL: none can be had */
	const char *org;   /* of the search: "" all, a body's, a prefecture's */
	int64_t deadline;  /* monotonic ms */
	struct original *rows;
	size_t n, cap;
	struct buf texts;
};

/* What a row is asked for: org, series, segment, idx, the record where it stands in the index, when it happened. */
#define ORIGINAL_ROW "org, series, segment, idx, raw, toUnixTimestamp64Milli(time)"

void originals_init(struct originals *o, struct pick *pick, const char *org, int64_t deadline);
void originals_done(struct originals *o);
void originals_begin(struct originals *o); /* without rows again */
/* -E_CORRUPT: it is no such row; -E_LIMIT: more than one answer holds. */
int originals_add(struct originals *o, yyjson_val *row, struct err *err);
/* The texts of all rows added; block by block, each segment's once. -E_LIMIT: more than one answer holds. */
int originals_read(struct originals *o, struct client *c, struct err *err);
/* Of row i, until the next one is added. */
struct str originals_text(const struct originals *o, size_t i);

#endif
