/* Ends of connections: two on one loop, TLS between them, that have rested in between. */
#include "http/chan.h"

#include "base/err.h"
#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <openssl/x509.h>
#include <sys/socket.h>

static uv_loop_t loop;
static struct chan_thread thread;
static struct chan ends[2];

static void nothing(struct chan *c, int what)
{
}

static SSL_CTX *server(void)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = X509_new();
	X509_NAME_add_entry_by_txt(X509_get_subject_name(cert), "CN", MBSTRING_ASC, (const unsigned char *)"test", -1, -1, 0);
	X509_set_issuer_name(cert, X509_get_subject_name(cert));
	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	assert_true(X509_sign(cert, key, EVP_sha256()) > 0);
	assert_int_equal(SSL_CTX_use_certificate(ctx, cert), 1);
	assert_int_equal(SSL_CTX_use_PrivateKey(ctx, key), 1);
	X509_free(cert);
	EVP_PKEY_free(key);
	return ctx;
}

static int setup(void **state)
{
	int fd[2];
	SSL_CTX *ctx[2] = { server(), SSL_CTX_new(TLS_client_method()) };
	assert_int_equal(uv_loop_init(&loop), 0);
	assert_int_equal(chan_thread_init(&thread, &loop), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fd), 0);
	for (int i = 0; i < 2; i++) {
		SSL *ssl = SSL_new(ctx[i]);
		SSL_CTX_free(ctx[i]);
		assert_int_equal(chan_open(&ends[i], &thread, fd[i], nothing), 0);
		if (i == 0)
			SSL_set_accept_state(ssl);
		else
			SSL_set_connect_state(ssl);
		assert_int_equal(chan_tls(&ends[i], ssl, STR("")), 0);
	}
	return 0;
}

static int teardown(void **state)
{
	for (int i = 0; i < 2; i++)
		chan_close(&ends[i], NULL);
	uv_run(&loop, UV_RUN_DEFAULT);
	chan_thread_done(&thread);
	return uv_loop_close(&loop);
}

static void shake_hands(void)
{
	int done[2] = { 0, 0 };
	while (!done[0] || !done[1])
		for (int i = 0; i < 2; i++)
			if (!done[i]) {
				done[i] = chan_handshake(&ends[i]);
				assert_true(done[i] >= 0);
			}
}

/* n bytes from one end to the other. */
static void carry(int from, size_t n)
{
	static char sent[70000], got[70000];
	size_t have = 0;
	for (size_t i = 0; i < n; i++)
		sent[i] = (char)(i * 7 + n);
	assert_int_equal(chan_write(&ends[from], sent, n), n);
	while (have < n) {
		ends[1 - from].budget = 4; /* as when the loop says that there is something */
		long k = chan_read(&ends[1 - from], got + have, sizeof got - have);
		assert_true(k > 0 || k == -E_AGAIN);
		have += k > 0 ? (size_t)k : 0;
	}
	assert_int_equal(have, n);
	assert_memory_equal(sent, got, n);
}

static void rests(void **state)
{
	shake_hands();
	for (int turn = 0; turn < 3; turn++) {
		carry(1, 100);
		carry(0, 60000);
		assert_false(chan_rest(&ends[0])); /* something moved */
		assert_true(chan_rest(&ends[0]));
		assert_true(chan_rest(&ends[0]));
	}
	carry(0, 5);
	assert_false(chan_rest(&ends[0]));
}

/* A record that has come in part keeps its buffer, and is read when the rest is there. */
static void half_a_record(void **state)
{
	char sealed[2000], got[1000];
	shake_hands();
	carry(0, 10);
	assert_int_equal(chan_write(&ends[1], "0123456789", 10), 10);
	ssize_t n = recv(ends[0].fd, sealed, sizeof sealed, 0);
	assert_true(n > 20);
	assert_int_equal(send(ends[1].fd, sealed, 20, 0), 20);
	ends[0].budget = 4;
	assert_int_equal(chan_read(&ends[0], got, sizeof got), -E_AGAIN);
	chan_rest(&ends[0]);
	assert_false(chan_rest(&ends[0]));
	assert_int_equal(send(ends[1].fd, sealed + 20, (size_t)n - 20, 0), n - 20);
	ends[0].budget = 4;
	assert_int_equal(chan_read(&ends[0], got, sizeof got), 10);
	assert_memory_equal(got, "0123456789", 10);
}

/* What OpenSSL has still to tell behind bytes that were taken is told, though nothing more comes. */
static void end_behind_bytes(void **state)
{
	char got[100];
	shake_hands();
	carry(0, 10);
	assert_int_equal(chan_write(&ends[1], "last", 4), 4);
	chan_goodbye(&ends[1]);
	ends[0].budget = 4;
	assert_int_equal(chan_read(&ends[0], got, sizeof got), 4);
	assert_int_equal(chan_read(&ends[0], got, sizeof got), 0);
}

int main(void)
{
	if (chan_global_init() < 0)
		return 1;
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(rests, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_record, setup, teardown),
		cmocka_unit_test_setup_teardown(end_behind_bytes, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
