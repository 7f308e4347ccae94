/* See office97.h; called by ole.c in a worker. */
#include "scan/office97.h"

#include "base/mem.h"
#include "scan/crypt.h"
#include "scan/le.h"

#include <openssl/evp.h>

#define XLS_BLOCK 1024u
#define DOC_BLOCK 512u
#define FIB_CLEAR 68u /* bytes of WordDocument that are never encrypted */

/* What makes a block's key. */
struct rc4_keys {
	const EVP_MD *md;
	size_t n_base, n_key; /* of base and of a key, bytes */
	unsigned char base[20];
};

static bool block_key(const struct rc4_keys *k, uint32_t block, struct rc4 *ret)
{
	unsigned char in[24], h[EVP_MAX_MD_SIZE];
	memcpy(in, k->base, k->n_base);
	for (int i = 0; i < 4; i++)
		in[k->n_base + (size_t)i] = (unsigned char)(block >> (8 * i));
	if (!EVP_Digest(in, k->n_base + 4, h, NULL, k->md, NULL))
		return false;
	if (k->n_key == 5) /* 40 bits: the rest are zeros (2.3.5.2) */
		memset(h + 5, 0, 11);
	rc4_begin(ret, h, k->n_key == 5 ? 16 : k->n_key);
	return true;
}

/* verifier and its hash, encrypted one behind the other. */
static enum locked verify(const struct rc4_keys *k, const unsigned char *verifier, const unsigned char *hash, size_t n)
{
	unsigned char plain[16], want[20], got[EVP_MAX_MD_SIZE];
	struct rc4 x;
	if (!block_key(k, 0, &x))
		return LOCKED_UNKNOWN;
	rc4_apply(&x, verifier, 16, plain);
	rc4_apply(&x, hash, n, want);
	return EVP_Digest(plain, 16, got, NULL, k->md, NULL) && memcmp(got, want, n) == 0 ? LOCKED_OPENED : LOCKED_WRONG;
}

static enum locked plain_rc4(struct str s, const char *password, struct rc4_keys *k)
{
	unsigned char text[CRYPT_UTF16], h[EVP_MAX_MD_SIZE], many[16 * 21];
	size_t n = crypt_utf16(password, text);
	const unsigned char *p = (const unsigned char *)s.ptr;
	if (s.len < 48 || !EVP_Digest(text, n, h, NULL, EVP_md5(), NULL))
		return LOCKED_UNKNOWN;
	for (size_t i = 0; i < 16; i++) {
		memcpy(many + 21 * i, h, 5);
		memcpy(many + 21 * i + 5, p, 16);
	}
	if (!EVP_Digest(many, sizeof many, h, NULL, EVP_md5(), NULL))
		return LOCKED_UNKNOWN;
	*k = (struct rc4_keys){ .md = EVP_md5(), .n_base = 5, .n_key = 16 };
	memcpy(k->base, h, 5);
	return verify(k, p + 16, p + 32, 16);
}

static enum locked crypto_api(struct str s, const char *password, struct rc4_keys *k)
{
	unsigned char in[16 + CRYPT_UTF16], h[EVP_MAX_MD_SIZE];
	size_t header = le(s, 4, 4), v = 8 + header, bits = le(s, 8 + 16, 4);
	bits = bits ? bits : 40;
	if (header > s.len || v + 60 > s.len || le(s, v, 4) != 16 || le(s, 8 + 8, 4) != 0x6801 || bits < 40 || bits > 128 || bits % 8)
		return LOCKED_UNKNOWN;
	memcpy(in, s.ptr + v + 4, 16);
	size_t n = 16 + crypt_utf16(password, in + 16);
	if (!EVP_Digest(in, n, h, NULL, EVP_sha1(), NULL))
		return LOCKED_UNKNOWN;
	*k = (struct rc4_keys){ .md = EVP_sha1(), .n_base = 20, .n_key = bits / 8 };
	memcpy(k->base, h, 20);
	return verify(k, (const unsigned char *)s.ptr + v + 20, (const unsigned char *)s.ptr + v + 40, 20);
}

