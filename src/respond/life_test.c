/* The work on an incident: a suspicion somebody reports and who else met it, steps, duties, tasks, files. */
#include "respond/desktest.h"

#include "base/err.h"
#include "incident/playbook.h"

#include <stdio.h>

#define REPORT                                                                                                                  \
	"{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"分析 花子\",\"reporter\":\"総務課 山田\",\"phone\":\"0952-00-0001\",\"kind\":\"page\"," \
	"\"observable_type\":\"url\",\"observable\":\"http://www.fake.example/login\",\"terminal\":\"10.1.0.5\",\"text\":\"パスワードを入れた\"}"
#define HITS                                                                                                                       \
	"{\"v\":1,\"ok\":true,\"source\":\"sealed\",\"hits\":["                                                                    \
	"{\"org\":\"412015\",\"terminal\":\"10.1.0.5\",\"passed\":2,\"refused\":0,\"first\":1795330000000,\"last\":1795330001000,\"record\":\"412015/events/000001/4\"}," \
	"{\"org\":\"412015\",\"terminal\":\"10.1.0.6\",\"passed\":1,\"refused\":0,\"first\":1795330002000,\"last\":1795330002000,\"record\":\"412015/events/000001/9\"}," \
	"{\"org\":\"412023\",\"terminal\":\"10.2.0.9\",\"passed\":3,\"refused\":1,\"first\":1795330003000,\"last\":1795330004000,\"record\":\"412023/events/000001/2\"}," \
	"{\"org\":\"412031\",\"terminal\":\"10.3.0.9\",\"passed\":0,\"refused\":5,\"first\":1795330003000,\"last\":1795330004000,\"record\":\"412031/events/000001/2\"}," \
	"{\"org\":\"service\",\"terminal\":\"\",\"passed\":9,\"refused\":0,\"first\":1,\"last\":1,\"record\":\"service/events/000001/2\"}],\"more\":false}"

static bool holds(const char *answer, const char *words)
{
	if (!strstr(answer, words))
		fprintf(stderr, "not in %.3000s: %s\n", answer, words);
	return strstr(answer, words);
}

static char *show(const char *more)
{
	char rq[200];
	snprintf(rq, sizeof rq, "{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\"%s}", more);
	return ask(rq, 0);
}

static void test_report_finds_who_else(void **state)
{
	NEED_PG();
	stored.answer = HITS;
	char *answer = ask(REPORT, 0);
	assert_true(holds(answer, "\"number\":\"I-20261122-0001\"") && holds(answer, "\"inquiry\":"));
	assert_true(holds(answer, "\"code\":\"reported\"") && holds(answer, "\"provisional\":1"));
	settle();
	assert_int_equal(stored.n, 1);
	assert_true(holds(stored.last, "\"type\":\"url\"") && holds(stored.last, "http://www.fake.example/login"));
	assert_null(strstr(stored.last, "\"org\"")); /* everybody's */
	assert_int_equal(sql_number("SELECT to_ms - from_ms FROM inquiry"), 30 * 86400000LL + 1);
	answer = show("");
	assert_true(holds(answer, "\"source\":\"sealed\"") && holds(answer, "\"orgs\":3") && holds(answer, "\"terminals\":4"));
	assert_true(holds(answer, "\"reporter\":\"総務課 山田\"") && holds(answer, "パスワードを入れた"));
	assert_true(holds(answer, "当団体の端末 2台、ほかの団体 2"));
	/* its own records and terminals are part of it; others' and the service's aren't */
	assert_int_equal(sql_number("SELECT count(*) FROM evidence WHERE record LIKE '412015/%'"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM evidence"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM observable WHERE type = 'terminal'"), 2);
	/* the body sees its own terminals and nobody else's */
	answer = show(",\"org\":\"412015\"");
	assert_true(holds(answer, "10.1.0.6"));
	assert_null(strstr(answer, "10.2.0.9"));
	assert_null(strstr(answer, "412023"));
}

