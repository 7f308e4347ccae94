/* What the rules in force could find, and of which bodies they get no records to find it in; see portal.h and detect/coverage.h. The rules are detectd's word,
 * what comes is the counts'. Requirements: F-18, M-093. */
#include "portal/portal.h"

#include "base/clock.h"
#include "base/mem.h"
#include "detect/coverage.h"
#include "wire/ctl.h"
#include "wire/place.h"
#include "wire/words.h"

#include <stdio.h>

#define ASK_MS 40000
#define SPAN_MS (30LL * 86400000)

struct seen {
	yyjson_doc *rules, *products, *classes;
};

/* org "": of all. */
static int ask(struct request *rq, const char *what, const char *group, const char *org, yyjson_doc **doc, struct err *err)
{
	struct buf b;
	visit_request(rq, &b, what);
	if (group) {
		json_field_s(&b, "group", group);
		json_field_s(&b, "beside", "org");
		if (*org)
			json_field_s(&b, "org", org);
		json_field_u64(&b, "from", (uint64_t)(clock_now_ms() - SPAN_MS));
	}
	return visit_ask(rq, SOCK_CONTROL, &b, ASK_MS, doc, err);
}

static yyjson_val *list(yyjson_doc *doc, const char *key)
{
	return yyjson_obj_get(yyjson_doc_get_root(doc), key);
}

/* Counts of which some were left out would say of a body that it sends nothing. */
static yyjson_val *all_of(yyjson_doc *doc)
{
	return ctl_bool(yyjson_doc_get_root(doc), "more", false) ? NULL : list(doc, "counts");
}

/* Counted anew for each body; NULL: it can't be. To be freed by done(). */
static struct coverage *count(const struct seen *s, const char *org)
{
	struct err err = { 0 };
	struct coverage_seen seen = { all_of(s->products), all_of(s->classes), org };
	struct coverage *c = mem_alloc(sizeof *c);
	if (c && coverage_count(list(s->rules, "rules"), &seen, c, &err) == 0)
		return c;
	if (c)
		coverage_done(c);
	mem_free(c);
	return NULL;
}

static void done(struct coverage *c)
{
	if (c)
		coverage_done(c);
	mem_free(c);
}

/* ---- parts ---- */

static const char *copied(struct str s, char dst[256])
{
	return str_copy(s, dst, 256) ? dst : "…";
}

/* By whom they are recorded, for people; else the log source's own name. */
static void put_source_name(struct html *h, const struct coverage_source *s)
{
	struct str rest = s->products, one;
	char name[256];
	size_t n = 0;
	char number[24];
	snprintf(number, sizeof number, "%llu", (unsigned long long)s->class_uid);
	if (!rest.len && s->class_uid)
		html_put(h, "{t}", words_of(WORDS_CLASS, number, h->ja)), n++;
	while (rest.len && !str_eq(s->products, STR("?")) && str_next(&rest, '|', &one))
		html_put(h, n++ ? ", {t}" : "{t}", words_of(WORDS_PRODUCT, copied(one, name), h->ja));
	html_put(h, n ? " <span class=\"kind\">({t})</span>" : "{t}", copied(s->key, name));
}

/* The titles of rules that can't fire and need this source. */
static void put_blind_rules(struct html *h, yyjson_val *rules, const struct coverage *c, struct str key)
{
	size_t i, n, k, m;
	yyjson_val *v, *need;
	char title[256];
	html_put(h, "<details><summary>{w}</summary><ul>", WORD_COVERAGE_WHICH);
	yyjson_arr_foreach(rules, i, n, v)
		yyjson_arr_foreach(yyjson_obj_get(v, "needs"), k, m, need)
			if (c->rule_blind[i] && str_eq(ctl_str(need, "source"), key))
				html_put(h, "<li>{t}</li>", copied(ctl_str(v, h->ja && ctl_str(v, "title_ja").len ? "title_ja" : "title"), title));
	html_put(h, "</ul></details>");
}

