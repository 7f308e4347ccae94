/* See calls.h. Groups of system calls as libseccomp names; the few that need their arguments looked at stand below. */
#include "jail/calls.h"

#include "base/err.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "jail/table.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <termios.h>
#include <unistd.h>

/* SCMP_A0_64() and its like leave the mask's second number out where it isn't used; clang calls that missing. */
#pragma GCC diagnostic ignored "-Wmissing-field-initializers"

/* What is held already: no path, no socket, no process. mmap, mprotect and rt_sigaction: see memory(). */
static const char *const held_calls[] = {
	"read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "close", "lseek", "fstat", "munmap",
	"mremap", "madvise", "brk", "rt_sigprocmask", "rt_sigreturn", "sigaltstack", "futex", "getpid", "gettid",
	"clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "getrandom", "exit",
	"exit_group", "restart_syscall", "poll", "ppoll", "recvmsg", "recvfrom", "sendmsg", "sendto", "shutdown", "dup",
	"sched_yield", NULL };

static const char *const base_calls[] = {
	"getuid", "geteuid", "getgid", "getegid", "getppid", "getgroups", "select", "pselect6", "epoll_create1", "epoll_ctl",
	"epoll_wait", "epoll_pwait", "epoll_pwait2", "eventfd2", "timerfd_create", "timerfd_settime", "timerfd_gettime",
	"signalfd4", "pipe2", "pipe", "dup2", "dup3", "fcntl", "set_robust_list", "get_robust_list", "rseq", "membarrier",
	"getrusage", "sysinfo", "uname", "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getcpu", "umask",
	"rt_sigpending", "rt_sigtimedwait", "setitimer", "getitimer", "alarm", "close_range", "msync", "mincore", "capget",
	"getpgrp", "getpgid", "getsid", "times", "getpriority", "splice", "tee", NULL };

static const char *const read_calls[] = { "open", "openat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", "getdents64", "getcwd", "statfs", "fstatfs", "fadvise64", "readahead",
	"inotify_init1", "inotify_add_watch", "inotify_rm_watch", "chdir", "fchdir", "flock", NULL };
static const char *const write_calls[] = { "ftruncate", "truncate", "fsync", "fdatasync", "sync_file_range", "rename",
	"renameat", "renameat2", "unlink", "unlinkat", "mkdir", "mkdirat", "rmdir", "fallocate", "fchmod", "fchmodat", "chmod",
	"fchown", "symlink", "symlinkat", "link", "linkat", "utimensat", "copy_file_range", "sendfile", NULL };
static const char *const socket_calls[] = { "connect", "accept", "accept4", "bind", "listen", "getsockopt", "setsockopt",
	"getsockname", "getpeername", "recvmmsg", "sendmmsg", "sendfile", NULL };
static const char *const thread_calls[] = { "sched_setaffinity", "set_tid_address", NULL };
static const char *const fork_calls[] = { "fork", "vfork", "wait4", "waitid", "kill", "tgkill", "setpgid", "setsid",
	"set_tid_address", "pidfd_open", "pidfd_send_signal", NULL };
static const char *const exec_calls[] = { "execve", "execveat", "arch_prctl", NULL };
static const char *const memfd_calls[] = { "memfd_create", "ftruncate", "fallocate", NULL };
static const char *const worker_calls[] = { "setrlimit", "prlimit64", "seccomp", NULL };
static const char *const path_calls[] = { "open", "openat", "stat", "lstat", "statx", "access", "faccessat",
	"faccessat2", "readlink", "readlinkat", NULL };
static const char *const user_calls[] = { "setuid", "setgid", "setgroups", "setresuid", "setresgid", NULL };

