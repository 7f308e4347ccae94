/* The packet filter: `table inet toride`, replaced in one transaction, and what apply needs to know about it.
 *
 * nft/toride.nft   the table
 * nft/rules.json   every rule by its comment (read back by verify) and what it permits (cut when revoked)
 * nft/zones.bin    u16 index, char code[8], char interface[16], u8 global4[4], u8 global6[16] an organisation
 * nft/feeds.bin    the uplinks and the pinned lists of addresses (apply/feeds.h)
 * nft/breakout.bin  the pinned lists of services that break out (nft_breakout.c), where there are any
 * nft/never.bin    u8 family, u8 len, u8 addr[16]: prefixes that are never blocked (our own service)
 *
 * A packet belongs to an organisation by the interface it comes in by (map @zone_in), on the way back by one
 * of its global addresses (@zone_wan4/6); the conntrack zone and the mark are its index. What its packets may do is
 * nft_policy.c. Every denial is logged to nflog group 1 as "CODE RULE".
 * F-06, S-28, S-39, M-004, M-018; source routing: RFC 7126 section 4.3, RFC 5095. */
#include "compile/emit.h"
#include "compile/nft_out.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void nft_note(struct nft_out *n, const char *comment)
{
	buf_puts(&n->rules, n->n_rules++ ? ",\n{" : "\n{");
	json_field_s(&n->rules, "comment", comment);
}

void nft_deny(struct nft_out *n, const char *code, const char *id, const char *match, const char *verdict)
{
	char comment[96];
	const char *family = strncmp(match, "ip6 ", 4) == 0 ? "/6" : strncmp(match, "ip ", 3) == 0 ? "/4" : "";
	const char *gap = *match ? " " : "";
	snprintf(comment, sizeof comment, "%s/%s%s", code, id, family);
	if (strcmp(verdict, "drop") == 0)
		nft_line(n, "  %s%s" LOG_SOME "log prefix \"%s %s\" group 1 snaplen 128", match, gap, code, id);
	else
		nft_line(n, "  %s%slog prefix \"%s %s\" group 1 snaplen 128 counter %s comment \"%s\"", match, gap, code, id, verdict, comment);
	if (strcmp(verdict, "drop") == 0)
		nft_line(n, "  %s%scounter drop comment \"%s\"", match, gap, comment);
	nft_note(n, comment);
	json_field_s(&n->rules, "org", code);
	buf_puts(&n->rules, ",\"action\":\"deny\"}");
}

/* ---- chains of everybody ---- */

static void offender_sets(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2)
		nft_line(n, " set offender%d { type ipv%d_addr . ipv%d_addr; size 262144; flags dynamic,timeout; timeout 5m; }", family, family, family);
}

/* Sources that went on past the limits of an attacked server: shut out before anything is spent on them. */
static void put_offenders(struct nft_out *n)
{
	nft_line(n, " chain offenders { type filter hook prerouting priority -350; policy accept;");
	for (int family = 4; family <= 6; family += 2) {
		char comment[32];
		snprintf(comment, sizeof comment, "-/offender/%d", family);
		nft_line(n, "  iifname $uplink %s saddr . %s daddr @offender%d counter drop comment \"%s\"", family == 4 ? "ip" : "ip6",
		         family == 4 ? "ip" : "ip6", family, comment);
		nft_note(n, comment);
		buf_puts(&n->rules, ",\"org\":\"-\",\"action\":\"deny\"}");
	}
	nft_line(n, " }");
}

/* Questions to our name servers are no connections: a flood of them, each from another forged source, would fill the table
 * that everybody's connections stand in. */
static void name_servers_untracked(struct nft_out *n, const char *interface, char side)
{
	if (!n->m->service.n_name_servers)
		return;
	nft_line(n, "  %s ip %caddr @name_server4 udp %cport 53 notrack", interface, side, side);
	nft_line(n, "  %s ip6 %caddr @name_server6 udp %cport 53 notrack", interface, side, side);
}

