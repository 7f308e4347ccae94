/* See policy.h. */
#include "model/policy.h"

#include "base/mem.h"

#include <stdio.h>

const char *const policy_set_names[SET_KINDS] = { "", "management", "lgwan", "inside", "bogon", "doh" };

#define TCP(port) { IPPROTO_TCP, port, port }
#define UDP(port) { IPPROTO_UDP, port, port }
static const struct fw_ports quic_ports[] = { UDP(443) };
static const struct fw_ports doh_ports[] = { TCP(443), UDP(443), TCP(853), UDP(853) };
static const struct fw_match quic = { .ports = quic_ports, .n_ports = ARRAY_LEN(quic_ports) };
static const struct fw_match doh = { .ports = doh_ports, .n_ports = ARRAY_LEN(doh_ports) };

/* Before an organisation's rules, and out of their reach; behind them what isn't allowed is refused. QUIC stands behind:
 * a rule may open it to a named server, where the proxy isn't wanted. */
static const struct policy_rule out_before[] = {
	{ .id = "management", .set = SET_MANAGEMENT }, { .id = "lgwan", .set = SET_LGWAN },     { .id = "lateral", .set = SET_INSIDE },
	{ .id = "bogon", .set = SET_BOGON },           { .id = "not-internet", .not_uplink = true }, { .id = "doh", .set = SET_DOH, .match = &doh },
};
static const struct policy_rule out_behind[] = { { .id = "quic", .match = &quic }, { .id = "default-out" } };
static const struct policy_rule in_behind[] = { { .id = "default-in" } };
static const struct policy_rule local[] = { { .id = "management", .set = SET_MANAGEMENT }, { .id = "local" } };

struct walk {
	const struct model *m;
	int (*fn)(const struct policy_rule *r, void *user);
	void *user;
};

static int own(const struct walk *w, const struct policy_rule *list, size_t n)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < n; i++)
		if (list[i].set != SET_DOH || w->m->service.n_doh_resolvers)
			r = w->fn(&list[i], w->user);
	return r;
}

static int rules(const struct walk *w, const struct org *o, enum fw_direction direction)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < o->n_fw; i++) {
		const struct fw_rule *f = &o->fw[i];
		const struct policy_rule rule = { .id = f->id, .action = f->action, .match = &f->match, .limits = &f->limits,
			                          .expires_ms = f->expires_ms, .rule = f, .at = i };
		if (f->direction == direction)
			r = w->fn(&rule, w->user);
	}
	return r;
}

static int published(const struct walk *w, const struct org *o)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < o->n_publish; i++) {
		const struct publish *p = &o->publish[i];
		const struct policy_rule rule = { .id = p->id, .action = FW_ALLOW, .match = &p->match, .limits = &p->limits,
			                          .expires_ms = p->expires_ms, .publish = p, .at = i };
		r = w->fn(&rule, w->user);
	}
	return r;
}

int policy_each(const struct model *m, const struct org *o, enum policy_chain chain,
                int (*fn)(const struct policy_rule *r, void *user), void *user)
{
	const struct walk w = { m, fn, user };
	int r;
	switch (chain) {
	case POLICY_OUT:
		r = own(&w, out_before, ARRAY_LEN(out_before));
		r = r ? r : rules(&w, o, FW_OUT);
		return r ? r : own(&w, out_behind, ARRAY_LEN(out_behind));
	case POLICY_IN:
		r = rules(&w, o, FW_IN);
		r = r ? r : published(&w, o);
		return r ? r : own(&w, in_behind, ARRAY_LEN(in_behind));
	case POLICY_LOCAL:
		return own(&w, local, ARRAY_LEN(local));
	}
	return 0;
}

void policy_comment(const char *code, const struct policy_rule *r, int family, char *dst, size_t size)
{
	if (r->rule || r->publish || r->set)
		snprintf(dst, size, "%s/%s/%d", code, r->id, family);
	else
		snprintf(dst, size, "%s/%s", code, r->id);
}

bool policy_drops(const struct policy_rule *r, enum policy_chain chain)
{
	return chain == POLICY_IN && !r->rule;
}

/* ---- sets */

struct list {
	struct policy_sets *s;
	enum policy_set set;
};

static void put(struct list l, const struct prefix *p)
{
	if (prefix_is_set(p))
		l.s->list[l.set][l.s->n[l.set]++] = *p;
}

