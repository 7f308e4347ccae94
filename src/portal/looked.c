/* The public sites' pages that are looked at for defacement: is each the one it was, and "it is right as it is now" by a button; see portal.h.
 * lookd says what it saw, controld whose pages somebody sees and approves. Requirements: F-14. */
#include "portal/portal.h"

#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define ASK_MS 30000
#define PATH 1200

static const struct state {
	struct str state;
	const char *class;
	enum word word;
} states[] = { { STR("same"), "good", WORD_LOOKED_SAME }, { STR("changed"), "bad", WORD_LOOKED_CHANGED }, { STR("learning"), "", WORD_LOOKED_LEARNING },
	       { STR("unseen"), "warn", WORD_LOOKED_UNSEEN } };

static const struct state *state_of(yyjson_val *v)
{
	for (size_t i = 0; i < ARRAY_LEN(states); i++)
		if (str_eq(ctl_str(v, "state"), states[i].state))
			return &states[i];
	return &states[ARRAY_LEN(states) - 1];
}

static void put_approval(struct request *rq, yyjson_val *v, const char *site)
{
	char path[PATH];
	struct html *h = &rq->h;
	if (!role_may(rq->who.role, "site.approve") || !str_copy(ctl_str(v, "path"), path, sizeof path))
		return;
	html_put(h, "<form method=\"post\" action=\"/pages\">");
	page_form_token(rq);
	html_put(h, "<input type=\"hidden\" name=\"site\" value=\"{a}\"><input type=\"hidden\" name=\"path\" value=\"{a}\"><button class=\"plain\">{w}</button></form>", site, path,
	         WORD_LOOKED_RIGHT);
}

static void put_page(struct request *rq, yyjson_val *v)
{
	char url[1400], site[256], org[8], says[512];
	struct html *h = &rq->h;
	const struct state *s = state_of(v);
	if (!str_copy(ctl_str(v, "url"), url, sizeof url) || !str_copy(ctl_str(v, "site"), site, sizeof site) || !str_copy(ctl_str(v, "org"), org, sizeof org))
		return;
	html_put(h, "<li><span class=\"tag {a}\">{w}</span> {t}<br><span class=\"kind\">{t}</span>", s->class, (int)s->word, url, page_org_name(rq->p, org, h->ja));
	if (str_copy(ctl_str(v, "looked"), says, sizeof says) && says[0])
		html_put(h, " <span class=\"hint\">{w}: {t}</span>", WORD_LOOKED_AT, says);
	if (str_copy(ctl_str(v, "why"), says, sizeof says) && says[0])
		html_put(h, "<p class=\"hint\">{t}</p>", says);
	if (s->word == WORD_LOOKED_CHANGED)
		html_put(h, "<p>{w}: {n}%</p>", WORD_LOOKED_LIKE, (int64_t)ctl_u64(v, "like", 0));
	if (str_copy(ctl_str(v, "says"), says, sizeof says) && says[0])
		html_put(h, "<p class=\"hint\">{w}: {t}</p>", WORD_LOOKED_SAYS, says);
	put_approval(rq, v, site);
	html_put(h, "</li>");
}

/* problem: what couldn't be done just now; NULL is fine. What isn't as it was stands first. */
static void show(struct request *rq, const struct err *problem)
{
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = NULL;
	size_t i, n;
	yyjson_val *v;
	visit_request(rq, &b, "site.pages");
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err);
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "pages");
	page_begin(rq, WORD_LOOKED, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p class=\"hint\">{w}</p>", WORD_LOOKED, WORD_LOOKED_HINT);
	page_say_done(rq);
	page_say_problem(rq, problem);
	if (r < 0)
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_LOOKED_AWAY);
	if (r == 0 && !yyjson_arr_size(list))
		html_put(&rq->h, "<p>{w}</p>", WORD_NONE);
	html_put(&rq->h, "<ol class=\"plain\">");
	for (int changed = 1; changed >= 0; changed--)
		yyjson_arr_foreach(list, i, n, v)
			if ((state_of(v)->word == WORD_LOOKED_CHANGED) == changed)
				put_page(rq, v);
	html_put(&rq->h, "</ol>");
	page_end(rq, problem ? "409 Conflict" : "200 OK", false);
	yyjson_doc_free(doc);
}

/* One page, named whole: an empty path would approve all of the site's. */
static int approve(struct request *rq, struct err *err)
{
	char site[256], path[PATH];
	struct buf b;
	if (!form_get(rq->q->body, "site", site, sizeof site) || !site[0])
		return err_set(err, E_INVALID, "site", "no site");
	if (!form_get(rq->q->body, "path", path, sizeof path) || path[0] != '/')
		return err_set(err, E_INVALID, "path", "not a page");
	visit_request(rq, &b, "site.approve");
	json_field_s(&b, "site", site);
	json_field_s(&b, "path", path);
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, NULL, err);
}

void page_looked(struct request *rq, const char *rest)
{
	struct err err = { 0 };
	(void)rest;
	if (!rq->q->post)
		show(rq, NULL);
	else if (approve(rq, &err) == 0)
		page_go(rq, "/pages?done=looked");
	else
		show(rq, &err);
}
