/* A block replays itself before it acts: whom would it have hit in the last 30 days? See block.h. The log is asked through an inquiry
 * (inquiry.h); the order waits for the answer, at most BLOCK_REPLAY_MS: what the log can't tell in time must not let an attack go on.
 *
 * Two answers stop a block of the system's own: an address that was met under two or more names is shared (M-090: the name, never the
 * address), and what many bodies have used since before yesterday is no command server but something their work needs. A person
 * decides then. What a person ordered acts whatever was used; a shared address never does. */
#include "respond/block.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "incident/timeline.h"
#include "respond/inquiry.h"
#include "respond/notify.h"

#include <stdio.h>

#define DAY_MS 86400000LL

int block_replay_begin(struct respond *r, const struct incident *i, const char *scope, uint8_t kind, const char *value, const char *by,
                       int64_t now, int64_t *ret_inquiry, struct err *err)
{
	struct inquiry_new n = { .i = i, .kind = "replay", .type = block_kind_name(kind), .value = value, .by = by, .scope = scope,
		                 .from_ms = now - INQUIRY_DAYS * DAY_MS, .to_ms = now, .now_ms = now };
	*ret_inquiry = 0;
	return !r->asker || kind == BLOCK_TERMINAL || block_is_announced(kind) ? 0 : inquiry_add(r, &n, ret_inquiry, err);
}

static const struct store_sql measure = {
	"replay_measure", "SELECT count(*), count(DISTINCT org), coalesce(sum(passed), 0),"
			  " count(DISTINCT org) FILTER (WHERE passed > 0 AND first_ms <= $2) FROM inquiry_hit WHERE inquiry = $1"
};
static const struct store_sql names_met = { "replay_names", "SELECT jsonb_array_length(names::jsonb), names FROM inquiry WHERE id = $1" };
/* The rows that wait for it; a person's word (author) isn't held, only a shared address stops it. */
static const struct store_sql rows_of = {
	"replay_rows", "SELECT id, incident, org, value, kind, author, acted_ms FROM block WHERE inquiry = $1"
};
static const struct store_sql hold = {
	"replay_hold", "UPDATE block SET state = 'requested', held = $2 WHERE id = $1 AND state IN ('ordered', 'requested')"
};
static const struct store_sql refuse = {
	"replay_refuse", "UPDATE block SET state = 'failed', held = $2, last_error = $2 WHERE id = $1 AND state IN ('ordered', 'requested')"
};
static const struct store_sql let_go = { "replay_let_go", "UPDATE block SET next_ms = least(next_ms, $2) WHERE inquiry = $1 AND state = 'ordered'" };

struct replayed {
	int64_t inquiry, now, terminals, orgs, passed, habitual;
	int names;
	char list[512];
};

static int read_replay(struct respond *r, struct replayed *p, struct err *err)
{
	struct store_args m = { 0 }, n = { 0 };
	struct store_rows rows = { 0 };
	store_int(&m, p->inquiry), store_int(&m, p->now - DAY_MS);
	int res = store_run(r->store, &measure, &m, &rows, err);
	if (res == 0)
		p->terminals = store_col_int(&rows, 0, 0, 0), p->orgs = store_col_int(&rows, 0, 1, 0), p->passed = store_col_int(&rows, 0, 2, 0),
		p->habitual = store_col_int(&rows, 0, 3, 0);
	store_rows_done(&rows);
	store_int(&n, p->inquiry);
	res = res < 0 ? res : store_run(r->store, &names_met, &n, &rows, err);
	if (res == 0 && rows.n) {
		p->names = (int)store_col_int(&rows, 0, 0, 0);
		snprintf(p->list, sizeof p->list, "%.500s", store_col(&rows, 0, 1));
	}
	store_rows_done(&rows);
	return res;
}

/* In use at three bodies, and at a third of all, since before yesterday. */
static bool in_common_use(const struct respond *r, const struct replayed *p)
{
	return p->habitual >= 3 && 3 * p->habitual >= (int64_t)r->desk->n_orgs;
}

static int set_row(struct respond *r, const struct store_sql *q, const char *id, const char *why, struct err *err)
{
	struct store_args a = { 0 };
	store_text(&a, id), store_text(&a, why);
	return store_run(r->store, q, &a, NULL, err);
}

static int settle_row(struct respond *r, const struct replayed *p, const struct store_rows *rows, int k, struct err *err)
{
	const char *id = store_col(rows, k, 0), *org = store_col(rows, k, 2), *value = store_col(rows, k, 3);
	bool ours = strcmp(store_col(rows, k, 5), RESPOND_ACTOR) == 0;
	bool is_address = strcmp(store_col(rows, k, 4), block_kind_name(BLOCK_ADDRESS)) == 0;
	int64_t incident = store_col_int(rows, k, 1, 0);
	bool acts = store_col_int(rows, k, 6, NO_TIME) != NO_TIME;
	const char *why = acts ? NULL : is_address && p->names >= 2 ? "shared_address" : ours && in_common_use(r, p) ? "common" : NULL;
	char terminals[24], passed[24];
	int res = 0;
	snprintf(terminals, sizeof terminals, "%lld", (long long)p->terminals);
	snprintf(passed, sizeof passed, "%lld", (long long)p->passed);
	if (incident)
		res = timeline_add(r->store, incident, org, p->now, RESPOND_ACTOR, "block_replayed", id, terminals, passed, err);
	if (res < 0 || !why)
		return res;
	bool never = strcmp(why, "shared_address") == 0;
	log_warn(org, id, "%s: %s", value, never ? "the address is shared" : "in common use: a person decides");
	res = set_row(r, never ? &refuse : &hold, id, why, err);
	if (res == 0 && incident)
		res = timeline_add(r->store, incident, org, p->now, RESPOND_ACTOR, never ? "block_refused" : "block_held", value, why, NULL, err);
	if (res == 0 && incident)
		res = notify_held(r, org, id, value, never ? p->list : "", p->orgs, p->terminals, p->now, err);
	return res;
}

int block_replayed(struct respond *r, int64_t inquiry, int64_t now, struct err *err)
{
	struct replayed p = { .inquiry = inquiry, .now = now };
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	int res = read_replay(r, &p, err);
	store_int(&a, inquiry);
	res = res < 0 ? res : store_run(r->store, &rows_of, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++)
		res = settle_row(r, &p, &rows, k, err);
	store_rows_done(&rows);
	return res < 0 ? res : block_replay_over(r, inquiry, now, err);
}

int block_replay_over(struct respond *r, int64_t inquiry, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, inquiry), store_int(&a, now);
	r->work_ms = 0;
	return store_run(r->store, &let_go, &a, NULL, err);
}
