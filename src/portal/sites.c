/* The public sites: until when each certificate is good, what was asked of each, and its pages taken out of the cache. controld says
 * whose sites somebody sees; see portal.h. Requirements: M-014, M-020, F-15. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"

#include <stdio.h>

#define ASK_MS 60000
#define SOON_DAYS 30
#define ADDRESS 4096 /* 1,000 letters of any script */

static const struct {
	uint64_t hours;
	const char *value;
	enum word word;
} periods[] = { { 1, "1", WORD_HOUR_1 }, { 24, "24", WORD_HOUR_24 }, { 168, "168", WORD_DAY_7 }, { 744, "744", WORD_DAY_31 } };

static uint64_t asked_hours(const struct request *rq)
{
	uint64_t hours;
	return form_number(str_from(rq->q->query), "hours", 744, &hours) && hours ? hours : 24;
}

static void put_period(struct request *rq, uint64_t hours)
{
	struct html *h = &rq->h;
	html_put(h, "<form method=\"get\" action=\"/sites\"><div class=\"filters\"><div><label for=\"hours\">{w}</label><select id=\"hours\" name=\"hours\">", WORD_PERIOD);
	for (size_t i = 0; i < ARRAY_LEN(periods); i++)
		html_put(h, periods[i].hours == hours ? "<option value=\"{a}\" selected>{w}</option>" : "<option value=\"{a}\">{w}</option>", periods[i].value, (int)periods[i].word);
	html_put(h, "</select></div><div><button>{w}</button></div></div></form>", WORD_SHOW);
}

/* The site's object in a list of them; NULL: not there. */
static yyjson_val *find(yyjson_val *list, struct str site)
{
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, n, v)
		if (str_eq(ctl_str(v, "site"), site))
			return v;
	return NULL;
}

/* ---- certificates ---- */

struct state {
	const char *class;
	enum word word;
};

static struct state state_of(yyjson_val *c)
{
	static const struct {
		struct str state;
		enum word word;
	} table[] = { { STR("none"), WORD_CERT_NONE }, { STR("ended"), WORD_CERT_ENDED }, { STR("unserved"), WORD_CERT_UNSERVED } };
	struct str state = ctl_str(c, "state");
	bool given = str_eq(ctl_str(c, "certificate"), STR("given"));
	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		if (str_eq(state, table[i].state))
			return (struct state){ "bad", table[i].word };
	if (ctl_u64(c, "failures", 0))
		return (struct state){ "warn", WORD_CERT_FAILED };
	if (given && ctl_u64(c, "days", 0) < SOON_DAYS)
		return (struct state){ "warn", WORD_CERT_SOON };
	return (struct state){ "good", WORD_CERT_GOOD };
}

static int64_t end_of(yyjson_val *c)
{
	struct str s = ctl_str(c, "not_after");
	int64_t ms;
	return s.ptr && clock_parse(s.ptr, s.len, &ms) == 0 ? ms : 0;
}

static void put_certificate(struct html *h, yyjson_val *c)
{
	char why[256];
	struct state s;
	html_put(h, "<td class=\"wrap\" data-label=\"{w}\">", WORD_CERTIFICATE);
	if (c) {
		s = state_of(c);
		html_put(h, "<span class=\"tag {a}\">{w}</span> {d}<br>{w}", s.class, (int)s.word, end_of(c), str_eq(ctl_str(c, "certificate"), STR("acme")) ? WORD_CERT_ACME : WORD_CERT_GIVEN);
		if (str_copy(ctl_str(c, "why"), why, sizeof why) && why[0])
			html_put(h, "<p class=\"hint\">{t}</p>", why);
	} else {
		html_put(h, "{w}", WORD_CERT_UNWATCHED);
	}
	html_put(h, "</td>");
}

/* ---- numbers ---- */

