/* Origin connections; see origin.h. The last line of the decisions stands here: what a name resolves to is checked
 * (guard, black lists, blocks) before connect(), and a certificate before the first byte of a request. */
#include "proxy/origin.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "proxy/guard.h"
#include "proxy/revocation.h"
#include "proxy/up2.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>

#ifndef IP_BIND_ADDRESS_NO_PORT
#define IP_BIND_ADDRESS_NO_PORT 24
#endif

static void try_next(struct origin *o);
static void find_address(struct origin *o);
static void attempts_end(struct origin *o);

static void set_fail(struct origin *o, enum origin_fail fail, const char *detail)
{
	o->fail = fail;
	snprintf(o->detail, sizeof o->detail, "%s", detail);
}

/* ---- the pool ---- */

static bool pool_add(struct origin *o)
{
	struct origin *head = map_get(&o->org->pool, str_from(o->key));
	o->prev = NULL;
	o->next = head;
	if (head)
		head->prev = o;
	if (map_put(&o->org->pool, str_from(o->key), o) < 0) {
		if (head)
			head->prev = NULL;
		return false;
	}
	o->org->n_idle++;
	return o->pooled = true;
}

static void pool_remove(struct origin *o)
{
	if (o->prev)
		o->prev->next = o->next;
	else if (o->next)
		map_put(&o->org->pool, str_from(o->key), o->next);
	else
		map_del(&o->org->pool, str_from(o->key));
	if (o->next)
		o->next->prev = o->prev;
	o->next = o->prev = NULL;
	o->pooled = false;
	o->org->n_idle--;
}

static bool breaks_out(const struct conf_org *o, const char *host)
{
	return conf_timed_match(o->breakouts, o->n_breakouts, host);
}

/* One that went by the breakout line isn't used beyond the end of that; a new configuration empties the pool anyway. */
static struct origin *pool_get(struct org_rt *org, const char *key)
{
	struct origin *o = map_get(&org->pool, str_from(key));
	while (o && o->broken_out && !breaks_out(org->conf, o->host)) {
		struct origin *next = o->next;
		if (o->state == ORIGIN_SHARED)
			origin_leave(o);
		else
			origin_close(o);
		o = next;
	}
	return o;
}

void origin_pool_sweep(struct org_rt *org, bool all)
{
	void *v;
	for (size_t i = 0; map_next(&org->pool, &i, NULL, &v);) {
		for (struct origin *o = v, *next; o; o = next) {
			next = o->next;
			if (all && o->state == ORIGIN_SHARED)
				origin_leave(o);
			else if (all || org->w->now >= o->deadline)
				origin_close(o);
			else
				chan_rest(&o->ch);
		}
	}
}

/* ---- ending ---- */

static void origin_free(struct origin *o)
{
	buf_done(&o->in);
	mem_free(o->groups);
	mem_free(o);
}

static void on_closed(struct chan *c)
{
	struct origin *o = (struct origin *)(void *)c;
	up2_free(o);
	origin_free(o);
}

void origin_close(struct origin *o)
{
	if (!o || o->state == ORIGIN_DEAD)
		return;
	if (o->pooled)
		pool_remove(o);
	if (o->h2)
		up2_leave(o);
	revocation_leave(o);
	attempts_end(o);
	o->state = ORIGIN_DEAD;
	o->ready = NULL;
	o->io = NULL;
	if (o->ch.open) {
		chan_goodbye(&o->ch);
		chan_close(&o->ch, on_closed);
	} else if (!o->resolving) {
		origin_free(o);
	}
	/* else: the resolver still holds it; on_resolved() frees */
}

static void finish(struct origin *o)
{
	origin_ready fn = o->ready;
	o->ready = NULL;
	if (o->fail) {
		enum origin_state was = o->state;
		o->state = was == ORIGIN_DEAD ? was : ORIGIN_BUSY;
		if (fn)
			fn(o, o->user);
		origin_close(o);
		return;
	}
	o->state = o->h2 ? ORIGIN_SHARED : ORIGIN_BUSY;
	if (o->h2)
		pool_add(o); /* where it can't be, it is closed after its first use */
	if (fn)
		fn(o, o->user);
}

static void lose(struct origin *o, enum origin_fail fail, const char *detail)
{
	set_fail(o, fail, detail);
	finish(o);
}

/* ---- TLS ---- */

