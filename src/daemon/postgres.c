/* See postgres.h. */
#include "daemon/postgres.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/proc.h"
#include "wire/place.h"
#include "pg_bin.h" /* meson makes it */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/mount.h>

#define COPY_MS (2 * 3600 * 1000)
#define BIN TORIDE_PG_BIN "/"

static const struct {
	uid_t uid;
	const char *name, *role;
} users[] = {
	{ 0, "root", "postgres" },
	{ USER_POSTGRES, "postgres", "postgres" },
	{ USER_RESPOND, "toride_respond", "toride_respond" },
	{ USER_PORTAL, "toride_portal", "toride_portal" },
	{ USER_AUTH, "toride_auth", "toride_auth" },
	{ USER_REPLICA, "toride_replica", "toride_replica" },
};

int postgres_write_users(struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 4096);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		buf_printf(&b, "%s:x:%u:%u::/nonexistent:/usr/sbin/nologin\n", users[i].name, (unsigned)users[i].uid, (unsigned)users[i].uid);
	int r = b.failed ? b.failed : fs_write(place_in_run(path, sizeof path, "pg-passwd"), buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

int postgres_mount_users(void)
{
	char path[PLACE_MAX];
	place_in_run(path, sizeof path, "pg-passwd");
	return mount(path, "/etc/passwd", NULL, MS_BIND, NULL);
}

static int initdb(const char *dir, struct err *err)
{
	const char *argv[] = { BIN "initdb", "-D", dir, "-U", "postgres", "-E", "UTF8", "--locale=C.UTF-8", "-A", "peer",
		               "--data-checksums", NULL };
	return proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = 120000 }, err);
}

/* Single-user mode: no socket is open while roles are made. Each line is a statement. */
static int run_single(const char *dir, const char *sql, struct err *err)
{
	const char *argv[] = { BIN "postgres", "--single", "-D", dir, "postgres", NULL };
	struct buf out;
	buf_init(&out, 256 * KIB);
	int r = proc_run(&(struct proc_opts){ .argv = argv, .input = str_from(sql), .timeout_ms = 60000, .out = &out }, err);
	/* It goes on after an error and exits 0: what it says counts. */
	if (r == 0 && strstr(buf_cstr(&out), "ERROR:"))
		r = err_set(err, E_IO, dir, "cannot make the roles: %.300s", strstr(buf_cstr(&out), "ERROR:"));
	buf_done(&out);
	return r;
}

/* Roles that came later, each noted by a file in the cluster. What is made again where it is already does no harm. */
#define MAKE_ROLE(name) "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '" name "') THEN" \
	" CREATE ROLE " name " LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE; END IF; END $$;\n"
static const struct {
	const char *note, *sql;
} later[] = {
	{ "toride-auth", MAKE_ROLE("toride_auth") "GRANT CONNECT, CREATE ON DATABASE toride TO toride_auth;\n" },
	/* It copies the cluster, sees whether the copy keeps up, and says whether commits wait for it. */
	{ "toride-replica", MAKE_ROLE("toride_replica") "ALTER ROLE toride_replica REPLICATION;\nGRANT pg_monitor TO toride_replica;\n"
	                    "GRANT ALTER SYSTEM ON PARAMETER synchronous_standby_names TO toride_replica;\n"
	                    "GRANT EXECUTE ON FUNCTION pg_reload_conf() TO toride_replica;\n" },
};

static int later_roles(const char *dir, struct err *err)
{
	char path[PLACE_MAX + 32];
	int r = 0;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(later); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, later[i].note);
		if (fs_exists(path))
			continue;
		r = run_single(dir, later[i].sql, err);
		r = r < 0 ? r : fs_write(path, STR("made\n"), 0600, err);
	}
	return r;
}

static int roles(const char *dir, struct err *err)
{
	const char *sql = "CREATE ROLE toride_respond LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;\n"
	                  "CREATE ROLE toride_portal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;\n"
	                  "CREATE DATABASE toride OWNER toride_respond;\n"
	                  "REVOKE ALL ON DATABASE toride FROM PUBLIC;\n"
	                  "GRANT CONNECT ON DATABASE toride TO toride_portal;\n";
	int r = run_single(dir, sql, err);
	return r < 0 ? r : later_roles(dir, err);
}

