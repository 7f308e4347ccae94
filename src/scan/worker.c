/* See worker.h. */
#include "scan/worker.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "jail/calls.h"
#include "jail/paths.h"
#include "jail/table.h"
#include "scan/yara.h"
#include "wire/cursor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
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
#define COMPILE_MS 30000
#define RULES_MAX (64 * MIB)

enum { ASK_WALK = 1, ASK_RULES = 2 };

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

uint32_t worker_cpu_s(uint64_t size)
{
	uint64_t s = WORKER_CPU_LEAST_S + size / WORKER_CPU_EACH;
	return s < WORKER_CPU_S ? (uint32_t)s : WORKER_CPU_S;
}

/* ---- the worker ---- */

struct worker {
	int channel;
	struct buf out;
	struct yara_scanner *rules; /* NULL: none */
};

static int match(struct str bytes, enum file_type type, const char *name, char ret_rule[WALK_REASON], void *user)
{
	struct worker *w = user;
	return w->rules ? yara_match(w->rules, bytes, file_type_name(type), name, WORKER_RULES_S, ret_rule, WALK_REASON) : 0;
}

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

static void run_worker(const struct worker_ask *a, struct yara_rules *rules, int file, int channel)
{
	struct stat st;
	struct worker w = { .channel = channel };
	struct walk_result r = { .found = WALK_BEYOND, .reason = "cannot read" };
	const struct walk_limits limits = { .depth = a->depth, .files = a->files, .bytes = a->bytes, .ratio = a->ratio,
		                            .deadline_ms = clock_mono_ms() + a->timeout_ms };
	const struct walk_ops ops = { .match = match, .member = on_member, .user = &w };
	const struct walk_about about = { a->name, a->password };
	buf_init(&w.out, WORKER_MESSAGE);
	if (rules && yara_scanner_open(rules, &w.rules) < 0)
		_exit(1);
	if (fstat(file, &st) == 0 && st.st_size > 0) {
		void *map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, file, 0);
		if (map != MAP_FAILED)
			walk((struct str){ map, (size_t)st.st_size }, &about, &limits, &ops, &r);
	}
	buf_reset(&w.out);
	worker_end_write(&w.out, &r);
	_exit(send_with(channel, &w.out, NULL, 0, 0) < 0);
}

/* Says "" and leaves the compiled rules in `out`, or says what is wrong. */
static void run_compiler(int bundle, int out, int channel)
{
	struct stat st;
	struct err err = { .msg = "cannot read the rules" };
	struct yara_rules *rules;
	char text[WORKER_MESSAGE];
	int r = -E_IO;
	if (fstat(bundle, &st) == 0 && st.st_size >= 0 && (uint64_t)st.st_size <= RULES_MAX) {
		void *map = st.st_size ? mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, bundle, 0) : NULL;
		r = map == MAP_FAILED ? -E_IO : yara_compile((struct str){ map ? map : "", (size_t)st.st_size }, &rules, &err);
	}
	if (r == 0 && yara_save(rules, out) == 0)
		_exit(0);
	int n = snprintf(text, sizeof text, "%s: %s", err.path, err.msg);
	_exit(send(channel, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1, MSG_NOSIGNAL) < 0 ? 2 : 1);
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
	struct yara_rules *rules;
	struct child {
		pid_t pid; /* 0: free */
		int64_t until_ms;
		int out, channel; /* of the one that compiles rules; else -1 */
	} children[CHILDREN];
	size_t n;
};

static int ask_read(const void *p, size_t n, struct worker_ask *ret)
{
	struct rd r = rd_from(p, n);
	rd_u8(&r); /* ASK_WALK */
	*ret = (struct worker_ask){ .timeout_ms = rd_u32(&r), .depth = rd_u32(&r), .files = rd_u32(&r), .ratio = rd_u32(&r), .cpu_s = rd_u32(&r), .bytes = rd_u64(&r) };
	rd_text(&r, ret->name, sizeof ret->name);
	rd_text(&r, ret->password, sizeof ret->password);
	return ret->ratio ? rd_end(&r) : -E_INVALID;
}

static void tell_count(int channel, unsigned count)
{
	const unsigned char text[5] = { 0, (unsigned char)(count >> 24), (unsigned char)(count >> 16), (unsigned char)(count >> 8), (unsigned char)count };
	send(channel, text, sizeof text, MSG_NOSIGNAL);
}

/* The compiler ended: its rules are in force for all workers from now on, and scand is told. */
static void take_rules(struct nursery *n, struct child *c, int status)
{
	struct yara_rules *rules;
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && yara_load(c->out, &rules) == 0) {
		yara_destroy(&n->rules);
		n->rules = rules;
		tell_count(c->channel, yara_count(rules));
	} else if (!WIFEXITED(status) || WEXITSTATUS(status) != 1) {
		static const char died[] = "the rules can't be compiled within the limits";
		send(c->channel, died, sizeof died - 1, MSG_NOSIGNAL);
	}
	close(c->out);
	close(c->channel);
}

