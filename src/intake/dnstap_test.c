/* What stands between a name server's socket and its events: frame streams, pairs of question and answer, sums. */
#include "base/test.h"

#include "base/err.h"
#include "base/mem.h"
#include "intake/dnscount.h"
#include "intake/dnspair.h"
#include "intake/fstrm.h"
#include "wire/cursor.h"
#include "wire/dns.h"

#include <stdio.h>

/* ---- frame streams ---- */

#define TYPE_FIELD "\0\0\0\1\0\0\0\x16" FSTRM_TYPE
#define READY "\0\0\0\0\0\0\0\x22\0\0\0\4" TYPE_FIELD
#define START "\0\0\0\0\0\0\0\x22\0\0\0\2" TYPE_FIELD
#define STOP "\0\0\0\0\0\0\0\4\0\0\0\3"
#define ACCEPT "\0\0\0\0\0\0\0\x22\0\0\0\1" TYPE_FIELD
#define FINISH "\0\0\0\0\0\0\0\4\0\0\0\5"

struct got {
	struct buf text;
	unsigned frames, stop_at;
};

static bool frame(struct str bytes, void *user)
{
	struct got *g = user;
	buf_str(&g->text, bytes);
	buf_putc(&g->text, '|');
	return ++g->frames != g->stop_at;
}

static void test_stream(void **state)
{
	static const char bytes[] = READY START "\0\0\0\3one" "\0\0\0\1" "2" "\0\0\0\5three" STOP "\0\0\0\4late";
	(void)state;
	for (size_t step = 1; step <= sizeof bytes; step += 3) {
		struct fstrm f = { 0 };
		struct got g = { 0 };
		struct buf in, out;
		buf_init(&g.text, 4096);
		buf_init(&in, 4096);
		buf_init(&out, 4096);
		for (size_t i = 0; i < sizeof bytes - 1; i += step) {
			size_t n = sizeof bytes - 1 - i;
			buf_put(&in, bytes + i, n < step ? n : step);
			assert_int_equal(fstrm_take(&f, &in, frame, &g, &out, NULL), 0);
		}
		assert_string_equal(buf_cstr(&g.text), "one|2|three|");
		assert_int_equal(out.len, sizeof(ACCEPT FINISH) - 1);
		assert_memory_equal(out.ptr, ACCEPT FINISH, out.len);
		buf_done(&g.text);
		buf_done(&in);
		buf_done(&out);
	}
}

static void test_stream_held(void **state)
{
	struct fstrm f = { 0 };
	struct got g = { .stop_at = 1 };
	struct buf in, out;
	(void)state;
	buf_init(&g.text, 4096);
	buf_init(&in, 4096);
	buf_init(&out, 4096);
	buf_str(&in, STR(READY START "\0\0\0\3one" "\0\0\0\3two"));
	assert_int_equal(fstrm_take(&f, &in, frame, &g, &out, NULL), 0);
	assert_int_equal(g.frames, 1);
	assert_int_equal(fstrm_take(&f, &in, frame, &g, &out, NULL), 0);
	assert_string_equal(buf_cstr(&g.text), "one|two|");
	buf_done(&g.text);
	buf_done(&in);
	buf_done(&out);
}

static void test_stream_hostile(void **state)
{
	static const struct str cases[] = {
		STR("\0\0\0\3one"),                                   /* before anything */
		STR(START),                                            /* nobody was asked */
		STR(READY "\0\0\0\3one"),                              /* before the start */
		STR(READY READY), STR(READY STOP), STR(READY START START),
		STR("\0\0\0\0\0\0\0\x10\0\0\0\4\0\0\0\1\0\0\0\4text"), /* of another content */
		STR("\0\0\0\0\0\0\0\x0c\0\0\0\4\0\0\0\1\0\0\0\x99"),   /* a field longer than its frame */
		STR("\0\0\0\0\0\0\0\0"), STR("\0\0\0\0\0\0\2\1"),      /* control frames of 0 and 513 bytes */
		STR(READY START "\xff\xff\xff\xff"),
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fstrm f = { 0 };
		struct got g = { 0 };
		struct buf in, out;
		buf_init(&g.text, 4096);
		buf_init(&in, 4096);
		buf_init(&out, 4096);
		buf_str(&in, cases[i]);
		if (fstrm_take(&f, &in, frame, &g, &out, NULL) != -E_INVALID || g.frames)
			fail_msg("case %zu isn't refused", i);
		buf_done(&g.text);
		buf_done(&in);
		buf_done(&out);
	}
}

