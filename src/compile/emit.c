/* See emit.h. */
#include "compile/emit.h"

#include "base/mem.h"

bool breaks_out(const struct org *o, int family)
{
	return o->breakout.n_services && prefix_is_set(family == 4 ? &o->breakout.global4 : &o->breakout.global6);
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

void field_addr(struct buf *b, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	json_field_s(b, key, prefix_is_set(p) ? prefix_format_addr(p, text) : "");
}

void field_retention(struct buf *b, const struct org *o)
{
	json_field_u64(b, "retention_days", o->retention_days);
	for (size_t i = 0; i < o->n_retention; i++)
		buf_printf(b, "%s{\"class\":%u,\"days\":%u}%s", i ? "," : ",\"retention\":[", (unsigned)o->retention[i].class, o->retention[i].days,
		           i + 1 == o->n_retention ? "]" : "");
}

void put_pem(struct buf *b, const char *certificate)
{
	struct str left = str_from(certificate + strlen("base64:"));
	buf_puts(b, "-----BEGIN CERTIFICATE-----\n");
	while (left.len) {
		size_t n = left.len > 64 ? 64 : left.len;
		buf_printf(b, "%.*s\n", (int)n, left.ptr);
		left = (struct str){ left.ptr + n, left.len - n };
	}
	buf_puts(b, "-----END CERTIFICATE-----\n");
}
