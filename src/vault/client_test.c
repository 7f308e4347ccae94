/* Both clients against the real answers of the service, over a real socket: pipelining, a lost vault, a silent vault. */
#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/service.h"
#include "vault/vault_client.h"
#include "wire/sock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static char root[128], path[160];
static unsigned char spki[91];

/* A vault for one test: serves connections one after the other; after `answers` answers it hangs up or falls silent. */
static pid_t serve(int answers, bool silent)
{
	int listener;
	struct err err = { 0 };
	assert_int_equal(sock_listen(path, 0600, &listener, &err), 0);
	pid_t pid = fork();
	if (pid) {
		close(listener);
		return pid;
	}
	struct service *s = NULL;
	char dir[160], pub[160];
	struct buf in, out;
	snprintf(dir, sizeof dir, "%s/vault", root);
	snprintf(pub, sizeof pub, "%s/public", root);
	buf_init(&in, 64 * KIB);
	buf_init(&out, 64 * KIB);
	if (service_open(&(struct service_opts){ .dir = dir, .public_dir = pub }, &s, &err) < 0)
		_exit(1);
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		while (answers && sock_recv(fd, &in, NULL, -1, NULL) == 0) {
			buf_reset(&out);
			if (!service_answer(s, 0, buf_view(&in), &out) || sock_send(fd, buf_view(&out), -1, NULL) < 0)
				break;
			answers--;
		}
		if (answers == 0 && silent)
			pause();
		close(fd);
		answers = answers ? answers : 1000000; /* the connection after a hang-up works again */
	}
}

