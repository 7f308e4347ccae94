/* Packets, events and the schema: what goes in, what record comes out. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "normalise/accept.h"
#include "normalise/nflog.h"
#include "normalise/schema.h"

#include <arpa/inet.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

static struct orgs *orgs;

static int setup(void **state)
{
	(void)state;
	static const char json[] = "{\"v\":1,\"uplinks\":[\"wan0\"],\"orgs\":["
				   "{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\",\"publics\":[\"203.0.113.1\",\"2001:db8::1\"]},"
				   "{\"code\":\"412023\",\"index\":2,\"interface\":\"o412023\",\"publics\":[\"203.0.113.2\"]}]}";
	return orgs_parse(STR(json), &orgs, NULL);
}

static int teardown(void **state)
{
	(void)state;
	orgs_destroy(&orgs);
	return 0;
}

/* ---- nflog ---- */

static const char *link_name(uint32_t index, void *user)
{
	static const char *const names[] = { NULL, "wan0", "o412015", "o412023", "eth9" };
	(void)user;
	return index < ARRAY_LEN(names) ? names[index] : NULL;
}

static void attr(struct buf *b, uint16_t type, const void *p, size_t n)
{
	uint16_t h[2] = { (uint16_t)(4 + n), type };
	buf_put(b, h, 4);
	buf_put(b, p, n);
	buf_put(b, "\0\0\0", (4 - n % 4) % 4);
}

static void attr_u32(struct buf *b, uint16_t type, uint32_t v)
{
	v = htonl(v);
	attr(b, type, &v, 4);
}

#define IP4(proto, rest) "\x45\x00\x00\x28\x00\x01\x00\x00\x40" proto "\x00\x00\x0a\x01\x00\x05\xc6\x33\x64\x07" rest
#define IP6(next, rest) \
	"\x60\x00\x00\x00\x00\x28" next "\x40" \
	"\x20\x01\x0d\xb8\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x05" \
	"\x20\x01\x0d\xb8\x00\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09" rest
#define TCP "\x9c\x40\x01\xbb"

static const struct packet_case {
	const char *prefix;
	uint32_t mark, if_in;
	struct str payload;
	const char *event; /* what stands behind the time */
} packets[] = {
	{ "412015 default-out", 0, 2, STR(IP4("\x06", TCP)),
	  "\"org\":\"412015\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000,\"interface\":\"o412015\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":443},\"connection_info\":{\"protocol_num\":6,\"direction\":\"Outbound\"},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"default-out\"}}" },
	/* prefix without a body: mark, then interface, then global address, then nobody */
	{ "- spoof-wan4", 2, 1, STR(IP4("\x11", TCP)),
	  "\"org\":\"412023\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000,\"interface\":\"wan0\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":443},\"connection_info\":{\"protocol_num\":17,\"direction\":\"Inbound\"},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"spoof-wan4\"}}" },
	{ "412015 www:attack", 1, 1, STR(IP4("\x06", TCP)),
	  "\"org\":\"412015\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000,\"interface\":\"wan0\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":443},\"connection_info\":{\"protocol_num\":6,\"direction\":\"Inbound\"},"
	  "\"rule\":{\"uid\":\"www:attack\"}}" },
	{ "B:", 0, 3, STR(IP4("\x06", TCP)),
	  "\"org\":\"412023\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000,\"interface\":\"o412023\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":443},\"connection_info\":{\"protocol_num\":6,\"direction\":\"Outbound\"},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"block\"}}" },
	{ "B:B-20261122-0001", 0, 4, STR(IP4("\x01", "\x08\x00")),
	  "\"org\":\"service\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"interface\":\"eth9\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\"},\"connection_info\":{\"protocol_num\":1,\"icmp_type\":8,\"icmp_code\":0},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"block:B-20261122-0001\"}}" },
	{ "P:", 0, 3, STR(IP4("\x06", TCP)),
	  "\"org\":\"412023\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000,\"interface\":\"o412023\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":443},\"connection_info\":{\"protocol_num\":6,\"direction\":\"Outbound\"},"
	  "\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"rule\":{\"uid\":\"block-passed\"}}" },
	{ "- default-in", 0, 1,
	  STR("\x45\x00\x00\x28\x00\x01\x00\x00\x40\x06\x00\x00\xc6\x33\x64\x07\xcb\x00\x71\x01" TCP),
	  "\"org\":\"412015\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":40000,\"interface\":\"wan0\"},"
	  "\"dst_endpoint\":{\"ip\":\"203.0.113.1\",\"port\":443},\"connection_info\":{\"protocol_num\":6,\"direction\":\"Inbound\"},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"default-in\"}}" },
	/* a prefix that names a body that isn't there doesn't make one */
	{ "999999 x", 0, 0, STR(IP4("\x06", TCP)),
	  "\"org\":\"service\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\",\"port\":443},\"connection_info\":{\"protocol_num\":6},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"x\"}}" },
	{ "412015 lateral", 0, 2, STR(IP6("\x06", TCP)),
	  "\"org\":\"412015\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"2001:db8::5\",\"port\":40000,\"interface\":\"o412015\"},"
	  "\"dst_endpoint\":{\"ip\":\"2001:db8:1::9\",\"port\":443},\"connection_info\":{\"protocol_num\":6,\"direction\":\"Lateral\"},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"lateral\"}}" },
	/* a hostile prefix stays inside its string; a cut header leaves its fields out */
	{ "412015 a\"b\n\x1b[2J", 0, 0, STR(IP4("\x06", "\x9c")),
	  "\"org\":\"412015\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"10.1.0.5\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.7\"},\"connection_info\":{\"protocol_num\":6},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"a\\\"b??[2J\"}}" },
	/* not IP at all: still a record */
	{ "412015 x", 0, 0, STR("\x00\x01\x02"),
	  "\"org\":\"412015\",\"product\":\"nft\",\"src_endpoint\":{},\"dst_endpoint\":{},\"connection_info\":{},"
	  "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"x\"}}" },
};

