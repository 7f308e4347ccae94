/* Lines of EVE as Suricata 7 writes them: whose they are, who opened the connection, what was stopped, what is left out. */
#include "base/test.h"

#include "base/mem.h"
#include "normalise/eve.h"
#include "normalise/event.h"
#include "normalise/schema.h"

static struct orgs *orgs;

static int setup(void **state)
{
	(void)state;
	return orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\",\"publics\":["
	                      "\"198.51.100.101\",\"2001:db8:100::65\"],\"packet_days\":30},{\"code\":\"412023\",\"index\":2,\"interface\":\"o412023\","
	                      "\"publics\":[\"198.51.100.102\"],\"leg\":[{\"place\":\"100.64.2.161\",\"origin\":\"10.1.0.80\"},"
	                      "{\"place\":\"fd00:64:2::a1\",\"origin\":\"2001:db8:4102::80\"}]}]}"),
	                  &orgs, NULL);
}

static int teardown(void **state)
{
	(void)state;
	orgs_destroy(&orgs);
	return 0;
}

#define TIME "\"timestamp\":\"2026-11-22T19:00:00.123456+0900\""
#define ALERT(gid, action) ALERT_FOR(gid, action, "")
#define ALERT_FOR(gid, action, xff) "\"alert\":{" xff "\"action\":\"" action "\",\"gid\":" gid ",\"signature_id\":9100009,\"rev\":2,\"signature\":\"TORIDE x\",\"category\":\"A trojan\",\"severity\":1}"
#define FLOW "\"flow\":{\"pkts_toserver\":3,\"src_ip\":\"198.51.100.101\",\"dest_ip\":\"203.0.113.66\",\"src_port\":40001,\"dest_port\":80}"
#define BACK "\"src_ip\":\"203.0.113.66\",\"src_port\":80,\"dest_ip\":\"198.51.100.101\",\"dest_port\":40001,\"proto\":\"TCP\""

