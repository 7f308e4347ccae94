/* An organisation's firewall rules: what may never be allowed is refused here, by name, before anything is compiled.
 *
 * The compiler puts the hard denies (other organisations, LGWAN, management, the node) before every rule, so an empty
 * list means the Internet and nothing else. What is refused here is a rule that asks for more: its author believes in
 * a permission that would never work, or a later change of the compiler would make it work. Deny rules may name anything. */
#include "model/check.h"

#include "base/map.h"
#include "model/schema.h"

#include <stdio.h>

static bool families_meet(const struct fw_match *m)
{
	if (m->n_from == 0 || m->n_to == 0)
		return true;
	for (size_t i = 0; i < m->n_from; i++)
		for (size_t k = 0; k < m->n_to; k++)
			if (m->from[i].family == m->to[k].family)
				return true;
	return false;
}

/* The side of the rule that isn't the organisation's: the Internet's. */
void check_outside(struct check *c, const struct org *o, const char *at, const struct prefix *p)
{
	char en[128], ja[128];
	const struct net *n = nets_find(&c->inside, p);
	if (p->len == 0) {
		CHECK_FAULT(c, at, "reaches everything; an empty list means the Internet only", "すべてに届いてしまいます (インターネットだけなら空のリストにしてください)");
		return;
	}
	if (!n)
		n = nets_find(&c->global, p);
	if (n && n->org == o) {
		CHECK_FAULT(c, at, "is the organisation's own: such traffic doesn't pass the gateway", "団体自身のネットワークです (ゲートウェイを通りません)");
		return;
	}
	if (!n)
		n = nets_find(&c->reserved, p);
	if (!n)
		return;
	net_name(n, false, en, sizeof en);
	net_name(n, true, ja, sizeof ja);
	CHECK_FAULT(c, at, "may never be allowed: reaches %s%.0s", "許可できません: %.0s%s に届きます", en, ja);
}

void check_own_side(struct check *c, const struct org *o, const char *at, const struct prefix *p)
{
	if (!prefix_among(o->prefixes, o->n_prefixes, p) && check_sound(c, ".prefixes"))
		CHECK_FAULT(c, at, "lies outside the organisation's own prefixes", "団体の内部ネットワークの外にあります");
}

static void check_side(struct check *c, const struct org *o, const char *at, const char *list, const struct prefix *p, size_t n, bool inside)
{
	for (size_t i = 0; i < n; i++) {
		char path[64];
		snprintf(path, sizeof path, "%s%s[%zu]", at, list, i);
		if (!prefix_is_set(&p[i]))
			continue;
		if (inside)
			check_own_side(c, o, path, &p[i]);
		else
			check_outside(c, o, path, &p[i]);
	}
}

void check_group_side(struct check *c, const struct org *o, const char *at, const struct prefix *p, size_t n, bool inside)
{
	for (size_t i = 0; i < n && check_sound(c, at); i++)
		if (inside)
			check_own_side(c, o, at, &p[i]);
		else
			check_outside(c, o, at, &p[i]);
}

static void check_sides(struct check *c, const struct org *o, const struct fw_rule *r, const char *at)
{
	char path[64];
	for (int to = 0; to < 2; to++) {
		bool inside = (r->direction == FW_OUT) == !to;
		if (!inside && r->action != FW_ALLOW)
			continue;
		size_t n = to ? r->n_to : r->n_from, all = to ? r->match.n_to : r->match.n_from;
		check_side(c, o, at, to ? ".to" : ".from", to ? r->to : r->from, n, inside);
		snprintf(path, sizeof path, "%s%s", at, to ? ".to_groups" : ".from_groups");
		check_group_side(c, o, path, (to ? r->match.to : r->match.from) + n, all - n, inside);
	}
}

static bool any_port(const struct fw_match *m)
{
	for (size_t i = 0; i < m->n_ports; i++)
		if (m->ports[i].protocol == 0 || (m->ports[i].protocol != IPPROTO_ICMP && m->ports[i].port_low == 0))
			return true;
	return false;
}

