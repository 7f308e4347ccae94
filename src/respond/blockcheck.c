/* Does a block hold? Judged by what really passed, see block.h: detectd counts every event of what stands under an active
 * block and tells the counts; here they become a verdict, which stands in the timeline, on the card and, when the block
 * doesn't hold, in a mail to the desk at once. */
#include "respond/block.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "detect/indicators.h"
#include "incident/timeline.h"
#include "respond/notify.h"

#include <stdio.h>

/* ---- counts come in ---- */

/* A count told again after a crash has the uid of the last one, and at least its number: only what is more is new. */
static const struct store_sql add_count = {
	"block_call_add",
	"INSERT INTO block_call AS c (block, org, terminal, passed, n, first_ms, last_ms, heard_ms, record, last_uid, last_n)"
	" SELECT id, org, $2, $3, $4, $5, $6, $7, $8, $9, $4 FROM block WHERE id = $1"
	" ON CONFLICT (block, terminal, passed) DO UPDATE SET"
	" n = c.n + CASE WHEN c.last_uid = excluded.last_uid THEN greatest(excluded.last_n - c.last_n, 0) ELSE excluded.last_n END,"
	" last_n = CASE WHEN c.last_uid = excluded.last_uid THEN greatest(excluded.last_n, c.last_n) ELSE excluded.last_n END,"
	" last_uid = excluded.last_uid, first_ms = least(c.first_ms, excluded.first_ms),"
	" last_ms = greatest(c.last_ms, excluded.last_ms), heard_ms = excluded.heard_ms"
};
/* Judged at once when something passed; when the first is refused after "no attempt", too. */
static const struct store_sql judge_soon = {
	"block_judge_soon", "UPDATE block SET check_ms = $2 WHERE id = $1 AND state = 'active'"
			    " AND ($3::boolean OR (verified_ms IS NOT NULL AND verified = 'no_attempt'))"
};

int block_seen(struct respond *r, const struct finding *f, int64_t now, struct err *err)
{
	struct store_args a = { 0 }, s = { 0 };
	bool passed = f->action == FINDING_ALLOWED;
	int64_t n = f->count < 1000000000 ? (int64_t)f->count : 1000000000;
	store_text(&a, f->block), store_text(&a, f->terminal), store_text(&a, passed ? "true" : "false"), store_int(&a, n);
	store_int(&a, f->first_time), store_int(&a, f->last_time), store_int(&a, now);
	store_text(&a, f->n_records ? f->records[0] : ""), store_text(&a, f->uid);
	int res = store_run(r->store, &add_count, &a, NULL, err);
	store_text(&s, f->block), store_int(&s, now), store_text(&s, passed ? "true" : "false");
	r->work_ms = 0;
	return res < 0 ? res : store_run(r->store, &judge_soon, &s, NULL, err);
}

/* ---- the verdict ---- */

#define SUMS "coalesce(sum(c.n) FILTER (WHERE NOT c.passed), 0), coalesce(sum(c.n) FILTER (WHERE c.passed), 0)"

static const struct store_sql to_judge = {
	"block_to_judge", "SELECT b.id, b.org, b.incident, b.value, b.verified, " SUMS ","
			  " coalesce(max(c.heard_ms) FILTER (WHERE c.passed), 0), b.expires_ms"
			  " FROM block b LEFT JOIN block_call c ON c.block = b.id"
			  " WHERE b.state = 'active' AND b.check_ms <= $1 GROUP BY b.id ORDER BY b.id LIMIT 50"
};
static const struct store_sql set_judged = {
	"block_judged", "UPDATE block SET verified = $2, verified_ms = $3, check_ms = $4 WHERE id = $1"
};

struct judged {
	const char *id, *org, *value, *was, *verdict;
	int64_t incident, refused, passed, expires_ms, now;
};

static int tell_timeline(struct respond *r, const struct judged *j, struct err *err)
{
	char kind[32], a[24], b[24];
	bool passing = strcmp(j->verdict, "still_passing") == 0;
	snprintf(kind, sizeof kind, "block_%s", j->verdict);
	snprintf(a, sizeof a, "%lld", (long long)(passing ? j->passed : j->refused));
	snprintf(b, sizeof b, "%lld", (long long)j->refused);
	return timeline_add(r->store, j->incident, j->org, j->now, RESPOND_ACTOR, kind, j->id, a, passing ? b : NULL, err);
}

/* The block doesn't hold: the desk hears it by log, record, counter, board and mail. */
static int raise_alarm(struct respond *r, const struct judged *j, struct err *err)
{
	log_error(j->org, j->id, "the block doesn't hold: %lld passed, %lld refused since it acted", (long long)j->passed,
	          (long long)j->refused);
	respond_audit(r, j->org, RESPOND_ACTOR, "block.leak", false, "%s %s: %lld passed", j->id, j->value, (long long)j->passed);
	respond_stat(r, "blocks_leaked", 1, true);
	return notify_leak(r, j->org, j->id, j->value, j->passed, j->refused, j->now, err);
}

