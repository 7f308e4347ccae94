/* writer_retain(): records go when their time is over, and the log stays a proof without them. Beside seal.c, which signs
 * the ends noted here.
 *
 * First signed, then removed: whoever meets a missing file finds the signature that says why. A crash in between leaves
 * a file whose end is signed; the next look removes it. */
#include "segment/aside.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define LOOK_MS 3600000 /* each series */
#define SERIES_A_CALL 8 /* a nation's bodies are through in four minutes, at a call a second */

/* The end mark of a sealed segment, as a head. -E_AGAIN: it has none. */
int seg_end_mark(const char *path, struct head *ret, int64_t *ret_sealed_ms, struct err *err)
{
	char b[SEGMENT_FOOTER_LEN];
	struct seg_block k;
	struct stat st;
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(path, SEG_OPEN);
	if (fd < 0 || fs_fault() || fstat(fd, &st) < 0)
		return err_errno(err, path, "cannot open");
	if (!S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof b)
		return -E_AGAIN;
	if (pread(fd, b, sizeof b, st.st_size - (off_t)sizeof b) != (ssize_t)sizeof b)
		return err_errno(err, path, "cannot read");
	if (seg_block_parse((struct str){ b, sizeof b }, &k) < 0 || k.part != SEG_FOOTER)
		return -E_AGAIN;
	ret->count = k.first;
	ret->sealed = ret->ended = true;
	memcpy(ret->root, k.root, SEGMENT_HASH);
	memcpy(ret->chain, k.chain, SEGMENT_HASH);
	*ret_sealed_ms = k.time_ms;
	return 0;
}

bool series_waits_for_signature(const struct series *s, uint32_t number)
{
	for (size_t i = 0; i < s->n_done; i++)
		if (s->done[i].segment == number)
			return true;
	return s->changed && s->head.segment == number;
}

/* ---- the jobs: on the cold disk (aside.h) ---- */

/* One that has gone on to a store of objects, or may have, is deleted there by who brings it there: this is the order. Its name may change from the one to the
 * other between two looks, hence three. */
static int leave_to_keeper(const struct aside *a, struct err *err)
{
	char end[1024], going[1024], ended[1024];
	seg_store_path(a->dir, a->org, a->series, a->number, SEG_END, end, sizeof end);
	seg_store_path(a->dir, a->org, a->series, a->number, SEG_GOING, going, sizeof going);
	seg_store_path(a->dir, a->org, a->series, a->number, SEG_ENDED, ended, sizeof ended);
	const char *const names[] = { end, going, end };
	bool left = false;
	for (size_t i = 0; !left && i < ARRAY_LEN(names); i++) {
		if (!fs_exists(names[i]))
			continue;
		left = !fs_fault() && rename(names[i], ended) == 0;
		if (!left && errno != ENOENT)
			return err_errno(err, names[i], "cannot be renamed");
	}
	return left ? fs_sync_parent(ended, err) : 0;
}

int aside_remove(struct aside *a, struct err *err)
{
	char below[64];
	snprintf(below, sizeof below, "/%s/%s", a->org, a->series);
	if (seg_cold_away(a->dir, a->org, a->series, a->number) && !seg_cold_disk(a->dir, below)) /* on a disk that is there it is gone: a crash left the mark alone */
		return err_set(err, E_IO, a->to, "has had its time, and the cold storage it lies in isn't there");
	if (atomic_load(&a->stop)) /* that may have taken hours */
		return err_set(err, E_CLOSED, a->to, "isn't to be removed any more");
	bool gone = !fs_fault() && unlink(a->to) == 0;
	if (!gone && errno != ENOENT && errno != ENOTDIR)
		return err_errno(err, a->to, "cannot remove what has had its time");
	int r = leave_to_keeper(a, err);
	return r == 0 && gone ? fs_sync_parent(a->to, err) : r; /* on that disk too: without its mark nobody would look for one that came back */
}

int aside_end(struct aside *a, struct err *err)
{
	char end[1024];
	const char *path = a->to;
	if (!fs_exists(path) && fs_exists(seg_store_path(a->dir, a->org, a->series, a->number, SEG_END, end, sizeof end)))
		path = end;
	return seg_end_mark(path, &a->head, &a->sealed_ms, err);
}

/* ---- the writer's half ---- */

/* Notes that the segment's time is over; the next checkpoint signs it. r, h: what seg_end_mark() said. */
static int end_if_due(struct writer *w, struct series *s, int r, struct head *h, int64_t sealed_ms, int64_t before_ms)
{
	if (r == -E_AGAIN) {
		w->stats.damaged++; /* not the open one, and never sealed: log verify says what happened to it */
		return 0;
	}
	if (r < 0 || sealed_ms >= before_ms)
		return r;
	memcpy(h->org, s->org, sizeof h->org);
	memcpy(h->series, s->series, sizeof h->series);
	s->ended = *h;
	s->ended_changed = true;
	s->look_ms = 0;
	return 0;
}

