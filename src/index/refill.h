/* What a rebuild that was ordered (fill.h) couldn't have: said when it is over, and kept until the next one.
 *
 *   STATE/refill    while all is filled again, over a restart: a line a segment that couldn't be read, "412015/events/000001\t1\tWHY"
 *   STATE/refill-day   the same of a day, during which the one of all waits
 *   STATE/rebuilt   of the last one that is over, as the members of a JSON object: "day" (0: all), "ended_ms", "lacking" (how many), "segments"
 *
 * A segment that couldn't be read and could a moment later isn't lacking. Requirement: F-18. */
#ifndef INDEX_REFILL_H
#define INDEX_REFILL_H

#include "base/err.h"
#include "base/map.h"
#include "segment/segment.h"

#define REFILL_NAMED 1000 /* so many are named, the others counted */

struct refill {
	bool on;
	const char *state; /* a directory */
	uint32_t day;      /* YYYYMMDD; 0: all */
	int64_t fault_ms;  /* monotonic: when one more was found lacking */
	size_t n, cap;
	struct map others; /* names beyond REFILL_NAMED; each is counted once, however often it is tried */
	struct refill_one *list;
};

int refill_begin(struct refill *r, const char *state, uint32_t day, struct err *err);
/* Goes on with one of that day (0: of everything), where it isn't over. */
int refill_resume(struct refill *r, const char *state, uint32_t day, struct err *err);
void refill_done(struct refill *r);
/* The reader said so (segment/reader.h). */
int refill_fault(struct refill *r, const struct err *fault, struct err *err);
/* A record came of it, so that it could be read after all. */
void refill_had(struct refill *r, const struct segment_name *n);
/* The reader has nothing more: true when what couldn't be read was tried again. */
bool refill_is_over(const struct refill *r);
/* Writes STATE/rebuilt. *ret_lacking: how many segments; *ret_before: the one before lacked some. */
int refill_end(struct refill *r, uint64_t *ret_lacking, bool *ret_before, struct err *err);
/* Its first one that is lacking, "" when none is. */
const char *refill_first(const struct refill *r);
const char *refill_why(const struct refill *r);
/* The members of the answer: "rebuilding", and of the last that is over what STATE/rebuilt says. */
int refill_show(const char *state, struct buf *b, struct err *err);

#endif
