/* HTTP/1.1 heads and bodies for both sides of the proxy; see http.h.
 *
 * The head is looked over by hand first (line ends, folding, bytes that no header may hold), because llhttp reports
 * such faults only in part; then llhttp parses the whole head in one call, so each span comes once and points into the
 * caller's bytes. */
#include "http/http.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>
#include <strings.h>

/* The name's length stands beside it: most comparisons end there. */
#define KNOWN(id, text) [id] = { (text), sizeof(text) - 1 }
static const struct str known_names[H_KNOWN_COUNT] = {
	KNOWN(H_HOST, "host"), KNOWN(H_CONNECTION, "connection"), KNOWN(H_CONTENT_LENGTH, "content-length"),
	KNOWN(H_TRANSFER_ENCODING, "transfer-encoding"), KNOWN(H_PROXY_CONNECTION, "proxy-connection"),
	KNOWN(H_KEEP_ALIVE, "keep-alive"), KNOWN(H_TE, "te"), KNOWN(H_TRAILER, "trailer"), KNOWN(H_UPGRADE, "upgrade"),
	KNOWN(H_PROXY_AUTHORIZATION, "proxy-authorization"), KNOWN(H_PROXY_AUTHENTICATE, "proxy-authenticate"),
	KNOWN(H_VIA, "via"), KNOWN(H_X_FORWARDED_FOR, "x-forwarded-for"), KNOWN(H_FORWARDED, "forwarded"),
	KNOWN(H_EXPECT, "expect"), KNOWN(H_ACCEPT_ENCODING, "accept-encoding"),
	KNOWN(H_CONTENT_ENCODING, "content-encoding"), KNOWN(H_CONTENT_TYPE, "content-type"), KNOWN(H_RANGE, "range"),
	KNOWN(H_IF_RANGE, "if-range"), KNOWN(H_ALT_SVC, "alt-svc"), KNOWN(H_USER_AGENT, "user-agent"),
	KNOWN(H_REFERER, "referer"), KNOWN(H_ACCEPT, "accept"), KNOWN(H_SEC_FETCH_DEST, "sec-fetch-dest"), KNOWN(H_WEBSOCKET_KEY, "sec-websocket-key"),
	KNOWN(H_WEBSOCKET_VERSION, "sec-websocket-version"), KNOWN(H_WEBSOCKET_ACCEPT, "sec-websocket-accept"),
	KNOWN(H_WEBSOCKET_EXTENSIONS, "sec-websocket-extensions"),
};

enum http_known http_known_name(struct str name)
{
	for (unsigned i = 1; i < H_KNOWN_COUNT; i++)
		if (known_names[i].len == name.len && (name.ptr[0] | 0x20) == known_names[i].ptr[0] &&
		    strncasecmp(name.ptr, known_names[i].ptr, name.len) == 0)
			return (enum http_known)i;
	return H_OTHER;
}

long http_head_end(const char *p, size_t n, size_t seen)
{
	size_t from = seen > 3 ? seen - 3 : 0;
	const char *end = n > from ? memmem(p + from, n - from, "\r\n\r\n", 4) : NULL;
	if (end && (size_t)(end - p) + 4 <= HTTP_MAX_HEAD)
		return end - p + 4;
	return end || n >= HTTP_MAX_HEAD ? -E_LIMIT : 0;
}

/* ---- what must not stand in any head ---- */

bool http_token_byte(unsigned char c)
{
	return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z') || (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *check_line(const char *p, size_t n, bool first)
{
	if (first) {
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)p[i] < 0x20 || p[i] == 0x7f)
				return "control character in the first line";
		return n ? NULL : "empty first line";
	}
	if (*p == ' ' || *p == '\t')
		return "folded header line";
	const char *colon = memchr(p, ':', n);
	if (!colon || colon == p)
		return "header line without a name";
	for (const char *c = p; c < colon; c++)
		if (!http_token_byte((unsigned char)*c))
			return "bad character in a header name";
	for (const char *c = colon + 1; c < p + n; c++)
		if (((unsigned char)*c < 0x20 && *c != '\t') || *c == 0x7f)
			return "control character in a header value";
	return NULL;
}

