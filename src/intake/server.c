/* See server.h. Between events.sock and the spool; runs in intaked's only thread. */
#include "intake/server.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"
#include "jail/jail.h"
#include "jail/table.h"
#include "wire/cursor.h"
#include "wire/events.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <stdio.h>

struct peer {
	uv_pipe_t pipe;
	struct intake_server *server;
	struct peer *next;
	uid_t uid;
	const char *process;
	const struct sender *sender; /* what it may say */
	char source[SEEN_SOURCE_TEXT]; /* "" until the hello */
	uint64_t boot, taken, acked;
	struct buf in;
	int64_t since_ms; /* when the message at the front began to come in; 0: there is none */
	bool held;        /* the spool takes no more */
	bool rests;       /* what it says meanwhile is read together */
	size_t awake;     /* bytes since it rested last */
	unsigned writes;  /* acknowledgements under way: one that doesn't read them gets no more */
};

struct intake_server {
	struct intake_server_opts o;
	uv_pipe_t listener;
	uv_timer_t rest;
	struct peer *peers;
	size_t n;
	int handles;
	_Atomic uint64_t *connected, *rejected, *duplicates, *gaps, *received;
};

struct ack {
	uv_write_t req;
	struct peer *peer;
	char bytes[13];
};

bool intake_allowed(uid_t uid, const char **ret_process)
{
	*ret_process = uid ? NULL : "torided"; /* what else is root hands nothing in */
	for (const struct table_process *p = table_processes; p->name; p++)
		if (uid && p->uid == uid)
			*ret_process = p->name;
	return jail_peer_allowed(SOCK_EVENTS, uid);
}

int intake_message_parse(struct str bytes, struct intake_message *ret)
{
	struct rd r = rd_from(bytes.ptr, bytes.len);
	*ret = (struct intake_message){ .type = rd_u8(&r) };
	switch (ret->type) {
	case EVENTS_HELLO:
		ret->boot = rd_u64(&r);
		rd_text(&r, ret->source, sizeof ret->source);
		break;
	case EVENTS_EVENT:
		ret->sequence = rd_u64(&r);
		rd_text(&r, ret->org, sizeof ret->org);
		ret->json = rd_blob(&r);
		break;
	default:
		return -E_INVALID;
	}
	if (rd_end(&r) < 0)
		return -E_INVALID;
	return ret->type == EVENTS_HELLO ? (ret->source[0] ? 0 : -E_INVALID) : ret->sequence ? 0 : -E_INVALID;
}

/* ---- peers ---- */

static void server_unref(struct intake_server *s)
{
	if (--s->handles == 0)
		mem_free(s);
}

static void peer_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct intake_server *s = p->server;
	buf_done(&p->in);
	mem_free(p);
	server_unref(s);
}

static void drop(struct peer *p, const char *why)
{
	struct intake_server *s = p->server;
	if (uv_is_closing((uv_handle_t *)&p->pipe))
		return;
	if (why) {
		stats_add(s->rejected, 1);
		log_warn("", p->source[0] ? p->source : "events.sock", "sender of user %u dropped: %s", (unsigned)p->uid, why);
	}
	for (struct peer **q = &s->peers; *q; q = &(*q)->next)
		if (*q == p) {
			*q = p->next;
			break;
		}
	s->n--;
	stats_set(s->connected, s->n);
	uv_close((uv_handle_t *)&p->pipe, peer_closed);
}

/* "proxyd" or "proxyd/0" for the process proxyd; letters that a log line or a path can bear. */
static bool source_ok(const struct peer *p, const char *source)
{
	size_t n = p->process ? strlen(p->process) : 0;
	if (source[strspn(source, "abcdefghijklmnopqrstuvwxyz0123456789-_./")])
		return false;
	return !p->process || (strncmp(source, p->process, n) == 0 && (source[n] == 0 || source[n] == '/'));
}

static void take_all(struct peer *p);

/* What a killed sender had written before it went is nowhere else: taken to its end, in order, before its successor says
 * anything. Whoever writes on and on is cut after a while; when the disk doesn't take it, it stays. */
static void read_out(struct peer *q)
{
	int fd = -1;
	uv_fileno((uv_handle_t *)&q->pipe, &fd);
	for (int i = 0; i < 64 && !q->held && !uv_is_closing((uv_handle_t *)&q->pipe); i++) {
		if (!buf_room(&q->in, 64 * KIB))
			return;
		ssize_t n = recv(fd, q->in.ptr + q->in.len, 64 * KIB, MSG_DONTWAIT);
		if (n <= 0)
			break;
		q->in.len += (size_t)n;
		take_all(q);
	}
	if (!q->held)
		drop(q, NULL);
}

/* Of root's several senders the source says which it is. */
static void be_roots(struct peer *p, const char *source)
{
	if (p->sender != sender_find("torided"))
		return;
	p->sender = sender_of_root(source);
	p->process = p->sender->process;
}

