/* Shares of body memory: each ceiling by its number, small holders go on, and all is let go in the end. */
#include "proxy/share.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define MAX 6400u /* terminal 1600, organisation 3200, small 100 */

static const struct step {
	unsigned org, terminal; /* of two and four */
	bool for_many;
	uint64_t before, now;
	enum share_limit limit;
} steps[] = {
	{ 0, 0, false, 0, 1600, SHARE_OK },
	{ 0, 0, false, 0, 1, SHARE_TERMINAL },    /* a second body of it */
	{ 0, 0, false, 1, 0, SHARE_OK },
	{ 0, 1, false, 0, 1500, SHARE_OK },
	{ 0, 2, false, 0, 100, SHARE_OK },        /* 3200: all the organisation may have */
	{ 0, 3, false, 0, 100, SHARE_OK },        /* small: goes on */
	{ 0, 3, false, 100, 101, SHARE_ORG },
	{ 0, 1, false, 1500, 1501, SHARE_ORG },
	{ 1, 0, false, 0, 1600, SHARE_OK },       /* the same address, another organisation */
	{ 1, 1, true, 0, 1498, SHARE_OK },        /* 6400 in all */
	{ 1, 2, false, 0, 1, SHARE_ALL },
	{ 1, 2, false, 1, 0, SHARE_OK },
	{ 0, 0, false, 1600, 0, SHARE_OK },
	{ 1, 1, true, 1498, 1600, SHARE_OK },
	{ 1, 1, true, 1600, 1700, SHARE_ORG },    /* for many: no terminal's ceiling, but this one */
	{ 1, 0, false, 1600, 0, SHARE_OK },
	{ 1, 1, true, 1700, 3200, SHARE_OK },
	{ 1, 1, true, 3200, 0, SHARE_OK },
	{ 0, 1, false, 1501, 0, SHARE_OK },
	{ 0, 2, false, 100, 0, SHARE_OK },
	{ 0, 3, false, 101, 0, SHARE_OK },
};

static void ceilings(void **state)
{
	static const char *const orgs[] = { "412015", "412023" };
	struct prefix terminals[4];
	struct shares s;
	uint64_t held[2] = { 0 };
	shares_init(&s);
	for (size_t i = 0; i < 4; i++)
		terminals[i] = (struct prefix){ .family = 4, .len = 32, .addr = { 10, 1, 0, (uint8_t)i } };
	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		const struct step *p = &steps[i];
		const struct share_who who = { .org = orgs[p->org], .org_held = &held[p->org], .terminal = &terminals[p->terminal],
			                       .for_many = p->for_many };
		enum share_limit l = shares_count(&s, &who, p->before, p->now, MAX);
		if (l != p->limit)
			fail_msg("step %zu: %d, not %d", i, l, p->limit);
	}
	assert_int_equal(s.held, 0);
	assert_int_equal(held[0] + held[1], 0);
	assert_int_equal(s.terminals.len, 0);
	shares_done(&s);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ceilings) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
