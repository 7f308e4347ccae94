/* A connection of HTTP/2 (RFC 9113), either side of it: nghttp2 with our limits, counters and heads around it. It knows
 * neither sockets nor the proxy: bytes in, bytes out, calls to its owner in between.
 *
 * Limits: H2_STREAMS at a time, heads as in http.h, header blocks and floods as in h2meter.h. Content that its owner
 * hasn't consumed is bounded by the windows. Nothing of a connection that broke them is answered but GOAWAY
 * (ENHANCE_YOUR_CALM). */
#ifndef HTTP_H2_H
#define HTTP_H2_H

#include "http/h2head.h"
#include "http/h2meter.h"

#define H2_STREAMS 100
#define H2_SERVER_WINDOW (256 * 1024)        /* uploads not yet sent on, of a connection; 64 KiB of a stream */
#define H2_CLIENT_WINDOW (16 * 1024 * 1024)  /* a connection's, which is always open; */
#define H2_CLIENT_STREAM (1024 * 1024 - 1)   /* a stream's */
#define H2_OUT (64 * 1024u)

struct h2;

/* `stream` is what h2_set_stream() or h2_request() gave; NULL (server) for streams whose head wasn't taken. They are called
 * inside h2_receive() and h2_fill() and may call everything here but those two and h2_done(). */
struct h2_handler {
	/* A request, or an answer (interim ones too), is in h->block: h2_request_head() or h2_response_head() reads it. */
	void (*head)(struct h2 *h, int32_t id, void *stream, bool end);
	void (*content)(struct h2 *h, int32_t id, void *stream, struct str piece); /* then h2_consume() it */
	void (*trailers)(struct h2 *h, int32_t id, void *stream); /* they are in h->block: h2_trailer_lines(); `end` follows */
	void (*end)(struct h2 *h, int32_t id, void *stream);   /* of the content; not after head(…, true) */
	void (*closed)(struct h2 *h, int32_t id, void *stream, uint32_t code); /* the last call for this stream */
	/* It was malformed and is being reset. */
	void (*refused)(struct h2 *h, int32_t id, void *stream, const char *why);
	void (*said)(struct h2 *h, int32_t id, void *stream);  /* our side of it has gone out whole */
	size_t (*ready)(void *stream, bool *ret_end); /* bytes to be sent now; end: no more come after these */
	struct str (*piece)(void *stream);            /* the next of them; not empty while ready() says there are */
	void (*sent)(void *stream, size_t n);
	struct str (*last)(void *stream);             /* lines of trailers that go behind them (altered); empty: none. NULL: never any */
};

struct h2 {
	nghttp2_session *s;
	const struct h2_handler *on;
	void *user;
	struct http_head *head; /* scratch of the thread */
	struct h2_block block;
	struct h2_meter meter;
	bool server, closing;
	char why[96];           /* what ended it, English; "": nothing did */
	char *out;              /* during h2_fill() */
	size_t out_len;
};

struct h2_opts {
	bool server;
	const struct h2_handler *on;
	void *user;
	struct http_head *head;
	int64_t now_ms;
};

int h2_global_init(void); /* once a process */
int h2_init(struct h2 *h, const struct h2_opts *o);
void h2_done(struct h2 *h);
/* 0; -E_LIMIT: a flood or bomb; -E_INVALID: it broke the protocol. h->why says what; h2_fill() still gives the GOAWAY. */
int h2_receive(struct h2 *h, const void *p, size_t n, int64_t now_ms);
/* What is to be written now, into out (H2_OUT bytes); 0: nothing. -E_INVALID as above. */
long h2_fill(struct h2 *h, char *out);
bool h2_over(const struct h2 *h); /* neither side has anything to say any more */
bool h2_may_request(const struct h2 *h, size_t running); /* client: one more beside those? */

void h2_set_stream(struct h2 *h, int32_t id, void *stream);
/* Content was used: the peer may send more. id 0: of streams that are gone. */
void h2_consume(struct h2 *h, int32_t id, size_t n);
/* Lines of rewrite.c (altered). 0 or -E_…; content: ready() will be asked. */
int h2_request(struct h2 *h, char *text, size_t n, bool content, void *stream, int32_t *ret_id);
int h2_answer(struct h2 *h, int32_t id, char *text, size_t n, bool content, void *stream);
int h2_continue(struct h2 *h, int32_t id); /* 100 */
void h2_resume(struct h2 *h, int32_t id);  /* ready() would say something now */
void h2_reset(struct h2 *h, int32_t id, uint32_t code);
void h2_goaway(struct h2 *h, uint32_t code);

#endif
