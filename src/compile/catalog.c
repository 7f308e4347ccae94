/* See catalog.h. Knot makes catalogs too, but a zone may stand in one of its alone, and each of our zones may have several servers outside. */
#include "compile/catalog.h"

#include "base/map.h"
#include "base/mem.h"

#include <stdio.h>

static const struct zone_secondary *given_to(const struct dns_zone *z, uint32_t secret)
{
	for (size_t i = 0; i < z->n_secondaries; i++)
		if (z->secondaries[i].secret == secret)
			return &z->secondaries[i];
	return NULL;
}

void catalogs_of(const struct model *m, const struct zone_list *l, struct catalogs *ret)
{
	ret->n = 0;
	for (uint32_t secret = 1; secret <= SECONDARY_SECRETS; secret++) {
		struct catalog *c = &ret->list[ret->n];
		c->server = NULL;
		for (size_t i = 0; !c->server && i < l->n; i++)
			c->server = given_to(l->list[i].zone, secret);
		if (!c->server)
			continue;
		snprintf(c->name, sizeof c->name, SECONDARY_KEY "%u.catalog.%s", secret, m->service.name_servers[0].name);
		ret->n++;
	}
}

/* A member's label is the same for as long as it is a member, whatever comes and goes beside it (section 4.1). */
static void member(struct buf *b, const struct catalog *c, const char *zone)
{
	unsigned char sum[SHA256_LEN];
	char label[33];
	hash_sha256(zone, strlen(zone), sum);
	hex_format(sum, 16, label);
	buf_printf(b, "%s.zones.%s. PTR %s.\n", label, c->name, zone);
}

/* Nobody resolves in it, so its NS names nothing (section 4.1). The serial stands still: Knot puts the time in its place. */
void catalog_file(struct buf *b, struct catalog *c, const struct zone_list *l)
{
	unsigned char sum[SHA256_LEN];
	buf_printf(b, "$TTL 0\n%s. SOA invalid. invalid. 1 3600 600 1209600 0\n%s. NS invalid.\nversion.%s. TXT \"2\"\n", c->name, c->name, c->name);
	for (size_t i = 0; i < l->n; i++)
		if (given_to(l->list[i].zone, c->server->secret))
			member(b, c, l->list[i].zone->name);
	hash_sha256(b->ptr, b->len, sum);
	hex_format(sum, 16, c->digest);
	buf_printf(b, CATALOG_DIGEST "%s. TXT \"%s\"\n", c->name, c->digest);
}
