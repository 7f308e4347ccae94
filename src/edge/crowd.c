/* See crowd.h. */
#include "edge/crowd.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

/* Of the second that is over. Twofold hysteresis: it takes less to stay so than to become so, and some seconds to end. */
static void judge(struct crowd *c, uint64_t now_ms)
{
	bool crowded = now_ms < c->until_ms;
	bool begins = c->asked >= CROWD_RATE && c->late >= c->asked / 4;
	if (begins || (crowded && c->asked >= CROWD_RATE / 2))
		c->until_ms = now_ms + CROWD_HOLD_MS;
}

bool crowd_ask(struct crowd *c, uint64_t now_ms, uint32_t n, bool late)
{
	if (now_ms / 1000 > c->second) {
		judge(c, now_ms);
		c->second = now_ms / 1000;
		c->asked = c->late = 0;
	}
	if (n <= CROWD_EACH) {
		c->asked++;
		c->late += late;
	}
	return now_ms < c->until_ms;
}

uint32_t crowd_count(uint64_t *slot, uint64_t now_ms)
{
	uint32_t window = (uint32_t)(now_ms / CROWD_WINDOW_MS), n = (uint32_t)*slot;
	n = (uint32_t)(*slot >> 32) == window ? n + (n < UINT32_MAX) : 1;
	*slot = (uint64_t)window << 32 | n;
	return n;
}

static void proof(const unsigned char secret[CROWD_SECRET], struct str who, const char time[16], char dst[33])
{
	unsigned char text[256], sum[EVP_MAX_MD_SIZE] = { 0 };
	unsigned len = 0;
	size_t n = who.len < sizeof text - 16 ? who.len : sizeof text - 16;
	memcpy(text, time, 16); /* of fixed length, so that nothing can move between the two */
	memcpy(text + 16, who.ptr, n);
	HMAC(EVP_sha256(), secret, CROWD_SECRET, text, 16 + n, sum, &len);
	hex_format(sum, 16, dst);
}

void crowd_token(const unsigned char secret[CROWD_SECRET], struct str who, uint64_t now_s, char dst[CROWD_TOKEN])
{
	snprintf(dst, CROWD_TOKEN, "%016" PRIx64, now_s + CROWD_LIFE_S);
	proof(secret, who, dst, dst + 16);
}

static bool read_time(const char text[16], uint64_t *ret)
{
	unsigned char bytes[8];
	if (!hex_parse((struct str){ text, 16 }, bytes, sizeof bytes))
		return false;
	*ret = 0;
	for (size_t i = 0; i < sizeof bytes; i++)
		*ret = *ret << 8 | bytes[i];
	return true;
}

bool crowd_token_valid(const unsigned char secret[CROWD_SECRET], struct str who, uint64_t now_s, struct str token)
{
	char want[33];
	uint64_t until;
	if (token.len != CROWD_TOKEN - 1 || !read_time(token.ptr, &until) || until <= now_s || until > now_s + CROWD_LIFE_S)
		return false;
	proof(secret, who, token.ptr, want);
	return CRYPTO_memcmp(want, token.ptr + 16, 32) == 0;
}

size_t crowd_cookie_cut(char *text, size_t n)
{
	static const struct str name = STR(CROWD_COOKIE "=");
	for (size_t at = 0; at < n;) {
		size_t end = at;
		while (end < n && text[end] != ';')
			end++;
		bool ours = str_case_starts(str_trim((struct str){ text + at, end - at }), name); /* as nginx looks for it */
		end += end < n;
		if (!ours) {
			at = end;
			continue;
		}
		while (at == 0 && end < n && text[end] == ' ')
			end++;
		memmove(text + at, text + end, n - end);
		n -= end - at;
	}
	while (n > 0 && (text[n - 1] == ';' || text[n - 1] == ' ')) /* what stood before the last */
		n--;
	return n;
}
