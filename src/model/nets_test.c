/* Prefixes as text and as sets; the search by halving must say what a plain loop says. */
#include "base/test.h"

#include "base/mem.h"
#include "model/check.h"

static struct prefix parse(const char *text)
{
	struct prefix p;
	if (prefix_parse(str_from(text), &p) < 0)
		fail_msg("%s", text);
	return p;
}

static void test_text(void **state)
{
	static const struct {
		const char *text, *out; /* out NULL: refused */
	} cases[] = {
		{ "10.1.0.0/16", "10.1.0.0/16" },   { "10.1.0.5", "10.1.0.5/32" },          { "0.0.0.0/0", "0.0.0.0/0" },
		{ "2001:DB8::/32", "2001:db8::/32" }, { "::1", "::1/128" },                 { "10.1.0.1/16", NULL },
		{ "2001:db8::1/64", NULL },          { "10.1.0.0/33", NULL },               { "2001:db8::/129", NULL },
		{ "10.1.0.0/", NULL },               { "/16", NULL },                       { "", NULL },
		{ "10.1.0/16", NULL },               { "10.1.0.0/16/1", NULL },             { " 10.1.0.0/16", NULL },
		{ "010.1.0.0/16", NULL },            { "10.1.0.0/-1", NULL },               { "fe80::1%eth0", NULL },
		{ "::ffff:10.1.0.0/112", "::ffff:10.1.0.0/112" },
	};
	char text[PREFIX_TEXT];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix p;
		int r = prefix_parse(str_from(cases[i].text), &p);
		if ((r == 0) != (cases[i].out != NULL))
			fail_msg("%s: %d", cases[i].text, r);
		if (r == 0)
			assert_string_equal(prefix_format(&p, text), cases[i].out);
	}
}

static void test_contains(void **state)
{
	static const struct {
		const char *a, *b;
		bool contains, overlaps;
	} cases[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true, true },      { "10.1.0.0/16", "10.0.0.0/8", false, true },
		{ "10.1.0.0/17", "10.1.128.0/17", false, false }, { "0.0.0.0/0", "203.0.113.1", true, true },
		{ "0.0.0.0/0", "::1", false, false },             { "2001:db8::/33", "2001:db8:8000::/33", false, false },
		{ "2001:db8::/32", "2001:db8:8000::1", true, true },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct prefix a = parse(cases[i].a), b = parse(cases[i].b);
		assert_int_equal(prefix_contains(&a, &b), cases[i].contains);
		assert_int_equal(prefix_overlaps(&a, &b), cases[i].overlaps);
		assert_int_equal(prefix_overlaps(&b, &a), cases[i].overlaps);
	}
}

/* A small space, so that prefixes nest and touch often: 10.0.0.0/24 and 2001:db8::/120. */
static struct prefix random_prefix(uint32_t *seed)
{
	*seed = *seed * 1664525u + 1013904223u;
	struct prefix p = parse(*seed >> 31 ? "10.0.0.0" : "2001:db8::");
	unsigned cut = (*seed >> 20) % 9;
	uint8_t last = (uint8_t)(*seed >> 8);
	p.addr[p.family == 4 ? 3 : 15] = (uint8_t)(last >> cut << cut);
	p.len = (uint8_t)(p.len - cut);
	return p;
}

static void test_find(void **state)
{
	uint32_t seed = 7;
	size_t hits = 0;
	(void)state;
	for (int round = 0; round < 200; round++) {
		struct org orgs[2] = { 0 };
		struct prefix list[2][12];
		for (int o = 0; o < 2; o++) {
			orgs[o].prefixes = list[o];
			orgs[o].n_prefixes = (unsigned)round % 12;
			for (size_t i = 0; i < orgs[o].n_prefixes; i++)
				list[o][i] = random_prefix(&seed);
		}
		struct model m = { .orgs = orgs, .n_orgs = 2 };
		struct check c = { .m = &m };
		arena_init(&c.arena, MIB);
		assert_int_equal(nets_build(&c), 0);
		for (int k = 0; k < 100; k++) {
			struct prefix p = random_prefix(&seed);
			bool want = false;
			for (size_t i = 0; i < 2 * orgs[0].n_prefixes; i++)
				want |= prefix_overlaps(&list[i % 2][i / 2], &p);
			const struct net *n = nets_find(&c.inside, &p);
			assert_int_equal(n != NULL, want);
			assert_true(!n || prefix_overlaps(&n->prefix, &p));
			hits += want;
		}
		arena_done(&c.arena);
	}
	assert_in_range(hits, 2000, 19000); /* both answers were asked for often */
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_text), cmocka_unit_test(test_contains), cmocka_unit_test(test_find) };
	return cmocka_run_group_tests_name("model/nets", tests, NULL, NULL);
}
