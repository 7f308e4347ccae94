/* See passkey.h. authd asks, with what a browser sent and what it had been asked. */
#include "account/passkey.h"

#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"
#include "wire/ctl.h"

#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>

#define HEAD 37 /* rpIdHash[32], flags, signCount[4]: §6.1 */
#define FLAG_PRESENT 0x01
#define FLAG_CREDENTIAL 0x40
#define RSA_BITS_MIN 2048

/* ---- base64url ---- */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

int base64url_parse(struct str s, unsigned char *dst, size_t size, size_t *ret_n)
{
	uint32_t bits = 0;
	size_t n = 0;
	if (s.len % 4 == 1)
		return -E_INVALID;
	for (size_t i = 0; i < s.len; i++) {
		const char *at = s.ptr[i] ? strchr(alphabet, s.ptr[i]) : NULL;
		if (!at)
			return -E_INVALID;
		bits = bits << 6 | (uint32_t)(at - alphabet);
		if (i % 4 == 0)
			continue;
		if (n == size)
			return -E_INVALID;
		dst[n++] = (unsigned char)(bits >> (6 - i % 4 * 2));
	}
	*ret_n = n;
	return 0;
}

void base64url_format(const unsigned char *p, size_t n, char *dst)
{
	uint32_t bits = 0;
	int have = 0;
	for (size_t i = 0; i < n; i++) {
		bits = bits << 8 | p[i];
		for (have += 8; have >= 6; have -= 6)
			*dst++ = alphabet[bits >> (have - 6) & 63];
	}
	if (have)
		*dst++ = alphabet[bits << (6 - have) & 63];
	*dst = 0;
}

/* ---- what the browser and the authenticator say ---- */

static int check_client(const struct passkey_expect *x, struct str json, const char *type, struct err *err)
{
	char challenge[64], origin[300];
	yyjson_doc *doc = json.len <= PASSKEY_DATA_MAX ? yyjson_read(json.ptr, json.len, 0) : NULL;
	yyjson_val *root = yyjson_doc_get_root(doc);
	base64url_format(x->challenge, sizeof x->challenge, challenge);
	snprintf(origin, sizeof origin, "https://%s", x->name);
	int r = 0;
	if (!yyjson_is_obj(root))
		r = err_set(err, E_INVALID, "client_data", "isn't what a browser says");
	else if (!str_eq(ctl_str(root, "type"), str_from(type)))
		r = err_set(err, E_DENIED, "client_data", "for another purpose");
	else if (!str_eq(ctl_str(root, "challenge"), str_from(challenge)))
		r = err_set(err, E_DENIED, "client_data", "not what was asked now");
	else if (!str_eq(ctl_str(root, "origin"), str_from(origin)) || ctl_bool(root, "crossOrigin", false))
		r = err_set(err, E_DENIED, "client_data", "from another site");
	yyjson_doc_free(doc);
	return r;
}

static int check_head(const struct passkey_expect *x, struct str data, uint32_t *ret_count, struct err *err)
{
	unsigned char want[SHA256_LEN];
	const unsigned char *p = (const unsigned char *)data.ptr;
	if (data.len < HEAD || data.len > PASSKEY_DATA_MAX)
		return err_set(err, E_INVALID, "auth_data", "too short, or too long");
	hash_sha256(x->name, strlen(x->name), want);
	if (CRYPTO_memcmp(p, want, sizeof want) != 0)
		return err_set(err, E_DENIED, "auth_data", "for another site");
	if (!(p[32] & FLAG_PRESENT))
		return err_set(err, E_DENIED, "auth_data", "nobody was there");
	*ret_count = (uint32_t)p[33] << 24 | (uint32_t)p[34] << 16 | (uint32_t)p[35] << 8 | p[36];
	return 0;
}

/* ---- keys ---- */

static bool kind_ok(EVP_PKEY *key)
{
	char group[32] = "";
	switch (EVP_PKEY_get_base_id(key)) {
	case EVP_PKEY_ED25519:
		return true;
	case EVP_PKEY_RSA:
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN && EVP_PKEY_get_bits(key) <= 8192;
	case EVP_PKEY_EC:
		return EVP_PKEY_get_utf8_string_param(key, "group", group, sizeof group, NULL) == 1 && strcmp(group, "prime256v1") == 0;
	default:
		return false;
	}
}

