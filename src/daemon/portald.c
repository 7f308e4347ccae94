/* toride-portald: the desk's pages. Workers accept on one UNIX socket behind nginx; each has its own connection with the database role
 * that can only read what a session may see, and nothing else worth having. The parent only starts them again. */
#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "portal/portal.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WORKERS 6
#define REQUEST_MS 5000

static volatile sig_atomic_t stop, reload;

static void on_signal(int n)
{
	if (n == SIGHUP)
		reload = 1;
	else
		stop = 1;
}

static void catch_signals(void)
{
	struct sigaction sa = { .sa_handler = on_signal }; /* no SA_RESTART: accept() and waitpid() must wake up */
	sigaction(SIGHUP, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
	sigaction(SIGINT, &sa, NULL);
}

static int read_config(struct daemon *d, struct portal *p, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * MIB);
	int r = daemon_config(d, &b, err);
	if (r == 0)
		r = portal_configure(p, buf_view(&b), err);
	buf_done(&b);
	return r;
}

/* The whole request, within its time; the answer's code for portal_answer(). */
static int receive(int fd, struct buf *in, struct scgi *q)
{
	int64_t until = clock_mono_ms() + REQUEST_MS;
	size_t need = 0;
	for (;;) {
		int r = scgi_length(buf_view(in), &need);
		if (r < 0 && r != -E_AGAIN)
			return r;
		if (r == 0 && in->len >= need && !q->path[0] && (r = scgi_parse((struct str){ in->ptr, need }, q)) < 0)
			return r;
		if (q->path[0] && in->len - need >= q->length) {
			q->body = (struct str){ in->ptr + need, q->length };
			return 0;
		}
		struct pollfd f = { fd, POLLIN, 0 };
		int64_t left = until - clock_mono_ms();
		if (left <= 0 || poll(&f, 1, (int)left) <= 0 || !buf_room(in, 4096))
			return -E_TIMEOUT;
		ssize_t n = recv(fd, in->ptr + in->len, 4096, 0);
		if (n <= 0)
			return -E_CLOSED;
		in->len += (size_t)n;
	}
}

static void send_all(int fd, struct str s)
{
	int64_t until = clock_mono_ms() + REQUEST_MS;
	while (s.len) {
		struct pollfd f = { fd, POLLOUT, 0 };
		int64_t left = until - clock_mono_ms();
		if (left <= 0 || poll(&f, 1, (int)left) <= 0)
			return;
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0 && errno != EAGAIN)
			return;
		s.ptr += n > 0 ? n : 0;
		s.len -= n > 0 ? (size_t)n : 0;
	}
}

static void serve(struct portal *p, int fd)
{
	struct scgi q = { 0 };
	struct buf in, out;
	uid_t uid;
	if (sock_peer(fd, NULL, &uid) < 0 || !jail_peer_allowed(SOCK_PORTAL, uid))
		return;
	buf_init(&in, 2 * SCGI_MAX + SCGI_BODY_MAX);
	buf_init(&out, HTML_MAX + 4 * KIB);
	int r = receive(fd, &in, &q);
	if (r != -E_CLOSED) {
		p->asker_fd = q.post ? -1 : fd;
		portal_answer(p, &q, r, &out);
		p->asker_fd = -1;
		send_all(fd, buf_view(&out));
	}
	buf_done(&in);
	buf_done(&out);
}

/* Confined as its parent is: what a process may not do, its children may not. */
static void worker(struct daemon *d, int listener)
{
	static struct portal p;
	struct err err = { 0 };
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	p.call = portal_call;
	p.asker_fd = -1;
	if (read_config(d, &p, &err) < 0 || store_create(NULL, STORE_ROLE_PORTAL, &p.store, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "portald", &err);
		_exit(1);
	}
	while (!stop && !reload) { /* a new generation: the parent starts a new worker */
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		serve(&p, fd);
		close(fd);
	}
	_exit(0);
}

static pid_t start(struct daemon *d, int listener)
{
	pid_t pid = fork();
	if (pid == 0)
		worker(d, listener);
	return pid;
}

static void signal_all(const pid_t *pids, int n)
{
	for (int i = 0; i < WORKERS; i++)
		if (pids[i] > 0)
			kill(pids[i], n);
}

/* Starts whoever is missing, at most five a second, until told to stop. */
static void keep_workers(struct daemon *d, struct portal *p, int listener)
{
	pid_t pids[WORKERS] = { 0 };
	struct err err = { 0 };
	while (!stop) {
		for (int i = 0; i < WORKERS; i++)
			if (pids[i] <= 0)
				pids[i] = start(d, listener);
		pid_t gone = waitpid(-1, NULL, WNOHANG);
		for (int i = 0; i < WORKERS; i++)
			if (gone > 0 && pids[i] == gone)
				pids[i] = 0;
		if (reload) {
			reload = 0;
			if (read_config(d, p, &err) < 0) {
				log_err(LOG_LEVEL_ERROR, "", "portald.json", &err);
			} else {
				signal_all(pids, SIGHUP);
				daemon_ready(d);
			}
		}
		poll(NULL, 0, 200);
	}
	signal_all(pids, SIGTERM);
	while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
		;
}

int main(void)
{
	static struct daemon d;
	static struct portal p;
	struct err err = { 0 };
	char path[PLACE_MAX];
	int listener = -1;
	jail_install();
	if (daemon_begin("portald", &d, &err) < 0 || read_config(&d, &p, &err) < 0 ||
	    sock_listen(place_in_run(path, sizeof path, SOCK_PORTAL), 0666, &listener, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "portald", &err);
		return 1;
	}
	catch_signals();
	if (daemon_confine(&d, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "portald", &err);
		return 1;
	}
	daemon_ready(&d);
	keep_workers(&d, &p, listener);
	portal_done(&p);
	return 0;
}
