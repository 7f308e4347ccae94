/* Names become what they stand for: rules point to their groups' members and to their schedule before anything looks at
 * them, so that checks, compiler and simulation can't each read them otherwise. Between load.c and check.c. */
#include "model/check.h"

#include "base/mem.h"

#include <string.h>

struct resolver {
	struct arena *arena;
	struct faults *faults;
	const struct service *service;
	const struct org *org;
	struct path path;
	bool no_memory;
	bool unread; /* service.json (faults.h) */
};

static void unknown(struct resolver *r, const char *list, size_t i)
{
	size_t before = path_push(&r->path, "%s[%zu]", list, i);
	if (!r->unread && !fault_under(r->faults, r->path.s))
		fault_add(r->faults, r->path.s, "no group of that name, neither the organisation's nor the service's",
		          "この名前のグループは、団体にもサービスにもありません");
	path_pop(&r->path, before);
}

static const struct address_group *addresses_in(const struct address_group *g, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(g[i].name, name) == 0)
			return &g[i];
	return NULL;
}

static const struct service_group *services_in(const struct service_group *g, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(g[i].name, name) == 0)
			return &g[i];
	return NULL;
}

static const struct schedule *schedule_in(const struct schedule *s, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(s[i].name, name) == 0)
			return &s[i];
	return NULL;
}

static const struct address_group *addresses(const struct resolver *r, const char *name)
{
	const struct address_group *g = addresses_in(r->org->address_groups, r->org->n_address_groups, name);
	return g ? g : addresses_in(r->service->address_groups, r->service->n_address_groups, name);
}

static const struct service_group *services(const struct resolver *r, const char *name)
{
	const struct service_group *g = services_in(r->org->service_groups, r->org->n_service_groups, name);
	return g ? g : services_in(r->service->service_groups, r->service->n_service_groups, name);
}

struct named {
	const char *list; /* ".from_groups" */
	const char **names;
	size_t n;
};

/* The literal prefixes and those of the groups. */
static void prefixes(struct resolver *r, const struct prefix *own, size_t n_own, const struct named *g, const struct prefix **ret, size_t *ret_n)
{
	size_t n = n_own;
	for (size_t i = 0; i < g->n; i++) {
		const struct address_group *a = addresses(r, g->names[i]);
		if (!a)
			unknown(r, g->list, i);
		n += a ? a->n_members : 0;
	}
	*ret = own;
	*ret_n = n_own;
	if (g->n == 0)
		return;
	struct prefix *all = arena_array(r->arena, n + 1, sizeof *all);
	if (!all) {
		r->no_memory = true;
		return;
	}
	size_t at = 0;
	for (; at < n_own; at++)
		all[at] = own[at];
	for (size_t i = 0; i < g->n; i++) {
		const struct address_group *a = addresses(r, g->names[i]);
		for (size_t k = 0; a && k < a->n_members; k++)
			all[at++] = a->members[k];
	}
	*ret = all;
	*ret_n = at;
}

static void ports(struct resolver *r, struct fw_rule *f)
{
	size_t n = 0;
	f->match.ports = &f->ports;
	f->match.n_ports = 1;
	for (size_t i = 0; i < f->n_services; i++) {
		const struct service_group *g = services(r, f->services[i]);
		if (!g)
			unknown(r, ".services", i);
		n += g ? g->n_members : 0;
	}
	if (n == 0)
		return;
	struct fw_ports *all = arena_array(r->arena, n, sizeof *all);
	if (!all) {
		r->no_memory = true;
		return;
	}
	n = 0;
	for (size_t i = 0; i < f->n_services; i++) {
		const struct service_group *g = services(r, f->services[i]);
		for (size_t k = 0; g && k < g->n_members; k++)
			all[n++] = g->members[k];
	}
	f->match.ports = all;
	f->match.n_ports = n;
}

static const struct schedule *schedule(struct resolver *r, const char *name)
{
	if (!*name)
		return NULL;
	const struct schedule *s = schedule_in(r->org->schedules, r->org->n_schedules, name);
	if (!s)
		s = schedule_in(r->service->schedules, r->service->n_schedules, name);
	if (!s && !r->unread) {
		size_t before = path_push(&r->path, ".schedule");
		fault_add(r->faults, r->path.s, "no schedule of that name, neither the organisation's nor the service's",
		          "この名前のスケジュールは、団体にもサービスにもありません");
		path_pop(&r->path, before);
	}
	return s;
}

static void one_port(struct fw_ports *p)
{
	if (p->port_low && !p->port_high)
		p->port_high = p->port_low;
}