/* Every organisation's inside and global addresses, and the node's own: nobody reaches them from another organisation. */
static void inside(const struct model *m, struct list l)
{
	put(l, &m->service.internal4);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		for (size_t k = 0; k < o->n_prefixes; k++)
			put(l, &o->prefixes[k]);
		for (size_t k = 0; k < o->n_publics; k++)
			put(l, &o->publics[k]);
		struct prefix net = o->router6;
		memset(net.addr + 8, 0, 8);
		net.len = 64;
		put(l, &net);
	}
}

/* Addresses that aren't the Internet (RFC 6890): an organisation has no business there through us.
 * Documentation ranges are left out: the lab's Internet is made of them. */
static void bogon(struct list l)
{
	static const char *const text[] = { "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		                            "192.168.0.0/16", "198.18.0.0/15", "224.0.0.0/3", "::/8", "fc00::/7", "fe80::/10", "ff00::/8" };
	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		struct prefix p = { 0 };
		(void)prefix_parse(str_from(text[i]), &p);
		put(l, &p);
	}
}

int policy_sets(const struct model *m, struct arena *a, struct policy_sets *ret)
{
	const struct service *s = &m->service;
	size_t all = 1;
	*ret = (struct policy_sets){ 0 };
	for (size_t i = 0; i < m->n_orgs; i++)
		all += m->orgs[i].n_prefixes + m->orgs[i].n_publics + 1;
	const size_t room[SET_KINDS] = { [SET_MANAGEMENT] = s->n_management, [SET_LGWAN] = s->n_lgwan, [SET_INSIDE] = all, [SET_BOGON] = 16,
		                         [SET_DOH] = s->n_doh_resolvers };
	for (int i = 0; i < SET_KINDS; i++) {
		ret->list[i] = arena_array(a, room[i] + 1, sizeof(struct prefix));
		if (!ret->list[i])
			return -E_NOMEM;
	}
	for (size_t i = 0; i < s->n_management; i++)
		put((struct list){ ret, SET_MANAGEMENT }, &s->management[i]);
	for (size_t i = 0; i < s->n_lgwan; i++)
		put((struct list){ ret, SET_LGWAN }, &s->lgwan[i]);
	for (size_t i = 0; i < s->n_doh_resolvers; i++)
		put((struct list){ ret, SET_DOH }, &s->doh_resolvers[i]);
	inside(m, (struct list){ ret, SET_INSIDE });
	bogon((struct list){ ret, SET_BOGON });
	return 0;
}

/* ---- time */

#define JST_MINUTES 540
#define DAY_MINUTES 1440

static uint8_t days_of(const struct window *w, bool before)
{
	uint8_t days = 0;
	for (size_t i = 0; i < w->n_days; i++)
		days |= (uint8_t)(1u << (w->days[i] + (before ? 6u : 0u)) % 7);
	return days;
}

/* 8:30–17:15 in Tokyo is 23:30–24:00 of the day before and 0:00–8:15 in UTC. */
size_t window_utc(const struct window *w, struct utc_window ret[UTC_WINDOWS_MAX])
{
	size_t n = 0;
	int open = w->open_minute - JST_MINUTES, close = w->close_minute - JST_MINUTES;
	if (open < 0 && open < close)
		ret[n++] = (struct utc_window){ days_of(w, true), (uint32_t)(open + DAY_MINUTES) * 60,
			                        (uint32_t)((close < 0 ? close : 0) + DAY_MINUTES) * 60 };
	if (close > 0 && open < close)
		ret[n++] = (struct utc_window){ days_of(w, false), (uint32_t)(open > 0 ? open : 0) * 60, (uint32_t)close * 60 };
	return n;
}

bool schedule_holds(const struct schedule *s, int64_t ms)
{
	int64_t minutes = ms / 60000 + JST_MINUTES;
	int64_t day = (minutes / DAY_MINUTES + 4) % 7, minute = minutes % DAY_MINUTES; /* 1970-01-01 was a Thursday */
	for (size_t i = 0; s && i < s->n_windows; i++) {
		const struct window *w = &s->windows[i];
		for (size_t k = 0; k < w->n_days; k++)
			if (w->days[k] == day && minute >= w->open_minute && minute < w->close_minute)
				return true;
	}
	return !s;
}
