/* A client's connection: accepted by an organisation's listener, read into requests, given up in the end. */
#include "proxy/conn.h"
#include "proxy/down2.h"
#include "proxy/socket.h"
#include "proxy/txn.h"
#include "proxy/undecrypted.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

static void read_head(struct conn *c);

/* ---- how many a terminal has ---- */

struct terminal_key {
	char org[8];
	uint8_t addr[17];
};

enum counted { CONNECTIONS, STREAMS };

static struct str terminal_key(const struct conn *c, enum counted what, struct terminal_key *k)
{
	memset(k, 0, sizeof *k);
	memcpy(k->org, c->org->code, sizeof k->org);
	k->addr[0] = (uint8_t)(c->peer.family | (what == STREAMS ? 0x80 : 0));
	memcpy(k->addr + 1, c->peer.addr, 16);
	return (struct str){ (const char *)k, sizeof *k };
}

/* The count is the map's value itself. */
static bool terminal_add(struct conn *c, enum counted what)
{
	struct terminal_key k;
	struct str key = terminal_key(c, what, &k);
	uintptr_t n = (uintptr_t)map_get(&c->w->terminals, key);
	const struct conf_org *o = c->org->conf;
	bool many = conf_is_child_proxy(o, &c->peer) || conf_is_terminal_server(o, &c->peer);
	size_t max = what == STREAMS ? (many ? WORKER_STREAMS_ORG : WORKER_STREAMS_TERMINAL) : many ? WORKER_CONNS_ORG : WORKER_CONNS_TERMINAL;
	return n < max && map_put(&c->w->terminals, key, (void *)(n + 1)) == 0;
}

static void terminal_remove(struct conn *c, enum counted what)
{
	struct terminal_key k;
	struct str key = terminal_key(c, what, &k);
	uintptr_t n = (uintptr_t)map_get(&c->w->terminals, key);
	if (n > 1)
		map_put(&c->w->terminals, key, (void *)(n - 1));
	else if (n == 1)
		map_del(&c->w->terminals, key);
}

bool conn_stream_add(struct conn *c)
{
	return terminal_add(c, STREAMS);
}

void conn_stream_remove(struct conn *c)
{
	terminal_remove(c, STREAMS);
}

/* ---- life ---- */

void conn_touch(struct conn *c, int64_t ms)
{
	c->deadline = c->w->now + ms;
}

static void on_closed(struct chan *ch)
{
	struct conn *c = (struct conn *)(void *)ch;
	down2_free(c);
	buf_done(&c->in);
	mem_free(c);
}

void conn_destroy(struct conn *c, const char *disposition)
{
	if (c->state == CONN_DEAD)
		return;
	connect_abort(c);
	wait_leave(c);
	c->state = CONN_DEAD;
	if (c->h2)
		down2_leave(c, disposition);
	if (c->txn) {
		if (disposition && strcmp(c->txn->disposition, "Allowed") == 0)
			c->txn->disposition = disposition;
		txn_destroy(c->txn);
	}
	if (c->prev)
		c->prev->next = c->next;
	else
		c->w->conns = c->next;
	if (c->next)
		c->next->prev = c->prev;
	terminal_remove(c, CONNECTIONS);
	c->org->n_conns--;
	atomic_fetch_sub_explicit(c->org->stat[STAT_CONNECTIONS], 1, memory_order_relaxed);
	if (!c->ch.open) { /* parked: who called us may still look at it */
		c->next = c->w->buried;
		c->w->buried = c;
		return;
	}
	chan_goodbye(&c->ch);
	chan_close(&c->ch, on_closed);
}

void conn_bury(struct worker *w)
{
	while (w->buried) {
		struct conn *c = w->buried;
		w->buried = c->next;
		on_closed(&c->ch);
	}
}

int conn_fill(struct conn *c)
{
	size_t want = c->in.len + 16384 <= c->in.max ? 16384 : c->in.max - c->in.len;
	if (want == 0 || !buf_room(&c->in, want))
		return -E_LIMIT;
	long n = chan_read(&c->ch, c->in.ptr + c->in.len, want);
	if (n <= 0)
		return n == -E_AGAIN ? -E_AGAIN : -E_CLOSED;
	c->in.len += (size_t)n;
	return 0;
}

/* Last words are under way: half-close, and read away what still comes, else a reset would eat them. */
static void linger(struct conn *c)
{
	c->state = CONN_LINGER;
	conn_touch(c, 2000);
	chan_goodbye(&c->ch);
	shutdown(c->ch.fd, SHUT_WR);
	buf_done(&c->in);
	if (!c->ch.reading)
		chan_resume(&c->ch);
}