static void end_vault(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct vault_leaf leaf_of(const char *name)
{
	int64_t now = clock_now_ms() / 1000;
	return (struct vault_leaf){ .names = { name }, .n = 1, .not_before = now - 60, .not_after = now + 86400,
		                    .spki = { (char *)spki, sizeof spki } };
}

static void blocking_calls(void **state)
{
	(void)state;
	struct vault *v = NULL;
	struct buf b;
	struct err err = { 0 };
	unsigned char sig[64], key[32], other[32], public[32], again[32];
	pid_t pid = serve(1000000, false);
	buf_init(&b, 64 * KIB);
	assert_int_equal(vault_open(path, 3000, &v, &err), 0);
	struct vault_leaf leaf = leaf_of("a.example");
	assert_int_equal(vault_leaf(v, &leaf, &b, &err), 0);
	assert_int_equal(b.ptr[0], 0x30);
	assert_int_equal(vault_seal(v, STR(VAULT_DOMAIN_CHECKPOINT "1\n2\n0123456789\n"), sig, public, &err), 0);
	assert_int_equal(vault_segkey(v, "412015", "events", 1, key, &err), 0);
	buf_reset(&b);
	assert_int_equal(vault_public(v, &b, again, &err), 0);
	assert_memory_equal(public, again, 32);
	assert_true(str_starts(buf_view(&b), STR("-----BEGIN CERTIFICATE-----")));
	leaf = leaf_of("not a name");
	assert_int_equal(vault_leaf(v, &leaf, &b, &err), -E_INVALID);
	assert_non_null(strstr(err.msg, "not a name"));
	/* The vault is restarted: the next call finds the new one. */
	end_vault(pid);
	pid = serve(1000000, false);
	assert_int_equal(vault_segkey(v, "412015", "events", 1, other, &err), 0);
	assert_memory_equal(key, other, 32);
	assert_int_equal(vault_destroy(v, "412015", &err), 0);
	assert_int_equal(vault_segkey(v, "412015", "events", 1, other, &err), -E_NOT_FOUND);
	end_vault(pid);
	assert_true(vault_segkey(v, "412015", "events", 1, other, &err) < 0);
	vault_close(&v);
	buf_done(&b);
}

struct count {
	int done, failed, last_code;
};

static void counted(int code, struct str der, void *user)
{
	struct count *c = user;
	const unsigned char *p = (const unsigned char *)der.ptr;
	if (code == 0) {
		X509 *x = d2i_X509(NULL, &p, (long)der.len);
		c->done += x != NULL;
		X509_free(x);
	} else {
		c->failed++;
		c->last_code = code;
	}
}

static void work_until(struct vault_async *v, size_t pending, int timeout_ms)
{
	int64_t until = clock_mono_ms() + timeout_ms;
	while (vault_async_pending(v) > pending && clock_mono_ms() < until) {
		bool want_write;
		int fd = vault_async_fd(v, &want_write);
		struct pollfd p = { fd, (short)(POLLIN | (want_write ? POLLOUT : 0)), 0 };
		poll(&p, fd >= 0, 20);
		vault_async_work(v);
	}
}

static void many_at_once(void **state)
{
	(void)state;
	struct vault_async *v = NULL;
	struct count c = { 0 };
	struct err err = { 0 };
	pid_t pid = serve(1000000, false);
	assert_int_equal(vault_async_open(path, 5000, &v, &err), 0);
	struct vault_leaf leaf = leaf_of("a.example"), bad = leaf_of("a b");
	for (int i = 0; i < VAULT_ASYNC_MAX; i++)
		assert_int_equal(vault_async_leaf(v, i == 500 ? &bad : &leaf, counted, &c, &err), 0);
	assert_int_equal(vault_async_leaf(v, &leaf, counted, &c, &err), -E_LIMIT);
	work_until(v, 0, 10000);
	assert_int_equal(c.done, VAULT_ASYNC_MAX - 1);
	assert_int_equal(c.failed, 1);
	assert_int_equal(c.last_code, -E_INVALID);
	vault_async_close(&v);
	end_vault(pid);
}

static void a_lost_vault_fails_what_is_under_way(void **state)
{
	(void)state;
	struct vault_async *v = NULL;
	struct count c = { 0 };
	struct err err = { 0 };
	struct vault_leaf leaf = leaf_of("a.example");
	pid_t pid = serve(3, false);
	assert_int_equal(vault_async_open(path, 5000, &v, &err), 0);
	for (int i = 0; i < 10; i++)
		assert_int_equal(vault_async_leaf(v, &leaf, counted, &c, &err), 0);
	work_until(v, 0, 5000);
	assert_int_equal(c.done, 3);
	assert_int_equal(c.failed, 7);
	assert_int_equal(c.last_code, -E_CLOSED);
	assert_int_equal(vault_async_leaf(v, &leaf, counted, &c, &err), 0); /* and it connects again */
	work_until(v, 0, 5000);
	assert_int_equal(c.done, 4);
	vault_async_close(&v);
	end_vault(pid);
}

static void a_silent_vault_times_out(void **state)
{
	(void)state;
	struct vault_async *v = NULL;
	struct count c = { 0 };
	struct err err = { 0 };
	struct vault_leaf leaf = leaf_of("a.example");
	pid_t pid = serve(1, true);
	assert_int_equal(vault_async_open(path, 300, &v, &err), 0);
	for (int i = 0; i < 3; i++)
		assert_int_equal(vault_async_leaf(v, &leaf, counted, &c, &err), 0);
	work_until(v, 0, 5000);
	assert_int_equal(c.done, 1);
	assert_int_equal(c.failed, 2);
	assert_int_equal(c.last_code, -E_TIMEOUT);
	vault_async_close(&v);
	end_vault(pid);
	/* Nobody there at all. */
	unlink(path);
	assert_int_equal(vault_async_open(path, 200, &v, &err), 0);
	assert_int_equal(vault_async_leaf(v, &leaf, counted, &c, &err), 0);
	work_until(v, 0, 5000);
	assert_int_equal(c.failed, 3);
	vault_async_close(&v);
}

static int begin(void **state)
{
	unsigned char *p = spki;
	(void)state;
	snprintf(root, sizeof root, "/tmp/toride-client-test.XXXXXX");
	if (!mkdtemp(root))
		return -1;
	snprintf(path, sizeof path, "%s/vault.sock", root);
	EVP_PKEY *k = EVP_EC_gen("P-256");
	int n = i2d_PUBKEY(k, &p);
	EVP_PKEY_free(k);
	return n == sizeof spki ? 0 : -1;
}

static int end(void **state)
{
	(void)state;
	return fs_rmtree(root, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(blocking_calls),
		cmocka_unit_test(many_at_once),
		cmocka_unit_test(a_lost_vault_fails_what_is_under_way),
		cmocka_unit_test(a_silent_vault_times_out),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
