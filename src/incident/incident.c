/* The incident as a row: loading, and the changes people make to it; see incident.h. Findings come in by take.c. */
#include "incident/incident.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/severity.h"
#include "incident/timeline.h"

#include <stdio.h>

#define COLUMNS                                                                                                      \
	"id, number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level, terminal,"      \
	" observable_type, observable, findings, events, created_ms, first_ms, last_ms, found_ms, judged, judged_by,"  \
	" judged_reason, judged_ms, notice_due_ms, notice_started_ms, notice_sent_ms, notice_late, escalation,"        \
	" acked_ms, acked_by, call_sheet, report_first_ms, report_follow_ms, report_final_ms, closed_ms, closed_by, playbook, first_judged_ms,"  \
	" (SELECT min(acted_ms) FROM block WHERE block.incident = incident.id AND block.org = incident.org)"

static const struct store_sql by_number = { "incident_by_number", "SELECT " COLUMNS " FROM incident WHERE number = $1" };
static const struct store_sql by_id = { "incident_by_id", "SELECT " COLUMNS " FROM incident WHERE id = $1" };
static const struct store_sql all = {
	"incident_all", "SELECT " COLUMNS " FROM incident WHERE NOT $1::boolean OR state <> 'closed'"
			" ORDER BY id DESC LIMIT $2"
};

static void read_row(const struct store_rows *rows, int r, struct arena *a, struct incident *i)
{
	int c = 0;
#define TEXT(field) i->field = arena_strdup(a, str_from(store_col(rows, r, c++)))
#define INT(field, null) i->field = store_col_int(rows, r, c++, null)
	INT(id, 0);
	TEXT(number), TEXT(org), TEXT(state), TEXT(title), TEXT(title_ja), TEXT(rule), TEXT(opened_by);
	i->severity = (int)store_col_int(rows, r, c++, 0);
	TEXT(reasons), TEXT(signature_level), TEXT(terminal), TEXT(observable_type), TEXT(observable);
	INT(findings, 0), INT(events, 0), INT(created_ms, 0), INT(first_ms, 0), INT(last_ms, 0), INT(found_ms, 0);
	i->judged = (int)store_col_int(rows, r, c++, -1);
	TEXT(judged_by), TEXT(judged_reason);
	INT(judged_ms, 0), INT(notice_due_ms, 0), INT(notice_started_ms, 0), INT(notice_sent_ms, 0);
	i->notice_late = store_col_bool(rows, r, c++);
	i->escalation = (int)store_col_int(rows, r, c++, 0);
	INT(acked_ms, 0);
	TEXT(acked_by), TEXT(call_sheet);
	INT(report_first_ms, 0), INT(report_follow_ms, 0), INT(report_final_ms, 0), INT(closed_ms, 0);
	TEXT(closed_by), TEXT(playbook);
	INT(first_judged_ms, 0), INT(blocked_ms, 0);
#undef TEXT
#undef INT
}

/* The arena's ceiling shows as a NULL string: the last one read tells. */
static int load(struct store *s, const struct store_sql *q, const struct store_args *args, const char *what,
                struct arena *a, struct incident *ret, struct err *err)
{
	struct store_rows rows = { 0 };
	struct incident i = { 0 };
	int r = store_run(s, q, args, &rows, err);
	if (r < 0)
		return r;
	if (rows.n != 1) {
		store_rows_done(&rows);
		return err_set(err, E_NOT_FOUND, what, "no such incident");
	}
	read_row(&rows, 0, a, &i);
	store_rows_done(&rows);
	if (!i.playbook || !i.call_sheet || !i.reasons)
		return err_set(err, E_NOMEM, what, "no memory");
	*ret = i;
	return 0;
}

int incident_load(struct store *s, const char *number, struct arena *a, struct incident *ret, struct err *err)
{
	struct store_args args = { 0 };
	store_text(&args, number);
	return load(s, &by_number, &args, number, a, ret, err);
}

int incident_load_id(struct store *s, int64_t id, struct arena *a, struct incident *ret, struct err *err)
{
	struct store_args args = { 0 };
	store_int(&args, id);
	return load(s, &by_id, &args, "incident", a, ret, err);
}

int incident_list(struct store *s, bool open_only, int limit, struct arena *a, struct incident **ret, size_t *ret_n,
                  struct err *err)
{
	struct store_rows rows = { 0 };
	struct store_args args = { 0 };
	store_text(&args, open_only ? "true" : "false");
	store_int(&args, limit);
	int r = store_run(s, &all, &args, &rows, err);
	if (r < 0)
		return r;
	struct incident *list = arena_array(a, (size_t)rows.n + 1, sizeof *list);
	for (int k = 0; list && k < rows.n; k++) {
		read_row(&rows, k, a, &list[k]);
		if (!list[k].playbook || !list[k].call_sheet || !list[k].reasons)
			list = NULL;
	}
	*ret = list;
	*ret_n = (size_t)rows.n;
	store_rows_done(&rows);
	return list ? 0 : err_set(err, E_NOMEM, "", "no memory");
}

