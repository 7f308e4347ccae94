/* SCGI, escaping, and the pages over a real PostgreSQL with hostile words in it. */
#include "account/account.h"
#include "account/schema.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "portal/portal.h"
#include "portal/qr.h"
#include "store/pgtest.h"
#include "wire/ctl.h"
#include "wire/place.h"

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
	{ H("REQUEST_METHOD\0POST\0DOCUMENT_URI\0/\0"), 0, false },
	{ H("REQUEST_METHOD\0PUT\0DOCUMENT_URI\0/\0"), -E_DENIED, false },
	{ H("CONTENT_LENGTH\0005\0REQUEST_METHOD\0GET\0DOCUMENT_URI\0/\0"), -E_INVALID, false }, /* only a POST has a body */
	{ H("CONTENT_LENGTH\0005\0REQUEST_METHOD\0POST\0DOCUMENT_URI\0/\0"), 0, false },
	{ H("CONTENT_LENGTH\00032769\0REQUEST_METHOD\0POST\0DOCUMENT_URI\0/\0"), -E_LIMIT, false },
	{ H("CONTENT_LENGTH\0-1\0REQUEST_METHOD\0POST\0DOCUMENT_URI\0/\0"), -E_INVALID, false },
	{ H("CONTENT_LENGTH\00099999999999999999999\0REQUEST_METHOD\0POST\0DOCUMENT_URI\0/\0"), -E_INVALID, false },
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
	(void)state;
}

static void test_forms(void **state)
{
	static const struct {
		struct str form;
		const char *value; /* NULL: refused */
	} cases[] = {
		{ STR("a=1&name=b"), "b" },
		{ STR("name="), "" },
		{ STR("name=a+b%20c%2Bd%3D%26"), "a b c+d=&" },
		{ STR("name=%E4%BD%90%E8%B3%80"), "佐賀" },
		{ STR("name=%3Cscript%3E"), "<script>" },
		{ STR("name=50%&x=1"), "50%" }, /* a broken escape stands for itself */
		{ STR("name=a%0D%0Ab%09c"), "a  b c" },
		{ STR(""), NULL },
		{ STR("names=b"), NULL },
		{ STR("xname=b"), NULL },
		{ STR("name"), NULL },
		{ STR("name=a&name=b"), NULL },
		{ STR("name=%00"), NULL },
		{ STR("name=a%1b"), NULL },
		{ STR("name=%ff"), NULL },
		{ STR("name=%c0%80"), NULL },
		{ STR("name=12345678901234567890123456789012"), NULL },
	};
	char value[32];
	uint64_t n;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = form_get(cases[i].form, "name", value, sizeof value);
		if (ok != (cases[i].value != NULL) || strcmp(value, ok ? cases[i].value : "") != 0)
			fail_msg("case %zu: %s", i, value);
	}
	assert_true(form_number(STR("s=3"), "s", 3, &n) && n == 3);
	assert_false(form_number(STR("s=4"), "s", 3, &n));
	assert_false(form_number(STR("s=-1"), "s", 3, &n));
	assert_true(form_cookie(STR("a=b; toride=xyz;c=d"), "toride", value, sizeof value));
	assert_string_equal(value, "xyz");
	assert_false(form_cookie(STR("toride=a; toride=b"), "toride", value, sizeof value)); /* one of them was planted: neither counts */
	assert_false(form_cookie(STR("xtoride=a"), "toride", value, sizeof value));
	(void)state;
}

/* Which size a text needs (ISO/IEC 18004, table 7), and what every symbol has; that it can be read is pages.t's to show, with another's reader. */
static void test_qr(void **state)
{
	static const struct {
		size_t bytes;
		int size;
	} cases[] = { { 1, 21 }, { 17, 21 }, { 18, 25 }, { 32, 25 }, { 33, 29 }, { 53, 29 }, { 54, 33 }, { 78, 33 }, { 79, 37 }, { 106, 37 }, { 107, 41 }, { 134, 41 },
		      { 135, 45 }, { 154, 45 }, { 155, 49 }, { 192, 49 }, { 193, 53 }, { 230, 53 }, { 231, 57 }, { 271, 57 }, { 272, 0 } };
	char text[300];
	struct qr q;
	memset(text, 'x', sizeof text);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		bool ok = qr_make((struct str){ text, cases[i].bytes }, &q);
		assert_int_equal(ok ? q.size : 0, cases[i].size);
		int end = q.size - 1;
		if (!ok)
			continue;
		assert_true(q.dark[3][3] && q.dark[3][end - 3] && q.dark[end - 3][3] && q.dark[0][0] && !q.dark[1][1] && q.dark[end - 7][8]);
		for (int k = 8; k < end - 7; k++)
			assert_true(q.dark[6][k] == (k % 2 == 0) && q.dark[k][6] == (k % 2 == 0));
	}
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
		      { "lang=en", "ja", false }, { "lang=ja", "en", true },   { "lang=%00", "en", false } };
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

#define ANALYST "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define SAGA "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"    /* a clerk of 412015 */
#define KARATSU "dddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddddd" /* of 412023 */
#define KEN "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"     /* approves for 41 */
#define OTHER_KEN "9999999999999999999999999999999999999999999999999999999999999999" /* for 42 */
#define KEYED "1111111111111111111111111111111111111111111111111111111111111111"   /* the password was right, a passkey is asked for */
#define FIRST "eeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeeee"   /* signed in for the first time */

static char last_request[4096]; /* what was asked last of authd or controld, but who it is */
static bool no_status;
static const char *answer; /* of the next questions; NULL: the usual one */
static int refuse; /* what the next question is answered with */

/* authd and controld, as the page meets them. */
static int fake_call(int asker_fd, const char *socket, struct str request, struct buf *reply, int timeout_ms, struct err *err)
{
	static const struct {
		const char *token, *answer;
	} people[] = { { ANALYST, "\"name\":\"<i>satō\",\"role\":\"analyst\",\"org\":\"\",\"prefecture\":\"\",\"stage\":\"full\"" },
		       { KEN, "\"name\":\"県\",\"role\":\"approver\",\"org\":\"\",\"prefecture\":\"41\",\"stage\":\"full\"" },
		       { OTHER_KEN, "\"name\":\"別\",\"role\":\"approver\",\"org\":\"\",\"prefecture\":\"42\",\"stage\":\"full\"" },
		       { SAGA, "\"name\":\"山田\",\"role\":\"clerk\",\"org\":\"412015\",\"prefecture\":\"\",\"stage\":\"full\"" },
		       { KARATSU, "\"name\":\"浜田\",\"role\":\"clerk\",\"org\":\"412023\",\"prefecture\":\"\",\"stage\":\"full\"" },
		       { KEYED, "\"name\":\"鍵\",\"role\":\"analyst\",\"org\":\"\",\"prefecture\":\"\",\"stage\":\"key\"" },
		       { FIRST, "\"name\":\"初\",\"role\":\"analyst\",\"org\":\"\",\"prefecture\":\"\",\"stage\":\"enrol\"" } };
	char text[4096];
	(void)timeout_ms;
	snprintf(text, sizeof text, STR_FMT, STR_ARG(request));
	bool who = strstr(text, "\"do\":\"session\"");
	if (!who)
		snprintf(last_request, sizeof last_request, "%s", text);
	for (size_t i = 0; who && i < ARRAY_LEN(people); i++)
		if (strstr(text, people[i].token)) {
			buf_printf(reply, "{\"v\":1,\"ok\":true,%s}", people[i].answer);
			return 0;
		}
	if (who || refuse)
		return err_set(err, refuse ? (enum err_code)refuse : E_DENIED, socket, "no");
	if (strstr(text, "\"do\":\"status\"")) {
		if (no_status)
			return err_set(err, E_CLOSED, socket, "gone");
		buf_puts(reply, "{\"v\":1,\"ok\":true,\"processes\":[{\"name\":\"proxyd<\",\"state\":\"running\",\"restarts\":2,\"rss_bytes\":5000000}],"
		                "\"counters\":[{\"org\":\"412015\",\"proxyd\":{\"requests\":12345,\"denied\":7,\"malicious\":2,\"cut\":1},"
		                "\"respondd\":{\"incidents_open\":1}}]}");
		return 0;
	}
	if (answer) {
		buf_puts(reply, answer);
		return 0;
	}
	buf_puts(reply, "{\"v\":1,\"ok\":true,\"session\":\"" FIRST "\",\"stage\":\"full\",\"secret\":\"GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ\",\"uri\":\"otpauth://x\"}");
	return 0;
}

