/* The compiled matcher against a naive reading of the same rules: thousands of random rules and events, same answers.
 * The oracle walks the rule's tree and the event directly; it shares the parser, but neither Hyperscan, triggers,
 * tables, caches nor pattern_match(). Then SigmaHQ's own regression events, where they are at hand. */
#include "detect/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

/* ---- the oracle */

static bool is_dash(const char *s, size_t n, size_t *len)
{
	static const char *const all[] = { "-", "/", "\xe2\x80\x93", "\xe2\x80\x94", "\xe2\x80\x95" };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (n >= strlen(all[i]) && memcmp(s, all[i], strlen(all[i])) == 0) {
			*len = strlen(all[i]);
			return true;
		}
	return false;
}

static int lower(int c)
{
	return c >= 'A' && c <= 'Z' ? c - 'A' + 'a' : c;
}

/* Plain backtracking, one token and one character at a time. */
static bool glob(const struct pattern *p, unsigned t, const char *s, size_t n)
{
	size_t len;
	if (t == p->n)
		return n == 0;
	const struct token *k = &p->tokens[t];
	switch (k->kind) {
	case TOKEN_ANY:
		for (size_t i = 0; i <= n; i++)
			if ((i == n || ((unsigned char)s[i] & 0xc0) != 0x80) && glob(p, t + 1, s + i, n - i))
				return true;
		return false;
	case TOKEN_ONE:
		if (n == 0)
			return false;
		for (len = 1; len < n && ((unsigned char)s[len] & 0xc0) == 0x80; len++)
			;
		return glob(p, t + 1, s + len, n - len);
	case TOKEN_DASH:
		return is_dash(s, n, &len) && glob(p, t + 1, s + len, n - len);
	case TOKEN_TEXT:
		if (n < k->text.len)
			return false;
		for (size_t i = 0; i < k->text.len; i++)
			if (p->cased ? s[i] != k->text.ptr[i] : lower(s[i]) != lower(k->text.ptr[i]))
				return false;
		return glob(p, t + 1, s + k->text.len, n - k->text.len);
	}
	return false;
}

static bool test_value(const struct pred *d, yyjson_val *v)
{
	char number[64];
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	if (yyjson_is_int(v)) {
		snprintf(number, sizeof number, "%lld", (long long)yyjson_get_sint(v));
		s = str_from(number);
	} else if (yyjson_is_bool(v)) {
		s = str_from(yyjson_get_bool(v) ? "true" : "false");
	} else if (!yyjson_is_str(v)) {
		return false;
	}
	if (d->op == PRED_MATCH)
		return glob(&d->pattern, 0, s.ptr, s.len);
	if (d->op == PRED_COMPARE) {
		char *end, text[64];
		if (!s.len || !str_copy(s, text, sizeof text))
			return false;
		double x = strtod(text, &end);
		return !*end && (d->compare == COMPARE_LT ? x < d->number : d->compare == COMPARE_LTE ? x <= d->number
		                 : d->compare == COMPARE_GT ? x > d->number : x >= d->number);
	}
	pcre2_match_data *md = pcre2_match_data_create(1, NULL);
	int r = pcre2_match(d->re, (PCRE2_SPTR)s.ptr, s.len, 0, PCRE2_NO_JIT, md, NULL);
	pcre2_match_data_free(md);
	return r >= 0;
}

static bool any_text(const struct pred *d, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *key, *kid;
	if (yyjson_is_obj(v)) {
		yyjson_obj_foreach(v, i, n, key, kid)
			if (any_text(d, kid))
				return true;
		return false;
	}
	if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, i, n, kid)
			if (any_text(d, kid))
				return true;
		return false;
	}
	return test_value(d, v);
}

static bool naive_pred(const struct pred *d, yyjson_val *root)
{
	size_t i, n;
	yyjson_val *kid, *v = d->field ? yyjson_obj_get(root, d->field) : root;
	if (!d->field)
		return any_text(d, root);
	if (d->op == PRED_EXISTS)
		return (v != NULL) == d->flag;
	if (d->op == PRED_NULL)
		return !v || yyjson_is_null(v);
	if (!yyjson_is_arr(v))
		return v && test_value(d, v);
	yyjson_arr_foreach(v, i, n, kid)
		if (test_value(d, kid))
			return true;
	return false;
}

