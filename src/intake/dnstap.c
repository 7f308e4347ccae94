/* See dnstap.h. Runs in intaked's only thread. */
#include "intake/dnstap.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/dnscount.h"
#include "intake/dnspair.h"
#include "intake/fstrm.h"
#include "jail/jail.h"
#include "jail/table.h"
#include "wire/place.h"
#include "wire/sock.h"

struct peer {
	uv_pipe_t pipe;
	struct dnstap_server *server;
	struct peer *next;
	const char *process;
	struct dnspair *pairs;
	struct fstrm stream;
	struct buf in;
	bool held;
};

struct dnstap_server {
	struct dnstap_server_opts o;
	uv_pipe_t listener;
	struct dnscount *counts;
	struct peer *peers;
	size_t n;
	int handles;
	_Atomic uint64_t *frames, *bad, *refused, *rejected;
};

struct reply {
	uv_write_t req;
	struct buf bytes;
};

bool dnstap_allowed(uid_t uid, const char **ret_process)
{
	*ret_process = NULL;
	for (const struct table_process *p = table_processes; p->name; p++)
		if (uid && p->uid == uid)
			*ret_process = p->name;
	return *ret_process && jail_peer_allowed(SOCK_DNSTAP, uid);
}

/* ---- events ---- */

static void put_json(const char *org, struct str json, void *user)
{
	struct dnstap_server *s = user;
	if (spool_put(s->o.spool, str_from(org), json, NULL, NULL) < 0)
		stats_add(s->refused, 1);
}

static void tell(const struct dnstap *d, void *user)
{
	struct peer *p = user;
	struct dnstap_place where = { p->server->o.orgs, p->process, clock_now_ms() };
	struct buf b;
	buf_init(&b, 64 * KIB);
	const char *org = dnstap_event(d, &where, &b);
	if (org && !b.failed)
		put_json(org, buf_view(&b), p->server);
	else
		stats_add(p->server->bad, 1);
	buf_done(&b);
}

static bool frame(struct str bytes, void *user)
{
	struct peer *p = user;
	struct dnstap_server *s = p->server;
	struct dnstap d;
	stats_add(s->frames, 1);
	if (dnstap_parse(bytes, &d) < 0)
		stats_add(s->bad, 1);
	else if (d.type == DNSTAP_CLIENT_QUERY || d.type == DNSTAP_CLIENT_RESPONSE)
		dnspair_take(p->pairs, &d, clock_mono_ms());
	else if (d.type == DNSTAP_AUTH_RESPONSE && dnscount_take(s->counts, p->process, &d, s->o.orgs, clock_now_ms()))
		tell(&d, p);
	p->held = spool_pending(s->o.spool) > DNSTAP_BEHIND;
	return !p->held;
}

/* ---- peers ---- */

static void unref(struct dnstap_server *s)
{
	if (--s->handles > 0)
		return;
	dnscount_destroy(&s->counts);
	mem_free(s);
}

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct dnstap_server *s = p->server;
	buf_done(&p->in);
	mem_free(p);
	unref(s);
}

static void drop(struct peer *p, const char *why)
{
	struct dnstap_server *s = p->server;
	if (uv_is_closing((uv_handle_t *)&p->pipe))
		return;
	if (why) {
		stats_add(s->rejected, 1);
		log_warn("", SOCK_DNSTAP, "%s dropped: %s", p->process ? p->process : "a stranger", why);
	}
	for (struct peer **q = &s->peers; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			s->n--;
			break;
		}
	dnspair_destroy(&p->pairs);
	uv_close((uv_handle_t *)&p->pipe, peer_closed);
}

static void wrote(uv_write_t *req, int status)
{
	struct reply *r = req->data;
	(void)status;
	buf_done(&r->bytes);
	mem_free(r);
}

static void write_out(struct peer *p, struct buf *out)
{
	struct reply *r = out->len ? mem_alloc(sizeof *r) : NULL;
	if (!r) {
		buf_done(out);
		return;
	}
	r->bytes = *out;
	r->req.data = r;
	uv_buf_t v = uv_buf_init(r->bytes.ptr, (unsigned)r->bytes.len);
	if (uv_write(&r->req, (uv_stream_t *)&p->pipe, &v, 1, wrote) < 0)
		wrote(&r->req, 0);
}

