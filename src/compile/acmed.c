/* acmed.json: the public sites that have certificates, and where those that are got by ACME come from (acme/conf.h reads it). */
#include "compile/emit.h"

#include "base/mem.h"

static void put_site(struct buf *b, const struct model *m, const struct org *o, const struct site *s)
{
	char text[PREFIX_TEXT];
	struct prefix dns = internal4(m, o, INTERNAL_RESOLVER);
	buf_puts(b, b->ptr[b->len - 1] == '[' ? "\n{" : ",\n{");
	json_field_s(b, "org", o->code);
	json_key(b, "names");
	buf_putc(b, '[');
	json_str(b, str_from(s->name));
	for (size_t i = 0; s->acme && i < s->n_aliases; i++) {
		buf_putc(b, ',');
		json_str(b, str_from(s->aliases[i]));
	}
	buf_putc(b, ']');
	json_field_bool(b, "acme", s->acme);
	json_field_s(b, "resolver", prefix_format_addr(&dns, text));
	buf_putc(b, '}');
}

int compile_acmed(const struct model *m, struct outset *out, struct err *err)
{
	char text[PREFIX_TEXT];
	struct buf b, ca;
	size_t n = 0;
	buf_init(&b, 16 * MIB);
	buf_init(&ca, 4 * MIB);
	for (size_t i = 0; i < m->service.n_origin_ca; i++)
		put_pem(&ca, m->service.origin_ca[i]);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "directory", m->service.acme);
	json_field_s(&b, "contact", m->service.mail.from);
	json_field_s(&b, "web", prefix_format_addr(&m->service.web4, text));
	json_field(&b, "ca", buf_view(&ca));
	buf_done(&ca);
	buf_puts(&b, ",\"sites\":[");
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++)
			if (m->orgs[i].sites[k].n_certificate || m->orgs[i].sites[k].acme) {
				put_site(&b, m, &m->orgs[i], &m->orgs[i].sites[k]);
				n++;
			}
	buf_puts(&b, "]}\n");
	if (n)
		return emit(out, "acmed.json", &b, err);
	buf_done(&b);
	return 0;
}
