/* From a request to the bytes of the answer; see portal.h. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/words.h"

#include <stdio.h>

static const char style[] =
#include "portal/style.inc"
	;

static const char script[] =
#include "portal/script.inc"
	;

static const char *text_of(struct arena *a, yyjson_val *o, const char *key)
{
	struct str s = ctl_str(o, key);
	return s.ptr ? arena_strdup(a, s) : NULL;
}

static int read_orgs(struct portal *p, yyjson_val *list, struct err *err)
{
	size_t i, n;
	yyjson_val *v;
	p->orgs = arena_array(&p->arena, yyjson_arr_size(list) + 1, sizeof *p->orgs);
	if (!p->orgs)
		return err_set(err, E_NOMEM, "portald.json", "no memory");
	yyjson_arr_foreach(list, i, n, v)
	{
		struct portal_org *o = &p->orgs[p->n_orgs++];
		o->name = text_of(&p->arena, v, "name");
		o->name_en = text_of(&p->arena, v, "name_en");
		o->state = text_of(&p->arena, v, "state");
		if (!str_copy(ctl_str(v, "code"), o->code, sizeof o->code) || !o->name || !o->name_en || !o->state)
			return err_set(err, E_INVALID, "portald.json", "orgs[%zu] is malformed", i);
	}
	return 0;
}

int portal_configure(struct portal *p, struct str json, struct err *err)
{
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	arena_done(&p->arena);
	arena_init(&p->arena, 16 * MIB);
	p->n_orgs = 0;
	p->service = text_of(&p->arena, root, "service");
	p->service_en = text_of(&p->arena, root, "service_en");
	int r = p->service && p->service_en ? read_orgs(p, yyjson_obj_get(root, "orgs"), err)
	                                    : err_set(err, E_INVALID, "portald.json", "no service name");
	yyjson_doc_free(doc);
	return r;
}

void portal_done(struct portal *p)
{
	arena_done(&p->arena);
	yyjson_doc_free(p->status);
	p->status = NULL;
	store_destroy(&p->store);
}

bool portal_japanese(const struct scgi *q)
{
	char lang[8];
	if (form_get(str_from(q->query), "lang", lang, sizeof lang) || form_cookie(str_from(q->cookie), "toride_lang", lang, sizeof lang))
		return strcmp(lang, "en") != 0;
	/* the first language named decides; a Japanese service speaks Japanese unless asked otherwise */
	return !str_case_starts(str_from(q->language), STR("en"));
}

/* ---- the table of pages ---- */

#define O (1u << ROLE_OPERATOR)
#define A (1u << ROLE_ANALYST)
#define P (1u << ROLE_APPROVER)
#define C (1u << ROLE_CLERK)
#define ALL (O | A | P | C)

static const struct page {
	const char *path; /* ending in "/": begins so, and the rest is the page's to read */
	bool post;
	enum session_stage stage; /* that it is for; SESSION_NONE: nobody need be signed in */
	unsigned roles;
	enum word title; /* in the navigation; WORD_COUNT: not there */
	void (*run)(struct request *rq, const char *rest);
} pages[] = {
	{ "/", false, SESSION_FULL, ALL, WORD_BOARD, page_board },
	{ "/incidents", false, SESSION_FULL, ALL, WORD_ALL_INCIDENTS, page_incidents },
	{ "/incident/", false, SESSION_FULL, ALL, WORD_COUNT, page_incident },
	{ "/incident/", true, SESSION_FULL, O | A | C, WORD_COUNT, page_act },
	{ "/report", false, SESSION_FULL, O | A | C, WORD_SUSPICION, page_report },
	{ "/report", true, SESSION_FULL, O | A | C, WORD_COUNT, page_report },
	{ "/blocks", false, SESSION_FULL, ALL, WORD_ALL_BLOCKS, page_blocks },
	{ "/block/", true, SESSION_FULL, A | C, WORD_COUNT, page_block_act },
	{ "/changes", false, SESSION_FULL, O | A | P, WORD_CHANGES, page_changes },
	{ "/change/", false, SESSION_FULL, O | A | P, WORD_COUNT, page_change },
	{ "/change/", true, SESSION_FULL, P, WORD_COUNT, page_approve },
	{ "/sites", false, SESSION_FULL, ALL, WORD_SITES, page_sites },
	{ "/sites", true, SESSION_FULL, O | C, WORD_COUNT, page_sites },
	{ "/pages", false, SESSION_FULL, ALL, WORD_LOOKED, page_looked },
	{ "/pages", true, SESSION_FULL, A | C, WORD_COUNT, page_looked },
	{ "/decrypt", false, SESSION_FULL, ALL, WORD_REFUSALS, page_decrypt },
	{ "/log", false, SESSION_FULL, ALL, WORD_LOG, page_log },
	{ "/counts", false, SESSION_FULL, ALL, WORD_COUNTS, page_counts },
	{ "/coverage", false, SESSION_FULL, O | A | P, WORD_COVERAGE, page_coverage },
	{ "/holds", false, SESSION_FULL, O | A | P, WORD_HOLDS, page_holds },
	{ "/holds", true, SESSION_FULL, A | P, WORD_COUNT, page_holds },
	{ "/handover", false, SESSION_FULL, O | A, WORD_SHIFT, page_handover },
	{ "/handover", true, SESSION_FULL, O | A, WORD_COUNT, page_handover },
	{ "/ack/", false, SESSION_NONE, ALL, WORD_COUNT, page_ack_link },
	{ "/ack/", true, SESSION_NONE, ALL, WORD_COUNT, page_ack_link },
	{ "/login", false, SESSION_NONE, ALL, WORD_COUNT, page_login },
	{ "/login", true, SESSION_NONE, ALL, WORD_COUNT, page_login },
	{ "/key", false, SESSION_KEY, ALL, WORD_COUNT, page_key },
	{ "/key", true, SESSION_KEY, ALL, WORD_COUNT, page_key },
	{ "/account/key/", true, SESSION_FULL, ALL, WORD_COUNT, page_account_key },
	{ "/enrol", false, SESSION_ENROL, ALL, WORD_COUNT, page_enrol },
	{ "/enrol", true, SESSION_ENROL, ALL, WORD_COUNT, page_enrol },
	{ "/account", false, SESSION_FULL, ALL, WORD_COUNT, page_account },
	{ "/account", true, SESSION_FULL, ALL, WORD_COUNT, page_account },
	{ "/account/password", true, SESSION_FULL, ALL, WORD_COUNT, page_password },
	{ "/logout", true, SESSION_FULL, ALL, WORD_COUNT, page_logout },
};

