/* The desk: findings, notices, blocks, clocks (desktest.h has what stands around it). */
#include "respond/desktest.h"

#include "base/err.h"
#include "base/fs.h"
#include "detect/indicators.h"
#include "respond/block.h"
#include "respond/desk.h"
#include "respond/notify.h"
#include "respond/smtp.h"
#include "respond/watch.h"
#include "wire/sock.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

/* ---- cases ---- */

/* A named person confirms what the machine took for grave: from here on it concerns the others too. */

static void judge_grave(void)
{
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":3,\"reason\":\"通信内容を確認\"}", 0);
}

static void test_beacon_to_block_and_mail(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE number = 'I-20261122-0001'"), 3);
	settle();
	/* the body concerned at once; one body's terminals can't have a site cut off for all */
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org <> '412015'"), 0);
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 1);
	judge_grave();
	settle();
	/* the one that consented; the third is asked */
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, B, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, NULL), 0);
	assert_int_equal(torided.last[0].block.kind, BLOCK_NAME);
	assert_string_equal(torided.last[0].block.org, A); /* first of all */
	assert_int_equal(torided.last[0].block.expires_ms, T0 + 24 * 3600000LL);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org = '412031' AND state = 'requested'"), 1);
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	assert_int_equal(sink_count(&sink, "ken@pref.example"), 1);
	assert_int_equal(sink_count(&sink, "tanaka@b.example"), 1);
	assert_int_equal(sink_count(&sink, "nakamura@c.example"), 1);
	/* the others learn of the block, not of whose incident it was */
	assert_null(strstr(sink_last(&sink, "tanaka@b.example"), "佐賀市"));
	assert_null(strstr(sink_last(&sink, "tanaka@b.example"), "I-2026"));
	const char *mail = sink_last(&sink, "yamada@a.example");
	assert_non_null(strstr(mail, "総務課 端末5(IPアドレス 10.1.0.5)"));
	assert_non_null(strstr(mail, "I-20261122-0001"));
	assert_non_null(strstr(mail, "Message-ID: <I-20261122-0001-N"));
	assert_non_null(strstr(mail, "11月22日 18時05分までに"));
	char *shown = ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\"}", 0);
	assert_non_null(strstr(shown, "412015/events/000001/"));
	assert_non_null(strstr(shown, "block_active"));
	assert_non_null(strstr(shown, "電話での連絡"));
	assert_non_null(strstr(shown, "\"signature_level\":\"low\""));
}

/* A second body's own finding says the same: no person needs to be awake. */
static void test_second_body_corroborates(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example"), g = beacon(C, "10.3.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, B, NULL), 0);
	give(&g);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, B, "c2.bad.example"), 1);
}

/* What joins a grave incident without having succeeded blocks nothing: else refused packets to any site would. */
static void test_harmless_finding_blocks_nothing(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example"), g = beacon(A, "10.1.0.5", "www.bank.example");
	g.action = FINDING_DENIED;
	give(&f);
	judge_grave();
	give(&g);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE value = 'www.bank.example'"), 0);
}

static void test_address_as_host(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "203.0.113.99");
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE kind = 'address' AND value = '203.0.113.99'"), 1);
}

static void test_duplicates(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	for (int i = 0; i < 5; i++)
		give(&f);
	assert_int_equal(sql_number("SELECT count(*) FROM finding"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'first'"), 1);
	for (int i = 0; i < 9; i++) { /* it goes on: same fingerprint, new uid */
		struct finding g = beacon(A, "10.1.0.5", "c2.bad.example");
		give(&g);
	}
	assert_int_equal(sql_number("SELECT findings FROM incident"), 10);
	assert_int_equal(sql_number("SELECT events FROM incident"), 50);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'first'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org = '412015'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'repeat'"), 3); /* 2nd, 4th, 8th */
}

/* What a terminal fetched was bad; then it calls its master: one incident, which is graver now, with the reason, and is told again. */
static void test_calls_out_afterwards(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "login.phish.example"), g = beacon(A, "10.1.0.5", "c2.bad.example");
	f.attacks[0] = "T1566.002", f.count = 1, f.rule.id = "rule-phish", f.rule.title = f.rule.title_ja = "phish";
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE reasons LIKE '%delivery_allowed%'"), 2);
	give(&g);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 1);
	assert_int_equal(sql_number("SELECT severity FROM incident WHERE reasons LIKE '%c2_allowed_repeated%'"), 3);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'severity' AND args LIKE '%\"2\",\"3\"%'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'raised' AND org = '412015' AND channel = 'mail'"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "login.phish.example"), 0);
}

static void test_grouping(void **state)
{
	NEED_PG();
	struct finding f[] = {
		beacon(A, "10.1.0.5", "one.bad.example"),
		beacon(A, "10.1.0.5", "two.bad.example"),  /* same terminal */
		beacon(A, "10.1.0.9", "two.bad.example"),  /* not the main observable of … */
		beacon(A, "10.1.0.7", "three.bad.example"), /* nothing in common */
		beacon(B, "10.1.0.5", "one.bad.example"),  /* another body, with the same addresses */
		beacon(A, "10.1.0.254", "four.bad.example"), /* a child proxy stands for many */
		beacon(A, "10.1.0.254", "five.bad.example"),
	};
	for (size_t i = 0; i < ARRAY_LEN(f); i++)
		give(&f[i]);
	assert_int_equal(sql_number("SELECT count(DISTINCT incident) FROM finding WHERE uid IN (SELECT uid FROM finding"
	                            " WHERE body LIKE '%one.bad%' AND org = '412015' OR body LIKE '%two.bad%')"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE org = '412015'"), 4);
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE org = '412023'"), 1);
	clock_advance(25 * 3600000LL); /* a day later it is another one */
	struct finding late = beacon(A, "10.1.0.7", "three.bad.example");
	give(&late);
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE org = '412015'"), 5);
}

static void test_shared_address(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	f.count = 1; /* severity 2: no block */
	f.observables[f.n_observables++] = (struct observable){ OBSERVABLE_IP, "198.51.100.7" };
	give(&f);
	struct finding g = beacon(B, "10.9.0.1", "blog.other.example");
	g.count = 1;
	g.observables[g.n_observables++] = (struct observable){ OBSERVABLE_IP, "198.51.100.7" };
	give(&g);
	struct finding h = beacon(A, "10.1.0.5", "x"); /* the address alone: the name seen with it is blocked */
	h.observables[0] = (struct observable){ OBSERVABLE_IP, "198.51.100.7" };
	give(&h);
	struct finding k = beacon(C, "10.8.0.1", "x"); /* and where no name is known, nothing */
	k.observables[0] = (struct observable){ OBSERVABLE_IP, "198.51.100.7" };
	give(&k);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "198.51.100.7"), 0);
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, "198.51.100.7"), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'block_refused' AND org = '412031'"), 1);
	struct finding own = beacon(C, "10.8.0.2", "x"); /* an address of one name, or none, is blocked as such */
	own.observables[0] = (struct observable){ OBSERVABLE_IP, "203.0.113.9" };
	give(&own);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, "203.0.113.9"), 1);
}

