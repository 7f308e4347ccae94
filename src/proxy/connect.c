/* CONNECT: what comes next is looked at (ClientHello), then opened or passed through.
 *
 * A terminal that knows of no proxy is let in as if it had asked with CONNECT for the server name it says (nft leads it here).
 *
 *   opened   the origin is connected and verified first, a leaf certificate is shown to the terminal, and the
 *            requests inside are judged like any other, by the server name and by CONNECT's host. When the origin can't be verified, or the name is denied,
 *            the terminal gets a page that says so, inside the opened connection.
 *   refused  the way it speaks (JA4) is on deny_ja4: no origin hears of it, and the terminal gets the page where it would be opened, else an alert.
 *   passed   CONNECT's host is a name on no_decrypt (or on it until a time that hasn't come) and the server name says the same, or the organisation has no
 *            tls_decryption: judged by both, then bytes both ways until somebody ends it or a block cuts it. A host of a category that isn't
 *            looked into passes too, once we have verified its server ourselves; where that fails, or it is denied, it is opened, for the page. */
#include "proxy/check.h"
#include "proxy/conn.h"
#include "proxy/down2.h"
#include "proxy/socket.h"
#include "proxy/txn.h"
#include "proxy/undecrypted.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <openssl/err.h>
#include <stdio.h>

/* After a ClientHello and before our answer to it no page can be shown, but the terminal's program may be told that this
 * was meant: a fatal alert in clear (RFC 8446 6.2) makes it say so at once instead of trying again. */
static void tell(struct conn *c, bool denied)
{
	const char alert[] = { 21, 3, 3, 0, 2, 2, denied ? 49 /* access_denied */ : 80 /* internal_error */ };
	if (c->state == CONN_PREPARE)
		chan_write(&c->ch, alert, sizeof alert);
}

static void give_up(struct conn *c, const char *rule, const char *disposition)
{
	tell(c, strcmp(disposition, "Blocked") == 0);
	if (c->txn) {
		c->txn->silent = false;
		if (rule) {
			snprintf(c->txn->rule, sizeof c->txn->rule, "%s", rule);
			c->txn->action = strcmp(disposition, "Blocked") == 0 ? "Denied" : "Allowed";
		}
		c->txn->disposition = disposition;
	}
	conn_destroy(c, disposition);
}

void connect_abort(struct conn *c)
{
	socket_free(c);
	if (c->origin) {
		struct origin *o = c->origin;
		c->origin = NULL;
		origin_close(o);
	}
	if (c->leaf_wait)
		leaf_forget(c->w->leaves, c);
	c->leaf_wait = false;
	X509_free(c->leaf);
	c->leaf = NULL;
	if (c->txn && (c->txn->tunnel || c->txn->switched)) {
		c->txn->bytes_in += c->bytes_down;
		c->txn->bytes_out += c->bytes_up;
		c->bytes_down = c->bytes_up = 0;
	}
}

/* ---- tunnels ---- */

/* One direction; false when the connection is gone. Reading stops while the other side is full. */
static bool move(struct conn *c, struct chan *from, struct chan *to, uint64_t *count)
{
	struct worker *w = c->w;
	while (chan_drained(to)) {
		long n = chan_read(from, w->rbuf, CHAN_PIECE);
		if (n == -E_AGAIN)
			return true;
		if (n <= 0) {
			conn_destroy(c, NULL);
			return false;
		}
		long k = chan_write(to, w->rbuf, (size_t)n);
		if (k < n) {
			/* The kernel took a part: the rest waits in the channel's own buffer. */
			if (k < 0 || (buf_put(&to->pend, w->rbuf + k, (size_t)(n - k)), to->pend.failed)) {
				conn_destroy(c, "Reset");
				return false;
			}
		}
		*count += (uint64_t)n;
		conn_touch(c, WORKER_TUNNEL_MS);
	}
	chan_pause(from);
	return true;
}

static void tunnel_origin_io(struct origin *o, int what)
{
	struct conn *c = o->user;
	/* Where TLS holds bytes already read, nothing wakes us for them: asked once. */
	if ((what & CHAN_WRITABLE) && !c->ch.reading) {
		chan_resume(&c->ch);
		if (!move(c, &c->ch, &o->ch, &c->bytes_up))
			return;
	}
	if (what & CHAN_READABLE)
		move(c, &o->ch, &c->ch, &c->bytes_down);
}

