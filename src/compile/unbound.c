/* The recursive resolver: one process, one view an organisation, DNSSEC, a common response policy zone.
 *
 * An organisation asks service.dns4; nft turns that into its own inside address 100.64.INDEX.53, and that
 * address names the view, so that bodies with the same inside addresses keep their own answers (M-018).
 * Blocks ordered while running are put into the views by apply/blocks.c and are no part of this.
 *
 * unbound/unbound.conf    the server
 * unbound/views.conf      the views (included)
 * unbound/service.rpz     names on the common black list: NXDOMAIN, logged (RPZ draft-vixie-dnsop-dns-rpz-00) */
#include "compile/emit.h"

#include "base/mem.h"

static const struct prefix *resolver_source(const struct model *m, int family)
{
	return family == 4 ? &m->service.uplinks[0].addr4 : &m->service.uplinks[0].addr6;
}

static void listen_on(struct buf *b, const struct org *o, const struct prefix *p)
{
	char text[PREFIX_TEXT];
	if (!prefix_is_set(p))
		return;
	prefix_format_addr(p, text);
	buf_printf(b, "  interface: %s\n  interface-action: %s allow\n  interface-view: %s %s\n", text, text, text, o->interface);
}

static void trust(struct buf *b, const struct service *s)
{
	if (s->trust_anchor && *s->trust_anchor)
		buf_printf(b, "  trust-anchor: \"%s\"\n", s->trust_anchor);
	else
		buf_puts(b, "  trust-anchor-file: \"/usr/share/dns/root.key\"\n");
	if (s->n_root_hints)
		buf_printf(b, "  root-hints: \"%s/current/unbound/root.hints\"\n", s->state_dir);
}

static void server(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	buf_puts(b, "server:\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  do-daemonize: no\n  use-syslog: no\n"
	            "  logfile: \"\"\n  log-time-ascii: yes\n  verbosity: 1\n  num-threads: 2\n  outgoing-range: 2048\n  num-queries-per-thread: 2048\n  so-reuseport: yes\n"
	            "  module-config: \"respip validator iterator\"\n  interface-automatic: no\n  ip-freebind: yes\n"
	            /* No access-control here: it would overrule the interfaces' own; what has none is refused anyway. */
	            "  hide-identity: yes\n  hide-version: yes\n  harden-glue: yes\n  harden-dnssec-stripped: yes\n"
	            "  harden-below-nxdomain: yes\n  qname-minimisation: yes\n  use-caps-for-id: no\n  minimal-responses: yes\n"
	            "  msg-cache-size: 64m\n  rrset-cache-size: 128m\n  ratelimit: 1000\n  val-log-level: 1\n"
	            "  do-not-query-localhost: yes\n  log-local-actions: no\n"
	            /* The lab's Internet lives under .example; none of these may be answered from built-in zones. */
	            "  local-zone: \"test.\" nodefault\n");
	buf_printf(b, "  directory: \"%s/current/unbound\"\n", s->state_dir);
	for (int family = 4; family <= 6; family += 2) {
		const struct prefix *p = resolver_source(m, family);
		if (prefix_is_set(p)) {
			buf_puts(b, "  outgoing-interface: ");
			put_addr(b, p);
			buf_putc(b, '\n');
		}
	}
	trust(b, s);
	for (size_t i = 0; i < m->n_orgs; i++) {
		struct prefix p4 = internal4(m, &m->orgs[i], INTERNAL_RESOLVER), p6 = internal6(&m->orgs[i], INTERNAL_RESOLVER);
		listen_on(b, &m->orgs[i], &p4);
		listen_on(b, &m->orgs[i], &p6);
	}
	buf_printf(b, "remote-control:\n  control-enable: yes\n  control-interface: \"%s/unbound/control.sock\"\n"
	              "  control-use-cert: no\n", s->run_dir);
	/* Every question and answer of a client is a record (intake/dnstap.h). */
	buf_printf(b, "dnstap:\n  dnstap-enable: yes\n  dnstap-socket-path: \"%s/dnstap.sock\"\n  dnstap-send-identity: no\n"
	              "  dnstap-send-version: no\n  dnstap-log-client-query-messages: yes\n  dnstap-log-client-response-messages: yes\n",
	           s->run_dir);
	buf_printf(b, "rpz:\n  name: \"service.rpz\"\n  zonefile: \"%s/current/unbound/service.rpz\"\n  rpz-log: yes\n"
	              "  rpz-log-name: \"service\"\n  rpz-action-override: nxdomain\n", s->state_dir);
	buf_printf(b, "include: \"%s/current/unbound/views.conf\"\n", s->state_dir);
}

