/* The frames, byte by byte. */
#include "base/test.h"

#include "pair/announce.h"

#include <string.h>

static const uint8_t mac[6] = { 2, 0, 0, 0, 0, 7 };

static void test_arp(void **state)
{
	(void)state;
	static const uint8_t want[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0, 0, 7, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0, 0, 0, 0, 7,
		                        198, 51, 100, 2, 0, 0, 0, 0, 0, 0, 198, 51, 100, 2 };
	uint8_t got[ANNOUNCE_MAX];
	assert_int_equal(announce_frame(4, (const uint8_t[]){ 198, 51, 100, 2 }, mac, got), sizeof want);
	assert_memory_equal(got, want, sizeof want);
}

/* The receiver's sum over everything, the checksum included, is all ones. */
static void test_advertisement(void **state)
{
	(void)state;
	uint8_t address[16] = { 0x20, 1, 0xd, 0xb8, [15] = 2 }, got[ANNOUNCE_MAX];
	uint32_t sum = 32 + 58;
	assert_int_equal(announce_frame(6, address, mac, got), 86);
	assert_memory_equal(got, ((const uint8_t[]){ 0x33, 0x33, 0, 0, 0, 1 }), 6);
	assert_memory_equal(got + 22, address, 16);
	assert_memory_equal(got + 62, address, 16);
	assert_memory_equal(got + 80, mac, 6);
	assert_int_equal(got[21], 255); /* RFC 4861 section 7.1.2: else it isn't believed */
	for (size_t i = 22; i < 86; i += 2)
		sum += (uint32_t)got[i] << 8 | got[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_arp), cmocka_unit_test(test_advertisement) };
	return cmocka_run_group_tests_name("pair/announce", tests, NULL, NULL);
}
