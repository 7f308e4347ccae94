/* Both ceremonies with real keys of each kind, and everything about them that may be wrong. */
#include "account/passkey.h"
#include "base/err.h"
#include "base/map.h"
#include "base/mem.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

static struct passkey_expect x = { .name = "desk.toride.example", .challenge = { 1, 2, 3, 250, 251, 252 } };
static struct err err;

static void test_base64url(void **state)
{
	static const struct {
		const char *text;
		size_t n;
		const char *bytes;
	} cases[] = { { "", 0, "" }, { "Zg", 1, "f" }, { "Zm8", 2, "fo" }, { "Zm9v", 3, "foo" }, { "-_8", 2, "\xfb\xff" } };
	static const char *const bad[] = { "Z", "Zg==", "Zm9v ", "Zm+v", "Zm/v", "Zm\n", "Zm9vYmFyYmF6" };
	unsigned char b[8];
	char text[16];
	size_t n;
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		assert_int_equal(base64url_parse(str_from(cases[i].text), b, sizeof b, &n), 0);
		assert_int_equal(n, cases[i].n);
		assert_memory_equal(b, cases[i].bytes, n);
		base64url_format((const unsigned char *)cases[i].bytes, n, text);
		assert_string_equal(text, cases[i].text);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++)
		assert_int_equal(base64url_parse(str_from(bad[i]), b, sizeof b, &n), -E_INVALID);
}

/* What a browser and an authenticator make of it. */
struct reply {
	char client[512];
	unsigned char auth[512], sig[600], spki[600];
	size_t n_auth, n_sig, n_spki;
	EVP_PKEY *key;
};

static void say(struct reply *r, const char *type, const char *origin, const unsigned char *challenge)
{
	char text[64];
	base64url_format(challenge, PASSKEY_CHALLENGE, text);
	snprintf(r->client, sizeof r->client, "{\"type\":\"%s\",\"challenge\":\"%s\",\"origin\":\"%s\",\"crossOrigin\":false,\"other\":{\"a\":[1]}}", type, text, origin);
}

static void head(struct reply *r, const char *name, unsigned flags, uint32_t count)
{
	hash_sha256(name, strlen(name), r->auth);
	r->auth[32] = (unsigned char)flags;
	r->auth[33] = (unsigned char)(count >> 24), r->auth[34] = (unsigned char)(count >> 16), r->auth[35] = (unsigned char)(count >> 8), r->auth[36] = (unsigned char)count;
	r->n_auth = 37;
}

static void make_key(struct reply *r, int kind)
{
	unsigned char *p = r->spki;
	r->key = kind == 0 ? EVP_EC_gen("P-256") : kind == 1 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519") : kind == 2 ? EVP_RSA_gen(2048) : kind == 3 ? EVP_RSA_gen(1024) : EVP_EC_gen("P-384");
	r->n_spki = (size_t)i2d_PUBKEY(r->key, &p);
}

static void sign(struct reply *r)
{
	unsigned char text[700];
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	memcpy(text, r->auth, r->n_auth);
	hash_sha256(r->client, strlen(r->client), text + r->n_auth);
	r->n_sig = sizeof r->sig;
	assert_int_equal(EVP_DigestSignInit(c, NULL, EVP_PKEY_get_base_id(r->key) == EVP_PKEY_ED25519 ? NULL : EVP_sha256(), NULL, r->key), 1);
	assert_int_equal(EVP_DigestSign(c, r->sig, &r->n_sig, text, r->n_auth + 32), 1);
	EVP_MD_CTX_free(c);
}

#define S(p, n) ((struct str){ (const char *)(p), n })

static int verify(const struct reply *r, uint32_t count)
{
	uint32_t now;
	return passkey_signed(&x, str_from(r->client), S(r->auth, r->n_auth), S(r->sig, r->n_sig), S(r->spki, r->n_spki), count, &now, &err);
}

