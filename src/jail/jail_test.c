/* A confined process really can't: each case runs in a child that has locked itself in by a row of the table and then
 * tries one thing. It ends by its errno, by JAIL_EXIT_CALL, or with 0 when it could. Runs as root: the strongest. */
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/caps.h"
#include "jail/jail.h"
#include "jail/paths.h"
#include "jail/queue.h"
#include "jail/table.h"
#include "wire/place.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

static char dir[256];

static int opens(const char *path, int flags)
{
	return open(path, flags, 0600) < 0 ? errno : 0;
}
static int open_shadow(void)
{
	return opens("/etc/shadow", O_RDONLY);
}
static int open_proc(void)
{
	return opens("/proc/1/environ", O_RDONLY);
}
static int open_zone(void)
{
	return opens("/usr/share/zoneinfo/Asia/Tokyo", O_RDONLY);
}
static int open_own(void)
{
	char p[PLACE_MAX];
	return opens(place_in_state(p, sizeof p, "vault/new"), O_RDWR | O_CREAT);
}
static int open_public(void) /* vaultd's key directory, from elsewhere */
{
	char p[PLACE_MAX];
	return opens(place_in_state(p, sizeof p, "vault/secret"), O_RDONLY);
}
static int write_current(void)
{
	char p[PLACE_MAX];
	return opens(place_in_state(p, sizeof p, "generations/x"), O_WRONLY | O_CREAT);
}
static int read_current(void)
{
	char p[PLACE_MAX];
	return opens(place_in_state(p, sizeof p, "generations/file"), O_RDONLY);
}
static int ready_file(void)
{
	char p[PLACE_MAX];
	return opens(place_in_run(p, sizeof p, "ready/vaultd"), O_WRONLY | O_TRUNC);
}
static int other_ready_file(void)
{
	char p[PLACE_MAX];
	return opens(place_in_run(p, sizeof p, "ready/proxyd"), O_WRONLY);
}
static int sock_of(int domain, int type, int protocol)
{
	return socket(domain, type, protocol) < 0 ? errno : 0;
}
static int sock_tcp(void)
{
	return sock_of(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}
static int sock_unix(void)
{
	return sock_of(AF_UNIX, SOCK_STREAM, 0);
}
static int sock_raw(void)
{
	return sock_of(AF_INET, SOCK_RAW, IPPROTO_ICMP);
}
static int sock_packet(void)
{
	return sock_of(AF_PACKET, SOCK_DGRAM, 0);
}
static int sock_nftables(void)
{
	return sock_of(AF_NETLINK, SOCK_RAW, 12 /* NETLINK_NETFILTER */);
}
static int exec_true(void)
{
	execl("/bin/true", "true", NULL);
	return errno;
}
static int fork_one(void)
{
	return fork() < 0 ? errno : 0;
}
static int become_root(void)
{
	return setuid(0) < 0 ? errno : 0;
}
static int become_other(void)
{
	return (int)syscall(SYS_setuid, 12345) < 0 ? errno : 0;
}
static int do_mount(void)
{
	return mount("none", "/mnt", "tmpfs", 0, NULL) < 0 ? errno : 0;
}
static int do_ptrace(void)
{
	return ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0 ? errno : 0;
}
static int kill_parent(void)
{
	return kill(getppid(), 0) < 0 ? errno : 0;
}
static int exec_memory(void)
{
	void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED || mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}
static int change_sigsys(void)
{
	return signal(SIGSYS, SIG_IGN) == SIG_ERR ? errno : 0;
}
static int new_namespace(void)
{
	return unshare(CLONE_NEWUSER) < 0 ? errno : 0;
}
static void *nothing(void *p)
{
	return p;
}
static int make_thread(void)
{
	pthread_t t;
	int r = pthread_create(&t, NULL, nothing, NULL);
	return r ? r : pthread_join(t, NULL);
}
#define CALL JAIL_EXIT_CALL

static const struct {
	const char *row;
	int (*attempt)(void);
	int expected;
	const char *words;
} cases[] = {
	{ "vaultd", open_shadow, EACCES, "vaultd opens /etc/shadow" },
	{ "vaultd", open_proc, EACCES, "vaultd opens another's environment" },
	{ "vaultd", open_zone, 0, "vaultd opens its time zone" },
	{ "vaultd", open_own, 0, "vaultd writes its keys" },
	{ "vaultd", ready_file, 0, "vaultd says that it is ready" },
	{ "vaultd", other_ready_file, EACCES, "vaultd says that proxyd is ready" },
	{ "vaultd", sock_tcp, CALL, "vaultd makes a TCP socket" },
	{ "vaultd", sock_unix, 0, "vaultd makes a UNIX socket" },
	{ "vaultd", exec_true, CALL, "vaultd executes" },
	{ "vaultd", fork_one, CALL, "vaultd forks" },
	{ "vaultd", become_root, CALL, "vaultd becomes root" },
	{ "vaultd", become_other, CALL, "vaultd becomes another" },
	{ "vaultd", do_mount, CALL, "vaultd mounts" },
	{ "vaultd", do_ptrace, CALL, "vaultd traces" },
	{ "vaultd", kill_parent, CALL, "vaultd signals another" },
	{ "vaultd", exec_memory, CALL, "vaultd makes memory executable" },
	{ "vaultd", change_sigsys, CALL, "vaultd takes the handler of violations away" },
	{ "vaultd", new_namespace, CALL, "vaultd makes a user namespace" },
	{ "proxyd", open_public, EACCES, "proxyd opens a key file" },
	{ "proxyd", read_current, 0, "proxyd reads its generation" },
	{ "proxyd", write_current, EACCES, "proxyd writes into a generation" },
	{ "proxyd", sock_tcp, 0, "proxyd makes a TCP socket" },
	{ "proxyd", sock_raw, CALL, "proxyd makes a raw socket, for which it has the capability" },
	{ "proxyd", sock_packet, CALL, "proxyd makes a packet socket" },
	{ "proxyd", sock_nftables, CALL, "proxyd speaks to the packet filter" },
	{ "proxyd", make_thread, 0, "proxyd makes a thread" },
	{ "proxyd", exec_true, CALL, "proxyd executes" },
	{ "proxyd", fork_one, CALL, "proxyd forks" },
	{ "scand", sock_tcp, CALL, "scand makes a TCP socket" },
	{ "scand", open_public, EACCES, "scand opens a key file" },
	{ "detectd", exec_memory, 0, "detectd compiles patterns (PCRE2 JIT)" },
	{ "detectd", sock_tcp, CALL, "detectd makes a TCP socket" },
	{ "intaked", sock_nftables, EAFNOSUPPORT, "intaked changes the packet filter after its start" },
	{ "portald", fork_one, 0, "portald makes a worker" },
	{ "portald", new_namespace, CALL, "portald makes a user namespace" },
	{ "portald", exec_true, CALL, "portald executes" },
	{ "respondd", sock_tcp, 0, "respondd makes a TCP socket (mail)" },
	{ "respondd", open_public, EACCES, "respondd opens a key file" },
	{ "controld", sock_tcp, CALL, "controld makes a TCP socket" },
	{ "controld", write_current, EACCES, "controld writes into a generation" },
};

static int in_child(void (*confine)(const void *), const void *what, int (*attempt)(void))
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 2);
		confine(what);
		_exit(attempt());
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 1000 + WTERMSIG(status);
}

