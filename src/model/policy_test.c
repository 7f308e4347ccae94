/* The filter's order and its clock: what stands where in a chain, and that a week in UTC is the same week in Tokyo. */
#include "base/test.h"

#include "base/clock.h"
#include "model/model_test.h"
#include "model/policy.h"

struct seen {
	char ids[512];
};

static int note(const struct policy_rule *r, void *user)
{
	struct seen *s = user;
	size_t n = strlen(s->ids);
	snprintf(s->ids + n, sizeof s->ids - n, "%s%s", n ? " " : "", r->id);
	return 0;
}

static void test_order(void **state)
{
	_cleanup_free_ char *text = test_read("src/model/seeds/model/two.json");
	struct model *m = NULL;
	struct faults f = { 0 };
	struct seen out = { "" }, in = { "" }, local = { "" };
	(void)state;
	assert_int_equal(model_load_canonical(str_from(text), &m, &f, NULL), 0);
	policy_each(m, &m->orgs[0], POLICY_OUT, note, &out);
	policy_each(m, &m->orgs[0], POLICY_IN, note, &in);
	policy_each(m, &m->orgs[0], POLICY_LOCAL, note, &local);
	assert_string_equal(out.ids, "management lgwan lateral bogon not-internet doh r1 r2 r4 quic default-out");
	assert_string_equal(in.ids, "r3 www www6 default-in");
	assert_string_equal(local.ids, "management local");
	model_destroy(&m);
}

static bool utc_holds(const struct schedule *s, int64_t ms)
{
	unsigned day = (unsigned)((ms / 86400000 + 4) % 7), second = (unsigned)(ms / 1000 % 86400);
	for (size_t i = 0; i < s->n_windows; i++) {
		struct utc_window u[UTC_WINDOWS_MAX];
		for (size_t k = 0, n = window_utc(&s->windows[i], u); k < n; k++)
			if (u[k].days & 1u << day && second >= u[k].from_s && second < u[k].to_s)
				return true;
	}
	return false;
}

/* Every half hour of a week and the minutes beside it, for windows that begin and end at every half hour of the day. */
static void test_week(void **state)
{
	const int64_t sunday = 1796572800000; /* 2026-12-06T16:00:00Z */
	(void)state;
	for (uint16_t open = 0; open < 1440; open += 30)
		for (uint16_t close = (uint16_t)(open + 30); close <= 1440; close = (uint16_t)(close + 90)) {
			uint8_t days[] = { 1, 2, 6 };
			struct window w = { days, 3, open, close };
			struct schedule s = { "s", &w, 1 };
			for (int64_t ms = sunday; ms < sunday + 7 * 86400000; ms += 1800000)
				for (int64_t beside = -60000; beside <= 60000; beside += 60000)
					assert_true(utc_holds(&s, ms + beside) == schedule_holds(&s, ms + beside));
		}
}

static void test_tokyo(void **state)
{
	static const struct {
		const char *time;
		bool holds;
	} cases[] = { { "2026-12-07T08:29:59+09:00", false }, { "2026-12-07T08:30:00+09:00", true },
		      { "2026-12-07T17:14:59+09:00", true },  { "2026-12-07T17:15:00+09:00", false },
		      { "2026-12-06T12:00:00+09:00", false }, { "2026-12-06T23:30:00Z", true } };
	uint8_t monday[] = { 1 };
	struct window w = { monday, 1, 510, 1035 };
	struct schedule s = { "office", &w, 1 };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t ms;
		assert_int_equal(clock_parse(cases[i].time, strlen(cases[i].time), &ms), 0);
		assert_true(schedule_holds(&s, ms) == cases[i].holds);
	}
	assert_true(schedule_holds(NULL, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_order), cmocka_unit_test(test_week), cmocka_unit_test(test_tokyo) };
	return cmocka_run_group_tests_name("model/policy", tests, NULL, NULL);
}
