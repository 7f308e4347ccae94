/* What rules mean: each modifier and each form of condition on events, and each fault with its file and line. */
#include "detect/match.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD "title: t\nid: r\nlogsource:\n    category: test\ndetection:\n"
#define SEL(body) HEAD "    selection:\n" body "    condition: selection\n"

static void keep_fault(const struct err *err, void *user)
{
	if (!((struct err *)user)->code)
		*(struct err *)user = *err;
}

static bool fires(const char *rule, const char *event)
{
	struct ruleset *s;
	struct matcher *m;
	struct match_event ev;
	struct err fault = { 0 }, err = { 0 };
	assert_int_equal(ruleset_load_text(str_from(rule), "r.yml", &(struct ruleset_opts){ .on_fault = keep_fault, .user = &fault }, &s, &err), 0);
	if (fault.code)
		fail_msg("%s: %s\n%s", fault.path, fault.msg, rule);
	assert_int_equal(matcher_create(s, &m, &err), 0);
	assert_int_equal(matcher_event(m, str_from(event), &ev, &err), 0);
	bool hit = ev.n_fired == 1;
	assert_true(ev.n_fired <= 1);
	matcher_destroy(&m);
	ruleset_destroy(&s);
	return hit;
}

static const struct {
	const char *rule, *event;
	bool fires;
} meaning[] = {
#define T(rule, event) { rule, "{\"category\":\"test\"," event "}", true }
#define F(rule, event) { rule, "{\"category\":\"test\"," event "}", false }
	/* values */
	T(SEL("        A: x\n"), "\"A\":\"X\""), F(SEL("        A: x\n"), "\"A\":\"xy\""), F(SEL("        A: x\n"), "\"B\":\"x\""),
	T(SEL("        A:\n            - x\n            - y\n"), "\"A\":\"y\""),
	F(SEL("        A:\n            - x\n            - y\n"), "\"A\":\"z\""),
	T(SEL("        A: x\n        B: y\n"), "\"A\":\"x\",\"B\":\"y\""), F(SEL("        A: x\n        B: y\n"), "\"A\":\"x\""),
	T(SEL("        A: 443\n"), "\"A\":443"), T(SEL("        A: 443\n"), "\"A\":\"443\""), F(SEL("        A: 443\n"), "\"A\":44"),
	T(SEL("        A: -5\n"), "\"A\":-5"), T(SEL("        A: true\n"), "\"A\":true"), T(SEL("        A: x\n"), "\"A\":[\"w\",\"x\"]"),
	T(SEL("        A.B.C: x\n"), "\"A\":{\"B\":{\"C\":\"x\"}}"), T(SEL("        A.B: x\n"), "\"A.B\":\"x\""),
	T(SEL("        A: ''\n"), "\"A\":\"\""), F(SEL("        A: ''\n"), "\"A\":\"x\""), F(SEL("        A: ''\n"), "\"B\":1"),
	T(SEL("        A: null\n"), "\"B\":1"), T(SEL("        A: null\n"), "\"A\":null"), F(SEL("        A: null\n"), "\"A\":\"\""),
	T(SEL("        A: 'null'\n"), "\"A\":\"null\""), F(SEL("        A: 'null'\n"), "\"B\":1"),
	T(SEL("        - A: x\n        - B: y\n"), "\"B\":\"y\""), F(SEL("        - A: x\n        - B: y\n"), "\"B\":\"x\""),
	/* string modifiers */
	T(SEL("        A|contains: mid\n"), "\"A\":\"aMIDb\""), F(SEL("        A|contains: mid\n"), "\"A\":\"mi\""),
	T(SEL("        A|contains: ''\n"), "\"A\":\"x\""), F(SEL("        A|contains: ''\n"), "\"B\":\"x\""),
	T(SEL("        A|startswith: ab\n"), "\"A\":\"abc\""), F(SEL("        A|startswith: ab\n"), "\"A\":\"xab\""),
	T(SEL("        A|endswith: '\\x.exe'\n"), "\"A\":\"C:\\\\x.exe\""), F(SEL("        A|endswith: ab\n"), "\"A\":\"abx\""),
	T(SEL("        A|contains: 'a*b'\n"), "\"A\":\"--a--b--\""), F(SEL("        A|contains: 'a*b'\n"), "\"A\":\"b a\""),
	T(SEL("        A|contains|all:\n            - a\n            - b\n"), "\"A\":\"xbxa\""),
	F(SEL("        A|contains|all:\n            - a\n            - b\n"), "\"A\":\"xbx\""),
	T(SEL("        A|cased: Ab\n"), "\"A\":\"Ab\""), F(SEL("        A|cased: Ab\n"), "\"A\":\"ab\""),
	T(SEL("        A|contains|cased: Ab\n"), "\"A\":\"xAbx\""), F(SEL("        A|contains|cased: Ab\n"), "\"A\":\"xabx\""),
	T(SEL("        A|exists: true\n"), "\"A\":null"), F(SEL("        A|exists: true\n"), "\"B\":1"),
	T(SEL("        A|exists: false\n"), "\"B\":1"), F(SEL("        A|exists: no\n"), "\"A\":\"\""),
	T(SEL("        A|neq: x\n"), "\"A\":\"y\""), F(SEL("        A|neq: x\n"), "\"A\":\"X\""),
	F(SEL("        A|neq:\n            - x\n            - y\n"), "\"A\":\"y\""),
	T(SEL("        A|windash|contains: ' -s '\n"), "\"A\":\"a /s b\""),
	/* each of the five for each: hyphen, slash, en dash, em dash, horizontal bar; and every one of a value's on its own */
	T(SEL("        A|windash: '/s'\n"), "\"A\":\"-s\""), T(SEL("        A|windash: '-s'\n"), "\"A\":\"\xe2\x80\x93s\""),
	T(SEL("        A|windash: '-s'\n"), "\"A\":\"\xe2\x80\x94s\""), T(SEL("        A|windash: '-s'\n"), "\"A\":\"\xe2\x80\x95s\""),
	T(SEL("        A|windash: '\xe2\x80\x95s'\n"), "\"A\":\"-s\""), T(SEL("        A|windash: 'x -a -b'\n"), "\"A\":\"x /a \xe2\x80\x93" "b\""),
	F(SEL("        A|windash: '-s'\n"), "\"A\":\"_s\""), F(SEL("        A: '-s'\n"), "\"A\":\"/s\""),
	/* expressions: case matters unless i */
	T(SEL("        A|re: 'a.c'\n"), "\"A\":\"xabcx\""), F(SEL("        A|re: 'a.c'\n"), "\"A\":\"ABC\""),
	T(SEL("        A|re|i: 'a.c'\n"), "\"A\":\"ABC\""), T(SEL("        A|re: '^a\\d{2,3}$'\n"), "\"A\":\"a123\""),
	F(SEL("        A|re: '^b'\n"), "\"A\":\"a\\nb\""), T(SEL("        A|re|m: '^b'\n"), "\"A\":\"a\\nb\""),
	F(SEL("        A|re|m: '^b'\n"), "\"A\":\"a\\ncb\""), F(SEL("        A|re: 'a.b'\n"), "\"A\":\"a\\nb\""), T(SEL("        A|re|s: 'a.b'\n"), "\"A\":\"a\\nb\""), F(SEL("        A|re|s: '^b'\n"), "\"A\":\"a\\nb\""),
	F(SEL("        A|re|i: 'a.c'\n"), "\"A\":\"A\\nC\""),
	T(SEL("        A|re|i|s: 'A.B'\n"), "\"A\":\"a\\nb\""),
	/* an expression made to run away is silent, not slow */
	F(SEL("        A|re: '(a+)+$'\n"), "\"A\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab\""),
	/* networks and numbers */
	T(SEL("        A|cidr: 10.0.0.0/8\n"), "\"A\":\"10.9.8.7\""), F(SEL("        A|cidr: 10.0.0.0/8\n"), "\"A\":\"11.0.0.1\""),
	F(SEL("        A|cidr: 10.0.0.0/8\n"), "\"A\":\"10.x\""), T(SEL("        A|cidr: 2001:db8::/32\n"), "\"A\":\"2001:db8:1::5\""),
	F(SEL("        A|cidr: 2001:db8::/32\n"), "\"A\":\"10.0.0.1\""),
	T(SEL("        A|lt: 10\n"), "\"A\":9"), F(SEL("        A|lt: 10\n"), "\"A\":10"), T(SEL("        A|lte: 10\n"), "\"A\":10"),
	T(SEL("        A|gt: 10\n"), "\"A\":\"11\""), F(SEL("        A|gt: 10\n"), "\"A\":10"), T(SEL("        A|gte: 10\n"), "\"A\":10.0"),
	F(SEL("        A|lte: 10\n"), "\"A\":11"), F(SEL("        A|gte: 10\n"), "\"A\":9.9"), T(SEL("        A|neq: 10\n"), "\"A\":11"), F(SEL("        A|neq: 10\n"), "\"A\":10"),
	F(SEL("        A|gt: 10\n"), "\"A\":\"many\""), F(SEL("        A|lt: 10\n"), "\"B\":1"),
	/* dates: the figures as written; a number is ms or s since 1970 on Japan's clock */
	T(SEL("        A|hour: 21\n"), "\"A\":\"2026-11-28T21:40:05Z\""), F(SEL("        A|hour: 21\n"), "\"A\":\"2026-11-28T20:59:59+09:00\""),
	T(SEL("        A|minute: 40\n"), "\"A\":\"2026/11/28 21:40\""), T(SEL("        A|day: 28\n"), "\"A\":\"2026-11-28\""),
	F(SEL("        A|hour: 0\n"), "\"A\":\"2026-11-28\""), T(SEL("        A|month|gte: 11\n"), "\"A\":\"2026-11-28\""),
	F(SEL("        A|month|gt: 11\n"), "\"A\":\"2026-11-28\""), T(SEL("        A|lt|year: 2027\n"), "\"A\":\"2026-11-28 00:00\""),
	T(SEL("        A|week: 48\n"), "\"A\":\"2026-11-28\""), T(SEL("        A|week: 53\n"), "\"A\":\"2027-01-03\""),
	T(SEL("        A|week: 1\n"), "\"A\":\"2027-01-04\""), T(SEL("        A|week: 1\n"), "\"A\":\"2024-12-30\""),
	F(SEL("        A|minute: 41\n"), "\"A\":\"2026/11/28 21:40\""), F(SEL("        A|day: 27\n"), "\"A\":\"2026-11-28\""), F(SEL("        A|week: 47\n"), "\"A\":\"2026-11-28\""),
	T(SEL("        A|month: 11\n"), "\"A\":\"2026-11-28\""), T(SEL("        A|year: 2026\n"), "\"A\":\"2026-11-28\""), F(SEL("        A|year: 2025\n"), "\"A\":\"2026-11-28\""),
	T(SEL("        A|hour: 9\n"), "\"A\":0"), T(SEL("        A|hour: 2\n        B|day: 1\n"), "\"A\":1795885205000,\"B\":1796050800000"),
	T(SEL("        A|hour: 2\n"), "\"A\":1795885205"), T(SEL("        A|hour|neq: 3\n"), "\"A\":1795885205"),
	T(SEL("        A|hour:\n            - 1\n            - 2\n"), "\"A\":1795885205"),
	F(SEL("        A|hour: 2\n"), "\"A\":\"yesterday\""), F(SEL("        A|hour: 2\n"), "\"A\":\"2026-13-01T02:00\""),
	F(SEL("        A|hour: 2\n"), "\"A\":\"2026-11-01T02:\""), F(SEL("        A|hour: 2\n"), "\"B\":1"),
	/* encodings, with the specification's and pySigma's examples */
	T(SEL("        A|base64: foobar\n"), "\"A\":\"Zm9vYmFy\""), F(SEL("        A|base64: foobar\n"), "\"A\":\"foobar\""),
	T(SEL("        A|base64offset|contains: foobar\n"), "\"A\":\"xxZm9vYmFyyy\""),
	T(SEL("        A|base64offset|contains: foobar\n"), "\"A\":\"xxZvb2Jhcyy\""),
	T(SEL("        A|base64offset|contains: foobar\n"), "\"A\":\"xxmb29iYXyy\""),
	F(SEL("        A|base64offset|contains: foobar\n"), "\"A\":\"Zm9\""),
	T(SEL("        A|wide|base64offset|contains: ping\n"), "\"A\":\"cABpAG4AZw\""),
	T(SEL("        A|utf16le: cmd\n"), "\"A\":\"c\\u0000m\\u0000d\\u0000\""),
	F(SEL("        A|utf16le: cmd\n"), "\"A\":\"\\u0000c\\u0000m\\u0000d\""), F(SEL("        A|utf16be: cmd\n"), "\"A\":\"c\\u0000m\\u0000d\\u0000\""),
	T(SEL("        A|utf16be: cmd\n"), "\"A\":\"\\u0000c\\u0000m\\u0000d\""),
	T(SEL("        A|wide: cmd\n"), "\"A\":\"c\\u0000m\\u0000d\\u0000\""), F(SEL("        A|wide: cmd\n"), "\"A\":\"\\u0000c\\u0000m\\u0000d\""),
	/* a byte order mark before it: FF FE 63 00 6d 00 64 00, which text in UTF-8 holds only when it is encoded further */
	T(SEL("        A|utf16|base64: cmd\n"), "\"A\":\"//5jAG0AZAA=\""), F(SEL("        A|utf16|base64: cmd\n"), "\"A\":\"YwBtAGQA\""),
	T(SEL("        A|utf16le|base64: cmd\n"), "\"A\":\"YwBtAGQA\""), T(SEL("        A|utf16be|base64: cmd\n"), "\"A\":\"AGMAbQBk\""),
	/* other fields */
	T(SEL("        A|fieldref: B\n"), "\"A\":\"x\",\"B\":\"X\""), F(SEL("        A|fieldref: B\n"), "\"A\":\"x\",\"B\":\"y\""),
	F(SEL("        A|fieldref: B\n"), "\"A\":\"x\""), T(SEL("        A|fieldref|endswith: B\n"), "\"A\":\"wx\",\"B\":\"x\""),
	T(SEL("        A|fieldref|neq: B\n"), "\"A\":\"x\",\"B\":\"y\""),
	T(SEL("        A|fieldref|contains: B\n"), "\"A\":\"wxy\",\"B\":\"x\""), T(SEL("        A|fieldref|startswith: B\n"), "\"A\":\"xy\",\"B\":\"x\""),
	F(SEL("        A|fieldref|startswith: B\n"), "\"A\":\"wx\",\"B\":\"x\""),
	/* keywords */
	T(SEL("        - evil\n        - other\n"), "\"A\":{\"B\":[\"an EVIL word\"]}"), F(SEL("        - evil\n"), "\"A\":\"good\""),
	T(SEL("        '|all':\n            - one\n            - two\n"), "\"A\":\"one\",\"B\":\"two\""),
	F(SEL("        '|all':\n            - one\n            - two\n"), "\"A\":\"one\""),
	/* conditions */
#define ABC(cond) HEAD "    sel_a:\n        A: 1\n    sel_b:\n        B: 1\n    other:\n        C: 1\n    _hidden:\n        D: 1\n    condition: " cond "\n"
	T(ABC("sel_a or sel_b and other"), "\"A\":1"), F(ABC("(sel_a or sel_b) and other"), "\"A\":1"),
	T(ABC("not sel_a and sel_b"), "\"B\":1"), F(ABC("not (sel_a or sel_b)"), "\"B\":1"), T(ABC("not not sel_a"), "\"A\":1"),
	T(ABC("1 of sel_*"), "\"B\":1"), F(ABC("1 of sel_*"), "\"C\":1"), F(ABC("all of sel_*"), "\"A\":1"),
	T(ABC("all of sel_*"), "\"A\":1,\"B\":1"), T(ABC("1 of *l_b"), "\"B\":1"), T(ABC("any of sel_*"), "\"A\":1"),
	T(ABC("1 of them"), "\"C\":1"), F(ABC("1 of them"), "\"D\":1"), T(ABC("all of them"), "\"A\":1,\"B\":1,\"C\":1"),
	T(ABC("_hidden"), "\"D\":1"), T(ABC("sel_a AND NOT 1 OF other*"), "\"A\":1"), F(ABC("sel_a and not 1 of other*"), "\"A\":1,\"C\":1"),
	T(ABC("\n        - sel_a\n        - other"), "\"C\":1"), T(ABC("all of sel_* or not sel_b"), "\"A\":1"),
};