static void by_row(const void *what)
{
	struct err err = { 0 };
	if (jail_confine(what, &err) < 0)
		_exit(250);
}

/* How a call that isn't the row's ended: by the handler, or, where the C library blocks all signals around the call (fork, since
 * glibc 2.41), by the signal itself. */
static bool stopped(int end)
{
	return end == JAIL_EXIT_CALL || end == 1000 + SIGSYS;
}

static void a_confined_process_cannot(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int got = in_child(by_row, cases[i].row, cases[i].attempt);
		if (cases[i].expected == CALL ? !stopped(got) : got != cases[i].expected)
			fail_msg("%s: ended with %d, not %d", cases[i].words, got, cases[i].expected);
	}
}

/* Without confinement the same attempts succeed: the cases above test the jail, not the machine. */
static void unconfined(const void *what)
{
	(void)what;
}

/* In a chroot nobody makes a user namespace (user_namespaces(7), EPERM), confined or not. */
static int namespace_unless_chrooted(void)
{
	struct stat own, first;
	bool chrooted = stat("/", &own) == 0 && stat("/proc/1/root/.", &first) == 0 && (own.st_ino != first.st_ino || own.st_dev != first.st_dev);
	return chrooted ? 0 : new_namespace();
}

static void without_it_the_same_attempts_succeed(void **state)
{
	(void)state;
	int (*const attempts[])(void) = { open_shadow, other_ready_file, open_public, write_current, sock_tcp, sock_raw, sock_packet,
		sock_nftables, fork_one, become_other, kill_parent, exec_memory, change_sigsys, namespace_unless_chrooted, exec_true };
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (in_child(unconfined, NULL, attempts[i]) != 0)
			fail_msg("attempt %zu fails without any confinement", i);
}