static void sql(const char *text)
{
	pgtest_sql(&pg, text);
}

#define EVIL "<img src=x onerror=alert(1)>\"''"

static char *ask(const struct scgi *q)
{
	static char page[256 * 1024];
	struct buf b;
	buf_init(&b, HTML_MAX);
	portal_answer(&p, q, 0, &b);
	snprintf(page, sizeof page, "%s", buf_cstr(&b));
	buf_done(&b);
	return page;
}

static char *get_as(const char *token, const char *path, const char *query, bool head)
{
	struct scgi q = { .head = head };
	snprintf(q.path, sizeof q.path, "%s", path);
	snprintf(q.query, sizeof q.query, "%s", query);
	if (*token)
		snprintf(q.cookie, sizeof q.cookie, "toride=%s", token);
	return ask(&q);
}

static char *get(const char *path, const char *query, bool head)
{
	return get_as(ANALYST, path, query, head);
}

/* As a browser sends a form of ours: its token is taken from a page. */
static char *post_from(const char *token, const char *path, const char *fields, const char *origin, const char *site)
{
	static char body[8192];
	struct scgi q = { .post = true, .host = "desk.example", .type = "application/x-www-form-urlencoded" };
	char *page = get_as(token, "/login", "", false), form[80] = "";
	char *at = strstr(page, "name=\"form\" value=\"");
	if (at)
		snprintf(form, sizeof form, "%.64s", at + 19);
	snprintf(body, sizeof body, "form=%s&%s", form, fields);
	snprintf(q.path, sizeof q.path, "%s", path);
	snprintf(q.origin, sizeof q.origin, "%s", origin);
	snprintf(q.site, sizeof q.site, "%s", site);
	if (*token)
		snprintf(q.cookie, sizeof q.cookie, "toride=%s", token);
	else
		snprintf(q.cookie, sizeof q.cookie, "toride_form=%s", form);
	q.body = str_from(body);
	q.length = strlen(body);
	last_request[0] = 0;
	return ask(&q);
}

static char *post(const char *token, const char *path, const char *fields)
{
	return post_from(token, path, fields, "http://desk.example", "same-origin");
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
	struct accounts a = { 0 };
	assert_int_equal(store_create(pg.sock, STORE_ROLE_AUTH, &a.store, &err), 0);
	assert_int_equal(accounts_migrate(&a, &err), 0);
	store_destroy(&a.store);
	sql("INSERT INTO toride_auth.account(name, fold, role, org, prefecture, hash, created_ms, created_by) VALUES ('a', 'a', 'analyst', '', '', '', 1, ''),"
	    " ('c', 'c', 'clerk', '412015', '', '', 1, ''), ('d', 'd', 'clerk', '412023', '', '', 1, ''), ('b', 'b', 'approver', '', '41', '', 1, ''),"
	    " ('9', '9', 'approver', '', '42', '', 1, '');"
	    "INSERT INTO toride_auth.session(token, account, stage, created_ms, seen_ms, ends_ms, idle_ms) SELECT encode(sha256(convert_to(repeat(name, 64), 'UTF8')), 'hex'),"
	    " name, 'full', 1, 1, 9000000000000, 9000000000000 FROM toride_auth.account");
	sql("INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level,"
	    " terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms)"
	    " VALUES ('I-20261122-0001', '412015', 'handling', '" EVIL "', '" EVIL "', 'r', 'toride', 3,"
	    " '[{\"code\":\"x\",\"text_ja\":\"<b>ja\",\"text\":\"<b>en\"}]', 'low', '<i>10.1.0.5', 'hostname', '<u>c2', 1, 1, 1, 1);"
	    "INSERT INTO incident_event(incident, org, at_ms, actor, kind, args) SELECT id, org, 1, '<s>', 'note', '[\"<h9>\"]' FROM incident;"
	    "INSERT INTO block(id, org, origin, incident_number, kind, value, author, reason, state, found_ms, created_ms, expires_ms, next_ms)"
	    " VALUES ('B-20261122-0001', '412015', true, '', 'name', '<u>c2.example', 'x', '<p>why', 'active', 1, 1, 1795338000000, 1)");
	more_rows();
	p.call = fake_call;
	assert_int_equal(store_create(pg.sock, STORE_ROLE_PORTAL, &p.store, &err), 0);
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀<\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\","
	                                          "\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	sql("INSERT INTO task(incident, org, list, step, nth, role, title, created_ms, created_by, done_ms, done_by, result) SELECT id, org, 'task', 'other', 1, 'soc', '<i>t', 1, '<b>', 1,"
	    " '<s>', '<u>r' FROM incident; INSERT INTO call(incident, org, at_ms, by_name, to_name, phone, result, words) SELECT id, org, 1, '<i>', '<b>', '<u>', 'busy', '<s>' FROM incident");
	static const char *const pages[][2] = { { "/", "" }, { "/", "lang=en" }, { "/incident/I-20261122-0001", "" }, { "/incident/I-20261122-0001", "lang=en" } };
	static const char *const never[] = { "<img", "<b>", "<i>", "<u>", "<s>", "<h9>", "<p>why", "<script", "proxyd<", "佐賀<", "style=" };
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		char *page = get(pages[i][0], pages[i][1], false);
		assert_non_null(strstr(page, "Status: 200 OK\r\n"));
		assert_non_null(strstr(page, "Content-Security-Policy: default-src 'none'; style-src 'self'"));
		assert_null(strstr(page, "<i>sat"));
		assert_non_null(strstr(page, "I-20261122-0001"));
		assert_non_null(strstr(page, i % 2 ? "Saga City" : "佐賀市"));
		for (size_t k = 0; k < ARRAY_LEN(never); k++)
			if (strcmp(never[k], "<b>") != 0 && strcmp(never[k], "<p>why") != 0 && strstr(page, never[k]))
				fail_msg("page %zu holds %s", i, never[k]);
		assert_null(strstr(page, "<b>ja"));
		assert_null(strstr(page, "<b>en"));
		assert_null(strstr(page, "<p>why"));
	}
	/* what a body does now stands on its incident, and not on the service's own, which is no body's */
	sql("INSERT INTO incident(number, org, state, title, title_ja, rule, opened_by, severity, reasons, signature_level, terminal, observable_type, observable, created_ms, first_ms, last_ms, found_ms)"
	    " VALUES ('I-20261122-0004', '', 'received', 't', 't', 'r', 'toride', 2, '[]', 'low', '', '', '', 1, 1, 1, 1)");
	assert_non_null(strstr(get("/incident/I-20261122-0001", "", false), html_word(WORD_DO_NOW, true)));
	char *own = get("/incident/I-20261122-0004", "", false);
	assert_non_null(strstr(own, "Status: 200 OK"));
	assert_null(strstr(own, html_word(WORD_DO_NOW, true)));
	sql("DELETE FROM incident WHERE number = 'I-20261122-0004'");
	char *board = get("/", "", false);
	assert_non_null(strstr(board, "12,345"));
	assert_non_null(strstr(board, "&lt;u&gt;c2.example"));
	assert_non_null(strstr(board, "http-equiv=\"refresh\" content=\"5;url=/?auto=1\""));
	assert_null(strstr(get("/", "", true), "<html"));
	assert_non_null(strstr(get("/toride.css", "", false), "text/css"));
	static const char *const missing[] = { "/incident/I-20261122-0009", "/incident/", "/incident/%3Cx", "/incident/I-1'--", "/x", "//", "/../etc/passwd" };
	for (size_t i = 0; i < ARRAY_LEN(missing); i++)
		assert_non_null(strstr(get(missing[i], "", false), "Status: 404 Not Found\r\n"));
	/* what the page stands on goes away: it says so, and stands */
	no_status = true;
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
	no_status = true;
	p = (struct portal){ .call = fake_call };
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

