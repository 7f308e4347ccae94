/* See netlink.h. */
#include "intake/netlink.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <linux/netlink.h>
#include <sys/socket.h>

#define RECV_BYTES (256 * KIB)
#define KERNEL_BUFFER (16 * 1024 * 1024) /* about 60,000 packets of 128 bytes: half a second of a flood */

struct config {
	struct nlmsghdr h;
	struct nfgenmsg g;
	char attrs[64];
};

static void put_attr(struct config *c, uint16_t type, const void *p, uint16_t n)
{
	struct nlattr a = { (uint16_t)(NLA_HDRLEN + n), type };
	char *at = (char *)c + NLMSG_ALIGN(c->h.nlmsg_len);
	memcpy(at, &a, sizeof a);
	memcpy(at + NLA_HDRLEN, p, n);
	c->h.nlmsg_len = NLMSG_ALIGN(c->h.nlmsg_len) + (uint32_t)NLA_ALIGN(a.nla_len);
}

static struct config begin(uint16_t group)
{
	return (struct config){ .h = { .nlmsg_len = NLMSG_LENGTH(sizeof(struct nfgenmsg)),
		                       .nlmsg_type = NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_CONFIG,
		                       .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		                .g = { .version = NFNETLINK_V0, .res_id = htons(group) } };
}

/* Sends one request and waits for the kernel's word on it. */
static int ask(int fd, const struct config *c, const char *what, struct err *err)
{
	char b[8192] __attribute__((aligned(NLMSG_ALIGNTO)));
	if (send(fd, c, c->h.nlmsg_len, 0) < 0)
		return err_errno(err, "nflog", "cannot %s", what);
	for (int i = 0; i < 1000; i++) { /* packets of a group bound before may come in between: not yet ours */
		ssize_t n = recv(fd, b, sizeof b, 0);
		if (n < 0 && (errno == ENOBUFS || errno == EINTR))
			continue;
		if (n < (ssize_t)NLMSG_LENGTH(sizeof(struct nlmsgerr)))
			return err_errno(err, "nflog", "cannot %s", what);
		const struct nlmsghdr *h = (const struct nlmsghdr *)(const void *)b;
		if (h->nlmsg_type != NLMSG_ERROR)
			continue;
		const struct nlmsgerr *e = NLMSG_DATA(h);
		errno = -e->error;
		return e->error == 0 ? 0 : err_errno(err, "nflog", "cannot %s", what);
	}
	return err_set(err, E_TIMEOUT, "nflog", "cannot %s: no answer", what);
}

static int bind_group(int fd, uint16_t group, struct err *err)
{
	struct config c = begin(group);
	struct nfulnl_msg_config_cmd cmd = { NFULNL_CFG_CMD_BIND };
	put_attr(&c, NFULA_CFG_CMD, &cmd, sizeof cmd);
	int r = ask(fd, &c, "bind the log group (CAP_NET_ADMIN, and nobody else may hold it)", err);
	if (r < 0)
		return r;
	c = begin(group);
	struct nfulnl_msg_config_mode mode = { .copy_range = htonl(NFLOG_COPY), .copy_mode = NFULNL_COPY_PACKET };
	uint32_t timeout = htonl(5), threshold = htonl(64); /* 1/100 s and packets the kernel may keep before it sends */
	uint16_t flags = htons(NFULNL_CFG_F_SEQ);
	put_attr(&c, NFULA_CFG_MODE, &mode, sizeof mode);
	put_attr(&c, NFULA_CFG_TIMEOUT, &timeout, sizeof timeout);
	put_attr(&c, NFULA_CFG_QTHRESH, &threshold, sizeof threshold);
	put_attr(&c, NFULA_CFG_FLAGS, &flags, sizeof flags);
	return ask(fd, &c, "set up the log group", err);
}

int nflog_open(const uint16_t *groups, size_t n, int *ret_fd, struct err *err)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);
	struct sockaddr_nl sa = { .nl_family = AF_NETLINK };
	int size = KERNEL_BUFFER;
	struct timeval wait = { 5, 0 };
	if (fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0) {
		int r = err_errno(err, "nflog", "cannot open netlink");
		if (fd >= 0)
			close(fd);
		return r;
	}
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) < 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size); /* less, then; drops are counted */
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait);
	for (size_t i = 0; i < n; i++) {
		int r = bind_group(fd, groups[i], err);
		if (r < 0) {
			close(fd);
			return r;
		}
	}
	*ret_fd = fd;
	return 0;
}

static void one_packet(struct str body, struct nflog_feed *f, nflog_fn fn, void *user)
{
	struct nflog_packet p;
	if (nflog_parse(body, &p) < 0) {
		f->bad++;
		return;
	}
	f->packets++;
	if (p.has_seq && p.group < NFLOG_GROUPS) {
		uint32_t gap = p.seq - f->next_seq[p.group];
		if (f->started[p.group] && gap < UINT32_MAX / 2)
			f->lost += gap;
		f->started[p.group] = true;
		f->next_seq[p.group] = p.seq + 1;
	}
	fn(&p, user);
}

void nflog_datagram(struct str bytes, struct nflog_feed *f, nflog_fn fn, void *user)
{
	while (bytes.len >= sizeof(struct nlmsghdr)) {
		struct nlmsghdr h;
		memcpy(&h, bytes.ptr, sizeof h);
		if (h.nlmsg_len < sizeof h || h.nlmsg_len > bytes.len) {
			f->bad++;
			return;
		}
		if (h.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET))
			one_packet((struct str){ bytes.ptr + sizeof h, h.nlmsg_len - sizeof h }, f, fn, user);
		size_t step = NLMSG_ALIGN(h.nlmsg_len);
		step = step > bytes.len ? bytes.len : step;
		bytes.ptr += step;
		bytes.len -= step;
	}
}

int nflog_read(int fd, struct nflog_feed *f, unsigned most, nflog_fn fn, void *user)
{
	static char b[RECV_BYTES] __attribute__((aligned(NLMSG_ALIGNTO))); /* one reader, one thread */
	for (unsigned i = 0; i < most; i++) {
		struct sockaddr_nl from = { 0 };
		socklen_t len = sizeof from;
		ssize_t n = recvfrom(fd, b, sizeof b, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == ENOBUFS) {
			f->overruns++; /* the numbers of the next packet say how many */
			continue;
		}
		if (n < 0)
			return -E_IO;
		if (from.nl_pid != 0)
			continue; /* only the kernel is believed */
		nflog_datagram((struct str){ b, (size_t)n }, f, fn, user);
	}
	return 0;
}
