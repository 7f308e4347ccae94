/* Runs all checks of a description as a whole; see check.h. The service and what must be unique are here, one
 * organisation in check_org.c, its firewall in check_fw.c. */
#include "model/check.h"

#include "base/map.h"
#include "base/mem.h"
#include "model/gateway.h"
#include "model/own.h"
#include "model/schema.h"

#include <stdio.h>
#include <yyjson.h>

struct path check_path(const struct check *c, const char *at)
{
	struct path p = c->path;
	path_push(&p, "%s", at);
	return p;
}

bool check_sound(const struct check *c, const char *at)
{
	return c->faults->n == 0 || !fault_under(c->faults, check_path(c, at).s);
}

/* ---- service */

static void check_gateway(struct check *c, const char *at, const struct prefix *addr, const struct prefix *gateway)
{
	struct prefix link_local;
	(void)prefix_parse(STR("fe80::/10"), &link_local);
	if (!prefix_is_set(addr) || !prefix_is_set(gateway)) {
		if (prefix_is_set(addr) && check_sound(c, at))
			CHECK_FAULT(c, at, "is missing: the uplink has an address of that family", "必要です (上位回線にこの種別のアドレスがあります)");
		return;
	}
	if (memcmp(addr->addr, gateway->addr, 16) == 0)
		CHECK_FAULT(c, at, "is the gateway's own address", "ゲートウェイ自身のアドレスです");
	else if (!prefix_contains(addr, gateway) && !prefix_contains(&link_local, gateway))
		CHECK_FAULT(c, at, "lies outside the uplink's network", "上位回線のネットワークの外にあります");
}

void check_apart(struct check *c, const char *at, const struct prefix *p, const struct prefix *list, size_t n, const char *en,
                 const char *ja)
{
	for (size_t i = 0; prefix_is_set(p) && i < n; i++)
		if (prefix_is_set(&list[i]) && prefix_overlaps(p, &list[i])) {
			CHECK_FAULT(c, at, "overlaps %s%.0s", "%.0s%s と重なっています", en, ja);
			return;
		}
}

static void check_service_address(struct check *c, const char *at, const struct prefix *p)
{
	const struct service *s = &c->m->service;
	check_apart(c, at, p, s->management, s->n_management, "management", "運用網");
	check_apart(c, at, p, s->lgwan, s->n_lgwan, "LGWAN", "LGWAN");
	if (p != &s->internal4)
		check_apart(c, at, p, &s->internal4, 1, "internal4", "internal4");
}

bool uplink_uses(const struct uplink *u, const char *name)
{
	return u->port[0] && (strcmp(u->port, name) == 0 ||
	                      (strncmp(name, UPLINK_INNER, UPLINK_INNER_LEN) == 0 && strcmp(name + UPLINK_INNER_LEN, u->interface) == 0));
}

/* Three names on an inspected line: port, interface and the cable's inner end. */
static void check_port(struct check *c, const struct uplink *u)
{
	if (!u->port[0])
		return;
	if (strcmp(u->port, "lo") == 0 || strcmp(u->port, u->interface) == 0 || strncmp(u->port, UPLINK_INNER, UPLINK_INNER_LEN) == 0)
		CHECK_FAULT(c, ".port", "must be another than interface, lo and names that begin with i-",
		            "接続口や lo と異なり、i- で始まらない名前にしてください");
	if (strlen(u->interface) + UPLINK_INNER_LEN > 15)
		CHECK_FAULT(c, ".interface", "must be 13 characters at most on a line with a port", "ポートのある回線では 13 文字までにしてください");
}

