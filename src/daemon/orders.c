/* See orders.h. A peer has one order under way; its frame is exactly ORDER_SIZE, anything else ends the connection. */
#include "daemon/orders.h"

#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <stdio.h>

#define PEERS 32
#define FRAME (4 + ORDER_SIZE)

struct peer {
	uv_pipe_t pipe;
	struct orders *owner;
	struct peer *next;
	uint64_t id; /* never used twice: a late answer finds its peer or nobody */
	uid_t uid;
	size_t got;
	bool busy;
	unsigned char in[FRAME];
	unsigned char out[4 + ORDER_REPLY_SIZE];
	uv_write_t write;
};

struct orders {
	struct orders_opts o;
	uv_pipe_t listener;
	struct peer *peers;
	size_t n;
	uint64_t last_id;
};

struct pending {
	struct orders *orders;
	uint64_t peer;
};

/* May this user send this order? Root all; controld all but blocks, lines and which node of a pair this is; respondd only blocks, probed lines,
 * paird the pair, and blocks while this node stands by. */
static bool allowed(uid_t uid, uint8_t op)
{
	bool block = op == ORDER_BLOCK_ADD || op == ORDER_BLOCK_REMOVE;
	bool lines = op == ORDER_LINES, edge = op == ORDER_EDGE, pair = op == ORDER_PAIR;
	return uid == 0 || (uid == USER_CONTROL && !block && !lines && !edge && !pair) || (uid == USER_RESPOND && block) ||
	       (uid == USER_PROBE && lines) || (uid == USER_ACME && edge) ||
	       (uid == USER_PAIR && (pair || (block && strcmp(apply_pair(), "standby") == 0)));
}

static void peer_free(uv_handle_t *h)
{
	struct peer *p = h->data, **at = &p->owner->peers;
	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	p->owner->n--;
	mem_free(p);
}

static void drop(struct peer *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->pipe))
		uv_close((uv_handle_t *)&p->pipe, peer_free);
}

static void written(uv_write_t *w, int status)
{
	struct peer *p = w->data;
	p->busy = false;
	if (status < 0)
		drop(p);
}

static void answer(struct peer *p, const struct order_reply *reply)
{
	static const unsigned char head[4] = { 0, 0, ORDER_REPLY_SIZE >> 8, ORDER_REPLY_SIZE & 0xff };
	memcpy(p->out, head, 4);
	if (order_reply_format(reply, p->out + 4) < 0) {
		struct order_reply plain = { .code = reply->code ? reply->code : E_INVALID, .text = "the answer can't be put into words" };
		order_reply_format(&plain, p->out + 4);
	}
	uv_buf_t b = uv_buf_init((char *)p->out, sizeof p->out);
	p->write.data = p;
	if (uv_write(&p->write, (uv_stream_t *)&p->pipe, &b, 1, written) < 0)
		drop(p);
}

static void one_line(char *text)
{
	for (; *text; text++)
		if (*text == '\n' || *text == '\r')
			*text = ' ';
}

static void refuse(struct peer *p, const struct err *err)
{
	struct order_reply r = { .code = (uint8_t)(err->code ? err->code : E_IO) };
	snprintf(r.path, sizeof r.path, "%.127s", err->path);
	snprintf(r.text, sizeof r.text, "%.511s", err->msg);
	one_line(r.path);
	one_line(r.text);
	answer(p, &r);
}

static void done(const struct order_reply *reply, void *user)
{
	struct pending *w = user;
	for (struct peer *p = w->orders->peers; p; p = p->next)
		if (p->id == w->peer && !uv_is_closing((uv_handle_t *)&p->pipe))
			answer(p, reply);
	mem_free(w);
}

static int give_to_apply(struct peer *p, const struct order *order, struct err *err)
{
	struct orders *o = p->owner;
	if (!o->o.apply)
		return err_set(err, E_STATE, "apply", "%.400s", o->o.why ? o->o.why : "not there");
	struct pending *w = mem_alloc(sizeof *w);
	if (!w)
		return err_set(err, E_NOMEM, "", "no memory");
	*w = (struct pending){ o, p->id };
	int r = apply_order(o->o.apply, o->o.loop, order, done, w, err);
	if (r < 0)
		mem_free(w);
	return r;
}

