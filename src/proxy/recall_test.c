/* Digests remembered: always the SHA-256, known the second time, never for what differs in a bit or in its length. */
#include "proxy/recall.h"

#include "base/map.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <pthread.h>
#include <string.h>

static char data[200000];

static bool recall(const char *p, size_t n)
{
	unsigned char sum[SHA256_LEN], got[SHA256_LEN];
	bool known = recall_sha256((struct str){ p, n }, got);
	hash_sha256(p, n, sum);
	assert_memory_equal(got, sum, sizeof sum);
	return known;
}

static void known_the_second_time(void **state)
{
	static const size_t sizes[] = { 0, 1, 15, 16, 17, 10240, 65536, 65537, sizeof data };
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) { /* all zeros: only the length differs */
		assert_false(recall(data, sizes[i]));
		assert_true(recall(data, sizes[i]));
	}
}

static void a_bit_differs(void **state)
{
	assert_true(recall(data, 65537));
	for (size_t at = 0; at < 65537; at += 4099)
		for (int bit = 0; bit < 8; bit++) {
			data[at] ^= (char)(1 << bit);
			assert_false(recall(data, 65537));
			data[at] ^= (char)(1 << bit);
		}
	char last = data[65536]++;
	assert_false(recall(data, 65537));
	data[65536] = last;
}

/* A free place is taken before a used one: five in one set of four, which then push each other out, are the only reason to
 * forget among so few. The key is random and sets are linear in a short message, so that contents that count up may fall on
 * few of them: these don't count up. */
static void few_are_all_kept(void **state)
{
	int known = 0;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 200; i++) {
			unsigned char content[SHA256_LEN];
			hash_sha256(&i, sizeof i, content);
			known += recall((char *)content, sizeof content);
		}
	assert_in_range(known, 190, 200);
}

static void more_than_it_holds(void **state)
{
	int known = 0;
	for (int round = 0; round < 2; round++)
		for (int i = 0; i < 3 * RECALL_SETS * RECALL_WAYS; i++)
			known += recall((char *)&i, sizeof i);
	assert_true(known < 2 * RECALL_SETS * RECALL_WAYS);
	int again = -1;
	recall((char *)&again, sizeof again);
	assert_true(recall((char *)&again, sizeof again));
}

static void *elsewhere(void *user)
{
	bool *first = user;
	*first = recall("threads", 7);
	return recall("threads", 7) ? user : NULL;
}

static void each_thread_its_own(void **state)
{
	bool first = true;
	void *second = NULL;
	pthread_t t;
	assert_false(recall("threads", 7));
	assert_int_equal(pthread_create(&t, NULL, elsewhere, &first), 0);
	assert_int_equal(pthread_join(t, &second), 0);
	assert_false(first);
	assert_non_null(second);
}

static void *without_memory(void *user)
{
	bool *ok = user;
	mem_fail_at(1); /* the table */
	*ok = !recall("m", 1);
	mem_fail_at(0);
	*ok = *ok && !recall("m", 1) && recall("m", 1);
	return NULL;
}

static void hashes_without_memory(void **state)
{
	bool ok = false;
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, without_memory, &ok), 0);
	assert_int_equal(pthread_join(t, NULL), 0);
	assert_true(ok);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(known_the_second_time), cmocka_unit_test(few_are_all_kept), cmocka_unit_test(a_bit_differs),
		                            cmocka_unit_test(more_than_it_holds), cmocka_unit_test(each_thread_its_own),
		                            cmocka_unit_test(hashes_without_memory) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
