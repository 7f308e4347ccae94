/* One request and its answer: decided, sent on, its answer held until the verdict, delivered. The states stand in
 * conn.h; each function here moves one on. Nothing of an answer goes out before its verdict. */
#include "proxy/conn.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

static void origin_event(struct origin *o, int what);
static void deliver(struct txn *t);
static void start_origin(struct txn *t, bool fresh);

/* ---- life ---- */

struct txn *txn_create(struct conn *c)
{
	struct worker *w = c->w;
	struct txn *t = w->spare;
	if (t) {
		w->spare = t->next_spare;
		w->n_spare--;
	} else {
		t = mem_alloc(sizeof *t);
		if (!t)
			return NULL;
		buf_init(&t->text, 2 * HTTP_MAX_HEAD);
		buf_init(&t->up, 2 * HTTP_MAX_HEAD);
		buf_init(&t->head, 2 * HTTP_MAX_HEAD);
	}
	t->next_spare = NULL;
	t->c = c;
	t->conf = conf_ref(w->conf);
	t->org = c->org->conf;
	t->scan_fd = -1;
	t->keep = true;
	t->minor = 1;
	t->begin_ms = w->now;
	t->begin_wall = clock_now_ms();
	t->action = "Allowed";
	t->disposition = "Allowed";
	t->terminal = c->peer;
	return t;
}

static void forget_scan(struct txn *t)
{
	if (t->scanning)
		scan_client_cancel(t->c->w->scan, t->scan_id);
	t->scanning = false;
	if (t->scan_fd >= 0)
		close(t->scan_fd);
	t->scan_fd = -1;
}

static void count_held(struct txn *t, uint64_t now)
{
	struct worker *w = t->c->w;
	w->held += now - t->held;
	t->held = now;
}

/* Clears all but the memory worth keeping. */
static void wipe(struct txn *t)
{
	struct buf text = t->text, up = t->up, head = t->head;
	struct hold hold = t->hold;
	memset(t, 0, sizeof *t);
	t->text = text, t->up = up, t->head = head, t->hold = hold;
	buf_reset(&t->text);
	buf_reset(&t->up);
	buf_reset(&t->head);
	hold_reset(&t->hold);
}

void txn_free(struct txn *t)
{
	hold_done(&t->hold);
	buf_done(&t->text);
	buf_done(&t->up);
	buf_done(&t->head);
	mem_free(t);
}

void txn_destroy(struct txn *t)
{
	struct worker *w = t->c->w;
	t->c->txn = NULL;
	forget_scan(t);
	if (t->origin) {
		t->origin->io = NULL;
		origin_close(t->origin);
	}
	t->origin = NULL;
	if (!t->silent)
		report_txn(t);
	count_held(t, 0);
	conf_unref(&t->conf);
	wipe(t);
	if (w->n_spare < TXN_SPARE) {
		t->next_spare = w->spare;
		w->spare = t;
		w->n_spare++;
		return;
	}
	txn_free(t);
}

/* ---- answers of our own ---- */

static void set_rule(struct txn *t, const char *rule)
{
	snprintf(t->rule, sizeof t->rule, "%s", rule);
}

void txn_page(struct txn *t, enum page_kind kind, const char *rule, const char *detail)
{
	struct buf body;
	page_ref(t->begin_wall, t->ref);
	set_rule(t, rule);
	struct page p = { .kind = kind, .org = t->org ? t->org->name : "", .org_en = t->org ? t->org->name_en : "",
		          .service = t->conf->service, .url = t->url, .detail = detail, .ref = t->ref, .now_ms = t->begin_wall };
	forget_scan(t);
	if (t->origin)
		origin_close(t->origin);
	t->origin = NULL;
	if (!t->rq_done)
		t->keep = false;
	count_held(t, 0);
	hold_reset(&t->hold);
	buf_init(&body, PAGE_MAX);
	page_format(&body, &p);
	t->status = (uint16_t)page_status(kind);
	buf_reset(&t->head);
	buf_printf(&t->head, "HTTP/1.1 %u %s\r\nContent-Type: text/html; charset=utf-8\r\nCache-Control: no-store\r\n"
	           "X-Content-Type-Options: nosniff\r\nContent-Security-Policy: default-src 'none'; style-src 'unsafe-inline'\r\n",
	           t->status, page_reason(kind));
	rewrite_end(t, true, body.len);
	if (!t->head_only)
		buf_put(&t->head, body.ptr, body.len);
	buf_done(&body);
	t->state = TXN_DELIVER;
	deliver(t);
}