static int access_rules(const char *dir, struct err *err)
{
	char path[PLACE_MAX + 32];
	struct buf b;
	buf_init(&b, 4096);
	snprintf(path, sizeof path, "%s/pg_hba.conf", dir);
	int r = fs_write(path, STR("local replication toride_replica peer map=toride\nlocal all all peer map=toride\n"), 0600, err);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		buf_printf(&b, "toride %s %s\n", users[i].name, users[i].role);
	snprintf(path, sizeof path, "%s/pg_ident.conf", dir);
	if (r == 0)
		r = fs_write(path, buf_view(&b), 0600, err);
	buf_done(&b);
	return r;
}

/* The socket directory comes by -k on the command line. Sizes are for some thousands of incidents, not for an index. A node that stands by
 * reads the other one's changes by RUN/replica; 256 MB of changes are kept for one that was away.
 * What ALTER SYSTEM left is gone: nothing waits for another node before one is there (pair/copy.h). */
static int settings(const char *dir, struct err *err)
{
	static const char text[] = "listen_addresses = ''\nunix_socket_permissions = 0777\nfsync = on\nsynchronous_commit = on\n"
				   "full_page_writes = on\nmax_connections = 64\nshared_buffers = 64MB\nhuge_pages = off\n"
				   "dynamic_shared_memory_type = mmap\nlog_destination = 'stderr'\nlogging_collector = off\n"
				   "log_min_messages = warning\ntimezone = 'UTC'\nlog_timezone = 'UTC'\nrow_security = on\n"
				   "password_encryption = 'scram-sha-256'\nlc_messages = 'C'\njit = off\n"
				   "wal_keep_size = 256MB\nmax_wal_senders = 6\nwal_sender_timeout = 3s\nwal_receiver_timeout = 3s\n"
				   "wal_receiver_status_interval = 1s\nwal_retrieve_retry_interval = 500ms\nhot_standby = on\n";
	char path[PLACE_MAX + 32], way[PLACE_MAX];
	struct buf b;
	buf_init(&b, 8 * KIB);
	buf_puts(&b, text);
	buf_printf(&b, "primary_conninfo = 'host=''%s'' user=toride_replica application_name=toride'\n", place_in_run(way, sizeof way, SOCK_REPLICA));
	snprintf(path, sizeof path, "%s/postgresql.conf", dir);
	int r = fs_write(path, buf_view(&b), 0600, err);
	buf_done(&b);
	snprintf(path, sizeof path, "%s/postgresql.auto.conf", dir);
	return r < 0 ? r : fs_write(path, STR(""), 0600, err);
}

static int create(const char *dir, struct err *err)
{
	char fresh[PLACE_MAX];
	place_in_state(fresh, sizeof fresh, "pg/data.new");
	int r = fs_rmtree(fresh, err);
	if (r == 0)
		r = initdb(fresh, err);
	if (r == 0)
		r = roles(fresh, err);
	if (r == 0 && rename(fresh, dir) < 0)
		r = err_errno(err, dir, "cannot rename");
	return r < 0 ? r : fs_sync_dir(place_in_state(fresh, sizeof fresh, "pg"), err);
}

bool postgres_has_begun(void)
{
	char path[PLACE_MAX];
	return fs_exists(place_in_state(path, sizeof path, "pg/data/postmaster.pid"));
}

/* Its eighth line says "ready" once recovery is over (miscadmin.h, LOCK_FILE_LINE_PM_STATUS); before, the socket accepts
 * and each session is refused. */
bool postgres_is_ready(void)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 4096);
	bool ready = fs_read(place_in_state(path, sizeof path, "pg/data/postmaster.pid"), &b, NULL) == 0 &&
	             memmem(b.ptr, b.len, "\nready", 6);
	buf_done(&b);
	return ready;
}

/* ---- a copy of the other node's ---- */

bool postgres_is_copy(void)
{
	char path[PLACE_MAX];
	return fs_exists(place_in_state(path, sizeof path, "pg/data/standby.signal"));
}

/* The first eight bytes of pg_control name the cluster (pg_control.h, system_identifier). */
static uint64_t cluster_of(const char *dir)
{
	char path[PLACE_MAX + 32];
	uint64_t id = 0;
	struct buf b;
	buf_init(&b, 64 * KIB);
	snprintf(path, sizeof path, "%s/global/pg_control", dir);
	if (fs_read(path, &b, NULL) == 0 && b.len >= sizeof id)
		memcpy(&id, b.ptr, sizeof id);
	buf_done(&b);
	return id;
}