static void test_meaning(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(meaning); i++)
		if (fires(meaning[i].rule, meaning[i].event) != meaning[i].fires)
			fail_msg("row %zu: %s\non %s should %s", i, meaning[i].rule, meaning[i].event, meaning[i].fires ? "fire" : "be silent");
}

/* The modifiers appendix 2.1.0: each has a row that fires and one that doesn't. `expand` needs a giver of values (test_placeholders). */
static void test_every_modifier(void **state)
{
	static const char *const all[] = { "all", "startswith", "endswith", "contains", "exists", "cased", "neq", "windash", "re", "i", "m", "s", "base64", "base64offset",
		"utf16le", "utf16be", "utf16", "wide", "lt", "lte", "gt", "gte", "minute", "hour", "day", "week", "month", "year", "cidr", "fieldref" };
	(void)state;
	for (size_t k = 0; k < ARRAY_LEN(all); k++) {
		char before[20], last[20];
		unsigned rows[2] = { 0 };
		snprintf(before, sizeof before, "|%s|", all[k]);
		snprintf(last, sizeof last, "|%s:", all[k]);
		for (size_t i = 0; i < ARRAY_LEN(meaning); i++)
			rows[meaning[i].fires] += strstr(meaning[i].rule, before) || strstr(meaning[i].rule, last);
		if (!rows[0] || !rows[1])
			fail_msg("%s: %u rows that fire, %u that don't", all[k], rows[1], rows[0]);
	}
}

