/* Blocks: what is cut, for whom, until when, by whose word, and how it is undone.
 *
 * state     ordered → active → removing → removed | expired;  requested (waits for that body's consent, or its own incident);  failed
 * decision  the finding's main observable: a host name (and below) rather than an address; an address seen with two or
 *           more names is shared: then the name is blocked, or, with no name at hand, nothing, and a person is told.
 * for whom  the body concerned at once. Others when a named person judged severity 3, or a second body's own finding
 *           says the same: at once where their recorded prior consent covers the severity, else they are asked. Never: white-listed and own names, the node's, the bodies' and management's addresses.
 * replay    before it acts the log is asked whom it would have hit in the last 30 days (blockreplay.c): what many bodies use, and an
 *           address under several names, is held back from the system's own blocks; a person decides.
 * verified  positive proof by what really passed (blockcheck.c): every event of what an active block stands against comes back
 *           from detectd as a count, refused or passed. stopped (some refused, none passed) · still_passing · no_attempt.
 * One row a body, so that one can be removed without the others. Expiry is torided's too: it acts without us.
 * Requirements: M-089 M-090 M-100 X-05. */
#ifndef RESPOND_BLOCK_H
#define RESPOND_BLOCK_H

#include "respond/respond.h"

#define BLOCK_VERIFY_MS 10000 /* after it acted, what was refused and what passed is judged */
#define BLOCK_LEAK_MS 300000  /* something passed within this time: the block doesn't hold */
#define BLOCK_CALLS_MS 3600000 /* between two notices that the terminal still calls */
#define BLOCK_SEVERITY 3
#define BLOCK_REPLAY_MS 2500 /* an order waits so long for the log to say whom it would have hit */

/* Why this may never be blocked for that body, a code of WORDS_REFUSAL; NULL when it may. org may be NULL. */
const char *block_guard(const struct desk *d, const struct desk_org *org, uint8_t kind, const char *value);
bool block_kind_parse(const char *name, uint8_t *ret);

/* Inside a transaction: orders what severity 3 asks for. *ret_blocking: one stands or was ordered for i->org. */
int block_decide(struct respond *r, const struct incident *i, enum observable_type type, const char *value,
                 int64_t found_ms, int64_t now, bool *ret_blocking, struct err *err);

struct block_request {
	const char *org; /* 6 digits, or "*": every body */
	uint8_t kind;
	const char *value, *reason, *by, *incident; /* number or "" */
	int64_t expires_ms, now;
};
/* By hand; inside a transaction. ret_id: the (first) one. */
int block_add(struct respond *r, const struct block_request *q, char ret_id[INCIDENT_NUMBER], struct err *err);
int block_remove(struct respond *r, const char *id, const char *by, int64_t now, struct err *err);
/* The body is told that what was cut is whole again. */
int block_tell_removed(struct respond *r, const char *id, const char *org, const char *value, const char *kind, const char *number, int64_t now,
                       struct err *err);
int block_consent(struct respond *r, const char *id, const char *by, int64_t now, struct err *err);
/* "blocks":[…] in the object begun in b; as doc/interfaces/block.json. incident 0: all. */
int block_format_list(struct respond *r, int64_t incident, bool all, struct buf *b, struct err *err);

/* Inside a transaction: a count of refused or passed traffic (f->block); a block that isn't there is passed over. */
int block_seen(struct respond *r, const struct finding *f, int64_t now, struct err *err);
/* Inside a transaction: judges what is due, and tells the body whose terminal keeps calling. */
int block_check(struct respond *r, int64_t now, struct err *err);
/* The list of what is blocked now, for detectd (detect/indicators.h). */
int block_watch_list(struct respond *r, int64_t now, struct buf *b, struct err *err);
/* Refused calls of this incident's blocks until now. */
int block_refused(struct respond *r, int64_t incident, int64_t *ret, struct err *err);

/* blockreplay.c; inside a transaction. *ret_inquiry 0: nothing is asked (a terminal, or no log to ask). i or NULL; scope: a body, "" all. */
int block_replay_begin(struct respond *r, const struct incident *i, const char *scope, uint8_t kind, const char *value, const char *by,
                       int64_t now, int64_t *ret_inquiry, struct err *err);
/* It was answered: holds, refuses or lets go what waits for it. Over: it isn't going to be answered soon; what waits goes on. */
int block_replayed(struct respond *r, int64_t inquiry, int64_t now, struct err *err);
int block_replay_over(struct respond *r, int64_t inquiry, int64_t now, struct err *err);

/* What the guard says of it for each body, and the replay it begins (never an order): "guarded":[{org, reason…}], "inquiry":id. */
int block_try(struct respond *r, const struct block_request *q, struct buf *b, struct err *err);
/* Cuts one terminal of the incident's body off from the Internet, and only it; or gives it back: all of the incident's. */
int block_isolate(struct respond *r, const struct incident *i, const char *terminal, const char *by, const char *reason, int64_t expires_ms,
                  int64_t now, char ret_id[INCIDENT_NUMBER], struct err *err);
int block_release(struct respond *r, const struct incident *i, const char *by, int64_t now, int *ret_n, struct err *err);

/* Outside a transaction: notes what torided answered; orders, removals, expiries and checks that are due. */
void block_collect(struct respond *r);
int block_work(struct respond *r, int64_t now, struct err *err);

#endif