static const char *check_lines(const char *p, size_t n)
{
	const char *end = p + n - 2; /* the empty line */
	bool first = true;
	while (p < end) {
		const char *lf = memchr(p, '\n', (size_t)(end - p));
		if (!lf || lf == p || lf[-1] != '\r')
			return "line not ended by CR LF";
		const char *why = check_line(p, (size_t)(lf - 1 - p), first);
		if (why)
			return why;
		first = false;
		p = lf + 1;
	}
	return first ? "no first line" : NULL;
}

/* ---- llhttp's callbacks ---- */

static int on_url(llhttp_t *p, const char *at, size_t n)
{
	struct http_stream *s = p->data;
	s->head->target = (struct str){ at, n };
	return 0;
}

static int on_status(llhttp_t *p, const char *at, size_t n)
{
	struct http_stream *s = p->data;
	s->head->reason = (struct str){ at, n };
	return 0;
}

static int count_junk(struct http_stream *s, size_t n)
{
	s->junk += n;
	return s->junk > HTTP_MAX_TRAILER ? HPE_USER : 0;
}

/* A piece of a trailer's name or value. */
static int on_trailer(struct http_stream *s, const char *at, size_t n)
{
	if (s->trailers)
		buf_put(s->trailers, at, n);
	return count_junk(s, n + 1);
}

static int on_field(llhttp_t *p, const char *at, size_t n)
{
	struct http_stream *s = p->data;
	if (s->head_done)
		return on_trailer(s, at, n);
	if (s->head->n == HTTP_MAX_HEADERS) {
		llhttp_set_error_reason(p, "too many headers");
		return HPE_USER;
	}
	struct str name = { at, n };
	s->head->h[s->head->n++] = (struct http_header){ name, { at, 0 }, (uint8_t)http_known_name(name) };
	return 0;
}

static int on_value(llhttp_t *p, const char *at, size_t n)
{
	struct http_stream *s = p->data;
	if (s->head_done)
		return on_trailer(s, at, n);
	struct http_header *h = &s->head->h[s->head->n - 1];
	if (h->value.len) {
		llhttp_set_error_reason(p, "header value in pieces");
		return HPE_USER;
	}
	h->value = str_trim((struct str){ at, n });
	return 0;
}

static int on_field_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;
	return s->head_done ? on_trailer(s, ": ", 2) : 0;
}

static int on_value_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;
	return s->head_done ? on_trailer(s, "\r\n", 2) : 0;
}

static int on_extension(llhttp_t *p, const char *at, size_t n)
{
	return count_junk(p->data, n + 1);
}

static int on_headers_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;
	s->head_done = true;
	return s->head->no_body ? 1 : 0;
}

static int on_body(llhttp_t *p, const char *at, size_t n)
{
	struct http_stream *s = p->data;
	s->body = (struct str){ at, n };
	s->body_bytes += n;
	return HPE_PAUSED;
}

static int on_complete(llhttp_t *p)
{
	struct http_stream *s = p->data;
	s->done = true;
	return HPE_PAUSED;
}

static const llhttp_settings_t settings = {
	.on_url = on_url, .on_status = on_status, .on_header_field = on_field, .on_header_value = on_value,
	.on_header_field_complete = on_field_complete, .on_header_value_complete = on_value_complete,
	.on_headers_complete = on_headers_complete, .on_body = on_body, .on_message_complete = on_complete,
	.on_chunk_extension_name = on_extension, .on_chunk_extension_value = on_extension,
};

/* ---- framing as a whole ---- */

static const char *check_length(struct http_head *h, struct str value)
{
	uint64_t n;
	if (h->has_length)
		return "two Content-Length";
	if (!str_to_u64(value, INT64_MAX, &n))
		return "bad Content-Length";
	h->has_length = true;
	h->length = n;
	return NULL;
}

