/* The JA4 fingerprint of a TLS client: which versions, suites, extensions and signature algorithms its ClientHello offers, in a form that
 * doesn't change with their order or GREASE (RFC 8701). Written after FoxIO's published description of JA4 (the TLS client's alone, which
 * is free to use: BSD 3-clause). "t13d1516h2_8daaf6152771_e5627efa2ab1":
 *   t, highest version, d (a server name) or i, suites, extensions (two digits each), first and last character of the first ALPN protocol
 *   _ SHA-256 of the suites, sorted _ SHA-256 of the extensions, sorted, without server name and ALPN, "_" and the signature algorithms as they come
 * both of four hex digits with commas between, their first twelve digits; of nothing: zeros. */
#ifndef PROXY_JA4_H
#define PROXY_JA4_H

#include "base/str.h"

#define JA4_TEXT 37
#define JA4_LIST 512 /* more of a kind than any client has: no fingerprint */

struct ja4_list {
	uint16_t v[JA4_LIST];
	size_t n;
	bool over;
};
struct ja4 {
	uint16_t legacy_version, version; /* version: the highest of supported_versions; 0: it isn't there */
	bool sni;
	struct str alpn; /* the first protocol; ptr NULL: none */
	struct ja4_list suites, extensions, signatures;
};
void ja4_add(struct ja4_list *l, uint16_t v); /* GREASE is left out */
bool ja4_is_grease(uint16_t v);
/* "" when a list holds more than is kept. Sorts the lists. */
void ja4_format(struct ja4 *j, char dst[JA4_TEXT]);

#endif
