/* Blocks as the engine itself writes them; that it takes ours is test/system/search.t, which finds what was put in. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "index/columns.h"
#include "index/native.h"

#define HEAD "\5\1w\1t\1n\2ip\2at\x16LowCardinality(String)\6String\6UInt32\4IPv6\x14" "DateTime64(3, 'UTC')"
#define ONE "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1" /* ::1 */

static void test_block(void **state)
{
	(void)state;
	static const char rows[] = HEAD "\1a\1x\7\0\0\0" ONE "\2\1\0\0\0\0\0\0" "\0\0\x8\0\0\0" ONE "\3\1\0\0\0\0\0\0"
	                           "\1b\2yz\x9\0\0\0" ONE "\4\1\0\0\0\0\0\0" "\1a\1\n\xa\0\0\0" ONE "\5\1\0\0\0\0\0\0";
	/* SELECT … FORMAT Native of 26.5 */
	static const char block[] = "\5\4\1w\x16LowCardinality(String)\1\0\0\0\0\0\0\0\0\6\0\0\0\0\0\0\3\0\0\0\0\0\0\0\0\1a\1b\4\0\0\0\0\0\0\0\1\0\2\1"
	                            "\1t\6String\1x\0\2yz\1\n" "\1n\6UInt32\7\0\0\0\x8\0\0\0\x9\0\0\0\xa\0\0\0" "\2ip\4IPv6" ONE ONE ONE ONE
	                            "\2at\x14" "DateTime64(3, 'UTC')\2\1\0\0\0\0\0\0\3\1\0\0\0\0\0\0\4\1\0\0\0\0\0\0\5\1\0\0\0\0\0\0";
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, MIB);
	assert_int_equal(native_block((struct str){ rows, sizeof rows - 1 }, &b, &err), 0);
	assert_int_equal(b.len, sizeof block - 1);
	assert_memory_equal(b.ptr, block, b.len);
	/* wherever they break off */
	for (size_t n = 0; n < sizeof rows - 1; n++) {
		size_t behind = n < sizeof HEAD - 1 ? 1 : n - (sizeof HEAD - 1);
		bool whole = behind == 0 || behind == 32 || behind == 62 || behind == 95;
		assert_int_equal(native_block((struct str){ rows, n }, &b, &err), whole ? 0 : -E_INVALID);
	}
	buf_done(&b);
}

/* No row: its columns alone. */
static void test_none(void **state)
{
	(void)state;
	static const char rows[] = "\1\1w\x16LowCardinality(String)", block[] = "\1\0\1w\x16LowCardinality(String)";
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, MIB);
	assert_int_equal(native_block((struct str){ rows, sizeof rows - 1 }, &b, &err), 0);
	assert_int_equal(b.len, sizeof block - 1);
	assert_memory_equal(b.ptr, block, b.len);
	buf_done(&b);
}

static uint64_t u64_at(const struct buf *b, size_t at)
{
	uint64_t n = 0;
	assert_true(at + 8 <= b->len);
	memcpy(&n, b->ptr + at, 8);
	return n;
}

/* As many words as a hostile sender likes: each row's place names its own. */
static void test_words(void **state)
{
	(void)state;
	static const struct { unsigned words, width; } cases[] = { { 255, 1 }, { 256, 2 }, { 65535, 2 }, { 65536, 4 } };
	static const char head[] = "\1\1w\x16LowCardinality(String)";
	struct err err = { 0 };
	struct buf rows, b;
	buf_init(&rows, 4 * MIB);
	buf_init(&b, 4 * MIB);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&rows);
		buf_put(&rows, head, sizeof head - 1);
		for (unsigned k = 0; k < 2 * cases[i].words; k++)
			buf_printf(&rows, "\5%05u", k % cases[i].words);
		assert_int_equal(native_block(buf_view(&rows), &b, &err), 0);
		size_t dict = (size_t)((char *)memmem(b.ptr, b.len, ")\1", 2) - b.ptr) + 9, keys = dict + 16, at = keys + 1 + 6 * cases[i].words + 8;
		assert_int_equal(u64_at(&b, dict), 0x600 | (cases[i].width == 1 ? 0 : cases[i].width == 2 ? 1 : 2));
		assert_int_equal(u64_at(&b, dict + 8), cases[i].words + 1);
		assert_int_equal(u64_at(&b, at - 8), 2 * cases[i].words);
		assert_int_equal(b.len, at + 2 * cases[i].words * cases[i].width);
		for (unsigned k = 0; k < 2 * cases[i].words; k++) {
			uint32_t place = 0;
			char want[8];
			memcpy(&place, b.ptr + at + k * cases[i].width, cases[i].width);
			snprintf(want, sizeof want, "\5%05u", k % cases[i].words);
			assert_true(place > 0 && place <= cases[i].words);
			assert_memory_equal(b.ptr + keys + 1 + 6 * (place - 1), want, 6);
		}
	}
	buf_done(&b);
	buf_done(&rows);
}

/* Of the index's own rows' head every type is known; too long a block is refused. */
static void test_ours(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct buf rows, b;
	buf_init(&rows, MIB);
	buf_init(&b, MIB);
	index_row_head(&rows);
	assert_int_equal(native_block(buf_view(&rows), &b, &err), 0);
	buf_done(&b);
	buf_init(&b, 64);
	assert_int_equal(native_block(buf_view(&rows), &b, &err), -E_LIMIT);
	buf_done(&b);
	buf_done(&rows);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_block), cmocka_unit_test(test_none), cmocka_unit_test(test_words), cmocka_unit_test(test_ours) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
