/* See crl.h. What is cheap comes first, as in staple.c; the signature is over all of the list. */
#include "proxy/crl.h"

#include "base/mem.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <time.h>

/* One byte of blank or beyond ASCII would be one way to write into what we ask. */
static bool plain(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s[i] <= ' ' || s[i] > '~')
			return false;
	return true;
}

static bool take_url(const ASN1_STRING *s, char dst[CRL_URL])
{
	const char *p = (const char *)ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);
	if (n <= 7 || n >= CRL_URL || strncmp(p, "http://", 7) != 0 || !plain(p, (size_t)n))
		return false;
	memcpy(dst, p, (size_t)n);
	dst[n] = 0;
	return true;
}

static void take_point(const DIST_POINT *d, struct crl_sources *ret)
{
	if (!d->distpoint || d->distpoint->type != 0 || d->CRLissuer) /* full names, of the issuer's own lists */
		return;
	GENERAL_NAMES *names = d->distpoint->name.fullname;
	for (int i = 0; i < sk_GENERAL_NAME_num(names) && ret->n < CRL_URLS; i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == GEN_URI && take_url(g->d.uniformResourceIdentifier, ret->list[ret->n]))
			ret->n++;
	}
}

static void take_ocsp(const X509 *leaf, struct crl_sources *ret)
{
	AUTHORITY_INFO_ACCESS *a = X509_get_ext_d2i(leaf, NID_info_access, NULL, NULL);
	for (int i = 0; i < sk_ACCESS_DESCRIPTION_num(a) && !ret->ask[0]; i++) {
		const ACCESS_DESCRIPTION *d = sk_ACCESS_DESCRIPTION_value(a, i);
		if (OBJ_obj2nid(d->method) == NID_ad_OCSP && d->location->type == GEN_URI)
			take_url(d->location->d.uniformResourceIdentifier, ret->ask);
	}
	AUTHORITY_INFO_ACCESS_free(a);
}

bool crl_sources(const X509 *leaf, struct crl_sources *ret)
{
	*ret = (struct crl_sources){ 0 };
	CRL_DIST_POINTS *points = X509_get_ext_d2i(leaf, NID_crl_distribution_points, NULL, NULL);
	for (int i = 0; i < sk_DIST_POINT_num(points); i++)
		take_point(sk_DIST_POINT_value(points, i), ret);
	CRL_DIST_POINTS_free(points);
	take_ocsp(leaf, ret);
	ERR_clear_error();
	return ret->n || ret->ask[0];
}

/* Is the part it is of (RFC 5280 section 5.2.5) the one the certificate was sent to? */
static bool of_this_part(const ISSUING_DIST_POINT *p, const char *url)
{
	if (!p->distpoint)
		return true;
	if (p->distpoint->type != 0)
		return false;
	GENERAL_NAMES *names = p->distpoint->name.fullname;
	for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
		const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
		if (g->type == GEN_URI && (size_t)ASN1_STRING_length(g->d.uniformResourceIdentifier) == strlen(url) &&
		    memcmp(ASN1_STRING_get0_data(g->d.uniformResourceIdentifier), url, strlen(url)) == 0)
			return true;
	}
	return false;
}

/* Lists of authorities alone, and of all others alone, are for those. */
static bool of_this_kind(const ISSUING_DIST_POINT *p, bool authority)
{
	return (authority ? p->onlyuser : p->onlyCA) <= 0;
}

static bool part_fits(const X509_CRL *crl, const char *url, bool authority)
{
	int critical;
	ISSUING_DIST_POINT *p = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, &critical, NULL);
	if (!p)
		return critical == -1; /* it has none; else it can't be read, or has two */
	bool fits = of_this_kind(p, authority) && p->onlyattr <= 0 && p->indirectCRL <= 0 && !p->onlysomereasons && of_this_part(p, url);
	ISSUING_DIST_POINT_free(p);
	return fits;
}

/* A critical extension that nobody here knows may say anything. */
static bool understood(const X509_CRL *crl)
{
	for (int i = 0; i < X509_CRL_get_ext_count(crl); i++) {
		X509_EXTENSION *e = X509_CRL_get_ext(crl, i);
		int nid = OBJ_obj2nid(X509_EXTENSION_get_object(e));
		if (nid == NID_delta_crl || (X509_EXTENSION_get_critical(e) && nid != NID_issuing_distribution_point))
			return false;
	}
	return true;
}

static bool strong(const X509_CRL *crl)
{
	int digest = NID_undef;
	return OBJ_find_sigid_algs(X509_CRL_get_signature_nid(crl), &digest, NULL) && (digest == NID_sha256 || digest == NID_sha384 || digest == NID_sha512);
}

/* Seconds since 1970 of its next one; 0: it isn't of now, or says of no next one. */
static int64_t until(const X509_CRL *crl)
{
	struct tm tm;
	time_t soon = time(NULL) + STAPLE_SKEW_S, past = time(NULL) - STAPLE_SKEW_S;
	const ASN1_TIME *from = X509_CRL_get0_lastUpdate(crl), *next = X509_CRL_get0_nextUpdate(crl);
	if (!from || !next || X509_cmp_time(from, &soon) >= 0 || X509_cmp_time(next, &past) <= 0 || !ASN1_TIME_to_tm(next, &tm))
		return 0;
	return (int64_t)timegm(&tm);
}

static enum staple says(X509_CRL *crl, const char *url, X509 *leaf, X509 *issuer, int64_t *ret_until)
{
	X509_REVOKED *r = NULL;
	if (X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(issuer)) != 0 || !understood(crl) || !part_fits(crl, url, X509_check_ca(leaf) == 1) || !strong(crl))
		return STAPLE_UNFIT;
	*ret_until = until(crl);
	if (!*ret_until || X509_CRL_verify(crl, X509_get0_pubkey(issuer)) != 1)
		return STAPLE_UNFIT;
	return X509_CRL_get0_by_cert(crl, &r, leaf) == 1 ? STAPLE_REVOKED : STAPLE_GOOD; /* 2: taken off the list again */
}

enum staple crl_judge(const void *der, size_t n, const char *url, STACK_OF(X509) *chain, int64_t *ret_until)
{
	const unsigned char *p = der;
	X509 *leaf = sk_X509_value(chain, 0), *issuer = sk_X509_value(chain, 1);
	if (n == 0)
		return STAPLE_NONE;
	X509_CRL *crl = n <= CRL_MAX && leaf && issuer ? d2i_X509_CRL(NULL, &p, (long)n) : NULL;
	enum staple ret = crl && p == (const unsigned char *)der + n ? says(crl, url, leaf, issuer, ret_until) : STAPLE_UNFIT;
	X509_CRL_free(crl);
	ERR_clear_error();
	return ret;
}
