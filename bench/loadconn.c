/* One client connection of the load generator: connect, CONNECT, TLS, request, answer. HTTP is read only as far as a
 * measuring client must: status, length or chunks, whether the connection stays. */
#include "load.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

void conn_trace(const struct conn *c, bool well)
{
	if (c->o->trace)
		fprintf(c->o->trace, "%llu %llu %d\n", (unsigned long long)c->due_us, (unsigned long long)(now_us() - c->due_us), well);
}

static void fail(struct conn *c, const char *what, const char *detail)
{
	c->stats->errors++;
	conn_trace(c, false);
	if (!c->stats->why[0])
		snprintf(c->stats->why, sizeof c->stats->why, "%s: %.120s", what, detail);
	conn_close(c);
	c->state = CONN_IDLE;
}

static void watch(struct conn *c, bool write)
{
	if (write == c->want_write)
		return;
	c->want_write = write;
	struct epoll_event e = { .events = EPOLLIN | (write ? EPOLLOUT : 0u), .data.ptr = c };
	epoll_ctl(c->ep, EPOLL_CTL_MOD, c->fd, &e);
}

void conn_close(struct conn *c)
{
	if (c->ssl) { /* said goodbye, as far as OpenSSL knows: else it calls the session not resumable */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->ssl);
	}
	if (c->fd >= 0)
		close(c->fd);
	c->ssl = NULL;
	c->fd = -1;
	c->open = false;
}

static void host_name(const struct conn *c, char dst[300])
{
	if (c->o->hosts > 1)
		snprintf(dst, 300, "h%u.%s", c->host, c->o->host);
	else
		snprintf(dst, 300, "%s", c->o->host);
}

/* ---- opening ---- */

static bool start_tcp(struct conn *c)
{
	char text[64];
	struct sockaddr_in sa = { .sin_family = AF_INET };
	const char *where = c->o->proxy ? c->o->proxy : c->o->connect, *colon = strrchr(where, ':');
	int one = 1;
	snprintf(text, sizeof text, "%.*s", (int)(colon - where), where);
	sa.sin_port = htons((uint16_t)strtoul(colon + 1, NULL, 10));
	inet_pton(AF_INET, text, &sa.sin_addr);
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return false;
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (c->o->sources) {
		struct sockaddr_in from = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(0x7f010001u + c->n % c->o->sources) };
		setsockopt(c->fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
		if (bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
			return false;
	}
	if (connect(c->fd, (struct sockaddr *)&sa, sizeof sa) < 0 && errno != EINPROGRESS)
		return false;
	c->want_write = true;
	struct epoll_event e = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	return epoll_ctl(c->ep, EPOLL_CTL_ADD, c->fd, &e) == 0;
}

static bool start_tls(struct conn *c)
{
	char host[300];
	host_name(c, host);
	c->ssl = SSL_new(c->ctx);
	if (!c->ssl || SSL_set_fd(c->ssl, c->fd) != 1 || SSL_set_tlsext_host_name(c->ssl, host) != 1)
		return false;
	if (SSL_set1_host(c->ssl, host) != 1)
		return false;
	SSL_set_verify(c->ssl, SSL_VERIFY_PEER, NULL);
	SSL_set_ex_data(c->ssl, 0, c);
	if (c->o->resume && c->session)
		SSL_set_session(c->ssl, c->session);
	return true;
}

static void put_connect(struct conn *c)
{
	char host[300];
	host_name(c, host);
	c->out_len = (size_t)snprintf(c->out, sizeof c->out, "CONNECT %s:%u HTTP/1.1\r\nHost: %s:%u\r\n\r\n", host, c->o->port, host,
	                              c->o->port);
	c->out_off = c->in_len = 0;
}

static void put_request(struct conn *c)
{
	char host[300], base[340] = "";
	host_name(c, host);
	if (c->o->proxy && !c->o->tls)
		snprintf(base, sizeof base, "http://%s:%u", host, c->o->port);
	c->out_len = (size_t)snprintf(c->out, sizeof c->out,
	                              "GET %s%s%u HTTP/1.1\r\nHost: %s:%u\r\nUser-Agent: toride-bench\r\nAccept: */*\r\n\r\n", base,
	                              c->o->path, c->object, host, c->o->port);
	c->out_off = c->in_len = 0;
	c->state = CONN_REQUEST;
}

/* ---- bytes ---- */

static ssize_t io_result(struct conn *c, int n)
{
	int e = SSL_get_error(c->ssl, n);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		watch(c, e == SSL_ERROR_WANT_WRITE);
		errno = EAGAIN;
		return -1;
	}
	if (e == SSL_ERROR_ZERO_RETURN)
		return 0;
	errno = errno ? errno : EPROTO;
	return e == SSL_ERROR_SYSCALL && errno == 0 ? 0 : -1;
}

