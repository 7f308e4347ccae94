/* See fetch.h. */
#include "proxy/fetch.h"

#include "base/err.h"
#include "base/mem.h"

#include <stdio.h>

static void stop(struct fetch *f)
{
	struct origin *o = f->o;
	f->o = NULL;
	f->running = false;
	origin_close(o);
}

void fetch_end(struct fetch *f)
{
	stop(f);
	buf_done(&f->request);
	buf_done(&f->body);
}

static void finish(struct fetch *f, int code)
{
	stop(f);
	f->done(f, code, f->user);
}

/* False: it is over, and f perhaps gone. */
static bool feed(struct fetch *f, const char *p, size_t n)
{
	while (n && !f->rs.done) {
		long k = http_feed(&f->rs, p, n);
		if (k >= 0)
			buf_put(&f->body, f->rs.body.ptr, f->rs.body.len);
		if (k < 0 || f->body.failed) {
			finish(f, k < 0 ? -E_INVALID : -E_LIMIT);
			return false;
		}
		p += k;
		n -= (size_t)k;
	}
	if (!f->rs.done)
		return true;
	finish(f, 0);
	return false;
}

/* True: the head is there, and so is more to read. */
static bool take_head(struct fetch *f)
{
	struct buf *in = &f->o->in;
	struct http_head *h = &f->w->head;
	const char *why;
	long end = http_head_end(in->ptr, in->len, 0);
	if (end == 0)
		return true;
	if (end < 0 || http_parse_response(&f->rs, in->ptr, (size_t)end, f->method, h, &why) < 0 || h->status != 200 || http_get(h, H_CONTENT_ENCODING).ptr) {
		finish(f, -E_INVALID);
		return false;
	}
	f->head = true;
	if (f->rs.done) { /* nothing is in it */
		finish(f, 0);
		return false;
	}
	struct buf rest = *in;
	buf_init(in, rest.max);
	bool on = feed(f, rest.ptr + end, rest.len - (size_t)end);
	buf_done(&rest);
	return on;
}

static bool read_some(struct fetch *f)
{
	struct buf *in = &f->o->in;
	char *room = f->head ? f->w->rbuf : buf_room(in, 16384) ? in->ptr + in->len : NULL;
	long n = room ? chan_read(&f->o->ch, room, f->head ? WORKER_READ : 16384) : -E_LIMIT;
	if (n == -E_AGAIN)
		return false;
	if (n <= 0) {
		finish(f, n == 0 && f->head && http_feed_end(&f->rs) == 0 ? 0 : -E_CLOSED);
		return false;
	}
	if (f->head)
		return feed(f, room, (size_t)n);
	in->len += (size_t)n;
	return take_head(f);
}

static void on_io(struct origin *o, int what)
{
	struct fetch *f = o->user;
	while ((what & CHAN_READABLE) && read_some(f))
		;
}

static void on_ready(struct origin *o, void *user)
{
	struct fetch *f = user;
	f->o = o->fail ? NULL : o; /* else it closes itself */
	if (o->fail) {
		finish(f, -E_CLOSED);
		return;
	}
	o->io = on_io;
	o->user = f;
	/* It fits into an empty socket. */
	if (chan_write(&o->ch, f->request.ptr, f->request.len) != (long)f->request.len)
		finish(f, -E_CLOSED);
}

static void format(struct fetch *f, const struct fetch_opts *o, const struct url_query *q)
{
	buf_init(&f->request, 16 * KIB);
	buf_printf(&f->request, "%s " STR_FMT " HTTP/1.1\r\nHost: " STR_FMT, o->post.ptr ? "POST" : "GET", STR_ARG(q->path.len ? q->path : STR("/")), STR_ARG(q->host));
	if (q->port && q->port != 80)
		buf_printf(&f->request, ":%u", q->port);
	buf_puts(&f->request, "\r\nConnection: close\r\n");
	if (o->post.ptr)
		buf_printf(&f->request, "Content-Type: " STR_FMT "\r\nContent-Length: %zu\r\n", STR_ARG(o->type), o->post.len);
	buf_puts(&f->request, "\r\n");
	buf_put(&f->request, o->post.ptr, o->post.len);
}

int fetch_begin(struct fetch *f, const struct fetch_opts *o)
{
	struct worker *w = o->org->w;
	struct url_query q = { 0 };
	char host[256];
	bool now;
	if (!o->org->conf || url_split(str_from(o->url), &q) < 0 || !str_case_eq(q.scheme, STR("http")) || url_host_normalise(q.host, host) < 0)
		return -E_INVALID;
	if (!conf_http_port_allowed(w->conf, q.port ? q.port : 80))
		return -E_DENIED;
	fetch_end(f);
	*f = (struct fetch){ .w = w, .method = o->post.ptr ? HTTP_POST : HTTP_GET, .running = true, .deadline = w->now + o->ms, .done = o->done, .user = o->user };
	buf_init(&f->body, o->max);
	format(f, o, &q);
	struct origin_want want = { .host = host, .port = q.port ? q.port : 80, .fresh = true, .terminal = o->terminal, .ready = on_ready, .user = f };
	if (f->request.failed || origin_get(o->org, &want, &f->o, &now) < 0) {
		fetch_end(f);
		return -E_NOMEM;
	}
	return 0; /* f may be gone by now */
}

void fetch_tick(struct fetch *f)
{
	if (!f->running)
		return;
	if (f->w->now >= f->deadline)
		finish(f, -E_TIMEOUT);
	else if (f->o && !f->head)
		origin_tick(f->o);
}
