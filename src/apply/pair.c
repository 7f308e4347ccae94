/* See pair.h. */
#include "apply/pair.h"

#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <unistd.h>

static bool name_ok(const char *s)
{
	size_t n = strnlen(s, 16);
	return n > 0 && n < 16 && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == n;
}

static bool read_names(struct rd *r, char (*dst)[16], unsigned n)
{
	bool ok = true;
	for (unsigned i = 0; i < n; i++) {
		rd_bytes(r, dst[i], 16);
		ok = ok && !r->bad && name_ok(dst[i]);
	}
	return ok;
}

int pair_parse(struct str bin, struct pair_door *ret, struct err *err)
{
	struct rd r = rd_from(bin.ptr, bin.len);
	*ret = (struct pair_door){ .n_uplinks = rd_u8(&r) };
	bool ok = ret->n_uplinks > 0 && ret->n_uplinks <= PAIR_UPLINKS && read_names(&r, ret->uplinks, ret->n_uplinks);
	ret->n_attachments = rd_u16(&r);
	ok = ok && ret->n_attachments <= PAIR_ATTACHMENTS;
	ret->attachments = ok ? mem_array(ret->n_attachments + 1, sizeof *ret->attachments) : NULL;
	if (ok && !ret->attachments)
		return err_set(err, E_NOMEM, "pair", "no memory");
	ok = ok && read_names(&r, ret->attachments, ret->n_attachments);
	ret->n_own = rd_u8(&r);
	ok = ok && ret->n_own <= PAIR_OWN;
	for (unsigned i = 0; ok && i < ret->n_own; i++) {
		ret->own[i].family = rd_u8(&r);
		rd_bytes(&r, ret->own[i].addr, 16);
		ok = ret->own[i].family == 4 || ret->own[i].family == 6;
	}
	if (ok && rd_end(&r) == 0)
		return 0;
	pair_done(ret);
	return err_set(err, E_CORRUPT, "pair", "malformed");
}

void pair_done(struct pair_door *d)
{
	mem_free(d->attachments);
	*d = (struct pair_door){ 0 };
}

int pair_load(const struct gen *g, struct pair_door *ret, struct err *err)
{
	char path[64];
	struct buf b;
	*ret = (struct pair_door){ 0 };
	snprintf(path, sizeof path, "pair/%s.bin", place_node());
	if (!gen_find(g, path))
		return 0;
	buf_init(&b, MIB);
	int r = gen_read(g, path, &b, err);
	r = r < 0 ? r : pair_parse(buf_view(&b), ret, err);
	buf_done(&b);
	return r;
}

/* ---- nft ---- */

static unsigned names(struct buf *out, const char (*list)[16], unsigned n, unsigned said, unsigned (*index_of)(const char *))
{
	for (unsigned i = 0; i < n; i++)
		if (index_of(list[i]))
			buf_printf(out, "%s\"%s\"", said++ ? ", " : "", list[i]);
	return said;
}

static void own_set(struct buf *out, const struct pair_door *d, uint8_t family)
{
	unsigned n = 0;
	buf_printf(out, " set own%u { type ipv%u_addr;", family, family);
	for (unsigned i = 0; i < d->n_own; i++)
		if (d->own[i].family == family) {
			char text[INET6_ADDRSTRLEN];
			inet_ntop(family == 4 ? AF_INET : AF_INET6, d->own[i].addr, text, sizeof text);
			buf_printf(out, "%s%s", n++ ? ", " : " elements = { ", text);
		}
	buf_puts(out, n ? " }; }\n" : " }\n");
}

static bool begin_chain(struct buf *out, const char *name, const char *hook, const char (*list)[16], unsigned n,
                        unsigned (*index_of)(const char *))
{
	struct buf devices;
	buf_init(&devices, MIB);
	unsigned there = names(&devices, list, n, 0, index_of);
	if (there)
		buf_printf(out, " chain %s { type filter hook %s devices = { %s } priority -10; policy accept;\n", name, hook, buf_cstr(&devices));
	buf_done(&devices);
	return there > 0;
}