static void test_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		const struct packet_case *c = &packets[i];
		struct nflog_packet p;
		struct buf m, out, want;
		struct event e;
		struct err err = { 0 };
		unsigned char when[16] = { 0, 0, 0, 0, 0x6b, 0x49, 0xd2, 0x00, 0, 0, 0, 0, 0, 0x07, 0xa1, 0x20 };
		buf_init(&m, 4096);
		buf_init(&out, 4096);
		buf_init(&want, 4096);
		buf_put(&m, "\x02\x00\x00\x01", 4);
		attr(&m, NFULA_PREFIX, c->prefix, strlen(c->prefix) + 1);
		attr(&m, NFULA_TIMESTAMP, when, sizeof when);
		attr_u32(&m, NFULA_SEQ, 7);
		if (c->mark)
			attr_u32(&m, NFULA_MARK, c->mark);
		if (c->if_in)
			attr_u32(&m, NFULA_IFINDEX_INDEV, c->if_in);
		attr(&m, NFULA_PAYLOAD, c->payload.ptr, c->payload.len);
		assert_int_equal(nflog_parse(buf_view(&m), &p), 0);
		assert_int_equal(p.group, 1);
		assert_true(p.has_seq && p.seq == 7);
		struct nflog_place where = { orgs, link_name, NULL, 5 };
		nflog_event(&p, &where, &out);
		buf_printf(&want, "{\"class_uid\":4001,\"time\":%lld,%s", 0x6b49d200LL * 1000 + 500, c->event);
		assert_string_equal(buf_cstr(&out), buf_cstr(&want));
		assert_int_equal(event_parse(buf_view(&out), &e), 0);
		if (schema_check(&e, &err) < 0)
			fail_msg("case %zu: %s: %s", i, err.path, err.msg);
		event_done(&e);
		buf_done(&m);
		buf_done(&out);
		buf_done(&want);
	}
}

