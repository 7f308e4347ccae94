/* Rules of Suricata's language: what is taken, what each copy says, and what is refused, with why. */
#include "base/test.h"

#include "base/mem.h"
#include "ips/own.h"
#include "ips/rule.h"

#define O "(msg:\"m\"; sid:7; rev:2;)"
#define G(n) "(msg:\"m\"; sid:7; rev:2; tag:session,16,packets; gid:" n ";)\n"
#define TRIAL(n) "(msg:\"m\"; sid:7; rev:2; gid:" n ";)\n" /* keeps no packets */

static const struct {
	const char *rule, *drop, *trial;
} taken[] = {
	{ "alert tcp $EXTERNAL_NET any -> $HOME_NET 80 " O,
	  "rejectboth tcp $EXTERNAL_NET any -> $PREVENT_NET 80 " G("1") "alert tcp $EXTERNAL_NET any -> $DETECT_NET 80 " G("2"),
	  "alert tcp $EXTERNAL_NET any -> $HOME_NET 80 " TRIAL("3") },
	{ "reject http $HOME_NET any -> $EXTERNAL_NET any " O,
	  "rejectboth http $PREVENT_NET any -> $EXTERNAL_NET any " G("1") "alert http $DETECT_NET any -> $EXTERNAL_NET any " G("2"), NULL },
	/* the servers of a body are the body's; what a "!" stands before stays as it is */
	{ "alert tcp !$HOME_NET any -> [$HTTP_SERVERS,$SQL_SERVERS,!$DNS_SERVERS] $HTTP_PORTS " O,
	  "rejectboth tcp !$HOME_NET any -> [$PREVENT_NET,$PREVENT_NET,!$DNS_SERVERS] $HTTP_PORTS " G("1")
	  "alert tcp !$HOME_NET any -> [$DETECT_NET,$DETECT_NET,!$DNS_SERVERS] $HTTP_PORTS " G("2"), NULL },
	/* nobody's side is named: "any" is where the bodies may stand */
	{ "alert ip [203.0.113.66] any -> any any " O,
	  "drop ip [203.0.113.66] any -> $PREVENT_NET any " G("1") "alert ip [203.0.113.66] any -> $DETECT_NET any " G("2"), NULL },
	{ "alert tcp any any -> $EXTERNAL_NET 25 " O,
	  "rejectboth tcp $PREVENT_NET any -> $EXTERNAL_NET 25 " G("1") "alert tcp $DETECT_NET any -> $EXTERNAL_NET 25 " G("2"), NULL },
	{ "alert tcp any any -> any 445 " O,
	  "rejectboth tcp any any -> $PREVENT_NET 445 " G("1") "rejectboth tcp $PREVENT_NET any -> any 445 " G("4")
	  "alert tcp any any -> $DETECT_NET 445 " G("2") "alert tcp $DETECT_NET any -> any 445 " G("5"),
	  "alert tcp any any -> $HOME_NET 445 " TRIAL("3") "alert tcp $HOME_NET any -> any 445 " TRIAL("6") },
	/* what only notes never drops: it would drop without a word */
	{ "alert http any any -> $HOME_NET any (flowbits:set,x; flowbits:noalert; sid:7;)",
	  "alert http any any -> $PREVENT_NET any (flowbits:set,x; flowbits:noalert; sid:7; gid:1;)\n"
	  "alert http any any -> $DETECT_NET any (flowbits:set,x; flowbits:noalert; sid:7; gid:2;)\n", NULL },
	{ "  alert\ttcp any any -> $HOME_NET any ( msg:\"a \\; gid:9\\; \\\" b\" ; content:\"|3b|)(\"; sid: 7 ; )  ",
	  "rejectboth tcp any any -> $PREVENT_NET any (msg:\"a \\; gid:9\\; \\\" b\" ; content:\"|3b|)(\"; sid: 7 ; tag:session,16,packets; gid:1;)\n"
	  "alert tcp any any -> $DETECT_NET any (msg:\"a \\; gid:9\\; \\\" b\" ; content:\"|3b|)(\"; sid: 7 ; tag:session,16,packets; gid:2;)\n", NULL },
};

