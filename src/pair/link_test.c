/* What goes in at one node comes out at the other, whole and both ways; who has another key gets nothing. */
#include "pair/link.h"

#include "base/err.h"
#include "base/mem.h"

#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <sys/socket.h>
#include <unistd.h>

#define MUCH (3 * MIB + 17)

struct node {
	SSL_CTX *c;
	int tcp, local;
	int result;
	SSL *s;
	pthread_t thread;
};

static void *run(void *user)
{
	struct node *n = user;
	struct err err = { 0 };
	n->result = link_begin(n->c, n->tcp, &n->s, &err);
	if (n->result == 0) {
		link_pump(n->s, n->tcp, n->local);
		link_end(&n->s);
	}
	shutdown(n->tcp, SHUT_RDWR);
	shutdown(n->local, SHUT_RDWR);
	return NULL;
}

/* ret: the ends that PostgreSQL would hold, at the asking node and at the asked one. */
static void begin(struct node n[2], const unsigned char *mine, const unsigned char *theirs, int ret[2])
{
	int tcp[2], a[2], b[2];
	struct err err = { 0 };
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, tcp), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, a), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, b), 0);
	n[0] = (struct node){ .tcp = tcp[0], .local = a[1] };
	n[1] = (struct node){ .tcp = tcp[1], .local = b[1] };
	ret[0] = a[0], ret[1] = b[0];
	assert_int_equal(link_context(mine, false, &n[0].c, &err), 0);
	assert_int_equal(link_context(theirs, true, &n[1].c, &err), 0);
	for (int i = 0; i < 2; i++)
		assert_int_equal(pthread_create(&n[i].thread, NULL, run, &n[i]), 0);
}

static void finish(struct node n[2], const int ends[2])
{
	for (int i = 0; i < 2; i++) {
		pthread_join(n[i].thread, NULL);
		link_context_free(&n[i].c);
		close(n[i].tcp), close(n[i].local), close(ends[i]);
	}
}

struct sending {
	int fd;
	char *bytes;
	size_t n;
};

static void *send_and_end(void *user)
{
	struct sending *s = user;
	for (size_t sent = 0; sent < s->n;) {
		ssize_t k = send(s->fd, s->bytes + sent, s->n - sent, MSG_NOSIGNAL);
		if (k <= 0)
			break;
		sent += (size_t)k;
	}
	shutdown(s->fd, SHUT_WR);
	return NULL;
}

static size_t receive(int fd, char *dst, size_t size)
{
	size_t got = 0;
	for (ssize_t k; got < size && (k = recv(fd, dst + got, size - got, 0)) > 0;)
		got += (size_t)k;
	return got;
}

static void all_of_it_arrives(void **state)
{
	static const unsigned char key[LINK_KEY] = "the same at both nodes";
	struct node n[2];
	int ends[2];
	char *sent = mem_alloc(MUCH), *got = mem_alloc(MUCH + 1), word[5] = "";
	pthread_t t;
	(void)state;
	for (size_t i = 0; i < MUCH; i++)
		sent[i] = (char)(i * 2654435761u >> 7);
	begin(n, key, key, ends);
	assert_int_equal(send(ends[0], "hello", 5, 0), 5);
	assert_int_equal(receive(ends[1], word, 5), 5);
	assert_memory_equal(word, "hello", 5);
	struct sending s = { ends[1], sent, MUCH };
	assert_int_equal(pthread_create(&t, NULL, send_and_end, &s), 0);
	assert_int_equal(receive(ends[0], got, MUCH + 1), MUCH); /* also that it ends */
	assert_memory_equal(sent, got, MUCH);
	pthread_join(t, NULL);
	finish(n, ends);
	mem_free(sent);
	mem_free(got);
}

static void another_key_gets_nothing(void **state)
{
	static const unsigned char key[LINK_KEY] = "this one", other[LINK_KEY] = "that one";
	struct node n[2];
	int ends[2];
	char byte;
	(void)state;
	begin(n, key, other, ends);
	assert_int_equal(receive(ends[0], &byte, 1), 0);
	assert_int_equal(receive(ends[1], &byte, 1), 0);
	finish(n, ends);
	assert_int_not_equal(n[0].result, 0);
	assert_int_equal(n[1].result, -E_DENIED);
}

/* One that knows no key at all, as any TLS client would come. */
static void no_key_gets_nothing(void **state)
{
	static const unsigned char key[LINK_KEY] = "this one";
	int tcp[2];
	(void)state;
	struct err err = { 0 };
	SSL_CTX *plain = SSL_CTX_new(TLS_client_method());
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, tcp), 0);
	struct node server = { .tcp = tcp[1], .local = -1 }, client = { .c = plain, .tcp = tcp[0], .local = -1 };
	assert_int_equal(link_context(key, true, &server.c, &err), 0);
	assert_int_equal(pthread_create(&server.thread, NULL, run, &server), 0);
	assert_int_equal(pthread_create(&client.thread, NULL, run, &client), 0);
	pthread_join(server.thread, NULL);
	pthread_join(client.thread, NULL);
	assert_int_equal(server.result, -E_DENIED);
	assert_int_not_equal(client.result, 0);
	close(tcp[0]), close(tcp[1]);
	link_context_free(&server.c);
	SSL_CTX_free(plain);
}

int main(void)
{
	signal(SIGPIPE, SIG_IGN); /* as every daemon has it */
	const struct CMUnitTest cases[] = {
		cmocka_unit_test(all_of_it_arrives),
		cmocka_unit_test(another_key_gets_nothing),
		cmocka_unit_test(no_key_gets_nothing),
	};
	return cmocka_run_group_tests(cases, NULL, NULL);
}
