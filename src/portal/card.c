/* One incident in plain words; see portal.h. The same sentences as the mail: what happened, which terminal, what was
 * done. */
#include "portal/portal.h"

#include "base/err.h"
#include "base/mem.h"
#include "incident/acts.h"
#include "incident/incident.h"
#include "incident/severity.h"
#include "incident/timeline.h"
#include "wire/ctl.h"
#include "wire/words.h"

#include <stdio.h>

/* It is about a mail: people it went to, and no terminal yet. */
static bool is_mail(const struct incident *i)
{
	return !i->terminal[0] && strcmp(i->observable_type, "mail") == 0;
}

static void put_head(struct portal *p, struct html *h, const struct incident *i)
{
	static const char *const classes[] = { "s0", "s1", "s2", "s3" };
	int severity = incident_severity(i);
	html_put(h, "<h1>{t}</h1><p class=\"lead\"><span class=\"sev {a}\">{t}</span> ({w}) {t} <span class=\"tag\">{w}</span></p>", i->number,
	         classes[severity & 3], severity_name(severity, h->ja), i->judged >= 0 ? WORD_JUDGED : WORD_PROVISIONAL,
	         page_org_name(p, i->org, h->ja), (int)page_state(i->state));
	html_put(h, "<p class=\"hint\">{t}: {t}</p>", severity_name(severity, h->ja), severity_meaning(severity, h->ja));
	html_put(h, "<section><h2>{w}</h2><p>{t}</p><p><b>{w}</b> {t}</p>", WORD_HAPPENED, h->ja ? i->title_ja : i->title, WORD_PROVISIONAL_IS,
	         severity_name(i->severity, h->ja));
	yyjson_doc *doc = yyjson_read(i->reasons, strlen(i->reasons), 0);
	size_t k, n;
	yyjson_val *v;
	yyjson_arr_foreach(yyjson_doc_get_root(doc), k, n, v)
	{
		struct str s = ctl_str(v, h->ja ? "text_ja" : "text");
		char words[600] = "";
		str_copy(s.ptr ? s : (struct str){ "", 0 }, words, sizeof words);
		html_put(h, "<p>{t}</p>", words);
	}
	yyjson_doc_free(doc);
	if (i->judged >= 0)
		html_put(h, "<p><b>{w}</b> {t} {t}: {t}</p>", WORD_JUDGED_IS, severity_name(i->judged, h->ja), i->judged_by, i->judged_reason);
	html_put(h, "<p class=\"wrap\">{t}</p><p>{d}</p></section>", i->observable, i->last_ms);
	if (is_mail(i))
		return;
	html_put(h, "<section><h2>{w}</h2>", WORD_WHICH);
	if (i->terminal[0])
		html_put(h, "<p>{t}</p></section>", i->terminal);
	else
		html_put(h, "<p>{w}</p></section>", WORD_NOT_KNOWN);
}

/* What the notice asks for too; nothing where it is closed, or the service's own: there is no organisation to do it. */
static void put_now(struct html *h, const struct incident *i)
{
	const char *const *list = acts_of(acts_about(i), incident_severity(i), h->ja);
	if (strcmp(i->state, "closed") == 0 || !i->org[0])
		return;
	html_put(h, "<section><h2>{w}</h2><ol>", WORD_DO_NOW);
	for (int k = 0; k < ACTS_MAX && list[k]; k++)
		html_put(h, "<li>{t}</li>", list[k]);
	html_put(h, "</ol></section>");
}