static void test_guard(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "cdn.good.example");
	give(&f);
	struct finding g = beacon(A, "10.1.0.6", "proxy.cloud.example");
	give(&g);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, NULL), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'block_refused'"), 2);
	const struct desk_org *o = desk_org(r.desk, A);
	static const struct {
		uint8_t kind;
		const char *value;
		bool refused;
	} cases[] = {
		{ BLOCK_NAME, "jp", true },          { BLOCK_NAME, "co.jp", true },        { BLOCK_NAME, "saga.jp", true },
		{ BLOCK_NAME, "Tokyo.JP", true },    { BLOCK_NAME, "evil.saga.jp", false }, { BLOCK_NAME, "karatsu.saga.jp", true }, { BLOCK_NAME, "co.uk", true }, { BLOCK_NAME, "evil.co.uk", false }, { BLOCK_NAME, "saga.example", false }, { BLOCK_NAME, "bad.example", false },
		{ BLOCK_NAME, "good.example", true }, { BLOCK_NAME, "a.b.good.example", true }, { BLOCK_NAME, "notgood.example", false },
		{ BLOCK_NAME, "cloud.example", true }, { BLOCK_NAME, "a b.example", true },  { BLOCK_NAME, "", true },
		{ BLOCK_ADDRESS, "10.1.0.5", true },  { BLOCK_ADDRESS, "192.0.2.1", true }, { BLOCK_ADDRESS, "192.0.2.0/24", true },
		{ BLOCK_ADDRESS, "198.51.0.0/16", true }, { BLOCK_ADDRESS, "198.51.100.0/24", false },
		{ BLOCK_ADDRESS, "0.0.0.0/0", true }, { BLOCK_ADDRESS, "::/0", true },      { BLOCK_ADDRESS, "nonsense", true },
		{ BLOCK_URL, "http://bad.example/x", false }, { BLOCK_URL, "http://www.cloud.example/x", true },
		{ BLOCK_URL, "ftp://bad.example/", true }, { BLOCK_TERMINAL, "10.1.0.5", false },
		{ BLOCK_TERMINAL, "10.1.0.254", true }, { BLOCK_BLACKHOLE, "198.51.100.101", false }, { 9, "x", true },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if ((block_guard(r.desk, o, cases[i].kind, cases[i].value) != NULL) != cases[i].refused)
			fail_msg("%u %s", cases[i].kind, cases[i].value);
}

static void test_escalation(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	clock_advance(299000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	clock_advance(1000);
	settle();
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
	assert_int_equal(sink_count(&sink, "sato@a.example"), 0);
	clock_advance(300000);
	settle();
	assert_int_equal(sink_count(&sink, "sato@a.example"), 1);
	clock_advance(3600000);
	settle();
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 2); /* round again: one step, although an hour went by unseen */
	assert_int_equal(sql_number("SELECT escalation FROM incident"), 4);
}

/* ---- the wall clock is set while things run ---- */

#define HOURS(n) ((n) * 3600000LL)

static void set_clock(int64_t by)
{
	clock_shift(by);
	settle();
}

/* Hours forward: nobody is passed over. Hours back: nobody waits for them. */
static void test_clock_set_escalation(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	set_clock(HOURS(5));
	clock_advance(299000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	clock_advance(1000);
	settle();
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
	set_clock(-HOURS(30));
	assert_int_equal(sink_count(&sink, "sato@a.example"), 0);
	clock_advance(300000);
	settle();
	assert_int_equal(sink_count(&sink, "sato@a.example"), 1);
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 1);
}

/* The 15 minutes from the judgement, with a relay that takes nothing: late after 15 minutes, not before, whatever was set. */
static void test_clock_set_fifteen_minutes(void **state)
{
	static const int64_t set[] = { HOURS(3), -HOURS(9) };
	NEED_PG();
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		if (i)
			assert_int_equal(done(state) + fresh(state), 0);
		struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
		f.action = FINDING_DENIED;
		give(&f);
		sink.refuse = 1000;
		judge_grave();
		settle();
		clock_advance(600000);
		settle();
		set_clock(set[i]);
		assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE notice_late"), 0);
		clock_advance(299000);
		settle();
		assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE notice_late"), 0);
		clock_advance(2000);
		settle();
		assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE notice_late"), 1);
	}
}

/* A block of a day lasts a day, and what detectd looks for begins when it acted by the clock events carry now. */
static void test_clock_set_block(void **state)
{
	static const int64_t set[] = { HOURS(30), -HOURS(30) };
	NEED_PG();
	for (size_t i = 0; i < ARRAY_LEN(set); i++) {
		if (i)
			assert_int_equal(done(state) + fresh(state), 0);
		struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
		give(&f);
		settle();
		clock_advance(HOURS(1));
		settle();
		r.watch_stale = false;
		set_clock(set[i]);
		assert_true(r.watch_stale);
		char q[120];
		snprintf(q, sizeof q, "SELECT %lld - acted_ms FROM block WHERE org = '412015'", (long long)clock_now_ms());
		assert_int_equal(sql_number(q), HOURS(1));
		assert_int_equal(orders(ORDER_BLOCK_REMOVE, A, NULL), 0);
		clock_advance(HOURS(23) - 1000);
		settle();
		assert_int_equal(orders(ORDER_BLOCK_REMOVE, A, NULL), 0);
		clock_advance(1000);
		settle();
		assert_int_equal(orders(ORDER_BLOCK_REMOVE, A, "c2.bad.example"), 1);
	}
}

