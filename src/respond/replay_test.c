/* A block replays itself before it acts; one terminal is cut off and given back. */
#include "respond/desktest.h"

#include "base/err.h"
#include "respond/block.h"
#include "respond/text.h"

#include <stdio.h>

#define ANSWER(hits, names) "{\"v\":1,\"ok\":true,\"source\":\"index\",\"hits\":[" hits "],\"more\":false,\"names\":[" names "]}"
#define HIT(org, terminal, passed, first) "{\"org\":\"" org "\",\"terminal\":\"" terminal "\",\"passed\":" passed ",\"refused\":0,\"first\":" first ",\"last\":1795337000000,\"record\":\"" org "/events/000001/1\"}"
#define LONG_AGO "1794000000000" /* two weeks and more */
#define TODAY "1795330000000"

static bool holds(const char *answer, const char *words)
{
	if (!strstr(answer, words))
		fprintf(stderr, "not in %.3000s: %s\n", answer, words);
	return strstr(answer, words);
}

static char *card(void)
{
	return ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\"}", 0);
}

static void test_replay_before_it_acts(void **state)
{
	NEED_PG();
	stored.answer = ANSWER(HIT(A, "10.1.0.5", "40", TODAY) "," HIT(B, "10.2.0.5", "2", TODAY), "");
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	assert_int_equal(torided.n, 0); /* not before the log was asked */
	settle();
	assert_true(holds(stored.last, "\"type\":\"hostname\",\"value\":\"c2.bad.example\""));
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1); /* an outbreak of today's holds nothing back */
	char *answer = card();
	assert_true(holds(answer, "過去30日にこの相手先を使った端末 2台、通った通信 42件"));
	assert_true(holds(answer, "\"replay\":{\"inquiry\":") && holds(answer, "\"state\":\"done\",\"orgs\":2,\"terminals\":2,\"passed\":42}"));
	/* the body isn't shown whom else it would have hit */
	answer = ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\",\"org\":\"412015\"}", 0);
	assert_null(strstr(answer, "10.2.0.5"));
}

static void test_common_site_is_held(void **state)
{
	NEED_PG();
	stored.answer = ANSWER(HIT(A, "10.1.0.5", "4", TODAY) "," HIT(A, "10.1.0.6", "9", LONG_AGO) "," HIT(B, "10.2.0.5", "7", LONG_AGO) "," HIT(C, "10.3.0.5", "1", LONG_AGO), "");
	struct finding f = beacon(A, "10.1.0.5", "files.cdn.example");
	give(&f);
	settle();
	assert_int_equal(torided.n, 0);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE state = 'requested' AND held = 'common'"), 1);
	assert_true(holds(card(), "自動の遮断を見合わせました: files.cdn.example"));
	const char *mail = sink_last(&sink, "soc@cloud.example");
	assert_true(holds(mail, "3団体の4台") && holds(mail, "toride block consent B-20261122-0001"));
	struct finding again = beacon(A, "10.1.0.5", "files.cdn.example"); /* going on doesn't undo it */
	give(&again);
	settle();
	assert_int_equal(torided.n, 0);
	ask("{\"do\":\"block.consent\",\"id\":\"B-20261122-0001\",\"by\":\"分析 花子\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "files.cdn.example"), 1);
}

/* What a person orders acts whatever is in use. */
static void test_order_isnt_held(void **state)
{
	NEED_PG();
	stored.answer = ANSWER(HIT(A, "10.1.0.6", "9", LONG_AGO) "," HIT(B, "10.2.0.5", "7", LONG_AGO) "," HIT(C, "10.3.0.5", "1", LONG_AGO), "");
	ask("{\"do\":\"block.add\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"files.cdn.example\",\"reason\":\"指示\",\"by\":\"分析 花子\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "files.cdn.example"), 1);
	const char *mail = sink_last(&sink, "yamada@a.example");
	assert_true(holds(mail, "理由: 指示") && holds(mail, "files.cdn.example"));
	assert_null(strstr(mail, "別の団体")); /* it is its own */
}

static void test_shared_address_never(void **state)
{
	NEED_PG();
	stored.answer = ANSWER(HIT(A, "10.1.0.6", "9", TODAY), "\"a.shop.example\",\"b.shop.example\"");
	struct finding f = beacon(A, "10.1.0.5", "203.0.113.9");
	give(&f);
	ask("{\"do\":\"block.add\",\"org\":\"412023\",\"kind\":\"address\",\"value\":\"203.0.113.9\",\"reason\":\"指示\",\"by\":\"分析 花子\"}", 0);
	settle();
	assert_int_equal(torided.n, 0);
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE state = 'failed' AND held = 'shared_address'"), 2);
	const char *mail = sink_last(&sink, "soc@cloud.example");
	assert_true(holds(mail, "a.shop.example") && holds(mail, "--kind name"));
	stored.answer = ANSWER(HIT(A, "10.1.0.6", "9", TODAY), "\"c2.bad.example\""); /* one name: nobody else's */
	struct finding g = beacon(A, "10.1.0.7", "203.0.113.10");
	give(&g);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "203.0.113.10"), 1);
}

/* No answer, or none in time, lets no attack go on. */
static void test_log_away(void **state)
{
	NEED_PG();
	stored.fail = 99;
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "c2.bad.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM inquiry WHERE state = 'waiting'"), 1); /* it is told later all the same */
	stored.fail = 0;
	stored.answer = ANSWER(HIT(A, "10.1.0.6", "9", LONG_AGO) "," HIT(B, "10.2.0.5", "7", LONG_AGO) "," HIT(C, "10.3.0.5", "1", LONG_AGO), "");
	clock_advance(5000);
	settle();
	assert_int_equal(sql_number("SELECT count(*) FROM block WHERE state = 'active'"), 1); /* what acts isn't undone by it */
}

