/* Appending to the series of all organisations; one writer a directory (it holds a lock file).
 *
 *   writer_append()      takes the record into memory (salted, hashed, numbered); it isn't safe yet
 *   writer_commit()      encrypts, writes and syncs everything taken so far: 0 = all of it is safe, acknowledge
 *   writer_checkpoint()  commits, then signs all heads that changed and appends the checkpoint; once a second
 *
 * When writing fails (disk full, I/O) nothing that was committed is touched, what was appended stays in memory, the
 * file is cut back to its last synced byte and the next commit tries again; appends are refused with -E_LIMIT once
 * pending_max bytes wait. Segments are sealed at rotate_bytes or rotate_ms and never changed afterwards.
 *
 * writer_open() recovers after a crash: blocks behind the last whole one are cut if no checkpoint covers them. If a
 * checkpoint does (somebody altered or cut the file), the file is left as it is, the series goes on in a new segment
 * and writer_stats.damaged counts it. Not for threads. */
#ifndef SEGMENT_WRITER_H
#define SEGMENT_WRITER_H

#include "segment/segment.h"

struct writer;
struct err;
/* Runs fn(arg) some time, on a thread of its own; 0, or an error, and then it doesn't run. */
typedef int (*writer_aside_fn)(void (*fn)(void *arg), void *arg, void *user, struct err *err);
struct writer_opts {
	const char *dir; /* made when absent */
	segment_key_fn key;
	segment_seal_fn seal;
	void *user;
	uint64_t rotate_bytes; /* 0: 64 MiB */
	int64_t rotate_ms;     /* 0: 24 h */
	size_t pending_max;    /* 0: 32 MiB, over all series */
	writer_aside_fn aside; /* who does what touches the cold disk, which may not answer; NULL: the caller of writer_cool() and writer_retain() */
	uint64_t cool_rate;    /* with aside: bytes a second towards the cold disk at most; 0: as they go */
};
struct writer_stats {
	int64_t last_checkpoint_ms; /* its time; 0: none yet */
	uint64_t records, bytes, commits, syncs, failed_commits, checkpoints, failed_checkpoints, sealed, torn_bytes, damaged, ended, cooled;
};

int writer_open(const struct writer_opts *o, struct writer **ret, struct err *err);
/* Without a last commit or checkpoint: do them first. What isn't committed is lost. */
void writer_close(struct writer **w);
/* 0, -E_LIMIT (too much waits, or the record is too large), or the key callback's error. */
int writer_append(struct writer *w, const char *org, const char *series, struct str data, struct segment_name *ret_name,
                  struct err *err);
size_t writer_pending(const struct writer *w); /* bytes that wait for a commit */
int writer_commit(struct writer *w, struct err *err);
/* Also when nothing changed and `even_if_idle`: shows that the writer lived and nothing came. */
int writer_checkpoint(struct writer *w, bool even_if_idle, struct err *err);
/* Seals what is due (size, age), or all open segments. */
int writer_rotate(struct writer *w, bool all, struct err *err);
/* Retention. keep_ms says how long a series' records are kept (0: for ever). Call it often: each call looks at a few
 * series, and at each about once an hour. A sealed segment whose last record is older is ended, the oldest of a series
 * first, in two steps: the next checkpoint signs its end, and only then does a later call remove the file. ret_removed
 * tells what is gone now, its index how many records it had (0: not known any more); its segment is 0 when nothing is. */
int writer_retain(struct writer *w, int64_t now_ms, int64_t (*keep_ms)(const char *org, const char *series, void *user), void *user,
                  struct segment_name *ret_removed, struct err *err);
/* Cold storage: sealed segments older than hot_ms (of an organisation; 0: they stay) move to DIR-cold, where another disk is mounted. Call it often:
 * each call looks at a few series, at each about once an hour, or takes what came of the one under way. A segment is copied, synced, read
 * back from that disk and compared; only then is its mark left in its place and the file removed. The newest of a series stays. Never to
 * the same disk: then the other isn't mounted. ret_moved: the one that has arrived, segment 0: none. -E_STATE: there is no other disk. */
int writer_cool(struct writer *w, int64_t now_ms, int64_t (*hot_ms)(const char *org, void *user), void *user, struct segment_name *ret_moved, struct err *err);
/* How long what is under way on the cold disk hasn't got on: 0 when nothing is. While it lasts nothing moves there and retention removes nothing;
 * everything else goes on. */
int64_t writer_cold_silent_ms(const struct writer *w);
/* The wall clock was set: what is due by it is looked for again, and not only within the hour. */
void writer_look_again(struct writer *w);
/* Appends one line a series: the name of the record behind the last one committed (reader_restore() reads them). */
void writer_cursors(const struct writer *w, struct buf *b);
void writer_stats(const struct writer *w, struct writer_stats *ret);

#endif
