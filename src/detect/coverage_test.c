/* Techniques and sources of a set of rules, and which of them are blind where a body sends only some of it. */
#include "detect/coverage.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static const char rules_text[] =
	"title: A\nid: a\ntags: [attack.t1110, attack.t1078.002]\nlogsource: {product: windows, service: security}\ndetection: {s: {EventID: 4625}, condition: s}\n---\n"
	"title: B \"<b>\"\nid: b\ntags: [attack.t1110]\nlogsource: {category: proxy}\ndetection: {s: {c-uri: x}, condition: s}\nx-toride: {title_ja: 乙}\n---\n"
	"title: C1\nid: c1\nname: c1\nlogsource: {category: process_creation, product: windows}\ndetection: {s: {Image: y}, condition: s}\n---\n"
	"title: C2\nid: c2\nname: c2\nlogsource: {category: dns}\ndetection: {s: {query: z}, condition: s}\n---\n"
	"title: Both\nid: both\ntags: [attack.t1568]\ncorrelation: {type: temporal, rules: [c1, c2], group-by: [src_ip], timespan: 1h}\n---\n"
	"title: Own\nid: own\ntags: [attack.t1078]\nlogsource: {product: toride, service: api}\ndetection: {s: {api.operation: approve}, condition: s}\n---\n"
	"title: D\nid: d\nlogsource: {category: nobody, product: knows}\ndetection: {s: {x: y}, condition: s}\n";

static yyjson_doc *formatted(void)
{
	struct err err = { 0 };
	struct ruleset *s;
	struct buf b;
	assert_int_equal(ruleset_load_text(str_from(rules_text), "r.yml", NULL, &s, &err), 0);
	assert_int_equal(s->n_faults, 0);
	buf_init(&b, MIB);
	coverage_format(s, &b);
	yyjson_doc *doc = yyjson_read(b.ptr, b.len, 0);
	assert_non_null(doc);
	buf_done(&b);
	ruleset_destroy(&s);
	return doc;
}

static const struct coverage_technique *technique(const struct coverage *c, const char *id)
{
	for (size_t i = 0; i < c->n_techniques; i++)
		if (str_eq(c->techniques[i].id, str_from(id)))
			return &c->techniques[i];
	fail_msg("%s", id);
	return NULL;
}

static const struct coverage_source *source(const struct coverage *c, const char *key)
{
	for (size_t i = 0; i < c->n_sources; i++)
		if (str_eq(c->sources[i].key, str_from(key)))
			return &c->sources[i];
	fail_msg("%s", key);
	return NULL;
}

static void test_all(void **state)
{
	(void)state;
	struct err err = { 0 };
	struct coverage c;
	yyjson_doc *doc = formatted();
	assert_int_equal(coverage_count(yyjson_doc_get_root(doc), &(struct coverage_seen){ 0 }, &c, &err), 0);
	assert_int_equal(c.rules, 5); /* those that a correlation stands on tell nothing by themselves */
	assert_int_equal(c.blind, 0);
	assert_int_equal(c.untagged, 1);
	assert_false(c.known);
	assert_int_equal(c.n_techniques, 4);
	assert_true(str_eq(c.techniques[0].id, STR("T1078")) && str_eq(c.techniques[1].id, STR("T1078.002")) && str_eq(c.techniques[3].id, STR("T1568")));
	assert_int_equal(technique(&c, "T1110")->rules, 2);
	assert_int_equal(source(&c, "windows")->rules, 2); /* Security's and Sysmon's are one */
	assert_int_equal(source(&c, "dns")->rules, 1);
	coverage_done(&c);
	yyjson_doc_free(doc);
}

#define SEEN "{\"p\":[{\"value\":\"squid\",\"value2\":\"412015\"},{\"value\":\"windows\",\"value2\":\"412023\"},{\"value\":\"unbound\",\"value2\":\"412015\"}]," \
	     "\"c\":[{\"value\":\"4002\",\"value2\":\"412015\"},{\"value\":\"4003\",\"value2\":\"412015\"},{\"value\":\"3002\",\"value2\":\"412023\"}]}"

