/* The telephone and its sheet, the repeated notices, what is measured, the change of shifts. */
#include "respond/desktest.h"

#include "base/err.h"
#include "respond/calendar.h"
#include "respond/handover.h"
#include "respond/month.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#define NUMBER "\"number\":\"I-20261122-0001\""
#define CALL "{\"do\":\"incident.call\"," NUMBER ",\"by\":\"分析 花子\",\"to\":\"総務課 山田\","

static bool holds(const char *answer, const char *words)
{
	if (!strstr(answer, words))
		fprintf(stderr, "not in %.3000s: %s\n", answer, words);
	return strstr(answer, words);
}

/* An incident of severity 1, about which nobody is told by itself. */
static void open_quietly(void)
{
	ask("{\"do\":\"incident.open\",\"org\":\"412015\",\"by\":\"分析 花子\",\"title\":\"気になる通信\",\"terminal\":\"10.1.0.5\",\"severity\":1}", 0);
}

static void test_sheet_is_ready(void **state)
{
	NEED_PG();
	open_quietly();
	ask("{\"do\":\"incident.open\",\"org\":\"412031\",\"by\":\"x\",\"title\":\"t\",\"severity\":3}", 0);
	char *answer = ask("{\"do\":\"incident.sheet\"," NUMBER "}", 0);
	assert_true(holds(answer, "受付番号 I-20261122-0001、危険度1") && holds(answer, "総務課 端末5(IPアドレス 10.1.0.5)"));
	assert_null(strstr(answer, "0952-00-0001")); /* nobody there is told from 1 */
	answer = ask("{\"do\":\"incident.sheet\",\"number\":\"I-20261122-0002\"}", 0);
	assert_true(holds(answer, "(登録なし)  情報課 中村") && holds(answer, "toride incident call I-20261122-0002"));
	ask("{\"do\":\"incident.judge\"," NUMBER ",\"by\":\"分析 花子\",\"severity\":3,\"reason\":\"確認\"}", 0);
	ask(CALL "\"result\":\"no_answer\"}", 0);
	answer = ask("{\"do\":\"incident.show\"," NUMBER "}", 0);
	assert_true(holds(answer, "0952-00-0001  総務課 山田\\n  0952-00-0002  総務課 鈴木"));
	assert_true(holds(answer, "総務課 山田 0952-00-0001  出ませんでした(分析 花子)"));
}

static void test_calls(void **state)
{
	NEED_PG();
	open_quietly();
	ask(CALL "\"result\":\"shouted\"}", -E_INVALID);
	ask(CALL "\"result\":\"busy\",\"ack\":true}", -E_INVALID);
	ask("{\"do\":\"incident.call\"," NUMBER ",\"by\":\"x\",\"result\":\"busy\"}", -E_INVALID);
	assert_int_equal(sql_number("SELECT count(*) FROM call"), 0);
	ask("{\"do\":\"incident.judge\"," NUMBER ",\"by\":\"分析 花子\",\"severity\":2,\"reason\":\"確認\"}", 0);
	clock_advance(60000);
	ask(CALL "\"result\":\"left_message\",\"phone\":\"090-1\"}", 0);
	/* spoken to nobody yet: the mail that waits in the queue is no notice, nor is a message */
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE notice_sent_ms IS NULL"), 1);
	clock_advance(60000);
	char *answer = ask(CALL "\"result\":\"answered\",\"ack\":true,\"text\":\"端末を外すとのこと\"}", 0);
	assert_true(holds(answer, "\"judged_to_notice\":120000") && holds(answer, "\"notice_to_ack\":120000") && holds(answer, "\"found_to_judged\":0"));
	assert_true(holds(answer, "\"acked_by\":\"総務課 山田\""));
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE state = 'queued' AND step = 'first'"), 0); /* nobody else needs to be woken */
	assert_int_equal(sql_number("SELECT count(*) FROM task WHERE step IN ('report_org', 'prompt_report') AND done_by = '分析 花子'"), 2);
	clock_advance(3600000);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE notice_late"), 0);
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	answer = ask("{\"do\":\"incident.show\"," NUMBER "}", 0);
	assert_true(holds(answer, "総務課 山田 0952-00-0001 に電話しました: 話せました 端末を外すとのこと"));
}

