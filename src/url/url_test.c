/* Hosts and paths in disguise, patterns right and wrong, and the order of decisions. */
#include "model/model.h"
#include "url/set.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/mem.h"
#include "url/import.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>

#include <cmocka.h>

static const struct {
	const char *in, *out; /* NULL: refused */
} hosts[] = {
	{ "www.example.jp", "www.example.jp" },
	{ "WWW.Example.JP", "www.example.jp" },
	{ "www.example.jp.", "www.example.jp" },
	{ "www.example.jp..", NULL },
	{ ".", NULL },
	{ "", NULL },
	{ "a..b", NULL },
	{ "%65vil.example", "evil.example" },
	{ "evil%2Eexample", "evil.example" },
	{ "evil%00.example", NULL },
	{ "evil%2fexample", NULL },
	{ "e vil.example", NULL },
	{ "evil.example\n", NULL },
	{ "user@evil.example", NULL },
	{ "xn--wgv71a119e.jp", "xn--wgv71a119e.jp" },
	{ "日本語.jp", NULL },
	{ "a_b.example", "a_b.example" },
	{ "127.0.0.1", "127.0.0.1" },
	{ "127.0.0.1.", "127.0.0.1" },
	{ "127.1", "127.0.0.1" },
	{ "127.0.1", "127.0.0.1" },
	{ "2130706433", "127.0.0.1" },
	{ "0x7f000001", "127.0.0.1" },
	{ "0X7F.1", "127.0.0.1" },
	{ "0177.0.0.01", "127.0.0.1" },
	{ "%31%32%37.1", "127.0.0.1" },
	{ "0x.0x.0", "0.0.0.0" },
	{ "4294967295", "255.255.255.255" },
	{ "4294967296", NULL },
	{ "127.0.0.256", NULL },
	{ "256.1", NULL },
	{ "1.2.3.4.5", NULL },
	{ "08.0.0.1", NULL },
	{ "example.123", NULL },
	{ "0xyz.example", "0xyz.example" },
	{ "1e3.example", "1e3.example" },
	{ "[::1]", "::1" },
	{ "::1", "::1" },
	{ "[2001:DB8:0:0::7]", "2001:db8::7" },
	{ "[::ffff:127.0.0.1]", "127.0.0.1" },
	{ "[::FFFF:7f00:1]", "127.0.0.1" },
	{ "[fe80::1%25eth0]", NULL },
	{ "[127.0.0.1]", NULL },
	{ "[::1", NULL },
};

static void hosts_have_one_form(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(hosts); i++) {
		char got[256] = "";
		int r = url_host_normalise(str_from(hosts[i].in), got);
		if (r != (hosts[i].out ? 0 : -E_INVALID) || (hosts[i].out && strcmp(got, hosts[i].out) != 0))
			fail_msg("%s: %d %s", hosts[i].in, r, got);
	}
}

static const struct {
	const char *in, *out;
} paths[] = {
	{ "", "/" },
	{ "/", "/" },
	{ "/a/b", "/a/b" },
	{ "/a/./b", "/a/b" },
	{ "/a/../b", "/b" },
	{ "/a/b/..", "/a/" },
	{ "/a/b/.", "/a/b/" },
	{ "/../../x", "/x" },
	{ "/a/%2e%2E/b", "/b" },
	{ "/%2E/b", "/b" },
	{ "/%61%62", "/ab" },
	{ "/%7euser", "/~user" },
	{ "/a%2fb", "/a%2Fb" },
	{ "/a%2", "/a%252" },
	{ "/a%zz", "/a%25zz" },
	{ "/%%%6666", "/%25%25f66" }, /* found by the fuzzer: not stable when bare signs stay */
	{ "/%2561", "/%2561" },
	{ "/a//b", "/a//b" },
	{ "/a#frag", "/a" },
	{ "/a?x=%7e/../y", "/a?x=~/../y" },
	{ "?q", "/?q" },
	{ "/...", "/..." },
};

