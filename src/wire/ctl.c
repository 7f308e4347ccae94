/* See ctl.h. */
#include "wire/ctl.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/sock.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

struct str ctl_str(yyjson_val *obj, const char *key)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ NULL, 0 };
}

uint64_t ctl_u64(yyjson_val *obj, const char *key, uint64_t def)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_uint(v) ? yyjson_get_uint(v) : def;
}

bool ctl_bool(yyjson_val *obj, const char *key, bool def)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_bool(v) ? yyjson_get_bool(v) : def;
}

/* ---- client ---- */

#define GONE_MS 100

static int read_line(int fd, struct buf *b, int timeout_ms, bool (*gone)(void *user), void *user, struct err *err)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	for (;;) {
		int64_t left = until - clock_mono_ms();
		struct pollfd p = { fd, POLLIN, 0 };
		if (gone && gone(user))
			return err_set(err, E_CLOSED, "", "nobody waits for the answer any more");
		if (gone && left > GONE_MS && poll(&p, 1, GONE_MS) == 0)
			continue;
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return err_set(err, E_TIMEOUT, "", "no answer within %d ms", timeout_ms);
		if (!buf_room(b, 64 * KIB))
			return err_set(err, (enum err_code)-b->failed, "", "the answer is too large");
		ssize_t n = recv(fd, b->ptr + b->len, 64 * KIB, 0);
		if (n <= 0)
			return err_set(err, E_CLOSED, "", "the peer closed the connection");
		b->len += (size_t)n;
		if (b->ptr[b->len - 1] == '\n') {
			b->len--;
			return 0;
		}
	}
}

static enum err_code code_of(struct str name)
{
	for (int c = E_INVALID; c <= E_AGAIN; c++)
		if (str_eq(name, str_from(err_name(c))))
			return (enum err_code)c;
	return E_IO;
}

static int check_answer(struct str line, struct err *err)
{
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc);
	int r = 0;
	if (!yyjson_is_obj(root) || ctl_u64(root, "v", 0) != CTL_VERSION) {
		r = err_set(err, E_INVALID, "", "the answer isn't of this protocol version");
	} else if (!ctl_bool(root, "ok", false)) {
		struct str msg = ctl_str(root, "error"), path = ctl_str(root, "path");
		char where[256];
		snprintf(where, sizeof where, STR_FMT, STR_ARG(path));
		r = err_set(err, code_of(ctl_str(root, "code")), where, STR_FMT, STR_ARG(msg));
	}
	yyjson_doc_free(doc);
	return r;
}

static int send_all(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);
		if (n <= 0)
			return -E_CLOSED;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return 0;
}

int ctl_call(const char *socket_path, struct str request, struct buf *reply, int timeout_ms, struct err *err)
{
	return ctl_call_unless(socket_path, request, reply, timeout_ms, NULL, NULL, err);
}

int ctl_call_unless(const char *socket_path, struct str request, struct buf *reply, int timeout_ms, bool (*gone)(void *user), void *user, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	int r = sock_connect(socket_path, timeout_ms < 3000 ? timeout_ms : 3000, &fd, err);
	if (r < 0)
		return r;
	if (send_all(fd, request) < 0 || send_all(fd, STR("\n")) < 0)
		return err_set(err, E_CLOSED, socket_path, "the peer closed the connection");
	buf_reset(reply);
	r = read_line(fd, reply, timeout_ms, gone, user, err);
	return r < 0 ? r : check_answer(buf_view(reply), err);
}

bool ctl_hung_up(int fd)
{
	struct pollfd f = { fd, 0, 0 };
	return poll(&f, 1, 0) > 0 && f.revents & (POLLHUP | POLLERR | POLLNVAL);
}

/* ---- server ---- */

struct peer {
	uv_pipe_t pipe;
	struct ctl_server *server;
	struct peer *next;
	uint64_t id;
	uid_t uid;
	struct buf in;
	size_t seen;  /* bytes of in that hold no newline */
	bool waiting; /* a late answer is due: further requests wait */
	bool ended;   /* it asks nothing more; what is due it still gets */
};

