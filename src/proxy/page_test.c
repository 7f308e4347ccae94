/* Pages: all outside text is escaped, nothing is loaded from elsewhere, reference numbers look as they should. */
#include "proxy/page.h"

#include "base/clock.h"
#include "base/mem.h"

#include <openssl/x509_vfy.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>

#define NOW 1795359600000ll /* 2026-11-22T15:00:00Z: the 23rd in Japan */

static void escaped(void **state)
{
	for (int k = 0; k < PAGE_COUNT; k++) {
		struct buf b;
		buf_init(&b, PAGE_MAX);
		const char *evil = "\"><script>alert('1')</script>&\x01";
		struct page p = { .kind = (enum page_kind)k, .org = evil, .org_en = evil, .service = evil, .url = str_from(evil),
			          .detail = evil, .ref = evil, .now_ms = NOW };
		page_format(&b, &p);
		assert_int_equal(b.failed, 0);
		const char *text = buf_cstr(&b);
		assert_null(strstr(text, "<script"));
		assert_null(strstr(text, "alert('1')"));
		assert_null(strstr(text, "\x01"));
		assert_non_null(strstr(text, "&quot;&gt;&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt;&amp;"));
		assert_null(strstr(text, "src="));
		assert_null(strstr(text, "href="));
		assert_null(strstr(text, "url("));
		assert_non_null(strstr(text, "lang=\"ja\""));
		assert_non_null(strstr(text, "lang=\"en\""));
		assert_true(str_is_utf8(buf_view(&b)));
		assert_true(page_status((enum page_kind)k) >= 400 || k == PAGE_WAIT || k == PAGE_WAIT_READY || k == PAGE_WAIT_LOCKED);
		buf_done(&b);
	}
}

static void long_url(void **state)
{
	static char url[60000];
	struct buf b;
	memset(url, '<', sizeof url);
	buf_init(&b, PAGE_MAX);
	struct page p = { .kind = PAGE_URL, .org = "o", .org_en = "o", .service = "s", .url = { url, sizeof url }, .detail = "",
		          .ref = "r", .now_ms = NOW };
	page_format(&b, &p);
	assert_int_equal(b.failed, 0);
	buf_done(&b);
}

/* The form and the mail link: everything in them is quoted, and they stand only where they belong. */
static void links_and_forms(void **state)
{
	const char *evil = "\"><script>alert('1')</script>&";
	for (int k = 0; k < PAGE_COUNT; k++) {
		struct buf b;
		bool opens = k == PAGE_COACH || k == PAGE_OVERRIDE;
		buf_init(&b, PAGE_MAX);
		struct page p = { .kind = (enum page_kind)k, .org = "o", .org_en = "o", .service = "s", .url = str_from(evil), .detail = "",
			          .ref = "P-1", .now_ms = NOW, .release = evil, .token = evil, .rule = evil, .back = str_from(evil) };
		page_format(&b, &p);
		const char *text = buf_cstr(&b);
		assert_int_equal(b.failed, 0);
		assert_null(strstr(text, "<script"));
		assert_int_equal(strstr(text, "<form action=\"/.toride-open\"") != NULL, opens);
		assert_int_equal(strstr(text, "name=\"r\" required") != NULL, k == PAGE_OVERRIDE);
		const char *link = strstr(text, "href=\"mailto:%22%3E%3Cscript");
		assert_int_equal(strstr(text, "href=") != NULL, link != NULL);
		if (k == PAGE_URL)
			assert_non_null(link);
		if (k == PAGE_BLOCK || k == PAGE_MALWARE || k == PAGE_DNS)
			assert_null(link);
		buf_done(&b);
	}
}

/* While a file comes: how far it is, and the page that asks again, without a script. */
static void waiting(void **state)
{
	static const struct {
		struct page_wait w;
		enum page_kind kind;
		const char *has, *hasnt;
	} cases[] = {
		{ { "aa", "x.zip", 1500000, 6000000, false, 0 }, PAGE_WAIT, "1.5 MB / 6.0 MB (25 %)", "押してください" },
		{ { "aa", "x.zip", 1500000, 0, false, 0 }, PAGE_WAIT, "Receiving: 1.5 MB</p>", "%)" },
		{ { "aa", "x.zip", 1500000, 1000, false, 0 }, PAGE_WAIT, "(0 %)", "NaN" }, /* an origin that sends more than it says */
		{ { "aa", "x.zip", 6000000, 6000000, true, 0 }, PAGE_WAIT, "being checked", "(100 %)" },
		{ { "aa", "x.zip", 1, 1, false, 0 }, PAGE_WAIT, "content=\"2;url=/.toride-wait?t=aa\"", "&amp;get" },
		{ { "aa", "x.zip", 1, 1, false, 0 }, PAGE_WAIT_READY, "content=\"1;url=/.toride-wait?t=aa&amp;get\"", "<progress max" },
		{ { "aa", "x.zip", 1, 1, false, 0 }, PAGE_WAIT_LOCKED, "method=\"post\"><p><label>", "http-equiv=\"refresh" },
		{ { "aa", "x.zip", 1, 1, false, 1 }, PAGE_WAIT_LOCKED, "違うようです", "http-equiv=\"refresh" },
		{ { "\"><script>", "<script>alert(1)</script>", 1, 1, false, 0 }, PAGE_WAIT, "&lt;script&gt;alert(1)", "<script" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, PAGE_MAX);
		struct page p = { .kind = cases[i].kind, .org = "o", .org_en = "o", .service = "s", .url = STR("http://x/"), .detail = "", .ref = "P-1",
			          .now_ms = NOW, .wait = &cases[i].w };
		page_format(&b, &p);
		const char *text = buf_cstr(&b);
		assert_int_equal(b.failed, 0);
		assert_non_null(strstr(text, cases[i].has));
		assert_null(strstr(text, cases[i].hasnt));
		buf_done(&b);
	}
}

