/* See file.h. Reads with pread and trusts nothing it reads. */
#include "segment/file.h"

#include "base/fs.h"
#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

const char *seg_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size)
{
	snprintf(dst, size, "%s/%s/%s/%06u.seg", dir, org, series, number);
	return dst;
}

const char *seg_cold_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size)
{
	snprintf(dst, size, "%s" SEG_COLD "/%s/%s/%06u.seg", dir, org, series, number);
	return dst;
}

const char *seg_mark_path(const char *dir, const char *org, const char *series, uint32_t number, char *dst, size_t size)
{
	snprintf(dst, size, "%s/%s/%s/%06u.cold", dir, org, series, number);
	return dst;
}

const char *seg_store_path(const char *dir, const char *org, const char *series, uint32_t number, const char *stage, char *dst, size_t size)
{
	snprintf(dst, size, "%s" SEG_COLD "/%s/%s/%06u.%s", dir, org, series, number, stage);
	return dst;
}

#define FETCH_TRIES 5
static seg_fetch_fn fetch;

void seg_fetch_by(seg_fetch_fn fn)
{
	fetch = fn;
}

bool seg_is_there(const char *dir, const char *org, const char *series, uint32_t number)
{
	char path[1024];
	return fs_exists(seg_path(dir, org, series, number, path, sizeof path)) || fs_exists(seg_mark_path(dir, org, series, number, path, sizeof path));
}

bool seg_cold_disk(const char *dir, const char *below)
{
	struct stat hot, cold;
	char path[1024];
	snprintf(path, sizeof path, "%s" SEG_COLD "%s", dir, below);
	return stat(dir, &hot) == 0 && stat(path, &cold) == 0 && hot.st_dev != cold.st_dev;
}

bool seg_cold_away(const char *dir, const char *org, const char *series, uint32_t number)
{
	char path[1024];
	return !fs_exists(seg_path(dir, org, series, number, path, sizeof path)) &&
	       !fs_exists(seg_cold_path(dir, org, series, number, path, sizeof path)) &&
	       fs_exists(seg_mark_path(dir, org, series, number, path, sizeof path));
}

ssize_t seg_read_at(int fd, struct buf *b, size_t n, uint64_t offset)
{
	buf_reset(b);
	if (!buf_room(b, n))
		return b->failed;
	while (b->len < n) {
		ssize_t k = fs_fault() ? -1 : pread(fd, b->ptr + b->len, n - b->len, (off_t)(offset + b->len));
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -E_IO;
		if (k == 0)
			break;
		b->len += (size_t)k;
	}
	return (ssize_t)b->len;
}

int seg_file_open(const char *path, struct sha *s, struct seg_file *ret, struct err *err)
{
	struct stat st;
	*ret = (struct seg_file){ .fd = fs_fault() ? -1 : open(path, SEG_OPEN) };
	if (ret->fd < 0)
		return errno == ENOENT ? err_set(err, E_NOT_FOUND, path, "there is no such segment")
		                       : err_errno(err, path, "cannot open");
	if (fstat(ret->fd, &st) < 0 || !S_ISREG(st.st_mode)) {
		seg_file_close(ret);
		return err_set(err, E_CORRUPT, path, "isn't a file");
	}
	buf_init(&ret->bytes, SEGMENT_BLOCK_MAX);
	ssize_t n = seg_read_at(ret->fd, &ret->bytes, SEGMENT_HEADER_MAX, 0);
	int r = n < 0 ? err_set(err, (enum err_code)-n, path, "cannot read")
	              : seg_header_parse(buf_view(&ret->bytes), s, &ret->header);
	if (r == -E_CORRUPT)
		err_set(err, E_CORRUPT, path, "the segment's header is not one");
	if (r < 0) {
		seg_file_close(ret);
		return r;
	}
	ret->offset = ret->header.len;
	memcpy(ret->chain, ret->header.hash, SEGMENT_HASH);
	return 0;
}

/* It only ever moves from the one place to the other: who looks in this order doesn't miss it. */
int seg_file_find(const char *dir, const char *org, const char *series, uint32_t number, struct sha *s, struct seg_file *ret, char path[1024],
                  struct err *err)
{
	int r = seg_file_open(seg_path(dir, org, series, number, path, 1024), s, ret, err);
	if (r == -E_NOT_FOUND)
		r = seg_file_open(seg_cold_path(dir, org, series, number, path, 1024), s, ret, err);
	bool away = r == -E_NOT_FOUND && seg_cold_away(dir, org, series, number);
	for (int i = 0; away && fetch && i < FETCH_TRIES && fs_exists(seg_store_path(dir, org, series, number, SEG_END, path, 1024)); i++) {
		struct err why = { 0 };
		if (fetch(org, series, number, &why) < 0)
			return err_set(err, E_IO, seg_cold_path(dir, org, series, number, path, 1024), "the segment is in the store of objects, and can't be had: %.200s", why.msg);
		r = seg_file_open(seg_cold_path(dir, org, series, number, path, 1024), s, ret, err);
		away = r == -E_NOT_FOUND && seg_cold_away(dir, org, series, number); /* put away for another one that was asked for */
		if (!away)
			return r;
	}
	if (away)
		return err_set(err, E_IO, path, "the segment is in cold storage, which isn't there: is the second disk mounted?");
	if (r == -E_NOT_FOUND)
		seg_path(dir, org, series, number, path, 1024);
	return r;
}

