/* See clamd.h. Every job holds its own poll handle while it is connected; a tick retries and ends what is late. */
#include "scan/clamd.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

#define TICK_MS 50
#define REPLY_MAX 1024

struct clamd_job {
	struct clamd_job *next;
	struct clamd *c;
	int fd;   /* the file, ours; -1: a command */
	int sock; /* -1: not connected */
	uv_poll_t poll;
	const char *command;
	int64_t deadline_ms;
	unsigned tries;
	char reply[REPLY_MAX];
	size_t n_reply;
	clamd_done done;
	clamd_text text;
	void *user;
	bool closing;
};

struct clamd {
	uv_loop_t *loop;
	uv_timer_t tick;
	struct sockaddr_un addr;
	struct clamd_job *first, **last; /* all, in order of arrival */
	size_t n, max, running;
	unsigned connections;
	int64_t retry_ms; /* refused: not before */
	int64_t mute_ms;  /* since when it has taken what is asked and said nothing; 0: nobody waits, or it isn't there */
	uint64_t failures;
	size_t handles;   /* open uv handles that point here */
	bool closed;
};

static void pump(struct clamd *c);

/* ---- what a reply means ---- */

enum clamd_result clamd_reply(struct str reply, struct str *ret_name)
{
	static const struct str found = STR(" FOUND"), ok = STR(": OK");
	while (reply.len && (reply.ptr[reply.len - 1] == 0 || reply.ptr[reply.len - 1] == '\n'))
		reply.len--;
	*ret_name = reply;
	if (str_ends(reply, ok))
		return CLAMD_CLEAN;
	if (!str_ends(reply, found))
		return CLAMD_FAILED;
	const char *colon = memmem(reply.ptr, reply.len, ": ", 2);
	if (!colon)
		return CLAMD_FAILED;
	struct str name = { colon + 2, reply.len - found.len - (size_t)(colon + 2 - reply.ptr) };
	if (colon + 2 > reply.ptr + reply.len - found.len || name.len == 0)
		return CLAMD_FAILED;
	if (str_ends(name, STR(".UNOFFICIAL"))) /* clamd's mark for databases that aren't ClamAV's own */
		name.len -= 11;
	*ret_name = name;
	if (str_starts(name, STR("Heuristics.Encrypted")))
		return CLAMD_ENCRYPTED;
	return str_starts(name, STR("Heuristics.Limits.Exceeded")) ? CLAMD_BEYOND : CLAMD_FOUND;
}

/* ---- a job's end ---- */

static void free_if_last(struct clamd *c)
{
	if (c->closed && c->handles == 0)
		mem_free(c);
}

static void job_free(struct clamd_job *j)
{
	if (j->fd >= 0)
		close(j->fd);
	mem_free(j);
}

static void poll_closed(uv_handle_t *h)
{
	struct clamd_job *j = h->data;
	struct clamd *c = j->c;
	close(j->sock);
	j->sock = -1;
	c->handles--;
	if (j->closing)
		job_free(j);
	else
		pump(c);
	free_if_last(c);
}

/* Gives the connection back; the job stays. */
static void job_disconnect(struct clamd_job *j)
{
	if (j->sock < 0 || uv_is_closing((uv_handle_t *)&j->poll))
		return;
	j->c->running--;
	uv_close((uv_handle_t *)&j->poll, poll_closed);
}

static void job_unlink(struct clamd_job *j)
{
	struct clamd *c = j->c;
	struct clamd_job **at = &c->first;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (c->last == &j->next)
		c->last = at;
	c->n--;
}

static void job_end(struct clamd_job *j, enum clamd_result result, struct str name)
{
	job_unlink(j);
	j->closing = true;
	if (j->done)
		j->done(result, name, j->user);
	else if (j->text)
		j->text(result == CLAMD_FAILED ? (struct str){ NULL, 0 } : name, j->user);
	if (j->sock >= 0)
		job_disconnect(j);
	else
		job_free(j);
}

/* The connection broke or the reply made no sense: again, or give up. */
static void job_failed(struct clamd_job *j, struct str why)
{
	j->c->failures++;
	if (++j->tries >= CLAMD_TRIES) {
		job_end(j, CLAMD_FAILED, why);
		return;
	}
	j->n_reply = 0;
	j->c->retry_ms = clock_mono_ms() + 2 * TICK_MS;
	job_disconnect(j);
}

static void job_replied(struct clamd_job *j)
{
	struct str reply = { j->reply, j->n_reply }, name;
	if (j->fd < 0) {
		while (reply.len && (reply.ptr[reply.len - 1] == 0 || reply.ptr[reply.len - 1] == '\n'))
			reply.len--;
		job_end(j, CLAMD_CLEAN, reply);
		return;
	}
	enum clamd_result result = clamd_reply(reply, &name);
	if (result == CLAMD_FAILED)
		job_failed(j, name);
	else
		job_end(j, result, name);
}

static void on_readable(uv_poll_t *h, int status, int events)
{
	struct clamd_job *j = h->data;
	j->c->mute_ms = 0; /* a word, or an end: a process is there and works */
	if (j->closing)
		return;
	ssize_t n = recv(j->sock, j->reply + j->n_reply, REPLY_MAX - j->n_reply, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n > 0)
		j->n_reply += (size_t)n;
	bool whole = j->n_reply && (j->reply[j->n_reply - 1] == 0 || j->n_reply == REPLY_MAX);
	if (whole)
		job_replied(j);
	else if (n <= 0)
		job_failed(j, STR("clamd closed the connection"));
}

/* ---- a job's beginning ---- */

