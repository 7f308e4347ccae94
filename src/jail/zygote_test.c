/* Throw-away workers: what they can't do, how they end, and that many in a row work. Needs root or user namespaces. */
#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "jail/zygote.h"
#include "wire/sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The worker does what the first byte says and answers with one byte 'y' (it could) if it lives. */
static void worker(int sock)
{
	struct buf b;
	int fd = -1, could = 0;
	buf_init(&b, 4096);
	if (sock_recv(sock, &b, &fd, -1, NULL) < 0)
		return;
	switch (b.ptr[0]) {
	case 'e': /* echo */
		could = 1;
		break;
	case 'd': { /* reads a descriptor it was given */
		char text[6] = "";
		could = pread(fd, text, 5, 0) == 5 && memcmp(text, "hello", 5) == 0;
		break;
	}
	case 'o':
		could = open("/etc/passwd", O_RDONLY) >= 0;
		break;
	case 'r':
		could = open("/", O_RDONLY | O_DIRECTORY) >= 0;
		break;
	case 's':
		could = socket(AF_INET, SOCK_STREAM, 0) >= 0;
		break;
	case 'u':
		could = socket(AF_UNIX, SOCK_STREAM, 0) >= 0;
		break;
	case 'f':
		could = fork() >= 0;
		break;
	case 'x':
		execl("/bin/true", "true", NULL);
		break;
	case 'k':
		could = kill(getppid(), 0) == 0;
		break;
	case 'm':
		could = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
		break;
	case 'p': /* its own process numbers */
		could = getpid() == 1;
		break;
	case 'l': /* for ever, without using the processor */
		for (;;)
			poll(NULL, 0, 1000);
	case 'c': /* for ever, using it */
		for (volatile int i = 0;;)
			i = !i;
	default:
		break;
	}
	sock_send(sock, could ? STR("y") : STR("n"), -1, NULL);
	buf_done(&b);
}

/* 'y', 'n', or 0 when the worker ended without an answer. */
static char ask(char what, int pass_fd, int timeout_ms)
{
	int sock;
	struct buf b;
	struct err err = { 0 };
	if (zygote_spawn(&sock, &err) < 0)
		fail_msg("%s", err.msg);
	buf_init(&b, 64);
	sock_send(sock, (struct str){ &what, 1 }, pass_fd, NULL);
	int r = sock_recv(sock, &b, NULL, timeout_ms, NULL);
	char got = r == 0 && b.len ? b.ptr[0] : 0;
	if (r == -E_TIMEOUT)
		got = 't';
	buf_done(&b);
	close(sock);
	return got;
}

static int start(void **state)
{
	struct err err = { 0 };
	(void)state;
	if (zygote_start(worker, &(struct zygote_limits){ .deadline_ms = 700, .cpu_s = 1, .workers = 4 }, &err) < 0) {
		print_error("%s: %s\n", err.path, err.msg);
		return -1;
	}
	return 0;
}

static int stop(void **state)
{
	(void)state;
	zygote_stop();
	return 0;
}

static void what_a_worker_can_and_cannot(void **state)
{
	(void)state;
	static const struct {
		char what, expected;
		const char *why;
	} cases[] = {
		{ 'e', 'y', "answer" },          { 'p', 'y', "own process namespace" }, { 'o', 0, "open a file" },
		{ 'r', 0, "open a directory" },  { 's', 0, "make a TCP socket" },       { 'u', 0, "make a UNIX socket" },
		{ 'f', 0, "fork" },              { 'x', 0, "exec" },                    { 'k', 0, "signal another" },
		{ 'm', 0, "map executable memory" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (ask(cases[i].what, -1, 3000) != cases[i].expected)
			fail_msg("%s: not as expected", cases[i].why);
}

static void reads_a_descriptor_it_is_given(void **state)
{
	(void)state;
	int fd = memfd_create("doc", MFD_CLOEXEC);
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(ask('d', fd, 3000), 'y');
	close(fd);
}

static void is_killed_at_its_deadline(void **state)
{
	(void)state;
	int64_t before = clock_mono_ms();
	assert_int_equal(ask('l', -1, 5000), 0); /* end of file, not our own time-out */
	assert_in_range(clock_mono_ms() - before, 600, 4000);
	assert_int_equal(ask('c', -1, 5000), 0);
	assert_int_equal(ask('e', -1, 3000), 'y');
}

static void fifty_in_a_row(void **state)
{
	(void)state;
	int64_t before = clock_mono_ms();
	for (int i = 0; i < 50; i++)
		assert_int_equal(ask('e', -1, 3000), 'y');
	print_message("50 workers in %lld ms\n", (long long)(clock_mono_ms() - before));
}

static void at_most_as_many_as_allowed(void **state)
{
	(void)state;
	int sock[5];
	struct err err = { 0 };
	poll(NULL, 0, 100); /* the last ones of before are reaped */
	for (int i = 0; i < 4; i++)
		assert_int_equal(zygote_spawn(&sock[i], &err), 0);
	assert_int_equal(zygote_spawn(&sock[4], &err), -E_LIMIT);
	for (int i = 0; i < 4; i++)
		close(sock[i]); /* end of file: they end by themselves */
	poll(NULL, 0, 200);
	assert_int_equal(ask('e', -1, 3000), 'y');
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_a_worker_can_and_cannot),
		cmocka_unit_test(reads_a_descriptor_it_is_given),
		cmocka_unit_test(is_killed_at_its_deadline),
		cmocka_unit_test(fifty_in_a_row),
		cmocka_unit_test(at_most_as_many_as_allowed),
	};
	return cmocka_run_group_tests(tests, start, stop);
}
