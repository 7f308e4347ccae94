/* The packet filter's sets and maps: which interface, address and mark belong to which organisation. */
#include "compile/emit.h"
#include "compile/nft_out.h"

#include "base/mem.h"
#include "model/policy.h"

#include <stdarg.h>
#include <stdio.h>

void nft_line(struct nft_out *n, const char *fmt, ...)
{
	char text[1024];
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	buf_puts(&n->nft, text);
	buf_putc(&n->nft, '\n');
}

struct list {
	struct nft_out *n;
	size_t count;
};

static void list_open(struct list *l, struct nft_out *n, const char *head)
{
	*l = (struct list){ n, 0 };
	nft_line(n, " %s", head);
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

const char *nft_addr(const struct prefix *p, char dst[PREFIX_TEXT])
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
	list_open(&l, n, "map class_of { type mark : classid;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "%u : 1:%x", n->m->orgs[i].index, n->m->orgs[i].index);
	for (size_t i = 0; i < n->m->n_orgs; i++)
		if (n->m->orgs[i].breakout.n_services)
			list_add(&l, "%u : 1:%x", n->m->orgs[i].index | MARK_BREAKOUT, n->m->orgs[i].index | CLASS_BREAKOUT);
	list_close(&l);
	for (int family = 4; family <= 6; family += 2) {
		list_open(&l, n, family == 4 ? "map zone_wan4 { type ipv4_addr : mark;" : "map zone_wan6 { type ipv6_addr : mark;");
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			for (size_t k = 0; k < o->n_publics; k++)
				if (o->publics[k].family == family)
					list_add(&l, "%s : %u", prefix_format_addr(&o->publics[k], text), o->index);
			for (size_t k = 0; k < INTERNAL_HOSTS; k++) {
				struct prefix p = internal_served(n->m, o, family, internal_hosts[k]);
				if (prefix_is_set(&p))
					list_add(&l, "%s : %u", prefix_format_addr(&p, text), o->index);
			}
		}
		list_close(&l);
	}
}

/* Whose address of a service each organisation's questions are rewritten to. */
static void served_map(struct nft_out *n, const char *name, int family, uint8_t host)
{
	char head[96], text[PREFIX_TEXT];
	struct list l;
	snprintf(head, sizeof head, "map %s%d { type mark : %s;", name, family, family == 4 ? "ipv4_addr" : "ipv6_addr");
	list_open(&l, n, head);
	for (size_t i = 0; i < n->m->n_orgs; i++) {
		struct prefix p = internal_served(n->m, &n->m->orgs[i], family, host);
		if (prefix_is_set(&p))
			list_add(&l, "%u : %s", n->m->orgs[i].index, prefix_format_addr(&p, text));
	}
	list_close(&l);
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
			if (breaks_out(o, family))
				list_add(&l, "%u : %s", o->index | MARK_BREAKOUT,
				         prefix_format_addr(family == 4 ? &o->breakout.global4 : &o->breakout.global6, text));
		}
		list_close(&l);
		served_map(n, "time", family, INTERNAL_TIME);
		served_map(n, "dns", family, INTERNAL_RESOLVER);
		if (desk_served(&n->m->service))
			served_map(n, "desk", family, INTERNAL_DESK);
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
					list_add(&l, "\"%s\" . %s", o->interface, nft_addr(&o->prefixes[k], text));
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
			list_add(&l, "%s", nft_addr(&p[i], text));
	list_close(&l);
}

/* From address and protocol to the published server. */
static void publish_maps(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2)
		for (int udp = 0; udp < 2; udp++) {
			struct list l;
			char head[160], a[PREFIX_TEXT], b[PREFIX_TEXT];
			const char *type = family == 4 ? "ipv4_addr" : "ipv6_addr";
			snprintf(head, sizeof head, "map publish%d_%s { type %s . inet_service : %s . inet_service;", family, udp ? "udp" : "tcp",
			         type, type);
			list_open(&l, n, head);
			for (size_t i = 0; i < n->m->n_orgs; i++)
				for (size_t k = 0; k < n->m->orgs[i].n_publish; k++) {
					const struct publish *p = &n->m->orgs[i].publish[k];
					if (p->address.family == family && p->protocol == (udp ? IPPROTO_UDP : IPPROTO_TCP))
						list_add(&l, "%s . %u : %s . %u", prefix_format_addr(&p->address, a), p->port,
						         prefix_format_addr(&p->server, b), p->server_port);
				}
			list_close(&l);
		}
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

