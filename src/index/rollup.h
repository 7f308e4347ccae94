/* Counts of records by hour, kept beside the index: body, series, class, product, action, disposition, status, rule → records and bytes.
 * They outlive the rows they were counted from (ROLLUP_DAYS), and answer without reading those.
 *
 * A day (of arrival, in Japan) is counted once it is over, and again when its rows changed since; one replaced partition a day, so that
 * whatever ends in between leaves the old counts or the new. A series' counts never shrink: where the index holds fewer rows than were
 * counted before (retention took them, or a rebuild couldn't read them), the old counts stay. Rules and products beyond the ROLLUP_NAMES
 * most frequent of a body and day are counted together as "…", since a device may send any.
 * Request (doc/interfaces/search.md, log.counts): org, group (`by` below), beside, only, counted, from, to (ms UTC of arrival, taken to whole hours). Answer:
 * counts[], most first; counted_up_to: the last day that isn't counted anew; more: there were others. */
#ifndef INDEX_ROLLUP_H
#define INDEX_ROLLUP_H

#include "base/buf.h"
#include "index/client.h"

#include <stdint.h>
#include <yyjson.h>

#define ROLLUP_DAYS 1830  /* five years */
#define ROLLUP_NAMES 200
#define ROLLUP_TURN 8     /* days of a call */
#define ROLLUP_TOLD 10000

/* The statements that make what is missing, each ended by ";\n" (columns.h, index_schema()). */
void rollup_schema(struct buf *b);
/* Counts up to ROLLUP_TURN days that need it and drops what is too old. Only by the thread that fills. ret_days: how many. */
int rollup_pass(struct client *c, int64_t now_ms, unsigned *ret_days, struct err *err);
/* The oldest day that isn't dropped. Not by the clock alone, which may have been set far ahead: the records that could be counted again are gone by then. So
 * years must have been counted since. newest: the last day in the counts, 0: none. */
uint32_t rollup_kept_from(int64_t now_ms, uint32_t newest);

#define ROLLUP_ONLY 6
struct rollup_ask {
	char org[8], by[16]; /* by: "" (a sum), org, hour, day, or a column of the counts */
	int64_t from_ms, to_ms;
	char beside[16];     /* a second one: each value of `by` with each of it ("value2"); "": none */
	bool counted_only;   /* nothing of days that aren't counted yet: an answer that reads no records, however many came today */
	struct {
		bool set;
		char value[256];
	} only[ROLLUP_ONLY]; /* in the order of rollup_only_names: what has just this value there */
};
extern const char *const rollup_only_names[ROLLUP_ONLY];
/* {"class": "4003", "product": …}; NULL: nothing is left out. -E_INVALID. */
int rollup_only(yyjson_val *only, struct rollup_ask *a, struct err *err);
/* counted: the last day in the counts, YYYYMMDD, 0: none. */
int rollup_sql(const struct rollup_ask *a, uint32_t counted, struct buf *b, struct err *err);
/* Fills `fields` with the answer's fields, each with a comma before it (wire/ctl.h). */
int rollup_run(struct client *c, const struct rollup_ask *a, struct buf *fields, struct err *err);

#endif
