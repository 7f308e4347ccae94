/* Lines as nginx and ModSecurity write them, and as nobody should: whose they are, what becomes of them. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "normalise/edge.h"
#include "normalise/event.h"
#include "normalise/schema.h"

static struct orgs *orgs;

static int setup(void **state)
{
	(void)state;
	return orgs_parse(STR("{\"uplinks\":[\"wan0\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o412015\"}]}"), &orgs, NULL);
}

static int teardown(void **state)
{
	(void)state;
	orgs_destroy(&orgs);
	return 0;
}

typedef const char *(*maker)(struct str, const struct orgs *, struct buf *);

static void expect(maker make, const char *line, const char *org, const char *event)
{
	struct buf b;
	buf_init(&b, MIB);
	const char *whose = make(str_from(line), orgs, &b);
	if (!org) {
		assert_null(whose);
	} else {
		assert_non_null(whose);
		assert_string_equal(whose, org);
		assert_string_equal(buf_cstr(&b), event);
	}
	buf_done(&b);
}

#define ACCESS(more) "{\"t\":\"1795341600.123\",\"org\":\"412015\",\"site\":\"www.city.example\",\"ref\":\"ab12\",\"src\":\"203.0.113.77\",\"port\":\"40000\"," more "}"

static void test_access(void **state)
{
	(void)state;
	expect(edge_access_event, ACCESS("\"method\":\"GET\",\"uri\":\"/a?b=c\",\"status\":\"200\",\"in\":\"80\",\"out\":\"512\",\"took\":\"0.004\",\"ua\":\"x\",\"referrer\":\"\",\"cache\":\"HIT\",\"ustatus\":\"\""),
	       "412015",
	       "{\"class_uid\":4002,\"product\":\"edge\",\"time\":1795341600123,\"ref\":\"ab12\",\"site\":\"www.city.example\",\"src_endpoint\":{\"ip\":\"203.0.113.77\",\"port\":40000},"
	       "\"http_request\":{\"http_method\":\"GET\",\"user_agent\":\"x\",\"url\":{\"path\":\"/a\"}},\"http_response\":{\"code\":200},\"traffic\":{\"bytes_in\":80,\"bytes_out\":512},"
	       "\"duration\":4,\"cache_status\":\"HIT\",\"action\":\"Allowed\",\"disposition\":\"Allowed\"}");
	/* the edge's own refusals, and what only looks like one because the origin said it */
	static const struct {
		const char *line, *tail;
	} cases[] = {
		{ ACCESS("\"status\":\"403\",\"ustatus\":\"\""), "\"action\":\"Denied\",\"disposition\":\"Blocked\",\"rule\":{\"uid\":\"waf\"}}" },
		{ ACCESS("\"status\":\"403\",\"ustatus\":\"403\""), "\"action\":\"Allowed\",\"disposition\":\"Allowed\"}" },
		{ ACCESS("\"status\":\"429\",\"ustatus\":\"\""), "\"rule\":{\"uid\":\"limit\"}}" },
		{ ACCESS("\"status\":\"503\",\"ustatus\":\"502\""), "\"action\":\"Allowed\",\"disposition\":\"Error\"}" },
		{ "{\"t\":\"1795341600.123\",\"org\":\"\",\"site\":\"www.412015.lg.example\",\"src\":\"203.0.113.77\",\"status\":\"503\",\"cache\":\"HELD\"}", "\"rule\":{\"uid\":\"crowd\"}}" },
		{ "{\"t\":\"1795341600.123\",\"org\":\"\",\"site\":\"\",\"src\":\"203.0.113.77\",\"status\":\"421\"}", "\"rule\":{\"uid\":\"unknown-site\"}}" },
	};
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf b;
		buf_init(&b, MIB);
		assert_non_null(edge_access_event(str_from(cases[i].line), orgs, &b));
		if (!str_ends(buf_view(&b), str_from(cases[i].tail)))
			fail_msg("%s\n%s", buf_cstr(&b), cases[i].tail);
		buf_done(&b);
	}
}

