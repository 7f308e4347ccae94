/* See postgres.h. */
#include "daemon/postgres.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"
#include "wire/place.h"
#include "pg_bin.h" /* meson makes it */

#include <stdio.h>
#include <sys/mount.h>

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

static int note_roles(const char *dir, struct err *err)
{
	char path[PLACE_MAX + 32];
	snprintf(path, sizeof path, "%s/toride-auth", dir);
	return fs_write(path, STR("made\n"), 0600, err);
}

static int roles(const char *dir, struct err *err)
{
	const char *sql = "CREATE ROLE toride_respond LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;\n"
	                  "CREATE ROLE toride_portal LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;\n"
	                  "CREATE ROLE toride_auth LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE;\n"
	                  "CREATE DATABASE toride OWNER toride_respond;\n"
	                  "REVOKE ALL ON DATABASE toride FROM PUBLIC;\n"
	                  "GRANT CONNECT ON DATABASE toride TO toride_portal, toride_auth;\n"
	                  "GRANT CREATE ON DATABASE toride TO toride_auth;\n"; /* the schema of its own */
	int r = run_single(dir, sql, err);
	return r < 0 ? r : note_roles(dir, err);
}

/* A cluster of a Toride that had no accounts yet. */
static int later_roles(const char *dir, struct err *err)
{
	char path[PLACE_MAX + 32];
	const char *sql = "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'toride_auth') THEN"
	                  " CREATE ROLE toride_auth LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE; END IF; END $$;\n"
	                  "GRANT CONNECT, CREATE ON DATABASE toride TO toride_auth;\n";
	snprintf(path, sizeof path, "%s/toride-auth", dir);
	if (fs_exists(path))
		return 0;
	int r = run_single(dir, sql, err);
	return r < 0 ? r : note_roles(dir, err);
}

static int access_rules(const char *dir, struct err *err)
{
	char path[PLACE_MAX + 32];
	struct buf b;
	buf_init(&b, 4096);
	snprintf(path, sizeof path, "%s/pg_hba.conf", dir);
	int r = fs_write(path, STR("local all all peer map=toride\n"), 0600, err);
	for (size_t i = 0; i < ARRAY_LEN(users); i++)
		buf_printf(&b, "toride %s %s\n", users[i].name, users[i].role);
	snprintf(path, sizeof path, "%s/pg_ident.conf", dir);
	if (r == 0)
		r = fs_write(path, buf_view(&b), 0600, err);
	buf_done(&b);
	return r;
}

/* The socket directory comes by -k on the command line. Sizes are for some thousands of incidents, not for an index. */
static int settings(const char *dir, struct err *err)
{
	static const char text[] = "listen_addresses = ''\nunix_socket_permissions = 0777\nfsync = on\nsynchronous_commit = on\n"
				   "full_page_writes = on\nmax_connections = 64\nshared_buffers = 64MB\nhuge_pages = off\n"
				   "dynamic_shared_memory_type = mmap\nlog_destination = 'stderr'\nlogging_collector = off\n"
				   "log_min_messages = warning\ntimezone = 'UTC'\nlog_timezone = 'UTC'\nrow_security = on\n"
				   "password_encryption = 'scram-sha-256'\nlc_messages = 'C'\njit = off\n";
	char path[PLACE_MAX + 32];
	snprintf(path, sizeof path, "%s/postgresql.conf", dir);
	return fs_write(path, str_from(text), 0600, err);
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

int postgres_prepare(struct err *err)
{
	char dir[PLACE_MAX], pid[PLACE_MAX];
	place_in_state(dir, sizeof dir, "pg/data");
	unlink(place_in_state(pid, sizeof pid, "pg/data/postmaster.pid")); /* of a server that died with its namespace */
	int r = fs_exists(dir) ? later_roles(dir, err) : create(dir, err);
	if (r == 0)
		r = access_rules(dir, err);
	return r < 0 ? r : settings(dir, err);
}
