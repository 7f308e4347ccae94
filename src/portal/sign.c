/* Signing in, the first time, signing out; see portal.h. What is wrong with a sign-in is said in one sentence for all reasons: the record
 * has the real one, for those who may read it. */
#include "portal/portal.h"

#include "base/mem.h"
#include "portal/qr.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <openssl/crypto.h>

#define SIGN_IN_MS 15000 /* some others before us, a quarter of a second each */
#define FIELD 200

static void put_problem(struct html *h, enum word problem)
{
	if (problem != WORD_COUNT)
		html_put(h, "<p class=\"alert\" role=\"alert\">{w}</p>", (int)problem);
}

/* ---- the door ---- */

/* Where to go afterwards: "" unless it is a page of ours. */
static void next_page(struct str form, char dst[SCGI_PATH_MAX])
{
	if (!form_get(form, "next", dst, SCGI_PATH_MAX) || dst[0] != '/' || dst[1] == '/' || !page_is_ours(dst))
		dst[0] = 0;
}

static void show_login(struct request *rq, const char *status, enum word problem, const char *name, const char *next)
{
	struct html *h = &rq->h;
	page_begin(rq, WORD_SIGN_IN, "", false);
	html_put(h, "<h1>{w}</h1>", WORD_SIGN_IN);
	put_problem(h, problem);
	html_put(h, "<form class=\"stack\" method=\"post\" action=\"/login\" autocomplete=\"off\">");
	page_form_token(rq);
	html_put(h, "<input type=\"hidden\" name=\"next\" value=\"{a}\">", next);
	html_put(h, "<label for=\"name\">{w}</label><input id=\"name\" name=\"name\" value=\"{a}\" required maxlength=\"63\" autocapitalize=\"none\" spellcheck=\"false\">",
	         WORD_USER_NAME, name);
	html_put(h, "<label for=\"password\">{w}</label><input id=\"password\" name=\"password\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\">", WORD_PASSWORD);
	html_put(h, "<label for=\"code\">{w}</label><input id=\"code\" name=\"code\" inputmode=\"numeric\" maxlength=\"8\" autocomplete=\"one-time-code\" aria-describedby=\"later\">",
	         WORD_APP_CODE);
	html_put(h, "<p id=\"later\" class=\"hint\">{w} {w}</p><button>{w}</button></form><p>{w}</p>", WORD_APP_CODE_LATER, page_has_keys(rq) ? WORD_KEY_LATER : WORD_NOTHING, WORD_SIGN_IN,
	         WORD_NOT_ASKED_FOR);
	page_end(rq, status, false);
}

void page_enter(struct request *rq, yyjson_val *root, const char *next)
{
	enum session_stage stage = SESSION_NONE;
	char token[TOKEN_MAX];
	if (!str_copy(ctl_str(root, "session"), token, sizeof token)) {
		page_plain(rq, "503 Service Unavailable", WORD_UNKNOWN);
		return;
	}
	visit_set_session(rq, token);
	session_stage_parse(ctl_str(root, "stage"), &stage);
	page_go(rq, stage == SESSION_KEY ? "/key" : stage != SESSION_FULL ? "/enrol" : *next ? next : "/");
	OPENSSL_cleanse(token, sizeof token);
}

static void do_login(struct request *rq)
{
	char name[FIELD], password[FIELD], code[24], next[SCGI_PATH_MAX];
	struct err err;
	struct buf b;
	yyjson_doc *doc;
	form_get(rq->q->body, "name", name, sizeof name);
	form_get(rq->q->body, "password", password, sizeof password);
	form_get(rq->q->body, "code", code, sizeof code);
	next_page(rq->q->body, next);
	visit_request(rq, &b, "sign_in"); /* with the session at hand: it ends */
	json_field_s(&b, "name", name);
	json_field_s(&b, "password", password);
	json_field_s(&b, "code", code);
	json_field_s(&b, "address", rq->q->address);
	json_field_s(&b, "way", rq->q->way);
	json_field_bool(&b, "keys", page_has_keys(rq));
	OPENSSL_cleanse(password, sizeof password);
	int r = visit_ask(rq, SOCK_AUTH, &b, SIGN_IN_MS, &doc, &err);
	if (r == 0)
		page_enter(rq, yyjson_doc_get_root(doc), next);
	else if (r == -E_DENIED)
		show_login(rq, "403 Forbidden", WORD_SIGN_IN_NO, name, next);
	else
		show_login(rq, "503 Service Unavailable", r == -E_LIMIT ? WORD_SIGN_IN_BUSY : WORD_SIGN_IN_AWAY, name, next);
	yyjson_doc_free(doc);
}

