/* Public sites: whose name it is, where its pages may come from, and what of the WAF may not be switched off.
 *
 * The cloud asks an origin from inside the node, so a description could make it reach what nobody else can: another
 * organisation's server, LGWAN, management, the node. Each of these is refused here; the packet filter's rules for the
 * node's own traffic (compile/nft.c) let it reach the listed origins of an organisation and nothing else. */
#include "model/check.h"

#include "base/mem.h"
#include "model/own.h"
#include "model/schema.h"

#include <stdio.h>

static void check_name(struct check *c, const struct org *o, const char *at, const char *name, struct map *names)
{
	struct str key = str_from(name);
	const struct org *other = key.len ? map_get(names, key) : NULL;
	if (other == o)
		CHECK_FAULT(c, at, "stands here twice", "同じホスト名が 2 回あります");
	else if (other)
		CHECK_FAULT(c, at, "is also a site of organisation %s", "団体 %s のサイトと同じホスト名です", other->code);
	else if (key.len && map_put(names, key, (void *)(uintptr_t)o) < 0)
		c->faults->lost = true;
}

/* RFC 1918, RFC 4193: somewhere else's inside. */
static bool is_private(const struct prefix *p)
{
	static const struct str nets[] = { { "10.0.0.0/8", 10 }, { "172.16.0.0/12", 13 }, { "192.168.0.0/16", 14 },
		                           { "100.64.0.0/10", 13 }, { "fc00::/7", 8 } };
	struct prefix n;
	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		if (prefix_parse(nets[i], &n) == 0 && prefix_contains(&n, p))
			return true;
	return false;
}

static void check_origin_outside(struct check *c, const char *at, const struct prefix *p)
{
	char en[128], ja[128];
	const struct net *n = nets_find(&c->reserved, p);
	n = n ? n : nets_find(&c->global, p);
	n = n ? n : nets_find(&c->inside, p);
	if (!n) {
		if (is_private(p))
			CHECK_FAULT(c, at, "is a private address outside the organisation's own prefixes",
			            "団体の内部ネットワークにないプライベートアドレスです");
		return;
	}
	net_name(n, false, en, sizeof en);
	net_name(n, true, ja, sizeof ja);
	CHECK_FAULT(c, at, "may never be asked: lies in %s%.0s", "配信元にできません: %.0s%s の中にあります", en, ja);
}

static void check_origins(struct check *c, const struct org *o, const struct site *s, const char *site)
{
	char at[96];
	bool any = false, first_sound = true;
	const struct prefix *first = s->n_origins ? &s->origins[0].addr : NULL;
	for (size_t i = 0; i < s->n_origins; i++) {
		const struct prefix *p = &s->origins[i].addr;
		any = any || !s->origins[i].backup;
		if (!prefix_is_set(p))
			continue;
		snprintf(at, sizeof at, "%s.origins[%zu].addr", site, i);
		if (!origin_inside(o, p))
			check_origin_outside(c, at, p);
		first_sound = first_sound && (i > 0 || check_sound(c, at));
		if (prefix_is_set(first) && first_sound && (origin_inside(o, p) != origin_inside(o, first) || p->family != first->family) && check_sound(c, at))
			CHECK_FAULT(c, at, "must be inside or outside, and of the IP version, as the site's first origin is",
			            "最初の配信元と、庁内・庁外および IP の種別をそろえてください");
	}
	snprintf(at, sizeof at, "%s.origins", site);
	if (s->n_origins && !any && check_sound(c, at))
		CHECK_FAULT(c, at, "all are backups", "すべて予備です");
}

/* 901, 949, 959, 980: what sets the WAF up, decides, and tells. */
static void check_exclusions(struct check *c, const struct site *s, const char *site)
{
	char at[96];
	for (size_t i = 0; i < s->n_exclusions; i++) {
		uint32_t family = s->exclusions[i].rule / 1000;
		snprintf(at, sizeof at, "%s.exclusions[%zu].rule", site, i);
		if (family == 949 || family == 959)
			CHECK_FAULT(c, at, "is the rule that decides: exclude the one that fires", "判定の規則そのものです (反応した規則を指定してください)");
	}
}

static void check_acme(struct check *c, const struct site *s, const char *site)
{
	char at[96];
	snprintf(at, sizeof at, "%s.acme", site);
	if (!s->acme || !check_sound(c, at))
		return;
	if (s->n_certificate)
		CHECK_FAULT(c, at, "is true where a certificate is given", "証明書が書かれています (どちらか一方にしてください)");
	if (!*c->m->service.acme && check_sound(c, at))
		CHECK_FAULT(c, at, "needs service.acme: whom certificates are asked from", "service.acme (認証局) が必要です");
	if (s->n_aliases >= SITE_ACME_NAMES)
		CHECK_FAULT(c, at, "a certificate by ACME is for at most 8 names", "自動取得する証明書のホスト名は 8 個までです");
}

void check_sites(struct check *c, const struct org *o, struct map *names)
{
	char at[64], name[96];
	if (origin_addresses(o) > LEG_ORIGINS_MAX)
		CHECK_FAULT(c, ".sites", "have more than 100 different origins", "配信元のアドレスが 100 を超えています");
	for (size_t i = 0; i < o->n_sites; i++) {
		const struct site *s = &o->sites[i];
		snprintf(at, sizeof at, ".sites[%zu]", i);
		snprintf(name, sizeof name, "%s.name", at);
		check_name(c, o, name, s->name, names);
		for (size_t k = 0; k < s->n_aliases; k++) {
			snprintf(name, sizeof name, "%s.aliases[%zu]", at, k);
			check_name(c, o, name, s->aliases[k], names);
		}
		check_origins(c, o, s, at);
		check_exclusions(c, s, at);
		check_acme(c, s, at);
		snprintf(name, sizeof name, "%s.cache_s", at);
		if (s->disaster && !s->cache_s && check_sound(c, name))
			CHECK_FAULT(c, name, "is 0: a disaster site without a cache has no page to show", "0 です (防災サイトには示すページを保つキャッシュが必要です)");
	}
}
