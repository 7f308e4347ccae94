/* See events.h. The ring holds ready-made messages; `sent` and `acked` walk through it. */
#include "wire/events.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"
#include "wire/ring.h"
#include "wire/sock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

struct events {
	char source[64];
	uint64_t boot, next, acked, dropped;
	struct ring ring; /* messages acked+1 … next-1; its head keeps boot */
	uint32_t at;      /* where of the ring goes on what is to be written to this connection */
	size_t sent;      /* bytes before that */
	struct buf out;  /* what must go first: the hello */
	struct buf in;
	int fd;
	int64_t retry_ms;
	bool inherited; /* boot and numbers are another process's, of which something waits still */
};

enum { USER_BOOT };

static int make(const char *source, struct events **ret, struct err *err)
{
	struct events *e = *ret = mem_alloc(sizeof *e);
	if (!e)
		return err_set(err, E_NOMEM, "", "no memory");
	e->fd = e->ring.fd = -1;
	buf_init(&e->out, 256);
	buf_init(&e->in, 64 * KIB);
	return str_copy(str_from(source), e->source, sizeof e->source) ? 0 : err_set(err, E_LIMIT, source, "source name too long");
}

/* Of a message as intaked takes it, which would end the connection over any other, again and again; 0: it isn't one. */
static uint64_t number_of(struct str message)
{
	char org[8];
	struct rd r = rd_from(message.ptr, message.len);
	uint8_t type = rd_u8(&r);
	uint64_t n = rd_u64(&r);
	rd_text(&r, org, sizeof org);
	rd_blob(&r);
	return type == EVENTS_EVENT && rd_end(&r) == 0 && message.len <= EVENTS_MAX && n < UINT64_MAX / 2 ? n : 0;
}

/* Takes over what waits in the ring: numbers without gaps. False: nothing, or it isn't that. Who left it may have been another's
 * by then, so no more of it is believed than that: neither its boot nor its numbers are gone on with once it is through. */
static bool take_over(struct events *e)
{
	uint32_t at = ring_first(&e->ring);
	uint64_t last = 0;
	struct str m;
	e->boot = e->ring.head->user[USER_BOOT];
	while (ring_next(&e->ring, &at, &m)) {
		uint64_t n = number_of(m);
		if (n == 0 || (last && n != last + 1))
			return false;
		e->acked = last ? e->acked : n - 1;
		last = n;
	}
	e->next = last + 1;
	e->inherited = true;
	return e->boot && last;
}

static void begin_anew(struct events *e)
{
	events_boot(e, rnd_u64());
	e->acked = 0;
	e->next = 1;
	e->inherited = false;
}

int events_open_kept(const char *source, const char *path, size_t ring_bytes, struct events **ret, struct err *err)
{
	int r = make(source, ret, err);
	r = r < 0 ? r : ring_open(path, (uint32_t)ring_bytes, &(*ret)->ring, err);
	if (r < 0) {
		events_close(ret);
		return r;
	}
	struct events *e = *ret;
	if (!take_over(e)) {
		ring_clear(&e->ring);
		begin_anew(e);
	}
	e->at = ring_first(&e->ring);
	return 0;
}

int events_open(const char *source, size_t ring_bytes, struct events **ret, struct err *err)
{
	return events_open_kept(source, NULL, ring_bytes, ret, err);
}

void events_boot(struct events *e, uint64_t boot)
{
	e->boot = e->ring.head->user[USER_BOOT] = boot;
}

static void disconnect(struct events *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	e->at = ring_first(&e->ring);
	e->sent = 0;
	buf_reset(&e->in);
	buf_reset(&e->out);
	e->retry_ms = clock_mono_ms() + 200;
}

void events_close(struct events **e)
{
	if (!*e)
		return;
	if ((*e)->fd >= 0)
		close((*e)->fd);
	ring_close(&(*e)->ring);
	buf_done(&(*e)->out);
	buf_done(&(*e)->in);
	mem_free(*e);
	*e = NULL;
}

int events_put(struct events *e, struct str org, struct str json)
{
	size_t body = 1 + 8 + 2 + org.len + 4 + json.len;
	char *room = body > EVENTS_MAX ? NULL : ring_room(&e->ring, (uint32_t)body);
	if (!room) {
		e->dropped++;
		return -E_LIMIT;
	}
	struct buf b = { .ptr = room, .cap = body, .max = body };
	wr_u8(&b, EVENTS_EVENT);
	wr_u64(&b, e->next);
	wr_text(&b, org);
	wr_blob(&b, json);
	if (b.failed)
		return b.failed;
	ring_put(&e->ring, room, (uint32_t)body);
	e->next++;
	return 0;
}

