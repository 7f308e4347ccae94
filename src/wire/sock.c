/* See sock.h. */
#include "wire/sock.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

static int fill(struct sockaddr_un *sa, const char *path, struct err *err)
{
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	if (!str_copy(str_from(path), sa->sun_path, sizeof sa->sun_path))
		return err_set(err, E_LIMIT, path, "socket path too long (at most 107 bytes)");
	return 0;
}

/* The supervisor made the daemons' sockets before it started them: TORIDE_LISTEN="vault.sock=3,control.sock=4". */
static int handed_over(const char *path)
{
	struct str list = str_from(getenv("TORIDE_LISTEN")), one, name;
	uint64_t fd;
	char full[PLACE_MAX];
	while (str_next(&list, ',', &one)) {
		if (!str_next(&one, '=', &name) || name.len > 64 || !str_to_u64(one, 1023, &fd))
			continue;
		place_in_run(full, sizeof full, "%.*s", STR_ARG(name));
		if (strcmp(full, path) == 0 && fcntl((int)fd, F_SETFD, FD_CLOEXEC) == 0)
			return (int)fd;
	}
	return -1;
}

int sock_listen(const char *path, mode_t mode, int *ret_fd, struct err *err)
{
	struct sockaddr_un sa;
	int r = fill(&sa, path, err), there = handed_over(path);
	if (r < 0)
		return r;
	if (there >= 0) {
		*ret_fd = there;
		return 0;
	}
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_errno(err, path, "cannot make a socket");
	unlink(path);
	mode_t was = umask(0777 & ~mode);
	r = bind(fd, (struct sockaddr *)&sa, sizeof sa);
	umask(was);
	if (r < 0 || listen(fd, 256) < 0) {
		r = err_errno(err, path, "cannot listen");
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}

int sock_connect(const char *path, int timeout_ms, int *ret_fd, struct err *err)
{
	struct sockaddr_un sa;
	int r = fill(&sa, path, err);
	if (r < 0)
		return r;
	int64_t until = clock_mono_ms() + timeout_ms;
	for (;;) {
		int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd < 0)
			return err_errno(err, path, "cannot make a socket");
		if (connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0) {
			*ret_fd = fd;
			return 0;
		}
		r = err_errno(err, path, "cannot connect");
		close(fd);
		if ((errno != ENOENT && errno != ECONNREFUSED && errno != EAGAIN) || clock_mono_ms() >= until)
			return r;
		poll(NULL, 0, 20);
	}
}

int sock_try(const char *path)
{
	struct sockaddr_un sa;
	int fd = fill(&sa, path, NULL) == 0 ? socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0) : -1;
	if (fd < 0 || connect(fd, (struct sockaddr *)&sa, sizeof sa) == 0)
		return fd;
	close(fd);
	return -1;
}

int sock_peer(int fd, pid_t *ret_pid, uid_t *ret_uid)
{
	struct ucred c;
	socklen_t n = sizeof c;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &c, &n) < 0)
		return -E_IO;
	if (ret_pid)
		*ret_pid = c.pid;
	if (ret_uid)
		*ret_uid = c.uid;
	return 0;
}

static ssize_t send_part(int fd, const void *p, size_t n, int pass_fd)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} c = { 0 };
	struct iovec v = { (void *)(uintptr_t)p, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	if (pass_fd >= 0) {
		m.msg_control = c.space;
		m.msg_controllen = sizeof c.space;
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &pass_fd, sizeof(int));
	}
	return sendmsg(fd, &m, MSG_NOSIGNAL);
}

static int send_all(int fd, const char *p, size_t n, int pass_fd, struct err *err)
{
	while (n) {
		ssize_t k = send_part(fd, p, n, pass_fd);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0 && errno == EAGAIN) {
			struct pollfd f = { fd, POLLOUT, 0 };
			poll(&f, 1, 1000);
			continue;
		}
		if (k < 0)
			return err_set(err, E_CLOSED, "", "the peer is gone: %s", strerror(errno));
		p += k;
		n -= (size_t)k;
		pass_fd = -1;
	}
	return 0;
}

