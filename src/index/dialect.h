/* What this index asks, said in the words of the ClickHouse that is asked. All SQL here is written once, for the newest (the embedded
 * one); an older server of a cluster (cluster.h) lacks some of its words and types, wants its tables replicated, or has our database by
 * another name. Only what stands outside of quotation marks is ever changed, so that no value can become a word.
 *
 *   from 26.2  as it is written
 *   from 23.3  no index of type `text` yet: tokenbf_v1 (DIALECT_WHOLE)
 *   older      from 18.16, the one Debian 12 has: times are Int64 ms, addresses FixedString(16), words without an index (each search of
 *              words reads all of its span), answers as objects, rows deleted by mutations, nothing counted ahead (rollup.h)
 *
 * Sources: ClickHouse's documentation, "Text indexes" (general from 26.2), "tokenbf_v1", "DELETE" (lightweight, general from 23.3),
 * "Replicated* table engines"; and the server of 18.16 itself. */
#ifndef INDEX_DIALECT_H
#define INDEX_DIALECT_H

#include "base/buf.h"

struct err;

#define DIALECT_TEXT 2602  /* major * 100 + minor */
#define DIALECT_WHOLE 2303
#define DIALECT_OLDEST 1816

struct dialect {
	unsigned version;        /* 2605; 0: the embedded one, of which nothing is changed */
	const char *database;    /* ours there, of [a-z0-9_] */
	const char *cluster;     /* its name there (ON CLUSTER), tables are replicated; "": one server */
};

/* "26.5.3.1" as 2605. -E_INVALID: no version, or one that is too old. */
int dialect_version(struct str text, unsigned *ret, struct err *err);
/* One statement. *ret_objects: its rows come as JSON objects where arrays were asked for (dialect_rows()). */
int dialect_sql(const struct dialect *d, struct str sql, struct buf *b, bool *ret_objects, struct err *err);
/* Lines of objects as lines of arrays, values in their order. -E_CORRUPT: a line is no object. */
int dialect_rows(struct str lines, struct buf *b, struct err *err);
static inline bool dialect_is_old(const struct dialect *d)
{
	return d->version && d->version < DIALECT_WHOLE;
}

#endif
