/* See generation.h. The compile child's frame goes in, an immutable directory comes out. */
#include "apply/generation.h"

#include "apply/frame.h"
#include "base/fs.h"
#include "base/mem.h"
#include "wire/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAGIC 0x5447454eu
#define DESCRIPTION_MAX (64u * MIB)

int gen_name(const char *digest, char hex[GEN_NAME], struct err *err)
{
	unsigned char raw[SHA256_LEN];
	struct str s = str_from(digest);
	if (!str_starts(s, STR("sha256:")) || s.len != 7 + HEX_LEN ||
	    !hex_parse((struct str){ s.ptr + 7, HEX_LEN }, raw, sizeof raw))
		return err_set(err, E_INVALID, "digest", "not of the form sha256: and 64 hexadecimal digits");
	hex_format(raw, sizeof raw, hex);
	return 0;
}

const char *gen_path(char *dst, size_t size, const char *hex, const char *file)
{
	return *file ? place_in_state(dst, size, "generations/%s/%s", hex, file) :
	               place_in_state(dst, size, "generations/%s", hex);
}

bool gen_exists(const char *hex)
{
	char path[PLACE_MAX];
	return *hex && fs_exists(gen_path(path, sizeof path, hex, "files.bin"));
}

/* ---- reading ---- */

static int parse_files(struct str s, struct gen *g, struct err *err)
{
	unsigned char sha[SHA256_LEN];
	char path[FRAME_PATH_MAX + 1], version[32];
	if (s.len < SHA256_LEN)
		return err_set(err, E_CORRUPT, "files.bin", "cut short");
	hash_sha256(s.ptr, s.len - SHA256_LEN, sha);
	if (memcmp(sha, s.ptr + s.len - SHA256_LEN, SHA256_LEN) != 0)
		return err_set(err, E_CORRUPT, "files.bin", "its checksum doesn't fit");
	struct rd r = rd_from(s.ptr, s.len - SHA256_LEN);
	uint32_t magic = rd_u32(&r);
	rd_text(&r, version, sizeof version);
	uint32_t n = rd_u32(&r);
	if (r.bad || magic != MAGIC || n > FRAME_FILES_MAX + 1)
		return err_set(err, E_CORRUPT, "files.bin", "not a list of files");
	g->files = arena_array(&g->arena, n ? n : 1, sizeof *g->files);
	if (!g->files)
		return err_set(err, E_NOMEM, "files.bin", "no memory");
	for (; g->n < n && !r.bad; g->n++) {
		rd_text(&r, path, sizeof path);
		rd_bytes(&r, g->files[g->n].sha, SHA256_LEN);
		g->files[g->n].path = arena_strdup(&g->arena, str_from(path));
		if (!g->files[g->n].path)
			return err_set(err, E_NOMEM, "files.bin", "no memory");
	}
	return rd_end(&r) < 0 ? err_set(err, E_CORRUPT, "files.bin", "malformed") : 0;
}

int gen_load(const char *hex, struct gen *ret, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	struct gen g = { 0 };
	arena_init(&g.arena, 32 * MIB);
	snprintf(g.hex, sizeof g.hex, "%s", hex);
	buf_init(&b, 8 * MIB);
	int r = *hex ? fs_read(gen_path(path, sizeof path, hex, "files.bin"), &b, err) : 0;
	if (r == 0 && *hex)
		r = parse_files(buf_view(&b), &g, err);
	buf_done(&b);
	if (r < 0)
		gen_done(&g);
	else
		*ret = g;
	return r;
}

void gen_done(struct gen *g)
{
	arena_done(&g->arena);
	*g = (struct gen){ 0 };
}

static int by_path(const void *key, const void *file)
{
	return strcmp(key, ((const struct gen_file *)file)->path);
}

const struct gen_file *gen_find(const struct gen *g, const char *path)
{
	return g->n ? bsearch(path, g->files, g->n, sizeof *g->files, by_path) : NULL;
}

int gen_read(const struct gen *g, const char *path, struct buf *b, struct err *err)
{
	char full[PLACE_MAX];
	unsigned char sha[SHA256_LEN];
	const struct gen_file *f = gen_find(g, path);
	if (!f)
		return err_set(err, E_NOT_FOUND, path, "the generation has no such file");
	int r = fs_read(gen_path(full, sizeof full, g->hex, path), b, err);
	if (r < 0)
		return r;
	hash_sha256(b->ptr ? b->ptr : "", b->len, sha);
	if (memcmp(sha, f->sha, sizeof sha) != 0)
		return err_set(err, E_CORRUPT, full, "the file was changed since it was compiled");
	return 0;
}

