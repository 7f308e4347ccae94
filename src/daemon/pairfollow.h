/* The node that stands by follows the other: generation and blocks, over the link between the two (pair/follow.h). Both calls block, for
 * threads of libuv's pool; they share nothing but what they are given. */
#ifndef DAEMON_PAIRFOLLOW_H
#define DAEMON_PAIRFOLLOW_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>

#define PAIRFOLLOW_PORT 3781

/* Answers one caller on a connected socket; it stays the caller's to close. */
int pairfollow_answer(int fd, const unsigned char key[32], bool active, struct err *err);
struct pairfollow {
	const char *self4, *other4;
	const unsigned char *key;  /* 32 bytes */
	unsigned char stamp[32];   /* of the vault's keys and the certificates that were taken last; zeros at first */
	/* results */
	bool other_active;         /* the other node carries the traffic */
	bool moved;                /* another generation is in force */
	bool asked;                /* an active node has answered before */
	char undone[72];           /* the digest that this node had when it began, where the other node has the one before it; else empty */
	int keys;                  /* 0: the keys are the other node's; negative: they couldn't be taken, words in keys_err */
	int holds;                 /* as keys, of whose records are held; words in holds_err */
	struct err holds_err;
	bool holds_told;           /* all that is known here goes along with the next question */
	size_t keys_differ;        /* this time: keys of one name that are others here: they stay */
};
struct follow_question;
struct buf;
/* One question on a connection of its own; its answer's payload into ret. */
typedef int (*pairfollow_ask_fn)(const struct pairfollow *f, const struct follow_question *q, struct buf *ret, struct err *err);

/* Asks the other node and does what it has and we haven't. 0: nothing was to be done, or done. */
int pairfollow_ask(struct pairfollow *f, struct err *keys_err, struct err *err);

#endif
