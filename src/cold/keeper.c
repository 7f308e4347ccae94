/* See keeper.h. */
#include "cold/keeper.h"

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "segment/file.h"
#include "segment/format.h"
#include "segment/hold.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <yyjson.h>

#define PATH 1024

struct one { /* a segment */
	const char *org, *series;
	uint32_t number;
	char mark[PATH], seg[PATH], end[PATH], ended[PATH], back[PATH], going[PATH], key[160];
};

static void name_one(const struct keeper *k, const char *org, const char *series, uint32_t number, struct one *o)
{
	*o = (struct one){ .org = org, .series = series, .number = number };
	seg_mark_path(k->segments, org, series, number, o->mark, sizeof o->mark);
	seg_cold_path(k->segments, org, series, number, o->seg, sizeof o->seg);
	seg_store_path(k->segments, org, series, number, SEG_END, o->end, sizeof o->end);
	seg_store_path(k->segments, org, series, number, SEG_ENDED, o->ended, sizeof o->ended);
	seg_store_path(k->segments, org, series, number, "back", o->back, sizeof o->back);
	seg_store_path(k->segments, org, series, number, SEG_GOING, o->going, sizeof o->going);
	snprintf(o->key, sizeof o->key, "%s/%s/%06u", org, series, number); /* name_object() adds the rest */
}

/* Numbers are a node's own: both nodes of a pair, and one that was set up anew, have a 000001 of each body. By its bytes' hash an object is never another's. */
static void name_object(struct one *o, const unsigned char sha[32])
{
	char hex[65];
	hex_format(sha, 32, hex);
	snprintf(o->key, sizeof o->key, "%s/%s/%06u-%.32s.seg", o->org, o->series, o->number, hex);
}

static int read_mark(struct one *o, uint64_t *ret_bytes, unsigned char ret_sha[32], struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	int r = fs_read(o->mark, &b, err);
	yyjson_doc *doc = r == 0 ? yyjson_read(b.ptr, b.len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc), *hex = yyjson_obj_get(root, "sha256");
	*ret_bytes = yyjson_get_uint(yyjson_obj_get(root, "bytes"));
	bool ok = yyjson_is_str(hex) && hex_parse((struct str){ yyjson_get_str(hex), yyjson_get_len(hex) }, ret_sha, 32) && *ret_bytes && *ret_bytes <= S3_OBJECT_MAX;
	yyjson_doc_free(doc);
	buf_done(&b);
	if (r == 0 && ok)
		name_object(o, ret_sha);
	return r < 0 ? r : ok ? 0 : err_set(err, E_CORRUPT, o->mark, "isn't a mark of a segment in cold storage");
}

struct look {
	const struct keeper *k;
	const char *what, *org, *series;
	void (*fn)(struct one *o, void *user);
	void *user;
};

static int look_at_name(const char *name, void *user)
{
	const struct look *l = user;
	struct str rest = str_from(name), number;
	struct one o;
	uint64_t n;
	if (!str_next(&rest, '.', &number) || !str_eq(rest, str_from(l->what)) || !str_to_u64(number, UINT32_MAX, &n))
		return 0;
	name_one(l->k, l->org, l->series, (uint32_t)n, &o);
	l->fn(&o, l->user);
	return 0;
}

static int look_at_series(const char *org, const char *series, void *user)
{
	struct look *l = user;
	char dir[PATH];
	l->org = org;
	l->series = series;
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s/%s", l->k->segments, org, series);
	fs_list(dir, look_at_name, l, NULL);
	return 0;
}

/* Of whatever series: each segment of which N.what lies on the cold disk. */
static void each_on_disk(const struct keeper *k, const char *what, void (*fn)(struct one *o, void *user), void *user)
{
	struct look l = { .k = k, .what = what, .fn = fn, .user = user };
	char cold[PATH];
	snprintf(cold, sizeof cold, "%s" SEG_COLD, k->segments);
	seg_each_series(cold, look_at_series, &l, NULL);
}

/* ---- to the store ---- */

