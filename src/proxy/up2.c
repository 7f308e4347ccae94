/* See up2.h. Content of answers that are held is taken as fast as it comes; a stream whose terminal is slow stops by its own
 * window, the connection's stays open for the others. */
#include "proxy/up2.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/link2.h"
#include "proxy/txn.h"

struct stream {
	struct stream *next, *prev;
	struct up2 *u;
	int32_t id;
	struct txn *t;   /* NULL: nobody waits for it any more */
	size_t unused;   /* bytes of content that the window doesn't know as used */
	bool ended;      /* all of the answer has come */
	bool closed;     /* nghttp2 has forgotten it */
	bool hungry;     /* more of the request may be sent */
};

struct up2 {
	struct link2 l;
	struct origin *o;
	struct stream *streams;
	size_t n;       /* of them, as nghttp2 sees it */
	size_t running; /* somebody waits for */
	bool hungry;    /* one of them is */
};

/* ---- the request ---- */

static struct stream *make_stream(struct up2 *u, struct txn *t)
{
	struct stream *s = mem_alloc(sizeof *s);
	if (!s)
		return NULL;
	*s = (struct stream){ .next = u->streams, .u = u, .t = t };
	if (u->streams)
		u->streams->prev = s;
	u->streams = s;
	u->n++;
	u->running++;
	t->up_stream = s;
	return s;
}

static void free_stream(struct stream *s)
{
	if (s->prev)
		s->prev->next = s->next;
	else
		s->u->streams = s->next;
	if (s->next)
		s->next->prev = s->prev;
	s->u->n--;
	mem_free(s);
}

static bool push(struct txn *t)
{
	struct stream *s = t->up_stream;
	if (t->request_sent == t->request.len && !t->rq_done && !request_fill(t))
		return false;
	h2_resume(&s->u->l.h, s->id);
	link2_touch(&s->u->l);
	return true;
}

static void begin(struct txn *t)
{
	struct origin *o = t->origin;
	struct up2 *u = o->h2;
	struct stream *s = up2_may_begin(o) ? make_stream(u, t) : NULL;
	bool content = !t->rq_done;
	t->chunk_up = false;
	if (!s) { /* full, or leaving, since it was given out */
		t->origin = NULL;
		answer_lost(t, LOST_UNTOUCHED);
		return;
	}
	if (h2_request(&u->l.h, t->request.ptr, t->request.len, content, s, &s->id) < 0) {
		s->closed = true;
		answer_broken(t, "the request can't be written in HTTP/2");
		free_stream(s);
		origin_shared(o);
		return;
	}
	t->request_sent = t->request.len;
	t->bytes_out += t->request.len;
	origin_shared(o);
	link2_touch(&u->l);
	if (content)
		push(t);
}

/* ---- the answer ---- */

static void on_head(struct h2 *h, int32_t id, void *stream, bool end)
{
	struct stream *s = stream;
	struct txn *t = s ? s->t : NULL;
	const char *why = "";
	if (!t)
		return;
	s->ended = end;
	int r = t->state != TXN_WAIT ? -E_INVALID : h2_response_head(&h->block, end, t->method, &t->rs, h->head, &why);
	bool interim = r == 0 && h->head->status < 200;
	if (r < 0 || (interim && (end || !answer_interim(t, h->head->status, h->block.bytes, &why))))
		answer_broken(t, why);
	else if (!interim)
		answer_head(t, h->head);
}

static void on_content(struct h2 *h, int32_t id, void *stream, struct str p)
{
	struct stream *s = stream;
	struct txn *t = s ? s->t : NULL;
	if (!t) {
		h2_consume(h, id, p.len);
		return;
	}
	t->rs.body_bytes += p.len;
	txn_touch(t, WORKER_STALL_MS);
	if (t->state != TXN_BODY && t->state != TXN_STREAM) {
		answer_broken(t, "content before its head");
		return;
	}
	s->unused += p.len;
	if (!answer_content(t, p) || (t->state == TXN_STREAM && !t->down->send(t)))
		return;
	h2_consume(h, id, s->unused);
	s->unused = 0;
}

static void on_trailers(struct h2 *h, int32_t id, void *stream)
{
	struct stream *s = stream;
	const char *why = s && s->t ? h2_trailer_lines(&h->block, &s->t->trailers) : NULL;
	if (why)
		answer_broken(s->t, why);
}

static void on_end(struct h2 *h, int32_t id, void *stream)
{
	struct stream *s = stream;
	struct txn *t = s ? s->t : NULL;
	if (!t)
		return;
	s->ended = true;
	if ((t->state != TXN_BODY && t->state != TXN_STREAM) || (t->rs.counted && t->rs.body_bytes != t->rs.length))
		answer_broken(t, "content doesn't agree with its head");
	else
		answer_end(t);
}

