/* See life.h. */
#include "incident/life.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/fields.h"
#include "incident/playbook.h"
#include "incident/timeline.h"

#include <stdio.h>

/* Codes of the tables go in as one array: ASCII letters and "_" only, nothing to be quoted. */
static const struct store_sql add_steps = {
	"task_steps", "INSERT INTO task(incident, org, list, step, nth, role, created_ms, created_by)"
		      " SELECT $1::bigint, $2, $3, t.step, t.nth, t.role, $6::bigint, $7"
		      " FROM unnest($4::text[], $5::text[]) WITH ORDINALITY AS t(step, role, nth) ON CONFLICT DO NOTHING"
};
static const struct store_sql set_playbook = { "incident_playbook", "UPDATE incident SET playbook = $2 WHERE id = $1" };
static const struct store_sql drop_steps = {
	"task_drop", "DELETE FROM task WHERE incident = $1 AND list = 'playbook' AND done_ms IS NULL"
};

static void array_of(const struct playbook_step *steps, size_t n, bool roles, struct buf *b)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(b, "%c%s", i ? ',' : '{', roles ? steps[i].role : steps[i].code);
	buf_putc(b, '}');
}

struct adding {
	int64_t incident, now;
	const char *org, *by;
};

static int add_list(struct store *s, const struct adding *w, const char *list, const struct playbook_step *steps, size_t n, struct err *err)
{
	struct store_args a = { 0 };
	struct buf codes, roles;
	buf_init(&codes, 4 * KIB);
	buf_init(&roles, 4 * KIB);
	array_of(steps, n, false, &codes);
	array_of(steps, n, true, &roles);
	store_int(&a, w->incident), store_text(&a, w->org), store_text(&a, list), store_text(&a, buf_cstr(&codes));
	store_text(&a, buf_cstr(&roles)), store_int(&a, w->now), store_text(&a, w->by);
	int r = store_run(s, &add_steps, &a, NULL, err);
	buf_done(&codes);
	buf_done(&roles);
	return r;
}

static int begin(struct store *s, const struct adding *w, const struct playbook *p, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, w->incident), store_text(&a, p->code);
	int r = store_run(s, &set_playbook, &a, NULL, err);
	r = r < 0 ? r : add_list(s, w, "playbook", p->steps, p->n, err);
	return r < 0 ? r : timeline_add(s, w->incident, w->org, w->now, w->by, "playbook", p->code, NULL, NULL, err);
}

int life_begin(struct store *s, int64_t incident, const char *org, const char *playbook, const char *by, int64_t now_ms, struct err *err)
{
	const struct adding w = { incident, now_ms, org, by };
	int r = begin(s, &w, playbook_find(playbook), err);
	return r < 0 ? r : add_list(s, &w, "duty", duties, duties_n, err);
}

int life_playbook(struct store *s, const struct incident *i, const char *playbook, const char *by, int64_t now_ms, struct err *err)
{
	const struct playbook *p = playbook_find(playbook);
	const struct adding w = { i->id, now_ms, i->org, by };
	struct store_args a = { 0 };
	if (!p)
		return err_set(err, E_INVALID, "playbook", "not infection, inbound or outbound");
	store_int(&a, i->id);
	int r = store_run(s, &drop_steps, &a, NULL, err);
	return r < 0 ? r : begin(s, &w, p, err);
}

/* ---- done ---- */

static const struct store_sql happened = {
	"task_happened", "UPDATE task SET done_ms = $3, done_by = $4, result = $5 WHERE incident = $1 AND step = $2 AND list <> 'task'"
			 " AND done_ms IS NULL"
};

int life_happened(struct store *s, int64_t incident, const char *org, const char *step, const char *by, const char *result, int64_t now_ms,
                  struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, incident), store_text(&a, step), store_int(&a, now_ms), store_text(&a, by), store_text(&a, result);
	int r = store_run(s, &happened, &a, &rows, err);
	int n = rows.n;
	store_rows_done(&rows);
	return r < 0 || n == 0 ? r : timeline_add(s, incident, org, now_ms, by, "task_done", step, result, NULL, err);
}

static const struct store_sql read_task = { "task_read", "SELECT step, done_ms FROM task WHERE id = $1 AND incident = $2" };
static const struct store_sql told_before = {
	"task_told", "SELECT 1 FROM task WHERE incident = $1 AND step = 'report_before_stop' AND done_ms IS NOT NULL"
};
static const struct store_sql finish = { "task_finish", "UPDATE task SET done_ms = $2, done_by = $3, result = $4 WHERE id = $1" };

/* S-10 ⑤: the body first, then the stop. */
static int may_stop(struct store *s, const struct incident *i, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, i->id);
	int r = store_run(s, &told_before, &a, &rows, err);
	bool told = r == 0 && rows.n > 0;
	store_rows_done(&rows);
	return r < 0 || told ? r : err_set(err, E_STATE, i->number, "the organisation is told before a service is stopped: report_before_stop isn't done");
}

