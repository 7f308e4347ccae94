/* clusterd.json: the ClickHouse elsewhere that holds the index (daemon/clusterd.c reads it). */
#include "compile/emit.h"

#include "base/map.h"
#include "base/mem.h"

void field_store_place(struct buf *b, const struct service *s)
{
	unsigned char sum[SHA256_LEN];
	char name[17];
	struct buf all;
	buf_init(&all, 8 * KIB);
	for (size_t i = 0; i < s->store.n_urls; i++)
		buf_printf(&all, "%s\n", s->store.urls[i]);
	buf_printf(&all, "%s\n%s\n%s\n", s->store.user, s->store.database, s->store.cluster);
	hash_sha256(all.ptr, all.len, sum);
	hex_format(sum, 8, name);
	json_field_s(b, "place", name);
	buf_done(&all);
}

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
	field_store_place(&b, s);
	json_field(&b, "ca", buf_view(&ca));
	buf_done(&ca);
	buf_puts(&b, "}\n");
	return emit(out, "clusterd.json", &b, err);
}