/* A clerk sees what is of the own body, on every page; nobody sees anything without a session. */
static void test_bodies_apart(void **state)
{
	(void)state;
	if (!have_pg)
		skip();
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(store_create(pg.sock, STORE_ROLE_PORTAL, &p.store, &err), 0);
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	static const struct {
		const char *token, *path, *holds, *lacks;
	} cases[] = {
		{ SAGA, "/", "I-20261122-0001", "I-20261122-0002" },
		{ SAGA, "/", "山田", "412023" },
		{ SAGA, "/", "山田", "proxyd" },
		{ KARATSU, "/", "I-20261122-0002", "I-20261122-0001" },
		{ KARATSU, "/", "I-20261122-0003", "c2.example" },
		{ KEN, "/", "I-20261122-0001", "404" },
		{ KEN, "/", "佐賀市", "404" },
		{ OTHER_KEN, "/", "200 OK", "I-20261122" },
		{ OTHER_KEN, "/", "200 OK", "佐賀市" },
		{ OTHER_KEN, "/", "200 OK", "example" },
		{ OTHER_KEN, "/incidents", "200 OK", "412015" },
		{ OTHER_KEN, "/blocks", "200 OK", "example" },
		{ OTHER_KEN, "/log", "200 OK", "412015" },
		{ OTHER_KEN, "/incident/I-20261122-0001", "404 Not Found", "412015" },
		{ SAGA, "/incident/I-20261122-0001", "200 OK", "404" },
		{ SAGA, "/incident/I-20261122-0001", "危険度3(重大): 攻撃が成功し、被害が出ている", "失敗したと確かめられた" },
		{ ANALYST, "/incident/I-20261122-0001", "失敗したと確かめられた", "404" }, /* who judges sees what each means */
		{ SAGA, "/incident/I-20261122-0002", "404 Not Found", "412023" },
		{ KARATSU, "/incident/I-20261122-0001", "404 Not Found", "412015" },
		{ ANALYST, "/incident/I-20261122-0002", "200 OK", "404" },
		{ "", "/", "Location: /login\r\n", "I-2026" },
		{ "", "/incident/I-20261122-0001", "Location: /login?next=/incident/I-20261122-0001\r\n", "c2.example" },
		{ "", "/toride.css", "text/css", "Location" },
		{ FIRST, "/", "Location: /enrol\r\n", "I-2026" },
		{ FIRST, "/key", "Location: /\r\n", "passkey" },
		{ KEYED, "/", "Location: /key\r\n", "I-2026" },
		{ KEYED, "/incident/I-20261122-0001", "Location: /key\r\n", "c2.example" },
		{ KEYED, "/account", "Location: /key\r\n", "鍵" },
		{ KEYED, "/key", "script-src 'self'; base-uri", "/account" },
		{ KEYED, "/enrol", "Location: /\r\n", "secret" },
		{ ANALYST, "/key", "Location: /\r\n", "passkey" },
		{ ANALYST, "/account", "default-src 'none'; style-src 'self'; base-uri", "script" },
		{ "", "/key", "Location: /login", "passkey.js" },
		{ "", "/passkey.js", "text/javascript", "Location" },
		{ FIRST, "/incident/I-20261122-0001", "Location: /enrol\r\n", "c2.example" },
		{ "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff", "/", "Location: /login\r\n", "I-2026" },
		{ "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "/", "Location: /login\r\n", "I-2026" },
		{ "' OR ''='", "/", "Location: /login\r\n", "I-2026" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *page = get_as(cases[i].token, cases[i].path, "", false);
		if (!strstr(page, cases[i].holds) || strstr(page, cases[i].lacks))
			fail_msg("case %zu: %s", i, page);
	}
	/* the worker's own word counts for nothing: whatever it says, the database shows a session's rows */
	static const struct store_sql all = { "t_all", "SELECT count(*) FROM incident" }, widen = { "t_widen", "SELECT set_config('toride.org', '*', true)" };
	static const char *const tokens[] = { SAGA, KARATSU, ANALYST, "", FIRST, "*", KEN, OTHER_KEN };
	static const int64_t seen[] = { 1, 2, 3, 0, 0, 0, 3, 0 };
	for (size_t i = 0; i < ARRAY_LEN(tokens); i++) {
		struct store_rows rows = { 0 };
		assert_int_equal(store_begin_session(p.store, tokens[i], &err), 0);
		assert_int_equal(store_run(p.store, &widen, NULL, NULL, &err), 0);
		assert_int_equal(store_run(p.store, &all, NULL, &rows, &err), 0);
		assert_int_equal(store_col_int(&rows, 0, 0, -1), seen[i]);
		store_rows_done(&rows);
		store_abort(p.store);
	}
	sql("UPDATE toride_auth.session SET ends_ms = 1 WHERE account = 'c'"); /* over, though the page's own memory may say otherwise */
	assert_null(strstr(get_as(SAGA, "/", "", false), "I-20261122-0001"));
	sql("UPDATE toride_auth.session SET ends_ms = 9000000000000 WHERE account = 'c'; UPDATE toride_auth.account SET enabled = false WHERE name = 'c'");
	assert_null(strstr(get_as(SAGA, "/", "", false), "I-20261122-0001"));
	sql("UPDATE toride_auth.account SET enabled = true WHERE name = 'c'");
	portal_done(&p);
}

static void has_all(const char *page, const char *const *holds, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!strstr(page, holds[i]))
			fail_msg("%s is missing: %s", holds[i], page);
}

/* The evidence, and what the names in it say is text. */
static void test_decrypt(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"proposals\":[{\"kind\":\"pinned\",\"org\":\"412015\",\"host\":\"<b>app.example\",\"ja4\":\"t13d<i>\",\"terminals\":12345,\"trusting\":4,\"times\":9,"
	         "\"first_ms\":1795341600000,\"last_ms\":1795341600000,\"opened\":0,\"strong\":true},{\"kind\":\"client_certificate\",\"org\":\"412015\",\"host\":\"card.example\",\"terminals\":1,\"strong\":false}],\"more\":false}";
	char *page = get_as(SAGA, "/decrypt", "", false);
	const char *const holds[] = { "&lt;b&gt;app.example", "佐賀市", "t13d&lt;i&gt;", "12,345</td>", html_word(WORD_REFUSAL_STRONG, true), "card.example", html_word(WORD_REFUSAL_WEAK, true) };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_non_null(strstr(last_request, "\"do\":\"decrypt.proposals\",\"session\":\"" SAGA "\""));
	answer = "{\"v\":1,\"ok\":true,\"proposals\":[]}";
	assert_non_null(strstr(get_as(SAGA, "/decrypt", "", false), html_word(WORD_REFUSAL_NONE, true)));
	answer = NULL;
	refuse = E_CLOSED;
	assert_non_null(strstr(get_as(SAGA, "/decrypt", "", false), html_word(WORD_NO_NUMBERS, true)));
	refuse = 0;
	portal_done(&p);
}

/* Counts by the hour, and of what: each row narrows the page; a clerk asks for the own body, whatever the address says. */
static void test_counts(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	clock_hold(1795341600000); /* 2026-11-22T19:00 in Japan */
	answer = "{\"v\":1,\"ok\":true,\"counted_up_to\":20261121,\"counts\":[{\"value\":\"2026-11-22 18:00\",\"records\":12345},{\"value\":\"2026-11-22 17:00\",\"records\":1},"
	         "{\"value\":\"2026-11-01 17:00\",\"records\":7},{\"value\":\"<b>&x\",\"records\":3},{\"value\":\"4003\",\"records\":2},{\"value\":\"\",\"records\":2}]}";
	char *page = get("/counts", "hours=24&class=4002&product=%3Ci%3E&rule=a%26b&org=412015", false);
	static const char *const holds[] = { "<b>12,346</b>", "<rect x=\"220\" y=\"0\" width=\"9\" height=\"100\"><title>2026-11-22 18:00 12,345</title></rect>",
		"<rect x=\"210\" y=\"99\" width=\"9\" height=\"1\">", "&lt;b&gt;&amp;x", "rule=a%26b", "value=\"&lt;i&gt;\"", "DNSの問合せ", "q=class%3A4003", "<span>2026-11-21 20:00</span><span>2026-11-22 19:00</span>" };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_null(strstr(page, "<i>"));
	assert_null(strstr(page, "2026-11-01 17:00</th><td")); /* out of the span: no bar and no number by the hour */
	assert_non_null(strstr(last_request, "\"do\":\"log.counts\",\"session\":\"" ANALYST "\",\"group\":\"rule\",\"org\":\"412015\",\"from\":1795258800000,\"to\":1795341600000,\"counted\":false,"
	                                     "\"only\":{\"class\":\"4002\",\"product\":\"<i>\",\"rule\":\"a&b\"}}"));
	page = get_as(SAGA, "/counts", "org=412023&hours=9504", false);
	assert_null(strstr(last_request, "412023"));
	assert_non_null(strstr(last_request, "\"counted\":true"));
	assert_null(strstr(page, "name=\"org\"")); /* nothing to choose */
	assert_non_null(strstr(page, "2026-11-21</p>"));
	answer = "{\"v\":1,\"ok\":true,\"counts\":[]}";
	assert_non_null(strstr(get("/counts", "hours=1&class=x", false), html_word(WORD_COUNT_NONE, true)));
	answer = NULL;
	refuse = E_CLOSED;
	assert_non_null(strstr(get("/counts", "", false), html_word(WORD_COUNT_AWAY, true)));
	refuse = 0;
	clock_hold(0);
	portal_done(&p);
}

/* What the rules could find, and of which bodies no records come for them. */
static void test_coverage(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"},"
	                                          "{\"code\":\"412023\",\"name\":\"唐津市\",\"name_en\":\"Karatsu\",\"state\":\"live\"}]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"rules\":[{\"id\":\"a\",\"title\":\"<b>A\",\"title_ja\":\"\",\"attacks\":[\"T1110\"],\"every\":false,\"needs\":[{\"source\":\"windows\",\"class\":0,\"products\":\"windows\"}]},"
	         "{\"id\":\"b\",\"title\":\"B\",\"title_ja\":\"乙\",\"attacks\":[\"T1110\",\"<T>\"],\"every\":false,\"needs\":[{\"source\":\"proxy\",\"class\":4002,\"products\":\"proxyd|squid\"}]}],"
	         "\"counts\":[{\"value\":\"proxyd\",\"value2\":\"412015\",\"records\":1},{\"value\":\"4002\",\"value2\":\"412015\",\"records\":1}]}";
	char *page = get("/coverage", "org=412015", false);
	static const char *const holds[] = { "&lt;b&gt;A", "Webプロキシ", "届いていません", "<li>", "T1110", "&lt;T&gt;", "<b>2</b>", "<b>1</b>" };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_null(strstr(page, "<li>乙")); /* it can fire */
	assert_non_null(strstr(last_request, "\"beside\":\"org\",\"org\":\"412015\"")); /* only what is needed */
	page = get("/coverage", "", false);
	assert_non_null(strstr(page, "/coverage?org=412023"));
	assert_null(strstr(last_request, "\"org\":\"412015\""));
	page = get_as(KEN, "/coverage", "org=122122", false); /* not theirs to see: as if none was chosen */
	assert_non_null(strstr(page, "/coverage?org=412015"));
	page = get_as(OTHER_KEN, "/coverage", "org=412015", false);
	assert_null(strstr(page, "412015"));
	assert_non_null(strstr(get_as(SAGA, "/coverage", "", false), "Status: 403"));
	/* some counts were left out: of nobody is said that nothing comes */
	answer = "{\"v\":1,\"ok\":true,\"rules\":[{\"id\":\"a\",\"title\":\"A\",\"attacks\":[],\"needs\":[{\"source\":\"windows\",\"class\":0,\"products\":\"windows\"}]}],\"counts\":[],\"more\":true}";
	page = get("/coverage", "", false);
	assert_non_null(strstr(page, html_word(WORD_COVERAGE_NOT_KNOWN, true)));
	assert_null(strstr(page, html_word(WORD_COVERAGE_AWAY, true)));
	answer = "{\"v\":1,\"ok\":true,\"rules\":[{\"needs\":[{}]}]}";
	assert_non_null(strstr(get("/coverage", "", false), html_word(WORD_COVERAGE_NO_RULES, true)));
	answer = NULL;
	refuse = E_CLOSED;
	assert_non_null(strstr(get("/coverage", "", false), html_word(WORD_COVERAGE_NO_RULES, true)));
	refuse = 0;
	portal_done(&p);
}

/* Certificates and numbers beside each other; old pages are taken out by whoever may. */
static void test_sites(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"sites\":["
	         "{\"org\":\"412015\",\"site\":\"a<b>.example\",\"certificate\":\"given\",\"not_after\":\"2026-12-01T00:00:00Z\",\"days\":2,\"state\":\"good\",\"requests\":1000,\"from_cache\":750,\"failed\":12345,\"bytes_out\":5000000},"
	         "{\"org\":\"412015\",\"site\":\"b.example\",\"certificate\":\"acme\",\"not_after\":\"2026-12-01T00:00:00Z\",\"days\":2,\"state\":\"good\"},"
	         "{\"org\":\"412015\",\"site\":\"c.example\",\"certificate\":\"acme\",\"state\":\"none\",\"failures\":3,\"why\":\"<i>no\"}]}";
	char *page = get_as(SAGA, "/sites", "", false);
	static const char *const holds[] = { "a&lt;b&gt;.example", "佐賀市", "75</td>", "12,345</td>", "2026-12-01 09:00:00", "&lt;i&gt;no", "name=\"url\"" };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_null(strstr(page, "a<b>"));
	/* what is bought ends soon and needs somebody; what renews itself doesn't */
	assert_non_null(strstr(strstr(page, "a&lt;b&gt;"), html_word(WORD_CERT_SOON, true)));
	assert_non_null(strstr(strstr(page, "<th scope=\"row\">b.example"), html_word(WORD_CERT_GOOD, true)));
	assert_non_null(strstr(strstr(page, "<th scope=\"row\">c.example"), html_word(WORD_CERT_NONE, true)));
	assert_non_null(strstr(last_request, "\"do\":\"site.stats\",\"session\":\"" SAGA "\",\"from\":"));
	assert_null(strstr(get("/sites", "lang=en", false), "name=\"url\"")); /* an analyst takes nothing out */
	answer = "{\"v\":1,\"ok\":true,\"pages\":2}";
	assert_non_null(strstr(post(SAGA, "/sites", "site=b.example&url="), "Location: /sites?done=purge\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"site.purge\",\"session\":\"" SAGA "\",\"site\":\"b.example\",\"all\":true}"));
	assert_non_null(strstr(post(SAGA, "/sites", "site=b.example&url=https%3A%2F%2Fb.example%2Fx"), "Location: /sites?done=purge\r\n"));
	assert_non_null(strstr(last_request, "\"site\":\"b.example\",\"url\":\"https://b.example/x\"}"));
	assert_non_null(strstr(post(ANALYST, "/sites", "site=b.example"), "Status: 403"));
	assert_null(strstr(last_request, "site.purge"));
	assert_non_null(strstr(get_as(SAGA, "/sites", "done=purge", false), html_word(WORD_DONE_PURGE, true)));
	assert_non_null(strstr(post(SAGA, "/sites", "site=b.example&url=https%3A%2F%2Fb.example%2F%E3%81%82"), "Location: /sites?done=purge\r\n"));
	assert_non_null(strstr(last_request, "\"url\":\"https://b.example/%E3%81%82\"}"));
	answer = "{\"v\":1,\"ok\":true,\"pages\":0}";
	assert_non_null(strstr(post(SAGA, "/sites", "site=b.example&url=https%3A%2F%2Fb.example%2Fy"), "Location: /sites?done=unkept\r\n"));
	/* an address that can't be read takes out nothing, least of all everything */
	char longer[6000] = "site=b.example&url=https%3A%2F%2Fb.example%2F";
	memset(longer + strlen(longer), 'x', 5000);
	static const char *const unread[] = { "site=b.example", "site=b.example&url=%00", "site=b.example&url=a&url=" };
	for (size_t i = 0; i <= ARRAY_LEN(unread); i++) {
		assert_non_null(strstr(post(SAGA, "/sites", i < ARRAY_LEN(unread) ? unread[i] : longer), "Status: 409"));
		assert_null(strstr(last_request, "site.purge"));
	}
	answer = NULL;
	refuse = E_NOT_FOUND;
	page = post(SAGA, "/sites", "site=b.example&url=x");
	assert_non_null(strstr(page, "Status: 409"));
	assert_non_null(strstr(page, html_word(WORD_NO_NUMBERS, true)));
	refuse = 0;
	portal_done(&p);
}

/* Pages looked at for defacement: what changed stands first, and is taken as right by one button, one page at a time. */
static void test_looked(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"pages\":["
	         "{\"org\":\"412015\",\"site\":\"a.example\",\"path\":\"/\",\"url\":\"https://a.example/\",\"state\":\"same\",\"like\":100},"
	         "{\"org\":\"412015\",\"site\":\"a.example\",\"path\":\"/x\\\"<i>\",\"url\":\"https://a.example/x\\\"<i>\",\"state\":\"changed\",\"like\":7,\"says\":\"<b>owned\"}]}";
	char *page = get_as(SAGA, "/pages", "", false);
	static const char *const holds[] = { "佐賀市", "https://a.example/x&quot;&lt;i&gt;", "7%", "&lt;b&gt;owned", "value=\"/x&quot;&lt;i&gt;\"" };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_true(strstr(page, "&lt;b&gt;owned") < strstr(page, html_word(WORD_LOOKED_SAME, true)));
	assert_non_null(strstr(last_request, "\"do\":\"site.pages\",\"session\":\"" SAGA "\"}"));
	assert_null(strstr(get_as(KEN, "/pages", "", false), "action=\"/pages\"")); /* who approves changes has no say in a body's pages */
	answer = "{\"v\":1,\"ok\":true,\"pages\":1}";
	assert_non_null(strstr(post(SAGA, "/pages", "site=a.example&path=%2Fx"), "Location: /pages?done=looked\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"site.approve\",\"session\":\"" SAGA "\",\"site\":\"a.example\",\"path\":\"/x\"}"));
	/* none that isn't named: without a path all of the site's would be taken as right */
	static const char *const unread[] = { "site=a.example", "site=a.example&path=", "site=a.example&path=x", "site=a.example&path=%00", "path=%2F", "site=a.example&path=%2F&path=" };
	for (size_t i = 0; i < ARRAY_LEN(unread); i++) {
		assert_non_null(strstr(post(SAGA, "/pages", unread[i]), "Status: 409"));
		assert_null(strstr(last_request, "site.approve"));
	}
	assert_non_null(strstr(post(KEN, "/pages", "site=a.example&path=%2F"), "Status: 403"));
	assert_null(strstr(last_request, "site.approve"));
	answer = NULL;
	portal_done(&p);
}

static void test_holds(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\",\"name_en\":\"Saga City\",\"state\":\"live\"},{\"code\":\"422011\",\"name\":\"別の市\",\"name_en\":\"Other\",\"state\":\"live\"}]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"holds\":["
	         "{\"org\":\"412015\",\"id\":\"0a1b2c3d\",\"case\":\"R8-<i>\",\"reason\":\"police\",\"by\":\"satō\",\"time\":1795913998000},"
	         "{\"org\":\"412015\",\"id\":\"1a1b2c3d\",\"case\":\"R8-2\",\"reason\":\"court\",\"by\":\"x\",\"time\":1,\"release\":{\"by\":\"<u>ono\",\"reason\":\"over\",\"time\":2}},"
	         "{\"org\":\"412015\",\"id\":\"2a1b2c3d\",\"unreadable\":true}]}";
	char *page = get_as(KEN, "/holds", "", false);
	static const char *const holds[] = { "R8-&lt;i&gt;", "2026-11-29 09:59:58", "&lt;u&gt;ono", "2a1b2c3d", "value=\"0a1b2c3d\"", "value=\"412015\"" };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_non_null(strstr(page, html_word(WORD_HOLD_UNREADABLE, true)));
	assert_null(strstr(page, "value=\"2a1b2c3d\""));
	assert_null(strstr(page, "別の市")); /* of another prefecture */
	assert_non_null(strstr(get_as(SAGA, "/holds", "", false), "Status: 403"));
	answer = "{\"v\":1,\"ok\":true,\"id\":\"3a1b2c3d\"}";
	assert_non_null(strstr(post(KEN, "/holds", "org=412015&case=R8-3&reason=%E8%AD%A6%E5%AF%9F"), "Location: /holds?done=hold\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"hold.add\",\"session\":\"" KEN "\",\"org\":\"412015\",\"case\":\"R8-3\",\"reason\":\"警察\"}"));
	answer = "{\"v\":1,\"ok\":true,\"released\":false}";
	assert_non_null(strstr(post(KEN, "/holds", "org=412015&id=0a1b2c3d&reason=over"), "Location: /holds?done=asked\r\n"));
	answer = "{\"v\":1,\"ok\":true,\"released\":true}";
	assert_non_null(strstr(post(ANALYST, "/holds", "org=412015&id=0a1b2c3d"), "Location: /holds?done=released\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"hold.release\",\"session\":\"" ANALYST "\",\"org\":\"412015\",\"id\":\"0a1b2c3d\"}"));
	answer = NULL;
	refuse = E_DENIED;
	assert_non_null(strstr(post(KEN, "/holds", "org=412015&id=0a1b2c3d"), "Status: 409"));
	refuse = 0;
	portal_done(&p);
}

static void test_handover(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"handovers\":["
	         "{\"id\":7,\"kind\":\"to_day\",\"by\":\"toride\",\"time\":1795913998000,\"text\":\"引継書\\n  I-20261122-0001  佐賀市 <i>\\n  </pre><script>\"},"
	         "{\"id\":6,\"kind\":\"to_night\",\"by\":\"toride\",\"time\":1,\"taken_by\":\"<b>\",\"taken\":2,\"text\":\"x\"}]}";
	char *page = get_as(ANALYST, "/handover", "", false);
	static const char *const holds[] = { "<a href=\"/incident/I-20261122-0001\">I-20261122-0001</a>  佐賀市 &lt;i&gt;", "  &lt;/pre&gt;&lt;script&gt;", "name=\"id\" value=\"7\"", "夜勤から日勤へ", "&lt;b&gt;" };
	has_all(page, holds, ARRAY_LEN(holds));
	assert_null(strstr(page, "value=\"6\"")); /* somebody took it */
	assert_non_null(strstr(page, "width=device-width"));
	assert_non_null(strstr(get_as(SAGA, "/handover", "", false), "Status: 403"));
	assert_non_null(strstr(get_as(KEN, "/handover", "", false), "Status: 403"));
	answer = "{\"v\":1,\"ok\":true}";
	assert_non_null(strstr(post(ANALYST, "/handover", "id=7"), "Location: /handover?done=take\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"shift.take\",\"session\":\"" ANALYST "\",\"id\":7}"));
	assert_non_null(strstr(post(ANALYST, "/handover", "kind=to_noc"), "Location: /handover?done=shift\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"shift.handover\",\"session\":\"" ANALYST "\",\"kind\":\"to_noc\"}"));
	assert_non_null(strstr(post(ANALYST, "/handover", "id=x"), "Status: 409"));
	answer = NULL;
	portal_done(&p);
}

static void test_signing_in(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[]}"), &err), 0);
	char *page = get_as("", "/login", "", false);
	assert_non_null(strstr(page, "Set-Cookie: toride_form="));
	assert_non_null(strstr(page, "; Secure; HttpOnly; SameSite=Strict"));
	page = post("", "/login", "name=%3Cb%3E&password=p%26w&code=123456&next=/incident/I-1");
	assert_non_null(strstr(page, "Status: 303"));
	assert_non_null(strstr(page, "Location: /incident/I-1\r\n"));
	assert_non_null(strstr(page, "Set-Cookie: toride=" FIRST "; Path=/; Secure; HttpOnly; SameSite=Lax\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"sign_in\",\"name\":\"<b>\",\"password\":\"p&w\",\"code\":\"123456\""));
	static const char *const elsewhere[] = { "//evil.example", "http://evil.example", "/x", "", "/logout", "/../incident/I-1%0d%0aX:", "/\\evil.example" };
	for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++) {
		char fields[200];
		snprintf(fields, sizeof fields, "name=a&password=b&next=%s", elsewhere[i]);
		page = post("", "/login", fields);
		if (!strstr(page, "Location: /\r\n"))
			fail_msg("%s: %s", elsewhere[i], page);
	}
	/* one sentence, whatever was wrong; the name comes back as text, the password doesn't */
	refuse = E_DENIED;
	page = post("", "/login", "name=%22%3E%3Cimg&password=S3cret-word");
	refuse = 0;
	assert_non_null(strstr(page, "Status: 403"));
	assert_non_null(strstr(page, "value=\"&quot;&gt;&lt;img\""));
	assert_null(strstr(page, "S3cret"));
	assert_null(strstr(page, "<img"));
	assert_null(strstr(page, "Set-Cookie: toride="));
	refuse = E_LIMIT;
	assert_non_null(strstr(post("", "/login", "name=a&password=b"), "Status: 503"));
	refuse = E_CLOSED; /* what keeps the apps' secrets is away */
	page = post("", "/login", "name=a&password=b");
	assert_non_null(strstr(page, "Status: 503"));
	assert_non_null(strstr(page, html_word(WORD_SIGN_IN_AWAY, true)));
	/* a passkey that isn't accepted: back to the door, which says so */
	refuse = E_DENIED;
	assert_non_null(strstr(post(KEYED, "/key", "id=00&client_data=a&auth_data=a&signature=a"), "Location: /login?said=key\r\n"));
	refuse = 0;
	assert_non_null(strstr(get_as("", "/login", "said=key", false), html_word(WORD_KEY_FAILED, true)));
	assert_null(strstr(get_as("", "/login", "said=x", false), html_word(WORD_KEY_FAILED, true)));
	/* the first time */
	page = get_as(FIRST, "/enrol", "", false);
	assert_non_null(strstr(page, "GEZD GNBV"));
	assert_non_null(strstr(page, "<svg class=\"qr\" viewBox=\"0 0 29 29\""));
	page = post(FIRST, "/enrol", "password=a&again=b&code=1");
	assert_non_null(strstr(page, html_word(WORD_PW_DIFFER, true)));
	assert_non_null(strstr(last_request, "enrol_secret")); /* and authd wasn't asked */
	assert_non_null(strstr(post(FIRST, "/enrol", "password=a&again=a&code=1"), "Location: /\r\n"));
	assert_non_null(strstr(get_as(ANALYST, "/enrol", "", false), "Location: /\r\n"));
	/* out */
	page = post(ANALYST, "/logout", "");
	assert_non_null(strstr(page, "Set-Cookie: toride=; Path=/; Secure; HttpOnly; SameSite=Lax; Max-Age=0\r\n"));
	assert_non_null(strstr(last_request, "\"do\":\"sign_out\",\"session\":\"" ANALYST "\""));
	assert_non_null(strstr(get("/logout", "", false), "405"));
	portal_done(&p);
}

