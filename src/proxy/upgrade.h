/* WebSocket (RFC 6455), the one upgrade that passes: over HTTP/1.1, for hosts the organisation names; then messages both ways
 * (socket.h). Any other Upgrade header is taken off. */
#ifndef PROXY_UPGRADE_H
#define PROXY_UPGRADE_H

#include "http/http.h"

#define UPGRADE_ACCEPT 29

/* Does this request ask for it, properly (4.2.1)? accept: what the origin has to answer (4.2.2). */
bool upgrade_asked(const struct http_head *h, char accept[UPGRADE_ACCEPT]);
/* Is this the 101 that grants it? */
bool upgrade_granted(const struct http_head *h, const char *accept);

#endif
