/* See ja4.h. sni.c fills it in as it reads a ClientHello. */
#include "proxy/ja4.h"

#include "base/buf.h"
#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

/* RFC 8701: 0x0a0a, 0x1a1a, … 0xfafa. */
bool ja4_is_grease(uint16_t v)
{
	return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}

void ja4_add(struct ja4_list *l, uint16_t v)
{
	if (ja4_is_grease(v))
		return;
	if (l->n < JA4_LIST)
		l->v[l->n++] = v;
	else
		l->over = true;
}

static int by_value(const void *a, const void *b)
{
	return *(const uint16_t *)a - *(const uint16_t *)b;
}

static const char *version_of(const struct ja4 *j)
{
	switch (j->version ? j->version : j->legacy_version) {
	case 0x0304: return "13";
	case 0x0303: return "12";
	case 0x0302: return "11";
	case 0x0301: return "10";
	case 0x0300: return "s3";
	default: return "00";
	}
}

static bool alnum(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void alpn_of(const struct ja4 *j, char dst[3])
{
	static const char digits[] = "0123456789abcdef";
	memcpy(dst, "00", 3);
	if (!j->alpn.ptr || j->alpn.len == 0)
		return;
	unsigned char first = (unsigned char)j->alpn.ptr[0], last = (unsigned char)j->alpn.ptr[j->alpn.len - 1];
	bool text = alnum(first) && alnum(last);
	dst[0] = text ? (char)first : digits[first >> 4];
	dst[1] = text ? (char)last : digits[last & 15];
}

static void put_list(struct buf *b, const struct ja4_list *l, bool without_names)
{
	for (size_t i = 0, n = 0; i < l->n; i++)
		if (!without_names || (l->v[i] != 0x0000 && l->v[i] != 0x0010))
			buf_printf(b, n++ ? ",%04x" : "%04x", l->v[i]);
}

static void digest_of(struct buf *b, char dst[13])
{
	unsigned char sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	memset(dst, '0', 12);
	dst[12] = 0;
	if (b->len == 0 || b->failed)
		return;
	hash_sha256(b->ptr, b->len, sum);
	hex_format(sum, sizeof sum, hex);
	memcpy(dst, hex, 12);
}

void ja4_format(struct ja4 *j, char dst[JA4_TEXT])
{
	struct buf b;
	char suites[13], extensions[13], alpn[3];
	dst[0] = 0;
	if (j->suites.over || j->extensions.over || j->signatures.over)
		return;
	qsort(j->suites.v, j->suites.n, sizeof *j->suites.v, by_value);
	qsort(j->extensions.v, j->extensions.n, sizeof *j->extensions.v, by_value);
	buf_init(&b, 16 * KIB);
	put_list(&b, &j->suites, false);
	digest_of(&b, suites);
	buf_reset(&b);
	put_list(&b, &j->extensions, true);
	if (j->extensions.n && j->signatures.n) {
		buf_putc(&b, '_');
		put_list(&b, &j->signatures, false);
	}
	digest_of(&b, extensions);
	buf_done(&b);
	alpn_of(j, alpn);
	size_t ns = j->suites.n < 99 ? j->suites.n : 99, ne = j->extensions.n < 99 ? j->extensions.n : 99;
	snprintf(dst, JA4_TEXT, "t%s%c%02u%02u%s_%s_%s", version_of(j), j->sni ? 'd' : 'i', (unsigned)ns, (unsigned)ne, alpn, suites, extensions);
}
