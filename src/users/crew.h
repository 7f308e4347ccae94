/* Threads that may wait, one each piece of work, for a loop that may not. A pool's few threads would all be taken by whoever hangs; here
 * everybody has his own, and who starts them decides how many he may have (crew_running()).
 *
 * All of it belongs to the loop's thread but work(), which is run beside it and touches its own piece alone. */
#ifndef USERS_CREW_H
#define USERS_CREW_H

#include <stddef.h>
#include <uv.h>

struct crew;
struct crew_work { /* the caller's, first in what it belongs to */
	struct crew_work *next;
	struct crew *crew;
	uv_thread_t thread;
	void (*work)(struct crew_work *w);
	void (*done)(struct crew_work *w); /* on the loop, once; w may be freed in it */
};

int crew_open(uv_loop_t *loop, struct crew **ret); /* 0 or -E_NOMEM; lives as long as the process */
int crew_start(struct crew *c, struct crew_work *w); /* 0, or -E_LIMIT: no thread to be had, and done() isn't called */
size_t crew_running(const struct crew *c); /* whose done() hasn't been called */

#endif
