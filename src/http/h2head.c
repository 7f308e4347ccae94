/* Heads between HTTP/2 and the rest; see h2head.h. */
#include "http/h2head.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

void h2_block_init(struct h2_block *b)
{
	*b = (struct h2_block){ .n = 0 };
	buf_init(&b->text, HTTP_MAX_HEAD);
	buf_init(&b->cookie, HTTP_MAX_HEAD);
}

void h2_block_done(struct h2_block *b)
{
	buf_done(&b->text);
	buf_done(&b->cookie);
}

void h2_block_reset(struct h2_block *b)
{
	buf_reset(&b->text);
	buf_reset(&b->cookie);
	b->n = 0;
	b->bytes = 0;
	b->why = NULL;
}

static bool control(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (((unsigned char)s.ptr[i] < 0x20 && s.ptr[i] != '\t') || s.ptr[i] == 0x7f)
			return true;
	return false;
}

int h2_block_add(struct h2_block *b, struct str name, struct str value)
{
	b->bytes += name.len + value.len + 32;
	if (b->bytes > H2_BOMB)
		return -E_LIMIT;
	if (b->bytes > HTTP_MAX_HEAD)
		b->why = "head too long";
	if (control(value))
		b->why = "control character in a header value";
	if (b->why)
		return 0;
	if (str_eq(name, STR("cookie"))) {
		if (b->cookie.len)
			buf_puts(&b->cookie, "; ");
		buf_str(&b->cookie, value);
		return 0;
	}
	if (b->n == H2_FIELDS) {
		b->why = "too many headers";
		return 0;
	}
	b->name[b->n] = (uint32_t)name.len;
	b->value[b->n++] = (uint32_t)value.len;
	buf_str(&b->text, name);
	buf_str(&b->text, value);
	return 0;
}

bool h2_block_is_response(const struct h2_block *b)
{
	return b->n && b->name[0] == 7 && memcmp(b->text.ptr, ":status", 7) == 0;
}

/* ---- coming ---- */

struct pseudo {
	struct str method, scheme, authority, path, status;
};

static struct str *pseudo_named(struct pseudo *p, struct str name)
{
	const struct {
		struct str name, *at;
	} all[] = { { STR(":method"), &p->method }, { STR(":scheme"), &p->scheme }, { STR(":authority"), &p->authority },
		    { STR(":path"), &p->path }, { STR(":status"), &p->status } };
	for (size_t i = 0; i < ARRAY_LEN(all); i++)
		if (str_eq(name, all[i].name))
			return all[i].at;
	return NULL;
}

/* A token, without capitals (RFC 9113 8.2.1). */
static bool name_ok(struct str s)
{
	for (size_t i = 0; i < s.len; i++)
		if (!http_token_byte((unsigned char)s.ptr[i]) || (s.ptr[i] >= 'A' && s.ptr[i] <= 'Z'))
			return false;
	return s.len > 0;
}

static const char *add(struct http_head *h, struct str name, struct str value)
{
	if (h->n == HTTP_MAX_HEADERS)
		return "too many headers";
	h->h[h->n++] = (struct http_header){ name, str_trim(value), (uint8_t)http_known_name(name) };
	return NULL;
}

/* What says something of one connection only has no place here (RFC 9113 8.2.2). */
static bool of_connection(const struct http_header *x)
{
	switch (x->id) {
	case H_CONNECTION:
	case H_TRANSFER_ENCODING:
	case H_KEEP_ALIVE:
	case H_PROXY_CONNECTION:
	case H_UPGRADE:
		return true;
	case H_TE:
		return !str_case_eq(x->value, STR("trailers"));
	default:
		return false;
	}
}

static const char *take_one(struct http_head *h, struct pseudo *p, struct str name, struct str value)
{
	bool pseudo = name.len && name.ptr[0] == ':';
	if (!name_ok(pseudo ? (struct str){ name.ptr + 1, name.len - 1 } : name))
		return "bad character in a header name";
	if (!pseudo) {
		const char *why = add(h, name, value);
		return why ? why : of_connection(&h->h[h->n - 1]) ? "a header of HTTP/1.1 connections" : NULL;
	}
	struct str *at = pseudo_named(p, name);
	bool late = h->n > 0;
	if (!at || at->ptr || late)
		return "pseudo-header unknown, twice or out of place";
	*at = value;
	return NULL;
}

static const char *take_fields(struct h2_block *b, struct http_head *h, struct pseudo *p)
{
	const char *at = b->text.ptr, *why = b->why;
	memset(h, 0, offsetof(struct http_head, h));
	h->minor = 1;
	h->keep_alive = true;
	if (b->text.failed || b->cookie.failed)
		why = "head too long";
	for (unsigned i = 0; i < b->n && !why; i++) {
		struct str name = { at, b->name[i] }, value = { at + b->name[i], b->value[i] };
		at += name.len + value.len;
		why = take_one(h, p, name, value);
	}
	if (b->cookie.len && !why)
		why = add(h, STR("cookie"), buf_view(&b->cookie));
	return why ? why : http_check_fields(h);
}

const char *h2_trailer_lines(const struct h2_block *b, struct buf *dst)
{
	const char *at = b->text.ptr;
	if (b->why || b->text.failed || b->bytes > HTTP_MAX_TRAILER)
		return b->why ? b->why : "trailers too long";
	for (unsigned i = 0; i < b->n; i++) {
		struct str name = { at, b->name[i] }, value = { at + b->name[i], b->value[i] };
		at += name.len + value.len;
		if (!name_ok(name))
			return "bad trailer";
		buf_str(dst, name);
		buf_puts(dst, ": ");
		buf_str(dst, str_trim(value));
		buf_puts(dst, "\r\n");
	}
	return NULL;
}

