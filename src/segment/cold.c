/* writer_cool(): sealed segments go to another disk, one at a time, beside the writer's loop (aside.h). Beside retain.c, whose
 * ends it must not cross.
 *
 * Nothing is removed that wasn't read back from the other disk and found the same. A crash anywhere leaves the segment where it was, or in both
 * places; then it is moved once more. */
#include "segment/aside.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_MS 3600000
#define SERIES_A_CALL 8

/* ---- the job: on the other disk, and of the writer it knows nothing ---- */

static int other_disk(const struct aside *a, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s" SEG_COLD, a->dir);
	return seg_cold_disk(a->dir, "") ? 0 : err_set(err, E_STATE, path, "no other disk is mounted there: nothing goes to cold storage");
}

/* What we make there coldd may write to, which is of the directory's group and has no other right to it. One that it made itself is open to us. */
static void share(const char *dir)
{
	struct stat st;
	if (stat(dir, &st) == 0 && !(st.st_mode & S_IWGRP) && st.st_uid == geteuid())
		chmod(dir, (st.st_mode & 07777) | S_IWGRP);
}

static int make_dirs(const struct aside *a, struct err *err)
{
	char dir[1024];
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s/%s", a->dir, a->org, a->series);
	int r = fs_mkdirs(dir, 0755, err);
	if (r < 0)
		return r;
	share(dir);
	*strrchr(dir, '/') = 0;
	share(dir);
	return 0;
}

