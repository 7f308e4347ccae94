/* See advice.h. Walks the same order as compiler and simulation (policy.h). A rule is cut into its simplest parts, one source, one
 * destination and one port range each; when every part lies within one rule that stands before, the rule never decides. */
#include "model/advice.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/mem.h"
#include "model/check.h"
#include "model/policy.h"

#include <stdio.h>

#define WORK_MAX 50000000u /* comparisons for an organisation: a second; past that the rest isn't looked at, and that is said */
#define HIDERS_MAX 4       /* named */

struct rules {
	struct policy_rule *list;
	size_t n, cap;
	struct arena *arena;
	bool failed;
};

struct work {
	const struct policy_sets *sets;
	bool led[2]; /* by IPv4, IPv6: the web's ports lead to the proxy before any rule is asked (compile/nft.c, web_to_proxy) */
	const struct rules *rules;
	size_t left;
};

struct part {
	struct prefix from, to;
	struct fw_ports ports;
};

/* ---- does one rule decide all of a part? */

static bool covers(const struct prefix *list, size_t n, const struct prefix *p)
{
	return n == 0 || prefix_among(list, n, p);
}

static bool covers_ports(const struct fw_match *m, const struct fw_ports *p)
{
	for (size_t i = 0; i < m->n_ports; i++) {
		const struct fw_ports *k = &m->ports[i];
		if (k->protocol == 0 || (k->protocol == p->protocol && (k->port_low == 0 || (p->port_low && k->port_low <= p->port_low && p->port_high <= k->port_high))))
			return true;
	}
	return false;
}

static bool minute_in(const struct schedule *s, unsigned minute)
{
	for (size_t i = 0; i < s->n_windows; i++)
		for (size_t k = 0; k < s->windows[i].n_days; k++) {
			unsigned from = s->windows[i].days[k] * 1440u;
			if (minute >= from + s->windows[i].open_minute && minute < from + s->windows[i].close_minute)
				return true;
		}
	return false;
}

/* Is the rule in force whenever the other is? */
static bool covers_time(const struct policy_rule *a, const struct policy_rule *b)
{
	const struct schedule *x = a->match ? a->match->when : NULL, *y = b->match->when;
	if (a->expires_ms && (b->expires_ms == 0 || a->expires_ms < b->expires_ms))
		return false;
	if (!x || x == y)
		return true;
	for (unsigned minute = 0; y && minute < 7 * 1440; minute++)
		if (minute_in(y, minute) && !minute_in(x, minute))
			return false;
	return y != NULL;
}

static bool decides(const struct work *w, const struct policy_rule *r, const struct part *p, bool allow)
{
	const struct fw_match *m = r->match;
	if (r->not_uplink || (r->set && allow && r->set != SET_DOH && r->set != SET_BOGON)) /* check_fw.c lets no allowing rule reach those */
		return false;
	if (r->set && (w->sets->n[r->set] == 0 || !covers(w->sets->list[r->set], w->sets->n[r->set], &p->to)))
		return false;
	return !m || (covers(m->from, m->n_from, &p->from) && covers(m->to, m->n_to, &p->to) && covers_ports(m, &p->ports));
}

/* ---- all parts of a rule */

struct hiders {
	size_t at[HIDERS_MAX];
	size_t n; /* may be more than are kept */
	bool led; /* the body is transparent */
	bool allow, deny;
};

static void add_hider(struct hiders *h, const struct rules *rules, size_t i)
{
	for (size_t k = 0; k < h->n && k < HIDERS_MAX; k++)
		if (h->at[k] == i)
			return;
	if (h->n < HIDERS_MAX)
		h->at[h->n] = i;
	h->n++;
	*(rules->list[i].action == FW_ALLOW ? &h->allow : &h->deny) = true;
}

static const uint16_t web_ports[] = { 80, 443 };

/* Is all of the part led to the proxy? What becomes of it there neither an allowing nor a denying rule says. */
static bool led_away(const struct work *w, const struct part *p)
{
	bool web = false;
	for (size_t i = 0; i < ARRAY_LEN(web_ports); i++)
		web |= p->ports.port_low == web_ports[i] && p->ports.port_high == web_ports[i];
	return w->led[p->to.family == 6] && p->ports.protocol == IPPROTO_TCP && web;
}

