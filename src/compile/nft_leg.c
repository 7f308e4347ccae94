/* The leg in the clear between the public sites' server (nginx) and their origins, led through Suricata.
 *
 *   nginx 100.64.I.80 ─ toride-leg ═ i-toride-leg ─ Suricata ─ toride-leg-p ═ toride-leg-o ─ 100.64.I.81 ─ NAT ─ origin
 *
 * The server asks 100.64.I.128 and so on: a place that stands for one origin of body I (model/own.h), so what Suricata sees names the body,
 * though two bodies' servers may both be 10.1.0.80. A rule of routing leads it into the cable (net.c). Behind the inspection the packets
 * come in again as somebody else's, .81, which is no address of the node: else the answers would be delivered at once, and nobody would have
 * inspected them. From there on it is a forwarded connection of the body like any other: its zone, its table, the origin's true address,
 * the node's .1 as who asks. An answer goes the same way back. Without the cable a place leads nowhere,
 * so nothing passes uninspected. */
#include "compile/nft_out.h"

#include "base/mem.h"
#include "compile/emit.h"
#include "ips/leg.h"

#include <stdio.h>

static const char *ip(int family)
{
	return family == 4 ? "ip" : "ip6";
}

/* A map or set of what put() makes of each origin of the family; elements that put() leaves out aren't there. */
static void each_origin(struct nft_out *n, int family, const char *head, void (*put)(struct buf *b, const struct org *o, const struct leg_origin *g))
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	struct buf b;
	buf_init(&b, 4 * MIB);
	for (size_t i = 0; i < n->m->n_orgs; i++)
		for (size_t k = 0, all = leg_origins(n->m, &n->m->orgs[i], list); k < all; k++)
			if (list[k].addr.family == family)
				put(&b, &n->m->orgs[i], &list[k]);
	nft_line(n, " %s", head);
	if (b.len) {
		b.len--; /* the last comma */
		buf_puts(&n->nft, "  elements = {");
		buf_str(&n->nft, buf_view(&b));
		buf_puts(&n->nft, "\n  }\n");
	}
	nft_line(n, " }");
	if (b.failed)
		n->nft.failed = b.failed;
	buf_done(&b);
}

static void put_zone(struct buf *b, const struct org *o, const struct leg_origin *g)
{
	char text[PREFIX_TEXT];
	if (g->inside) /* one that is elsewhere is asked as the node's own connection */
		buf_printf(b, "\n    %s : %u,", prefix_format_addr(&g->place, text), o->index);
}

static void put_origin(struct buf *b, const struct org *o, const struct leg_origin *g)
{
	char place[PREFIX_TEXT], addr[PREFIX_TEXT];
	(void)o;
	buf_printf(b, "\n    %s : %s,", prefix_format_addr(&g->place, place), prefix_format_addr(&g->addr, addr));
}

/* By the site's port, so that nothing else of such a server is asked. */
static void put_outside(struct buf *b, const struct org *o, const struct leg_origin *g)
{
	char text[PREFIX_TEXT];
	for (size_t i = 0; !g->inside && i < o->n_sites; i++)
		for (size_t k = 0; k < o->sites[i].n_origins; k++)
			if (prefix_contains(&g->addr, &o->sites[i].origins[k].addr))
				buf_printf(b, "\n    %s . %u,", prefix_format_addr(&g->addr, text), o->sites[i].origins[k].port);
}

static void who_asks(struct nft_out *n, int family)
{
	struct buf b;
	char text[PREFIX_TEXT];
	buf_init(&b, MIB);
	for (size_t i = 0; i < n->m->n_orgs; i++) {
		const struct org *o = &n->m->orgs[i];
		struct prefix from = family == 4 ? internal4(n->m, o, INTERNAL_GATEWAY) : internal6(o, INTERNAL_GATEWAY);
		if (o->n_sites && prefix_is_set(&from))
			buf_printf(&b, "%s%u : %s", b.len ? ", " : "", o->index, prefix_format_addr(&from, text));
	}
	nft_line(n, " map leg_from%d { type mark : ipv%d_addr;", family, family);
	if (b.len) {
		buf_puts(&n->nft, "  elements = { ");
		buf_str(&n->nft, buf_view(&b));
		buf_puts(&n->nft, " }\n");
	}
	nft_line(n, " }");
	buf_done(&b);
}

