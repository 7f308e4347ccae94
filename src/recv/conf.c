/* See conf.h. */
#include "recv/conf.h"

#include "base/mem.h"
#include "normalise/orgs.h"

#include <stdlib.h>
#include <strings.h>
#include <yyjson.h>

static struct str text_of(yyjson_val *obj, const char *key)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

static bool address(yyjson_val *obj, const char *key, struct conf_addr *ret)
{
	*ret = (struct conf_addr){ 0 };
	ret->family = (uint8_t)orgs_address(text_of(obj, key), ret->addr);
	return ret->family != 0;
}

static bool number(yyjson_val *obj, const char *key, uint64_t max, uint64_t *ret)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	*ret = yyjson_get_uint(v);
	return yyjson_is_uint(v) && *ret <= max;
}

static bool source(yyjson_val *v, struct conf_source *s)
{
	uint64_t zone, silent;
	struct str certificate = text_of(v, "certificate"), format = text_of(v, "format");
	*s = (struct conf_source){ 0 };
	if (!str_copy(text_of(v, "name"), s->name, sizeof s->name) || !s->name[0] || !str_copy(text_of(v, "addr"), s->ip, sizeof s->ip) ||
	    !address(v, "addr", &s->addr) || !number(v, "zone_s", 86400, &zone) || !number(v, "silent_s", UINT32_MAX, &silent))
		return false;
	if (!str_copy(text_of(v, "hostname"), s->hostname, sizeof s->hostname))
		return false;
	s->format = device_format_find(format);
	s->zone_s = (int32_t)zone;
	s->silent_s = (uint32_t)silent;
	s->has_certificate = certificate.len > 0;
	return !s->has_certificate || hex_parse(certificate, s->certificate, sizeof s->certificate);
}

int conf_addr_compare(const struct conf_addr *a, const struct conf_addr *b)
{
	return a->family != b->family ? a->family - b->family : memcmp(a->addr, b->addr, sizeof a->addr);
}

static int by_address(const void *a, const void *b)
{
	const struct conf_source *x = a, *y = b;
	int r = conf_addr_compare(&x->addr, &y->addr);
	return r ? r : strcasecmp(x->hostname, y->hostname);
}

static bool org(yyjson_val *v, struct conf_org *o)
{
	size_t i, n;
	yyjson_val *one, *list = yyjson_obj_get(v, "sources");
	if (!str_copy(text_of(v, "code"), o->code, sizeof o->code) || !str_copy(text_of(v, "interface"), o->interface, sizeof o->interface) ||
	    !o->code[0] || yyjson_arr_size(list) > CONF_SOURCES)
		return false;
	o->sources = mem_array(yyjson_arr_size(list) + 1, sizeof *o->sources);
	if (!o->sources)
		return false;
	yyjson_arr_foreach(list, i, n, one)
		if (!source(one, &o->sources[o->n++]))
			return false;
	qsort(o->sources, o->n, sizeof *o->sources, by_address);
	return true;
}

static bool parse(yyjson_val *root, struct conf *c)
{
	size_t i, n;
	uint64_t port, tls;
	yyjson_val *v, *list = yyjson_obj_get(root, "orgs");
	if (!number(root, "port", 65535, &port) || !number(root, "tls_port", 65535, &tls) || yyjson_arr_size(list) > CONF_ORGS)
		return false;
	c->port = (uint16_t)port;
	c->tls_port = (uint16_t)tls;
	address(root, "addr4", &c->addr4);
	address(root, "addr6", &c->addr6);
	c->orgs = mem_array(yyjson_arr_size(list) + 1, sizeof *c->orgs);
	if (!c->orgs)
		return false;
	yyjson_arr_foreach(list, i, n, v)
		if (!org(v, &c->orgs[c->n++]))
			return false;
	return true;
}

int conf_parse(struct str json, struct conf *ret, struct err *err)
{
	*ret = (struct conf){ 0 };
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	bool ok = doc && parse(yyjson_doc_get_root(doc), ret);
	yyjson_doc_free(doc);
	if (ok)
		return 0;
	conf_done(ret);
	return err_set(err, E_INVALID, "recvd.json", "malformed");
}

void conf_done(struct conf *c)
{
	for (size_t i = 0; i < c->n; i++)
		mem_free(c->orgs[i].sources);
	mem_free(c->orgs);
	*c = (struct conf){ 0 };
}
