/* See watch.h. */
#include "respond/watch.h"

#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/sock.h"

struct peer {
	uv_pipe_t pipe;
	struct watch *w;
	struct peer *next;
	struct buf in;
	bool greeted;
};

struct watch {
	uv_pipe_t listener;
	struct respond *r;
	bool (*may)(uid_t uid);
	struct peer *peers;
	int n_peers, handles;
};

struct out {
	uv_write_t req;
	struct buf b;
};

/* The store answers and refuses this one: after a while it is written to the log and let go, since everything behind it
 * waits. A store that is away is waited for, however long. */
static bool is_hopeless(struct respond *r, const struct finding *f, struct str json, int res)
{
	if (res == -E_CLOSED || res == -E_TIMEOUT || res == -E_NOMEM)
		return false;
	r->stuck_times = strcmp(r->stuck, f->uid) == 0 ? r->stuck_times + 1 : 1;
	memcpy(r->stuck, f->uid, sizeof r->stuck);
	if (r->stuck_times < WATCH_TRIES)
		return false;
	log_error(f->org, f->uid, "given up, not in any incident: %.*s", (int)(json.len < 4096 ? json.len : 4096), json.ptr);
	respond_stat(r, "findings_lost", 1, true);
	return true;
}

/* One finding's JSON, as the socket gives it: 0 when it may be acknowledged (malformed ones are, and counted). */
static int take(struct respond *r, struct str json)
{
	struct arena arena;
	struct finding f;
	struct err err = { 0 };
	arena_init(&arena, 1 * MIB);
	int res = finding_parse(json, &arena, &f, &err);
	if (res < 0) {
		log_err(LOG_LEVEL_ERROR, "", "finding", &err);
		respond_stat(r, "findings_malformed", 1, true);
		arena_done(&arena);
		return res == -E_NOMEM ? res : 0;
	}
	if (f.org[0] && !desk_org(r->desk, f.org))
		log_warn(f.org, f.uid, "a finding of an organisation this generation doesn't know");
	res = respond_finding(r, &f, &err);
	if (res < 0)
		log_err(LOG_LEVEL_ERROR, f.org, f.uid, &err);
	if (res < 0 && is_hopeless(r, &f, json, res))
		res = 0;
	arena_done(&arena);
	return res;
}

static void handle_gone(struct watch *w)
{
	if (--w->handles == 0)
		mem_free(w);
}

static void peer_gone(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct watch *w = p->w;
	buf_done(&p->in);
	mem_free(p);
	handle_gone(w);
}

static void drop(struct peer *p)
{
	if (uv_is_closing((uv_handle_t *)&p->pipe))
		return;
	for (struct peer **q = &p->w->peers; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			p->w->n_peers--;
			break;
		}
	uv_close((uv_handle_t *)&p->pipe, peer_gone);
}

static void written(uv_write_t *req, int status)
{
	struct out *o = req->data;
	(void)status; /* a lost peer shows when reading */
	buf_done(&o->b);
	mem_free(o);
}

static void send_to(struct peer *p, const struct finding_msg *m)
{
	struct out *o = mem_alloc(sizeof *o);
	if (!o) {
		drop(p);
		return;
	}
	struct buf body;
	buf_init(&body, FINDING_WATCH_MAX);
	finding_msg_format(m, &body);
	buf_init(&o->b, FINDING_WATCH_MAX + 4);
	wr_blob(&o->b, buf_view(&body));
	buf_done(&body);
	o->req.data = o;
	uv_buf_t v = uv_buf_init(o->b.ptr, (unsigned)o->b.len);
	if (o->b.failed || uv_write(&o->req, (uv_stream_t *)&p->pipe, &v, 1, written) < 0) {
		written(&o->req, -1);
		drop(p);
	}
}

void watch_tell(struct watch *w, struct str list)
{
	struct finding_msg m = { .type = FINDING_MSG_WATCH, .json = list };
	for (struct peer *p = w->peers, *next; p; p = next) {
		next = p->next;
		if (p->greeted && !uv_is_closing((uv_handle_t *)&p->pipe))
			send_to(p, &m);
	}
}

