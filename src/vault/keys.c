/* See keys.h. Data keys are read when first asked for and kept in memory: a segment is opened every few seconds. */
#include "vault/keys.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "vault/vault.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <stdio.h>

struct keys {
	struct store *store;
	EVP_PKEY *seal;
	unsigned char seal_pub[32];
	struct map orgs; /* code -> 32 bytes */
	EVP_KDF *hkdf;
};

static int seal_load(struct keys *k, struct err *err)
{
	struct buf b;
	unsigned char raw[32];
	size_t n = sizeof k->seal_pub;
	int r = 0;
	buf_init(&b, 4096);
	if (store_has(k->store, "seal.key")) {
		r = store_get(k->store, "seal.key", &b, err);
		if (r == 0 && b.len != sizeof raw)
			r = err_set(err, E_CORRUPT, "seal.key", "not 32 bytes");
		if (r == 0)
			memcpy(raw, b.ptr, sizeof raw);
	} else {
		rnd_bytes(raw, sizeof raw);
		r = store_put(k->store, "seal.key", (struct str){ (char *)raw, sizeof raw }, err);
	}
	if (r == 0 && (!(k->seal = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, raw, sizeof raw)) ||
	               EVP_PKEY_get_raw_public_key(k->seal, k->seal_pub, &n) != 1))
		r = err_set(err, E_CORRUPT, "seal.key", "not an Ed25519 key");
	OPENSSL_cleanse(raw, sizeof raw);
	buf_wipe(&b);
	return r;
}

static void names_of(const char *org, char key[48], char gone[48])
{
	snprintf(key, 48, "orgs/%.7s.key", org);
	snprintf(gone, 48, "orgs/%.7s.destroyed", org);
}

/* A tombstone with its key still there: the power went between the two. */
static int finish_one(const char *name, void *user)
{
	struct keys *k = user;
	char org[8], key[48], gone[48];
	struct str s = str_from(name);
	if (!str_ends(s, STR(".destroyed")))
		return 0;
	s.len -= 10;
	if (!str_copy(s, org, sizeof org) || !vault_org_ok(org))
		return 0;
	names_of(org, key, gone);
	return store_has(k->store, key) ? store_erase(k->store, key, NULL) : 0;
}

int keys_open(struct store *s, struct keys **ret, struct err *err)
{
	char orgs[600];
	struct keys *k = mem_alloc(sizeof *k);
	if (!k)
		return err_set(err, E_NOMEM, "", "no memory");
	k->store = s;
	map_init(&k->orgs, KEYS_ORGS_MAX);
	k->hkdf = EVP_KDF_fetch(NULL, "HKDF", NULL);
	snprintf(orgs, sizeof orgs, "%s/orgs", s->dir);
	int r = k->hkdf ? seal_load(k, err) : err_set(err, E_IO, "", "OpenSSL has no HKDF");
	if (r == 0 && (r = fs_list(orgs, finish_one, k, NULL)) < 0)
		err_set(err, (enum err_code)-r, orgs, "cannot finish a destruction that was begun");
	if (r < 0) {
		keys_close(&k);
		return r;
	}
	*ret = k;
	return 0;
}

static void forget(struct keys *k, const char *org)
{
	void *key = map_del(&k->orgs, str_from(org));
	if (key)
		OPENSSL_cleanse(key, STORE_KEY);
	mem_free(key);
}

void keys_close(struct keys **k)
{
	struct str org;
	void *key;
	if (!*k)
		return;
	for (size_t i = 0; map_next(&(*k)->orgs, &i, &org, &key);) {
		OPENSSL_cleanse(key, STORE_KEY);
		mem_free(key);
	}
	map_done(&(*k)->orgs);
	EVP_PKEY_free((*k)->seal);
	EVP_KDF_free((*k)->hkdf);
	mem_free(*k);
	*k = NULL;
}

void keys_seal_public(const struct keys *k, unsigned char ret[32])
{
	memcpy(ret, k->seal_pub, 32);
}

int keys_seal_pem(const struct keys *k, struct buf *b, struct err *err)
{
	char *pem;
	BIO *bio = BIO_new(BIO_s_mem());
	long n = bio && PEM_write_bio_PUBKEY(bio, k->seal) == 1 ? BIO_get_mem_data(bio, &pem) : 0;
	if (n > 0)
		buf_put(b, pem, (size_t)n);
	BIO_free(bio);
	return n > 0 ? b->failed : err_set(err, E_IO, "seal.key", "cannot encode the public key");
}

