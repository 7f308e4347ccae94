/* What is looked for in every event by its value, not by a rule. The first list of this kind are the destinations and
 * terminals that stand under an active block: whatever passes there, or is refused there, must be told (tally.h).
 *
 * On the wire and in detectd's state (wire/cursor.h): u32 n, n × (u8 kind, text org, text id, text value, u64 since).
 * kind and value as in wire/order.h; since: ms UTC, what happened before it doesn't count. Names hold for what is below
 * them, URLs whatever their query, addresses for written and resolved ones: as the proxy's block table does. */
#ifndef DETECT_INDICATORS_H
#define DETECT_INDICATORS_H

#include "base/buf.h"
#include "wire/order.h"

#define INDICATORS_MAX 20000u
#define INDICATORS_BYTES (16u * 1024 * 1024) /* of a list on the wire */

struct indicator {
	uint8_t kind;   /* enum block_kind */
	char org[8];    /* 6 digits */
	char id[40];    /* of the block */
	char value[256];
	int64_t since_ms;
};

/* One event's ends. Absent: len 0. */
struct indicator_query {
	struct str org, host, address, url, terminal;
};

struct indicators;
void indicators_write(struct buf *b, const struct indicator *i); /* one entry; the count stands before the first */
/* -E_INVALID (malformed), -E_NOMEM. A value that isn't of its kind is found nowhere. */
int indicators_parse(struct str list, struct indicators **ret);
void indicators_destroy(struct indicators **i);
bool indicators_empty(const struct indicators *i); /* NULL is empty */
/* All that hold, at most max. Returns how many. */
unsigned indicators_find(const struct indicators *i, const struct indicator_query *q, const struct indicator **ret, unsigned max);

#endif
