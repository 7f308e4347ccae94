/* courierd.json as read, and where no message ever goes; see courier.h. Our own compiler wrote it: a fault refuses it whole. */
#include "courier/courier.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static char *text(struct arena *a, yyjson_val *o, const char *key)
{
	struct str s = ctl_str(o, key);
	return s.ptr && !memchr(s.ptr, 0, s.len) ? arena_strdup(a, s) : NULL;
}

static bool read_gateway(struct arena *a, yyjson_val *v, struct gateway *g)
{
	static const char *const kinds[] = { "sms", "voice", "webhook" };
	struct str kind = ctl_str(v, "kind");
	*g = (struct gateway){ .name = text(a, v, "name"), .url = text(a, v, "url"), .body = text(a, v, "body"), .form = ctl_bool(v, "form", false) };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (str_eq(kind, str_from(kinds[i]))) {
			g->kind = (enum gateway_kind)i;
			return g->name && g->url && g->body;
		}
	return false;
}

static bool read_all(struct courier *c, yyjson_val *root)
{
	yyjson_val *gs = yyjson_obj_get(root, "gateways"), *ps = yyjson_obj_get(root, "never"), *v;
	size_t i, n;
	if (!yyjson_is_arr(gs) || !yyjson_is_arr(ps))
		return false;
	c->gateways = arena_array(&c->arena, yyjson_arr_size(gs) + 1, sizeof *c->gateways);
	c->never = arena_array(&c->arena, yyjson_arr_size(ps) + 1, sizeof *c->never);
	if (!c->gateways || !c->never)
		return false;
	yyjson_arr_foreach(gs, i, n, v)
		if (!read_gateway(&c->arena, v, &c->gateways[c->n_gateways++]))
			return false;
	yyjson_arr_foreach(ps, i, n, v)
		if (!yyjson_is_str(v) || prefix_parse(str_from(yyjson_get_str(v)), &c->never[c->n_never++]) < 0)
			return false;
	return true;
}

int courier_parse(struct str json, struct courier **ret, struct err *err)
{
	struct courier *c = mem_alloc(sizeof *c);
	if (!c)
		return err_set(err, E_NOMEM, "", "no memory");
	arena_init(&c->arena, 4 * COURIER_CONFIG_MAX);
	yyjson_doc *doc = json.len <= COURIER_CONFIG_MAX ? yyjson_read(json.ptr, json.len, 0) : NULL;
	bool ok = doc && read_all(c, yyjson_doc_get_root(doc));
	yyjson_doc_free(doc);
	if (!ok) {
		courier_destroy(&c);
		return err_set(err, E_INVALID, "courierd.json", "malformed");
	}
	*ret = c;
	return 0;
}

void courier_destroy(struct courier **c)
{
	if (*c)
		arena_done(&(*c)->arena);
	mem_free(*c);
	*c = NULL;
}

const struct gateway *courier_find(const struct courier *c, const char *name)
{
	for (size_t i = 0; i < c->n_gateways; i++)
		if (strcmp(c->gateways[i].name, name) == 0)
			return &c->gateways[i];
	return NULL;
}

/* This machine, links, "this network", multicast: RFC 6890. */
static const char *const special[] = { "0.0.0.0/8", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/3", "::/127", "fe80::/10", "ff00::/8", "::ffff:0:0/96" };

bool courier_may_reach(const struct courier *c, const struct sockaddr *sa)
{
	char t[INET6_ADDRSTRLEN];
	struct prefix p, s;
	const void *a = sa->sa_family == AF_INET ? (const void *)&((const struct sockaddr_in *)(const void *)sa)->sin_addr
	                                         : (const void *)&((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr;
	if ((sa->sa_family != AF_INET && sa->sa_family != AF_INET6) || !inet_ntop(sa->sa_family, a, t, sizeof t) || prefix_parse(str_from(t), &p) < 0)
		return false;
	for (size_t i = 0; i < ARRAY_LEN(special); i++)
		if (prefix_parse(str_from(special[i]), &s) < 0 || prefix_contains(&s, &p))
			return false;
	for (size_t i = 0; i < c->n_never; i++)
		if (prefix_contains(&c->never[i], &p))
			return false;
	return true;
}