static void deny(struct txn *t, enum page_kind kind, const char *rule, const char *detail)
{
	t->action = "Denied";
	t->disposition = "Blocked";
	txn_page(t, kind, rule, detail);
}

static void fail(struct txn *t, enum page_kind kind, const char *rule, const char *detail)
{
	t->disposition = "Error";
	txn_page(t, kind, rule, detail);
}

void txn_origin_page(struct txn *t, enum origin_fail f, const char *detail)
{
	enum page_kind kind = decide_origin_page(f);
	if (f == FAIL_FORBIDDEN)
		deny(t, kind, "destination", "");
	else if (f == FAIL_BLOCKED)
		deny(t, strncmp(detail, "block:", 6) == 0 ? PAGE_BLOCK : PAGE_URL, detail, "");
	else if (f == FAIL_TLS)
		deny(t, kind, "tls.origin", detail);
	else
		fail(t, kind, f == FAIL_DNS || f == FAIL_DNS_TIMEOUT ? "dns" : f == FAIL_PROTOCOL ? "protocol" : "connect", detail);
}

/* ---- delivery ---- */

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
	struct str body = t->head_only ? (struct str){ "", 0 } : hold_bytes(&t->hold);
	size_t head = t->head.len;
	if (t->sent >= head)
		return (struct str){ body.ptr + (t->sent - head), body.len - (t->sent - head) };
	size_t left = head - t->sent, room = 16384 > left ? 16384 - left : 0;
	size_t n = body.len < room ? body.len : room;
	char *tmp = t->c->w->tmp;
	if (n == 0 || left > 8192)
		return (struct str){ t->head.ptr + t->sent, left };
	memcpy(tmp, t->head.ptr + t->sent, left);
	memcpy(tmp + left, body.ptr, n);
	return (struct str){ tmp, left + n };
}

static void deliver(struct txn *t)
{
	struct conn *c = t->c;
	if (t->head.failed) {
		conn_destroy(c, "Error");
		return;
	}
	for (;;) {
		struct str p = next_piece(t);
		if (p.len == 0)
			break;
		long n = chan_write(&c->ch, p.ptr, p.len);
		if (n < 0) {
			conn_destroy(c, "Reset");
			return;
		}
		t->sent += (size_t)n;
		t->bytes_in += (uint64_t)n;
		t->sent_any = t->sent_any || n;
		if (n)
			conn_touch(c, WORKER_STALL_MS);
		if (n == 0 || !chan_drained(&c->ch))
			return; /* CHAN_WRITABLE comes */
	}
	finish(t);
}

/* ---- verdict ---- */

static void settle(struct txn *t)
{
	rewrite_end(t, true, t->hold.raw.size);
	t->state = TXN_DELIVER;
	deliver(t);
}

static void on_unscannable(struct txn *t, const char *why)
{
	t->verdict = "unscannable";
	if (t->org->unscannable_allow)
		settle(t);
	else
		deny(t, PAGE_UNSCANNABLE, "verdict", why);
}

static void apply_verdict(struct txn *t, const struct verdict *v)
{
	snprintf(t->file_type, sizeof t->file_type, "%s", v->type);
	t->verdict = verdict_kind_name(v->kind);
	switch (v->kind) {
	case VERDICT_CLEAN:
		settle(t);
		return;
	case VERDICT_MALICIOUS:
		snprintf(t->malware, sizeof t->malware, "%s", v->malware);
		deny(t, PAGE_MALWARE, "verdict", t->malware);
		return;
	case VERDICT_UNSCANNABLE:
		on_unscannable(t, v->malware);
		return;
	default:
		t->verdict = "error";
		if (t->org->scan_fail == FAIL_OPEN)
			settle(t);
		else
			fail(t, PAGE_NO_VERDICT, "verdict", v->malware);
	}
}

