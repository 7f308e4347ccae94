/* Passkeys: asked for at the door, registered and removed at one's own account; see portal.h. The two pages that ask an authenticator have the
 * desk's one script (web/passkey.js); without it one signs in with the app's code. */
#include "portal/portal.h"

#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <openssl/crypto.h>

#define ASK_MS 15000
#define BYTES 1400 /* base64url of what an authenticator says */

bool page_has_keys(const struct request *rq)
{
	return visit_over_tls(rq);
}

static void begin(const struct request *rq, struct buf *b, const char *what)
{
	visit_request(rq, b, what);
	json_field_s(b, "way", rq->q->way);
	json_field_bool(b, "keys", page_has_keys(rq));
	json_field_s(b, "address", rq->q->address);
}

static const char *text_of(yyjson_val *o, const char *key, char *dst, size_t size)
{
	return str_copy(ctl_str(o, key), dst, size) ? dst : "";
}

/* The ids of what is registered, one behind the other. */
static void ids_of(yyjson_val *root, struct buf *b)
{
	size_t i, n;
	yyjson_val *v;
	buf_init(b, 16 * KIB);
	yyjson_arr_foreach(yyjson_obj_get(root, "keys"), i, n, v) {
		buf_puts(b, i ? " " : "");
		buf_str(b, ctl_str(v, "id"));
	}
}

/* The form that the script fills and sends. root: what authd asks for. make: a new one, called label. */
static void put_form(struct request *rq, yyjson_val *root, const char *action, bool make, const char *label)
{
	char challenge[64], rp[256], account[64];
	struct html *h = &rq->h;
	struct buf ids;
	rq->script = true;
	ids_of(root, &ids);
	html_put(h, "<form class=\"stack\" id=\"passkey\" method=\"post\" action=\"{p}\" data-challenge=\"{a}\" data-rp=\"{a}\" data-service=\"{a}\" data-account=\"{a}\" data-ids=\"{a}\" data-make=\"{a}\">",
	         action, text_of(root, "challenge", challenge, sizeof challenge), text_of(root, "rp", rp, sizeof rp), h->ja ? rq->p->service : rq->p->service_en,
	         text_of(root, "account", account, sizeof account), buf_cstr(&ids), make ? "1" : "");
	page_form_token(rq);
	html_put(h, "<input type=\"hidden\" name=\"id\"><input type=\"hidden\" name=\"client_data\"><input type=\"hidden\" name=\"auth_data\">");
	html_put(h, make ? "<input type=\"hidden\" name=\"spki\"><input type=\"hidden\" name=\"label\" value=\"{a}\">" : "<input type=\"hidden\" name=\"signature\">", label);
	html_put(h, "<p>{w}</p><p id=\"passkey-said\" class=\"alert\" role=\"alert\" hidden>{w}</p><button type=\"button\" id=\"passkey-go\">{w}</button><p class=\"hint\">{w}</p></form>",
	         WORD_KEY_ASK_HINT, WORD_KEY_SAID, make ? WORD_KEY_BEGIN : WORD_KEY_ASK_BUTTON, WORD_KEY_NO_SCRIPT);
	html_put(h, "<script src=\"/passkey.js\"></script>");
	buf_done(&ids);
}

/* What the script sent, as it stands. */
static void pass_on(const struct request *rq, struct buf *b, const char *const *names)
{
	char text[BYTES];
	for (; *names; names++) {
		form_get(rq->q->body, *names, text, sizeof text);
		json_field_s(b, *names, text);
	}
}

/* ---- at the door ---- */

static void show_key(struct request *rq)
{
	struct err err;
	struct buf b;
	yyjson_doc *doc;
	begin(rq, &b, "key_ask");
	if (visit_ask(rq, SOCK_AUTH, &b, ASK_MS, &doc, &err) < 0) {
		page_go(rq, "/login");
		return;
	}
	page_begin(rq, WORD_KEY_ASK, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_KEY_ASK);
	put_form(rq, yyjson_doc_get_root(doc), "/key", false, "");
	html_put(&rq->h, "<p><a href=\"/login\">{w}</a></p>", WORD_KEY_BACK);
	page_end(rq, "200 OK", false);
	yyjson_doc_free(doc);
}

void page_key(struct request *rq, const char *rest)
{
	static const char *const sent[] = { "id", "client_data", "auth_data", "signature", NULL };
	struct err err;
	struct buf b;
	yyjson_doc *doc = NULL;
	(void)rest;
	if (!rq->q->post) {
		show_key(rq);
		return;
	}
	begin(rq, &b, "key_sign_in");
	pass_on(rq, &b, sent);
	if (visit_ask(rq, SOCK_AUTH, &b, ASK_MS, &doc, &err) == 0)
		page_enter(rq, yyjson_doc_get_root(doc), "");
	else
		page_go(rq, "/login?said=key"); /* that session is over: the password comes before each try */
	yyjson_doc_free(doc);
}

/* ---- at one's own account ---- */

