/* See serve.h. */
#include "index/serve.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "http/http.h"
#include "index/rows.h"
#include "wire/ctl.h"
#include "wire/sock.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#define END_S 10
#define LOOK_MS 200 /* whether who asked is still there */

struct server {
	const struct serve_ops *ops;
	void *user;
	char name[17]; /* of this process's questions */
	pthread_mutex_t inserting; /* by whom an insert goes on */
	pthread_mutex_t lock;
	pthread_cond_t ended, asked;
	struct connection *all[SERVE_CONNECTIONS]; /* NULL: free */
	unsigned n, n_asking;
	uint64_t n_asked;
	void *spare[SERVE_CONNECTIONS + 1]; /* to open one costs more than most queries; the one more is the watch's */
	unsigned n_spare;
	int deaf_fd; /* readable: a question doesn't end though it was told to */
};
struct connection {
	struct server *server;
	unsigned slot;
	int fd;
	int rows_fd;       /* came with this request; -1: none */
	uint64_t rows_len; /* as its header says, where ask.in_memory */
	struct buf in, body, sql, place, out;
	struct serve_ask ask;
	bool asking;      /* under the server's lock: a question is at the engine, and may be ended */
	int64_t ended_ms; /* the same: monotonic, when it was told to end; 0: it wasn't */
	void *conn;
};

