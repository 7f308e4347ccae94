/* How many records came, by the hour or day, and of what: from the counts that are kept beside the index (index/rollup.h), so that a year is as quick as a day.
 * Each row narrows the page to itself and leads to the records. controld puts in whose bodies; see portal.h. Requirements: F-18, M-096. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdio.h>

#define ASK_MS 40000
#define HOUR_MS 3600000LL
#define JST_MS (9 * HOUR_MS)
#define SLOTS 400
#define ROWS 20
#define TALL 100 /* the picture's height; each bar is STEP wide with its gap */
#define STEP 10

static const struct period {
	uint64_t hours, slot_hours;
	const char *value;
	enum word word;
	bool counted; /* of finished days alone: today's records aren't read for it */
} periods[] = { { 24, 1, "24", WORD_HOUR_24, false }, { 168, 1, "168", WORD_DAY_7, false }, { 744, 24, "744", WORD_DAY_31, false }, { 9504, 24, "9504", WORD_MONTH_13, true } };

static const struct kind {
	const char *name; /* in the address, of controld and of a search */
	enum word title;
	enum words_of words;
	bool worded;
} kinds[] = { { "class", WORD_COUNT_CLASS, WORDS_CLASS, true }, { "product", WORD_COUNT_PRODUCT, WORDS_PRODUCT, true },
	      { "disposition", WORD_COUNT_DISPOSITION, WORDS_DISPOSITION, true }, { "rule", WORD_COUNT_RULE, WORDS_CLASS, false } };
#define KINDS ARRAY_LEN(kinds)

struct asked {
	char org[8];
	const struct period *period;
	char only[KINDS][256]; /* "": all */
	int64_t from_ms, to_ms;
	const char *hours;
};

static void read_asked(const struct request *rq, struct asked *a)
{
	struct str query = str_from(rq->q->query);
	uint64_t hours;
	*a = (struct asked){ .period = &periods[0] };
	if (!form_get(query, "org", a->org, sizeof a->org) || strspn(a->org, "0123456789") != 6 || a->org[6] || role_of_one_body(rq->who.role))
		a->org[0] = 0;
	if (form_number(query, "hours", 9504, &hours))
		for (size_t i = 0; i < ARRAY_LEN(periods); i++)
			if (periods[i].hours == hours)
				a->period = &periods[i];
	for (size_t i = 0; i < KINDS; i++)
		form_get(query, kinds[i].name, a->only[i], sizeof a->only[i]);
	if (strspn(a->only[0], "0123456789") != strlen(a->only[0]))
		a->only[0][0] = 0;
	int64_t slot = (int64_t)a->period->slot_hours * HOUR_MS;
	a->to_ms = clock_now_ms();
	a->from_ms = (a->to_ms - (int64_t)a->period->hours * HOUR_MS + slot + JST_MS) / slot * slot - JST_MS;
	a->hours = a->period->value;
}

/* ---- the form, and what is left out ---- */

/* An opening tag: to this page as `a` has it. */
static void put_link(struct html *h, const struct asked *a)
{
	html_put(h, "<a href=\"/counts?org={u}&amp;hours={u}&amp;class={u}&amp;product={u}&amp;disposition={u}&amp;rule={u}\">", a->org, a->hours, a->only[0], a->only[1], a->only[2],
	         a->only[3]);
}

static const char *worded(const struct html *h, const struct kind *k, const char *value)
{
	return !*value ? html_word(WORD_COUNT_NOTHING, h->ja) : k->worded ? words_of(k->words, value, h->ja) : value;
}

static void put_narrowed(struct request *rq, const struct asked *a)
{
	struct html *h = &rq->h;
	for (size_t i = 0; i < KINDS; i++) {
		if (!a->only[i][0])
			continue;
		struct asked wider = *a;
		wider.only[i][0] = 0;
		html_put(h, "<p>{w}: <b>{t}</b> ", (int)kinds[i].title, worded(h, &kinds[i], a->only[i]));
		put_link(h, &wider);
		html_put(h, "{w}</a></p>", WORD_COUNT_WIDER);
	}
}