static int caps_left(void)
{
	int left = 0;
	for (int c = 0; c <= 40; c++)
		left += prctl(PR_CAPBSET_READ, c, 0, 0, 0) == 1 && c != CAP_NET_RAW && c != CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct h = { _LINUX_CAPABILITY_VERSION_3, 0 };
	struct __user_cap_data_struct d[2];
	if (syscall(SYS_capget, &h, d) < 0)
		return 200;
	uint32_t kept = 1u << CAP_NET_RAW | 1u << CAP_NET_BIND_SERVICE;
	return left ? 100 + left : d[0].permitted == kept && d[1].permitted == 0 ? 0 : 99;
}

static void capabilities_are_the_rows(void **state)
{
	(void)state;
	assert_int_equal(in_child(by_row, "proxyd", caps_left), 0);
}

static void engine(const void *what)
{
	const struct table_process *p = what;
	struct err err = { 0 };
	struct jail_paths paths = { .read = p->read, .n_read = TABLE_PATHS, .write = p->write, .n_write = TABLE_PATHS, .execute = 1 };
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || jail_paths_apply(&paths, &err) < 0 || jail_calls_engine(&err) < 0)
		_exit(250);
}

static void engines_execute_but_do_not_mount_or_see_keys(void **state)
{
	(void)state;
	const struct table_process *p = table_find("postgres");
	assert_int_equal(in_child(engine, p, exec_true), 0);
	assert_int_equal(in_child(engine, p, open_public), EACCES);
	assert_int_equal(in_child(engine, p, do_mount), EPERM);
	assert_int_equal(in_child(engine, p, do_ptrace), EPERM);
	assert_int_equal(in_child(engine, p, new_namespace), EPERM);
}

static void worker(const void *what)
{
	struct err err = { 0 };
	const struct sock_fprog *f = jail_calls_worker(&err);
	if (!f || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || jail_calls_enter(f) < 0)
		_exit(250);
}

static int map_memory(void)
{
	void *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return p == MAP_FAILED ? errno : 0;
}

/* Even as root: what reads hostile bytes has its memory and what it was given. */
static void a_worker_opens_and_starts_nothing(void **state)
{
	(void)state;
	assert_int_equal(in_child(worker, NULL, map_memory), 0);
	assert_int_equal(in_child(worker, NULL, open_zone), EACCES);
	assert_int_equal(in_child(worker, NULL, open_shadow), EACCES);
	int (*const attempts[])(void) = { sock_tcp, fork_one, exec_true, kill_parent, exec_memory, new_namespace, do_ptrace, do_mount };
	for (size_t i = 0; i < ARRAY_LEN(attempts); i++)
		if (!stopped(in_child(worker, NULL, attempts[i])))
			fail_msg("attempt %zu isn't the worker's end", i);
}

static void peers(void **state)
{
	(void)state;
	static const struct {
		const char *socket;
		uid_t uid;
		bool allowed;
	} rows[] = {
		{ SOCK_VAULT, USER_PROXY, true },   { SOCK_VAULT, USER_SCAN, false },     { SOCK_VAULT, 1000, false },
		{ SOCK_VAULT, 0, true },            { SOCK_TORIDED, USER_CONTROL, true }, { SOCK_TORIDED, USER_PROXY, false },
		{ SOCK_CONTROL, 1000, true },       { SOCK_VERDICT, USER_PROXY, true },   { SOCK_VERDICT, USER_PORTAL, false },
		{ SOCK_FINDINGS, USER_DETECT, true }, { SOCK_FINDINGS, USER_INTAKE, false }, { "nosuch.sock", 0, false },
		{ SOCK_PROXY, USER_PORTAL, false }, { SOCK_PORTAL, USER_WEB, true },
	};
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (jail_peer_allowed(rows[i].socket, rows[i].uid) != rows[i].allowed)
			fail_msg("%s, uid %u", rows[i].socket, (unsigned)rows[i].uid);
}

