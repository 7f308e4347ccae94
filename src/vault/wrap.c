/* See wrap.h. Between the vault's service and its keys. Wrapped: nonce[12], tag[16], ciphertext. */
#include "vault/wrap.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "vault/vault.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#define NONCE 12
#define TAG 16
#define HEAD (NONCE + TAG)

static bool split(struct str message, struct str *context, struct str *rest)
{
	const char *nul = message.len ? memchr(message.ptr, 0, message.len) : NULL;
	if (!nul || nul == message.ptr)
		return false;
	*context = (struct str){ message.ptr, (size_t)(nul - message.ptr) };
	*rest = (struct str){ nul + 1, message.len - context->len - 1 };
	return true;
}

static bool seal(const unsigned char key[32], struct str context, struct str plain, unsigned char *box)
{
	int len;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	rnd_bytes(box, NONCE);
	bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, box) == 1 &&
	          EVP_EncryptUpdate(c, NULL, &len, (const unsigned char *)context.ptr, (int)context.len) == 1 &&
	          EVP_EncryptUpdate(c, box + HEAD, &len, (const unsigned char *)plain.ptr, (int)plain.len) == 1 &&
	          EVP_EncryptFinal_ex(c, box + HEAD + plain.len, &len) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, box + NONCE) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok;
}

static bool unseal(const unsigned char key[32], struct str context, const unsigned char *box, size_t n, unsigned char *plain)
{
	int len;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, box) == 1 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, (void *)(uintptr_t)(box + NONCE)) == 1 &&
	          EVP_DecryptUpdate(c, NULL, &len, (const unsigned char *)context.ptr, (int)context.len) == 1 &&
	          EVP_DecryptUpdate(c, plain, &len, box + HEAD, (int)(n - HEAD)) == 1 && EVP_DecryptFinal_ex(c, plain + (n - HEAD), &len) == 1;
	EVP_CIPHER_CTX_free(c);
	return ok;
}

int wrap_close(struct keys *k, const char *use, struct str message, struct buf *ret, struct err *err)
{
	unsigned char key[32], box[HEAD + VAULT_WRAP_MAX];
	struct str context, plain;
	if (!split(message, &context, &plain) || !plain.len || plain.len > VAULT_WRAP_MAX)
		return err_set(err, E_INVALID, "wrap", "no context, or no secret of 1 to %d bytes", VAULT_WRAP_MAX);
	int r = keys_wrapping(k, use, key, err);
	if (r == 0 && !seal(key, context, plain, box))
		r = err_set(err, E_IO, "wrap", "cannot encrypt");
	OPENSSL_cleanse(key, sizeof key);
	if (r == 0)
		buf_put(ret, box, HEAD + plain.len);
	return r < 0 ? r : ret->failed;
}

int wrap_open(struct keys *k, const char *use, struct str message, struct buf *ret, struct err *err)
{
	unsigned char key[32], plain[VAULT_WRAP_MAX];
	struct str context, box;
	if (!split(message, &context, &box) || box.len <= HEAD || box.len > HEAD + VAULT_WRAP_MAX)
		return err_set(err, E_INVALID, "unwrap", "no context, or not of a wrapped secret's length");
	int r = keys_wrapping(k, use, key, err);
	if (r == 0 && !unseal(key, context, (const unsigned char *)box.ptr, box.len, plain))
		r = err_set(err, E_CORRUPT, "unwrap", "altered, or another's");
	OPENSSL_cleanse(key, sizeof key);
	if (r == 0)
		buf_put(ret, plain, box.len - HEAD);
	OPENSSL_cleanse(plain, sizeof plain);
	return r < 0 ? r : ret->failed;
}
