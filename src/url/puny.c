/* International names; see puny.h. */
#include "url/puny.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

/* RFC 3492 section 5 */
#define BASE 36
#define T_MIN 1
#define T_MAX 26
#define SKEW 38
#define DAMP 700
#define BIAS 72
#define FIRST 128

static uint32_t adapt(uint32_t delta, uint32_t points, bool first)
{
	uint32_t k = 0;
	delta = first ? delta / DAMP : delta / 2;
	delta += delta / points;
	for (; delta > (BASE - T_MIN) * T_MAX / 2; k += BASE)
		delta /= BASE - T_MIN;
	return k + (BASE - T_MIN + 1) * delta / (delta + SKEW);
}

static uint32_t threshold(uint32_t k, uint32_t bias)
{
	return k <= bias ? T_MIN : k >= bias + T_MAX ? T_MAX : k - bias;
}

static int digit_of(char c)
{
	if (c >= 'a' && c <= 'z')
		return c - 'a';
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	return c >= '0' && c <= '9' ? c - '0' + 26 : -1;
}

/* One number of variable length (section 6.2); false: bad or too large. */
static bool take_number(struct str *s, uint32_t bias, uint32_t *i)
{
	uint64_t value = *i, weight = 1;
	for (uint32_t k = BASE;; k += BASE) {
		int d = s->len ? digit_of(s->ptr[0]) : -1;
		if (d < 0)
			return false;
		*s = (struct str){ s->ptr + 1, s->len - 1 };
		value += (uint64_t)d * weight;
		uint32_t t = threshold(k, bias);
		if (value > UINT32_MAX)
			return false;
		if ((uint32_t)d < t)
			break;
		weight *= BASE - t;
		if (weight > UINT32_MAX)
			return false;
	}
	*i = (uint32_t)value;
	return true;
}

int puny_decode(struct str s, uint32_t *ret, int max)
{
	size_t basic = s.len;
	int n = 0;
	while (basic && s.ptr[basic - 1] != '-')
		basic--;
	for (size_t k = 0; k + 1 < basic; k++) {
		if (n == max || (unsigned char)s.ptr[k] >= 0x80)
			return -1;
		ret[n++] = (unsigned char)s.ptr[k];
	}
	s = (struct str){ s.ptr + basic, s.len - basic };
	uint32_t code = FIRST, bias = BIAS, i = 0;
	while (s.len) {
		uint32_t before = i, points = (uint32_t)n + 1;
		if (n == max || !take_number(&s, bias, &i))
			return -1;
		bias = adapt(i - before, points, before == 0);
		if (i / points > 0x10ffff - code)
			return -1;
		code += i / points;
		i %= points;
		memmove(ret + i + 1, ret + i, ((size_t)n - i) * sizeof *ret);
		ret[i++] = code;
		n++;
	}
	return n;
}

static bool put_number(uint32_t q, uint32_t bias, char *dst, int *at, int size)
{
	for (uint32_t k = BASE;; k += BASE) {
		uint32_t t = threshold(k, bias), d = q < t ? q : t + (q - t) % (BASE - t);
		if (*at >= size)
			return false;
		dst[(*at)++] = (char)(d < 26 ? 'a' + d : '0' + d - 26);
		if (q < t)
			return true;
		q = (q - t) / (BASE - t);
	}
}

static uint32_t next_code(const uint32_t *in, int n, uint32_t from)
{
	uint32_t m = UINT32_MAX;
	for (int k = 0; k < n; k++)
		if (in[k] >= from && in[k] < m)
			m = in[k];
	return m;
}

int puny_encode(const uint32_t *in, int n, char *dst, int size)
{
	int at = 0, basic = 0;
	for (int k = 0; k < n; k++)
		if (in[k] < 0x80) {
			if (at >= size)
				return -1;
			dst[at++] = (char)in[k];
			basic++;
		}
	if (basic && at < size)
		dst[at++] = '-';
	uint32_t code = FIRST, bias = BIAS, delta = 0, done = (uint32_t)basic;
	while (done < (uint32_t)n) {
		uint32_t m = next_code(in, n, code);
		if (m > 0x10ffff || (uint64_t)(m - code) * (done + 1) > UINT32_MAX - delta)
			return -1;
		delta += (m - code) * (done + 1);
		code = m;
		for (int k = 0; k < n; k++) {
			delta += in[k] < code;
			if (in[k] != code)
				continue;
			if (!put_number(delta, bias, dst, &at, size))
				return -1;
			bias = adapt(delta, done + 1, done == (uint32_t)basic);
			delta = 0;
			done++;
		}
		delta++;
		code++;
	}
	return at;
}

/* ---- as people write them ---- */