static ssize_t io_read(struct conn *c, char *p, size_t n)
{
	if (!c->ssl)
		return recv(c->fd, p, n, 0);
	errno = 0;
	ERR_clear_error();
	int k = SSL_read(c->ssl, p, (int)n);
	return k > 0 ? k : io_result(c, k);
}

static ssize_t io_write(struct conn *c, const char *p, size_t n)
{
	if (!c->ssl)
		return send(c->fd, p, n, MSG_NOSIGNAL);
	errno = 0;
	ERR_clear_error();
	int k = SSL_write(c->ssl, p, (int)n);
	return k > 0 ? k : io_result(c, k);
}

/* True when all is out; otherwise waits or has failed. */
static bool flush(struct conn *c)
{
	while (c->out_off < c->out_len) {
		ssize_t n = io_write(c, c->out + c->out_off, c->out_len - c->out_off);
		if (n < 0 && errno == EAGAIN) {
			watch(c, true);
			return false;
		}
		if (n <= 0) {
			fail(c, "write", strerror(errno));
			return false;
		}
		c->out_off += (size_t)n;
	}
	watch(c, false);
	return true;
}

/* Reads on until a blank line stands in `in`. Its end, or 0: waits or has failed. */
static size_t read_head(struct conn *c)
{
	for (;;) {
		char *end = c->in_len ? memmem(c->in, c->in_len, "\r\n\r\n", 4) : NULL;
		if (end)
			return (size_t)(end - c->in) + 4;
		/* Before TLS one byte too many would be the server's first record: it never speaks first. */
		ssize_t n = c->in_len < sizeof c->in ? io_read(c, c->in + c->in_len, sizeof c->in - c->in_len) : 0;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			fail(c, "read head", n == 0 ? "closed" : strerror(errno));
			return 0;
		}
		c->in_len += (size_t)n;
	}
}

/* ---- answer ---- */

static struct str header(const char *head, size_t len, struct str name)
{
	struct str rest = { head, len }, line;
	while (str_next(&rest, '\n', &line))
		if (str_case_starts(line, name))
			return str_trim((struct str){ line.ptr + name.len, line.len - name.len - (line.len && line.ptr[line.len - 1] == '\r') });
	return (struct str){ NULL, 0 };
}

static bool parse_head(struct conn *c, size_t len)
{
	struct str length = header(c->in, len, STR("content-length:")), coding = header(c->in, len, STR("transfer-encoding:"));
	struct str keep = header(c->in, len, STR("connection:"));
	if (memcmp(c->in + 8, " 200", 4) != 0)
		return false;
	c->close_after = str_case_eq(keep, STR("close"));
	c->chunked = str_case_eq(coding, STR("chunked"));
	c->body_left = 0;
	c->until_close = !c->chunked && !length.ptr;
	c->body_got = 0;
	if (length.ptr && !c->chunked && !str_to_u64(length, UINT64_MAX / 2, &c->body_left))
		return false;
	memmove(c->in, c->in + len, c->in_len - len);
	c->in_len -= len;
	return true;
}

static void finish(struct conn *c)
{
	if (c->o->size && c->body_got != c->o->size) {
		fail(c, "body", "of the wrong length");
		return;
	}
	c->stats->requests++;
	c->stats->bytes += c->body_got;
	stats_latency(c->stats, now_us() - c->due_us);
	conn_trace(c, true);
	c->state = CONN_IDLE;
	c->open = true;
	if (c->o->fresh || c->close_after || c->until_close)
		conn_close(c);
}