static int judge(struct respond *r, const struct store_rows *rows, int k, int64_t now, struct err *err)
{
	struct judged j = { store_col(rows, k, 0), store_col(rows, k, 1), store_col(rows, k, 3), store_col(rows, k, 4), "no_attempt",
		            store_col_int(rows, k, 2, 0), store_col_int(rows, k, 5, 0), store_col_int(rows, k, 6, 0),
		            store_col_int(rows, k, 8, 0), now };
	struct store_args a = { 0 };
	bool passing = j.passed && now - store_col_int(rows, k, 7, 0) < BLOCK_LEAK_MS;
	if (passing)
		j.verdict = "still_passing";
	else if (j.refused)
		j.verdict = "stopped";
	bool news = strcmp(j.verdict, j.was) != 0;
	store_text(&a, j.id), store_text(&a, j.verdict), store_int(&a, now);
	store_int_or_null(&a, passing ? now + BLOCK_LEAK_MS : 0, 0);
	int res = store_run(r->store, &set_judged, &a, NULL, err);
	if (res == 0 && news && j.incident)
		res = tell_timeline(r, &j, err);
	return res < 0 || !news || !passing ? res : raise_alarm(r, &j, err);
}

/* ---- the terminal still calls: whoever sits beside it must know ---- */

/* Once they had their time to pull the cable (escalate1), and again each hour while it goes on. */
static const struct store_sql still_calling = {
	"block_still_calling",
	"SELECT b.id, b.incident, sum(c.n) FROM block b JOIN block_call c ON c.block = b.id AND NOT c.passed"
	" JOIN incident i ON i.id = b.incident AND i.state <> 'closed' AND i.notice_started_ms IS NOT NULL"
	" WHERE b.state = 'active' AND b.verified <> 'still_passing' AND b.acted_ms <= $1 AND coalesce(b.calls_told_ms, 0) <= $2 GROUP BY b.id"
	" HAVING max(c.heard_ms) > $1 AND max(c.heard_ms) > b.acted_ms + $3 ORDER BY b.id LIMIT 50"
};
static const struct store_sql set_told = { "block_calls_told", "UPDATE block SET calls_told_ms = $2 WHERE id = $1" };

static int tell_calls(struct respond *r, const char *id, int64_t incident, int64_t n, int64_t now, struct err *err)
{
	struct arena arena;
	struct incident i = { 0 };
	struct store_args a = { 0 };
	arena_init(&arena, 256 * KIB);
	int res = incident_load_id(r->store, incident, &arena, &i, err);
	if (res == 0)
		res = notify_calls(r, &i, id, n, now, err);
	arena_done(&arena);
	store_text(&a, id), store_int(&a, now);
	return res < 0 ? res : store_run(r->store, &set_told, &a, NULL, err);
}

static int check_calls(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	int64_t pause = r->desk->clock.escalate1_ms;
	store_int(&a, now - pause), store_int(&a, now - BLOCK_CALLS_MS), store_int(&a, pause);
	int res = store_run(r->store, &still_calling, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++)
		res = tell_calls(r, store_col(&rows, k, 0), store_col_int(&rows, k, 1, 0), store_col_int(&rows, k, 2, 0), now, err);
	store_rows_done(&rows);
	return res;
}

int block_check(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, now);
	int res = store_run(r->store, &to_judge, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++)
		res = judge(r, &rows, k, now, err);
	store_rows_done(&rows);
	return res < 0 ? res : check_calls(r, now, err);
}

static const struct store_sql refused_of = {
	"block_refused_of", "SELECT coalesce(sum(c.n), 0) FROM block_call c JOIN block b ON b.id = c.block"
			    " WHERE b.incident = $1 AND NOT c.passed"
};

int block_refused(struct respond *r, int64_t incident, int64_t *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, incident);
	int res = store_run(r->store, &refused_of, &a, &rows, err);
	*ret = res == 0 ? store_col_int(&rows, 0, 0, 0) : 0;
	store_rows_done(&rows);
	return res;
}

/* ---- what detectd looks for ---- */

static const struct store_sql active = {
	"block_watched", "SELECT id, org, kind, value, acted_ms FROM block WHERE state = 'active' AND kind NOT IN ('blackhole', 'flow') ORDER BY acted_ms DESC, id LIMIT 20000"
};

int block_watch_list(struct respond *r, int64_t now, struct buf *b, struct err *err)
{
	struct store_rows rows = { 0 };
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	res = store_run(r->store, &active, NULL, &rows, err);
	wr_u32(b, res == 0 ? (uint32_t)rows.n : 0);
	for (int k = 0; res == 0 && k < rows.n; k++) {
		struct indicator i = { .since_ms = store_col_int(&rows, k, 4, 0) };
		if (i.since_ms > now) /* the clock went back since: from now on, then */
			i.since_ms = now;
		snprintf(i.id, sizeof i.id, "%s", store_col(&rows, k, 0));
		snprintf(i.org, sizeof i.org, "%s", store_col(&rows, k, 1));
		snprintf(i.value, sizeof i.value, "%s", store_col(&rows, k, 3));
		block_kind_parse(store_col(&rows, k, 2), &i.kind);
		indicators_write(b, &i);
	}
	store_rows_done(&rows);
	store_abort(r->store);
	return res < 0 ? res : b->failed ? err_set(err, E_LIMIT, "watch", "the list of blocks is too long") : 0;
}
