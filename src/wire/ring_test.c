/* The ring against a plain count: what is put comes out, whole and in order, across its turns, across a kill at any instruction, and
 * never from a file that isn't whole. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/ring.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

static char dir[64], path[80];

static int setup(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/toride-ring-XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/ring", dir);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return fs_rmtree(dir, NULL);
}

static uint32_t length_of(uint64_t n)
{
	return (uint32_t)(8 + n * 37 % 90);
}

/* Message n: its number, and bytes that follow from it. */
static bool put(struct ring *r, uint64_t n)
{
	uint32_t len = length_of(n);
	char *p = ring_room(r, len);
	if (!p)
		return false;
	memcpy(p, &n, 8);
	memset(p + 8, (int)n, len - 8);
	ring_put(r, p, len);
	return true;
}

static uint64_t number(struct str m)
{
	uint64_t n;
	assert_true(m.len >= 8);
	memcpy(&n, m.ptr, 8);
	assert_int_equal(m.len, length_of(n));
	for (size_t i = 8; i < m.len; i++)
		assert_int_equal((unsigned char)m.ptr[i], n & 0xff);
	return n;
}

/* All that is there, in order, from `first` up to `end`. */
static void read_all(struct ring *r, uint64_t first, uint64_t end)
{
	uint32_t at = ring_first(r);
	struct str m;
	while (ring_next(r, &at, &m))
		assert_true(number(m) == first++);
	assert_true(first == end);
}

static void drop(struct ring *r, uint64_t n)
{
	uint32_t at = ring_first(r);
	struct str m;
	while (n--)
		assert_true(ring_next(r, &at, &m));
	ring_drop(r, at);
}

static size_t bytes_by_runs(struct ring *r)
{
	uint32_t at = ring_first(r);
	size_t sum = 0;
	for (struct str run; (run = ring_run(r, &at)).len; at += (uint32_t)run.len)
		sum += run.len;
	return sum;
}

static void test_turns(void **state)
{
	struct ring r;
	uint64_t first = 0, next = 0;
	unsigned full = 0;
	(void)state;
	srand(1);
	assert_int_equal(ring_open(NULL, 1000, &r, NULL), 0);
	for (int i = 0; i < 20000; i++) {
		for (int k = rand() % 6; k; k--) {
			if (put(&r, next))
				next++;
			else
				full++;
		}
		uint64_t n = (uint64_t)rand() % 6;
		n = n > next - first ? next - first : n;
		drop(&r, n);
		first += n;
		read_all(&r, first, next);
		assert_true(bytes_by_runs(&r) == ring_used(&r));
		assert_true(ring_whole(&r));
	}
	assert_true(full > 1000 && next > 20000);
	ring_close(&r);
}

/* Puts and drops for ever; *told: how many were put, at least. */
static void child(_Atomic uint64_t *told)
{
	struct ring r;
	uint32_t at;
	struct str m;
	uint64_t next = atomic_load(told);
	if (ring_open(path, 1000, &r, NULL) < 0)
		_exit(1);
	for (at = ring_first(&r); ring_next(&r, &at, &m);)
		next = number(m) + 1;
	for (;;) {
		while (put(&r, next))
			atomic_store(told, ++next);
		drop(&r, 1 + next % 5);
	}
}

static void test_killed(void **state)
{
	_Atomic uint64_t *told = mmap(NULL, sizeof *told, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	(void)state;
	for (int i = 0; i < 200; i++) {
		uint64_t before = atomic_load(told);
		pid_t pid = fork();
		if (pid == 0)
			child(told);
		while (atomic_load(told) < before + 20) /* not all die at their beginning */
			usleep(10);
		usleep((useconds_t)(i * 7 % 100));
		kill(pid, SIGKILL);
		int status;
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFSIGNALED(status));
		struct ring r;
		struct str m;
		assert_int_equal(ring_open(path, 1000, &r, NULL), 0);
		uint32_t at = ring_first(&r);
		assert_true(ring_next(&r, &at, &m)); /* one is always there, so this wasn't begun anew */
		uint64_t first = number(m), end = first + 1, said = atomic_load(told);
		while (ring_next(&r, &at, &m))
			assert_true(number(m) == end++);
		assert_true(end == said || end == said + 1);
		atomic_store(told, end);
		ring_close(&r);
	}
}

