/* The clocks and the relay: which step is due, which mail goes out now, and what became of it. Each mail's row is
 * leased before it is handed over, so that a crash in between sends it again, under the same reference. */
#include "respond/notify.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/timeline.h"
#include "respond/asker.h"
#include "respond/mime.h"
#include "respond/smtp.h"

#include <stdio.h>

#define LEASE_MS 60000
#define DIALOGUE_MS 20000
#define BACKOFF_MAX_MS 300000

static const struct store_sql escalation_due = {
	"escalation_due", "SELECT id FROM incident WHERE state <> 'closed' AND acked_ms IS NULL"
			  " AND notice_started_ms IS NOT NULL AND coalesce(judged, severity) >= 2"
			  " AND ((escalation = 1 AND notice_started_ms <= $1) OR (escalation = 2 AND notice_started_ms <= $2)"
			  " OR (escalation BETWEEN 3 AND $3::int - 1 AND notice_started_ms <= $2 - (escalation - 2) * $4::bigint"
			  /* after a pause of ours, one and then the next, not all at once */
			  " AND NOT EXISTS (SELECT 1 FROM notice n WHERE n.incident = incident.id AND n.step IN ('second', 'third', 'again')"
			  " AND n.created_ms > $5)))"
			  " ORDER BY id LIMIT 100"
};
static const struct store_sql late = {
	"notice_overdue", "UPDATE incident SET notice_late = true WHERE state <> 'closed' AND NOT notice_late"
			  " AND notice_due_ms < $1 AND (notice_sent_ms IS NULL OR notice_sent_ms < judged_ms)"
			  " RETURNING id, org, number, notice_due_ms"
};

static int mark_late(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, now);
	int res = store_run(r->store, &late, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++) {
		char due[CLOCK_TEXT];
		clock_format_jst(store_col_int(&rows, k, 3, 0), due);
		log_error(store_col(&rows, k, 1), store_col(&rows, k, 2), "the notice was due at %s and isn't out", due);
		res = timeline_add(r->store, store_col_int(&rows, k, 0, 0), store_col(&rows, k, 1), now, RESPOND_ACTOR,
		                   "notice_late", due, NULL, NULL, err);
	}
	store_rows_done(&rows);
	return res;
}

static int escalate_rows(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, now - r->desk->clock.escalate1_ms);
	store_int(&a, now - r->desk->clock.escalate2_ms), store_int(&a, NOTIFY_STEPS), store_int(&a, r->desk->clock.escalate1_ms);
	store_int(&a, now - r->desk->clock.escalate1_ms);
	int res = store_run(r->store, &escalation_due, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++) {
		struct arena arena;
		struct incident i;
		arena_init(&arena, 256 * KIB);
		res = incident_load_id(r->store, store_col_int(&rows, k, 0, 0), &arena, &i, err);
		if (res == 0)
			res = notify_next(r, &i, now, err);
		if (res == 0)
			log_warn(i.org, i.number, "nobody confirmed receipt: on to contact %d", i.escalation + 1);
		arena_done(&arena);
	}
	store_rows_done(&rows);
	return res;
}

int notify_escalate_due(struct respond *r, int64_t now, struct err *err)
{
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	res = mark_late(r, now, err);
	if (res == 0)
		res = escalate_rows(r, now, err);
	if (res == 0)
		return store_commit(r->store, err);
	store_abort(r->store);
	return res;
}

/* ---- out ---- */

static const struct store_sql due = {
	"notice_due", "UPDATE notice SET attempts = attempts + 1, next_ms = $1::bigint + $2::bigint WHERE id IN"
		      " (SELECT id FROM notice WHERE state = 'queued' AND channel = 'mail' AND next_ms <= $1 ORDER BY id LIMIT $3)"
		      " RETURNING id, org, reference, recipient, mail, subject, body, created_ms"
};

