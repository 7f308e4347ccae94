/* clusterd.json: the ClickHouse elsewhere that holds the index (daemon/clusterd.c reads it). */
#include "compile/emit.h"

#include "base/mem.h"

int compile_clusterd(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b, ca;
	if (!s->store.n_urls)
		return 0;
	buf_init(&b, 8 * MIB);
	buf_init(&ca, 4 * MIB);
	for (size_t i = 0; i < s->n_origin_ca; i++)
		put_pem(&ca, s->origin_ca[i]);
	buf_puts(&b, "{\"v\":1,\"urls\":[");
	for (size_t i = 0; i < s->store.n_urls; i++) {
		buf_puts(&b, i ? "," : "");
		json_str(&b, str_from(s->store.urls[i]));
	}
	buf_putc(&b, ']');
	json_field_s(&b, "user", s->store.user);
	json_field_s(&b, "cluster", s->store.cluster);
	json_field(&b, "ca", buf_view(&ca));
	buf_done(&ca);
	buf_puts(&b, "}\n");
	return emit(out, "clusterd.json", &b, err);
}
