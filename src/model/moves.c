/* See moves.h. */
#include "model/moves.h"

#include "base/str.h"

#include <string.h>

static const struct dns_zone *same_zone(const struct org *o, const char *name)
{
	for (size_t i = 0; i < o->n_zones; i++)
		if (strcmp(o->zones[i].name, name) == 0)
			return &o->zones[i];
	return NULL;
}

/* Does the new zone still say it, or nothing at all of that name and type? Who takes a name away moves nothing. */
static bool moves(const struct dns_zone *new, const struct zone_record *r)
{
	bool other = false;
	for (size_t i = 0; i < new->n_records; i++) {
		const struct zone_record *n = &new->records[i];
		if (strcmp(n->name, r->name) != 0 || (n->type != r->type && n->type != ZONE_CNAME && r->type != ZONE_CNAME))
			continue;
		if (n->type == r->type && strcmp(n->data, r->data) == 0)
			return false;
		other = true;
	}
	return other;
}

static bool leads_somewhere(const struct zone_record *r)
{
	return r->type == ZONE_A || r->type == ZONE_AAAA || r->type == ZONE_CNAME || r->type == ZONE_MX || r->type == ZONE_SRV ||
	       r->type == ZONE_NS;
}

size_t moves_find(const struct org *old, const struct org *new, struct move *list, size_t max)
{
	size_t n = 0;
	for (size_t i = 0; old && new && i < old->n_zones; i++) {
		const struct dns_zone *z = &old->zones[i], *to = same_zone(new, z->name);
		for (size_t k = 0; to && n < max && k < z->n_records; k++) {
			const struct zone_record *r = &z->records[k];
			uint32_t ttl = r->ttl ? r->ttl : z->ttl;
			if (ttl > MOVE_TTL && leads_somewhere(r) && moves(to, r))
				list[n++] = (struct move){ z, r, ttl };
		}
	}
	return n;
}
