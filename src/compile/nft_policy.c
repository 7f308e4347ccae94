/* The packet filter's chains of one organisation, written from its policy (model/policy.h) rule by rule: what is never allowed
 * stands before the organisation's own rules and can't be reached by them.
 *
 * A rule becomes a line for each address family, protocol and stretch of the week in UTC; all bear the rule's name as their
 * comment ("412015/r1/4"), so that hits are counted by rule. A limit is a denial before it, "412015/r1:per-source/4". */
#include "compile/nft_out.h"

#include "base/mem.h"
#include "model/policy.h"

#include <stdio.h>

struct chain {
	struct nft_out *n;
	const struct org *o;
	enum policy_chain chain;
};

/* One rule in one family (0: either), and what must be true before its protocol is looked at. */
struct line {
	const struct chain *c;
	const struct policy_rule *r;
	int family;
	const char *comment, *match;
};

/* ---- rules.json */

static void facts_prefixes(struct buf *b, const char *key, const struct prefix *p, size_t n)
{
	json_key(b, key);
	buf_putc(b, '[');
	for (size_t i = 0; i < n; i++) {
		char text[PREFIX_TEXT];
		buf_puts(b, i ? "," : "");
		json_str(b, str_from(prefix_format(&p[i], text)));
	}
	buf_putc(b, ']');
}

/* Whatever else decides whether it passes: a change of it is a change of the permission. */
static void facts_conditions(struct buf *b, const struct policy_rule *r)
{
	json_key(b, "when");
	buf_putc(b, '"');
	for (size_t i = 0; r->match->when && i < r->match->when->n_windows; i++) {
		struct utc_window u[UTC_WINDOWS_MAX];
		for (size_t k = 0, n = window_utc(&r->match->when->windows[i], u); k < n; k++)
			buf_printf(b, "%02x:%u-%u ", u[k].days, u[k].from_s, u[k].to_s);
	}
	buf_putc(b, '"');
	json_field_u64(b, "expires_ms", (uint64_t)r->expires_ms);
}

/* What a flow by this rule looks like in the flow table, by its first packet; a published server's by its public address. */
static void facts(const struct line *l, const struct fw_ports *p)
{
	struct buf *b = &l->c->n->rules;
	const struct policy_rule *r = l->r;
	const struct publish *door = r->publish;
	nft_note(l->c->n, l->comment);
	json_field_s(b, "org", l->c->o->code);
	json_field_u64(b, "zone", l->c->o->index);
	json_field_s(b, "action", r->action == FW_ALLOW ? "allow" : "deny");
	json_field_s(b, "direction", l->c->chain == POLICY_OUT ? "out" : "in");
	json_field_bool(b, "answers", l->c->chain == POLICY_IN && !door); /* to and ports are the server's, behind the translation */
	json_field_u64(b, "family", (uint64_t)l->family);
	json_field_u64(b, "protocol", p->protocol);
	json_field_u64(b, "port_low", door ? door->port : p->port_low);
	json_field_u64(b, "port_high", door ? door->port : p->port_high);
	facts_prefixes(b, "from", r->match->from, r->match->n_from);
	if (door)
		facts_prefixes(b, "to", &door->address, 1);
	else
		facts_prefixes(b, "to", r->match->to, r->match->n_to);
	if (door) {
		char text[PREFIX_TEXT];
		json_field_s(b, "server", prefix_format_addr(&door->server, text));
		json_field_u64(b, "server_port", door->server_port);
	}
	facts_conditions(b, r);
	buf_putc(b, '}');
}

/* ---- lines */

static const char *verdict(const struct line *l)
{
	if (l->r->action == FW_ALLOW)
		return l->r->expires_ms || (l->r->match && l->r->match->when) ? "ct mark set ct mark or " TIMED " counter accept" : "counter accept";
	return policy_drops(l->r, l->c->chain) ? "counter drop" : "counter goto refuse";
}

static void put_line(const struct line *l, const char *ports, const char *when)
{
	struct buf *b = &l->c->n->nft;
	bool drops = l->r->action == FW_DENY && policy_drops(l->r, l->c->chain);
	if (drops)
		buf_printf(b, "  %s%s%s" LOG_SOME "log prefix \"%s %s\" group 1 snaplen 128\n", l->match, ports, when, l->c->o->code, l->r->id);
	buf_printf(b, "  %s%s%s", l->match, ports, when);
	if (l->r->action == FW_DENY && !drops)
		buf_printf(b, "log prefix \"%s %s\" group 1 snaplen 128 ", l->c->o->code, l->r->id);
	buf_printf(b, "%s comment \"%s\"\n", verdict(l), l->comment);
}

