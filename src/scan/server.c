/* See server.h. libuv's pipes can't receive a descriptor of a plain file, so peers are polled and read with recvmsg. */
#include "scan/server.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/sock.h"

#include <errno.h>
#include <sys/socket.h>

#define MAX_PEERS 256
#define FDS 16             /* descriptors that may wait for their message */
#define BACKLOG (256 * KIB) /* unread answers of one peer */

struct peer;
struct ask {
	struct ask *next;
	struct peer *peer;
	struct broker_job *job;
	uint64_t id;
};

struct peer {
	struct peer *next;
	struct verdict_server *s;
	uv_poll_t poll;
	int fd;
	struct buf in, out;
	int fds[FDS];
	size_t n_fds;
	struct ask *asks;
	size_t n_asks;
	bool closing;
};

struct verdict_server {
	uv_loop_t *loop;
	uv_poll_t listen;
	int listen_fd;
	struct broker *broker;
	bool (*allowed)(uid_t uid);
	struct peer *peers;
	size_t n_peers, max_open, handles;
	uint64_t cut;
	bool closed;
};

static void on_peer(uv_poll_t *h, int status, int events);

static void free_if_last(struct verdict_server *s)
{
	if (s->closed && s->handles == 0)
		mem_free(s);
}

/* ---- a peer's end ---- */

static void peer_free(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct verdict_server *s = p->s;
	close(p->fd);
	buf_done(&p->in);
	buf_done(&p->out);
	mem_free(p);
	s->handles--;
	free_if_last(s);
}

static void peer_drop(struct peer *p)
{
	if (p->closing)
		return;
	p->closing = true;
	while (p->asks) {
		struct ask *a = p->asks;
		p->asks = a->next;
		broker_cancel(a->job);
		mem_free(a);
	}
	for (size_t i = 0; i < p->n_fds; i++)
		close(p->fds[i]);
	struct peer **at = &p->s->peers;
	while (*at != p)
		at = &(*at)->next;
	*at = p->next;
	p->s->n_peers--;
	uv_close((uv_handle_t *)&p->poll, peer_free);
}

/* ---- out ---- */

static void flush(struct peer *p)
{
	while (p->out.len) {
		ssize_t n = send(p->fd, p->out.ptr, p->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			peer_drop(p);
			return;
		}
		buf_drop(&p->out, (size_t)n);
	}
	uv_poll_start(&p->poll, UV_READABLE | (p->out.len ? UV_WRITABLE : 0), on_peer);
}

static void answer(struct peer *p, uint64_t id, const struct verdict *v)
{
	struct buf b;
	if (p->closing)
		return;
	buf_init(&b, VERDICT_MESSAGE_MAX);
	verdict_answer_write(&b, id, v);
	wr_u32(&p->out, (uint32_t)b.len);
	buf_str(&p->out, buf_view(&b));
	bool bad = b.failed || p->out.failed;
	buf_done(&b);
	if (bad) { /* it asks and doesn't read */
		p->s->cut++;
		peer_drop(p);
		return;
	}
	flush(p);
}

static void on_verdict(uint64_t id, const struct verdict *v, void *user)
{
	struct ask *a = user;
	struct peer *p = a->peer;
	struct ask **at = &p->asks;
	while (*at != a)
		at = &(*at)->next;
	*at = a->next;
	p->n_asks--;
	mem_free(a);
	answer(p, id, v);
}

/* ---- in ---- */

static int take_fd(struct peer *p)
{
	int fd = p->n_fds ? p->fds[0] : -1;
	if (fd >= 0)
		memmove(p->fds, p->fds + 1, --p->n_fds * sizeof *p->fds);
	return fd;
}

static void refuse(struct peer *p, uint64_t id, int fd, const char *why)
{
	struct verdict v = { .kind = VERDICT_ERROR, .also = VERDICT_BIT(VERDICT_ERROR) };
	memcpy(v.malware, why, strlen(why));
	close(fd);
	answer(p, id, &v);
}

/* False: the peer broke the protocol. */
static bool scan(struct peer *p, const struct verdict_request *rq)
{
	struct verdict v;
	int fd = take_fd(p);
	if (fd < 0)
		return false;
	struct ask *a = p->n_asks < p->s->max_open ? mem_alloc(sizeof *a) : NULL;
	if (!a) {
		refuse(p, rq->id, fd, "busy");
		return true;
	}
	a->peer = p;
	a->id = rq->id;
	a->job = broker_submit(p->s->broker, rq, fd, on_verdict, a, &v);
	if (!a->job) {
		mem_free(a);
		answer(p, rq->id, &v);
		return true;
	}
	a->next = p->asks;
	p->asks = a;
	p->n_asks++;
	return true;
}

static void cancel(struct peer *p, uint64_t id)
{
	for (struct ask **at = &p->asks; *at; at = &(*at)->next)
		if ((*at)->id == id) {
			struct ask *a = *at;
			*at = a->next;
			p->n_asks--;
			broker_cancel(a->job);
			mem_free(a);
			return;
		}
}