static void read_away(struct conn *c)
{
	char junk[16384];
	ssize_t n = recv(c->ch.fd, junk, sizeof junk, MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		conn_destroy(c, NULL);
}

void conn_next(struct conn *c, bool keep)
{
	if (c->state == CONN_DEAD)
		return;
	if (!keep || !c->org->conf) {
		linger(c);
		return;
	}
	c->state = CONN_HEAD;
	c->seen = 0;
	conn_touch(c, WORKER_IDLE_MS);
	if (c->in.len == 0 && c->in.cap > 16384)
		buf_done(&c->in);
	if (!c->ch.reading)
		chan_resume(&c->ch);
	if (!c->looping)
		read_head(c); /* what lies in OpenSSL or in our buffer wakes nobody */
}

/* ---- a head ---- */

/* True when a request was begun (or the connection is gone). */
static bool try_head(struct conn *c)
{
	/* Empty lines before a request are skipped (RFC 9112 2.2), a few. */
	while (c->in.len >= 2 && c->in.ptr[0] == '\r' && c->in.ptr[1] == '\n' && c->seen == 0)
		buf_drop(&c->in, 2);
	if (c->in.len == 0)
		return false;
	if (c->in.ptr[0] == TLS_HANDSHAKE && c->seen == 0 && !c->ch.ssl && c->org->conf->transparent) {
		connect_transparent(c);
		return true;
	}
	if (c->in.ptr[0] == TLS_HANDSHAKE && c->seen == 0 && !c->ch.ssl && c->w->conf->proxy_name[0]) {
		front_begin(c);
		return true;
	}
	long end = http_head_end(c->in.ptr, c->in.len, c->seen);
	c->seen = c->in.len;
	if (end == 0)
		return false;
	/* Too long: parsed as far as it is, which fails with a page. */
	down1_begin(c, end < 0 ? c->in.len : (size_t)end);
	return true;
}

static void read_head(struct conn *c)
{
	c->looping = true; /* answers given at once come back here instead of going deeper */
	while (c->state == CONN_HEAD) {
		if (c->in.len > c->seen && try_head(c))
			continue;
		bool fresh = c->in.len == 0;
		int r = conn_fill(c);
		if (r == -E_AGAIN)
			break;
		if (r < 0) {
			conn_destroy(c, NULL);
			break;
		}
		if (fresh)
			conn_touch(c, WORKER_HEAD_MS); /* from its first byte: trickling doesn't prolong it */
	}
	c->looping = false;
}

static void on_event(struct chan *ch, int what)
{
	struct conn *c = (struct conn *)(void *)ch;
	switch (c->state) {
	case CONN_HEAD:
		if (what & CHAN_READABLE)
			read_head(c);
		break;
	case CONN_BUSY:
		down1_event(c->txn, what);
		break;
	case CONN_LINGER:
		if (what & CHAN_READABLE)
			read_away(c);
		break;
	case CONN_H2:
		down2_event(c, what);
		break;
	case CONN_FRONT:
		front_event(c);
		break;
	case CONN_DEAD:
		break;
	default:
		connect_event(c, what);
	}
}

static void enlist(struct conn *c)
{
	struct worker *w = c->w;
	c->next = w->conns;
	if (w->conns)
		w->conns->prev = c;
	w->conns = c;
	c->org->n_conns++;
	org_count(c->org, STAT_CONNECTIONS, 1);
}

void conn_accept(struct org_rt *org, int fd, const struct prefix *peer, uint16_t port)
{
	struct worker *w = org->w;
	int one = 1;
	struct conn *c = org->n_conns < WORKER_CONNS_ORG ? mem_alloc(sizeof *c) : NULL;
	if (!c) {
		org_count(org, STAT_REFUSED, 1);
		close(fd);
		return;
	}
	c->w = w;
	c->org = org;
	c->peer = *peer;
	c->peer_port = port;
	buf_init(&c->in, CONN_IN_MAX);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	if (!terminal_add(c, CONNECTIONS)) {
		org_count(org, STAT_REFUSED, 1);
		close(fd);
		mem_free(c);
		return;
	}
	if (chan_open(&c->ch, &w->chan, fd, on_event) < 0) {
		terminal_remove(c, CONNECTIONS);
		close(fd);
		mem_free(c);
		return;
	}
	enlist(c);
	conn_touch(c, WORKER_HEAD_MS);
}

struct conn *conn_park(const struct conn *c)
{
	struct conn *p = c->org->n_conns < WORKER_CONNS_ORG ? mem_alloc(sizeof *p) : NULL;
	if (!p)
		return NULL;
	*p = (struct conn){ .w = c->w, .org = c->org, .state = CONN_PARKED, .peer = c->peer, .peer_port = c->peer_port, .intercepted = c->intercepted,
		            .tunnel = c->tunnel, .terminal = c->terminal, .via = c->via, .user = c->user, .unnamed = c->unnamed, .ch.fd = -1 };
	memcpy(p->name, c->name, sizeof p->name);
	memcpy(p->ja4, c->ja4, sizeof p->ja4);
	memcpy(p->proxy_ja4, c->proxy_ja4, sizeof p->proxy_ja4);
	p->cert = c->cert;
	buf_init(&p->in, 1);
	if (!terminal_add(p, CONNECTIONS)) {
		mem_free(p);
		return NULL;
	}
	enlist(p);
	return p;
}

/* ---- from outside ---- */

void conn_tick(struct conn *c)
{
	if (chan_rest(&c->ch) && c->state == CONN_HEAD && c->in.len == 0)
		buf_done(&c->in);
	switch (c->state) {
	case CONN_BUSY:
		txn_tick(c->txn);
		return;
	case CONN_H2:
		down2_tick(c);
		return;
	case CONN_PARKED:
		wait_tick(c);
		return;
	case CONN_PREPARE:
		if (c->origin)
			origin_tick(c->origin);
		break;
	case CONN_TUNNEL:
		if (c->socket)
			socket_tick(c);
		break;
	default:
		break;
	}
	if (c->state != CONN_DEAD && c->w->now >= c->deadline)
		conn_destroy(c, c->state == CONN_TUNNEL ? NULL : "Error");
}

static void name_cut(struct txn *t, const char *rule, const char *name)
{
	t->action = "Denied";
	t->disposition = "Reset";
	txn_set_rule(t, rule);
	snprintf(t->rule_name, sizeof t->rule_name, "%s", name);
}

/* One request; t NULL: the connection, of which there is none. */
static void cut(struct conn *c, struct txn *t, const char *rule, const char *name)
{
	org_count(c->org, STAT_CUT, 1);
	if (t)
		name_cut(t, rule, name);
	if (t && c->h2)
		txn_abort(t, "Reset");
	else
		conn_destroy(c, "Reset");
}

static void check_block(struct conn *c, struct txn *t)
{
	struct decision d;
	const struct target *at = t ? &t->target : &c->tunnel;
	const struct prefix *terminal = t ? &t->terminal : &c->terminal;
	const struct asker who = t ? txn_asker(t) : conn_asker(c);
	const char *names[] = { at->host, c->name, c->tunnel.host };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		struct target named = *at;
		if (i > 0 && (!names[i][0] || strcmp(names[i], names[i - 1]) == 0))
			continue;
		snprintf(named.host, sizeof named.host, "%s", names[i]);
		decide(c->w, c->org->conf, &named, &who, &d);
		if (!d.allow && strncmp(d.rule, "block:", 6) == 0) {
			cut(c, t, d.rule, d.name);
			return;
		}
	}
	const struct prefix *addr = c->origin ? &c->origin->addr : t ? &t->origin_addr : NULL;
	const struct block_query q = { .org = c->org->code, .address = addr ? *addr : (struct prefix){ 0 },
		                       .terminal = *terminal };
	const struct block *k = blocks_find(c->w->blocks, &q);
	if (k) {
		char rule[64];
		snprintf(rule, sizeof rule, "block:%s", k->id);
		cut(c, t, rule, block_kind_name(k->kind));
	}
}

