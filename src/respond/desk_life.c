/* The work on an incident, as people ask for it: a suspicion they report, who else met it, steps, tasks, files. See desk.h. */
#include "respond/desk_call.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/playbook.h"
#include "incident/timeline.h"
#include "respond/inquiry.h"
#include "respond/notify.h"
#include "wire/words.h"

#include <stdio.h>

#define DAY_MS 86400000LL

static bool one_of(const char *v, const char *const *list)
{
	for (; *list; list++)
		if (strcmp(v, *list) == 0)
			return true;
	return false;
}

/* ---- a person's suspicion ---- */

struct report_words {
	char org[8], kind[12], reporter[DESK_NAME_MAX + 4], phone[44], type[16], value[1024], terminal[64], text[DESK_WORDS_MAX + 4], title[400];
};

static int read_report(struct desk_call *c, struct report_words *w)
{
	static const char *const kinds[] = { "page", "mail", "file", "call", "other", NULL };
	int res = desk_words(c, "org", 6, true, w->org, sizeof w->org);
	res = res < 0 ? res : desk_words(c, "kind", 8, true, w->kind, sizeof w->kind);
	res = res < 0 ? res : desk_words(c, "reporter", DESK_NAME_MAX, true, w->reporter, sizeof w->reporter);
	res = res < 0 ? res : desk_words(c, "phone", 40, false, w->phone, sizeof w->phone);
	res = res < 0 ? res : desk_words(c, "observable_type", 10, false, w->type, sizeof w->type);
	res = res < 0 ? res : desk_words(c, "observable", 1000, false, w->value, sizeof w->value);
	res = res < 0 ? res : desk_words(c, "terminal", 60, false, w->terminal, sizeof w->terminal);
	res = res < 0 ? res : desk_words(c, "text", DESK_WORDS_MAX, false, w->text, sizeof w->text);
	res = res < 0 ? res : desk_words(c, "title", 300, false, w->title, sizeof w->title);
	if (res < 0)
		return res;
	if (!desk_org(c->r->desk, w->org))
		return err_set(c->err, E_INVALID, "org", "no such organisation");
	if (!one_of(w->kind, kinds))
		return err_set(c->err, E_INVALID, "kind", "not page, mail, file, call or other");
	if (w->value[0] && !inquiry_type(w->type))
		return err_set(c->err, E_INVALID, "observable_type", "not hostname, ip, url, hash, mail or terminal");
	if (!w->title[0])
		snprintf(w->title, sizeof w->title, "申告: %s %.*s", words_of(WORDS_SUSPICION, w->kind, true), str_head(w->value, 300), w->value);
	return 0;
}

/* From `days` ago until now; -E_INVALID when that is more than a body's records can be. */
static int period(struct desk_call *c, struct inquiry_new *n)
{
	uint64_t days = ctl_u64(c->root, "days", INQUIRY_DAYS);
	if (days < 1 || days > 396)
		return err_set(c->err, E_INVALID, "days", "not 1 to 396");
	n->from_ms = c->now - (int64_t)days * DAY_MS;
	n->to_ms = c->now + 1;
	n->now_ms = c->now;
	n->by = c->by;
	return 0;
}

static int inquire(struct desk_call *c, const struct incident *i, const char *type, const char *value)
{
	struct inquiry_new n = { .i = i, .kind = "visitors", .type = type, .value = value, .scope = "" };
	int64_t id;
	int res = period(c, &n);
	res = res < 0 ? res : inquiry_add(c->r, &n, &id, c->err);
	if (res == 0)
		json_field_u64(c->b, "inquiry", (uint64_t)id);
	return res;
}

int desk_report(struct desk_call *c)
{
	struct report_words w = { 0 };
	struct incident i;
	char number[INCIDENT_NUMBER];
	int res = read_report(c, &w);
	if (res < 0)
		return res;
	int64_t happened = (int64_t)ctl_u64(c->root, "happened", (uint64_t)c->now);
	struct incident_new n = { .org = w.org, .title = w.title, .by = c->by, .terminal = w.terminal, .observable_type = w.value[0] ? w.type : "",
		                  .observable = w.value, .severity = 1, .now_ms = c->now, .reason = "reported",
		                  .playbook = strcmp(w.kind, "call") == 0 || strcmp(w.kind, "other") == 0 ? "outbound" : "infection" };
	struct suspicion s = { w.kind, w.reporter, w.phone, w.text, c->by, happened > c->now ? c->now : happened, c->now };
	res = incident_open(c->r->store, &n, number, c->err);
	res = res < 0 ? res : incident_load(c->r->store, number, &c->arena, &i, c->err);
	res = res < 0 ? res : life_report(c->r->store, &i, &s, c->err);
	if (res == 0 && w.value[0])
		res = inquire(c, &i, w.type, w.value);
	snprintf(c->audit_org, sizeof c->audit_org, "%s", w.org);
	snprintf(c->audit, sizeof c->audit, "%s", number);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_search(struct desk_call *c)
{
	struct incident i;
	char type[16], value[1024];
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "observable_type", 10, false, type, sizeof type);
	res = res < 0 ? res : desk_words(c, "observable", 1000, false, value, sizeof value);
	if (res < 0)
		return res;
	return inquire(c, &i, value[0] ? type : i.observable_type, value[0] ? value : i.observable);
}