/* Chunked framing over what is in `in`. 1: the last chunk is over, 0: more, -1: malformed. */
static int take_chunks(struct conn *c)
{
	for (;;) {
		size_t n = c->in_len < c->body_left ? c->in_len : (size_t)c->body_left;
		c->body_got += c->body_left > 2 ? (n < c->body_left - 2 ? n : c->body_left - 2) : 0;
		c->body_left -= n; /* counts the data and its CRLF */
		memmove(c->in, c->in + n, c->in_len - n);
		c->in_len -= n;
		char *end = c->body_left == 0 && c->in_len ? memmem(c->in, c->in_len, "\r\n", 2) : NULL;
		if (!end)
			return c->in_len > 1024 ? -1 : 0;
		uint64_t size = strtoull(c->in, NULL, 16);
		size_t line = (size_t)(end - c->in) + 2;
		if (size == 0)
			return c->in_len >= line + 2 ? 1 : 0; /* no trailers are expected */
		memmove(c->in, c->in + line, c->in_len - line);
		c->in_len -= line;
		c->body_left = size + 2;
	}
}

static void read_body(struct conn *c)
{
	for (;;) {
		int over = 0;
		if (c->chunked) {
			over = take_chunks(c);
		} else {
			c->body_got += c->in_len;
			c->body_left -= c->until_close || c->in_len > c->body_left ? 0 : c->in_len;
			c->in_len = 0;
			over = !c->until_close && c->body_left == 0;
		}
		if (over) {
			over > 0 ? finish(c) : fail(c, "body", "malformed chunk");
			return;
		}
		ssize_t n = io_read(c, c->in + c->in_len, sizeof c->in - c->in_len);
		if (n < 0 && errno == EAGAIN)
			return;
		if (n == 0 && c->until_close) {
			finish(c);
			return;
		}
		if (n <= 0) {
			fail(c, "read body", n == 0 ? "closed" : strerror(errno));
			return;
		}
		c->in_len += (size_t)n;
	}
}

/* ---- the steps ---- */

static void tcp_done(struct conn *c)
{
	int e = 0;
	socklen_t n = sizeof e;
	getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &n);
	if (e) {
		fail(c, "connect", strerror(e));
	} else if (c->o->proxy && c->o->tls) {
		put_connect(c);
		c->state = CONN_PROXY;
	} else if (c->o->tls) {
		c->state = CONN_TLS;
		if (!start_tls(c))
			fail(c, "tls", "cannot begin");
	} else {
		put_request(c);
	}
}

static void proxy_step(struct conn *c)
{
	size_t n = flush(c) ? read_head(c) : 0;
	if (n == 0)
		return;
	if (memcmp(c->in + 8, " 200", 4) != 0) {
		fail(c, "CONNECT", c->in);
		return;
	}
	c->state = CONN_TLS;
	if (!start_tls(c))
		fail(c, "tls", "cannot begin");
}

static void tls_step(struct conn *c)
{
	errno = 0;
	ERR_clear_error();
	int r = SSL_connect(c->ssl);
	if (r == 1) {
		c->stats->handshakes++;
		c->stats->resumed += SSL_session_reused(c->ssl) != 0;
		put_request(c);
	} else if (io_result(c, r) >= 0 || errno != EAGAIN) {
		const char *why = ERR_reason_error_string(ERR_peek_error());
		fail(c, "handshake", why ? why : "closed");
	}
}

void conn_begin(struct conn *c, unsigned host, unsigned object, uint64_t due_us)
{
	if (c->open && c->host != host)
		conn_close(c);
	c->host = host;
	c->object = object;
	c->due_us = due_us;
	if (c->open) {
		put_request(c);
	} else {
		c->state = CONN_TCP;
		if (!start_tcp(c)) {
			fail(c, "connect", strerror(errno));
			return;
		}
		return; /* epoll says when */
	}
	conn_work(c);
}

void conn_work(struct conn *c)
{
	enum conn_state before;
	do {
		before = c->state;
		size_t n;
		switch (c->state) {
		case CONN_TCP: tcp_done(c); break;
		case CONN_PROXY: proxy_step(c); break;
		case CONN_TLS: tls_step(c); break;
		case CONN_REQUEST:
			if (flush(c))
				c->state = CONN_HEAD;
			break;
		case CONN_HEAD:
			n = read_head(c);
			if (n && !parse_head(c, n))
				fail(c, "answer", c->in);
			else if (n)
				c->state = CONN_BODY;
			break;
		case CONN_BODY: read_body(c); break;
		case CONN_IDLE: /* a session ticket is read here; anything else means that the peer closed it */
			if (c->open && (io_read(c, c->in, 1) >= 0 || errno != EAGAIN))
				conn_close(c);
			return;
		}
	} while (c->state != before && c->state != CONN_IDLE);
}
