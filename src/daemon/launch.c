/* See launch.h. Between clone and exec the child only narrows itself; what fails is one line on its log and exit 127. */
#include "daemon/launch.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "daemon/postgres.h"
#include "daemon/tls.h"
#include "daemon/tsig.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/paths.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SOCKETS_MAX 16
#define ENV_MAX 48
#define FIRST_FD 3

static void fail(const char *what)
{
	log_error("", what, "cannot start: %s", strerror(errno));
	_exit(127);
}

static void fail_err(const struct err *err)
{
	log_err(LOG_LEVEL_ERROR, "", "start", err);
	_exit(127);
}

static void signals_default(void)
{
	sigset_t none;
	for (int s = 1; s < NSIG; s++)
		signal(s, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Slave, not private: what the machine unmounts is unmounted here too. */
static void mounts(const struct table_process *row)
{
	if (mount("none", "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		fail("mount");
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		log_info("", row->name, "it sees the machine's /proc: %s", strerror(errno));
	if (row->prepare & PREPARE_POSTGRES && postgres_mount_users() < 0)
		fail("/etc/passwd");
}

/* Standard descriptors, then the sockets it listens on from FIRST_FD; nothing else. Writes TORIDE_LISTEN's value. */
static void descriptors(const struct launch *l, char *listen, size_t size)
{
	int high[SOCKETS_MAX], log = fcntl(l->log_fd, F_DUPFD_CLOEXEC, 200), null = open("/dev/null", O_RDWR | O_CLOEXEC);
	size_t n = 0, len = 0;
	for (size_t i = 0; table_sockets[i].name && n < SOCKETS_MAX; i++) {
		if (l->sockets[i] < 0 || strcmp(table_sockets[i].server, l->row->name) != 0)
			continue;
		high[n] = fcntl(l->sockets[i], F_DUPFD_CLOEXEC, 200);
		if (high[n] < 0)
			fail("socket");
		len += (size_t)snprintf(listen + len, size - len, "%s%s=%zu", n ? "," : "", table_sockets[i].name, FIRST_FD + n);
		n++;
	}
	if (log < 0 || null < 0 || dup2(null, 0) < 0 || dup2(log, 1) < 0 || dup2(log, 2) < 0)
		fail("descriptors");
	for (size_t i = 0; i < n; i++)
		if (dup2(high[i], FIRST_FD + (int)i) < 0)
			fail("descriptors");
	if (close_range(FIRST_FD + (unsigned)n, ~0u, 0) < 0)
		fail("descriptors");
}

/* In a container root may lack the right to raise one: then it stays at the machine's. */
static void limit(int what, uint64_t n)
{
	struct rlimit l;
	if (n == 0 || setrlimit((__rlimit_resource_t)what, &(struct rlimit){ n, n }) == 0)
		return;
	if (getrlimit((__rlimit_resource_t)what, &l) < 0 || l.rlim_max >= n)
		fail("limits");
	l.rlim_cur = l.rlim_max;
	setrlimit((__rlimit_resource_t)what, &l);
}

static void limits(const struct table_process *row)
{
	setrlimit(RLIMIT_CORE, &(struct rlimit){ 0, 0 });
	limit(RLIMIT_DATA, row->memory ? row->memory : RLIM_INFINITY); /* none is none, whatever torided was started under */
	limit(RLIMIT_AS, RLIM_INFINITY);
	limit(RLIMIT_NOFILE, row->files);
	limit(RLIMIT_NPROC, row->processes);
	if (row->lock_memory)
		limit(RLIMIT_MEMLOCK, RLIM_INFINITY);
}

/* The groups of the sockets it may connect to, and its row's. */
static void become(const struct table_process *row)
{
	struct err err = { 0 };
	gid_t groups[SOCKETS_MAX + 1];
	size_t n = 0;
	for (size_t i = 0; table_sockets[i].name; i++)
		for (size_t k = 0; k < TABLE_PEERS && table_sockets[i].peers[k]; k++)
			if (table_sockets[i].peers[k] == row->uid && n < SOCKETS_MAX)
				groups[n++] = TABLE_GID + (gid_t)i;
	if (row->group)
		groups[n++] = row->group;
	if (prctl(PR_SET_KEEPCAPS, 1) < 0 || jail_caps_bound(row->caps_start, &err) < 0)
		fail("capabilities");
	if (setgroups(n, groups) < 0 || setresgid(row->uid, row->uid, row->uid) < 0 || setresuid(row->uid, row->uid, row->uid) < 0)
		fail("user");
	if (jail_caps_pass(row->caps_start, &err) < 0)
		fail_err(&err);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("no_new_privs");
	/* After the change of user, which would clear it. Were we orphaned before, nobody reads our log any more. */
	struct pollfd p = { 2, 0, 0 };
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || (poll(&p, 1, 0) == 1 && p.revents & (POLLERR | POLLHUP)))
		_exit(127);
}

/* PATH, language, zone and what is ours; nothing else of the environment. */
static void environment(const struct table_process *row, char *listen, char *env[ENV_MAX])
{
	static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin", lang[] = "LANG=C.UTF-8", own[128];
	size_t n = 0;
	env[n++] = path;
	env[n++] = lang;
	if (row->variable) {
		snprintf(own, sizeof own, "%s", row->variable);
		env[n++] = own;
	}
	for (char **e = environ; *e && n < ENV_MAX - 2; e++)
		if ((strncmp(*e, "TORIDE_", 7) == 0 && strncmp(*e, "TORIDE_LISTEN=", 14) != 0) || strncmp(*e, "TZ=", 3) == 0 ||
		    strncmp(*e, "OPENSSL_ENGINES=", 16) == 0)
			env[n++] = *e;
	env[n++] = listen;
	env[n] = NULL;
}

static void confine_engine(const struct table_process *row)
{
	struct err err = { 0 };
	struct jail_paths paths = { .read = row->read, .n_read = TABLE_PATHS, .write = row->write, .n_write = TABLE_PATHS, .execute = 1 };
	if (jail_paths_apply(&paths, &err) < 0 || jail_calls_engine(&err) < 0)
		fail_err(&err);
}

/* Engines' relative names are relative to RUN/NAME. */
static void go_home(const struct table_process *row)
{
	char dir[PLACE_MAX];
	place_in_run(dir, sizeof dir, "%s", row->name);
	if ((row->engine && chdir(dir) == 0) || chdir("/") == 0)
		return;
	fail("directory");
}

/* nginx that was killed leaves its socket, and one that starts doesn't take it over. Its records' files are made here for
 * intaked's group, which cuts out of them what it has taken (intake/tail.h). */
static void prepare_edge(void)
{
	static const char *const logs[] = { "edge/log/access", "edge/log/waf" };
	char path[PLACE_MAX];
	if (unlink(place_in_run(path, sizeof path, "edge/status.sock")) < 0 && errno != ENOENT)
		fail(path);
	for (size_t i = 0; i < ARRAY_LEN(logs); i++) {
		_cleanup_fd_ int fd = open(place_in_state(path, sizeof path, "%s", logs[i]), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0660);
		if (fd < 0 || fchmod(fd, 0660) < 0)
			fail(path);
	}
}

/* Of one that was killed: the number in it is of a namespace that is gone, and may be this one's own. */
static void drop_pid_file(const struct table_process *row)
{
	char dir[PLACE_MAX], path[PLACE_MAX + 64];
	snprintf(path, sizeof path, "%s/%s.pid", table_path(row->write[0], dir, sizeof dir), row->name);
	unlink(path);
}

/* paird makes the pipe that keepalived speaks into: it is to be able to read it. */
static void await_pipe(void)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, "pair/notify");
	for (int i = 0; i < 100 && access(path, W_OK) < 0; i++)
		poll(NULL, 0, 50);
	if (access(path, W_OK) < 0)
		fail(path);
}

static void drop_lock(void)
{
	char path[PLACE_MAX];
	unlink(place_in_run(path, sizeof path, "conntrackd/lock"));
	unlink(place_in_run(path, sizeof path, "conntrackd/control.sock"));
}

static void child(const struct launch *l)
{
	const struct table_process *row = l->row;
	static char paths[TABLE_ARGS][PLACE_MAX], listen[1024] = "TORIDE_LISTEN=";
	char *argv[TABLE_ARGS + 1] = { NULL }, *env[ENV_MAX];
	struct err err = { 0 };
	log_open(row->name, LOG_LEVEL_INFO);
	signals_default();
	setsid();
	descriptors(l, listen + strlen(listen), sizeof listen - strlen(listen));
	for (size_t i = 0; i < TABLE_ARGS && row->argv[i]; i++) /* while what they depend on can be read */
		argv[i] = (char *)(uintptr_t)table_path(i ? row->argv[i] : l->program, paths[i], PLACE_MAX);
	mounts(row);
	umask(022);
	limits(row);
	become(row);
	go_home(row);
	environment(row, listen, env);
	environ = env;
	if (row->engine)
		confine_engine(row);
	if (row->prepare & PREPARE_POSTGRES && postgres_prepare(l->standby, &err) < 0)
		fail_err(&err);
	if (row->prepare & PREPARE_TSIG && tsig_prepare(row->name, &err) < 0)
		fail_err(&err);
	if (row->prepare & PREPARE_BGP && bgp_prepare(&err) < 0)
		fail_err(&err);
	if (row->prepare & PREPARE_TLS && tls_prepare(row->name, &err) < 0)
		fail_err(&err);
	if (row->prepare & PREPARE_PID)
		drop_pid_file(row);
	if (row->prepare & PREPARE_NOTIFY)
		await_pipe();
	if (row->prepare & PREPARE_LOCK)
		drop_lock();
	if (row->prepare & PREPARE_EDGE)
		prepare_edge();
	execv(argv[0], argv);
	fail(argv[0]);
}

int launch(const struct launch *l, pid_t *ret, struct err *err)
{
	unsigned long spaces = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS | (l->row->own_net ? CLONE_NEWNET : 0);
	pid_t pid = (pid_t)syscall(SYS_clone, spaces | SIGCHLD, NULL, NULL, NULL, 0);
	if (pid == 0) {
		child(l);
		_exit(127);
	}
	if (pid < 0)
		return err_errno(err, l->row->name, "cannot start in namespaces of its own");
	*ret = pid;
	return 0;
}
