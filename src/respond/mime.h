/* One mail as bytes: RFC 5322, MIME (RFC 2045–2047), UTF-8 text in base64. Nothing from outside reaches a header
 * but through here: control characters are refused in addresses and turned into spaces in words. */
#ifndef RESPOND_MIME_H
#define RESPOND_MIME_H

#include "base/buf.h"

struct err;

struct mime_mail {
	const char *from, *from_name; /* address; words before it, or "" */
	const char *to, *to_name;
	const char *subject, *body;
	const char *reference; /* makes the Message-ID: the same for each attempt */
	int64_t date_ms;
};

/* An address we send to: one @, of [A-Za-z0-9.!#$%&'*+/=?^_`{|}~-] and a host name; at most 254 bytes. */
bool mime_is_address(const char *s);
/* Lines end in CR LF. -E_INVALID for an address or reference that isn't one. */
int mime_format(const struct mime_mail *m, struct buf *b, struct err *err);

#endif