/* ---- the others who met it ---- */

static const struct store_sql others = {
	"inquiry_others", "SELECT h.org, sum(h.passed), coalesce((array_agg(h.terminal ORDER BY h.passed DESC, h.terminal) FILTER (WHERE q.type <> 'mail'))[1], '') FROM inquiry_hit h"
			  " JOIN inquiry q ON q.id = h.inquiry WHERE q.incident = $1 AND q.kind = 'visitors' AND q.state = 'done' AND h.org <> $2"
			  " AND NOT EXISTS (SELECT 1 FROM incident o WHERE o.org = h.org AND o.observable = $3 AND o.state <> 'closed')"
			  " GROUP BY h.org ORDER BY h.org LIMIT 2000"
};
static const struct store_sql give_records = {
	"spread_records", "INSERT INTO evidence(incident, org, record, finding) SELECT $2::bigint, h.org, h.record, 'inquiry' FROM inquiry_hit h"
			  " JOIN inquiry q ON q.id = h.inquiry WHERE q.incident = $1 AND q.state = 'done' AND h.org = $3 ORDER BY h.passed DESC LIMIT 100"
			  " ON CONFLICT DO NOTHING"
};
static const struct store_sql give_terminals = {
	"spread_terminals", "INSERT INTO observable(incident, org, type, value, groups, first_ms, last_ms)"
			    " SELECT $2::bigint, h.org, CASE q.type WHEN 'mail' THEN 'mailbox' ELSE 'terminal' END, h.terminal, false, min(h.first_ms), max(h.last_ms) FROM inquiry_hit h"
			    " JOIN inquiry q ON q.id = h.inquiry WHERE q.incident = $1 AND q.state = 'done' AND h.org = $3 AND h.terminal <> ''"
			    " GROUP BY h.org, h.terminal, q.type LIMIT 100 ON CONFLICT DO NOTHING"
};

/* Another body's: as grave as the first was found where something passed, else 1. */
static int open_for(struct desk_call *c, const struct incident *from, const char *org, int64_t passed, const char *terminal, bool first)
{
	struct incident i;
	char number[INCIDENT_NUMBER];
	int severity = passed && incident_severity(from) > 1 ? incident_severity(from) : 1;
	struct incident_new n = { .org = org, .title = from->title_ja, .by = c->by, .terminal = terminal, .observable_type = from->observable_type,
		                  .observable = from->observable, .severity = severity, .now_ms = c->now, .reason = "met_elsewhere",
		                  .playbook = from->playbook[0] ? from->playbook : "outbound" };
	struct store_args a = { 0 };
	int res = incident_open(c->r->store, &n, number, c->err);
	res = res < 0 ? res : incident_load(c->r->store, number, &c->arena, &i, c->err);
	if (res < 0)
		return res;
	store_int(&a, from->id), store_int(&a, i.id), store_text(&a, org);
	res = store_run(c->r->store, &give_records, &a, NULL, c->err);
	res = res < 0 ? res : store_run(c->r->store, &give_terminals, &a, NULL, c->err);
	if (res == 0 && severity >= NOTIFY_FROM_SEVERITY)
		res = notify_start(c->r, &i, severity, false, c->now, c->err);
	buf_puts(c->b, first ? "{" : ",{");
	json_field_s(c->b, "org", org);
	json_field_s(c->b, "number", number);
	buf_putc(c->b, '}');
	return res;
}

