/* Held bodies: digests and bytes the same in any cut, codings opened, bombs and broken ones told, spilling. */
#include "proxy/hold.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <brotli/encode.h>
#include <cmocka.h>
#include <string.h>

#define MAX (16 * MIB)

static void fill(char *p, size_t n)
{
	uint32_t x = 1;
	for (size_t i = 0; i < n; i++)
		p[i] = (char)((x = x * 1664525 + 1013904223) >> 24);
}

static size_t squeeze(const char *p, size_t n, int bits, char *dst, size_t size)
{
	z_stream z = { 0 };
	assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, bits, 8, Z_DEFAULT_STRATEGY), Z_OK);
	z.next_in = (unsigned char *)(uintptr_t)p, z.avail_in = (unsigned)n;
	z.next_out = (unsigned char *)dst, z.avail_out = (unsigned)size;
	assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
	deflateEnd(&z);
	return size - z.avail_out;
}

static size_t squeeze_as(enum hold_coding c, const char *p, size_t n, char *dst, size_t size)
{
	size_t len = size;
	if (c == CODING_GZIP || c == CODING_DEFLATE)
		return squeeze(p, n, c == CODING_GZIP ? 31 : 15, dst, size);
	if (c == CODING_BROTLI)
		assert_true(BrotliEncoderCompress(5, BROTLI_MAX_WINDOW_BITS, BROTLI_MODE_GENERIC, n, (const uint8_t *)p, &len, (uint8_t *)dst));
	else
		len = ZSTD_compress(dst, size, p, n, 3);
	assert_true(len <= size);
	return len;
}

static void put_all(struct hold *h, const char *p, size_t n, size_t step)
{
	for (size_t i = 0; i < n; i += step)
		assert_int_equal(hold_put(h, p + i, n - i < step ? n - i : step), 0);
}

static void check(struct hold *h, const char *raw, size_t n_raw, const char *plain, size_t n_plain)
{
	unsigned char sum[SHA256_LEN];
	assert_int_equal(hold_end(h), 0);
	assert_int_equal(h->state, HOLD_OK);
	hash_sha256(plain, n_plain, sum);
	assert_memory_equal(h->sha, sum, sizeof sum);
	assert_true(str_eq(hold_bytes(h), (struct str){ raw, n_raw }));
}

