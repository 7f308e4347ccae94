/* See sntp.h. */
#include "probe/sntp.h"

#include <string.h>

#define UNIX_IN_NTP 2208988800u /* seconds from 1900 to 1970 */

static void put_time(unsigned char *p, int64_t ms)
{
	uint32_t s = (uint32_t)(ms / 1000 + UNIX_IN_NTP), f = (uint32_t)(((uint64_t)(ms % 1000) << 32) / 1000);
	for (int i = 0; i < 4; i++) {
		p[i] = (unsigned char)(s >> (24 - 8 * i));
		p[4 + i] = (unsigned char)(f >> (24 - 8 * i));
	}
}

/* The era is ours: 32 bits of seconds come round every 136 years. */
static int64_t get_time(const unsigned char *p, int64_t near_ms)
{
	uint32_t s = 0, f = 0;
	for (int i = 0; i < 4; i++) {
		s = s << 8 | p[i];
		f = f << 8 | p[4 + i];
	}
	int32_t apart = (int32_t)(s - (uint32_t)(near_ms / 1000 + UNIX_IN_NTP));
	return (near_ms / 1000 + apart) * 1000 + (int64_t)(((uint64_t)f * 1000) >> 32);
}

void sntp_ask(int64_t asked_ms, unsigned char msg[SNTP_SIZE])
{
	memset(msg, 0, SNTP_SIZE);
	msg[0] = 4 << 3 | 3; /* version 4, client */
	put_time(msg + 40, asked_ms);
}

bool sntp_read(const unsigned char *msg, size_t n, int64_t asked_ms, int64_t now_ms, struct sntp_answer *ret)
{
	unsigned char asked[8];
	put_time(asked, asked_ms);
	if (n < SNTP_SIZE || (msg[0] & 7) != 4 || memcmp(msg + 24, asked, 8) != 0)
		return false;
	ret->synchronised = msg[0] >> 6 != 3 && msg[1] != 0 && msg[1] < 16;
	int64_t received = get_time(msg + 32, now_ms), sent = get_time(msg + 40, now_ms);
	ret->offset_ms = (received - asked_ms + (sent - now_ms)) / 2;
	return true;
}