/* *ret_rest: what stands behind the page's path. *ret_other: there is such a page, for the other method. */
static const struct page *find_page(const char *path, bool post, const char **ret_rest, bool *ret_other)
{
	*ret_other = false;
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		size_t n = strlen(pages[i].path);
		bool deep = n > 1 && pages[i].path[n - 1] == '/';
		if (deep ? strncmp(path, pages[i].path, n) != 0 || !path[n] : strcmp(path, pages[i].path) != 0)
			continue;
		*ret_rest = path + n;
		if (pages[i].post == post)
			return &pages[i];
		*ret_other = true;
	}
	return NULL;
}

bool page_is_ours(const char *path)
{
	const char *rest;
	bool other;
	return find_page(path, false, &rest, &other) != NULL;
}

/* ---- the frame ---- */

static void put_navigation(struct request *rq)
{
	struct html *h = &rq->h;
	const struct visitor *v = &rq->who;
	html_put(h, "<nav aria-label=\"{w}\"><ul>", WORD_NAVIGATION);
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		if (pages[i].title == WORD_COUNT || !(pages[i].roles & (1u << v->role)))
			continue;
		if (strcmp(pages[i].path, rq->q->path) == 0)
			html_put(h, "<li><a href=\"{p}\" aria-current=\"page\">{w}</a></li>", pages[i].path, (int)pages[i].title);
		else
			html_put(h, "<li><a href=\"{p}\">{w}</a></li>", pages[i].path, (int)pages[i].title);
	}
	html_put(h, "</ul><form method=\"post\" action=\"/logout\"><a class=\"who\" href=\"/account\">{t}</a> ", v->name);
	page_form_token(rq);
	html_put(h, "<button class=\"plain\">{w}</button></form></nav>", WORD_SIGN_OUT);
}

