/* From pages of TAXII to one bundle; see taxii.h. */
#include "taxii/taxii.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <stdlib.h>
#include <yyjson.h>

struct taxii_object {
	char *json;
	size_t len;
	int64_t modified_ms;
};

static struct str text(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

bool taxii_is_date(struct str s)
{
	int64_t ms;
	if (s.len < 20 || s.len >= TAXII_DATE || s.ptr[s.len - 1] != 'Z')
		return false;
	for (size_t i = 0; i < s.len; i++)
		if (!strchr("0123456789-T:.Z", s.ptr[i]) || !s.ptr[i])
			return false;
	return clock_parse(s.ptr, s.len, &ms) == 0;
}

static void forget(struct taxii_bundle *b, struct str id)
{
	struct taxii_object *o = map_del(&b->by_id, id);
	if (!o)
		return;
	b->bytes -= o->len;
	free(o->json);
	mem_free(o);
}

static bool is_over(const struct taxii_bundle *b, yyjson_val *v)
{
	struct str until = text(yyjson_obj_get(v, "valid_until"));
	int64_t ms;
	return yyjson_get_bool(yyjson_obj_get(v, "revoked")) || (until.len && clock_parse(until.ptr, until.len, &ms) == 0 && ms <= b->now_ms);
}

static int keep(struct taxii_bundle *b, yyjson_val *v, struct str id, int64_t modified_ms, struct err *err)
{
	size_t len;
	char *json = yyjson_val_write(v, 0, &len);
	struct taxii_object *o = mem_alloc(sizeof *o);
	if (!json || !o || len > TAXII_OBJECT_MAX) {
		bool large = json && o;
		free(json);
		mem_free(o);
		b->left_out += large;
		return large ? 0 : err_set(err, E_NOMEM, "", "no memory");
	}
	*o = (struct taxii_object){ json, len, modified_ms };
	forget(b, id);
	int r = b->bytes + len > TAXII_BYTES_MAX ? -E_LIMIT : map_put(&b->by_id, id, o);
	if (r == 0) {
		b->bytes += len;
		b->taken++;
		return 0;
	}
	free(json);
	mem_free(o);
	return err_set(err, E_LIMIT, "", "more than is kept: %u indicators, %u MiB", TAXII_OBJECTS_MAX, TAXII_BYTES_MAX / MIB);
}

static int take(struct taxii_bundle *b, yyjson_val *v, struct err *err)
{
	struct str id = text(yyjson_obj_get(v, "id")), modified = text(yyjson_obj_get(v, "modified"));
	int64_t modified_ms = 0;
	if (!str_eq(text(yyjson_obj_get(v, "type")), STR("indicator")) || !str_starts(id, STR("indicator--")) || id.len > 80 ||
	    clock_parse(modified.ptr, modified.len, &modified_ms) < 0) {
		b->left_out++;
		return 0;
	}
	const struct taxii_object *was = map_get(&b->by_id, id);
	if (was && modified_ms < was->modified_ms)
		return 0;
	if (is_over(b, v)) {
		b->removed += was != NULL;
		forget(b, id);
		return 0;
	}
	return keep(b, v, id, modified_ms, err);
}

int taxii_bundle_add(struct taxii_bundle *b, struct str json, char ret_next[TAXII_NEXT], struct err *err)
{
	yyjson_read_err why = { 0 };
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, NULL, &why);
	yyjson_val *root = yyjson_doc_get_root(doc), *objects = yyjson_obj_get(root, "objects"), *o;
	struct str next = text(yyjson_obj_get(root, "next"));
	size_t i, n;
	int r = 0;
	ret_next[0] = 0;
	if (!doc)
		return err_set(err, E_INVALID, "answer", "not JSON: %s at byte %zu", why.msg, why.pos);
	if (!yyjson_is_obj(root) || (objects && !yyjson_is_arr(objects)))
		r = err_set(err, E_INVALID, "answer", "no envelope of TAXII 2.1");
	yyjson_arr_foreach(objects, i, n, o)
		r = r < 0 ? r : take(b, o, err);
	if (r == 0 && yyjson_get_bool(yyjson_obj_get(root, "more")) && (!next.len || memchr(next.ptr, 0, next.len) || !str_copy(next, ret_next, TAXII_NEXT)))
		r = err_set(err, E_INVALID, "answer", "says there is more, and not where");
	yyjson_doc_free(doc);
	return r;
}

void taxii_bundle_format(const struct taxii_bundle *b, struct buf *out)
{
	struct str id;
	void *v;
	const char *comma = "";
	buf_puts(out, "{\"type\":\"bundle\",\"id\":\"bundle--54495047-7e11-4ced-8001-ca11ed000004\",\"objects\":[");
	for (size_t i = 0; map_next(&b->by_id, &i, &id, &v);) {
		const struct taxii_object *o = v;
		buf_puts(out, comma);
		buf_put(out, o->json, o->len);
		comma = ",\n";
	}
	buf_puts(out, "]}\n");
}

void taxii_bundle_init(struct taxii_bundle *b, int64_t now_ms)
{
	*b = (struct taxii_bundle){ .now_ms = now_ms };
	map_init(&b->by_id, TAXII_OBJECTS_MAX);
}

void taxii_bundle_done(struct taxii_bundle *b)
{
	struct str id;
	void *v;
	for (size_t i = 0; map_next(&b->by_id, &i, &id, &v);)
		forget(b, id);
	map_done(&b->by_id);
}
