/* Two gateways from one description. All else they have in common, byte by byte; what belongs to one of them carries its name,
 * and a node takes its own by place_node().
 *
 * net/own-NODE           its own addresses, in the form of net/keys and part of them there
 * net/sysctl-NODE        beside net/sysctl: ports of its own for connections that it opens. From the same address with the same port as the other one's
 *                        before it, a connection would meet what is left of that one: in the connection table, and at the server
 * pair/NODE.bin          u8 n, n x char uplink[16]; u16 n, n x char attachment[16]; u8 n, n x { u8 family, u8 addr[16] }: the door (apply/pair.h)
 * keepalived/NODE.conf   keepalived.conf(5): VRRP version 3 (RFC 5798), unicast, an instance on the link between the two and one on each
 *                        uplink, so that no single cable makes two masters; toride-paird puts their answers together
 * conntrackd/NODE-ROLE.conf  conntrackd.conf(5): FT-FW over that link; the other's flows go straight into the kernel, where a takeover finds them.
 *                        ROLE is active or standby: one that stands by has nothing to say
 * paird.json             what toride-paird watches and announces (pair/conf.h)
 * replicad.json          the two nodes, for who carries the desk's state to the other one
 *
 * VRRP wants an address to move: 127.112.0.N on lo, which nobody reaches. All addresses of ours stand on both nodes, and the door
 * decides who shows them: hundreds of addresses added one by one would take longer than the takeover. M-104, S-30. */
#include "compile/emit.h"

#include "base/mem.h"

#include <stdio.h>
#include <string.h>

#define MARK 2 /* worth of carrying the traffic already: equals stay where they are */
#define PRIORITY 150
#define CONNTRACKD_PORT 3780