void page_begin(struct request *rq, enum word title, const char *number, bool refresh)
{
	struct html *h = &rq->h;
	const char *lang = h->ja ? "ja" : "en", *other = h->ja ? "en" : "ja";
	html_put(h, "<!DOCTYPE html>\n<html lang=\"{a}\"><head><meta charset=\"utf-8\">", lang);
	html_put(h, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
	if (refresh)
		html_put(h, "<meta http-equiv=\"refresh\" content=\"5;url=/?auto=1\">");
	html_put(h, "<title>{t} {w}</title><link rel=\"stylesheet\" href=\"/toride.css\"></head><body>", number, (int)title);
	html_put(h, "<a class=\"skip\" href=\"#main\">{w}</a><header><div class=\"brand\"><a href=\"/\">{t}</a></div>", WORD_SKIP, h->ja ? rq->p->service : rq->p->service_en);
	html_put(h, "<a class=\"lang\" href=\"{p}?lang={u}\" lang=\"{a}\">{w}</a></header>", rq->q->post || !rq->q->path[0] ? "/" : rq->q->path, other, other, WORD_LANGUAGE);
	if (rq->who.stage == SESSION_FULL)
		put_navigation(rq);
	html_put(h, "<main id=\"main\">");
}

static void headers_with(struct buf *out, const char *status, const char *type, size_t length, const char *policy)
{
	buf_printf(out, "Status: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status, type, length);
	buf_printf(out, "Content-Security-Policy: default-src 'none'; style-src 'self'; %sbase-uri 'none'; form-action 'self'; "
	              "frame-ancestors 'none'\r\nCache-Control: no-store\r\nVary: Accept-Language, Cookie\r\n", policy);
}

static void headers(struct buf *out, const char *status, const char *type, size_t length)
{
	headers_with(out, status, type, length, "");
}

void page_end(struct request *rq, const char *status, bool refresh)
{
	struct html *h = &rq->h;
	html_put(h, "</main><footer><p>{w}</p>", WORD_TIMES_ARE);
	if (refresh)
		html_put(h, "<p>{w}</p>", WORD_REFRESHES);
	html_put(h, "</footer></body></html>\n");
	rq->answered = true;
	if (h->b.failed) {
		headers(rq->out, "500 Internal Server Error", "text/plain; charset=utf-8", 0);
		buf_puts(rq->out, "\r\n");
		return;
	}
	headers_with(rq->out, status, "text/html; charset=utf-8", h->b.len, rq->script ? "script-src 'self'; " : "");
	buf_str(rq->out, buf_view(&rq->cookies));
	buf_puts(rq->out, "\r\n");
	if (!rq->q->head)
		buf_str(rq->out, buf_view(&h->b));
}

void page_go(struct request *rq, const char *to)
{
	headers(rq->out, "303 See Other", "text/plain; charset=utf-8", 0);
	buf_printf(rq->out, "Location: %s\r\n", to);
	buf_str(rq->out, buf_view(&rq->cookies));
	buf_puts(rq->out, "\r\n");
	rq->answered = true;
}

void page_plain(struct request *rq, const char *status, enum word sentence)
{
	buf_reset(&rq->h.b);
	page_begin(rq, sentence, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p><a href=\"/\">{w}</a></p>", (int)sentence, WORD_BACK);
	page_end(rq, status, false);
}

void page_form_token(struct request *rq)
{
	html_put(&rq->h, "<input type=\"hidden\" name=\"form\" value=\"{a}\">", rq->who.form_token);
}

/* ---- parts ---- */

static const struct {
	const char *code;
	enum word word;
} done[] = { { "ack", WORD_DONE_ACK },     { "note", WORD_DONE_NOTE }, { "judge", WORD_DONE_JUDGE },    { "block", WORD_DONE_BLOCK },
	     { "remove", WORD_DONE_UNDO }, { "password", WORD_DONE_PASSWORD }, { "key", WORD_DONE_KEY }, { "keyless", WORD_DONE_KEYLESS }, { "step", WORD_DONE_STEP }, { "report", WORD_DONE_REPORT }, { "consent", WORD_DONE_CONSENT }, { "close", WORD_DONE_CLOSE }, { "approve", WORD_DONE_APPROVE }, { "purge", WORD_DONE_PURGE }, { "unkept", WORD_DONE_UNKEPT },
	     { "looked", WORD_DONE_LOOKED }, { "hold", WORD_DONE_HOLD }, { "asked", WORD_DONE_ASKED }, { "released", WORD_DONE_RELEASED }, { "shift", WORD_DONE_SHIFT }, { "take", WORD_DONE_TAKE } };

void page_say_done(struct request *rq)
{
	char code[16];
	form_get(str_from(rq->q->query), "done", code, sizeof code);
	for (size_t i = 0; i < ARRAY_LEN(done); i++)
		if (strcmp(done[i].code, code) == 0)
			html_put(&rq->h, "<p class=\"done\" role=\"status\">{w}</p>", (int)done[i].word);
}

/* Our sentence first; the words of whoever refused behind it, for those who can use them. */
void page_say_problem(struct request *rq, const struct err *problem)
{
	static const struct {
		int code;
		enum word word;
	} table[] = { { E_INVALID, WORD_NO_INVALID }, { E_LIMIT, WORD_NO_INVALID }, { E_DENIED, WORD_NO_DENIED }, { E_STATE, WORD_NO_STATE },
		      { E_EXISTS, WORD_NO_EXISTS },   { E_NOT_FOUND, WORD_NOT_FOUND } };
	enum word word = WORD_NO_ANSWER;
	if (!problem)
		return;
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (table[i].code == problem->code)
			word = table[i].word;
	html_put(&rq->h, "<div class=\"alert\" role=\"alert\"><p>{w} {w}</p><p class=\"hint\">{t} {t}</p></div>", WORD_NOT_DONE, (int)word, problem->path,
	         words_of(WORDS_REFUSAL, problem->msg, rq->h.ja));
}

void page_list_begin(struct request *rq, enum word title, const struct err *problem, bool none)
{
	page_begin(rq, title, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", (int)title);
	page_say_done(rq);
	page_say_problem(rq, problem);
	if (none)
		html_put(&rq->h, "<p>{w}</p>", WORD_NONE);
}

void page_text_field(struct request *rq, const char *id, const char *name, enum word label, const char *value, int rows, int max)
{
	char sent[2100];
	bool again = rq->q->post && form_get(rq->q->body, name, sent, sizeof sent);
	html_put(&rq->h, "<label for=\"{a}\">{w}</label>", id, (int)label);
	if (rows)
		html_put(&rq->h, "<textarea id=\"{a}\" name=\"{a}\" rows=\"{n}\" maxlength=\"{n}\" required>{t}</textarea>", id, name, (int64_t)rows, (int64_t)max,
		         again ? sent : value);
	else
		html_put(&rq->h, "<input id=\"{a}\" name=\"{a}\" value=\"{a}\" maxlength=\"{n}\" required>", id, name, again ? sent : value, (int64_t)max);
}

/* ---- the way through ---- */

/* Kept for the next page; what the reader wrote nowhere else. */
static void keep_language(struct request *rq)
{
	char lang[8];
	if (form_get(str_from(rq->q->query), "lang", lang, sizeof lang) && (strcmp(lang, "ja") == 0 || strcmp(lang, "en") == 0))
		buf_printf(&rq->cookies, "Set-Cookie: toride_lang=%s; Path=/; Max-Age=31536000; Secure; HttpOnly; SameSite=Lax\r\n", lang);
}

/* Not signed in: to the door, and back here afterwards where that is a page to come back to. */
static void to_the_door(struct request *rq)
{
	char to[SCGI_PATH_MAX + 32];
	bool plain = strspn(rq->q->path, "/abcdefghijklmnopqrstuvwxyzI-0123456789") == strlen(rq->q->path);
	if (rq->who.stage != SESSION_NONE)
		snprintf(to, sizeof to, rq->who.stage == SESSION_KEY ? "/key" : "/enrol");
	else if (!rq->q->post && plain && strcmp(rq->q->path, "/") != 0)
		snprintf(to, sizeof to, "/login?next=%s", rq->q->path);
	else
		snprintf(to, sizeof to, "/login");
	page_go(rq, to);
}

static void run_page(struct request *rq)
{
	const char *rest;
	bool other;
	const struct page *page = find_page(rq->q->path, rq->q->post, &rest, &other);
	bool other_stage = page && page->stage != SESSION_NONE && page->stage != rq->who.stage;
	if (!page)
		page_plain(rq, other ? "405 Method Not Allowed" : "404 Not Found", WORD_NOT_FOUND);
	else if (other_stage && (page->stage == SESSION_FULL || rq->who.stage == SESSION_NONE))
		to_the_door(rq);
	else if (other_stage)
		page_go(rq, "/");
	else if (page->stage == SESSION_FULL && !(page->roles & (1u << rq->who.role)))
		page_plain(rq, "403 Forbidden", WORD_NOT_YOURS);
	else if (page->post && !visit_is_ours(rq))
		page_plain(rq, "403 Forbidden", WORD_FORM_OVER);
	else
		page->run(rq, rest);
	if (!rq->answered)
		bug("no answer: %s", rq->q->path);
}

static void answer_file(const struct scgi *q, const char *type, const char *text, size_t n, struct buf *out)
{
	headers(out, "200 OK", type, n);
	buf_puts(out, "\r\n");
	if (!q->head)
		buf_puts(out, text);
}

void portal_answer(struct portal *p, const struct scgi *q, int err_code, struct buf *out)
{
	static const struct scgi none = { .path = "/" };
	struct request rq = { .p = p, .q = err_code < 0 ? &none : q, .out = out };
	char automatic[4];
	if (err_code == 0 && strcmp(q->path, "/toride.css") == 0) {
		answer_file(q, "text/css; charset=utf-8", style, sizeof style - 1, out);
		return;
	}
	if (err_code == 0 && strcmp(q->path, "/passkey.js") == 0) {
		answer_file(q, "text/javascript; charset=utf-8", script, sizeof script - 1, out);
		return;
	}
	html_init(&rq.h, portal_japanese(rq.q));
	buf_init(&rq.cookies, 4 * KIB);
	if (err_code < 0) {
		page_plain(&rq, err_code == -E_DENIED ? "405 Method Not Allowed" : err_code == -E_LIMIT ? "413 Content Too Large" : "400 Bad Request", WORD_NOT_UNDERSTOOD);
	} else {
		keep_language(&rq);
		visit_know(&rq, !form_get(str_from(q->query), "auto", automatic, sizeof automatic));
		run_page(&rq);
	}
	html_done(&rq.h);
	buf_done(&rq.cookies);
}