static int base_copy(const char *dir, struct err *err)
{
	char way[PLACE_MAX], path[PLACE_MAX + 32];
	const char *argv[] = { BIN "pg_basebackup", "-h", place_in_run(way, sizeof way, SOCK_REPLICA), "-U", "toride_replica", "-w", "-D", dir,
		               "-X", "stream", "-c", "fast", NULL };
	int r = fs_rmtree(dir, err);
	r = r < 0 ? r : proc_run(&(struct proc_opts){ .argv = argv, .timeout_ms = COPY_MS }, err);
	r = r < 0 ? r : access_rules(dir, err);
	r = r < 0 ? r : settings(dir, err);
	snprintf(path, sizeof path, "%s/standby.signal", dir);
	return r < 0 ? r : fs_write(path, STR(""), 0600, err); /* last: it says that the copy is whole */
}

/* What this node had as its own goes aside, and isn't deleted before the next such time: what it acknowledged when nobody took it over may be in there
 * alone. Another cluster's is never deleted. A copy had nothing of its own: it takes the place of what is copied, which is deleted. */
static int put_aside(const char *dir, const char *copy, struct err *err)
{
	char aside[PLACE_MAX];
	uint64_t own = cluster_of(dir);
	if (!fs_exists(dir))
		return 0;
	if (own == cluster_of(copy) && postgres_is_copy())
		place_in_state(aside, sizeof aside, "pg/data.new");
	else if (own == cluster_of(copy))
		place_in_state(aside, sizeof aside, "pg/data.before");
	else
		place_in_state(aside, sizeof aside, "pg/data.of-%llu", (unsigned long long)own);
	int r = fs_rmtree(aside, err);
	return r == 0 && rename(dir, aside) < 0 ? err_errno(err, dir, "cannot rename") : r;
}

static int take_place(const char *dir, struct err *err)
{
	char copy[PLACE_MAX], parent[PLACE_MAX], fresh[PLACE_MAX];
	place_in_state(copy, sizeof copy, "pg/data.copy");
	int r = put_aside(dir, copy, err);
	if (r == 0 && rename(copy, dir) < 0)
		r = err_errno(err, copy, "cannot rename");
	r = r < 0 ? r : fs_sync_dir(place_in_state(parent, sizeof parent, "pg"), err);
	return r < 0 ? r : fs_rmtree(place_in_state(fresh, sizeof fresh, "pg/data.new"), err);
}

/* Until the other node carries the traffic and is reached. torided ends this when this node is to carry it itself. */
static int copy_other(const char *dir, struct err *err)
{
	char fresh[PLACE_MAX], copy[PLACE_MAX];
	bool said = false;
	place_in_state(fresh, sizeof fresh, "pg/data.new");
	place_in_state(copy, sizeof copy, "pg/data.copy");
	while (base_copy(fresh, err) < 0) {
		if (!said)
			log_info("", "copy", "waiting for the other node's database: %.300s", err->msg);
		said = true;
		poll(NULL, 0, 500);
	}
	int r = fs_rmtree(copy, err);
	if (r == 0 && rename(fresh, copy) < 0)
		r = err_errno(err, fresh, "cannot rename");
	r = r < 0 ? r : take_place(dir, err);
	if (r == 0)
		log_info("", "copy", "the other node's database is here and follows");
	return r;
}

int postgres_prepare(bool standby, struct err *err)
{
	char dir[PLACE_MAX], pid[PLACE_MAX], copy[PLACE_MAX];
	place_in_state(dir, sizeof dir, "pg/data");
	unlink(place_in_state(pid, sizeof pid, "pg/data/postmaster.pid")); /* of a server that died with its namespace */
	int r = 0;
	if (!fs_exists(dir) && fs_exists(place_in_state(copy, sizeof copy, "pg/data.copy")))
		r = take_place(dir, err); /* killed between the two renames */
	if (r == 0 && standby)
		r = copy_other(dir, err);
	else if (r == 0 && !postgres_is_copy())
		r = fs_exists(dir) ? later_roles(dir, err) : create(dir, err);
	r = r < 0 ? r : access_rules(dir, err);
	return r < 0 ? r : settings(dir, err);
}

/* As pg_ctl does it: the file, then the signal (CheckPromoteSignal). Its own file: one that it couldn't read would stand in the way of a copy. */
int postgres_promote(pid_t pid, struct err *err)
{
	char path[PLACE_MAX];
	_cleanup_fd_ int fd = open(place_in_state(path, sizeof path, "pg/data/promote"), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0 || fchown(fd, USER_POSTGRES, USER_POSTGRES) < 0 || kill(pid, SIGUSR1) < 0)
		return err_errno(err, path, "cannot tell the database to take over");
	return 0;
}

void postgres_promoted(void)
{
	char path[PLACE_MAX];
	unlink(place_in_state(path, sizeof path, "pg/data/promote")); /* told once too often */
}
