/* A token of SoftHSM's guards the master key: what it gives back, whom it refuses, and a vault that is moved to it, killed in between or not. */
#include "vault/token.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/store.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE "/usr/lib/softhsm/libsofthsm2.so"
#define PIN "2468-pin"

static char root[] = "/tmp/toride-token.XXXXXX";
static const struct token good = { MODULE, "first", PIN };

static char *path_of(const char *name, char dst[128])
{
	snprintf(dst, 128, "%s/%s", root, name);
	return dst;
}

/* Tokens lie in the directory `where` of root. */
static void tokens_in(const char *where)
{
	char dir[128], conf[128], text[256];
	path_of(where, dir);
	assert_true(mkdir(dir, 0700) == 0 || fs_exists(dir));
	int n = snprintf(text, sizeof text, "directories.tokendir = %s\nobjectstore.backend = file\nlog.level = ERROR\n", dir);
	assert_int_equal(fs_write(path_of("softhsm.conf", conf), (struct str){ text, (size_t)n }, 0600, NULL), 0);
	setenv("SOFTHSM2_CONF", conf, 1);
}

static void make_token(const char *label)
{
	int status;
	pid_t pid = fork();
	if (pid == 0) {
		int null = open("/dev/null", O_RDWR);
		dup2(null, 1);
		execlp("softhsm2-util", "softhsm2-util", "--init-token", "--free", "--label", label, "--so-pin", "1357-so", "--pin", PIN, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0 && waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int setup(void **state)
{
	assert_non_null(mkdtemp(root));
	tokens_in("tokens");
	make_token("first");
	make_token("second");
	make_token("twin");
	make_token("twin");
	return 0;
}

static int teardown(void **state)
{
	return fs_rmtree(root, NULL);
}

static void parsing(void **state)
{
	static const struct {
		const char *text;
		bool good;
	} cases[] = {
		{ "/lib/x.so\nname\n1234\n", true }, { "/lib/x.so\nname of it\n1234", true }, { "lib/x.so\nname\n1234\n", false }, { "/lib/x.so\nname\n", false },
		{ "/lib/x.so\n\n1234\n", false }, { "/lib/x.so\nname\n1234\nmore\n", false }, { "", false }, { "/lib/x.so\n123456789012345678901234567890123\n1234\n", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct token t;
		struct buf b;
		int r = token_parse(str_from(cases[i].text), &t, NULL);
		assert_int_equal(r, cases[i].good ? 0 : -E_INVALID);
		if (r < 0)
			continue;
		buf_init(&b, KIB);
		token_format(&t, &b);
		assert_true(str_starts(buf_view(&b), str_from(cases[i].text)));
		buf_done(&b);
	}
}

static void gives_back(void **state)
{
	unsigned char key[TOKEN_KEY], box[TOKEN_BOX], again[TOKEN_BOX], got[TOKEN_KEY];
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = (unsigned char)(7 * i);
	assert_int_equal(token_wrap(&good, key, TOKEN_WAIT_MS, box, NULL), 0);
	assert_int_equal(token_wrap(&good, key, TOKEN_WAIT_MS, again, NULL), 0); /* by the same key of the token's */
	assert_memory_not_equal(box, again, sizeof box);
	assert_null(memmem(box, sizeof box, key, 8));
	assert_int_equal(token_unwrap(&good, again, TOKEN_WAIT_MS, got, NULL), 0);
	assert_int_equal(token_unwrap(&good, box, TOKEN_WAIT_MS, got, NULL), 0);
	assert_memory_equal(got, key, sizeof key);
	for (size_t i = 0; i < sizeof box; i += 7) {
		struct err err = { 0 };
		memcpy(again, box, sizeof box);
		again[i] ^= 1;
		memset(got, 0, sizeof got);
		assert_int_equal(token_unwrap(&good, again, TOKEN_WAIT_MS, got, &err), -E_CORRUPT);
		assert_int_equal(got[1], 0);
	}
}

static void refuses(void **state)
{
	static const struct {
		const char *what;
		struct token t;
		int code;
	} cases[] = {
		{ "another PIN", { MODULE, "first", "9999" }, -E_DENIED },
		{ "no such token", { MODULE, "third", PIN }, -E_NOT_FOUND },
		{ "part of a name", { MODULE, "firs", PIN }, -E_NOT_FOUND },
		{ "two of a name", { MODULE, "twin", PIN }, -E_NOT_FOUND },
		{ "a token without our key", { MODULE, "second", PIN }, -E_NOT_FOUND },
		{ "no library", { "/nonexistent.so", "first", PIN }, -E_NOT_FOUND },
		{ "a library of something else", { "/usr/lib/x86_64-linux-gnu/libz.so.1", "first", PIN }, -E_INVALID },
	};
	unsigned char key[TOKEN_KEY] = { 1 }, box[TOKEN_BOX], other[TOKEN_BOX], got[TOKEN_KEY];
	assert_int_equal(token_wrap(&good, key, TOKEN_WAIT_MS, box, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct err err = { 0 };
		int r = token_unwrap(&cases[i].t, box, TOKEN_WAIT_MS, got, &err);
		if (r != cases[i].code || !err.msg[0])
			fail_msg("%s: %d (%s: %s)", cases[i].what, r, err.path, err.msg);
	}
	assert_int_equal(token_wrap(&(struct token){ MODULE, "second", PIN }, key, TOKEN_WAIT_MS, other, NULL), 0);
	assert_int_equal(token_unwrap(&(struct token){ MODULE, "second", PIN }, box, TOKEN_WAIT_MS, got, NULL), -E_CORRUPT); /* by the first one's */
}

/* Who may write the vault's files names no library of his own. */
static void trusted(void **state)
{
	struct token t = good;
	char own[128], link[128], real[PATH_MAX];
	assert_int_equal(token_trusted(&t, NULL), 0);
	assert_int_equal(fs_write(path_of("own.so", own), STR("x"), 0755, NULL), 0);
	snprintf(t.module, sizeof t.module, "%s", own); /* root's, maybe, but under /tmp */
	assert_int_equal(token_trusted(&t, NULL), -E_DENIED);
	assert_int_equal(symlink(own, path_of("link.so", link)), 0);
	snprintf(t.module, sizeof t.module, "/usr/lib/../../%s", link);
	assert_int_equal(token_trusted(&t, NULL), -E_DENIED);
	/* a link that anybody may turn round, to a library that is good now: what is loaded is what was looked at */
	assert_int_equal(symlink(MODULE, path_of("turns.so", link)), 0);
	snprintf(t.module, sizeof t.module, "%s", link);
	assert_int_equal(token_trusted(&t, NULL), 0);
	assert_non_null(realpath(MODULE, real));
	assert_string_equal(t.module, real);
	snprintf(t.module, sizeof t.module, "/usr/lib/softhsm/none.so");
	assert_int_equal(token_trusted(&t, NULL), -E_NOT_FOUND);
}

/* A library that never comes back: the process it hangs in is killed. */
static void hangs(void **state)
{
	unsigned char box[TOKEN_BOX] = { 0 }, got[TOKEN_KEY];
	struct token t = good;
	char fifo[128];
	assert_int_equal(mkfifo(path_of("hangs.so", fifo), 0600), 0);
	snprintf(t.module, sizeof t.module, "%s", fifo);
	assert_int_equal(token_unwrap(&t, box, 200, got, NULL), -E_TIMEOUT);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void holds_secret(const char *dir, int code)
{
	struct store s;
	struct buf b;
	struct err err = { 0 };
	int r = store_open(&s, dir, &err);
	if (r != code)
		fail_msg("%d: %s: %s", r, err.path, err.msg);
	if (r < 0)
		return;
	buf_init(&b, KIB);
	assert_int_equal(store_get(&s, "some.key", &b, NULL), 0);
	assert_true(str_eq(buf_view(&b), STR("a secret")));
	buf_done(&b);
	store_done(&s);
}

static void put_file(const char *path, const void *p, size_t n)
{
	assert_int_equal(fs_write(path, (struct str){ p, n }, 0600, NULL), 0);
}

static void vault_moves(void **state)
{
	char dir[128], key[160], conf[160];
	unsigned char old[STORE_KEY], other[STORE_KEY] = { 9 };
	struct store s;
	path_of("vault", dir);
	snprintf(key, sizeof key, "%s/master.key", dir);
	snprintf(conf, sizeof conf, "%s/token", dir);
	assert_int_equal(store_attach(&s, dir, NULL), -E_NOT_FOUND);
	assert_int_equal(store_open(&s, dir, NULL), 0);
	assert_int_equal(store_put(&s, "some.key", STR("a secret"), NULL), 0);
	memcpy(old, s.master, sizeof old);
	store_done(&s);
	assert_int_equal(store_attach(&s, dir, NULL), 0);
	assert_int_equal(store_to_token(&s, &(struct token){ MODULE, "first", "wrong" }, NULL), -E_DENIED);
	assert_true(fs_exists(key)); /* nothing has changed */
	assert_false(fs_exists(conf));
	assert_int_equal(store_to_token(&s, &good, NULL), 0);
	store_done(&s);
	assert_false(fs_exists(key));
	holds_secret(dir, 0);
	put_file(key, old, sizeof old); /* killed before it was erased */
	holds_secret(dir, 0);
	assert_false(fs_exists(key));
	put_file(key, other, sizeof other); /* somebody's */
	holds_secret(dir, -E_CORRUPT);
	assert_true(fs_exists(key));
	unlink(key);
	tokens_in("elsewhere"); /* the disk alone */
	holds_secret(dir, -E_NOT_FOUND);
	assert_int_equal(unlink(conf), 0);
	holds_secret(dir, -E_CORRUPT); /* no key is made anew over what can't be read */
	tokens_in("tokens");
	struct buf b;
	buf_init(&b, KIB);
	token_format(&good, &b);
	put_file(conf, b.ptr, b.len);
	buf_done(&b);
	holds_secret(dir, 0);
}

static size_t read_file(const char *path, unsigned char *dst, size_t size)
{
	struct buf b;
	buf_init(&b, size);
	assert_int_equal(fs_read(path, &b, NULL), 0);
	size_t n = b.len;
	memcpy(dst, b.ptr, n);
	buf_done(&b);
	return n;
}

/* From a token to another: killed at any point, the one that is said opens it, and afterwards only that one has anything to open. */
static void moves_on(void **state)
{
	static const struct token next = { MODULE, "second", PIN };
	char dir[128], conf[160], boxes[160];
	unsigned char told[2][KIB], box[2][TOKEN_BOX], both[2 * TOKEN_BOX], now[2 * TOKEN_BOX + 1];
	size_t n_told[2];
	struct store s;
	path_of("vault", dir); /* vault_moves() left it by the first */
	snprintf(conf, sizeof conf, "%s/token", dir);
	snprintf(boxes, sizeof boxes, "%s/master.token", dir);
	for (int i = 0; i < 2; i++) {
		if (i == 1) {
			assert_int_equal(store_attach(&s, dir, NULL), 0);
			assert_int_equal(store_to_token(&s, &next, NULL), 0);
			store_done(&s);
		}
		n_told[i] = read_file(conf, told[i], sizeof told[i]);
		assert_int_equal(read_file(boxes, now, sizeof now), TOKEN_BOX);
		memcpy(box[i], now, TOKEN_BOX);
	}
	holds_secret(dir, 0);
	memcpy(both, box[1], TOKEN_BOX);
	memcpy(both + TOKEN_BOX, box[0], TOKEN_BOX);
	for (int i = 0; i < 2; i++) { /* killed before the second is said, and behind it */
		put_file(boxes, both, sizeof both);
		put_file(conf, told[i], n_told[i]);
		holds_secret(dir, 0);
		assert_int_equal(read_file(boxes, now, sizeof now), TOKEN_BOX);
		assert_memory_equal(now, box[i], TOKEN_BOX);
	}
	put_file(boxes, both + TOKEN_BOX, TOKEN_BOX);
	holds_secret(dir, -E_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(parsing), cmocka_unit_test(gives_back), cmocka_unit_test(refuses), cmocka_unit_test(trusted), cmocka_unit_test(hangs), cmocka_unit_test(vault_moves), cmocka_unit_test(moves_on) };
	return cmocka_run_group_tests(tests, setup, teardown);
}
