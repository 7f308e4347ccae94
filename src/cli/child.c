/* See child.h. */
#include "cli/child.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MEMORY (2048ull * MIB)
#define LONGEST_S 3600 /* whatever it does */

struct head { /* before the child's bytes */
	int code;
	char path[sizeof((struct err *)0)->path], msg[sizeof((struct err *)0)->msg];
	uint64_t len;
};

static void child(cli_work *work, void *user, size_t max, int to)
{
	struct head h = { 0 };
	struct err err = { 0 };
	struct buf out;
	buf_init(&out, max);
	signal(SIGPIPE, SIG_IGN);
	signal(SIGXFSZ, SIG_IGN);
	alarm(LONGEST_S);
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is terabytes */
	struct rlimit memory;
	getrlimit(RLIMIT_DATA, &memory);
	memory.rlim_cur = memory.rlim_max < MEMORY ? memory.rlim_max : MEMORY; /* work may raise it before it enters its jail, which lets nobody */
	setrlimit(RLIMIT_DATA, &memory);
#endif
	h.code = work(user, &out, &err);
	if (h.code == 0 && out.failed)
		h.code = err_set(&err, E_LIMIT, "", "what is in it takes more than %zu bytes", max);
	h.len = h.code < 0 ? 0 : out.len;
	snprintf(h.path, sizeof h.path, "%s", err.path);
	snprintf(h.msg, sizeof h.msg, "%s", err.msg);
	int r = fs_write_all(to, &h, sizeof h, NULL);
	_exit(r < 0 || fs_write_all(to, out.ptr, (size_t)h.len, NULL) < 0 ? 1 : 0);
}

/* Until it is all there or the other end is closed; how many bytes came. */
static size_t take(int fd, void *dst, size_t n)
{
	size_t done = 0;
	while (done < n) {
		ssize_t k = read(fd, (char *)dst + done, n - done);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			break;
		done += (size_t)k;
	}
	return done;
}

static bool take_all(int fd, struct head *h, struct buf *ret)
{
	char more;
	if (take(fd, h, sizeof *h) != sizeof *h || h->code < -E_AGAIN || h->len >= ret->max || !buf_room(ret, (size_t)h->len + 1))
		return false;
	ret->len = take(fd, ret->ptr, (size_t)h->len);
	return ret->len == h->len && take(fd, &more, 1) == 0;
}

static int ended(int status, const char *at, struct err *err)
{
	return err_set(err, E_IO, at, "what reads it ended (%s %d)", WIFSIGNALED(status) ? "signal" : "exit code",
	               WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

int cli_child(cli_work *work, void *user, int keep, size_t max, struct buf *ret, const char *at, struct err *err)
{
	int p[2], status = 0;
	struct head h = { 0 };
	buf_init(ret, max + 1);
	fflush(NULL); /* nothing of ours is printed twice */
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(err, at, "no pipe");
	pid_t pid = fork();
	if (pid == 0) {
		proc_keep_only(keep, p[1]);
		child(work, user, max, p[1]);
	}
	close(p[1]);
	bool whole = pid > 0 && take_all(p[0], &h, ret);
	close(p[0]);
	if (pid < 0)
		return err_errno(err, at, "no child");
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!whole || status)
		return ended(status, at, err);
	cli_harmless(h.path, sizeof h.path);
	cli_harmless(h.msg, sizeof h.msg);
	return h.code < 0 ? err_set(err, (enum err_code)-h.code, at, "%s%s%s", h.path, *h.path ? ": " : "", h.msg) : 0;
}

static int put_in_place(int fd, const char *part, const char *path, struct err *err)
{
	char dir[PATH_MAX];
	snprintf(dir, sizeof dir, "%s", path);
	char *slash = strrchr(dir, '/');
	if (fsync(fd) < 0 || rename(part, path) < 0)
		return err_errno(err, path, "cannot be put in place");
	if (slash)
		slash[slash == dir] = 0;
	return fs_sync_dir(slash ? dir : ".", err);
}

int cli_child_file(cli_work *work, void *user, int *fd, const char *path, size_t max, struct buf *ret, struct err *err)
{
	char part[PATH_MAX];
	buf_init(ret, 1);
	if (snprintf(part, sizeof part, "%s.part", path) >= (int)sizeof part)
		return err_set(err, E_INVALID, path, "the name is too long");
	*fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (*fd < 0)
		return err_errno(err, part, "cannot be written");
	int r = cli_child(work, user, *fd, max, ret, path, err);
	r = r < 0 ? r : put_in_place(*fd, part, path, err);
	close(*fd);
	*fd = -1;
	if (r < 0)
		unlink(part);
	return r;
}
