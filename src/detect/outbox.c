/* Findings -> respondd; see outbox.h. Between engine.c and the socket. */
#include "detect/outbox.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "detect/finding.h"
#include "wire/cursor.h"

#include <stdlib.h>

#define WRITING_MAX (1u * 1024 * 1024) /* bytes handed to libuv at once */
#define IN_MAX FINDING_WATCH_MAX       /* bytes of one message from respondd */

struct item {
	struct item *next;
	uint64_t seq;
	size_t len;
	char json[];
};

struct outbox {
	uv_loop_t *loop;
	struct outbox_opts o;
	char *path;
	uv_pipe_t *pipe; /* of the connection or the attempt; NULL: waiting */
	uv_timer_t *timer;
	bool connected;
	uint64_t boot, last, acked;
	struct item *first, **end, *unsent; /* unsent: on this connection */
	size_t bytes;
	struct buf in;
};

struct writing {
	uv_write_t req;
	struct buf out;
};

static void free_handle(uv_handle_t *h)
{
	mem_free(h);
}

static void drop_connection(struct outbox *o)
{
	if (o->pipe) {
		o->pipe->data = NULL;
		uv_close((uv_handle_t *)o->pipe, free_handle);
	}
	o->pipe = NULL;
	o->connected = false;
	o->unsent = o->first;
	buf_reset(&o->in);
}

static void send_more(struct outbox *o);

static void written(uv_write_t *req, int status)
{
	struct writing *w = req->data;
	struct outbox *o = req->handle->data;
	buf_done(&w->out);
	mem_free(w);
	if (!o)
		return;
	if (status < 0)
		drop_connection(o);
	else
		send_more(o);
}

static bool send_message(struct outbox *o, const struct finding_msg *m)
{
	struct writing *w = mem_alloc(sizeof *w);
	struct buf body;
	buf_init(&body, FINDING_MSG_MAX);
	finding_msg_format(m, &body);
	if (w) {
		buf_init(&w->out, FINDING_MSG_MAX + 4);
		wr_u32(&w->out, (uint32_t)body.len);
		buf_str(&w->out, buf_view(&body));
	}
	bool ok = w && !body.failed && !w->out.failed;
	buf_done(&body);
	if (ok) {
		w->req.data = w;
		uv_buf_t b = uv_buf_init(w->out.ptr, (unsigned)w->out.len);
		ok = uv_write(&w->req, (uv_stream_t *)o->pipe, &b, 1, written) == 0;
	}
	if (!ok && w) {
		buf_done(&w->out);
		mem_free(w);
	}
	return ok;
}

static void send_more(struct outbox *o)
{
	while (o->connected && o->unsent && uv_stream_get_write_queue_size((uv_stream_t *)o->pipe) < WRITING_MAX) {
		struct item *i = o->unsent;
		if (!send_message(o, &(struct finding_msg){ .type = FINDING_MSG_FINDING, .number = i->seq, .json = { i->json, i->len } })) {
			drop_connection(o);
			return;
		}
		o->unsent = i->next;
	}
}

static void acknowledge(struct outbox *o, uint64_t seq)
{
	if (seq <= o->acked)
		return;
	while (o->first && o->first->seq <= seq) {
		struct item *i = o->first;
		o->first = i->next;
		if (o->unsent == i)
			o->unsent = i->next;
		o->bytes -= i->len + sizeof *i;
		mem_free(i);
	}
	if (!o->first)
		o->end = &o->first;
	o->acked = seq;
	if (o->o.on_ack)
		o->o.on_ack(seq, o->o.user);
}

/* One whole message at the front of in; false: wait, or the peer talks nonsense (connection dropped). */
static bool take_message(struct outbox *o)
{
	struct finding_msg m;
	if (o->in.len < 4)
		return false;
	struct rd r = rd_from(o->in.ptr, 4);
	uint32_t n = rd_u32(&r);
	if (n <= IN_MAX && o->in.len < 4 + (size_t)n)
		return false;
	/* Nothing but lists and acknowledgements of what was sent comes from there. */
	bool ok = n <= IN_MAX && finding_msg_parse(o->in.ptr + 4, n, &m) == 0 &&
	          (m.type == FINDING_MSG_WATCH || (m.type == FINDING_MSG_ACK && m.number <= o->last));
	if (!ok) {
		drop_connection(o);
		return false;
	}
	if (m.type == FINDING_MSG_WATCH && o->o.on_watch)
		o->o.on_watch(m.json, o->o.user);
	buf_drop(&o->in, 4 + (size_t)n);
	if (m.type == FINDING_MSG_ACK)
		acknowledge(o, m.number);
	return true;
}

