/* The nft table of all blocks; see blocks.h. Pure, so that a test can read what the kernel would get.
 *
 * An organisation is known by the interface its packets come in by, or (what the proxy and the resolver ask for it) by its
 * global address as source. Interval sets refuse overlaps, so of each set only the outermost prefixes are written, with
 * the longest time among equals; torided rewrites the table when one expires. */
#include "apply/blocks.h"

#include "base/mem.h"

#include <stdlib.h>

struct element {
	char key[NETWORK_TEXT]; /* "o412015" with quotes, an address, or "" */
	struct network net;
	int64_t seconds;
};

struct set {
	const char *name, *key_type; /* key_type "" = no key */
	uint8_t family;
	struct element *list;
	size_t n, cap;
	bool failed;
};

enum { BY_INTERFACE, BY_GLOBAL, FOR_ALL, TERMINALS, SET_KINDS };

static void set_add(struct set *s, const char *key, const struct network *net, int64_t seconds)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct element *p = mem_grow(s->list, cap * sizeof *p);
		if (!p) {
			s->failed = true;
			return;
		}
		s->list = p;
		s->cap = cap;
	}
	struct element *e = &s->list[s->n++];
	*e = (struct element){ .net = *net, .seconds = seconds };
	str_copy(str_from(key), e->key, sizeof e->key);
}

/* By key, then address, then the wider first, then the longer first. */
static int order(const void *a, const void *b)
{
	const struct element *x = a, *y = b;
	int c = strcmp(x->key, y->key);
	if (c == 0)
		c = memcmp(x->net.addr, y->net.addr, sizeof x->net.addr);
	if (c == 0)
		c = (int)x->net.len - (int)y->net.len;
	return c ? c : x->seconds > y->seconds ? -1 : x->seconds < y->seconds;
}

static void set_write(struct set *s, struct buf *out)
{
	const struct element *last = NULL;
	char text[NETWORK_TEXT];
	buf_printf(out, " set %s { type %s%sipv%u_addr; flags interval,timeout;\n", s->name, s->key_type,
	           *s->key_type ? " . " : "", s->family);
	if (s->n)
		qsort(s->list, s->n, sizeof *s->list, order);
	for (size_t i = 0; i < s->n; i++) {
		struct element *e = &s->list[i];
		if (last && strcmp(last->key, e->key) == 0 && network_contains(&last->net, &e->net))
			continue;
		buf_printf(out, "%s%s%s%s timeout %llds", last ? ",\n   " : "  elements = { ", e->key, e->key[0] ? " . " : "",
		           network_format(&e->net, text), (long long)e->seconds);
		last = e;
	}
	buf_puts(out, last ? " }\n }\n" : " }\n");
	if (s->failed)
		out->failed = -E_NOMEM;
	mem_free(s->list);
}

static void global_key(const struct zone *z, uint8_t family, char dst[NETWORK_TEXT])
{
	struct network n = { .family = family, .len = family == 4 ? 32 : 128 };
	static const uint8_t none[16];
	memcpy(n.addr, family == 4 ? z->global4 : z->global6, family == 4 ? 4 : 16);
	dst[0] = 0;
	if (memcmp(n.addr, none, family == 4 ? 4 : 16) != 0)
		network_format(&n, dst);
}

static void add_block(struct set sets[SET_KINDS], const struct block *k, const struct zones *z, int64_t now)
{
	struct network n;
	char key[NETWORK_TEXT];
	int64_t seconds = (k->expires_ms - now + 999) / 1000;
	if ((k->kind != BLOCK_ADDRESS && k->kind != BLOCK_TERMINAL) || seconds <= 0 || !network_parse(k->value, &n) ||
	    n.family != sets[0].family)
		return;
	const struct zone *own = zones_find(z, k->org);
	if (seconds > 30 * 86400)
		seconds = 30 * 86400; /* nft's limit is 49 days; rewritten long before */
	if (strcmp(k->org, "*") == 0) {
		set_add(&sets[FOR_ALL], "", &n, seconds);
		return;
	}
	if (!own)
		return;
	key[0] = '"';
	size_t len = strlen(own->interface);
	memcpy(key + 1, own->interface, len);
	memcpy(key + 1 + len, "\"", 2);
	if (k->kind == BLOCK_TERMINAL) {
		set_add(&sets[TERMINALS], key, &n, seconds);
		return;
	}
	set_add(&sets[BY_INTERFACE], key, &n, seconds);
	global_key(own, n.family, key);
	if (*key)
		set_add(&sets[BY_GLOBAL], key, &n, seconds);
}