void origin_keep_cert(struct origin *o, const X509 *x)
{
	unsigned char sha[SHA256_LEN];
	unsigned n;
	struct tm tm;
	BIO *b = x ? BIO_new(BIO_s_mem()) : NULL;
	if (b && X509_digest(x, EVP_sha256(), sha, &n) == 1) {
		hex_format(sha, sizeof sha, o->cert.sha256);
		o->cert.ends_s = ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) ? (int64_t)timegm(&tm) : 0;
		int len = X509_NAME_print_ex(b, X509_get_issuer_name(x), 0, XN_FLAG_RFC2253) > 0 ? BIO_read(b, o->cert.issuer, sizeof o->cert.issuer - 1) : 0;
		o->cert.issuer[len > 0 ? len : 0] = 0;
	}
	BIO_free(b);
}

static void forget_session(struct origin *o)
{
	SSL_SESSION_free(map_del(&o->org->w->sessions, str_from(o->key)));
}

static void tls_failed(struct origin *o)
{
	long v = SSL_get_verify_result(o->ch.ssl);
	unsigned long e = ERR_peek_last_error();
	origin_keep_cert(o, SSL_get0_peer_certificate(o->ch.ssl));
	const char *why = v != X509_V_OK ? X509_verify_cert_error_string(v) : ERR_reason_error_string(e);
	o->tls_check = (int)v;
	forget_session(o);
	if (v == X509_V_OK && o->wants_cert)
		lose(o, FAIL_CLIENT_CERT, ORIGIN_WANTS_CERT);
	else
		lose(o, FAIL_TLS, why ? why : "the connection was closed during the handshake");
}

static void verified(struct origin *o)
{
	if (chan_speaks_h2(&o->ch) && up2_open(o) < 0)
		lose(o, FAIL_TLS, "no memory");
	else
		finish(o);
}

/* The authority's word, or that there is none. Without one it is the organisation's to say. */
static void checked(struct origin *o, enum revocation_word word)
{
	bool hard = o->org->conf && o->org->conf->revocation == REVOCATION_HARD;
	if (word == REVOCATION_FINE || (word == REVOCATION_UNKNOWN && !hard)) {
		verified(o);
		return;
	}
	forget_session(o);
	o->tls_check = X509_V_ERR_CERT_REVOKED;
	lose(o, FAIL_TLS, word != REVOCATION_REVOKED ? ORIGIN_NO_WORD : o->revoked_at ? ORIGIN_AUTHORITY_REVOKED : X509_verify_cert_error_string(X509_V_ERR_CERT_REVOKED));
}

static void do_handshake(struct origin *o)
{
	int r = chan_handshake(&o->ch);
	if (r == 0)
		return;
	if (r < 0) {
		tls_failed(o);
		return;
	}
	origin_keep_cert(o, SSL_get0_peer_certificate(o->ch.ssl));
	enum revocation_word word = revocation_look(o->org->w->revocation, o);
	if (word == REVOCATION_WAITS) {
		o->state = ORIGIN_CHECK;
		o->deadline = o->org->w->now + REVOCATION_WAIT_MS; /* for all that is asked about it */
		chan_pause(&o->ch);
	} else {
		checked(o, word);
	}
}

/* What was waited for is known, or there is no more time: all of the chain is looked at anew. */
void origin_told(struct origin *o, int told)
{
	bool late = o->org->w->now >= o->deadline;
	enum revocation_word word = revocation_look(o->org->w->revocation, o);
	if (word == REVOCATION_WAITS && told != REVOCATION_REVOKED && !late)
		return;
	revocation_leave(o);
	if (word == REVOCATION_WAITS || (told == REVOCATION_REVOKED && word != REVOCATION_REVOKED)) {
		word = told == REVOCATION_REVOKED ? REVOCATION_REVOKED : REVOCATION_UNKNOWN;
		org_count(o->org, word == REVOCATION_REVOKED ? STAT_REVOKED : STAT_REVOCATION_UNKNOWN, 1);
	}
	chan_resume(&o->ch);
	checked(o, word);
}

static void start_tls(struct origin *o)
{
	struct worker *w = o->org->w;
	SSL *ssl = SSL_new(w->origin_ctx);
	struct prefix ip;
	if (!ssl || chan_tls(&o->ch, ssl, STR("")) < 0) {
		lose(o, FAIL_TLS, "no memory");
		return;
	}
	SSL_set_app_data(ssl, o);
	SSL_set_connect_state(ssl);
	if (prefix_parse(str_from(o->sni), &ip) == 0) {
		X509_VERIFY_PARAM_set1_ip(SSL_get0_param(ssl), ip.addr, ip.family == 4 ? 4 : 16);
	} else {
		SSL_set_tlsext_host_name(ssl, o->sni);
		SSL_set1_host(ssl, o->sni);
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT); /* RFC 9525 section 1.2 */
	}
	if (o->h1)
		SSL_set_alpn_protos(ssl, (const unsigned char *)"\x08http/1.1", 9);
	tls_resume(o, ssl);
	o->state = ORIGIN_TLS;
	o->trust = w->trust;
	o->deadline = w->now + ORIGIN_TLS_MS;
	do_handshake(o);
}

