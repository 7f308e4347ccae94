/* What is sent: the words, the mail's form, and that nothing from outside becomes a header. */
#include "base/err.h"
#include "base/mem.h"
#include "respond/mime.h"
#include "respond/text.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>

#define T0 1795338000000LL /* 2026-11-22T18:00:00 in Japan */

static const char alert[] =
	"佐賀市\n総務課 山田 様\n\n佐賀県自治体情報セキュリティクラウドの監視窓口です。\n\n"
	"■ 何が起きたか\n  定期的な不審な通信\n  指令サーバーとの通信が繰り返し成立しています。端末が操られている状態です。\n"
	"  時刻: 11月22日 18時00分\n  相手先: c2.bad.example (開かないでください)\n"
	"  この相手先との通信は、こちらで止める手配をしました。ほかの通信はそのまま使えます。\n"
	"\n■ どの端末か\n  総務課 端末5(IPアドレス 10.1.0.5)\n"
	"\n■ 今すること\n  1. 今すぐ、端末のネットワークのケーブルを抜くか、無線を切ってください。\n"
	"  2. 電源は切らないでください(調べるための記録が消えます)。\n"
	"  3. 端末を使っていた方に、直前に開いたメールやファイルを聞いて、書きとめてください。\n"
	"\n■ いつまでに\n  11月22日 18時05分までに、このお知らせを受け取ったことを連絡してください。\n"
	"  連絡がないときは、次の担当の方に連絡します。\n"
	"\n■ 連絡先\n  佐賀県自治体情報セキュリティクラウド 監視窓口\n  メール: soc@cloud.example(このメールへの返信でかまいません)\n"
	"\n■ 受付番号\n  I-20261122-0001(お問い合わせの際にお知らせください)\n"
	"\n整理番号: I-20261122-0001-N1\n同じ整理番号のメールが二度届いたときは、同じ内容です。一通だけお読みください。\n";

static struct notice_facts facts(void)
{
	return (struct notice_facts){ .kind = NOTICE_ALERT, .service = "佐賀県自治体情報セキュリティクラウド",
		                      .desk_mail = "soc@cloud.example", .org_name = "佐賀市", .contact = "総務課 山田",
		                      .number = "I-20261122-0001", .reference = "I-20261122-0001-N1",
		                      .title_ja = "定期的な不審な通信",
		                      .reason_ja = "指令サーバーとの通信が繰り返し成立しています。端末が操られている状態です。",
		                      .severity = 3, .terminal = "10.1.0.5", .terminal_name = "総務課 端末5",
		                      .target = "c2.bad.example", .judged_by = "", .judged_reason = "", .block_id = "B-20261122-0001",
		                      .blocking = true, .happened_ms = T0, .answer_by_ms = T0 + 300000, .expires_ms = T0 + 86400000 };
}

static void test_alert(void **state)
{
	struct notice_facts f = facts();
	struct buf b;
	buf_init(&b, 64 * KIB);
	notice_body(&f, &b);
	assert_string_equal(buf_cstr(&b), alert);
	buf_reset(&b);
	notice_subject(&f, &b);
	assert_string_equal(buf_cstr(&b), "【緊急】セキュリティのお知らせ 危険度3 受付番号 I-20261122-0001");
	buf_done(&b);
	(void)state;
}

/* A mail: whom it reached, and that it isn't opened; nobody is told to pull a cable who opened nothing. */
static void test_mail(void **state)
{
	struct notice_facts f = facts();
	struct buf b;
	f.mail = true, f.blocking = false, f.severity = 2, f.terminal = f.terminal_name = "", f.target = "evil@fake.example";
	snprintf(f.mailboxes, sizeof f.mailboxes, "taro@city.example、hanako@city.example ほか2件");
	buf_init(&b, 64 * KIB);
	notice_body(&f, &b);
	assert_non_null(strstr(buf_cstr(&b), "■ 誰に届いたか\n  taro@city.example、hanako@city.example ほか2件\n"));
	assert_non_null(strstr(buf_cstr(&b), "差出人など: evil@fake.example (メールを開かないでください)"));
	assert_non_null(strstr(buf_cstr(&b), "1. 受け取った方に、メールを開かず、"));
	assert_null(strstr(buf_cstr(&b), "どの端末か"));
	buf_reset(&b);
	notice_call_sheet(&f, "0952-00-0001", &b);
	assert_non_null(strstr(buf_cstr(&b), "メールの宛先は、taro@city.example"));
	buf_done(&b);
	(void)state;
}

