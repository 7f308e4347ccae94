/* Names of interfaces for the log; see netlink.h. ioctl and /sys are closed to a confined process, this socket isn't. */
#include "intake/netlink.h"

#include "base/mem.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>

#define LINKS_MAX 8192

struct link {
	uint32_t index;
	char name[IFNAMSIZ];
};
struct links {
	int fd;
	struct link *list;
	size_t n, cap;
};

static void forget(struct links *l, uint32_t index)
{
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].index == index) {
			l->list[i] = l->list[--l->n];
			return;
		}
}

static void note(struct links *l, uint32_t index, const char *name, size_t len)
{
	forget(l, index);
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct link *p = cap > LINKS_MAX ? NULL : mem_grow(l->list, cap * sizeof *p);
		if (!p)
			return; /* the packet then has no interface name; the mark names the organisation anyway */
		l->list = p;
		l->cap = cap;
	}
	struct link *k = &l->list[l->n++];
	k->index = index;
	snprintf(k->name, sizeof k->name, "%.*s", (int)len, name);
}

static void take(struct links *l, struct nlmsghdr *h)
{
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct ifinfomsg)))
		return;
	struct ifinfomsg *m = NLMSG_DATA(h);
	if (h->nlmsg_type == RTM_DELLINK) {
		forget(l, (uint32_t)m->ifi_index);
		return;
	}
	int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof *m));
	for (struct rtattr *a = IFLA_RTA(m); RTA_OK(a, left); a = RTA_NEXT(a, left))
		if (a->rta_type == IFLA_IFNAME)
			note(l, (uint32_t)m->ifi_index, RTA_DATA(a), strnlen(RTA_DATA(a), RTA_PAYLOAD(a)));
}

/* True when the end of a dump was seen. */
static bool read_some(struct links *l, bool wait)
{
	char b[32768] __attribute__((aligned(NLMSG_ALIGNTO)));
	bool done = false;
	for (;;) {
		ssize_t n = recv(l->fd, b, sizeof b, wait && !done ? 0 : MSG_DONTWAIT);
		if (n < 0 && (errno == EINTR || errno == ENOBUFS))
			continue;
		if (n <= 0)
			return done;
		unsigned left = (unsigned)n;
		for (struct nlmsghdr *h = (void *)b; NLMSG_OK(h, left); h = NLMSG_NEXT(h, left)) {
			if (h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR)
				done = true;
			else if (h->nlmsg_type == RTM_NEWLINK || h->nlmsg_type == RTM_DELLINK)
				take(l, h);
		}
	}
}

int links_open(struct links **ret, struct err *err)
{
	struct links *l = mem_alloc(sizeof *l);
	if (!l)
		return err_set(err, E_NOMEM, "", "no memory");
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK };
	struct {
		struct nlmsghdr h;
		struct ifinfomsg m;
	} rq = { .h = { sizeof rq, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0 }, .m = { .ifi_family = AF_UNSPEC } };
	struct timeval wait = { 5, 0 };
	l->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (l->fd < 0 || bind(l->fd, (struct sockaddr *)&sa, sizeof sa) < 0 ||
	    setsockopt(l->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) < 0 || send(l->fd, &rq, sizeof rq, 0) < 0) {
		int r = err_errno(err, "netlink", "cannot list the interfaces");
		links_close(&l);
		return r;
	}
	read_some(l, true);
	*ret = l;
	return 0;
}

void links_close(struct links **l)
{
	if (!*l)
		return;
	if ((*l)->fd >= 0)
		close((*l)->fd);
	mem_free((*l)->list);
	mem_free(*l);
	*l = NULL;
}

int links_fd(const struct links *l)
{
	return l->fd;
}

void links_work(struct links *l)
{
	read_some(l, false);
}

const char *links_name(uint32_t index, void *links_as_user)
{
	struct links *l = links_as_user;
	for (size_t i = 0; i < l->n; i++)
		if (l->list[i].index == index)
			return l->list[i].name;
	return NULL;
}
