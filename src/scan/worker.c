/* See worker.h. */
#include "scan/worker.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/paths.h"
#include "jail/table.h"
#include "wire/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#define CHILDREN 256
#define REAP_MS 100
#define GRACE_MS 2000 /* past its time a worker is killed from outside */

/* ---- messages ---- */

static void wr_name(struct buf *b, const char *s)
{
	wr_text(b, str_from(s)); /* walk() took controls out */
}

void worker_member_write(struct buf *b, const struct worker_member *m)
{
	wr_u8(b, WORKER_MEMBER);
	wr_u8(b, m->wait);
	wr_u32(b, m->depth);
	wr_u64(b, m->size);
	wr_name(b, m->name);
	wr_name(b, m->type);
	buf_put(b, m->sha256, VERDICT_SHA);
}

int worker_member_read(const void *p, size_t n, struct worker_member *ret)
{
	struct rd r = rd_from(p, n);
	uint8_t op = rd_u8(&r);
	*ret = (struct worker_member){ .wait = rd_u8(&r) != 0, .depth = rd_u32(&r), .size = rd_u64(&r) };
	rd_text(&r, ret->name, sizeof ret->name);
	rd_text(&r, ret->type, sizeof ret->type);
	rd_bytes(&r, ret->sha256, VERDICT_SHA);
	return op == WORKER_MEMBER ? rd_end(&r) : -E_INVALID;
}

void worker_end_write(struct buf *b, const struct walk_result *r)
{
	wr_u8(b, WORKER_END);
	wr_u32(b, r->found);
	wr_u32(b, r->inside);
	wr_u64(b, r->files);
	wr_u64(b, r->bytes);
	wr_name(b, r->reason);
	wr_name(b, r->where);
}

int worker_end_read(const void *p, size_t n, struct walk_result *ret)
{
	struct rd r = rd_from(p, n);
	uint8_t op = rd_u8(&r);
	*ret = (struct walk_result){ .found = rd_u32(&r), .inside = rd_u32(&r), .files = rd_u64(&r), .bytes = rd_u64(&r) };
	rd_text(&r, ret->reason, sizeof ret->reason);
	rd_text(&r, ret->where, sizeof ret->where);
	bool known = (ret->found & ~(WALK_MALICIOUS | WALK_ENCRYPTED | WALK_BEYOND)) == 0 && ret->inside < 1u << GROUP_COUNT;
	return op == WORKER_END && known ? rd_end(&r) : -E_INVALID;
}

/* One datagram with up to two descriptors. */
static ssize_t send_with(int sock, const struct buf *b, const int *fds, size_t n_fds, int flags)
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	struct iovec v = { b->ptr, b->len };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	if (n_fds) {
		m.msg_control = u.space;
		m.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(h), fds, n_fds * sizeof(int));
	}
	ssize_t n;
	do
		n = b->failed ? -1 : sendmsg(sock, &m, MSG_NOSIGNAL | flags);
	while (n < 0 && errno == EINTR && !b->failed);
	return n;
}

/* ---- the worker ---- */

struct worker {
	int channel;
	struct buf out;
};

/* 0 go on, 1 end. The channel's other end gone: nobody wants the answer any more. */
static int on_member(const struct walk_member *m, void *user)
{
	struct worker *w = user;
	struct worker_member msg = { .wait = m->blind, .depth = m->depth, .size = m->bytes.len };
	char answer = 1;
	str_copy(str_from(m->name), msg.name, sizeof msg.name);
	str_copy(str_from(file_type_name(m->type)), msg.type, sizeof msg.type);
	memcpy(msg.sha256, m->sha256, VERDICT_SHA);
	buf_reset(&w->out);
	worker_member_write(&w->out, &msg);
	if (send_with(w->channel, &w->out, &m->fd, m->blind ? 1 : 0, 0) < 0)
		_exit(1);
	if (m->blind && recv(w->channel, &answer, 1, 0) != 1)
		_exit(1);
	return m->blind ? answer : 0;
}

static void run_worker(const struct worker_ask *a, int file, int channel)
{
	struct stat st;
	struct worker w = { .channel = channel };
	struct walk_result r = { .found = WALK_BEYOND, .reason = "cannot read" };
	const struct walk_limits limits = { .depth = a->depth, .files = a->files, .bytes = a->bytes, .ratio = a->ratio,
		                            .deadline_ms = clock_mono_ms() + a->timeout_ms };
	const struct walk_ops ops = { .member = on_member, .user = &w };
	buf_init(&w.out, WORKER_MESSAGE);
	if (fstat(file, &st) == 0 && st.st_size > 0) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, file, 0);
		if (map != MAP_FAILED)
			walk((struct str){ map, (size_t)st.st_size }, &limits, a->password, &ops, &r);
	}
	buf_reset(&w.out);
	worker_end_write(&w.out, &r);
	_exit(send_with(channel, &w.out, NULL, 0, 0) < 0);
}

static void limit(int what, rlim_t n)
{
	struct rlimit l = { n, n };
	if (setrlimit(what, &l) < 0)
		_exit(2);
}

/* ---- the nursery ---- */

struct nursery {
	int sock;
	const struct sock_fprog *filter;
	struct {
		pid_t pid; /* 0: free */
		int64_t until_ms;
	} children[CHILDREN];
	size_t n;
};

