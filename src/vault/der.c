/* See der.h. OpenSSL's X509 objects cost 60 µs a certificate in allocations and fetches; these bytes cost two. */
#include "vault/der.h"

#include "base/err.h"

#include <stdio.h>
#include <time.h>

size_t der_begin(struct buf *b, uint8_t tag)
{
	buf_putc(b, (char)tag);
	return b->len;
}

void der_end(struct buf *b, size_t at)
{
	if (b->failed)
		return;
	size_t n = b->len - at, extra = n < 128 ? 1 : n < 256 ? 2 : 3;
	unsigned char len[3] = { (unsigned char)n, 0, 0 };
	if (n > 0xffff || !buf_room(b, extra)) {
		b->failed = b->failed ? b->failed : -E_LIMIT;
		return;
	}
	if (extra == 2)
		memcpy(len, (unsigned char[]){ 0x81, (unsigned char)n }, 2);
	if (extra == 3)
		memcpy(len, (unsigned char[]){ 0x82, (unsigned char)(n >> 8), (unsigned char)n }, 3);
	memmove(b->ptr + at + extra, b->ptr + at, n);
	memcpy(b->ptr + at, len, extra);
	b->len += extra;
}

void der_put(struct buf *b, uint8_t tag, const void *p, size_t n)
{
	size_t at = der_begin(b, tag);
	buf_put(b, p, n);
	der_end(b, at);
}

void der_time(struct buf *b, int64_t unix_seconds)
{
	struct tm t;
	char text[40];
	time_t s = (time_t)unix_seconds;
	if (!gmtime_r(&s, &t)) {
		b->failed = -E_INVALID;
		return;
	}
	int year = t.tm_year + 1900;
	bool utc = year >= 1950 && year < 2050;
	int n = snprintf(text, sizeof text, utc ? "%02d%02d%02d%02d%02d%02dZ" : "%04d%02d%02d%02d%02d%02dZ", utc ? year % 100 : year,
	                 t.tm_mon + 1, t.tm_mday, t.tm_hour, t.tm_min, t.tm_sec);
	der_put(b, utc ? DER_UTC_TIME : DER_GENERAL_TIME, text, (size_t)n);
}