/* ---- pairs ---- */


static struct dnstap message(unsigned type, char id, char name, uint16_t port, char bytes[32])
{
	static const char model[] = "\0?\1\0\0\1\0\0\0\0\0\0\1?\0\0\1\0\1";
	struct dnstap d = { .type = type, .client = { 4, { 10, 1, 0, 5 }, port }, .server = { 4, { 100, 64, 1, 53 }, 53 } };
	memcpy(bytes, model, sizeof model);
	bytes[1] = id;
	bytes[13] = name;
	struct str s = { bytes, sizeof model - 1 };
	d.query = type == DNSTAP_CLIENT_QUERY ? s : (struct str){ "", 0 };
	d.response = type == DNSTAP_CLIENT_QUERY ? (struct str){ "", 0 } : s;
	if (type == DNSTAP_CLIENT_QUERY)
		d.query_us = 1000000;
	else
		d.response_us = 1250000;
	return d;
}

static void told(const struct dnstap *d, void *user)
{
	struct str s = d->response.len ? d->response : d->query;
	buf_printf(user, "%c%s%lld ", s.len > 13 ? s.ptr[13] : '?', d->response.len ? "+" : "-", (long long)(d->query_us / 1000));
}

static void test_pairs(void **state)
{
	struct buf out;
	char bytes[32];
	struct dnstap d;
	(void)state;
	buf_init(&out, 64 * KIB);
	struct dnspair *p = dnspair_create(told, &out);
#define TAKE(type, id, name, port, at) (d = message(type, id, name, port, bytes), dnspair_take(p, &d, at))
#define SAYS(text) (assert_string_equal(buf_cstr(&out), text), buf_reset(&out))
	TAKE(DNSTAP_CLIENT_QUERY, 1, 'a', 4000, 0);
	TAKE(DNSTAP_CLIENT_QUERY, 1, 'b', 4000, 0);
	SAYS("");
	TAKE(DNSTAP_CLIENT_RESPONSE, 1, 'b', 4000, 1);
	SAYS("b+1000 ");
	TAKE(DNSTAP_CLIENT_RESPONSE, 1, 'b', 4000, 1); /* once only */
	SAYS("b+0 ");
	TAKE(DNSTAP_CLIENT_RESPONSE, 2, 'a', 4000, 1); /* another id, another port: not this question's */
	TAKE(DNSTAP_CLIENT_RESPONSE, 1, 'a', 4001, 1);
	SAYS("a+0 a+0 ");
	dnspair_tick(p, DNSPAIR_WAIT_MS - 1);
	SAYS("");
	dnspair_tick(p, DNSPAIR_WAIT_MS);
	SAYS("a-1000 ");
	/* asked twice before it is answered: two answers, and nothing left */
	TAKE(DNSTAP_CLIENT_QUERY, 3, 'c', 4000, 0);
	TAKE(DNSTAP_CLIENT_QUERY, 3, 'c', 4000, 0);
	TAKE(DNSTAP_CLIENT_RESPONSE, 3, 'c', 4000, 1);
	TAKE(DNSTAP_CLIENT_RESPONSE, 3, 'c', 4000, 1);
	dnspair_tick(p, 10 * DNSPAIR_WAIT_MS);
	SAYS("c+1000 c+1000 ");
	/* the same question again after its answer isn't mixed up with the place the first one still has in the row */
	TAKE(DNSTAP_CLIENT_QUERY, 4, 'd', 4000, 0);
	TAKE(DNSTAP_CLIENT_QUERY, 5, 'e', 4000, 0);
	TAKE(DNSTAP_CLIENT_RESPONSE, 5, 'e', 4000, 0);
	TAKE(DNSTAP_CLIENT_QUERY, 5, 'e', 4000, 0);
	TAKE(DNSTAP_CLIENT_RESPONSE, 4, 'd', 4000, 0);
	TAKE(DNSTAP_CLIENT_RESPONSE, 5, 'e', 4000, 0);
	SAYS("e+1000 d+1000 e+1000 ");
	/* what can't be read is told as it is, what waits when it ends too */
	d.query = (struct str){ "x", 1 };
	d.response = (struct str){ "", 0 };
	dnspair_take(p, &d, 0);
	SAYS("?-0 ");
	TAKE(DNSTAP_CLIENT_QUERY, 9, 'z', 4000, 0);
	dnspair_destroy(&p);
	SAYS("z-1000 ");
	buf_done(&out);
}

