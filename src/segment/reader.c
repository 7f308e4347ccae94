/* See reader.h. detectd reads through this; the writer knows nothing of its readers.
 *
 * inotify only wakes the caller up; what is there is always asked of the files, so a lost notice costs time only. */
#include "segment/reader.h"

#include "base/clock.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"

#include <openssl/crypto.h>
#include <stdio.h>
#include <sys/inotify.h>

#define LOOK_MS 1000 /* how often directories are listed without being told to, and a fault is said again */

struct rseries {
	struct segment_name at; /* the next record to return */
	struct seg_file f;      /* f.fd < 0: not open */
	struct seg_cipher cipher;
	int64_t fault_ms, missing_ms; /* not again before */
};

struct reader {
	struct reader_opts o;
	char *dir;
	struct sha sha;
	int notify_fd;
	int64_t look_ms;
	bool dry; /* nothing was there the last time */
	struct rseries **list;
	size_t n, cap, turn;
	/* the block being returned: of `now`, or NULL */
	struct rseries *now;
	struct buf plain;
	struct str rest;
	struct seg_block block;
	uint64_t index; /* of the record at the front of rest */
};

int reader_open(const struct reader_opts *o, struct reader **ret, struct err *err)
{
	struct reader *r = mem_alloc(sizeof *r);
	if (!r)
		return err_set(err, E_NOMEM, "", "no memory");
	r->o = *o;
	r->notify_fd = -1;
	buf_init(&r->plain, SEGMENT_BLOCK_MAX);
	r->dir = mem_strdup(o->dir);
	if (!r->dir || sha_open(&r->sha) < 0) {
		reader_close(&r);
		return err_set(err, E_NOMEM, "", "no memory");
	}
	r->notify_fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC); /* -1: the caller polls by time */
	*ret = r;
	return 0;
}

static void series_close(struct rseries *s)
{
	if (s->f.fd >= 0)
		seg_file_close(&s->f);
	seg_cipher_close(&s->cipher);
}

void reader_close(struct reader **rp)
{
	struct reader *r = *rp;
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++) {
		series_close(r->list[i]);
		mem_free(r->list[i]);
	}
	mem_free(r->list);
	if (r->plain.ptr)
		OPENSSL_cleanse(r->plain.ptr, r->plain.cap);
	buf_done(&r->plain);
	sha_close(&r->sha);
	if (r->notify_fd >= 0)
		close(r->notify_fd);
	mem_free(r->dir);
	mem_free(r);
	*rp = NULL;
}

/* ---- which series there are ---- */

static struct rseries *find(const struct reader *r, const char *org, const char *series)
{
	for (size_t i = 0; i < r->n; i++)
		if (strcmp(r->list[i]->at.org, org) == 0 && strcmp(r->list[i]->at.series, series) == 0)
			return r->list[i];
	return NULL;
}

static struct rseries *add(struct reader *r, const char *org, const char *series)
{
	if (r->n == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 32;
		struct rseries **p = mem_grow(r->list, cap * sizeof(struct rseries *));
		if (!p)
			return NULL;
		r->list = p;
		r->cap = cap;
	}
	struct rseries *s = mem_alloc(sizeof *s);
	if (!s)
		return NULL;
	s->f.fd = -1;
	s->at.segment = 1;
	snprintf(s->at.org, sizeof s->at.org, "%s", org);
	snprintf(s->at.series, sizeof s->at.series, "%s", series);
	r->list[r->n++] = s;
	return s;
}

static void watch(struct reader *r, const char *org, const char *series)
{
	char path[1024];
	if (r->notify_fd < 0)
		return;
	snprintf(path, sizeof path, "%s", r->dir);
	inotify_add_watch(r->notify_fd, path, IN_CREATE | IN_ONLYDIR);
	if (!org)
		return;
	snprintf(path, sizeof path, "%s/%s", r->dir, org);
	inotify_add_watch(r->notify_fd, path, IN_CREATE | IN_ONLYDIR);
	snprintf(path, sizeof path, "%s/%s/%s", r->dir, org, series);
	inotify_add_watch(r->notify_fd, path, IN_CREATE | IN_MODIFY | IN_ONLYDIR);
}

static bool excepted(const struct reader *r, const char *series)
{
	struct str rest = str_from(r->o.except ? r->o.except : ""), one;
	while (rest.len && str_next(&rest, '|', &one))
		if (str_eq(one, str_from(series)))
			return true;
	return false;
}

static int found(const char *org, const char *series, void *user)
{
	struct reader *r = user;
	if ((r->o.org && strcmp(r->o.org, org) != 0) || (r->o.series && strcmp(r->o.series, series) != 0) ||
	    excepted(r, series))
		return 0;
	watch(r, org, series);
	return find(r, org, series) || add(r, org, series) ? 0 : -E_NOMEM;
}

