/* See nflog.h. Stands in intaked between the netlink socket and the segments. */
#include "normalise/nflog.h"

#include "wire/cursor.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <netinet/in.h>
#include <stdio.h>

/* Netlink attributes: u16 length with its head, u16 type in the machine's order, padded to four. */
static bool next_attr(struct str *s, uint16_t *ret_type, struct str *ret)
{
	uint16_t h[2];
	if (s->len < sizeof h)
		return false;
	memcpy(h, s->ptr, sizeof h);
	if (h[0] < sizeof h || h[0] > s->len)
		return false;
	*ret_type = h[1] & 0x3fff; /* without the nested and byte order flags */
	*ret = (struct str){ s->ptr + sizeof h, h[0] - sizeof h };
	size_t step = (h[0] + 3u) & ~3u;
	if (step > s->len)
		step = s->len;
	s->ptr += step;
	s->len -= step;
	return true;
}

static uint32_t attr_u32(struct str a)
{
	struct rd r = rd_from(a.ptr, a.len);
	return rd_u32(&r);
}

/* Only what a rule may hold in its prefix; the rest could end up in a line of somebody's screen. */
static void take_prefix(struct str a, char *dst, size_t size)
{
	size_t n = 0;
	for (size_t i = 0; i < a.len && a.ptr[i] && n + 1 < size; i++)
		dst[n++] = a.ptr[i] >= 0x20 && a.ptr[i] < 0x7f ? a.ptr[i] : '?';
	dst[n] = 0;
}

static void take_attr(struct nflog_packet *p, uint16_t type, struct str a)
{
	struct rd r = rd_from(a.ptr, a.len);
	uint64_t sec, usec;
	switch (type) {
	case NFULA_PREFIX:
		take_prefix(a, p->prefix, sizeof p->prefix);
		break;
	case NFULA_MARK:
		p->mark = attr_u32(a) & 0xffff; /* the organisation; above it stands by which line (compile/emit.h) */
		break;
	case NFULA_IFINDEX_INDEV:
		p->if_in = attr_u32(a);
		break;
	case NFULA_IFINDEX_OUTDEV:
		p->if_out = attr_u32(a);
		break;
	case NFULA_SEQ:
		p->seq = attr_u32(a);
		p->has_seq = true;
		break;
	case NFULA_TIMESTAMP:
		sec = rd_u64(&r);
		usec = rd_u64(&r);
		if (rd_end(&r) == 0 && sec < INT64_MAX / 2000 && usec < 1000000)
			p->time_ms = (int64_t)(sec * 1000 + usec / 1000);
		break;
	case NFULA_PAYLOAD:
		p->payload = a;
		break;
	default:
		break;
	}
}

int nflog_parse(struct str body, struct nflog_packet *ret)
{
	*ret = (struct nflog_packet){ .payload = { "", 0 } };
	if (body.len < 4) /* struct nfgenmsg: family, version, group */
		return -E_INVALID;
	ret->group = (uint16_t)((unsigned char)body.ptr[2] << 8 | (unsigned char)body.ptr[3]);
	body.ptr += 4;
	body.len -= 4;
	uint16_t type;
	struct str a;
	while (next_attr(&body, &type, &a))
		take_attr(ret, type, a);
	if (body.len >= 4 || ret->payload.len == 0)
		return -E_INVALID; /* an attribute that doesn't fit, or no packet */
	/* family 1 and 3 (inet, netdev tables) say nothing; the packet does */
	uint8_t version = (uint8_t)ret->payload.ptr[0] >> 4;
	ret->family = version == 4 || version == 6 ? version : 0;
	return 0;
}

static void transport(struct rd *r, struct ip_packet *p)
{
	switch (p->protocol) {
	case IPPROTO_TCP: case IPPROTO_UDP: case IPPROTO_SCTP: case IPPROTO_UDPLITE:
		p->src_port = rd_u16(r);
		p->dst_port = rd_u16(r);
		p->has_ports = !r->bad;
		break;
	case IPPROTO_ICMP: case IPPROTO_ICMPV6:
		p->icmp_type = rd_u8(r);
		p->icmp_code = rd_u8(r);
		p->has_icmp = !r->bad;
		break;
	default:
		break;
	}
}

static void skip(struct rd *r, size_t n)
{
	if (r->bad || (size_t)(r->end - r->p) < n)
		r->bad = true;
	else
		r->p += n;
}

static int parse4(struct rd *r, struct ip_packet *p)
{
	size_t header = (size_t)(rd_u8(r) & 15) * 4;
	skip(r, 5);
	uint16_t fragment = rd_u16(r) & 0x1fff;
	skip(r, 1);
	p->protocol = rd_u8(r);
	skip(r, 2);
	rd_bytes(r, p->src, 4);
	rd_bytes(r, p->dst, 4);
	if (r->bad || header < 20)
		return -E_INVALID;
	p->fragment = fragment > 0;
	skip(r, header - 20);
	if (!p->fragment)
		transport(r, p);
	return 0;
}

/* Steps over the extension headers of RFC 8200 §4; at most eight, a chain longer than that is nobody's mail. */
static void extensions(struct rd *r, struct ip_packet *p, uint8_t next)
{
	for (int i = 0; i < 8 && !r->bad; i++) {
		if (next == IPPROTO_FRAGMENT) {
			next = rd_u8(r);
			skip(r, 1);
			p->fragment = (rd_u16(r) & 0xfff8) != 0;
			skip(r, 4);
		} else if (next == IPPROTO_HOPOPTS || next == IPPROTO_ROUTING || next == IPPROTO_DSTOPTS || next == IPPROTO_AH) {
			bool ah = next == IPPROTO_AH;
			next = rd_u8(r);
			size_t n = rd_u8(r);
			skip(r, (ah ? (n + 2) * 4 : (n + 1) * 8) - 2);
		} else {
			break;
		}
		if (p->fragment)
			break;
	}
	p->protocol = next;
	if (!p->fragment)
		transport(r, p);
}