static void count_of(const char *org, struct coverage *c, yyjson_doc *doc, yyjson_doc *seen)
{
	struct err err = { 0 };
	yyjson_val *root = yyjson_doc_get_root(seen);
	struct coverage_seen s = { yyjson_obj_get(root, "p"), yyjson_obj_get(root, "c"), org };
	assert_int_equal(coverage_count(yyjson_doc_get_root(doc), &s, c, &err), 0);
}

static void test_blind(void **state)
{
	(void)state;
	struct coverage c;
	yyjson_doc *doc = formatted(), *seen = yyjson_read(SEEN, strlen(SEEN), 0);
	count_of("412015", &c, doc, seen);
	assert_true(c.known);
	assert_int_equal(c.blind, 3); /* Windows', the correlation that needs it too, and the source nobody has */
	assert_int_equal(technique(&c, "T1110")->blind, 1);
	assert_int_equal(technique(&c, "T1568")->blind, 1);
	assert_int_equal(source(&c, "windows")->blind, 2);
	assert_int_equal(source(&c, "dns")->blind, 0); /* there: it isn't why the correlation is blind */
	assert_true(source(&c, "proxy")->there);
	assert_false(source(&c, "knows/nobody")->there);
	coverage_done(&c);
	count_of("412023", &c, doc, seen);
	assert_true(source(&c, "windows")->there);
	assert_false(source(&c, "proxy")->there);
	assert_int_equal(technique(&c, "T1568")->blind, 1); /* DNS is missing now */
	coverage_done(&c);
	count_of(NULL, &c, doc, seen); /* anybody's */
	assert_int_equal(c.blind, 1);
	coverage_done(&c);
	count_of("412040", &c, doc, seen);
	assert_int_equal(c.blind, 4); /* but what the cloud says of itself is there */
	coverage_done(&c);
	yyjson_doc_free(seen);
	yyjson_doc_free(doc);
}

static void test_layer(void **state)
{
	(void)state;
	struct coverage c;
	struct buf b;
	yyjson_doc *doc = formatted(), *seen = yyjson_read(SEEN, strlen(SEEN), 0);
	count_of("412015", &c, doc, seen);
	buf_init(&b, MIB);
	coverage_layer(yyjson_doc_get_root(doc), &c, "佐賀市", true, &b);
	yyjson_doc *layer = yyjson_read(b.ptr, b.len, 0);
	yyjson_val *root = yyjson_doc_get_root(layer), *t = yyjson_arr_get(yyjson_obj_get(root, "techniques"), 2);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(root, "domain")), "enterprise-attack");
	assert_string_equal(yyjson_get_str(yyjson_obj_get(t, "techniqueID")), "T1110");
	assert_int_equal(yyjson_get_uint(yyjson_obj_get(t, "score")), 1);
	assert_string_equal(yyjson_get_str(yyjson_obj_get(t, "comment")), "A (記録が届いていない)\n乙");
	assert_int_equal(yyjson_get_uint(yyjson_obj_get(yyjson_obj_get(root, "gradient"), "maxValue")), 2);
	yyjson_doc_free(layer);
	buf_done(&b);
	coverage_done(&c);
	yyjson_doc_free(seen);
	yyjson_doc_free(doc);
}

static void test_bad(void **state)
{
	(void)state;
	static const char *const bad[] = { "{}", "[{\"needs\":[{}]}]", "[{\"needs\":[],\"attacks\":[\"\"]}]" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };
		struct coverage c;
		yyjson_doc *doc = yyjson_read(bad[i], strlen(bad[i]), 0);
		assert_true(coverage_count(yyjson_doc_get_root(doc), &(struct coverage_seen){ 0 }, &c, &err) < 0);
		coverage_done(&c);
		yyjson_doc_free(doc);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_all), cmocka_unit_test(test_blind), cmocka_unit_test(test_layer), cmocka_unit_test(test_bad) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
