/* The capture made of records: what any tool reads, the same bytes each time, and nothing of what isn't a packet. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "segment/capture.h"

#include <stdio.h>

#define RECORD(link, length, data) "{\"class_uid\":4001,\"packet\":{\"time_us\":1795341600123456,\"linktype\":" link ",\"length\":" length ",\"data\":\"" data "\"}}"

/* Section, interface, packet: draft-ietf-opsawg-pcapng sections 4.1 to 4.3, by hand. */
static const unsigned char one[] = {
	0x0a, 0x0d, 0x0d, 0x0a, 28, 0, 0, 0, 0x4d, 0x3c, 0x2b, 0x1a, 1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 28, 0, 0, 0,
	1, 0, 0, 0, 20, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1, 0, 20, 0, 0, 0,
	6, 0, 0, 0, 68, 0, 0, 0, 0, 0, 0, 0, 0xd4, 0x60, 0x06, 0x00, 0x40, 0xae, 0xbc, 0x21, 5, 0, 0, 0, 60, 0, 0, 0,
	'h', 'e', 'l', 'l', 'o', 0, 0, 0, 1, 0, 17, 0, '4', '1', '2', '0', '1', '5', '/', 'p', 'a', 'c', 'k', 'e', 't', 's', '/', '1', '0', 0, 0, 0,
	0, 0, 0, 0, 68, 0, 0, 0,
};

static void test_bytes(void **state)
{
	(void)state;
	struct capture c = { .n = 0 };
	struct buf b;
	uint64_t us = 1795341600123456;
	unsigned char want[sizeof one];
	memcpy(want, one, sizeof want);
	for (int i = 0; i < 4; i++) {
		want[60 + i] = (unsigned char)(us >> (32 + 8 * i));
		want[64 + i] = (unsigned char)(us >> (8 * i));
	}
	buf_init(&b, MIB);
	assert_int_equal(capture_add(&c, "412015/packets/10", STR(RECORD("1", "60", "aGVsbG8=")), &b), 0);
	assert_int_equal(b.len, sizeof want);
	assert_memory_equal(b.ptr, want, sizeof want);
	buf_reset(&b);
	assert_int_equal(capture_add(&c, "412015/packets/11", STR(RECORD("1", "60", "aGVsbG8=")), &b), 0);
	assert_int_equal(b.len, 68); /* section and interface stand there already */
	assert_int_equal(c.packets, 2);
	buf_done(&b);
}

static void test_no_packet(void **state)
{
	(void)state;
	static const char *const none[] = {
		"", "{}", "{\"packet\":{}}", "{\"packet\":[]}", "{\"packet\":{\"data\":7}}", "{\"packet\":{\"data\":\"\"}}", "{\"packet\":{\"data\":\"====\"}}",
		"{\"packet\":{\"data\":\"aGVsbG8\"}}", "{\"packet\":{\"data\":\"aGVs bG8\"}}", "{\"packet\":{", "\"packet\":{\"data\":\"aGVsbG8=\"}",
		RECORD("65536", "5", "aGVsbG8="),
	};
	struct capture c = { .n = 0 };
	struct buf b;
	buf_init(&b, MIB);
	for (size_t i = 0; i < ARRAY_LEN(none); i++)
		if (capture_add(&c, "x", str_from(none[i]), &b) != 0 || b.len)
			fail_msg("%s: %zu bytes", none[i], b.len);
	assert_int_equal(c.packets, 0);
	buf_done(&b);
}

static void test_links(void **state)
{
	(void)state;
	struct capture c = { .n = 0 };
	struct buf b;
	buf_init(&b, MIB);
	for (unsigned i = 0; i < CAPTURE_LINKS + 1; i++) {
		char text[200];
		snprintf(text, sizeof text, "{\"packet\":{\"linktype\":%u,\"data\":\"aGVsbG8=\"}}", i);
		assert_int_equal(capture_add(&c, "x", str_from(text), &b), i < CAPTURE_LINKS ? 0 : -E_LIMIT);
	}
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_bytes), cmocka_unit_test(test_no_packet), cmocka_unit_test(test_links) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("capture", tests, NULL, NULL);
}
