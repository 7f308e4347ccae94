/* HTTP/1.1 between the terminal and its transactions (struct txn_down of conn.h): one after another on a connection. */
#include "proxy/check.h"
#include "proxy/txn.h"

#include "base/err.h"

static int take(struct txn *t)
{
	struct conn *c = t->c;
	int r = c->in.len ? 0 : conn_fill(c);
	if (r < 0) {
		if (r == -E_AGAIN && !c->ch.reading)
			chan_resume(&c->ch);
		return r == -E_AGAIN ? r : -E_CLOSED;
	}
	long n = http_feed(&t->rq, c->in.ptr, c->in.len);
	if (n < 0)
		return -E_INVALID;
	request_put(t, t->rq.body);
	buf_drop(&c->in, (size_t)n);
	t->rq_done = t->rq.done;
	return 0;
}

static bool go_on(struct txn *t)
{
	static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
	if (chan_write(&t->c->ch, text, sizeof text - 1) >= 0)
		return true;
	txn_abort(t, "Reset");
	return false;
}

/* A held body that trailers follow is one chunk. */
static void put_trailers(struct txn *t, uint64_t length)
{
	if (length)
		buf_printf(&t->head, "%llx\r\n", (unsigned long long)length);
	buf_printf(&t->tail, "%s0\r\n" STR_FMT "\r\n", length ? "\r\n" : "", STR_ARG(buf_view(&t->trailers)));
	t->head.failed = t->head.failed ? t->head.failed : t->tail.failed;
}

static void answer(struct txn *t, bool has_length, uint64_t length)
{
	bool open = t->state == TXN_STREAM && !has_length;
	bool trails = t->trailers.len && t->state == TXN_DELIVER && !t->head_only && has_length && t->minor == 1;
	t->chunk_out = (open && t->minor == 1) || trails;
	if (!t->rq_done || (open && !t->chunk_out))
		t->keep = false;
	rewrite_end(t, has_length && !trails, length);
	if (trails)
		put_trailers(t, length);
}

static void content(struct txn *t, struct str s)
{
	if (t->chunk_out)
		buf_printf(&t->head, "%zx\r\n", s.len);
	buf_str(&t->head, s.len || !t->chunk_out ? s : buf_view(&t->trailers));
	if (t->chunk_out)
		buf_puts(&t->head, "\r\n");
}

static void finish(struct txn *t)
{
	struct conn *c = t->c;
	bool keep = t->keep && t->rq_done && (!c->ended || c->in.len);
	txn_destroy(t);
	conn_next(c, keep);
}

/* The next piece of head and body as one: small answers go out in one record and one send. */
static struct str next_piece(struct txn *t)
{
	struct str head = txn_piece(t);
	size_t left = t->sent < t->head.len ? head.len : 0;
	char *tmp = t->c->w->tmp;
	if (left == 0 || left > 8192)
		return head;
	struct str body = txn_body(t);
	size_t n = body.len < 16384 - left ? body.len : 16384 - left;
	if (n == 0)
		return head;
	memcpy(tmp, head.ptr, left);
	memcpy(tmp + left, body.ptr, n);
	return (struct str){ tmp, left + n };
}

static bool send_all(struct txn *t)
{
	struct conn *c = t->c;
	if (t->head.failed) {
		txn_abort(t, "Error");
		return false;
	}
	for (struct str p; (p = next_piece(t)).len;) {
		if (p.len > TXN_LAST) /* so that what comes after it is the last */
			p.len -= TXN_LAST / 2;
		txn_last(t, p.len);
		long n = chan_write(&c->ch, p.ptr, p.len);
		if (n < 0) {
			txn_abort(t, "Reset");
			return false;
		}
		txn_sent(t, (size_t)n);
		if (n == 0 || !chan_drained(&c->ch)) { /* CHAN_WRITABLE comes */
			if (t->state == TXN_STREAM && t->origin)
				t->up->pause(t);
			return false;
		}
	}
	if (t->drips)
		return false;
	if (t->state == TXN_STREAM && !t->rs_done) {
		answer_drained(t);
		return true;
	}
	finish(t);
	return false;
}

static void hand_over(struct txn *t, struct txn *to)
{
	t->c->txn = to;
}

static void abort_conn(struct txn *t)
{
	conn_destroy(t->c, NULL);
}

static const struct txn_down down1 = { take, go_on, answer, content, send_all, hand_over, abort_conn };

static bool send_waiting(const struct txn *t)
{
	return t->state == TXN_DELIVER || t->state == TXN_STREAM || t->drips;
}

void down1_event(struct txn *t, int what)
{
	struct conn *c = t->c;
	if (what & CHAN_WRITABLE) {
		if (send_waiting(t) && send_all(t))
			answer_more(t);
		return;
	}
	if (t->state == TXN_UPLOAD) {
		upload_read(t);
		return;
	}
	if (t->state == TXN_WAIT && !t->rq_done) {
		if (t->request.len)
			chan_pause(&c->ch); /* the origin is slower: take() resumes */
		else
			t->up->push(t);
		return;
	}
	/* The next request, early, or the end: look, and don't ask again before this one is over. */
	int r = c->in.len < CONN_IN_MAX / 2 ? conn_fill(c) : -E_LIMIT;
	/* In clear a client may close its half and still wait for its answers; in TLS the end is the end. */
	if (r == -E_CLOSED && (c->ch.broken || (c->ch.ssl && t->state != TXN_DELIVER)))
		conn_destroy(c, "Reset");
	else if (r == -E_CLOSED)
		c->ended = true;
	if (r != -E_AGAIN && c->state == CONN_BUSY)
		chan_pause(&c->ch);
}

/* The next of the connection; NULL: it is gone. */
struct txn *down1_txn(struct conn *c)
{
	struct txn *t = txn_create(c, &down1);
	if (!t) {
		conn_destroy(c, NULL);
		return NULL;
	}
	c->txn = t;
	c->state = CONN_BUSY;
	return t;
}

void down1_begin(struct conn *c, size_t head_len)
{
	const char *why = "";
	struct http_head *h = &c->w->head;
	struct txn *t = down1_txn(c);
	if (!t)
		return;
	t->bytes_out += head_len;
	int r = http_parse_request(&t->rq, c->in.ptr, head_len, h, &why);
	t->minor = r < 0 ? 1 : h->minor;
	t->keep = r == 0 && h->keep_alive;
	if (r == 0 && !c->intercepted && t->org->pac[0] && target_is_pac(h)) { /* for us, not through us */
		t->head_only = h->method == HTTP_HEAD;
		t->method = h->method;
		t->rq_done = t->rq.done;
		buf_drop(&c->in, head_len);
		txn_own(t, "own", "application/x-ns-proxy-autoconfig", str_from(t->org->pac));
		return;
	}
	if (r == 0 && !c->intercepted && c->w->conf->proxy_name[0] && check_is_page(h)) {
		t->head_only = h->method == HTTP_HEAD;
		t->method = h->method;
		t->rq_done = t->rq.done;
		t->terminal = c->peer;
		buf_drop(&c->in, head_len);
		check_page(t);
		return;
	}
	r = request_read(t, h, r, &why);
	buf_drop(&c->in, head_len); /* nothing points into the head any more */
	request_go(t, r, why);
}
