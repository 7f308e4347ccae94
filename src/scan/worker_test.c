/* The nursery and its workers for real: forked, jailed, asked over their sockets; rules loaded, workers killed by what they
 * walk through, messages that make no sense. */
#include "base/test.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "scan/client.h"
#include "scan/walker.h"
#include "scan/yara.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <zlib.h>

static int nursery = -1;
static uv_loop_t loop;

struct seen {
	struct walk_result r;
	unsigned members, ends;
	struct walker_job *job;
	bool passes; /* what clamd would say of each */
};

static void on_member(const struct worker_member *m, int fd, void *user)
{
	struct seen *s = user;
	s->members++;
	if (fd < 0)
		return;
	close(fd);
	walker_go_on(s->job, !s->passes);
}

static void on_end(const struct walk_result *r, void *user)
{
	struct seen *s = user;
	s->r = *r;
	s->ends++;
}

static const struct walker_calls calls = { on_member, on_end };
static const struct worker_ask normal = { .timeout_ms = 5000, .depth = 16, .files = 1000, .ratio = 250, .bytes = 64 << 20, .name = "a" };

static int file_of(struct str s)
{
	int fd;
	assert_int_equal(scan_memfd(&s, 1, &fd, NULL), 0);
	return fd;
}

static struct walk_result run(struct str s, const struct worker_ask *a, struct seen *seen)
{
	struct walker *w;
	struct err err;
	int fd = file_of(s);
	assert_int_equal(walker_open(&loop, nursery, 2, 10, &w, &err), 0);
	seen->job = walker_start(w, fd, a, &calls, seen);
	assert_non_null(seen->job);
	close(fd);
	int64_t until = clock_mono_ms() + 120000;
	while (!seen->ends && clock_mono_ms() < until)
		uv_run(&loop, UV_RUN_ONCE);
	assert_int_equal(seen->ends, 1);
	walker_close(&w);
	uv_run(&loop, UV_RUN_DEFAULT);
	return seen->r;
}

static void load(const char *text, int expected, unsigned count)
{
	struct err err = { 0 };
	struct buf b;
	unsigned n = 0;
	buf_init(&b, MIB);
	yara_bundle_add(&b, "own.yar", str_from(text));
	int fd = file_of(buf_view(&b));
	int r = nursery_rules(nursery, fd, &n, &err);
	if (r != expected || (r == 0 && n != count))
		fail_msg("%d, %u rules: %s", r, n, err.msg);
	close(fd);
	buf_done(&b);
}

static int setup(void **state)
{
	(void)state;
	struct err err = { 0 };
	if (nursery_start(&nursery, &err) < 0)
		fail_msg("%s", err.msg);
	uv_loop_init(&loop);
	return 0;
}

static void a_worker_walks(void **state)
{
	(void)state;
	struct seen s = { .passes = true };
	struct walk_result r = run(STR("hello, this is a text\n"), &normal, &s);
	assert_int_equal(r.found, 0);
	assert_int_equal(s.members, 0);
}

static void rules_reach_the_workers(void **state)
{
	(void)state;
	load("rule Hello { strings: $a = \"hello\" condition: $a }", 0, 1);
	struct seen s = { 0 };
	struct walk_result r = run(STR("hello, this is a text\n"), &normal, &s);
	assert_int_equal(r.found, WALK_MALICIOUS);
	assert_string_equal(r.reason, "Hello");
	load("rule Bad { condition: nosuch }", -E_INVALID, 0); /* the old ones stay */
	s = (struct seen){ 0 };
	assert_int_equal(run(STR("hello again\n"), &normal, &s).found, WALK_MALICIOUS);
	load("rule Other { strings: $a = \"goodbye\" condition: $a } rule More { condition: false }", 0, 2);
	s = (struct seen){ 0 };
	assert_int_equal(run(STR("hello again\n"), &normal, &s).found, 0);
}

