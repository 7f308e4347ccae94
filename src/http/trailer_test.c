#include "http/trailer.h"

#include "base/err.h"
#include "base/mem.h"
#include "http/h2head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

static const struct {
	const char *in, *out; /* NULL: refused */
} cases[] = {
	{ "", "" },
	{ "grpc-status: 0\r\nGrpc-Message: \r\n", "grpc-status: 0\r\nGrpc-Message: \r\n" },
	{ "x: 1\r\nContent-Length: 5\r\ny: 2\r\n", "x: 1\r\ny: 2\r\n" },
	{ "Transfer-Encoding: chunked\r\nHost: a\r\nConnection: x\r\nSet-Cookie: a=b\r\nAuthorization: b\r\n", "" },
	{ "content-md5: x\r\nx-forwarded-for: 10.0.0.1\r\nAge: 3\r\nz: 1\r\n", "z: 1\r\n" },
	{ "no colon\r\n", NULL },
	{ ": no name\r\n", NULL },
	{ "a b: c\r\n", NULL },
	{ "a: b\rc\r\n", NULL },
	{ "a: b\nc: d\r\n", NULL },
	{ "a: b", NULL },
	{ "\r\n", NULL },
};

static void sifted(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, 4096);
		buf_puts(&b, cases[i].in);
		int r = trailer_sift(&b);
		assert_int_equal(r, cases[i].out ? 0 : -E_INVALID);
		if (cases[i].out)
			assert_string_equal(buf_cstr(&b), cases[i].out);
		buf_done(&b);
	}
}

static int feed(const char *body, struct buf *lines)
{
	static const char head[] = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
	static struct http_head h;
	struct http_stream s;
	const char *why;
	assert_int_equal(http_parse_response(&s, head, sizeof head - 1, HTTP_GET, &h, &why), 0);
	s.trailers = lines;
	for (const char *p = body; *p && !s.done; p++) /* a byte at a time: names and values come in pieces */
		if (http_feed(&s, p, 1) != 1)
			return -1;
	return s.done ? 0 : 1;
}

static void of_chunks(void **state)
{
	struct buf b;
	buf_init(&b, 2 * HTTP_MAX_TRAILER);
	assert_int_equal(feed("3\r\nabc\r\n0\r\ngrpc-status: 0\r\nEmpty:\r\nX-Y: a  b\r\n\r\n", &b), 0);
	assert_string_equal(buf_cstr(&b), "grpc-status: 0\r\nEmpty: \r\nX-Y: a  b\r\n");
	buf_reset(&b);
	assert_int_equal(feed("0\r\n\r\n", &b), 0);
	assert_int_equal(b.len, 0);
	assert_int_equal(feed("0\r\nbad name: x\r\n\r\n", &b), -1);
	buf_reset(&b);
	assert_int_not_equal(feed("0\r\na: b\r\n folded\r\n\r\n", &b) == 0 && trailer_sift(&b) == 0 && memchr(b.ptr, '\n', b.len - 2), 1);
	buf_done(&b);
}

static void of_frames(void **state)
{
	struct h2_block block;
	struct buf b;
	h2_block_init(&block);
	buf_init(&b, 2 * HTTP_MAX_TRAILER);
	h2_block_add(&block, STR("grpc-status"), STR("0"));
	h2_block_add(&block, STR("x"), STR(" y "));
	assert_null(h2_trailer_lines(&block, &b));
	assert_string_equal(buf_cstr(&b), "grpc-status: 0\r\nx: y\r\n");
	nghttp2_nv nv[H2_FIELDS];
	assert_int_equal(h2_trailer_fields(b.ptr, b.len, nv), 2);
	assert_memory_equal(nv[1].value, "y", 1);
	h2_block_add(&block, STR(":status"), STR("200"));
	assert_non_null(h2_trailer_lines(&block, &b));
	h2_block_done(&block);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(sifted), cmocka_unit_test(of_chunks), cmocka_unit_test(of_frames) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
