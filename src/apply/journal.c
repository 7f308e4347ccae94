/* See journal.h. Written by transaction.c, read by it and by apply_open() after a crash. */
#include "apply/journal.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#define MAGIC 0x544a524eu /* "TJRN" */
#define SUM 8
#define ROOM (16 * KIB)   /* for the records behind BEGIN: at most 2 a step and 4 more, each below 32 bytes */
#define JOURNAL_MAX (64 * KIB)

enum { REC_BEGIN = 1, REC_STEP, REC_COMMIT, REC_UNDO, REC_STEP_UNDONE, REC_UNDONE, REC_REST };

static const char *journal_path(char dst[PLACE_MAX])
{
	return place_in_state(dst, PLACE_MAX, "journal");
}

/* ---- reading ---- */

static void read_name(struct rd *r, char dst[GEN_NAME])
{
	unsigned char raw[SHA256_LEN];
	rd_text(r, dst, GEN_NAME);
	if (dst[0] && (strlen(dst) != HEX_LEN || !hex_parse(str_from(dst), raw, sizeof raw)))
		r->bad = true;
}

static void take_begin(struct rd *r, struct journal_state *s)
{
	*s = (struct journal_state){ .phase = PHASE_APPLYING };
	s->by = rd_u8(r);
	read_name(r, s->from);
	read_name(r, s->to);
	read_name(r, s->previous);
	s->deadline_ms = s->was_deadline_ms = (int64_t)rd_u64(r);
	plan_read(r, &s->plan);
	memcpy(s->current, s->from, sizeof s->current);
}

static void take_rest(struct rd *r, struct journal_state *s)
{
	*s = (struct journal_state){ .phase = PHASE_IDLE };
	read_name(r, s->current);
	read_name(r, s->previous);
	s->deadline_ms = (int64_t)rd_u64(r);
	s->degraded = rd_u8(r) != 0;
}

static void take_commit(struct rd *r, struct journal_state *s)
{
	s->deadline_ms = (int64_t)rd_u64(r);
	s->phase = PHASE_IDLE;
	memcpy(s->current, s->to, sizeof s->current);
	memcpy(s->previous, s->from, sizeof s->previous);
}

static unsigned take_step(struct rd *r, const struct journal_state *s)
{
	unsigned i = rd_u8(r);
	if (i >= s->plan.n)
		r->bad = true;
	return r->bad ? 0 : i;
}

/* One record's payload. False when it can't stand here. */
static bool take_record(struct str payload, bool first, struct journal_state *s)
{
	struct rd r = rd_from(payload.ptr, payload.len);
	struct journal_state n = *s;
	uint8_t type = rd_u8(&r);
	if (first != (type == REC_BEGIN || type == REC_REST))
		return false;
	switch (type) {
	case REC_BEGIN:
		take_begin(&r, &n);
		break;
	case REC_REST:
		take_rest(&r, &n);
		break;
	case REC_STEP:
		n.started[take_step(&r, &n)] = true;
		break;
	case REC_COMMIT:
		take_commit(&r, &n);
		break;
	case REC_UNDO: /* also behind a commit whose sync failed */
		n.phase = PHASE_UNDOING;
		n.deadline_ms = n.was_deadline_ms;
		memcpy(n.current, n.from, sizeof n.current);
		break;
	case REC_STEP_UNDONE:
		n.undone[take_step(&r, &n)] = true;
		break;
	case REC_UNDONE:
		n.phase = PHASE_IDLE;
		break;
	default:
		return false;
	}
	if (rd_end(&r) < 0)
		return false;
	*s = n;
	return true;
}

int journal_parse(struct str data, struct journal_state *ret, uint64_t *ret_end, struct err *err)
{
	struct journal_state s = { 0 };
	struct rd r = rd_from(data.ptr, data.len);
	if (rd_u32(&r) != MAGIC)
		return err_set(err, E_CORRUPT, "journal", "not a journal");
	bool first = true;
	const unsigned char *end = r.p;
	for (;;) {
		struct str payload = rd_blob(&r);
		unsigned char want[SUM], sum[SHA256_LEN];
		rd_bytes(&r, want, SUM);
		if (r.bad || payload.len == 0)
			break;
		hash_sha256(payload.ptr, payload.len, sum);
		if (memcmp(sum, want, SUM) != 0 || !take_record(payload, first, &s))
			break;
		first = false;
		end = r.p;
	}
	if (first)
		return err_set(err, E_CORRUPT, "journal", "its first record can't be read");
	*ret = s;
	if (ret_end)
		*ret_end = (uint64_t)(end - (const unsigned char *)data.ptr);
	return 0;
}

static int load(struct journal_state *ret, uint64_t *ret_end, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	*ret = (struct journal_state){ 0 };
	if (!fs_exists(journal_path(path)))
		return 0;
	buf_init(&b, JOURNAL_MAX);
	int r = fs_read(path, &b, err);
	if (r == 0)
		r = journal_parse(buf_view(&b), ret, ret_end, err);
	buf_done(&b);
	return r;
}

