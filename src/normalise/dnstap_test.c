/* dnstap frames: what they hold, whose they are, what becomes an event, and every truncation. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "normalise/dnstap.h"
#include "normalise/event.h"
#include "normalise/schema.h"
#include "wire/cursor.h"
#include "wire/dns.h"

static struct orgs *orgs;

static int setup(void **state)
{
	(void)state;
	return orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\",\"resolver4\":"
	                      "\"100.64.1.53\",\"resolver6\":\"fd00::35\"},{\"code\":\"412023\",\"index\":2,\"interface\":\"o412023\"}],"
	                      "\"zones\":[{\"name\":\"city.example\",\"org\":\"412015\"},{\"name\":\"school.city.example\",\"org\":\"412023\"},"
	                      "{\"name\":\"cloud.example\",\"org\":\"service\"}]}"),
	                  &orgs, NULL);
}

static int teardown(void **state)
{
	(void)state;
	orgs_destroy(&orgs);
	return 0;
}

/* ---- frames as a name server makes them ---- */

static void put_varint(struct buf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		wr_u8(b, (uint8_t)(v | 0x80));
	wr_u8(b, (uint8_t)v);
}

static void put_number(struct buf *b, unsigned field, uint64_t v)
{
	put_varint(b, field << 3);
	put_varint(b, v);
}

static void put_bytes(struct buf *b, unsigned field, struct str s)
{
	put_varint(b, field << 3 | 2);
	put_varint(b, s.len);
	buf_str(b, s);
}

static void put_fixed(struct buf *b, unsigned field, uint32_t v)
{
	put_varint(b, field << 3 | 5);
	for (int i = 0; i < 4; i++)
		wr_u8(b, (uint8_t)(v >> 8 * i));
}

#define MESSAGE(flags, an, ns) "\x12\x34" flags "\0\1\0" an "\0" ns "\0\0\3Www\4city\7eXample\0\0\1\0\1"
#define ANSWER "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\300\0\2\1"

static void frame(struct buf *b, unsigned type, struct str server, struct str query, struct str response)
{
	struct buf m;
	buf_init(&m, 64 * KIB);
	put_number(&m, 1, type);
	put_number(&m, 2, 1);
	put_number(&m, 3, 1);
	put_bytes(&m, 4, STR("\x0a\1\0\5"));
	put_bytes(&m, 5, server);
	put_number(&m, 6, 40000);
	put_number(&m, 7, 53);
	put_number(&m, 8, 1795386357);
	put_fixed(&m, 9, 500000000);
	if (query.len)
		put_bytes(&m, 10, query);
	put_number(&m, 12, 1795386357);
	put_fixed(&m, 13, 623000000);
	if (response.len)
		put_bytes(&m, 14, response);
	put_bytes(&m, 99, STR("of a later version"));
	put_bytes(b, 1, STR("ns1"));
	put_bytes(b, 14, buf_view(&m));
	put_number(b, 15, 1);
	buf_done(&m);
}

