/* The breakout: its line, the services, and each organisation's opting in; the upstream routers that are told what to drop. See check.h.
 * Rows M-012 M-013. */
#include "model/check.h"

#include "base/mem.h"
#include "model/own.h"

#include <stdio.h>

/* In the file they stand in any order. */
static bool first(const struct service *s, const struct uplink *u)
{
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (s->uplinks[i].priority < u->priority)
			return false;
	return true;
}

static void check_service(struct check *c, size_t i)
{
	const struct breakout *b = &c->m->service.breakout;
	const struct breakout_service *v = &b->services[i];
	char at[64];
	snprintf(at, sizeof at, ".breakout.services[%zu]", i);
	if (!v->addresses[0] && v->n_names == 0 && check_sound(c, at))
		CHECK_FAULT(c, at, "is known neither by addresses nor by names", "アドレスも名前もありません");
	snprintf(at, sizeof at, ".breakout.services[%zu].name", i);
	for (size_t k = 0; k < i; k++)
		if (v->name[0] && strcmp(v->name, b->services[k].name) == 0) {
			CHECK_FAULT(c, at, "stands here twice", "同じ名前が 2 回あります");
			return;
		}
}

/* The line's promises are kept whatever the organisations' ordinary traffic does there while the first line is down. */
static void check_promised(struct check *c, const struct uplink *u)
{
	unsigned long long sum = 0, least = u->in_mbps < u->out_mbps ? u->in_mbps : u->out_mbps;
	for (size_t i = 0; i < c->m->n_orgs; i++)
		if (c->m->orgs[i].breakout.n_services)
			sum += c->m->orgs[i].breakout.guaranteed_mbps;
	if (least && sum * 100 > least * LINE_ORGS)
		CHECK_FAULT(c, ".breakout.line", "carries too little: %llu Mbps are guaranteed for what breaks out, %d %% of the line can be given to it",
		            "足りません: ブレイクアウトの保証帯域の合計は %llu Mbps ですが、割り当てられるのは回線の %d %% までです", sum, LINE_ORGS);
}

void check_breakout(struct check *c)
{
	const struct service *s = &c->m->service;
	const struct uplink *u = breakout_line(s);
	if (!s->breakout.line[0] && s->breakout.n_services && check_sound(c, ".breakout"))
		CHECK_FAULT(c, ".breakout.line", "is missing: which line do the services break out by?", "必要です (どの回線を使うか分かりません)");
	if (!s->breakout.line[0])
		return;
	if (!u && check_sound(c, ".breakout.line") && check_sound(c, ".uplinks"))
		CHECK_FAULT(c, ".breakout.line", "is the name of no uplink", "この名前の上位回線がありません");
	else if (u && first(s, u) && check_sound(c, ".uplinks"))
		CHECK_FAULT(c, ".breakout.line", "is the line that carries everything else: nothing would break out", "他の通信を担う回線と同じです");
	else if (u)
		check_promised(c, u);
	for (size_t i = 0; i < s->breakout.n_services; i++)
		check_service(c, i);
}

/* The node opens nothing to where management, LGWAN and members are (compile/nft.c): such a server would never be reached. */
static bool unreachable(const struct check *c, const struct prefix *a)
{
	const struct service *s = &c->m->service;
	for (size_t i = 0; i < c->m->n_orgs; i++)
		if (prefix_among(c->m->orgs[i].prefixes, c->m->orgs[i].n_prefixes, a))
			return true;
	return prefix_among(s->management, s->n_management, a) || prefix_among(s->lgwan, s->n_lgwan, a);
}

void check_inspectors(struct check *c)
{
	const struct service *s = &c->m->service;
	char at[64];
	for (size_t i = 0; i < s->n_inspectors; i++) {
		snprintf(at, sizeof at, ".inspectors[%zu].name", i);
		for (size_t k = 0; k < i; k++)
			if (s->inspectors[i].name[0] && strcmp(s->inspectors[i].name, s->inspectors[k].name) == 0) {
				CHECK_FAULT(c, at, "stands here twice", "同じ名前が 2 回あります");
				break;
			}
		snprintf(at, sizeof at, ".inspectors[%zu].address", i);
		if (unreachable(c, &s->inspectors[i].address))
			CHECK_FAULT(c, at, "lies where the gateway opens nothing to: management, LGWAN or a member's network", "管理網・LGWAN・団体の網にあり、ゲートウェイから接続しません");
	}
}