/* What the workers run must know the name and the type. */
static void rules_know_name_and_type(void **state)
{
	(void)state;
	load("rule Named { condition: filename == \"a\" and type == \"text\" }", 0, 1);
	struct seen s = { 0 };
	assert_string_equal(run(STR("anything\n"), &normal, &s).reason, "Named");
	load("", 0, 0);
}

/* A rule that takes for ever: the worker's own clock, not the rule's, is what ends it. */
static void no_file_takes_for_ever(void **state)
{
	(void)state;
	load("rule Slow { condition: for all i in (1..1000000000) : ( i > 0 ) }", 0, 1);
	struct worker_ask a = normal;
	a.timeout_ms = 1;
	struct seen s = { 0 };
	struct walk_result r = run(STR("anything\n"), &a, &s);
	assert_int_equal(r.found, WALK_BEYOND);
	load("", 0, 0);
}

/* A RAR of 60 KB whose every file has a salt of its own: 2^18 turns of a hash each, for minutes. */
static void put_entry(struct buf *b, unsigned i)
{
	unsigned char h[48] = { 0, 0, 0x74, 0x04, 0x84, 48, 0, 16, 0, 0, 0, 0xff, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 29, 0x33, 8, 0, 0, 0, 0, 0 };
	memcpy(h + 32, "note.txt", 8);
	h[40] = (unsigned char)i;
	h[41] = (unsigned char)(i >> 8);
	unsigned long crc = crc32(0, h + 2, sizeof h - 2);
	h[0] = (unsigned char)crc;
	h[1] = (unsigned char)(crc >> 8);
	buf_put(b, h, sizeof h);
	buf_put(b, "0123456789abcdef", 16);
}

static void no_file_turns_for_ever(void **state)
{
	(void)state;
	struct worker_ask a = normal;
	struct seen s = { 0 };
	struct buf b;
	a.timeout_ms = 600000;
	a.cpu_s = 1;
	memcpy(a.password, "secret", 7);
	buf_init(&b, MIB);
	buf_put(&b, "Rar!\x1a\7\0\xcf\x90\x73\0\0\x0d\0\0\0\0\0\0\0", 20);
	for (unsigned i = 0; i < 1000; i++)
		put_entry(&b, i);
	struct walk_result r = run(buf_view(&b), &a, &s);
	assert_int_equal(r.found, WALK_BEYOND);
	assert_string_equal(r.reason, "the worker died");
	assert_int_equal(worker_cpu_s(0), WORKER_CPU_LEAST_S);
	assert_int_equal(worker_cpu_s(5 * MIB), WORKER_CPU_LEAST_S + 10);
	assert_int_equal(worker_cpu_s(UINT64_MAX), WORKER_CPU_S);
	buf_done(&b);
}

static void hostile_messages(void **state)
{
	(void)state;
	struct worker_member m;
	struct walk_result r;
	assert_int_equal(worker_end_read("\2", 1, &r), -E_INVALID);
	assert_int_equal(worker_member_read("\1\1", 2, &m), -E_INVALID);
	struct buf b;
	buf_init(&b, WORKER_MESSAGE);
	worker_end_write(&b, &(struct walk_result){ .found = 8 });
	assert_int_equal(worker_end_read(b.ptr, b.len, &r), -E_INVALID);
	buf_reset(&b);
	worker_end_write(&b, &(struct walk_result){ .found = WALK_BEYOND, .reason = "depth", .where = "a/b" });
	assert_int_equal(worker_end_read(b.ptr, b.len, &r), 0);
	assert_string_equal(r.where, "a/b");
	buf_done(&b);
}

static int done(void **state)
{
	(void)state;
	close(nursery);
	uv_loop_close(&loop);
	return 0;
}

int main(void)
{
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(a_worker_walks),
		cmocka_unit_test(rules_reach_the_workers),
		cmocka_unit_test(rules_know_name_and_type),
		cmocka_unit_test(no_file_takes_for_ever),
		cmocka_unit_test(no_file_turns_for_ever),
		cmocka_unit_test(hostile_messages),
	};
	return cmocka_run_group_tests(cases, setup, done);
}
