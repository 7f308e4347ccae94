/* Bounded buffers, JSON out, arenas, maps: ceilings, sticky errors, failing memory. */
#include "base/test.h"

#include "base/arena.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

static void test_ceiling(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 8);
	buf_puts(&b, "12345678");
	assert_int_equal(b.failed, 0);
	buf_putc(&b, '9');
	assert_int_equal(b.failed, -E_LIMIT);
	buf_reset(&b);
	buf_puts(&b, "ab");
	buf_drop(&b, 1);
	assert_str(buf_view(&b), "b");
	buf_done(&b);
}

/* What fits into the room there is, what just doesn't, what never will. */
static void test_printf(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 300);
	for (int i = 0; i < 25; i++)
		buf_printf(&b, "%d%s", i % 10, i % 10 == 9 ? "x" : "123456789");
	assert_int_equal(b.failed, 0);
	assert_int_equal(b.len, 25 * 10 - 2 * 8);
	assert_true(str_ends(buf_view(&b), STR("31234567894123456789")));
	size_t len = b.len;
	buf_printf(&b, "%0100d", 1);
	assert_int_equal(b.failed, -E_LIMIT);
	buf_printf(&b, "%d", 1); /* sticks */
	assert_int_equal(b.len, len);
	buf_done(&b);
}

static void test_percent(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 64);
	buf_percent(&b, (struct str){ "aZ09-._~ /%\0\xe7\x7f", 14 });
	assert_str(buf_view(&b), "aZ09-._~%20%2F%25%00%E7%7F");
	buf_done(&b);
}

static void test_no_memory(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, 1024);
	mem_fail_at(1);
	buf_puts(&b, "x");
	mem_fail_at(0);
	assert_int_equal(b.failed, -E_NOMEM);
	buf_puts(&b, "y"); /* sticks */
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void test_json(void **state)
{
	static const struct {
		struct str in;
		const char *out;
	} cases[] = {
		{ { "a\"b\\c", 5 }, "\"a\\\"b\\\\c\"" },
		{ { "l1\nl2\r\t", 7 }, "\"l1\\nl2\\r\\t\"" },
		{ { "\x01\x7f", 2 }, "\"\\u0001\\u007f\"" },
		{ { "砦", 3 }, "\"砦\"" },
		{ { "a\xff\xe3z", 4 }, "\"a\xef\xbf\xbd\xef\xbf\xbdz\"" },
		{ { "a\0b", 3 }, "\"a\\u0000b\"" },
		{ { "</script>", 9 }, "\"</script>\"" },
	};
	struct buf b;
	(void)state;
	buf_init(&b, 1024);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&b);
		json_str(&b, cases[i].in);
		assert_str(buf_view(&b), cases[i].out);
	}
	buf_reset(&b);
	buf_putc(&b, '{');
	json_field_s(&b, "a", "b");
	json_field_u64(&b, "n", UINT64_MAX);
	json_field_bool(&b, "t", true);
	buf_putc(&b, '}');
	assert_str(buf_view(&b), "{\"a\":\"b\",\"n\":18446744073709551615,\"t\":true}");
	buf_done(&b);
}

/* Eight bytes are looked at together where there are eight: each byte must be treated alike wherever it stands. */
static void test_json_anywhere(void **state)
{
	struct buf one, all, want;
	buf_init(&one, 64), buf_init(&all, 256), buf_init(&want, 256);
	for (unsigned c = 0; c < 256; c++)
		for (size_t n = 1; n <= 20; n++)
			for (size_t at = 0; at < n; at++) {
				char text[20], byte = (char)c;
				memset(text, 'x', sizeof text);
				text[at] = byte;
				buf_reset(&one), buf_reset(&all), buf_reset(&want);
				json_str(&one, (struct str){ &byte, 1 });
				json_str(&all, (struct str){ text, n });
				buf_putc(&want, '"');
				for (size_t i = 0; i < n; i++)
					buf_str(&want, i == at ? (struct str){ one.ptr + 1, one.len - 2 } : STR("x"));
				buf_putc(&want, '"');
				assert_true(str_eq(buf_view(&all), buf_view(&want)));
			}
	buf_done(&one), buf_done(&all), buf_done(&want);
}