static const struct {
	const char *line, *org, *event; /* event NULL: nothing is kept */
} cases[] = {
	/* the packet came back; who opened the connection is the source all the same */
	{ "{" TIME ",\"event_type\":\"alert\"," BACK "," ALERT("1", "blocked") ",\"app_proto\":\"http\",\"http\":{\"hostname\":\"login.phish.example\","
	  "\"url\":\"/photo.png?user=taro\",\"http_user_agent\":\"curl\",\"http_method\":\"GET\",\"status\":200,\"http_content_type\":\"image/png\"}," FLOW "}",
	  "412015",
	  "{\"class_uid\":2004,\"time\":1795341600123,\"org\":\"412015\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"198.51.100.101\","
	  "\"port\":40001},\"dst_endpoint\":{\"ip\":\"203.0.113.66\",\"port\":80,\"hostname\":\"login.phish.example\"},\"connection_info\":{"
	  "\"protocol_name\":\"TCP\",\"application\":\"http\",\"direction\":\"Outbound\"},\"rule\":{\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\","
	  "\"category\":\"A trojan\"},\"mode\":\"prevent\",\"priority\":1,\"action\":\"Denied\",\"disposition\":\"Blocked\",\"http_request\":{"
	  "\"http_method\":\"GET\",\"user_agent\":\"curl\",\"url\":{\"hostname\":\"login.phish.example\",\"path\":\"/photo.png\"}},"
	  "\"http_response\":{\"code\":200,\"content_type\":\"image/png\"}}" },
	/* the sites' server asks an origin of the second body's for somebody on the Internet */
	{ "{\"in_iface\":\"i-toride-leg\",\"event_type\":\"alert\",\"src_ip\":\"100.64.2.80\",\"src_port\":40001,\"dest_ip\":\"100.64.2.161\","
	  "\"dest_port\":80," ALERT_FOR("1", "blocked", "\"xff\":\"203.0.113.77\",") "}", "412023",
	  "{\"class_uid\":2004,\"time\":7,\"org\":\"412023\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"203.0.113.77\"},\"dst_endpoint\":{"
	  "\"ip\":\"10.1.0.80\",\"port\":80},\"connection_info\":{\"direction\":\"Inbound\"},\"rule\":{\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\","
	  "\"category\":\"A trojan\"},\"mode\":\"prevent\",\"priority\":1,\"action\":\"Denied\",\"disposition\":\"Blocked\"}" },
	/* by IPv6, an answer of the origin's; what says it is asked for somebody who can't be read is the server's own */
	{ "{\"in_iface\":\"toride-leg-p\",\"event_type\":\"alert\",\"flow\":{\"src_ip\":\"fd00:64:2::50\",\"src_port\":40001,\"dest_ip\":\"fd00:64:2::a1\","
	  "\"dest_port\":80}," ALERT_FOR("2", "allowed", "\"xff\":\"unknown\",") "}", "412023",
	  "{\"class_uid\":2004,\"time\":7,\"org\":\"412023\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"fd00:64:2::50\",\"port\":40001},"
	  "\"dst_endpoint\":{\"ip\":\"2001:db8:4102::80\",\"port\":80},\"connection_info\":{\"direction\":\"Inbound\"},\"rule\":{\"uid\":\"9100009\","
	  "\"version\":2,\"name\":\"TORIDE x\",\"category\":\"A trojan\"},\"mode\":\"detect\",\"priority\":1,\"action\":\"Allowed\","
	  "\"disposition\":\"Allowed\"}" },
	/* what somebody on the line says of whom he asks for is nobody's word */
	{ "{\"in_iface\":\"line0\",\"event_type\":\"alert\",\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.102\",\"proto\":\"TCP\","
	  ALERT_FOR("2", "allowed", "\"xff\":\"10.9.9.9\",") "}", "412023",
	  "{\"class_uid\":2004,\"time\":7,\"org\":\"412023\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"203.0.113.66\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.102\"},\"connection_info\":{\"protocol_name\":\"TCP\",\"direction\":\"Inbound\"},\"rule\":{"
	  "\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\",\"category\":\"A trojan\"},\"mode\":\"detect\",\"priority\":1,\"action\":\"Allowed\","
	  "\"disposition\":\"Allowed\"}" },
	/* no flow: the packet is all there is; a body that detects */
	{ "{" TIME ",\"event_type\":\"alert\",\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.102\",\"proto\":\"ICMP\"," ALERT("2", "allowed") "}",
	  "412023",
	  "{\"class_uid\":2004,\"time\":1795341600123,\"org\":\"412023\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"203.0.113.66\"},"
	  "\"dst_endpoint\":{\"ip\":\"198.51.100.102\"},\"connection_info\":{\"protocol_name\":\"ICMP\",\"direction\":\"Inbound\"},\"rule\":{"
	  "\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\",\"category\":\"A trojan\"},\"mode\":\"detect\",\"priority\":1,\"action\":\"Allowed\","
	  "\"disposition\":\"Allowed\"}" },
	/* by IPv6; on trial, the other way round; nobody's time */
	{ "{\"event_type\":\"alert\",\"src_ip\":\"2001:db8:100::65\",\"dest_ip\":\"2001:db8:113::66\"," ALERT("6", "allowed") "}", "412015",
	  "{\"class_uid\":2004,\"time\":7,\"org\":\"412015\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"2001:db8:100::65\"},\"dst_endpoint\":{"
	  "\"ip\":\"2001:db8:113::66\"},\"connection_info\":{\"direction\":\"Outbound\"},\"rule\":{\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\","
	  "\"category\":\"A trojan\"},\"mode\":\"trial\",\"priority\":1,\"action\":\"Allowed\",\"disposition\":\"Allowed\"}" },
	/* nobody's addresses: the service's */
	{ "{\"event_type\":\"drop\",\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.2\",\"drop\":{\"reason\":\"stream memcap\"}}", "service",
	  "{\"class_uid\":4001,\"time\":7,\"org\":\"service\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"203.0.113.66\"},\"dst_endpoint\":{\"ip\":"
	  "\"198.51.100.2\"},\"connection_info\":{},\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"ips-stream-memcap\"}}" },
	/* decrypted by the proxy: the terminal's own address, whose it is by the VLAN; elsewhere a VLAN says nothing */
	{ "{" TIME ",\"in_iface\":\"toride-mirror-i\",\"vlan\":[2],\"event_type\":\"alert\",\"src_ip\":\"10.1.0.5\",\"src_port\":40001,\"dest_ip\":\"203.0.113.66\","
	  "\"dest_port\":443,\"proto\":\"TCP\"," ALERT("2", "allowed") "}", "412023",
	  "{\"class_uid\":2004,\"time\":1795341600123,\"org\":\"412023\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":40001},"
	  "\"dst_endpoint\":{\"ip\":\"203.0.113.66\",\"port\":443},\"connection_info\":{\"protocol_name\":\"TCP\",\"direction\":\"Outbound\"},\"rule\":{"
	  "\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\",\"category\":\"A trojan\"},\"mode\":\"detect\",\"priority\":1,\"action\":\"Allowed\","
	  "\"disposition\":\"Allowed\"}" },
	{ "{" TIME ",\"in_iface\":\"line0\",\"vlan\":[2],\"event_type\":\"alert\",\"src_ip\":\"10.1.0.5\",\"dest_ip\":\"203.0.113.66\"," ALERT("2", "allowed") "}", "service", "{\"class_uid\":2004,\"time\":1795341600123,\"org\":\"service\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"10.1.0.5\"},\"dst_endpoint\":{\"ip\":\"203.0.113.66\"},\"connection_info\":{},\"rule\":{\"uid\":\"9100009\",\"version\":2,\"name\":\"TORIDE x\",\"category\":\"A trojan\"},\"mode\":\"detect\",\"priority\":1,\"action\":\"Allowed\",\"disposition\":\"Allowed\"}" },
	{ "{\"event_type\":\"drop\",\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.101\",\"drop\":{\"reason\":\"rules\"}}", NULL, NULL },
	{ "{\"event_type\":\"flow\"}", NULL, NULL },
};

