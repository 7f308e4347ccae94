/* What the members of one organisation say about each other and about the service; see check.h. */
#include "model/check.h"

#include "base/map.h"
#include "model/own.h"
#include "model/schema.h"

#include <stdio.h>

/* ---- networks */

static bool on_uplink(const struct service *s, const struct prefix *p)
{
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct prefix *u = p->family == 4 ? &s->uplinks[i].addr4 : &s->uplinks[i].addr6;
		if (prefix_is_set(u) && prefix_overlaps(u, p))
			return true;
	}
	return false;
}

static bool taken_interface(const struct service *s, const char *name)
{
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (strcmp(s->uplinks[i].interface, name) == 0 || uplink_uses(&s->uplinks[i], name))
			return true;
	return strcmp(name, "lo") == 0 || strncmp(name, "toride-", 7) == 0;
}

static bool inspects(const struct service *s)
{
	for (size_t i = 0; i < s->n_uplinks; i++)
		if (s->uplinks[i].port[0])
			return true;
	return false;
}

static void check_prefix(struct check *c, const struct org *o, size_t i)
{
	char at[32], en[128], ja[128];
	const struct prefix *p = &o->prefixes[i];
	snprintf(at, sizeof at, ".prefixes[%zu]", i);
	if (prefix_too_wide(p)) {
		CHECK_FAULT(c, at, "is too wide: at most a /8 by IPv4 and a /16 by IPv6", "広すぎます (IPv4 は /8、IPv6 は /16 まで)");
		return;
	}
	for (size_t k = 0; k < i; k++)
		if (prefix_overlaps(p, &o->prefixes[k])) {
			CHECK_FAULT(c, at, "overlaps prefixes[%zu]", "prefixes[%zu] と重なっています", k);
			return;
		}
	const struct net *n = nets_find(&c->reserved, p);
	if (!n)
		n = nets_find(&c->global, p);
	if (n) {
		net_name(n, false, en, sizeof en);
		net_name(n, true, ja, sizeof ja);
		CHECK_FAULT(c, at, "overlaps %s%.0s", "%.0s%s と重なっています", en, ja);
	} else if (on_uplink(&c->m->service, p)) {
		CHECK_FAULT(c, at, "overlaps the uplink's network", "上位回線のネットワークと重なっています");
	}
}

static bool has_family(const struct org *o, uint8_t family)
{
	for (size_t i = 0; i < o->n_prefixes; i++)
		if (o->prefixes[i].family == family)
			return true;
	return false;
}

/* One of the node's on the link (model/own.h), or no host's. */
static bool is_nodes(uint8_t host)
{
	for (size_t i = 0; i < INTERNAL_HOSTS; i++)
		if (host == internal_hosts[i])
			return true;
	return host <= INTERNAL_GATEWAY || host == INTERNAL_LEG || host == INTERNAL_LEG_BEHIND ||
	       (host >= INTERNAL_LEG_ORIGINS && host < INTERNAL_LEG_ORIGINS + LEG_ORIGINS_MAX);
}

/* In internal4's /24 of the index. */
static void check_router4(struct check *c, const struct org *o)
{
	struct prefix net = c->m->service.internal4;
	char text[PREFIX_TEXT];
	if (!prefix_is_set(&net) || net.len < 10 || net.len > 16 || !o->index || !prefix_is_set(&o->router4) || !check_sound(c, ".index"))
		return;
	if (o->index > (1u << (24 - net.len)) - 2) {
		CHECK_FAULT(c, ".index", "is too large for the service's internal4", "service.internal4 に入りません");
		return;
	}
	net.addr[1] = (uint8_t)(net.addr[1] + (o->index >> 8));
	net.addr[2] = (uint8_t)o->index;
	net.len = 24;
	uint8_t host = o->router4.addr[3];
	if (!prefix_contains(&net, &o->router4))
		CHECK_FAULT(c, ".router4", "must lie in %s, the /24 of index %u", "参加番号の /24 である %s の中にしてください (参加番号 %u)",
		            prefix_format(&net, text), o->index);
	else if (is_nodes(host) || host == 255)
		CHECK_FAULT(c, ".router4", "is an address of the node or of no host", "ノード自身のアドレス、または端末に使えないアドレスです");
}

