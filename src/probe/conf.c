/* See conf.h. */
#include "probe/conf.h"

#include "base/mem.h"

#include <yyjson.h>

static bool text(yyjson_val *obj, const char *key, char *dst, size_t size)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	struct str s = { yyjson_get_str(v), yyjson_get_len(v) };
	return s.ptr && s.len && str_copy(s, dst, size);
}

static bool number(yyjson_val *obj, const char *key, uint64_t min, uint64_t max, uint32_t *ret)
{
	yyjson_val *v = yyjson_obj_get(obj, key);
	if (!yyjson_is_uint(v) || yyjson_get_uint(v) < min || yyjson_get_uint(v) > max)
		return false;
	*ret = (uint32_t)yyjson_get_uint(v);
	return true;
}

static bool line(yyjson_val *v, struct conf_line *l)
{
	size_t i, n;
	yyjson_val *p;
	if (!text(v, "name", l->name, sizeof l->name) || !text(v, "interface", l->interface, sizeof l->interface) ||
	    !text(v, "inbound", l->inbound, sizeof l->inbound))
		return false;
	yyjson_arr_foreach(yyjson_obj_get(v, "probes"), i, n, p) {
		struct str s = { yyjson_get_str(p), yyjson_get_len(p) };
		if (l->n_probes == CONF_PROBES || !s.ptr || !str_copy(s, l->probes[l->n_probes++], sizeof l->probes[0]))
			return false;
	}
	return l->n_probes > 0;
}

static bool parse(yyjson_val *root, struct conf *c)
{
	size_t i, n;
	yyjson_val *v;
	if (!number(root, "probe_ms", 20, 60000, &c->probe_ms) || !number(root, "lost", 1, 1000, &c->lost) ||
	    !number(root, "loss_percent", 0, 100, &c->loss_percent) || !number(root, "loss_rounds", 1, 64, &c->loss_rounds) ||
	    !number(root, "back_s", 0, 86400, &c->back_s))
		return false;
	if (yyjson_obj_get(root, "drift_ms") &&
	    (!number(root, "drift_ms", 1, 86400000, &c->drift_ms) || !number(root, "silent_s", 2, 86400, &c->silent_s)))
		return false;
	yyjson_arr_foreach(yyjson_obj_get(root, "lines"), i, n, v)
		if (c->n_lines == CONF_LINES || !line(v, &c->lines[c->n_lines++]))
			return false;
	yyjson_arr_foreach(yyjson_obj_get(root, "orgs"), i, n, v) {
		uint32_t index;
		if (!number(v, "index", 1, CONF_ORGS - 1, &index) || !text(v, "code", c->codes[index], sizeof c->codes[0]))
			return false;
	}
	return c->n_lines > 0;
}

int conf_parse(struct str json, struct conf *ret, struct err *err)
{
	*ret = (struct conf){ .codes = mem_array(CONF_ORGS, sizeof *ret->codes) };
	if (!ret->codes)
		return err_set(err, E_NOMEM, "probed.json", "no memory");
	yyjson_doc *doc = yyjson_read(json.ptr, json.len, 0);
	bool ok = doc && parse(yyjson_doc_get_root(doc), ret);
	yyjson_doc_free(doc);
	return ok ? 0 : err_set(err, E_INVALID, "probed.json", "malformed");
}

void conf_done(struct conf *c)
{
	mem_free(c->codes);
	*c = (struct conf){ 0 };
}