static int ask_read(const void *p, size_t n, struct worker_ask *ret)
{
	struct rd r = rd_from(p, n);
	*ret = (struct worker_ask){ .timeout_ms = rd_u32(&r), .depth = rd_u32(&r), .files = rd_u32(&r), .ratio = rd_u32(&r), .bytes = rd_u64(&r) };
	rd_text(&r, ret->password, sizeof ret->password);
	return ret->ratio ? rd_end(&r) : -E_INVALID;
}

static void reap(struct nursery *n)
{
	int64_t now = clock_mono_ms();
	for (size_t i = 0; n->n && i < CHILDREN; i++) {
		if (!n->children[i].pid)
			continue;
		if (now > n->children[i].until_ms)
			kill(n->children[i].pid, SIGKILL);
		if (waitpid(n->children[i].pid, NULL, WNOHANG) != 0) {
			n->children[i].pid = 0;
			n->n--;
		}
	}
}

static void become_worker(struct nursery *n, const struct worker_ask *a, int file, int channel)
{
	close(n->sock);
	limit(RLIMIT_CPU, WORKER_CPU_S);
	limit(RLIMIT_DATA, WORKER_MEMORY);
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_CORE, 0);
	if (jail_calls_enter(n->filter) < 0)
		_exit(2);
	run_worker(a, file, channel);
}

static void fork_worker(struct nursery *n, const struct worker_ask *a, int file, int channel)
{
	size_t i = 0;
	while (i < CHILDREN && n->children[i].pid)
		i++;
	pid_t pid = i < CHILDREN ? fork() : -1;
	if (pid == 0)
		become_worker(n, a, file, channel);
	if (pid < 0)
		return; /* the channel closes: its verdict is "died" */
	n->children[i].pid = pid;
	n->children[i].until_ms = clock_mono_ms() + a->timeout_ms + GRACE_MS;
	n->n++;
}

/* False: scand is gone. */
static bool take_ask(struct nursery *n)
{
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} u;
	char text[WORKER_MESSAGE];
	struct iovec v = { text, sizeof text };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u };
	ssize_t k = recvmsg(n->sock, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	if (k < 0)
		return errno == EAGAIN || errno == EINTR;
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	struct worker_ask a;
	int fds[2];
	if (k == 0 || !h || h->cmsg_type != SCM_RIGHTS || h->cmsg_len != CMSG_LEN(sizeof fds))
		return false;
	memcpy(fds, CMSG_DATA(h), sizeof fds);
	if (ask_read(text, (size_t)k, &a) == 0)
		fork_worker(n, &a, fds[0], fds[1]);
	close(fds[0]);
	close(fds[1]);
	return true;
}

static void run_nursery(struct nursery *n)
{
	for (;;) {
		struct pollfd p = { .fd = n->sock, .events = POLLIN };
		if (poll(&p, 1, n->n ? REAP_MS : -1) > 0 && !take_ask(n))
			break;
		reap(n);
	}
	for (size_t i = 0; i < CHILDREN; i++)
		if (n->children[i].pid)
			kill(n->children[i].pid, SIGKILL);
	_exit(0);
}

static void become_nursery(int sock, pid_t parent)
{
	struct err err;
	struct nursery n = { .sock = sock };
	const struct jail_paths none = { 0 };
	walk_prepare();
	signal(SIGTERM, SIG_IGN); /* it ends with scand, whose end of the socket closes */
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	/* READ: of no path at all, since a filter can't be widened for a worker, whose libraries ask and are told no. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
	    !(n.filter = jail_calls_worker(&err)) || jail_paths_apply(&none, &err) < 0 ||
	    jail_calls_apply(CALLS_FORK | CALLS_READ | CALLS_MEMFD | CALLS_WORKERS, &err) < 0)
		_exit(2);
	if (write(sock, "", 1) != 1)
		_exit(2);
	run_nursery(&n);
}

/* Everything of scand's that is open by now is closed there. */
static void close_others(int keep)
{
	if (keep > 3)
		close_range(3, (unsigned)keep - 1, 0);
	close_range((unsigned)keep + 1, ~0u, 0);
}

int nursery_start(int *ret_fd, struct err *err)
{
	int pair[2];
	char ready;
	pid_t parent = getpid();
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, "nursery", "cannot make a socket");
	pid_t pid = fork();
	if (pid == 0) {
		close_others(pair[1]);
		become_nursery(pair[1], parent);
	}
	close(pair[1]);
	if (pid < 0 || recv(pair[0], &ready, 1, 0) != 1) {
		close(pair[0]);
		return err_set(err, E_STATE, "nursery", "the workers' nursery doesn't start");
	}
	*ret_fd = pair[0];
	return 0;
}

int nursery_ask(int nursery, const struct worker_ask *a, int file, int channel)
{
	const int fds[2] = { file, channel };
	struct buf b;
	buf_init(&b, WORKER_MESSAGE);
	wr_u32(&b, a->timeout_ms);
	wr_u32(&b, a->depth);
	wr_u32(&b, a->files);
	wr_u32(&b, a->ratio);
	wr_u64(&b, a->bytes);
	wr_text(&b, str_from(a->password));
	ssize_t n = send_with(nursery, &b, fds, 2, MSG_DONTWAIT);
	buf_done(&b);
	return n >= 0 ? 0 : errno == EAGAIN ? -E_AGAIN : -E_CLOSED;
}
