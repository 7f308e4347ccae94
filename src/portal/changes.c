/* Changes handed in, what each would change in words, and the prefecture's approval; see portal.h. That author and approver are two people
 * is controld's to see to: it knows both names. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>
#include <stdlib.h>

#define ASK_MS 30000
#define LISTED 50
#define HEX 64

static enum word state_of(struct str state)
{
	static const struct {
		struct str state;
		enum word word;
	} table[] = { { STR("current"), WORD_GEN_CURRENT }, { STR("previous"), WORD_GEN_PREVIOUS }, { STR("compiled"), WORD_GEN_COMPILED }, { STR("approved"), WORD_GEN_APPROVED } };
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_eq(table[i].state, state))
			return table[i].word;
	return WORD_GEN_SUBMITTED;
}

/* A text member as a string that html_put can take. */
static const char *text_of(yyjson_val *o, const char *key, char *dst, size_t size)
{
	return str_copy(ctl_str(o, key), dst, size) ? dst : "?";
}

static int64_t time_of(yyjson_val *o)
{
	struct str s = ctl_str(o, "time");
	int64_t ms;
	return s.ptr && clock_parse(s.ptr, s.len, &ms) == 0 ? ms : 0;
}

static int newer(const void *a, const void *b)
{
	int64_t x = time_of(*(yyjson_val *const *)a), y = time_of(*(yyjson_val *const *)b);
	return x < y ? 1 : x > y ? -1 : 0;
}

static void put_people(struct html *h, yyjson_val *g)
{
	char name[64];
	size_t i, n;
	yyjson_val *v;
	html_put(h, "{w}: {t} {d}", WORD_AUTHOR, text_of(g, "author", name, sizeof name), time_of(g));
	yyjson_arr_foreach(yyjson_obj_get(g, "approvals"), i, n, v)
		html_put(h, "<br>{w}: {t} {d}", WORD_APPROVED_BY, text_of(v, "by", name, sizeof name), time_of(v));
}

static void put_change(struct html *h, yyjson_val *g)
{
	char digest[80];
	text_of(g, "digest", digest, sizeof digest);
	if (strncmp(digest, "sha256:", 7) != 0)
		return;
	html_put(h, "<li><a href=\"/change/{u}\"><code>{t}</code></a> <span class=\"tag\">{w}</span><br>", digest + 7, digest, (int)state_of(ctl_str(g, "state")));
	put_people(h, g);
	html_put(h, "</li>");
}

static void put_changes(struct html *h, yyjson_val *list)
{
	size_t i, n, all = yyjson_arr_size(list);
	yyjson_val *v, **sorted = mem_array(all + 1, sizeof *sorted);
	if (!sorted)
		return;
	yyjson_arr_foreach(list, i, n, v)
		sorted[i] = v;
	qsort(sorted, all, sizeof *sorted, newer);
	html_put(h, "<ol class=\"plain\">");
	for (i = 0; i < all && i < LISTED; i++)
		put_change(h, sorted[i]);
	html_put(h, "</ol>");
	mem_free(sorted);
}

void page_changes(struct request *rq, const char *rest)
{
	struct err err;
	struct buf b;
	yyjson_doc *doc;
	(void)rest;
	visit_request(rq, &b, "generations");
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err);
	page_begin(rq, WORD_CHANGES, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p>{w}</p>", WORD_CHANGES, WORD_CHANGES_HINT);
	if (r < 0)
		page_say_problem(rq, &err);
	else
		put_changes(&rq->h, yyjson_obj_get(yyjson_doc_get_root(doc), "generations"));
	page_end(rq, r < 0 ? "503 Service Unavailable" : "200 OK", false);
	yyjson_doc_free(doc);
}

/* ---- one ---- */

static void put_words(struct html *h, yyjson_val *root)
{
	struct str words = ctl_str(root, h->ja ? "words_ja" : "words");
	char *text = words.ptr ? mem_strndup(words.ptr, words.len) : NULL;
	html_put(h, "<section><h2>{w}</h2>", WORD_DIFFERENCES);
	if (text && text[0])
		html_put(h, "<pre>{t}</pre></section>", text);
	else
		html_put(h, "<p>{w}</p></section>", words.ptr ? WORD_NONE : WORD_UNKNOWN);
	mem_free(text);
}

static void put_approval(struct request *rq, yyjson_val *root, const char *hex)
{
	if (ctl_bool(root, "elsewhere", false)) {
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_ELSEWHERE);
		return;
	}
	if (!role_may(rq->who.role, "approve") || ctl_bool(root, "approved", false))
		return;
	html_put(&rq->h, "<section><h2>{w}</h2><p>{w}</p><form class=\"stack\" method=\"post\" action=\"/change/{u}/approve\">", WORD_DO_APPROVE, WORD_APPROVE_HINT, hex);
	page_form_token(rq);
	html_put(&rq->h, "<button>{w}</button></form></section>", WORD_APPROVE_BUTTON);
}

static void show_change(struct request *rq, const char *hex, const struct err *problem)
{
	char digest[80];
	struct err err;
	struct buf b;
	yyjson_doc *doc;
	snprintf(digest, sizeof digest, "sha256:%s", hex);
	visit_request(rq, &b, "change.diff");
	json_field_s(&b, "digest", digest);
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, &err);
	yyjson_val *root = yyjson_doc_get_root(doc);
	if (r == -E_NOT_FOUND) {
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
		return;
	}
	page_begin(rq, WORD_CHANGES, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p class=\"key\"><code>{t}</code></p>", WORD_CHANGE, digest);
	page_say_done(rq);
	page_say_problem(rq, problem ? problem : r < 0 ? &err : NULL);
	if (r == 0) {
		html_put(&rq->h, "<p>");
		put_people(&rq->h, root);
		html_put(&rq->h, "</p>");
		put_words(&rq->h, root);
		put_approval(rq, root, hex);
	}
	page_end(rq, problem ? "403 Forbidden" : r < 0 ? "503 Service Unavailable" : "200 OK", false);
	yyjson_doc_free(doc);
}

/* "HEX" or "HEX/approve". */
static bool read_hex(const char *rest, const char *end, char hex[HEX + 1])
{
	return strspn(rest, "0123456789abcdef") == HEX && strcmp(rest + HEX, end) == 0 && str_copy((struct str){ rest, HEX }, hex, HEX + 1);
}

void page_change(struct request *rq, const char *rest)
{
	char hex[HEX + 1];
	if (read_hex(rest, "", hex))
		show_change(rq, hex, NULL);
	else
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
}

void page_approve(struct request *rq, const char *rest)
{
	char hex[HEX + 1], text[HEX + 40];
	struct err err = { 0 };
	struct buf b;
	if (!read_hex(rest, "/approve", hex)) {
		page_plain(rq, "404 Not Found", WORD_NOT_FOUND);
		return;
	}
	visit_request(rq, &b, "approve");
	snprintf(text, sizeof text, "sha256:%s", hex);
	json_field_s(&b, "digest", text);
	if (visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, NULL, &err) < 0) {
		show_change(rq, hex, &err);
		return;
	}
	snprintf(text, sizeof text, "/change/%s?done=approve", hex);
	page_go(rq, text);
}
