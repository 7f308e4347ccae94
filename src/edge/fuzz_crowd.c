/* A token as a visitor sends it: none but the one that was made for him is believed. */
#include "base/buf.h"
#include "base/err.h"
#include "edge/crowd.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const unsigned char secret[CROWD_SECRET] = "0123456789abcdef0123456789abcdef";
	char token[CROWD_TOKEN];
	crowd_token(secret, STR("a"), 1000000, token);
	bool is_it = size == CROWD_TOKEN - 1 && memcmp(data, token, size) == 0;
	/* Another time's proof is as hard to make, so believing anything else is a fault. */
	if (crowd_token_valid(secret, STR("a"), 1000000, (struct str){ (const char *)data, size }) != is_it)
		abort();
	struct buf b;
	buf_init(&b, size + 1);
	buf_put(&b, data, size);
	size_t left = b.len ? crowd_cookie_cut(b.ptr, b.len) : 0;
	if (left > b.len || (left && crowd_cookie_cut(b.ptr, left) != left)) /* none is left */
		abort();
	buf_done(&b);
	return 0;
}