/* Two lines share nothing: what comes in by one must tell which it is. */
static void check_uplink_apart(struct check *c, const struct uplink *u, const struct uplink *other, size_t at_other)
{
	if (u->name[0] && strcmp(u->name, other->name) == 0)
		CHECK_FAULT(c, ".name", "is also that of uplinks[%zu]", "uplinks[%zu] と同じです", at_other);
	if (u->interface[0] && strcmp(u->interface, other->interface) == 0)
		CHECK_FAULT(c, ".interface", "is also that of uplinks[%zu]", "uplinks[%zu] と同じです", at_other);
	if (u->port[0] && (strcmp(u->port, other->port) == 0 || strcmp(u->port, other->interface) == 0))
		CHECK_FAULT(c, ".port", "is also that of uplinks[%zu]", "uplinks[%zu] と同じです", at_other);
	if (other->port[0] && strcmp(u->interface, other->port) == 0)
		CHECK_FAULT(c, ".interface", "is also that of uplinks[%zu]", "uplinks[%zu] と同じです", at_other);
	if (u->priority && u->priority == other->priority)
		CHECK_FAULT(c, ".priority", "is also that of uplinks[%zu]", "uplinks[%zu] と同じです", at_other);
	if (prefix_is_set(&u->addr4) && prefix_is_set(&other->addr4) && prefix_overlaps(&u->addr4, &other->addr4))
		CHECK_FAULT(c, ".addr4", "lies in the network of uplinks[%zu]", "uplinks[%zu] のネットワークの中にあります", at_other);
	if (prefix_is_set(&u->addr6) && prefix_is_set(&other->addr6) && prefix_overlaps(&u->addr6, &other->addr6))
		CHECK_FAULT(c, ".addr6", "lies in the network of uplinks[%zu]", "uplinks[%zu] のネットワークの中にあります", at_other);
}

static void check_uplink(struct check *c, size_t i)
{
	const struct service *s = &c->m->service;
	const struct uplink *u = &s->uplinks[i];
	char at[32];
	snprintf(at, sizeof at, ".uplinks[%zu]", i);
	size_t back = path_push(&c->path, "%s", at);
	check_gateway(c, ".gateway4", &u->addr4, &u->gateway4);
	check_gateway(c, ".gateway6", &u->addr6, &u->gateway6);
	check_service_address(c, ".addr4", &u->addr4);
	check_service_address(c, ".addr6", &u->addr6);
	check_port(c, u);
	if (strcmp(u->interface, "lo") == 0 || strncmp(u->interface, "toride-", 7) == 0)
		CHECK_FAULT(c, ".interface", "is the node's own", "ノード自身の接続口です");
	for (size_t k = 0; k < i; k++)
		check_uplink_apart(c, u, &s->uplinks[k], k);
	path_pop(&c->path, back);
}

/* The line that carries everything when all is well must be able to keep every promise at once. A smaller spare line
 * keeps the same share of each (compile/shape.c). */
static void check_promises(struct check *c)
{
	const struct service *s = &c->m->service;
	unsigned long long sum = 0;
	for (size_t i = 0; i < c->m->n_orgs; i++)
		sum += c->m->orgs[i].guaranteed_mbps;
	const struct {
		const char *at;
		uint32_t mbps;
	} ways[] = { { ".uplinks[0].in_mbps", s->n_uplinks ? s->uplinks[0].in_mbps : 0 },
		     { ".uplinks[0].out_mbps", s->n_uplinks ? s->uplinks[0].out_mbps : 0 } };
	for (size_t i = 0; i < ARRAY_LEN(ways); i++)
		if (ways[i].mbps && sum * 100 > (unsigned long long)ways[i].mbps * LINE_ORGS)
			CHECK_FAULT(c, ways[i].at, "carries too little: the organisations are guaranteed %llu Mbps together, %d %% of the line can be given to them",
			            "足りません: 団体の保証帯域の合計は %llu Mbps ですが、団体に割り当てられるのは回線の %d %% までです", sum, LINE_ORGS);
}

/* What isn't listed isn't kept away: a host in place of the network leaves all the others open. */
static void check_lgwan(struct check *c)
{
	char at[32];
	const struct service *s = &c->m->service;
	for (size_t i = 0; i < s->n_lgwan; i++) {
		const struct prefix *p = &s->lgwan[i];
		snprintf(at, sizeof at, ".lgwan[%zu]", i);
		if (prefix_is_set(p) && p->len > (p->family == 4 ? 29 : 64))
			CHECK_FAULT(c, at, "is too narrow to be LGWAN's network: at most a /29 by IPv4 and a /64 by IPv6",
			            "LGWAN のネットワークとしては狭すぎます (IPv4 は /29、IPv6 は /64 まで)");
	}
}

