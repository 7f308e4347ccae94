/* toride.so: an OpenSSL engine for the public sites' server, so that it speaks TLS without holding a key. What reads strangers'
 * bytes (nginx, ModSecurity) can be broken into; then it can sign while it is broken, at the vault's rate, and takes nothing along.
 *
 * nginx: ssl_certificate_key "engine:toride:CERTIFICATE.pem". The public key is read from the certificate; the vault knows the
 * private one by the SHA-256 of it (vault/vault.h, SITE_SIGN). Loading needs no vault, so that a configuration can be tried.
 * ENGINEs are deprecated in OpenSSL 3 and are what nginx 1.22 knows; a provider takes this one's place with a later nginx. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "base/buf.h"
#include "base/err.h"
#include "base/map.h"
#include "vault/vault_client.h"
#include "wire/place.h"

#include <openssl/ec.h>
#include <openssl/engine.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <unistd.h>

#define VAULT_MS 2000

static struct vault *vault;
static char socket_path[PLACE_MAX]; /* nginx takes the environment from its workers */
static pid_t owner; /* a worker has a connection of its own */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static EC_KEY_METHOD *method;

static bool key_name(const EC_KEY *key, unsigned char ret[SHA256_LEN])
{
	unsigned char *der = NULL;
	int n = i2d_EC_PUBKEY((EC_KEY *)(uintptr_t)key, &der);
	if (n <= 0)
		return false;
	hash_sha256(der, (size_t)n, ret);
	OPENSSL_free(der);
	return true;
}

static int ask_vault(const unsigned char name[SHA256_LEN], struct str digest, struct buf *ret)
{
	struct err err;
	pthread_mutex_lock(&lock);
	if (vault && owner != getpid())
		vault_close(&vault);
	int r = vault ? 0 : vault_open(socket_path, VAULT_MS, &vault, &err);
	owner = getpid();
	r = r < 0 ? r : vault_site_sign(vault, name, digest, ret, &err);
	pthread_mutex_unlock(&lock);
	return r;
}

/* EC_KEY_METHOD's sign: type and random numbers are OpenSSL's affair, digest and signature ours. */
static int sign(int type, const unsigned char *digest, int n, unsigned char *sig, unsigned int *ret_n, const BIGNUM *kinv,
                const BIGNUM *r, EC_KEY *key)
{
	unsigned char name[SHA256_LEN];
	struct buf der;
	(void)type, (void)kinv, (void)r;
	buf_init(&der, 4096);
	bool ok = n > 0 && key_name(key, name) && ask_vault(name, (struct str){ (const char *)digest, (size_t)n }, &der) == 0 &&
	          der.len <= (size_t)ECDSA_size(key);
	if (ok) {
		memcpy(sig, der.ptr, der.len);
		*ret_n = (unsigned)der.len;
	}
	buf_done(&der);
	return ok;
}

static EVP_PKEY *public_of(const char *path)
{
	BIO *in = BIO_new_file(path, "r");
	X509 *x = in ? PEM_read_bio_X509(in, NULL, NULL, NULL) : NULL;
	EVP_PKEY *key = x ? X509_get_pubkey(x) : NULL;
	X509_free(x);
	BIO_free(in);
	return key;
}

static EVP_PKEY *load_key(ENGINE *e, const char *path, UI_METHOD *ui, void *data)
{
	(void)e, (void)ui, (void)data;
	EVP_PKEY *pub = public_of(path), *ret = NULL;
	EC_KEY *key = pub ? EVP_PKEY_get1_EC_KEY(pub) : NULL;
	EVP_PKEY_free(pub);
	if (key && EC_KEY_set_method(key, method) == 1 && (ret = EVP_PKEY_new()) && EVP_PKEY_set1_EC_KEY(ret, key) != 1) {
		EVP_PKEY_free(ret);
		ret = NULL;
	}
	EC_KEY_free(key);
	return ret;
}

static int bind(ENGINE *e, const char *id)
{
	int (*setup)(EC_KEY *, BN_CTX *, BIGNUM **, BIGNUM **);
	ECDSA_SIG *(*sign_sig)(const unsigned char *, int, const BIGNUM *, const BIGNUM *, EC_KEY *);
	if (id && strcmp(id, "toride") != 0)
		return 0;
	place_in_run(socket_path, sizeof socket_path, SOCK_VAULT);
	method = EC_KEY_METHOD_new(EC_KEY_OpenSSL());
	if (!method)
		return 0;
	EC_KEY_METHOD_get_sign(method, NULL, &setup, &sign_sig);
	EC_KEY_METHOD_set_sign(method, sign, setup, sign_sig);
	/* Initialised at once: nginx asks for a key without doing so. */
	return ENGINE_set_id(e, "toride") && ENGINE_set_name(e, "Toride: the keys stay in the vault") &&
	       ENGINE_set_load_privkey_function(e, load_key) && ENGINE_init(e);
}

OPENSSL_EXPORT unsigned long v_check(unsigned long v) __attribute__((visibility("default")));
OPENSSL_EXPORT int bind_engine(ENGINE *e, const char *id, const dynamic_fns *fns) __attribute__((visibility("default")));
IMPLEMENT_DYNAMIC_CHECK_FN()
IMPLEMENT_DYNAMIC_BIND_FN(bind)
