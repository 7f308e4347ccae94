/* Where messages may go, how they are put together, and that nothing is ever reached that mustn't be. Real gateways: test/system/soc.t. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "courier/courier.h"
#include "model/gateway.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>

static const char config[] = "{\"v\":1,\"gateways\":[{\"name\":\"sms1\",\"kind\":\"sms\",\"url\":\"http://127.0.0.1:1/x\",\"body\":\"{\\\"t\\\":\\\"{{to}}\\\",\\\"m\\\":\\\"{{text}} {{reference}}\\\"}\",\"form\":false},"
                             "{\"name\":\"f\",\"kind\":\"webhook\",\"url\":\"http://10.1.2.3/x\",\"body\":\"a={{to}}&s={{severity}}&o={{org}}\",\"form\":true}],"
                             "\"never\":[\"10.0.0.0/8\",\"2001:db8::/32\"]}";

static struct courier *open_config(void)
{
	struct courier *c = NULL;
	struct err err = { 0 };
	assert_int_equal(courier_parse(str_from(config), &c, &err), 0);
	return c;
}

static void test_config(void **state)
{
	static const char *const bad[] = { "", "[]", "{}", "{\"gateways\":[],\"never\":[1]}", "{\"gateways\":[{\"name\":\"a\"}],\"never\":[]}",
		                           "{\"gateways\":[{\"name\":\"a\",\"kind\":\"fax\",\"url\":\"u\",\"body\":\"\"}],\"never\":[]}" };
	struct courier *c = open_config();
	assert_non_null(courier_find(c, "sms1"));
	assert_null(courier_find(c, "sms"));
	courier_destroy(&c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct err err = { 0 };
		assert_int_equal(courier_parse(str_from(bad[i]), &c, &err), -E_INVALID);
	}
}

static void test_reach(void **state)
{
	static const struct {
		const char *address;
		bool may;
	} cases[] = {
		{ "203.0.113.9", true }, { "2001:470::1", true }, { "10.1.2.3", false },         { "2001:db8::1", false },        { "127.0.0.1", false },
		{ "0.0.0.0", false },    { "::1", false },        { "::", false },                { "169.254.169.254", false },    { "fe80::1", false },
		{ "ff02::1", false },    { "224.0.0.1", false },  { "::ffff:203.0.113.9", false }, { "255.255.255.255", false },
	};
	struct courier *c = open_config();
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sockaddr_in a4 = { .sin_family = AF_INET };
		struct sockaddr_in6 a6 = { .sin6_family = AF_INET6 };
		bool six = inet_pton(AF_INET, cases[i].address, &a4.sin_addr) != 1;
		if (six)
			assert_int_equal(inet_pton(AF_INET6, cases[i].address, &a6.sin6_addr), 1);
		if (courier_may_reach(c, six ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4) != cases[i].may)
			fail_msg("%s", cases[i].address);
	}
	courier_destroy(&c);
}

static void test_compose(void **state)
{
	struct courier *c = open_config();
	struct courier_message m = { "090-1 \"x\"", "至急\\{{to}}\n", "I-1-N1-sms", "412015", 3 };
	struct buf b;
	struct str unknown;
	buf_init(&b, 64 * KIB);
	courier_compose(&c->gateways[0], &m, &b);
	assert_string_equal(buf_cstr(&b), "{\"t\":\"090-1 \\\"x\\\"\",\"m\":\"至急\\\\{{to}}\\n I-1-N1-sms\"}"); /* a value is no template */
	buf_reset(&b);
	courier_compose(&c->gateways[1], &m, &b);
	assert_string_equal(buf_cstr(&b), "a=090-1%20%22x%22&s=3&o=412015");
	buf_done(&b);
	courier_destroy(&c);
	assert_true(gateway_template_ok("{\"a\":{\"b\":{{severity}}}}", &unknown));
	assert_false(gateway_template_ok("x{{sender}}", &unknown));
	assert_str(unknown, "sender");
}

/* Whatever the description says: no connection to this machine or a body's network. */
static void test_never(void **state)
{
	struct courier *c = open_config();
	struct courier_message m = { "1", "t", "r", "412015", 3 };
	long status = 1;
	for (size_t i = 0; i < c->n_gateways; i++) {
		struct err err = { 0 };
		assert_int_equal(courier_send(c, &c->gateways[i], &m, "", &status, &err), -E_DENIED);
		assert_int_equal(status, 0);
		assert_non_null(strstr(err.msg, "never reached"));
	}
	courier_destroy(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_config), cmocka_unit_test(test_reach), cmocka_unit_test(test_compose), cmocka_unit_test(test_never),
	};
	return cmocka_run_group_tests_name("courier/courier", tests, NULL, NULL);
}
