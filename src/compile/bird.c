/* What tells the upstream's routers which packets to drop before they fill our lines (M-013): BIRD, which speaks and hears nothing.
 *
 *   bird/bird.conf  a session to each router of service.mitigation; its routes are files of RUN/bird (apply/announce.h)
 *   bird/may.bin    u16 index, u8 family, u8 address[16]: what may be announced; neither the service's own nor a guarded address
 *
 * Nothing is learnt from a router (import none): whoever takes it over can't lead our packets away. Only single addresses that bear the
 * community BLACKHOLE leave, whatever stands in the files. BIRD listens on a port of its own that the packet filter doesn't open, so that it
 * needs no privilege: sessions are opened by us. Where the other node of a pair took over, a router refuses the new session as long as it takes the old one for
 * alive (hold time); what was announced is gone from its end to the next try, so tries stay close together. What signs them (RFC 2385: no router there speaks TCP-AO to it) comes from the vault into RUN/bird/secrets
 * when it starts, all BGP_SECRETS, so that a description may name any of them. RFC 4271, 5082, 7999, 8955, 8956. */
#include "compile/emit.h"

#include "base/mem.h"

#include <stdio.h>

#define LISTEN_PORT 1179

static void tables(struct buf *b, const struct service *s)
{
	static const struct {
		const char *name, *channel;
	} t[] = { { "hole4", "ipv4" }, { "hole6", "ipv6" }, { "part4", "flow4" }, { "part6", "flow6" } };
	static const char *const files[] = { "hole4", "hole6", "flow4", "flow6" };
	for (size_t i = 0; i < ARRAY_LEN(t); i++) {
		buf_printf(b, "%s table %s;\n", t[i].channel, t[i].name);
		/* a pattern may match nothing: before the first order there is no file */
		buf_printf(b, "protocol static s_%s { %s { table %s; };\n include \"%s/bird/%s.con[f]\";\n}\n", t[i].name, t[i].channel, t[i].name,
		           s->run_dir, files[i]);
	}
	buf_puts(b, "filter single {\n if (65535,666) !~ bgp_community then reject;\n if net.type = NET_IP4 && net.len = 32 then accept;\n"
	            " if net.type = NET_IP6 && net.len = 128 then accept;\n reject;\n}\n");
}

static void session(struct buf *b, const struct service *s, size_t i)
{
	const struct bgp_peer *p = &s->mitigation.peers[i];
	const struct uplink *u = uplink_reaching(s, &p->address);
	char own[PREFIX_TEXT], other[PREFIX_TEXT];
	int family = p->address.family;
	if (!u)
		return;
	buf_printf(b, "protocol bgp up%zu {\n local %s port %d as %u;\n neighbor %s port 179 as %u;\n direct;\n", i + 1,
	           prefix_format_addr(family == 4 ? &u->addr4 : &u->addr6, own), LISTEN_PORT, s->mitigation.as, prefix_format_addr(&p->address, other), p->as);
	if (p->secret)
		buf_printf(b, " password secret_%u;\n", p->secret);
	buf_puts(b, " connect retry time 5;\n connect delay time 1;\n error wait time 2, 5;\n hold time 30;\n");
	buf_printf(b, " ipv%d { table hole%d; import none; export filter single; next hop self; };\n", family, family);
	if (p->flowspec)
		buf_printf(b, " flow%d { table part%d; import none; export all; };\n", family, family);
	buf_puts(b, "}\n");
}

static void addresses(struct buf *b, const struct model *m)
{
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_publics; k++) {
			const struct prefix *p = &m->orgs[i].publics[k];
			if (!announce_allowed(&m->service, p))
				continue;
			buf_putc(b, (char)(m->orgs[i].index >> 8));
			buf_putc(b, (char)m->orgs[i].index);
			buf_putc(b, (char)p->family);
			buf_put(b, p->addr, 16);
		}
}

int compile_bird(const struct model *m, struct outset *out, struct err *err)
{
	const struct service *s = &m->service;
	struct buf conf, may;
	char id[PREFIX_TEXT];
	if (s->mitigation.n_peers == 0)
		return 0;
	buf_init(&conf, MIB);
	buf_init(&may, 4 * MIB);
	buf_printf(&conf, "log stderr all;\nrouter id %s;\ninclude \"%s/bird/secrets\";\nprotocol device { }\n", prefix_format_addr(&s->uplinks[0].addr4, id),
	           s->run_dir);
	tables(&conf, s);
	for (size_t i = 0; i < s->mitigation.n_peers; i++)
		session(&conf, s, i);
	addresses(&may, m);
	int r = emit(out, "bird/bird.conf", &conf, err), r2 = emit(out, "bird/may.bin", &may, err);
	return r < 0 ? r : r2;
}
