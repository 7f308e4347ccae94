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
 * LGWAN, management, the node's inside. Every denial is logged to nflog group 1 as "CODE RULE".
 * F-06, S-28, S-39, M-004, M-018; source routing: RFC 7126 section 4.3, RFC 5095. */
#include "compile/emit.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

struct nft_out {
	const struct model *m;
	struct buf nft, rules;
	size_t n_rules;
};

/* The first field of rules.json for each rule that carries a comment. */
static void rule_note(struct nft_out *n, const char *comment)
{
	buf_puts(&n->rules, n->n_rules++ ? ",\n{" : "\n{");
	json_field_s(&n->rules, "comment", comment);
}

static void line(struct nft_out *n, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void line(struct nft_out *n, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_puts(&n->nft, text);
	buf_putc(&n->nft, '\n');
}

/* A denial of one kind: matched, logged with code and rule id, refused in the given way, and noted. */
static void deny(struct nft_out *n, const char *code, const char *id, const char *match, const char *verdict)
{
	char comment[96];
	const char *family = strncmp(match, "ip6 ", 4) == 0 ? "/6" : strncmp(match, "ip ", 3) == 0 ? "/4" : "";
	snprintf(comment, sizeof comment, "%s/%s%s", code, id, family);
	line(n, "  %s%slog prefix \"%s %s\" group 1 snaplen 128 counter %s comment \"%s\"", match, *match ? " " : "", code, id,
	     verdict, comment);
	rule_note(n, comment);
	json_field_s(&n->rules, "org", code);
	buf_puts(&n->rules, ",\"action\":\"deny\"}");
}

/* ---- sets and maps ---- */

struct list {
	struct nft_out *n;
	size_t count;
};

static void list_open(struct list *l, struct nft_out *n, const char *head)
{
	*l = (struct list){ n, 0 };
	line(n, " %s", head);
}

static void list_add(struct list *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void list_add(struct list *l, const char *fmt, ...)
{
	char text[256];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_puts(&l->n->nft, l->count++ ? ",\n    " : "  elements = {\n    ");
	buf_puts(&l->n->nft, text);
}

static void list_close(struct list *l)
{
	buf_puts(&l->n->nft, l->count ? "\n  }\n }\n" : " }\n");
}

static const char *addr_text(const struct prefix *p, char dst[PREFIX_TEXT])
{
	return p->len == (p->family == 4 ? 32 : 128) ? prefix_format_addr(p, dst) : prefix_format(p, dst);
}

static void zone_maps(struct nft_out *n)
{
	struct list l;
	char text[PREFIX_TEXT];
	list_open(&l, n, "map zone_in { type ifname : mark;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "\"%s\" : %u", n->m->orgs[i].interface, n->m->orgs[i].index);
	list_close(&l);
	list_open(&l, n, "map zone_of { typeof meta mark : ct zone;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "%u : %u", n->m->orgs[i].index, n->m->orgs[i].index);
	list_close(&l);
	for (int family = 4; family <= 6; family += 2) {
		list_open(&l, n, family == 4 ? "map zone_wan4 { type ipv4_addr : mark;" : "map zone_wan6 { type ipv6_addr : mark;");
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			const struct prefix *g = family == 4 ? &o->global4 : &o->global6;
			struct prefix dns = family == 4 ? internal4(n->m, o, INTERNAL_RESOLVER) : internal6(o, INTERNAL_RESOLVER);
			if (prefix_is_set(g))
				list_add(&l, "%s : %u", prefix_format_addr(g, text), o->index);
			if (prefix_is_set(&dns))
				list_add(&l, "%s : %u", prefix_format_addr(&dns, text), o->index);
		}
		list_close(&l);
	}
}

/* What each organisation's traffic becomes: its own global address, its own view of the resolver. */
static void nat_maps(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		const char *type = family == 4 ? "ipv4_addr" : "ipv6_addr";
		char head[96], text[PREFIX_TEXT];
		struct list l;
		snprintf(head, sizeof head, "map snat%d { type mark : %s;", family, type);
		list_open(&l, n, head);
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			const struct prefix *g = family == 4 ? &o->global4 : &o->global6;
			if (prefix_is_set(g))
				list_add(&l, "%u : %s", o->index, prefix_format_addr(g, text));
		}
		list_close(&l);
		snprintf(head, sizeof head, "map dns%d { type mark : %s;", family, type);
		list_open(&l, n, head);
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			struct prefix d = family == 4 ? internal4(n->m, o, INTERNAL_RESOLVER) : internal6(o, INTERNAL_RESOLVER);
			if (prefix_is_set(&d))
				list_add(&l, "%u : %s", o->index, prefix_format_addr(&d, text));
		}
		list_close(&l);
	}
}