static bool naive(const struct expr *e, yyjson_val *root)
{
	bool x = e->kind == EXPR_AND;
	if (e->kind == EXPR_PRED)
		return naive_pred(e->pred, root);
	if (e->kind == EXPR_NOT)
		return !naive(e->kids[0], root);
	for (unsigned i = 0; i < e->n; i++)
		x = e->kind == EXPR_AND ? x && naive(e->kids[i], root) : x || naive(e->kids[i], root);
	return x;
}

/* ---- random rules and events, from a small stock so that they meet */

static const char *const words[] = { "a", "b", "ab", "aB", "ba", "abc", "x/y", "-a", "\xe2\x80\x93" "a", "", "\xe3\x81\x82", "\xe3\x81\x82" "b", "1", "12", "200",
	"a.b", "evil", "EVIL.exe", "a*b", "a\\b" };
static const char *const values[] = { "a", "B", "ab", "a*", "*b", "a?", "?b", "a*b", "*", "?", "", "\xe3\x81\x82*", "1", "12", "200", "evil", "*ev?l*",
	"a\\*b", "a\\\\*", "a\\b", "-a", "x/y" }; /* written in quotes */
static const char *const mods[] = { "", "", "", "|contains", "|startswith", "|endswith", "|cased", "|contains|cased", "|windash", "|windash|contains",
	"|neq", "|contains|neq" };

static unsigned pick(unsigned n)
{
	return (unsigned)(rnd_u64() % n);
}

static void put_item(struct buf *b, const char *indent)
{
	unsigned kind = pick(12);
	buf_printf(b, "%sF%u", indent, pick(4));
	if (kind == 0)
		buf_puts(b, ": null\n");
	else if (kind == 1)
		buf_printf(b, "|exists: %s\n", pick(2) ? "true" : "false");
	else if (kind == 2)
		buf_printf(b, "|re: '%s'\n", (const char *[]){ "^a", "b$", "a.b", "[0-9]+", "(?i)evil" }[pick(5)]);
	else if (kind == 3)
		buf_printf(b, "|%s: %u\n", (const char *[]){ "lt", "lte", "gt", "gte" }[pick(4)], pick(300));
	else if (kind < 8)
		buf_printf(b, "%s: '%s'\n", mods[pick(ARRAY_LEN(mods))], values[pick(ARRAY_LEN(values))]);
	else {
		buf_printf(b, "%s%s:\n", mods[pick(ARRAY_LEN(mods))], pick(3) ? "" : "|all");
		for (unsigned i = 0, n = 2 + pick(3); i < n; i++)
			buf_printf(b, "%s    - '%s'\n", indent, values[pick(ARRAY_LEN(values))]);
	}
}

static void put_selection(struct buf *b, unsigned i)
{
	buf_printf(b, "    s%u:\n", i);
	unsigned kind = pick(6);
	if (kind == 0) {
		for (unsigned k = 0, n = 1 + pick(3); k < n; k++)
			buf_printf(b, "        - '%s'\n", values[pick(ARRAY_LEN(values))]);
	} else if (kind == 1) {
		for (unsigned k = 0, n = 1 + pick(3); k < n; k++) {
			buf_puts(b, "        -\n");
			put_item(b, "            ");
		}
	} else {
		put_item(b, "        ");
	}
}

static void put_condition(struct buf *b, unsigned depth)
{
	unsigned kind = pick(depth ? 7 : 2);
	static const char *const forms[] = { "1 of s*", "all of s*", "1 of them" };
	if (kind == 0)
		buf_puts(b, forms[pick(3)]);
	else if (kind == 1)
		buf_printf(b, "s%u", pick(3));
	else if (kind == 2) {
		buf_puts(b, "not (");
		put_condition(b, depth - 1);
		buf_puts(b, ")");
	} else {
		buf_puts(b, "(");
		put_condition(b, depth - 1);
		buf_puts(b, kind < 5 ? " and " : " or ");
		put_condition(b, depth - 1);
		buf_puts(b, ")");
	}
}

static void put_rule(struct buf *b, unsigned i)
{
	buf_printf(b, "---\ntitle: t%u\nid: r%u\nlogsource:\n    category: test\ndetection:\n", i, i);
	for (unsigned k = 0; k < 3; k++)
		put_selection(b, k);
	buf_puts(b, "    condition: ");
	put_condition(b, 3);
	buf_puts(b, "\n");
}

