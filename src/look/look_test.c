/* Pages that stay the same one through what changes every day, and pages that don't. */
#include "base/test.h"

#include "base/buf.h"
#include "base/mem.h"
#include "look/conf.h"
#include "look/judge.h"
#include "look/looker.h"

#include <stdio.h>
#include <stdlib.h>

#define OWN "www.city.example city.example"

/* A body's front page: a menu, five news of a day, a counter. Words differ by seed as they do from site to site. */
static void front(struct buf *b, int day, const char *extra)
{
	static const char *const topics[] = { "ごみの収集日が変わります", "図書館の休館のお知らせ", "予防接種の予約を受け付けています", "市議会だよりを公開しました", "夏祭りの交通規制について",
		                              "職員採用試験のご案内", "道路工事に伴う通行止め", "子育て支援センターの催し", "確定申告の相談会場", "防災訓練を行います", "水道管の凍結にご注意ください" };
	buf_reset(b);
	buf_puts(b, "<!DOCTYPE html><html lang=\"ja\"><head><meta charset=\"utf-8\"><title>例市公式ホームページ</title><link rel=\"stylesheet\" href=\"/css/site.css\">"
		    "<script src=\"https://stat.example/a.js\"></script></head><body class=\"top\"><div class=\"header\"><h1 class=\"logo\">例市</h1><ul class=\"menu\">");
	for (int i = 0; i < 8; i++)
		buf_printf(b, "<li class=\"item\"><a href=\"/m%d\">くらしの手続き %d 番の窓口と担当課のご案内</a></li>", i, i);
	buf_puts(b, "</ul></div><div class=\"news\"><h2>新着情報</h2><dl class=\"list\">");
	for (int i = 0; i < 5; i++)
		buf_printf(b, "<dt class=\"date\">2026年11月%d日</dt><dd><a href=\"/news/%d\">%s</a></dd>", day - i, day - i, topics[(size_t)(day + i) % ARRAY_LEN(topics)]);
	buf_printf(b, "</dl></div>%s<div class=\"footer\"><p>例市役所 〒840-0000 例県例市例町1丁目1番1号 電話 0952-00-0000</p><p>アクセス数 %d</p></div></body></html>", extra, 100000 + day * 317);
}

static struct look_seen seen(struct str html)
{
	struct look_seen s = { .status = 200 };
	look_page_read(html, OWN, &s.page);
	return s;
}

static const char hacked[] = "<html><head><title>Hacked By Nobody</title></head><body bgcolor=black><center><h1>Your security is low</h1><img src=skull.gif>"
			     "<p>Greetz to all</p></center></body></html>";
static const char quiet[] = "<html><head><title>Welcome</title></head><body><h1>We were here</h1><p>You should have patched your server long ago. "
			    "This message will stay here until you learn something about it, and others will read it.</p></body></html>";
static const char disaster[] = "<html><head><title>例市 緊急情報</title></head><body><h1>大雨特別警報が発表されています</h1><p>命を守る行動をとってください。避難所: 例小学校、例公民館</p></body></html>";

struct site {
	struct look_known k;
	struct buf b;
};

static void learnt(struct site *x)
{
	struct look_verdict v;
	memset(x, 0, sizeof *x);
	buf_init(&x->b, MIB);
	for (int i = 0; i < LOOK_LEARN; i++) {
		front(&x->b, 20, "");
		struct look_seen s = seen(buf_view(&x->b));
		look_judge(&x->k, &s, &v);
		assert_false(v.tell);
	}
}

/* What comes of it at the second look; at the first nothing is told yet. */
static struct look_verdict twice(struct site *x, const struct look_seen *s)
{
	struct look_verdict v;
	look_judge(&x->k, s, &v);
	assert_false(v.tell);
	look_judge(&x->k, s, &v);
	return v;
}

static void test_every_day(void **state)
{
	struct site x;
	struct look_verdict v;
	unsigned lowest = 100;
	learnt(&x);
	for (int day = 21; day < 400; day++) { /* the news of each day, the counter */
		front(&x.b, day, day % 7 ? "" : "<div class=\"banner\"><p>第3回 例市マラソン大会の参加者を募集しています</p></div>");
		struct look_seen s = seen(buf_view(&x.b));
		look_judge(&x.k, &s, &v);
		assert_false(v.tell || v.back);
		lowest = v.like < lowest ? v.like : lowest;
	}
	print_message("# a year of days: %u %% alike at the least\n", lowest);
	assert_true(lowest >= LOOK_LIKE + 15);
	buf_done(&x.b);
}