static void chain_raw(struct nft_out *n)
{
	put_offenders(n);
	nft_line(n, " chain raw_in { type filter hook prerouting priority raw; policy accept;");
	nft_line(n, "  meta mark set iifname map @zone_in");
	nft_line(n, "  iifname $uplink ip daddr @known4 meta mark set ip daddr map @zone_wan4");
	nft_line(n, "  iifname $uplink ip6 daddr @known6 meta mark set ip6 daddr map @zone_wan6");
	nft_leg_raw(n);
	nft_line(n, "  ct zone set meta mark map @zone_of");
	nft_deny(n, "-", "source-route-loose", "ip option lsrr exists", "drop");
	nft_deny(n, "-", "source-route-strict", "ip option ssrr exists", "drop");
	nft_deny(n, "-", "source-route6", "rt type 0", "drop");
	nft_line(n, "  iifname @attached meta nfproto ipv6 ip6 saddr { fe80::/10, :: } meta l4proto ipv6-icmp accept");
	nft_line(n, "  meta nfproto ipv4 iifname @attached iifname . ip saddr != @source4 iifname vmap @spoofed");
	nft_line(n, "  meta nfproto ipv6 iifname @attached iifname . ip6 saddr != @source6 iifname vmap @spoofed");
	nft_deny(n, "-", "spoof-wan4", "iifname $uplink ip saddr @inside4", "drop");
	nft_deny(n, "-", "spoof-wan6", "iifname $uplink ip6 saddr @inside6", "drop");
	name_servers_untracked(n, "iifname $uplink", 'd');
	nft_line(n, " }");
	nft_line(n, " chain raw_out { type filter hook output priority raw; policy accept;");
	nft_line(n, "  oifname @attached meta mark set oifname map @zone_in");
	nft_line(n, "  ip saddr @known4 meta mark set ip saddr map @zone_wan4");
	nft_line(n, "  ip6 saddr @known6 meta mark set ip6 saddr map @zone_wan6");
	nft_line(n, "  ct zone set meta mark map @zone_of");
	name_servers_untracked(n, "oifname $uplink", 's');
	nft_line(n, " }");
}

/* What terminals send to the web without knowing of the proxy. It finds the destination by name (Host, server name) and asks the body's own
 * resolver, so the address they had isn't needed, and a name can't be used to get at another's address. Not what the node itself serves
 * there: the proxy leads nobody to the service's own addresses. */
static void web_to_proxy(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	char text[PREFIX_TEXT], desk[64] = "";
	for (int family = 4; family <= 6; family += 2) {
		const struct prefix *p = family == 4 ? &s->proxy4 : &s->proxy6;
		const char *ip = family == 4 ? "ip" : "ip6";
		if (!nft_transparent(n->m) || !prefix_is_set(p))
			continue;
		prefix_format_addr(p, text);
		if (desk_served(s))
			snprintf(desk, sizeof desk, "iifname . %s daddr != @deskserver%d ", ip, family);
		nft_line(n, "  iifname @transparent iifname . %s daddr != @resolver%d %stcp dport { 80, 443 } dnat %s to %s%s%s:%u", ip, family, desk, ip,
		         family == 4 ? "" : "[", text, family == 4 ? "" : "]", s->proxy_port);
	}
}

