/* The live path without processes: real segments, follower, outbox and a respondd that is slow, dies and forgets.
 * What counts: each finding is committed once by uid, whenever detection or respondd was cut. */
#include "detect/follow.h"
#include "detect/outbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "segment/fake_vault.h"
#include "segment/writer.h"
#include "wire/sock.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static const char rules_text[] =
	"title: many\nid: c\ncorrelation:\n    type: event_count\n    rules: [one]\n    group-by: [src_ip]\n    timespan: 60s\n"
	"    condition:\n        gte: 3\n---\ntitle: denied\nid: b\nname: one\nlogsource:\n    category: firewall\ndetection:\n"
	"    s:\n        action: Denied\n    condition: s\n---\ntitle: single\nid: s\nlogsource:\n    category: firewall\ndetection:\n"
	"    s:\n        dst_port: 7\n    condition: s\n";

struct world {
	char dir[64], segments[96], state[96], sock[96];
	struct ruleset *rules;
	struct writer *writer;
	unsigned written;
};

/* One run of detectd's insides. */
struct side {
	uv_loop_t loop;
	struct outbox *outbox;
	struct follow *follow;
};

/* respondd: commits by uid; can be told to acknowledge nothing. */
struct desk {
	pthread_t thread;
	int listen_fd, stop[2];
	const char *path;
	_Atomic bool mute;
	_Atomic unsigned messages, bad, unique;
	_Atomic int hangup; /* after so many messages the connection is closed, once */
	struct map seen;
};

static int put(const struct finding *f, uint64_t *ret_seq, void *user)
{
	struct side *d = user;
	struct buf b;
	buf_init(&b, FINDING_JSON_MAX);
	finding_format(f, &b);
	int r = outbox_put(d->outbox, buf_view(&b), ret_seq);
	buf_done(&b);
	return r;
}

static void world_open(struct world *w)
{
	struct err err = { 0 };
	*w = (struct world){ .dir = "/tmp/toride-follow-XXXXXX" };
	assert_non_null(mkdtemp(w->dir));
	snprintf(w->segments, sizeof w->segments, "%s/segments", w->dir);
	snprintf(w->state, sizeof w->state, "%s/state", w->dir);
	snprintf(w->sock, sizeof w->sock, "%s/findings.sock", w->dir);
	assert_int_equal(ruleset_load_text(str_from(rules_text), "r.yml", NULL, &w->rules, &err), 0);
	assert_int_equal(w->rules->n_faults, 0);
	struct writer_opts o = { .dir = w->segments, .key = fake_key, .seal = fake_seal };
	assert_int_equal(writer_open(&o, &w->writer, &err), 0);
}

static void world_close(struct world *w)
{
	writer_close(&w->writer);
	ruleset_destroy(&w->rules);
	fs_rmtree(w->dir, NULL);
}

static void write_into(struct world *w, const char *series, const char *org, const char *ip, unsigned port)
{
	char json[400];
	struct segment_name name;
	int n = snprintf(json, sizeof json,
	                 "{\"class_uid\":4001,\"time\":%u,\"org\":\"%s\",\"product\":\"nft\",\"src_endpoint\":{\"ip\":\"%s\"},"
	                 "\"dst_endpoint\":{\"ip\":\"203.0.113.1\",\"port\":%u},\"connection_info\":{\"direction\":\"Outbound\"},\"action\":\"Denied\"}",
	                 1000000 + w->written++ * 1000, org, ip, port);
	assert_int_equal(writer_append(w->writer, org, series, (struct str){ json, (size_t)n }, &name, NULL), 0);
	assert_int_equal(writer_commit(w->writer, NULL), 0);
}

static void write_event(struct world *w, const char *org, const char *ip, unsigned port)
{
	write_into(w, "events", org, ip, port);
}

static void side_open(struct side *d, struct world *w)
{
	struct err err = { 0 };
	memset(d, 0, sizeof *d);
	uv_loop_init(&d->loop);
	assert_int_equal(outbox_open(&d->loop, &(struct outbox_opts){ .path = w->sock, .retry_ms = 20 }, &d->outbox, &err), 0);
	struct follow_opts o = { .segments = w->segments, .state = w->state, .key = fake_key, .put = put, .user = d, .save_ms = 1 };
	assert_int_equal(follow_open(&o, w->rules, NULL, &d->follow, &err), 0);
}

static void side_close(struct side *d) /* as a kill would: nothing is saved */
{
	follow_close(&d->follow);
	outbox_close(&d->outbox);
	while (uv_run(&d->loop, UV_RUN_NOWAIT))
		;
	assert_int_equal(uv_loop_close(&d->loop), 0);
}

