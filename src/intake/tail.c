/* See tail.h. Runs in intaked's only thread; the writers are nginx and ModSecurity of the public sites. */
#include "intake/tail.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MIN (64 * 1024)
#define BLOCK (64 * 1024) /* no file system's is larger */

struct tail {
	char path[512];
	int fd;
	size_t line_max;
	off_t at;        /* file offset of in.ptr[0] */
	off_t given;     /* end of the last line given */
	off_t safe, cut; /* up to here committed; up to here a hole */
	struct buf in;
	bool skipping;   /* in the middle of a line that is too long */
	struct tail_stats counts;
};

int tail_open(const char *path, size_t line_max, struct tail **ret, struct err *err)
{
	struct tail *t = mem_alloc(sizeof *t);
	if (!t)
		return err_set(err, E_NOMEM, path, "no memory");
	snprintf(t->path, sizeof t->path, "%s", path);
	t->fd = -1;
	t->line_max = line_max;
	buf_init(&t->in, line_max + READ_MIN);
	*ret = t;
	return 0;
}

void tail_close(struct tail **t)
{
	if (!*t)
		return;
	if ((*t)->fd >= 0)
		close((*t)->fd);
	buf_done(&(*t)->in);
	mem_free(*t);
	*t = NULL;
}

const struct tail_stats *tail_counts(const struct tail *t)
{
	return &t->counts;
}

/* The first byte that isn't zero: what was taken before a restart is holes, and zeros in the block where they end. */
static off_t first_untaken(int fd)
{
	char b[4096];
	off_t at = lseek(fd, 0, SEEK_DATA);
	struct stat st;
	if (at < 0)
		return fstat(fd, &st) == 0 ? st.st_size : 0; /* nothing but a hole */
	for (ssize_t n; (n = pread(fd, b, sizeof b, at)) > 0; at += n)
		for (ssize_t i = 0; i < n; i++)
			if (b[i])
				return at + i;
	return at;
}

static bool ready(struct tail *t)
{
	if (t->fd >= 0)
		return true;
	t->fd = open(t->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (t->fd < 0)
		return false;
	t->at = t->given = t->safe = t->cut = first_untaken(t->fd);
	return true;
}

static bool fill(struct tail *t)
{
	if (!buf_room(&t->in, READ_MIN)) {
		t->in.failed = 0;
		return false;
	}
	ssize_t n = pread(t->fd, t->in.ptr + t->in.len, READ_MIN, t->at + (off_t)t->in.len);
	t->in.len += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void drop(struct tail *t, size_t n)
{
	buf_drop(&t->in, n);
	t->at += (off_t)n;
	t->given = t->at;
}

/* Without a newline in all the room there is: dropped up to the next one. */
static bool too_long(struct tail *t)
{
	if (t->in.len <= t->line_max)
		return false;
	t->counts.too_long += !t->skipping;
	t->skipping = true;
	drop(t, t->in.len);
	return true;
}

bool tail_work(struct tail *t, unsigned turn, tail_line fn, void *user)
{
	if (!ready(t))
		return false;
	while (turn) {
		const char *end = t->in.len ? memchr(t->in.ptr, '\n', t->in.len) : NULL;
		if (!end) {
			if (too_long(t) || fill(t))
				continue;
			return false;
		}
		struct str line = { t->in.ptr, (size_t)(end - t->in.ptr) };
		if (!t->skipping && line.len <= t->line_max && !fn(line, user))
			return true;
		t->counts.too_long += !t->skipping && line.len > t->line_max;
		t->skipping = false;
		drop(t, line.len + 1);
		turn--;
	}
	return true;
}

void tail_committed(struct tail *t)
{
	t->safe = t->given;
	if (t->fd < 0 || t->counts.no_holes || t->safe == t->cut)
		return;
	/* From the beginning of the block: a block that is emptied piece by piece is given back only as a whole. */
	off_t from = t->cut - t->cut % BLOCK;
	if (fallocate(t->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, t->safe - from) == 0)
		t->cut = t->safe;
	else if (errno == EOPNOTSUPP || errno == ENOSYS)
		t->counts.no_holes = true;
}
