/* See classes.h. */
#include "probe/classes.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <linux/gen_stats.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define ANSWER_MS 2000

/* The attribute `type` among the len bytes at a, its size checked; NULL when it isn't there. */
static const struct rtattr *find(const struct rtattr *a, size_t len, unsigned type, size_t size)
{
	while (len >= sizeof *a && a->rta_len >= sizeof *a && a->rta_len <= len) {
		if ((a->rta_type & 0x3fff) == type)
			return a->rta_len - RTA_LENGTH(0) >= size ? a : NULL;
		size_t step = RTA_ALIGN(a->rta_len);
		if (step >= len)
			break;
		a = (const struct rtattr *)((const char *)a + step);
		len -= step;
	}
	return NULL;
}

static const struct rtattr *inside(const struct rtattr *a, unsigned type, size_t size)
{
	return a ? find((const struct rtattr *)((const char *)a + RTA_LENGTH(0)), a->rta_len - RTA_LENGTH(0), type, size) : NULL;
}

static void take(const struct nlmsghdr *h, void (*fn)(const struct class_count *c, void *user), void *user)
{
	if (h->nlmsg_len < NLMSG_LENGTH(sizeof(struct tcmsg)))
		return;
	const struct tcmsg *t = (const struct tcmsg *)((const char *)h + NLMSG_LENGTH(0));
	size_t head = NLMSG_ALIGN(NLMSG_LENGTH(sizeof *t));
	const struct rtattr *all = find((const struct rtattr *)((const char *)h + head), h->nlmsg_len - head, TCA_STATS2, 0);
	const struct rtattr *basic = inside(all, TCA_STATS_BASIC, sizeof(uint64_t)), *queue = inside(all, TCA_STATS_QUEUE, sizeof(struct gnet_stats_queue));
	struct class_count c = { .handle = t->tcm_handle };
	struct gnet_stats_queue q;
	if (!basic)
		return;
	memcpy(&c.bytes, (const char *)basic + RTA_LENGTH(0), sizeof c.bytes);
	if (queue) {
		memcpy(&q, (const char *)queue + RTA_LENGTH(0), sizeof q);
		c.dropped = q.drops;
	}
	fn(&c, user);
}

/* One datagram of the dump; 1 at its end. */
static int read_part(int fd, void (*fn)(const struct class_count *c, void *user), void *user, struct err *err)
{
	_Alignas(struct nlmsghdr) char buf[32768];
	struct pollfd p = { .fd = fd, .events = POLLIN };
	ssize_t n = poll(&p, 1, ANSWER_MS) == 1 ? recv(fd, buf, sizeof buf, MSG_DONTWAIT) : -1;
	if (n <= 0)
		return err_set(err, E_TIMEOUT, "rtnetlink", "no answer");
	const struct nlmsghdr *h = (const struct nlmsghdr *)buf;
	for (size_t left = (size_t)n; left >= sizeof *h && h->nlmsg_len >= sizeof *h && h->nlmsg_len <= left;) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 1;
		if (h->nlmsg_type == NLMSG_ERROR)
			return err_set(err, E_IO, "rtnetlink", "refused");
		if (h->nlmsg_type == RTM_NEWTCLASS)
			take(h, fn, user);
		size_t step = NLMSG_ALIGN(h->nlmsg_len);
		if (step >= left)
			break;
		h = (const struct nlmsghdr *)((const char *)h + step);
		left -= step;
	}
	return 0;
}

int classes_read(const char *interface, void (*fn)(const struct class_count *c, void *user), void *user, struct err *err)
{
	struct {
		struct nlmsghdr h;
		struct tcmsg t;
	} ask = { .h = { .nlmsg_len = sizeof ask, .nlmsg_type = RTM_GETTCLASS, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP, .nlmsg_seq = 1 } };
	_cleanup_fd_ int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return err_errno(err, "rtnetlink", "cannot open");
	ask.t.tcm_ifindex = (int)if_nametoindex(interface);
	if (!ask.t.tcm_ifindex)
		return err_set(err, E_NOT_FOUND, interface, "no such interface");
	if (send(fd, &ask, sizeof ask, 0) != (ssize_t)sizeof ask)
		return err_errno(err, "rtnetlink", "cannot ask");
	int r;
	do
		r = read_part(fd, fn, user, err);
	while (r == 0);
	return r < 0 ? r : 0;
}
