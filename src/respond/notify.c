/* Rows of the notice queue are made here, in the transaction of what they are about; see notify.h. send.c hands
 * them to the relay. */
#include "respond/notify.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "incident/timeline.h"
#include "respond/ack.h"
#include "respond/block.h"
#include "respond/calendar.h"
#include "respond/text.h"
#include "wire/words.h"

#include <stdio.h>
#include <yyjson.h>

static const struct store_sql count_notices = { "notice_count", "SELECT count(*) FROM notice WHERE starts_with(reference, $1) AND channel = 'mail'" };
static const struct store_sql insert_notice = {
	"notice_add", "INSERT INTO notice(incident, org, step, reference, recipient, mail, phone, subject, body, state,"
		      " created_ms, next_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'queued', $10, $11)"
};
static const struct store_sql set_started = {
	"notice_started", "UPDATE incident SET notice_started_ms = coalesce(notice_started_ms, $2), escalation = $3,"
			  " call_sheet = CASE WHEN $4 = '' THEN call_sheet ELSE $4 END WHERE id = $1"
};

/* The n-th (from 0) contact told at this severity; NULL when there are fewer. *ret_n: how many there are. */
static const struct contact *contact_at(const struct contact *list, size_t n_list, int severity, size_t nth, size_t *ret_n)
{
	const struct contact *found = NULL;
	size_t n = 0;
	for (size_t i = 0; i < n_list; i++)
		if (list[i].min_severity <= severity && n++ == nth)
			found = &list[i];
	if (ret_n)
		*ret_n = n;
	return found;
}

/* The first reason's Japanese words, into dst. */
static void reason_words(const struct incident *i, char *dst, size_t size)
{
	yyjson_doc *doc = yyjson_read(i->reasons, strlen(i->reasons), 0);
	yyjson_val *v = yyjson_obj_get(yyjson_arr_get_first(yyjson_doc_get_root(doc)), "text_ja");
	snprintf(dst, size, "%s", yyjson_is_str(v) ? yyjson_get_str(v) : "");
	yyjson_doc_free(doc);
}

static int next_reference(struct respond *r, const char *stem, char *dst, size_t size, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char head[64];
	snprintf(head, sizeof head, "%s-N", stem);
	store_text(&a, head);
	int res = store_run(r->store, &count_notices, &a, &rows, err);
	if (res == 0)
		snprintf(dst, size, "%s%lld", head, (long long)store_col_int(&rows, 0, 0, 0) + 1);
	store_rows_done(&rows);
	return res;
}

static const struct store_sql insert_call = {
	"notice_add_channel", "INSERT INTO notice(incident, org, step, reference, recipient, mail, phone, subject, body, state, created_ms, next_ms,"
			      " channel, target, severity) VALUES ($1, $2, $3, $4, $5, '', $6, '', $7, 'queued', $8, $8, $9, $10, $11)"
};

struct sending {
	const struct incident *i; /* NULL: not about an incident the reader may know */
	const char *org, *step, *stem;
	const struct contact *to;
	int64_t now;
};

/* Which channels a step takes beside the mail: what must be acted on at once goes by SMS, what somebody has to answer by voice. */
static bool goes_by(const char *channel, const char *step)
{
	static const char *const urgent[] = { "first", "second", "third", "again", "raised", "judged", "isolate" };
	static const char *const asking[] = { "first", "second", "third", "again" };
	bool voice = strcmp(channel, "voice") == 0;
	if (strcmp(channel, "webhook") == 0)
		return true;
	for (size_t i = 0; i < (voice ? ARRAY_LEN(asking) : ARRAY_LEN(urgent)); i++)
		if (strcmp((voice ? asking : urgent)[i], step) == 0)
			return true;
	return false;
}

/* The same step, under the same reference with the channel behind it: a repeat is seen as one. */
static int queue_channel(struct respond *r, const struct sending *q, const struct notice_facts *f, const char *channel, const char *target,
                         struct err *err)
{
	char ref[80];
	struct buf text;
	struct store_args a = { 0 };
	if (!target || !target[0] || !goes_by(channel, q->step))
		return 0;
	snprintf(ref, sizeof ref, "%s-%s", f->reference, channel);
	buf_init(&text, 4 * KIB);
	notice_short(f, &text);
	store_int_or_null(&a, q->i ? q->i->id : 0, 0), store_text(&a, q->org), store_text(&a, q->step), store_text(&a, ref);
	store_text(&a, q->to->name), store_text(&a, strcmp(channel, "webhook") == 0 ? "" : target), store_text(&a, buf_cstr(&text));
	store_int(&a, q->now), store_text(&a, channel), store_text(&a, target), store_int(&a, f->severity);
	int res = text.failed ? err_set(err, E_LIMIT, ref, "the notice is too long") : store_run(r->store, &insert_call, &a, NULL, err);
	buf_done(&text);
	return res;
}

