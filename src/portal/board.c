/* The board: bodies, processes, blocks, incidents; see portal.h. Counters come from controld's status, the rest from
 * the database. Either may be away: then its part says so, and the page stands. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "incident/severity.h"
#include "wire/ctl.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdio.h>
#include <stdlib.h>

#define STATUS_AGE_MS 1000
#define STATUS_WAIT_MS 2500

const char *page_org_name(const struct portal *p, const char *code, bool ja)
{
	for (size_t i = 0; i < p->n_orgs; i++)
		if (strcmp(p->orgs[i].code, code) == 0)
			return ja ? p->orgs[i].name : p->orgs[i].name_en;
	return code;
}

enum word page_state(const char *state)
{
	static const struct {
		const char *state;
		enum word word;
	} table[] = {
		{ "received", WORD_RECEIVED },   { "analysing", WORD_ANALYSING }, { "handling", WORD_HANDLING },
		{ "recovering", WORD_RECOVERING }, { "closed", WORD_CLOSED },     { "preparing", WORD_PREPARING },
		{ "migrating", WORD_MIGRATING }, { "live", WORD_LIVE },           { "watched", WORD_WATCHED },
		{ "leaving", WORD_LEAVING },
	};
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(table[i].state, state) == 0)
			return table[i].word;
	return WORD_UNKNOWN;
}

/* What `process` counted for one body. */
static int64_t counter(const struct portal *p, const char *org, const char *process, const char *name)
{
	size_t i, n;
	yyjson_val *row;
	int64_t sum = 0;
	yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(p->status), "counters"), i, n, row)
	{
		if (!str_eq(ctl_str(row, "org"), str_from(org)))
			continue;
		sum += (int64_t)ctl_u64(yyjson_obj_get(row, process), name, 0);
	}
	return sum;
}

/* A dash where nobody counted: 0 would be a claim. */
static void put_count(const struct portal *p, struct html *h, enum word label, int64_t n)
{
	html_put(h, p->status ? "<td class=\"n\" data-label=\"{w}\">{n}</td>" : "<td class=\"n\" data-label=\"{w}\">-</td>", (int)label, n);
}

static void put_orgs(struct request *rq)
{
	struct portal *p = rq->p;
	struct html *h = &rq->h;
	html_put(h, "<section><h2>{w}</h2><div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th><th>{w}</th>", WORD_ORGANISATIONS,
	         WORD_CODE, WORD_NAME, WORD_STATE);
	html_put(h, "<th class=\"n\">{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th></tr></thead><tbody>",
	         WORD_REQUESTS, WORD_VOLUME, WORD_DENIED, WORD_BLOCKED, WORD_OPEN);
	for (size_t i = 0; i < p->n_orgs; i++) {
		const struct portal_org *o = &p->orgs[i];
		if (!visit_sees(&rq->who, o->code))
			continue;
		int64_t open = counter(p, o->code, "respondd", "incidents_open");
		html_put(h, "<tr><td data-label=\"{w}\">{t}</td><th scope=\"row\">{t}</th><td data-label=\"{w}\"><span class=\"tag {a}\">{w}</span></td>", WORD_CODE, o->code,
		         h->ja ? o->name : o->name_en, WORD_STATE, o->state, (int)page_state(o->state));
		put_count(p, h, WORD_REQUESTS, counter(p, o->code, "proxyd", "requests"));
		put_count(p, h, WORD_VOLUME, (counter(p, o->code, "proxyd", "bytes_in") + counter(p, o->code, "proxyd", "bytes_out")) / 1000000);
		put_count(p, h, WORD_DENIED, counter(p, o->code, "proxyd", "denied"));
		put_count(p, h, WORD_BLOCKED, counter(p, o->code, "proxyd", "malicious") + counter(p, o->code, "proxyd", "cut"));
		if (open)
			html_put(h, "<td class=\"n hot\" data-label=\"{w}\">{n}</td></tr>", WORD_OPEN, open);
		else
			put_count(p, h, WORD_OPEN, 0);
	}
	html_put(h, "</tbody></table></div></section>");
}