static void check_published(struct check *c)
{
	for (size_t i = 0; i < c->m->n_orgs; i++)
		if (c->m->orgs[i].n_sites && !prefix_is_set(&c->m->service.web4) && prefix_is_set(&c->m->service.dns4) && check_sound(c, ".web4")) {
			CHECK_FAULT(c, ".web4", "is missing: organisation %s has public sites", "必要です (団体 %s に公開サイトがあります)", c->m->orgs[i].code);
			return;
		}
}

static void check_listened(struct check *c)
{
	for (size_t i = 0; i < c->m->n_orgs; i++)
		if (c->m->orgs[i].n_log_sources && !prefix_is_set(&c->m->service.log4) && prefix_is_set(&c->m->service.dns4) && check_sound(c, ".log4")) {
			CHECK_FAULT(c, ".log4", "is missing: organisation %s has devices that send their logs", "必要です (団体 %s にログを送る機器があります)",
			            c->m->orgs[i].code);
			return;
		}
}

static void check_desk(struct check *c)
{
	const struct service *s = &c->m->service;
	bool named = desk_served(s), any = prefix_is_set(&s->desk.addr4) || prefix_is_set(&s->desk.addr6);
	check_service_address(c, ".desk.addr4", &s->desk.addr4);
	check_service_address(c, ".desk.addr6", &s->desk.addr6);
	if (named && !prefix_is_set(&s->desk.addr4) && check_sound(c, ".desk"))
		CHECK_FAULT(c, ".desk.addr4", "is missing: the name must lead somewhere", "必要です (名前が指すアドレスがありません)");
	if (!named && any && check_sound(c, ".desk"))
		CHECK_FAULT(c, ".desk.name", "is missing: nobody could open the pages at that address", "必要です (このアドレスで画面を開く名前がありません)");
	for (size_t i = 0; named && i < c->m->n_orgs; i++)
		for (size_t k = 0; k < c->m->orgs[i].n_sites; k++)
			if (c->m->orgs[i].sites[k].name && strcmp(c->m->orgs[i].sites[k].name, s->desk.name) == 0)
				CHECK_FAULT(c, ".desk.name", "is also a public site of organisation %s", "団体 %s の公開サイトと同じです", c->m->orgs[i].code);
}

/* ---- gateways of notices */

static bool has_gateway(const struct service *s, enum gateway_kind kind, const char *name)
{
	for (size_t i = 0; i < s->n_gateways; i++)
		if (s->gateways[i].kind == kind && (!name || strcmp(s->gateways[i].name, name) == 0))
			return true;
	return false;
}

static bool is_json(const char *body)
{
	yyjson_doc *doc = yyjson_read(body, strlen(body), 0);
	yyjson_doc_free(doc);
	return doc;
}

static void check_carrier(struct check *c, const char *at, const struct gateway *g, size_t n)
{
	struct str unknown;
	path_push(&c->path, "%s", at);
	for (size_t i = 0; i < n; i++)
		if (strcmp(c->m->service.gateways[i].name, g->name) == 0)
			CHECK_FAULT(c, ".name", "stands here twice", "同じ名前が重複しています");
	if (str_starts(str_from(g->url), STR("http://")) && !g->plain)
		CHECK_FAULT(c, ".url", "must be https:// unless plain is true", "https:// で書いてください (plain が true のときを除く)");
	if (!gateway_template_ok(g->body, &unknown))
		CHECK_FAULT(c, ".body", "has {{" STR_FMT "}}, which stands for nothing", "{{" STR_FMT "}} は使えません", STR_ARG(unknown));
	else if (!g->form && !is_json(g->body))
		CHECK_FAULT(c, ".body", "isn't JSON; or should form be true?", "JSON として正しくありません (フォーム形式なら form を true に)");
	path_pop(&c->path, 0);
}

static void check_gateways(struct check *c)
{
	char at[32];
	for (size_t i = 0; i < c->m->service.n_gateways; i++) {
		snprintf(at, sizeof at, ".gateways[%zu]", i);
		if (check_sound(c, at))
			check_carrier(c, at, &c->m->service.gateways[i], i);
	}
}