static bool lies_in(const struct prefix *net, const struct prefix *p)
{
	struct prefix a = *net, b = *p;
	if (!prefix_is_set(net) || net->family != p->family)
		return false;
	for (unsigned bit = net->len; bit < (net->family == 4 ? 32u : 128u); bit++) {
		a.addr[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
		b.addr[bit / 8] &= (uint8_t)~(0x80u >> bit % 8);
	}
	return memcmp(a.addr, b.addr, 16) == 0;
}

static const struct uplink *uplink_of(const struct model *m, const struct prefix *p)
{
	for (size_t i = 0; i < m->service.n_uplinks; i++)
		if (lies_in(&m->service.uplinks[i].addr4, p) || lies_in(&m->service.uplinks[i].addr6, p))
			return &m->service.uplinks[i];
	return m->service.uplinks; /* never: check_pair.c */
}

/* ---- net/own-NODE */

static void key(struct buf *b, const struct prefix *p, const char *dev)
{
	char text[PREFIX_TEXT], words[160];
	snprintf(words, sizeof words, "%s dev %s%s", prefix_format(p, text), dev, p->family == 6 ? " nodad" : "");
	buf_printf(b, "-%u addr replace %s\t-%u addr delete %s\n", p->family, words, p->family, words);
}

static int own_addresses(const struct model *m, const struct pair_node *node, struct outset *out, struct err *err)
{
	char path[64];
	struct buf b;
	buf_init(&b, 64 * KIB);
	key(&b, &node->sync4, m->service.pair.interface);
	for (size_t i = 0; i < node->n_own; i++)
		key(&b, &node->own[i], uplink_of(m, &node->own[i])->interface);
	snprintf(path, sizeof path, "net/own-%s", node->name);
	return emit(out, path, &b, err);
}

static int own_ports(size_t which, const struct pair_node *node, struct outset *out, struct err *err)
{
	char path[64];
	struct buf b;
	buf_init(&b, KIB);
	buf_puts(&b, which == 0 ? "net.ipv4.ip_local_port_range=16384 40959\n" : "net.ipv4.ip_local_port_range=40960 65535\n");
	snprintf(path, sizeof path, "net/sysctl-%s", node->name);
	return emit(out, path, &b, err);
}

/* ---- pair/NODE.bin */

static void put_name(struct buf *b, const char *name)
{
	char dst[16] = { 0 };
	memcpy(dst, name, strnlen(name, 15));
	buf_put(b, dst, sizeof dst);
}

static int door(const struct model *m, const struct pair_node *node, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	char path[64];
	struct buf b;
	buf_init(&b, MIB);
	buf_putc(&b, (char)s->n_uplinks);
	for (size_t i = 0; i < s->n_uplinks; i++)
		put_name(&b, s->uplinks[i].interface);
	buf_putc(&b, (char)(m->n_orgs >> 8));
	buf_putc(&b, (char)m->n_orgs);
	for (size_t i = 0; i < m->n_orgs; i++)
		put_name(&b, m->orgs[i].interface);
	buf_putc(&b, (char)node->n_own);
	for (size_t i = 0; i < node->n_own; i++) {
		buf_putc(&b, (char)node->own[i].family);
		buf_put(&b, node->own[i].addr, 16);
	}
	snprintf(path, sizeof path, "pair/%s.bin", node->name);
	return emit(out, path, &b, err);
}

/* ---- keepalived */

static void instance(struct buf *b, const struct service *s, const char *interface, unsigned id, const struct prefix *self,
                     const struct prefix *other, unsigned priority)
{
	char text[PREFIX_TEXT];
	buf_printf(b, "vrrp_instance %s {\n  state BACKUP\n  interface %s\n  virtual_router_id %u\n  priority %u\n  advert_int %u.%03u\n", interface,
	           interface, id, priority, s->pair.heartbeat_ms / 1000, s->pair.heartbeat_ms % 1000);
	buf_printf(b, "  unicast_src_ip %s\n", prefix_format_addr(self, text));
	buf_printf(b, "  unicast_peer {\n    %s\n  }\n", prefix_format_addr(other, text));
	buf_printf(b, "  track_file {\n    worth\n  }\n  virtual_ipaddress {\n    127.112.0.%u/32 dev lo\n  }\n}\n", id);
}

static const struct prefix *own4(const struct pair_node *node, const struct uplink *u)
{
	for (size_t i = 0; i < node->n_own; i++)
		if (lies_in(&u->addr4, &node->own[i]))
			return &node->own[i];
	return &node->sync4; /* never: check_pair.c */
}

/* The first node is worth one more, so that all instances choose the same one when both start at once. */
static int keepalived(const struct model *m, size_t which, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	const struct pair_node *self = &s->pair.nodes[which], *other = &s->pair.nodes[1 - which];
	unsigned priority = PRIORITY + (which == 0);
	char path[64];
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_puts(&b, "# Written by toride compile.\n");
	buf_printf(&b, "global_defs {\n  vrrp_version 3\n  vrrp_check_unicast_src\n  vrrp_notify_fifo %s/pair/notify\n}\n", s->run_dir);
	buf_printf(&b, "track_file worth {\n  file %s/pair/worth\n  weight 1\n}\n", s->run_dir);
	instance(&b, s, s->pair.interface, 1, &self->sync4, &other->sync4, priority);
	for (size_t i = 0; i < s->n_uplinks; i++)
		instance(&b, s, s->uplinks[i].interface, 1 + s->uplinks[i].priority, own4(self, &s->uplinks[i]), own4(other, &s->uplinks[i]), priority);
	snprintf(path, sizeof path, "keepalived/%s.conf", self->name);
	return emit(out, path, &b, err);
}

/* ---- conntrackd */

/* The node that stands by tells the other one nothing: connections go on there without it, so that its entries end by their time, or belong to an
 * older connection of the same ports. conntrackd would have the other node take its living ones away. No event passes a list of no protocol.
 * One that starts asks for nothing by itself: where the traffic is, what the other node has is older than the kernel's own table, and goes into it at once.
 * torided tells it by the node's role (apply/pair.h, pair_flows()).
 * The node's own connections are of no use to the other: only what has an organisation's mark… which conntrackd can't ask for, so
 * they are left out by address. */
static int conntrackd(const struct model *m, size_t which, bool standby, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	const struct pair_node *self = &s->pair.nodes[which], *other = &s->pair.nodes[1 - which];
	char path[64], text[PREFIX_TEXT];
	struct buf b;
	buf_init(&b, 64 * KIB);
	buf_puts(&b, "# Written by toride compile.\nSync {\n  Mode FTFW {\n    DisableExternalCache On\n    StartupResync No\n  }\n");
	buf_printf(&b, "  UDP {\n    IPv4_address %s\n", prefix_format_addr(&self->sync4, text));
	buf_printf(&b, "    IPv4_Destination_Address %s\n    Port %d\n    Interface %s\n    Checksum on\n  }\n}\n",
	           prefix_format_addr(&other->sync4, text), CONNTRACKD_PORT, s->pair.interface);
	buf_printf(&b, "General {\n  LockFile %s/conntrackd/lock\n  UNIX {\n    Path %s/conntrackd/control.sock\n  }\n", s->run_dir, s->run_dir);
	buf_puts(&b, "  NetlinkBufferSize 8388608\n  NetlinkBufferSizeMaxGrowth 67108864\n  Filter From Userspace {\n");
	buf_puts(&b, standby ? "    Protocol Accept {\n    }\n" : "");
	buf_puts(&b, "    Address Ignore {\n      IPv4_address 127.0.0.1\n");
	for (size_t n = 0; n < s->pair.n_nodes; n++) {
		buf_printf(&b, "      IPv4_address %s\n", prefix_format_addr(&s->pair.nodes[n].sync4, text));
		for (size_t i = 0; i < s->pair.nodes[n].n_own; i++)
			buf_printf(&b, "      IPv%u_address %s\n", s->pair.nodes[n].own[i].family, prefix_format_addr(&s->pair.nodes[n].own[i], text));
	}
	buf_puts(&b, "    }\n  }\n}\n");
	snprintf(path, sizeof path, "conntrackd/%s-%s.conf", self->name, standby ? "standby" : "active");
	return emit(out, path, &b, err);
}

/* ---- paird.json */

static void announced(struct buf *b, size_t *n, const struct prefix *p, const char *interface)
{
	char text[PREFIX_TEXT];
	if (!prefix_is_set(p))
		return;
	buf_puts(b, (*n)++ ? ",\n{" : "\n{");
	json_field_s(b, "interface", interface);
	json_field_s(b, "address", prefix_format_addr(p, text));
	buf_putc(b, '}');
}

static void announce_uplink(struct buf *b, size_t *n, const struct model *m, const struct uplink *u)
{
	const struct service *s = &m->service;
	announced(b, n, &u->addr4, u->interface);
	announced(b, n, &u->addr6, u->interface);
	announced(b, n, &s->web4, u->interface);
	announced(b, n, &s->web6, u->interface);
	for (size_t i = 0; i < s->n_name_servers; i++) {
		announced(b, n, &s->name_servers[i].addr4, u->interface);
		announced(b, n, &s->name_servers[i].addr6, u->interface);
	}
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_publics; k++)
			announced(b, n, &m->orgs[i].publics[k], u->interface);
}