static void tunnel_event(struct conn *c, int what)
{
	if ((what & CHAN_WRITABLE) && !c->origin->ch.reading) {
		chan_resume(&c->origin->ch);
		if (!move(c, &c->origin->ch, &c->ch, &c->bytes_down))
			return;
	}
	if (what & CHAN_READABLE)
		move(c, &c->ch, &c->origin->ch, &c->bytes_up);
}

/* From now on bytes both ways: `up` first, which always fits into an empty socket. False if it went wrong. */
static bool become_tunnel(struct conn *c, struct origin *o, struct str up)
{
	c->origin = o;
	o->io = tunnel_origin_io;
	o->user = c;
	c->state = CONN_TUNNEL;
	conn_touch(c, WORKER_TUNNEL_MS);
	if (chan_write(&o->ch, up.ptr, up.len) != (long)up.len) {
		give_up(c, "connect", "Error");
		return false;
	}
	c->bytes_up += up.len;
	buf_done(&c->in);
	chan_resume(&c->ch);
	return true;
}

static void tunnel_ready(struct origin *o, void *user)
{
	struct conn *c = user;
	if (o->fail) {
		c->origin = NULL;
		give_up(c, o->fail == FAIL_FORBIDDEN ? "destination" : o->fail == FAIL_BLOCKED ? o->detail : "connect",
		        o->fail == FAIL_FORBIDDEN || o->fail == FAIL_BLOCKED ? "Blocked" : "Error");
		return;
	}
	c->txn->origin_addr = o->addr;
	if (become_tunnel(c, o, buf_view(&c->in)))
		move(c, &c->ch, &o->ch, &c->bytes_up); /* what TLS to the proxy has read already wakes nobody */
}

static void start_tunnel(struct conn *c)
{
	bool now;
	struct origin_want want = { .host = c->tunnel.host, .port = c->tunnel.port, .fresh = true, .terminal = c->terminal, .groups = c->user.groups, .ready = tunnel_ready, .user = c };
	c->state = CONN_PREPARE;
	conn_touch(c, 2 * WORKER_HEAD_MS);
	chan_pause(&c->ch);
	if (origin_get(c->org, &want, &c->origin, &now) < 0)
		give_up(c, "memory", "Error");
}

/* ---- interception ---- */

/* A program that isn't to speak: its own event says so, whether it goes on to ask for something or not. */
static bool program_denied(struct conn *c, char rule[CONF_RULE])
{
	return !check_is_ours(c->w->conf, &c->tunnel) && conf_ja4_denied(c->w->conf, c->org->conf, c->ja4, rule);
}

static void on_handshake_done(struct conn *c)
{
	char rule[CONF_RULE];
	org_count(c->org, STAT_INTERCEPTED, 1);
	c->intercepted = true;
	if (c->txn) {
		c->txn->silent = !program_denied(c, rule);
		if (!c->txn->silent) {
			txn_set_rule(c->txn, rule);
			c->txn->action = "Denied";
			c->txn->disposition = "Blocked";
		}
		txn_destroy(c->txn);
	}
	if (chan_speaks_h2(&c->ch)) {
		c->state = CONN_H2;
		conn_touch(c, WORKER_HEAD_MS);
		if (down2_open(c) < 0)
			conn_destroy(c, "Error");
		else
			down2_event(c, CHAN_READABLE);
		return;
	}
	conn_next(c, true); /* looks at once: the first request may have come with the last flight */
}

/* A program that trusts a certificate of its own choice only ends the handshake with one of these (RFC 8446 6.2): whether it is one such, and which,
 * is found among all events (index/refusals.h). */
static const char *refusal(void)
{
	switch (ERR_GET_REASON(ERR_peek_last_error())) {
	case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
		return "unknown_ca";
	case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
		return "bad_certificate";
	case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
		return "certificate_unknown";
	default:
		return NULL;
	}
}