/* Set while respondd was down: noticed at its start, once. In another boot there is nothing to compare with. */
static void test_clock_set_meanwhile(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	stop();
	clock_shift(HOURS(6));
	start();
	settle();
	stop();
	start();
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	clock_advance(299000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	stop();
	boot = "another";
	clock_shift(HOURS(6));
	start();
	settle();
	settle();
	boot = "";
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
}

static void test_ack_stops(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0001\"}", -E_INVALID); /* nobody acknowledges by nobody */
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0001\",\"by\":\"山田\",\"org\":\"412023\"}", -E_NOT_FOUND);
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0001\",\"by\":\"山田\"}", 0);
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0001\",\"by\":\"山田\"}", -E_EXISTS);
	clock_advance(3600000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE state = 'handling' AND acked_by = '山田'"), 1);
}

/* The token in the newest notice's link; "" when there is none. */
static const char *newest_link(void)
{
	static char token[80];
	PGconn *c = PQsetdbLogin(pg.sock, NULL, NULL, NULL, STORE_DATABASE, "postgres", NULL);
	PGresult *res = PQexec(c, "SELECT substring(body from 'https://desk.example/ack/([0-9a-f]{64})\n') FROM notice WHERE step = 'first' ORDER BY id DESC LIMIT 1");
	assert_int_equal(PQresultStatus(res), PGRES_TUPLES_OK);
	snprintf(token, sizeof token, "%s", PQntuples(res) ? PQgetvalue(res, 0, 0) : "");
	PQclear(res);
	PQfinish(c);
	return token;
}

static void test_ack_by_link(void **state)
{
	NEED_PG();
	char look[160], use[160], wrong[160];
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	r.desk->page_url = "https://desk.example";
	give(&f);
	settle();
	const char *token = newest_link();
	assert_int_equal(strlen(token), 64);
	assert_int_equal(sql_number("SELECT count(*) FROM ack_link WHERE contact = '総務課 山田'"), 1);
	snprintf(look, sizeof look, "{\"do\":\"ack.look\",\"token\":\"%s\"}", token);
	snprintf(use, sizeof use, "{\"do\":\"ack.use\",\"by\":\"link\",\"token\":\"%s\"}", token);
	snprintf(wrong, sizeof wrong, "{\"do\":\"ack.use\",\"by\":\"link\",\"token\":\"%s0\"}", token + 1);
	for (int i = 0; i < 2; i++) /* looking confirms nothing, however often */
		assert_non_null(strstr(ask(look, 0), "\"contact\":\"総務課 山田\",\"acked\":false"));
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE acked_ms IS NOT NULL"), 0);
	ask(wrong, -E_NOT_FOUND);
	ask("{\"do\":\"ack.use\",\"by\":\"link\",\"token\":\"\"}", -E_INVALID);
	ask(use, 0);
	ask(use, -E_EXISTS); /* once */
	assert_non_null(strstr(ask(look, 0), "\"acked\":true"));
	assert_int_equal(sql_number("SELECT count(*) FROM incident WHERE acked_by = '総務課 山田'"), 1);
	clock_advance(3600000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	clock_advance(31 * 86400000ll);
	ask(look, -E_NOT_FOUND); /* too old */
}

static void test_judgement_and_clock(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	f.action = FINDING_DENIED; /* provisional 1: nobody is told */
	give(&f);
	settle();
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 0);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":4,\"reason\":\"x\"}", -E_INVALID);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":2}", -E_INVALID);
	sink.refuse = 1000; /* the relay is out of order */
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":2,\"reason\":\"端末で不審な挙動\"}", 0);
	assert_int_equal(sql_number("SELECT notice_due_ms - judged_ms FROM incident"), 900000);
	assert_int_equal(sql_number("SELECT severity * 10 + judged FROM incident"), 12); /* beside, not instead */
	assert_int_equal(sql_number("SELECT count(*) FROM judgement WHERE by_name = '分析 花子' AND severity = 2"), 1);
	settle();
	clock_advance(900001);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'notice_late'"), 1);
	sink.refuse = 0;
	clock_advance(600000);
	settle();
	assert_true(sink_count(&sink, "yamada@a.example") >= 1);
	assert_true(sink_has(&sink, "yamada@a.example", "分析 花子"));
}

static void test_judged_up(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	f.count = 1;
	give(&f); /* 2: the prefecture is told from 3 */
	settle();
	assert_int_equal(sink_count(&sink, "ken@pref.example"), 0);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"severity\":3,\"reason\":\"x\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(sink_count(&sink, "ken@pref.example"), 1);
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 2);
}

static void test_judged_down(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	f.count = 1;
	give(&f); /* 2: told */
	settle();
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"severity\":0,\"reason\":\"更新の確認\",\"seen\":0}", 0);
	/* somebody whose page is older than the last judgement doesn't overrule it */
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"次郎\",\"severity\":0,\"reason\":\"古い画面\",\"seen\":0}", -E_STATE);
	ask("{\"do\":\"incident.close\",\"number\":\"I-20261122-0001\",\"by\":\"次郎\",\"reason\":\"古い画面\",\"seen\":0}", -E_STATE);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"次郎\",\"severity\":0,\"reason\":\"x\",\"seen\":\"0\"}", -E_STATE);
	/* a button pressed twice: it is judged, once */
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"severity\":0,\"reason\":\"更新の確認\",\"seen\":0}", 0);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"severity\":1,\"reason\":\"更新の確認\",\"seen\":0}", -E_STATE);
	assert_int_equal(sql_number("SELECT count(*) FROM judgement"), 1);
	clock_advance(700000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0);
	struct finding g = beacon(A, "10.1.0.5", "c2.bad.example"); /* worse than what was judged: acted on */
	give(&g);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
}

