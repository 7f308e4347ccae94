/* courierd.json: the gateways messages go to, and where none ever goes (courier/courier.h reads it). */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/emit.h"

static void prefix(struct buf *b, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (!prefix_is_set(p))
		return;
	buf_puts(b, b->ptr[b->len - 1] == '[' ? "" : ",");
	json_str(b, str_from(prefix_format(p, text)));
}

/* The bodies' networks, LGWAN and the node's inside: a name that resolves there is a trap, not a gateway. */
static void put_never(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	json_key(b, "never");
	buf_putc(b, '[');
	prefix(b, &s->internal4);
	for (size_t i = 0; i < s->n_lgwan; i++)
		prefix(b, &s->lgwan[i]);
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_prefixes; k++)
			prefix(b, &m->orgs[i].prefixes[k]);
	buf_putc(b, ']');
}

static void put_gateway(struct buf *b, const struct gateway *g)
{
	static const char *const kinds[] = { [GATEWAY_SMS] = "sms", [GATEWAY_VOICE] = "voice", [GATEWAY_WEBHOOK] = "webhook" };
	buf_puts(b, b->ptr[b->len - 1] == '[' ? "{" : ",{");
	json_field_s(b, "name", g->name);
	json_field_s(b, "kind", kinds[g->kind]);
	json_field_s(b, "url", g->url);
	json_field_s(b, "body", g->body);
	json_field_bool(b, "form", g->form);
	buf_putc(b, '}');
}

int compile_courierd(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * MIB);
	buf_puts(&b, "{\"v\":1,\"gateways\":[");
	for (size_t i = 0; i < m->service.n_gateways; i++)
		put_gateway(&b, &m->service.gateways[i]);
	buf_putc(&b, ']');
	put_never(&b, m);
	buf_puts(&b, "}\n");
	return emit(out, "courierd.json", &b, err);
}
