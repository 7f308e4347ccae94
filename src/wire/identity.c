/* See identity.h. controld asks: identity_ok() where a name comes in, identity_same() where two eyes must be four. */
#include "wire/identity.h"

#include "base/mem.h"

struct range {
	uint32_t first, last;
};

/* U+FA0E …: the twelve ideographs of the compatibility block that stand for no other. */
static const struct range letters[] = {
	{ 0x20, 0x7e },     { 0x3000, 0x3000 }, { 0x3005, 0x3007 }, { 0x3041, 0x3096 },   { 0x30a1, 0x30fe },   { 0x3400, 0x4dbf },
	{ 0x4e00, 0x9fff }, { 0xfa0e, 0xfa0f }, { 0xfa11, 0xfa11 }, { 0xfa13, 0xfa14 },   { 0xfa1f, 0xfa1f },   { 0xfa21, 0xfa21 },
	{ 0xfa23, 0xfa24 }, { 0xfa27, 0xfa29 }, { 0xff01, 0xff5e }, { 0x20000, 0x2a6df }, { 0x2a700, 0x2ebe0 }, { 0x30000, 0x323af },
};

/* The next character of valid UTF-8. */
static uint32_t next(struct str *s)
{
	const unsigned char *p = (const unsigned char *)s->ptr;
	size_t n = p[0] < 0x80 ? 1 : p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	uint32_t c = n == 1 ? p[0] : p[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		c = c << 6 | (p[i] & 0x3f);
	s->ptr += n;
	s->len -= n;
	return c;
}

static bool blank(uint32_t c)
{
	return c == ' ' || c == 0x3000;
}

bool identity_ok(struct str name)
{
	uint32_t c = 0;
	if (name.len == 0 || name.len >= IDENTITY_MAX || !str_is_utf8(name))
		return false;
	for (size_t i = 0; name.len; i++) {
		bool known = false;
		c = next(&name);
		for (size_t k = 0; k < ARRAY_LEN(letters); k++)
			known |= c >= letters[k].first && c <= letters[k].last;
		if (!known || (i == 0 && blank(c)))
			return false;
	}
	return !blank(c);
}

/* The next character that counts, in its plain form; 0 at the end. */
static uint32_t plain(struct str *s)
{
	while (s->len) {
		uint32_t c = next(s);
		if (c >= 0xff01 && c <= 0xff5e)
			c -= 0xff01 - '!';
		if (c >= 'A' && c <= 'Z')
			c += 'a' - 'A';
		if (!blank(c))
			return c;
	}
	return 0;
}

static size_t put_utf8(char *dst, uint32_t c)
{
	size_t n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
	for (size_t i = n; i-- > 1; c >>= 6)
		dst[i] = (char)(0x80 | (c & 0x3f));
	dst[0] = (char)(n == 1 ? c : (0xf00u >> n & 0xff) | c);
	return n;
}

bool identity_fold(const char *name, char dst[IDENTITY_MAX])
{
	struct str s = str_from(name);
	size_t n = 0;
	for (uint32_t c; (c = plain(&s));) {
		if (n + 4 >= IDENTITY_MAX)
			return false;
		n += put_utf8(dst + n, c);
	}
	dst[n] = 0;
	return n > 0;
}

bool identity_same(const char *a, const char *b)
{
	struct str x = str_from(a), y = str_from(b);
	if (!str_is_utf8(x) || !str_is_utf8(y))
		return str_eq(x, y);
	for (;;) {
		uint32_t c = plain(&x);
		if (c != plain(&y))
			return false;
		if (c == 0)
			return true;
	}
}