static void put_processes(struct portal *p, struct html *h)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(yyjson_doc_get_root(p->status), "processes");
	html_put(h, "<section><h2>{w}</h2>", WORD_PROCESSES);
	if (!list) {
		html_put(h, "<p class=\"alert\">{w}</p></section>", WORD_UNKNOWN);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th></tr></thead><tbody>",
	         WORD_NAME, WORD_STATE, WORD_RESTARTS, WORD_MEMORY);
	yyjson_arr_foreach(list, i, n, v)
	{
		char name[64] = "", state[32] = "";
		str_copy(ctl_str(v, "name"), name, sizeof name);
		str_copy(ctl_str(v, "state"), state, sizeof state);
		html_put(h, "<tr><th scope=\"row\">{t}</th><td data-label=\"{w}\"><span class=\"tag p-{a}\">{t}</span></td><td class=\"n\" data-label=\"{w}\">{n}</td><td class=\"n\" data-label=\"{w}\">{n}</td></tr>", name, WORD_STATE,
		         state, words_of(WORDS_PROCESS, state, h->ja), WORD_RESTARTS, (int64_t)ctl_u64(v, "restarts", 0), WORD_MEMORY, (int64_t)(ctl_u64(v, "rss_bytes", 0) / 1000000));
	}
	html_put(h, "</tbody></table></div></section>");
}

/* One row a target: the body concerned gives the reason, and the end that comes first is told. */
static const struct store_sql blocks = {
	"board_blocks", "SELECT kind, value, (array_agg(reason ORDER BY origin DESC, created_ms, id))[1],"
			" (array_agg(reason_code ORDER BY origin DESC, created_ms, id))[1], min(expires_ms), count(*),"
			" string_agg(org || id, ' ' ORDER BY origin DESC, org),"
			" CASE WHEN bool_or(verified = 'still_passing') THEN 'still_passing' WHEN bool_or(verified = 'stopped') THEN 'stopped'"
			" ELSE max(verified) END FROM block WHERE state = 'active'"
			" GROUP BY kind, value ORDER BY bool_or(verified = 'still_passing') DESC, max(created_ms) DESC, value LIMIT 50"
};
#define INCIDENT_ROW \
	"SELECT number, org, state, severity, judged, title, title_ja, terminal, created_ms, notice_started_ms, notice_sent_ms," \
	" notice_due_ms, acked_ms, notice_late, judged_ms, escalation, escalate1_ms, escalate2_ms, id FROM incident LEFT JOIN clock ON true"
static const struct store_sql incidents = {
	"board_incidents", INCIDENT_ROW " ORDER BY state = 'closed', coalesce(judged, severity) DESC, id DESC LIMIT 50"
};

/* list: "412015B-20261122-0001 …" */
static void put_bodies(struct portal *p, struct html *h, int64_t n, const char *list)
{
	char code[8], id[32];
	html_put(h, "<details><summary>{n} {w}</summary><ul>", n, WORD_BODIES);
	while (strlen(list) > 6) {
		size_t len = strcspn(list, " ");
		str_copy((struct str){ list, 6 }, code, sizeof code);
		if (!str_copy((struct str){ list + 6, len - 6 }, id, sizeof id))
			id[0] = 0;
		html_put(h, "<li>{t} <span class=\"id\">{t}</span></li>", page_org_name(p, code, h->ja), id);
		list += len + (list[len] == ' ');
	}
	html_put(h, "</ul></details>");
}

static void put_block_rows(struct portal *p, struct html *h, const struct store_rows *r)
{
	html_put(h, "<section><h2>{w}</h2>", WORD_BLOCKS);
	if (!r->n) {
		html_put(h, "<p>{w}</p></section>", WORD_NONE);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th></tr></thead><tbody>", WORD_TARGET,
	         WORD_ORGANISATIONS, WORD_REASON, WORD_CHECKED, WORD_UNTIL);
	for (int i = 0; i < r->n; i++) {
		const char *code = store_col(r, i, 3), *reason = code[0] ? words_of(WORDS_REASON, code, h->ja) : store_col(r, i, 2);
		html_put(h, "<tr><th scope=\"row\" class=\"wrap\">{t} <span class=\"kind\">({t})</span></th><td data-label=\"{w}\">", store_col(r, i, 1),
		         words_of(WORDS_OBSERVABLE, store_col(r, i, 0), h->ja), WORD_ORGANISATIONS);
		put_bodies(p, h, store_col_int(r, i, 5, 0), store_col(r, i, 6));
		html_put(h, "</td><td class=\"wrap\" data-label=\"{w}\">{t}</td><td data-label=\"{w}\">", WORD_REASON, reason, WORD_CHECKED);
		html_put(h, "<span class=\"tag {a}\">{t}</span></td><td data-label=\"{w}\">{d}</td></tr>", page_check_class(store_col(r, i, 7)),
		         store_col(r, i, 7)[0] ? words_of(WORDS_CHECK, store_col(r, i, 7), h->ja) : "-", WORD_UNTIL, store_col_int(r, i, 4, 0));
	}
	html_put(h, "</tbody></table></div></section>");
}