void page_login(struct request *rq, const char *rest)
{
	char next[SCGI_PATH_MAX], said[8];
	(void)rest;
	if (rq->q->post) {
		do_login(rq);
		return;
	}
	next_page(str_from(rq->q->query), next);
	form_get(str_from(rq->q->query), "said", said, sizeof said);
	show_login(rq, "200 OK", strcmp(said, "key") == 0 ? WORD_KEY_FAILED : WORD_COUNT, "", next);
}

/* ---- the first time ---- */

static void put_key(struct html *h, const char *secret)
{
	char group[5];
	html_put(h, "<p>{w}</p><p class=\"key\"><code>", WORD_ENROL_KEY);
	for (; *secret; secret += strlen(group)) {
		str_copy((struct str){ secret, strnlen(secret, 4) }, group, sizeof group);
		html_put(h, "{t} ", group);
	}
	html_put(h, "</code></p>");
}

/* The same, to be photographed: a quiet zone of four modules, each row's dark runs as one piece. */
static void put_picture(struct html *h, yyjson_val *uri)
{
	struct qr q;
	if (!yyjson_is_str(uri) || !qr_make((struct str){ yyjson_get_str(uri), yyjson_get_len(uri) }, &q))
		return; /* the key stands below */
	html_put(h, "<svg class=\"qr\" viewBox=\"0 0 {n} {n}\" role=\"img\" aria-label=\"{w}\" shape-rendering=\"crispEdges\"><rect width=\"{n}\" height=\"{n}\" fill=\"#fff\"/>",
	         (int64_t)q.size + 8, (int64_t)q.size + 8, WORD_ENROL_STEP_1, (int64_t)q.size + 8, (int64_t)q.size + 8);
	for (int r = 0; r < q.size; r++)
		for (int c = 0, run; c < q.size; c += run ? run : 1) {
			for (run = 0; c + run < q.size && q.dark[r][c + run];)
				run++;
			if (run)
				html_put(h, "<rect x=\"{n}\" y=\"{n}\" width=\"{n}\" height=\"1\"/>", (int64_t)c + 4, (int64_t)r + 4, (int64_t)run);
		}
	html_put(h, "</svg>");
}

static void put_enrol_form(struct request *rq)
{
	struct html *h = &rq->h;
	html_put(h, "<form class=\"stack\" method=\"post\" action=\"/enrol\" autocomplete=\"off\">");
	page_form_token(rq);
	html_put(h, "<h2>{w}</h2><p id=\"rules\">{w}</p>", WORD_ENROL_STEP_2, WORD_PASSWORD_RULES);
	html_put(h, "<label for=\"password\">{w}</label><input id=\"password\" name=\"password\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\" aria-describedby=\"rules\">",
	         WORD_PASSWORD);
	html_put(h, "<label for=\"again\">{w}</label><input id=\"again\" name=\"again\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\">", WORD_PASSWORD_AGAIN);
	html_put(h, "<h2>{w}</h2><label for=\"code\">{w}</label><input id=\"code\" name=\"code\" inputmode=\"numeric\" required maxlength=\"8\" autocomplete=\"one-time-code\">",
	         WORD_ENROL_STEP_3, WORD_APP_CODE);
	html_put(h, "<button>{w}</button></form>", WORD_ENROL_DO);
}

