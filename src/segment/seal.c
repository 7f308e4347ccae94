/* writer_checkpoint(): one signature over all heads that moved since the last. Beside writer.c because it is the
 * only part that talks to the vault's signing key and the only one that reads no record. */
#include "segment/writer.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/series.h"

#include <fcntl.h>
#include <stdio.h>

#define FILE_BYTES (64ull * MIB) /* a checkpoint file is put aside at this size */

static int collect(struct writer *w, struct checkpoint *c)
{
	size_t n = 0;
	for (struct series *s = w->all; s; s = s->next)
		n += s->n_done + s->changed + s->ended_changed;
	c->heads = mem_array(n, sizeof *c->heads);
	if (!c->heads)
		return -E_NOMEM;
	for (struct series *s = w->all; s; s = s->next) {
		for (size_t i = 0; i < s->n_done; i++)
			c->heads[c->n_heads++] = s->done[i];
		if (s->changed)
			c->heads[c->n_heads++] = s->head;
	}
	for (struct series *s = w->all; s && c->n_heads < CHECKPOINT_HEADS_MAX; s = s->next)
		if (s->ended_changed)
			c->heads[c->n_heads++] = s->ended;
	c->n = c->n_heads;
	return 0;
}

static int sign(struct writer *w, struct checkpoint *c, struct err *err)
{
	struct buf body;
	int64_t now = clock_now_ms();
	c->number = w->next_number;
	c->time_ms = now > w->last_ms ? now : w->last_ms;
	memcpy(c->prev, w->prev, SEGMENT_HASH);
	checkpoint_root(c, &w->sha, c->root);
	buf_init(&body, 1024);
	checkpoint_body(c, &body);
	int r = body.failed ? err_set(err, E_NOMEM, "", "no memory")
	                    : w->o.seal(buf_view(&body), c->sig, c->key, w->o.user, err);
	buf_done(&body);
	return r;
}

static int open_file(struct writer *w, struct err *err)
{
	char path[1024];
	if (w->check_fd >= 0)
		return 0;
	snprintf(path, sizeof path, "%s/checkpoints", w->dir);
	w->check_fd = fs_fault() ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (w->check_fd < 0)
		return err_errno(err, path, "cannot open");
	int r = fs_sync_dir(w->dir, err);
	if (r < 0) {
		close(w->check_fd);
		w->check_fd = -1;
	}
	return r;
}

static int write_line(struct writer *w, const struct buf *line, struct err *err)
{
	if (line->failed)
		return err_set(err, (enum err_code)-line->failed, "checkpoints", "the checkpoint is too large");
	int r = open_file(w, err);
	if (r < 0)
		return r;
	if (w->check_suspect && (fs_fault() || ftruncate(w->check_fd, (off_t)w->check_synced) < 0))
		return err_errno(err, "checkpoints", "cannot cut back a failed write");
	w->check_suspect = true;
	if (seg_write_at(w->check_fd, line->ptr, line->len, w->check_synced) < 0)
		return err_errno(err, "checkpoints", "cannot write");
	if (fs_fault() || fdatasync(w->check_fd) < 0)
		return err_errno(err, "checkpoints", "cannot sync");
	w->check_suspect = false;
	w->check_synced += line->len;
	return 0;
}

/* Puts the full file aside under the number of its first checkpoint; the next checkpoint then holds all heads. */
static void put_aside(struct writer *w)
{
	char from[1024], to[1024];
	snprintf(from, sizeof from, "%s/checkpoints", w->dir);
	snprintf(to, sizeof to, "%s/checkpoints.%012llu", w->dir, (unsigned long long)w->check_first);
	if (fs_fault() || rename(from, to) < 0)
		return; /* it goes on growing; tried again at the next checkpoint */
	close(w->check_fd);
	w->check_fd = -1;
	w->check_synced = 0;
	w->check_first = w->next_number;
	for (struct series *s = w->all; s; s = s->next) {
		s->changed = s->changed || s->head.segment > 0;
		s->ended_changed = s->ended_changed || s->ended.segment > 0;
	}
}

static void accept(struct writer *w, const struct checkpoint *c)
{
	checkpoint_hash(c, &w->sha, w->prev);
	w->last_ms = c->time_ms;
	w->next_number++;
	w->stats.checkpoints++;
	for (struct series *s = w->all; s; s = s->next) {
		s->n_done = 0;
		s->changed = false;
	}
	for (size_t i = 0; i < c->n_heads; i++) {
		struct series *s;
		if (c->heads[i].ended && series_get(w, c->heads[i].org, c->heads[i].series, &s, NULL) == 0)
			s->ended_changed = false;
	}
	if (w->check_synced >= FILE_BYTES)
		put_aside(w);
}

static int make(struct writer *w, struct err *err)
{
	struct checkpoint c = { 0 };
	struct buf line;
	buf_init(&line, CHECKPOINT_LINE_MAX);
	int r = collect(w, &c);
	if (r < 0)
		err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		r = sign(w, &c, err);
	if (r == 0) {
		checkpoint_format(&c, &line);
		r = write_line(w, &line, err);
	}
	if (r == 0)
		accept(w, &c);
	else
		w->stats.failed_checkpoints++;
	buf_done(&line);
	checkpoint_done(&c);
	return r;
}

int writer_checkpoint(struct writer *w, bool even_if_idle, struct err *err)
{
	int r = writer_commit(w, err);
	int rotated = writer_rotate(w, false, r < 0 ? NULL : err);
	r = r < 0 ? r : rotated;
	bool any = even_if_idle;
	for (struct series *s = w->all; s && !any; s = s->next)
		any = s->changed || s->n_done || s->ended_changed;
	if (!any)
		return r;
	/* also after a failed commit: what others committed is to be signed */
	int made = make(w, r < 0 ? NULL : err);
	return r < 0 ? r : made;
}
