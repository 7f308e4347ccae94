/* See locked.h; called by ole.c in a worker, which dies with the password. What a document may make us do is bounded: its turns
 * of the hash (Office writes 100,000), and everything else by its own size. */
#include "scan/locked.h"

#include "base/mem.h"
#include "scan/crypt.h"

#include <openssl/evp.h>
#include <string.h>

#define TURNS_MAX 1000000u /* 2.3.4.10 allows ten times as many: a minute and more */
#define SEGMENT 4096u

struct hash {
	const EVP_MD *md;
	size_t n;
};

/* What a key encryptor, or the data's own key, says of itself. */
struct params {
	struct hash hash;
	size_t block, key; /* bytes */
	unsigned char salt[64];
	size_t n_salt;
};

static uint32_t le32(struct str s, size_t off)
{
	const unsigned char *p = (const unsigned char *)s.ptr + off;
	return off > s.len || s.len - off < 4 ? UINT32_MAX : p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static void put32(unsigned char dst[4], uint32_t v)
{
	for (int i = 0; i < 4; i++)
		dst[i] = (unsigned char)(v >> (8 * i));
}

static bool digest2(const struct hash *h, const void *a, size_t na, const void *b, size_t nb, unsigned char *dst)
{
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = x && EVP_DigestInit_ex(x, h->md, NULL) && EVP_DigestUpdate(x, a, na) && EVP_DigestUpdate(x, b, nb) && EVP_DigestFinal_ex(x, dst, NULL);
	EVP_MD_CTX_free(x);
	return ok;
}

/* H(salt, password), then so many turns of H(number, last). */
static bool turn(const struct hash *h, const struct params *p, const char *password, uint32_t turns, unsigned char dst[EVP_MAX_MD_SIZE])
{
	unsigned char text[CRYPT_UTF16], number[4];
	size_t n = crypt_utf16(password, text);
	EVP_MD_CTX *x = EVP_MD_CTX_new();
	bool ok = x && digest2(h, p->salt, p->n_salt, text, n, dst);
	for (uint32_t i = 0; ok && i < turns; i++) {
		put32(number, i);
		ok = EVP_DigestInit_ex(x, h->md, NULL) && EVP_DigestUpdate(x, number, 4) && EVP_DigestUpdate(x, dst, h->n) && EVP_DigestFinal_ex(x, dst, NULL);
	}
	EVP_MD_CTX_free(x);
	OPENSSL_cleanse(text, sizeof text);
	return ok;
}

/* The content's length stands before it. What is opened is all there is: a program may think less of that number. False: it can't be. */
static bool package_whole(struct str *package)
{
	uint64_t n = le32(*package, 0) | (uint64_t)le32(*package, 4) << 32;
	if (package->len < 8 || n == 0 || n > package->len - 8)
		return false;
	*package = (struct str){ package->ptr + 8, (package->len - 8) & ~(size_t)15 };
	return true;
}

/* ---- agile ---- */

/* An attribute of the element that begins at `e`. */
static struct str attribute(struct str e, const char *name)
{
	char key[40];
	size_t n = strlen(name);
	memcpy(key, " ", 1);
	memcpy(key + 1, name, n);
	memcpy(key + 1 + n, "=\"", 2);
	const char *p = memmem(e.ptr, e.len, key, n + 3), *q = p ? memchr(p + n + 3, '"', e.len - (size_t)(p + n + 3 - e.ptr)) : NULL;
	return q ? (struct str){ p + n + 3, (size_t)(q - p) - n - 3 } : (struct str){ NULL, 0 };
}

/* From the name to the '>'. */
static struct str element(struct str xml, struct str name)
{
	const char *p = memmem(xml.ptr, xml.len, name.ptr, name.len), *q = p ? memchr(p, '>', xml.len - (size_t)(p - xml.ptr)) : NULL;
	return q ? (struct str){ p, (size_t)(q - p) } : STR("");
}

static size_t number(struct str e, const char *name, size_t max)
{
	uint64_t v;
	return str_to_u64(attribute(e, name), max, &v) ? (size_t)v : 0;
}

static size_t binary(struct str e, const char *name, unsigned char *dst, size_t max)
{
	return crypt_base64(attribute(e, name), dst, max);
}

static bool read_params(struct str e, struct params *p)
{
	static const struct {
		struct str name;
		const EVP_MD *(*md)(void);
	} hashes[] = { { STR("SHA1"), EVP_sha1 }, { STR("SHA-1"), EVP_sha1 }, { STR("SHA256"), EVP_sha256 }, { STR("SHA384"), EVP_sha384 }, { STR("SHA512"), EVP_sha512 } };
	struct str hash = attribute(e, "hashAlgorithm");
	*p = (struct params){ .block = number(e, "blockSize", 16), .key = number(e, "keyBits", 256) / 8 };
	for (size_t i = 0; i < ARRAY_LEN(hashes); i++)
		if (str_eq(hash, hashes[i].name))
			p->hash.md = hashes[i].md();
	p->n_salt = binary(e, "saltValue", p->salt, sizeof p->salt);
	p->hash.n = p->hash.md ? (size_t)EVP_MD_get_size(p->hash.md) : 0;
	return p->hash.md && p->block == 16 && crypt_aes_key(p->key) && p->n_salt && str_eq(attribute(e, "cipherAlgorithm"), STR("AES")) &&
	       str_eq(attribute(e, "cipherChaining"), STR("ChainingModeCBC"));
}

/* A salt, or a hash of one, made as long as is wanted (2.3.4.11, .12). */
static void fit(const unsigned char *p, size_t n, unsigned char *dst, size_t want)
{
	memset(dst, 0x36, want);
	memcpy(dst, p, n < want ? n : want);
}

/* One of the three things that the password's hash opens. */
static bool open_value(const struct params *p, const unsigned char *turned, const char block[8], const unsigned char *in, size_t n, unsigned char *out)
{
	unsigned char h[EVP_MAX_MD_SIZE], key[32], iv[16];
	if (!digest2(&p->hash, turned, p->hash.n, block, 8, h))
		return false;
	fit(h, p->hash.n, key, p->key);
	fit(p->salt, p->n_salt, iv, sizeof iv);
	return crypt_aes(key, p->key, iv, in, n, out);
}

/* data_key: bytes of it that are wanted. */
static enum locked agile_key(struct str e, const struct params *p, const char *password, size_t data_key, unsigned char key[64])
{
	unsigned char turned[EVP_MAX_MD_SIZE], in[96], verifier[96], want[96], got[EVP_MAX_MD_SIZE];
	uint32_t turns = (uint32_t)number(e, "spinCount", TURNS_MAX);
	if (!turns || !turn(&p->hash, p, password, turns, turned))
		return LOCKED_UNKNOWN;
	size_t n = binary(e, "encryptedVerifierHashInput", in, sizeof in);
	if (n < p->n_salt || !open_value(p, turned, "\xfe\xa7\xd2\x76\x3b\x4b\x9e\x79", in, n, verifier))
		return LOCKED_UNKNOWN;
	n = binary(e, "encryptedVerifierHashValue", in, sizeof in);
	if (n < p->hash.n || !open_value(p, turned, "\xd7\xaa\x0f\x6d\x30\x61\x34\x4e", in, n, want) ||
	    !digest2(&p->hash, verifier, p->n_salt, "", 0, got))
		return LOCKED_UNKNOWN;
	if (CRYPTO_memcmp(want, got, p->hash.n) != 0)
		return LOCKED_WRONG;
	n = binary(e, "encryptedKeyValue", in, 64);
	return n >= data_key && open_value(p, turned, "\x14\x6e\x0b\xe7\xab\xac\xd0\xd6", in, n, key) ? LOCKED_OPENED : LOCKED_UNKNOWN;
}

static enum locked agile_open(struct str xml, struct str package, const char *password, struct buf *out)
{
	struct params data, p;
	unsigned char key[64], h[EVP_MAX_MD_SIZE], iv[16], number4[4], plain[SEGMENT];
	struct str e = element(xml, STR("encryptedKey "));
	if (!read_params(element(xml, STR("keyData ")), &data) || !read_params(e, &p) || !package_whole(&package))
		return LOCKED_UNKNOWN;
	enum locked r = agile_key(e, &p, password, data.key, key);
	for (size_t at = 0; r == LOCKED_OPENED && at < package.len; at += SEGMENT) {
		size_t n = package.len - at < SEGMENT ? package.len - at : SEGMENT;
		put32(number4, (uint32_t)(at / SEGMENT));
		bool ok = digest2(&data.hash, data.salt, data.n_salt, number4, 4, h);
		fit(h, data.hash.n, iv, sizeof iv);
		if (!ok || !crypt_aes(key, data.key, iv, package.ptr + at, n, plain))
			return LOCKED_UNKNOWN;
		buf_put(out, plain, n);
	}
	return r == LOCKED_OPENED && out->failed ? LOCKED_UNKNOWN : r;
}

/* ---- standard ---- */

static bool standard_key(const struct params *p, const char *password, unsigned char key[32])
{
	const struct hash sha1 = { EVP_sha1(), 20 };
	unsigned char h[EVP_MAX_MD_SIZE], x[64], halves[2][20];
	if (!turn(&sha1, p, password, 50000, h) || !digest2(&sha1, h, 20, "\0\0\0\0", 4, h))
		return false;
	for (int i = 0; i < 2; i++) {
		memset(x, i ? 0x5c : 0x36, sizeof x);
		for (int k = 0; k < 20; k++)
			x[k] ^= h[k];
		if (!digest2(&sha1, x, sizeof x, "", 0, halves[i]))
			return false;
	}
	memcpy(key, halves, 32);
	return true;
}

static enum locked standard_open(struct str info, struct str package, const char *password, struct buf *out)
{
	const struct hash sha1 = { EVP_sha1(), 20 };
	struct params p = { .n_salt = 16 };
	unsigned char key[32], verifier[16], want[32], got[EVP_MAX_MD_SIZE], plain[SEGMENT];
	size_t header = le32(info, 8), v = 12 + header;
	uint32_t bits = le32(info, 12 + 16);
	if (!package_whole(&package) || header > info.len || v + 72 > info.len || le32(info, v) != 16 || !crypt_aes_key(bits / 8))
		return LOCKED_UNKNOWN;
	memcpy(p.salt, info.ptr + v + 4, 16);
	if (!standard_key(&p, password, key) || !crypt_aes(key, bits / 8, NULL, info.ptr + v + 20, 16, verifier) ||
	    !crypt_aes(key, bits / 8, NULL, info.ptr + v + 40, 32, want) || !digest2(&sha1, verifier, 16, "", 0, got))
		return LOCKED_UNKNOWN;
	if (CRYPTO_memcmp(want, got, 20) != 0)
		return LOCKED_WRONG;
	for (size_t at = 0; at < package.len; at += SEGMENT) {
		size_t n = package.len - at < SEGMENT ? package.len - at : SEGMENT;
		if (!crypt_aes(key, bits / 8, NULL, package.ptr + at, n, plain))
			return LOCKED_UNKNOWN;
		buf_put(out, plain, n);
	}
	return out->failed ? LOCKED_UNKNOWN : LOCKED_OPENED;
}

enum locked locked_open(struct str info, struct str package, const char *password, struct buf *out)
{
	uint32_t version = le32(info, 0);
	if (info.len < 8 || info.len > 64 * KIB)
		return LOCKED_UNKNOWN;
	if (version == 0x00040004)
		return agile_open((struct str){ info.ptr + 8, info.len - 8 }, package, password, out);
	return version >> 16 == 2 && (le32(info, 4) & 0x24) == 0x24 ? standard_open(info, package, password, out) : LOCKED_UNKNOWN;
}

void locked_prepare(void)
{
	const struct hash sha1 = { EVP_sha1(), 20 }, sha512 = { EVP_sha512(), 64 };
	unsigned char h[EVP_MAX_MD_SIZE];
	digest2(&sha1, "", 0, "", 0, h);
	digest2(&sha512, "", 0, "", 0, h);
	crypt_prepare();
}
