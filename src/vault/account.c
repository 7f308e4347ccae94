/* See account.h. */
#include "vault/account.h"

#include "base/err.h"
#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#define NAME "acme.key"
#define SPKI_POINT 64 /* the last bytes of a P-256 SubjectPublicKeyInfo with an uncompressed point (RFC 5480 section 2.2) */

struct account {
	struct store *store;
	EVP_PKEY *key; /* NULL: not needed yet */
};

int account_open(struct store *s, struct account **ret, struct err *err)
{
	struct account *a = mem_alloc(sizeof *a);
	if (!a)
		return err_set(err, E_NOMEM, "", "no memory");
	a->store = s;
	*ret = a;
	return 0;
}

void account_close(struct account **a)
{
	if (!*a)
		return;
	EVP_PKEY_free((*a)->key);
	mem_free(*a);
	*a = NULL;
}

static int make(struct account *a, struct err *err)
{
	unsigned char *der = NULL;
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int n = key ? i2d_PrivateKey(key, &der) : -1;
	int r = n > 0 ? store_put(a->store, NAME, (struct str){ (char *)der, (size_t)n }, err) : err_set(err, E_IO, NAME, "cannot make a key");
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	if (r == 0)
		a->key = key;
	else
		EVP_PKEY_free(key);
	return r;
}

static int load(struct account *a, struct err *err)
{
	struct buf b;
	buf_init(&b, 4096);
	int r = store_get(a->store, NAME, &b, err);
	const unsigned char *p = (const unsigned char *)b.ptr;
	if (r == 0 && !(a->key = d2i_AutoPrivateKey(NULL, &p, (long)b.len)))
		r = err_set(err, E_CORRUPT, NAME, "not a key");
	buf_wipe(&b);
	return r;
}

static bool public_of(EVP_PKEY *key, unsigned char ret[64])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der);
	if (n > SPKI_POINT)
		memcpy(ret, der + n - SPKI_POINT, SPKI_POINT);
	OPENSSL_free(der);
	return n > SPKI_POINT;
}

/* DER to the two numbers of fixed length that JWS has. */
static bool fixed(const unsigned char *der, size_t n, unsigned char ret[64])
{
	ECDSA_SIG *s = d2i_ECDSA_SIG(NULL, &der, (long)n);
	bool ok = s && BN_bn2binpad(ECDSA_SIG_get0_r(s), ret, 32) == 32 && BN_bn2binpad(ECDSA_SIG_get0_s(s), ret + 32, 32) == 32;
	ECDSA_SIG_free(s);
	return ok;
}

int account_sign(struct account *a, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err)
{
	unsigned char der[128];
	size_t n = sizeof der;
	int r = a->key ? 0 : store_has(a->store, NAME) ? load(a, err) : make(a, err);
	if (r < 0)
		return r;
	if (!public_of(a->key, ret_pub))
		return err_set(err, E_IO, NAME, "cannot encode the public key");
	if (input.len == 0)
		return 0;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestSignInit(c, NULL, EVP_sha256(), NULL, a->key) == 1 &&
	          EVP_DigestSign(c, der, &n, (const unsigned char *)input.ptr, input.len) == 1 && fixed(der, n, ret_sig);
	EVP_MD_CTX_free(c);
	return ok ? 0 : err_set(err, E_IO, NAME, "cannot sign");
}