static void test_taken(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(taken); i++) {
		struct ips_rule r;
		struct err err = { 0 };
		struct buf b;
		if (ips_rule_parse(str_from(taken[i].rule), &r, &err) < 0)
			fail_msg("%s: %s", taken[i].rule, err.msg);
		assert_int_equal(r.sid, 7);
		buf_init(&b, 64 * KIB);
		ips_rule_emit(&r, IPS_STAGE_DROP, &b);
		assert_string_equal(buf_cstr(&b), taken[i].drop);
		buf_reset(&b);
		ips_rule_emit(&r, IPS_STAGE_TRIAL, &b);
		if (taken[i].trial)
			assert_string_equal(buf_cstr(&b), taken[i].trial);
		buf_done(&b);
	}
}

#define HEAD "alert tcp any any -> $HOME_NET any "
static const struct {
	const char *rule, *why;
} refused[] = {
	{ "", "its head" },
	{ "alert tcp any any -> $HOME_NET", "its head" },
	{ "alert tcp any any - $HOME_NET any " O, "its head" },
	{ "alert tcp any any -> $HOME_NET any\\n " O, "its head" },
	{ "alert tcp any any -> \"$HOME_NET\" any " O, "its head" },
	{ "pass tcp any any -> $HOME_NET any " O, "the action" },
	{ "alert smb any any -> $HOME_NET any " O, "the protocol \"smb\"" },
	{ "alert tcp 192.0.2.1 any -> 192.0.2.2 any " O, "neither side is ours" },
	{ "alert tcp $EXTERNAL_NET any -> !$HOME_NET any " O, "neither side is ours" },
	{ HEAD "msg:\"m\"; sid:7;", "no options" },
	{ HEAD "(msg:\"m\";)", "no sid" },
	{ HEAD "(sid:7; sid:8;)", "two sids" },
	{ HEAD "(sid:0;)", "sid isn't a number" },
	{ HEAD "(sid:4294967296;)", "sid isn't a number" },
	{ HEAD "(sid:7; rev:x;)", "rev isn't a number" },
	{ HEAD "(sid:7; content:\"a\")", "doesn't end with" },
	{ HEAD "(sid:7; :x;)", "without a name" },
	{ HEAD "(sid:7; luajit:x.lua;)", "the option \"luajit\"" },
	{ HEAD "(sid:7; LUA:x.lua;)", "the option \"LUA\"" },
	{ HEAD "(sid:7; filemd5:/etc/passwd;)", "the option \"filemd5\"" },
	{ HEAD "(sid:7; dataset:isset,x,save /tmp/x;)", "the option \"dataset\"" },
	{ HEAD "(sid:7; bypass;)", "the option \"bypass\"" },
	{ HEAD "(sid:7; config:logging disable, type flow;)", "the option \"config\"" },
	{ HEAD "(sid:7; gid:1;)", "the option \"gid\"" },
	{ HEAD "(sid:7; msg:\"\xff\";)", "not text" },
	{ HEAD "(sid:7; msg:\"a\nalert\";)", "not text" },
};

static void test_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(refused); i++) {
		struct ips_rule r;
		struct err err = { 0 };
		assert_int_equal(ips_rule_parse(str_from(refused[i].rule), &r, &err), -E_INVALID);
		if (!strstr(err.msg, refused[i].why))
			fail_msg("%s: said \"%s\", expected \"%s\"", refused[i].rule, err.msg, refused[i].why);
	}
}

static void test_own(void **state)
{
	(void)state;
	uint32_t last = 0;
	assert_true(ips_own_n > 0);
	for (size_t i = 0; i < ips_own_n; i++) {
		struct ips_rule r;
		struct err err = { 0 };
		if (ips_rule_parse(str_from(ips_own[i]), &r, &err) < 0)
			fail_msg("%s: %s", ips_own[i], err.msg);
		assert_true(r.sid > last); /* each number once */
		assert_true(r.sid >= IPS_OWN_SID && r.sid < IPS_OWN_SID_END);
		assert_true(str_starts(r.msg, STR("\"TORIDE ")));
		last = r.sid;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_taken), cmocka_unit_test(test_refused), cmocka_unit_test(test_own) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