static void on_verdict(const struct verdict *v, void *user)
{
	struct txn *t = user;
	struct worker *w = t->c->w;
	t->scanning = false;
	forget_scan(t);
	if (memcmp(v->sha256, t->hold.sha, VERDICT_SHA) == 0)
		verdict_cache_put(&w->verdicts, v, w->now);
	apply_verdict(t, v);
}

static void submit(struct txn *t)
{
	struct worker *w = t->c->w;
	struct scan_job job = { .org = str_from(t->c->org->code), .content_type = t->type, .name = t->path,
		                .timeout_ms = WORKER_VERDICT_MS, .done = on_verdict, .user = t };
	bool own;
	struct verdict error = { .kind = VERDICT_ERROR, .malware = "not submitted" };
	if (hold_scan_fd(&t->hold, &job.fd, &own) < 0) {
		apply_verdict(t, &error);
		return;
	}
	t->scan_fd = own ? job.fd : -1;
	if (scan_client_submit(w->scan, &job, &t->scan_id) < 0) {
		forget_scan(t);
		apply_verdict(t, &error);
		return;
	}
	t->scanning = true;
	t->state = TXN_VERDICT;
	conn_touch(t->c, WORKER_VERDICT_MS + 5000);
	worker_poke(w);
}

/* All of the answer is here. */
static void judge(struct txn *t)
{
	struct worker *w = t->c->w;
	struct verdict v;
	if (hold_end(&t->hold) < 0) {
		fail(t, PAGE_BUSY, "memory", "");
		return;
	}
	t->body_size = t->hold.raw.size;
	t->file_size = t->hold.coding == CODING_NONE ? t->hold.raw.size : t->hold.plain.size;
	if (t->hold.raw.size == 0) {
		t->verdict = "skipped";
		settle(t);
		return;
	}
	if (t->hold.state != HOLD_OK) {
		on_unscannable(t, t->hold.state == HOLD_TOO_LARGE ? "too large inside" : "unknown or broken encoding");
		return;
	}
	t->hashed = true;
	t->cache_hit = verdict_cache_get(&w->verdicts, t->hold.sha, w->now, &v);
	if (t->cache_hit)
		apply_verdict(t, &v);
	else
		submit(t);
}

/* ---- the origin's answer ---- */

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
	judge(t);
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
static void stream_flush(struct txn *t)
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
	t->sent = 0;
	if (t->rs_done) {
		if (t->origin)
			release_origin(t, origin_reusable(t));
		finish(t);
	} else if (t->origin && !t->origin->ch.reading) {
		chan_resume(&t->origin->ch);
		origin_event(t->origin, CHAN_READABLE);
	}
}

/* Larger than may be scanned. False: a page was sent. */
static bool start_stream(struct txn *t, struct str more)
{
	t->verdict = "unscannable";
	if (!t->org->unscannable_allow) {
		deny(t, PAGE_UNSCANNABLE, "verdict", "larger than is scanned");
		return false;
	}
	struct str held = hold_bytes(&t->hold);
	t->chunk_out = !t->rs_has_length && t->minor == 1;
	if (!t->rs_has_length && !t->chunk_out)
		t->keep = false;
	rewrite_end(t, t->rs_has_length, t->rs_length);
	t->head.max = 4 * WORKER_READ + HTTP_MAX_HEAD + held.len;
	t->state = TXN_STREAM;
	stream_put(t, held);
	stream_put(t, more);
	return true;
}

/* One piece of content. False: the txn went on to something else (a page, a stream, its end). */
static bool take_body(struct txn *t, struct str s)
{
	struct worker *w = t->c->w;
	if (t->state == TXN_STREAM) {
		stream_put(t, s);
		return true;
	}
	int r = s.len ? hold_put(&t->hold, s.ptr, s.len) : 0;
	count_held(t, hold_held(&t->hold));
	if (r == -E_LIMIT)
		return start_stream(t, s);
	if (r < 0 || w->held > WORKER_HELD) {
		fail(t, PAGE_BUSY, "memory", "");
		return false;
	}
	return true;
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
				fail(t, PAGE_ORIGIN, "protocol", "bad framing of the body");
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
		stream_flush(t);
	} else {
		body_complete(t);
	}
	return true;
}

