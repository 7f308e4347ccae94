/* Questions to another process, each in a thread of its own, so that the desk never waits: to toride-stored (the sealed records may
 * take minutes to read; inquiry.h) and to toride-courierd (a gateway may be slow; notify.h). Not remembered: what is lost by a restart is asked again. */
#ifndef RESPOND_ASKER_H
#define RESPOND_ASKER_H

#include "base/buf.h"
#include "base/err.h"

#define ASKERS_MAX 4

/* One request and its answer, as ctl_call() gives it. Called from threads. */
typedef int asker_fn(struct str request, struct buf *reply, struct err *err);

struct asker;
struct asker_answer {
	int64_t id;
	int done; /* 0, or -E_… with */
	struct err why;
	struct buf reply; /* the caller's to free */
};

int asker_create(asker_fn *ask, struct asker **ret, struct err *err);
void asker_destroy(struct asker **a); /* waits for those under way */
bool asker_has(const struct asker *a, int64_t id);
int asker_room(const struct asker *a); /* how many more may be put */
bool asker_idle(const struct asker *a); /* nothing under way or answered */
/* Copies the request. -E_LIMIT when ASKERS_MAX are under way. */
int asker_put(struct asker *a, int64_t id, struct str request);
/* One that was answered, if any. */
bool asker_pop(struct asker *a, struct asker_answer *ret);

#endif