static void check_router6(struct check *c, const struct org *o)
{
	struct prefix ula;
	(void)prefix_parse(STR("fc00::/7"), &ula);
	if (prefix_is_set(&o->router6)) {
		static const uint8_t zero[7];
		if (!prefix_contains(&ula, &o->router6))
			CHECK_FAULT(c, ".router6", "must be a unique local address (fc00::/7)", "ULA (fc00::/7) にしてください");
		else if (memcmp(o->router6.addr + 8, zero, 7) == 0 && is_nodes(o->router6.addr[15]))
			CHECK_FAULT(c, ".router6", "is an address of the node or of no host", "ノード自身のアドレス、または端末に使えないアドレスです");
	}
	if (!has_family(o, 6))
		return;
	if (!prefix_is_set(&o->router6) && check_sound(c, ".router6"))
		CHECK_FAULT(c, ".router6", "is missing: there are IPv6 prefixes", "必要です (IPv6 の内部ネットワークがあります)");
	if (!prefix_is_set(&o->global6) && check_sound(c, ".global6"))
		CHECK_FAULT(c, ".global6", "is missing: there are IPv6 prefixes", "必要です (IPv6 の内部ネットワークがあります)");
}

void check_global(struct check *c, const char *at, const struct prefix *p)
{
	char en[128], ja[128];
	const struct net *n = prefix_is_set(p) ? nets_find(&c->reserved, p) : NULL;
	if (!n)
		return;
	net_name(n, false, en, sizeof en);
	net_name(n, true, ja, sizeof ja);
	CHECK_FAULT(c, at, "overlaps %s%.0s", "%.0s%s と重なっています", en, ja);
}

static void check_inside(struct check *c, const struct org *o, const char *at, const struct prefix *p)
{
	if (prefix_is_set(p))
		check_own_side(c, o, at, p);
}

static void check_terminals(struct check *c, const struct org *o)
{
	char at[64], text[PREFIX_TEXT];
	struct map seen;
	map_init(&seen, LIST_MAX);
	for (size_t i = 0; i < o->n_terminals; i++) {
		const struct prefix *p = &o->terminals[i].addr;
		snprintf(at, sizeof at, ".terminals[%zu].addr", i);
		check_inside(c, o, at, p);
		if (!prefix_is_set(p))
			continue;
		struct str key = str_from(prefix_format_addr(p, text));
		if (map_get(&seen, key))
			CHECK_FAULT(c, at, "stands here twice", "同じアドレスが 2 回あります");
		else if (map_put(&seen, key, (void *)(uintptr_t)p) < 0)
			c->faults->lost = true;
	}
	map_done(&seen);
	for (size_t i = 0; i < o->n_child_proxies; i++) {
		snprintf(at, sizeof at, ".child_proxies[%zu]", i);
		check_inside(c, o, at, &o->child_proxies[i]);
	}
	for (size_t i = 0; i < o->n_terminal_servers; i++) {
		snprintf(at, sizeof at, ".terminal_servers[%zu]", i);
		check_inside(c, o, at, &o->terminal_servers[i]);
	}
	if (o->registered_only && o->n_terminals == 0 && check_sound(c, ".terminals"))
		CHECK_FAULT(c, ".registered_only", "shuts everybody out: no terminal is registered", "登録端末がないため、誰も利用できません");
}

static bool same_host(const struct prefix *a, const struct prefix *b)
{
	return prefix_is_set(b) && a->family == b->family && memcmp(a->addr, b->addr, sizeof a->addr) == 0;
}

static bool has_hostname(const struct log_source *s)
{
	return s->hostname && *s->hostname;
}

static const struct log_source *relay_of(const struct org *o, const struct log_source *s)
{
	for (size_t i = 0; i < o->n_log_sources; i++)
		if (!has_hostname(&o->log_sources[i]) && same_host(&s->addr, &o->log_sources[i].addr))
			return &o->log_sources[i];
	return NULL;
}

static void check_relayed(struct check *c, const struct org *o, size_t i)
{
	const struct log_source *s = &o->log_sources[i];
	char at[64];
	snprintf(at, sizeof at, ".log_sources[%zu].hostname", i);
	if (has_hostname(s) && prefix_is_set(&s->addr) && !relay_of(o, s))
		CHECK_FAULT(c, at, "names a device behind a relay, and no relay is registered with this address", "このアドレスの中継サーバ (hostname のない機器) が登録されていません");
	snprintf(at, sizeof at, ".log_sources[%zu].certificate", i);
	if (has_hostname(s) && s->certificate && *s->certificate)
		CHECK_FAULT(c, at, "is the relay's: a device behind one has none here", "中継サーバの後ろの機器には書けません (中継サーバに書きます)");
}

