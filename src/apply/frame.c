/* See frame.h. Stands between the compile child (jailed) and generation.c (root). */
#include "apply/frame.h"

#include <string.h>

#define MAGIC 0x544f5554u

void frame_start(struct buf *b, const char *digest, uint32_t n)
{
	wr_u32(b, MAGIC);
	wr_text(b, str_from(digest));
	wr_u32(b, n);
}

void frame_file(struct buf *b, const char *path, struct str data)
{
	wr_text(b, str_from(path));
	wr_blob(b, data);
}

bool frame_path_ok(const char *path)
{
	size_t n = strlen(path);
	if (n == 0 || n > FRAME_PATH_MAX || path[0] == '/' || path[0] == '.' || path[n - 1] == '/')
		return false;
	if (strstr(path, "..") || strstr(path, "//") || strstr(path, "/."))
		return false;
	return path[strspn(path, "abcdefghijklmnopqrstuvwxyz0123456789._/-")] == 0;
}

int frame_open(struct str msg, struct frame *ret, struct err *err)
{
	struct frame f = { .rd = rd_from(msg.ptr, msg.len) };
	uint32_t magic = rd_u32(&f.rd);
	rd_text(&f.rd, f.digest, sizeof f.digest);
	f.n = rd_u32(&f.rd);
	if (f.rd.bad || magic != MAGIC || f.n > FRAME_FILES_MAX)
		return err_set(err, E_INVALID, "compile", "its answer isn't an outset");
	*ret = f;
	return 0;
}

int frame_next(struct frame *f, char path[FRAME_PATH_MAX + 1], struct str *ret_data, struct err *err)
{
	if (f->seen == f->n)
		return rd_end(&f->rd) < 0 ? err_set(err, E_INVALID, "compile", "bytes behind the last file") : 0;
	rd_text(&f->rd, path, FRAME_PATH_MAX + 1);
	struct str data = rd_blob(&f->rd);
	if (f->rd.bad)
		return err_set(err, E_INVALID, "compile", "file %u of %u is cut short", f->seen + 1, f->n);
	if (!frame_path_ok(path) || (f->seen && strcmp(path, f->last) <= 0))
		return err_set(err, E_INVALID, "compile", "file %u has a path that isn't allowed or out of order", f->seen + 1);
	memcpy(f->last, path, sizeof f->last);
	f->seen++;
	*ret_data = data;
	return 1;
}
