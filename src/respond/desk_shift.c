/* The telephone, its sheet, and the change of shifts, as people ask for them. See desk.h. */
#include "respond/desk_call.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/timeline.h"
#include "respond/handover.h"
#include "respond/month.h"
#include "respond/notify.h"

#include <stdio.h>

static const struct store_sql add_call = {
	"call_add", "INSERT INTO call(incident, org, at_ms, by_name, to_name, phone, result, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)"
};
static const struct store_sql told_by_phone = {
	"incident_called", "UPDATE incident SET notice_started_ms = coalesce(notice_started_ms, $2), notice_sent_ms ="
			   " CASE WHEN notice_sent_ms >= coalesce(judged_ms, 0) THEN notice_sent_ms ELSE $2 END,"
			   " report_first_ms = coalesce(report_first_ms, $2) WHERE id = $1"
};

struct call_words {
	char to[DESK_NAME_MAX + 4], phone[44], result[16], text[DESK_WORDS_MAX + 4];
};

/* The number of the contact of this name, where none is given. */
static void number_of(const struct desk_org *o, struct call_words *w)
{
	for (size_t k = 0; o && !w->phone[0] && k < o->n_contacts; k++)
		if (strcmp(o->contacts[k].name, w->to) == 0)
			snprintf(w->phone, sizeof w->phone, "%s", o->contacts[k].phone);
}

static int read_call(struct desk_call *c, const struct incident *i, struct call_words *w)
{
	static const char *const results[] = { "answered", "no_answer", "busy", "left_message", "wrong_number" };
	int res = desk_words(c, "to", DESK_NAME_MAX, true, w->to, sizeof w->to);
	res = res < 0 ? res : desk_words(c, "phone", 40, false, w->phone, sizeof w->phone);
	res = res < 0 ? res : desk_words(c, "result", 14, true, w->result, sizeof w->result);
	res = res < 0 ? res : desk_words(c, "text", DESK_WORDS_MAX, false, w->text, sizeof w->text);
	if (res < 0)
		return res;
	number_of(desk_org(c->r->desk, i->org), w);
	for (size_t k = 0; k < ARRAY_LEN(results); k++)
		if (strcmp(results[k], w->result) == 0)
			return 0;
	return err_set(c->err, E_INVALID, "result", "not answered, no_answer, busy, left_message or wrong_number");
}

/* Spoken to: that is the notice, by telephone (M-087: telephone or mail). */
static int answered(struct desk_call *c, const struct incident *i, const struct call_words *w)
{
	struct store_args a = { 0 };
	store_int(&a, i->id), store_int(&a, c->now);
	int res = store_run(c->r->store, &told_by_phone, &a, NULL, c->err);
	res = res < 0 ? res : life_happened(c->r->store, i->id, i->org, "report_org", c->by, w->to, c->now, c->err);
	return res < 0 ? res : life_happened(c->r->store, i->id, i->org, "prompt_report", c->by, w->to, c->now, c->err);
}

int desk_call_made(struct desk_call *c)
{
	struct incident i;
	struct call_words w = { 0 };
	struct store_args a = { 0 };
	bool spoken, ack = ctl_bool(c->root, "ack", false);
	char who[2 * DESK_NAME_MAX];
	int res = desk_load(c, &i);
	res = res < 0 ? res : read_call(c, &i, &w);
	if (res < 0)
		return res;
	spoken = strcmp(w.result, "answered") == 0;
	if (ack && !spoken)
		return err_set(c->err, E_INVALID, "ack", "nobody confirms receipt who wasn't spoken to");
	store_int(&a, i.id), store_text(&a, i.org), store_int(&a, c->now), store_text(&a, c->by), store_text(&a, w.to);
	store_text(&a, w.phone), store_text(&a, w.result), store_text(&a, w.text);
	res = store_run(c->r->store, &add_call, &a, NULL, c->err);
	snprintf(who, sizeof who, "%s%s%s", w.to, w.phone[0] ? " " : "", w.phone);
	res = res < 0 ? res : timeline_add(c->r->store, i.id, i.org, c->now, c->by, "call", who, w.result, w.text, c->err);
	if (res == 0 && spoken)
		res = answered(c, &i, &w);
	if (res == 0 && ack)
		res = incident_ack(c->r->store, &i, w.to, c->now, c->err);
	if (res == 0 && ack)
		res = notify_cancel(c->r, &i, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_sheet(struct desk_call *c)
{
	struct incident i;
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_put_sheet(c, &i);
	return res < 0 ? res : desk_reload(c, &i);
}

int desk_handover(struct desk_call *c)
{
	char kind[12];
	int64_t id, since = (int64_t)ctl_u64(c->root, "since", 0);
	int res = desk_words(c, "kind", 10, true, kind, sizeof kind);
	if (res == 0 && (since > c->now || (since && c->now - since > 31 * 86400000LL)))
		return err_set(c->err, E_INVALID, "since", "not within the last 31 days");
	res = res < 0 ? res : handover_write(c->r, kind, since, c->by, c->now, &id, c->err);
	snprintf(c->audit, sizeof c->audit, "%s", kind);
	return res < 0 ? res : handover_format(c->r, 1, c->b, c->err);
}

int desk_handovers(struct desk_call *c)
{
	uint64_t limit = ctl_u64(c->root, "limit", 10);
	return handover_format(c->r, limit < 1 || limit > 200 ? 200 : (int)limit, c->b, c->err);
}

int desk_take_over(struct desk_call *c)
{
	int64_t id = (int64_t)ctl_u64(c->root, "id", 0);
	snprintf(c->audit, sizeof c->audit, "%lld", (long long)id);
	return handover_take(c->r, id, c->by, c->now, c->err);
}

int desk_month(struct desk_call *c)
{
	char month[12];
	int res = desk_words(c, "month", 10, true, month, sizeof month);
	return res < 0 ? res : month_format(c->r, month, ctl_bool(c->root, "detail", false), c->b, c->err);
}
