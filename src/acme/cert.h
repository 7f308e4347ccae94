/* Certificates of public sites as files: a chain in PEM, the site's own first (RFC 8555 section 7.4.2). */
#ifndef ACME_CERT_H
#define ACME_CERT_H

#include "base/buf.h"
#include "base/map.h"

struct err;

struct cert {
	int64_t not_before, not_after;  /* UTC seconds */
	unsigned char sum[SHA256_LEN];  /* of the site's own, DER: to compare with what is served */
	unsigned char key[SHA256_LEN];  /* of its SubjectPublicKeyInfo: the vault's name of its key */
	bool covers;                    /* all names asked for */
};

/* Reads the first certificate. names: what it should be for (RFC 6125 section 6.4). -E_INVALID: no certificate. */
int cert_read(struct str pem, const char *const *names, size_t n, struct cert *ret, struct err *err);
/* At most 8 certificates of the chain, written anew: nothing else that stood in the text. */
int cert_chain(struct str pem, struct buf *ret_pem, struct err *err);
/* DER of a certification request in PEM, and its key's name. */
int cert_request(struct str pem, struct buf *ret_der, unsigned char ret_key[SHA256_LEN], struct err *err);
/* When a new one is asked for: after two thirds of its life. One that doesn't fit: at once. */
int64_t cert_renewal(const struct cert *c);

#endif