static void begin_stream(struct http_stream *s, const struct http_head *h)
{
	memset(s, 0, sizeof *s);
	s->head_done = true;
	s->done = h->no_body;
	s->counted = h->has_length;
	s->length = h->length;
}

static bool find_method(struct str name, uint8_t *ret)
{
	for (unsigned m = HTTP_DELETE; m <= HTTP_SOURCE; m++)
		if (str_eq(name, str_from(llhttp_method_name((llhttp_method_t)m)))) {
			*ret = (uint8_t)m;
			return true;
		}
	return false;
}

/* :authority becomes Host, of which there must be one. */
static const char *take_authority(struct http_head *h, struct str authority)
{
	struct str host = http_get(h, H_HOST);
	size_t hosts = 0;
	for (size_t i = 0; i < h->n; i++)
		hosts += h->h[i].id == H_HOST;
	if (hosts > 1)
		return "two Host headers";
	if (!authority.ptr)
		return hosts ? NULL : "no :authority";
	if (hosts)
		return str_case_eq(host, authority) ? NULL : "Host differs from :authority";
	return add(h, STR("host"), authority);
}

int h2_request_head(struct h2_block *b, bool end, struct http_stream *s, struct http_head *h, const char **ret_why)
{
	struct pseudo p = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	const char *why = take_fields(b, h, &p);
	if (!why && (p.status.ptr || !p.method.ptr))
		why = "pseudo-headers aren't a request's";
	if (!why && !find_method(p.method, &h->method))
		why = "unknown method";
	if (!why && h->method != HTTP_CONNECT && (!str_eq(p.scheme, STR("https")) || p.path.len == 0 || p.path.ptr[0] != '/'))
		why = ":scheme isn't https, or :path isn't a path";
	why = why ? why : take_authority(h, p.authority);
	h->target = p.path;
	h->no_body = end;
	h->chunked = !end && !h->has_length;
	begin_stream(s, h);
	if (why)
		*ret_why = why;
	return why ? -E_INVALID : 0;
}

int h2_response_head(struct h2_block *b, bool end, uint8_t method, struct http_stream *s, struct http_head *h, const char **ret_why)
{
	struct pseudo p = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	uint64_t status = 0;
	const char *why = take_fields(b, h, &p);
	if (!why && (p.method.ptr || p.scheme.ptr || p.authority.ptr || p.path.ptr || p.status.len != 3 ||
	             !str_to_u64(p.status, 599, &status) || status < 100))
		why = "pseudo-headers aren't an answer's";
	h->status = (uint16_t)status;
	h->reason = STR("");
	h->no_body = end || method == HTTP_HEAD || status < 200 || status == 204 || status == 304;
	begin_stream(s, h);
	if (why)
		*ret_why = why;
	return why ? -E_INVALID : 0;
}

/* ---- going ---- */

static void put(nghttp2_nv *nv, struct str name, struct str value)
{
	*nv = (nghttp2_nv){ (uint8_t *)(uintptr_t)name.ptr, (uint8_t *)(uintptr_t)value.ptr, name.len, value.len, NGHTTP2_NV_FLAG_NONE };
}

/* One line off [*p, end), without its CR LF. */
static bool line(char **p, const char *end, struct str *ret)
{
	char *lf = *p < end ? memchr(*p, '\n', (size_t)(end - *p)) : NULL;
	if (!lf || lf == *p || lf[-1] != '\r')
		return false;
	*ret = (struct str){ *p, (size_t)(lf - 1 - *p) };
	*p = lf + 1;
	return true;
}

static void lower(struct str s)
{
	for (char *c = (char *)(uintptr_t)s.ptr; c < s.ptr + s.len; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
}

/* The lines after the first; Host goes to *host. */
static size_t put_lines(char *p, const char *end, nghttp2_nv *nv, size_t n, struct str *host)
{
	struct str l;
	while (n < H2_FIELDS && line(&p, end, &l) && l.len) {
		const char *colon = memchr(l.ptr, ':', l.len);
		if (!colon)
			return 0;
		struct str name = { l.ptr, (size_t)(colon - l.ptr) };
		struct str value = str_trim((struct str){ colon + 1, l.len - name.len - 1 });
		uint8_t id = (uint8_t)http_known_name(name);
		if (id == H_HOST && host)
			*host = value;
		if (id == H_HOST || id == H_TRANSFER_ENCODING || id == H_CONNECTION || id == H_KEEP_ALIVE)
			continue;
		lower(name);
		put(&nv[n++], name, value);
	}
	return n;
}

size_t h2_request_fields(char *text, size_t n, nghttp2_nv nv[H2_FIELDS])
{
	struct str first, rest, method, path, host = { NULL, 0 };
	char *p = text;
	if (!line(&p, text + n, &first))
		return 0;
	rest = first;
	if (!str_next(&rest, ' ', &method) || !rest.ptr || !str_next(&rest, ' ', &path))
		return 0;
	size_t k = put_lines(p, text + n, nv, 4, &host);
	if (k == 0 || !host.ptr)
		return 0;
	put(&nv[0], STR(":method"), method);
	put(&nv[1], STR(":scheme"), STR("https"));
	put(&nv[2], STR(":authority"), host);
	put(&nv[3], STR(":path"), path);
	return k;
}

size_t h2_answer_fields(char *text, size_t n, nghttp2_nv nv[H2_FIELDS])
{
	struct str first;
	char *p = text;
	if (!line(&p, text + n, &first) || first.len < 12)
		return 0;
	put(&nv[0], STR(":status"), (struct str){ first.ptr + 9, 3 });
	return put_lines(p, text + n, nv, 1, NULL);
}

size_t h2_trailer_fields(char *text, size_t n, nghttp2_nv nv[H2_FIELDS])
{
	return put_lines(text, text + n, nv, 0, NULL);
}