/* `#` in place of the head's five lines: faults are from line 6. */
static const struct {
	const char *text, *place, *words; /* words: a piece of the message */
} bad[] = {
	{ "a: [1\n", "r.yml:2", "" }, { "- a\n- b\n", "r.yml:1", "must be a map" }, { "a: 1\na: 2\n", "r.yml:2", "twice" },
	{ "a: &x 1\n", "r.yml:1", "anchors" }, { "a: !!int 1\n", "r.yml:1", "tags" }, { "title: t\na: *x\n", "r.yml:2", "" },
	{ "? [a]\n: b\n", "r.yml:1", "key" }, { "id: x\n", "r.yml:1", "title is missing" },
	{ "title: t\n", "r.yml:1", "logsource" }, { "title: t\nlogsource: x\n", "r.yml:2", "logsource" },
	{ "title: t\nlogsource:\n    category: a\n", "r.yml:1", "detection" }, { "title: [t]\n", "r.yml:1", "title" },
	{ "title: t\nlogsource:\n    definition: a\n", "r.yml:3", "no category" },
	{ "title: t\nlogsource:\n    product: toride\n    service: nothing\n", "r.yml:3", "no such log source" },
	{ "title: t\nlevel: huge\n", "r.yml:2", "level" }, { "title: t\ntags: x\n", "r.yml:2", "tags" },
	{ "title: t\nx-toride:\n    title_jp: x\n", "r.yml:3", "title_jp" }, { "title: t\naction: global\n", "r.yml:2", "action" },
#define FILT(body) "title: f\nlogsource:\n    category: test\nfilter:\n" body
	{ "title: f\nfilter: x\n", "r.yml:2", "must be a map" }, { "title: f\nfilter:\n    rules: any\n", "r.yml:1", "logsource" },
	{ FILT("    condition: s\n"), "r.yml:5", "rules must be" }, { FILT("    rules: []\n"), "r.yml:5", "rules must be" },
	{ FILT("    rules:\n        - nobody\n    s:\n        A: 1\n    condition: s\n"), "r.yml:6", "no rule 'nobody'" },
	{ HEAD "    s:\n        A: 1\n", "r.yml:6", "condition is missing" },
	{ HEAD "    timeframe: 5m\n    s:\n        A: 1\n    condition: s\n", "r.yml:6", "timeframe" },
	{ HEAD "    s: {}\n    condition: s\n", "r.yml:6", "empty" }, { HEAD "    s: []\n    condition: s\n", "r.yml:6", "empty" },
	{ HEAD "    s:\n        A: []\n    condition: s\n", "r.yml:7", "empty list" },
	{ HEAD "    s:\n        A:\n            B: 1\n    condition: s\n", "r.yml:8", "must be text" },
	{ HEAD "    s:\n        A|nonsense: 1\n    condition: s\n", "r.yml:7", "modifier 'nonsense'" },
	{ HEAD "    s:\n        A|hour: noon\n    condition: s\n", "r.yml:7", "not a number" },
	{ HEAD "    s:\n        A|hour|minute: 1\n    condition: s\n", "r.yml:7", "modifier 'minute'" },
	{ HEAD "    s:\n        A|hour|contains: 1\n    condition: s\n", "r.yml:7", "together" },
	{ HEAD "    s:\n        A|hour|re: 1\n    condition: s\n", "r.yml:7", "together" },
	{ HEAD "    s:\n        A|contains|base64: x\n    condition: s\n", "r.yml:7", "before contains" },
	{ HEAD "    s:\n        A|re|contains: x\n    condition: s\n", "r.yml:7", "together" },
	{ HEAD "    s:\n        A|cidr|re: x\n    condition: s\n", "r.yml:7", "together" },
	{ HEAD "    s:\n        A|i: x\n    condition: s\n", "r.yml:7", "modifier 'i'" },
	{ HEAD "    s:\n        A|re: '('\n    condition: s\n", "r.yml:7", "regular expression" },
	{ HEAD "    s:\n        A|cidr: 10.0.0.1/8\n    condition: s\n", "r.yml:7", "not a network" },
	{ HEAD "    s:\n        A|gt: ten\n    condition: s\n", "r.yml:7", "not a number" },
	{ HEAD "    s:\n        A|exists: maybe\n    condition: s\n", "r.yml:7", "true or false" },
	{ HEAD "    s:\n        A|contains|all: x\n    condition: s\n", "r.yml:7", "'all'" },
	{ HEAD "    s:\n        A:\n            - x\n            - null\n    condition: s\n", "r.yml:9", "null" },
	{ HEAD "    s:\n        A|contains: null\n    condition: s\n", "r.yml:7", "null" },
	{ HEAD "    s:\n        A|base64: 'a*'\n    condition: s\n", "r.yml:7", "wildcard" },
	{ HEAD "    s:\n        A|expand: '%x%'\n    condition: s\n", "r.yml:7", "placeholder '%x%'" },
	{ HEAD "    s:\n        '|contains': x\n    condition: s\n", "r.yml:7", "needs a field" },
	{ HEAD "    s:\n        A: 1\n    condition: t\n", "r.yml:8", "no search identifier 't'" },
	{ HEAD "    s:\n        A: 1\n    condition: s and\n", "r.yml:8", "ends where" },
	{ HEAD "    s:\n        A: 1\n    condition: (s\n", "r.yml:8", "')' is missing" },
	{ HEAD "    s:\n        A: 1\n    condition: s)\n", "r.yml:8", "left over" },
	{ HEAD "    s:\n        A: 1\n    condition: s s\n", "r.yml:8", "left over" },
	{ HEAD "    s:\n        A: 1\n    condition: or s\n", "r.yml:8", "'or'" },
	{ HEAD "    s:\n        A: 1\n    condition: 2 of s*\n", "r.yml:8", "'2 of'" },
	{ HEAD "    s:\n        A: 1\n    condition: 1 of x*\n", "r.yml:8", "matches no" },
	{ HEAD "    s:\n        A: 1\n    condition: 1 of\n", "r.yml:8", "missing behind 'of'" },
	{ HEAD "    s:\n        A: 1\n    condition: s | count() > 5\n", "r.yml:8", "aggregations" },
	{ "title: t\nlogsource:\n    category: proxy\ndetection:\n    s:\n        c-urii: 1\n    condition: s\n", "r.yml:6", "'c-urii'" },
	{ "title: t\nlogsource:\n    category: proxy\ndetection:\n    s:\n        c-uri-query: 1\n    condition: s\n", "r.yml:6", "query string" },
#define CORR "title: t\nid: c\ncorrelation:\n"
	{ CORR "    type: value_mean\n    rules: [a]\n", "r.yml:4", "value_mean" }, { CORR "    rules: [a]\n", "r.yml:4", "type is missing" },
	{ CORR "    type: event_count\n", "r.yml:4", "rules" }, { CORR "    typo: event_count\n", "r.yml:4", "no 'typo'" },
	{ CORR "    type: event_count\n    rules: [a]\n    timespan: 5x\n", "r.yml:6", "timespan" },
	{ CORR "    type: event_count\n    rules: [a]\n    timespan: 60d\n", "r.yml:6", "30 days" },
	{ CORR "    type: event_count\n    rules: [a]\n    timespan: 5m\n", "r.yml:4", "condition is missing" },
	{ CORR "    type: event_count\n    rules: [a]\n    timespan: 5m\n    condition:\n        gte: 99999999\n", "r.yml:8", "at most" },
	{ CORR "    type: value_count\n    rules: [a]\n    timespan: 5m\n    condition:\n        gte: 5\n", "r.yml:8", "field" },
#define AMOUNT(type, body) CORR "    type: " type "\n    rules: [a]\n    timespan: 5m\n    condition:\n" body
	{ AMOUNT("value_sum", "        gte: 5\n"), "r.yml:8", "field" }, { AMOUNT("value_sum", "        field: [x, y]\n        gte: 5\n"), "r.yml:8", "several" },
	{ AMOUNT("value_avg", "        field: x\n        gte: many\n"), "r.yml:9", "numbers" }, { AMOUNT("value_avg", "        field: x\n"), "r.yml:8", "no count" },
	{ AMOUNT("value_percentile", "        field: x\n        percentile: 101\n        gte: 5\n"), "r.yml:9", "0 to 100" },
	{ AMOUNT("value_sum", "        field: x\n        percentile: 5\n        gte: 5\n"), "r.yml:9", "no 'percentile'" },
	{ AMOUNT("value_count", "        field: [a, b, c, d, e]\n        gte: 5\n"), "r.yml:8", "at most" },
	{ AMOUNT("value_count", "        field: x\n        gte: 1.5\n"), "r.yml:9", "counts" },
	{ "x-toride:\n    step: maybe\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:2", "true or false" },
	{ "x-toride:\n    jitter: 2\n" AMOUNT("event_count", "        gte: 2\n"), "r.yml:2", "above 0" },
	{ "x-toride:\n    jitter: 0.1\n" AMOUNT("value_sum", "        field: x\n        gte: 2\n"), "r.yml:1", "event_count" },
	{ "x-toride:\n    first_seen: x\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:2", "must be a map" },
	{ "x-toride:\n    first_seen:\n        learn: 7d\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:3", "fields are missing" },
	{ "x-toride:\n    first_seen:\n        fields: [a, b, c, d, e]\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:3", "at most 4" },
	{ "x-toride:\n    first_seen:\n        fields: [a]\n        learn: 90d\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:4", "at most 60 days" },
	{ "x-toride:\n    first_seen:\n        fields: [a]\n        for: 1d\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:4", "has no 'for'" },
	{ "x-toride:\n    first_seen:\n        fields: [a]\n" AMOUNT("event_count", "        gte: 2\n"), "r.yml:3", "with a detection" },
	{ "x-toride:\n    jitter: 0.1\n" HEAD "    s:\n        A: 1\n    condition: s\n", "r.yml:1", "event_count" },
	{ AMOUNT("temporal", "        gte: 2\n"), "r.yml:8", "at most as many" }, { AMOUNT("temporal", "        lt: 1\n"), "r.yml:8", "gt or gte" },
	{ CORR "    type: temporal\n    rules: [a]\n    timespan: 5m\n    condition: a and b\n", "r.yml:7", "rule names" },
	{ CORR "    type: event_count\n    rules:\n        - a\n    timespan: 5m\n    condition:\n        gte: 5\n", "r.yml:6", "no rule 'a'" },
	{ CORR "    type: temporal\n    rules:\n        - c\n    timespan: 5m\n", "r.yml:1", "ring" },
};