static void test_lines(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct eve_place where = { orgs, 7, NULL };
		struct eve_stats st;
		enum eve_kind kind;
		const char *org = "";
		struct event e;
		struct err err;
		struct buf b;
		buf_init(&b, 64 * KIB);
		assert_int_equal(eve_line(str_from(cases[i].line), &where, &b, &kind, &org, &st), 0);
		assert_int_equal(kind, cases[i].event ? EVE_EVENT : EVE_IGNORED);
		if (cases[i].event) {
			assert_string_equal(org, cases[i].org);
			assert_string_equal(buf_cstr(&b), cases[i].event);
			assert_int_equal(event_parse(buf_view(&b), &e), 0);
			if (schema_check(&e, &err) < 0)
				fail_msg("%s: %s", err.path, err.msg);
			event_done(&e);
		}
		buf_done(&b);
	}
}

/* ---- packets */

#define PACKET(data) "\"packet\":\"" data "\",\"packet_info\":{\"linktype\":1}"
#define KEPT(src, dst, more) "{\"class_uid\":4001,\"time\":1795341600123,\"org\":\"412015\",\"product\":\"suricata\",\"src_endpoint\":{\"ip\":\"" src "\"},\"dst_endpoint\":" \
	"{\"ip\":\"" dst "\"},\"connection_info\":{" more "\"uid\":\"77\"},\"packet\":{\"time_us\":1795341600123456,\"linktype\":1,\"length\":5,\"data\":\"aGVsbG8=\"}}"
#define OUT "\"flow_id\":77,\"src_ip\":\"198.51.100.101\",\"dest_ip\":\"203.0.113.66\""

static const struct {
	const char *line, *packet; /* "": none is kept */
	enum eve_kind kind;
} packets[] = {
	{ "{" TIME ",\"event_type\":\"alert\"," OUT "," PACKET("aGVsbG8=") "," ALERT("1", "blocked") "}", KEPT("198.51.100.101", "203.0.113.66", "\"direction\":\"Outbound\","), EVE_EVENT },
	{ "{" TIME ",\"event_type\":\"alert\"," OUT "," PACKET("aGVsbG8=") "," ALERT("5", "allowed") "}", KEPT("198.51.100.101", "203.0.113.66", "\"direction\":\"Outbound\","), EVE_EVENT },
	/* one that follows, on its way back */
	{ "{" TIME ",\"event_type\":\"packet\",\"flow_id\":77,\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.101\"," PACKET("aGVsbG8=") "}",
	  KEPT("203.0.113.66", "198.51.100.101", "\"direction\":\"Inbound\","), EVE_PACKET },
	/* decrypted by the proxy: whose it is the VLAN says, and in both directions */
	{ "{" TIME ",\"in_iface\":\"toride-mirror-i\",\"vlan\":[1],\"event_type\":\"packet\",\"flow_id\":77,\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"10.1.0.5\"," PACKET("aGVsbG8=") "}",
	  KEPT("203.0.113.66", "10.1.0.5", "\"direction\":\"Outbound\","), EVE_PACKET },
	/* on trial; of a body that keeps none; of nobody; not a packet */
	{ "{" TIME ",\"event_type\":\"alert\"," OUT "," PACKET("aGVsbG8=") "," ALERT("3", "allowed") "}", "", EVE_EVENT },
	{ "{" TIME ",\"event_type\":\"alert\"," OUT "," PACKET("aGVsbG8=") "," ALERT("6", "allowed") "}", "", EVE_EVENT },
	{ "{" TIME ",\"event_type\":\"alert\",\"flow_id\":77,\"src_ip\":\"198.51.100.102\",\"dest_ip\":\"203.0.113.66\"," PACKET("aGVsbG8=") "," ALERT("2", "allowed") "}", "", EVE_EVENT },
	{ "{" TIME ",\"event_type\":\"packet\",\"flow_id\":77,\"src_ip\":\"203.0.113.67\",\"dest_ip\":\"203.0.113.66\"," PACKET("aGVsbG8=") "}", "", EVE_PACKET },
	{ "{" TIME ",\"event_type\":\"packet\"," OUT "," PACKET("aGVsbG8") "}", "", EVE_PACKET },
	{ "{" TIME ",\"event_type\":\"packet\"," OUT "," PACKET("aGVs\\nG8=") "}", "", EVE_PACKET },
	{ "{" TIME ",\"event_type\":\"packet\"," OUT "," PACKET("a=Vs") "}", "", EVE_PACKET },
	{ "{" TIME ",\"event_type\":\"packet\"," OUT "," PACKET("") "}", "", EVE_PACKET },
	{ "{" TIME ",\"event_type\":\"packet\"," OUT ",\"packet\":7}", "", EVE_PACKET },
};

