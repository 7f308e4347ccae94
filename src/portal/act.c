/* What a person does to an incident or a block: each button is one request of controld, which asks authd who it is. What stands here is
 * which fields a form has; whether it may be done is said there. See portal.h. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdio.h>

#define ACT_MS 30000
#define FIELDS 4

static const struct act {
	const char *path, *request, *key; /* key: under which the incident's number goes */
	const char *texts[FIELDS], *number;
	uint64_t max;
} acts[] = {
	{ "ack", "incident.ack", "number", { NULL }, NULL, 0 },
	{ "note", "incident.note", "number", { "text", "state", NULL }, NULL, 0 },
	{ "judge", "incident.judge", "number", { "reason", NULL }, "severity", 3 },
	{ "step", "incident.step", "number", { "result", NULL }, "task", INT64_MAX },
	{ "close", "incident.close", "number", { "reason", NULL }, NULL, 0 },
	{ "block", "block.add", "incident", { "org", "kind", "value", "reason" }, "hours", 8784 },
};

static const struct act *find_act(const char *path)
{
	for (size_t i = 0; i < ARRAY_LEN(acts); i++)
		if (strcmp(acts[i].path, path) == 0)
			return &acts[i];
	return NULL;
}

static int do_act(struct request *rq, const struct act *a, const char *number, struct err *err)
{
	char text[2100];
	uint64_t n;
	struct buf b;
	visit_request(rq, &b, a->request);
	json_field_s(&b, a->key, number);
	for (size_t i = 0; i < FIELDS && a->texts[i]; i++)
		if (form_get(rq->q->body, a->texts[i], text, sizeof text) && text[0])
			json_field_s(&b, a->texts[i], text);
	if (a->number && !form_number(rq->q->body, a->number, a->max, &n)) {
		buf_done(&b);
		return err_set(err, E_INVALID, a->number, "not a number up to %llu", (unsigned long long)a->max);
	}
	if (a->number)
		json_field_u64(&b, a->number, n);
	if (form_number(rq->q->body, "seen", INT64_MAX, &n)) /* which judgement they have read: another one isn't overrun unread */
		json_field_u64(&b, "seen", n);
	return visit_ask(rq, SOCK_CONTROL, &b, ACT_MS, NULL, err);
}

void page_act(struct request *rq, const char *rest)
{
	char number[32], to[80];
	struct err err = { 0 };
	const char *slash = strchr(rest, '/');
	const struct act *a = slash ? find_act(slash + 1) : NULL;
	if (!a || !str_copy((struct str){ rest, (size_t)(slash - rest) }, number, sizeof number) || !page_is_number(number)) {
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
		return;
	}
	if (!role_may(rq->who.role, a->request)) { /* controld would say so, too */
		page_plain(rq, "403 Forbidden", WORD_NOT_YOURS);
		return;
	}
	if (do_act(rq, a, number, &err) < 0) {
		page_card(rq, number, &err);
		return;
	}
	snprintf(to, sizeof to, "/incident/%s?done=%s", number, a->path);
	page_go(rq, to);
}

/* ---- blocks ---- */

/* What a block's button asks, by the end of its address. */
static const struct {
	const char *path, *request;
} block_acts[] = { { "/remove", "block.remove" }, { "/consent", "block.consent" } };

static void put_button(struct request *rq, const char *id, const char *path, const char *back, enum word label)
{
	html_put(&rq->h, "<form method=\"post\" action=\"/block/{u}/{u}\">", id, path);
	page_form_token(rq);
	html_put(&rq->h, "<input type=\"hidden\" name=\"back\" value=\"{a}\"><button class=\"plain\" aria-label=\"{a} {w}\">{w}</button></form>", back, id, (int)label, (int)label);
}

void page_block_buttons(struct request *rq, const char *id, const char *state, const char *back)
{
	bool asked = strcmp(state, "requested") == 0;
	if ((asked || strcmp(state, "active") == 0 || strcmp(state, "ordered") == 0) && role_may(rq->who.role, "block.remove"))
		put_button(rq, id, "remove", back, WORD_UNDO);
	if (asked && role_may(rq->who.role, "block.consent"))
		put_button(rq, id, "consent", back, WORD_CONSENT);
}

static void show_blocks(struct request *rq, const struct err *problem);

