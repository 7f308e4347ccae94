/* Queries into SQL, events into rows; what ClickHouse makes of both is test/system/search.t. */
#include "base/test.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "index/cluster.h"
#include "index/original.h"
#include "index/query.h"
#include "index/refill.h"
#include "index/row.h"
#include "index/rows.h"
#include "index/serve.h"
#include "index/rollup.h"
#include "index/search.h"
#include "index/refusals.h"
#include "index/sites.h"
#include "index/sweep.h"
#include "segment/fake_vault.h"
#include "segment/file.h"
#include "segment/writer.h"
#include "wire/sock.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct query q;

static const char *sql_of(const char *text, struct buf *b)
{
	struct err err = { 0 };
	buf_reset(b);
	if (query_parse(str_from(text), &q, &err) < 0)
		buf_printf(b, "%s: %s", err.path, err.msg);
	else
		query_sql(q.root, b);
	return buf_cstr(b);
}

static void test_query(void **state)
{
	static const struct { const char *text, *sql; } cases[] = {
		{ "", "1" },
		{ " \t\xe3\x80\x80", "1" },
		{ "Alpha", "(hasToken(words, 'alpha'))" },
		{ "alph*", "(match(words, '(?:^|[^0-9a-z])\\x5cQalph\\x5cE'))" },
		{ "a.b-c*", "(hasAllTokens(words, ['a','b']) AND match(words, '(?:^|[^0-9a-z])\\x5cQa.b-c\\x5cE'))" },
		{ "\"/x y/\"", "(hasAllTokens(words, ['x','y']) AND match(words, '\\x5cQ/x y/\\x5cE'))" },
		{ "\xe8\xab\x8b", "(match(words, '\\x5cQ\xe8\xab\x8b\\x5cE'))" },
		{ "\xe8\xab\x8b""A1", "(hasAllTokens(words, ['a1']) AND match(words, '\\x5cQ\xe8\xab\x8b\\x1fa1\\x5cE(?:$|[^0-9a-z])'))" },
		{ "host:A.example", "(hasAllTokens(words, ['a','example']) AND lower(`host`) = 'a.example')" },
		{ "host:*.a_b", "(lower(`host`) LIKE '%.a\\x5c_b')" },
		{ "malware:*", "(`malware` != '')" },
		{ "host:\"*\"", "(lower(`host`) = '*')" },
		{ "org:412015", "(lower(`org`) = '412015')" },
		{ "code:404", "(`code` = 404)" },
		{ "code>=500 out<10", "((`code` >= 500) AND (`out` < 10))" },
		{ "class:http", "(`class` = 4002)" },
		{ "class:other", "(`class` = 0)" },
		{ "src:10.1.2.3", "(`src` >= toIPv6('::ffff:10.1.2.3') AND `src` <= toIPv6('::ffff:10.1.2.3'))" },
		{ "src:10.1.2.3/8", "(`src` >= toIPv6('::ffff:10.0.0.0') AND `src` <= toIPv6('::ffff:10.255.255.255'))" },
		{ "dst:2001:db8::/33", "(`dst` >= toIPv6('2001:db8::') AND `dst` <= toIPv6('2001:db8:7fff:ffff:ffff:ffff:ffff:ffff'))" },
		{ "code:1 or code:2 code:3", "((`code` = 1) OR ((`code` = 2) AND (`code` = 3)))" },
		{ "(code:1 OR code:2) and not code:3", "(((`code` = 1) OR (`code` = 2)) AND (NOT (`code` = 3)))" },
		{ "-code:1", "(NOT (`code` = 1))" },
		{ "code:1,2", "((`code` = 1) OR (`code` = 2))" },
		{ "ja4:T13D1516h2_8daa", "(hasAllTokens(words, ['t13d1516h2','8daa']) AND (lower(simpleJSONExtractString(raw, 'ja4')) = 't13d1516h2_8daa' OR"
		                         " lower(simpleJSONExtractString(raw, 'proxy_ja4')) = 't13d1516h2_8daa'))" },
		{ "ja4:t13d*", "((lower(simpleJSONExtractString(raw, 'ja4')) LIKE 't13d%' OR lower(simpleJSONExtractString(raw, 'proxy_ja4')) LIKE 't13d%'))" },
		{ "ja4:*", "((lower(simpleJSONExtractString(raw, 'ja4')) != '' OR lower(simpleJSONExtractString(raw, 'proxy_ja4')) != ''))" },
		{ "order", "(hasToken(words, 'order'))" },
		{ "user:\"a'b\\\"", "(hasAllTokens(words, ['a','b']) AND lower(`user`) = 'a\\x27b\\x5c')" },
		{ "a\\E", "(hasAllTokens(words, ['a','e']) AND match(words, '(?:^|[^0-9a-z])\\x5cQa\\x5cE\\x5c\\x5c\\x5cQe\\x5cE(?:$|[^0-9a-z])'))" },
		/* faults, each with its place */
		{ "a (b", "query:3: the bracket is never closed" },
		{ "a) b", "query:2: a bracket is closed that was never opened" },
		{ "\xe8\xab\x8b \"x", "query:3: the quotation mark is never closed" },
		{ "ja:1", "query:1: no such column; in quotation marks it is a word" },
		{ "ja4>1", "query:5: only numbers can be compared with < and >" },
		{ "nosuch:1", "query:1: no such column; in quotation marks it is a word" },
		{ "code:x", "query:6: not a number" },
		{ "src:10.1.2", "query:5: not an address or a prefix" },
		{ "src:10.1.2.3/33", "query:5: not an address or a prefix" },
		{ "host>a", "query:6: only numbers can be compared with < and >" },
		{ "time:1", "query:6: times are given by --from and --to" },
		{ "class:nosuch", "query:7: no such class of records" },
		{ "host:", "query:6: a value is missing" },
		{ "a and", "query:6: a word is missing" },
		{ "\"\"", "query:1: nothing stands between the quotation marks" },
		{ "\xff", "query: not UTF-8 text" },
	};
	struct buf b;
	buf_init(&b, MIB);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *got = sql_of(cases[i].text, &b);
		if (strcmp(got, cases[i].sql) != 0)
			fail_msg("%s\n  got  %s\n  want %s", cases[i].text, got, cases[i].sql);
	}
	buf_done(&b);
}

static void test_limits(void **state)
{
	struct err err;
	char text[QUERY_MAX + 2];
	memset(text, '(', sizeof text);
	text[QUERY_DEPTH + 8] = 0;
	assert_int_equal(query_parse(str_from(text), &q, &err), -E_LIMIT);
	for (size_t i = 0; i + 1 < sizeof text; i++)
		text[i] = i % 2 ? ' ' : 'a';
	text[QUERY_MAX] = 0;
	assert_int_equal(query_parse(str_from(text), &q, &err), -E_LIMIT);
	memset(text, 'a', sizeof text);
	assert_int_equal(query_parse((struct str){ text, QUERY_MAX + 1 }, &q, &err), -E_LIMIT);
	struct buf b;
	buf_init(&b, MIB);
	memset(text, '\\', QUERY_MAX); /* what grows most on its way into SQL */
	assert_int_equal(query_parse((struct str){ text, QUERY_MAX }, &q, &err), 0);
	query_sql(q.root, &b);
	assert_int_equal(b.failed, 0);
	buf_done(&b);
}

static void set(char *dst, size_t size, const char *text)
{
	assert_true(str_copy(str_from(text), dst, size));
}

static const char *search_of(struct search *s, struct buf *b)
{
	struct err err = { 0 };
	buf_reset(b);
	if (search_sql(s, b, &err) < 0) {
		buf_reset(b);
		buf_printf(b, "%s: %s", err.path, err.msg);
	}
	return buf_cstr(b);
}

/* The body is put in by us, and holds whatever the query says. */
static void test_search(void **state)
{
	struct buf b;
	struct search s = { .query = "code:1 or org:412023", .org = "412015", .from_ms = 1, .to_ms = 2, .limit = 10 };
	buf_init(&b, MIB);
	assert_non_null(strstr(search_of(&s, &b), " AND org = ('412015') AND ((`code` = 1) OR (lower(`org`) = '412023')) ORDER BY time DESC"));
	assert_non_null(strstr(buf_cstr(&b), " LIMIT 11 FORMAT JSONCompactEachRow SETTINGS max_execution_time = 30"));
	set(s.query, sizeof s.query, "class:http host:a");
	assert_non_null(strstr(search_of(&s, &b), "FROM toride.c4002_http_activity WHERE "));
	assert_null(strstr(buf_cstr(&b), "UNION"));
	set(s.query, sizeof s.query, "class:http or host:a");
	size_t bound = 0; /* every table is asked by itself, and each time for the body's alone */
	for (const char *p = search_of(&s, &b); (p = strstr(p, " AND org = ('412015') AND ")); p++)
		bound++;
	assert_int_equal(bound, index_table_count());
	for (size_t i = 0; i < index_table_count(); i++)
		assert_non_null(strstr(buf_cstr(&b), index_tables[i].name));
	memset(s.query, '\\', 4000); /* ten times that is more than the engine reads */
	s.query[4000] = 0;
	assert_non_null(strstr(search_of(&s, &b), "FROM toride.events WHERE "));
	assert_non_null(strstr(buf_cstr(&b), " AND org = ('412015') AND "));
	assert_null(strstr(buf_cstr(&b), "UNION"));
	set(s.query, sizeof s.query, "class:http or host:a");
	set(s.by, sizeof s.by, "src");
	assert_non_null(strstr(search_of(&s, &b), " GROUP BY v ORDER BY n DESC, v LIMIT 11"));
	set(s.by, sizeof s.by, "raw");
	assert_string_equal(search_of(&s, &b), "by: no such column: raw");
	*s.by = 0;
	set(s.org, sizeof s.org, "41'015");
	assert_string_equal(search_of(&s, &b), "org: not a body's code of six digits, or a prefecture's of two");
	set(s.org, sizeof s.org, "41");
	assert_non_null(strstr(search_of(&s, &b), " AND startsWith(org, '41')"));
	set(s.org, sizeof s.org, "4");
	assert_string_equal(search_of(&s, &b), "org: not a body's code of six digits, or a prefecture's of two");
	set(s.org, sizeof s.org, "");
	s.limit = SEARCH_LIMIT + 1;
	assert_string_equal(search_of(&s, &b), "limit: from 1 to 10000");
	s.limit = 1;
	s.from_ms = 2;
	assert_string_equal(search_of(&s, &b), "from: not before the end");
	buf_done(&b);
}

