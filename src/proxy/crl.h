/* An authority's list of revoked certificates (RFC 5280 section 5), for one certificate of its own that was verified already; and where a
 * certificate says that it may be asked for (sections 4.2.1.13 and 4.2.2.1).
 *
 * A list counts when the certificate's own issuer signed it with SHA-2, it is whole (no delta, no part of the reasons, of no other's
 * certificates), it is of now, and, where it says of which part of the authority's certificates it is, that is the part the certificate names:
 * lists come in clear, and another part's would say "not revoked". Requirements: F-09. */
#ifndef PROXY_CRL_H
#define PROXY_CRL_H

#include "proxy/staple.h"

#include <stdint.h>

#define CRL_MAX (8u * 1024 * 1024) /* bytes of a list: 200,000 certificates; authorities cut theirs into smaller parts (Baseline Requirements 7.2) */
#define CRL_URLS 3
#define CRL_URL 512

/* As staple_judge(): NONE nothing came, UNFIT nothing can be taken from it. url: where it came from. *ret_until: when the next one comes,
 * seconds since 1970 (GOOD and REVOKED). */
enum staple crl_judge(const void *der, size_t n, const char *url, STACK_OF(X509) *chain, int64_t *ret_until);

struct crl_sources {
	char list[CRL_URLS][CRL_URL]; /* of lists */
	char ask[CRL_URL];            /* of an OCSP server; "" none */
	size_t n;
};
/* http: only: https: would have to be verified in its turn, and whatever else it says isn't for us. False: it names none. */
bool crl_sources(const X509 *leaf, struct crl_sources *ret);

#endif
