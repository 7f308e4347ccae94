/* The forms of text, each with what must pass and what must not. */
#include "base/test.h"

#include "base/mem.h"
#include "model/forms.h"

#include <stdio.h>

static const struct {
	const struct form *form;
	const char *text;
	bool ok;
} cases[] = {
	{ &form_org_code, "412015", true },       { &form_org_code, "410004", true },      { &form_org_code, "011002", true },
	{ &form_org_code, "131016", true },       { &form_org_code, "412013", false },     { &form_org_code, "4120150", false },
	{ &form_org_code, "", false },            { &form_org_code, "41201x", false },     { &form_org_code, "142158", true },
	{ &form_pref_code, "01", true },          { &form_pref_code, "47", true },         { &form_pref_code, "48", false },
	{ &form_pref_code, "00", false },         { &form_pref_code, "1", false },         { &form_domain, "a.example", true },
	{ &form_domain, ".example", true },       { &form_domain, ".", false },            { &form_domain, "..example", false },
	{ &form_domain, "a_b.example", false },   { &form_domain, "a.123", false },        { &form_domain, "1.2.3.4.in-addr.arpa", true },
	{ &form_domain, "xn--wgv71a.jp", true },  { &form_domain, "a-.example", false },   { &form_domain, "a.example.", false },
	{ &form_domain, "", false },              { &form_domain, "a b.example", false },  { &form_url, "2001:db8::/32", true },
	{ &form_url, "2001:db8::1", true },       { &form_url, "2001:db8::1/32", false },  { &form_url, "203.0.113.0/24", true },
	{ &form_url, "https://a.example/", true }, { &form_url, "https://[2001:db8::1]:8443/x", true },
	{ &form_url, "https://[2001:db8::1/x", false }, { &form_url, "http://203.0.113.1/x%20y", true },
	{ &form_url, "http:///x", false },        { &form_url, "http://a.example/#x", false }, { &form_url, "http://a.example:99999/", false },
	{ &form_url, "http://", false },          { &form_url, "javascript://x/", false },  { &form_url, "://", false },
	{ &form_exception, "203.0.113.0/24", false }, { &form_exception, ".a.example", true }, { &form_exception, "http://a.example/x", true },
	{ &form_mail, "a.b+c@d.example", true },  { &form_mail, "a@b", false },            { &form_mail, "a@@b.example", false },
	{ &form_mail, ".a@b.example", false },    { &form_mail, "a..b@c.example", false }, { &form_mail, "a b@c.example", false },
	{ &form_mail, "a@B.Example", true },      { &form_mail, "@b.example", false },     { &form_mail, "a@", false },
	{ &form_mail, "<a@b.example>", false },   { &form_phone, "+81 (0)952-00-0000", true }, { &form_phone, "12a", false },
	{ &form_interface, "o412015", true },     { &form_interface, "-o", false },        { &form_interface, "a.b", false },
	{ &form_interface, "123456789012345", true }, { &form_interface, "1234567890123456", false }, { &form_interface, "", false },
	{ &form_id, "r-1_A", true },              { &form_id, "block:x", false },          { &form_id, "default-out", false },
	{ &form_date, "2024-02-29", true },       { &form_date, "2100-02-29", false },     { &form_date, "2026-13-01", false },
	{ &form_date, "2026-00-10", false },      { &form_date, "2026-01-00", false },     { &form_date, "2026-1-01", false },
	{ &form_server_url, "https://ch1.example.jp:8443", true }, { &form_server_url, "https://192.0.2.1", false }, { &form_server_url, "", false },
	{ &form_server_url, "http://127.0.0.1:8123", false }, { &form_server_url, "https://ch1.example.jp/", false }, { &form_server_url, "https://u:p@ch1.example.jp", false },
	{ &form_server_url, "https://ch1.example.jp?user=x", false }, { &form_name, "toride_2", true }, { &form_name, "", false }, { &form_name, "Toride", false },
	{ &form_name, "2x", false }, { &form_name, "a.b", false }, { &form_name, "a'b", false }, { &form_name, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false },
	{ &form_page_url, "", true }, { &form_page_url, "https://desk.example.jp", true }, { &form_page_url, "https://desk.example.jp:8443", true },
	{ &form_page_url, "http://127.0.0.1:8480", true }, { &form_page_url, "http://desk.example.jp", false }, { &form_page_url, "https://", false },
	{ &form_page_url, "https://desk.example.jp/", false }, { &form_page_url, "https://desk.example.jp/x", false }, { &form_page_url, "https://a b", false },
	{ &form_page_url, "https://desk.example.jp:0", false }, { &form_page_url, "javascript:alert(1)", false }, { &form_page_url, "https://x@evil.example", false },
	{ &form_loopback, "[::1]:8480", true },
	{ &form_loopback, "127.9.9.9:1", true },  { &form_loopback, "127.0.0.1:0", false }, { &form_loopback, "127.0.0.1:65536", false },
	{ &form_loopback, "localhost:80", false }, { &form_loopback, "128.0.0.1:80", false }, { &form_loopback, "127.0.0.0/8:80", false },
	{ &form_address, "203.0.113.1", true },   { &form_address, "203.0.113.0/24", false }, { &form_address, "", false },
	{ &form_mailhost, "relay.example", true }, { &form_mailhost, "2001:db8::25", true }, { &form_mailhost, "a b", false },
	{ &form_anchor, "", true },               { &form_anchor, ". DS 1 8 2 0123456789012345678901234567890123456789", true },
	{ &form_anchor, ". 172800 IN DS 1 8 2 0123456789012345678901234567890123456789", true },
	{ &form_anchor, "example. DS 1 8 2 0123456789012345678901234567890123456789", false },
	{ &form_anchor, ". DS 1 8 2 012345", false }, { &form_anchor, ". DS 1 8 2", false },
	{ &form_anchor, ". IN DS 1 8 2 0123456789012345678901234567890123456789 x y", false },
	{ &form_line, "一行の文", true },         { &form_line, "a\tb", false },           { &form_line, "a\xc2\x85z", false },
	{ &form_line, "a\xe2\x80\xa8z", false },  { &form_line, "a\xe2\x81\xa6z", false }, { &form_line, "a\x7fz", false },
	{ &form_line, "\xe2\x80\xa5", true },     { &form_line, "", true },
};

static void test_forms(void **state)
{
	size_t bad = 0;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t n = strlen(cases[i].text);
		char *exact = mem_alloc(n + 1); /* not ended where the text ends: a read past it is seen by the next byte */
		memcpy(exact, cases[i].text, n);
		exact[n] = '9';
		const struct text2 *why = cases[i].form->check((struct str){ exact, n });
		if ((why == NULL) != cases[i].ok) {
			print_error("case %zu: \"%s\": %s\n", i, cases[i].text, why ? why->en : "passed");
			bad++;
		}
		if (why)
			assert_true(why->en[0] && why->ja[0]);
		mem_free(exact);
	}
	assert_int_equal(bad, 0);
}

/* Of the ten last digits exactly one is right, for any five before. */
static void test_check_digit(void **state)
{
	char code[7];
	(void)state;
	for (unsigned five = 1000; five < 48000; five += 37) {
		int right = 0;
		for (unsigned last = 0; last < 10; last++) {
			snprintf(code, sizeof code, "%05u%u", five, last);
			right += form_org_code.check(str_from(code)) == NULL;
		}
		assert_int_equal(right, 1);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_forms), cmocka_unit_test(test_check_digit) };
	return cmocka_run_group_tests_name("model/forms", tests, NULL, NULL);
}