static void check_mirror(struct check *c)
{
	const struct service *s = &c->m->service;
	bool inspects = false;
	for (size_t i = 0; i < s->n_uplinks; i++)
		inspects |= s->uplinks[i].port[0] != 0;
	if (s->ips.mirror && !inspects && check_sound(c, ".ips") && check_sound(c, ".uplinks"))
		CHECK_FAULT(c, ".ips.mirror", "nobody inspects it: no uplink has a port", "検査できません (ポートを書いた上位回線がありません)");
}

/* What is locked for longer than it is kept can't be destroyed when its time is over. */
static void check_lock(struct check *c)
{
	const struct service *s = &c->m->service;
	for (size_t i = 0; i < c->m->n_orgs && s->cold.lock_days; i++) {
		const struct org *o = &c->m->orgs[i];
		uint32_t days = o->retention_days;
		for (size_t k = 0; k < o->n_retention; k++)
			days = o->retention[k].days < days ? o->retention[k].days : days;
		days = o->packet_days && o->packet_days < days ? o->packet_days : days;
		if (o->hot_days && o->hot_days + s->cold.lock_days > days) {
			CHECK_FAULT(c, ".cold.lock_days", "is longer than organisation %s keeps its records once they are there", "団体 %s の記録は、移したあとこの日数より早く消します", o->code);
			return;
		}
	}
}

static void check_cold(struct check *c)
{
	const struct service *s = &c->m->service;
	if (!check_sound(c, ".cold"))
		return;
	if (s->cold.url[0] && !s->cold.bucket[0])
		CHECK_FAULT(c, ".cold.bucket", "is missing: there is a url", "必要です (url があります)");
	if (s->cold.url[0] && !s->cold.key_id[0])
		CHECK_FAULT(c, ".cold.key_id", "is missing: there is a url", "必要です (url があります)");
	if (s->cold.url[0] && !s->cold.region[0])
		CHECK_FAULT(c, ".cold.region", "is missing: there is a url", "必要です (url があります)");
	if (!s->cold.url[0] && (s->cold.bucket[0] || s->cold.key_id[0] || s->cold.lock_days))
		CHECK_FAULT(c, ".cold.url", "is missing: there is a store", "必要です (保管先があります)");
	check_lock(c);
}

static void check_store(struct check *c)
{
	const struct service *s = &c->m->service;
	if (!check_sound(c, ".store"))
		return;
	if (s->store.n_urls > 1 && !s->store.cluster[0])
		CHECK_FAULT(c, ".store.cluster", "is missing: several servers hold the same rows only as a cluster's replicas", "必要です (複数のサーバは、複製するクラスタでなければ同じ内容になりません)");
	if (!s->store.n_urls && s->store.cluster[0])
		CHECK_FAULT(c, ".store.urls", "is missing: there is a cluster", "必要です (クラスタがあります)");
	for (size_t i = 0; i < s->store.n_urls; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(s->store.urls[i], s->store.urls[k]) == 0)
				CHECK_FAULT(c, ".store.urls", "names %s twice", "%s が重複しています", s->store.urls[i]);
}