static void put_orgs(struct request *rq, const struct asked *a)
{
	struct html *h = &rq->h;
	html_put(h, "<div><label for=\"org\">{w}</label><select id=\"org\" name=\"org\"><option value=\"\">{w}</option>", WORD_ORGANISATIONS, WORD_FILTER_ANY);
	for (size_t i = 0; i < rq->p->n_orgs; i++) {
		const struct portal_org *o = &rq->p->orgs[i];
		if (visit_sees(&rq->who, o->code))
			html_put(h, strcmp(o->code, a->org) == 0 ? "<option value=\"{a}\" selected>{t}</option>" : "<option value=\"{a}\">{t}</option>", o->code, h->ja ? o->name : o->name_en);
	}
	html_put(h, "</select></div>");
}

static void put_form(struct request *rq, const struct asked *a)
{
	struct html *h = &rq->h;
	html_put(h, "<form method=\"get\" action=\"/counts\">");
	for (size_t i = 0; i < KINDS; i++)
		if (a->only[i][0])
			html_put(h, "<input type=\"hidden\" name=\"{a}\" value=\"{a}\">", kinds[i].name, a->only[i]);
	html_put(h, "<div class=\"filters\">");
	if (!role_of_one_body(rq->who.role))
		put_orgs(rq, a);
	html_put(h, "<div><label for=\"hours\">{w}</label><select id=\"hours\" name=\"hours\">", WORD_PERIOD);
	for (size_t i = 0; i < ARRAY_LEN(periods); i++)
		html_put(h, &periods[i] == a->period ? "<option value=\"{a}\" selected>{w}</option>" : "<option value=\"{a}\">{w}</option>", periods[i].value, (int)periods[i].word);
	html_put(h, "</select></div><div><button>{w}</button></div></div></form>", WORD_SHOW);
}

/* ---- asking ---- */

static int ask(struct request *rq, const struct asked *a, const char *group, yyjson_doc **doc, struct err *err)
{
	struct buf b;
	int n = 0;
	visit_request(rq, &b, "log.counts");
	json_field_s(&b, "group", group);
	if (a->org[0])
		json_field_s(&b, "org", a->org);
	json_field_u64(&b, "from", (uint64_t)a->from_ms);
	json_field_u64(&b, "to", (uint64_t)a->to_ms);
	json_field_bool(&b, "counted", a->period->counted);
	json_key(&b, "only");
	buf_putc(&b, '{');
	for (size_t i = 0; i < KINDS; i++)
		if (a->only[i][0]) {
			buf_puts(&b, n++ ? "," : "");
			json_str(&b, str_from(kinds[i].name));
			buf_putc(&b, ':');
			json_str(&b, str_from(a->only[i]));
		}
	buf_putc(&b, '}');
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, doc, err);
}

/* ---- by time ---- */

struct bars {
	uint64_t n[SLOTS], most, sum;
	int64_t slot_ms;
	size_t slots, at_most; /* at_most: where the most is */
};

/* "2026-11-29 13:00" or "2026-11-29", Japan's. */
static bool slot_of(struct str value, int64_t *ret_ms)
{
	char t[CLOCK_TEXT], text[40];
	if (!str_copy(value, t, 17) || (strlen(t) != 10 && strlen(t) != 16))
		return false;
	snprintf(text, sizeof text, "%.10sT%s:00+09:00", t, t[10] ? t + 11 : "00:00");
	return clock_parse(text, strlen(text), ret_ms) == 0;
}

static void fill(const struct asked *a, yyjson_val *counts, struct bars *ret)
{
	size_t i, n;
	yyjson_val *v;
	int64_t ms;
	*ret = (struct bars){ .slot_ms = (int64_t)a->period->slot_hours * HOUR_MS };
	ret->slots = (size_t)((a->to_ms - a->from_ms) / ret->slot_ms) + 1;
	ret->slots = ret->slots > SLOTS ? SLOTS : ret->slots;
	yyjson_arr_foreach(counts, i, n, v) {
		if (!slot_of(ctl_str(v, "value"), &ms) || ms < a->from_ms || (size_t)((ms - a->from_ms) / ret->slot_ms) >= ret->slots)
			continue;
		size_t at = (size_t)((ms - a->from_ms) / ret->slot_ms);
		ret->n[at] += ctl_u64(v, "records", 0);
		ret->sum += ctl_u64(v, "records", 0);
	}
	for (i = 0; i < ret->slots; i++)
		if (ret->n[i] > ret->most)
			ret->most = ret->n[i], ret->at_most = i;
}

static const char *slot_name(const struct asked *a, const struct bars *b, size_t i, char dst[CLOCK_TEXT])
{
	clock_format_jst(a->from_ms + (int64_t)i * b->slot_ms, dst);
	dst[10] = ' ';
	dst[b->slot_ms == HOUR_MS ? 16 : 10] = 0;
	return dst;
}