/* One pass over the headers for all that decides where the message ends. */
static const char *check_framing(struct http_head *h)
{
	const char *why = NULL;
	for (size_t i = 0; i < h->n && !why; i++) {
		struct str v = h->h[i].value;
		switch (h->h[i].id) {
		case H_CONTENT_LENGTH:
			why = check_length(h, v);
			break;
		case H_TRANSFER_ENCODING:
			if (h->chunked)
				why = "two Transfer-Encoding";
			else if (!str_case_eq(v, STR("chunked")))
				why = "Transfer-Encoding isn't exactly chunked";
			h->chunked = true;
			break;
		case H_EXPECT:
			if (!str_case_eq(v, STR("100-continue")))
				why = "unknown Expect";
			h->expect_continue = true;
			break;
		default:
			break;
		}
	}
	if (!why && h->chunked && h->has_length)
		why = "Content-Length with Transfer-Encoding";
	if (!why && h->chunked && h->minor == 0)
		why = "Transfer-Encoding in HTTP/1.0";
	return why;
}

/* Connection may name headers to take off, but none that decides who is asked or where the message ends. */
static const char *check_connection(const struct http_head *h)
{
	static const char *const never[] = { "host", "content-length", "transfer-encoding", "content-encoding" };
	for (size_t i = 0; i < ARRAY_LEN(never); i++)
		if (http_has_token(h, H_CONNECTION, str_from(never[i])))
			return "Connection names a header that must stay";
	return NULL;
}

const char *http_check_fields(struct http_head *h)
{
	const char *why = check_framing(h);
	return why ? why : check_connection(h);
}

static int refuse(const char *why, const char **ret_why)
{
	*ret_why = why;
	return -E_INVALID;
}

static int run_head(struct http_stream *s, llhttp_type_t type, const char *p, size_t n, const char **ret_why)
{
	llhttp_init(&s->p, type, &settings);
	s->p.data = s;
	llhttp_errno_t e = llhttp_execute(&s->p, p, n);
	bool end = e == HPE_PAUSED_UPGRADE || (e == HPE_PAUSED && s->done);
	if (e != HPE_OK && !(end && llhttp_get_error_pos(&s->p) == p + n)) {
		const char *reason = llhttp_get_error_reason(&s->p);
		return refuse(reason && *reason ? reason : llhttp_errno_name(e), ret_why);
	}
	if (!s->head_done)
		return refuse("the head doesn't end where it should", ret_why);
	if (s->p.http_major != 1 || s->p.http_minor > 1)
		return refuse("not HTTP/1.0 or 1.1", ret_why);
	s->head->minor = s->p.http_minor;
	return 0;
}

static void start(struct http_stream *s, struct http_head *h)
{
	memset(s, 0, sizeof *s);
	memset(h, 0, offsetof(struct http_head, h));
	s->head = h;
}

static void begin_body(struct http_stream *s, const struct http_head *h)
{
	s->done = h->no_body;
	s->counted = h->has_length;
	s->length = h->length;
	s->until_close = h->until_close;
	s->head = NULL;
}

static int check_request(const struct http_head *h, const char **ret_why)
{
	size_t hosts = 0;
	for (size_t i = 0; i < h->n; i++)
		hosts += h->h[i].id == H_HOST;
	if (hosts > 1)
		return refuse("two Host headers", ret_why);
	if (hosts == 0 && h->minor == 1)
		return refuse("no Host header", ret_why);
	if (h->method == HTTP_CONNECT && (h->chunked || (h->has_length && h->length)))
		return refuse("CONNECT with a body", ret_why);
	return 0;
}

int http_parse_request(struct http_stream *s, const char *p, size_t n, struct http_head *h, const char **ret_why)
{
	start(s, h);
	const char *why = check_lines(p, n);
	if (why)
		return refuse(why, ret_why);
	if (run_head(s, HTTP_REQUEST, p, n, ret_why) < 0)
		return -E_INVALID;
	h->method = s->p.method;
	const char *after = h->target.ptr + h->target.len;
	if (h->target.len == 0 || h->target.ptr - p < 2 || h->target.ptr[-2] == ' ' || after[0] != ' ' || after[1] != 'H')
		return refuse("blanks in the first line", ret_why);
	why = http_check_fields(h);
	if (why)
		return refuse(why, ret_why);
	bool close = http_has_token(h, H_CONNECTION, STR("close"));
	h->keep_alive = !close && (h->minor == 1 || http_has_token(h, H_CONNECTION, STR("keep-alive")));
	h->no_body = !h->chunked && (!h->has_length || h->length == 0);
	begin_body(s, h);
	return check_request(h, ret_why);
}