/* An engine that takes 12 s of the clock and then gives up where a span is longer than it can do, and half a second else: a record each. */
struct slow {
	int fd;
	int64_t able_ms, now, takes_ms; /* takes_ms: an answer, however short the span; 0: 500 */
	unsigned asked;
	bool refuses; /* the query itself */
	bool greedy;  /* what it isn't able to do is a matter of memory, and told at once */
};

static bool slow_answer(struct slow *e, FILE *f)
{
	char line[512], answer[128] = "", body[16384];
	size_t n = 0;
	while (fgets(line, sizeof line, f) && line[0] != '\r')
		if (strncasecmp(line, "content-length:", 15) == 0)
			n = strtoul(line + 15, NULL, 10);
	if (n == 0 || n >= sizeof body || fread(body, 1, n, f) != n)
		return false;
	body[n] = 0;
	static const char milli[] = "fromUnixTimestamp64Milli(";
	const char *a = strstr(body, milli), *b = a ? strstr(a + 1, milli) : NULL;
	if (!b)
		return false;
	int64_t from = strtoll(a + sizeof milli - 1, NULL, 10), to = strtoll(b + sizeof milli - 1, NULL, 10);
	bool able = to - from <= e->able_ms;
	clock_advance(!able && !e->greedy ? 12000 : e->takes_ms ? e->takes_ms : 500);
	e->asked++;
	if (e->refuses)
		snprintf(answer, sizeof answer, "Code: 62. DB::Exception: Syntax error");
	else if (able)
		snprintf(answer, sizeof answer, "[\"412015\",\"events\",1,%u,\"{}\"]\n", e->asked);
	else
		snprintf(answer, sizeof answer, e->greedy ? "Code: 241. DB::Exception: Memory limit exceeded" : "Code: 159. DB::Exception: Timeout exceeded");
	fprintf(f, "HTTP/1.1 %s\r\nContent-Length: %zu\r\n\r\n%s", able && !e->refuses ? "200 OK" : "500 Internal Server Error", strlen(answer), answer);
	return fflush(f) == 0;
}

static void *slow_run(void *user)
{
	struct slow *e = user;
	int fd = accept(e->fd, NULL, NULL);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r+");
	while (f && slow_answer(e, f))
		;
	if (f)
		fclose(f);
	return NULL;
}

static int walked(struct slow *e, const struct search *s, struct buf *b, struct err *err)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/index-test.XXXXXX";
	struct client *c;
	pthread_t t;
	assert_non_null(mkdtemp(dir));
	snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
	e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(e->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(e->fd, 1), 0);
	assert_int_equal(pthread_create(&t, NULL, slow_run, e), 0);
	struct client_opts o = { .socket_path = a.sun_path };
	assert_int_equal(client_open(&o, &c, err), 0);
	buf_reset(b);
	clock_hold(e->now);
	e->asked = 0;
	bool whole;
	int r = search_run(c, s, NULL, b, &whole, err);
	clock_hold(0);
	client_close(&c);
	pthread_join(t, NULL);
	close(e->fd);
	fs_rmtree(dir, NULL);
	return r;
}

/* A search that doesn't get to its beginning in time says what it found, and up to where it looked. */
static void test_walk(void **state)
{
	struct buf b;
	struct err err;
	struct slow e = { .able_ms = INT64_MAX };
	struct search s = { .query = "alpha", .org = "412015", .to_ms = 1795338000000, .from_ms = 1795338000000 - 6 * 3600000, .limit = 10 };
	buf_init(&b, MIB);
	e.now = s.to_ms;
	/* an hour, then what is left; the rows in the order of the spans */
	assert_int_equal(walked(&e, &s, &b, &err), 0);
	assert_string_equal(buf_cstr(&b), ",\"records\":[{\"name\":\"412015/events/000001/1\",\"record\":{}},{\"name\":\"412015/events/000001/2\",\"record\":{}}],"
	                                  "\"more\":false,\"took_ms\":1000");
	/* what is still to come is asked for with the hour before now: 1.5, 4.5 */
	e.now = s.to_ms - 1800000;
	assert_int_equal(walked(&e, &s, &b, &err), 0);
	assert_int_equal(e.asked, 2);
	/* and says nothing of how long the next may be: a year ahead and 1 hour, 16, 256 */
	struct search ahead = s;
	e.now = s.from_ms + 200 * 3600000ll, ahead.to_ms = e.now + 365 * 86400000ll, ahead.limit = 1000;
	assert_int_equal(walked(&e, &ahead, &b, &err), 0);
	assert_int_equal(e.asked, 3);
	e.now = s.to_ms;
	/* an engine that takes long for anything at all: a week is gone through all the same, in an hour, 4, 16, 64, 83 */
	struct search week = s;
	week.from_ms = s.to_ms - 168 * 3600000ll, e.takes_ms = 5000;
	assert_int_equal(walked(&e, &week, &b, &err), 0);
	assert_int_equal(e.asked, 5);
	assert_null(strstr(buf_cstr(&b), "incomplete"));
	e.takes_ms = 0;
	struct search ever = s; /* a span as long as a number goes */
	ever.from_ms = INT64_MIN, ever.to_ms = INT64_MAX, ever.limit = 100;
	assert_int_equal(walked(&e, &ever, &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "],\"more\":false,\"took_ms\""));
	/* enough: the rest isn't looked at */
	s.limit = 1;
	assert_int_equal(walked(&e, &s, &b, &err), 0);
	assert_int_equal(e.asked, 2);
	assert_non_null(strstr(buf_cstr(&b), "000001/1\",\"record\":{}}],\"more\":true,\"took_ms\":1000"));
	/* too slow: shorter spans, and an answer when the time is over */
	s.limit = 10;
	e.able_ms = 10 * 60000;
	assert_int_equal(walked(&e, &s, &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "000001/6\",\"record\":{}}],\"more\":false,\"incomplete\":true,\"searched_from\":1795336762500,\"took_ms\":"));
	e.able_ms = 0;
	assert_int_equal(walked(&e, &s, &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), ",\"records\":[],\"more\":false,\"incomplete\":true,\"searched_from\":1795338000000,"));
	/* what isn't a matter of time is an error; counts, which were of a part only, too */
	e.refuses = true;
	assert_int_equal(walked(&e, &s, &b, &err), -E_INVALID);
	e.refuses = false;
	set(s.by, sizeof s.by, "src");
	assert_int_equal(walked(&e, &s, &b, &err), -E_TIMEOUT);
	assert_non_null(strstr(err.msg, "counting took longer than 30 s: ask for a shorter span"));
	/* more memory than one may have: shorter spans; where a minute is too much it is said, in both languages */
	e.greedy = true;
	assert_int_equal(walked(&e, &s, &b, &err), -E_LIMIT);
	assert_non_null(strstr(err.msg, "使えるメモリの上限を超えました"));
	s.by[0] = 0;
	assert_int_equal(walked(&e, &s, &b, &err), -E_LIMIT);
	assert_string_equal(err.path, "from");
	assert_non_null(strstr(err.msg, "使えるメモリの上限を超えました"));
	e.able_ms = 10 * 60000;
	assert_int_equal(walked(&e, &s, &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "],\"more\":"));
	buf_done(&b);
}

static const char *sites_of(const struct sites_ask *s, struct buf *b)
{
	struct err err = { 0 };
	buf_reset(b);
	if (sites_sql(s, b, &err) < 0) {
		buf_reset(b);
		buf_printf(b, "%s: %s", err.path, err.msg);
	}
	return buf_cstr(b);
}

/* The body is put in by us in both halves, and no value ends the quotation. */
static void test_counts(void **state)
{
	(void)state;
	static const struct { struct rollup_ask ask; const char *want; } cases[] = {
		{ { .org = "412015", .by = "day", .from_ms = 3600000, .to_ms = 7200001 }, "FROM toride.rollup WHERE hour >= toDateTime(3600, 'UTC') AND hour < toDateTime(10800, 'UTC') AND org = ('412015') UNION ALL" },
		{ { .org = "41", .by = "class", .from_ms = 3600000, .to_ms = 7200000 }, "toYYYYMMDD(arrival, 'Asia/Tokyo') > 20261128 AND startsWith(org, '41'))" },
		{ { .to_ms = 1 }, "SELECT v, w, sum(n) AS s, sum(i), sum(o) FROM (SELECT '' AS v, '' AS w," },
		{ { .by = "org", .beside = "day", .to_ms = 1 }, "SELECT toString(org), formatDateTime(arrival, '%Y-%m-%d', 'Asia/Tokyo'), 1," },
		{ { .org = "412015", .by = "day", .to_ms = 1, .counted_only = true }, "AND org = ('412015')) GROUP BY" }, /* no record is read */
		{ { .org = "412015", .by = "day", .to_ms = 1, .only = { { true, "4003" }, { true, "x' OR '1'='1" } } },
		  "AND org = ('412015') AND class = 4003 AND product = 'x\\x27 OR \\x271\\x27=\\x271' UNION ALL" },
		{ { .org = "412015", .by = "day", .to_ms = 1, .only = { { true, "4003" }, { true, "x' OR '1'='1" } } },
		  "AND org = ('412015') AND class = 4003 AND product = 'x\\x27 OR \\x271\\x27=\\x271') GROUP BY" },
		{ { .org = "x' OR 1", .by = "day", .to_ms = 1 }, NULL },
		{ { .org = "412015", .by = "host", .to_ms = 1 }, NULL },
		{ { .org = "412015", .by = "day", .beside = "host", .to_ms = 1 }, NULL },
		{ { .org = "412015", .by = "day", .from_ms = 7200000, .to_ms = 3600000 }, NULL },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		struct err err = { 0 };
		buf_init(&b, 64 * KIB);
		assert_int_equal(rollup_sql(&cases[i].ask, 20261128, &b, &err), cases[i].want ? 0 : -E_INVALID);
		if (cases[i].want && !strstr(buf_cstr(&b), cases[i].want))
			fail_msg("%s", buf_cstr(&b));
		buf_done(&b);
	}
}

