/* What ACME signs with: base64url (RFC 4648 section 5), the account's public key as JWK (RFC 7517) with its thumbprint
 * (RFC 7638), and requests in flattened JWS (RFC 7515 section 7.2.2, RFC 8555 section 6.2). */
#ifndef ACME_JOSE_H
#define ACME_JOSE_H

#include "base/buf.h"

struct err;

#define JOSE_THUMBPRINT 44 /* 43 characters and NUL */

/* ES256 over `input`; the key's public half (x‖y). An empty input asks for the public half alone. */
typedef int (*jose_sign)(void *user, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err);

void base64url_put(struct buf *b, const void *p, size_t n);
void jose_thumbprint(const unsigned char pub[64], char ret[JOSE_THUMBPRINT]);

struct jose_request {
	const char *url, *nonce;
	const char *kid;     /* the account's URL; "": the key itself stands in the request (newAccount) */
	struct str payload;  /* JSON; empty: POST-as-GET (RFC 8555 section 6.3) */
};
/* Appends the request's body. */
int jose_request_put(const struct jose_request *rq, jose_sign sign, void *user, struct buf *b, struct err *err);

#endif
