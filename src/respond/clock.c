/* What the desk waits for lasts as long as it was meant to, whatever the wall clock is set to; see respond_clock().
 *
 * Moved is what still runs: the columns a clock is read from. What was written on timelines, judgements and mails keeps the
 * time it was written at. */
#include "respond/respond.h"

#include "base/err.h"
#include "base/mem.h"
#include "base/log.h"

static const struct store_sql read_watch = { "clock_watch", "SELECT boot, ahead_ms FROM clock WHERE ahead_ms IS NOT NULL" };
static const struct store_sql put_watch = { "clock_note", "UPDATE clock SET boot = $1, ahead_ms = $2" };

static const struct store_sql moves[] = {
	{ "clock_incidents", "UPDATE incident SET notice_due_ms = notice_due_ms + $1, notice_started_ms = notice_started_ms + $1,"
			     " notice_sent_ms = notice_sent_ms + $1, judged_ms = judged_ms + $1 WHERE state <> 'closed'" },
	{ "clock_notices", "UPDATE notice SET next_ms = next_ms + $1 WHERE state = 'queued'" },
	{ "clock_inquiries", "UPDATE inquiry SET next_ms = next_ms + $1 WHERE state = 'waiting'" },
	{ "clock_calls", "UPDATE block_call SET heard_ms = heard_ms + $1 WHERE block IN (SELECT id FROM block WHERE state = 'active')" },
	{ "clock_blocks", "UPDATE block SET expires_ms = expires_ms + $1, next_ms = next_ms + $1, check_ms = check_ms + $1,"
			  " acted_ms = acted_ms + $1, calls_told_ms = calls_told_ms + $1"
			  " WHERE state IN ('ordered', 'requested', 'active', 'removing')" },
};

static int note(struct respond *r, const struct clock_watch *w, struct err *err)
{
	struct store_args a = { 0 };
	store_text(&a, r->boot), store_int(&a, w->ahead_ms);
	return store_run(r->store, &put_watch, &a, NULL, err);
}

/* After a start: where the clock stood when one of us last looked, in this boot. */
static int remembered(struct respond *r, struct clock_watch *w, struct err *err)
{
	struct store_rows rows = { 0 };
	int res = store_run(r->store, &read_watch, NULL, &rows, err);
	if (res == 0 && rows.n && strcmp(store_col(&rows, 0, 0), r->boot) == 0)
		*w = (struct clock_watch){ store_col_int(&rows, 0, 1, 0), true };
	store_rows_done(&rows);
	return res;
}

static int move(struct respond *r, int64_t by, struct err *err)
{
	int res = 0;
	for (size_t i = 0; i < ARRAY_LEN(moves) && res == 0; i++) {
		struct store_args a = { 0 };
		store_int(&a, by);
		res = store_run(r->store, &moves[i], &a, NULL, err);
	}
	return res;
}

int respond_clock(struct respond *r, struct err *err)
{
	struct clock_watch w = r->clock;
	bool first = !w.begun;
	int64_t by = first ? 0 : clock_stepped(&w);
	if ((!first && !by) || store_stands_by(r->store)) /* nothing is due where the other node's state is only read */
		return 0;
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	if (first) {
		res = remembered(r, &w, err);
		by = clock_stepped(&w);
	}
	if (res == 0 && by)
		res = move(r, by, err);
	if (res == 0)
		res = note(r, &w, err);
	if (res == 0)
		res = store_commit(r->store, err);
	store_abort(r->store);
	if (res < 0)
		return res;
	r->clock = w;
	if (!by)
		return 0;
	r->watch_stale = true; /* blocks acted at another time now, by the clock events are stamped with */
	r->work_ms = 0;
	log_warn("", "clock", "the wall clock was set by %lld s: what runs keeps its length", (long long)(by / 1000));
	respond_audit(r, "", RESPOND_ACTOR, "clock.set", true, "by %lld s", (long long)(by / 1000));
	return 0;
}
