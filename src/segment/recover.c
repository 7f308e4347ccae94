/* writer_open()'s second half: where did every series stop? Answers from the files and the last checkpoint, and cuts
 * off only what nobody was ever told to be safe and no signature covers. */
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

static bool later(const struct head *a, const struct head *b)
{
	if (a->segment != b->segment)
		return a->segment > b->segment;
	return a->count > b->count || (a->count == b->count && a->sealed && !b->sealed);
}

static int note_checkpoint(struct str line, const char *file, uint64_t line_number, void *user)
{
	struct writer *w = user;
	struct checkpoint c;
	(void)file;
	(void)line_number;
	int r = checkpoint_parse(line, &c);
	if (r == -E_NOMEM)
		return r;
	if (r < 0) {
		w->stats.damaged++; /* verify names the line */
		return 0;
	}
	if (w->check_first == 0)
		w->check_first = c.number;
	w->next_number = c.number + 1;
	w->last_ms = c.time_ms;
	checkpoint_hash(&c, &w->sha, w->prev);
	for (size_t i = 0; i < c.n_heads && r == 0; i++) {
		struct series *s;
		r = series_get(w, c.heads[i].org, c.heads[i].series, &s, NULL);
		if (r == 0 && c.heads[i].ended && c.heads[i].segment > s->ended.segment)
			s->ended = c.heads[i];
		if (r == 0 && later(&c.heads[i], &s->head))
			s->head = c.heads[i];
	}
	checkpoint_done(&c);
	return r;
}

static int recover_checkpoints(struct writer *w, struct err *err)
{
	struct checkpoint_file f;
	int r = checkpoint_each(w->dir, true, note_checkpoint, w, &f, err);
	if (r == 0 && w->next_number == 0)
		r = checkpoint_each(w->dir, false, note_checkpoint, w, &f, err); /* the current one was just put aside */
	if (r < 0)
		return r == -E_NOMEM ? err_set(err, E_NOMEM, "", "no memory") : r;
	w->check_synced = f.whole_bytes;
	w->check_suspect = f.torn_bytes > 0; /* cut at the next write */
	if (w->next_number == 0)
		w->next_number = 1;
	if (w->check_first == 0 || f.whole_bytes == 0)
		w->check_first = w->next_number;
	return 0;
}

static int note_series(const char *org, const char *series, void *user)
{
	struct series *s;
	return series_get(user, org, series, &s, NULL);
}

static void go_on(struct series *s, const struct head *signed_head, uint32_t last_number)
{
	s->header.number = 0;
	s->last_number = last_number > signed_head->segment ? last_number : signed_head->segment;
	memcpy(s->prev_root, signed_head->root, SEGMENT_HASH);
	s->prev_count = signed_head->count;
	s->head = *signed_head;
	s->head.ended = false;
}

/* The series goes on behind what was signed; the files stay as they are for log verify. */
static void go_on_behind(struct writer *w, struct series *s, const struct head *signed_head, uint32_t last_number)
{
	w->stats.damaged++;
	go_on(s, signed_head, last_number);
}

/* Takes in every whole block. True when the file holds all that was signed of it. */
static int scan(struct writer *w, struct series *s, struct seg_file *f, const struct head *signed_head, bool *ret_true)
{
	struct seg_block k;
	bool covered = signed_head->segment != f->header.number, root_ok = true;
	int r;
	for (;;) {
		if (!covered && f->next == signed_head->count && f->sealed == signed_head->sealed) {
			unsigned char root[SEGMENT_HASH];
			merkle_root(&s->tree, &w->sha, root);
			covered = memcmp(root, signed_head->root, SEGMENT_HASH) == 0 &&
			          memcmp(f->chain, signed_head->chain, SEGMENT_HASH) == 0;
		}
		r = seg_file_next(f, &w->sha, &k, NULL);
		if (r < 0)
			break;
		for (uint32_t i = 0; i < k.count; i++)
			merkle_add(&s->tree, &w->sha, k.leaves + (size_t)i * SEGMENT_HASH);
		if (k.part == SEG_FOOTER) {
			unsigned char root[SEGMENT_HASH];
			merkle_root(&s->tree, &w->sha, root);
			root_ok = memcmp(root, k.root, SEGMENT_HASH) == 0;
		}
	}
	*ret_true = covered && root_ok;
	return r == -E_AGAIN || r == -E_CORRUPT ? 0 : r;
}