/* "host" or ".domain" of a URL list as a name of DNS; false for addresses, networks and exact URLs. */
static bool pattern_name(const char *p, struct str *ret, bool *ret_below)
{
	struct prefix ignored;
	struct str s = str_from(p);
	if (s.len == 0 || memchr(s.ptr, '/', s.len) || memchr(s.ptr, ':', s.len) || prefix_parse(s, &ignored) == 0)
		return false;
	*ret_below = s.ptr[0] == '.';
	*ret = *ret_below ? (struct str){ s.ptr + 1, s.len - 1 } : s;
	return ret->len > 0;
}

static void views(struct buf *b, const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		buf_printf(b, "view:\n  name: \"%s\"\n  view-first: yes\n", o->interface);
		buf_printf(b, "  local-zone: \"canary.toride.internal.\" static\n"
		              "  local-data: \"canary.toride.internal. 0 IN TXT %s\"\n", o->code);
	}
}

/* Is `pattern` this name or something below it? */
static bool pattern_within(const char *pattern, struct str name)
{
	struct str p;
	bool below;
	if (!pattern_name(pattern, &p, &below) || !str_case_ends(p, name))
		return false;
	return p.len == name.len || p.ptr[p.len - name.len - 1] == '.';
}

/* An organisation may allow itself a name of the common list (url/ decides so): then it's the proxy's matter
 * alone, since an answer of the resolver can't be taken back there. */
static bool excepted(const struct model *m, struct str name)
{
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct url_policy *u = &m->orgs[i].url;
		for (size_t k = 0; k < u->n_white; k++)
			if (pattern_within(u->white[k], name))
				return true;
		for (size_t k = 0; k < u->n_exceptions; k++)
			if (u->exceptions[k].allow && pattern_within(u->exceptions[k].pattern, name))
				return true;
	}
	return false;
}

static void response_policy(struct buf *b, const struct model *m)
{
	const struct service *s = &m->service;
	buf_puts(b, "$TTL 60\n@ IN SOA localhost. root.localhost. 1 3600 600 86400 60\n@ IN NS localhost.\n");
	for (size_t i = 0; i < s->n_black; i++) {
		struct str name;
		bool below;
		if (!pattern_name(s->black[i], &name, &below) || excepted(m, name))
			continue;
		buf_printf(b, STR_FMT " CNAME .\n", STR_ARG(name));
		if (below)
			buf_printf(b, "*." STR_FMT " CNAME .\n", STR_ARG(name));
	}
}

static void hints(struct buf *b, const struct service *s)
{
	for (size_t i = 0; i < s->n_root_hints; i++) {
		const char *addr = s->root_hints[i];
		buf_printf(b, ". 3600000 NS r%zu.root-servers.toride.\nr%zu.root-servers.toride. 3600000 %s %s\n", i, i,
		           strchr(addr, ':') ? "AAAA" : "A", addr);
	}
}

static void canaries(struct buf *b, const struct model *m)
{
	buf_puts(b, "{\"canaries\":[");
	for (size_t i = 0; i < m->n_orgs; i++) {
		char text[PREFIX_TEXT];
		struct prefix from = internal4(m, &m->orgs[i], INTERNAL_GATEWAY), to = internal4(m, &m->orgs[i], INTERNAL_RESOLVER);
		buf_puts(b, i ? ",\n{" : "\n{");
		json_field_s(b, "org", m->orgs[i].code);
		json_field_s(b, "from", prefix_format_addr(&from, text));
		json_field_s(b, "server", prefix_format_addr(&to, text));
		json_field_s(b, "name", "canary.toride.internal");
		json_field_s(b, "type", "TXT");
		json_field_s(b, "expect", m->orgs[i].code);
		buf_putc(b, '}');
	}
	buf_puts(b, "\n]}\n");
}

int compile_unbound(const struct model *m, struct outset *out, struct err *err)
{
	static const char *const names[] = { "unbound/unbound.conf", "unbound/views.conf", "unbound/service.rpz",
		                             "unbound/root.hints", "canary.json" };
	struct buf b[ARRAY_LEN(names)];
	int res = 0;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		buf_init(&b[i], 32 * MIB);
	server(&b[0], m);
	views(&b[1], m);
	response_policy(&b[2], m);
	hints(&b[3], &m->service);
	canaries(&b[4], m);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		int r = emit(out, names[i], &b[i], err);
		res = res < 0 ? res : r;
	}
	return res;
}
