/* The jailed halves of commands: what they are given, and that they have nothing else of their parent's. */
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>

#include "base/err.h"
#include "base/mem.h"
#include "cli/child.h"
#include "cli/cli.h"
#include "cli/import_read.h"
#include "jail/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static int file_of(const char *text)
{
	char path[] = "/tmp/toride-import-test.XXXXXX";
	int fd = mkstemp(path);
	assert_true(fd >= 0);
	unlink(path);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	return fd;
}

/* 0: it is closed, and what the parent wants to hear came through. */
static int read_in_child(int file, int out, int secret)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		struct import_reading o = { .fd = file, .out = out, .size = (size_t)lseek(file, 0, SEEK_END), .org = "412015", .id = "0123456789abcdef",
			                    .source = { .name = "import", .format = NULL } };
		int r = import_read(&o);
		_exit(r ? 100 + r : fcntl(secret, F_GETFD) < 0 && errno == EBADF ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

/* The way to intaked stands open when the reader begins: one that was taken over would speak of any body there. */
static void the_reader_has_no_way_to_intaked(void **state)
{
	(void)state;
	char got[64 * 1024];
	int s[2], p[2], file = file_of("<86>May  1 09:00:00 web1 app[1]: one\n\nwhat no parser reads\n"), frames = 0;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, s), 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(read_in_child(file, p[1], s[0]), 0);
	close(p[1]);
	ssize_t n = read(p[0], got, sizeof got);
	assert_true(n > 0);
	for (struct str rest = { got, (size_t)n }, body; rest.len; frames++) {
		enum import_kind kind;
		size_t used;
		assert_int_equal(import_frame(rest, &kind, &body, &used), 0);
		rest.ptr += used, rest.len -= used;
	}
	assert_int_equal(frames, 2);
	close(p[0]), close(s[0]), close(s[1]), close(file);
}

struct looking {
	int kept, other;
};

static int look(void *user, struct buf *out, struct err *err)
{
	const struct looking *l = user;
	int r = jail_tool((struct jail_tool){ 0 }, err);
	buf_putc(out, fcntl(l->kept, F_GETFD) >= 0 ? 'k' : '-');
	buf_putc(out, fcntl(l->other, F_GETFD) >= 0 ? 'o' : '-');
	return r;
}

static void a_child_has_what_it_was_given(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct buf said;
	int p[2];
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	for (int i = 0; i < 3; i++) { /* the one below the other, the other way round, and none */
		struct looking l = { p[i == 1], p[i != 1] };
		assert_int_equal(cli_child(look, &l, i < 2 ? l.kept : -1, 16, &said, "child", &err), 0);
		assert_string_equal(buf_cstr(&said), i < 2 ? "k-" : "--");
		buf_done(&said);
	}
	close(p[0]), close(p[1]);
}

/* A terminal obeys C1 too, which in UTF-8 has two bytes. */
static void words_move_no_cursor(void **state)
{
	(void)state;
	char s[] = "a\033[2J \302\233" "31m 砦\302\240\177";
	cli_harmless(s, sizeof s);
	assert_string_equal(s, "a [2J   31m 砦\302\240 ");
	assert_int_equal(cli_control(STR("\302")), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_reader_has_no_way_to_intaked),
		cmocka_unit_test(a_child_has_what_it_was_given),
		cmocka_unit_test(words_move_no_cursor),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