static void count_told(const struct dnstap *d, void *user)
{
	(void)d;
	++*(unsigned *)user;
}

static void test_pairs_many(void **state)
{
	unsigned n = 0;
	char bytes[32];
	struct dnstap d;
	(void)state;
	struct dnspair *p = dnspair_create(count_told, &n);
	for (unsigned i = 0; i < DNSPAIR_MAX + 100; i++) {
		d = message(DNSTAP_CLIENT_QUERY, (char)(i >> 16), 'a' + (char)(i % 26), (uint16_t)i, bytes);
		dnspair_take(p, &d, 0);
	}
	assert_int_equal(n, 100);
	for (unsigned i = 0; i < 1000; i++) { /* answered ones stand in the row until their turn: it has its ceiling all the same */
		d = message(DNSTAP_CLIENT_QUERY, 77, 'a', (uint16_t)i, bytes);
		dnspair_take(p, &d, 0);
		d = message(DNSTAP_CLIENT_RESPONSE, 77, 'a', (uint16_t)i, bytes);
		dnspair_take(p, &d, 0);
	}
	assert_int_equal(n, 2100);
	dnspair_destroy(&p);
	assert_int_equal(n, DNSPAIR_MAX + 100 + 1000);
}

/* ---- sums ---- */

static void told_json(const char *org, struct str json, void *user)
{
	buf_printf(user, "%s " STR_FMT "\n", org, STR_ARG(json));
}

static void test_sums(void **state)
{
	struct orgs *orgs = NULL;
	struct buf out;
	char bytes[32];
	(void)state;
	assert_int_equal(orgs_parse(STR("{\"uplinks\":[\"w\"],\"orgs\":[{\"code\":\"412015\",\"index\":1,\"interface\":\"o\"}],"
	                                "\"zones\":[{\"name\":\"a\",\"org\":\"412015\"}]}"), &orgs, NULL), 0);
	buf_init(&out, 64 * KIB);
	struct dnscount *c = dnscount_create(told_json, &out);
	struct dnstap d = message(DNSTAP_AUTH_RESPONSE, 1, 'a', 4000, bytes);
	unsigned one_by_one = 0;
	for (unsigned i = 0; i < DNSCOUNT_TOLD + 300; i++)
		one_by_one += dnscount_take(c, "ns1", &d, orgs, 5000);
	assert_int_equal(one_by_one, DNSCOUNT_TOLD);
	assert_true(dnscount_take(c, "ns2", &d, orgs, 5000)); /* another server has its own */
	assert_true(dnscount_take(c, "ns1", &d, orgs, 6000));
	d = message(DNSTAP_AUTH_RESPONSE, 1, 'x', 4000, bytes);
	bytes[3] = DNS_REFUSED;
	assert_true(dnscount_take(c, "ns1", &d, orgs, 6000));
	assert_int_equal(out.len, 0);
	dnscount_tick(c, 5000 + DNSCOUNT_WINDOW_MS);
	const char *text = buf_cstr(&out);
	assert_non_null(strstr(text, "412015 {\"class_uid\":4003,\"time\":5000,\"org\":\"412015\",\"product\":\"ns1\",\"src_endpoint\":{},"
	                             "\"query\":{\"zone\":\"a\"},\"rcode\":\"NOERROR\",\"action\":\"Allowed\",\"disposition\":\"Allowed\","
	                             "\"count\":801,\"untold\":300,\"duration\":10000,"));
	assert_non_null(strstr(text, "\"product\":\"ns2\",\"src_endpoint\":{},\"query\":{\"zone\":\"a\"},\"rcode\":\"NOERROR\","
	                             "\"action\":\"Allowed\",\"disposition\":\"Allowed\",\"count\":1,"));
	assert_non_null(strstr(text, "service {\"class_uid\":4003,\"time\":5000,\"org\":\"service\",\"product\":\"ns1\",\"src_endpoint\":{},"
	                             "\"query\":{},\"rcode\":\"REFUSED\""));
	buf_reset(&out);
	dnscount_tick(c, 500000);
	assert_int_equal(out.len, 0); /* nothing to say of silence */
	dnscount_destroy(&c);
	orgs_destroy(&orgs);
	buf_done(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_stream), cmocka_unit_test(test_stream_held), cmocka_unit_test(test_stream_hostile),
		cmocka_unit_test(test_pairs), cmocka_unit_test(test_pairs_many), cmocka_unit_test(test_sums),
	};
	return cmocka_run_group_tests_name("intake/dnstap", tests, NULL, NULL);
}