/* What no server of others needs: they get EPERM. */
static const char *const engine_denied[] = { "mount", "umount2", "pivot_root", "chroot", "open_tree", "move_mount",
	"fsopen", "fsconfig", "fsmount", "mount_setattr", "unshare", "setns", "ptrace", "process_vm_readv", "process_vm_writev",
	"bpf", "perf_event_open", "init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot",
	"swapon", "swapoff", "add_key", "request_key", "keyctl", "userfaultfd", "io_uring_setup", "io_uring_enter",
	"io_uring_register", "acct", "quotactl", "settimeofday", "clock_settime", "clock_adjtime", "adjtimex", "sethostname",
	"setdomainname", "iopl", "ioperm", "syslog", "vhangup", "name_to_handle_at", "open_by_handle_at", "lookup_dcookie",
	"personality", "uselib", "nfsservctl", "kcmp", "pidfd_getfd", NULL };

static void add(scmp_filter_ctx f, uint32_t action, const char *const *names, int *r)
{
	for (size_t i = 0; *r == 0 && names[i]; i++) {
		int nr = seccomp_syscall_resolve_name(names[i]);
		/* A name this libseccomp or machine doesn't know can't be called by its number either. */
		if (nr != __NR_SCMP_ERROR && nr >= 0)
			*r = seccomp_rule_add_array(f, action, nr, 0, NULL);
	}
}

static void add_if(scmp_filter_ctx f, uint32_t action, int nr, int *r, unsigned n, const struct scmp_arg_cmp *args)
{
	if (*r == 0)
		*r = seccomp_rule_add_array(f, action, nr, n, args);
}
#define ADD_IF(f, nr, r, ...) \
	add_if(f, SCMP_ACT_ALLOW, SCMP_SYS(nr), r, (unsigned)(sizeof((struct scmp_arg_cmp[]){ __VA_ARGS__ }) / sizeof(struct scmp_arg_cmp)), \
	       (struct scmp_arg_cmp[]){ __VA_ARGS__ })

/* Memory is never writable code unless the row says JIT; SIGSYS stays ours; signals only to ourselves, or, where
 * there are forked workers, wherever user, process namespace and Landlock let them. */
static void memory(scmp_filter_ctx f, uint32_t groups, int *r)
{
	if (groups & CALLS_JIT) {
		add(f, SCMP_ACT_ALLOW, (const char *const[]){ "mmap", "mprotect", NULL }, r);
	} else {
		ADD_IF(f, mmap, r, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
		ADD_IF(f, mprotect, r, SCMP_A2_64(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	}
	ADD_IF(f, rt_sigaction, r, SCMP_A0_64(SCMP_CMP_NE, SIGSYS));
	if (groups & CALLS_FORK)
		return;
	ADD_IF(f, tgkill, r, SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)getpid()));
	ADD_IF(f, kill, r, SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)getpid()));
}

static void small_ones(scmp_filter_ctx f, int *r)
{
	static const unsigned long requests[] = { FIONBIO, FIONREAD, FIOCLEX, TCGETS, TIOCOUTQ, SIOCGIFINDEX,
		                                 SIOCGIFFLAGS, SIOCGIFHWADDR /* of a link: is it there, what is its address */ };
	for (size_t i = 0; i < ARRAY_LEN(requests); i++)
		ADD_IF(f, ioctl, r, SCMP_A1_64(SCMP_CMP_EQ, requests[i]));
	static const int options[] = { PR_SET_NAME, PR_GET_NAME, PR_SET_PDEATHSIG, PR_GET_DUMPABLE, PR_SET_VMA, PR_CAPBSET_READ,
		                       PR_SET_NO_NEW_PRIVS };
	for (size_t i = 0; i < ARRAY_LEN(options); i++)
		ADD_IF(f, prctl, r, SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)options[i]));
	/* Reading limits, not changing another's: glibc asks for its stack. */
	ADD_IF(f, prlimit64, r, SCMP_A0_64(SCMP_CMP_EQ, 0), SCMP_A2_64(SCMP_CMP_EQ, 0));
	add(f, SCMP_ACT_ALLOW, (const char *const[]){ "getrlimit", NULL }, r);
}