static void put_left(struct html *h, enum word what, int64_t until_ms)
{
	char t[32];
	int64_t s = (until_ms - clock_now_ms()) / 1000;
	s = s < 0 ? 0 : s;
	snprintf(t, sizeof t, h->ja ? "%lld分%02lld秒" : "%lld min %02lld s", (long long)s / 60, (long long)s % 60);
	html_put(h, "<span class=\"tag warn\">{w} {t}</span>", (int)what, t);
}

/* Where the notice stands: confirmed, late, or how long until the next thing happens by itself. */
static void put_clock(struct html *h, const struct store_rows *r, int i)
{
	int64_t started = store_col_int(r, i, 9, 0), sent = store_col_int(r, i, 10, 0), due = store_col_int(r, i, 11, 0);
	int64_t judged = store_col_int(r, i, 14, 0), step = store_col_int(r, i, 15, 0);
	int64_t next = step == 1 ? store_col_int(r, i, 16, 0) : step == 2 ? store_col_int(r, i, 17, 0) : 0;
	bool closed = strcmp(store_col(r, i, 2), "closed") == 0;
	if (store_col_int(r, i, 12, 0))
		html_put(h, "<span class=\"tag good\">{w}</span>", WORD_ACKED);
	else if (closed)
		html_put(h, "-");
	else if (store_col_bool(r, i, 13))
		html_put(h, "<span class=\"tag bad\">{w}</span>", WORD_LATE);
	else if (due && sent < judged)
		put_left(h, WORD_NOTICE_LEFT, due);
	else if (started && next)
		put_left(h, WORD_LEFT, started + next);
	else if (sent)
		html_put(h, "<span class=\"tag warn\">{w}</span>", WORD_WAITING);
	else
		html_put(h, "<span class=\"tag\">{w}</span>", started ? WORD_TELLING : WORD_NO_NOTICE);
}

static void put_incident_row(struct portal *p, struct html *h, const struct store_rows *r, int i)
{
	static const char *const classes[] = { "s0", "s1", "s2", "s3" };
	int64_t judged = store_col_int(r, i, 4, -1), severity = judged >= 0 ? judged : store_col_int(r, i, 3, 0);
	html_put(h, "<tr><th scope=\"row\"><a href=\"/incident/{u}\">{t}</a></th>", store_col(r, i, 0), store_col(r, i, 0));
	html_put(h, "<td data-label=\"{w}\"><span class=\"sev {a}\">{t}</span> {w}</td>", WORD_SEVERITY, classes[severity & 3],
	         severity_name((int)severity, h->ja), judged >= 0 ? WORD_JUDGED : WORD_PROVISIONAL);
	html_put(h, "<td data-label=\"{w}\">{t}</td><td data-label=\"{w}\">{w}</td>", WORD_ORGANISATIONS, page_org_name(p, store_col(r, i, 1), h->ja),
	         WORD_STATE, (int)page_state(store_col(r, i, 2)));
	html_put(h, "<td class=\"wrap\" data-label=\"{w}\">{t}</td><td data-label=\"{w}\">{t}</td><td data-label=\"{w}\">", WORD_WHAT,
	         store_col(r, i, h->ja ? 6 : 5), WORD_TERMINAL, store_col(r, i, 7), WORD_CLOCK);
	put_clock(h, r, i);
	html_put(h, "</td><td data-label=\"{w}\">{d}</td></tr>", WORD_RECEIVED_AT, store_col_int(r, i, 8, 0));
}

/* Rows as the query `board_incidents` has them. */
static void page_incident_rows(struct portal *p, struct html *h, const struct store_rows *r)
{
	html_put(h, "<section><h2>{w}</h2>", WORD_INCIDENTS);
	if (!r->n) {
		html_put(h, "<p>{w}</p></section>", WORD_NONE);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th>", WORD_NUMBER, WORD_SEVERITY, WORD_ORGANISATIONS,
	         WORD_STATE);
	html_put(h, "<th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th></tr></thead><tbody>", WORD_WHAT, WORD_TERMINAL, WORD_CLOCK, WORD_RECEIVED_AT);
	for (int i = 0; i < r->n; i++)
		put_incident_row(p, h, r, i);
	html_put(h, "</tbody></table></div></section>");
}

