/* See str.h. */
#include "base/str.h"

static unsigned char low(char c)
{
	return (unsigned char)(c >= 'A' && c <= 'Z' ? c + 32 : c);
}

bool str_case_eq(struct str a, struct str b)
{
	return a.len == b.len && str_case_starts(a, b);
}

bool str_starts(struct str s, struct str head)
{
	return s.len >= head.len && str_eq((struct str){ s.ptr, head.len }, head);
}

bool str_ends(struct str s, struct str tail)
{
	return s.len >= tail.len && str_eq((struct str){ s.ptr + s.len - tail.len, tail.len }, tail);
}

bool str_case_starts(struct str s, struct str head)
{
	if (s.len < head.len)
		return false;
	for (size_t i = 0; i < head.len; i++)
		if (low(s.ptr[i]) != low(head.ptr[i]))
			return false;
	return true;
}

bool str_case_ends(struct str s, struct str tail)
{
	return s.len >= tail.len && str_case_starts((struct str){ s.ptr + s.len - tail.len, tail.len }, tail);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t';
}

struct str str_trim(struct str s)
{
	while (s.len && blank(s.ptr[0]))
		s.ptr++, s.len--;
	while (s.len && blank(s.ptr[s.len - 1]))
		s.len--;
	return s;
}

bool str_next(struct str *s, char sep, struct str *ret)
{
	if (!s->ptr)
		return false;
	const char *p = s->len ? memchr(s->ptr, sep, s->len) : NULL;
	if (!p) {
		*ret = *s;
		*s = (struct str){ NULL, 0 };
		return true;
	}
	*ret = (struct str){ s->ptr, (size_t)(p - s->ptr) };
	s->len -= ret->len + 1;
	s->ptr = p + 1;
	return true;
}

bool str_to_u64(struct str s, uint64_t max, uint64_t *ret)
{
	uint64_t v = 0;
	if (s.len == 0 || s.len > 20)
		return false;
	for (size_t i = 0; i < s.len; i++) {
		if (s.ptr[i] < '0' || s.ptr[i] > '9')
			return false;
		uint64_t d = (uint64_t)(s.ptr[i] - '0');
		if (v > (UINT64_MAX - d) / 10)
			return false;
		v = v * 10 + d;
	}
	if (v > max)
		return false;
	*ret = v;
	return true;
}

bool str_copy(struct str s, char *dst, size_t size)
{
	if (s.len >= size || (s.len && memchr(s.ptr, 0, s.len)))
		return false;
	if (s.len)
		memcpy(dst, s.ptr, s.len);
	dst[s.len] = 0;
	return true;
}

void str_clip(const char *s, char *dst, size_t size)
{
	size_t n = strnlen(s, size - 1);
	memcpy(dst, s, n);
	dst[n] = 0;
}

void ip4_format(const uint8_t addr[4], char dst[16])
{
	for (int i = 0; i < 4; i++) {
		unsigned n = addr[i];
		if (n >= 100)
			*dst++ = (char)('0' + n / 100);
		if (n >= 10)
			*dst++ = (char)('0' + n / 10 % 10);
		*dst++ = (char)('0' + n % 10);
		*dst++ = i < 3 ? '.' : 0;
	}
}

/* Length of the UTF-8 sequence at p (RFC 3629 section 4), 0 when it is none. */
static size_t utf8_step(const unsigned char *p, size_t left)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	if (p[0] < 0x80)
		return p[0] != 0;
	size_t n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : p[0] >= 0xc2 ? 2 : 0;
	if (n == 0 || p[0] > 0xf4 || n > left)
		return 0;
	uint32_t c = p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	return c >= least[n] && c <= 0x10ffff && (c < 0xd800 || c > 0xdfff) ? n : 0;
}

/* Eight bytes of ASCII, none of them NUL? */
static bool eight_ascii(const char *p)
{
	uint64_t w;
	memcpy(&w, p, sizeof w);
	return !((w | (w - 0x0101010101010101u)) & 0x8080808080808080u);
}

int str_head(const char *s, size_t max)
{
	size_t n = strnlen(s, max + 1);
	if (n <= max)
		return (int)n;
	for (n = max; n && ((unsigned char)s[n] & 0xc0) == 0x80;)
		n--;
	return (int)n;
}

bool str_is_utf8(struct str s)
{
	for (size_t i = 0; i < s.len;) {
		if (s.len - i >= 8 && eight_ascii(s.ptr + i)) { /* nearly all of most texts */
			i += 8;
			continue;
		}
		size_t n = utf8_step((const unsigned char *)s.ptr + i, s.len - i);
		if (n == 0)
			return false;
		i += n;
	}
	return true;
}

void hex_format(const void *src, size_t n, char *dst)
{
	static const char digits[] = "0123456789abcdef";
	const unsigned char *p = src;
	for (size_t i = 0; i < n; i++) {
		dst[2 * i] = digits[p[i] >> 4];
		dst[2 * i + 1] = digits[p[i] & 15];
	}
	dst[2 * n] = 0;
}

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	unsigned char l = low(c);
	return l >= 'a' && l <= 'f' ? l - 'a' + 10 : -1;
}

bool hex_parse(struct str s, void *dst, size_t n)
{
	unsigned char *out = dst;
	if (s.len != 2 * n)
		return false;
	for (size_t i = 0; i < n; i++) {
		int a = nibble(s.ptr[2 * i]), b = nibble(s.ptr[2 * i + 1]);
		if (a < 0 || b < 0)
			return false;
		out[i] = (unsigned char)(a << 4 | b);
	}
	return true;
}