/* The object's own bytes, from the store: do they have that hash? 1 yes, 0 no such object or another one. */
static int is_there(struct keeper *k, const struct one *o, uint64_t bytes, const unsigned char sha[32], struct err *err)
{
	unsigned char have[32];
	uint64_t n = 0;
	int r = s3_size(k->s3, o->key, &n, err);
	if (r == -E_NOT_FOUND || (r == 0 && n != bytes))
		return 0;
	r = r < 0 ? r : s3_get(k->s3, o->key, -1, bytes, &n, have, err);
	return r == -E_CORRUPT ? 0 : r < 0 ? r : n == bytes && memcmp(have, sha, 32) == 0;
}

/* The object's hash, which is its name; then the segment's last bytes, its end mark: what retention goes by without the rest (segment/retain.c). */
static int leave_end(const struct one *o, const char *path, int fd, uint64_t bytes, const unsigned char sha[32], struct err *err)
{
	char b[32 + SEGMENT_FOOTER_LEN];
	memcpy(b, sha, 32);
	if (bytes < SEGMENT_FOOTER_LEN || pread(fd, b + 32, SEGMENT_FOOTER_LEN, (off_t)(bytes - SEGMENT_FOOTER_LEN)) != (ssize_t)SEGMENT_FOOTER_LEN)
		return err_errno(err, o->seg, "cannot read");
	return fs_write(path, (struct str){ b, sizeof b }, 0644, err); /* intaked reads it; the disk's directory keeps others out */
}

/* Written before anything is in the store: a segment that is ended meanwhile, or while we are away, has its object's end ordered by it. Retention removes
 * the segment, then looks for this; we write this, then look for the segment: one of the two sees the other. 1: it is ended, there is nothing to do. */
static int leave_going(const struct one *o, int fd, uint64_t bytes, const unsigned char sha[32], struct err *err)
{
	int r = leave_end(o, o->going, fd, bytes, sha, err);
	if (r < 0 || fs_exists(o->seg))
		return r;
	unlink(o->going); /* or it is the order by now */
	return 1;
}

/* It is gone: retention took it for its order. */
static int arrive(const struct one *o, struct err *err)
{
	if (rename(o->going, o->end) < 0 && errno != ENOENT)
		return err_errno(err, o->end, "cannot rename");
	return fs_sync_parent(o->end, err);
}

static int send_fd(struct keeper *k, struct one *o, int fd, struct err *err)
{
	unsigned char sha[32];
	struct stat st;
	uint64_t bytes = 0;
	int r = read_mark(o, &bytes, sha, err);
	if (r == 0 && (fstat(fd, &st) < 0 || (uint64_t)st.st_size != bytes))
		r = err_set(err, E_CORRUPT, o->seg, "hasn't the length it was moved with");
	r = r < 0 ? r : leave_going(o, fd, bytes, sha, err);
	if (r != 0)
		return r < 0 ? r : 0;
	int there = is_there(k, o, bytes, sha, err);
	if (there == 0 || there == -E_DENIED) { /* who may not list a bucket is refused what isn't there */
		*err = (struct err){ 0 };
		r = s3_put(k->s3, o->key, fd, bytes, sha, err);
		there = r < 0 ? r : is_there(k, o, bytes, sha, err);
		if (there == 0)
			there = err_set(err, E_CORRUPT, o->key, "what the store gives back isn't what was put there: it is not to be trusted");
		k->sent += there == 1;
		k->sent_bytes += there == 1 ? bytes : 0;
	}
	return there < 0 ? there : arrive(o, err);
}

