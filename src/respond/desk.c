/* See desk.h. One table of requests; each handler runs in a transaction whose scope the table and the `org` of the
 * request give: with `org`, row security shows that body's rows only, whatever the handler asks. */
#include "respond/desk_call.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "incident/life.h"
#include "incident/timeline.h"
#include "respond/ack.h"
#include "respond/block.h"
#include "respond/inquiry.h"
#include "respond/notify.h"

#include <stdio.h>

int desk_words(struct desk_call *c, const char *key, size_t max, bool needed, char *dst, size_t size)
{
	struct str s = ctl_str(c->root, key);
	if (!s.ptr || s.len == 0) {
		dst[0] = 0;
		return needed ? err_set(c->err, E_INVALID, key, "missing") : 0;
	}
	if (s.len > max || !str_is_utf8(s) || !str_copy(s, dst, size))
		return err_set(c->err, E_INVALID, key, "longer than %zu bytes, or not text", max);
	for (char *p = dst; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return err_set(c->err, E_INVALID, key, "holds a control character");
	return 0;
}

int desk_load(struct desk_call *c, struct incident *i)
{
	int res = desk_words(c, "number", sizeof c->number - 1, true, c->number, sizeof c->number);
	if (res == 0)
		res = incident_load(c->r->store, c->number, &c->arena, i, c->err);
	if (res == 0) {
		snprintf(c->audit_org, sizeof c->audit_org, "%s", i->org);
		snprintf(c->audit, sizeof c->audit, "%s", i->number);
	}
	return res;
}

int desk_reload(struct desk_call *c, struct incident *i)
{
	int res = incident_load_id(c->r->store, i->id, &c->arena, i, c->err);
	if (res == 0) {
		json_key(c->b, "incident");
		incident_format(i, c->b);
	}
	return res;
}

static int do_list(struct desk_call *c)
{
	struct incident *list;
	size_t n;
	int limit = (int)ctl_u64(c->root, "limit", 100);
	int res = incident_list(c->r->store, !ctl_bool(c->root, "all", false), limit > 1000 ? 1000 : limit, &c->arena, &list, &n,
	                        c->err);
	if (res < 0)
		return res;
	json_key(c->b, "incidents");
	buf_putc(c->b, '[');
	for (size_t i = 0; i < n; i++) {
		buf_puts(c->b, i ? "," : "");
		incident_format(&list[i], c->b);
	}
	buf_putc(c->b, ']');
	return 0;
}

int desk_put_sheet(struct desk_call *c, const struct incident *i)
{
	struct buf b;
	buf_init(&b, 32 * KIB);
	int res = notify_sheet(c->r, i, incident_severity(i), c->now, &b, c->err);
	if (res == 0)
		json_field(c->b, "call_sheet", buf_view(&b));
	buf_done(&b);
	return res;
}

static int do_show(struct desk_call *c)
{
	struct incident i;
	int res = desk_load(c, &i);
	if (res < 0)
		return res;
	json_key(c->b, "incident");
	incident_format(&i, c->b);
	c->b->len--; /* the object goes on with its lists */
	res = incident_format_lists(c->r->store, i.id, c->b, c->err);
	if (res == 0)
		res = life_format(c->r->store, &i, c->b, c->err);
	if (res == 0)
		res = inquiry_format(c->r, i.id, 0, c->b, c->err);
	if (res == 0)
		res = block_format_list(c->r, i.id, true, c->b, c->err);
	if (res == 0)
		res = desk_put_sheet(c, &i);
	buf_putc(c->b, '}');
	return res;
}

static int do_open(struct desk_call *c)
{
	char org[8], title[400], terminal[64], type[16], value[256], number[INCIDENT_NUMBER];
	int res = desk_words(c, "org", 6, true, org, sizeof org);
	res = res < 0 ? res : desk_words(c, "title", 300, true, title, sizeof title);
	res = res < 0 ? res : desk_words(c, "terminal", 60, false, terminal, sizeof terminal);
	res = res < 0 ? res : desk_words(c, "observable_type", 10, false, type, sizeof type);
	res = res < 0 ? res : desk_words(c, "observable", 250, false, value, sizeof value);
	uint64_t severity = ctl_u64(c->root, "severity", 1);
	if (res == 0 && (!desk_org(c->r->desk, org) || severity > 3))
		return err_set(c->err, E_INVALID, severity > 3 ? "severity" : "org", severity > 3 ? "not 0 to 3" : "no such organisation");
	struct incident_new n = { .org = org, .title = title, .by = c->by, .terminal = terminal, .observable_type = value[0] ? type : "",
		                  .observable = value, .severity = (int)severity, .now_ms = c->now, .reason = "by_hand",
		                  .playbook = terminal[0] ? "outbound" : "inbound" };
	res = res < 0 ? res : incident_open(c->r->store, &n, number, c->err);
	struct incident i = { 0 };
	res = res < 0 ? res : incident_load(c->r->store, number, &c->arena, &i, c->err);
	if (res == 0 && severity >= NOTIFY_FROM_SEVERITY)
		res = notify_start(c->r, &i, (int)severity, false, c->now, c->err);
	snprintf(c->audit_org, sizeof c->audit_org, "%s", org);
	snprintf(c->audit, sizeof c->audit, "%s", number);
	return res < 0 ? res : desk_reload(c, &i);
}

static bool type_of(const char *name, enum observable_type *ret)
{
	for (int t = OBSERVABLE_HOSTNAME; t <= OBSERVABLE_MAILBOX; t++)
		if (strcmp(observable_type_name((enum observable_type)t), name) == 0) {
			*ret = (enum observable_type)t;
			return true;
		}
	return false;
}

/* "seen": when the judgement was made that whoever judges or closes has read (0: there was none). Another one came meanwhile: that is read first.
 * Absent: the command line, where people say what they know. */
static int check_seen(struct desk_call *c, const struct incident *i)
{
	yyjson_val *seen = yyjson_obj_get(c->root, "seen");
	if (!seen || (yyjson_is_uint(seen) && yyjson_get_uint(seen) == (uint64_t)i->judged_ms))
		return 0;
	return err_set(c->err, E_STATE, "seen", "judged_meanwhile");
}

/* A button that was pressed twice: the judgement that came meanwhile is this one. */
static bool sent_twice(struct desk_call *c, const struct incident *i, uint64_t severity, const char *reason)
{
	if (i->judged < 0 || severity != (uint64_t)i->judged || strcmp(i->judged_by, c->by) != 0 || strcmp(i->judged_reason, reason) != 0 || check_seen(c, i) == 0)
		return false;
	*c->err = (struct err){ 0 };
	return true;
}

/* The judgement starts the notice clock; what it asks for beyond what was done is done now. */
static int do_judge(struct desk_call *c)
{
	struct incident i;
	char reason[DESK_WORDS_MAX + 4];
	uint64_t severity = ctl_u64(c->root, "severity", 99);
	bool blocking = false;
	enum observable_type type;
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "reason", DESK_WORDS_MAX, true, reason, sizeof reason);
	if (res == 0 && sent_twice(c, &i, severity, reason))
		return desk_reload(c, &i);
	res = res < 0 ? res : check_seen(c, &i);
	if (res == 0 && severity > 3)
		return err_set(c->err, E_INVALID, "severity", "not 0 to 3");
	int was = incident_severity(&i);
	int64_t due = severity >= NOTIFY_FROM_SEVERITY ? c->now + c->r->desk->clock.notice_ms : NO_TIME;
	res = res < 0 ? res : incident_judge(c->r->store, &i, c->by, (int)severity, reason, due, c->now, c->err);
	res = res < 0 ? res : incident_load_id(c->r->store, i.id, &c->arena, &i, c->err);
	if (res == 0 && severity >= BLOCK_SEVERITY && type_of(i.observable_type, &type))
		res = block_decide(c->r, &i, type, i.observable, c->now, c->now, &blocking, c->err);
	if (res == 0 && severity >= NOTIFY_FROM_SEVERITY && !i.notice_started_ms)
		res = notify_start(c->r, &i, (int)severity, blocking, c->now, c->err);
	else if (res == 0 && i.notice_started_ms && (severity >= NOTIFY_FROM_SEVERITY || (int)severity != was))
		res = notify_judged(c->r, &i, was, c->now, c->err);
	if (res == 0 && severity < NOTIFY_FROM_SEVERITY)
		res = notify_cancel(c->r, &i, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

static int do_ack(struct desk_call *c)
{
	struct incident i;
	int res = desk_load(c, &i);
	res = res < 0 ? res : incident_ack(c->r->store, &i, c->by, c->now, c->err);
	res = res < 0 ? res : notify_cancel(c->r, &i, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

/* By the link of a notice: what it is about, and whether there is still something to confirm. */
static int load_link(struct desk_call *c, char token[ACK_TOKEN + 8], struct ack_found *f, struct incident *i)
{
	int res = desk_words(c, "token", ACK_TOKEN - 1, true, token, ACK_TOKEN + 8);
	res = res < 0 ? res : ack_find(c->r, token, c->now, f, c->err);
	return res < 0 ? res : incident_load_id(c->r->store, f->incident, &c->arena, i, c->err);
}

static int do_ack_look(struct desk_call *c)
{
	char token[ACK_TOKEN + 8];
	struct ack_found f;
	struct incident i;
	int res = load_link(c, token, &f, &i);
	if (res < 0)
		return res;
	json_field_s(c->b, "number", i.number);
	json_field_s(c->b, "org", i.org);
	json_field_s(c->b, "title", i.title);
	json_field_s(c->b, "title_ja", i.title_ja);
	json_field_u64(c->b, "severity", (uint64_t)incident_severity(&i));
	json_field_s(c->b, "contact", f.contact);
	json_field_bool(c->b, "acked", f.used || i.acked_ms);
	return 0;
}

static int do_ack_use(struct desk_call *c)
{
	char token[ACK_TOKEN + 8];
	struct ack_found f;
	struct incident i;
	int res = load_link(c, token, &f, &i);
	if (res < 0)
		return res;
	snprintf(c->audit_org, sizeof c->audit_org, "%s", i.org);
	snprintf(c->audit, sizeof c->audit, "%s by the link sent to %.*s", i.number, str_head(f.contact, 100), f.contact);
	res = ack_spend(c->r, token, c->now, c->err);
	res = res < 0 ? res : incident_ack(c->r->store, &i, f.contact, c->now, c->err);
	return res < 0 ? res : notify_cancel(c->r, &i, c->now, c->err);
}

static int do_note(struct desk_call *c)
{
	struct incident i;
	char text[DESK_WORDS_MAX + 4], state[16], report[16];
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "text", DESK_WORDS_MAX, false, text, sizeof text);
	res = res < 0 ? res : desk_words(c, "state", 12, false, state, sizeof state);
	res = res < 0 ? res : desk_words(c, "report", 8, false, report, sizeof report);
	if (res == 0 && !text[0] && !state[0] && !report[0])
		return err_set(c->err, E_INVALID, "text", "missing");
	if (res == 0 && strcmp(state, "closed") == 0)
		return err_set(c->err, E_INVALID, "state", "incident close does that, with a reason");
	if (res == 0 && text[0])
		res = timeline_add(c->r->store, i.id, i.org, c->now, c->by, "note", text, NULL, NULL, c->err);
	if (res == 0 && report[0])
		res = incident_report(c->r->store, &i, report, c->by, c->now, c->err);
	if (res == 0 && state[0])
		res = incident_set_state(c->r->store, &i, state, c->by, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

static int do_close(struct desk_call *c)
{
	struct incident i;
	char reason[DESK_WORDS_MAX + 4];
	int res = desk_load(c, &i);
	res = res < 0 ? res : desk_words(c, "reason", DESK_WORDS_MAX, true, reason, sizeof reason);
	res = res < 0 ? res : check_seen(c, &i);
	res = res < 0 ? res : incident_close(c->r->store, &i, c->by, reason, c->now, c->err);
	res = res < 0 ? res : notify_cancel(c->r, &i, c->now, c->err);
	return res < 0 ? res : desk_reload(c, &i);
}

static int do_block_list(struct desk_call *c)
{
	return block_format_list(c->r, 0, ctl_bool(c->root, "all", false), c->b, c->err);
}

static int do_block_add(struct desk_call *c)
{
	char org[8], kind[12], value[256], reason[160], incident[40], id[INCIDENT_NUMBER] = "";
	struct block_request q = { .now = c->now };
	int res = desk_words(c, "org", 6, true, org, sizeof org);
	res = res < 0 ? res : desk_words(c, "kind", 10, true, kind, sizeof kind);
	res = res < 0 ? res : desk_words(c, "value", 250, true, value, sizeof value);
	res = res < 0 ? res : desk_words(c, "reason", 150, true, reason, sizeof reason);
	res = res < 0 ? res : desk_words(c, "incident", 30, false, incident, sizeof incident);
	uint64_t hours = ctl_u64(c->root, "hours", 0);
	if (res < 0)
		return res;
	if (!block_kind_parse(kind, &q.kind))
		return err_set(c->err, E_INVALID, "kind", "not address, name, url, terminal, blackhole or flow");
	if (hours > 8784)
		return err_set(c->err, E_INVALID, "hours", "more than a year");
	q.org = org, q.value = value, q.reason = reason, q.by = c->by, q.incident = incident;
	q.expires_ms = c->now + (hours ? (int64_t)hours * 3600000 : c->r->desk->clock.block_ms);
	res = block_add(c->r, &q, id, c->err);
	snprintf(c->audit_org, sizeof c->audit_org, "%s", desk_org(c->r->desk, org) ? org : "");
	snprintf(c->audit, sizeof c->audit, "%s %s %.*s", id, kind, str_head(value, 100), value);
	if (res == 0)
		json_field_s(c->b, "id", id);
	return res;
}

static int do_block_remove(struct desk_call *c)
{
	char id[40];
	int res = desk_words(c, "id", 30, true, id, sizeof id);
	snprintf(c->audit, sizeof c->audit, "%s", id);
	res = res < 0 ? res : block_remove(c->r, id, c->by, c->now, c->err);
	if (res == 0)
		json_field_s(c->b, "id", id);
	return res;
}

static const struct store_sql consents = {
	"consent_list", "SELECT org, given, min_severity, given_by, given_date FROM consent ORDER BY org"
};

static int list_consents(struct desk_call *c)
{
	struct store_rows rows = { 0 };
	int res = store_run(c->r->store, &consents, NULL, &rows, c->err);
	if (res < 0)
		return res;
	json_key(c->b, "consents");
	buf_putc(c->b, '[');
	for (int i = 0; i < rows.n; i++) {
		buf_puts(c->b, i ? ",{" : "{");
		json_field_s(c->b, "org", store_col(&rows, i, 0));
		json_field_bool(c->b, "given", store_col_bool(&rows, i, 1));
		json_field_u64(c->b, "min_severity", (uint64_t)store_col_int(&rows, i, 2, 0));
		json_field_s(c->b, "by", store_col(&rows, i, 3));
		json_field_s(c->b, "date", store_col(&rows, i, 4));
		buf_putc(c->b, '}');
	}
	buf_putc(c->b, ']');
	store_rows_done(&rows);
	return 0;
}

static int do_block_consent(struct desk_call *c)
{
	char id[40];
	int res = desk_words(c, "id", 30, false, id, sizeof id);
	if (res < 0 || !id[0])
		return res < 0 ? res : list_consents(c);
	snprintf(c->audit, sizeof c->audit, "%s", id);
	res = c->by[0] ? block_consent(c->r, id, c->by, c->now, c->err) : err_set(c->err, E_INVALID, "by", "missing");
	if (res == 0)
		json_field_s(c->b, "id", id);
	return res;
}

static const struct {
	const char *what;
	int (*run)(struct desk_call *c);
	bool changes; /* needs `by`, is audited */
} requests[] = {
	{ "incident.list", do_list, false },   { "incident.show", do_show, false },       { "incident.open", do_open, true },
	{ "incident.judge", do_judge, true },  { "incident.ack", do_ack, true },          { "incident.note", do_note, true },
	{ "incident.call", desk_call_made, true }, { "incident.sheet", desk_sheet, false }, { "shift.handover", desk_handover, true },
	{ "shift.list", desk_handovers, false }, { "report.month", desk_month, false }, { "shift.take", desk_take_over, true },
	{ "incident.close", do_close, true },  { "incident.report", desk_report, true },  { "incident.search", desk_search, true },
	{ "incident.spread", desk_spread, true }, { "incident.step", desk_step, true },   { "incident.task", desk_task, true },
	{ "incident.owner", desk_owner, true }, { "incident.playbook", desk_playbook, true }, { "incident.attach", desk_attach, true },
	  { "block.list", do_block_list, false },    { "block.add", do_block_add, true },
	{ "asset.import", desk_asset_import, true }, { "asset.list", desk_asset_list, false }, { "vuln.import", desk_vuln_import, true },
	{ "block.try", desk_block_try, true }, { "block.tried", desk_block_tried, false }, { "incident.isolate", desk_isolate, true },
	{ "incident.release", desk_release, true },
	{ "block.remove", do_block_remove, true }, { "block.consent", do_block_consent, false },
	{ "ack.look", do_ack_look, false },    { "ack.use", do_ack_use, true },
};

/* With `org` only that body's rows are seen. Orders for blocks name their body in `org`, and look at all. */
static int scope(struct desk_call *c, const char *what, char dst[8])
{
	snprintf(dst, 8, "%s", STORE_ALL);
	if (strcmp(what, "incident.open") == 0 || strcmp(what, "incident.report") == 0 || strcmp(what, "block.try") == 0 || strcmp(what, "block.add") == 0)
		return 0;
	char org[8];
	int res = desk_words(c, "org", 6, false, org, sizeof org);
	if (res == 0 && org[0])
		snprintf(dst, 8, "%s", org);
	return res;
}

static int run(struct desk_call *c, size_t k)
{
	char org[8];
	int res = desk_words(c, "by", DESK_NAME_MAX, requests[k].changes, c->by, sizeof c->by);
	res = res < 0 ? res : scope(c, requests[k].what, org);
	res = res < 0 ? res : store_begin(c->r->store, org, c->err);
	if (res < 0)
		return res;
	res = requests[k].run(c);
	if (res == 0)
		res = store_commit(c->r->store, c->err);
	store_abort(c->r->store);
	return res;
}

int desk_handle(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	int r = respond_clock(user, err);
	if (r < 0)
		return r;
	struct desk_call c = { .r = user, .root = rq->root, .b = b, .now = clock_now_ms(), .err = err };
	for (size_t k = 0; k < ARRAY_LEN(requests); k++) {
		if (strcmp(requests[k].what, what) != 0)
			continue;
		arena_init(&c.arena, 64 * MIB);
		int res = run(&c, k);
		arena_done(&c.arena);
		if (requests[k].changes || (requests[k].run == do_block_consent && c.audit[0])) {
			respond_audit(c.r, c.audit_org, c.by, what, res == 0, "%s", res == 0 ? c.audit : err->msg);
			respond_work(c.r); /* a block is on its way before the answer is out; nobody waits for it to act */
		}
		return res;
	}
	return err_set(err, E_INVALID, "do", "no such request: %s", what);
}
