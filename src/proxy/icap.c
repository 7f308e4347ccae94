/* See icap.h. */
#include "proxy/icap.h"

#include "base/mem.h"

#include <stdio.h>

enum { READ_ICAP, READ_HTTP, READ_SIZE, READ_EXTENSION, READ_CONTENT, READ_END };

/* ---- out ---- */

static void put_line(struct buf *b, const char *name, struct str value)
{
	if (!value.len || memchr(value.ptr, '\r', value.len) || memchr(value.ptr, '\n', value.len))
		return;
	buf_puts(b, name);
	buf_str(b, value);
	buf_puts(b, "\r\n");
}

bool icap_request(struct buf *b, const struct icap_about *a)
{
	struct buf rq, rs;
	buf_init(&rq, ICAP_HEAD_MAX);
	buf_init(&rs, ICAP_HEAD_MAX);
	buf_printf(&rq, "GET %s HTTP/1.1\r\n\r\n", a->url);
	buf_puts(&rs, "HTTP/1.1 200 OK\r\n");
	put_line(&rs, "Content-Type: ", a->type);
	buf_printf(&rs, "Content-Length: %llu\r\n\r\n", (unsigned long long)a->size);
	buf_printf(b, "RESPMOD icap://%s%s ICAP/1.0\r\nHost: %s\r\nAllow: 204\r\nConnection: close\r\n"
	           "Encapsulated: req-hdr=0, res-hdr=%zu, res-body=%zu\r\n\r\n", a->authority, a->path, a->authority, rq.len, rq.len + rs.len);
	buf_str(b, buf_view(&rq));
	buf_str(b, buf_view(&rs));
	buf_printf(b, "%llx\r\n", (unsigned long long)a->size);
	bool ok = !rq.failed && !rs.failed && !b->failed;
	buf_done(&rq);
	buf_done(&rs);
	return ok;
}

/* ---- in ---- */

void icap_reader_init(struct icap_reader *r)
{
	*r = (struct icap_reader){ .state = READ_ICAP };
	buf_init(&r->head, ICAP_HEAD_MAX);
}

void icap_reader_done(struct icap_reader *r)
{
	buf_done(&r->head);
}

/* "ICAP/1.0 204 …": the number, 0: no such line. */
static uint16_t status_of(struct str head, struct str protocol)
{
	const char *p = head.ptr + protocol.len;
	if (!str_starts(head, protocol) || head.len < protocol.len + 4 || p[0] != ' ')
		return 0;
	for (int i = 1; i < 4; i++)
		if (p[i] < '0' || p[i] > '9')
			return 0;
	return (uint16_t)((p[1] - '0') * 100 + (p[2] - '0') * 10 + p[3] - '0');
}

/* The value of the first such line; what isn't printable ASCII becomes '?'. */
static void field(struct str head, struct str name, char dst[ICAP_TEXT])
{
	struct str line;
	dst[0] = 0;
	while (str_next(&head, '\n', &line)) {
		if (!str_case_starts(line, name))
			continue;
		line.len -= line.ptr[line.len - 1] == '\r';
		struct str v = str_trim((struct str){ line.ptr + name.len, line.len - name.len });
		size_t n = v.len < ICAP_TEXT - 1 ? v.len : ICAP_TEXT - 1;
		for (size_t i = 0; i < n; i++)
			dst[i] = (unsigned char)v.ptr[i] < 0x20 || (unsigned char)v.ptr[i] > 0x7e ? '?' : v.ptr[i];
		dst[n] = 0;
		return;
	}
}

/* X-Infection-Found: Type=0; Resolution=2; Threat=NAME; */
static void read_found(struct icap_reader *r, struct str head)
{
	char text[ICAP_TEXT];
	field(head, STR("X-Infection-Found:"), text);
	const char *p = strstr(text, "Threat=");
	if (p)
		snprintf(r->found, sizeof r->found, "%.*s", (int)strcspn(p + 7, ";"), p + 7);
}