static void put_value(struct buf *b)
{
	char text[64];
	unsigned kind = pick(10);
	if (kind == 0)
		buf_puts(b, "null");
	else if (kind == 1)
		buf_printf(b, "%d", (int)pick(300) - 20);
	else if (kind == 2)
		buf_puts(b, "true");
	else if (kind < 7)
		json_str(b, str_from(words[pick(ARRAY_LEN(words))]));
	else {
		snprintf(text, sizeof text, "%s%s", words[pick(ARRAY_LEN(words))], words[pick(ARRAY_LEN(words))]);
		json_str(b, str_from(text));
	}
}

static void put_event(struct buf *b)
{
	buf_puts(b, "{\"category\":\"test\"");
	for (unsigned f = 0; f < 4; f++) {
		if (pick(5) == 0)
			continue;
		buf_printf(b, ",\"F%u\":", f);
		bool list = pick(6) == 0;
		if (list)
			buf_putc(b, '[');
		put_value(b);
		for (unsigned n = list ? pick(3) : 0; n; n--) {
			buf_putc(b, ',');
			put_value(b);
		}
		if (list)
			buf_putc(b, ']');
	}
	buf_putc(b, '}');
}

static bool has(const struct match_event *ev, const struct rule *r)
{
	for (uint32_t i = 0; i < ev->n_fired; i++)
		if (ev->fired[i] == r)
			return true;
	return false;
}

static void compare(const struct ruleset *s, struct matcher *m, struct buf *event, const struct buf *rules, uint64_t counts[2])
{
	struct match_event ev;
	assert_int_equal(matcher_event(m, buf_view(event), &ev, NULL), 0);
	yyjson_doc *doc = yyjson_read(event->ptr, event->len, 0);
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n_rules; i++) {
		bool want = naive(s->rules[i]->condition, yyjson_doc_get_root(doc));
		counts[want]++;
		n += want;
		if (want != has(&ev, s->rules[i]))
			fail_msg("rule %s should %s on %s\n%.*s", s->rules[i]->id, want ? "fire" : "be silent", buf_cstr(event), (int)rules->len,
			         rules->ptr);
	}
	assert_int_equal(n, ev.n_fired); /* nothing twice */
	yyjson_doc_free(doc);
}

static void test_differential(void **state)
{
	(void)state;
	uint64_t counts[2] = { 0 };
	for (unsigned seed = 1; seed <= 60; seed++) {
		struct ruleset *s;
		struct matcher *m;
		struct err err = { 0 };
		struct buf rules, event;
		rnd_hold(seed);
		buf_init(&rules, MIB);
		buf_init(&event, MIB);
		for (unsigned i = 0; i < 40; i++)
			put_rule(&rules, i);
		assert_int_equal(ruleset_load_text(buf_view(&rules), "random.yml", NULL, &s, &err), 0);
		if (s->n_rules < 20)
			fail_msg("too few of the random rules are valid: %u", s->n_rules);
		assert_int_equal(matcher_create(s, &m, &err), 0);
		for (unsigned i = 0; i < 60; i++) {
			buf_reset(&event);
			put_event(&event);
			compare(s, m, &event, &rules, counts);
		}
		matcher_destroy(&m);
		ruleset_destroy(&s);
		buf_done(&rules);
		buf_done(&event);
	}
	rnd_hold(0);
	assert_true(counts[0] > 5000 && counts[1] > 5000); /* both answers were put to the test */
}

