/* Findings there and back, what is refused, and the messages of findings.sock. */
#include "detect/finding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define UID "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define OK "{\"class_uid\":2004,\"uid\":\"" UID "\",\"time\":1795341608000,\"org\":\"412040\",\"rule\":{\"id\":\"r\",\"title\":\"t\""

static void test_round(void **state)
{
	(void)state;
	struct finding f = { .time = 1795341608000, .first_time = 1795341600000, .last_time = 1795341608000, .org = "412040",
		.rule = { "54495047-4606-4416-828f-9ef649def4be", "A \"title\"", "\xe9\xa1\x8c\xe5\x90\x8d", FINDING_HIGH }, .attacks = { "T1071.001", "T1105" }, .n_attacks = 2, .cves = { "CVE-2021-41773" }, .n_cves = 1,
		.count = 5, .terminal = "10.4.0.5", .observables = { { OBSERVABLE_HOSTNAME, "c2.example" }, { OBSERVABLE_TERMINAL, "10.4.0.5" } },
		.n_observables = 2, .action = FINDING_ALLOWED, .records = { "412040/events/000001/17", "412040/events/000001/18" }, .n_records = 2 };
	struct finding g;
	struct arena a;
	struct buf b, c;
	struct err err = { 0 };
	finding_uid(STR("r"), STR("g"), STR("f"), f.uid);
	arena_init(&a, MIB);
	buf_init(&b, FINDING_JSON_MAX);
	buf_init(&c, FINDING_JSON_MAX);
	finding_format(&f, &b);
	assert_int_equal(finding_parse(buf_view(&b), &a, &g, &err), 0);
	finding_format(&g, &c);
	assert_true(str_eq(buf_view(&b), buf_view(&c)));
	assert_string_equal(g.rule.title_ja, f.rule.title_ja);
	assert_int_equal(g.rule.level, FINDING_HIGH);
	assert_int_equal(g.action, FINDING_ALLOWED);
	assert_int_equal(g.n_cves, 1);
	assert_string_equal(g.cves[0], "CVE-2021-41773");
	buf_done(&b);
	buf_done(&c);
	arena_done(&a);
}

static const struct {
	const char *json, *path; /* NULL: it is taken */
} parsed[] = {
	{ OK "}}", NULL }, { "", "" }, { "[]", "" }, { "{}", "class_uid" }, { "{\"class_uid\":2004}", "uid" },
	{ "{\"class_uid\":2004,\"uid\":\"zz\"}", "uid" }, { "{\"class_uid\":2004,\"uid\":\"" UID "\",\"org\":\"412040\"}", "time" },
	{ "{\"class_uid\":2004,\"uid\":\"" UID "\",\"time\":-1,\"org\":\"412040\"}", "time" },
	{ "{\"class_uid\":2004,\"uid\":\"" UID "\",\"time\":1}", "org" }, { "{\"class_uid\":2004,\"uid\":\"" UID "\",\"time\":1,\"org\":\"../etc\"}", "org" },
	{ "{\"class_uid\":2004,\"uid\":\"" UID "\",\"time\":1,\"org\":\"412040\",\"rule\":{\"id\":\"r\"}}", "rule.title" },
	{ OK ",\"level\":\"huge\"}}", "rule.level" }, { OK ",\"title_ja\":\"a\\nb\"}}", "rule.title_ja" },
	{ OK "},\"records\":[1]}", "records" }, { OK "},\"records\":\"x\"}", "records" }, { OK "},\"records\":[\"a\\nb\"]}", "records" },
	{ OK "},\"observables\":[{\"type\":\"hostname\"}]}", "observables.value" }, { OK "},\"observables\":[{\"type\":\"x\",\"value\":\"y\"}]}", "observables.type" },
	{ OK "},\"terminal\":5}", "terminal" }, { OK "},\"cves\":[7]}", "cves" },
};

static void test_parse(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(parsed); i++) {
		struct arena a;
		struct finding f;
		struct err err = { 0 };
		arena_init(&a, MIB);
		int r = finding_parse(str_from(parsed[i].json), &a, &f, &err);
		assert_int_equal(r, parsed[i].path ? -E_INVALID : 0);
		if (parsed[i].path && strcmp(err.path, parsed[i].path) != 0)
			fail_msg("%s: refused at '%s', wanted '%s'", parsed[i].json, err.path, parsed[i].path);
		arena_done(&a);
	}
}

/* doc/interfaces/finding.json is what the page says it is. */
static void test_golden(void **state)
{
	(void)state;
	const char *source = getenv("TORIDE_SOURCE");
	char path[512];
	struct buf b, c;
	struct arena a;
	struct finding f;
	struct err err = { 0 };
	snprintf(path, sizeof path, "%s/doc/interfaces/finding.json", source ? source : ".");
	if (!fs_exists(path))
		skip();
	arena_init(&a, MIB);
	buf_init(&b, MIB);
	buf_init(&c, MIB);
	assert_int_equal(fs_read(path, &b, &err), 0);
	while (b.len && b.ptr[b.len - 1] == '\n')
		b.len--;
	if (finding_parse(buf_view(&b), &a, &f, &err) != 0)
		fail_msg("%s: %s", err.path, err.msg);
	finding_format(&f, &c);
	assert_true(str_eq(buf_view(&b), buf_view(&c)));
	buf_done(&b);
	buf_done(&c);
	arena_done(&a);
}

static void test_uid(void **state)
{
	(void)state;
	char a[FINDING_UID_LEN + 1], b[FINDING_UID_LEN + 1];
	finding_uid(STR("ab"), STR("c"), STR("d"), a);
	finding_uid(STR("ab"), STR("c"), STR("d"), b);
	assert_string_equal(a, b);
	finding_uid(STR("a"), STR("bc"), STR("d"), b); /* where one part ends matters */
	assert_string_not_equal(a, b);
}

static void test_messages(void **state)
{
	(void)state;
	static const struct finding_msg all[] = { { .type = FINDING_MSG_HELLO, .number = UINT64_MAX }, { .type = FINDING_MSG_ACK, .number = 7 },
		{ .type = FINDING_MSG_FINDING, .number = 8, .json = { "{}", 2 } } };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		struct buf b;
		struct finding_msg m;
		buf_init(&b, FINDING_MSG_MAX);
		finding_msg_format(&all[i], &b);
		assert_int_equal(finding_msg_parse(b.ptr, b.len, &m), 0);
		assert_int_equal(m.type, all[i].type);
		assert_true(m.number == all[i].number && str_eq(m.json, all[i].json));
		for (size_t n = 0; n < b.len; n++)
			assert_int_equal(finding_msg_parse(b.ptr, n, &m), -E_INVALID);
		buf_putc(&b, 0);
		assert_int_equal(finding_msg_parse(b.ptr, b.len, &m), -E_INVALID);
		b.ptr[0] = 9;
		assert_int_equal(finding_msg_parse(b.ptr, b.len - 1, &m), -E_INVALID);
		buf_done(&b);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_round), cmocka_unit_test(test_parse), cmocka_unit_test(test_golden),
		cmocka_unit_test(test_uid), cmocka_unit_test(test_messages) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
