/* lookd.json: the pages of public sites that are looked at for defacement (look/conf.h reads it). */
#include "compile/emit.h"

#include "base/mem.h"

static void put_page(struct buf *b, const struct org *o, const struct site *s, const char *path)
{
	struct buf names;
	buf_init(&names, 8 * KIB);
	buf_puts(&names, s->name);
	for (size_t i = 0; i < s->n_aliases; i++)
		buf_printf(&names, " %s", s->aliases[i]);
	buf_puts(b, b->ptr[b->len - 1] == '[' ? "\n{" : ",\n{");
	json_field_s(b, "org", o->code);
	json_field_s(b, "site", s->name);
	json_field_s(b, "path", path);
	json_field(b, "names", buf_view(&names));
	json_field_bool(b, "tls", s->n_certificate || s->acme);
	json_field_u64(b, "every_s", s->look_every_s);
	buf_putc(b, '}');
	buf_done(&names);
}

int compile_lookd(const struct model *m, struct outset *out, struct err *err)
{
	char text[PREFIX_TEXT];
	struct buf b;
	size_t n = 0;
	buf_init(&b, 32 * MIB);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "web", prefix_format_addr(&m->service.web4, text));
	buf_puts(&b, ",\"pages\":[");
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++)
			for (size_t p = 0; p < m->orgs[i].sites[k].n_look; p++, n++)
				put_page(&b, &m->orgs[i], &m->orgs[i].sites[k], m->orgs[i].sites[k].look[p]);
	buf_puts(&b, "]}\n");
	if (n)
		return emit(out, "lookd.json", &b, err);
	buf_done(&b);
	return 0;
}
