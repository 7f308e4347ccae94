/* Client, server, broker and clamd's side together in one process; clamd itself is a thread that does as told. */
#include "scan/client.h"
#include "scan/server.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define EICAR "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"

/* ---- clamd's double ---- */

static atomic_int fake_delay_ms, fake_held, fake_dies, fake_scans; /* held: no answer until it is let go */
static char dir[64], clamd_path[128], verdict_path[128];
static int fake_fd = -1;
static pthread_t fake_thread;

static void fake_one(int fd)
{
	char command[16] = "", head[8] = "";
	int file = -1;
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} u;
	char dummy;
	struct iovec v = { &dummy, 1 };
	struct msghdr m = { .msg_iov = &v, .msg_iovlen = 1, .msg_control = u.space, .msg_controllen = sizeof u };
	if (recv(fd, command, 8, MSG_WAITALL) != 8 || strcmp(command, "zFILDES") != 0 || recvmsg(fd, &m, 0) != 1)
		return;
	memcpy(&file, CMSG_DATA(CMSG_FIRSTHDR(&m)), sizeof file);
	fake_scans++;
	if (!fake_dies) {
		ssize_t n = pread(file, head, sizeof head, 0);
		do
			poll(NULL, 0, fake_held ? 1 : fake_delay_ms);
		while (fake_held);
		const char *reply = n >= 3 && memcmp(head, "X5O", 3) == 0 ? "fd[9]: Eicar FOUND" : "fd[9]: OK";
		(void)!send(fd, reply, strlen(reply) + 1, MSG_NOSIGNAL); /* the asker may have given up */
	}
	close(file);
}

static void *fake_run(void *arg)
{
	for (;;) {
		int fd = accept(fake_fd, NULL, NULL);
		if (fd < 0)
			return NULL;
		fake_one(fd);
		close(fd);
	}
}

static void fake_start(void)
{
	assert_int_equal(sock_listen(clamd_path, 0600, &fake_fd, NULL), 0);
	pthread_create(&fake_thread, NULL, fake_run, NULL);
}

static void fake_stop(void)
{
	fake_held = 0;
	shutdown(fake_fd, SHUT_RDWR);
	pthread_join(fake_thread, NULL);
	close(fake_fd);
	fake_fd = -1;
	unlink(clamd_path);
}

/* ---- the daemon's parts ---- */

struct rig {
	uv_loop_t loop;
	struct stats *stats;
	struct verdict_cache cache;
	_Atomic uint64_t generation;
	struct clamd *clamd;
	struct broker *broker;
	struct verdict_server *server;
	struct scan_client *client;
};

static uint64_t limit_of(const char *org, void *user)
{
	return strcmp(org, "412015") == 0 ? 1000 : 10 * MIB;
}

static bool everybody(uid_t uid)
{
	return true;
}

static void serve(struct rig *g)
{
	int fd;
	assert_int_equal(sock_listen(verdict_path, 0600, &fd, NULL), 0);
	assert_int_equal(verdict_server_open(&g->loop, fd, g->broker, everybody, 100, &g->server, NULL), 0);
}

static int rig_up(void **state)
{
	struct rig *g = mem_alloc(sizeof *g);
	snprintf(dir, sizeof dir, "/tmp/toride-scan-XXXXXX");
	assert_non_null(mkdtemp(dir));
	setenv("TORIDE_RUN", dir, 1);
	char stats[128];
	snprintf(stats, sizeof stats, "%s/stats", dir);
	mkdir(stats, 0755);
	snprintf(clamd_path, sizeof clamd_path, "%s/clamd.sock", dir);
	snprintf(verdict_path, sizeof verdict_path, "%s/verdict.sock", dir);
	fake_delay_ms = fake_dies = fake_scans = 0;
	fake_start();
	g->generation = 1;
	uv_loop_init(&g->loop);
	assert_int_equal(stats_open("scand", &g->stats, NULL), 0);
	assert_int_equal(verdict_cache_init(&g->cache, 1024, 0, &g->generation), 0);
	assert_int_equal(clamd_open(&g->loop, clamd_path, 4, 64, &g->clamd, NULL), 0);
	struct broker_opts o = { .loop = &g->loop, .clamd = g->clamd, .cache = &g->cache, .generation = &g->generation,
		                 .stats = g->stats, .max_jobs = 200 };
	assert_int_equal(broker_open(&o, limit_of, NULL, &g->broker, NULL), 0);
	serve(g);
	assert_int_equal(scan_client_open(NULL, 300, &g->client, NULL), 0);
	*state = g;
	return 0;
}

