/* See witness.h. */
#include "respond/witness.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "respond/notify.h"
#include "wire/ctl.h"

#include <stdio.h>

#define DAY_MS 86400000LL
#define JST_MS (9 * 3600000LL)
#define SLIP_MAX 1024

/* The last morning. */
static int64_t morning(int64_t now)
{
	int64_t at = (now + JST_MS) / DAY_MS * DAY_MS - JST_MS + WITNESS_MINUTE * 60000LL;
	return at <= now ? at : at - DAY_MS;
}

static const struct store_sql last = { "witness_last", "SELECT max(morning_ms) FROM witness" };
static const struct store_sql put = { "witness_put", "INSERT INTO witness(morning_ms, sent) VALUES ($1, $2::boolean) ON CONFLICT DO NOTHING RETURNING 1" };

static int put_morning(struct respond *r, int64_t at, bool sent, bool *ret_new, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, at), store_text(&a, sent ? "true" : "false");
	int res = store_run(r->store, &put, &a, &rows, err);
	*ret_new = res == 0 && rows.n == 1;
	store_rows_done(&rows);
	return res;
}

/* Nothing was kept yet: it begins with the next morning. */
static int is_due(struct respond *r, int64_t now, bool *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	bool fresh;
	int res = store_run(r->store, &last, &a, &rows, err);
	int64_t was = res == 0 ? store_col_int(&rows, 0, 0, 0) : 0;
	store_rows_done(&rows);
	*ret = was && was < morning(now);
	return res < 0 || was ? res : put_morning(r, morning(now), false, &fresh, err);
}

int witness_work(struct respond *r, int64_t now, struct err *err)
{
	bool due = false;
	if (!r->asker || asker_has(r->asker, WITNESS_ID) || (now < r->witness_ms && r->witness_ms <= now + WITNESS_AGAIN_MS))
		return 0;
	int res = store_begin(r->store, STORE_ALL, err);
	res = res < 0 ? res : is_due(r, now, &due, err);
	res = res < 0 ? res : store_commit(r->store, err);
	store_abort(r->store);
	if (res < 0)
		return res;
	r->witness_ms = now + WITNESS_AGAIN_MS;
	if (due)
		asker_put(r->asker, WITNESS_ID, STR("{\"v\":1,\"do\":\"log.witness\"}")); /* full: in a minute */
	return 0;
}

/* What stands in a mail of ours is printable, whoever says it. */
static bool slip_ok(struct str s)
{
	if (!str_starts(s, STR("toride checkpoint v1\n")) || s.len > SLIP_MAX || s.ptr[s.len - 1] != '\n')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (s.ptr[i] != '\n' && ((unsigned char)s.ptr[i] < 0x20 || (unsigned char)s.ptr[i] > 0x7e))
			return false;
	return true;
}

static int send_slip(struct respond *r, const char *slip, int64_t now, struct err *err)
{
	bool fresh = false;
	char day[CLOCK_TEXT];
	clock_format_jst(now, day);
	int res = store_begin(r->store, STORE_ALL, err);
	res = res < 0 ? res : put_morning(r, morning(now), true, &fresh, err);
	if (res == 0 && fresh)
		res = notify_witness(r, day, slip, now, err);
	res = res < 0 ? res : store_commit(r->store, err);
	store_abort(r->store);
	return res;
}

void witness_answered(struct respond *r, struct asker_answer *w)
{
	struct err err = w->why;
	yyjson_doc *doc = w->done == 0 ? yyjson_read(w->reply.ptr, w->reply.len, 0) : NULL;
	struct str s = doc ? ctl_str(yyjson_doc_get_root(doc), "slip") : STR("");
	char slip[SLIP_MAX + 1];
	int res = w->done;
	if (res == 0 && (!s.ptr || !slip_ok(s) || !str_copy(s, slip, sizeof slip)))
		res = err_set(&err, E_CORRUPT, "search.sock", "its answer is of another form");
	res = res < 0 ? res : send_slip(r, slip, clock_now_ms(), &err);
	if (res < 0) /* asked again in a minute */
		log_err(LOG_LEVEL_WARN, "", "witness", &err);
	r->work_ms = 0;
	yyjson_doc_free(doc);
}