#define LOGS_PER_SECOND 20 /* of what a limit denies: a flood must not flood the records too; the counter counts all */
#define ATTACK_PER_SOURCE 5
#define ATTACK_HOLD_S 60

static void limit_note(const struct line *l, const char *comment)
{
	nft_note(l->c->n, comment);
	json_field_s(&l->c->n->rules, "org", l->c->o->code);
	buf_puts(&l->c->n->rules, ",\"action\":\"deny\"}");
}

/* A denial before an allowing rule, asked of new connections only: in a chain of its own (limit_chains), so that the test, which
 * counts, is made once. */
static void put_limit(const struct line *l, const char *ports, const char *when, const char *name, const char *test)
{
	char comment[128];
	const char *code = l->c->o->code;
	snprintf(comment, sizeof comment, "%s/%s:%s/%d", code, l->r->id, name, l->family);
	buf_printf(&l->c->n->nft, "  %s%s%sct state new %s counter goto %s_%s_%s comment \"%s\"\n", l->match, ports, when, test, name, code, l->r->id,
	           comment);
	limit_note(l, comment);
}

/* The attack begins and goes on: remembered by the server's address, told once a second, and what follows is stricter. */
static void put_attack(const struct line *l, const char *ports, const char *when)
{
	const struct limits *k = l->r->limits;
	const char *ip = l->family == 4 ? "ip" : "ip6", *code = l->c->o->code, *id = l->r->id;
	unsigned hold = k->attack_hold_s ? k->attack_hold_s : ATTACK_HOLD_S;
	unsigned each = k->attack_per_source ? k->attack_per_source : ATTACK_PER_SOURCE;
	char test[512];
	struct buf *b = &l->c->n->nft;
	if (!k->attack_per_second)
		return;
	buf_printf(b, "  %s%s%sct state new limit rate over %u/second burst %u packets update @attack_%s_%s_%d { %s daddr timeout %us }\n", l->match, ports,
	           when, k->attack_per_second, k->attack_per_second, code, id, l->family, ip, hold);
	buf_printf(b, "  %s%s%sct state new %s daddr @attack_%s_%s_%d limit rate 1/second burst 1 packets log prefix \"%s %s:attack\" group 1 snaplen 128\n",
	           l->match, ports, when, ip, code, id, l->family, code, id);
	snprintf(test, sizeof test,
	         "%s daddr @attack_%s_%s_%d update @strict_%s_%s_%d { %s saddr limit rate over %u/second burst %u packets } "
	         "update @offender%d { %s saddr . ct original %s daddr timeout 5m }",
	         ip, code, id, l->family, code, id, l->family, ip, each, each, l->family, ip, ip);
	put_limit(l, ports, when, "attack-source", test);
}

static void put_limits(const struct line *l, const char *ports, const char *when)
{
	const struct limits *k = l->r->limits;
	const char *ip = l->family == 4 ? "ip" : "ip6";
	char test[256], set[96];
	if (!k || l->r->action != FW_ALLOW)
		return;
	snprintf(set, sizeof set, "%s_%s_%d", l->c->o->code, l->r->id, l->family);
	put_attack(l, ports, when);
	if (k->prefix_per_second) {
		snprintf(test, sizeof test, "update @near_%s { %s saddr & %s limit rate over %u/second burst %u packets }", set, ip,
		         l->family == 4 ? "255.255.255.0" : "ffff:ffff:ffff::", k->prefix_per_second, k->prefix_per_second);
		put_limit(l, ports, when, "per-prefix", test);
	}
	if (k->new_per_second) {
		snprintf(test, sizeof test, "update @rate_%s { %s saddr limit rate over %u/second burst %u packets }", set, ip, k->new_per_second,
		         k->new_per_second);
		put_limit(l, ports, when, "new-per-second", test);
	}
	if (k->per_source) {
		snprintf(test, sizeof test, "add @held_%s { %s saddr ct count over %u }", set, ip, k->per_source);
		put_limit(l, ports, when, "per-source", test);
	}
	if (k->total) {
		snprintf(test, sizeof test, "ct count over %u", k->total);
		put_limit(l, ports, when, "total", test);
	}
}

static void at_time(const struct line *l, const char *ports, const char *days)
{
	char when[160] = "";
	if (l->r->expires_ms)
		snprintf(when, sizeof when, "meta time < %lld ", (long long)(l->r->expires_ms / 1000));
	buf_printf(&l->c->n->scratch, "%s%s", when, days);
	put_limits(l, ports, buf_cstr(&l->c->n->scratch));
	put_line(l, ports, buf_cstr(&l->c->n->scratch));
	buf_reset(&l->c->n->scratch);
}

