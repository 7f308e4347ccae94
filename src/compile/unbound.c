/* The recursive resolver: one process, one view an organisation, DNSSEC, a common response policy zone.
 *
 * An organisation asks service.dns4; nft turns that into its own inside address 100.64.INDEX.53, and that
 * address names the view, so that bodies with the same inside addresses keep their own answers (M-018).
 * Blocks ordered while running are put into the views by apply/blocks.c and are no part of this.
 *
 * unbound/unbound.conf    the server
 * unbound/views.conf      the views (included)
 * unbound/orgs/CODE.rpz   an organisation's own policy, asked first: names of its black list, names it allows itself although they are
 *                         on the common one, and safe search (RPZ draft-vixie-dnsop-dns-rpz-00)
 * unbound/service.rpz     names on the common black list: NXDOMAIN, logged
 * unbound/tls.names       the addresses that the certificate of DNS over TLS and HTTPS names (daemon/tls.h); empty: none is needed
 *
 * What an organisation's zone says is a policy of its tag, which its own addresses of the resolver carry: nobody else's answers change.
 * Addresses that aren't the Internet's are taken out of answers (DNS rebinding). What is outlived is still served, for a day,
 * when its servers don't answer within 1.8 s (RFC 8767). */
#include "compile/emit.h"

#include "base/map.h"
#include "base/mem.h"
#include "model/schema.h"

#include <stdio.h>

static const struct prefix *resolver_source(const struct model *m, int family)
{
	return family == 4 ? &m->service.uplinks[0].addr4 : &m->service.uplinks[0].addr6;
}

static void listen_at(struct buf *b, const struct org *o, const char *at)
{
	buf_printf(b, "  interface: %s\n  interface-action: %s allow\n  interface-view: %s %s\n  interface-tag: %s \"%s\"\n", at, at, at, o->interface,
	           at, o->interface);
}

static void listen_on(struct buf *b, const struct org *o, const struct prefix *p)
{
	static const char *const ports[] = { "", "@853", "@443" };
	char text[PREFIX_TEXT], at[PREFIX_TEXT + 8];
	if (!prefix_is_set(p))
		return;
	prefix_format_addr(p, text);
	for (size_t i = 0; i < (o->dns.encrypted ? ARRAY_LEN(ports) : 1); i++) {
		snprintf(at, sizeof at, "%s%s", text, ports[i]);
		listen_at(b, o, at);
	}
}

static bool any_encrypted(const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		if (m->orgs[i].dns.encrypted)
			return true;
	return false;
}

/* RFC 6890; documentation ranges are left out, the lab's Internet is made of them. */
static void rebinding(struct buf *b)
{
	static const char *const nets[] = { "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
		                            "192.168.0.0/16", "198.18.0.0/15", "::/128", "::1/128", "::ffff:0:0/96", "fc00::/7", "fe80::/10" };
	for (size_t i = 0; i < ARRAY_LEN(nets); i++)
		buf_printf(b, "  private-address: %s\n", nets[i]);
}

static void tags(struct buf *b, const struct model *m)
{
	buf_puts(b, "  define-tag: \"");
	for (size_t i = 0; i < m->n_orgs; i++)
		buf_printf(b, "%s%s", i ? " " : "", m->orgs[i].interface);
	buf_puts(b, "\"\n");
}

static void policies(struct buf *b, const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++) {
		const char *code = m->orgs[i].code;
		buf_printf(b, "rpz:\n  name: \"%s.rpz\"\n  zonefile: \"%s/current/unbound/orgs/%s.rpz\"\n  rpz-log: yes\n  rpz-log-name: \"%s\"\n"
		              "  tags: \"%s\"\n", code, m->service.state_dir, code, code, m->orgs[i].interface);
	}
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
	rebinding(b);
	buf_puts(b, "  serve-expired: yes\n  serve-expired-ttl: 86400\n  serve-expired-client-timeout: 1800\n  serve-expired-reply-ttl: 30\n");
	if (any_encrypted(m))
		buf_printf(b, "  tls-port: 853\n  https-port: 443\n  http-max-streams: 100\n  include: \"%s/unbound/tls*.conf\"\n",
		           s->run_dir);
	tags(b, m);
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
	policies(b, m);
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

