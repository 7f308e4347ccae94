/* HTTP/1.1 strictness: what must be refused (smuggling), what must pass, and bodies in any cut. */
#include "http/http.h"
#include "proxy/target.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#define GET "GET http://a.example/ HTTP/1.1\r\nHost: a.example\r\n"
#define POST "POST http://a.example/ HTTP/1.1\r\nHost: a.example\r\n"
#define RAW(text) text, sizeof(text) - 1

static const struct bad_case {
	const char *name, *text;
	size_t len;
} bad[] = {
	{ "two lengths that differ", RAW(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\n") },
	{ "two lengths that agree", RAW(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\n") },
	{ "length list", RAW(POST "Content-Length: 5, 5\r\n\r\n") },
	{ "length with sign", RAW(POST "Content-Length: +5\r\n\r\n") },
	{ "negative length", RAW(POST "Content-Length: -1\r\n\r\n") },
	{ "hex length", RAW(POST "Content-Length: 0x5\r\n\r\n") },
	{ "empty length", RAW(POST "Content-Length: \r\n\r\n") },
	{ "length past 63 bits", RAW(POST "Content-Length: 18446744073709551616\r\n\r\n") },
	{ "length with inner blank", RAW(POST "Content-Length: 5 5\r\n\r\n") },
	{ "length and chunked", RAW(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ "chunked and length", RAW(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n") },
	{ "length 0 and chunked", RAW(POST "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ "xchunked", RAW(POST "Transfer-Encoding: xchunked\r\n\r\n") },
	{ "gzip, chunked", RAW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n") },
	{ "chunked twice in a list", RAW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n") },
	{ "chunked twice", RAW(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ "identity", RAW(POST "Transfer-Encoding: identity\r\n\r\n") },
	{ "chunked in quotes", RAW(POST "Transfer-Encoding: \"chunked\"\r\n\r\n") },
	{ "chunked with a vertical tab", RAW(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n") },
	{ "chunked with parameter", RAW(POST "Transfer-Encoding: chunked;x=1\r\n\r\n") },
	{ "chunked in HTTP/1.0", RAW("POST http://a.example/ HTTP/1.0\r\nHost: a.example\r\nTransfer-Encoding: chunked\r\n\r\n") },
	{ "blank before the colon", RAW(POST "Content-Length : 5\r\n\r\n") },
	{ "tab before the colon", RAW(POST "Transfer-Encoding\t: chunked\r\n\r\n") },
	{ "blank before a name", RAW(GET " X: y\r\n\r\n") },
	{ "folded header", RAW(GET "X: y\r\n z\r\n\r\n") },
	{ "folded with tab", RAW(GET "X: y\r\n\tz\r\n\r\n") },
	{ "bare LF in the middle", RAW(GET "X: y\nZ: w\r\n\r\n") },
	{ "bare CR in a value", RAW(GET "X: y\rContent-Length: 5\r\n\r\n") },
	{ "NUL in a value", RAW(GET "X: y\0z\r\n\r\n") },
	{ "NUL in a name", RAW(GET "X\0Y: z\r\n\r\n") },
	{ "control byte in a value", RAW(GET "X: \x01\r\n\r\n") },
	{ "DEL in a value", RAW(GET "X: \x7f\r\n\r\n") },
	{ "no colon", RAW(GET "X\r\n\r\n") },
	{ "empty name", RAW(GET ": x\r\n\r\n") },
	{ "slash in a name", RAW(GET "X/Y: z\r\n\r\n") },
	{ "brackets in a name", RAW(GET "Content-Length[]: 5\r\n\r\n") },
	{ "no Host", RAW("GET http://a.example/ HTTP/1.1\r\n\r\n") },
	{ "two Hosts", RAW(GET "Host: a.example\r\n\r\n") },
	{ "Host of another", RAW("GET http://a.example/ HTTP/1.1\r\nHost: b.example\r\n\r\n") },
	{ "Host with another port", RAW("GET http://a.example/ HTTP/1.1\r\nHost: a.example:81\r\n\r\n") },
	{ "Host with a path", RAW("GET http://a.example/ HTTP/1.1\r\nHost: a.example/\r\n\r\n") },
	{ "Host with user", RAW("GET http://a.example/ HTTP/1.1\r\nHost: x@a.example\r\n\r\n") },
	{ "two addresses in Host", RAW("GET http://a.example/ HTTP/1.1\r\nHost: a.example, b.example\r\n\r\n") },
	{ "origin form", RAW("GET / HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "https in clear", RAW("GET https://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "user in the URL", RAW("GET http://x@a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "backslash host", RAW("GET http://a.example\\b/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "fragment", RAW("GET http://a.example/#x HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "empty host", RAW("GET http:/// HTTP/1.1\r\nHost: \r\n\r\n") },
	{ "port 0", RAW("GET http://a.example:0/ HTTP/1.1\r\nHost: a.example:0\r\n\r\n") },
	{ "port too large", RAW("GET http://a.example:65536/ HTTP/1.1\r\nHost: a.example:65536\r\n\r\n") },
	{ "two blanks in the first line", RAW("GET  http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "tab in the first line", RAW("GET\thttp://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "blank in the URL", RAW("GET http://a.example/a b HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "HTTP/2.0", RAW("GET http://a.example/ HTTP/2.0\r\nHost: a.example\r\n\r\n") },
	{ "HTTP/1.2", RAW("GET http://a.example/ HTTP/1.2\r\nHost: a.example\r\n\r\n") },
	{ "HTTP/0.9", RAW("GET http://a.example/\r\n\r\n") },
	{ "lower case http", RAW("GET http://a.example/ http/1.1\r\nHost: a.example\r\n\r\n") },
	{ "unknown method", RAW("FROB http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "lower case method", RAW("get http://a.example/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "Connection takes Host off", RAW(GET "Connection: host\r\n\r\n") },
	{ "Connection takes the length off", RAW(POST "Connection: close, content-length\r\nContent-Length: 5\r\n\r\n") },
	{ "unknown Expect", RAW(GET "Expect: 200-ok\r\n\r\n") },
	{ "CONNECT without port", RAW("CONNECT a.example HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "CONNECT with a path", RAW("CONNECT a.example:443/ HTTP/1.1\r\nHost: a.example\r\n\r\n") },
	{ "CONNECT with a body", RAW("CONNECT a.example:443 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\n") },
	{ "CONNECT, Host of another", RAW("CONNECT a.example:443 HTTP/1.1\r\nHost: b.example:443\r\n\r\n") },
	{ "a second request in the head", RAW(GET "\r\nGET / HTTP/1.1\r\n\r\n") },
};

static int read_request(const char *p, size_t n, struct http_stream *s, struct http_head *h, struct target *t, const char **why)
{
	long end = http_head_end(p, n, 0);
	if (end <= 0)
		return -E_INVALID;
	int r = http_parse_request(s, p, (size_t)end, h, why);
	if (r == 0)
		r = target_of_proxy_request(h, t, why);
	return r < 0 ? r : (size_t)end == n || h->has_length || h->chunked ? 0 : -E_INVALID;
}

static void refused(void **state)
{
	static struct http_head h;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct http_stream s;
		struct target t;
		const char *why = "";
		if (read_request(bad[i].text, bad[i].len, &s, &h, &t, &why) == 0)
			fail_msg("passed: %s", bad[i].name);
	}
}

static const struct good_case {
	const char *text, *host, *path;
	uint16_t port;
	bool keep;
} good[] = {
	{ GET "\r\n", "a.example", "/", 80, true },
	{ "GET http://A.Example.:8080/x?y=z HTTP/1.1\r\nHost: a.example:8080\r\n\r\n", "a.example", "/x?y=z", 8080, true },
	{ "GET http://a.example HTTP/1.1\r\nHost: a.example\r\nConnection: close\r\n\r\n", "a.example", "/", 80, false },
	{ "GET http://a.example/ HTTP/1.0\r\n\r\n", "a.example", "/", 80, false },
	{ "GET http://a.example/ HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", "a.example", "/", 80, true },
	{ "GET http://192.0.2.1/ HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n", "192.0.2.1", "/", 80, true },
	{ "GET http://[2001:db8::1]:81/ HTTP/1.1\r\nHost: [2001:db8::1]:81\r\n\r\n", "2001:db8::1", "/", 81, true },
	{ "GET http://2130706433/ HTTP/1.1\r\nHost: 127.1\r\n\r\n", "127.0.0.1", "/", 80, true },
	{ "CONNECT a.example:443 HTTP/1.1\r\nHost: a.example:443\r\n\r\n", "a.example", NULL, 443, true },
	{ POST "Content-Length: 5\r\n\r\n", "a.example", "/", 80, true },
	{ POST "transfer-encoding:  Chunked \r\n\r\n", "a.example", "/", 80, true },
};

static void passed(void **state)
{
	static struct http_head h;
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct http_stream s;
		struct target t;
		const char *why = "";
		if (read_request(good[i].text, strlen(good[i].text), &s, &h, &t, &why) < 0)
			fail_msg("refused: %s: %s", good[i].text, why);
		assert_string_equal(t.host, good[i].host);
		assert_int_equal(t.port, good[i].port);
		assert_int_equal(h.keep_alive, good[i].keep);
		if (good[i].path)
			assert_true(str_eq(t.path, str_from(good[i].path)));
		else
			assert_null(t.path.ptr);
	}
}

static void limits(void **state)
{
	static struct http_head h;
	static char big[HTTP_MAX_HEAD + 100];
	struct http_stream s;
	struct buf b;
	const char *why;
	memset(big, 'a', sizeof big);
	assert_int_equal(http_head_end(big, sizeof big, 0), -E_LIMIT);
	assert_int_equal(http_head_end(big, 100, 0), 0);
	for (int n = HTTP_MAX_HEADERS; n <= HTTP_MAX_HEADERS + 1; n++) {
		buf_init(&b, 65536);
		buf_puts(&b, GET);
		for (int i = 1; i < n; i++)
			buf_puts(&b, "X: y\r\n");
		buf_puts(&b, "\r\n");
		assert_int_equal(http_parse_request(&s, b.ptr, b.len, &h, &why), n > HTTP_MAX_HEADERS ? -E_INVALID : 0);
		buf_done(&b);
	}
	/* the empty line may come cut anywhere */
	const char *text = GET "\r\n";
	for (size_t cut = 1; cut < strlen(text); cut++) {
		assert_int_equal(http_head_end(text, cut, cut - 1), 0);
		assert_int_equal(http_head_end(text, strlen(text), cut), (long)strlen(text));
	}
}

static const struct body_case {
	const char *head, *body, *content; /* content NULL: refused */
	bool open; /* not whole at the end */
} bodies[] = {
	{ "Content-Length: 5", "hello", "hello", false },
	{ "Content-Length: 5", "hell", "hell", true },
	{ "Transfer-Encoding: chunked", "5\r\nhello\r\n0\r\n\r\n", "hello", false },
	{ "Transfer-Encoding: chunked", "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n", "hello", false },
	{ "Transfer-Encoding: chunked", "5;a=b\r\nhello\r\n0\r\nX: y\r\n\r\n", "hello", false },
	{ "Transfer-Encoding: chunked", "5\r\nhello\r\n", "hello", true },
	{ "Transfer-Encoding: chunked", "5\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "5\r\nhello0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "5\r\nhello\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "0x5\r\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "+5\r\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "-1\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "\r\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "g\r\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "5 \r\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "10000000000000005\r\nhello\r\n0\r\n\r\n", NULL, false },
	{ "Transfer-Encoding: chunked", "fffffffffffffffff\r\nhello", NULL, false },
};

/* Feeds in pieces of `step`; -1: refused, else whether it is whole. */
static int feed_all(struct http_stream *s, const char *p, size_t n, size_t step, struct buf *out)
{
	while (n) {
		size_t k = n < step ? n : step;
		long used = http_feed(s, p, k);
		if (used < 0)
			return -1;
		buf_str(out, s->body);
		if (used == 0 && s->done)
			break;
		p += used;
		n -= (size_t)used;
	}
	return s->done;
}

static void bodies_in_pieces(void **state)
{
	static struct http_head h;
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		const struct body_case *c = &bodies[i];
		for (size_t step = 1; step <= strlen(c->body); step++) {
			struct http_stream s;
			struct buf head, out;
			const char *why = "";
			buf_init(&head, 1024);
			buf_init(&out, 1024);
			buf_printf(&head, POST "%s\r\n\r\n", c->head);
			assert_int_equal(http_parse_request(&s, head.ptr, head.len, &h, &why), 0);
			int r = feed_all(&s, c->body, strlen(c->body), step, &out);
			if (!c->content && r >= 0 && s.done)
				fail_msg("passed: %s", c->body);
			if (c->content) {
				assert_int_equal(r, !c->open);
				assert_true(str_eq(buf_view(&out), str_from(c->content)));
				assert_int_equal(http_feed_end(&s), c->open ? -E_CLOSED : 0);
			}
			buf_done(&head);
			buf_done(&out);
		}
	}
}

static void too_many_trailers(void **state)
{
	static struct http_head h;
	struct http_stream s;
	const char *why, *head = POST "Transfer-Encoding: chunked\r\n\r\n";
	struct buf b, out;
	buf_init(&b, 1 << 20);
	buf_init(&out, 1 << 20);
	assert_int_equal(http_parse_request(&s, head, strlen(head), &h, &why), 0);
	buf_puts(&b, "0\r\n");
	for (int i = 0; i < 2000; i++)
		buf_puts(&b, "Trailer-Name: value\r\n");
	buf_puts(&b, "\r\n");
	assert_int_equal(feed_all(&s, b.ptr, b.len, 1000, &out), -1);
	buf_done(&b);
	buf_done(&out);
}

static const struct answer_case {
	const char *text;
	uint8_t method;
	int code;
	bool no_body, until_close, keep;
} answers[] = {
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_GET, 0, false, false, true },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_HEAD, 0, true, false, true },
	{ "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", HTTP_GET, 0, true, false, true },
	{ "HTTP/1.1 204 No Content\r\n\r\n", HTTP_GET, 0, true, false, true },
	{ "HTTP/1.1 200\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET, 0, false, false, true },
	{ "HTTP/1.1 200 OK\r\n\r\n", HTTP_GET, 0, false, true, false },
	{ "HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\n", HTTP_GET, 0, false, false, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 5\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "HTTP/1.1 200 OK\nContent-Length: 5\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "HTTP/2 200 OK\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "HTTP/1.1 999 What\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
	{ "ICY 200 OK\r\n\r\n", HTTP_GET, -E_INVALID, false, false, false },
};

static void responses(void **state)
{
	static struct http_head h;
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct answer_case *c = &answers[i];
		struct http_stream s;
		const char *why = "";
		int r = http_parse_response(&s, c->text, strlen(c->text), c->method, &h, &why);
		if (r != c->code)
			fail_msg("%s: %d %s", c->text, r, why);
		if (r < 0)
			continue;
		assert_int_equal(h.no_body, c->no_body);
		assert_int_equal(h.until_close, c->until_close);
		assert_int_equal(h.keep_alive, c->keep);
		assert_int_equal(s.done, c->no_body);
	}
}

static void ports(void **state)
{
	static struct conf usual, own = { .http_ports = { 80, 8443, 443 }, .n_http_ports = 3, .connect_ports = { 8443 },
		                          .n_connect_ports = 1 };
	static const struct {
		const struct conf *conf;
		uint16_t port;
		bool http, connect;
	} cases[] = {
		{ &usual, 80, true, false },   { &usual, 8080, true, false }, { &usual, 8000, true, false },
		{ &usual, 8008, true, false }, { &usual, 8888, true, false }, { &usual, 443, false, true },
		{ &usual, 25, false, false },  { &usual, 22, false, false },  { &own, 80, true, false },
		{ &own, 8080, false, false },  { &own, 8443, true, true },    { &own, 443, false, false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(conf_http_port_allowed(cases[i].conf, cases[i].port), cases[i].http);
		assert_int_equal(conf_port_allowed(cases[i].conf, cases[i].port), cases[i].connect);
	}
}

static void combined(void **state)
{
	static const struct {
		const char *lines, *value;
	} cases[] = {
		{ "", NULL },
		{ "Content-Encoding: gzip\r\n", "gzip" },
		{ "Content-Encoding: identity\r\nX: y\r\ncontent-encoding: deflate\r\n", "identity,deflate" },
		{ "Content-Encoding:\r\nContent-Encoding: gzip\r\n", ",gzip" },
		{ "Content-Encoding: gzip\r\nContent-Encoding:\r\n", "gzip," },
		{ "Content-Encoding:\r\n", "" },
	};
	static struct http_head h;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[256], dst[15];
		struct http_stream s;
		struct str v;
		const char *why = "";
		int n = snprintf(text, sizeof text, "HTTP/1.1 200 OK\r\n%sContent-Length: 0\r\n\r\n", cases[i].lines);
		assert_int_equal(http_parse_response(&s, text, (size_t)n, HTTP_GET, &h, &why), 0);
		if (cases[i].value && strlen(cases[i].value) >= sizeof dst) {
			assert_int_equal(http_combine(&h, H_CONTENT_ENCODING, dst, sizeof dst, &v), -E_LIMIT);
			continue;
		}
		assert_int_equal(http_combine(&h, H_CONTENT_ENCODING, dst, sizeof dst, &v), 0);
		assert_int_equal(v.ptr == NULL, cases[i].value == NULL);
		assert_true(!cases[i].value || str_eq(v, str_from(cases[i].value)));
	}
}

static void inside_tunnels(void **state)
{
	static const struct {
		const char *text;
		int code;
	} cases[] = {
		{ "GET /x HTTP/1.1\r\nHost: a.example\r\n\r\n", 0 },
		{ "GET /x HTTP/1.1\r\nHost: A.example:443\r\n\r\n", 0 },
		{ "GET https://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 0 },
		{ "GET /x HTTP/1.1\r\nHost: b.example\r\n\r\n", -E_NOT_FOUND },
		{ "GET https://b.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", 0 }, /* goes to a.example all the same */
		{ "GET http://a.example/x HTTP/1.1\r\nHost: a.example\r\n\r\n", -E_INVALID },
		{ "GET x HTTP/1.1\r\nHost: a.example\r\n\r\n", -E_INVALID },
		{ "GET /x HTTP/1.1\r\nHost: a.example:444\r\n\r\n", -E_NOT_FOUND },
	};
	static struct http_head h;
	struct target tunnel = { .https = true, .port = 443, .host = "a.example" };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_stream s;
		struct target t;
		const char *why = "";
		int r = http_parse_request(&s, cases[i].text, strlen(cases[i].text), &h, &why);
		r = r < 0 ? r : target_of_tunnel_request(&h, &tunnel, "a.example", &t, &why);
		if (r != cases[i].code)
			fail_msg("%s: %d %s", cases[i].text, r, why);
		if (r == 0)
			assert_string_equal(t.host, "a.example");
	}
}

static void forwarded_for(void **state)
{
	static const struct {
		const char *peer, *header, *terminal;
		bool via;
	} cases[] = {
		{ "10.1.0.5", "X-Forwarded-For: 10.1.0.9\r\n", "10.1.0.5", false }, /* not a child proxy: a lie */
		{ "10.1.9.9", "X-Forwarded-For: 10.1.0.9\r\n", "10.1.0.9", true },
		{ "10.1.9.9", "X-Forwarded-For: 1.2.3.4, 10.1.0.9\r\n", "10.1.0.9", true },
		{ "10.1.9.9", "X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 10.1.0.9\r\n", "10.1.0.9", true },
		{ "10.1.9.9", "X-Forwarded-For: 10.1.0.9, rubbish\r\n", "10.1.9.9", true },
		{ "10.1.9.9", "X-Forwarded-For: 10.0.0.0/8\r\n", "10.1.9.9", true },
		{ "10.1.9.9", "X-Forwarded-For: \r\n", "10.1.9.9", true },
		{ "10.1.9.9", "", "10.1.9.9", true },
		{ "10.1.9.9", "X-Forwarded-For: 2001:db8::7\r\n", "2001:db8::7", true },
		{ "10.1.9.9", "X-Forwarded-For: 10.2.0.9\r\n", "10.1.9.9", true }, /* another organisation's */
		{ "10.1.9.9", "X-Forwarded-For: 10.1.0.9, 10.2.0.9\r\n", "10.1.9.9", true },
		{ "10.1.9.9", "X-Forwarded-For: ::ffff:10.1.0.9\r\n", "10.1.9.9", true },
		{ "10.1.9.9", "X-Forwarded-For: 2001:db9::7\r\n", "10.1.9.9", true },
	};
	static struct http_head h;
	struct prefix child, peer, got, own[2];
	assert_int_equal(prefix_parse(STR("10.1.9.9"), &child), 0);
	assert_int_equal(prefix_parse(STR("10.1.0.0/16"), &own[0]), 0);
	assert_int_equal(prefix_parse(STR("2001:db8::/48"), &own[1]), 0);
	struct conf_org org = { .child_proxies = &child, .n_child_proxies = 1, .prefixes = own, .n_prefixes = 2 };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char text[512], shown[PREFIX_TEXT];
		struct http_stream s;
		const char *why = "";
		int n = snprintf(text, sizeof text, GET "%s\r\n", cases[i].header);
		assert_int_equal(http_parse_request(&s, text, (size_t)n, &h, &why), 0);
		assert_int_equal(prefix_parse(str_from(cases[i].peer), &peer), 0);
		assert_int_equal(terminal_of(&peer, &org, &h, &got), cases[i].via);
		assert_string_equal(prefix_format_addr(&got, shown), cases[i].terminal);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refused),          cmocka_unit_test(passed),    cmocka_unit_test(limits),
		cmocka_unit_test(bodies_in_pieces), cmocka_unit_test(too_many_trailers), cmocka_unit_test(responses),
		cmocka_unit_test(inside_tunnels),   cmocka_unit_test(forwarded_for), cmocka_unit_test(combined), cmocka_unit_test(ports),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