static void on_closed(struct h2 *h, int32_t id, void *stream, uint32_t code)
{
	struct stream *s = stream;
	struct up2 *u = s->u;
	s->closed = true;
	/* Refused: the origin says that it did nothing (RFC 9113 8.7). */
	if (s->t)
		answer_lost(s->t, code == NGHTTP2_REFUSED_STREAM ? LOST_UNTOUCHED : LOST);
	free_stream(s);
	origin_shared(u->o);
}

static void on_refused(struct h2 *h, int32_t id, void *stream, const char *why)
{
	struct stream *s = stream;
	if (s && s->t)
		answer_broken(s->t, why);
}

static void on_said(struct h2 *h, int32_t id, void *stream)
{
}

static size_t on_ready(void *stream, bool *ret_end)
{
	struct stream *s = stream;
	if (!s->t)
		return 0;
	*ret_end = s->t->rq_done;
	return s->t->request.len - s->t->request_sent;
}

static struct str next_piece(void *stream)
{
	struct stream *s = stream;
	struct txn *t = s->t;
	return t ? (struct str){ t->request.ptr + t->request_sent, t->request.len - t->request_sent } : STR("");
}

static void on_sent(void *stream, size_t n)
{
	struct stream *s = stream;
	struct txn *t = s->t;
	if (!t)
		return;
	t->request_sent += n;
	t->bytes_out += n;
	txn_touch(t, WORKER_STALL_MS);
	if (t->request_sent == t->request.len && !t->rq_done)
		s->hungry = s->u->hungry = true;
}

static const struct h2_handler handler = { on_head, on_content, on_trailers, on_end, on_closed, on_refused, on_said, on_ready, next_piece, on_sent, NULL };

static void on_flushed(struct link2 *l)
{
	struct up2 *u = (struct up2 *)(void *)l;
	bool any = u->hungry;
	u->hungry = false;
	for (struct stream *s = any ? u->streams : NULL; s; s = s->next) {
		struct txn *t = s->hungry ? s->t : NULL;
		s->hungry = false;
		if (t && (t->state == TXN_WAIT || t->state == TXN_BODY))
			push(t);
	}
}

static void pause_stream(struct txn *t)
{
	/* Its window closes by itself: what isn't consumed isn't given anew. */
}

static void resume_stream(struct txn *t)
{
	struct stream *s = t->up_stream;
	h2_consume(&s->u->l.h, s->id, s->unused);
	s->unused = 0;
	link2_touch(&s->u->l);
}

static void drop(struct txn *t, bool whole)
{
	struct stream *s = t->up_stream;
	struct up2 *u = s->u;
	bool finished = s->ended && t->rq_done && t->request_sent == t->request.len;
	t->origin = NULL;
	t->up_stream = NULL;
	s->t = NULL;
	u->running--;
	if (s->closed || u->l.dead)
		return;
	if (!finished)
		h2_reset(&u->l.h, s->id, NGHTTP2_CANCEL);
	link2_touch(&u->l);
	origin_shared(u->o);
}

const struct txn_up up2 = { begin, push, pause_stream, resume_stream, drop };

/* ---- the connection ---- */

static void on_io(struct origin *o, int what)
{
	link2_event(&o->h2->l, what);
}

static void on_failed(struct link2 *l, const char *why)
{
	struct up2 *u = (struct up2 *)(void *)l;
	link2_leave(l);
	origin_leave(u->o); /* out of the pool, so that nobody who asks again gets it */
	for (struct stream *s = u->streams; s; s = s->next) {
		s->closed = true;
		if (s->t && why)
			answer_broken(s->t, why);
		else if (s->t)
			answer_lost(s->t, u->o->reused ? LOST_UNSURE : LOST);
	}
	origin_close(u->o);
}

int up2_open(struct origin *o)
{
	struct worker *w = o->org->w;
	struct up2 *u = mem_alloc(sizeof *u);
	const struct h2_opts opts = { .on = &handler, .user = u, .head = &w->head, .now_ms = w->now };
	if (!u)
		return -E_NOMEM;
	u->o = o;
	u->l.flushed = on_flushed;
	u->l.failed = on_failed;
	o->h2 = u;
	o->io = on_io;
	return link2_init(&u->l, w, &o->ch, &opts);
}

bool up2_may_begin(const struct origin *o)
{
	return !o->h2->l.dead && h2_may_request(&o->h2->l.h, o->h2->n);
}

bool up2_idle(const struct origin *o)
{
	return o->h2->running == 0;
}

void up2_leave(struct origin *o)
{
	link2_leave(&o->h2->l);
}

void up2_free(struct origin *o)
{
	struct up2 *u = o->h2;
	if (!u)
		return;
	o->h2 = NULL;
	while (u->streams)
		free_stream(u->streams);
	link2_done(&u->l);
	mem_free(u);
}
