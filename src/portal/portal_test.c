/* SCGI, escaping, and the pages over a real PostgreSQL with hostile words in it. */
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "portal/portal.h"
#include "store/pgtest.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

/* ---- SCGI ---- */

#define H(s) { s, sizeof(s) - 1 }
static const struct {
	struct str in;
	int expect;
	bool raw; /* else: what stands inside the netstring */
} requests[] = {
	{ H("REQUEST_METHOD\0GET\0DOCUMENT_URI\0/\0SCGI\0001\0"), 0, false },
	{ H("REQUEST_METHOD\0HEAD\0DOCUMENT_URI\0/\0CONTENT_LENGTH\0000\0"), 0, false },
	{ H("REQUEST_METHOD\0POST\0DOCUMENT_URI\0/\0"), -E_DENIED, false },
	{ H("CONTENT_LENGTH\0005\0REQUEST_METHOD\0GET\0DOCUMENT_URI\0/\0"), -E_DENIED, false },
	{ H("REQUEST_METHOD\0GET\0"), -E_INVALID, false }, /* no path */
	{ H("DOCUMENT_URI\0/x\0"), -E_INVALID, false },   /* no method */
	{ H("REQUEST_METHOD\0GET\0DOCUMENT_URI\0"), -E_INVALID, false }, /* a name without a value */
	{ H("REQUEST_METHOD\0GET"), -E_INVALID, false },
	{ H("REQUEST_METHOD\0GET\0DOCUMENT_URI\0x\0"), -E_INVALID, false },
	{ H("REQUEST_METHOD\0GET\0DOCUMENT_URI\0/\xff\0"), -E_INVALID, false },
	{ H("\0\0\0"), -E_INVALID, false },
	{ H(""), -E_INVALID, false },
	{ H("19:REQUEST_METHOD\0GET\0;"), -E_INVALID, true },
	{ H(":x"), -E_INVALID, true },
	{ H("12"), -E_AGAIN, true },
	{ H(""), -E_AGAIN, true },
	{ H("x"), -E_INVALID, true },
	{ H("16385:"), -E_LIMIT, true },
	{ H("1000000:"), -E_LIMIT, true },
};

static int parse(struct str s, bool raw, struct scgi *q)
{
	struct buf b;
	buf_init(&b, 4096);
	if (!raw)
		buf_printf(&b, "%zu:", s.len);
	buf_str(&b, s);
	if (!raw)
		buf_putc(&b, ',');
	int r = scgi_parse(buf_view(&b), q);
	buf_done(&b);
	return r;
}

static void test_scgi(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		struct scgi q;
		int r = parse(requests[i].in, requests[i].raw, &q);
		if (r != requests[i].expect)
			fail_msg("case %zu: %d instead of %d", i, r, requests[i].expect);
	}
	/* every cut of a whole request is refused, none is read past its end */
	for (size_t n = 0; n < requests[0].in.len; n++) {
		struct scgi q;
		assert_true(parse((struct str){ requests[0].in.ptr, n }, true, &q) < 0);
		if (n < requests[0].in.len - 7) /* without the last pair it is whole again */
			assert_true(parse((struct str){ requests[0].in.ptr, n }, false, &q) < 0);
	}
	char lang[4];
	assert_true(scgi_query("a=1&lang=en", "lang", lang, sizeof lang));
	assert_string_equal(lang, "en");
	assert_false(scgi_query("a=1&language=en", "lang", lang, sizeof lang));
	assert_false(scgi_query("lang=english", "lang", lang, sizeof lang));
	(void)state;
}

static void test_escaping(void **state)
{
	struct html h;
	html_init(&h, true);
	html_put(&h, "<a href=\"/x/{u}\" title=\"{a}\">{t}</a>", "../\"<&?#%", "\" onload='x' <", "<script>alert('1')&</script>");
	assert_string_equal(buf_cstr(&h.b), "<a href=\"/x/..%2F%22%3C%26%3F%23%25\" title=\"&quot; onload=&#39;x&#39; &lt;\">"
	                                    "&lt;script&gt;alert(&#39;1&#39;)&amp;&lt;/script&gt;</a>");
	html_done(&h);
	html_init(&h, false);
	html_put(&h, "{n} {n} {n} {d} {w} {t}", (int64_t)0, (int64_t)-1234567, (int64_t)999, (int64_t)0, WORD_CLOSED, "a\x01\xff");
	assert_string_equal(buf_cstr(&h.b), "0 -1,234,567 999 - closed \xef\xbf\xbd");
	html_done(&h);
	for (int w = 0; w < WORD_COUNT; w++)
		for (int ja = 0; ja < 2; ja++)
			assert_true(html_word((enum word)w, ja)[0] != 0);
	(void)state;
}

