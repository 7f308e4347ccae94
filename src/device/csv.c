/* Values between commas; one in quotes may hold commas, and a quote as two (RFC 4180). The quotes are taken off, doubled ones left. */
#include "device/parsers.h"

bool csv_next(struct str *s, struct str *ret)
{
	if (!s->ptr)
		return false;
	if (s->len && *s->ptr == '"') {
		size_t i = 1;
		while (i < s->len && !(s->ptr[i] == '"' && (i + 1 == s->len || s->ptr[i + 1] == ',')))
			i += s->ptr[i] == '"' && i + 1 < s->len && s->ptr[i + 1] == '"' ? 2 : 1;
		if (i > s->len)
			i = s->len;
		*ret = (struct str){ s->ptr + 1, i - 1 };
		i += i < s->len;
		*s = i < s->len ? (struct str){ s->ptr + i + 1, s->len - i - 1 } : (struct str){ NULL, 0 };
		return true;
	}
	const char *comma = s->len ? memchr(s->ptr, ',', s->len) : NULL;
	*ret = (struct str){ s->ptr, comma ? (size_t)(comma - s->ptr) : s->len };
	*s = comma ? (struct str){ comma + 1, s->len - ret->len - 1 } : (struct str){ NULL, 0 };
	return true;
}
