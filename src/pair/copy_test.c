/* When commits wait for the other node, when they don't, and what is said of a takeover. */
#include "pair/copy.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

struct look {
	int64_t at_ms;
	struct copy_seen seen; /* answers, standby, waits, streaming, active */
	enum copy_do expected;
};

static void judge_all(const struct look *l, size_t n)
{
	struct copy c = { 0 };
	for (size_t i = 0; i < n; i++)
		if (copy_judge(&c, &l[i].seen, l[i].at_ms) != l[i].expected)
			fail_msg("look %zu is judged otherwise", i);
}

static void a_primary_waits_for_the_other_and_goes_on_alone(void **state)
{
	static const struct look looks[] = {
		{ 100, { 0 }, COPY_NOTHING },                             /* it starts */
		{ 200, { 1, 0, 0, 0, 1 }, COPY_NOTHING },                 /* nobody is there: nothing waits from the start */
		{ 900, { 1, 0, 0, 1, 1 }, COPY_WAIT },
		{ 1000, { 1, 0, 1, 1, 1 }, COPY_NOTHING },
		{ 1100, { 1, 0, 1, 0, 1 }, COPY_NOTHING },                /* a short gap */
		{ 1200, { 1, 0, 1, 1, 1 }, COPY_NOTHING },
		{ 1300, { 1, 0, 1, 0, 1 }, COPY_NOTHING },
		{ 1200 + COPY_ALONE_MS - 1, { 1, 0, 1, 0, 1 }, COPY_NOTHING },
		{ 1200 + COPY_ALONE_MS, { 1, 0, 1, 0, 1 }, COPY_ALONE },
		{ 2300, { 1, 0, 0, 0, 1 }, COPY_NOTHING },
		{ 2400, { 1, 0, 0, 1, 1 }, COPY_WAIT },
	};
	(void)state;
	judge_all(looks, ARRAY_LEN(looks));
}

static void one_that_gives_up_the_traffic_acknowledges_nothing_alone(void **state)
{
	static const struct look looks[] = {
		{ 100, { 1, 0, 1, 1, 1 }, COPY_NOTHING },
		{ 200, { 1, 0, 1, 0, 0 }, COPY_NOTHING },
		{ 9000, { 1, 0, 1, 0, 0 }, COPY_NOTHING },
		{ 9100, { 1, 0, 0, 1, 0 }, COPY_NOTHING },
	};
	(void)state;
	judge_all(looks, ARRAY_LEN(looks));
}

static void a_takeover_says_whether_something_may_be_missing(void **state)
{
	static const struct look fresh[] = {
		{ 100, { 1, 1, 0, 0, 0 }, COPY_NOTHING },
		{ 200, { 1, 1, 0, 1, 0 }, COPY_NOTHING },
		{ 3100, { 1, 1, 0, 0, 1 }, COPY_NOTHING },
		{ 3200, { 1, 0, 0, 0, 1 }, COPY_TOOK_OVER },
		{ 3300, { 1, 0, 0, 0, 1 }, COPY_NOTHING },
	}, stale[] = {
		{ 100, { 1, 1, 0, 1, 0 }, COPY_NOTHING },
		{ 101 + COPY_STALE_MS, { 1, 0, 0, 0, 1 }, COPY_TOOK_OVER_STALE },
	}, never[] = {
		{ 100, { 1, 1, 0, 0, 0 }, COPY_NOTHING },
		{ 200, { 1, 0, 0, 0, 1 }, COPY_TOOK_OVER_STALE },
	};
	(void)state;
	judge_all(fresh, ARRAY_LEN(fresh));
	judge_all(stale, ARRAY_LEN(stale));
	judge_all(never, ARRAY_LEN(never));
}

/* Every state of the two: at most one gives up; where one node carries the traffic and both are heard, exactly one does. */
static void one_of_two_databases_is_believed(void **state)
{
	(void)state;
	for (uint32_t a = 1; a <= 2; a++)
		for (uint32_t b = 1; b <= 2; b++)
			for (int roles = 0; roles < 4; roles++) {
				bool a_active = roles & 1, b_active = roles & 2;
				bool first = copy_gives_up(copy_compare(a, b), a_active, b_active, !b_active);
				bool second = copy_gives_up(copy_compare(b, a), b_active, a_active, !a_active);
				assert_false(first && second);
				assert_int_equal(first || second, a_active != b_active);
			}
	assert_false(copy_gives_up(copy_compare(1, 0), false, true, false)); /* the other one can't be copied */
	assert_false(copy_gives_up(copy_compare(1, 2), true, false, false)); /* what the other node does isn't known */
	assert_false(copy_gives_up(copy_compare(1, 2), false, false, false));
}

static void a_copy_that_cannot_follow_is_lost_after_a_while(void **state)
{
	static const struct copy_seen behind = { 1, 1, 0, 0, 0 };
	static const struct copy_seen other[] = { { 0 }, { 1, 0, 0, 0, 0 }, { 1, 1, 0, 1, 0 }, { 1, 1, 0, 0, 1 } }; /* no answer, no copy, follows, is to take over */
	struct copy c = { 0 };
	(void)state;
	assert_false(copy_is_lost(&c, &behind, true, 1000));
	assert_false(copy_is_lost(&c, &behind, true, 1000 + COPY_LOST_MS - 1));
	assert_true(copy_is_lost(&c, &behind, true, 1000 + COPY_LOST_MS));
	assert_false(copy_is_lost(&c, &behind, false, 50000)); /* nobody is there to be followed: it begins anew */
	assert_false(copy_is_lost(&c, &behind, true, 50001));
	for (size_t i = 0; i < ARRAY_LEN(other); i++) {
		assert_false(copy_is_lost(&c, &other[i], true, 50000 + 2 * COPY_LOST_MS));
		assert_false(copy_is_lost(&c, &behind, true, 50000 + 2 * COPY_LOST_MS));
		c = (struct copy){ .behind_ms = 50000 };
	}
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_primary_waits_for_the_other_and_goes_on_alone),
		cmocka_unit_test(one_that_gives_up_the_traffic_acknowledges_nothing_alone),
		cmocka_unit_test(one_of_two_databases_is_believed),
		cmocka_unit_test(a_takeover_says_whether_something_may_be_missing),
		cmocka_unit_test(a_copy_that_cannot_follow_is_lost_after_a_while),
	};
	return cmocka_run_group_tests(cases, NULL, NULL);
}
