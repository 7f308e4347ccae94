/* See bundle.h. */
#include "segment/bundle.h"

#include "base/fs.h"
#include "base/mem.h"
#include "segment/merkle.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#define BLOCK 512
#define PART (256 * KIB)
#define FILES_MAX 1000000

struct ustar {
	char name[100], mode[8], uid[8], gid[8], size[12], mtime[12], chksum[8], type, linkname[100], magic[6], version[2], uname[32], gname[32], major[8],
		minor[8], prefix[155], pad[12];
};
_Static_assert(sizeof(struct ustar) == BLOCK, "a tar header is a block");

/* "manifest.json", "leaves/events-000001.txt": no way out of the directory, nothing hidden. */
static bool name_ok(const char *name)
{
	const char *file = name;
	size_t n = strlen(name);
	if (strncmp(name, "leaves/", 7) == 0 || strncmp(name, "files/", 6) == 0)
		file = strchr(name, '/') + 1;
	return n && n < sizeof((struct ustar *)0)->name && *file && *file != '.' &&
	       file[strspn(file, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.")] == 0;
}

static unsigned checksum(const struct ustar *h)
{
	const unsigned char *p = (const unsigned char *)h;
	unsigned sum = 0;
	for (size_t i = 0; i < sizeof *h; i++)
		sum += i >= offsetof(struct ustar, chksum) && i < offsetof(struct ustar, type) ? ' ' : p[i];
	return sum;
}

/* ---- writing ---- */

struct writing {
	const char *dir, *file;
	int fd;
	struct sha sha;
	struct bundle_report *report;
	char *part;
	struct err *err;
	const char *below; /* "leaves/" */
};

static int put(struct writing *w, const void *p, size_t n)
{
	sha_add(&w->sha, p, n);
	w->report->bytes += n;
	return fs_write_all(w->fd, p, n, w->err);
}

static void header(struct ustar *h, const char *name, uint64_t size)
{
	*h = (struct ustar){ .type = '0', .mode = "0000600", .uid = "0000000", .gid = "0000000", .mtime = "00000000000" };
	memcpy(h->magic, "ustar", 6);
	memcpy(h->version, "00", 2);
	memcpy(h->name, name, strlen(name));
	if (size < 1ull << 33) {
		snprintf(h->size, sizeof h->size, "%011llo", (unsigned long long)size);
	} else {
		h->size[0] = (char)0x80;
		for (int i = 0; i < 8; i++)
			h->size[11 - i] = (char)(size >> (8 * i));
	}
	snprintf(h->chksum, sizeof h->chksum, "%06o", checksum(h));
	h->chksum[7] = ' ';
}

static int put_file(struct writing *w, const char *name, int fd, uint64_t size)
{
	static const char zeros[BLOCK];
	struct ustar h;
	header(&h, name, size);
	int r = put(w, &h, sizeof h);
	for (uint64_t left = size; r == 0 && left;) {
		ssize_t n = fs_fault() ? -1 : read(fd, w->part, left < PART ? left : PART);
		if (n <= 0)
			return n < 0 ? err_errno(w->err, name, "cannot read") : err_set(w->err, E_CORRUPT, name, "got shorter while it was read");
		r = put(w, w->part, (size_t)n);
		left -= (uint64_t)n;
	}
	return r == 0 && size % BLOCK ? put(w, zeros, BLOCK - size % BLOCK) : r;
}

static int one_name(const char *name, void *user)
{
	struct writing *w = user;
	char path[1024], whole[300];
	struct stat st;
	snprintf(whole, sizeof whole, "%s%.250s", w->below, name);
	snprintf(path, sizeof path, "%s/%s", w->dir, whole);
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(w->err, path, "cannot open");
	if (S_ISDIR(st.st_mode) && !*w->below) {
		char below[300];
		snprintf(below, sizeof below, "%.250s/", name);
		w->below = below;
		int r = fs_list(path, one_name, w, w->err);
		w->below = "";
		return r;
	}
	if (!S_ISREG(st.st_mode) || !name_ok(whole))
		return err_set(w->err, E_INVALID, path, "is no file of an export");
	return put_file(w, whole, fd, (uint64_t)st.st_size);
}

static int write_all(struct writing *w)
{
	static const char end[2 * BLOCK];
	sha_begin(&w->sha);
	int r = fs_list(w->dir, one_name, w, w->err);
	if (r == 0)
		r = put(w, end, sizeof end);
	sha_end(&w->sha, w->report->sha256);
	if (r == 0 && (fs_fault() || fsync(w->fd) < 0))
		r = err_errno(w->err, w->file, "cannot sync");
	return r;
}

int bundle_write(const char *dir, const char *file, struct bundle_report *ret, struct err *err)
{
	_cleanup_free_ char *part = mem_alloc(PART);
	struct writing w = { .dir = dir, .file = file, .fd = -1, .report = ret, .part = part, .err = err, .below = "" };
	*ret = (struct bundle_report){ 0 };
	if (!part || sha_open(&w.sha) < 0)
		return err_set(err, E_NOMEM, "", "no memory");
	w.fd = fs_fault() ? -1 : open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	int r = w.fd < 0 ? err_errno(err, file, "cannot create") : write_all(&w);
	if (w.fd >= 0) {
		close(w.fd);
		r = r == 0 ? fs_sync_parent(file, err) : r;
		if (r < 0)
			unlink(file);
	}
	sha_close(&w.sha);
	return r;
}

/* ---- reading ---- */

struct reading {
	const char *file, *dir;
	int fd;
	uint64_t at, size;
	char *part;
};

static int broken(const struct reading *b, const char *what, struct err *err)
{
	return err_set(err, E_CORRUPT, b->file, "byte %llu: %s", (unsigned long long)b->at, what);
}

static int get(struct reading *b, void *p, size_t n, struct err *err)
{
	for (size_t done = 0; done < n;) {
		ssize_t k = fs_fault() ? -1 : pread(b->fd, (char *)p + done, n - done, (off_t)(b->at + done));
		if (k < 0)
			return err_errno(err, b->file, "cannot read");
		if (k == 0)
			return broken(b, "cut short", err);
		done += (size_t)k;
	}
	b->at += n;
	return 0;
}

static bool read_size(const char size[12], uint64_t *ret)
{
	uint64_t v = 0;
	if ((unsigned char)size[0] == 0x80) {
		for (int i = 1; i < 12; i++) {
			if (v >> 48)
				return false;
			v = v << 8 | (unsigned char)size[i];
		}
		*ret = v;
		return true;
	}
	for (int i = 0; i < 11; i++) {
		if (size[i] < '0' || size[i] > '7')
			return false;
		v = v << 3 | (uint64_t)(size[i] - '0');
	}
	*ret = v;
	return true;
}

static int take_file(struct reading *b, const char *name, uint64_t size, struct err *err)
{
	char path[1024];
	snprintf(path, sizeof path, "%s/%s", b->dir, name);
	_cleanup_fd_ int out = fs_fault() ? -1 : open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (out < 0)
		return errno == EEXIST ? broken(b, "a name that comes twice", err) : err_errno(err, path, "cannot create");
	for (uint64_t left = size; left;) {
		size_t n = left < PART ? (size_t)left : PART;
		int r = get(b, b->part, n, err);
		r = r < 0 ? r : fs_write_all(out, b->part, n, err);
		if (r < 0)
			return r;
		left -= n;
	}
	b->at += (BLOCK - size % BLOCK) % BLOCK;
	return 0;
}

/* 1: the end. */
static int take_one(struct reading *b, struct err *err)
{
	static const struct ustar none;
	struct ustar h;
	char name[101] = { 0 }, want[8];
	uint64_t size;
	int r = get(b, &h, sizeof h, err);
	if (r < 0)
		return r;
	if (memcmp(&h, &none, sizeof h) == 0)
		return 1;
	memcpy(name, h.name, sizeof h.name);
	snprintf(want, sizeof want, "%06o", checksum(&h));
	if (memcmp(h.magic, "ustar", 5) != 0 || memcmp(h.chksum, want, 6) != 0)
		return broken(b, "not a tar as log export writes it", err);
	if (h.type != '0' || h.prefix[0] || !name_ok(name))
		return broken(b, "something that no export holds", err);
	if (!read_size(h.size, &size) || size > b->size - b->at)
		return broken(b, "cut short", err);
	return take_file(b, name, size, err);
}

int bundle_open(const char *file, const char *dir, struct err *err)
{
	char path[1024];
	struct stat st;
	_cleanup_free_ char *part = mem_alloc(PART);
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, file, "cannot open");
	struct reading b = { file, dir, fd, 0, (uint64_t)st.st_size, part };
	if (!part)
		return err_set(err, E_NOMEM, "", "no memory");
	if (!S_ISREG(st.st_mode))
		return err_set(err, E_INVALID, file, "not a file");
	static const char *const below[] = { "leaves", "files" };
	int r = 0;
	for (size_t i = 0; i < ARRAY_LEN(below) && r == 0; i++) {
		snprintf(path, sizeof path, "%s/%s", dir, below[i]);
		r = fs_mkdirs(path, 0700, err);
	}
	for (size_t n = 0; r == 0 && n < FILES_MAX; n++)
		r = take_one(&b, err);
	return r == 1 ? 0 : r < 0 ? r : err_set(err, E_LIMIT, file, "holds more than %d files", FILES_MAX);
}
