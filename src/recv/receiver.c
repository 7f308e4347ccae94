/* See receiver.h. */
#include "recv/parts.h"
#include "recv/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#define BACKLOG 128
#define UDP_ROOM (8 * 1024 * 1024) /* as far as net.core.rmem_max lets */

bool receiver_full(const struct receiver *r)
{
	return events_waiting(r->o.events) > RECEIVER_BEHIND;
}

void receiver_clock(struct receiver *r)
{
	r->now_ms = clock_now_ms();
	r->mono_ms = clock_mono_ms();
}

void peer_of(const struct sockaddr_storage *ss, struct conf_addr *ret, char ip[48])
{
	const struct sockaddr_in *four = (const void *)ss;
	const struct sockaddr_in6 *six = (const void *)ss;
	*ret = (struct conf_addr){ .family = ss->ss_family == AF_INET ? 4 : 6 };
	if (ss->ss_family == AF_INET)
		memcpy(ret->addr, &four->sin_addr, 4);
	else
		memcpy(ret->addr, &six->sin6_addr, 16);
	inet_ntop(ss->ss_family, ret->addr, ip, 48);
}

/* ---- sockets ---- */

static void hold(struct receiver *r, bool held);

static void on_ready(uv_poll_t *h, int status, int events)
{
	struct listening *l = h->data;
	(void)events;
	if (status < 0 || !l->body)
		return;
	receiver_clock(l->body->receiver);
	if (l->kind == SOCKET_UDP)
		udp_work(l);
	else
		stream_accept(l);
	if (receiver_full(l->body->receiver))
		hold(l->body->receiver, true);
}

static int bind_to(int fd, const struct conf_addr *a, uint16_t port, const char *interface)
{
	struct sockaddr_in four = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 six = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	if (interface[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface) + 1) < 0)
		return -1;
	memcpy(&four.sin_addr, a->addr, 4);
	memcpy(&six.sin6_addr, a->addr, 16);
	return a->family == 4 ? bind(fd, (struct sockaddr *)&four, sizeof four) : bind(fd, (struct sockaddr *)&six, sizeof six);
}

static int open_socket(const struct body *b, const struct conf_addr *a, enum socket_kind kind)
{
	const struct receiver *r = b->receiver;
	int one = 1, room = UDP_ROOM;
	int fd = socket(a->family == 4 ? AF_INET : AF_INET6, (kind == SOCKET_UDP ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->family == 4) {
		setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof one);
	} else {
		setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof one);
		setsockopt(fd, SOL_IPV6, IPV6_FREEBIND, &one, sizeof one);
	}
	if (kind == SOCKET_UDP)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	if (bind_to(fd, a, kind == SOCKET_TLS ? r->tls_port : r->port, b->origin.conf.interface) < 0 || (kind != SOCKET_UDP && listen(fd, BACKLOG) < 0)) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

static void listening_closed(uv_handle_t *h)
{
	mem_free(h->data);
}

static void close_socket(struct body *b, int family, enum socket_kind kind)
{
	struct listening *l = b->sockets[family][kind];
	if (!l)
		return;
	b->sockets[family][kind] = NULL;
	l->body = NULL;
	uv_poll_stop(&l->poll);
	close(l->fd);
	uv_close((uv_handle_t *)&l->poll, listening_closed);
}

static void close_sockets(struct body *b)
{
	for (int f = 0; f < 2; f++)
		for (enum socket_kind k = 0; k < SOCKETS; k++)
			close_socket(b, f, k);
}

static bool open_one(struct body *b, int family, enum socket_kind kind)
{
	struct receiver *r = b->receiver;
	if (b->sockets[family][kind] || !r->addr[family].family)
		return true;
	int fd = open_socket(b, &r->addr[family], kind);
	struct listening *l = fd < 0 ? NULL : mem_alloc(sizeof *l);
	if (!l || uv_poll_init(r->o.loop, &l->poll, fd) < 0) {
		if (!b->warned)
			log_warn(b->origin.code, b->origin.conf.interface, "cannot listen on port %u: %s", kind == SOCKET_TLS ? r->tls_port : r->port, strerror(errno));
		b->warned = true;
		mem_free(l);
		if (fd >= 0)
			close(fd);
		return false;
	}
	*l = (struct listening){ .poll = l->poll, .body = b, .kind = kind, .fd = fd };
	l->poll.data = l;
	b->sockets[family][kind] = l;
	if (!r->held)
		uv_poll_start(&l->poll, UV_READABLE, on_ready);
	return true;
}

/* An interface may come later, go, and come back as another one with the same name. A body without a device isn't listened to. */
static void open_sockets(struct body *b)
{
	const char *interface = b->origin.conf.interface;
	unsigned ifindex = interface[0] ? if_nametoindex(interface) : 0;
	bool wanted = b->origin.n && !b->gone && (!interface[0] || ifindex), all = true;
	if (!wanted || ifindex != b->ifindex)
		close_sockets(b);
	b->ifindex = ifindex;
	for (int f = 0; wanted && f < 2; f++)
		for (enum socket_kind k = 0; k < (tls_server_ready() ? SOCKETS : SOCKET_TLS); k++)
			all = open_one(b, f, k) && all;
	if (all)
		b->warned = false;
}

