/* The data of each type: right, wrong, and as the zone file gets it. */
#include "base/test.h"

#include "base/mem.h"
#include "model/rdata.h"

#define HEX64 "e06d44b80b8f1d39a95c0b0d7c65d08458e880409bbc683457104237c7f8ec8d"

static const struct {
	enum zone_type type;
	const char *data, *written; /* NULL: refused */
} cases[] = {
	{ ZONE_A, "203.0.113.5", "203.0.113.5" },
	{ ZONE_A, "203.0.113.5/32", NULL },
	{ ZONE_A, "203.0.113.256", NULL },
	{ ZONE_A, "2001:db8::1", NULL },
	{ ZONE_A, "", NULL },
	{ ZONE_AAAA, "2001:db8::1", "2001:db8::1" },
	{ ZONE_AAAA, "203.0.113.5", NULL },
	{ ZONE_CNAME, "www.town.example", "www.town.example." },
	{ ZONE_CNAME, "k1._domainkey.mail.example", "k1._domainkey.mail.example." },
	{ ZONE_CNAME, "www", NULL },
	{ ZONE_CNAME, "www.town.example.", NULL },
	{ ZONE_CNAME, "*.town.example", NULL },
	{ ZONE_CNAME, "www.town.example x", NULL },
	{ ZONE_NS, "_ns.town.example", NULL },
	{ ZONE_PTR, "host.town.example", "host.town.example." },
	{ ZONE_MX, "10 mx.town.example", "10 mx.town.example." },
	{ ZONE_MX, "0 .", "0 ." },
	{ ZONE_MX, "65536 mx.town.example", NULL },
	{ ZONE_MX, "10  mx.town.example", NULL },
	{ ZONE_MX, "10 mx.town.example extra", NULL },
	{ ZONE_SRV, "0 5 5060 sip.town.example", "0 5 5060 sip.town.example." },
	{ ZONE_SRV, "0 5 sip.town.example", NULL },
	{ ZONE_CAA, "0 issue ca.example", "0 issue \"ca.example\"" },
	{ ZONE_CAA, "0 issue ca.example; account=1", "0 issue \"ca.example; account=1\"" },
	{ ZONE_CAA, "0 issue ca.example\" evil", NULL },
	{ ZONE_CAA, "0 policy ca.example", NULL },
	{ ZONE_CAA, "0 issue", NULL },
	{ ZONE_DS, "57291 13 2 " HEX64, "57291 13 2 " HEX64 },
	{ ZONE_DS, "57291 13 1 0123456789012345678901234567890123456789", NULL },
	{ ZONE_DS, "57291 13 2 abcd", NULL },
	{ ZONE_TLSA, "3 1 1 " HEX64, "3 1 1 " HEX64 },
	{ ZONE_TLSA, "4 1 1 " HEX64, NULL },
	{ ZONE_TLSA, "3 1 1 xyz", NULL },
	{ ZONE_TXT, "v=spf1 mx -all", "\"v=spf1 mx -all\"" },
	{ ZONE_TXT, "say \"hi\" \\ ; $ORIGIN .", "\"say \\\"hi\\\" \\\\ ; $ORIGIN .\"" },
};

static void test_data(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		const struct text2 *why = rdata_check(cases[i].type, str_from(cases[i].data));
		if (!why != !!cases[i].written)
			fail_msg("%s %s: %s", rdata_type(cases[i].type), cases[i].data, why ? why->en : "taken");
		if (why)
			continue;
		buf_init(&b, KIB);
		rdata_write(&b, cases[i].type, str_from(cases[i].data));
		assert_string_equal(buf_cstr(&b), cases[i].written);
		buf_done(&b);
	}
}

/* A DKIM key of 2048 bits is longer than one string of a TXT record. */
static void test_long_text(void **state)
{
	char text[601];
	struct buf b;
	(void)state;
	memset(text, 'k', 600);
	text[600] = 0;
	buf_init(&b, 4 * KIB);
	rdata_write(&b, ZONE_TXT, str_from(text));
	assert_int_equal(b.len, 600 + 3 * 2 + 2);
	assert_int_equal(b.ptr[256], '"');
	buf_done(&b);
}

static void test_target(void **state)
{
	(void)state;
	assert_true(str_eq(rdata_target(ZONE_MX, STR("10 mx.town.example")), STR("mx.town.example")));
	assert_true(str_eq(rdata_target(ZONE_SRV, STR("0 5 5060 sip.town.example")), STR("sip.town.example")));
	assert_int_equal(rdata_target(ZONE_MX, STR("0 .")).len, 0);
	assert_int_equal(rdata_target(ZONE_TXT, STR("a b")).len, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_data), cmocka_unit_test(test_long_text), cmocka_unit_test(test_target) };
	return cmocka_run_group_tests_name("model/rdata", tests, NULL, NULL);
}
