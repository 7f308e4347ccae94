/* See pgtest.h. fsync is off: these clusters are thrown away, and a killed server keeps its pages in the kernel. */
#include "store/pgtest.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "store/store.h"
#include "pg_bin.h" /* meson makes it */

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define BIN TORIDE_PG_BIN "/"

static struct passwd *user(void)
{
	return geteuid() == 0 ? getpwnam("postgres") : NULL;
}

static void die(const char *what, const struct err *err)
{
	fprintf(stderr, "pgtest: %s: %s\n", what, err->msg);
	exit(1);
}

static void launch(struct pgtest *t)
{
	struct passwd *u = user();
	t->pid = fork();
	if (t->pid == 0) {
		char data[160], log[160];
		snprintf(data, sizeof data, "%s/data", t->dir);
		snprintf(log, sizeof log, "%s/log", t->dir);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (u && (setgroups(0, NULL) < 0 || setgid(u->pw_gid) < 0 || setuid(u->pw_uid) < 0))
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0600);
		dup2(fd, 1), dup2(fd, 2);
		close_range(3, ~0u, 0);
		execl(BIN "postgres", BIN "postgres", "-D", data, "-k", t->sock, "-c", "listen_addresses=", "-c", "fsync=off",
		      "-c", "max_connections=20", "-c", "shared_buffers=16MB", (char *)NULL);
		_exit(1);
	}
	char path[200];
	snprintf(path, sizeof path, "%s/.s.PGSQL.5432", t->sock);
	for (int i = 0; i < 1500; i++) {
		PGconn *c = PQsetdbLogin(t->sock, NULL, NULL, NULL, "postgres", "postgres", NULL);
		bool ok = PQstatus(c) == CONNECTION_OK;
		PQfinish(c);
		if (ok)
			return;
		poll(NULL, 0, 20);
	}
	struct buf said;
	buf_init(&said, 1 << 20);
	snprintf(path, sizeof path, "%s/log", t->dir);
	if (fs_read(path, &said, NULL) < 0)
		buf_done(&said);
	fprintf(stderr, "pgtest: no server after 30 s: %.*s\n", (int)said.len, (const char *)said.ptr);
	exit(1);
}

bool pgtest_start(struct pgtest *t)
{
	struct err err = { 0 };
	struct passwd *u = user();
	if (access(BIN "initdb", X_OK) < 0 || (geteuid() == 0 && !u))
		return false;
	snprintf(t->dir, sizeof t->dir, "/tmp/tr-respond-pg.XXXXXX");
	if (!mkdtemp(t->dir))
		return false;
	snprintf(t->sock, sizeof t->sock, "%s", t->dir);
	chmod(t->dir, 0755);
	if (u && chown(t->dir, u->pw_uid, u->pw_gid) < 0)
		return false;
	char data[160];
	snprintf(data, sizeof data, "%s/data", t->dir);
	const char *argv[] = { BIN "initdb", "-D", data, "-A", "trust", "-U", "postgres", "-E", "UTF8", "--locale=C",
		               "--no-sync", NULL };
	struct proc_opts o = { .argv = argv, .timeout_ms = 60000, .uid = u ? u->pw_uid : 0, .gid = u ? u->pw_gid : 0 };
	if (proc_run(&o, &err) < 0)
		die("initdb", &err);
	launch(t);
	for (size_t i = 0; store_bootstrap[i]; i++) {
		PGconn *c = PQsetdbLogin(t->sock, NULL, NULL, NULL, "postgres", "postgres", NULL);
		PGresult *r = PQexec(c, store_bootstrap[i]);
		if (PQresultStatus(r) != PGRES_COMMAND_OK) {
			fprintf(stderr, "pgtest: %s", PQerrorMessage(c));
			exit(1);
		}
		PQclear(r);
		PQfinish(c);
	}
	return true;
}

/* The processes a server has begun: up to max of them (proc(5), /proc/PID/task/TID/children). */
static size_t children(pid_t of, pid_t *ret, size_t max)
{
	char path[64], text[4096];
	size_t n = 0;
	snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)of, (int)of);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	text[len > 0 ? len : 0] = 0;
	for (char *at = text, *next; n < max && (ret[n] = (pid_t)strtol(at, &next, 10)) > 0; at = next)
		n++;
	return n;
}

/* It has ended, or is a body nobody has waited for yet. */
static bool is_dead(pid_t pid)
{
	char path[64], text[512];
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	_cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	text[len > 0 ? len : 0] = 0;
	const char *state = strrchr(text, ')');
	return !state || state[2] == 'Z' || state[2] == 'X';
}

void pgtest_sql(const struct pgtest *t, const char *commands)
{
	PGconn *c = PQsetdbLogin(t->sock, NULL, NULL, NULL, STORE_DATABASE, "postgres", NULL);
	PGresult *r = PQexec(c, commands);
	if (PQresultStatus(r) != PGRES_COMMAND_OK) {
		fprintf(stderr, "pgtest: %s: %s\n", commands, PQerrorMessage(c));
		exit(1);
	}
	PQclear(r);
	PQfinish(c);
}

/* All of it at once: a child that outlived the first would still answer, and keep the next server from starting. */
void pgtest_kill(struct pgtest *t)
{
	pid_t of[64];
	kill(t->pid, SIGSTOP); /* begins no other meanwhile */
	size_t n = children(t->pid, of, ARRAY_LEN(of));
	for (size_t i = 0; i < n; i++)
		kill(of[i], SIGKILL);
	kill(t->pid, SIGKILL);
	waitpid(t->pid, NULL, 0);
	t->pid = 0;
	for (size_t i = 0; i < n; i++)
		for (int tries = 0; tries < 3000 && !is_dead(of[i]); tries++)
			poll(NULL, 0, 10);
}

void pgtest_restart(struct pgtest *t)
{
	char path[200];
	snprintf(path, sizeof path, "%s/data/postmaster.pid", t->dir);
	unlink(path);
	launch(t);
}

void pgtest_stop(struct pgtest *t)
{
	if (t->pid) {
		kill(t->pid, SIGINT);
		waitpid(t->pid, NULL, 0);
		t->pid = 0;
	}
	fs_rmtree(t->dir, NULL);
}
