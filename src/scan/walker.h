/* scand's side of the workers: a queue of files to be walked through, so many at a time. */
#ifndef SCAN_WALKER_H
#define SCAN_WALKER_H

#include "scan/worker.h"

#include <uv.h>

struct walker;
struct walker_job;

struct walker_calls {
	/* A contained file. fd >= 0 (to be kept or closed): the worker waits until walker_go_on(). May cancel. */
	void (*member)(const struct worker_member *m, int fd, void *user);
	/* The end, exactly once unless cancelled. A worker that died counts as WALK_BEYOND. */
	void (*end)(const struct walk_result *r, void *user);
};

/* nursery: of nursery_start(), borrowed. at_once: workers; max_queue: jobs waiting beside them. */
int walker_open(uv_loop_t *loop, int nursery, unsigned at_once, size_t max_queue, struct walker **ret, struct err *err);
void walker_close(struct walker **w); /* its jobs call nobody back */
/* file is copied (dup). NULL: the queue is full, or no memory. */
struct walker_job *walker_start(struct walker *w, int file, const struct worker_ask *a, const struct walker_calls *calls, void *user);
void walker_go_on(struct walker_job *j, bool stop);
void walker_cancel(struct walker_job *j);
uint64_t walker_died(const struct walker *w);

#endif
