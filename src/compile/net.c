/* Addresses, routes and routing rules of the node, so that packets of two bodies with the same inside
 * addresses never meet: each organisation has a routing table of its own, chosen by the interface a socket is
 * bound to, by the packet's mark, or by the organisation's own inside address of the node.
 *
 * net/keys   one object a line: "ip … replace/add …<TAB>ip … delete …" (without the word ip), in order
 * net/sysctl    key=value
 * net/lines.bin u8 n, n x { u8 priority, u8 families (1: IPv4, 2: IPv6) }: the uplinks for root's side; then, where there is
 *               one, u8 which of them is the breakout's, from 0 */
#include "compile/emit.h"

#include "base/mem.h"
#include "ips/leg.h"
#include "wire/place.h"

#include <stdio.h>

struct net_out {
	struct buf objects;
};

/* One object: family ("-4"/"-6"), what ("addr"), the verb that makes it, and its words. */
static void object(struct net_out *n, uint8_t family, const char *what, const char *verb, const char *words)
{
	buf_printf(&n->objects, "-%u %s %s %s\t-%u %s delete %s\n", family, what, verb, words, family, what, words);
}

static void address(struct net_out *n, const struct prefix *p, const char *dev)
{
	char text[PREFIX_TEXT], words[256];
	if (!prefix_is_set(p))
		return;
	snprintf(words, sizeof words, "%s dev %s%s", prefix_format(p, text), dev, p->family == 6 ? " nodad" : "");
	object(n, p->family, "addr", "replace", words);
}

static void host_address(struct net_out *n, struct prefix p, const char *dev)
{
	p.len = p.family == 4 ? 32 : 128;
	address(n, &p, dev);
}

static void single_address(struct net_out *n, struct prefix p)
{
	host_address(n, p, "lo");
}

/* Of a pair each node has an address of its own in the line's network (pair.c): what the node itself asks for leaves by that one,
 * also while it stands by. */
static void uplink(struct net_out *n, const struct model *m, const struct uplink *u)
{
	if (m->service.pair.n_nodes) {
		host_address(n, u->addr4, u->interface);
		host_address(n, u->addr6, u->interface);
		return;
	}
	address(n, &u->addr4, u->interface);
	address(n, &u->addr6, u->interface);
}

static void rule(struct net_out *n, uint8_t family, unsigned pref, const char *selector, unsigned table)
{
	char words[160];
	snprintf(words, sizeof words, "pref %u %s lookup %u", pref, selector, table);
	object(n, family, "rule", "add", words);
}

/* A line's way out, in a table of its own. The tables are asked in the order of priority; a line that failed is passed
 * over by one rule before them that torided sets and takes away (apply/lines.c), or by the kernel itself when it loses
 * its carrier (ignore_routes_with_linkdown). Both belong to no generation. */
static void line_route(struct net_out *n, const struct uplink *u)
{
	const struct prefix *gw[] = { &u->gateway4, &u->gateway6 };
	for (size_t i = 0; i < ARRAY_LEN(gw); i++) {
		char text[PREFIX_TEXT], words[256];
		if (!prefix_is_set(gw[i]))
			continue;
		snprintf(words, sizeof words, "default via %s dev %s table %u", prefix_format_addr(gw[i], text), u->interface,
		         LINE_TABLE + u->priority);
		object(n, gw[i]->family, "route", "replace", words);
		snprintf(words, sizeof words, "pref %u lookup %u", LINE_PREF + u->priority, LINE_TABLE + u->priority);
		object(n, gw[i]->family, "rule", "add", words);
	}
}

/* What nft.c marked for the breakout line goes by its table; without a route there, by the line in use as everything. */
static void breakout_rule(struct net_out *n, const struct uplink *u)
{
	char selector[64];
	snprintf(selector, sizeof selector, "fwmark %#x/%#x", MARK_BREAKOUT, MARK_BREAKOUT);
	if (prefix_is_set(&u->gateway4))
		rule(n, 4, BREAKOUT_PREF, selector, LINE_TABLE + u->priority);
	if (prefix_is_set(&u->gateway6))
		rule(n, 6, BREAKOUT_PREF, selector, LINE_TABLE + u->priority);
}

