/* The origin's answer: its head is parsed, its body held to the end (verdict.c goes on then) or, where it is too large to
 * be scanned and may pass all the same, streamed. */
#include "proxy/txn.h"

#include "base/err.h"

static void release_origin(struct txn *t, bool reusable)
{
	struct origin *o = t->origin;
	t->origin = NULL;
	if (reusable && t->rq_done && t->up.len == t->up_sent)
		origin_release(o);
	else
		origin_close(o);
}

static bool origin_reusable(const struct txn *t)
{
	return !t->close_delimited;
}

static void body_complete(struct txn *t)
{
	release_origin(t, origin_reusable(t));
	verdict_ask(t);
}

/* Passing through what can't be scanned and may pass. */
static void stream_end(struct txn *t)
{
	if (t->chunk_out)
		buf_puts(&t->head, "0\r\n\r\n");
	t->rs_done = true;
}

static void stream_put(struct txn *t, struct str s)
{
	if (s.len == 0)
		return;
	if (t->chunk_out)
		buf_printf(&t->head, "%zx\r\n", s.len);
	buf_str(&t->head, s);
	if (t->chunk_out)
		buf_puts(&t->head, "\r\n");
	t->body_size += s.len;
}

/* In this state head is the queue of bytes for the terminal; the origin is read only while it is empty. */
void answer_flush(struct txn *t)
{
	struct conn *c = t->c;
	if (t->head.failed) {
		conn_destroy(c, "Error");
		return;
	}
	while (t->sent < t->head.len) {
		long n = chan_write(&c->ch, t->head.ptr + t->sent, t->head.len - t->sent);
		if (n < 0) {
			conn_destroy(c, "Reset");
			return;
		}
		t->sent += (size_t)n;
		t->bytes_in += (uint64_t)n;
		conn_touch(c, WORKER_STALL_MS);
		if (n == 0)
			break;
	}
	if (t->sent < t->head.len || !chan_drained(&c->ch)) {
		if (t->origin)
			chan_pause(&t->origin->ch);
		return;
	}
	buf_reset(&t->head);
	if (t->held) { /* what was held has gone out: from here on it is a stream's few bytes */
		buf_done(&t->head);
		txn_count_held(t, 0);
	}
	t->sent = 0;
	if (t->rs_done) {
		if (t->origin)
			release_origin(t, origin_reusable(t));
		txn_finish(t);
	} else if (t->origin && !t->origin->ch.reading) {
		chan_resume(&t->origin->ch);
		request_event(t->origin, CHAN_READABLE);
	}
}

/* Larger than may be scanned. False: a page was sent. */
static bool start_stream(struct txn *t, struct str more)
{
	t->verdict = "unscannable";
	if (!t->org->unscannable_allow) {
		txn_deny(t, PAGE_UNSCANNABLE, "verdict", "larger than is scanned");
		return false;
	}
	if (hold_seal(&t->hold) < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return false;
	}
	struct str held = hold_bytes(&t->hold);
	t->chunk_out = !t->rs_has_length && t->minor == 1;
	if (!t->rs_has_length && !t->chunk_out)
		t->keep = false;
	rewrite_end(t, t->rs_has_length, t->rs_length);
	t->head.max = 4 * WORKER_READ + HTTP_MAX_HEAD + held.len;
	t->state = TXN_STREAM;
	t->held_since = t->c->w->now;
	stream_put(t, held);
	hold_reset(&t->hold); /* head holds it now */
	stream_put(t, more);
	return true;
}

/* One piece of content. False: the txn went on to something else (a page, a stream, its end). */
static bool take_body(struct txn *t, struct str s)
{
	if (t->state == TXN_STREAM) {
		stream_put(t, s);
		return true;
	}
	int r = s.len ? hold_put(&t->hold, s.ptr, s.len) : 0;
	if (r == -E_LIMIT)
		return start_stream(t, s);
	if (r < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return false;
	}
	return txn_held_ok(t);
}