/* Does the rule match something that is led away? */
static bool loses_web(const struct work *w, const struct fw_match *m)
{
	bool family[2] = { m->n_to == 0, m->n_to == 0 };
	for (size_t i = 0; i < m->n_to; i++)
		family[m->to[i].family == 6] = true;
	if (!(w->led[0] && family[0]) && !(w->led[1] && family[1]))
		return false;
	for (size_t i = 0; i < m->n_ports; i++)
		for (size_t k = 0; k < ARRAY_LEN(web_ports); k++) {
			const struct fw_ports *p = &m->ports[i];
			if (p->protocol == 0 ||
			    (p->protocol == IPPROTO_TCP && (p->port_low == 0 || (p->port_low <= web_ports[k] && web_ports[k] <= p->port_high))))
				return true;
		}
	return false;
}

static bool part_hidden(struct work *w, size_t number, const struct part *p, struct hiders *h)
{
	if (led_away(w, p)) {
		h->led = h->allow = h->deny = true;
		return true;
	}
	for (size_t i = 0; i < number && w->left; i++, w->left--)
		if (decides(w, &w->rules->list[i], p, w->rules->list[number].action == FW_ALLOW) &&
		    covers_time(&w->rules->list[i], &w->rules->list[number])) {
			add_hider(h, w->rules, i);
			return true;
		}
	return false;
}

/* Any is both families' whole: then the other side chooses the family, or both are parts. */
static struct prefix end_of(const struct prefix *list, size_t n, size_t i, uint8_t family)
{
	return n ? list[i] : (struct prefix){ .family = family };
}

static bool hidden_in(struct work *w, size_t number, uint8_t family, struct hiders *h, size_t *parts)
{
	const struct fw_match *m = w->rules->list[number].match;
	for (size_t i = 0; i < (m->n_from ? m->n_from : 1); i++)
		for (size_t k = 0; k < (m->n_to ? m->n_to : 1); k++) {
			struct part p = { end_of(m->from, m->n_from, i, family), end_of(m->to, m->n_to, k, family), { 0 } };
			for (size_t n = 0; p.from.family == family && p.to.family == family && n < m->n_ports; n++, ++*parts) {
				p.ports = m->ports[n];
				if (!part_hidden(w, number, &p, h))
					return false;
			}
		}
	return true;
}

/* ---- words */

static void name_hiders(const struct work *w, const struct hiders *h, char *dst, size_t size)
{
	struct buf b;
	buf_init(&b, KIB);
	if (h->led)
		buf_puts(&b, "transparent (TCP 80, 443 → proxy)");
	for (size_t i = 0; i < h->n && i < HIDERS_MAX; i++) {
		const struct policy_rule *r = &w->rules->list[h->at[i]];
		buf_puts(&b, b.len ? ", " : "");
		if (r->rule || r->publish)
			buf_printf(&b, "%s[%zu] (%s)", r->rule ? "fw" : "publish", r->at, r->id);
		else
			buf_printf(&b, "%s", r->id);
	}
	if (h->n > HIDERS_MAX)
		buf_puts(&b, " …");
	snprintf(dst, size, "%s", buf_cstr(&b));
	buf_done(&b);
}

static void advise(struct faults *f, const struct org *o, const struct work *w, const struct policy_rule *r, const struct hiders *h)
{
	char path[96], names[192];
	bool allow = r->action == FW_ALLOW;
	snprintf(path, sizeof path, "orgs[%s].%s[%zu]", o->code, r->rule ? "fw" : "publish", r->at);
	name_hiders(w, h, names, sizeof names);
	if (allow && !h->allow)
		fault_add(f, path, "contradiction: all that it would allow is denied before it, by %s", "矛盾: この規則が許可する通信は、先にある %s がすべて拒否します", names);
	else if (!allow && !h->deny)
		fault_add(f, path, "contradiction: all that it would deny is allowed before it, by %s", "矛盾: この規則が拒否する通信は、先にある %s がすべて許可します", names);
	else if (h->allow != h->deny)
		fault_add(f, path, "never decides: %s before it says the same of all that it matches", "効くことがありません: 先にある %s が同じ通信をすべて同じように扱います", names);
	else
		fault_add(f, path, "never decides: all that it matches is decided before it, by %s", "効くことがありません: この規則に合う通信は、先にある %s がすべて決めます", names);
}

