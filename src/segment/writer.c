/* Appends: where every event becomes permanent. intaked stands above it; nothing stands below but the disk.
 *
 * Memory first, one write and one sync a commit. What is in `out` is final (numbered, hashed, encrypted), so a failed
 * write is repeated with the very same bytes at the very same place, and a failed fdatasync too: after one the kernel
 * may drop the dirty pages and call the next sync a success, so the bytes are written again. */
#include "segment/writer.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"
#include "segment/aside.h"
#include "segment/series.h"

#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/file.h>

/* Room for the largest block is always kept in out, so that closing a block at commit can't fail for want of it. */
#define OUT_MAX (64u * MIB)

static void series_free(struct series *s)
{
	if (s->fd >= 0)
		close(s->fd);
	seg_cipher_close(&s->cipher);
	buf_done(&s->out);
	if (s->plain.ptr)
		OPENSSL_cleanse(s->plain.ptr, s->plain.cap);
	buf_done(&s->plain);
	buf_done(&s->leaves);
	mem_free(s);
}

int series_get(struct writer *w, const char *org, const char *name, struct series **ret, struct err *err)
{
	char key[32];
	*ret = w->last;
	if (*ret && strcmp((*ret)->org, org) == 0 && strcmp((*ret)->series, name) == 0)
		return 0;
	snprintf(key, sizeof key, "%.7s/%.15s", org, name);
	*ret = w->last = map_get(&w->by_name, str_from(key));
	if (*ret)
		return 0;
	if (!segment_org_ok(org) || !segment_series_ok(name))
		return err_set(err, E_INVALID, org, "not an organisation and series");
	struct series *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->fd = -1;
	snprintf(s->org, sizeof s->org, "%s", org);
	snprintf(s->series, sizeof s->series, "%s", name);
	buf_init(&s->out, OUT_MAX);
	buf_init(&s->plain, SEGMENT_BLOCK + SEGMENT_RECORD_MAX + SEGMENT_RECORD_HEAD);
	buf_init(&s->leaves, SEGMENT_BLOCK / SEGMENT_RECORD_HEAD * SEGMENT_HASH + SEGMENT_HASH);
	int r = map_put(&w->by_name, str_from(key), s);
	if (r < 0) {
		series_free(s);
		return err_set(err, (enum err_code)-r, key, "no room for another series");
	}
	s->next = w->all;
	w->all = s;
	w->n_all++;
	*ret = s;
	return 0;
}

static int lock_dir(struct writer *w, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/lock", w->dir);
	w->lock_fd = fs_fault() ? -1 : open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (w->lock_fd < 0)
		return err_errno(err, path, "cannot open");
	if (flock(w->lock_fd, LOCK_EX | LOCK_NB) < 0)
		return err_set(err, E_STATE, path, "another process writes here");
	return 0;
}

int writer_open(const struct writer_opts *o, struct writer **ret, struct err *err)
{
	struct writer *w = mem_alloc(sizeof *w);
	if (!w)
		return err_set(err, E_NOMEM, "", "no memory");
	w->o = *o;
	w->lock_fd = w->check_fd = -1;
	w->o.rotate_bytes = o->rotate_bytes ? o->rotate_bytes : 64 * MIB;
	w->o.rotate_ms = o->rotate_ms ? o->rotate_ms : 24 * 3600 * 1000LL;
	w->o.pending_max = o->pending_max ? o->pending_max : 32 * MIB;
	map_init(&w->by_name, WRITER_SERIES_MAX);
	w->dir = mem_strdup(o->dir);
	int r = w->dir ? sha_open(&w->sha) : -E_NOMEM;
	if (r < 0)
		err_set(err, E_NOMEM, "", "no memory");
	if (r == 0)
		r = fs_mkdirs(w->dir, 0755, err);
	if (r == 0)
		r = lock_dir(w, err);
	if (r == 0)
		r = writer_recover(w, err);
	if (r < 0) {
		writer_close(&w);
		return r;
	}
	*ret = w;
	return 0;
}

void writer_close(struct writer **wp)
{
	struct writer *w = *wp;
	if (!w)
		return;
	aside_leave(w);
	for (struct series *s = w->all, *next; s; s = next) {
		next = s->next;
		series_free(s);
	}
	map_done(&w->by_name);
	sha_close(&w->sha);
	if (w->lock_fd >= 0)
		close(w->lock_fd);
	if (w->check_fd >= 0)
		close(w->check_fd);
	mem_free(w->dir);
	mem_free(w);
	*wp = NULL;
}

