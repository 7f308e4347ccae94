/* What one finding sets off, and what the clock sets off; see respond.h. */
#include "respond/respond.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "respond/asker.h"
#include "respond/block.h"
#include "respond/handover.h"
#include "respond/witness.h"
#include "respond/inquiry.h"
#include "respond/notify.h"
#include "respond/orders.h"
#include "respond/smtp.h"
#include "respond/stage.h"
#include "wire/events.h"
#include "wire/stats.h"

#include <stdio.h>
#include <yyjson.h>

#define WORK_EVERY_MS 500

static const struct store_sql put_org = {
	"org_put", "INSERT INTO org(code, name, name_en) VALUES ($1, $2, $3)"
		   " ON CONFLICT (code) DO UPDATE SET name = $2, name_en = $3"
};
static const struct store_sql put_consent = {
	"consent_put", "INSERT INTO consent(org, given, min_severity, given_by, given_date, noted_ms)"
		       " VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (org) DO UPDATE SET given = $2, min_severity = $3,"
		       " given_by = $4, given_date = $5, noted_ms = $6"
};

static const struct store_sql put_clock = {
	"clock_put", "INSERT INTO clock(escalate1_ms, escalate2_ms) VALUES ($1, $2)"
		     " ON CONFLICT (one) DO UPDATE SET escalate1_ms = $1, escalate2_ms = $2"
};

static int put_one(struct respond *r, const struct desk_org *o, struct err *err)
{
	struct store_args a = { 0 }, c = { 0 };
	store_text(&a, o->code), store_text(&a, o->name), store_text(&a, o->name_en);
	int res = store_run(r->store, &put_org, &a, NULL, err);
	store_text(&c, o->code), store_text(&c, o->consent.given ? "true" : "false"), store_int(&c, o->consent.min_severity);
	store_text(&c, o->consent.by), store_text(&c, o->consent.date), store_int(&c, clock_now_ms());
	return res < 0 ? res : store_run(r->store, &put_consent, &c, NULL, err);
}

int respond_configure(struct respond *r, struct err *err)
{
	struct store_args a = { 0 };
	int res = store_begin(r->store, STORE_ALL, err);
	store_int(&a, r->desk->clock.escalate1_ms), store_int(&a, r->desk->clock.escalate2_ms);
	if (res == 0)
		res = store_run(r->store, &put_clock, &a, NULL, err);
	for (size_t i = 0; res == 0 && i < r->desk->n_orgs; i++)
		res = put_one(r, &r->desk->orgs[i], err);
	r->watch_stale = true;
	if (res == 0)
		res = store_commit(r->store, err);
	store_abort(r->store);
	return res < 0 ? res : respond_clock(r, err);
}

/* Block, then tell: the notice says whether the block was ordered. */
static int follow(struct respond *r, const struct finding *f, const struct incident_taken *t, int64_t now, struct err *err)
{
	struct arena arena;
	struct incident i = { 0 };
	bool blocking = false;
	const struct observable *m = finding_main(f);
	arena_init(&arena, 512 * KIB);
	int res = incident_load_id(r->store, t->id, &arena, &i, err);
	/* a person's lower judgement stands, unless what is seen now is worse than what was seen then */
	bool judged_down = i.judged >= 0 && i.judged < t->severity && t->severity <= t->was;
	int level = judged_down ? i.judged : t->severity;
	/* What is blocked is what this finding saw succeed: a harmless one that joins a grave incident blocks nothing. */
	if (res == 0 && !judged_down && t->finding_severity >= BLOCK_SEVERITY && m)
		res = block_decide(r, &i, m->type, m->value, f->time < now ? f->time : now, now, &blocking, err);
	if (res == 0 && level >= NOTIFY_FROM_SEVERITY && !i.notice_started_ms)
		res = notify_start(r, &i, level, blocking, now, err);
	else if (res == 0 && i.notice_started_ms && t->severity > t->was && t->severity >= NOTIFY_FROM_SEVERITY)
		res = notify_raised(r, &i, t->was, t->severity, blocking, now, err);
	else if (res == 0 && level == NOTIFY_MEDIUM && r->desk->tell_medium && !i.notice_started_ms)
		res = notify_medium(r, &i, now, err);
	if (res == 0 && t->opened)
		log_info(i.org, i.number, "opened with provisional severity %d", t->severity);
	arena_done(&arena);
	return res;
}