/* ---- connecting ---- */

static void on_event(struct chan *c, int what)
{
	struct origin *o = (struct origin *)(void *)c;
	switch (o->state) {
	case ORIGIN_TLS:
		do_handshake(o);
		break;
	case ORIGIN_BUSY:
	case ORIGIN_SHARED:
		if (o->io)
			o->io(o, what);
		break;
	case ORIGIN_IDLE: {
		/* A session ticket may still come; anything else is the end of it. */
		char junk[256];
		if (chan_read(c, junk, sizeof junk) != -E_AGAIN)
			origin_close(o);
		break;
	}
	default:
		break;
	}
}

static int bind_source(int fd, const struct prefix *from)
{
	struct sockaddr_storage ss;
	int one = 1;
	if (!from->family)
		return 0;
	setsockopt(fd, SOL_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof one);
	if (from->family == 4)
		setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof one);
	else
		setsockopt(fd, SOL_IPV6, IPV6_FREEBIND, &one, sizeof one);
	socklen_t n = prefix_to_sockaddr(from, 0, &ss);
	return bind(fd, (struct sockaddr *)&ss, n);
}

/* A descriptor that is connecting, or -1 with o->fail set. */
static int connect_to(struct origin *o, const struct prefix *a)
{
	const struct conf_org *conf = o->org->conf;
	struct sockaddr_storage ss;
	int one = 1, fd = socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		set_fail(o, FAIL_REFUSED, strerror(errno));
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	const int priority = BREAKOUT_PRIORITY;
	o->broken_out = breaks_out(conf, o->host);
	if (o->broken_out)
		setsockopt(fd, SOL_SOCKET, SO_PRIORITY, &priority, sizeof priority);
	socklen_t n = prefix_to_sockaddr(a, o->port, &ss);
	if (bind_source(fd, a->family == 4 ? &conf->global4 : &conf->global6) < 0 ||
	    (connect(fd, (struct sockaddr *)&ss, n) < 0 && errno != EINPROGRESS)) {
		set_fail(o, FAIL_REFUSED, strerror(errno));
		close(fd);
		return -1;
	}
	return fd;
}

/* May this address be reached at all? Sets o->fail when not. */
static bool address_ok(struct origin *o, const struct prefix *a)
{
	struct worker *w = o->org->w;
	const struct conf *c = w->conf;
	char rule[80];
	const struct decide_place place = { o->host, o->tls, o->port, a, { &o->terminal, "", o->groups ? o->groups : "" } };
	if (guard_refuses(a, c->refuse, c->n_refuse, c->except, c->n_except)) {
		set_fail(o, FAIL_FORBIDDEN, "the name leads to an address that isn't on the Internet");
		return false;
	}
	if (!decide_address(w, o->org->conf, &place, rule)) {
		set_fail(o, FAIL_BLOCKED, rule);
		return false;
	}
	const struct block_query q = { .org = o->org->code, .address = *a, .terminal = o->terminal };
	const struct block *k = blocks_find(w->blocks, &q);
	if (k) {
		snprintf(rule, sizeof rule, "block:%s", k->id);
		set_fail(o, FAIL_BLOCKED, rule);
	}
	return !k;
}

/* Addresses that answer at once are the rule; one that doesn't gets company after ORIGIN_NEXT_MS, and whoever answers
 * first is taken (RFC 8305). */
struct attempt {
	uv_poll_t poll;
	struct attempt *next;
	struct origin *o; /* NULL: given up, libuv has yet to say so */
	struct prefix addr;
	int fd;
};

static void attempt_closed(uv_handle_t *h)
{
	mem_free(h->data);
}

/* Takes it out. Its descriptor, which is the caller's. */
static int attempt_end(struct attempt *a)
{
	struct attempt **p = &a->o->attempts;
	while (*p != a)
		p = &(*p)->next;
	*p = a->next;
	a->o = NULL;
	uv_close((uv_handle_t *)&a->poll, attempt_closed);
	return a->fd;
}

static void attempts_end(struct origin *o)
{
	while (o->attempts)
		close(attempt_end(o->attempts));
}