static int hand_over(struct respond *r, const struct store_rows *rows, int k, struct err *err)
{
	struct mime_mail m = { .from = r->desk->mail.from, .from_name = r->desk->service, .to = store_col(rows, k, 4),
		               .to_name = store_col(rows, k, 3), .subject = store_col(rows, k, 5),
		               .body = store_col(rows, k, 6), .reference = store_col(rows, k, 2),
		               .date_ms = store_col_int(rows, k, 7, 0) };
	struct buf b;
	buf_init(&b, 512 * KIB);
	int res = mime_format(&m, &b, err);
	if (res == 0)
		res = mailer_send(r->mailer, store_col_int(rows, k, 0, 0), r->desk->mail.host, r->desk->mail.port,
		                  r->desk->mail.from, m.to, buf_view(&b), DIALOGUE_MS, err);
	buf_done(&b);
	return res;
}

int notify_send_due(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	int room = mailer_room(r->mailer);
	if (!room)
		return 0;
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	store_int(&a, now), store_int(&a, LEASE_MS), store_int(&a, room);
	res = store_run(r->store, &due, &a, &rows, err);
	res = res < 0 ? res : store_commit(r->store, err);
	store_abort(r->store);
	for (int k = 0; res == 0 && k < rows.n; k++) {
		struct err e = { 0 };
		if (!mailer_has(r->mailer, store_col_int(&rows, k, 0, 0)) && hand_over(r, &rows, k, &e) < 0)
			notify_mail_done(store_col_int(&rows, k, 0, 0), false, e.code == E_INVALID ? 553 : 0, e.msg, r);
	}
	if (res == 0 && rows.n == room)
		r->work_ms = 0;
	store_rows_done(&rows);
	return res;
}

/* ---- through gateways ---- */

static const struct store_sql due_calls = {
	"notice_due_calls", "UPDATE notice SET attempts = attempts + 1, next_ms = $1::bigint + $2::bigint WHERE id IN"
			    " (SELECT id FROM notice WHERE state = 'queued' AND channel <> 'mail' AND next_ms <= $1 ORDER BY id LIMIT 4)"
			    " RETURNING id, org, reference, recipient, channel, target, body, severity, attempts"
};

/* Each try goes to the next gateway of its kind. */
static void hand_to_courier(struct respond *r, const struct store_rows *rows, int k)
{
	struct buf b;
	int64_t id = store_col_int(rows, k, 0, 0);
	const char *channel = store_col(rows, k, 4), *target = store_col(rows, k, 5);
	const char *gateway = desk_gateway(r->desk, channel, target, (size_t)store_col_int(rows, k, 8, 1) - 1);
	if (asker_has(r->courier, id))
		return;
	if (!gateway) {
		notify_mail_done(id, false, 553, "no gateway carries it any more", r);
		return;
	}
	buf_init(&b, 32 * KIB);
	buf_puts(&b, "{\"v\":1,\"do\":\"courier.send\"");
	json_field_s(&b, "gateway", gateway);
	json_field_s(&b, "to", strcmp(channel, "webhook") == 0 ? store_col(rows, k, 3) : target);
	json_field_s(&b, "text", store_col(rows, k, 6));
	json_field_s(&b, "reference", store_col(rows, k, 2));
	json_field_s(&b, "org", store_col(rows, k, 1));
	json_field_u64(&b, "severity", (uint64_t)store_col_int(rows, k, 7, 0));
	buf_putc(&b, '}');
	if (!b.failed)
		asker_put(r->courier, id, buf_view(&b)); /* full: its lease runs out, then again */
	buf_done(&b);
}

int notify_call_due(struct respond *r, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	if (!r->courier || asker_room(r->courier) < ASKERS_MAX)
		return 0;
	int res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	store_int(&a, now), store_int(&a, LEASE_MS);
	res = store_run(r->store, &due_calls, &a, &rows, err);
	res = res < 0 ? res : store_commit(r->store, err);
	store_abort(r->store);
	for (int k = 0; res == 0 && k < rows.n; k++)
		hand_to_courier(r, &rows, k);
	store_rows_done(&rows);
	return res;
}

