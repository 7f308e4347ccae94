/* See pick.h. */
#include "segment/pick.h"

#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"

#include <pthread.h>
#include <sys/stat.h>
#include <time.h>

#define OPEN 8                     /* segments; each has its last block */
#define NEAR (4 * SEGMENT_BLOCK)   /* so little is walked through */
#define PIECE (2 * SEGMENT_BLOCK)

struct opened {
	struct segment_name name; /* its index isn't used */
	struct seg_file f;        /* f.fd < 0: none */
	bool cold;
	struct seg_cipher cipher;
	struct buf plain;         /* the records of … */
	uint64_t first, count;    /* count 0: none */
};

struct pick {
	struct pick_opts o;
	struct sha sha;
	struct opened opened[OPEN];
	unsigned turn;
	struct buf piece;
	bool holds, away; /* the cold disk is this one's for now; it was waited for in vain */
};

/* A cold disk may stop answering (a network's), and keeps who reads it: one of all that search, while the others go on without it. */
static pthread_mutex_t cold_disk = PTHREAD_MUTEX_INITIALIZER;

static bool take_cold(struct pick *p)
{
	struct timespec until;
	if (p->holds || p->away)
		return p->holds;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += PICK_COLD_S;
	p->holds = pthread_mutex_timedlock(&cold_disk, &until) == 0;
	p->away = !p->holds;
	return p->holds;
}

static void give_cold(struct pick *p)
{
	if (p->holds)
		pthread_mutex_unlock(&cold_disk);
	p->holds = false;
}

