/* See dnstap.h. Stands in intaked between the name servers' sockets and the segments. */
#include "normalise/dnstap.h"

#include "wire/dns.h"

#include <arpa/inet.h>
#include <stdio.h>

#define ANSWERS_MAX 16 /* told in an event; the rest is counted */
#define ANSWER_TEXT 256

/* ---- protobuf ---- */

static uint64_t varint(struct rd *r)
{
	uint64_t v = 0;
	for (unsigned shift = 0; shift < 64; shift += 7) {
		uint8_t c = rd_u8(r);
		v |= (uint64_t)(c & 0x7f) << shift;
		if (!(c & 0x80))
			return v;
	}
	r->bad = true;
	return 0;
}

struct field {
	uint32_t number;
	uint64_t value;   /* of varint and fixed fields */
	struct str bytes; /* of the others */
};

static uint64_t little(struct rd *r, unsigned n)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < n; i++)
		v |= (uint64_t)rd_u8(r) << 8 * i;
	return v;
}

/* False at the end, or when it is malformed (r->bad). */
static bool next_field(struct rd *r, struct field *f)
{
	if (r->bad || r->p == r->end)
		return false;
	uint64_t tag = varint(r);
	*f = (struct field){ .number = tag >> 3 <= 0xffff ? (uint32_t)(tag >> 3) : 0, .bytes = { "", 0 } };
	uint64_t n;
	switch (tag & 7) {
	case 0:
		f->value = varint(r);
		break;
	case 1:
		f->value = little(r, 8);
		break;
	case 2:
		n = varint(r);
		if (r->bad || n > (size_t)(r->end - r->p)) {
			r->bad = true;
			break;
		}
		f->bytes = (struct str){ (const char *)r->p, (size_t)n };
		r->p += n;
		break;
	case 5:
		f->value = little(r, 4);
		break;
	default:
		r->bad = true;
	}
	return !r->bad;
}

static void take_address(struct dnstap_side *s, struct str bytes)
{
	if (bytes.len != 4 && bytes.len != 16)
		return;
	s->len = (uint8_t)bytes.len;
	memcpy(s->addr, bytes.ptr, bytes.len);
}

static int64_t moment(uint64_t sec, uint64_t nsec)
{
	return sec < INT64_MAX / 2000000 && nsec < 1000000000 ? (int64_t)(sec * 1000000 + nsec / 1000) : 0;
}

static int parse_message(struct str bytes, struct dnstap *d)
{
	struct rd r = rd_from(bytes.ptr, bytes.len);
	struct field f;
	uint64_t sec[2] = { 0 }, nsec[2] = { 0 };
	while (next_field(&r, &f))
		switch (f.number) {
		case 1: d->type = (uint32_t)f.value; break;
		case 3: d->protocol = (uint32_t)f.value; break;
		case 4: take_address(&d->client, f.bytes); break;
		case 5: take_address(&d->server, f.bytes); break;
		case 6: d->client.port = (uint16_t)f.value; break;
		case 7: d->server.port = (uint16_t)f.value; break;
		case 8: sec[0] = f.value; break;
		case 9: nsec[0] = f.value; break;
		case 10: d->query = f.bytes; break;
		case 12: sec[1] = f.value; break;
		case 13: nsec[1] = f.value; break;
		case 14: d->response = f.bytes; break;
		default: break;
		}
	d->query_us = moment(sec[0], nsec[0]);
	d->response_us = moment(sec[1], nsec[1]);
	return r.bad || (d->query.len == 0 && d->response.len == 0) ? -E_INVALID : 0;
}

int dnstap_parse(struct str frame, struct dnstap *ret)
{
	struct rd r = rd_from(frame.ptr, frame.len);
	struct field f;
	struct str message = { "", 0 };
	*ret = (struct dnstap){ .query = { "", 0 }, .response = { "", 0 } };
	while (next_field(&r, &f))
		if (f.number == 14)
			message = f.bytes;
	return r.bad ? -E_INVALID : parse_message(message, ret);
}

/* ---- event ---- */

static void put_side(struct buf *b, const char *key, const struct dnstap_side *s)
{
	char t[INET6_ADDRSTRLEN];
	json_key(b, key);
	buf_putc(b, '{');
	if (s->len && inet_ntop(s->len == 4 ? AF_INET : AF_INET6, s->addr, t, sizeof t))
		json_field_s(b, "ip", t);
	if (s->port)
		json_field_u64(b, "port", s->port);
	buf_putc(b, '}');
}