/* The next code point of valid UTF-8. */
static uint32_t take_point(struct str *s)
{
	const unsigned char *p = (const unsigned char *)s->ptr;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	*s = (struct str){ s->ptr + n, s->len - n };
	if (c >= 0xff01 && c <= 0xff5e)
		c -= 0xff01 - 0x21;
	return c == 0x3002 || c == 0xff61 ? '.' : c;
}

static int put_label(const uint32_t *points, int n, bool ascii, char *dst, size_t size)
{
	int len;
	if (ascii) {
		if ((size_t)n >= size)
			return -1;
		for (int i = 0; i < n; i++)
			dst[i] = (char)points[i];
		return n;
	}
	if (size < 5)
		return -1;
	memcpy(dst, "xn--", 4);
	len = puny_encode(points, n, dst + 4, (int)size - 5);
	return len < 0 || len > 59 ? -1 : len + 4;
}

int url_host_from_utf8(struct str host, char dst[256])
{
	uint32_t points[64];
	size_t at = 0;
	bool ascii = true;
	int n = 0;
	if (!str_is_utf8(host))
		return -E_INVALID;
	while (host.len) {
		uint32_t c = take_point(&host);
		if (c != '.') {
			if (n == 63)
				return -E_INVALID;
			points[n++] = c >= 'A' && c <= 'Z' ? c + 32 : c;
			ascii = ascii && c < 0x80;
		}
		if (c != '.' && host.len)
			continue;
		int len = put_label(points, n, ascii, dst + at, 255 - at);
		if (len < 0)
			return -E_INVALID;
		at += (size_t)len;
		if (c == '.')
			dst[at++] = '.';
		n = 0;
		ascii = true;
		if (at > 253)
			return -E_INVALID;
	}
	dst[at] = 0;
	return at ? 0 : -E_INVALID;
}

/* ---- lookalikes ---- */

/* Code points that look like a lower-case ASCII letter or a digit, ascending. */
static const uint16_t alike[] = {
	0x00fe /* p */, 0x0131, 0x0138, 0x017f, 0x018d, 0x0192, 0x01bd, 0x01c0, 0x0237, 0x0251, 0x0261, 0x0262, 0x0269, 0x026a, 0x026f,
	0x0274, 0x0280, 0x028b, 0x028f, 0x0299, 0x029c, 0x029f,
	/* Greek */
	0x03b1, 0x03b3, 0x03b9, 0x03ba, 0x03bd, 0x03bf, 0x03c1, 0x03c3, 0x03c4, 0x03c5, 0x03c7, 0x03c9, 0x03f2, 0x03f3,
	/* Cyrillic */
	0x0430, 0x0433, 0x0435, 0x043e, 0x043f, 0x0440, 0x0441, 0x0443, 0x0445, 0x044c, 0x0455, 0x0456, 0x0458, 0x0461, 0x0475, 0x04ad,
	0x04af, 0x04b1, 0x04bb, 0x04bd, 0x04cf, 0x0501, 0x050d, 0x051b, 0x051d,
	/* Armenian */
	0x0561, 0x0563, 0x0566, 0x0570, 0x0578, 0x057c, 0x057d, 0x0581, 0x0584, 0x0585, 0x0587,
	/* Georgian, Cherokee's small letters and small capitals */
	0x10e7, 0x10ff, 0x13a0, 0x13a1, 0x13a2, 0x13a5, 0x13a9, 0x13aa, 0x13ab, 0x13b3, 0x13b7, 0x13bb, 0x13c0, 0x13c2, 0x13c3, 0x13cf,
	0x13d4, 0x13da, 0x13de, 0x13df, 0x13e2, 0x1d04, 0x1d0f, 0x1d11, 0x1d1c, 0x1d20, 0x1d21, 0x1d22, 0x1d26, 0x1d83, 0x1d8c,
	0x2c81, 0x2c85, 0x2c93, 0x2c9f, 0x2ca3, 0xa647, 0xa731, 0xab75, 0xab81, 0xab83, 0xab93, 0xaba9, 0xabaa, 0xabaf,
};

static bool looks_ascii(uint32_t c)
{
	size_t low = 0, high = ARRAY_LEN(alike);
	if (c < 0x80)
		return true;
	while (low < high) {
		size_t mid = (low + high) / 2;
		if (alike[mid] < c)
			low = mid + 1;
		else
			high = mid;
	}
	return low < ARRAY_LEN(alike) && alike[low] == c;
}

bool url_lookalike(struct str host)
{
	struct str label;
	uint32_t points[64];
	while (str_next(&host, '.', &label)) {
		if (!str_starts(label, STR("xn--")))
			continue;
		int n = puny_decode((struct str){ label.ptr + 4, label.len - 4 }, points, 64), k = 0;
		bool other = false;
		for (; k < n && looks_ascii(points[k]); k++)
			other = other || points[k] >= 0x80;
		if (n > 0 && k == n && other)
			return true;
	}
	return false;
}
