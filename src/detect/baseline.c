/* See baseline.h: an open-addressing table of hashes, and its journal. */
#include "detect/baseline.h"

#include "base/fs.h"
#include "base/mem.h"
#include "detect/correlate_parts.h"

#include <fcntl.h>
#include <sys/random.h>
#include <unistd.h>

#define MAGIC "TRDBASE1"
#define HEAD (sizeof MAGIC - 1 + 16)
#define RECORD 16
#define FILE_RECORDS 4u /* for each value that there may be */
#define PENDING_MAX (4 * MIB)
#define SLACK (4 * MIB) /* of repeated records before the file is written anew */
#define DAY_S 86400u

struct value {
	uint64_t hash; /* 0: free */
	uint32_t first, last;
};

struct baseline {
	char *file;
	uint64_t key[2];
	struct value *slots;
	size_t cap, n, max;
	struct buf pending;
	size_t marked, written; /* bytes of pending that may go; bytes of the file */
	struct baseline_stats stats;
};

/* ---- the table */

static struct value *slot_of(struct value *slots, size_t cap, uint64_t hash)
{
	size_t i = (size_t)hash & (cap - 1);
	while (slots[i].hash && slots[i].hash != hash)
		i = (i + 1) & (cap - 1);
	return &slots[i];
}

/* Into a table of that size, without what was last met before. */
static int rebuild(struct baseline *b, size_t cap, uint32_t before)
{
	struct value *slots = mem_array(cap, sizeof *slots);
	if (!slots)
		return -E_NOMEM;
	b->n = 0;
	for (size_t i = 0; i < b->cap; i++)
		if (b->slots[i].hash && b->slots[i].last >= before) {
			*slot_of(slots, cap, b->slots[i].hash) = b->slots[i];
			b->n++;
		}
	mem_free(b->slots);
	b->slots = slots;
	b->cap = cap;
	return 0;
}

static uint32_t horizon(uint32_t now)
{
	return now > BASELINE_FORGET_MS / 1000 ? now - (uint32_t)(BASELINE_FORGET_MS / 1000) : 0;
}

/* Room for one more; false: there is none. */
static bool make_room(struct baseline *b, uint32_t now)
{
	if (b->n >= b->max)
		return rebuild(b, b->cap, horizon(now)) == 0 && b->n < b->max;
	return b->n * 2 < b->cap || rebuild(b, b->cap ? b->cap * 2 : 1024, 0) == 0;
}

static void note(struct baseline *b, const struct value *v)
{
	if (!b->file)
		return;
	wr_u64(&b->pending, v->hash);
	wr_u32(&b->pending, v->first);
	wr_u32(&b->pending, v->last);
}

/* When it was met first; now for one that wasn't, or was forgotten. 0: no room. */
static uint32_t meet(struct baseline *b, uint64_t hash, uint32_t now)
{
	struct value *v = b->cap ? slot_of(b->slots, b->cap, hash) : NULL;
	if (v && v->hash && v->last >= horizon(now)) {
		if (now >= v->last + DAY_S) {
			v->last = now;
			note(b, v);
		}
		return v->first;
	}
	if (!v || !v->hash) {
		if (!make_room(b, now)) {
			b->stats.full++;
			return 0;
		}
		v = slot_of(b->slots, b->cap, hash);
		b->n++;
	}
	*v = (struct value){ hash, now, now };
	note(b, v);
	return now;
}

static uint64_t hash_of(const struct baseline *b, struct buf *text)
{
	uint64_t h = hash_sip(b->key, text->ptr, text->len);
	return h ? h : 1;
}

bool baseline_new(struct baseline *b, const struct rule *r, struct str org, yyjson_val *root, int64_t time_ms)
{
	const struct first_seen *s = &r->first_seen;
	uint32_t now = (uint32_t)(time_ms / 1000);
	struct buf text;
	if (time_ms <= 0 || time_ms / 1000 > UINT32_MAX)
		return false;
	buf_init(&text, CORRELATE_KEY);
	wr_blob(&text, str_from(r->id));
	wr_blob(&text, org);
	uint64_t watched = hash_of(b, &text), value;
	bool whole = true;
	for (unsigned i = 0; whole && i < s->n; i++)
		whole = correlate_put_value(&text, field_value(root, &s->paths[i]));
	whole = whole && !text.failed;
	value = hash_of(b, &text);
	buf_done(&text);
	if (!whole)
		return false;
	uint32_t since = meet(b, watched, now), first = meet(b, value, now);
	bool fresh = since && first && now >= since + s->learn_ms / 1000 && now <= first + s->new_ms / 1000 && first >= since + s->learn_ms / 1000;
	b->stats.fresh += fresh;
	return fresh;
}

/* ---- the file */

