/* Files added, changed and taken away, in words; and what is kept of them, read back. */
#include "detect/policy.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static void differs(const char *old, const char *new, const char *words)
{
	struct policy a, b;
	struct buf w;
	buf_init(&w, 64 * KIB);
	assert_int_equal(policy_parse(str_from(old), &a), 0);
	assert_int_equal(policy_parse(str_from(new), &b), 0);
	assert_int_equal(policy_words(&a, &b, &w), *words != 0);
	assert_string_equal(buf_cstr(&w), words);
	buf_done(&w);
	policy_done(&a);
	policy_done(&b);
}

static void test_words(void **state)
{
	(void)state;
	differs("", "", "");
	differs("1 a.yml\n2 b c.yml\n", "2 b c.yml\n1 a.yml\n", ""); /* the order is no difference */
	differs("1 a.yml\n2 b.yml\n3 c.yml\n", "1 a.yml\n5 b.yml\n7 d.yml\n", "added: d.yml; changed: b.yml; removed: c.yml");
	differs("1 z.yml\n", "", "removed: z.yml");
	differs("", "1 z.yml\n2 y.yml\n", "added: y.yml, z.yml");
	/* what was spoilt is told again rather than passed over */
	differs("x a.yml\n\n1\n1 \n11111111111111111111111 b.yml\n 1 c\n", "1 a.yml\n", "added: a.yml");
}

static void test_many(void **state)
{
	(void)state;
	struct policy none, many;
	struct buf w, kept;
	char name[40];
	policy_init(&none);
	policy_init(&many);
	buf_init(&w, 64 * KIB);
	buf_init(&kept, MIB);
	for (int i = 0; i < 1000; i++) {
		snprintf(name, sizeof name, "%04d\n\x1b[2J.yml", 999 - i);
		assert_int_equal(policy_add(&many, str_from(name), policy_sign(str_from(name))), 0);
	}
	assert_true(policy_words(&none, &many, &w));
	assert_memory_equal(buf_cstr(&w), "added: 0000??[2J.yml, 0001", 26);
	assert_non_null(strstr(buf_cstr(&w), ", 0019??[2J.yml and 980 others"));
	policy_format(&many, &kept);
	struct policy again;
	assert_int_equal(policy_parse(buf_view(&kept), &again), 0);
	assert_int_equal(again.n, 1000);
	buf_reset(&w);
	assert_false(policy_words(&again, &many, &w));
	assert_int_equal(w.len, 0);
	buf_done(&w);
	buf_done(&kept);
	policy_done(&none);
	policy_done(&many);
	policy_done(&again);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_words), cmocka_unit_test(test_many) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
