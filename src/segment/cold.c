/* writer_cool(): sealed segments go to another disk, one at a time, in small steps of the writer's own loop. Beside retain.c, whose
 * ends it must not cross.
 *
 * Nothing is removed that wasn't read back from the other disk and found the same. A crash anywhere leaves the segment where it was, or in both
 * places; then it is moved once more. */
#include "segment/writer.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"
#include "segment/series.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_MS 3600000
#define SERIES_A_CALL 8
#define PIECE (256u * 1024)

struct cooling {
	struct series *s;
	uint32_t number;
	char from[1024], to[1024], fresh[1024]; /* fresh: to, while it is being written */
	int in, out;
	uint64_t size, at;
	bool comparing;
	struct sha sha; /* of what was read back */
	char piece[2][PIECE];
};

void writer_cool_not(struct writer *w, const struct series *s, uint32_t number)
{
	struct cooling *c = w->cooling;
	if (!c || (s && (c->s != s || c->number != number)))
		return;
	if (c->in >= 0)
		close(c->in);
	if (c->out >= 0) {
		close(c->out);
		unlink(c->fresh);
	}
	sha_close(&c->sha);
	mem_free(c);
	w->cooling = NULL;
}

static int other_disk(const struct writer *w, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s" SEG_COLD, w->dir);
	return seg_cold_disk(w->dir, "") ? 0 : err_set(err, E_STATE, path, "no other disk is mounted there: nothing goes to cold storage");
}

/* What we make there coldd may write to, which is of the directory's group and has no other right to it. One that it made itself is open to us. */
static void share(const char *dir)
{
	struct stat st;
	if (stat(dir, &st) == 0 && !(st.st_mode & S_IWGRP) && st.st_uid == geteuid())
		chmod(dir, (st.st_mode & 07777) | S_IWGRP);
}

static int make_dirs(const struct writer *w, const struct series *s, struct err *err)
{
	char dir[1024];
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s/%s", w->dir, s->org, s->series);
	int r = fs_mkdirs(dir, 0755, err);
	if (r < 0)
		return r;
	share(dir);
	*strrchr(dir, '/') = 0;
	share(dir);
	return 0;
}

