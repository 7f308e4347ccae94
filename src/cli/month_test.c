/* Which changes of a description are told as changes of what the watch judges by. */
#include "cli/month.h"

#include "base/buf.h"
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
		{ "service.web_attack_per_s", true },
		{ "service.address_feeds[a].digest", true },
		{ "orgs[412015].dns.safe_search", true },
		{ "service.name", false },
		{ "prefectures[41].contacts[1].min_severity", true },
		{ "prefectures[41].ips", false },
		{ "", false },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		if (month_is_policy(cases[i].path) != cases[i].is)
			fail_msg("%s", cases[i].path);
}

/* Whoever changes much at once hides nothing: what isn't listed is counted, as what it is. */
static void test_lines(void **state)
{
	(void)state;
	struct buf b;
	yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
	yyjson_mut_val *change = yyjson_mut_obj(doc);
	buf_init(&b, MIB);
	for (unsigned i = 0; i < MONTH_TOLD + 3; i++)
		buf_printf(&b, "{\"code\":\"412015\",\"path\":\"orgs[412015].url.black[%u]\",\"text\":\"t\"}\n", i);
	buf_puts(&b, "{\"path\":\"service.name\",\"text\":\"n\"}\n");
	month_lines(doc, change, buf_view(&b), buf_view(&b));
	assert_int_equal(yyjson_mut_arr_size(yyjson_mut_obj_get(change, "what")), MONTH_TOLD);
	assert_int_equal(yyjson_mut_get_uint(yyjson_mut_obj_get(change, "more")), 3);
	assert_int_equal(yyjson_mut_get_uint(yyjson_mut_obj_get(change, "others")), 1);
	buf_done(&b);
	yyjson_mut_doc_free(doc);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_policy), cmocka_unit_test(test_lines) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
