/* The packet filter: `table inet toride`, replaced in one transaction, and what apply needs to know about it.
 *
 * nft/toride.nft   the table
 * nft/rules.json   every rule by its comment (read back by verify) and what it permits (cut when revoked)
 * nft/zones.bin    u16 index, char code[8], char interface[16], u8 global4[4], u8 global6[16] an organisation
 * nft/never.bin    u8 family, u8 len, u8 addr[16]: prefixes that are never blocked (our own service)
 *
 * A packet belongs to an organisation by the interface it comes in by (map @zone_in), on the way back by the
 * organisation's own global address (@zone_wan4/6); the conntrack zone and the mark are its index. What is never
 * allowed stands before the organisation's own rules and can't be reached by them: other organisations,
 * LGWAN, management, the node's inside. A rule with an end carries it into the kernel (meta time). Every denial is logged to nflog group 1 as "CODE RULE".
 * F-06, S-28, S-39, M-004, M-018; source routing: RFC 7126 section 4.3, RFC 5095. */
#include "compile/emit.h"
#include "compile/nft_out.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The first field of rules.json for each rule that carries a comment. */
static void rule_note(struct nft_out *n, const char *comment)
{
	buf_puts(&n->rules, n->n_rules++ ? ",\n{" : "\n{");
	json_field_s(&n->rules, "comment", comment);
}

/* A denial of one kind: matched, logged with code and rule id, refused in the given way, and noted. */
static void deny(struct nft_out *n, const char *code, const char *id, const char *match, const char *verdict)
{
	char comment[96];
	const char *family = strncmp(match, "ip6 ", 4) == 0 ? "/6" : strncmp(match, "ip ", 3) == 0 ? "/4" : "";
	snprintf(comment, sizeof comment, "%s/%s%s", code, id, family);
	nft_line(n, "  %s%slog prefix \"%s %s\" group 1 snaplen 128 counter %s comment \"%s\"", match, *match ? " " : "", code, id,
	     verdict, comment);
	rule_note(n, comment);
	json_field_s(&n->rules, "org", code);
	buf_puts(&n->rules, ",\"action\":\"deny\"}");
}

/* ---- chains of one organisation ---- */

static void rule_prefixes(struct buf *b, const char *key, const struct prefix *p, size_t n)
{
	json_key(b, key);
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		char text[PREFIX_TEXT];
		buf_puts(b, i ? "," : "");
		json_str(b, str_from(prefix_format(&p[i], text)));
	}
	buf_putc(b, ']');
}

static size_t count_family(const struct prefix *p, size_t n, int family)
{
	size_t c = 0;
	for (size_t i = 0; i < n; i++)
		c += p[i].family == family;
	return c;
}

static void put_match_set(struct buf *b, const char *what, int family, const struct prefix *p, size_t n)
{
	char text[PREFIX_TEXT];
	size_t c = 0;
	if (n == 0)
		return;
	buf_printf(b, "%s %s { ", family == 4 ? "ip" : "ip6", what);
	for (size_t i = 0; i < n; i++)
		if (p[i].family == family)
			buf_printf(b, "%s%s", c++ ? ", " : "", nft_addr(&p[i], text));
	buf_puts(b, " } ");
}

static void put_protocol(struct buf *b, const struct fw_rule *r)
{
	const char *name = r->protocol == IPPROTO_TCP ? "tcp" : r->protocol == IPPROTO_UDP ? "udp" : NULL;
	if (name && r->port_low)
		buf_printf(b, "%s dport %u-%u ", name, r->port_low, r->port_high);
	else if (name)
		buf_printf(b, "meta l4proto %s ", name);
	else if (r->protocol)
		buf_puts(b, "meta l4proto { icmp, ipv6-icmp } ");
}

static void rule_facts(struct nft_out *n, const struct org *o, const struct fw_rule *r, int family, const char *comment)
{
	struct buf *b = &n->rules;
	rule_note(n, comment);
	json_field_s(b, "org", o->code);
	json_field_u64(b, "zone", o->index);
	json_field_s(b, "action", r->action == FW_ALLOW ? "allow" : "deny");
	json_field_s(b, "direction", r->direction == FW_OUT ? "out" : "in");
	json_field_u64(b, "family", (uint64_t)family);
	json_field_u64(b, "protocol", r->protocol);
	json_field_u64(b, "port_low", r->port_low);
	json_field_u64(b, "port_high", r->port_high);
	rule_prefixes(b, "from", r->from, r->n_from);
	rule_prefixes(b, "to", r->to, r->n_to);
	buf_putc(b, '}');
}