static void test_time_is_short(void **state)
{
	NEED_PG();
	asker_destroy(&r.asker); /* nobody to ask: a row that waits for nothing */
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	struct err err = { 0 };
	give(&f);
	block_work(&r, clock_now_ms(), &err);
	assert_int_equal(sql_number("SELECT next_ms - created_ms FROM block"), 0);
	stop();
	start();
	struct finding g = beacon(A, "10.1.0.8", "c3.bad.example");
	give(&g);
	assert_int_equal(sql_number("SELECT next_ms - created_ms FROM block WHERE value = 'c3.bad.example'"), BLOCK_REPLAY_MS);
	settle();
}

static void test_try(void **state)
{
	NEED_PG();
	stored.answer = ANSWER(HIT(A, "10.1.0.6", "9", LONG_AGO), "");
	char *answer = ask("{\"do\":\"block.try\",\"org\":\"*\",\"kind\":\"name\",\"value\":\"www.good.example\",\"by\":\"x\"}", 0);
	assert_true(holds(answer, "\"guarded\":[{\"org\":\"412015\",\"code\":\"white_listed\"") && holds(answer, "\"inquiry\":"));
	settle();
	char rq[100];
	snprintf(rq, sizeof rq, "{\"do\":\"block.tried\",\"inquiry\":%lld}", (long long)sql_number("SELECT max(id) FROM inquiry"));
	assert_true(holds(ask(rq, 0), "\"terminal\":\"10.1.0.6\""));
	assert_int_equal(sql_number("SELECT count(*) FROM block"), 0); /* nothing is blocked by asking */
	ask("{\"do\":\"block.try\",\"org\":\"999999\",\"kind\":\"name\",\"value\":\"www.good.example\",\"by\":\"x\"}", -E_NOT_FOUND);
	ask("{\"do\":\"block.try\",\"org\":\"*\",\"kind\":\"mood\",\"value\":\"x\",\"by\":\"x\"}", -E_INVALID);
}

static void test_isolate(void **state)
{
	NEED_PG();
	ask("{\"do\":\"incident.open\",\"org\":\"412015\",\"by\":\"x\",\"title\":\"t\",\"terminal\":\"10.1.0.5\"}", 0);
	ask("{\"do\":\"incident.isolate\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\"}", -E_INVALID); /* not without a reason */
	ask("{\"do\":\"incident.isolate\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"reason\":\"感染の疑い\",\"terminal\":\"10.1.0.254\"}", -E_DENIED); /* many */
	ask("{\"do\":\"incident.release\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\"}", -E_NOT_FOUND);
	ask("{\"do\":\"incident.isolate\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\",\"reason\":\"感染の疑い\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_ADD, A, "10.1.0.5"), 1);
	assert_int_equal(torided.last[0].block.kind, BLOCK_TERMINAL);
	assert_int_equal(stored.n, 0); /* it is what calls, not what is called */
	const char *mail = sink_last(&sink, "yamada@a.example");
	assert_true(holds(mail, "総務課 端末5(IPアドレス 10.1.0.5)") && holds(mail, "感染の疑い") && holds(mail, "インターネットから切り離しました"));
	ask("{\"do\":\"incident.release\",\"number\":\"I-20261122-0001\",\"by\":\"分析 花子\"}", 0);
	settle();
	assert_int_equal(orders(ORDER_BLOCK_REMOVE, A, NULL) + sql_number("SELECT count(*) FROM block WHERE state = 'removed'"), 2);
	ask("{\"do\":\"incident.open\",\"org\":\"412015\",\"by\":\"x\",\"title\":\"t\"}", 0);
	ask("{\"do\":\"incident.isolate\",\"number\":\"I-20261122-0002\",\"by\":\"x\",\"reason\":\"r\"}", -E_STATE); /* which one? */
	clock_advance(40 * 3600000LL); /* told when the office opens */
	settle();
	assert_true(holds(sink_last(&sink, "yamada@a.example"), "元どおりインターネットを使えるように"));
}

/* Nobody is left in the dark when a block ends by itself. */
static void test_end_is_told(void **state)
{
	NEED_PG();
	ask("{\"do\":\"block.add\",\"org\":\"412031\",\"kind\":\"name\",\"value\":\"old.bad.example\",\"reason\":\"指示\",\"by\":\"x\",\"hours\":1}", 0);
	settle();
	int was = sink_count(&sink, "nakamura@c.example");
	clock_advance(3600000);
	settle();
	settle();
	assert_int_equal(sink_count(&sink, "nakamura@c.example"), was); /* Sunday evening, and Monday is a holiday: good news waits */
	clock_advance((37 * 60 + 30) * 60000LL); /* Tuesday, 8:30 */
	settle();
	assert_int_equal(sink_count(&sink, "nakamura@c.example"), was + 1);
	assert_true(holds(sink_last(&sink, "nakamura@c.example"), "元どおり使えるように"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_replay_before_it_acts), T(test_common_site_is_held), T(test_order_isnt_held), T(test_shared_address_never), T(test_log_away),
		T(test_time_is_short), T(test_try), T(test_isolate), T(test_end_is_told),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
