/* userd.json as read; see directory.h. Our own compiler wrote it: a fault refuses it whole. */
#include "users/directory.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <stdio.h>

static bool text(struct arena *a, yyjson_val *o, const char *key, const char **ret)
{
	struct str s = ctl_str(o, key);
	*ret = s.ptr && !memchr(s.ptr, 0, s.len) ? arena_strdup(a, s) : NULL;
	return *ret;
}

static bool address(yyjson_val *o, const char *key, struct prefix *ret)
{
	struct str s = ctl_str(o, key);
	*ret = (struct prefix){ 0 };
	return s.ptr && (s.len == 0 || prefix_parse(s, ret) == 0);
}

static bool read_lists(struct arena *a, yyjson_val *o, struct directory *d)
{
	yyjson_val *servers = yyjson_obj_get(o, "servers"), *groups = yyjson_obj_get(o, "groups"), *v;
	size_t i, n;
	d->servers = arena_array(a, yyjson_arr_size(servers) + 1, sizeof *d->servers);
	d->groups = arena_array(a, yyjson_arr_size(groups) + 1, sizeof *d->groups);
	if (!d->servers || !d->groups || yyjson_arr_size(groups) > USER_GROUPS_MAX)
		return false;
	yyjson_arr_foreach(servers, i, n, v)
		if (!yyjson_is_str(v) || prefix_parse(str_from(yyjson_get_str(v)), &d->servers[d->n_servers++]) < 0)
			return false;
	yyjson_arr_foreach(groups, i, n, v) {
		struct user_group *g = &d->groups[d->n_groups++];
		if (!text(a, v, "name", &g->name) || !text(a, v, "dn", &g->dn) || strlen(g->name) >= USER_GROUP_NAME)
			return false;
	}
	return d->n_servers > 0;
}

static bool read_one(struct arena *a, yyjson_val *o, const char *ca_dir, struct directory *d)
{
	uint64_t port = ctl_u64(o, "port", 0);
	*d = (struct directory){ .ldaps = ctl_bool(o, "ldaps", true), .port = (uint16_t)port };
	if (!str_copy(ctl_str(o, "code"), d->code, sizeof d->code) || port < 1 || port > 65535)
		return false;
	int n = snprintf(d->ca, sizeof d->ca, "%s/%s.pem", ca_dir, d->code);
	return n > 0 && (size_t)n < sizeof d->ca && address(o, "from4", &d->from4) && address(o, "from6", &d->from6) && text(a, o, "host", &d->host) &&
	       text(a, o, "base", &d->base) && text(a, o, "filter", &d->filter) && text(a, o, "name", &d->name) &&
	       text(a, o, "groups_attribute", &d->groups_attribute) && text(a, o, "bind_dn", &d->bind_dn) &&
	       text(a, o, "bind_secret", &d->bind_secret) && text(a, o, "bind_as", &d->bind_as) && text(a, o, "keytab", &d->keytab) &&
	       text(a, o, "proxy", &d->proxy) && read_lists(a, o, d);
}

int directories_parse(struct str json, const char *ca_dir, struct directories **ret, struct err *err)
{
	struct directories *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	arena_init(&c->arena, 2 * DIRECTORY_CONFIG_MAX);
	yyjson_doc *doc = json.len <= DIRECTORY_CONFIG_MAX ? yyjson_read(json.ptr, json.len, 0) : NULL;
	yyjson_val *orgs = yyjson_obj_get(yyjson_doc_get_root(doc), "orgs"), *v;
	size_t i, n;
	bool ok = yyjson_is_arr(orgs) && (c->list = arena_array(&c->arena, yyjson_arr_size(orgs) + 1, sizeof *c->list));
	if (ok)
		yyjson_arr_foreach(orgs, i, n, v)
			ok = ok && read_one(&c->arena, v, ca_dir, &c->list[c->n++]);
	yyjson_doc_free(doc);
	if (!ok) {
		directories_destroy(&c);
		return err_set(err, E_INVALID, "userd.json", "malformed");
	}
	*ret = c;
	return 0;
}

void directories_destroy(struct directories **d)
{
	if (*d)
		arena_done(&(*d)->arena);
	mem_free(*d);
	*d = NULL;
}

const struct directory *directory_find(const struct directories *d, const char *code)
{
	for (size_t i = 0; i < d->n; i++)
		if (strcmp(d->list[i].code, code) == 0)
			return &d->list[i];
	return NULL;
}