static void names_of_codings(void **state)
{
	static const struct {
		const char *value;
		enum hold_coding coding;
	} cases[] = {
		{ "", CODING_NONE }, { "identity", CODING_NONE }, { "GZIP", CODING_GZIP }, { "x-gzip", CODING_GZIP },
		{ "deflate", CODING_DEFLATE }, { "br", CODING_BROTLI }, { "Zstd", CODING_ZSTD }, { "br,gzip", CODING_UNKNOWN }, { "identity,deflate", CODING_UNKNOWN },
		{ "gzip, identity", CODING_UNKNOWN }, { ",", CODING_UNKNOWN }, { ",gzip", CODING_UNKNOWN },
		{ "gzip,", CODING_UNKNOWN }, { "gzip,gzip", CODING_UNKNOWN }, { "gzip;q=1", CODING_UNKNOWN },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(hold_coding(str_from(cases[i].value)), cases[i].coding);
}

static void speeds(void **state)
{
	static const struct {
		int64_t ms;
		uint64_t n;
		bool slow;
	} cases[] = {
		{ 0, 0, false }, { HOLD_GRACE_MS - 1, 0, false }, { HOLD_GRACE_MS, 60 * HOLD_RATE - 1, true },
		{ HOLD_GRACE_MS, 60 * HOLD_RATE, false }, { 120000, 60 * HOLD_RATE, true }, { 120000, 120 * HOLD_RATE, false },
		{ HOLD_TOTAL_MS - 1, 1 << 30, false }, { HOLD_TOTAL_MS, 1 << 30, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(hold_too_slow(cases[i].ms, cases[i].n, HOLD_GRACE_MS), cases[i].slow);
}

static void plain_and_spilled(void **state)
{
	static char data[3 * MIB];
	static const size_t sizes[] = { 1, 1000, HOLD_MEMORY - 1, HOLD_MEMORY, HOLD_MEMORY + 1, 3 * MIB };
	struct hold h = { 0 };
	fill(data, sizeof data);
	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		assert_int_equal(hold_begin(&h, CODING_NONE, MAX, 0), 0);
		put_all(&h, data, sizes[i], 70001);
		check(&h, data, sizes[i], data, sizes[i]);
		assert_int_equal(h.raw.fd >= 0, sizes[i] > HOLD_MEMORY);
		hold_reset(&h);
	}
	hold_done(&h);
}

static void direct(void **state)
{
	static char data[100000];
	struct hold h = { 0 };
	fill(data, sizeof data);
	assert_int_equal(hold_begin(&h, CODING_NONE, MAX, sizeof data), 0);
	assert_int_equal(hold_put(&h, data, 100), 0);
	char *room = hold_room(&h, sizeof data - 100);
	assert_non_null(room);
	memcpy(room, data + 100, sizeof data - 100);
	hold_added(&h, sizeof data - 100);
	check(&h, data, sizeof data, data, sizeof data);
	hold_done(&h);
}

static void codings(void **state)
{
	static char data[300000], zipped[400000];
	static const struct {
		enum hold_coding coding;
		int bits;
	} cases[] = { { CODING_GZIP, 31 }, { CODING_DEFLATE, 15 }, { CODING_DEFLATE, -15 } };
	struct hold h = { 0 };
	fill(data, sizeof data / 2);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1000; step < 400000; step *= 7) {
			size_t n = squeeze(data, sizeof data, cases[i].bits, zipped, sizeof zipped);
			assert_int_equal(hold_begin(&h, cases[i].coding, MAX, n), 0);
			put_all(&h, zipped, n, step);
			check(&h, zipped, n, data, sizeof data);
			hold_reset(&h);
		}
	hold_done(&h);
}

static const enum hold_coding all[] = { CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_ZSTD };

/* Any coding, in any cut; then cut short, with a byte more, and a bomb of it. */
static void every_coding(void **state)
{
	static char data[300000], zeros[8 * MIB], packed[400000];
	struct hold h = { 0 };
	fill(data, sizeof data / 2);
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		size_t n = squeeze_as(all[i], data, sizeof data, packed, sizeof packed - 1);
		for (size_t step = 1; step < 400000; step *= 73) {
			assert_int_equal(hold_begin(&h, all[i], MAX, n), 0);
			put_all(&h, packed, n, step);
			check(&h, packed, n, data, sizeof data);
			hold_reset(&h);
			assert_int_equal(hold_held(&h), 0);
		}
		packed[n] = 'x';
		for (size_t cut = 0; cut < 2; cut++) {
			assert_int_equal(hold_begin(&h, all[i], MAX, 0), 0);
			put_all(&h, packed, cut ? n - 1 : n + 1, 5000);
			assert_int_equal(hold_end(&h), 0);
			assert_int_equal(h.state, HOLD_UNREADABLE);
			hold_reset(&h);
		}
		n = squeeze_as(all[i], zeros, sizeof zeros, packed, sizeof packed);
		assert_int_equal(hold_begin(&h, all[i], MAX, 0), 0);
		put_all(&h, packed, n, 100);
		assert_int_equal(hold_end(&h), 0);
		assert_int_equal(h.state, HOLD_TOO_LARGE);
		assert_true(h.plain.size <= HOLD_RATIO_FROM + HOLD_RATIO * n);
		hold_reset(&h);
	}
	hold_done(&h);
}