static void check_stream(struct txn *t)
{
	check_block(t->c, t);
}

void conn_check_block(struct conn *c)
{
	if (!c->org->conf)
		return;
	if (c->state == CONN_H2)
		down2_each(c, check_stream);
	else if (c->txn || c->state == CONN_PREPARE || c->state == CONN_PEEK)
		check_block(c, c->txn);
}

static void name_gone(struct txn *t)
{
	name_cut(t, "organisation", "");
}

void conn_check_conf(struct conn *c)
{
	struct decision d;
	if (!c->org->conf) {
		if (c->h2)
			down2_each(c, name_gone);
		cut(c, c->txn, "organisation", "");
		return;
	}
	if (c->state != CONN_TUNNEL)
		return;
	char program[CONF_RULE];
	if (conf_ja4_denied(c->w->conf, c->org->conf, c->ja4, program) || conf_ja4_denied(c->w->conf, c->org->conf, c->proxy_ja4, program)) {
		cut(c, c->txn, program, "");
		return;
	}
	const struct asker who = c->txn->switched ? txn_asker(c->txn) : conn_asker(c);
	if (c->txn->switched) {
		decide_both(c->w, c->org->conf, &c->txn->target, c->tunnel.host, &who, &d);
		if (d.allow && !url_set_match_host(c->org->conf->websockets, str_from(c->txn->target.host), NULL)) {
			cut(c, c->txn, "websocket", "");
			return;
		}
	} else {
		if (!conf_undecrypted(c->org->conf, c->tunnel.host) && !undecrypted_category(c->w, c->org->conf, c->tunnel.host)) { /* its time is over: what comes next is looked into */
			cut(c, c->txn, "no_decrypt", "");
			return;
		}
		decide_both(c->w, c->org->conf, &c->tunnel, c->name, &who, &d);
	}
	if (!d.allow)
		cut(c, c->txn, d.rule, d.name);
}