int respond_finding(struct respond *r, const struct finding *f, struct err *err)
{
	struct incident_taken t = { 0 };
	int res = respond_clock(r, err);
	int64_t now = clock_now_ms();
	if (res == 0)
		res = store_begin(r->store, STORE_ALL, err);
	if (res < 0)
		return res;
	if (f->block && f->block[0]) {
		res = block_seen(r, f, now, err);
		res = res < 0 ? res : store_commit(r->store, err);
		store_abort(r->store);
		return res;
	}
	res = incident_take(r->store, r->desk, f, now, &t, err);
	if (res == 0 && t.id)
		res = follow(r, f, &t, now, err);
	if (res == 0)
		res = store_commit(r->store, err);
	store_abort(r->store);
	if (res == 0)
		respond_stat(r, t.id ? "findings" : "findings_known", 1, true);
	if (res == 0 && t.opened)
		respond_audit(r, f->org, RESPOND_ACTOR, "incident.open", true, "%s", f->rule.id);
	return res;
}

void respond_work(struct respond *r)
{
	static int (*const jobs[])(struct respond *, int64_t, struct err *) = { inquiry_work, block_work, notify_escalate_due, notify_send_due, notify_call_due,
		                                                            stage_work, handover_work, witness_work };
	struct err away = { 0 };
	if (respond_clock(r, &away) < 0)
		return; /* the store says so itself */
	int64_t now = clock_now_ms();
	if (r->mailer)
		mailer_work(r->mailer);
	block_collect(r);
	inquiry_collect(r);
	notify_collect(r);
	if (now < r->work_ms && r->work_ms <= now + WORK_EVERY_MS)
		return;
	r->work_ms = now + WORK_EVERY_MS; /* a job that finds more to do sets 0 */
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		struct err err = { 0 };
		if (jobs[i](r, now, &err) < 0 && err.code != E_CLOSED)
			log_err(LOG_LEVEL_ERROR, "", "work", &err);
	}
	if (r->mailer)
		mailer_work(r->mailer);
}

int respond_wait_ms(const struct respond *r)
{
	int64_t left = r->work_ms - clock_now_ms();
	if ((r->mailer && mailer_room(r->mailer) < MAILER_MAX) || !orders_idle(r->orders))
		return 5;
	if (((r->asker && !asker_idle(r->asker)) || (r->courier && !asker_idle(r->courier))) && left > 20)
		return 20;
	return left < 1 ? 1 : left > 1000 ? 1000 : (int)left;
}

static const struct store_sql count_open = {
	"count_open", "SELECT o.code, (SELECT count(*) FROM incident i WHERE i.org = o.code AND i.state <> 'closed'),"
		      " (SELECT count(*) FROM block b WHERE b.org = o.code AND b.state = 'active') FROM org o"
};

void respond_count(struct respond *r)
{
	struct err err = { 0 };
	struct store_rows rows = { 0 };
	int64_t open = 0, active = 0;
	if (!r->stats || store_begin(r->store, STORE_ALL, &err) < 0)
		return;
	if (store_run(r->store, &count_open, NULL, &rows, &err) == 0) {
		for (int i = 0; i < rows.n; i++) {
			const char *org = store_col(&rows, i, 0);
			open += store_col_int(&rows, i, 1, 0);
			active += store_col_int(&rows, i, 2, 0);
			stats_set(stats_counter(r->stats, org, "incidents_open"), (uint64_t)store_col_int(&rows, i, 1, 0));
			stats_set(stats_counter(r->stats, org, "blocks_active"), (uint64_t)store_col_int(&rows, i, 2, 0));
		}
		stats_set(stats_counter(r->stats, "", "incidents_open"), (uint64_t)open);
		stats_set(stats_counter(r->stats, "", "blocks_active"), (uint64_t)active);
	}
	store_rows_done(&rows);
	store_abort(r->store);
}

void respond_stat(struct respond *r, const char *name, int64_t value, bool add)
{
	if (!r->stats)
		return;
	_Atomic uint64_t *c = stats_counter(r->stats, "", name);
	if (add)
		stats_add(c, (uint64_t)value);
	else
		stats_set(c, (uint64_t)(value > 0 ? value : 0));
}

void respond_audit(struct respond *r, const char *org, const char *user, const char *operation, bool ok,
                   const char *fmt, ...)
{
	char message[400];
	struct buf b;
	va_list ap;
	if (!r->events)
		return;
	va_start(ap, fmt);
	vsnprintf(message, sizeof message, fmt, ap);
	va_end(ap);
	buf_init(&b, 4 * KIB);
	buf_putc(&b, '{');
	json_field_u64(&b, "class_uid", 6003);
	json_field_u64(&b, "time", (uint64_t)clock_now_ms());
	json_field_s(&b, "org", org);
	json_field_s(&b, "product", "respondd");
	json_key(&b, "actor");
	buf_putc(&b, '{');
	json_field_s(&b, "user", user);
	buf_putc(&b, '}');
	json_key(&b, "api");
	buf_putc(&b, '{');
	json_field_s(&b, "operation", operation);
	buf_putc(&b, '}');
	json_field_s(&b, "status", ok ? "Success" : "Failure");
	json_field_s(&b, "message", message);
	buf_putc(&b, '}');
	if (!b.failed)
		events_put(r->events, str_from(org), buf_view(&b));
	buf_done(&b);
}