static int begin(struct writer *w, struct series *s, uint32_t number, struct err *err)
{
	struct stat st, there;
	struct cooling *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	c->s = s;
	c->number = number;
	c->in = c->out = -1;
	w->cooling = c;
	seg_path(w->dir, s->org, s->series, number, c->from, sizeof c->from);
	seg_cold_path(w->dir, s->org, s->series, number, c->to, sizeof c->to);
	snprintf(c->fresh, sizeof c->fresh, "%.1000s.new", c->to);
	int r = sha_open(&c->sha) < 0 ? err_set(err, E_NOMEM, "", "no memory") : make_dirs(w, s, err);
	if (r < 0)
		return r;
	c->in = fs_fault() ? -1 : open(c->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (c->in < 0 || fs_fault() || fstat(c->in, &st) < 0)
		return err_errno(err, c->from, "cannot open");
	c->size = (uint64_t)st.st_size;
	unlink(c->fresh); /* a crash's */
	c->out = fs_fault() ? -1 : open(c->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (c->out < 0 || fs_fault() || fstat(c->out, &there) < 0)
		return err_errno(err, c->fresh, "cannot create");
	/* A link on that disk may lead back: then the name it gets would be the very file that is removed for it. */
	return there.st_dev == st.st_dev ? err_set(err, E_STATE, c->to, "leads back to the disk that it comes from") : 0;
}

/* n bytes at the place, or an error: the file is sealed, so they are there. */
static int read_piece(int fd, const char *path, char *dst, size_t n, uint64_t at, struct err *err)
{
	while (n) {
		ssize_t k = fs_fault() ? -1 : pread(fd, dst, n, (off_t)at);
		if (k < 0 && errno == EINTR)
			continue;
		if (k <= 0)
			return k < 0 ? err_errno(err, path, "cannot read") : err_set(err, E_CORRUPT, path, "grew shorter");
		dst += k;
		n -= (size_t)k;
		at += (uint64_t)k;
	}
	return 0;
}

/* Written and synced: what is read from here on comes from the disk, as far as the kernel lets us ask for that. */
static int begin_comparing(struct cooling *c, struct err *err)
{
	if (fs_fault() || fdatasync(c->out) < 0)
		return err_errno(err, c->fresh, "cannot sync");
	posix_fadvise(c->out, 0, 0, POSIX_FADV_DONTNEED);
	c->comparing = true;
	c->at = 0;
	sha_begin(&c->sha);
	return 0;
}

static int copy(struct cooling *c, size_t n, struct err *err)
{
	int r = read_piece(c->in, c->from, c->piece[0], n, c->at, err);
	if (r == 0 && seg_write_at(c->out, c->piece[0], n, c->at) < 0)
		r = err_errno(err, c->fresh, "cannot write");
	sync_file_range(c->out, (off_t)c->at, (off_t)n, SYNC_FILE_RANGE_WRITE); /* so that the sync at its end is short */
	return r;
}

static int compare(struct cooling *c, size_t n, struct err *err)
{
	int r = read_piece(c->in, c->from, c->piece[0], n, c->at, err);
	if (r == 0)
		r = read_piece(c->out, c->fresh, c->piece[1], n, c->at, err);
	if (r == 0 && memcmp(c->piece[0], c->piece[1], n) != 0)
		r = err_set(err, E_CORRUPT, c->fresh, "what was read back isn't what was written: the disk is not to be trusted");
	sha_add(&c->sha, c->piece[1], n);
	return r;
}

/* {"v":1,"where":"disk","bytes":N,"sha256":HEX,"moved":MS} */
static int leave_mark(struct writer *w, struct cooling *c, struct err *err)
{
	unsigned char hash[SEGMENT_HASH];
	char hex[2 * SEGMENT_HASH + 1], path[1024];
	struct buf b;
	sha_end(&c->sha, hash);
	hex_format(hash, sizeof hash, hex);
	buf_init(&b, 4 * KIB);
	buf_puts(&b, "{\"v\":1,\"where\":\"disk\"");
	json_field_u64(&b, "bytes", c->size);
	json_field_s(&b, "sha256", hex);
	json_field_u64(&b, "moved", (uint64_t)clock_now_ms());
	buf_puts(&b, "}\n");
	seg_mark_path(w->dir, c->s->org, c->s->series, c->number, path, sizeof path);
	int r = b.failed ? err_set(err, E_NOMEM, "", "no memory") : fs_write(path, buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

/* The name there, and those of the directories that were made for it. */
static int sync_there(const struct writer *w, const struct series *s, struct err *err)
{
	char dir[1024];
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s/%s", w->dir, s->org, s->series);
	int r = fs_sync_dir(dir, err);
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s", w->dir, s->org);
	r = r < 0 ? r : fs_sync_dir(dir, err);
	snprintf(dir, sizeof dir, "%s" SEG_COLD, w->dir);
	return r < 0 ? r : fs_sync_dir(dir, err);
}

static int arrive(struct writer *w, struct cooling *c, struct segment_name *ret, struct err *err)
{
	char dir[1024];
	if (fs_fault() || rename(c->fresh, c->to) < 0)
		return err_errno(err, c->to, "cannot rename");
	close(c->out);
	c->out = -1;
	int r = sync_there(w, c->s, err);
	if (r == 0)
		r = leave_mark(w, c, err);
	if (r == 0 && (fs_fault() || unlink(c->from) < 0))
		r = err_errno(err, c->from, "cannot be removed");
	if (r < 0)
		return r;
	w->stats.cooled++;
	*ret = (struct segment_name){ .segment = c->number };
	memcpy(ret->org, c->s->org, sizeof ret->org);
	memcpy(ret->series, c->s->series, sizeof ret->series);
	c->s->cool_ms = 0;
	snprintf(dir, sizeof dir, "%s/%s/%s", w->dir, c->s->org, c->s->series);
	return fs_sync_dir(dir, err);
}

static int carry(struct writer *w, size_t bytes, struct segment_name *ret, struct err *err)
{
	struct cooling *c = w->cooling;
	int r = 0;
	for (size_t done = 0; r == 0 && done < bytes && c->at < c->size;) {
		size_t n = c->size - c->at < PIECE ? (size_t)(c->size - c->at) : PIECE;
		r = c->comparing ? compare(c, n, err) : copy(c, n, err);
		c->at += n;
		done += n;
	}
	if (r < 0 || c->at < c->size)
		return r;
	if (!c->comparing)
		return begin_comparing(c, err);
	r = arrive(w, c, ret, err);
	writer_cool_not(w, NULL, 0);
	return r;
}

/* The oldest of the series that lies here still: 0 when there is none but the newest. */
static int oldest_hot(struct writer *w, const struct series *s, uint32_t *ret, struct err *err)
{
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n = 0;
	char path[1024];
	*ret = 0;
	snprintf(path, sizeof path, "%s/%s/%s", w->dir, s->org, s->series);
	int r = fs_exists(path) ? seg_numbers(w->dir, s->org, s->series, &numbers, &n, err) : 0;
	for (size_t i = 0; r == 0 && i + 1 < n && !*ret; i++)
		if (fs_exists(seg_path(w->dir, s->org, s->series, numbers[i], path, sizeof path)))
			*ret = numbers[i];
	return r;
}

static int begin_if_due(struct writer *w, struct series *s, int64_t before_ms, struct err *err)
{
	char path[1024];
	struct head h;
	uint32_t number;
	int64_t sealed_ms = 0;
	int r = oldest_hot(w, s, &number, err);
	if (r < 0 || number == 0 || number == s->header.number || number <= s->ended.segment)
		return r;
	if (series_waits_for_signature(s, number)) {
		s->cool_ms = 0; /* in a second it will have it */
		return 0;
	}
	r = seg_end_mark(seg_path(w->dir, s->org, s->series, number, path, sizeof path), &h, &sealed_ms, err);
	if (r < 0 || sealed_ms >= before_ms)
		return r == -E_AGAIN ? 0 : r; /* never sealed: log verify says what happened to it */
	r = other_disk(w, err);
	return r < 0 ? r : begin(w, s, number, err);
}

int writer_cool(struct writer *w, int64_t now_ms, int64_t (*hot_ms)(const char *org, void *user), void *user, size_t bytes,
                struct segment_name *ret_moved, struct err *err)
{
	int64_t mono = clock_mono_ms();
	int r = 0;
	*ret_moved = (struct segment_name){ 0 };
	for (size_t i = 0; i < SERIES_A_CALL && i < w->n_all && r == 0 && !w->cooling; i++) {
		struct series *s = w->cool_next ? w->cool_next : w->all;
		w->cool_next = s->next;
		int64_t hot = mono < s->cool_ms ? 0 : hot_ms(s->org, user);
		if (hot <= 0)
			continue;
		s->cool_ms = mono + LOOK_MS;
		r = begin_if_due(w, s, now_ms - hot, err);
	}
	if (r == 0 && w->cooling)
		r = carry(w, bytes, ret_moved, err);
	if (r < 0)
		writer_cool_not(w, NULL, 0);
	return r;
}
