/* See passed.h. What lies in a generation counts by its content, which is what the engine is asked about. Foreign files by what stat(2) says: whoever may
 * change one without that may change the engine. The record is root's, in a directory of root's. */
#include "check/passed.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/place.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define FORM "2" /* another number: whatever passed before is asked again */
#define DEPTH_MAX 8

struct walk {
	struct buf *b; /* a line each */
	char path[PATH_MAX];
	size_t base; /* of it, the part that counts begins there: what a generation's directory is called is no matter */
	int depth;
	bool content;
};

static int entry(const char *name, void *user);

static int put_content(struct walk *w)
{
	unsigned char sum[SHA256_LEN];
	char hex[2 * SHA256_LEN + 1];
	struct buf file;
	buf_init(&file, 256 * MIB);
	int r = fs_read(w->path, &file, NULL);
	hash_sha256(file.ptr ? file.ptr : "", file.len, sum);
	hex_format(sum, SHA256_LEN, hex);
	buf_printf(w->b, "%s %s\n", w->path + w->base, hex);
	buf_done(&file);
	return r;
}

static int put_here(struct walk *w)
{
	struct stat st;
	if (stat(w->path, &st) < 0)
		return -E_NOT_FOUND;
	if (S_ISDIR(st.st_mode)) {
		if (w->depth == DEPTH_MAX)
			return -E_LIMIT;
		w->depth++;
		int r = fs_list(w->path, entry, w, NULL);
		w->depth--;
		return r;
	}
	if (w->content)
		return put_content(w);
	buf_printf(w->b, " %s %lld %llu %lld.%09ld %lld.%09ld\n", w->path, (long long)st.st_size, (unsigned long long)st.st_ino, (long long)st.st_mtim.tv_sec,
	           st.st_mtim.tv_nsec, (long long)st.st_ctim.tv_sec, st.st_ctim.tv_nsec);
	return 0;
}

static int entry(const char *name, void *user)
{
	struct walk *w = user;
	size_t n = strlen(w->path);
	if (snprintf(w->path + n, sizeof w->path - n, "/%s", name) >= (int)(sizeof w->path - n))
		return -E_LIMIT;
	int r = put_here(w);
	w->path[n] = 0;
	return r;
}

static int put_tree(struct buf *b, const char *path, bool content)
{
	struct walk w = { .b = b, .content = content };
	w.base = (size_t)snprintf(w.path, sizeof w.path, "%s", path);
	return put_here(&w);
}

static const char *record(const struct passed *p, char path[PLACE_MAX])
{
	return place_in_state(path, PLACE_MAX, "check/%s.passed", p->engine);
}

static int put_all(const struct passed *p, const char *dir, struct buf *b)
{
	char path[PATH_MAX];
	buf_printf(b, FORM " %s\n", p->engine);
	if (snprintf(path, sizeof path, "%s/%s", dir, p->engine) >= (int)sizeof path)
		return -E_LIMIT;
	int r = put_tree(b, path, true);
	r = r < 0 ? r : put_tree(b, "/proc/self/exe", false);
	r = r < 0 ? r : put_tree(b, "/var/lib/dpkg/status", false);
	for (size_t i = 0; r == 0 && i < PASSED_FOREIGN && p->foreign[i]; i++)
		r = put_tree(b, p->foreign[i], false);
	return r;
}

bool passed_before(struct passed *p, const char *dir)
{
	unsigned char sum[SHA256_LEN];
	char path[PLACE_MAX];
	struct buf all, had;
	bool same = false;
	p->sum[0] = 0;
	buf_init(&all, 64 * MIB);
	buf_init(&had, KIB);
	if (put_all(p, dir, &all) == 0 && !all.failed) {
		hash_sha256(all.ptr, all.len, sum);
		hex_format(sum, SHA256_LEN, p->sum);
		same = fs_read(record(p, path), &had, NULL) == 0 && str_eq(buf_view(&had), str_from(p->sum));
	}
	buf_done(&all);
	buf_done(&had);
	return same;
}

void passed_note(const struct passed *p)
{
	char path[PLACE_MAX];
	if (p->sum[0])
		fs_write(record(p, path), str_from(p->sum), 0600, NULL);
}
