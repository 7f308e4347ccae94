/* Connections: TCP and, with ssl, TLS; see receiver.h. A connection is dropped in one place, whatever state it is in. */
#include "recv/parts.h"
#include "recv/tls.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/mem.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>

#define READ_TURN (64u * KIB)
#define ACCEPTS 64
#define HELLO_MS 10000 /* for the handshake */

struct stream {
	uv_poll_t poll;
	struct body *body;
	struct stream *next;
	int fd;
	struct tls *tls;       /* NULL: plain TCP */
	bool shaken;           /* the handshake is done */
	bool ending;           /* the sender has closed its side: waits for its last line to be safe */
	bool closing;
	bool held;             /* a line found no room: it stands at the front of `in` still */
	struct frame frame;
	struct buf in;
	struct conf_addr peer;
	char ip[48];
	struct source *source; /* as of body->version == version; NULL: unregistered */
	uint64_t version;
	uint64_t last;         /* the number of its last event */
	int64_t since_ms;      /* when what is at the front of `in` came; 0: nothing is */
};

static void ready(uv_poll_t *h, int status, int events);

static void watch(struct stream *s)
{
	if (s->closing)
		return;
	if (s->ending || s->held || (s->body->receiver->held && s->shaken))
		uv_poll_stop(&s->poll);
	else
		uv_poll_start(&s->poll, UV_READABLE | (s->tls && tls_wants_write(s->tls) ? UV_WRITABLE : 0), ready);
}

static void closed(uv_handle_t *h)
{
	struct stream *s = h->data;
	struct body *b = s->body;
	close(s->fd); /* a reset, unless both sides were shut down */
	tls_free(&s->tls);
	buf_done(&s->in);
	mem_free(s);
	b->receiver->n_streams--;
	b->n_streams--; /* a body that has gone is freed at the next tick after the last */
}

static void drop(struct stream *s, _Atomic uint64_t *count, const char *why)
{
	if (s->closing)
		return;
	s->closing = true;
	if (why)
		stats_add(count, 1);
	if (why && s->body->said_second != clock_mono_ms() / 1000) { /* whoever connects again and again fills no log */
		s->body->said_second = clock_mono_ms() / 1000;
		log_warn(s->body->origin.code, s->ip, "connection dropped: %s", why);
	}
	for (struct stream **q = &s->body->streams; *q; q = &(*q)->next)
		if (*q == s) {
			*q = s->next;
			break;
		}
	atomic_fetch_sub(s->body->receiver->streams, 1);
	uv_poll_stop(&s->poll);
	uv_close((uv_handle_t *)&s->poll, closed);
}

/* False: there is no room now. */
static bool deliver(struct stream *s, struct str line, bool cut, bool broken)
{
	struct body *b = s->body;
	if (s->version != b->version) {
		s->source = origin_find(&b->origin, &s->peer);
		s->version = b->version;
	}
	struct arrival a = { line, cut, broken, &s->peer, s->ip, s->tls ? tls_certificate(s->tls) : NULL, b->receiver->now_ms, b->receiver->mono_ms };
	if (line.len && origin_take(&b->origin, s->source, &a, b->receiver->o.events) < 0)
		return false;
	s->last = events_last(b->receiver->o.events);
	return true;
}

/* All whole lines that are there. */
static void take(struct stream *s)
{
	size_t at = 0, used;
	struct str line;
	enum frame_got got = FRAME_WHOLE;
	while (!s->held && at < s->in.len) {
		struct frame before = s->frame;
		got = frame_next(&s->frame, (struct str){ s->in.ptr + at, s->in.len - at }, &used, &line);
		if (got == FRAME_BROKEN || (got == FRAME_MORE && used == 0))
			break;
		if (got != FRAME_MORE && !deliver(s, line, got == FRAME_CUT, false)) {
			s->frame = before;
			s->held = true;
			break;
		}
		at += used;
	}
	if (at)
		s->since_ms = 0;
	buf_drop(&s->in, at);
	if (s->in.len && !s->since_ms)
		s->since_ms = clock_mono_ms();
	if (!s->held && got == FRAME_BROKEN) {
		size_t n = s->in.len > KIB ? KIB : s->in.len;
		deliver(s, (struct str){ s->in.ptr, n }, false, true);
		drop(s, s->body->receiver->broken, "its messages go on otherwise than they began");
	}
}

/* The sender has closed its side: nothing more will come. */
static void end(struct stream *s)
{
	struct str line;
	if (s->held) {
		s->ending = true;
		return;
	}
	enum frame_got got = frame_end(&s->frame, buf_view(&s->in), &line);
	if (got != FRAME_MORE && !deliver(s, line, got == FRAME_CUT, false))
		s->held = true;
	else
		buf_reset(&s->in);
	s->since_ms = 0;
	s->ending = true;
}

/* All it sent is safe: our side closes in order. */
static void finish(struct stream *s)
{
	if (s->tls)
		tls_close(s->tls);
	shutdown(s->fd, SHUT_WR);
	drop(s, NULL, NULL);
}

static bool shake(struct stream *s)
{
	int r = s->tls && !s->shaken ? tls_handshake(s->tls) : 0;
	if (r == -E_AGAIN)
		return false;
	if (r < 0) {
		drop(s, s->body->receiver->rejected, "no TLS handshake");
		return false;
	}
	if (!s->shaken)
		s->since_ms = 0;
	s->shaken = true;
	return true;
}