static int task_of(struct store *s, const struct incident *i, int64_t task, char *step, size_t size, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, task), store_int(&a, i->id);
	int r = store_run(s, &read_task, &a, &rows, err);
	if (r == 0 && rows.n == 0)
		r = err_set(err, E_NOT_FOUND, "task", "the incident has no such task");
	else if (r == 0 && store_col_int(&rows, 0, 1, NO_TIME) != NO_TIME)
		r = err_set(err, E_STATE, "task", "the task is done already");
	if (r == 0)
		snprintf(step, size, "%s", store_col(&rows, 0, 0));
	store_rows_done(&rows);
	return r;
}

int life_task_done(struct store *s, const struct incident *i, int64_t task, const char *by, const char *result, int64_t now_ms, struct err *err)
{
	struct store_args a = { 0 };
	char step[32];
	int r = task_of(s, i, task, step, sizeof step, err);
	if (r == 0 && strcmp(step, "stop") == 0)
		r = may_stop(s, i, err);
	store_int(&a, task), store_int(&a, now_ms), store_text(&a, by), store_text(&a, result);
	r = r < 0 ? r : store_run(s, &finish, &a, NULL, err);
	return r < 0 ? r : timeline_add(s, i->id, i->org, now_ms, by, "task_done", step, result, NULL, err);
}

static const struct store_sql set_owner = { "task_owner", "UPDATE task SET owner = $2 WHERE id = $1" };

int life_task_owner(struct store *s, const struct incident *i, int64_t task, const char *owner, const char *by, int64_t now_ms, struct err *err)
{
	struct store_args a = { 0 };
	char step[32];
	int r = task_of(s, i, task, step, sizeof step, err);
	store_int(&a, task), store_text(&a, owner);
	r = r < 0 ? r : store_run(s, &set_owner, &a, NULL, err);
	return r < 0 ? r : timeline_add(s, i->id, i->org, now_ms, by, "task_owner", step, owner, NULL, err);
}

static const struct store_sql find_step = {
	"task_find", "SELECT id FROM task WHERE incident = $1 AND step = $2 AND list <> 'task' ORDER BY done_ms IS NOT NULL LIMIT 1"
};

int life_task_find(struct store *s, const struct incident *i, const char *step, int64_t *ret_id, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, i->id), store_text(&a, step);
	int r = store_run(s, &find_step, &a, &rows, err);
	if (r == 0 && rows.n == 0)
		r = err_set(err, E_NOT_FOUND, "step", "the incident has no such step");
	if (r == 0)
		*ret_id = store_col_int(&rows, 0, 0, 0);
	store_rows_done(&rows);
	return r;
}

/* ---- added ---- */

static const struct store_sql add_task = {
	"task_add", "INSERT INTO task(incident, org, list, step, nth, role, owner, title, created_ms, created_by)"
		    " VALUES ($1, $2, 'task', $3, (SELECT count(*) + 1 FROM task WHERE incident = $1 AND list = 'task'), $4, $5, $6, $7, $8)"
		    " RETURNING id"
};

static int check_task(const struct task_new *n, struct err *err)
{
	if (!task_kind_known(n->kind))
		return err_set(err, E_INVALID, "kind", "not dispatch, stop, restore, ask or other");
	if (!task_role_known(n->role))
		return err_set(err, E_INVALID, "role", "not soc, noc, org or prefecture");
	if (!n->owner[0])
		return err_set(err, E_INVALID, "owner", "a task needs somebody who does it");
	if (strcmp(n->kind, "dispatch") == 0 && !n->ordered_by[0])
		return err_set(err, E_INVALID, "ordered_by", "on-site dispatch is ordered by the prefecture: by whom?");
	return 0;
}

int life_add_task(struct store *s, const struct incident *i, const struct task_new *n, int64_t *ret_id, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char title[700];
	int r = check_task(n, err);
	if (r < 0)
		return r;
	snprintf(title, sizeof title, "%s%s%s%s", n->title, n->ordered_by[0] ? " (指示: " : "", n->ordered_by, n->ordered_by[0] ? ")" : "");
	store_int(&a, i->id), store_text(&a, i->org), store_text(&a, n->kind), store_text(&a, n->role), store_text(&a, n->owner);
	store_text(&a, title), store_int(&a, n->now_ms), store_text(&a, n->by);
	r = store_run(s, &add_task, &a, &rows, err);
	if (r == 0)
		*ret_id = store_col_int(&rows, 0, 0, 0);
	store_rows_done(&rows);
	return r < 0 ? r : timeline_add(s, i->id, i->org, n->now_ms, n->by, "task_added", n->kind, title, n->owner, err);
}

static const struct store_sql add_report = {
	"report_add", "INSERT INTO report(incident, org, kind, reporter, phone, words, happened_ms, heard_ms, heard_by)"
		      " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
};

