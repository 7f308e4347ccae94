/* The exported JSON Schema and manual: valid JSON, every member there, and the schema takes what the reader takes. */
#include "base/test.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include "model/manual.h"
#include "model/model_test.h"
#include "model/schema.h"

#include <pcre2.h>
#include <yyjson.h>

static yyjson_doc *schema_doc(bool ja)
{
	struct buf b;
	buf_init(&b, MIB);
	model_json_schema(&b, ja);
	assert_int_equal(b.failed, 0);
	yyjson_doc *doc = yyjson_read(b.ptr, b.len, 0);
	assert_non_null(doc);
	buf_done(&b);
	return doc;
}

static size_t every_member(yyjson_val *defs, const struct object *o)
{
	size_t n = 0;
	yyjson_val *def = yyjson_obj_get(defs, o->name), *properties = yyjson_obj_get(def, "properties");
	assert_non_null(properties);
	SCHEMA_EACH(f, o) {
		yyjson_val *p = yyjson_obj_get(properties, f->name);
		assert_non_null(p);
		assert_true(yyjson_get_len(yyjson_obj_get(p, "description")) > 2);
		n += 1 + (f->sub ? every_member(defs, f->sub) : 0);
	}
	assert_true(yyjson_equals_str(yyjson_obj_get(def, "type"), "object"));

	return n;
}

static void test_members(void **state)
{
	(void)state;
	for (int ja = 0; ja < 2; ja++) {
		yyjson_doc *doc = schema_doc(ja);
		yyjson_val *defs = yyjson_obj_get(yyjson_doc_get_root(doc), "$defs");
		assert_true(every_member(defs, &schema_service) > 30);
		assert_true(every_member(defs, &schema_prefecture) >= 4);
		assert_true(every_member(defs, &schema_org) > 70);
		yyjson_doc_free(doc);
	}
}

/* ---- as much of a validator as the export uses */

static bool matches(const char *regex, struct str s)
{
	int error;
	PCRE2_SIZE at;
	pcre2_code *re = pcre2_compile((PCRE2_SPTR)regex, PCRE2_ZERO_TERMINATED, PCRE2_UTF | PCRE2_DOLLAR_ENDONLY, &error, &at, NULL);
	assert_non_null(re);
	pcre2_match_data *m = pcre2_match_data_create_from_pattern(re, NULL);
	bool r = pcre2_match(re, (PCRE2_SPTR)s.ptr, s.len, 0, 0, m, NULL) >= 0;
	pcre2_match_data_free(m);
	pcre2_code_free(re);
	return r;
}

static size_t checked;
static bool valid(yyjson_val *root, yyjson_val *s, yyjson_val *v);

static bool valid_object(yyjson_val *root, yyjson_val *s, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *key, *val, *properties = yyjson_obj_get(s, "properties");
	yyjson_arr_foreach(yyjson_obj_get(s, "required"), i, n, val)
		if (!yyjson_obj_get(v, yyjson_get_str(val)))
			return false;
	yyjson_obj_foreach(v, i, n, key, val) {
		yyjson_val *p = yyjson_obj_get(properties, yyjson_get_str(key));
		if (!p || !valid(root, p, val))
			return false;
	}
	return true;
}

static bool valid_text(yyjson_val *s, yyjson_val *v)
{
	yyjson_val *pattern = yyjson_obj_get(s, "pattern"), *most = yyjson_obj_get(s, "maxLength");
	struct str t = { yyjson_get_str(v), yyjson_get_len(v) };
	return yyjson_is_str(v) && t.len >= yyjson_get_uint(yyjson_obj_get(s, "minLength")) && (!most || t.len <= yyjson_get_uint(most)) &&
	       (!pattern || matches(yyjson_get_str(pattern), t));
}

static bool valid_list(yyjson_val *root, yyjson_val *s, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *item;
	if (!yyjson_is_arr(v) || yyjson_arr_size(v) < yyjson_get_uint(yyjson_obj_get(s, "minItems")) ||
	    yyjson_arr_size(v) > yyjson_get_uint(yyjson_obj_get(s, "maxItems")))
		return false;
	yyjson_arr_foreach(v, i, n, item)
		if (!valid(root, yyjson_obj_get(s, "items"), item))
			return false;
	return true;
}

