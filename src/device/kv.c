/* key=value key="value with blanks" …, as firewalls write them. */
#include "device/parsers.h"

bool kv_next(struct str *s, struct str *key, struct str *value)
{
	for (;;) {
		while (s->len && (*s->ptr == ' ' || *s->ptr == ',' || *s->ptr == ';'))
			*s = (struct str){ s->ptr + 1, s->len - 1 };
		if (s->len == 0)
			return false;
		size_t n = 0;
		while (n < s->len && s->ptr[n] != '=' && s->ptr[n] != ' ')
			n++;
		if (n == s->len || s->ptr[n] == ' ') { /* a word without value */
			*s = (struct str){ s->ptr + n, s->len - n };
			continue;
		}
		*key = (struct str){ s->ptr, n };
		*s = (struct str){ s->ptr + n + 1, s->len - n - 1 };
		if (s->len && *s->ptr == '"') {
			size_t i = 1;
			while (i < s->len && s->ptr[i] != '"')
				i += s->ptr[i] == '\\' && i + 1 < s->len ? 2 : 1;
			*value = (struct str){ s->ptr + 1, i - 1 };
			i += i < s->len;
			*s = (struct str){ s->ptr + i, s->len - i };
		} else {
			size_t i = 0;
			while (i < s->len && s->ptr[i] != ' ')
				i++;
			*value = (struct str){ s->ptr, i };
			*s = (struct str){ s->ptr + i, s->len - i };
		}
		if (key->len)
			return true;
	}
}