/* What only tells that all is as before, or that nothing came of it, waits until the office is open; everything else goes at once. */
static int64_t send_at(const struct respond *r, const struct sending *q)
{
	const struct desk_org *o = desk_org(r->desk, q->org);
	bool waits = strcmp(q->step, "unblock") == 0 || strcmp(q->step, "release") == 0 || strcmp(q->step, "medium") == 0;
	return o && waits ? calendar_next_open(&o->calendar, q->now) : q->now;
}

static int queue(struct respond *r, const struct sending *q, struct notice_facts *f, struct err *err)
{
	char ref[64];
	struct buf subject, body, link;
	int res = next_reference(r, q->stem, ref, sizeof ref, err);
	if (res < 0)
		return res;
	f->reference = ref;
	f->contact = q->to->name;
	buf_init(&subject, 4 * KIB);
	buf_init(&body, 64 * KIB);
	buf_init(&link, 1 * KIB);
	if (q->i && (f->kind == NOTICE_ALERT || f->kind == NOTICE_ESCALATION || f->kind == NOTICE_JUDGED))
		res = ack_link(r, q->i, q->to->name, q->now, &link, err);
	f->ack_url = buf_cstr(&link);
	notice_subject(f, &subject);
	notice_body(f, &body);
	struct store_args a = { 0 };
	store_int_or_null(&a, q->i ? q->i->id : 0, 0);
	store_text(&a, q->org), store_text(&a, q->step), store_text(&a, ref), store_text(&a, q->to->name);
	store_text(&a, q->to->mail), store_text(&a, q->to->phone ? q->to->phone : "");
	store_text(&a, buf_cstr(&subject)), store_text(&a, buf_cstr(&body)), store_int(&a, q->now), store_int(&a, send_at(r, q));
	if (res == 0 && (subject.failed || body.failed))
		res = err_set(err, E_LIMIT, ref, "the notice is too long");
	res = res < 0 ? res : store_run(r->store, &insert_notice, &a, NULL, err);
	f->ack_url = NULL;
	buf_done(&subject);
	buf_done(&body);
	buf_done(&link);
	res = res < 0 ? res : queue_channel(r, q, f, "sms", q->to->sms, err);
	res = res < 0 ? res : queue_channel(r, q, f, "voice", q->to->voice, err);
	res = res < 0 ? res : queue_channel(r, q, f, "webhook", q->to->webhook, err);
	if (res == 0 && q->i)
		res = timeline_add(r->store, q->i->id, q->org, q->now, RESPOND_ACTOR, "notice_queued", q->to->name, ref, NULL, err);
	r->work_ms = 0;
	return res;
}

static const struct store_sql mailboxes = {
	"notice_mailboxes", "SELECT value, count(*) OVER () FROM observable WHERE incident = $1 AND type = 'mailbox' ORDER BY first_ms, value LIMIT 3"
};

/* Whom a mail went to: three of them, and how many others. */
static void whose_mail(struct respond *r, const struct incident *i, char *dst, size_t size)
{
	struct err ignored = { 0 }; /* unknown is none: the notice goes out all the same */
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	size_t n = 0;
	store_int(&a, i->id);
	int res = store_run(r->store, &mailboxes, &a, &rows, &ignored);
	for (int k = 0; res == 0 && k < rows.n; k++)
		n += (size_t)snprintf(dst + n, size - n, "%s%.*s", k ? "、" : "", str_head(store_col(&rows, k, 0), 100), store_col(&rows, k, 0));
	if (res == 0 && rows.n && store_col_int(&rows, 0, 1, 0) > rows.n)
		snprintf(dst + n, size - n, " ほか%lld件", (long long)(store_col_int(&rows, 0, 1, 0) - rows.n));
	store_rows_done(&rows);
}