static void take(struct peer *p)
{
	struct buf out;
	struct err err = { 0 };
	buf_init(&out, 4 * KIB);
	int r = fstrm_take(&p->stream, &p->in, frame, p, &out, &err);
	write_out(p, &out);
	if (r < 0)
		drop(p, err.msg);
	else if (p->held)
		uv_read_stop((uv_stream_t *)&p->pipe);
}

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct peer *p = h->data;
	size_t n = p->in.max - p->in.len;
	(void)suggested;
	n = n > 64 * KIB ? 64 * KIB : n;
	bool ok = n > 0 && buf_room(&p->in, n);
	p->in.failed = 0;
	*out = ok ? uv_buf_init(p->in.ptr + p->in.len, (unsigned)n) : uv_buf_init(NULL, 0);
}

static void got_bytes(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = st->data;
	(void)b;
	if (n == UV_ENOBUFS)
		return;
	if (n < 0) {
		drop(p, NULL);
		return;
	}
	p->in.len += (size_t)n;
	take(p);
}

static void came(uv_stream_t *st, int status)
{
	struct dnstap_server *s = st->data;
	struct peer *p = status < 0 ? NULL : mem_alloc(sizeof *p);
	uid_t uid = (uid_t)-1;
	int fd = -1;
	if (!p)
		return;
	uv_pipe_init(st->loop, &p->pipe, 0);
	p->pipe.data = p;
	p->server = s;
	buf_init(&p->in, FSTRM_FRAME_MAX + 64 * KIB);
	p->pairs = dnspair_create(tell, p);
	p->next = s->peers;
	s->peers = p;
	s->n++;
	s->handles++;
	bool ok = uv_accept(st, (uv_stream_t *)&p->pipe) == 0 && uv_fileno((uv_handle_t *)&p->pipe, &fd) == 0 &&
	          sock_peer(fd, NULL, &uid) == 0 && p->pairs;
	if (!ok)
		drop(p, NULL);
	else if (!s->o.allowed(uid, &p->process))
		drop(p, "not one of our name servers");
	else if (s->n > DNSTAP_PEERS)
		drop(p, "too many connections");
	else if (uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes) < 0)
		drop(p, NULL);
}

void dnstap_server_committed(struct dnstap_server *s)
{
	for (struct peer *p = s->peers, *next; p; p = next) {
		next = p->next;
		if (!p->held)
			continue;
		p->held = false;
		take(p);
		if (!p->held && !uv_is_closing((uv_handle_t *)&p->pipe))
			uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes);
	}
}

void dnstap_server_tick(struct dnstap_server *s)
{
	for (struct peer *p = s->peers; p; p = p->next)
		dnspair_tick(p->pairs, clock_mono_ms());
	dnscount_tick(s->counts, clock_now_ms());
}

void dnstap_server_orgs(struct dnstap_server *s, const struct orgs *orgs)
{
	s->o.orgs = orgs;
}

int dnstap_server_start(const struct dnstap_server_opts *o, struct dnstap_server **ret, struct err *err)
{
	struct dnstap_server *s = mem_alloc(sizeof *s);
	if (s)
		s->counts = dnscount_create(put_json, s);
	if (!s || !s->counts) {
		close(o->listen_fd);
		mem_free(s);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	s->o = *o;
	s->handles = 1;
	s->frames = stats_counter(o->stats, "", "dnstap_frames");
	s->bad = stats_counter(o->stats, "", "dnstap_bad");
	s->refused = stats_counter(o->stats, "", "dnstap_refused");
	s->rejected = stats_counter(o->stats, "", "dnstap_rejected");
	uv_pipe_init(o->loop, &s->listener, 0);
	s->listener.data = s;
	if (uv_pipe_open(&s->listener, o->listen_fd) < 0 || uv_listen((uv_stream_t *)&s->listener, 16, came) < 0) {
		dnstap_server_stop(&s);
		return err_set(err, E_IO, SOCK_DNSTAP, "cannot listen");
	}
	*ret = s;
	return 0;
}

static void listener_closed(uv_handle_t *h)
{
	unref(h->data);
}

void dnstap_server_stop(struct dnstap_server **s)
{
	if (!*s)
		return;
	while ((*s)->peers)
		drop((*s)->peers, NULL);
	uv_close((uv_handle_t *)&(*s)->listener, listener_closed);
	*s = NULL;
}
