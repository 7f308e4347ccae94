/* See zygote.h. The zygote is a single-threaded loop: a byte in on its control socket, a worker's socket out; it waits
 * for its workers by pidfd and kills them at their deadlines. It gives up file system and network before its first
 * worker, so that a worker costs one clone (0.3 ms) and a filter. */
#include "jail/zygote.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/paths.h"
#include "wire/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#define WORKERS_MAX 256
#ifdef __SANITIZE_ADDRESS__ /* gcc */
#define ASAN 1
#elif defined(__has_feature) /* clang */
#define ASAN __has_feature(address_sanitizer)
#else
#define ASAN 0
#endif
#define SPAWN_TIMEOUT_MS 5000

struct worker {
	pid_t pid;
	int pidfd;
	int64_t until;
};

/* The zygote's own. */
struct nursery {
	int ctl;
	zygote_main main;
	struct zygote_limits limits;
	struct worker workers[WORKERS_MAX];
	uint32_t n;
};

/* The daemon's side: one zygote a process, as a process has one memory to copy. */
static int control = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- in the zygote and its workers ---- */

static void die(const char *what)
{
	log_error("", "zygote", "%s: %s", what, strerror(errno));
	_exit(1);
}

/* Only the control socket and standard error stay. */
static void keep_only(int *ctl)
{
	int null = open("/dev/null", O_RDWR);
	if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(*ctl, 3) < 0 || close_range(4, ~0u, 0) < 0)
		die("descriptors");
	*ctl = 3;
}