static int take_hello(struct peer *p, const struct intake_message *m)
{
	if (!p->source[0])
		be_roots(p, m->source);
	if (p->source[0] || !source_ok(p, m->source))
		return -E_DENIED;
	/* The same sender came back before we saw its old connection end: it sends again what that one still holds. Another
	 * boot is another process, which doesn't. */
	for (struct peer *q = p->server->peers, *next; q; q = next) {
		next = q->next;
		if (q == p || strcmp(q->source, m->source) != 0 || q->uid != p->uid)
			continue;
		if (q->boot == m->boot)
			drop(q, NULL);
		else
			read_out(q);
	}
	struct seen_source *seen = seen_get(spool_seen(p->server->o.spool), m->source, m->boot);
	if (!seen)
		return -E_LIMIT;
	snprintf(p->source, sizeof p->source, "%s", m->source);
	p->boot = m->boot;
	return 0;
}

static int take_event(struct peer *p, const struct intake_message *m)
{
	struct intake_server *s = p->server;
	struct err err = { 0 };
	if (!p->source[0])
		return -E_INVALID;
	struct seen_source *seen = seen_get(spool_seen(s->o.spool), p->source, p->boot);
	if (!seen)
		return -E_LIMIT;
	if (seen_has(seen, m->sequence)) {
		stats_add(s->duplicates, 1);
	} else {
		struct spool_from from = { p->sender, p->source, p->boot, m->sequence };
		int r = spool_put(s->o.spool, str_from(m->org), m->json, &from, &err);
		if (r < 0)
			return -E_AGAIN; /* disk, vault or memory: not the sender's fault, and nothing may be lost */
		stats_add(s->gaps, m->sequence > seen->sequence + 1);
		seen_take(seen, m->sequence);
	}
	p->taken = m->sequence > p->taken ? m->sequence : p->taken;
	stats_add(s->received, 1);
	return 0;
}

static int take_message(struct peer *p, struct str bytes)
{
	struct intake_message m;
	int r = intake_message_parse(bytes, &m);
	if (r < 0)
		return r;
	return m.type == EVENTS_HELLO ? take_hello(p, &m) : take_event(p, &m);
}

/* Everything whole that is in the buffer, as far as the spool takes it. */
static void take_all(struct peer *p)
{
	size_t off = 0;
	int r = 0;
	while (r == 0) {
		struct rd h = rd_from(p->in.ptr + off, p->in.len - off);
		uint32_t n = rd_u32(&h);
		if (h.bad)
			break;
		if (n > EVENTS_MAX || n == 0) {
			drop(p, "a message larger than allowed, or empty");
			return;
		}
		if (p->in.len - off - 4 < n)
			break;
		r = take_message(p, (struct str){ p->in.ptr + off + 4, n });
		if (r == 0)
			off += 4 + n;
	}
	if (off) {
		buf_drop(&p->in, off);
		p->since_ms = 0;
	}
	if (p->in.len && !p->since_ms)
		p->since_ms = clock_mono_ms();
	if (r == -E_AGAIN) {
		p->held = true;
		uv_read_stop((uv_stream_t *)&p->pipe);
	} else if (r < 0) {
		drop(p, "it broke the protocol");
	}
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

static void got_bytes(uv_stream_t *st, ssize_t n, const uv_buf_t *b);

static void listen_again(uv_timer_t *timer)
{
	struct intake_server *s = timer->data;
	for (struct peer *p = s->peers; p; p = p->next)
		if (p->rests) {
			p->rests = false;
			uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes);
		}
}

static void rest(struct peer *p)
{
	struct intake_server *s = p->server;
	p->rests = true;
	p->awake = 0;
	uv_read_stop((uv_stream_t *)&p->pipe);
	if (!uv_is_active((uv_handle_t *)&s->rest))
		uv_timer_start(&s->rest, listen_again, (uint64_t)s->o.rest_ms, 0);
}

static void got_bytes(uv_stream_t *st, ssize_t n, const uv_buf_t *b)
{
	struct peer *p = st->data;
	(void)b;
	if (n == UV_ENOBUFS)
		return; /* no memory for the moment: libuv asks again */
	if (n < 0) {
		drop(p, n == UV_EOF && p->in.len == 0 ? NULL : n == UV_EOF ? "it left in the middle of a message" : NULL);
		return;
	}
	p->in.len += (size_t)n;
	p->awake += (size_t)n;
	take_all(p);
	if (!p->server->o.rest_ms || n >= INTAKE_REST_BYTES || p->held || uv_is_closing((uv_handle_t *)&p->pipe))
		return;
	if (p->awake < INTAKE_AWAKE_BYTES)
		rest(p);
	else /* its socket was empty for once: it is on the way with more */
		p->awake = 0;
}

static bool room_for(struct intake_server *s, uid_t uid)
{
	size_t same = 0;
	for (struct peer *p = s->peers; p; p = p->next)
		same += p->uid == uid;
	return s->n < INTAKE_PEERS && same < INTAKE_PEERS_USER;
}

