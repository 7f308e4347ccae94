/* The asking side of the verdict protocol, without an event loop of its own; see client.h.
 *
 * Jobs stand in a list in order of submission. A connection that breaks is made anew and everything open is sent
 * again: asking twice costs a look-up, losing a question costs a person their page. */
#include "scan/client.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/socket.h>

#define RETRY_MS 100

struct job {
	struct job *next;
	struct verdict_request rq;
	int fd;
	bool sent;
	int64_t deadline_ms;
	scan_done done;
	void *user;
};

struct scan_client {
	char path[PLACE_MAX];
	int fd;
	int64_t retry_ms;
	uint64_t next_id;
	struct job *first, **last;
	size_t open, max_open;
	struct buf out;   /* the message being written, with its length */
	size_t out_off;
	int out_fd;       /* goes with the first byte of out; -1: none, or gone */
	struct buf in;
};

int scan_client_open(const char *socket_path, size_t max_open, struct scan_client **ret, struct err *err)
{
	struct scan_client *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	if (socket_path)
		snprintf(c->path, sizeof c->path, "%s", socket_path);
	else
		place_in_run(c->path, sizeof c->path, SOCK_VERDICT);
	c->fd = c->out_fd = -1;
	c->next_id = 1;
	c->max_open = max_open;
	c->last = &c->first;
	buf_init(&c->out, VERDICT_MESSAGE_MAX + 4);
	buf_init(&c->in, 64 * KIB);
	*ret = c;
	return 0;
}

/* Unlinks *at and hands it over. */
static struct job *take_out(struct scan_client *c, struct job **at)
{
	struct job *j = *at;
	*at = j->next;
	if (c->last == &j->next)
		c->last = at;
	c->open--;
	return j;
}

static void finish(struct scan_client *c, struct job **at, const struct verdict *v)
{
	struct job *j = take_out(c, at);
	scan_done done = j->done;
	void *user = j->user;
	mem_free(j);
	done(v, user);
}

static void disconnect(struct scan_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = c->out_fd = -1;
	c->out_off = 0;
	buf_reset(&c->out);
	buf_reset(&c->in);
	for (struct job *j = c->first; j; j = j->next)
		j->sent = false;
	c->retry_ms = clock_mono_ms() + RETRY_MS;
}

void scan_client_close(struct scan_client **c)
{
	struct verdict v = { .kind = VERDICT_ERROR, .also = VERDICT_BIT(VERDICT_ERROR), .malware = "closed" };
	if (!*c)
		return;
	while ((*c)->first)
		finish(*c, &(*c)->first, &v);
	disconnect(*c);
	buf_done(&(*c)->out);
	buf_done(&(*c)->in);
	mem_free(*c);
	*c = NULL;
}

static struct job *next_unsent(const struct scan_client *c)
{
	struct job *j = c->first;
	while (j && j->sent)
		j = j->next;
	return j;
}

int scan_client_fd(const struct scan_client *c, bool *ret_want_write)
{
	*ret_want_write = c->out.len > 0 || next_unsent(c);
	return c->fd;
}

int64_t scan_client_next_ms(const struct scan_client *c)
{
	int64_t at = -1;
	for (struct job *j = c->first; j; j = j->next)
		at = at < 0 || j->deadline_ms < at ? j->deadline_ms : at;
	if (c->first && c->fd < 0 && c->retry_ms < at)
		at = c->retry_ms;
	return at;
}

size_t scan_client_open_jobs(const struct scan_client *c)
{
	return c->open;
}

/* ---- writing ---- */

static void connect_now(struct scan_client *c)
{
	if (clock_mono_ms() < c->retry_ms)
		return;
	c->retry_ms = clock_mono_ms() + RETRY_MS;
	c->fd = sock_try(c->path);
}

static void make_message(struct scan_client *c, struct job *j)
{
	buf_reset(&c->out);
	wr_u32(&c->out, 0);
	verdict_request_write(&c->out, &j->rq);
	wr_length(&c->out, 0);
	c->out_off = 0;
	c->out_fd = j->rq.op == VERDICT_SCAN ? j->fd : -1;
	j->sent = true;
}

