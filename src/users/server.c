/* See server.h. */
#include "users/server.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/sock.h"

#include <openssl/crypto.h>

#define PEERS_MAX 8

struct peer {
	uv_pipe_t pipe;
	struct users_server *s;
	struct buf in;
	uint64_t number;
	char room[16384];
};

struct users_server {
	struct users_server_opts o;
	uv_pipe_t listener;
	struct peer *peers[PEERS_MAX];
	uint64_t numbers;
};

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	OPENSSL_cleanse(p->room, sizeof p->room);
	buf_wipe(&p->in);
	mem_free(p);
}

static void peer_drop(struct peer *p)
{
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (p->s->peers[i] == p)
			p->s->peers[i] = NULL;
	if (!uv_is_closing((uv_handle_t *)&p->pipe))
		uv_close((uv_handle_t *)&p->pipe, peer_closed);
}

/* ---- out ---- */

struct write {
	uv_write_t rq;
	struct buf b;
};

static void on_written(uv_write_t *w, int status)
{
	struct write *x = (struct write *)(void *)w;
	(void)status; /* reading ends too then */
	buf_done(&x->b);
	mem_free(x);
}

void users_server_answer(struct users_server *s, uint64_t peer, const struct users_answer *a)
{
	struct peer *p = NULL;
	for (size_t i = 0; i < PEERS_MAX; i++)
		if (s->peers[i] && s->peers[i]->number == peer)
			p = s->peers[i];
	struct write *w = p ? mem_alloc(sizeof *w) : NULL;
	if (!w)
		return;
	buf_init(&w->b, USERS_MESSAGE_MAX);
	wr_u32(&w->b, 0);
	users_answer_write(&w->b, a);
	wr_length(&w->b, 0);
	uv_buf_t v = uv_buf_init(w->b.ptr, (unsigned)w->b.len);
	if (w->b.failed || uv_write(&w->rq, (uv_stream_t *)&p->pipe, &v, 1, on_written) < 0) {
		on_written(&w->rq, 0);
		peer_drop(p);
	}
}

/* ---- in ---- */

static void take_messages(struct peer *p)
{
	while (p->in.len >= 4) {
		struct rd r = rd_from(p->in.ptr, p->in.len);
		uint32_t n = rd_u32(&r);
		struct users_request rq;
		if (n > USERS_REQUEST_MAX) {
			peer_drop(p);
			return;
		}
		if (p->in.len - 4 < n)
			return;
		if (users_request_read(p->in.ptr + 4, n, &rq) < 0) {
			peer_drop(p);
			return;
		}
		OPENSSL_cleanse(p->in.ptr, 4 + (size_t)n);
		buf_drop(&p->in, 4 + (size_t)n);
		p->s->o.question(p->number, &rq, p->s->o.user);
		users_request_wipe(&rq);
		if (uv_is_closing((uv_handle_t *)&p->pipe))
			return;
	}
}

static void on_room(uv_handle_t *h, size_t want, uv_buf_t *b)
{
	struct peer *p = h->data;
	*b = uv_buf_init(p->room, sizeof p->room);
}

static void on_bytes(uv_stream_t *h, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = h->data;
	if (n > 0)
		buf_put(&p->in, b->base, (size_t)n);
	OPENSSL_cleanse(p->room, sizeof p->room);
	if (n < 0 || p->in.failed)
		peer_drop(p);
	else
		take_messages(p);
}

static void on_peer(uv_stream_t *h, int status)
{
	struct users_server *s = h->data;
	struct peer *p = mem_alloc(sizeof *p);
	uid_t uid;
	int fd, slot = 0;
	if (!p)
		return;
	uv_pipe_init(s->o.loop, &p->pipe, 0);
	p->s = s;
	p->pipe.data = p;
	p->number = ++s->numbers;
	buf_init(&p->in, 2 * USERS_REQUEST_MAX);
	while (slot < PEERS_MAX && s->peers[slot])
		slot++;
	if (uv_accept(h, (uv_stream_t *)&p->pipe) != 0 || slot == PEERS_MAX || uv_fileno((uv_handle_t *)&p->pipe, &fd) != 0 ||
	    sock_peer(fd, NULL, &uid) < 0 || !s->o.allowed(uid)) {
		peer_drop(p);
		return;
	}
	s->peers[slot] = p;
	uv_read_start((uv_stream_t *)&p->pipe, on_room, on_bytes);
}

int users_server_open(const char *socket_path, const struct users_server_opts *o, struct users_server **ret, struct err *err)
{
	int fd = -1;
	int r = sock_listen(socket_path, 0660, &fd, err);
	if (r < 0)
		return r;
	struct users_server *s = mem_alloc(sizeof *s);
	if (!s || uv_pipe_init(o->loop, &s->listener, 0) != 0 || uv_pipe_open(&s->listener, fd) != 0)
		return err_set(err, E_IO, socket_path, "cannot listen");
	s->o = *o;
	s->listener.data = s;
	*ret = s;
	return uv_listen((uv_stream_t *)&s->listener, 16, on_peer) == 0 ? 0 : err_set(err, E_IO, socket_path, "cannot listen");
}