static void write_sets(const struct blocks *b, const struct zones *z, int64_t now, uint8_t family, struct buf *out)
{
	bool four = family == 4;
	struct set sets[SET_KINDS] = {
		[BY_INTERFACE] = { .name = four ? "interface4" : "interface6", .key_type = "ifname", .family = family },
		[BY_GLOBAL] = { .name = four ? "global4" : "global6", .key_type = four ? "ipv4_addr" : "ipv6_addr", .family = family },
		[FOR_ALL] = { .name = four ? "all4" : "all6", .key_type = "", .family = family },
		[TERMINALS] = { .name = four ? "terminal4" : "terminal6", .key_type = "ifname", .family = family },
	};
	for (size_t i = 0; i < b->n; i++)
		add_block(sets, &b->list[i], z, now);
	for (int i = 0; i < SET_KINDS; i++)
		set_write(&sets[i], out);
}

/* The last chain is the witness: what a block stands against and still leaves the node, past everything that should have
 * refused it, is logged as passed ("P:"); a few packets a second are proof enough.
 *
 * Terminals and what comes from a blocked address are dropped before anything looks at them; what goes there is refused,
 * so that the asker needn't wait for a time-out. */
static const char chains[] =
	" chain refuse {\n"
	"  log prefix \"B:\" group 1 snaplen 128 counter\n"
	"  meta l4proto tcp reject with tcp reset\n"
	"  reject with icmpx admin-prohibited\n"
	" }\n"
	" chain silent { log prefix \"B:\" group 1 snaplen 128 counter drop; }\n"
	" chain arriving { type filter hook prerouting priority -350; policy accept;\n"
	"  iifname . ip saddr @terminal4 goto silent\n"
	"  iifname . ip6 saddr @terminal6 goto silent\n"
	"  ip saddr @all4 goto silent\n"
	"  ip6 saddr @all6 goto silent\n"
	" }\n"
	" chain passing { type filter hook forward priority -350; policy accept;\n"
	"  iifname . ip daddr @interface4 goto refuse\n"
	"  iifname . ip6 daddr @interface6 goto refuse\n"
	"  oifname . ip saddr @interface4 goto silent\n"
	"  oifname . ip6 saddr @interface6 goto silent\n"
	"  oifname . ip daddr @terminal4 goto silent\n"
	"  oifname . ip6 daddr @terminal6 goto silent\n"
	"  ip daddr @all4 goto refuse\n"
	"  ip6 daddr @all6 goto refuse\n"
	" }\n"
	" chain leaving { type filter hook output priority -350; policy accept;\n"
	"  ip saddr . ip daddr @global4 goto refuse\n"
	"  ip6 saddr . ip6 daddr @global6 goto refuse\n"
	"  ip daddr @all4 goto refuse\n"
	"  ip6 daddr @all6 goto refuse\n"
	"  oifname . ip daddr @terminal4 goto silent\n"
	"  oifname . ip6 daddr @terminal6 goto silent\n"
	" }\n"
	" chain passed { counter limit rate 5/second burst 10 packets log prefix \"P:\" group 1 snaplen 128; }\n"
	" chain witness { type filter hook postrouting priority -350; policy accept;\n"
	"  iifname . ip daddr @interface4 goto passed\n"
	"  iifname . ip6 daddr @interface6 goto passed\n"
	"  iifname . ip saddr @terminal4 goto passed\n"
	"  iifname . ip6 saddr @terminal6 goto passed\n"
	"  ip saddr . ip daddr @global4 goto passed\n"
	"  ip6 saddr . ip6 daddr @global6 goto passed\n"
	"  ip daddr @all4 goto passed\n"
	"  ip6 daddr @all6 goto passed\n"
	" }\n"
	"}\n";

void blocks_nft(const struct blocks *b, const struct zones *z, int64_t now_ms, struct buf *out)
{
	buf_puts(out, "table inet toride_block\ndelete table inet toride_block\ntable inet toride_block {\n");
	write_sets(b, z, now_ms, 4, out);
	write_sets(b, z, now_ms, 6, out);
	buf_puts(out, chains);
}
