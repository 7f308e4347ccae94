/* See walker.h. */
#include "scan/walker.h"

#include "base/err.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>

struct walker_job {
	struct walker_job *next;
	struct walker *w;
	int file, channel; /* -1: closed, not started */
	uv_poll_t poll;
	struct worker_ask ask;
	const struct walker_calls *calls;
	void *user;
	bool closing;
};

struct walker {
	uv_loop_t *loop;
	int nursery;
	struct walker_job *first, **last;
	size_t n, max, running, handles;
	unsigned at_once;
	uint64_t died;
	uv_timer_t kick;
	bool closed, lost;
};

static void pump(struct walker *w);

/* ---- a job's end ---- */

static void free_if_last(struct walker *w)
{
	if (w->closed && w->handles == 0)
		mem_free(w);
}

static void poll_closed(uv_handle_t *h)
{
	struct walker_job *j = h->data;
	struct walker *w = j->w;
	close(j->channel);
	mem_free(j);
	w->handles--;
	if (!w->closed)
		pump(w);
	free_if_last(w);
}

/* The worker sees its channel closed, and goes. */
static void job_free(struct walker_job *j)
{
	struct walker *w = j->w;
	struct walker_job **at = &w->first;
	while (*at != j)
		at = &(*at)->next;
	*at = j->next;
	if (w->last == &j->next)
		w->last = at;
	w->n--;
	j->closing = true;
	if (j->file >= 0)
		close(j->file);
	if (j->channel < 0) {
		mem_free(j);
		return;
	}
	w->running--;
	uv_close((uv_handle_t *)&j->poll, poll_closed);
}

static void job_end(struct walker_job *j, const struct walk_result *r)
{
	const struct walker_calls *calls = j->calls;
	void *user = j->user;
	job_free(j);
	calls->end(r, user);
}

static void job_died(struct walker_job *j, const char *why)
{
	struct walk_result r = { .found = WALK_BEYOND };
	str_copy(str_from(why), r.reason, sizeof r.reason);
	j->w->died++;
	job_end(j, &r);
}

/* ---- what a worker says ---- */

/* The first descriptor of the message, or -1. */
static int fd_of(struct msghdr *m)
{
	int fd = -1;
	struct cmsghdr *h = CMSG_FIRSTHDR(m);
	if (h && h->cmsg_level == SOL_SOCKET && h->cmsg_type == SCM_RIGHTS && h->cmsg_len == CMSG_LEN(sizeof fd))
		memcpy(&fd, CMSG_DATA(h), sizeof fd);
	return fd;
}

/* A worker may be anybody's by now: what it passes must be such a memfd as walk() makes. */
static bool is_sealed_memfd(int fd)
{
	const int need = F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK;
	int seals = fcntl(fd, F_GET_SEALS);
	return seals >= 0 && (seals & need) == need;
}

/* False: the job is over. */
static bool on_member(struct walker_job *j, const struct worker_member *m, int fd)
{
	if (m->wait != (fd >= 0) || (fd >= 0 && !is_sealed_memfd(fd))) {
		if (fd >= 0)
			close(fd);
		job_died(j, "the worker broke its protocol");
		return false;
	}
	j->calls->member(m, fd, j->user);
	return !j->closing;
}

static bool on_message(struct walker_job *j, const char *p, size_t n, int fd)
{
	struct worker_member m;
	struct walk_result r;
	if (n && p[0] == WORKER_MEMBER && worker_member_read(p, n, &m) == 0)
		return on_member(j, &m, fd);
	if (fd >= 0)
		close(fd);
	if (n && worker_end_read(p, n, &r) == 0)
		job_end(j, &r);
	else
		job_died(j, n ? "the worker broke its protocol" : "the worker died");
	return false;
}

