/* A file that another process appends lines to: each whole line is given once, and what has been made safe is cut out of the
 * file's beginning (fallocate PUNCH_HOLE), so that it takes no room and a restart begins where the last commit ended: the
 * bytes that are zero have been taken. Nothing is renamed, truncated or signalled, so no line is lost between two processes.
 * The file's length grows for ever, its blocks don't. Linux fallocate(2), lseek(2) SEEK_DATA. */
#ifndef INTAKE_TAIL_H
#define INTAKE_TAIL_H

#include "base/buf.h"
#include "base/err.h"

struct tail;
/* False: not now (too much waits); the line is given again. The line has no newline. */
typedef bool (*tail_line)(struct str line, void *user);

struct tail_stats {
	uint64_t too_long; /* lines over the limit, dropped */
	bool no_holes;     /* the file system can't cut: the file grows */
};

/* The file may not be there yet. */
int tail_open(const char *path, size_t line_max, struct tail **ret, struct err *err);
void tail_close(struct tail **t);
/* Gives what is there, at most `turn` lines. True: there may be more. */
bool tail_work(struct tail *t, unsigned turn, tail_line fn, void *user);
/* All lines given so far are safe. */
void tail_committed(struct tail *t);
const struct tail_stats *tail_counts(const struct tail *t);

#endif
