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
		field_retention(&b, &m->orgs[i]);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "\n]}\n");
	return emit(out, "stored.json", &b, err);
}
