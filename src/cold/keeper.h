/* The second step of cold storage: what intaked moved to the cold disk (segment/cold.c) goes on to an S3-compatible store, and is brought back
 * when somebody reads it. The disk is then a buffer.
 *
 *   STATE/segments/ORG/SERIES/N.cold        intaked's mark: size and SHA-256 of the segment. Says that it is kept; ours to read
 *   STATE/segments-cold/ORG/SERIES/N.seg    the segment, until it is in the store, and for KEEPER_BACK_MS when it was brought back
 *                                N.going    is being sent: the object's hash, the segment's end mark (segment.h, footer)
 *                                N.end      was N.going: it is in the store, read back and the same
 *                                N.back     being brought back
 *                                N.ended    was N.end or N.going: retention (segment/retain.c) orders the object to be deleted
 *   object ORG/SERIES/N-HASH.seg            the segment as it is, encrypted. Its hash's first half keeps apart those of two nodes, whose numbers are the same
 *
 * A body that is held (segment/hold.h) loses no object, also none whose end was ordered before the hold came.
 *
 * Each step is begun again after a kill: an object that is there is read back in place of being sent; nothing is removed that wasn't read back
 * from the store and had the mark's hash. A mark without .seg and .end (the disk was lost) brings the segment back from the store.
 * Requirement: S-23. */
#ifndef COLD_KEEPER_H
#define COLD_KEEPER_H

#include "cold/s3.h"

#include <pthread.h>

#define KEEPER_BACK_MS (3600 * 1000) /* what was brought back stays so long */

struct keeper {
	const char *segments; /* the directory; the cold disk's stands beside it (segment/file.h, SEG_COLD) */
	const char *holds; /* STATE/holds (segment/hold.h); NULL: nothing is held */
	struct s3 *s3;
	uint64_t sent, sent_bytes, back, dropped, faults; /* objects */
	uint64_t put_away, no_room; /* brought back, and removed for the next one before their time; not brought back for want of room */
	uint64_t wanted; /* bytes of the largest that there was no room for; 0: there was, or is again */
	uint64_t (*room)(const char *dir); /* bytes that may be taken there; NULL: asked of the file system */
};
/* Under lock (keeper_walk() takes it a segment at a time, so that who reads gets in between). Looks at every segment once and does what is due. The first fault of those that it met, after all the others were looked at. */
int keeper_walk(struct keeper *k, pthread_mutex_t *lock, int64_t now_ms, struct err *err);
/* Brings one back, if it isn't there. -E_NOT_FOUND: no such segment is marked. */
int keeper_fetch(struct keeper *k, const char *org, const char *series, uint32_t number, struct err *err);

/* Room on the cold disk for so much that comes back, however much is asked for (a day that is filled again): those that came back longest ago go first, all of
 * which are in the store. A twentieth of the disk is left for what intaked moves there, and what isn't in the store yet is never touched. -E_LIMIT: not enough. */
int keeper_make_room(struct keeper *k, uint64_t bytes, struct err *err);

#endif