/* Nobody answers: 5 and 10 minutes, then on and on, round the contacts, until somebody does. */
static void test_until_somebody_answers(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	for (int minute = 1; minute <= 25; minute++) {
		clock_advance(60000);
		settle();
	}
	/* contacts 1, 2 and 3 at 0, 5 and 10 minutes, and again at 15, 20 and 25 */
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 2);
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 2);
	assert_int_equal(sink_count(&sink, "sato@a.example"), 2);
	ask("{\"do\":\"incident.ack\"," NUMBER ",\"by\":\"総務課 鈴木\"}", 0);
	for (int minute = 1; minute <= 20; minute++) {
		clock_advance(60000);
		settle();
	}
	assert_int_equal(sql_number("SELECT escalation FROM incident"), 6);
}

static void test_repeats_end(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	for (int minute = 1; minute <= 120; minute++) {
		clock_advance(60000);
		settle();
	}
	assert_int_equal(sql_number("SELECT escalation FROM incident"), 12);
}

static void test_measured(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	clock_advance(240000);
	ask("{\"do\":\"incident.judge\"," NUMBER ",\"by\":\"分析 花子\",\"severity\":2,\"reason\":\"一\"}", 0);
	clock_advance(60000);
	char *answer = ask("{\"do\":\"incident.judge\"," NUMBER ",\"by\":\"分析 花子\",\"severity\":3,\"reason\":\"二\"}", 0);
	assert_true(holds(answer, "\"found_to_judged\":240500")); /* the first judgement's */
	assert_true(holds(answer, "\"found_to_received\":500"));
}

/* ---- shifts ---- */

static void test_boundaries(void **state)
{
	static const struct {
		int64_t now, at; /* minutes from midnight of the 22nd in Japan */
		bool to_day;
	} cases[] = { { 0, -405, false }, { 509, -405, false }, { 510, 510, true }, { 1034, 510, true }, { 1035, 1035, false }, { 1439, 1035, false } };
	int64_t midnight = T0 - 18 * 3600000LL;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool day;
		assert_int_equal(handover_boundary(510, 1035, midnight + cases[i].now * 60000, &day), midnight + cases[i].at * 60000);
		assert_int_equal(day, cases[i].to_day);
	}
}

static void test_handover_writes_itself(void **state)
{
	NEED_PG();
	settle(); /* 18:00: the day's, once */
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM handover WHERE kind = 'to_night' AND by_name = 'toride'"), 1);
	stop(); /* a restart writes no second one */
	start();
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM handover"), 1);
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	ask("{\"do\":\"incident.task\"," NUMBER ",\"by\":\"x\",\"kind\":\"dispatch\",\"role\":\"noc\",\"owner\":\"現地 次郎\",\"ordered_by\":\"県 情報課\"}", 0);
	ask(CALL "\"result\":\"no_answer\"}", 0);
	clock_advance((14 * 60 + 31) * 60000LL); /* 8:31 */
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM handover WHERE kind = 'to_day'"), 1);
	char *answer = ask("{\"do\":\"shift.list\"}", 0);
	assert_true(holds(answer, "引継書 夜勤から日勤へ") && holds(answer, "対象: 11月22日 18時00分 から 11月23日 08時31分 まで"));
	assert_true(holds(answer, "受付 1件(うち危険度2以上 1件)") && holds(answer, "I-20261122-0001  佐賀市  危険度3(暫定)"));
	assert_true(holds(answer, "次にすること: 不審な通信か、または感染かを解析する") && holds(answer, "受領確認: まだです"));
	assert_true(holds(answer, "現地での対応") && holds(answer, "現地 次郎") && holds(answer, "総務課 山田(0952-00-0001): 出ませんでした"));
	assert_true(holds(answer, "B-20261122-0001")); /* its end is near */
}