void nft_leg_sets(struct nft_out *n)
{
	char head[96];
	for (int family = 4; leg_used(n->m) && family <= 6; family += 2) {
		snprintf(head, sizeof head, "map leg_zone%d { type ipv%d_addr : mark;", family, family);
		each_origin(n, family, head, put_zone);
		snprintf(head, sizeof head, "map leg_origin%d { type ipv%d_addr : ipv%d_addr;", family, family, family);
		each_origin(n, family, head, put_origin);
		snprintf(head, sizeof head, "set leg_outside%d { type ipv%d_addr . inet_service; flags interval; auto-merge;", family, family);
		each_origin(n, family, head, put_outside);
		who_asks(n, family);
	}
}

void nft_leg_raw(struct nft_out *n)
{
	if (!leg_used(n->m))
		return;
	/* A bridged packet still has the mark it went in with (apply/door.h). */
	nft_line(n, "  iifname { \"" LEG_OUTER "\", \"" LEG_BEHIND "\" } meta mark set 0");
	for (int family = 4; family <= 6; family += 2) {
		nft_line(n, "  iifname \"" LEG_BEHIND "\" meta mark set %s daddr map @leg_zone%d", ip(family), family);
		nft_line(n, "  iifname \"" LEG_BEHIND "\" %1$s saddr set %1$s saddr | %2$s", ip(family), family == 4 ? "0.0.0.1" : "::1");
	}
}

void nft_leg_nat_in(struct nft_out *n)
{
	for (int family = 4; leg_used(n->m) && family <= 6; family += 2)
		nft_line(n, "  iifname \"" LEG_BEHIND "\" dnat %1$s to %1$s daddr map @leg_origin%2$d", ip(family), family);
}

void nft_leg_nat_out(struct nft_out *n)
{
	if (!leg_used(n->m))
		return;
	for (int family = 4; family <= 6; family += 2)
		nft_line(n, "  iifname \"" LEG_BEHIND "\" oifname @attached snat %s to meta mark map @leg_from%d", ip(family), family);
	nft_line(n, "  iifname \"" LEG_BEHIND "\" oifname $uplink masquerade");
}

/* A request is cut to fit any tunnel: what the kernel says of one that doesn't fit names .81, whom the server doesn't know. */
void nft_leg_forward(struct nft_out *n)
{
	if (!leg_used(n->m))
		return;
	nft_line(n, "  oifname \"" LEG_BEHIND "\" tcp flags & (syn | rst) == syn tcp option maxseg size set 1220");
	nft_line(n, "  iifname \"" LEG_BEHIND "\" tcp flags & (syn | rst) == syn tcp option maxseg size set rt mtu");
	for (int family = 4; family <= 6; family += 2) {
		nft_line(n, "  iifname \"" LEG_BEHIND "\" ct status dnat oifname . %s daddr . tcp dport @origin%d accept", ip(family), family);
		nft_line(n, "  iifname \"" LEG_BEHIND "\" ct status dnat oifname $uplink %s daddr . tcp dport @leg_outside%d accept", ip(family), family);
	}
}

/* Behind all translation: the answer goes to who asked before the inspection. */
void nft_leg_back(struct nft_out *n)
{
	if (!leg_used(n->m))
		return;
	nft_line(n, " chain leg_back { type filter hook postrouting priority 300; policy accept;");
	nft_line(n, "  oifname \"" LEG_BEHIND "\" ip daddr set ip daddr & 255.255.255.254");
	nft_line(n, "  oifname \"" LEG_BEHIND "\" ip6 daddr set ip6 daddr & ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe\n }");
}