/* Small enough for any socket buffer: a partial write doesn't happen on a fresh connection. */
static bool send_command(const struct clamd_job *j, int sock)
{
	char text[64];
	int n = snprintf(text, sizeof text, "z%s", j->command) + 1; /* with its NUL */
	if (send(sock, text, (size_t)n, MSG_NOSIGNAL) != n)
		return false;
	if (j->fd < 0)
		return true;
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u = { 0 };
	struct iovec v = { (char[]){ 0 }, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u.space };
	struct cmsghdr *h = CMSG_FIRSTHDR(&m);
	h->cmsg_level = SOL_SOCKET;
	h->cmsg_type = SCM_RIGHTS;
	h->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(h), &j->fd, sizeof(int));
	return sendmsg(sock, &m, MSG_NOSIGNAL) == 1;
}

/* False: clamd isn't there now. */
static bool job_start(struct clamd_job *j)
{
	struct clamd *c = j->c;
	int sock = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (sock < 0)
		return false;
	bool there = connect(sock, (struct sockaddr *)&c->addr, sizeof c->addr) == 0;
	if (!there && errno != EAGAIN) /* EAGAIN: more wait there than it lets wait */
		c->mute_ms = 0;
	if (!there || !send_command(j, sock) || uv_poll_init(c->loop, &j->poll, sock) < 0) {
		close(sock);
		return false;
	}
	if (c->mute_ms == 0)
		c->mute_ms = clock_mono_ms();
	j->sock = sock;
	j->n_reply = 0;
	j->poll.data = j;
	uv_poll_start(&j->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	c->handles++;
	c->running++;
	return true;
}

static void pump(struct clamd *c)
{
	if (c->closed || clock_mono_ms() < c->retry_ms)
		return;
	for (struct clamd_job *j = c->first; j && c->running < c->connections; j = j->next) {
		if (j->sock >= 0)
			continue;
		if (!job_start(j)) {
			c->failures++;
			c->retry_ms = clock_mono_ms() + 2 * TICK_MS;
			return;
		}
	}
}

static void on_tick(uv_timer_t *t)
{
	struct clamd *c = t->data;
	int64_t now = clock_mono_ms();
	for (struct clamd_job *j = c->first; j;) {
		struct clamd_job *next = j->next;
		if (j->deadline_ms <= now)
			job_end(j, CLAMD_FAILED, STR("timeout"));
		j = next;
	}
	pump(c);
	if (!c->first)
		uv_timer_stop(t);
}

static void tick_on(struct clamd *c)
{
	if (!uv_is_active((uv_handle_t *)&c->tick))
		uv_timer_start(&c->tick, on_tick, TICK_MS, TICK_MS);
}

static struct clamd_job *job_new(struct clamd *c, int fd, const char *command, int64_t deadline_ms, void *user)
{
	struct clamd_job *j = c->n < c->max ? mem_alloc(sizeof *j) : NULL;
	if (!j)
		return NULL;
	j->c = c;
	j->fd = fd;
	j->sock = -1;
	j->command = command;
	j->deadline_ms = deadline_ms;
	j->user = user;
	*c->last = j;
	c->last = &j->next;
	c->n++;
	tick_on(c);
	return j;
}

struct clamd_job *clamd_scan(struct clamd *c, int fd, int64_t deadline_ms, clamd_done done, void *user)
{
	struct clamd_job *j = job_new(c, fd, "FILDES", deadline_ms, user);
	if (!j) {
		close(fd);
		return NULL;
	}
	j->done = done;
	pump(c);
	return j;
}

void clamd_extend(struct clamd_job *j, int64_t deadline_ms)
{
	if (deadline_ms > j->deadline_ms)
		j->deadline_ms = deadline_ms;
}

void clamd_cancel(struct clamd_job *j)
{
	j->done = NULL;
	job_end(j, CLAMD_FAILED, STR("cancelled"));
}

int clamd_ask(struct clamd *c, const char *command, int timeout_ms, clamd_text done, void *user)
{
	struct clamd_job *j = job_new(c, -1, command, clock_mono_ms() + timeout_ms, user);
	if (!j)
		return -E_LIMIT;
	j->text = done;
	pump(c);
	return 0;
}

int64_t clamd_mute_for(const struct clamd *c)
{
	return c->mute_ms ? clock_mono_ms() - c->mute_ms : 0;
}

uint64_t clamd_failures(const struct clamd *c)
{
	return c->failures;
}

/* ---- all of it ---- */

int clamd_open(uv_loop_t *loop, const char *socket_path, unsigned connections, size_t max_queue, struct clamd **ret,
               struct err *err)
{
	struct clamd *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	c->addr.sun_family = AF_UNIX;
	if (!str_copy(str_from(socket_path), c->addr.sun_path, sizeof c->addr.sun_path)) {
		mem_free(c);
		return err_set(err, E_LIMIT, socket_path, "socket path too long (at most 107 bytes)");
	}
	c->loop = loop;
	c->connections = connections ? connections : 1;
	c->max = max_queue + c->connections;
	c->last = &c->first;
	uv_timer_init(loop, &c->tick);
	c->tick.data = c;
	c->handles = 1;
	*ret = c;
	return 0;
}

static void tick_closed(uv_handle_t *h)
{
	struct clamd *c = h->data;
	c->handles--;
	free_if_last(c);
}

void clamd_close(struct clamd **at)
{
	struct clamd *c = *at;
	if (!c)
		return;
	c->closed = true;
	while (c->first)
		job_end(c->first, CLAMD_FAILED, STR("closed"));
	uv_close((uv_handle_t *)&c->tick, tick_closed);
	*at = NULL;
}
