/* See handover.h. */
#include "respond/handover.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/playbook.h"
#include "respond/text.h"
#include "wire/words.h"

#include <stdio.h>

#define DAY_MS 86400000LL
#define JST_MS (9 * 3600000LL)

int64_t handover_boundary(unsigned day_minute, unsigned night_minute, int64_t now, bool *ret_to_day)
{
	int64_t midnight = (now + JST_MS) / DAY_MS * DAY_MS - JST_MS, best = INT64_MIN;
	for (int d = -1; d <= 0; d++)
		for (int day = 0; day < 2; day++) {
			int64_t t = midnight + d * DAY_MS + (day ? day_minute : night_minute) * 60000LL;
			if (t <= now && t > best) {
				best = t;
				*ret_to_day = day;
			}
		}
	return best;
}

/* ---- the text ---- */

struct writing {
	struct respond *r;
	struct buf *b;
	int64_t since, now;
	struct err *err;
};

static const struct store_sql open_ones = {
	"handover_open", "SELECT i.number, i.org, coalesce(i.judged, i.severity), i.judged IS NOT NULL, i.state, i.title_ja, i.terminal, i.notice_started_ms,"
			 " i.acked_ms, i.notice_due_ms, i.notice_sent_ms, i.escalation, t.step, t.owner, i.acked_by FROM incident i LEFT JOIN LATERAL"
			 " (SELECT step, owner FROM task t WHERE t.incident = i.id AND t.done_ms IS NULL AND t.list = 'playbook' ORDER BY nth LIMIT 1) t"
			 " ON true WHERE i.state <> 'closed' ORDER BY 3 DESC, i.id DESC LIMIT 100"
};
static const struct store_sql counts = {
	"handover_counts", "SELECT count(*) FILTER (WHERE created_ms >= $1 AND created_ms < $2), count(*) FILTER (WHERE created_ms >= $1 AND created_ms < $2 AND"
			   " coalesce(judged, severity) >= 2), count(*) FILTER (WHERE closed_ms >= $1 AND closed_ms < $2),"
			   " count(*) FILTER (WHERE notice_late AND created_ms >= $1) FROM incident"
};
static const struct store_sql open_tasks = {
	"handover_tasks", "SELECT i.number, t.step, t.title, t.role, t.owner FROM task t JOIN incident i ON i.id = t.incident WHERE t.list = 'task'"
			  " AND t.done_ms IS NULL AND i.state <> 'closed' ORDER BY t.id LIMIT 100"
};
static const struct store_sql calls = {
	"handover_calls", "SELECT i.number, c.at_ms, c.by_name, c.to_name, c.phone, c.result FROM call c JOIN incident i ON i.id = c.incident"
			  " WHERE c.at_ms >= $1 AND c.at_ms < $2 ORDER BY c.id LIMIT 100"
};
static const struct store_sql blocks = {
	"handover_blocks", "SELECT id, org, value, state, expires_ms FROM block WHERE state IN ('requested', 'ordered', 'active') AND"
			   " (state <> 'active' OR expires_ms < $1) ORDER BY expires_ms LIMIT 100"
};
static const struct store_sql undelivered = {
	"handover_undelivered", "SELECT reference, recipient, phone, last_error FROM notice WHERE state = 'failed' AND created_ms >= $1 ORDER BY id LIMIT 100"
};

static const char *org_name(const struct writing *w, const char *code)
{
	const struct desk_org *o = desk_org(w->r->desk, code);
	return o ? o->name : code;
}

static int section(struct writing *w, const char *title, const struct store_sql *q, struct store_args *a,
                   void (*line)(struct writing *, const struct store_rows *, int))
{
	struct store_rows rows = { 0 };
	int res = store_run(w->r->store, q, a, &rows, w->err);
	if (res < 0)
		return res;
	buf_printf(w->b, q == &counts ? "\n■ %s\n" : "\n■ %s(%d件)\n", title, rows.n);
	for (int k = 0; k < rows.n; k++)
		line(w, &rows, k);
	if (rows.n == 0)
		buf_puts(w->b, "  ありません。\n");
	store_rows_done(&rows);
	return 0;
}

/* What the clocks ask for next. */
static void put_clock(struct writing *w, const struct store_rows *r, int k)
{
	char t[40];
	int64_t started = store_col_int(r, k, 7, NO_TIME), acked = store_col_int(r, k, 8, NO_TIME), due = store_col_int(r, k, 9, NO_TIME);
	if (acked != NO_TIME)
		buf_printf(w->b, "    受領確認: 済み(%s)\n", store_col(r, k, 14));
	else if (started != NO_TIME)
		buf_printf(w->b, "    受領確認: まだです。連絡 %lld回目\n", (long long)store_col_int(r, k, 11, 0));
	if (due != NO_TIME && store_col_int(r, k, 10, NO_TIME) == NO_TIME) {
		notice_time(due, t);
		buf_printf(w->b, "    緊急連絡の期限: %s\n", t);
	}
}

