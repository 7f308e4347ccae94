/* What a browser's script hands over at a sign-in by passkey: three texts, one after the other, as anybody may have made them up. */
#include "account/passkey.h"
#include "base/mem.h"

#include <stddef.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next piece, up to a byte of 0xff. */
static struct str piece(struct str *rest)
{
	const char *end = rest->len ? memchr(rest->ptr, 0xff, rest->len) : NULL;
	struct str s = { rest->ptr, end ? (size_t)(end - rest->ptr) : rest->len };
	rest->ptr += s.len + (end != NULL);
	rest->len -= s.len + (end != NULL);
	return s;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct passkey_expect x = { .name = "desk.toride.example" };
	struct str rest = { (const char *)data, size }, a = piece(&rest), b = piece(&rest), c = piece(&rest), id;
	unsigned char bytes[64];
	uint32_t count;
	size_t n;
	passkey_new(&x, a, b, c, &id, &count, NULL);
	passkey_new(&x, STR("{\"type\":\"webauthn.create\",\"challenge\":\"AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\",\"origin\":\"https://desk.toride.example\"}"), b, c, &id,
	            &count, NULL);
	passkey_signed(&x, a, b, c, rest, 0, &count, NULL);
	base64url_parse(a, bytes, sizeof bytes, &n);
	return 0;
}