static void chain_nat(struct nft_out *n)
{
	char text[PREFIX_TEXT];
	nft_line(n, " chain nat_in { type nat hook prerouting priority dstnat; policy accept;");
	for (int family = 4; family <= 6; family += 2) {
		const struct prefix *p = family == 4 ? &n->m->service.dns4 : &n->m->service.dns6;
		const char *ip = family == 4 ? "ip" : "ip6";
		if (!prefix_is_set(p))
			continue;
		nft_line(n, "  iifname @attached %s daddr %s meta l4proto { tcp, udp } th dport 53 dnat %s to meta mark map @dns%d", ip,
		         prefix_format_addr(p, text), ip, family);
		nft_line(n, "  iifname @attached %s daddr %s tcp dport { 443, 853 } dnat %s to meta mark map @dns%d", ip, text, ip, family);
	}
	if (prefix_is_set(&n->m->service.time.addr4))
		nft_line(n, "  iifname @attached ip daddr %s udp dport 123 dnat ip to meta mark map @time4", prefix_format_addr(&n->m->service.time.addr4, text));
	if (prefix_is_set(&n->m->service.time.addr6))
		nft_line(n, "  iifname @attached ip6 daddr %s udp dport 123 dnat ip6 to meta mark map @time6", prefix_format_addr(&n->m->service.time.addr6, text));
	for (int family = 4; family <= 6; family += 2) {
		const struct prefix *p = family == 4 ? &n->m->service.desk.addr4 : &n->m->service.desk.addr6;
		if (prefix_is_set(p))
			nft_line(n, "  iifname @attached %1$s daddr %2$s tcp dport 443 dnat %1$s to meta mark map @desk%3$d", family == 4 ? "ip" : "ip6",
			         prefix_format_addr(p, text), family);
	}
	web_to_proxy(n); /* behind those that lead to what we serve */
	for (int family = 4; family <= 6; family += 2)
		for (int udp = 0; udp < 2; udp++)
			nft_line(n, "  iifname $uplink meta l4proto %1$s dnat %2$s to %2$s daddr . %1$s dport map @publish%3$d_%1$s", udp ? "udp" : "tcp",
			         family == 4 ? "ip" : "ip6", family);
	nft_leg_nat_in(n);
	nft_line(n, " }\n chain nat_out { type nat hook postrouting priority srcnat; policy accept;");
	nft_breakout_nat(n);
	nft_leg_nat_out(n);
	nft_line(n, "  iifname @attached oifname $uplink meta nfproto ipv4 snat ip to meta mark map @snat4");
	nft_line(n, "  iifname @attached oifname $uplink meta nfproto ipv6 snat ip6 to meta mark map @snat6\n }");
}

/* What leaves by a line is counted in its body's class there (shape.c). Behind the routing decision, which sets a
 * forwarded packet's priority by its type of service. */
static void chain_class(struct nft_out *n)
{
	nft_line(n, " chain class_out { type filter hook postrouting priority mangle; policy accept;");
	nft_line(n, "  oifname $uplink meta priority set meta mark map @class_of\n }");
}

/* A rule that says nothing: a flood's packets would only fill the log. */
static void deny_silently(struct nft_out *n, const char *name, int family, const char *match)
{
	char comment[64];
	snprintf(comment, sizeof comment, "-/%s/%d", name, family);
	nft_line(n, "  %s counter drop comment \"%s\"", match, comment);
	nft_note(n, comment);
	json_field_s(&n->rules, "org", "-");
	buf_puts(&n->rules, ",\"action\":\"deny\"}");
}

/* The whole of a prefecture's zones is asked 50 times a second at its highest: 500 from one address is nobody's resolver,
 * nor 20 connections. When forged sources fill the sets, all pass, and the name servers' own limit by answers remains (nsd.c). */
static void name_server_input(struct nft_out *n, int family)
{
	const char *ip = family == 4 ? "ip" : "ip6";
	char match[200];
	snprintf(match, sizeof match, "iifname $uplink udp dport 53 %s daddr @name_server%d update @dns_rate%d { %s saddr limit rate over "
	         "500/second burst 1000 packets }", ip, family, family, ip);
	deny_silently(n, "dns-flood", family, match);
	snprintf(match, sizeof match, "iifname $uplink tcp dport 53 %s daddr @name_server%d ct state new add @dns_connections%d { %s saddr "
	         "ct count over 20 }", ip, family, family, ip);
	deny_silently(n, "dns-connections", family, match);
	nft_line(n, "  iifname $uplink meta l4proto { tcp, udp } th dport 53 %s daddr @name_server%d accept", ip, family);
}

/* The other node: on the link between the two as itself, on the lines by its signs of life alone (VRRP). */
static void pair_input(struct nft_out *n)
{
	const struct pair *p = &n->m->service.pair;
	char text[PREFIX_TEXT];
	for (size_t i = 0; i < p->n_nodes; i++) {
		nft_line(n, "  iifname \"%s\" ip saddr %s accept", p->interface, prefix_format_addr(&p->nodes[i].sync4, text));
		for (size_t k = 0; k < p->nodes[i].n_own; k++)
			if (p->nodes[i].own[k].family == 4)
				nft_line(n, "  iifname $uplink ip saddr %s ip protocol 112 accept", prefix_format_addr(&p->nodes[i].own[k], text));
	}
}

