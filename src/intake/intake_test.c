/* The server and the spool: honest senders get their acknowledgement after the sync and never twice, hostile ones are
 * dropped alone. Runs the real sender (wire/events.h) against the real server on a UNIX socket. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "intake/netlink.h"
#include "intake/server.h"
#include "segment/fake_vault.h"
#include "segment/reader.h"
#include "segment/verify.h"
#include "wire/cursor.h"
#include "wire/events.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <cmocka.h>

static char root[64], segments[96], state_dir[96];
static int vault_error;
static const char *process;   /* what the next peer is taken for */
static bool refuse;
static struct orgs *orgs;
static struct stats *stats;
static uv_loop_t loop;
static struct spool *spool;
static struct intake_server *server;
static int rest_ms;
static int64_t unheard_ms;
static writer_aside_fn aside;

static bool allowed(uid_t uid, const char **ret_process)
{
	(void)uid;
	*ret_process = process;
	return !refuse;
}

static const char *destroyed = ""; /* whose key is */

static int some_key(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user, struct err *err)
{
	if (strcmp(org, destroyed) == 0)
		return err_set(err, E_NOT_FOUND, org, "the organisation's key was destroyed");
	return fake_key(org, series, number, ret, user, err);
}

static void start(void)
{
	struct err err = { 0 };
	char path[PLACE_MAX];
	int fd = -1;
	struct spool_opts o = { segments, state_dir, NULL, some_key, fake_seal, &vault_error, orgs, stats, unheard_ms, NULL };
	o.aside = aside;
	if (spool_open(&o, &spool, &err) < 0)
		fail_msg("%s: %s", err.path, err.msg);
	assert_int_equal(sock_listen(place_in_run(path, sizeof path, SOCK_EVENTS), 0600, &fd, NULL), 0);
	struct intake_server_opts so = { &loop, spool, stats, fd, allowed, 200, 200, rest_ms };
	assert_int_equal(intake_server_start(&so, &server, NULL), 0);
}

static void run(int turns)
{
	for (int i = 0; i < turns; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static void stop(bool clean)
{
	intake_server_stop(&server);
	run(5);
	if (clean)
		spool_close(&spool);
}

static int setup(void **state)
{
	(void)state;
	char path[128];
	snprintf(root, sizeof root, "/tmp/toride-intake-XXXXXX");
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
	vault_error = 0;
	refuse = false;
	process = "proxyd";
	orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\"}]}"), &orgs, NULL);
	uv_loop_init(&loop);
	stats_open("intaked", &stats, NULL);
	start();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	if (spool)
		stop(true);
	stats_close(&stats);
	orgs_destroy(&orgs);
	run(5);
	uv_loop_close(&loop);
	return fs_rmtree(root, NULL);
}

static uint64_t counter(const char *org, const char *name)
{
	return *stats_counter(stats, org, name);
}

/* Everything in the segments, in order, as one text: "ORG n\n". */
static void contents(struct buf *b)
{
	struct reader *r = NULL;
	struct reader_record rec;
	buf_init(b, 4 * MIB);
	assert_int_equal(reader_open(&(struct reader_opts){ segments, fake_key, NULL, NULL, NULL, NULL, false }, &r, NULL), 0);
	while (reader_next(r, &rec, NULL) == 0) {
		struct event e;
		assert_int_equal(event_parse(rec.data, &e), 0);
		yyjson_val *n = event_get(&e, "n");
		buf_printf(b, "%s %lld\n", rec.name.org, n ? (long long)yyjson_get_sint(n) : -1);
		event_done(&e);
	}
	reader_close(&r);
}

static void expect_contents(const char *text)
{
	struct buf b;
	contents(&b);
	assert_string_equal(buf_cstr(&b), text);
	buf_done(&b);
}

static void put(struct events *e, const char *org, int n)
{
	char t[64];
	snprintf(t, sizeof t, "{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":%d}", n);
	assert_int_equal(events_put(e, str_from(org), str_from(t)), 0);
}

static void pump(struct events *e)
{
	for (int i = 0; i < 5; i++) {
		events_work(e);
		run(3);
	}
}

static void restart(int rest)
{
	intake_server_stop(&server);
	run(5);
	spool_close(&spool);
	rest_ms = rest;
	start();
	rest_ms = 0;
}

