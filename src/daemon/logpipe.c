/* See logpipe.h. */
#include "daemon/logpipe.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define LINE_MAX_BYTES (8 * KIB)
#define FILE_MAX (8 * MIB)
#define KEPT 3

static const char *path_of(const struct logpipe *l, int n, char dst[PLACE_MAX])
{
	return n ? place_in_state(dst, PLACE_MAX, "log/%s.log.%d", l->name, n) : place_in_state(dst, PLACE_MAX, "log/%s.log", l->name);
}

static void file_open(struct logpipe *l)
{
	char path[PLACE_MAX];
	struct stat st;
	l->file = open(path_of(l, 0, path), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	l->size = l->file >= 0 && fstat(l->file, &st) == 0 ? (size_t)st.st_size : 0;
}

static void rotate(struct logpipe *l)
{
	char from[PLACE_MAX], to[PLACE_MAX];
	if (l->file >= 0)
		close(l->file);
	for (int n = KEPT - 1; n >= 0; n--)
		rename(path_of(l, n, from), path_of(l, n + 1, to));
	file_open(l);
}

static bool serious(const struct buf *line)
{
	static const char *const words[] = { "\"level\":\"warn\"", "\"level\":\"error\"", "FATAL", "PANIC", "ERROR", "[emerg]", "fatal error" };
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (memmem(line->ptr, line->len, words[i], strlen(words[i])))
			return true;
	return false;
}

/* A full disk loses log lines, never the process that writes them. */
static void line_out(struct logpipe *l)
{
	if (l->line.len && serious(&l->line))
		fprintf(stderr, "%.*s\n", (int)l->line.len, l->line.ptr);
	if (l->size + l->line.len + 1 > FILE_MAX)
		rotate(l);
	buf_putc(&l->line, '\n');
	if (l->file >= 0 && write(l->file, l->line.ptr, l->line.len) > 0)
		l->size += l->line.len;
	buf_reset(&l->line);
}

static void take(struct logpipe *l, const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (p[i] == '\n') {
			line_out(l);
			l->cut = false;
		} else if (l->line.len >= LINE_MAX_BYTES) {
			l->cut = true;
		} else if (!l->cut) {
			buf_putc(&l->line, p[i] ? p[i] : '?');
		}
	}
}

void logpipe_drain(struct logpipe *l)
{
	char tmp[4096];
	for (int rounds = 0; rounds < 64; rounds++) { /* others want their turn too */
		ssize_t n = read(l->in, tmp, sizeof tmp);
		if (n <= 0)
			return;
		take(l, tmp, (size_t)n);
	}
}

static void ready(uv_poll_t *p, int status, int events)
{
	(void)status, (void)events;
	logpipe_drain(p->data);
}

int logpipe_open(struct logpipe *l, uv_loop_t *loop, const char *name, struct err *err)
{
	int fd[2];
	memset(l, 0, sizeof *l);
	snprintf(l->name, sizeof l->name, "%s", name);
	buf_init(&l->line, LINE_MAX_BYTES + 16);
	if (pipe2(fd, O_CLOEXEC) < 0)
		return err_errno(err, name, "cannot make a pipe");
	l->in = fd[0];
	l->out = fd[1];
	fcntl(l->in, F_SETFL, O_NONBLOCK);
	file_open(l);
	if (uv_poll_init(loop, &l->poll, l->in) < 0)
		return err_set(err, E_IO, name, "cannot watch the pipe");
	l->poll.data = l;
	uv_poll_start(&l->poll, UV_READABLE, ready);
	return 0;
}

void logpipe_close(struct logpipe *l)
{
	logpipe_drain(l);
	if (l->line.len)
		line_out(l);
	uv_poll_stop(&l->poll);
	uv_close((uv_handle_t *)&l->poll, NULL);
	close(l->in);
	close(l->out);
	if (l->file >= 0)
		close(l->file);
	buf_done(&l->line);
}