/* The desk's name leads to its pages for whom they are served, and nowhere for anybody else but by the Internet's own word. */
static void desk_name(struct buf *b, const struct model *m, const struct org *o)
{
	const struct prefix *addr[] = { &m->service.desk.addr4, &m->service.desk.addr6 };
	char text[PREFIX_TEXT];
	for (size_t i = 0; i < ARRAY_LEN(addr); i++) {
		struct prefix own = internal_served(m, o, i ? 6 : 4, INTERNAL_DESK);
		if (!prefix_is_set(&own) || !prefix_is_set(addr[i]))
			continue;
		if (i == 0)
			buf_printf(b, "  local-zone: \"%s.\" static\n", m->service.desk.name);
		buf_printf(b, "  local-data: \"%s. 300 IN %s %s\"\n", m->service.desk.name, i ? "AAAA" : "A", prefix_format_addr(addr[i], text));
	}
}

/* The proxy's, by which terminals reach it over TLS. */
static void proxy_name(struct buf *b, const struct service *s)
{
	const struct prefix *addr[] = { &s->proxy4, &s->proxy6 };
	char text[PREFIX_TEXT];
	if (!s->proxy_name[0])
		return;
	buf_printf(b, "  local-zone: \"%s.\" static\n", s->proxy_name);
	for (size_t i = 0; i < ARRAY_LEN(addr); i++)
		if (prefix_is_set(addr[i]))
			buf_printf(b, "  local-data: \"%s. 300 IN %s %s\"\n", s->proxy_name, i ? "AAAA" : "A", prefix_format_addr(addr[i], text));
}

