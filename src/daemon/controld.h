/* What controld.c, people.c and descriptions.c share: the process, and a request that waits for another one. */
#ifndef DAEMON_CONTROLD_H
#define DAEMON_CONTROLD_H

#include "base/buf.h"
#include "base/err.h"
#include "wire/ctl.h"
#include "wire/daemon.h"
#include "wire/identity.h"
#include "wire/order.h"

#include <stdbool.h>
#include <uv.h>

struct events;

#define CONTROLD_JOBS_MAX 64

struct controld {
	struct daemon d;
	uv_loop_t loop;
	uv_timer_t tick;
	uv_signal_t term, hup;
	struct ctl_server *server;
	struct events *events;
	unsigned jobs;
	struct job *searches; /* under way: who asked may go */
};

/* In whose name something is asked, and whose rows they see: "" all, a body's code, or a prefecture's number ("41"). */
struct asker {
	char name[IDENTITY_MAX], scope[8];
};

/* One request that waits for another process, in a thread of libuv's pool. */
struct job {
	uv_work_t work;
	struct controld *c;
	uint64_t peer;
	char what[64], digest[72];
	char over[72]; /* what an approval is over (submissions.h) */
	struct asker who;
	char about[400]; /* for the record of it: what was searched */
	const char *socket; /* whom it is forwarded to */
	bool changes;
	_Atomic bool gone;         /* whoever asked */
	struct job *next, **place; /* in controld.searches; place NULL: it isn't there */
	uid_t uid;
	struct order order;
	struct buf request, fields;
	struct err err;
	void (*run)(struct job *j);
};

/* NULL: no memory. what and who are copied. */
struct job *job_make(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, bool changes, void (*run)(struct job *j));
/* An event of who did what; about: words on it. */
void controld_audit(struct controld *c, const char *actor, const char *what, const char *about, const struct err *err);
/* Runs j in a thread, then done in the loop, whose it is from then on. -E_LIMIT, j freed; else -E_AGAIN: the answer comes later. */
int job_queue(struct job *j, uv_after_work_cb done, struct err *err);
/* The same, and done is job_answer(): it is recorded where it changes something, answered, and over. */
int job_start(struct job *j, struct err *err);
void job_answer(uv_work_t *w, int status);
void job_free(struct job *j);
/* Passes the request on to whoever answers it, in who's name. */
int controld_forward(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, struct err *err);
/* What is allowed (refused 0) is done into b; what changes something is recorded. -E_AGAIN: the answer comes later. */
int controld_answer(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, int refused, struct buf *b, struct err *err);
/* A request of the page (people.c): first who it is, then what they ask. */
int people_ask(struct controld *c, const struct ctl_request *rq, const char *what, struct err *err);
/* A request of root in somebody's name (people.c): where that is an account's, it sees what that person would. */
int people_ask_for(struct controld *c, const struct ctl_request *rq, const char *what, const char *name, struct err *err);
bool people_sees(const char *scope, struct str org);

/* hold.add, hold.release, hold.list, hold.exchange (holds.c): whose records aren't ended while a case is under way. */
int holds_ask(struct controld *c, const struct ctl_request *rq, const char *what, const struct asker *who, struct buf *b, struct err *err);

/* ---- descriptions.c; digest: "sha256:…", what it is about, for the record too ---- */

/* The request's digest; "" when it has none and needs none. -E_INVALID, dst "". */
int descriptions_digest(const struct ctl_request *rq, bool needed, char dst[72], struct err *err);
/* May it be put in force, by who has approved it and over what? -E_DENIED, -E_STATE. */
int descriptions_may_apply(const char *digest, struct err *err);
int descriptions_submit(const struct ctl_request *rq, const char *actor, struct buf *b, char digest[72], struct err *err);
int descriptions_diff(struct controld *c, const struct ctl_request *rq, const struct asker *who, char digest[72], struct err *err);
int descriptions_approve(struct controld *c, const struct ctl_request *rq, const struct asker *who, struct buf *b, char digest[72], struct err *err);
void descriptions_list(struct job *j); /* a job's run */

#endif