int gen_verify(const char *hex, struct err *err)
{
	struct gen g;
	struct buf b;
	int r = gen_load(hex, &g, err);
	if (r < 0)
		return r;
	buf_init(&b, FRAME_MAX);
	for (size_t i = 0; i < g.n && r == 0; i++) {
		buf_reset(&b);
		r = gen_read(&g, g.files[i].path, &b, err);
	}
	buf_done(&b);
	gen_done(&g);
	return r;
}

bool gen_differs(const struct gen *a, const struct gen *b, const char *head)
{
	const struct gen *both[2][2] = { { a, b }, { b, a } };
	for (int side = 0; side < 2; side++)
		for (size_t i = 0; i < both[side][0]->n; i++) {
			const struct gen_file *f = &both[side][0]->files[i];
			if (!str_starts(str_from(f->path), str_from(head)))
				continue;
			const struct gen_file *other = gen_find(both[side][1], f->path);
			if (!other || memcmp(f->sha, other->sha, SHA256_LEN) != 0)
				return true;
		}
	return false;
}

/* ---- writing ---- */

struct writer {
	char dir[PLACE_MAX];
	struct buf list; /* the entries of files.bin */
	uint32_t n;
};

static int write_file(struct writer *w, const char *path, struct str data, struct err *err)
{
	char full[PLACE_MAX];
	if (snprintf(full, sizeof full, "%s/%s", w->dir, path) >= (int)sizeof full)
		return err_set(err, E_LIMIT, path, "path too long");
	for (char *slash = strchr(full + strlen(w->dir) + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = 0;
		if (fs_fault() || (mkdir(full, 0755) < 0 && errno != EEXIST))
			return err_errno(err, full, "cannot make the directory");
		*slash = '/';
	}
	_cleanup_fd_ int fd = fs_fault() ? -1 : open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (fd < 0)
		return err_errno(err, full, "cannot create");
	int r = fs_write_all(fd, data.ptr, data.len, err);
	if (r == 0 && (fs_fault() || fsync(fd) < 0))
		r = err_errno(err, full, "cannot sync");
	return r;
}

static int add_file(struct writer *w, const char *path, struct str data, struct err *err)
{
	unsigned char sha[SHA256_LEN];
	hash_sha256(data.ptr, data.len, sha);
	wr_text(&w->list, str_from(path));
	buf_put(&w->list, sha, sizeof sha);
	w->n++;
	return write_file(w, path, data, err);
}

static int write_list(struct writer *w, struct err *err)
{
	unsigned char sha[SHA256_LEN];
	struct buf b;
	buf_init(&b, 8 * MIB);
	wr_u32(&b, MAGIC);
	wr_text(&b, STR(TORIDE_VERSION));
	wr_u32(&b, w->n);
	buf_str(&b, buf_view(&w->list));
	hash_sha256(b.ptr ? b.ptr : "", b.len, sha);
	buf_put(&b, sha, sizeof sha);
	int r = b.failed || w->list.failed ? err_set(err, E_NOMEM, "files.bin", "no memory") :
	                                     write_file(w, "files.bin", buf_view(&b), err);
	buf_done(&b);
	return r;
}

/* The files of the frame in order, with the description in its alphabetical place when compile gave none. */
static int write_frame(struct writer *w, struct str frame, struct str description, const char *hex, struct err *err)
{
	struct frame f;
	char path[FRAME_PATH_MAX + 1], claimed[GEN_NAME];
	struct str data;
	bool described = false;
	int r = frame_open(frame, &f, err);
	if (r < 0)
		return r;
	if (gen_name(f.digest, claimed, NULL) < 0 || strcmp(claimed, hex) != 0)
		return err_set(err, E_INVALID, "digest", "the compiled description has another digest than was ordered");
	while ((r = frame_next(&f, path, &data, err)) > 0) {
		int order = described ? 1 : strcmp(path, "description.json");
		if (strcmp(path, "files.bin") == 0)
			return err_set(err, E_INVALID, path, "this name is torided's own");
		if (order == 0 && !str_eq(data, description))
			return err_set(err, E_INVALID, path, "not the description that was ordered");
		if (order > 0 && !described)
			r = add_file(w, "description.json", description, err);
		described |= order >= 0;
		if (r > 0 || r == 0)
			r = add_file(w, path, data, err);
		if (r < 0)
			return r;
	}
	if (r == 0 && !described)
		r = add_file(w, "description.json", description, err);
	return r < 0 ? r : write_list(w, err);
}

static int sync_tree(const char *dir, struct err *err);
static int sync_one(const char *name, void *user)
{
	char path[PLACE_MAX];
	struct stat st;
	if (snprintf(path, sizeof path, "%s/%s", (const char *)user, name) >= (int)sizeof path)
		return -E_LIMIT;
	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode) ? sync_tree(path, NULL) : 0;
}