int seg_file_unlock(const struct seg_file *f, const struct segment_name *n, segment_key_fn key, void *user, struct sha *s, struct seg_cipher *ret,
                    struct err *err)
{
	unsigned char bytes[SEGMENT_KEY], commitment[SEGMENT_HASH];
	if (f->header.number != n->segment || strcmp(f->header.org, n->org) != 0 || strcmp(f->header.series, n->series) != 0)
		return err_set(err, E_CORRUPT, "", "the file's header names another segment");
	int x = key(n->org, n->series, n->segment, bytes, user, err);
	if (x < 0)
		return x == -E_CORRUPT || x == -E_AGAIN ? -E_IO : x;
	seg_commitment(s, bytes, commitment);
	if (memcmp(commitment, f->header.commitment, SEGMENT_HASH) != 0)
		x = err_set(err, E_DENIED, "", "the key isn't this segment's");
	else if (seg_cipher_open(ret, bytes, false) < 0)
		x = err_set(err, E_NOMEM, "", "no memory");
	OPENSSL_cleanse(bytes, sizeof bytes);
	return x;
}

void seg_file_close(struct seg_file *f)
{
	if (f->fd >= 0)
		close(f->fd);
	f->fd = -1;
	buf_done(&f->bytes);
}

#define READ_MORE 2048 /* by so much a block may be longer than the one before, and is read at once all the same */

int seg_file_peek(struct seg_file *f, struct seg_block *ret)
{
	ssize_t n = seg_read_at(f->fd, &f->bytes, 8 + (f->last ? f->last + READ_MORE : 0), f->offset);
	if (n < 0)
		return (int)n;
	int r = seg_block_parse(buf_view(&f->bytes), ret);
	if (r != -E_AGAIN || n < 8 || (size_t)n >= ret->total)
		return r;
	n = seg_read_at(f->fd, &f->bytes, ret->total, f->offset);
	return n < 0 ? (int)n : seg_block_parse(buf_view(&f->bytes), ret);
}

int seg_file_next(struct seg_file *f, struct sha *s, struct seg_block *ret, struct err *err)
{
	if (f->sealed)
		return -E_AGAIN;
	int r = seg_file_peek(f, ret);
	if (r == -E_CORRUPT)
		return err_set(err, E_CORRUPT, "", "no block begins at byte %llu", (unsigned long long)f->offset);
	if (r < 0)
		return r == -E_AGAIN ? r : err_set(err, (enum err_code)-r, "", "cannot read");
	if (ret->first != f->next)
		return err_set(err, E_CORRUPT, "", "the block at byte %llu begins with record %llu in place of %llu",
		               (unsigned long long)f->offset, (unsigned long long)ret->first, (unsigned long long)f->next);
	if (!f->unchained && !seg_block_chain(ret, s, f->chain))
		return err_set(err, E_CORRUPT, "", "the block at byte %llu doesn't match its hash", (unsigned long long)f->offset);
	f->offset += ret->total;
	f->last = ret->part == SEG_BLOCK && ret->total <= 2 * SEGMENT_BLOCK ? ret->total : 0;
	f->next += ret->count;
	f->sealed = ret->part == SEG_FOOTER;
	return 0;
}

struct listing {
	const char *dir, *org;
	int (*fn)(const char *, const char *, void *);
	void *user;
	uint32_t *numbers;
	size_t n, cap;
};

static int one_series(const char *name, void *user)
{
	struct listing *l = user;
	return segment_series_ok(name) ? l->fn(l->org, name, l->user) : 0;
}

static int one_org(const char *name, void *user)
{
	struct listing *l = user;
	char path[1024];
	if (!segment_org_ok(name))
		return 0;
	snprintf(path, sizeof path, "%s/%s", l->dir, name);
	l->org = name;
	return fs_list(path, one_series, l, NULL);
}

int seg_each_series(const char *dir, int (*fn)(const char *org, const char *series, void *user), void *user,
                    struct err *err)
{
	struct listing l = { .dir = dir, .fn = fn, .user = user };
	return fs_exists(dir) ? fs_list(dir, one_org, &l, err) : 0;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

static int one_number(const char *name, void *user)
{
	struct listing *l = user;
	struct str s = str_from(name), number;
	uint64_t v;
	bool one = str_next(&s, '.', &number) && (str_eq(s, STR("seg")) || str_eq(s, STR("cold")));
	if (!one || number.len < 6 || !str_to_u64(number, UINT32_MAX, &v) || v == 0)
		return 0;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		uint32_t *p = mem_grow(l->numbers, cap * sizeof *p);
		if (!p)
			return -E_NOMEM;
		l->numbers = p;
		l->cap = cap;
	}
	l->numbers[l->n++] = (uint32_t)v;
	return 0;
}

int seg_numbers(const char *dir, const char *org, const char *series, uint32_t **ret, size_t *ret_n, struct err *err)
{
	struct listing l = { 0 };
	char path[1024];
	snprintf(path, sizeof path, "%s/%s/%s", dir, org, series);
	*ret = NULL;
	*ret_n = 0;
	int r = fs_list(path, one_number, &l, err);
	if (r < 0) {
		mem_free(l.numbers);
		return r;
	}
	if (l.n)
		qsort(l.numbers, l.n, sizeof *l.numbers, by_number);
	*ret = l.numbers;
	for (size_t i = 0; i < l.n; i++) /* one that is just being moved stands in both places */
		if (*ret_n == 0 || l.numbers[*ret_n - 1] != l.numbers[i])
			l.numbers[(*ret_n)++] = l.numbers[i];
	return 0;
}
