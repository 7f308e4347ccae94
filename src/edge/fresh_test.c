/* Ages, 304s merged into what is kept, what else a change makes old. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "edge/fresh.h"

static void ages(void **state)
{
	static const struct {
		struct str value;
		int64_t age; /* -1: none */
	} cases[] = {
		{ STR("0"), 0 }, { STR(" 30 "), 30 }, { STR("0030"), 30 }, { STR("99999999999999999999"), 2147483648 }, { STR(""), -1 }, { STR("-1"), -1 },
		{ STR("7200.0"), -1 }, { STR("0, 0"), -1 }, { STR("0,7200"), -1 }, { STR("7200;a=b"), -1 }, { STR("abc"), -1 }, { STR("1 2"), -1 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int64_t s = -1;
		assert_int_equal(fresh_age(cases[i].value, &s), cases[i].age >= 0);
		assert_int_equal(s, cases[i].age);
	}
}

static void lists(void **state)
{
	(void)state;
	assert_true(fresh_listed(STR("close, X-Hop"), STR("x-hop")));
	assert_true(fresh_listed(STR("a"), STR("A")));
	assert_false(fresh_listed(STR("a-b, c"), STR("a")));
	assert_false(fresh_listed(STR(", ,"), STR("")));
	assert_false(fresh_listed(STR(""), STR("a")));
}

#define OLD "HTTP/1.1 200 OK\r\nDate: d1\r\nETag: \"1\"\r\nX-A: 1\r\nx-a: 2\r\nAge: 9\r\nContent-Length: 4\r\n\r\n"

static void merges(void **state)
{
	static const struct {
		struct str head;
		struct fresh_field news[2];
		const char *want; /* NULL: refused */
	} cases[] = {
		{ STR(OLD), { { STR("Date"), STR("d2") } }, "HTTP/1.1 200 OK\r\nETag: \"1\"\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 4\r\nDate: d2\r\n\r\n" },
		/* all of a name give way to all of it */
		{ STR(OLD), { { STR("X-a"), STR("3") }, { STR("X-A"), STR("4") } },
		  "HTTP/1.1 200 OK\r\nDate: d1\r\nETag: \"1\"\r\nContent-Length: 4\r\nX-a: 3\r\nX-A: 4\r\n\r\n" },
		/* the body's own, and one visitor's */
		{ STR(OLD), { { STR("content-length"), STR("9") }, { STR("Set-Cookie"), STR("s=1") } },
		  "HTTP/1.1 200 OK\r\nDate: d1\r\nETag: \"1\"\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 4\r\n\r\n" },
		{ STR(OLD), { { STR("etag"), STR("\"2\"") }, { STR("Age"), STR("5") } },
		  "HTTP/1.1 200 OK\r\nDate: d1\r\nETag: \"1\"\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 4\r\nAge: 5\r\n\r\n" },
		{ STR("HTTP/1.1 200 OK\r\nX: 1\r\n 2\r\nY: 3\r\n\r\nbody\r\n\r\n"), { { STR("X"), STR("4") } }, "HTTP/1.1 200 OK\r\nY: 3\r\nX: 4\r\n\r\n" },
		{ STR("HTTP/1.1 200 OK\r\n\r\n"), { { STR("X"), STR("") } }, "HTTP/1.1 200 OK\r\nX: \r\n\r\n" },
		{ STR("HTTP/1.1 200 OK\r\n\r\n"), { { STR("X"), STR("a\r\nSet-Cookie: b") } }, NULL },
		{ STR("HTTP/1.1 200 OK\r\n\r\n"), { { STR("X: y"), STR("a") } }, NULL },
		{ STR("HTTP/1.1 200 OK\r\nX: 1\r\n"), { { STR("X"), STR("a") } }, NULL },
		{ STR("<html>\r\n\r\n"), { { STR("X"), STR("a") } }, NULL },
		{ STR(""), { { STR("X"), STR("a") } }, NULL },
	};
	char text[512];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = fresh_merge(cases[i].head, cases[i].news, 2, text, sizeof text);
		assert_int_equal(r, cases[i].want ? (int)strlen(cases[i].want) : -E_INVALID);
		if (cases[i].want)
			assert_memory_equal(text, cases[i].want, (size_t)r);
	}
	assert_int_equal(fresh_merge(STR(OLD), NULL, 0, text, 20), -E_LIMIT);
	assert_int_equal(fresh_merge(STR(OLD), NULL, 0, text, 0), -E_LIMIT);
}

static void targets(void **state)
{
	static const struct {
		struct str asked, reference;
		const char *want; /* NULL: nothing here */
	} cases[] = {
		{ STR("https://a.example/b/c?d"), STR("/e?f#g"), "https://a.example/e?f" },
		{ STR("https://a.example/b/c?d"), STR("https://a.example/e"), "https://a.example/e" },
		{ STR("https://a.example/b"), STR("HTTP://A.example:80/e"), "https://a.example/e" },
		{ STR("https://a.example/b"), STR("https://a.example:443"), "https://a.example/" },
		{ STR("https://a.example/b"), STR("https://a.example?q"), "https://a.example/?q" },
		{ STR("https://a.example/b"), STR("//a.example/e"), "https://a.example/e" },
		{ STR("https://a.example/b/c?d/e"), STR("f"), "https://a.example/b/f" },
		{ STR("https://a.example/b/c?d"), STR("?f"), "https://a.example/b/c?f" },
		{ STR("https://a.example/b"), STR("/x:y"), "https://a.example/x:y" },
		{ STR("https://a.example/b"), STR("/x?a=../.."), "https://a.example/x?a=../.." },
		{ STR("https://a.example/b"), STR("https://b.example/e"), NULL },
		{ STR("https://a.example/b"), STR("https://a.example.b.example/e"), NULL },
		{ STR("https://a.example/b"), STR("https://a.example:8443/e"), NULL },
		{ STR("https://a.example/b"), STR("https://x@a.example/e"), NULL },
		{ STR("https://a.example/b"), STR("//b.example/e"), NULL },
		{ STR("https://a.example/b"), STR("https:"), NULL },
		{ STR("https://a.example/b"), STR("https://"), NULL },
		{ STR("https://a.example/b"), STR("///e"), NULL },
		{ STR("https://a.example/b"), STR("mailto:x"), NULL },
		{ STR("https://a.example/b"), STR("../c"), NULL },
		{ STR("https://a.example/b"), STR("/./c"), NULL },
		{ STR("https://a.example/b"), STR("/a b"), NULL },
		{ STR("https://a.example/b"), STR("#x"), NULL },
		{ STR("https://a.example/b"), STR(""), NULL },
		{ STR("nothing"), STR("/e"), NULL },
	};
	char text[128];
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		int r = fresh_target(cases[i].asked, cases[i].reference, text, sizeof text);
		if (r != (cases[i].want ? (int)strlen(cases[i].want) : -E_INVALID))
			print_error("%s: %d\n", cases[i].reference.ptr, r);
		assert_int_equal(r, cases[i].want ? (int)strlen(cases[i].want) : -E_INVALID);
		if (cases[i].want)
			assert_memory_equal(text, cases[i].want, (size_t)r);
	}
	assert_int_equal(fresh_target(STR("https://a.example/"), STR("/long"), text, 10), -E_LIMIT);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(ages), cmocka_unit_test(lists), cmocka_unit_test(merges),
		                            cmocka_unit_test(targets) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