int http_parse_response(struct http_stream *s, const char *p, size_t n, uint8_t method, struct http_head *h,
                        const char **ret_why)
{
	start(s, h);
	const char *why = check_lines(p, n);
	if (why)
		return refuse(why, ret_why);
	/* llhttp asks in the middle whether a body follows: HEAD and 304 carry a length but none. */
	h->no_body = method == HTTP_HEAD;
	if (run_head(s, HTTP_RESPONSE, p, n, ret_why) < 0)
		return -E_INVALID;
	h->status = (uint16_t)s->p.status_code;
	if (h->status < 100 || h->status > 599)
		return refuse("status out of range", ret_why);
	why = http_check_fields(h);
	if (why)
		return refuse(why, ret_why);
	bool close = http_has_token(h, H_CONNECTION, STR("close"));
	h->keep_alive = !close && (h->minor == 1 || http_has_token(h, H_CONNECTION, STR("keep-alive")));
	h->no_body = h->no_body || h->status < 200 || h->status == 204 || h->status == 304 || (h->has_length && !h->length);
	h->until_close = !h->no_body && !h->chunked && !h->has_length;
	h->keep_alive = h->keep_alive && !h->until_close;
	begin_body(s, h);
	return 0;
}

static long feed_chunked(struct http_stream *s, const char *p, size_t n)
{
	if (llhttp_get_errno(&s->p) == HPE_PAUSED)
		llhttp_resume(&s->p);
	llhttp_errno_t e = llhttp_execute(&s->p, p, n);
	if (e == HPE_OK)
		return (long)n;
	return e == HPE_PAUSED ? llhttp_get_error_pos(&s->p) - p : -E_INVALID;
}

long http_feed(struct http_stream *s, const char *p, size_t n)
{
	s->body = (struct str){ NULL, 0 };
	if (s->done || n == 0)
		return 0;
	if (!s->counted && !s->until_close)
		return feed_chunked(s, p, n);
	uint64_t left = s->until_close ? n : s->length - s->body_bytes;
	size_t k = n < left ? n : (size_t)left;
	s->body = (struct str){ p, k };
	http_skip(s, k);
	return (long)k;
}

void http_skip(struct http_stream *s, size_t n)
{
	s->body_bytes += n;
	s->done = s->counted && s->body_bytes == s->length;
}

int http_feed_end(const struct http_stream *s)
{
	return s->done || s->until_close ? 0 : -E_CLOSED;
}

/* ---- looking things up ---- */

struct str http_get(const struct http_head *h, enum http_known id)
{
	for (size_t i = 0; i < h->n; i++)
		if (h->h[i].id == id)
			return h->h[i].value;
	return (struct str){ NULL, 0 };
}

int http_combine(const struct http_head *h, enum http_known id, char *dst, size_t size, struct str *ret)
{
	size_t len = 0;
	*ret = (struct str){ NULL, 0 };
	for (size_t i = 0; i < h->n; i++) {
		struct str v = h->h[i].value;
		if (h->h[i].id != id)
			continue;
		if (len + 1 + v.len > size)
			return -E_LIMIT;
		if (ret->ptr)
			dst[len++] = ',';
		memcpy(dst + len, v.ptr, v.len);
		*ret = (struct str){ dst, len += v.len };
	}
	return 0;
}

bool http_has_token(const struct http_head *h, enum http_known id, struct str token)
{
	for (size_t i = 0; i < h->n; i++) {
		struct str rest = h->h[i].value, one;
		if (h->h[i].id != id)
			continue;
		while (str_next(&rest, ',', &one))
			if (str_case_eq(str_trim(one), token))
				return true;
	}
	return false;
}
