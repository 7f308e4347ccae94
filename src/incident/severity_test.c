/* The outcome decides, the signature's level never does. */
#include "base/mem.h"
#include "incident/incident.h"
#include "incident/severity.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <yyjson.h>

static const struct {
	const char *attack, *attack2;
	enum finding_action action;
	uint64_t count;
	bool file, mail;
	int level;
	const char *reason;
} cases[] = {
	{ "T1071.001", NULL, FINDING_ALLOWED, 3, false, false, 3, "c2_allowed_repeated" },
	{ "T1071.001", NULL, FINDING_ALLOWED, 500, false, false, 3, "c2_allowed_repeated" },
	{ "T1071.001", NULL, FINDING_ALLOWED, 2, false, false, 2, "c2_allowed" },
	{ "T1071", NULL, FINDING_ALLOWED, 1, false, false, 2, "c2_allowed" },
	{ "T1071.001", NULL, FINDING_DENIED, 500, false, false, 1, "c2_denied" },
	{ "T1071.001", NULL, FINDING_UNKNOWN, 500, false, false, 2, "outcome_unknown" },
	{ "T1568.002", NULL, FINDING_ALLOWED, 10, false, false, 3, "c2_allowed_repeated" },
	{ "T1571", NULL, FINDING_DENIED, 1, false, false, 1, "c2_denied" },
	{ "T1566.002", NULL, FINDING_ALLOWED, 1, false, false, 2, "delivery_allowed" },
	{ "T1566.002", NULL, FINDING_ALLOWED, 50, false, false, 2, "delivery_allowed" },
	{ "T1566", NULL, FINDING_ALLOWED, 2, false, true, 2, "mail_delivered" },
	{ "T1566.001", NULL, FINDING_DENIED, 9, false, true, 1, "mail_stopped" },
	{ "T1204.002", NULL, FINDING_ALLOWED, 1, true, false, 3, "malware_delivered" },
	{ "T1105", NULL, FINDING_DENIED, 1, true, false, 1, "attack_denied" },
	{ "T1566", NULL, FINDING_DENIED, 1, false, false, 1, "attack_denied" },
	{ "T1041", NULL, FINDING_ALLOWED, 1, false, false, 2, "exfil_allowed" },
	{ "T1567.002", NULL, FINDING_ALLOWED, 4, false, false, 3, "exfil_allowed_repeated" },
	{ "T1048", NULL, FINDING_DENIED, 4, false, false, 1, "attack_denied" },
	{ "T1486", NULL, FINDING_ALLOWED, 1, false, false, 3, "impact" },
	{ "T1486", NULL, FINDING_DENIED, 1, false, false, 1, "attack_denied" },
	{ "T1491.002", NULL, FINDING_ALLOWED, 1, false, false, 3, "impact" },
	{ "T1110", NULL, FINDING_ALLOWED, 31, false, false, 3, "access_gained" },
	{ "T1110.003", NULL, FINDING_DENIED, 31, false, false, 1, "attack_denied" },
	{ "T1110", NULL, FINDING_UNKNOWN, 31, false, false, 2, "outcome_unknown" },
	{ "T1046", NULL, FINDING_DENIED, 900, false, false, 1, "attack_denied" },
	{ "T1046", NULL, FINDING_ALLOWED, 900, false, false, 2, "attack_allowed" },
	{ "T9999", NULL, FINDING_ALLOWED, 1, false, false, 2, "attack_allowed" },
	{ "T10711", NULL, FINDING_ALLOWED, 9, false, false, 2, "attack_allowed" }, /* no sub-technique of T1071 */
	{ "T1046", "T1071", FINDING_ALLOWED, 9, false, false, 3, "c2_allowed_repeated" }, /* the furthest stage counts */
	{ NULL, NULL, FINDING_DENIED, 9, false, false, 0, "no_attack_denied" },
	/* no tag in an operator's rule: what got through is High all the same, and never blocks by itself */
	{ NULL, NULL, FINDING_ALLOWED, 1, false, false, 2, "untagged_allowed" },
	{ NULL, NULL, FINDING_ALLOWED, 2, false, false, 2, "untagged_allowed" },
	{ NULL, NULL, FINDING_ALLOWED, 3, false, false, 2, "untagged_allowed_repeated" },
	{ NULL, NULL, FINDING_ALLOWED, 500, false, false, 2, "untagged_allowed_repeated" },
	{ NULL, NULL, FINDING_ALLOWED, 1, true, false, 2, "untagged_file_allowed" },
	{ NULL, NULL, FINDING_DENIED, 1, true, false, 0, "no_attack_denied" },
	{ NULL, NULL, FINDING_UNKNOWN, 1, false, false, 1, "no_attack" },
	{ NULL, NULL, FINDING_UNKNOWN, 9, true, false, 1, "no_attack" },
};