/* The help at the desk shows them: each can be sent as it is, and is of its column. */
static void test_examples(void **state)
{
	(void)state;
	static struct query parsed;
	struct err err = { 0 };
	for (size_t i = 0; i <= 31; i++) {
		const struct column *c = i < 31 ? &columns[i] : &column_ja4;
		if (!c->example)
			assert_int_equal(c->kind, COLUMN_TIME);
		else if (query_parse(str_from(c->example), &parsed, &err) < 0 || parsed.root->column != c)
			fail_msg("%s: %s", c->example, err.msg);
	}
	assert_null(columns[31].name);
}

static void test_counts_only(void **state)
{
	(void)state;
	static const struct { const char *json; int want; } cases[] = {
		{ "{\"class\":\"4003\",\"rule\":\"a' b\"}", 0 }, { "{}", 0 }, { "{\"class\":\"1) OR (1\"}", -E_INVALID }, { "{\"class\":\"\"}", -E_INVALID }, { "{\"class\":4003}", -E_INVALID },
		{ "{\"org\":\"412023\"}", -E_INVALID }, { "[]", -E_INVALID }, { "{\"rule\":\"a\\u0000b\"}", -E_INVALID },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct rollup_ask a = { 0 };
		struct err err = { 0 };
		yyjson_doc *doc = yyjson_read(cases[i].json, strlen(cases[i].json), 0);
		if (rollup_only(yyjson_doc_get_root(doc), &a, &err) != cases[i].want)
			fail_msg("case %zu: %s", i, err.msg);
		assert_int_equal(a.only[0].set, i == 0);
		yyjson_doc_free(doc);
	}
}