static void line_open(struct writing *w, const struct store_rows *r, int k)
{
	buf_printf(w->b, "  %s  %s  危険度%lld(%s)  %s  %s\n", store_col(r, k, 0), org_name(w, store_col(r, k, 1)), (long long)store_col_int(r, k, 2, 0),
	           store_col_bool(r, k, 3) ? "判断" : "暫定", words_of(WORDS_STATE, store_col(r, k, 4), true), store_col(r, k, 5));
	if (store_col(r, k, 6)[0])
		buf_printf(w->b, "    端末: %s\n", store_col(r, k, 6));
	put_clock(w, r, k);
	if (store_col(r, k, 12)[0])
		buf_printf(w->b, "    次にすること: %s%s%s\n", playbook_words(store_col(r, k, 12), true), store_col(r, k, 13)[0] ? "  担当 " : "", store_col(r, k, 13));
}

static void line_counts(struct writing *w, const struct store_rows *r, int k)
{
	buf_printf(w->b, "  受付 %lld件(うち危険度2以上 %lld件)、完了 %lld件、期限を過ぎた緊急連絡 %lld件\n", (long long)store_col_int(r, k, 0, 0),
	           (long long)store_col_int(r, k, 1, 0), (long long)store_col_int(r, k, 2, 0), (long long)store_col_int(r, k, 3, 0));
}

static void line_task(struct writing *w, const struct store_rows *r, int k)
{
	buf_printf(w->b, "  %s  %s %s  担当 %s %s\n", store_col(r, k, 0), playbook_words(store_col(r, k, 1), true), store_col(r, k, 2),
	           playbook_words(store_col(r, k, 3), true), store_col(r, k, 4));
}

static void line_call(struct writing *w, const struct store_rows *r, int k)
{
	char t[40];
	notice_time(store_col_int(r, k, 1, 0), t);
	buf_printf(w->b, "  %s  %s  %s → %s(%s): %s\n", store_col(r, k, 0), t, store_col(r, k, 2), store_col(r, k, 3), store_col(r, k, 4),
	           words_of(WORDS_CALL, store_col(r, k, 5), true));
}

static void line_block(struct writing *w, const struct store_rows *r, int k)
{
	char t[40];
	notice_time(store_col_int(r, k, 4, 0), t);
	buf_printf(w->b, "  %s  %s  %s  %s  期限 %s\n", store_col(r, k, 0), org_name(w, store_col(r, k, 1)), store_col(r, k, 2),
	           words_of(WORDS_BLOCK, store_col(r, k, 3), true), t);
}

static void line_undelivered(struct writing *w, const struct store_rows *r, int k)
{
	buf_printf(w->b, "  %s  %s  %s  %s\n", store_col(r, k, 0), store_col(r, k, 1), store_col(r, k, 2), store_col(r, k, 3));
}

static int write_text(struct writing *w, const char *kind)
{
	struct store_args none = { 0 }, span = { 0 }, soon = { 0 }, since = { 0 };
	char from[40], to[40];
	notice_time(w->since, from), notice_time(w->now, to);
	buf_printf(w->b, "引継書 %s\n対象: %s から %s まで\n", words_of(WORDS_SHIFT, kind, true), from, to);
	store_int(&span, w->since), store_int(&span, w->now);
	store_int(&soon, w->now + DAY_MS / 2);
	store_int(&since, w->since);
	int res = section(w, "この間の件数", &counts, &span, line_counts);
	res = res < 0 ? res : section(w, "対応中のインシデント", &open_ones, &none, line_open);
	res = res < 0 ? res : section(w, "頼まれている作業", &open_tasks, &none, line_task);
	res = res < 0 ? res : section(w, "電話の記録", &calls, &span, line_call);
	res = res < 0 ? res : section(w, "確認待ちの遮断と、12時間以内に期限が来る遮断", &blocks, &soon, line_block);
	return res < 0 ? res : section(w, "届かなかった連絡", &undelivered, &since, line_undelivered);
}

/* ---- rows ---- */

static const struct store_sql last_at = { "handover_last", "SELECT max(at_ms) FROM handover WHERE at_ms <= $1" };
static const struct store_sql insert = {
	"handover_add", "INSERT INTO handover(kind, since_ms, at_ms, by_name, body) VALUES ($1, $2, $3, $4, $5) RETURNING id"
};

