/* A file that another process appends lines to: each whole line is given once, and what has been made safe is cut out of the
 * file's beginning (fallocate PUNCH_HOLE), so that it takes no room and a restart begins where the last commit ended: the
 * bytes that are zero have been taken. Nothing is renamed, truncated or signalled, so no line is lost between two processes.
 * The file's length grows for ever, its blocks don't. Linux fallocate(2), lseek(2) SEEK_DATA. */
#ifndef INTAKE_FOLLOW_H
#define INTAKE_FOLLOW_H

#include "base/buf.h"
#include "base/err.h"

struct follow;
/* False: not now (too much waits); the line is given again. The line has no newline. */
typedef bool (*follow_line)(struct str line, void *user);

struct follow_stats {
	uint64_t lines, too_long; /* too_long: lines over the limit, dropped */
	bool no_holes;            /* the file system can't cut: the file grows (told once) */
};

/* The file may not be there yet. */
int follow_open(const char *path, size_t line_max, struct follow **ret, struct err *err);
void follow_close(struct follow **f);
/* Gives what is there, at most `turn` lines. True: there may be more. */
bool follow_work(struct follow *f, unsigned turn, follow_line fn, void *user);
/* All lines given so far are safe. */
void follow_committed(struct follow *f);
const struct follow_stats *follow_counts(const struct follow *f);

#endif
