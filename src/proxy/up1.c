/* HTTP/1.1 between transactions and an origin (struct txn_up of conn.h): a connection for each while it runs. */
#include "proxy/socket.h"
#include "proxy/txn.h"

#include "base/err.h"

static void read_answer(struct txn *t);
static void read_body(struct txn *t);

/* The origin closed: 0 properly, else -E_… */
static void closed(struct txn *t, long code)
{
	struct origin *o = t->origin;
	bool body = t->state == TXN_BODY || t->state == TXN_STREAM;
	t->close_delimited = true;
	/* In TLS a body that ends with the connection is whole only after close_notify. */
	if (code == 0 && body && http_feed_end(&t->rs) == 0)
		answer_end(t);
	else
		answer_lost(t, o->reused && o->in.len == 0 ? LOST_UNSURE : LOST);
}

/* ---- the request ---- */

static bool push(struct txn *t)
{
	struct origin *o = t->origin;
	for (;;) {
		while (t->request_sent < t->request.len) {
			long n = chan_write(&o->ch, t->request.ptr + t->request_sent, t->request.len - t->request_sent);
			if (n < 0) {
				closed(t, n);
				return false;
			}
			t->request_sent += (size_t)n;
			t->bytes_out += (uint64_t)n;
			txn_touch(t, WORKER_STALL_MS);
			if (n == 0)
				return true;
		}
		if (t->rq_done || !chan_drained(&o->ch))
			return true;
		if (!request_fill(t))
			return false;
		if (t->request.len == 0)
			return true;
	}
}

static void on_io(struct origin *o, int what)
{
	struct txn *t = o->user;
	if ((what & CHAN_WRITABLE) && (t->state == TXN_WAIT || t->state == TXN_BODY) && !push(t))
		return;
	if (!(what & CHAN_READABLE))
		return;
	if (t->state == TXN_WAIT)
		read_answer(t);
	else if (t->state == TXN_BODY || t->state == TXN_STREAM)
		read_body(t);
}

static void begin(struct txn *t)
{
	struct origin *o = t->origin;
	o->io = on_io;
	o->user = t;
	t->chunk_up = t->rq_chunked;
	push(t);
}

/* ---- the answer's head ---- */

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
		if (h->status >= 200 || (t->upgrade && upgrade_granted(h, t->accept)))
			return end;
		if (!answer_interim(t, h->status, (size_t)end, ret_why))
			return -1;
		buf_drop(in, (size_t)end);
	}
}

/* Takes framing off n bytes. False: the txn went on to something else. */
static bool feed(struct txn *t, const char *p, size_t n)
{
	while (n && !t->rs.done) {
		long k = http_feed(&t->rs, p, n);
		if (k < 0) {
			answer_broken(t, "bad framing of the body");
			return false;
		}
		p += k;
		n -= (size_t)k;
		if (!answer_content(t, t->rs.body))
			return false;
	}
	if (n && t->origin) /* more than the answer: nobody asked for it */
		t->close_delimited = true;
	return true;
}

/* The origin has granted the WebSocket: from now on bytes. */
static void become_tunnel(struct txn *t, const struct http_head *h, struct str rest)
{
	struct conn *c = t->c;
	struct origin *o = t->origin;
	t->status = 101;
	t->switched = true;
	t->origin = NULL;
	rewrite_response(t, h);
	buf_puts(&t->head, "Connection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
	socket_begin(c, o, rest);
}

/* True: a head was found and handled. */
static bool parse_answer(struct txn *t)
{
	struct origin *o = t->origin;
	const char *why = "";
	struct http_head *h = &t->c->w->head;
	long end = find_answer(t, &why);
	if (end < 0)
		answer_broken(t, why);
	if (end <= 0)
		return end < 0;
	/* Texts of the head point into o->in: take it apart before the bytes move. */
	struct buf in = o->in;
	buf_init(&o->in, in.max);
	if (h->status == 101 && http_get(h, H_WEBSOCKET_EXTENSIONS).ptr) {
		answer_broken(t, "extensions nobody asked for");
		buf_done(&in);
		return true;
	}
	if (h->status == 101) {
		become_tunnel(t, h, (struct str){ in.ptr + end, in.len - (size_t)end });
		buf_done(&in);
		return true;
	}
	t->rs.trailers = &t->trailers;
	t->close_delimited = !h->keep_alive || (h->no_body && in.len > (size_t)end);
	/* The body's beginning came with the head. */
	bool on = answer_head(t, h) && feed(t, in.ptr + end, in.len - (size_t)end);
	if (on && t->rs.done)
		answer_end(t);
	else if (on)
		read_body(t);
	buf_done(&in);
	return true;
}

static void read_answer(struct txn *t)
{
	struct origin *o = t->origin;
	for (;;) {
		if (!buf_room(&o->in, 16384)) {
			answer_broken(t, "head too long");
			return;
		}
		long n = chan_read(&o->ch, o->in.ptr + o->in.len, 16384);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			closed(t, n);
			return;
		}
		o->in.len += (size_t)n;
		if (parse_answer(t))
			return;
	}
}

/* ---- its body ---- */

/* Straight into the hold where the framing is a mere count: one copy less. True: went on, false: not possible here. */
static bool read_direct(struct txn *t)
{
	struct origin *o = t->origin;
	if (t->state != TXN_BODY || !t->rs.counted)
		return false;
	for (;;) {
		uint64_t left = t->rs.length - t->rs.body_bytes;
		size_t want = left < WORKER_READ ? (size_t)left : WORKER_READ;
		char *room = left ? hold_room(&t->hold, want) : NULL;
		if (!room)
			return false;
		long n = chan_read(&o->ch, room, want);
		if (n == -E_AGAIN)
			return true;
		if (n <= 0) {
			closed(t, n);
			return true;
		}
		hold_added(&t->hold, (size_t)n);
		if (!txn_held_ok(t))
			return true;
		txn_touch(t, WORKER_STALL_MS);
		http_skip(&t->rs, (size_t)n);
		if (t->rs.done) {
			answer_end(t);
			return true;
		}
	}
}

static void read_body(struct txn *t)
{
	struct worker *w = t->c->w;
	if (read_direct(t))
		return;
	for (;;) {
		struct origin *o = t->origin;
		if (t->state == TXN_STREAM && t->head.len && !t->down->send(t))
			return;
		long n = chan_read(&o->ch, w->rbuf, WORKER_READ);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			closed(t, n);
			return;
		}
		txn_touch(t, WORKER_STALL_MS);
		if (!feed(t, w->rbuf, (size_t)n))
			return;
		if (t->rs.done) {
			answer_end(t);
			return;
		}
	}
}

static void pause_origin(struct txn *t)
{
	chan_pause(&t->origin->ch);
}

static void resume_origin(struct txn *t)
{
	if (t->origin->ch.reading)
		return;
	chan_resume(&t->origin->ch);
	on_io(t->origin, CHAN_READABLE);
}

static void drop(struct txn *t, bool whole)
{
	struct origin *o = t->origin;
	t->origin = NULL;
	o->io = NULL;
	if (whole && !t->close_delimited && t->rq_done && t->request.len == t->request_sent)
		origin_release(o);
	else
		origin_close(o);
}

const struct txn_up up1 = { begin, push, pause_origin, resume_origin, drop };
