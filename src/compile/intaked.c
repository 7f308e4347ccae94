/* intaked.json: what toride-intaked needs to know whose a packet or an event is (normalise/orgs.h reads it). */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/emit.h"

static void address(struct buf *b, const char *key, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (prefix_is_set(p))
		json_field_s(b, key, prefix_format_addr(p, text));
}

/* Who the places are that the inspection of the leg to the public sites' origins names. */
static void leg(struct buf *b, const struct model *m, const struct org *o)
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	size_t n = leg_origins(m, o, list);
	if (!n)
		return;
	json_key(b, "leg");
	for (size_t i = 0; i < n; i++) {
		buf_puts(b, i ? ",{" : "[{");
		address(b, "place", &list[i].place);
		address(b, "origin", &list[i].addr);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* Whose a question to the name servers is. */
static void zones(struct buf *b, const struct model *m)
{
	bool any = false;
	json_key(b, "zones");
	buf_putc(b, '[');
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_zones; k++) {
			buf_puts(b, any ? ",\n{" : "\n{");
			any = true;
			json_field_s(b, "name", m->orgs[i].zones[k].name);
			json_field_s(b, "org", m->orgs[i].code);
			buf_putc(b, '}');
		}
	buf_putc(b, ']');
}

int compile_intaked(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * MIB);
	buf_puts(&b, "{\"v\":1");
	json_key(&b, "uplinks");
	for (size_t i = 0; i < m->service.n_uplinks; i++) {
		buf_putc(&b, i ? ',' : '[');
		json_str(&b, str_from(m->service.uplinks[i].interface));
	}
	buf_putc(&b, ']');
	json_key(&b, "orgs");
	buf_putc(&b, '[');
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		buf_puts(&b, i ? ",\n{" : "\n{");
		json_field_s(&b, "code", o->code);
		json_field_u64(&b, "index", o->index);
		json_field_s(&b, "interface", o->interface);
		field_retention(&b, o);
		if (o->hot_days)
			json_field_u64(&b, "hot_days", o->hot_days);
		if (o->packet_days)
			json_field_u64(&b, "packet_days", o->packet_days);
		json_key(&b, "publics");
		buf_putc(&b, '[');
		for (size_t k = 0; k < o->n_publics; k++) {
			char text[PREFIX_TEXT];
			buf_puts(&b, k ? "," : "");
			json_str(&b, str_from(prefix_format_addr(&o->publics[k], text)));
		}
		buf_putc(&b, ']');
		struct prefix own4 = internal4(m, o, INTERNAL_RESOLVER), own6 = internal6(o, INTERNAL_RESOLVER);
		address(&b, "resolver4", &own4);
		address(&b, "resolver6", &own6);
		leg(&b, m, o);
		buf_putc(&b, '}');
	}
	buf_putc(&b, ']');
	zones(&b, m);
	buf_puts(&b, "}\n");
	return emit(out, "intaked.json", &b, err);
}
