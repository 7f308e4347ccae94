/* Bytes of a client of the control protocol, in two writes, which then closes its side: each line gets one answer of one line,
 * in order, and the server stands. Then the same bytes as two names, which are compared both ways. */
#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"
#include "wire/identity.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uv_loop_t loop;
static struct ctl_server *server;
static uint64_t late_peer;
static bool late;

static int handler(const struct ctl_request *rq, const char *what, struct buf *b, void *user, struct err *err)
{
	(void)user;
	if (strcmp(what, "late") == 0) {
		late_peer = rq->peer;
		late = true;
		return -E_AGAIN;
	}
	struct str as = ctl_str(rq->root, "as");
	if (as.ptr && !identity_ok(as))
		return err_set(err, E_INVALID, "as", "not a name: " STR_FMT, STR_ARG(as));
	json_field(b, "said", ctl_str(rq->root, "say"));
	json_field_u64(b, "n", ctl_u64(rq->root, "n", 0));
	return 0;
}

static char path[64];

static void sweep(void)
{
	unlink(path);
}

static int dial(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
	if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof a) < 0)
		abort();
	return fd;
}

static void turn(void)
{
	for (int i = 0; i < 8; i++) {
		uv_run(&loop, UV_RUN_NOWAIT);
		if (late) {
			late = false;
			ctl_reply(server, late_peer, STR(",\"late\":true"), NULL);
		}
	}
}

static void converse(const uint8_t *data, size_t size)
{
	static char got[1 << 20];
	int fd = dial();
	size_t len = 0, lines = 0, asked = 0;
	ssize_t n;
	bool whole = send(fd, data, size / 2, MSG_NOSIGNAL | MSG_DONTWAIT) == (ssize_t)(size / 2);
	turn();
	if (whole)
		send(fd, data + size / 2, size - size / 2, MSG_NOSIGNAL | MSG_DONTWAIT);
	turn();
	shutdown(fd, SHUT_WR);
	turn();
	while (len < sizeof got && (n = recv(fd, got + len, sizeof got - len, MSG_DONTWAIT)) > 0) {
		len += (size_t)n;
		turn();
	}
	for (size_t i = 0; i < len; i++)
		lines += got[i] == '\n';
	for (size_t i = 0; i < size; i++)
		asked += data[i] == '\n';
	if (lines > asked + 1 || (len && (got[len - 1] != '\n' || strncmp(got, "{\"v\":1,\"ok\":", 12) != 0)))
		bug("not an answer to each: %.*s", (int)(len < 400 ? len : 400), got);
	close(fd);
	turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err err = { 0 };
	char a[200], b[200];
	if (!server) {
		snprintf(path, sizeof path, "/tmp/toride-fuzz-ctl.%d", (int)getpid());
		if (uv_loop_init(&loop) < 0 || ctl_listen(&loop, path, 0600, handler, NULL, &server, &err) < 0)
			bug("%s: %s", err.path, err.msg);
		atexit(sweep);
	}
	if (size <= 64 * KIB)
		converse(data, size);
	snprintf(a, sizeof a, "%.*s", (int)(size / 2), (const char *)data);
	snprintf(b, sizeof b, "%.*s", (int)(size - size / 2), (const char *)data + size / 2);
	if (identity_same(a, b) != identity_same(b, a) || !identity_same(a, a))
		bug("not the same both ways");
	return 0;
}
