/* Rules that never decide: each edit of two.json with who hides what, in words; and those that nobody hides. */
#include "base/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "model/advice.h"
#include "model/model_test.h"

#include <stdio.h>

/* Put in place of r2's beginning: rules before it, r2 itself, r4 behind. r1 stands before all. */
#define R(id, action, rest) "{\"id\": \"" id "\", \"direction\": \"out\", \"action\": \"" action "\", " rest ", \"comment\": \"x\", \"owner\": \"x\"},\n"
#define TO(a) "\"to\": [" a "]"
#define TCP(p) "\"protocol\": \"tcp\", \"port_low\": " #p

static const struct {
	const char *rules, *path, *reason;
} cases[] = {
	{ "", NULL, NULL },
	{ R("a", "allow", TO("\"203.0.113.0/24\"") ", " TCP(22)) R("b", "allow", TO("\"203.0.113.9\"") ", " TCP(22)), "orgs[412015].fw[2]",
	  "never decides: fw[1] (a) before it says the same of all that it matches" },
	{ R("a", "deny", TO("\"203.0.113.0/24\"") ", " TCP(22)) R("b", "allow", TO("\"203.0.113.9\"") ", " TCP(22)), "orgs[412015].fw[2]",
	  "contradiction: all that it would allow is denied before it, by fw[1] (a)" },
	{ R("a", "allow", TO("\"203.0.113.9\"")) R("b", "deny", TO("\"203.0.113.9\"") ", " TCP(22)), "orgs[412015].fw[2]",
	  "contradiction: all that it would deny is allowed before it, by fw[1] (a)" },
	/* together they hide what neither hides alone */
	{ R("a", "allow", TO("\"203.0.113.8/31\"") ", " TCP(22)) R("b", "deny", TO("\"203.0.113.16\"") ", " TCP(22))
	          R("c", "allow", TO("\"203.0.113.9\", \"203.0.113.16\"") ", " TCP(22)),
	  "orgs[412015].fw[3]", "never decides: all that it matches is decided before it, by fw[1] (a), fw[2] (b)" },
	/* Toride's own */
	{ R("a", "deny", TO("\"10.0.0.0/8\"")), "orgs[412015].fw[1]", "never decides: bogon before it says the same of all that it matches" },
	{ R("a", "allow", TO("\"203.0.113.53\"") ", " TCP(443)), "orgs[412015].fw[1]",
	  "contradiction: all that it would allow is denied before it, by doh" },
	/* an end, a schedule: as long as the other stands, and no longer */
	{ R("a", "deny", TO("\"203.0.113.9\"") ", \"expires\": \"2027-01-01T00:00:00Z\"") R("b", "allow", TO("\"203.0.113.9\"") ", \"expires\": \"2026-12-01T00:00:00Z\""),
	  "orgs[412015].fw[2]", "contradiction: all that it would allow is denied before it, by fw[1] (a)" },
	{ R("a", "deny", TO("\"203.0.113.9\"") ", \"schedule\": \"night\"") R("b", "allow", TO("\"203.0.113.9\"") ", \"schedule\": \"night\""),
	  "orgs[412015].fw[2]", "contradiction: all that it would allow is denied before it, by fw[1] (a)" },
	/* what still decides something */
	{ R("a", "deny", TO("\"203.0.113.9\"") ", \"expires\": \"2026-12-01T00:00:00Z\"") R("b", "allow", TO("\"203.0.113.9\"")), NULL, NULL },
	{ R("a", "deny", TO("\"203.0.113.9\"") ", \"schedule\": \"night\"") R("b", "allow", TO("\"203.0.113.9\"")), NULL, NULL },
	{ R("a", "deny", TO("\"203.0.113.9\"") ", " TCP(22)) R("b", "allow", TO("\"203.0.113.9\"")), NULL, NULL },
	{ R("a", "deny", "\"from\": [\"10.1.2.0/24\"], " TO("\"203.0.113.9\"")) R("b", "allow", TO("\"203.0.113.9\"")), NULL, NULL },
	{ R("a", "allow", TO("\"203.0.113.9\"") ", " TCP(22)) R("b", "deny", TO("\"203.0.113.8/29\"") ", " TCP(22)), NULL, NULL },
	{ R("a", "allow", TO("\"203.0.113.53\"")), NULL, NULL }, /* other ports of a resolver */
};