static int read_records(struct baseline *b, struct str bytes)
{
	struct rd rd = rd_from(bytes.ptr, bytes.len - bytes.len % RECORD);
	while (rd.p < rd.end) {
		struct value v = { rd_u64(&rd), rd_u32(&rd), rd_u32(&rd) };
		if (!v.hash || v.first > v.last)
			return -E_CORRUPT;
		struct value *at = b->cap ? slot_of(b->slots, b->cap, v.hash) : NULL;
		if (!at || !at->hash) {
			if (!make_room(b, v.last))
				return b->n < b->max ? -E_NOMEM : 0; /* older ones are there */
			at = slot_of(b->slots, b->cap, v.hash);
			b->n++;
		}
		*at = v;
	}
	return 0;
}

static int load(struct baseline *b, struct err *err)
{
	struct buf bytes;
	buf_init(&bytes, HEAD + FILE_RECORDS * b->max * RECORD);
	int r = fs_read(b->file, &bytes, err);
	if (r == 0 && (bytes.len < HEAD || memcmp(bytes.ptr, MAGIC, sizeof MAGIC - 1) != 0))
		r = -E_CORRUPT;
	if (r == 0) {
		memcpy(b->key, bytes.ptr + sizeof MAGIC - 1, sizeof b->key);
		r = read_records(b, (struct str){ bytes.ptr + HEAD, bytes.len - HEAD });
		b->written = bytes.len - (bytes.len - HEAD) % RECORD;
	}
	buf_done(&bytes);
	return r == -E_CORRUPT ? err_set(err, E_CORRUPT, b->file, "what is usual can't be read: it is learnt anew") : r;
}

/* The whole table, in place of what was written one behind another. */
static int write_anew(struct baseline *b, struct err *err)
{
	struct buf all;
	buf_init(&all, HEAD + FILE_RECORDS * b->max * RECORD);
	buf_put(&all, MAGIC, sizeof MAGIC - 1);
	buf_put(&all, b->key, sizeof b->key);
	for (size_t i = 0; i < b->cap; i++)
		if (b->slots[i].hash) {
			wr_u64(&all, b->slots[i].hash);
			wr_u32(&all, b->slots[i].first);
			wr_u32(&all, b->slots[i].last);
		}
	int r = all.failed ? err_set(err, E_NOMEM, b->file, "no memory") : fs_write(b->file, buf_view(&all), 0600, err);
	if (r == 0)
		b->written = all.len;
	buf_done(&all);
	return r;
}

static int append(struct baseline *b, struct err *err)
{
	_cleanup_fd_ int fd = open(b->file, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || ftruncate(fd, (off_t)b->written) < 0 || lseek(fd, (off_t)b->written, SEEK_SET) < 0) /* a torn end goes */
		return err_errno(err, b->file, "cannot be continued");
	int r = fs_write_all(fd, b->pending.ptr, b->marked, err);
	if (r == 0 && fdatasync(fd) < 0)
		r = err_errno(err, b->file, "cannot be synced");
	if (r == 0)
		b->written += b->marked;
	return r;
}

void baseline_mark(struct baseline *b)
{
	b->marked = b->pending.len;
}

static int begin_file(struct baseline *b, struct err *err)
{
	char head[HEAD];
	memcpy(head, MAGIC, sizeof MAGIC - 1);
	memcpy(head + sizeof MAGIC - 1, b->key, sizeof b->key);
	int r = fs_write(b->file, (struct str){ head, HEAD }, 0600, err);
	if (r == 0)
		b->written = HEAD;
	return r;
}

int baseline_flush(struct baseline *b, struct err *err)
{
	if (!b->file || (!b->marked && !b->pending.failed))
		return 0;
	bool all_marked = b->marked == b->pending.len, repeats = b->written + b->marked > HEAD + 2 * b->n * RECORD + SLACK;
	int r = b->written ? 0 : begin_file(b, err);
	if (r == 0)
		r = b->pending.failed || (repeats && all_marked) ? write_anew(b, err) : append(b, err);
	if (r < 0)
		return r;
	if (b->pending.failed || all_marked)
		buf_reset(&b->pending);
	else
		memmove(b->pending.ptr, b->pending.ptr + b->marked, b->pending.len -= b->marked);
	b->marked = 0;
	return 0;
}

void baseline_stats(const struct baseline *b, struct baseline_stats *ret)
{
	*ret = b->stats;
	ret->values = b->n;
}

int baseline_create(const char *file, size_t max, struct baseline **ret, struct err *err)
{
	struct baseline *b = mem_alloc(sizeof *b);
	if (!b)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&b->pending, PENDING_MAX);
	b->max = max;
	b->file = file ? mem_strdup(file) : NULL;
	int r = file && !b->file ? err_set(err, E_NOMEM, "", "no memory") : 0;
	if (r == 0 && getrandom(b->key, sizeof b->key, 0) != sizeof b->key)
		r = err_errno(err, "getrandom", "no key");
	if (r == 0 && file && fs_exists(file))
		r = load(b, err);
	if (r < 0)
		baseline_destroy(&b);
	else
		*ret = b;
	return r;
}

void baseline_destroy(struct baseline **bp)
{
	struct baseline *b = *bp;
	if (!b)
		return;
	buf_done(&b->pending);
	mem_free(b->slots);
	mem_free(b->file);
	mem_free(b);
	*bp = NULL;
}