static const struct store_sql mailboxes = {
	"card_mailboxes", "SELECT value FROM observable WHERE incident = $1 AND type = 'mailbox' ORDER BY value LIMIT 200"
};
static const struct store_sql timeline = {
	"card_timeline", "SELECT at_ms, actor, kind, args FROM incident_event WHERE incident = $1 ORDER BY id LIMIT 500"
};
static const struct store_sql told = {
	"card_notices", "SELECT reference, recipient, state, created_ms, sent_ms FROM notice WHERE incident = $1 ORDER BY id LIMIT 100"
};
static const struct store_sql cut = {
	"card_blocks", "SELECT id, kind, value, state, expires_ms, verified, coalesce(refused, 0), coalesce(passed, 0) FROM block LEFT JOIN LATERAL"
		       " (SELECT sum(c.n) FILTER (WHERE NOT c.passed) AS refused, sum(c.n) FILTER (WHERE c.passed) AS passed FROM block_call c"
		       " WHERE c.block = id) k ON true WHERE incident = $1 ORDER BY created_ms, id LIMIT 100"
};
static const struct store_sql evidence = {
	"card_evidence", "SELECT record FROM evidence WHERE incident = $1 ORDER BY record LIMIT 100"
};

static void row_mailbox(struct request *rq, const struct store_rows *r, int i)
{
	html_put(&rq->h, "<li>{t}</li>", store_col(r, i, 0));
}

static void row_timeline(struct request *rq, const struct store_rows *r, int i)
{
	struct html *h = &rq->h;
	struct buf w;
	buf_init(&w, 64 * KIB);
	timeline_words(store_col(r, i, 2), store_col(r, i, 3), h->ja, &w);
	html_put(h, "<li><time>{d}</time> <b>{t}</b> {t}</li>", store_col_int(r, i, 0, 0), words_of(WORDS_ACTOR, store_col(r, i, 1), h->ja),
	         buf_cstr(&w));
	buf_done(&w);
}

static void row_told(struct request *rq, const struct store_rows *r, int i)
{
	struct html *h = &rq->h;
	html_put(h, "<li><time>{d}</time> {t} {t} ({t})</li>", store_col_int(r, i, 4, store_col_int(r, i, 3, 0)), store_col(r, i, 1),
	         store_col(r, i, 0), words_of(WORDS_MAIL, store_col(r, i, 2), h->ja));
}

const char *page_check_class(const char *verdict)
{
	return strcmp(verdict, "stopped") == 0 ? "good" : strcmp(verdict, "still_passing") == 0 ? "bad" : "plain";
}

static void row_cut(struct request *rq, const struct store_rows *r, int i)
{
	struct html *h = &rq->h;
	const char *verdict = store_col(r, i, 5);
	html_put(h, "<li>{t} {t} <b>{t}</b> ({t}) {w} {d}", store_col(r, i, 0), words_of(WORDS_OBSERVABLE, store_col(r, i, 1), h->ja),
	         store_col(r, i, 2), words_of(WORDS_BLOCK, store_col(r, i, 3), h->ja), WORD_UNTIL, store_col_int(r, i, 4, 0));
	if (verdict[0])
		html_put(h, "<br><span class=\"tag {a}\">{t}</span> {w} {n} / {w} {n}", page_check_class(verdict), words_of(WORDS_CHECK, verdict, h->ja),
		         WORD_REFUSED, store_col_int(r, i, 6, 0), WORD_PASSED, store_col_int(r, i, 7, 0));
	page_block_buttons(rq, store_col(r, i, 0), store_col(r, i, 3), rq->q->path);
	html_put(h, "</li>");
}

static void row_evidence(struct request *rq, const struct store_rows *r, int i)
{
	struct html *h = &rq->h;
	html_put(h, "<li><code>{t}</code></li>", store_col(r, i, 0));
}

static int put_list(struct request *rq, const struct store_sql *q, int64_t id, enum word title,
                    void (*row)(struct request *, const struct store_rows *, int), struct err *err)
{
	struct html *h = &rq->h;
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, id);
	int r = store_run(rq->p->store, q, &a, &rows, err);
	if (r == 0) {
		html_put(h, "<section><h2>{w}</h2><ol class=\"plain\">", (int)title);
		for (int i = 0; i < rows.n; i++)
			row(rq, &rows, i);
		html_put(h, rows.n ? "</ol></section>" : "</ol><p>{w}</p></section>", WORD_NONE);
	}
	store_rows_done(&rows);
	return r;
}

