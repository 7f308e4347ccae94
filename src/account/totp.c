/* See totp.h. account.c asks. */
#include "account/totp.h"

#include "base/clock.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdio.h>

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

void totp_make(char ret[TOTP_TEXT])
{
	unsigned char r[TOTP_TEXT - 1];
	rnd_bytes(r, sizeof r);
	for (size_t i = 0; i < sizeof r; i++)
		ret[i] = alphabet[r[i] & 31];
	ret[TOTP_TEXT - 1] = 0;
}

bool totp_parse(const char *text, unsigned char ret[TOTP_SECRET])
{
	uint64_t bits = 0;
	if (strlen(text) != TOTP_TEXT - 1)
		return false;
	for (size_t i = 0; i < TOTP_TEXT - 1; i++) {
		const char *at = strchr(alphabet, text[i]);
		if (!at)
			return false;
		bits = bits << 5 | (uint64_t)(at - alphabet);
		if (i % 8 == 7)
			for (size_t k = 0; k < 5; k++)
				ret[i / 8 * 5 + k] = (unsigned char)(bits >> (32 - 8 * k));
	}
	return true;
}

unsigned totp_code(const unsigned char secret[TOTP_SECRET], int64_t ms)
{
	unsigned char counter[8], mac[EVP_MAX_MD_SIZE];
	uint64_t step = (uint64_t)(ms / TOTP_STEP_MS);
	unsigned n = 0;
	for (int i = 7; i >= 0; i--, step >>= 8)
		counter[i] = (unsigned char)step;
	if (!HMAC(EVP_sha1(), secret, TOTP_SECRET, counter, sizeof counter, mac, &n) || n < 20)
		return 1000000; /* no code: nothing equals it */
	unsigned at = mac[19] & 15; /* RFC 4226, 5.3 */
	uint32_t v = (uint32_t)(mac[at] & 0x7f) << 24 | (uint32_t)mac[at + 1] << 16 | (uint32_t)mac[at + 2] << 8 | mac[at + 3];
	return v % 1000000;
}

int64_t totp_check(const char *text, const unsigned char secret[TOTP_SECRET], int64_t now_ms, int64_t last)
{
	unsigned given = 0, digits = 0;
	for (; *text; text++) {
		if (*text == ' ')
			continue;
		if (*text < '0' || *text > '9' || digits++ == 6)
			return 0;
		given = given * 10 + (unsigned)(*text - '0');
	}
	for (int d = -TOTP_DRIFT; digits == 6 && d <= TOTP_DRIFT; d++) {
		int64_t at = now_ms + d * (int64_t)TOTP_STEP_MS;
		if (at / TOTP_STEP_MS > last && totp_code(secret, at) == given)
			return at / TOTP_STEP_MS;
	}
	return 0;
}

static void put_percent(struct buf *b, const char *s)
{
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;
		bool plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-' || c == '.' || c == '_';
		if (plain)
			buf_putc(b, *s);
		else
			buf_printf(b, "%%%02X", c);
	}
}

void totp_uri(const char *issuer, const char *name, const char *text, struct buf *ret)
{
	buf_puts(ret, "otpauth://totp/");
	put_percent(ret, issuer);
	buf_putc(ret, ':');
	put_percent(ret, name);
	buf_printf(ret, "?secret=%s&issuer=", text);
	put_percent(ret, issuer);
}
