/* The set of files a compile makes; see compile.h. */
#include "compile/compile.h"

#include "base/mem.h"

#include <string.h>

void outset_init(struct outset *out)
{
	*out = (struct outset){ 0 };
	arena_init(&out->arena, 512 * MIB);
}

void outset_done(struct outset *out)
{
	mem_free(out->files);
	arena_done(&out->arena);
	*out = (struct outset){ 0 };
}

static bool path_ok(const char *path)
{
	if (!*path || *path == '/' || strstr(path, "..") || strlen(path) > 200)
		return false;
	return path[strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789._/-")] == 0;
}

const struct outfile *outset_find(const struct outset *out, const char *path)
{
	for (size_t i = 0; i < out->n; i++)
		if (strcmp(out->files[i].path, path) == 0)
			return &out->files[i];
	return NULL;
}

int outset_add(struct outset *out, const char *path, const struct buf *b, struct err *err)
{
	if (b->failed)
		return err_set(err, (enum err_code)-b->failed, path, "the compiled file is too large or there is no memory");
	if (!path_ok(path) || outset_find(out, path))
		return err_set(err, E_INVALID, path, "not a path of the outset, or there already");
	if (out->n == out->cap) {
		size_t cap = out->cap ? out->cap * 2 : 64;
		struct outfile *f = mem_grow(out->files, cap * sizeof *f);
		if (!f)
			return err_set(err, E_NOMEM, path, "no memory");
		out->files = f;
		out->cap = cap;
	}
	char *name = arena_strdup(&out->arena, str_from(path));
	char *data = arena_strdup(&out->arena, buf_view(b));
	if (!name || !data)
		return err_set(err, E_NOMEM, path, "no memory");
	out->files[out->n++] = (struct outfile){ name, { data, b->len } };
	return 0;
}
