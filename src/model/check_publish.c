/* Published servers, and the groups and schedules that rules call by name. See check.h. */
#include "model/check.h"

#include "base/map.h"
#include "model/schema.h"

#include <stdio.h>

/* ---- groups */

struct names {
	struct check *c;
	struct map seen;
};

/* One name in one list; the service's may not be taken again by an organisation: readers would have to know which counts. */
static void unique_name(struct names *u, const char *list, size_t i, const char *name, bool of_service)
{
	char at[64];
	struct str key = str_from(name);
	snprintf(at, sizeof at, ".%s[%zu].name", list, i);
	if (key.len == 0)
		return;
	const void *other = map_get(&u->seen, key);
	if (other && !of_service)
		CHECK_FAULT(u->c, at, "stands here twice, or is one of the service's", "同じ名前が 2 回あるか、サービスの名前と同じです");
	else if (!other && map_put(&u->seen, key, u) < 0)
		u->c->faults->lost = true;
	else if (other)
		CHECK_FAULT(u->c, at, "stands here twice", "同じ名前が 2 回あります");
}

#define UNIQUE_NAMES(c, org, list) \
	do { \
		struct names u = { .c = (c) }; \
		const struct service *all = &(c)->m->service; \
		map_init(&u.seen, 4 * LIST_MAX); \
		for (size_t i = 0; (org) && i < all->n_##list; i++) \
			if (map_put(&u.seen, str_from(all->list[i].name), &u) < 0) \
				(c)->faults->lost = true; \
		for (size_t i = 0; i < ((org) ? (org)->n_##list : all->n_##list); i++) \
			unique_name(&u, #list, i, ((org) ? (org)->list : all->list)[i].name, !(org)); \
		map_done(&u.seen); \
	} while (0)

static void check_window(struct check *c, const char *at, const struct window *w)
{
	char path[96];
	unsigned seen = 0;
	snprintf(path, sizeof path, "%s.close", at);
	if (w->open_minute >= w->close_minute && check_sound(c, at))
		CHECK_FAULT(c, path, "isn't later than open: a night is two windows", "開始より後にしてください (夜をまたぐときは 2 つに分けます)");
	for (size_t i = 0; i < w->n_days; i++) {
		snprintf(path, sizeof path, "%s.days[%zu]", at, i);
		if (seen & 1u << w->days[i] && check_sound(c, at))
			CHECK_FAULT(c, path, "stands here twice", "同じ曜日が 2 回あります");
		seen |= 1u << w->days[i];
	}
}

void check_groups(struct check *c, const struct org *o)
{
	const struct service *s = &c->m->service;
	const struct service_group *g = o ? o->service_groups : s->service_groups;
	const struct schedule *k = o ? o->schedules : s->schedules;
	char at[64];
	for (size_t i = 1; !o && i < s->n_address_feeds; i++)
		for (size_t n = 0; n < i; n++) {
			snprintf(at, sizeof at, ".address_feeds[%zu].name", i);
			if (s->address_feeds[i].name[0] && strcmp(s->address_feeds[i].name, s->address_feeds[n].name) == 0)
				CHECK_FAULT(c, at, "stands here twice", "同じ名前が 2 回あります");
		}
	UNIQUE_NAMES(c, o, address_groups);
	UNIQUE_NAMES(c, o, service_groups);
	UNIQUE_NAMES(c, o, schedules);
	for (size_t i = 0; i < (o ? o->n_service_groups : s->n_service_groups); i++)
		for (size_t n = 0; n < g[i].n_members; n++) {
			snprintf(at, sizeof at, ".service_groups[%zu].members[%zu]", i, n);
			check_ports(c, &g[i].members[n], at);
		}
	for (size_t i = 0; i < (o ? o->n_schedules : s->n_schedules); i++)
		for (size_t n = 0; n < k[i].n_windows; n++) {
			snprintf(at, sizeof at, ".schedules[%zu].windows[%zu]", i, n);
			check_window(c, at, &k[i].windows[n]);
		}
}

/* ---- published servers */

static bool same_door(const struct publish *a, const struct publish *b)
{
	return memcmp(&a->address, &b->address, sizeof a->address) == 0 && a->protocol == b->protocol && a->port == b->port;
}

static void check_door(struct check *c, const struct org *o, size_t i)
{
	char at[48];
	const struct publish *p = &o->publish[i];
	snprintf(at, sizeof at, ".publish[%zu].port", i);
	for (size_t k = 0; k < i && p->port && prefix_is_set(&p->address); k++)
		if (same_door(p, &o->publish[k])) {
			CHECK_FAULT(c, at, "is taken on that address by publish[%zu]", "このアドレスのポートは publish[%zu] が使っています", k);
			return;
		}
}

static void check_entry(struct check *c, const struct org *o, size_t i)
{
	const struct publish *p = &o->publish[i];
	const struct prefix *own[] = { &o->global4, &o->global6 };
	char at[32], address[48], server[48], groups[48], from[64];
	snprintf(at, sizeof at, ".publish[%zu]", i);
	snprintf(address, sizeof address, "%s.address", at);
	snprintf(server, sizeof server, "%s.server", at);
	snprintf(groups, sizeof groups, "%s.from_groups", at);
	if (memcmp(&p->address, own[0], sizeof p->address) != 0 && memcmp(&p->address, own[1], sizeof p->address) != 0)
		check_global(c, address, &p->address);
	if (prefix_is_set(&p->server))
		check_own_side(c, o, server, &p->server);
	if (prefix_is_set(&p->server) && prefix_is_set(&p->address) && p->server.family != p->address.family)
		CHECK_FAULT(c, server, "is of another IP version than the address", "公開アドレスと IP 版が異なります");
	for (size_t k = 0; k < p->n_from; k++) {
		snprintf(from, sizeof from, "%s.from[%zu]", at, k);
		if (prefix_is_set(&p->from[k]))
			check_outside(c, o, from, &p->from[k]);
	}
	check_group_side(c, o, groups, p->match.from + p->n_from, p->match.n_from - p->n_from, false);
	check_door(c, o, i);
	snprintf(from, sizeof from, "%s.limits.attack_per_second", at);
	if (!p->limits.attack_per_second && (p->limits.attack_per_source || p->limits.attack_hold_s))
		CHECK_FAULT(c, from, "is missing: what would be an attack?", "必要です (何を攻撃とみなすかがありません)");
}

void check_publish(struct check *c, const struct org *o)
{
	struct map ids;
	char at[48];
	map_init(&ids, 2 * LIST_MAX);
	for (size_t i = 0; i < o->n_fw; i++)
		if (o->fw[i].id[0] && map_put(&ids, str_from(o->fw[i].id), c) < 0)
			c->faults->lost = true;
	for (size_t i = 0; i < o->n_publish; i++) {
		struct str id = str_from(o->publish[i].id);
		snprintf(at, sizeof at, ".publish[%zu].id", i);
		if (id.len && map_get(&ids, id))
			CHECK_FAULT(c, at, "stands here twice, or is a rule's", "同じ番号が 2 回あるか、規則番号と同じです");
		else if (id.len && map_put(&ids, id, c) < 0)
			c->faults->lost = true;
		check_entry(c, o, i);
	}
	map_done(&ids);
}