static void inbound_verdicts(struct nft_out *n)
{
	struct list l;
	list_open(&l, n, "map inbound { type mark : verdict;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "%u : jump inbound_%s", n->m->orgs[i].index, n->m->orgs[i].code);
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
			for (size_t k = 0; k < o->n_publics; k++)
				if (o->publics[k].family == family)
					list_add(&l, "%s : jump inbound_%s", prefix_format_addr(&o->publics[k], text), o->code);
		}
		list_close(&l);
	}
}

static void interface_set(struct nft_out *n)
{
	struct list l;
	list_open(&l, n, "set attached { type ifname;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		list_add(&l, "\"%s\"", n->m->orgs[i].interface);
	list_close(&l);
}

bool nft_transparent(const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		if (m->orgs[i].transparent)
			return true;
	return false;
}

static void transparent_set(struct nft_out *n)
{
	struct list l;
	if (!nft_transparent(n->m))
		return;
	list_open(&l, n, "set transparent { type ifname;");
	for (size_t i = 0; i < n->m->n_orgs; i++)
		if (n->m->orgs[i].transparent)
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
			struct prefix p = internal_served(n->m, &n->m->orgs[i], family, host);
			if (prefix_is_set(&p))
				list_add(&l, "\"%s\" . %s", n->m->orgs[i].interface, prefix_format_addr(&p, text));
		}
		list_close(&l);
	}
}

/* Who has how many connections to the desk: one body's flood leaves the others' room. */
static void desk_sets(struct nft_out *n)
{
	node_sets(n, "deskserver", INTERNAL_DESK);
	nft_line(n, " set desk_bodies { type mark; size 65535; flags dynamic; }");
	for (int family = 4; family <= 6; family += 2)
		nft_line(n, " set desk_terminals%d { type mark . ipv%d_addr; size 65535; flags dynamic; }", family, family);
}

/* Servers of the organisations that the node itself asks, for the public sites and for who uses the proxy: interface, address and port. */
static void origin_sets(struct nft_out *n)
{
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char head[96], text[PREFIX_TEXT];
		snprintf(head, sizeof head, "set origin%d { type ifname . %s . inet_service; flags interval; auto-merge;", family,
		         family == 4 ? "ipv4_addr" : "ipv6_addr");
		list_open(&l, n, head);
		for (size_t i = 0; i < n->m->n_orgs; i++) {
			const struct org *o = &n->m->orgs[i];
			for (size_t k = 0; k < o->n_sites; k++)
				for (size_t j = 0; j < o->sites[k].n_origins; j++) {
					const struct site_origin *g = &o->sites[k].origins[j];
					if (g->addr.family == family && origin_inside(o, &g->addr))
						list_add(&l, "\"%s\" . %s . %u", o->interface, prefix_format_addr(&g->addr, text), g->port);
				}
			for (size_t k = 0; users_asked(o) && k < o->proxy_users.n_servers; k++)
				if (o->proxy_users.servers[k].family == family)
					list_add(&l, "\"%s\" . %s . %u", o->interface, prefix_format_addr(&o->proxy_users.servers[k], text), users_port(&o->proxy_users));
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
			for (size_t k = 0; k < o->n_publics; k++)
				if (o->publics[k].family == family)
					list_add(&l, "%s", prefix_format_addr(&o->publics[k], text));
			for (size_t k = 0; k < INTERNAL_HOSTS; k++) {
				struct prefix p = internal_served(n->m, o, family, internal_hosts[k]);
				if (prefix_is_set(&p))
					list_add(&l, "%s", prefix_format_addr(&p, text));
			}
		}
		list_close(&l);
	}
}

static void name_server_sets(struct nft_out *n)
{
	const struct service *s = &n->m->service;
	for (int family = 4; family <= 6; family += 2) {
		struct list l;
		char text[PREFIX_TEXT];
		list_open(&l, n, family == 4 ? "set name_server4 { type ipv4_addr;" : "set name_server6 { type ipv6_addr;");
		for (size_t i = 0; i < s->n_name_servers; i++) {
			const struct prefix *p = family == 4 ? &s->name_servers[i].addr4 : &s->name_servers[i].addr6;
			if (prefix_is_set(p))
				list_add(&l, "%s", prefix_format_addr(p, text));
		}
		list_close(&l);
		nft_line(n, " set dns_rate%d { type ipv%d_addr; size 65536; flags dynamic,timeout; timeout 10s; }", family, family);
		nft_line(n, " set dns_connections%d { type ipv%d_addr; size 65536; flags dynamic; }", family, family);
	}
}