static int fill(struct connection *c)
{
	if (!buf_room(&c->in, 64 * KIB))
		return -E_LIMIT;
	ssize_t n = sock_recv_bytes(c->fd, c->in.ptr + c->in.len, 64 * KIB, &c->rows_fd);
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

static void decode(struct str text, struct buf *b)
{
	for (size_t i = 0; i < text.len; i++) {
		int hi = i + 2 < text.len ? hex_digit(text.ptr[i + 1]) : -1, lo = hi < 0 ? -1 : hex_digit(text.ptr[i + 2]);
		if (text.ptr[i] == '%' && lo >= 0) {
			buf_putc(b, (char)(hi << 4 | lo));
			i += 2;
		} else {
			buf_putc(b, text.ptr[i] == '+' ? ' ' : text.ptr[i]);
		}
	}
}

/* The parameters of a request target. */
static void take_target(struct connection *c, struct str target)
{
	struct str rest = target, part, name;
	str_next(&rest, '?', &part);
	while (str_next(&rest, '&', &part)) {
		if (!str_next(&part, '=', &name))
			continue;
		if (str_eq(name, STR("query")))
			decode(part, &c->sql);
		else if (str_eq(name, STR("place")))
			decode(part, &c->place);
		else if (str_eq(name, STR("each")))
			c->ask.each = true;
	}
}

static void drop_rows(struct connection *c)
{
	if (c->rows_fd >= 0)
		close(c->rows_fd);
	c->rows_fd = -1;
}

/* False: the header isn't a number. */
static bool take_rows(struct connection *c, const struct http_head *head)
{
	for (size_t i = 0; i < head->n; i++) {
		if (head->h[i].name.len != sizeof SERVE_ROWS - 1 || strncasecmp(head->h[i].name.ptr, SERVE_ROWS, sizeof SERVE_ROWS - 1) != 0)
			continue;
		if (c->ask.in_memory || !str_to_u64(head->h[i].value, INT64_MAX, &c->rows_len))
			return false;
		c->ask.in_memory = true;
	}
	return true;
}

/* One request: c->sql, c->body or c->rows_fd, and c->ask. */
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
	buf_reset(&c->place);
	c->ask = (struct serve_ask){ 0 };
	take_target(c, head.target);
	if (!take_rows(c, &head))
		return -E_INVALID;
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
	return c->body.failed ? c->body.failed : c->sql.failed ? c->sql.failed : c->place.failed;
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

static int insert_now(struct connection *c, struct err *err)
{
	struct serve_ask *a = &c->ask;
	int r = 0;
	if (a->in_memory && (a->rows.len || c->rows_fd < 0))
		return err_set(err, E_INVALID, "", a->rows.len ? "rows in the request, and in memory" : "rows in memory were announced, and nothing came along");
	if (a->in_memory)
		r = rows_check(a->rows_fd = c->rows_fd, c->rows_len, SERVE_BODY_MAX, err);
	return r < 0 ? r : c->server->ops->ask(c->conn, a, &c->out, err);
}

/* False: its sender has gone before its turn came. Who waits is asked now and then: else a sender that gives up and comes again, behind an insert that
 * never ends, would take all connections there are, and no search were answered. */
static bool take_turn(struct connection *c)
{
	struct timespec until;
	do {
		if (hung_up(c->fd))
			return false;
		clock_gettime(CLOCK_MONOTONIC, &until);
		until.tv_nsec += LOOK_MS * 1000000;
		until.tv_sec += until.tv_nsec / 1000000000;
		until.tv_nsec %= 1000000000;
	} while (pthread_mutex_clocklock(&c->server->inserting, CLOCK_MONOTONIC, &until) != 0);
	return true;
}

/* One after another, and none whose sender has died: who comes after it looks what is there (fill.c), and must find all there will be. */
static int insert(struct connection *c, struct err *err)
{
	if (!take_turn(c))
		return err_set(err, E_CLOSED, "", "nobody waits for this any more");
	int r = hung_up(c->fd) ? err_set(err, E_CLOSED, "", "nobody waits for this any more") : insert_now(c, err);
	pthread_mutex_unlock(&c->server->inserting);
	return r;
}

/* What only reads, or waits: to end it leaves nothing half done. */
static bool may_be_ended(struct str sql)
{
	return str_starts(sql, STR("SELECT ")) || str_starts(sql, STR("SYSTEM "));
}

static int query(struct connection *c, struct err *err)
{
	struct server *s = c->server;
	bool watched = may_be_ended(c->ask.sql);
	pthread_mutex_lock(&s->lock);
	c->asking = watched;
	c->ended_ms = 0;
	s->n_asking += watched;
	pthread_cond_signal(&s->asked);
	pthread_mutex_unlock(&s->lock);
	int r = s->ops->ask(c->conn, &c->ask, &c->out, err);
	pthread_mutex_lock(&s->lock);
	s->n_asking -= watched;
	c->asking = false;
	pthread_mutex_unlock(&s->lock);
	return r;
}

/* As it was received, with a name of its own. */
static int ask(struct connection *c, struct err *err)
{
	struct server *s = c->server;
	c->ask.insert = c->sql.len > 0;
	c->ask.sql = c->ask.insert ? buf_view(&c->sql) : buf_view(&c->body);
	c->ask.rows = c->ask.insert ? buf_view(&c->body) : STR("");
	c->ask.place = buf_view(&c->place);
	pthread_mutex_lock(&s->lock);
	snprintf(c->ask.id, sizeof c->ask.id, "toride-%s-%llu", s->name, (unsigned long long)++s->n_asked);
	pthread_mutex_unlock(&s->lock);
	if (c->ask.in_memory && !c->ask.insert)
		return err_set(err, E_INVALID, "", "rows in memory, and nothing is to be inserted");
	return c->ask.insert ? insert(c, err) : query(c, err);
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
		r = ask(c, &err);
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

/* There are never more than SERVE_CONNECTIONS of them, and the watch's. */
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
	buf_init(&c->place, KIB);
	buf_init(&c->out, SERVE_ANSWER_MAX);
	if (take_conn(s, &c->conn, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "engine", &err);
	} else {
		for (;;) {
			int r = receive(c);
			if (r == -E_CLOSED || !answer(c, r) || r < 0) /* where the next one begins nobody knows */
				break;
			drop_rows(c);
		}
		drop_rows(c);
		give_conn(s, c->conn);
	}
	buf_done(&c->in);
	buf_done(&c->body);
	buf_done(&c->sql);
	buf_done(&c->place);
	buf_done(&c->out);
	pthread_mutex_lock(&s->lock);
	close(c->fd);
	s->all[c->slot] = NULL;
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
	while (slot < SERVE_CONNECTIONS && s->all[slot])
		slot++;
	if (c && slot < SERVE_CONNECTIONS) {
		*c = (struct connection){ .server = s, .slot = slot, .fd = fd, .rows_fd = -1 };
		s->all[slot] = c;
		s->n++;
	}
	pthread_mutex_unlock(&s->lock);
	if (c && slot < SERVE_CONNECTIONS && pthread_create(&t, NULL, serve_one, c) == 0) {
		pthread_detach(t);
		return;
	}
	pthread_mutex_lock(&s->lock);
	if (c && slot < SERVE_CONNECTIONS) {
		s->all[slot] = NULL;
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

/* ---- whoever asked is gone ---- */

static bool one_gone(struct server *s, char id[sizeof((struct serve_ask *)0)->id])
{
	for (unsigned i = 0; i < SERVE_CONNECTIONS; i++) {
		if (!s->all[i] || !s->all[i]->asking || s->all[i]->ended_ms || !ctl_hung_up(s->all[i]->fd))
			continue;
		s->all[i]->ended_ms = clock_mono_ms();
		memcpy(id, s->all[i]->ask.id, sizeof s->all[i]->ask.id);
		return true;
	}
	return false;
}

/* Told to end, and goes on. */
static bool one_deaf(struct server *s)
{
	for (unsigned i = 0; s->ops->ends_ms && i < SERVE_CONNECTIONS; i++)
		if (s->all[i] && s->all[i]->asking && s->all[i]->ended_ms && clock_mono_ms() - s->all[i]->ended_ms > s->ops->ends_ms)
			return true;
	return false;
}

static void end_one(struct server *s, const char *id)
{
	struct err err = { 0 };
	void *conn = NULL;
	int r = take_conn(s, &conn, &err);
	r = r < 0 ? r : s->ops->end(conn, id, &err);
	if (conn)
		give_conn(s, conn);
	if (r < 0)
		log_err(LOG_LEVEL_WARN, "", "a question that nobody waits for couldn't be ended", &err);
	else
		log_info("", "engine", "a question that nobody waits for any more was ended: %s", id);
}

static void *watch(void *user)
{
	struct server *s = user;
	char id[sizeof((struct serve_ask *)0)->id];
	for (;;) {
		pthread_mutex_lock(&s->lock);
		while (!s->n_asking)
			pthread_cond_wait(&s->asked, &s->lock);
		bool gone = one_gone(s, id), deaf = one_deaf(s);
		pthread_mutex_unlock(&s->lock);
		if (deaf && write(s->deaf_fd, &(uint64_t){ 1 }, sizeof(uint64_t)) > 0)
			return NULL;
		if (gone)
			end_one(s, id);
		else
			poll(NULL, 0, LOOK_MS);
	}
	return NULL;
}

/* No new request is read; what runs ends, or is left behind after END_S. */
static void end_all(struct server *s)
{
	struct timespec until;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_S;
	pthread_mutex_lock(&s->lock);
	for (unsigned i = 0; i < SERVE_CONNECTIONS; i++)
		if (s->all[i])
			shutdown(s->all[i]->fd, SHUT_RD);
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
	unsigned char name[(sizeof s.name - 1) / 2];
	pthread_t watcher;
	s = (struct server){ .ops = ops, .user = user, .inserting = PTHREAD_MUTEX_INITIALIZER, .lock = PTHREAD_MUTEX_INITIALIZER, .ended = PTHREAD_COND_INITIALIZER, .asked = PTHREAD_COND_INITIALIZER,
	                     .deaf_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK) };
	if (s.deaf_fd < 0 || getrandom(name, sizeof name, 0) != (ssize_t)sizeof name || pthread_create(&watcher, NULL, watch, &s) != 0)
		return err_set(err, E_NOMEM, "index.sock", "cannot begin");
	pthread_detach(watcher);
	hex_format(name, sizeof name, s.name);
	for (;;) {
		bool busy = full(&s);
		struct pollfd p[3] = { { stop_fd, POLLIN, 0 }, { busy ? -1 : listen_fd, POLLIN, 0 }, { s.deaf_fd, POLLIN, 0 } };
		if (poll(p, 3, busy ? 50 : -1) < 0 && errno != EINTR)
			return err_errno(err, "index.sock", "cannot wait");
		if (p[2].revents)
			return err_set(err, E_STATE, "engine", "a question that nobody waits for was told to end, and goes on");
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