void notify_collect(struct respond *r)
{
	struct asker_answer w;
	while (r->courier && asker_pop(r->courier, &w)) {
		bool for_good = w.why.code == E_DENIED || w.why.code == E_INVALID || w.why.code == E_NOT_FOUND;
		notify_mail_done(w.id, w.done == 0, w.done == 0 ? 250 : for_good ? 550 : 0, w.why.msg, r);
		buf_done(&w.reply);
	}
}

/* ---- what became of it ---- */

static const struct store_sql load_notice = {
	"notice_load", "SELECT incident, org, step, reference, recipient, attempts, created_ms, channel FROM notice WHERE id = $1"
		       " AND state = 'queued'"
};
static const struct store_sql set_sent = {
	"notice_sent", "UPDATE notice SET state = 'sent', sent_ms = $2, last_error = '' WHERE id = $1"
};
static const struct store_sql set_retry = {
	"notice_retry", "UPDATE notice SET next_ms = $2, last_error = $3 WHERE id = $1"
};
static const struct store_sql set_failed = {
	"notice_failed", "UPDATE notice SET state = 'failed', last_error = $2 WHERE id = $1"
};
static const struct store_sql incident_told = {
	"incident_told", "UPDATE incident SET report_first_ms = coalesce(report_first_ms, $2),"
			 " notice_sent_ms = CASE WHEN notice_sent_ms >= coalesce(judged_ms, 0) THEN notice_sent_ms ELSE $2 END" /* the first since the judgement */
			 " WHERE id = $1 RETURNING found_ms"
};

struct outcome {
	int64_t id, incident, now, created;
	int attempts, code;
	const char *org, *step, *reference, *recipient, *words, *channel;
};

/* Is this mail one that tells the body concerned (and not the prefecture or a third)? */
static bool is_alert(const char *step)
{
	static const char *const steps[] = { "first", "second", "third", "again", "raised", "judged" };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		if (strcmp(step, steps[i]) == 0)
			return true;
	return false;
}

static int was_sent(struct respond *r, const struct outcome *o, struct err *err)
{
	struct store_args a = { 0 }, t = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, o->id), store_int(&a, o->now);
	int res = store_run(r->store, &set_sent, &a, NULL, err);
	if (res < 0 || !o->incident)
		return res;
	if (is_alert(o->step) && strcmp(o->channel, "mail") == 0) { /* M-087: by telephone or mail; what a gateway took is in nobody's hands yet */
		store_int(&t, o->incident), store_int(&t, o->now);
		res = store_run(r->store, &incident_told, &t, &rows, err);
		if (res == 0 && rows.n && strcmp(o->step, "first") == 0)
			respond_stat(r, "notice_latency_ms", o->now - store_col_int(&rows, 0, 0, o->now), false);
		store_rows_done(&rows);
		res = res < 0 ? res : life_happened(r->store, o->incident, o->org, "report_org", RESPOND_ACTOR, o->reference, o->now, err);
		res = res < 0 ? res : life_happened(r->store, o->incident, o->org, "prompt_report", RESPOND_ACTOR, o->reference, o->now, err);
	}
	if (res < 0)
		return res;
	bool mail = strcmp(o->channel, "mail") == 0;
	return timeline_add(r->store, o->incident, o->org, o->now, RESPOND_ACTOR, mail ? "notice_sent" : "gateway_sent", o->recipient, o->reference,
	                    mail ? NULL : o->channel, err);
}

static int64_t backoff_ms(int attempts)
{
	int64_t ms = 1000LL << (attempts < 10 ? attempts : 10);
	return ms < BACKOFF_MAX_MS ? ms : BACKOFF_MAX_MS;
}

