/* An incident as JSON, for the command line, the page's API and the golden example; see incident.h. */
#include "incident/incident.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/fields.h"
#include "incident/timeline.h"

static void format_severity(const struct incident *i, struct buf *b)
{
	json_key(b, "severity");
	buf_putc(b, '{');
	json_field_u64(b, "effective", (uint64_t)incident_severity(i));
	json_field_u64(b, "provisional", (uint64_t)i->severity);
	json_key(b, "reasons");
	buf_puts(b, i->reasons);
	if (i->judged >= 0) {
		json_key(b, "judged");
		buf_putc(b, '{');
		json_field_u64(b, "severity", (uint64_t)i->judged);
		json_field_s(b, "by", i->judged_by);
		json_field_s(b, "reason", i->judged_reason);
		time_field(b, "time", i->judged_ms);
		buf_putc(b, '}');
	}
	text_field(b, "signature_level", i->signature_level);
	buf_putc(b, '}');
}

static void format_clocks(const struct incident *i, struct buf *b)
{
	json_key(b, "notice");
	buf_putc(b, '{');
	json_field_u64(b, "escalation", (uint64_t)i->escalation);
	time_field(b, "due", i->notice_due_ms);
	time_field(b, "started", i->notice_started_ms);
	time_field(b, "sent", i->notice_sent_ms);
	json_field_bool(b, "late", i->notice_late);
	time_field(b, "acked", i->acked_ms);
	text_field(b, "acked_by", i->acked_by);
	buf_putc(b, '}');
	json_key(b, "reports");
	buf_putc(b, '{');
	time_field(b, "first", i->report_first_ms);
	time_field(b, "follow", i->report_follow_ms);
	time_field(b, "final", i->report_final_ms);
	buf_putc(b, '}');
}

static void span(struct buf *b, const char *key, int64_t from, int64_t to)
{
	if (from != NO_TIME && to != NO_TIME && to >= from)
		json_field_u64(b, key, (uint64_t)(to - from));
}

/* What is measured of the way from the event to 受領確認, in ms. */
static void format_times(const struct incident *i, struct buf *b)
{
	json_key(b, "times");
	buf_putc(b, '{');
	span(b, "found_to_received", i->found_ms, i->created_ms);
	span(b, "found_to_block", i->found_ms, i->blocked_ms);
	span(b, "found_to_judged", i->found_ms, i->first_judged_ms);
	span(b, "judged_to_notice", i->judged_ms, i->notice_sent_ms);
	span(b, "found_to_notice", i->found_ms, i->report_first_ms);
	span(b, "notice_to_ack", i->notice_started_ms, i->acked_ms);
	buf_putc(b, '}');
}

void incident_format(const struct incident *i, struct buf *b)
{
	buf_putc(b, '{');
	json_field_s(b, "number", i->number);
	json_field_s(b, "org", i->org);
	json_field_s(b, "state", i->state);
	json_field_s(b, "title", i->title);
	json_field_s(b, "title_ja", i->title_ja);
	text_field(b, "rule", i->rule);
	json_field_s(b, "opened_by", i->opened_by);
	format_severity(i, b);
	text_field(b, "terminal", i->terminal);
	if (i->observable[0]) {
		json_key(b, "observable");
		buf_putc(b, '{');
		json_field_s(b, "type", i->observable_type);
		json_field_s(b, "value", i->observable);
		buf_putc(b, '}');
	}
	json_field_u64(b, "findings", (uint64_t)i->findings);
	json_field_u64(b, "events", (uint64_t)i->events);
	time_field(b, "created", i->created_ms);
	time_field(b, "first_time", i->first_ms);
	time_field(b, "last_time", i->last_ms);
	format_clocks(i, b);
	format_times(i, b);
	time_field(b, "closed", i->closed_ms);
	text_field(b, "closed_by", i->closed_by);
	buf_putc(b, '}');
}

