/* What is usual for an organisation: which values of a rule's `first_seen` fields were met before (rule.h, x-toride).
 *
 * A rule with first_seen counts as matched only while its values are new to the organisation: from the first event that has
 * them for `new_for`, and only once the organisation has been watched for `learn`. Values not met for BASELINE_FORGET_MS are
 * new again. Time is the events' own. No value is kept, only a keyed hash of rule, organisation and values: who doesn't
 * know the key can't make a value that passes for a known one.
 *
 * Ceiling: so many values over all, BASELINE_MAX in service; beyond, what is unknown counts as known (no flood of findings) and is counted.
 * File: "TRDBASE1", 16 bytes key, then records of u64 hash, u32 first, u32 last (seconds, big endian), the last of a hash counts; a torn end
 * is left out. It is written behind the state that it belongs to (follow.h): a crash can make a value new once more, never
 * hide one. Not for threads. */
#ifndef DETECT_BASELINE_H
#define DETECT_BASELINE_H

#include "detect/rule.h"

#define BASELINE_MAX 1000000u
#define BASELINE_FORGET_MS (90 * 86400000LL)

struct baseline_stats {
	uint64_t values, fresh, full; /* fresh: times something was new; full: not kept for want of room */
};

struct baseline;
/* file: NULL keeps it in memory only. max: of values. -E_CORRUPT: no such file of ours; other errors of the disk. */
int baseline_create(const char *file, size_t max, struct baseline **ret, struct err *err);
void baseline_destroy(struct baseline **b);
/* Is what this event holds new to its organisation? An event without one of the fields never is. Remembers it. */
bool baseline_new(struct baseline *b, const struct rule *r, struct str org, yyjson_val *root, int64_t time_ms);
/* What was learnt up to now belongs to the state that is being saved, */
void baseline_mark(struct baseline *b);
/* and that state is on disk. */
int baseline_flush(struct baseline *b, struct err *err);
void baseline_stats(const struct baseline *b, struct baseline_stats *ret);

#endif
