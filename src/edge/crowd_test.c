/* When a site counts as crowded and when it is over, and whose token is believed. */
#include "base/test.h"

#include "base/mem.h"
#include "edge/crowd.h"

#include <stdio.h>

/* n visitors within that second, so many of them late; is the last one told to come again? */
static bool second(struct crowd *c, uint64_t s, unsigned n, unsigned late)
{
	bool r = false;
	for (unsigned i = 0; i < n; i++)
		r = crowd_ask(c, s * 1000 + i * 1000 / n, 1, i * late / n != (i + 1) * late / n);
	return r;
}

static void test_when(void **state)
{
	static const struct {
		const char *words;
		unsigned asked, late, seconds;
		bool crowded;
	} cases[] = {
		{ "a surge that is answered in time", 5000, 100, 20, false },
		{ "a few", 24, 24, 1, false },
		{ "many at once, and late", 25, 25, 1, true },
		{ "many, a quarter late", 100, 25, 1, true },
		{ "many, a quarter not quite", 104, 25, 1, false },
		{ "a server that answers seven a second, all late", 7, 7, 5, true },
		{ "two a second are few, however late", 2, 2, 600, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct crowd c = { 0 };
		bool crowded = false;
		for (unsigned s = 0; s < cases[i].seconds; s++)
			crowded = second(&c, 1000 + s, cases[i].asked, cases[i].late);
		if (crowded != cases[i].crowded)
			fail_msg("%s", cases[i].words);
	}
}

static void begin(struct crowd *c, uint64_t s)
{
	*c = (struct crowd){ 0 };
	assert_true(second(c, s, 100, 100));
}

static void test_how_long(void **state)
{
	struct crowd c;
	uint64_t s = 1000;
	(void)state;
	/* nobody at all */
	begin(&c, s);
	assert_true(second(&c, s + 9, 1, 0));
	assert_false(second(&c, s + 100, 1, 0));
	/* strangers go on to ask, each for the first time, and none late since they are sent away: it goes on */
	begin(&c, s);
	for (int i = 0; i < 60; i++) {
		for (int k = 0; k < 40; k++)
			assert_int_equal(crowd_hold(&c, 1), 0);
		assert_true(second(&c, ++s, 40, 0));
	}
	/* a few that ask without end: too */
	begin(&c, s);
	for (int i = 0; i < 60; i++) {
		for (int k = 0; k < 3; k++)
			crowd_hold(&c, CROWD_FEW + 1);
		assert_true(second(&c, ++s, 3, 0));
	}
	/* visitors with tokens only, however many: over in ten seconds, and not before */
	begin(&c, s);
	for (int i = 0; i < 9; i++)
		assert_true(second(&c, ++s, 500, 0));
	assert_false(second(&c, s + 2, 500, 0));
	assert_false(second(&c, s + 3, 500, 0)); /* nor do they begin it again */
}

/* A few that flood a site are no crowd, however late they make all the others; a few more are. */
static void test_who_counts(void **state)
{
	(void)state;
	for (uint32_t visitors = 20; visitors <= 40; visitors += 20) {
		struct crowd c = { 0 };
		bool crowded = false;
		for (uint64_t s = 1000; s < 1064; s++)
			for (uint32_t i = 0; i < 100 * visitors; i++) /* each a hundred a second, counted anew every eight, not all at once */
				crowded |= crowd_ask(&c, s * 1000 + i / visitors, (uint32_t)((s + i % visitors) % 8) * 100 + i / visitors + 1, true);
		assert_int_equal(crowded, visitors == 40);
	}
}

/* Who keeps his token and asks all the same: as much as leaves the server in time, but never less than a page. */
static void test_squeeze(void **state)
{
	struct crowd c;
	uint64_t s = 1000;
	(void)state;
	begin(&c, s);
	assert_int_equal(crowd_may(&c, 400), 400);
	second(&c, ++s, 1000, 600); /* the second before is judged: one late second is what was begun in peace */
	assert_int_equal(crowd_may(&c, 400), 400);
	second(&c, ++s, 1000, 600);
	assert_int_equal(crowd_may(&c, 400), 200);
	for (int i = 0; i < 20; i++)
		second(&c, ++s, 1000, 600);
	assert_int_equal(crowd_may(&c, 400), CROWD_LEAST);
	assert_int_equal(crowd_hold(&c, CROWD_FEW / 4), 0);
	assert_true(crowd_hold(&c, CROWD_FEW / 4 + 1) > 4000);
	assert_true(crowd_shed(&c, true) && !crowd_shed(&c, false));
	for (int i = 0; i < 40; i++) {
		for (int k = 0; k < 3; k++)
			crowd_hold(&c, CROWD_FEW + 1); /* who has to ask less asks on */
		assert_true(second(&c, ++s, 1000, 0));
		if (i == 7)
			assert_in_range(crowd_may(&c, 400), 80, 120);
	}
	assert_false(crowd_shed(&c, true));
	assert_int_equal(crowd_may(&c, 400), 400);
}

static void test_hold(void **state)
{
	struct crowd c = { 0 };
	uint32_t before = 0;
	(void)state;
	for (uint32_t n = 1; n < 1000; n++) {
		uint32_t ms = crowd_hold(&c, n);
		assert_true(ms >= before && (ms == 0) == (n <= CROWD_FEW));
		before = ms;
	}
	assert_int_equal(before, 10000);
	assert_int_equal(c.held, 1);
	assert_int_equal(c.insist, 1);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_when), cmocka_unit_test(test_how_long), cmocka_unit_test(test_who_counts), cmocka_unit_test(test_squeeze),
		                            cmocka_unit_test(test_hold), cmocka_unit_test(test_count), cmocka_unit_test(test_token), cmocka_unit_test(test_cookies) };
	return cmocka_run_group_tests_name("edge/crowd", tests, NULL, NULL);
}
