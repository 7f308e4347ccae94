/* A line's judgement, round by round. */
#include "base/test.h"

#include "probe/lines.h"

#include <string.h>

/* rounds: '.' answered, 'x' not, 100 ms apart; expected after each: 'u' usable, 'd' dead. */
static void test_rounds(void **state)
{
	(void)state;
	static const struct line_rules rules = { .lost = 3, .back_ms = 500, .loss_percent = 30, .loss_rounds = 10 };
	static const struct {
		const char *rounds, *expect;
	} cases[] = {
		{ "....", "uuuu" },
		{ "xx.xx.xx", "uuuuuuuu" },                /* lost packets move nothing */
		{ "xxx", "uud" },                          /* dead from the start is found too */
		{ "..xxxxx", "uuuuddd" },
		{ "xxx......", "uuddddddu" },          /* back after 500 ms without a gap */
		{ "xxx....x......", "uudddddddddddu" },    /* a gap begins the time anew */
		{ "xxx......x.x..", "uuddddddu" "uuuuu" }, /* one lost packet doesn't move it away again */
		{ "xxx......xxx", "uuddddddu" "uud" },
		{ "x.....x..x", "uuuuuuuuud" },            /* three of ten lost */
		{ "x.....x.x.", "uuuuuuuuud" },            /* it takes ten rounds to tell */
		{ "x....x....x....x....", "uuuuuuuuuuuuuuuuuuuu" },
		{ "..........x.x.x.......", "uuuuuuuuuuuuuu" "dddddd" "uu" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct line_state s;
		bool was = true;
		line_begin(&s);
		for (size_t k = 0; cases[i].rounds[k]; k++) {
			bool changed = line_round(&s, &rules, cases[i].rounds[k] == '.', 1, false, 1000 + 100 * (int64_t)k);
			if (s.usable != (cases[i].expect[k] == 'u') || changed != (s.usable != was))
				fail_msg("%s: round %zu", cases[i].rounds, k);
			was = s.usable;
		}
	}
}

/* Of two targets the one that answers better counts: one that is down, or answers now and then, moves nothing. */
static void test_targets(void **state)
{
	(void)state;
	static const struct line_rules rules = { .lost = 3, .back_ms = 500, .loss_percent = 30, .loss_rounds = 10 };
	struct line_state s;
	line_begin(&s);
	for (unsigned k = 0; k < 40; k++)
		assert_false(line_round(&s, &rules, k % 2 ? 1 : 3, 2, false, 1000 + k));
	assert_int_equal(s.loss, 0);
	bool left = false;
	for (unsigned k = 0; k < 10; k++) /* both lose a third, in turns: there is an answer in every round */
		left |= line_round(&s, &rules, k % 3 == 0 ? 1 : k % 3 == 1 ? 2 : 3, 2, false, 2000 + k);
	assert_true(left && s.lossy);
	line_begin(&s);
	const struct line_rules silence = { .lost = 3, .back_ms = 500, .loss_rounds = 10 };
	for (unsigned k = 0; k < 40; k++)
		assert_false(line_round(&s, &silence, k % 3 != 0, 1, false, 1000 + k));
}

/* Questions between two rounds ('o' answered, '-' not) tell of loss sooner; a gap that they alone fell into is neither silence nor loss. */
static void test_closer(void **state)
{
	static const struct line_rules rules = { .lost = 3, .back_ms = 500, .loss_percent = 30, .loss_rounds = 10 };
	static const struct {
		const char *questions;
		bool usable;
	} cases[] = {
		{ "..........", true },
		{ "..........xo-o-", false },       /* three of ten, each for itself */
		{ "..........x----o....", true },   /* one gap */
		{ "..........x----x----o...", true },
		{ "..........x----x----x", false }, /* three rounds are silence */
		{ "..........-------.", true },
		{ "..........x----o---oo", true },  /* two gaps */
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct line_state s;
		line_begin(&s);
		for (size_t k = 0; cases[i].questions[k]; k++) {
			char q = cases[i].questions[k];
			line_round(&s, &rules, q == '.' || q == 'o', 1, q == 'o' || q == '-', 1000 + 50 * (int64_t)k);
			if (k == 9 && line_suspected(&s, &rules))
				fail_msg("%s: suspected without a reason", cases[i].questions);
			if (k == 10 && cases[i].questions[10] && s.usable != line_suspected(&s, &rules))
				fail_msg("%s: not suspected", cases[i].questions);
		}
		if (s.usable != cases[i].usable)
			fail_msg("%s", cases[i].questions);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rounds), cmocka_unit_test(test_targets), cmocka_unit_test(test_closer) };
	return cmocka_run_group_tests_name("probe/lines", tests, NULL, NULL);
}
