/* See follow.h. Runs in intaked's only thread; the writers are nginx and ModSecurity of the public sites. */
#include "intake/follow.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define READ_MIN (64 * 1024)
#define BLOCK (64 * 1024) /* no file system's is larger */

struct follow {
	char path[512];
	int fd;
	size_t line_max;
	off_t at;        /* file offset of in.ptr[0] */
	off_t given;     /* end of the last line given */
	off_t safe, cut; /* up to here committed; up to here a hole */
	struct buf in;
	bool skipping;   /* in the middle of a line that is too long */
	struct follow_stats counts;
};

int follow_open(const char *path, size_t line_max, struct follow **ret, struct err *err)
{
	struct follow *f = mem_alloc(sizeof *f);
	if (!f)
		return err_set(err, E_NOMEM, path, "no memory");
	snprintf(f->path, sizeof f->path, "%s", path);
	f->fd = -1;
	f->line_max = line_max;
	buf_init(&f->in, line_max + READ_MIN);
	*ret = f;
	return 0;
}

void follow_close(struct follow **f)
{
	if (!*f)
		return;
	if ((*f)->fd >= 0)
		close((*f)->fd);
	buf_done(&(*f)->in);
	mem_free(*f);
	*f = NULL;
}

const struct follow_stats *follow_counts(const struct follow *f)
{
	return &f->counts;
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

static bool ready(struct follow *f)
{
	if (f->fd >= 0)
		return true;
	f->fd = open(f->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (f->fd < 0)
		return false;
	f->at = f->given = f->safe = f->cut = first_untaken(f->fd);
	return true;
}

static bool fill(struct follow *f)
{
	if (!buf_room(&f->in, READ_MIN)) {
		f->in.failed = 0;
		return false;
	}
	ssize_t n = pread(f->fd, f->in.ptr + f->in.len, READ_MIN, f->at + (off_t)f->in.len);
	f->in.len += n > 0 ? (size_t)n : 0;
	return n > 0;
}

static void drop(struct follow *f, size_t n)
{
	buf_drop(&f->in, n);
	f->at += (off_t)n;
	f->given = f->at;
}

/* Without a newline in all the room there is: dropped up to the next one. */
static bool too_long(struct follow *f)
{
	if (f->in.len <= f->line_max)
		return false;
	f->counts.too_long += !f->skipping;
	f->skipping = true;
	drop(f, f->in.len);
	return true;
}

bool follow_work(struct follow *f, unsigned turn, follow_line fn, void *user)
{
	if (!ready(f))
		return false;
	while (turn) {
		const char *end = f->in.len ? memchr(f->in.ptr, '\n', f->in.len) : NULL;
		if (!end) {
			if (too_long(f) || fill(f))
				continue;
			return false;
		}
		struct str line = { f->in.ptr, (size_t)(end - f->in.ptr) };
		if (!f->skipping && line.len <= f->line_max && !fn(line, user))
			return true;
		f->counts.too_long += !f->skipping && line.len > f->line_max;
		f->counts.lines += !f->skipping;
		f->skipping = false;
		drop(f, line.len + 1);
		turn--;
	}
	return true;
}

void follow_committed(struct follow *f)
{
	f->safe = f->given;
	if (f->fd < 0 || f->counts.no_holes || f->safe == f->cut)
		return;
	/* From the beginning of the block: a block that is emptied piece by piece is given back only as a whole. */
	off_t from = f->cut - f->cut % BLOCK;
	if (fallocate(f->fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, from, f->safe - from) == 0)
		f->cut = f->safe;
	else if (errno == EOPNOTSUPP || errno == ENOSYS)
		f->counts.no_holes = true;
}
