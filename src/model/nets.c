/* Sets of networks that answer "does this overlap one of yours" by halving: rules of 1,788 organisations are asked against
 * the prefixes of all of them, which a loop over organisations would make millions of comparisons. */
#include "model/check.h"

#include "base/mem.h"
#include "model/own.h"

#include <stdio.h>
#include <stdlib.h>

bool prefix_overlaps(const struct prefix *a, const struct prefix *b)
{
	return prefix_contains(a, b) || prefix_contains(b, a);
}

bool prefix_too_wide(const struct prefix *p)
{
	return p->len < (p->family == 4 ? 8 : 16);
}

static int by_address(const struct prefix *a, const struct prefix *b)
{
	return a->family != b->family ? a->family - b->family : memcmp(a->addr, b->addr, sizeof a->addr);
}

static int by_place(const void *x, const void *y)
{
	const struct net *a = x, *b = y;
	int r = by_address(&a->prefix, &b->prefix);
	if (r == 0)
		r = a->prefix.len - b->prefix.len;
	if (r == 0 && a->org != b->org) /* the same bytes for the same input: by place in the model */
		r = a->org < b->org ? -1 : 1;
	return r;
}

/* Two prefixes overlap only by one holding the other; the outer one stands first once they are sorted. */
static void keep_outermost(struct nets *n)
{
	size_t kept = 0;
	if (n->n == 0)
		return;
	qsort(n->list, n->n, sizeof *n->list, by_place);
	for (size_t i = 1; i < n->n; i++)
		if (!prefix_contains(&n->list[kept].prefix, &n->list[i].prefix))
			n->list[++kept] = n->list[i];
	n->n = kept + 1;
}

const struct net *nets_find(const struct nets *n, const struct prefix *p)
{
	size_t low = 0, high = n->n;
	while (low < high) { /* the first that begins behind p's first address */
		size_t mid = low + (high - low) / 2;
		if (by_address(&n->list[mid].prefix, p) <= 0)
			low = mid + 1;
		else
			high = mid;
	}
	if (low > 0 && prefix_overlaps(&n->list[low - 1].prefix, p))
		return &n->list[low - 1];
	return low < n->n && prefix_overlaps(&n->list[low].prefix, p) ? &n->list[low] : NULL;
}

void net_name(const struct net *n, bool japanese, char *dst, size_t size)
{
	char text[PREFIX_TEXT];
	prefix_format(&n->prefix, text);
	if (n->org)
		snprintf(dst, size, japanese ? "団体 %2$s の %1$s" : "%s of organisation %s", text, n->org->code);
	else
		snprintf(dst, size, "%s %s", japanese ? n->what_ja : n->what_en, text);
}

static void add(struct nets *n, const struct prefix *p, const char *en, const char *ja, const struct org *org)
{
	if (!prefix_is_set(p))
		return;
	n->list[n->n++] = (struct net){ *p, en, ja, org };
}

static void add_text(struct nets *n, struct str text, const char *en, const char *ja)
{
	struct prefix p;
	if (prefix_parse(text, &p) == 0)
		add(n, &p, en, ja, NULL);
}

static void add_host(struct nets *n, struct prefix p, const char *en, const char *ja)
{
	p.len = p.family == 4 ? 32 : 128;
	add(n, &p, en, ja, NULL);
}

#define N_SPECIAL 8
#define SPECIAL "special addresses", "特殊なアドレス" /* RFC 6890: never between two networks */
static void add_reserved(struct nets *n, const struct service *s)
{
	static const struct str special[N_SPECIAL] = { { "0.0.0.0/8", 9 },  { "127.0.0.0/8", 11 }, { "169.254.0.0/16", 14 }, { "224.0.0.0/3", 11 },
		                              { "::/127", 6 }, { "::ffff:0:0/96", 13 }, { "fe80::/10", 9 },       { "ff00::/8", 8 } };
	static const struct text2 kinds[] = {
		[OWN_PROXY] = { "the proxy", "プロキシ" }, [OWN_RESOLVER] = { "the resolver", "DNS サーバ" },
		[OWN_TIME] = { "the time server", "時刻サーバ" }, [OWN_SITES] = { "the public sites", "公開サイト" },
		[OWN_LOG] = { "the log receiver", "ログ受信" }, [OWN_DESK] = { "the desk", "窓口の画面" },
		[OWN_NAME_SERVER] = { "the name server", "外部 DNS サーバ" }, [OWN_UPLINK] = { "the gateway", "ゲートウェイ" },
	};
	struct own_address own[OWN_MAX];
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		add_text(n, special[i], SPECIAL);
	for (size_t i = 0; i < s->n_management; i++)
		add(n, &s->management[i], "management", "運用網", NULL);
	for (size_t i = 0; i < s->n_lgwan; i++)
		add(n, &s->lgwan[i], "LGWAN", "LGWAN", NULL);
	add(n, &s->internal4, "the node's inside", "ノード内部", NULL);
	for (size_t i = 0, k = service_own(s, own); i < k; i++)
		add(n, &own[i].prefix, kinds[own[i].kind].en, kinds[own[i].kind].ja, NULL);
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct uplink *u = &s->uplinks[i];
		add_host(n, u->gateway4, "the uplink's next hop", "上位回線の次の経路");
		add_host(n, u->gateway6, "the uplink's next hop", "上位回線の次の経路");
	}
}

int nets_build(struct check *c)
{
	const struct model *m = c->m;
	size_t prefixes = 0, publics = 0;
	for (size_t i = 0; i < m->n_orgs; i++) {
		prefixes += m->orgs[i].n_prefixes;
		publics += m->orgs[i].n_publics;
	}
	/* internal4, the node's own, and each uplink's next hops */
	size_t reserved = N_SPECIAL + m->service.n_management + m->service.n_lgwan + 1 + OWN_MAX + 2 * m->service.n_uplinks;
	c->reserved.list = arena_array(&c->arena, reserved, sizeof(struct net));
	c->inside.list = arena_array(&c->arena, prefixes + 1, sizeof(struct net));
	c->global.list = arena_array(&c->arena, publics + 1, sizeof(struct net));
	if (!c->reserved.list || !c->inside.list || !c->global.list)
		return -E_NOMEM;
	add_reserved(&c->reserved, &m->service);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		for (size_t k = 0; k < o->n_prefixes; k++)
			if (!prefix_too_wide(&o->prefixes[k]))
				add(&c->inside, &o->prefixes[k], NULL, NULL, o);
		for (size_t k = 0; k < o->n_publics; k++)
			add(&c->global, &o->publics[k], NULL, NULL, o);
	}
	keep_outermost(&c->reserved);
	keep_outermost(&c->inside);
	keep_outermost(&c->global);
	return 0;
}