/* A clerk's browser opens six connections; a body's whole staff never has 400 at once at pages of the desk. */
static void desk_input(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		const char *ip = family == 4 ? "ip" : "ip6";
		char match[200];
		snprintf(match, sizeof match, "tcp dport 443 iifname . %s daddr @deskserver%d ct state new add @desk_terminals%d { meta mark . %s saddr "
		         "ct count over 40 }", ip, family, family, ip);
		deny_silently(n, "desk-terminal", family, match);
		snprintf(match, sizeof match, "tcp dport 443 iifname . %s daddr @deskserver%d ct state new add @desk_bodies { meta mark ct count over 400 }", ip, family);
		deny_silently(n, "desk-body", family, match);
		nft_line(n, "  tcp dport 443 iifname . %s daddr @deskserver%d accept", ip, family);
	}
}

static void chain_input(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	char text[PREFIX_TEXT];
	nft_line(n, " chain input { type filter hook input priority filter; policy drop;");
	nft_line(n, "  iifname \"lo\" accept");
	nft_line(n, "  ct state established,related accept");
	nft_line(n, "  meta l4proto ipv6-icmp icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, "
	        "nd-router-solicit, packet-too-big, destination-unreachable, time-exceeded } accept");
	if (prefix_is_set(&s->proxy4))
		nft_line(n, "  iifname @attached ip daddr %s tcp dport %u accept", prefix_format_addr(&s->proxy4, text), s->proxy_port);
	if (prefix_is_set(&s->proxy6))
		nft_line(n, "  iifname @attached ip6 daddr %s tcp dport %u accept", prefix_format_addr(&s->proxy6, text), s->proxy_port);
	for (int six = 0; six < 2; six++) {
		const struct prefix *p = six ? &s->log6 : &s->log4;
		if (!prefix_is_set(p))
			continue;
		nft_line(n, "  iifname @attached %s daddr %s udp dport %d accept", six ? "ip6" : "ip", prefix_format_addr(p, text), LOG_PORT);
		nft_line(n, "  iifname @attached %s daddr %s tcp dport { %d, %d } accept", six ? "ip6" : "ip", text, LOG_PORT, LOG_TLS_PORT);
	}
	nft_web_input(n);
	nft_line(n, "  meta l4proto { tcp, udp } th dport 53 iifname . ip daddr @resolver4 accept");
	nft_line(n, "  meta l4proto { tcp, udp } th dport 53 iifname . ip6 daddr @resolver6 accept");
	nft_line(n, "  tcp dport { 443, 853 } iifname . ip daddr @resolver4 accept");
	nft_line(n, "  tcp dport { 443, 853 } iifname . ip6 daddr @resolver6 accept");
	if (s->time.n_servers)
		nft_line(n, "  udp dport 123 iifname . ip daddr @timeserver4 accept\n  udp dport 123 iifname . ip6 daddr @timeserver6 accept");
	if (desk_served(s))
		desk_input(n);
	nft_line(n, "  iifname . ip daddr @gateway4 icmp type echo-request limit rate 100/second accept");
	for (int family = 4; s->n_name_servers && family <= 6; family += 2)
		name_server_input(n, family);
	if (s->pair.n_nodes)
		pair_input(n);
	nft_line(n, "  iifname vmap @local");
	nft_line(n, "  iifname $uplink ip daddr vmap @to_global4");
	nft_line(n, "  iifname $uplink ip6 daddr vmap @to_global6");
	nft_line(n, "  iifname $uplink icmp type echo-request limit rate 20/second accept");
	nft_deny(n, "-", "default-node", "", "drop");
	nft_line(n, " }");
}

