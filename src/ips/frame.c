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

struct ip {
	size_t begin;      /* of the IP header in the frame */
	size_t len;        /* of it */
	uint32_t pseudo;   /* sum of the pseudo header without length and protocol */
};

static struct ip put_ip4(const struct frame *f, uint8_t *dst, size_t at, uint8_t protocol, size_t payload)
{
	uint8_t *p = dst + at;
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
	return (struct ip){ at, 20, sum(p + 12, 8, 0) };
}

static struct ip put_ip6(const struct frame *f, uint8_t *dst, size_t at, uint8_t protocol, size_t payload)
{
	uint8_t *p = dst + at;
	memset(p, 0, 8);
	p[0] = 0x60;
	put16(p + 4, (unsigned)payload);
	p[6] = protocol;
	p[7] = 64;
	address6(&f->from, p + 8);
	address6(&f->to, p + 24);
	return (struct ip){ at, 40, sum(p + 8, 32, 0) };
}

/* All before the payload of IP, which has `payload` bytes. */
static struct ip put_heads(const struct frame *f, uint8_t *dst, uint8_t protocol, size_t payload)
{
	static const uint8_t macs[12] = { 2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1 };
	bool six = f->from.family == 6 || f->to.family == 6;
	size_t at = 12;
	memcpy(dst, macs, 12);
	if (f->vlan) {
		put16(dst + at, 0x8100);
		put16(dst + at + 2, f->vlan);
		at += 4;
	}
	put16(dst + at, six ? 0x86dd : 0x0800);
	return (six ? put_ip6 : put_ip4)(f, dst, at + 2, protocol, payload);
}

static void checksum(const struct ip *ip, uint8_t *p, size_t n, uint8_t protocol, size_t at)
{
	uint16_t v = fold(sum(p, n, ip->pseudo + protocol + (uint32_t)n));
	put16(p + at, protocol == 17 && !v ? 0xffff : v);
}

static size_t frame_tcp(const struct frame *f, uint8_t *dst)
{
	struct ip ip = put_heads(f, dst, 6, 20 + f->n);
	uint8_t *p = dst + ip.begin + ip.len;
	memset(p, 0, 20);
	put16(p, f->from.port);
	put16(p + 2, f->to.port);
	put32(p + 4, f->seq);
	put32(p + 8, f->ack);
	p[12] = 0x50;
	p[13] = f->flags;
	put16(p + 14, 65000);
	if (f->n)
		memcpy(p + 20, f->payload, f->n);
	checksum(&ip, p, 20 + f->n, 6, 16);
	return ip.begin + ip.len + 20 + f->n;
}

size_t frame_udp(const struct frame *f, uint8_t *dst)
{
	struct ip ip = put_heads(f, dst, 17, 8 + f->n);
	uint8_t *p = dst + ip.begin + ip.len;
	put16(p, f->from.port);
	put16(p + 2, f->to.port);
	put16(p + 4, (unsigned)(8 + f->n));
	put16(p + 6, 0);
	if (f->n)
		memcpy(p + 8, f->payload, f->n);
	checksum(&ip, p, 8 + f->n, 17, 6);
	return ip.begin + ip.len + 8 + f->n;
}

size_t frame_echo(const struct frame *f, uint8_t *dst)
{
	struct ip ip = put_heads(f, dst, 1, 8 + f->n);
	uint8_t *p = dst + ip.begin + ip.len;
	memset(p, 0, 8);
	p[0] = 8;
	put16(p + 4, f->ident);
	put16(p + 6, 1);
	if (f->n)
		memcpy(p + 8, f->payload, f->n);
	put16(p + 2, fold(sum(p, 8 + f->n, 0)));
	return ip.begin + ip.len + 8 + f->n;
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