static void test_defaced(void **state)
{
	struct site x;
	struct look_seen s;
	struct look_verdict v;
	learnt(&x);
	s = seen(str_from(hacked));
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_MOCKED && v.like < LOOK_LIKE);
	look_judge(&x.k, &s, &v);
	assert_false(v.tell); /* once */
	front(&x.b, 20, "");
	s = seen(buf_view(&x.b));
	look_judge(&x.k, &s, &v);
	assert_true(v.back && !v.tell);
	s = seen(str_from(quiet));
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_REPLACED && v.like < 15);
	front(&x.b, 20, "<marquee>HaCkEd By someone</marquee>"); /* all the rest as it was */
	s = seen(buf_view(&x.b));
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_MOCKED && v.like > LOOK_LIKE);
	s = seen(str_from(hacked));
	s.status = 503; /* a browser shows it all the same */
	v = twice(&x, &s);
	assert_true(v.change == LOOK_MOCKED && !look_says_nothing(&s));
	s = (struct look_seen){ .status = 404 };
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_REMOVED);
	s = (struct look_seen){ .status = 302, .away = "evil.example" };
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_AWAY && strcmp(v.host, "evil.example") == 0);
	front(&x.b, 20, "<meta http-equiv=refresh content='0;URL=https://evil.example/'>");
	s = seen(buf_view(&x.b));
	v = twice(&x, &s);
	assert_false(v.tell); /* told already: it leads away, this way or that */
	buf_done(&x.b);
}

static void test_scripts(void **state)
{
	struct site x;
	struct look_seen s;
	struct look_verdict v;
	learnt(&x);
	front(&x.b, 20, "<script src='//CDN.evil.example:8443/x.js'></script>");
	s = seen(buf_view(&x.b));
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_STRANGER && strcmp(v.host, "cdn.evil.example") == 0);
	for (int i = 0; i < 5; i++) {
		look_judge(&x.k, &s, &v);
		assert_false(v.tell || v.back); /* one host, one alarm */
	}
	front(&x.b, 20, "<script src='https://www.city.example/own.js'></script><link rel=canonical href='https://other.example/'><a href='https://other.example/'>x</a>");
	s = seen(buf_view(&x.b));
	v = twice(&x, &s);
	assert_false(v.tell);
	buf_done(&x.b);
}

/* A script is found however its place is written: a browser reads all of these so. */
static void test_hidden_scripts(void **state)
{
	static const char *const ways[] = { "<script src='//a123456789a123456789a123456789a123456789a123456789.b123456789b123456789b123456789.evil.example/x.js'></script>",
		"<script src='\\\\evil.example/x.js'></script>", "<script src='/\t/evil.example/x.js'></script>", "<script src=' https:\\/evil.example/x.js'></script>",
		"<script src='&#47;&#x2F;evil.example/x.js'></script>", "<script src='https&colon;&sol;/evil.example'></script>", "<script src='https:evil.example'></script>",
		"<script src='//www.city.example@evil.example/x.js'></script>", "<script src='//www.city.example:80@evil.example/x.js'></script>",
		"<svg><script href='//evil.example/x.js'></script></svg>", "<svg viewBox='0 0 1 1'/><script src=//evil.example/x.js></script>",
		"<!--><script src=//evil.example/x.js></script><!-- -->", "<!-- --!><script src=//evil.example/x.js></script><!-- -->",
		"<script x= '>' src=//evil.example/x.js></script>", "<b href=?a= \"><script src=//evil.example/x.js></script><b y=\">",
		"<script>a<b</script><script/src=//evil.example></script>" };
	struct look_page p;
	for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
		look_page_read(str_from(ways[i]), OWN, &p);
		if (p.n_hosts != 1 || !str_ends(str_from(p.hosts[0]), STR("evil.example")))
			fail_msg("not found: %s", ways[i]);
	}
	look_page_read(STR("<script src='/\\www.city.example/a.js'></script><script src='/a//b.example'></script><script>'<script src=//no.example>'</script><form action='?a=//b'>"),
	               OWN, &p);
	assert_int_equal(p.n_hosts, 0);
}

/* A page sends who looks at it nowhere but to the public sites. */
static void test_own_place(void **state)
{
	static const struct {
		const char *url, *away;
	} cases[] = { { "https://WWW.city.example/b?c", "" }, { "http://city.example:80/", "" }, { "https://city.example:443/", "" },
		      { "http://city.example:8080/", "city.example:8080" }, { "http://www.city.example:22", "www.city.example:22" }, { "http://127.0.0.1/", "127.0.0.1" },
		      { "http://city.example@evil.example/", "evil.example" }, { "ftp://city.example/", "city.example:21" }, { "gopher://x", "x:70" } };
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char away[256] = "";
		assert_int_equal(looker_own(cases[i].url, OWN, away), !*cases[i].away);
		assert_string_equal(away, cases[i].away);
	}
}