static int since_last(struct respond *r, int64_t now, int64_t *ret, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, now);
	int res = store_run(r->store, &last_at, &a, &rows, err);
	int64_t last = res == 0 ? store_col_int(&rows, 0, 0, NO_TIME) : NO_TIME;
	store_rows_done(&rows);
	*ret = last != NO_TIME && now - last <= DAY_MS ? last : now - DAY_MS / 2;
	return res;
}

int handover_write(struct respond *r, const char *kind, int64_t since_ms, const char *by, int64_t now, int64_t *ret_id, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	struct buf b;
	struct writing w = { r, &b, since_ms, now, err };
	if (strcmp(words_of(WORDS_SHIFT, kind, false), kind) == 0)
		return err_set(err, E_INVALID, "kind", "not to_day, to_night, to_noc or to_soc");
	int res = since_ms ? 0 : since_last(r, now, &w.since, err);
	buf_init(&b, 256 * KIB);
	res = res < 0 ? res : write_text(&w, kind);
	if (res == 0 && b.failed)
		res = err_set(err, E_LIMIT, "handover", "too long");
	store_text(&a, kind), store_int(&a, w.since), store_int(&a, now), store_text(&a, by), store_text(&a, buf_cstr(&b));
	res = res < 0 ? res : store_run(r->store, &insert, &a, &rows, err);
	*ret_id = res == 0 ? store_col_int(&rows, 0, 0, 0) : 0;
	store_rows_done(&rows);
	buf_done(&b);
	return res;
}

static const struct store_sql take = {
	"handover_take", "UPDATE handover SET taken_by = $2, taken_ms = $3 WHERE id = $1 AND taken_ms IS NULL"
};
static const struct store_sql exists = { "handover_exists", "SELECT taken_by FROM handover WHERE id = $1" };

int handover_take(struct respond *r, int64_t id, const char *by, int64_t now, struct err *err)
{
	struct store_args a = { 0 }, e = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, id), store_text(&a, by), store_int(&a, now);
	int res = store_run(r->store, &take, &a, &rows, err);
	int n = rows.n;
	store_rows_done(&rows);
	if (res < 0 || n)
		return res;
	store_int(&e, id);
	res = store_run(r->store, &exists, &e, &rows, err);
	if (res == 0)
		res = rows.n ? err_set(err, E_STATE, "handover", "%s took it already", store_col(&rows, 0, 0)) : err_set(err, E_NOT_FOUND, "handover", "no such hand-over");
	store_rows_done(&rows);
	return res;
}

static const struct store_sql list = {
	"handover_list", "SELECT id, kind, by_name, body, taken_by, since_ms, at_ms, taken_ms FROM handover ORDER BY id DESC LIMIT $1"
};

int handover_format(struct respond *r, int limit, struct buf *b, struct err *err)
{
	static const char *const texts[] = { "kind", "by", "text", "taken_by" }, *const times[] = { "since", "time", "taken" };
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, limit);
	int res = store_run(r->store, &list, &a, &rows, err);
	json_key(b, "handovers");
	buf_putc(b, '[');
	for (int i = 0; res == 0 && i < rows.n; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_u64(b, "id", (uint64_t)store_col_int(&rows, i, 0, 0));
		for (int k = 0; k < 4; k++)
			if (store_col(&rows, i, k + 1)[0])
				json_field_s(b, texts[k], store_col(&rows, i, k + 1));
		for (int k = 0; k < 3; k++)
			if (store_col_int(&rows, i, k + 5, NO_TIME) != NO_TIME)
				json_field_u64(b, times[k], (uint64_t)store_col_int(&rows, i, k + 5, 0));
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	store_rows_done(&rows);
	return res;
}

static const struct store_sql written = { "handover_written", "SELECT 1 FROM handover WHERE at_ms >= $1 AND kind = $2 LIMIT 1" };

int handover_work(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	bool to_day = false;
	int64_t id, at = handover_boundary(r->desk->clock.day_minute, r->desk->clock.night_minute, now, &to_day);
	const char *kind = to_day ? "to_day" : "to_night";
	if (at == r->handover_ms)
		return 0; /* this shift's is written */
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	store_int(&a, at), store_text(&a, kind);
	res = store_run(r->store, &written, &a, &rows, err);
	bool there = res == 0 && rows.n > 0;
	store_rows_done(&rows);
	if (res == 0 && !there)
		res = handover_write(r, kind, 0, RESPOND_ACTOR, now, &id, err);
	res = res < 0 ? res : store_commit(r->store, err);
	store_abort(r->store);
	if (res == 0)
		r->handover_ms = at;
	return res;
}