static void on_attempt(uv_poll_t *h, int status, int events)
{
	struct attempt *a = h->data;
	struct origin *o = a->o;
	int e = 0;
	socklen_t n = sizeof e;
	getsockopt(a->fd, SOL_SOCKET, SO_ERROR, &e, &n);
	if (e || status < 0) {
		set_fail(o, e == ETIMEDOUT ? FAIL_TIMEOUT : FAIL_REFUSED, e ? strerror(e) : uv_strerror(status));
		close(attempt_end(a));
		try_next(o);
		return;
	}
	o->addr = a->addr;
	int fd = attempt_end(a);
	attempts_end(o);
	set_fail(o, FAIL_NONE, "");
	if (!address_ok(o, &o->addr)) { /* blocked since */
		close(fd);
		finish(o);
	} else if (chan_open(&o->ch, &o->org->w->chan, fd, on_event) < 0) {
		close(fd);
		lose(o, FAIL_REFUSED, "no memory");
	} else if (o->tls) {
		start_tls(o);
	} else {
		finish(o);
	}
}

static bool begin_attempt(struct origin *o, const struct prefix *addr)
{
	int fd = connect_to(o, addr);
	struct attempt *a = fd >= 0 ? mem_alloc(sizeof *a) : NULL;
	if (!a || uv_poll_init(&o->org->w->loop, &a->poll, fd) != 0) {
		mem_free(a);
		if (fd >= 0)
			close(fd);
		return false;
	}
	a->poll.data = a;
	a->next = o->attempts;
	a->o = o;
	a->addr = o->addr = *addr;
	a->fd = fd;
	o->attempts = a;
	uv_poll_start(&a->poll, UV_WRITABLE, on_attempt);
	return true;
}

static void try_next(struct origin *o)
{
	int64_t now = o->org->w->now;
	while (o->next_addr < o->addrs.n && o->tried < ORIGIN_ADDRESSES && o->org->conf) {
		const struct prefix *a = &o->addrs.addr[o->next_addr++];
		if (!address_ok(o, a) || (o->tried++, !begin_attempt(o, a)))
			continue;
		o->state = ORIGIN_CONNECTING;
		o->next_ms = now + ORIGIN_NEXT_MS;
		o->deadline = now + ORIGIN_CONNECT_MS;
		return;
	}
	if (o->attempts) /* one of them may answer yet */
		return;
	if (!o->fail)
		set_fail(o, FAIL_REFUSED, "no address could be reached");
	finish(o);
}

void origin_tick(struct origin *o)
{
	int64_t now = o->org->w->now;
	if (o->state == ORIGIN_CONNECTING && now >= o->deadline)
		lose(o, FAIL_TIMEOUT, "no answer to the connection");
	else if (o->state == ORIGIN_CONNECTING && now >= o->next_ms && o->next_addr < o->addrs.n)
		try_next(o);
	else if (o->state == ORIGIN_TLS && now >= o->deadline)
		lose(o, FAIL_TIMEOUT, "no answer to the TLS handshake");
	else if (o->state == ORIGIN_CHECK && now >= o->deadline) {
		revocation_leave(o);
		origin_told(o, REVOCATION_UNKNOWN);
	}
}

/* The families in turn (RFC 8305 4): where one of them leads nowhere, the second address tried is of the other. */
static void in_turn(const struct resolved *r, struct resolved *ret)
{
	size_t at[2] = { 0, 0 };
	*ret = (struct resolved){ 0 };
	for (size_t turn = 0; turn < 2 * RESOLVE_MAX; turn++) {
		size_t *i = &at[turn % 2];
		while (*i < r->n && r->addr[*i].family != (turn % 2 ? 6 : 4))
			(*i)++;
		if (*i < r->n)
			ret->addr[ret->n++] = r->addr[(*i)++];
	}
}

static void on_resolved(const struct resolved *r, void *user)
{
	struct origin *o = user;
	o->resolving = false;
	if (o->state == ORIGIN_DEAD) { /* closed meanwhile */
		origin_free(o);
		return;
	}
	if (r->code == -E_CLOSED && o->org->conf) { /* a change: asked anew where it says */
		find_address(o);
		return;
	}
	if (r->code < 0) {
		lose(o, r->code == -E_TIMEOUT ? FAIL_DNS_TIMEOUT : FAIL_DNS,
		     r->code == -E_NOT_FOUND ? "no such name" : r->code == -E_TIMEOUT ? "no answer" : "the resolver refused");
		return;
	}
	in_turn(r, &o->addrs);
	try_next(o);
}