static void test_faults(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct ruleset *s;
		struct err fault = { 0 }, err = { 0 };
		struct ruleset_opts o = { .on_fault = keep_fault, .user = &fault };
		assert_int_equal(ruleset_load_text(str_from(bad[i].text), "r.yml", &o, &s, &err), 0);
		if (s->n_faults == 0 || s->n_rules != 0)
			fail_msg("row %zu was taken:\n%s", i, bad[i].text);
		if (strcmp(fault.path, bad[i].place) != 0 || !strstr(fault.msg, bad[i].words))
			fail_msg("row %zu: got '%s: %s', wanted '%s: … %s …' for\n%s", i, fault.path, fault.msg, bad[i].place, bad[i].words,
			         bad[i].text);
		ruleset_destroy(&s);
	}
}

static bool give_hosts(struct str name, void (*add)(struct str value, void *to), void *to, void *user)
{
	(void)user;
	if (!str_eq(name, STR("hosts")))
		return false;
	add(STR("srv1"), to);
	add(STR("srv*"), to);
	return true;
}

static void test_placeholders(void **state)
{
	(void)state;
	struct ruleset *s;
	struct matcher *m;
	struct match_event ev;
	struct err err = { 0 };
	struct ruleset_opts o = { .rule = { give_hosts, NULL } };
	const char *rule = SEL("        A|expand: 'x-%hosts%-y'\n        B|expand: '%hosts%/%hosts%'\n        C|expand: '\\%hosts%hosts%'\n");
	assert_int_equal(ruleset_load_text(str_from(rule), "r.yml", &o, &s, &err), 0);
	assert_int_equal(s->n_faults, 0);
	assert_int_equal(matcher_create(s, &m, &err), 0);
	assert_int_equal(matcher_event(m, STR("{\"category\":\"test\",\"A\":\"x-srv77-y\",\"B\":\"srv2/srv1\",\"C\":\"%hostssrv1\"}"), &ev, &err), 0);
	assert_int_equal(ev.n_fired, 1);
	assert_int_equal(matcher_event(m, STR("{\"category\":\"test\",\"A\":\"x-%hosts%-y\",\"B\":\"srv2/srv1\",\"C\":\"%hostssrv1\"}"), &ev, &err), 0);
	assert_int_equal(ev.n_fired, 0);
	matcher_destroy(&m);
	ruleset_destroy(&s);
}