static void put_sources(struct html *h, yyjson_val *rules, const struct coverage *c)
{
	html_put(h, "<section><h2>{w}</h2><div class=\"scroll\"><table><thead><tr><th>{w}</th><th class=\"n\">{w}</th><th>{w}</th><th class=\"n\">{w}</th></tr></thead><tbody>", WORD_COVERAGE_SOURCES,
	         WORD_COVERAGE_SOURCE, WORD_COVERAGE_RULES, WORD_STATE, WORD_COVERAGE_BLIND);
	for (int missing = 1; missing >= 0; missing--)
		for (size_t i = 0; i < c->n_sources; i++) {
			const struct coverage_source *s = &c->sources[i];
			if (s->there == (bool)missing)
				continue;
			html_put(h, "<tr><th scope=\"row\" class=\"wrap\">");
			put_source_name(h, s);
			html_put(h, "</th><td class=\"n\" data-label=\"{w}\">{n}</td><td class=\"wrap\" data-label=\"{w}\">", WORD_COVERAGE_RULES, (int64_t)s->rules, WORD_STATE);
			if (c->known)
				html_put(h, "<span class=\"tag {a}\">{w}</span>", s->there ? "good" : "warn", s->there ? WORD_COVERAGE_THERE : WORD_COVERAGE_AWAY);
			else
				html_put(h, "-");
			if (s->blind)
				put_blind_rules(h, rules, c, s->key);
			html_put(h, "</td><td class=\"n\" data-label=\"{w}\">{n}</td></tr>", WORD_COVERAGE_BLIND, (int64_t)s->blind);
		}
	html_put(h, "</tbody></table></div></section>");
}

static void put_techniques(struct html *h, const struct coverage *c)
{
	char id[256];
	html_put(h, "<section><h2>{w}</h2><div class=\"scroll\"><table><thead><tr><th>{w}</th><th class=\"n\">{w}</th><th class=\"n\">{w}</th></tr></thead><tbody>", WORD_COVERAGE_TECHNIQUES,
	         WORD_COVERAGE_TECHNIQUE, WORD_COVERAGE_RULES, WORD_COVERAGE_BLIND);
	for (size_t i = 0; i < c->n_techniques; i++) {
		const struct coverage_technique *t = &c->techniques[i];
		html_put(h, "<tr><th scope=\"row\">{t}</th><td class=\"n\" data-label=\"{w}\">{n}</td>", copied(t->id, id), WORD_COVERAGE_RULES, (int64_t)t->rules);
		html_put(h, t->blind ? "<td class=\"n hot\" data-label=\"{w}\">{n}</td></tr>" : "<td class=\"n\" data-label=\"{w}\">{n}</td></tr>", WORD_COVERAGE_BLIND, (int64_t)t->blind);
	}
	html_put(h, "</tbody></table></div><p class=\"hint\">{w}</p></section>", WORD_COVERAGE_LAYER);
}

static void put_body(struct request *rq, const struct seen *s, const struct portal_org *o)
{
	struct html *h = &rq->h;
	struct coverage *c = count(s, o->code);
	size_t put = 0;
	if (!c)
		return;
	html_put(h, "<tr><th scope=\"row\"><a href=\"/coverage?org={u}\">{t}</a></th><td class=\"n\" data-label=\"{w}\">{n}</td><td class=\"wrap\" data-label=\"{w}\">", o->code, h->ja ? o->name : o->name_en,
	         WORD_COVERAGE_BLIND, (int64_t)c->blind, WORD_COVERAGE_MISSING);
	for (size_t i = 0; i < c->n_sources; i++) {
		if (c->sources[i].there)
			continue;
		html_put(h, put++ ? "<br>" : "");
		put_source_name(h, &c->sources[i]);
	}
	html_put(h, "</td></tr>");
	done(c);
}

