/* TLS to the proxy itself: a terminal speaks it from its first byte, to the one name that the description gives the proxy, so that what
 * it says to us (its user's password above all) is read by nobody on the way. Inside it is the proxy as ever; a tunnel asked for there
 * holds TLS inside TLS (http/chan.h). The certificate is a leaf like any other's, which terminals trust already. Its ClientHello is read first: how the
 * program speaks is known before it has said anything (ja4.h; request.c refuses by it). */
#include "proxy/conn.h"

#include "base/err.h"
#include "base/mem.h"

static void on_done(struct conn *c)
{
	c->fronted = true;
	conn_next(c, true);
}

static void handshake(struct conn *c)
{
	int r = chan_handshake(&c->ch);
	if (r < 0)
		conn_destroy(c, NULL);
	else if (r == 1)
		on_done(c);
}

static void on_leaf(X509 *x, int code, void *user)
{
	struct conn *c = user;
	SSL *ssl = x ? tls_accept(c->w, x, c->org->code, "/front") : NULL; /* no host is called that: tickets of here are good for nothing else */
	(void)code; /* the log says why there is none */
	c->leaf_wait = false;
	if (!ssl) {
		conn_destroy(c, NULL);
		return;
	}
	SSL_set_options(ssl, SSL_OP_CLEANSE_PLAINTEXT); /* passwords */
	if (chan_tls(&c->ch, ssl, buf_view(&c->in)) < 0) {
		conn_destroy(c, NULL);
		return;
	}
	buf_done(&c->in);
	c->seen = 0;
	chan_resume(&c->ch);
	handshake(c);
}

static void ask_leaf(struct conn *c)
{
	chan_pause(&c->ch);
	c->leaf_wait = true;
	leaf_get(c->w->leaves, c->w->conf->proxy_name, on_leaf, c);
}

static void read_hello(struct conn *c)
{
	struct client_hello ch;
	for (;;) {
		int r = client_hello_parse(c->in.ptr, c->in.len, &ch);
		if (r == 1) {
			memcpy(c->proxy_ja4, ch.ja4, sizeof c->proxy_ja4);
			ask_leaf(c);
			return;
		}
		if (r == 0 && (r = conn_fill(c)) == -E_AGAIN)
			return;
		if (r < 0) {
			conn_destroy(c, NULL);
			return;
		}
	}
}

void front_begin(struct conn *c)
{
	c->state = CONN_FRONT;
	conn_touch(c, WORKER_HEAD_MS);
	read_hello(c);
}

void front_event(struct conn *c)
{
	if (c->ch.ssl)
		handshake(c);
	else if (c->ch.broken)
		conn_destroy(c, NULL);
	else if (!c->leaf_wait)
		read_hello(c);
}
