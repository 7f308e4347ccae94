/* See conf.h. */
#include "pair/conf.h"

#include "base/mem.h"

#include <arpa/inet.h>
#include <yyjson.h>

static bool text(yyjson_val *v, char *dst, size_t size)
{
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	return s.ptr && s.len && str_copy(s, dst, size);
}

static bool names(yyjson_val *v, char (**ret)[16], unsigned *ret_n)
{
	size_t i, n = yyjson_arr_size(v);
	yyjson_val *one;
	if (!yyjson_is_arr(v) || n > PAIR_LINKS || !(*ret = mem_array(n + 1, sizeof **ret)))
		return false;
	yyjson_arr_foreach(v, i, n, one)
		if (!text(one, (*ret)[(*ret_n)++], 16))
			return false;
	return true;
}

static bool announced(yyjson_val *v, struct pair_announced *a)
{
	char address[64];
	if (!text(yyjson_obj_get(v, "interface"), a->interface, sizeof a->interface) || !text(yyjson_obj_get(v, "address"), address, sizeof address))
		return false;
	a->family = strchr(address, ':') ? 6 : 4;
	return inet_pton(a->family == 6 ? AF_INET6 : AF_INET, address, a->address) == 1;
}

static bool all_announced(yyjson_val *v, struct pair_conf *c)
{
	size_t i, n = yyjson_arr_size(v);
	yyjson_val *one;
	if (!yyjson_is_arr(v) || n > PAIR_ANNOUNCED || !(c->announced = mem_array(n + 1, sizeof *c->announced)))
		return false;
	yyjson_arr_foreach(v, i, n, one)
		if (!announced(one, &c->announced[c->n_announced++]))
			return false;
	return true;
}

static bool parse_nodes(yyjson_val *root, struct pair_nodes *n)
{
	yyjson_val *nodes = yyjson_obj_get(root, "nodes");
	struct in_addr a;
	bool ok = yyjson_arr_size(nodes) == PAIR_NODES;
	for (unsigned i = 0; ok && i < PAIR_NODES; i++) {
		yyjson_val *node = yyjson_arr_get(nodes, i);
		ok = text(yyjson_obj_get(node, "name"), n->names[i], sizeof n->names[i]) &&
		     text(yyjson_obj_get(node, "sync4"), n->sync4[i], sizeof n->sync4[i]) && inet_pton(AF_INET, n->sync4[i], &a) == 1;
	}
	return ok;
}

static bool parse(yyjson_val *root, struct pair_conf *c)
{
	yyjson_val *mark = yyjson_obj_get(root, "mark");
	if (!parse_nodes(root, &c->nodes) || !yyjson_is_uint(mark) || yyjson_get_uint(mark) > 100)
		return false;
	c->mark = (uint32_t)yyjson_get_uint(mark);
	return names(yyjson_obj_get(root, "uplinks"), &c->uplinks, &c->n_uplinks) && c->n_uplinks > 0 &&
	       names(yyjson_obj_get(root, "attachments"), &c->attachments, &c->n_attachments) && all_announced(yyjson_obj_get(root, "announce"), c);
}

int pair_conf_parse(struct str json, struct pair_conf *ret, struct err *err)
{
	*ret = (struct pair_conf){ 0 };
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	bool ok = doc && parse(yyjson_doc_get_root(doc), ret);
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_INVALID, "paird.json", "malformed");
}

void pair_conf_done(struct pair_conf *c)
{
	mem_free(c->uplinks);
	mem_free(c->attachments);
	mem_free(c->announced);
	*c = (struct pair_conf){ 0 };
}

int pair_nodes_parse(struct str json, struct pair_nodes *ret, struct err *err)
{
	*ret = (struct pair_nodes){ 0 };
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	bool ok = doc && parse_nodes(yyjson_doc_get_root(doc), ret);
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_INVALID, "replicad.json", "malformed");
}
