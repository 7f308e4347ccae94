/* See zone_list.h. */
#include "compile/zone_list.h"

#include "base/map.h"
#include "base/mem.h"

bool zone_holds(const struct dns_zone *z, const char *name)
{
	struct str n = str_from(name), zone = str_from(z->name);
	return str_ends(n, zone) && (n.len == zone.len || n.ptr[n.len - zone.len - 1] == '.');
}

/* By walking up the labels: a comparison of each with each would be millions for a nation. */
static int find_above(struct zone_list *l, struct err *err)
{
	struct map names;
	int r = 0;
	map_init(&names, l->n + 1);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		r = map_put(&names, str_from(l->list[i].zone->name), &l->list[i]);
	for (size_t i = 0; r == 0 && i < l->n; i++)
		for (const char *dot = strchr(l->list[i].zone->name, '.'); dot && !l->list[i].above; dot = strchr(dot + 1, '.'))
			l->list[i].above = map_get(&names, str_from(dot + 1));
	map_done(&names);
	return r < 0 ? err_set(err, E_NOMEM, "zones", "no memory") : 0;
}

int zone_list_init(const struct model *m, struct zone_list *ret, struct err *err)
{
	size_t n = 0;
	for (size_t i = 0; i < m->n_orgs; i++)
		n += m->orgs[i].n_zones;
	*ret = (struct zone_list){ .n = n };
	arena_init(&ret->arena, 64 * MIB);
	ret->list = arena_array(&ret->arena, n + 1, sizeof *ret->list);
	if (!ret->list)
		return err_set(err, E_NOMEM, "zones", "no memory for %zu zones", n);
	n = 0;
	for (size_t i = 0; i < m->n_orgs; i++)
		for (size_t k = 0; k < m->orgs[i].n_zones; k++)
			ret->list[n++].zone = &m->orgs[i].zones[k];
	return find_above(ret, err);
}

void zone_list_done(struct zone_list *l)
{
	arena_done(&l->arena);
}