/* Which source addresses may come in by which interface. */
static void source_sets(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char head[96], text[PREFIX_TEXT];
		snprintf(head, sizeof head, "set source%d { type ifname . %s; flags interval;", family,
		         family == 4 ? "ipv4_addr" : "ipv6_addr");
		list_open(&l, n, head);
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			const struct prefix *router = family == 4 ? &o->router4 : &o->router6;
			for (size_t k = 0; k < o->n_prefixes; k++)
				if (o->prefixes[k].family == family)
					list_add(&l, "\"%s\" . %s", o->interface, addr_text(&o->prefixes[k], text));
			if (prefix_is_set(router))
				list_add(&l, "\"%s\" . %s", o->interface, prefix_format_addr(router, text));
		}
		list_close(&l);
	}
}

static void prefix_set(struct nft_out *n, const char *name, int family, const struct prefix *p, size_t count)
{
	struct list l;
	char head[128], text[PREFIX_TEXT];
	snprintf(head, sizeof head, "set %s%d { type %s; flags interval; auto-merge;", name, family,
	         family == 4 ? "ipv4_addr" : "ipv6_addr");
	list_open(&l, n, head);
	for (size_t i = 0; i < count; i++)
		if (p[i].family == family)
			list_add(&l, "%s", addr_text(&p[i], text));
	list_close(&l);
}

/* Every organisation's inside and global addresses: nobody reaches them from another organisation. */
static void inside_sets(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char text[PREFIX_TEXT];
		list_open(&l, n, family == 4 ? "set inside4 { type ipv4_addr; flags interval; auto-merge;"
		                             : "set inside6 { type ipv6_addr; flags interval; auto-merge;");
		if (family == 4)
			list_add(&l, "%s", addr_text(&n->m->service.internal4, text));
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			const struct prefix *g = family == 4 ? &o->global4 : &o->global6;
			for (size_t k = 0; k < o->n_prefixes; k++)
				if (o->prefixes[k].family == family)
					list_add(&l, "%s", addr_text(&o->prefixes[k], text));
			if (prefix_is_set(g))
				list_add(&l, "%s", prefix_format_addr(g, text));
			if (family == 6 && prefix_is_set(&o->router6)) {
				struct prefix net = internal6(o, 0);
				net.len = 64;
				list_add(&l, "%s", prefix_format(&net, text));
			}
		}
		list_close(&l);
	}
}

/* Addresses that aren't the Internet (RFC 6890): an organisation has no business there through us.
 * Documentation ranges are left out: the lab's Internet is made of them. */
static void bogon_sets(struct nft_out *n)
{
	line(n, " set bogon4 { type ipv4_addr; flags interval; auto-merge; elements = { 0.0.0.0/8, 10.0.0.0/8, 100.64.0.0/10,");
	line(n, "  127.0.0.0/8, 169.254.0.0/16, 172.16.0.0/12, 192.168.0.0/16, 198.18.0.0/15, 224.0.0.0/3 } }");
	line(n, " set bogon6 { type ipv6_addr; flags interval; auto-merge; elements = { ::/8, fc00::/7, fe80::/10, ff00::/8 } }");
}

static void interface_verdicts(struct nft_out *n, const char *name, const char *chain)
{
	struct list l;
	char head[96];
	snprintf(head, sizeof head, "map %s { type ifname : verdict;", name);
	list_open(&l, n, head);
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "\"%s\" : jump %s_%s", n->m->orgs[i].interface, chain, n->m->orgs[i].code);
	list_close(&l);
}

