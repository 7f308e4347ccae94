/* What the index knows of an event: its columns, one row a record, and the tables they stand in.
 *
 * One table a class of OCSF (columns.c), all with the same columns, so that a search over all of them is one query over
 * toride.events (ClickHouse's engine Merge). Organisation first in the key, a partition a day of arrival: a day or a body
 * can be dropped or filled again alone, and an event's own clock, which its sender sets, makes no partitions.
 * The index holds nothing that the sealed segments don't: it can be thrown away and filled again.
 * Requirements: F-18 (search), S-23 (kept), X-06 (bodies apart). */
#ifndef INDEX_COLUMNS_H
#define INDEX_COLUMNS_H

#include "normalise/event.h"
#include "segment/segment.h"

enum column_kind {
	COLUMN_WORD,   /* few different texts: LowCardinality(String) */
	COLUMN_TEXT,   /* String */
	COLUMN_NUMBER, /* UInt64; absent is 0 */
	COLUMN_IP,     /* IPv6, IPv4 as ::ffff:0:0/96; absent is :: */
	COLUMN_TIME,   /* DateTime64(3), ms UTC */
};
#define COLUMN_PATHS 5

struct column {
	const char *name;                /* in the index and in a query: "host" */
	enum column_kind kind;
	const char *paths[COLUMN_PATHS]; /* OCSF attributes; the first that is there counts */
	const char *ja, *en;             /* for people */
	const char *example;             /* a query that can be sent as it is; NULL: of a time, which isn't asked for in the query */
};
extern const struct column columns[]; /* ended by a row without name */
/* How a terminal's program speaks TLS (proxy/ja4.h), to the site or to the proxy: no column of the tables, but found by the words and compared in the record, so that an
 * index that was made before has it too. */
extern const struct column column_ja4;
const struct column *column_find(struct str name);

struct index_table {
	uint32_t class_uid; /* 0: every other class, and what could not be parsed */
	const char *name;   /* "c4002_http_activity" */
};
extern const struct index_table index_tables[]; /* ended by the row of class 0 */
const struct index_table *index_table_of(uint32_t class_uid);
size_t index_table_count(void);

/* The statements that make what is missing, each ended by ";\n". */
void index_schema(struct buf *b);
/* The same of what says who fills it, where that isn't plain (fill.h). */
void index_owner_schema(struct buf *b);

/* RowBinaryWithNamesAndTypes: the head of a block of rows (row.h). */
void index_row_head(struct buf *b);
/* What a row has for a time, and for that of arrival, ms UTC. */
int64_t index_time_ms(yyjson_val *v);
int64_t index_arrival_ms(const struct event *e);
uint32_t index_day(int64_t ms); /* YYYYMMDD in Japan: its partition */

#endif