static void test_language(void **state)
{
	static const struct {
		const char *query, *accept;
		bool ja;
	} cases[] = { { "", "", true },          { "", "ja,en;q=0.5", true }, { "", "en-GB,ja", false }, { "", "fr", true },
		      { "lang=en", "ja", false }, { "lang=ja", "en", true },   { "lang=%00", "en", true } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct scgi q = { 0 };
		snprintf(q.query, sizeof q.query, "%s", cases[i].query);
		snprintf(q.language, sizeof q.language, "%s", cases[i].accept);
		assert_int_equal(portal_japanese(&q), cases[i].ja);
	}
	(void)state;
}

/* ---- pages ---- */

static struct pgtest pg;
static bool have_pg;
static struct portal p;

static bool status(struct buf *b)
{
	buf_puts(b, "{\"v\":1,\"ok\":true,\"processes\":[{\"name\":\"proxyd<\",\"state\":\"running\",\"restarts\":2,\"rss_bytes\":5000000}],"
	            "\"counters\":[{\"org\":\"412015\",\"proxyd\":{\"requests\":12345,\"denied\":7,\"malicious\":2,\"cut\":1},"
	            "\"respondd\":{\"incidents_open\":1}}]}");
	return true;
}

static bool no_status(struct buf *b)
{
	(void)b;
	return false;
}

static void sql(const char *text)
{
	PGconn *c = PQsetdbLogin(pg.sock, NULL, NULL, NULL, STORE_DATABASE, "postgres", NULL);
	PGresult *r = PQexec(c, text);
	if (PQresultStatus(r) != PGRES_COMMAND_OK)
		fail_msg("%s", PQerrorMessage(c));
	PQclear(r);
	PQfinish(c);
}

#define EVIL "<img src=x onerror=alert(1)>\"''"

static char *get(const char *path, const char *query, bool head)
{
	static char page[256 * 1024];
	struct scgi q = { .head = head };
	struct buf b;
	snprintf(q.path, sizeof q.path, "%s", path);
	snprintf(q.query, sizeof q.query, "%s", query);
	buf_init(&b, HTML_MAX);
	portal_answer(&p, &q, 0, &b);
	snprintf(page, sizeof page, "%s", buf_cstr(&b));
	buf_done(&b);
	return page;
}

static void more_rows(void)
{
	sql("INSERT INTO clock(escalate1_ms, escalate2_ms) VALUES (300000, 600000);"
	    "INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level,"
	    " terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms, notice_started_ms, notice_sent_ms, escalation)"
	    " VALUES ('I-20261122-0002', '412023', 'received', 't', 't', 'r', 'toride', 2, '[]', 'low', '', '', '', 1, 1, 1, 1, 1795338000000, 1795338000000, 1),"
	    " ('I-20261122-0003', '412023', 'closed', 't', 't', 'r', 'toride', 3, '[]', 'low', '', '', '', 1, 1, 1, 1, NULL, NULL, 0);"
	    "INSERT INTO block(id, org, origin, incident_number, kind, value, author, reason, reason_code, state, found_ms, created_ms, expires_ms, next_ms)"
	    " VALUES ('B-20261122-0002', '412015', true, '', 'name', 'shared.example', 'toride', '危険度3の通信先のため', 'severity3', 'active', 1, 1, 1795338000000, 1),"
	    " ('B-20261122-0003', '412023', false, '', 'name', 'shared.example', 'toride', '別の団体', 'shared', 'active', 1, 1, 1795338000000, 1)");
}