int keys_seal(struct keys *k, struct str message, unsigned char ret_sig[64], struct err *err)
{
	size_t n = 64;
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestSignInit(c, NULL, NULL, NULL, k->seal) == 1 &&
	          EVP_DigestSign(c, ret_sig, &n, (const unsigned char *)message.ptr, message.len) == 1;
	EVP_MD_CTX_free(c);
	return ok ? 0 : err_set(err, E_IO, "seal.key", "cannot sign");
}

static int data_read(struct keys *k, const char *name, unsigned char ret[STORE_KEY], struct err *err)
{
	struct buf b;
	buf_init(&b, 4096);
	int r = store_get(k->store, name, &b, err);
	if (r == 0 && b.len != STORE_KEY)
		r = err_set(err, E_CORRUPT, name, "not %d bytes", STORE_KEY);
	if (r == 0)
		memcpy(ret, b.ptr, STORE_KEY);
	buf_wipe(&b);
	return r;
}

static int data_key(struct keys *k, const char *org, const unsigned char **ret, struct err *err)
{
	char name[48], gone[48];
	unsigned char *key = map_get(&k->orgs, str_from(org));
	if (key) {
		*ret = key;
		return 0;
	}
	names_of(org, name, gone);
	if (store_has(k->store, gone))
		return err_set(err, E_NOT_FOUND, org, "the organisation's key was destroyed");
	key = mem_alloc(STORE_KEY);
	if (!key)
		return err_set(err, E_NOMEM, "", "no memory");
	int r = 0;
	if (store_has(k->store, name)) {
		r = data_read(k, name, key, err);
	} else {
		rnd_bytes(key, STORE_KEY);
		r = store_put(k->store, name, (struct str){ (char *)key, STORE_KEY }, err);
	}
	if (r == 0)
		r = map_put(&k->orgs, str_from(org), key);
	if (r < 0) {
		OPENSSL_cleanse(key, STORE_KEY);
		mem_free(key);
		return r;
	}
	*ret = key;
	return 0;
}

int keys_ensure(struct keys *k, const char *org, struct err *err)
{
	const unsigned char *key;
	return data_key(k, org, &key, err);
}

/* HKDF-SHA-256 of the organisation's data key. */
static int derive(struct keys *k, const char *org, const struct buf *info, unsigned char ret[32], struct err *err)
{
	const unsigned char *key = NULL;
	int r = data_key(k, org, &key, err);
	if (r < 0)
		return r;
	char *digest = (char[]){ "SHA256" };
	OSSL_PARAM p[] = { OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest, 0),
		           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, (void *)(uintptr_t)key, STORE_KEY),
		           OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, info->ptr, info->len), OSSL_PARAM_construct_end() };
	EVP_KDF_CTX *c = EVP_KDF_CTX_new(k->hkdf);
	if (!c || info->failed || EVP_KDF_derive(c, ret, 32, p) != 1)
		r = err_set(err, E_IO, org, "cannot derive a key");
	EVP_KDF_CTX_free(c);
	return r;
}

int keys_segment(struct keys *k, const char *org, const char *series, uint64_t number, unsigned char ret[32], struct err *err)
{
	struct buf info;
	buf_init(&info, 256);
	buf_printf(&info, "toride segment key%c%s%c%s%c", 0, org, 0, series, 0);
	wr_u64(&info, number);
	int r = derive(k, org, &info, ret, err);
	buf_done(&info);
	return r;
}

static int derive_named(struct keys *k, const char *what, const char *name, unsigned char ret[32], struct err *err)
{
	struct buf info;
	buf_init(&info, 256);
	buf_printf(&info, "toride %s key%c%s", what, 0, name);
	int r = derive(k, "service", &info, ret, err);
	buf_done(&info);
	return r;
}

int keys_tsig(struct keys *k, const char *name, unsigned char ret[32], struct err *err)
{
	return derive_named(k, "tsig", name, ret, err);
}

int keys_wrapping(struct keys *k, const char *use, unsigned char ret[32], struct err *err)
{
	return derive_named(k, "wrap", use, ret, err);
}

int keys_destroy(struct keys *k, const char *org, struct err *err)
{
	char name[48], gone[48], path[600];
	names_of(org, name, gone);
	snprintf(path, sizeof path, "%s/%s", k->store->dir, gone);
	/* The tombstone first: once it is synced the key is never used again, whatever happens next. */
	int r = fs_write(path, STR("destroyed\n"), 0600, err);
	forget(k, org);
	return r < 0 ? r : store_erase(k->store, name, err);
}
