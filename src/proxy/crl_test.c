/* Lists made here: each that is as it should be counts, each that is wrong in its own way says nothing. */
#include "base/test.h"

#include "base/mem.h"
#include "proxy/crl.h"

#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <time.h>

#define HOUR 3600l
#define URL "http://crl.example/7.crl"

static EVP_PKEY *key, *wrong_key;
static X509 *root, *leaf, *listless;
static STACK_OF(X509) *chain;

static void extend(X509 *x, int nid, const char *value)
{
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static X509 *make(const char *name, long serial, const char *points, const char *access)
{
	X509 *x = X509_new();
	X509_set_version(x, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(x), serial);
	X509_gmtime_adj(X509_getm_notBefore(x), -HOUR);
	X509_gmtime_adj(X509_getm_notAfter(x), HOUR);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(x, root ? X509_get_subject_name(root) : X509_get_subject_name(x));
	X509_set_pubkey(x, key);
	if (points)
		extend(x, NID_crl_distribution_points, points);
	if (access)
		extend(x, NID_info_access, access);
	assert_true(X509_sign(x, key, EVP_sha256()) > 0);
	return x;
}

static int setup(void **state)
{
	(void)state;
	key = EVP_EC_gen("P-256");
	wrong_key = EVP_EC_gen("P-256");
	root = make("root", 1, NULL, NULL);
	leaf = make("leaf", 7, "URI:" URL, NULL);
	listless = make("listless", 8, NULL, NULL);
	chain = sk_X509_new_null();
	sk_X509_push(chain, leaf);
	sk_X509_push(chain, root);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sk_X509_free(chain);
	X509_free(listless);
	X509_free(leaf);
	X509_free(root);
	EVP_PKEY_free(key);
	EVP_PKEY_free(wrong_key);
	return 0;
}

struct list {
	long serial, from, until; /* of who is revoked (0: nobody); hours from now */
	int nid;                  /* one extension: name and value; 0: none */
	const char *value;
	const EVP_MD *md;         /* NULL: SHA-256 */
	bool elses, forged;       /* another's name; another's key */
	enum staple want;
};

static void add_revoked(X509_CRL *c, long serial)
{
	X509_REVOKED *r = X509_REVOKED_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	ASN1_TIME *t = X509_gmtime_adj(NULL, -HOUR);
	ASN1_INTEGER_set(n, serial);
	X509_REVOKED_set_serialNumber(r, n);
	X509_REVOKED_set_revocationDate(r, t);
	X509_CRL_add0_revoked(c, r);
	ASN1_INTEGER_free(n);
	ASN1_TIME_free(t);
}

static size_t build(const struct list *l, unsigned char **der)
{
	X509_CRL *c = X509_CRL_new();
	ASN1_TIME *from = X509_gmtime_adj(NULL, l->from * HOUR), *until = X509_gmtime_adj(NULL, l->until * HOUR);
	X509_CRL_set_version(c, 1);
	X509_CRL_set_issuer_name(c, l->elses ? X509_get_subject_name(listless) : X509_get_subject_name(root));
	X509_CRL_set1_lastUpdate(c, from);
	if (l->until)
		X509_CRL_set1_nextUpdate(c, until);
	if (l->serial)
		add_revoked(c, l->serial);
	if (l->nid == NID_crl_number) {
		ASN1_INTEGER *number = ASN1_INTEGER_new();
		ASN1_INTEGER_set(number, 4);
		assert_int_equal(X509_CRL_add1_ext_i2d(c, NID_crl_number, number, 0, 0), 1);
		ASN1_INTEGER_free(number);
	} else if (l->nid) {
		X509V3_CTX ctx;
		CONF *conf = NCONF_new(NULL);
		BIO *b = BIO_new_mem_buf(l->value, -1);
		long line;
		X509_EXTENSION *e;
		X509V3_set_ctx(&ctx, NULL, NULL, NULL, c, 0);
		if (b && NCONF_load_bio(conf, b, &line) > 0)
			X509V3_set_nconf(&ctx, conf);
		e = X509V3_EXT_nconf_nid(conf, &ctx, l->nid, NCONF_get_string(conf, "x", "v"));
		assert_non_null(e);
		X509_CRL_add_ext(c, e, -1);
		X509_EXTENSION_free(e);
		BIO_free(b);
		NCONF_free(conf);
	}
	X509_CRL_sort(c);
	assert_true(X509_CRL_sign(c, l->forged ? wrong_key : key, l->md ? l->md : EVP_sha256()) > 0);
	int n = i2d_X509_CRL(c, der);
	X509_CRL_free(c);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	assert_true(n > 0);
	return (size_t)n;
}

static void each_list(void **state)
{
	const struct list lists[] = {
		{ .serial = 7, .from = -1, .until = 24, .want = STAPLE_REVOKED },
		{ .serial = 9, .from = -1, .until = 24, .want = STAPLE_GOOD },
		{ .from = -1, .until = 24, .want = STAPLE_GOOD },
		{ .serial = 9, .from = -48, .until = -24, .want = STAPLE_UNFIT },
		{ .serial = 9, .from = 24, .until = 48, .want = STAPLE_UNFIT },
		{ .serial = 9, .from = -1, .want = STAPLE_UNFIT }, /* it never says when it ends */
		{ .serial = 9, .from = -1, .until = 24, .md = EVP_sha1(), .want = STAPLE_UNFIT },
		{ .serial = 7, .from = -1, .until = 24, .elses = true, .want = STAPLE_UNFIT },
		{ .serial = 7, .from = -1, .until = 24, .forged = true, .want = STAPLE_UNFIT },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_issuing_distribution_point, .value = "[x]\nv=critical,@i\n[i]\nfullname=URI:" URL "\n", .want = STAPLE_GOOD },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_issuing_distribution_point, .value = "[x]\nv=critical,@i\n[i]\nfullname=URI:http://crl.example/8.crl\n", .want = STAPLE_UNFIT },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_issuing_distribution_point, .value = "[x]\nv=critical,@i\n[i]\nonlyCA=TRUE\n", .want = STAPLE_UNFIT },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_issuing_distribution_point, .value = "[x]\nv=critical,@i\n[i]\nindirectCRL=TRUE\n", .want = STAPLE_UNFIT },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_issuing_distribution_point, .value = "[x]\nv=critical,@i\n[i]\nonlysomereasons=keyCompromise\n", .want = STAPLE_UNFIT },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_crl_number, .want = STAPLE_GOOD },
		{ .serial = 9, .from = -1, .until = 24, .nid = NID_basic_constraints, .value = "[x]\nv=critical,CA:TRUE\n", .want = STAPLE_UNFIT }, /* critical, and no list's */
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		unsigned char *der = NULL;
		int64_t until = 0;
		size_t n = build(&lists[i], &der);
		enum staple got = crl_judge(der, n, URL, chain, &until);
		if (got != lists[i].want)
			fail_msg("list %zu: %d, not %d", i, got, lists[i].want);
		if (got == STAPLE_GOOD)
			assert_true(until > time(NULL) + 23 * HOUR && until <= time(NULL) + 24 * HOUR);
		OPENSSL_free(der);
	}
}