/* Rules are named as a clerk would; what isn't a rule isn't named. */
static void rules_in_words(void **state)
{
	static const struct {
		const char *rule, *ja;
	} cases[] = { { "url.black[0]", "あなたの団体の閲覧禁止リスト" }, { "service.black[12]", "クラウド全体の閲覧禁止リスト" }, { "block:B-20261122-0001", "緊急の遮断" },
		      { "url.white_only", "許可リストにない" }, { "doh", "外部の名前解決" }, { "dns", NULL }, { NULL, NULL } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, PAGE_MAX);
		struct page p = { .kind = PAGE_URL, .org = "o", .org_en = "o", .service = "s", .url = STR("http://x/"), .detail = "", .ref = "P-1", .now_ms = NOW,
			          .decided = cases[i].rule };
		page_format(&b, &p);
		const char *text = buf_cstr(&b);
		assert_int_equal(strstr(text, "制限の根拠") != NULL, cases[i].ja != NULL);
		if (cases[i].ja) {
			assert_non_null(strstr(text, cases[i].ja));
			assert_null(strstr(text, cases[i].rule));
		}
		buf_done(&b);
	}
}

/* Which check of an origin failed stands in both languages, whatever OpenSSL's version calls it. */
static void checks_in_words(void **state)
{
	static const struct {
		int check;
		const char *ja, *en;
	} cases[] = {
		{ X509_V_ERR_CERT_REVOKED, "失効させられています", "was revoked" },
		{ X509_V_ERR_OCSP_VERIFY_NEEDED, "失効していないことの証明が必要", "proof that it isn&#39;t revoked" },
		{ X509_V_ERR_OCSP_VERIFY_FAILED, "失効していないことの証明が必要", "proof that it isn&#39;t revoked" },
		{ X509_V_ERR_CERT_HAS_EXPIRED, "有効期限が切れて", "has expired" },
		{ X509_V_ERR_CERT_NOT_YET_VALID, "まだ始まって", "isn&#39;t valid yet" },
		{ X509_V_ERR_HOSTNAME_MISMATCH, "この接続先の名前のものではありません", "for another name" },
		{ X509_V_ERR_IP_ADDRESS_MISMATCH, "この接続先のアドレスのものではありません", "for another address" },
		{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "信頼できる認証局", "No trusted authority" },
		{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "信頼できる認証局", "No trusted authority" },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "認証局を確認できません", "isn&#39;t known" },
		{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "認証局を確認できません", "isn&#39;t known" },
		{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "認証局を確認できません", "isn&#39;t known" },
		{ X509_V_ERR_INVALID_CA, "認証局ではない証明書", "is no authority" },
		{ X509_V_ERR_CA_MD_TOO_WEAK, "署名方式が古く", "outdated method" },
		{ X509_V_ERR_EE_KEY_TOO_SMALL, "鍵が短すぎ", "key is too weak" },
		{ X509_V_ERR_CA_KEY_TOO_SMALL, "認証局の鍵が短すぎ", "key is too weak" },
		{ X509_V_ERR_INVALID_PURPOSE, "サーバー用の証明書ではありません", "for servers" },
		{ X509_V_ERR_OUT_OF_MEM, NULL, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, PAGE_MAX);
		struct page p = { .kind = PAGE_TLS, .org = "o", .org_en = "o", .service = "s", .url = STR("https://x/"), .ref = "P-1", .now_ms = NOW,
			          .detail = X509_verify_cert_error_string(cases[i].check) };
		page_format(&b, &p);
		const char *text = buf_cstr(&b);
		assert_int_equal(strstr(text, "<dt>理由") != NULL, cases[i].ja != NULL);
		if (cases[i].ja) {
			assert_non_null(strstr(text, cases[i].ja));
			assert_non_null(strstr(text, cases[i].en));
		}
		buf_done(&b);
	}
}

static void reference(void **state)
{
	char a[PAGE_REF], c[PAGE_REF];
	page_ref(NOW, a);
	page_ref(NOW, c);
	assert_int_equal(strncmp(a, "P-20261123-", 11), 0);
	assert_int_equal(strlen(a), 17);
	assert_int_equal(strspn(a + 11, "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"), 6);
	assert_string_not_equal(a, c);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(escaped), cmocka_unit_test(long_url), cmocka_unit_test(links_and_forms),
		cmocka_unit_test(waiting), cmocka_unit_test(rules_in_words), cmocka_unit_test(checks_in_words), cmocka_unit_test(reference) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
