/* Searching the log with the syntax of `toride log search`; see portal.h. A clerk's search is over the own body: controld puts it in, and
 * records who searched for what. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "index/columns.h"
#include "wire/ctl.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdlib.h>

#define ASK_MS 60000
#define ROWS 100
#define QUERY 1000

struct asked {
	char query[QUERY], org[8];
	uint64_t hours;
};

static const struct {
	uint64_t hours;
	const char *value;
	enum word word;
} periods[] = { { 1, "1", WORD_HOUR_1 }, { 24, "24", WORD_HOUR_24 }, { 168, "168", WORD_DAY_7 }, { 744, "744", WORD_DAY_31 }, { 8784, "8784", WORD_YEAR } };

static void read_asked(struct request *rq, struct asked *a)
{
	struct str query = str_from(rq->q->query);
	*a = (struct asked){ 0 };
	form_get(query, "q", a->query, sizeof a->query);
	if (!form_get(query, "org", a->org, sizeof a->org) || strspn(a->org, "0123456789") != 6)
		a->org[0] = 0;
	if (!form_number(query, "hours", 8784, &a->hours) || a->hours == 0)
		a->hours = 24;
}

/* ---- what can be written ---- */

/* The last word of its name that says something is what a query calls it (index/query.h). */
static void put_class(struct html *h, const struct index_table *t)
{
	char name[40] = "", number[16];
	struct str rest = str_from(strchr(t->name, '_') + 1), word;
	while (str_next(&rest, '_', &word))
		if (!str_eq(word, STR("activity")))
			str_copy(word, name, sizeof name);
	snprintf(number, sizeof number, "%u", t->class_uid);
	html_put(h, "<br><code>{t}</code> {t}", name, t->class_uid ? words_of(WORDS_CLASS, number, h->ja) : html_word(WORD_COLUMN_OTHER, h->ja));
}

static void put_column(struct request *rq, const struct asked *a, const struct column *c)
{
	char hours[24];
	struct html *h = &rq->h;
	snprintf(hours, sizeof hours, "%llu", (unsigned long long)a->hours);
	html_put(h, "<tr><th scope=\"row\"><code>{t}</code></th><td class=\"wrap\" data-label=\"{w}\">{t}", c->name, WORD_COLUMN_MEANS, h->ja ? c->ja : c->en);
	if (strcmp(c->name, "class") == 0)
		for (size_t i = 0; i < index_table_count(); i++)
			put_class(h, &index_tables[i]);
	html_put(h, "</td><td data-label=\"{w}\"><a href=\"/log?q={u}&amp;org={u}&amp;hours={u}\"><code>{t}</code></a></td></tr>", WORD_COLUMN_EXAMPLE, c->example, a->org, hours, c->example);
}

/* Every column, each with an example that can be pressed. */
static void put_help(struct request *rq, const struct asked *a)
{
	struct html *h = &rq->h;
	html_put(h, "<details><summary>{w}</summary><p class=\"hint\">{w}</p><table><thead><tr><th>{w}</th><th>{w}</th><th>{w}</th></tr></thead><tbody>", WORD_COLUMNS, WORD_COLUMNS_HINT,
	         WORD_COLUMN, WORD_COLUMN_MEANS, WORD_COLUMN_EXAMPLE);
	for (const struct column *c = columns; c->name; c++)
		if (c->example)
			put_column(rq, a, c);
	put_column(rq, a, &column_ja4);
	html_put(h, "</tbody></table></details>");
}

static void put_form(struct request *rq, const struct asked *a)
{
	struct html *h = &rq->h;
	html_put(h, "<form method=\"get\" action=\"/log\"><label for=\"q\">{w}</label><input id=\"q\" name=\"q\" value=\"{a}\" maxlength=\"900\" spellcheck=\"false\" autocapitalize=\"none\""
	            " aria-describedby=\"syntax\"><p id=\"syntax\" class=\"hint\">{w} <code>host:*.example.jp</code> <code>src:10.1.0.0/16</code> <code>code&gt;=500</code>"
	            " <code>class:dns rcode:NXDOMAIN</code> <code>malware:*</code> <code>A or B</code> <code>-A</code></p>", WORD_QUERY, a->query, WORD_QUERY_HINT);
	put_help(rq, a);
	html_put(h, "<div class=\"filters\">");
	if (!role_of_one_body(rq->who.role)) {
		html_put(h, "<div><label for=\"org\">{w}</label><select id=\"org\" name=\"org\"><option value=\"\">{w}</option>", WORD_ORGANISATIONS, WORD_FILTER_ANY);
		for (size_t i = 0; i < rq->p->n_orgs; i++) {
			const struct portal_org *o = &rq->p->orgs[i];
			if (!visit_sees(&rq->who, o->code))
				continue;
			html_put(h, strcmp(o->code, a->org) == 0 ? "<option value=\"{a}\" selected>{t}</option>" : "<option value=\"{a}\">{t}</option>", o->code, h->ja ? o->name : o->name_en);
		}
		html_put(h, "</select></div>");
	}
	html_put(h, "<div><label for=\"hours\">{w}</label><select id=\"hours\" name=\"hours\">", WORD_PERIOD);
	for (size_t i = 0; i < ARRAY_LEN(periods); i++)
		html_put(h, periods[i].hours == a->hours ? "<option value=\"{a}\" selected>{w}</option>" : "<option value=\"{a}\">{w}</option>", periods[i].value, (int)periods[i].word);
	html_put(h, "</select></div><div><button>{w}</button></div></div></form>", WORD_SEARCH);
}