static EVP_PKEY *key_of(struct str spki, struct err *err)
{
	const unsigned char *p = (const unsigned char *)spki.ptr;
	EVP_PKEY *key = spki.len && spki.len <= PASSKEY_DATA_MAX ? d2i_PUBKEY(NULL, &p, (long)spki.len) : NULL;
	if (key && p == (const unsigned char *)spki.ptr + spki.len && kind_ok(key))
		return key;
	EVP_PKEY_free(key);
	err_set(err, E_INVALID, "key", "not a key of ES256, EdDSA or RS256");
	return NULL;
}

/* Over the authenticator's data and the hash of what the browser said: §6.3.3. */
static bool verifies(EVP_PKEY *key, struct str auth_data, struct str client_data, struct str signature)
{
	unsigned char text[PASSKEY_DATA_MAX + SHA256_LEN];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	memcpy(text, auth_data.ptr, auth_data.len);
	hash_sha256(client_data.ptr, client_data.len, text + auth_data.len);
	const EVP_MD *md = EVP_PKEY_get_base_id(key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256();
	bool ok = c && EVP_DigestVerifyInit(c, NULL, md, NULL, key) == 1 &&
	          EVP_DigestVerify(c, (const unsigned char *)signature.ptr, signature.len, text, auth_data.len + SHA256_LEN) == 1;
	EVP_MD_CTX_free(c);
	return ok;
}

/* ---- the two ceremonies ---- */

/* Behind the head of a new one: aaguid[16], u16 length, the credential's id, its key as COSE (which we have as SPKI). §6.5.1 */
static int credential_id(struct str data, struct str *ret, struct err *err)
{
	const unsigned char *p = (const unsigned char *)data.ptr;
	if (!(p[32] & FLAG_CREDENTIAL) || data.len < HEAD + 18)
		return err_set(err, E_INVALID, "auth_data", "names no credential");
	size_t n = (size_t)p[HEAD + 16] << 8 | p[HEAD + 17];
	if (n == 0 || n > PASSKEY_ID_MAX || n > data.len - HEAD - 18)
		return err_set(err, E_INVALID, "auth_data", "the credential's id is cut off, or too long");
	*ret = (struct str){ data.ptr + HEAD + 18, n };
	return 0;
}

int passkey_new(const struct passkey_expect *x, struct str client_data, struct str auth_data, struct str spki, struct str *ret_id, uint32_t *ret_count,
                struct err *err)
{
	struct str id;
	uint32_t count;
	int r = check_client(x, client_data, "webauthn.create", err);
	r = r < 0 ? r : check_head(x, auth_data, &count, err);
	r = r < 0 ? r : credential_id(auth_data, &id, err);
	EVP_PKEY *key = r < 0 ? NULL : key_of(spki, err);
	if (r == 0 && !key)
		r = -E_INVALID;
	EVP_PKEY_free(key);
	if (r < 0)
		return r;
	*ret_id = id;
	*ret_count = count;
	return 0;
}

int passkey_signed(const struct passkey_expect *x, struct str client_data, struct str auth_data, struct str signature, struct str spki, uint32_t count,
                   uint32_t *ret_count, struct err *err)
{
	uint32_t now;
	int r = check_client(x, client_data, "webauthn.get", err);
	r = r < 0 ? r : check_head(x, auth_data, &now, err);
	EVP_PKEY *key = r < 0 ? NULL : key_of(spki, err);
	if (r == 0 && !key)
		r = -E_INVALID;
	if (r == 0 && (signature.len > PASSKEY_DATA_MAX || !verifies(key, auth_data, client_data, signature)))
		r = err_set(err, E_DENIED, "signature", "isn't that key's");
	EVP_PKEY_free(key);
	if (r == 0 && (now || count) && now <= count)
		r = err_set(err, E_DENIED, "auth_data", "its counter went back: there is a copy of it");
	if (r == 0)
		*ret_count = now;
	return r;
}
