/* What RFC 9111 asks of a cache and nginx's configuration has no words for: the texts of it. No state, no memory; nginx's side
 * of it is daemon/kept_module.c. Texts are an origin's or a visitor's, within the limits nginx has put to them. */
#ifndef EDGE_FRESH_H
#define EDGE_FRESH_H

#include "base/str.h"

struct fresh_field {
	struct str name, value;
};

/* The value of an Age field: one number of seconds, RFC 9111 section 5.1. False where it is anything else, and the answer then
 * counts as old: the section's leave to read the first number of a list would let one cache in between hide another's age. */
bool fresh_age(struct str value, int64_t *ret_s);

/* Is the name one of a Connection field's words? RFC 9110 section 7.6.1. */
bool fresh_listed(struct str list, struct str name);

/* A stored answer's head ("HTTP/1.1 200 OK\r\n… \r\n\r\n") with the fields of a 304 in place of those of their names, RFC 9111
 * section 3.2. What tells of the body or finds it again (Content-Length, ETag, Vary …) stays, and so does Set-Cookie: it is one
 * visitor's. Age is the 304's or none. Length written to dst; -E_INVALID: no such head, or a value no field can have; -E_LIMIT. */
int fresh_merge(struct str head, const struct fresh_field *news, size_t n, char *dst, size_t size);

/* The URL that a Location or Content-Location names, where it is of the same site as the URL asked for ("https://a.example/b?c"):
 * what a change there makes old too, RFC 9111 section 4.4. http and https are one site here; the fragment is cut off. Its length
 * written to dst; -E_INVALID: another site, or dot segments; -E_LIMIT. */
int fresh_target(struct str asked, struct str reference, char *dst, size_t size);

#endif
