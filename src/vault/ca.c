/* See ca.h. The CA's own certificate is made once, by OpenSSL; leaves are thousands a second and written by hand. */
#include "vault/ca.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "vault/der.h"

#include <arpa/inet.h>
#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#define CA_DAYS 3650
#define KEY_ID 20

struct ca {
	EVP_PKEY *key;
	EVP_PKEY_CTX *sign; /* kept initialised: fetching it anew costs more than the signature */
	struct buf issuer;  /* DER of our subject */
	struct buf pem;
	unsigned char key_id[KEY_ID];
	int64_t not_before, not_after;
};

static void x509_cleanup(X509 **x)
{
	X509_free(*x);
}

/* DER of AlgorithmIdentifier ecdsa-with-SHA256, and the head of every P-256 SubjectPublicKeyInfo. */
static const unsigned char ecdsa_sha256[] = { 0x30, 0x0a, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02 };
static const unsigned char spki_p256[] = { 0x30, 0x59, 0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01,
	0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07, 0x03, 0x42, 0x00, 0x04 };
#define SPKI_P256_LEN 91
#define POINT_AT 26 /* where the point begins: what a key identifier is made of */

/* ---- our own certificate ---- */

static bool extend(X509 *x, int nid, const char *value)
{
	X509V3_CTX c;
	X509V3_set_ctx(&c, x, x, NULL, NULL, 0);
	X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &c, nid, value);
	bool ok = e && X509_add_ext(x, e, -1) == 1;
	X509_EXTENSION_free(e);
	return ok;
}

static bool serial(X509 *x)
{
	unsigned char bytes[16];
	rnd_bytes(bytes, sizeof bytes);
	bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x40);
	BIGNUM *n = BN_bin2bn(bytes, sizeof bytes, NULL);
	bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x));
	BN_free(n);
	return ok;
}

static X509 *self_signed(EVP_PKEY *key, const char *name)
{
	X509 *x = X509_new();
	time_t now = (time_t)(clock_now_ms() / 1000) - 3600;
	bool ok = x && X509_set_version(x, 2) == 1 && serial(x) && ASN1_TIME_set(X509_getm_notBefore(x), now) &&
	          ASN1_TIME_adj(X509_getm_notAfter(x), now, CA_DAYS, 0) && X509_set_pubkey(x, key) == 1;
	X509_NAME *n = ok ? X509_get_subject_name(x) : NULL;
	ok = ok && X509_NAME_add_entry_by_txt(n, "O", MBSTRING_UTF8, (const unsigned char *)"Toride", -1, -1, 0) == 1 &&
	     X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
	     X509_set_issuer_name(x, n) == 1 && extend(x, NID_basic_constraints, "critical,CA:TRUE,pathlen:0") &&
	     extend(x, NID_key_usage, "critical,keyCertSign,cRLSign") && extend(x, NID_subject_key_identifier, "hash") &&
	     X509_sign(x, key, EVP_sha256()) > 0;
	if (ok)
		return x;
	X509_free(x);
	return NULL;
}

static int put_der(struct store *s, const char *name, unsigned char *der, int n, struct err *err)
{
	if (n <= 0)
		return err_set(err, E_IO, name, "cannot encode");
	int r = store_put(s, name, (struct str){ (char *)der, (size_t)n }, err);
	OPENSSL_clear_free(der, (size_t)n);
	return r;
}

static int key_load(struct store *s, struct ca *ca, struct err *err)
{
	unsigned char *der = NULL;
	if (!store_has(s, "ca.key")) {
		if (store_has(s, "ca.crt"))
			return err_set(err, E_CORRUPT, "ca.key", "the CA's key is missing, but its certificate is there");
		ca->key = EVP_EC_gen("P-256");
		int n = ca->key ? i2d_PrivateKey(ca->key, &der) : -1;
		return put_der(s, "ca.key", der, n, err);
	}
	struct buf b;
	buf_init(&b, 4096);
	int r = store_get(s, "ca.key", &b, err);
	const unsigned char *p = (unsigned char *)b.ptr;
	if (r == 0 && !(ca->key = d2i_AutoPrivateKey(NULL, &p, (long)b.len)))
		r = err_set(err, E_CORRUPT, "ca.key", "not a private key");
	buf_wipe(&b);
	return r;
}