static void test_handover_by_hand(void **state)
{
	NEED_PG();
	settle();
	open_quietly();
	ask("{\"do\":\"shift.handover\",\"kind\":\"to_moon\",\"by\":\"x\"}", -E_INVALID);
	char *answer = ask("{\"do\":\"shift.handover\",\"kind\":\"to_noc\",\"by\":\"分析 花子\"}", 0);
	assert_true(holds(answer, "監視(SOC)から運用(NOC)へ") && holds(answer, "気になる通信"));
	char rq[100];
	snprintf(rq, sizeof rq, "{\"do\":\"shift.take\",\"by\":\"運用 太郎\",\"id\":%lld}", (long long)sql_number("SELECT max(id) FROM handover"));
	ask(rq, 0);
	assert_true(holds(ask(rq, -E_STATE), "運用 太郎 took it already"));
	ask("{\"do\":\"shift.take\",\"by\":\"運用 太郎\",\"id\":999999}", -E_NOT_FOUND);
	/* no organisation sees what the desk leaves to itself */
	assert_true(holds(ask("{\"do\":\"shift.list\",\"org\":\"412015\"}", 0), "\"handovers\":[]"));
}

/* ---- office hours ---- */

static void test_calendar(void **state)
{
	static const struct {
		int y, m, d;
		bool holiday;
	} days[] = {
		{ 2026, 1, 1, true },  { 2026, 1, 12, true }, { 2026, 5, 6, true },  { 2026, 9, 21, true }, { 2026, 9, 22, true }, { 2026, 9, 23, true },
		{ 2026, 3, 20, true }, { 2026, 11, 23, true }, { 2026, 11, 24, false }, { 2026, 7, 20, true }, { 2026, 7, 13, false }, { 2027, 3, 22, true },
		{ 2027, 3, 21, true }, { 2026, 12, 29, false }, { 2028, 2, 29, false }, { 2024, 2, 12, true },
	};
	const char *closed[] = { "2026-11-24" };
	struct holiday_calendar c = { closed, 1, 510, 1035 };
	int64_t day = 86400000LL, sunday = T0 - 18 * 3600000LL; /* 2026-11-22; Monday is a holiday, Tuesday its own closed day */
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(days); i++)
		if (calendar_holiday(days[i].y, days[i].m, days[i].d) != days[i].holiday)
			fail_msg("%d-%d-%d", days[i].y, days[i].m, days[i].d);
	assert_int_equal(calendar_next_open(&c, T0), sunday + 3 * day + 510 * 60000LL);
	assert_true(calendar_open(&c, sunday + 3 * day + 510 * 60000LL));
	assert_false(calendar_open(&c, sunday + 3 * day + 1035 * 60000LL));
	assert_int_equal(calendar_next_open(&c, sunday + 3 * day + 1035 * 60000LL), sunday + 4 * day + 510 * 60000LL);
	assert_int_equal(calendar_next_open(&c, sunday + 3 * day + 600 * 60000LL), sunday + 3 * day + 600 * 60000LL);
}

/* ---- a month ---- */

static void test_month_span(void **state)
{
	static const struct {
		const char *month;
		int64_t from, days;
	} cases[] = { { "2026-11", 1793458800000, 30 }, { "2028-02", 1832943600000, 29 }, { "2100-02", 4105090800000, 28 }, { "1999-12", 943974000000, 31 } };
	static const char *const bad[] = { "", "2026-13", "2026-00", "2026-1", "2026/11", "20261-1", "2026-111", "x026-11" };
	int64_t from, to;
	struct err err;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(month_span(cases[i].month, &from, &to, &err), 0);
		assert_int_equal(from, cases[i].from);
		assert_int_equal((to - from) / 86400000, cases[i].days);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(month_span(bad[i], &from, &to, &err), -E_INVALID);
}