static int try_again(struct respond *r, const struct outcome *o, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, o->id), store_int(&a, o->now + backoff_ms(o->attempts)), store_text(&a, o->words);
	int res = store_run(r->store, &set_retry, &a, NULL, err);
	if (res < 0 || !o->incident || o->attempts > 1)
		return res;
	bool mail = strcmp(o->channel, "mail") == 0;
	return timeline_add(r->store, o->incident, o->org, o->now, RESPOND_ACTOR, mail ? "notice_retry" : "gateway_retry", o->recipient, o->words,
	                    mail ? NULL : o->channel, err);
}

static int has_failed(struct respond *r, const struct outcome *o, struct err *err)
{
	struct store_args a = { 0 };
	struct arena arena;
	struct incident i = { 0 };
	store_int(&a, o->id), store_text(&a, o->words);
	int res = store_run(r->store, &set_failed, &a, NULL, err);
	if (res < 0 || !o->incident)
		return res;
	bool mail = strcmp(o->channel, "mail") == 0;
	res = timeline_add(r->store, o->incident, o->org, o->now, RESPOND_ACTOR, mail ? "notice_failed" : "gateway_failed", o->recipient, o->words,
	                   mail ? NULL : o->channel, err);
	if (res < 0 || !mail)
		return res; /* the mail of the same step says whether somebody was reached */
	arena_init(&arena, 256 * KIB);
	if (res == 0)
		res = incident_load_id(r->store, o->incident, &arena, &i, err);
	/* waiting for somebody who can't have got it would be waiting for nothing */
	bool next = (strcmp(o->step, "first") == 0 && i.escalation == 1) || (strcmp(o->step, "second") == 0 && i.escalation == 2);
	if (res == 0 && next && !i.acked_ms && strcmp(i.state, "closed") != 0)
		res = notify_next(r, &i, o->now, err);
	arena_done(&arena);
	return res;
}

static int settle(struct respond *r, int64_t id, bool ok, int code, const char *words, bool *ret_failed, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, id);
	int res = store_run(r->store, &load_notice, &a, &rows, err);
	if (res < 0 || rows.n == 0) { /* cancelled meanwhile */
		store_rows_done(&rows);
		return res;
	}
	struct outcome o = { id, store_col_int(&rows, 0, 0, 0), clock_now_ms(), store_col_int(&rows, 0, 6, 0),
		             (int)store_col_int(&rows, 0, 5, 0), code, store_col(&rows, 0, 1), store_col(&rows, 0, 2),
		             store_col(&rows, 0, 3), store_col(&rows, 0, 4), words, store_col(&rows, 0, 7) };
	*ret_failed = !ok && (o.attempts >= NOTIFY_ATTEMPTS || (code >= 500 && o.attempts >= NOTIFY_REFUSALS) || code == 553);
	if (ok)
		res = was_sent(r, &o, err);
	else if (*ret_failed)
		res = has_failed(r, &o, err);
	else
		res = try_again(r, &o, err);
	if (res == 0)
		log_write(ok ? LOG_LEVEL_INFO : LOG_LEVEL_WARN, o.org, o.reference, ok ? "mail handed over%s" : "mail: %s", ok ? "" : words);
	store_rows_done(&rows);
	return res;
}

void notify_mail_done(int64_t id, bool ok, int code, const char *words, void *user)
{
	struct respond *r = user;
	struct err err = { 0 };
	char line[200];
	bool failed = false;
	snprintf(line, sizeof line, "%s", words);
	for (char *p = line; *p; p++)
		if ((unsigned char)*p < 0x20)
			*p = ' ';
	int res = store_begin(r->store, STORE_ALL, &err);
	if (res == 0) {
		res = settle(r, id, ok, code, line, &failed, &err);
		res = res < 0 ? res : store_commit(r->store, &err);
		store_abort(r->store);
	}
	if (res < 0)
		log_err(LOG_LEVEL_ERROR, "", "notice", &err); /* its lease runs out: it is sent again */
	else if (ok || failed)
		respond_stat(r, ok ? "notices_sent" : "notices_failed", 1, true);
	r->work_ms = 0;
}
