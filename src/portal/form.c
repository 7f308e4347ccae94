/* See form.h. What nginx handed on came from a browser, or from anybody. */
#include "portal/form.h"

static int digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A broken escape stands for itself, as browsers have it. */
static bool decode(struct str s, char *dst, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		char c = s.ptr[i] == '+' ? ' ' : s.ptr[i];
		if (c == '%' && i + 2 < s.len && digit(s.ptr[i + 1]) >= 0 && digit(s.ptr[i + 2]) >= 0) {
			c = (char)(digit(s.ptr[i + 1]) * 16 + digit(s.ptr[i + 2]));
			i += 2;
		}
		if (c == '\r' || c == '\n' || c == '\t')
			c = ' ';
		if ((unsigned char)c < 0x20 || c == 0x7f || n + 1 >= size)
			return false;
		dst[n++] = c;
	}
	dst[n] = 0;
	return str_is_utf8((struct str){ dst, n });
}

/* How often it is there; the last one into *ret. */
static unsigned find(struct str form, char sep, const char *name, struct str *ret)
{
	struct str pair;
	size_t n = strlen(name);
	unsigned found = 0;
	while (str_next(&form, sep, &pair)) {
		if (sep == ';')
			pair = str_trim(pair);
		if (pair.len > n && pair.ptr[n] == '=' && memcmp(pair.ptr, name, n) == 0) {
			*ret = (struct str){ pair.ptr + n + 1, pair.len - n - 1 };
			found++;
		}
	}
	return found;
}

bool form_get(struct str form, const char *name, char *dst, size_t size)
{
	struct str value = { "", 0 };
	bool ok = find(form, '&', name, &value) == 1 && decode(value, dst, size);
	if (!ok)
		dst[0] = 0;
	return ok;
}

bool form_number(struct str form, const char *name, uint64_t max, uint64_t *ret)
{
	char text[24];
	return form_get(form, name, text, sizeof text) && str_to_u64(str_from(text), max, ret);
}

bool form_cookie(struct str header, const char *name, char *dst, size_t size)
{
	struct str value = { "", 0 };
	bool ok = find(header, ';', name, &value) == 1 && str_copy(value, dst, size);
	if (!ok)
		dst[0] = 0;
	return ok;
}