static void find_address(struct origin *o)
{
	struct org_rt *org = o->org;
	struct resolved r = { .n = 1 };
	const struct prefix *dev = conf_host(org->w->conf, o->host);
	if (dev)
		r.addr[0] = *dev;
	if (dev || prefix_parse(str_from(o->host), &r.addr[0]) == 0) {
		on_resolved(&r, o);
		return;
	}
	if (!org->resolver && resolver_open(&org->w->loop, &org->conf->resolver, &org->conf->resolver_from, &org->resolver) < 0) {
		lose(o, FAIL_DNS, "no resolver");
		return;
	}
	o->resolving = true;
	resolver_ask(org->resolver, o->host, on_resolved, o);
}

static struct origin *make(struct org_rt *org, const struct origin_want *want, const char *key)
{
	struct origin *o = mem_alloc(sizeof *o);
	if (!o)
		return NULL;
	o->org = org;
	o->tls = want->tls;
	o->h1 = want->h1;
	o->port = want->port;
	o->trust = org->w->trust;
	o->terminal = want->terminal;
	o->groups = want->groups && *want->groups ? mem_strdup(want->groups) : NULL;
	o->ready = want->ready;
	o->user = want->user;
	o->ch.fd = -1;
	snprintf(o->host, sizeof o->host, "%s", want->host);
	snprintf(o->sni, sizeof o->sni, "%s", want->sni ? want->sni : "");
	snprintf(o->key, sizeof o->key, "%s", key);
	buf_init(&o->in, 2 * HTTP_MAX_HEAD);
	return o;
}

/* With the organisation: TLS sessions are kept by this key for all of the thread's, and a session would tell an origin
 * that two organisations are the same proxy's. */
static void format_key(const struct org_rt *org, const struct origin_want *want, char dst[ORIGIN_KEY])
{
	char port[2 * sizeof want->port + 1];
	const char *const parts[] = { org->code, want->tls ? "|s" : "|", want->host, "|", port, "|", want->sni ? want->sni : "", want->h1 ? "|1" : "" };
	size_t n = 0;
	hex_format(&want->port, sizeof want->port, port);
	for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
		str_clip(parts[i], dst + n, ORIGIN_KEY - n);
		n += strlen(dst + n);
	}
}

int origin_get(struct org_rt *org, const struct origin_want *want, struct origin **ret, bool *ret_now)
{
	char key[ORIGIN_KEY];
	format_key(org, want, key);
	*ret_now = false;
	struct origin *o = want->fresh ? NULL : pool_get(org, key); /* used last */
	if (o && want->sure && o->state == ORIGIN_IDLE && org->w->now > o->deadline - ORIGIN_IDLE_MS + ORIGIN_SURE_MS)
		o = NULL;
	if (o) {
		if (o->state == ORIGIN_IDLE) {
			pool_remove(o);
			o->state = ORIGIN_BUSY;
			o->user = want->user;
		}
		o->reused = *ret_now = true;
		*ret = o;
		return 0;
	}
	*ret = o = make(org, want, key);
	if (!o)
		return -E_NOMEM;
	o->deadline = org->w->now + ORIGIN_TLS_MS;
	find_address(o);
	return 0;
}

void origin_release(struct origin *o)
{
	struct org_rt *org = o->org;
	if (o->state == ORIGIN_SHARED) {
		origin_shared(o);
		return;
	}
	if (o->state != ORIGIN_BUSY || o->ch.broken || o->ch.eof || o->in.len || !chan_drained(&o->ch) || !org->conf || o->trust != org->w->trust ||
	    org->n_idle >= ORIGIN_IDLE_ORG) {
		origin_close(o);
		return;
	}
	o->io = NULL;
	o->user = NULL;
	buf_done(&o->in);
	o->state = ORIGIN_IDLE;
	o->deadline = org->w->now + ORIGIN_IDLE_MS;
	if (!o->ch.reading)
		chan_resume(&o->ch);
	if (!pool_add(o)) {
		o->state = ORIGIN_BUSY;
		origin_close(o);
	}
}

/* ---- shared ones ---- */

void origin_shared(struct origin *o)
{
	struct org_rt *org = o->org;
	if (o->state != ORIGIN_SHARED)
		return;
	bool may = !o->leaving && org->conf && o->trust == org->w->trust && up2_may_begin(o);
	if (!may && o->pooled)
		pool_remove(o);
	else if (may && !o->pooled && org->n_idle < ORIGIN_IDLE_ORG)
		pool_add(o);
	o->deadline = up2_idle(o) ? org->w->now + ORIGIN_IDLE_MS : INT64_MAX;
	if (up2_idle(o) && !o->pooled)
		origin_close(o);
}

void origin_leave(struct origin *o)
{
	o->leaving = true;
	origin_shared(o);
}

void origin_forget(struct origin *o)
{
	if (o->state == ORIGIN_SHARED)
		origin_shared(o);
	else
		origin_close(o);
}