static void global_verdicts(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char text[PREFIX_TEXT];
		list_open(&l, n, family == 4 ? "map to_global4 { type ipv4_addr : verdict;" : "map to_global6 { type ipv6_addr : verdict;");
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			const struct prefix *g = family == 4 ? &o->global4 : &o->global6;
			if (prefix_is_set(g))
				list_add(&l, "%s : jump inbound_%s", prefix_format_addr(g, text), o->code);
		}
		list_close(&l);
	}
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
			buf_printf(b, "%s%s", c++ ? ", " : "", addr_text(&p[i], text));
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

/* One rule of the description in one family, when it says anything about that family. */
static void org_rule(struct nft_out *n, const struct org *o, const struct fw_rule *r, int family)
{
	size_t from = count_family(r->from, r->n_from, family), to = count_family(r->to, r->n_to, family);
	if ((r->n_from && !from) || (r->n_to && !to))
		return;
	char comment[128];
	snprintf(comment, sizeof comment, "%s/%s/%d", o->code, r->id, family);
	buf_puts(&n->nft, "  ");
	if (!r->n_from && !r->n_to)
		buf_printf(&n->nft, "meta nfproto ipv%d ", family);
	put_match_set(&n->nft, "saddr", family, r->from, from ? r->n_from : 0);
	put_match_set(&n->nft, "daddr", family, r->to, to ? r->n_to : 0);
	put_protocol(&n->nft, r);
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
	line(n, " chain spoof_%s {", o->code);
	deny(n, o->code, "spoof", "", "drop");
	line(n, " }\n chain out_%s {", o->code);
	never_allowed(n, o);
	deny(n, o->code, "not-internet", "oifname != $uplink", "goto refuse");
	org_rules(n, o, FW_OUT);
	deny(n, o->code, "default-out", "", "goto refuse");
	line(n, " }\n chain inbound_%s {", o->code);
	org_rules(n, o, FW_IN);
	deny(n, o->code, "default-in", "", "drop");
	line(n, " }\n chain local_%s {", o->code);
	for (int family = 4; family <= 6; family += 2) {
		char match[64];
		snprintf(match, sizeof match, "%s daddr @management%d", family == 4 ? "ip" : "ip6", family);
		deny(n, o->code, "management", match, "goto refuse");
	}
	deny(n, o->code, "local", "", "goto refuse");
	line(n, " }");
}

/* ---- chains of everybody ---- */

static void chain_raw(struct nft_out *n)
{
	line(n, " chain raw_in { type filter hook prerouting priority raw; policy accept;");
	line(n, "  meta mark set iifname map @zone_in");
	line(n, "  iifname $uplink ip daddr @known4 meta mark set ip daddr map @zone_wan4");
	line(n, "  iifname $uplink ip6 daddr @known6 meta mark set ip6 daddr map @zone_wan6");
	line(n, "  ct zone set meta mark map @zone_of");
	deny(n, "-", "source-route-loose", "ip option lsrr exists", "drop");
	deny(n, "-", "source-route-strict", "ip option ssrr exists", "drop");
	deny(n, "-", "source-route6", "rt type 0", "drop");
	line(n, "  iifname @attached meta nfproto ipv6 ip6 saddr { fe80::/10, :: } meta l4proto ipv6-icmp accept");
	line(n, "  meta nfproto ipv4 iifname @attached iifname . ip saddr != @source4 iifname vmap @spoofed");
	line(n, "  meta nfproto ipv6 iifname @attached iifname . ip6 saddr != @source6 iifname vmap @spoofed");
	deny(n, "-", "spoof-wan4", "iifname $uplink ip saddr @inside4", "drop");
	deny(n, "-", "spoof-wan6", "iifname $uplink ip6 saddr @inside6", "drop");
	line(n, " }");
	line(n, " chain raw_out { type filter hook output priority raw; policy accept;");
	line(n, "  oifname @attached meta mark set oifname map @zone_in");
	line(n, "  ip saddr @known4 meta mark set ip saddr map @zone_wan4");
	line(n, "  ip6 saddr @known6 meta mark set ip6 saddr map @zone_wan6");
	line(n, "  ct zone set meta mark map @zone_of\n }");
}