/* Numbers, not words: nft reads "Monday" and "8:30" in the time zone of whoever runs it, and the day not even so. */
static void each_time(const struct line *l, const char *ports)
{
	const struct schedule *s = l->r->match ? l->r->match->when : NULL;
	if (!s)
		at_time(l, ports, "");
	for (size_t i = 0; s && i < s->n_windows; i++) {
		struct utc_window u[UTC_WINDOWS_MAX];
		for (size_t k = 0, n = window_utc(&s->windows[i], u); k < n; k++) {
			char days[24], text[96], set[NFT_SHARED];
			int at = 0;
			for (int d = 0; d < 7; d++)
				if (u[k].days & 1u << d)
					at += snprintf(days + at, sizeof days - (size_t)at, "%s%d", at ? ", " : "", d);
			snprintf(text, sizeof text, "meta day @%s meta hour %u-%u ", nft_shared(l->c->n, "typeof meta day", days, set), u[k].from_s,
			         u[k].to_s - 1);
			at_time(l, ports, text);
		}
	}
}

static bool any_protocol(const struct fw_match *m)
{
	for (size_t i = 0; i < m->n_ports; i++)
		if (m->ports[i].protocol == 0)
			return true;
	return false;
}

/* "tcp dport { 443 } ", or a shared set of several, or the protocol when a member names no port; nothing when none is of it. */
static void each_port(const struct line *l, uint8_t protocol, const char *name)
{
	struct buf b;
	size_t n = 0;
	bool all = false;
	char text[64] = "", set[NFT_SHARED];
	const struct fw_match *m = l->r->match;
	buf_init(&b, MIB);
	for (size_t i = 0; i < m->n_ports; i++) {
		const struct fw_ports *p = &m->ports[i];
		if (p->protocol != protocol)
			continue;
		all |= p->port_low == 0;
		buf_printf(&b, p->port_low == p->port_high ? "%s%u" : "%s%u-%u", n++ ? ", " : "", p->port_low, p->port_high);
	}
	if (b.failed)
		l->c->n->nft.failed = b.failed;
	if (all)
		snprintf(text, sizeof text, protocol == IPPROTO_ICMP ? "meta l4proto { icmp, ipv6-icmp } " : "meta l4proto %s ", name);
	else if (n == 1)
		snprintf(text, sizeof text, "%s dport { %s } ", name, buf_cstr(&b));
	else if (n)
		snprintf(text, sizeof text, "%s dport @%s ", name, nft_shared(l->c->n, "type inet_service" NFT_INTERVALS, buf_cstr(&b), set));
	if (n)
		each_time(l, text);
	buf_done(&b);
}

static void each_protocol(const struct line *l)
{
	const struct fw_match *m = l->r->match;
	if (!m || any_protocol(m)) {
		each_time(l, "");
		return;
	}
	each_port(l, IPPROTO_TCP, "tcp");
	each_port(l, IPPROTO_UDP, "udp");
	each_port(l, IPPROTO_ICMP, "icmp");
}

/* ---- Toride's own rules */

static void own_line(const struct chain *c, const struct policy_rule *r, int family)
{
	char comment[96], match[96] = "";
	if (r->set)
		snprintf(match, sizeof match, "%s daddr @%s%d ", family == 4 ? "ip" : "ip6", policy_set_names[r->set], family);
	if (r->not_uplink)
		snprintf(match, sizeof match, "oifname != $uplink ");
	policy_comment(c->o->code, r, family, comment, sizeof comment);
	each_protocol(&(struct line){ c, r, family, comment, match });
	nft_note(c->n, comment);
	json_field_s(&c->n->rules, "org", c->o->code);
	buf_puts(&c->n->rules, ",\"action\":\"deny\"}");
}

/* ---- the description's */

static size_t count_family(const struct prefix *p, size_t n, int family)
{
	size_t c = 0;
	for (size_t i = 0; i < n; i++)
		c += p[i].family == family;
	return c;
}

static void put_match_set(struct nft_out *out, struct buf *b, const char *what, int family, const struct prefix *p, size_t n)
{
	struct buf list;
	char text[PREFIX_TEXT], set[NFT_SHARED];
	size_t c = 0;
	if (n == 0)
		return;
	buf_init(&list, 4 * MIB);
	for (size_t i = 0; i < n; i++)
		if (p[i].family == family)
			buf_printf(&list, "%s%s", c++ ? ", " : "", nft_addr(&p[i], text));
	if (list.failed)
		b->failed = list.failed;
	if (c == 1)
		buf_printf(b, "%s %s { %s } ", family == 4 ? "ip" : "ip6", what, buf_cstr(&list));
	else
		buf_printf(b, "%s %s @%s ", family == 4 ? "ip" : "ip6", what,
		           nft_shared(out, family == 4 ? "type ipv4_addr" NFT_INTERVALS : "type ipv6_addr" NFT_INTERVALS, buf_cstr(&list), set));
	buf_done(&list);
}

