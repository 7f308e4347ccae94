/* An authority that answers from a table, and goes wrong in one place after the other; certificates; what is due when. */
#include "base/test.h"

#include "acme/cert.h"
#include "acme/order.h"
#include "acme/watch.h"
#include "base/err.h"
#include "base/mem.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#define CA "https://ca.example/"

struct authority {
	const char *path, *instead; /* the first answer there is replaced by this one */
	int status;                 /* … with this status */
	unsigned calls, nonces, shown, waits;
	bool took_token, replaced, other_key;
	char content[512];
	EVP_PKEY *site;
	char names[2][64];
};

static int answer(struct acme_reply *ret, int status, const char *location, const char *body)
{
	ret->status = status;
	snprintf(ret->location, sizeof ret->location, "%s", location);
	buf_puts(&ret->body, body);
	return 0;
}

static void certificate(struct authority *a, EVP_PKEY *key, struct buf *b)
{
	char *text;
	X509 *x = X509_new();
	BIO *out = BIO_new(BIO_s_mem());
	X509V3_CTX ctx;
	X509_set_version(x, 2);
	X509_set_pubkey(x, key);
	X509_gmtime_adj(X509_getm_notBefore(x), -60);
	X509_gmtime_adj(X509_getm_notAfter(x), 89 * 86400);
	X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
	char san[160];
	snprintf(san, sizeof san, "DNS:%s,DNS:%s", a->names[0], a->names[1]);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, san);
	X509_add_ext(x, e, -1);
	X509_EXTENSION_free(e);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	PEM_write_bio_X509(out, x);
	long n = BIO_get_mem_data(out, &text);
	buf_put(b, text, (size_t)n);
	BIO_free(out);
	X509_free(x);
}

#define ORDER_HEAD "\"authorizations\":[\"" CA "authz\"],\"finalize\":\"" CA "finalize\""

static int call(void *user, const char *url, struct str body, struct acme_reply *ret, struct err *err)
{
	struct authority *a = user;
	const char *path = url + strlen(CA);
	(void)err;
	a->calls++;
	assert_true(strncmp(url, CA, strlen(CA)) == 0);
	assert_true(!body.ptr || (str_starts(body, STR("{\"protected\":\"")) && memmem(body.ptr, body.len, "\"signature\":\"", 13)));
	snprintf(ret->nonce, sizeof ret->nonce, "n%u", ++a->nonces);
	ret->retry_after_s = 0;
	if (a->path && strcmp(a->path, path) == 0 && !a->replaced) {
		a->replaced = true;
		return answer(ret, a->status, "", a->instead);
	}
	if (strcmp(path, "dir") == 0)
		return answer(ret, 200, "", "{\"newNonce\":\"" CA "nonce\",\"newAccount\":\"" CA "account\",\"newOrder\":\"" CA "order\"}");
	if (strcmp(path, "account") == 0)
		return answer(ret, 200, CA "account/1", "{\"status\":\"valid\"}");
	if (strcmp(path, "order") == 0)
		return answer(ret, 201, CA "order/1", "{\"status\":\"pending\"," ORDER_HEAD "}");
	if (strcmp(path, "authz") == 0)
		return answer(ret, 200, "", a->took_token ? "{\"status\":\"valid\",\"challenges\":[]}" :
		              "{\"status\":\"pending\",\"challenges\":[{\"type\":\"dns-01\"},{\"type\":\"http-01\",\"url\":\"" CA "challenge\",\"token\":\"abcdefghijklmnopqrstuv\"}]}");
	if (strcmp(path, "challenge") == 0) {
		a->took_token = a->shown == 1;
		return answer(ret, 200, "", "{}");
	}
	if (strcmp(path, "order/1") == 0)
		return answer(ret, 200, "", a->site ? "{\"status\":\"valid\",\"certificate\":\"" CA "cert\"," ORDER_HEAD "}" : "{\"status\":\"ready\"," ORDER_HEAD "}");
	if (strcmp(path, "finalize") == 0)
		return answer(ret, 200, "", "{\"status\":\"processing\"," ORDER_HEAD "}");
	if (strcmp(path, "cert") == 0) {
		EVP_PKEY *other = a->other_key ? EVP_EC_gen("P-256") : NULL;
		certificate(a, other ? other : a->site, &ret->body);
		EVP_PKEY_free(other);
		return answer(ret, 200, "", "trailing words\n");
	}
	return answer(ret, 200, "", "");
}

