/* See packet.h. Stands beside the compiler: what nft_policy.c and nft.c write for the kernel, this walks itself. */
#include "model/packet.h"

#include "base/clock.h"
#include "base/mem.h"
#include "model/own.h"

#include <stdio.h>

/* ---- the question */

static int wrong(struct err *err, struct str word, const char *what)
{
	return err_set(err, E_INVALID, "packet", "\"" STR_FMT "\" %s", STR_ARG(word), what);
}

static bool next_word(struct str *rest, struct str *ret)
{
	*rest = str_trim(*rest);
	return rest->len && (str_next(rest, ' ', ret), true);
}

/* "10.1.0.5", "10.1.0.5:443", "2001:db8::1", "[2001:db8::1]:443" */
static bool parse_end(struct str s, struct prefix *addr, uint16_t *port)
{
	struct str host = s, text = { NULL, 0 };
	uint64_t number = 0;
	if (s.len && s.ptr[0] == '[' && memchr(s.ptr, ']', s.len)) {
		struct str rest = { s.ptr + 1, s.len - 1 };
		str_next(&rest, ']', &host);
		if (rest.len && rest.ptr[0] != ':')
			return false;
		text = rest.len ? (struct str){ rest.ptr + 1, rest.len - 1 } : rest;
	} else if (prefix_parse_host(s, addr) < 0) {
		struct str rest = s;
		str_next(&rest, ':', &host);
		text = rest;
	}
	if (memchr(host.ptr, '/', host.len) || prefix_parse_host(host, addr) < 0)
		return false;
	if (text.len && (!str_to_u64(text, 65535, &number) || number == 0))
		return false;
	*port = (uint16_t)number;
	return true;
}

static int parse_from(const struct model *m, struct str s, struct packet *p, struct err *err)
{
	uint16_t port;
	if (s.len > 7 && s.ptr[6] == ':' && strspn(s.ptr, "0123456789") == 6) {
		char code[7];
		str_copy((struct str){ s.ptr, 6 }, code, sizeof code);
		p->org = model_org(m, code);
		if (!p->org)
			return wrong(err, s, "names no organisation of the description");
		s = (struct str){ s.ptr + 7, s.len - 7 };
	}
	return parse_end(s, &p->from, &port) ? 0 : wrong(err, s, "isn't an address");
}

static int parse_protocol(struct str word, struct packet *p, struct err *err)
{
	static const struct {
		const char *name;
		uint8_t number;
	} names[] = { { "tcp", IPPROTO_TCP }, { "udp", IPPROTO_UDP }, { "icmp", IPPROTO_ICMP } };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(word, str_from(names[i].name))) {
			p->protocol = names[i].number;
			return 0;
		}
	return wrong(err, word, "isn't tcp, udp, icmp or \"at\" and a time");
}

static int parse_rest(struct str q, struct packet *p, struct err *err)
{
	struct str word;
	while (next_word(&q, &word)) {
		int r = 0;
		if (!str_eq(word, STR("at")))
			r = parse_protocol(word, p, err);
		else if (!next_word(&q, &word) || clock_parse(word.ptr, word.len, &p->at_ms) < 0)
			r = err_set(err, E_INVALID, "packet", "behind \"at\" stands a time, like 2026-12-07T09:00:00+09:00");
		if (r < 0)
			return r;
	}
	return 0;
}

int packet_parse(const struct model *m, struct str q, int64_t now_ms, struct packet *ret, struct err *err)
{
	struct packet p = { .protocol = IPPROTO_TCP, .at_ms = now_ms };
	struct str from, source, to, target;
	if (!next_word(&q, &from) || !str_eq(from, STR("from")) || !next_word(&q, &source) || !next_word(&q, &to) || !str_eq(to, STR("to")) ||
	    !next_word(&q, &target))
		return err_set(err, E_INVALID, "packet", "must read: from [CODE:]ADDRESS to ADDRESS:PORT [tcp|udp|icmp] [at TIME]");
	int r = parse_from(m, source, &p, err);
	if (r == 0 && !parse_end(target, &p.to, &p.port))
		r = wrong(err, target, "isn't an address and a port");
	if (r == 0)
		r = parse_rest(q, &p, err);
	if (r < 0)
		return r;
	if (p.from.family != p.to.family)
		return err_set(err, E_INVALID, "packet", "both addresses must be of one IP version");
	if ((p.port == 0) != (p.protocol == IPPROTO_ICMP))
		return wrong(err, target, p.port ? "names a port, but ICMP has none" : "lacks its port");
	*ret = p;
	return 0;
}

/* ---- one rule */

