/* See crowd.h. */
#include "edge/crowd.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>
#include <string.h>

#define WHOLE 256
#define LEAST 4 /* of WHOLE; crowd_may() has its own */
#define MORE 8  /* of WHOLE, a second */

static bool is_late(uint32_t asked, uint32_t late)
{
	return late > 0 && late >= asked / 4;
}

/* Additive increase, multiplicative decrease (as TCP has it, RFC 5681 section 3.1). One late second may be what was begun before. */
static void squeeze(struct crowd *c, uint64_t seconds)
{
	uint64_t more = seconds < WHOLE ? seconds * MORE : WHOLE;
	bool late = is_late(c->all, c->all_late);
	c->late_before = late ? (uint16_t)(c->late_before + (c->late_before < 2)) : 0;
	if (c->late_before == 2)
		c->squeeze = (uint16_t)(WHOLE - ((WHOLE - c->squeeze) / 2 > LEAST ? (WHOLE - c->squeeze) / 2 : LEAST));
	else if (!late)
		c->squeeze -= (uint16_t)(c->squeeze < more ? c->squeeze : more);
}

static void fade(struct crowd *c)
{
	uint32_t *all[] = { &c->asked, &c->late, &c->held, &c->insist };
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		*all[i] = (uint32_t)((uint64_t)*all[i] * 7 / 8);
}

/* Of the second that is over, and of those after it in which nobody asked. It takes less to stay so than to become so, and some seconds to end. */
static void judge(struct crowd *c, uint64_t now_ms)
{
	uint64_t past = now_ms / 1000 - c->second;
	bool crowded = now_ms < c->until_ms;
	if (crowded)
		squeeze(c, past);
	else
		c->squeeze = c->late_before = 0;
	if (crowded && (c->held >= CROWD_HELD || c->insist >= CROWD_INSIST))
		c->until_ms = now_ms + CROWD_HOLD_MS;
	if (past > CROWD_WINDOW_MS / 1000 * 8)
		c->asked = c->late = c->held = c->insist = 0;
	else
		for (uint64_t i = 0; i < past; i++)
			fade(c);
	c->second += past;
	c->all = c->all_late = 0;
}

bool crowd_ask(struct crowd *c, uint64_t now_ms, uint32_t n, bool late)
{
	if (now_ms / 1000 > c->second)
		judge(c, now_ms);
	c->all++;
	c->all_late += late;
	c->asked += n == 1;
	c->late += n == 1 && late;
	if (late && c->late >= CROWD_LATE && is_late(c->asked, c->late) && c->until_ms < now_ms + CROWD_HOLD_MS)
		c->until_ms = now_ms + CROWD_HOLD_MS;
	return now_ms < c->until_ms;
}

static bool is_hard(const struct crowd *c)
{
	return c->squeeze >= WHOLE / 2;
}

uint32_t crowd_hold(struct crowd *c, uint32_t n)
{
	bool hard = is_hard(c);
	c->held += n == 1;
	c->insist += n == CROWD_FEW + 1;
	if (n <= (hard ? CROWD_FEW / 4 : CROWD_FEW))
		return 0;
	return n <= CROWD_MANY ? (hard ? 10000 : 4000) : (hard ? 30000 : 10000);
}

uint32_t crowd_may(const struct crowd *c, uint32_t most)
{
	uint32_t may = (uint32_t)((uint64_t)most * (WHOLE - c->squeeze) / WHOLE);
	return may > CROWD_LEAST ? may : CROWD_LEAST;
}

bool crowd_shed(const struct crowd *c, bool late)
{
	return late && is_hard(c);
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
