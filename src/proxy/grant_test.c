/* What a person opens himself: whose token, for how long, and where the form leads. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/grant.h"

#include <stdio.h>

static void tokens_are_one_terminals(void **state)
{
	struct prefix a, b;
	char t[GRANT_TOKEN];
	assert_int_equal(prefix_parse(STR("10.1.0.5"), &a), 0);
	assert_int_equal(prefix_parse(STR("10.1.0.6"), &b), 0);
	grant_init();
	const struct grant_for g = { "412015", &a, "coach url.categories[x]", "taro" };
	const struct grant_for other[] = { { "412023", &a, g.rule, "taro" }, { "412015", &b, g.rule, "taro" }, { "412015", &a, "coach url.categories[y]", "taro" },
	                                   { "412015", &a, g.rule, "hanako" }, { "412015", &a, g.rule, NULL } };
	grant_token(&g, 1000, t);
	assert_true(grant_token_ok(&g, str_from(t), 1000));
	assert_true(grant_token_ok(&g, str_from(t), 999 + GRANT_TOKEN_MS));
	assert_false(grant_token_ok(&g, str_from(t), 1000 + GRANT_TOKEN_MS));
	for (size_t i = 0; i < ARRAY_LEN(other); i++)
		assert_false(grant_token_ok(&other[i], str_from(t), 1000));
	t[0]++; /* a later end */
	assert_false(grant_token_ok(&g, str_from(t), 1000));
	assert_false(grant_token_ok(&g, STR(""), 1000));
	assert_false(grant_token_ok(&g, STR("9999."), 1000));
}

static void grants_end(void **state)
{
	struct prefix a;
	assert_int_equal(prefix_parse(STR("10.1.0.5"), &a), 0);
	grant_init();
	const struct grant_for g = { "412015", &a, "coach r", "" }, h = { "412015", &a, "coach s", "" };
	assert_false(grant_holds(&g, 1000));
	grant_open(&g, 1000);
	assert_true(grant_holds(&g, 1000));
	assert_false(grant_holds(&h, 1000));
	assert_true(grant_holds(&g, 999 + GRANT_MS));
	assert_false(grant_holds(&g, 1000 + GRANT_MS));
	grant_open(&g, 1000 + GRANT_MS);
	assert_true(grant_holds(&g, 1000 + GRANT_MS));
}

static void many_grants_push_out_the_oldest(void **state)
{
	struct prefix a;
	unsigned held = 0;
	char rule[32];
	assert_int_equal(prefix_parse(STR("10.1.0.5"), &a), 0);
	grant_init();
	const struct grant_for g = { "412015", &a, rule, NULL };
	for (int i = 0; i < 20000; i++) {
		snprintf(rule, sizeof rule, "coach %d", i);
		grant_open(&g, 1000 + i);
	}
	for (int i = 0; i < 20000; i++) {
		snprintf(rule, sizeof rule, "coach %d", i);
		held += grant_holds(&g, 30000);
	}
	assert_true(held > 19000); /* a third of the table: hardly anything is pushed out */
	snprintf(rule, sizeof rule, "coach %d", 19999);
	assert_true(grant_holds(&g, 30000));
}

static void the_form_leads_back_to_its_site(void **state)
{
	static const struct {
		const char *path;
		int code;
		const char *back;
	} cases[] = {
		{ "/.toride-open?t=1.a&k=coach+r&u=%2Fa%3Fb%3Dc", 0, "/a?b=c" },
		{ "/.toride-open?t=1.a&k=coach+r&u=/", 0, "/" },
		{ "/.toride-open?t=1.a&k=coach+r&u=/&r=%E6%A5%AD%E5%8B%99", 0, "/" },
		{ "/.toride-open", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r&u=//evil.example", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r&u=/%5Cevil.example", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r&u=https://evil.example", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r&u=/%0d%0aSet-Cookie:x", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r&u=/&r=%ff", -E_INVALID, NULL },
		{ "/.toride-open?t=1.a&k=r&u=/&x=1", -E_INVALID, NULL },
		{ "/.toride-opened?t=1.a&k=r&u=/", -E_NOT_FOUND, NULL },
		{ "/", -E_NOT_FOUND, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct grant_request g;
		int r = grant_request_parse(str_from(cases[i].path), &g);
		if (r != cases[i].code || (r == 0 && strcmp(g.back, cases[i].back) != 0))
			fail_msg("%s: %d %s", cases[i].path, r, g.back);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tokens_are_one_terminals),
		cmocka_unit_test(grants_end),
		cmocka_unit_test(many_grants_push_out_the_oldest),
		cmocka_unit_test(the_form_leads_back_to_its_site),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
