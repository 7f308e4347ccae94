/* Orders to torided, given by a thread of their own: a slow torided (each may take ORDER_WAIT_MS) doesn't hold up
 * findings, clocks and people at the desk. One thread, so that orders go out in the order in which they were put.
 *
 * Once or not at all is not promised here: what is lost between answer and database is ordered again, and torided takes
 * it as the same by its id (blockwork.c). */
#ifndef RESPOND_ORDERS_H
#define RESPOND_ORDERS_H

#include "base/err.h"
#include "incident/incident.h"
#include "wire/order.h"

#define ORDERS_MAX 4 /* under way at once: an urgent one waits for these and no more */
#define ORDER_WAIT_MS 5000

typedef int order_fn(const struct order *o, int timeout_ms, struct order_reply *ret, struct err *err);

struct order_task {
	struct order order;
	int64_t incident, found_ms;
	char id[INCIDENT_NUMBER], org[8];
	bool origin;
	int done;       /* the answer: 0 or -E_…, with */
	struct err why;
};

struct orders;

/* The thread is started by the first order: after the process has confined itself. */
int orders_create(order_fn *call, struct orders **ret, struct err *err);
void orders_destroy(struct orders **o); /* waits for the one under way */
/* Nothing waits, runs, or has an answer that wasn't fetched. */
bool orders_idle(struct orders *o);
/* -E_LIMIT when ORDERS_MAX are under way; copies t. */
int orders_put(struct orders *o, const struct order_task *t);
/* The oldest one, if it was answered. */
bool orders_pop(struct orders *o, struct order_task *ret);

#endif
