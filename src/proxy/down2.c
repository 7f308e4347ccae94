/* See down2.h. What nghttp2 calls comes through http/h2.c; what goes out waits until the loop's turn ends (link2.h). */
#include "proxy/down2.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/link2.h"
#include "proxy/txn.h"

#include <stdio.h>

#define LINGER_MS 2000

struct stream {
	struct stream *next, *prev;
	struct down2 *d;
	int32_t id;
	struct txn *t;  /* NULL: it is over, nghttp2 has yet to say so */
	struct buf in;  /* content that wasn't sent on yet: at most a stream's window */
	bool eof;       /* all has come */
	bool drained;   /* TXN_STREAM: the queue ran empty */
	int64_t linger; /* answered before all had come: it is let come and thrown away until then, so that the answer is read */
};

struct down2 {
	struct link2 l;
	struct conn *c;
	struct stream *streams;
	size_t running; /* with a txn */
	bool drained;   /* one of them is */
};

static const struct txn_down down2;

/* ---- life of a stream ---- */

static void end_txn(struct stream *s)
{
	struct txn *t = s->t;
	s->t = NULL;
	s->d->running--;
	conn_stream_remove(s->d->c);
	conn_touch(s->d->c, WORKER_IDLE_MS);
	txn_destroy(t);
}

static void free_stream(struct stream *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->d->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	buf_done(&s->in);
	mem_free(s);
}

static struct stream *make_stream(struct down2 *d, int32_t id)
{
	struct stream *s = mem_alloc(sizeof *s);
	struct txn *t = s ? txn_create(d->c, &down2) : NULL;
	if (!t) {
		mem_free(s);
		return NULL;
	}
	*s = (struct stream){ .next = d->streams, .d = d, .id = id, .t = t };
	if (d->streams)
		d->streams->prev = s;
	d->streams = s;
	d->running++;
	buf_init(&s->in, 2 * NGHTTP2_INITIAL_WINDOW_SIZE);
	t->down_stream = s;
	h2_set_stream(&d->l.h, id, s);
	return s;
}

/* ---- what the proxy's other parts ask of it ---- */

static int take(struct txn *t)
{
	struct stream *s = t->down_stream;
	if (s->in.len == 0 && !s->eof)
		return -E_AGAIN;
	t->rq.body_bytes += s->in.len;
	t->rq_done = s->eof;
	request_put(t, buf_view(&s->in));
	h2_consume(&s->d->l.h, s->id, s->in.len);
	buf_reset(&s->in);
	link2_touch(&s->d->l);
	return 0;
}

static bool go_on(struct txn *t)
{
	struct stream *s = t->down_stream;
	h2_continue(&s->d->l.h, s->id);
	link2_touch(&s->d->l);
	return true;
}

static void abort_stream(struct txn *t)
{
	struct stream *s = t->down_stream;
	h2_reset(&s->d->l.h, s->id, NGHTTP2_INTERNAL_ERROR);
	link2_touch(&s->d->l);
	end_txn(s);
}

static void answer(struct txn *t, bool has_length, uint64_t length)
{
	struct stream *s = t->down_stream;
	if (has_length && !t->trailers.len) /* who knows the length may not wait for them (curl 7.88) */
		buf_printf(&t->head, "Content-Length: %llu\r\n", (unsigned long long)length);
	buf_puts(&t->head, "\r\n");
	bool more = t->state == TXN_STREAM || txn_body(t).len > 0 || t->trailers.len > 0;
	bool answered = !t->head.failed && h2_answer(&s->d->l.h, s->id, t->head.ptr, t->head.len, more, s) == 0;
	if (!answered)
		h2_reset(&s->d->l.h, s->id, NGHTTP2_INTERNAL_ERROR);
	t->bytes_in += t->head.len;
	buf_reset(&t->head);
	if (answered && !more)
		txn_last(t, 0);
}

static void content(struct txn *t, struct str p)
{
	buf_str(&t->head, p);
}