static void test_packets(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(packets); i++) {
		struct buf b, packet;
		buf_init(&b, 64 * KIB);
		buf_init(&packet, 64 * KIB);
		struct eve_place where = { orgs, 7, &packet };
		struct eve_stats st;
		struct event e;
		enum eve_kind kind;
		const char *org = "";
		assert_int_equal(eve_line(str_from(packets[i].line), &where, &b, &kind, &org, &st), 0);
		assert_int_equal(kind, packets[i].kind);
		assert_string_equal(buf_cstr(&packet), packets[i].packet);
		assert_null(b.len ? strstr(buf_cstr(&b), "aGVs") : NULL); /* in no event, nor anywhere else */
		if (packet.len) {
			assert_string_equal(org, "412015");
			assert_int_equal(event_parse(buf_view(&packet), &e), 0);
			assert_int_equal(schema_check(&e, NULL), 0);
			event_done(&e);
		}
		buf_done(&b);
		buf_done(&packet);
	}
}

/* A datagram of 64 KiB is told of, and its beginning kept: a larger line is no way past the watch. */
static void test_large_packet(void **state)
{
	(void)state;
	struct buf line, b, packet;
	struct eve_stats st;
	enum eve_kind kind;
	const char *org = "";
	buf_init(&line, MIB);
	buf_init(&b, 64 * KIB);
	buf_init(&packet, 64 * KIB);
	buf_puts(&line, "{" TIME ",\"event_type\":\"alert\"," OUT "," ALERT("1", "blocked") ",\"packet\":\"");
	for (int i = 0; i < 65535 / 3; i++)
		buf_puts(&line, "AAAA");
	buf_puts(&line, "\",\"packet_info\":{\"linktype\":1}}");
	struct eve_place where = { orgs, 7, &packet };
	assert_int_equal(eve_line(buf_view(&line), &where, &b, &kind, &org, &st), 0);
	assert_int_equal(kind, EVE_EVENT);
	assert_non_null(strstr(buf_cstr(&packet), "\"length\":65535,"));
	assert_true(packet.len > EVE_PACKET_MAX / 3 * 4 && packet.len < EVE_PACKET_MAX / 3 * 4 + 500);
	buf_done(&line);
	buf_done(&b);
	buf_done(&packet);
}

static void test_stats(void **state)
{
	(void)state;
	static const char text[] = "{\"event_type\":\"stats\",\"stats\":{\"capture\":{\"kernel_packets\":900,\"kernel_drops\":3},\"ips\":{\"accepted\":880,"
	                           "\"blocked\":17},\"detect\":{\"alert\":5}}}";
	struct eve_place where = { orgs, 7, NULL };
	struct eve_stats st;
	enum eve_kind kind;
	const char *org;
	struct buf b;
	buf_init(&b, 64);
	assert_int_equal(eve_line(str_from(text), &where, &b, &kind, &org, &st), 0);
	assert_int_equal(kind, EVE_STATS);
	assert_true(st.packets == 900 && st.kernel_drops == 3 && st.blocked == 17);
	assert_int_equal(b.len, 0);
	buf_done(&b);
}

static void test_refused(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"", "x", "[]", "{}", "{\"event_type\":7}", "{\"event_type\":\"alert\"}",
		"{\"event_type\":\"alert\",\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.102\"}",
		"{\"event_type\":\"alert\",\"src_ip\":\"x\",\"dest_ip\":\"198.51.100.102\"," ALERT("1", "allowed") "}",
		"{\"event_type\":\"alert\",\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.102\",\"alert\":{\"signature_id\":0}}",
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct eve_place where = { orgs, 7, NULL };
		struct eve_stats st;
		enum eve_kind kind;
		const char *org;
		struct buf b;
		buf_init(&b, 64 * KIB);
		if (eve_line(str_from(bad[i]), &where, &b, &kind, &org, &st) != -E_INVALID)
			fail_msg("taken: %s", bad[i]);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_lines), cmocka_unit_test(test_packets), cmocka_unit_test(test_large_packet), cmocka_unit_test(test_stats), cmocka_unit_test(test_refused) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
