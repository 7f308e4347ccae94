/* The control protocol: answers, errors, late answers, and peers that send rubbish or go away. */
#include "base/test.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/sock.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static char path[96], dir[64];
static struct ctl_server *server;
static uv_timer_t timer;
static uint64_t late_peer;

static void answer_late(uv_timer_t *t)
{
	(void)t;
	ctl_reply(server, late_peer, STR(",\"late\":true"), NULL);
}

static int handler(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	if (strcmp(what, "echo") == 0) {
		json_field(b, "said", ctl_str(rq->root, "say"));
		json_field_u64(b, "uid", rq->uid);
		return 0;
	}
	if (strcmp(what, "late") == 0) {
		late_peer = rq->peer;
		uv_timer_start(&timer, answer_late, 20, 0);
		return -E_AGAIN;
	}
	if (strcmp(what, "stop") == 0) {
		ctl_close(&server);
		uv_close((uv_handle_t *)&timer, NULL);
		return 0;
	}
	(void)user;
	return err_set(err, E_NOT_FOUND, what, "no such request");
}

static void *serve(void *loop)
{
	uv_run(loop, UV_RUN_DEFAULT);
	return NULL;
}

static int call(const char *request, struct buf *reply, struct err *err)
{
	return ctl_call(path, str_from(request), reply, 5000, err);
}

static void test_answers(void **state)
{
	struct buf b;
	struct err err = { 0 };
	(void)state;
	buf_init(&b, MIB);
	assert_int_equal(call("{\"v\":1,\"do\":\"echo\",\"say\":\"砦\\n\"}", &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "\"said\":\"砦\\n\""));
	assert_int_equal(call("{\"v\":1,\"do\":\"late\"}", &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "\"late\":true"));
	assert_int_equal(call("{\"v\":1,\"do\":\"nothing\"}", &b, &err), -E_NOT_FOUND);
	assert_string_equal(err.path, "nothing");
	assert_int_equal(call("{\"v\":2,\"do\":\"echo\"}", &b, &err), -E_INVALID);
	assert_int_equal(call("{\"v\":1}", &b, &err), -E_INVALID);
	assert_int_equal(call("rubbish", &b, &err), -E_INVALID);
	assert_int_equal(call("[1,2]", &b, &err), -E_INVALID);
	buf_done(&b);
}

/* A description of the whole nation is some megabytes; root may hand in far more, anyone else less. */
static void test_large_request(void **state)
{
	struct buf b, reply;
	struct err err = { 0 };
	(void)state;
	buf_init(&b, CTL_REQUEST_MAX + MIB);
	buf_init(&reply, MIB);
	buf_puts(&b, "{\"v\":1,\"do\":\"echo\",\"say\":\"here\",\"description\":\"");
	assert_true(buf_room(&b, CTL_MAX + MIB));
	memset(b.ptr + b.len, 'x', CTL_MAX + MIB);
	b.len += CTL_MAX + MIB;
	buf_puts(&b, "\"}");
	if (geteuid() == 0) {
		assert_int_equal(ctl_call(path, buf_view(&b), &reply, 30000, &err), 0);
		assert_non_null(strstr(buf_cstr(&reply), "\"said\":\"here\""));
	} else {
		assert_int_equal(ctl_call(path, buf_view(&b), &reply, 30000, &err), -E_CLOSED);
	}
	buf_done(&b);
	buf_done(&reply);
}

/* One that closes its side when it has asked gets its answer all the same, late or not, and then the end. */
static void test_half_closed(void **state)
{
	static const char *const requests[] = { "{\"v\":1,\"do\":\"late\"}\n", "{\"v\":1,\"do\":\"echo\",\"say\":\"x\"}\n" };
	static const char *const answers[] = { "{\"v\":1,\"ok\":true,\"late\":true}\n", "{\"v\":1,\"ok\":true,\"said\":\"x\"" };
	struct err err = { 0 };
	(void)state;
	for (size_t i = 0; i < 2; i++) {
		char got[256] = "";
		size_t len = 0;
		ssize_t n;
		int fd;
		assert_int_equal(sock_connect(path, 1000, &fd, &err), 0);
		assert_int_equal(write(fd, requests[i], strlen(requests[i])), strlen(requests[i]));
		assert_int_equal(shutdown(fd, SHUT_WR), 0);
		while ((n = read(fd, got + len, sizeof got - 1 - len)) > 0)
			len += (size_t)n;
		assert_int_equal(n, 0);
		assert_ptr_equal(strstr(got, answers[i]), got);
		close(fd);
	}
}

/* Several requests in one write are answered in order; a peer that goes away while an answer is due harms nobody. */
static void test_peers(void **state)
{
	struct buf b;
	int fd;
	(void)state;
	buf_init(&b, MIB);
	assert_int_equal(sock_connect(path, 1000, &fd, NULL), 0);
	const char *two = "{\"v\":1,\"do\":\"late\"}\n{\"v\":1,\"do\":\"echo\",\"say\":\"x\"}\n";
	assert_int_equal(send(fd, two, strlen(two), 0), strlen(two));
	char in[512] = "";
	size_t n = 0;
	while (n < sizeof in - 1 && !strstr(in, "\"said\"")) {
		ssize_t k = recv(fd, in + n, sizeof in - 1 - n, 0);
		assert_true(k > 0);
		n += (size_t)k;
		in[n] = 0;
	}
	assert_true(strstr(in, "late") < strstr(in, "said"));
	assert_int_equal(send(fd, "{\"v\":1,\"do\":\"late\"}\n", 20, 0), 20);
	close(fd);
	assert_int_equal(call("{\"v\":1,\"do\":\"echo\",\"say\":\"y\"}", &b, NULL), 0);
	buf_done(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_answers), cmocka_unit_test(test_large_request),
		                            cmocka_unit_test(test_half_closed), cmocka_unit_test(test_peers) };
	uv_loop_t loop;
	pthread_t thread;
	struct buf b;
	snprintf(dir, sizeof dir, "/tmp/toride-ctl-XXXXXX");
	if (!mkdtemp(dir))
		return 1;
	snprintf(path, sizeof path, "%s/s", dir);
	uv_loop_init(&loop);
	uv_timer_init(&loop, &timer);
	if (ctl_listen(&loop, path, 0600, handler, NULL, &server, NULL) < 0)
		return 1;
	pthread_create(&thread, NULL, serve, &loop);
	int r = cmocka_run_group_tests_name("wire/ctl", tests, NULL, NULL);
	buf_init(&b, MIB);
	call("{\"v\":1,\"do\":\"stop\"}", &b, NULL); /* the answer is lost with the server, which is fine */
	buf_done(&b);
	pthread_join(thread, NULL);
	uv_loop_close(&loop);
	fs_rmtree(dir, NULL);
	return r;
}
