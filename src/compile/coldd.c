/* coldd.json: the store of objects that cold segments go on to (daemon/coldd.c reads it), and its name. */
#include "compile/emit.h"

#include "base/mem.h"

/* What root compares, which reads no JSON (check/left.c). cold-store: the store's name, a line; cold-left: those that may be left although records lie there. */
static int names(const struct service *s, struct outset *out, struct err *err)
{
	struct buf store, left;
	char name[COLD_STORE_MAX];
	buf_init(&store, 4 * KIB);
	buf_init(&left, MIB);
	if (*service_cold_store(s, name))
		buf_printf(&store, "%s\n", name);
	for (size_t i = 0; i < s->n_cold_left; i++)
		buf_printf(&left, "%s\n", s->cold_left[i]);
	int r = store.len ? emit(out, "cold-store", &store, err) : (buf_done(&store), 0);
	int r2 = left.len ? emit(out, "cold-left", &left, err) : (buf_done(&left), 0);
	return r < 0 ? r : r2;
}

int compile_coldd(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b, ca;
	int r = names(s, out, err);
	if (r < 0 || !s->cold.url[0])
		return r;
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
