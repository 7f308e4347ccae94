/* See coding.h. */
#include "proxy/coding.h"

#include "base/err.h"
#include "base/mem.h"

#define ZSTD_WINDOW_LOG 23
#define GZIP_HEADER 320 /* its fixed part, a name of 255 and what few tools add … */
#define GZIP_EXTRA 32   /* … which is shorter than the smallest container */

enum hold_coding hold_coding(struct str v)
{
	static const struct {
		struct str name;
		enum hold_coding coding;
	} codings[] = { { STR("identity"), CODING_NONE }, { STR("utf-8"), CODING_NONE }, { STR("none"), CODING_NONE }, { STR("gzip"), CODING_GZIP }, { STR("x-gzip"), CODING_GZIP },
		        { STR("deflate"), CODING_DEFLATE }, { STR("br"), CODING_BROTLI }, { STR("zstd"), CODING_ZSTD } };
	if (v.len == 0)
		return CODING_NONE;
	for (size_t i = 0; i < ARRAY_LEN(codings); i++)
		if (str_case_eq(v, codings[i].name))
			return codings[i].coding;
	/* A list ends here: no single coding has a comma. */
	return CODING_UNKNOWN;
}

/* ---- br's memory, counted ---- */

union block {
	size_t n;
	max_align_t align;
};

static void *br_alloc(void *user, size_t n)
{
	struct decoder *d = user;
	union block *b = n < SIZE_MAX - sizeof *b ? mem_alloc(sizeof *b + n) : NULL;
	if (!b)
		return NULL;
	b->n = n;
	d->br_held += n;
	return b + 1;
}

static void br_free(void *user, void *p)
{
	struct decoder *d = user;
	union block *b = p;
	if (!b)
		return;
	d->br_held -= b[-1].n;
	mem_free(b - 1);
}

/* ---- opening and closing ---- */

static bool zstd_open(struct decoder *d)
{
	d->zstd = ZSTD_createDStream();
	return d->zstd && !ZSTD_isError(ZSTD_DCtx_setParameter(d->zstd, ZSTD_d_windowLogMax, ZSTD_WINDOW_LOG));
}

int decoder_open(struct decoder *d, enum hold_coding coding)
{
	bool ok = true;
	*d = (struct decoder){ 0 };
	if (coding == CODING_GZIP || coding == CODING_DEFLATE)
		ok = inflateInit2(&d->z, coding == CODING_GZIP ? 15 + 16 : 15) == Z_OK && (coding != CODING_GZIP || inflateGetHeader(&d->z, &d->gzip) == Z_OK);
	else if (coding == CODING_BROTLI)
		ok = (d->br = BrotliDecoderCreateInstance(br_alloc, br_free, d)) != NULL;
	else if (coding == CODING_ZSTD)
		ok = zstd_open(d);
	else
		return 0;
	if (ok)
		d->coding = coding;
	else
		ZSTD_freeDStream(d->zstd);
	return ok ? 0 : -E_NOMEM;
}

void decoder_close(struct decoder *d)
{
	if (d->coding == CODING_GZIP || d->coding == CODING_DEFLATE)
		inflateEnd(&d->z);
	if (d->coding == CODING_BROTLI)
		BrotliDecoderDestroyInstance(d->br);
	if (d->coding == CODING_ZSTD)
		ZSTD_freeDStream(d->zstd);
	*d = (struct decoder){ 0 };
}

size_t decoder_held(const struct decoder *d)
{
	return d->coding == CODING_BROTLI ? d->br_held : d->coding == CODING_ZSTD ? ZSTD_sizeof_DStream(d->zstd) : 0;
}

/* ---- a step of each ---- */

/* "deflate" should be zlib's format (RFC 9110 8.4.1.2), but some servers send the bare one. */
static bool retry_raw(struct decoder *d)
{
	if (d->coding != CODING_DEFLATE || d->raw || d->z.total_out)
		return false;
	inflateEnd(&d->z);
	d->z = (z_stream){ 0 };
	d->raw = true;
	if (inflateInit2(&d->z, -15) != Z_OK) {
		d->coding = CODING_NONE;
		return false;
	}
	return true;
}

