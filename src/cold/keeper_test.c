/* Room for what comes back from the store of objects: a disk of so many bytes, of which the test says how many are free. */
#include "cold/keeper.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

static char root[64], segments[96], series[160];
static uint64_t size;

static void path_of(unsigned number, const char *what, char dst[256])
{
	snprintf(dst, 256, "%s/%06u.%s", series, number, what);
}

static bool there(unsigned number)
{
	char path[256];
	path_of(number, "seg", path);
	return fs_exists(path);
}

static uint64_t room(const char *dir)
{
	uint64_t used = 0;
	(void)dir;
	for (unsigned n = 1; n <= 9; n++)
		used += there(n) ? 100 : 0;
	return size > used ? size - used : 0;
}

/* A segment of 100 bytes that came so many seconds after the others; in the store, or not yet. */
static void put(unsigned number, bool in_store, int after_s)
{
	char path[256];
	path_of(number, "seg", path);
	assert_int_equal(fs_write(path, STR("x"), 0644, NULL), 0);
	const struct timespec times[2] = { { 1000 + after_s, 0 }, { 1000 + after_s, 0 } };
	assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
	path_of(number, "end", path);
	if (in_store)
		assert_int_equal(fs_write(path, STR("x"), 0644, NULL), 0);
}

static int setup(void **state)
{
	(void)state;
	snprintf(root, sizeof root, "/tmp/toride-keeper-XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(segments, sizeof segments, "%s/segments", root);
	snprintf(series, sizeof series, "%s-cold/412015/events", segments);
	return fs_mkdirs(series, 0755, NULL);
}

static int teardown(void **state)
{
	(void)state;
	return fs_rmtree(root, NULL);
}

/* Those that came back longest ago go first, and no more than has to; what isn't in the store stays, whatever is asked for. */
static void test_room(void **state)
{
	struct keeper k = { .segments = segments, .room = room };
	struct err err = { 0 };
	(void)state;
	size = 600;
	put(1, true, 30);
	put(2, false, 0); /* waits to be sent */
	put(3, true, 10);
	put(4, true, 20);
	assert_int_equal(keeper_make_room(&k, 200, &err), 0);
	assert_true(there(1) && there(2) && there(3) && there(4));
	assert_int_equal(keeper_make_room(&k, 300, &err), 0);
	assert_true(there(1) && there(2) && !there(3) && there(4));
	assert_int_equal(keeper_make_room(&k, 400, &err), 0);
	assert_true(there(1) && there(2) && !there(4));
	assert_int_equal(k.put_away, 2);
	assert_int_equal(k.no_room, 0);
	assert_int_equal(keeper_make_room(&k, 600, &err), -E_LIMIT);
	assert_true(!there(1) && there(2));
	assert_int_equal(k.no_room, 1);
	assert_int_equal(k.wanted, 600);
	assert_non_null(strstr(err.msg, "too little room"));
	char end[256];
	path_of(1, "end", end);
	assert_true(fs_exists(end)); /* it is in the store as before */
}

/* The order to delete came, and then a hold, before the store could be asked: there is no store here, so asking would not end well. */
static void test_held(void **state)
{
	pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	char holds[96], path[256], disk[64] = "/dev/shm/toride-keeper-XXXXXX", cold[128];
	struct keeper k = { .segments = segments, .holds = holds, .room = room, .wanted = 1000 };
	struct err err = { 0 };
	(void)state;
	snprintf(holds, sizeof holds, "%s/holds", root);
	snprintf(cold, sizeof cold, "%s-cold", segments);
	assert_int_equal(fs_mkdirs(holds, 0755, NULL), 0);
	assert_int_equal(fs_mkdirs(segments, 0755, NULL), 0);
	assert_int_equal(fs_rmtree(cold, NULL), 0);
	assert_non_null(mkdtemp(disk));
	assert_int_equal(symlink(disk, cold), 0);
	assert_int_equal(fs_mkdirs(series, 0755, NULL), 0);
	path_of(1, "ended", path);
	assert_int_equal(fs_write(path, STR("x"), 0644, NULL), 0); /* no order that coldd would follow */
	size = 999;
	assert_int_equal(keeper_walk(&k, &lock, 0, &err), -E_CORRUPT);
	assert_int_equal(k.wanted, 1000); /* still too little room, and for what */
	size = 1000;
	snprintf(path, sizeof path, "%s/412015.0a1b2c3d", holds);
	assert_int_equal(fs_write(path, STR("{}"), 0644, NULL), 0);
	err = (struct err){ 0 };
	assert_int_equal(keeper_walk(&k, &lock, 0, &err), 0);
	assert_int_equal(k.wanted, 0);
	path_of(1, "ended", path);
	assert_true(fs_exists(path));
	assert_int_equal(fs_rmtree(disk, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_room, setup, teardown), cmocka_unit_test_setup_teardown(test_held, setup, teardown) };
	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests_name("keeper", tests, NULL, NULL);
}