/* Bytes read, 0 at the end, -E_AGAIN, or another error. */
static ssize_t read_some(struct stream *s, char *to, size_t n)
{
	if (s->tls)
		return tls_read(s->tls, to, n);
	ssize_t got = recv(s->fd, to, n, MSG_DONTWAIT);
	return got >= 0 ? got : errno == EAGAIN || errno == EINTR ? -E_AGAIN : -E_IO;
}

static void ready(uv_poll_t *h, int status, int events)
{
	struct stream *s = h->data;
	(void)events;
	if (status < 0) {
		drop(s, NULL, NULL);
		return;
	}
	receiver_clock(s->body->receiver);
	if (!shake(s)) {
		watch(s);
		return;
	}
	/* TLS may hold bytes that no poll tells of: read until it has none. */
	for (int i = 0; i < (s->tls ? 8 : 1) && !s->closing && !s->held && !receiver_full(s->body->receiver); i++) {
		if (!buf_room(&s->in, READ_TURN)) {
			drop(s, s->body->receiver->rejected, "no memory");
			return;
		}
		ssize_t n = read_some(s, s->in.ptr + s->in.len, READ_TURN);
		if (n == -E_AGAIN)
			break;
		if (n < 0) {
			drop(s, NULL, NULL);
			return;
		}
		if (n == 0) {
			end(s);
			break;
		}
		s->in.len += (size_t)n;
		take(s);
	}
	watch(s);
}

static struct stream *stream_create(struct listening *l, int fd, const struct sockaddr_storage *ss)
{
	struct stream *s = mem_alloc(sizeof *s);
	struct body *b = l->body;
	if (!s || uv_poll_init(b->receiver->o.loop, &s->poll, fd) < 0) {
		mem_free(s);
		close(fd);
		return NULL;
	}
	s->poll.data = s;
	s->body = b;
	s->fd = fd;
	s->version = b->version - 1;
	peer_of(ss, &s->peer, s->ip);
	buf_init(&s->in, FRAME_MAX + 2 * READ_TURN);
	s->next = b->streams;
	b->streams = s;
	b->n_streams++;
	b->receiver->n_streams++;
	stats_add(b->receiver->streams, 1);
	return s;
}

static bool room_for(const struct body *b, const struct stream *s)
{
	size_t same = 0, strays = 0;
	bool registered = origin_find(&b->origin, &s->peer);
	for (const struct stream *q = b->streams; q; q = q->next) {
		same += conf_addr_compare(&q->peer, &s->peer) == 0;
		strays += !registered && !origin_find(&b->origin, &q->peer);
	}
	return b->receiver->n_streams <= STREAMS_ALL && same <= STREAMS_SOURCE && strays <= STREAMS_STRAY;
}

void stream_accept(struct listening *l)
{
	struct linger reset = { 1, 0 };
	int one = 1, idle = 60;
	for (int i = 0; i < ACCEPTS; i++) {
		struct sockaddr_storage ss = { 0 };
		socklen_t n = sizeof ss;
		int fd = accept4(l->fd, (struct sockaddr *)&ss, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (fd < 0)
			return;
		setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof reset);
		setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &one, sizeof one);
		setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
		struct stream *s = stream_create(l, fd, &ss);
		if (!s)
			continue;
		s->shaken = l->kind != SOCKET_TLS;
		if (!s->shaken)
			s->since_ms = clock_mono_ms();
		if (!room_for(l->body, s))
			drop(s, l->body->receiver->rejected, "too many connections");
		else if (l->kind == SOCKET_TLS && tls_accept(fd, &s->tls) < 0)
			drop(s, l->body->receiver->rejected, "TLS can't begin");
		else
			watch(s);
	}
}

void streams_settled(struct body *b)
{
	uint64_t acked = events_acked(b->receiver->o.events);
	for (struct stream *s = b->streams, *next; s; s = next) {
		next = s->next;
		if (s->held) {
			bool was_ending = s->ending;
			s->held = s->ending = false;
			take(s);
			if (was_ending && !s->closing)
				end(s);
			watch(s);
		}
		if (s->ending && !s->held && !s->closing && acked >= s->last)
			finish(s);
	}
}

void streams_watch(struct body *b)
{
	for (struct stream *s = b->streams; s; s = s->next)
		watch(s);
}

void streams_tick(struct body *b)
{
	int64_t now = clock_mono_ms();
	int slow_ms = b->receiver->o.slow_ms;
	for (struct stream *s = b->streams, *next; s; s = next) {
		next = s->next;
		if (s->held || s->ending || b->receiver->held || !s->since_ms)
			continue;
		if (!s->shaken && now - s->since_ms > HELLO_MS) {
			drop(s, b->receiver->rejected, "no TLS handshake in time");
		} else if (s->shaken && now - s->since_ms > slow_ms) {
			size_t n = s->in.len > KIB ? KIB : s->in.len;
			deliver(s, (struct str){ s->in.ptr, n }, true, true);
			drop(s, b->receiver->slow, "a line doesn't come to its end");
		}
	}
}

void streams_drop(struct body *b)
{
	while (b->streams)
		drop(b->streams, NULL, NULL);
}
