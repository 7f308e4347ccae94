/* Blocks are carried out here: ordered from torided (orders.c), taken back, expired; see block.h. A row is changed
 * only after torided answered, so a crash in between repeats the order, which torided takes as the same by its id. While
 * orders are under way no further ones are read: none goes out twice, and a removal never overtakes what it removes. */
#include "respond/block.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/timeline.h"
#include "respond/orders.h"

#include <stdio.h>

#define ATTEMPTS_MAX 10

static const struct store_sql due = {
	"block_due", "SELECT id, org, kind, value, incident_number, author, reason, created_ms, expires_ms, state, incident,"
		     " found_ms, attempts, origin FROM block WHERE state IN ('ordered', 'removing') AND next_ms <= $1"
		     " ORDER BY origin DESC, created_ms, id LIMIT $2"
};
static const struct store_sql set_active = {
	/* someone may have taken it back while it was under way: then it stays to be removed */
	"block_active", "UPDATE block SET state = CASE WHEN state = 'ordered' THEN 'active' ELSE state END, acted_ms = $2, check_ms = $3,"
			" last_error = '' WHERE id = $1"
};
static const struct store_sql set_gone = {
	"block_gone", "UPDATE block SET state = CASE WHEN removed_by IS NULL THEN 'expired' ELSE 'removed' END,"
		      " removed_ms = $2, last_error = '' WHERE id = $1 RETURNING state, removed_by, org, value, kind, incident_number"
};
static const struct store_sql set_later = {
	"block_later", "UPDATE block SET attempts = attempts + 1, next_ms = $2, last_error = $3,"
		       " state = CASE WHEN attempts + 1 >= $4 AND state = 'ordered' THEN 'failed' ELSE state END WHERE id = $1"
		       " RETURNING state"
};
static const struct store_sql expire = {
	"block_expire", "UPDATE block SET state = 'removing', next_ms = $1, attempts = 0 WHERE state = 'active' AND expires_ms <= $1"
};

static bool read_task(const struct store_rows *rows, int k, struct order_task *t)
{
	struct block *b = &t->order.block;
	*t = (struct order_task){ .incident = store_col_int(rows, k, 10, 0), .found_ms = store_col_int(rows, k, 11, 0),
		            .origin = store_col_bool(rows, k, 13) };
	t->order.op = strcmp(store_col(rows, k, 9), "removing") == 0 ? ORDER_BLOCK_REMOVE : ORDER_BLOCK_ADD;
	snprintf(t->id, sizeof t->id, "%s", store_col(rows, k, 0));
	snprintf(t->org, sizeof t->org, "%s", store_col(rows, k, 1));
	b->created_ms = store_col_int(rows, k, 7, 0);
	b->expires_ms = store_col_int(rows, k, 8, 0);
	snprintf(b->author, sizeof b->author, "%s", store_col(rows, k, 5));
	/* a reason may end early, at a character's end; the rest must fit */
	struct str reason = str_from(store_col(rows, k, 6));
	while (reason.len >= sizeof b->reason || (reason.len && !str_is_utf8(reason)))
		reason.len--;
	return str_copy(reason, b->reason, sizeof b->reason) && str_copy(str_from(t->id), b->id, sizeof b->id) &&
	       str_copy(str_from(t->org), b->org, sizeof b->org) && block_kind_parse(store_col(rows, k, 2), &b->kind) &&
	       str_copy(str_from(store_col(rows, k, 3)), b->value, sizeof b->value) &&
	       str_copy(str_from(store_col(rows, k, 4)), b->incident, sizeof b->incident);
}

static int write_line(struct respond *r, const struct order_task *t, int64_t now, const char *kind, const char *a1, const char *a2,
                      struct err *err)
{
	return t->incident ? timeline_add(r->store, t->incident, t->org, now, RESPOND_ACTOR, kind, a1, a2, NULL, err) : 0;
}

static int note_active(struct respond *r, const struct order_task *t, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	char ms[24];
	store_text(&a, t->id), store_int(&a, now), store_int(&a, now + BLOCK_VERIFY_MS);
	int res = store_run(r->store, &set_active, &a, NULL, err);
	snprintf(ms, sizeof ms, "%lld", (long long)(now - t->found_ms));
	if (res == 0 && t->origin)
		respond_stat(r, "block_latency_ms", now - t->found_ms, false);
	res = res < 0 ? res : write_line(r, t, now, "block_active", t->id, ms, err);
	return res < 0 || !t->incident ? res : life_happened(r->store, t->incident, t->org, "contain", RESPOND_ACTOR, t->id, now, err);
}

