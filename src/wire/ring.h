/* A queue of messages that may outlive its process: in a mapped file, what was put is there after a kill -9, and the next
 * process goes on with it. (Not after the machine stops: it is never synced.)
 *
 * A message is a u32 length (big endian, not 0) and so many bytes, in one piece. One process puts at one end and drops at the other.
 * Each call takes effect by storing one word: a kill between any two instructions leaves the queue as before it or as after it.
 *
 * A place is the offset of a message's length. Where a message doesn't fit behind the last, the data go on at 0. */
#ifndef WIRE_RING_H
#define WIRE_RING_H

#include "base/str.h"

#include <stdatomic.h>

struct err;

struct ring_head {
	char magic[8];
	uint64_t size;         /* bytes of data, which follow */
	_Atomic uint64_t span; /* place of the first message << 32 | end of the last; equal: empty */
	uint64_t user[2];      /* the owner's; 0 at first */
};

struct ring {
	struct ring_head *head;
	char *data;    /* behind head */
	uint32_t size;
	uint32_t wrap; /* the end of the data behind the first message, where they go on at 0; else the size */
	uint32_t backed; /* bytes of a file that have their memory */
	int fd;        /* locked as long as we live; -1: private memory */
};

/* size: the ceiling of what waits, with its lengths. path NULL: private. Otherwise what another process left there is kept, if it
 * is whole and of this size. -E_STATE: another process has it. */
int ring_open(const char *path, uint32_t size, struct ring *r, struct err *err);
void ring_close(struct ring *r); /* a file stays */
void ring_clear(struct ring *r); /* as at first */

/* Where a message of n > 0 bytes goes; it is there once ring_put() was called. NULL: full. */
char *ring_room(struct ring *r, uint32_t n);
void ring_put(struct ring *r, const char *room, uint32_t n);
uint32_t ring_first(const struct ring *r);
bool ring_next(const struct ring *r, uint32_t *at, struct str *ret); /* the message at *at, which then is the next one's place. False: the end */
struct str ring_run(const struct ring *r, uint32_t *at); /* what lies in one piece from *at on, which may be within a message; empty: the end */
void ring_drop(struct ring *r, uint32_t to);             /* all before that place */
size_t ring_used(const struct ring *r);
bool ring_whole(struct ring *r);                         /* by ring_open() (and its fuzz target): can all of it be read? */

#endif