static void chain_nat(struct nft_out *n)
{
	char text[PREFIX_TEXT];
	line(n, " chain nat_in { type nat hook prerouting priority dstnat; policy accept;");
	if (prefix_is_set(&n->m->service.dns4))
		line(n, "  iifname @attached ip daddr %s meta l4proto { tcp, udp } th dport 53 dnat ip to meta mark map @dns4",
		     prefix_format_addr(&n->m->service.dns4, text));
	if (prefix_is_set(&n->m->service.dns6))
		line(n, "  iifname @attached ip6 daddr %s meta l4proto { tcp, udp } th dport 53 dnat ip6 to meta mark map @dns6",
		     prefix_format_addr(&n->m->service.dns6, text));
	line(n, " }\n chain nat_out { type nat hook postrouting priority srcnat; policy accept;");
	line(n, "  iifname @attached oifname $uplink meta nfproto ipv4 snat ip to meta mark map @snat4");
	line(n, "  iifname @attached oifname $uplink meta nfproto ipv6 snat ip6 to meta mark map @snat6\n }");
}

static void chain_input(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	char text[PREFIX_TEXT];
	line(n, " chain input { type filter hook input priority filter; policy drop;");
	line(n, "  iifname \"lo\" accept");
	line(n, "  ct state established,related accept");
	line(n, "  meta l4proto ipv6-icmp icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-advert, "
	        "nd-router-solicit, packet-too-big, destination-unreachable, time-exceeded } accept");
	if (prefix_is_set(&s->proxy4))
		line(n, "  iifname @attached ip daddr %s tcp dport %u accept", prefix_format_addr(&s->proxy4, text), s->proxy_port);
	if (prefix_is_set(&s->proxy6))
		line(n, "  iifname @attached ip6 daddr %s tcp dport %u accept", prefix_format_addr(&s->proxy6, text), s->proxy_port);
	line(n, "  meta l4proto { tcp, udp } th dport 53 iifname . ip daddr @resolver4 accept");
	line(n, "  meta l4proto { tcp, udp } th dport 53 iifname . ip6 daddr @resolver6 accept");
	line(n, "  iifname . ip daddr @gateway4 icmp type echo-request limit rate 100/second accept");
	line(n, "  iifname vmap @local");
	line(n, "  iifname $uplink ip daddr vmap @to_global4");
	line(n, "  iifname $uplink ip6 daddr vmap @to_global6");
	line(n, "  iifname $uplink icmp type echo-request limit rate 20/second accept");
	deny(n, "-", "default-node", "", "drop");
	line(n, " }");
}

static void chain_forward(struct nft_out *n)
{
	line(n, " chain forward { type filter hook forward priority filter; policy drop;");
	line(n, "  ct state established,related accept");
	line(n, "  ct state invalid counter drop");
	line(n, "  iifname vmap @out");
	line(n, "  iifname $uplink ip daddr vmap @to_global4");
	line(n, "  iifname $uplink ip6 daddr vmap @to_global6");
	deny(n, "-", "default-forward", "", "drop");
	line(n, " }");
	line(n, " chain refuse {\n  meta l4proto tcp reject with tcp reset\n  reject with icmpx admin-prohibited\n }");
}

/* The node itself opens nothing towards an organisation, LGWAN or management. */
static void chain_output(struct nft_out *n)
{
	line(n, " chain output { type filter hook output priority filter; policy accept;");
	line(n, "  oifname \"lo\" accept\n  ct state established,related accept");
	line(n, "  oifname @attached meta l4proto { icmp, ipv6-icmp } accept");
	deny(n, "-", "node-to-org", "oifname @attached", "drop");
	deny(n, "-", "node-to-lgwan", "ip daddr @lgwan4", "drop");
	deny(n, "-", "node-to-lgwan", "ip6 daddr @lgwan6", "drop");
	line(n, " }");
}

static void interface_set(struct nft_out *n)
{
	struct list l;
	list_open(&l, n, "set attached { type ifname;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "\"%s\"", n->m->orgs[i].interface);
	list_close(&l);
}