static int note_gone(struct respond *r, const struct order_task *t, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_text(&a, t->id), store_int(&a, now);
	int res = store_run(r->store, &set_gone, &a, &rows, err);
	bool expired = res == 0 && rows.n && strcmp(store_col(&rows, 0, 0), "expired") == 0;
	if (res == 0)
		res = write_line(r, t, now, expired ? "block_expired" : "block_removed", t->id, expired ? NULL : store_col(&rows, 0, 1), err);
	if (expired) /* whoever took it back told them then */
		res = res < 0 ? res : block_tell_removed(r, t->id, store_col(&rows, 0, 2), store_col(&rows, 0, 3), store_col(&rows, 0, 4), store_col(&rows, 0, 5), now, err);
	store_rows_done(&rows);
	return res;
}

static int note_failure(struct respond *r, const struct order_task *t, int64_t now, const struct err *why, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char words[700];
	snprintf(words, sizeof words, "%s%s%s", why->path, why->path[0] ? ": " : "", why->msg);
	/* torided refused it for good, or can't be reached: only the second is worth ten tries */
	bool refused = why->code == E_INVALID || why->code == E_DENIED || why->code == E_LIMIT;
	store_text(&a, t->id), store_int(&a, now + 1000), store_text(&a, words), store_int(&a, refused ? 1 : ATTEMPTS_MAX);
	int res = store_run(r->store, &set_later, &a, &rows, err);
	bool failed = res == 0 && rows.n && strcmp(store_col(&rows, 0, 0), "failed") == 0;
	store_rows_done(&rows);
	log_warn(t->org, t->id, "the order failed: %s", words);
	return res < 0 || !failed ? res : write_line(r, t, now, "block_failed", t->id, refused ? "order_refused" : "order_unanswered", err);
}

static int note_answer(struct respond *r, const struct order_task *t, struct err *err)
{
	int done = t->done;
	bool add = t->order.op == ORDER_BLOCK_ADD;
	if ((add && done == -E_EXISTS) || (!add && done == -E_NOT_FOUND)) /* said before, and lost our note of it */
		done = 0;
	int64_t now = clock_now_ms();
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	if (done < 0)
		res = note_failure(r, t, now, &t->why, err);
	else
		res = add ? note_active(r, t, now, err) : note_gone(r, t, now, err);
	if (res == 0)
		res = store_commit(r->store, err);
	store_abort(r->store);
	r->watch_stale = true;
	respond_audit(r, t->org, RESPOND_ACTOR, add ? "block.set" : "block.lift", done == 0, "%s %s %s", t->id,
	              block_kind_name(t->order.block.kind), t->order.block.value);
	return res;
}

void block_collect(struct respond *r)
{
	struct order_task t;
	while (orders_pop(r->orders, &t)) {
		struct err err = { 0 };
		if (note_answer(r, &t, &err) < 0) /* the row says ordered still, and is ordered again */
			log_err(LOG_LEVEL_WARN, t.org, t.id, &err);
		r->work_ms = 0;
	}
}

static int read_due(struct respond *r, int64_t now, struct order_task *tasks, int *ret_n, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, now), store_int(&a, ORDERS_MAX);
	int res = store_run(r->store, &due, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++)
		if (read_task(&rows, k, &tasks[*ret_n]))
			++*ret_n;
		else
			log_error(store_col(&rows, k, 1), store_col(&rows, k, 0), "the block doesn't fit an order");
	store_rows_done(&rows);
	return res;
}

int block_work(struct respond *r, int64_t now, struct err *err)
{
	struct order_task tasks[ORDERS_MAX];
	struct store_args e = { 0 };
	int n = 0, res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	store_int(&e, now);
	res = store_run(r->store, &expire, &e, NULL, err);
	if (res == 0)
		res = block_check(r, now, err);
	if (res == 0 && orders_idle(r->orders))
		res = read_due(r, now, tasks, &n, err);
	if (res == 0)
		res = store_commit(r->store, err);
	store_abort(r->store);
	for (int k = 0; res == 0 && k < n; k++)
		if (orders_put(r->orders, &tasks[k]) < 0)
			return err_set(err, E_NOMEM, tasks[k].id, "the order could not be put");
	return res;
}