/* "res-hdr=0, res-body=137", or "res-hdr=0, null-body=137". */
static bool read_encapsulated(struct icap_reader *r, struct str head)
{
	char text[ICAP_TEXT];
	uint64_t n = 0;
	field(head, STR("Encapsulated:"), text);
	const char *body = strstr(text, "res-body="), *none = strstr(text, "null-body=");
	const char *p = body ? body + 9 : none ? none + 10 : NULL;
	if (strncmp(text, "res-hdr=0,", 10) != 0 || !p || !str_to_u64((struct str){ p, strspn(p, "0123456789") }, ICAP_HEAD_MAX, &n))
		return false;
	r->has_body = body != NULL;
	r->http_head = (size_t)n;
	return n > 0;
}

static enum icap_result icap_head(struct icap_reader *r, struct str head)
{
	r->status = status_of(head, STR("ICAP/1.0"));
	read_found(r, head);
	if (r->status == 204)
		return ICAP_UNCHANGED;
	if (r->status != 200 || !read_encapsulated(r, head))
		return ICAP_BROKEN;
	r->state = READ_HTTP;
	return ICAP_MORE;
}

static enum icap_result http_head(struct icap_reader *r, struct str head)
{
	r->http_status = status_of(head, str_starts(head, STR("HTTP/1.0")) ? STR("HTTP/1.0") : STR("HTTP/1.1"));
	if (!r->http_status)
		return ICAP_BROKEN;
	if (r->http_status < 200 || r->http_status > 299 || !r->has_body)
		return ICAP_REFUSED;
	field(head, STR("Content-Type:"), r->type);
	field(head, STR("Content-Disposition:"), r->disposition);
	r->state = READ_SIZE;
	return ICAP_MORE;
}

/* Takes of *s what belongs to a head of a known length, or to one that ends with an empty line. */
static enum icap_result read_head(struct icap_reader *r, struct str *s)
{
	while (s->len) {
		buf_putc(&r->head, *s->ptr++);
		s->len--;
		if (r->head.failed)
			return ICAP_BROKEN;
		bool whole = r->state == READ_HTTP ? r->head.len == r->http_head : r->head.len >= 4 && memcmp(r->head.ptr + r->head.len - 4, "\r\n\r\n", 4) == 0;
		if (!whole)
			continue;
		enum icap_result e = r->state == READ_HTTP ? http_head(r, buf_view(&r->head)) : icap_head(r, buf_view(&r->head));
		buf_reset(&r->head);
		return e;
	}
	return ICAP_MORE;
}

/* Hexadecimal, then perhaps an extension, to the line's end; the CRLF behind a chunk is an empty line before it. */
static enum icap_result read_size(struct icap_reader *r, char c)
{
	int v = c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
	if (r->state == READ_SIZE && v >= 0) {
		r->chunk = r->chunk << 4 | (unsigned)v;
		return ++r->digits > 8 ? ICAP_BROKEN : ICAP_MORE;
	}
	if (r->state == READ_SIZE && (c == ';' || c == ' '))
		r->state = READ_EXTENSION;
	if (c == '\n' && !r->digits)
		return ICAP_MORE;
	if (c == '\n') {
		r->state = READ_CONTENT;
		return r->chunk ? ICAP_MORE : ICAP_REPLACED;
	}
	return r->state == READ_EXTENSION || c == '\r' ? ICAP_MORE : ICAP_BROKEN;
}

static enum icap_result read_content(struct icap_reader *r, struct str *s, int (*put)(void *, struct str), void *user)
{
	struct str part = { s->ptr, s->len < r->chunk ? s->len : (size_t)r->chunk };
	r->chunk -= part.len;
	*s = (struct str){ s->ptr + part.len, s->len - part.len };
	if (!r->chunk) {
		r->state = READ_SIZE;
		r->digits = 0;
	}
	return put(user, part) < 0 ? ICAP_BROKEN : ICAP_MORE;
}

enum icap_result icap_read(struct icap_reader *r, struct str s, int (*put)(void *user, struct str content), void *user)
{
	enum icap_result e = r->state == READ_END ? ICAP_BROKEN : ICAP_MORE;
	while (e == ICAP_MORE && s.len) {
		if (r->state <= READ_HTTP) {
			e = read_head(r, &s);
		} else if (r->state == READ_CONTENT) {
			e = read_content(r, &s, put, user);
		} else {
			e = read_size(r, *s.ptr++);
			s.len--;
		}
	}
	if (e != ICAP_MORE)
		r->state = READ_END;
	return e;
}
