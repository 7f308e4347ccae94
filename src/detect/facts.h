/* What detectd has to know of the description (STATE/current/detectd.json, made by compile/detectd.c):
 *
 *   {"v":1,"orgs":[{"code":"412015","child_proxies":["10.1.0.2/32"],"prefixes":["10.1.0.0/16"],"white":["host",".domain"]}]}
 * An event's src_endpoint.ip that is a child proxy is no terminal. `white` are the hosts that the organisation's own
 * policy allows by name; the placeholder %white_hosts% stands for all of them over all organisations. */
#ifndef DETECT_FACTS_H
#define DETECT_FACTS_H

#include "base/arena.h"
#include "base/map.h"
#include "model/model.h"

struct facts_org {
	char code[8];
	struct prefix *child_proxies;
	size_t n_child_proxies;
	struct prefix *prefixes; /* its inside networks */
	size_t n_prefixes;
	const char **white;
	size_t n_white;
};

struct facts {
	struct arena arena;
	struct facts_org *orgs;
	size_t n_orgs;
	struct map by_code;   /* code -> facts_org */
};

int facts_parse(struct str json, struct facts *ret, struct err *err); /* facts_done() in either case */
void facts_done(struct facts *f);
/* An address of a body's own networks? What its own devices tell of may come from anywhere. Of a body that isn't known (offline): a
 * private one (RFC 1918, RFC 4193). */
bool facts_is_inside(const struct facts *f, struct str org, struct str address);
bool facts_is_child_proxy(const struct facts *f, struct str org, struct str address);

#endif