static bool send_all(struct txn *t)
{
	struct stream *s = t->down_stream;
	if (t->head.failed) {
		txn_abort(t, "Error");
		return false;
	}
	h2_resume(&s->d->l.h, s->id);
	link2_touch(&s->d->l);
	if (t->state != TXN_STREAM || t->rs_done)
		return false;
	if (txn_piece(t).len == 0)
		return true;
	t->up->pause(t);
	return false;
}

static void hand_over(struct txn *t, struct txn *to)
{
	struct stream *s = t->down_stream;
	to->down_stream = s;
	s->t = to;
}

static const struct txn_down down2 = { take, go_on, answer, content, send_all, hand_over, abort_stream };

/* ---- what comes in ---- */

/* An event for what never became a transaction. */
static void report(struct down2 *d, const char *rule, const char *why)
{
	struct txn *t = txn_create(d->c, &down2);
	if (!t)
		return;
	t->target = d->c->tunnel;
	t->terminal = d->c->terminal;
	t->via = d->c->via;
	t->method = HTTP_CONNECT;
	t->action = "Denied";
	t->disposition = "Reset";
	txn_set_rule(t, rule);
	snprintf(t->rule_name, sizeof t->rule_name, "%s", why);
	txn_destroy(t);
}

static void on_head(struct h2 *h, int32_t id, void *stream, bool end)
{
	struct down2 *d = h->user;
	const char *why = "";
	bool counted = !stream && conn_stream_add(d->c);
	struct stream *s = counted ? make_stream(d, id) : NULL;
	if (!s) {
		org_count(d->c->org, STAT_REFUSED, 1);
		if (counted)
			conn_stream_remove(d->c);
		h2_reset(h, id, NGHTTP2_REFUSED_STREAM);
		return;
	}
	struct txn *t = s->t;
	s->eof = end;
	t->bytes_out += h->block.text.len;
	int r = h2_request_head(&h->block, end, &t->rq, h->head, &why);
	r = request_read(t, h->head, r, &why);
	request_go(t, r, why);
}

/* More has come: sent on, where that is under way. */
static void pass_on(struct stream *s)
{
	struct txn *t = s->t;
	if (t && t->state == TXN_UPLOAD)
		upload_read(t);
	else if (t && (t->state == TXN_WAIT || t->state == TXN_BODY) && !t->rq_done)
		t->up->push(t);
}

static void on_content(struct h2 *h, int32_t id, void *stream, struct str p)
{
	struct stream *s = stream;
	struct txn *t = s ? s->t : NULL;
	if (!t || t->state >= TXN_VERDICT) { /* nobody wants it any more */
		h2_consume(h, s ? id : 0, p.len);
		return;
	}
	buf_str(&s->in, p);
	t->bytes_out += p.len;
	pass_on(s);
}

static void on_trailers(struct h2 *h, int32_t id, void *stream)
{
	/* Servers that are in use close the connection over them (nginx 1.22), and nothing that is in use sends any. */
}

static void on_end(struct h2 *h, int32_t id, void *stream)
{
	struct stream *s = stream;
	if (!s)
		return;
	s->eof = true;
	pass_on(s);
}

static void on_closed(struct h2 *h, int32_t id, void *stream, uint32_t code)
{
	struct stream *s = stream;
	if (s->t) {
		if (strcmp(s->t->disposition, "Allowed") == 0)
			s->t->disposition = "Reset";
		end_txn(s);
	}
	h2_consume(h, 0, s->in.len);
	free_stream(s);
}

static void on_refused(struct h2 *h, int32_t id, void *stream, const char *why)
{
	struct stream *s = stream;
	struct txn *t = s ? s->t : NULL;
	if (!t) {
		report(h->user, "protocol", why);
		return;
	}
	t->action = "Denied";
	t->disposition = "Reset";
	txn_set_rule(t, "protocol");
	snprintf(t->rule_name, sizeof t->rule_name, "%s", why);
}

static void on_said(struct h2 *h, int32_t id, void *stream)
{
	struct stream *s = stream;
	if (s->t)
		end_txn(s);
	if (!s->eof)
		s->linger = s->d->c->w->now + LINGER_MS;
}