static void paths_have_one_form(void **state)
{
	char got[256];
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		size_t n = url_path_normalise(str_from(paths[i].in), true, got, sizeof got - 1);
		got[n] = 0;
		if (strcmp(got, paths[i].out) != 0)
			fail_msg("%s: %s, not %s", paths[i].in, got, paths[i].out);
	}
	assert_int_equal(url_path_normalise(STR("/too/long"), true, got, 5), 0);
}

static const struct {
	const char *pattern;
	bool good;
} patterns[] = {
	{ "www.example.jp", true },  { ".example.jp", true },       { "192.0.2.1", true },       { "192.0.2.0/24", true },
	{ "2001:db8::/32", true },   { "[2001:db8::1]", true },     { "2001:db8::1", true },     { "http://a.example/", true },
	{ "HTTPS://A.example", true }, { "https://a.example:8443/x?y", true }, { "http://[2001:db8::1]:80/x", true },
	{ "0.0.0.0/0", true },       { "jp", true },
	{ "", false },               { ".", false },                { "*.example.jp", false },   { "example.jp/x", false },
	{ "192.0.2.1/24", false },   { "192.0.2.0/33", false },     { "192.0.2.0/", false },     { "192.0.2.0/24/1", false },
	{ "2001:db8::1/32", false }, { "example.jp:80", false },    { "ftp://example.jp/", false }, { "http://", false },
	{ "http://a b/", false },    { "http://a.example:0/", false }, { "http://a.example:99999/", false },
	{ "例え.jp", false },        { ".192.0.2.1", false },       { "a..b", false },           { "http://user@a.example/", false },
};

static void patterns_are_checked(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(patterns); i++) {
		struct err err = { 0 };
		int r = url_pattern_check(str_from(patterns[i].pattern), &err);
		if ((r == 0) != patterns[i].good || (r < 0 && !err.msg[0]))
			fail_msg("%s: %d", patterns[i].pattern, r);
	}
}

static const char common_json[] = "[\".phish.example\", \"both.example\", \"203.0.113.0/24\", \"http://mixed.example/bad\"]";
static const char policy_json[] =
	"{\"mode\":\"blacklist\",\"black\":[\"game.example\",\".video.example\",\"198.51.100.7\",\"https://shop.example/cart?x=1\","
	"\"https://shop.example/evil\",\"2001:db8:bad::/48\",\"10.0.0.0/8\",\"deep.ok.video.example\"],"
	"\"white\":[\"both.example\",\"ok.phish.example\",\".ok.video.example\"],"
	"\"exceptions\":[{\"pattern\":\"game.example\",\"allow\":true,\"expires_ms\":1000},"
	"{\"pattern\":\"game.example\",\"allow\":true,\"expires_ms\":2000},"
	"{\"pattern\":\"both.example\",\"allow\":false,\"expires_ms\":2000},"
	"{\"pattern\":\"https://shop.example/evil\",\"allow\":true,\"expires_ms\":2000}]}";
static const char white_json[] = "{\"mode\":\"whitelist_only\",\"white\":[\".lg.example\",\"https://one.example/form\",\"192.0.2.0/25\"]}";