static void test_one_owner(void **state)
{
	struct ring a, b;
	struct err err = { 0 };
	(void)state;
	assert_int_equal(ring_open(path, 2000, &a, NULL), 0);
	assert_true(put(&a, 7));
	assert_int_equal(ring_open(path, 2000, &b, &err), -E_STATE);
	ring_close(&a);
	assert_int_equal(ring_open(path, 2000, &b, NULL), 0);
	read_all(&b, 7, 8);
	ring_close(&b);
}

/* Each byte of the head, and the message's length, changed: begun anew, or the same as before (its user's words). */
static void test_not_whole(void **state)
{
	struct ring r;
	(void)state;
	for (size_t i = 0; i < sizeof(struct ring_head) - sizeof r.head->user + 4; i++) {
		size_t off = i < offsetof(struct ring_head, user) ? i : i + sizeof r.head->user;
		unsigned char c = 0xee;
		assert_int_equal(ring_open(path, 3000, &r, NULL), 0);
		ring_clear(&r);
		assert_true(put(&r, 1));
		size_t used = ring_used(&r);
		ring_close(&r);
		int fd = open(path, O_RDWR);
		assert_int_equal(pwrite(fd, &c, 1, (off_t)off), 1);
		close(fd);
		assert_int_equal(ring_open(path, 3000, &r, NULL), 0);
		assert_true(ring_used(&r) == 0 || ring_used(&r) == used);
		if (ring_used(&r))
			read_all(&r, 1, 2); /* as if its data had gone on at 0, where they are */
		ring_close(&r);
	}
}

/* A file that can't have its pages is full, where a write to it would be the end. */
static void test_no_room(void **state)
{
	struct ring r;
	uint64_t n = 0;
	(void)state;
	unlink(path);
	assert_int_equal(ring_open(path, 4 << 20, &r, NULL), 0);
	fs_fail_at(1, ENOSPC);
	while (put(&r, n))
		n++;
	size_t used = ring_used(&r);
	assert_true(used > 1000000 && used < 1100000);
	read_all(&r, 0, n);
	assert_true(put(&r, n));
	ring_close(&r);
}

/* Also what says that the data go on at 0 is written only where the file has its memory. */
static void test_mark_has_room(void **state)
{
	struct ring r;
	struct str m;
	(void)state;
	unlink(path);
	assert_int_equal(ring_open(path, MIB + 100, &r, NULL), 0);
	const uint32_t before = 1000 - 4, end = MIB - 1, rest = end - 1000 - 4; /* so that two bytes of what has its memory are left */
	ring_put(&r, ring_room(&r, before), before);
	char *room = ring_room(&r, rest);
	assert_non_null(room);
	ring_put(&r, room, rest);
	assert_int_equal(r.backed, end + 2);
	uint32_t at = ring_first(&r);
	assert_true(ring_next(&r, &at, &m));
	ring_drop(&r, at);
	fs_fail_at(1, ENOSPC);
	assert_null(ring_room(&r, 200));
	fs_fail_at(0, 0);
	room = ring_room(&r, 200);
	assert_ptr_equal(room, r.data + 4);
	assert_true(r.backed >= end + 4);
	ring_put(&r, room, 200);
	assert_true(ring_whole(&r));
	ring_close(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_turns), cmocka_unit_test(test_killed), cmocka_unit_test(test_one_owner),
		                            cmocka_unit_test(test_not_whole), cmocka_unit_test(test_no_room), cmocka_unit_test(test_mark_has_room) };
	return cmocka_run_group_tests_name("wire/ring", tests, setup, teardown);
}
