/* Filling the index from the sealed segments: each record once, in batches, with the place kept on disk.
 *
 * A cluster's index (client.h) may be gone over to, come back to, or shared by mistake: it holds the name of who fills it (toride.owner), and
 * the place of each name is kept apart (STATE/index-fill/NAME/). Another one's index is neither filled nor asked.
 *
 * Before a batch goes in, its range of arrival is written down (STATE/index-fill/intent), after it the place (…/place). Whatever
 * ends in between, the next fill_open() asks the index which records behind the place it has already (behind.h), and leaves those out.
 * A day's rebuild has a place and an intent of its own (…/day-place, day-intent), and what the place was when it began (day-until): it
 * goes on from there, and no further.
 * Any error of fill_step(): close, wait, open again. Records are never lost by it: they are in the segments.
 * One thread. Requirements: F-18. */
#ifndef INDEX_FILL_H
#define INDEX_FILL_H

#include "index/client.h"
#include "segment/segment.h"

struct fill;
struct fill_opts {
	const char *segments, *state; /* directories; state is ours to write */
	segment_key_fn key;
	void *key_user;
	struct client_opts client;
	unsigned rows; /* of a batch; 0: FILL_ROWS */
};
struct fill_stats {
	uint64_t records, batches, faults; /* faults: of series that couldn't be read on */
	uint64_t bad;                      /* records that are no JSON object: indexed by name and text only */
	int64_t last_arrival_ms;           /* of the newest record in the index since the start */
	bool rebuilt, lacked_before;       /* fill_step() ended what was ordered; the one before lacked some */
	uint64_t lacking;                  /* segments that it couldn't have (refill.h) */
};

/* Of a batch, as large as a backlog makes it: each costs the engine some 60 ms whatever is in it, and small parts are merged once more. */
#define FILL_ROWS 50000u
#define FILL_BYTES (48u * MIB)
#define FILL_MS 1000           /* the first row of a batch waits no longer */

int fill_open(const struct fill_opts *o, struct fill **ret, struct err *err);
void fill_close(struct fill **f);
/* Reads what is there, at most a batch, and puts it in when it is due. Returns 1: more is waiting; 0: nothing new. */
int fill_step(struct fill *f, struct err *err);
int fill_flush(struct fill *f, struct err *err);
int fill_fd(const struct fill *f); /* readable when segments grew; -1: poll by time */
const struct fill_stats *fill_stats(const struct fill *f);

/* Written before fill_open(), which then does it; a crash in the middle does it again. day: YYYYMMDD of arrival in Japan, or 0:
 * everything. fill_step() returns -E_AGAIN when it is over, and says what it couldn't have. */
int fill_order_rebuild(const char *state, uint32_t day, struct err *err);
/* Drops what arrived more than `days` ago: rows of this condition ("org = '412015'"), or (empty) whole partitions. */
int fill_expire(struct client *c, struct str rows, unsigned days, struct err *err);
/* Drops all rows of a body, of whatever series: its key is destroyed. What was counted of it (rollup.h) stays. */
int fill_forget(struct client *c, const char *org, struct err *err);

#endif