/* ---- what may be done ---- */

static void begin_form(struct request *rq, const struct incident *i, const char *what, enum word title)
{
	html_put(&rq->h, "<section><h3>{w}</h3><form class=\"stack\" method=\"post\" action=\"/incident/{u}/{u}\">", (int)title, i->number, what);
	page_form_token(rq);
}

static void put_seen(struct html *h, const struct incident *i)
{
	char ms[24];
	snprintf(ms, sizeof ms, "%lld", (long long)i->judged_ms);
	html_put(h, "<input type=\"hidden\" name=\"seen\" value=\"{a}\">", ms);
}

static void put_ack(struct request *rq, const struct incident *i)
{
	if (i->acked_ms || !role_may(rq->who.role, "incident.ack"))
		return;
	begin_form(rq, i, "ack", WORD_DO_ACK);
	html_put(&rq->h, "<p>{w}</p><button>{w}</button></form></section>", WORD_ACK_HINT, WORD_ACK_BUTTON);
}

static void put_judge(struct request *rq, const struct incident *i)
{
	static const char *const levels[] = { "0", "1", "2", "3" };
	struct html *h = &rq->h;
	int now = incident_severity(i);
	if (!role_may(rq->who.role, "incident.judge"))
		return;
	begin_form(rq, i, "judge", WORD_DO_JUDGE);
	put_seen(h, i);
	html_put(h, "<p>{w}</p><fieldset><legend>{w}</legend>", WORD_JUDGE_HINT, WORD_SEVERITY);
	for (int k = 0; k < 4; k++) {
		html_put(h, k == now ? "<label class=\"choice\"><input type=\"radio\" name=\"severity\" value=\"{a}\" required checked>"
		                     : "<label class=\"choice\"><input type=\"radio\" name=\"severity\" value=\"{a}\" required>", levels[k]);
		html_put(h, "{t} <span class=\"hint\">{t}</span></label>", severity_name(k, h->ja), severity_meaning(k, h->ja));
	}
	html_put(h, "</fieldset>");
	page_text_field(rq, "judge-reason", "reason", WORD_WHY, "", 3, 650);
	html_put(h, "<button>{w}</button></form></section>", WORD_JUDGE_BUTTON);
}

static void put_block_form(struct request *rq, const struct incident *i)
{
	static const char *const kinds[][2] = { { "name", "hostname" }, { "address", "ip" }, { "url", "url" }, { "terminal", "terminal" } };
	struct html *h = &rq->h;
	if (!role_may(rq->who.role, "block.add"))
		return;
	begin_form(rq, i, "block", WORD_DO_BLOCK);
	html_put(h, "<input type=\"hidden\" name=\"org\" value=\"{a}\"><label for=\"kind\">{w}</label><select id=\"kind\" name=\"kind\">", i->org, WORD_BLOCK_KIND);
	for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
		bool main = strcmp(kinds[k][1], i->observable_type) == 0;
		html_put(h, main ? "<option value=\"{a}\" selected>{t}</option>" : "<option value=\"{a}\">{t}</option>", kinds[k][0], words_of(WORDS_OBSERVABLE, kinds[k][0], h->ja));
	}
	html_put(h, "</select>");
	page_text_field(rq, "value", "value", WORD_BLOCK_VALUE, i->observable, 0, 250);
	page_text_field(rq, "block-reason", "reason", WORD_WHY, "", 2, 48);
	html_put(h, "<label for=\"hours\">{w}</label><input id=\"hours\" name=\"hours\" type=\"number\" min=\"1\" max=\"8784\" value=\"24\" required>", WORD_BLOCK_HOURS);
	html_put(h, "<button class=\"stop\">{w}</button></form></section>", WORD_BLOCK_BUTTON);
}

