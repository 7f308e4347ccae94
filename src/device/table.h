/* How a format's own names become attributes: one table a parser. */
#ifndef DEVICE_TABLE_H
#define DEVICE_TABLE_H

#include "device/record.h"

enum table_as {
	AS_TEXT,
	AS_NUMBER,
	AS_SECONDS, /* → milliseconds */
	AS_SRC, AS_DST,           /* an endpoint: address or name, perhaps with port */
	AS_SRC_PORT, AS_DST_PORT,
	AS_PROTOCOL, /* "6", "tcp" → connection_info.protocol_num */
	AS_NOTHING,  /* stands elsewhere already: not even in `unmapped` */
	AS_UNMAPPED, /* as without a row: for a parser that asks which row it was */
};
struct table_row {
	const char *key, *path;
	enum table_as as;
};
#define TABLE_SLOTS 256u
struct table {
	const struct table_row *rows; /* end without key; of two with one key the first counts */
	bool made;
	uint8_t slots[TABLE_SLOTS]; /* where a key's row is; 0: nowhere, else its number from 1 */
};
/* NULL: the format's own name stands in no row. Not for threads. */
const struct table_row *table_row_of(struct table *t, struct str key);
/* Puts the value where the row says; to `unmapped` without a row, or what isn't of its kind. "-" and "N/A" are no values. */
void table_put_row(struct record *r, const struct table_row *row, struct str key, struct str value);
void table_put(struct record *r, struct table *t, struct str key, struct str value);
void record_protocol(struct record *r, struct str text);

struct table_word {
	const char *word, *means;
};
/* What the word means (case doesn't matter); NULL: not in the list. The list ends without word. */
const char *table_word(const struct table_word *list, struct str word);

/* action and disposition, by a word of the device's. */
void record_allowed(struct record *r, bool allowed);

#endif