struct ctl_server {
	uv_pipe_t listener;
	ctl_handler handler;
	void *user;
	struct peer *peers;
	uint64_t next_id;
	int open_handles;
};

struct out {
	uv_write_t req;
	struct peer *to;
	struct buf b;
};

static void server_free_if_idle(struct ctl_server *s)
{
	if (--s->open_handles == 0)
		mem_free(s);
}

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct ctl_server *s = p->server;
	buf_done(&p->in);
	mem_free(p);
	server_free_if_idle(s);
}

static void peer_drop(struct peer *p)
{
	if (uv_is_closing((uv_handle_t *)&p->pipe))
		return;
	for (struct peer **q = &p->server->peers; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			break;
		}
	uv_close((uv_handle_t *)&p->pipe, peer_closed);
}

static void drop_if_served(struct peer *p)
{
	if (p->ended && !p->waiting && uv_stream_get_write_queue_size((uv_stream_t *)&p->pipe) == 0)
		peer_drop(p);
}

static void wrote(uv_write_t *req, int status)
{
	struct out *o = req->data;
	if (status < 0)
		peer_drop(o->to);
	else
		drop_if_served(o->to);
	buf_done(&o->b);
	mem_free(o);
}

static void answer_start(struct buf *b, bool ok)
{
	buf_init(b, CTL_MAX);
	buf_puts(b, ok ? "{\"v\":1,\"ok\":true" : "{\"v\":1,\"ok\":false");
}

static void answer_error(struct buf *b, const struct err *err)
{
	buf_done(b);
	answer_start(b, false);
	json_field_s(b, "code", err_name(err->code));
	json_field_s(b, "path", err->path);
	json_field_s(b, "error", err->msg);
}

static void answer_send(struct peer *p, struct buf *b)
{
	static const struct err too_large = { E_LIMIT, "", "the answer is too large" };
	if (b->failed)
		answer_error(b, &too_large);
	buf_puts(b, "}\n");
	struct out *o = mem_alloc(sizeof *o);
	if (!o) {
		buf_done(b);
		peer_drop(p);
		return;
	}
	o->b = *b;
	o->to = p;
	o->req.data = o;
	uv_buf_t v = uv_buf_init(o->b.ptr, (unsigned)o->b.len);
	if (uv_write(&o->req, (uv_stream_t *)&p->pipe, &v, 1, wrote) < 0)
		wrote(&o->req, -1);
}

static int handle(struct peer *p, struct str line, struct buf *b, struct err *err)
{
	yyjson_read_err je;
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)line.ptr, line.len, 0, NULL, &je);
	if (!doc)
		return err_set(err, E_INVALID, "", "not JSON: %s at byte %zu", je.msg, je.pos);
	struct ctl_request rq = { p->uid, yyjson_doc_get_root(doc), p->id };
	struct str what = ctl_str(rq.root, "do");
	char name[64];
	int r;
	if (ctl_u64(rq.root, "v", 0) != CTL_VERSION)
		r = err_set(err, E_INVALID, "v", "this is protocol version %d", CTL_VERSION);
	else if (!what.ptr || !str_copy(what, name, sizeof name))
		r = err_set(err, E_INVALID, "do", "missing or not a word");
	else
		r = p->server->handler(&rq, name, b, p->server->user, err);
	yyjson_doc_free(doc);
	return r;
}

static void take_line(struct peer *p, struct str line)
{
	struct err err = { 0 };
	struct buf b;
	answer_start(&b, true);
	int r = handle(p, line, &b, &err);
	if (r == -E_AGAIN) {
		p->waiting = true;
		buf_done(&b);
		return;
	}
	if (r < 0)
		answer_error(&b, &err);
	answer_send(p, &b);
}