static void origin_closed(struct txn *t, long code)
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
		start_origin(t, true);
		return;
	}
	fail(t, PAGE_ORIGIN, "connect", "the connection was closed before the answer was whole");
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
			origin_closed(t, n);
			return 1;
		}
		hold_added(&t->hold, (size_t)n);
		count_held(t, hold_held(&t->hold));
		conn_touch(t->c, WORKER_STALL_MS);
		http_skip(&t->rs, (size_t)n);
		if (t->rs.done) {
			body_done(t);
			return 1;
		}
		if (t->c->w->held > WORKER_HELD) {
			fail(t, PAGE_BUSY, "memory", "");
			return 1;
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
		if (t->state == TXN_STREAM && t->head.len) {
			stream_flush(t);
			return;
		}
		long n = chan_read(&o->ch, w->rbuf, WORKER_READ);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			origin_closed(t, n);
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
		deliver(t);
		return;
	}
	t->rs_has_length = h->has_length;
	t->rs_length = h->length;
	t->state = TXN_BODY;
	if (hold_begin(&t->hold, hold_coding(http_get(h, H_CONTENT_ENCODING)), t->org->scan_max, h->length) < 0) {
		fail(t, PAGE_BUSY, "memory", "");
		return;
	}
	if (h->has_length && h->length > t->org->scan_max && !t->org->unscannable_allow) {
		t->verdict = "unscannable";
		deny(t, PAGE_UNSCANNABLE, "verdict", "larger than is scanned");
		return;
	}
	struct buf rest = o->in; /* the body's beginning came with the head */
	buf_init(&o->in, rest.max);
	bool on = feed_body(t, rest.ptr, rest.len) && !body_done(t);
	buf_done(&rest);
	if (on)
		read_body(t);
}

/* True: a head was found and handled. */
static bool parse_answer(struct txn *t)
{
	struct origin *o = t->origin;
	const char *why = "";
	long end = http_head_end(o->in.ptr, o->in.len, 0);
	if (end == 0)
		return false;
	struct http_head *h = &t->c->w->head;
	if (end < 0 || http_parse_response(&t->rs, o->in.ptr, (size_t)end, t->method, h, &why) < 0) {
		fail(t, PAGE_ORIGIN, "protocol", end < 0 ? "head too long" : why);
		return true;
	}
	if (h->status == 101) { /* Upgrade was never passed on */
		fail(t, PAGE_ORIGIN, "protocol", "switches protocols without being asked");
		return true;
	}
	if (h->status < 200) { /* interim: 100 was answered by us, hints are of no use through a hold */
		buf_drop(&o->in, (size_t)end);
		return parse_answer(t);
	}
	/* Texts of the head point into o->in: take it apart before the bytes move. */
	struct buf in = o->in;
	buf_init(&o->in, in.max);
	buf_put(&o->in, in.ptr + end, in.len - (size_t)end);
	begin_body(t, h);
	buf_done(&in);
	return true;
}

static void read_answer(struct txn *t)
{
	struct origin *o = t->origin;
	for (;;) {
		if (!buf_room(&o->in, 16384)) {
			fail(t, PAGE_ORIGIN, "protocol", "head too long");
			return;
		}
		long n = chan_read(&o->ch, o->in.ptr + o->in.len, 16384);
		if (n == -E_AGAIN)
			return;
		if (n <= 0) {
			origin_closed(t, n);
			return;
		}
		o->in.len += (size_t)n;
		if (parse_answer(t))
			return;
	}
}

/* ---- the request on its way ---- */

