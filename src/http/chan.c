/* Non-blocking ends of connections; see chan.h. Stands between the sockets and everything that speaks HTTP. */
#include "http/chan.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <sys/socket.h>

#define BUDGET 4 /* recv calls a read: enough to fill a large buffer, few enough to be fair */

static BIO_METHOD *method, *inner_method;

int chan_thread_init(struct chan_thread *t, uv_loop_t *loop)
{
	*t = (struct chan_thread){ .loop = loop };
	t->scratch = mem_alloc(CHAN_SCRATCH);
	return t->scratch ? 0 : -E_NOMEM;
}

void chan_thread_done(struct chan_thread *t)
{
	mem_free(t->scratch);
	t->scratch = NULL;
}

/* ---- polling ---- */

static void on_poll(uv_poll_t *h, int status, int events);

static void update(struct chan *c)
{
	int want = (c->reading ? UV_READABLE : 0) | (c->pend.len ? UV_WRITABLE : 0);
	if (!c->open || want == c->events)
		return;
	c->events = want;
	if (want)
		uv_poll_start(&c->poll, want, on_poll);
	else
		uv_poll_stop(&c->poll);
}

/* False when the connection is broken. */
static bool send_pend(struct chan *c)
{
	while (c->pend.len) {
		ssize_t n = send(c->fd, c->pend.ptr, c->pend.len, MSG_NOSIGNAL);
		c->t->sends++;
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno != EINTR)
			return false;
		if (n > 0)
			buf_drop(&c->pend, (size_t)n);
	}
	return true;
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct chan *c = h->data;
	int what = 0;
	c->quiet = false;
	if (status < 0) {
		c->broken = true;
		what = CHAN_READABLE | CHAN_WRITABLE;
	}
	if ((events & UV_WRITABLE) && c->pend.len) {
		c->broken = !send_pend(c) || c->broken;
		if (c->pend.len == 0 || c->broken)
			what |= CHAN_WRITABLE;
		update(c);
	}
	if ((events & UV_READABLE) && c->reading) {
		c->budget = BUDGET;
		what |= CHAN_READABLE;
	}
	if (what)
		c->fn(c, what);
}

int chan_open(struct chan *c, struct chan_thread *t, int fd, chan_fn fn)
{
	*c = (struct chan){ .t = t, .fd = fd, .fn = fn };
	if (uv_poll_init(t->loop, &c->poll, fd) != 0)
		return -E_IO;
	c->poll.data = c;
	buf_init(&c->pend, 2 * CHAN_SCRATCH);
	buf_init(&c->first, CHAN_READ_AHEAD);
	c->open = c->reading = true;
	c->budget = BUDGET;
	update(c);
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	struct chan *c = h->data;
	SSL_free(c->ssl);
	SSL_free(c->outer);
	c->ssl = c->outer = NULL;
	buf_done(&c->pend);
	buf_done(&c->first);
	if (c->closed)
		c->closed(c);
}

void chan_close(struct chan *c, void (*closed)(struct chan *c))
{
	if (!c->open)
		return;
	c->open = false;
	c->closed = closed;
	uv_poll_stop(&c->poll);
	close(c->fd);
	c->fd = -1;
	uv_close((uv_handle_t *)&c->poll, on_closed);
}

void chan_pause(struct chan *c)
{
	c->reading = false;
	update(c);
}

void chan_resume(struct chan *c)
{
	c->reading = true;
	c->budget = BUDGET;
	update(c);
}

bool chan_drained(const struct chan *c)
{
	return c->pend.len == 0;
}

/* ---- the BIO between OpenSSL and the socket ---- */

static size_t receive_first(struct chan *c, void *p, size_t n)
{
	size_t k = c->first.len < n ? c->first.len : n;
	memcpy(p, c->first.ptr, k);
	buf_drop(&c->first, k);
	return k;
}

static ssize_t receive(struct chan *c, void *p, size_t n)
{
	if (c->first.len && !c->outer)
		return (ssize_t)receive_first(c, p, n);
	if (c->budget <= 0 || c->fd < 0) {
		errno = EAGAIN;
		return -1;
	}
	c->t->recvs++;
	ssize_t k = recv(c->fd, p, n, 0);
	/* A short answer emptied the socket: asking again would only be told so. */
	c->budget = k < 0 || (size_t)k < n ? 0 : c->budget - 1;
	if (k == 0)
		c->eof = true;
	return k;
}

static int bio_read(BIO *b, char *p, int n)
{
	struct chan *c = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	ssize_t k = receive(c, p, (size_t)n);
	if (k < 0 && (errno == EAGAIN || errno == EINTR))
		BIO_set_retry_read(b);
	return (int)k;
}

