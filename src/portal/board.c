/* The board: bodies, processes, blocks, incidents; see portal.h. Counters come from controld's status, the rest from
 * the database. Either may be away: then its part says so, and the page stands. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <stdlib.h>

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
static void put_count(const struct portal *p, struct html *h, int64_t n)
{
	html_put(h, p->status ? "<td class=\"n\">{n}</td>" : "<td class=\"n\">-</td>", n);
}

static void put_orgs(struct portal *p, struct html *h)
{
	html_put(h, "<section><h2>{w}</h2><div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th><th>{w}</th>", WORD_ORGANISATIONS,
	         WORD_CODE, WORD_NAME, WORD_STATE);
	html_put(h, "<th class=\"n\">{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th></tr></thead><tbody>",
	         WORD_REQUESTS, WORD_VOLUME, WORD_DENIED, WORD_BLOCKED, WORD_OPEN);
	for (size_t i = 0; i < p->n_orgs; i++) {
		const struct portal_org *o = &p->orgs[i];
		int64_t open = counter(p, o->code, "respondd", "incidents_open");
		html_put(h, "<tr><td>{t}</td><th scope=\"row\">{t}</th><td><span class=\"tag {a}\">{w}</span></td>", o->code, h->ja ? o->name : o->name_en,
		         o->state, (int)page_state(o->state));
		put_count(p, h, counter(p, o->code, "proxyd", "requests"));
		put_count(p, h, (counter(p, o->code, "proxyd", "bytes_in") + counter(p, o->code, "proxyd", "bytes_out")) / 1000000);
		put_count(p, h, counter(p, o->code, "proxyd", "denied"));
		put_count(p, h, counter(p, o->code, "proxyd", "malicious") + counter(p, o->code, "proxyd", "cut"));
		if (open)
			html_put(h, "<td class=\"n hot\">{n}</td></tr>", open);
		else
			put_count(p, h, 0);
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
		html_put(h, "<tr><th scope=\"row\">{t}</th><td><span class=\"tag p-{a}\">{t}</span></td><td class=\"n\">{n}</td><td class=\"n\">{n}</td></tr>", name, state,
		         state, (int64_t)ctl_u64(v, "restarts", 0), (int64_t)(ctl_u64(v, "rss_bytes", 0) / 1000000));
	}
	html_put(h, "</tbody></table></div></section>");
}

static const struct store_sql blocks = {
	"board_blocks", "SELECT id, org, kind, value, reason, expires_ms, incident_number FROM block WHERE state = 'active'"
			" ORDER BY created_ms DESC, id DESC LIMIT 50"
};
static const struct store_sql incidents = {
	"board_incidents",
	"SELECT number, org, state, severity, judged, title, title_ja, terminal, created_ms, notice_started_ms, notice_sent_ms,"
	" notice_due_ms, acked_ms, notice_late, judged_ms FROM incident ORDER BY id DESC LIMIT 20"
};

static void put_block_rows(struct portal *p, struct html *h, const struct store_rows *r)
{
	html_put(h, "<section><h2>{w}</h2>", WORD_BLOCKS);
	if (!r->n) {
		html_put(h, "<p>{w}</p></section>", WORD_NONE);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr><th>ID</th><th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th></tr></thead><tbody>", WORD_ORGANISATIONS,
	         WORD_TARGET, WORD_REASON, WORD_UNTIL);
	for (int i = 0; i < r->n; i++)
		html_put(h, "<tr><td>{t}</td><td>{t}</td><td class=\"wrap\">{t}</td><td>{t}</td><td>{d}</td></tr>", store_col(r, i, 0),
		         page_org_name(p, store_col(r, i, 1), h->ja), store_col(r, i, 3), store_col(r, i, 4), store_col_int(r, i, 5, 0));
	html_put(h, "</tbody></table></div></section>");
}

/* Where the notice stands: confirmed, waiting, late, or how many seconds are left. */
static void put_clock(struct html *h, const struct store_rows *r, int i)
{
	int64_t started = store_col_int(r, i, 9, 0), sent = store_col_int(r, i, 10, 0), due = store_col_int(r, i, 11, 0);
	int64_t judged = store_col_int(r, i, 14, 0), left = (due - clock_now_ms()) / 1000;
	if (store_col_int(r, i, 12, 0))
		html_put(h, "<span class=\"tag good\">{w}</span>", WORD_ACKED);
	else if (store_col_bool(r, i, 13))
		html_put(h, "<span class=\"tag bad\">{w}</span>", WORD_LATE);
	else if (due && sent < judged)
		html_put(h, "<span class=\"tag warn\">{w} {n}</span>", WORD_NOTICE_LEFT, left);
	else if (sent)
		html_put(h, "<span class=\"tag warn\">{w}</span>", WORD_WAITING);
	else
		html_put(h, "<span class=\"tag\">{w}</span>", started ? WORD_TELLING : WORD_NO_NOTICE);
}

