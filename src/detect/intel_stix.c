/* STIX 2.1 bundles: their `indicator` objects (OASIS STIX 2.1, 4.7) with patterns of the STIX pattern language (section 9). See
 * intel.h. Of that language what one event can answer: one observation expression of comparisons `=`, IN and ISSUBSET on the
 * values below, linked by OR, or several such observations linked by OR:
 *
 *   [domain-name:value = 'evil.example' OR ipv4-addr:value IN ('203.0.113.7', '203.0.113.8')] OR [url:value = 'https://…']
 *   [file:hashes.'SHA-256' = '…']      [ipv4-addr:value ISSUBSET '203.0.113.0/24']
 * AND, NOT, FOLLOWEDBY, qualifiers (WITHIN, REPEATS, START) and other operators mean more than one value alone: such an
 * indicator is left out as unsupported rather than matched too widely. */
#include "detect/intel.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"

#include <yyjson.h>

#define PATTERN_MAX 65536u
#define VALUE_MAX 4096u
#define VALUES_MAX 1000u

static struct str text(yyjson_val *v)
{
	return yyjson_is_str(v) ? (struct str){ yyjson_get_str(v), yyjson_get_len(v) } : (struct str){ "", 0 };
}

struct pattern_reader {
	struct str rest;
	const struct intel_entry *like;
	struct intel *i; /* NULL: only looks whether all of it is understood */
	unsigned values;
};