#define MAIL_HITS                                                                                                                   \
	"{\"v\":1,\"ok\":true,\"source\":\"index\",\"hits\":["                                                                 \
	"{\"org\":\"412015\",\"terminal\":\"taro@a.example\",\"passed\":2,\"refused\":0,\"first\":1795330000000,\"last\":1795330001000,\"record\":\"412015/events/000001/4\"}," \
	"{\"org\":\"412015\",\"terminal\":\"hanako@a.example\",\"passed\":1,\"refused\":0,\"first\":1795330002000,\"last\":1795330002000,\"record\":\"412015/events/000001/9\"}," \
	"{\"org\":\"412023\",\"terminal\":\"jiro@b.example\",\"passed\":1,\"refused\":0,\"first\":1795330003000,\"last\":1795330004000,\"record\":\"412023/events/000001/2\"}],\"more\":false}"

/* A mail: whom else it reached are people; the other body is told which of its own, and is told to pull nobody's cable. */
static void test_report_of_a_mail(void **state)
{
	NEED_PG();
	stored.answer = MAIL_HITS;
	ask("{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"分析 花子\",\"reporter\":\"総務課 山田\",\"kind\":\"mail\",\"observable_type\":\"mail\",\"observable\":\"evil@fake.example\"}", 0);
	settle();
	assert_true(holds(show(""), "当団体で受け取った宛先 2件、ほかの団体 1"));
	assert_int_equal(sql_number("SELECT count(*) FROM observable WHERE type = 'mailbox' AND org = '412015'"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM observable WHERE type = 'terminal'"), 0);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":2,\"reason\":\"偽サイトへ誘うメール\"}", 0);
	ask("{\"do\":\"incident.spread\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\"}", 0);
	settle();
	assert_true(sink_has(&sink, "yamada@a.example", "taro@a.example、hanako@a.example") && sink_has(&sink, "yamada@a.example", "メールを開かず"));
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE org = '412023' AND terminal = ''"), 1);
	assert_true(sink_has(&sink, "tanaka@b.example", "jiro@b.example") && sink_has(&sink, "tanaka@b.example", "誰に届いたか"));
	assert_null(strstr(sink_last(&sink, "tanaka@b.example"), "taro@a.example"));
}

static void mail_found(const char *from, const char *to)
{
	struct finding f = beacon(A, "", "x");
	f.rule.id = "rule-mail", f.rule.title = f.rule.title_ja = "mail", f.attacks[0] = "T1566", f.count = 2;
	f.observables[0] = (struct observable){ OBSERVABLE_MAIL, from };
	f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_MAILBOX, to };
	give(&f);
}

/* Each mail of a campaign from somebody else: one incident, one notice, all whom it reached. */
static void test_campaign(void **state)
{
	NEED_PG();
	mail_found("a@evil.example", "taro@a.example");
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE severity = 2 AND reasons LIKE '%mail_delivered%'"), 1);
	assert_true(sink_has(&sink, "yamada@a.example", "taro@a.example"));
	for (int i = 0; i < 20; i++) {
		char from[40], to[40];
		snprintf(from, sizeof from, "b%d@evil%d.example", i, i), snprintf(to, sizeof to, "u%d@a.example", i);
		mail_found(from, to);
	}
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM observable WHERE type = 'mailbox'"), 21);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE org = '412015' AND channel = 'mail'"), 1);
	clock_advance(2 * 3600000LL);
	mail_found("c@evil.example", "hanako@a.example"); /* another day's */
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 2);
}

/* A harmless one first, for somebody to judge: what comes behind it isn't told with it, but by itself. */
static void test_campaign_behind_a_decoy(void **state)
{
	NEED_PG();
	mail_found("news@shop.example", "taro@a.example");
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":0,\"reason\":\"広告のメール\"}", 0);
	settle();
	int64_t told = sql_number("SELECT count(*) FROM notice WHERE org = '412015' AND channel = 'mail'");
	mail_found("a@evil.example", "hanako@a.example");
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 2);
	assert_true(sql_number("SELECT count(*) FROM notice WHERE org = '412015' AND channel = 'mail'") > told);
	mail_found("b@evil.example", "jiro@a.example"); /* with that one, not with the harmless one */
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 2);
	assert_int_equal(sql_number("SELECT findings FROM incident WHERE number = 'I-20261122-0001'"), 1);
	mail_found("news@shop.example", "saburo@a.example"); /* the harmless one's own sender stays with it */
	assert_int_equal(sql_number("SELECT findings FROM incident WHERE number = 'I-20261122-0001'"), 2);
}