static unsigned turn(struct side *d, unsigned max)
{
	struct err err = { 0 };
	unsigned n = follow_step(d->follow, max, &err);
	assert_int_equal(err.code, 0);
	uv_run(&d->loop, UV_RUN_NOWAIT);
	/* Nothing more for now: what was held is told. */
	int64_t now = n < max ? engine_time(follow_engine(d->follow)) + CORRELATE_LATE_MS + 1 : 0;
	assert_int_equal(follow_tick(d->follow, now, outbox_acked(d->outbox), &err), 0);
	return n;
}

/* Until everything is read and acknowledged, or ms have passed. */
static bool settle(struct side *d, int ms)
{
	int64_t until = clock_mono_ms() + ms;
	do {
		if (turn(d, 100) == 0 && outbox_acked(d->outbox) == outbox_last(d->outbox)) {
			poll(NULL, 0, 5);
			turn(d, 1);
			return true;
		}
		poll(NULL, 0, 2);
	} while (clock_mono_ms() < until);
	return false;
}

/* ---- respondd */

static void commit(struct desk *k, const struct finding_msg *m)
{
	struct arena a;
	struct finding f;
	arena_init(&a, MIB);
	k->messages++;
	if (finding_parse(m->json, &a, &f, NULL) < 0)
		k->bad++;
	else if (!map_get(&k->seen, str_from(f.uid))) {
		map_put(&k->seen, str_from(f.uid), k);
		k->unique++;
	}
	arena_done(&a);
}

static void serve(struct desk *k, int fd)
{
	struct buf b, out;
	uint64_t next = 0;
	buf_init(&b, FINDING_MSG_MAX);
	buf_init(&out, 64);
	for (;;) {
		struct pollfd p[2] = { { fd, POLLIN, 0 }, { k->stop[0], POLLIN, 0 } };
		struct finding_msg m;
		if (poll(p, 2, -1) < 0 || p[1].revents || sock_recv(fd, &b, NULL, 1000, NULL) < 0)
			break;
		if (finding_msg_parse(b.ptr, b.len, &m) < 0 || (m.type == FINDING_MSG_HELLO) != (next == 0)) {
			k->bad++;
			break;
		}
		if (m.type == FINDING_MSG_HELLO) {
			next = 1;
			continue;
		}
		if (next > 1 && m.number != next)
			k->bad++;
		next = m.number + 1;
		commit(k, &m);
		if (k->hangup && k->messages == (unsigned)k->hangup) {
			k->hangup = 0;
			break;
		}
		buf_reset(&out);
		finding_msg_format(&(struct finding_msg){ .type = FINDING_MSG_ACK, .number = m.number }, &out);
		if (!k->mute)
			sock_send(fd, buf_view(&out), -1, NULL);
	}
	buf_done(&b);
	buf_done(&out);
	close(fd);
}

static void *desk_run(void *user)
{
	struct desk *k = user;
	for (;;) {
		struct pollfd p[2] = { { k->listen_fd, POLLIN, 0 }, { k->stop[0], POLLIN, 0 } };
		if (poll(p, 2, -1) < 0 || p[1].revents)
			return NULL;
		int fd = accept(k->listen_fd, NULL, NULL);
		if (fd >= 0)
			serve(k, fd);
	}
}

static void desk_open(struct desk *k, const char *path)
{
	assert_int_equal(sock_listen(path, 0600, &k->listen_fd, NULL), 0);
	assert_int_equal(pipe(k->stop), 0);
	assert_int_equal(pthread_create(&k->thread, NULL, desk_run, k), 0);
}

static void desk_close(struct desk *k)
{
	assert_int_equal(write(k->stop[1], "x", 1), 1);
	pthread_join(k->thread, NULL);
	close(k->listen_fd);
	close(k->stop[0]);
	close(k->stop[1]);
}

/* ---- tests */

static void test_live(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	struct desk k = { 0 };
	map_init(&k.seen, 1000);
	world_open(&w);
	desk_open(&k, w.sock);
	side_open(&d, &w);
	write_event(&w, "412015", "10.1.0.5", 7);
	assert_true(settle(&d, 60000));
	assert_int_equal(k.unique, 1);
	for (int i = 0; i < 3; i++)
		write_event(&w, "412023", "10.1.0.5", 9);
	assert_true(settle(&d, 60000));
	assert_int_equal(k.unique, 2); /* the three of 412023, without the one of 412015 */
	assert_true(fs_exists(w.state));
	side_close(&d);
	/* Read again from the saved cursors: nothing new. */
	side_open(&d, &w);
	assert_true(settle(&d, 60000));
	assert_int_equal(k.messages, 2);
	side_close(&d);
	assert_int_equal(k.bad, 0);
	desk_close(&k);
	map_done(&k.seen);
	world_close(&w);
}

