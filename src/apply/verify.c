/* See verify.h. The last step of every change, and of every undo. */
#include "apply/verify.h"

#include "apply/child.h"
#include "base/mem.h"

#define VERIFY_MS 120000
#define ROUNDS 4 /* where only name servers lag behind */

struct job {
	struct verify_input in;
	struct buf rules, keys, canaries, classes, zones;
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
	int r = read_if_there(g, "nft/rules.json", &j.rules, &j.in.rules, err);
	int r2 = read_if_there(g, "net/keys", &j.keys, &j.in.keys, r < 0 ? NULL : err);
	int r3 = read_if_there(g, "canary.json", &j.canaries, &j.in.canaries, r < 0 || r2 < 0 ? NULL : err);
	j.in.ips = gen_find(g, "suricata/lines.bin") != NULL;
	int r4 = read_if_there(g, "shape/keys", &j.classes, &j.in.classes, r < 0 || r2 < 0 || r3 < 0 ? NULL : err);
	int r5 = read_if_there(g, "zones.json", &j.zones, &j.in.zones, r < 0 || r2 < 0 || r3 < 0 || r4 < 0 ? NULL : err);
	r = r < 0 ? r : r2 < 0 ? r2 : r3 < 0 ? r3 : r4 < 0 ? r4 : r5;
	if (r == 0)
		r = read_back(e, &j, &out, err);
	buf_done(&j.rules);
	buf_done(&j.keys);
	buf_done(&j.canaries);
	buf_done(&j.classes);
	buf_done(&j.zones);
	buf_done(&out);
	return r;
}