static void test_relay_down_and_retry(void **state)
{
	NEED_PG();
	sink.refuse = 2; /* 451 twice */
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	f.count = 1;
	give(&f);
	settle();
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 0);
	assert_int_equal(sql_number("SELECT attempts FROM notice WHERE step = 'first'"), 1);
	clock_advance(2000);
	settle();
	clock_advance(4000);
	settle();
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 1);
	assert_int_equal(sql_number("SELECT attempts FROM notice WHERE step = 'first' AND state = 'sent'"), 3);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'notice_retry'"), 1);
}

static void test_refused_for_good(void **state)
{
	NEED_PG();
	sink.refuse = 3;
	sink.refuse_code = 550;
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	f.count = 1;
	give(&f);
	for (int i = 0; i < 6; i++) {
		settle();
		clock_advance(10000);
	}
	/* 60 s, long before escalate1: nobody waits for a mail box that doesn't exist */
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'first' AND state = 'failed'"), 1);
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'notice_failed'"), 1);
}

static void test_restart_in_the_middle(void **state)
{
	NEED_PG();
	struct err err = { 0 };
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	stop(); /* before anything was sent or ordered: all that is left is in the database */
	pgtest_kill(&pg);
	pgtest_restart(&pg);
	start();
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 1);
	/* killed between handing a mail over and noting it: again, under the same reference */
	clock_advance(300000);
	assert_int_equal(notify_escalate_due(&r, clock_now_ms(), &err), 0);
	assert_int_equal(notify_send_due(&r, clock_now_ms(), &err), 0);
	stop();
	start();
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 0); /* its lease runs */
	clock_advance(61000);
	settle();
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'second' AND channel = 'mail'"), 1);
}

static void test_store_away(void **state)
{
	NEED_PG();
	struct err err = { 0 };
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	clock_hold(0);
	pgtest_kill(&pg);
	assert_int_equal(respond_finding(&r, &f, &err), -E_CLOSED); /* not acknowledged */
	respond_work(&r);
	pgtest_restart(&pg);
	int res = -1;
	for (int i = 0; i < 50 && res < 0; i++, poll(NULL, 0, 100))
		res = respond_finding(&r, &f, &err);
	assert_int_equal(res, 0);
	assert_int_equal(sql_number("SELECT count(*) FROM finding"), 1);
}

/* Severity 1: one mail in office hours to who wants to know of it, where the description says so; nobody is asked to answer, nobody is called. */
static void test_failed_attacks_are_told_in_office_hours(void **state)
{
	NEED_PG();
	struct finding f = beacon(B, "10.1.0.5", "c2.bad.example");
	f.action = FINDING_DENIED;
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT severity FROM incident"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice"), 0); /* the description doesn't ask for it */
	r.desk->tell_medium = true;
	struct finding g = beacon(B, "10.1.0.6", "c2.other.example"), again = beacon(B, "10.1.0.6", "c2.other.example"), unwanted = beacon(A, "10.1.0.7", "c2.third.example");
	g.action = again.action = unwanted.action = FINDING_DENIED;
	give(&g), give(&again), give(&unwanted); /* 412015's contacts want to be told from 2 up */
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'medium' AND org = '412023' AND channel = 'mail'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice"), 1);
	assert_int_equal(sink.n, 0); /* Sunday evening */
	clock_advance(40 * 3600000LL);
	settle();
	assert_int_equal(sink_count(&sink, "tanaka@b.example"), 1);
	assert_true(sink_has(&sink, "tanaka@b.example", "【確認のお願い】失敗した攻撃のお知らせ 危険度1") && sink_has(&sink, "tanaka@b.example", "返事はいりません") &&
	            sink_has(&sink, "tanaka@b.example", "端末を使っている方に、心当たりがあるか聞いてください。"));
	clock_advance(3600000);
	settle();
	assert_int_equal(sink.n, 1); /* silence is no reason to ask again */
	struct finding worse = beacon(B, "10.1.0.6", "c2.other.example"); /* now one got through: told as it ever was */
	give(&worse);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'first'"), 1);
}

/* The mail waits for the office; by then one got through, or somebody found that it was nothing. */
static void test_a_failed_attack_that_was_overtaken_isnt_told(void **state)
{
	NEED_PG();
	r.desk->tell_medium = true;
	struct finding f = beacon(B, "10.1.0.5", "c2.bad.example"), g = beacon(B, "10.1.0.6", "c2.other.example"), h = beacon(B, "10.1.0.7", "c2.third.example");
	f.action = g.action = h.action = FINDING_DENIED;
	give(&f), give(&g), give(&h);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'medium' AND state = 'queued'"), 3);
	ask("{\"do\":\"incident.close\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"reason\":\"試験\"}", 0);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0003\",\"by\":\"花子\",\"severity\":1,\"reason\":\"そのとおり\"}", 0);
	struct finding worse = beacon(B, "10.1.0.6", "c2.other.example");
	give(&worse);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'medium' AND state = 'cancelled'"), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'first'"), 1);
	clock_advance(40 * 3600000LL);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice n JOIN incident i ON i.id = n.incident WHERE n.step = 'medium' AND n.state = 'sent' AND i.number = 'I-20261122-0003'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'medium' AND state = 'sent'"), 1);
}