static const struct store_sql next_number = {
	"next_number", "INSERT INTO counter(kind, day, n) VALUES ($1, $2, 1)"
		       " ON CONFLICT (kind, day) DO UPDATE SET n = counter.n + 1 RETURNING n"
};

int incident_next_number(struct store *s, const char *kind, int64_t now_ms, char ret[INCIDENT_NUMBER], struct err *err)
{
	char t[CLOCK_TEXT], day[12];
	struct store_rows rows = { 0 };
	struct store_args a = { 0 };
	clock_format_jst(now_ms, t);
	snprintf(day, sizeof day, "%.4s%.2s%.2s", t, t + 5, t + 8);
	store_text(&a, kind);
	store_text(&a, day);
	int r = store_run(s, &next_number, &a, &rows, err);
	if (r == 0)
		snprintf(ret, INCIDENT_NUMBER, "%s-%s-%04lld", kind, day, (long long)store_col_int(&rows, 0, 0, 0));
	store_rows_done(&rows);
	return r;
}

/* ---- states ---- */

bool incident_may_go(const char *from, const char *to)
{
	static const char *const steps[][2] = {
		{ "received", "analysing" },  { "received", "handling" },   { "received", "recovering" },
		{ "received", "closed" },     { "analysing", "handling" },  { "analysing", "recovering" },
		{ "analysing", "closed" },    { "handling", "analysing" },  { "handling", "recovering" },
		{ "handling", "closed" },     { "recovering", "handling" }, { "recovering", "closed" },
	};
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (strcmp(steps[i][0], from) == 0 && strcmp(steps[i][1], to) == 0)
			return true;
	return false;
}

static const struct store_sql set_state = { "incident_state", "UPDATE incident SET state = $2 WHERE id = $1" };

int incident_set_state(struct store *s, const struct incident *i, const char *to, const char *by, int64_t now_ms,
                       struct err *err)
{
	struct store_args a = { 0 };
	if (strcmp(i->state, to) == 0)
		return 0;
	if (!incident_may_go(i->state, to))
		return err_set(err, E_STATE, i->number, "an incident that is %s can't become %s", i->state, to);
	store_int(&a, i->id);
	store_text(&a, to);
	int r = store_run(s, &set_state, &a, NULL, err);
	return r < 0 ? r : timeline_add(s, i->id, i->org, now_ms, by, "state", i->state, to, NULL, err);
}

static int require_open(const struct incident *i, struct err *err)
{
	return strcmp(i->state, "closed") == 0 ? err_set(err, E_STATE, i->number, "the incident is closed") : 0;
}

static const struct store_sql insert_judgement = {
	"judgement_add", "INSERT INTO judgement(incident, org, at_ms, by_name, severity, provisional, reason)"
			 " VALUES ($1, $2, $3, $4, $5, $6, $7)"
};
static const struct store_sql set_judged = {
	"incident_judge", "UPDATE incident SET judged = $2, judged_by = $3, judged_reason = $4, judged_ms = $5,"
			  " notice_due_ms = $6, first_judged_ms = coalesce(first_judged_ms, $5) WHERE id = $1"
};

int incident_judge(struct store *s, const struct incident *i, const char *by, int severity, const char *reason,
                   int64_t notice_due_ms, int64_t now_ms, struct err *err)
{
	struct store_args j = { 0 }, a = { 0 };
	char level[4];
	int r = require_open(i, err);
	if (r < 0)
		return r;
	snprintf(level, sizeof level, "%d", severity);
	store_int(&j, i->id), store_text(&j, i->org), store_int(&j, now_ms), store_text(&j, by), store_int(&j, severity);
	store_int(&j, i->severity), store_text(&j, reason);
	store_int(&a, i->id), store_int(&a, severity), store_text(&a, by), store_text(&a, reason), store_int(&a, now_ms);
	store_int_or_null(&a, notice_due_ms, NO_TIME);
	r = store_run(s, &insert_judgement, &j, NULL, err);
	if (r == 0)
		r = store_run(s, &set_judged, &a, NULL, err);
	if (r == 0)
		r = timeline_add(s, i->id, i->org, now_ms, by, "judged", by, level, reason, err);
	if (r == 0)
		r = life_happened(s, i->id, i->org, "analyse", by, reason, now_ms, err);
	if (r == 0 && strcmp(i->state, "received") == 0)
		r = incident_set_state(s, i, "analysing", by, now_ms, err);
	return r;
}

