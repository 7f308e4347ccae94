/* Records that are held while a case is under way: whose, why and by whom; held by one person, released by two; see portal.h. That the second
 * is somebody else is controld's to see to (daemon/holds.c). Requirements: S-23. */
#include "portal/portal.h"

#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define ASK_MS 30000
#define WORDS_LEN 240 /* bytes, as controld takes them */

static const char *text_of(yyjson_val *v, const char *key, char dst[WORDS_LEN + 1])
{
	return str_copy(ctl_str(v, key), dst, WORDS_LEN + 1) ? dst : "?";
}

/* `asked`: somebody wants it released; then no reason is needed, and it must be somebody else. */
static void put_release(struct request *rq, yyjson_val *v, bool asked)
{
	char org[WORDS_LEN + 1], id[WORDS_LEN + 1];
	struct html *h = &rq->h;
	if (!role_may(rq->who.role, "hold.release"))
		return;
	html_put(h, "<form class=\"stack\" method=\"post\" action=\"/holds\">");
	page_form_token(rq);
	html_put(h, "<input type=\"hidden\" name=\"org\" value=\"{a}\"><input type=\"hidden\" name=\"id\" value=\"{a}\">", text_of(v, "org", org), text_of(v, "id", id));
	if (!asked)
		html_put(h, "<label>{w} <input name=\"reason\" maxlength=\"80\" required></label> ", WORD_HOLD_WHY_END);
	html_put(h, "<button class=\"plain\">{w}</button></form>", asked ? WORD_HOLD_AGREE : WORD_HOLD_ASK);
}

static void put_hold(struct request *rq, yyjson_val *v)
{
	char text[WORDS_LEN + 1], more[WORDS_LEN + 1];
	struct html *h = &rq->h;
	yyjson_val *asked = yyjson_obj_get(v, "release");
	html_put(h, "<li><strong>{t}</strong> <code>{t}</code>", page_org_name(rq->p, text_of(v, "org", text), h->ja), text_of(v, "id", more));
	if (ctl_bool(v, "unreadable", false)) {
		html_put(h, "<p class=\"alert\">{w}</p></li>", WORD_HOLD_UNREADABLE);
		return;
	}
	html_put(h, "<br>{t}: {t}<br><span class=\"hint\">{d} ", text_of(v, "case", text), text_of(v, "reason", more), (int64_t)ctl_u64(v, "time", 0));
	html_put(h, "{t}</span>", text_of(v, "by", text));
	if (asked)
		html_put(h, "<p><span class=\"tag warn\">{w}</span> {t}: {t}</p>", WORD_HOLD_ASKED, text_of(asked, "by", text), text_of(asked, "reason", more));
	put_release(rq, v, asked != NULL);
	html_put(h, "</li>");
}

static void put_add(struct request *rq)
{
	struct html *h = &rq->h;
	if (!role_may(rq->who.role, "hold.add"))
		return;
	html_put(h, "<section><h2>{w}</h2><p class=\"hint\">{w}</p><form class=\"stack\" method=\"post\" action=\"/holds\">", WORD_HOLD_ADD, WORD_HOLD_HINT);
	page_form_token(rq);
	html_put(h, "<label for=\"org\">{w}</label><select id=\"org\" name=\"org\">", WORD_ORGANISATIONS);
	for (size_t i = 0; i < rq->p->n_orgs; i++)
		if (visit_sees(&rq->who, rq->p->orgs[i].code))
			html_put(h, "<option value=\"{a}\">{t}</option>", rq->p->orgs[i].code, h->ja ? rq->p->orgs[i].name : rq->p->orgs[i].name_en);
	html_put(h, "</select>");
	page_text_field(rq, "case", "case", WORD_HOLD_CASE, "", 0, 80);
	page_text_field(rq, "reason", "reason", WORD_REASON, "", 0, 80);
	html_put(h, "<button>{w}</button></form></section>", WORD_HOLD_ADD);
}

/* problem: what couldn't be done just now; NULL is fine. */
static void show(struct request *rq, const struct err *problem)
{
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = NULL;
	size_t i, n;
	yyjson_val *v;
	visit_request(rq, &b, "hold.list");
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err);
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "holds");
	page_list_begin(rq, WORD_HOLDS, problem ? problem : r < 0 ? &err : NULL, r == 0 && !yyjson_arr_size(list));
	html_put(&rq->h, "<ol class=\"plain\">");
	yyjson_arr_foreach(list, i, n, v)
		put_hold(rq, v);
	html_put(&rq->h, "</ol>");
	put_add(rq);
	page_end(rq, problem ? "409 Conflict" : r < 0 ? "503 Service Unavailable" : "200 OK", false);
	yyjson_doc_free(doc);
}

/* One field of the form, into the request. */
static void pass(struct request *rq, struct buf *b, const char *name)
{
	char text[WORDS_LEN + 1];
	if (form_get(rq->q->body, name, text, sizeof text) && text[0])
		json_field_s(b, name, text);
}

/* With `id` an end is asked for or agreed to, without it a hold begins. Where to go is the answer. */
static const char *act(struct request *rq, struct err *err)
{
	char id[16];
	struct buf b;
	yyjson_doc *doc = NULL;
	bool ends = form_get(rq->q->body, "id", id, sizeof id) && id[0];
	static const char *const fields[] = { "org", "id", "case", "reason" };
	visit_request(rq, &b, ends ? "hold.release" : "hold.add");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		pass(rq, &b, fields[i]);
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, err);
	bool released = ctl_bool(yyjson_doc_get_root(doc), "released", false);
	yyjson_doc_free(doc);
	return r < 0 ? NULL : !ends ? "/holds?done=hold" : released ? "/holds?done=released" : "/holds?done=asked";
}

void page_holds(struct request *rq, const char *rest)
{
	struct err err = { 0 };
	(void)rest;
	const char *to = rq->q->post ? act(rq, &err) : NULL;
	if (to)
		page_go(rq, to);
	else
		show(rq, rq->q->post ? &err : NULL);
}