/* The three lowest bits of zlib's header (RFC 1950 2.2) are those of a stored block (RFC 1951 3.2.4), which then says its length twice. */
static bool is_both(struct decoder *d, struct str in)
{
	for (size_t i = 0; i < in.len && d->n_first < sizeof d->first; i++)
		d->first[d->n_first++] = (unsigned char)in.ptr[i];
	const unsigned char *f = d->first;
	return d->n_first == sizeof d->first && (f[0] & 15) == 8 && (f[0] << 8 | f[1]) % 31 == 0 && (f[1] ^ f[3]) == 0xff && (f[2] ^ f[4]) == 0xff;
}

/* What zlib took, as far as gzip's header goes. False: it is too long. */
static bool header_ok(struct decoder *d)
{
	d->headed = d->gzip.done || d->coding != CODING_GZIP;
	return d->coding != CODING_GZIP || (d->z.total_in <= GZIP_HEADER && d->gzip.extra_len <= GZIP_EXTRA);
}

static int inflate_piece(struct decoder *d)
{
	int r = Z_OK;
	if (!d->headed) { /* Z_BLOCK stops behind the header */
		r = inflate(&d->z, Z_BLOCK);
		if (!header_ok(d))
			return Z_DATA_ERROR;
	}
	return d->headed && r == Z_OK ? inflate(&d->z, Z_NO_FLUSH) : r;
}

static ptrdiff_t inflate_step(struct decoder *d, struct str *in, char *out, size_t size, bool first)
{
	size_t n = in->len < UINT32_MAX ? in->len : UINT32_MAX;
	if (d->end || (d->coding == CODING_DEFLATE && !d->raw && is_both(d, *in)))
		return -E_INVALID;
	d->z.next_in = (unsigned char *)(uintptr_t)in->ptr;
	d->z.avail_in = (unsigned)n;
	d->z.next_out = (unsigned char *)out;
	d->z.avail_out = (unsigned)size;
	int r = inflate_piece(d);
	if (r == Z_DATA_ERROR && first && retry_raw(d))
		return inflate_step(d, in, out, size, false);
	if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
		return -E_INVALID;
	n -= d->z.avail_in;
	*in = (struct str){ in->ptr + n, in->len - n };
	d->end = r == Z_STREAM_END;
	return (ptrdiff_t)(size - d->z.avail_out);
}

static ptrdiff_t br_step(struct decoder *d, struct str *in, char *out, size_t size)
{
	const uint8_t *next = (const uint8_t *)in->ptr;
	uint8_t *to = (uint8_t *)out;
	size_t room = size;
	if (d->end)
		return -E_INVALID;
	BrotliDecoderResult r = BrotliDecoderDecompressStream(d->br, &in->len, &next, &room, &to, NULL);
	in->ptr = (const char *)next;
	d->end = r == BROTLI_DECODER_RESULT_SUCCESS;
	return r == BROTLI_DECODER_RESULT_ERROR ? -E_INVALID : (ptrdiff_t)(size - room);
}

static ptrdiff_t zstd_step(struct decoder *d, struct str *in, char *out, size_t size)
{
	ZSTD_inBuffer from = { in->ptr, in->len, 0 };
	ZSTD_outBuffer to = { out, size, 0 };
	size_t r = ZSTD_decompressStream(d->zstd, &to, &from);
	if (ZSTD_isError(r))
		return -E_INVALID;
	*in = (struct str){ in->ptr + from.pos, in->len - from.pos };
	d->end = r == 0;
	return (ptrdiff_t)to.pos;
}

ptrdiff_t decoder_step(struct decoder *d, struct str *in, char *out, size_t size, bool first)
{
	switch (d->coding) {
	case CODING_GZIP: case CODING_DEFLATE: return inflate_step(d, in, out, size, first);
	case CODING_BROTLI: return br_step(d, in, out, size);
	case CODING_ZSTD: return zstd_step(d, in, out, size);
	default: return -E_INVALID;
	}
}