void event_app_begin(struct buf *b, const char *product, const char *name, const char *activity)
{
	buf_puts(b, "{\"class_uid\":6002");
	json_field_u64(b, "time", (uint64_t)clock_now_ms());
	json_field_s(b, "product", product);
	buf_puts(b, ",\"app\":{");
	json_field_s(b, "name", name);
	buf_putc(b, '}');
	json_field_s(b, "activity_name", activity);
}

void event_app(struct buf *b, const char *product, const char *name, const char *activity, const char *message)
{
	event_app_begin(b, product, name, activity);
	json_field_s(b, "message", message);
	buf_putc(b, '}');
}

int events_app(struct events *e, struct str org, const char *product, const char *name, const char *activity, const char *message)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	event_app(&b, product, name, activity, message);
	int r = b.failed ? b.failed : events_put(e, org, buf_view(&b));
	buf_done(&b);
	return r;
}

static void connect_now(struct events *e)
{
	char path[PLACE_MAX];
	if (clock_mono_ms() < e->retry_ms)
		return;
	e->fd = sock_try(place_in_run(path, sizeof path, SOCK_EVENTS));
	if (e->fd < 0) {
		e->retry_ms = clock_mono_ms() + 200;
		return;
	}
	struct str source = str_from(e->source);
	wr_u32(&e->out, (uint32_t)(1 + 8 + 2 + source.len));
	wr_u8(&e->out, EVENTS_HELLO);
	wr_u64(&e->out, e->boot);
	wr_text(&e->out, source);
}

/* False when the connection is gone. */
static bool write_some(struct events *e)
{
	for (;;) {
		bool hello = e->out.len > 0;
		struct str p = hello ? buf_view(&e->out) : ring_run(&e->ring, &e->at);
		if (p.len == 0)
			return true;
		ssize_t n = send(e->fd, p.ptr, p.len, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (hello) {
			buf_drop(&e->out, (size_t)n);
			continue;
		}
		e->at += (uint32_t)n;
		e->sent += (size_t)n;
	}
}

/* Forgets messages up to `seq`. False when the connection has to end: the acknowledgement is of something never sent, or what was
 * inherited is through, and another boot wants another hello. */
static bool forget(struct events *e, uint64_t seq)
{
	uint32_t at = ring_first(&e->ring);
	size_t off = 0;
	struct str m;
	for (uint64_t n = e->acked; n < seq; n++) {
		if (!ring_next(&e->ring, &at, &m) || off + 4 + m.len > e->sent)
			return false;
		off += 4 + m.len;
	}
	if (off == 0)
		return true;
	e->acked = seq;
	e->sent -= off;
	ring_drop(&e->ring, at);
	if (e->sent == 0)
		e->at = ring_first(&e->ring);
	if (!e->inherited || ring_used(&e->ring))
		return true;
	begin_anew(e);
	return false;
}

static bool read_acks(struct events *e)
{
	if (!buf_room(&e->in, 4096))
		return false;
	ssize_t n = recv(e->fd, e->in.ptr + e->in.len, e->in.cap - e->in.len, 0);
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		return false;
	if (n < 0)
		return true;
	e->in.len += (size_t)n;
	size_t off = 0;
	uint64_t seq = e->acked;
	for (; e->in.len - off >= 13; off += 13) {
		struct rd r = rd_from(e->in.ptr + off, 13);
		uint32_t len = rd_u32(&r);
		uint8_t type = rd_u8(&r);
		uint64_t s = rd_u64(&r);
		if (len != 9 || type != EVENTS_ACK)
			return false;
		seq = s > seq ? s : seq;
	}
	buf_drop(&e->in, off);
	return forget(e, seq);
}

int events_fd(const struct events *e, bool *ret_want_write)
{
	*ret_want_write = e->out.len > 0 || e->sent < ring_used(&e->ring);
	return e->fd;
}

void events_send(struct events *e)
{
	if (e->fd < 0)
		connect_now(e);
	if (e->fd >= 0 && !write_some(e))
		disconnect(e);
}

void events_work(struct events *e)
{
	events_send(e);
	if (e->fd >= 0 && !read_acks(e))
		disconnect(e);
}

uint64_t events_unacked(const struct events *e)
{
	return e->next - 1 - e->acked;
}

uint64_t events_last(const struct events *e)
{
	return e->next - 1;
}

uint64_t events_acked(const struct events *e)
{
	return e->acked;
}

size_t events_waiting(const struct events *e)
{
	return ring_used(&e->ring);
}

uint64_t events_dropped(const struct events *e)
{
	return e->dropped;
}

int events_flush(struct events *e, int timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	for (;;) {
		bool want_write;
		events_work(e);
		if (events_unacked(e) == 0)
			return 0;
		if (clock_mono_ms() >= until)
			return -E_TIMEOUT;
		struct pollfd p = { events_fd(e, &want_write), (short)(POLLIN | (want_write ? POLLOUT : 0)), 0 };
		poll(&p, p.fd >= 0, 20);
	}
}