static void put_incident_rows(struct portal *p, struct html *h, const struct store_rows *r)
{
	html_put(h, "<section><h2>{w}</h2>", WORD_INCIDENTS);
	if (!r->n) {
		html_put(h, "<p>{w}</p></section>", WORD_NONE);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th>", WORD_NUMBER, WORD_SEVERITY, WORD_ORGANISATIONS,
	         WORD_STATE);
	html_put(h, "<th>{w}</th><th>{w}</th><th>{w}</th><th>{w}</th></tr></thead><tbody>", WORD_WHAT, WORD_TERMINAL, WORD_CLOCK, WORD_RECEIVED_AT);
	for (int i = 0; i < r->n; i++) {
		int64_t judged = store_col_int(r, i, 4, -1), severity = judged >= 0 ? judged : store_col_int(r, i, 3, 0);
		static const char *const classes[] = { "s0", "s1", "s2", "s3" };
		html_put(h, "<tr><th scope=\"row\"><a href=\"/incident/{u}?lang={u}\">{t}</a></th>", store_col(r, i, 0), h->ja ? "ja" : "en", store_col(r, i, 0));
		html_put(h, "<td><span class=\"sev {a}\">{n}</span> {w}</td><td>{t}</td><td>{w}</td>", classes[severity & 3], severity,
		         judged >= 0 ? WORD_JUDGED : WORD_PROVISIONAL, page_org_name(p, store_col(r, i, 1), h->ja), (int)page_state(store_col(r, i, 2)));
		html_put(h, "<td class=\"wrap\">{t}</td><td>{t}</td><td>", store_col(r, i, h->ja ? 6 : 5), store_col(r, i, 7));
		put_clock(h, r, i);
		html_put(h, "</td><td>{d}</td></tr>", store_col_int(r, i, 8, 0));
	}
	html_put(h, "</tbody></table></div></section>");
}

static int put_desk(struct portal *p, struct html *h, const struct store_sql *q,
                    void (*rows_of)(struct portal *, struct html *, const struct store_rows *))
{
	struct err err;
	struct store_rows rows = { 0 };
	int r = store_begin(p->store, STORE_ALL, &err);
	if (r == 0)
		r = store_run(p->store, q, NULL, &rows, &err);
	if (r == 0)
		rows_of(p, h, &rows);
	store_rows_done(&rows);
	store_abort(p->store);
	return r;
}

void page_board(struct portal *p, struct html *h)
{
	html_put(h, "<h1>{w}</h1>", WORD_BOARD);
	int r = put_desk(p, h, &incidents, put_incident_rows);
	if (r == 0)
		r = put_desk(p, h, &blocks, put_block_rows);
	if (r < 0)
		html_put(h, "<p class=\"alert\">{w}</p>", WORD_NO_DATABASE);
	put_orgs(p, h);
	put_processes(p, h);
}