/* What says nothing of a page changes nothing: an error, a busy server, one look that went wrong. */
static void test_no_alarm(void **state)
{
	static const unsigned statuses[] = { 0, 301, 401, 403, 429, 500, 502, 503, 504 };
	struct site x;
	struct look_seen s;
	struct look_verdict v;
	learnt(&x);
	for (size_t i = 0; i < ARRAY_LEN(statuses); i++) {
		s = (struct look_seen){ .status = statuses[i] };
		v = twice(&x, &s);
		assert_false(v.tell || v.back);
		assert_true(look_says_nothing(&s));
	}
	for (int i = 0; i < 5; i++) { /* now and then something else, never twice */
		s = seen(str_from(quiet));
		look_judge(&x.k, &s, &v);
		assert_false(v.tell);
		front(&x.b, 20 + i, "");
		s = seen(buf_view(&x.b));
		look_judge(&x.k, &s, &v);
		assert_false(v.tell || v.back);
	}
	buf_done(&x.b);
}

static void test_approved(void **state)
{
	struct site x;
	struct look_seen s, d = seen(str_from(disaster));
	struct look_verdict v;
	learnt(&x);
	v = twice(&x, &d);
	assert_true(v.tell && v.change == LOOK_REPLACED);
	look_approve(&x.k, &d, false);
	look_judge(&x.k, &d, &v);
	assert_false(v.tell || v.back);
	for (int day = 20; day < 300; day += 5) { /* however long ago that was */
		front(&x.b, day, day % 2 ? "" : "<div class=\"x\"><p>臨時のお知らせを掲載しています。詳しくは担当課まで</p></div>");
		s = seen(buf_view(&x.b));
		look_judge(&x.k, &s, &v);
		assert_false(v.tell);
	}
	v = twice(&x, &d);
	assert_false(v.tell);
	for (int i = 0; i < 10; i++) /* never so many that nothing can be learnt */
		look_approve(&x.k, &d, false);
	unsigned n = 0;
	for (int i = 0; i < LOOK_SAMPLES; i++)
		n += x.k.approved[i];
	assert_true(n <= LOOK_APPROVED);
	look_approve(&x.k, &d, true);
	v = twice(&x, &s);
	assert_true(v.tell && v.change == LOOK_REPLACED);
	buf_done(&x.b);
}

static void test_odd_pages(void **state)
{
	static const char *const pages[] = { "", "<", "</", "<a", "<a b", "<a b=", "<a b=\"", "<!--", "<!", "<script>", "<script></scrip", "<title>", "&amp;", "\xff\xfe\x82\xa0" };
	struct look_page p;
	struct look_known k = { .n = 9 };
	for (size_t i = 0; i < ARRAY_LEN(pages); i++) {
		look_page_read(str_from(pages[i]), OWN, &p);
		assert_int_equal(look_page_like(&p, &p), 100);
	}
	look_page_read(STR("<title>A\x01 B</title><p title=\"a>b\">text</p><style>no</style><p>more"), OWN, &p);
	assert_string_equal(p.title, "A B");
	assert_string_equal(p.begin, "text more");
	assert_false(look_known_sound(&k));
}

static void test_conf(void **state)
{
	static const char *const bad[] = { "", "{}", "{\"web\":\"1\",\"pages\":1}", "{\"web\":\"1\",\"pages\":[{}]}",
		"{\"web\":\"1\",\"pages\":[{\"org\":\"1\",\"site\":\"a\",\"names\":\"a\",\"path\":\"x\",\"every_s\":1}]}",
		"{\"web\":\"1\",\"pages\":[{\"org\":\"1\",\"site\":\"a\",\"names\":\"a\",\"path\":\"/\",\"every_s\":0}]}" };
	struct look_conf c;
	assert_int_equal(look_conf_parse(STR("{\"web\":\"1\",\"pages\":[{\"org\":\"1\",\"site\":\"a\",\"names\":\"a\",\"path\":\"/\",\"every_s\":1}]}"), &c, NULL), 0);
	assert_true(c.n == 1 && c.pages[0].every_s == 1 && !c.pages[0].tls);
	look_conf_done(&c);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		assert_true(look_conf_parse(str_from(bad[i]), &c, NULL) < 0);
		look_conf_done(&c);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_every_day), cmocka_unit_test(test_defaced), cmocka_unit_test(test_scripts), cmocka_unit_test(test_no_alarm), cmocka_unit_test(test_hidden_scripts), cmocka_unit_test(test_own_place),
		cmocka_unit_test(test_approved), cmocka_unit_test(test_odd_pages), cmocka_unit_test(test_conf),
	};
	return cmocka_run_group_tests_name("look/look", tests, NULL, NULL);
}