static struct finding make(size_t i)
{
	struct finding f = { .org = "412015", .terminal = "10.1.0.5", .count = cases[i].count, .action = cases[i].action };
	f.rule.id = "r", f.rule.title = "t", f.rule.title_ja = "";
	if (cases[i].attack)
		f.attacks[f.n_attacks++] = cases[i].attack;
	if (cases[i].attack2)
		f.attacks[f.n_attacks++] = cases[i].attack2;
	if (cases[i].file)
		f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_HASH, "ab" };
	if (cases[i].mail)
		f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_MAIL, "evil@fake.example" };
	return f;
}

static void test_outcomes(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		for (int level = FINDING_INFORMATIONAL; level <= FINDING_CRITICAL; level++) {
			struct finding f = make(i);
			f.rule.level = (enum finding_level)level; /* whatever it is */
			struct severity s = severity_of(&f);
			assert_int_equal(s.level, cases[i].level);
			assert_string_equal(s.reason->code, cases[i].reason);
		}
	(void)state;
}

/* What the server answered stands beside the reason, where it was asked at all. */
static void test_answered(void **state)
{
	static const struct {
		unsigned status;
		enum finding_action action;
		const char *words; /* NULL: nothing */
	} rows[] = { { 200, FINDING_ALLOWED, "応答200を返しました。攻撃が届いた" }, { 302, FINDING_ALLOWED, "answered 302: the attack may have reached" },
		{ 404, FINDING_ALLOWED, "失敗した可能性が高いものの、確かめられていません" }, { 500, FINDING_ALLOWED, "影響した可能性" }, { 0, FINDING_ALLOWED, NULL }, { 403, FINDING_DENIED, NULL } };
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		struct finding f = make(0);
		struct buf b;
		f.http_status = rows[i].status, f.action = rows[i].action;
		struct severity s = severity_of(&f);
		buf_init(&b, 8 * KIB);
		severity_format(&s, &f, &b);
		yyjson_doc *doc = yyjson_read(b.ptr, b.len, 0);
		assert_int_equal(yyjson_arr_size(yyjson_doc_get_root(doc)), rows[i].words ? 2 : 1);
		assert_true(!rows[i].words || strstr(buf_cstr(&b), rows[i].words));
		yyjson_doc_free(doc);
		buf_done(&b);
	}
	(void)state;
}

static void test_main_observable(void **state)
{
	struct finding f = make(0);
	char a[FINDING_UID_LEN + 1], b[FINDING_UID_LEN + 1];
	assert_null(finding_main(&f));
	finding_fingerprint(&f, a);
	f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_IP, "198.51.100.7" };
	assert_string_equal(finding_main(&f)->value, "198.51.100.7");
	f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_HOSTNAME, "c2.example" };
	assert_string_equal(finding_main(&f)->value, "c2.example");
	finding_fingerprint(&f, b);
	assert_string_not_equal(a, b);
	f.count = 77, f.time = 5; /* no part of it */
	finding_fingerprint(&f, a);
	assert_string_equal(a, b);
	f.terminal = "10.1.0.6";
	finding_fingerprint(&f, a);
	assert_string_not_equal(a, b);
	(void)state;
}

static void test_states(void **state)
{
	assert_true(incident_may_go("received", "analysing"));
	assert_true(incident_may_go("handling", "recovering"));
	assert_true(incident_may_go("recovering", "closed"));
	assert_false(incident_may_go("closed", "received"));
	assert_false(incident_may_go("closed", "handling"));
	assert_false(incident_may_go("analysing", "received"));
	assert_false(incident_may_go("received", "received"));
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_outcomes), cmocka_unit_test(test_answered), cmocka_unit_test(test_main_observable),
		                            cmocka_unit_test(test_states) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