static void check_service(struct check *c)
{
	const struct service *s = &c->m->service;
	path_push(&c->path, "service");
	check_service_address(c, ".proxy4", &s->proxy4);
	check_service_address(c, ".proxy6", &s->proxy6);
	check_service_address(c, ".dns4", &s->dns4);
	check_service_address(c, ".dns6", &s->dns6);
	check_service_address(c, ".time.addr4", &s->time.addr4);
	check_service_address(c, ".time.addr6", &s->time.addr6);
	if (s->time.n_servers && !prefix_is_set(&s->time.addr4) && check_sound(c, ".time"))
		CHECK_FAULT(c, ".time.addr4", "is missing: there are time servers above", "必要です (上位サーバがあります)");
	if (!s->time.n_servers && (prefix_is_set(&s->time.addr4) || prefix_is_set(&s->time.addr6)) && check_sound(c, ".time"))
		CHECK_FAULT(c, ".time.servers", "is empty: no time could be served at that address", "空です。このアドレスで時刻を提供できません");
	check_gateways(c);
	if (s->clock.day_minute == s->clock.night_minute && check_sound(c, ".clock"))
		CHECK_FAULT(c, ".clock.night_shift", "is also when the day shift begins", "日勤の始まりと同じ時刻です");
	if (s->clock.escalate2_s <= s->clock.escalate1_s && check_sound(c, ".clock"))
		CHECK_FAULT(c, ".clock.escalate2_s", "must be more than escalate1_s: both are counted from the first notice",
		            "escalate1_s より大きくしてください (どちらも最初の連絡から数えます)");
	check_desk(c);
	check_cold(c);
	check_store(c);
	check_service_address(c, ".log4", &s->log4);
	check_service_address(c, ".log6", &s->log6);
	check_service_address(c, ".web4", &s->web4);
	check_service_address(c, ".web6", &s->web6);
	check_service_address(c, ".internal4", &s->internal4);
	check_lgwan(c);
	check_promises(c);
	check_published(c);
	check_listened(c);
	if (prefix_is_set(&s->internal4) && (s->internal4.len < 10 || s->internal4.len > 16))
		CHECK_FAULT(c, ".internal4", "must be a /16, or up to a /10 where more than 254 organisations join",
		            "/16 (254 団体を超える場合は /10 まで) で書いてください");
	for (size_t i = 0; i < s->n_uplinks; i++)
		check_uplink(c, i);
	check_pair(c);
	check_breakout(c);
	check_inspectors(c);
	check_mitigation(c);
	check_groups(c, NULL);
	check_mirror(c);
	path_pop(&c->path, 0);
}

/* ---- contacts, of prefectures and organisations */

/* What a contact is told by must have somebody who carries it. */
static void check_channels(struct check *c, size_t i, const struct contact *k)
{
	const struct service *s = &c->m->service;
	char at[64];
	snprintf(at, sizeof at, ".contacts[%zu].sms", i);
	if (k->sms && k->sms[0] && !has_gateway(s, GATEWAY_SMS, NULL))
		CHECK_FAULT(c, at, "service.gateways has none for SMS", "service.gateways に SMS の中継がありません");
	snprintf(at, sizeof at, ".contacts[%zu].voice", i);
	if (k->voice && k->voice[0] && !has_gateway(s, GATEWAY_VOICE, NULL))
		CHECK_FAULT(c, at, "service.gateways has none for voice", "service.gateways に自動音声の中継がありません");
	snprintf(at, sizeof at, ".contacts[%zu].webhook", i);
	if (k->webhook && k->webhook[0] && !has_gateway(s, GATEWAY_WEBHOOK, k->webhook))
		CHECK_FAULT(c, at, "is no webhook of service.gateways", "service.gateways の Webhook にありません");
}

void check_contacts(struct check *c, const struct contact *list, size_t n)
{
	size_t at_order[100] = { 0 }; /* number of the contact + 1 */
	char at[64];
	for (size_t i = 0; i < n; i++) {
		size_t order = list[i].order;
		snprintf(at, sizeof at, ".contacts[%zu].order", i);
		if (order && order < ARRAY_LEN(at_order) && at_order[order])
			CHECK_FAULT(c, at, "is also that of contacts[%zu]", "contacts[%zu] と同じです", at_order[order] - 1);
		else if (order && order < ARRAY_LEN(at_order))
			at_order[order] = i + 1;
		check_channels(c, i, &list[i]);
	}
	if (n && !at_order[1] && check_sound(c, ".contacts"))
		CHECK_FAULT(c, ".contacts", "none has order 1", "順位 1 の連絡先がありません");
}

static void check_prefectures(struct check *c)
{
	for (size_t i = 0; i < c->m->n_prefectures; i++) {
		const struct prefecture *p = &c->m->prefectures[i];
		if (!p->code[0])
			continue;
		path_push(&c->path, "prefectures[%s]", p->code);
		if (i && strcmp(p->code, p[-1].code) == 0)
			CHECK_FAULT(c, ".code", "stands here twice", "同じ都道府県が 2 回あります");
		check_contacts(c, p->contacts, p->n_contacts);
		path_pop(&c->path, 0);
	}
}