static const char *digits(char dst[24], uint64_t n)
{
	snprintf(dst, 24, "%llu", (unsigned long long)n);
	return dst;
}

/* What the picture shows stands in the table of numbers too. What came is seen, however little. */
static void put_picture(struct html *h, const struct asked *a, const struct bars *b)
{
	char wide[24], x[24], y[24], tall[24], name[CLOCK_TEXT], last[CLOCK_TEXT];
	html_put(h, "<svg class=\"bars\" viewBox=\"0 0 {a} 100\" preserveAspectRatio=\"none\" role=\"img\" aria-label=\"{w}\">", digits(wide, b->slots * STEP), WORD_COUNT_PICTURE);
	for (size_t i = 0; i < b->slots; i++) {
		uint64_t height = b->most ? (uint64_t)((double)b->n[i] / (double)b->most * TALL) : 0;
		height = height < 1 && b->n[i] ? 1 : height;
		if (height)
			html_put(h, "<rect x=\"{a}\" y=\"{a}\" width=\"9\" height=\"{a}\"><title>{t} {n}</title></rect>", digits(x, i * STEP), digits(y, TALL - height), digits(tall, height),
			         slot_name(a, b, i, name), (int64_t)b->n[i]);
	}
	html_put(h, "</svg><p class=\"axis\"><span>{t}</span><span>{t}</span></p>", slot_name(a, b, 0, name), slot_name(a, b, b->slots - 1, last));
}

static void put_bars(struct request *rq, const struct asked *a, const struct bars *b)
{
	char name[CLOCK_TEXT];
	struct html *h = &rq->h;
	html_put(h, "<section><h2>{w}</h2><p class=\"lead\">{w} <b>{n}</b></p>", a->period->slot_hours == 1 ? WORD_COUNT_BY_HOUR : WORD_COUNT_BY_DAY, WORD_COUNT_SUM, (int64_t)b->sum);
	if (!b->sum) {
		html_put(h, "<p>{w}</p></section>", WORD_COUNT_NONE);
		return;
	}
	put_picture(h, a, b);
	html_put(h, "<p>{w} {n} ({t})</p><details><summary>{w}</summary><table><thead><tr><th>{w}</th><th class=\"n\">{w}</th></tr></thead><tbody>", WORD_COUNT_MOST, (int64_t)b->most,
	         slot_name(a, b, b->at_most, name), WORD_COUNT_NUMBERS, WORD_COUNT_WHEN, WORD_COUNT_RECORDS);
	for (size_t i = b->slots; i-- > 0;)
		html_put(h, "<tr><th scope=\"row\">{t}</th><td class=\"n\" data-label=\"{w}\">{n}</td></tr>", slot_name(a, b, i, name), WORD_COUNT_RECORDS, (int64_t)b->n[i]);
	html_put(h, "</tbody></table></details></section>");
}

/* ---- of what ---- */

