/* See feeds.h. Reads fixed binary files only, checked against the digest that the approved description pins. */
#include "apply/feeds.h"

#include "base/fs.h"
#include "base/mem.h"
#include "wire/cursor.h"
#include "wire/place.h"

#include <arpa/inet.h>
#include <stdio.h>

#define CHUNK 50000u /* entries a transaction: 20 MB of nft */
#define NFT_MS 120000

static bool plain(const char *s, size_t size)
{
	size_t n = strnlen(s, size);
	return n > 0 && n < size && strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") == n;
}

int feeds_parse(struct str data, struct feeds *ret, struct err *err)
{
	struct rd r = rd_from(data.ptr, data.len);
	bool ok = true;
	*ret = (struct feeds){ .n = 0 };
	if (data.len == 0)
		return 0;
	ret->n_uplinks = rd_u8(&r);
	for (size_t i = 0; i < ret->n_uplinks && !r.bad; i++) {
		rd_bytes(&r, ret->uplinks[i], 16);
		ok &= plain(ret->uplinks[i], 17);
	}
	ret->n = rd_u16(&r);
	ok &= ret->n <= FEEDS_MAX;
	for (size_t i = 0; i < ret->n && ok && !r.bad; i++) {
		rd_bytes(&r, ret->list[i].name, 33);
		rd_bytes(&r, ret->list[i].hex, 65);
		ok &= plain(ret->list[i].name, 33) && plain(ret->list[i].hex, 65) && strlen(ret->list[i].hex) == 64;
	}
	if (rd_end(&r) < 0 || !ok || ret->n_uplinks == 0)
		return err_set(err, E_CORRUPT, "nft/feeds.bin", "malformed");
	return 0;
}

/* ---- files */

static const char *loaded_path(char dst[PLACE_MAX])
{
	return place_in_state(dst, PLACE_MAX, "feeds/loaded");
}

int feed_load(const struct feed_ref *ref, struct feed *ret, struct err *err)
{
	char path[PLACE_MAX], hex[65];
	unsigned char sum[SHA256_LEN];
	struct buf b;
	place_in_state(path, sizeof path, "feeds/addr/%s", ref->hex);
	if (!fs_exists(path))
		return err_set(err, E_NOT_FOUND, ref->name, "the address list isn't on this node: toride fw feed import puts it there");
	buf_init(&b, FEED_FILE_MAX);
	int r = fs_read(path, &b, err);
	if (r == 0) {
		hash_sha256(b.ptr, b.len, sum);
		hex_format(sum, sizeof sum, hex);
		r = strcmp(hex, ref->hex) == 0 ? feed_parse(buf_view(&b), ret, err) : err_set(err, E_CORRUPT, ref->name, "the address list was changed on disk");
	}
	buf_done(&b);
	return r;
}

/* ---- nft text */

struct script {
	const struct env *e;
	struct buf text;
	size_t entries;
	const char *name;
	/* the set the open command is about */
	bool open, add;
	uint8_t family, len;
	struct err *err;
};

static int flush(struct script *s)
{
	static const char *const argv[] = { "nft", "-f", "-", NULL };
	if (s->open)
		buf_puts(&s->text, " }\n");
	s->open = false;
	int r = s->text.failed ? err_set(s->err, (enum err_code)-s->text.failed, "feeds", "no memory")
	        : s->text.len  ? env_run(s->e, argv, buf_view(&s->text), NFT_MS, s->err)
	                       : 0;
	buf_reset(&s->text);
	s->entries = 0;
	return r;
}

static int entry(bool add, const struct prefix *p, void *user)
{
	struct script *s = user;
	char addr[INET6_ADDRSTRLEN];
	inet_ntop(p->family == 4 ? AF_INET : AF_INET6, p->addr, addr, sizeof addr);
	bool same = s->open && s->add == add && s->family == p->family && s->len == p->len;
	if (s->open && !same)
		buf_puts(&s->text, " }\n");
	if (same)
		buf_printf(&s->text, ", %s", addr);
	else
		buf_printf(&s->text, "%s element inet toride_feed %s_%u_%u { %s", add ? "add" : "delete", s->name, p->family, p->len, addr);
	s->open = true;
	s->add = add;
	s->family = p->family;
	s->len = p->len;
	return ++s->entries == CHUNK ? flush(s) : 0;
}

struct lengths {
	bool has[2][129]; /* IPv4, IPv6 */
};

static void count_lengths(const struct feed *f, struct lengths *l)
{
	for (size_t i = 0; i < f->n; i++)
		l->has[f->list[i].family == 6][f->list[i].len] = true;
}

/* "ip saddr & 255.255.255.0 @reputation_4_24" */
static void put_test(struct buf *b, const char *side, const char *name, bool six, unsigned len)
{
	struct prefix mask = { .family = six ? 6 : 4 };
	char text[INET6_ADDRSTRLEN];
	for (unsigned bit = 0; bit < len; bit++)
		mask.addr[bit / 8] |= (uint8_t)(0x80u >> bit % 8);
	inet_ntop(six ? AF_INET6 : AF_INET, mask.addr, text, sizeof text);
	buf_printf(b, "%s %saddr ", six ? "ip6" : "ip", side);
	if (len < (six ? 128u : 32u))
		buf_printf(b, "& %s ", text);
	buf_printf(b, "@%s_%u_%u", name, six ? 6 : 4, len);
}

