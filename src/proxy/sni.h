/* The server name and the fingerprint in a TLS ClientHello (RFC 8446 4.1.2, RFC 6066 3, RFC 7301), looked at before
 * anybody decides whether the connection is to be opened. */
#ifndef PROXY_SNI_H
#define PROXY_SNI_H

#include "proxy/ja4.h"

#define SNI_MAX_HELLO 16384
#define TLS_HANDSHAKE 22 /* a record's first byte (RFC 8446 5.1) */

struct client_hello {
	char sni[256]; /* lower case, or "" */
	char ja4[JA4_TEXT]; /* "" : it offers more than anybody does */
};

/* 1: read; 0: more bytes are needed; -E_INVALID: not a TLS ClientHello. */
int client_hello_parse(const void *p, size_t n, struct client_hello *ret);

#endif
