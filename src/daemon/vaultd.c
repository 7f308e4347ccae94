/* toride-vaultd: the one process that holds keys. Its whole surface is vault/vault.h over one UNIX socket; it has no
 * network and sees no file but its own. What it may answer to whom is vault/uses.c. */
#include "base/err.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "segment/hold.h"
#include "vault/service.h"
#include "vault/vault.h"
#include "wire/daemon.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <uv.h>

#define PEERS 256
#define BACKLOG (1 * MIB) /* unread answers of one peer */

struct vaultd {
	struct daemon d;
	uv_loop_t loop;
	uv_pipe_t listener;
	uv_timer_t hour;
	uv_signal_t term, hup;
	struct service *service;
	size_t peers;
};

struct peer {
	uv_pipe_t pipe;
	struct vaultd *v;
	uid_t uid;
	struct buf in;
};

struct writing {
	uv_write_t req;
	struct buf out;
};

static void peer_free(uv_handle_t *h)
{
	struct peer *p = h->data;
	p->v->peers--;
	buf_done(&p->in);
	mem_free(p);
}

static void peer_drop(struct peer *p)
{
	if (!uv_is_closing((uv_handle_t *)&p->pipe))
		uv_close((uv_handle_t *)&p->pipe, peer_free);
}

static void written(uv_write_t *req, int status)
{
	struct writing *w = req->data;
	struct peer *p = req->handle->data;
	buf_done(&w->out);
	mem_free(w);
	if (status < 0)
		peer_drop(p);
}

/* Answers all whole requests in the buffer with one write. False: drop the peer. */
static bool answer_all(struct peer *p, struct buf *out)
{
	size_t off = 0;
	bool ok = true;
	while (ok && p->in.len - off >= 4) {
		struct rd r = rd_from(p->in.ptr + off, 4);
		size_t n = rd_u32(&r), at = out->len;
		if (n > VAULT_MESSAGE_MAX)
			return false;
		if (p->in.len - off - 4 < n)
			break;
		wr_u32(out, 0);
		ok = service_answer(p->v->service, p->uid, (struct str){ p->in.ptr + off + 4, n }, out);
		for (int i = 0; ok && i < 4; i++)
			out->ptr[at + (size_t)i] = (char)((out->len - at - 4) >> (24 - 8 * i));
		off += 4 + n;
	}
	buf_drop(&p->in, off);
	return ok;
}

static void send_out(struct peer *p, struct buf *out)
{
	struct writing *w = mem_alloc(sizeof *w);
	if (!w) {
		buf_done(out);
		peer_drop(p);
		return;
	}
	w->out = *out;
	w->req.data = w;
	uv_buf_t b = uv_buf_init(w->out.ptr, (unsigned)w->out.len);
	if (uv_write(&w->req, (uv_stream_t *)&p->pipe, &b, 1, written) < 0) {
		buf_done(&w->out);
		mem_free(w);
		peer_drop(p);
	}
}

static void on_alloc(uv_handle_t *h, size_t hint, uv_buf_t *b)
{
	struct peer *p = h->data;
	(void)hint;
	*b = buf_room(&p->in, 32 * KIB) ? uv_buf_init(p->in.ptr + p->in.len, 32 * KIB) : uv_buf_init(NULL, 0);
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = s->data;
	struct buf out;
	(void)b;
	if (n == 0)
		return;
	if (n < 0 || uv_stream_get_write_queue_size(s) > BACKLOG) {
		peer_drop(p);
		return;
	}
	p->in.len += (size_t)n;
	buf_init(&out, 4 * MIB);
	bool ok = answer_all(p, &out);
	if (ok && out.len)
		send_out(p, &out);
	else
		buf_done(&out);
	if (!ok) {
		log_warn("", "request", "malformed request of uid %u: connection closed", (unsigned)p->uid);
		peer_drop(p);
	}
}

