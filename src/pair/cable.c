/* See cable.h. */
#include "pair/cable.h"

#include "base/err.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

int cable_listen(const char *self4, uint16_t port, int *ret_fd, struct err *err)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(port) };
	const int one = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && inet_pton(AF_INET, self4, &at.sin_addr) == 1 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
	    setsockopt(fd, IPPROTO_IP, IP_FREEBIND, &one, sizeof one) == 0 && bind(fd, (struct sockaddr *)&at, sizeof at) == 0 && listen(fd, 8) == 0) {
		*ret_fd = fd;
		return 0;
	}
	int r = err_errno(err, self4, "cannot listen for the other node");
	if (fd >= 0)
		close(fd);
	return r;
}

int cable_call(const char *self4, const char *other4, uint16_t port, int timeout_ms, int *ret_fd, struct err *err)
{
	struct sockaddr_in self = { .sin_family = AF_INET }, other = { .sin_family = AF_INET, .sin_port = htons(port) };
	const struct timeval limit = { .tv_sec = timeout_ms / 1000 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, "pair", "cannot open a socket");
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit); /* also connect()'s */
	if (inet_pton(AF_INET, self4, &self.sin_addr) == 1 && inet_pton(AF_INET, other4, &other.sin_addr) == 1 &&
	    bind(fd, (struct sockaddr *)&self, sizeof self) == 0 && connect(fd, (struct sockaddr *)&other, sizeof other) == 0) {
		*ret_fd = fd;
		return 0;
	}
	int r = err_errno(err, other4, "the other node can't be reached");
	close(fd);
	return r;
}
