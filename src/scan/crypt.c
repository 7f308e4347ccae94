/* See crypt.h. RC4 is here and not the library's, where it would be a module to be loaded from a file. */
#include "scan/crypt.h"

#include "base/mem.h"

#include <openssl/evp.h>

size_t crypt_utf16(const char *s, unsigned char dst[CRYPT_UTF16])
{
	size_t n = 0;
	while (*s && n + 4 <= CRYPT_UTF16) {
		unsigned char c = (unsigned char)*s++;
		unsigned more = c >= 0xf0 ? 3 : c >= 0xe0 ? 2 : c >= 0xc0 ? 1 : 0;
		uint32_t u = more ? c & (0x3fu >> more) : c;
		for (; more && ((unsigned char)*s & 0xc0) == 0x80; more--)
			u = u << 6 | ((unsigned char)*s++ & 0x3f);
		uint32_t units[2] = { u, 0 };
		if (u > 0xffff) {
			units[0] = 0xd800 + ((u - 0x10000) >> 10);
			units[1] = 0xdc00 + ((u - 0x10000) & 0x3ff);
		}
		for (int i = 0; i < (u > 0xffff ? 2 : 1); i++) {
			dst[n++] = (unsigned char)units[i];
			dst[n++] = (unsigned char)(units[i] >> 8);
		}
	}
	return n;
}

static const EVP_CIPHER *cipher(size_t key, bool cbc)
{
	switch (key) {
	case 16: return cbc ? EVP_aes_128_cbc() : EVP_aes_128_ecb();
	case 24: return cbc ? EVP_aes_192_cbc() : EVP_aes_192_ecb();
	case 32: return cbc ? EVP_aes_256_cbc() : EVP_aes_256_ecb();
	default: return NULL;
	}
}

bool crypt_aes_key(size_t key_len)
{
	return cipher(key_len, false) != NULL;
}

bool crypt_aes(const unsigned char *key, size_t key_len, const unsigned char *iv, const void *in, size_t n, unsigned char *out)
{
	const EVP_CIPHER *c = cipher(key_len, iv != NULL);
	EVP_CIPHER_CTX *x = EVP_CIPHER_CTX_new();
	int len = 0;
	bool ok = c && x && n % 16 == 0 && n <= INT32_MAX && EVP_DecryptInit_ex(x, c, NULL, key, iv) && EVP_CIPHER_CTX_set_padding(x, 0) &&
	          EVP_DecryptUpdate(x, out, &len, in, (int)n) && (size_t)len == n;
	EVP_CIPHER_CTX_free(x);
	return ok;
}

size_t crypt_base64(struct str s, unsigned char *dst, size_t max)
{
	unsigned char tmp[132];
	if (s.len == 0 || s.len % 4 || s.len / 4 * 3 > sizeof tmp)
		return 0;
	int n = EVP_DecodeBlock(tmp, (const unsigned char *)s.ptr, (int)s.len);
	n -= n > 0 && s.ptr[s.len - 1] == '=' ? 1 + (s.ptr[s.len - 2] == '=') : 0;
	if (n <= 0 || (size_t)n > max)
		return 0;
	memcpy(dst, tmp, (size_t)n);
	return (size_t)n;
}

void rc4_begin(struct rc4 *x, const unsigned char *key, size_t n)
{
	unsigned char j = 0;
	x->i = x->j = 0;
	for (int i = 0; i < 256; i++)
		x->s[i] = (unsigned char)i;
	for (int i = 0; i < 256; i++) {
		unsigned char t = x->s[i];
		j = (unsigned char)(j + t + key[(size_t)i % n]);
		x->s[i] = x->s[j];
		x->s[j] = t;
	}
}

void rc4_apply(struct rc4 *x, const unsigned char *in, size_t n, unsigned char *out)
{
	for (size_t k = 0; k < n; k++) {
		unsigned char t = x->s[++x->i];
		x->j = (unsigned char)(x->j + t);
		x->s[x->i] = x->s[x->j];
		x->s[x->j] = t;
		out[k] = in[k] ^ x->s[(unsigned char)(x->s[x->i] + t)];
	}
}

void crypt_prepare(void)
{
	unsigned char key[32] = { 0 }, block[16] = { 0 }, h[32];
	crypt_aes(key, sizeof key, block, block, sizeof block, block);
	crypt_aes(key, 16, NULL, block, sizeof block, block);
	EVP_Digest("", 0, h, NULL, EVP_md5(), NULL);
	EVP_Digest("", 0, h, NULL, EVP_sha1(), NULL);
	PKCS5_PBKDF2_HMAC("x", 1, key, 16, 1, EVP_sha256(), 32, key);
	PKCS5_PBKDF2_HMAC_SHA1("x", 1, key, 16, 1, 32, key);
}
