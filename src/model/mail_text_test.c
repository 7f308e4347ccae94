/* SPF, DKIM and DMARC texts: right ones, and each slip with its reason. */
#include "base/test.h"

#include "base/mem.h"
#include "model/mail_text.h"

#include <string.h>

#define K49 "MIIBIjANBgkqhkiG9w0BAQEFAAOCAQ8AMIIBCgKCAQEAyvC4p"
#define K196 K49 K49 K49 K49
#define KEY2048 K196 K196
#define KEY1024 K196 "AAAAAAAAAAAAAAAAAAAA"

static const struct {
	const char *name, *text, *reason; /* NULL: right */
} cases[] = {
	{ "@", "just words", NULL },
	{ "@", "v=spf1 -all", NULL },
	{ "@", "v=spf1 mx a:mail.example/24//64 ip4:203.0.113.0/24 ip6:2001:db8::/32 include:_spf.mail.example ~all", NULL },
	{ "@", "v=spf1 exists:%{i}._spf.mail.example redirect=_spf.mail.example", NULL },
	{ "@", "V=SPF1 MX -ALL", NULL },
	{ "@", "v=spf1", NULL },
	{ "@", "v=spf2 -all", "SPF: must begin" },
	{ "@", "v=spf1-all", "SPF: must begin" },
	{ "@", "v=spf1 +all", "SPF: +all" },
	{ "@", "v=spf1 mx all", "SPF: +all" },
	{ "@", "v=spf1 -all mx", "SPF: what stands behind" },
	{ "@", "v=spf1 ipv4:203.0.113.1 -all", "SPF: a term" },
	{ "@", "v=spf1 ip4:203.0.113.300 -all", "SPF: a term" },
	{ "@", "v=spf1 ip4:2001:db8::1 -all", "SPF: a term" },
	{ "@", "v=spf1 include: -all", "SPF: a term" },
	{ "@", "v=spf1 include:mail -all", "SPF: a term" },
	{ "@", "v=spf1 mx;-all", "SPF: a term" },
	{ "@", "v=spf1 mx/x -all", "SPF: a term" },
	{ "@", "v=spf1 a mx ptr a:a.example a:b.example a:c.example a:d.example a:e.example a:f.example a:g.example a:h.example -all", "SPF: needs more than ten" },
	{ "k1._domainkey", "v=DKIM1; k=rsa; p=" KEY2048, NULL },
	{ "k1._domainkey", "p=" KEY2048 ";", NULL },
	{ "k1._domainkey.sub", "v=DKIM1; p=", NULL },
	{ "k1._domainkey", "v=DKIM1; k=ed25519; p=11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=", NULL },
	{ "k1._domainkey", "v=DKIM1; k=rsa; p=" KEY1024, "DKIM: the RSA key" },
	{ "k1._domainkey", "v=DKIM1; k=rsa", "DKIM: must be" },
	{ "k1._domainkey", "k=rsa; v=DKIM1; p=" KEY2048, "DKIM: must be" },
	{ "k1._domainkey", "v=DKIM1; k=dsa; p=" KEY2048, "DKIM: must be" },
	{ "k1._domainkey", "v=DKIM1; p=not a key", "DKIM: p= holds" },
	{ "_dmarc", "v=DMARC1; p=reject", NULL },
	{ "_dmarc", "v=DMARC1;p=quarantine;sp=none;pct=50;rua=mailto:a@town.example!10m, mailto:b@town.example;adkim=s;aspf=r;fo=1", NULL },
	{ "_dmarc", "p=reject", "DMARC: must begin" },
	{ "_dmarc", "v=dmarc1; p=reject", "DMARC: must begin" },
	{ "_dmarc", "v=spf1 -all", "DMARC: must begin" },
	{ "_dmarc", "v=DMARC1; rua=mailto:a@town.example; p=none", "DMARC: p=none" },
	{ "_dmarc", "v=DMARC1; p=deny", "DMARC: p=none" },
	{ "_dmarc", "v=DMARC1; p=none; pct=101", "DMARC: a tag" },
	{ "_dmarc", "v=DMARC1; p=none; rua=a@town.example", "DMARC: a tag" },
	{ "_dmarc", "v=DMARC1; p=none; aspf=strict", "DMARC: a tag" },
	{ "_dmarc.sub", "v=DMARC1; p=none; reports=yes", "DMARC: a tag" },
};

static void test_texts(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct text2 *why = mail_text_check(str_from(cases[i].name), str_from(cases[i].text));
		if (!why != !cases[i].reason || (why && strncmp(why->en, cases[i].reason, strlen(cases[i].reason)) != 0))
			fail_msg("%s %s: %s", cases[i].name, cases[i].text, why ? why->en : "taken");
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_texts) };
	return cmocka_run_group_tests_name("model/mail_text", tests, NULL, NULL);
}