/* A clock set far ahead drops no counts, before years were counted with it. */
static void test_counts_kept(void **state)
{
	(void)state;
	static const struct { int64_t now_s; uint32_t newest, from; } cases[] = {
		{ 1795910400, 20261128, 20211125 }, /* 2026-11-29 09:00 in Japan */
		{ 1795910400, 0, 0 },               { 1795910400, 20261124, 20211122 }, { 1795910400 + 3650 * 86400ll, 20261128, 20211126 },
		{ 1795910400 + 3650 * 86400ll, 20361124, 20311123 },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_int_equal(rollup_kept_from(cases[i].now_s * 1000, cases[i].newest), cases[i].from);
}

static void test_sites(void **state)
{
	struct buf b;
	struct sites_ask s = { .org = "412015", .site = "www.city.example", .from_ms = 1, .to_ms = 2 };
	buf_init(&b, MIB);
	assert_non_null(strstr(sites_of(&s, &b), "product = 'waf' AND org = ('412015'))"));
	assert_non_null(strstr(buf_cstr(&b), ", max_memory_usage = 1073741824,"));
	assert_non_null(strstr(buf_cstr(&b), "product = 'edge' AND org = ('412015') AND s != '' AND s = 'www.city.example' GROUP BY"));
	set(s.site, sizeof s.site, "a'b");
	assert_string_equal(sites_of(&s, &b), "site: not a host name in small letters");
	*s.site = 0;
	set(s.org, sizeof s.org, "4'2015");
	assert_string_equal(sites_of(&s, &b), "org: not a body's code of six digits, or a prefecture's of two");
	set(s.org, sizeof s.org, "41"); /* an approver's of that prefecture */
	assert_non_null(strstr(sites_of(&s, &b), "product = 'waf' AND startsWith(org, '41'))"));
	assert_non_null(strstr(buf_cstr(&b), "product = 'edge' AND startsWith(org, '41') AND s != ''"));
	*s.org = 0;
	sites_of(&s, &b);
	assert_null(strstr(buf_cstr(&b), "org = "));
	assert_null(strstr(buf_cstr(&b), "startsWith"));
	s.from_ms = 2;
	assert_string_equal(sites_of(&s, &b), "from: not before the end");
	buf_reset(&b);
	assert_true(sites_row(STR("[\"412015\",\"www\",10,4,8,0,2,0,1000,50,2,1,0,3,9]"), &b));
	assert_string_equal(buf_cstr(&b), "{\"org\":\"412015\",\"site\":\"www\",\"requests\":10,\"from_cache\":4,\"ok\":8,\"redirected\":0,\"refused\":2,"
	                                  "\"failed\":0,\"bytes_out\":1000,\"bytes_in\":50,\"waf_told\":2,\"waf_blocked\":1,\"limited\":0,\"p50_ms\":3,\"p95_ms\":9}");
	static const char *const wrong[] = { "", "[]", "{}", "[1,\"w\",1,1,1,1,1,1,1,1,1,1,1,1,1]", "[\"a\",\"w\",1,1,1,1,1,1,1,1,1,1,1,1,\"x\"]",
		                             "[\"a\",\"w\",1,1,1,1,1,1,1,1,1,1,1,1,1,1]" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(sites_row(str_from(wrong[i]), &b));
	buf_done(&b);
}

/* The same for what inspection doesn't get on with; and when evidence is strong. */
static void test_refusals(void **state)
{
	struct buf b;
	struct err err = { 0 };
	struct refusals_ask s = { .org = "412015", .from_ms = 1, .to_ms = 2 };
	static const struct {
		const char *row;
		bool strong;
	} rows[] = {
		{ "[\"412015\",\"app.example\",\"t13d\",5,3,9,1,2,0]", true },
		{ "[\"412015\",\"app.example\",\"t13d\",500,2,900,1,2,0]", false }, /* who doesn't trust the authority at all says nothing */
		{ "[\"412015\",\"app.example\",\"t13d\",5,3,9,1,2,1]", false },     /* the same program gets on with us elsewhere */
		{ "[\"412015\",\"bank.example\",\"t13d\",1,1,90000,1,2,0]", false }, /* one terminal, however often */
	};
	(void)state;
	buf_init(&b, MIB);
	for (int pinned = 0; pinned < 2; pinned++) {
		buf_reset(&b);
		s.org[1] = '1';
		assert_int_equal(refusals_sql(&s, pinned, &b, &err), 0);
		assert_non_null(strstr(buf_cstr(&b), ", max_memory_usage = 1073741824,"));
		for (const char *at = buf_cstr(&b); (at = strstr(at, "product = 'proxyd'")); at++)
			assert_int_equal(strncmp(at, "product = 'proxyd' AND org = ('412015')", 38), 0);
		s.org[1] = '\'';
		assert_int_equal(refusals_sql(&s, pinned, &b, &err), -E_INVALID);
	}
	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		buf_reset(&b);
		assert_true(refusals_row(str_from(rows[i].row), true, &b));
		assert_int_equal(strstr(buf_cstr(&b), "\"strong\":true") != NULL, rows[i].strong);
	}
	static const char *const wrong[] = { "", "[]", "{}", "[\"a\",\"b\",\"c\",1,1,1,1,1]", "[\"a\",\"b\",1,1,1,1,1,1,1]", "[\"a\",\"b\",\"c\",1,1,1,1,1,\"0\"]" };
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		assert_false(refusals_row(str_from(wrong[i]), true, &b));
	buf_done(&b);
}

/* ---- rows ---- */

static struct str take(struct str *s, size_t n)
{
	assert_true(s->len >= n);
	struct str r = { s->ptr, n };
	s->ptr += n;
	s->len -= n;
	return r;
}

static struct str take_text(struct str *s)
{
	uint64_t n = 0;
	for (unsigned shift = 0;; shift += 7) {
		unsigned char c = (unsigned char)*take(s, 1).ptr;
		n |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return take(s, n);
	}
}

/* The value of a column in a row, as ClickHouse's RowBinary has it, for a person. */
static const char *value(struct str row, const char *name, char dst[512])
{
	for (const struct column *c = columns; c->name; c++) {
		struct str v = c->kind == COLUMN_WORD || c->kind == COLUMN_TEXT ? take_text(&row) : take(&row, c->kind == COLUMN_IP ? 16 : 8);
		if (strcmp(c->name, name) != 0)
			continue;
		uint64_t n = 0;
		if (c->kind == COLUMN_IP) {
			hex_format(v.ptr, 16, dst);
		} else if (c->kind == COLUMN_NUMBER || c->kind == COLUMN_TIME) {
			memcpy(&n, v.ptr, 8);
			snprintf(dst, 512, "%llu", (unsigned long long)n);
		} else {
			assert_true(str_copy(v, dst, 512));
		}
		return dst;
	}
	fail_msg("no column %s", name);
	return NULL;
}

static const char *const record =
	"{\"ingest_time\":1795386357708,\"org\":\"412023\",\"class_uid\":4002,\"time\":1795386357690,\"product\":\"proxyd\","
	"\"src_endpoint\":{\"ip\":\"10.1.0.21\",\"port\":51544,\"via\":\"2001:db8::5\"},\"dst_endpoint\":{\"hostname\":\"b.example\"},"
	"\"http_request\":{\"url\":{\"url_string\":\"https://Files.example.jp/\xe8\xab\x8b""Invoice.zip\",\"hostname\":\"files.example.jp\"}},"
	"\"http_response\":{\"code\":200},\"traffic\":{\"bytes_in\":-5},\"actor\":{\"user\":{\"name\":\"root\"}}}";

static void test_row(void **state)
{
	static const struct { const char *name, *value; } want[] = {
		{ "org", "412015" }, { "time", "1795386357690" }, { "arrival", "1795386357708" }, { "class", "4002" },
		{ "src", "00000000000000000000ffff0a010015" }, { "via", "20010db8000000000000000000000005" },
		{ "dst", "00000000000000000000000000000000" }, { "host", "files.example.jp" }, { "code", "200" }, { "in", "0" },
		{ "user", "root" }, { "malware", "" }, { "ms", "0" },
	};
	struct segment_name name = { "412015", "events", 3, 17 };
	struct event e;
	struct row_maker m;
	struct buf b;
	char text[512];
	buf_init(&b, MIB);
	row_maker_init(&m);
	assert_int_equal(event_parse(str_from(record), &e), 0);
	row_put(&m, &b, &e, &name, str_from(record));
	for (size_t i = 0; i < ARRAY_LEN(want); i++)
		assert_string_equal(value(buf_view(&b), want[i].name, text), want[i].value);
	assert_non_null(strstr(buf_cstr(&m.words.b), "https://files.example.jp/\xe8\xab\x8b\x1finvoice.zip\n"));
	assert_null(strstr(buf_cstr(&m.words.b), "hostname")); /* keys aren't words */
	assert_true(str_ends(buf_view(&b), str_from(record)));
	assert_int_equal(index_arrival_ms(&e), 1795386357708);
	event_done(&e);
	row_maker_done(&m);
	buf_done(&b);
}

static const char *words_of(struct row_maker *m, const char *json)
{
	struct segment_name name = { "412015", "events", 3, 17 };
	struct event e;
	struct buf b;
	buf_init(&b, MIB);
	assert_int_equal(event_parse(str_from(json), &e), 0);
	row_put(m, &b, &e, &name, str_from(json));
	event_done(&e);
	buf_done(&b);
	assert_int_equal(m->words.b.failed, 0);
	return buf_cstr(&m->words.b);
}

/* What stands among the words already, as words of its own, isn't there twice; what stands there as a part of others is. */
static void test_words(void **state)
{
	static const struct { const char *record, *words; } cases[] = {
		{ "{\"a\":\"Alpha\",\"b\":[\"alpha\",\"alpha beta\",\"beta\"],\"c\":\"alph\"}", "alpha\nalpha beta\nalph\n" },
		{ "{\"a\":\"10.1.0.5\",\"p\":443,\"q\":44,\"n\":-5,\"u\":\"\",\"raw\":\"src=10.1.0.5:443 dst=110.1.0.50 and what else there is\"}",
		  "src=10.1.0.5:443 dst=110.1.0.50 and what else there is\n44\n-5\n" },
		{ "{\"a\":18446744073709551615,\"b\":9223372036854775808,\"c\":-9223372036854775808}", "18446744073709551615\n9223372036854775808\n-9223372036854775808\n" },
		{ "{\"a\":\"1.0.5\",\"b\":\"(deny)\",\"raw\":\"src=10.1.0.5 action=deny and what else there is in it\"}",
		  "src=10.1.0.5 action=deny and what else there is in it\n(deny)\n" },
		{ "{\"a\":\"\xe8\xab\x8b\xe6\xb1\x82\",\"b\":\"\xe8\xab\x8b\",\"c\":\"invoice\",\"d\":\"\xe8\xab\x8binvoice\"}",
		  "\xe8\xab\x8b\xe6\xb1\x82\n\xe8\xab\x8b\ninvoice\n\xe8\xab\x8b\x1finvoice\n" },
		{ "{\"time\":1795386357690,\"ingest_time\":1795386357708,\"intake\":{\"source\":\"import/x1\",\"boot\":\"9f3c\",\"sequence\":7},"
		  "\"x\":{\"time\":8,\"intake\":{\"boot\":9}}}", "import/x1\n9f3c\n8\n9\n" },
	};
	struct row_maker m;
	row_maker_init(&m);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		assert_string_equal(words_of(&m, cases[i].record), cases[i].words);
	row_maker_done(&m);
}

/* Of very many values that begin alike none is lost. */
static void test_words_many(void **state)
{
	struct row_maker m;
	struct buf json;
	buf_init(&json, MIB);
	row_maker_init(&m);
	buf_puts(&json, "{\"a\":[\"z\"");
	for (int i = 0; i < 20000; i++)
		buf_printf(&json, ",\"a %d\"", i);
	buf_puts(&json, "]}");
	struct str words = str_from(words_of(&m, buf_cstr(&json)));
	assert_true(str_starts(words, STR("z\na 0\n")));
	assert_true(str_ends(words, STR("\na 19999\n")));
	buf_done(&json);
	row_maker_done(&m);
}

/* A text is folded the same wherever in it a letter stands, eight bytes at a time or not. */
static void test_fold(void **state)
{
	static const struct { const char *in, *out; } letters[] = {
		{ "A", "a" }, { "Z", "z" }, { "@", "@" }, { "[", "[" }, { "`", "`" }, { "{", "{" }, { "/", "/" }, { ":", ":" }, { "0", "0" }, { "9", "9" }, { "\x7f", "\x7f" },
		{ "\xc3\x81", "\x1f\xc3\x81\x1f" }, { "\x80", "\x1f\x80\x1f" },
	};
	for (size_t n = 1; n < 40; n++)
		for (size_t at = 0; at < n; at++)
			for (size_t k = 0; k < ARRAY_LEN(letters); k++) {
				char in[64], out[64];
				struct buf b;
				const char *l = letters[k].out;
				bool sign = *l == '\x1f';
				buf_init(&b, KIB);
				snprintf(in, sizeof in, "%.*s%s%.*s", (int)at, "KmKmKmKmKmKmKmKmKmKmKmKmKmKmKmKmKmKmKmKm", letters[k].in, (int)(n - 1 - at), "9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y9Y");
				snprintf(out, sizeof out, "%.*s%.*s%.*s", (int)at, "kmkmkmkmkmkmkmkmkmkmkmkmkmkmkmkmkmkmkmkm",
				         (int)strlen(l) - (sign && at == 0) - (sign && at + 1 == n), l + (sign && at == 0), (int)(n - 1 - at), "9y9y9y9y9y9y9y9y9y9y9y9y9y9y9y9y9y9y9y9y");
				words_fold(&b, str_from(in));
				assert_string_equal(buf_cstr(&b), out);
				buf_done(&b);
			}
}

/* ---- words of any record, against a look at each value alone ---- */

static uint32_t dice;

static uint32_t roll(uint32_t n)
{
	dice = dice * 1664525u + 1013904223u;
	return (dice >> 8) % n;
}

/* Made of few pieces, so that values hold, begin and end with one another. */
static void put_random(struct buf *b, unsigned pieces)
{
	static const char *const of[] = { "a", "ab", "B", "abc", "9", "10.1.0.5", "10.1.0.50", " ", " ", "-", ".", "/", "_", "invoice", "Invoice2", "\xe8\xab\x8b", "\xe8\xab\x8b\xe6\xb1\x82\xe6\x9b\xb8",
		                          "\xef\xbd\xb1", "\xe3\x80\x80", "\xc3\x89", "abcdefgh", "abcdefghi", "example.jp", "\xf0\xa0\xae\xb7" };
	while (pieces--)
		buf_puts(b, of[roll(ARRAY_LEN(of))]);
}

static bool ascii_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* As query.h says it, one letter after the other: small and capital letters alike; a word in ASCII is whole, and its end is where another script begins. */
static bool says(struct str text, struct str words, bool open_end)
{
	for (size_t i = 0; i + words.len <= text.len; i++) {
		struct str here = { text.ptr + i, words.len };
		size_t end = i + words.len;
		bool begins = i == 0 || !ascii_word(words.ptr[0]) || !ascii_word(text.ptr[i - 1]);
		bool ends = open_end || end == text.len || !ascii_word(words.ptr[words.len - 1]) || !ascii_word(text.ptr[end]);
		if (begins && ends && str_case_eq(here, words))
			return true;
	}
	return false;
}

/* In the index's words, as sql.c asks for it. */
static bool found(struct str all, struct str asked, bool open_end)
{
	char room[1024];
	struct buf b = { .ptr = room, .cap = sizeof room, .max = sizeof room };
	words_fold(&b, asked);
	return says(all, buf_view(&b), open_end);
}

/* Does each whole word in ASCII stand in it by itself? Else the index of words would leave the record out, whatever it says. */
static bool by_tokens(struct str all, struct str asked, bool open_end)
{
	size_t to;
	for (size_t i = 0; i < asked.len; i = to + (to == i)) {
		for (to = i; to < asked.len && ascii_word(asked.ptr[to]);)
			to++;
		if (to > i && !(open_end && to == asked.len) && !found(all, (struct str){ asked.ptr + i, to - i }, false))
			return false;
	}
	return true;
}

static void ask_record(struct str all, const struct buf *values, size_t n)
{
	struct buf asked;
	buf_init(&asked, KIB);
	for (int i = 0; i < 40; i++) {
		struct str v = buf_view(&values[roll((uint32_t)n)]);
		bool open_end = roll(4) == 0, any = false;
		buf_reset(&asked);
		size_t from = roll((uint32_t)v.len), len = 1 + roll((uint32_t)(v.len - from < 24 ? v.len - from : 24));
		if (roll(3) == 0)
			put_random(&asked, 1 + roll(3));
		else
			buf_put(&asked, v.ptr + from, len);
		struct str a = buf_view(&asked);
		if (!str_is_utf8(a))
			continue;
		for (size_t k = 0; k < n; k++)
			any = any || says(buf_view(&values[k]), a, open_end);
		if (found(all, a, open_end) != any || (any && !by_tokens(all, a, open_end)))
			fail_msg("seed %u: '" STR_FMT "'%s is %sin the record, and its words are:\n" STR_FMT, dice, STR_ARG(a), open_end ? "*" : "", any ? "" : "not ", STR_ARG(all));
	}
	buf_done(&asked);
}

static void test_words_random(void **state)
{
	enum { VALUES = 12 };
	struct buf values[VALUES], json;
	struct row_maker m;
	row_maker_init(&m);
	buf_init(&json, MIB);
	for (size_t i = 0; i < VALUES; i++)
		buf_init(&values[i], 64 * KIB);
	dice = 20261129;
	for (int turn = 0; turn < 3000; turn++) {
		size_t n = 1 + roll(VALUES);
		buf_reset(&json);
		buf_puts(&json, "{");
		for (size_t i = 0; i < n; i++) {
			buf_reset(&values[i]);
			put_random(&values[i], 1 + roll(roll(4) == 0 ? roll(20) == 0 ? 6000 : 60 : 4));
			buf_printf(&json, "%s\"k%zu\":\"" STR_FMT "\"", i ? "," : "", i, STR_ARG(buf_view(&values[i])));
		}
		buf_puts(&json, "}");
		ask_record(str_from(words_of(&m, buf_cstr(&json))), values, n);
	}
	for (size_t i = 0; i < VALUES; i++)
		buf_done(&values[i]);
	buf_done(&json);
	row_maker_done(&m);
}

/* Where a record has a key twice, the first counts, as everywhere (event_get()); its words are all there. */
static void test_twice(void **state)
{
	static const char json[] = "{\"src_endpoint\":{\"port\":1,\"port\":2},\"src_endpoint\":{\"ip\":\"10.1.0.5\",\"port\":3},\"tls\":7,\"tls\":{\"sni\":\"a.example\"},"
	                           "\"intake\":{\"sequence\":8},\"intake\":{\"sequence\":9},\"time\":1,\"time\":2}";
	struct segment_name name = { "412015", "events", 3, 17 };
	struct row_maker m;
	struct event e;
	struct buf b;
	char text[512];
	buf_init(&b, MIB);
	row_maker_init(&m);
	assert_int_equal(event_parse(str_from(json), &e), 0);
	for (int i = 0; i < 2; i++) { /* and of the record before nothing is left */
		buf_reset(&b);
		row_put(&m, &b, &e, &name, str_from(json));
		assert_string_equal(value(buf_view(&b), "srcport", text), "1");
		assert_string_equal(value(buf_view(&b), "src", text), "00000000000000000000000000000000");
		assert_string_equal(value(buf_view(&b), "host", text), "");
		assert_string_equal(value(buf_view(&b), "time", text), "1");
		assert_string_equal(buf_cstr(&m.words.b), "1\n2\n10.1.0.5\n3\n7\na.example\n");
	}
	event_done(&e);
	assert_int_equal(event_parse(STR("{}"), &e), 0);
	buf_reset(&b);
	row_put(&m, &b, &e, &name, STR("{}"));
	assert_string_equal(value(buf_view(&b), "srcport", text), "0");
	assert_string_equal(buf_cstr(&m.words.b), "");
	event_done(&e);
	row_maker_done(&m);
	buf_done(&b);
}

/* As many names as types as values: the head of a block agrees with its rows. */
static void test_head(void **state)
{
	struct buf b;
	size_t n = 0, columns_n = 0;
	buf_init(&b, MIB);
	index_row_head(&b);
	struct str s = buf_view(&b);
	n = (unsigned char)*take(&s, 1).ptr;
	for (; columns[columns_n].name; columns_n++)
		assert_true(str_eq(take_text(&s), str_from(columns[columns_n].name)));
	for (size_t i = columns_n; i < 2 * n; i++)
		take_text(&s);
	assert_int_equal(s.len, 0);
	assert_int_equal(n, columns_n + 5);
	buf_done(&b);
}

/* Hostile values: deep, long, of another kind, outside of time. */
static void test_hostile(void **state)
{
	static const char *const cases[] = {
		"{\"time\":99999999999999999,\"class_uid\":\"x\",\"src_endpoint\":{\"ip\":[1]},\"org\":7,\"http_request\":{\"url\":5}}",
		"{\"time\":-1,\"src_endpoint\":{\"ip\":\"10.1.0.999\",\"port\":1e300},\"query\":\"x\",\"actor\":{\"user\":null}}",
		"{\"class_uid\":18446744073709551615,\"a\":[[[[[[[[[[[[[[[[[[[[\"deep\"]]]]]]]]]]]]]]]]]]]]}",
	};
	struct segment_name name = { "412015", "events", 3, 17 };
	char text[512];
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct event e;
		struct row_maker m;
		struct buf b;
		buf_init(&b, MIB);
		row_maker_init(&m);
		assert_int_equal(event_parse(str_from(cases[i]), &e), 0);
		row_put(&m, &b, &e, &name, str_from(cases[i]));
		assert_int_equal(b.failed, 0);
		assert_string_equal(value(buf_view(&b), "time", text), "0");
		assert_string_equal(value(buf_view(&b), "src", text), "00000000000000000000000000000000");
		assert_string_equal(value(buf_view(&b), "org", text), "412015");
		assert_null(strstr(buf_cstr(&m.words.b), "deep"));
		event_done(&e);
		row_maker_done(&m);
		buf_done(&b);
	}
}