/* A site that was defaced: nobody's cable is to be pulled. */
static void test_server(void **state)
{
	struct notice_facts f = facts();
	struct buf b;
	f.server = true, f.blocking = false, f.terminal = f.terminal_name = "", f.target = "www.city.example";
	buf_init(&b, 64 * KIB);
	notice_body(&f, &b);
	notice_call_sheet(&f, "0952-00-0000", &b);
	notice_short(&f, &b);
	assert_null(strstr(buf_cstr(&b), "ケーブル"));
	assert_null(strstr(buf_cstr(&b), "開かないで"));
	assert_non_null(strstr(buf_cstr(&b), "関係するサイト・アドレス: www.city.example"));
	assert_non_null(strstr(buf_cstr(&b), "サイトやサーバーを管理している方"));
	buf_done(&b);
	(void)state;
}

/* A body that is told of another's finding must not learn whose it was. */
static void test_others_learn_nothing(void **state)
{
	static const enum notice_kind kinds[] = { NOTICE_BLOCK, NOTICE_CONSENT, NOTICE_UNBLOCK };
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		struct notice_facts f = facts();
		struct buf b;
		f.kind = kinds[i], f.org_name = "唐津市", f.number = "", f.reference = "B-20261122-0001-N1";
		buf_init(&b, 64 * KIB);
		notice_subject(&f, &b);
		notice_body(&f, &b);
		assert_non_null(strstr(buf_cstr(&b), "唐津市"));
		assert_non_null(strstr(buf_cstr(&b), "c2.bad.example"));
		assert_null(strstr(buf_cstr(&b), "佐賀市"));
		assert_null(strstr(buf_cstr(&b), "10.1.0.5"));
		assert_null(strstr(buf_cstr(&b), "I-2026"));
		buf_done(&b);
	}
	(void)state;
}

static void test_addresses(void **state)
{
	static const char *const good[] = { "a@b.example", "soc+x@cloud.example", "o'brien@a-b.example" };
	static const char *const bad[] = { "", "@", "a@", "@b", "a", "a@b\r\nRCPT TO:<c@d>", "a b@c", "a@b>", "<a@b", "a@b@c", "a@b\n",
		                           "\"x\"@b", "a@b c", "\xe5\xb1\xb1@b.example" };
	for (size_t i = 0; i < ARRAY_LEN(good); i++)
		assert_true(mime_is_address(good[i]));
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		if (mime_is_address(bad[i]))
			fail_msg("%s", bad[i]);
	(void)state;
}

static void test_no_header_injection(void **state)
{
	struct mime_mail m = { .from = "soc@cloud.example", .from_name = "窓口\r\nBcc: x@y.example", .to = "a@b.example",
		               .to_name = "x\nTo: evil@y.example", .subject = "s\r\n\r\nbody\nX-Evil: 1",
		               .body = "一行目\n.\n二行目\r\n", .reference = "I-20261122-0001-N1", .date_ms = T0 };
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, 64 * KIB);
	assert_int_equal(mime_format(&m, &b, &err), 0);
	const char *s = buf_cstr(&b), *end = strstr(s, "\r\n\r\n");
	assert_null(strstr(s, "Bcc"));
	assert_null(strstr(s, "X-Evil"));
	assert_null(strstr(s, "evil@"));
	assert_non_null(strstr(s, "Date: Sun, 22 Nov 2026 18:00:00 +0900\r\n"));
	assert_non_null(strstr(s, "Message-ID: <I-20261122-0001-N1@cloud.example>\r\n"));
	int n = 0;
	for (const char *p = s; p < end; p = strstr(p, "\r\n") + 2, n++) {
		assert_true(strcspn(p, "\r\n") <= 78); /* RFC 5322, 2.1.1 */
		for (size_t k = 0; k < strcspn(p, "\r\n"); k++)
			assert_true((unsigned char)p[k] < 0x80);
	}
	assert_true(n > 8);
	buf_reset(&b);
	m.to = "a@b.example\r\nRCPT";
	assert_int_equal(mime_format(&m, &b, &err), -E_INVALID);
	m.to = "a@b.example", m.reference = "x>\r\nA: b";
	assert_int_equal(mime_format(&m, &b, &err), -E_INVALID);
	buf_done(&b);
	(void)state;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_alert), cmocka_unit_test(test_mail), cmocka_unit_test(test_server), cmocka_unit_test(test_others_learn_nothing),
		                            cmocka_unit_test(test_addresses), cmocka_unit_test(test_no_header_injection) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