static int put_desk(struct request *rq, const struct store_sql *q, void (*rows_of)(struct portal *, struct html *, const struct store_rows *))
{
	struct err err;
	struct store_rows rows = { 0 };
	int r = store_begin_session(rq->p->store, rq->who.token, &err);
	if (r == 0)
		r = store_run(rq->p->store, q, NULL, &rows, &err);
	if (r == 0)
		rows_of(rq->p, &rq->h, &rows);
	store_rows_done(&rows);
	store_abort(rq->p->store);
	return r;
}

/* ---- what is asked of a body's clerk ---- */

static const struct store_sql unread = {
	"board_unread", "SELECT number, title, title_ja FROM incident WHERE notice_started_ms IS NOT NULL AND acked_ms IS NULL AND state <> 'closed'"
			" ORDER BY coalesce(judged, severity) DESC, id LIMIT 20"
};
static const struct store_sql asked = { "board_asked", "SELECT value, kind FROM block WHERE state = 'requested' ORDER BY created_ms, id LIMIT 20" };

static void put_unread(struct html *h, const struct store_rows *r)
{
	for (int i = 0; i < r->n; i++)
		html_put(h, "<li><a href=\"/incident/{u}\">{w}: {t} {t}</a></li>", store_col(r, i, 0), WORD_TODO_ACK, store_col(r, i, 0), store_col(r, i, h->ja ? 2 : 1));
}

static void put_asked(struct html *h, const struct store_rows *r)
{
	for (int i = 0; i < r->n; i++)
		html_put(h, "<li><a href=\"/blocks\">{w}: {t} ({t})</a></li>", WORD_TODO_CONSENT, store_col(r, i, 0), words_of(WORDS_OBSERVABLE, store_col(r, i, 1), h->ja));
}

static int put_todo(struct request *rq)
{
	struct err err;
	struct html *h = &rq->h;
	struct store_rows notices = { 0 }, blocks_asked = { 0 };
	int r = store_begin_session(rq->p->store, rq->who.token, &err);
	r = r < 0 ? r : store_run(rq->p->store, &unread, NULL, &notices, &err);
	r = r < 0 ? r : store_run(rq->p->store, &asked, NULL, &blocks_asked, &err);
	if (r == 0) {
		html_put(h, "<section><h2>{w}</h2><ul>", WORD_TODO);
		put_unread(h, &notices);
		put_asked(h, &blocks_asked);
		html_put(h, notices.n + blocks_asked.n ? "</ul></section>" : "</ul><p>{w}</p></section>", WORD_TODO_NONE);
	}
	store_rows_done(&notices);
	store_rows_done(&blocks_asked);
	store_abort(rq->p->store);
	return r;
}

static void refresh_status(struct request *rq)
{
	struct portal *p = rq->p;
	struct err err;
	struct buf b;
	if (p->status_ms && clock_mono_ms() - p->status_ms < STATUS_AGE_MS && strcmp(p->status_scope, visit_scope(&rq->who)) == 0)
		return;
	yyjson_doc_free(p->status);
	p->status = NULL;
	visit_request(rq, &b, "status");
	visit_ask(rq, SOCK_CONTROL, &b, STATUS_WAIT_MS, &p->status, &err);
	p->status_ms = clock_mono_ms();
	snprintf(p->status_scope, sizeof p->status_scope, "%s", visit_scope(&rq->who));
}

/* A clerk sees what is the body's; the others also how the whole stands. */
void page_board(struct request *rq, const char *rest)
{
	(void)rest;
	page_begin(rq, WORD_BOARD, "", true);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_BOARD);
	int r = role_of_one_body(rq->who.role) ? put_todo(rq) : 0;
	if (r == 0)
		r = put_desk(rq, &incidents, page_incident_rows);
	if (r == 0)
		r = put_desk(rq, &blocks, put_block_rows);
	if (r < 0)
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_NO_DATABASE);
	if (role_may(rq->who.role, "status")) {
		refresh_status(rq);
		put_orgs(rq);
		put_processes(rq->p, &rq->h);
	}
	page_end(rq, "200 OK", true);
}

/* ---- the list ---- */

#define LIST_ROWS 50