static void put_rules(struct buf *b, const char *chain, const char *device, const char *side, const char *name, const struct lengths *l, const char *to)
{
	for (int six = 0; six < 2; six++)
		for (unsigned len = 0; len < 129; len++) {
			if (!l->has[six][len])
				continue;
			buf_printf(b, "add rule inet toride_feed %s %s @uplinks ct state new ", chain, device);
			put_test(b, side, name, six, len);
			buf_printf(b, " goto %s_%s\n", to, name);
		}
}

/* ---- one list */

struct change {
	const struct feed_ref *old, *new; /* NULL: not there before, or no more */
	struct feed was, is;
	struct lengths lengths, gone; /* sets to have; sets to take away */
};

static void list_sets(struct buf *b, const struct change *c)
{
	for (int six = 0; six < 2; six++)
		for (unsigned len = 0; len < 129; len++)
			if (c->lengths.has[six][len])
				buf_printf(b, " set %s_%u_%u { type ipv%u_addr; }\n", c->new->name, six ? 6 : 4, len, six ? 6 : 4);
	buf_printf(b, " chain from_%s { }\n chain to_%s { }\n", c->new->name, c->new->name);
}

static void drop_sets(struct buf *b, const struct change *c)
{
	for (int six = 0; six < 2; six++)
		for (unsigned len = 0; len < 129; len++)
			if (c->gone.has[six][len])
				buf_printf(b, "delete set inet toride_feed %s_%u_%u\n", c->old->name, six ? 6 : 4, len);
	if (!c->new)
		buf_printf(b, "delete chain inet toride_feed from_%s\ndelete chain inet toride_feed to_%s\n", c->old->name, c->old->name);
}

static void fill_chains(struct buf *b, const struct feed_ref *r)
{
	buf_printf(b, "flush chain inet toride_feed from_%s\nflush chain inet toride_feed to_%s\n", r->name, r->name);
	buf_printf(b, "add rule inet toride_feed from_%s limit rate 100/second log prefix \"- feed-%s\" group 1 snaplen 128\n", r->name, r->name);
	buf_printf(b, "add rule inet toride_feed from_%s counter drop\n", r->name);
	buf_printf(b, "add rule inet toride_feed to_%s limit rate 100/second log prefix \"- feed-%s\" group 1 snaplen 128\n", r->name, r->name);
	buf_printf(b, "add rule inet toride_feed to_%s counter meta l4proto tcp reject with tcp reset\n", r->name);
	buf_printf(b, "add rule inet toride_feed to_%s reject with icmpx admin-prohibited\n", r->name);
}

/* The sets of the new lists before their entries; the rules that ask them, and nothing that isn't asked any more. */
static void put_structure(struct buf *b, const struct feeds *to, const struct change *c, size_t n, bool fresh)
{
	static const char *const hooks[] = { "arriving", "passing", "leaving" };
	if (fresh)
		buf_puts(b, "table inet toride_feed\ndelete table inet toride_feed\n");
	buf_puts(b, "table inet toride_feed {\n set uplinks { type ifname; }\n");
	for (size_t i = 0; i < n; i++)
		if (c[i].new)
			list_sets(b, &c[i]);
	buf_puts(b, " chain arriving { type filter hook prerouting priority -150; policy accept; }\n"
	            " chain passing { type filter hook forward priority -5; policy accept; }\n"
	            " chain leaving { type filter hook output priority -5; policy accept; }\n}\n");
	for (size_t i = 0; i < ARRAY_LEN(hooks); i++)
		buf_printf(b, "flush chain inet toride_feed %s\n", hooks[i]);
	buf_puts(b, "flush set inet toride_feed uplinks\n");
	for (size_t i = 0; i < to->n_uplinks; i++)
		buf_printf(b, "add element inet toride_feed uplinks { \"%s\" }\n", to->uplinks[i]);
	for (size_t i = 0; i < n; i++) {
		if (c[i].new) {
			fill_chains(b, c[i].new);
			put_rules(b, "arriving", "iifname", "s", c[i].new->name, &c[i].lengths, "from");
			put_rules(b, "passing", "oifname", "d", c[i].new->name, &c[i].lengths, "to");
			put_rules(b, "leaving", "oifname", "d", c[i].new->name, &c[i].lengths, "to");
		}
		if (c[i].old && !fresh)
			drop_sets(b, &c[i]);
	}
}

/* ---- from the lists that are there to those that shall be */

static const struct feed_ref *find(const struct feeds *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (strcmp(f->list[i].name, name) == 0)
			return &f->list[i];
	return NULL;
}

static bool same_list(const struct change *c)
{
	return c->old && c->new && strcmp(c->old->hex, c->new->hex) == 0;
}

