/* See queue.h. NSD asks for a queue of 1 MB by SO_RCVBUFFORCE alone and goes on with the machine's 212 KB (277 questions, 30 ms of a
 * flood) where that is refused; CAP_NET_ADMIN, which it would take, opens the packet filter and all routes, and that not to a parser of the
 * Internet's bytes. net.core.rmem_default is the whole machine's and no namespace's; a socket of the supervisor's own can't be handed over, since NSD
 * takes none. So root does it from outside, once NSD has them. */
#include "jail/queue.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DESCRIPTORS 64

static bool serves(int fd)
{
	struct sockaddr_storage a;
	socklen_t len = sizeof a;
	int type = 0;
	socklen_t size = sizeof type;
	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) < 0 || type != SOCK_DGRAM || getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return false;
	return (a.ss_family == AF_INET && ((struct sockaddr_in *)&a)->sin_port != 0) || (a.ss_family == AF_INET6 && ((struct sockaddr_in6 *)&a)->sin6_port != 0);
}

/* The kernel keeps twice what is asked for. */
static int widen(int fd, uint32_t bytes, struct err *err)
{
	int half = (int)(bytes / 2);
	return setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &half, sizeof half) < 0 ? err_errno(err, "SO_RCVBUFFORCE", "cannot widen a queue") : 0;
}

int jail_queue_widen(pid_t pid, uint32_t bytes, struct err *err)
{
	_cleanup_fd_ int process = (int)syscall(SYS_pidfd_open, pid, 0);
	int n = 0;
	if (process < 0)
		return err_errno(err, "pidfd_open", "cannot name process %d", (int)pid);
	for (int i = 0; i < DESCRIPTORS; i++) {
		_cleanup_fd_ int fd = (int)syscall(SYS_pidfd_getfd, process, i, 0);
		if (fd < 0 && errno != EBADF)
			return err_errno(err, "pidfd_getfd", "cannot borrow a socket of process %d", (int)pid);
		if (fd < 0 || !serves(fd))
			continue;
		int r = widen(fd, bytes, err);
		if (r < 0)
			return r;
		n++;
	}
	return n;
}