static size_t on_ready(void *stream, bool *ret_end)
{
	struct stream *s = stream;
	struct txn *t = s->t;
	if (!t)
		return 0;
	*ret_end = t->state == TXN_DELIVER || (t->rs_done && !t->drips);
	return t->head.len + txn_body(t).len - t->sent;
}

static struct str next_piece(void *stream)
{
	struct stream *s = stream;
	return s->t ? txn_piece(s->t) : STR("");
}

static void on_sent(void *stream, size_t n)
{
	struct stream *s = stream;
	if (!s->t)
		return;
	txn_last(s->t, n);
	txn_sent(s->t, n);
	if (s->t->state == TXN_STREAM && !s->t->rs_done && txn_piece(s->t).len == 0)
		s->drained = s->d->drained = true;
}

static struct str last(void *stream)
{
	struct stream *s = stream;
	return s->t ? buf_view(&s->t->trailers) : STR("");
}

static const struct h2_handler handler = { on_head, on_content, on_trailers, on_end, on_closed, on_refused, on_said, on_ready, next_piece, on_sent, last };

static void on_flushed(struct link2 *l)
{
	struct down2 *d = (struct down2 *)(void *)l;
	bool any = d->drained;
	d->drained = false;
	for (struct stream *s = any ? d->streams : NULL; s; s = s->next) {
		struct txn *t = s->drained ? s->t : NULL;
		s->drained = false;
		if (!t || t->state != TXN_STREAM || txn_piece(t).len)
			continue;
		answer_drained(t);
		answer_more(t);
	}
}

static void on_failed(struct link2 *l, const char *why)
{
	struct down2 *d = (struct down2 *)(void *)l;
	if (why) {
		org_count(d->c->org, STAT_HOSTILE, 1);
		report(d, "http2", why);
	}
	conn_destroy(d->c, "Reset");
}

/* ---- the connection ---- */

int down2_open(struct conn *c)
{
	struct down2 *d = mem_alloc(sizeof *d);
	const struct h2_opts o = { .server = true, .on = &handler, .user = d, .head = &c->w->head, .now_ms = c->w->now };
	if (!d)
		return -E_NOMEM;
	d->c = c;
	d->l.flushed = on_flushed;
	d->l.failed = on_failed;
	c->h2 = d;
	return link2_init(&d->l, c->w, &c->ch, &o);
}

void down2_event(struct conn *c, int what)
{
	link2_event(&c->h2->l, what);
}

void down2_each(struct conn *c, void (*fn)(struct txn *t))
{
	for (struct stream *s = c->h2->streams; s; s = s->next)
		if (s->t)
			fn(s->t);
}

void down2_tick(struct conn *c)
{
	struct down2 *d = c->h2;
	down2_each(c, txn_tick);
	for (struct stream *s = d->streams; s; s = s->next)
		if (s->linger && c->w->now >= s->linger) { /* RFC 9113 8.1 */
			s->linger = 0;
			h2_reset(&d->l.h, s->id, NGHTTP2_NO_ERROR);
			link2_touch(&d->l);
		}
	if (d->running || c->w->now < c->deadline)
		return;
	h2_goaway(&d->l.h, NGHTTP2_NO_ERROR);
	link2_touch(&d->l);
	if (c->w->now >= c->deadline + 1000)
		conn_destroy(c, NULL);
}

void down2_leave(struct conn *c, const char *disposition)
{
	link2_leave(&c->h2->l);
	for (struct stream *s = c->h2->streams; s; s = s->next) {
		if (!s->t)
			continue;
		if (disposition && strcmp(s->t->disposition, "Allowed") == 0)
			s->t->disposition = disposition;
		end_txn(s);
	}
}

void down2_free(struct conn *c)
{
	struct down2 *d = c->h2;
	if (!d)
		return;
	c->h2 = NULL;
	while (d->streams)
		free_stream(d->streams);
	link2_done(&d->l);
	mem_free(d);
}