static void rule(struct resolver *r, struct fw_rule *f, size_t i)
{
	size_t before = path_push(&r->path, ".fw[%zu]", i);
	one_port(&f->ports);
	prefixes(r, f->from, f->n_from, &(struct named){ ".from_groups", f->from_groups, f->n_from_groups }, &f->match.from, &f->match.n_from);
	prefixes(r, f->to, f->n_to, &(struct named){ ".to_groups", f->to_groups, f->n_to_groups }, &f->match.to, &f->match.n_to);
	ports(r, f);
	f->match.when = schedule(r, f->schedule);
	path_pop(&r->path, before);
}

static void publish(struct resolver *r, struct publish *p, size_t i)
{
	size_t before = path_push(&r->path, ".publish[%zu]", i);
	struct fw_ports *to = arena_array(r->arena, 1, sizeof *to);
	if (!p->server_port)
		p->server_port = p->port;
	prefixes(r, p->from, p->n_from, &(struct named){ ".from_groups", p->from_groups, p->n_from_groups }, &p->match.from, &p->match.n_from);
	if (to)
		*to = (struct fw_ports){ p->protocol, p->server_port, p->server_port };
	r->no_memory |= !to;
	p->match.to = &p->server;
	p->match.n_to = 1;
	p->match.ports = to;
	p->match.n_ports = to ? 1 : 0;
	p->match.when = schedule(r, p->schedule);
	path_pop(&r->path, before);
}

static void add_public(struct org *o, const struct prefix *p)
{
	for (size_t i = 0; i < o->n_publics; i++)
		if (memcmp(&o->publics[i], p, sizeof *p) == 0)
			return;
	if (prefix_is_set(p))
		o->publics[o->n_publics++] = *p;
}

static void publics(struct resolver *r, struct org *o)
{
	o->publics = arena_array(r->arena, o->n_publish + 4, sizeof *o->publics);
	r->no_memory |= !o->publics;
	if (!o->publics)
		return;
	add_public(o, &o->global4);
	add_public(o, &o->global6);
	add_public(o, &o->breakout.global4);
	add_public(o, &o->breakout.global6);
	for (size_t i = 0; i < o->n_publish; i++)
		add_public(o, &o->publish[i].address);
}

static void breakout(struct resolver *r, struct org *o)
{
	const struct breakout *b = &r->service->breakout;
	for (size_t i = 0; i < o->breakout.n_services; i++) {
		struct breakout_use *u = &o->breakout.services[i];
		size_t before = path_push(&r->path, ".breakout.services[%zu].service", i);
		for (size_t k = 0; k < b->n_services && !u->is; k++)
			if (strcmp(b->services[k].name, u->service) == 0)
				u->is = &b->services[k];
		if (!u->is && u->service[0] && !r->unread)
			fault_add(r->faults, r->path.s, "is none of service.breakout.services", "service.breakout.services にありません");
		path_pop(&r->path, before);
	}
}

static void inspections(struct resolver *r, struct org *o)
{
	const struct service *s = r->service;
	for (size_t i = 0; i < o->n_inspections; i++) {
		struct inspection *n = &o->inspections[i];
		size_t before = path_push(&r->path, ".inspections[%zu].inspector", i);
		for (size_t k = 0; k < s->n_inspectors && !n->is; k++)
			if (strcmp(s->inspectors[k].name, n->inspector) == 0)
				n->is = &s->inspectors[k];
		if (!n->is && n->inspector[0] && !r->unread)
			fault_add(r->faults, r->path.s, "is none of service.inspectors", "service.inspectors にありません");
		path_pop(&r->path, before);
	}
}

static void groups(struct service_group *g, size_t n)
{
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < g[i].n_members; k++)
			one_port(&g[i].members[k]);
}

int resolve_model(struct model *m, const char *const *labels, struct faults *f)
{
	struct resolver r = { .arena = &m->arena, .faults = f, .service = &m->service, .unread = fault_file(f, "service.json") };
	groups(m->service.service_groups, m->service.n_service_groups);
	for (size_t i = 0; i < m->n_orgs; i++) {
		struct org *o = &m->orgs[i];
		r.org = o;
		size_t before = path_push(&r.path, "orgs[%s]", labels[i]);
		groups(o->service_groups, o->n_service_groups);
		for (size_t k = 0; k < o->n_fw; k++)
			rule(&r, &o->fw[k], k);
		for (size_t k = 0; k < o->n_publish; k++)
			publish(&r, &o->publish[k], k);
		publics(&r, o);
		breakout(&r, o);
		inspections(&r, o);
		path_pop(&r.path, before);
	}
	return r.no_memory ? -E_NOMEM : 0;
}