static int cert_load(struct store *s, struct ca *ca, const char *name, X509 **ret, struct err *err)
{
	unsigned char *der = NULL;
	if (!store_has(s, "ca.crt")) {
		*ret = self_signed(ca->key, name);
		int n = *ret ? i2d_X509(*ret, &der) : -1; /* before the call: arguments have no order */
		return put_der(s, "ca.crt", der, n, err);
	}
	struct buf b;
	buf_init(&b, 8192);
	int r = store_get(s, "ca.crt", &b, err);
	const unsigned char *p = (unsigned char *)b.ptr;
	if (r == 0 && (!(*ret = d2i_X509(NULL, &p, (long)b.len)) || X509_check_private_key(*ret, ca->key) != 1))
		r = err_set(err, E_CORRUPT, "ca.crt", "not the certificate of our key");
	buf_done(&b);
	return r;
}

static int64_t seconds_of(const ASN1_TIME *t)
{
	struct tm tm;
	return ASN1_TIME_to_tm(t, &tm) == 1 ? (int64_t)timegm(&tm) : 0;
}

/* What a leaf needs of us, ready as bytes. */
static int take_parts(struct ca *ca, X509 *x, struct err *err)
{
	unsigned char *der = NULL;
	int n = i2d_X509_NAME(X509_get_subject_name(x), &der);
	if (n > 0)
		buf_put(&ca->issuer, der, (size_t)n);
	OPENSSL_free(der);
	const ASN1_OCTET_STRING *id = X509_get0_subject_key_id(x);
	BIO *bio = BIO_new(BIO_s_mem());
	char *pem;
	long len = bio && PEM_write_bio_X509(bio, x) == 1 ? BIO_get_mem_data(bio, &pem) : 0;
	if (len > 0)
		buf_put(&ca->pem, pem, (size_t)len);
	BIO_free(bio);
	if (n <= 0 || len <= 0 || !id || ASN1_STRING_length(id) != KEY_ID || ca->issuer.failed || ca->pem.failed)
		return err_set(err, E_CORRUPT, "ca.crt", "not a certificate of ours");
	memcpy(ca->key_id, ASN1_STRING_get0_data(id), KEY_ID);
	ca->not_before = seconds_of(X509_get0_notBefore(x));
	ca->not_after = seconds_of(X509_get0_notAfter(x));
	return 0;
}

int ca_open(struct store *s, const char *name, struct ca **ret, struct err *err)
{
	_cleanup_(x509_cleanup) X509 *x = NULL;
	struct ca *ca = mem_alloc(sizeof *ca);
	if (!ca)
		return err_set(err, E_NOMEM, "", "no memory");
	buf_init(&ca->issuer, 1024);
	buf_init(&ca->pem, 8192);
	int r = key_load(s, ca, err);
	if (r == 0)
		r = cert_load(s, ca, name, &x, err);
	if (r == 0)
		r = take_parts(ca, x, err);
	if (r == 0 && (!(ca->sign = EVP_PKEY_CTX_new(ca->key, NULL)) || EVP_PKEY_sign_init(ca->sign) != 1 ||
	               EVP_PKEY_CTX_set_signature_md(ca->sign, EVP_sha256()) != 1))
		r = err_set(err, E_IO, "ca.key", "cannot sign");
	if (r < 0) {
		ca_close(&ca);
		return r;
	}
	*ret = ca;
	return 0;
}

void ca_close(struct ca **ca)
{
	if (!*ca)
		return;
	EVP_PKEY_CTX_free((*ca)->sign);
	EVP_PKEY_free((*ca)->key);
	buf_done(&(*ca)->issuer);
	buf_done(&(*ca)->pem);
	mem_free(*ca);
	*ca = NULL;
}