static int rig_down(void **state)
{
	struct rig *g = *state;
	scan_client_close(&g->client);
	verdict_server_close(&g->server);
	clamd_close(&g->clamd);
	broker_close(&g->broker);
	uv_run(&g->loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&g->loop), 0);
	verdict_cache_done(&g->cache);
	stats_close(&g->stats);
	if (fake_fd >= 0)
		fake_stop();
	char rm[128];
	snprintf(rm, sizeof rm, "%s/stats/scand", dir);
	unlink(rm);
	snprintf(rm, sizeof rm, "%s/stats", dir);
	rmdir(rm);
	unlink(verdict_path);
	rmdir(dir);
	mem_free(g);
	return 0;
}

/* ---- asking ---- */

struct answers {
	int n;
	struct verdict last;
};

static void keep(const struct verdict *v, void *user)
{
	struct answers *a = user;
	a->n++;
	a->last = *v;
}

static void step(struct rig *g)
{
	uv_run(&g->loop, UV_RUN_NOWAIT);
	if (g->client)
		scan_client_work(g->client);
	poll(NULL, 0, 1);
}

static void wait_for(struct rig *g, const struct answers *a, int n, int ms)
{
	int64_t until = clock_mono_ms() + ms;
	while (a->n < n && clock_mono_ms() < until)
		step(g);
	assert_int_equal(a->n, n);
}

static int body(const char *text, bool sealed)
{
	struct str s = str_from(text);
	int fd;
	if (sealed) {
		assert_int_equal(scan_memfd(&s, 1, &fd, NULL), 0);
	} else {
		fd = memfd_create("open", MFD_CLOEXEC);
		assert_int_equal(write(fd, s.ptr, s.len), s.len);
	}
	return fd;
}

static uint64_t ask(struct rig *g, struct answers *a, int fd, const char *org, int timeout_ms)
{
	uint64_t id = 0;
	struct scan_job job = { .fd = fd, .org = str_from(org), .name = STR("x"), .timeout_ms = timeout_ms, .done = keep, .user = a };
	assert_int_equal(scan_client_submit(g->client, &job, &id), 0);
	return id;
}