static const struct store_sql set_acked = {
	"incident_ack", "UPDATE incident SET acked_ms = $2, acked_by = $3 WHERE id = $1 AND acked_ms IS NULL"
};

int incident_ack(struct store *s, const struct incident *i, const char *by, int64_t now_ms, struct err *err)
{
	struct store_args a = { 0 };
	int r = require_open(i, err);
	if (r < 0)
		return r;
	if (i->acked_ms)
		return err_set(err, E_EXISTS, i->number, "receipt was confirmed already, by %s", i->acked_by);
	store_int(&a, i->id), store_int(&a, now_ms), store_text(&a, by);
	r = store_run(s, &set_acked, &a, NULL, err);
	if (r == 0)
		r = timeline_add(s, i->id, i->org, now_ms, by, "acked", by, NULL, NULL, err);
	if (r == 0 && (strcmp(i->state, "received") == 0 || strcmp(i->state, "analysing") == 0))
		r = incident_set_state(s, i, "handling", by, now_ms, err);
	return r;
}

static const struct store_sql set_closed = {
	"incident_close", "UPDATE incident SET state = 'closed', closed_ms = $2, closed_by = $3 WHERE id = $1"
};

int incident_close(struct store *s, const struct incident *i, const char *by, const char *reason, int64_t now_ms,
                   struct err *err)
{
	struct store_args a = { 0 };
	int r = require_open(i, err);
	if (r < 0)
		return r;
	store_int(&a, i->id), store_int(&a, now_ms), store_text(&a, by);
	r = store_run(s, &set_closed, &a, NULL, err);
	return r < 0 ? r : timeline_add(s, i->id, i->org, now_ms, by, "closed", by, reason, NULL, err);
}

static const struct store_sql set_first = {
	"report_first", "UPDATE incident SET report_first_ms = coalesce(report_first_ms, $2) WHERE id = $1"
};
static const struct store_sql set_follow = { "report_follow", "UPDATE incident SET report_follow_ms = $2 WHERE id = $1" };
static const struct store_sql set_final = { "report_final", "UPDATE incident SET report_final_ms = $2 WHERE id = $1" };

int incident_report(struct store *s, const struct incident *i, const char *which, const char *by, int64_t now_ms,
                    struct err *err)
{
	static const struct {
		const char *which;
		const struct store_sql *q;
	} reports[] = { { "first", &set_first }, { "follow", &set_follow }, { "final", &set_final } };
	for (size_t k = 0; k < ARRAY_LEN(reports); k++) {
		if (strcmp(reports[k].which, which) != 0)
			continue;
		struct store_args a = { 0 };
		store_int(&a, i->id), store_int(&a, now_ms);
		int r = store_run(s, reports[k].q, &a, NULL, err);
		r = r < 0 ? r : timeline_add(s, i->id, i->org, now_ms, by, "report", which, NULL, NULL, err);
		return r < 0 ? r : life_happened(s, i->id, i->org, k == 0 ? "prompt_report" : "report_result", by, "", now_ms, err);
	}
	return err_set(err, E_INVALID, "report", "not first, follow or final");
}

static const struct store_sql insert = {
	"incident_insert",
	"INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level,"
	" terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms)"
	" VALUES ($1, $2, 'received', $3, $3, '', $4, $5, $6, '', $7, $8, $9, $10, $10, $10, $10) RETURNING id"
};

int incident_open(struct store *s, const struct incident_new *n, char ret_number[INCIDENT_NUMBER], struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char reasons[600];
	int r = incident_next_number(s, "I", n->now_ms, ret_number, err);
	if (r < 0)
		return r;
	store_text(&a, ret_number), store_text(&a, n->org), store_text(&a, n->title), store_text(&a, n->by);
	store_int(&a, n->severity);
	store_text(&a, severity_reason_json(n->reason, reasons, sizeof reasons));
	store_text(&a, n->terminal), store_text(&a, n->observable_type), store_text(&a, n->observable);
	store_int(&a, n->now_ms);
	r = store_run(s, &insert, &a, &rows, err);
	int64_t id = r == 0 ? store_col_int(&rows, 0, 0, 0) : 0;
	store_rows_done(&rows);
	r = r < 0 ? r : timeline_add(s, id, n->org, n->now_ms, n->by, "opened_by_hand", ret_number, n->title, NULL, err);
	return r < 0 ? r : life_begin(s, id, n->org, n->playbook, n->by, n->now_ms, err);
}
