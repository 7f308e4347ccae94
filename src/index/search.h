/* A search of the index: who may see what is put in here, not by who asks.
 *
 * Request (doc/interfaces/search.md): query (query.h), org (a body's code; absent: all), from, to (ms UTC, of when it happened),
 * limit (1…SEARCH_LIMIT), group (a column, or minute, hour, day: then counts instead of records).
 * Answer: records[{name, record}] newest first, or counts[{value, count, last}], most first; more: there were others;
 * took_ms. Records are looked for from the end of the span backwards; where SEARCH_SECONDS are over before its beginning (or enough) is reached,
 * the answer has what was found by then, and incomplete: true with searched_from (ms UTC: all from there on was searched; asked again with it as
 * `to`, the search goes on). Counts are whole, or -E_TIMEOUT. */
#ifndef INDEX_SEARCH_H
#define INDEX_SEARCH_H

#include "base/mem.h"
#include "index/client.h"
#include "segment/pick.h"

#include <stdint.h>

#define SEARCH_LIMIT 10000
#define SEARCH_SECONDS 30           /* a search ends after this */
#define SEARCH_MEMORY (1024u * MIB) /* of one query */

struct search {
	char query[4097], org[8], by[32];
	int64_t from_ms, to_ms;
	uint32_t limit;
};
/* Fills `fields` with the answer's fields, each with a comma before it (wire/ctl.h). sealed: where the records are (original.h); NULL: nowhere.
 * *ret_whole: the answer isn't incomplete. */
int search_run(struct client *c, const struct search *s, const struct pick_opts *sealed, struct buf *fields, bool *ret_whole, struct err *err);
/* The SQL of the whole span at once, for tests and for the curious. */
int search_sql(const struct search *s, struct buf *b, struct err *err);

#endif
