/* A body's devices on a held clock: silence and its end, clocks that are off, senders that aren't what they say. */
#include "base/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "recv/source.h"

#include <stdio.h>
#include <stdlib.h>

#define NOW 1795914000000LL

static struct {
	char dir[64];
	struct stats *stats;
	struct events *events;
	struct conf conf;
	struct origin origin;
} t;

static const char config[] = "{\"v\":1,\"addr4\":\"192.0.2.14\",\"port\":514,\"tls_port\":6514,\"orgs\":[{\"code\":\"412015\",\"interface\":\"o412015\",\"sources\":["
	"{\"name\":\"fw1\",\"addr\":\"10.1.0.254\",\"format\":\"syslog\",\"zone_s\":32400,\"silent_s\":600,\"certificate\":\"\"},"
	"{\"name\":\"ad1\",\"addr\":\"10.1.0.20\",\"format\":\"windows\",\"zone_s\":0,\"silent_s\":0,\"certificate\":"
	"\"00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff00ff\"}]}]}";

static int setup(void **state)
{
	char path[128];
	(void)state;
	snprintf(t.dir, sizeof t.dir, "/tmp/toride-recv-test.XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	setenv("TORIDE_RUN", t.dir, 1);
	snprintf(path, sizeof path, "%s/stats", t.dir);
	assert_int_equal(fs_mkdirs(path, 0755, NULL), 0);
	assert_int_equal(stats_open("recvd", &t.stats, NULL), 0);
	assert_int_equal(events_open("recvd", MIB, &t.events, NULL), 0);
	assert_int_equal(conf_parse(STR(config), &t.conf, NULL), 0);
	clock_hold(NOW);
	origin_init(&t.origin, &t.conf.orgs[0], t.stats);
	assert_int_equal(origin_sources(&t.origin, &t.conf.orgs[0], clock_mono_ms()), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	origin_done(&t.origin);
	conf_done(&t.conf);
	events_close(&t.events);
	stats_close(&t.stats);
	clock_hold(0);
	return fs_rmtree(t.dir, NULL);
}

static uint64_t value(const char *name)
{
	return atomic_load(stats_counter(t.stats, "412015", name));
}

static struct conf_addr addr(uint8_t last)
{
	return (struct conf_addr){ 4, { 10, 1, 0, last } };
}

/* How many events it became. */
static uint64_t arrives(uint8_t last, const char *line, const unsigned char *certificate)
{
	struct conf_addr a = addr(last);
	uint64_t before = events_last(t.events);
	struct arrival arrival = { .line = str_from(line), .peer = &a, .peer_ip = "10.1.0.x", .certificate = certificate, .now_ms = clock_now_ms(), .mono_ms = clock_mono_ms() };
	assert_int_equal(origin_take(&t.origin, origin_find(&t.origin, &a), &arrival, t.events), 0);
	return events_last(t.events) - before;
}

static uint64_t tick(int64_t ms)
{
	uint64_t before = events_last(t.events);
	clock_advance(ms);
	origin_tick(&t.origin, clock_mono_ms(), t.events);
	return events_last(t.events) - before;
}

static void test_silence(void **state)
{
	(void)state;
	assert_int_equal(arrives(254, "<13>a", NULL), 1);
	assert_int_equal(tick(599999), 0);
	assert_int_equal(tick(1), 1); /* told once; the other may be silent for ever */
	assert_int_equal(value("src.fw1.silent"), 1);
	assert_int_equal(tick(600000), 0);
	assert_int_equal(arrives(254, "<13>b", NULL), 2); /* it, and that it is back */
	assert_int_equal(value("src.fw1.silent"), 0);
	assert_int_equal(tick(1000), 0);
	/* another list: who is still there keeps its silence and its counters, who isn't is no longer shown */
	t.conf.orgs[0].n = 1;
	t.conf.orgs[0].sources[0] = t.conf.orgs[0].sources[1]; /* sorted by address: fw1 is the second */
	assert_int_equal(origin_sources(&t.origin, &t.conf.orgs[0], clock_mono_ms()), 0);
	assert_int_equal(value("src.fw1.on"), 1);
	assert_int_equal(value("src.ad1.on"), 0);
	assert_int_equal(value("src.fw1.lines"), 2);
	assert_int_equal(tick(599000), 1);
}

static void test_clock(void **state)
{
	(void)state;
	/* 20 minutes behind, and one that waited an hour on its way: the least late one counts */
	arrives(254, "<13>1 2026-11-29T00:00:00Z h a - - - late", NULL);
	arrives(254, "<13>1 2026-11-29T00:40:00Z h a - - - behind", NULL);
	assert_int_equal(value("src.fw1.skew_known"), 0);
	assert_int_equal(tick(2000), 1);
	assert_int_equal((int64_t)value("src.fw1.skew_ms"), -20 * 60 * 1000);
	arrives(254, "<13>1 2026-11-29T01:00:02Z h a - - - right", NULL);
	assert_int_equal(tick(59000), 0);
	assert_int_equal(tick(1000), 1); /* right again */
	assert_int_equal(value("src.fw1.skew_ms"), 0);
	/* no time in it: nothing is measured */
	arrives(254, "<13>text", NULL);
	assert_int_equal(tick(61000), 0);
}

static void test_forged(void **state)
{
	static const unsigned char right[32] = { 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255, 0, 255 };
	static const unsigned char wrong[32] = { 1 };
	(void)state;
	assert_int_equal(arrives(20, "{\"EventID\":4625,\"Channel\":\"Security\"}", right), 1);
	assert_int_equal(value("src.ad1.lines"), 1);
	assert_int_equal(arrives(20, "x", NULL), 1);
	assert_int_equal(arrives(20, "x", wrong), 1);
	assert_int_equal(value("src.ad1.lines"), 1);
	assert_int_equal(value("log_forged"), 2);
	assert_int_equal(arrives(77, "x", right), 1);
	assert_int_equal(value("log_unregistered"), 1);
	/* what isn't of its format is kept, and counted */
	assert_int_equal(arrives(20, "no JSON", right), 1);
	assert_int_equal(value("src.ad1.unparsed"), 1);
}

/* A sender nobody registered fills the service's log at a rate only; the others don't notice. */
static void test_strays(void **state)
{
	uint64_t kept = 0;
	(void)state;
	for (int i = 0; i < 1000; i++)
		kept += arrives(77, "x", NULL);
	assert_int_equal(kept, STRAY_PER_SECOND);
	assert_int_equal(value("log_unregistered"), 1000);
	assert_int_equal(value("log_not_kept"), 1000 - STRAY_PER_SECOND);
	assert_int_equal(arrives(254, "<13>a", NULL), 1);
	clock_advance(1000);
	assert_int_equal(arrives(77, "x", NULL), 1);
}

/* No room: the line isn't taken, and nothing counts it. */
static void test_full(void **state)
{
	struct conf_addr a = addr(254);
	struct arrival arrival = { .line = STR("<13>a"), .peer = &a, .peer_ip = "10.1.0.254", .now_ms = clock_now_ms(), .mono_ms = clock_mono_ms() };
	int r = 0;
	(void)state;
	for (int i = 0; r == 0 && i < 100000; i++)
		r = origin_take(&t.origin, origin_find(&t.origin, &a), &arrival, t.events);
	assert_int_equal(r, -E_LIMIT);
	assert_int_equal(value("src.fw1.lines"), events_last(t.events));
}

static void test_config(void **state)
{
	struct conf c;
	(void)state;
	assert_int_equal(conf_parse(STR("{}"), &c, NULL), -E_INVALID);
	assert_int_equal(conf_parse(STR("{\"port\":514,\"tls_port\":6514,\"orgs\":[{\"code\":\"412015\",\"sources\":[{\"name\":\"x\"}]}]}"), &c, NULL), -E_INVALID);
	assert_int_equal(conf_parse(STR("{\"port\":514,\"tls_port\":6514,\"orgs\":[]}"), &c, NULL), 0);
	conf_done(&c);
}

/* Three devices behind a relay that is registered itself, and one beside it that isn't asked. */
static const char relayed[] = "{\"v\":1,\"addr4\":\"192.0.2.14\",\"port\":514,\"tls_port\":6514,\"orgs\":[{\"code\":\"412015\",\"interface\":\"o412015\",\"sources\":["
	"{\"name\":\"sw2\",\"addr\":\"10.1.0.30\",\"hostname\":\"sw2.city\",\"format\":\"syslog\",\"zone_s\":32400,\"silent_s\":0,\"certificate\":\"\"},"
	"{\"name\":\"relay\",\"addr\":\"10.1.0.30\",\"format\":\"syslog\",\"zone_s\":32400,\"silent_s\":0,\"certificate\":\"\"},"
	"{\"name\":\"sw1\",\"addr\":\"10.1.0.30\",\"hostname\":\"SW1\",\"format\":\"syslog\",\"zone_s\":32400,\"silent_s\":0,\"certificate\":\"\"},"
	"{\"name\":\"other\",\"addr\":\"10.1.0.31\",\"format\":\"syslog\",\"zone_s\":32400,\"silent_s\":0,\"certificate\":\"\"}]}]}";

static void test_relay(void **state)
{
	static const struct {
		uint8_t from;
		const char *line, *name; /* whose record it becomes */
		uint64_t unknown;        /* so far */
	} cases[] = {
		{ 30, "<13>Nov 29 10:00:00 sw1 app: a", "sw1", 0 },
		{ 30, "<13>1 2026-11-29T10:00:00Z sw2.city app - - - b", "sw2", 0 },
		{ 30, "<13>Nov 29 10:00:00 sw2.city.evil app: c", "relay", 1 },
		{ 30, "<13>1 2026-11-29T10:00:00Z - app - - - its own", "relay", 1 },
		{ 31, "<13>Nov 29 10:00:00 sw1 app: not a relay", "other", 1 },
	};
	struct conf c;
	(void)state;
	assert_int_equal(conf_parse(STR(relayed), &c, NULL), 0);
	assert_int_equal(origin_sources(&t.origin, &c.orgs[0], clock_mono_ms()), 0);
	assert_string_equal(origin_find(&t.origin, &(struct conf_addr){ 4, { 10, 1, 0, 30 } })->c.name, "relay");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char counter[64];
		snprintf(counter, sizeof counter, "src.%s.lines", cases[i].name);
		uint64_t before = value(counter);
		assert_int_equal(arrives(cases[i].from, cases[i].line, NULL), 1);
		if (value(counter) != before + 1 || value("log_unknown_host") != cases[i].unknown)
			fail_msg("case %zu", i);
	}
	assert_int_equal(origin_sources(&t.origin, &c.orgs[0], clock_mono_ms()), 0); /* taken again: each goes on as it was */
	assert_int_equal(value("src.sw1.lines"), 1);
	assert_int_equal(value("src.sw1.on"), 1);
	conf_done(&c);
}

int main(void)
{
	const struct CMUnitTest list[] = {
		cmocka_unit_test_setup_teardown(test_silence, setup, teardown), cmocka_unit_test_setup_teardown(test_clock, setup, teardown),
		cmocka_unit_test_setup_teardown(test_forged, setup, teardown),  cmocka_unit_test_setup_teardown(test_strays, setup, teardown),
		cmocka_unit_test_setup_teardown(test_relay, setup, teardown),
		cmocka_unit_test_setup_teardown(test_full, setup, teardown),    cmocka_unit_test(test_config),
	};
	return cmocka_run_group_tests(list, NULL, NULL);
}