static const struct {
	enum word label;
	const char *name; /* controld's; NULL: reckoned here */
} columns[] = { { WORD_SITE_REQUESTS, "requests" }, { WORD_SITE_CACHED, NULL }, { WORD_SITE_REFUSED, "refused" }, { WORD_SITE_FAILED, "failed" },
	        { WORD_SITE_WAF, "waf_blocked" }, { WORD_SITE_LIMITED, "limited" }, { WORD_SITE_MB, "bytes_out" }, { WORD_SITE_P50, "p50_ms" }, { WORD_SITE_P95, "p95_ms" } };

static void put_number(struct html *h, enum word label, int64_t n)
{
	html_put(h, "<td class=\"n\" data-label=\"{w}\">{n}</td>", (int)label, n);
}

/* A dash where nothing is on record: 0 would be a claim. */
static void put_numbers(struct html *h, yyjson_val *v)
{
	uint64_t requests = ctl_u64(v, "requests", 0);
	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		uint64_t n = columns[i].name ? ctl_u64(v, columns[i].name, 0) : requests ? ctl_u64(v, "from_cache", 0) * 100 / requests : 0;
		if (!v)
			html_put(h, "<td class=\"n\" data-label=\"{w}\">-</td>", (int)columns[i].label);
		else
			put_number(h, columns[i].label, (int64_t)(columns[i].label == WORD_SITE_MB ? n / 1000000 : n));
	}
}

static void put_site(struct request *rq, yyjson_val *c, yyjson_val *v)
{
	char site[256], org[8];
	struct html *h = &rq->h;
	if (!str_copy(ctl_str(c ? c : v, "site"), site, sizeof site) || !str_copy(ctl_str(c ? c : v, "org"), org, sizeof org))
		return;
	html_put(h, "<tr><th scope=\"row\">{t}<br><span class=\"kind\">{t}</span></th>", site, page_org_name(rq->p, org, h->ja));
	put_certificate(h, c);
	put_numbers(h, v);
	html_put(h, "</tr>");
}

/* Every site that has a certificate, in its list's order, then those without that were asked for. */
static void put_sites(struct request *rq, yyjson_val *certificates, yyjson_val *numbers)
{
	struct html *h = &rq->h;
	size_t i, n;
	yyjson_val *v;
	if (!yyjson_arr_size(certificates) && !yyjson_arr_size(numbers)) {
		html_put(h, "<p>{w}</p>", WORD_NONE);
		return;
	}
	html_put(h, "<div class=\"scroll\"><table><thead><tr><th>{w}</th><th>{w}</th>", WORD_SITE, WORD_CERTIFICATE);
	for (i = 0; i < ARRAY_LEN(columns); i++)
		html_put(h, "<th class=\"n\">{w}</th>", (int)columns[i].label);
	html_put(h, "</tr></thead><tbody>");
	yyjson_arr_foreach(certificates, i, n, v)
		put_site(rq, v, find(numbers, ctl_str(v, "site")));
	yyjson_arr_foreach(numbers, i, n, v)
		if (!find(certificates, ctl_str(v, "site")))
			put_site(rq, NULL, v);
	html_put(h, "</tbody></table></div>");
}

/* ---- the cache ---- */

static void put_options(struct html *h, yyjson_val *list, yyjson_val *besides)
{
	char site[256];
	size_t i, n;
	yyjson_val *v;
	yyjson_arr_foreach(list, i, n, v)
		if (!find(besides, ctl_str(v, "site")) && str_copy(ctl_str(v, "site"), site, sizeof site))
			html_put(h, "<option value=\"{a}\">{t}</option>", site, site);
}

