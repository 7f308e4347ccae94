/* What is kept of packets has bounds, each body's its own. */
#include "base/test.h"

#include "intake/packets.h"

static void test_a_second(void **state)
{
	(void)state;
	struct packets p;
	packets_init(&p);
	for (int i = 0; i < PACKETS_A_SECOND; i++)
		assert_true(packets_may(&p, "412015", 100, 5000 + i));
	assert_false(packets_may(&p, "412015", 100, 5999));
	assert_true(packets_may(&p, "412023", 100, 5999)); /* another's flood is no matter of theirs */
	assert_true(packets_may(&p, "412015", 100, 6000));
	packets_done(&p);
}

static void test_a_day(void **state)
{
	(void)state;
	struct packets p;
	int64_t day = 24LL * 3600 * 1000, now = 3 * day;
	packets_init(&p);
	for (int i = 0; i < 64; i++)
		assert_true(packets_may(&p, "412015", 1024 * 1024, now += 1000));
	assert_false(packets_may(&p, "412015", 1, now += 1000));
	assert_true(packets_may(&p, "412023", 1, now));
	assert_true(packets_may(&p, "412015", 1, 4 * day));
	packets_done(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_a_second), cmocka_unit_test(test_a_day) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("packets", tests, NULL, NULL);
}