static void alloc_in(uv_handle_t *h, size_t suggested, uv_buf_t *b)
{
	struct outbox *o = h->data;
	bool ok = o && buf_room(&o->in, 4096);
	*b = uv_buf_init(ok ? o->in.ptr + o->in.len : NULL, ok ? 4096 : 0);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct outbox *o = s->data;
	if (!o || n == 0)
		return;
	if (n < 0) {
		drop_connection(o);
		return;
	}
	o->in.len += (size_t)n;
	while (o->pipe && take_message(o))
		;
}

static void on_connect(uv_connect_t *req, int status)
{
	struct outbox *o = req->handle->data;
	mem_free(req);
	if (!o)
		return;
	o->connected = status == 0;
	if (status < 0 || !send_message(o, &(struct finding_msg){ .type = FINDING_MSG_HELLO, .number = o->boot }) ||
	    uv_read_start((uv_stream_t *)o->pipe, alloc_in, on_read) < 0) {
		drop_connection(o);
		return;
	}
	o->unsent = o->first;
	send_more(o);
}

static void try_connect(uv_timer_t *t)
{
	struct outbox *o = t->data;
	if (o->pipe)
		return;
	uv_connect_t *req = mem_alloc(sizeof *req);
	o->pipe = mem_alloc(sizeof *o->pipe);
	if (!req || !o->pipe || uv_pipe_init(o->loop, o->pipe, 0) < 0) {
		mem_free(req);
		mem_free(o->pipe);
		o->pipe = NULL;
		return;
	}
	o->pipe->data = o;
	uv_pipe_connect(req, o->pipe, o->path, on_connect); /* failures come to on_connect too */
}

int outbox_open(uv_loop_t *loop, const struct outbox_opts *opts, struct outbox **ret, struct err *err)
{
	struct outbox *o = mem_alloc(sizeof *o);
	if (!o)
		return err_set(err, E_NOMEM, "", "no memory");
	o->loop = loop;
	o->o = *opts;
	o->end = &o->first;
	o->path = mem_strdup(opts->path);
	o->timer = mem_alloc(sizeof *o->timer);
	o->boot = rnd_u64();
	buf_init(&o->in, IN_MAX + 8 * KIB);
	if (!o->path || !o->timer || uv_timer_init(loop, o->timer) < 0) {
		mem_free(o->path);
		mem_free(o->timer);
		mem_free(o);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	o->timer->data = o;
	uint64_t retry = (uint64_t)(opts->retry_ms ? opts->retry_ms : 300);
	uv_timer_start(o->timer, try_connect, 0, retry);
	*ret = o;
	return 0;
}

void outbox_close(struct outbox **op)
{
	struct outbox *o = *op;
	if (!o)
		return;
	drop_connection(o);
	uv_close((uv_handle_t *)o->timer, free_handle);
	while (o->first) {
		struct item *i = o->first;
		o->first = i->next;
		mem_free(i);
	}
	buf_done(&o->in);
	mem_free(o->path);
	mem_free(o);
	*op = NULL;
}

int outbox_put(struct outbox *o, struct str json, uint64_t *ret_seq)
{
	if (json.len > FINDING_JSON_MAX)
		return -E_LIMIT;
	struct item *i = mem_alloc(sizeof *i + json.len);
	if (!i)
		return -E_NOMEM;
	i->seq = ++o->last;
	i->len = json.len;
	memcpy(i->json, json.ptr, json.len);
	*o->end = i;
	o->end = &i->next;
	o->bytes += json.len + sizeof *i;
	if (!o->unsent)
		o->unsent = i;
	*ret_seq = i->seq;
	send_more(o);
	return 0;
}

bool outbox_full(const struct outbox *o)
{
	return o->bytes >= OUTBOX_BYTES;
}

uint64_t outbox_last(const struct outbox *o)
{
	return o->last;
}

uint64_t outbox_acked(const struct outbox *o)
{
	return o->acked;
}