static void test_advice(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	static const char at[] = "{\"id\": \"r2\"";
	size_t bad = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *place = strstr(text, at);
		struct model *m = NULL;
		struct faults f = { 0 }, advice = { 0 };
		struct err err = { 0 };
		struct buf b;
		assert_non_null(place);
		buf_init(&b, MIB);
		buf_put(&b, text, (size_t)(place - text));
		buf_puts(&b, cases[i].rules);
		buf_puts(&b, place);
		if (model_load_canonical(buf_view(&b), &m, &f, &err) < 0)
			fail_msg("case %zu: %s: %s", i, err.path, err.msg);
		assert_int_equal(model_advice(m, 0, &advice), 0);
		bool good = cases[i].path ? advice.n == 1 && strcmp(advice.list[0].path, cases[i].path) == 0 && strcmp(advice.list[0].msg, cases[i].reason) == 0 &&
		                                    advice.list[0].msg_ja[0]
		                          : advice.n == 0;
		bad += !good;
		for (size_t k = 0; !good && k < advice.n; k++)
			print_error("case %zu: %s: %s\n", i, advice.list[k].path, advice.list[k].msg);
		if (!good && advice.n == 0)
			print_error("case %zu: nothing\n", i);
		model_destroy(&m);
		faults_done(&advice);
		buf_done(&b);
	}
	assert_int_equal(bad, 0);
}

#define LED "transparent (TCP 80, 443 → proxy)"
#define HALF "doesn't deny TCP ports 80 and 443: the body is transparent, so they are led to the web proxy before it; deny the site in url.black"

/* Of a body whose terminals know of no proxy: what is said of fw[1]; NULL: nothing. */
static const struct {
	const char *rules, *reason;
} led[] = {
	{ R("a", "deny", TO("\"203.0.113.9\"") ", " TCP(443)), "never decides: all that it matches is decided before it, by " LED },
	{ R("a", "allow", TO("\"2001:db8:113::9\"") ", " TCP(80)), "never decides: all that it matches is decided before it, by " LED },
	{ R("a", "deny", TO("\"203.0.113.9\"")), HALF },
	{ R("a", "deny", TO("\"203.0.113.9\"") ", \"protocol\": \"tcp\", \"port_low\": 400, \"port_high\": 500"), HALF },
	{ R("a", "allow", TO("\"203.0.113.9\"")), NULL },
	{ R("a", "deny", TO("\"203.0.113.9\"") ", " TCP(8443)), NULL },
	{ R("a", "deny", TO("\"203.0.113.9\"") ", \"protocol\": \"udp\", \"port_low\": 443"), NULL },
};

static void test_led_to_the_proxy(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	const char *place = strstr(text, "{\"id\": \"r2\"");
	(void)state;
	for (size_t i = 0; i < 2 * ARRAY_LEN(led); i++) {
		struct model *m = NULL;
		struct faults f = { 0 }, advice = { 0 };
		struct buf b;
		const char *said = NULL, *want = i % 2 ? led[i / 2].reason : NULL; /* first of a body that isn't transparent */
		buf_init(&b, MIB);
		buf_put(&b, text, (size_t)(place - text));
		buf_puts(&b, led[i / 2].rules);
		buf_puts(&b, place);
		assert_int_equal(model_load_canonical(buf_view(&b), &m, &f, NULL), 0);
		m->orgs[0].transparent = i % 2;
		assert_int_equal(model_advice(m, 0, &advice), 0);
		for (size_t k = 0; k < advice.n; k++)
			if (strcmp(advice.list[k].path, "orgs[412015].fw[1]") == 0)
				said = advice.list[k].msg;
		if ((want != NULL) != (said != NULL) || (want && strcmp(said, want) != 0))
			fail_msg("case %zu: %s", i, said ? said : "nothing");
		faults_done(&advice);
		model_destroy(&m);
		buf_done(&b);
	}
}

static void test_ended(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct model *m = NULL;
	struct faults f = { 0 }, before = { 0 }, after = { 0 };
	(void)state;
	assert_int_equal(model_load_canonical(str_from(text), &m, &f, NULL), 0);
	int64_t end = m->orgs[0].fw[0].expires_ms;
	assert_int_equal(model_advice(m, end - 1, &before), 0);
	assert_int_equal(before.n, 0);
	assert_int_equal(model_advice(m, end, &after), 0);
	assert_int_equal(after.n, 1);
	assert_string_equal(after.list[0].path, "orgs[412015].fw[0]");
	assert_string_equal(after.list[0].msg, "ended on 2027-03-31T23:59");
	faults_done(&after);
	assert_int_equal(model_advice(m, m->orgs[0].decrypt_exceptions[0].expires_ms, &after), 0);
	assert_string_equal(after.list[after.n - 1].path, "orgs[412015].decrypt_exceptions[0]");
	faults_done(&after);
	model_destroy(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_advice), cmocka_unit_test(test_led_to_the_proxy), cmocka_unit_test(test_ended) };
	return cmocka_run_group_tests_name("model/advice", tests, NULL, NULL);
}