static int begin(struct aside *a, struct err *err)
{
	struct stat st, there;
	int r = other_disk(a, err);
	r = r < 0 ? r : sha_open(&a->hash) < 0 ? err_set(err, E_NOMEM, "", "no memory") : make_dirs(a, err);
	if (r < 0)
		return r;
	a->in = fs_fault() ? -1 : open(a->from, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (a->in < 0 || fs_fault() || fstat(a->in, &st) < 0)
		return err_errno(err, a->from, "cannot open");
	a->size = (uint64_t)st.st_size;
	unlink(a->fresh); /* a crash's */
	a->out = fs_fault() ? -1 : open(a->fresh, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (a->out < 0 || fs_fault() || fstat(a->out, &there) < 0)
		return err_errno(err, a->fresh, "cannot create");
	/* A link on that disk may lead back: then the name it gets would be the very file that is removed for it. */
	return there.st_dev == st.st_dev ? err_set(err, E_STATE, a->to, "leads back to the disk that it comes from") : 0;
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
static int sync_copy(struct aside *a, struct err *err)
{
	if (fs_fault() || fdatasync(a->out) < 0)
		return err_errno(err, a->fresh, "cannot sync");
	posix_fadvise(a->out, 0, 0, POSIX_FADV_DONTNEED);
	return 0;
}

static int copy(struct aside *a, size_t n, uint64_t at, struct err *err)
{
	int r = read_piece(a->in, a->from, a->piece[0], n, at, err);
	if (r == 0 && seg_write_at(a->out, a->piece[0], n, at) < 0)
		r = err_errno(err, a->fresh, "cannot write");
	sync_file_range(a->out, (off_t)at, (off_t)n, SYNC_FILE_RANGE_WRITE); /* so that the sync at its end is short */
	return r;
}

static int compare(struct aside *a, size_t n, uint64_t at, struct err *err)
{
	int r = read_piece(a->in, a->from, a->piece[0], n, at, err);
	if (r == 0)
		r = read_piece(a->out, a->fresh, a->piece[1], n, at, err);
	if (r == 0 && memcmp(a->piece[0], a->piece[1], n) != 0)
		r = err_set(err, E_CORRUPT, a->fresh, "what was read back isn't what was written: the disk is not to be trusted");
	sha_add(&a->hash, a->piece[1], n);
	return r;
}

/* Beside the intake, which has the disk first. */
static int through(struct aside *a, int (*piece)(struct aside *, size_t, uint64_t, struct err *), struct err *err)
{
	int r = 0;
	for (uint64_t at = 0; r == 0 && at < a->size;) {
		size_t n = a->size - at < ASIDE_PIECE ? (size_t)(a->size - at) : ASIDE_PIECE;
		if (atomic_load(&a->stop))
			return err_set(err, E_CLOSED, a->from, "isn't to be moved any more");
		r = piece(a, n, at, err);
		at += n;
		atomic_store(&a->moved_ms, clock_mono_ms());
		if (a->rate)
			poll(NULL, 0, (int)(n * 1000 / a->rate));
	}
	return r;
}

/* The name there, and those of the directories that were made for it. */
static int sync_there(const struct aside *a, struct err *err)
{
	char dir[1024];
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s/%s", a->dir, a->org, a->series);
	int r = fs_sync_dir(dir, err);
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s", a->dir, a->org);
	r = r < 0 ? r : fs_sync_dir(dir, err);
	snprintf(dir, sizeof dir, "%s" SEG_COLD, a->dir);
	return r < 0 ? r : fs_sync_dir(dir, err);
}

static int carry(struct aside *a, struct err *err)
{
	int r = begin(a, err);
	r = r < 0 ? r : through(a, copy, err);
	r = r < 0 ? r : sync_copy(a, err);
	if (r < 0)
		return r;
	sha_begin(&a->hash);
	r = through(a, compare, err);
	if (r < 0)
		return r;
	sha_end(&a->hash, a->sha);
	if (fs_fault() || rename(a->fresh, a->to) < 0)
		return err_errno(err, a->to, "cannot rename");
	close(a->out);
	a->out = -1;
	return sync_there(a, err);
}

int aside_cool(struct aside *a, struct err *err)
{
	int r = carry(a, err);
	if (a->in >= 0)
		close(a->in);
	if (a->out >= 0) {
		close(a->out);
		unlink(a->fresh);
	}
	sha_close(&a->hash);
	return r;
}

/* ---- the writer's half ---- */

/* {"v":1,"where":"disk","bytes":N,"sha256":HEX,"moved":MS} */
static int leave_mark(struct writer *w, const struct aside *a, struct err *err)
{
	char hex[2 * SEGMENT_HASH + 1], path[1024];
	struct buf b;
	hex_format(a->sha, sizeof a->sha, hex);
	buf_init(&b, 4 * KIB);
	buf_puts(&b, "{\"v\":1,\"where\":\"disk\"");
	json_field_u64(&b, "bytes", a->size);
	json_field_s(&b, "sha256", hex);
	json_field_u64(&b, "moved", (uint64_t)clock_now_ms());
	buf_puts(&b, "}\n");
	seg_mark_path(w->dir, a->org, a->series, a->number, path, sizeof path);
	int r = b.failed ? err_set(err, E_NOMEM, "", "no memory") : fs_write(path, buf_view(&b), 0644, err);
	buf_done(&b);
	return r;
}

/* It has arrived: its mark is left here, and itself no more. */
static int arrive(struct writer *w, const struct aside *a, struct segment_name *ret, struct err *err)
{
	char dir[1024];
	int r = leave_mark(w, a, err);
	if (r == 0 && (fs_fault() || unlink(a->from) < 0))
		r = err_errno(err, a->from, "cannot be removed");
	if (r < 0)
		return r;
	w->stats.cooled++;
	*ret = (struct segment_name){ .segment = a->number };
	memcpy(ret->org, a->org, sizeof ret->org);
	memcpy(ret->series, a->series, sizeof ret->series);
	a->s->cool_ms = 0;
	snprintf(dir, sizeof dir, "%s/%s/%s", w->dir, a->org, a->series);
	return fs_sync_dir(dir, err);
}

static int finish(struct writer *w, struct segment_name *ret, struct err *err)
{
	struct aside *a = aside_take(w, ASIDE_COOL, ASIDE_COOL);
	int r = 0;
	if (!a)
		return 0;
	if (a->res < 0 && err)
		*err = a->err;
	if (!atomic_load(&a->stop))
		r = a->res < 0 ? a->res : arrive(w, a, ret, err);
	mem_free(a);
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
	return aside_post(w, ASIDE_COOL, s, number, err);
}

int writer_cool(struct writer *w, int64_t now_ms, int64_t (*hot_ms)(const char *org, void *user), void *user, struct segment_name *ret_moved, struct err *err)
{
	int64_t mono = clock_mono_ms();
	*ret_moved = (struct segment_name){ 0 };
	int r = finish(w, ret_moved, err);
	for (size_t i = 0; i < SERIES_A_CALL && i < w->n_all && r == 0 && !w->job && !ret_moved->segment; i++) {
		struct series *s = w->cool_next ? w->cool_next : w->all;
		w->cool_next = s->next;
		int64_t hot = mono < s->cool_ms ? 0 : hot_ms(s->org, user);
		if (hot <= 0)
			continue;
		s->cool_ms = mono + LOOK_MS;
		r = begin_if_due(w, s, now_ms - hot, err);
	}
	return r < 0 || ret_moved->segment ? r : finish(w, ret_moved, err);
}
