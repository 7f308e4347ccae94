/* What touches the cold disk, which may be a network's and stop answering: done beside the writer's loop, by whom writer_opts.aside names, one at a time. What is
 * copied there, read there and removed there is a job; the writer posts it, goes on, and takes what came of it at a later call. Private to the writer. */
#ifndef SEGMENT_ASIDE_H
#define SEGMENT_ASIDE_H

#include "base/err.h"
#include "segment/series.h"

#include <stdatomic.h>

enum aside_kind {
	ASIDE_COOL,   /* copy it there, sync, read it back, compare */
	ASIDE_END,    /* read its end mark there */
	ASIDE_REMOVE, /* its time is over: remove it there, and leave the order for the store of objects */
};
#define ASIDE_PIECE (256u * 1024)
struct aside {
	enum aside_kind kind;
	struct series *s; /* the writer's: not for the job */
	char dir[512], org[8], series[16];
	uint32_t number;
	uint64_t rate; /* COOL: bytes a second at most; 0: as they go */
	_Atomic int state;
	_Atomic bool stop; /* nobody wants it any more */
	_Atomic int64_t moved_ms; /* monotonic: when it got on last */
	/* what came of it */
	int res;
	struct err err;
	uint64_t size;                   /* COOL */
	unsigned char sha[SEGMENT_HASH]; /* COOL: of what was read back */
	struct head head;                /* END */
	int64_t sealed_ms;               /* END */
	/* COOL, while it is under way */
	char from[1024], to[1024], fresh[1024]; /* fresh: to, while it is being written */
	int in, out;
	struct sha hash;
	char piece[2][ASIDE_PIECE];
};

/* Begins the job, which is the writer's only one (w->job). */
int aside_post(struct writer *w, enum aside_kind kind, struct series *s, uint32_t number, struct err *err);
/* The job that has ended, of one of two kinds, or NULL. The caller frees it (mem_free). */
struct aside *aside_take(struct writer *w, enum aside_kind kind, enum aside_kind or);
void aside_leave(struct writer *w); /* gives it up, wherever it is: it frees itself */
/* cold.c and retain.c: the jobs' own halves. They touch nothing of the writer. */
int aside_cool(struct aside *a, struct err *err);
int aside_end(struct aside *a, struct err *err);
int aside_remove(struct aside *a, struct err *err);

#endif