static void test_block_by_hand_and_undo(void **state)
{
	NEED_PG();
	ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"good.example\",\"reason\":\"x\",\"by\":\"花子\"}", -E_DENIED);
	ask("{\"do\":\"block.add\",\"org\":\"999999\",\"kind\":\"name\",\"value\":\"bad.example\",\"reason\":\"x\",\"by\":\"花子\"}", -E_NOT_FOUND);
	ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"bad.example\",\"reason\":\"x\\ny\",\"by\":\"花子\"}", -E_INVALID);
	char *a = ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"bad.example\",\"reason\":\"試験\",\"by\":\"花子\",\"hours\":2}", 0);
	assert_non_null(strstr(a, "\"id\":\"B-20261122-0001\""));
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "bad.example"), 1);
	ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"bad.example\",\"reason\":\"試験\",\"by\":\"花子\"}", -E_EXISTS);
	assert_non_null(strstr(ask("{\"do\":\"block.list\"}", 0), "\"state\":\"active\""));
	assert_null(strstr(ask("{\"do\":\"block.list\",\"org\":\"412023\"}", 0), "bad.example"));
	ask("{\"do\":\"block.remove\",\"id\":\"B-20261122-0001\",\"by\":\"花子\",\"org\":\"412023\"}", -E_NOT_FOUND);
	ask("{\"do\":\"block.remove\",\"id\":\"B-20261122-0001\",\"by\":\"花子\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_REMOVE, A, "bad.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE state = 'removed' AND removed_by = '花子'"), 1);
	ask("{\"do\":\"block.remove\",\"id\":\"B-20261122-0001\",\"by\":\"花子\"}", -E_STATE);
	settle();
	clock_advance(40 * 3600000LL); /* that all is as before waits until the office opens */
	settle();
	assert_int_equal(sink_count(&sink, "yamada@a.example"), 2); /* told of both */
}

/* It takes an address of the body's off the Internet: nothing goes out before somebody else has approved. */
static void test_announcement_by_two(void **state)
{
	static const char *const spelt[] = { "hanako", "Ｈａｎａｋｏ", "Hana ko", "HANA　KO" };
	static const char *const never[][2] = { { "blackhole", "198.51.100.102" }, { "blackhole", "198.51.100.0/24" }, { "blackhole", "www.example" },
		                                { "flow", "198.51.100.101 udp" }, { "flow", "to 198.51.100.102 udp" }, { "flow", "to" } };
	NEED_PG();
	for (size_t i = 0; i < ARRAY_LEN(never); i++) {
		char rq[200];
		snprintf(rq, sizeof rq, "{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"%s\",\"value\":\"%s\",\"reason\":\"攻撃\",\"by\":\"Hanako\"}", never[i][0], never[i][1]);
		ask(rq, -E_DENIED);
	}
	ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"blackhole\",\"value\":\"198.51.100.101\",\"reason\":\"攻撃\",\"by\":\"Hanako\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "198.51.100.101"), 0);
	for (size_t i = 0; i < ARRAY_LEN(spelt); i++) {
		char rq[120];
		snprintf(rq, sizeof rq, "{\"do\":\"block.consent\",\"id\":\"B-20261122-0001\",\"by\":\"%s\"}", spelt[i]);
		ask(rq, -E_DENIED);
	}
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "198.51.100.101"), 0);
	ask("{\"do\":\"block.consent\",\"id\":\"B-20261122-0001\",\"by\":\"太郎\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "198.51.100.101"), 1);
	assert_int_equal(torided.last[0].block.kind, BLOCK_BLACKHOLE);
	assert_int_equal(sql_number("SELECT count(*) FROM inquiry"), 0);
	ask("{\"do\":\"block.consent\",\"id\":\"B-20261122-0001\",\"by\":\"太郎\"}", -E_STATE);
}

static void test_consent_given_later(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	judge_grave();
	settle();
	char rq[200];
	PGconn *c = PQsetdbLogin(pg.sock, NULL, NULL, NULL, STORE_DATABASE, "postgres", NULL);
	PGresult *res = PQexec(c, "SELECT id FROM block WHERE state = 'requested'");
	snprintf(rq, sizeof rq, "{\"do\":\"block.consent\",\"id\":\"%s\",\"by\":\"鳥栖 市長\"}", PQgetvalue(res, 0, 0));
	PQclear(res);
	PQfinish(c);
	ask(rq, 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, "c2.bad.example"), 1);
	ask(rq, -E_STATE);
	assert_non_null(strstr(ask("{\"do\":\"block.consent\"}", 0), "\"min_severity\":3"));
}

/* A body that was only asked, for another's sake, finds the same host in its own traffic. */
static void test_own_incident_needs_no_consent(void **state)
{
	NEED_PG();
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example"), own = beacon(C, "10.3.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, NULL), 0);
	give(&own);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org = '412031'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block b JOIN incident i ON i.id = b.incident WHERE b.org = '412031'"
	                            " AND i.org = '412031' AND b.state = 'active' AND b.origin AND b.incident_number = i.number"), 1);
	assert_non_null(strstr(ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0002\"}", 0), "block_active"));
}

static void test_block_retry_and_expiry(void **state)
{
	NEED_PG();
	torided.fail = 2;
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	clock_advance(1000);
	settle();
	clock_advance(1000);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	clock_advance(BLOCK_VERIFY_MS);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org = '412015' AND verified = 'no_attempt'"), 1);
	clock_advance(24 * 3600000LL);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_REMOVE, A, "c2.bad.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org = '412015' AND state = 'expired'"), 1);
}

static void test_block_refused_by_torided(void **state)
{
	NEED_PG();
	torided.refuse = E_DENIED;
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE org = '412015' AND state = 'failed'"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'block_failed'"), 1);
}

/* Nobody waits for a torided that is slow; orders go out once, first the body concerned. */
static void until_ordered(void)
{
	for (int ms = 0; orders_idle(r.orders) && ms < 10000; ms++) {
		r.work_ms = 0;
		respond_work(&r);
		poll(NULL, 0, 1);
	}
}

static void test_slow_torided(void **state)
{
	NEED_PG();
	torided.held = true;
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example"), g = beacon(C, "10.3.0.5", "c9.bad.example");
	give(&f);
	until_ordered();
	judge_grave();
	for (int i = 0; i < 20; i++) {
		r.work_ms = 0;
		respond_work(&r);
	}
	give(&g);
	assert_non_null(strstr(ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\"}", 0), "block_ordered"));
	assert_false(orders_idle(r.orders)); /* all of this came while the first order wasn't answered */
	assert_int_equal(torided.n, 0);
	torided.held = false;
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, B, "c2.bad.example"), 1);
	assert_int_equal(orders(ORDER_BLOCK_ADD, C, "c9.bad.example"), 1);
	assert_int_equal(torided.n, 3);
	assert_string_equal(torided.last[0].block.org, A);
	assert_string_equal(torided.last[1].block.org, C); /* whose own incident it is comes before who agreed beforehand */
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE state = 'active'"), 3);
}

