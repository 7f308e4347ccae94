/* See proc.h. */
#include "base/proc.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

static int enter_netns(const struct proc_opts *o)
{
	if (o->netns_fd > 0)
		return setns(o->netns_fd, CLONE_NEWNET);
	if (!o->netns)
		return 0;
	int fd = open(o->netns, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : setns(fd, CLONE_NEWNET);
}

static void child(const struct proc_opts *o, pid_t parent, int in, int out)
{
	sigset_t none;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	setsid(); /* a group of its own, so that a time-out ends its children too */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0 || enter_netns(o) < 0)
		_exit(127);
	if (o->gid && (setgroups(0, NULL) < 0 || setgid(o->gid) < 0))
		_exit(127);
	if (o->uid && setuid(o->uid) < 0)
		_exit(127);
	close_range(3, ~0u, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* nobody would know how it ended */
	if (getppid() != parent) /* it died before that */
		_exit(127);
	execvp(o->argv[0], (char *const *)(uintptr_t)o->argv);
	dprintf(2, "cannot run %s: %s\n", o->argv[0], strerror(errno));
	_exit(127);
}

void proc_keep_only(int a, int b)
{
	const int keep[] = { a < b ? a : b, a < b ? b : a };
	int from = 3;
	for (size_t i = 0; i < ARRAY_LEN(keep); i++) {
		if (keep[i] < from)
			continue;
		if (keep[i] > from)
			close_range((unsigned)from, (unsigned)keep[i] - 1, 0);
		from = keep[i] + 1;
	}
	close_range((unsigned)from, ~0u, 0);
}

struct exchange {
	int in, out;
	struct str input;
	struct buf *buf;
	int64_t deadline;
};

static void take_output(struct exchange *x)
{
	char tmp[4096];
	ssize_t n = read(x->out, tmp, sizeof tmp);
	if (n > 0 && x->buf)
		buf_put(x->buf, tmp, (size_t)n);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(x->out);
		x->out = -1;
	}
}

static void give_input(struct exchange *x)
{
	ssize_t n = x->input.len ? write(x->in, x->input.ptr, x->input.len) : 0;
	if (n > 0) {
		x->input.ptr += n;
		x->input.len -= (size_t)n;
	}
	if (x->input.len == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		close(x->in);
		x->in = -1;
	}
}

/* Both pipes at once until the output ends; false on time-out. */
static bool exchange_run(struct exchange *x)
{
	while (x->out >= 0) {
		int64_t left = x->deadline - clock_mono_ms();
		struct pollfd p[2] = { { x->out, POLLIN, 0 }, { x->in, POLLOUT, 0 } };
		if (left <= 0 || (poll(p, 2, (int)left) < 0 && errno != EINTR))
			return false;
		if (p[0].revents)
			take_output(x);
		if (x->in >= 0 && p[1].revents)
			give_input(x);
	}
	return true;
}

static int reap(pid_t pid, int64_t deadline)
{
	int status;
	for (;;) {
		pid_t r = waitpid(pid, &status, WNOHANG);
		if (r == pid)
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		if (r < 0 && errno != EINTR)
			return 127;
		if (clock_mono_ms() > deadline)
			kill(-pid, SIGKILL);
		poll(NULL, 0, 2);
	}
}

static int start(const struct proc_opts *o, struct exchange *x, pid_t *ret, struct err *err)
{
	int a[2], b[2];
	if (fs_fault() || pipe2(a, O_CLOEXEC) < 0)
		return err_errno(err, o->argv[0], "cannot make a pipe");
	if (pipe2(b, O_CLOEXEC) < 0) {
		close(a[0]), close(a[1]);
		return err_errno(err, o->argv[0], "cannot make a pipe");
	}
	pid_t parent = getpid(), pid = fork();
	if (pid == 0)
		child(o, parent, a[0], b[1]);
	close(a[0]), close(b[1]);
	x->in = a[1];
	x->out = b[0];
	fcntl(x->in, F_SETFL, O_NONBLOCK);
	fcntl(x->out, F_SETFL, O_NONBLOCK);
	if (pid < 0) {
		close(x->in), close(x->out);
		return err_errno(err, o->argv[0], "cannot fork");
	}
	*ret = pid;
	return 0;
}

int proc_run(const struct proc_opts *o, struct err *err)
{
	struct buf own;
	pid_t pid = 0;
	buf_init(&own, 64 * KIB);
	struct exchange x = { .input = o->input, .buf = o->out ? o->out : &own };
	x.deadline = clock_mono_ms() + (o->timeout_ms ? o->timeout_ms : 10000);
	int r = start(o, &x, &pid, err);
	if (r < 0)
		return r;
	void (*was)(int) = signal(SIGPIPE, SIG_IGN);
	bool done = exchange_run(&x);
	signal(SIGPIPE, was);
	if (x.in >= 0)
		close(x.in);
	if (x.out >= 0)
		close(x.out);
	if (!done)
		kill(-pid, SIGKILL);
	int status = reap(pid, x.deadline);
	if (!done)
		r = err_set(err, E_TIMEOUT, o->argv[0], "no end within %d ms", o->timeout_ms ? o->timeout_ms : 10000);
	else if (o->ret_status)
		*o->ret_status = status;
	else if (status != 0)
		r = err_set(err, E_IO, o->argv[0], "exit code %d: %.400s", status, buf_cstr(x.buf));
	buf_done(&own);
	return r;
}