struct str ca_pem(const struct ca *ca)
{
	return buf_view(&ca->pem);
}

/* ---- leaves ---- */

/* Lower-case LDH labels with "_", at most 253 bytes, "*." in front allowed (RFC 6125 §6.4.3). */
static bool host_ok(const char *h)
{
	size_t label = 0, n = strlen(h), dots = 0;
	const char *s = strncmp(h, "*.", 2) == 0 ? h + 2 : h;
	if (n == 0 || n > 253)
		return false;
	for (; *s; s++) {
		bool letter = (*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || *s == '_';
		if (*s == '.' ? label == 0 || s[-1] == '-' : !letter && (*s != '-' || label == 0))
			return false;
		dots += *s == '.';
		label = *s == '.' ? 0 : label + 1;
		if (label > 63)
			return false;
	}
	return label > 0 && s[-1] != '-' && (h[0] != '*' || dots > 0);
}

static bool name_put(struct buf *b, const char *name)
{
	unsigned char ip[16];
	if (inet_pton(AF_INET, name, ip) == 1)
		der_put(b, DER_CONTEXT(7), ip, 4);
	else if (inet_pton(AF_INET6, name, ip) == 1)
		der_put(b, DER_CONTEXT(7), ip, 16);
	else if (host_ok(name))
		der_put(b, DER_CONTEXT(2), name, strlen(name));
	else
		return false;
	return true;
}

static int leaf_check(const struct ca *ca, const struct vault_request *rq, struct err *err)
{
	int64_t from = rq->leaf.not_before, to = rq->leaf.not_after;
	if (from < 0 || from >= to || to - from > (int64_t)VAULT_LEAF_DAYS * 86400)
		return err_set(err, E_INVALID, "not_after", "at most %d days after not_before", VAULT_LEAF_DAYS);
	if (from < ca->not_before - 30 * 86400 || to > ca->not_after)
		return err_set(err, E_INVALID, "not_after", "outside the CA's own validity");
	const struct str *k = &rq->leaf.spki;
	if (rq->leaf.key_type != VAULT_KEY_P256 || k->len != SPKI_P256_LEN || memcmp(k->ptr, spki_p256, sizeof spki_p256) != 0)
		return err_set(err, E_INVALID, "spki", "not an uncompressed P-256 key");
	return 0;
}

/* id-ce-NN with its value already as DER of an OCTET STRING's content. */
static size_t extension_begin(struct buf *b, uint8_t id, bool critical, size_t *ret_octets)
{
	size_t at = der_begin(b, DER_SEQUENCE);
	der_put(b, DER_OID, (unsigned char[]){ 0x55, 0x1d, id }, 3);
	if (critical)
		der_put(b, DER_BOOLEAN, "\xff", 1);
	*ret_octets = der_begin(b, DER_OCTETS);
	return at;
}

static void extension(struct buf *b, uint8_t id, bool critical, const void *value, size_t n)
{
	size_t octets, at = extension_begin(b, id, critical, &octets);
	buf_put(b, value, n);
	der_end(b, octets);
	der_end(b, at);
}

static int alt_names(struct buf *b, const struct vault_request *rq, bool critical, struct err *err)
{
	size_t octets, at = extension_begin(b, 17, critical, &octets), seq = der_begin(b, DER_SEQUENCE);
	for (size_t i = 0; i < rq->leaf.n; i++)
		if (!name_put(b, rq->leaf.names[i]))
			return err_set(err, E_INVALID, "name", "neither a host name nor an address: %.100s", rq->leaf.names[i]);
	der_end(b, seq);
	der_end(b, octets);
	der_end(b, at);
	return 0;
}

static int extensions(struct buf *b, const struct ca *ca, const struct vault_request *rq, bool named, struct err *err)
{
	static const unsigned char usage[] = { DER_BITS, 2, 7, 0x80 }; /* digitalSignature */
	static const unsigned char server[] = { 0x30, 0x0a, 0x06, 0x08, 0x2b, 0x06, 0x01, 0x05, 0x05, 0x07, 0x03, 0x01 };
	unsigned char sha[32], ski[2 + KEY_ID] = { DER_OCTETS, KEY_ID }, aki[4 + KEY_ID] = { 0x30, 2 + KEY_ID, 0x80, KEY_ID };
	SHA256((const unsigned char *)rq->leaf.spki.ptr + POINT_AT, SPKI_P256_LEN - POINT_AT, sha);
	memcpy(ski + 2, sha, KEY_ID); /* RFC 7093 §2 (1) */
	memcpy(aki + 4, ca->key_id, KEY_ID);
	size_t ctx = der_begin(b, DER_CONTEXT_IN(3)), seq = der_begin(b, DER_SEQUENCE);
	extension(b, 19, true, "\x30\x00", 2);
	extension(b, 15, true, usage, sizeof usage);
	extension(b, 37, false, server, sizeof server);
	extension(b, 14, false, ski, sizeof ski);
	extension(b, 35, false, aki, sizeof aki);
	int r = alt_names(b, rq, !named, err);
	der_end(b, seq);
	der_end(b, ctx);
	return r;
}

/* CN is the first name; one too long for it (64 characters) leaves the subject empty and SAN critical (RFC 5280 §4.1.2.6). */
static bool subject(struct buf *b, const char *name)
{
	size_t n = strlen(name), seq = der_begin(b, DER_SEQUENCE);
	if (n <= 64) {
		size_t set = der_begin(b, DER_SET), pair = der_begin(b, DER_SEQUENCE);
		der_put(b, DER_OID, "\x55\x04\x03", 3);
		der_put(b, DER_UTF8, name, n);
		der_end(b, pair);
		der_end(b, set);
	}
	der_end(b, seq);
	return n <= 64;
}

static int to_be_signed(struct buf *b, const struct ca *ca, const struct vault_request *rq, struct err *err)
{
	unsigned char number[16];
	rnd_bytes(number, sizeof number);
	number[0] = (unsigned char)((number[0] & 0x7f) | 0x40); /* positive and of full length */
	size_t seq = der_begin(b, DER_SEQUENCE), version = der_begin(b, DER_CONTEXT_IN(0));
	der_put(b, DER_INTEGER, "\x02", 1);
	der_end(b, version);
	der_put(b, DER_INTEGER, number, sizeof number);
	buf_put(b, ecdsa_sha256, sizeof ecdsa_sha256);
	buf_str(b, buf_view(&ca->issuer));
	size_t validity = der_begin(b, DER_SEQUENCE);
	der_time(b, rq->leaf.not_before);
	der_time(b, rq->leaf.not_after);
	der_end(b, validity);
	bool named = subject(b, rq->leaf.names[0]);
	buf_str(b, rq->leaf.spki);
	int r = extensions(b, ca, rq, named, err);
	der_end(b, seq);
	return r < 0 ? r : b->failed ? err_set(err, E_NOMEM, "", "no room for the certificate") : 0;
}

int ca_leaf(struct ca *ca, const struct vault_request *rq, struct buf *b, struct err *err)
{
	unsigned char sha[32], sig[80] = { 0 };
	size_t n = sizeof sig - 1;
	int r = leaf_check(ca, rq, err);
	if (r < 0)
		return r;
	size_t cert = der_begin(b, DER_SEQUENCE), body = b->len;
	r = to_be_signed(b, ca, rq, err);
	if (r < 0)
		return r;
	SHA256((unsigned char *)b->ptr + body, b->len - body, sha);
	if (EVP_PKEY_sign(ca->sign, sig + 1, &n, sha, sizeof sha) != 1) /* sig[0]: no unused bits */
		return err_set(err, E_IO, "ca.key", "cannot sign");
	buf_put(b, ecdsa_sha256, sizeof ecdsa_sha256);
	der_put(b, DER_BITS, sig, n + 1);
	der_end(b, cert);
	return b->failed;
}