/* Taken back while the order is under way: it is set, then removed, never left standing. */
static void test_removed_under_way(void **state)
{
	NEED_PG();
	torided.held = true;
	ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"bad.example\",\"reason\":\"試験\",\"by\":\"花子\"}", 0);
	assert_false(orders_idle(r.orders));
	ask("{\"do\":\"block.remove\",\"id\":\"B-20261122-0001\",\"by\":\"花子\"}", 0);
	torided.held = false;
	settle();
	assert_int_equal(torided.n, 2);
	assert_int_equal(torided.last[0].op, ORDER_BLOCK_ADD);
	assert_int_equal(torided.last[1].op, ORDER_BLOCK_REMOVE);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE state = 'removed'"), 1);
}

/* ---- does the block hold: counts as detectd tells them ---- */

static struct finding count_of(const char *block, const char *org, uint64_t n, bool passed)
{
	struct finding f = beacon(org, "10.1.0.5", "c2.bad.example");
	f.rule.id = FINDING_RULE_BLOCKED, f.block = block, f.count = n;
	f.action = passed ? FINDING_ALLOWED : FINDING_DENIED;
	f.first_time = f.time;
	return f;
}

static const char own[] = "B-20261122-0001"; /* the beacon's own block, of its body */

static void blocked_beacon(void)
{
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE id = 'B-20261122-0001' AND state = 'active'"), 1);
}

#define SAYS(kind) "SELECT count(*) FROM incident_event WHERE kind = '" kind "'"
#define VERDICT(v) "SELECT count(*) FROM block WHERE id = 'B-20261122-0001' AND verified = '" v "'"

static void test_stopped(void **state)
{
	NEED_PG();
	blocked_beacon();
	struct finding f = count_of(own, A, 3, false), g = count_of(own, A, 4, false);
	give(&f);
	give(&f); /* told again after a crash, the same */
	f.count = 5;
	give(&f); /* and grown: two more, not five */
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE verified <> ''"), 0); /* too early to say */
	clock_advance(BLOCK_VERIFY_MS);
	settle();
	assert_int_equal(sql_number(VERDICT("stopped")), 1);
	assert_int_equal(sql_number(SAYS("block_stopped") " AND args = '[\"B-20261122-0001\",\"5\"]'"), 1);
	give(&g);
	settle();
	assert_int_equal(sql_number("SELECT n FROM block_call"), 9);
	assert_int_equal(sql_number(SAYS("block_stopped")), 1); /* said once; the card counts on */
	assert_non_null(strstr(ask("{\"do\":\"block.list\"}", 0), "\"refused\":9"));
	assert_int_equal(sql_number("SELECT count(*) FROM incident"), 1); /* no incident of its own */
	assert_int_equal(sql_number("SELECT count(*) FROM finding"), 1);
}

static void test_no_attempt_then_stopped(void **state)
{
	NEED_PG();
	blocked_beacon();
	clock_advance(BLOCK_VERIFY_MS);
	settle();
	assert_int_equal(sql_number(VERDICT("no_attempt")), 1);
	assert_int_equal(sql_number(SAYS("block_no_attempt")), 1);
	clock_advance(60000);
	struct finding f = count_of(own, A, 1, false);
	give(&f);
	settle();
	assert_int_equal(sql_number(VERDICT("stopped")), 1);
	assert_int_equal(sql_number(SAYS("block_stopped")), 1);
}

static void test_still_passing(void **state)
{
	NEED_PG();
	blocked_beacon();
	int before = sink_count(&sink, "soc@cloud.example");
	struct finding f = count_of(own, A, 2, true), g = count_of(own, A, 7, false), h = count_of(own, A, 1, true);
	give(&f); /* nobody waits for the first look */
	settle();
	assert_int_equal(sql_number(VERDICT("still_passing")), 1);
	assert_int_equal(sql_number(SAYS("block_still_passing") " AND args = '[\"B-20261122-0001\",\"2\",\"0\"]'"), 1);
	assert_int_equal(sink_count(&sink, "soc@cloud.example"), before + 1);
	assert_true(sink_has(&sink, "soc@cloud.example", "遮断が効いていません"));
	give(&g); /* refusals beside it don't make it hold */
	clock_advance(BLOCK_VERIFY_MS);
	settle();
	assert_int_equal(sql_number(VERDICT("still_passing")), 1);
	assert_int_equal(sink_count(&sink, "soc@cloud.example"), before + 1); /* said once */
	clock_advance(BLOCK_LEAK_MS);
	settle(); /* nothing passed for five minutes, and calls were refused: it holds again */
	assert_int_equal(sql_number(VERDICT("stopped")), 1);
	give(&h); /* and once more it doesn't: once more it is said */
	settle();
	assert_int_equal(sql_number(SAYS("block_still_passing")), 2);
	assert_int_equal(sink_count(&sink, "soc@cloud.example"), before + 2);
}

/* The cable is still in: the clerk hears how often the terminal called since, after the time they had, and once an hour. */
static void test_terminal_still_calls(void **state)
{
	NEED_PG();
	blocked_beacon();
	int before = sink_count(&sink, "yamada@a.example");
	struct finding f = count_of(own, A, 12, false), g = count_of(own, A, 30, false);
	give(&f);
	clock_advance(299000);
	settle(); /* the calls of the first minutes alone aren't news */
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'calls'"), 0);
	clock_advance(10000);
	give(&g);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'calls'"), 1);
	assert_true(sink_count(&sink, "yamada@a.example") > before);
	assert_true(sink_has(&sink, "yamada@a.example", "遮断してから止めた通信: 42回"));
	assert_int_equal(sql_number(SAYS("block_calls")), 1);
	clock_advance(600000);
	f = count_of(own, A, 1, false);
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'calls'"), 1);
	clock_advance(BLOCK_CALLS_MS);
	f = count_of(own, A, 1, false);
	give(&f);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'calls'"), 2);
	clock_advance(BLOCK_CALLS_MS);
	settle(); /* silent since: nobody is told anything */
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE step = 'calls'"), 2);
}