static void test_signing_in(void **state)
{
	(void)state;
	for (int kind = 0; kind < 5; kind++) {
		struct reply r;
		unsigned char other[PASSKEY_CHALLENGE] = { 9 };
		make_key(&r, kind);
		say(&r, "webauthn.get", "https://desk.toride.example", x.challenge);
		head(&r, x.name, 1, 7);
		sign(&r);
		assert_int_equal(verify(&r, 6), kind < 3 ? 0 : -E_INVALID); /* too short an RSA key; a curve that none of the three is */
		if (kind < 3) {
			assert_int_equal(verify(&r, 7), -E_DENIED); /* a copy */
			assert_int_equal(verify(&r, 8), -E_DENIED);
			for (size_t i = 0; i < r.n_auth; i++) { /* every bit of it is signed or checked */
				r.auth[i] ^= 1;
				assert_int_not_equal(verify(&r, 0), 0);
				r.auth[i] ^= 1;
			}
			r.sig[r.n_sig / 2] ^= 1;
			assert_int_equal(verify(&r, 0), -E_DENIED);
			static const struct {
				const char *type, *origin;
			} wrong[] = { { "webauthn.create", "https://desk.toride.example" }, { "webauthn.get", "http://desk.toride.example" },
				      { "webauthn.get", "https://desk.toride.example.evil.example" }, { "webauthn.get", "https://desk.toride.example:8443" }, { "", "" } };
			for (size_t i = 0; i < ARRAY_LEN(wrong); i++) { /* signed by the right key, for somebody else */
				say(&r, wrong[i].type, wrong[i].origin, x.challenge);
				sign(&r);
				assert_int_equal(verify(&r, 0), -E_DENIED);
			}
			say(&r, "webauthn.get", "https://desk.toride.example", other);
			sign(&r);
			assert_int_equal(verify(&r, 0), -E_DENIED);
			say(&r, "webauthn.get", "https://desk.toride.example", x.challenge);
			head(&r, "evil.example", 1, 7);
			sign(&r);
			assert_int_equal(verify(&r, 0), -E_DENIED);
			head(&r, x.name, 0, 7); /* nobody touched it */
			sign(&r);
			assert_int_equal(verify(&r, 0), -E_DENIED);
			head(&r, x.name, 5, 0); /* one that doesn't count */
			sign(&r);
			assert_int_equal(verify(&r, 0), 0);
			r.n_auth = 36;
			assert_int_equal(verify(&r, 0), -E_INVALID);
		}
		EVP_PKEY_free(r.key);
	}
}

static void test_registering(void **state)
{
	struct reply r;
	struct str id;
	uint32_t count;
	(void)state;
	make_key(&r, 0);
	say(&r, "webauthn.create", "https://desk.toride.example", x.challenge);
	head(&r, x.name, 0x41, 0);
	memset(r.auth + 37, 0, 16);
	r.auth[53] = 0, r.auth[54] = 20;
	memset(r.auth + 55, 'i', 20);
	r.n_auth = 75 + 77; /* the key as COSE, which isn't read */
#define NEW() passkey_new(&x, str_from(r.client), S(r.auth, r.n_auth), S(r.spki, r.n_spki), &id, &count, &err)
	assert_int_equal(NEW(), 0);
	assert_true(id.len == 20 && id.ptr[0] == 'i' && count == 0);
	r.n_auth = 74; /* cut off within the id */
	assert_int_equal(NEW(), -E_INVALID);
	r.n_auth = 54;
	assert_int_equal(NEW(), -E_INVALID);
	r.n_auth = 400;
	r.auth[53] = 1, r.auth[54] = 1; /* 257 */
	assert_int_equal(NEW(), -E_INVALID);
	r.auth[53] = r.auth[54] = 0;
	assert_int_equal(NEW(), -E_INVALID);
	r.auth[54] = 20, r.auth[32] = 0x01; /* says that it names none */
	assert_int_equal(NEW(), -E_INVALID);
	r.auth[32] = 0x41, r.spki[3] ^= 1;
	assert_int_equal(NEW(), -E_INVALID);
	r.spki[3] ^= 1, r.spki[r.n_spki++] = 0; /* something behind the key */
	assert_int_equal(NEW(), -E_INVALID);
	r.n_spki--;
	assert_int_equal(NEW(), 0);
	say(&r, "webauthn.get", "https://desk.toride.example", x.challenge);
	assert_int_equal(NEW(), -E_DENIED);
	EVP_PKEY_free(r.key);
}

int main(void)
{
	const struct CMUnitTest tests[] = { cmocka_unit_test(test_base64url), cmocka_unit_test(test_signing_in), cmocka_unit_test(test_registering) };
	return cmocka_run_group_tests(tests, NULL, NULL);
}