/* Do two of them send what can't be told apart? */
static bool same_sender(const struct log_source *a, const struct log_source *b)
{
	const char *x = a->hostname ? a->hostname : "", *y = b->hostname ? b->hostname : "";
	return same_host(&a->addr, &b->addr) && str_case_eq(str_from(x), str_from(y));
}

/* Whose record it is would be a guess where two of its devices send from one address. */
static void check_log_sources(struct check *c, const struct org *o)
{
	char at[64];
	for (size_t i = 0; i < o->n_log_sources; i++) {
		const struct prefix *p = &o->log_sources[i].addr;
		snprintf(at, sizeof at, ".log_sources[%zu].addr", i);
		if (!same_host(p, &o->router4) && !same_host(p, &o->router6))
			check_inside(c, o, at, p);
		check_relayed(c, o, i);
		snprintf(at, sizeof at, ".log_sources[%zu].addr", i);
		for (size_t k = 0; k < i && prefix_is_set(p); k++)
			if (same_sender(&o->log_sources[i], &o->log_sources[k])) {
				CHECK_FAULT(c, at, "stands here twice", "同じアドレスが 2 回あります");
				break;
			}
		snprintf(at, sizeof at, ".log_sources[%zu].name", i);
		for (size_t k = 0; k < i; k++)
			if (o->log_sources[i].name && o->log_sources[k].name && strcmp(o->log_sources[i].name, o->log_sources[k].name) == 0) {
				CHECK_FAULT(c, at, "stands here twice", "同じ名前が 2 回あります");
				break;
			}
	}
}

static void check_retention(struct check *c, const struct org *o)
{
	char at[64];
	for (size_t i = 0; i < o->n_retention; i++)
		for (size_t k = 0; k < i; k++)
			if (o->retention[i].class && o->retention[i].class == o->retention[k].class) {
				snprintf(at, sizeof at, ".retention[%zu].class", i);
				CHECK_FAULT(c, at, "stands here twice", "同じ種別が 2 回あります");
				break;
			}
}

/* ---- the rest */

static void check_bandwidth(struct check *c, const struct org *o)
{
	if (o->guaranteed_mbps > o->ceiling_mbps && o->ceiling_mbps)
		CHECK_FAULT(c, ".guaranteed_mbps", "is above ceiling_mbps", "上限帯域 (ceiling_mbps) を超えています");
	if (o->ceiling_mbps > o->burst_mbps && o->burst_mbps)
		CHECK_FAULT(c, ".ceiling_mbps", "is above burst_mbps", "瞬間最大帯域 (burst_mbps) を超えています");
}

static void check_calendar(struct check *c, const struct holiday_calendar *k)
{
	char at[64];
	if (k->open_minute >= k->close_minute && check_sound(c, ".calendar"))
		CHECK_FAULT(c, ".calendar.close", "isn't later than open", "開庁時刻より後にしてください");
	for (size_t i = 1; i < k->n_closed; i++)
		for (size_t j = 0; j < i; j++)
			if (k->closed[i][0] && strcmp(k->closed[i], k->closed[j]) == 0) {
				snprintf(at, sizeof at, ".calendar.closed[%zu]", i);
				CHECK_FAULT(c, at, "stands here twice", "同じ日が 2 回あります");
				break;
			}
}

static void check_consent(struct check *c, const struct consent *k)
{
	if (k->given && !k->by[0] && check_sound(c, ".consent.by"))
		CHECK_FAULT(c, ".consent.by", "is missing: consent is given by somebody", "必要です (承認した人を書いてください)");
	if (k->given && !k->date[0] && check_sound(c, ".consent.date"))
		CHECK_FAULT(c, ".consent.date", "is missing: consent is given on a day", "必要です (承認した日を書いてください)");
}