/* Framed pieces of the request's body into up, as long as it is empty. False: t is gone. */
static bool pump_request(struct txn *t)
{
	struct conn *c = t->c;
	while (!t->rq_done && t->up.len == 0) {
		if (c->in.len == 0) {
			int r = conn_fill(c);
			if (r == -E_AGAIN) {
				if (!c->ch.reading)
					chan_resume(&c->ch);
				return true;
			}
			if (r < 0) {
				conn_destroy(c, "Reset");
				return false;
			}
		}
		long n = http_feed(&t->rq, c->in.ptr, c->in.len);
		if (n < 0 || t->rq.body_bytes > TXN_UPLOAD_MAX) {
			deny(t, n < 0 ? PAGE_PROTOCOL : PAGE_UPLOAD, n < 0 ? "protocol" : "upload", "");
			return false;
		}
		struct str s = t->rq.body;
		if (s.len && t->rq_chunked)
			buf_printf(&t->up, "%zx\r\n", s.len);
		buf_str(&t->up, s);
		if (s.len && t->rq_chunked)
			buf_puts(&t->up, "\r\n");
		buf_drop(&c->in, (size_t)n);
		if (t->rq.done) {
			t->rq_done = true;
			if (t->rq_chunked)
				buf_puts(&t->up, "0\r\n\r\n");
		}
	}
	return true;
}

/* Sends what there is for the origin. False: t is gone or went on. */
static bool push_request(struct txn *t)
{
	struct origin *o = t->origin;
	for (;;) {
		while (t->up_sent < t->up.len) {
			long n = chan_write(&o->ch, t->up.ptr + t->up_sent, t->up.len - t->up_sent);
			if (n < 0) {
				origin_closed(t, n);
				return false;
			}
			t->up_sent += (size_t)n;
			t->bytes_out += (uint64_t)n;
			conn_touch(t->c, WORKER_STALL_MS);
			if (n == 0)
				return true;
		}
		if (t->rq_done)
			return true;
		t->up_replay = false;
		buf_reset(&t->up);
		t->up_sent = 0;
		if (!chan_drained(&o->ch))
			return true;
		if (!pump_request(t))
			return false;
		if (t->up.len == 0)
			return true;
	}
}

static void origin_event(struct origin *o, int what)
{
	struct txn *t = o->user;
	if ((what & CHAN_WRITABLE) && (t->state == TXN_WAIT || t->state == TXN_BODY) && !push_request(t))
		return;
	if (!(what & CHAN_READABLE))
		return;
	if (t->state == TXN_WAIT)
		read_answer(t);
	else if (t->state == TXN_BODY || t->state == TXN_STREAM)
		read_body(t);
}

static void send_request(struct txn *t)
{
	struct conn *c = t->c;
	struct origin *o = t->origin;
	o->io = origin_event;
	o->user = t;
	t->origin_addr = o->addr;
	if (o->tls)
		t->tls_version = (uint16_t)SSL_version(o->ch.ssl);
	t->state = TXN_WAIT;
	conn_touch(c, WORKER_STALL_MS);
	if (t->expect && !t->rq_done) {
		static const char go_on[] = "HTTP/1.1 100 Continue\r\n\r\n";
		t->expect = false;
		if (chan_write(&c->ch, go_on, sizeof go_on - 1) < 0) {
			conn_destroy(c, "Reset");
			return;
		}
	}
	push_request(t);
}

static void on_origin(struct origin *o, void *user)
{
	struct txn *t = user;
	if (o->fail) {
		t->origin = NULL; /* closes itself */
		t->origin_addr = o->addr;
		txn_origin_page(t, o->fail, o->detail);
		return;
	}
	send_request(t);
}

/* A pooled connection was verified, but a block may have come since. */
static bool still_allowed(struct txn *t)
{
	const struct block_query q = { .org = t->c->org->code, .address = t->origin->addr, .terminal = t->terminal,
		                       .now_ms = t->begin_wall };
	const struct block *k = blocks_find(t->c->w->blocks, &q);
	if (!k)
		return true;
	char rule[64];
	snprintf(rule, sizeof rule, "block:%s", k->id);
	deny(t, PAGE_BLOCK, rule, "");
	return false;
}