int pick_open(const struct pick_opts *o, struct pick **ret, struct err *err)
{
	struct pick *p = mem_alloc(sizeof *p);
	if (!p || sha_open(&p->sha) < 0) {
		mem_free(p);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	p->o = *o;
	buf_init(&p->piece, PIECE);
	for (size_t i = 0; i < OPEN; i++)
		p->opened[i].f.fd = -1;
	*ret = p;
	return 0;
}

static void drop(struct opened *x)
{
	if (x->f.fd < 0)
		return;
	seg_file_close(&x->f);
	seg_cipher_close(&x->cipher);
	buf_wipe(&x->plain);
	*x = (struct opened){ .f.fd = -1 };
}

void pick_close(struct pick **pp)
{
	struct pick *p = *pp;
	*pp = NULL;
	if (!p)
		return;
	for (size_t i = 0; i < OPEN; i++)
		drop(&p->opened[i]);
	buf_done(&p->piece);
	sha_close(&p->sha);
	mem_free(p);
}

/* ---- a segment ---- */

static bool is_of(const struct opened *x, const struct segment_name *n)
{
	return x->f.fd >= 0 && x->name.segment == n->segment && strcmp(x->name.org, n->org) == 0 && strcmp(x->name.series, n->series) == 0;
}

static int away(const char *path, struct err *err)
{
	return err_set(err, E_AGAIN, path, "the segment is in cold storage");
}

static int find_file(struct pick *p, const struct segment_name *n, struct opened *x, struct err *err)
{
	char path[1024], mark[1024];
	int r = seg_file_open(seg_path(p->o.dir, n->org, n->series, n->segment, path, sizeof path), &p->sha, &x->f, err);
	x->cold = r == -E_NOT_FOUND && fs_exists(seg_mark_path(p->o.dir, n->org, n->series, n->segment, mark, sizeof mark));
	if (x->cold && !take_cold(p))
		return away(path, err);
	if (x->cold)
		r = seg_file_open(seg_cold_path(p->o.dir, n->org, n->series, n->segment, path, sizeof path), &p->sha, &x->f, err);
	if (r == -E_AGAIN) /* its header isn't whole: a crash's */
		return err_set(err, E_NOT_FOUND, path, "there is no such record");
	return r == -E_NOT_FOUND && x->cold ? away(path, err) : r;
}

static int opened_of(struct pick *p, const struct segment_name *n, struct opened **ret, struct err *err)
{
	for (size_t i = 0; i < OPEN; i++)
		if (is_of(&p->opened[i], n)) {
			*ret = &p->opened[i];
			return (*ret)->cold && !take_cold(p) ? away("", err) : 0;
		}
	struct opened *x = &p->opened[p->turn++ % OPEN];
	drop(x);
	int r = find_file(p, n, x, err);
	if (r < 0) {
		x->f.fd = -1;
		return r;
	}
	x->name = *n;
	buf_init(&x->plain, SEGMENT_BLOCK_MAX);
	r = seg_file_unlock(&x->f, n, p->o.key, p->o.user, &p->sha, &x->cipher, err);
	if (r < 0)
		drop(x);
	else
		*ret = x;
	return r == -E_NOT_FOUND ? err_set(err, E_STATE, "", "the body's key was destroyed") : r;
}

/* ---- a block ---- */

/* The first one that begins at or behind `from` and before `to`: what bears its mark and has its shape. False: none. */
static bool block_behind(struct pick *p, struct seg_file *f, uint64_t from, uint64_t to, struct seg_block *ret)
{
	static const char mark[] = "TBLK";
	while (from < to && seg_read_at(f->fd, &p->piece, PIECE, from) > 3) {
		struct str s = buf_view(&p->piece);
		for (const char *at = s.ptr; (at = memmem(at, (size_t)(s.ptr + s.len - at), mark, 4)); at++) {
			f->offset = from + (uint64_t)(at - s.ptr);
			if (f->offset >= to)
				return false;
			if (seg_file_peek(f, ret) == 0)
				return true;
		}
		from += s.len - 3; /* it may begin at the end of this piece */
		if (s.len < PIECE)
			return false;
	}
	return false;
}

/* A place before which, and at which, a block begins that isn't behind the record's. */
static uint64_t halve(struct pick *p, struct seg_file *f, uint64_t index, uint64_t end)
{
	uint64_t low = f->header.len;
	struct seg_block k;
	while (end > low + NEAR) {
		uint64_t mid = low + (end - low) / 2;
		if (!block_behind(p, f, mid, end, &k) || k.first > index)
			end = mid;
		else
			low = f->offset;
	}
	return low;
}

static int block_of(struct pick *p, struct opened *x, uint64_t index, struct err *err)
{
	struct stat st;
	struct seg_block k;
	if (fs_fault() || fstat(x->f.fd, &st) < 0)
		return err_errno(err, "", "cannot be looked at");
	x->count = 0;
	x->f.offset = halve(p, &x->f, index, (uint64_t)st.st_size);
	for (int r;; x->f.offset += k.total) {
		r = seg_file_peek(&x->f, &k);
		if (r < 0 && r != -E_AGAIN)
			return err_set(err, (enum err_code)-r, "", "cannot be read");
		if (r < 0 || k.part == SEG_FOOTER || k.first > index)
			return err_set(err, E_NOT_FOUND, "", "there is no such record");
		if (index - k.first >= k.count)
			continue;
		r = seg_block_open(&x->cipher, &x->f.header, &k, &x->plain);
		if (r < 0)
			return err_set(err, (enum err_code)-r, "", "its block can't be decrypted");
		x->first = k.first;
		x->count = k.count;
		return 0;
	}
}

static int pick(struct pick *p, const struct segment_name *name, struct str *ret, struct err *err)
{
	struct opened *x = NULL;
	const unsigned char *salt;
	int r = opened_of(p, name, &x, err);
	if (r == 0 && (name->index < x->first || name->index - x->first >= x->count))
		r = block_of(p, x, name->index, err);
	if (r < 0)
		return r;
	struct str rest = buf_view(&x->plain);
	for (uint64_t i = x->first; i <= name->index; i++)
		if (!seg_record_next(&rest, &salt, ret))
			return err_set(err, E_CORRUPT, "", "the block holds fewer records than it says");
	return 0;
}

int pick_record(struct pick *p, const struct segment_name *name, struct str *ret, struct err *err)
{
	if (!segment_org_ok(name->org) || !segment_series_ok(name->series))
		return err_set(err, E_INVALID, "", "no record has such a name");
	int r = pick(p, name, ret, err);
	give_cold(p);
	return r;
}