static bool handle(struct peer *p, const char *msg, size_t n)
{
	struct verdict_request rq;
	struct verdict v;
	if (verdict_request_read(msg, n, &rq) < 0)
		return false;
	if (rq.op == VERDICT_SCAN)
		return scan(p, &rq);
	if (rq.op == VERDICT_CANCEL) {
		cancel(p, rq.id);
	} else {
		broker_lookup(p->s->broker, rq.sha256, &v);
		answer(p, rq.id, &v);
	}
	return true;
}

/* Whole messages out of the buffer. False: cut the peer. */
static bool handle_all(struct peer *p)
{
	size_t off = 0;
	while (!p->closing && p->in.len - off >= 4) {
		struct rd r = rd_from(p->in.ptr + off, 4);
		size_t n = rd_u32(&r);
		if (n > VERDICT_MESSAGE_MAX)
			return false;
		if (p->in.len - off - 4 < n)
			break;
		if (!handle(p, p->in.ptr + off + 4, n))
			return false;
		off += 4 + n;
	}
	buf_drop(&p->in, off);
	return true;
}

/* False: more descriptors than any honest peer sends, or some were lost. */
static bool keep_fds(struct peer *p, struct msghdr *m)
{
	bool ok = !(m->msg_flags & MSG_CTRUNC);
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof fd, sizeof fd);
			if (ok && p->n_fds < FDS) {
				p->fds[p->n_fds++] = fd;
			} else {
				close(fd);
				ok = false;
			}
		}
	}
	return ok;
}

/* One recvmsg: 0 nothing more, 1 go on, -1 the peer is gone, -2 it broke the protocol. */
static int read_once(struct peer *p)
{
	union {
		char space[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} u;
	if (!buf_room(&p->in, 4 * KIB))
		return -2;
	struct iovec v = { p->in.ptr + p->in.len, 4 * KIB };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u };
	ssize_t n = recvmsg(p->fd, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	if (!keep_fds(p, &m))
		return -2;
	if (n == 0)
		return -1;
	p->in.len += (size_t)n;
	return handle_all(p) ? 1 : -2;
}

static void on_peer(uv_poll_t *h, int status, int events)
{
	struct peer *p = h->data;
	int r = 1;
	if (events & UV_WRITABLE)
		flush(p);
	for (int i = 0; r == 1 && i < 16 && !p->closing; i++) /* then it is another peer's turn */
		r = read_once(p);
	if (r == -2 && !p->closing) {
		p->s->cut++;
		log_warn("", "verdict.sock", "a peer broke the protocol and was cut off");
	}
	if (r < 0)
		peer_drop(p);
}

static void peer_new(struct verdict_server *s, int fd)
{
	struct peer *p = s->n_peers < MAX_PEERS ? mem_alloc(sizeof *p) : NULL;
	if (!p || uv_poll_init(s->loop, &p->poll, fd) < 0) {
		mem_free(p);
		close(fd);
		return;
	}
	p->s = s;
	p->fd = fd;
	p->poll.data = p;
	buf_init(&p->in, 16 * KIB);
	buf_init(&p->out, BACKLOG);
	p->next = s->peers;
	s->peers = p;
	s->n_peers++;
	s->handles++;
	uv_poll_start(&p->poll, UV_READABLE, on_peer);
}

static void on_connect(uv_poll_t *h, int status, int events)
{
	struct verdict_server *s = h->data;
	uid_t uid;
	int fd = accept4(s->listen_fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd < 0)
		return;
	if (sock_peer(fd, NULL, &uid) < 0 || !s->allowed(uid)) {
		s->cut++;
		close(fd);
		return;
	}
	peer_new(s, fd);
}

int verdict_server_open(uv_loop_t *loop, int listen_fd, struct broker *b, bool (*allowed)(uid_t uid), size_t max_open,
                struct verdict_server **ret, struct err *err)
{
	struct verdict_server *s = mem_alloc(sizeof *s);
	if (!s || uv_poll_init(loop, &s->listen, listen_fd) < 0) {
		mem_free(s);
		close(listen_fd);
		return err_set(err, E_NOMEM, "", "cannot watch the socket");
	}
	s->loop = loop;
	s->listen_fd = listen_fd;
	s->broker = b;
	s->allowed = allowed;
	s->max_open = max_open;
	s->listen.data = s;
	s->handles = 1;
	uv_poll_start(&s->listen, UV_READABLE, on_connect);
	*ret = s;
	return 0;
}

static void listen_closed(uv_handle_t *h)
{
	struct verdict_server *s = h->data;
	close(s->listen_fd);
	s->handles--;
	free_if_last(s);
}

void verdict_server_close(struct verdict_server **at)
{
	struct verdict_server *s = *at;
	if (!s)
		return;
	while (s->peers)
		peer_drop(s->peers);
	s->closed = true;
	uv_close((uv_handle_t *)&s->listen, listen_closed);
	*at = NULL;
}

uint64_t verdict_server_cut(const struct verdict_server *s)
{
	return s->cut;
}