/* ---- append ---- */

/* The key and the cipher; for a new segment its header too, which waits in out like everything else. */
static int segment_begin(struct writer *w, struct series *s, struct err *err)
{
	unsigned char key[SEGMENT_KEY], commitment[SEGMENT_HASH];
	bool fresh = s->header.number == 0;
	uint32_t number = fresh ? s->last_number + 1 : s->header.number;
	int r = w->o.key(s->org, s->series, number, key, w->o.user, err);
	if (r < 0)
		return r;
	seg_commitment(&w->sha, key, commitment);
	if (!fresh && memcmp(commitment, s->header.commitment, SEGMENT_HASH) != 0)
		r = err_set(err, E_CORRUPT, s->org, "the vault's key isn't the one segment %06u was begun with", number);
	else if (seg_cipher_open(&s->cipher, key, true) < 0)
		r = err_set(err, E_NOMEM, "", "no memory");
	OPENSSL_cleanse(key, sizeof key);
	if (r < 0 || !fresh)
		return r;
	struct seg_header h = { .number = number, .prev_count = s->prev_count, .created_ms = clock_now_ms() };
	snprintf(h.org, sizeof h.org, "%s", s->org);
	snprintf(h.series, sizeof h.series, "%s", s->series);
	memcpy(h.prev_root, s->prev_root, SEGMENT_HASH);
	memcpy(h.commitment, commitment, SEGMENT_HASH);
	if (!buf_room(&s->out, SEGMENT_HEADER_MAX)) {
		s->out.failed = 0;
		seg_cipher_close(&s->cipher);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	seg_header_format(&s->out, &w->sha, &h);
	w->pending += h.len;
	s->header = h;
	s->begun_ms = clock_mono_ms();
	s->tree.n = 0;
	s->synced = 0;
	memcpy(s->chain, h.hash, SEGMENT_HASH);
	return 0;
}

static int block_close(struct writer *w, struct series *s)
{
	if (s->count == 0)
		return 0;
	size_t before = s->out.len;
	int r = seg_block_seal(&s->cipher, &w->sha, &s->header, s->tree.n - s->count, s->count, clock_now_ms(),
	                       buf_view(&s->leaves), buf_view(&s->plain), s->chain, &s->out);
	if (r < 0) {
		s->out.failed = 0;
		return r;
	}
	w->pending += s->out.len - before - s->plain.len;
	s->count = 0;
	buf_reset(&s->plain);
	buf_reset(&s->leaves);
	return 0;
}

/* All memory the record needs, so that nothing has to be taken back afterwards. */
static bool reserve(struct series *s, size_t n)
{
	bool ok = buf_room(&s->plain, n) && buf_room(&s->leaves, SEGMENT_HASH);
	s->plain.failed = s->leaves.failed = 0;
	return ok;
}

static void draw_salt(struct writer *w, unsigned char salt[SEGMENT_SALT])
{
	if (w->salts_left < SEGMENT_SALT) {
		rnd_bytes(w->salts, sizeof w->salts);
		w->salts_left = sizeof w->salts;
	}
	w->salts_left -= SEGMENT_SALT;
	memcpy(salt, w->salts + w->salts_left, SEGMENT_SALT);
	memset(w->salts + w->salts_left, 0, SEGMENT_SALT);
}

static void take(struct writer *w, struct series *s, struct str data)
{
	unsigned char salt[SEGMENT_SALT], leaf[SEGMENT_HASH];
	size_t n = data.len, start = s->plain.len;
	unsigned char len[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16), (unsigned char)(n >> 8), (unsigned char)n };
	draw_salt(w, salt);
	buf_put(&s->plain, len, 4);
	buf_putc(&s->plain, 0);
	buf_put(&s->plain, salt, sizeof salt);
	buf_str(&s->plain, data);
	/* the 0 in the record is RFC 6962's leaf prefix: what is hashed lies in one piece */
	sha_begin(&w->sha);
	sha_add(&w->sha, s->plain.ptr + start + 4, 1 + SEGMENT_SALT + n);
	sha_end(&w->sha, leaf);
	buf_put(&s->leaves, leaf, sizeof leaf);
	merkle_add(&s->tree, &w->sha, leaf);
	s->count++;
	w->pending += SEGMENT_RECORD_HEAD + n;
	w->stats.records++;
	w->stats.bytes += n;
}