static void on_readable(uv_poll_t *h, int status, int events)
{
	struct walker_job *j = h->data;
	bool on = !j->closing;
	for (int i = 0; on && i < 64; i++) {
		union {
			char space[CMSG_SPACE(sizeof(int))];
			struct cmsghdr align;
		} u;
		char text[WORKER_MESSAGE];
		struct iovec v = { text, sizeof text };
		struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u };
		ssize_t n = recvmsg(j->channel, &m, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		on = on_message(j, text, n < 0 ? 0 : (size_t)n, n < 0 ? -1 : fd_of(&m));
	}
}

/* ---- a job's beginning ---- */

/* False: not now, or never. */
static bool job_start(struct walker_job *j)
{
	struct walker *w = j->w;
	int pair[2];
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return false;
	int r = nursery_ask(w->nursery, &j->ask, j->file, pair[1]);
	close(pair[1]);
	w->lost = w->lost || r == -E_CLOSED;
	if (r < 0 || uv_poll_init(w->loop, &j->poll, pair[0]) < 0) {
		close(pair[0]);
		return false;
	}
	close(j->file);
	j->file = -1;
	j->channel = pair[0];
	j->poll.data = j;
	uv_poll_start(&j->poll, UV_READABLE | UV_DISCONNECT, on_readable);
	w->handles++;
	w->running++;
	return true;
}

/* What can't be started while others run is tried again when one of them ends; with none running it has failed. */
static void pump(struct walker *w)
{
	struct walker_job *j = w->first;
	while (j && w->running < w->at_once) {
		struct walker_job *next = j->next;
		if (j->channel < 0 && !job_start(j)) {
			if (w->running)
				return;
			job_died(j, "no worker can be started");
			next = w->first; /* the callback may have cancelled others */
		}
		j = next;
	}
}

static void on_kick(uv_timer_t *t)
{
	pump(t->data);
}

struct walker_job *walker_start(struct walker *w, int file, const struct worker_ask *a, const struct walker_calls *calls, void *user)
{
	struct walker_job *j = w->n < w->max && !w->lost ? mem_alloc(sizeof *j) : NULL;
	if (!j)
		return NULL;
	j->w = w;
	j->channel = -1;
	j->ask = *a;
	j->calls = calls;
	j->user = user;
	j->file = fcntl(file, F_DUPFD_CLOEXEC, 0);
	if (j->file < 0) {
		mem_free(j);
		return NULL;
	}
	*w->last = j;
	w->last = &j->next;
	w->n++;
	if (w->running < w->at_once && !job_start(j))
		uv_timer_start(&w->kick, on_kick, 0, 0); /* never calls back from here */
	return j;
}

void walker_go_on(struct walker_job *j, bool stop)
{
	const char answer = stop ? 1 : 0;
	send(j->channel, &answer, 1, MSG_NOSIGNAL | MSG_DONTWAIT); /* did it die, that is read next */
}

void walker_cancel(struct walker_job *j)
{
	job_free(j);
}

uint64_t walker_died(const struct walker *w)
{
	return w->died;
}

/* ---- all of it ---- */

int walker_open(uv_loop_t *loop, int nursery, unsigned at_once, size_t max_queue, struct walker **ret, struct err *err)
{
	struct walker *w = mem_alloc(sizeof *w);
	if (!w)
		return err_set(err, E_NOMEM, "", "no memory");
	w->loop = loop;
	w->nursery = nursery;
	w->at_once = at_once ? at_once : 1;
	w->max = max_queue + w->at_once;
	w->last = &w->first;
	uv_timer_init(loop, &w->kick);
	w->kick.data = w;
	w->handles = 1;
	*ret = w;
	return 0;
}

static void kick_closed(uv_handle_t *h)
{
	struct walker *w = h->data;
	w->handles--;
	free_if_last(w);
}

void walker_close(struct walker **at)
{
	struct walker *w = *at;
	if (!w)
		return;
	w->closed = true;
	while (w->first)
		job_free(w->first);
	uv_close((uv_handle_t *)&w->kick, kick_closed);
	*at = NULL;
}