static void org_rules(struct net_out *n, const struct model *m, const struct org *o, uint8_t family)
{
	char selector[128], text[PREFIX_TEXT];
	unsigned table = TABLE_BASE + o->index;
	struct prefix own = family == 4 ? internal4(m, o, 0) : internal6(o, 0);
	own.len = family == 4 ? 24 : 64;
	snprintf(selector, sizeof selector, "fwmark %u/%#x", o->index, MARK_ORG);
	rule(n, family, 100, selector, table);
	snprintf(selector, sizeof selector, "oif %s", o->interface);
	rule(n, family, 101, selector, table);
	snprintf(selector, sizeof selector, "from %s", prefix_format(&own, text));
	rule(n, family, 102, selector, table);
}

/* nft_leg.c says what for. "iif lo" is what the node sends itself. While there is no cable what is asked of a place finds the organisation's
 * link, where the node's own rules refuse it (nft.c, node-to-org). */
static void leg_tables(struct net_out *n)
{
	static const struct {
		const char *dev;
		unsigned table;
	} ways[] = { { LEG_OUTER, LEG_TABLE }, { LEG_BEHIND, LEG_BEHIND_TABLE } };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		for (uint8_t family = 4; family <= 6; family += 2) {
			char words[96];
			snprintf(words, sizeof words, "default dev %s table %u", ways[i].dev, ways[i].table);
			object(n, family, "route", "replace", words);
		}
}

static void leg_rules(struct net_out *n, const struct model *m, const struct org *o, int family)
{
	struct prefix places = family == 4 ? internal4(m, o, INTERNAL_LEG_ORIGINS) : internal6(o, INTERNAL_LEG_ORIGINS);
	struct prefix behind = family == 4 ? internal4(m, o, INTERNAL_LEG_BEHIND) : internal6(o, INTERNAL_LEG_BEHIND);
	char selector[128], text[PREFIX_TEXT];
	places.len = family == 4 ? 25 : 121;
	snprintf(selector, sizeof selector, "iif lo to %s", prefix_format(&places, text));
	rule(n, (uint8_t)family, LEG_PREF, selector, LEG_TABLE);
	snprintf(selector, sizeof selector, "to %s", prefix_format_addr(&behind, text));
	rule(n, (uint8_t)family, LEG_BEHIND_PREF, selector, LEG_BEHIND_TABLE);
	single_address(n, family == 4 ? internal4(m, o, INTERNAL_LEG) : internal6(o, INTERNAL_LEG));
}

static void org_leg(struct net_out *n, const struct model *m, const struct org *o)
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	bool any[2] = { false, false };
	for (size_t i = 0, all = leg_origins(m, o, list); i < all; i++)
		any[list[i].addr.family == 6] = true;
	for (int six = 0; six < 2; six++)
		if (any[six])
			leg_rules(n, m, o, six ? 6 : 4);
}

static void org_link(struct net_out *n, const struct model *m, const struct org *o)
{
	struct prefix gw4 = internal4(m, o, INTERNAL_GATEWAY), gw6 = internal6(o, INTERNAL_GATEWAY);
	gw4.len = 24;
	gw6.len = 64;
	address(n, &gw4, o->interface);
	address(n, &gw6, o->interface);
	for (size_t i = 0; i < INTERNAL_HOSTS; i++) {
		single_address(n, internal_served(m, o, 4, internal_hosts[i]));
		single_address(n, internal_served(m, o, 6, internal_hosts[i]));
	}
	/* On the uplinks themselves, so that the upstream router finds them by ARP and neighbour discovery. */
	for (size_t i = 0; i < m->service.n_uplinks; i++)
		for (size_t k = 0; k < o->n_publics; k++)
			host_address(n, o->publics[k], m->service.uplinks[i].interface);
}

static void org_routes(struct net_out *n, const struct org *o)
{
	for (size_t i = 0; i < o->n_prefixes; i++) {
		const struct prefix *p = &o->prefixes[i], *via = p->family == 4 ? &o->router4 : &o->router6;
		char text[PREFIX_TEXT], hop[PREFIX_TEXT], words[256];
		if (!prefix_is_set(via))
			continue;
		snprintf(words, sizeof words, "%s via %s dev %s table %u", prefix_format(p, text), prefix_format_addr(via, hop),
		         o->interface, TABLE_BASE + o->index);
		object(n, p->family, "route", "replace", words);
	}
}