static int look(struct reader *r, struct err *err)
{
	bool told = false;
	char b[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	for (ssize_t n; r->notify_fd >= 0 && (n = read(r->notify_fd, b, sizeof b)) > 0;)
		for (char *p = b; p < b + n;) {
			const struct inotify_event *e = (const struct inotify_event *)(const void *)p;
			told = told || (e->mask & (IN_CREATE | IN_Q_OVERFLOW));
			p += sizeof *e + e->len;
		}
	if (!told && r->look_ms && clock_mono_ms() < r->look_ms)
		return 0;
	r->look_ms = clock_mono_ms() + LOOK_MS;
	watch(r, NULL, NULL);
	int x = seg_each_series(r->dir, found, r, NULL);
	/* a directory that goes away under our hands, or can't be read: said, and looked at again in a second */
	return x < 0 ? err_set(err, (enum err_code)-x, r->dir, "cannot list the segments") : 0;
}

/* ---- one series ---- */

/* Says a fault of the series and lets it rest for a while. */
static int fault(struct rseries *s, int code, struct err *err)
{
	if (err && (!err->path[0] || strncmp(err->path, s->at.org, 6) != 0)) {
		char why[sizeof err->msg];
		snprintf(why, sizeof why, "%.400s", err->msg);
		char name[SEGMENT_NAME_TEXT];
		err_set(err, (enum err_code)-code, segment_name_format(&s->at, name), "%s", why);
	}
	series_close(s);
	s->fault_ms = clock_mono_ms() + LOOK_MS;
	return code;
}

/* The lowest segment above the one we are at; 0 when there is none. */
static uint32_t following(struct reader *r, const struct rseries *s)
{
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n;
	if (seg_numbers(r->dir, s->at.org, s->at.series, &numbers, &n, NULL) < 0)
		return 0;
	for (size_t i = 0; i < n; i++)
		if (numbers[i] > s->at.segment)
			return numbers[i];
	return 0;
}

/* The segment isn't complete (missing, unreadable, never sealed) but a later one exists: says so and goes there. */
static int skip_broken(struct reader *r, struct rseries *s, int code, struct err *err)
{
	if (code == -E_AGAIN && clock_mono_ms() < s->missing_ms)
		return -E_AGAIN;
	s->missing_ms = clock_mono_ms() + LOOK_MS;
	uint32_t next = following(r, s);
	if (next == 0)
		return code == -E_AGAIN ? -E_AGAIN : fault(s, code, err);
	if (code == -E_AGAIN)
		err_set(err, E_CORRUPT, "", "the segment ends here without its end mark; going on with segment %06u", next);
	fault(s, -E_CORRUPT, err);
	s->fault_ms = 0;
	s->at.segment = next;
	s->at.index = 0;
	return -E_CORRUPT;
}

static int open_segment(struct reader *r, struct rseries *s, struct err *err)
{
	char path[1024];
	int x = seg_file_find(r->dir, s->at.org, s->at.series, s->at.segment, &r->sha, &s->f, path, err);
	if (x == -E_NOT_FOUND && s->at.segment == 1 && s->at.index == 0) { /* from the start: of what is still kept */
		uint32_t first = following(r, s);
		s->at.segment = first ? first : 1;
		return first ? open_segment(r, s, err) : -E_AGAIN;
	}
	if (x == -E_NOT_FOUND || x == -E_AGAIN)
		return -E_AGAIN;
	if (x < 0)
		return x;
	s->f.unchained = r->o.tag_only;
	return seg_file_unlock(&s->f, &s->at, r->o.key, r->o.user, &r->sha, &s->cipher, err);
}

static int open_block(struct reader *r, struct rseries *s, struct err *err)
{
	int x = seg_block_open(&s->cipher, &s->f.header, &r->block, &r->plain);
	if (x < 0)
		return err_set(err, (enum err_code)-x, "", "a block of records %llu…%llu can't be decrypted",
		               (unsigned long long)r->block.first, (unsigned long long)(r->block.first + r->block.count - 1));
	r->now = s;
	r->rest = buf_view(&r->plain);
	r->index = r->block.first;
	return 0;
}

/* The next block with something new in it becomes r->now. */
static int series_more(struct reader *r, struct rseries *s, struct err *err)
{
	if (s->fault_ms && clock_mono_ms() < s->fault_ms)
		return -E_AGAIN;
	for (;;) {
		int x = s->f.fd < 0 ? open_segment(r, s, err) : 0;
		if (x == 0)
			x = seg_file_next(&s->f, &r->sha, &r->block, err);
		if (x == -E_AGAIN || x == -E_CORRUPT) {
			/* after a power cut the file may hold less than was read: what comes now has those numbers */
			if (s->f.fd >= 0 && s->f.next < s->at.index)
				s->at.index = s->f.next;
			return skip_broken(r, s, x, err);
		}
		if (x < 0)
			return fault(s, x, err);
		if (r->block.part == SEG_FOOTER) {
			series_close(s);
			s->at.segment++;
			s->at.index = 0;
		} else if (r->block.first + r->block.count > s->at.index) {
			x = open_block(r, s, err);
			return x < 0 ? skip_broken(r, s, x, err) : 0;
		}
	}
}

static int any_block(struct reader *r, struct err *err)
{
	for (size_t i = 0; i < r->n; i++) {
		struct rseries *s = r->list[r->turn++ % r->n];
		int x = series_more(r, s, err);
		if (x != -E_AGAIN)
			return x;
	}
	return -E_AGAIN;
}

/* While there is a backlog it isn't asked at each block what grew; before we say that there is nothing more, it is. */
static int next_block(struct reader *r, struct err *err)
{
	bool looked = r->dry || clock_mono_ms() >= r->look_ms;
	int x = looked ? look(r, err) : 0;
	x = x < 0 ? x : any_block(r, err);
	if (x == -E_AGAIN && !looked) {
		x = look(r, err);
		x = x < 0 ? x : any_block(r, err);
	}
	r->dry = x == -E_AGAIN;
	return x;
}

int reader_next(struct reader *r, struct reader_record *ret, struct err *err)
{
	if (err)
		*err = (struct err){ 0 };
	for (;;) {
		struct rseries *s = r->now;
		if (!s) {
			int x = next_block(r, err);
			if (x < 0)
				return x;
			continue;
		}
		uint64_t index = r->index++;
		if (index >= r->block.first + r->block.count) {
			r->now = NULL;
			continue;
		}
		if (!seg_record_next(&r->rest, &ret->salt, &ret->data)) {
			r->now = NULL;
			err_set(err, E_CORRUPT, "", "the block holds fewer records than it says");
			return skip_broken(r, s, -E_CORRUPT, err);
		}
		if (index < s->at.index)
			continue;
		ret->name = s->at;
		ret->name.index = index;
		ret->time_ms = r->block.time_ms;
		ret->leaf = r->block.leaves + (size_t)(index - r->block.first) * SEGMENT_HASH;
		s->at.index = index + 1;
		return 0;
	}
}

int reader_fd(const struct reader *r)
{
	return r->notify_fd;
}

/* ---- cursors ---- */

void reader_save(const struct reader *r, struct buf *b)
{
	char name[SEGMENT_NAME_TEXT];
	for (size_t i = 0; i < r->n; i++)
		buf_printf(b, "%s\n", segment_name_format(&r->list[i]->at, name));
}

int reader_seek(struct reader *r, const struct segment_name *next, struct err *err)
{
	struct rseries *s = find(r, next->org, next->series);
	if (!s)
		s = add(r, next->org, next->series);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	if (r->now == s)
		r->now = NULL;
	series_close(s);
	s->at = *next;
	s->fault_ms = 0;
	return 0;
}

/* When the segment was begun; INT64_MAX where that can't be said (then an earlier one is read). */
static int64_t begun(struct reader *r, const struct segment_name *at, uint32_t number)
{
	char path[1024];
	struct seg_file f;
	int64_t ms = INT64_MAX;
	if (seg_file_find(r->dir, at->org, at->series, number, &r->sha, &f, path, NULL) == 0) {
		ms = f.header.created_ms;
		seg_file_close(&f);
	}
	return ms;
}

/* The last segment that was begun before; the first when none was. */
static uint32_t segment_at(struct reader *r, const struct segment_name *at, int64_t ms)
{
	_cleanup_free_ uint32_t *numbers = NULL;
	size_t n = 0, from = 0, to;
	if (seg_numbers(r->dir, at->org, at->series, &numbers, &n, NULL) < 0 || n == 0)
		return 0;
	for (to = n; from + 1 < to;) {
		size_t mid = from + (to - from) / 2;
		if (begun(r, at, numbers[mid]) <= ms)
			from = mid;
		else
			to = mid;
	}
	return numbers[from];
}

int reader_since(struct reader *r, int64_t since_ms, struct err *err)
{
	int x = look(r, err);
	for (size_t i = 0; x == 0 && i < r->n; i++) {
		struct segment_name at = r->list[i]->at;
		uint32_t number = segment_at(r, &at, since_ms);
		if (number > at.segment) {
			at.segment = number;
			at.index = 0;
			x = reader_seek(r, &at, err);
		}
	}
	return x;
}

int reader_restore(struct reader *r, struct str saved, struct err *err)
{
	struct str line;
	while (str_next(&saved, '\n', &line)) {
		struct segment_name at;
		if (line.len == 0)
			continue;
		if (segment_name_parse(line, &at) < 0)
			return err_set(err, E_INVALID, "", "not a cursor: " STR_FMT, STR_ARG(line));
		int x = reader_seek(r, &at, err);
		if (x < 0)
			return x;
	}
	return 0;
}