/* One mail an hour doesn't keep an incident open for ever. */
static void test_campaign_ends(void **state)
{
	NEED_PG();
	for (int i = 0; i < 30; i++) {
		char from[40];
		snprintf(from, sizeof from, "d%d@evil%d.example", i, i);
		mail_found(from, "taro@a.example");
		clock_advance(55 * 60000LL);
	}
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 2);
}

/* The store takes no half letters: where a long word is cut, in a notice or a title, the rest of it is whole. */
static void test_long_words(void **state)
{
	NEED_PG();
	static const char many[] = "ああああああああああああああああああああああああああああああああああああああああ"; /* 40 of three bytes */
	char rq[2000], to[200];
	snprintf(to, sizeof to, "x%s@a.example", many);
	mail_found("a@evil.example", to);
	snprintf(to, sizeof to, "%s@a.example", many);
	mail_found("a@evil.example", to);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE findings = 2"), 1);
	assert_true(sink_has(&sink, "yamada@a.example", "ああああ"));
	for (int i = 0; i < 3; i++) {
		snprintf(rq, sizeof rq, "{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"分析 花子\",\"reporter\":\"山田\",\"kind\":\"page\",\"observable_type\":\"url\","
		         "\"observable\":\"http://www.fake.example/%.*s%s%s%s\",\"text\":\"x\"}", i, "xy", many, many, many);
		ask(rq, 0);
	}
}

/* The list of evidence ends somewhere: how many there are is said, so that nobody takes it for all of them. */
static void test_much_evidence(void **state)
{
	NEED_PG();
	mail_found("a@evil.example", "taro@a.example");
	assert_int_equal(sql_number("WITH x AS (INSERT INTO evidence(incident, org, record, finding) SELECT id, org, '412015/events/000002/' || n, 'many'"
	                            " FROM incident, generate_series(1, 1500) n RETURNING 1) SELECT count(*) FROM x"), 1500);
	int64_t all = sql_number("SELECT count(*) FROM evidence");
	char words[40];
	snprintf(words, sizeof words, "\"evidence_total\":%lld", (long long)all);
	assert_true(all >= 1500 && strstr(show(""), words));
}

static void test_spread(void **state)
{
	NEED_PG();
	stored.answer = HITS;
	ask(REPORT, 0);
	settle();
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":2,\"reason\":\"偽サイトと確認\"}", 0);
	char *answer = ask("{\"do\":\"incident.spread\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\"}", 0);
	assert_true(holds(answer, "{\"org\":\"412023\",\"number\":\"I-20261122-0002\"}"));
	settle();
	/* as grave where something passed; told at once; where all was refused it isn't */
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE org = '412023'"), 2);
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE org = '412031'"), 1);
	assert_int_equal(sink_count(&sink, "tanaka@b.example"), 1);
	assert_null(strstr(sink_last(&sink, "tanaka@b.example"), "佐賀市"));
	assert_int_equal(sql_number("SELECT count(*) FROM evidence WHERE org = '412023' AND record = '412023/events/000001/2'"), 1);
	answer = ask("{\"do\":\"incident.spread\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\"}", 0);
	assert_true(holds(answer, "\"opened\":[]")); /* once */
}

static void test_log_away(void **state)
{
	NEED_PG();
	stored.answer = HITS;
	stored.fail = 2;
	ask(REPORT, 0);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM inquiry WHERE state = 'waiting' AND attempts = 1"), 1);
	stop(); /* a restart forgets nothing */
	start();
	clock_advance(3000);
	settle();
	clock_advance(5000);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM inquiry WHERE state = 'done'"), 1);
	stored.fail = 99;
	ask("{\"do\":\"incident.search\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"observable_type\":\"hostname\",\"observable\":\"a.example\",\"days\":7}", 0);
	for (int i = 0; i < 8; i++) {
		settle();
		clock_advance(200000);
	}
	assert_int_equal(sql_number("SELECT count(*) FROM inquiry WHERE state = 'failed'"), 1);
	assert_true(holds(show(""), "記録を調べられませんでした"));
	stored.fail = 0;
	stored.answer = "{\"v\":1,\"ok\":true,\"hits\":{}}";
	ask("{\"do\":\"incident.search\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"days\":7}", 0);
	settle();
	assert_true(holds(show(""), "of another form"));
}