static bool speaks_of(const struct fw_rule *r, int family)
{
	return (!r->n_from || count_family(r->from, r->n_from, family)) && (!r->n_to || count_family(r->to, r->n_to, family));
}

/* What the rule matches; only for a family it speaks of. */
static void put_match(struct buf *b, const struct fw_rule *r, int family)
{
	if (!r->n_from && !r->n_to)
		buf_printf(b, "meta nfproto ipv%d ", family);
	put_match_set(b, "saddr", family, r->from, r->n_from);
	put_match_set(b, "daddr", family, r->to, r->n_to);
	put_protocol(b, r);
}

/* Whole seconds, which nft takes in any time zone; a rule never lasts longer than it says. */
static int64_t expires_s(const struct fw_rule *r)
{
	return r->expires_ms / 1000;
}

/* One rule of the description in one family, when it says anything about that family. */
static void org_rule(struct nft_out *n, const struct org *o, const struct fw_rule *r, int family)
{
	if (!speaks_of(r, family))
		return;
	char comment[128];
	snprintf(comment, sizeof comment, "%s/%s/%d", o->code, r->id, family);
	buf_puts(&n->nft, "  ");
	if (r->expires_ms)
		buf_printf(&n->nft, "meta time < %lld ", (long long)expires_s(r));
	put_match(&n->nft, r, family);
	if (r->action == FW_DENY)
		buf_printf(&n->nft, "log prefix \"%s %s\" group 1 snaplen 128 ", o->code, r->id);
	buf_printf(&n->nft, "counter %s comment \"%s\"\n", r->action == FW_ALLOW ? "accept" : "goto refuse", comment);
	rule_facts(n, o, r, family, comment);
}

static void org_rules(struct nft_out *n, const struct org *o, enum fw_direction direction)
{
	for (size_t i = 0; i < o->n_fw; i++)
		for (int family = 4; o->fw[i].direction == direction && family <= 6; family += 2)
			org_rule(n, o, &o->fw[i], family);
}

static void never_allowed(struct nft_out *n, const struct org *o)
{
	static const struct {
		const char *set, *id;
	} sets[] = { { "management", "management" }, { "lgwan", "lgwan" }, { "inside", "lateral" }, { "bogon", "bogon" } };
	for (size_t i = 0; i < ARRAY_LEN(sets); i++)
		for (int family = 4; family <= 6; family += 2) {
			char match[96];
			snprintf(match, sizeof match, "%s daddr @%s%d", family == 4 ? "ip" : "ip6", sets[i].set, family);
			deny(n, o->code, sets[i].id, match, "goto refuse");
		}
}

static void org_chains(struct nft_out *n, const struct org *o)
{
	nft_line(n, " chain spoof_%s {", o->code);
	deny(n, o->code, "spoof", "", "drop");
	nft_line(n, " }\n chain out_%s {", o->code);
	never_allowed(n, o);
	deny(n, o->code, "not-internet", "oifname != $uplink", "goto refuse");
	org_rules(n, o, FW_OUT);
	deny(n, o->code, "default-out", "", "goto refuse");
	nft_line(n, " }\n chain inbound_%s {", o->code);
	org_rules(n, o, FW_IN);
	deny(n, o->code, "default-in", "", "drop");
	nft_line(n, " }\n chain local_%s {", o->code);
	for (int family = 4; family <= 6; family += 2) {
		char match[64];
		snprintf(match, sizeof match, "%s daddr @management%d", family == 4 ? "ip" : "ip6", family);
		deny(n, o->code, "management", match, "goto refuse");
	}
	deny(n, o->code, "local", "", "goto refuse");
	nft_line(n, " }");
}

/* ---- chains of everybody ---- */