static int sign(void *user, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err)
{
	(void)user, (void)err, (void)input;
	memset(ret_pub, 7, 64);
	memset(ret_sig, 9, 64);
	return 0;
}

static int show(void *user, const char *token, struct str content, struct err *err)
{
	struct authority *a = user;
	(void)err;
	assert_string_equal(token, "abcdefghijklmnopqrstuv");
	a->shown += content.ptr ? 1 : -1u;
	if (content.ptr)
		str_copy(content, a->content, sizeof a->content);
	return 0;
}

static int request(void *user, const char *const *names, size_t n, struct buf *ret_pem, struct err *err)
{
	struct authority *a = user;
	char *text;
	X509_REQ *rq = X509_REQ_new();
	BIO *out = BIO_new(BIO_s_mem());
	(void)err, (void)names;
	assert_int_equal(n, 2);
	a->site = EVP_EC_gen("P-256");
	X509_REQ_set_pubkey(rq, a->site);
	X509_REQ_sign(rq, a->site, EVP_sha256());
	PEM_write_bio_X509_REQ(out, rq);
	long len = BIO_get_mem_data(out, &text);
	buf_put(ret_pem, text, (size_t)len);
	BIO_free(out);
	X509_REQ_free(rq);
	return 0;
}

static void wait_ms(void *user, unsigned ms)
{
	assert_true(ms >= 1000);
	((struct authority *)user)->waits++;
}

static int order(struct authority *a, struct buf *pem, struct err *err)
{
	static const char *const names[] = { "www.city.example", "city.example" };
	struct acme_world w = { call, sign, show, request, wait_ms, a };
	if (!a->names[0][0])
		snprintf(a->names[0], 64, "%s", names[0]);
	if (!a->names[1][0])
		snprintf(a->names[1], 64, "%s", names[1]);
	int r = acme_order(&w, &(struct acme_order){ CA "dir", "soc@pref.example", names, 2 }, pem, err);
	assert_int_equal(a->shown, 0); /* nothing of the challenge is left, whatever happened */
	EVP_PKEY_free(a->site);
	a->site = NULL;
	return r;
}

static void whole(void **state)
{
	struct authority a = { 0 };
	struct err err = { 0 };
	struct buf pem;
	(void)state;
	buf_init(&pem, MIB);
	assert_int_equal(order(&a, &pem, &err), 0);
	assert_true(str_starts(buf_view(&pem), STR("-----BEGIN CERTIFICATE-----")));
	assert_null(memmem(pem.ptr, pem.len, "trailing", 8));
	/* the token, and the thumbprint of a key of bytes 7 (RFC 7638, computed apart) */
	assert_true(strncmp(a.content, "abcdefghijklmnopqrstuv.", 23) == 0);
	assert_string_equal(a.content + 23, "h5bribGJCy-mgzZVQ-1bWm2V848M3HZdLsqL5QJf468");
	buf_done(&pem);
}

static void each_place_wrong(void **state)
{
	static const struct {
		const char *path, *instead;
		int status, code;
		const char *words;
	} cases[] = {
		{ "dir", "{\"newNonce\":\"http://ca.example/nonce\"}", 200, -E_INVALID, "directory" },
		{ "dir", "", 503, -E_CLOSED, "503" },
		{ "account", "{\"type\":\"urn:ietf:params:acme:error:unauthorized\",\"detail\":\"no\\nsuch\"}", 403, -E_DENIED, "unauthorized): no?such" },
		{ "account", "{}", 200, -E_INVALID, "names no account" },
		{ "order", "{\"type\":\"urn:ietf:params:acme:error:rateLimited\",\"detail\":\"later\"}", 429, -E_LIMIT, "later" },
		{ "order", "{\"status\":\"pending\"}", 201, -E_INVALID, "order" },
		{ "authz", "{\"status\":\"pending\",\"challenges\":[{\"type\":\"dns-01\"}]}", 200, -E_INVALID, "no http-01" },
		{ "authz", "{\"status\":\"pending\",\"challenges\":[{\"type\":\"http-01\",\"url\":\"" CA "c\",\"token\":\"../../../etc/passwd\"}]}", 200, -E_INVALID, "authorization" },
		{ "authz", "{\"status\":\"invalid\",\"challenges\":[]}", 200, -E_DENIED, "didn't see" },
		{ "order/1", "{\"status\":\"invalid\"," ORDER_HEAD ",\"error\":{\"detail\":\"CAA\"}}", 200, -E_DENIED, "CAA" },
		{ "finalize", "{\"type\":\"urn:ietf:params:acme:error:badCSR\",\"detail\":\"weak\"}", 400, -E_DENIED, "weak" },
		{ "cert", "not a certificate", 200, -E_INVALID, "no certificate" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct authority a = { .path = cases[i].path, .instead = cases[i].instead, .status = cases[i].status };
		struct err err = { 0 };
		struct buf pem;
		buf_init(&pem, MIB);
		int r = order(&a, &pem, &err);
		if (r != cases[i].code || !strstr(err.msg, cases[i].words) || pem.len)
			fail_msg("%s -> %s: %d, %s", cases[i].path, cases[i].instead, r, err.msg);
		buf_done(&pem);
	}
}

/* RFC 8555 section 6.5: once more with the nonce of the refusal. */
static void refused_nonce(void **state)
{
	static const char *const paths[] = { "account", "order", "challenge", "finalize", "cert" };
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		struct authority a = { .path = paths[i], .instead = "{\"type\":\"urn:ietf:params:acme:error:badNonce\"}", .status = 400 };
		struct buf pem;
		buf_init(&pem, MIB);
		assert_int_equal(order(&a, &pem, NULL), 0);
		assert_true(a.replaced && pem.len > 0);
		buf_done(&pem);
	}
}