static void check_any(struct check *c, const struct fw_rule *r, const char *at, const char *from, const char *to)
{
	if (r->action != FW_ALLOW || !check_sound(c, at))
		return;
	if (r->direction == FW_OUT && r->match.n_to == 0 && any_port(&r->match))
		CHECK_FAULT(c, to, "must not be empty: an allow rule to any destination has to name protocol and port",
		            "空にはできません (宛先がすべての許可規則には、プロトコルとポートが必要です)");
	if (r->direction == FW_IN && r->match.n_from == 0)
		CHECK_FAULT(c, from, "must not be empty: nothing is let in from anywhere", "空にはできません (どこからでも入れる規則は許可できません)");
	if (r->direction == FW_IN && r->match.n_to == 0)
		CHECK_FAULT(c, to, "must not be empty: an inbound allow rule names its servers", "空にはできません (内向きの許可規則には宛先のサーバが必要です)");
}

void check_ports(struct check *c, const struct fw_ports *p, const char *at)
{
	char low[64], high[64], protocol[64];
	snprintf(protocol, sizeof protocol, "%s.protocol", at);
	snprintf(low, sizeof low, "%s.port_low", at);
	snprintf(high, sizeof high, "%s.port_high", at);
	if ((!p->port_low && !p->port_high) || !check_sound(c, protocol) || !check_sound(c, low) || !check_sound(c, high))
		return;
	if (p->protocol != IPPROTO_TCP && p->protocol != IPPROTO_UDP)
		CHECK_FAULT(c, low, "only TCP and UDP have ports", "ポートは TCP と UDP だけにあります");
	else if (p->port_low > p->port_high)
		CHECK_FAULT(c, high, "is below port_low", "port_low より小さくなっています");
	else if (p->port_low == 0)
		CHECK_FAULT(c, low, "is missing: there is a port_high", "必要です (port_high があります)");
}

/* A limit that does nothing is a protection somebody believes in. */
static void check_limits(struct check *c, const struct fw_rule *r, const char *at)
{
	char path[64];
	const struct limits *k = &r->limits;
	bool attack = k->attack_per_second || k->attack_per_source || k->attack_hold_s;
	bool any = attack || k->per_source || k->total || k->new_per_second || k->prefix_per_second;
	snprintf(path, sizeof path, "%s.limits", at);
	if (any && r->action == FW_DENY)
		CHECK_FAULT(c, path, "limits nothing: the rule denies", "何も制限しません (拒否の規則です)");
	else if (attack)
		CHECK_FAULT(c, path, "attack_… is for published servers", "attack_… は公開サーバのためのものです");
}

static void check_rule(struct check *c, const struct org *o, size_t i)
{
	const struct fw_rule *r = &o->fw[i];
	char at[32], from[48], to[48], services[48];
	snprintf(at, sizeof at, ".fw[%zu]", i);
	snprintf(from, sizeof from, "%s.from", at);
	snprintf(to, sizeof to, "%s.to", at);
	snprintf(services, sizeof services, "%s.services", at);
	check_any(c, r, at, from, to); /* first: it says nothing where another member is wrong */
	check_sides(c, o, r, at);
	check_ports(c, &r->ports, at);
	check_limits(c, r, at);
	if (r->n_services && (r->ports.protocol || r->ports.port_low || r->ports.port_high) && check_sound(c, at))
		CHECK_FAULT(c, services, "stands beside a protocol or a port: name one or the other", "プロトコルやポートと一緒には書けません (どちらか一方にしてください)");
	if (!families_meet(&r->match) && check_sound(c, from) && check_sound(c, to))
		CHECK_FAULT(c, at, "matches nothing: from and to are of different IP versions", "どの通信にも合いません (送信元と宛先の IP 版が異なります)");
}

void check_firewall(struct check *c, const struct org *o)
{
	struct map ids;
	char at[64];
	map_init(&ids, LIST_MAX);
	for (size_t i = 0; i < o->n_fw; i++) {
		struct str id = str_from(o->fw[i].id);
		snprintf(at, sizeof at, ".fw[%zu].id", i);
		if (id.len && map_get(&ids, id))
			CHECK_FAULT(c, at, "stands here twice", "同じ規則番号が 2 回あります");
		else if (id.len && map_put(&ids, id, &o->fw[i]) < 0)
			c->faults->lost = true;
		check_rule(c, o, i);
	}
	map_done(&ids);
}
