/* Stapled OCSP answers; see staple.h. What is cheap comes first: a signature is looked at only where the answer speaks of this certificate. */
#include "proxy/staple.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>

#define STATUS_REQUEST 5 /* TLS ExtensionType, RFC 6066 section 1.1 */

/* The digest by which it names its certificate; NULL: none that names anything. SHA-1 does no harm here: nothing is signed by it. */
static const EVP_MD *digest_of(OCSP_CERTID *id)
{
	ASN1_OBJECT *o = NULL;
	if (!OCSP_id_get0_info(NULL, &o, NULL, NULL, id))
		return NULL;
	switch (OBJ_obj2nid(o)) {
	case NID_sha1:
		return EVP_sha1();
	case NID_sha256:
		return EVP_sha256();
	case NID_sha384:
		return EVP_sha384();
	case NID_sha512:
		return EVP_sha512();
	default:
		return NULL;
	}
}

static bool speaks_of(OCSP_SINGLERESP *s, const X509 *leaf, const X509 *issuer)
{
	OCSP_CERTID *id = (OCSP_CERTID *)(uintptr_t)OCSP_SINGLERESP_get0_id(s);
	const EVP_MD *md = digest_of(id);
	OCSP_CERTID *ours = md ? OCSP_cert_to_id(md, leaf, issuer) : NULL;
	bool same = ours && OCSP_id_cmp(id, ours) == 0;
	OCSP_CERTID_free(ours);
	return same;
}

static bool fresh(ASN1_GENERALIZEDTIME *this_update, ASN1_GENERALIZEDTIME *next_update)
{
	return this_update && OCSP_check_validity(this_update, next_update, STAPLE_SKEW_S, next_update ? -1 : STAPLE_AGE_S) == 1;
}

static enum staple single(OCSP_SINGLERESP *s)
{
	int reason = 0;
	ASN1_GENERALIZEDTIME *when = NULL, *this_update = NULL, *next_update = NULL;
	int status = OCSP_single_get0_status(s, &reason, &when, &this_update, &next_update);
	bool now = fresh(this_update, next_update);
	if (status == V_OCSP_CERTSTATUS_REVOKED && (now || reason != OCSP_REVOKED_STATUS_CERTIFICATEHOLD))
		return STAPLE_REVOKED;
	return status == V_OCSP_CERTSTATUS_GOOD && now ? STAPLE_GOOD : STAPLE_UNFIT;
}

/* Unsigned as yet. The worst that it says of this certificate, should it say it twice. */
static enum staple says(OCSP_BASICRESP *b, const X509 *leaf, const X509 *issuer)
{
	enum staple ret = STAPLE_UNFIT;
	int n = OCSP_resp_count(b);
	for (int i = 0; i < n && n <= STAPLE_SINGLES; i++) {
		OCSP_SINGLERESP *s = OCSP_resp_get0(b, i);
		enum staple one = speaks_of(s, leaf, issuer) ? single(s) : STAPLE_UNFIT;
		if (one > ret)
			ret = one;
	}
	return ret;
}

static bool strong(const OCSP_BASICRESP *b)
{
	const ASN1_OBJECT *o;
	int digest = NID_undef;
	X509_ALGOR_get0(&o, NULL, NULL, OCSP_resp_get0_tbs_sigalg(b));
	return OBJ_find_sigid_algs(OBJ_obj2nid(o), &digest, NULL) && (digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512);
}

/* By the issuer or one that it named; an authority trusted for something else has no say (NOEXPLICIT). */
static bool signed_well(OCSP_BASICRESP *b, STACK_OF(X509) *chain, X509_STORE *store)
{
	return sk_X509_num(OCSP_resp_get0_certs(b)) <= STAPLE_CERTS && strong(b) && OCSP_basic_verify(b, chain, store, OCSP_NOEXPLICIT) == 1;
}

enum staple staple_judge(const void *der, size_t n, STACK_OF(X509) *chain, X509_STORE *store)
{
	const unsigned char *p = der;
	const X509 *leaf = sk_X509_value(chain, 0), *issuer = sk_X509_value(chain, 1);
	if (n == 0)
		return STAPLE_NONE;
	if (n > STAPLE_MAX || !leaf || !issuer || !store)
		return STAPLE_UNFIT;
	OCSP_RESPONSE *r = d2i_OCSP_RESPONSE(NULL, &p, (long)n);
	OCSP_BASICRESP *b = r && p == (const unsigned char *)der + n && OCSP_response_status(r) == OCSP_RESPONSE_STATUS_SUCCESSFUL ? OCSP_response_get1_basic(r) : NULL;
	enum staple ret = b ? says(b, leaf, issuer) : STAPLE_UNFIT;
	if (ret != STAPLE_UNFIT && !signed_well(b, chain, store))
		ret = STAPLE_UNFIT;
	OCSP_BASICRESP_free(b);
	OCSP_RESPONSE_free(r);
	ERR_clear_error();
	return ret;
}

bool staple_must(const X509 *leaf)
{
	int critical;
	TLS_FEATURE *f = X509_get_ext_d2i(leaf, NID_tlsfeature, &critical, NULL);
	bool must = !f && critical != -1; /* there, and can't be read */
	for (int i = 0; i < sk_ASN1_INTEGER_num(f); i++)
		must |= ASN1_INTEGER_get(sk_ASN1_INTEGER_value(f, i)) == STATUS_REQUEST;
	TLS_FEATURE_free(f);
	ERR_clear_error();
	return must;
}
