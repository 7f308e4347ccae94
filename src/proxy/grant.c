/* Opening by the person at the terminal; see grant.h. */
#include "proxy/grant.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#define SLOTS 65536 /* a power of two: 12,500 terminals with a few open rules each */
#define NEAR 8      /* places one grant may have; when all are in force, the one that ends first gives way */

static unsigned char key[32];
static uint64_t seed[2];
static struct {
	_Atomic uint64_t who;
	_Atomic int64_t until;
} slots[SLOTS];

int grant_init(void)
{
	rnd_bytes(key, sizeof key);
	rnd_bytes(seed, sizeof seed);
	return 0;
}

#define SUBJECT 512
static size_t subject(const struct grant_for *g, int64_t until, char dst[SUBJECT])
{
	char addr[PREFIX_TEXT];
	return (size_t)snprintf(dst, SUBJECT, "%s %s %lld %s\n%s", g->org, prefix_format_addr(g->terminal, addr), (long long)until, g->rule, g->user ? g->user : "");
}

static void sign(const struct grant_for *g, int64_t until, char hex[65])
{
	char text[SUBJECT];
	unsigned char mac[32];
	unsigned n = sizeof mac;
	size_t len = subject(g, until, text);
	HMAC(EVP_sha256(), key, sizeof key, (const unsigned char *)text, len < sizeof text ? len : sizeof text - 1, mac, &n);
	hex_format(mac, sizeof mac, hex);
}

void grant_token(const struct grant_for *g, int64_t now_ms, char dst[GRANT_TOKEN])
{
	char hex[65];
	int64_t until = now_ms + GRANT_TOKEN_MS;
	sign(g, until, hex);
	snprintf(dst, GRANT_TOKEN, "%lld.%s", (long long)until, hex);
}

bool grant_token_ok(const struct grant_for *g, struct str token, int64_t now_ms)
{
	struct str rest = token, end;
	uint64_t until;
	char hex[65];
	if (!str_next(&rest, '.', &end) || rest.len != 64 || !str_to_u64(end, INT64_MAX, &until) || (int64_t)until <= now_ms ||
	    (int64_t)until > now_ms + GRANT_TOKEN_MS)
		return false;
	sign(g, (int64_t)until, hex);
	return CRYPTO_memcmp(hex, rest.ptr, 64) == 0;
}

static uint64_t who_is(const struct grant_for *g)
{
	char text[SUBJECT];
	size_t len = subject(g, 0, text);
	uint64_t h = hash_sip(seed, text, len < sizeof text ? len : sizeof text - 1);
	return h ? h : 1;
}

void grant_open(const struct grant_for *g, int64_t now_ms)
{
	uint64_t who = who_is(g);
	size_t at = who & (SLOTS - 1), best = at;
	for (size_t i = 0; i < NEAR; i++) {
		size_t k = (at + i) & (SLOTS - 1);
		if (atomic_load(&slots[k].who) == who) {
			best = k;
			break;
		}
		if (atomic_load(&slots[k].until) < atomic_load(&slots[best].until))
			best = k;
	}
	atomic_store(&slots[best].until, 0); /* so that nobody sees the new name with the old end */
	atomic_store(&slots[best].who, who);
	atomic_store(&slots[best].until, now_ms + GRANT_MS);
}

bool grant_holds(const struct grant_for *g, int64_t now_ms)
{
	uint64_t who = who_is(g);
	for (size_t i = 0; i < NEAR; i++) {
		size_t k = (who + i) & (SLOTS - 1);
		int64_t until = atomic_load(&slots[k].until);
		if (atomic_load(&slots[k].who) == who && until > now_ms && until <= now_ms + GRANT_MS)
			return true;
	}
	return false;
}

/* ---- the form's answer ---- */

bool form_decode(struct str s, char *dst, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < s.len; i++) {
		unsigned char c = (unsigned char)s.ptr[i];
		if (c == '+')
			c = ' ';
		if (c == '%' && (i + 2 >= s.len || !hex_parse((struct str){ s.ptr + i + 1, 2 }, &c, 1)))
			return false;
		if (s.ptr[i] == '%')
			i += 2;
		if (c < 0x20 || c == 0x7f || n + 1 >= size)
			return false;
		dst[n++] = (char)c;
	}
	dst[n] = 0;
	return str_is_utf8((struct str){ dst, n });
}

int grant_request_parse(struct str path, struct grant_request *ret)
{
	struct str rest = path, bare, member;
	*ret = (struct grant_request){ 0 };
	str_next(&rest, '?', &bare);
	if (!str_eq(bare, STR(GRANT_PATH)))
		return -E_NOT_FOUND;
	while (rest.ptr && str_next(&rest, '&', &member)) {
		struct str value = member, name;
		str_next(&value, '=', &name);
		bool ok = str_eq(name, STR("t")) ? form_decode(value, ret->token, sizeof ret->token) :
		          str_eq(name, STR("k")) ? form_decode(value, ret->rule, sizeof ret->rule) :
		          str_eq(name, STR("u")) ? form_decode(value, ret->back, sizeof ret->back) :
		          str_eq(name, STR("r")) ? form_decode(value, ret->reason, sizeof ret->reason) : false;
		if (!ok)
			return -E_INVALID;
	}
	/* Back to this site only: "//other.example" and "/\\other.example" are other ones to a browser. */
	if (ret->back[0] != '/' || ret->back[1] == '/' || strchr(ret->back, '\\'))
		return -E_INVALID;
	return ret->token[0] && ret->rule[0] ? 0 : -E_INVALID;
}