#define LATE 5000
static const struct {
	bool white_only;
	const char *url_scheme, *host;
	uint16_t port;
	const char *path; /* NULL: not known */
	int64_t now;
	bool allow;
	const char *rule;
	bool wants_path;
} asked[] = {
	{ 0, "http", "www.example", 0, "/", LATE, 1, "url.default", 0 },
	{ 0, "HTTP", "phish.example", 0, "/", LATE, 0, "service.black[0]", 0 },
	{ 0, "http", "a.b.phish.example", 0, "/", LATE, 0, "service.black[0]", 0 },
	{ 0, "http", "xphish.example", 0, "/", LATE, 1, "url.default", 0 },
	{ 0, "http", "A.PHISH.example.", 8080, "/", LATE, 0, "service.black[0]", 0 },
	{ 0, "http", "ok.phish.example", 0, "/", LATE, 1, "url.white[1]", 0 },
	{ 0, "http", "below.ok.phish.example", 0, "/", LATE, 0, "service.black[0]", 0 },
	{ 0, "https", "both.example", 0, "/", LATE, 1, "url.white[0]", 0 },
	{ 0, "https", "both.example", 0, "/", 1500, 0, "url.exceptions[2]", 0 },
	{ 0, "https", "game.example", 0, "/", 500, 1, "url.exceptions[0]", 0 },
	{ 0, "https", "game.example", 0, "/", 1000, 1, "url.exceptions[1]", 0 },
	{ 0, "https", "game.example", 0, "/", 2000, 0, "url.black[0]", 0 },
	{ 0, "https", "www.game.example", 0, "/", 500, 1, "url.default", 0 },
	{ 0, "https", "x.video.example", 0, "/", LATE, 0, "url.black[1]", 0 },
	{ 0, "https", "video.example", 0, "/", LATE, 0, "url.black[1]", 0 },
	{ 0, "https", "deep.ok.video.example", 0, "/", LATE, 1, "url.white[2]", 0 },
	{ 0, "http", "203.0.113.9", 0, "/", LATE, 0, "service.black[2]", 0 },
	{ 0, "http", "0xcb007109", 0, "/", LATE, 0, "service.black[2]", 0 },
	{ 0, "http", "3405803785", 0, "/", LATE, 0, "service.black[2]", 0 },
	{ 0, "http", "[::ffff:203.0.113.9]", 0, "/", LATE, 0, "service.black[2]", 0 },
	{ 0, "http", "203.0.114.9", 0, "/", LATE, 1, "url.default", 0 },
	{ 0, "http", "198.51.100.7", 0, "/", LATE, 0, "url.black[2]", 0 },
	{ 0, "http", "198.51.25607", 0, "/", LATE, 0, "url.black[2]", 0 },
	{ 0, "http", "[2001:db8:bad:0::1]", 0, "/", LATE, 0, "url.black[5]", 0 },
	{ 0, "http", "[2001:db8:bae::1]", 0, "/", LATE, 1, "url.default", 0 },
	{ 0, "http", "012.1.2.3", 0, "/", LATE, 0, "url.black[6]", 0 },
	{ 0, "https", "shop.example", 0, "/cart?x=1", LATE, 0, "url.black[3]", 0 },
	{ 0, "https", "shop.example", 0, "/cart?x=2", LATE, 1, "url.default", 0 },
	{ 0, "https", "shop.example", 0, "/cart", LATE, 1, "url.default", 0 },
	{ 0, "https", "shop.example", 443, "/%63art?x=1", LATE, 0, "url.black[3]", 0 },
	{ 0, "https", "shop.example", 8443, "/cart?x=1", LATE, 1, "url.default", 0 },
	{ 0, "http", "shop.example", 0, "/cart?x=1", LATE, 1, "url.default", 0 },
	{ 0, "https", "shop.example", 0, "/evil?any=1", LATE, 0, "url.black[4]", 0 },
	{ 0, "https", "shop.example", 0, "/a/../evil", LATE, 0, "url.black[4]", 0 },
	{ 0, "https", "shop.example", 0, "/./%2e/evil", LATE, 0, "url.black[4]", 0 },
	{ 0, "https", "shop.example", 0, "/evil", 1500, 1, "url.exceptions[3]", 0 },
	{ 0, "https", "shop.example", 0, "/evil/more", LATE, 1, "url.default", 0 },
	{ 0, "https", "shop.example", 0, NULL, LATE, 1, "url.default", 1 },
	{ 0, "https", "mixed.example", 0, NULL, LATE, 1, "url.default", 1 },
	{ 0, "https", "www.shop.example", 0, NULL, LATE, 1, "url.default", 0 },
	{ 0, "http", "mixed.example", 80, "/bad", LATE, 0, "service.black[3]", 0 },
	{ 0, "ftp", "www.example", 0, "/", LATE, 0, "url.invalid", 0 },
	{ 0, "http", "", 0, "/", LATE, 0, "url.invalid", 0 },
	{ 0, "http", "www.example", 0, "/a\nb", LATE, 0, "url.invalid", 0 },
	{ 1, "http", "www.example", 0, "/", LATE, 0, "url.white_only", 0 },
	{ 1, "https", "pref.lg.example", 0, "/", LATE, 1, "url.white[0]", 0 },
	{ 1, "https", "lg.example", 0, NULL, LATE, 1, "url.white[0]", 0 },
	{ 1, "https", "one.example", 0, "/form?name=x", LATE, 1, "url.white[1]", 0 },
	{ 1, "https", "one.example", 0, "/other", LATE, 0, "url.white_only", 0 },
	{ 1, "https", "one.example", 0, NULL, LATE, 0, "url.white_only", 1 },
	{ 1, "https", "192.0.2.127", 0, "/", LATE, 1, "url.white[2]", 0 },
	{ 1, "https", "192.0.2.128", 0, "/", LATE, 0, "url.white_only", 0 },
	{ 1, "https", "x.phish.example", 0, "/", LATE, 0, "service.black[0]", 0 },
};