static const struct store_sql observables = {
	"show_observables", "SELECT type, value, first_ms, last_ms FROM observable WHERE incident = $1 ORDER BY type, value LIMIT 500"
};
static const struct store_sql evidence = {
	"show_evidence", "SELECT record FROM evidence WHERE incident = $1 ORDER BY record LIMIT 1000"
};
static const struct store_sql events = {
	"show_events", "SELECT at_ms, actor, kind, args, id, id <= (SELECT put FROM stage_mark) FROM incident_event WHERE incident = $1 ORDER BY id LIMIT 2000"
};
static const struct store_sql notices = {
	"show_notices", "SELECT step, reference, recipient, mail, phone, state, attempts, created_ms, sent_ms, last_error, channel, target"
			" FROM notice WHERE incident = $1 ORDER BY id LIMIT 200"
};

static void row_observable(const struct store_rows *r, int i, struct buf *b)
{
	json_field_s(b, "type", store_col(r, i, 0));
	json_field_s(b, "value", store_col(r, i, 1));
	time_field(b, "first_time", store_col_int(r, i, 2, 0));
	time_field(b, "last_time", store_col_int(r, i, 3, 0));
}

static void row_event(const struct store_rows *r, int i, struct buf *b)
{
	struct buf words;
	time_field(b, "time", store_col_int(r, i, 0, 0));
	json_field_s(b, "actor", store_col(r, i, 1));
	json_field_s(b, "kind", store_col(r, i, 2));
	json_field_u64(b, "id", (uint64_t)store_col_int(r, i, 4, 0));
	json_field_bool(b, "sealed", store_col_bool(r, i, 5));
	json_field_s(b, "values", store_col(r, i, 3));
	for (int ja = 1; ja >= 0; ja--) {
		buf_init(&words, 64 * KIB);
		timeline_words(store_col(r, i, 2), store_col(r, i, 3), ja, &words);
		json_field(b, ja ? "text_ja" : "text", buf_view(&words));
		buf_done(&words);
	}
}

static void row_notice(const struct store_rows *r, int i, struct buf *b)
{
	static const char *const keys[] = { "step", "reference", "recipient", "mail", "phone", "state" };
	for (int k = 0; k < (int)ARRAY_LEN(keys); k++)
		text_field(b, keys[k], store_col(r, i, k));
	json_field_u64(b, "attempts", (uint64_t)store_col_int(r, i, 6, 0));
	time_field(b, "created", store_col_int(r, i, 7, 0));
	time_field(b, "sent", store_col_int(r, i, 8, 0));
	text_field(b, "last_error", store_col(r, i, 9));
	json_field_s(b, "channel", store_col(r, i, 10));
	text_field(b, "target", store_col(r, i, 11));
}

int incident_format_rows(struct store *s, const struct store_sql *q, int64_t id, const char *key,
                         void (*row)(const struct store_rows *, int, struct buf *), struct buf *b, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, id);
	int r = store_run(s, q, &a, &rows, err);
	if (r < 0)
		return r;
	json_key(b, key);
	buf_putc(b, '[');
	for (int i = 0; i < rows.n; i++) {
		buf_puts(b, i ? "," : "");
		if (row) {
			buf_putc(b, '{');
			row(&rows, i, b);
			buf_putc(b, '}');
		} else {
			json_str(b, str_from(store_col(&rows, i, 0)));
		}
	}
	buf_putc(b, ']');
	store_rows_done(&rows);
	return 0;
}

static const struct store_sql evidence_total = { "show_evidence_total", "SELECT count(*) FROM evidence WHERE incident = $1" };

/* How many there are: the list ends somewhere. */
static int format_total(struct store *s, int64_t id, struct buf *b, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, id);
	int r = store_run(s, &evidence_total, &a, &rows, err);
	if (r == 0)
		json_field_u64(b, "evidence_total", (uint64_t)store_col_int(&rows, 0, 0, 0));
	store_rows_done(&rows);
	return r;
}

int incident_format_lists(struct store *s, int64_t id, struct buf *b, struct err *err)
{
	int r = incident_format_rows(s, &observables, id, "observables", row_observable, b, err);
	if (r == 0)
		r = incident_format_rows(s, &evidence, id, "evidence", NULL, b, err);
	if (r == 0)
		r = format_total(s, id, b, err);
	if (r == 0)
		r = incident_format_rows(s, &events, id, "timeline", row_event, b, err);
	if (r == 0)
		r = incident_format_rows(s, &notices, id, "notices", row_notice, b, err);
	return r;
}