static void chain_forward(struct nft_out *n)
{
	nft_line(n, " chain forward { type filter hook forward priority filter; policy drop;");
	nft_leg_forward(n);
	/* What a timed rule let pass is asked again: its end ends what runs (the answers need no rule). */
	nft_line(n, "  ct state established,related ct mark and " TIMED " == 0 accept");
	nft_line(n, "  ct state established,related ct direction reply accept");
	nft_line(n, "  ct state invalid counter drop");
	nft_line(n, "  iifname vmap @out");
	nft_line(n, "  iifname $uplink ct status dnat meta mark vmap @inbound");
	nft_deny(n, "-", "default-forward", "", "drop");
	nft_line(n, " }");
	nft_line(n, " chain refuse {\n  meta l4proto tcp reject with tcp reset\n  reject with icmpx admin-prohibited\n }");
}

/* The node itself opens nothing towards LGWAN or management, and towards an organisation only its public sites' origins and its directory. */
static void chain_output(struct nft_out *n)
{
	nft_line(n, " chain output { type filter hook output priority filter; policy accept;");
	nft_line(n, "  oifname \"lo\" accept\n  ct state established,related accept");
	nft_line(n, "  oifname @attached meta l4proto { icmp, ipv6-icmp } accept");
	nft_line(n, "  oifname . ip daddr . tcp dport @origin4 accept\n  oifname . ip6 daddr . tcp dport @origin6 accept");
	nft_deny(n, "-", "node-to-org", "oifname @attached", "drop");
	nft_deny(n, "-", "node-to-lgwan", "ip daddr @lgwan4", "drop");
	nft_deny(n, "-", "node-to-lgwan", "ip6 daddr @lgwan6", "drop");
	nft_line(n, " }");
}

static int table(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	buf_puts(&n->nft, "define uplink = {");
	for (size_t i = 0; i < s->n_uplinks; i++)
		buf_printf(&n->nft, "%s \"%s\"", i ? "," : "", s->uplinks[i].interface);
	nft_line(n, " }");
	nft_line(n, "table inet toride\ndelete table inet toride\ntable inet toride {");
	if (nft_sets(n) < 0)
		return -E_NOMEM;
	offender_sets(n);
	nft_line(n, " chain refuse { }");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		nft_org_chains(n, &n->m->orgs[i]);
	nft_web_chains(n);
	nft_verdict_maps(n);
	chain_raw(n);
	chain_nat(n);
	nft_breakout(n);
	chain_class(n);
	nft_leg_back(n);
	chain_input(n);
	chain_forward(n);
	chain_output(n);
	if (n->shared_sets.failed)
		return n->shared_sets.failed;
	buf_str(&n->nft, buf_view(&n->shared_sets));
	nft_line(n, "}");
	return 0;
}

int compile_nft(const struct model *m, struct outset *out, struct err *err)
{
	struct arena arena;
	struct nft_out n = { .m = m, .arena = &arena };
	struct buf zones, never, feeds, breakout;
	arena_init(&arena, 64 * MIB);
	buf_init(&n.nft, 64 * MIB);
	buf_init(&n.rules, 64 * MIB);
	buf_init(&n.scratch, 4 * KIB);
	buf_init(&n.shared_sets, 64 * MIB);
	map_init(&n.shared, 1000000);
	buf_init(&zones, MIB);
	buf_init(&never, MIB);
	buf_init(&feeds, MIB);
	buf_init(&breakout, MIB);
	buf_puts(&n.rules, "{\"table\":\"toride\",\"rules\":[");
	if (table(&n) < 0)
		n.nft.failed = -E_NOMEM;
	arena_done(&arena);
	buf_done(&n.scratch);
	buf_done(&n.shared_sets);
	map_done(&n.shared);
	buf_puts(&n.rules, "\n]}\n");
	nft_side_files(m, &zones, &never);
	nft_feeds(m, &feeds);
	nft_breakout_lists(m, &breakout);
	int r[] = { emit(out, "nft/toride.nft", &n.nft, err), emit(out, "nft/rules.json", &n.rules, err),
		    emit(out, "nft/zones.bin", &zones, err), emit(out, "nft/never.bin", &never, err), emit(out, "nft/feeds.bin", &feeds, err),
		    breakout.len ? emit(out, "nft/breakout.bin", &breakout, err) : 0 };
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		if (r[i] < 0)
			return r[i];
	return 0;
}
