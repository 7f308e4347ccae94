/* The public sites' edge: what its files share. Between the checked sites of the model and nginx with ModSecurity. */
#ifndef COMPILE_EDGE_H
#define COMPILE_EDGE_H

#include "compile/emit.h"

/* CRYPTREC and IPA, TLS configuration guide 3.1, "recommended security": TLS 1.3 and 1.2, ephemeral keys, authenticated ciphers,
 * elliptic curves of the list; no tickets, whose key would have to change and be shared. For nginx's http block. */
#define TLS_GUIDE \
	"  ssl_protocols TLSv1.2 TLSv1.3;\n  ssl_ciphers ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305;\n" \
	"  ssl_prefer_server_ciphers on;\n  ssl_ecdh_curve X25519:prime256v1:secp384r1;\n  ssl_session_tickets off;\n" \
	"  ssl_session_cache shared:tls:10m;\n  ssl_session_timeout 10m;\n  http2_max_concurrent_streams 64;\n"

bool edge_any(const struct model *m); /* is a site published at all? */
/* Rules of our own have numbers below 100,000, ModSecurity's range for local use. */
void edge_cache_http(struct buf *b, const struct model *m);              /* edge_cache.c: for the http block */
void edge_cache_site(struct buf *b, const struct org *o, size_t n);      /* for the site's location */
void edge_limits_http(struct buf *b, const struct model *m);             /* edge_limits.c */
void edge_waf_base(struct buf *b, const struct model *m);
void edge_waf_site(struct buf *b, const struct site *s); /* the text between the quotes of modsecurity_rules */

#endif