/* A denial that somebody counts on. What it would allow passes by the proxy, or doesn't. */
static void advise_web(struct faults *f, const struct org *o, const struct policy_rule *r)
{
	char path[96];
	snprintf(path, sizeof path, "orgs[%s].fw[%zu]", o->code, r->at);
	fault_add(f, path, "doesn't deny TCP ports 80 and 443: the body is transparent, so they are led to the web proxy before it; deny the site in url.black",
	          "TCP 80・443 番は拒否しません: transparent の団体では先にウェブプロキシへ導かれます (サイトは url.black で拒否してください)");
}

static int collect(const struct policy_rule *r, void *user)
{
	struct rules *l = user;
	if (l->n == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 64;
		struct policy_rule *list = arena_array(l->arena, cap, sizeof *list);
		if (!list) {
			l->failed = true;
			return 1;
		}
		for (size_t i = 0; i < l->n; i++)
			list[i] = l->list[i];
		l->list = list;
		l->cap = cap;
	}
	l->list[l->n++] = *r;
	return 0;
}

static int advise_chain(const struct model *m, const struct org *o, enum policy_chain chain, const struct policy_sets *sets, struct faults *ret)
{
	struct arena a;
	struct rules rules = { .arena = &a };
	arena_init(&a, 64 * MIB);
	policy_each(m, o, chain, collect, &rules);
	bool transparent = chain == POLICY_OUT && o->transparent;
	struct work w = { .sets = sets, .led = { transparent && prefix_is_set(&m->service.proxy4), transparent && prefix_is_set(&m->service.proxy6) },
		          .rules = &rules, .left = WORK_MAX };
	for (size_t i = 0; i < rules.n && !rules.failed; i++) {
		struct hiders h = { .n = 0 };
		size_t parts = 0;
		const struct policy_rule *r = &rules.list[i];
		if ((r->rule || r->publish) && hidden_in(&w, i, 4, &h, &parts) && hidden_in(&w, i, 6, &h, &parts) && parts)
			advise(ret, o, &w, r, &h);
		else if (r->rule && r->action == FW_DENY && loses_web(&w, r->match))
			advise_web(ret, o, r);
	}
	arena_done(&a);
	return rules.failed || ret->lost ? -E_NOMEM : w.left ? 0 : -E_LIMIT;
}

static void ended(struct faults *f, const struct org *o, const char *list, size_t i, int64_t expires_ms, int64_t now_ms)
{
	char path[96], text[CLOCK_TEXT];
	if (!expires_ms || expires_ms > now_ms)
		return;
	snprintf(path, sizeof path, "orgs[%s].%s[%zu]", o->code, list, i);
	clock_format_jst(expires_ms, text);
	fault_add(f, path, "ended on %.16s", "%.16s に終わっています", text);
}

int model_advice(const struct model *m, int64_t now_ms, struct faults *ret)
{
	static const enum policy_chain chains[] = { POLICY_OUT, POLICY_IN };
	struct policy_sets sets;
	struct arena a;
	char path[32];
	arena_init(&a, 64 * MIB);
	int r = policy_sets(m, &a, &sets);
	for (size_t i = 0; r == 0 && i < m->n_orgs; i++)
		for (size_t k = 0; r == 0 && k < ARRAY_LEN(chains); k++) {
			r = advise_chain(m, &m->orgs[i], chains[k], &sets, ret);
			snprintf(path, sizeof path, "orgs[%s].fw", m->orgs[i].code);
			if (r == -E_LIMIT)
				fault_add(ret, path, "too many rules to compare each with each: some weren't", "規則が多すぎるため、一部は比較していません");
			r = r == -E_LIMIT ? 0 : r;
		}
	arena_done(&a);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		for (size_t k = 0; k < o->n_fw; k++)
			ended(ret, o, "fw", k, o->fw[k].expires_ms, now_ms);
		for (size_t k = 0; k < o->n_publish; k++)
			ended(ret, o, "publish", k, o->publish[k].expires_ms, now_ms);
		for (size_t k = 0; k < o->n_decrypt_exceptions; k++)
			ended(ret, o, "decrypt_exceptions", k, o->decrypt_exceptions[k].expires_ms, now_ms);
	}
	return r;
}
