/* stored.json: how long the records of each body stay searchable, and whose the index is. Read by daemon/stored.c. */
#include "compile/emit.h"

#include "base/mem.h"

int compile_stored(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * MIB);
	buf_puts(&b, "{\"v\":1");
	if (m->service.store.n_urls) {
		json_key(&b, "cluster");
		buf_putc(&b, '{');
		json_field_s(&b, "database", m->service.store.database);
		json_field_s(&b, "name", m->service.store.cluster);
		field_store_place(&b, &m->service);
		json_field_u64(&b, "away_s", m->service.store.away_s);
		json_field_bool(&b, "of_node", m->service.pair.n_nodes > 0); /* each node has a log, and so an index, of its own */
		buf_putc(&b, '}');
	}
	buf_puts(&b, ",\"orgs\":[");
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		json_field_s(&b, "code", m->orgs[i].code);
		field_retention(&b, &m->orgs[i]);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "\n]}\n");
	return emit(out, "stored.json", &b, err);
}
