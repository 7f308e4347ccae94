/* See stage.h. */
#include "respond/stage.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/events.h"

#include <stdio.h>

static const struct store_sql unput = {
	"stage_unput", "SELECT e.id, e.org, e.at_ms, e.actor, e.kind, e.args, i.number, coalesce(i.judged, i.severity) FROM incident_event e"
		       " JOIN incident i ON i.id = e.incident WHERE e.id > greatest($1, (SELECT put FROM stage_mark)) ORDER BY e.id LIMIT $2"
};
static const struct store_sql move_mark = { "stage_mark", "UPDATE stage_mark SET put = greatest(put, $1)" };

static void put(struct respond *r, const struct store_rows *rows, int k)
{
	struct buf b;
	const char *org = store_col(rows, k, 1);
	buf_init(&b, EVENTS_MAX / 2);
	buf_puts(&b, "{\"class_uid\":6003");
	json_field_u64(&b, "time", (uint64_t)store_col_int(rows, k, 2, 0));
	json_field_s(&b, "org", org);
	json_field_s(&b, "product", "respondd");
	json_key(&b, "actor");
	buf_putc(&b, '{');
	json_field_s(&b, "user", store_col(rows, k, 3));
	buf_puts(&b, "},\"api\":{\"operation\":\"incident.stage\"},\"status\":\"Success\",\"incident\":{");
	json_field_s(&b, "number", store_col(rows, k, 6));
	json_field_u64(&b, "id", (uint64_t)store_col_int(rows, k, 0, 0));
	json_field_s(&b, "stage", store_col(rows, k, 4));
	json_field_s(&b, "values", store_col(rows, k, 5));
	json_field_u64(&b, "severity", (uint64_t)store_col_int(rows, k, 7, 0));
	buf_puts(&b, "}}");
	if (!b.failed && events_put(r->events, str_from(org), buf_view(&b)) == 0)
		r->stage_put = store_col_int(rows, k, 0, 0);
	buf_done(&b);
}

/* What was put is on disk: the mark follows. */
static int note_kept(struct respond *r, struct err *err)
{
	struct store_args a = { 0 };
	if (r->stage_put == r->stage_kept || events_unacked(r->events) > 0)
		return 0;
	if (events_dropped(r->events) != r->stage_dropped) { /* some may be among them: again, from the mark */
		r->stage_dropped = events_dropped(r->events);
		r->stage_put = r->stage_kept;
		return 0;
	}
	store_int(&a, r->stage_put);
	int res = store_run(r->store, &move_mark, &a, NULL, err);
	if (res == 0)
		r->stage_kept = r->stage_put;
	return res;
}

int stage_work(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	(void)now;
	if (!r->events)
		return 0;
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	res = note_kept(r, err);
	store_int(&a, r->stage_put), store_int(&a, STAGES_AT_ONCE);
	res = res < 0 ? res : store_run(r->store, &unput, &a, &rows, err);
	int last = 0;
	for (int k = 0; res == 0 && k < rows.n && k == last; k++) {
		put(r, &rows, k);
		last += r->stage_put == store_col_int(&rows, k, 0, 0); /* the ring is full: the rest waits */
	}
	store_rows_done(&rows);
	if (res == 0)
		res = store_commit(r->store, err);
	store_abort(r->store);
	return res;
}
