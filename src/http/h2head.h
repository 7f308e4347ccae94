/* Heads of HTTP/2 (RFC 9113 8) and the one form all of the proxy has: struct http_head of http.h when they come, lines as
 * HTTP/1.1 writes them when they go.
 *
 * Coming: nghttp2 has undone HPACK and refused what RFC 9113 8.2 and 8.3 forbid; here the same rules as for HTTP/1.1 are
 * applied again (http_check_fields()), so that nothing that came in one framing means something else in the other.
 * Cookie crumbs are joined (8.2.3), :authority becomes Host and a Host beside it must say the same. */
#ifndef HTTP_H2HEAD_H
#define HTTP_H2HEAD_H

#include "base/buf.h"
#include "http/http.h"

#include <nghttp2/nghttp2.h>

#define H2_FIELDS (HTTP_MAX_HEADERS + 8)
#define H2_BOMB (8 * HTTP_MAX_HEAD) /* decoded: more isn't a mistake any more */

/* The fields of one header block while they come. */
struct h2_block {
	struct buf text;   /* names and values, one after another */
	struct buf cookie; /* crumbs, joined */
	uint32_t name[H2_FIELDS], value[H2_FIELDS]; /* lengths */
	unsigned n;
	size_t bytes;      /* as RFC 9113 10.5.1 counts them */
	const char *why;   /* it is to be refused */
};

void h2_block_init(struct h2_block *b);
void h2_block_done(struct h2_block *b);
void h2_block_reset(struct h2_block *b);
/* 0; -E_LIMIT: a bomb (less is told by h2_request_head()). */
int h2_block_add(struct h2_block *b, struct str name, struct str value);

/* 0 or -E_INVALID with *ret_why, as http_parse_request() does. Texts point into b. `end`: no content follows. Where it does
 * and no length is said, ret->chunked tells how HTTP/1.1 has to send it on. */
int h2_request_head(struct h2_block *b, bool end, struct http_stream *s, struct http_head *ret, const char **ret_why);
int h2_response_head(struct h2_block *b, bool end, uint8_t method, struct http_stream *s, struct http_head *ret, const char **ret_why);
/* The lines of a trailer (trailer.h), onto dst. NULL, or why it is refused. */
const char *h2_trailer_lines(const struct h2_block *b, struct buf *dst);
/* Does it begin with :status? (Else it is a trailer.) */
bool h2_block_is_response(const struct h2_block *b);

/* Lines as rewrite.c writes them, to fields that point into them; names are lowered in place. What only HTTP/1.1 says
 * (Transfer-Encoding, Connection) is left out. How many; 0: not a head of ours. */
size_t h2_request_fields(char *text, size_t n, nghttp2_nv nv[H2_FIELDS]);
size_t h2_answer_fields(char *text, size_t n, nghttp2_nv nv[H2_FIELDS]);
size_t h2_trailer_fields(char *text, size_t n, nghttp2_nv nv[H2_FIELDS]); /* of a trailer's lines */

#endif