static void put_links(struct buf *b, const struct model *m)
{
	json_key(b, "uplinks");
	buf_putc(b, '[');
	for (size_t i = 0; i < m->service.n_uplinks; i++) {
		const struct uplink *u = &m->service.uplinks[i];
		buf_puts(b, i ? "," : "");
		json_str(b, str_from(u->port[0] ? u->port : u->interface));
	}
	buf_puts(b, "]");
	json_key(b, "attachments");
	buf_putc(b, '[');
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(b, i ? "," : "");
		json_str(b, str_from(m->orgs[i].interface));
	}
	buf_puts(b, "]");
}

static void put_nodes(struct buf *b, const struct service *s)
{
	char text[PREFIX_TEXT];
	buf_puts(b, "{\"v\":1,\"nodes\":[");
	for (size_t i = 0; i < s->pair.n_nodes; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "name", s->pair.nodes[i].name);
		json_field_s(b, "sync4", prefix_format_addr(&s->pair.nodes[i].sync4, text));
		buf_putc(b, '}');
	}
	buf_puts(b, "]");
}

static int replicad(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 4 * KIB);
	put_nodes(&b, &m->service);
	buf_puts(&b, "}\n");
	return emit(out, "replicad.json", &b, err);
}

static int paird(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b;
	size_t n = 0;
	buf_init(&b, 16 * MIB);
	put_nodes(&b, s);
	json_field_u64(&b, "mark", MARK);
	put_links(&b, m);
	buf_puts(&b, ",\"announce\":[");
	for (size_t i = 0; i < s->n_uplinks; i++)
		announce_uplink(&b, &n, m, &s->uplinks[i]);
	for (size_t i = 0; i < m->n_orgs; i++) {
		struct prefix gw4 = internal4(m, &m->orgs[i], INTERNAL_GATEWAY), gw6 = internal6(&m->orgs[i], INTERNAL_GATEWAY);
		announced(&b, &n, &gw4, m->orgs[i].interface);
		announced(&b, &n, &gw6, m->orgs[i].interface);
	}
	buf_puts(&b, "]}\n");
	return emit(out, "paird.json", &b, err);
}

int compile_pair(const struct model *m, struct outset *out, struct err *err)
{
	const struct pair *p = &m->service.pair;
	int r = p->n_nodes ? paird(m, out, err) : 0;
	r = r == 0 && p->n_nodes ? replicad(m, out, err) : r;
	for (size_t i = 0; r == 0 && i < p->n_nodes; i++) {
		r = own_addresses(m, &p->nodes[i], out, err);
		r = r < 0 ? r : own_ports(i, &p->nodes[i], out, err);
		r = r < 0 ? r : door(m, &p->nodes[i], out, err);
		r = r < 0 ? r : keepalived(m, i, out, err);
		r = r < 0 ? r : conntrackd(m, i, false, out, err);
		r = r < 0 ? r : conntrackd(m, i, true, out, err);
	}
	return r;
}