static void views(struct buf *b, const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++) {
		const struct org *o = &m->orgs[i];
		buf_printf(b, "view:\n  name: \"%s\"\n  view-first: yes\n", o->interface);
		buf_printf(b, "  local-zone: \"canary.toride.internal.\" static\n"
		              "  local-data: \"canary.toride.internal. 0 IN TXT %s\"\n", o->code);
		desk_name(b, m, o);
		proxy_name(b, &m->service);
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

/* A response policy zone while it is written: one owner has one CNAME, the first that is said. */
struct policy {
	struct buf *b;
	struct map owners;
	int failed;
};

static void policy_begin(struct policy *z, struct buf *b)
{
	*z = (struct policy){ .b = b };
	map_init(&z->owners, 4u * LIST_MAX);
	buf_puts(b, "$TTL 60\n@ IN SOA localhost. root.localhost. 1 3600 600 86400 60\n@ IN NS localhost.\n");
}

static int policy_end(struct policy *z, struct err *err)
{
	map_done(&z->owners);
	return z->failed ? err_set(err, (enum err_code)-z->failed, "unbound", "a response policy is too large") : 0;
}

static void policy_owner(struct policy *z, const char *owner, const char *action)
{
	if (z->failed || map_get(&z->owners, str_from(owner)))
		return;
	z->failed = map_put(&z->owners, str_from(owner), z);
	buf_printf(z->b, "%s CNAME %s\n", owner, action);
}

static void policy_name(struct policy *z, const char *pattern, const char *action)
{
	struct str name;
	bool below;
	char owner[300];
	if (!pattern_name(pattern, &name, &below))
		return;
	snprintf(owner, sizeof owner, "*." STR_FMT, STR_ARG(name));
	policy_owner(z, owner + 2, action);
	if (below)
		policy_owner(z, owner, action);
}

static int response_policy(struct buf *b, const struct model *m, struct err *err)
{
	struct policy z;
	policy_begin(&z, b);
	for (size_t i = 0; i < m->service.n_black; i++)
		policy_name(&z, m->service.black[i], ".");
	return policy_end(&z, err);
}

/* Does the organisation's pattern let through something of the common list? */
static bool excepts(const struct service *s, const char *pattern)
{
	for (size_t i = 0; i < s->n_black; i++) {
		struct str name;
		bool below;
		if (pattern_name(s->black[i], &name, &below) && pattern_within(pattern, name))
			return true;
	}
	return false;
}

/* Is something of the name let through by the organisation itself? Then who gets it is the proxy's to decide (url/). */
static bool excepted(const struct org *o, struct str name)
{
	const struct url_policy *u = &o->url;
	for (size_t i = 0; i < u->n_white; i++)
		if (pattern_within(u->white[i], name) || strstr(u->white[i], "://"))
			return true;
	for (size_t i = 0; i < u->n_exceptions; i++)
		if (u->exceptions[i].allow && (pattern_within(u->exceptions[i].pattern, name) || strstr(u->exceptions[i].pattern, "://")))
			return true;
	return false;
}

/* What the services themselves say to do: support.google.com/websearch/answer/186669, learn.microsoft.com (Bing),
 * help.duckduckgo.com (safe search), support.google.com/a/answer/6214622 (YouTube). */
static void safe_search(struct policy *z)
{
	static const char *const names[][2] = {
		{ "www.google.com", "forcesafesearch.google.com." }, { "www.google.co.jp", "forcesafesearch.google.com." },
		{ "www.bing.com", "strict.bing.com." }, { "duckduckgo.com", "safe.duckduckgo.com." }, { "www.duckduckgo.com", "safe.duckduckgo.com." },
		{ "www.youtube.com", "restrict.youtube.com." }, { "m.youtube.com", "restrict.youtube.com." },
		{ "youtubei.googleapis.com", "restrict.youtube.com." }, { "youtube.googleapis.com", "restrict.youtube.com." },
		{ "www.youtube-nocookie.com", "restrict.youtube.com." },
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		policy_owner(z, names[i][0], names[i][1]);
}

static int org_policy(struct buf *b, const struct service *s, const struct org *o, struct err *err)
{
	const struct url_policy *u = &o->url;
	struct policy z;
	policy_begin(&z, b);
	for (size_t i = 0; i < u->n_white; i++)
		if (excepts(s, u->white[i]))
			policy_name(&z, u->white[i], "rpz-passthru.");
	for (size_t i = 0; i < u->n_exceptions; i++)
		if (u->exceptions[i].allow && excepts(s, u->exceptions[i].pattern))
			policy_name(&z, u->exceptions[i].pattern, "rpz-passthru.");
	if (o->dns.safe_search)
		safe_search(&z);
	for (size_t i = 0; i < u->n_black; i++) {
		struct str name;
		bool below;
		if (pattern_name(u->black[i], &name, &below) && !excepted(o, name))
			policy_name(&z, u->black[i], ".");
	}
	return policy_end(&z, err);
}

static int org_policies(const struct model *m, struct outset *out, struct err *err)
{
	int r = 0;
	for (size_t i = 0; r == 0 && i < m->n_orgs; i++) {
		char path[64];
		struct buf b;
		buf_init(&b, 4 * MIB);
		r = org_policy(&b, &m->service, &m->orgs[i], err);
		snprintf(path, sizeof path, "unbound/orgs/%s.rpz", m->orgs[i].code);
		int r2 = emit(out, path, &b, err);
		r = r < 0 ? r : r2;
	}
	return r;
}

static void certified(struct buf *b, const struct model *m)
{
	char text[PREFIX_TEXT];
	const struct prefix *addr[] = { &m->service.dns4, &m->service.dns6 };
	for (size_t i = 0; any_encrypted(m) && i < ARRAY_LEN(addr); i++)
		if (prefix_is_set(addr[i]))
			buf_printf(b, "%s\n", prefix_format_addr(addr[i], text));
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
		                             "unbound/root.hints", "canary.json", "unbound/tls.names" };
	struct buf b[ARRAY_LEN(names)];
	int res = org_policies(m, out, err);
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		buf_init(&b[i], 32 * MIB);
	server(&b[0], m);
	views(&b[1], m);
	int r = response_policy(&b[2], m, err);
	res = res < 0 ? res : r;
	hints(&b[3], &m->service);
	canaries(&b[4], m);
	certified(&b[5], m);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		r = emit(out, names[i], &b[i], err);
		res = res < 0 ? res : r;
	}
	return res;
}