static void facts(struct respond *r, const struct incident *i, int severity, char *reason, size_t size,
                  struct notice_facts *f)
{
	struct err ignored = { 0 };
	const struct desk_org *o = desk_org(r->desk, i->org);
	reason_words(i, reason, size);
	*f = (struct notice_facts){ .kind = NOTICE_ALERT, .service = r->desk->service, .desk_mail = r->desk->mail.from,
		                    .org_name = o ? o->name : i->org, .number = i->number, .title_ja = i->title_ja,
		                    .reason_ja = reason, .severity = severity, .terminal = i->terminal,
		                    .terminal_name = desk_terminal_name(o, i->terminal), .target = "", .block_id = "",
		                    .judged_by = i->judged_by, .judged_reason = i->judged_reason, .happened_ms = i->last_ms };
	f->mail = !i->terminal[0] && strcmp(i->observable_type, "mail") == 0;
	if (f->mail)
		whose_mail(r, i, f->mailboxes, sizeof f->mailboxes);
	f->server = !f->mail && !i->terminal[0] && strcmp(i->playbook, "inbound") == 0;
	if (strcmp(i->observable_type, "terminal") != 0)
		f->target = i->observable;
	block_refused(r, i->id, &f->refused, &ignored); /* unknown is none: the notice goes out all the same */
}

/* Those of its contacts who are told at f.severity but weren't at `above`. */
static int inform_prefecture(struct respond *r, const struct incident *i, const char *step, int above, struct notice_facts f,
                             int64_t now, struct err *err)
{
	const struct desk_org *o = desk_org(r->desk, i->org);
	const struct desk_prefecture *p = o ? desk_prefecture(r->desk, o->prefecture) : NULL;
	int res = 0;
	f.kind = NOTICE_PREFECTURE;
	for (size_t k = 0; p && res == 0 && k < p->n_contacts; k++) {
		struct sending q = { i, i->org, step, i->number, &p->contacts[k], now };
		if (p->contacts[k].min_severity <= f.severity && p->contacts[k].min_severity > above)
			res = queue(r, &q, &f, err);
	}
	return res;
}

static int tell(struct respond *r, const struct incident *i, const char *step, size_t nth, struct notice_facts *f,
                int64_t now, struct err *err)
{
	const struct desk_org *o = desk_org(r->desk, i->org);
	size_t n = 0;
	const struct contact *c = o ? contact_at(o->contacts, o->n_contacts, f->severity, nth, &n) : NULL;
	if (!c && n)
		c = contact_at(o->contacts, o->n_contacts, f->severity, nth % n, NULL);
	if (!c) {
		char level[4];
		snprintf(level, sizeof level, "%d", f->severity);
		log_warn(i->org, i->number, "no contact is registered for severity %d", f->severity);
		return timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "no_contact", level, NULL, NULL, err);
	}
	struct sending q = { i, i->org, step, i->number, c, now };
	return queue(r, &q, f, err);
}

static int note_started(struct respond *r, const struct incident *i, int step, const char *sheet, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	store_int(&a, i->id), store_int(&a, now), store_int(&a, step), store_text(&a, sheet);
	return store_run(r->store, &set_started, &a, NULL, err);
}

static const struct store_sql calls_made = {
	"calls_made", "SELECT at_ms, to_name, phone, result, by_name FROM call WHERE incident = $1 ORDER BY id DESC LIMIT 20"
};

/* Everybody who may be called at this severity, in order; then who was called already. */
static int sheet_numbers(struct respond *r, const struct incident *i, int severity, struct buf *b, struct err *err)
{
	const struct desk_org *o = desk_org(r->desk, i->org);
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	char t[40];
	buf_puts(b, "\n電話番号(上から順に)\n");
	for (size_t k = 0; o && k < o->n_contacts; k++)
		if (o->contacts[k].min_severity <= severity)
			buf_printf(b, "  %s  %s\n", o->contacts[k].phone[0] ? o->contacts[k].phone : "(登録なし)", o->contacts[k].name);
	store_int(&a, i->id);
	int res = store_run(r->store, &calls_made, &a, &rows, err);
	if (res == 0 && rows.n)
		buf_puts(b, "\nこれまでの電話\n");
	for (int k = 0; res == 0 && k < rows.n; k++) {
		notice_time(store_col_int(&rows, k, 0, 0), t);
		buf_printf(b, "  %s  %s %s  %s(%s)\n", t, store_col(&rows, k, 1), store_col(&rows, k, 2), words_of(WORDS_CALL, store_col(&rows, k, 3), true),
		           store_col(&rows, k, 4));
	}
	store_rows_done(&rows);
	return res;
}

