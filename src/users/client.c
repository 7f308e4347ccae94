/* The asking side, without an event loop of its own; see users.h. A connection that breaks is made anew, and what is open is asked again:
 * to ask twice costs a look into userd's table. Unanswered questions keep their password until then, and wipe it. */
#include "users/users.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/socket.h>

#define RETRY_MS 100
#define OPEN_MAX 4096

struct ask {
	struct ask *next;
	struct users_request rq;
	bool sent;
	int64_t deadline_ms;
	users_done done;
	void *user;
};

struct users_client {
	char path[PLACE_MAX];
	int fd;
	int64_t retry_ms;
	uint64_t next_id;
	size_t n;
	struct ask *first, **last;
	struct buf out, in;
};

int users_client_open(const char *socket_path, struct users_client **ret, struct err *err)
{
	struct users_client *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	if (socket_path)
		snprintf(c->path, sizeof c->path, "%s", socket_path);
	else
		place_in_run(c->path, sizeof c->path, SOCK_USERS);
	c->fd = -1;
	c->next_id = 1;
	c->last = &c->first;
	buf_init(&c->out, USERS_REQUEST_MAX);
	buf_init(&c->in, 16 * USERS_MESSAGE_MAX);
	*ret = c;
	return 0;
}

static void ask_free(struct ask *a)
{
	users_request_wipe(&a->rq);
	mem_free(a);
}

static struct ask *take_out(struct users_client *c, struct ask **at)
{
	struct ask *a = *at;
	*at = a->next;
	if (c->last == &a->next)
		c->last = at;
	c->n--;
	return a;
}

static void wipe_out(struct users_client *c)
{
	if (c->out.ptr)
		OPENSSL_cleanse(c->out.ptr, c->out.cap);
	buf_reset(&c->out);
}

static void disconnect(struct users_client *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	wipe_out(c);
	buf_reset(&c->in);
	for (struct ask *a = c->first; a; a = a->next)
		a->sent = false;
	c->retry_ms = clock_mono_ms() + RETRY_MS;
}

void users_client_close(struct users_client **p)
{
	struct users_client *c = *p;
	*p = NULL;
	if (!c)
		return;
	while (c->first)
		ask_free(take_out(c, &c->first));
	disconnect(c);
	buf_done(&c->out);
	buf_done(&c->in);
	mem_free(c);
}

static struct ask *next_unsent(const struct users_client *c)
{
	struct ask *a = c->first;
	while (a && a->sent)
		a = a->next;
	return a;
}

int users_client_fd(const struct users_client *c, bool *ret_want_write)
{
	*ret_want_write = c->out.len > 0 || next_unsent(c);
	return c->fd;
}

static void connect_now(struct users_client *c)
{
	if (clock_mono_ms() < c->retry_ms)
		return;
	c->retry_ms = clock_mono_ms() + RETRY_MS;
	c->fd = sock_try(c->path);
}

/* False when the connection is gone. */
static bool write_some(struct users_client *c)
{
	for (;;) {
		struct ask *a = c->out.len ? NULL : next_unsent(c);
		if (a) {
			wr_u32(&c->out, 0);
			users_request_write(&c->out, &a->rq);
			wr_length(&c->out, 0);
			a->sent = true;
		}
		if (c->out.failed)
			return false;
		if (c->out.len == 0)
			return true;
		ssize_t n = send(c->fd, c->out.ptr, c->out.len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if ((size_t)n < c->out.len)
			buf_drop(&c->out, (size_t)n);
		else
			wipe_out(c);
	}
}

static void finish(struct users_client *c, struct ask **at, const struct users_answer *a)
{
	struct ask *x = take_out(c, at);
	users_done done = x->done;
	void *user = x->user;
	ask_free(x);
	done(a, user);
}

static void deliver(struct users_client *c, const struct users_answer *a)
{
	for (struct ask **at = &c->first; *at; at = &(*at)->next)
		if ((*at)->rq.id == a->id) {
			finish(c, at, a);
			return;
		}
}

static bool take_messages(struct users_client *c)
{
	for (;;) {
		struct rd r = rd_from(c->in.ptr, c->in.len);
		uint32_t n = rd_u32(&r);
		struct users_answer a;
		if (r.bad || c->in.len - 4 < n)
			return r.bad || n <= USERS_MESSAGE_MAX;
		if (users_answer_read(c->in.ptr + 4, n, &a) < 0)
			return false;
		buf_drop(&c->in, 4 + n); /* before the callback, which may ask */
		deliver(c, &a);
	}
}

static bool read_some(struct users_client *c)
{
	while (c->fd >= 0) {
		if (!buf_room(&c->in, USERS_MESSAGE_MAX))
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

static void expire(struct users_client *c)
{
	const struct users_answer late = { .result = USERS_UNREACHABLE };
	int64_t now = clock_mono_ms();
	for (struct ask **at = &c->first; *at;) {
		if ((*at)->deadline_ms > now) {
			at = &(*at)->next;
			continue;
		}
		finish(c, at, &late);
		at = &c->first; /* the callback may have changed the list */
	}
}

void users_client_work(struct users_client *c)
{
	if (c->fd < 0 && c->first)
		connect_now(c);
	if (c->fd >= 0 && (!write_some(c) || !read_some(c) || !write_some(c)))
		disconnect(c);
	expire(c);
}

int users_client_ask(struct users_client *c, struct users_request *r, int timeout_ms, users_done done, void *user)
{
	if (c->n >= OPEN_MAX)
		return -E_LIMIT;
	struct ask *a = mem_alloc(sizeof *a);
	if (!a)
		return -E_NOMEM;
	r->id = c->next_id++;
	*a = (struct ask){ .rq = *r, .deadline_ms = clock_mono_ms() + timeout_ms, .done = done, .user = user };
	r->ticket = NULL; /* ours now: nobody asks twice with one */
	*c->last = a;
	c->last = &a->next;
	c->n++;
	return 0;
}

void users_client_cancel(struct users_client *c, uint64_t id)
{
	for (struct ask **at = &c->first; *at; at = &(*at)->next)
		if ((*at)->rq.id == id) {
			ask_free(take_out(c, at));
			return;
		}
}