struct policies {
	yyjson_doc *common_doc, *doc, *white_doc;
	struct url_set *common;
	struct url_policy_set *p[2];
};

static int build(struct policies *ps, struct err *err)
{
	int r = url_set_build(yyjson_doc_get_root(ps->common_doc), "service.black", &ps->common, err);
	if (r == 0)
		r = url_policy_build(yyjson_doc_get_root(ps->doc), "url", ps->common, &ps->p[0], err);
	if (r == 0)
		r = url_policy_build(yyjson_doc_get_root(ps->white_doc), "url", ps->common, &ps->p[1], err);
	return r;
}

static void drop(struct policies *ps)
{
	url_policy_destroy(&ps->p[0]);
	url_policy_destroy(&ps->p[1]);
	url_set_destroy(&ps->common);
}

static void read_docs(struct policies *ps)
{
	*ps = (struct policies){ yyjson_read(common_json, sizeof common_json - 1, 0),
		                 yyjson_read(policy_json, sizeof policy_json - 1, 0),
		                 yyjson_read(white_json, sizeof white_json - 1, 0), NULL, { NULL, NULL } };
}

static void free_docs(struct policies *ps)
{
	yyjson_doc_free(ps->common_doc);
	yyjson_doc_free(ps->doc);
	yyjson_doc_free(ps->white_doc);
}

