/* SMS, voice and webhooks beside the mail: who gets what, again when a gateway fails, never twice under two references. */
#include "respond/desktest.h"

#include "base/err.h"

#include <stdio.h>

/* How many messages sent hold both. */
static int sent(const char *a, const char *b)
{
	int n = 0;
	for (int i = 0; i < courier.n && i < 32; i++)
		n += strstr(courier.sent[i], a) && strstr(courier.sent[i], b);
	return n;
}

/* The second contact of A has a number for SMS, one for voice and a webhook; the first has none. */
static void escalate(void)
{
	struct finding f = beacon(A, "10.1.0.5", "c2.bad.example");
	give(&f);
	settle();
	assert_int_equal(courier.n, 0);
	clock_advance(300000);
	settle();
}

static void test_all_channels(void **state)
{
	NEED_PG();
	escalate();
	assert_int_equal(courier.n, 3);
	assert_int_equal(sent("\"gateway\":\"sms1\"", "\"to\":\"090-0000-0002\""), 1);
	assert_int_equal(sent("\"gateway\":\"voice1\"", "\"to\":\"0952-00-0002\""), 1);
	assert_int_equal(sent("\"gateway\":\"chat\"", "\"to\":\"総務課 鈴木\""), 1);
	assert_int_equal(sent("\"gateway\":\"sms1\"", "I-20261122-0001-N3-sms"), 1); /* one step, one reference */
	assert_int_equal(sent("受付番号 I-20261122-0001", "ケーブルを抜く"), 3);
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE channel <> 'mail' AND state = 'sent'"), 3);
	assert_int_equal(sql_number("SELECT count(*) FROM incident_event WHERE kind = 'gateway_sent'"), 3);
	assert_non_null(strstr(ask("{\"do\":\"incident.show\",\"number\":\"I-20261122-0001\"}", 0), "SMSを中継が受け付けました"));
	clock_advance(60000);
	settle();
	assert_int_equal(courier.n, 3); /* once */
}

static void test_gateway_away(void **state)
{
	NEED_PG();
	courier.fail = 3;
	escalate();
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE channel <> 'mail' AND state = 'queued'"), 3);
	stop(); /* the queue outlives us */
	start();
	courier.n = 0;
	clock_advance(3000);
	settle();
	assert_int_equal(sent("\"gateway\":\"sms2\"", "I-20261122-0001-N3-sms"), 1); /* the next of its kind, the same reference */
	assert_int_equal(sent("\"gateway\":\"voice1\"", "-voice"), 1);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE channel <> 'mail' AND state = 'sent'"), 3);
}

static void test_gateway_refuses(void **state)
{
	NEED_PG();
	courier.fail = 99;
	courier.refuse = E_DENIED;
	escalate();
	for (int i = 0; i < 6; i++) {
		clock_advance(30000);
		settle();
	}
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE channel <> 'mail' AND state = 'failed' AND attempts = 3"), 3);
	/* the mail went out all the same: nobody is passed over because a gateway refused */
	assert_int_equal(sink_count(&sink, "suzuki@a.example"), 1);
	assert_int_equal(sink_count(&sink, "sato@a.example"), 0);
}

static void test_ack_cancels(void **state)
{
	NEED_PG();
	courier.fail = 99;
	escalate();
	ask("{\"do\":\"incident.ack\",\"number\":\"I-20261122-0001\",\"by\":\"総務課 鈴木\"}", 0);
	assert_int_equal(sql_number("SELECT count(*) FROM notice WHERE channel <> 'mail' AND state = 'cancelled'"), 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(test_all_channels), T(test_gateway_away), T(test_gateway_refuses), T(test_ack_cancels),
	};
	return cmocka_run_group_tests(tests, begin, end);
}
