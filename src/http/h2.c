/* HTTP/2 connections; see h2.h. Between a channel and who speaks HTTP on it: down2.c towards terminals, up2.c towards
 * origins, and the fuzzer. */
#include "http/h2.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define FRAME_ROOM (16384 + 64) /* no frame of ours is longer: DATA and pieces of header blocks are at most 16 KiB */

#define DATA_PAYLOAD (16384 - 9)

static nghttp2_session_callbacks *callbacks;
static nghttp2_option *options;

static void set_why(struct h2 *h, const char *why)
{
	if (!h->why[0])
		snprintf(h->why, sizeof h->why, "%s", why);
}

static int charge(struct h2 *h, enum h2_kind kind)
{
	if (h2_meter_charge(&h->meter, kind) == 0)
		return 0;
	set_why(h, h->meter.why);
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static void *stream_of(struct h2 *h, int32_t id)
{
	return id > 0 ? nghttp2_session_get_stream_user_data(h->s, id) : NULL;
}

/* ---- what comes ---- */

static int on_begin_headers(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	h2_block_reset(&h->block);
	return 0;
}

static int on_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len, const uint8_t *value,
                     size_t value_len, uint8_t flags, void *user)
{
	struct h2 *h = user;
	struct str n = { (const char *)name, name_len }, v = { (const char *)value, value_len };
	if (h2_block_add(&h->block, n, v) == 0)
		return 0;
	set_why(h, "header bomb");
	return NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int refuse(struct h2 *h, int32_t id, const char *why)
{
	nghttp2_submit_rst_stream(h->s, NGHTTP2_FLAG_NONE, id, NGHTTP2_PROTOCOL_ERROR);
	h->on->refused(h, id, stream_of(h, id), why);
	return charge(h, H2_RESETS);
}

static int on_invalid_header(nghttp2_session *s, const nghttp2_frame *f, const uint8_t *name, size_t name_len, const uint8_t *value,
                             size_t value_len, uint8_t flags, void *user)
{
	int r = refuse(user, f->hd.stream_id, "bad byte in a header");
	return r ? r : NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

static int on_invalid_frame(nghttp2_session *s, const nghttp2_frame *f, int code, void *user)
{
	struct h2 *h = user;
	if (code == NGHTTP2_ERR_HTTP_HEADER || code == NGHTTP2_ERR_HTTP_MESSAGING)
		h->on->refused(h, f->hd.stream_id, stream_of(h, f->hd.stream_id), "malformed message");
	else
		set_why(h, nghttp2_strerror(code));
	return charge(h, H2_RESETS);
}

static int on_headers(struct h2 *h, const nghttp2_frame *f)
{
	int32_t id = f->hd.stream_id;
	void *stream = stream_of(h, id);
	bool end = f->hd.flags & NGHTTP2_FLAG_END_STREAM;
	if (f->headers.cat == NGHTTP2_HCAT_HEADERS && (h->server || !h2_block_is_response(&h->block))) {
		if (end) { /* anything else in the middle is no part of HTTP (RFC 9113 8.1) */
			h->on->trailers(h, id, stream);
			h->on->end(h, id, stream_of(h, id));
		}
		return 0;
	}
	h->on->head(h, id, stream, end);
	return 0;
}

static int on_frame(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	if (f->hd.type == NGHTTP2_HEADERS)
		return on_headers(h, f);
	if (f->hd.type == NGHTTP2_DATA && (f->hd.flags & NGHTTP2_FLAG_END_STREAM))
		h->on->end(h, f->hd.stream_id, stream_of(h, f->hd.stream_id));
	return 0;
}

static int on_data(nghttp2_session *s, uint8_t flags, int32_t id, const uint8_t *p, size_t n, void *user)
{
	struct h2 *h = user;
	if (!h->server)
		nghttp2_session_consume_connection(s, n);
	h->on->content(h, id, stream_of(h, id), (struct str){ (const char *)p, n });
	return 0;
}

static int on_stream_close(nghttp2_session *s, int32_t id, uint32_t code, void *user)
{
	struct h2 *h = user;
	void *stream = stream_of(h, id);
	if (stream)
		h->on->closed(h, id, stream, code);
	return 0;
}

static int on_error(nghttp2_session *s, int code, const char *msg, size_t len, void *user)
{
	return 0; /* nghttp2 formats these only when asked; set_why() has the kind */
}

int h2_receive(struct h2 *h, const void *p, size_t n, int64_t now_ms)
{
	if (h->closing)
		return h->why[0] ? -E_INVALID : 0;
	if (h2_meter_feed(&h->meter, p, n, now_ms) < 0) {
		set_why(h, h->meter.why);
		h2_goaway(h, NGHTTP2_ENHANCE_YOUR_CALM);
		return -E_LIMIT;
	}
	ssize_t r = nghttp2_session_mem_recv(h->s, p, n);
	if (r == (ssize_t)n && (h->why[0] == 0 || nghttp2_session_want_read(h->s)))
		return 0;
	set_why(h, r < 0 ? nghttp2_strerror((int)r) : "protocol error");
	bool flood = h->meter.why || r == NGHTTP2_ERR_FLOODED || r == NGHTTP2_ERR_CALLBACK_FAILURE;
	h2_goaway(h, flood ? NGHTTP2_ENHANCE_YOUR_CALM : NGHTTP2_PROTOCOL_ERROR);
	return flood ? -E_LIMIT : -E_INVALID;
}

/* ---- what goes ---- */

static bool submit_trailers(struct h2 *h, int32_t id, struct str lines)
{
	nghttp2_nv nv[H2_FIELDS];
	size_t k = lines.len ? h2_trailer_fields((char *)(uintptr_t)lines.ptr, lines.len, nv) : 0;
	return k && nghttp2_submit_trailer(h->s, id, nv, k) == 0;
}

static ssize_t on_read(nghttp2_session *s, int32_t id, uint8_t *to, size_t n, uint32_t *flags, nghttp2_data_source *source, void *user)
{
	struct h2 *h = user;
	bool end = false;
	size_t have = h->on->ready(source->ptr, &end);
	if (have == 0 && !end)
		return NGHTTP2_ERR_DEFERRED;
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (have <= n && end)
		*flags |= NGHTTP2_DATA_FLAG_EOF | (submit_trailers(h, id, h->on->last ? h->on->last(source->ptr) : STR("")) ? NGHTTP2_DATA_FLAG_NO_END_STREAM : 0);
	return (ssize_t)(have < n ? have : n);
}

/* A DATA frame and its head fill one TLS record, and four of them a send. */
static ssize_t on_read_length(nghttp2_session *s, uint8_t type, int32_t id, int32_t window, int32_t stream_window, uint32_t most, void *user)
{
	int32_t n = window < stream_window ? window : stream_window;
	uint32_t k = n > 0 ? (uint32_t)n : 1;
	k = k < most ? k : most;
	return k < DATA_PAYLOAD ? k : DATA_PAYLOAD;
}

static int on_send_data(nghttp2_session *s, nghttp2_frame *f, const uint8_t *head, size_t n, nghttp2_data_source *source, void *user)
{
	struct h2 *h = user;
	if (H2_OUT - h->out_len < 9 + n) /* nghttp2 goes on from frame to frame by itself */
		return NGHTTP2_ERR_WOULDBLOCK;
	memcpy(h->out + h->out_len, head, 9);
	h->out_len += 9;
	h2_meter_sent(&h->meter, n);
	while (n) {
		struct str p = h->on->piece(source->ptr);
		size_t k = p.len < n ? p.len : n;
		if (k == 0)
			return NGHTTP2_ERR_CALLBACK_FAILURE;
		memcpy(h->out + h->out_len, p.ptr, k);
		h->out_len += k;
		n -= k;
		h->on->sent(source->ptr, k);
	}
	return 0;
}

static int on_frame_sent(nghttp2_session *s, const nghttp2_frame *f, void *user)
{
	struct h2 *h = user;
	bool last = (f->hd.type == NGHTTP2_DATA || f->hd.type == NGHTTP2_HEADERS) && (f->hd.flags & NGHTTP2_FLAG_END_STREAM);
	void *stream = last ? stream_of(h, f->hd.stream_id) : NULL;
	if (stream)
		h->on->said(h, f->hd.stream_id, stream);
	return 0;
}

long h2_fill(struct h2 *h, char *out)
{
	h->out = out;
	h->out_len = 0;
	while (H2_OUT - h->out_len >= FRAME_ROOM) {
		const uint8_t *p;
		size_t before = h->out_len;
		ssize_t n = nghttp2_session_mem_send(h->s, &p);
		if (n < 0 || (size_t)n > H2_OUT - h->out_len) {
			set_why(h, n < 0 ? nghttp2_strerror((int)n) : "frame too long");
			return -E_INVALID;
		}
		if (n)
			memcpy(out + h->out_len, p, (size_t)n);
		h->out_len += (size_t)n;
		if (h->out_len == before)
			break;
	}
	return (long)h->out_len;
}

bool h2_over(const struct h2 *h)
{
	return !nghttp2_session_want_read(h->s) && !nghttp2_session_want_write(h->s);
}

bool h2_may_request(const struct h2 *h, size_t running)
{
	return !h->closing && nghttp2_session_check_request_allowed(h->s) && running < H2_STREAMS &&
	       running < nghttp2_session_get_remote_settings(h->s, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS);
}

/* ---- orders ---- */

void h2_set_stream(struct h2 *h, int32_t id, void *stream)
{
	nghttp2_session_set_stream_user_data(h->s, id, stream);
}

void h2_consume(struct h2 *h, int32_t id, size_t n)
{
	if (!h->server)
		nghttp2_session_consume_stream(h->s, id, n);
	else if (id)
		nghttp2_session_consume(h->s, id, n);
	else
		nghttp2_session_consume_connection(h->s, n);
}

int h2_request(struct h2 *h, char *text, size_t n, bool content, void *stream, int32_t *ret_id)
{
	nghttp2_nv nv[H2_FIELDS];
	size_t k = h2_request_fields(text, n, nv);
	const nghttp2_data_provider from = { .source.ptr = stream, .read_callback = on_read };
	int32_t id = k ? nghttp2_submit_request(h->s, NULL, nv, k, content ? &from : NULL, stream) : -1;
	*ret_id = id;
	return id < 0 ? -E_INVALID : 0;
}

int h2_answer(struct h2 *h, int32_t id, char *text, size_t n, bool content, void *stream)
{
	nghttp2_nv nv[H2_FIELDS];
	size_t k = h2_answer_fields(text, n, nv);
	const nghttp2_data_provider from = { .source.ptr = stream, .read_callback = on_read };
	return k && nghttp2_submit_response(h->s, id, nv, k, content ? &from : NULL) == 0 ? 0 : -E_INVALID;
}

int h2_continue(struct h2 *h, int32_t id)
{
	char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	nghttp2_nv nv[H2_FIELDS];
	size_t k = h2_answer_fields(text, sizeof text - 1, nv);
	return nghttp2_submit_headers(h->s, NGHTTP2_FLAG_NONE, id, NULL, nv, k, NULL) == 0 ? 0 : -E_INVALID;
}

void h2_resume(struct h2 *h, int32_t id)
{
	nghttp2_session_resume_data(h->s, id);
}

void h2_reset(struct h2 *h, int32_t id, uint32_t code)
{
	nghttp2_submit_rst_stream(h->s, NGHTTP2_FLAG_NONE, id, code);
}

void h2_goaway(struct h2 *h, uint32_t code)
{
	if (!h->closing)
		nghttp2_session_terminate_session(h->s, code);
	h->closing = true;
}

/* ---- life ---- */

int h2_global_init(void)
{
	if (callbacks)
		return 0;
	if (nghttp2_session_callbacks_new(&callbacks) || nghttp2_option_new(&options))
		return -E_NOMEM;
	nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
	nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
	nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
	nghttp2_session_callbacks_set_on_invalid_frame_recv_callback(callbacks, on_invalid_frame);
	nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
	nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
	nghttp2_session_callbacks_set_send_data_callback(callbacks, on_send_data);
	nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, on_read_length);
	nghttp2_session_callbacks_set_error_callback2(callbacks, on_error);
	nghttp2_option_set_no_auto_window_update(options, 1);
	nghttp2_option_set_no_closed_streams(options, 1);
	nghttp2_option_set_peer_max_concurrent_streams(options, H2_STREAMS);
	nghttp2_option_set_max_send_header_block_length(options, 4 * HTTP_MAX_HEAD);
	return 0;
}

static int settle(struct h2 *h)
{
	const nghttp2_settings_entry server[] = {
		{ NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, H2_STREAMS },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_MAX_HEAD },
		{ NGHTTP2_SETTINGS_NO_RFC7540_PRIORITIES, 1 },
	};
	const nghttp2_settings_entry client[] = {
		{ NGHTTP2_SETTINGS_ENABLE_PUSH, 0 },
		{ NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, H2_CLIENT_STREAM },
		{ NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, HTTP_MAX_HEAD },
	};
	int r = h->server ? nghttp2_submit_settings(h->s, NGHTTP2_FLAG_NONE, server, ARRAY_LEN(server)) :
		            nghttp2_submit_settings(h->s, NGHTTP2_FLAG_NONE, client, ARRAY_LEN(client));
	int32_t window = h->server ? H2_SERVER_WINDOW : H2_CLIENT_WINDOW;
	return r || nghttp2_session_set_local_window_size(h->s, NGHTTP2_FLAG_NONE, 0, window) ? -E_NOMEM : 0;
}

int h2_init(struct h2 *h, const struct h2_opts *o)
{
	*h = (struct h2){ .on = o->on, .user = o->user, .head = o->head, .server = o->server };
	h2_block_init(&h->block);
	h2_meter_init(&h->meter, o->server ? NGHTTP2_CLIENT_MAGIC_LEN : 0, o->now_ms);
	int r = o->server ? nghttp2_session_server_new2(&h->s, callbacks, h, options) :
		            nghttp2_session_client_new2(&h->s, callbacks, h, options);
	return r ? -E_NOMEM : settle(h);
}

void h2_done(struct h2 *h)
{
	nghttp2_session_del(h->s);
	h->s = NULL;
	h2_block_done(&h->block);
}
