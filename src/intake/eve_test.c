/* The receiver of what Suricata says: a line is one record of whose it is; what is too long, broken or somebody else's is counted and harms no
 * line beside it; packets go to a series of their own, bounded, of the bodies that keep them. */
#include "base/test.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/eve.h"
#include "intake/packets.h"
#include "segment/fake_vault.h"
#include "segment/reader.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

static char root[64], segments[96], state_dir[96];
static bool refuse;
static struct orgs *orgs;
static struct stats *stats;
static uv_loop_t loop;
static struct spool *spool;
static struct eve_server *server;

static bool allowed(uid_t uid)
{
	(void)uid;
	return !refuse;
}

static int setup(void **state)
{
	(void)state;
	char path[PLACE_MAX];
	int fd = -1;
	snprintf(root, sizeof root, "/tmp/toride-eve-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	log_open("test", LOG_LEVEL_ERROR);
	setenv("TORIDE_RUN", root, 1);
	setenv("TORIDE_STATE", root, 1);
	snprintf(segments, sizeof segments, "%s/segments", root);
	snprintf(state_dir, sizeof state_dir, "%s/intake", root);
	snprintf(path, sizeof path, "%s/stats", root);
	fs_mkdirs(path, 0755, NULL);
	fs_mkdirs(state_dir, 0755, NULL);
	refuse = false;
	if (orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o1\",\"publics\":[\"198.51.100.101\"],\"packet_days\":7},"
	                   "{\"code\":\"412023\",\"index\":2,\"interface\":\"o2\",\"publics\":[\"198.51.100.102\"]}]}"), &orgs, NULL) < 0 || uv_loop_init(&loop) < 0 ||
	    stats_open("intaked", &stats, NULL) < 0)
		return -1;
	struct spool_opts o = { .segments = segments, .state = state_dir, .key = fake_key, .seal = fake_seal, .orgs = orgs, .stats = stats };
	if (spool_open(&o, &spool, NULL) < 0 || sock_listen(place_in_run(path, sizeof path, SOCK_EVE), 0600, &fd, NULL) < 0)
		return -1;
	return eve_server_start(&(struct eve_server_opts){ &loop, spool, stats, orgs, fd, allowed }, &server, NULL);
}