static ssize_t send_part(struct scan_client *c)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	struct iovec v = { c->out.ptr + c->out_off, c->out.len - c->out_off };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1 };
	if (c->out_fd >= 0) {
		m.msg_control = u.space;
		m.msg_controllen = sizeof u.space;
		struct cmsghdr *h = CMSG_FIRSTHDR(&m);
		h->cmsg_level = SOL_SOCKET;
		h->cmsg_type = SCM_RIGHTS;
		h->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(h), &c->out_fd, sizeof(int));
	}
	return sendmsg(c->fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* False when the connection is gone. */
static bool write_some(struct scan_client *c)
{
	for (;;) {
		struct job *j = c->out.len ? NULL : next_unsent(c);
		if (j)
			make_message(c, j);
		if (c->out.failed)
			return false;
		if (c->out.len == 0)
			return true;
		ssize_t n = send_part(c);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR || errno == ETOOMANYREFS;
		c->out_fd = -1;
		c->out_off += (size_t)n;
		if (c->out_off == c->out.len)
			buf_reset(&c->out);
	}
}

/* ---- reading ---- */

static void deliver(struct scan_client *c, uint64_t id, const struct verdict *v)
{
	for (struct job **at = &c->first; *at; at = &(*at)->next)
		if ((*at)->rq.id == id) {
			finish(c, at, v);
			return;
		}
}

/* Delivers whole messages. False when one is malformed. */
static bool take_messages(struct scan_client *c)
{
	for (;;) {
		struct rd r = rd_from(c->in.ptr, c->in.len);
		uint32_t n = rd_u32(&r);
		uint64_t id;
		struct verdict v;
		if (r.bad || c->in.len - 4 < n)
			return r.bad || n <= VERDICT_MESSAGE_MAX;
		if (verdict_answer_read(c->in.ptr + 4, n, &id, &v) < 0)
			return false;
		buf_drop(&c->in, 4 + n); /* before the callback, which may submit */
		deliver(c, id, &v);
	}
}

static bool read_some(struct scan_client *c)
{
	while (c->fd >= 0) {
		if (!buf_room(&c->in, 4 * KIB))
			return false;
		ssize_t n = recv(c->fd, c->in.ptr + c->in.len, c->in.cap - c->in.len, MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (n == 0)
			return false;
		c->in.len += (size_t)n;
		if (!take_messages(c))
			return false;
	}
	return true;
}

static void expire(struct scan_client *c)
{
	struct verdict v = { .kind = VERDICT_ERROR, .also = VERDICT_BIT(VERDICT_ERROR), .malware = "timeout" };
	int64_t now = clock_mono_ms();
	for (struct job **at = &c->first; *at;) {
		if ((*at)->deadline_ms > now) {
			at = &(*at)->next;
			continue;
		}
		finish(c, at, &v);
		at = &c->first; /* the callback may have changed the list */
	}
}

void scan_client_work(struct scan_client *c)
{
	if (c->fd < 0 && c->first)
		connect_now(c);
	if (c->fd >= 0 && (!write_some(c) || !read_some(c) || !write_some(c)))
		disconnect(c);
	expire(c);
}

/* ---- jobs ---- */

static void copy_text(char *dst, size_t size, struct str s)
{
	size_t n = s.len < size ? s.len : size - 1;
	memcpy(dst, s.ptr ? s.ptr : "", n);
	dst[n] = 0;
}

int scan_client_submit(struct scan_client *c, const struct scan_job *job, uint64_t *ret_id)
{
	if (c->open >= c->max_open)
		return -E_LIMIT;
	struct job *j = mem_alloc(sizeof *j);
	if (!j)
		return -E_NOMEM;
	int timeout = job->timeout_ms > 0 ? job->timeout_ms : 30000;
	j->fd = job->fd;
	j->done = job->done;
	j->user = job->user;
	j->deadline_ms = clock_mono_ms() + timeout;
	j->rq.id = c->next_id++;
	j->rq.op = job->fd >= 0 ? VERDICT_SCAN : VERDICT_LOOKUP;
	j->rq.timeout_ms = (uint32_t)timeout;
	copy_text(j->rq.org, sizeof j->rq.org, job->org);
	copy_text(j->rq.content_type, sizeof j->rq.content_type, job->content_type);
	copy_text(j->rq.name, sizeof j->rq.name, job->name);
	copy_text(j->rq.password, sizeof j->rq.password, job->password);
	if (job->sha256)
		memcpy(j->rq.sha256, job->sha256, VERDICT_SHA);
	*c->last = j;
	c->last = &j->next;
	c->open++;
	if (ret_id)
		*ret_id = j->rq.id;
	return 0;
}

/* The server isn't told when the pipe is full: its answer then finds nobody, which is harmless. */
static void tell_cancel(struct scan_client *c, uint64_t id)
{
	struct buf b;
	if (c->fd < 0 || c->out.len)
		return;
	buf_init(&b, 64);
	wr_u32(&b, 9);
	verdict_request_write(&b, &(struct verdict_request){ .op = VERDICT_CANCEL, .id = id });
	ssize_t n = b.failed ? 0 : send(c->fd, b.ptr, b.len, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n > 0 && (size_t)n < b.len) {
		buf_put(&c->out, b.ptr, b.len);
		c->out_off = (size_t)n;
	}
	buf_done(&b);
}

void scan_client_cancel(struct scan_client *c, uint64_t id)
{
	for (struct job **at = &c->first; *at; at = &(*at)->next)
		if ((*at)->rq.id == id) {
			struct job *j = take_out(c, at);
			bool sent = j->sent;
			if (j->fd >= 0 && c->out_fd == j->fd)
				disconnect(c); /* its message is half out; the descriptor won't stay valid */
			else if (sent)
				tell_cancel(c, id);
			mem_free(j);
			return;
		}
}

/* ---- blocking ---- */

struct once {
	struct verdict *ret;
	bool done;
};

static void once_done(const struct verdict *v, void *user)
{
	struct once *o = user;
	*o->ret = *v;
	o->done = true;
}

int scan_once(const char *socket_path, const struct scan_job *job, struct verdict *ret, struct err *err)
{
	struct scan_client *c;
	struct once o = { ret, false };
	struct scan_job j = *job;
	j.done = once_done;
	j.user = &o;
	int r = scan_client_open(socket_path, 1, &c, err);
	if (r < 0)
		return r;
	r = scan_client_submit(c, &j, NULL);
	while (r == 0 && !o.done) {
		bool want_write;
		scan_client_work(c);
		struct pollfd p = { scan_client_fd(c, &want_write), (short)(POLLIN | (want_write ? POLLOUT : 0)), 0 };
		int64_t left = scan_client_next_ms(c) - clock_mono_ms();
		if (!o.done)
			poll(&p, p.fd >= 0, left < 0 ? 0 : left > 1000 ? 1000 : (int)left);
	}
	scan_client_close(&c);
	return r < 0 ? err_set(err, (enum err_code)-r, "", "cannot ask for a verdict") : 0;
}

int scan_memfd(const struct str *parts, size_t n, int *ret_fd, struct err *err)
{
	int fd = memfd_create("body", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return err_errno(err, "", "cannot make a memory file");
	for (size_t i = 0; i < n; i++)
		for (size_t off = 0; off < parts[i].len;) {
			ssize_t k = write(fd, parts[i].ptr + off, parts[i].len - off);
			if (k < 0 && errno == EINTR)
				continue;
			if (k <= 0) {
				int r = err_errno(err, "", "cannot fill a memory file");
				close(fd);
				return r;
			}
			off += (size_t)k;
		}
	if (fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0) {
		int r = err_errno(err, "", "cannot seal a memory file");
		close(fd);
		return r;
	}
	*ret_fd = fd;
	return 0;
}
