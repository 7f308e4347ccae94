/* HTTP/1.1 messages (RFC 9110, RFC 9112), read strictly: whatever two programs could read in two ways is
 * refused and never forwarded (request smuggling lives on that difference).
 *
 * A head is parsed in one piece: the caller collects bytes until http_head_end() finds the empty line, then
 * http_parse_request()/_response() fill struct http_head, whose texts point into the caller's bytes. Bodies
 * are then fed to the same struct http_stream, which takes the framing off. llhttp does the grammar, in its
 * strict mode; what it lets pass (folded lines, two Content-Length of the same value, …) is refused here. */
#ifndef HTTP_HTTP_H
#define HTTP_HTTP_H

#include "base/buf.h"

#include <llhttp.h>

#define HTTP_MAX_HEAD (64 * 1024)
#define HTTP_MAX_HEADERS 100
#define HTTP_MAX_TRAILER (16 * 1024) /* trailers and chunk extensions of one message */

struct http_header {
	struct str name, value; /* value without blanks at its ends */
	uint8_t id;             /* enum http_known */
};

/* Headers the proxy itself has something to do with. */
enum http_known {
	H_OTHER, H_HOST, H_CONNECTION, H_CONTENT_LENGTH, H_TRANSFER_ENCODING, H_PROXY_CONNECTION, H_KEEP_ALIVE, H_TE,
	H_TRAILER, H_UPGRADE, H_PROXY_AUTHORIZATION, H_PROXY_AUTHENTICATE, H_VIA, H_X_FORWARDED_FOR, H_FORWARDED,
	H_EXPECT, H_ACCEPT_ENCODING, H_CONTENT_ENCODING, H_CONTENT_TYPE, H_RANGE, H_IF_RANGE, H_ALT_SVC,
	H_ACCEPT, H_SEC_FETCH_DEST, H_USER_AGENT, H_REFERER, H_WEBSOCKET_KEY, H_WEBSOCKET_VERSION, H_WEBSOCKET_ACCEPT, H_WEBSOCKET_EXTENSIONS, H_KNOWN_COUNT,
};

struct http_head {
	uint8_t method;    /* llhttp_method_t */
	uint8_t minor;     /* HTTP/1.minor */
	bool keep_alive;   /* the peer lets the connection live on after this message */
	bool chunked;
	bool has_length;
	bool until_close;  /* response whose body ends with the connection */
	bool no_body;
	bool expect_continue;
	uint16_t status;
	struct str target; /* of a request, as it stands */
	struct str reason; /* of a response */
	uint64_t length;
	size_t n;
	struct http_header h[HTTP_MAX_HEADERS];
};

/* Framing state of one message; init before each head. */
struct http_stream {
	llhttp_t p;
	struct http_head *head; /* during the head only */
	struct str body;        /* the last piece found */
	uint64_t body_bytes;
	uint64_t length;        /* counted: how many there are */
	size_t junk;            /* bytes of trailers and chunk extensions */
	struct buf *trailers;   /* where their lines go (trailer.h): set it after the head; NULL: nowhere */
	bool head_done, done;
	bool counted, until_close; /* neither: chunked */
};

/* How many bytes the head has, with its empty line; 0: not all there yet; -E_LIMIT: too long. `seen` bytes
 * were looked at before. */
long http_head_end(const char *p, size_t n, size_t seen);

/* 0, or -E_INVALID with *ret_why (a static English text) for the event. `n` is what http_head_end() said. */
int http_parse_request(struct http_stream *s, const char *p, size_t n, struct http_head *ret, const char **ret_why);
/* `method`: of the request it answers. Interim responses (1xx) parse as messages without body. */
int http_parse_response(struct http_stream *s, const char *p, size_t n, uint8_t method, struct http_head *ret,
                        const char **ret_why);

/* Takes framing off: returns how many bytes of p were used; s->body is the piece of content found among them (may
 * be empty), s->done is set at the message's end. Call again with what is left. -E_INVALID: bad framing. */
long http_feed(struct http_stream *s, const char *p, size_t n);
/* n bytes of a counted body were read past http_feed(). */
void http_skip(struct http_stream *s, size_t n);
/* The connection was closed: 0 when the message is whole by that, -E_CLOSED when it was cut. */
int http_feed_end(const struct http_stream *s);

/* The rules of both versions for fields that decide where a message ends, of a head whose fields are there: NULL, or why it is
 * refused. Sets has_length, length, chunked and expect_continue. */
const char *http_check_fields(struct http_head *h);

bool http_token_byte(unsigned char c); /* may stand in a header's name */
struct str http_get(const struct http_head *h, enum http_known id); /* the first; {NULL,0} when absent */
/* All lines of that name as one value, joined by commas (RFC 9110 5.3), in dst: {NULL,0} when there is none, -E_LIMIT when
 * it doesn't fit. */
int http_combine(const struct http_head *h, enum http_known id, char *dst, size_t size, struct str *ret);
/* Is `token` in the comma list of any header `id`? Without regard to case. */
bool http_has_token(const struct http_head *h, enum http_known id, struct str token);
enum http_known http_known_name(struct str name);

#endif