static void put_bodies(struct request *rq, const struct seen *s)
{
	struct html *h = &rq->h;
	html_put(h, "<section><h2>{w}</h2><div class=\"scroll\"><table><thead><tr><th>{w}</th><th class=\"n\">{w}</th><th>{w}</th></tr></thead><tbody>", WORD_COVERAGE_BODIES, WORD_ORGANISATIONS,
	         WORD_COVERAGE_BLIND, WORD_COVERAGE_MISSING);
	for (size_t i = 0; i < rq->p->n_orgs; i++)
		if (visit_sees(&rq->who, rq->p->orgs[i].code))
			put_body(rq, s, &rq->p->orgs[i]);
	html_put(h, "</tbody></table></div></section>");
}

static void put_form(struct request *rq, const char *org)
{
	struct html *h = &rq->h;
	html_put(h, "<form method=\"get\" action=\"/coverage\"><div class=\"filters\"><div><label for=\"org\">{w}</label><select id=\"org\" name=\"org\"><option value=\"\">{w}</option>", WORD_ORGANISATIONS,
	         WORD_FILTER_ANY);
	for (size_t i = 0; i < rq->p->n_orgs; i++) {
		const struct portal_org *o = &rq->p->orgs[i];
		if (visit_sees(&rq->who, o->code))
			html_put(h, strcmp(o->code, org) == 0 ? "<option value=\"{a}\" selected>{t}</option>" : "<option value=\"{a}\">{t}</option>", o->code, h->ja ? o->name : o->name_en);
	}
	html_put(h, "</select></div><div><button>{w}</button></div></div></form>", WORD_SHOW);
}

/* ---- the page ---- */

static void put_all(struct request *rq, const struct seen *s, const char *org)
{
	struct html *h = &rq->h;
	struct coverage *c = count(s, org[0] ? org : NULL);
	if (!c) {
		html_put(h, "<p class=\"alert\">{w}</p>", WORD_COVERAGE_NO_RULES);
		return;
	}
	html_put(h, "<p class=\"lead\">{w} <b>{n}</b> · {w} <b>{n}</b>", WORD_COVERAGE_RULES, (int64_t)c->rules, WORD_COVERAGE_TECHNIQUES, (int64_t)c->n_techniques);
	if (c->known)
		html_put(h, " · {w} <b>{n}</b>", WORD_COVERAGE_BLIND, (int64_t)c->blind);
	html_put(h, c->untagged ? "</p><p class=\"hint\">{w} {n}</p>" : "</p>", WORD_COVERAGE_UNTAGGED, (int64_t)c->untagged);
	if (!c->known)
		html_put(h, "<p class=\"alert\">{w}</p>", WORD_COVERAGE_NOT_KNOWN);
	if (c->known && !org[0])
		put_bodies(rq, s);
	put_sources(h, list(s->rules, "rules"), c);
	put_techniques(h, c);
	done(c);
}

/* One of those they see, or "" for all. */
static void read_org(const struct request *rq, char org[8])
{
	if (!form_get(str_from(rq->q->query), "org", org, 8) || strspn(org, "0123456789") != 6 || org[6] || !visit_sees(&rq->who, org))
		org[0] = 0;
}

void page_coverage(struct request *rq, const char *rest)
{
	struct err err = { 0 };
	struct seen s = { 0 };
	char org[8];
	(void)rest;
	read_org(rq, org);
	int r = ask(rq, "rules.coverage", NULL, "", &s.rules, &err);
	if (r == 0 && ask(rq, "log.counts", "product", org, &s.products, &err) == 0)
		(void)ask(rq, "log.counts", "class", org, &s.classes, &err); /* without them it says what isn't known */
	page_begin(rq, WORD_COVERAGE, "", false);
	html_put(&rq->h, "<h1>{w}</h1><p class=\"hint\">{w}</p>", WORD_COVERAGE, WORD_COVERAGE_HINT);
	put_form(rq, org);
	if (r < 0)
		html_put(&rq->h, "<p class=\"alert\">{w}</p>", WORD_COVERAGE_NO_RULES);
	else
		put_all(rq, &s, org);
	page_end(rq, "200 OK", false);
	yyjson_doc_free(s.rules);
	yyjson_doc_free(s.products);
	yyjson_doc_free(s.classes);
}
