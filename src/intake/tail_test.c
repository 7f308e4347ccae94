/* Lines of a file that grows: each once, also over a restart, half lines, lines that are too long, and a full spool. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "intake/tail.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char path[64];
static char got[8192];
static unsigned refuse_after;

static bool take(struct str line, void *user)
{
	unsigned *n = user;
	if (refuse_after && *n == refuse_after)
		return false;
	(*n)++;
	snprintf(got + strlen(got), sizeof got - strlen(got), STR_FMT "|", STR_ARG(line));
	return true;
}

static void append(const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	close(fd);
}

static int setup(void **state)
{
	(void)state;
	snprintf(path, sizeof path, "/tmp/toride-tail-%d", (int)getpid());
	unlink(path);
	got[0] = 0;
	refuse_after = 0;
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static void test_lines(void **state)
{
	struct tail *t = NULL;
	unsigned n = 0;
	(void)state;
	assert_int_equal(tail_open(path, 100, &t, NULL), 0);
	assert_false(tail_work(t, 10, take, &n)); /* not there yet */
	append("one\ntwo\nthr");
	assert_false(tail_work(t, 10, take, &n));
	assert_string_equal(got, "one|two|");
	append("ee\n");
	assert_false(tail_work(t, 10, take, &n));
	assert_string_equal(got, "one|two|three|");
	append("a\nb\nc\n");
	assert_true(tail_work(t, 2, take, &n)); /* a turn ends */
	assert_false(tail_work(t, 2, take, &n));
	assert_string_equal(got, "one|two|three|a|b|c|");
	tail_close(&t);
}

static void test_restart(void **state)
{
	struct tail *t = NULL;
	unsigned n = 0;
	char line[64];
	(void)state;
	for (int i = 0; i < 2000; i++) { /* several blocks */
		snprintf(line, sizeof line, "line %d\n", i);
		append(line);
	}
	assert_int_equal(tail_open(path, 100, &t, NULL), 0);
	while (tail_work(t, 100, take, &n) && n < 1500)
		n = n < 1500 ? n : 1500;
	got[0] = 0;
	tail_committed(t);
	append("given, not safe\n");
	assert_false(tail_work(t, 5000, take, &n));
	got[0] = 0;
	tail_close(&t); /* a crash: what wasn't committed comes again */
	assert_int_equal(tail_open(path, 100, &t, NULL), 0);
	append("after\n");
	n = 0;
	assert_false(tail_work(t, 5000, take, &n));
	assert_non_null(strstr(got, "given, not safe|after|"));
	assert_true(n < 600);
	tail_committed(t);
	tail_close(&t);
	got[0] = 0;
	assert_int_equal(tail_open(path, 100, &t, NULL), 0);
	assert_false(tail_work(t, 5000, take, &n));
	assert_string_equal(got, "");
	append("new\n");
	assert_false(tail_work(t, 5000, take, &n));
	assert_string_equal(got, "new|");
	struct stat st;
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks * 512 < st.st_size || tail_counts(t)->no_holes);
	tail_close(&t);
}

static void test_piecemeal(void **state)
{
	struct tail *t = NULL;
	unsigned n = 0;
	struct stat st;
	char line[100];
	(void)state;
	assert_int_equal(tail_open(path, 100, &t, NULL), 0);
	memset(line, 'x', sizeof line);
	line[98] = '\n';
	line[99] = 0;
	for (int i = 0; i < 5000; i++) {
		got[0] = 0;
		append(line);
		assert_false(tail_work(t, 10, take, &n));
		tail_committed(t);
	}
	assert_int_equal(n, 5000);
	assert_int_equal(stat(path, &st), 0);
	assert_true(st.st_blocks * 512 < st.st_size / 2 || tail_counts(t)->no_holes);
	tail_close(&t);
}

static void test_limits(void **state)
{
	struct tail *t = NULL;
	unsigned n = 0;
	static char big[200000];
	(void)state;
	memset(big, 'x', sizeof big - 2);
	big[sizeof big - 2] = '\n';
	assert_int_equal(tail_open(path, 100, &t, NULL), 0);
	append(big);
	append("short\n");
	assert_false(tail_work(t, 10, take, &n));
	assert_string_equal(got, "short|");
	assert_int_equal(tail_counts(t)->too_long, 1);
	refuse_after = 2;
	append("x\ny\nz\n");
	assert_true(tail_work(t, 10, take, &n)); /* refused: given again */
	assert_string_equal(got, "short|x|");
	refuse_after = 0;
	assert_false(tail_work(t, 10, take, &n));
	assert_string_equal(got, "short|x|y|z|");
	tail_close(&t);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test_setup_teardown(test_lines, setup, teardown),
		                            cmocka_unit_test_setup_teardown(test_restart, setup, teardown),
		                            cmocka_unit_test_setup_teardown(test_piecemeal, setup, teardown),
		                            cmocka_unit_test_setup_teardown(test_limits, setup, teardown) };
	return cmocka_run_group_tests_name("intake/tail", tests, NULL, NULL);
}