/* Killed after every number of events, with respondd silent or not: in the end every finding once by uid. */
/* An event that is stamped by the wall clock, like its segment. */
static void write_now(struct world *w, const char *org)
{
	w->written = (unsigned)((clock_now_ms() - 1000000) / 1000);
	write_event(w, org, "10.1.0.5", 9);
}

static unsigned found(struct side *d)
{
	struct err err = { 0 };
	for (int i = 0; i < 3; i++) {
		follow_step(d->follow, 100, &err);
		assert_int_equal(err.code, 0);
		assert_true(follow_tick(d->follow, clock_now_ms() + 1000, 0, &err) == 0);
	}
	struct follow_stats s;
	follow_stats(d->follow, &s);
	return (unsigned)s.findings;
}

/* Three denials of one terminal within a minute, and the clock set in between: back by hours, the third still completes
 * them; forward, the windows begin anew, and three more are found. Another body's, in whose series nothing was written
 * meanwhile, is apart. */
static void test_clock_set(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	clock_hold(2000000000); /* its own: the loop's and the outbox's waits are real */
	world_open(&w);
	side_open(&d, &w);
	write_now(&w, "412015");
	clock_advance(5000);
	write_now(&w, "412015");
	assert_int_equal(found(&d), 0);
	clock_shift(-5 * 3600000LL);
	clock_advance(5000);
	write_now(&w, "412015");
	assert_int_equal(found(&d), 1);
	/* quiet for the timespan, as without a step, then found again */
	clock_shift(-3 * 3600000LL);
	for (int i = 0; i < 3; i++, clock_advance(5000))
		write_now(&w, "412015");
	assert_int_equal(found(&d), 1);
	clock_advance(60000);
	for (int i = 0; i < 3; i++, clock_advance(5000))
		write_now(&w, "412015");
	assert_int_equal(found(&d), 2);
	clock_advance(120000);
	write_now(&w, "412015");
	write_now(&w, "412015");
	clock_shift(7 * 3600000LL);
	for (int i = 0; i < 3; i++, clock_advance(5000))
		write_now(&w, "412015");
	assert_int_equal(found(&d), 3);
	struct follow_stats s;
	follow_stats(d.follow, &s);
	assert_int_equal(s.clock_set, 2);
	side_close(&d);
	world_close(&w);
	clock_hold(0);
}

/* Detection's own clock is set back later than the one that stamps records, by less than a window or by an hour of silence:
 * what comes after both have been set is found as ever, not when the old time has come again. */
static void test_clock_set_apart(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	clock_hold(2000000000);
	world_open(&w);
	side_open(&d, &w);
	write_now(&w, "412015");
	assert_int_equal(found(&d), 0);
	clock_shift(-5 * 3600000LL);
	write_now(&w, "412015");
	clock_shift(5 * 3600000LL);
	assert_int_equal(found(&d), 0); /* it still believes the old time */
	clock_shift(-5 * 3600000LL);
	clock_advance(2000);
	assert_int_equal(found(&d), 0);
	for (int i = 0; i < 3; i++, clock_advance(5000)) {
		write_now(&w, "412015");
		found(&d);
	}
	clock_advance(15000);
	assert_int_equal(found(&d), 1);
	side_close(&d);
	world_close(&w);
	clock_hold(0);
}

static void test_killed(void **state)
{
	(void)state;
	for (int cut = 0; cut <= 8; cut++)
		for (int mute = 0; mute < 2; mute++) {
			struct world w;
			struct side d;
			struct desk k = { .mute = mute };
			map_init(&k.seen, 1000);
			world_open(&w);
			desk_open(&k, w.sock);
			for (int i = 0; i < 8; i++)
				write_event(&w, "412015", i % 2 ? "10.1.0.5" : "10.1.0.6", i == 4 ? 7 : 443);
			side_open(&d, &w);
			for (int i = 0; i < cut; i++) {
				turn(&d, 1);
				poll(NULL, 0, 1);
			}
			for (int i = 0; i < 5; i++) {
				uv_run(&d.loop, UV_RUN_NOWAIT);
				poll(NULL, 0, 2);
			}
			if (mute)
				assert_true(outbox_last(d.outbox) == 0 || outbox_acked(d.outbox) < outbox_last(d.outbox));
			side_close(&d);
			k.mute = false;
			side_open(&d, &w);
			assert_true(settle(&d, 60000));
			if (k.unique != 3 || k.bad)
				fail_msg("cut after %d, mute %d: %u findings, wanted 3; %u bad", cut, mute, k.unique, k.bad);
			side_close(&d);
			desk_close(&k);
			map_done(&k.seen);
			world_close(&w);
		}
}