/* One condition, said twice: in SQL, and of an event. */
static void test_sweep(void **state)
{
	static const char page[] = "{\"class_uid\":4002,\"time\":5000,\"org\":\"412015\",\"src_endpoint\":{\"ip\":\"10.1.0.5\"},\"dst_endpoint\":{\"ip\":\"203.0.113.9\"},"
	                           "\"http_request\":{\"url\":{\"hostname\":\"www.Fake.example\",\"url_string\":\"http://www.fake.example/a\"}},\"file\":{\"hash\":"
	                           "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"},\"action\":\"Allowed\",\"disposition\":\"Blocked\"}";
	static const char question[] = "{\"class_uid\":4003,\"time\":5000,\"org\":\"412015\",\"src_endpoint\":{\"ip\":\"10.1.0.5\"},\"query\":{\"hostname\":\"www.fake.example\"}}";
	static const char mail[] = "{\"class_uid\":4009,\"time\":5000,\"org\":\"412015\",\"src_endpoint\":{\"ip\":\"203.0.113.66\"},\"email\":{\"to\":\"yamada@city.example\",\"from\":\"Evil@fake.example\",\"subject\":\"\xe8\xab\x8b\xe6\xb1\x82\"},\"action\":\"Allowed\"}";
	static const char queued[] = "{\"class_uid\":4009,\"time\":5000,\"org\":\"412015\",\"email\":{\"from\":\"evil@fake.example\"},\"action\":\"Allowed\"}"; /* to whom isn't said yet */
	static const struct {
		enum sweep_type type;
		const char *value, *event;
		bool matches;
		const char *sql; /* a part of it */
	} cases[] = {
		{ SWEEP_HOSTNAME, "fake.example", page, true, "lower(`host`) LIKE '%.fake.example'" },
		{ SWEEP_HOSTNAME, "FAKE.example", page, true, "lower(`host`) = 'fake.example'" },
		{ SWEEP_HOSTNAME, "ake.example", page, false, "`class` = 4002" },
		{ SWEEP_HOSTNAME, "www.fake.example", question, false, "`class` = 4009" },
		{ SWEEP_IP, "203.0.113.9", page, true, "`dst` >= toIPv6('::ffff:203.0.113.9')" },
		{ SWEEP_IP, "203.0.113.0/24", page, true, "`dst` <= toIPv6('::ffff:203.0.113.255')" },
		{ SWEEP_IP, "203.0.112.0/24", page, false, "`dst`" },
		{ SWEEP_IP, "2001:db8::1", page, false, "`dst`" },
		{ SWEEP_URL, "http://www.fake.example/a?pw=1", page, true, "lower(`url`) = 'http://www.fake.example/a'" },
		{ SWEEP_URL, "http://www.fake.example/", page, false, "`url`" },
		{ SWEEP_HASH, "E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855", page, true, "`hash`" },
		{ SWEEP_MAIL, "evil@fake.example", mail, true, "evil@fake.example" },
		{ SWEEP_MAIL, "\xe8\xab\x8b\xe6\xb1\x82", mail, true, "\xe8\xab\x8b\xe6\xb1\x82" },
		{ SWEEP_MAIL, "evil@fake.example", queued, false, "`user` AS t" }, { SWEEP_MAIL, "evil@fake.example", queued, false, "AND `user` != ''" },
		{ SWEEP_MAIL, "fake.example", page, false, "`class` = 4009" },
		{ SWEEP_TERMINAL, "10.1.0.5", page, true, "`src` >= toIPv6('::ffff:10.1.0.5')" },
		{ SWEEP_TERMINAL, "10.1.0.50", page, false, "`src`" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sweep s = { .type = cases[i].type, .org = "412015", .from_ms = 1000, .to_ms = 9000 };
		struct err err = { 0 };
		struct event e;
		struct buf b;
		bool refused = false;
		struct str terminal = STR("");
		snprintf(s.value, sizeof s.value, "%s", cases[i].value);
		assert_int_equal(sweep_check(&s, &err), 0);
		buf_init(&b, 64 * KIB);
		assert_int_equal(sweep_sql(&s, &b, &err), 0);
		if (!strstr(buf_cstr(&b), cases[i].sql))
			fail_msg("%s\n  not in %s", cases[i].sql, buf_cstr(&b));
		assert_non_null(strstr(buf_cstr(&b), "org = '412015' AND"));
		assert_non_null(strstr(buf_cstr(&b), ", max_memory_usage = 1073741824,"));
		buf_done(&b);
		assert_int_equal(event_parse(str_from(cases[i].event), &e), 0);
		assert_int_equal(sweep_matches(&s, &e, &refused, &terminal), cases[i].matches);
		if (cases[i].matches && cases[i].event == page)
			assert_true(refused && str_eq(terminal, STR("10.1.0.5")));
		if (cases[i].matches && cases[i].event == mail)
			assert_true(!refused && str_eq(terminal, STR("yamada@city.example")));
		s.to_ms = 5000; /* its end doesn't belong to it */
		assert_false(sweep_matches(&s, &e, &refused, &terminal));
		event_done(&e);
	}
}