/* Stream, datagram and sequenced packets; never raw or packet sockets. */
static void sockets_of(scmp_filter_ctx f, int domain, int *r)
{
	static const int types[] = { SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET };
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		ADD_IF(f, socket, r, SCMP_A0_64(SCMP_CMP_EQ, (uint64_t)domain), SCMP_A1_64(SCMP_CMP_MASKED_EQ, 0xf, (uint64_t)types[i]));
		if (domain == AF_UNIX)
			ADD_IF(f, socketpair, r, SCMP_A0_64(SCMP_CMP_EQ, AF_UNIX));
	}
}

/* clone3's arguments can't be looked at: glibc falls back to clone when it isn't there. Threads share everything;
 * a forked process shares nothing and makes no namespace. */
static void processes(scmp_filter_ctx f, uint32_t groups, int *r)
{
	const uint64_t spaces = CLONE_NEWNS | CLONE_NEWCGROUP | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNET;
	if (groups & CALLS_FORK)
		ADD_IF(f, clone, r, SCMP_A0_64(SCMP_CMP_MASKED_EQ, spaces, 0));
	else if (groups & CALLS_THREADS)
		ADD_IF(f, clone, r, SCMP_A0_64(SCMP_CMP_MASKED_EQ, spaces | CLONE_THREAD | CLONE_VM, CLONE_THREAD | CLONE_VM));
	add_if(f, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), r, 0, NULL);
}

static void sockets(scmp_filter_ctx f, uint32_t groups, int *r)
{
	if (groups & (CALLS_UNIX | CALLS_INET | CALLS_NETLINK))
		add(f, SCMP_ACT_ALLOW, socket_calls, r);
	if (groups & (CALLS_UNIX | CALLS_INET))
		sockets_of(f, AF_UNIX, r);
	if (groups & CALLS_INET) {
		sockets_of(f, AF_INET, r);
		sockets_of(f, AF_INET6, r);
	}
	if (groups & CALLS_NETLINK) /* NETLINK_ROUTE: what getifaddrs and the resolver ask */
		ADD_IF(f, socket, r, SCMP_A0_64(SCMP_CMP_EQ, AF_NETLINK), SCMP_A2_64(SCMP_CMP_EQ, 0));
	else /* the resolver asks even without need: no is an answer */
		add_if(f, SCMP_ACT_ERRNO(EAFNOSUPPORT), SCMP_SYS(socket), r, 1, (struct scmp_arg_cmp[]){ SCMP_A0_64(SCMP_CMP_EQ, AF_NETLINK) });
}

static char *decimal(char *end, unsigned v)
{
	do
		*--end = (char)('0' + v % 10);
	while (v /= 10);
	return end;
}

/* Async-signal-safe. The number can be looked up with scmp_sys_resolver(1). */
static void violation(int signal, siginfo_t *info, void *context)
{
	(void)signal, (void)context;
	char text[128] = "{\"level\":\"error\",\"message\":\"a system call that the process table does not allow\",\"call\":", digits[12];
	char *d = decimal(digits + sizeof digits, (unsigned)info->si_syscall);
	size_t n = strlen(text), m = (size_t)(digits + sizeof digits - d);
	memcpy(text + n, d, m);
	memcpy(text + n + m, "}\n", 2);
	if (write(2, text, n + m + 2) < 0)
		_exit(JAIL_EXIT_CALL);
	_exit(JAIL_EXIT_CALL);
}

static int load(scmp_filter_ctx f, int r, struct err *err)
{
	if (r == 0)
		r = seccomp_load(f);
	seccomp_release(f);
	return r < 0 ? err_set(err, E_STATE, "", "cannot enter seccomp: %s", strerror(-r)) : 0;
}

/* TRAP rather than KILL: the handler can say which call it was, and the filter keeps SIGSYS's handler as it is. */
static scmp_filter_ctx begin(struct err *err)
{
	const char *log = getenv("TORIDE_SECCOMP_LOG");
	struct sigaction a = { .sa_sigaction = violation, .sa_flags = SA_SIGINFO };
	scmp_filter_ctx f = seccomp_init(log && *log == '1' ? SCMP_ACT_LOG : SCMP_ACT_TRAP);
	if (!f) {
		err_set(err, E_NOMEM, "", "no memory for a seccomp filter");
		return NULL;
	}
	sigaction(SIGSYS, &a, NULL);
	seccomp_attr_set(f, SCMP_FLTATR_CTL_TSYNC, 1);
	seccomp_attr_set(f, SCMP_FLTATR_CTL_OPTIMIZE, 2); /* a binary tree: 150 comparisons become 8 */
	return f;
}

