/* Answers as servers give them. */
#include "base/test.h"

#include "probe/sntp.h"

#include <string.h>

#define NOW 1795386357000 /* 2026-11-22 */

/* A server whose clock is `ahead` ms before ours answers after 4 ms on the way. */
static void answer(const unsigned char ask[SNTP_SIZE], int64_t ahead, unsigned char msg[SNTP_SIZE])
{
	unsigned char at[SNTP_SIZE];
	memset(msg, 0, SNTP_SIZE);
	msg[0] = 4 << 3 | 4;
	msg[1] = 2;
	memcpy(msg + 24, ask + 40, 8);
	sntp_ask(NOW + 4 + ahead, at);
	memcpy(msg + 32, at + 40, 8);
	memcpy(msg + 40, at + 40, 8);
}

static void test_offsets(void **state)
{
	(void)state;
	static const int64_t ahead[] = { 0, 3000, -3000, 250, 86400000, -86400000 };
	unsigned char ask[SNTP_SIZE], msg[SNTP_SIZE];
	struct sntp_answer a;
	sntp_ask(NOW, ask);
	for (size_t i = 0; i < sizeof ahead / sizeof *ahead; i++) {
		answer(ask, ahead[i], msg);
		assert_true(sntp_read(msg, sizeof msg, NOW, NOW + 8, &a));
		assert_true(a.synchronised);
		assert_in_range(a.offset_ms - ahead[i] + 2, 0, 4);
	}
}

static void test_refusals(void **state)
{
	(void)state;
	unsigned char ask[SNTP_SIZE], msg[SNTP_SIZE];
	struct sntp_answer a;
	sntp_ask(NOW, ask);
	answer(ask, 0, msg);
	assert_false(sntp_read(msg, sizeof msg - 1, NOW, NOW + 8, &a));
	assert_false(sntp_read(msg, sizeof msg, NOW + 1, NOW + 8, &a)); /* to another question */
	assert_false(sntp_read(ask, sizeof ask, NOW, NOW + 8, &a));     /* no answer at all */
	msg[0] = 3 << 6 | 4 << 3 | 4;
	assert_true(sntp_read(msg, sizeof msg, NOW, NOW + 8, &a) && !a.synchronised);
	msg[0] = 4 << 3 | 4;
	msg[1] = 16;
	assert_true(sntp_read(msg, sizeof msg, NOW, NOW + 8, &a) && !a.synchronised);
	msg[1] = 0; /* kiss of death */
	assert_true(sntp_read(msg, sizeof msg, NOW, NOW + 8, &a) && !a.synchronised);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_offsets), cmocka_unit_test(test_refusals) };
	return cmocka_run_group_tests_name("probe/sntp", tests, NULL, NULL);
}
