/* Stapled answers made here: each good one passes, each that is wrong in its own way says nothing, and "revoked" is heard. */
#include "proxy/staple.h"

#include "base/mem.h"

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <string.h>
#include <time.h>

#pragma GCC diagnostic ignored "-Woverride-init" /* WITH(): the later one wins, as meant */
#define CA "critical,CA:TRUE"
#define HOUR 3600l

struct party {
	EVP_PKEY *key;
	X509 *cert;
};
static struct party root, other, leaf, neighbour, must, helper, stranger, ended;
static X509_STORE *store;

static void extend(X509 *x, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, issuer, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	assert_non_null(e);
	assert_int_equal(X509_add_ext(x, e, -1), 1);
	X509_EXTENSION_free(e);
}

static void make(struct party *p, const struct party *by, const char *name, long serial, int nid, const char *value, long ends)
{
	p->key = EVP_EC_gen("P-256");
	p->cert = X509_new();
	by = by ? by : p;
	X509_set_version(p->cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(p->cert), serial);
	X509_gmtime_adj(X509_getm_notBefore(p->cert), -10 * HOUR);
	X509_gmtime_adj(X509_getm_notAfter(p->cert), ends);
	X509_NAME_add_entry_by_txt(X509_get_subject_name(p->cert), "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(p->cert, X509_get_subject_name(by->cert));
	X509_set_pubkey(p->cert, p->key);
	if (value)
		extend(p->cert, by->cert, nid, value);
	assert_true(X509_sign(p->cert, by->key, EVP_sha256()) > 0);
}

static int setup(void **state)
{
	make(&root, NULL, "root", 1, NID_basic_constraints, CA, 100 * HOUR);
	make(&other, NULL, "other", 1, NID_basic_constraints, CA, 100 * HOUR);
	make(&leaf, &root, "leaf", 2, 0, NULL, 100 * HOUR);
	make(&neighbour, &root, "neighbour", 3, 0, NULL, 100 * HOUR);
	make(&must, &root, "must", 4, NID_tlsfeature, "status_request", 100 * HOUR);
	make(&helper, &root, "helper", 5, NID_ext_key_usage, "OCSPSigning", 100 * HOUR);
	make(&stranger, &other, "stranger", 6, NID_ext_key_usage, "OCSPSigning", 100 * HOUR);
	make(&ended, &root, "ended", 7, NID_ext_key_usage, "OCSPSigning", -HOUR);
	store = X509_STORE_new();
	X509_STORE_add_cert(store, root.cert);
	X509_STORE_add_cert(store, other.cert);
	return 0;
}

static int teardown(void **state)
{
	struct party *all[] = { &root, &other, &leaf, &neighbour, &must, &helper, &stranger, &ended };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		EVP_PKEY_free(all[i]->key);
		X509_free(all[i]->cert);
	}
	X509_STORE_free(store);
	return 0;
}

struct answer {
	const struct party *of, *issuer, *by;
	int status, reason;      /* V_OCSP_CERTSTATUS_…, OCSP_REVOKED_STATUS_… */
	long from, until;        /* seconds from now; until 0: it doesn't say */
	const EVP_MD *id, *sign; /* NULL: SHA-1, SHA-256 */
	bool without;            /* the signer's certificate doesn't come along */
	int singles;             /* 0: one */
};

/* What it makes of it; spoil: this byte from the end is turned (0: none), cut: so many are missing. */
static enum staple judge(const struct answer *a, size_t spoil, size_t cut)
{
	OCSP_BASICRESP *b = OCSP_BASICRESP_new();
	OCSP_CERTID *id = OCSP_cert_to_id(a->id ? a->id : EVP_sha1(), a->of->cert, a->issuer->cert);
	ASN1_TIME *from = X509_gmtime_adj(NULL, a->from), *until = a->until ? X509_gmtime_adj(NULL, a->until) : NULL, *when = X509_gmtime_adj(NULL, -5 * HOUR);
	for (int i = 0; i < (a->singles ? a->singles : 1); i++)
		assert_non_null(OCSP_basic_add1_status(b, id, a->status, a->reason, when, from, until));
	assert_int_equal(OCSP_basic_sign(b, a->by->cert, a->by->key, a->sign ? a->sign : EVP_sha256(), NULL, a->without ? OCSP_NOCERTS : 0), 1);
	OCSP_RESPONSE *r = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, b);
	unsigned char *der = NULL;
	int n = i2d_OCSP_RESPONSE(r, &der);
	assert_true(n > 0 && spoil <= (size_t)n && cut <= (size_t)n);
	if (spoil)
		der[(size_t)n - spoil] ^= 1;
	STACK_OF(X509) *chain = sk_X509_new_null();
	sk_X509_push(chain, leaf.cert);
	sk_X509_push(chain, root.cert);
	unsigned char *exact = mem_alloc((size_t)n - cut + 1); /* so that a read beyond is seen */
	memcpy(exact, der, (size_t)n - cut);
	enum staple ret = staple_judge(exact, (size_t)n - cut, chain, store);
	mem_free(exact);
	sk_X509_free(chain);
	OPENSSL_free(der);
	OCSP_RESPONSE_free(r);
	OCSP_BASICRESP_free(b);
	OCSP_CERTID_free(id);
	ASN1_TIME_free(from);
	ASN1_TIME_free(until);
	ASN1_TIME_free(when);
	return ret;
}