static int parse6(struct rd *r, struct ip_packet *p)
{
	skip(r, 6);
	uint8_t next = rd_u8(r);
	skip(r, 1);
	rd_bytes(r, p->src, 16);
	rd_bytes(r, p->dst, 16);
	if (r->bad)
		return -E_INVALID;
	extensions(r, p, next);
	return 0;
}

int ip_packet_parse(struct str payload, struct ip_packet *ret)
{
	struct rd r = rd_from(payload.ptr, payload.len);
	*ret = (struct ip_packet){ 0 };
	if (payload.len == 0)
		return -E_INVALID;
	ret->family = (uint8_t)payload.ptr[0] >> 4;
	return ret->family == 4 ? parse4(&r, ret) : ret->family == 6 ? parse6(&r, ret) : -E_INVALID;
}

/* ---- event ---- */

struct rule {
	struct str code, id;
	bool block, passed;
};

static struct rule split_prefix(const char *prefix)
{
	struct str s = str_trim(str_from(prefix)), code = { NULL, 0 };
	if (str_starts(s, STR("B:"))) {
		s.ptr += 2;
		s.len -= 2;
		return (struct rule){ .id = str_trim(s), .block = true };
	}
	if (str_eq(s, STR("P:")))
		return (struct rule){ .id = STR("block-passed"), .passed = true };
	if (!memchr(s.ptr, ' ', s.len))
		return (struct rule){ .id = s };
	str_next(&s, ' ', &code);
	return (struct rule){ .code = code, .id = str_trim(s) };
}

static const struct orgs_one *whose(const struct orgs *o, const struct rule *rule, const struct nflog_packet *p,
                                    const struct ip_packet *ip, const char *if_in)
{
	const struct orgs_one *one = rule->code.len ? orgs_by_code(o, rule->code) : NULL;
	if (!one)
		one = orgs_by_index(o, p->mark);
	if (!one && if_in)
		one = orgs_by_interface(o, if_in);
	if (!one && ip->family)
		one = orgs_by_address(o, ip->family, ip->src);
	if (!one && ip->family)
		one = orgs_by_address(o, ip->family, ip->dst);
	return one;
}

static void put_ip(struct buf *b, const struct ip_packet *ip, const uint8_t *addr)
{
	char t[INET6_ADDRSTRLEN];
	if (ip->family && inet_ntop(ip->family == 4 ? AF_INET : AF_INET6, addr, t, sizeof t))
		json_field_s(b, "ip", t);
}

static void put_rule(struct buf *b, const struct rule *rule)
{
	char uid[160];
	if (rule->block)
		snprintf(uid, sizeof uid, rule->id.len ? "block:" STR_FMT : "block", STR_ARG(rule->id));
	else if (rule->id.len)
		snprintf(uid, sizeof uid, STR_FMT, STR_ARG(rule->id));
	else
		return;
	buf_puts(b, ",\"rule\":{");
	json_field_s(b, "uid", uid);
	buf_putc(b, '}');
}

static const char *direction(const struct orgs *o, const struct rule *rule, const char *if_in)
{
	if (str_eq(rule->id, STR("lateral")))
		return "Lateral";
	if (!if_in)
		return NULL; /* made by this node itself */
	return orgs_is_uplink(o, if_in) ? "Inbound" : orgs_by_interface(o, if_in) ? "Outbound" : NULL;
}

static void put_connection(struct buf *b, const struct ip_packet *ip, const char *way)
{
	buf_puts(b, ",\"connection_info\":{");
	if (ip->family)
		json_field_u64(b, "protocol_num", ip->protocol);
	if (way)
		json_field_s(b, "direction", way);
	if (ip->has_icmp) {
		json_field_u64(b, "icmp_type", ip->icmp_type);
		json_field_u64(b, "icmp_code", ip->icmp_code);
	}
	buf_putc(b, '}');
}

const char *nflog_event(const struct nflog_packet *p, const struct nflog_place *where, struct buf *b)
{
	struct ip_packet ip;
	struct rule rule = split_prefix(p->prefix);
	const char *if_in = p->if_in ? where->interface_name(p->if_in, where->user) : NULL;
	if (ip_packet_parse(p->payload, &ip) < 0)
		ip = (struct ip_packet){ 0 };
	const struct orgs_one *one = whose(where->orgs, &rule, p, &ip, if_in);
	const char *org = one ? one->code : ORGS_SERVICE;
	buf_puts(b, "{\"class_uid\":4001");
	json_field_u64(b, "time", (uint64_t)(p->time_ms ? p->time_ms : where->now_ms));
	json_field_s(b, "org", org);
	json_field_s(b, "product", "nft");
	buf_puts(b, ",\"src_endpoint\":{");
	put_ip(b, &ip, ip.src);
	if (ip.has_ports)
		json_field_u64(b, "port", ip.src_port);
	if (if_in)
		json_field_s(b, "interface", if_in);
	buf_puts(b, "},\"dst_endpoint\":{");
	put_ip(b, &ip, ip.dst);
	if (ip.has_ports)
		json_field_u64(b, "port", ip.dst_port);
	buf_putc(b, '}');
	put_connection(b, &ip, direction(where->orgs, &rule, if_in));
	if (!str_ends(rule.id, STR(":attack"))) { /* told while a server is flooded; what becomes of this packet comes after it */
		json_field_s(b, "action", rule.passed ? "Allowed" : "Denied");
		json_field_s(b, "disposition", rule.passed ? "Allowed" : "Blocked");
	}
	put_rule(b, &rule);
	buf_putc(b, '}');
	return org;
}