static void came(uv_stream_t *st, int status)
{
	struct intake_server *s = st->data;
	struct peer *p = status < 0 ? NULL : mem_alloc(sizeof *p);
	if (!p)
		return;
	uv_pipe_init(st->loop, &p->pipe, 0);
	p->pipe.data = p;
	p->server = s;
	p->uid = (uid_t)-1;
	buf_init(&p->in, 4 + EVENTS_MAX + 64 * KIB);
	s->handles++;
	p->since_ms = clock_mono_ms(); /* the hello is awaited */
	int fd = -1;
	bool ok = uv_accept(st, (uv_stream_t *)&p->pipe) == 0 && uv_fileno((uv_handle_t *)&p->pipe, &fd) == 0 &&
	          sock_peer(fd, NULL, &p->uid) == 0;
	bool allowed = ok && s->o.allowed(p->uid, &p->process);
	bool room = allowed && room_for(s, p->uid);
	p->sender = sender_find(p->process);
	p->next = s->peers;
	s->peers = p;
	s->n++;
	stats_set(s->connected, s->n);
	if (!ok || uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes) < 0)
		drop(p, NULL);
	else if (!room)
		drop(p, allowed ? "too many connections" : "not one of our processes");
}

/* ---- acknowledgements ---- */

static void wrote(uv_write_t *req, int status)
{
	struct ack *a = req->data;
	(void)status; /* a lost peer shows when reading */
	a->peer->writes--;
	mem_free(a);
}

static void acknowledge(struct peer *p)
{
	struct ack *a;
	/* one that doesn't read costs two small writes; it hears the newest number once it reads */
	if (p->taken == p->acked || p->writes >= 2 || !(a = mem_alloc(sizeof *a)))
		return;
	struct buf b;
	buf_init(&b, sizeof a->bytes);
	wr_u32(&b, 9);
	wr_u8(&b, EVENTS_ACK);
	wr_u64(&b, p->taken);
	bool ok = b.len == sizeof a->bytes;
	if (ok)
		memcpy(a->bytes, b.ptr, b.len);
	buf_done(&b);
	a->peer = p;
	a->req.data = a;
	uv_buf_t v = uv_buf_init(a->bytes, sizeof a->bytes);
	if (!ok || uv_write(&a->req, (uv_stream_t *)&p->pipe, &v, 1, wrote) < 0) {
		mem_free(a);
		return;
	}
	p->writes++;
	p->acked = p->taken;
}

void intake_server_committed(struct intake_server *s)
{
	for (struct peer *p = s->peers, *next; p; p = next) {
		next = p->next;
		acknowledge(p);
		if (!p->held)
			continue;
		p->held = false;
		p->since_ms = clock_mono_ms();
		take_all(p);
		if (!p->held && !uv_is_closing((uv_handle_t *)&p->pipe))
			uv_read_start((uv_stream_t *)&p->pipe, give_room, got_bytes);
		/* take_all() may have dropped another peer (a second hello): start over, what was done does nothing twice */
		next = uv_is_closing((uv_handle_t *)&p->pipe) ? s->peers : p->next;
	}
}

void intake_server_tick(struct intake_server *s)
{
	int64_t now = clock_mono_ms();
	for (struct peer *p = s->peers, *next; p; p = next) {
		next = p->next;
		int limit = p->source[0] ? s->o.message_ms : s->o.hello_ms;
		if (!p->held && p->since_ms && now - p->since_ms > limit)
			drop(p, p->source[0] ? "it stopped in the middle of a message" : "it didn't say who it is");
	}
}

int intake_server_start(const struct intake_server_opts *o, struct intake_server **ret, struct err *err)
{
	struct intake_server *s = mem_alloc(sizeof *s);
	if (!s) {
		close(o->listen_fd);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	s->o = *o;
	s->o.hello_ms = o->hello_ms ? o->hello_ms : 5000;
	s->o.message_ms = o->message_ms ? o->message_ms : 30000;
	s->handles = 2;
	uv_timer_init(o->loop, &s->rest);
	s->rest.data = s;
	s->connected = stats_counter(o->stats, "", "peers");
	s->rejected = stats_counter(o->stats, "", "peers_rejected");
	s->duplicates = stats_counter(o->stats, "", "duplicates");
	s->gaps = stats_counter(o->stats, "", "sequence_gaps");
	s->received = stats_counter(o->stats, "", "events_received");
	uv_pipe_init(o->loop, &s->listener, 0);
	s->listener.data = s;
	if (uv_pipe_open(&s->listener, o->listen_fd) < 0 || uv_listen((uv_stream_t *)&s->listener, 128, came) < 0) {
		intake_server_stop(&s);
		return err_set(err, E_IO, SOCK_EVENTS, "cannot listen");
	}
	*ret = s;
	return 0;
}

static void handle_closed(uv_handle_t *h)
{
	server_unref(h->data);
}

void intake_server_stop(struct intake_server **s)
{
	if (!*s)
		return;
	while ((*s)->peers)
		drop((*s)->peers, NULL);
	uv_close((uv_handle_t *)&(*s)->listener, handle_closed);
	uv_close((uv_handle_t *)&(*s)->rest, handle_closed);
	*s = NULL;
}