/* A decoder's window is memory that somebody else's answer fills: it is counted, and a window above the format's is refused. */
static void windows(void **state)
{
	static char data[2 * MIB], packed[3 * MIB];
	struct hold h = { 0 };
	fill(data, sizeof data);
	size_t n = squeeze_as(CODING_BROTLI, data, sizeof data, packed, sizeof packed);
	assert_int_equal(hold_begin(&h, CODING_BROTLI, MAX, 0), 0);
	put_all(&h, packed, n - 10, 65536);
	assert_true(hold_held(&h) > h.raw.size + h.plain.size + MIB);
	hold_reset(&h);
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 24);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	ZSTD_inBuffer in = { data, sizeof data, 0 };
	ZSTD_outBuffer out = { packed, sizeof packed, 0 };
	ZSTD_compressStream2(c, &out, &in, ZSTD_e_flush);
	ZSTD_compressStream2(c, &out, &in, ZSTD_e_end);
	ZSTD_freeCCtx(c);
	assert_int_equal(hold_begin(&h, CODING_ZSTD, MAX, 0), 0);
	put_all(&h, packed, out.pos, 65536);
	assert_int_equal(h.state, HOLD_UNREADABLE);
	hold_done(&h);
}

static void two_members(void **state)
{
	char zipped[4096];
	struct hold h = { 0 };
	size_t n = squeeze("hello ", 6, 31, zipped, sizeof zipped);
	n += squeeze("world", 5, 31, zipped + n, sizeof zipped - n);
	assert_int_equal(hold_begin(&h, CODING_GZIP, MAX, 0), 0);
	put_all(&h, zipped, n, 7);
	check(&h, zipped, n, "hello world", 11);
	hold_done(&h);
}

static void bomb(void **state)
{
	static char zeros[8 * MIB], zipped[MIB];
	struct hold h = { 0 };
	size_t n = squeeze(zeros, sizeof zeros, 31, zipped, sizeof zipped);
	assert_int_equal(hold_begin(&h, CODING_GZIP, MAX, 0), 0);
	put_all(&h, zipped, n, 4096);
	assert_int_equal(hold_end(&h), 0);
	assert_int_equal(h.state, HOLD_TOO_LARGE);
	assert_true(h.plain.size <= HOLD_RATIO_FROM + HOLD_RATIO * n);
	hold_done(&h);
}

static void broken(void **state)
{
	char zipped[4096];
	struct hold h = { 0 };
	size_t n = squeeze("hello world, hello world", 24, 31, zipped, sizeof zipped);
	assert_int_equal(hold_begin(&h, CODING_GZIP, MAX, 0), 0);
	put_all(&h, zipped, n - 1, 1);
	assert_int_equal(hold_end(&h), 0);
	assert_int_equal(h.state, HOLD_UNREADABLE); /* cut */
	hold_reset(&h);
	assert_int_equal(hold_begin(&h, CODING_GZIP, MAX, 0), 0);
	put_all(&h, "this isn't gzip", 15, 3);
	assert_int_equal(hold_end(&h), 0);
	assert_int_equal(h.state, HOLD_UNREADABLE);
	hold_reset(&h);
	assert_int_equal(hold_coding(STR("gzip, gzip")), CODING_UNKNOWN);
	assert_int_equal(hold_begin(&h, CODING_UNKNOWN, MAX, 0), 0);
	put_all(&h, "xx", 2, 1);
	assert_int_equal(hold_end(&h), 0);
	assert_int_equal(h.state, HOLD_UNREADABLE);
	hold_done(&h);
}

static void ceiling(void **state)
{
	static char data[2000];
	struct hold h = { 0 };
	assert_int_equal(hold_begin(&h, CODING_NONE, 1000, 0), 0);
	assert_int_equal(hold_put(&h, data, 1000), 0);
	assert_int_equal(hold_put(&h, data, 1), -E_LIMIT);
	assert_int_equal(h.state, HOLD_TOO_LARGE);
	assert_null(hold_room(&h, 1));
	hold_done(&h);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(names_of_codings), cmocka_unit_test(speeds), cmocka_unit_test(plain_and_spilled), cmocka_unit_test(direct), cmocka_unit_test(codings), cmocka_unit_test(every_coding), cmocka_unit_test(windows),
		                            cmocka_unit_test(two_members), cmocka_unit_test(bomb), cmocka_unit_test(broken),
		                            cmocka_unit_test(ceiling) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