int sock_send_bytes(int fd, struct str bytes, int pass_fd, struct err *err)
{
	return send_all(fd, bytes.ptr, bytes.len, pass_fd, err);
}

int sock_send(int fd, struct str msg, int pass_fd, struct err *err)
{
	unsigned char head[4] = { (unsigned char)(msg.len >> 24), (unsigned char)(msg.len >> 16),
		                  (unsigned char)(msg.len >> 8), (unsigned char)msg.len };
	struct buf b;
	buf_init(&b, msg.len + 4);
	buf_put(&b, head, 4);
	buf_str(&b, msg);
	int r = b.failed ? err_set(err, E_NOMEM, "", "no memory") : send_all(fd, b.ptr, b.len, pass_fd, err);
	buf_done(&b);
	return r;
}

static void take_fd(struct msghdr *m, int *fd)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR(m, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t n = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int got;
			memcpy(&got, CMSG_DATA(h) + i * sizeof(int), sizeof got);
			if (*fd < 0)
				*fd = got;
			else
				close(got);
		}
	}
}

/* As recvmsg(2). */
static ssize_t recv_part(int fd, void *p, size_t n, int *got_fd)
{
	union {
		char space[CMSG_SPACE(4 * sizeof(int))];
		struct cmsghdr align;
	} c;
	struct iovec v = { p, n };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = c.space, .msg_controllen = sizeof c };
	ssize_t k = recvmsg(fd, &m, MSG_CMSG_CLOEXEC);
	if (k >= 0)
		take_fd(&m, got_fd);
	return k;
}

ssize_t sock_recv_bytes(int fd, void *p, size_t n, int *got_fd)
{
	ssize_t k;
	do
		k = recv_part(fd, p, n, got_fd);
	while (k < 0 && errno == EINTR);
	return k < 0 ? errno == EAGAIN ? -E_TIMEOUT : -E_CLOSED : k;
}

static int recv_all(int fd, char *p, size_t n, int *got_fd, int64_t until, struct err *err)
{
	while (n) {
		int64_t left = until < 0 ? -1 : until - clock_mono_ms();
		struct pollfd f = { fd, POLLIN, 0 };
		int ready = until >= 0 && left <= 0 ? 0 : poll(&f, 1, (int)left);
		if (ready == 0)
			return err_set(err, E_TIMEOUT, "", "no answer in time");
		ssize_t k = recv_part(fd, p, n, got_fd);
		if (k < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (k <= 0)
			return err_set(err, E_CLOSED, "", "the peer is gone");
		p += k;
		n -= (size_t)k;
	}
	return 0;
}

int sock_recv(int fd, struct buf *b, int *ret_fd, int timeout_ms, struct err *err)
{
	unsigned char head[4];
	int got = -1;
	int64_t until = timeout_ms < 0 ? -1 : clock_mono_ms() + timeout_ms;
	buf_reset(b);
	int r = recv_all(fd, (char *)head, 4, &got, until, err);
	size_t n = (size_t)head[0] << 24 | (size_t)head[1] << 16 | (size_t)head[2] << 8 | head[3];
	if (r == 0 && !buf_room(b, n))
		r = err_set(err, E_LIMIT, "", "message of %zu bytes is too large", n);
	if (r == 0) {
		r = recv_all(fd, b->ptr, n, &got, until, err);
		b->len = r == 0 ? n : 0;
	}
	if (r == 0 && ret_fd)
		*ret_fd = got;
	else if (got >= 0)
		close(got);
	return r;
}

int sock_call(const char *path, struct str msg, int pass_fd, struct buf *reply, int timeout_ms, struct err *err)
{
	_cleanup_fd_ int fd = -1;
	int r = sock_connect(path, timeout_ms, &fd, err);
	if (r == 0)
		r = sock_send(fd, msg, pass_fd, err);
	if (r == 0)
		r = sock_recv(fd, reply, NULL, timeout_ms, err);
	return r;
}
