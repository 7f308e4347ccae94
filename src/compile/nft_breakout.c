/* The breakout in the packet filter (M-012): what goes to a service that its organisation opted for is marked MARK_BREAKOUT. The mark
 * chooses the line (net.c), the source address and the bandwidth class; it permits nothing: what may pass is the firewall's and the
 * proxy's matter as before.
 *
 *   routed flows          by destination: a set a service, filled by root's side from the list that the description pins (apply/breakout.h)
 *   the proxy's requests  the same, and by name: its socket's priority is BREAKOUT_PRIORITY then (proxy/origin.c)
 *
 * It is decided once a connection and kept in the connection's mark: a list that changes, or an end, moves no running connection, and
 * what the kernel itself answers (a closed socket's last words) goes the same way.
 *
 * Sockets keep their ordinary address and blocks, zones and refusals see it; the breakout's is put in behind all of them. */
#include "compile/nft_out.h"

#include "base/mem.h"
#include "compile/emit.h"
#include "wire/place.h"

#include <stdio.h>

static bool used(const struct model *m, const struct breakout_service *v)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].breakout.n_services; k++)
			if (m->orgs[i].breakout.services[k].is == v)
				return true;
	return false;
}

static bool by_address(const struct model *m, const struct breakout_service *v)
{
	return v->addresses[0] && used(m, v);
}

static size_t number_of(const struct model *m, const struct breakout_service *v)
{
	return (size_t)(v - m->service.breakout.services) + 1;
}

void nft_breakout_sets(struct nft_out *n)
{
	const struct breakout *b = &n->m->service.breakout;
	for (size_t i = 0; i < b->n_services; i++)
		for (int family = 4; by_address(n->m, &b->services[i]) && family <= 6; family += 2)
			nft_line(n, " set saas%zu_%d { type ipv%d_addr" NFT_INTERVALS "; }", i + 1, family, family);
}

static void marked(struct nft_out *n, const struct org *o, const char *id, int family, const char *match)
{
	char comment[96];
	snprintf(comment, sizeof comment, "%s/breakout:%s/%d", o->code, id, family);
	nft_line(n, "  %s counter ct mark set ct mark or %#x meta mark set meta mark or %#x return comment \"%s\"", match, MARK_BREAKOUT,
	         MARK_BREAKOUT, comment);
	nft_note(n, comment);
	json_field_s(&n->rules, "org", o->code);
	buf_puts(&n->rules, ",\"action\":\"breakout\"}");
}

static void org_chain(struct nft_out *n, const struct org *o)
{
	nft_line(n, " chain breakout_%s {\n  fib daddr type local return", o->code);
	for (size_t i = 0; i < o->breakout.n_services; i++) {
		const struct breakout_use *u = &o->breakout.services[i];
		for (int family = 4; by_address(n->m, u->is) && family <= 6; family += 2) {
			char match[96];
			snprintf(match, sizeof match, "meta time < %lld %s daddr @saas%zu_%d", (long long)(u->expires_ms / 1000), family == 4 ? "ip" : "ip6",
			         number_of(n->m, u->is), family);
			if (breaks_out(o, family))
				marked(n, o, u->service, family, match);
		}
	}
	nft_line(n, " }\n chain named_%s {", o->code);
	for (int family = 4; family <= 6; family += 2)
		if (breaks_out(o, family))
			marked(n, o, "by-name", family, family == 4 ? "meta nfproto ipv4" : "meta nfproto ipv6");
	nft_line(n, " }");
}

static void verdicts(struct nft_out *n, const char *map, const char *chain)
{
	const char *before = "  elements = { ";
	nft_line(n, " map %s { type mark : verdict;", map);
	for (size_t i = 0; i < n->m->n_orgs; i++)
		if (n->m->orgs[i].breakout.n_services) {
			buf_printf(&n->nft, "%s%u : jump %s_%s", before, n->m->orgs[i].index, chain, n->m->orgs[i].code);
			before = ",\n    ";
		}
	nft_line(n, " }\n }");
}

static bool anybody(const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		if (m->orgs[i].breakout.n_services)
			return true;
	return false;
}

void nft_breakout(struct nft_out *n)
{
	if (!anybody(n->m))
		return;
	for (size_t i = 0; i < n->m->n_orgs; i++)
		if (n->m->orgs[i].breakout.n_services)
			org_chain(n, &n->m->orgs[i]);
	verdicts(n, "breakout", "breakout");
	verdicts(n, "named", "named");
	nft_line(n, " chain breakout_in { type filter hook prerouting priority mangle; policy accept;");
	nft_line(n, "  iifname @attached ct mark & %#x != 0 meta mark set meta mark or %#x accept", MARK_BREAKOUT, MARK_BREAKOUT);
	nft_line(n, "  iifname @attached ct state new meta mark vmap @breakout\n }");
	nft_line(n, " chain breakout_out { type route hook output priority mangle; policy accept;");
	nft_line(n, "  oifname @attached accept\n  ct mark & %#x != 0 meta mark set meta mark or %#x accept", MARK_BREAKOUT, MARK_BREAKOUT);
	nft_line(n, "  ct state new meta skuid %d meta priority 0:%d meta mark vmap @named", USER_PROXY, BREAKOUT_PRIORITY);
	nft_line(n, "  ct state new meta skuid %d meta mark vmap @breakout\n }", USER_PROXY);
}

void nft_breakout_nat(struct nft_out *n)
{
	for (int family = 4; anybody(n->m) && family <= 6; family += 2)
		nft_line(n, "  oifname $uplink meta mark & %#x != 0 meta nfproto ipv%d snat ip%s to meta mark map @snat%d", MARK_BREAKOUT, family,
		         family == 4 ? "" : "6", family);
}

/* u16 n, n x { u16 number of the set, char hex[65] } */
void nft_breakout_lists(const struct model *m, struct buf *b)
{
	const struct breakout *k = &m->service.breakout;
	size_t n = 0;
	for (size_t i = 0; i < k->n_services; i++)
		n += by_address(m, &k->services[i]);
	if (n == 0)
		return;
	buf_putc(b, (char)(n >> 8));
	buf_putc(b, (char)n);
	for (size_t i = 0; i < k->n_services; i++) {
		char hex[65] = { 0 };
		if (!by_address(m, &k->services[i]))
			continue;
		snprintf(hex, sizeof hex, "%s", k->services[i].addresses + 7);
		buf_putc(b, (char)((i + 1) >> 8));
		buf_putc(b, (char)(i + 1));
		buf_put(b, hex, sizeof hex);
	}
}