static void decisions_follow_the_order(void **state)
{
	struct policies ps;
	read_docs(&ps);
	assert_int_equal(build(&ps, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(asked); i++) {
		struct url_decision d;
		struct url_query q = { .scheme = str_from(asked[i].url_scheme), .host = str_from(asked[i].host),
			               .port = asked[i].port, .path = str_from(asked[i].path), .now_ms = asked[i].now };
		url_decide(ps.p[asked[i].white_only], &q, &d);
		if (d.allow != asked[i].allow || d.wants_path != asked[i].wants_path || strcmp(d.rule, asked[i].rule) != 0)
			fail_msg("case %zu %s%s: %s %d %d", i, asked[i].host, asked[i].path, d.rule, d.allow, d.wants_path);
	}
	drop(&ps);
	free_docs(&ps);
}

static const char group_json[] =
	"{\"black\":[\"sns.example\",\"bad.example\"],\"white\":[\"open.example\"],\"exceptions\":[{\"pattern\":\"all.example\",\"allow\":false,\"expires_ms\":99999999999999}],"
	"\"group_lists\":[{\"id\":\"press\",\"groups\":[\"kouhou\",\"hisho\"],\"white\":[\"sns.example\",\"all.example\",\"http://half.example/in\"],\"black\":[\"half.example\"]},"
	"{\"id\":\"guests\",\"groups\":[\"guest\"],\"black\":[\"open.example\",\"sns.example\"]}]}";
static const struct {
	const char *host, *path, *groups;
	bool allow, wants_path;
	const char *rule;
} by_group[] = {
	{ "sns.example", "/", NULL, 0, 0, "url.black[0]" },
	{ "sns.example", "/", "", 0, 0, "url.black[0]" },
	{ "sns.example", "/", "kouho", 0, 0, "url.black[0]" },
	{ "sns.example", "/", "soumu,kouhou", 1, 0, "url.group_white[press]" },
	{ "sns.example", "/", "guest,hisho", 1, 0, "url.group_white[press]" }, /* the first list that says anything */
	{ "sns.example", "/", "guest", 0, 0, "url.group_black[guests]" },
	{ "open.example", "/", "guest", 0, 0, "url.group_black[guests]" }, /* before the body's white list */
	{ "open.example", "/", "kouhou", 1, 0, "url.white[0]" },
	{ "bad.example", "/", "kouhou", 0, 0, "url.black[1]" },
	{ "all.example", "/", "kouhou", 0, 0, "url.exceptions[0]" }, /* an exception is before all */
	{ "half.example", "/in", "hisho", 1, 0, "url.group_white[press]" },
	{ "half.example", "/out", "hisho", 0, 0, "url.group_black[press]" },
	{ "half.example", NULL, "hisho", 0, 1, "url.group_black[press]" },
};

static void lists_of_groups(void **state)
{
	struct url_policy_set *p = NULL;
	struct url_decision d;
	yyjson_doc *doc = yyjson_read(group_json, sizeof group_json - 1, 0);
	assert_int_equal(url_policy_build(yyjson_doc_get_root(doc), "url", NULL, &p, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(by_group); i++) {
		const struct url_query q = { .scheme = STR("http"), .host = str_from(by_group[i].host), .path = str_from(by_group[i].path), .groups = by_group[i].groups };
		url_decide(p, &q, &d);
		if (d.allow != by_group[i].allow || d.wants_path != by_group[i].wants_path || strcmp(d.rule, by_group[i].rule) != 0)
			fail_msg("case %zu: %s %d %d", i, d.rule, d.allow, d.wants_path);
	}
	url_policy_destroy(&p);
	yyjson_doc_free(doc);
}

static const char category_json[] =
	"{\"deny_categories\":[\"malware\",\"phishing\"],\"black\":[\"own.example\"],\"white\":[\"fine.malware.example\"],\"categories\":["
	"{\"id\":\"noon\",\"action\":\"allow\",\"categories\":[\"social\"],\"days\":\"weekdays\",\"from\":720,\"to\":780},"
	"{\"id\":\"press\",\"action\":\"allow\",\"categories\":[\"social\",\"video\"],\"terminals\":[\"10.1.2.0/25\",\"2001:db8::7\"]},"
	"{\"id\":\"staff\",\"action\":\"override\",\"categories\":[\"games\"],\"groups\":[\"soumu\"],\"from\":720,\"to\":780},"
	"{\"id\":\"night\",\"action\":\"deny\",\"categories\":[\"video\"],\"days\":\"weekend\",\"from\":1320,\"to\":360},"
	"{\"id\":\"alike\",\"action\":\"deny\",\"categories\":[\"lookalike\"]},"
	"{\"id\":\"leisure\",\"action\":\"deny\",\"categories\":[\"games\",\"social\"]}]}";
static const char category_list[] = "malware.example,malware\nsns.example,social\nboth.sns.example,phishing\nvideo.example,video\n"
	"game.example,games\nhost.example/bad,games\n203.0.113.0/24,malware\nown.example,video\n";

#define JST(day, hour, minute) (((day) * 1440ll + (hour) * 60 + (minute) - 540) * 60000) /* day 0: Thursday 1970-01-01 */
static const struct {
	const char *host, *path, *terminal; /* four bytes in hex, or NULL */
	int64_t now;
	bool allow;
	const char *rule, *category;
	bool wants_path;
} by_category[] = {
	{ "malware.example", "/", NULL, JST(0, 9, 0), 0, "service.deny_categories[malware]", "malware", 0 },
	{ "fine.malware.example", "/", NULL, JST(0, 9, 0), 1, "url.white[0]", "", 0 },
	{ "both.sns.example", "/", NULL, JST(0, 12, 30), 0, "service.deny_categories[phishing]", "phishing", 0 },
	{ "sns.example", "/", NULL, JST(0, 11, 59), 0, "url.categories[leisure]", "social", 0 },
	{ "sns.example", "/", NULL, JST(0, 12, 0), 1, "url.categories[noon]", "social", 0 },
	{ "sns.example", "/", NULL, JST(0, 12, 59), 1, "url.categories[noon]", "social", 0 },
	{ "sns.example", "/", NULL, JST(0, 13, 0), 0, "url.categories[leisure]", "social", 0 },
	{ "sns.example", "/", NULL, JST(2, 12, 30), 0, "url.categories[leisure]", "social", 0 }, /* Saturday */
	{ "sns.example", "/", NULL, JST(4, 12, 30), 1, "url.categories[noon]", "social", 0 },    /* Monday */
	{ "sns.example", "/", "0a01027f", JST(0, 9, 0), 1, "url.categories[press]", "social", 0 },
	{ "sns.example", "/", "0a010280", JST(0, 9, 0), 0, "url.categories[leisure]", "social", 0 },
	{ "www.video.example", "/", NULL, JST(0, 23, 0), 1, "url.default", "", 0 },               /* Thursday */
	{ "www.video.example", "/", NULL, JST(2, 23, 0), 0, "url.categories[night]", "video", 0 }, /* Saturday night … */
	{ "www.video.example", "/", NULL, JST(3, 5, 59), 0, "url.categories[night]", "video", 0 }, /* … until Sunday morning */
	{ "www.video.example", "/", NULL, JST(3, 6, 0), 1, "url.default", "", 0 },
	{ "www.video.example", "/", NULL, JST(4, 1, 0), 0, "url.categories[night]", "video", 0 },  /* Sunday's night is Monday's 1:00 */
	{ "www.video.example", "/", NULL, JST(2, 1, 0), 1, "url.default", "", 0 },                 /* Friday's isn't */
	{ "game.example", NULL, NULL, JST(0, 9, 0), 0, "url.categories[leisure]", "games", 0 },
	{ "host.example", NULL, NULL, JST(0, 9, 0), 1, "url.default", "", 1 },
	{ "host.example", "/bad/x", NULL, JST(0, 9, 0), 0, "url.categories[leisure]", "games", 0 },
	{ "xn--80ak6aa92e.example", "/", NULL, JST(0, 9, 0), 0, "url.categories[alike]", "lookalike", 0 }, /* аррӏе */
	{ "xn--wgv71a119e.example", "/", NULL, JST(0, 9, 0), 1, "url.default", "", 0 },
	{ "203.0.113.9", "/", NULL, JST(0, 9, 0), 0, "service.deny_categories[malware]", "malware", 0 },
	{ "own.example", "/", NULL, JST(0, 9, 0), 0, "url.black[0]", "", 0 },
	{ "other.example", "/", NULL, JST(0, 9, 0), 1, "url.default", "", 0 },
};

static void categories_follow_time_and_terminal(void **state)
{
	struct url_import im = { 0 };
	struct buf file;
	struct url_index *x;
	struct url_policy_set *p = NULL;
	struct url_decision d;
	uint64_t entries;
	buf_init(&file, 1 * MIB);
	assert_int_equal(url_build_create(&im.build, NULL), 0);
	assert_int_equal(url_import_text(&im, "x.csv", str_from(category_list), URL_FORMAT_CSV, NULL, NULL), 0);
	assert_int_equal(url_build_finish(im.build, 1, &file, &entries, NULL), 0);
	assert_int_equal(url_index_from(file.ptr, file.len, &x, NULL), 0);
	yyjson_doc *doc = yyjson_read(category_json, sizeof category_json - 1, 0);
	assert_int_equal(url_policy_build(yyjson_doc_get_root(doc), "url", NULL, &p, NULL), 0);
	for (size_t i = 0; i < ARRAY_LEN(by_category); i++) {
		uint8_t a[16] = { [10] = 0xff, [11] = 0xff };
		const char *who = by_category[i].terminal;
		assert_true(!who || hex_parse(str_from(who), a + 12, 4));
		const struct url_query q = { .scheme = STR("https"), .host = str_from(by_category[i].host), .path = str_from(by_category[i].path),
			                     .now_ms = by_category[i].now, .index = x, .terminal = who ? a : NULL };
		url_decide(p, &q, &d);
		if (d.allow != by_category[i].allow || strcmp(d.rule, by_category[i].rule) != 0 ||
		    strcmp(d.category, by_category[i].category) != 0 || d.wants_path != by_category[i].wants_path)
			fail_msg("case %zu %s: %s %s %d", i, by_category[i].host, d.rule, d.category, d.wants_path);
	}
	const uint8_t listed[16] = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 1 };
	const struct url_query late = { .now_ms = LATE, .index = x };
	url_decide_address(p, listed, &late, &d);
	assert_string_equal(d.rule, "service.deny_categories[malware]");
	const struct url_query all = { .scheme = STR("http"), .host = STR("both.sns.example"), .path = STR("/"), .index = x };
	url_decide(p, &all, &d);
	assert_string_equal(d.categories, "social,phishing");
	struct url_query game = { .scheme = STR("http"), .host = STR("game.example"), .path = STR("/"), .now_ms = JST(0, 12, 30), .index = x, .groups = "kouhou,soumu" };
	url_decide(p, &game, &d);
	assert_string_equal(d.rule, "url.categories[staff]");
	assert_int_equal(d.action, URL_OVERRIDE);
	game.groups = "kouhou";
	url_decide(p, &game, &d);
	assert_string_equal(d.rule, "url.categories[leisure]");
	game.groups = "soumu";
	game.now_ms = JST(0, 13, 0);
	url_decide(p, &game, &d);
	assert_string_equal(d.rule, "url.categories[leisure]");
	url_policy_destroy(&p);
	yyjson_doc_free(doc);
	url_index_unref(&x);
	url_build_destroy(&im.build);
	buf_done(&file);
}

static void resolved_addresses_are_asked_too(void **state)
{
	struct policies ps;
	struct url_decision d;
	uint8_t a[16] = { [10] = 0xff, [11] = 0xff, 203, 0, 113, 1 };
	const struct url_query late = { .now_ms = LATE };
	read_docs(&ps);
	assert_int_equal(build(&ps, NULL), 0);
	url_decide_address(ps.p[1], a, &late, &d);
	assert_string_equal(d.rule, "service.black[2]");
	assert_false(d.allow);
	a[14] = 114; /* whitelist_only says nothing about an address behind an allowed name */
	url_decide_address(ps.p[1], a, &late, &d);
	assert_true(d.allow);
	drop(&ps);
	free_docs(&ps);
}

static void faults_name_their_place(void **state)
{
	static const struct {
		const char *json, *place;
	} bad[] = {
		{ "{\"black\":[\"ok.example\",\"*.bad\"]}", "url.black[1]" },
		{ "{\"white\":[5]}", "url.white[0]" },
		{ "{\"white\":{}}", "url.white" },
		{ "{\"mode\":\"maybe\"}", "url" },
		{ "{\"exceptions\":[{\"pattern\":\"a.example\",\"allow\":true}]}", "url.exceptions" },
		{ "{\"exceptions\":[{\"pattern\":\"a b\",\"allow\":true,\"expires_ms\":5}]}", "url.exceptions[0]" },
		{ "[]", "url" },
		{ "{\"categories\":{}}", "url" },
		{ "{\"deny_categories\":[5]}", "url" },
		{ "{\"categories\":[{\"id\":\"a\",\"action\":\"deny\",\"categories\":[]},{\"action\":\"deny\"}]}", "url.categories[1]" },
		{ "{\"categories\":[{\"id\":\"a\",\"action\":\"maybe\"}]}", "url.categories[0]" },
		{ "{\"categories\":[{\"id\":\"a\",\"action\":\"deny\",\"from\":1440}]}", "url.categories[0]" },
		{ "{\"categories\":[{\"id\":\"a\",\"action\":\"deny\",\"days\":\"monday\"}]}", "url.categories[0]" },
		{ "{\"categories\":[{\"id\":\"a\",\"action\":\"deny\",\"terminals\":[\"example.jp\"]}]}", "url.categories[0]" },
		{ "{\"categories\":[{\"id\":\"a\",\"action\":\"deny\",\"groups\":[\"a,b\"]}]}", "url.categories[0]" },
		{ "{\"group_lists\":[{\"id\":\"a\",\"groups\":[\"b\"],\"black\":[\"*\"]}]}", "url.group_lists[0].black[0]" },
		{ "{\"group_lists\":[{\"groups\":[\"b\"]}]}", "url.group_lists[0]" },
	};
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		yyjson_doc *doc = yyjson_read(bad[i].json, strlen(bad[i].json), 0);
		struct url_policy_set *p = NULL;
		struct err err = { 0 };
		assert_int_equal(url_policy_build(yyjson_doc_get_root(doc), "url", NULL, &p, &err), -E_INVALID);
		assert_string_equal(err.path, bad[i].place);
		assert_null(p);
		yyjson_doc_free(doc);
	}
}

