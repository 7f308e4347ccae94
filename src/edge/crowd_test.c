/* When a site counts as crowded and when it is over, and whose token is believed. */
#include "base/test.h"

#include "base/mem.h"
#include "edge/crowd.h"

#include <stdio.h>

/* n requests within that second, so many of them late; is the last one told to come again? */
static bool second(struct crowd *c, uint64_t s, unsigned n, unsigned late)
{
	bool r = false;
	for (unsigned i = 0; i < n; i++)
		r = crowd_ask(c, s * 1000 + i * 1000 / n, 1 + i % CROWD_EACH, i < late);
	return r;
}

static void test_when(void **state)
{
	static const struct {
		const char *words;
		unsigned asked, late;
		bool crowded;
	} cases[] = {
		{ "a surge that is answered in time", 5000, 100, false },
		{ "a busy machine, and few ask", 99, 99, false },
		{ "many, and late", 100, 25, true },
		{ "many, a quarter not quite", 100, 24, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct crowd c = { 0 };
		assert_false(second(&c, 1000, cases[i].asked, cases[i].late)); /* it is judged when it is over */
		if (second(&c, 1001, 1, 0) != cases[i].crowded)
			fail_msg("%s", cases[i].words);
	}
}

static void test_how_long(void **state)
{
	struct crowd c = { 0 };
	uint64_t s = 1000;
	(void)state;
	second(&c, s, 1000, 1000);
	/* half of what it takes to begin, and none late since strangers are sent away: it goes on */
	for (int i = 0; i < 60; i++)
		assert_true(second(&c, ++s, CROWD_RATE / 2, 0));
	/* less: over after its ten seconds, and not before */
	for (int i = 0; i < 10; i++)
		assert_true(second(&c, ++s, CROWD_RATE / 2 - 1, 0));
	assert_false(second(&c, s + 2, CROWD_RATE / 2, 0));
	assert_false(second(&c, s + 3, CROWD_RATE / 2, 0)); /* nor does that little begin it again */
	/* nobody at all */
	second(&c, s + 4, 1000, 1000);
	assert_true(second(&c, s + 5, 1, 0));
	assert_false(second(&c, s + 100, 1, 0));
}

/* A few that flood a site are no crowd, however late they make all the others; a few more are. */
static void test_who_counts(void **state)
{
	(void)state;
	for (uint32_t visitors = 24; visitors <= 25; visitors++) {
		struct crowd c = { 0 };
		bool crowded = false;
		for (uint64_t s = 1000; s < 1016; s++)
			for (uint32_t i = 0; i < 100 * visitors; i++) /* each a hundred a second, counted anew every eight */
				crowded |= crowd_ask(&c, s * 1000 + i / visitors, (uint32_t)(s % 8) * 100 + i / visitors + 1, true);
		assert_int_equal(crowded, visitors == 25);
	}
}

static void test_count(void **state)
{
	uint64_t slot = 0;
	(void)state;
	assert_int_equal(crowd_count(&slot, 80000), 1);
	assert_int_equal(crowd_count(&slot, 87999), 2);
	assert_int_equal(crowd_count(&slot, 88000), 1);
	slot = (88000ull / CROWD_WINDOW_MS) << 32 | UINT32_MAX;
	assert_int_equal(crowd_count(&slot, 88000), UINT32_MAX);
}

static void test_token(void **state)
{
	static const unsigned char secret[CROWD_SECRET] = "0123456789abcdef0123456789abcdef", other[CROWD_SECRET] = "x";
	const struct str who = STR("www.town.example\0abcd"), stranger = STR("www.town.example\0abce");
	char token[CROWD_TOKEN], changed[CROWD_TOKEN];
	(void)state;
	crowd_token(secret, who, 1000000, token);
	struct str t = str_from(token);
	assert_int_equal(t.len, CROWD_TOKEN - 1);
	assert_true(crowd_token_valid(secret, who, 1000000, t));
	assert_true(crowd_token_valid(secret, who, 1000000 + CROWD_LIFE_S - 1, t));
	assert_false(crowd_token_valid(secret, who, 1000000 + CROWD_LIFE_S, t));
	assert_false(crowd_token_valid(secret, who, 999999, t)); /* from the future: the clock was set */
	assert_false(crowd_token_valid(secret, stranger, 1000000, t));
	assert_false(crowd_token_valid(other, who, 1000000, t));
	assert_false(crowd_token_valid(secret, who, 1000000, STR("")));
	assert_false(crowd_token_valid(secret, who, 1000000, (struct str){ token, t.len - 1 }));
	for (size_t i = 0; i < t.len; i++) {
		memcpy(changed, token, sizeof changed);
		changed[i] = changed[i] == '0' ? '1' : '0';
		assert_false(crowd_token_valid(secret, who, 1000000, str_from(changed)));
	}
}

/* A visitor's own cookies go on as they were. */
static void test_cookies(void **state)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "", "" },
		{ "toride_seen=0123", "" },
		{ " toride_seen=0123 ; ", "" },
		{ "a=b", "a=b" },
		{ "a=b; c=d", "a=b; c=d" },
		{ "toride_seen=0123; a=b", "a=b" },
		{ "a=b; toride_seen=0123", "a=b" },
		{ "a=b; toride_seen=0123; c=d", "a=b; c=d" },
		{ "a=b;toride_seen=0123;c=d", "a=b;c=d" },
		{ "Toride_Seen=1; toride_seen=2;toride_seen=3", "" },
		{ "toride_seen", "toride_seen" },
		{ "xtoride_seen=1; toride_seenx=2", "xtoride_seen=1; toride_seenx=2" },
		{ "a=toride_seen=1", "a=toride_seen=1" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[64];
		snprintf(text, sizeof text, "%s", cases[i].in);
		size_t n = crowd_cookie_cut(text, strlen(text));
		if (!str_eq((struct str){ text, n }, str_from(cases[i].out)))
			fail_msg("%s: %.*s", cases[i].in, (int)n, text);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_when), cmocka_unit_test(test_how_long), cmocka_unit_test(test_who_counts), cmocka_unit_test(test_count),
		                            cmocka_unit_test(test_token), cmocka_unit_test(test_cookies) };
	return cmocka_run_group_tests_name("edge/crowd", tests, NULL, NULL);
}
