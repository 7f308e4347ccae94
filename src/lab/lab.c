/* Up, down and what both need: places, processes, templates. See lab.h. */
#include "lab/lab.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

void lab_say(const struct lab *l, const char *fmt, ...)
{
	if (l->quiet)
		return;
	va_list ap;
	va_start(ap, fmt);
	fputs("lab: ", stderr);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
}

const char *lab_netns(const struct lab *l, const char *host, char dst[64])
{
	snprintf(dst, 64, "%s-%s", l->prefix, host);
	return dst;
}

const char *lab_path(const struct lab *l, char dst[512], const char *fmt, ...)
{
	va_list ap;
	int n = snprintf(dst, 512, "%s/", l->dir);
	va_start(ap, fmt);
	vsnprintf(dst + n, 512 - (size_t)n, fmt, ap);
	va_end(ap);
	return dst;
}

int lab_open(struct lab *l, struct err *err)
{
	char exe[400];
	const char *prefix = getenv("TORIDE_LAB");
	*l = (struct lab){ 0 };
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 32);
	if (n < 0)
		return err_errno(err, "/proc/self/exe", "cannot read");
	exe[n] = 0;
	if (getuid() != 0)
		return err_set(err, E_DENIED, "lab", "the lab makes network namespaces: run this as root");
	snprintf(l->bin, sizeof l->bin, "%s", dirname(exe));
	snprintf(l->source, sizeof l->source, "%s", l->bin);
	dirname(l->source);
	const char *source = getenv("TORIDE_SOURCE");
	if (source && *source)
		snprintf(l->source, sizeof l->source, "%s", source);
	if (prefix && (strlen(prefix) > 8 || prefix[strspn(prefix, "abcdefghijklmnopqrstuvwxyz0123456789")]))
		return err_set(err, E_INVALID, "TORIDE_LAB", "up to 8 lower-case letters and digits");
	snprintf(l->prefix, sizeof l->prefix, "%s", prefix && *prefix ? prefix : "tl");
	if (strcmp(l->prefix, "tl") == 0)
		snprintf(l->dir, sizeof l->dir, "%.380s/lab", l->bin);
	else
		snprintf(l->dir, sizeof l->dir, "%.370s/lab-%s", l->bin, l->prefix);
	if (strlen(l->dir) > 58)
		return err_set(err, E_LIMIT, l->dir, "path too long (at most 58 bytes): sockets below it would pass 107 bytes");
	return 0;
}

void lab_close(struct lab *l)
{
	model_destroy(&l->model);
}

bool lab_has_page(const struct lab *l)
{
	return strcmp(l->prefix, "tl") == 0;
}

bool lab_is_up(const struct lab *l)
{
	char p[512];
	return fs_exists(lab_path(l, p, "up"));
}

/* ---- processes ---- */

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

static void spawn_child(const struct lab *l, const char *host, const char *log, const char *const *argv)
{
	char ns[128], name[64], value[512];
	int out = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644), in = open("/dev/null", O_RDONLY);
	setsid();
	if (host) {
		snprintf(ns, sizeof ns, "/run/netns/%s", lab_netns(l, host, name));
		int fd = open(ns, O_RDONLY | O_CLOEXEC);
		if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
			_exit(126);
	}
	setenv("TORIDE_STATE", lab_path(l, value, "state"), 1);
	setenv("TORIDE_RUN", lab_path(l, value, "run"), 1);
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
				list[n++] = (struct noted){ pid, t, strcmp(name, "torided") == 0 };
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
static void end_processes(const struct lab *l)
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

/* ---- templates ---- */

static void replace_into(struct buf *out, struct str text, const char *const *pairs)
{
	while (text.len) {
		const char *at = memchr(text.ptr, '@', text.len);
		size_t n = at ? (size_t)(at - text.ptr) : text.len;
		buf_put(out, text.ptr, n);
		text = (struct str){ text.ptr + n, text.len - n };
		if (!at)
			return;
		size_t taken = 0;
		for (const char *const *p = pairs; *p && !taken; p += 2)
			if (str_starts(text, str_from(p[0]))) {
				buf_puts(out, p[1]);
				taken = strlen(p[0]);
			}
		if (!taken) {
			buf_putc(out, '@');
			taken = 1;
		}
		text = (struct str){ text.ptr + taken, text.len - taken };
	}
}

int lab_copy(const char *from, const char *to, const char *const *pairs, struct err *err)
{
	struct buf in, out;
	buf_init(&in, 16 * MIB);
	buf_init(&out, 16 * MIB);
	int r = fs_read(from, &in, err);
	if (r == 0) {
		replace_into(&out, buf_view(&in), pairs);
		r = out.failed ? err_set(err, E_NOMEM, to, "no memory") : fs_write(to, buf_view(&out), 0644, err);
	}
	buf_done(&in);
	buf_done(&out);
	return r;
}

/* ---- up and down ---- */

static int make_dirs(const struct lab *l, struct err *err)
{
	static const char *const names[] = { "log", "state", "run", "mail", "internet", "org" };
	char p[512];
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = fs_mkdirs(lab_path(l, p, "%s", names[i]), 0755, err);
		if (r < 0)
			return r;
	}
	return 0;
}

int lab_down(struct lab *l, struct err *err)
{
	end_processes(l);
	int r = lab_net_down(l, err);
	lab_orgs_down(l);
	int r2 = fs_rmtree(l->dir, err);
	return r < 0 ? r : r2;
}

static int load(struct lab *l, const char *description, struct err *err)
{
	struct faults faults = { 0 };
	int r = model_load(description, &l->model, &faults, err);
	if (r < 0 && faults.n)
		r = err_set(err, E_INVALID, faults.list[0].path, "%s", faults.list[0].msg);
	faults_done(&faults);
	return r;
}

int lab_join(struct lab *l, struct err *err)
{
	char p[512];
	return load(l, lab_path(l, p, "description"), err);
}

int lab_up(struct lab *l, const char *description, struct err *err)
{
	char p[512];
	int r = load(l, description, err);
	r = r < 0 ? r : lab_down(l, err);
	r = r < 0 || !lab_has_page(l) ? r : lab_page_free(l, err);
	r = r < 0 ? r : make_dirs(l, err);
	if (r < 0)
		return r;
	lab_say(l, "namespaces for %zu organisations", l->model->n_orgs);
	r = lab_net_up(l, err);
	if (r == 0) {
		lab_say(l, "the Internet: name servers, web sites, a mail host");
		r = lab_internet_up(l, err);
	}
	r = r < 0 ? r : lab_orgs_up(l, err);
	r = r < 0 ? r : lab_description(l, description, err);
	if (r == 0) {
		lab_say(l, "the cloud's node");
		r = lab_node_up(l, err);
	}
	return r < 0 ? r : fs_write(lab_path(l, p, "up"), STR("up\n"), 0644, err);
}

int lab_exec(const struct lab *l, const char *host, char **argv, struct err *err)
{
	char ns[128], name[64], value[512];
	snprintf(ns, sizeof ns, "/run/netns/%s", lab_netns(l, host, name));
	int fd = open(ns, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_set(err, E_NOT_FOUND, host, "no such host in the lab, or the lab is down (toride lab up)");
	if (setns(fd, CLONE_NEWNET) < 0)
		return err_errno(err, host, "cannot enter the namespace");
	setenv("TORIDE_STATE", lab_path(l, value, "state"), 1);
	setenv("TORIDE_RUN", lab_path(l, value, "run"), 1);
	execvp(argv[0], argv);
	return err_errno(err, argv[0], "cannot run");
}