/* respondd hangs up without acknowledging: everything unacknowledged comes again, in order, on the next connection. */
static void test_respondd_dies(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	struct desk k = { .hangup = 2 };
	map_init(&k.seen, 1000);
	world_open(&w);
	side_open(&d, &w); /* before there is a respondd */
	for (int i = 0; i < 5; i++)
		write_event(&w, "412015", "10.1.0.5", 7);
	for (int i = 0; i < 20; i++)
		turn(&d, 10);
	assert_int_equal(outbox_acked(d.outbox), 0);
	assert_false(fs_exists(w.state)); /* nothing is acknowledged: the cursor stands */
	desk_open(&k, w.sock);
	assert_true(settle(&d, 60000));
	assert_int_equal(k.unique, 6);
	assert_true(k.messages > 6);
	assert_int_equal(k.bad, 0);
	side_close(&d);
	desk_close(&k);
	map_done(&k.seen);
	world_close(&w);
}

static void test_damaged_state(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	struct desk k = { 0 };
	struct buf b;
	map_init(&k.seen, 1000);
	world_open(&w);
	desk_open(&k, w.sock);
	side_open(&d, &w);
	write_event(&w, "412015", "10.1.0.5", 7);
	assert_true(settle(&d, 60000));
	side_close(&d);
	buf_init(&b, MIB);
	assert_int_equal(fs_read(w.state, &b, NULL), 0);
	b.ptr[b.len / 2] ^= 1;
	assert_int_equal(fs_write(w.state, buf_view(&b), 0600, NULL), 0);
	side_open(&d, &w); /* says so, and reads all again: the uid is the same */
	struct follow_stats st;
	follow_stats(d.follow, &st);
	assert_int_equal(st.faults, 1);
	assert_true(settle(&d, 60000));
	assert_int_equal(k.messages, 2);
	assert_int_equal(k.unique, 1);
	side_close(&d);
	buf_done(&b);
	desk_close(&k);
	map_done(&k.seen);
	world_close(&w);
}

/* New rules in the middle of a count: what is still the same goes on counting. */
static void test_new_rules(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	struct desk k = { 0 };
	struct ruleset *other;
	map_init(&k.seen, 1000);
	world_open(&w);
	desk_open(&k, w.sock);
	assert_int_equal(ruleset_load_text(str_from(rules_text), "again.yml", NULL, &other, NULL), 0);
	side_open(&d, &w);
	write_event(&w, "412015", "10.1.0.5", 9);
	write_event(&w, "412015", "10.1.0.5", 9);
	assert_true(settle(&d, 60000));
	assert_int_equal(follow_rules(d.follow, other, NULL, NULL), 0);
	write_event(&w, "412015", "10.1.0.5", 9);
	assert_true(settle(&d, 60000));
	assert_int_equal(k.unique, 1);
	side_close(&d);
	ruleset_destroy(&other);
	desk_close(&k);
	map_done(&k.seen);
	world_close(&w);
}

/* What was brought in from a file is of another time: it opens nothing by itself. */
static void test_brought_in(void **state)
{
	(void)state;
	struct world w;
	struct side d;
	struct desk k = { 0 };
	struct follow_stats st;
	map_init(&k.seen, 1000);
	world_open(&w);
	desk_open(&k, w.sock);
	side_open(&d, &w);
	for (int i = 0; i < 5; i++)
		write_into(&w, "import", "412015", "10.1.0.5", 7);
	write_event(&w, "412015", "10.1.0.6", 7);
	write_into(&w, "events-4001", "412015", "10.1.0.7", 7); /* a class with days of its own comes as it happens */
	assert_true(settle(&d, 60000));
	follow_stats(d.follow, &st);
	assert_int_equal(st.events, 2);
	assert_int_equal(k.unique, 2);
	side_close(&d);
	desk_close(&k);
	map_done(&k.seen);
	world_close(&w);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as daemon_begin() does: respondd dies in here */
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_live), cmocka_unit_test(test_clock_set), cmocka_unit_test(test_clock_set_apart), cmocka_unit_test(test_killed), cmocka_unit_test(test_respondd_dies),
		cmocka_unit_test(test_damaged_state), cmocka_unit_test(test_new_rules), cmocka_unit_test(test_brought_in) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
