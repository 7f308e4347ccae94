/* What one visitor and one network may hold and open at the public sites, before the server spends anything on it: floods of connections and of
 * handshakes, and slow requests, which hold a connection and ask nothing that nginx could count (edge_limits.c). M-013.
 *
 * A visitor is an IPv4 address or an IPv6 /64, a network a /24 or a /48, as there. Many people share an address (carriers, offices), so
 * nobody is shut out: what is over the limit is dropped, and a browser's TCP tries again a second later. When all together open more than
 * web_attack_per_s, each may open ATTACK_PER_SOURCE a second and hold an eighth, until ATTACK_HOLD_S have passed without. */
#include "compile/nft_out.h"

#include <stdio.h>

#define ATTACK_PER_SOURCE 5
#define ATTACK_HOLD_S 60
#define ATTACK_SHARE 8 /* of the connections that a visitor may hold otherwise: a browser needs six at most */
#define NETWORK 10 /* times what one visitor may */

static const struct prefix *address(const struct nft_out *n, int family)
{
	const struct prefix *p = family == 4 ? &n->m->service.web4 : &n->m->service.web6;
	return prefix_is_set(p) ? p : NULL;
}

void nft_web_sets(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		if (!address(n, family))
			continue;
		nft_line(n, " set web_held%d { type ipv%d_addr; size 65535; flags dynamic; }", family, family);
		nft_line(n, " set web_few%d { type ipv%d_addr; size 65535; flags dynamic; }", family, family);
		nft_line(n, " set web_network%d { type ipv%d_addr; size 65535; flags dynamic; }", family, family);
		nft_line(n, " set web_rate%d { type ipv%d_addr; size 65535; flags dynamic,timeout; timeout 1m; }", family, family);
		nft_line(n, " set web_strict%d { type ipv%d_addr; size 65535; flags dynamic,timeout; timeout 1m; }", family, family);
		nft_line(n, " set web_attack%d { type ipv%d_addr; flags dynamic,timeout; timeout %ds; size 1; }", family, family, ATTACK_HOLD_S);
	}
}

/* Recorded at a pace that a flood doesn't set; the counter counts all. */
static void limit(struct nft_out *n, int family, const char *id, const char *test)
{
	char comment[64];
	snprintf(comment, sizeof comment, "-/web:%s/%d", id, family);
	nft_line(n, "  %s counter goto web_%s comment \"%s\"", test, id, comment);
	nft_note(n, comment);
	json_field_s(&n->rules, "org", "-");
	buf_puts(&n->rules, ",\"action\":\"deny\"}");
}

static void under_attack(struct nft_out *n, int family, const char *ip, const char *visitor)
{
	const struct service *s = &n->m->service;
	char test[256];
	nft_line(n, "  limit rate over %u/second burst %u packets update @web_attack%d { %s daddr }", s->web_attack_per_s, s->web_attack_per_s, family, ip);
	nft_line(n, "  %s daddr @web_attack%d limit rate 1/second burst 1 packets log prefix \"- web:attack\" group 1 snaplen 128", ip, family);
	snprintf(test, sizeof test, "%s daddr @web_attack%d update @web_strict%d { %s limit rate over %d/second burst %d packets }", ip, family, family,
	         visitor, ATTACK_PER_SOURCE, 4 * ATTACK_PER_SOURCE);
	limit(n, family, "attack-source", test);
	snprintf(test, sizeof test, "%s daddr @web_attack%d add @web_few%d { %s ct count over %u }", ip, family, family, visitor,
	         s->web_connections / ATTACK_SHARE);
	limit(n, family, "attack-held", test);
}

static void chain(struct nft_out *n, int family)
{
	const struct service *s = &n->m->service;
	const char *ip = family == 4 ? "ip" : "ip6", *visitor = family == 4 ? "ip saddr" : "ip6 saddr & ffff:ffff:ffff:ffff::";
	char test[256];
	nft_line(n, " chain web%d {", family);
	under_attack(n, family, ip, visitor);
	snprintf(test, sizeof test, "update @web_rate%d { %s limit rate over %u/second burst %u packets }", family, visitor, s->web_new_per_s,
	         4 * s->web_new_per_s);
	limit(n, family, "new-per-second", test);
	snprintf(test, sizeof test, "add @web_held%d { %s ct count over %u }", family, visitor, s->web_connections);
	limit(n, family, "per-source", test);
	snprintf(test, sizeof test, "add @web_network%d { %s saddr & %s ct count over %u }", family, ip,
	         family == 4 ? "255.255.255.0" : "ffff:ffff:ffff::", NETWORK * s->web_connections);
	limit(n, family, "per-network", test);
	nft_line(n, "  accept\n }");
}

void nft_web_chains(struct nft_out *n)
{
	static const char *const ids[] = { "attack-source", "attack-held", "new-per-second", "per-source", "per-network" };
	if (!address(n, 4) && !address(n, 6))
		return;
	for (size_t i = 0; i < sizeof ids / sizeof *ids; i++)
		nft_line(n, " chain web_%s {\n  limit rate 20/second log prefix \"- web:%s\" group 1 snaplen 128\n  drop\n }", ids[i], ids[i]);
	for (int family = 4; family <= 6; family += 2)
		if (address(n, family))
			chain(n, family);
}

void nft_web_input(struct nft_out *n)
{
	char text[PREFIX_TEXT];
	for (int family = 4; family <= 6; family += 2)
		if (address(n, family))
			nft_line(n, "  iifname $uplink %s daddr %s tcp dport { 80, 443 } ct state new goto web%d", family == 4 ? "ip" : "ip6",
			         prefix_format_addr(address(n, family), text), family);
}
