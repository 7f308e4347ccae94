/* One SCGI request (https://python.ca/scgi/protocol.txt): a netstring of NUL-ended names and values, then the body. Only what the pages
 * use is kept. nginx hands a request on when all of it is there, so that a slow client holds none of our workers. */
#ifndef PORTAL_SCGI_H
#define PORTAL_SCGI_H

#include "base/str.h"

#define SCGI_MAX 16384 /* bytes of the header netstring */
#define SCGI_BODY_MAX 32768
#define SCGI_PATH_MAX 256
#define SCGI_QUERY_MAX 2048

struct scgi {
	bool head, post;            /* HEAD: no body in the answer; neither: GET */
	char path[SCGI_PATH_MAX];   /* DOCUMENT_URI: decoded and normalised by nginx; checked here all the same */
	char query[SCGI_QUERY_MAX]; /* raw; forms: form.h */
	char language[64];          /* Accept-Language; "" when absent or too long */
	char cookie[1024];          /* "" when absent or too long: then nobody is signed in */
	char host[128], origin[160]; /* as the browser says them; "" when absent */
	char site[16];              /* Sec-Fetch-Site */
	char type[64];              /* of the body */
	char address[64];           /* whom nginx speaks to */
	char way[8];                /* by whose network: a body's code, or "node" (account/way.h); "" when it isn't said: then nobody may sign in */
	char https[4];              /* "on" over TLS */
	size_t length;              /* of the body: so many bytes follow the netstring */
	struct str body;            /* set by whoever read it; a form, as `type` says */
};

/* How many bytes the netstring has: -E_AGAIN while the length isn't there yet, -E_INVALID, -E_LIMIT. */
int scgi_length(struct str in, size_t *ret);
/* in: exactly scgi_length() bytes. -E_INVALID malformed, -E_LIMIT too long (the body too), -E_DENIED another method than GET, HEAD, POST. */
int scgi_parse(struct str in, struct scgi *ret);

#endif
