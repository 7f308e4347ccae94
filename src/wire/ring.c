/* See ring.h. */
#include "wire/ring.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>

#define MAGIC "toRing1\n"
#define LENGTH 4
#define STEP MIB

static void set_span(struct ring *r, uint32_t first, uint32_t end)
{
	atomic_store_explicit(&r->head->span, (uint64_t)first << 32 | end, memory_order_release);
}

uint32_t ring_first(const struct ring *r)
{
	return (uint32_t)(atomic_load_explicit(&r->head->span, memory_order_relaxed) >> 32);
}

static uint32_t end_of(const struct ring *r)
{
	return (uint32_t)atomic_load_explicit(&r->head->span, memory_order_relaxed);
}

static uint32_t length_at(const struct ring *r, uint32_t at)
{
	const unsigned char *p = (const unsigned char *)r->data + at;
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static bool turned(const struct ring *r)
{
	return ring_first(r) > end_of(r);
}

bool ring_next(const struct ring *r, uint32_t *at, struct str *ret)
{
	uint32_t pos = *at, end = end_of(r);
	if (pos == r->wrap && turned(r))
		pos = 0;
	if (pos == end)
		return false;
	uint32_t n = length_at(r, pos);
	*ret = (struct str){ r->data + pos + LENGTH, n };
	*at = pos + LENGTH + n;
	return true;
}

struct str ring_run(const struct ring *r, uint32_t *at)
{
	if (*at == r->wrap && turned(r))
		*at = 0;
	uint32_t end = turned(r) && *at >= ring_first(r) ? r->wrap : end_of(r);
	return (struct str){ r->data + *at, end - *at };
}

size_t ring_used(const struct ring *r)
{
	uint32_t first = ring_first(r), end = end_of(r);
	return turned(r) ? r->wrap - first + end : end - first;
}

/* A file's pages up to `end` exist: writing where a full disk has none would end us (SIGBUS). */
static bool backed(struct ring *r, uint64_t end)
{
	if (r->fd < 0 || end <= r->backed)
		return true;
	uint64_t to = end + STEP < r->size ? end + STEP : r->size;
	if (fs_fault() || fallocate(r->fd, 0, 0, (off_t)(sizeof *r->head + to)) < 0)
		return false;
	r->backed = (uint32_t)to;
	return true;
}

char *ring_room(struct ring *r, uint32_t n)
{
	uint32_t first = ring_first(r), end = end_of(r), at = end;
	uint64_t need = LENGTH + (uint64_t)n;
	if (first > end && need >= first - end) /* what is free lies between them; they may not meet, that means empty */
		return NULL;
	if (first <= end && need > r->size - end) {
		if (need >= first)
			return NULL;
		at = 0;
	}
	uint64_t mark = r->size - end < LENGTH ? end : end + LENGTH; /* of ring_put(), where the data go on at 0 */
	return backed(r, at + need) && (at == end || backed(r, mark)) ? r->data + at + LENGTH : NULL;
}

void ring_put(struct ring *r, const char *room, uint32_t n)
{
	uint32_t first = ring_first(r), end = end_of(r), at = (uint32_t)(room - r->data) - LENGTH;
	const unsigned char length[LENGTH] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };
	if (at != end) { /* it goes on at 0: a length of 0 says so to who reads it without having written it */
		if (r->size - end >= LENGTH)
			memset(r->data + end, 0, LENGTH);
		r->wrap = end;
	}
	memcpy(r->data + at, length, LENGTH);
	set_span(r, first, at + LENGTH + n);
}

void ring_drop(struct ring *r, uint32_t to)
{
	uint32_t end = end_of(r);
	if (to == r->wrap && turned(r))
		to = 0;
	bool empty = to == end;
	set_span(r, empty ? 0 : to, empty ? 0 : end); /* from 0 again: the pages behind are touched only in need */
	if (!turned(r))
		r->wrap = r->size;
}

/* Walks as ring_next() does, but believes nothing; finds `wrap` on its way. */
bool ring_whole(struct ring *r)
{
	uint32_t first = ring_first(r), end = end_of(r), pos = first;
	bool round = first > end;
	r->wrap = r->size;
	if (first > r->size || end > r->size || (first == end && first))
		return false;
	for (;;) {
		uint32_t to = round ? r->size : end;
		if (round && (to - pos < LENGTH || length_at(r, pos) == 0)) {
			r->wrap = pos;
			round = false;
			pos = 0;
			continue;
		}
		if (pos == to)
			return true;
		if (to - pos < LENGTH || length_at(r, pos) == 0 || length_at(r, pos) > to - pos - LENGTH)
			return false;
		pos += LENGTH + length_at(r, pos);
	}
}

void ring_clear(struct ring *r)
{
	memset(r->head, 0, sizeof *r->head);
	r->head->size = r->size;
	r->wrap = r->size;
	memcpy(r->head->magic, MAGIC, sizeof r->head->magic);
}

static int open_file(const char *path, struct ring *r, struct err *err)
{
	struct stat st;
	size_t bytes = sizeof *r->head + r->size;
	r->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (r->fd < 0)
		return err_errno(err, path, "cannot open");
	if (flock(r->fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, E_STATE, path, "another process has it");
	bool was = fstat(r->fd, &st) == 0 && (uint64_t)st.st_size == bytes;
	if ((!was && (ftruncate(r->fd, 0) < 0 || ftruncate(r->fd, (off_t)bytes) < 0)) || !backed(r, 1))
		return err_errno(err, path, "cannot set its size");
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, r->fd, 0);
	if (p == MAP_FAILED)
		return err_errno(err, path, "cannot map");
	r->head = p;
	r->data = (char *)(r->head + 1);
	if (memcmp(r->head->magic, MAGIC, sizeof r->head->magic) != 0 || r->head->size != r->size || !ring_whole(r))
		ring_clear(r);
	return 0;
}

int ring_open(const char *path, uint32_t size, struct ring *r, struct err *err)
{
	*r = (struct ring){ .size = size, .fd = -1 };
	if (path) {
		int res = open_file(path, r, err);
		if (res < 0)
			ring_close(r);
		return res;
	}
	r->head = mem_alloc(sizeof *r->head + size);
	if (!r->head)
		return err_set(err, E_NOMEM, "", "no memory");
	r->data = (char *)(r->head + 1);
	ring_clear(r);
	return 0;
}

void ring_close(struct ring *r)
{
	if (r->fd < 0) {
		mem_free(r->head);
	} else {
		if (r->head)
			munmap(r->head, sizeof *r->head + r->size);
		close(r->fd);
	}
	*r = (struct ring){ .fd = -1 };
}