static bool port_matches(const struct fw_match *m, const struct packet *p)
{
	for (size_t i = 0; i < m->n_ports; i++) {
		const struct fw_ports *k = &m->ports[i];
		if (k->protocol == 0 || (k->protocol == p->protocol && (!k->port_low || (p->port >= k->port_low && p->port <= k->port_high))))
			return true;
	}
	return false;
}

static bool matches(const struct policy_sets *sets, const struct policy_rule *r, const struct packet *p)
{
	const struct fw_match *m = r->match;
	if (r->not_uplink) /* where nothing else stands, whatever isn't inside leaves by an uplink */
		return false;
	if (r->set && !prefix_among(sets->list[r->set], sets->n[r->set], &p->to))
		return false;
	if (r->expires_ms && p->at_ms / 1000 >= r->expires_ms / 1000)
		return false;
	if (!m)
		return true;
	return (!m->n_from || prefix_among(m->from, m->n_from, &p->from)) && (!m->n_to || prefix_among(m->to, m->n_to, &p->to)) && port_matches(m, p) &&
	       schedule_holds(m->when, p->at_ms);
}

struct asking {
	const struct policy_sets *sets;
	const struct packet *packet;
	struct decision *d;
	enum policy_chain chain;
};

static int ask(const struct policy_rule *r, void *user)
{
	const struct asking *a = user;
	struct decision *d = a->d;
	if (!matches(a->sets, r, a->packet))
		return 0;
	d->id = r->id;
	d->rule = r->rule;
	d->publish = r->publish;
	d->at = r->at;
	d->fate = r->action == FW_ALLOW ? PACKET_PASS : policy_drops(r, a->chain) ? PACKET_DROP : PACKET_REFUSE;
	policy_comment(d->org->code, r, a->packet->to.family, d->comment, sizeof d->comment);
	return 1;
}

static void ask_chain(const struct model *m, const struct asking *a)
{
	policy_each(m, a->d->org, a->chain, ask, (void *)(uintptr_t)a);
}

static void own(struct decision *d, enum packet_fate fate, const char *id, const char *comment)
{
	d->fate = fate;
	d->id = id;
	snprintf(d->comment, sizeof d->comment, "%s%s%s", *comment ? comment : "", *comment ? "/" : "", *comment ? id : "");
}

/* ---- from an organisation */

static bool same_address(const struct prefix *a, const struct prefix *b)
{
	return a->family == b->family && memcmp(a->addr, b->addr, a->family == 4 ? 4 : 16) == 0;
}

static bool inside_address(const struct model *m, const struct org *o, const struct prefix *p, uint8_t host)
{
	struct prefix own = p->family == 4 ? internal4(m, o, host) : internal6(o, host);
	return prefix_is_set(&own) && same_address(&own, p);
}

/* A service's own address for this organisation? */
static bool served_at(const struct model *m, const struct org *o, const struct prefix *p, uint8_t host)
{
	struct prefix own = internal_served(m, o, p->family, host);
	return prefix_is_set(&own) && same_address(&own, p);
}

static bool is_public(const struct org *o, const struct prefix *p)
{
	for (size_t i = 0; i < o->n_publics; i++)
		if (same_address(&o->publics[i], p))
			return true;
	return false;
}

static bool is_own(const struct model *m, enum own_kind kind, const struct prefix *p)
{
	struct own_address own[OWN_MAX];
	for (size_t i = 0, n = service_own(&m->service, own); i < n; i++)
		if (own[i].kind == kind && same_address(&own[i].prefix, p))
			return true;
	return false;
}

/* An address of the node itself: the packet isn't forwarded. */
static bool local(const struct model *m, const struct prefix *p)
{
	for (enum own_kind kind = OWN_PROXY; kind <= OWN_UPLINK; kind++)
		if (is_own(m, kind, p))
			return true;
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		struct leg_origin leg[LEG_ORIGINS_MAX];
		if (is_public(o, p) || inside_address(m, o, p, INTERNAL_GATEWAY))
			return true;
		if (inside_address(m, o, p, INTERNAL_LEG) && leg_origins(m, o, leg))
			return true;
		for (size_t k = 0; k < INTERNAL_HOSTS; k++)
			if (served_at(m, o, p, internal_hosts[k]))
				return true;
	}
	return false;
}

static bool spoofed(const struct packet *p)
{
	const struct org *o = p->org;
	const struct prefix *router = p->from.family == 4 ? &o->router4 : &o->router6;
	return !prefix_among(o->prefixes, o->n_prefixes, &p->from) && !same_address(router, &p->from);
}