/* Neighbours are learnt of, and told of our own address only: an answer for a shared one would come from it. */
static void uplink_chains(const struct pair_door *d, unsigned (*index_of)(const char *), struct buf *out)
{
	if (begin_chain(out, "uplink_in", "ingress", d->uplinks, d->n_uplinks, index_of))
		buf_puts(out, "  iifname @open accept\n  ether type arp accept\n  ip daddr @own4 accept\n  ip6 daddr @own6 accept\n"
		              "  ip6 daddr { fe80::/10, ff00::/8 } accept\n  counter drop\n }\n");
	if (begin_chain(out, "uplink_out", "egress", d->uplinks, d->n_uplinks, index_of))
		buf_puts(out, "  oifname @open accept\n  arp saddr ip @own4 accept\n  ip saddr @own4 accept\n  ip6 saddr @own6 accept\n"
		              "  ip6 saddr fe80::/10 accept\n  counter drop\n }\n");
}

static void attachment_chains(const struct pair_door *d, unsigned (*index_of)(const char *), struct buf *out)
{
	const char (*list)[16] = (const char (*)[16])d->attachments;
	if (begin_chain(out, "attached_in", "ingress", list, d->n_attachments, index_of))
		buf_puts(out, "  iifname @open accept\n  counter drop\n }\n");
	if (begin_chain(out, "attached_out", "egress", list, d->n_attachments, index_of))
		buf_puts(out, "  oifname @open accept\n  counter drop\n }\n");
}

static void open_elements(const struct pair_door *d, unsigned (*index_of)(const char *), const char *before, const char *after, struct buf *out)
{
	struct buf list;
	buf_init(&list, MIB);
	unsigned n = names(&list, d->uplinks, d->n_uplinks, 0, index_of);
	n = names(&list, (const char (*)[16])d->attachments, d->n_attachments, n, index_of);
	if (n)
		buf_printf(out, "%s%s%s", before, buf_cstr(&list), after);
	buf_done(&list);
}

void pair_nft(const struct pair_door *d, enum pair_role role, unsigned (*index_of)(const char *interface), struct buf *out)
{
	buf_puts(out, "table netdev toride_pair\ndelete table netdev toride_pair\n");
	if (!d->n_uplinks)
		return;
	buf_printf(out, "table netdev toride_pair {\n set open { type ifname; flags timeout; timeout %ds;", PAIR_HOLD_S);
	if (role == PAIR_ACTIVE)
		open_elements(d, index_of, " elements = { ", " };", out);
	buf_puts(out, " }\n");
	own_set(out, d, 4);
	own_set(out, d, 6);
	uplink_chains(d, index_of, out);
	attachment_chains(d, index_of, out);
	buf_puts(out, "}\n");
}

void pair_hold_nft(const struct pair_door *d, unsigned (*index_of)(const char *interface), struct buf *out)
{
	buf_puts(out, "flush set netdev toride_pair open\n");
	open_elements(d, index_of, "add element netdev toride_pair open { ", " }\n", out);
}

/* ---- doing it ---- */

static const char *const words[] = { "none", "standby", "active" };

const char *pair_word(enum pair_role r)
{
	return words[r];
}

enum pair_role pair_said(void)
{
	char path[PLACE_MAX];
	struct buf b;
	enum pair_role role = PAIR_NONE;
	buf_init(&b, 64);
	if (fs_read(place_in_run(path, sizeof path, "pair-role"), &b, NULL) == 0)
		for (enum pair_role i = PAIR_NONE; i <= PAIR_ACTIVE; i++)
			if (str_eq(buf_view(&b), str_from(words[i])))
				role = i;
	buf_done(&b);
	return role;
}

static int say(enum pair_role role, struct err *err)
{
	char path[PLACE_MAX];
	return fs_write(place_in_run(path, sizeof path, "pair-role"), str_from(words[role]), 0644, err);
}