static void anothers_certificate(void **state)
{
	struct authority key = { .other_key = true }, name = { .names = { "www.city.example", "www.other.example" } };
	struct buf pem;
	(void)state;
	buf_init(&pem, MIB);
	assert_int_equal(order(&key, &pem, NULL), -E_INVALID);
	assert_int_equal(order(&name, &pem, NULL), -E_INVALID);
	assert_int_equal(pem.len, 0);
	buf_done(&pem);
}

#define DAY 86400

static void due(void **state)
{
	static const struct acme_site ours = { .acme = true, .names = { "www.city.example" }, .n = 1 }, given = { .names = { "a.example" }, .n = 1 };
	struct watched w = { .site = &ours, .have = true, .cert = { .not_before = 0, .not_after = 90 * DAY, .covers = true } };
	char words[600];
	(void)state;
	assert_false(watch_due(&w, 59 * DAY, 1));
	assert_true(watch_due(&w, 60 * DAY, 1));
	w.cert.covers = false; /* a name was added */
	assert_true(watch_due(&w, 1, 1));
	w.cert.covers = true;
	int64_t wait = 60000;
	for (int i = 0; i < 20; i++) { /* a minute, two … six hours */
		watch_failed(&w, "no answer", 1000);
		assert_int_equal(w.try_ms, 1000 + wait);
		assert_false(watch_due(&w, 61 * DAY, 999 + wait));
		assert_true(watch_due(&w, 61 * DAY, 1000 + wait));
		wait = wait * 2 > 21600000 ? 21600000 : wait * 2;
	}
	assert_true(watch_alarm(&w, 61 * DAY, words, sizeof words) && strstr(words, "no answer"));
	assert_false(watch_alarm(&w, 74 * DAY, words, sizeof words));
	assert_true(watch_alarm(&w, 76 * DAY, words, sizeof words) && strstr(words, "14 days"));
	assert_false(watch_alarm(&w, 80 * DAY, words, sizeof words));
	assert_true(watch_alarm(&w, 90 * DAY, words, sizeof words) && strstr(words, "has ended"));
	watch_renewed(&w, &(struct cert){ .not_before = 90 * DAY, .not_after = 180 * DAY, .covers = true });
	assert_false(watch_due(&w, 91 * DAY, 1));
	assert_false(watch_alarm(&w, 91 * DAY, words, sizeof words));

	struct watched g = { .site = &given, .have = true, .cert = { .not_after = 100 * DAY, .covers = true } };
	static const int told[] = { 71, 87, 94, 100 }; /* whole days: the last one is less than a day, and then its end */
	unsigned n = 0;
	for (int d = 0; d < 110; d++)
		if (watch_alarm(&g, (int64_t)d * DAY, words, sizeof words)) {
			assert_true(n < ARRAY_LEN(told));
			assert_int_equal(d, told[n++]);
		}
	assert_int_equal(n, ARRAY_LEN(told));
	assert_false(watch_due(&g, 200 * DAY, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(whole), cmocka_unit_test(each_place_wrong), cmocka_unit_test(refused_nonce),
		                            cmocka_unit_test(anothers_certificate), cmocka_unit_test(due) };
	return cmocka_run_group_tests_name("acme/order", tests, NULL, NULL);
}
