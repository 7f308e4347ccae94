/* See buf.h. */
#include "base/buf.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){ .max = max };
}

void buf_done(struct buf *b)
{
	mem_free(b->ptr);
	*b = (struct buf){ .max = b->max };
}

void buf_wipe(struct buf *b)
{
	if (b->ptr)
		explicit_bzero(b->ptr, b->cap);
	buf_done(b);
}

void buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = 0;
}

bool buf_room(struct buf *b, size_t n)
{
	if (b->failed)
		return false;
	if (n > b->max || b->len > b->max - n) {
		b->failed = -E_LIMIT;
		return false;
	}
	if (b->len + n <= b->cap)
		return true;
	size_t cap = b->cap ? b->cap : 256;
	while (cap < b->len + n)
		cap *= 2;
	if (cap > b->max)
		cap = b->max;
	char *p = mem_grow(b->ptr, cap);
	if (!p) {
		b->failed = -E_NOMEM;
		return false;
	}
	b->ptr = p;
	b->cap = cap;
	return true;
}

void buf_put(struct buf *b, const void *p, size_t n)
{
	if (n == 0 || !buf_room(b, n))
		return;
	memcpy(b->ptr + b->len, p, n);
	b->len += n;
}

void buf_puts(struct buf *b, const char *s)
{
	buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
	if (b->len < b->cap && b->len < b->max && !b->failed) /* most of what is written, is written here */
		b->ptr[b->len++] = c;
	else
		buf_put(b, &c, 1);
}

void buf_str(struct buf *b, struct str s)
{
	buf_put(b, s.ptr, s.len);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap, ap2;
	size_t room = b->failed ? 0 : b->cap - b->len; /* mostly enough: then it is formatted once */
	va_start(ap, fmt);
	va_copy(ap2, ap);
	int n = vsnprintf(room ? b->ptr + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n > 0 && (size_t)n < room) {
		b->len += (size_t)n;
	} else if (n > 0 && buf_room(b, (size_t)n + 1)) {
		vsnprintf(b->ptr + b->len, (size_t)n + 1, fmt, ap2);
		b->len += (size_t)n;
	}
	va_end(ap2);
}

void buf_u64(struct buf *b, uint64_t v)
{
	char d[20];
	size_t i = sizeof d;
	do
		d[--i] = (char)('0' + v % 10);
	while (v /= 10);
	buf_put(b, d + i, sizeof d - i);
}

void buf_i64(struct buf *b, int64_t v)
{
	if (v < 0)
		buf_putc(b, '-');
	buf_u64(b, v < 0 ? -(uint64_t)v : (uint64_t)v);
}

void buf_percent(struct buf *b, struct str s)
{
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_' || c == '~')
			buf_putc(b, (char)c);
		else
			buf_printf(b, "%%%02X", c);
	}
}

void buf_drop(struct buf *b, size_t n)
{
	if (n >= b->len) {
		b->len = 0;
		return;
	}
	memmove(b->ptr, b->ptr + n, b->len - n);
	b->len -= n;
}

const char *buf_cstr(struct buf *b)
{
	if (b->failed || b->len == 0 || !buf_room(b, 1))
		return "";
	b->ptr[b->len] = 0;
	return b->ptr;
}

static size_t utf8_len(struct str s, size_t i)
{
	unsigned char c = (unsigned char)s.ptr[i];
	size_t n = c >= 0xf0 ? 4 : c >= 0xe0 ? 3 : 2; /* what is ASCII doesn't come here */
	return i + n <= s.len && str_is_utf8((struct str){ s.ptr + i, n }) ? n : 0;
}

/* One character that can't stand as it is; returns how many bytes of s it took. */
static size_t json_escape(struct buf *b, struct str s, size_t i)
{
	static const char letters[256] = { ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n', ['\f'] = 'f', ['\r'] = 'r', ['"'] = '"', ['\\'] = '\\' };
	unsigned char c = (unsigned char)s.ptr[i];
	if (letters[c]) {
		buf_putc(b, '\\');
		buf_putc(b, letters[c]);
		return 1;
	}
	if (c < 0x20 || c == 0x7f) {
		buf_printf(b, "\\u%04x", c);
		return 1;
	}
	size_t n = utf8_len(s, i);
	if (n == 0) {
		buf_puts(b, "\xef\xbf\xbd");
		return 1;
	}
	buf_put(b, s.ptr + i, n);
	return n;
}

static const bool stands[256] = { [' '] = true, ['!'] = true, ['#' ... '['] = true, [']' ... '~'] = true };

/* Is there a byte of zero among these eight? (The highest bit of the lowest such one is right, which is enough.) */
static uint64_t has_zero(uint64_t w)
{
	return (w - 0x0101010101010101u) & ~w & 0x8080808080808080u;
}

/* Do all eight stand as they are? */
static bool eight_stand(const char *p)
{
	uint64_t w;
	memcpy(&w, p, sizeof w);
	const uint64_t each = 0x0101010101010101u;
	return !(((w | (w - 0x20 * each)) & 0x80 * each) | has_zero(w ^ '"' * each) | has_zero(w ^ '\\' * each) | has_zero(w ^ 0x7f * each));
}

/* How much of it, from its beginning, stands in JSON as it is. */
static size_t plain_head(struct str s)
{
	size_t i = 0;
	while (i + 8 <= s.len && eight_stand(s.ptr + i))
		i += 8;
	while (i < s.len && stands[(unsigned char)s.ptr[i]])
		i++;
	return i;
}

void json_str(struct buf *b, struct str s)
{
	size_t i = 0;
	if (!s.ptr) /* a null pointer takes no offset, not even 0 (C17 6.5.6) */
		s = STR("");
	if ((i = plain_head(s)) == s.len) { /* nearly all texts */
		if (!buf_room(b, s.len + 2))
			return;
		char *p = b->ptr + b->len;
		p[0] = '"';
		memcpy(p + 1, s.ptr, s.len);
		p[s.len + 1] = '"';
		b->len += s.len + 2;
		return;
	}
	buf_putc(b, '"');
	buf_put(b, s.ptr, i);
	while (i < s.len) {
		i += json_escape(b, s, i);
		size_t n = plain_head((struct str){ s.ptr + i, s.len - i });
		buf_put(b, s.ptr + i, n);
		i += n;
	}
	buf_putc(b, '"');
}

void json_key(struct buf *b, const char *key)
{
	if (b->len && b->ptr[b->len - 1] != '{' && b->ptr[b->len - 1] != '[')
		buf_putc(b, ',');
	json_str(b, str_from(key));
	buf_putc(b, ':');
}

void json_field(struct buf *b, const char *key, struct str value)
{
	json_key(b, key);
	json_str(b, value);
}

void json_field_s(struct buf *b, const char *key, const char *value)
{
	json_field(b, key, str_from(value));
}

void json_field_u64(struct buf *b, const char *key, uint64_t value)
{
	json_key(b, key);
	buf_u64(b, value);
}

void json_field_bool(struct buf *b, const char *key, bool value)
{
	json_key(b, key);
	buf_puts(b, value ? "true" : "false");
}