/* Takes framing off n bytes. False: the txn went on to something else. */
static bool feed_body(struct txn *t, const char *p, size_t n)
{
	while (n && !t->rs.done) {
		long k = http_feed(&t->rs, p, n);
		if (k < 0) {
			if (t->state == TXN_STREAM)
				conn_destroy(t->c, "Error");
			else
				txn_fail(t, PAGE_ORIGIN, "protocol", "bad framing of the body");
			return false;
		}
		p += k;
		n -= (size_t)k;
		if (!take_body(t, t->rs.body))
			return false;
	}
	if (n && t->origin) /* more than the answer: nobody asked for it */
		t->close_delimited = true;
	return true;
}

/* After bytes were taken: is the message whole? */
static bool body_done(struct txn *t)
{
	if (!t->rs.done)
		return false;
	if (t->state == TXN_STREAM) {
		stream_end(t);
		answer_flush(t);
	} else {
		body_complete(t);
	}
	return true;
}

void answer_closed(struct txn *t, long code)
{
	struct origin *o = t->origin;
	/* In TLS a body that ends with the connection is whole only after close_notify. */
	bool whole = code == 0 && (t->state == TXN_BODY || t->state == TXN_STREAM) && http_feed_end(&t->rs) == 0;
	if (whole) {
		t->rs.done = true;
		t->close_delimited = true;
		body_done(t);
		return;
	}
	if (t->state == TXN_STREAM) {
		conn_destroy(t->c, "Error");
		return;
	}
	bool again = t->state == TXN_WAIT && o->reused && o->in.len == 0 && t->up_replay && !t->retried;
	t->origin = NULL;
	origin_close(o);
	if (again) {
		t->retried = true;
		t->up_sent = 0;
		request_start(t, true);
		return;
	}
	txn_fail(t, PAGE_ORIGIN, "connect", "the connection was closed before the answer was whole");
}

/* Straight into the hold where the framing is a mere count: one copy less. 1: went on, 0: not possible here. */
static int read_direct(struct txn *t)
{
	struct origin *o = t->origin;
	if (t->state != TXN_BODY || !t->rs.counted)
		return 0;
	for (;;) {
		uint64_t left = t->rs.length - t->rs.body_bytes;
		size_t want = left < WORKER_READ ? (size_t)left : WORKER_READ;
		char *room = left ? hold_room(&t->hold, want) : NULL;
		if (!room)
			return 0;
		long n = chan_read(&o->ch, room, want);
		if (n == -E_AGAIN)
			return 1;
		if (n <= 0) {
			answer_closed(t, n);
			return 1;
		}
		hold_added(&t->hold, (size_t)n);
		if (!txn_held_ok(t))
			return 1;
		conn_touch(t->c, WORKER_STALL_MS);
		http_skip(&t->rs, (size_t)n);
		if (t->rs.done) {
			body_done(t);
			return 1;
		}
	}
}

void answer_read_body(struct txn *t)
{
	struct worker *w = t->c->w;
	if (read_direct(t))
		return;
	for (;;) {
		struct origin *o = t->origin;
		if (t->state == TXN_STREAM && t->head.len) {
			answer_flush(t);
			return;
		}
		long n = chan_read(&o->ch, w->rbuf, WORKER_READ);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			answer_closed(t, n);
			return;
		}
		conn_touch(t->c, WORKER_STALL_MS);
		if (!feed_body(t, w->rbuf, (size_t)n) || body_done(t))
			return;
	}
}

static void copy_type(struct txn *t, const struct http_head *h)
{
	struct str v = http_get(h, H_CONTENT_TYPE);
	char *at = t->text.ptr ? t->text.ptr + t->text.len : NULL;
	if (v.len > 200 || !at || t->text.cap - t->text.len < v.len)
		return; /* the room was reserved in remember(); no pointer may move */
	buf_str(&t->text, v);
	t->type = (struct str){ at, v.len };
}