static void test_report_refused(void **state)
{
	NEED_PG();
	static const struct {
		const char *json, *why;
	} cases[] = {
		{ "{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"x\",\"reporter\":\"y\",\"kind\":\"dream\"}", "not page, mail" },
		{ "{\"do\":\"incident.report\",\"org\":\"999999\",\"by\":\"x\",\"reporter\":\"y\",\"kind\":\"page\"}", "no such organisation" },
		{ "{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"x\",\"kind\":\"page\"}", "missing" },
		{ "{\"do\":\"incident.report\",\"org\":\"412015\",\"reporter\":\"y\",\"kind\":\"page\"}", "missing" },
		{ "{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"x\",\"reporter\":\"y\",\"kind\":\"page\",\"observable\":\"z\",\"observable_type\":\"soul\"}", "not hostname" },
		{ "{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"x\",\"reporter\":\"y\",\"kind\":\"page\",\"observable\":\"z\",\"observable_type\":\"hostname\",\"days\":0}", "not 1 to 396" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_true(holds(ask(cases[i].json, -E_INVALID), cases[i].why));
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 0); /* nothing half done */
	ask("{\"do\":\"incident.report\",\"org\":\"412015\",\"by\":\"x\",\"reporter\":\"y\",\"kind\":\"call\"}", 0);
	ask("{\"do\":\"incident.search\",\"number\":\"I-20261122-0001\",\"by\":\"x\"}", -E_INVALID);
}

/* What the system saw itself is done; what people do they say. */
static void test_playbook(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE list = 'duty'"), 6);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE list = 'playbook'"), 7);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE done_ms IS NOT NULL AND step IN ('identify_terminal', 'report_org',"
	                            " 'prompt_report', 'contain')"), 4);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE done_ms IS NOT NULL"), 4);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":3,\"reason\":\"確認\"}", 0);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'analyse' AND done_by = '分析 花子'"), 1);
	ask("{\"do\":\"incident.step\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"step\":\"advise_user\",\"result\":\"電話で説明\"}", 0);
	assert_true(holds(ask("{\"do\":\"incident.step\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"step\":\"advise_user\"}", -E_STATE), "done already"));
	ask("{\"do\":\"incident.step\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"step\":\"nothing\"}", -E_NOT_FOUND);
	ask("{\"do\":\"incident.owner\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"step\":\"check_device\",\"owner\":\"総務課 山田\"}", 0);
	ask("{\"do\":\"incident.note\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"report\":\"follow\"}", 0);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'report_result' AND done_ms IS NOT NULL"), 1);
	/* another case: what is done stays, what isn't gives way */
	ask("{\"do\":\"incident.playbook\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"playbook\":\"outbound\"}", 0);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'check_device'"), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'advise_user'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'advise_destination'"), 1);
	ask("{\"do\":\"incident.playbook\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"playbook\":\"magic\"}", -E_INVALID);
	char *answer = show("");
	assert_true(holds(answer, "\"playbook\":\"outbound\"") && holds(answer, "\"owner\":\"分析 花子\"") == false);
	assert_true(holds(answer, "通信先に対する対処方法を報告する"));
	/* all three stay: the provisional severity, the judgement, its reason */
	assert_true(holds(answer, "\"judgements\":[{\"by\":\"分析 花子\",\"reason\":\"確認\",\"severity\":3,\"provisional\":3"));
}

