/* See announce.h. */
#include "pair/announce.h"

#include <string.h>

static size_t arp(const uint8_t *address, const uint8_t mac[6], uint8_t *dst)
{
	static const uint8_t head[] = { 0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0, 1 };
	memset(dst, 0xff, 6);
	memcpy(dst + 6, mac, 6);
	memcpy(dst + 12, head, sizeof head);
	memcpy(dst + 22, mac, 6);
	memcpy(dst + 28, address, 4);
	memset(dst + 32, 0, 6);
	memcpy(dst + 38, address, 4);
	return 42;
}

/* RFC 8200 section 8.1: the sum over addresses, length and next header, then the message. */
static uint16_t checksum(const uint8_t *addresses, const uint8_t *message, size_t n)
{
	uint32_t sum = (uint32_t)n + 58;
	for (size_t i = 0; i < 32; i += 2)
		sum += (uint32_t)addresses[i] << 8 | addresses[i + 1];
	for (size_t i = 0; i < n; i += 2)
		sum += (uint32_t)message[i] << 8 | message[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static size_t advertisement(const uint8_t *address, const uint8_t mac[6], uint8_t *dst)
{
	static const uint8_t all[] = { 0x33, 0x33, 0, 0, 0, 1 }, head[] = { 0x86, 0xdd, 0x60, 0, 0, 0, 0, 32, 58, 255 };
	uint8_t *ip = dst + 14, *message = dst + 54;
	memcpy(dst, all, 6);
	memcpy(dst + 6, mac, 6);
	memcpy(dst + 12, head, sizeof head);
	memcpy(ip + 8, address, 16);
	memset(ip + 24, 0, 16);
	ip[24] = 0xff;
	ip[25] = 0x02;
	ip[39] = 1;
	memset(message, 0, 8);
	message[0] = 136;
	message[4] = 0xa0; /* a router; overrides what the neighbour knew */
	memcpy(message + 8, address, 16);
	message[24] = 2; /* the target's address on this link */
	message[25] = 1;
	memcpy(message + 26, mac, 6);
	uint16_t sum = checksum(ip + 8, message, 32);
	message[2] = (uint8_t)(sum >> 8);
	message[3] = (uint8_t)sum;
	return 86;
}

size_t announce_frame(uint8_t family, const uint8_t *address, const uint8_t mac[6], uint8_t dst[ANNOUNCE_MAX])
{
	return family == 4 ? arp(address, mac, dst) : advertisement(address, mac, dst);
}