static void put_answers(struct dns_msg *m, struct buf *b)
{
	struct dns_record rec;
	char text[ANSWER_TEXT], word[16];
	unsigned told = 0, more = 0;
	for (unsigned i = 0; i < m->count[1] && dns_next_record(m, &rec); i++) {
		if (rec.type == DNS_RRSIG || rec.class_ != 1)
			continue;
		if (told == ANSWERS_MAX) {
			more++;
			continue;
		}
		buf_puts(b, told++ ? ",{" : ",\"answers\":[{");
		json_field_s(b, "type", dns_type_text(rec.type, word));
		if (dns_data_text(m, &rec, text, sizeof text) && text[0])
			json_field_s(b, "rdata", text);
		json_field_u64(b, "ttl", rec.ttl);
		buf_putc(b, '}');
	}
	buf_puts(b, told ? "]" : "");
	if (more)
		json_field_u64(b, "answers_untold", more);
}

/* Our resolver is authoritative for nothing but what a policy makes of a name: then it denies the name with AA and without
 * the SOA that a real denial has, or says so by an extended error (RFC 8914, 15). */
static bool refused_by_policy(const struct dnstap *d, const struct dns_msg *head)
{
	struct dns_msg m = *head;
	struct dns_record rec;
	if (d->type != DNSTAP_CLIENT_RESPONSE)
		return false;
	if ((m.flags & 15) == DNS_NXDOMAIN && (m.flags & DNS_AA) && m.count[2] == 0)
		return true;
	while (dns_next_record(&m, &rec))
		if (dns_extended_error(&rec) == DNS_EDE_BLOCKED)
			return true;
	return false;
}

/* *ret_zone: of ours, asked of our own name servers; else NULL. */
static const struct orgs_one *whose(const struct dnstap *d, const struct orgs *o, const char *name, const char **ret_zone)
{
	*ret_zone = NULL;
	if (d->type == DNSTAP_AUTH_QUERY || d->type == DNSTAP_AUTH_RESPONSE)
		return orgs_by_zone(o, name, ret_zone);
	return d->server.len ? orgs_by_resolver(o, d->server.len == 4 ? 4 : 6, d->server.addr) : NULL;
}

static void put_response(const struct dnstap *d, struct dns_msg *m, struct buf *b)
{
	char word[16];
	bool refused = refused_by_policy(d, m);
	json_field_s(b, "rcode", dns_rcode_text(m->flags & 15, word));
	if (m->flags & DNS_TC)
		json_field_bool(b, "truncated", true);
	put_answers(m, b);
	json_field_s(b, "action", refused ? "Denied" : "Allowed");
	json_field_s(b, "disposition", refused ? "Blocked" : "Allowed");
	if (refused)
		buf_puts(b, ",\"rule\":{\"uid\":\"dns.policy\"}");
	buf_printf(b, ",\"traffic\":{\"bytes_in\":%zu}", d->response.len);
}

const char *dnstap_event(const struct dnstap *d, const struct dnstap_place *where, struct buf *b)
{
	static const char *const protocols[] = { "", "udp", "tcp", "dot", "doh" };
	struct dns_msg m;
	struct dns_record q;
	const char *zone;
	char word[16];
	if (dns_open(d->response.len ? d->response : d->query, &m) < 0 || m.count[0] != 1 || !dns_next_question(&m, &q))
		return NULL;
	const struct orgs_one *one = whose(d, where->orgs, q.name, &zone);
	const char *org = one ? one->code : ORGS_SERVICE;
	int64_t us = d->query_us ? d->query_us : d->response_us;
	buf_puts(b, "{\"class_uid\":4003");
	json_field_u64(b, "time", (uint64_t)(us ? us / 1000 : where->now_ms));
	json_field_s(b, "org", org);
	json_field_s(b, "product", where->product);
	put_side(b, "src_endpoint", &d->client);
	put_side(b, "dst_endpoint", &d->server);
	if (d->protocol >= DNSTAP_UDP && d->protocol <= DNSTAP_DOH)
		buf_printf(b, ",\"connection_info\":{\"protocol_name\":\"%s\"}", protocols[d->protocol]);
	buf_puts(b, ",\"query\":{");
	json_field_s(b, "hostname", q.name);
	json_field_s(b, "type", dns_type_text(q.type, word));
	if (zone)
		json_field_s(b, "zone", zone);
	buf_putc(b, '}');
	if (d->response.len)
		put_response(d, &m, b);
	else
		buf_puts(b, ",\"action\":\"Allowed\",\"disposition\":\"Dropped\"");
	if (d->response.len && d->query_us && d->response_us > d->query_us)
		json_field_u64(b, "duration", (uint64_t)(d->response_us - d->query_us) / 1000);
	buf_putc(b, '}');
	return org;
}
