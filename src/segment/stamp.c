/* See stamp.h; OpenSSL's ts(3) does the work. */
#include "segment/stamp.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ts.h>
#include <time.h>

int stamp_request(const unsigned char hash[STAMP_HASH], uint64_t nonce, struct buf *der, struct err *err)
{
	TS_REQ *q = TS_REQ_new();
	TS_MSG_IMPRINT *m = TS_MSG_IMPRINT_new();
	X509_ALGOR *a = X509_ALGOR_new();
	ASN1_INTEGER *n = ASN1_INTEGER_new();
	unsigned char *out = NULL;
	if (a)
		X509_ALGOR_set_md(a, EVP_sha256());
	bool ok = q && m && a && n && TS_REQ_set_version(q, 1) && TS_MSG_IMPRINT_set_algo(m, a) &&
	          TS_MSG_IMPRINT_set_msg(m, (unsigned char *)(uintptr_t)hash, STAMP_HASH) && TS_REQ_set_msg_imprint(q, m) && TS_REQ_set_cert_req(q, 1) &&
	          (!nonce || (ASN1_INTEGER_set_uint64(n, nonce) && TS_REQ_set_nonce(q, n)));
	int len = ok ? i2d_TS_REQ(q, &out) : -1;
	if (len > 0)
		buf_put(der, out, (size_t)len);
	OPENSSL_free(out);
	ASN1_INTEGER_free(n);
	X509_ALGOR_free(a);
	TS_MSG_IMPRINT_free(m);
	TS_REQ_free(q);
	return len > 0 && !der->failed ? 0 : err_set(err, E_NOMEM, "time stamp", "the request can't be made");
}

static X509_STORE *authorities(struct str pem)
{
	BIO *bio = BIO_new_mem_buf(pem.ptr, (int)pem.len);
	X509_STORE *store = X509_STORE_new();
	X509 *c;
	int n = 0;
	while (bio && store && (c = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		n += X509_STORE_add_cert(store, c);
		X509_free(c);
	}
	BIO_free(bio);
	ERR_clear_error(); /* the end of the file */
	if (n)
		return store;
	X509_STORE_free(store);
	return NULL;
}

static bool time_of(TS_TST_INFO *info, int64_t *ret_ms)
{
	struct tm tm;
	const ASN1_GENERALIZEDTIME *t = info ? TS_TST_INFO_get_time(info) : NULL;
	if (!t || ASN1_TIME_to_tm(t, &tm) != 1)
		return false;
	*ret_ms = (int64_t)timegm(&tm) * 1000;
	return true;
}

/* The chain is judged as of the stamp's own time: it outlives the certificate that made it. */
static TS_VERIFY_CTX *context(const unsigned char hash[STAMP_HASH], X509_STORE *store, int64_t at_ms)
{
	TS_VERIFY_CTX *c = TS_VERIFY_CTX_new();
	unsigned char *imprint = OPENSSL_memdup(hash, STAMP_HASH);
	X509_VERIFY_PARAM_set_time(X509_STORE_get0_param(store), (time_t)(at_ms / 1000));
	if (!c || !imprint) {
		OPENSSL_free(imprint);
		TS_VERIFY_CTX_free(c);
		return NULL;
	}
	TS_VERIFY_CTX_set_flags(c, TS_VFY_SIGNATURE | TS_VFY_VERSION | TS_VFY_IMPRINT);
	TS_VERIFY_CTX_set_imprint(c, imprint, STAMP_HASH);
	X509_STORE_up_ref(store);
	TS_VERIFY_CTX_set_store(c, store);
	return c;
}

static bool is_nonce(TS_TST_INFO *info, uint64_t nonce)
{
	const ASN1_INTEGER *n = TS_TST_INFO_get_nonce(info);
	uint64_t got;
	return !nonce || (n && ASN1_INTEGER_get_uint64(&got, n) == 1 && got == nonce);
}

static const char *why_not(void)
{
	const char *words = ERR_reason_error_string(ERR_peek_error());
	return words ? words : "it is none";
}

int stamp_verify(struct str der, const unsigned char hash[STAMP_HASH], uint64_t nonce, struct str ca, int64_t *ret_ms, struct err *err)
{
	const unsigned char *p = (const unsigned char *)der.ptr;
	X509_STORE *store = ca.len && ca.len <= INT32_MAX ? authorities(ca) : NULL;
	if (!store)
		return err_set(err, E_INVALID, "time stamp", "there is no certificate of its authority");
	ERR_clear_error();
	TS_RESP *resp = der.len && der.len <= STAMP_MAX ? d2i_TS_RESP(NULL, &p, (long)der.len) : NULL;
	bool whole = resp && p == (const unsigned char *)der.ptr + der.len;
	TS_TST_INFO *info = whole ? TS_RESP_get_tst_info(resp) : NULL;
	int64_t at = 0;
	TS_VERIFY_CTX *c = time_of(info, &at) ? context(hash, store, at) : NULL;
	int r = 0;
	if (!whole)
		r = err_set(err, E_CORRUPT, "time stamp", "what came isn't one");
	else if (!info)
		r = err_set(err, E_CORRUPT, "time stamp", "the authority made none");
	else if (!c || TS_RESP_verify_response(c, resp) != 1)
		r = err_set(err, E_CORRUPT, "time stamp", "%.200s", why_not());
	else if (!is_nonce(info, nonce))
		r = err_set(err, E_CORRUPT, "time stamp", "it answers another question");
	if (r == 0)
		*ret_ms = at;
	TS_VERIFY_CTX_free(c);
	TS_RESP_free(resp);
	X509_STORE_free(store);
	ERR_clear_error();
	return r;
}