static void start_origin(struct txn *t, bool fresh)
{
	struct conn *c = t->c;
	bool now;
	struct origin_want want = { .host = c->intercepted ? c->tunnel.host : t->target.host, .port = t->target.port,
		                    .tls = t->target.https, .sni = t->target.https ? c->name : NULL, .fresh = fresh,
		                    .ready = on_origin, .user = t };
	t->state = TXN_ORIGIN;
	conn_touch(c, 2 * WORKER_HEAD_MS);
	if (origin_get(c->org, &want, &t->origin, &now) < 0)
		fail(t, PAGE_BUSY, "memory", "");
	else if (now && still_allowed(t)) /* not now: t may be gone already */
		send_request(t);
}

/* ---- beginning ---- */

/* What outlives the head, in one buffer whose memory doesn't move. */
static bool remember(struct txn *t, const struct http_head *h)
{
	struct str ua = http_get(h, H_USER_AGENT), ref = { NULL, 0 }, whole = http_get(h, H_REFERER);
	struct buf *b = &t->text;
	char auth[TARGET_AUTHORITY];
	str_next(&whole, '?', &ref); /* no query strings in events */
	if (!buf_room(b, t->target.path.len + ua.len + ref.len + TARGET_AUTHORITY + 512))
		return false;
	target_authority(&t->target, auth);
	buf_puts(b, t->target.https ? "https://" : "http://");
	buf_puts(b, auth);
	size_t at = b->len;
	buf_str(b, t->target.path);
	struct str path = { b->ptr + at, t->target.path.len };
	if (t->target.path.ptr)
		t->target.path = path;
	t->path = target_bare_path(&t->target);
	t->url = (struct str){ b->ptr, at + t->path.len };
	t->user_agent = (struct str){ b->ptr + b->len, ua.len };
	buf_str(b, ua);
	t->referrer = (struct str){ b->ptr + b->len, ref.len };
	buf_str(b, ref);
	return true;
}

static bool method_ok(uint8_t m)
{
	switch (m) {
	case HTTP_GET:
	case HTTP_HEAD:
	case HTTP_POST:
	case HTTP_PUT:
	case HTTP_DELETE:
	case HTTP_OPTIONS:
	case HTTP_PATCH:
	case HTTP_CONNECT:
	case HTTP_PROPFIND:
	case HTTP_PROPPATCH:
	case HTTP_REPORT:
	case HTTP_MKCOL:
	case HTTP_COPY:
	case HTTP_MOVE:
		return true;
	default:
		return false;
	}
}

static void grant_connect(struct txn *t)
{
	static const char ok[] = "HTTP/1.1 200 Connection established\r\n\r\n";
	struct conn *c = t->c;
	c->tunnel = t->target;
	c->tunnel.path = (struct str){ NULL, 0 };
	c->terminal = t->terminal;
	c->via = t->via;
	t->tunnel = true;
	if (chan_write(&c->ch, ok, sizeof ok - 1) != (long)sizeof ok - 1) {
		conn_destroy(c, "Reset");
		return;
	}
	t->bytes_in += sizeof ok - 1;
	connect_begin(c);
}

static void begin_connect(struct txn *t)
{
	struct conn *c = t->c;
	struct decision d;
	bool decrypt = t->org->tls_decryption && !url_set_match_host(t->org->no_decrypt, str_from(t->target.host), NULL);
	if (!conf_port_allowed(t->conf, t->target.port)) {
		deny(t, PAGE_PORT, "port", "");
		return;
	}
	decide(t->conf, t->org, c->w->blocks, &t->target, &t->terminal, &d);
	snprintf(t->rule_name, sizeof t->rule_name, "%s", d.name);
	set_rule(t, d.rule);
	/* Denied but decrypting: the page is shown inside, where a browser shows it. */
	if (d.allow || (decrypt && d.page != PAGE_TERMINAL))
		grant_connect(t);
	else
		deny(t, d.page, d.rule, d.rule);
}

static void begin_request(struct txn *t)
{
	struct conn *c = t->c;
	struct decision d;
	decide(t->conf, t->org, c->w->blocks, &t->target, &t->terminal, &d);
	snprintf(t->rule_name, sizeof t->rule_name, "%s", d.name);
	if (!d.allow) {
		deny(t, d.page, d.rule, d.rule);
		return;
	}
	set_rule(t, d.rule);
	if (c->intercepted && c->fail) {
		txn_origin_page(t, c->fail, c->fail_detail);
		return;
	}
	if (t->up.failed) {
		deny(t, PAGE_PROTOCOL, "protocol", "head too long");
		return;
	}
	t->up_replay = t->rq_done;
	start_origin(t, false);
}

