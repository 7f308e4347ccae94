/* See mirror.h. Beside the way of a request: it reads what request.c, answer.c and the hold have, and changes nothing of theirs. */
#include "proxy/mirror.h"

#include "base/mem.h"
#include "ips/frame.h"
#include "ips/mirror.h"
#include "proxy/txn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#define BATCH 64
#define VXLAN_HEAD 8
#define MIRROR_REQUEST (2 * HTTP_MAX_HEAD + MIRROR_BODY) /* bytes of one that are kept; behind them the answer's head */

/* ---- frames into datagrams ---- */

struct batch {
	struct mirror *m;
	uint8_t frames[BATCH][VXLAN_HEAD + FRAME_MAX];
	size_t len[BATCH];
	unsigned n, sent, dropped;
};

static void flush(struct batch *b)
{
	struct mmsghdr messages[BATCH];
	struct iovec iov[BATCH];
	memset(messages, 0, b->n * sizeof *messages);
	for (unsigned i = 0; i < b->n; i++) {
		iov[i] = (struct iovec){ b->frames[i], b->len[i] };
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	unsigned allowed = b->n < b->m->budget ? b->n : b->m->budget;
	int n = b->m->fd < 0 || !allowed ? 0 : sendmmsg(b->m->fd, messages, allowed, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN && errno != ENOBUFS && errno != EINTR && errno != ECONNREFUSED) {
		close(b->m->fd); /* the cable is gone, or another by now */
		b->m->fd = -1;
	}
	n = n < 0 ? 0 : n;
	b->m->budget -= (unsigned)n;
	b->sent += (unsigned)n;
	b->dropped += b->n - (unsigned)n;
	b->n = 0;
}

static void add(const uint8_t *frame, size_t n, void *user)
{
	struct batch *b = user;
	uint8_t *at = b->frames[b->n];
	uint32_t vni = b->m->vni;
	memset(at, 0, VXLAN_HEAD);
	at[0] = 8; /* there is a network identifier */
	at[4] = (uint8_t)(vni >> 16);
	at[5] = (uint8_t)(vni >> 8);
	at[6] = (uint8_t)vni;
	memcpy(at + VXLAN_HEAD, frame, n);
	b->len[b->n++] = VXLAN_HEAD + n;
	if (b->n == BATCH)
		flush(b);
}

/* ---- the cable ---- */

static int cable(void)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(MIRROR_PORT) };
	struct ifreq ifr = { 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	snprintf(ifr.ifr_name, sizeof ifr.ifr_name, "%s", MIRROR_OUTER);
	inet_pton(AF_INET, MIRROR_TO, &to.sin_addr);
	if (fd >= 0 && (setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, ifr.ifr_name, sizeof ifr.ifr_name) < 0 ||
	                connect(fd, (struct sockaddr *)&to, sizeof to) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

void mirror_init(struct mirror *m)
{
	*m = (struct mirror){ .fd = -1, .tried_ms = INT64_MIN / 2 };
}

void mirror_done(struct mirror *m)
{
	if (m->fd >= 0)
		close(m->fd);
	m->fd = -1;
}

static void refill(struct mirror *m, int64_t now)
{
	int64_t ms = now - m->filled_ms;
	if (ms > MIRROR_BURST / MIRROR_RATE || ms < 0)
		ms = MIRROR_BURST / MIRROR_RATE;
	m->budget += (uint32_t)ms * MIRROR_RATE;
	if (m->budget > MIRROR_BURST)
		m->budget = MIRROR_BURST;
	m->filled_ms = now;
	if (m->fd < 0 && now - m->tried_ms >= MIRROR_RETRY_MS) {
		m->tried_ms = now;
		m->fd = cable();
	}
}

/* ---- a request and its answer ---- */

static struct frame_end end_of(const struct prefix *p, uint16_t port)
{
	struct frame_end e = { .family = p->family == 6 ? 6 : 4, .port = port };
	memcpy(e.addr, p->addr, sizeof e.addr);
	return e;
}

static void say_answer(struct talk *talk, const struct mirror_talk *t)
{
	char length[64];
	int n = t->has_body ? snprintf(length, sizeof length, "Content-Length: %llu\r\n\r\n", (unsigned long long)t->length) : snprintf(length, sizeof length, "\r\n");
	talk_say(talk, 1, t->head.ptr, t->head.len);
	talk_say(talk, 1, length, (size_t)n);
	if (t->has_body)
		talk_say(talk, 1, t->body.ptr, t->body.len < MIRROR_BODY ? t->body.len : MIRROR_BODY);
}

unsigned mirror_send(struct mirror *m, const struct mirror_talk *t, int64_t now_ms, unsigned *ret_dropped)
{
	struct batch *b = mem_alloc(sizeof *b);
	*ret_dropped = 0;
	if (!b)
		return 0;
	refill(m, now_ms);
	m->vni = (m->vni + 1) & 0xffffff;
	b->m = m;
	struct talk talk = { .end = { end_of(&t->client, t->client_port), end_of(&t->server, t->server_port) }, .vlan = t->vlan,
		             .seq = { m->vni << 8 | 1, ~m->vni << 8 | 1 }, .out = add, .user = b };
	talk_open(&talk);
	talk_say(&talk, 0, t->request.ptr, t->request.len);
	if (t->head.len)
		say_answer(&talk, t);
	talk_close(&talk);
	flush(b);
	unsigned sent = b->sent;
	*ret_dropped = b->dropped;
	mem_free(b);
	return sent;
}

/* ---- of a transaction ---- */

static bool wanted(const struct txn *t)
{
	return t->org && t->org->mirror && t->c->intercepted && !t->upgrade;
}

void mirror_request(struct txn *t)
{
	if (!wanted(t))
		return;
	if (!t->mirrored.max)
		buf_init(&t->mirrored, MIRROR_REQUEST + HTTP_MAX_HEAD);
	buf_reset(&t->mirrored);
	t->mirror_split = 0;
	mirror_more(t);
}

void mirror_more(struct txn *t)
{
	size_t room = MIRROR_REQUEST - t->mirrored.len;
	if (t->mirrored.max && !t->mirror_split)
		buf_put(&t->mirrored, t->request.ptr, t->request.len < room ? t->request.len : room);
}

void mirror_answer(struct txn *t)
{
	if (!t->mirrored.len)
		return;
	t->mirror_split = t->mirrored.len;
	buf_put(&t->mirrored, t->head.ptr, t->head.len < HTTP_MAX_HEAD ? t->head.len : HTTP_MAX_HEAD);
}

void mirror_end(struct txn *t)
{
	size_t split = t->mirror_split ? t->mirror_split : t->mirrored.len;
	unsigned dropped;
	if (!t->mirrored.len || t->mirrored.failed || !t->origin_addr.family)
		return;
	bool has_body = t->mirror_split && !t->head_only && t->status != 204 && t->status != 304;
	struct str body = has_body && hold_seal(&t->hold) == 0 ? hold_bytes(&t->hold) : STR("");
	const struct mirror_talk talk = { .client = t->terminal, .server = t->origin_addr, .client_port = t->c->peer_port, .server_port = t->target.port,
		                          .vlan = t->org->mirror, .request = { t->mirrored.ptr, split },
		                          .head = { t->mirrored.ptr + split, t->mirrored.len - split }, .body = body,
		                          .length = t->body_size > body.len ? t->body_size : body.len, .has_body = has_body };
	unsigned sent = mirror_send(&t->c->w->mirror, &talk, t->c->w->now, &dropped);
	org_count(t->c->org, STAT_MIRRORED, sent);
	org_count(t->c->org, STAT_UNMIRRORED, dropped);
	buf_reset(&t->mirrored);
	t->mirror_split = 0;
}