static void put_key(struct request *rq, yyjson_val *v)
{
	char id[520], label[128];
	int64_t at = (int64_t)ctl_u64(v, "used", 0);
	html_put(&rq->h, "<li>{t} <span class=\"hint\">{w} {d}", text_of(v, "label", label, sizeof label), WORD_KEY_ADDED, (int64_t)ctl_u64(v, "added", 0));
	if (at)
		html_put(&rq->h, " {w} {d}", WORD_KEY_USED, at);
	html_put(&rq->h, "</span><form method=\"post\" action=\"/account/key/remove\"><input type=\"hidden\" name=\"id\" value=\"{a}\">", text_of(v, "id", id, sizeof id));
	page_form_token(rq);
	/* Password and code behind a word that opens them: a list of keys isn't a list of forms. */
	html_put(&rq->h, "<details><summary>{w}</summary><label>{w} <input name=\"password\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\"></label>",
	         WORD_KEY_REMOVE, WORD_OLD_PASSWORD);
	html_put(&rq->h, "<label>{w} <input name=\"code\" inputmode=\"numeric\" required maxlength=\"8\" autocomplete=\"one-time-code\"></label>", WORD_APP_CODE);
	html_put(&rq->h, "<button class=\"plain\">{w}</button></details></form></li>", WORD_KEY_REMOVE);
}

static void put_list(struct request *rq)
{
	struct err err;
	struct buf b;
	size_t i, n;
	yyjson_val *v;
	yyjson_doc *doc = NULL;
	begin(rq, &b, "key_list");
	if (visit_ask(rq, SOCK_AUTH, &b, ASK_MS, &doc, &err) == 0 && yyjson_arr_size(yyjson_obj_get(yyjson_doc_get_root(doc), "keys"))) {
		html_put(&rq->h, "<ul class=\"plain\">");
		yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "keys"), i, n, v)
			put_key(rq, v);
		html_put(&rq->h, "</ul>");
	}
	yyjson_doc_free(doc);
}

void page_keys(struct request *rq)
{
	struct html *h = &rq->h;
	if (!page_has_keys(rq))
		return;
	html_put(h, "<section><h2>{w}</h2><p>{w}</p>", WORD_KEYS, WORD_KEYS_HINT);
	put_list(rq);
	html_put(h, "<form class=\"stack\" method=\"post\" action=\"/account/key/begin\" autocomplete=\"off\">");
	page_form_token(rq);
	html_put(h, "<label for=\"key-label\">{w}</label><input id=\"key-label\" name=\"label\" required maxlength=\"40\">", WORD_KEY_LABEL);
	html_put(h, "<label for=\"key-password\">{w}</label><input id=\"key-password\" name=\"password\" type=\"password\" required maxlength=\"128\" autocomplete=\"off\">", WORD_OLD_PASSWORD);
	html_put(h, "<label for=\"key-code\">{w}</label><input id=\"key-code\" name=\"code\" inputmode=\"numeric\" required maxlength=\"8\" autocomplete=\"one-time-code\">", WORD_APP_CODE);
	html_put(h, "<button>{w}</button></form></section>", WORD_KEY_BEGIN);
}

static void refused(struct request *rq, const struct err *err)
{
	page_begin(rq, WORD_KEYS, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_KEYS);
	if (strcmp(err->path, "code") == 0)
		html_put(&rq->h, "<p class=\"alert\" role=\"alert\">{w}</p>", WORD_OLD_WRONG);
	else
		page_say_problem(rq, err);
	html_put(&rq->h, "<p><a href=\"/account\">{w}</a></p>", WORD_ACCOUNT);
	page_end(rq, "403 Forbidden", false);
}

static void begin_one(struct request *rq)
{
	char password[200], code[24], label[128];
	struct err err;
	struct buf b;
	yyjson_doc *doc = NULL;
	form_get(rq->q->body, "password", password, sizeof password);
	form_get(rq->q->body, "code", code, sizeof code);
	form_get(rq->q->body, "label", label, sizeof label);
	begin(rq, &b, "key_begin");
	json_field_s(&b, "password", password);
	json_field_s(&b, "code", code);
	OPENSSL_cleanse(password, sizeof password);
	if (visit_ask(rq, SOCK_AUTH, &b, ASK_MS, &doc, &err) < 0) {
		refused(rq, &err);
		return;
	}
	page_begin(rq, WORD_KEYS, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_KEYS);
	put_form(rq, yyjson_doc_get_root(doc), "/account/key/add", true, label);
	page_end(rq, "200 OK", false);
	yyjson_doc_free(doc);
}

static void ask_and_go(struct request *rq, const char *what, const char *const *sent, const char *to)
{
	struct err err;
	struct buf b;
	begin(rq, &b, what);
	pass_on(rq, &b, sent);
	if (visit_ask(rq, SOCK_AUTH, &b, ASK_MS, NULL, &err) < 0)
		refused(rq, &err);
	else
		page_go(rq, to);
}

void page_account_key(struct request *rq, const char *rest)
{
	static const char *const added[] = { "id", "client_data", "auth_data", "spki", "label", NULL }, *const removed[] = { "id", "password", "code", NULL };
	if (strcmp(rest, "begin") == 0)
		begin_one(rq);
	else if (strcmp(rest, "add") == 0)
		ask_and_go(rq, "key_add", added, "/account?done=key");
	else if (strcmp(rest, "remove") == 0)
		ask_and_go(rq, "key_remove", removed, "/account?done=keyless");
	else
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
}