void page_block_act(struct request *rq, const char *rest)
{
	char id[32], back[SCGI_PATH_MAX], to[SCGI_PATH_MAX + 24];
	struct err err = { 0 };
	struct buf b;
	size_t n = strspn(rest, "B-0123456789"), k = 0;
	while (k < ARRAY_LEN(block_acts) && strcmp(rest + n, block_acts[k].path) != 0)
		k++;
	if (k == ARRAY_LEN(block_acts) || n == 0 || !str_copy((struct str){ rest, n }, id, sizeof id)) {
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
		return;
	}
	if (!role_may(rq->who.role, block_acts[k].request)) {
		page_plain(rq, "403 Forbidden", WORD_NOT_YOURS);
		return;
	}
	visit_request(rq, &b, block_acts[k].request);
	json_field_s(&b, "id", id);
	if (visit_ask(rq, SOCK_CONTROL, &b, ACT_MS, NULL, &err) < 0) {
		show_blocks(rq, &err);
		return;
	}
	bool incident = form_get(rq->q->body, "back", back, sizeof back) && strncmp(back, "/incident/", 10) == 0 && page_is_number(back + 10);
	snprintf(to, sizeof to, "%s?done=%s", incident ? back : "/blocks", block_acts[k].path + 1);
	page_go(rq, to);
}

static const struct store_sql all = {
	"blocks_all", "SELECT id, org, kind, value, state, reason, reason_code, author, expires_ms, incident_number, verified FROM block"
		      " WHERE state IN ('ordered', 'requested', 'active', 'removing') OR created_ms > $1 ORDER BY created_ms DESC, id DESC LIMIT 200"
};

static void put_block(struct request *rq, const struct store_rows *r, int i)
{
	struct html *h = &rq->h;
	const char *code = store_col(r, i, 6), *verified = store_col(r, i, 10);
	html_put(h, "<li><b>{t}</b> ({t}) <span class=\"tag\">{t}</span> {t} {w} {d}", store_col(r, i, 3), words_of(WORDS_OBSERVABLE, store_col(r, i, 2), h->ja),
	         words_of(WORDS_BLOCK, store_col(r, i, 4), h->ja), page_org_name(rq->p, store_col(r, i, 1), h->ja), WORD_UNTIL, store_col_int(r, i, 8, 0));
	html_put(h, "<br>{t} {t}: {t} ", store_col(r, i, 0), words_of(WORDS_ACTOR, store_col(r, i, 7), h->ja), code[0] ? words_of(WORDS_REASON, code, h->ja) : store_col(r, i, 5));
	if (store_col(r, i, 9)[0])
		html_put(h, "<a href=\"/incident/{u}\">{t}</a> ", store_col(r, i, 9), store_col(r, i, 9));
	if (verified[0])
		html_put(h, "<span class=\"tag {a}\">{t}</span>", page_check_class(verified), words_of(WORDS_CHECK, verified, h->ja));
	page_block_buttons(rq, store_col(r, i, 0), store_col(r, i, 4), "/blocks");
	html_put(h, "</li>");
}

static int put_blocks(struct request *rq, struct err *err)
{
	struct store_args a = { 0 };
	struct store_rows rows = { 0 };
	store_int(&a, clock_now_ms() - 7 * 86400000ll);
	int r = store_begin_session(rq->p->store, rq->who.token, err);
	r = r < 0 ? r : store_run(rq->p->store, &all, &a, &rows, err);
	if (r == 0) {
		html_put(&rq->h, "<ol class=\"plain\">");
		for (int i = 0; i < rows.n; i++)
			put_block(rq, &rows, i);
		html_put(&rq->h, rows.n ? "</ol>" : "</ol><p>{w}</p>", WORD_NONE);
	}
	store_rows_done(&rows);
	store_abort(rq->p->store);
	return r;
}

static void show_blocks(struct request *rq, const struct err *problem)
{
	struct err err;
	page_begin(rq, WORD_ALL_BLOCKS, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_ALL_BLOCKS);
	page_say_done(rq);
	page_say_problem(rq, problem);
	if (put_blocks(rq, &err) < 0)
		page_plain(rq, "503 Service Unavailable", WORD_NO_DATABASE);
	else
		page_end(rq, problem ? "403 Forbidden" : "200 OK", false);
}

void page_blocks(struct request *rq, const char *rest)
{
	(void)rest;
	show_blocks(rq, NULL);
}