#define FILTER(rules, rest) "---\ntitle: f\nlogsource:\n    category: test\nfilter:\n    rules: " rules "\n" rest
#define BY_USER "    selection:\n        U|startswith: adm_\n    condition: not selection\n"
#define ONE SEL("        A: 1\n")
static const struct {
	const char *filter, *event;
	bool fires;
} filters[] = {
	{ "", "\"A\":1,\"U\":\"adm_x\"", true },
	{ FILTER("[r]", BY_USER), "\"A\":1,\"U\":\"adm_x\"", false }, { FILTER("[r]", BY_USER), "\"A\":1,\"U\":\"x\"", true },
	{ FILTER("r", BY_USER), "\"A\":1,\"U\":\"adm_x\"", false }, { FILTER("any", BY_USER), "\"A\":1,\"U\":\"adm_x\"", false },
	{ FILTER("all", BY_USER), "\"A\":1,\"U\":\"x\"", true }, { FILTER("[r]", BY_USER), "\"U\":\"x\"", false },
	/* two filters both narrow; the name of a rule's own identifier means nothing to a filter */
	{ FILTER("[r]", BY_USER) FILTER("any", "    selection:\n        A: 1\n        V: 1\n    condition: not selection\n"), "\"A\":1,\"V\":1", false },
	{ FILTER("[r]", BY_USER) FILTER("any", "    selection:\n        V: 1\n    condition: not selection\n"), "\"A\":1,\"V\":2", true },
	/* another log source: any leaves it alone */
	{ "---\ntitle: f\nlogsource:\n    category: other\nfilter:\n    rules: any\n" BY_USER, "\"A\":1,\"U\":\"adm_x\"", true },
};

