/* WebSocket frames, each fed whole and byte by byte. */
#include "http/ws.h"

#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <string.h>

#define BYTES(text) (text), sizeof(text) - 1
static const struct {
	const char *in;
	size_t n;
	bool masked;
	const char *told; /* messages and control frames: "OP:payload " each; NULL: refused */
} cases[] = {
	{ BYTES("\x81\x05hello"), false, "1:hello " },
	{ BYTES("\x81\x85\1\2\3\4" "igohn"), true, "1:hello " },
	{ BYTES("\x01\x03hel\x80\x02lo"), false, "1:hello " },
	{ BYTES("\x01\x03hel\x89\x01x\x80\x02lo"), false, "9:x 1:hello " }, /* a control frame in the middle (5.4) */
	{ BYTES("\x02\x00\x00\x00\x80\x00"), false, "2: " },
	{ BYTES("\x82\x00\x81\x01y"), false, "2: 1:y " },
	{ BYTES("\x8a\x00"), false, "10: " },
	{ BYTES("\x88\x02\x03\xe8"), false, "8:\x03\xe8 " },
	{ BYTES("\x81\x05hel"), false, "" },
	{ BYTES("\x81\x85\1\2\3\4igohn"), false, NULL }, /* masked by an origin */
	{ BYTES("\x81\x05hello"), true, NULL },              /* not masked by a terminal */
	{ BYTES("\xc1\x05hello"), false, NULL },             /* RSV1: nobody agreed on compression */
	{ BYTES("\xa1\x05hello"), false, NULL },
	{ BYTES("\x83\x00"), false, NULL },
	{ BYTES("\x8b\x00"), false, NULL },
	{ BYTES("\x80\x00"), false, NULL },                  /* continues nothing */
	{ BYTES("\x01\x00\x81\x00"), false, NULL },          /* begins within another */
	{ BYTES("\x09\x00"), false, NULL },                  /* a control frame in pieces */
	{ BYTES("\x89\x7e\x00\x7e"), false, NULL },          /* or too long */
	{ BYTES("\x81\x7e\x00\x05hello"), false, NULL },     /* 5 in two bytes */
	{ BYTES("\x81\x7f\0\0\0\0\0\0\xff\xff"), false, NULL },
	{ BYTES("\x81\x7f\x80\0\0\0\0\1\0\0"), false, NULL },
	{ BYTES("\x88\x00\x81\x00"), false, NULL },          /* after the close */
};

static void tell(char *dst, size_t size, unsigned op, const void *p, size_t n)
{
	size_t at = strlen(dst);
	snprintf(dst + at, size - at, "%u:%.*s ", op, (int)n, (const char *)p);
}

/* False: refused. */
static bool run(const char *in, size_t n, bool masked, size_t step, char *told, size_t size)
{
	struct ws_reader r;
	char bytes[64], message[64];
	size_t len = 0;
	const char *why;
	memcpy(bytes, in, n);
	ws_reader_init(&r, masked);
	for (size_t at = 0; at < n;) {
		long k = ws_read(&r, bytes + at, n - at < step ? n - at : step, &why);
		if (k < 0)
			return false;
		assert_true(k > 0);
		at += (size_t)k;
		memcpy(message + len, r.piece.ptr, r.piece.len);
		len += r.piece.len;
		if (r.found == WS_SINGLE)
			tell(told, size, r.op_frame, r.control, r.n_control);
		if (r.found == WS_MESSAGE) {
			tell(told, size, r.op, message, len);
			len = 0;
		}
	}
	return true;
}

static void frames(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (size_t step = 1; step <= 64; step += 63) {
			char told[128] = "";
			bool ok = run(cases[i].in, cases[i].n, cases[i].masked, step, told, sizeof told);
			if (ok != (cases[i].told != NULL) || (ok && strcmp(told, cases[i].told) != 0))
				fail_msg("case %zu by %zu bytes: %s, %s", i, step, ok ? "taken" : "refused", told);
		}
}

static void heads(void **state)
{
	static const uint64_t lengths[] = { 0, 1, 125, 126, 65535, 65536, 1ull << 40 };
	static const uint8_t key[4] = { 1, 2, 3, 4 };
	for (size_t i = 0; i < ARRAY_LEN(lengths); i++)
		for (int masked = 0; masked < 2; masked++) {
			uint8_t head[WS_HEAD];
			struct ws_reader r;
			const char *why;
			size_t n = ws_head(head, WS_BINARY, true, lengths[i], masked ? key : NULL);
			ws_reader_init(&r, masked);
			assert_int_equal(ws_read(&r, (char *)head, n, &why), n);
			assert_int_equal(r.found, lengths[i] ? WS_MORE : WS_MESSAGE);
			assert_true(r.left == lengths[i]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(frames), cmocka_unit_test(heads) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
