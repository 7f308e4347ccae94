/* The lab's servers: started in their namespaces, noted with their start time, ended at down. See lab.h. */
#include "lab/lab.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

/* Field 22 of /proc/PID/stat: when it started, so that a reused number isn't mistaken for ours. 0: it isn't there, or has
 * ended and only its parent hasn't looked yet (some machines' init takes seconds for that). */
static uint64_t start_time(pid_t pid)
{
	char path[64];
	struct buf b;
	uint64_t t = 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	buf_init(&b, 4096);
	const char *p = fs_read(path, &b, NULL) == 0 ? strrchr(buf_cstr(&b), ')') : NULL;
	bool ended = p && strncmp(p, ") Z", 3) == 0;
	for (int field = 2; p && field < 22; field++)
		p = strchr(p + 1, ' ');
	if (p && !ended)
		t = strtoull(p, NULL, 10);
	buf_done(&b);
	return t;
}

static int note_pid(const struct lab *l, pid_t pid, const char *name, struct err *err)
{
	char path[512], row[128];
	_cleanup_fd_ int fd = open(lab_path(l, path, "pids"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
	int n = snprintf(row, sizeof row, "%d %llu %.60s\n", (int)pid, (unsigned long long)start_time(pid), name);
	if (fd < 0)
		return err_errno(err, path, "cannot open");
	return fs_write_all(fd, row, (size_t)n, err);
}

static bool second_node(const struct lab *l)
{
	static const char *const names[] = { "state", "run" };
	char from[512], to[512];
	bool ok = unshare(CLONE_NEWNS) == 0 && mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0;
	for (size_t i = 0; ok && i < ARRAY_LEN(names); i++)
		ok = mount(lab_path(l, from, "gw2/%s", names[i]), lab_path(l, to, "%s", names[i]), NULL, MS_BIND, NULL) == 0;
	return ok;
}

bool lab_become(const struct lab *l, const char *host)
{
	char ns[128], name[64], value[512];
	snprintf(ns, sizeof ns, "/run/netns/%s", lab_netns(l, host, name));
	_cleanup_fd_ int fd = open(ns, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0 || (strcmp(host, "gw2") == 0 && !second_node(l)))
		return false;
	setenv("TORIDE_STATE", lab_path(l, value, "state"), 1);
	setenv("TORIDE_RUN", lab_path(l, value, "run"), 1);
	setenv("TORIDE_NODE", host, 1);
	return true;
}

static void spawn_child(const struct lab *l, const char *host, const char *log, const char *const *argv)
{
	char value[512];
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644), in = open("/dev/null", O_RDONLY);
	setsid();
	if (host && !lab_become(l, host))
		_exit(126);
	snprintf(value, sizeof value, "%s/rules", l->source);
	setenv("TORIDE_RULES", value, 1);
	if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	close_range(3, ~0u, 0);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	dprintf(2, "cannot run %s: %s\n", argv[0], strerror(errno));
	_exit(127);
}

int lab_spawn(const struct lab *l, const char *host, const char *name, const char *const *argv, pid_t *ret_pid,
              struct err *err)
{
	char log[512];
	lab_path(l, log, "log/%s.log", name);
	pid_t pid = fork();
	if (pid < 0)
		return err_errno(err, name, "cannot fork");
	if (pid == 0)
		spawn_child(l, host, log, argv);
	if (ret_pid)
		*ret_pid = pid;
	return note_pid(l, pid, name, err);
}

int lab_run_in(const struct lab *l, const char *host, const char *const *argv, struct buf *out, struct err *err)
{
	char ns[128], name[64];
	snprintf(ns, sizeof ns, "/run/netns/%s", host ? lab_netns(l, host, name) : "");
	return proc_run(&(struct proc_opts){ .argv = argv, .netns = host ? ns : NULL, .timeout_ms = 30000, .out = out }, err);
}

struct noted {
	pid_t pid;
	uint64_t started;
	bool node; /* torided: it ends its own processes and mounts first */
};

static size_t noted_pids(const struct lab *l, struct noted *list, size_t max)
{
	char path[512];
	struct buf b;
	struct str rest, row;
	size_t n = 0;
	buf_init(&b, MIB);
	if (fs_read(lab_path(l, path, "pids"), &b, NULL) == 0 && b.len) {
		rest = buf_view(&b);
		while (n < max && str_next(&rest, '\n', &row)) {
			char text[128], name[64] = "";
			int pid;
			unsigned long long t;
			if (str_copy(row, text, sizeof text) && sscanf(text, "%d %llu %63s", &pid, &t, name) == 3)
				list[n++] = (struct noted){ pid, t, strncmp(name, "torided", 7) == 0 };
		}
	}
	buf_done(&b);
	return n;
}

static void signal_all(const struct noted *list, size_t n, int sig)
{
	for (size_t i = n; i-- > 0;)
		if (list[i].started && start_time(list[i].pid) == list[i].started)
			kill(list[i].pid, sig);
}

static bool any_alive(const struct noted *list, size_t n, bool node_only)
{
	for (size_t i = 0; i < n; i++)
		if ((list[i].node || !node_only) && list[i].started && start_time(list[i].pid) == list[i].started)
			return true;
	return false;
}

#define NODE_ENDS_MS 15000
#define OTHERS_END_MS 300 /* they keep nothing; Squid would wait a second for clients that are gone */

/* Asks all to end, newest first, and insists. */
void lab_end_processes(const struct lab *l)
{
	struct noted list[512];
	size_t n = noted_pids(l, list, ARRAY_LEN(list));
	char path[512];
	int64_t asked = clock_mono_ms();
	signal_all(list, n, SIGTERM);
	while (any_alive(list, n, clock_mono_ms() > asked + OTHERS_END_MS) && clock_mono_ms() < asked + NODE_ENDS_MS)
		poll(NULL, 0, 20);
	signal_all(list, n, SIGKILL);
	unlink(lab_path(l, path, "pids"));
}
