/* See suricata_control.h. */
#include "apply/suricata_control.h"

#include "base/clock.h"
#include "base/mem.h"
#include "wire/place.h"
#include "wire/sock.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <yyjson.h>

#define ANSWER_MAX (4u * MIB)

/* One line; -E_TIMEOUT, -E_CLOSED, -E_LIMIT. */
static int read_line(int fd, int64_t until, struct buf *b, struct err *err)
{
	while (!b->len || b->ptr[b->len - 1] != '\n') {
		int64_t left = until - clock_mono_ms();
		struct pollfd p = { fd, POLLIN, 0 };
		if (left <= 0 || poll(&p, 1, (int)left) == 0)
			return err_set(err, E_TIMEOUT, "suricata", "its control socket doesn't answer");
		if (!buf_room(b, 16 * KIB))
			return err_set(err, E_LIMIT, "suricata", "its answer is too long");
		ssize_t n = recv(fd, b->ptr + b->len, 16 * KIB, 0);
		if (n < 0 && (errno == EINTR || errno == EAGAIN))
			continue;
		if (n <= 0)
			return err_set(err, E_CLOSED, "suricata", "it closed its control socket");
		b->len += (size_t)n;
	}
	return 0;
}

static int take_answer(struct str line, struct buf *answer, struct err *err)
{
	yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
	yyjson_val *root = yyjson_doc_get_root(doc), *message = yyjson_obj_get(root, "message");
	bool ok = yyjson_equals_str(yyjson_obj_get(root, "return"), "OK");
	int r = ok ? 0 : err_set(err, E_IO, "suricata", "%.200s", yyjson_get_str(message) ? yyjson_get_str(message) : "refused");
	size_t n;
	char *text = ok && answer && message ? yyjson_val_write(message, 0, &n) : NULL;
	if (text)
		buf_put(answer, text, n);
	free(text); /* yyjson's own allocation */
	yyjson_doc_free(doc);
	return r;
}

static int exchange(int fd, const char *text, int64_t until, struct buf *answer, struct err *err)
{
	struct buf in;
	buf_init(&in, ANSWER_MAX);
	int r = send(fd, text, strlen(text), MSG_NOSIGNAL) < 0 ? err_errno(err, "suricata", "cannot ask") : read_line(fd, until, &in, err);
	if (r == 0)
		r = take_answer(buf_view(&in), answer, err);
	buf_done(&in);
	return r;
}

int suricata_control(const char *command, int timeout_ms, struct buf *answer, struct err *err)
{
	char path[PLACE_MAX], text[128];
	_cleanup_fd_ int fd = -1;
	int64_t until = clock_mono_ms() + timeout_ms;
	int r = sock_connect(place_in_run(path, sizeof path, "suricata/control.sock"), timeout_ms, &fd, err);
	if (r == 0)
		r = exchange(fd, "{\"version\":\"0.2\"}\n", until, NULL, err);
	snprintf(text, sizeof text, "{\"command\":\"%s\"}\n", command);
	return r < 0 ? r : exchange(fd, text, until, answer, err);
}

int suricata_rules_parse(struct str json, struct suricata_rules *ret, struct err *err)
{
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	yyjson_val *one = yyjson_arr_get_first(yyjson_doc_get_root(doc)), *loaded = yyjson_obj_get(one, "rules_loaded"),
	           *failed = yyjson_obj_get(one, "rules_failed");
	int r = 0;
	if (!yyjson_is_uint(loaded) || !yyjson_is_uint(failed))
		r = err_set(err, E_INVALID, "suricata", "what it says of its rules can't be read");
	else
		*ret = (struct suricata_rules){ yyjson_get_uint(loaded), yyjson_get_uint(failed),
			                        yyjson_get_uint(yyjson_obj_get(one, "rules_skipped")) };
	yyjson_doc_free(doc);
	return r;
}

int suricata_loaded(int timeout_ms, struct suricata_rules *ret, struct err *err)
{
	struct buf b;
	buf_init(&b, ANSWER_MAX);
	int r = suricata_control("ruleset-stats", timeout_ms, &b, err);
	if (r == 0)
		r = suricata_rules_parse(buf_view(&b), ret, err);
	buf_done(&b);
	return r;
}
