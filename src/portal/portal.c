/* From a request to the bytes of the answer; see portal.h. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define STATUS_AGE_MS 1000
#define STATUS_WAIT_MS 2500

static const char style[] =
#include "portal/style.inc"
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

bool portal_fetch_status(struct buf *b)
{
	char path[PLACE_MAX];
	return ctl_call(place_in_run(path, sizeof path, SOCK_CONTROL), STR("{\"v\":1,\"do\":\"status\"}"), b, STATUS_WAIT_MS, NULL) == 0;
}

static void refresh_status(struct portal *p)
{
	struct buf b;
	if (p->status_ms && clock_mono_ms() - p->status_ms < STATUS_AGE_MS)
		return;
	buf_init(&b, CTL_MAX);
	yyjson_doc_free(p->status);
	p->status = p->fetch_status(&b) ? yyjson_read(b.ptr, b.len, 0) : NULL;
	p->status_ms = clock_mono_ms();
	buf_done(&b);
}

bool portal_japanese(const struct scgi *q)
{
	char lang[8];
	if (scgi_query(q->query, "lang", lang, sizeof lang))
		return strcmp(lang, "en") != 0;
	/* the first language named decides; a Japanese service speaks Japanese unless asked otherwise */
	return !str_case_starts(str_from(q->language), STR("en"));
}

static void page_begin(struct portal *p, struct html *h, enum word title, const char *number, bool refresh)
{
	const char *lang = h->ja ? "ja" : "en", *other = h->ja ? "en" : "ja";
	html_put(h, "<!DOCTYPE html>\n<html lang=\"{a}\"><head><meta charset=\"utf-8\">", lang);
	html_put(h, "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">");
	if (refresh)
		html_put(h, "<meta http-equiv=\"refresh\" content=\"5\">");
	html_put(h, "<title>{t} {w}</title><link rel=\"stylesheet\" href=\"/toride.css\"></head><body>", number, (int)title);
	html_put(h, "<header><div class=\"brand\"><a href=\"/?lang={u}\">{t}</a></div>", lang, h->ja ? p->service : p->service_en);
	if (number[0])
		html_put(h, "<a class=\"lang\" href=\"/incident/{u}?lang={u}\" lang=\"{a}\">{w}</a>", number, other, other, WORD_LANGUAGE);
	else
		html_put(h, "<a class=\"lang\" href=\"/?lang={u}\" lang=\"{a}\">{w}</a>", other, other, WORD_LANGUAGE);
	html_put(h, "</header><main>");
}

static void page_end(struct html *h, bool refresh)
{
	html_put(h, "</main><footer><p>{w} {w}</p>", WORD_READ_ONLY, WORD_TIMES_ARE);
	if (refresh)
		html_put(h, "<p>{w}</p>", WORD_REFRESHES);
	html_put(h, "</footer></body></html>\n");
}

static void headers(struct buf *out, const char *status, const char *type, size_t length)
{
	buf_printf(out, "Status: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n", status, type, length);
	buf_puts(out, "Content-Security-Policy: default-src 'none'; style-src 'self'; base-uri 'none'; form-action 'none'; "
	              "frame-ancestors 'none'\r\nCache-Control: no-store\r\nVary: Accept-Language\r\n\r\n");
}

static void send_page(const struct scgi *q, struct html *h, const char *status, struct buf *out)
{
	if (h->b.failed) {
		headers(out, "500 Internal Server Error", "text/plain; charset=utf-8", 0);
	} else {
		headers(out, status, "text/html; charset=utf-8", h->b.len);
		if (!q->head)
			buf_str(out, buf_view(&h->b));
	}
	html_done(h);
}

static void answer_plain(struct portal *p, const struct scgi *q, const char *status, struct buf *out)
{
	struct html h;
	html_init(&h, portal_japanese(q));
	page_begin(p, &h, WORD_BOARD, "", false);
	html_put(&h, "<h1>{t}</h1><p>{w}</p><p><a href=\"/\">{w}</a></p>", status, WORD_NOT_FOUND, WORD_BACK);
	page_end(&h, false);
	send_page(q, &h, status, out);
}

static void answer_incident(struct portal *p, const struct scgi *q, const char *number, struct buf *out)
{
	struct html h;
	html_init(&h, portal_japanese(q));
	page_begin(p, &h, WORD_INCIDENTS, number, false);
	int r = page_incident(p, &h, number);
	if (r == -E_NOT_FOUND) {
		html_done(&h);
		answer_plain(p, q, "404 Not Found", out);
		return;
	}
	if (r < 0)
		html_put(&h, "<p class=\"alert\">{w}</p>", WORD_NO_DATABASE);
	page_end(&h, false);
	send_page(q, &h, r < 0 ? "503 Service Unavailable" : "200 OK", out);
}

static bool is_number(const char *s)
{
	size_t n = strlen(s);
	return n > 2 && n < 24 && strspn(s, "I-0123456789") == n;
}

void portal_answer(struct portal *p, const struct scgi *q, int err_code, struct buf *out)
{
	static const struct scgi none = { .path = "/" };
	if (err_code < 0) {
		answer_plain(p, &none, err_code == -E_DENIED ? "405 Method Not Allowed" : "400 Bad Request", out);
	} else if (strcmp(q->path, "/toride.css") == 0) {
		headers(out, "200 OK", "text/css; charset=utf-8", sizeof style - 1);
		if (!q->head)
			buf_puts(out, style);
	} else if (strcmp(q->path, "/") == 0) {
		struct html h;
		html_init(&h, portal_japanese(q));
		refresh_status(p);
		page_begin(p, &h, WORD_BOARD, "", true);
		page_board(p, &h);
		page_end(&h, true);
		send_page(q, &h, "200 OK", out);
	} else if (strncmp(q->path, "/incident/", 10) == 0 && is_number(q->path + 10)) {
		answer_incident(p, q, q->path + 10, out);
	} else {
		answer_plain(p, q, "404 Not Found", out);
	}
}