static void test_headers(void **state)
{
	static const struct {
		struct str bytes;
		int r;
		bool ports, icmp, fragment;
		uint8_t protocol;
		uint16_t dst_port;
	} cases[] = {
		{ STR(IP4("\x06", TCP)), 0, true, false, false, 6, 443 },
		{ STR("\x46\x00\x00\x28\x00\x01\x00\x00\x40\x06\x00\x00\x0a\x01\x00\x05\xc6\x33\x64\x07\x83\x03\x04\x00" TCP), 0, true, false,
		  false, 6, 443 }, /* with an option */
		{ STR("\x45\x00\x00\x28\x00\x01\x20\x01\x40\x06\x00\x00\x0a\x01\x00\x05\xc6\x33\x64\x07" TCP), 0, false, false, true, 6, 0 },
		{ STR("\x44\x00\x00\x28\x00\x01\x00\x00\x40\x06\x00\x00\x0a\x01\x00\x05\xc6\x33\x64\x07" TCP), -E_INVALID, false, false,
		  false, 0, 0 }, /* a header of 16 bytes */
		{ STR("\x45\x00\x00\x28\x00\x01\x00\x00\x40\x06\x00\x00\x0a\x01\x00\x05\xc6\x33\x64"), -E_INVALID, false, false, false, 0, 0 },
		{ STR("\x4f\x00\x00\x28\x00\x01\x00\x00\x40\x06\x00\x00\x0a\x01\x00\x05\xc6\x33\x64\x07" TCP), 0, false, false, false, 6, 0 },
		{ STR(IP4("\x32", "\x01\x02\x03\x04")), 0, false, false, false, 50, 0 },
		{ STR(IP6("\x00", "\x06\x00\x01\x04\x00\x00\x00\x00" TCP)), 0, true, false, false, 6, 443 }, /* hop-by-hop */
		{ STR(IP6("\x2c", "\x11\x00\x00\x00\x00\x00\x00\x01" TCP)), 0, true, false, false, 17, 443 }, /* first fragment */
		{ STR(IP6("\x2c", "\x11\x00\x00\x08\x00\x00\x00\x01" TCP)), 0, false, false, true, 17, 0 },
		{ STR(IP6("\x33", "\x06\x02\x00\x00\x00\x00\x00\x01\x00\x00\x00\x01\x00\x00\x00\x00" TCP)), 0, true, false, false, 6, 443 },
		{ STR(IP6("\x3a", "\x80\x00")), 0, false, true, false, 58, 0 },
		{ STR(IP6("\x3c", "\x3c\xff")), 0, false, false, false, 60, 0 }, /* an option far longer than the packet */
		{ STR("\x60\x00"), -E_INVALID, false, false, false, 0, 0 },
		{ STR("\x20"), -E_INVALID, false, false, false, 0, 0 },
		{ STR(""), -E_INVALID, false, false, false, 0, 0 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ip_packet p;
		int r = ip_packet_parse(cases[i].bytes, &p);
		if (r != cases[i].r || (r == 0 && (p.has_ports != cases[i].ports || p.has_icmp != cases[i].icmp ||
		                                   p.fragment != cases[i].fragment || p.protocol != cases[i].protocol ||
		                                   p.dst_port != cases[i].dst_port)))
			fail_msg("case %zu: %d ports %d icmp %d fragment %d protocol %d port %d", i, r, p.has_ports, p.has_icmp,
			         p.fragment, p.protocol, p.dst_port);
	}
}

static void test_bad_attributes(void **state)
{
	static const struct str cases[] = {
		STR(""), STR("\x02\x00\x00"), STR("\x02\x00\x00\x01"), STR("\x02\x00\x00\x01\x03\x00\x09\x00"),
		STR("\x02\x00\x00\x01\xff\xff\x09\x00\x45"), STR("\x02\x00\x00\x01\x00\x00\x00\x00"),
		STR("\x02\x00\x00\x01\x04\x00\x09\x00"), /* an empty packet */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct nflog_packet p;
		if (nflog_parse(cases[i], &p) == 0)
			fail_msg("case %zu was taken", i);
	}
}

/* ---- accept ---- */

#define NOW 1795386357708LL
#define HEAD "{\"ingest_time\":1795386357708,\"org\":\"412015\",\"intake\":{\"source\":\"proxyd/0\",\"boot\":\"00000000000000ff\",\"sequence\":7}"

static void test_accept(void **state)
{
	static const struct {
		struct str in;
		const char *out;
		bool raw, schema_fault, skewed;
	} cases[] = {
		{ STR("{\"class_uid\":6002,\"time\":1795386357000,\"org\":\"412015\",\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}"),
		  HEAD ",\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}",
		  false, false, false },
		/* another body's name, a forged time of arrival and a second org don't get through; nor do newlines */
		{ STR("{\"org\":\"412023\",\"class_uid\":6002,\n\"time\":1795386357000,\"product\":\"torided\",\"org\":\"412031\",\"ingest_time\":1,"
		      "\"intake\":{\"source\":\"x\"},\"app\":{\"name\":\"a\\nb\"},\"activity_name\":\"Start\"}"),
		  HEAD ",\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"a\\nb\"},\"activity_name\":\"Start\"}",
		  false, false, false },
		{ STR("{\"class_uid\":6002,\"time\":1795385000000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Stop\"}"),
		  HEAD ",\"clock_skew_ms\":-1357708,\"class_uid\":6002,\"time\":1795385000000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Stop\"}",
		  false, false, true },
		/* a member of ours behind an escape; a newline or blank at the end, or none between; a newline within a value stays one */
		{ STR("{\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"\\u006frg\":\"412023\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}"),
		  HEAD ",\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}",
		  false, false, false },
		{ STR("{\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}\r\n"),
		  HEAD ",\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}",
		  false, false, false },
		{ STR(" {\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\\r\\n\"},\"activity_name\":\"Start\"} "),
		  HEAD ",\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\\r\\n\"},\"activity_name\":\"Start\"}",
		  false, false, false },
		{ STR("{\"class_uid\":6002,\"time\":1795386357000,\"product\":\"torided\",\"app\":{\"name\":\"x\"},\"activity_name\":\"Start\"}{\"org\":\"412023\"}"),
		  HEAD ",\"class_uid\":0,\"time\":1795386357708,\"product\":\"proxyd/0\",\"message\":\"not a JSON object\",\"raw\":\"eyJjbGFzc191aWQiOjYwMDIsInRpbWUiOjE3OTUzODYzNTcwMDAsInByb2R1Y3QiOiJ0b3JpZGVkIiwiYXBwIjp7Im5hbWUiOiJ4In0sImFjdGl2aXR5X25hbWUiOiJTdGFydCJ9eyJvcmciOiI0MTIwMjMifQ==\"}",
		  true, false, false },
		{ STR("{ }"), HEAD ",\"time\":1795386357708}", false, true, false },
		{ STR("{\"class_uid\":4002}"), HEAD ",\"time\":1795386357708,\"class_uid\":4002}", false, true, false },
		{ STR("{\"time\":-9223372036854775808}"), HEAD ",\"time\":-9223372036854775808}", false, true, false },
		{ STR("{}"), HEAD ",\"time\":1795386357708}", false, true, false },
		{ STR("[1]"), HEAD ",\"class_uid\":0,\"time\":1795386357708,\"product\":\"proxyd/0\",\"message\":\"not a JSON object\",\"raw\":\"WzFd\"}",
		  true, false, false },
		{ STR("{\"a\":1} x"), HEAD ",\"class_uid\":0,\"time\":1795386357708,\"product\":\"proxyd/0\",\"message\":\"not a JSON object\",\"raw\":\"eyJhIjoxfSB4\"}",
		  true, false, false },
		{ STR("{\"a\":\"\xff\"}"), HEAD ",\"class_uid\":0,\"time\":1795386357708,\"product\":\"proxyd/0\",\"message\":\"not a JSON object\",\"raw\":\"eyJhIjoi/yJ9\"}",
		  true, false, false },
		{ STR(""), HEAD ",\"class_uid\":0,\"time\":1795386357708,\"product\":\"proxyd/0\",\"message\":\"not a JSON object\",\"raw\":\"\"}",
		  true, false, false },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct accept_from from = { "412015", NOW, "proxyd/0", 255, 7, NULL };
		struct accept_result res;
		struct buf b;
		struct event e;
		buf_init(&b, MIB);
		accept_event(cases[i].in, &from, &b, &res);
		assert_string_equal(buf_cstr(&b), cases[i].out);
		if (res.raw != cases[i].raw || res.schema_fault != cases[i].schema_fault || res.skewed != cases[i].skewed)
			fail_msg("case %zu: raw %d schema %d (%s) skewed %d", i, res.raw, res.schema_fault, res.fault, res.skewed);
		assert_null(memchr(b.ptr, '\n', b.len));
		assert_int_equal(event_parse(buf_view(&b), &e), 0);
		assert_true(str_eq(event_str(&e, "org"), STR("412015")));
		assert_true(str_eq(event_str(&e, "intake.source"), STR("proxyd/0")));
		event_done(&e);
		buf_done(&b);
	}
}

static void test_accept_large(void **state)
{
	(void)state;
	struct buf in, b;
	struct accept_from from = { "service", NOW, NULL, 0, 0, NULL };
	struct accept_result res;
	buf_init(&in, MIB);
	buf_init(&b, MIB);
	buf_puts(&in, "{\"a\":\"");
	while (in.len < EVENT_MAX)
		buf_puts(&in, "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx");
	buf_puts(&in, "\"}");
	accept_event(buf_view(&in), &from, &b, &res);
	assert_true(res.raw && b.failed == 0 && b.len < 2 * EVENT_MAX);
	/* no memory, and no room: told, never half a record taken for one */
	for (long at = 1; at < 8; at++) {
		struct buf c;
		buf_init(&c, MIB);
		mem_fail_at(at);
		accept_event(STR("{\"class_uid\":4002,\"time\":1}"), &from, &c, &res);
		long n = mem_count();
		mem_fail_at(0);
		assert_true(c.failed || at > n);
		buf_done(&c);
	}
	struct buf small;
	buf_init(&small, 40);
	accept_event(STR("{\"class_uid\":4002,\"time\":1}"), &from, &small, &res);
	assert_int_equal(small.failed, -E_LIMIT);
	buf_done(&small);
	buf_done(&in);
	buf_done(&b);
}

static void test_schema(void **state)
{
	static const struct {
		const char *json, *path; /* NULL: fine */
	} cases[] = {
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"10.1.0.5\"},\"action\":\"Allowed\",\"disposition\":\"Allowed\"}", NULL },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"\"},\"action\":\"Allowed\",\"disposition\":\"Allowed\"}", "src_endpoint.ip" },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"action\":\"Allowed\",\"disposition\":\"Allowed\"}", "src_endpoint" },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{},\"action\":\"allowed\",\"disposition\":\"Allowed\"}", "action" },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{},\"action\":\"Denied\",\"disposition\":\"Blocked\",\"file\":{\"hash\":\"12\"}}", "file.hash" },
		{ "{\"class_uid\":4002,\"time\":\"1\",\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{},\"action\":\"Denied\",\"disposition\":\"Blocked\"}", "time" },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{},\"action\":\"Denied\",\"disposition\":\"Blocked\",\"tls\":{\"intercepted\":1}}", "tls.intercepted" },
		{ "{\"class_uid\":6003,\"time\":1,\"org\":\"service\",\"product\":\"controld\",\"actor\":{\"user\":\"x\"},\"api\":{\"operation\":\"apply\"},\"status\":\"Success\"}", NULL },
		{ "{\"class_uid\":6003,\"time\":1,\"org\":\"service\",\"product\":\"controld\",\"api\":{\"operation\":\"apply\"},\"status\":\"Success\"}", "actor.user" },
		{ "{\"class_uid\":9999,\"time\":1,\"org\":\"service\",\"product\":\"x\"}", "class_uid" },
		{ "{\"class_uid\":0,\"time\":1,\"org\":\"service\",\"product\":\"x\"}", NULL },
		{ "{\"class_uid\":0,\"time\":1,\"org\":\"412015\",\"product\":\"syslog\",\"device\":{\"name\":\"fw1\"},\"raw_data\":\"x\"}", NULL },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"x\",\"ip\":\"\"},\"action\":\"Allowed\",\"disposition\":\"Allowed\"}", NULL },
		{ "{\"class_uid\":4002,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"\",\"ip\":\"x\"},\"action\":\"Allowed\",\"disposition\":\"Allowed\"}", "src_endpoint.ip" },
		{ "{\"class_uid\":2004,\"time\":1,\"org\":\"412015\",\"product\":\"suricata\",\"src_endpoint\":{},\"src_endpoint\":{\"ip\":\"10.0.0.1\"},\"dst_endpoint\":{\"ip\":\"10.0.0.2\"},"
		  "\"rule\":{\"uid\":\"1\"},\"action\":\"Denied\",\"disposition\":\"Blocked\"}", "src_endpoint.ip" },
		{ "{\"class_uid\":2004,\"time\":1,\"org\":\"412015\",\"product\":\"suricata\",\"src_endpoint\":\"10.0.0.1\",\"dst_endpoint\":{\"ip\":\"10.0.0.2\"},"
		  "\"rule\":{\"uid\":\"1\"},\"action\":\"Denied\",\"disposition\":\"Blocked\"}", "src_endpoint.ip" },
		{ "{\"class_uid\":2004,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{\"ip\":\"10.0.0.1\"},\"dst_endpoint\":{\"ip\":\"10.0.0.2\"},"
		  "\"rule\":{\"uid\":\"1\"},\"action\":\"Denied\",\"disposition\":\"Blocked\"}", "product" },
		{ "{\"class_uid\":4002,\"class_uid\":9999,\"time\":1,\"org\":\"412015\",\"product\":\"proxyd\",\"src_endpoint\":{},\"action\":\"Allowed\",\"disposition\":\"Allowed\"}", NULL },
		{ "{\"class_uid\":0,\"time\":1,\"org\":\"412015\",\"product\":\"syslog\",\"device\":{\"name\":\"\"},\"raw_data\":\"x\"}", "device.name" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct event e;
		struct err err = { 0 };
		assert_int_equal(event_parse(str_from(cases[i].json), &e), 0);
		int r = schema_check(&e, &err);
		if ((r == 0) != (cases[i].path == NULL) || (r < 0 && strcmp(err.path, cases[i].path) != 0))
			fail_msg("case %zu: %d %s: %s", i, r, err.path, err.msg);
		event_done(&e);
		/* What accept_event() says of what came in is what the record is. */
		struct buf b;
		struct accept_result res;
		buf_init(&b, MIB);
		accept_event(str_from(cases[i].json), &(struct accept_from){ .org = "412015", .now_ms = 1 }, &b, &res);
		assert_int_equal(event_parse(buf_view(&b), &e), 0);
		assert_int_equal(schema_check(&e, &err) < 0, res.schema_fault);
		event_done(&e);
		buf_done(&b);
	}
}

