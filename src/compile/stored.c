/* stored.json: how long the records of each body stay searchable. Read by daemon/stored.c. */
#include "compile/emit.h"

#include "base/mem.h"

int compile_stored(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * MIB);
	buf_puts(&b, "{\"v\":1,\"orgs\":[");
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		json_field_s(&b, "code", m->orgs[i].code);
		json_field_u64(&b, "retention_days", m->orgs[i].retention_days);
		for (size_t k = 0; k < m->orgs[i].n_retention; k++)
			buf_printf(&b, "%s{\"class\":%u,\"days\":%u}%s", k ? "," : ",\"retention\":[", (unsigned)m->orgs[i].retention[k].class,
			           m->orgs[i].retention[k].days, k + 1 == m->orgs[i].n_retention ? "]" : "");
		buf_putc(&b, '}');
	}
	buf_puts(&b, "\n]}\n");
	return emit(out, "stored.json", &b, err);
}
