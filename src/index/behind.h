/* Which records the index has behind a place (fill.h): the questions that ask for their names, a line each, "412015/events/3/17". In pieces, since
 * an engine reads no more than 256 KiB of a question (max_query_size), and a prefecture has thousands of series.
 * Places: lines of "ORG/SERIES/SEGMENT/INDEX", the next record to be put in (segment/reader.h). */
#ifndef INDEX_BEHIND_H
#define INDEX_BEHIND_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct err;

#define BEHIND_PIECE 500 /* series of a question: 80 KiB at most */

struct behind {
	struct behind_series *list; /* by their names */
	size_t n, at;
	bool bounded, over;
};

/* until NULL: all behind `place`, also of series it doesn't name. Else those before `until` alone, of the series it names; one that `place` doesn't
 * name has none before it. -E_NOMEM. */
int behind_open(struct behind *b, struct str place, const struct str *until, struct err *err);
/* The next question, of what arrived from `low` to `high` (ms UTC), at most `rows`; false: there is none any more. */
bool behind_next(struct behind *b, int64_t low, int64_t high, unsigned rows, struct buf *sql);
void behind_done(struct behind *b);

#endif
