/* The event sender against a server that is slow, dies, and acknowledges late: nothing acknowledged is sent
 * again, nothing unacknowledged is forgotten, and a full ring drops and counts. */
#include "base/test.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/events.h"
#include "wire/place.h"
#include "wire/ring.h"
#include "wire/sock.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64];
static int listener = -1;

static int setup(void **state)
{
	char path[PLACE_MAX];
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/toride-events-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	setenv("TORIDE_RUN", dir, 1);
	return sock_listen(place_in_run(path, sizeof path, SOCK_EVENTS), 0600, &listener, NULL);
}

static int teardown(void **state)
{
	(void)state;
	close(listener);
	return fs_rmtree(dir, NULL);
}

/* Receives one message and returns its sequence, 0 for a hello. */
static uint64_t take(int fd, struct events *e)
{
	struct buf b;
	uint64_t seq = 0;
	buf_init(&b, EVENTS_MAX);
	for (int i = 0; i < 100; i++) {
		struct pollfd p = { fd, POLLIN, 0 };
		events_work(e);
		if (poll(&p, 1, 20) > 0)
			break;
	}
	assert_int_equal(sock_recv(fd, &b, NULL, 1000, NULL), 0);
	struct rd r = rd_from(b.ptr, b.len);
	if (rd_u8(&r) == EVENTS_EVENT)
		seq = rd_u64(&r);
	buf_done(&b);
	return seq;
}

static void acknowledge(int fd, struct events *e, uint64_t seq)
{
	struct buf b;
	buf_init(&b, 16);
	wr_u8(&b, EVENTS_ACK);
	wr_u64(&b, seq);
	assert_int_equal(sock_send(fd, buf_view(&b), -1, NULL), 0);
	buf_done(&b);
	events_work(e);
}