/* Forms from elsewhere, and forms with another session's token, do nothing. */
static void test_forgery(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[]}"), &err), 0);
	static const struct {
		const char *origin, *site;
		bool taken;
	} cases[] = { { "http://desk.example", "same-origin", true }, { "", "", true }, { "https://desk.example", "", true },
		      { "http://evil.example", "", false },           { "null", "", false }, { "", "cross-site", false },
		      { "http://desk.example", "same-site", false },  { "", "none", false }, { "http://desk.example.evil.example", "", false },
		      { "http://evil.example/desk.example", "", false } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *page = post_from(ANALYST, "/logout", "", cases[i].origin, cases[i].site);
		if ((strstr(page, "Status: 200") != NULL) != cases[i].taken || (last_request[0] != 0) != cases[i].taken)
			fail_msg("case %zu: %s", i, page);
	}
	struct scgi q = { .post = true, .path = "/logout", .host = "desk.example", .type = "application/x-www-form-urlencoded", .cookie = "toride=" ANALYST };
	static const char *const bodies[] = { "", "form=", "form=x", "form=" ANALYST, "form=0000000000000000000000000000000000000000000000000000000000000000" };
	for (size_t i = 0; i < ARRAY_LEN(bodies); i++) {
		q.body = str_from(bodies[i]);
		last_request[0] = 0;
		assert_non_null(strstr(ask(&q), "Status: 403"));
		assert_string_equal(last_request, "");
	}
	/* a stranger's token is no session's, and no cookie, no form */
	char body[100];
	char *page = get_as("", "/login", "", false), *at = strstr(page, "name=\"form\" value=\"");
	assert_non_null(at);
	snprintf(body, sizeof body, "form=%.64s", at + 19);
	q.body = str_from(body);
	assert_non_null(strstr(ask(&q), "Status: 403"));
	snprintf(q.path, sizeof q.path, "/login");
	q.cookie[0] = 0;
	assert_non_null(strstr(ask(&q), "Status: 403"));
	portal_done(&p);
}

