/* The two name servers that the Internet asks: NSD, secondaries of the hidden primary (knot.c), each with its own address, its
 * own process and its own copy of the zones. One of them may die, or both may outlive the primary.
 *
 * nsdN/nsd.conf     the server
 * nsdN/zones.conf   its zones (included): a change is taken over without a restart
 *
 * Answers of one kind to one /24 or /56 are limited (response rate limiting): of a flood with a forged source every second
 * answer over the limit is an empty one with TC set, so that the real owner of the address still gets his by TCP. ANY is not answered with
 * everything (RFC 8482), additional data only where it is needed. M-019, F-04. */
#include "compile/catalog.h"
#include "compile/emit.h"

#include "base/mem.h"

#include <stdio.h>

static void server(struct buf *b, const struct service *s, size_t i)
{
	const struct name_server *n = &s->name_servers[i];
	char text[PREFIX_TEXT];
	buf_printf(b, "server:\n  ip-address: %s\n", prefix_format_addr(&n->addr4, text));
	if (prefix_is_set(&n->addr6))
		buf_printf(b, "  ip-address: %s\n", prefix_format_addr(&n->addr6, text));
	buf_puts(b, "  ip-freebind: yes\n  username: \"\"\n  chroot: \"\"\n  pidfile: \"\"\n  database: \"\"\n  logfile: \"\"\n  verbosity: 1\n"
	            "  hide-version: yes\n  hide-identity: yes\n  server-count: 2\n  refuse-any: yes\n  minimal-responses: yes\n"
	            "  tcp-count: 512\n  tcp-query-count: 128\n  tcp-timeout: 10\n  tcp-reject-overflow: yes\n"
	            "  ipv4-edns-size: 1232\n  ipv6-edns-size: 1232\n" /* DNS flag day 2020; RFC 9715 */
	            "  rrl-size: 1000000\n  rrl-ratelimit: 200\n  rrl-slip: 2\n  rrl-ipv4-prefix-length: 24\n  rrl-ipv6-prefix-length: 56\n"
	            "  rrl-whitelist-ratelimit: 2000\n  zonefiles-write: 60\n");
	buf_printf(b, "  zonesdir: \"%s/nsd%zu\"\n  xfrdfile: \"%s/nsd%zu/xfrd.state\"\n  zonelistfile: \"%s/nsd%zu/zone.list\"\n",
	           s->state_dir, i + 1, s->state_dir, i + 1, s->state_dir, i + 1);
	buf_printf(b, "  xfrdir: \"%s/nsd%zu\"\n", s->run_dir, i + 1);
	buf_printf(b, "remote-control:\n  control-enable: yes\n  control-interface: \"%s/nsd%zu/control.sock\"\n", s->run_dir, i + 1);
	/* What is asked from outside is the watch's (intake/dnscount.h): each answer up to a rate, all of them counted. */
	buf_printf(b, "dnstap:\n  dnstap-enable: yes\n  dnstap-socket-path: \"%s/dnstap.sock\"\n  dnstap-send-identity: no\n"
	              "  dnstap-send-version: no\n  dnstap-log-auth-response-messages: yes\n", s->run_dir);
	buf_printf(b, "include: \"%s/nsd%zu/tsig.conf\"\n", s->run_dir, i + 1); /* the TSIG key, from the vault */
	buf_printf(b, "include: \"%s/current/nsd%zu/zones.conf\"\n", s->state_dir, i + 1);
}

/* Both tell an outside secondary of a change, from the address they serve at, and give it the zone: it may take either. */
static void given_to(struct buf *b, const struct zone_secondary *s)
{
	char text[PREFIX_TEXT];
	prefix_format_addr(&s->address, text);
	buf_printf(b, "  notify: %s " SECONDARY_KEY "%u\n  provide-xfr: %s " SECONDARY_KEY "%u\n", text, s->secret, text, s->secret);
}

static void told_from(struct buf *b, const struct name_server *n)
{
	char text[PREFIX_TEXT];
	buf_printf(b, "  outgoing-interface: %s\n", prefix_format_addr(&n->addr4, text));
	if (prefix_is_set(&n->addr6))
		buf_printf(b, "  outgoing-interface: %s\n", prefix_format_addr(&n->addr6, text));
}

static void from_primary(struct buf *b, const char *zone)
{
	buf_printf(b, "zone:\n  name: \"%s\"\n  zonefile: \"%s.zone\"\n  allow-notify: " PRIMARY_ADDRESS " " TRANSFER_KEY
	              "\n  request-xfr: " PRIMARY_ADDRESS "@%d " TRANSFER_KEY "\n", zone, zone, PRIMARY_PORT);
}

static void zones(struct buf *b, const struct zone_list *l, const struct name_server *n)
{
	for (size_t i = 0; i < l->n; i++) {
		const struct dns_zone *z = l->list[i].zone;
		from_primary(b, z->name);
		for (size_t k = 0; k < z->n_secondaries; k++)
			given_to(b, &z->secondaries[k]);
		if (z->n_secondaries)
			told_from(b, n);
	}
}

/* A catalog is its server's; the node asks for it too, to read it back, from the address that it asks. Whoever else asks is not answered. NSD
 * of Debian 12 reads none: its own list is zones() above. */
static void catalogs(struct buf *b, const struct catalogs *k, const struct name_server *n)
{
	char text[PREFIX_TEXT];
	for (size_t i = 0; i < k->n; i++) {
		const struct zone_secondary *s = k->list[i].server;
		from_primary(b, k->list[i].name);
		given_to(b, s);
		told_from(b, n);
		buf_printf(b, "  allow-query: %s " SECONDARY_KEY "%u\n", prefix_format_addr(&s->address, text), s->secret);
		buf_printf(b, "  allow-query: %s NOKEY\n", prefix_format_addr(&n->addr4, text));
		if (prefix_is_set(&n->addr6))
			buf_printf(b, "  allow-query: %s NOKEY\n", prefix_format_addr(&n->addr6, text));
	}
}

static int one(const struct model *m, const struct zone_list *l, const struct catalogs *k, size_t i, struct outset *out, struct err *err)
{
	char path[64];
	struct buf conf, list;
	buf_init(&conf, MIB);
	buf_init(&list, 16 * MIB);
	server(&conf, &m->service, i);
	zones(&list, l, &m->service.name_servers[i]);
	catalogs(&list, k, &m->service.name_servers[i]);
	snprintf(path, sizeof path, "nsd%zu/nsd.conf", i + 1);
	int r = emit(out, path, &conf, err);
	snprintf(path, sizeof path, "nsd%zu/zones.conf", i + 1);
	int r2 = emit(out, path, &list, err);
	return r < 0 ? r : r2;
}

int compile_nsd(const struct model *m, struct outset *out, struct err *err)
{
	struct zone_list l;
	struct catalogs k;
	int r = zone_list_init(m, &l, err);
	if (r == 0)
		catalogs_of(m, &l, &k);
	for (size_t i = 0; r == 0 && l.n && i < m->service.n_name_servers; i++)
		r = one(m, &l, &k, i, out, err);
	zone_list_done(&l);
	return r;
}