const char *nft_shared(struct nft_out *n, const char *type, const char *elements, char dst[NFT_SHARED])
{
	struct buf key;
	buf_init(&key, 4 * MIB);
	buf_printf(&key, "%s %s", type, elements);
	uintptr_t number = (uintptr_t)map_get(&n->shared, buf_view(&key));
	dst[0] = 0;
	if (!number) {
		number = n->shared.len + 1;
		if (key.failed || map_put(&n->shared, buf_view(&key), (void *)number) < 0)
			n->nft.failed = -E_NOMEM;
		buf_printf(&n->shared_sets, " set shared_%zu { %s; elements = { ", (size_t)number, type);
		buf_puts(&n->shared_sets, elements);
		buf_puts(&n->shared_sets, " } }\n");
	}
	buf_done(&key);
	snprintf(dst, NFT_SHARED, "shared_%zu", (size_t)number);
	return dst;
}

int nft_sets(struct nft_out *n)
{
	struct policy_sets sets;
	if (policy_sets(n->m, n->arena, &sets) < 0)
		return -E_NOMEM;
	interface_set(n);
	transparent_set(n);
	zone_maps(n);
	known_sets(n);
	nat_maps(n);
	publish_maps(n);
	source_sets(n);
	for (int i = SET_NONE + 1; i < SET_KINDS; i++)
		for (int family = 4; family <= 6; family += 2)
			prefix_set(n, policy_set_names[i], family, sets.list[i], sets.n[i]);
	node_sets(n, "resolver", INTERNAL_RESOLVER);
	if (n->m->service.time.n_servers)
		node_sets(n, "timeserver", INTERNAL_TIME);
	if (desk_served(&n->m->service))
		desk_sets(n);
	node_sets(n, "gateway", INTERNAL_GATEWAY);
	if (n->m->service.n_name_servers)
		name_server_sets(n);
	origin_sets(n);
	nft_web_sets(n);
	nft_leg_sets(n);
	nft_breakout_sets(n);
	return 0;
}

void nft_verdict_maps(struct nft_out *n)
{
	interface_verdicts(n, "spoofed", "spoof");
	interface_verdicts(n, "out", "out");
	interface_verdicts(n, "local", "local");
	inbound_verdicts(n);
	global_verdicts(n);
}

static void put_never(struct buf *b, const struct prefix *p, bool host)
{
	unsigned char len = !host ? p->len : p->family == 4 ? 32 : 128;
	if (!prefix_is_set(p))
		return;
	buf_put(b, &p->family, 1);
	buf_put(b, &len, 1);
	buf_put(b, p->addr, 16);
}

/* u8 n, n × char interface[16]: the uplinks; u16 n, n × { char name[33], char hex[65] }: the address lists. */
void nft_feeds(const struct model *m, struct buf *b)
{
	const struct service *s = &m->service;
	buf_putc(b, (char)s->n_uplinks);
	for (size_t i = 0; i < s->n_uplinks; i++) {
		char dev[16] = { 0 };
		snprintf(dev, sizeof dev, "%s", s->uplinks[i].interface);
		buf_put(b, dev, sizeof dev);
	}
	const unsigned char n[2] = { (unsigned char)(s->n_address_feeds >> 8), (unsigned char)s->n_address_feeds };
	buf_put(b, n, sizeof n);
	for (size_t i = 0; i < s->n_address_feeds; i++) {
		char name[33] = { 0 }, hex[65] = { 0 };
		snprintf(name, sizeof name, "%s", s->address_feeds[i].name);
		snprintf(hex, sizeof hex, "%s", s->address_feeds[i].digest + 7);
		buf_put(b, name, sizeof name);
		buf_put(b, hex, sizeof hex);
	}
}

void nft_side_files(const struct model *m, struct buf *zones, struct buf *never)
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
	struct own_address own[OWN_MAX];
	for (size_t i = 0, n = service_own(s, own); i < n; i++)
		put_never(never, &own[i].prefix, true);
	put_never(never, &s->internal4, false);
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct uplink *u = &s->uplinks[i];
		put_never(never, &u->gateway4, true);
		put_never(never, &u->gateway6, true);
	}
	for (size_t i = 0; i < s->n_management; i++)
		put_never(never, &s->management[i], false);
}