static void test_json_full(void **state)
{
	struct buf b;
	buf_init(&b, 12);
	json_str(&b, STR("0123456789"));
	assert_int_equal(b.failed, 0);
	assert_str(buf_view(&b), "\"0123456789\"");
	buf_reset(&b);
	json_str(&b, STR("0123456789a"));
	assert_int_equal(b.failed, -E_LIMIT);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void test_arena(void **state)
{
	struct arena a;
	(void)state;
	arena_init(&a, 100000);
	char *p = arena_strdup(&a, STR("text"));
	assert_string_equal(p, "text");
	for (int i = 0; i < 100; i++)
		assert_int_equal((uintptr_t)arena_alloc(&a, 33) % 16, 0);
	assert_non_null(arena_alloc(&a, 50000));
	assert_null(arena_alloc(&a, 50000)); /* past the ceiling */
	assert_null(arena_array(&a, SIZE_MAX / 2, 8));
	assert_string_equal(arena_printf(&a, "%d-%s", 4, "x"), "4-x");
	arena_done(&a);
}

static void test_map(void **state)
{
	struct map m;
	char key[16];
	static int values[1000];
	(void)state;
	map_init(&m, 1000);
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		assert_int_equal(map_put(&m, str_from(key), &values[i]), 0);
	}
	assert_int_equal(map_put(&m, STR("one more"), &values[0]), -E_LIMIT);
	for (int i = 0; i < 1000; i += 2) {
		snprintf(key, sizeof key, "k%d", i);
		assert_ptr_equal(map_del(&m, str_from(key)), &values[i]);
	}
	for (int i = 0; i < 1000; i++) {
		snprintf(key, sizeof key, "k%d", i);
		assert_ptr_equal(map_get(&m, str_from(key)), i % 2 ? &values[i] : NULL);
	}
	size_t i = 0, seen = 0;
	struct str k;
	void *v;
	while (map_next(&m, &i, &k, &v))
		seen++;
	assert_int_equal(seen, 500);
	map_done(&m);
}

static void test_hashes(void **state)
{
	unsigned char sum[SHA256_LEN];
	char hex[65];
	(void)state;
	hash_sha256("abc", 3, sum); /* FIPS 180-4, example B.1 */
	hex_format(sum, sizeof sum, hex);
	assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

static void test_clock(void **state)
{
	static const struct {
		const char *text;
		int64_t ms;
		int ret;
	} cases[] = {
		{ "1970-01-01T00:00:00Z", 0, 0 },
		{ "2026-11-22T09:30:00.250+09:00", 1795307400250, 0 },
		{ "2026-11-22T00:30:00.250Z", 1795307400250, 0 },
		{ "2026-13-01T00:00:00Z", 0, -E_INVALID },
		{ "2026-11-22T24:00:00Z", 0, -E_INVALID },
		{ "2026-11-22T00:00:00", 0, -E_INVALID },
		{ "2026-11-22 00:00:00+0900", 0, -E_INVALID },
		{ "yesterday at about nine", 0, -E_INVALID },
	};
	char text[CLOCK_TEXT];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms = 0;
		assert_int_equal(clock_parse(cases[i].text, strlen(cases[i].text), &ms), cases[i].ret);
		assert_true(ms == cases[i].ms);
	}
	clock_format_jst(1795307400250, text);
	assert_string_equal(text, "2026-11-22T09:30:00.250+09:00");
	clock_hold(1000);
	clock_advance(500);
	assert_true(clock_now_ms() == 1500 && clock_mono_ms() == 1500);
	clock_hold(0);
}

/* Set forward and back by hours: told once, with its sign; time that merely passes isn't a step, nor is a slow correction. */
static void test_clock_stepped(void **state)
{
	(void)state;
	struct clock_watch w = { 0 };
	clock_hold(1000000);
	clock_shift(3600000);
	assert_int_equal(clock_stepped(&w), 0); /* the first look knows no before */
	clock_advance(86400000);
	assert_int_equal(clock_stepped(&w), 0);
	int64_t mono = clock_mono_ms();
	clock_shift(5 * 3600000);
	assert_int_equal(clock_mono_ms(), mono);
	assert_int_equal(clock_stepped(&w), 5 * 3600000);
	assert_int_equal(clock_stepped(&w), 0);
	clock_shift(-7 * 3600000);
	assert_int_equal(clock_stepped(&w), -7 * 3600000);
	for (int i = 0; i < 100; i++) {
		clock_shift(CLOCK_STEP_MS / 2);
		assert_int_equal(clock_stepped(&w), 0);
	}
	clock_hold(0);
	clock_stepped(&w);
	assert_int_equal(clock_stepped(&w), 0); /* the real ones run alike */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_ceiling), cmocka_unit_test(test_no_memory),
		                            cmocka_unit_test(test_json),    cmocka_unit_test(test_json_anywhere), cmocka_unit_test(test_json_full), cmocka_unit_test(test_arena),
		                            cmocka_unit_test(test_map),     cmocka_unit_test(test_hashes),
		                            cmocka_unit_test(test_clock), cmocka_unit_test(test_clock_stepped),
		                            cmocka_unit_test(test_percent), cmocka_unit_test(test_printf) };
	return cmocka_run_group_tests_name("base/buf", tests, NULL, NULL);
}