/* A sender that said a little is heard again when its rest is over, and at once where it said much. */
static void test_rests(void **state)
{
	(void)state;
	struct events *e = NULL;
	restart(3600000);
	assert_int_equal(events_open("proxyd/0", 2 * MIB, &e, NULL), 0);
	put(e, "412015", 1);
	pump(e);
	assert_int_equal(counter("", "events_received"), 1);
	put(e, "412015", 2);
	pump(e);
	assert_int_equal(counter("", "events_received"), 1);
	events_close(&e);

	restart(3600000);
	assert_int_equal(events_open("proxyd/1", 2 * MIB, &e, NULL), 0);
	for (int i = 0; i < 2000; i++) /* 130 KB: the reads that fill its buffer are followed by others */
		put(e, "412015", i);
	pump(e);
	assert_true(counter("", "events_received") > 1 + INTAKE_REST_BYTES / 65);
	events_close(&e);

	restart(1);
	assert_int_equal(events_open("proxyd/2", 2 * MIB, &e, NULL), 0);
	uint64_t before = counter("", "events_received");
	for (int i = 1; i <= 3; i++) {
		put(e, "412015", i);
		while (counter("", "events_received") < before + (uint64_t)i)
			pump(e);
	}
	events_close(&e);
}

static void test_acknowledged_after_sync(void **state)
{
	(void)state;
	struct events *e = NULL;
	assert_int_equal(events_open("proxyd/0", 65536, &e, NULL), 0);
	put(e, "412015", 1);
	put(e, "", 2);
	put(e, "412023", 3); /* a body nobody described */
	pump(e);
	assert_int_equal(events_unacked(e), 3);
	fs_fail_at(1, ENOSPC);
	assert_true(spool_commit(spool, NULL) < 0);
	fs_fail_at(0, 0);
	assert_int_equal(spool_commit(spool, NULL), 0);
	intake_server_committed(server);
	pump(e);
	assert_int_equal(events_unacked(e), 0);
	assert_int_equal(counter("", "unknown_org"), 1);
	assert_int_equal(counter("412015", "records"), 1);
	struct buf b;
	contents(&b);
	assert_non_null(strstr(buf_cstr(&b), "412015 1\n"));
	assert_non_null(strstr(buf_cstr(&b), "service 2\nservice 3\n"));
	buf_done(&b);
	events_close(&e);
}

/* The sender never hears that its events are safe, intaked dies, both begin again: everything is there once. */
static void test_once_over_a_crash(void **state)
{
	(void)state;
	struct events *e = NULL;
	struct spool *dead = NULL;
	assert_int_equal(events_open("proxyd/0", 65536, &e, NULL), 0);
	for (int round = 0; round < 4; round++) {
		put(e, "412015", round * 2);
		put(e, "412015", round * 2 + 1);
		pump(e);
		assert_int_equal(spool_commit(spool, NULL), 0);
		if (round == 1)
			assert_int_equal(spool_second(spool, NULL), 0); /* the file of senders is from before the rest */
		/* no acknowledgement; the process is gone: its memory, its lock, its sockets */
		stop(false);
		dead = spool;
		spool = NULL;
		spool_abandon(&dead);
		pump(e);
		usleep(250000); /* the sender's pause before it connects again */
		start();
		pump(e);
	}
	assert_int_equal(events_unacked(e), 8);
	assert_int_equal(spool_commit(spool, NULL), 0);
	intake_server_committed(server);
	pump(e);
	assert_int_equal(events_unacked(e), 0);
	assert_true(counter("", "duplicates") >= 8);
	expect_contents("412015 0\n412015 1\n412015 2\n412015 3\n412015 4\n412015 5\n412015 6\n412015 7\n");
	events_close(&e);
}

static void crash_and_start(struct events *e)
{
	struct spool *dead = spool;
	stop(false);
	spool = NULL;
	spool_abandon(&dead);
	pump(e);
	usleep(250000); /* the sender's pause before it connects again */
	start();
	pump(e);
}

/* A full disk takes one organisation's records and not another's, in whatever place, and then intaked dies: each sender
 * sends again, and everything is there once. A killed sender's boot and its successor's stand side by side. */
static void test_once_over_a_torn_commit(void **state)
{
	(void)state;
	struct events *e = NULL;
	struct buf b;
	char line[64];
	for (int k = 1; k <= 10; k++) {
		if (k % 4 == 1) {
			events_close(&e);
			assert_int_equal(events_open("proxyd/0", 65536, &e, NULL), 0);
		}
		put(e, k % 2 ? "412015" : "", k * 10);
		put(e, k % 2 ? "" : "412015", k * 10 + 1);
		put(e, "412015", k * 10 + 2);
		pump(e);
		fs_fail_at(k / 2 + 1, ENOSPC);
		spool_commit(spool, NULL);
		fs_fail_at(0, 0);
		crash_and_start(e);
		assert_int_equal(spool_second(spool, NULL), 0);
		if (k % 3) /* else the next crash comes before anybody hears that it is safe */
			intake_server_committed(server);
		pump(e);
		if (k % 4 == 0) {
			assert_int_equal(spool_commit(spool, NULL), 0);
			intake_server_committed(server);
			pump(e);
			assert_int_equal(events_unacked(e), 0);
		}
	}
	assert_int_equal(spool_commit(spool, NULL), 0);
	contents(&b);
	for (int k = 1; k <= 10; k++)
		for (int i = 0; i < 3; i++) {
			snprintf(line, sizeof line, "%s %d\n", (k % 2 == 1) == (i == 1) ? "service" : "412015", k * 10 + i);
			if (i == 2)
				snprintf(line, sizeof line, "412015 %d\n", k * 10 + i);
			const char *at = strstr(buf_cstr(&b), line);
			if (!at || strstr(at + 1, line))
				fail_msg("%s is there %s", line, at ? "twice" : "not at all");
		}
	buf_done(&b);
	events_close(&e);
}

