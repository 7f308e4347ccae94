/* See cursor.h. */
#include "wire/cursor.h"

#include "base/err.h"

static const unsigned char *take(struct rd *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n) {
		r->bad = true;
		return NULL;
	}
	const unsigned char *p = r->p;
	r->p += n;
	return p;
}

static uint64_t rd_be(struct rd *r, size_t n)
{
	const unsigned char *p = take(r, n);
	uint64_t v = 0;
	for (size_t i = 0; p && i < n; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t rd_u8(struct rd *r)
{
	return (uint8_t)rd_be(r, 1);
}

uint16_t rd_u16(struct rd *r)
{
	return (uint16_t)rd_be(r, 2);
}

uint32_t rd_u32(struct rd *r)
{
	return (uint32_t)rd_be(r, 4);
}

uint64_t rd_u64(struct rd *r)
{
	return rd_be(r, 8);
}

void rd_bytes(struct rd *r, void *dst, size_t n)
{
	const unsigned char *p = take(r, n);
	if (p)
		memcpy(dst, p, n);
	else
		memset(dst, 0, n);
}

struct str rd_blob(struct rd *r)
{
	uint32_t n = rd_u32(r);
	const unsigned char *p = take(r, n);
	return p ? (struct str){ (const char *)p, n } : (struct str){ "", 0 };
}

static bool is_line(struct str s)
{
	return s.len == 0 || (!memchr(s.ptr, 0, s.len) && !memchr(s.ptr, '\n', s.len) && !memchr(s.ptr, '\r', s.len));
}

void rd_text(struct rd *r, char *dst, size_t size)
{
	uint16_t n = rd_u16(r);
	const unsigned char *p = take(r, n);
	struct str s = { (const char *)p, p ? n : 0 };
	dst[0] = 0;
	if (!is_line(s) || !str_copy(s, dst, size))
		r->bad = true;
}

int rd_end(const struct rd *r)
{
	return r->bad || r->p != r->end ? -E_INVALID : 0;
}

static void wr_be(struct buf *b, uint64_t v, size_t n)
{
	unsigned char c[8];
	for (size_t i = 0; i < n; i++)
		c[i] = (unsigned char)(v >> (8 * (n - 1 - i)));
	buf_put(b, c, n);
}

void wr_u8(struct buf *b, uint8_t v)
{
	wr_be(b, v, 1);
}

void wr_u16(struct buf *b, uint16_t v)
{
	wr_be(b, v, 2);
}

void wr_u32(struct buf *b, uint32_t v)
{
	wr_be(b, v, 4);
}

void wr_u64(struct buf *b, uint64_t v)
{
	wr_be(b, v, 8);
}

void wr_length(struct buf *b, size_t at)
{
	size_t n = b->len - at - 4;
	for (size_t i = 0; i < 4 && b->len >= at + 4; i++)
		b->ptr[at + i] = (char)(n >> (24 - 8 * i));
}

void wr_blob(struct buf *b, struct str s)
{
	wr_u32(b, (uint32_t)s.len);
	buf_str(b, s);
}

void wr_text(struct buf *b, struct str s)
{
	if (s.len > UINT16_MAX || !is_line(s)) {
		b->failed = b->failed ? b->failed : -E_INVALID;
		return;
	}
	wr_u16(b, (uint16_t)s.len);
	buf_str(b, s);
}
