/* Trailers (RFC 9110 6.5): fields behind the content, as gRPC ends each of its answers. In both versions they are collected as the
 * lines HTTP/1.1 writes, and sifted once before they go on.
 *
 * A trailer can't be what its receiver has already acted upon: fields that frame, route, authenticate, set cookies, or say what
 * the content is or how long it may be kept are taken out (6.5.1). What isn't a proper field makes the message malformed. */
#ifndef HTTP_TRAILER_H
#define HTTP_TRAILER_H

#include "base/buf.h"

/* b: "name: value\r\n" …, sifted in place. 0 or -E_INVALID. */
int trailer_sift(struct buf *b);

#endif