/* Each button is one request, of the person whose session it is, with the fields it names and no others. */
static void test_acts(void **state)
{
	(void)state;
	if (!have_pg)
		skip();
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(store_create(pg.sock, STORE_ROLE_PORTAL, &p.store, &err), 0);
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[]}"), &err), 0);
#define ONE "/incident/I-20261122-0001"
#define S(token) ",\"session\":\"" token "\""
	static const struct {
		const char *token, *path, *fields, *asked, *goes; /* asked "": controld wasn't */
	} cases[] = {
		{ SAGA, ONE "/ack", "", "{\"v\":1,\"do\":\"incident.ack\"" S(SAGA) ",\"number\":\"I-20261122-0001\"}", "Location: " ONE "?done=ack\r\n" },
		{ ANALYST, ONE "/judge", "severity=3&reason=%E7%A2%BA%E8%AA%8D+%22%3C&by=root&as=root",
		  "{\"v\":1,\"do\":\"incident.judge\"" S(ANALYST) ",\"number\":\"I-20261122-0001\",\"reason\":\"確認 \\\"<\",\"severity\":3}", "?done=judge\r\n" },
		{ ANALYST, ONE "/judge", "severity=4&reason=x", "", "Status: 403" },
		{ ANALYST, ONE "/judge", "reason=x", "", "Status: 403" },
		{ ANALYST, ONE "/note", "text=a&state=handling", "{\"v\":1,\"do\":\"incident.note\"" S(ANALYST) ",\"number\":\"I-20261122-0001\",\"text\":\"a\",\"state\":\"handling\"}", "?done=note" },
		{ ANALYST, ONE "/step", "task=7&result=ok", "{\"v\":1,\"do\":\"incident.step\"" S(ANALYST) ",\"number\":\"I-20261122-0001\",\"result\":\"ok\",\"task\":7}", "?done=step" },
		{ SAGA, "/report", "kind=mail&text=%3Cb%3E&reporter=x&observable_type=&observable=&by=root",
		  "{\"v\":1,\"do\":\"incident.report\"" S(SAGA) ",\"kind\":\"mail\",\"text\":\"<b>\",\"reporter\":\"x\"}", "Location: /incidents\r\n" },
		{ SAGA, ONE "/step", "task=7", "", "Status: 403" },
		{ ANALYST, ONE "/close", "reason=a", "{\"v\":1,\"do\":\"incident.close\"" S(ANALYST) ",\"number\":\"I-20261122-0001\",\"reason\":\"a\"}", "?done=close" },
		{ ANALYST, ONE "/block", "org=412015&kind=name&value=c2.example&reason=r&hours=2",
		  "{\"v\":1,\"do\":\"block.add\"" S(ANALYST) ",\"incident\":\"I-20261122-0001\",\"org\":\"412015\",\"kind\":\"name\",\"value\":\"c2.example\",\"reason\":\"r\",\"hours\":2}", "?done=block" },
		{ ANALYST, "/block/B-20261122-0001/remove", "back=" ONE, "{\"v\":1,\"do\":\"block.remove\"" S(ANALYST) ",\"id\":\"B-20261122-0001\"}", "Location: " ONE "?done=remove\r\n" },
		{ ANALYST, "/block/B-20261122-0001/remove", "back=//evil.example", "block.remove", "Location: /blocks?done=remove\r\n" },
		{ SAGA, "/block/B-20261122-0001/remove", "", "", "Status: 403" },
		{ SAGA, ONE "/judge", "severity=3&reason=x", "", "Status: 403" },
		{ SAGA, "/block/B-20261122-0001/consent", "", "{\"v\":1,\"do\":\"block.consent\"" S(SAGA) ",\"id\":\"B-20261122-0001\"}", "/blocks?done=consent" },
		{ ANALYST, "/block/B-20261122-0001/consent", "", "", "Status: 403" },
		{ ANALYST, "/block/B-20261122-0001/x", "", "", "Status: 404" },
		{ SAGA, "/account/password", "old=a%26&code=123456&password=b&again=b", "{\"v\":1,\"do\":\"password\"" S(SAGA) ",\"password\":\"a&\",\"new\":\"b\",\"code\":\"123456\"",
		  "Location: /account?done=password\r\n" },
		{ SAGA, "/account/password", "old=a&code=1&password=b&again=c", "", "Status: 403" },
		{ ANALYST, "/account", "", "{\"v\":1,\"do\":\"leaked\"" S(ANALYST), "toride=; Path=/" },
		{ ANALYST, "/block/../remove", "", "", "Status: 404" },
		{ ANALYST, ONE "/apply", "", "", "Status: 404" },
		{ ANALYST, ONE "", "", "", "Status: 404" },
		{ ANALYST, "/incident/I-1'/ack", "", "", "Status: 404" },
		{ ANALYST, "/change/" ANALYST "/approve", "", "", "Status: 403" }, /* not this role's */
		{ "", ONE "/ack", "", "", "Location: /login\r\n" },
		{ FIRST, ONE "/ack", "", "", "Location: /enrol\r\n" },
		{ "", "/ack/" ANALYST, "", "{\"v\":1,\"do\":\"ack.use\",\"token\":\"" ANALYST "\"}", "Location: /ack/" ANALYST "\r\n" },
		{ "", "/ack/x", "", "", "Status: 404" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *page = post(cases[i].token, cases[i].path, cases[i].fields);
		if (!strstr(page, cases[i].goes) || (cases[i].asked[0] ? !strstr(last_request, cases[i].asked) : last_request[0] != 0))
			fail_msg("case %zu: asked %s: %.400s", i, last_request, page);
	}
	/* opening the page of a link asks only what it is about */
	last_request[0] = 0;
	assert_non_null(strstr(get_as("", "/ack/" ANALYST, "", false), "<button>"));
	assert_non_null(strstr(last_request, "ack.look"));
	/* what was refused comes back with what was written */
	refuse = E_STATE;
	char *page = post(ANALYST, ONE "/judge", "severity=3&reason=%3Cb%3Ewhy");
	refuse = 0;
	assert_non_null(strstr(page, html_word(WORD_NO_STATE, true)));
	assert_non_null(strstr(page, ">&lt;b&gt;why</textarea>"));
	/* which buttons there are */
	static const struct {
		const char *token, *path, *button;
		bool there;
	} buttons[] = { { ANALYST, ONE, "0001/judge\"", true },  { ANALYST, ONE, "0001/block\"", true },   { ANALYST, ONE, "/block/B-20261122-0001/remove\"", false },
			{ SAGA, ONE, "0001/ack\"", true },       { SAGA, ONE, "0001/judge\"", false },     { SAGA, ONE, "0001/block\"", false },
			{ SAGA, ONE, "name=\"state\"", false }, { ANALYST, "/blocks", "/block/B-20261122-0001/remove\"", true }, { SAGA, "/blocks", "/remove\"", false },
			{ SAGA, "/blocks", "c2.example", true },  { KARATSU, "/blocks", "c2.example", false }, { KARATSU, "/incidents", "I-20261122-0001", false },
			{ SAGA, "/incidents", "I-20261122-0001", true }, { SAGA, "/incidents", "I-20261122-0002", false } };
	for (size_t i = 0; i < ARRAY_LEN(buttons); i++)
		if ((strstr(get_as(buttons[i].token, buttons[i].path, "", false), buttons[i].button) != NULL) != buttons[i].there)
			fail_msg("button %zu", i);
	/* the list's filters; nonsense in them is as if they weren't there */
	assert_null(strstr(get("/incidents", "org=412023", false), "I-20261122-0001"));
	assert_non_null(strstr(get("/incidents", "org=412015'--&severity=9&before=-1", false), "I-20261122-0001"));
	assert_null(strstr(get("/incidents", "severity=2&org=412023", false), "I-20261122-0003")); /* closed */
	assert_non_null(strstr(get("/incidents", "closed=1", false), "I-20261122-0003"));
	assert_null(strstr(get_as(SAGA, "/incidents", "org=412023&closed=1", false), "I-20261122-0003"));
	portal_done(&p);
}

