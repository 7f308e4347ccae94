/* The router at the other end of the lines, where the description names one that takes announcements (service.mitigation): BIRD in the
 * Internet's namespace. A blackholed address becomes a blackhole route of its kernel, so that packets to it end there, before the line; flows
 * are received and shown (`birdc show route table flows4`), the kernel has nothing that acts on them. Its side of a signed session stands in
 * internet/upstream.secrets, and is wrong until somebody has told it, as in life. */
#include "lab/lab.h"

#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>

static const struct uplink *line_to(const struct service *s, const struct bgp_peer *p)
{
	for (size_t i = 0; i < s->n_uplinks; i++) {
		const struct uplink *u = &s->uplinks[i];
		const struct prefix *gateway = p->address.family == 4 ? &u->gateway4 : &u->gateway6;
		if (prefix_is_set(gateway) && memcmp(gateway->addr, p->address.addr, sizeof gateway->addr) == 0)
			return u;
	}
	return NULL;
}

static void session(struct buf *b, const struct service *s, size_t i)
{
	const struct bgp_peer *p = &s->mitigation.peers[i];
	int family = p->address.family, len = family == 4 ? 32 : 128;
	const struct uplink *u = line_to(s, p);
	char own[PREFIX_TEXT], other[PREFIX_TEXT];
	if (!u)
		return;
	buf_printf(b, "protocol bgp customer%zu {\n local %s as %u;\n neighbor %s as %u;\n direct; passive yes;\n error wait time 1, 2;\n", i + 1,
	           prefix_format_addr(&p->address, own), p->as, prefix_format_addr(family == 4 ? &u->addr4 : &u->addr6, other), s->mitigation.as);
	if (p->secret)
		buf_printf(b, " password secret_%u;\n", p->secret);
	buf_printf(b, " ipv%d { export none; import filter { if (65535,666) ~ bgp_community && net.len = %d then { dest = RTD_BLACKHOLE; accept; } reject; }; };\n",
	           family, len);
	if (p->flowspec)
		buf_printf(b, " flow%d { table flows%d; import all; export none; };\n", family, family);
	buf_puts(b, "}\n");
}

int lab_upstream(const struct lab *l, struct err *err)
{
	const struct service *s = &l->model->service;
	char conf[512], ctl[512], secrets[512];
	struct buf b;
	int r;
	if (s->mitigation.n_peers == 0)
		return 0;
	buf_init(&b, MIB);
	for (size_t i = 0; i < s->mitigation.n_peers; i++)
		if (s->mitigation.peers[i].secret)
			buf_printf(&b, "define secret_%u = \"nobody has told it yet\";\n", s->mitigation.peers[i].secret);
	r = fs_write(lab_path(l, secrets, "internet/upstream.secrets"), buf_view(&b), 0644, err);
	buf_reset(&b);
	buf_printf(&b, "include \"%s\";\n", secrets);
	buf_puts(&b, "log stderr all;\nrouter id 203.0.113.1;\nprotocol device { }\nflow4 table flows4;\nflow6 table flows6;\n"
	             "protocol kernel { ipv4 { import none; export where source = RTS_BGP; }; }\n"
	             "protocol kernel { ipv6 { import none; export where source = RTS_BGP; }; }\n");
	for (size_t i = 0; i < s->mitigation.n_peers; i++)
		session(&b, s, i);
	r = r < 0 ? r : fs_write(lab_path(l, conf, "internet/upstream.conf"), buf_view(&b), 0644, err);
	buf_done(&b);
	const char *argv[] = { "bird", "-f", "-c", conf, "-s", lab_path(l, ctl, "internet/upstream.ctl"), NULL };
	return r < 0 ? r : lab_spawn(l, "inet", "upstream", argv, NULL, err);
}
