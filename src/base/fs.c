/* See fs.h. */
#include "base/fs.h"

#include "base/err.h"
#include "base/mem.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long fail_at, counted;
static int fail_errno;

void fs_fail_at(long n, int error)
{
	counted = 0;
	fail_errno = error;
	fail_at = n;
}

long fs_count(void)
{
	return counted;
}

bool fs_fault(void)
{
	if (++counted != fail_at)
		return false;
	errno = fail_errno;
	return true;
}

int fs_read(const char *path, struct buf *b, struct err *err)
{
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, path, "cannot open");
	for (;;) {
		if (!buf_room(b, 4096) && b->failed == -E_LIMIT && b->max > b->len) {
			b->failed = 0; /* less than a page of room is left: read just that */
			if (!buf_room(b, b->max - b->len))
				break;
		}
		size_t room = b->cap - b->len;
		ssize_t n = b->failed || fs_fault() ? -1 : read(fd, b->ptr + b->len, room);
		if (b->failed)
			return err_set(err, (enum err_code)-b->failed, path, "larger than %zu bytes", b->max);
		if (n < 0)
			return err_errno(err, path, "cannot read");
		if (n == 0)
			return 0;
		b->len += (size_t)n;
	}
	return err_set(err, E_NOMEM, path, "no memory");
}

int fs_write_all(int fd, const void *p, size_t n, struct err *err)
{
	const char *c = p;
	while (n) {
		ssize_t k = fs_fault() ? -1 : write(fd, c, n);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return err_errno(err, "", "cannot write");
		c += k;
		n -= (size_t)k;
	}
	return 0;
}

int fs_sync_dir(const char *path, struct err *err)
{
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fs_fault() || fsync(fd) < 0)
		return err_errno(err, path, "cannot sync the directory");
	return 0;
}

int fs_sync_parent(const char *path, struct err *err)
{
	char dir[1024];
	const char *slash = strrchr(path, '/');
	if (!slash)
		return fs_sync_dir(".", err);
	snprintf(dir, sizeof dir, "%.*s", slash == path ? 1 : (int)(slash - path), path);
	return fs_sync_dir(dir, err);
}

int fs_write(const char *path, struct str data, mode_t mode, struct err *err)
{
	char tmp[1024];
	if (snprintf(tmp, sizeof tmp, "%s.%d.new", path, (int)getpid()) >= (int)sizeof tmp)
		return err_set(err, E_LIMIT, path, "path too long");
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_errno(err, path, "cannot create");
	int r = fs_write_all(fd, data.ptr, data.len, err);
	if (r < 0 && err && !err->path[0])
		snprintf(err->path, sizeof err->path, "%s", path);
	if (r == 0 && (fs_fault() || fsync(fd) < 0))
		r = err_errno(err, path, "cannot sync");
	if (r == 0 && (fs_fault() || rename(tmp, path) < 0))
		r = err_errno(err, path, "cannot rename");
	if (r < 0) {
		unlink(tmp);
		return r;
	}
	return fs_sync_parent(path, err);
}

int fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
	char p[1024];
	if (snprintf(p, sizeof p, "%s", path) >= (int)sizeof p)
		return err_set(err, E_LIMIT, path, "path too long");
	for (char *s = p + 1;; s++) {
		if (*s && *s != '/')
			continue;
		char was = *s;
		*s = 0;
		if (fs_fault() || (mkdir(p, mode) < 0 && errno != EEXIST))
			return err_errno(err, p, "cannot make the directory");
		if (!was)
			return 0;
		*s = was;
	}
}

struct tree {
	const char *path;
	struct err *err;
};

static int rm_one(const char *name, void *user)
{
	const struct tree *t = user;
	char path[2048];
	snprintf(path, sizeof path, "%s/%s", t->path, name);
	struct stat st;
	if (lstat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return fs_rmtree(path, t->err);
	return unlink(path) < 0 ? err_errno(t->err, path, "cannot remove") : 0;
}

int fs_rmtree(const char *path, struct err *err)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, path, "cannot remove");
	if (!S_ISDIR(st.st_mode))
		return unlink(path) < 0 ? err_errno(err, path, "cannot remove") : 0;
	struct tree t = { path, err };
	int r = fs_list(path, rm_one, &t, err);
	if (r < 0)
		return r;
	return rmdir(path) < 0 ? err_errno(err, path, "cannot remove") : 0;
}

bool fs_exists(const char *path)
{
	return faccessat(AT_FDCWD, path, F_OK, AT_EACCESS) == 0; /* access() asks for a user that jail_tool() left behind */
}

int fs_list(const char *path, int (*fn)(const char *name, void *user), void *user, struct err *err)
{
	struct dirent **names = NULL;
	int n = fs_fault() ? -1 : scandir(path, &names, NULL, alphasort);
	if (n < 0)
		return err_errno(err, path, "cannot list");
	int r = 0;
	for (int i = 0; i < n; i++) {
		const char *s = names[i]->d_name;
		if (r == 0 && strcmp(s, ".") != 0 && strcmp(s, "..") != 0)
			r = fn(s, user);
		free(names[i]);
	}
	free(names);
	return r;
}
