/* A record as a row of the index (columns.h): what stands in its columns, its name, its words, itself. */
#ifndef INDEX_ROW_H
#define INDEX_ROW_H

#include "index/columns.h"
#include "index/words.h"

#include "base/err.h"

#define ROW_KEYS 96      /* of all paths of the columns */
#define ROW_COLUMNS 40
#define ROW_PLACES 256

/* A key of a path, below another; what stands there in the record of this turn. */
struct row_key {
	struct str key;
	uint8_t above;
	bool silent; /* neither it nor what is below says a word */
	uint32_t turn;
	yyjson_val *value;
};

/* All paths of the columns as one tree of keys, so that one walk over a record finds what stands in them and its words. Of one thread, used
 * for one record after the other. */
struct row_maker {
	struct row_key keys[ROW_KEYS]; /* 0: the record itself */
	unsigned n_keys;
	uint8_t place[ROW_PLACES];     /* by hash, which key; 0: none */
	uint8_t paths[ROW_COLUMNS][COLUMN_PATHS]; /* a column's keys; 0: no more */
	uint32_t turn;
	struct words words;
	struct buf later;              /* yyjson_val *: values that come behind the long ones */
};

void row_maker_init(struct row_maker *m);
void row_maker_done(struct row_maker *m);
/* A row behind b, as index_row_head() announces it. raw is the record as it is stored; its words are in m until the next. */
void row_put(struct row_maker *m, struct buf *b, const struct event *e, const struct segment_name *name, struct str raw);

#endif