/* ---- unique across organisations */

static int unique(struct check *c, struct map *m, const char *at, const char *kind, const char *value, const struct org *o)
{
	char key[128];
	snprintf(key, sizeof key, "%s %s", kind, value);
	const struct org *other = map_get(m, str_from(key));
	if (other && strcmp(kind, "code") == 0)
		CHECK_FAULT(c, at, "stands here twice", "同じ団体が 2 回あります");
	else if (other)
		CHECK_FAULT(c, at, "is also that of organisation %s", "団体 %s と同じです", other->code);
	return other ? 0 : map_put(m, str_from(key), (void *)(uintptr_t)o);
}

static int unique_address(struct check *c, struct map *m, const char *at, const char *kind, const struct prefix *p, const struct org *o)
{
	char text[PREFIX_TEXT];
	return prefix_is_set(p) ? unique(c, m, at, kind, prefix_format_addr(p, text), o) : 0;
}

/* An address that is published is the organisation's alone, but may stand in several of its entries. */
static int unique_publish(struct check *c, struct map *m, size_t i, const struct org *o)
{
	char at[48], key[128], text[PREFIX_TEXT];
	snprintf(at, sizeof at, ".publish[%zu].address", i);
	snprintf(key, sizeof key, "global %s", prefix_format_addr(&o->publish[i].address, text));
	return map_get(m, str_from(key)) == o ? 0 : unique_address(c, m, at, "global", &o->publish[i].address, o);
}

static int unique_org(struct check *c, struct map *m, const struct org *o)
{
	char index[16];
	struct prefix net6 = o->router6; /* the node has addresses in its /64 for this organisation alone */
	int r = o->code[0] ? unique(c, m, ".code", "code", o->code, o) : 0;
	snprintf(index, sizeof index, "%u", o->index);
	memset(net6.addr + 8, 0, 8);
	if (r == 0 && o->index)
		r = unique(c, m, ".index", "index", index, o);
	if (r == 0 && o->interface[0])
		r = unique(c, m, ".interface", "interface", o->interface, o);
	if (r == 0)
		r = unique_address(c, m, ".global4", "global", &o->global4, o);
	if (r == 0)
		r = unique_address(c, m, ".global6", "global", &o->global6, o);
	if (r == 0)
		r = unique_address(c, m, ".breakout.global4", "global", &o->breakout.global4, o);
	if (r == 0)
		r = unique_address(c, m, ".breakout.global6", "global", &o->breakout.global6, o);
	for (size_t i = 0; r == 0 && i < o->n_publish; i++)
		r = unique_publish(c, m, i, o);
	return r ? r : unique_address(c, m, ".router6", "router6", &net6, o);
}

static int check_orgs(struct check *c)
{
	struct map m, sites;
	int r = 0;
	map_init(&m, 8 * ORGS_MAX);
	map_init(&sites, 32 * ORGS_MAX);
	for (size_t i = 0; r == 0 && i < c->m->n_orgs; i++) {
		const struct org *o = &c->m->orgs[i];
		if (!o->name[0] && !o->index && !o->n_prefixes)
			continue; /* its file couldn't be read */
		path_push(&c->path, "orgs[%s]", c->labels[i]);
		r = unique_org(c, &m, o);
		check_org(c, o);
		check_groups(c, o);
		check_firewall(c, o);
		check_publish(c, o);
		check_org_breakout(c, o);
		check_users(c, o);
		check_sites(c, o, &sites);
		path_pop(&c->path, 0);
	}
	map_done(&m);
	map_done(&sites);
	return r;
}

int check_model(const struct model *m, const char *const *labels, struct faults *f)
{
	struct check c = { .m = m, .labels = labels, .faults = f };
	arena_init(&c.arena, 256 * MIB);
	int r = nets_build(&c);
	if (r == 0) {
		check_service(&c);
		check_prefectures(&c);
		r = check_orgs(&c);
	}
	if (r == 0)
		r = check_zones(&c);
	arena_done(&c.arena);
	return r;
}