/* A root directory with nothing in it. */
static void empty_root(void)
{
	if (mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		die("private mounts");
	if (mount("none", "/tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, "size=4k,nr_inodes=2,mode=0555") < 0 || chdir("/tmp") < 0)
		die("empty file system");
	if (syscall(SYS_pivot_root, ".", ".") < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		die("pivot_root");
}

static void give_up_the_world(pid_t parent)
{
	struct err err = { 0 };
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS) < 0)
		die("namespaces");
	empty_root();
	/* After the new user namespace, which clears it. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0) < 0)
		die("no_new_privs");
	/* CAP_SYS_ADMIN of this empty world, for a process namespace a worker; workers drop it. */
	if (jail_paths_apply(&(struct jail_paths){ 0 }, &err) < 0 || jail_caps_keep(1ull << CAP_SYS_ADMIN, &err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "zygote", &err);
		_exit(1);
	}
}

static void limit(int what, uint64_t n)
{
	if (setrlimit((__rlimit_resource_t)what, &(struct rlimit){ n, n }) < 0)
		die("limits");
}

static void be_worker(const struct nursery *z, int sock)
{
	struct err err = { 0 };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || dup2(sock, 3) < 0 || close_range(4, ~0u, 0) < 0)
		_exit(1);
	limit(RLIMIT_CORE, 0);
	limit(RLIMIT_CPU, z->limits.cpu_s);
	limit(RLIMIT_NOFILE, 32);
	if (!ASAN) /* its shadow is terabytes of address space */
		limit(RLIMIT_AS, z->limits.memory);
	if (jail_caps_keep(0, &err) < 0 || jail_calls_worker(&err) < 0) {
		log_err(LOG_LEVEL_ERROR, "", "worker", &err);
		_exit(1);
	}
	z->main(3);
	_exit(0);
}

static void spawn(struct nursery *z)
{
	int pair[2], pidfd = -1;
	struct worker *w = &z->workers[z->n];
	if (z->n == z->limits.workers) {
		sock_send(z->ctl, STR("l"), -1, NULL);
		return;
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		die("socket pair");
	pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWIPC | CLONE_PIDFD | SIGCHLD, NULL, &pidfd, NULL, 0);
	if (pid == 0)
		be_worker(z, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		log_error("", "zygote", "cannot make a worker: %s", strerror(errno));
		sock_send(z->ctl, STR("e"), -1, NULL);
	} else {
		*w = (struct worker){ pid, pidfd, clock_mono_ms() + z->limits.deadline_ms };
		z->n++;
		sock_send(z->ctl, STR("w"), pair[0], NULL);
	}
	close(pair[0]);
}

static void reap(struct nursery *z, uint32_t i)
{
	int status;
	waitpid(z->workers[i].pid, &status, 0);
	close(z->workers[i].pidfd);
	z->workers[i] = z->workers[--z->n];
}

/* Kills who is late; returns the milliseconds until the next one is, -1 for nobody. */
static int deadlines(struct nursery *z)
{
	int64_t now = clock_mono_ms(), next = -1;
	for (uint32_t i = 0; i < z->n; i++) {
		int64_t left = z->workers[i].until - now;
		if (left <= 0) {
			kill(z->workers[i].pid, SIGKILL);
			left = 100; /* it takes a moment to end */
		}
		next = next < 0 || left < next ? left : next;
	}
	return (int)next;
}

static void nursery_run(struct nursery *z)
{
	struct pollfd p[WORKERS_MAX + 1];
	for (;;) {
		uint32_t n = z->n;
		struct buf b;
		p[0] = (struct pollfd){ z->ctl, POLLIN, 0 };
		for (uint32_t i = 0; i < n; i++)
			p[i + 1] = (struct pollfd){ z->workers[i].pidfd, POLLIN, 0 };
		if (poll(p, n + 1, deadlines(z)) < 0 && errno != EINTR)
			die("poll");
		for (uint32_t i = n; i-- > 0;)
			if (p[i + 1].revents)
				reap(z, i);
		if (!p[0].revents)
			continue;
		buf_init(&b, 64);
		int r = sock_recv(z->ctl, &b, NULL, 1000, NULL);
		buf_done(&b);
		if (r < 0)
			_exit(0); /* the daemon is gone or wants us to be: workers die with us */
		spawn(z);
	}
}

static void zygote(int ctl, zygote_main main, const struct zygote_limits *limits, pid_t parent)
{
	static struct nursery z;
	for (int s = 1; s < NSIG; s++)
		if (s != SIGPIPE)
			signal(s, SIG_DFL);
	z.main = main;
	z.limits = *limits;
	z.ctl = ctl;
	keep_only(&z.ctl);
	give_up_the_world(parent);
	sock_send(z.ctl, STR("ready"), -1, NULL);
	nursery_run(&z);
}

/* ---- in the daemon ---- */

static int wait_ready(int fd, struct err *err)
{
	struct buf b;
	buf_init(&b, 64);
	int r = sock_recv(fd, &b, NULL, SPAWN_TIMEOUT_MS, NULL);
	buf_done(&b);
	return r < 0 ? err_set(err, E_STATE, "zygote", "it did not start; its reason is in the log") : 0;
}

int zygote_start(zygote_main worker_main, const struct zygote_limits *limits, struct err *err)
{
	struct zygote_limits l = limits ? *limits : (struct zygote_limits){ 0 };
	int pair[2];
	pid_t parent = getpid();
	l.deadline_ms = l.deadline_ms ? l.deadline_ms : 10000;
	l.cpu_s = l.cpu_s ? l.cpu_s : 5;
	l.memory = l.memory ? l.memory : 512ull * MIB;
	l.workers = l.workers ? l.workers : 32;
	l.workers = l.workers < WORKERS_MAX ? l.workers : WORKERS_MAX;
	if (control >= 0)
		return err_set(err, E_EXISTS, "zygote", "started already");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, "zygote", "cannot make a socket pair");
	pid_t pid = fork();
	if (pid == 0)
		zygote(pair[1], worker_main, &l, parent);
	close(pair[1]);
	int r = pid < 0 ? err_errno(err, "zygote", "cannot fork") : wait_ready(pair[0], err);
	if (r < 0) {
		close(pair[0]);
		if (pid > 0)
			waitpid(pid, NULL, 0);
		return r;
	}
	control = pair[0];
	return 0;
}

int zygote_spawn(int *ret_sock, struct err *err)
{
	struct buf b;
	int fd = -1;
	buf_init(&b, 64);
	pthread_mutex_lock(&lock);
	int r = control < 0 ? err_set(err, E_STATE, "zygote", "not started") : sock_send(control, STR("w"), -1, err);
	if (r == 0)
		r = sock_recv(control, &b, &fd, SPAWN_TIMEOUT_MS, err);
	pthread_mutex_unlock(&lock);
	char what = b.len ? b.ptr[0] : 0;
	buf_done(&b);
	if (r < 0)
		return r;
	if (what == 'l')
		return err_set(err, E_LIMIT, "zygote", "too many workers at once");
	if (what != 'w' || fd < 0)
		return err_set(err, E_IO, "zygote", "no worker could be made; its reason is in the log");
	*ret_sock = fd;
	return 0;
}

void zygote_stop(void)
{
	pthread_mutex_lock(&lock);
	if (control >= 0)
		close(control);
	control = -1;
	pthread_mutex_unlock(&lock);
}
