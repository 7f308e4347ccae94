/* See emit.h. */
#include "compile/emit.h"

#include <string.h>

struct prefix internal4(const struct model *m, const struct org *o, uint8_t host)
{
	struct prefix p = m->service.internal4;
	unsigned net = o->index;
	p.addr[1] = (uint8_t)(p.addr[1] + (net >> 8));
	p.addr[2] = (uint8_t)net;
	p.addr[3] = host;
	p.len = 32;
	return p;
}

struct prefix internal6(const struct org *o, uint8_t host)
{
	struct prefix p = o->router6;
	if (!prefix_is_set(&p))
		return p;
	memset(p.addr + 8, 0, 8);
	p.addr[15] = host;
	p.len = 128;
	return p;
}

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