/* ---- waiting for intaked ---- */

static void hold(struct receiver *r, bool held)
{
	if (r->held == held)
		return;
	r->held = held;
	for (struct body *b = r->bodies; b; b = b->next) {
		for (int f = 0; f < 2; f++)
			for (enum socket_kind k = 0; k < SOCKETS; k++) {
				struct listening *l = b->sockets[f][k];
				if (l && held)
					uv_poll_stop(&l->poll);
				else if (l)
					uv_poll_start(&l->poll, UV_READABLE, on_ready);
			}
		streams_watch(b);
	}
}

void receiver_settled(struct receiver *r)
{
	receiver_clock(r);
	if (receiver_full(r)) /* connections fill it too */
		hold(r, true);
	for (struct body *b = r->bodies; b; b = b->next)
		streams_settled(b);
	if (r->held && events_waiting(r->o.events) < RECEIVER_BEHIND / 2)
		hold(r, false);
}

/* ---- bodies ---- */

static struct body *body_of(struct receiver *r, const char *code)
{
	for (struct body *b = r->bodies; b; b = b->next)
		if (!b->gone && strcmp(b->origin.code, code) == 0)
			return b;
	return NULL;
}

static void body_take(struct receiver *r, const struct conf_org *c)
{
	struct body *b = body_of(r, c->code);
	if (!b && c->n == 0)
		return;
	if (!b) {
		b = mem_alloc(sizeof *b);
		if (!b)
			return;
		origin_init(&b->origin, c, r->o.stats);
		b->receiver = r;
		b->next = r->bodies;
		r->bodies = b;
	}
	if (strcmp(b->origin.conf.interface, c->interface) != 0) {
		close_sockets(b);
		streams_drop(b);
		memcpy(b->origin.conf.interface, c->interface, sizeof c->interface);
	}
	if (origin_sources(&b->origin, c, clock_mono_ms()) < 0)
		log_error(c->code, "recvd", "no memory for its sources: they stay as they were");
	b->version++;
}

static void body_leave(struct body *b)
{
	close_sockets(b);
	streams_drop(b);
	b->gone = true;
}

static void free_gone(struct receiver *r)
{
	for (struct body **q = &r->bodies; *q;) {
		struct body *b = *q;
		if (!b->gone || b->n_streams) {
			q = &b->next;
			continue;
		}
		*q = b->next;
		origin_done(&b->origin);
		mem_free(b);
	}
}

void receiver_config(struct receiver *r, const struct conf *c)
{
	if (conf_addr_compare(&r->addr[0], &c->addr4) != 0 || conf_addr_compare(&r->addr[1], &c->addr6) != 0 || r->port != c->port || r->tls_port != c->tls_port)
		for (struct body *b = r->bodies; b; b = b->next)
			close_sockets(b);
	r->addr[0] = c->addr4;
	r->addr[1] = c->addr6;
	r->port = c->port;
	r->tls_port = c->tls_port;
	for (struct body *b = r->bodies; b; b = b->next) {
		bool there = false;
		for (size_t i = 0; i < c->n && !there; i++)
			there = strcmp(c->orgs[i].code, b->origin.code) == 0;
		if (!there && !b->gone)
			body_leave(b);
	}
	for (size_t i = 0; i < c->n; i++)
		body_take(r, &c->orgs[i]);
	receiver_tick(r);
}

void receiver_tick(struct receiver *r)
{
	free_gone(r);
	receiver_clock(r);
	for (struct body *b = r->bodies; b; b = b->next) {
		open_sockets(b);
		for (int f = 0; f < 2; f++)
			if (b->sockets[f][SOCKET_UDP])
				udp_drops(b->sockets[f][SOCKET_UDP]);
		streams_tick(b);
		origin_tick(&b->origin, clock_mono_ms(), r->o.events);
	}
}

int receiver_start(const struct receiver_opts *o, struct receiver **ret, struct err *err)
{
	struct receiver *r = mem_alloc(sizeof *r);
	if (!r)
		return err_set(err, E_NOMEM, "", "no memory");
	r->o = *o;
	if (!r->o.slow_ms)
		r->o.slow_ms = STREAM_SLOW_MS;
	r->streams = stats_counter(o->stats, "", "log_connections");
	r->rejected = stats_counter(o->stats, "", "log_connections_rejected");
	r->slow = stats_counter(o->stats, "", "log_connections_slow");
	r->broken = stats_counter(o->stats, "", "log_connections_broken");
	*ret = r;
	return 0;
}

void receiver_stop(struct receiver **r)
{
	if (!*r)
		return;
	for (struct body *b = (*r)->bodies; b; b = b->next)
		body_leave(b);
}
