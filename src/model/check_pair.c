/* Checks of the pair of gateways: what a takeover needs in place on both nodes. See check.h. */
#include "model/check.h"

#include "model/own.h"

#include <stdio.h>
#include <string.h>

static bool same_host(const struct prefix *a, const struct prefix *b)
{
	return prefix_is_set(a) && a->family == b->family && memcmp(a->addr, b->addr, 16) == 0;
}

/* Addresses that move with the traffic: no node may have one of them for itself. */
static bool moves(const struct model *m, const struct prefix *p)
{
	const struct service *s = &m->service;
	struct own_address own[OWN_MAX];
	size_t n = service_own(s, own);
	for (size_t i = 0; i < n; i++)
		if (same_host(&own[i].prefix, p))
			return true;
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (same_host(&s->uplinks[i].gateway4, p) || same_host(&s->uplinks[i].gateway6, p))
			return true;
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_publics; k++)
			if (same_host(&m->orgs[i].publics[k], p))
				return true;
	return false;
}

static bool in_uplink(const struct prefix *net, const struct prefix *p)
{
	return prefix_is_set(net) && net->family == p->family && net->len == p->len && prefix_overlaps(net, p);
}

static void check_own(struct check *c, const struct pair_node *node, size_t k)
{
	const struct service *s = &c->m->service;
	const struct prefix *p = &node->own[k];
	bool inside = false;
	char at[32];
	snprintf(at, sizeof at, ".own[%zu]", k);
	for (size_t i = 0; i < s->n_uplinks; i++)
		inside |= in_uplink(&s->uplinks[i].addr4, p) || in_uplink(&s->uplinks[i].addr6, p);
	if (!prefix_is_set(p))
		return;
	if (!inside)
		CHECK_FAULT(c, at, "lies in no uplink's network, or has another length", "どの上位回線のネットワークにもないか、ネットワーク長が異なります");
	else if (moves(c->m, p))
		CHECK_FAULT(c, at, "is an address that moves with the traffic", "通信とともに移るアドレスです");
}

static bool has_own(const struct pair_node *node, const struct prefix *net)
{
	for (size_t k = 0; k < node->n_own; k++)
		if (in_uplink(net, &node->own[k]))
			return true;
	return !prefix_is_set(net);
}

static void check_node(struct check *c, size_t i)
{
	const struct service *s = &c->m->service;
	const struct pair_node *node = &s->pair.nodes[i], *first = &s->pair.nodes[0];
	char at[32];
	snprintf(at, sizeof at, ".nodes[%zu]", i);
	size_t back = path_push(&c->path, "%s", at);
	for (size_t k = 0; k < node->n_own; k++)
		check_own(c, node, k);
	for (size_t k = 0; k < s->n_uplinks && check_sound(c, ".own"); k++)
		if (!has_own(node, &s->uplinks[k].addr4) || !has_own(node, &s->uplinks[k].addr6))
			CHECK_FAULT(c, ".own", "has no address in the network of uplinks[%zu]", "uplinks[%zu] のネットワークのアドレスがありません", k);
	check_apart(c, ".sync4", &node->sync4, s->lgwan, s->n_lgwan, "LGWAN", "LGWAN");
	if (i && strcmp(node->name, first->name) == 0)
		CHECK_FAULT(c, ".name", "is also that of nodes[0]", "nodes[0] と同じです");
	if (i && same_host(&node->sync4, &first->sync4))
		CHECK_FAULT(c, ".sync4", "is also that of nodes[0]", "nodes[0] と同じです");
	else if (i && prefix_is_set(&node->sync4) && prefix_is_set(&first->sync4) &&
	         (node->sync4.len != first->sync4.len || !prefix_overlaps(&node->sync4, &first->sync4)))
		CHECK_FAULT(c, ".sync4", "lies in another network than that of nodes[0]", "nodes[0] と別のネットワークにあります");
	for (size_t k = 0; i && k < node->n_own; k++)
		for (size_t l = 0; l < first->n_own; l++)
			if (same_host(&node->own[k], &first->own[l]))
				CHECK_FAULT(c, ".own", "holds an address of nodes[0]", "nodes[0] のアドレスがあります");
	path_pop(&c->path, back);
}

void check_pair(struct check *c)
{
	const struct service *s = &c->m->service;
	const struct pair *p = &s->pair;
	if (!p->interface[0] && !p->n_nodes)
		return;
	size_t back = path_push(&c->path, ".pair");
	if (p->n_nodes != PAIR_NODES && check_sound(c, ".nodes"))
		CHECK_FAULT(c, ".nodes", "must be two", "2 台を書いてください");
	if (!p->interface[0])
		CHECK_FAULT(c, ".interface", "is missing: there are two nodes", "必要です (ノードが 2 台あります)");
	if (strcmp(p->interface, "lo") == 0 || strncmp(p->interface, "toride-", 7) == 0)
		CHECK_FAULT(c, ".interface", "is the node's own", "ノード自身の接続口です");
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (strcmp(p->interface, s->uplinks[i].interface) == 0 || uplink_uses(&s->uplinks[i], p->interface))
			CHECK_FAULT(c, ".interface", "is an uplink's", "上位回線の接続口です");
	for (size_t i = 0; i < c->m->n_orgs; i++)
		if (p->interface[0] && strcmp(p->interface, c->m->orgs[i].interface) == 0)
			CHECK_FAULT(c, ".interface", "is that of organisation %s", "団体 %s の接続口です", c->m->orgs[i].code);
	for (size_t i = 0; i < p->n_nodes; i++)
		check_node(c, i);
	path_pop(&c->path, back);
	if (p->n_nodes == PAIR_NODES && strcmp(s->node, p->nodes[0].name) != 0 && strcmp(s->node, p->nodes[1].name) != 0)
		CHECK_FAULT(c, ".node", "is none of the pair's nodes", "二重化のノードのいずれでもありません");
}