/* What detectd is told to look for: exactly what is in force, and never from a time that hasn't come. */
static void test_watch_list(void **state)
{
	NEED_PG();
	struct err err = { 0 };
	struct indicators *l = NULL;
	const struct indicator *hit[4];
	struct buf b;
	blocked_beacon();
	buf_init(&b, INDICATORS_BYTES);
	assert_int_equal(block_watch_list(&r, clock_now_ms() - 600000, &b, &err), 0); /* the clock went back ten minutes */
	assert_int_equal(indicators_parse(buf_view(&b), &l), 0);
	struct indicator_query q = { .org = STR(A), .host = STR("x.c2.bad.example") };
	assert_int_equal(indicators_find(l, &q, hit, 4), 1);
	assert_string_equal(hit[0]->id, own);
	assert_true(hit[0]->since_ms == clock_now_ms() - 600000);
	indicators_destroy(&l);
	ask("{\"do\":\"block.remove\",\"id\":\"B-20261122-0001\",\"by\":\"花子\"}", 0);
	settle();
	buf_reset(&b);
	assert_int_equal(block_watch_list(&r, clock_now_ms(), &b, &err), 0);
	assert_int_equal(indicators_parse(buf_view(&b), &l), 0);
	assert_true(indicators_empty(l));
	indicators_destroy(&l);
	buf_done(&b);
	struct finding f = count_of("B-19990101-0001", A, 1, true); /* of a block nobody knows: passed over */
	give(&f);
	assert_int_equal(sql_number("SELECT count(*) FROM block_call"), 0);
}

static void test_by_hand(void **state)
{
	NEED_PG();
	ask("{\"do\":\"incident.open\",\"org\":\"412015\",\"title\":\"電話での相談\",\"by\":\"花子\",\"severity\":1}", 0);
	ask("{\"do\":\"incident.note\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"text\":\"聞き取り中\",\"state\":\"recovering\"}", 0);
	ask("{\"do\":\"incident.note\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"report\":\"follow\"}", 0);
	ask("{\"do\":\"incident.close\",\"number\":\"I-20261122-0001\",\"by\":\"花子\"}", -E_INVALID);
	ask("{\"do\":\"incident.close\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"reason\":\"対応終了\"}", 0);
	ask("{\"do\":\"incident.note\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"state\":\"handling\"}", -E_STATE);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"花子\",\"severity\":1,\"reason\":\"x\"}", -E_STATE);
	assert_null(strstr(ask("{\"do\":\"incident.list\"}", 0), "I-20261122-0001"));
	assert_non_null(strstr(ask("{\"do\":\"incident.list\",\"all\":true}", 0), "\"state\":\"closed\""));
	assert_null(strstr(ask("{\"do\":\"incident.list\",\"all\":true,\"org\":\"412023\"}", 0), "I-20261122-0001"));
	ask("{\"do\":\"incident.list\",\"org\":\"41' OR\"}", -E_INVALID);
	ask("{\"do\":\"incident.show\",\"number\":\"x'; DROP TABLE incident; --\"}", -E_NOT_FOUND);
	ask("{\"do\":\"nothing\"}", -E_INVALID);
}

/* ---- the socket ---- */

static void say(int fd, uint8_t type, uint64_t number, const char *json)
{
	struct finding_msg m = { type, number, { json, strlen(json) } };
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, FINDING_MSG_MAX);
	finding_msg_format(&m, &b);
	assert_int_equal(sock_send(fd, buf_view(&b), -1, &err), 0);
	buf_done(&b);
}

/* Runs the loop for a while; the number acknowledged last, or 0. */
static uint64_t acked(uv_loop_t *loop, int fd)
{
	uint64_t last = 0;
	struct buf b;
	buf_init(&b, 4096);
	for (int i = 0; i < 20; i++) {
		struct finding_msg m;
		uv_run(loop, UV_RUN_NOWAIT);
		poll(NULL, 0, 2);
		struct pollfd f = { fd, POLLIN, 0 };
		while (poll(&f, 1, 0) > 0 && sock_recv(fd, &b, NULL, 100, NULL) == 0)
			if (finding_msg_parse(b.ptr, b.len, &m) == 0 && m.type == FINDING_MSG_ACK)
				last = m.number;
			else
				fail_msg("not an acknowledgement");
	}
	buf_done(&b);
	return last;
}

static bool nobody(uid_t uid)
{
	return uid == 4711;
}