/* "a.b" of a record, "" when it isn't there. */
static const char *member(yyjson_val *o, const char *a, const char *b, char *dst, size_t size)
{
	yyjson_val *v = yyjson_obj_get(o, a);
	struct str s = b ? ctl_str(v, b) : ctl_str(o, a);
	size_t n = s.len < size - 1 ? s.len : size - 1;
	while (n < s.len && n && ((unsigned char)s.ptr[n] & 0xc0) == 0x80) /* never half a letter */
		n--;
	return s.ptr && str_copy((struct str){ s.ptr, n }, dst, size) ? dst : "";
}

static void put_record(struct request *rq, yyjson_val *row)
{
	static const char *const who[][2] = { { "src_endpoint", "ip" }, { "actor", "user" }, { "user", "name" }, { "app", "name" } };
	static const char *const what[][2] = { { "http_request", "url" }, { "query", "hostname" }, { "dst_endpoint", "hostname" }, { "dst_endpoint", "ip" }, { "api", "operation" },
		                               { "activity_name", NULL } };
	char a[80] = "", b[300] = "", org[8], name[80], text[80];
	struct html *h = &rq->h;
	yyjson_val *r = yyjson_obj_get(row, "record"), *url = yyjson_obj_get(yyjson_obj_get(r, "http_request"), "url");
	for (size_t i = 0; i < ARRAY_LEN(who) && !a[0]; i++)
		member(r, who[i][0], who[i][1], a, sizeof a);
	member(url, "url_string", NULL, b, sizeof b);
	for (size_t i = 0; i < ARRAY_LEN(what) && !b[0]; i++)
		member(r, what[i][0], what[i][1], b, sizeof b);
	html_put(h, "<li><time>{d}</time> {t} {t} ", (int64_t)ctl_u64(r, "time", 0), page_org_name(rq->p, member(r, "org", NULL, org, sizeof org), h->ja),
	         member(r, "product", NULL, text, sizeof text));
	html_put(h, "{t} <b>{t}</b> ", a, b);
	html_put(h, "<span class=\"tag\">{t}</span>", member(r, "disposition", NULL, text, sizeof text)[0] ? text : member(r, "status", NULL, text, sizeof text));
	char *json = yyjson_val_write(r, YYJSON_WRITE_PRETTY_TWO_SPACES, NULL);
	html_put(h, "<details><summary>{t}</summary><pre>{t}</pre></details></li>", member(row, "name", NULL, name, sizeof name), json ? json : "");
	free(json); /* yyjson's own allocation */
}

static void put_found(struct request *rq, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *v, *list = yyjson_obj_get(root, "records");
	html_put(&rq->h, "<section><h2>{w}: {n}</h2>", WORD_FOUND, (int64_t)yyjson_arr_size(list));
	if (ctl_bool(root, "more", false))
		html_put(&rq->h, "<p class=\"hint\">{w}</p>", WORD_FOUND_MORE);
	if (ctl_bool(root, "incomplete", false))
		html_put(&rq->h, "<p class=\"hint\">{w} <time>{d}</time></p>", WORD_FOUND_INCOMPLETE, (int64_t)ctl_u64(root, "searched_from", 0));
	html_put(&rq->h, "<ol class=\"plain\">");
	yyjson_arr_foreach(list, i, n, v)
		put_record(rq, v);
	html_put(&rq->h, "</ol></section>");
}

static int search(struct request *rq, const struct asked *a, yyjson_doc **doc, struct err *err)
{
	struct buf b;
	visit_request(rq, &b, "log.search");
	json_field_s(&b, "query", a->query);
	if (a->org[0])
		json_field_s(&b, "org", a->org);
	json_field_u64(&b, "from", (uint64_t)(clock_now_ms() - (int64_t)a->hours * 3600000));
	json_field_u64(&b, "limit", ROWS);
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, doc, err);
}

void page_log(struct request *rq, const char *rest)
{
	struct asked a;
	struct err err;
	yyjson_doc *doc = NULL;
	(void)rest;
	read_asked(rq, &a);
	int r = a.query[0] ? search(rq, &a, &doc, &err) : 0;
	page_begin(rq, WORD_LOG, "", false);
	html_put(&rq->h, "<h1>{w}</h1>", WORD_LOG);
	put_form(rq, &a);
	if (r < 0)
		page_say_problem(rq, &err);
	else if (a.query[0])
		put_found(rq, yyjson_doc_get_root(doc));
	page_end(rq, "200 OK", false);
	yyjson_doc_free(doc);
}