/* One rule in one family, when it says anything about that family. */
static void rule_line(const struct chain *c, const struct policy_rule *r, int family)
{
	const struct fw_match *m = r->match;
	size_t from = count_family(m->from, m->n_from, family), to = count_family(m->to, m->n_to, family);
	char comment[128];
	struct buf match;
	if ((m->n_from && !from) || (m->n_to && !to))
		return;
	buf_init(&match, 4 * MIB);
	if (!m->n_from && !m->n_to)
		buf_printf(&match, "meta nfproto ipv%d ", family);
	put_match_set(c->n, &match, "saddr", family, m->from, from ? m->n_from : 0);
	put_match_set(c->n, &match, "daddr", family, m->to, to ? m->n_to : 0);
	policy_comment(c->o->code, r, family, comment, sizeof comment);
	const struct line l = { c, r, family, comment, buf_cstr(&match) };
	each_protocol(&l);
	for (size_t i = 0; i < m->n_ports; i++)
		facts(&l, &m->ports[i]);
	if (match.failed)
		c->n->nft.failed = match.failed;
	buf_done(&match);
}

static int chain_rule(const struct policy_rule *r, void *user)
{
	const struct chain *c = user;
	bool described = r->rule || r->publish;
	if (!described && !r->set) {
		own_line(c, r, 0);
		return 0;
	}
	for (int family = 4; family <= 6; family += 2)
		if (described)
			rule_line(c, r, family);
		else
			own_line(c, r, family);
	return 0;
}

/* ---- what limits need beside their lines: sets that count sources, and a chain each that records and denies */

static void counting_set(const struct chain *c, const struct policy_rule *r, int family, const char *name, const char *flags)
{
	nft_line(c->n, " set %s_%s_%s_%d { type ipv%d_addr; size 65535; flags dynamic%s; }", name, c->o->code, r->id, family, family, flags);
}

static void limit_chain(const struct chain *c, const struct policy_rule *r, const char *name)
{
	nft_line(c->n, " chain %s_%s_%s {", name, c->o->code, r->id);
	nft_line(c->n, "  limit rate %d/second log prefix \"%s %s:%s\" group 1 snaplen 128", LOGS_PER_SECOND, c->o->code, r->id, name);
	nft_line(c->n, "  %s\n }", c->chain == POLICY_IN ? "drop" : "goto refuse");
}

static int limit_parts(const struct policy_rule *r, void *user)
{
	static const char *const timed = ",timeout; timeout 1m";
	const struct chain *c = user;
	const struct limits *k = r->limits;
	if (!k || r->action != FW_ALLOW)
		return 0;
	for (int family = 4; family <= 6; family += 2) {
		if (r->publish && r->publish->address.family != family)
			continue;
		if (k->attack_per_second)
			counting_set(c, r, family, "attack", timed);
		if (k->attack_per_second)
			counting_set(c, r, family, "strict", timed);
		if (k->prefix_per_second)
			counting_set(c, r, family, "near", timed);
		if (k->new_per_second)
			counting_set(c, r, family, "rate", timed);
		if (k->per_source)
			counting_set(c, r, family, "held", "");
	}
	const struct {
		uint32_t wanted;
		const char *name;
	} chains[] = { { k->attack_per_second, "attack-source" }, { k->prefix_per_second, "per-prefix" }, { k->new_per_second, "new-per-second" },
		       { k->per_source, "per-source" }, { k->total, "total" } };
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		if (chains[i].wanted)
			limit_chain(c, r, chains[i].name);
	return 0;
}

void nft_org_chains(struct nft_out *n, const struct org *o)
{
	static const struct {
		const char *name;
		enum policy_chain chain;
	} chains[] = { { "out", POLICY_OUT }, { "inbound", POLICY_IN }, { "local", POLICY_LOCAL } };
	for (size_t i = 0; i < ARRAY_LEN(chains); i++)
		policy_each(n->m, o, chains[i].chain, limit_parts, &(struct chain){ n, o, chains[i].chain });
	nft_line(n, " chain spoof_%s {", o->code);
	nft_deny(n, o->code, "spoof", "", "drop");
	nft_line(n, " }");
	for (size_t i = 0; i < ARRAY_LEN(chains); i++) {
		nft_line(n, " chain %s_%s {", chains[i].name, o->code);
		policy_each(n->m, o, chains[i].chain, chain_rule, &(struct chain){ n, o, chains[i].chain });
		nft_line(n, " }");
	}
}