int notify_sheet(struct respond *r, const struct incident *i, int severity, int64_t now, struct buf *b, struct err *err)
{
	struct notice_facts f;
	char reason[600];
	const struct desk_org *o = desk_org(r->desk, i->org);
	facts(r, i, severity, reason, sizeof reason, &f);
	f.answer_by_ms = now + r->desk->clock.escalate1_ms;
	const struct contact *c = o ? contact_at(o->contacts, o->n_contacts, severity, 0, NULL) : NULL;
	f.contact = c ? c->name : "";
	notice_call_sheet(&f, c ? c->phone : "", b);
	return sheet_numbers(r, i, severity, b, err);
}

/* That an attack failed is worth no mail any more once it is closed, confirmed or judged to be something else. */
static const struct store_sql cancel = {
	"notice_cancel", "UPDATE notice SET state = 'cancelled' WHERE incident = $1 AND state = 'queued'"
			 " AND (step IN ('first', 'second', 'third', 'again') OR (step = 'medium' AND NOT EXISTS (SELECT 1 FROM incident i"
			 " WHERE i.id = $1 AND i.state <> 'closed' AND i.acked_ms IS NULL AND coalesce(i.judged, i.severity) = 1))) RETURNING recipient"
};
/* It waited for the office to open, and by then one had got through. */
static const struct store_sql overtaken = {
	"notice_overtaken", "UPDATE notice SET state = 'cancelled' WHERE incident = $1 AND state = 'queued' AND step = 'medium' RETURNING recipient"
};

static int cancel_by(struct respond *r, const struct store_sql *q, const struct incident *i, int64_t now, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, i->id);
	int res = store_run(r->store, q, &a, &rows, err);
	for (int k = 0; res == 0 && k < rows.n; k++)
		res = timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "notice_cancelled", store_col(&rows, k, 0), NULL,
		                   NULL, err);
	store_rows_done(&rows);
	return res;
}

int notify_cancel(struct respond *r, const struct incident *i, int64_t now, struct err *err)
{
	return cancel_by(r, &cancel, i, now, err);
}

int notify_start(struct respond *r, const struct incident *i, int severity, bool blocking, int64_t now, struct err *err)
{
	struct notice_facts f;
	char reason[600];
	struct buf sheet;
	facts(r, i, severity, reason, sizeof reason, &f);
	f.blocking = blocking;
	f.answer_by_ms = now + r->desk->clock.escalate1_ms;
	if (i->judged >= 0)
		f.kind = NOTICE_JUDGED;
	int res = cancel_by(r, &overtaken, i, now, err);
	res = res < 0 ? res : tell(r, i, "first", 0, &f, now, err);
	if (res == 0)
		res = inform_prefecture(r, i, "prefecture", -1, f, now, err);
	buf_init(&sheet, 32 * KIB);
	res = res < 0 ? res : notify_sheet(r, i, severity, now, &sheet, err);
	if (res == 0)
		res = note_started(r, i, 1, buf_cstr(&sheet), now, err);
	buf_done(&sheet);
	return res;
}

static const struct store_sql told_medium = { "notice_medium", "SELECT 1 FROM notice WHERE incident = $1 AND step = 'medium' LIMIT 1" };

int notify_medium(struct respond *r, const struct incident *i, int64_t now, struct err *err)
{
	struct notice_facts f;
	char reason[600];
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	const struct desk_org *o = desk_org(r->desk, i->org);
	store_int(&a, i->id);
	int res = store_run(r->store, &told_medium, &a, &rows, err);
	bool told = res == 0 && rows.n;
	store_rows_done(&rows);
	/* who isn't told of it by their own wish is no fault to be noted */
	if (res < 0 || told || !o || !contact_at(o->contacts, o->n_contacts, NOTIFY_MEDIUM, 0, NULL))
		return res;
	facts(r, i, NOTIFY_MEDIUM, reason, sizeof reason, &f);
	f.kind = NOTICE_MEDIUM;
	res = tell(r, i, "medium", 0, &f, now, err);
	return res < 0 ? res : inform_prefecture(r, i, "medium", -1, f, now, err);
}

