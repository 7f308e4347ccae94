/* The page behind the link of a notice: what it is about, and the button that confirms receipt. Opening it confirms nothing, since mail
 * filters open links. Nobody need be signed in; the link says whom it was sent to. See respond/ack.h. */
#include "portal/portal.h"

#include "incident/severity.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define ASK_MS 10000

static int ask(struct request *rq, const char *what, const char *token, yyjson_doc **doc, struct err *err)
{
	struct buf b;
	visit_request(rq, &b, what);
	json_field_s(&b, "token", token);
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, doc, err);
}

static void put_what(struct request *rq, yyjson_val *root, const char *token)
{
	struct html *h = &rq->h;
	char number[32] = "", org[8] = "", title[400] = "", contact[104] = "";
	str_copy(ctl_str(root, "number"), number, sizeof number);
	str_copy(ctl_str(root, "org"), org, sizeof org);
	str_copy(ctl_str(root, h->ja ? "title_ja" : "title"), title, sizeof title);
	str_copy(ctl_str(root, "contact"), contact, sizeof contact);
	html_put(h, "<h1>{w}</h1><p class=\"lead\">{t} {t}</p><p>{w}: {t} {t}</p><p>{t}</p>", WORD_DO_ACK, page_org_name(rq->p, org, h->ja), contact, WORD_NUMBER, number,
	         severity_name((int)ctl_u64(root, "severity", 0) & 3, h->ja), title);
	if (ctl_bool(root, "acked", false)) {
		html_put(h, "<p class=\"done\" role=\"status\">{w}</p>", WORD_DONE_ACK);
		return;
	}
	html_put(h, "<form class=\"stack\" method=\"post\" action=\"/ack/{u}\">", token);
	page_form_token(rq);
	html_put(h, "<p>{w}</p><button>{w}</button></form>", WORD_ACK_HINT, WORD_ACK_BUTTON);
}

static void show(struct request *rq, const char *token, const struct err *problem)
{
	struct err err;
	yyjson_doc *doc;
	if (ask(rq, "ack.look", token, &doc, &err) < 0) {
		page_plain(rq, err.code == E_NOT_FOUND ? "404 Not Found" : "503 Service Unavailable", err.code == E_NOT_FOUND ? WORD_LINK_OVER : WORD_UNKNOWN);
		return;
	}
	page_begin(rq, WORD_DO_ACK, "", false);
	page_say_problem(rq, problem);
	put_what(rq, yyjson_doc_get_root(doc), token);
	page_end(rq, problem ? "403 Forbidden" : "200 OK", false);
	yyjson_doc_free(doc);
}

void page_ack_link(struct request *rq, const char *rest)
{
	char token[TOKEN_MAX], to[TOKEN_MAX + 8];
	struct err err = { 0 };
	if (strspn(rest, "0123456789abcdef") != TOKEN_MAX - 1 || !str_copy(str_from(rest), token, sizeof token))
		page_plain(rq, "404 Not Found", WORD_LINK_OVER);
	else if (!rq->q->post)
		show(rq, token, NULL);
	else if (ask(rq, "ack.use", token, NULL, &err) < 0)
		show(rq, token, &err);
	else {
		snprintf(to, sizeof to, "/ack/%s", token);
		page_go(rq, to);
	}
}