static void show_enrol(struct request *rq, const char *status, enum word problem)
{
	struct html *h = &rq->h;
	struct err err;
	struct buf b;
	yyjson_doc *doc;
	char secret[64] = "";
	visit_request(rq, &b, "enrol_secret");
	int r = visit_ask(rq, SOCK_AUTH, &b, SIGN_IN_MS, &doc, &err);
	if (r < 0 || !str_copy(ctl_str(yyjson_doc_get_root(doc), "secret"), secret, sizeof secret)) {
		page_plain(rq, "503 Service Unavailable", WORD_UNKNOWN);
		yyjson_doc_free(doc);
		return;
	}
	page_begin(rq, WORD_ENROL, "", false);
	html_put(h, "<h1>{w}</h1>", WORD_ENROL);
	put_problem(h, problem);
	html_put(h, "<h2>{w}</h2>", WORD_ENROL_STEP_1);
	put_picture(h, yyjson_obj_get(yyjson_doc_get_root(doc), "uri"));
	put_key(h, secret);
	put_enrol_form(rq);
	page_end(rq, status, false);
	yyjson_doc_free(doc);
}

static enum word problem_of(const struct err *err)
{
	static const struct {
		const char *fault;
		enum word word;
	} table[] = { { "length", WORD_PW_LENGTH }, { "kinds", WORD_PW_KINDS }, { "simple", WORD_PW_SIMPLE }, { "used", WORD_PW_USED }, { "wrong", WORD_CODE_WRONG } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (strcmp(err->msg, table[i].fault) == 0)
			return table[i].word;
	return err->code == E_LIMIT ? WORD_SIGN_IN_BUSY : WORD_UNKNOWN;
}

static void do_enrol(struct request *rq)
{
	char password[FIELD], again[FIELD], code[24];
	struct err err;
	struct buf b;
	yyjson_doc *doc = NULL;
	form_get(rq->q->body, "password", password, sizeof password);
	form_get(rq->q->body, "again", again, sizeof again);
	form_get(rq->q->body, "code", code, sizeof code);
	bool same = strcmp(password, again) == 0;
	visit_request(rq, &b, "enrol");
	json_field_s(&b, "password", password);
	json_field_s(&b, "code", code);
	json_field_s(&b, "address", rq->q->address);
	OPENSSL_cleanse(password, sizeof password);
	OPENSSL_cleanse(again, sizeof again);
	if (!same) {
		buf_done(&b);
		show_enrol(rq, "403 Forbidden", WORD_PW_DIFFER);
		return;
	}
	if (visit_ask(rq, SOCK_AUTH, &b, SIGN_IN_MS, &doc, &err) == 0)
		page_enter(rq, yyjson_doc_get_root(doc), "");
	else
		show_enrol(rq, "403 Forbidden", problem_of(&err));
	yyjson_doc_free(doc);
}

void page_enrol(struct request *rq, const char *rest)
{
	(void)rest;
	if (rq->q->post)
		do_enrol(rq);
	else
		show_enrol(rq, "200 OK", WORD_COUNT);
}

/* ---- out ---- */

void page_logout(struct request *rq, const char *rest)
{
	struct err err;
	struct buf b;
	(void)rest;
	visit_request(rq, &b, "sign_out");
	json_field_s(&b, "address", rq->q->address);
	visit_ask(rq, SOCK_AUTH, &b, SIGN_IN_MS, NULL, &err);
	visit_set_session(rq, NULL);
	rq->who = (struct visitor){ 0 };
	page_plain(rq, "200 OK", WORD_SIGNED_OUT);
}

/* ---- one's own account ---- */

static void do_leaked(struct request *rq)
{
	struct err err;
	struct buf b;
	visit_request(rq, &b, "leaked");
	json_field_s(&b, "address", rq->q->address);
	if (visit_ask(rq, SOCK_AUTH, &b, SIGN_IN_MS, NULL, &err) < 0) {
		page_plain(rq, "503 Service Unavailable", WORD_NO_ANSWER);
		return;
	}
	visit_set_session(rq, NULL);
	rq->who = (struct visitor){ 0 };
	page_plain(rq, "200 OK", WORD_LEAK_DONE);
}

static void put_password_form(struct request *rq)
{
	struct html *h = &rq->h;
	html_put(h, "<section><h2>{w}</h2><form class=\"stack\" method=\"post\" action=\"/account/password\" autocomplete=\"off\">", WORD_NEW_PASSWORD);
	page_form_token(rq);
	html_put(h, "<label for=\"old\">{w}</label><input id=\"old\" name=\"old\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\">", WORD_OLD_PASSWORD);
	html_put(h, "<label for=\"code\">{w}</label><input id=\"code\" name=\"code\" inputmode=\"numeric\" required maxlength=\"8\" autocomplete=\"one-time-code\">", WORD_APP_CODE);
	html_put(h, "<p id=\"rules\">{w}</p><label for=\"password\">{w}</label>", WORD_PASSWORD_RULES, WORD_NEW_PASSWORD);
	html_put(h, "<input id=\"password\" name=\"password\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\" aria-describedby=\"rules\">");
	html_put(h, "<label for=\"again\">{w}</label><input id=\"again\" name=\"again\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\">", WORD_PASSWORD_AGAIN);
	html_put(h, "<button>{w}</button></form></section>", WORD_ENROL_DO);
}

static void show_account(struct request *rq, const char *status, enum word problem)
{
	static const enum word roles[ROLE_COUNT] = { WORD_ROLE_OPERATOR, WORD_ROLE_ANALYST, WORD_ROLE_APPROVER, WORD_ROLE_CLERK };
	struct html *h = &rq->h;
	page_begin(rq, WORD_ACCOUNT, "", false);
	html_put(h, "<h1>{t}</h1><p>{w}: {w} {t}</p>", rq->who.name, WORD_ROLE, (int)roles[rq->who.role], rq->who.org[0] ? page_org_name(rq->p, rq->who.org, h->ja) : "");
	page_say_done(rq);
	put_problem(h, problem);
	put_password_form(rq);
	page_keys(rq);
	html_put(h, "<section><h2>{w}</h2><p>{w}</p><form method=\"post\" action=\"/account\">", WORD_LEAK, WORD_LEAK_HINT);
	page_form_token(rq);
	html_put(h, "<button class=\"stop\">{w}</button></form></section>", WORD_LEAK_BUTTON);
	page_end(rq, status, false);
}

void page_account(struct request *rq, const char *rest)
{
	(void)rest;
	if (rq->q->post)
		do_leaked(rq);
	else
		show_account(rq, "200 OK", WORD_COUNT);
}

void page_password(struct request *rq, const char *rest)
{
	char old[FIELD], password[FIELD], again[FIELD], code[24], token[TOKEN_MAX] = "";
	struct err err;
	struct buf b;
	yyjson_doc *doc = NULL;
	(void)rest;
	form_get(rq->q->body, "old", old, sizeof old);
	form_get(rq->q->body, "password", password, sizeof password);
	form_get(rq->q->body, "again", again, sizeof again);
	form_get(rq->q->body, "code", code, sizeof code);
	bool same = strcmp(password, again) == 0;
	visit_request(rq, &b, "password");
	json_field_s(&b, "password", old);
	json_field_s(&b, "new", password);
	json_field_s(&b, "code", code);
	json_field_s(&b, "address", rq->q->address);
	json_field_s(&b, "way", rq->q->way);
	OPENSSL_cleanse(old, sizeof old);
	OPENSSL_cleanse(password, sizeof password);
	OPENSSL_cleanse(again, sizeof again);
	if (!same) {
		buf_done(&b);
		show_account(rq, "403 Forbidden", WORD_PW_DIFFER);
		return;
	}
	int r = visit_ask(rq, SOCK_AUTH, &b, SIGN_IN_MS, &doc, &err);
	if (r == 0 && str_copy(ctl_str(yyjson_doc_get_root(doc), "session"), token, sizeof token)) {
		visit_set_session(rq, token);
		page_go(rq, "/account?done=password");
	} else {
		enum word problem = r < 0 ? problem_of(&err) : WORD_UNKNOWN;
		show_account(rq, "403 Forbidden", problem == WORD_CODE_WRONG ? WORD_OLD_WRONG : problem);
	}
	yyjson_doc_free(doc);
}
