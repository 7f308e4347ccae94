/* See serve.h. */
#include "index/serve.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "wire/sock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define END_S 10

struct server {
	const struct serve_ops *ops;
	void *user;
	pthread_mutex_t inserting; /* by whom an insert goes on */
	pthread_mutex_t lock;
	pthread_cond_t ended;
	int fds[SERVE_CONNECTIONS]; /* -1: free */
	unsigned n;
	void *spare[SERVE_CONNECTIONS]; /* to open one costs more than most queries */
	unsigned n_spare;
};
struct connection {
	struct server *server;
	unsigned slot;
	int fd;
	struct buf in, body, sql, out;
	void *conn;
};

static int fill(struct connection *c)
{
	if (!buf_room(&c->in, 64 * KIB))
		return -E_LIMIT;
	ssize_t n;
	do
		n = recv(c->fd, c->in.ptr + c->in.len, 64 * KIB, 0);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return -E_CLOSED;
	c->in.len += (size_t)n;
	return 0;
}

static bool send_all(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		s.ptr += n;
		s.len -= (size_t)n;
	}
	return true;
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : (c | 0x20) >= 'a' && (c | 0x20) <= 'f' ? (c | 0x20) - 'a' + 10 : -1;
}

/* The parameter "query" of a request target, decoded. */
static void take_query(struct str target, struct buf *b)
{
	struct str rest = target, part;
	str_next(&rest, '?', &part);
	while (str_next(&rest, '&', &part)) {
		if (!str_starts(part, STR("query=")))
			continue;
		for (size_t i = 6; i < part.len; i++) {
			int hi = i + 2 < part.len ? hex_digit(part.ptr[i + 1]) : -1, lo = hi < 0 ? -1 : hex_digit(part.ptr[i + 2]);
			if (part.ptr[i] == '%' && lo >= 0) {
				buf_putc(b, (char)(hi << 4 | lo));
				i += 2;
			} else {
				buf_putc(b, part.ptr[i] == '+' ? ' ' : part.ptr[i]);
			}
		}
	}
}

/* One request: c->sql and c->body. */
static int receive(struct connection *c)
{
	struct http_stream s = { 0 };
	struct http_head head;
	const char *why = "";
	long n = 0;
	size_t seen = 0;
	while ((n = http_head_end(c->in.ptr ? c->in.ptr : "", c->in.len, seen)) == 0) {
		seen = c->in.len;
		if (fill(c) < 0)
			return -E_CLOSED;
	}
	if (n < 0 || http_parse_request(&s, c->in.ptr, (size_t)n, &head, &why) < 0)
		return -E_INVALID;
	buf_reset(&c->sql);
	buf_reset(&c->body);
	take_query(head.target, &c->sql);
	if (head.expect_continue && !send_all(c->fd, STR("HTTP/1.1 100 Continue\r\n\r\n")))
		return -E_CLOSED;
	buf_drop(&c->in, (size_t)n);
	while (!s.done) {
		long used = http_feed(&s, c->in.ptr, c->in.len);
		if (used < 0)
			return -E_INVALID;
		buf_str(&c->body, s.body);
		buf_drop(&c->in, (size_t)used);
		if (!s.done && c->in.len == 0 && fill(c) < 0)
			return -E_CLOSED;
	}
	return c->body.failed ? c->body.failed : c->sql.failed;
}

unsigned serve_exception(struct str words)
{
	unsigned code = 0;
	if (str_starts(words, STR("Code: ")))
		for (size_t i = 6; i < words.len && words.ptr[i] >= '0' && words.ptr[i] <= '9' && code < 100000; i++)
			code = code * 10 + (unsigned)(words.ptr[i] - '0');
	return code;
}

static bool hung_up(int fd)
{
	char c;
	return recv(fd, &c, 1, MSG_PEEK | MSG_DONTWAIT) == 0;
}

/* One after another, and none whose sender has died: who comes after it looks what is there (fill.c), and must find all there will be. */
static int insert(struct connection *c, struct err *err)
{
	pthread_mutex_lock(&c->server->inserting);
	int r = hung_up(c->fd) ? err_set(err, E_CLOSED, "", "nobody waits for this any more")
	                       : c->server->ops->insert(c->conn, buf_view(&c->sql), buf_view(&c->body), &c->out, err);
	pthread_mutex_unlock(&c->server->inserting);
	return r;
}

static const char *status_of(int r)
{
	return r == 0 ? "200 OK" : r == -E_CLOSED ? "503 Service Unavailable" : r == -E_TIMEOUT ? "504 Gateway Timeout" : r == -E_DENIED ? "403 Forbidden" : "500 Internal Server Error";
}