/* Each allocation of a build fails once: an error, no leak (ASan watches), and the next try succeeds. */
static void memory_may_run_out(void **state)
{
	struct policies ps;
	read_docs(&ps);
	for (long n = 1;; n++) {
		struct err err = { 0 };
		mem_fail_at(n);
		int r = build(&ps, &err);
		mem_fail_at(0);
		drop(&ps);
		if (r == 0) {
			assert_true(n > 20);
			break;
		}
		assert_int_equal(r, -E_NOMEM);
	}
	free_docs(&ps);
}

/* 20,000 names: each is found under its own number, none of their neighbours is. */
static void large_sets_stay_exact(void **state)
{
	enum { N = 20000 };
	struct url_set *s = NULL;
	struct str *list = mem_array(N, sizeof *list);
	char *text = mem_array(N, 32);
	for (int i = 0; i < N; i++) {
		snprintf(text + i * 32, 32, "%sh%d.d%d.example", i % 2 ? "." : "", i, i % 97);
		list[i] = str_from(text + i * 32);
	}
	assert_int_equal(url_set_build_list(list, N, "x", &s, NULL), 0);
	assert_int_equal(url_set_count(s), N);
	for (int i = 0; i < N; i++) {
		char host[64];
		size_t got = 0;
		snprintf(host, sizeof host, "%sh%d.d%d.example", i % 2 ? "www." : "", i, i % 97);
		assert_true(url_set_match_host(s, str_from(host), &got));
		assert_int_equal(got, i);
		snprintf(host, sizeof host, "h%d.d%d.example", i, (i + 1) % 97);
		assert_false(url_set_match_host(s, str_from(host), NULL));
	}
	url_set_destroy(&s);
	mem_free(list);
	mem_free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hosts_have_one_form),      cmocka_unit_test(paths_have_one_form),
		cmocka_unit_test(patterns_are_checked),     cmocka_unit_test(decisions_follow_the_order),
		cmocka_unit_test(resolved_addresses_are_asked_too), cmocka_unit_test(faults_name_their_place),
		cmocka_unit_test(lists_of_groups), cmocka_unit_test(categories_follow_time_and_terminal),
		cmocka_unit_test(memory_may_run_out),       cmocka_unit_test(large_sets_stay_exact),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