/* Each byte of a good one turned, and each shorter one: never another word than the true one, and none of what was turned. */
static void spoilt(void **state)
{
	const struct list l = { .serial = 7, .from = -1, .until = 24 };
	unsigned char *der = NULL;
	int64_t until;
	size_t n = build(&l, &der);
	(void)state;
	assert_int_equal(crl_judge(der, 0, URL, chain, &until), STAPLE_NONE);
	for (size_t i = 0; i < n; i++) {
		unsigned char *cut = mem_alloc(i + 1);
		memcpy(cut, der, i);
		assert_true(crl_judge(cut, i, URL, chain, &until) <= STAPLE_UNFIT);
		mem_free(cut);
		der[i] ^= 1;
		assert_int_equal(crl_judge(der, n, URL, chain, &until), STAPLE_UNFIT);
		der[i] ^= 1;
	}
	unsigned char *more = mem_alloc(n + 1);
	memcpy(more, der, n);
	assert_int_equal(crl_judge(more, n + 1, URL, chain, &until), STAPLE_UNFIT);
	mem_free(more);
	OPENSSL_free(der);
}

static void where_to_ask(void **state)
{
	static const struct {
		const char *points, *access;
		size_t n;
		const char *first, *ask;
	} cases[] = {
		{ NULL, NULL, 0, "", "" },
		{ "URI:" URL, NULL, 1, URL, "" },
		{ "URI:ldap://x/y,URI:" URL, "OCSP;URI:http://ask.example/", 1, URL, "http://ask.example/" },
		{ "URI:https://crl.example/1.crl", "OCSP;URI:https://ask.example/", 0, "", "" },
		{ "URI:file:///etc/passwd", "caIssuers;URI:http://ask.example/", 0, "", "" },
		{ "URI:http://crl.example/1\tHost: x", NULL, 0, "", "" },
		{ "URI:http://a/1,URI:http://a/2,URI:http://a/3,URI:http://a/4", NULL, CRL_URLS, "http://a/1", "" },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct crl_sources s;
		X509 *x = make("x", 9, cases[i].points, cases[i].access);
		if (crl_sources(x, &s) != (cases[i].n || cases[i].ask[0]) || s.n != cases[i].n || strcmp(s.ask, cases[i].ask) != 0 || strcmp(s.list[0], cases[i].first) != 0)
			fail_msg("case %zu: %zu, %s, %s", i, s.n, s.list[0], s.ask);
		X509_free(x);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(each_list), cmocka_unit_test(spoilt), cmocka_unit_test(where_to_ask) };
	return cmocka_run_group_tests_name("proxy/crl", tests, setup, teardown);
}