static void put_purge(struct request *rq, yyjson_val *certificates, yyjson_val *numbers)
{
	struct html *h = &rq->h;
	if (!role_may(rq->who.role, "site.purge") || (!yyjson_arr_size(certificates) && !yyjson_arr_size(numbers)))
		return;
	html_put(h, "<section><h2>{w}</h2><p class=\"hint\">{w}</p><form class=\"stack\" method=\"post\" action=\"/sites\">", WORD_PURGE, WORD_PURGE_HINT);
	page_form_token(rq);
	html_put(h, "<label for=\"site\">{w}</label><select id=\"site\" name=\"site\">", WORD_SITE);
	put_options(h, certificates, NULL);
	put_options(h, numbers, certificates);
	html_put(h, "</select><label for=\"url\">{w}</label><input id=\"url\" name=\"url\" maxlength=\"1000\" spellcheck=\"false\" autocapitalize=\"none\"><button>{w}</button></form></section>",
	         WORD_PURGE_URL, WORD_PURGE_BUTTON);
}

/* Pages are kept by the URL that a browser sends: what isn't ASCII stands in it as "%E3%81%82" (RFC 3986 section 2.1). */
static void put_url(struct buf *b, const char *url)
{
	struct buf sent;
	buf_init(&sent, 3 * ADDRESS);
	for (; *url; url++)
		buf_printf(&sent, (unsigned char)*url < 0x80 ? "%c" : "%%%02X", (unsigned char)*url);
	json_field(b, "url", buf_view(&sent));
	buf_done(&sent);
}

/* An address that can't be read is none left empty: that would take out the whole site. */
static int purge(struct request *rq, uint64_t *ret_pages, struct err *err)
{
	char site[256], url[ADDRESS];
	yyjson_doc *doc = NULL;
	struct buf b;
	if (!form_get(rq->q->body, "site", site, sizeof site) || !site[0])
		return err_set(err, E_INVALID, "site", "no site");
	if (!form_get(rq->q->body, "url", url, sizeof url))
		return err_set(err, E_INVALID, "url", "not an address, or too long");
	visit_request(rq, &b, "site.purge");
	json_field_s(&b, "site", site);
	if (url[0])
		put_url(&b, url);
	else
		json_field_bool(&b, "all", true);
	int r = visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, &doc, err);
	*ret_pages = ctl_u64(yyjson_doc_get_root(doc), "pages", 0);
	yyjson_doc_free(doc);
	return r;
}

/* ---- the page ---- */

static int ask(struct request *rq, const char *what, uint64_t hours, yyjson_doc **doc, struct err *err)
{
	struct buf b;
	visit_request(rq, &b, what);
	if (hours)
		json_field_u64(&b, "from", (uint64_t)(clock_now_ms() - (int64_t)hours * 3600000));
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, doc, err);
}

/* problem: what couldn't be done just now; NULL is fine. Either list may be away: the other stands. */
static void show(struct request *rq, const struct err *problem)
{
	struct err err = { 0 };
	uint64_t hours = asked_hours(rq);
	yyjson_doc *certificates = NULL, *numbers = NULL;
	(void)ask(rq, "site.list", 0, &certificates, &err); /* there is none where no site has a certificate */
	int r = ask(rq, "site.stats", hours, &numbers, &err);
	yyjson_val *c = yyjson_obj_get(yyjson_doc_get_root(certificates), "sites"), *n = yyjson_obj_get(yyjson_doc_get_root(numbers), "sites");
	page_begin(rq, WORD_SITES, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_SITES);
	page_say_done(rq);
	page_say_problem(rq, problem);
	put_period(rq, hours);
	if (r < 0)
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_NO_NUMBERS);
	put_sites(rq, c, n);
	put_purge(rq, c, n);
	page_end(rq, problem ? "409 Conflict" : "200 OK", false);
	yyjson_doc_free(certificates);
	yyjson_doc_free(numbers);
}

void page_sites(struct request *rq, const char *rest)
{
	struct err err = { 0 };
	uint64_t pages = 0;
	(void)rest;
	if (!rq->q->post)
		show(rq, NULL);
	else if (!role_may(rq->who.role, "site.purge")) /* controld would say so, too */
		page_plain(rq, "403 Forbidden", WORD_NOT_YOURS);
	else if (purge(rq, &pages, &err) == 0)
		page_go(rq, pages ? "/sites?done=purge" : "/sites?done=unkept");
	else
		show(rq, &err);
}