static void handshake_failed(struct conn *c)
{
	const char *why = refusal();
	char rule[CONF_RULE];
	if (why && c->txn)
		snprintf(c->txn->reason, sizeof c->txn->reason, "the program refused the certificate: %s", why);
	if (program_denied(c, rule))
		give_up(c, rule, "Blocked");
	else
		give_up(c, "tls.client", "Error");
}

static void do_handshake(struct conn *c)
{
	int r = chan_handshake(&c->ch);
	if (r < 0)
		handshake_failed(c);
	else if (r == 1)
		on_handshake_done(c);
}

static void start_handshake(struct conn *c)
{
	SSL *ssl = tls_accept(c->w, c->leaf, c->org->code, c->name);
	if (!ssl) {
		give_up(c, "memory", "Error");
		return;
	}
	SSL_set_app_data(ssl, c->offer_h2 ? c : NULL); /* on_alpn() of tls.c */
	if (chan_tls(&c->ch, ssl, buf_view(&c->in)) < 0) {
		give_up(c, "memory", "Error");
		return;
	}
	buf_done(&c->in);
	c->state = CONN_HANDSHAKE;
	conn_touch(c, WORKER_HEAD_MS);
	chan_resume(&c->ch);
	do_handshake(c);
}

static void prepared(struct conn *c)
{
	if (c->state == CONN_PREPARE && !c->verify_wait && !c->leaf_wait && c->leaf)
		start_handshake(c);
}

static void on_leaf(X509 *x, int code, void *user)
{
	struct conn *c = user;
	c->leaf_wait = false;
	if (!x) {
		give_up(c, "vault", "Error");
		return;
	}
	X509_up_ref(x);
	c->leaf = x;
	prepared(c);
}

static void ask_leaf(struct conn *c)
{
	c->leaf_wait = true;
	leaf_get(c->w->leaves, c->name, on_leaf, c);
}

/* The server is who its category was said of; what it is told stays between the two. */
static void pass_on(struct conn *c)
{
	undecrypted_remember(c->w, c->org->conf, c->tunnel.host, c->tunnel.port);
	start_tunnel(c);
}

static void on_verified(struct origin *o, void *user)
{
	struct conn *c = user;
	c->origin = NULL;
	c->verify_wait = false;
	c->cert = o->cert;
	if (c->passes && !o->fail) {
		origin_forget(o);
		pass_on(c);
		return;
	}
	c->fail = o->fail;
	if (o->fail)
		snprintf(c->fail_detail, sizeof c->fail_detail, "%s", o->detail);
	c->offer_h2 = o->h2 != NULL;
	if (!o->fail)
		origin_release(o); /* the first request takes it from the pool */
	if (c->passes)
		ask_leaf(c);
	prepared(c);
}

/* Origin and certificate at the same time. A connection of this very name in the pool was verified already. */
static void prepare(struct conn *c, bool allowed)
{
	bool now = false;
	c->state = CONN_PREPARE;
	conn_touch(c, 2 * WORKER_HEAD_MS);
	chan_pause(&c->ch);
	c->verify_wait = allowed;
	if (!c->passes)
		ask_leaf(c);
	if (!allowed || c->state != CONN_PREPARE)
		return;
	struct origin_want want = { .host = c->tunnel.host, .sni = c->name, .port = c->tunnel.port, .tls = true, .terminal = c->terminal, .groups = c->user.groups,
		                    .ready = on_verified, .user = c };
	if (origin_get(c->org, &want, &c->origin, &now) < 0) {
		give_up(c, "memory", "Error");
	} else if (now) {
		struct origin *o = c->origin;
		c->origin = NULL;
		c->verify_wait = false;
		c->cert = o->cert;
		c->offer_h2 = o->h2 != NULL;
		origin_release(o);
		if (c->passes)
			pass_on(c);
		else
			prepared(c);
	}
}

/* ---- looking ---- */

/* Undecrypted only where CONNECT's own host is on the list, or of the category: that name we resolve ourselves, so the tunnel leads where
 * the list means. The server name is whatever the terminal writes; it may only agree. Without one, for an address,
 * or when the two differ, the connection is opened. */
static bool may_pass(const struct conn *c, const char *sni)
{
	return !c->tunnel.is_addr && strcmp(sni, c->tunnel.host) == 0;
}

