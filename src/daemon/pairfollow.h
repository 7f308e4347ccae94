/* The node that stands by follows the other: generation and blocks, over the link between the two (pair/follow.h). Both calls block, for
 * threads of libuv's pool; they share nothing but what they are given. */
#ifndef DAEMON_PAIRFOLLOW_H
#define DAEMON_PAIRFOLLOW_H

#include <stdbool.h>

struct err;

#define PAIRFOLLOW_PORT 3781

/* Answers one caller on a connected socket; it stays the caller's to close. */
int pairfollow_answer(int fd, const unsigned char key[32], bool active, struct err *err);
/* Asks the other node and does what it has and we haven't. 0: nothing was to be done, or done (then *ret_moved: another generation). */
int pairfollow_ask(const char *self4, const char *other4, const unsigned char key[32], bool *ret_moved, struct err *err);

#endif