static void test_pages(void **state)
{
	struct err err = { 0 };
	struct store *owner = NULL;
	(void)state;
	if (!have_pg)
		skip();
	assert_int_equal(store_create(pg.sock, STORE_ROLE_RESPOND, &owner, &err), 0);
	assert_int_equal(store_migrate(owner, &err), 0);
	store_destroy(&owner);
	sql("INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level,"
	    " terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms)"
	    " VALUES ('I-20261122-0001', '412015', 'handling', '" EVIL "', '" EVIL "', 'r', 'toride', 3,"
	    " '[{\"code\":\"x\",\"text_ja\":\"<b>ja\",\"text\":\"<b>en\"}]', 'low', '<i>10.1.0.5', 'hostname', '<u>c2', 1, 1, 1, 1);"
	    "INSERT INTO incident_event(incident, org, at_ms, actor, kind, args) SELECT id, org, 1, '<s>', 'note', '[\"<h9>\"]' FROM incident;"
	    "INSERT INTO block(id, org, origin, incident_number, kind, value, author, reason, state, found_ms, created_ms, expires_ms, next_ms)"
	    " VALUES ('B-20261122-0001', '412015', true, '', 'name', '<u>c2.example', 'x', '<p>why', 'active', 1, 1, 1795338000000, 1)");
	more_rows();
	p.fetch_status = status;
	assert_int_equal(store_create(pg.sock, STORE_ROLE_PORTAL, &p.store, &err), 0);
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀<\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\","
	                                          "\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	static const char *const pages[][2] = { { "/", "" }, { "/", "lang=en" }, { "/incident/I-20261122-0001", "" }, { "/incident/I-20261122-0001", "lang=en" } };
	static const char *const never[] = { "<img", "<b>", "<i>", "<u>", "<s>", "<h9>", "<p>why", "<script", "proxyd<", "佐賀<", "style=" };
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		char *page = get(pages[i][0], pages[i][1], false);
		assert_non_null(strstr(page, "Status: 200 OK\r\n"));
		assert_non_null(strstr(page, "Content-Security-Policy: default-src 'none'; style-src 'self'"));
		assert_non_null(strstr(page, "I-20261122-0001"));
		assert_non_null(strstr(page, i % 2 ? "Saga City" : "佐賀市"));
		for (size_t k = 0; k < ARRAY_LEN(never); k++)
			if (strcmp(never[k], "<b>") != 0 && strcmp(never[k], "<p>why") != 0 && strstr(page, never[k]))
				fail_msg("page %zu holds %s", i, never[k]);
		assert_null(strstr(page, "<b>ja"));
		assert_null(strstr(page, "<b>en"));
		assert_null(strstr(page, "<p>why"));
	}
	char *board = get("/", "", false);
	assert_non_null(strstr(board, "12,345"));
	assert_non_null(strstr(board, "&lt;u&gt;c2.example"));
	assert_non_null(strstr(board, "http-equiv=\"refresh\" content=\"5\""));
	assert_null(strstr(get("/", "", true), "<html"));
	assert_non_null(strstr(get("/toride.css", "", false), "text/css"));
	static const char *const missing[] = { "/incident/I-20261122-0009", "/incident/", "/incident/%3Cx", "/incident/I-1'--", "/x", "//", "/../etc/passwd" };
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		assert_non_null(strstr(get(missing[i], "", false), "Status: 404 Not Found\r\n"));
	/* what the page stands on goes away: it says so, and stands */
	p.fetch_status = no_status;
	p.status_ms = 0;
	pgtest_kill(&pg);
	board = get("/", "", false);
	assert_non_null(strstr(board, "Status: 200 OK"));
	assert_non_null(strstr(board, html_word(WORD_NO_DATABASE, true)));
	assert_non_null(strstr(board, html_word(WORD_UNKNOWN, true)));
	assert_non_null(strstr(get("/incident/I-20261122-0001", "", false), "Status: 503"));
	portal_done(&p);
}

/* What the board says of weight, time and targets. */
static void test_board(void **state)
{
	(void)state;
	if (!have_pg)
		skip();
	struct err err = { 0 };
	pgtest_restart(&pg);
	p = (struct portal){ .fetch_status = no_status };
	assert_int_equal(store_create(pg.sock, STORE_ROLE_PORTAL, &p.store, &err), 0);
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\","
	                                          "\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"},{\"code\":\"412023\","
	                                          "\"name\":\"唐津市\",\"name_en\":\"Karatsu City\",\"state\":\"live\"}]}"), &err), 0);
	clock_hold(1795338000000LL + 60000);
	char *ja = get("/", "", false), *worst = strstr(ja, ">I-20261122-0001<"), *mild = strstr(ja, ">I-20261122-0002<"),
	     *closed = strstr(ja, ">I-20261122-0003<");
	assert_true(worst && mild && closed && worst < mild && mild < closed); /* the closed one is of severity 3 and newer */
	assert_non_null(strstr(ja, "危険度3(重大)"));
	assert_non_null(strstr(ja, "次の連絡先まで 残り 4分00秒"));
	assert_non_null(strstr(ja, "2 団体</summary>"));
	assert_non_null(strstr(ja, "危険度3の通信先のため"));
	assert_null(strstr(strstr(ja, "shared.example") + 1, "shared.example")); /* one row */
	char *en = get("/", "lang=en", false);
	assert_non_null(strstr(en, "next contact in 4 min 00 s"));
	assert_non_null(strstr(en, "contacted in an incident of severity 3"));
	assert_null(strstr(en, "危険度"));
	assert_null(strstr(en, "団体"));
	clock_hold(0);
	portal_done(&p);
}

static int begin(void **state)
{
	(void)state;
	have_pg = pgtest_start(&pg);
	return 0;
}

static int end(void **state)
{
	(void)state;
	if (have_pg)
		pgtest_stop(&pg);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scgi), cmocka_unit_test(test_escaping),
		                            cmocka_unit_test(test_language), cmocka_unit_test(test_pages), cmocka_unit_test(test_board) };
	return cmocka_run_group_tests(tests, begin, end);
}