static const char *event(struct str f, const char *product, struct buf *out)
{
	struct dnstap d;
	struct event e;
	struct err err = { 0 };
	assert_int_equal(dnstap_parse(f, &d), 0);
	buf_reset(out);
	const char *org = dnstap_event(&d, &(struct dnstap_place){ orgs, product, 1 }, out);
	if (!org)
		return NULL;
	assert_int_equal(event_parse(buf_view(out), &e), 0);
	if (schema_check(&e, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	event_done(&e);
	return org;
}

static void test_events(void **state)
{
#define SIDES_OF(server, zone) "\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40000},\"dst_endpoint\":{\"ip\":\"" server "\",\"port\":53}," \
	"\"connection_info\":{\"protocol_name\":\"udp\"},\"query\":{\"hostname\":\"www.city.example\",\"type\":\"A\"" zone "}"
#define SIDES(server) SIDES_OF(server, "")
	static const struct {
		unsigned type;
		struct str server, query, response;
		const char *org, *product, *event; /* behind product */
	} cases[] = {
		{ DNSTAP_CLIENT_RESPONSE, STR("\x64\x40\1\x35"), { "", 0 }, STR(MESSAGE("\x81\x80", "\1", "\0") ANSWER), "412015", "unbound",
		  SIDES("100.64.1.53") ",\"rcode\":\"NOERROR\",\"answers\":[{\"type\":\"A\",\"rdata\":\"192.0.2.1\",\"ttl\":60}],"
		  "\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"traffic\":{\"bytes_in\":50},\"duration\":123}" },
		{ DNSTAP_CLIENT_QUERY, STR("\x64\x40\1\x35"), STR(MESSAGE("\1\0", "\0", "\0")), { "", 0 }, "412015", "unbound",
		  SIDES("100.64.1.53") ",\"action\":\"Allowed\",\"disposition\":\"Dropped\"}" },
		/* a policy's denial: AA, and no SOA */
		{ DNSTAP_CLIENT_RESPONSE, STR("\x64\x40\1\x35"), { "", 0 }, STR(MESSAGE("\x85\x83", "\0", "\0")), "412015", "unbound",
		  SIDES("100.64.1.53") ",\"rcode\":\"NXDOMAIN\",\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"dns.policy\"},"
		  "\"traffic\":{\"bytes_in\":34},\"duration\":123}" },
		/* nobody's own address of the resolver */
		{ DNSTAP_CLIENT_RESPONSE, STR("\x64\x40\7\x35"), { "", 0 }, STR(MESSAGE("\x81\x83", "\0", "\0")), "service", "unbound",
		  SIDES("100.64.7.53") ",\"rcode\":\"NXDOMAIN\",\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"traffic\":{\"bytes_in\":34},"
		  "\"duration\":123}" },
		/* an authoritative server: the zone's */
		{ DNSTAP_AUTH_RESPONSE, STR("\xc6\x33\x64\x35"), { "", 0 }, STR(MESSAGE("\x84\0", "\1", "\0") ANSWER), "412015", "ns1",
		  SIDES_OF("198.51.100.53", ",\"zone\":\"city.example\"") ",\"rcode\":\"NOERROR\",\"answers\":[{\"type\":\"A\",\"rdata\":\"192.0.2.1\",\"ttl\":60}],"
		  "\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"traffic\":{\"bytes_in\":50},\"duration\":123}" },
	};
	struct buf f, out;
	(void)state;
	buf_init(&f, 64 * KIB);
	buf_init(&out, 64 * KIB);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		buf_reset(&f);
		frame(&f, cases[i].type, cases[i].server, cases[i].query, cases[i].response);
		const char *org = event(buf_view(&f), cases[i].product, &out);
		const char *text = buf_cstr(&out), *at = strstr(text, "\"src_endpoint\"");
		if (!org || strcmp(org, cases[i].org) != 0 || !at || strcmp(at, cases[i].event) != 0)
			fail_msg("case %zu: %s: %s", i, org ? org : "-", text);
		assert_non_null(strstr(text, "\"time\":1795386357500,"));
		for (size_t n = 0; n < f.len; n++) { /* no truncation is read beyond its end (ASan), whatever it says */
			_cleanup_free_ char *copy = mem_alloc(n + 1);
			struct dnstap d;
			memcpy(copy, f.ptr, n);
			if (dnstap_parse((struct str){ copy, n }, &d) == 0)
				dnstap_event(&d, &(struct dnstap_place){ orgs, "unbound", 1 }, &out);
		}
	}
	buf_done(&f);
	buf_done(&out);
}

static void test_malformed(void **state)
{
	struct dnstap d;
	struct buf f, out;
	(void)state;
	assert_int_equal(dnstap_parse(STR(""), &d), -E_INVALID);
	assert_int_equal(dnstap_parse(STR("\x72\xff\xff\xff\xff\x0f"), &d), -E_INVALID);   /* longer than the frame */
	assert_int_equal(dnstap_parse(STR("\x73"), &d), -E_INVALID);                       /* a group */
	assert_int_equal(dnstap_parse(STR("\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\1"), &d), -E_INVALID); /* an endless number */
	assert_int_equal(dnstap_parse(STR("\x72\2\x08\5"), &d), -E_INVALID);               /* no DNS message in it */
	buf_init(&f, KIB);
	buf_init(&out, 64 * KIB);
	frame(&f, DNSTAP_CLIENT_RESPONSE, STR("\x64\x40\1\x35"), (struct str){ "", 0 }, STR("\x12\x34\x81\x80\0\2"));
	assert_null(event(buf_view(&f), "unbound", &out));
	buf_done(&f);
	buf_done(&out);
}

static void test_zones(void **state)
{
	const char *zone;
	(void)state;
	assert_string_equal(orgs_by_zone(orgs, "city.example", &zone)->code, "412015");
	assert_string_equal(zone, "city.example");
	assert_string_equal(orgs_by_zone(orgs, "a.b.school.city.example", &zone)->code, "412023");
	assert_string_equal(zone, "school.city.example");
	assert_null(orgs_by_zone(orgs, "ns1.cloud.example", &zone));
	assert_string_equal(zone, "cloud.example");
	assert_null(orgs_by_zone(orgs, "xcity.example", &zone));
	assert_null(zone);
	assert_null(orgs_by_zone(orgs, "example", &zone));
	assert_null(orgs_by_zone(orgs, ".", &zone));
	assert_null(orgs_by_zone(orgs, "", &zone));
	assert_null(zone);
	assert_string_equal(orgs_by_resolver(orgs, 4, (const uint8_t *)"\x64\x40\1\x35")->code, "412015");
	assert_null(orgs_by_address(orgs, 4, (const uint8_t *)"\x64\x40\1\x35"));
	struct orgs *bad = NULL;
	assert_int_equal(orgs_parse(STR("{\"uplinks\":[\"w\"],\"orgs\":[],\"zones\":[{\"name\":\"a\",\"org\":\"412015\"}]}"), &bad, NULL), -E_INVALID);
	assert_int_equal(orgs_parse(STR("{\"uplinks\":[\"w\"],\"orgs\":[],\"zones\":[{\"name\":\"a\",\"org\":\"service\"},{\"name\":\"a\",\"org\":\"service\"}]}"),
	                            &bad, NULL), -E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_events), cmocka_unit_test(test_malformed), cmocka_unit_test(test_zones) };
	return cmocka_run_group_tests_name("normalise/dnstap", tests, setup, teardown);
}