static void test_filters(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		char rule[1500], event[200];
		snprintf(rule, sizeof rule, "%s%s", ONE, filters[i].filter);
		snprintf(event, sizeof event, "{\"category\":\"test\",%s}", filters[i].event);
		if (fires(rule, event) != filters[i].fires)
			fail_msg("row %zu should %s: %s on %s", i, filters[i].fires ? "fire" : "be silent", filters[i].filter, event);
	}
}

/* A filter that is wrong leaves the rule as it was, and says where. */
static void test_bad_filters(void **state)
{
	(void)state;
	static const struct {
		const char *filter, *place, *words;
	} rows[] = {
		{ FILTER("[r]", "    s:\n        U|re: ok\n        V|re: '('\n    condition: not s\n"), "r.yml:17", "regular expression" },
		{ FILTER("[r]", "    s:\n        U: 1\n    condition: not t\n"), "r.yml:17", "no search identifier 't'" },
		{ FILTER("[r]", "    s:\n        U: 1\n"), "r.yml:14", "condition is missing" },
		{ "---\ntitle: f\nlogsource:\n    category: proxy\nfilter:\n    rules: [r]\n" BY_USER, "r.yml:14", "another log source" },
		{ FILTER("[[r]]", BY_USER), "r.yml:14", "ids or names" },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		char rule[1500];
		struct ruleset *s;
		struct matcher *m;
		struct match_event ev;
		struct err fault = { 0 }, err = { 0 };
		struct ruleset_opts o = { .on_fault = keep_fault, .user = &fault };
		snprintf(rule, sizeof rule, "%s%s", ONE, rows[i].filter);
		assert_int_equal(ruleset_load_text(str_from(rule), "r.yml", &o, &s, &err), 0);
		if (s->n_faults != 1 || strcmp(fault.path, rows[i].place) != 0 || !strstr(fault.msg, rows[i].words))
			fail_msg("row %zu: got '%s: %s', wanted '%s: … %s …'", i, fault.path, fault.msg, rows[i].place, rows[i].words);
		assert_int_equal(matcher_create(s, &m, &err), 0);
		assert_int_equal(matcher_event(m, STR("{\"category\":\"test\",\"A\":1,\"U\":\"adm_\"}"), &ev, &err), 0);
		assert_int_equal(ev.n_fired, 1);
		matcher_destroy(&m);
		ruleset_destroy(&s);
	}
}