static bool passes_undecrypted(const struct conn *c, const char *sni)
{
	const struct conf_org *org = c->org->conf;
	return !org->tls_decryption || (may_pass(c, sni) && conf_undecrypted(org, c->tunnel.host));
}

static void on_hello(struct conn *c, const struct client_hello *ch)
{
	struct decision d;
	bool transparent = !c->tunnel.host[0];
	memcpy(c->ja4, ch->ja4, sizeof c->ja4);
	if (transparent && (!ch->sni[0] || target_parse_authority(str_from(ch->sni), 443, &c->tunnel) < 0)) { /* nobody said where it is to go */
		give_up(c, "sni", "Blocked");
		return;
	}
	if (transparent)
		c->txn->target = c->tunnel;
	snprintf(c->name, sizeof c->name, "%s", transparent || !ch->sni[0] ? c->tunnel.host : ch->sni);
	if (check_is_ours(c->w->conf, &c->tunnel)) { /* no origin, and by no other name */
		snprintf(c->name, sizeof c->name, "%s", c->tunnel.host);
		prepare(c, false);
		return;
	}
	const struct asker who = conn_asker(c);
	decide_both(c->w, c->org->conf, &c->tunnel, c->name, &who, &d);
	c->state = CONN_PREPARE;
	if (c->txn) {
		txn_decided(c->txn, &d);
	}
	const char *sni = transparent ? c->name : ch->sni;
	const struct conf_org *org = c->org->conf;
	char program[CONF_RULE];
	bool denied = conf_ja4_denied(c->w->conf, org, c->ja4, program);
	if (denied && c->txn)
		c->txn->rule_name[0] = 0; /* of what the lists say of the name */
	if (denied && passes_undecrypted(c, sni)) {
		give_up(c, program, "Blocked");
	} else if (denied) { /* no origin, but the page */
		prepare(c, false);
	} else if (!passes_undecrypted(c, sni)) {
		c->passes = d.allow && !c->gate_rule[0] && may_pass(c, sni) && undecrypted_category(c->w, org, c->tunnel.host);
		if (c->passes && undecrypted_verified(c->w, org, c->tunnel.host, c->tunnel.port))
			start_tunnel(c);
		else
			prepare(c, !c->gate_rule[0] && (d.allow || d.wants_path));
	} else if (c->gate_rule[0]) {
		give_up(c, c->gate_rule, "Blocked");
	} else if (d.allow) {
		start_tunnel(c);
	} else {
		give_up(c, d.rule, "Blocked");
	}
}

static void peek(struct conn *c)
{
	struct client_hello ch;
	for (;;) {
		int r = c->in.len ? client_hello_parse(c->in.ptr, c->in.len, &ch) : 0;
		if (r == 1) {
			on_hello(c, &ch);
			return;
		}
		/* CONNECT is for TLS here: anything else is a way round inspection. */
		if (r < 0) {
			give_up(c, "protocol", "Blocked");
			return;
		}
		r = conn_fill(c);
		if (r == -E_AGAIN)
			return;
		if (r < 0) {
			give_up(c, "protocol", "Error");
			return;
		}
	}
}

void connect_begin(struct conn *c)
{
	c->state = CONN_PEEK;
	conn_touch(c, WORKER_HEAD_MS);
	if (!c->ch.reading)
		chan_resume(&c->ch);
	peek(c);
}

/* As after CONNECT to the name the ClientHello will say. */
void connect_transparent(struct conn *c)
{
	struct txn *t = down1_txn(c);
	if (!t)
		return;
	t->method = HTTP_CONNECT;
	t->rq_done = t->tunnel = true;
	c->tunnel = t->target = (struct target){ .https = true, .port = 443 };
	c->terminal = c->peer;
	connect_begin(c);
}

void connect_event(struct conn *c, int what)
{
	switch (c->state) {
	case CONN_PEEK:
		if (what & CHAN_READABLE)
			peek(c);
		break;
	case CONN_HANDSHAKE:
		do_handshake(c);
		break;
	case CONN_TUNNEL:
		if (c->socket)
			socket_event(c, what);
		else
			tunnel_event(c, what);
		break;
	case CONN_PREPARE:
		if (c->ch.broken)
			conn_destroy(c, "Reset");
		break;
	default:
		break;
	}
}
