/* See trailer.h. Collected by http.c and h2head.c, sent on by proxy/down1.c and down2.c. */
#include "http/trailer.h"

#include "base/err.h"
#include "base/mem.h"
#include "http/http.h"

#include <string.h>

static bool may_pass(struct str name)
{
	static const char *const never[] = { "set-cookie", "cookie", "authorization", "www-authenticate", "authentication-info", "location", "date",
		                             "age", "expires", "pragma", "vary", "warning", "retry-after", "cache-control", "max-forwards",
		                             "strict-transport-security", "origin" };
	static const char *const families[] = { "content-", "proxy-", "if-", "access-control-", "x-forwarded-", "sec-" };
	if (http_known_name(name) != H_OTHER)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (str_case_eq(name, str_from(never[i])))
			return false;
	for (size_t i = 0; i < ARRAY_LEN(families); i++)
		if (str_case_starts(name, str_from(families[i])))
			return false;
	return true;
}

static bool proper(struct str name, struct str value)
{
	for (size_t i = 0; i < name.len; i++)
		if (!http_token_byte((unsigned char)name.ptr[i]))
			return false;
	for (size_t i = 0; i < value.len; i++)
		if (((unsigned char)value.ptr[i] < 0x20 && value.ptr[i] != '\t') || value.ptr[i] == 0x7f)
			return false;
	return name.len > 0;
}

int trailer_sift(struct buf *b)
{
	char *p = b->ptr, *end = b->ptr + b->len, *to = b->ptr;
	if (b->failed)
		return -E_INVALID;
	while (p < end) {
		char *lf = memmem(p, (size_t)(end - p), "\r\n", 2);
		char *colon = lf ? memchr(p, ':', (size_t)(lf - p)) : NULL;
		if (!colon)
			return -E_INVALID;
		struct str name = { p, (size_t)(colon - p) }, value = { colon + 1, (size_t)(lf - colon - 1) };
		size_t n = (size_t)(lf + 2 - p);
		if (!proper(name, value))
			return -E_INVALID;
		if (may_pass(name)) {
			memmove(to, p, n);
			to += n;
		}
		p += n;
	}
	b->len = (size_t)(to - b->ptr);
	return 0;
}