static void write_file(const char *dir, const char *name, const char *text)
{
	char path[256];
	struct err err = { 0 };
	snprintf(path, sizeof path, "%s/%s", dir, name);
	assert_int_equal(fs_write(path, str_from(text), 0600, &err), 0);
}

/* placeholders.json of a directory, and what is wrong with one. */
static void test_placeholder_file(void **state)
{
	(void)state;
	static const struct {
		const char *json, *words; /* words NULL: the rule is taken */
	} rows[] = { { "{\"Admins\":[\"adm_*\",\"root\",],} // ours", NULL }, { "{\"Admins\":[]}", "needs a list" },
		{ "{\"Admins\":\"root\"}", "needs a list" }, { "{\"Admins\":[1]}", "value 1" }, { "[]", "object" }, { "{", "not JSON" },
		{ "{\"admins\":[\"root\"]}", "'%Admins%' has no value" } };
	char dir[] = "/tmp/rulesXXXXXX", path[64];
	assert_non_null(mkdtemp(dir));
	write_file(dir, "a.yml", SEL("        A|expand: '%Admins%'\n"));
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct ruleset *s;
		const char *list = dir;
		struct err fault = { 0 }, err = { 0 };
		write_file(dir, "placeholders.json", rows[i].json);
		assert_int_equal(ruleset_load(&list, 1, &(struct ruleset_opts){ .on_fault = keep_fault, .user = &fault }, &s, &err), 0);
		assert_int_equal(s->n_rules, rows[i].words == NULL);
		if (rows[i].words && !strstr(fault.msg, rows[i].words))
			fail_msg("row %zu: got '%s', wanted '… %s …'", i, fault.msg, rows[i].words);
		ruleset_destroy(&s);
	}
	snprintf(path, sizeof path, "%s/a.yml", dir);
	unlink(path);
	snprintf(path, sizeof path, "%s/placeholders.json", dir);
	unlink(path);
	rmdir(dir);
}

