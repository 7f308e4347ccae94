/* respondd.json: who is connected, whom to tell and when, what is never blocked (incident/config.h reads it). */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/emit.h"

#include <stdio.h>

static void list(struct buf *b, const char *key)
{
	json_key(b, key);
	buf_putc(b, '[');
}

static void comma(struct buf *b)
{
	if (b->len && b->ptr[b->len - 1] != '[')
		buf_putc(b, ',');
}

static void entry(struct buf *b, const char *text)
{
	comma(b);
	json_str(b, str_from(text));
}

static void prefix(struct buf *b, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (prefix_is_set(p))
		entry(b, prefix_format(p, text));
}

/* The address alone, when p is an address with its network's length. */
static void host(struct buf *b, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (prefix_is_set(p))
		entry(b, prefix_format_addr(p, text));
}

static void contacts(struct buf *b, const struct contact *list_of, size_t n)
{
	list(b, "contacts");
	for (size_t i = 0; i < n; i++) {
		comma(b);
		buf_putc(b, '{');
		json_field_s(b, "name", list_of[i].name);
		json_field_s(b, "mail", list_of[i].mail);
		json_field_s(b, "phone", list_of[i].phone ? list_of[i].phone : "");
		json_field_s(b, "sms", list_of[i].sms ? list_of[i].sms : "");
		json_field_s(b, "voice", list_of[i].voice ? list_of[i].voice : "");
		json_field_s(b, "webhook", list_of[i].webhook ? list_of[i].webhook : "");
		json_field_u64(b, "min_severity", list_of[i].min_severity);
		json_field_u64(b, "order", list_of[i].order);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void put_calendar(struct buf *b, const struct holiday_calendar *c)
{
	json_key(b, "calendar");
	buf_putc(b, '{');
	list(b, "closed");
	for (size_t i = 0; i < c->n_closed; i++)
		entry(b, c->closed[i]);
	buf_putc(b, ']');
	json_field_u64(b, "open_minute", c->open_minute);
	json_field_u64(b, "close_minute", c->close_minute);
	buf_putc(b, '}');
}

static void put_lists(struct buf *b, const struct model *m, const struct org *o)
{
	char text[PREFIX_TEXT];
	list(b, "terminals");
	for (size_t i = 0; i < o->n_terminals; i++) {
		comma(b);
		buf_putc(b, '{');
		json_field_s(b, "addr", prefix_format(&o->terminals[i].addr, text));
		json_field_s(b, "name", o->terminals[i].name);
		buf_putc(b, '}');
	}
	buf_puts(b, "]");
	list(b, "white");
	for (size_t i = 0; i < o->url.n_white; i++)
		entry(b, o->url.white[i]);
	for (size_t i = 0; i < o->url.n_exceptions; i++)
		if (o->url.exceptions[i].allow)
			entry(b, o->url.exceptions[i].pattern);
	buf_puts(b, "]");
	list(b, "shared");
	for (size_t i = 0; i < o->n_child_proxies; i++)
		prefix(b, &o->child_proxies[i]);
	buf_puts(b, "]");
	list(b, "announce");
	for (size_t i = 0; i < o->n_publics; i++)
		if (announce_allowed(&m->service, &o->publics[i]))
			prefix(b, &o->publics[i]);
	buf_puts(b, "]");
}

static void put_org(struct buf *b, const struct model *m, const struct org *o)
{
	buf_puts(b, "\n{");
	json_field_s(b, "code", o->code);
	json_field_s(b, "prefecture", o->prefecture->code);
	json_field_s(b, "name", o->name);
	json_field_s(b, "name_en", o->name_en);
	contacts(b, o->contacts, o->n_contacts);
	put_lists(b, m, o);
	json_key(b, "consent");
	buf_putc(b, '{');
	json_field_bool(b, "given", o->consent.given);
	json_field_u64(b, "min_severity", o->consent.min_severity);
	json_field_s(b, "by", o->consent.by ? o->consent.by : "");
	json_field_s(b, "date", o->consent.date ? o->consent.date : "");
	buf_putc(b, '}');
	put_calendar(b, &o->calendar);
	buf_putc(b, '}');
}

/* An incident of a public site names it: its own terminals would be kept from it. */
static void site_names(struct buf *b, const struct site *s)
{
	entry(b, s->name);
	for (size_t i = 0; i < s->n_aliases; i++)
		entry(b, s->aliases[i]);
}

/* The node's own names and addresses, and every body's: a block of one would be our own outage. */
static void put_never(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	const char *at = strchr(s->mail.from, '@');
	json_key(b, "never");
	buf_putc(b, '{');
	list(b, "names");
	if (at) {
		comma(b);
		buf_puts(b, "\".");
		buf_puts(b, at + 1); /* a host name: nothing in it needs escaping */
		buf_putc(b, '"');
	}
	struct prefix relay;
	bool by_address = prefix_parse(str_from(s->mail.host), &relay) == 0;
	if (!by_address)
		entry(b, s->mail.host);
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_sites; k++)
			site_names(b, &m->orgs[i].sites[k]);
	buf_putc(b, ']');
	list(b, "prefixes");
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct uplink *u = &s->uplinks[i];
		host(b, &u->gateway4), host(b, &u->gateway6);
	}
	struct own_address own[OWN_MAX];
	for (size_t i = 0, n = service_own(s, own); i < n; i++)
		host(b, &own[i].prefix);
	if (by_address)
		prefix(b, &relay);
	prefix(b, &s->internal4);
	for (size_t i = 0; i < s->n_management; i++)
		prefix(b, &s->management[i]);
	for (size_t i = 0; i < s->n_lgwan; i++)
		prefix(b, &s->lgwan[i]);
	for (size_t i = 0; i < s->n_root_hints; i++)
		entry(b, s->root_hints[i]);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		host(b, &o->router4), host(b, &o->router6);
		for (size_t k = 0; k < o->n_publics; k++)
			host(b, &o->publics[k]);
		for (size_t k = 0; k < o->n_prefixes; k++)
			prefix(b, &o->prefixes[k]);
	}
	buf_puts(b, "]}");
}