int journal_load(struct journal_state *ret, struct err *err)
{
	return load(ret, NULL, err);
}

/* ---- writing ---- */

static void put_record(struct buf *b, const struct buf *payload)
{
	unsigned char sum[SHA256_LEN];
	hash_sha256(payload->ptr ? payload->ptr : "", payload->len, sum);
	wr_blob(b, buf_view(payload));
	buf_put(b, sum, SUM);
	if (payload->failed && !b->failed)
		b->failed = payload->failed;
}

/* The file anew, holding this one record and `room` zeroed bytes. */
static int rewrite(struct buf *payload, size_t room, uint64_t *ret_at, struct err *err)
{
	static const char zero[256];
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, JOURNAL_MAX);
	wr_u32(&b, MAGIC);
	put_record(&b, payload);
	if (ret_at)
		*ret_at = b.len;
	for (size_t i = 0; i < room; i += sizeof zero)
		buf_put(&b, zero, sizeof zero);
	int r = b.failed ? err_set(err, (enum err_code)-b.failed, "journal", "cannot write the record") :
	                   fs_write(journal_path(path), buf_view(&b), 0600, err);
	buf_done(&b);
	buf_done(payload);
	return r;
}

static int open_file(struct journal *j, struct err *err)
{
	char path[PLACE_MAX];
	j->fd = fs_fault() ? -1 : open(journal_path(path), O_RDWR | O_CLOEXEC);
	return j->fd < 0 ? err_errno(err, path, "cannot open") : 0;
}

int journal_begin(struct journal *j, const struct journal_state *s, struct err *err)
{
	struct buf p;
	*j = (struct journal){ .fd = -1 };
	buf_init(&p, 8 * KIB);
	wr_u8(&p, REC_BEGIN);
	wr_u8(&p, s->by);
	wr_text(&p, str_from(s->from));
	wr_text(&p, str_from(s->to));
	wr_text(&p, str_from(s->previous));
	wr_u64(&p, (uint64_t)s->deadline_ms);
	plan_write(&p, &s->plan);
	int r = rewrite(&p, ROOM, &j->at, err);
	return r < 0 ? r : open_file(j, err);
}

int journal_reopen(struct journal *j, struct err *err)
{
	struct journal_state s;
	*j = (struct journal){ .fd = -1 };
	int r = load(&s, &j->at, err);
	return r < 0 ? r : open_file(j, err);
}

void journal_close(struct journal *j)
{
	if (j->fd >= 0)
		close(j->fd);
	j->fd = -1;
}

int journal_rest(const struct journal_state *s, struct err *err)
{
	struct buf p;
	buf_init(&p, KIB);
	wr_u8(&p, REC_REST);
	wr_text(&p, str_from(s->current));
	wr_text(&p, str_from(s->previous));
	wr_u64(&p, (uint64_t)s->deadline_ms);
	wr_u8(&p, s->degraded);
	return rewrite(&p, 0, NULL, err);
}

/* At a known place, so that a record half written by a failed call is written over by the next. */
static int append(struct journal *j, uint8_t type, const uint8_t *step, const int64_t *time, struct err *err)
{
	struct buf p, b;
	buf_init(&p, 64);
	buf_init(&b, 128);
	wr_u8(&p, type);
	if (step)
		wr_u8(&p, *step);
	if (time)
		wr_u64(&p, (uint64_t)*time);
	put_record(&b, &p);
	int r = b.failed ? err_set(err, (enum err_code)-b.failed, "journal", "cannot write the record") : 0;
	if (r == 0 && (fs_fault() || pwrite(j->fd, b.ptr, b.len, (off_t)j->at) != (ssize_t)b.len || fs_fault() ||
	               fdatasync(j->fd) < 0))
		r = err_errno(err, "journal", "cannot write the record");
	if (r == 0)
		j->at += b.len;
	buf_done(&p);
	buf_done(&b);
	return r;
}

int journal_step_start(struct journal *j, unsigned step, struct err *err)
{
	return append(j, REC_STEP, &(uint8_t){ (uint8_t)step }, NULL, err);
}

int journal_commit(struct journal *j, int64_t deadline_ms, struct err *err)
{
	return append(j, REC_COMMIT, NULL, &deadline_ms, err);
}

int journal_undo_start(struct journal *j, struct err *err)
{
	return append(j, REC_UNDO, NULL, NULL, err);
}

int journal_step_undone(struct journal *j, unsigned step, struct err *err)
{
	return append(j, REC_STEP_UNDONE, &(uint8_t){ (uint8_t)step }, NULL, err);
}

int journal_undone(struct journal *j, struct err *err)
{
	return append(j, REC_UNDONE, NULL, NULL, err);
}
