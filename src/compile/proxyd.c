/* proxyd.json: what toride-proxyd needs to know of each organisation (proxy/conf.h says how it is read). */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/emit.h"
#include "ips/mirror.h"

static void open_list(struct buf *b, const char *key)
{
	json_key(b, key);
	buf_putc(b, '[');
}

static void item(struct buf *b, const char *text)
{
	if (b->len && b->ptr[b->len - 1] != '[')
		buf_putc(b, ',');
	json_str(b, str_from(text));
}

static void item_prefix(struct buf *b, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (prefix_is_set(p))
		item(b, prefix_format(p, text));
}

static void texts(struct buf *b, const char *key, const char **list, size_t n)
{
	open_list(b, key);
	for (size_t i = 0; i < n; i++)
		item(b, list[i]);
	buf_putc(b, ']');
}

static void prefixes(struct buf *b, const char *key, const struct prefix *list, size_t n)
{
	open_list(b, key);
	for (size_t i = 0; i < n; i++)
		item_prefix(b, &list[i]);
	buf_putc(b, ']');
}

/* Whom the proxy never connects to, beside what is special everywhere (proxy/guard.c): it must not become the bridge
 * between organisations, or into the node, that the packet filter refuses. */
static void refuse(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	open_list(b, "refuse");
	for (size_t i = 0; i < s->n_management; i++)
		item_prefix(b, &s->management[i]);
	for (size_t i = 0; i < s->n_lgwan; i++)
		item_prefix(b, &s->lgwan[i]);
	item_prefix(b, &s->internal4);
	struct own_address own[OWN_MAX];
	for (size_t i = 0, n = service_own(s, own); i < n; i++)
		if (own[i].kind != OWN_SITES) /* staff read the members' public sites as everybody does */
			item_prefix(b, &own[i].prefix);
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		for (size_t k = 0; k < o->n_prefixes; k++)
			item_prefix(b, &o->prefixes[k]);
		item_prefix(b, &o->router4);
		item_prefix(b, &o->router6);
		for (size_t k = 0; k < o->n_publics; k++)
			item_prefix(b, &o->publics[k]);
	}
	buf_putc(b, ']');
}

static void category_rule(struct buf *b, const struct url_category_rule *r)
{
	static const char *const actions[] = { "deny", "allow", "coach", "override" };
	static const char *const days[] = { "all", "weekdays", "weekend" };
	json_field_s(b, "id", r->id);
	texts(b, "categories", r->categories, r->n_categories);
	json_field_s(b, "action", actions[r->action]);
	json_field_s(b, "days", days[r->days]);
	json_field_u64(b, "from", r->from_minute);
	json_field_u64(b, "to", r->to_minute);
	prefixes(b, "terminals", r->terminals, r->n_terminals);
	if (r->n_groups)
		texts(b, "groups", r->groups, r->n_groups);
}

static void group_list(struct buf *b, const struct url_group_list *l)
{
	json_field_s(b, "id", l->id);
	texts(b, "groups", l->groups, l->n_groups);
	texts(b, "black", l->black, l->n_black);
	texts(b, "white", l->white, l->n_white);
}

