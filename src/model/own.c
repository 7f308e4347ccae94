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
	for (size_t i = 0; i < s->mitigation.n_guard; i++)
		if (prefix_contains(&s->mitigation.guard[i], p))
			return false;
	for (size_t i = 0, n = service_own(s, own); i < n; i++)
		if (memcmp(&own[i].prefix, p, sizeof *p) == 0)
			return false;
	return s->mitigation.n_peers > 0;
}