static int sync_tree(const char *dir, struct err *err)
{
	int r = fs_list(dir, sync_one, (void *)(uintptr_t)dir, err);
	return r < 0 ? err_set(err, (enum err_code)-r, dir, "cannot sync the generation") : fs_sync_dir(dir, err);
}

static int store(const char *hex, struct str frame, struct str description, struct err *err)
{
	char to[PLACE_MAX], parent[PLACE_MAX];
	struct writer w = { 0 };
	place_in_state(parent, sizeof parent, "generations");
	snprintf(w.dir, sizeof w.dir, "%s/.new-%s", parent, hex);
	gen_path(to, sizeof to, hex, "");
	int r = fs_mkdirs(parent, 0755, err);
	if (r == 0)
		r = fs_rmtree(w.dir, err); /* what an earlier attempt left */
	if (r == 0)
		r = fs_rmtree(to, err); /* without files.bin: not a generation */
	if (r == 0)
		r = fs_mkdirs(w.dir, 0755, err);
	buf_init(&w.list, 8 * MIB);
	if (r == 0)
		r = write_frame(&w, frame, description, hex, err);
	buf_done(&w.list);
	if (r == 0)
		r = sync_tree(w.dir, err);
	if (r == 0 && (fs_fault() || rename(w.dir, to) < 0))
		r = err_errno(err, to, "cannot put the generation into its place");
	if (r < 0) {
		fs_rmtree(w.dir, NULL);
		return r;
	}
	return fs_sync_dir(parent, err);
}

int gen_make(const struct env *e, const char *hex, struct err *err)
{
	char path[PLACE_MAX], have[GEN_NAME];
	unsigned char sha[SHA256_LEN];
	struct buf description, frame;
	if (gen_exists(hex))
		return gen_verify(hex, err);
	buf_init(&description, DESCRIPTION_MAX);
	buf_init(&frame, FRAME_MAX);
	int r = fs_read(place_in_state(path, sizeof path, "submitted/%s.json", hex), &description, err);
	if (r == 0) {
		hash_sha256(description.ptr ? description.ptr : "", description.len, sha);
		hex_format(sha, sizeof sha, have);
		if (strcmp(have, hex) != 0)
			r = err_set(err, E_CORRUPT, path, "its content has the digest sha256:%s", have);
	}
	if (r == 0)
		r = e->compile(hex, &frame, err);
	if (r == 0)
		r = store(hex, buf_view(&frame), buf_view(&description), err);
	buf_done(&description);
	buf_done(&frame);
	return r;
}

/* ---- current ---- */

int gen_current(char hex[GEN_NAME], struct err *err)
{
	char link[PLACE_MAX], to[PLACE_MAX];
	unsigned char raw[SHA256_LEN];
	place_in_state(link, sizeof link, "current");
	hex[0] = 0;
	ssize_t n = fs_fault() ? -1 : readlink(link, to, sizeof to - 1);
	if (n < 0)
		return errno == ENOENT ? 0 : err_errno(err, link, "cannot read the link");
	to[n] = 0;
	const char *name = strrchr(to, '/');
	name = name ? name + 1 : to;
	if (strlen(name) != HEX_LEN || !hex_parse(str_from(name), raw, sizeof raw))
		return err_set(err, E_CORRUPT, link, "doesn't point at a generation");
	snprintf(hex, GEN_NAME, "%s", name);
	return 0;
}

int gen_switch(const char *hex, struct err *err)
{
	char link[PLACE_MAX], tmp[PLACE_MAX], to[PLACE_MAX];
	place_in_state(link, sizeof link, "current");
	place_in_state(tmp, sizeof tmp, "current.new");
	snprintf(to, sizeof to, "generations/%s", hex);
	if (!*hex) {
		if (fs_fault() || (unlink(link) < 0 && errno != ENOENT))
			return err_errno(err, link, "cannot remove the link");
		return fs_sync_dir(place_state(), err);
	}
	unlink(tmp);
	if (fs_fault() || symlink(to, tmp) < 0 || fs_fault() || rename(tmp, link) < 0)
		return err_errno(err, link, "cannot switch the link");
	return fs_sync_dir(place_state(), err);
}
