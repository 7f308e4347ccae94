/* probed.json: the lines and whom to ask through them, and whose the bandwidth classes are. Its format and reader:
 * probe/conf.h. */
#include "compile/emit.h"

#include "base/mem.h"

#include <stdio.h>

static void put_probes(struct buf *b, const struct uplink *u)
{
	const struct prefix *hops[] = { &u->gateway4, &u->gateway6 };
	char text[PREFIX_TEXT];
	size_t n = 0;
	for (size_t i = 0; i < u->n_probes; i++) {
		buf_puts(b, n++ ? "," : "");
		json_str(b, str_from(prefix_format_addr(&u->probes[i], text)));
	}
	for (size_t i = 0; u->n_probes == 0 && i < ARRAY_LEN(hops); i++)
		if (prefix_is_set(hops[i])) {
			buf_puts(b, n++ ? "," : "");
			json_str(b, str_from(prefix_format_addr(hops[i], text)));
		}
}

static void put_line(struct buf *b, const struct uplink *u)
{
	char inbound[16];
	snprintf(inbound, sizeof inbound, SHAPE_IN "%u", u->priority);
	json_field_s(b, "name", u->name);
	json_field_s(b, "interface", u->interface);
	json_field_s(b, "inbound", inbound);
	json_key(b, "probes");
	buf_putc(b, '[');
	put_probes(b, u);
	buf_puts(b, "]}");
}

int compile_probed(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b;
	buf_init(&b, 4 * MIB);
	buf_puts(&b, "{\"v\":1");
	json_field_u64(&b, "probe_ms", s->failover.probe_ms);
	json_field_u64(&b, "lost", s->failover.lost);
	json_field_u64(&b, "loss_percent", s->failover.loss_percent);
	json_field_u64(&b, "loss_rounds", s->failover.loss_rounds);
	json_field_u64(&b, "back_s", s->failover.back_s);
	if (s->time.n_servers) {
		json_field_u64(&b, "drift_ms", s->time.drift_ms);
		json_field_u64(&b, "silent_s", s->time.silent_s);
	}
	buf_puts(&b, ",\"lines\":[");
	for (size_t i = 0; i < s->n_uplinks; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		put_line(&b, &s->uplinks[i]);
	}
	buf_puts(&b, "],\"orgs\":[");
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		json_field_s(&b, "code", m->orgs[i].code);
		json_field_u64(&b, "index", m->orgs[i].index);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "]}\n");
	return emit(out, "probed.json", &b, err);
}