static void status(struct peer *p)
{
	struct err err = { 0 };
	struct order_reply r = { 0 };
	if (p->owner->o.status(r.text, sizeof r.text, p->owner->o.user, &err) < 0)
		refuse(p, &err);
	else
		answer(p, &r);
}

static void carry_out(struct peer *p)
{
	struct order order;
	struct err err = { 0 };
	p->got = 0;
	p->busy = true;
	if (order_parse(p->in + 4, ORDER_SIZE, &order) < 0) {
		err_set(&err, E_INVALID, "order", "malformed");
		refuse(p, &err);
	} else if (!allowed(p->uid, order.op)) {
		log_warn("", "order", "uid %u may not send order %u", (unsigned)p->uid, order.op);
		err_set(&err, E_DENIED, "order", "not yours to order");
		refuse(p, &err);
	} else if (order.op == ORDER_STATUS) {
		status(p);
	} else if (give_to_apply(p, &order, &err) < 0) {
		refuse(p, &err);
	}
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct peer *p = h->data;
	(void)hint;
	*b = uv_buf_init((char *)p->in + p->got, (unsigned)(FRAME - p->got));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	static const unsigned char head[4] = { 0, 0, ORDER_SIZE >> 8, ORDER_SIZE & 0xff };
	struct peer *p = s->data;
	(void)b;
	if (n == 0)
		return;
	if (n < 0 || p->busy) { /* a second order before the answer to the first is nobody of ours */
		drop(p);
		return;
	}
	p->got += (size_t)n;
	if (memcmp(p->in, head, p->got < 4 ? p->got : 4) != 0) {
		log_warn("", "order", "malformed frame of uid %u: connection closed", (unsigned)p->uid);
		drop(p);
	} else if (p->got == FRAME) {
		carry_out(p);
	}
}

static void on_connect(uv_stream_t *server, int status_code)
{
	struct orders *o = server->data;
	uv_os_fd_t fd;
	struct peer *p = status_code < 0 ? NULL : mem_alloc(sizeof *p);
	if (!p)
		return;
	p->owner = o;
	p->id = ++o->last_id;
	p->next = o->peers;
	o->peers = p;
	o->n++;
	uv_pipe_init(o->o.loop, &p->pipe, 0);
	p->pipe.data = p;
	if (uv_accept(server, (uv_stream_t *)&p->pipe) < 0 || uv_fileno((uv_handle_t *)&p->pipe, &fd) < 0 ||
	    sock_peer(fd, NULL, &p->uid) < 0) {
		drop(p);
	} else if (o->n > PEERS || !jail_peer_allowed(SOCK_TORIDED, p->uid)) {
		log_warn("", SOCK_TORIDED, "uid %u may not connect", (unsigned)p->uid);
		drop(p);
	} else {
		uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read);
	}
}

int orders_open(const struct orders_opts *opts, struct orders **ret, struct err *err)
{
	struct orders *o = mem_alloc(sizeof *o);
	if (!o)
		return err_set(err, E_NOMEM, "", "no memory");
	o->o = *opts;
	uv_pipe_init(opts->loop, &o->listener, 0);
	o->listener.data = o;
	if (uv_pipe_open(&o->listener, opts->fd) < 0 || uv_listen((uv_stream_t *)&o->listener, 64, on_connect) < 0) {
		orders_close(&o);
		return err_set(err, E_IO, SOCK_TORIDED, "cannot listen");
	}
	*ret = o;
	return 0;
}

void orders_close(struct orders **o)
{
	if (!*o)
		return;
	for (struct peer *p = (*o)->peers; p; p = p->next)
		drop(p);
	uv_close((uv_handle_t *)&(*o)->listener, NULL);
	uv_run((*o)->o.loop, UV_RUN_NOWAIT); /* the peers look at their owner when they close */
	mem_free(*o);
	*o = NULL;
}
