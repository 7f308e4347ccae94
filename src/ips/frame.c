/* See frame.h. */
#include "ips/frame.h"

#include <string.h>

static void put16(uint8_t *p, unsigned v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static void put32(uint8_t *p, uint32_t v)
{
	put16(p, v >> 16);
	put16(p + 2, v & 0xffff);
}

/* RFC 1071. */
static uint32_t sum(const uint8_t *p, size_t n, uint32_t s)
{
	for (size_t i = 0; i + 1 < n; i += 2)
		s += (uint32_t)p[i] << 8 | p[i + 1];
	return n & 1 ? s + ((uint32_t)p[n - 1] << 8) : s;
}

static uint16_t fold(uint32_t s)
{
	while (s >> 16)
		s = (s & 0xffff) + (s >> 16);
	return (uint16_t)~s;
}

static void address6(const struct frame_end *e, uint8_t dst[16])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	if (e->family == 6) {
		memcpy(dst, e->addr, 16);
		return;
	}
	memcpy(dst, mapped, 12);
	memcpy(dst + 12, e->addr, 4);
}

/* The IP header; the sum of its addresses. */
static uint32_t put_ip4(const struct frame *f, uint8_t *p, uint8_t protocol, size_t payload)
{
	memset(p, 0, 20);
	p[0] = 0x45;
	put16(p + 2, (unsigned)(20 + payload));
	put16(p + 4, f->ident);
	put16(p + 6, 0x4000); /* don't fragment */
	p[8] = 64;
	p[9] = protocol;
	memcpy(p + 12, f->from.addr, 4);
	memcpy(p + 16, f->to.addr, 4);
	put16(p + 10, fold(sum(p, 20, 0)));
	return sum(p + 12, 8, 0);
}

static uint32_t put_ip6(const struct frame *f, uint8_t *p, uint8_t protocol, size_t payload)
{
	memset(p, 0, 8);
	p[0] = 0x60;
	put16(p + 4, (unsigned)payload);
	p[6] = protocol;
	p[7] = 64;
	address6(&f->from, p + 8);
	address6(&f->to, p + 24);
	return sum(p + 8, 32, 0);
}

/* Where TCP, UDP or ICMP stands in the frame. */
struct part {
	uint8_t *p;        /* its head, zeros, and behind it the payload */
	size_t n;          /* of both */
	uint32_t pseudo;   /* sum of the pseudo header */
	size_t frame;      /* bytes of all of it */
};

/* All but that head, which has `head` bytes. */
static struct part begin(const struct frame *f, uint8_t *dst, uint8_t protocol, size_t head)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	bool six = f->from.family == 6 || f->to.family == 6;
	size_t at = 12, n = head + f->n;
	memcpy(dst, macs, 12);
	if (f->vlan) {
		put16(dst + at, 0x8100);
		put16(dst + at + 2, f->vlan);
		at += 4;
	}
	put16(dst + at, six ? 0x86dd : 0x0800);
	at += 2;
	uint32_t addresses = (six ? put_ip6 : put_ip4)(f, dst + at, protocol, n);
	at += six ? 40 : 20;
	memset(dst + at, 0, head);
	if (f->n)
		memcpy(dst + at + head, f->payload, f->n);
	return (struct part){ dst + at, n, addresses + protocol + (uint32_t)n, at + n };
}

static size_t frame_tcp(const struct frame *f, uint8_t *dst)
{
	struct part t = begin(f, dst, 6, 20);
	put16(t.p, f->from.port);
	put16(t.p + 2, f->to.port);
	put32(t.p + 4, f->seq);
	put32(t.p + 8, f->ack);
	t.p[12] = 0x50;
	t.p[13] = f->flags;
	put16(t.p + 14, 65000);
	put16(t.p + 16, fold(sum(t.p, t.n, t.pseudo)));
	return t.frame;
}

size_t frame_udp(const struct frame *f, uint8_t *dst)
{
	struct part u = begin(f, dst, 17, 8);
	put16(u.p, f->from.port);
	put16(u.p + 2, f->to.port);
	put16(u.p + 4, (unsigned)u.n);
	uint16_t v = fold(sum(u.p, u.n, u.pseudo));
	put16(u.p + 6, v ? v : 0xffff);
	return u.frame;
}

size_t frame_echo(const struct frame *f, uint8_t *dst)
{
	struct part e = begin(f, dst, 1, 8);
	e.p[0] = 8;
	put16(e.p + 4, f->ident);
	put16(e.p + 6, 1);
	put16(e.p + 2, fold(sum(e.p, e.n, 0)));
	return e.frame;
}

/* ---- a connection ---- */

static void say(struct talk *t, int who, uint8_t flags, const void *p, size_t n)
{
	uint8_t frame[FRAME_MAX];
	const struct frame f = { t->end[who], t->end[!who], t->vlan, ++t->ident, t->seq[who], flags & FRAME_ACK ? t->seq[!who] : 0, flags, p, n };
	t->out(frame, frame_tcp(&f, frame), t->user);
	t->seq[who] += (uint32_t)n + !!(flags & (FRAME_SYN | FRAME_FIN));
}

void talk_open(struct talk *t)
{
	say(t, 0, FRAME_SYN, NULL, 0);
	say(t, 1, FRAME_SYN | FRAME_ACK, NULL, 0);
	say(t, 0, FRAME_ACK, NULL, 0);
	t->open = true;
}

void talk_say(struct talk *t, int who, const void *p, size_t n)
{
	const uint8_t *from = p;
	for (size_t i = 0; i < n; i += FRAME_PAYLOAD)
		say(t, who, FRAME_ACK | FRAME_PSH, from + i, n - i < FRAME_PAYLOAD ? n - i : FRAME_PAYLOAD);
	if (n)
		say(t, !who, FRAME_ACK, NULL, 0);
}

void talk_close(struct talk *t)
{
	if (!t->open)
		return;
	say(t, 0, FRAME_FIN | FRAME_ACK, NULL, 0);
	say(t, 1, FRAME_FIN | FRAME_ACK, NULL, 0);
	say(t, 0, FRAME_ACK, NULL, 0);
	t->open = false;
}