static const struct store_sql listed = {
	"list_incidents", INCIDENT_ROW " WHERE ($1 = '' OR org = $1) AND coalesce(judged, severity) >= $2 AND ($3::boolean OR state <> 'closed')"
				       " AND ($4::bigint = 0 OR id < $4) ORDER BY id DESC LIMIT 51"
};

struct filter {
	char org[8];
	uint64_t severity, before;
	bool closed;
};

static void read_filter(const struct request *rq, struct filter *f)
{
	struct str query = str_from(rq->q->query);
	char on[4];
	*f = (struct filter){ 0 };
	if (!form_get(query, "org", f->org, sizeof f->org) || strspn(f->org, "0123456789") != 6 || role_of_one_body(rq->who.role))
		f->org[0] = 0;
	if (!form_number(query, "severity", 3, &f->severity))
		f->severity = 0;
	if (!form_number(query, "before", INT64_MAX, &f->before))
		f->before = 0;
	f->closed = form_get(query, "closed", on, sizeof on);
}

static void put_option(struct html *h, const char *value, const char *label, bool chosen)
{
	html_put(h, chosen ? "<option value=\"{a}\" selected>{t}</option>" : "<option value=\"{a}\">{t}</option>", value, label);
}

static const char *const levels[] = { "0", "1", "2", "3" };

static void put_filter(struct request *rq, const struct filter *f)
{
	struct html *h = &rq->h;
	html_put(h, "<form class=\"filters\" method=\"get\" action=\"/incidents\">");
	if (!role_of_one_body(rq->who.role)) {
		html_put(h, "<div><label for=\"org\">{w}</label><select id=\"org\" name=\"org\">", WORD_ORGANISATIONS);
		put_option(h, "", html_word(WORD_FILTER_ANY, h->ja), !f->org[0]);
		for (size_t i = 0; i < rq->p->n_orgs; i++)
			if (visit_sees(&rq->who, rq->p->orgs[i].code))
				put_option(h, rq->p->orgs[i].code, h->ja ? rq->p->orgs[i].name : rq->p->orgs[i].name_en, strcmp(rq->p->orgs[i].code, f->org) == 0);
		html_put(h, "</select></div>");
	}
	html_put(h, "<div><label for=\"severity\">{w}</label><select id=\"severity\" name=\"severity\">", WORD_FILTER_SEVERITY);
	for (int i = 0; i < 4; i++)
		put_option(h, levels[i], severity_name(i, h->ja), f->severity == (uint64_t)i);
	html_put(h, "</select></div><div><label class=\"choice\">");
	html_put(h, f->closed ? "<input type=\"checkbox\" name=\"closed\" value=\"1\" checked>" : "<input type=\"checkbox\" name=\"closed\" value=\"1\">");
	html_put(h, "{w}</label></div><div><button>{w}</button></div></form>", WORD_FILTER_OPEN, WORD_SHOW);
}

static int put_listed(struct request *rq, const struct filter *f)
{
	struct err err;
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_text(&a, f->org);
	store_int(&a, (int64_t)f->severity);
	store_text(&a, f->closed ? "true" : "false");
	store_int(&a, (int64_t)f->before);
	int r = store_begin_session(rq->p->store, rq->who.token, &err);
	r = r < 0 ? r : store_run(rq->p->store, &listed, &a, &rows, &err);
	if (r == 0) {
		bool more = rows.n > LIST_ROWS;
		rows.n = more ? LIST_ROWS : rows.n;
		page_incident_rows(rq->p, &rq->h, &rows);
		if (more)
			html_put(&rq->h, f->closed ? "<p><a href=\"/incidents?org={u}&amp;severity={u}&amp;before={u}&amp;closed=1\">{w}</a></p>"
			                           : "<p><a href=\"/incidents?org={u}&amp;severity={u}&amp;before={u}\">{w}</a></p>",
			         f->org, levels[f->severity], store_col(&rows, LIST_ROWS - 1, 18), WORD_OLDER);
	}
	store_rows_done(&rows);
	store_abort(rq->p->store);
	return r;
}

void page_incidents(struct request *rq, const char *rest)
{
	struct filter f;
	(void)rest;
	read_filter(rq, &f);
	page_begin(rq, WORD_ALL_INCIDENTS, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_ALL_INCIDENTS);
	put_filter(rq, &f);
	if (put_listed(rq, &f) < 0)
		page_plain(rq, "503 Service Unavailable", WORD_NO_DATABASE);
	else
		page_end(rq, "200 OK", false);
}