/* The golden event of doc/interfaces, and that handing it in again changes nothing but what intaked says. */
static void test_golden(void **state)
{
	(void)state;
	const char *source = getenv("TORIDE_SOURCE");
	struct accept_from from = { "412015", 1795386357708, "proxyd/0", 0x9f3c5a1d20b7e64c, 1201, sender_find("proxyd") };
	struct accept_result res;
	struct buf golden, b;
	struct err err = { 0 };
	char path[512];
	snprintf(path, sizeof path, "%s/doc/interfaces/event.json", source ? source : ".");
	if (!source && !fs_exists(path))
		skip();
	buf_init(&golden, MIB);
	buf_init(&b, MIB);
	assert_int_equal(fs_read(path, &golden, NULL), 0);
	golden.len--; /* its newline */
	accept_event(buf_view(&golden), &from, &b, &res);
	assert_false(res.raw || res.schema_fault || res.skewed);
	assert_string_equal(buf_cstr(&b), buf_cstr(&golden));
	struct event e;
	assert_int_equal(event_parse(buf_view(&b), &e), 0);
	assert_int_equal(schema_check(&e, &err), 0);
	event_done(&e);
	buf_done(&golden);
	buf_done(&b);
}

static void test_orgs(void **state)
{
	static const char *const bad[] = {
		"", "[]", "{}", "{\"uplinks\":[\"w\"],\"orgs\":{}}", "{\"uplinks\":[\"w\"],\"orgs\":[{\"code\":\"412015\"}]}",
		"{\"uplinks\":[\"w\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"a\"},{\"code\":\"412015\",\"index\":2,\"interface\":\"b\"}]}",
		"{\"uplinks\":[\"w\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"a\"},{\"code\":\"412023\",\"index\":1,\"interface\":\"b\"}]}",
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct orgs *o = NULL;
		if (orgs_parse(str_from(bad[i]), &o, NULL) == 0)
			fail_msg("case %zu was taken", i);
	}
	assert_int_equal(orgs_count(orgs), 2);
	assert_string_equal(orgs_by_interface(orgs, "o412023")->code, "412023");
	assert_null(orgs_by_index(orgs, 65537));
	assert_null(orgs_by_code(orgs, STR("412031")));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_packets), cmocka_unit_test(test_headers),      cmocka_unit_test(test_bad_attributes),
		cmocka_unit_test(test_accept),  cmocka_unit_test(test_accept_large), cmocka_unit_test(test_schema),
		cmocka_unit_test(test_orgs),    cmocka_unit_test(test_golden),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("normalise", tests, setup, teardown);
}
