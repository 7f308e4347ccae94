/* A connection of HTTP/2 from either peer: first byte chooses, then pieces of bytes. A server answers what it takes, a client
 * has asked for two things; whatever of a head is taken is written again as a head of both versions. */
#include "http/h2.h"
#include "http/trailer.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char out[H2_OUT];
static int streams; /* anything with an address */

static void on_head(struct h2 *h, int32_t id, void *stream, bool end)
{
	static struct http_stream s;
	const char *why;
	char text[] = "HTTP/1.1 200 OK\r\nX: y\r\n\r\n";
	if (!h->server) {
		h2_response_head(&h->block, end, HTTP_GET, &s, h->head, &why);
		return;
	}
	h2_set_stream(h, id, &streams);
	if (h2_request_head(&h->block, end, &s, h->head, &why) < 0)
		h2_reset(h, id, NGHTTP2_PROTOCOL_ERROR);
	else
		h2_answer(h, id, text, sizeof text - 1, h->head->n & 1, &streams);
}

static void on_content(struct h2 *h, int32_t id, void *stream, struct str p)
{
	h2_consume(h, id, p.len);
}

static void on_trailers(struct h2 *h, int32_t id, void *stream)
{
	struct buf b;
	buf_init(&b, 2 * HTTP_MAX_TRAILER);
	if (!h2_trailer_lines(&h->block, &b) && trailer_sift(&b) < 0)
		bug("what HTTP/2 lets through isn't a proper trailer");
	buf_done(&b);
}

static struct str last(void *stream)
{
	static char lines[64];
	return (struct str){ lines, (size_t)snprintf(lines, sizeof lines, "Grpc-Status: 0\r\nx-y: z\r\n") };
}

static void nothing(struct h2 *h, int32_t id, void *stream)
{
}

static void on_closed(struct h2 *h, int32_t id, void *stream, uint32_t code)
{
}

static void on_refused(struct h2 *h, int32_t id, void *stream, const char *why)
{
}

static size_t on_ready(void *stream, bool *ret_end)
{
	*ret_end = true;
	return 40000;
}

static struct str next_piece(void *stream)
{
	static const char piece[1000];
	return (struct str){ piece, sizeof piece };
}

static void on_sent(void *stream, size_t n)
{
}

static const struct h2_handler handler = { on_head, on_content, on_trailers, nothing, on_closed, on_refused, nothing, on_ready, next_piece, on_sent, last };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct http_head head;
	char text[] = "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n";
	struct h2 h;
	int32_t id;
	const struct h2_opts o = { .server = size && (data[0] & 1), .on = &handler, .head = &head };
	if (size < 2 || h2_global_init() < 0 || h2_init(&h, &o) < 0)
		return 0;
	if (!o.server)
		for (int i = 0; i < 2; i++)
			h2_request(&h, text, sizeof text - 1, i, &streams, &id);
	size_t piece = data[0] & 2 ? 7 : size;
	const char *p = (const char *)data + 1;
	int r = 0;
	if (o.server)
		r = h2_receive(&h, NGHTTP2_CLIENT_MAGIC, NGHTTP2_CLIENT_MAGIC_LEN, 0);
	for (size_t n = size - 1, k; n && r == 0; p += k, n -= k) {
		k = n < piece ? n : piece;
		r = h2_receive(&h, p, k, 0);
		while (h2_fill(&h, out) > 0)
			;
	}
	while (h2_fill(&h, out) > 0)
		;
	h2_done(&h);
	return 0;
}
