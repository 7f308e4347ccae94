/* A line's judgement, round by round. */
#include "base/test.h"

#include "probe/lines.h"

#include <string.h>

/* rounds: '.' answered, 'x' not, 100 ms apart; expected after each: 'u' usable, 'd' dead. */
static void test_rounds(void **state)
{
	(void)state;
	static const struct line_rules rules = { .lost = 3, .back_ms = 500 };
	static const struct {
		const char *rounds, *expect;
	} cases[] = {
		{ "....", "uuuu" },
		{ "xx.xx.xx", "uuuuuuuu" },                /* lost packets move nothing */
		{ "xxx", "uud" },                          /* dead from the start is found too */
		{ "..xxxxx", "uuuuddd" },
		{ "xxx......", "uuddddddu" },          /* back after 500 ms without a gap */
		{ "xxx....x......", "uudddddddddddu" },    /* a gap begins the time anew */
		{ "xxx......x.xx.", "uuddddddu" "uuuuu" }, /* one lost packet doesn't move it away again */
		{ "xxx......xxx", "uuddddddu" "uud" },
	};
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct line_state s;
		bool was = true;
		line_begin(&s);
		for (size_t k = 0; cases[i].rounds[k]; k++) {
			bool changed = line_round(&s, &rules, cases[i].rounds[k] == '.', 1000 + 100 * (int64_t)k);
			if (s.usable != (cases[i].expect[k] == 'u') || changed != (s.usable != was))
				fail_msg("%s: round %zu", cases[i].rounds, k);
			was = s.usable;
		}
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_rounds) };
	return cmocka_run_group_tests_name("probe/lines", tests, NULL, NULL);
}