/* Of a list that stays only what it holds is needed, for the rules that are written anew: nothing of it goes. */
static int load_change(struct change *c, struct err *err)
{
	struct lengths was = { 0 };
	int r = c->new ? feed_load(c->new, &c->is, err) : 0;
	if (r == 0 && c->old && !same_list(c))
		r = feed_load(c->old, &c->was, err);
	if (r < 0)
		return r;
	count_lengths(&c->is, &c->lengths);
	count_lengths(&c->was, &was);
	for (int six = 0; six < 2; six++)
		for (unsigned len = 0; len < 129; len++)
			c->gone.has[six][len] = was.has[six][len] && !c->lengths.has[six][len];
	return 0;
}

/* An entry in a set that goes away as a whole isn't deleted first. */
struct kept {
	struct script *s;
	const struct change *c;
};

static int kept_entry(bool add, const struct prefix *p, void *user)
{
	const struct kept *k = user;
	return k->c->gone.has[p->family == 6][p->len] ? 0 : entry(add, p, k->s);
}

static int transform(const struct env *e, const struct feeds *to, const struct change *c, size_t n, bool fresh, struct err *err)
{
	struct script s = { .e = e, .err = err };
	buf_init(&s.text, 64 * MIB);
	put_structure(&s.text, to, c, n, fresh);
	int r = flush(&s);
	for (size_t i = 0; r == 0 && i < n; i++) {
		struct kept k = { &s, &c[i] };
		s.name = c[i].new ? c[i].new->name : NULL;
		if (c[i].new && !same_list(&c[i]))
			r = feed_diff(&c[i].was, &c[i].is, kept_entry, &k);
		r = r < 0 ? r : flush(&s);
	}
	buf_done(&s.text);
	return r;
}

static int change_feeds(const struct env *e, const struct feeds *from, const struct feeds *to, bool fresh, struct str file, struct err *err)
{
	static struct change c[2 * FEEDS_MAX];
	char path[PLACE_MAX];
	size_t n = 0;
	int r = 0;
	memset(c, 0, sizeof c);
	for (size_t i = 0; i < to->n; i++)
		c[n++] = (struct change){ .old = find(from, to->list[i].name), .new = &to->list[i] };
	for (size_t i = 0; i < from->n; i++)
		if (!find(to, from->list[i].name))
			c[n++] = (struct change){ .old = &from->list[i] };
	for (size_t i = 0; r == 0 && i < n; i++)
		r = load_change(&c[i], err);
	if (r == 0)
		r = fs_write(loaded_path(path), (struct str){ "", 0 }, 0644, err);
	if (r == 0)
		r = transform(e, to, c, n, fresh, err);
	if (r == 0)
		r = fs_write(path, file, 0644, err);
	for (size_t i = 0; i < n; i++) {
		feed_done(&c[i].was);
		feed_done(&c[i].is);
	}
	return r;
}

/* By a command that changes nothing: listing would read all entries of all sets. */
static bool table_there(const struct env *e)
{
	static const char *const argv[] = { "nft", "add", "chain", "inet", "toride_feed", "arriving", NULL };
	int status = 1;
	struct buf out;
	buf_init(&out, MIB);
	int r = e->run(&(struct proc_opts){ .argv = argv, .timeout_ms = NFT_MS, .out = &out, .ret_status = &status }, NULL);
	buf_done(&out);
	return r == 0 && status == 0;
}

/* What is in the kernel as far as known: a list whose file has gone can't be compared, so all begin anew. */
static bool known(const struct env *e, const struct buf *loaded, struct feeds *ret)
{
	char path[PLACE_MAX];
	if (loaded->len == 0 || feeds_parse(buf_view(loaded), ret, NULL) < 0 || !table_there(e))
		return false;
	for (size_t i = 0; i < ret->n; i++)
		if (!fs_exists(place_in_state(path, sizeof path, "feeds/addr/%s", ret->list[i].hex)))
			return false;
	return true;
}

int feeds_install(const struct env *e, const struct gen *g, struct err *err)
{
	struct feeds *f = mem_array(2, sizeof *f); /* from, to */
	struct buf loaded, wanted;
	char path[PLACE_MAX];
	buf_init(&loaded, 64 * KIB);
	buf_init(&wanted, 64 * KIB);
	int r = f ? 0 : err_set(err, E_NOMEM, "feeds", "no memory");
	if (r == 0 && gen_find(g, "nft/feeds.bin"))
		r = gen_read(g, "nft/feeds.bin", &wanted, err);
	if (r == 0)
		r = feeds_parse(buf_view(&wanted), &f[1], err);
	if (r == 0 && fs_exists(loaded_path(path)))
		r = fs_read(path, &loaded, err);
	bool none = r == 0 && f[1].n == 0 && loaded.len == 0; /* neither there nor wanted */
	if (r == 0 && !none) {
		bool there = known(e, &loaded, &f[0]);
		if (!there)
			f[0] = (struct feeds){ .n = 0 };
		if (!there || !str_eq(buf_view(&loaded), buf_view(&wanted)))
			r = change_feeds(e, &f[0], &f[1], !there, buf_view(&wanted), err);
	}
	mem_free(f);
	buf_done(&loaded);
	buf_done(&wanted);
	return r;
}