int notify_raised(struct respond *r, const struct incident *i, int was, int severity, bool blocking, int64_t now,
                  struct err *err)
{
	struct notice_facts f;
	char reason[600];
	facts(r, i, severity, reason, sizeof reason, &f);
	f.blocking = blocking;
	f.answer_by_ms = now + r->desk->clock.escalate1_ms;
	int res = tell(r, i, "raised", 0, &f, now, err);
	return res < 0 ? res : inform_prefecture(r, i, "prefecture", was, f, now, err);
}

int notify_judged(struct respond *r, const struct incident *i, int was, int64_t now, struct err *err)
{
	struct notice_facts f;
	char reason[600];
	facts(r, i, i->judged, reason, sizeof reason, &f);
	f.kind = NOTICE_JUDGED;
	f.answer_by_ms = now + r->desk->clock.escalate1_ms;
	int res = tell(r, i, "judged", 0, &f, now, err);
	return res < 0 || i->judged <= was ? res : inform_prefecture(r, i, "prefecture", was, f, now, err);
}

int notify_next(struct respond *r, const struct incident *i, int64_t now, struct err *err)
{
	struct notice_facts f;
	char reason[600], step[12];
	int nth = i->escalation, severity = incident_severity(i) > i->severity ? incident_severity(i) : i->severity;
	const struct desk_org *o = desk_org(r->desk, i->org);
	size_t n = 0;
	facts(r, i, severity, reason, sizeof reason, &f);
	f.kind = NOTICE_ESCALATION;
	f.answer_by_ms = now + (nth == 1 ? r->desk->clock.escalate2_ms - r->desk->clock.escalate1_ms : r->desk->clock.escalate1_ms);
	if (f.answer_by_ms <= now)
		f.answer_by_ms = now + r->desk->clock.escalate1_ms;
	int res = tell(r, i, nth == 1 ? "second" : nth == 2 ? "third" : "again", (size_t)nth, &f, now, err);
	if (o)
		contact_at(o->contacts, o->n_contacts, severity, 0, &n);
	if (res == 0 && nth <= 2 && (size_t)nth >= n) /* nobody is left there: the prefecture must know */
		res = inform_prefecture(r, i, "unanswered", -1, f, now, err);
	snprintf(step, sizeof step, "%d", nth + 1);
	if (res == 0)
		res = timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, nth <= 2 ? "escalated" : "unanswered", step, NULL, NULL, err);
	return res < 0 ? res : note_started(r, i, nth + 1, "", now, err);
}

static int queue_witness(struct respond *r, const struct contact *to, const char *stem, const char *subject, const char *body, int64_t now, struct err *err)
{
	char ref[64];
	struct store_args a = { 0 };
	int res = next_reference(r, stem, ref, sizeof ref, err);
	store_int_or_null(&a, 0, 0);
	store_text(&a, ""), store_text(&a, "witness"), store_text(&a, ref), store_text(&a, to->name), store_text(&a, to->mail), store_text(&a, "");
	store_text(&a, subject), store_text(&a, body), store_int(&a, now), store_int(&a, now);
	return res < 0 ? res : store_run(r->store, &insert_notice, &a, NULL, err);
}

int notify_witness(struct respond *r, const char *day, const char *slip, int64_t now, struct err *err)
{
	char stem[24], subject[160];
	struct buf body;
	int res = 0;
	snprintf(stem, sizeof stem, "W-%.4s%.2s%.2s", day, day + 5, day + 8);
	snprintf(subject, sizeof subject, "【保管のお願い】ログの署名 %.10s / the log's signature, to be kept", day);
	buf_init(&body, 16 * KIB);
	buf_printf(&body, "%s から、ログの署名をお送りします。\n"
		          "このメールを消さずに保管してください。後からログの終わりの部分が消されても、この署名と照らし合わせれば分かります。\n"
		          "していただくことは、それだけです。確認するとき: toride log verify --witness このメールのファイル\n\n"
		          "Please keep this mail. Should the end of the log be cut off later, this signature shows it:\n"
		          "toride log verify --witness FILE (this mail as a file).\n\n%s",
	           r->desk->service, slip);
	for (size_t i = 0; res == 0 && i < r->desk->n_prefectures; i++) {
		const struct desk_prefecture *p = &r->desk->prefectures[i];
		if (p->n_contacts)
			res = body.failed ? err_set(err, E_LIMIT, stem, "too long") : queue_witness(r, &p->contacts[0], stem, subject, buf_cstr(&body), now, err);
	}
	buf_done(&body);
	r->work_ms = 0;
	return res;
}

