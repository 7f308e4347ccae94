/* See verify.h. The last step of every change, and of every undo. */
#include "apply/verify.h"

#include "apply/child.h"
#include "base/mem.h"

#define VERIFY_MS 120000
#define ROUNDS 4 /* where only name servers lag behind */

struct job {
	struct verify_input in;
	struct buf rules, keys, canaries, classes, zones, edge_ask, edge_expect;
};

static int verify_all(void *arg, struct buf *out, struct err *err)
{
	struct job *j = arg;
	(void)out;
	for (size_t i = 0; engines[i]; i++) {
		int r = engines[i]->verify ? engines[i]->verify(&j->in, err) : 0;
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_if_there(const struct gen *g, const char *path, struct buf *b, struct str *ret, struct err *err)
{
	buf_init(b, 256 * MIB);
	*ret = (struct str){ NULL, 0 };
	int r = gen_find(g, path) ? gen_read(g, path, b, err) : 0;
	if (r == 0 && b->len)
		*ret = buf_view(b);
	return r;
}

/* A name server that missed what its primary told it would ask again only in an hour: it is told again. */
static int read_back(const struct env *e, struct job *j, struct buf *out, struct err *err)
{
	int r = child_call(CHILD_NET_ADMIN, verify_all, j, VERIFY_MS, out, err);
	for (int i = 1; i < ROUNDS && r == -E_AGAIN; i++) {
		nsd_transfer(e);
		buf_reset(out);
		r = child_call(CHILD_NET_ADMIN, verify_all, j, VERIFY_MS, out, err);
	}
	if (r == -E_AGAIN && err)
		err->code = E_CORRUPT;
	return r == -E_AGAIN ? -E_CORRUPT : r;
}

/* The files are read here, before the child gives up the right to. */
int verify_generation(const struct env *e, const struct gen *g, struct err *err)
{
	struct job j = { .in = { .env = e } };
	struct buf out;
	buf_init(&out, 64);
	const struct {
		const char *path;
		struct buf *b;
		struct str *to;
	} files[] = { { "nft/rules.json", &j.rules, &j.in.rules }, 
		      { "canary.json", &j.canaries, &j.in.canaries }, { "shape/keys", &j.classes, &j.in.classes }, { "zones.json", &j.zones, &j.in.zones },
		      { "edge/canary.conf", &j.edge_ask, &j.in.edge_ask },
		      { "edge/canary.expect", &j.edge_expect, &j.in.edge_expect } };
	int r = 0;
	j.in.ips = gen_find(g, "suricata/lines.bin") != NULL;
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(files); i++)
		r = read_if_there(g, files[i].path, files[i].b, files[i].to, err);
	buf_init(&j.keys, 256 * MIB);
	r = r < 0 ? r : net_keys(g, &j.keys, err);
	if (r == 0 && j.keys.len)
		j.in.keys = buf_view(&j.keys);
	if (r == 0)
		r = read_back(e, &j, &out, err);
	buf_done(&j.keys);
	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		buf_done(files[i].b);
	buf_done(&out);
	return r;
}