void txn_begin(struct conn *c, size_t head_len)
{
	const char *why = "";
	struct http_head *h = &c->w->head;
	struct txn *t = txn_create(c);
	if (!t) {
		conn_destroy(c, NULL);
		return;
	}
	c->txn = t;
	c->state = CONN_BUSY;
	conn_touch(c, WORKER_STALL_MS);
	t->bytes_out += head_len;
	int r = http_parse_request(&t->rq, c->in.ptr, head_len, h, &why);
	t->method = h->method;
	t->minor = r < 0 ? 1 : h->minor;
	t->head_only = r == 0 && h->method == HTTP_HEAD;
	t->rq_done = r == 0 && t->rq.done;
	t->rq_chunked = h->chunked;
	t->keep = r == 0 && h->keep_alive;
	t->expect = h->expect_continue;
	if (r == 0 && c->intercepted) {
		t->terminal = c->terminal;
		t->via = c->via;
		r = target_of_tunnel_request(h, &c->tunnel, c->name, &t->target, &why);
	} else if (r == 0) {
		t->via = terminal_of(&c->peer, t->org->child_proxies, t->org->n_child_proxies, h, &t->terminal);
		r = target_of_proxy_request(h, &t->target, &why);
	}
	if (r == 0 && !remember(t, h)) {
		r = -E_INVALID;
		why = "head too long";
	}
	if (r == 0 && t->method != HTTP_CONNECT)
		rewrite_request(t, h);
	buf_drop(&c->in, head_len); /* nothing points into the head any more */
	if (r < 0) {
		t->keep = t->rq_done = false;
		deny(t, PAGE_PROTOCOL, "protocol", why);
	} else if (!method_ok(t->method) || (c->intercepted && t->method == HTTP_CONNECT)) {
		t->keep = false;
		deny(t, PAGE_METHOD, "method", "");
	} else if (t->method == HTTP_CONNECT) {
		begin_connect(t);
	} else {
		begin_request(t);
	}
}

/* ---- while it runs ---- */

void txn_client_event(struct txn *t, int what)
{
	if (what & CHAN_WRITABLE) {
		if (t->state == TXN_DELIVER)
			deliver(t);
		else if (t->state == TXN_STREAM)
			stream_flush(t);
		return;
	}
	if (t->state == TXN_WAIT && !t->rq_done) {
		if (t->up_sent < t->up.len || !chan_drained(&t->origin->ch))
			chan_pause(&t->c->ch); /* the origin is slower: pump_request() resumes */
		else
			push_request(t);
		return;
	}
	/* The next request, early, or the end: look, and don't ask again before this one is over. */
	struct conn *c = t->c;
	int r = c->in.len < CONN_IN_MAX / 2 ? conn_fill(c) : -E_LIMIT;
	/* In clear a client may close its half and still wait for its answers; in TLS the end is the end. */
	if (r == -E_CLOSED && (c->ch.broken || (c->ch.ssl && t->state != TXN_DELIVER)))
		conn_destroy(c, "Reset");
	else if (r == -E_CLOSED)
		c->ended = true;
	if (r != -E_AGAIN && c->state == CONN_BUSY)
		chan_pause(&c->ch);
}

void txn_tick(struct txn *t)
{
	struct conn *c = t->c;
	if (t->origin && t->state == TXN_ORIGIN) {
		origin_tick(t->origin);
		return;
	}
	if (c->w->now < c->deadline)
		return;
	if (t->state == TXN_WAIT && t->rq_done)
		fail(t, PAGE_TIMEOUT, "timeout", "no answer from the server");
	else if (t->state == TXN_BODY && t->rq_done)
		fail(t, PAGE_TIMEOUT, "timeout", "the server stopped in the middle");
	else
		conn_destroy(c, "Reset");
}