static void on_connect(uv_stream_t *server, int status)
{
	struct vaultd *v = server->data;
	uv_os_fd_t fd;
	if (status < 0)
		return;
	struct peer *p = mem_alloc(sizeof *p);
	if (!p)
		return;
	p->v = v;
	v->peers++;
	buf_init(&p->in, 128 * KIB);
	uv_pipe_init(&v->loop, &p->pipe, 0);
	p->pipe.data = p;
	if (uv_accept(server, (uv_stream_t *)&p->pipe) < 0 || uv_fileno((uv_handle_t *)&p->pipe, &fd) < 0 ||
	    sock_peer(fd, NULL, &p->uid) < 0) {
		peer_drop(p);
	} else if (v->peers > PEERS || !jail_peer_allowed(SOCK_VAULT, p->uid)) {
		log_warn("", SOCK_VAULT, "uid %u may not connect%s", (unsigned)p->uid, v->peers > PEERS ? ": too many peers" : "");
		peer_drop(p);
	} else {
		uv_read_start((uv_stream_t *)&p->pipe, on_alloc, on_read);
	}
}

static void on_signal(uv_signal_t *s, int number)
{
	struct vaultd *v = s->data;
	if (number == SIGHUP)
		daemon_ready(&v->d); /* keys don't depend on the generation */
	else
		uv_stop(&v->loop);
}

static void on_hour(uv_timer_t *t)
{
	service_hourly(((struct vaultd *)t->data)->service);
}

static bool held(const char *org)
{
	char holds[PLACE_MAX];
	return hold_on(place_in_state(holds, sizeof holds, "holds"), org);
}

static int open_all(struct vaultd *v, struct err *err)
{
	static char names[PLACE_MAX];
	char dir[PLACE_MAX], pub[PLACE_MAX], ca[PLACE_MAX], path[PLACE_MAX];
	int fd = -1;
	struct service_opts o = { .dir = place_in_state(dir, sizeof dir, "vault"),
		                  .public_dir = place_in_state(pub, sizeof pub, "vault-public"),
		                  .ca_copy = place_in_run(ca, sizeof ca, "ca.pem"),
		                  .ca_name = getenv("TORIDE_CA_NAME"),
		                  .own_names = place_in_state(names, sizeof names, "current/nginx/tls.names"), .held = held, .stats = v->d.stats };
	int r = service_open(&o, &v->service, err);
	if (r == 0)
		r = sock_listen(place_in_run(path, sizeof path, SOCK_VAULT), 0660, &fd, err);
	if (r < 0)
		return r;
	uv_loop_init(&v->loop);
	uv_pipe_init(&v->loop, &v->listener, 0);
	uv_signal_init(&v->loop, &v->term);
	uv_signal_init(&v->loop, &v->hup);
	uv_timer_init(&v->loop, &v->hour);
	v->listener.data = v->term.data = v->hup.data = v->hour.data = v;
	if (uv_pipe_open(&v->listener, fd) < 0 || uv_listen((uv_stream_t *)&v->listener, 128, on_connect) < 0 ||
	    uv_timer_start(&v->hour, on_hour, 3600000, 3600000) < 0 || uv_signal_start(&v->term, on_signal, SIGTERM) < 0 || uv_signal_start(&v->hup, on_signal, SIGHUP) < 0)
		return err_set(err, E_IO, SOCK_VAULT, "cannot listen");
	return 0;
}

/* Keys stay out of swap. Only without a limit: with one, later allocations would fail at it. */
static void lock_memory(void)
{
	struct rlimit l;
	if (getrlimit(RLIMIT_MEMLOCK, &l) < 0 || l.rlim_cur != RLIM_INFINITY || mlockall(MCL_CURRENT | MCL_FUTURE) < 0)
		log_info("", "memory", "keys may be swapped out: memory isn't locked");
}

int main(void)
{
	static struct vaultd v;
	struct err err = { 0 };
	jail_install();
	int r = daemon_begin("vaultd", &v.d, &err);
	lock_memory();
	if (r == 0)
		r = open_all(&v, &err);
	if (r == 0)
		r = daemon_confine(&v.d, &err);
	if (r < 0) {
		log_err(LOG_LEVEL_ERROR, "", "start", &err);
		return 1;
	}
	snprintf(v.d.digest, sizeof v.d.digest, "vault");
	daemon_ready(&v.d);
	log_info("", "start", "ready");
	uv_run(&v.loop, UV_RUN_DEFAULT);
	service_close(&v.service);
	return 0;
}
