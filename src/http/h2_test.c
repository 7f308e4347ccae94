/* HTTP/2 without sockets: heads in and out, and the counters of floods. (A whole connection: test/system/http2.t.) */
#include "http/h2.h"

#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define REQUEST ":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "/x?y"
#define MOST 24

/* Fields as pairs of texts, ended by NULL. */
static void fill(struct h2_block *b, const char *const *f)
{
	h2_block_init(b);
	for (; f[0]; f += 2)
		assert_int_equal(h2_block_add(b, str_from(f[0]), str_from(f[1])), 0);
}

static const struct request_case {
	const char *fields[MOST];
	const char *why; /* NULL: taken */
} requests[] = {
	{ { REQUEST }, NULL },
	{ { REQUEST, "host", "A.example" }, NULL },
	{ { REQUEST, "te", "trailers" }, NULL },
	{ { ":method", "GET", ":scheme", "https", ":path", "/", "host", "a.example" }, NULL },
	{ { REQUEST, "host", "b.example" }, "Host differs from :authority" },
	{ { REQUEST, "host", "a.example", "host", "a.example" }, "two Host headers" },
	{ { ":method", "GET", ":scheme", "https", ":path", "/" }, "no :authority" },
	{ { ":scheme", "https", ":authority", "a.example", ":path", "/" }, "pseudo-headers aren't a request's" },
	{ { REQUEST, ":path", "/" }, "pseudo-header unknown, twice or out of place" },
	{ { REQUEST, "x", "y", ":foo", "/" }, "pseudo-header unknown, twice or out of place" },
	{ { REQUEST, ":status", "200" }, "pseudo-headers aren't a request's" },
	{ { ":method", "FETCH", ":scheme", "https", ":authority", "a.example", ":path", "/" }, "unknown method" },
	{ { ":method", "GET ", ":scheme", "https", ":authority", "a.example", ":path", "/" }, "unknown method" },
	{ { ":method", "GET", ":scheme", "http", ":authority", "a.example", ":path", "/" }, ":scheme isn't https, or :path isn't a path" },
	{ { ":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "" }, ":scheme isn't https, or :path isn't a path" },
	{ { ":method", "GET", ":scheme", "https", ":authority", "a.example", ":path", "*" }, ":scheme isn't https, or :path isn't a path" },
	{ { REQUEST, "connection", "x" }, "a header of HTTP/1.1 connections" },
	{ { REQUEST, "transfer-encoding", "chunked" }, "a header of HTTP/1.1 connections" },
	{ { REQUEST, "keep-alive", "1" }, "a header of HTTP/1.1 connections" },
	{ { REQUEST, "proxy-connection", "x" }, "a header of HTTP/1.1 connections" },
	{ { REQUEST, "upgrade", "websocket" }, "a header of HTTP/1.1 connections" },
	{ { REQUEST, "te", "trailers, gzip" }, "a header of HTTP/1.1 connections" },
	{ { REQUEST, "content-length", "5", "content-length", "5" }, "two Content-Length" },
	{ { REQUEST, "content-length", "+5" }, "bad Content-Length" },
	{ { REQUEST, "content-length", "5, 5" }, "bad Content-Length" },
	{ { REQUEST, "expect", "y" }, "unknown Expect" },
	{ { REQUEST, "x", "y\r\nz: w" }, "control character in a header value" },
	{ { REQUEST, "cookie", "y\nz" }, "control character in a header value" },
	{ { REQUEST, "X", "y" }, "bad character in a header name" },
	{ { REQUEST, "x:y", "z" }, "bad character in a header name" },
	{ { REQUEST, "x\r\ny", "z" }, "bad character in a header name" },
	{ { REQUEST, "x ", "z" }, "bad character in a header name" },
	{ { REQUEST, "", "z" }, "bad character in a header name" },
};

static void requests_are_taken_or_refused(void **state)
{
	static struct http_head h;
	struct http_stream s;
	struct h2_block b;
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		const char *why = NULL;
		fill(&b, requests[i].fields);
		int r = h2_request_head(&b, true, &s, &h, &why);
		if (requests[i].why)
			assert_string_equal(why ? why : "taken", requests[i].why);
		else
			assert_null(why);
		assert_int_equal(r, requests[i].why ? -E_INVALID : 0);
		h2_block_done(&b);
	}
}

static bool is(struct str s, const char *text)
{
	return str_eq(s, str_from(text));
}

static void a_request_means_the_same(void **state)
{
	static const char *const f[] = { ":method", "POST", ":scheme", "https", ":authority", "a.example", ":path", "/x?y", "cookie", "a=b",
		                         "content-type", "text/plain", "cookie", "c=d", NULL };
	static struct http_head h;
	struct http_stream s;
	struct h2_block b;
	const char *why = NULL;
	fill(&b, f);
	assert_int_equal(h2_request_head(&b, false, &s, &h, &why), 0);
	assert_int_equal(h.method, HTTP_POST);
	assert_true(is(h.target, "/x?y"));
	assert_true(is(http_get(&h, H_HOST), "a.example"));
	assert_true(is(h.h[h.n - 2].name, "cookie") && is(h.h[h.n - 2].value, "a=b; c=d")); /* Host is added last */
	assert_true(h.chunked && !h.no_body && !s.done); /* HTTP/1.1 would have to say it so */
	assert_int_equal(h2_request_head(&b, true, &s, &h, &why), 0);
	assert_true(!h.chunked && h.no_body && s.done);
	h2_block_done(&b);
}

static const struct response_case {
	const char *fields[MOST];
	uint8_t method;
	bool end, no_body;
	const char *why;
} responses[] = {
	{ { ":status", "200", "content-length", "5" }, HTTP_GET, false, false, NULL },
	{ { ":status", "200", "content-length", "5" }, HTTP_HEAD, true, true, NULL },
	{ { ":status", "204" }, HTTP_GET, true, true, NULL },
	{ { ":status", "103" }, HTTP_GET, false, true, NULL },
	{ { "x", "y" }, HTTP_GET, false, false, "pseudo-headers aren't an answer's" },
	{ { ":status", "20" }, HTTP_GET, false, false, "pseudo-headers aren't an answer's" },
	{ { ":status", "099" }, HTTP_GET, false, false, "pseudo-headers aren't an answer's" },
	{ { ":status", "999" }, HTTP_GET, false, false, "pseudo-headers aren't an answer's" },
	{ { ":status", "2x0" }, HTTP_GET, false, false, "pseudo-headers aren't an answer's" },
	{ { ":status", "200", ":path", "/" }, HTTP_GET, false, false, "pseudo-headers aren't an answer's" },
	{ { ":status", "200", "transfer-encoding", "chunked" }, HTTP_GET, false, false, "a header of HTTP/1.1 connections" },
	{ { ":status", "200", "x", "y\r\nset-cookie: z" }, HTTP_GET, false, false, "control character in a header value" },
};

static void answers_are_taken_or_refused(void **state)
{
	static struct http_head h;
	struct http_stream s;
	struct h2_block b;
	for (size_t i = 0; i < ARRAY_LEN(responses); i++) {
		const struct response_case *c = &responses[i];
		const char *why = NULL;
		fill(&b, c->fields);
		assert_int_equal(h2_response_head(&b, c->end, c->method, &s, &h, &why), c->why ? -E_INVALID : 0);
		assert_string_equal(why ? why : "", c->why ? c->why : "");
		if (!c->why)
			assert_int_equal(h.no_body, c->no_body);
		h2_block_done(&b);
	}
}

static void show(const nghttp2_nv *nv, size_t n, char *dst, size_t size)
{
	size_t at = 0;
	dst[0] = 0;
	for (size_t i = 0; i < n; i++)
		at += (size_t)snprintf(dst + at, size - at, "%.*s=%.*s;", (int)nv[i].namelen, nv[i].name, (int)nv[i].valuelen, nv[i].value);
}

static void lines_become_fields(void **state)
{
	char request[] = "POST /x?y HTTP/1.1\r\nHost: a.example\r\nX-Yz: w\r\nEmpty: \r\nTransfer-Encoding: chunked\r\n\r\n";
	char answer[] = "HTTP/1.1 404 Not Found\r\nSet-Cookie: a=b\r\nConnection: close\r\nContent-Length: 3\r\n\r\n";
	char broken[] = "POST /x HTTP/1.1\r\nX: y\r\n\r\n", shown[512];
	nghttp2_nv nv[H2_FIELDS];
	show(nv, h2_request_fields(request, sizeof request - 1, nv), shown, sizeof shown);
	assert_string_equal(shown, ":method=POST;:scheme=https;:authority=a.example;:path=/x?y;x-yz=w;empty=;");
	show(nv, h2_answer_fields(answer, sizeof answer - 1, nv), shown, sizeof shown);
	assert_string_equal(shown, ":status=404;set-cookie=a=b;content-length=3;");
	assert_int_equal(h2_request_fields(broken, sizeof broken - 1, nv), 0);
}

static void a_block_has_its_limits(void **state)
{
	static char long_value[9000];
	static struct http_head h;
	struct http_stream s;
	struct h2_block b;
	const char *why = NULL;
	memset(long_value, 'x', sizeof long_value - 1);
	h2_block_init(&b);
	int r = 0;
	for (int i = 0; i < 8; i++)
		r |= h2_block_add(&b, STR("x"), str_from(long_value));
	assert_int_equal(r, 0);
	assert_int_equal(h2_request_head(&b, true, &s, &h, &why), -E_INVALID);
	assert_string_equal(why, "head too long");
	for (int i = 0; i < 60; i++)
		r |= h2_block_add(&b, STR("x"), str_from(long_value));
	assert_int_equal(r, -E_LIMIT);
	h2_block_done(&b);
}

/* ---- floods ---- */

static const struct flood_case {
	const char *name;
	unsigned char head[9];
	int passes, fails; /* so many at once do, so many don't */
} floods[] = {
	{ "resets", { 0, 0, 0, 3 }, 300, 301 },
	{ "settings", { 0, 0, 0, 4 }, 30, 31 },
	{ "pings", { 0, 0, 0, 6 }, 100, 101 },
	{ "priorities", { 0, 0, 0, 2 }, 1000, 1001 },
	{ "priorities", { 0, 0, 0, 16 }, 1000, 1001 },
	{ "window updates", { 0, 0, 0, 8 }, 4000, 4001 },
	{ "empty frames", { 0, 0, 0, 0 }, 50, 51 },
	{ "unknown frames", { 0, 0, 0, 99 }, 100, 101 },
	{ "continuations", { 0, 0, 0, 9 }, 16, 17 },
	{ "", { 0, 0, 0, 0, 1 }, 5000, 0 }, /* empty, but the end of a stream */
};

static int feed(struct h2_meter *m, const unsigned char head[9], int times, int64_t now)
{
	int r = 0;
	for (int i = 0; i < times; i++)
		r |= h2_meter_feed(m, head, 4, now) | h2_meter_feed(m, head + 4, 5, now);
	return r;
}

static void floods_are_named(void **state)
{
	struct h2_meter m;
	for (size_t i = 0; i < ARRAY_LEN(floods); i++) {
		const struct flood_case *c = &floods[i];
		h2_meter_init(&m, 0, 1000);
		assert_int_equal(feed(&m, c->head, c->passes, 1000), 0);
		h2_meter_init(&m, 0, 1000);
		assert_int_equal(feed(&m, c->head, c->fails, 1000), c->fails ? -E_LIMIT : 0);
		assert_string_equal(m.why ? m.why : "", c->name);
	}
}

static void time_and_content_pay(void **state)
{
	static const unsigned char ping[9] = { 0, 0, 0, 6 }, window[9] = { 0, 0, 0, 8 };
	struct h2_meter m;
	h2_meter_init(&m, 0, 1000);
	assert_int_equal(feed(&m, ping, 100, 1000), 0);
	assert_int_equal(feed(&m, ping, 10, 2000), 0); /* ten a second */
	assert_int_equal(feed(&m, ping, 1, 2000), -E_LIMIT);
	h2_meter_init(&m, 0, 1000);
	assert_int_equal(feed(&m, window, 4000, 1000), 0);
	h2_meter_sent(&m, 40960);
	assert_int_equal(feed(&m, window, 10, 1000), 0);
	assert_int_equal(feed(&m, window, 1, 1000), -E_LIMIT);
}

static void payload_and_preface_are_no_frames(void **state)
{
	static const unsigned char data[9] = { 0, 0x27, 0x10, 0 };
	static unsigned char body[10000];
	struct h2_meter m;
	h2_meter_init(&m, 24, 0);
	assert_int_equal(h2_meter_feed(&m, body, 24, 0), 0);
	for (int i = 0; i < 100; i++)
		assert_int_equal(h2_meter_feed(&m, data, 9, 0) | h2_meter_feed(&m, body, 7000, 0) | h2_meter_feed(&m, body, 3000, 0), 0);
	assert_int_equal(m.skip, 0);
	assert_int_equal(m.tokens[H2_EMPTIES], 50000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_taken_or_refused), cmocka_unit_test(a_request_means_the_same),
		cmocka_unit_test(answers_are_taken_or_refused),  cmocka_unit_test(lines_become_fields),
		cmocka_unit_test(a_block_has_its_limits),        cmocka_unit_test(floods_are_named),
		cmocka_unit_test(time_and_content_pay),          cmocka_unit_test(payload_and_preface_are_no_frames),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
