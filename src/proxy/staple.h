/* A stapled OCSP answer (RFC 6066 section 8, RFC 6960): what an origin brings along from its authority about its own certificate,
 * so that nobody is asked where a terminal goes. Never asks, never waits. It is signed by the authority or by one that it
 * named for that (RFC 6960 section 4.2.2.2), and both are judged as the certificate itself was; only SHA-2 signs here.
 * Of the leaf alone: OpenSSL gives no answers about those between. Requirements: F-09. */
#ifndef PROXY_STAPLE_H
#define PROXY_STAPLE_H

#include <openssl/x509.h>
#include <stdbool.h>
#include <stddef.h>

#define STAPLE_MAX 16384  /* bytes of an answer */
#define STAPLE_SINGLES 64 /* certificates that one may speak of; real ones speak of one */
#define STAPLE_CERTS 4    /* that may come along in it */
#define STAPLE_SKEW_S 300 /* how far two clocks may differ */
#define STAPLE_AGE_S (10 * 86400l) /* an answer that doesn't say when the next one comes is taken for so long (CA/Browser Forum, Baseline Requirements 4.9.10) */

enum staple {
	STAPLE_NONE,    /* there is none */
	STAPLE_UNFIT,   /* nothing can be taken from it: broken, of another certificate or signer, too old, "unknown" */
	STAPLE_GOOD,
	STAPLE_REVOKED, /* the authority's own word; how old it is makes no difference, but for one that is only on hold */
};

/* der, n: the answer (n 0: none). chain: the leaf and who vouches for it, verified already; store: what it was verified
 * against. */
enum staple staple_judge(const void *der, size_t n, STACK_OF(X509) *chain, X509_STORE *store);

/* The certificate itself says that it is good with such an answer only (status_request in its TLS features, RFC 7633). */
bool staple_must(const X509 *leaf);

#endif
