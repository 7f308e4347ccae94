/* Frames of a WebSocket (RFC 6455 5), one direction of it: strictly read, written anew. What a frame may be read as in two ways is
 * refused, and what isn't asked for (extensions, RFC 7692) doesn't exist: its bits are a fault. */
#ifndef HTTP_WS_H
#define HTTP_WS_H

#include "base/str.h"

#define WS_HEAD 14
#define WS_CONTROL 125 /* bytes of a control frame's payload */

enum ws_op { WS_CONTINUATION = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };
enum ws_found {
	WS_MORE,    /* nothing whole yet */
	WS_PIECE,   /* reader.piece is a piece of the message … */
	WS_MESSAGE, /* … and its last (it may be empty) */
	WS_SINGLE,  /* a control frame: op_frame, control, n_control */
};

struct ws_reader {
	bool masked;        /* frames have to be: a terminal's; an origin's must not (5.1) */
	bool in_message, closed;
	uint8_t op;         /* of the message */
	uint8_t op_frame;
	bool fin;
	uint8_t head[WS_HEAD], have, need;
	uint8_t key[4];
	uint64_t left, at;  /* of the frame's payload */
	struct str piece;
	uint8_t control[WS_CONTROL], n_control;
	enum ws_found found;
};

/* masked: see above. All else is zero. */
void ws_reader_init(struct ws_reader *r, bool masked);
/* Takes bytes off p, where they are unmasked: how many, up to and including the first thing found. -E_INVALID with *ret_why
 * (static, English): the connection can't go on. */
long ws_read(struct ws_reader *r, char *p, size_t n, const char **ret_why);
/* A frame's head into dst; key: of 4 bytes, NULL: not masked. Its length. */
size_t ws_head(uint8_t dst[WS_HEAD], uint8_t op, bool fin, uint64_t len, const uint8_t *key);
void ws_mask(char *p, size_t n, const uint8_t key[4], uint64_t at); /* `at`: of the payload */

#endif