static void put_service(struct buf *b, const struct service *s)
{
	char desk[300];
	json_field_s(b, "service", s->name);
	json_field_s(b, "service_en", s->name_en);
	snprintf(desk, sizeof desk, "https://%s", s->desk.name);
	json_field_s(b, "page_url", s->page_url[0] || !desk_served(s) ? s->page_url : desk);
	json_field_bool(b, "tell_medium", s->tell_medium);
	json_key(b, "clock");
	buf_putc(b, '{');
	json_field_u64(b, "notice_s", s->clock.notice_s);
	json_field_u64(b, "escalate1_s", s->clock.escalate1_s);
	json_field_u64(b, "escalate2_s", s->clock.escalate2_s);
	json_field_u64(b, "block_hours", s->clock.block_hours);
	json_field_u64(b, "day_minute", s->clock.day_minute);
	json_field_u64(b, "night_minute", s->clock.night_minute);
	buf_putc(b, '}');
	list(b, "gateways");
	for (size_t i = 0; i < s->n_gateways; i++) {
		static const char *const kinds[] = { [GATEWAY_SMS] = "sms", [GATEWAY_VOICE] = "voice", [GATEWAY_WEBHOOK] = "webhook" };
		comma(b);
		buf_putc(b, '{');
		json_field_s(b, "name", s->gateways[i].name);
		json_field_s(b, "kind", kinds[s->gateways[i].kind]);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	json_key(b, "mail");
	buf_putc(b, '{');
	json_field_s(b, "host", s->mail.host);
	json_field_u64(b, "port", s->mail.port);
	json_field_s(b, "from", s->mail.from);
	buf_putc(b, '}');
}

int compile_respondd(const struct model *m, struct outset *out, struct err *err)
{
	struct buf b;
	buf_init(&b, 16 * MIB);
	buf_puts(&b, "{\"v\":1");
	put_service(&b, &m->service);
	put_never(&b, m);
	list(&b, "prefectures");
	for (size_t i = 0; i < m->n_prefectures; i++) {
		comma(&b);
		buf_putc(&b, '{');
		json_field_s(&b, "code", m->prefectures[i].code);
		json_field_s(&b, "name", m->prefectures[i].name);
		json_field_s(&b, "name_en", m->prefectures[i].name_en);
		contacts(&b, m->prefectures[i].contacts, m->prefectures[i].n_contacts);
		buf_putc(&b, '}');
	}
	buf_putc(&b, ']');
	list(&b, "orgs");
	for (size_t i = 0; i < m->n_orgs; i++) {
		comma(&b);
		put_org(&b, m, &m->orgs[i]);
	}
	buf_puts(&b, "]}\n");
	return emit(out, "respondd.json", &b, err);
}