/* By the header that both formats begin with: a version, then what belongs to it. */
static enum locked keys_of(struct str s, const char *password, struct rc4_keys *k)
{
	uint64_t major = le(s, 0, 2), minor = le(s, 2, 2);
	if (s.len < 8)
		return LOCKED_UNKNOWN;
	s = (struct str){ s.ptr + 4, s.len - 4 };
	if (major == 1 && minor == 1)
		return plain_rc4(s, password, k);
	return minor == 2 && major >= 2 && major <= 4 ? crypto_api(s, password, k) : LOCKED_UNKNOWN;
}

/* All of a stream, each block by its own key. */
static bool decrypt(const struct rc4_keys *k, struct str in, size_t block, struct buf *out)
{
	struct rc4 x;
	if (!buf_room(out, in.len))
		return in.len == 0;
	for (size_t at = 0; at < in.len; at += block) {
		size_t n = in.len - at < block ? in.len - at : block;
		if (!block_key(k, (uint32_t)(at / block), &x))
			return false;
		rc4_apply(&x, (const unsigned char *)in.ptr + at, n, (unsigned char *)out->ptr + at);
	}
	out->len = in.len;
	return true;
}

/* ---- Excel ---- */

/* So many bytes of a record's content stand there in clear. */
static size_t clear_of(unsigned type, size_t n)
{
	static const uint16_t clear[] = { 0x809, 0x2f, 0x194, 0x195, 0xe1, 0x196, 0x138 };
	for (size_t i = 0; i < ARRAY_LEN(clear); i++)
		if (clear[i] == type)
			return n;
	return type == 0x85 ? (n < 4 ? n : 4) : 0; /* BoundSheet8: where the sheet begins */
}

/* The FilePass record's content; "": there is none. */
static struct str file_pass(struct str s, size_t *ret_at)
{
	for (size_t at = 0, i = 0; i < 64 && at + 4 <= s.len; i++) {
		size_t n = le(s, at + 2, 2);
		if (le(s, at, 2) == 0x2f && n <= s.len - at - 4) {
			*ret_at = at;
			return (struct str){ s.ptr + at + 4, n };
		}
		at += 4 + n;
	}
	return STR("");
}

enum locked office97_xls(struct str s, const char *password, struct buf *out)
{
	struct rc4_keys k;
	size_t pass_at = 0;
	struct str pass = file_pass(s, &pass_at);
	if (pass.len < 8 || le(pass, 0, 2) != 1) /* 0: XOR obfuscation */
		return LOCKED_UNKNOWN;
	enum locked r = keys_of((struct str){ pass.ptr + 2, pass.len - 2 }, password, &k);
	if (r != LOCKED_OPENED || !decrypt(&k, s, XLS_BLOCK, out))
		return r == LOCKED_OPENED ? LOCKED_UNKNOWN : r;
	for (size_t at = 0; at + 4 <= s.len;) {
		size_t n = le(s, at + 2, 2), left = s.len - at - 4;
		memcpy(out->ptr + at, s.ptr + at, 4 + clear_of((unsigned)le(s, at, 2), n < left ? n : left));
		at += 4 + n;
	}
	out->ptr[pass_at] = (char)0xfe; /* no record that anybody knows */
	out->ptr[pass_at + 1] = 0x7f;
	return LOCKED_OPENED;
}

/* ---- Word ---- */

const char *office97_table(struct str word)
{
	return le(word, 10, 2) & 0x0200 ? "1Table" : "0Table";
}

enum locked office97_doc(struct str word, struct str table, struct str data, const char *password, struct buf out[3])
{
	struct rc4_keys k;
	size_t header = le(word, 14, 4);
	if (word.len < FIB_CLEAR || (le(word, 10, 2) & 0x8000) || header > table.len) /* XOR obfuscation */
		return LOCKED_UNKNOWN;
	enum locked r = keys_of((struct str){ table.ptr, header }, password, &k);
	if (r != LOCKED_OPENED)
		return r;
	if (!decrypt(&k, word, DOC_BLOCK, &out[0]) || !decrypt(&k, table, DOC_BLOCK, &out[1]) || !decrypt(&k, data, DOC_BLOCK, &out[2]))
		return LOCKED_UNKNOWN;
	memcpy(out[0].ptr, word.ptr, FIB_CLEAR);
	out[0].ptr[11] = (char)(out[0].ptr[11] & ~0x01); /* fEncrypted */
	memset(out[0].ptr + 14, 0, 4);
	memset(out[1].ptr, 0, header);
	return LOCKED_OPENED;
}
