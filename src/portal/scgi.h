/* One SCGI request (https://python.ca/scgi/protocol.txt): a netstring of NUL-ended names and values. Only what the
 * pages use is kept; a body is refused, since nothing here takes one. */
#ifndef PORTAL_SCGI_H
#define PORTAL_SCGI_H

#include "base/str.h"

#define SCGI_MAX 16384 /* bytes of the header netstring */
#define SCGI_PATH_MAX 256
#define SCGI_QUERY_MAX 256

struct scgi {
	bool head;                  /* HEAD: no body in the answer */
	char path[SCGI_PATH_MAX];   /* DOCUMENT_URI: decoded and normalised by nginx; checked here all the same */
	char query[SCGI_QUERY_MAX]; /* raw */
	char language[64];          /* Accept-Language; "" when absent or too long */
};

/* How many bytes the whole request has: -E_AGAIN while the length isn't there yet, -E_INVALID, -E_LIMIT. */
int scgi_length(struct str in, size_t *ret);
/* in: exactly scgi_length() bytes. -E_INVALID malformed, -E_LIMIT too long, -E_DENIED another method than GET, HEAD. */
int scgi_parse(struct str in, struct scgi *ret);
/* "lang" of "a=b&lang=en" into dst, undecoded; false when absent or too long. */
bool scgi_query(const char *query, const char *name, char *dst, size_t size);

#endif