static void chain_raw(struct nft_out *n)
{
	nft_line(n, " chain raw_in { type filter hook prerouting priority raw; policy accept;");
	nft_line(n, "  meta mark set iifname map @zone_in");
	nft_line(n, "  iifname $uplink ip daddr @known4 meta mark set ip daddr map @zone_wan4");
	nft_line(n, "  iifname $uplink ip6 daddr @known6 meta mark set ip6 daddr map @zone_wan6");
	nft_line(n, "  ct zone set meta mark map @zone_of");
	deny(n, "-", "source-route-loose", "ip option lsrr exists", "drop");
	deny(n, "-", "source-route-strict", "ip option ssrr exists", "drop");
	deny(n, "-", "source-route6", "rt type 0", "drop");
	nft_line(n, "  iifname @attached meta nfproto ipv6 ip6 saddr { fe80::/10, :: } meta l4proto ipv6-icmp accept");
	nft_line(n, "  meta nfproto ipv4 iifname @attached iifname . ip saddr != @source4 iifname vmap @spoofed");
	nft_line(n, "  meta nfproto ipv6 iifname @attached iifname . ip6 saddr != @source6 iifname vmap @spoofed");
	deny(n, "-", "spoof-wan4", "iifname $uplink ip saddr @inside4", "drop");
	deny(n, "-", "spoof-wan6", "iifname $uplink ip6 saddr @inside6", "drop");
	nft_line(n, " }");
	nft_line(n, " chain raw_out { type filter hook output priority raw; policy accept;");
	nft_line(n, "  oifname @attached meta mark set oifname map @zone_in");
	nft_line(n, "  ip saddr @known4 meta mark set ip saddr map @zone_wan4");
	nft_line(n, "  ip6 saddr @known6 meta mark set ip6 saddr map @zone_wan6");
	nft_line(n, "  ct zone set meta mark map @zone_of\n }");
}

static void chain_nat(struct nft_out *n)
{
	char text[PREFIX_TEXT];
	nft_line(n, " chain nat_in { type nat hook prerouting priority dstnat; policy accept;");
	if (prefix_is_set(&n->m->service.dns4))
		nft_line(n, "  iifname @attached ip daddr %s meta l4proto { tcp, udp } th dport 53 dnat ip to meta mark map @dns4",
		     prefix_format_addr(&n->m->service.dns4, text));
	if (prefix_is_set(&n->m->service.dns6))
		nft_line(n, "  iifname @attached ip6 daddr %s meta l4proto { tcp, udp } th dport 53 dnat ip6 to meta mark map @dns6",
		     prefix_format_addr(&n->m->service.dns6, text));
	nft_line(n, " }\n chain nat_out { type nat hook postrouting priority srcnat; policy accept;");
	nft_line(n, "  iifname @attached oifname $uplink meta nfproto ipv4 snat ip to meta mark map @snat4");
	nft_line(n, "  iifname @attached oifname $uplink meta nfproto ipv6 snat ip6 to meta mark map @snat6\n }");
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
	nft_line(n, "  meta l4proto { tcp, udp } th dport 53 iifname . ip daddr @resolver4 accept");
	nft_line(n, "  meta l4proto { tcp, udp } th dport 53 iifname . ip6 daddr @resolver6 accept");
	nft_line(n, "  iifname . ip daddr @gateway4 icmp type echo-request limit rate 100/second accept");
	nft_line(n, "  iifname vmap @local");
	nft_line(n, "  iifname $uplink ip daddr vmap @to_global4");
	nft_line(n, "  iifname $uplink ip6 daddr vmap @to_global6");
	nft_line(n, "  iifname $uplink icmp type echo-request limit rate 20/second accept");
	deny(n, "-", "default-node", "", "drop");
	nft_line(n, " }");
}

/* What a permission let in ends with it: once it has expired its running flows are judged again, like new ones, by all
 * rules that are left. The kernel's own clock says when, whether anybody of us runs or not. */
