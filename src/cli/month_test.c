/* Which changes of a description are told as changes of what the watch judges by. */
#include "cli/month.h"

#include "base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>

static void test_policy(void **state)
{
	(void)state;
	static const struct {
		const char *path;
		bool is;
	} cases[] = {
		{ "orgs[412015].ips", true },
		{ "orgs[412015].url.white[0]", true },
		{ "orgs[412015].url.exceptions[a].allow", true },
		{ "orgs[412015].consent.min_severity", true },
		{ "orgs[412015].contacts[first].min_severity", true },
		{ "orgs[412015].contacts[first].phone", false },
		{ "orgs[412015].sites[www].waf", true },
		{ "orgs[412015].sites[www].exclusions[x].rule", true },
		{ "orgs[412015].sites[www].origins[1].addr", false },
		{ "orgs[412015].sites[www]", false },
		{ "orgs[412015].name", false },
		{ "orgs[412015].ipsx", false },
		{ "orgs[412015].decrypt_exceptions[a]", true },
		{ "orgs[412015]", false },
		{ "service.tell_medium", true },
		{ "service.clock.notice_s", true },
		{ "service.ips.mirror", true },
		{ "service.deny_ja4[0]", true },
		{ "service.name", false },
		{ "prefectures[41].contacts[1].min_severity", true },
		{ "prefectures[41].ips", false },
		{ "", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (month_is_policy(cases[i].path) != cases[i].is)
			fail_msg("%s", cases[i].path);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_policy) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