static void test_month(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example"), g = beacon(A, "10.1.0.9", "c3.bad.example"), h = beacon(B, "10.2.0.9", "c4.bad.example");
	f.count = 1; /* 2 */
	give(&f), give(&g), give(&h);
	settle();
	clock_advance(120000);
	ask("{\"do\":\"incident.judge\"," NUMBER ",\"by\":\"x\",\"severity\":1,\"reason\":\"誤検知\"}", 0);
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0002\",\"by\":\"総務課 山田\"}", 0);
	clock_advance(10 * 86400000LL); /* the next month */
	struct finding late = beacon(A, "10.1.0.7", "c5.bad.example");
	give(&late);
	char *answer = ask("{\"do\":\"report.month\",\"month\":\"2026-11\"}", 0);
	assert_true(holds(answer, "\"all\":{\"incidents\":3,\"severity\":[0,1,0,2],\"closed\":0,\"judged\":1,\"changed\":1"));
	assert_true(holds(answer, "\"org\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"incidents\":2,\"severity\":[0,1,0,1]"));
	assert_true(holds(answer, "\"org\":\"412031\",\"name\":\"鳥栖市\",\"name_en\":\"Tosu City\",\"incidents\":0"));
	assert_true(holds(answer, "\"found_to_judged\":{\"n\":1,\"median\":120500,\"p95\":120500,\"max\":120500}"));
	assert_true(holds(answer, "\"notice_to_ack\":{\"n\":1,\"median\":120000"));
	assert_true(holds(answer, "\"days\":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,3,0,0,0,0,0,0,0,0]"));
	assert_true(holds(answer, "\"rules\":[{\"rule\":\"rule-beacon\",\"title\":\"Beacon\",\"title_ja\":\"定期的な不審な通信\",\"incidents\":3,\"findings\":3}]"));
	assert_null(strstr(answer, "\"list\":"));
	answer = ask("{\"do\":\"report.month\",\"month\":\"2026-11\",\"org\":\"412023\",\"detail\":true}", 0);
	assert_true(holds(answer, "\"all\":{\"incidents\":1") && holds(answer, "\"list\":[{\"number\":\"I-20261122-0003\""));
	assert_null(strstr(answer, "412015")); /* nor its numbers */
	ask("{\"do\":\"report.month\",\"month\":\"November\"}", -E_INVALID);
}

/* ---- the log's signature, every morning ---- */

#define SLIP_JSON "toride checkpoint v1\\n12\\n1795386357000\\n00\\n3\\n11\\nkey 22\\nsig 33\\n"
#define HOUR 3600000LL

static int64_t sent_witnesses(void)
{
	return sql_number("SELECT count(*) FROM notice WHERE step = 'witness' AND state = 'sent'");
}

static void test_witness(void **state)
{
	NEED_PG();
	stored.answer = "{\"v\":1,\"ok\":true,\"slip\":\"" SLIP_JSON "\"}";
	settle(); /* 18:00 of the 22nd: it begins with the next morning */
	assert_int_equal(sent_witnesses(), 0);
	clock_advance(14 * HOUR);
	settle();
	assert_int_equal(sent_witnesses(), 0);
	clock_advance(HOUR + 60000); /* nine has passed */
	settle();
	assert_int_equal(sent_witnesses(), 1);
	const char *mail = sink_last(&sink, "ken@pref.example");
	assert_true(holds(mail, "toride checkpoint v1") && holds(mail, "sig 33") && holds(mail, "W-20261123-N1"));
	for (int i = 0; i < 20; i++) { /* once */
		clock_advance(HOUR);
		settle();
	}
	assert_int_equal(sent_witnesses(), 1);
	stored.answer = "{\"v\":1,\"ok\":true,\"slip\":\"toride checkpoint v1\\nBcc: all\\u0000\"}"; /* whoever says so: not into a mail of ours */
	clock_advance(4 * HOUR);
	settle();
	assert_int_equal(sent_witnesses(), 1);
	stored.answer = "{\"v\":1,\"ok\":true,\"slip\":\"" SLIP_JSON "\"}"; /* made good as soon as it can */
	clock_advance(2 * 60000);
	settle();
	assert_int_equal(sent_witnesses(), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'witness' AND org <> ''"), 0); /* no body sees it */
	clock_advance(72 * HOUR); /* three mornings at once: one slip says all */
	settle();
	assert_int_equal(sent_witnesses(), 3);
	assert_true(holds(ask("{\"do\":\"report.month\",\"month\":\"2026-11\"}", 0), "\"notices\":0")); /* they tell nobody of anything */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_sheet_is_ready), T(test_calls), T(test_until_somebody_answers), T(test_repeats_end), T(test_measured), T(test_boundaries),
		T(test_handover_writes_itself), T(test_handover_by_hand), T(test_calendar), T(test_month_span), T(test_month), T(test_witness),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