/* Records collect in the thread's scratch; flush() sends them. */
static int bio_write(BIO *b, const char *p, int n)
{
	struct chan *c = BIO_get_data(b);
	struct chan_thread *t = c->t;
	BIO_clear_retry_flags(b);
	if ((size_t)n > CHAN_SCRATCH - t->used || (t->writer && t->writer != c))
		return -1;
	t->writer = c;
	memcpy(t->scratch + t->used, p, (size_t)n);
	t->used += (size_t)n;
	return n;
}

/* TLS inside TLS: the inner one's bytes are the outer one's content. */
static int inner_read(BIO *b, char *p, int n)
{
	struct chan *c = BIO_get_data(b);
	size_t k = 0;
	BIO_clear_retry_flags(b);
	if (c->first.len)
		return (int)receive_first(c, p, (size_t)n);
	if (SSL_read_ex(c->outer, p, (size_t)n, &k) == 1)
		return (int)k;
	int e = SSL_get_error(c->outer, 0);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE) {
		BIO_set_retry_read(b);
		return -1;
	}
	c->eof = c->eof || e == SSL_ERROR_ZERO_RETURN;
	return e == SSL_ERROR_ZERO_RETURN ? 0 : -1;
}

static int inner_write(BIO *b, const char *p, int n)
{
	struct chan *c = BIO_get_data(b);
	BIO_clear_retry_flags(b);
	for (size_t done = 0, k; done < (size_t)n; done += k) {
		k = 0;
		if (SSL_write_ex(c->outer, p + done, (size_t)n - done, &k) != 1)
			return -1;
	}
	return n;
}

static long bio_ctrl(BIO *b, int cmd, long num, void *ptr)
{
	return cmd == BIO_CTRL_FLUSH || cmd == BIO_CTRL_DUP;
}

static int bio_create(BIO *b)
{
	BIO_set_init(b, 1);
	return 1;
}

static BIO_METHOD *make_method(int (*read)(BIO *, char *, int), int (*write)(BIO *, const char *, int))
{
	BIO_METHOD *m = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "toride");
	return m && BIO_meth_set_read(m, read) && BIO_meth_set_write(m, write) && BIO_meth_set_ctrl(m, bio_ctrl) &&
	       BIO_meth_set_create(m, bio_create) ? m : NULL;
}

int chan_global_init(void)
{
	method = make_method(bio_read, bio_write);
	inner_method = make_method(inner_read, inner_write);
	return method && inner_method ? 0 : -E_NOMEM;
}

/* Sends the scratch; what the kernel doesn't take is kept. False when the connection is broken. */
static bool flush(struct chan *c)
{
	struct chan_thread *t = c->t;
	size_t off = 0, n = t->used;
	t->used = 0;
	t->writer = NULL;
	while (off < n && c->pend.len == 0) {
		ssize_t k = send(c->fd, t->scratch + off, n - off, MSG_NOSIGNAL);
		t->sends++;
		if (k < 0 && errno == EAGAIN)
			break;
		if (k < 0 && errno != EINTR) {
			c->broken = true;
			return false;
		}
		off += k > 0 ? (size_t)k : 0;
	}
	buf_put(&c->pend, t->scratch + off, n - off);
	if (c->pend.failed)
		c->broken = true;
	update(c);
	return !c->broken;
}

int chan_tls(struct chan *c, SSL *ssl, struct str first)
{
	BIO *b = BIO_new(c->ssl ? inner_method : method);
	c->outer = c->ssl;
	c->ssl = ssl;
	if (!b)
		return -E_NOMEM;
	BIO_set_data(b, c);
	SSL_set_bio(ssl, b, b);
	SSL_set_read_ahead(ssl, 1);
	buf_put(&c->first, first.ptr, first.len);
	return c->first.failed;
}

/* SSL_get_error() wants the queue empty before a call. It nearly always is, and looking costs a fifth of emptying it. */
static void no_errors(void)
{
	if (ERR_peek_error())
		ERR_clear_error();
}

/* After an OpenSSL call that returned r <= 0. */
static int tls_error(struct chan *c, int r)
{
	int e = SSL_get_error(c->ssl, r);
	if (e == SSL_ERROR_WANT_READ || e == SSL_ERROR_WANT_WRITE)
		return -E_AGAIN;
	if (e == SSL_ERROR_ZERO_RETURN) {
		c->eof = true;
		return 0;
	}
	c->broken = true;
	return -E_CLOSED;
}