static bool answer(struct connection *c, int r)
{
	char head[256];
	struct err err = { 0 };
	if (r == 0)
		r = c->sql.len ? insert(c, &err) : c->server->ops->query(c->conn, buf_view(&c->body), &c->out, &err);
	else
		err_set(&err, (enum err_code)-r, "", "the request can't be read, or is too long");
	if (r < 0 && (r != -E_INVALID || c->out.len == 0)) {
		buf_reset(&c->out);
		buf_puts(&c->out, err.msg);
	}
	snprintf(head, sizeof head, "HTTP/1.1 %s\r\nContent-Length: %zu\r\nX-ClickHouse-Exception-Code: %u\r\n\r\n",
	         status_of(r), c->out.len, r == 0 ? 0 : serve_exception(buf_view(&c->out)));
	bool ok = send_all(c->fd, str_from(head)) && send_all(c->fd, buf_view(&c->out));
	if (c->out.cap > MIB) /* a long answer's memory isn't kept */
		buf_done(&c->out);
	buf_reset(&c->out);
	return ok && !c->body.failed && !c->sql.failed;
}

static int take_conn(struct server *s, void **ret, struct err *err)
{
	pthread_mutex_lock(&s->lock);
	*ret = s->n_spare ? s->spare[--s->n_spare] : NULL;
	pthread_mutex_unlock(&s->lock);
	return *ret ? 0 : s->ops->open(s->user, ret, err);
}

/* There are never more than SERVE_CONNECTIONS of them. */
static void give_conn(struct server *s, void *c)
{
	if (s->ops->rest)
		s->ops->rest(c);
	pthread_mutex_lock(&s->lock);
	s->spare[s->n_spare++] = c;
	pthread_mutex_unlock(&s->lock);
}

static void *serve_one(void *user)
{
	struct connection *c = user;
	struct server *s = c->server;
	struct err err = { 0 };
	buf_init(&c->in, 128 * KIB);
	buf_init(&c->body, SERVE_BODY_MAX);
	buf_init(&c->sql, 64 * KIB);
	buf_init(&c->out, SERVE_ANSWER_MAX);
	if (take_conn(s, &c->conn, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "engine", &err);
	} else {
		for (;;) {
			int r = receive(c);
			if (r == -E_CLOSED || !answer(c, r))
				break;
		}
		give_conn(s, c->conn);
	}
	buf_done(&c->in);
	buf_done(&c->body);
	buf_done(&c->sql);
	buf_done(&c->out);
	pthread_mutex_lock(&s->lock);
	close(c->fd);
	s->fds[c->slot] = -1;
	s->n--;
	pthread_cond_broadcast(&s->ended);
	pthread_mutex_unlock(&s->lock);
	mem_free(c);
	return NULL;
}

static void start_one(struct server *s, int fd)
{
	struct connection *c = mem_alloc(sizeof *c);
	pthread_t t;
	pthread_mutex_lock(&s->lock);
	unsigned slot = 0;
	while (slot < SERVE_CONNECTIONS && s->fds[slot] >= 0)
		slot++;
	if (c && slot < SERVE_CONNECTIONS) {
		*c = (struct connection){ .server = s, .slot = slot, .fd = fd };
		s->fds[slot] = fd;
		s->n++;
	}
	pthread_mutex_unlock(&s->lock);
	if (c && slot < SERVE_CONNECTIONS && pthread_create(&t, NULL, serve_one, c) == 0) {
		pthread_detach(t);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (c && slot < SERVE_CONNECTIONS) {
		s->fds[slot] = -1;
		s->n--;
	}
	pthread_mutex_unlock(&s->lock);
	close(fd);
	mem_free(c);
}

static bool full(struct server *s)
{
	pthread_mutex_lock(&s->lock);
	bool yes = s->n == SERVE_CONNECTIONS;
	pthread_mutex_unlock(&s->lock);
	return yes;
}

/* No new request is read; what runs ends, or is left behind after END_S. */
static void end_all(struct server *s)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < SERVE_CONNECTIONS; i++)
		if (s->fds[i] >= 0)
			shutdown(s->fds[i], SHUT_RD);
	while (s->n && pthread_cond_timedwait(&s->ended, &s->lock, &until) == 0)
		;
	if (s->n)
		log_warn("", "engine", "%u queries were still running at the end", s->n);
	while (s->n_spare)
		s->ops->close(s->spare[--s->n_spare]);
	pthread_mutex_unlock(&s->lock);
}

int serve_run(const struct serve_ops *ops, void *user, int listen_fd, int stop_fd, bool (*allowed)(unsigned uid), struct err *err)
{
	static struct server s;
	s = (struct server){ .ops = ops, .user = user, .inserting = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER };
	for (unsigned i = 0; i < SERVE_CONNECTIONS; i++)
		s.fds[i] = -1;
	for (;;) {
		bool busy = full(&s);
		struct pollfd p[2] = { { stop_fd, POLLIN, 0 }, { busy ? -1 : listen_fd, POLLIN, 0 } };
		if (poll(p, 2, busy ? 50 : -1) < 0 && errno != EINTR)
			return err_errno(err, "index.sock", "cannot wait");
		if (p[0].revents)
			break;
		if (!(p[1].revents & POLLIN))
			continue;
		pid_t pid;
		uid_t uid;
		int fd = accept4(listen_fd, NULL, NULL, SOCK_CLOEXEC);
		if (fd >= 0 && (sock_peer(fd, &pid, &uid) < 0 || !allowed(uid)))
			close(fd);
		else if (fd >= 0)
			start_one(&s, fd);
	}
	end_all(&s);
	return 0;
}
