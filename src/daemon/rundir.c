/* See rundir.h. */
#include "daemon/rundir.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/table.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>

static int own(const char *path, uid_t uid, gid_t gid, mode_t mode, struct err *err)
{
	if (chown(path, uid, gid) < 0 || chmod(path, mode) < 0)
		return err_errno(err, path, "cannot give to its user");
	return 0;
}

/* An empty file that belongs to a daemon: it may fill it, not make others beside it. */
static int give_file(const char *path, uid_t uid, mode_t mode, struct err *err)
{
	_cleanup_fd_ int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
	if (fd < 0)
		return err_errno(err, path, "cannot create");
	return own(path, uid, uid, mode, err);
}

int rundir_lock(struct err *err)
{
	char path[PLACE_MAX];
	int r = fs_mkdirs(place_run(), 0755, err);
	if (r < 0)
		return r;
	int fd = open(place_in_run(path, sizeof path, "torided.lock"), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return err_errno(err, path, "cannot open");
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		close(fd);
		return err_set(err, E_STATE, place_run(), "another torided runs with this run directory");
	}
	return 0; /* kept open: the lock ends with us */
}

/* A link that somebody other than root put there isn't followed: what lies behind it would become theirs. */
static int own_dir(const char *path, uid_t uid, gid_t gid, mode_t mode, struct err *err)
{
	struct stat st;
	bool roots = lstat(path, &st) == 0 && S_ISLNK(st.st_mode) && st.st_uid == 0;
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | (roots ? 0 : O_NOFOLLOW));
	if (fd < 0 || fchown(fd, uid, gid) < 0 || fchmod(fd, mode) < 0)
		return err_errno(err, path, "cannot give to its user");
	return 0;
}

static int make_dirs(struct err *err)
{
	char path[PLACE_MAX];
	int r = 0;
	for (const struct table_dir *d = table_dirs; r == 0 && d->path; d++) {
		table_path(d->path, path, sizeof path);
		r = fs_mkdirs(path, 0755, err);
		if (r == 0)
			r = own_dir(path, d->uid, d->gid, d->mode, err);
	}
	return r;
}

int rundir_make(struct err *err)
{
	char path[PLACE_MAX];
	int r = make_dirs(err);
	if (r == 0)
		r = give_file(place_in_run(path, sizeof path, "ca.pem"), USER_VAULT, 0644, err);
	return r;
}

int rundir_give(const struct table_process *p, struct err *err)
{
	char path[PLACE_MAX];
	int r = give_file(place_in_run(path, sizeof path, "ready/%s", p->name), p->engine ? 0 : p->uid, 0644, err);
	if (r == 0 && !p->engine)
		r = give_file(place_in_run(path, sizeof path, "stats/%s", p->name), p->uid, 0644, err);
	return r;
}

/* Start time of a process in clock ticks since boot, 0 when it is gone or only waits to be reaped. proc(5), field 22 of stat. */
static uint64_t start_time(pid_t pid)
{
	char path[64], text[1024];
	unsigned long long start = 0;
	char state;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (n <= 0)
		return 0;
	text[n] = 0;
	const char *after = strrchr(text, ')'); /* the name may hold anything */
	if (!after || sscanf(after + 1, " %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu", &state, &start) != 2)
		return 0;
	return state == 'Z' || state == 'X' ? 0 : start;
}

void rundir_note_pid(const char *name, pid_t pid)
{
	char path[PLACE_MAX], text[64] = "";
	if (pid)
		snprintf(text, sizeof text, "%d %llu\n", (int)pid, (unsigned long long)start_time(pid));
	_cleanup_fd_ int fd = open(place_in_run(path, sizeof path, "pids/%s", name), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		log_warn("", path, "cannot write: %s", strerror(errno));
}

static int sweep_one(const char *name, void *user)
{
	char path[PLACE_MAX];
	int pid;
	unsigned long long start;
	struct buf b;
	(void)user;
	buf_init(&b, 4096);
	if (fs_read(place_in_run(path, sizeof path, "pids/%s", name), &b, NULL) == 0 &&
	    sscanf(buf_cstr(&b), "%d %llu", &pid, &start) == 2 && pid > 1 && start && start_time(pid) == start) {
		log_warn("", name, "process %d of a former instance still ran: killed", pid);
		kill(pid, SIGKILL);
		for (int i = 0; i < 200 && start_time(pid) == start; i++)
			poll(NULL, 0, 10);
	}
	buf_done(&b);
	unlink(path);
	return 0;
}

int rundir_sweep(struct err *err)
{
	char path[PLACE_MAX];
	/* What a former instance said is no longer true, from now on. */
	int r = fs_rmtree(place_in_run(path, sizeof path, "ready"), err);
	if (r == 0)
		r = fs_rmtree(place_in_run(path, sizeof path, "stats"), err);
	if (r < 0)
		return r;
	place_in_run(path, sizeof path, "pids");
	return fs_exists(path) ? fs_list(path, sweep_one, NULL, err) : 0;
}

int rundir_sockets(int ret[RUNDIR_SOCKETS], struct err *err)
{
	char path[PLACE_MAX];
	int r = 0;
	for (int i = 0; i < RUNDIR_SOCKETS; i++)
		ret[i] = -1;
	for (size_t i = 0; r == 0 && table_sockets[i].name; i++) {
		const struct table_socket *s = &table_sockets[i];
		if (i >= RUNDIR_SOCKETS - 1)
			bug("more sockets in the table than RUNDIR_SOCKETS");
		r = sock_listen(place_in_run(path, sizeof path, "%s", s->name), 0600, &ret[i], err);
		if (r == 0)
			r = own(path, 0, TABLE_GID + (gid_t)i, s->anyone ? 0666 : 0660, err);
	}
	return r;
}

void rundir_ready_get(const char *name, char dst[80])
{
	char path[PLACE_MAX];
	_cleanup_fd_ int fd = open(place_in_run(path, sizeof path, "ready/%s", name), O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	ssize_t n = fd < 0 ? 0 : read(fd, dst, 79);
	dst[n > 0 ? n : 0] = 0;
	for (char *c = dst; *c; c++) /* it goes into JSON and logs: a daemon may have written anything */
		if (*c < ' ' || *c > '~')
			*c = '?';
}

void rundir_ready_set(const char *name, const char *text)
{
	char path[PLACE_MAX];
	_cleanup_fd_ int fd = open(place_in_run(path, sizeof path, "ready/%s", name), O_WRONLY | O_TRUNC | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && write(fd, text, strlen(text)) < 0)
		log_warn("", path, "cannot write: %s", strerror(errno));
}