void check_org_breakout(struct check *c, const struct org *o)
{
	const struct org_breakout *b = &o->breakout;
	char at[64];
	if (b->n_services == 0)
		return;
	if (!c->m->service.breakout.line[0] && !c->m->service.breakout.n_services && !fault_file(c->faults, "service.json") && check_sound(c, ".breakout"))
		CHECK_FAULT(c, ".breakout", "the service has no breakout line", "サービスにブレイクアウト回線がありません");
	if (!prefix_is_set(&b->global4) && check_sound(c, ".breakout.global4"))
		CHECK_FAULT(c, ".breakout.global4", "is missing: what breaks out needs a source address of its own", "必要です (ブレイクアウトの送信元アドレスがありません)");
	check_global(c, ".breakout.global4", &b->global4);
	check_global(c, ".breakout.global6", &b->global6);
	if (b->guaranteed_mbps > b->ceiling_mbps && b->ceiling_mbps)
		CHECK_FAULT(c, ".breakout.guaranteed_mbps", "is above ceiling_mbps", "上限帯域 (ceiling_mbps) を超えています");
	if (b->ceiling_mbps > b->burst_mbps && b->burst_mbps)
		CHECK_FAULT(c, ".breakout.ceiling_mbps", "is above burst_mbps", "瞬間最大帯域 (burst_mbps) を超えています");
	for (size_t i = 0; i < b->n_services; i++)
		for (size_t k = 0; k < i; k++)
			if (b->services[i].service[0] && strcmp(b->services[i].service, b->services[k].service) == 0) {
				snprintf(at, sizeof at, ".breakout.services[%zu].service", i);
				CHECK_FAULT(c, at, "stands here twice", "同じサービスが 2 回あります");
				break;
			}
	for (size_t i = 0; i < o->n_publish; i++)
		if (prefix_is_set(&b->global4) && (memcmp(&o->publish[i].address, &b->global4, sizeof b->global4) == 0 ||
		                                   memcmp(&o->publish[i].address, &b->global6, sizeof b->global6) == 0)) {
			snprintf(at, sizeof at, ".publish[%zu].address", i);
			CHECK_FAULT(c, at, "is the breakout's source address", "ブレイクアウトの送信元アドレスです");
		}
}

void check_mitigation(struct check *c)
{
	const struct service *s = &c->m->service;
	const struct mitigation *k = &s->mitigation;
	char at[64];
	if (k->n_peers && !k->as && check_sound(c, ".mitigation.as"))
		CHECK_FAULT(c, ".mitigation.as", "is missing: who speaks to the upstream's routers?", "必要です (こちらの AS 番号がありません)");
	for (size_t i = 0; i < k->n_peers; i++) {
		const struct bgp_peer *p = &k->peers[i];
		const struct uplink *u = uplink_reaching(s, &p->address);
		snprintf(at, sizeof at, ".mitigation.peers[%zu].address", i);
		if (prefix_is_set(&p->address) && !u && check_sound(c, ".uplinks"))
			CHECK_FAULT(c, at, "lies in no uplink's network", "どの上位回線のネットワークにもありません");
		else if (u && (memcmp(p->address.addr, u->addr4.addr, 16) == 0 || memcmp(p->address.addr, u->addr6.addr, 16) == 0))
			CHECK_FAULT(c, at, "is the gateway's own address", "ゲートウェイ自身のアドレスです");
		for (size_t n = 0; n < i; n++)
			if (p->secret && p->secret == k->peers[n].secret) {
				snprintf(at, sizeof at, ".mitigation.peers[%zu].secret", i);
				CHECK_FAULT(c, at, "is another router's: each could speak as us to the other", "ほかのルータと同じ番号です (一方が他方に対してこちらを装えます)");
				break;
			}
		snprintf(at, sizeof at, ".mitigation.peers[%zu].address", i);
		for (size_t n = 0; n < i; n++)
			if (prefix_is_set(&p->address) && memcmp(&p->address, &k->peers[n].address, sizeof p->address) == 0) {
				CHECK_FAULT(c, at, "stands here twice", "同じアドレスが 2 回あります");
				break;
			}
	}
}
