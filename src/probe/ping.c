/* See ping.h. */
#include "probe/ping.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

static int open_bound(int family, const char *interface, struct err *err)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, family == AF_INET ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	if (fd < 0)
		return err_errno(err, interface, "cannot open a socket for probes");
	if (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface, (socklen_t)strlen(interface) + 1) < 0) {
		err_errno(err, interface, "cannot bind to the line");
		close(fd);
		return -1;
	}
	return fd;
}

int ping_open(struct ping *p, const char *interface, const char *const *targets, unsigned n, struct err *err)
{
	*p = (struct ping){ .fd4 = -1, .fd6 = -1 };
	for (unsigned i = 0; i < n && p->n < PING_TARGETS; i++) {
		struct sockaddr_in *v4 = (struct sockaddr_in *)&p->targets[p->n];
		struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&p->targets[p->n];
		int family = strchr(targets[i], ':') ? AF_INET6 : AF_INET, *fd = family == AF_INET ? &p->fd4 : &p->fd6;
		if (*fd < 0)
			*fd = open_bound(family, interface, err);
		memset(&p->targets[p->n], 0, sizeof p->targets[p->n]);
		p->targets[p->n].ss_family = (sa_family_t)family;
		if (*fd >= 0 && inet_pton(family, targets[i], family == AF_INET ? (void *)&v4->sin_addr : (void *)&v6->sin6_addr) == 1)
			p->n++;
	}
	return p->n ? 0 : -E_IO;
}

void ping_close(struct ping *p)
{
	if (p->fd4 >= 0)
		close(p->fd4);
	if (p->fd6 >= 0)
		close(p->fd6);
	*p = (struct ping){ .fd4 = -1, .fd6 = -1 };
}

/* The kernel fills identifier and checksum in. */
void ping_ask(struct ping *p, unsigned tick, bool closer)
{
	unsigned k = ++p->sequence % PING_KEPT;
	p->answered[k] = 0;
	p->asked_at[k] = tick;
	p->closer[k] = closer;
	for (unsigned i = 0; i < p->n; i++) {
		bool six = p->targets[i].ss_family == AF_INET6;
		unsigned char msg[16] = { six ? ICMP6_ECHO_REQUEST : ICMP_ECHO, 0, 0, 0, 0, 0, (unsigned char)(p->sequence >> 8), (unsigned char)p->sequence };
		sendto(six ? p->fd6 : p->fd4, msg, sizeof msg, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&p->targets[i],
		       six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in));
	}
}

static bool same_address(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr == ((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr, &((const struct sockaddr_in6 *)b)->sin6_addr, 16) == 0;
}

static uint32_t target_bits(const struct ping *p, const struct sockaddr_storage *from)
{
	uint32_t bits = 0;
	for (unsigned i = 0; i < p->n; i++)
		bits |= (uint32_t)same_address(&p->targets[i], from) << i;
	return bits;
}

static void note(struct ping *p, uint16_t sequence, uint32_t who)
{
	uint16_t open = (uint16_t)(p->sequence - p->judged), age = (uint16_t)(p->sequence - sequence);
	if (open)
		p->answered[(age < open ? sequence : (uint16_t)(p->judged + 1)) % PING_KEPT] |= who;
}

static void hear(struct ping *p, int fd)
{
	for (unsigned limit = 0; fd >= 0 && limit < 1000; limit++) {
		struct sockaddr_storage from = { 0 };
		socklen_t len = sizeof from;
		unsigned char msg[64];
		ssize_t n = recvfrom(fd, msg, sizeof msg, MSG_DONTWAIT, (struct sockaddr *)&from, &len);
		if (n < 0)
			break;
		unsigned char reply = from.ss_family == AF_INET6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY;
		if (n >= 8 && msg[0] == reply)
			note(p, (uint16_t)(msg[6] << 8 | msg[7]), target_bits(p, &from));
	}
}

void ping_hear(struct ping *p)
{
	hear(p, p->fd4);
	hear(p, p->fd6);
}

bool ping_judge(struct ping *p, unsigned tick, unsigned age, uint32_t *ret_answered, bool *ret_closer)
{
	unsigned next = (uint16_t)(p->judged + 1) % PING_KEPT;
	if (p->judged == p->sequence || tick - p->asked_at[next] < age)
		return false;
	p->judged++;
	*ret_answered = p->answered[next];
	*ret_closer = p->closer[next];
	return true;
}
