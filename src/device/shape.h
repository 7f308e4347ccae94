/* How a record's fields stand in its JSON object. Lines of one kind have the same fields in the same order: what stands between their values is made once
 * and copied from then on, instead of being found out for each line (which took a third of a record's writing). */
#ifndef DEVICE_SHAPE_H
#define DEVICE_SHAPE_H

#include "device/record.h"

/* Before each value a piece of `text`, and one behind the last. Members of one object stand together, where the first of them stood. */
struct shape {
	size_t n;
	uint8_t ids[RECORD_FIELDS];   /* of the fields' paths, as they were put */
	uint8_t order[RECORD_FIELDS]; /* which field's value comes */
	uint16_t end[RECORD_FIELDS];  /* of the text before it */
	uint16_t len;
	char text[RECORD_FIELDS * (PATH_TEXT + 5 * (PATH_DEPTH + 1) + 1)];
};
/* Of the record's fields; borrowed until the next call. Not for threads. */
const struct shape *shape_of(const struct record *r);

#endif
