/* Listeners: each organisation's own sockets, bound to its interface, so that the socket a connection came in by says
 * whose it is, even when two organisations use the same addresses. One per family and thread (SO_REUSEPORT).
 * An interface may come later, go, and come back as another one with the same name: looked at each second. */
#include "proxy/conn.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/socket.h>

#define BACKLOG 1024
#define ACCEPTS 64 /* a turn, so that a flood of one organisation doesn't starve the others */

struct listener {
	uv_poll_t poll[2];
	struct org_rt *org; /* NULL: closing */
	int fd[2];
	int open;           /* handles */
	unsigned ifindex;
	char interface[16];
	struct prefix addr[2];
	uint16_t port;
	bool warned;
};

static void on_accept(uv_poll_t *h, int status, int events)
{
	struct listener *l = h->data;
	int fd = l->fd[h == &l->poll[1]];
	for (int i = 0; i < ACCEPTS && l->org; i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t n = sizeof ss;
		struct prefix peer;
		int c = accept4(fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (c < 0)
			return;
		if (prefix_from_sockaddr(&ss, &peer) < 0 || !l->org->conf) {
			close(c);
			continue;
		}
		/* sin_port and sin6_port lie at the same place. */
		conn_accept(l->org, c, &peer, ntohs(((struct sockaddr_in *)(void *)&ss)->sin_port));
	}
}

static int open_one(const struct listener *l, const struct prefix *a)
{
	struct sockaddr_storage ss;
	int one = 1, fd = socket(a->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one);
	if (a->family == 4) {
		setsockopt(fd, SOL_IP, IP_FREEBIND, &one, sizeof one);
	} else {
		setsockopt(fd, SOL_IPV6, IPV6_V6ONLY, &one, sizeof one);
		setsockopt(fd, SOL_IPV6, IPV6_FREEBIND, &one, sizeof one);
	}
	socklen_t n = prefix_to_sockaddr(a, l->port, &ss);
	if ((l->interface[0] &&
	     setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, l->interface, (socklen_t)strlen(l->interface) + 1) < 0) ||
	    bind(fd, (struct sockaddr *)&ss, n) < 0 || listen(fd, BACKLOG) < 0) {
		int e = errno;
		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

static void on_closed(uv_handle_t *h)
{
	struct listener *l = h->data;
	if (--l->open == 0)
		mem_free(l);
}

void listen_close(struct org_rt *o)
{
	struct listener *l = o->listeners;
	if (!l)
		return;
	o->listeners = NULL;
	if (o->listening)
		atomic_fetch_sub(o->stat[STAT_LISTENING], 1);
	o->listening = false;
	l->org = NULL;
	int closing = 0;
	for (int i = 0; i < 2; i++) {
		if (l->fd[i] < 0)
			continue;
		uv_poll_stop(&l->poll[i]);
		close(l->fd[i]);
		uv_close((uv_handle_t *)&l->poll[i], on_closed);
		closing++;
	}
	if (!closing)
		mem_free(l);
}

static struct listener *make(struct org_rt *o, unsigned ifindex)
{
	const struct conf_org *c = o->conf;
	struct listener *l = mem_alloc(sizeof *l);
	if (!l)
		return NULL;
	*l = (struct listener){ .org = o, .fd = { -1, -1 }, .ifindex = ifindex, .addr = { c->listen4, c->listen6 }, .port = c->port };
	snprintf(l->interface, sizeof l->interface, "%s", c->interface);
	o->listeners = l;
	return l;
}

static bool same(const struct listener *l, const struct conf_org *c, unsigned ifindex)
{
	return l->ifindex == ifindex && l->port == c->port && strcmp(l->interface, c->interface) == 0 &&
	       memcmp(&l->addr[0], &c->listen4, sizeof c->listen4) == 0 && memcmp(&l->addr[1], &c->listen6, sizeof c->listen6) == 0;
}

void listen_update(struct org_rt *o)
{
	const struct conf_org *c = o->conf;
	unsigned ifindex = c && c->interface[0] ? if_nametoindex(c->interface) : 0;
	bool wanted = c && (!c->interface[0] || ifindex);
	struct listener *l = o->listeners;
	if (l && (!wanted || !same(l, c, ifindex))) {
		listen_close(o);
		l = NULL;
	}
	if (!wanted || (!l && !(l = make(o, ifindex))))
		return;
	bool all = true;
	for (int i = 0; i < 2; i++) {
		if (l->fd[i] >= 0 || !prefix_is_set(&l->addr[i]))
			continue;
		int fd = open_one(l, &l->addr[i]);
		if (fd < 0 || uv_poll_init(&o->w->loop, &l->poll[i], fd) != 0) {
			char text[PREFIX_TEXT];
			if (!l->warned)
				log_warn(o->code, prefix_format_addr(&l->addr[i], text), "cannot listen on port %u: %s", l->port,
				         strerror(errno));
			l->warned = true;
			all = false;
			if (fd >= 0)
				close(fd);
			continue;
		}
		l->fd[i] = fd;
		l->open++;
		l->poll[i].data = l;
		uv_poll_start(&l->poll[i], UV_READABLE, on_accept);
	}
	if (all && !o->listening) {
		o->listening = true;
		org_count(o, STAT_LISTENING, 1);
	}
}
