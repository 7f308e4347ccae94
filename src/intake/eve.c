/* See eve.h. Runs in intaked's only thread. */
#include "intake/eve.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/packets.h"
#include "jail/jail.h"
#include "normalise/eve.h"
#include "wire/place.h"
#include "wire/sock.h"

#define BEHIND (16u * MIB) /* bytes waiting in the spool */

struct peer {
	uv_pipe_t pipe;
	struct eve_server *server;
	struct peer *next;
	struct buf in;
	bool held, skipping; /* skipping: in the rest of a line that was too long */
	uint64_t told_drops;
};

struct eve_server {
	struct eve_server_opts o;
	uv_pipe_t listener;
	struct peer *peers;
	size_t n;
	int handles;
	struct packets packets;
	struct buf packet;
	_Atomic uint64_t *kept, *left;
	_Atomic uint64_t *lines, *bad, *refused, *rejected, *packets_seen, *drops, *blocked;
};

bool eve_allowed(uid_t uid)
{
	return jail_peer_allowed(SOCK_EVE, uid);
}

/* ---- lines */

static void take_stats(struct peer *p, const struct eve_stats *st)
{
	struct eve_server *s = p->server;
	stats_set(s->packets_seen, st->packets);
	stats_set(s->drops, st->kernel_drops);
	stats_set(s->blocked, st->blocked);
	if (st->kernel_drops > p->told_drops)
		spool_alarm(s->o.spool, "the inspected lines brought more than the intrusion prevention took: %llu packets were lost",
		            (unsigned long long)(st->kernel_drops - p->told_drops));
	p->told_drops = st->kernel_drops;
}

/* A packet kept as evidence: of this matter alone, in a series of its own, or not at all. */
static void keep_packet(struct eve_server *s, const char *org)
{
	static const struct sender sender = { .process = "suricata", .classes = { 4001 }, .product = "suricata", .any_org = true, .series = ORGS_PACKETS };
	static const struct spool_from from = { .sender = &sender, .source = NULL };
	bool may = !s->packet.failed && packets_may(&s->packets, org, s->packet.len, clock_mono_ms());
	bool kept = may && spool_put(s->o.spool, str_from(org), buf_view(&s->packet), &from, NULL) == 0;
	stats_add(kept ? s->kept : s->left, 1);
}

static void line(struct peer *p, struct str text)
{
	struct eve_server *s = p->server;
	struct eve_place where = { s->o.orgs, clock_now_ms(), &s->packet };
	struct eve_stats st;
	enum eve_kind kind;
	const char *org;
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_reset(&s->packet);
	stats_add(s->lines, 1);
	int r = eve_line(text, &where, &b, &kind, &org, &st);
	if (r == 0 && s->packet.len)
		keep_packet(s, org);
	if (r < 0)
		stats_add(s->bad, 1);
	else if (kind == EVE_STATS)
		take_stats(p, &st);
	else if (kind == EVE_EVENT && spool_put(s->o.spool, str_from(org), buf_view(&b), NULL, NULL) < 0)
		stats_add(s->refused, 1);
	buf_done(&b);
}

/* All whole lines that are there, as long as the spool takes them. */
static void take(struct peer *p)
{
	size_t at = 0;
	const char *end;
	while (!p->held && (end = memchr(p->in.ptr + at, '\n', p->in.len - at))) {
		struct str text = { p->in.ptr + at, (size_t)(end - p->in.ptr) - at };
		at += text.len + 1;
		if (!p->skipping && text.len)
			line(p, text);
		p->skipping = false;
		p->held = spool_pending(p->server->o.spool) > BEHIND;
	}
	buf_drop(&p->in, at);
	if (!p->held && p->in.len > EVE_LINE_MAX) { /* no newline in all that */
		if (!p->skipping)
			stats_add(p->server->bad, 1);
		p->skipping = true;
		buf_reset(&p->in);
	}
	if (p->held)
		uv_read_stop((uv_stream_t *)&p->pipe);
}

/* ---- peers */

static void unref(struct eve_server *s)
{
	if (--s->handles > 0)
		return;
	packets_done(&s->packets);
	buf_done(&s->packet);
	mem_free(s);
}

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct eve_server *s = p->server;
	buf_done(&p->in);
	mem_free(p);
	unref(s);
}

