/* See emit.h. */
#include "compile/emit.h"

int emit(struct outset *out, const char *path, struct buf *b, struct err *err)
{
	int r = outset_add(out, path, b, err);
	buf_done(b);
	return r;
}

void put_addr(struct buf *b, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	buf_puts(b, prefix_format_addr(p, text));
}

void put_prefix(struct buf *b, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	buf_puts(b, prefix_format(p, text));
}