static void reap(struct nursery *n)
{
	int64_t now = clock_mono_ms();
	for (size_t i = 0; n->n && i < CHILDREN; i++) {
		if (!n->children[i].pid)
			continue;
		if (now > n->children[i].until_ms)
			kill(n->children[i].pid, SIGKILL);
		int status = 0;
		if (waitpid(n->children[i].pid, &status, WNOHANG) != 0) {
			if (n->children[i].out >= 0)
				take_rules(n, &n->children[i], status);
			n->children[i].pid = 0;
			n->n--;
		}
	}
}

static void confine_worker(struct nursery *n, uint32_t cpu_s)
{
	close(n->sock);
	limit(RLIMIT_CPU, cpu_s && cpu_s < WORKER_CPU_S ? cpu_s : WORKER_CPU_S);
#ifndef __SANITIZE_ADDRESS__ /* its shadow alone is terabytes */
	limit(RLIMIT_DATA, WORKER_MEMORY);
#endif
	limit(RLIMIT_NOFILE, 64);
	limit(RLIMIT_CORE, 0);
	if (jail_calls_enter(n->filter) < 0)
		_exit(2);
}

/* In the child NULL; in the parent the child's place, or NULL with *ret_failed. */
static struct child *fork_child(struct nursery *n, int64_t ms, uint32_t cpu_s, bool *ret_failed)
{
	size_t i = 0;
	while (i < CHILDREN && n->children[i].pid)
		i++;
	pid_t pid = i < CHILDREN ? fork() : -1;
	*ret_failed = pid < 0;
	if (pid <= 0) {
		if (pid == 0)
			confine_worker(n, cpu_s);
		return NULL;
	}
	n->children[i] = (struct child){ .pid = pid, .until_ms = clock_mono_ms() + ms + GRACE_MS, .out = -1, .channel = -1 };
	n->n++;
	return &n->children[i];
}

/* A failure closes the channel without a word: "died". */
static void fork_worker(struct nursery *n, const struct worker_ask *a, int file, int channel)
{
	bool failed;
	if (!fork_child(n, a->timeout_ms, a->cpu_s, &failed) && !failed)
		run_worker(a, n->rules, file, channel);
}

static void fork_compiler(struct nursery *n, int bundle, int channel)
{
	bool failed;
	int out = memfd_create("rules", MFD_CLOEXEC);
	struct child *c = out < 0 ? NULL : fork_child(n, COMPILE_MS, WORKER_CPU_S, &failed);
	if (!c && out >= 0 && !failed)
		run_compiler(bundle, out, channel);
	if (!c) {
		if (out >= 0)
			close(out);
		return;
	}
	c->out = out;
	c->channel = fcntl(channel, F_DUPFD_CLOEXEC, 0);
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
	if (text[0] == ASK_RULES)
		fork_compiler(n, fds[0], fds[1]);
	else if (ask_read(text, (size_t)k, &a) == 0)
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
	yara_prepare();
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

static int ask(int nursery, struct buf *b, int file, int channel)
{
	const int fds[2] = { file, channel };
	ssize_t n = send_with(nursery, b, fds, 2, MSG_DONTWAIT);
	buf_done(b);
	return n >= 0 ? 0 : errno == EAGAIN ? -E_AGAIN : -E_CLOSED;
}

int nursery_ask(int nursery, const struct worker_ask *a, int file, int channel)
{
	struct buf b;
	buf_init(&b, WORKER_MESSAGE);
	wr_u8(&b, ASK_WALK);
	wr_u32(&b, a->timeout_ms);
	wr_u32(&b, a->depth);
	wr_u32(&b, a->files);
	wr_u32(&b, a->ratio);
	wr_u32(&b, a->cpu_s);
	wr_u64(&b, a->bytes);
	wr_name(&b, a->name);
	wr_name(&b, a->password);
	return ask(nursery, &b, file, channel);
}

int nursery_rules_begin(int nursery, int bundle, int *ret_channel, struct err *err)
{
	int pair[2];
	struct buf b;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(err, "rules", "cannot make a socket");
	buf_init(&b, WORKER_MESSAGE);
	wr_u8(&b, ASK_RULES);
	int r = ask(nursery, &b, bundle, pair[1]);
	close(pair[1]);
	if (r < 0) {
		close(pair[0]);
		return err_set(err, E_CLOSED, "rules", "the nursery doesn't take them");
	}
	*ret_channel = pair[0];
	return 0;
}

int nursery_rules_result(int channel, unsigned *ret_count, struct err *err)
{
	char text[WORKER_MESSAGE];
	ssize_t n = recv(channel, text, sizeof text - 1, 0);
	close(channel);
	if (n == 5 && text[0] == 0) {
		struct rd r = rd_from(text + 1, 4);
		*ret_count = rd_u32(&r);
		return 0;
	}
	text[n > 0 ? n : 0] = 0;
	return err_set(err, E_INVALID, "rules", "%s", n > 0 ? text : "the nursery says nothing of them");
}

int nursery_rules(int nursery, int bundle, unsigned *ret_count, struct err *err)
{
	int channel, r = nursery_rules_begin(nursery, bundle, &channel, err);
	return r < 0 ? r : nursery_rules_result(channel, ret_count, err);
}
