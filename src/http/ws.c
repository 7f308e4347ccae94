/* See ws.h; proxy/socket.c reads and writes by this. */
#include "http/ws.h"

#include "base/err.h"
#include "base/mem.h"

#include <string.h>

void ws_reader_init(struct ws_reader *r, bool masked)
{
	*r = (struct ws_reader){ .masked = masked, .need = 2 };
}

void ws_mask(char *p, size_t n, const uint8_t key[4], uint64_t at)
{
	for (size_t i = 0; i < n; i++)
		p[i] = (char)(p[i] ^ key[(at + i) % 4]);
}

static bool is_control(uint8_t op)
{
	return op & 8;
}

/* The first two bytes say how long the head is. NULL, or why they are refused. */
static const char *begin_head(struct ws_reader *r)
{
	uint8_t len = r->head[1] & 0x7f;
	r->op_frame = r->head[0] & 15;
	r->fin = r->head[0] & 0x80;
	if (r->head[0] & 0x70)
		return "a reserved bit is set";
	if ((r->op_frame > WS_BINARY && r->op_frame < WS_CLOSE) || r->op_frame > WS_PONG)
		return "unknown kind of frame";
	if (((r->head[1] & 0x80) != 0) != r->masked)
		return r->masked ? "a terminal's frame isn't masked" : "an origin's frame is masked";
	if (is_control(r->op_frame) && (!r->fin || len > WS_CONTROL))
		return "a control frame is too long, or a piece";
	if (!is_control(r->op_frame) && (r->op_frame == WS_CONTINUATION) != r->in_message)
		return r->in_message ? "a message begins within another" : "a piece of no message";
	if (r->closed)
		return "a frame after the close";
	r->need = (uint8_t)(2 + (len == 126 ? 2 : len == 127 ? 8 : 0) + (r->masked ? 4 : 0));
	return NULL;
}

static const char *end_head(struct ws_reader *r)
{
	uint8_t len = r->head[1] & 0x7f, n = len == 126 ? 2 : len == 127 ? 8 : 0;
	r->left = n ? 0 : len;
	r->at = 0;
	for (uint8_t i = 0; i < n; i++)
		r->left = r->left << 8 | r->head[2 + i];
	if ((n == 2 && r->left < 126) || (n == 8 && (r->left <= 0xffff || r->left >> 63)))
		return "a length that isn't written as shortly as it can be";
	if (r->masked)
		memcpy(r->key, r->head + 2 + n, 4);
	if (!is_control(r->op_frame) && !r->in_message)
		r->op = r->op_frame;
	r->in_message = r->in_message || !is_control(r->op_frame);
	r->n_control = 0;
	return NULL;
}

/* Bytes of the head. 0 and *ret_why: refused. */
static size_t take_head(struct ws_reader *r, const char *p, size_t n, const char **ret_why)
{
	size_t used = 0;
	while (used < n && r->have < r->need) {
		r->head[r->have++] = (uint8_t)p[used++];
		*ret_why = r->have == 2 ? begin_head(r) : NULL;
		if (*ret_why)
			return 0;
	}
	*ret_why = r->have == r->need ? end_head(r) : NULL;
	return *ret_why ? 0 : used;
}

/* The payload's end: the next frame's head follows. */
static void end_frame(struct ws_reader *r)
{
	r->have = 0;
	r->need = 2;
	if (is_control(r->op_frame)) {
		r->found = WS_SINGLE;
		r->closed = r->op_frame == WS_CLOSE;
	} else {
		r->found = r->fin ? WS_MESSAGE : WS_PIECE;
		r->in_message = !r->fin;
	}
}

long ws_read(struct ws_reader *r, char *p, size_t n, const char **ret_why)
{
	size_t used = 0;
	r->found = WS_MORE;
	r->piece = (struct str){ p, 0 };
	if (r->have < r->need) {
		*ret_why = NULL;
		used = take_head(r, p, n, ret_why);
		if (*ret_why)
			return -E_INVALID;
		if (r->have < r->need)
			return (long)used;
	}
	size_t k = n - used < r->left ? n - used : (size_t)r->left;
	if (r->masked)
		ws_mask(p + used, k, r->key, r->at);
	r->left -= k;
	r->at += k;
	if (is_control(r->op_frame)) {
		memcpy(r->control + r->n_control, p + used, k);
		r->n_control = (uint8_t)(r->n_control + k);
	} else {
		r->piece = (struct str){ p + used, k };
		r->found = k ? WS_PIECE : WS_MORE;
	}
	if (r->left == 0)
		end_frame(r);
	return (long)(used + k);
}

size_t ws_head(uint8_t dst[WS_HEAD], uint8_t op, bool fin, uint64_t len, const uint8_t *key)
{
	size_t n = len < 126 ? 0 : len <= 0xffff ? 2 : 8;
	dst[0] = (uint8_t)(op | (fin ? 0x80 : 0));
	dst[1] = (uint8_t)((key ? 0x80 : 0) | (n == 0 ? (uint8_t)len : n == 2 ? 126 : 127));
	for (size_t i = 0; i < n; i++)
		dst[2 + i] = (uint8_t)(len >> (8 * (n - 1 - i)));
	if (key)
		memcpy(dst + 2 + n, key, 4);
	return 2 + n + (key ? 4 : 0);
}