static void test_bad_events(void **state)
{
	(void)state;
	static const char *const bad[] = { "", "{", "[]", "1", "{\"a\":1", "{\"a\":\"\xff\"}", "null", "{} x" };
	struct ruleset *s;
	struct matcher *m;
	struct match_event ev;
	struct match_stats st;
	assert_int_equal(ruleset_load_text(STR(""), "none.yml", NULL, &s, NULL), 0);
	assert_int_equal(matcher_create(s, &m, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(matcher_event(m, str_from(bad[i]), &ev, NULL), -E_INVALID);
	assert_int_equal(matcher_event(m, STR("{}"), &ev, NULL), 0);
	matcher_stats(m, &st);
	assert_int_equal(st.bad, ARRAY_LEN(bad));
	assert_int_equal(st.events, ARRAY_LEN(bad) + 1);
	matcher_destroy(&m);
	ruleset_destroy(&s);
}

/* ---- SigmaHQ: its rules load, and its regression events fire the rule they were recorded for */

struct regression {
	struct ruleset *s;
	struct matcher *m;
	const char *dir;
	unsigned fired, silent;
};

static void fire_one(struct regression *g, yyjson_val *v, const char *id, bool *hit)
{
	struct match_event ev;
	size_t n;
	char *json = yyjson_val_write(v, 0, &n);
	if (matcher_event(g->m, (struct str){ json, n }, &ev, NULL) == 0)
		for (uint32_t i = 0; i < ev.n_fired; i++)
			*hit |= strcmp(ev.fired[i]->id, id) == 0;
	free(json);
}

static int walk(const char *name, void *user)
{
	struct regression *g = user;
	char path[1024], id[64];
	struct stat st;
	struct buf b;
	snprintf(path, sizeof path, "%s/%s", g->dir, name);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		const char *was = g->dir;
		g->dir = path;
		int r = fs_list(path, walk, g, NULL);
		g->dir = was;
		return r;
	}
	if (!str_ends(str_from(name), STR(".json")) || strlen(name) > 60)
		return 0;
	snprintf(id, sizeof id, "%.*s", (int)strlen(name) - 5, name);
	if (!ruleset_find(g->s, str_from(id)))
		return 0; /* a rule we refuse (counted below) */
	buf_init(&b, 16 * MIB);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	bool hit = false;
	for (size_t at = 0; at < b.len;) {
		yyjson_doc *doc = yyjson_read(b.ptr + at, b.len - at, YYJSON_READ_STOP_WHEN_DONE);
		if (!doc)
			break;
		yyjson_val *root = yyjson_doc_get_root(doc), *kid;
		size_t i, n;
		if (yyjson_is_arr(root))
			yyjson_arr_foreach(root, i, n, kid)
				fire_one(g, kid, id, &hit);
		else
			fire_one(g, root, id, &hit);
		at += yyjson_doc_get_read_size(doc);
		yyjson_doc_free(doc);
	}
	buf_done(&b);
	if (!hit)
		print_message("# silent: %s\n", id);
	g->fired += hit;
	g->silent += !hit;
	return 0;
}

/* What an event's log source is, is remembered: more of them than there is room for, in turn, and names too long for it. */
static void test_many_origins(void **state)
{
	(void)state;
	struct ruleset *s;
	struct matcher *m;
	struct match_event ev;
	struct err err = { 0 };
	static char long_name[200];
	const char *rule = "title: t\nid: a\nlogsource:\n    category: c7\ndetection:\n    s:\n        A: 1\n    condition: s\n---\n"
			   "title: t\nid: b\nlogsource:\n    category: c7\n    product: p\ndetection:\n    s:\n        A: 1\n    condition: s\n";
	assert_int_equal(ruleset_load_text(str_from(rule), "r.yml", NULL, &s, &err), 0);
	assert_int_equal(matcher_create(s, &m, &err), 0);
	memset(long_name, 'x', sizeof long_name - 1);
	for (unsigned i = 0; i < 3000; i++) {
		char json[300];
		bool seven = i % 1000 == 7, p = i % 2;
		snprintf(json, sizeof json, "{\"category\":\"c%u\",\"product\":\"%s\",\"service\":\"%s\",\"A\":1}", i % 1000, p ? "p" : "q", i % 3 ? "" : long_name);
		assert_int_equal(matcher_event(m, str_from(json), &ev, &err), 0);
		assert_int_equal(ev.n_fired, seven + (seven && p));
	}
	matcher_destroy(&m);
	ruleset_destroy(&s);
}

/* Every rule is taken, or says exactly why not: a placeholder only the site can fill, or a field nobody logs. */
static void say_refused(const struct err *err, void *user)
{
	const char *sigma = strstr(err->path, "/sigma/");
	(void)user;
	print_message("# refused: %s: %s\n", sigma ? sigma + 7 : err->path, err->msg);
	assert_true(strncmp(err->msg, "placeholder '%", 14) == 0 || strncmp(err->msg, "field '", 7) == 0);
}

static void test_sigmahq(void **state)
{
	(void)state;
	const char *corpora = getenv("TORIDE_CORPORA");
	char dirs[6][512], reg[512];
	static const char *const names[] = { "rules", "rules-emerging-threats", "rules-threat-hunting", "rules-compliance", "rules-dfir",
		"rules-placeholder" };
	const char *list[6];
	struct err err = { 0 };
	struct regression g = { 0 };
	if (!corpora)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		snprintf(dirs[i], sizeof dirs[i], "%s/sigma/%s", corpora, names[i]);
		list[i] = dirs[i];
	}
	if (!fs_exists(list[0]))
		skip();
	assert_int_equal(ruleset_load(list, ARRAY_LEN(names), &(struct ruleset_opts){ .on_fault = say_refused }, &g.s, &err), 0);
	print_message("# SigmaHQ: %u rules taken, %u refused\n", g.s->n_rules, g.s->n_faults);
	assert_true(g.s->n_rules > 3000 && g.s->n_faults * 33 < g.s->n_rules); /* doc/CORPORA.md has the reasons */
	assert_int_equal(matcher_create(g.s, &g.m, &err), 0);
	snprintf(reg, sizeof reg, "%s/sigma/regression_data", corpora);
	g.dir = reg;
	if (fs_exists(reg))
		assert_int_equal(fs_list(reg, walk, &g, &err), 0);
	print_message("# regression events: %u fired their rule, %u didn't\n", g.fired, g.silent);
	assert_int_equal(g.silent, 0);
	matcher_destroy(&g.m);
	ruleset_destroy(&g.s);
}

