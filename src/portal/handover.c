/* The change of shifts, to be read on a telephone: what the last shift leaves, its incidents a touch away, and "I take it over" by a button; see
 * portal.h. The texts are of all bodies: the database shows them to whoever sees all. Requirements: M-098. */
#include "portal/portal.h"

#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdio.h>

#define ASK_MS 30000
#define LISTED 10
#define LINE 1000

/* An incident's number becomes the way to its card; all else stands as it is. */
static void put_line(struct html *h, struct str line)
{
	char text[LINE], number[24];
	size_t blank = 0, n;
	while (blank < line.len && line.ptr[blank] == ' ')
		blank++;
	for (n = 0; blank + n < line.len && line.ptr[blank + n] != ' '; n++)
		;
	while (line.len >= sizeof text || (line.len && ((unsigned char)line.ptr[line.len - 1] & 0xc0) == 0x80 && !str_is_utf8(line)))
		line.len--;
	str_copy(line, text, sizeof text);
	if (str_copy((struct str){ line.ptr + blank, n }, number, sizeof number) && page_is_number(number))
		html_put(h, "<a href=\"/incident/{u}\">{t}</a>{t}\n", number, number, text + blank + n);
	else
		html_put(h, "{t}\n", text);
}

static void put_text(struct html *h, struct str text)
{
	struct str line;
	html_put(h, "<pre lang=\"ja\">");
	while (str_next(&text, '\n', &line))
		put_line(h, line);
	html_put(h, "</pre>");
}

static void put_handover(struct request *rq, yyjson_val *v)
{
	char kind[16], who[128];
	struct html *h = &rq->h;
	str_copy(ctl_str(v, "kind"), kind, sizeof kind);
	html_put(h, "<section><h2>{t} {d}</h2>", words_of(WORDS_SHIFT, kind, h->ja), (int64_t)ctl_u64(v, "time", 0));
	if (str_copy(ctl_str(v, "taken_by"), who, sizeof who) && who[0]) {
		html_put(h, "<p><span class=\"tag good\">{w}</span> {t} {d}</p>", WORD_SHIFT_TAKEN, who, (int64_t)ctl_u64(v, "taken", 0));
	} else {
		html_put(h, "<form method=\"post\" action=\"/handover\"><p><span class=\"tag warn\">{w}</span></p>", WORD_SHIFT_OPEN);
		page_form_token(rq);
		char id[24];
		snprintf(id, sizeof id, "%llu", (unsigned long long)ctl_u64(v, "id", 0));
		html_put(h, "<input type=\"hidden\" name=\"id\" value=\"{a}\"><button>{w}</button></form>", id, WORD_SHIFT_TAKE);
	}
	put_text(h, ctl_str(v, "text"));
	html_put(h, "</section>");
}

static void put_write(struct request *rq)
{
	static const char *const kinds[] = { "to_day", "to_night", "to_noc", "to_soc" };
	struct html *h = &rq->h;
	html_put(h, "<section><h2>{w}</h2><p class=\"hint\">{w}</p><form class=\"stack\" method=\"post\" action=\"/handover\">", WORD_SHIFT_WRITE, WORD_SHIFT_HINT);
	page_form_token(rq);
	html_put(h, "<label for=\"kind\">{w}</label><select id=\"kind\" name=\"kind\">", WORD_SHIFT_TO);
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		html_put(h, "<option value=\"{a}\">{t}</option>", kinds[i], words_of(WORDS_SHIFT, kinds[i], h->ja));
	html_put(h, "</select><button>{w}</button></form></section>", WORD_SHIFT_WRITE);
}

/* problem: what couldn't be done just now; NULL is fine. The newest first, the form behind it: who comes on duty reads. */
static void show(struct request *rq, const struct err *problem)
{
	struct err err = { 0 };
	struct buf b;
	yyjson_doc *doc = NULL;
	size_t i, n;
	yyjson_val *v;
	visit_request(rq, &b, "shift.list");
	json_field_u64(&b, "limit", LISTED);
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err);
	yyjson_val *list = yyjson_obj_get(yyjson_doc_get_root(doc), "handovers");
	page_list_begin(rq, WORD_SHIFT, problem ? problem : r < 0 ? &err : NULL, r == 0 && !yyjson_arr_size(list));
	yyjson_arr_foreach(list, i, n, v)
		put_handover(rq, v);
	put_write(rq);
	page_end(rq, problem ? "409 Conflict" : r < 0 ? "503 Service Unavailable" : "200 OK", false);
	yyjson_doc_free(doc);
}

/* With `id` it is taken over, else one is written. */
static int act(struct request *rq, bool *ret_took, struct err *err)
{
	char kind[16] = "";
	uint64_t id = 0;
	struct buf b;
	*ret_took = form_number(rq->q->body, "id", 1000000000, &id) && id;
	if (!*ret_took && (!form_get(rq->q->body, "kind", kind, sizeof kind) || !kind[0]))
		return err_set(err, E_INVALID, "kind", "not to_day, to_night, to_noc or to_soc");
	visit_request(rq, &b, *ret_took ? "shift.take" : "shift.handover");
	if (*ret_took)
		json_field_u64(&b, "id", id);
	else
		json_field_s(&b, "kind", kind);
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, NULL, err);
}

void page_handover(struct request *rq, const char *rest)
{
	struct err err = { 0 };
	bool took = false;
	(void)rest;
	if (!rq->q->post)
		show(rq, NULL);
	else if (act(rq, &took, &err) == 0)
		page_go(rq, took ? "/handover?done=take" : "/handover?done=shift");
	else
		show(rq, &err);
}
