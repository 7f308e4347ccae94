/* Files and programs: atomic writes survive any failing system call; a run program is bounded. */
#include "base/test.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/proc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static char dir[64];

static int make_dir(void **state)
{
	(void)state;
	snprintf(dir, sizeof dir, "/tmp/toride-fs-XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
	(void)state;
	return fs_rmtree(dir, NULL);
}

static void check_content(const char *path, const char *one, const char *other)
{
	struct buf b;
	buf_init(&b, 100);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	bool is_one = str_eq(buf_view(&b), str_from(one)), is_other = str_eq(buf_view(&b), str_from(other));
	assert_true(is_one || is_other);
	buf_done(&b);
}

/* Whatever call fails, the file is the old or the new one, whole, and a second try works. */
static void test_write_faults(void **state)
{
	char path[128];
	struct err err;
	(void)state;
	snprintf(path, sizeof path, "%s/f", dir);
	assert_int_equal(fs_write(path, STR("old"), 0600, &err), 0);
	fs_fail_at(0, 0);
	assert_int_equal(fs_write(path, STR("old"), 0600, &err), 0);
	long calls = fs_count();
	assert_true(calls >= 5);
	for (long n = 1; n <= calls; n++) {
		fs_fail_at(n, ENOSPC);
		int r = fs_write(path, STR("new"), 0600, &err);
		fs_fail_at(0, 0);
		assert_int_equal(r, -E_IO);
		assert_non_null(strstr(err.msg, "No space left"));
		check_content(path, "old", "new");
		assert_int_equal(fs_write(path, STR("old"), 0600, &err), 0);
	}
}

static void test_read_ceiling(void **state)
{
	char path[128];
	struct buf b;
	struct err err;
	(void)state;
	snprintf(path, sizeof path, "%s/g", dir);
	assert_int_equal(fs_write(path, STR("0123456789"), 0600, &err), 0);
	buf_init(&b, 10);
	assert_int_equal(fs_read(path, &b, &err), -E_LIMIT); /* it can't know that nothing follows */
	buf_done(&b);
	buf_init(&b, 11);
	assert_int_equal(fs_read(path, &b, &err), 0);
	assert_str(buf_view(&b), "0123456789");
	buf_done(&b);
	assert_int_equal(fs_read("/nonexistent", &b, &err), -E_IO);
	assert_string_equal(err.path, "/nonexistent");
}

static int count_name(const char *name, void *user)
{
	(void)name;
	++*(int *)user;
	return 0;
}

static void test_tree(void **state)
{
	char path[160];
	int n = 0;
	(void)state;
	snprintf(path, sizeof path, "%s/t/a/b", dir);
	assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
	assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
	snprintf(path, sizeof path, "%s/t", dir);
	assert_int_equal(fs_list(path, count_name, &n, NULL), 0);
	assert_int_equal(n, 1);
	assert_int_equal(fs_rmtree(path, NULL), 0);
	assert_false(fs_exists(path));
	assert_int_equal(fs_rmtree(path, NULL), 0);
}

static void test_proc(void **state)
{
	struct err err;
	struct buf out;
	int status;
	(void)state;
	buf_init(&out, 64 * KIB);
	const char *cat[] = { "cat", NULL };
	assert_int_equal(proc_run(&(struct proc_opts){ .argv = cat, .input = STR("hello"), .out = &out }, &err), 0);
	assert_str(buf_view(&out), "hello");
	const char *no[] = { "false", NULL };
	assert_int_equal(proc_run(&(struct proc_opts){ .argv = no }, &err), -E_IO);
	assert_int_equal(proc_run(&(struct proc_opts){ .argv = no, .ret_status = &status }, &err), 0);
	assert_int_equal(status, 1);
	const char *absent[] = { "/nonexistent/program", NULL };
	assert_int_equal(proc_run(&(struct proc_opts){ .argv = absent, .ret_status = &status }, &err), 0);
	assert_int_equal(status, 127);
	const char *slow[] = { "sleep", "30", NULL };
	assert_int_equal(proc_run(&(struct proc_opts){ .argv = slow, .timeout_ms = 200 }, &err), -E_TIMEOUT);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_write_faults), cmocka_unit_test(test_read_ceiling),
		                            cmocka_unit_test(test_tree), cmocka_unit_test(test_proc) };
	return cmocka_run_group_tests_name("base/fs", tests, make_dir, remove_dir);
}