/* One message. False: it stays where it is (the store is away), or the peer was dropped. */
static bool take_message(struct peer *p, const void *msg, size_t n)
{
	struct finding_msg m;
	bool ok = finding_msg_parse(msg, n, &m) == 0 && (m.type == FINDING_MSG_HELLO || m.type == FINDING_MSG_FINDING) &&
	          (m.type == FINDING_MSG_HELLO) == !p->greeted;
	if (!ok) {
		respond_stat(p->w->r, "findings_malformed", 1, true);
		log_error("", "findings.sock", "a message out of order or malformed: the peer is dropped");
		drop(p);
		return false;
	}
	if (m.type == FINDING_MSG_HELLO) {
		p->greeted = true;
		p->w->r->watch_stale = true;
		return true;
	}
	if (take(p->w->r, m.json) < 0)
		return false;
	send_to(p, &(struct finding_msg){ .type = FINDING_MSG_ACK, .number = m.number, .json = { "", 0 } });
	return true;
}

static void take_all(struct peer *p)
{
	size_t off = 0;
	while (!uv_is_closing((uv_handle_t *)&p->pipe) && p->in.len - off >= 4) {
		struct rd r = rd_from(p->in.ptr + off, 4);
		size_t n = rd_u32(&r);
		if (n > FINDING_MSG_MAX) {
			drop(p);
			return;
		}
		if (p->in.len - off - 4 < n || !take_message(p, p->in.ptr + off + 4, n))
			break;
		off += 4 + n;
	}
	if (!uv_is_closing((uv_handle_t *)&p->pipe))
		buf_drop(&p->in, off);
}

/* No room: what is here waits for the store; reading goes on from watch_retry(). */
static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct peer *p = h->data;
	(void)suggested;
	bool room = buf_room(&p->in, 16 * KIB);
	p->in.failed = 0;
	*out = room ? uv_buf_init(p->in.ptr + p->in.len, 16 * KIB) : uv_buf_init(NULL, 0);
}

static void got(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = st->data;
	(void)b;
	if (n == UV_ENOBUFS) {
		uv_read_stop(st);
		return;
	}
	if (n < 0) {
		drop(p);
		return;
	}
	p->in.len += (size_t)n;
	take_all(p);
}

void watch_retry(struct watch *w)
{
	for (struct peer *p = w->peers, *next; p; p = next) {
		next = p->next;
		take_all(p);
		if (!uv_is_closing((uv_handle_t *)&p->pipe))
			uv_read_start((uv_stream_t *)&p->pipe, give_room, got);
	}
}

static void accept_peer(uv_stream_t *st, int status)
{
	struct watch *w = st->data;
	struct peer *p = status < 0 ? NULL : mem_alloc(sizeof *p);
	int fd;
	uid_t uid = (uid_t)-1;
	if (!p)
		return;
	uv_pipe_init(st->loop, &p->pipe, 0);
	p->pipe.data = p;
	p->w = w;
	buf_init(&p->in, 4 * FINDING_MSG_MAX);
	w->handles++;
	w->n_peers++;
	p->next = w->peers;
	w->peers = p;
	if (uv_accept(st, (uv_stream_t *)&p->pipe) < 0 || w->n_peers > WATCH_PEERS ||
	    uv_fileno((uv_handle_t *)&p->pipe, &fd) < 0 || sock_peer(fd, NULL, &uid) < 0 || (w->may && !w->may(uid)) ||
	    uv_read_start((uv_stream_t *)&p->pipe, give_room, got) < 0)
		drop(p);
}

int watch_open(uv_loop_t *loop, const char *socket_path, struct respond *r, bool (*may)(uid_t), struct watch **ret,
               struct err *err)
{
	int fd, res = sock_listen(socket_path, 0666, &fd, err); /* who may is checked by SO_PEERCRED */
	if (res < 0)
		return res;
	struct watch *w = mem_alloc(sizeof *w);
	if (!w) {
		close(fd);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	*w = (struct watch){ .r = r, .may = may, .handles = 1 };
	uv_pipe_init(loop, &w->listener, 0);
	w->listener.data = w;
	if (uv_pipe_open(&w->listener, fd) < 0 || uv_listen((uv_stream_t *)&w->listener, 16, accept_peer) < 0) {
		watch_close(&w);
		return err_set(err, E_IO, socket_path, "cannot listen");
	}
	*ret = w;
	return 0;
}

static void listener_gone(uv_handle_t *h)
{
	handle_gone(h->data);
}

void watch_close(struct watch **w)
{
	if (!*w)
		return;
	while ((*w)->peers)
		drop((*w)->peers);
	uv_close((uv_handle_t *)&(*w)->listener, listener_gone);
	*w = NULL;
}
