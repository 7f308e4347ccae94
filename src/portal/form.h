/* A form's fields (application/x-www-form-urlencoded; WHATWG URL, 5), from a query or a body. */
#ifndef PORTAL_FORM_H
#define PORTAL_FORM_H

#include "base/str.h"

/* The value of `name`, decoded, into dst ("" unless it is true). False when it is absent, stands there twice, isn't UTF-8, holds a control
 * character, or is too long. Line ends of a text area become blanks: what people write is kept on one line. */
bool form_get(struct str form, const char *name, char *dst, size_t size);
/* Digits only, at most max. */
bool form_number(struct str form, const char *name, uint64_t max, uint64_t *ret);
/* One cookie of a Cookie header (RFC 6265, 4.2), as it stands there; false when it is absent, stands there twice or is too long. */
bool form_cookie(struct str header, const char *name, char *dst, size_t size);

#endif