int writer_append(struct writer *w, const char *org, const char *series, struct str data, struct segment_name *ret_name,
                  struct err *err)
{
	struct series *s;
	if (data.len > SEGMENT_RECORD_MAX)
		return err_set(err, E_LIMIT, org, "a record of %zu bytes is too large", data.len);
	if (w->pending + data.len > w->o.pending_max)
		return err_set(err, E_LIMIT, w->dir, "%zu bytes wait to be written", w->pending);
	int r = series_get(w, org, series, &s, err);
	if (r < 0)
		return r;
	if (s->sealing)
		return err_set(err, E_LIMIT, org, "the segment's end waits to be written");
	if (!s->cipher.ctx)
		r = segment_begin(w, s, err);
	if (r == 0 && s->plain.len && s->plain.len + SEGMENT_RECORD_HEAD + data.len > SEGMENT_BLOCK)
		r = block_close(w, s) < 0 ? err_set(err, E_NOMEM, "", "no memory") : 0;
	if (r == 0 && !reserve(s, SEGMENT_RECORD_HEAD + data.len))
		r = err_set(err, E_NOMEM, "", "no memory");
	if (r < 0)
		return r;
	if (ret_name) {
		*ret_name = (struct segment_name){ .segment = s->header.number, .index = s->tree.n };
		snprintf(ret_name->org, sizeof ret_name->org, "%s", s->org);
		snprintf(ret_name->series, sizeof ret_name->series, "%s", s->series);
	}
	take(w, s, data);
	return 0;
}

size_t writer_pending(const struct writer *w)
{
	return w->pending;
}

/* ---- commit ---- */

static int create_file(struct writer *w, struct series *s, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s/%s", w->dir, s->org, s->series);
	int r = fs_mkdirs(path, 0755, err);
	if (r < 0)
		return r;
	seg_path(w->dir, s->org, s->series, s->header.number, path, sizeof path);
	s->fd = fs_fault() ? -1 : open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (s->fd < 0)
		return err_errno(err, path, "cannot create");
	s->dir_dirty = true;
	return 0;
}

int seg_write_at(int fd, const char *p, size_t n, uint64_t offset)
{
	while (n) {
		ssize_t k = fs_fault() ? -1 : pwrite(fd, p, n, (off_t)offset);
		if (k < 0 && errno == EINTR)
			continue;
		if (k < 0)
			return -E_IO;
		p += k;
		n -= (size_t)k;
		offset += (uint64_t)k;
	}
	return 0;
}

static int series_write(struct writer *w, struct series *s, struct err *err)
{
	char path[1024];
	int r = block_close(w, s);
	if (r < 0)
		return err_set(err, E_NOMEM, s->org, "no memory to close a block");
	if (s->out.len == 0)
		return 0;
	r = s->fd < 0 ? create_file(w, s, err) : 0;
	if (r < 0)
		return r;
	seg_path(w->dir, s->org, s->series, s->header.number, path, sizeof path);
	if (s->suspect && (fs_fault() || ftruncate(s->fd, (off_t)s->synced) < 0))
		return err_errno(err, path, "cannot cut back a failed write");
	s->suspect = true; /* until it is synced */
	if (seg_write_at(s->fd, s->out.ptr, s->out.len, s->synced) < 0)
		return err_errno(err, path, "cannot write");
	s->written = true;
	/* starts the transfer of all files before the first is waited for: one journal commit serves them all */
	sync_file_range(s->fd, (off_t)s->synced, (off_t)s->out.len, SYNC_FILE_RANGE_WRITE);
	return 0;
}

/* The names of a new file, its series and its organisation have to survive too. */
static int sync_dirs(struct writer *w, struct series *s, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s/%s", w->dir, s->org, s->series);
	int r = fs_sync_dir(path, err);
	snprintf(path, sizeof path, "%s/%s", w->dir, s->org);
	if (r == 0)
		r = fs_sync_dir(path, err);
	if (r == 0)
		r = fs_sync_dir(w->dir, err);
	if (r == 0)
		s->dir_dirty = false;
	return r;
}