static void sysctls(struct buf *b, const struct model *m)
{
	buf_puts(b, "net.ipv4.ip_forward=1\nnet.ipv6.conf.all.forwarding=1\n");
	/* A refusal must find its way back: the kernel's own resets and ICMP errors carry the mark of what they answer. */
	buf_puts(b, "net.ipv4.fwmark_reflect=1\nnet.ipv6.fwmark_reflect=1\n");
	/* Reverse paths depend on the mark here; spoofing is judged by nft's prefix sets instead. */
	buf_puts(b, "net.ipv4.conf.all.rp_filter=0\nnet.ipv4.conf.default.rp_filter=0\n");
	buf_puts(b, "net.ipv4.conf.all.accept_source_route=0\nnet.ipv6.conf.all.accept_source_route=-1\n"
	            "net.ipv4.conf.all.accept_redirects=0\nnet.ipv6.conf.all.accept_redirects=0\n"
	            "net.ipv4.conf.all.send_redirects=0\nnet.ipv4.conf.all.arp_ignore=1\n"
	            "net.ipv6.conf.all.accept_ra=0\nnet.ipv4.tcp_syncookies=1\n");
	/* toride-probed asks through the lines with ICMP sockets, without a privilege. */
	buf_printf(b, "net.ipv4.ping_group_range=%u %u\n", USER_PROBE, USER_PROBE);
	for (size_t i = 0; i < m->service.n_uplinks; i++)
		buf_printf(b, "net.ipv4.conf.%s.ignore_routes_with_linkdown=1\nnet.ipv6.conf.%s.ignore_routes_with_linkdown=1\n",
		           m->service.uplinks[i].interface, m->service.uplinks[i].interface);
	for (size_t i = 0; i < m->n_orgs; i++)
		buf_printf(b, "net.ipv4.conf.%s.rp_filter=0\n", m->orgs[i].interface);
}

int compile_net(const struct model *m, struct outset *out, struct err *err)
{
	struct net_out n;
	struct buf sys, lines;
	buf_init(&n.objects, 16 * MIB);
	buf_init(&sys, MIB);
	for (size_t i = 0; i < m->service.n_uplinks; i++)
		uplink(&n, m, &m->service.uplinks[i]);
	for (size_t i = 0; i < m->service.n_uplinks; i++)
		line_route(&n, &m->service.uplinks[i]);
	const struct uplink *out_by = breakout_line(&m->service);
	if (out_by)
		breakout_rule(&n, out_by);
	for (size_t i = 0; i < m->service.n_uplinks; i++) {
		host_address(&n, m->service.web4, m->service.uplinks[i].interface);
		host_address(&n, m->service.web6, m->service.uplinks[i].interface);
	}
	single_address(&n, m->service.proxy4);
	single_address(&n, m->service.proxy6);
	single_address(&n, m->service.dns4);
	single_address(&n, m->service.dns6);
	for (size_t i = 0; i < m->service.n_name_servers; i++)
		for (size_t k = 0; k < m->service.n_uplinks; k++) {
			host_address(&n, m->service.name_servers[i].addr4, m->service.uplinks[k].interface);
			host_address(&n, m->service.name_servers[i].addr6, m->service.uplinks[k].interface);
		}
	single_address(&n, m->service.time.addr4);
	single_address(&n, m->service.time.addr6);
	single_address(&n, m->service.desk.addr4);
	single_address(&n, m->service.desk.addr6);
	single_address(&n, m->service.log4);
	single_address(&n, m->service.log6);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		org_link(&n, m, o);
		org_rules(&n, m, o, 4);
		if (prefix_is_set(&o->router6))
			org_rules(&n, m, o, 6);
		org_routes(&n, o);
		org_leg(&n, m, o);
	}
	if (leg_used(m))
		leg_tables(&n);
	sysctls(&sys, m);
	buf_init(&lines, KIB);
	buf_putc(&lines, (char)m->service.n_uplinks);
	for (size_t i = 0; i < m->service.n_uplinks; i++) {
		const struct uplink *u = &m->service.uplinks[i];
		buf_putc(&lines, (char)u->priority);
		buf_putc(&lines, (char)(prefix_is_set(&u->gateway4) | prefix_is_set(&u->gateway6) << 1));
	}
	if (out_by)
		buf_putc(&lines, (char)(out_by - m->service.uplinks));
	int r = emit(out, "net/keys", &n.objects, err);
	int r2 = emit(out, "net/sysctl", &sys, err);
	int r3 = emit(out, "net/lines.bin", &lines, err);
	return r < 0 ? r : r2 < 0 ? r2 : r3;
}
