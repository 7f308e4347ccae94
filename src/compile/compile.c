/* All engines in order, and the manifest that names what was made. See compile.h. */
#include "compile/compile.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static int by_path(const void *a, const void *b)
{
	return strcmp(((const struct outfile *)a)->path, ((const struct outfile *)b)->path);
}

static int description(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, m->canonical_len + 1);
	buf_put(&b, m->canonical, m->canonical_len);
	int r = outset_add(out, "description.json", &b, err);
	buf_done(&b);
	return r;
}

static int manifest(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * MIB);
	buf_puts(&b, "{");
	json_field_s(&b, "digest", m->digest);
	json_key(&b, "files");
	buf_puts(&b, "{");
	for (size_t i = 0; i < out->n; i++) {
		unsigned char sum[SHA256_LEN];
		char hex[2 * SHA256_LEN + 1];
		hash_sha256(out->files[i].data.ptr, out->files[i].data.len, sum);
		hex_format(sum, sizeof sum, hex);
		buf_puts(&b, i ? ",\n" : "\n");
		json_str(&b, str_from(out->files[i].path));
		buf_putc(&b, ':');
		json_str(&b, str_from(hex));
	}
	buf_puts(&b, "\n}}\n");
	int r = outset_add(out, "manifest.json", &b, err);
	buf_done(&b);
	return r;
}

int compile_all(const struct model *m, struct outset *out, struct err *err)
{
	static int (*const engines[])(const struct model *, struct outset *, struct err *) = {
		description, compile_net, compile_nft, compile_suricata, compile_shape, compile_unbound, compile_knot, compile_nsd, compile_edge, compile_acmed, compile_lookd, compile_coldd, compile_clusterd, compile_intaked, compile_scand, compile_proxyd, compile_userd, compile_detectd, compile_stored,
		compile_respondd, compile_courierd, compile_probed, compile_chrony, compile_recvd, compile_portald, compile_pair, compile_bird
	};
	for (size_t i = 0; i < ARRAY_LEN(engines); i++) {
		int r = engines[i](m, out, err);
		if (r < 0)
			return r;
	}
	qsort(out->files, out->n, sizeof *out->files, by_path);
	int r = manifest(m, out, err);
	qsort(out->files, out->n, sizeof *out->files, by_path);
	return r;
}