static bool in_list(yyjson_val *list, yyjson_val *v)
{
	size_t i, n;
	yyjson_val *item;
	yyjson_arr_foreach(list, i, n, item)
		if (yyjson_equals(item, v))
			return true;
	return false;
}

static bool valid(yyjson_val *root, yyjson_val *s, yyjson_val *v)
{
	const char *ref = yyjson_get_str(yyjson_obj_get(s, "$ref")), *type;
	checked++;
	if (ref)
		return valid(root, yyjson_obj_get(yyjson_obj_get(root, "$defs"), strrchr(ref, '/') + 1), v);
	if (yyjson_obj_get(s, "const"))
		return yyjson_equals(yyjson_obj_get(s, "const"), v);
	if (yyjson_obj_get(s, "enum"))
		return in_list(yyjson_obj_get(s, "enum"), v);
	type = yyjson_get_str(yyjson_obj_get(s, "type"));
	assert_non_null(type);
	if (strcmp(type, "object") == 0)
		return yyjson_is_obj(v) && valid_object(root, s, v);
	if (strcmp(type, "array") == 0)
		return valid_list(root, s, v);
	if (strcmp(type, "string") == 0)
		return valid_text(s, v);
	if (strcmp(type, "boolean") == 0)
		return yyjson_is_bool(v);
	assert_string_equal(type, "integer");
	return yyjson_is_uint(v) && yyjson_get_uint(v) >= yyjson_get_uint(yyjson_obj_get(s, "minimum")) &&
	       yyjson_get_uint(v) <= yyjson_get_uint(yyjson_obj_get(s, "maximum"));
}

static void test_accepts(void **state)
{
	static const char *const wrong[][2] = { { "\"city\"", "\"cty\"" }, { "\"index\": 1", "\"index\": 0" },
		                                { "\"o412015\"", "\"O412015\"" }, { "\"code\": \"412015\", ", "" },
		                                { "\"staff\"", "\"stuff\"" } };
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	yyjson_doc *schema = schema_doc(false), *doc = yyjson_read(text, strlen(text), 0);
	struct model *m = NULL;
	struct faults f = { 0 };
	struct buf b;
	(void)state;
	assert_true(valid(yyjson_doc_get_root(schema), yyjson_doc_get_root(schema), yyjson_doc_get_root(doc)));
	yyjson_doc_free(doc);
	assert_int_equal(model_load_canonical(str_from(text), &m, &f, NULL), 0);
	doc = yyjson_read(m->canonical, m->canonical_len, 0); /* with all defaults */
	assert_true(valid(yyjson_doc_get_root(schema), yyjson_doc_get_root(schema), yyjson_doc_get_root(doc)));
	assert_true(checked > 300);
	yyjson_doc_free(doc);
	model_destroy(&m);
	buf_init(&b, MIB);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
		const char *at = strstr(text, wrong[i][0]);
		assert_non_null(at);
		buf_reset(&b);
		buf_put(&b, text, (size_t)(at - text));
		buf_puts(&b, wrong[i][1]);
		buf_puts(&b, at + strlen(wrong[i][0]));
		doc = yyjson_read(b.ptr, b.len, 0);
		assert_non_null(doc);
		assert_false(valid(yyjson_doc_get_root(schema), yyjson_doc_get_root(schema), yyjson_doc_get_root(doc)));
		yyjson_doc_free(doc);
	}
	buf_done(&b);
	yyjson_doc_free(schema);
}

static void has_members(const char *manual, const struct object *o)
{
	char row[96];
	SCHEMA_EACH(f, o) {
		snprintf(row, sizeof row, "\n| `%s` | ", f->name);
		assert_non_null(strstr(manual, row));
		if (f->sub)
			has_members(manual, f->sub);
	}
}

static void test_manual(void **state)
{
	(void)state;
	for (int ja = 0; ja < 2; ja++) {
		struct buf b;
		buf_init(&b, MIB);
		model_manual(&b, ja);
		const char *text = buf_cstr(&b);
		has_members(text, &schema_service);
		has_members(text, &schema_prefecture);
		has_members(text, &schema_org);
		assert_int_equal(b.failed, 0);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_members), cmocka_unit_test(test_accepts), cmocka_unit_test(test_manual) };
	return cmocka_run_group_tests_name("model/schema", tests, NULL, NULL);
}