static int open_tail(struct writer *w, struct series *s, const char *path, const struct seg_file *f, struct err *err)
{
	struct stat st;
	s->fd = fs_fault() ? -1 : open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (s->fd < 0 || fs_fault() || fstat(s->fd, &st) < 0)
		return err_errno(err, path, "cannot open");
	if ((uint64_t)st.st_size > f->offset) {
		if (fs_fault() || ftruncate(s->fd, (off_t)f->offset) < 0)
			return err_errno(err, path, "cannot cut off a torn block");
		w->stats.torn_bytes += (uint64_t)st.st_size - f->offset;
	}
	/* what a process killed before its sync had written is not yet on disk; from here on it counts */
	if (fs_fault() || fdatasync(s->fd) < 0)
		return err_errno(err, path, "cannot sync");
	int64_t age = clock_now_ms() - f->header.created_ms;
	s->header = f->header;
	s->begun_ms = clock_mono_ms() - (age < 0 ? 0 : age < w->o.rotate_ms ? age : w->o.rotate_ms);
	s->synced = f->offset;
	s->dir_dirty = true; /* whether its name was synced isn't known */
	memcpy(s->chain, f->chain, SEGMENT_HASH);
	series_note_head(s, &w->sha);
	return 0;
}

static void sealed_already(struct writer *w, struct series *s, const struct seg_file *f)
{
	s->header.number = f->header.number;
	memcpy(s->chain, f->chain, SEGMENT_HASH);
	s->sealing = true;
	series_note_head(s, &w->sha);
	s->sealing = false;
	s->header.number = 0;
	s->last_number = f->header.number;
	memcpy(s->prev_root, s->head.root, SEGMENT_HASH);
	s->prev_count = s->head.count;
	s->tree.n = 0;
}

static int recover_file(struct writer *w, struct series *s, const struct head *signed_head, const char *path,
                        struct seg_file *f, struct err *err)
{
	bool whole;
	int r = scan(w, s, f, signed_head, &whole);
	if (r < 0)
		return err_set(err, (enum err_code)-r, path, "cannot read");
	if (!whole) {
		go_on_behind(w, s, signed_head, f->header.number);
		s->tree.n = 0;
		return 0;
	}
	if (f->sealed) {
		sealed_already(w, s, f);
		return 0;
	}
	memcpy(s->prev_root, f->header.prev_root, SEGMENT_HASH);
	s->prev_count = f->header.prev_count;
	return open_tail(w, s, path, f, err);
}

/* A file so short that not even its header was written out: it never held anything. */
static bool remove_unborn(struct writer *w, const char *path)
{
	struct stat st;
	if (lstat(path, &st) < 0 || st.st_size >= SEGMENT_HEADER_MAX || unlink(path) < 0)
		return false;
	w->stats.torn_bytes += (uint64_t)st.st_size;
	return true;
}

static int recover_series(struct writer *w, struct series *s, struct err *err)
{
	struct head signed_head = s->head;
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n = 0;
	char path[1024];
	snprintf(path, sizeof path, "%s/%s/%s", w->dir, s->org, s->series);
	int r = fs_exists(path) ? seg_numbers(w->dir, s->org, s->series, &numbers, &n, err) : 0;
	if (r < 0)
		return r;
	while (n > 0) {
		struct seg_file f;
		uint32_t number = numbers[n - 1];
		if (number < signed_head.segment)
			break; /* what was signed is gone */
		seg_path(w->dir, s->org, s->series, number, path, sizeof path);
		r = seg_file_open(path, &w->sha, &f, err);
		if (r == 0 && f.header.number == number && strcmp(f.header.org, s->org) == 0 &&
		    strcmp(f.header.series, s->series) == 0) {
			r = recover_file(w, s, &signed_head, path, &f, err);
			seg_file_close(&f);
			return r;
		}
		if (r == 0)
			seg_file_close(&f);
		if (r == -E_IO || r == -E_NOMEM)
			return r;
		if (number == signed_head.segment || !remove_unborn(w, path)) {
			go_on_behind(w, s, &signed_head, number);
			return 0;
		}
		n--;
	}
	if (signed_head.segment && s->ended.segment == signed_head.segment)
		go_on(s, &signed_head, 0); /* the last one too has had its time */
	else if (signed_head.segment)
		go_on_behind(w, s, &signed_head, 0);
	return 0;
}

int writer_recover(struct writer *w, struct err *err)
{
	int r = recover_checkpoints(w, err);
	if (r == 0)
		r = seg_each_series(w->dir, note_series, w, err);
	for (struct series *s = w->all; s && r == 0; s = s->next) {
		r = recover_series(w, s, err);
		s->changed = s->head.segment > 0; /* the first checkpoint holds all heads */
		s->ended_changed = s->ended.segment > 0;
	}
	return r < 0 && err && err->code == 0 ? err_set(err, (enum err_code)-r, w->dir, "cannot recover the segments") : r;
}
