/* See child.h. Nothing that comes back from these children is believed: frame.c, verify.c and cut.c check it. */
#include "apply/child.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define REPLY_MAX (512u * MIB)
#define COMPILE_MS 120000

void child_signals_block(void *ret_old_set)
{
	sigset_t all;
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, ret_old_set);
}

void child_signals_restore(const void *old_set)
{
	sigprocmask(SIG_SETMASK, old_set, NULL);
}

void child_signals_fresh(void)
{
	sigset_t none;
	for (int s = 1; s < 32; s++)
		signal(s, s == SIGPIPE ? SIG_IGN : SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* ---- giving up privilege ---- */

static int set_caps(uint32_t mask, bool inheritable)
{
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2] = { { mask, mask, inheritable ? mask : 0 }, { 0, 0, 0 } };
	return (int)syscall(SYS_capset, &h, d);
}

static bool drop_to_worker(unsigned keep)
{
	uint32_t mask = keep & CHILD_NET_ADMIN ? 1u << CAP_NET_ADMIN : 0;
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	if (geteuid() != 0)
		return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
	if (prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) < 0 || setgroups(0, NULL) < 0 ||
	    setresgid(USER_WORKER, USER_WORKER, USER_WORKER) < 0 || setresuid(USER_WORKER, USER_WORKER, USER_WORKER) < 0)
		return false;
	if (set_caps(mask, true) < 0)
		return false;
	if (mask && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_ADMIN, 0, 0) < 0)
		return false;
	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0;
}

/* ---- talking to a child ---- */

/* All the child says until it closes; killed when it takes too long. */
static int collect(pid_t pid, int fd, int timeout_ms, struct buf *b, const char *what, struct err *err)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	for (;;) {
		int64_t left = until - clock_mono_ms();
		struct pollfd p = { fd, POLLIN, 0 };
		int n = left <= 0 ? 0 : poll(&p, 1, (int)left);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			kill(pid, SIGKILL);
			return err_set(err, E_TIMEOUT, what, "no end within %d ms", timeout_ms);
		}
		if (!buf_room(b, 64 * KIB)) {
			kill(pid, SIGKILL);
			return err_set(err, (enum err_code)-b->failed, what, "the answer is too large, or there is no memory");
		}
		ssize_t got = read(fd, b->ptr + b->len, 64 * KIB);
		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return 0;
		b->len += (size_t)got;
	}
}

static int reap(pid_t pid)
{
	int status = -1;
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -1; /* torided's own waiting took it: the answer counts */
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* One left alone would hold the lock of the change (transaction.c) against the recovery, or the processor. Said behind the change of user, which forgets it. */
static void end_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(1);
}

static void child_main(unsigned keep, child_fn fn, void *arg, pid_t parent, int fd)
{
	struct err err = { 0 };
	struct buf out, msg;
	buf_init(&out, REPLY_MAX - KIB);
	buf_init(&msg, REPLY_MAX);
	child_signals_fresh();
	bool dropped = drop_to_worker(keep);
	end_with(parent);
	int r = dropped ? fn(arg, &out, &err) : err_set(&err, E_IO, "child", "cannot give up privilege");
	if (r == 0 && out.failed)
		r = err_set(&err, (enum err_code)-out.failed, "child", "cannot write the answer");
	wr_u8(&msg, r < 0 ? (uint8_t)(err.code ? err.code : -r) : 0);
	wr_blob(&msg, str_from(err.path));
	wr_blob(&msg, str_from(err.msg));
	wr_blob(&msg, buf_view(&out));
	if (msg.failed || fs_write_all(fd, msg.ptr, msg.len, NULL) < 0)
		_exit(1);
	_exit(0);
}

static int take_reply(struct str msg, struct buf *out, struct err *err)
{
	struct rd r = rd_from(msg.ptr, msg.len);
	uint8_t code = rd_u8(&r);
	struct str path = rd_blob(&r), words = rd_blob(&r), data = rd_blob(&r);
	if (rd_end(&r) < 0 || code > E_AGAIN)
		return err_set(err, E_CLOSED, "child", "it ended without an answer");
	if (code) {
		char where[128];
		snprintf(where, sizeof where, STR_FMT, STR_ARG(path));
		return err_set(err, (enum err_code)code, where, STR_FMT, STR_ARG(words));
	}
	buf_str(out, data);
	return out->failed ? err_set(err, (enum err_code)-out->failed, "child", "no memory") : 0;
}