static void answers_are_right_and_remembered(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int good = body("%PDF-1.4 hello", true), bad = body(EICAR, true);
	ask(g, &a, good, "", 5000);
	wait_for(g, &a, 1, 5000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
	assert_string_equal(a.last.type, "pdf");
	assert_false(a.last.cached);
	ask(g, &a, bad, "", 5000);
	wait_for(g, &a, 2, 5000);
	assert_int_equal(a.last.kind, VERDICT_MALICIOUS);
	assert_string_equal(a.last.malware, "Eicar");
	unsigned char sum[VERDICT_SHA] = { 0x27, 0x5a, 0x02, 0x1b };
	assert_memory_equal(a.last.sha256, sum, 4);
	ask(g, &a, bad, "", 5000);
	wait_for(g, &a, 3, 5000);
	assert_true(a.last.cached);
	assert_int_equal(a.last.kind, VERDICT_MALICIOUS);
	assert_int_equal(fake_scans, 2);
	g->generation++; /* new signatures: asked again */
	ask(g, &a, bad, "", 5000);
	wait_for(g, &a, 4, 5000);
	assert_int_equal(fake_scans, 3);
}

static void the_same_content_is_scanned_once(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	int fds[40];
	fake_delay_ms = 100;
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		ask(g, &a, fds[i] = body("the same", true), "", 5000);
	wait_for(g, &a, (int)ARRAY_LEN(fds), 5000);
	assert_int_equal(fake_scans, 1);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
}

/* Whoever can still change the content could get a clean verdict for one thing and cache it for another. */
static void what_may_change_is_not_remembered(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("not sealed", false);
	ask(g, &a, fd, "", 5000);
	wait_for(g, &a, 1, 5000);
	ask(g, &a, fd, "", 5000);
	wait_for(g, &a, 2, 5000);
	assert_false(a.last.cached);
	assert_int_equal(fake_scans, 2);
}

static void each_organisation_has_its_own_size(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	char *text = mem_alloc(300001);
	memset(text, 'a', 300000);
	_cleanup_fd_ int fd = body(text, true);
	mem_free(text);
	ask(g, &a, fd, "412015", 5000);
	wait_for(g, &a, 1, 5000);
	assert_int_equal(a.last.kind, VERDICT_UNSCANNABLE);
	assert_string_equal(a.last.malware, "size");
	ask(g, &a, fd, "412023", 5000); /* large enough to be hashed by a thread */
	wait_for(g, &a, 2, 5000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
	int p[2];
	assert_int_equal(pipe(p), 0);
	ask(g, &a, p[0], "", 5000); /* not a file: reading it could block */
	wait_for(g, &a, 3, 5000);
	assert_int_equal(a.last.kind, VERDICT_ERROR);
	close(p[0]), close(p[1]);
}

static void clamd_away_is_waited_for(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("wait", true);
	fake_stop();
	ask(g, &a, fd, "", 250);
	wait_for(g, &a, 1, 5000);
	assert_int_equal(a.last.kind, VERDICT_ERROR);
	assert_string_equal(a.last.malware, "timeout");
	ask(g, &a, fd, "", 10000);
	for (int64_t until = clock_mono_ms() + 300; clock_mono_ms() < until;)
		step(g);
	assert_int_equal(a.n, 1);
	fake_start();
	wait_for(g, &a, 2, 10000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
}

static void a_file_that_kills_clamd_is_given_up(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("poison", true), good = body("good", true);
	fake_dies = 1;
	ask(g, &a, fd, "", 20000);
	wait_for(g, &a, 1, 10000);
	assert_int_equal(a.last.kind, VERDICT_ERROR);
	assert_int_equal(fake_scans, CLAMD_TRIES);
	fake_dies = 0;
	ask(g, &a, good, "", 5000);
	wait_for(g, &a, 2, 5000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
}

static void a_slow_clamd_ends_at_the_deadline(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("slow", true);
	fake_held = 1; /* it would never answer */
	ask(g, &a, fd, "", 200);
	wait_for(g, &a, 1, 5000);
	assert_int_equal(a.last.kind, VERDICT_ERROR);
}

static void lookups_ask_nobody(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("look", true);
	ask(g, &a, fd, "", 5000);
	wait_for(g, &a, 1, 5000);
	uint8_t sha[VERDICT_SHA], other[VERDICT_SHA] = { 1 };
	memcpy(sha, a.last.sha256, sizeof sha);
	struct scan_job job = { .fd = -1, .sha256 = sha, .timeout_ms = 5000, .done = keep, .user = &a };
	assert_int_equal(scan_client_submit(g->client, &job, NULL), 0);
	wait_for(g, &a, 2, 5000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
	job.sha256 = other;
	assert_int_equal(scan_client_submit(g->client, &job, NULL), 0);
	wait_for(g, &a, 3, 5000);
	assert_int_equal(a.last.kind, VERDICT_UNKNOWN);
	assert_int_equal(fake_scans, 1);
}

static void the_client_outlives_its_server(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("again", true);
	fake_held = 1;
	ask(g, &a, fd, "", 8000);
	for (int64_t until = clock_mono_ms() + 5000; !fake_scans && clock_mono_ms() < until;)
		step(g);
	assert_int_equal(fake_scans, 1);
	verdict_server_close(&g->server); /* in the middle of a scan */
	unlink(verdict_path);
	for (int i = 0; i < 50; i++)
		step(g);
	assert_int_equal(a.n, 0);
	serve(g);
	fake_held = 0;
	wait_for(g, &a, 1, 8000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
}

static void without_a_server_the_client_gives_up_in_time(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("alone", true);
	verdict_server_close(&g->server);
	unlink(verdict_path);
	ask(g, &a, fd, "", 150);
	wait_for(g, &a, 1, 3000);
	assert_int_equal(a.last.kind, VERDICT_ERROR);
	assert_string_equal(a.last.malware, "timeout");
	ask(g, &a, fd, "", 5000);
	scan_client_close(&g->client);
	assert_int_equal(a.n, 2);
	assert_string_equal(a.last.malware, "closed");
}

static void cancelled_is_silent(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("cancel", true), other = body("other", true);
	fake_held = 1;
	uint64_t id = ask(g, &a, fd, "", 5000);
	for (int i = 0; i < 10; i++)
		step(g);
	scan_client_cancel(g->client, id);
	fake_held = 0;
	ask(g, &a, other, "", 5000);
	wait_for(g, &a, 1, 5000);
	for (int i = 0; i < 100; i++)
		step(g);
	assert_int_equal(a.n, 1);
	assert_int_equal(scan_client_open_jobs(g->client), 0);
}

static void too_many_are_refused(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	_cleanup_fd_ int fd = body("many", true);
	fake_delay_ms = 50;
	for (int i = 0; i < 300; i++)
		ask(g, &a, fd, "", 5000);
	struct scan_job job = { .fd = fd, .done = keep, .user = &a };
	assert_int_equal(scan_client_submit(g->client, &job, NULL), -E_LIMIT);
	wait_for(g, &a, 300, 10000); /* 100 at a time for this peer; the rest "busy", none forgotten */
}

/* ---- hostile peers ---- */

static int raw(void)
{
	int fd;
	assert_int_equal(sock_connect(verdict_path, 1000, &fd, NULL), 0);
	return fd;
}

static bool is_cut(struct rig *g, int fd)
{
	char c;
	for (int i = 0; i < 2000; i++) {
		step(g);
		ssize_t n = recv(fd, &c, 1, MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return true;
	}
	return false;
}

static void hostile_peers_are_cut_off(void **state)
{
	struct rig *g = *state;
	struct answers a = { 0 };
	struct buf b;
	struct str part[] = { STR("\xff\xff\xff\xff"), STR("\0\0\0\1\x09"), STR("\0\0\0\0"),
		              STR("\0\0\0\x11\1\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\0") /* a scan without its descriptor */ };
	_cleanup_fd_ int good = body("honest", true);
	for (size_t i = 0; i < ARRAY_LEN(part); i++) {
		_cleanup_fd_ int fd = raw();
		assert_int_equal(send(fd, part[i].ptr, part[i].len, 0), part[i].len);
		assert_true(is_cut(g, fd));
	}
	_cleanup_fd_ int flood = raw(); /* descriptors without messages */
	struct verdict_request rq = { .op = VERDICT_LOOKUP, .id = 1 };
	buf_init(&b, 256);
	verdict_request_write(&b, &rq);
	for (int i = 0; i < 20; i++)
		assert_int_equal(sock_send(flood, buf_view(&b), good, NULL), 0);
	buf_done(&b);
	bool cut = false;
	for (int i = 0; i < 2000 && !cut; i++) {
		step(g);
		cut = verdict_server_cut(g->server) == 5;
	}
	assert_true(cut);
	ask(g, &a, good, "", 5000);
	wait_for(g, &a, 1, 5000);
	assert_int_equal(a.last.kind, VERDICT_CLEAN);
}

#define T(f) cmocka_unit_test_setup_teardown(f, rig_up, rig_down)
int main(void)
{
	const struct CMUnitTest tests[] = {
		T(answers_are_right_and_remembered), T(the_same_content_is_scanned_once), T(what_may_change_is_not_remembered),
		T(each_organisation_has_its_own_size), T(clamd_away_is_waited_for), T(a_file_that_kills_clamd_is_given_up),
		T(a_slow_clamd_ends_at_the_deadline), T(lookups_ask_nobody), T(the_client_outlives_its_server),
		T(without_a_server_the_client_gives_up_in_time), T(cancelled_is_silent), T(too_many_are_refused),
		T(hostile_peers_are_cut_off),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
