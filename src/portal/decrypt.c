/* What inspection doesn't get on with, as the records show it (index/refusals.h): the evidence, for who decides about an exception. Deciding is a
 * change like any other, handed in by the command that stands beside each and approved on the page of changes; see portal.h. Requirements: F-09. */
#include "portal/portal.h"

#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define ASK_MS 150000

static void put_number(struct html *h, enum word label, yyjson_val *v, const char *name)
{
	html_put(h, "<td class=\"n\" data-label=\"{w}\">{n}</td>", (int)label, (int64_t)ctl_u64(v, name, 0));
}

static void put_row(struct request *rq, yyjson_val *v)
{
	char host[256], org[8], ja4[64] = "";
	struct html *h = &rq->h;
	bool pinned = str_eq(ctl_str(v, "kind"), STR("pinned"));
	if (!str_copy(ctl_str(v, "host"), host, sizeof host) || !str_copy(ctl_str(v, "org"), org, sizeof org))
		return;
	str_copy(ctl_str(v, "ja4"), ja4, sizeof ja4);
	html_put(h, "<tr><th scope=\"row\">{t}<br><span class=\"kind\">{t}</span></th><td data-label=\"{w}\">{w}", host, page_org_name(rq->p, org, h->ja), WORD_REFUSAL_KIND,
	         pinned ? WORD_REFUSAL_PINNED : WORD_REFUSAL_CLIENT);
	if (ja4[0])
		html_put(h, "<br><code>{t}</code>", ja4);
	html_put(h, "</td>");
	put_number(h, WORD_REFUSAL_TERMINALS, v, "terminals");
	put_number(h, WORD_REFUSAL_TRUSTING, v, "trusting");
	put_number(h, WORD_REFUSAL_OPENED, v, "opened");
	put_number(h, WORD_REFUSAL_TIMES, v, "times");
	html_put(h, "<td data-label=\"{w}\"><time>{d}</time><br><time>{d}</time></td><td data-label=\"{w}\">{w}</td></tr>", WORD_REFUSAL_SINCE, (int64_t)ctl_u64(v, "first_ms", 0),
	         (int64_t)ctl_u64(v, "last_ms", 0), WORD_REFUSAL_EVIDENCE, ctl_bool(v, "strong", false) ? WORD_REFUSAL_STRONG : WORD_REFUSAL_WEAK);
}

static void put_table(struct request *rq, yyjson_val *list)
{
	static const enum word heads[] = { WORD_REFUSAL_SITE, WORD_REFUSAL_KIND, WORD_REFUSAL_TERMINALS, WORD_REFUSAL_TRUSTING, WORD_REFUSAL_OPENED, WORD_REFUSAL_TIMES, WORD_REFUSAL_SINCE,
		                           WORD_REFUSAL_EVIDENCE };
	size_t i, n;
	yyjson_val *v;
	struct html *h = &rq->h;
	if (!yyjson_arr_size(list)) {
		html_put(h, "<p>{w}</p>", WORD_REFUSAL_NONE);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr>");
	for (i = 0; i < ARRAY_LEN(heads); i++)
		html_put(h, "<th scope=\"col\">{w}</th>", (int)heads[i]);
	html_put(h, "</tr></thead><tbody>");
	yyjson_arr_foreach(list, i, n, v)
		put_row(rq, v);
	html_put(h, "</tbody></table></div><p class=\"hint\">{w}</p><pre>toride decrypt accept NAME --org CODE --owner WHO --reason TEXT --expires TIME</pre>", WORD_REFUSAL_HOW);
}

void page_decrypt(struct request *rq, const char *rest)
{
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = NULL;
	(void)rest;
	visit_request(rq, &b, "decrypt.proposals");
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err);
	page_begin(rq, WORD_REFUSALS, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p>{w}</p>", WORD_REFUSALS, WORD_REFUSALS_HINT);
	if (r < 0)
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_NO_NUMBERS);
	else
		put_table(rq, yyjson_obj_get(yyjson_doc_get_root(doc), "proposals"));
	page_end(rq, "200 OK", false);
	yyjson_doc_free(doc);
}