/* What a crash leaves is looked for again: the mark that says where the cold one lay goes last. */
static int remove_here(struct writer *w, const struct aside *a, struct err *err)
{
	char mark[1024];
	seg_mark_path(w->dir, a->org, a->series, a->number, mark, sizeof mark);
	const char *const names[] = { a->from, mark };
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		bool gone = !fs_fault() && unlink(names[i]) == 0;
		if (!gone && errno != ENOENT)
			return err_errno(err, names[i], "cannot remove what has had its time");
	}
	return 0;
}

static int removed(struct writer *w, const struct aside *a, struct segment_name *ret, struct err *err)
{
	struct series *s = a->s;
	int r = remove_here(w, a, err);
	if (r < 0)
		return r;
	w->stats.ended++;
	*ret = (struct segment_name){ .segment = a->number, .index = s->ended.segment == a->number ? s->ended.count : 0 };
	memcpy(ret->org, s->org, sizeof ret->org);
	memcpy(ret->series, s->series, sizeof ret->series);
	s->look_ms = 0;
	return fs_sync_parent(a->from, err);
}

static int came_of(struct writer *w, struct aside *a, int64_t before_ms, struct segment_name *ret, struct err *err)
{
	if (a->res < 0 && err)
		*err = a->err;
	a->head.segment = a->number;
	if (a->kind == ASIDE_END)
		return end_if_due(w, a->s, a->res, &a->head, a->sealed_ms, before_ms);
	return a->res < 0 ? a->res : removed(w, a, ret, err);
}

/* A job may be under way for hours: whether its series' time is over is asked again, since it may be held by now. */
static int finish(struct writer *w, int64_t now_ms, int64_t (*keep_ms)(const char *org, const char *series, void *user), void *user,
                  struct segment_name *ret, struct err *err)
{
	struct aside *a = w->job;
	if (!a || a->kind == ASIDE_COOL)
		return 0;
	int64_t keep = keep_ms(a->org, a->series, user);
	if (keep <= 0)
		atomic_store(&a->stop, true);
	if (!aside_take(w, ASIDE_END, ASIDE_REMOVE))
		return 0;
	int r = 0;
	if (atomic_load(&a->stop))
		a->s->look_ms = 0;
	else
		r = came_of(w, a, now_ms - keep, ret, err);
	mem_free(a);
	return r;
}

/* The cold disk's turn, once what is under way there is through: one that is just being moved there needn't arrive. */
static int ask(struct writer *w, enum aside_kind kind, struct series *s, uint32_t number, struct err *err)
{
	if (!w->job)
		return aside_post(w, kind, s, number, err);
	if (kind == ASIDE_REMOVE && w->job->kind == ASIDE_COOL && w->job->s == s && w->job->number == number)
		atomic_store(&w->job->stop, true);
	s->look_ms = 0;
	return 0;
}

static int look_at(struct writer *w, struct series *s, int64_t before_ms, struct err *err)
{
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n = 0;
	char path[1024];
	struct head h = { 0 };
	int64_t sealed_ms = 0;
	snprintf(path, sizeof path, "%s/%s/%s", w->dir, s->org, s->series);
	int r = fs_exists(path) ? seg_numbers(w->dir, s->org, s->series, &numbers, &n, err) : 0;
	if (r < 0 || n == 0 || numbers[0] == s->header.number)
		return r;
	if (numbers[0] <= s->ended.segment)
		return ask(w, ASIDE_REMOVE, s, numbers[0], err);
	if (series_waits_for_signature(s, numbers[0])) {
		s->look_ms = 0; /* in a second it will have it */
		return 0;
	}
	if (!fs_exists(seg_path(w->dir, s->org, s->series, numbers[0], path, sizeof path)))
		return ask(w, ASIDE_END, s, numbers[0], err);
	h.segment = numbers[0];
	r = seg_end_mark(path, &h, &sealed_ms, err);
	return end_if_due(w, s, r, &h, sealed_ms, before_ms);
}

void writer_look_again(struct writer *w)
{
	for (struct series *s = w->all; s; s = s->next)
		s->look_ms = s->cool_ms = 0;
}

int writer_retain(struct writer *w, int64_t now_ms, int64_t (*keep_ms)(const char *org, const char *series, void *user), void *user,
                  struct segment_name *ret_removed, struct err *err)
{
	int64_t mono = clock_mono_ms();
	*ret_removed = (struct segment_name){ 0 };
	int r = finish(w, now_ms, keep_ms, user, ret_removed, err);
	for (size_t i = 0; i < SERIES_A_CALL && i < w->n_all && r == 0 && !ret_removed->segment; i++) {
		struct series *s = w->retain_next ? w->retain_next : w->all;
		w->retain_next = s->next;
		if (mono < s->look_ms || s->ended_changed)
			continue;
		s->look_ms = mono + LOOK_MS;
		int64_t keep = keep_ms(s->org, s->series, user);
		if (keep > 0)
			r = look_at(w, s, now_ms - keep, err);
		r = r < 0 ? r : finish(w, now_ms, keep_ms, user, ret_removed, err);
	}
	return r;
}