/* To the records, where the value can stand in a query as it is. */
static void put_search(struct html *h, const struct asked *a, const char *column, const char *value)
{
	char q[300];
	html_put(h, "<td data-label=\"{w}\">", WORD_LOG);
	if (*value && strspn(value, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == strlen(value)) {
		snprintf(q, sizeof q, "%s:%s", column, value);
		html_put(h, "<a href=\"/log?q={u}&amp;org={u}&amp;hours={u}\">{w}</a>", q, a->org, a->period->hours > 8784 ? "8784" : a->hours, WORD_COUNT_SEARCH);
	} else {
		html_put(h, "-");
	}
	html_put(h, "</td></tr>");
}

static void put_share(struct html *h, uint64_t n, uint64_t sum)
{
	char share[24], wide[24];
	snprintf(share, sizeof share, "%.1f", sum ? 100.0 * (double)n / (double)sum : 0.0);
	html_put(h, "<td class=\"n\" data-label=\"{w}\">{n}</td><td data-label=\"%\">{t}<svg class=\"bar\" viewBox=\"0 0 100 4\" preserveAspectRatio=\"none\" aria-hidden=\"true\"><rect width=\"{a}\" height=\"4\"/></svg></td>",
	         WORD_COUNT_RECORDS, (int64_t)n, share, digits(wide, sum ? (uint64_t)(100.0 * (double)n / (double)sum) : 0));
}

static void put_table_head(struct html *h, enum word title)
{
	html_put(h, "<section><h2>{w}</h2><div class=\"scroll\"><table><thead><tr><th>{w}</th><th class=\"n\">{w}</th><th>%</th><th>{w}</th></tr></thead><tbody>", (int)title, (int)title, WORD_COUNT_RECORDS,
	         WORD_LOG);
}

/* k NULL: by body. */
static void put_row(struct request *rq, const struct asked *a, const struct kind *k, yyjson_val *v, uint64_t sum)
{
	char value[256];
	struct html *h = &rq->h;
	struct asked one = *a;
	if (!str_copy(ctl_str(v, "value"), value, sizeof value))
		return;
	bool goes = *value && strcmp(value, "…") != 0 && (k || strlen(value) == 6);
	if (k)
		snprintf(one.only[k - kinds], sizeof one.only[0], "%s", value);
	else
		snprintf(one.org, sizeof one.org, "%.6s", value);
	html_put(h, "<tr><th scope=\"row\">");
	if (goes)
		put_link(h, &one);
	html_put(h, "{t}", k ? worded(h, k, value) : strcmp(value, "service") == 0 ? html_word(WORD_COUNT_SERVICE, h->ja) : page_org_name(rq->p, value, h->ja));
	html_put(h, goes ? "</a></th>" : "</th>");
	put_share(h, ctl_u64(v, "records", 0), sum);
	put_search(h, a, k ? k->name : "org", goes || !k ? value : "");
}

static int put_table(struct request *rq, const struct asked *a, const struct kind *k, uint64_t sum)
{
	struct err err = { 0 };
	yyjson_doc *doc = NULL;
	size_t i, n;
	uint64_t shown = 0;
	yyjson_val *v;
	int r = ask(rq, a, k ? k->name : "org", &doc, &err);
	if (r == 0) {
		put_table_head(&rq->h, k ? k->title : WORD_ORGANISATIONS);
		yyjson_arr_foreach(yyjson_obj_get(yyjson_doc_get_root(doc), "counts"), i, n, v)
			if (i < ROWS || !k) {
				put_row(rq, a, k, v, sum);
				shown += ctl_u64(v, "records", 0);
			}
		if (k && n > ROWS) {
			html_put(&rq->h, "<tr><th scope=\"row\">{w}</th>", WORD_COUNT_REST);
			put_share(&rq->h, sum > shown ? sum - shown : 0, sum);
			put_search(&rq->h, a, k->name, "");
		}
		html_put(&rq->h, "</tbody></table></div></section>");
	}
	yyjson_doc_free(doc);
	return r;
}

/* ---- the page ---- */

static void put_counted(struct request *rq, uint64_t day)
{
	char text[40];
	snprintf(text, sizeof text, "%04u-%02u-%02u", (unsigned)(day / 10000), (unsigned)(day / 100 % 100), (unsigned)(day % 100));
	html_put(&rq->h, "<p class=\"hint\">{w} {t}</p>", WORD_COUNT_UP_TO, day ? text : "-");
}

static int put_all(struct request *rq, const struct asked *a, yyjson_val *root)
{
	struct bars b;
	fill(a, yyjson_obj_get(root, "counts"), &b);
	if (a->period->counted)
		put_counted(rq, ctl_u64(root, "counted_up_to", 0));
	put_bars(rq, a, &b);
	int r = b.sum && !a->org[0] && !role_of_one_body(rq->who.role) ? put_table(rq, a, NULL, b.sum) : 0;
	for (size_t i = 0; i < KINDS && b.sum && r == 0; i++)
		r = put_table(rq, a, &kinds[i], b.sum);
	return r;
}

void page_counts(struct request *rq, const char *rest)
{
	struct asked a;
	struct err err = { 0 };
	yyjson_doc *doc = NULL;
	(void)rest;
	read_asked(rq, &a);
	page_begin(rq, WORD_COUNTS, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p class=\"hint\">{w}</p>", WORD_COUNTS, WORD_COUNTS_HINT);
	put_form(rq, &a);
	put_narrowed(rq, &a);
	int r = ask(rq, &a, a.period->slot_hours == 1 ? "hour" : "day", &doc, &err);
	r = r < 0 ? r : put_all(rq, &a, yyjson_doc_get_root(doc));
	if (r < 0)
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_COUNT_AWAY);
	page_end(rq, "200 OK", false);
	yyjson_doc_free(doc);
}