/* ---- hostile ---- */

static int client(void)
{
	char path[PLACE_MAX];
	int fd = -1;
	assert_int_equal(sock_connect(place_in_run(path, sizeof path, SOCK_EVENTS), 0, &fd, NULL), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	run(3);
	return fd;
}

static bool is_closed(int fd)
{
	char c[64];
	run(5);
	ssize_t n = recv(fd, c, sizeof c, 0);
	return n == 0 || (n < 0 && errno != EAGAIN);
}

static void message(struct buf *b, const struct buf *body)
{
	wr_u32(b, (uint32_t)body->len);
	buf_put(b, body->ptr, body->len);
}

static void hello_of(struct buf *b, struct str source, uint64_t boot)
{
	struct buf m;
	buf_init(&m, 4096);
	wr_u8(&m, EVENTS_HELLO);
	wr_u64(&m, boot);
	wr_u16(&m, (uint16_t)source.len);
	buf_str(&m, source);
	message(b, &m);
	buf_done(&m);
}

static void hello(struct buf *b, struct str source)
{
	hello_of(b, source, 77);
}

static void event(struct buf *b, uint64_t sequence, struct str org, struct str json)
{
	struct buf m;
	buf_init(&m, MIB);
	wr_u8(&m, EVENTS_EVENT);
	wr_u64(&m, sequence);
	wr_u16(&m, (uint16_t)org.len);
	buf_str(&m, org);
	wr_blob(&m, json);
	message(b, &m);
	buf_done(&m);
}

/* A sender is killed, its successor speaks first: what the dead one wrote is taken, and before the successor's. */
static void test_last_words(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, MIB);
	int dead = client(), next = client();
	hello_of(&b, STR("proxyd/0"), 1);
	event(&b, 1, STR("412015"), STR("{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":1}"));
	assert_int_equal(send(dead, b.ptr, b.len, 0), b.len);
	run(3);
	buf_reset(&b);
	hello_of(&b, STR("proxyd/0"), 2);
	event(&b, 1, STR("412015"), STR("{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":3}"));
	assert_int_equal(send(next, b.ptr, b.len, 0), b.len); /* the loop hears of this one first */
	buf_reset(&b);
	event(&b, 2, STR("412015"), STR("{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":2}"));
	assert_int_equal(send(dead, b.ptr, b.len, 0), b.len);
	close(dead);
	run(5);
	assert_int_equal(counter("", "peers"), 1);
	assert_int_equal(counter("", "sequence_gaps"), 0);
	assert_int_equal(spool_commit(spool, NULL), 0);
	expect_contents("412015 1\n412015 2\n412015 3\n");
	close(next);
	buf_done(&b);
}

static void test_hostile(void **state)
{
	(void)state;
	struct events *honest = NULL;
	assert_int_equal(events_open("proxyd/9", 65536, &honest, NULL), 0);
	put(honest, "412015", 1);
	pump(honest);
	for (int i = 0; i < 13; i++) {
		struct buf b;
		buf_init(&b, 2 * MIB);
		int fd = client();
		uint64_t before = counter("", "peers_rejected");
		if (i >= 4)
			hello(&b, STR("proxyd/0"));
		switch (i) {
		case 0: buf_puts(&b, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); break; /* a length of 1,195,725,856 */
		case 1: event(&b, 1, STR("412015"), STR("{}")); break;           /* no hello */
		case 2: hello(&b, STR("respondd")); break;                        /* another's name */
		case 3: hello(&b, STR("proxyd\n/1")); break;                      /* newline */
		case 4: hello(&b, STR("proxyd/1")); break;                        /* a second hello */
		case 5: event(&b, 1, STR("412015\n"), STR("{}")); break;
		case 6: event(&b, 0, STR("412015"), STR("{}")); break;            /* sequence 0 */
		case 7: wr_u32(&b, 0); break;                                     /* empty message */
		case 8: wr_u32(&b, EVENTS_MAX + 1); break;                        /* too large */
		case 9: wr_u32(&b, 1), wr_u8(&b, 99); break;                      /* no such type */
		case 10: event(&b, 1, STR("412015"), STR("{}")), b.ptr[b.len - 6 + 3] ^= 1; break; /* blob length that doesn't fit */
		case 11: wr_u32(&b, 10), wr_u8(&b, EVENTS_ACK), wr_u64(&b, 1), wr_u8(&b, 0); break;
		case 12: event(&b, 1, STR("4120151"), STR("{\"class_uid\":4002,\"product\":\"proxyd\"}")), wr_u32(&b, 3), buf_puts(&b, "abc"); break;
		default: break;
		}
		assert_int_equal(send(fd, b.ptr, b.len, MSG_NOSIGNAL), b.len);
		if (!is_closed(fd))
			fail_msg("hostile peer %d is still there", i);
		if (counter("", "peers_rejected") != before + 1)
			fail_msg("hostile peer %d wasn't counted", i);
		close(fd);
		buf_done(&b);
	}
	put(honest, "412015", 2);
	pump(honest);
	assert_int_equal(spool_commit(spool, NULL), 0);
	intake_server_committed(server);
	pump(honest);
	assert_int_equal(events_unacked(honest), 0);
	/* what the last one sent before it broke the protocol was in order; no such body, so it is the service's */
	expect_contents("412015 1\n412015 2\nservice -1\n");
	events_close(&honest);
}

/* One that parses hostile bytes and was taken over: it can't make a page of a body out of words. */
static void test_forged(void **state)
{
	(void)state;
	static const char page[] = "{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":7}";
	static const char *const quiet[] = { "scand", "portald", "detectd", NULL };
	static const struct {
		const char *process, *org, *json;
		bool believed;
	} cases[] = {
		{ "proxyd", "412015", page, true },
		{ "proxyd", "412015", "{\"class_uid\":4001,\"product\":\"nft\",\"n\":7}", false },
		{ "proxyd", "412015", "{\"class_uid\":4002,\"product\":\"nft\",\"n\":7}", false },
		{ "proxyd", "412015", "{\"class_uid\":4002,\"product\":\"proxyd\",\"class_uid\":4001,\"n\":7}", false },
		{ "proxyd", "412015", "{\"class_uid\":4002,\"product\":\"proxyd\",\"product\":\"nft\",\"n\":7}", false },
		{ "proxyd", "412015", "{\"class_uid\":4002.0,\"product\":\"proxyd\",\"n\":7}", false },
		{ "respondd", "412015", "{\"class_uid\":6003,\"product\":\"respondd\",\"n\":7}", true },
		{ "respondd", "412015", page, false },
		{ "controld", "", "{\"class_uid\":6003,\"product\":\"controld\",\"n\":7}", true },
		{ "controld", "412015", "{\"class_uid\":6003,\"product\":\"controld\",\"n\":7}", false },
		{ "detectd", "", "{\"class_uid\":6003,\"product\":\"detectd\",\"n\":7}", true },
		{ "detectd", "412015", "{\"class_uid\":6003,\"product\":\"detectd\",\"n\":7}", false },
		{ "detectd", "", "{\"class_uid\":2004,\"product\":\"detectd\",\"n\":7}", false },
		{ "vaultd", "", "{\"class_uid\":6003,\"product\":\"vaultd\",\"n\":7}", true },
		{ "vaultd", "412015", page, false },
		{ "torided", "", "{\"class_uid\":6002,\"product\":\"torided\",\"n\":7}", true },
		{ "torided", "412015", page, false },
		{ "scand", "", "{\"class_uid\":6002,\"product\":\"scand\",\"n\":7}", true },
		{ "scand", "412015", "{\"class_uid\":6002,\"product\":\"scand\",\"n\":7}", false },
		{ "scand", "412015", page, false },
		{ "portald", "412015", "not even JSON", false },
	};
	struct events *e = NULL;
	struct buf b;
	unsigned believed = 0, forged = 0;
	for (size_t i = 0; i < ARRAY_LEN(cases) + ARRAY_LEN(quiet); i++) {
		bool row = i < ARRAY_LEN(cases);
		process = row ? cases[i].process : quiet[i - ARRAY_LEN(cases)];
		assert_int_equal(events_open(process ? process : "whoever", 65536, &e, NULL), 0);
		events_put(e, str_from(row ? cases[i].org : "412015"), str_from(row ? cases[i].json : page));
		pump(e);
		row && cases[i].believed ? believed++ : forged++;
		if (counter("", "forged") != forged)
			fail_msg("case %zu: %u forged", i, (unsigned)counter("", "forged"));
		assert_int_equal(spool_commit(spool, NULL), 0);
		intake_server_committed(server);
		pump(e);
		assert_int_equal(events_unacked(e), 0); /* nothing is lost */
		events_close(&e);
		run(5);
	}
	assert_int_equal(counter("", "unparsed"), forged);
	assert_int_equal(counter("412015", "records"), 2);
	assert_int_equal(counter("", "records"), forged + believed - 2 + 1); /* and one alarm, however many there were */
	contents(&b);
	unsigned seen = 0;
	for (const char *at = buf_cstr(&b); (at = strstr(at, " 7\n")); at++)
		seen++;
	assert_int_equal(seen, believed);
	buf_done(&b);
}

static void test_slow_and_half_open(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	clock_hold(clock_now_ms()); /* 200 ms, however long the bytes take */
	int silent = client(), half = client(), idle = client(), byte = client();
	hello(&b, STR("proxyd/1"));
	send(half, b.ptr, b.len, 0);
	send(half, "\0\0\1", 3, 0); /* and never the rest */
	buf_reset(&b);
	hello(&b, STR("proxyd/2"));
	send(idle, b.ptr, b.len, 0); /* says nothing more: that is allowed */
	buf_reset(&b);
	hello(&b, STR("proxyd/3"));
	event(&b, 1, STR("412015"), STR("{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":5}"));
	for (size_t i = 0; i < b.len; i++) { /* byte by byte, within the time: that too */
		send(byte, b.ptr + i, 1, 0);
		run(1);
	}
	intake_server_tick(server);
	assert_int_equal(counter("", "peers"), 4);
	clock_advance(250);
	intake_server_tick(server);
	assert_true(is_closed(silent));
	assert_true(is_closed(half));
	assert_false(is_closed(idle));
	assert_false(is_closed(byte));
	assert_int_equal(spool_commit(spool, NULL), 0);
	expect_contents("412015 5\n");
	/* it leaves in the middle of a message */
	uint64_t before = counter("", "peers_rejected");
	send(byte, "\0\0", 2, 0);
	run(2);
	close(byte);
	run(5);
	assert_int_equal(counter("", "peers_rejected"), before + 1);
	close(silent);
	close(half);
	close(idle);
	buf_done(&b);
	clock_hold(0);
}

static void test_strangers_and_crowds(void **state)
{
	(void)state;
	int fds[INTAKE_PEERS_USER + 4];
	refuse = true;
	int fd = client();
	assert_true(is_closed(fd));
	close(fd);
	refuse = false;
	unsigned closed = 0;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		fds[i] = client();
	for (size_t i = 0; i < ARRAY_LEN(fds); i++) {
		closed += is_closed(fds[i]);
		close(fds[i]);
	}
	assert_int_equal(closed, 4);
	run(10);
	assert_int_equal(counter("", "peers"), 0);
}

/* The disk takes nothing for a while: senders wait, nothing is lost, and the memory stays bounded. */
static void test_back_pressure(void **state)
{
	(void)state;
	struct events *e = NULL;
	static char json[60000];
	snprintf(json, sizeof json, "{\"class_uid\":4002,\"product\":\"proxyd\",\"text\":\"%058000d\"}", 0);
	assert_int_equal(events_open("proxyd/0", 64 * MIB, &e, NULL), 0);
	unsigned n = 0;
	while (events_put(e, STR("412015"), str_from(json)) == 0)
		n++;
	assert_true(n > 1000);
	for (int i = 0; i < 3000; i++) {
		events_work(e);
		run(1);
	}
	assert_true(spool_pending(spool) <= 33 * MIB); /* writer's ceiling, and a block more */
	assert_true(spool_pending(spool) > 30 * MIB);
	assert_int_equal(events_unacked(e), n);
	for (int i = 0; i < 20000 && events_unacked(e); i++) {
		events_work(e);
		run(1);
		if (i % 50 == 0 && spool_commit(spool, NULL) == 0)
			intake_server_committed(server);
	}
	assert_int_equal(events_unacked(e), 0);
	assert_int_equal(counter("412015", "records"), n);
	events_close(&e);
}

static void test_vault_away(void **state)
{
	(void)state;
	struct events *e = NULL;
	assert_int_equal(events_open("proxyd/0", 65536, &e, NULL), 0);
	vault_error = -E_TIMEOUT;
	put(e, "412015", 1);
	put(e, "412015", 2);
	pump(e);
	spool_commit(spool, NULL);
	intake_server_committed(server);
	pump(e);
	assert_int_equal(events_unacked(e), 2);
	vault_error = 0;
	intake_server_committed(server);
	assert_int_equal(spool_commit(spool, NULL), 0);
	intake_server_committed(server);
	pump(e);
	assert_int_equal(events_unacked(e), 0);
	expect_contents("412015 1\n412015 2\n");
	events_close(&e);
}

/* ---- nflog datagrams ---- */

static void count_packet(const struct nflog_packet *p, void *user)
{
	(void)p;
	++*(int *)user;
}

static void nl(struct buf *b, uint32_t seq, uint8_t group)
{
	struct nlmsghdr h = { .nlmsg_type = 4 << 8 };
	char body[] = { 2, 0, 0, (char)group, 8, 0, 12, 0, 0, 0, 0, 0, 5, 0, 9, 0, 0x45, 0, 0, 0 };
	body[10] = (char)(seq >> 8);
	body[11] = (char)seq;
	h.nlmsg_len = (uint32_t)(sizeof h + sizeof body);
	buf_put(b, &h, sizeof h);
	buf_put(b, body, sizeof body);
}

static void test_nflog_losses(void **state)
{
	(void)state;
	struct nflog_feed f = { 0 };
	struct buf b;
	int n = 0;
	buf_init(&b, 4096);
	nl(&b, 5, 1);
	nl(&b, 6, 1);
	nl(&b, 0, 2); /* another group counts for itself */
	nl(&b, 10, 1);
	nflog_datagram(buf_view(&b), &f, count_packet, &n);
	assert_int_equal(n, 4);
	assert_int_equal(f.lost, 3);
	buf_reset(&b);
	nl(&b, 1, 2);
	b.ptr[0] = 100; /* longer than what is there */
	nflog_datagram(buf_view(&b), &f, count_packet, &n);
	assert_int_equal(n, 4);
	assert_int_equal(f.bad, 1);
	buf_done(&b);
}

/* ---- retention, and a wrong clock ---- */

#define DAY (24LL * 3600 * 1000)

static void keep_days(int days)
{
	char t[160];
	snprintf(t, sizeof t, "{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\","
	         "\"retention_days\":%d}]}", days);
	orgs_destroy(&orgs);
	assert_int_equal(orgs_parse(str_from(t), &orgs, NULL), 0);
	spool_orgs(spool, orgs);
}

static void days_pass(int days)
{
	for (int i = 0; i < days; i++) {
		clock_advance(DAY);
		for (int k = 0; k < 8; k++)
			assert_int_equal(spool_second(spool, NULL), 0);
	}
}

static bool is_there(unsigned number)
{
	char path[160];
	snprintf(path, sizeof path, "%s/412015/events/%06u.seg", segments, number);
	return fs_exists(path);
}

static void say_day(void)
{
	assert_int_equal(spool_put(spool, STR("412015"), STR("{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":1}"), NULL, NULL), 0);
	assert_int_equal(spool_commit(spool, NULL), 0);
}

/* Nobody's hand: a body's records go when its days are over, a longer time holds from the moment it is in force, a body
 * that says nothing (0) keeps all. */
static void test_retention(void **state)
{
	(void)state;
	clock_hold(20000 * DAY);
	keep_days(0);
	say_day();
	days_pass(40);
	say_day();
	days_pass(2);
	assert_true(is_there(1) && is_there(2));
	keep_days(100);
	days_pass(1);
	assert_true(is_there(1));
	keep_days(30);
	days_pass(1);
	assert_true(!is_there(1) && is_there(2));
	days_pass(30);
	assert_false(is_there(2));
	assert_int_equal(counter("", "segments_ended"), 2);
	assert_int_equal(counter("", "segments_damaged"), 0);
	clock_hold(0);
}

/* ---- a cold disk that doesn't answer ---- */

static struct {
	void (*fn)(void *);
	void *arg;
} errand; /* what waits for it */

static int wait_for_ever(void (*fn)(void *), void *arg, void *user, struct err *err)
{
	(void)user, (void)err;
	errand.fn = fn;
	errand.arg = arg;
	return 0;
}

static unsigned told(const char *what)
{
	struct reader *r = NULL;
	struct reader_record rec;
	unsigned n = 0;
	assert_int_equal(spool_commit(spool, NULL), 0);
	assert_int_equal(reader_open(&(struct reader_opts){ segments, fake_key, NULL, NULL, NULL, NULL, false }, &r, NULL), 0);
	while (reader_next(r, &rec, NULL) == 0)
		n += memmem(rec.data.ptr, rec.data.len, what, strlen(what)) != NULL;
	reader_close(&r);
	return n;
}

/* Said after fifteen seconds, once, and once when it is over; records are taken all the while. */
static void test_a_cold_disk_that_does_not_answer(void **state)
{
	char disk[] = "/dev/shm/toride-intake-XXXXXX", cold[128];
	(void)state;
	snprintf(cold, sizeof cold, "%s-cold", segments);
	assert_non_null(mkdtemp(disk));
	assert_int_equal(symlink(disk, cold), 0);
	clock_hold(20000 * DAY);
	aside = wait_for_ever;
	restart(0);
	aside = NULL;
	orgs_destroy(&orgs);
	assert_int_equal(orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\",\"hot_days\":1}]}"), &orgs, NULL), 0);
	spool_orgs(spool, orgs);
	say_day();
	clock_advance(2 * DAY);
	assert_int_equal(spool_second(spool, NULL), 0);
	say_day();
	for (int i = 0; i < 8 && !errand.fn; i++) {
		clock_advance(DAY);
		assert_int_equal(spool_second(spool, NULL), 0);
		say_day();
	}
	assert_non_null(errand.fn);
	clock_advance(SPOOL_COLD_SILENT_MS - 1000);
	assert_int_equal(spool_second(spool, NULL), 0);
	assert_int_equal(told("hasn't answered for 15 seconds"), 0);
	for (int i = 0; i < 5; i++) {
		clock_advance(1000);
		assert_int_equal(spool_second(spool, NULL), 0);
		say_day();
	}
	assert_int_equal(told("hasn't answered for 15 seconds"), 1);
	assert_int_equal(told("answers again"), 0);
	void (*fn)(void *) = errand.fn;
	errand.fn = NULL;
	fn(errand.arg);
	for (int i = 0; i < 3; i++)
		assert_int_equal(spool_second(spool, NULL), 0);
	assert_int_equal(told("answers again"), 1);
	assert_int_equal(told("hasn't answered for 15 seconds"), 1);
	while (errand.fn) {
		fn = errand.fn;
		errand.fn = NULL;
		fn(errand.arg);
		assert_int_equal(spool_second(spool, NULL), 0);
	}
	stop(true);
	clock_hold(0);
	assert_int_equal(fs_rmtree(disk, NULL), 0);
}

/* A node that may not know yet whose records are held. */
static void test_retention_waits_for_the_other_node(void **state)
{
	(void)state;
	clock_hold(20000 * DAY);
	keep_days(3);
	say_day();
	days_pass(2);
	say_day();
	stop(true);
	clock_advance(2 * DAY);
	unheard_ms = 600000;
	start();
	unheard_ms = 0;
	spool_orgs(spool, orgs);
	for (int i = 0; i < 600; i++, clock_advance(1000))
		assert_int_equal(spool_second(spool, NULL), 0);
	assert_true(is_there(1));
	for (int i = 0; i < 20; i++, clock_advance(1000))
		assert_int_equal(spool_second(spool, NULL), 0);
	assert_true(!is_there(1) && is_there(2));
	clock_hold(0);
}

static bool is_in(const char *series, unsigned number)
{
	char path[160];
	snprintf(path, sizeof path, "%s/412015/%s/%06u.seg", segments, series, number);
	return fs_exists(path);
}

static bool is_on_record(const char *words)
{
	struct reader *r = NULL;
	struct reader_record rec;
	bool found = false;
	assert_int_equal(spool_commit(spool, NULL), 0);
	assert_int_equal(reader_open(&(struct reader_opts){ .dir = segments, .key = fake_key, .org = "412015" }, &r, NULL), 0);
	while (!found && reader_next(r, &rec, NULL) == 0)
		found = memmem(rec.data.ptr, rec.data.len, words, strlen(words)) != NULL;
	reader_close(&r);
	return found;
}

static void say(const char *json)
{
	assert_int_equal(spool_put(spool, STR("412015"), str_from(json), NULL, NULL), 0);
	assert_int_equal(spool_commit(spool, NULL), 0);
}

/* A class with days of its own is in a series of its own, and goes by them; the rest, and what was there before, by the body's. What goes is said. */
static void test_retention_of_a_class(void **state)
{
	(void)state;
	clock_hold(20000 * DAY);
	keep_days(100);
	say("{\"class_uid\":4001,\"product\":\"nft\",\"n\":1}");
	assert_true(is_in("events", 1) && !is_in("events-4001", 1));
	orgs_destroy(&orgs);
	assert_int_equal(orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\",\"retention_days\":100,"
	                                "\"retention\":[{\"class\":4001,\"days\":10},{\"class\":2004,\"days\":300}]}]}"), &orgs, NULL), 0);
	spool_orgs(spool, orgs);
	say("{\"class_uid\":4001,\"product\":\"nft\",\"n\":2}");
	say("{\"class_uid\":2004,\"product\":\"detectd\",\"n\":3}");
	say("{\"class_uid\":4002,\"product\":\"proxyd\",\"n\":4}");
	say("what no parser reads says nothing of 4001");
	assert_true(is_in("events-4001", 1) && is_in("events-2004", 1));
	days_pass(2);
	say("{\"class_uid\":4001,\"product\":\"nft\",\"n\":5}"); /* the newest of a series stays */
	days_pass(12);
	assert_true(!is_in("events-4001", 1) && is_in("events", 1) && is_in("events-2004", 1));
	assert_true(is_on_record("retention: segment 000001 of events-4001, 1 records, had its 10 days and is destroyed"));
	assert_true(is_on_record("\"n\":1") && !is_on_record("\"n\":2"));
	days_pass(100);
	assert_true(!is_in("events", 1) && is_in("events-2004", 1));
	/* the class's own days taken back: its series goes by the body's */
	keep_days(100);
	days_pass(2);
	say_day();
	assert_int_equal(counter("", "segments_damaged"), 0);
	clock_hold(0);
}

/* A body has left: its records stay, until its key is destroyed; then they end at once, and whose end it was is signed and told. */
static void test_end_of_a_key(void **state)
{
	(void)state;
	struct verify_report r;
	clock_hold(20000 * DAY);
	keep_days(100);
	say_day();
	days_pass(2);
	say_day();
	orgs_destroy(&orgs);
	assert_int_equal(orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[]}"), &orgs, NULL), 0);
	spool_orgs(spool, orgs);
	days_pass(200);
	assert_true(is_there(1) && is_there(2));
	destroyed = "412015";
	days_pass(2);
	destroyed = "";
	assert_true(!is_there(1) && !is_there(2));
	assert_int_equal(told("the key of 412015 is destroyed: segment 000001 of events"), 1);
	assert_int_equal(spool_commit(spool, NULL), 0);
	assert_int_equal(verify_store(&(struct verify_opts){ .dir = segments, .get_key = fake_key }, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	assert_true(r.ended >= 2);
	verify_report_done(&r);
	clock_hold(0);
}

/* The clock jumps a year ahead: nothing is lost for it while somebody can still put it right, and it is said. */
static void test_retention_doubts_the_clock(void **state)
{
	(void)state;
	struct buf b;
	clock_hold(20000 * DAY);
	keep_days(30);
	say_day();
	days_pass(2);
	clock_shift(400 * DAY);
	for (int i = 0; i < 20; i++)
		assert_int_equal(spool_second(spool, NULL), 0);
	assert_true(is_there(1));
	assert_int_equal(spool_commit(spool, NULL), 0);
	contents(&b);
	assert_non_null(strstr(buf_cstr(&b), "service"));
	buf_done(&b);
	clock_shift(-400 * DAY); /* put right within the day */
	days_pass(3);
	assert_true(is_there(1));
	/* the same at a start: the last signature is a year old */
	stop(true);
	clock_shift(400 * DAY);
	start();
	spool_orgs(spool, orgs);
	for (int i = 0; i < 20; i++)
		assert_int_equal(spool_second(spool, NULL), 0);
	assert_true(is_there(1));
	days_pass(2); /* nobody minded: it was right */
	assert_false(is_there(1));
	clock_hold(0);
}

/* Backward and forward by hours in the middle of work: records keep their order and numbers, signatures their order in
 * time, and nothing is sealed before it has been open for its own time. */
static void test_clock_set_while_writing(void **state)
{
	(void)state;
	static const int64_t hours[] = { 0, 5, -9, 30, -48, 2 };
	clock_hold(20000 * DAY);
	for (size_t i = 0; i < ARRAY_LEN(hours); i++) {
		clock_shift(hours[i] * 3600 * 1000);
		say_day();
		assert_int_equal(spool_second(spool, NULL), 0);
		clock_advance(1000);
	}
	assert_int_equal(counter("", "segments_sealed"), 0);
	expect_contents("412015 1\n412015 1\n412015 1\n412015 1\n412015 1\n412015 1\n");
	struct verify_report r;
	assert_int_equal(verify_store(&(struct verify_opts){ .dir = segments, .get_key = fake_key }, &r, NULL), 0);
	assert_int_equal(r.n, 0);
	assert_int_equal(r.records, 6);
	assert_int_equal(r.last_ms, 20000 * DAY + 26 * 3600 * 1000 + 3000); /* the latest it ever was: never back from there */
	verify_report_done(&r);
	days_pass(1);
	assert_int_equal(counter("", "segments_sealed"), 1); /* a day after it was begun, whatever the clock said meanwhile */
	clock_hold(0);
}

/* A start that doubts the clock rests, and so does the next one, however soon it comes: what the clock says isn't noted until it is believed. */
static void test_doubt_outlives_a_start(void **state)
{
	char path[160];
	struct buf b;
	(void)state;
	snprintf(path, sizeof path, "%s/clock", state_dir);
	buf_init(&b, 64);
	stop(true);
	assert_true(fs_exists(path));
	assert_int_equal(fs_write(path, STR("1000"), 0600, NULL), 0);
	for (int i = 0; i < 2; i++) {
		start();
		assert_int_equal(spool_second(spool, NULL), 0);
		stop(true);
		buf_reset(&b);
		assert_int_equal(fs_read(path, &b, NULL), 0);
		assert_true(str_eq(buf_view(&b), STR("1000")));
	}
	buf_done(&b);
	start();
}

#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_doubt_outlives_a_start), T(test_acknowledged_after_sync), T(test_rests), T(test_once_over_a_crash), T(test_last_words), T(test_once_over_a_torn_commit), T(test_hostile), T(test_forged),
		T(test_slow_and_half_open),
		T(test_strangers_and_crowds),    T(test_back_pressure),     T(test_vault_away), T(test_nflog_losses),
		T(test_a_cold_disk_that_does_not_answer), T(test_retention), T(test_retention_waits_for_the_other_node), T(test_retention_of_a_class), T(test_end_of_a_key), T(test_retention_doubts_the_clock), T(test_clock_set_while_writing),
	};
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("intake", tests, NULL, NULL);
}