static void turn(int n)
{
	while (n--)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static int teardown(void **state)
{
	(void)state;
	eve_server_stop(&server);
	turn(5);
	spool_close(&spool);
	stats_close(&stats);
	orgs_destroy(&orgs);
	turn(5);
	uv_loop_close(&loop);
	return fs_rmtree(root, NULL);
}

static int join(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	place_in_run(a.sun_path, sizeof a.sun_path, SOCK_EVE);
	assert_int_equal(connect(fd, (struct sockaddr *)&a, sizeof a), 0);
	turn(5);
	return fd;
}

/* All of it, however little the socket takes at once. */
static void say(int fd, struct str s)
{
	while (s.len) {
		ssize_t n = send(fd, s.ptr, s.len, MSG_NOSIGNAL);
		if (n > 0) {
			s.ptr += n;
			s.len -= (size_t)n;
		}
		turn(3);
	}
	turn(5);
}

static uint64_t counter(const char *name)
{
	return *stats_counter(stats, "", name);
}

/* Records of that series that hold these words. */
static unsigned held(const char *org, const char *series, const char *words)
{
	struct reader *r = NULL;
	struct reader_record rec;
	unsigned n = 0;
	assert_int_equal(spool_commit(spool, NULL), 0);
	assert_int_equal(reader_open(&(struct reader_opts){ .dir = segments, .key = fake_key, .org = org, .series = series }, &r, NULL), 0);
	while (reader_next(r, &rec, NULL) == 0)
		n += memmem(rec.data.ptr, rec.data.len, words, strlen(words)) != NULL;
	reader_close(&r);
	return n;
}

#define ALERT(ip, sid, more) "{\"event_type\":\"alert\",\"flow_id\":77,\"src_ip\":\"" ip "\",\"dest_ip\":\"203.0.113.66\"," more "\"alert\":{\"action\":\"blocked\",\"gid\":1,\"signature_id\":" sid "}}\n"
#define PACKET "\"packet\":\"aGVsbG8=\",\"packet_info\":{\"linktype\":1},"

static void test_hostile(void **state)
{
	(void)state;
	struct buf long_line;
	int fd = join();
	say(fd, STR(ALERT("198.51.100.101", "1", "")));
	say(fd, STR("\n\nnot JSON\n{\"event_type\":\"alert\"\n\0\0\n[]\n{}\n"));
	assert_int_equal(counter("eve_bad"), 5);
	/* one without an end: skipped as far as its newline, and counted once */
	buf_init(&long_line, 4 * MIB);
	for (int i = 0; i < 40; i++)
		for (int k = 0; k < 1024; k++)
			buf_puts(&long_line, "{\"org\":\"412023\"}");
	say(fd, buf_view(&long_line));
	assert_int_equal(counter("eve_bad"), 6);
	say(fd, STR("\n" ALERT("198.51.100.101", "2", "")));
	/* two in what looks like one; whose it is the address says, not the line */
	say(fd, STR("{\"event_type\":\"alert\",\"org\":\"412023\",\"src_ip\":\"198.51.100.101\",\"dest_ip\":\"203.0.113.66\",\"alert\":{\"signature_id\":3,"
	            "\"signature\":\"a\\n{\\\"org\\\":\\\"412023\\\"}\"}}\n"));
	close(fd);
	turn(5);
	assert_int_equal(held("412015", "events", "\"product\":\"suricata\""), 3);
	assert_int_equal(held("412015", "events", "a\\n{\\\"org\\\":\\\"412023\\\"}"), 1);
	assert_int_equal(held("412023", "events", ""), 0);
	assert_int_equal(counter("eve_bad"), 6);
	buf_done(&long_line);
}

static void test_strangers(void **state)
{
	(void)state;
	int own[EVE_PEERS];
	refuse = true;
	int fd = join();
	send(fd, ALERT("198.51.100.101", "1", ""), sizeof ALERT("198.51.100.101", "1", "") - 1, MSG_NOSIGNAL);
	turn(5);
	close(fd);
	assert_int_equal(counter("eve_rejected"), 1);
	refuse = false;
	for (size_t i = 0; i < EVE_PEERS; i++)
		own[i] = join();
	fd = join(); /* one too many */
	assert_int_equal(counter("eve_rejected"), 2);
	say(own[0], STR(ALERT("198.51.100.102", "2", "")));
	close(fd);
	for (size_t i = 0; i < EVE_PEERS; i++)
		close(own[i]);
	turn(5);
	assert_int_equal(held("412015", "events", ""), 0);
	assert_int_equal(held("412023", "events", "\"uid\":\"2\""), 1);
}

static void test_packets(void **state)
{
	(void)state;
	clock_hold(1795341600000);
	int fd = join();
	say(fd, STR(ALERT("198.51.100.101", "1", PACKET)));
	say(fd, STR(ALERT("198.51.100.102", "1", PACKET))); /* keeps none */
	say(fd, STR("{\"event_type\":\"packet\",\"flow_id\":77,\"src_ip\":\"203.0.113.66\",\"dest_ip\":\"198.51.100.101\"," PACKET "\"x\":1}\n"));
	assert_int_equal(held("412015", ORGS_PACKETS, "aGVsbG8="), 2);
	assert_int_equal(held("412015", "events", "aGVsbG8="), 0);
	assert_int_equal(held("412023", "events", "\"suricata\""), 1);
	assert_int_equal(held("412023", ORGS_PACKETS, ""), 0);
	assert_int_equal(held("service", ORGS_PACKETS, ""), 0);
	/* a flood keeps its alerts, and no more packets than a second has room for */
	for (int i = 0; i < 3 * PACKETS_A_SECOND; i++)
		say(fd, STR(ALERT("198.51.100.101", "1", PACKET)));
	close(fd);
	turn(5);
	assert_int_equal(held("412015", "events", "\"suricata\""), 1 + 3 * PACKETS_A_SECOND);
	assert_int_equal(held("412015", ORGS_PACKETS, "aGVsbG8="), PACKETS_A_SECOND);
	assert_int_equal(counter("evidence_packets"), PACKETS_A_SECOND);
	assert_int_equal(counter("evidence_packets_left"), 2 + 2 * PACKETS_A_SECOND);
	clock_hold(0);
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = { T(test_hostile), T(test_strangers), T(test_packets) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("eve", tests, NULL, NULL);
}
