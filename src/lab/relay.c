/* toride-relay ADDRESS:PORT NETNS: the lab's one loopback listener of the machine. It listens in the machine's own
 * network and answers from the same address and port inside the namespace, where the node's page is. Two
 * threads' worth of poll() a connection would do; a small forked copy a connection is simpler and bounded. */
#include "base/err.h"
#include "base/str.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONNECTIONS_MAX 32

static int parse(const char *text, struct sockaddr_in *sa)
{
	struct str rest = str_from(text), host;
	char addr[64];
	uint64_t port;
	*sa = (struct sockaddr_in){ .sin_family = AF_INET };
	if (!str_next(&rest, ':', &host) || !rest.ptr || !str_to_u64(rest, 65535, &port) || !str_copy(host, addr, sizeof addr))
		return -E_INVALID;
	sa->sin_port = htons((uint16_t)port);
	if (inet_pton(AF_INET, addr, &sa->sin_addr) != 1 || (ntohl(sa->sin_addr.s_addr) >> 24) != 127)
		return -E_INVALID;
	return 0;
}

static bool copy_once(int from, int to)
{
	char b[16384];
	ssize_t n = read(from, b, sizeof b);
	for (ssize_t done = 0; done < n;) {
		ssize_t k = write(to, b + done, (size_t)(n - done));
		if (k <= 0)
			return false;
		done += k;
	}
	return n > 0;
}

static void serve(int a, const struct sockaddr_in *sa, int ns)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (setns(ns, CLONE_NEWNET) < 0)
		_exit(1);
	int b = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (b < 0 || connect(b, (const struct sockaddr *)sa, sizeof *sa) < 0)
		_exit(1);
	for (;;) {
		struct pollfd p[2] = { { a, POLLIN, 0 }, { b, POLLIN, 0 } };
		if (poll(p, 2, 120000) <= 0)
			_exit(0);
		if ((p[0].revents && !copy_once(a, b)) || (p[1].revents && !copy_once(b, a)))
			_exit(0);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in sa;
	int one = 1, running = 0;
	if (argc != 3 || parse(argv[1], &sa) < 0) {
		fprintf(stderr, "usage: toride-relay 127.x.x.x:PORT NETNS\n");
		return 2;
	}
	int ns = open(argv[2], O_RDONLY | O_CLOEXEC);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (ns < 0 || fd < 0 || bind(fd, (struct sockaddr *)&sa, sizeof sa) < 0 || listen(fd, 16) < 0) {
		perror("toride: the page's address");
		return 4;
	}
	for (;;) {
		while (running && waitpid(-1, NULL, running >= CONNECTIONS_MAX ? 0 : WNOHANG) > 0)
			running--;
		int c = accept(fd, NULL, NULL);
		pid_t pid = c < 0 ? -1 : fork();
		if (pid == 0)
			serve(c, &sa, ns);
		if (c >= 0)
			close(c);
		running += pid > 0;
	}
}
