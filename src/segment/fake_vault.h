/* Keys for tests and benches in place of the vault: the same for the same name, worth nothing. */
#ifndef SEGMENT_FAKE_VAULT_H
#define SEGMENT_FAKE_VAULT_H

#include "base/map.h"
#include "segment/segment.h"

#include <openssl/evp.h>
#include <stdio.h>

/* user: NULL, or an int that, when not 0, is returned in place of a key or signature. */
static inline int fake_key(const char *org, const char *series, uint32_t number, unsigned char ret_key[SEGMENT_KEY],
                           void *user, struct err *err)
{
	char t[64];
	if (user && *(int *)user)
		return err_set(err, (enum err_code)-*(int *)user, org, "the fake vault refuses");
	int n = snprintf(t, sizeof t, "%s/%s/%u", org, series, number);
	hash_sha256(t, (size_t)n, ret_key);
	return 0;
}

static inline EVP_PKEY *fake_seal_key(void)
{
	static const unsigned char seed[32] = "toride test seal key, not secret";
	return EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, sizeof seed);
}

static inline int fake_seal(struct str message, unsigned char ret_sig[SEGMENT_SIGNATURE], unsigned char ret_pub[32],
                            void *user, struct err *err)
{
	size_t n = SEGMENT_SIGNATURE, m = 32;
	if (user && *(int *)user)
		return err_set(err, (enum err_code)-*(int *)user, "", "the fake vault refuses");
	EVP_PKEY *key = fake_seal_key();
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = key && x && EVP_DigestSignInit(x, NULL, NULL, NULL, key) == 1 &&
	          EVP_DigestSign(x, ret_sig, &n, (const unsigned char *)message.ptr, message.len) == 1 &&
	          EVP_PKEY_get_raw_public_key(key, ret_pub, &m) == 1;
	EVP_MD_CTX_free(x);
	EVP_PKEY_free(key);
	return ok ? 0 : err_set(err, E_NOMEM, "", "the fake vault cannot sign");
}

#endif
