/* Whether what the desk commits waits for the other node: PostgreSQL's synchronous replication, and when to go on alone. A node that has
 * acknowledged something alone says so by an event, before and after. Pure; toride-replicad looks and acts. Row M-104. */
#ifndef PAIR_COPY_H
#define PAIR_COPY_H

#include <stdbool.h>
#include <stdint.h>

#define COPY_ALONE_MS 1000  /* the other one is gone for so long: go on without it. What is to be committed waits meanwhile */
#define COPY_LOST_MS 15000 /* the other one can be followed, and this copy doesn't for so long: the changes that it lacks aren't kept there any more */
#define COPY_STALE_MS 3000  /* nothing came for so long before a takeover: what the other one acknowledged since may be missing */

/* What PostgreSQL here says of itself, now. */
struct copy_seen {
	bool answers;   /* else nothing below is known */
	bool standby;   /* it takes the other one's changes and makes none */
	bool waits;     /* commits wait for the other node */
	bool streaming; /* primary: the other one has all and takes what comes; standby: it receives */
	bool active;    /* the node carries the traffic */
};

/* Of two databases that take changes the one with the later timeline is believed: PostgreSQL counts it up at each takeover. */
enum copy_other {
	COPY_OTHER_UNKNOWN = '-', /* it isn't reached, or takes no changes itself */
	COPY_OTHER_EARLIER = '<',
	COPY_OTHER_EQUAL = '=',
	COPY_OTHER_LATER = '>',
	COPY_OTHER_AHEAD = '!', /* this is a copy of it that can't follow it any more (copy_is_lost()) */
};
/* Timelines; 0: that one takes no changes or doesn't answer. */
enum copy_other copy_compare(uint32_t own, uint32_t other);
/* Whether a database that takes changes is to give up what it has and copy the other one's. active: its node carries the traffic; other_active,
 * other_standby: the other node does, or is known not to. Never true at both nodes. */
bool copy_gives_up(enum copy_other other, bool active, bool other_active, bool other_standby);

struct copy {
	bool known, was_standby;
	int64_t streamed_ms; /* last time it streamed; 0: never since we look */
	int64_t behind_ms;   /* since when it doesn't follow, though it could; 0: it isn't so */
};

enum copy_do {
	COPY_NOTHING,
	COPY_WAIT,  /* commits wait for the other one from now on */
	COPY_ALONE, /* they don't any more */
	COPY_TOOK_OVER,       /* it was a standby and isn't any more; it had all that the other one acknowledged */
	COPY_TOOK_OVER_STALE, /* …may lack the last of it */
};

/* now_ms: monotonic. A node that doesn't carry the traffic never goes on alone: its server is about to end, and what it couldn't hand over isn't
 * acknowledged. */
enum copy_do copy_judge(struct copy *c, const struct copy_seen *s, int64_t now_ms);
/* A copy that was away for longer than the other one keeps its changes is to be made anew. there: the other one takes changes, is reached, and is of
 * the same origin (one of another origin isn't taken for it: only a person can say which of the two is right). */
bool copy_is_lost(struct copy *c, const struct copy_seen *s, bool there, int64_t now_ms);

#endif