/* ---- the specification's own examples: each is taken, or lacks a rule that it speaks of and that stands nowhere there */

struct examples {
	unsigned n, refused;
	const char *file;
};

static void say_lacking(const struct err *err, void *user)
{
	struct examples *x = user;
	bool lacks = strstr(err->msg, "there is no rule '") || strncmp(err->msg, "field '", 7) == 0;
	x->refused++;
	if (!lacks)
		fail_msg("%s: %s: %s", x->file, err->path, err->msg);
}

static void take_example(struct examples *x, struct str text)
{
	struct ruleset *s = NULL;
	struct err err = { 0 };
	x->n++;
	assert_int_equal(ruleset_load_text(text, x->file, &(struct ruleset_opts){ .on_fault = say_lacking, .user = x }, &s, &err), 0);
	ruleset_destroy(&s);
}

/* A whole rule, correlation or filter: others are pieces. */
static bool is_whole(struct str s)
{
	bool correlates = memmem(s.ptr, s.len, "\ncorrelation:", 13), typed = memmem(s.ptr, s.len, " type:", 6);
	return str_starts(s, STR("title:")) && (typed || !correlates);
}

static void take_pages(struct examples *x, struct str page)
{
	static const char open[] = "\n```yaml\n", close[] = "\n```";
	const char *p = page.ptr, *end = page.ptr + page.len, *from, *to;
	while ((from = memmem(p, (size_t)(end - p), open, sizeof open - 1)) != NULL) {
		from += sizeof open - 1;
		to = memmem(from, (size_t)(end - from), close, sizeof close - 1);
		assert_non_null(to);
		struct str s = { from, (size_t)(to - from) };
		if (is_whole(s))
			take_example(x, s);
		p = to;
	}
}

struct spec_walk {
	struct examples *x;
	const char *dir;
};

static int take_spec(const char *name, void *user)
{
	struct spec_walk *w = user;
	char path[1024];
	struct stat st;
	struct buf b;
	snprintf(path, sizeof path, "%s/%s", w->dir, name);
	if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
		struct spec_walk below = { w->x, path };
		return fs_list(path, take_spec, &below, NULL);
	}
	buf_init(&b, MIB);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	w->x->file = path;
	if (str_ends(str_from(name), STR(".yml")))
		take_example(w->x, buf_view(&b));
	else if (str_ends(str_from(name), STR(".md")))
		take_pages(w->x, buf_view(&b));
	buf_done(&b);
	return 0;
}

static void test_specification(void **state)
{
	static const char *const parts[] = { "specification", "tests/schema" };
	const char *corpora = getenv("TORIDE_CORPORA");
	struct examples x = { 0 };
	char dir[512];
	(void)state;
	for (size_t i = 0; corpora && i < ARRAY_LEN(parts); i++) {
		snprintf(dir, sizeof dir, "%s/sigma-specification/%s", corpora, parts[i]);
		if (fs_exists(dir))
			assert_int_equal(fs_list(dir, take_spec, &(struct spec_walk){ &x, dir }, NULL), 0);
	}
	if (!x.n)
		skip();
	print_message("# the specification's examples: %u, of which %u name rules that aren't there\n", x.n, x.refused);
	assert_true(x.n >= 15);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_differential), cmocka_unit_test(test_bad_events), cmocka_unit_test(test_many_origins),
		cmocka_unit_test(test_sigmahq), cmocka_unit_test(test_specification) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