void compile_url_policy(const struct model *m, const struct org *o, struct buf *b)
{
	const struct url_policy *u = &o->url;
	buf_putc(b, '{');
	json_field_s(b, "mode", u->mode == URL_WHITELIST_ONLY ? "whitelist_only" : "blacklist");
	texts(b, "black", u->black, u->n_black);
	texts(b, "white", u->white, u->n_white);
	open_list(b, "exceptions");
	for (size_t i = 0; i < u->n_exceptions; i++) {
		const struct url_exception *e = &u->exceptions[i];
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "pattern", e->pattern);
		json_field_bool(b, "allow", e->allow);
		json_field_u64(b, "expires_ms", (uint64_t)e->expires_ms);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	texts(b, "deny_categories", m->service.deny_categories, m->service.n_deny_categories);
	open_list(b, "categories");
	for (size_t i = 0; i < u->n_categories; i++) {
		buf_puts(b, i ? ",{" : "{");
		category_rule(b, &u->categories[i]);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
	for (size_t i = 0; i < u->n_group_lists; i++) {
		if (i == 0)
			open_list(b, "group_lists");
		buf_puts(b, i ? ",{" : "{");
		group_list(b, &u->group_lists[i]);
		buf_puts(b, i + 1 < u->n_group_lists ? "}" : "}]");
	}
	buf_putc(b, '}');
}

/* What is changed in requests, and limits of what is sent and received. */
static void content(struct buf *b, const struct org *o)
{
	const struct tenants *t = &o->tenants;
	json_field_bool(b, "safe_search", o->url.safe_search);
	json_field_u64(b, "upload_max_mib", o->url.upload_max_mib);
	texts(b, "deny_downloads", o->url.deny_downloads, o->url.n_deny_downloads);
	texts(b, "websockets", o->url.websockets, o->url.n_websockets);
	texts(b, "deny_uploads", o->url.deny_uploads, o->url.n_deny_uploads);
	if (o->url.n_deny_ja4)
		texts(b, "deny_ja4", o->url.deny_ja4, o->url.n_deny_ja4);
	json_key(b, "tenants");
	buf_putc(b, '{');
	texts(b, "microsoft", t->microsoft, t->n_microsoft);
	json_field_s(b, "microsoft_context", t->microsoft_context);
	texts(b, "google", t->google, t->n_google);
	texts(b, "slack", t->slack, t->n_slack);
	json_field_s(b, "slack_requester", t->slack_requester);
	buf_putc(b, '}');
}

/* Names of services that break out, until when: the filter knows their addresses only (nft_breakout.c). */
static void breakout(struct buf *b, const struct org *o)
{
	size_t n = 0;
	open_list(b, "breakout");
	for (size_t i = 0; i < o->breakout.n_services; i++) {
		const struct breakout_use *u = &o->breakout.services[i];
		if (!u->is || u->is->n_names == 0)
			continue;
		buf_puts(b, n++ ? ",{" : "{");
		json_field_s(b, "service", u->service);
		json_field_u64(b, "expires_ms", (uint64_t)u->expires_ms);
		texts(b, "names", u->is->names, u->is->n_names);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* How they say who they are, and who needn't; the directory itself is userd's (userd.c). */
static void users(struct buf *b, const struct org *o)
{
	const struct proxy_users *u = &o->proxy_users;
	if (!users_asked(o))
		return;
	json_key(b, "users");
	buf_putc(b, '{');
	json_field_s(b, "realm", u->realm[0] ? u->realm : o->name_en);
	json_field_bool(b, "clear", u->clear);
	json_field_bool(b, "tickets", u->keytab[0]);
	json_field_bool(b, "passwords", u->passwords);
	json_field_s(b, "fail", u->fail == FAIL_OPEN ? "open" : "closed");
	prefixes(b, "exempt_terminals", u->exempt_terminals, u->n_exempt_terminals);
	texts(b, "exempt_destinations", u->exempt_destinations, u->n_exempt_destinations);
	buf_putc(b, '}');
}

static void undecrypted(struct buf *b, const struct org *o)
{
	open_list(b, "no_decrypt_until");
	for (size_t i = 0; i < o->n_decrypt_exceptions; i++) {
		buf_puts(b, i ? ",{" : "{");
		json_field_u64(b, "expires_ms", (uint64_t)o->decrypt_exceptions[i].expires_ms);
		json_field_s(b, "owner", o->decrypt_exceptions[i].owner);
		texts(b, "names", &o->decrypt_exceptions[i].name, 1);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

/* Sanitisers and sandboxes, in the order that files go through them. */
static void inspections(struct buf *b, const struct org *o)
{
	char text[PREFIX_TEXT];
	if (!o->n_inspections)
		return;
	open_list(b, "inspections");
	for (size_t i = 0; i < o->n_inspections; i++) {
		const struct inspection *n = &o->inspections[i];
		buf_puts(b, i ? ",{" : "{");
		json_field_s(b, "name", n->inspector);
		json_field_s(b, "address", prefix_format_addr(&n->is->address, text));
		json_field_u64(b, "port", n->is->port);
		json_field_s(b, "path", n->is->path);
		json_field_u64(b, "timeout_s", n->is->timeout_s);
		texts(b, "kinds", n->kinds, n->n_kinds);
		buf_putc(b, '}');
	}
	buf_putc(b, ']');
}

static void org(struct buf *b, const struct model *m, const struct org *o)
{
	struct buf pac;
	struct prefix resolver = internal4(m, o, INTERNAL_RESOLVER), from = internal4(m, o, INTERNAL_GATEWAY);
	json_field_s(b, "code", o->code);
	json_field_u64(b, "index", o->index);
	json_field_s(b, "name", o->name);
	json_field_s(b, "name_en", o->name_en);
	json_field_s(b, "interface", o->interface);
	field_addr(b, "global4", &o->global4);
	field_addr(b, "global6", &o->global6);
	field_addr(b, "resolver", &resolver);
	field_addr(b, "resolver_from", &from);
	if (m->service.ips.mirror && o->ips != IPS_OFF && o->index <= MIRROR_VLAN_MAX)
		json_field_u64(b, "mirror", o->index);
	json_field_bool(b, "tls_decryption", o->options.tls_decryption);
	texts(b, "no_decrypt", o->no_decrypt, o->n_no_decrypt);
	if (o->n_no_decrypt_categories)
		texts(b, "no_decrypt_categories", o->no_decrypt_categories, o->n_no_decrypt_categories);
	if (o->n_decrypt_exceptions)
		undecrypted(b, o);
	json_field_bool(b, "transparent", o->transparent);
	json_field_bool(b, "registered_only", o->registered_only);
	open_list(b, "terminals");
	for (size_t i = 0; i < o->n_terminals; i++)
		item_prefix(b, &o->terminals[i].addr);
	buf_putc(b, ']');
	prefixes(b, "prefixes", o->prefixes, o->n_prefixes);
	prefixes(b, "child_proxies", o->child_proxies, o->n_child_proxies);
	if (o->n_terminal_servers)
		prefixes(b, "terminal_servers", o->terminal_servers, o->n_terminal_servers);
	if (o->revocation != REVOCATION_SOFT)
		json_field_s(b, "revocation", o->revocation == REVOCATION_HARD ? "hard" : "off");
	json_field_s(b, "scan_fail", o->scan_fail == FAIL_OPEN ? "open" : "closed");
	json_field_u64(b, "scan_max_mib", o->scan_max_mib);
	json_field_bool(b, "unscannable_allow", o->unscannable_allow);
	json_field_bool(b, "encrypted_allow", o->encrypted_allow);
	json_field_bool(b, "encrypted_ask", o->encrypted_ask);
	json_field_bool(b, "scan_uploads", o->scan_uploads);
	json_field_u64(b, "progress_after_s", o->progress_after_s);
	json_field_u64(b, "trickle_after_s", o->trickle_after_s);
	inspections(b, o);
	users(b, o);
	json_key(b, "url");
	compile_url_policy(m, o, b);
	content(b, o);
	breakout(b, o);
	buf_init(&pac, 64 * KIB);
	compile_pac(m, o, &pac);
	json_field(b, "pac", buf_view(&pac));
	buf_done(&pac);
	json_field_s(b, "release_mail", o->n_contacts ? o->contacts[0].mail : "");
}

int compile_proxyd(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf b;
	buf_init(&b, 256 * MIB);
	buf_puts(&b, "{\"v\":1");
	json_field_u64(&b, "threads", s->proxy_threads ? s->proxy_threads : 1);
	json_key(&b, "service");
	buf_putc(&b, '{');
	json_field_s(&b, "name", s->name);
	json_field_s(&b, "name_en", s->name_en);
	buf_putc(&b, '}');
	json_key(&b, "proxy");
	buf_putc(&b, '{');
	field_addr(&b, "addr4", &s->proxy4);
	field_addr(&b, "addr6", &s->proxy6);
	json_field_u64(&b, "port", s->proxy_port);
	if (s->proxy_name[0])
		json_field_s(&b, "name", s->proxy_name);
	buf_puts(&b, "},\"connect_ports\":[443],\"http_ports\":[80,8080,8000,8008,8888]");
	refuse(&b, m);
	texts(&b, "origin_ca", s->origin_ca, s->n_origin_ca);
	texts(&b, "black", s->black, s->n_black);
	if (s->n_deny_ja4)
		texts(&b, "deny_ja4", s->deny_ja4, s->n_deny_ja4);
	open_list(&b, "orgs");
	for (size_t i = 0; i < m->n_orgs; i++) {
		buf_puts(&b, i ? ",\n{" : "\n{");
		org(&b, m, &m->orgs[i]);
		buf_putc(&b, '}');
	}
	buf_puts(&b, "]}\n");
	return emit(out, "proxyd.json", &b, err);
}
