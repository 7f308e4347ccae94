/* A DNS client of one datagram, since the C library's resolver can't be bound to an address. See dns.h. */
#include "wire/dns.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#define HEADER 12

static size_t put_name(const char *name, unsigned char *dst, size_t room)
{
	struct str rest = str_from(name), label;
	size_t n = 0;
	if (rest.len && rest.ptr[rest.len - 1] == '.')
		rest.len--;
	while (rest.len && str_next(&rest, '.', &label)) {
		if (label.len == 0 || label.len > 63 || n + label.len + 2 > room || n + label.len + 2 > 255)
			return 0;
		dst[n++] = (unsigned char)label.len;
		memcpy(dst + n, label.ptr, label.len);
		n += label.len;
	}
	dst[n++] = 0;
	return n;
}

static void put_u16(unsigned char *dst, unsigned v)
{
	dst[0] = (unsigned char)(v >> 8);
	dst[1] = (unsigned char)v;
}

size_t dns_question_format(const struct dns_question *q, unsigned char dst[DNS_MAX])
{
	memset(dst, 0, HEADER);
	put_u16(dst, q->id);
	put_u16(dst + 2, q->flags);
	dst[5] = 1; /* QDCOUNT */
	size_t n = put_name(q->name, dst + HEADER, DNS_MAX - HEADER - 15);
	if (n == 0)
		return 0;
	n += HEADER;
	put_u16(dst + n, q->type);
	put_u16(dst + n + 2, 1); /* IN */
	n += 4;
	if (q->dnssec) {
		static const unsigned char opt[] = { 0, 0, DNS_OPT, DNS_MAX >> 8, DNS_MAX & 255, 0, 0, 0x80, 0, 0, 0 };
		memcpy(dst + n, opt, sizeof opt);
		n += sizeof opt;
		dst[11] = 1; /* ARCOUNT */
	}
	return n;
}

/* The question of the answer, byte by byte but for case: a name that is written in another way isn't ours. */
static bool same_question(struct dns_msg *m, const struct dns_question *q)
{
	unsigned char want[DNS_MAX];
	struct dns_question bare = { .name = q->name, .type = q->type };
	size_t n = dns_question_format(&bare, want);
	if (n <= HEADER || (size_t)(m->r.end - m->r.p) < n - HEADER)
		return false;
	for (size_t i = HEADER; i < n; i++) {
		unsigned char a = want[i], b = m->r.p[i - HEADER];
		if ((a >= 'A' && a <= 'Z' ? a + 32 : a) != (b >= 'A' && b <= 'Z' ? b + 32 : b))
			return false;
	}
	m->r.p += n - HEADER;
	return true;
}

int dns_answer_open(struct str bytes, const struct dns_question *q, struct dns_msg *ret)
{
	if (dns_open(bytes, ret) < 0 || ret->id != q->id || !(ret->flags & DNS_QR) || ret->count[0] != 1)
		return -E_AGAIN;
	return same_question(ret, q) ? 0 : -E_AGAIN;
}

static int address(const char *text, int port, struct sockaddr_storage *ret, socklen_t *ret_len)
{
	struct sockaddr_in *a = (struct sockaddr_in *)ret;
	struct sockaddr_in6 *b = (struct sockaddr_in6 *)ret;
	memset(ret, 0, sizeof *ret);
	if (inet_pton(AF_INET, text, &a->sin_addr) == 1) {
		a->sin_family = AF_INET;
		a->sin_port = htons((uint16_t)port);
		*ret_len = sizeof *a;
		return 0;
	}
	if (inet_pton(AF_INET6, text, &b->sin6_addr) != 1)
		return -E_INVALID;
	b->sin6_family = AF_INET6;
	b->sin6_port = htons((uint16_t)port);
	*ret_len = sizeof *b;
	return 0;
}

int dns_socket(const char *from, const char *server, int *ret_fd, struct err *err)
{
	struct sockaddr_storage to, own;
	socklen_t to_len, own_len;
	char host[64];
	uint64_t port = 53;
	struct str rest = str_from(server), head;
	if (!str_next(&rest, '@', &head) || !str_copy(head, host, sizeof host) ||
	    (rest.len && !str_to_u64(rest, 65535, &port)) || address(host, (int)port, &to, &to_len) < 0)
		return err_set(err, E_INVALID, server, "not an address to ask");
	int fd = socket(to.ss_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, server, "cannot make a socket");
	if ((*from && (address(from, 0, &own, &own_len) < 0 || bind(fd, (struct sockaddr *)&own, own_len) < 0)) ||
	    connect(fd, (struct sockaddr *)&to, to_len) < 0) {
		int r = err_errno(err, server, "cannot ask from %s", from);
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int dns_exchange(int fd, struct dns_question *q, int timeout_ms, unsigned char msg[DNS_MAX], struct dns_msg *ret)
{
	q->id = (uint16_t)rnd_u64();
	size_t n = dns_question_format(q, msg);
	int64_t until = clock_mono_ms() + timeout_ms;
	if (n == 0)
		return -E_INVALID;
	if (send(fd, msg, n, 0) < 0) {
		poll(NULL, 0, timeout_ms < 200 ? timeout_ms : 200); /* refused: the server isn't up yet */
		return -E_TIMEOUT;
	}
	for (;;) {
		int64_t left = until - clock_mono_ms();
		struct pollfd p = { fd, POLLIN, 0 };
		if (left <= 0 || poll(&p, 1, (int)left) <= 0)
			return -E_TIMEOUT;
		ssize_t got = recv(fd, msg, DNS_MAX, 0);
		if (got < 0) {
			poll(NULL, 0, left < 200 ? (int)left : 200);
			return -E_TIMEOUT;
		}
		int r = dns_answer_open((struct str){ (const char *)msg, (size_t)got }, q, ret);
		if (r != -E_AGAIN)
			return r;
	}
}
