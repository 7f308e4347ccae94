/* See jose.h. */
#include "acme/jose.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

void base64url_put(struct buf *b, const void *p, size_t n)
{
	static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	const unsigned char *s = p;
	for (size_t i = 0; i < n; i += 3) {
		unsigned long v = (unsigned long)s[i] << 16 | (i + 1 < n ? (unsigned long)s[i + 1] << 8 : 0) | (i + 2 < n ? s[i + 2] : 0);
		size_t chars = n - i > 2 ? 4 : n - i + 1;
		for (size_t k = 0; k < chars; k++)
			buf_putc(b, alphabet[v >> (18 - 6 * k) & 63]);
	}
}

/* The members in the order that the thumbprint wants. */
static void put_jwk(struct buf *b, const unsigned char pub[64])
{
	buf_puts(b, "{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"");
	base64url_put(b, pub, 32);
	buf_puts(b, "\",\"y\":\"");
	base64url_put(b, pub + 32, 32);
	buf_puts(b, "\"}");
}

void jose_thumbprint(const unsigned char pub[64], char ret[JOSE_THUMBPRINT])
{
	unsigned char sum[SHA256_LEN];
	struct buf b;
	buf_init(&b, KIB);
	put_jwk(&b, pub);
	hash_sha256(b.ptr ? b.ptr : "", b.len, sum);
	buf_reset(&b);
	base64url_put(&b, sum, sizeof sum);
	str_copy(buf_view(&b), ret, JOSE_THUMBPRINT);
	buf_done(&b);
}

static int put_protected(const struct jose_request *rq, jose_sign sign, void *user, struct buf *input, struct err *err)
{
	unsigned char pub[64], none[64];
	struct buf head;
	buf_init(&head, 8 * KIB);
	buf_puts(&head, "{\"alg\":\"ES256\"");
	json_field_s(&head, "nonce", rq->nonce);
	json_field_s(&head, "url", rq->url);
	int r = 0;
	if (*rq->kid) {
		json_field_s(&head, "kid", rq->kid);
	} else {
		r = sign(user, STR(""), pub, none, err);
		json_key(&head, "jwk");
		if (r == 0)
			put_jwk(&head, pub);
	}
	buf_putc(&head, '}');
	r = r < 0 ? r : head.failed;
	base64url_put(input, head.ptr ? head.ptr : "", head.len);
	buf_done(&head);
	return r;
}

int jose_request_put(const struct jose_request *rq, jose_sign sign, void *user, struct buf *b, struct err *err)
{
	unsigned char pub[64], sig[64];
	struct buf input;
	buf_init(&input, 64 * KIB);
	int r = put_protected(rq, sign, user, &input, err);
	size_t at = input.len;
	buf_putc(&input, '.');
	base64url_put(&input, rq->payload.ptr, rq->payload.len);
	r = r < 0 ? r : input.failed ? err_set(err, E_LIMIT, rq->url, "the request is too long") : sign(user, buf_view(&input), pub, sig, err);
	if (r == 0) {
		buf_puts(b, "{\"protected\":\"");
		buf_put(b, input.ptr, at);
		buf_puts(b, "\",\"payload\":\"");
		buf_put(b, input.ptr + at + 1, input.len - at - 1);
		buf_puts(b, "\",\"signature\":\"");
		base64url_put(b, sig, sizeof sig);
		buf_puts(b, "\"}");
		r = b->failed;
	}
	buf_done(&input);
	return r;
}