/* Changes and searches: what others wrote comes out as text. */
static void test_asked_pages(void **state)
{
	(void)state;
	struct err err = { 0 };
	p = (struct portal){ .call = fake_call };
	assert_int_equal(portal_configure(&p, STR("{\"service\":\"佐賀\",\"service_en\":\"Saga\",\"orgs\":[{\"code\":\"412015\",\"name\":\"佐賀市\","
	                                          "\"name_en\":\"Saga City\",\"state\":\"live\"}]}"), &err), 0);
	answer = "{\"v\":1,\"ok\":true,\"generations\":[{\"digest\":\"sha256:" SAGA "\",\"author\":\"<i>a\",\"time\":\"2026-11-22T09:00:00Z\",\"approvals\":[],\"state\":\"submitted\"},"
	         "{\"digest\":\"sha256:" ANALYST "\",\"author\":\"b\",\"time\":\"2026-11-23T09:00:00Z\",\"approvals\":[{\"by\":\"<b>\",\"time\":\"x\"}],\"state\":\"current\"},"
	         "{\"digest\":\"javascript:x\"}]}";
	char *page = get("/changes", "", false), *first = strstr(page, "/change/" ANALYST), *second = strstr(page, "/change/" SAGA);
	assert_true(first && second && first < second); /* newest first */
	assert_null(strstr(page, "<i>a"));
	assert_null(strstr(page, "javascript"));
	answer = "{\"v\":1,\"ok\":true,\"digest\":\"x\",\"author\":\"a\",\"approvals\":[],\"approved\":false,\"words_ja\":\"違い <script>\",\"words\":\"diff\"}";
	page = get("/change/" SAGA, "", false);
	assert_non_null(strstr(page, "違い &lt;script&gt;"));
	assert_null(strstr(page, "/approve\"")); /* an analyst has no such button */
	assert_non_null(strstr(get("/change/" SAGA, "lang=en", false), "<pre>diff</pre>"));
	assert_non_null(strstr(get_as(SAGA, "/change/" SAGA, "", false), "Status: 403"));
	assert_non_null(strstr(get("/change/x", "", false), "Status: 404"));
	answer = "{\"v\":1,\"ok\":true,\"more\":true,\"records\":[{\"name\":\"412015/events/000001/3\",\"record\":{\"time\":1795338000000,\"org\":\"412015\",\"product\":\"proxyd\","
	         "\"src_endpoint\":{\"ip\":\"10.1.0.5\"},\"http_request\":{\"url\":{\"url_string\":\"http://x/<script>alert(1)</script>\"}},\"disposition\":\"Blocked\"}}]}";
	page = get("/log", "q=%3Cscript%3E+host%3Ax&hours=168&org=412015", false);
	assert_null(strstr(page, "<script"));
	assert_non_null(strstr(page, "value=\"&lt;script&gt; host:x\""));
	assert_non_null(strstr(page, "http://x/&lt;script&gt;alert(1)"));
	assert_non_null(strstr(page, html_word(WORD_FOUND_MORE, true)));
	assert_null(strstr(page, html_word(WORD_FOUND_INCOMPLETE, true)));
	assert_non_null(strstr(last_request, "\"do\":\"log.search\",\"session\":\"" ANALYST "\",\"query\":\"<script> host:x\",\"org\":\"412015\",\"from\":"));
	answer = "{\"v\":1,\"ok\":true,\"more\":false,\"records\":[],\"incomplete\":true,\"searched_from\":1795338000000}";
	page = get("/log", "q=a", false);
	assert_non_null(strstr(page, html_word(WORD_FOUND_INCOMPLETE, true)));
	assert_non_null(strstr(page, "<time>2026-11-22 18:00")); /* from when on all of it was searched */
	last_request[0] = 0;
	assert_non_null(strstr(get("/log", "", false), "<form"));
	assert_string_equal(last_request, ""); /* an empty field searches nothing */
	static const char *const help[] = { "<code>ja4</code>", "プログラムの指紋(TLS)", "<code>code&gt;=500</code></a>", "/log?q=code%3E%3D500&amp;", "<code>finding</code> 攻撃の検知", "<code>rcode</code>" };
	has_all(get("/log", "", false), help, ARRAY_LEN(help));
	answer = NULL;
	refuse = E_INVALID;
	assert_non_null(strstr(get("/log", "q=(", false), html_word(WORD_NO_INVALID, true)));
	refuse = 0;
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
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_scgi), cmocka_unit_test(test_forms), cmocka_unit_test(test_qr), cmocka_unit_test(test_escaping),
		                            cmocka_unit_test(test_language), cmocka_unit_test(test_pages), cmocka_unit_test(test_board),
		                            cmocka_unit_test(test_bodies_apart), cmocka_unit_test(test_counts), cmocka_unit_test(test_coverage), cmocka_unit_test(test_sites), cmocka_unit_test(test_decrypt), cmocka_unit_test(test_looked), cmocka_unit_test(test_holds), cmocka_unit_test(test_handover), cmocka_unit_test(test_signing_in), cmocka_unit_test(test_forgery),
		                            cmocka_unit_test(test_acts), cmocka_unit_test(test_asked_pages) };
	return cmocka_run_group_tests(tests, begin, end);
}