int child_call(unsigned keep, child_fn fn, void *arg, int timeout_ms, struct buf *out, struct err *err)
{
	int p[2];
	sigset_t was;
	if (fs_fault() || pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, "child", "cannot make a pipe");
	child_signals_block(&was);
	pid_t parent = getpid();
	pid_t pid = fs_fault() ? -1 : fork();
	if (pid == 0) {
		close(p[0]);
		child_main(keep, fn, arg, parent, p[1]);
	}
	child_signals_restore(&was);
	close(p[1]);
	struct buf msg;
	buf_init(&msg, REPLY_MAX);
	int r = pid < 0 ? err_errno(err, "child", "cannot fork") : collect(pid, p[0], timeout_ms, &msg, "child", err);
	close(p[0]);
	if (pid > 0)
		reap(pid);
	if (r == 0)
		r = take_reply(buf_view(&msg), out, err);
	buf_done(&msg);
	return r;
}

/* ---- the compile child ---- */

static void compile_path(char dst[PLACE_MAX])
{
	const char *dir = getenv("TORIDE_LIBEXEC");
	char self[PLACE_MAX];
	ssize_t n = readlink("/proc/self/exe", self, sizeof self - 32);
	self[n > 0 ? n : 0] = 0;
	char *slash = strrchr(self, '/');
	if (slash)
		*slash = 0;
	if (snprintf(dst, PLACE_MAX, "%s/toride-compile", dir && *dir ? dir : self) >= PLACE_MAX)
		dst[0] = 0;
}

static void limit(int what, rlim_t n)
{
	setrlimit((__rlimit_resource_t)what, &(struct rlimit){ n, n });
}

static void compile_main(const char *program, int in, int out, int words, pid_t parent)
{
	char *argv[] = { (char *)(uintptr_t) "toride-compile", (char *)(uintptr_t)place_state(), (char *)(uintptr_t)place_run(), NULL };
	char *envp[] = { NULL };
	child_signals_fresh();
	setsid();
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(words, 2) < 0)
		_exit(126);
	close_range(3, ~0u, 0);
	if (geteuid() == 0 && unshare(CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		_exit(126);
	limit(RLIMIT_AS, 4ull * 1024 * MIB);
	limit(RLIMIT_CPU, COMPILE_MS / 1000);
	limit(RLIMIT_FSIZE, 0);
	if (!drop_to_worker(0))
		_exit(126);
	end_with(parent);
	execve(program, argv, envp);
	dprintf(2, "cannot run %s: %s", program, strerror(errno));
	_exit(127);
}

/* What a failed child said on stderr becomes the error's words: one line of printable text. A refused description's begin
 * with the place in it, "service.state_dir: …". */
static int compile_failed(int status, struct buf *words, struct err *err)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.[]-";
	char path[96];
	for (size_t i = 0; i < words->len; i++)
		if ((unsigned char)words->ptr[i] < 0x20)
			words->ptr[i] = ' ';
	const char *text = buf_cstr(words);
	size_t n = strspn(text, letters);
	if (status == 1 && n && n < sizeof path && text[n] == ':' && text[n + 1] == ' ') {
		snprintf(path, sizeof path, "%.*s", (int)n, text);
		return err_set(err, E_INVALID, path, "%.400s", text + n + 2);
	}
	return err_set(err, status == 1 ? E_INVALID : E_IO, "compile", "toride-compile ended with %d: %.400s", status,
	               text);
}

static int open_pipes(int out[2], int words[2], struct err *err)
{
	if (fs_fault() || pipe2(out, O_CLOEXEC) < 0)
		return err_errno(err, "compile", "cannot make a pipe");
	if (pipe2(words, O_CLOEXEC) == 0)
		return 0;
	close(out[0]), close(out[1]);
	return err_errno(err, "compile", "cannot make a pipe");
}

int child_compile(const char *hex, struct buf *out, struct err *err)
{
	char path[PLACE_MAX], program[PLACE_MAX];
	int o[2], w[2];
	sigset_t was;
	compile_path(program);
	_cleanup_fd_ int in = fs_fault() ? -1 : open(place_in_state(path, sizeof path, "submitted/%s.json", hex), O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return err_errno(err, path, "cannot open");
	int r = open_pipes(o, w, err);
	if (r < 0)
		return r;
	fcntl(w[0], F_SETPIPE_SZ, 64 * KIB);
	fcntl(w[1], F_SETFL, O_NONBLOCK); /* a flood of words is cut off, it doesn't stop the child */
	child_signals_block(&was);
	pid_t parent = getpid(), pid = fs_fault() ? -1 : fork();
	if (pid == 0)
		compile_main(program, in, o[1], w[1], parent);
	child_signals_restore(&was);
	close(o[1]), close(w[1]);
	struct buf words;
	buf_init(&words, 256 * KIB); /* more than the pipe holds: a full one counts as failed and shows nothing */
	r = pid < 0 ? err_errno(err, "compile", "cannot fork") : collect(pid, o[0], COMPILE_MS, out, "compile", err);
	int status = pid > 0 ? reap(pid) : -1;
	if (r == 0 && status != 0 && status != -1) {
		collect(pid, w[0], 1000, &words, "compile", NULL);
		r = compile_failed(status, &words, err);
	}
	close(o[0]), close(w[0]);
	buf_done(&words);
	return r;
}