int chan_handshake(struct chan *c)
{
	bool gone = c->broken; /* reset: its last word, an alert that says why, may lie in the kernel all the same */
	c->budget = BUDGET;
	no_errors();
	int r = SSL_do_handshake(c->ssl);
	int e = r == 1 ? 0 : tls_error(c, r);
	bool sent = flush(c);
	if (gone)
		return -E_CLOSED;
	if (r == 1)
		return sent ? 1 : -E_CLOSED;
	return e == -E_AGAIN && sent ? 0 : -E_CLOSED;
}

bool chan_speaks_h2(const struct chan *c)
{
	const unsigned char *chosen;
	unsigned n;
	SSL_get0_alpn_selected(c->ssl, &chosen, &n);
	return n == 2 && memcmp(chosen, "h2", 2) == 0;
}

/* ---- reading and writing ---- */

static long read_plain(struct chan *c, void *p, size_t n)
{
	ssize_t k = receive(c, p, n);
	if (k >= 0)
		return k;
	if (errno == EAGAIN || errno == EINTR)
		return -E_AGAIN;
	c->broken = true;
	return -E_CLOSED;
}

/* Would OpenSSL only ask for bytes, and receive() have none for it in this turn? */
static bool dry(const struct chan *c)
{
	return c->budget <= 0 && !c->ending && !c->outer && c->first.len == 0 && !SSL_has_pending(c->ssl);
}

/* Fills p from as many records as are there. */
static long read_tls(struct chan *c, char *p, size_t n)
{
	size_t got = 0;
	int r = 1;
	no_errors();
	while (got < n && !dry(c)) {
		size_t k = 0;
		r = SSL_read_ex(c->ssl, p + got, n - got, &k);
		if (r != 1)
			break;
		got += k;
	}
	if (c->t->used)
		flush(c); /* a key update or an alert answered */
	if (got)
		c->ending = r != 1 && !SSL_want_read(c->ssl); /* told at the next call */
	if (got || r == 1)
		return got ? (long)got : -E_AGAIN;
	return tls_error(c, r);
}

long chan_read(struct chan *c, void *p, size_t n)
{
	if (c->broken)
		return -E_CLOSED;
	return c->ssl ? read_tls(c, p, n) : read_plain(c, p, n);
}

/* One piece into the scratch, record by record: OpenSSL may return after each (SSL_MODE_ENABLE_PARTIAL_WRITE). */
static bool seal(struct chan *c, const char *p, size_t n)
{
	for (size_t wrote; n; p += wrote, n -= wrote) {
		wrote = 0;
		if (SSL_write_ex(c->ssl, p, n, &wrote) != 1)
			return false;
	}
	return true;
}

static long write_tls(struct chan *c, const char *p, size_t n)
{
	size_t done = 0;
	no_errors();
	while (done < n && c->pend.len == 0) {
		size_t k = n - done < CHAN_PIECE ? n - done : CHAN_PIECE;
		if (!seal(c, p + done, k)) {
			c->broken = true;
			c->t->used = 0;
			c->t->writer = NULL;
			return -E_CLOSED;
		}
		done += k;
		if (!flush(c))
			return -E_CLOSED;
	}
	return (long)done;
}

static long write_plain(struct chan *c, const char *p, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t k = send(c->fd, p + done, n - done, MSG_NOSIGNAL);
		c->t->sends++;
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno != EAGAIN) {
			c->broken = true;
			return -E_CLOSED;
		}
		if (k < 0) {
			/* One byte waits with us, so that the poll for writing has something to wait for. */
			buf_put(&c->pend, p + done, 1);
			update(c);
			return (long)done + 1;
		}
		done += (size_t)k;
	}
	return (long)done;
}

long chan_write(struct chan *c, const void *p, size_t n)
{
	if (c->broken || !c->open)
		return -E_CLOSED;
	if (c->pend.len || n == 0)
		return 0;
	c->quiet = false;
	return c->ssl ? write_tls(c, p, n) : write_plain(c, p, n);
}

/* Those OpenSSL still has something in stay; so do a handshake's. */
static bool free_tls(SSL *ssl)
{
	return !ssl || (SSL_is_init_finished(ssl) && SSL_free_buffers(ssl) == 1);
}

bool chan_rest(struct chan *c)
{
	bool quiet = c->quiet;
	c->quiet = true;
	if (!quiet || !c->open || c->broken || c->pend.len || c->first.len)
		return false;
	buf_done(&c->pend);
	buf_done(&c->first);
	return free_tls(c->ssl) && free_tls(c->outer);
}

void chan_goodbye(struct chan *c)
{
	if (!c->open || c->broken || !c->ssl || !SSL_is_init_finished(c->ssl))
		return;
	no_errors();
	SSL_shutdown(c->ssl);
	if (c->outer)
		SSL_shutdown(c->outer);
	flush(c);
}
