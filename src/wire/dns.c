/* DNS messages as bytes; see dns.h. Asking is in dns_ask.c. */
#include "wire/dns.h"

#include "base/err.h"
#include "base/mem.h"

#include <arpa/inet.h>
#include <stdio.h>

int dns_open(struct str bytes, struct dns_msg *ret)
{
	*ret = (struct dns_msg){ .bytes = bytes, .r = rd_from(bytes.ptr, bytes.len) };
	ret->id = rd_u16(&ret->r);
	ret->flags = rd_u16(&ret->r);
	for (size_t i = 0; i < 4; i++)
		ret->count[i] = rd_u16(&ret->r);
	return ret->r.bad ? -E_INVALID : 0;
}

/* ---- names ---- */

static size_t put_byte(char *dst, unsigned char c)
{
	if (c >= 'A' && c <= 'Z')
		c = (unsigned char)(c + 32);
	if ((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' || c == '*' || c == '/') {
		dst[0] = (char)c;
		return 1;
	}
	dst[0] = '\\';
	dst[1] = (char)('0' + c / 100);
	dst[2] = (char)('0' + c / 10 % 10);
	dst[3] = (char)('0' + c % 10);
	return 4;
}

/* Labels from r on; a pointer goes back in the message and ends what r has to read. `total` counts the name's bytes on the wire. */
static size_t read_labels(struct rd *r, struct str bytes, char *dst)
{
	struct rd at = *r;
	size_t n = 0, total = 1;
	bool jumped = false;
	const unsigned char *start = at.p; /* pointers must lead before it */
	for (;;) {
		uint8_t len = rd_u8(&at);
		if (len >= 0xc0) {
			size_t to = (size_t)(len & 0x3f) << 8 | rd_u8(&at);
			if (!jumped)
				*r = at;
			jumped = true;
			if (at.bad || to >= (size_t)(start - (const unsigned char *)bytes.ptr))
				break;
			at.p = start = (const unsigned char *)bytes.ptr + to;
			continue;
		}
		if (at.bad || len > 63 || (total += len + 1u) > 255)
			break;
		if (len == 0) {
			if (!jumped)
				*r = at;
			return n;
		}
		if (n)
			dst[n++] = '.';
		for (uint8_t i = 0; i < len; i++)
			n += put_byte(dst + n, rd_u8(&at));
	}
	r->bad = true;
	return 0;
}

void dns_read_name(struct dns_msg *m, char dst[DNS_NAME_TEXT])
{
	size_t n = read_labels(&m->r, m->bytes, dst);
	if (n == 0)
		dst[n++] = '.';
	dst[n] = 0;
}

/* ---- records ---- */

static bool at_end(const struct dns_msg *m)
{
	return m->r.bad || m->r.p == m->r.end;
}

bool dns_next_question(struct dns_msg *m, struct dns_record *ret)
{
	if (at_end(m))
		return false;
	dns_read_name(m, ret->name);
	ret->type = rd_u16(&m->r);
	ret->class_ = rd_u16(&m->r);
	ret->ttl = 0;
	ret->data = (struct str){ "", 0 };
	return !m->r.bad;
}

bool dns_next_record(struct dns_msg *m, struct dns_record *ret)
{
	if (!dns_next_question(m, ret))
		return false;
	ret->ttl = rd_u32(&m->r);
	uint16_t n = rd_u16(&m->r);
	if (m->r.bad || (size_t)(m->r.end - m->r.p) < n) {
		m->r.bad = true;
		return false;
	}
	ret->data = (struct str){ (const char *)m->r.p, n };
	m->r.p += n;
	return true;
}

/* ---- data as text ---- */

struct text {
	char *dst;
	size_t n, size;
};

static void put(struct text *t, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void put(struct text *t, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	int n = vsnprintf(t->dst + t->n, t->size - t->n, fmt, ap);
	va_end(ap);
	t->n = n < 0 ? t->n : t->n + (size_t)n < t->size ? t->n + (size_t)n : t->size - 1;
}

static void put_name(struct text *t, struct dns_msg *m)
{
	char name[DNS_NAME_TEXT];
	dns_read_name(m, name);
	put(t, "%s%s", t->n ? " " : "", name);
}

/* The strings of TXT, one behind another, as their reader puts them together. */
static void put_strings(struct text *t, struct rd *r)
{
	while (r->p < r->end && !r->bad)
		for (uint8_t n = rd_u8(r); n && !r->bad; n--) {
			uint8_t c = rd_u8(r);
			put(t, c >= 0x20 && c < 0x7f && c != '\\' ? "%c" : "\\%03u", c);
		}
}

static void put_hex(struct text *t, struct rd *r)
{
	while (r->p < r->end)
		put(t, "%02x", rd_u8(r));
}

static void put_numbers(struct text *t, struct rd *r, const char *widths)
{
	for (; *widths; widths++)
		put(t, "%s%u", t->n ? " " : "", *widths == '1' ? rd_u8(r) : *widths == '2' ? rd_u16(r) : rd_u32(r));
}

static void put_address(struct text *t, struct rd *r, int family, size_t n)
{
	unsigned char addr[16];
	char text[INET6_ADDRSTRLEN];
	rd_bytes(r, addr, n);
	if (!r->bad && inet_ntop(family, addr, text, sizeof text))
		put(t, "%s", text);
}

static void put_data(struct text *t, struct dns_msg *m, uint16_t type)
{
	struct rd *r = &m->r;
	switch (type) {
	case DNS_A:
		put_address(t, r, AF_INET, 4);
		break;
	case DNS_AAAA:
		put_address(t, r, AF_INET6, 16);
		break;
	case DNS_NS: case DNS_CNAME: case DNS_PTR:
		put_name(t, m);
		break;
	case DNS_MX:
		put_numbers(t, r, "2");
		put_name(t, m);
		break;
	case DNS_SRV:
		put_numbers(t, r, "222");
		put_name(t, m);
		break;
	case DNS_SOA:
		put_name(t, m);
		put_name(t, m);
		put_numbers(t, r, "44444");
		break;
	case DNS_TXT:
		put_strings(t, r);
		break;
	case DNS_DS: case DNS_CDS:
		put_numbers(t, r, "211");
		put(t, " ");
		put_hex(t, r);
		break;
	default:
		put(t, "\\# %zu ", (size_t)(r->end - r->p));
		put_hex(t, r);
		break;
	}
}

bool dns_data_text(const struct dns_msg *m, const struct dns_record *rec, char *dst, size_t size)
{
	struct text t = { dst, 0, size };
	/* Names in the data may point back into the whole message, but end with the data. */
	struct dns_msg in = { .bytes = m->bytes, .r = rd_from(rec->data.ptr, rec->data.len) };
	dst[0] = 0;
	put_data(&t, &in, rec->type);
	if (rd_end(&in.r) == 0)
		return true;
	dst[0] = 0;
	return false;
}

int dns_extended_error(const struct dns_record *opt)
{
	struct rd r = rd_from(opt->data.ptr, opt->data.len);
	while (opt->type == DNS_OPT && r.p < r.end && !r.bad) {
		uint16_t code = rd_u16(&r), n = rd_u16(&r);
		if (code == 15 && n >= 2)
			return r.bad ? -1 : rd_u16(&r);
		for (; n && !r.bad; n--)
			rd_u8(&r);
	}
	return -1;
}

/* ---- words ---- */

const char *dns_type_text(uint16_t type, char dst[16])
{
	static const struct {
		uint16_t type;
		const char *text;
	} names[] = {
		{ DNS_A, "A" }, { DNS_NS, "NS" }, { DNS_CNAME, "CNAME" }, { DNS_SOA, "SOA" }, { DNS_PTR, "PTR" }, { 13, "HINFO" },
		{ DNS_MX, "MX" }, { DNS_TXT, "TXT" }, { DNS_AAAA, "AAAA" }, { DNS_SRV, "SRV" }, { 35, "NAPTR" }, { 39, "DNAME" },
		{ DNS_OPT, "OPT" }, { DNS_DS, "DS" }, { 44, "SSHFP" }, { DNS_RRSIG, "RRSIG" }, { DNS_NSEC, "NSEC" },
		{ DNS_DNSKEY, "DNSKEY" }, { 50, "NSEC3" }, { 51, "NSEC3PARAM" }, { DNS_TLSA, "TLSA" }, { DNS_CDS, "CDS" },
		{ DNS_CDNSKEY, "CDNSKEY" }, { 64, "SVCB" }, { 65, "HTTPS" }, { 99, "SPF" }, { 251, "IXFR" }, { 252, "AXFR" },
		{ DNS_ANY, "ANY" }, { 256, "URI" }, { DNS_CAA, "CAA" },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (names[i].type == type)
			return names[i].text;
	snprintf(dst, 16, "TYPE%u", type);
	return dst;
}

const char *dns_rcode_text(unsigned rcode, char dst[16])
{
	static const char *const names[] = { "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN",
		                             "YXRRSET", "NXRRSET", "NOTAUTH", "NOTZONE" };
	if (rcode < ARRAY_LEN(names))
		return names[rcode];
	snprintf(dst, 16, "RCODE%u", rcode);
	return dst;
}