static int nft(const struct env *e, struct buf *text, struct err *err)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	int r = text->failed ? err_set(err, (enum err_code)-text->failed, "pair", "no memory") : env_run(e, argv, buf_view(text), 20000, err);
	buf_done(text);
	return r;
}

/* What is said is never more than what is so: opened before it is said, said before it is shut. */
static int put(const struct env *e, const struct pair_door *d, enum pair_role role, struct err *err)
{
	struct buf b;
	enum pair_role was = pair_said(), now = d->n_uplinks ? role : PAIR_NONE;
	if (now == PAIR_NONE && was == PAIR_NONE)
		return 0; /* nothing was ever there */
	int r = now == PAIR_STANDBY ? say(now, err) : 0;
	buf_init(&b, 4 * MIB);
	pair_nft(d, now, if_nametoindex, &b);
	int r2 = nft(e, &b, r < 0 ? NULL : err);
	r = r < 0 ? r : r2;
	return r < 0 || now == PAIR_STANDBY ? r : say(now, err);
}

int pair_set(const struct env *e, const struct gen *g, enum pair_role role, struct err *err)
{
	struct pair_door d;
	int r = pair_load(g, &d, err);
	if (r == 0 && !d.n_uplinks && role == PAIR_ACTIVE)
		r = err_set(err, E_STATE, "pair", "%s isn't a node of a pair in this generation", place_node());
	r = r < 0 ? r : put(e, &d, role, err);
	pair_done(&d);
	return r;
}

int pair_install(const struct env *e, const struct gen *g, struct err *err)
{
	return pair_set(e, g, pair_said() == PAIR_ACTIVE ? PAIR_ACTIVE : PAIR_STANDBY, err);
}

int pair_begin(const struct env *e, const struct gen *g, struct err *err)
{
	int r = pair_said() == PAIR_NONE ? 0 : say(PAIR_STANDBY, err);
	return r < 0 ? r : pair_set(e, g, PAIR_STANDBY, err);
}

int pair_hold(const struct env *e, const struct gen *g, struct err *err)
{
	struct pair_door d;
	struct buf b;
	int r = pair_load(g, &d, err);
	buf_init(&b, MIB);
	if (r == 0)
		pair_hold_nft(&d, if_nametoindex, &b);
	r = r < 0 || !d.n_uplinks ? (buf_done(&b), r) : nft(e, &b, err);
	pair_done(&d);
	return r;
}

int pair_flows(const struct env *e, enum pair_role role, struct err *err)
{
	char conf[PLACE_MAX];
	const char *look[] = { "conntrackd", "-C", conf, "-R", NULL }, *send[] = { "conntrackd", "-C", conf, "-B", NULL };
	const char *ask[] = { "conntrackd", "-C", conf, "-n", NULL };
	place_in_state(conf, sizeof conf, "current/conntrackd/%s-%s.conf", place_node(), pair_word(role == PAIR_ACTIVE ? role : PAIR_STANDBY));
	if (role != PAIR_ACTIVE)
		return env_run(e, ask, (struct str){ 0 }, 3000, err);
	int r = env_run(e, look, (struct str){ 0 }, 3000, err);
	return r < 0 ? r : env_run(e, send, (struct str){ 0 }, 3000, err);
}

/* STATE/blocks is root's own; this copy is what the other node may be told. Its directory's group is paird's. */
int pair_show_blocks(struct err *err)
{
	static unsigned char shown[SHA256_LEN];
	char path[PLACE_MAX];
	unsigned char sum[SHA256_LEN];
	struct buf b;
	buf_init(&b, 16 * MIB);
	place_in_state(path, sizeof path, "blocks");
	int r = fs_exists(path) ? fs_read(path, &b, err) : 0;
	hash_sha256(b.ptr ? b.ptr : "", b.len, sum);
	place_in_run(path, sizeof path, "pair-blocks/blocks");
	if (r == 0 && (memcmp(sum, shown, sizeof sum) != 0 || !fs_exists(path)))
		r = fs_write(path, buf_view(&b), 0640, err);
	if (r == 0)
		memcpy(shown, sum, sizeof shown);
	buf_done(&b);
	return r;
}