static void test_whose(void **state)
{
	struct buf b;
	(void)state;
	buf_init(&b, MIB);
	assert_string_equal(edge_access_event(STR("{\"org\":\"999999\",\"status\":200}"), orgs, &b), ORGS_SERVICE);
	assert_string_equal(edge_waf_event(STR("{\"transaction\":{\"unique_id\":\"412015\",\"messages\":[{}]}}"), orgs, &b), ORGS_SERVICE);
	assert_string_equal(edge_waf_event(STR("{\"transaction\":{\"unique_id\":\"412015-ab\",\"messages\":[{}]}}"), orgs, &b), "412015");
	/* bytes that aren't UTF-8 keep nothing out of the log */
	buf_reset(&b);
	assert_string_equal(edge_access_event(STR("{\"org\":\"412015\",\"status\":\"200\",\"uri\":\"/\xff\xfe\",\"ua\":\"\xc3\"}"), orgs, &b), "412015");
	assert_true(str_is_utf8(buf_view(&b)));
	assert_null(edge_access_event(STR("{\"org\":\"412015\"}"), orgs, &b));
	assert_null(edge_access_event(STR("[1]"), orgs, &b));
	assert_null(edge_access_event(STR(""), orgs, &b));
	assert_null(edge_waf_event(STR("{\"transaction\":{\"unique_id\":\"412015-ab\",\"messages\":[]}}"), orgs, &b));
	buf_done(&b);
}

#define WAF(engine, code)                                                                                                       \
	"{\"transaction\":{\"client_ip\":\"203.0.113.77\",\"client_port\":45266,\"unique_id\":\"412015-faf1\",\"request\":{\"method\":\"GET\"," \
	"\"uri\":\"/s?id=1\",\"headers\":{\"HOST\":\"WWW.City.example.:443\",\"User-Agent\":\"curl\"}},\"response\":{\"http_code\":" code "},"  \
	"\"producer\":{\"secrules_engine\":\"" engine "\"},\"messages\":[{\"message\":\"SQL Injection\",\"details\":{\"ruleId\":\"942100\","    \
	"\"data\":\"Matched Data: s&sos\"}},{\"message\":\"Inbound Anomaly Score Exceeded\",\"details\":{\"ruleId\":\"949110\",\"data\":\"\"}}]}}"

static void test_waf(void **state)
{
	(void)state;
#define HEAD "{\"class_uid\":4002,\"product\":\"waf\",\"ref\":\"faf1\",\"site\":\"www.city.example\",\"src_endpoint\":{\"ip\":\"203.0.113.77\",\"port\":45266}," \
	     "\"http_request\":{\"http_method\":\"GET\",\"user_agent\":\"curl\",\"url\":{\"path\":\"/s\"}},"
#define RULE "\"rules\":[\"942100\"],\"data\":\"Matched Data: s&sos\"},\"rule\":{\"uid\":\"942100\",\"name\":\"SQL Injection\"},"
	expect(edge_waf_event, WAF("Enabled", "403"), "412015", HEAD "\"waf\":{\"mode\":\"block\"," RULE "\"action\":\"Denied\",\"disposition\":\"Blocked\"}");
	expect(edge_waf_event, WAF("DetectionOnly", "200"), "412015", HEAD "\"waf\":{\"mode\":\"detect\"," RULE "\"action\":\"Allowed\",\"disposition\":\"Allowed\"}");
	/* the origin's own 403 where the WAF only detects */
	expect(edge_waf_event, WAF("DetectionOnly", "403"), "412015", HEAD "\"waf\":{\"mode\":\"detect\"," RULE "\"action\":\"Allowed\",\"disposition\":\"Allowed\"}");
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_access), cmocka_unit_test(test_whose), cmocka_unit_test(test_waf) };
	return cmocka_run_group_tests_name("normalise/edge", tests, setup, teardown);
}
