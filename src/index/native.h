/* Rows of the index (columns.h) as a block of ClickHouse's format Native: column by column, so that the engine takes each in one piece
 * in place of value by value, which costs it more than all else an insert does but for the words. Older servers (dialect.h) are given the rows.
 * Source: ClickHouse's documentation, "Native"; LowCardinality as its server 26.5 writes it: a dictionary of the block, then each row's place in it. */
#ifndef INDEX_NATIVE_H
#define INDEX_NATIVE_H

#include "base/buf.h"

struct err;

/* rows: the head and what follows it, as index_row_head() announces. ret is emptied first. -E_INVALID: they aren't that; -E_LIMIT, -E_NOMEM. */
int native_block(struct str rows, struct buf *ret, struct err *err);

#endif
