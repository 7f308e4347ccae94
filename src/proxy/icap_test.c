/* What a sanitiser or a sandbox may answer, whole and byte by byte; and what it is asked. */
#include "proxy/icap.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#define OK "HTTP/1.1 200 OK\r\nContent-Type: application/pdf\r\n\r\n" /* 51 bytes */
#define HEAD "ICAP/1.0 200 OK\r\nISTag: x\r\nEncapsulated: res-hdr=0, res-body=50\r\n\r\n"

static const struct {
	const char *text;
	enum icap_result want;
	const char *content;
} cases[] = {
	{ "ICAP/1.0 204 No Content\r\nISTag: x\r\n\r\n", ICAP_UNCHANGED, "" },
	{ HEAD OK "5\r\nclean\r\n0\r\n\r\n", ICAP_REPLACED, "clean" },
	{ HEAD OK "3\r\ncle\r\n2;ext=1\r\nan\r\n0\r\n\r\n", ICAP_REPLACED, "clean" },
	{ HEAD OK "5\r\nclean", ICAP_MORE, "clean" },
	{ HEAD OK "0\r\n\r\n", ICAP_REPLACED, "" },
	{ HEAD OK "x\r\nclean\r\n0\r\n\r\n", ICAP_BROKEN, "" },
	{ HEAD OK "5\r\ncleanX\r\n0\r\n\r\n", ICAP_BROKEN, "clean" },
	{ HEAD OK "fffffffff\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, null-body=19\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", ICAP_REFUSED, "" },
	{ "ICAP/1.0 200 OK\r\nX-Infection-Found: Type=0; Resolution=2; Threat=Bad.Thing;\r\nEncapsulated: res-hdr=0, res-body=26\r\n\r\nHTTP/1.1 403 Forbidden\r\n\r\n3\r\nno!\r\n0\r\n\r\n", ICAP_REFUSED, "" },
	{ "ICAP/1.0 200 OK\r\nEncapsulated: res-body=0\r\n\r\n5\r\nclean\r\n0\r\n\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 200 OK\r\nEncapsulated: res-hdr=0, res-body=99999\r\n\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 200 OK\r\n\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 100 Continue\r\n\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 404 Not Found\r\n\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 500 Server error\r\n\r\n", ICAP_BROKEN, "" },
	{ "HTTP/1.1 204 No Content\r\n\r\n", ICAP_BROKEN, "" },
	{ "ICAP/1.0 2x4 x\r\n\r\n", ICAP_BROKEN, "" },
};

static int put(void *user, struct str s)
{
	buf_str(user, s);
	return 0;
}

static void answers(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step < 400; step += 37) {
			struct icap_reader r;
			struct buf got;
			struct str s = str_from(cases[i].text);
			enum icap_result e = ICAP_MORE;
			icap_reader_init(&r);
			buf_init(&got, 4096);
			for (size_t at = 0; at < s.len && e == ICAP_MORE; at += step)
				e = icap_read(&r, (struct str){ s.ptr + at, s.len - at < step ? s.len - at : step }, put, &got);
			if (e != cases[i].want)
				fail_msg("%zu by %zu: %d, not %d", i, step, e, cases[i].want);
			assert_true(str_eq(buf_view(&got), str_from(cases[i].content)));
			assert_true(e != ICAP_REPLACED || strcmp(r.type, "application/pdf") == 0);
			assert_true(!strstr(cases[i].text, "Threat") || strcmp(r.found, "Bad.Thing") == 0);
			icap_reader_done(&r);
			buf_done(&got);
		}
}

static int full(void *user, struct str s)
{
	return -1;
}

static void too_much(void **state)
{
	static char long_head[ICAP_HEAD_MAX + 100];
	struct icap_reader r;
	icap_reader_init(&r);
	assert_int_equal(icap_read(&r, str_from(HEAD OK "5\r\nclean\r\n0\r\n\r\n"), full, NULL), ICAP_BROKEN);
	assert_int_equal(icap_read(&r, STR("0\r\n\r\n"), full, NULL), ICAP_BROKEN); /* nothing more is read */
	icap_reader_done(&r);
	memset(long_head, 'x', sizeof long_head);
	icap_reader_init(&r);
	assert_int_equal(icap_read(&r, (struct str){ long_head, sizeof long_head }, full, NULL), ICAP_BROKEN);
	icap_reader_done(&r);
}

static void question(void **state)
{
	const struct icap_about a = { "192.0.2.60:1344", "/clean", "http://a.example/x.docx", STR("text/x\r\nEvil: 1"), 5 };
	struct buf b;
	buf_init(&b, 4096);
	assert_true(icap_request(&b, &a));
	assert_string_equal(buf_cstr(&b), "RESPMOD icap://192.0.2.60:1344/clean ICAP/1.0\r\nHost: 192.0.2.60:1344\r\nAllow: 204\r\nConnection: close\r\n"
	                                  "Encapsulated: req-hdr=0, res-hdr=40, res-body=78\r\n\r\nGET http://a.example/x.docx HTTP/1.1\r\n\r\n"
	                                  "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n5\r\n");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(answers), cmocka_unit_test(too_much), cmocka_unit_test(question) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
