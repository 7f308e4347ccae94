/* What is looked for in the log for an incident or a block: who met this destination, file or mail (index/sweep.h), over the index,
 * or over the sealed records where there is none. A row of `inquiry` waits until it is answered; a restart asks again.
 *
 *   visitors  for an incident: who else visited the page or received the mail (S-10 ③)
 *   replay    for a block: whom it would have hit in the last 30 days (M-090)
 * Rows of what was found carry the organisation they concern: a body sees its own terminals, never another's. */
#ifndef RESPOND_INQUIRY_H
#define RESPOND_INQUIRY_H

#include "respond/respond.h"

#define INQUIRY_DAYS 30
#define INQUIRY_ATTEMPTS 6

struct inquiry_new {
	const struct incident *i; /* or NULL */
	const char *kind, *type, *value, *by;
	const char *scope; /* a body's code, "" all */
	int64_t from_ms, to_ms, now_ms;
};
/* Inside a transaction. -E_INVALID when the value can't be looked for. */
int inquiry_add(struct respond *r, const struct inquiry_new *n, int64_t *ret_id, struct err *err);
/* Observables a sweep knows; "address" and "name" of blocks count as ip and hostname. NULL when it can't be looked for. */
const char *inquiry_type(const char *type);
/* "inquiries":[…] of an incident, or (incident 0) the one by its id, in the object begun in b. */
int inquiry_format(struct respond *r, int64_t incident, int64_t id, struct buf *b, struct err *err);

/* Outside a transaction. */
int inquiry_work(struct respond *r, int64_t now, struct err *err); /* asks what is due */
void inquiry_collect(struct respond *r);                           /* notes what was answered */

#endif