static void skip(struct pattern_reader *p)
{
	while (p->rest.len && strchr(" \t\r\n", *p->rest.ptr) && *p->rest.ptr)
		p->rest = (struct str){ p->rest.ptr + 1, p->rest.len - 1 };
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* A sign, or a whole word. */
static bool take(struct pattern_reader *p, const char *word)
{
	size_t n = strlen(word);
	skip(p);
	if (p->rest.len < n || memcmp(p->rest.ptr, word, n) != 0 || (is_word(*word) && p->rest.len > n && is_word(p->rest.ptr[n])))
		return false;
	p->rest = (struct str){ p->rest.ptr + n, p->rest.len - n };
	return true;
}

/* 'it\'s' */
static bool take_string(struct pattern_reader *p, struct buf *b)
{
	buf_reset(b);
	if (!take(p, "'"))
		return false;
	while (p->rest.len && *p->rest.ptr != '\'') {
		size_t at = *p->rest.ptr == '\\' && p->rest.len > 1;
		buf_putc(b, p->rest.ptr[at]);
		p->rest = (struct str){ p->rest.ptr + at + 1, p->rest.len - at - 1 };
	}
	return take(p, "'") && !b->failed;
}

static bool take_path(struct pattern_reader *p, enum intel_kind *ret)
{
	static const struct {
		const char *path;
		enum intel_kind kind;
	} paths[] = {
		{ "domain-name:value", INTEL_NAME }, { "ipv4-addr:value", INTEL_ADDRESS }, { "ipv6-addr:value", INTEL_ADDRESS }, { "url:value", INTEL_URL },
		{ "file:hashes.'SHA-256'", INTEL_HASH }, { "file:hashes.'SHA-1'", INTEL_HASH }, { "file:hashes.'MD5'", INTEL_HASH },
		{ "file:hashes.\"SHA-256\"", INTEL_HASH }, { "file:hashes.\"SHA-1\"", INTEL_HASH },
		{ "file:hashes.SHA256", INTEL_HASH }, { "file:hashes.SHA1", INTEL_HASH }, { "file:hashes.MD5", INTEL_HASH }, { "file:hashes.md5", INTEL_HASH },
		{ "file:hashes.'SHA256'", INTEL_HASH }, { "file:hashes.'SHA1'", INTEL_HASH },
	};
	for (size_t k = 0; k < ARRAY_LEN(paths); k++)
		if (take(p, paths[k].path)) {
			*ret = paths[k].kind;
			return true;
		}
	return false;
}

static bool put(struct pattern_reader *p, enum intel_kind kind, const struct buf *b)
{
	struct intel_entry e = *p->like;
	e.value = buf_view(b);
	if (++p->values > VALUES_MAX || !e.value.len)
		return false;
	if (p->i)
		intel_put(p->i, kind, &e);
	return true;
}

static bool take_list(struct pattern_reader *p, enum intel_kind kind, struct buf *b)
{
	if (!take(p, "("))
		return false;
	do {
		if (!take_string(p, b) || !put(p, kind, b))
			return false;
	} while (take(p, ","));
	return take(p, ")");
}

static bool take_comparison(struct pattern_reader *p, struct buf *b)
{
	enum intel_kind kind;
	if (!take_path(p, &kind))
		return false;
	if (take(p, "IN"))
		return take_list(p, kind, b);
	bool subset = kind == INTEL_ADDRESS && take(p, "ISSUBSET");
	return (subset || take(p, "=")) && take_string(p, b) && put(p, kind, b);
}

static bool read_pattern(struct pattern_reader *p)
{
	struct buf b;
	buf_init(&b, VALUE_MAX);
	bool ok = true;
	do {
		ok = take(p, "[");
		do
			ok = ok && take_comparison(p, &b);
		while (ok && take(p, "OR"));
		ok = ok && take(p, "]");
	} while (ok && take(p, "OR"));
	skip(p);
	buf_done(&b);
	return ok && p->rest.len == 0;
}

static int64_t time_of(yyjson_val *v)
{
	int64_t ms = 0;
	struct str s = text(v);
	return s.len && clock_parse(s.ptr, s.len, &ms) == 0 ? ms : 0;
}

static void read_indicator(struct intel *i, yyjson_val *o)
{
	struct str type = text(yyjson_obj_get(o, "pattern_type")), pattern = text(yyjson_obj_get(o, "pattern"));
	yyjson_val *confidence = yyjson_obj_get(o, "confidence");
	struct intel_entry e = { .uid = text(yyjson_obj_get(o, "id")), .name = text(yyjson_obj_get(o, "name")), .confidence = -1,
		.from_ms = time_of(yyjson_obj_get(o, "valid_from")), .until_ms = time_of(yyjson_obj_get(o, "valid_until")) };
	if (yyjson_is_uint(confidence) && yyjson_get_uint(confidence) <= 100)
		e.confidence = (int)yyjson_get_uint(confidence);
	if (yyjson_get_bool(yyjson_obj_get(o, "revoked"))) {
		intel_refuse(i, INTEL_REVOKED);
		return;
	}
	struct pattern_reader look = { .rest = pattern, .like = &e }, read = { .rest = pattern, .like = &e, .i = i };
	bool stix = type.len == 0 || str_eq(type, STR("stix"));
	/* All of it first: half a pattern isn't what its author meant. */
	if (!stix || pattern.len > PATTERN_MAX || !read_pattern(&look))
		intel_refuse(i, INTEL_UNSUPPORTED);
	else
		read_pattern(&read);
}

int intel_read_stix(struct intel *i, struct str json, const char *file, struct err *err)
{
	yyjson_read_err why = { 0 };
	yyjson_doc *doc = yyjson_read_opts((char *)(uintptr_t)json.ptr, json.len, 0, NULL, &why);
	if (!doc)
		return err_set(err, E_INVALID, file, "not JSON: %s at byte %zu", why.msg, why.pos);
	yyjson_val *root = yyjson_doc_get_root(doc), *objects = yyjson_obj_get(root, "objects"), *o;
	size_t k, n;
	int r = 0;
	if (!str_eq(text(yyjson_obj_get(root, "type")), STR("bundle")))
		r = err_set(err, E_INVALID, file, "no STIX bundle");
	yyjson_arr_foreach(objects, k, n, o)
		if (r == 0 && str_eq(text(yyjson_obj_get(o, "type")), STR("indicator")))
			read_indicator(i, o);
	yyjson_doc_free(doc);
	return r;
}