/* Log sources: an event fires rules of its own source only. */
static void test_sources(void **state)
{
	(void)state;
#define P "title: t\nlogsource:\n    category: proxy\ndetection:\n    s:\n        c-uri-extension: exe\n        cs-host|endswith: .example\n    condition: s\n"
#define EV(class, product) "{\"class_uid\":" class ",\"product\":\"" product "\",\"http_request\":{\"url\":{\"hostname\":\"a.example\",\"path\":\"/d.x/setup.EXE\"}}}"
	assert_true(fires(P, EV("4002", "proxyd")));
	assert_false(fires(P, EV("4002", "other")));
	assert_false(fires(P, EV("4001", "proxyd")));
	assert_true(fires(P, "{\"class_uid\":4002,\"product\":\"proxyd\",\"http_request\":{\"url\":{\"path\":\"/setup.exe\"}},\"dst_endpoint\":{\"hostname\":\"b.example\"}}"));
	assert_false(fires(SEL("        A: 1\n"), "{\"category\":\"other\",\"A\":1}"));
	assert_false(fires(SEL("        A: 1\n"), "{\"A\":1}"));
}

/* Every allocation of a load fails once: an error, no leak, no crash. */
static void test_no_memory(void **state)
{
	(void)state;
	struct ruleset *s;
	struct err err;
	const char *rule = SEL("        A|contains: abc\n        B|re: 'x+'\n        C: d\n");
	mem_fail_at(0);
	assert_int_equal(ruleset_load_text(str_from(rule), "r.yml", NULL, &s, &err), 0);
	long n = mem_count();
	ruleset_destroy(&s);
	int failed = 0;
	for (long i = 1; i <= n; i++) {
		mem_fail_at(i);
		s = NULL;
		if (ruleset_load_text(str_from(rule), "r.yml", NULL, &s, &err) < 0)
			failed++;
		mem_fail_at(0);
		ruleset_destroy(&s);
	}
	assert_true(n > 5 && failed == n);
}

static void test_tags(void **state)
{
	static const char text[] = "tags:\n    - attack.t1190\n    - cve.2021-41773\n    - cve.2021.44228\n    - cve.2021-12\n    - cve.\n    - cve.2021-4177312345\n"
				   "    - attack.initial-access\n    - detection.emerging-threats\n" HEAD "    s:\n        A: 1\n    condition: s\n";
	struct ruleset *s = NULL;
	struct err err = { 0 };
	(void)state;
	assert_int_equal(ruleset_load_text(STR(text), "r.yml", NULL, &s, &err), 0);
	const struct rule *r = s->rules[0];
	assert_int_equal(r->n_attacks, 1);
	assert_string_equal(r->attacks[0], "T1190");
	assert_int_equal(r->n_cves, 2);
	assert_string_equal(r->cves[0], "CVE-2021-41773");
	assert_string_equal(r->cves[1], "CVE-2021-44228");
	ruleset_destroy(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_meaning), cmocka_unit_test(test_every_modifier), cmocka_unit_test(test_faults),
		cmocka_unit_test(test_placeholders), cmocka_unit_test(test_placeholder_file), cmocka_unit_test(test_filters),
		cmocka_unit_test(test_bad_filters), cmocka_unit_test(test_tags), cmocka_unit_test(test_sources), cmocka_unit_test(test_no_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