static void expired_rule(struct nft_out *n, const struct org *o, const struct fw_rule *r, int family)
{
	char comment[128];
	if (!r->expires_ms || r->action != FW_ALLOW || !speaks_of(r, family))
		return;
	snprintf(comment, sizeof comment, "%s/%s/%d/expired", o->code, r->id, family);
	if (r->direction == FW_OUT)
		buf_printf(&n->nft, "  iifname \"%s\" ", o->interface);
	else
		buf_puts(&n->nft, "  iifname $uplink ");
	buf_printf(&n->nft, "ct direction original meta time >= %lld ", (long long)expires_s(r));
	put_match(&n->nft, r, family);
	if (r->direction == FW_OUT)
		buf_printf(&n->nft, "goto out_%s ", o->code);
	else
		buf_printf(&n->nft, "%s daddr vmap @to_global%d ", family == 4 ? "ip" : "ip6", family);
	buf_printf(&n->nft, "comment \"%s\"\n", comment);
	rule_note(n, comment);
	json_field_s(&n->rules, "org", o->code);
	buf_puts(&n->rules, ",\"action\":\"expired\"}");
}

static void chain_expired(struct nft_out *n)
{
	nft_line(n, " chain expired {");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		for (size_t k = 0; k < n->m->orgs[i].n_fw; k++)
			for (int family = 4; family <= 6; family += 2)
				expired_rule(n, &n->m->orgs[i], &n->m->orgs[i].fw[k], family);
	nft_line(n, " }");
}

static void chain_forward(struct nft_out *n)
{
	chain_expired(n);
	nft_line(n, " chain forward { type filter hook forward priority filter; policy drop;");
	nft_line(n, "  jump expired");
	nft_line(n, "  ct state established,related accept");
	nft_line(n, "  ct state invalid counter drop");
	nft_line(n, "  iifname vmap @out");
	nft_line(n, "  iifname $uplink ip daddr vmap @to_global4");
	nft_line(n, "  iifname $uplink ip6 daddr vmap @to_global6");
	deny(n, "-", "default-forward", "", "drop");
	nft_line(n, " }");
	nft_line(n, " chain refuse {\n  meta l4proto tcp reject with tcp reset\n  reject with icmpx admin-prohibited\n }");
}

/* The node itself opens nothing towards an organisation, LGWAN or management. */
static void chain_output(struct nft_out *n)
{
	nft_line(n, " chain output { type filter hook output priority filter; policy accept;");
	nft_line(n, "  oifname \"lo\" accept\n  ct state established,related accept");
	nft_line(n, "  oifname @attached meta l4proto { icmp, ipv6-icmp } accept");
	deny(n, "-", "node-to-org", "oifname @attached", "drop");
	deny(n, "-", "node-to-lgwan", "ip daddr @lgwan4", "drop");
	deny(n, "-", "node-to-lgwan", "ip6 daddr @lgwan6", "drop");
	nft_line(n, " }");
}

static void table(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	buf_puts(&n->nft, "define uplink = {");
	for (size_t i = 0; i < s->n_uplinks; i++)
		buf_printf(&n->nft, "%s \"%s\"", i ? "," : "", s->uplinks[i].interface);
	nft_line(n, " }");
	nft_line(n, "table inet toride\ndelete table inet toride\ntable inet toride {");
	nft_sets(n);
	nft_line(n, " chain refuse { }");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		org_chains(n, &n->m->orgs[i]);
	nft_verdict_maps(n);
	chain_raw(n);
	chain_nat(n);
	chain_input(n);
	chain_forward(n);
	chain_output(n);
	nft_line(n, "}");
}

int compile_nft(const struct model *m, struct outset *out, struct err *err)
{
	struct nft_out n = { .m = m };
	struct buf zones, never;
	buf_init(&n.nft, 64 * MIB);
	buf_init(&n.rules, 64 * MIB);
	buf_init(&zones, MIB);
	buf_init(&never, MIB);
	buf_puts(&n.rules, "{\"table\":\"toride\",\"rules\":[");
	table(&n);
	buf_puts(&n.rules, "\n]}\n");
	nft_side_files(m, &zones, &never);
	int r[] = { emit(out, "nft/toride.nft", &n.nft, err), emit(out, "nft/rules.json", &n.rules, err),
		    emit(out, "nft/zones.bin", &zones, err), emit(out, "nft/never.bin", &never, err) };
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		if (r[i] < 0)
			return r[i];
	return 0;
}