int jail_calls_apply(uint32_t groups, struct err *err)
{
	int r = 0;
	scmp_filter_ctx f = begin(err);
	if (!f)
		return -E_NOMEM;
	const struct {
		uint32_t group;
		const char *const *names;
	} lists[] = { { CALLS_READ | CALLS_WRITE, read_calls }, { CALLS_WRITE, write_calls }, { CALLS_THREADS, thread_calls },
		      { CALLS_FORK, fork_calls }, { CALLS_EXEC, exec_calls }, { CALLS_MEMFD, memfd_calls },
		      { CALLS_CHANGE_USER, user_calls }, { CALLS_WORKERS, worker_calls } };
	add(f, SCMP_ACT_ALLOW, held_calls, &r);
	add(f, SCMP_ACT_ALLOW, base_calls, &r);
	for (size_t i = 0; i < ARRAY_LEN(lists); i++)
		if (groups & lists[i].group)
			add(f, SCMP_ACT_ALLOW, lists[i].names, &r);
	small_ones(f, &r);
	memory(f, groups, &r);
	sockets(f, groups, &r);
	processes(f, groups, &r);
	return load(f, r, err);
}

/* libseccomp compiles a filter in half a millisecond: the bytes are kept, and loaded by each worker. */
static const struct sock_fprog *export(scmp_filter_ctx f, struct err *err)
{
	static struct sock_filter code[4096];
	static struct sock_fprog program = { .filter = code };
	_cleanup_fd_ int fd = memfd_create("filter", MFD_CLOEXEC);
	int r = fd < 0 ? -errno : seccomp_export_bpf(f, fd);
	ssize_t n = r < 0 ? -1 : pread(fd, code, sizeof code, 0);
	if (n <= 0 || (size_t)n >= sizeof code || (size_t)n % sizeof *code) {
		err_set(err, E_STATE, "", "cannot make the workers' seccomp filter");
		return NULL;
	}
	program.len = (unsigned short)((size_t)n / sizeof *code);
	return &program;
}

const struct sock_fprog *jail_calls_worker(struct err *err)
{
	int r = 0;
	scmp_filter_ctx f = begin(err);
	if (!f)
		return NULL;
	add(f, SCMP_ACT_ALLOW, held_calls, &r);
	add(f, SCMP_ACT_ALLOW, memfd_calls, &r);
	add(f, SCMP_ACT_ALLOW, (const char *const[]){ "fcntl", "set_robust_list", "rseq", "getuid", NULL }, &r);
	add(f, SCMP_ACT_ERRNO(EACCES), path_calls, &r);
	ADD_IF(f, newfstatat, &r, SCMP_A3_64(SCMP_CMP_MASKED_EQ, AT_EMPTY_PATH, AT_EMPTY_PATH)); /* glibc's fstat() */
	memory(f, 0, &r);
	const struct sock_fprog *p = NULL;
	if (r < 0)
		err_set(err, E_STATE, "", "cannot make the workers' seccomp filter");
	else
		p = export(f, err);
	seccomp_release(f);
	return p;
}

int jail_calls_enter(const struct sock_fprog *filter)
{
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, filter) < 0 ? -E_STATE : 0;
}

int jail_calls_engine(struct err *err)
{
	int r = 0;
	scmp_filter_ctx f = seccomp_init(SCMP_ACT_ALLOW);
	if (!f)
		return err_set(err, E_NOMEM, "", "no memory for a seccomp filter");
	add(f, SCMP_ACT_ERRNO(EPERM), engine_denied, &r);
	return load(f, r, err);
}
