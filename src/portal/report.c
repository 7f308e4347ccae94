/* A suspicion that a person has, with no alert behind it: a form that anybody at a body can fill in. It opens an incident, and the log is
 * searched for who else met the same (respond/desk_life.c). See portal.h. */
#include "portal/portal.h"

#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define ASK_MS 30000

struct choice {
	const char *code;
	enum word word;
};
static const struct choice kinds[] = { { "mail", WORD_KIND_MAIL }, { "page", WORD_KIND_PAGE }, { "file", WORD_KIND_FILE }, { "call", WORD_KIND_CALL }, { "other", WORD_KIND_OTHER } };
static const struct choice types[] = { { "", WORD_TYPE_NONE }, { "hostname", WORD_TYPE_HOST }, { "url", WORD_TYPE_URL }, { "mail", WORD_TYPE_MAIL }, { "ip", WORD_TYPE_IP },
	                               { "hash", WORD_TYPE_HASH } };

static void put_choice(struct request *rq, const char *name, enum word label, const struct choice *list, size_t n)
{
	char sent[16];
	struct html *h = &rq->h;
	form_get(rq->q->body, name, sent, sizeof sent);
	html_put(h, "<label for=\"{a}\">{w}</label><select id=\"{a}\" name=\"{a}\">", name, (int)label, name, name);
	for (size_t i = 0; i < n; i++)
		html_put(h, strcmp(list[i].code, sent) == 0 ? "<option value=\"{a}\" selected>{w}</option>" : "<option value=\"{a}\">{w}</option>", list[i].code, (int)list[i].word);
	html_put(h, "</select>");
}

static void put_optional(struct request *rq, const char *name, enum word label, int64_t max)
{
	char sent[1024];
	form_get(rq->q->body, name, sent, sizeof sent);
	html_put(&rq->h, "<label for=\"{a}\">{w}</label><input id=\"{a}\" name=\"{a}\" value=\"{a}\" maxlength=\"{n}\">", name, (int)label, name, name, sent, max);
}

static void put_org(struct request *rq)
{
	struct html *h = &rq->h;
	char sent[8];
	if (role_of_one_body(rq->who.role))
		return;
	form_get(rq->q->body, "org", sent, sizeof sent);
	html_put(h, "<label for=\"org\">{w}</label><select id=\"org\" name=\"org\">", WORD_ORGANISATIONS);
	for (size_t i = 0; i < rq->p->n_orgs; i++) {
		const struct portal_org *o = &rq->p->orgs[i];
		html_put(h, strcmp(o->code, sent) == 0 ? "<option value=\"{a}\" selected>{t}</option>" : "<option value=\"{a}\">{t}</option>", o->code, h->ja ? o->name : o->name_en);
	}
	html_put(h, "</select>");
}

static void show(struct request *rq, const struct err *problem)
{
	struct html *h = &rq->h;
	page_begin(rq, WORD_SUSPICION, "", false);
	html_put(h, "<h1>{w}</h1><p>{w}</p>", WORD_SUSPICION, WORD_SUSPICION_HINT);
	page_say_problem(rq, problem);
	html_put(h, "<form class=\"stack\" method=\"post\" action=\"/report\">");
	page_form_token(rq);
	put_org(rq);
	put_choice(rq, "kind", WORD_SUSPICION_KIND, kinds, ARRAY_LEN(kinds));
	page_text_field(rq, "text", "text", WORD_SUSPICION_TEXT, "", 4, 600);
	page_text_field(rq, "reporter", "reporter", WORD_REPORTER, rq->who.name, 0, 20);
	put_optional(rq, "phone", WORD_PHONE, 30);
	put_optional(rq, "terminal", WORD_TERMINAL_ADDRESS, 45);
	put_choice(rq, "observable_type", WORD_WHAT_IS_KNOWN, types, ARRAY_LEN(types));
	put_optional(rq, "observable", WORD_OBSERVABLE, 250);
	html_put(h, "<button>{w}</button></form>", WORD_SUSPICION_BUTTON);
	page_end(rq, problem ? "403 Forbidden" : "200 OK", false);
}

void page_report(struct request *rq, const char *rest)
{
	static const char *const fields[] = { "org", "kind", "text", "reporter", "phone", "terminal", "observable_type", "observable" };
	char text[2100], number[32], to[64];
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = NULL;
	(void)rest;
	if (!rq->q->post) {
		show(rq, NULL);
		return;
	}
	visit_request(rq, &b, "incident.report");
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (form_get(rq->q->body, fields[i], text, sizeof text) && text[0])
			json_field_s(&b, fields[i], text);
	if (visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err) < 0) {
		show(rq, &err);
	} else if (str_copy(ctl_str(yyjson_obj_get(yyjson_doc_get_root(doc), "incident"), "number"), number, sizeof number) && page_is_number(number)) {
		snprintf(to, sizeof to, "/incident/%s?done=report", number);
		page_go(rq, to);
	} else {
		page_go(rq, "/incidents");
	}
	yyjson_doc_free(doc);
}
