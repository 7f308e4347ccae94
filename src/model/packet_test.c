/* Questions about packets: how they are read, and the answers on two.json. The kernel's side is test/system/packet.t. */
#include "base/test.h"

#include "base/fs.h"
#include "base/mem.h"
#include "model/model_test.h"
#include "model/packet.h"

static const struct {
	const char *question, *id;
	enum packet_fate fate;
} cases[] = {
	{ "from 412015:10.1.2.9 to 203.0.113.40:443 at 2026-12-07T09:00:00+09:00", "r1", PACKET_PASS },
	{ "from 412015:10.1.2.9 to 203.0.113.40:443 at 2027-04-01T00:00:00+09:00", "default-out", PACKET_REFUSE }, /* its end */
	{ "from 412015:10.1.3.9 to 203.0.113.40:443", "default-out", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 203.0.113.9:124 udp", "r2", PACKET_PASS },
	{ "from 412015:10.1.3.9 to 203.0.113.9:125 udp", "default-out", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 203.0.113.9:443 udp", "quic", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 203.0.113.53:853", "doh", PACKET_REFUSE },
	{ "from 412015:2001:db8:4101::9 to [2001:db8:77::44]:3389 at 2026-12-07T22:00:00+09:00", "r4", PACKET_PASS },
	{ "from 412015:2001:db8:4101::9 to [2001:db8:77::44]:3389 at 2026-12-07T21:59:59+09:00", "default-out", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 10.22.0.1 icmp", "lateral", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 198.18.0.1:443", "lgwan", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 192.0.2.130:22", "management", PACKET_REFUSE },
	{ "from 412015:10.9.3.9 to 203.0.113.9:80", "spoof", PACKET_DROP },
	{ "from 412015:10.1.3.9 to 192.0.2.10:8080", "proxy", PACKET_SERVICE },
	{ "from 412015:10.1.3.9 to 192.0.2.10:8081", "local", PACKET_REFUSE },
	{ "from 412015:10.1.3.9 to 192.0.2.53:53 udp", "resolver", PACKET_SERVICE },
	{ "from 412015:10.1.3.9 to 100.64.1.1 icmp", "echo", PACKET_SERVICE },
	{ "from 412015:10.1.3.9 to 100.64.2.1 icmp", "local", PACKET_REFUSE },
	{ "from 203.0.113.113 to 198.51.100.111:8443 at 2026-12-07T23:00:00+09:00", "www", PACKET_PASS },
	{ "from 203.0.113.113 to 198.51.100.111:8443 at 2026-12-07T12:00:00+09:00", "default-in", PACKET_DROP },
	{ "from 203.0.113.9 to 198.51.100.111:8443 at 2026-12-07T23:00:00+09:00", "default-in", PACKET_DROP },
	{ "from 203.0.113.9 to 198.51.100.102:8443", "default-in", PACKET_DROP },
	{ "from 203.0.113.9 to 198.51.100.2:22", "default-node", PACKET_DROP },
	{ "from 203.0.113.9 to 198.51.100.53:53 udp", "name-server", PACKET_SERVICE },
	{ "from 203.0.113.9 to 198.51.100.53:80", "default-node", PACKET_DROP },
	{ "from 412015:10.1.3.9 to 198.51.100.53:53 udp", "local", PACKET_REFUSE },
	{ "from 203.0.113.9 to 198.51.100.77:22", "default-forward", PACKET_DROP },
	{ "from 10.1.3.9 to 198.51.100.111:8443", "spoof-wan4", PACKET_DROP },
	{ "from 2001:db8:113::1 to [2001:db8:100::65]:8443 udp", "www6", PACKET_PASS },
};

static const struct {
	const char *question, *msg;
} wrong[] = {
	{ "", "must read: from [CODE:]ADDRESS to ADDRESS:PORT [tcp|udp|icmp] [at TIME]" },
	{ "from 10.1.0.5", "must read: from [CODE:]ADDRESS to ADDRESS:PORT [tcp|udp|icmp] [at TIME]" },
	{ "from 412031:10.1.0.5 to 203.0.113.9:80", "\"412031:10.1.0.5\" names no organisation of the description" },
	{ "from 10.1.0.5/24 to 203.0.113.9:80", "\"10.1.0.5/24\" isn't an address" },
	{ "from 10.1.0.5 to 203.0.113.9", "\"203.0.113.9\" lacks its port" },
	{ "from 10.1.0.5 to 203.0.113.9:0", "\"203.0.113.9:0\" isn't an address and a port" },
	{ "from 10.1.0.5 to 203.0.113.9:65536", "\"203.0.113.9:65536\" isn't an address and a port" },
	{ "from 10.1.0.5 to 203.0.113.9:80 icmp", "\"203.0.113.9:80\" names a port, but ICMP has none" },
	{ "from 10.1.0.5 to [2001:db8::1]:80", "both addresses must be of one IP version" },
	{ "from 2001:db8::2 to [2001:db8::1:80", "\"[2001:db8::1:80\" isn't an address and a port" },
	{ "from 10.1.0.5 to 203.0.113.9:80 sctp", "\"sctp\" isn't tcp, udp, icmp or \"at\" and a time" },
	{ "from 10.1.0.5 to 203.0.113.9:80 at noon", "behind \"at\" stands a time, like 2026-12-07T09:00:00+09:00" },
};

static void test_packets(void **state)
{
	const int64_t now = 1796572800000; /* 2026-12-06T16:00:00Z, Monday 1:00 in Tokyo */
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct model *m = NULL;
	struct faults f = { 0 };
	struct policy_sets sets;
	struct arena a;
	size_t bad = 0;
	(void)state;
	arena_init(&a, MIB);
	assert_int_equal(model_load_canonical(str_from(text), &m, &f, NULL), 0);
	assert_int_equal(policy_sets(m, &a, &sets), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct packet p;
		struct decision d;
		struct err err = { 0 };
		char words[1024];
		if (packet_parse(m, str_from(cases[i].question), now, &p, &err) < 0)
			fail_msg("%s: %s", cases[i].question, err.msg);
		packet_decide(m, &sets, &p, &d);
		if (strcmp(d.id, cases[i].id) != 0 || d.fate != cases[i].fate) {
			print_error("%s: %s %d\n", cases[i].question, d.id, d.fate);
			bad++;
		}
		for (int ja = 0; ja < 2; ja++) {
			decision_words(&d, ja, words, sizeof words);
			assert_true(strlen(words) > 20 && strstr(words, d.id));
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		struct packet p;
		struct err err = { 0 };
		assert_int_equal(packet_parse(m, str_from(wrong[i].question), now, &p, &err), -E_INVALID);
		assert_string_equal(err.msg, wrong[i].msg);
	}
	assert_int_equal(bad, 0);
	model_destroy(&m);
	arena_done(&a);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_packets) };
	return cmocka_run_group_tests_name("model/packet", tests, NULL, NULL);
}