void series_note_head(struct series *s, struct sha *sha)
{
	struct head *h = &s->head;
	*h = (struct head){ .segment = s->header.number, .count = s->tree.n, .sealed = s->sealing };
	snprintf(h->org, sizeof h->org, "%s", s->org);
	snprintf(h->series, sizeof h->series, "%s", s->series);
	merkle_root(&s->tree, sha, h->root);
	memcpy(h->chain, s->chain, SEGMENT_HASH);
	s->changed = true;
}

static void segment_end(struct series *s)
{
	s->done[s->n_done++] = s->head;
	s->changed = false;
	memcpy(s->prev_root, s->head.root, SEGMENT_HASH);
	s->prev_count = s->tree.n;
	s->last_number = s->header.number;
	s->header.number = 0;
	s->sealing = false;
	s->tree.n = 0;
	seg_cipher_close(&s->cipher);
	close(s->fd);
	s->fd = -1;
}

static int series_sync(struct writer *w, struct series *s, struct err *err)
{
	if (!s->written)
		return 0;
	s->written = false;
	if (fs_fault() || fdatasync(s->fd) < 0)
		return err_errno(err, s->org, "cannot sync the segment");
	int r = s->dir_dirty ? sync_dirs(w, s, err) : 0;
	if (r < 0)
		return r;
	w->stats.syncs++;
	w->pending -= s->out.len;
	s->synced += s->out.len;
	s->suspect = false;
	if (s->out.cap > MIB)
		buf_done(&s->out); /* a burst is over: thousands of series must not each keep their largest */
	buf_reset(&s->out);
	series_note_head(s, &w->sha);
	if (s->sealing) {
		w->stats.sealed++;
		segment_end(s);
	}
	return 0;
}

/* Writes and syncs all series; the first error is told, the others are served nevertheless. */
static int flush(struct writer *w, struct err *err)
{
	int first = 0;
	for (struct series *s = w->all; s; s = s->next) {
		int r = series_write(w, s, first ? NULL : err);
		first = first ? first : r;
	}
	for (struct series *s = w->all; s; s = s->next) {
		int r = series_sync(w, s, first ? NULL : err);
		first = first ? first : r;
	}
	return first;
}

static bool due(const struct writer *w, const struct series *s, bool all)
{
	if (s->header.number == 0 || s->fd < 0 || s->sealing || s->n_done == ARRAY_LEN(s->done))
		return false;
	return all || s->synced >= w->o.rotate_bytes || clock_mono_ms() - s->begun_ms >= w->o.rotate_ms;
}

int writer_rotate(struct writer *w, bool all, struct err *err)
{
	bool any = false;
	for (struct series *s = w->all; s; s = s->next) {
		unsigned char root[SEGMENT_HASH];
		if (!due(w, s, all) || block_close(w, s) < 0)
			continue;
		if (!buf_room(&s->out, SEGMENT_FOOTER_LEN)) {
			s->out.failed = 0;
			continue; /* no memory: at the next turn */
		}
		merkle_root(&s->tree, &w->sha, root);
		size_t before = s->out.len;
		seg_footer_format(&s->out, &w->sha, s->tree.n, clock_now_ms(), w->next_number, root, s->chain);
		w->pending += s->out.len - before;
		s->sealing = true;
		any = true;
	}
	return any ? flush(w, err) : 0;
}

int writer_commit(struct writer *w, struct err *err)
{
	if (w->pending == 0)
		return 0;
	int r = flush(w, err);
	if (r == 0)
		r = writer_rotate(w, false, err);
	if (r == 0)
		w->stats.commits++;
	else
		w->stats.failed_commits++;
	return r;
}

void writer_cursors(const struct writer *w, struct buf *b)
{
	for (const struct series *s = w->all; s; s = s->next) {
		/* synced is 0 while the open segment waits for its first commit: its head is still the last segment's */
		bool open_one = s->header.number && s->synced;
		struct segment_name n = { .segment = open_one ? s->header.number : s->last_number + 1,
			                  .index = open_one ? s->head.count : 0 };
		char text[SEGMENT_NAME_TEXT];
		snprintf(n.org, sizeof n.org, "%s", s->org);
		snprintf(n.series, sizeof n.series, "%s", s->series);
		buf_printf(b, "%s\n", segment_name_format(&n, text));
	}
}

void writer_stats(const struct writer *w, struct writer_stats *ret)
{
	*ret = w->stats;
	ret->last_checkpoint_ms = w->last_ms;
}