int desk_spread(struct desk_call *c)
{
	struct incident i;
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char n[16];
	int opened = 0, res = desk_load(c, &i);
	if (res < 0)
		return res;
	if (!i.observable[0])
		return err_set(c->err, E_STATE, i.number, "the incident names nothing that others could have met");
	store_int(&a, i.id), store_text(&a, i.org), store_text(&a, i.observable);
	res = store_run(c->r->store, &others, &a, &rows, c->err);
	json_key(c->b, "opened");
	buf_putc(c->b, '[');
	for (int k = 0; res == 0 && k < rows.n; k++)
		if (desk_org(c->r->desk, store_col(&rows, k, 0)))
			res = open_for(c, &i, store_col(&rows, k, 0), store_col_int(&rows, k, 1, 0), store_col(&rows, k, 2), opened++ == 0);
	buf_putc(c->b, ']');
	store_rows_done(&rows);
	snprintf(n, sizeof n, "%d", opened);
	if (res == 0 && opened)
		res = timeline_add(c->r->store, i.id, i.org, c->now, c->by, "spread", n, NULL, NULL, c->err);
	return res;
}

/* ---- steps and tasks ---- */

/* `task` by its number, or `step` by its code. */
static int which_task(struct desk_call *c, const struct incident *i, int64_t *ret)
{
	char step[32];
	*ret = (int64_t)ctl_u64(c->root, "task", 0);
	int res = desk_words(c, "step", 30, *ret == 0, step, sizeof step);
	return res < 0 || *ret ? res : life_task_find(c->r->store, i, step, ret, c->err);
}

int desk_step(struct desk_call *c)
{
	struct incident i;
	int64_t task;
	char result[DESK_WORDS_MAX + 4];
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "result", DESK_WORDS_MAX, false, result, sizeof result);
	res = res < 0 ? res : which_task(c, &i, &task);
	res = res < 0 ? res : life_task_done(c->r->store, &i, task, c->by, result, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_owner(struct desk_call *c)
{
	struct incident i;
	int64_t task;
	char owner[DESK_NAME_MAX + 4];
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "owner", DESK_NAME_MAX, true, owner, sizeof owner);
	res = res < 0 ? res : which_task(c, &i, &task);
	res = res < 0 ? res : life_task_owner(c->r->store, &i, task, owner, c->by, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_task(struct desk_call *c)
{
	struct incident i;
	char kind[16], title[DESK_WORDS_MAX / 4 + 4], role[16], owner[DESK_NAME_MAX + 4], ordered_by[DESK_NAME_MAX + 4];
	struct task_new n = { .kind = kind, .title = title, .role = role, .owner = owner, .by = c->by, .ordered_by = ordered_by, .now_ms = c->now };
	int64_t id;
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "kind", 12, true, kind, sizeof kind);
	res = res < 0 ? res : desk_words(c, "title", DESK_WORDS_MAX / 4, false, title, sizeof title);
	res = res < 0 ? res : desk_words(c, "role", 12, true, role, sizeof role);
	res = res < 0 ? res : desk_words(c, "owner", DESK_NAME_MAX, true, owner, sizeof owner);
	res = res < 0 ? res : desk_words(c, "ordered_by", DESK_NAME_MAX, false, ordered_by, sizeof ordered_by);
	res = res < 0 ? res : life_add_task(c->r->store, &i, &n, &id, c->err);
	if (res == 0)
		json_field_u64(c->b, "task", (uint64_t)id);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_playbook(struct desk_call *c)
{
	struct incident i;
	char playbook[16];
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "playbook", 12, true, playbook, sizeof playbook);
	res = res < 0 ? res : life_playbook(c->r->store, &i, playbook, c->by, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

/* ---- files by their hash ---- */

int desk_attach(struct desk_call *c)
{
	static const char *const kinds[] = { "log", "mail", "file", "image", "packets", "other", NULL };
	struct incident i;
	char name[256], sha256[72], kind[12], place[512];
	struct attachment t = { sha256, name, kind, place, c->by, (int64_t)ctl_u64(c->root, "bytes", 0), c->now };
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "name", 250, true, name, sizeof name);
	res = res < 0 ? res : desk_words(c, "sha256", 64, true, sha256, sizeof sha256);
	res = res < 0 ? res : desk_words(c, "kind", 10, true, kind, sizeof kind);
	res = res < 0 ? res : desk_words(c, "place", 500, false, place, sizeof place);
	if (res == 0 && (strlen(sha256) != 64 || strspn(sha256, "0123456789abcdef") != 64))
		return err_set(c->err, E_INVALID, "sha256", "not 64 hex digits in small letters");
	if (res == 0 && !one_of(kind, kinds))
		return err_set(c->err, E_INVALID, "kind", "not log, mail, file, image, packets or other");
	res = res < 0 ? res : life_attach(c->r->store, &i, &t, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}