static const char *service_of(const struct model *m, const struct packet *p)
{
	const struct service *s = &m->service;
	bool encrypted = p->protocol == IPPROTO_TCP && (p->port == 853 || p->port == 443); /* for every body: who doesn't want it has nobody behind */
	bool dns = (p->protocol != IPPROTO_ICMP && p->port == 53) || encrypted;
	bool time = p->protocol == IPPROTO_UDP && p->port == 123 && s->time.n_servers;
	bool desk = p->protocol == IPPROTO_TCP && p->port == 443 && desk_served(s) && p->org->desk != DESK_OFF;
	if (p->protocol == IPPROTO_TCP && p->port == s->proxy_port && is_own(m, OWN_PROXY, &p->to))
		return "proxy";
	if (dns && (is_own(m, OWN_RESOLVER, &p->to) || served_at(m, p->org, &p->to, INTERNAL_RESOLVER)))
		return "resolver";
	if (time && (is_own(m, OWN_TIME, &p->to) || served_at(m, p->org, &p->to, INTERNAL_TIME)))
		return "time";
	if (desk && (is_own(m, OWN_DESK, &p->to) || served_at(m, p->org, &p->to, INTERNAL_DESK)))
		return "desk";
	if (is_own(m, OWN_LOG, &p->to) && ((p->protocol != IPPROTO_ICMP && p->port == LOG_PORT) || (p->protocol == IPPROTO_TCP && p->port == LOG_TLS_PORT)))
		return "log";
	return p->protocol == IPPROTO_ICMP && p->to.family == 4 && inside_address(m, p->org, &p->to, INTERNAL_GATEWAY) ? "echo" : NULL;
}

/* A terminal that knows of no proxy (compile/nft.c, nat_in). */
static bool goes_to_proxy(const struct model *m, const struct packet *p)
{
	const struct prefix *proxy = p->to.family == 4 ? &m->service.proxy4 : &m->service.proxy6;
	return p->org->transparent && p->protocol == IPPROTO_TCP && (p->port == 80 || p->port == 443) && prefix_is_set(proxy) &&
	       !inside_address(m, p->org, &p->to, INTERNAL_RESOLVER) && !served_at(m, p->org, &p->to, INTERNAL_DESK);
}

static void outbound(const struct model *m, struct asking *a)
{
	const struct packet *p = a->packet;
	a->d->org = p->org;
	if (spoofed(p)) {
		own(a->d, PACKET_DROP, "spoof", p->org->code);
		return;
	}
	const char *service = local(m, &p->to) ? service_of(m, p) : NULL;
	service = service || !goes_to_proxy(m, p) ? service : "proxy";
	if (service) {
		own(a->d, PACKET_SERVICE, service, "");
		return;
	}
	a->chain = local(m, &p->to) ? POLICY_LOCAL : POLICY_OUT;
	ask_chain(m, a);
}

/* ---- from the Internet */

static const struct publish *door_of(const struct org *o, const struct packet *p)
{
	for (size_t i = 0; i < o->n_publish; i++)
		if (o->publish[i].protocol == p->protocol && o->publish[i].port == p->port && same_address(&o->publish[i].address, &p->to))
			return &o->publish[i];
	return NULL;
}

static const struct org *owner_of(const struct model *m, const struct prefix *p)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		if (is_public(&m->orgs[i], p))
			return &m->orgs[i];
	return NULL;
}

static void inbound(const struct model *m, struct asking *a)
{
	struct packet p = *a->packet;
	const struct org *o = owner_of(m, &p.to);
	if (prefix_among(a->sets->list[SET_INSIDE], a->sets->n[SET_INSIDE], &p.from)) {
		own(a->d, PACKET_DROP, p.from.family == 4 ? "spoof-wan4" : "spoof-wan6", "-");
		return;
	}
	if (!o && is_own(m, OWN_NAME_SERVER, &p.to) && p.port == 53) {
		own(a->d, PACKET_SERVICE, "name-server", "");
		return;
	}
	if (!o && is_own(m, OWN_SITES, &p.to) && p.protocol == IPPROTO_TCP && (p.port == 80 || p.port == 443)) {
		own(a->d, PACKET_SERVICE, "sites", "");
		return;
	}
	if (!o && local(m, &p.to) && p.protocol == IPPROTO_ICMP && p.to.family == 4) {
		own(a->d, PACKET_SERVICE, "echo", "");
		return;
	}
	if (!o) {
		own(a->d, PACKET_DROP, local(m, &p.to) ? "default-node" : "default-forward", "-");
		return;
	}
	a->d->org = o;
	a->d->door = door_of(o, &p);
	if (a->d->door) {
		p.to = a->d->door->server;
		p.port = a->d->door->server_port;
	}
	a->chain = POLICY_IN;
	a->packet = &p;
	ask_chain(m, a);
}

void packet_decide(const struct model *m, const struct policy_sets *sets, const struct packet *p, struct decision *ret)
{
	struct asking a = { sets, p, ret, POLICY_OUT };
	*ret = (struct decision){ .id = "" };
	if (p->org)
		outbound(m, &a);
	else
		inbound(m, &a);
}
