/* Pages: all outside text is escaped, nothing is loaded from elsewhere, reference numbers look as they should. */
#include "proxy/page.h"

#include "base/clock.h"
#include "base/mem.h"

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
		assert_true(page_status((enum page_kind)k) >= 400);
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(escaped), cmocka_unit_test(long_url), cmocka_unit_test(links_and_forms), cmocka_unit_test(reference) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
