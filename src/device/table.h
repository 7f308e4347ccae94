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
};
struct table_row {
	const char *key, *path;
	enum table_as as;
};
/* Puts the value where the table says; to `unmapped` what it doesn't know, or what isn't of its kind. rows end without key. "-" and
 * "N/A" are no values. */
void table_put(struct record *r, const struct table_row *rows, struct str key, struct str value);
void record_protocol(struct record *r, struct str text);

struct table_word {
	const char *word, *means;
};
/* What the word means (case doesn't matter); NULL: not in the list. The list ends without word. */
const char *table_word(const struct table_word *list, struct str word);

/* action and disposition, by a word of the device's. */
void record_allowed(struct record *r, bool allowed);

#endif