static void take_lines(struct peer *p)
{
	while (!p->waiting && p->in.len && !uv_is_closing((uv_handle_t *)&p->pipe)) {
		char *nl = memchr(p->in.ptr + p->seen, '\n', p->in.len - p->seen);
		p->seen = nl ? 0 : p->in.len;
		if (!nl)
			return;
		size_t n = (size_t)(nl - p->in.ptr);
		take_line(p, (struct str){ p->in.ptr, n });
		buf_drop(&p->in, n + 1);
	}
}

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct peer *p = h->data;
	(void)suggested;
	size_t room = p->in.len < 256 * KIB ? 16 * KIB : 256 * KIB;
	*out = buf_room(&p->in, room) ? uv_buf_init(p->in.ptr + p->in.len, (unsigned)room) : uv_buf_init(NULL, 0);
}

static void got_bytes(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = st->data;
	(void)b;
	if (n == UV_EOF) { /* it may have closed its side only */
		uv_read_stop(st);
		p->ended = true;
		drop_if_served(p);
		return;
	}
	if (n < 0) {
		peer_drop(p);
		return;
	}
	p->in.len += (size_t)n;
	take_lines(p);
}

static void accept_peer(uv_stream_t *st, int status)
{
	struct ctl_server *s = st->data;
	struct peer *p = status < 0 ? NULL : mem_alloc(sizeof *p);
	if (!p)
		return;
	uv_pipe_init(st->loop, &p->pipe, 0);
	p->pipe.data = p;
	p->server = s;
	p->id = ++s->next_id;
	buf_init(&p->in, 0); /* its ceiling comes with its user */
	s->open_handles++;
	p->next = s->peers;
	s->peers = p;
	int fd;
	if (uv_accept(st, (uv_stream_t *)&p->pipe) < 0 || uv_fileno((uv_handle_t *)&p->pipe, &fd) < 0 ||
	    sock_peer(fd, NULL, &p->uid) < 0 || uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes) < 0)
		peer_drop(p);
	p->in.max = p->uid == 0 ? CTL_REQUEST_MAX : CTL_MAX;
}

int ctl_listen(uv_loop_t *loop, const char *socket_path, mode_t mode, ctl_handler handler, void *user,
               struct ctl_server **ret, struct err *err)
{
	int fd, r = sock_listen(socket_path, mode, &fd, err);
	if (r < 0)
		return r;
	struct ctl_server *s = mem_alloc(sizeof *s);
	if (!s) {
		close(fd);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	*s = (struct ctl_server){ .handler = handler, .user = user, .open_handles = 1 };
	uv_pipe_init(loop, &s->listener, 0);
	s->listener.data = s;
	if (uv_pipe_open(&s->listener, fd) < 0 || uv_listen((uv_stream_t *)&s->listener, 128, accept_peer) < 0) {
		ctl_close(&s);
		return err_set(err, E_IO, socket_path, "cannot listen");
	}
	*ret = s;
	return 0;
}

static void listener_closed(uv_handle_t *h)
{
	server_free_if_idle(h->data);
}

void ctl_close(struct ctl_server **s)
{
	if (!*s)
		return;
	while ((*s)->peers)
		peer_drop((*s)->peers);
	uv_close((uv_handle_t *)&(*s)->listener, listener_closed);
	*s = NULL;
}

void ctl_reply(struct ctl_server *s, uint64_t peer, struct str fields, const struct err *err)
{
	struct peer *p = s->peers;
	while (p && p->id != peer)
		p = p->next;
	if (!p || !p->waiting)
		return;
	struct buf b;
	answer_start(&b, true);
	buf_str(&b, fields);
	if (err && err->code)
		answer_error(&b, err);
	p->waiting = false;
	answer_send(p, &b);
	take_lines(p);
}

bool ctl_gone(const struct ctl_server *s, uint64_t peer)
{
	const struct peer *p = s->peers;
	while (p && p->id != peer)
		p = p->next;
	int fd;
	return !p || uv_fileno((const uv_handle_t *)&p->pipe, &fd) < 0 || ctl_hung_up(fd);
}
