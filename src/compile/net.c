/* Addresses, routes and routing rules of the node, so that packets of two bodies with the same inside
 * addresses never meet: each organisation has a routing table of its own, chosen by the interface a socket is
 * bound to, by the packet's mark, or by the organisation's own inside address of the node.
 *
 * net/keys   one object a line: "ip … replace/add …<TAB>ip … delete …" (without the word ip), in order
 * net/sysctl    key=value */
#include "compile/emit.h"

#include "base/mem.h"

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

static void uplink(struct net_out *n, const struct uplink *u)
{
	address(n, &u->addr4, u->interface);
	address(n, &u->addr6, u->interface);
}

static void default_route(struct net_out *n, const struct uplink *u)
{
	const struct prefix *gw[] = { &u->gateway4, &u->gateway6 };
	for (size_t i = 0; i < ARRAY_LEN(gw); i++) {
		char text[PREFIX_TEXT], words[256];
		if (!prefix_is_set(gw[i]))
			continue;
		snprintf(words, sizeof words, "default via %s dev %s", prefix_format_addr(gw[i], text), u->interface);
		object(n, gw[i]->family, "route", "replace", words);
	}
}

static void rule(struct net_out *n, uint8_t family, unsigned pref, const char *selector, unsigned table)
{
	char words[160];
	snprintf(words, sizeof words, "pref %u %s lookup %u", pref, selector, table);
	object(n, family, "rule", "add", words);
}

static void org_rules(struct net_out *n, const struct model *m, const struct org *o, uint8_t family)
{
	char selector[128], text[PREFIX_TEXT];
	unsigned table = TABLE_BASE + o->index;
	struct prefix own = family == 4 ? internal4(m, o, 0) : internal6(o, 0);
	own.len = family == 4 ? 24 : 64;
	snprintf(selector, sizeof selector, "fwmark %u", o->index);
	rule(n, family, 100, selector, table);
	snprintf(selector, sizeof selector, "oif %s", o->interface);
	rule(n, family, 101, selector, table);
	snprintf(selector, sizeof selector, "from %s", prefix_format(&own, text));
	rule(n, family, 102, selector, table);
}

static void org_link(struct net_out *n, const struct model *m, const struct org *o)
{
	struct prefix gw4 = internal4(m, o, INTERNAL_GATEWAY), gw6 = internal6(o, INTERNAL_GATEWAY);
	gw4.len = 24;
	gw6.len = 64;
	address(n, &gw4, o->interface);
	address(n, &gw6, o->interface);
	single_address(n, internal4(m, o, INTERNAL_RESOLVER));
	single_address(n, internal6(o, INTERNAL_RESOLVER));
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
	for (size_t i = 0; i < m->n_orgs; i++)
		buf_printf(b, "net.ipv4.conf.%s.rp_filter=0\n", m->orgs[i].interface);
}

int compile_net(const struct model *m, struct outset *out, struct err *err)
{
	struct net_out n;
	struct buf sys;
	buf_init(&n.objects, 16 * MIB);
	buf_init(&sys, MIB);
	for (size_t i = 0; i < m->service.n_uplinks; i++)
		uplink(&n, &m->service.uplinks[i]);
	default_route(&n, &m->service.uplinks[0]);
	single_address(&n, m->service.proxy4);
	single_address(&n, m->service.proxy6);
	single_address(&n, m->service.dns4);
	single_address(&n, m->service.dns6);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		org_link(&n, m, o);
		org_rules(&n, m, o, 4);
		if (prefix_is_set(&o->router6))
			org_rules(&n, m, o, 6);
		org_routes(&n, o);
	}
	sysctls(&sys, m);
	int r = emit(out, "net/keys", &n.objects, err);
	int r2 = emit(out, "net/sysctl", &sys, err);
	return r < 0 ? r : r2;
}