static void drop(struct peer *p, const char *why)
{
	struct eve_server *s = p->server;
	if (uv_is_closing((uv_handle_t *)&p->pipe))
		return;
	if (why) {
		stats_add(s->rejected, 1);
		log_warn("", SOCK_EVE, "dropped: %s", why);
	}
	for (struct peer **q = &s->peers; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			s->n--;
			break;
		}
	uv_close((uv_handle_t *)&p->pipe, peer_closed);
}

static void give_room(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct peer *p = h->data;
	size_t n = 64 * KIB;
	(void)suggested;
	bool ok = buf_room(&p->in, n);
	p->in.failed = 0;
	*out = ok ? uv_buf_init(p->in.ptr + p->in.len, (unsigned)n) : uv_buf_init(NULL, 0);
}

static void got_bytes(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = st->data;
	(void)b;
	if (n < 0) {
		drop(p, n == UV_ENOBUFS ? "no memory" : NULL);
		return;
	}
	p->in.len += (size_t)n;
	take(p);
}

static void came(uv_stream_t *st, int status)
{
	struct eve_server *s = st->data;
	struct peer *p = status < 0 ? NULL : mem_alloc(sizeof *p);
	uid_t uid = (uid_t)-1;
	int fd = -1;
	if (!p)
		return;
	uv_pipe_init(st->loop, &p->pipe, 0);
	p->pipe.data = p;
	p->server = s;
	buf_init(&p->in, EVE_LINE_MAX + 256 * KIB);
	p->next = s->peers;
	s->peers = p;
	s->n++;
	s->handles++;
	bool ok = uv_accept(st, (uv_stream_t *)&p->pipe) == 0 && uv_fileno((uv_handle_t *)&p->pipe, &fd) == 0 &&
	          sock_peer(fd, NULL, &uid) == 0;
	if (!ok)
		drop(p, NULL);
	else if (!s->o.allowed(uid))
		drop(p, "not our Suricata");
	else if (s->n > EVE_PEERS)
		drop(p, "too many connections");
	else if (uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes) < 0)
		drop(p, NULL);
}

void eve_server_committed(struct eve_server *s)
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

void eve_server_orgs(struct eve_server *s, const struct orgs *orgs)
{
	s->o.orgs = orgs;
}

int eve_server_start(const struct eve_server_opts *o, struct eve_server **ret, struct err *err)
{
	struct eve_server *s = mem_alloc(sizeof *s);
	if (!s) {
		close(o->listen_fd);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	s->o = *o;
	s->handles = 1;
	s->lines = stats_counter(o->stats, "", "eve_lines");
	s->bad = stats_counter(o->stats, "", "eve_bad");
	s->refused = stats_counter(o->stats, "", "eve_refused");
	s->rejected = stats_counter(o->stats, "", "eve_rejected");
	packets_init(&s->packets);
	buf_init(&s->packet, 64 * KIB);
	s->kept = stats_counter(o->stats, "", "evidence_packets");
	s->left = stats_counter(o->stats, "", "evidence_packets_left");
	s->packets_seen = stats_counter(o->stats, "", "ips_packets");
	s->drops = stats_counter(o->stats, "", "ips_lost");
	s->blocked = stats_counter(o->stats, "", "ips_blocked");
	uv_pipe_init(o->loop, &s->listener, 0);
	s->listener.data = s;
	if (uv_pipe_open(&s->listener, o->listen_fd) < 0 || uv_listen((uv_stream_t *)&s->listener, 4, came) < 0) {
		eve_server_stop(&s);
		return err_set(err, E_IO, SOCK_EVE, "cannot listen");
	}
	*ret = s;
	return 0;
}

static void listener_closed(uv_handle_t *h)
{
	unref(h->data);
}

void eve_server_stop(struct eve_server **s)
{
	if (!*s)
		return;
	while ((*s)->peers)
		drop((*s)->peers, NULL);
	uv_close((uv_handle_t *)&(*s)->listener, listener_closed);
	*s = NULL;
}