/* Which case it is, by technique, then by direction. */
static void test_cases(void **state)
{
	static const struct {
		const char *attack, *terminal, *playbook;
	} cases[] = {
		{ "T1071.001", "10.1.0.5", "infection" }, { "T1566.002", "", "infection" },    { "T1190", "", "inbound" },
		{ "T1110.003", "10.1.0.5", "inbound" },   { "T1048", "10.1.0.5", "outbound" }, { "T9999", "10.1.0.5", "outbound" },
		{ NULL, "", "inbound" },                  { NULL, "10.1.0.5", "outbound" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct finding f = { .terminal = cases[i].terminal };
		if (cases[i].attack)
			f.attacks[f.n_attacks++] = cases[i].attack;
		assert_string_equal(playbook_of(&f)->code, cases[i].playbook);
	}
	/* every code has words in both languages */
	for (size_t p = 0; p < playbooks_n; p++)
		for (size_t i = 0; i < playbooks[p].n; i++)
			for (int ja = 0; ja < 2; ja++)
				assert_string_not_equal(playbook_words(playbooks[p].steps[i].code, ja), playbooks[p].steps[i].code);
}

#define TASK "{\"do\":\"incident.task\",\"number\":\"I-20261122-0001\",\"by\":\"運用 太郎\","

static void test_tasks(void **state)
{
	NEED_PG();
	ask(REPORT, 0);
	assert_true(holds(ask(TASK "\"kind\":\"dispatch\",\"role\":\"noc\",\"owner\":\"現地 次郎\"}", -E_INVALID), "by whom?"));
	assert_true(holds(ask(TASK "\"kind\":\"dispatch\",\"role\":\"noc\",\"ordered_by\":\"県 情報課\"}", -E_INVALID), "missing"));
	char *answer = ask(TASK "\"kind\":\"dispatch\",\"role\":\"noc\",\"owner\":\"現地 次郎\",\"ordered_by\":\"県 情報課\",\"title\":\"端末の回収\"}", 0);
	assert_true(holds(answer, "\"task\":"));
	/* the body is told before a service is stopped */
	ask(TASK "\"kind\":\"stop\",\"role\":\"noc\",\"owner\":\"運用 太郎\",\"title\":\"公式サイトの停止\"}", 0);
	char rq[200];
	snprintf(rq, sizeof rq, "{\"do\":\"incident.step\",\"number\":\"I-20261122-0001\",\"by\":\"運用 太郎\",\"task\":%lld}",
	         (long long)sql_number("SELECT id FROM task WHERE step = 'stop'"));
	assert_true(holds(ask(rq, -E_STATE), "told before"));
	ask("{\"do\":\"incident.step\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"step\":\"report_before_stop\",\"result\":\"山田様に電話\"}", 0);
	ask(rq, 0);
	answer = show("");
	assert_true(holds(answer, "端末の回収 (指示: 県 情報課)") && holds(answer, "\"owner\":\"現地 次郎\""));
	/* a task of another incident isn't this one's */
	ask("{\"do\":\"incident.open\",\"org\":\"412015\",\"by\":\"x\",\"title\":\"t\"}", 0);
	snprintf(rq, sizeof rq, "{\"do\":\"incident.step\",\"number\":\"I-20261122-0002\",\"by\":\"x\",\"task\":%lld}",
	         (long long)sql_number("SELECT id FROM task WHERE step = 'dispatch'"));
	ask(rq, -E_NOT_FOUND);
}

#define ATTACH "{\"do\":\"incident.attach\",\"number\":\"I-20261122-0001\",\"by\":\"x\",\"kind\":\"log\",\"name\":\"proxy.log\",\"bytes\":12,\"place\":\"証拠庫 3\",\"sha256\":"
#define HASH "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\""

static void test_attachments(void **state)
{
	NEED_PG();
	ask(REPORT, 0);
	ask(ATTACH "\"E3b0\"}", -E_INVALID);
	ask(ATTACH HASH "}", 0);
	ask(ATTACH HASH "}", -E_EXISTS);
	char *answer = show("");
	assert_true(holds(answer, "\"place\":\"証拠庫 3\"") && holds(answer, "\"bytes\":12"));
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'provide_logs' AND done_ms IS NOT NULL"), 1);
}

/* ---- is the target vulnerable? ---- */

#define ASSETS "{\"do\":\"asset.import\",\"org\":\"412015\",\"by\":\"x\",\"rows\":[{\"name\":\"www.city.example\",\"vendor\":\"Apache\",\"product\":\"HTTP Server\",\"version\":\"2.4.49\"}," \
	       "{\"name\":\"old.city.example\",\"vendor\":\"Apache\",\"product\":\"HTTP Server\",\"version\":\"2.4.49\"}," \
	       "{\"address\":\"10.1.0.80\",\"product\":\"log4j\",\"version\":\"2.17.1\"}]}"
#define VULNS "{\"do\":\"vuln.import\",\"list\":\"nvd\",\"by\":\"x\",\"rows\":[" \
	      "{\"cve\":\"CVE-2021-41773\",\"vendor\":\"apache\",\"product\":\"http_server\",\"from\":\"2.4.49\",\"to\":\"2.4.49\",\"score10\":98}," \
	      "{\"cve\":\"CVE-2021-44228\",\"vendor\":\"apache\",\"product\":\"log4j\",\"from\":\"2.0\",\"to\":\"2.15.0\",\"to_excluded\":true,\"score10\":100}]}"

static void attack_tagged(const char *title, const char *target, enum observable_type type, const char *cve)
{
	struct finding f = beacon(A, "", target);
	if (cve)
		f.cves[f.n_cves++] = cve;
	f.rule.title = f.rule.title_ja = title, f.rule.id = title;
	f.attacks[0] = "T1190", f.action = FINDING_UNKNOWN, f.count = 1;
	f.observables[0].type = type;
	give(&f);
}

static void attack(const char *title, const char *target, enum observable_type type)
{
	attack_tagged(title, target, type, NULL);
}

static void test_target(void **state)
{
	NEED_PG();
	attack("unlisted CVE-2021-41773", "mail.city.example", OBSERVABLE_HOSTNAME); /* nothing is known yet: nothing is said */
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE reasons LIKE '%target_%'"), 0);
	assert_true(holds(ask(ASSETS, 0), "\"taken\":3"));
	assert_true(holds(ask(VULNS, 0), "\"taken\":2"));
	attack_tagged("httpd traversal", "www.city.example", OBSERVABLE_HOSTNAME, "CVE-2021-41773"); /* by the rule's tag as by its title */
	attack("log4j CVE-2021-44228", "10.1.0.80", OBSERVABLE_IP);
	attack("scan", "old.city.example", OBSERVABLE_HOSTNAME);
	char *answer = ask("{\"do\":\"incident.list\",\"all\":true}", 0);
	assert_true(holds(answer, "\"code\":\"target_vulnerable\"") && holds(answer, "CVE-2021-41773 HTTP Server 2.4.49 (www.city.example)"));
	/* the target runs a version that hasn't it: what isn't known to have succeeded hasn't */
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE title LIKE 'log4j%' AND reasons LIKE '%target_safe%'"), 1);
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE title LIKE 'httpd%' AND reasons LIKE '%target_vulnerable%'"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step = 'check_target' AND done_by = 'toride'"), 3);
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE title = 'scan' AND reasons LIKE '%target_weak%'"), 1);
	answer = ask("{\"do\":\"asset.list\"}", 0);
	assert_true(holds(answer, "\"vulnerabilities\":[{\"cve\":\"CVE-2021-41773\",\"score10\":98}]") && holds(answer, "\"version\":\"2.17.1\",\"vulnerabilities\":[]"));
	assert_true(holds(ask("{\"do\":\"asset.list\",\"org\":\"412023\"}", 0), "\"assets\":[]")); /* another body's are not its business */
	ask(ASSETS, 0); /* again: in the former's place */
	assert_int_equal(sql_number("SELECT count(*) FROM asset"), 3);
	assert_true(holds(ask("{\"do\":\"asset.import\",\"org\":\"412015\",\"by\":\"x\",\"rows\":[{\"product\":\"p\"}]}", -E_INVALID), "missing or too long"));
	assert_int_equal(sql_number("SELECT count(*) FROM asset"), 3); /* all or nothing */
	ask("{\"do\":\"vuln.import\",\"list\":\"l\",\"by\":\"x\",\"rows\":[{\"cve\":\"2021\",\"product\":\"p\"}]}", -E_INVALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_report_finds_who_else), T(test_report_of_a_mail), T(test_campaign), T(test_campaign_behind_a_decoy), T(test_campaign_ends), T(test_much_evidence), T(test_long_words), T(test_spread), T(test_log_away), T(test_report_refused), T(test_playbook), T(test_cases), T(test_tasks),
		T(test_attachments), T(test_target),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
