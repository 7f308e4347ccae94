/* What a witness outside keeps of the log: checkpoints short enough for a mail, a slip of paper or a time stamp.
 *
 *   toride checkpoint v1 / NUMBER / TIME_MS / PREV / N / ROOT      six lines: the very text that is signed (checkpoint.h)
 *   key HEX
 *   sig HEX
 * A file may hold many of them, and anything else around them (a mail's head and greeting): lines may end in CR LF and be quoted
 * by "> ". Whole lines of checkpoint files (JSON) count too. */
#ifndef SEGMENT_WITNESS_H
#define SEGMENT_WITNESS_H

#include "segment/checkpoint.h"

#define WITNESSES_MAX 100000u

struct witness {
	uint64_t number;
	int64_t time_ms;
	unsigned char hash[SEGMENT_HASH], key[32];
};
struct witnesses {
	struct witness *list; /* owned; by number */
	size_t n;
	uint64_t bad;         /* whose signature is wrong, or that are cut short: they say nothing */
};

void witness_format(const struct checkpoint *c, struct buf *b);
/* Hostile text. 0 (n may be 0), -E_LIMIT or -E_NOMEM. */
int witnesses_parse(struct str text, struct witnesses *ret);
void witnesses_done(struct witnesses *w);
/* The store's last checkpoint, without its heads. -E_NOT_FOUND: there is none. */
int witness_last(const char *dir, struct checkpoint *ret, struct err *err);

#endif
