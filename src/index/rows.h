/* The rows of a batch (of one table: a block, native.h), in memory that another process can read: they are handed over by its descriptor (serve.h), and copied once, by who
 * takes them, in place of five times on their way through a socket.
 *
 * The memory is used again for the next batch: new pages are what is dear in it (1.3 CPU-s a million rows of 1,700 bytes; a write into
 * pages that are there costs 0.1). So it isn't sealed against writing, which it would be for good. Who takes it reads each byte once, into
 * memory of its own, before it looks at it: whoever could change them meanwhile could have said others in the first place. */
#ifndef INDEX_ROWS_H
#define INDEX_ROWS_H

#include "base/buf.h"

struct err;
struct rows {
	int fd;       /* -1: not open */
	struct buf b; /* writes there; no more than `max` bytes, and never to be freed by its own functions */
};

int rows_open(struct rows *r, size_t max, struct err *err);
void rows_close(struct rows *r);
/* Before they are handed over: the file is as long as they are. */
int rows_end(struct rows *r, struct err *err);
/* The next batch, with no more memory than this one took. */
int rows_begin(struct rows *r, struct err *err);

/* Who takes them: is this such memory, and so long? -E_INVALID, -E_LIMIT (more than max) or 0. */
int rows_check(int fd, uint64_t len, uint64_t max, struct err *err);

#endif
