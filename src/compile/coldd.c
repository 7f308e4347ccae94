/* coldd.json: the store of objects that cold segments go on to (daemon/coldd.c reads it). */
#include "compile/emit.h"

#include "base/mem.h"

int compile_coldd(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b, ca;
	if (!s->cold.url[0])
		return 0;
	buf_init(&b, 8 * MIB);
	buf_init(&ca, 4 * MIB);
	for (size_t i = 0; i < s->n_origin_ca; i++)
		put_pem(&ca, s->origin_ca[i]);
	buf_puts(&b, "{\"v\":1");
	json_field_s(&b, "url", s->cold.url);
	json_field_s(&b, "bucket", s->cold.bucket);
	json_field_s(&b, "region", s->cold.region);
	json_field_s(&b, "key_id", s->cold.key_id);
	json_field_u64(&b, "lock_days", s->cold.lock_days);
	json_field(&b, "ca", buf_view(&ca));
	buf_done(&ca);
	buf_puts(&b, "}\n");
	return emit(out, "coldd.json", &b, err);
}
