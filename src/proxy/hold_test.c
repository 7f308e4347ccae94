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
		{ "gzip,", CODING_UNKNOWN }, { "gzip, br", CODING_UNKNOWN }, { "dcz", CODING_UNKNOWN }, { "compress", CODING_UNKNOWN }, { "UTF-8", CODING_NONE }, { "none", CODING_NONE }, { "gzip,gzip", CODING_UNKNOWN }, { "gzip;q=1", CODING_UNKNOWN },
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

/* ---- what one program opens and another doesn't (coding.h) ---- */

#define TEXT "the content, as a browser sees it"

/* A gzip member by hand: its header with those flags and this much of an extra field, then TEXT. */
static size_t gzip_by_hand(unsigned flags, size_t extra, char *dst, size_t size)
{
	char head[70000] = { 0x1f, (char)0x8b, 8, (char)flags, 0, 0, 0, 0, 0, 3 };
	size_t n = 10;
	if (flags & 4) {
		head[n++] = (char)(extra & 0xff);
		head[n++] = (char)(extra >> 8);
		n += extra;
	}
	for (unsigned f = 8; f <= 16; f *= 2) /* name, comment */
		if (flags & f) {
			memset(head + n, 'n', extra);
			n += extra;
			head[n++] = 0;
		}
	if (flags & 2) {
		unsigned long crc = crc32(0, (unsigned char *)head, (unsigned)n);
		head[n++] = (char)(crc & 0xff);
		head[n++] = (char)(crc >> 8 & 0xff);
	}
	memcpy(dst, head, n);
	size_t whole = squeeze(TEXT, strlen(TEXT), 31, dst + n, size - n); /* its own header is 10 bytes */
	memmove(dst + n, dst + n + 10, whole - 10);
	return n + whole - 10;
}

/* zlib's format, and to who reads the bare one a stored block of one byte and then others: 65,534 zeros, or whatever one likes. */
static size_t both_deflates(char *dst)
{
	static const unsigned char head[] = { 0x78, 1, 0, 0xfe, 0xff, 1, 0 }, last[] = { 1, 0, 0, 0xff, 0xff };
	memcpy(dst, head, 7);
	memset(dst + 7, 0, 65534);
	memcpy(dst + 7 + 65534, last, 5);
	uint32_t sum = (uint32_t)adler32(1, (unsigned char *)dst + 7, 65534);
	for (int i = 0; i < 4; i++)
		dst[7 + 65534 + 5 + i] = (char)(sum >> (24 - 8 * i));
	return 7 + 65534 + 9;
}

/* A skippable frame of zstd's, `n` bytes of nothing. */
static size_t skippable(char *dst, size_t n)
{
	const unsigned char head[8] = { 0x5a, 0x2a, 0x4d, 0x18, (unsigned char)n, (unsigned char)(n >> 8) };
	memcpy(dst, head, 8);
	memset(dst + 8, 'X', n);
	return 8 + n;
}

/* text NULL: refused. In one piece, and byte by byte. */
static void takes(enum hold_coding coding, const char *p, size_t n, const char *text)
{
	for (size_t step = 1; step <= n; step = step < n ? n : n + 1) {
		struct hold h = { 0 };
		assert_int_equal(hold_begin(&h, coding, MAX, 0), 0);
		put_all(&h, p, n, step);
		if (text)
			check(&h, p, n, text, strlen(text));
		else
			assert_int_equal(hold_end(&h), 0);
		assert_int_equal(h.state, text ? HOLD_OK : HOLD_UNREADABLE);
		hold_done(&h);
	}
}

static void gzip_headers(void **state)
{
	static const struct {
		unsigned flags;
		size_t extra;
		bool opened;
	} cases[] = {
		{ 0, 0, true }, { 8, 255, true }, { 8 | 2, 100, true }, { 1 | 2 | 4 | 8 | 16, 6, true }, { 4, 32, true }, /* as tools write them */
		{ 4, 33, false }, { 4, 60000, false }, { 8, 400, false }, { 16, 400, false }, { 0x20, 0, false }, { 0xc0, 0, false },
	};
	static char p[70000];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = gzip_by_hand(cases[i].flags, cases[i].extra, p, sizeof p);
		takes(CODING_GZIP, p, n, cases[i].opened ? TEXT : NULL);
	}
}

static void behind_the_end(void **state)
{
	char p[4096];
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		size_t n = squeeze_as(all[i], TEXT, strlen(TEXT), p, sizeof p / 2);
		takes(all[i], p, n, TEXT);
		memcpy(p + n, p, n); /* the same again */
		takes(all[i], p, 2 * n, all[i] == CODING_ZSTD ? TEXT TEXT : NULL);
		memset(p + n, 0, 512); /* as tar pads */
		takes(all[i], p, n + 512, NULL);
	}
	size_t n = squeeze_as(CODING_GZIP, TEXT, strlen(TEXT), p, sizeof p);
	n += gzip_by_hand(0, 0, p + n, sizeof p - n);
	takes(CODING_GZIP, p, n, NULL); /* browsers see the first, others both */
}

static void two_readings(void **state)
{
	static char p[70000];
	size_t n = both_deflates(p);
	takes(CODING_DEFLATE, p, n, NULL);
	n = squeeze(TEXT, strlen(TEXT), 15, p, sizeof p);
	takes(CODING_DEFLATE, p, n, TEXT);
	p[0] ^= 1; /* neither */
	takes(CODING_DEFLATE, p, n, NULL);
	n = skippable(p, 3000);
	n += squeeze_as(CODING_ZSTD, TEXT, strlen(TEXT), p + n, 4096);
	n += skippable(p + n, 7);
	takes(CODING_ZSTD, p, n, TEXT);
	takes(CODING_GZIP, TEXT, strlen(TEXT), NULL); /* what is said, and isn't */
	takes(CODING_BROTLI, TEXT, strlen(TEXT), NULL);
	takes(CODING_ZSTD, TEXT, strlen(TEXT), NULL);
	takes(CODING_UNKNOWN, TEXT, strlen(TEXT), NULL);
	static const char large[] = { 0x11, 30, 3 }; /* br's window of 2^30, which only who was told of it takes */
	takes(CODING_BROTLI, large, sizeof large, NULL);
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
		                            cmocka_unit_test(gzip_headers), cmocka_unit_test(behind_the_end), cmocka_unit_test(two_readings), cmocka_unit_test(bomb), cmocka_unit_test(broken),
		                            cmocka_unit_test(ceiling) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