static int send(struct keeper *k, struct one *o, struct err *err)
{
	_cleanup_fd_ int fd = open(o->seg, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	return fd < 0 ? err_errno(err, o->seg, "cannot open") : send_fd(k, o, fd, err);
}

/* ---- room for what comes back ---- */

/* Bytes that may be taken of the cold disk: a twentieth of it is left for what intaked moves there. */
static uint64_t disk_room(const char *dir)
{
	struct statvfs v;
	if (statvfs(dir, &v) < 0)
		return 0;
	uint64_t kept = v.f_blocks / 20;
	return v.f_bavail > kept ? (uint64_t)(v.f_bavail - kept) * v.f_frsize : 0;
}

struct oldest {
	char path[PATH];
	struct timespec when;
};

/* One that was brought back, and is in the store: whoever reads it has it open, or asks again. */
static void older(struct one *one, void *user)
{
	struct oldest *o = user;
	struct stat st;
	if (!fs_exists(one->end) || stat(one->seg, &st) < 0)
		return;
	if (!o->path[0] || st.st_mtim.tv_sec < o->when.tv_sec || (st.st_mtim.tv_sec == o->when.tv_sec && st.st_mtim.tv_nsec < o->when.tv_nsec)) {
		memcpy(o->path, one->seg, sizeof o->path);
		o->when = st.st_mtim;
	}
}

static uint64_t room_of(const struct keeper *k, char cold[PATH])
{
	snprintf(cold, PATH, "%s" SEG_COLD, k->segments);
	return (k->room ? k->room : disk_room)(cold);
}

static void look_at_room(struct keeper *k)
{
	char cold[PATH];
	if (k->wanted && room_of(k, cold) >= k->wanted)
		k->wanted = 0;
}

int keeper_make_room(struct keeper *k, uint64_t bytes, struct err *err)
{
	char cold[PATH];
	while (room_of(k, cold) < bytes) {
		struct oldest o = { 0 };
		each_on_disk(k, "seg", older, &o);
		if (!o.path[0]) {
			k->no_room++;
			k->wanted = bytes > k->wanted ? bytes : k->wanted;
			return err_set(err, E_LIMIT, cold, "too little room to bring back a segment of %llu MiB: what waits to be sent goes first", (unsigned long long)(bytes >> 20) + 1);
		}
		if (unlink(o.path) < 0 && errno != ENOENT)
			return err_errno(err, o.path, "cannot be removed");
		k->put_away++;
	}
	return 0;
}

/* ---- back ---- */

static int bring(struct keeper *k, struct one *o, struct err *err)
{
	unsigned char sha[32], have[32];
	uint64_t bytes = 0, n = 0;
	char dir[PATH];
	int r = read_mark(o, &bytes, sha, err);
	r = r < 0 ? r : keeper_make_room(k, bytes, err);
	if (r < 0)
		return r;
	snprintf(dir, sizeof dir, "%s" SEG_COLD "/%s/%s", k->segments, o->org, o->series);
	r = fs_mkdirs(dir, 0775, err); /* intaked ends there what lies there */
	if (r < 0)
		return r;
	unlink(o->back); /* a crash's */
	_cleanup_fd_ int fd = open(o->back, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0640);
	if (fd < 0)
		return err_errno(err, o->back, "cannot create");
	r = s3_get(k->s3, o->key, fd, bytes, &n, have, err);
	if (r == 0 && (n != bytes || memcmp(have, sha, 32) != 0))
		r = err_set(err, E_CORRUPT, o->key, "what the store gives back isn't what was put there: it is not to be trusted");
	if (r == 0 && fdatasync(fd) < 0)
		r = err_errno(err, o->back, "cannot sync");
	if (r == 0 && !fs_exists(o->end))
		r = leave_end(o, o->end, fd, bytes, sha, err);
	if (r == 0 && rename(o->back, o->seg) < 0)
		r = err_errno(err, o->seg, "cannot rename");
	if (r < 0)
		unlink(o->back);
	k->back += r == 0;
	return r < 0 ? r : fs_sync_parent(o->seg, err);
}

int keeper_fetch(struct keeper *k, const char *org, const char *series, uint32_t number, struct err *err)
{
	struct one o;
	if (!segment_org_ok(org) || !segment_series_ok(series) || number == 0)
		return err_set(err, E_INVALID, "segment", "not a segment's name");
	name_one(k, org, series, number, &o);
	if (!fs_exists(o.mark))
		return err_set(err, E_NOT_FOUND, o.key, "no such segment is in cold storage");
	return fs_exists(o.seg) ? 0 : bring(k, &o, err);
}

/* ---- what is due ---- */

/* Marked: it is kept. */
static int keep(struct keeper *k, struct one *o, int64_t now_ms, struct err *err)
{
	struct stat st;
	bool sent = fs_exists(o->end);
	if (stat(o->seg, &st) < 0)
		return sent || fs_exists(o->ended) ? 0 : bring(k, o, err); /* ended, and the mark goes next: not to be had back */
	if (sent && now_ms - (int64_t)st.st_mtim.tv_sec * 1000 < KEEPER_BACK_MS)
		return 0;
	int r = sent ? 0 : send(k, o, err);
	if (r == 0 && unlink(o->seg) < 0 && errno != ENOENT) /* retention's, meanwhile */
		r = err_errno(err, o->seg, "cannot be removed");
	return r < 0 ? r : fs_sync_parent(o->seg, err);
}

/* Retention has ended it, and says so: that a mark isn't there would be too little to destroy what is kept. */
static int drop(struct keeper *k, struct one *o, struct err *err)
{
	struct buf b;
	buf_init(&b, KIB);
	int r = fs_read(o->ended, &b, err);
	if (r == 0 && b.len != 32 + SEGMENT_FOOTER_LEN)
		r = err_set(err, E_CORRUPT, o->ended, "isn't the end mark of a segment in the store of objects");
	if (r == 0)
		name_object(o, (const unsigned char *)b.ptr);
	buf_done(&b);
	r = r < 0 ? r : s3_delete(k->s3, o->key, err);
	const char *const files[] = { o->seg, o->end, o->ended };
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		if (unlink(files[i]) < 0 && errno != ENOENT)
			r = err_errno(err, files[i], "cannot be removed");
	k->dropped += r == 0;
	return r < 0 ? r : fs_sync_parent(o->ended, err);
}

struct walk {
	struct keeper *k;
	pthread_mutex_t *lock;
	int64_t now_ms;
	struct err first;
};

/* Under lock. */
static void note(struct walk *w, int r, const struct err *err)
{
	if (r < 0) {
		w->k->faults++;
		w->first = w->first.code ? w->first : *err;
	}
}

static int marked(const char *org, const char *series, void *user)
{
	struct walk *w = user;
	_cleanup_free_ uint32_t *numbers = NULL;
	struct err err = { 0 };
	struct one o;
	size_t n = 0;
	int r = seg_numbers(w->k->segments, org, series, &numbers, &n, &err);
	pthread_mutex_lock(w->lock);
	note(w, r, &err);
	pthread_mutex_unlock(w->lock);
	for (size_t i = 0; r == 0 && i < n; i++) {
		name_one(w->k, org, series, numbers[i], &o);
		err = (struct err){ 0 };
		if (!fs_exists(o.mark))
			continue;
		pthread_mutex_lock(w->lock);
		note(w, keep(w->k, &o, w->now_ms, &err), &err);
		pthread_mutex_unlock(w->lock);
	}
	return 0;
}

static void ended(struct one *o, void *user)
{
	struct walk *w = user;
	struct err err = { 0 };
	if (fs_exists(o->mark) || (w->k->holds && hold_on(w->k->holds, o->org)))
		return;
	pthread_mutex_lock(w->lock);
	note(w, drop(w->k, o, &err), &err);
	pthread_mutex_unlock(w->lock);
}

int keeper_walk(struct keeper *k, pthread_mutex_t *lock, int64_t now_ms, struct err *err)
{
	struct walk w = { .k = k, .lock = lock, .now_ms = now_ms };
	if (!seg_cold_disk(k->segments, ""))
		return 0; /* not mounted: intaked says so, and its bare place isn't to be filled */
	pthread_mutex_lock(lock);
	look_at_room(k);
	pthread_mutex_unlock(lock);
	seg_each_series(k->segments, marked, &w, NULL);
	each_on_disk(k, SEG_ENDED, ended, &w);
	if (w.first.code && err)
		*err = w.first;
	return w.first.code ? -(int)w.first.code : 0;
}