int life_report(struct store *s, const struct incident *i, const struct suspicion *w, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, i->id), store_text(&a, i->org), store_text(&a, w->kind), store_text(&a, w->reporter), store_text(&a, w->phone);
	store_text(&a, w->words), store_int(&a, w->happened_ms), store_int(&a, w->now_ms), store_text(&a, w->by);
	int r = store_run(s, &add_report, &a, NULL, err);
	return r < 0 ? r : timeline_add(s, i->id, i->org, w->now_ms, w->by, "reported", w->reporter, w->kind, w->words, err);
}

static const struct store_sql add_attachment = {
	"attachment_add", "INSERT INTO attachment(incident, org, sha256, name, bytes, kind, place, added_ms, added_by)"
			  " VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)"
};

int life_attach(struct store *s, const struct incident *i, const struct attachment *t, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, i->id), store_text(&a, i->org), store_text(&a, t->sha256), store_text(&a, t->name), store_int(&a, t->bytes);
	store_text(&a, t->kind), store_text(&a, t->place), store_int(&a, t->now_ms), store_text(&a, t->by);
	int r = store_run(s, &add_attachment, &a, NULL, err);
	if (r == -E_EXISTS)
		return err_set(err, E_EXISTS, t->sha256, "a file with this hash is attached already");
	r = r < 0 ? r : timeline_add(s, i->id, i->org, t->now_ms, t->by, "attached", t->name, t->sha256, NULL, err);
	if (r == 0 && strcmp(t->kind, "log") == 0)
		r = life_happened(s, i->id, i->org, "provide_logs", t->by, t->name, t->now_ms, err);
	return r;
}

/* ---- shown ---- */

static const struct store_sql tasks = {
	"show_tasks", "SELECT id, list, step, role, owner, title, created_by, done_by, result, created_ms, done_ms FROM task WHERE incident = $1"
		      " ORDER BY list = 'task', list = 'duty', nth, id LIMIT 200"
};
static const struct store_sql report = {
	"show_report", "SELECT kind, reporter, phone, words, heard_by, happened_ms, heard_ms FROM report WHERE incident = $1"
};
static const struct store_sql attachments = {
	"show_attachments", "SELECT name, sha256, kind, place, added_by, bytes, added_ms FROM attachment WHERE incident = $1"
			    " ORDER BY added_ms, sha256 LIMIT 500"
};
static const struct store_sql judgements = {
	"show_judgements", "SELECT by_name, reason, severity, provisional, at_ms FROM judgement WHERE incident = $1 ORDER BY id LIMIT 200"
};

static void row_task(const struct store_rows *r, int i, struct buf *b)
{
	static const char *const keys[] = { "list", "step", "role", "owner", "title", "created_by", "done_by", "result" };
	json_field_u64(b, "id", (uint64_t)store_col_int(r, i, 0, 0));
	for (int k = 0; k < (int)ARRAY_LEN(keys); k++)
		text_field(b, keys[k], store_col(r, i, k + 1));
	json_field_s(b, "text_ja", playbook_words(store_col(r, i, 2), true));
	json_field_s(b, "text", playbook_words(store_col(r, i, 2), false));
	time_field(b, "created", store_col_int(r, i, 9, NO_TIME));
	time_field(b, "done", store_col_int(r, i, 10, NO_TIME));
}

static void row_report(const struct store_rows *r, int i, struct buf *b)
{
	static const char *const keys[] = { "kind", "reporter", "phone", "words", "heard_by" };
	for (int k = 0; k < (int)ARRAY_LEN(keys); k++)
		text_field(b, keys[k], store_col(r, i, k));
	time_field(b, "happened", store_col_int(r, i, 5, NO_TIME));
	time_field(b, "heard", store_col_int(r, i, 6, NO_TIME));
}

static void row_attachment(const struct store_rows *r, int i, struct buf *b)
{
	static const char *const keys[] = { "name", "sha256", "kind", "place", "added_by" };
	for (int k = 0; k < (int)ARRAY_LEN(keys); k++)
		text_field(b, keys[k], store_col(r, i, k));
	json_field_u64(b, "bytes", (uint64_t)store_col_int(r, i, 5, 0));
	time_field(b, "added", store_col_int(r, i, 6, NO_TIME));
}

static void row_judgement(const struct store_rows *r, int i, struct buf *b)
{
	json_field_s(b, "by", store_col(r, i, 0));
	json_field_s(b, "reason", store_col(r, i, 1));
	json_field_u64(b, "severity", (uint64_t)store_col_int(r, i, 2, 0));
	json_field_u64(b, "provisional", (uint64_t)store_col_int(r, i, 3, 0));
	time_field(b, "time", store_col_int(r, i, 4, NO_TIME));
}

int life_format(struct store *s, const struct incident *i, struct buf *b, struct err *err)
{
	text_field(b, "playbook", i->playbook);
	int r = incident_format_rows(s, &tasks, i->id, "tasks", row_task, b, err);
	r = r < 0 ? r : incident_format_rows(s, &report, i->id, "report", row_report, b, err);
	r = r < 0 ? r : incident_format_rows(s, &attachments, i->id, "attachments", row_attachment, b, err);
	return r < 0 ? r : incident_format_rows(s, &judgements, i->id, "judgements", row_judgement, b, err);
}
