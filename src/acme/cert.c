/* See cert.h. */
#include "acme/cert.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <time.h>

#define CHAIN_MAX 8

static bool key_name(EVP_PKEY *key, unsigned char ret[SHA256_LEN])
{
	unsigned char *der = NULL;
	int n = key ? i2d_PUBKEY(key, &der) : 0;
	if (n > 0)
		hash_sha256(der, (size_t)n, ret);
	OPENSSL_free(der);
	return n > 0;
}

static bool seconds(const ASN1_TIME *t, int64_t *ret)
{
	struct tm tm;
	if (ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret = timegm(&tm);
	return true;
}

static bool fill(X509 *x, struct cert *c)
{
	unsigned n = 0;
	return seconds(X509_get0_notBefore(x), &c->not_before) && seconds(X509_get0_notAfter(x), &c->not_after) &&
	       X509_digest(x, EVP_sha256(), c->sum, &n) == 1 && key_name(X509_get0_pubkey(x), c->key);
}

int cert_read(struct str pem, const char *const *names, size_t n, struct cert *ret, struct err *err)
{
	struct cert c = { .covers = true };
	BIO *in = pem.len < MIB ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	bool ok = x && fill(x, &c);
	for (size_t i = 0; ok && i < n; i++)
		c.covers = c.covers && X509_check_host(x, names[i], 0, 0, NULL) == 1;
	X509_free(x);
	BIO_free(in);
	if (!ok)
		return err_set(err, E_INVALID, "certificate", "no certificate in it");
	*ret = c;
	return 0;
}

int cert_chain(struct str pem, struct buf *ret_pem, struct err *err)
{
	char *text;
	int n = 0;
	BIO *in = pem.len < MIB ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL, *out = BIO_new(BIO_s_mem());
	X509 *x = NULL;
	while (in && out && n < CHAIN_MAX && (x = PEM_read_bio_X509(in, NULL, NULL, NULL))) {
		n += PEM_write_bio_X509(out, x);
		X509_free(x);
	}
	long len = n ? BIO_get_mem_data(out, &text) : 0;
	if (len > 0)
		buf_put(ret_pem, text, (size_t)len);
	BIO_free(in);
	BIO_free(out);
	return len > 0 && !ret_pem->failed ? 0 : err_set(err, E_INVALID, "certificate", "no certificate in the authority's answer");
}

int cert_request(struct str pem, struct buf *ret_der, unsigned char ret_key[SHA256_LEN], struct err *err)
{
	unsigned char *der = NULL;
	BIO *in = pem.len < MIB ? BIO_new_mem_buf(pem.ptr, (int)pem.len) : NULL;
	X509_REQ *rq = in ? PEM_read_bio_X509_REQ(in, NULL, NULL, NULL) : NULL;
	int n = rq && key_name(X509_REQ_get0_pubkey(rq), ret_key) ? i2d_X509_REQ(rq, &der) : 0;
	if (n > 0)
		buf_put(ret_der, der, (size_t)n);
	OPENSSL_free(der);
	X509_REQ_free(rq);
	BIO_free(in);
	return n > 0 && !ret_der->failed ? 0 : err_set(err, E_INVALID, "vault", "its certification request can't be read");
}

int64_t cert_renewal(const struct cert *c)
{
	return c->covers ? c->not_after - (c->not_after - c->not_before) / 3 : 0;
}
