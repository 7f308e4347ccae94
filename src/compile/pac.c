/* The proxy auto-config file of an organisation (what browsers ask for as /proxy.pac, /wpad.dat): inside, LGWAN and the desk's pages
 * directly, everything else by the proxy, and no way round it when the proxy doesn't answer. It asks no resolver: addresses are
 * compared where the host is written as one. Written into proxyd.json; toride-proxyd serves it on its own port. */
#include "compile/compile.h"

#include "base/mem.h"
#include "compile/emit.h"

#include <arpa/inet.h>

static void inside(struct buf *b, const struct prefix *p)
{
	char net[INET_ADDRSTRLEN], mask[INET_ADDRSTRLEN];
	if (p->family != 4)
		return; /* isInNet() is of IPv4; a literal IPv6 host is rare, and the proxy refuses inside ones */
	uint32_t bits = htonl(p->len ? 0xffffffffu << (32 - p->len) : 0);
	inet_ntop(AF_INET, p->addr, net, sizeof net);
	inet_ntop(AF_INET, &bits, mask, sizeof mask);
	buf_printf(b, "    if (isInNet(host, \"%s\", \"%s\")) return \"DIRECT\";\n", net, mask);
}

void compile_pac(const struct model *m, const struct org *o, struct buf *b)
{
	const struct service *s = &m->service;
	char proxy[PREFIX_TEXT];
	buf_puts(b, "function FindProxyForURL(url, host) {\n"
	            "  host = host.toLowerCase();\n"
	            "  if (isPlainHostName(host) || dnsDomainIs(host, \".lgwan.jp\")) return \"DIRECT\";\n");
	if (desk_served(s) && o->desk != DESK_OFF)
		buf_printf(b, "  if (host == \"%s\") return \"DIRECT\";\n", s->desk.name);
	buf_puts(b, "  if (/^[0-9]+\\.[0-9]+\\.[0-9]+\\.[0-9]+$/.test(host)) {\n");
	for (size_t i = 0; i < o->n_prefixes; i++)
		inside(b, &o->prefixes[i]);
	for (size_t i = 0; i < s->n_lgwan; i++)
		inside(b, &s->lgwan[i]);
	buf_puts(b, "  }\n");
	if (users_asked(o) && s->proxy_name[0]) { /* passwords go over TLS; what can't do that says so rather than send them in clear */
		buf_printf(b, "  return \"HTTPS %s:%u\";\n}\n", s->proxy_name, s->proxy_port);
		return;
	}
	buf_printf(b, "  return \"PROXY %s:%u\";\n}\n", prefix_format_addr(&s->proxy4, proxy), s->proxy_port);
}