static void test_reconnect(void **state)
{
	struct events *e;
	(void)state;
	assert_int_equal(events_open("unit", 64 * KIB, &e, NULL), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(events_put(e, STR("412015"), STR("{\"a\":1}")), 0);
	events_work(e);
	int fd = accept(listener, NULL, NULL);
	assert_int_equal(take(fd, e), 0);
	for (uint64_t want = 1; want <= 3; want++)
		assert_true(take(fd, e) == want);
	acknowledge(fd, e, 1);
	assert_true(events_unacked(e) == 2);
	close(fd); /* dies with two unacknowledged */
	for (int i = 0; i < 50 && poll(&(struct pollfd){ listener, POLLIN, 0 }, 1, 20) <= 0; i++)
		events_work(e);
	fd = accept(listener, NULL, NULL);
	assert_int_equal(take(fd, e), 0);
	assert_true(take(fd, e) == 2);
	assert_true(take(fd, e) == 3);
	acknowledge(fd, e, 3);
	assert_true(events_unacked(e) == 0);
	close(fd);
	events_close(&e);
}

static void test_full(void **state)
{
	struct events *e;
	int kept = 0;
	(void)state;
	assert_int_equal(events_open("unit", 1000, &e, NULL), 0);
	while (events_put(e, STR(""), STR("{\"some\":\"event of ours\"}")) == 0)
		kept++;
	assert_true(kept > 10);
	assert_true(events_dropped(e) == 1);
	assert_int_equal(events_put(e, STR(""), STR("{}")), -E_LIMIT);
	assert_true(events_dropped(e) == 2);
	events_close(&e);
}

/* Puts what it is told to, hands over what it can, and is killed. */
static void end_suddenly(const char *path, int events)
{
	struct events *e;
	pid_t pid = fork();
	if (pid == 0) {
		if (events_open_kept("unit", path, 4000, &e, NULL) < 0)
			_exit(1);
		while (events--)
			events_put(e, STR("412015"), STR("{\"a\":1}"));
		raise(SIGKILL);
	}
	int status;
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
}

/* The boot of the hello that the sender begins its next connection with. */
static uint64_t hello(struct events *e, int *ret_fd)
{
	struct buf b;
	buf_init(&b, EVENTS_MAX);
	for (int i = 0; i < 50 && poll(&(struct pollfd){ listener, POLLIN, 0 }, 1, 20) <= 0; i++)
		events_work(e);
	*ret_fd = accept(listener, NULL, NULL);
	assert_int_equal(sock_recv(*ret_fd, &b, NULL, 1000, NULL), 0);
	struct rd r = rd_from(b.ptr, b.len);
	assert_int_equal(rd_u8(&r), EVENTS_HELLO);
	uint64_t boot = rd_u64(&r);
	buf_done(&b);
	return boot;
}

static void opens(const char *path, struct events **e)
{
	assert_int_equal(events_open_kept("unit", path, 4000, e, NULL), 0);
}

/* What one process put and others, in its place, hand over: under its boot and with numbers that go on, so that what was taken
 * isn't taken twice. Once all that is through, boot and numbers are their own. */
static void test_kept(void **state)
{
	struct events *e;
	char path[96];
	int fd;
	(void)state;
	snprintf(path, sizeof path, "%s/ring", dir);
	end_suddenly(path, 3);
	opens(path, &e);
	uint64_t boot = hello(e, &fd);
	assert_true(take(fd, e) == 1); /* and takes it; the sender ends before it knows */
	events_close(&e);
	close(fd);
	opens(path, &e);
	assert_true(events_unacked(e) == 3);
	assert_int_equal(events_put(e, STR(""), STR("{}")), 0);
	assert_true(hello(e, &fd) == boot);
	for (uint64_t n = 1; n <= 4; n++)
		assert_true(take(fd, e) == n);
	acknowledge(fd, e, 4);
	close(fd);
	assert_true(events_unacked(e) == 0);
	assert_int_equal(events_put(e, STR(""), STR("{}")), 0);
	assert_true(hello(e, &fd) != boot);
	assert_true(take(fd, e) == 1);
	acknowledge(fd, e, 1);
	assert_true(events_unacked(e) == 0);
	close(fd);
	events_close(&e);
}

/* Puts a message with that number, and so many bytes behind what belongs in it. */
static void leave(struct ring *r, uint64_t number, size_t more)
{
	struct buf b;
	buf_init(&b, 256);
	wr_u8(&b, EVENTS_EVENT);
	wr_u64(&b, number);
	wr_text(&b, STR("412015"));
	wr_blob(&b, STR("{}"));
	while (more--)
		buf_putc(&b, 'x');
	char *room = ring_room(r, (uint32_t)b.len);
	assert_non_null(room);
	memcpy(room, b.ptr, b.len);
	ring_put(r, room, (uint32_t)b.len);
	buf_done(&b);
}

/* What a process that had been taken over left must not silence who comes next: numbers that were had are not gone on
 * with, nor a message handed over that the intake ends the connection for. */
static void test_left_by_another(void **state)
{
	static const struct { uint64_t number[2]; size_t more, waits; } cases[] = {
		{ { 0, 0 }, 0, 0 }, { { 7, 8 }, 0, 2 }, { { 7, 9 }, 0, 0 }, { { 7, 7 }, 0, 0 }, { { UINT64_MAX - 1, UINT64_MAX }, 0, 0 }, { { 1, 2 }, 1, 0 },
	};
	char path[96];
	(void)state;
	snprintf(path, sizeof path, "%s/false", dir);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ring r;
		struct events *e;
		assert_int_equal(ring_open(path, 4000, &r, NULL), 0);
		ring_clear(&r);
		r.head->user[0] = 77; /* a boot under which thousands were taken */
		for (size_t n = 0; n < 2 && cases[i].number[n]; n++)
			leave(&r, cases[i].number[n], cases[i].more);
		r.head->user[1] = 5;
		ring_close(&r);
		int fd;
		opens(path, &e);
		assert_int_equal(events_unacked(e), cases[i].waits);
		bool its = hello(e, &fd) == 77;
		assert_true(its == (cases[i].waits > 0));
		assert_int_equal(events_put(e, STR(""), STR("{}")), 0);
		for (uint64_t n = 0, first = its ? 7 : 1; n <= cases[i].waits; n++)
			assert_true(take(fd, e) == first + n);
		close(fd);
		events_close(&e);
	}
}

/* An acknowledgement of what was never sent ends the connection and forgets nothing. */
static void test_false_ack(void **state)
{
	struct events *e;
	bool want_write;
	(void)state;
	assert_int_equal(events_open("unit", 64 * KIB, &e, NULL), 0);
	assert_int_equal(events_put(e, STR(""), STR("{}")), 0);
	events_work(e);
	int fd = accept(listener, NULL, NULL);
	assert_int_equal(take(fd, e), 0);
	assert_true(take(fd, e) == 1);
	acknowledge(fd, e, 99);
	assert_int_equal(events_fd(e, &want_write), -1);
	close(fd);
	events_close(&e);
}

static void test_app(void **state)
{
	(void)state;
	struct buf b;
	buf_init(&b, 4096);
	clock_hold(1795341600000);
	event_app(&b, "torided", "nsd1", "Crash", "killed \"by\" signal 9");
	clock_hold(0);
	assert_string_equal(buf_cstr(&b), "{\"class_uid\":6002,\"time\":1795341600000,\"product\":\"torided\",\"app\":{\"name\":\"nsd1\"},"
	                                  "\"activity_name\":\"Crash\",\"message\":\"killed \\\"by\\\" signal 9\"}");
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_reconnect), cmocka_unit_test(test_full),
		                            cmocka_unit_test(test_kept), cmocka_unit_test(test_left_by_another),
		                            cmocka_unit_test(test_false_ack), cmocka_unit_test(test_app) };
	return cmocka_run_group_tests_name("wire/events", tests, setup, teardown);
}