static const struct answer good = { .of = &leaf, .issuer = &root, .by = &root, .status = V_OCSP_CERTSTATUS_GOOD, .from = -HOUR, .until = HOUR };

#define WITH(...) (&(struct answer){ .of = &leaf, .issuer = &root, .by = &root, .status = V_OCSP_CERTSTATUS_GOOD, .from = -HOUR, .until = HOUR, __VA_ARGS__ })

static void passes(void **state)
{
	const EVP_MD *ids[] = { EVP_sha1(), EVP_sha256(), EVP_sha384(), EVP_sha512() };
	assert_int_equal(judge(&good, 0, 0), STAPLE_GOOD);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++)
		assert_int_equal(judge(WITH(.id = ids[i]), 0, 0), STAPLE_GOOD);
	assert_int_equal(judge(WITH(.without = true), 0, 0), STAPLE_GOOD);
	assert_int_equal(judge(WITH(.by = &helper), 0, 0), STAPLE_GOOD);
	assert_int_equal(judge(WITH(.from = 200), 0, 0), STAPLE_GOOD);
	assert_int_equal(judge(WITH(.until = -200), 0, 0), STAPLE_GOOD);
	assert_int_equal(judge(WITH(.until = 0), 0, 0), STAPLE_GOOD);
	assert_int_equal(judge(WITH(.sign = EVP_sha384()), 0, 0), STAPLE_GOOD);
}

static void says_nothing(void **state)
{
	assert_int_equal(staple_judge(NULL, 0, NULL, store), STAPLE_NONE);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_UNKNOWN), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.of = &neighbour), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.issuer = &other, .by = &other), 0, 0), STAPLE_UNFIT); /* the same serial of another authority */
	assert_int_equal(judge(WITH(.by = &other), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.by = &neighbour), 0, 0), STAPLE_UNFIT); /* the authority's, but not for this */
	assert_int_equal(judge(WITH(.by = &leaf), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.by = &stranger), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.by = &ended), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.from = 1000), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.until = -400), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.from = -STAPLE_AGE_S - 1000, .until = 0), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.sign = EVP_sha1()), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.id = EVP_md5()), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.singles = STAPLE_SINGLES + 1), 0, 0), STAPLE_UNFIT);
}

static void broken(void **state)
{
	for (size_t i = 1; i < 400; i++)
		assert_in_range(judge(WITH(.without = true, .singles = 4), i, 0), STAPLE_NONE, STAPLE_GOOD); /* never "revoked" by one bit */
	assert_int_equal(judge(WITH(.without = true), 3, 0), STAPLE_UNFIT); /* the signature's last bytes */
	for (size_t i = 1; i < 100; i++)
		assert_int_equal(judge(&good, 0, i), STAPLE_UNFIT);
}

static void revoked(void **state)
{
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .reason = OCSP_REVOKED_STATUS_KEYCOMPROMISE), 0, 0), STAPLE_REVOKED);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .reason = OCSP_REVOKED_STATUS_NOSTATUS, .by = &helper), 0, 0), STAPLE_REVOKED);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .reason = OCSP_REVOKED_STATUS_NOSTATUS, .until = -400), 0, 0), STAPLE_REVOKED);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD), 0, 0), STAPLE_REVOKED);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .reason = OCSP_REVOKED_STATUS_CERTIFICATEHOLD, .until = -400), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .by = &stranger), 0, 0), STAPLE_UNFIT);
	assert_int_equal(judge(WITH(.status = V_OCSP_CERTSTATUS_REVOKED, .of = &neighbour), 0, 0), STAPLE_UNFIT);
}

static void must_staple(void **state)
{
	struct party second, both, strange;
	make(&second, &root, "second", 8, NID_tlsfeature, "status_request_v2", 100 * HOUR);
	make(&both, &root, "both", 9, NID_tlsfeature, "status_request_v2,status_request", 100 * HOUR);
	make(&strange, &root, "strange", 10, NID_tlsfeature, "DER:0401ff", 100 * HOUR);
	assert_true(staple_must(must.cert));
	assert_true(staple_must(both.cert));
	assert_true(staple_must(strange.cert)); /* nobody can read what it asks for */
	assert_false(staple_must(second.cert)); /* TLS 1.3 knows none of these, and we ask for none */
	assert_false(staple_must(leaf.cert));
	struct party *all[] = { &second, &both, &strange };
	for (size_t i = 0; i < ARRAY_LEN(all); i++) {
		EVP_PKEY_free(all[i]->key);
		X509_free(all[i]->cert);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(passes), cmocka_unit_test(says_nothing), cmocka_unit_test(broken), cmocka_unit_test(revoked), cmocka_unit_test(must_staple) };
	return cmocka_run_group_tests_name("proxy/staple", tests, setup, teardown);
}
