/* See events.h. The ring is one buffer of ready-made messages; `sent` and `acked` walk through it. */
#include "wire/events.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>

struct events {
	char source[64];
	uint64_t boot, next, acked, dropped;
	struct buf ring; /* messages acked+1 … next-1, each with its length prefix */
	size_t sent;     /* bytes of ring that were written to this connection */
	struct buf out;  /* what must go first: the hello */
	struct buf in;
	int fd;
	int64_t retry_ms;
};

int events_open(const char *source, size_t ring_bytes, struct events **ret, struct err *err)
{
	struct events *e = mem_alloc(sizeof *e);
	if (!e)
		return err_set(err, E_NOMEM, "", "no memory");
	e->fd = -1;
	e->next = 1;
	e->boot = rnd_u64();
	buf_init(&e->ring, ring_bytes);
	buf_init(&e->out, 256);
	buf_init(&e->in, 64 * KIB);
	if (!str_copy(str_from(source), e->source, sizeof e->source)) {
		events_close(&e);
		return err_set(err, E_LIMIT, source, "source name too long");
	}
	*ret = e;
	return 0;
}

void events_boot(struct events *e, uint64_t boot)
{
	e->boot = boot;
}

static void disconnect(struct events *e)
{
	if (e->fd >= 0)
		close(e->fd);
	e->fd = -1;
	e->sent = 0;
	buf_reset(&e->in);
	buf_reset(&e->out);
	e->retry_ms = clock_mono_ms() + 200;
}

void events_close(struct events **e)
{
	if (!*e)
		return;
	disconnect(*e);
	buf_done(&(*e)->ring);
	buf_done(&(*e)->out);
	buf_done(&(*e)->in);
	mem_free(*e);
	*e = NULL;
}

int events_put(struct events *e, struct str org, struct str json)
{
	size_t body = 1 + 8 + 2 + org.len + 4 + json.len;
	if (body > EVENTS_MAX || !buf_room(&e->ring, 4 + body)) {
		e->ring.failed = 0;
		e->dropped++;
		return -E_LIMIT;
	}
	wr_u32(&e->ring, (uint32_t)body);
	wr_u8(&e->ring, EVENTS_EVENT);
	wr_u64(&e->ring, e->next++);
	wr_text(&e->ring, org);
	wr_blob(&e->ring, json);
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
	while (e->out.len || e->sent < e->ring.len) {
		bool hello = e->out.len > 0;
		const char *p = hello ? e->out.ptr : e->ring.ptr + e->sent;
		size_t left = hello ? e->out.len : e->ring.len - e->sent;
		ssize_t n = send(e->fd, p, left, MSG_NOSIGNAL);
		if (n < 0)
			return errno == EAGAIN || errno == EINTR;
		if (hello)
			buf_drop(&e->out, (size_t)n);
		else
			e->sent += (size_t)n;
	}
	return true;
}

/* Forgets messages up to `seq`. False when the acknowledgement is of something never sent. */
static bool forget(struct events *e, uint64_t seq)
{
	size_t off = 0;
	while (e->acked < seq) {
		struct rd r = rd_from(e->ring.ptr + off, e->sent - off);
		uint32_t n = rd_u32(&r);
		if (r.bad || off + 4 + n > e->sent)
			return false;
		off += 4 + n;
		e->acked++;
	}
	buf_drop(&e->ring, off);
	e->sent -= off;
	return true;
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
	*ret_want_write = e->out.len > 0 || e->sent < e->ring.len;
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
	return e->ring.len;
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
