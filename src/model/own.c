/* See own.h. */
#include "model/own.h"

#include "base/mem.h"

#include <string.h>

static size_t put(struct own_address *list, size_t n, struct prefix p, enum own_kind kind)
{
	if (!prefix_is_set(&p))
		return n;
	p.len = p.family == 4 ? 32 : 128; /* the node itself, not its neighbours */
	list[n] = (struct own_address){ p, kind };
	return n + 1;
}

size_t service_own(const struct service *s, struct own_address ret[OWN_MAX])
{
	const struct {
		const struct prefix *addr;
		enum own_kind kind;
	} single[] = { { &s->proxy4, OWN_PROXY }, { &s->proxy6, OWN_PROXY }, { &s->dns4, OWN_RESOLVER }, { &s->dns6, OWN_RESOLVER },
		       { &s->time.addr4, OWN_TIME }, { &s->time.addr6, OWN_TIME }, { &s->web4, OWN_SITES }, { &s->web6, OWN_SITES },
		       { &s->log4, OWN_LOG }, { &s->log6, OWN_LOG }, { &s->desk.addr4, OWN_DESK }, { &s->desk.addr6, OWN_DESK } };
	size_t n = 0;
	for (size_t i = 0; i < ARRAY_LEN(single); i++)
		n = put(ret, n, *single[i].addr, single[i].kind);
	for (size_t i = 0; i < s->n_name_servers; i++) {
		n = put(ret, n, s->name_servers[i].addr4, OWN_NAME_SERVER);
		n = put(ret, n, s->name_servers[i].addr6, OWN_NAME_SERVER);
	}
	for (size_t i = 0; i < s->n_uplinks; i++) {
		n = put(ret, n, s->uplinks[i].addr4, OWN_UPLINK);
		n = put(ret, n, s->uplinks[i].addr6, OWN_UPLINK);
	}
	return n;
}

const struct uplink *uplink_reaching(const struct service *s, const struct prefix *p)
{
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct prefix *net = p->family == 4 ? &s->uplinks[i].addr4 : &s->uplinks[i].addr6;
		if (prefix_is_set(p) && prefix_is_set(net) && prefix_contains(net, p))
			return &s->uplinks[i];
	}
	return NULL;
}

const struct uplink *breakout_line(const struct service *s)
{
	for (size_t i = 0; s->breakout.line[0] && i < s->n_uplinks; i++)
		if (strcmp(s->uplinks[i].name, s->breakout.line) == 0)
			return &s->uplinks[i];
	return NULL;
}

struct prefix internal4(const struct model *m, const struct org *o, uint8_t host)
{
	struct prefix p = m->service.internal4;
	unsigned net = o->index;
	p.addr[1] = (uint8_t)(p.addr[1] + (net >> 8));
	p.addr[2] = (uint8_t)net;
	p.addr[3] = host;
	p.len = 32;
	return p;
}

struct prefix internal6(const struct org *o, uint8_t host)
{
	struct prefix p = o->router6;
	if (!prefix_is_set(&p))
		return p;
	memset(p.addr + 8, 0, 8);
	p.addr[15] = host;
	p.len = 128;
	return p;
}

const uint8_t internal_hosts[INTERNAL_HOSTS] = { INTERNAL_RESOLVER, INTERNAL_DESK, INTERNAL_TIME };

bool desk_served(const struct service *s)
{
	return s->desk.name && s->desk.name[0];
}

static bool served(const struct service *s, const struct org *o, uint8_t host)
{
	if (host == INTERNAL_TIME)
		return s->time.n_servers;
	return host != INTERNAL_DESK || (desk_served(s) && o->desk != DESK_OFF);
}

struct prefix internal_served(const struct model *m, const struct org *o, int family, uint8_t host)
{
	if (!served(&m->service, o, host))
		return (struct prefix){ 0 };
	return family == 4 ? internal4(m, o, host) : internal6(o, host);
}

bool announce_allowed(const struct service *s, const struct prefix *p)
{
	struct own_address own[OWN_MAX];
	if (prefix_among(s->mitigation.guard, s->mitigation.n_guard, p))
		return false;
	for (size_t i = 0, n = service_own(s, own); i < n; i++)
		if (memcmp(&own[i].prefix, p, sizeof *p) == 0)
			return false;
	return s->mitigation.n_peers > 0;
}

/* ---- the leg to the public sites' origins */

bool line_inspected(const struct uplink *u)
{
	return u->port[0] != 0;
}

bool lines_inspected(const struct service *s)
{
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (line_inspected(&s->uplinks[i]))
			return true;
	return false;
}

bool origin_inside(const struct org *o, const struct prefix *addr)
{
	return prefix_among(o->prefixes, o->n_prefixes, addr);
}

static bool same_host(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, a->family == 4 ? 4 : 16) == 0;
}

/* Is it the first of its address? */
static bool is_first(const struct org *o, size_t site, size_t origin)
{
	const struct prefix *p = &o->sites[site].origins[origin].addr;
	for (size_t i = 0; i <= site; i++)
		for (size_t k = 0; k < o->sites[i].n_origins && (i < site || k < origin); k++)
			if (same_host(&o->sites[i].origins[k].addr, p))
				return false;
	return prefix_is_set(p);
}

size_t origin_addresses(const struct org *o)
{
	size_t n = 0;
	for (size_t i = 0; i < o->n_sites; i++)
		for (size_t k = 0; k < o->sites[i].n_origins; k++)
			n += is_first(o, i, k);
	return n;
}

/* The next free one from where its address leads: another order of the sites gives most of them the same. */
static uint8_t free_place(const struct prefix *p, bool taken[LEG_ORIGINS_MAX])
{
	size_t at = 0;
	for (size_t i = 0; i < (p->family == 4 ? 4u : 16u); i++)
		at = (at * 31 + p->addr[i]) % LEG_ORIGINS_MAX;
	while (taken[at])
		at = (at + 1) % LEG_ORIGINS_MAX;
	taken[at] = true;
	return (uint8_t)(INTERNAL_LEG_ORIGINS + at);
}

size_t leg_origins(const struct model *m, const struct org *o, struct leg_origin ret[LEG_ORIGINS_MAX])
{
	bool taken[LEG_ORIGINS_MAX] = { false };
	size_t n = 0;
	if (!lines_inspected(&m->service) || o->ips == IPS_OFF)
		return 0;
	for (size_t i = 0; i < o->n_sites; i++)
		for (size_t k = 0; k < o->sites[i].n_origins && n < LEG_ORIGINS_MAX; k++) {
			struct prefix addr = o->sites[i].origins[k].addr;
			if (!is_first(o, i, k))
				continue;
			addr.len = addr.family == 4 ? 32 : 128;
			uint8_t host = free_place(&addr, taken);
			struct prefix place = addr.family == 4 ? internal4(m, o, host) : internal6(o, host);
			if (prefix_is_set(&place)) /* a body without a router by IPv6 has none there */
				ret[n++] = (struct leg_origin){ addr, place, origin_inside(o, &addr) };
		}
	return n;
}

bool leg_used(const struct model *m)
{
	struct leg_origin list[LEG_ORIGINS_MAX];
	for (size_t i = 0; i < m->n_orgs; i++)
		if (leg_origins(m, &m->orgs[i], list))
			return true;
	return false;
}