/* Pairs of an interface and the node's own address there that may be asked from it. */
static void node_sets(struct nft_out *n, const char *name, uint8_t host)
{
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char head[96], text[PREFIX_TEXT];
		snprintf(head, sizeof head, "set %s%d { type ifname . %s;", name, family, family == 4 ? "ipv4_addr" : "ipv6_addr");
		list_open(&l, n, head);
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			struct prefix p = family == 4 ? internal4(n->m, &n->m->orgs[i], host) : internal6(&n->m->orgs[i], host);
			if (prefix_is_set(&p))
				list_add(&l, "\"%s\" . %s", n->m->orgs[i].interface, prefix_format_addr(&p, text));
		}
		list_close(&l);
	}
}

/* A map lookup that finds nothing ends the rule, but `meta mark set` of an unknown address must not run at all. */
static void known_sets(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char text[PREFIX_TEXT];
		list_open(&l, n, family == 4 ? "set known4 { type ipv4_addr;" : "set known6 { type ipv6_addr;");
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			const struct prefix *g = family == 4 ? &o->global4 : &o->global6;
			struct prefix d = family == 4 ? internal4(n->m, o, INTERNAL_RESOLVER) : internal6(o, INTERNAL_RESOLVER);
			if (prefix_is_set(g))
				list_add(&l, "%s", prefix_format_addr(g, text));
			if (prefix_is_set(&d))
				list_add(&l, "%s", prefix_format_addr(&d, text));
		}
		list_close(&l);
	}
}

static void side_files(const struct model *m, struct buf *zones, struct buf *never)
{
	const struct service *s = &m->service;
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		char code[8] = { 0 }, dev[16] = { 0 };
		unsigned char index[2] = { (unsigned char)(o->index >> 8), (unsigned char)o->index };
		snprintf(code, sizeof code, "%s", o->code);
		snprintf(dev, sizeof dev, "%s", o->interface);
		buf_put(zones, index, 2);
		buf_put(zones, code, 8);
		buf_put(zones, dev, 16);
		buf_put(zones, o->global4.addr, 4);
		buf_put(zones, o->global6.addr, 16);
	}
	const struct prefix own[] = { s->proxy4, s->proxy6, s->dns4, s->dns6, s->internal4, s->uplink.addr4, s->uplink.addr6,
		                      s->uplink.gateway4, s->uplink.gateway6 };
	for (size_t i = 0; i < ARRAY_LEN(own) + s->n_management; i++) {
		const struct prefix *p = i < ARRAY_LEN(own) ? &own[i] : &s->management[i - ARRAY_LEN(own)];
		unsigned char len = p == &own[4] || i >= ARRAY_LEN(own) ? p->len : p->family == 4 ? 32 : 128;
		if (!prefix_is_set(p))
			continue;
		buf_put(never, &p->family, 1);
		buf_put(never, &len, 1);
		buf_put(never, p->addr, 16);
	}
}

static void table(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	line(n, "define uplink = \"%s\"", s->uplink.interface);
	line(n, "table inet toride\ndelete table inet toride\ntable inet toride {");
	interface_set(n);
	zone_maps(n);
	known_sets(n);
	nat_maps(n);
	source_sets(n);
	inside_sets(n);
	for (int family = 4; family <= 6; family += 2) {
		prefix_set(n, "management", family, s->management, s->n_management);
		prefix_set(n, "lgwan", family, s->lgwan, s->n_lgwan);
	}
	bogon_sets(n);
	node_sets(n, "resolver", INTERNAL_RESOLVER);
	node_sets(n, "gateway", INTERNAL_GATEWAY);
	line(n, " chain refuse { }");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		org_chains(n, &n->m->orgs[i]);
	interface_verdicts(n, "spoofed", "spoof");
	interface_verdicts(n, "out", "out");
	interface_verdicts(n, "local", "local");
	global_verdicts(n);
	chain_raw(n);
	chain_nat(n);
	chain_input(n);
	chain_forward(n);
	chain_output(n);
	line(n, "}");
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
	side_files(m, &zones, &never);
	int r[] = { emit(out, "nft/toride.nft", &n.nft, err), emit(out, "nft/rules.json", &n.rules, err),
		    emit(out, "nft/zones.bin", &zones, err), emit(out, "nft/never.bin", &never, err) };
	for (size_t i = 0; i < ARRAY_LEN(r); i++)
		if (r[i] < 0)
			return r[i];
	return 0;
}