/* Requests can only be changed where they are seen. */
static void check_decryption(struct check *c, const struct org *o)
{
	const struct tenants *t = &o->tenants;
	if (o->options.tls_decryption || !check_sound(c, ".options"))
		return;
	if (o->url.safe_search)
		CHECK_FAULT(c, ".url.safe_search", "needs the option tls_decryption", "オプション TLS 復号が必要です");
	if (t->n_microsoft || t->n_google || t->n_slack)
		CHECK_FAULT(c, ".tenants", "needs the option tls_decryption", "オプション TLS 復号が必要です");
}

/* The services take the list only from somebody they know. */
static void check_tenants(struct check *c, const struct tenants *t)
{
	if (t->n_microsoft && !t->microsoft_context[0] && check_sound(c, ".tenants.microsoft_context"))
		CHECK_FAULT(c, ".tenants.microsoft_context", "is missing: Microsoft wants to know who sets the restriction",
		            "必要です (制限を設定する自団体のディレクトリ ID)");
	if (t->n_slack && !t->slack_requester[0] && check_sound(c, ".tenants.slack_requester"))
		CHECK_FAULT(c, ".tenants.slack_requester", "is missing: Slack wants to know who sets the restriction",
		            "必要です (制限を設定する自団体のワークスペース ID)");
}

static void check_categories(struct check *c, const struct org *o)
{
	char at[80];
	for (size_t i = 0; i < o->url.n_categories; i++) {
		const struct url_category_rule *r = &o->url.categories[i];
		for (size_t k = 0; k < i && r->id[0]; k++)
			if (strcmp(r->id, o->url.categories[k].id) == 0) {
				snprintf(at, sizeof at, ".url.categories[%zu].id", i);
				CHECK_FAULT(c, at, "stands here twice", "同じ規則番号が 2 回あります");
				break;
			}
		for (size_t k = 0; k < r->n_terminals; k++) {
			snprintf(at, sizeof at, ".url.categories[%zu].terminals[%zu]", i, k);
			check_inside(c, o, at, &r->terminals[k]);
		}
	}
}

void check_org(struct check *c, const struct org *o)
{
	for (size_t i = 0; i < o->n_prefixes; i++)
		if (prefix_is_set(&o->prefixes[i]))
			check_prefix(c, o, i);
	check_router4(c, o);
	check_router6(c, o);
	check_global(c, ".global4", &o->global4);
	check_global(c, ".global6", &o->global6);
	check_terminals(c, o);
	check_log_sources(c, o);
	check_bandwidth(c, o);
	check_contacts(c, o->contacts, o->n_contacts);
	check_calendar(c, &o->calendar);
	check_consent(c, &o->consent);
	if (!o->prefecture && o->code[0] && check_sound(c, ".prefecture") && check_sound(c, ".code") &&
	    !fault_under(c->faults, "prefectures"))
		CHECK_FAULT(c, ".prefecture", "the description has no prefecture %.2s", "都道府県 %.2s が記述の中にありません", o->code);
	if (o->interface[0] && taken_interface(&c->m->service, o->interface))
		CHECK_FAULT(c, ".interface", "is the uplink's or the node's own", "上位回線またはノード自身の接続口です");
	check_retention(c, o);
	check_categories(c, o);
	check_tenants(c, &o->tenants);
	if (o->ips == IPS_PREVENT && c->m->service.n_uplinks && !inspects(&c->m->service) && check_sound(c, ".ips"))
		CHECK_FAULT(c, ".ips", "prevents nothing: no uplink has a port", "防止できません (ポートを書いた上位回線がありません)");
	check_decryption(c, o);
	if (o->hot_days && o->hot_days >= o->retention_days && check_sound(c, ".hot_days") && check_sound(c, ".retention_days"))
		CHECK_FAULT(c, ".hot_days", "must be fewer than retention_days: the records are gone by then", "retention_days より短くしてください (それまでに記録は消えています)");
	if (o->packet_days && o->ips == IPS_OFF && check_sound(c, ".packet_days") && check_sound(c, ".ips"))
		CHECK_FAULT(c, ".packet_days", "keeps nothing: ips is off", "残すパケットがありません (ips が off です)");
	if (o->url.mode == URL_WHITELIST_ONLY && o->url.n_white == 0 && check_sound(c, ".url"))
		CHECK_FAULT(c, ".url.white", "is empty, but only what it lists is allowed", "空ですが、ホワイトリストのみの方式です");
}
