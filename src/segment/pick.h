/* One record by its name, wherever in its segment it stands (for searches, whose index knows a record's name and columns but doesn't keep the record).
 *
 * Its block is found by halving (a block begins with its mark), so that of a segment of 64 MiB some half a megabyte is read; what is returned has its
 * block's tag checked, which covers segment, place and bytes. Segments and blocks met last are kept open: records of one block cost one.
 * Nothing is fetched from a store of objects. A cold disk that doesn't answer keeps one thread of a process, others wait PICK_COLD_S for it once. No writing.
 * One thread each. */
#ifndef SEGMENT_PICK_H
#define SEGMENT_PICK_H

#include "segment/segment.h"

#define PICK_COLD_S 2

struct pick;
struct pick_opts {
	const char *dir;
	segment_key_fn key;
	void *user;
};

int pick_open(const struct pick_opts *o, struct pick **ret, struct err *err);
void pick_close(struct pick **p);
/* *ret is valid until the next call. -E_NOT_FOUND: there is no such record (any more); -E_AGAIN: it lies in cold storage, and that isn't at hand; -E_STATE: its
 * body's key was destroyed; others: its key, its bytes. */
int pick_record(struct pick *p, const struct segment_name *name, struct str *ret, struct err *err);

#endif
