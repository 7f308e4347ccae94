/* See rows.h. */
#include "index/rows.h"

#include "base/err.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int rows_open(struct rows *r, size_t max, struct err *err)
{
	*r = (struct rows){ .fd = memfd_create("rows", MFD_CLOEXEC) };
	void *p = r->fd < 0 || ftruncate(r->fd, (off_t)max) < 0 ? MAP_FAILED : mmap(NULL, max, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED) {
		int x = err_errno(err, "index", "no memory for the rows");
		rows_close(r);
		return x;
	}
	r->b = (struct buf){ .ptr = p, .cap = max, .max = max };
	return 0;
}

void rows_close(struct rows *r)
{
	if (r->b.ptr)
		munmap(r->b.ptr, r->b.max);
	if (r->fd >= 0)
		close(r->fd);
	*r = (struct rows){ .fd = -1 };
}

int rows_end(struct rows *r, struct err *err)
{
	return ftruncate(r->fd, (off_t)r->b.len) < 0 ? err_errno(err, "index", "no memory for the rows") : 0;
}

/* What is mapped behind the end of the file mustn't be touched: it has its whole length again first. */
int rows_begin(struct rows *r, struct err *err)
{
	int x = rows_end(r, err);
	buf_reset(&r->b);
	return x < 0 ? x : ftruncate(r->fd, (off_t)r->b.max) < 0 ? err_errno(err, "index", "no memory for the rows") : 0;
}

int rows_check(int fd, uint64_t len, uint64_t max, struct err *err)
{
	struct stat st;
	if (len > max)
		return err_set(err, E_LIMIT, "index", "%llu bytes of rows are too many", (unsigned long long)len);
	/* only memory knows seals: a pipe, a terminal or another's file system could keep us for ever */
	if (fcntl(fd, F_GET_SEALS) < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(err, E_INVALID, "index", "the rows aren't in memory that was handed over");
	if ((uint64_t)st.st_size != len)
		return err_set(err, E_INVALID, "index", "%llu bytes of rows were announced, %lld are there", (unsigned long long)len, (long long)st.st_size);
	return 0;
}