static void test_sweep_refused(void **state)
{
	static const struct {
		enum sweep_type type;
		const char *value;
	} cases[] = {
		{ SWEEP_HOSTNAME, "" }, { SWEEP_HOSTNAME, "a b" }, { SWEEP_HOSTNAME, "a\" or org:*" }, { SWEEP_HOSTNAME, "*" }, { SWEEP_HOSTNAME, ".a" },
		{ SWEEP_IP, "x" }, { SWEEP_URL, "http://a/\"b" }, { SWEEP_URL, "?" }, { SWEEP_HASH, "abc" }, { SWEEP_MAIL, "a\nb" }, { SWEEP_MAIL, "\xff" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sweep s = { .type = cases[i].type, .from_ms = 1, .to_ms = 2 };
		struct err err = { 0 };
		snprintf(s.value, sizeof s.value, "%s", cases[i].value);
		if (sweep_check(&s, &err) != -E_INVALID)
			fail_msg("case %zu was taken", i);
	}
	struct sweep s = { .type = SWEEP_IP, .value = "1.2.3", .from_ms = 1, .to_ms = 2 };
	struct err err = { 0 };
	struct buf b;
	buf_init(&b, 64 * KIB);
	assert_int_equal(sweep_sql(&s, &b, &err), -E_INVALID);
	buf_done(&b);
}

/* The records themselves, where no index is: counted by body and terminal, with the name of the first. */
static void test_sweep_sealed(void **state)
{
	char dir[] = "/tmp/toride-sweep.XXXXXX", line[300];
	struct writer *w = NULL;
	struct err err = { 0 };
	struct buf b;
	static const struct {
		const char *org, *host, *src, *action;
		long long time;
	} records[] = {
		{ "412015", "www.fake.example", "10.1.0.5", "Allowed", 5000 }, { "412015", "www.news.example", "10.1.0.5", "Allowed", 5000 },
		{ "412015", "fake.example", "10.1.0.5", "Denied", 6000 },      { "412015", "fake.example", "10.1.0.5", "Allowed", 99000 },
		{ "412023", "fake.example", "10.1.0.5", "Denied", 7000 },      { "412015", "fake.example", "10.1.0.6", "Allowed", 4000 },
	};
	assert_non_null(mkdtemp(dir));
	assert_int_equal(writer_open(&(struct writer_opts){ .dir = dir, .key = fake_key, .seal = fake_seal }, &w, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(records); i++) {
		snprintf(line, sizeof line, "{\"class_uid\":4002,\"time\":%lld,\"src_endpoint\":{\"ip\":\"%s\"},\"dst_endpoint\":{\"ip\":\"203.0.113.9\"},\"http_request\":{\"url\":{\"hostname\":\"%s\"}},"
		         "\"action\":\"%s\"}", records[i].time, records[i].src, records[i].host, records[i].action);
		assert_int_equal(writer_append(w, records[i].org, "events", str_from(line), NULL, &err), 0);
	}
	assert_int_equal(writer_append(w, "412015", "events", STR("not JSON, fake.example"), NULL, &err), 0);
	assert_int_equal(writer_commit(w, &err), 0);
	writer_close(&w);
	struct sweep_sealed o = { dir, fake_key, NULL, NULL };
	struct sweep s = { .type = SWEEP_HOSTNAME, .value = "fake.example", .from_ms = 1000, .to_ms = 9000 };
	buf_init(&b, 64 * KIB);
	assert_int_equal(sweep_sealed(&o, &s, &b, &err), 0);
	assert_string_equal(buf_cstr(&b),
	                    ",\"source\":\"sealed\",\"hits\":["
	                    "{\"org\":\"412015\",\"terminal\":\"10.1.0.5\",\"passed\":1,\"refused\":1,\"first\":5000,\"last\":6000,\"record\":\"412015/events/000001/0\"},"
	                    "{\"org\":\"412015\",\"terminal\":\"10.1.0.6\",\"passed\":1,\"refused\":0,\"first\":4000,\"last\":4000,\"record\":\"412015/events/000001/4\"},"
	                    "{\"org\":\"412023\",\"terminal\":\"10.1.0.5\",\"passed\":0,\"refused\":1,\"first\":7000,\"last\":7000,\"record\":\"412023/events/000001/0\"}"
	                    "],\"more\":false");
	buf_reset(&b);
	snprintf(s.org, sizeof s.org, "412023"); /* one body's records alone are opened */
	assert_int_equal(sweep_sealed(&o, &s, &b, &err), 0);
	assert_null(strstr(buf_cstr(&b), "412015"));
	buf_reset(&b);
	s.org[0] = 0, s.type = SWEEP_IP;
	snprintf(s.value, sizeof s.value, "203.0.113.9");
	assert_int_equal(sweep_sealed(&o, &s, &b, &err), 0); /* two names make the address a shared one */
	assert_non_null(strstr(buf_cstr(&b), "\"names\":[\"www.fake.example\",\"www.news.example\",\"fake.example\"]"));
	buf_reset(&b);
	s.type = SWEEP_TERMINAL;
	snprintf(s.value, sizeof s.value, "10.1.0.6");
	assert_int_equal(sweep_sealed(&o, &s, &b, &err), 0);
	assert_non_null(strstr(buf_cstr(&b), "\"passed\":1,\"refused\":0"));
	assert_null(strstr(buf_cstr(&b), "10.1.0.5"));
	buf_done(&b);
	fs_rmtree(dir, NULL);
}

/* ---- a rebuild that lacks much ---- */

static void lack(struct refill *r, uint32_t n)
{
	struct err fault = { 0 };
	for (uint32_t i = 1; i <= n; i++) {
		err_set(&fault, E_IO, "", "away");
		snprintf(fault.path, sizeof fault.path, "412015/events/%06u/0", i);
		assert_int_equal(refill_fault(r, &fault, NULL), 0);
	}
}

/* The reader says each again every second: none is counted twice, and that isn't one more. */
static void test_refill_many(void **state)
{
	struct refill r = { 0 };
	struct segment_name n = { .org = "412015", .series = "events", .segment = REFILL_NAMED + 2 };
	char dir[] = "/tmp/toride-refill.XXXXXX";
	uint64_t lacking = 0;
	bool before;
	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(refill_begin(&r, dir, 20261128, NULL), 0);
	lack(&r, REFILL_NAMED + 3);
	assert_false(refill_is_over(&r));
	r.fault_ms -= 3600000;
	lack(&r, REFILL_NAMED + 3);
	assert_true(refill_is_over(&r));
	refill_had(&r, &n);
	assert_int_equal(refill_end(&r, &lacking, &before, NULL), 0);
	assert_int_equal(lacking, REFILL_NAMED + 2);
	refill_done(&r);
	fs_rmtree(dir, NULL);
}

/* ---- rows in memory ---- */

struct taker { /* an engine that keeps what it was given */
	int listen_fd, stop_fd;
	char path[108], took[64];
	unsigned bodies;
	_Atomic bool stuck, begun; /* INSERT INTO stuck, or SELECT stuck, doesn't end; it has begun */
};

static int taker_open(void *user, void **ret, struct err *err)
{
	*ret = user;
	return 0;
}

static void taker_close(void *conn)
{
}

static int taker_ask(void *conn, const struct serve_ask *a, struct buf *ret, struct err *err)
{
	struct taker *t = conn;
	ssize_t n = a->in_memory ? pread(a->rows_fd, t->took, sizeof t->took - 1, 0) : 0;
	assert_true(n >= 0);
	t->took[n] = 0;
	t->bodies += a->rows.len > 0;
	if (str_eq(a->sql, STR("INSERT INTO stuck FORMAT RowBinary")) || str_eq(a->sql, STR("SELECT stuck")))
		for (t->begun = true; t->stuck;)
			poll(NULL, 0, 1);
	return str_eq(a->sql, STR("INSERT INTO refused FORMAT RowBinary")) ? err_set(err, E_INVALID, "", "no") : 0;
}

static int taker_end(void *conn, const char *id, struct err *err)
{
	return 0;
}

static bool anybody(unsigned uid)
{
	return true;
}

static const struct serve_ops taker_ops = { taker_open, NULL, taker_close, taker_ask, taker_end, 0 };
static const struct serve_ops deaf_ops = { taker_open, NULL, taker_close, taker_ask, taker_end, 300 };

static void *taker_run(void *user)
{
	struct taker *t = user;
	assert_int_equal(serve_run(&taker_ops, t, t->listen_fd, t->stop_fd, anybody, NULL), 0);
	return NULL;
}

static bool whole(const char *answer)
{
	const char *n = strstr(answer, "Content-Length: "), *body = strstr(answer, "\r\n\r\n");
	return n && body && strlen(body + 4) >= strtoul(n + 16, NULL, 10);
}

static const char *answer_to(struct taker *t, const char *request, int pass_fd, char dst[512])
{
	int fd, none = -1;
	size_t len = 0;
	ssize_t n;
	assert_int_equal(sock_connect(t->path, 1000, &fd, NULL), 0);
	assert_int_equal(sock_send_bytes(fd, str_from(request), pass_fd, NULL), 0);
	do {
		n = sock_recv_bytes(fd, dst + len, 511 - len, &none);
		len += n > 0 ? (size_t)n : 0;
		dst[len] = 0;
	} while (n > 0 && !whole(dst));
	close(fd);
	return dst;
}

#define INSERT_OF(more) "POST /?query=INSERT+INTO+t+FORMAT+RowBinary HTTP/1.1\r\nHost: x\r\n" more "\r\n\r\n"

/* What is no memory of that size isn't read, and nobody waits for it; what came uncalled is closed. */
static void hostile_rows(struct taker *t, const struct rows *rows)
{
	int pipes[2], file = open("/dev/null", O_RDONLY | O_CLOEXEC);
	char text[512];
	assert_int_equal(pipe2(pipes, O_CLOEXEC), 0);
	const struct { const char *request, *words; int fd; } cases[] = {
		{ INSERT_OF("X-Toride-Rows: 5\r\nContent-Length: 0"), "nothing came along", -1 },
		{ INSERT_OF("X-Toride-Rows: 5\r\nContent-Length: 0"), "aren't in memory", pipes[0] },
		{ INSERT_OF("X-Toride-Rows: 0\r\nContent-Length: 0"), "aren't in memory", file },
		{ INSERT_OF("X-Toride-Rows: 6\r\nContent-Length: 0"), "6 bytes of rows were announced, 5 are there", rows->fd },
		{ INSERT_OF("X-Toride-Rows: 4\r\nContent-Length: 0"), "4 bytes of rows were announced, 5 are there", rows->fd },
		{ INSERT_OF("X-Toride-Rows: 67108865\r\nContent-Length: 0"), "are too many", rows->fd },
		{ INSERT_OF("X-Toride-Rows: -1\r\nContent-Length: 0"), "can't be read", rows->fd },
		{ INSERT_OF("X-Toride-Rows: 5\r\nX-Toride-Rows: 5\r\nContent-Length: 0"), "can't be read", rows->fd },
		{ INSERT_OF("X-Toride-Rows: 5\r\nContent-Length: 1") "x", "rows in the request, and in memory", rows->fd },
		{ "POST / HTTP/1.1\r\nHost: x\r\nX-Toride-Rows: 5\r\nContent-Length: 8\r\n\r\nSELECT 1", "nothing is to be inserted", rows->fd },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		*t->took = 0;
		if (!strstr(answer_to(t, cases[i].request, cases[i].fd, text), cases[i].words) || strstr(text, " 200 "))
			fail_msg("case %zu: %s", i, text);
		assert_string_equal(t->took, "");
	}
	assert_non_null(strstr(answer_to(t, INSERT_OF("Content-Length: 1") "x", pipes[1], text), "200 OK"));
	assert_int_equal(t->bodies, 1);
	close(pipes[1]);
	assert_int_equal(read(pipes[0], text, 1), 0); /* nobody has its other end any more */
	close(pipes[0]);
	close(file);
}

/* What can't be read is answered once, and nothing behind it is. */
static void unreadable(struct taker *t)
{
	static const char *const requests[] = { "no request at all\r\n\r\n", INSERT_OF("X-Toride-Rows: -1\r\nContent-Length: 0") };
	char all[2048];
	for (size_t i = 0; i < ARRAY_LEN(requests); i++) {
		int fd, none = -1;
		size_t len = 0;
		ssize_t n;
		assert_int_equal(sock_connect(t->path, 1000, &fd, NULL), 0);
		assert_int_equal(sock_send_bytes(fd, str_from(requests[i]), -1, NULL), 0);
		while (len < sizeof all - 1 && (n = sock_recv_bytes(fd, all + len, sizeof all - 1 - len, &none)) > 0)
			len += (size_t)n;
		all[len] = 0;
		close(fd);
		const char *first = strstr(all, "HTTP/1.1 500 ");
		assert_non_null(first);
		assert_null(strstr(first + 1, "HTTP/1.1 "));
	}
}

/* Behind an insert that doesn't end, those who gave up waiting leave their places to who searches. */
static void stuck(struct taker *t)
{
	static const char first[] = "POST /?query=INSERT+INTO+stuck+FORMAT+RowBinary HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\nx";
	char text[512];
	int one, fd;
	t->stuck = true;
	assert_int_equal(sock_connect(t->path, 1000, &one, NULL), 0);
	assert_int_equal(sock_send_bytes(one, str_from(first), -1, NULL), 0);
	while (!t->begun)
		poll(NULL, 0, 1);
	for (unsigned i = 0; i < SERVE_CONNECTIONS; i++) {
		assert_int_equal(sock_connect(t->path, 1000, &fd, NULL), 0);
		assert_int_equal(sock_send_bytes(fd, STR(INSERT_OF("Content-Length: 1") "x"), -1, NULL), 0);
		close(fd);
	}
	assert_non_null(strstr(answer_to(t, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 8\r\n\r\nSELECT 1", -1, text), "200 OK"));
	t->stuck = false;
	assert_true(sock_recv_bytes(one, text, sizeof text, &fd) > 0);
	close(one);
}

static void test_hand_over(void **state)
{
	struct taker t = { .stop_fd = eventfd(0, EFD_CLOEXEC) };
	char dir[] = "/tmp/index-rows.XXXXXX";
	struct rows rows;
	struct client *c;
	struct err err = { 0 };
	pthread_t thread;
	assert_non_null(mkdtemp(dir));
	snprintf(t.path, sizeof t.path, "%s/s", dir);
	assert_int_equal(sock_listen(t.path, 0600, &t.listen_fd, &err), 0);
	assert_int_equal(pthread_create(&thread, NULL, taker_run, &t), 0);
	assert_int_equal(client_open(&(struct client_opts){ .socket_path = t.path }, &c, &err), 0);
	assert_int_equal(rows_open(&rows, MIB, &err), 0);
	static const char *const batches[] = { "first rows", "", "more rows than before", "fewer" };
	for (size_t i = 0; i < ARRAY_LEN(batches); i++) { /* the same memory, as long as each */
		buf_puts(&rows.b, batches[i]);
		assert_int_equal(rows_end(&rows, &err), 0);
		assert_int_equal(client_hand_over(c, "INSERT INTO t FORMAT RowBinary", &rows, &err), 0);
		assert_string_equal(t.took, batches[i]);
		assert_int_equal(rows_begin(&rows, &err), 0);
	}
	buf_puts(&rows.b, "12345");
	assert_int_equal(rows_end(&rows, &err), 0);
	assert_int_equal(client_hand_over(c, "INSERT INTO refused FORMAT RowBinary", &rows, &err), -E_INVALID);
	hostile_rows(&t, &rows);
	unreadable(&t);
	stuck(&t);
	assert_int_equal(rows_begin(&rows, &err), 0);
	while (!rows.b.failed) /* no further than its end */
		buf_put(&rows.b, batches[0], 10);
	assert_int_equal(rows.b.failed, -E_LIMIT);
	rows_close(&rows);
	assert_int_equal(eventfd_write(t.stop_fd, 1), 0);
	pthread_join(thread, NULL);
	client_close(&c);
	close(t.listen_fd);
	close(t.stop_fd);
	assert_int_equal(fs_rmtree(dir, NULL), 0);
}

/* A question whose asker is gone, and which doesn't end though told to: the process says that it has to be replaced. One that ends in time is no matter. */
static void test_deaf(void **state)
{
	static struct taker t; /* outlives us: its question may be on its way still */
	struct err err = { 0 };
	int fd;
	t.stop_fd = eventfd(0, EFD_CLOEXEC);
	t.stuck = true;
	snprintf(t.path, sizeof t.path, "/tmp/toride-deaf-%d", getpid());
	assert_int_equal(sock_listen(t.path, 0600, &t.listen_fd, &err), 0);
	assert_int_equal(sock_connect(t.path, 1000, &fd, NULL), 0);
	assert_int_equal(sock_send_bytes(fd, STR("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 12\r\n\r\nSELECT stuck"), -1, NULL), 0);
	close(fd);
	assert_int_equal(serve_run(&deaf_ops, &t, t.listen_fd, t.stop_fd, anybody, &err), -E_STATE);
	assert_true(t.begun);
	t.stuck = false;
	close(t.listen_fd);
	close(t.stop_fd);
	unlink(t.path);
}

/* ---- a cluster that moves ---- */

/* Takes connections, and closes them. */
static void *door(void *user)
{
	int fd;
	while ((fd = accept(*(int *)user, NULL, NULL)) >= 0)
		close(fd);
	return NULL;
}

static const char *asked(void *conn, const char *place, struct err *err)
{
	struct buf b;
	buf_init(&b, KIB);
	*err = (struct err){ 0 };
	assert_true(cluster_ops.ask(conn, &(struct serve_ask){ .sql = STR("SELECT 1"), .place = str_from(place), .id = "x" }, &b, err) < 0);
	buf_done(&b);
	return err->msg;
}

/* A connection that was told of the new place while its asker wasn't yet goes there as the new place says, and not by what it had of the old one. */
static void test_moved(void **state)
{
	struct sockaddr_in sa = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t n = sizeof sa;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char url[64];
	static struct cluster *c; /* lives as long as its process */
	struct err err = { 0 };
	void *conn;
	pthread_t t;
	assert_int_equal(bind(fd, (struct sockaddr *)&sa, sizeof sa), 0);
	assert_int_equal(listen(fd, 8), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&sa, &n), 0);
	assert_int_equal(pthread_create(&t, NULL, door, &fd), 0);
	snprintf(url, sizeof url, "https://127.0.0.1:%u", (unsigned)ntohs(sa.sin_port));
	struct cluster_opts o = { .urls = { url }, .n = 1, .user = "u", .key = "old", .place = "old", .ca = "no certificate" };
	assert_int_equal(cluster_open(&c, &err), 0);
	assert_int_equal(cluster_set(c, &o, &err), 0);
	assert_int_equal(cluster_ops.open(c, &conn, &err), 0);
	char before[sizeof err.msg];
	snprintf(before, sizeof before, "%s", asked(conn, "old", &err)); /* that no certificate is there */
	o.place = o.key = "new";
	o.ca = "";
	assert_int_equal(cluster_set(c, &o, &err), 0);
	assert_non_null(strstr(asked(conn, "old", &err), "told of the same place"));
	assert_string_not_equal(asked(conn, "new", &err), before);
	cluster_ops.close(conn);
	shutdown(fd, SHUT_RDWR);
	pthread_join(t, NULL);
	close(fd);
}

/* An engine that gives back the columns of one row, to whatever it is asked: once, or nothing. */
struct columnar {
	int fd;
	unsigned asked;
	char question[8192], answer[2048];
};

static void *columnar_run(void *user)
{
	struct columnar *e = user;
	char line[512];
	size_t n = 0;
	int fd = accept(e->fd, NULL, NULL);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r+");
	while (f && fgets(line, sizeof line, f)) {
		if (strncasecmp(line, "content-length:", 15) == 0)
			n = strtoul(line + 15, NULL, 10);
		if (line[0] != '\r')
			continue;
		if (n >= sizeof e->question || fread(e->question, 1, n, f) != n)
			break;
		e->question[n] = 0;
		e->asked++;
		fprintf(f, "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n%s", strlen(e->answer), e->answer);
		fflush(f);
	}
	if (f)
		fclose(f);
	return NULL;
}

/* As the engine gives them: the name, then the columns behind org, empty but for some. */
static void columns_row(char *dst, size_t size, const char *org)
{
	struct buf row;
	buf_init(&row, size);
	buf_printf(&row, "[\"%s\",\"events\",1,0", org);
	for (const struct column *c = columns + 1; c->name; c++)
		if (strcmp(c->name, "class") == 0)
			buf_puts(&row, ",4003");
		else if (strcmp(c->name, "src") == 0)
			buf_puts(&row, ",\"::ffff:10.1.0.5\"");
		else if (strcmp(c->name, "host") == 0)
			buf_puts(&row, ",\"a.example\"");
		else
			buf_puts(&row, c->kind == COLUMN_IP ? ",\"::\"" : c->kind == COLUMN_TEXT || c->kind == COLUMN_WORD ? ",\"\"" : c->kind == COLUMN_TIME ? ",1795386357690" : ",0");
	buf_puts(&row, "]\n");
	assert_true(str_copy(buf_view(&row), dst, size));
	buf_done(&row);
}

/* What is told of the first row of these, which stand a line each. */
static int told(struct originals *o, struct columnar *e, const char *rows, struct str *ret)
{
	static char kept[4096];
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/index-test.XXXXXX";
	struct client *c;
	struct str rest = str_from(rows), line;
	pthread_t t;
	int r = 0;
	assert_non_null(mkdtemp(dir));
	snprintf(a.sun_path, sizeof a.sun_path, "%s/s", dir);
	e->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	e->asked = 0;
	assert_int_equal(bind(e->fd, (struct sockaddr *)&a, sizeof a), 0);
	assert_int_equal(listen(e->fd, 1), 0);
	assert_int_equal(pthread_create(&t, NULL, columnar_run, e), 0);
	assert_int_equal(client_open(&(struct client_opts){ .socket_path = a.sun_path }, &c, NULL), 0);
	originals_begin(o);
	while (r == 0 && str_next(&rest, '\n', &line)) {
		yyjson_doc *doc = yyjson_read(line.ptr, line.len, 0);
		r = originals_add(o, yyjson_doc_get_root(doc), NULL);
		yyjson_doc_free(doc);
	}
	r = r < 0 ? r : originals_read(o, c, NULL);
	*ret = r == 0 && str_copy(originals_text(o, 0), kept, sizeof kept) ? str_from(kept) : STR("");
	client_close(&c);
	shutdown(e->fd, SHUT_RDWR); /* where nothing was asked */
	pthread_join(t, NULL);
	close(e->fd);
	fs_rmtree(dir, NULL);
	return r;
}

/* A vault that is away. */
static int no_key(const char *org, const char *series, uint32_t number, unsigned char ret[SEGMENT_KEY], void *user, struct err *err)
{
	++*(unsigned *)user;
	return err_set(err, E_CLOSED, "vault", "away");
}

#define ROW(org, raw) "[\"" org "\",\"events\",1,0,\"" raw "\",1795386357690]"

/* What is told of a row: what stands in it; else the sealed record, for which nobody is asked; else its columns. */
static void test_original(void **state)
{
	static const char columns_have[] = "\"org\":\"412015\",\"time\":1795386357690,\"ingest_time\":1795386357690,\"class_uid\":4003,\"src_endpoint\":{\"ip\":\"10.1.0.5\"},"
	                                   "\"query\":{\"hostname\":\"a.example\"}}";
	static struct columnar e;
	char dir[] = "/tmp/index-test.XXXXXX";
	struct originals o;
	struct pick *p = NULL, *none = NULL;
	struct writer *w = NULL;
	struct str s;
	assert_non_null(mkdtemp(dir));
	assert_int_equal(writer_open(&(struct writer_opts){ .dir = dir, .key = fake_key, .seal = fake_seal }, &w, NULL), 0);
	assert_int_equal(writer_append(w, "412015", "events", STR("{\"a\":1}"), NULL, NULL), 0);
	assert_int_equal(writer_append(w, "412015", "events", STR("{\"a\":2}"), NULL, NULL), 0);
	assert_int_equal(writer_append(w, "412023", "events", STR("{\"b\":1}"), NULL, NULL), 0);
	assert_int_equal(writer_commit(w, NULL), 0);
	writer_close(&w);
	assert_int_equal(pick_open(&(struct pick_opts){ dir, fake_key, NULL }, &p, NULL), 0);
	originals_init(&o, p, "412015", INT64_MAX);
	columns_row(e.answer, sizeof e.answer, "412015");
	assert_true(told(&o, &e, ROW("412015", "{}"), &s) == 0 && str_eq(s, STR("{}")));
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && str_eq(s, STR("{\"a\":1}")));
	/* each its own, whatever the order, be it kept, read or not to be had */
	assert_int_equal(told(&o, &e, "[\"412015\",\"events\",1,1,\"\",3]\n" ROW("412015", "{}") "\n[\"412015\",\"events\",1,0,\"\",1]", &s), 0);
	assert_true(str_eq(s, STR("{\"a\":2}")) && str_eq(originals_text(&o, 1), STR("{}")) && str_eq(originals_text(&o, 2), STR("{\"a\":1}")));
	assert_int_equal(e.asked, 0);
	/* a cluster's server that makes rows up for one body doesn't get another's records, nor one into a path, nor into a question */
	assert_true(told(&o, &e, ROW("412023", ""), &s) == 0 && strstr(s.ptr, "toride log verify") && !strstr(s.ptr, "\"b\"") && !strstr(s.ptr, "a.example"));
	assert_int_equal(e.asked, 1);
	assert_int_equal(told(&o, &e, ROW("412023412023", ""), &s), -E_CORRUPT);
	assert_int_equal(told(&o, &e, "[\"412015\",\"../../412023/events\",1,0,\"\",1]", &s), -E_CORRUPT);
	assert_int_equal(told(&o, &e, "[\"412015\",\"a') OR 1\",1,0,\"\",1]", &s), -E_CORRUPT);
	assert_int_equal(told(&o, &e, "[\"412015\",\"events\",4294967297,0,\"\",1]", &s), -E_CORRUPT); /* not segment 1 */
	o.org = "41";
	assert_true(told(&o, &e, ROW("412023", ""), &s) == 0 && str_eq(s, STR("{\"b\":1}")));
	assert_int_equal(e.asked, 0);
	originals_done(&o);
	originals_init(&o, none, "412015", INT64_MAX);
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && str_ends(s, STR(columns_have)));
	assert_non_null(strstr(e.question, " FROM toride.events WHERE time >= fromUnixTimestamp64Milli(1795386357690) AND time <= fromUnixTimestamp64Milli(1795386357690)"
	                                   " AND org = ('412015') AND (org, series, segment, idx) IN (('412015', 'events', 1, 0)) LIMIT 500 FORMAT JSONCompactEachRow"));
	e.answer[0] = 0; /* nor has it them */
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && strstr(s.ptr, "toride log verify") && str_ends(s, STR("\"org\":\"412015\"}")));
	o.pick = p;
	o.deadline = 0;
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && strstr(s.ptr, "there was no time") && str_ends(s, STR("\"org\":\"412015\"}")));
	assert_int_equal(e.asked, 0);
	pick_close(&p);
	originals_done(&o);
	/* who gives the keys isn't asked again and again */
	unsigned asked = 0;
	assert_int_equal(pick_open(&(struct pick_opts){ dir, no_key, &asked }, &p, NULL), 0);
	originals_init(&o, p, "", INT64_MAX);
	columns_row(e.answer, sizeof e.answer, "412015");
	assert_int_equal(told(&o, &e, ROW("412015", "") "\n" ROW("412023", "") "\n[\"412015\",\"events\",1,1,\"\",3]", &s), 0);
	assert_true(str_ends(s, STR(columns_have)) && asked == 1 && e.asked == 1);
	originals_done(&o);
	pick_close(&p);
	/* a destroyed key leaves nothing to read: no columns either */
	int gone = -E_NOT_FOUND;
	assert_int_equal(pick_open(&(struct pick_opts){ dir, fake_key, &gone }, &p, NULL), 0);
	originals_init(&o, p, "412015", INT64_MAX);
	columns_row(e.answer, sizeof e.answer, "412015");
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && strstr(s.ptr, "key was destroyed") && str_ends(s, STR("\"org\":\"412015\"}")));
	assert_int_equal(e.asked, 0);
	originals_done(&o);
	pick_close(&p);
	/* gone on to a store of objects: the columns, and how to have it; removed by retention */
	char path[256], mark[256];
	seg_path(dir, "412015", "events", 1, path, sizeof path);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(fs_write(seg_mark_path(dir, "412015", "events", 1, mark, sizeof mark), STR("1\n"), 0644, NULL), 0);
	assert_int_equal(pick_open(&(struct pick_opts){ dir, fake_key, NULL }, &p, NULL), 0);
	originals_init(&o, p, "412015", INT64_MAX);
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && strstr(s.ptr, "toride log show brings it back") && str_ends(s, STR(columns_have)));
	assert_int_equal(unlink(mark), 0);
	assert_true(told(&o, &e, ROW("412015", ""), &s) == 0 && strstr(s.ptr, "isn't among what is kept") && str_ends(s, STR(columns_have)));
	originals_done(&o);
	pick_close(&p);
	fs_rmtree(dir, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_query), cmocka_unit_test(test_limits), cmocka_unit_test(test_counts), cmocka_unit_test(test_counts_only), cmocka_unit_test(test_examples), cmocka_unit_test(test_counts_kept), cmocka_unit_test(test_sites), cmocka_unit_test(test_refusals), cmocka_unit_test(test_search), cmocka_unit_test(test_original), cmocka_unit_test(test_walk),
		cmocka_unit_test(test_row),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_words_many), cmocka_unit_test(test_words_random), cmocka_unit_test(test_fold), cmocka_unit_test(test_twice), cmocka_unit_test(test_head), cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_sweep), cmocka_unit_test(test_sweep_refused),
		cmocka_unit_test(test_sweep_sealed), cmocka_unit_test(test_refill_many), cmocka_unit_test(test_hand_over), cmocka_unit_test(test_moved),
		cmocka_unit_test(test_deaf), /* the last: it leaves a server that goes on */
	};
	return cmocka_run_group_tests_name("index/index", tests, NULL, NULL);
}