static int udp(bool bound)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	assert_true(fd >= 0 && (!bound || bind(fd, (struct sockaddr *)&a, sizeof a) == 0));
	return fd;
}

static int queue_of(int fd)
{
	int n = 0;
	socklen_t len = sizeof n;
	assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_RCVBUF, &n, &len), 0);
	return n;
}

/* Of another process: those it is reached by, and no other. */
static void queues_are_widened_from_outside(void **state)
{
	int bound = udp(true), free_one = udp(false), tcp = socket(AF_INET, SOCK_STREAM, 0), was = queue_of(free_one), was_tcp = queue_of(tcp);
	struct err err = { 0 };
	(void)state;
	pid_t pid = fork();
	if (pid == 0)
		for (;;)
			pause();
	int n = jail_queue_widen(pid, 32 * MIB, &err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	if (n < 0)
		fail_msg("%s: %s", err.path, err.msg);
	assert_int_equal(n, 1);
	assert_int_equal(queue_of(bound), 32 * MIB); /* past what anybody may ask for himself (net.core.rmem_max) */
	assert_int_equal(queue_of(free_one), was);
	assert_int_equal(queue_of(tcp), was_tcp);
	assert_true(jail_queue_widen(pid, 32 * MIB, &err) < 0);
	close(bound);
	close(free_one);
	close(tcp);
}

/* What torided and the daemons take for granted about the table. */
static void the_table_holds_together(void **state)
{
	(void)state;
	struct err err = { 0 };
	assert_int_equal(jail_confine("nosuch", &err), -E_NOT_FOUND);
	for (const struct table_process *p = table_processes; p->name; p++) {
		assert_non_null(p->argv[0]);
		assert_true(p->uid >= UID_BASE && p->uid < TABLE_GID);
		assert_int_equal(p->caps_kept & ~p->caps_start, 0);
		/* only ours, and what is half ours (indexd), or calls an engine's own tool in its name (dnskeysd), stands beside torided */
		assert_true(p->engine == (p->argv[0][0] == '/') || strcmp(p->name, "indexd") == 0 || strcmp(p->name, "dnskeysd") == 0);
		assert_true(p->engine || p->memory > 0);
		assert_true(p->engine || !(p->calls & (CALLS_EXEC | CALLS_CHANGE_USER))); /* nobody of ours needs them */
		for (const struct table_process *q = p + 1; q->name; q++) {
			assert_string_not_equal(p->name, q->name);
			assert_true(p->uid != q->uid || (strcmp(p->name, "knot") == 0 && strcmp(q->name, "dnskeysd") == 0)); /* Knot's keys are Knot's */
		}
	}
	for (const struct table_socket *s = table_sockets; s->name; s++)
		assert_true(strcmp(s->server, "torided") == 0 || table_find(s->server));
}

static int make_places(void **state)
{
	static const char *const dirs[] = { "s/vault", "s/vault-public", "s/generations", "r/ready", "r/stats" };
	static const char *const files[] = { "s/vault/secret", "s/generations/file", "r/ready/vaultd", "r/ready/proxyd" };
	char path[512];
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/toride-jail-test.XXXXXX");
	if (geteuid() != 0 || !mkdtemp(dir))
		return -1;
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, dirs[i]);
		fs_mkdirs(path, 0755, NULL);
	}
	for (size_t i = 0; i < ARRAY_LEN(files); i++) {
		snprintf(path, sizeof path, "%s/%s", dir, files[i]);
		fs_write(path, STR("x"), 0644, NULL);
	}
	snprintf(path, sizeof path, "%s/s", dir);
	setenv("TORIDE_STATE", path, 1);
	snprintf(path, sizeof path, "%s/r", dir);
	setenv("TORIDE_RUN", path, 1);
	return 0;
}

static int remove_places(void **state)
{
	(void)state;
	return fs_rmtree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_confined_process_cannot),
		cmocka_unit_test(without_it_the_same_attempts_succeed),
		cmocka_unit_test(capabilities_are_the_rows),
		cmocka_unit_test(engines_execute_but_do_not_mount_or_see_keys),
		cmocka_unit_test(a_worker_opens_and_starts_nothing),
		cmocka_unit_test(peers),
		cmocka_unit_test(queues_are_widened_from_outside),
		cmocka_unit_test(the_table_holds_together),
	};
	return cmocka_run_group_tests(tests, make_places, remove_places);
}