static enum hold_coding coding_of(const struct http_head *h)
{
	char all[128];
	struct str v;
	return http_combine(h, H_CONTENT_ENCODING, all, sizeof all, &v) < 0 ? CODING_UNKNOWN : hold_coding(v);
}

static void begin_body(struct txn *t, const struct http_head *h)
{
	struct origin *o = t->origin;
	t->status = h->status;
	t->close_delimited = !h->keep_alive;
	copy_type(t, h);
	rewrite_response(t, h);
	conn_touch(t->c, WORKER_STALL_MS);
	if (h->no_body) {
		/* HEAD and 304 may tell the length of what isn't sent; 204 has none. */
		bool unsent = t->head_only || h->status == 304;
		release_origin(t, h->keep_alive && o->in.len == 0);
		rewrite_end(t, h->status != 204 && (h->has_length || !unsent), h->length);
		t->state = TXN_DELIVER;
		txn_deliver(t);
		return;
	}
	t->rs_has_length = h->has_length;
	t->rs_length = h->length;
	t->state = TXN_BODY;
	t->held_since = t->c->w->now;
	if (hold_begin(&t->hold, coding_of(h), t->org->scan_max, h->length) < 0) {
		txn_fail(t, PAGE_BUSY, "memory", "");
		return;
	}
	if (h->has_length && h->length > t->org->scan_max && !t->org->unscannable_allow) {
		t->verdict = "unscannable";
		txn_deny(t, PAGE_UNSCANNABLE, "verdict", "larger than is scanned");
		return;
	}
	struct buf rest = o->in; /* the body's beginning came with the head */
	buf_init(&o->in, rest.max);
	bool on = feed_body(t, rest.ptr, rest.len) && !body_done(t);
	buf_done(&rest);
	if (on)
		answer_read_body(t);
}

/* Reads past interim heads (100 was answered by us, hints are of no use through a hold) to the final one in w->head. Its
 * length, 0: more is needed, -1 with *ret_why. */
static long find_answer(struct txn *t, const char **ret_why)
{
	struct buf *in = &t->origin->in;
	const struct http_head *h = &t->c->w->head;
	for (;;) {
		long end = http_head_end(in->ptr, in->len, 0);
		if (end <= 0) {
			*ret_why = "head too long";
			return end < 0 ? -1 : 0;
		}
		if (http_parse_response(&t->rs, in->ptr, (size_t)end, t->method, &t->c->w->head, ret_why) < 0)
			return -1;
		if (h->status >= 200)
			return end;
		*ret_why = h->status == 101 ? "switches protocols without being asked" : "too many interim answers";
		t->interim_bytes += (size_t)end;
		if (h->status == 101 || ++t->interim > TXN_INTERIM || t->interim_bytes > TXN_INTERIM_BYTES)
			return -1;
		buf_drop(in, (size_t)end);
	}
}

/* True: a head was found and handled. */
static bool parse_answer(struct txn *t)
{
	struct origin *o = t->origin;
	const char *why = "";
	struct http_head *h = &t->c->w->head;
	long end = find_answer(t, &why);
	if (end < 0)
		txn_fail(t, PAGE_ORIGIN, "protocol", why);
	if (end <= 0)
		return end < 0;
	/* Texts of the head point into o->in: take it apart before the bytes move. */
	struct buf in = o->in;
	buf_init(&o->in, in.max);
	buf_put(&o->in, in.ptr + end, in.len - (size_t)end);
	begin_body(t, h);
	buf_done(&in);
	return true;
}

void answer_read(struct txn *t)
{
	struct origin *o = t->origin;
	for (;;) {
		if (!buf_room(&o->in, 16384)) {
			txn_fail(t, PAGE_ORIGIN, "protocol", "head too long");
			return;
		}
		long n = chan_read(&o->ch, o->in.ptr + o->in.len, 16384);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			answer_closed(t, n);
			return;
		}
		o->in.len += (size_t)n;
		if (parse_answer(t))
			return;
	}
}