static void put_note(struct request *rq, const struct incident *i)
{
	static const char *const states[] = { "analysing", "handling", "recovering" };
	struct html *h = &rq->h;
	if (!role_may(rq->who.role, "incident.note"))
		return;
	begin_form(rq, i, "note", WORD_DO_NOTE);
	page_text_field(rq, "text", "text", WORD_NOTE_TEXT, "", 3, 650);
	if (!role_of_one_body(rq->who.role)) {
		html_put(h, "<label for=\"state\">{w}</label><select id=\"state\" name=\"state\"><option value=\"\">{w}</option>", WORD_NOTE_STATE, WORD_NOTE_KEEP);
		for (size_t k = 0; k < ARRAY_LEN(states); k++)
			html_put(h, "<option value=\"{a}\">{t}</option>", states[k], words_of(WORDS_STATE, states[k], h->ja));
		html_put(h, "</select>");
	}
	html_put(h, "<button>{w}</button></form></section>", WORD_NOTE_BUTTON);
}

static void put_close(struct request *rq, const struct incident *i)
{
	if (!role_may(rq->who.role, "incident.close"))
		return;
	begin_form(rq, i, "close", WORD_DO_CLOSE);
	put_seen(&rq->h, i);
	page_text_field(rq, "close-reason", "reason", WORD_WHY, "", 2, 650);
	html_put(&rq->h, "<button>{w}</button></form></section>", WORD_CLOSE_BUTTON);
}

static void put_actions(struct request *rq, const struct incident *i)
{
	if (strcmp(i->state, "closed") == 0 || !role_may(rq->who.role, "incident.ack"))
		return;
	html_put(&rq->h, "<section id=\"act\"><h2>{w}</h2>", WORD_WHAT_TO_DO);
	put_ack(rq, i);
	put_judge(rq, i);
	put_block_form(rq, i);
	put_note(rq, i);
	put_close(rq, i);
	html_put(&rq->h, "</section>");
}

/* ---- the card ---- */

static int put_card(struct request *rq, const char *number, struct err *err)
{
	struct portal *p = rq->p;
	struct html *h = &rq->h;
	struct arena arena;
	struct incident i;
	arena_init(&arena, 1 * MIB);
	int r = store_begin_session(p->store, rq->who.token, err);
	if (r == 0)
		r = incident_load(p->store, number, &arena, &i, err);
	if (r == 0) {
		put_head(p, h, &i);
		r = is_mail(&i) ? put_list(rq, &mailboxes, i.id, WORD_WHOSE_MAIL, row_mailbox, err) : 0;
		put_now(h, &i);
		put_actions(rq, &i);
		r = r < 0 ? r : put_list(rq, &timeline, i.id, WORD_DONE, row_timeline, err);
	}
	r = r < 0 ? r : page_steps(rq, i.id, i.number, err);
	r = r < 0 ? r : put_list(rq, &told, i.id, WORD_TOLD, row_told, err);
	r = r < 0 ? r : put_list(rq, &cut, i.id, WORD_BLOCKS_HERE, row_cut, err);
	r = r < 0 ? r : put_list(rq, &evidence, i.id, WORD_EVIDENCE, row_evidence, err);
	store_abort(p->store);
	arena_done(&arena);
	return r;
}

bool page_is_number(const char *s)
{
	size_t n = strlen(s);
	return n > 2 && n < 24 && strspn(s, "I-0123456789") == n;
}

/* Another body's incident is not there, as far as a clerk can tell. */
void page_card(struct request *rq, const char *number, const struct err *problem)
{
	struct err err;
	page_begin(rq, WORD_INCIDENTS, number, false);
	page_say_done(rq);
	page_say_problem(rq, problem);
	int r = put_card(rq, number, &err);
	if (r == -E_NOT_FOUND)
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
	else if (r < 0)
		page_plain(rq, "503 Service Unavailable", WORD_NO_DATABASE);
	else
		page_end(rq, problem ? "403 Forbidden" : "200 OK", false);
}

void page_incident(struct request *rq, const char *rest)
{
	if (page_is_number(rest))
		page_card(rq, rest, NULL);
	else
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
}
