/* Requests as they are changed: for whom, and for nobody else. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "proxy/adjust.h"
#include "scan/type.h"

static const char conf[] =
	"{\"safe_search\":true,\"upload_max_mib\":2,\"deny_downloads\":[\"programs\",\"macros\"],\"tenants\":{\"microsoft\":[\"city.lg.example\",\"pref.lg.example\"],"
	"\"microsoft_context\":\"0a1b\",\"google\":[\"city.lg.example\"],\"slack\":[\"T01\"],\"slack_requester\":\"T01\"}}";

static void parse(const char *json, struct arena *a, struct adjust *ret, int want)
{
	yyjson_doc *doc = yyjson_read(json, strlen(json), 0);
	arena_init(a, 1 * MIB);
	assert_int_equal(adjust_parse(yyjson_doc_get_root(doc), a, ret), want);
	yyjson_doc_free(doc);
}

static const struct {
	const char *host, *lines;
} headers[] = {
	{ "login.microsoftonline.com", "Restrict-Access-To-Tenants: city.lg.example,pref.lg.example\r\nRestrict-Access-Context: 0a1b\r\n" },
	{ "login.live.com", "sec-Restrict-Tenant-Access-Policy: restrict-msa\r\n" },
	{ "login.microsoftonline.com.evil.example", "" },
	{ "accounts.google.com", "X-GoogApps-Allowed-Domains: city.lg.example\r\n" },
	{ "www.google.co.jp", "X-GoogApps-Allowed-Domains: city.lg.example\r\n" },
	{ "google.evil.example", "" },
	{ "www.google.com.evil.example", "" },
	{ "notgoogle.com", "" },
	{ "www.youtube.com", "X-GoogApps-Allowed-Domains: city.lg.example\r\nYouTube-Restrict: Strict\r\n" },
	{ "app.slack.com", "X-Slack-Allowed-Workspaces-Requester: T01\r\nX-Slack-Allowed-Workspaces: T01\r\n" },
	{ "notslack.com", "" },
	{ "www.example.jp", "" },
};

static const struct {
	const char *host, *in, *out;
} paths[] = {
	{ "www.google.com", "/search?q=a&safe=off&b=c", "/search?q=a&b=c&safe=active&ssui=on" },
	{ "www.google.co.jp", "/search?q=a", "/search?q=a&safe=active&ssui=on" },
	{ "www.google.com", "/search?%73afe=off&SAFE=off&q=1", "/search?q=1&safe=active&ssui=on" },
	{ "www.google.com", "/search?safer=1&q=safe%3Doff", "/search?safer=1&q=safe%3Doff&safe=active&ssui=on" },
	{ "www.google.com", "/search", "/search?safe=active&ssui=on" },
	{ "www.google.com", "//%73EARCH?q=a&safe=off", "//%73EARCH?q=a&safe=active&ssui=on" },
	{ "www.google.com", "/sear", "/sear" },
	{ "www.google.com", "/search?%73%61%66%65=off&saf%", "/search?saf%&safe=active&ssui=on" },
	{ "www.google.com", "/maps?q=a", "/maps?q=a" },
	{ "www.bing.com", "/images/search?q=a&adlt=off", "/images/search?q=a&adlt=strict" },
	{ "duckduckgo.com", "/?q=a&kp=-2", "/?q=a&kp=1" },
	{ "search.yahoo.com", "/search?p=a", "/search?p=a&vm=r" },
	{ "www.example.jp", "/search?q=a&safe=off", "/search?q=a&safe=off" },
	{ "google.evil.example", "/search?q=a", "/search?q=a" },
};

static void requests_are_changed(void **state)
{
	struct arena arena, none;
	struct adjust a, off;
	parse(conf, &arena, &a, 0);
	parse("{}", &none, &off, 0);
	assert_int_equal(a.upload_max, 2 * MIB);
	for (size_t i = 0; i < ARRAY_LEN(headers); i++) {
		struct buf b;
		buf_init(&b, 4096);
		adjust_headers(&off, headers[i].host, &b);
		assert_int_equal(b.len, 0);
		adjust_headers(&a, headers[i].host, &b);
		if (strcmp(buf_cstr(&b), headers[i].lines) != 0)
			fail_msg("%s: %s", headers[i].host, buf_cstr(&b));
		buf_done(&b);
	}
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct buf b;
		buf_init(&b, 4096);
		adjust_path(&a, paths[i].host, str_from(paths[i].in), &b);
		if (strcmp(buf_cstr(&b), paths[i].out) != 0)
			fail_msg("%s%s: %s", paths[i].host, paths[i].in, buf_cstr(&b));
		buf_reset(&b);
		adjust_path(&off, paths[i].host, str_from(paths[i].in), &b);
		assert_string_equal(buf_cstr(&b), paths[i].in);
		buf_done(&b);
	}
	arena_done(&arena);
	arena_done(&none);
}

static void kinds_are_denied(void **state)
{
	struct arena arena;
	struct adjust a;
	parse(conf, &arena, &a, 0);
	assert_string_equal(adjust_denied(a.deny_groups, "pe", 0), "programs");
	assert_string_equal(adjust_denied(a.deny_groups, "docm", 0), "macros");
	assert_null(adjust_denied(a.deny_groups, "docx", 0));
	assert_null(adjust_denied(a.deny_groups, "zip", 0));
	assert_null(adjust_denied(a.deny_groups, "zip", 1u << GROUP_ARCHIVES));
	assert_string_equal(adjust_denied(a.deny_groups, "zip", 1u << GROUP_ARCHIVES | 1u << GROUP_PROGRAMS), "programs");
	assert_null(adjust_denied(a.deny_groups, "", 0));
	arena_done(&arena);
}

static void only_we_say_certain_headers(void **state)
{
	assert_true(adjust_reserved(STR("RESTRICT-Access-To-Tenants")));
	assert_true(adjust_reserved(STR("x-googapps-allowed-domains")));
	assert_false(adjust_reserved(STR("x-googapps-allowed-domain")));
}

static void bad_settings_are_refused(void **state)
{
	static const char *const bad[] = { "{\"deny_downloads\":[\"viruses\"]}", "{\"upload_max_mib\":5000}", "{\"tenants\":{\"google\":\"x\"}}",
		                           "{\"tenants\":{\"google\":[\"a\\r\\nX: y\"]}}", "{\"tenants\":{\"slack_requester\":\"a\\nb\"}}" };
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct arena arena;
		struct adjust a;
		parse(bad[i], &arena, &a, -E_INVALID);
		arena_done(&arena);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(requests_are_changed),
		cmocka_unit_test(kinds_are_denied),
		cmocka_unit_test(only_we_say_certain_headers),
		cmocka_unit_test(bad_settings_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
