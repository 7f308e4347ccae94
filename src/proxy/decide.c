/* May this terminal have this URL now? The order is fixed: block table, registered terminals, then the lists (url/url.h
 * says in which order those). Asked for each request, so that a change acts on the next one. */
#include "proxy/conn.h"

#include "base/clock.h"

#include <stdio.h>

static bool blocked(const struct conf_org *org, const struct blocks *blocks, const struct target *t,
                    const struct prefix *terminal, struct decision *ret)
{
	const struct block_query q = { .org = org->code, .host = t->host, .https = t->https, .port = t->port, .path = t->path,
		                       .terminal = *terminal };
	const struct block *k = blocks_find(blocks, &q);
	if (!k)
		return false;
	snprintf(ret->rule, sizeof ret->rule, "block:%s", k->id);
	snprintf(ret->name, sizeof ret->name, "%s", block_kind_name(k->kind));
	ret->page = PAGE_BLOCK;
	return true;
}

/* An address as url/url.h wants it. */
static void mapped(const struct prefix *a, uint8_t dst[16])
{
	static const uint8_t head[12] = { [10] = 0xff, [11] = 0xff };
	memcpy(dst, head, 12);
	memcpy(a->family == 4 ? dst + 12 : dst, a->addr, a->family == 4 ? 4 : 16);
}

/* A rule that the person at the terminal may open, or has opened. */
static void by_person(const struct conf_org *org, const struct asker *who, const struct url_decision *d, struct decision *ret)
{
	const struct grant_for g = { org->code, who->terminal, ret->grant, who->user };
	snprintf(ret->grant, sizeof ret->grant, "%s %s", d->action == URL_COACH ? "coach" : "override", d->rule);
	ret->page = d->action == URL_COACH ? PAGE_COACH : PAGE_OVERRIDE;
	if (!grant_holds(&g, clock_mono_ms()))
		return;
	ret->allow = true;
	snprintf(ret->name, sizeof ret->name, "opened");
}

void decide(const struct worker *w, const struct conf_org *org, const struct target *t, const struct asker *who, struct decision *ret)
{
	uint8_t terminal[16];
	*ret = (struct decision){ 0 };
	if (blocked(org, w->blocks, t, who->terminal, ret))
		return;
	if (!conf_terminal_ok(org, who->terminal)) {
		ret->page = PAGE_TERMINAL;
		snprintf(ret->rule, sizeof ret->rule, "terminal");
		return;
	}
	const struct url_query q = { .scheme = t->https ? STR("https") : STR("http"), .host = str_from(t->host),
		                     .port = t->port, .path = t->path, .now_ms = clock_now_ms(), .index = w->index,
		                     .terminal = terminal, .groups = who->groups };
	mapped(who->terminal, terminal);
	struct url_decision d;
	url_decide(org->url, &q, &d);
	ret->allow = d.allow;
	ret->wants_path = d.wants_path;
	ret->page = PAGE_URL;
	str_clip(d.rule, ret->rule, sizeof ret->rule);
	if (d.action == URL_COACH || d.action == URL_OVERRIDE)
		by_person(org, who, &d, ret);
	str_clip(d.category, ret->category, sizeof ret->category);
	str_clip(d.categories, ret->categories, sizeof ret->categories);
}

/* Lists of addresses hold for shared hosting too: what the body allows by name, or a person has opened, isn't denied by a
 * category of the address. A black list's address is. */
static bool allowed_by_name(const struct conf_org *org, const struct decide_place *p, const struct url_query *q, const struct url_decision *d)
{
	struct url_decision name;
	char grant[80];
	const struct grant_for g = { org->code, p->who.terminal, grant, p->who.user };
	if (!d->category[0])
		return false;
	snprintf(grant, sizeof grant, "%s %s", d->action == URL_COACH ? "coach" : "override", d->rule);
	if ((d->action == URL_COACH || d->action == URL_OVERRIDE) && grant_holds(&g, clock_mono_ms()))
		return true;
	url_decide(org->url, q, &name);
	return name.allow && (strncmp(name.rule, "url.white[", 10) == 0 || strncmp(name.rule, "url.exceptions[", 15) == 0 || strncmp(name.rule, "url.group_white[", 16) == 0);
}

bool decide_address(const struct worker *w, const struct conf_org *org, const struct decide_place *p, char rule[80])
{
	uint8_t addr[16], terminal[16];
	struct url_decision d;
	const struct url_query q = { .scheme = p->https ? STR("https") : STR("http"), .host = str_from(p->host), .port = p->port,
		                     .now_ms = clock_now_ms(), .index = w->index, .terminal = terminal, .groups = p->who.groups };
	mapped(p->address, addr);
	mapped(p->who.terminal, terminal);
	url_decide_address(org->url, addr, &q, &d);
	if (d.allow || allowed_by_name(org, p, &q, &d))
		return true;
	snprintf(rule, 80, "%s", d.rule);
	return false;
}

void decide_both(const struct worker *w, const struct conf_org *org, const struct target *t, const char *other, const struct asker *who,
                 struct decision *ret)
{
	struct decision d;
	struct target named = *t;
	decide(w, org, t, who, ret);
	if ((!ret->allow && !ret->wants_path) || !other[0] || strcmp(other, t->host) == 0)
		return;
	snprintf(named.host, sizeof named.host, "%s", other);
	decide(w, org, &named, who, &d);
	if (ret->allow || (!d.allow && !d.wants_path))
		*ret = d;
}

enum page_kind decide_origin_page(enum origin_fail fail)
{
	switch (fail) {
	case FAIL_DNS:
		return PAGE_DNS;
	case FAIL_DNS_TIMEOUT:
	case FAIL_TIMEOUT:
		return PAGE_TIMEOUT;
	case FAIL_FORBIDDEN:
		return PAGE_FORBIDDEN;
	case FAIL_BLOCKED:
		return PAGE_BLOCK;
	case FAIL_TLS:
		return PAGE_TLS;
	case FAIL_CLIENT_CERT:
		return PAGE_CLIENT_CERT;
	case FAIL_PROTOCOL:
		return PAGE_ORIGIN;
	default:
		return PAGE_CONNECT;
	}
}