static void test_findings_socket(void **state)
{
	NEED_PG();
	char path[160];
	struct err err = { 0 };
	struct watch *w = NULL;
	struct buf b;
	uv_loop_t loop;
	int fd = -1;
	uv_loop_init(&loop);
	clock_hold(0);
	snprintf(path, sizeof path, "%s/findings.sock", pg.dir);
	assert_int_equal(watch_open(&loop, path, &r, NULL, &w, &err), 0);
	assert_int_equal(sock_connect(path, 1000, &fd, &err), 0);
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	buf_init(&b, 64 * KIB);
	finding_format(&f, &b);
	say(fd, FINDING_MSG_HELLO, 99, "");
	say(fd, FINDING_MSG_FINDING, 1, buf_cstr(&b));
	say(fd, FINDING_MSG_FINDING, 2, buf_cstr(&b)); /* again: one finding, two acknowledgements */
	assert_int_equal(acked(&loop, fd), 2);
	assert_int_equal(sql_number("SELECT count(*) FROM finding"), 1);
	say(fd, FINDING_MSG_FINDING, 3, "{\"class_uid\":2004}"); /* malformed: else it would be sent for ever */
	assert_int_equal(acked(&loop, fd), 3);
	/* the database goes: no acknowledgement until it is back and has it */
	struct finding g = beacon(B, "10.1.0.6", "c3.bad.example");
	buf_reset(&b);
	finding_format(&g, &b);
	pgtest_kill(&pg);
	say(fd, FINDING_MSG_FINDING, 4, buf_cstr(&b));
	assert_int_equal(acked(&loop, fd), 0);
	pgtest_restart(&pg);
	uint64_t got = 0;
	for (int i = 0; i < 50 && !got; i++, poll(NULL, 0, 50)) {
		watch_retry(w);
		got = acked(&loop, fd);
	}
	assert_int_equal(got, 4);
	assert_int_equal(sql_number("SELECT count(*) FROM finding"), 2);
	/* a peer that speaks out of order is dropped, and does no harm to others */
	int bad = -1;
	char byte;
	assert_int_equal(sock_connect(path, 1000, &bad, &err), 0);
	say(bad, FINDING_MSG_FINDING, 1, buf_cstr(&b));
	acked(&loop, fd);
	assert_int_equal(recv(bad, &byte, 1, MSG_DONTWAIT), 0);
	close(bad);
	assert_int_equal(sock_connect(path, 1000, &bad, &err), 0);
	assert_int_equal(send(bad, "����", 4, MSG_NOSIGNAL), 4); /* a length of 4 GiB */
	acked(&loop, fd);
	assert_int_equal(recv(bad, &byte, 1, MSG_DONTWAIT), 0);
	close(bad);
	say(fd, FINDING_MSG_FINDING, 5, buf_cstr(&b));
	assert_int_equal(acked(&loop, fd), 5);
	close(fd);
	watch_close(&w);
	uv_run(&loop, UV_RUN_DEFAULT);
	/* who may not hand in findings is hung up on */
	assert_int_equal(watch_open(&loop, path, &r, nobody, &w, &err), 0);
	assert_int_equal(sock_connect(path, 1000, &bad, &err), 0);
	for (int i = 0; i < 5; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
	assert_int_equal(recv(bad, &byte, 1, MSG_DONTWAIT), 0);
	close(bad);
	watch_close(&w);
	uv_run(&loop, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&loop), 0);
	buf_done(&b);
}

/* doc/interfaces/NAME as this build makes it; with TORIDE_GOLDEN=write it is written instead of compared. */
static void golden(const char *name, yyjson_val *v)
{
	char exe[512], path[1200];
	struct err err = { 0 };
	struct buf b;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	assert_true(n > 0);
	exe[n] = 0;
	*strrchr(exe, '/') = 0;
	/* __FILE__ is relative to the build directory, where the program lies */
	char file[400];
	snprintf(file, sizeof file, "%s", __FILE__);
	*strstr(file, "src/respond/") = 0;
	snprintf(path, sizeof path, "%s%s%sdoc/interfaces/%s", file[0] == '/' ? "" : exe, file[0] == '/' ? "" : "/", file, name);
	/* mails and blocks go out at once: which is done first isn't ours to say */
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *root = yyjson_val_mut_copy(doc, v), *list = yyjson_mut_obj_get(root, "timeline"), *e;
	size_t i, m;
	yyjson_mut_doc_set_root(doc, root);
	for (i = 0, m = yyjson_mut_arr_size(list); i < m;) {
		e = yyjson_mut_arr_get(list, i);
		const char *kind = yyjson_mut_get_str(yyjson_mut_obj_get(e, "kind")), *t = yyjson_mut_get_str(yyjson_mut_obj_get(e, "text"));
		if (strcmp(kind, "notice_sent") == 0 || (strcmp(kind, "task_done") == 0 && strstr(t, "-N1"))) {
			yyjson_mut_arr_remove(list, i);
			m--;
		} else {
			yyjson_mut_set_uint(yyjson_mut_obj_get(e, "id"), ++i);
		}
	}
	char *now = yyjson_mut_write(doc, YYJSON_WRITE_PRETTY_TWO_SPACES | YYJSON_WRITE_NEWLINE_AT_END, NULL);
	yyjson_mut_doc_free(doc);
	assert_non_null(now);
	buf_init(&b, 256 * KIB);
	if (getenv("TORIDE_GOLDEN"))
		assert_int_equal(fs_write(path, str_from(now), 0644, &err), 0);
	assert_int_equal(fs_read(path, &b, &err), 0);
	assert_string_equal(buf_cstr(&b), now);
	buf_done(&b);
	free(now);
}

static void test_golden(void **state)
{
	NEED_PG();
	uid_seed = 0;
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	clock_advance(120000);
	ask("{\"do\":\"incident.judge\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"severity\":3,\"reason\":\"通信内容を確認\"}", 0);
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0001\",\"by\":\"総務課 山田\"}", 0);
	settle();
	char *shown = ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\"}", 0);
	yyjson_doc *doc = yyjson_read(shown, strlen(shown), 0);
	yyjson_val *inc = yyjson_obj_get(yyjson_doc_get_root(doc), "incident");
	golden("incident.json", inc);
	golden("block.json", yyjson_arr_get_first(yyjson_obj_get(inc, "blocks")));
	yyjson_doc_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_beacon_to_block_and_mail), T(test_duplicates), T(test_calls_out_afterwards), T(test_grouping), T(test_shared_address), T(test_guard),
		T(test_escalation), T(test_ack_stops), T(test_ack_by_link), T(test_judgement_and_clock), T(test_judged_up), T(test_judged_down),
		T(test_relay_down_and_retry), T(test_refused_for_good), T(test_restart_in_the_middle), T(test_store_away),
		T(test_second_body_corroborates), T(test_harmless_finding_blocks_nothing), T(test_address_as_host),
		T(test_failed_attacks_are_told_in_office_hours), T(test_a_failed_attack_that_was_overtaken_isnt_told), T(test_block_by_hand_and_undo), T(test_announcement_by_two), T(test_consent_given_later), T(test_own_incident_needs_no_consent),
		T(test_block_retry_and_expiry),
		T(test_block_refused_by_torided), T(test_stopped), T(test_no_attempt_then_stopped), T(test_still_passing), T(test_terminal_still_calls),
		T(test_watch_list), T(test_slow_torided), T(test_removed_under_way), T(test_by_hand), T(test_golden), T(test_findings_socket),
		T(test_clock_set_escalation), T(test_clock_set_fifteen_minutes), T(test_clock_set_block), T(test_clock_set_meanwhile),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