static const char *step_of(int kind)
{
	switch (kind) {
	case NOTICE_CONSENT: return "consent";
	case NOTICE_UNBLOCK: return "unblock";
	case NOTICE_ISOLATE: return "isolate";
	case NOTICE_RELEASE: return "release";
	default: return "block";
	}
}

int notify_block(struct respond *r, const struct notice_block *n, int64_t now, struct err *err)
{
	const struct desk_org *o = desk_org(r->desk, n->org);
	const struct contact *c = o ? contact_at(o->contacts, o->n_contacts, 3, 0, NULL) : NULL;
	bool terminal = n->kind == NOTICE_ISOLATE || n->kind == NOTICE_RELEASE;
	struct notice_facts f = { .kind = (enum notice_kind)n->kind, .service = r->desk->service, .desk_mail = r->desk->mail.from,
		                  .org_name = o ? o->name : n->org, .number = n->number, .title_ja = "", .reason_ja = n->reason,
		                  .terminal = terminal ? n->target : "", .terminal_name = terminal ? desk_terminal_name(o, n->target) : "",
		                  .target = n->target, .block_id = n->block_id, .judged_by = "", .judged_reason = "", .expires_ms = n->expires_ms };
	if (!c) {
		log_warn(n->org, n->block_id, "no contact is registered: nobody was told of the block");
		return 0;
	}
	struct sending q = { NULL, n->org, step_of(n->kind), n->block_id, c, now };
	return queue(r, &q, &f, err);
}

/* To the desk itself. */
static int tell_desk(struct respond *r, const char *org, const char *step, const char *block_id, struct notice_facts *f, int64_t now, struct err *err)
{
	const struct desk_org *o = desk_org(r->desk, org);
	char mail[256], name[] = "監視担当", phone[] = "";
	f->service = r->desk->service, f->desk_mail = r->desk->mail.from, f->org_name = o ? o->name : org;
	f->number = f->title_ja = f->terminal = f->terminal_name = f->judged_by = f->judged_reason = "";
	f->block_id = block_id;
	snprintf(mail, sizeof mail, "%s", r->desk->mail.from);
	struct contact desk = { .name = name, .mail = mail, .phone = phone };
	struct sending q = { NULL, org, step, block_id, &desk, now };
	return queue(r, &q, f, err);
}

int notify_leak(struct respond *r, const char *org, const char *block_id, const char *target, int64_t passed, int64_t refused,
                int64_t now, struct err *err)
{
	struct notice_facts f = { .kind = NOTICE_LEAK, .reason_ja = "", .target = target, .passed = passed, .refused = refused };
	return tell_desk(r, org, "leak", block_id, &f, now, err);
}

int notify_held(struct respond *r, const char *org, const char *block_id, const char *target, const char *names, int64_t orgs, int64_t terminals,
                int64_t now, struct err *err)
{
	struct notice_facts f = { .kind = NOTICE_HELD, .reason_ja = names, .target = target, .orgs = orgs, .terminals = terminals };
	return tell_desk(r, org, "held", block_id, &f, now, err);
}

int notify_calls(struct respond *r, const struct incident *i, const char *block_id, int64_t n, int64_t now, struct err *err)
{
	const struct desk_org *o = desk_org(r->desk, i->org);
	struct notice_facts f;
	char reason[600], count[24];
	facts(r, i, incident_severity(i), reason, sizeof reason, &f);
	f.kind = NOTICE_CALLS;
	f.refused = n;
	f.block_id = block_id;
	const struct contact *c = o ? contact_at(o->contacts, o->n_contacts, 3, 0, NULL) : NULL;
	snprintf(count, sizeof count, "%lld", (long long)n);
	int res = timeline_add(r->store, i->id, i->org, now, RESPOND_ACTOR, "block_calls", block_id, count, c ? c->name : "-", err);
	return res < 0 ? res : tell(r, i, "calls", 0, &f, now, err);
}

