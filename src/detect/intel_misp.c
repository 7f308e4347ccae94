/* MISP: the event files of a feed ({"Event": {…}}), a list of them, or an answer to restSearch ({"response": […]}). See intel.h.
 * Taken are attributes that MISP itself calls fit for detection (to_ids); of a composed type the half that can be looked for. */
#include "detect/intel.h"

#include "base/err.h"
#include "base/mem.h"

#include <yyjson.h>

#define DEPTH 4

static struct str text(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

static const struct {
	const char *type;
	enum intel_kind kind;
	int half; /* of "a|b": 0 the first, 1 the second; -1: whole */
} types[] = {
	{ "domain", INTEL_NAME, -1 }, { "hostname", INTEL_NAME, -1 }, { "domain|ip", INTEL_NAME, 0 }, { "hostname|port", INTEL_NAME, 0 },
	{ "ip-src", INTEL_ADDRESS, -1 }, { "ip-dst", INTEL_ADDRESS, -1 }, { "ip-src|port", INTEL_ADDRESS, 0 }, { "ip-dst|port", INTEL_ADDRESS, 0 },
	{ "url", INTEL_URL, -1 }, { "link", INTEL_URL, -1 },
	{ "md5", INTEL_HASH, -1 }, { "sha1", INTEL_HASH, -1 }, { "sha256", INTEL_HASH, -1 },
	{ "filename|md5", INTEL_HASH, 1 }, { "filename|sha1", INTEL_HASH, 1 }, { "filename|sha256", INTEL_HASH, 1 },
	{ "malware-sample", INTEL_HASH, 1 }, { "ja4-fingerprint", INTEL_JA4, -1 },
};

struct reading {
	struct intel *i;
	struct str info; /* of the event */
	int confidence;
	int64_t event_ms;
};

/* threat_level_id: 1 high, 2 medium, 3 low, 4 undefined. Not a confidence, but the nearest that MISP's events hold. */
static int confidence_of(yyjson_val *event)
{
	struct str s = text(yyjson_obj_get(event, "threat_level_id"));
	char c = s.len == 1 ? *s.ptr : '0';
	return c == '1' ? 85 : c == '2' ? 60 : c == '3' ? 35 : -1;
}

/* Seconds since 1970, as text or number. */
static int64_t seconds(yyjson_val *v)
{
	uint64_t s = yyjson_get_uint(v);
	if (yyjson_is_str(v) && !str_to_u64(text(v), 100000000000ull, &s))
		return 0;
	return s <= 100000000000ull ? (int64_t)s * 1000 : 0;
}

static bool is_true(yyjson_val *v)
{
	return yyjson_get_bool(v) || str_eq(text(v), STR("1")) || str_case_eq(text(v), STR("true")) || (yyjson_is_uint(v) && yyjson_get_uint(v) == 1);
}

static struct str half_of(struct str value, int half)
{
	const char *bar = half < 0 || !value.len ? NULL : memchr(value.ptr, '|', value.len);
	if (!bar)
		return value;
	return half == 0 ? (struct str){ value.ptr, (size_t)(bar - value.ptr) }
	                 : (struct str){ bar + 1, value.len - (size_t)(bar + 1 - value.ptr) };
}

static void read_attribute(struct reading *r, yyjson_val *a)
{
	struct str type = text(yyjson_obj_get(a, "type"));
	if (!is_true(yyjson_obj_get(a, "to_ids")))
		return;
	if (is_true(yyjson_obj_get(a, "deleted"))) {
		intel_refuse(r->i, INTEL_REVOKED);
		return;
	}
	int64_t seen = seconds(yyjson_obj_get(a, "timestamp"));
	struct intel_entry e = { .uid = text(yyjson_obj_get(a, "uuid")), .name = r->info, .confidence = r->confidence,
		.from_ms = seen ? seen : r->event_ms };
	for (size_t k = 0; k < ARRAY_LEN(types); k++)
		if (str_eq(type, str_from(types[k].type))) {
			e.value = half_of(text(yyjson_obj_get(a, "value")), types[k].half);
			intel_put(r->i, types[k].kind, &e);
			return;
		}
	intel_refuse(r->i, INTEL_UNSUPPORTED);
}

static void read_attributes(struct reading *r, yyjson_val *list)
{
	size_t i, n;
	yyjson_val *a;
	yyjson_arr_foreach(list, i, n, a)
		read_attribute(r, a);
}

static bool read_event(struct intel *i, yyjson_val *event)
{
	size_t k, n;
	yyjson_val *o;
	struct reading r = { .i = i, .info = text(yyjson_obj_get(event, "info")), .confidence = confidence_of(event),
		.event_ms = seconds(yyjson_obj_get(event, "timestamp")) };
	if (!yyjson_is_obj(event) || (!yyjson_obj_get(event, "Attribute") && !yyjson_obj_get(event, "Object")))
		return false;
	read_attributes(&r, yyjson_obj_get(event, "Attribute"));
	yyjson_arr_foreach(yyjson_obj_get(event, "Object"), k, n, o)
		read_attributes(&r, yyjson_obj_get(o, "Attribute"));
	return true;
}

static bool read_any(struct intel *i, yyjson_val *v, unsigned depth)
{
	size_t k, n;
	yyjson_val *x;
	bool any = false;
	if (depth == 0)
		return false;
	if (yyjson_is_arr(v)) {
		yyjson_arr_foreach(v, k, n, x)
			any |= read_any(i, x, depth - 1);
		return any;
	}
	if ((x = yyjson_obj_get(v, "Event")))
		return read_event(i, x);
	x = yyjson_obj_get(v, "response");
	return x && read_any(i, x, depth - 1);
}

int intel_read_misp(struct intel *i, struct str json, const char *file, struct err *err)
{
	yyjson_read_err why = { 0 };
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, NULL, &why);
	if (!doc)
		return err_set(err, E_INVALID, file, "not JSON: %s at byte %zu", why.msg, why.pos);
	bool any = read_any(i, yyjson_doc_get_root(doc), DEPTH);
	yyjson_doc_free(doc);
	return any ? 0 : err_set(err, E_INVALID, file, "neither a STIX bundle nor a MISP event (a feed's manifest holds no values)");
}
