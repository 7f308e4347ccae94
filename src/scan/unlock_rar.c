/* See unlock.h. Blocks are copied one by one: those about files without their encryption, their data decrypted; what isn't needed
 * to read files (comments, lists for quick opening, recovery data) is left out. */
#include "scan/unlock.h"

#include "base/mem.h"
#include "scan/crypt.h"
#include "scan/le.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <zlib.h>

#define BLOCKS 65536u
#define KDF_MAX 20u /* 2^20 turns; RAR writes 15 and takes 24 */
#define TURNS3 0x40000u
#define UNITS3 28u  /* of a password: see unlock.h */

struct rar {
	struct str file;
	size_t at;
	const char *password;
	struct buf *out;
	bool headers_locked, found;
	bool locked; /* something is, opened or not */
	/* keys made last, and of what */
	unsigned char key[32], iv[16], salt[16];
	unsigned kdf;
	bool has_key;
	unsigned char mac[32]; /* what checksums are mixed with (RAR 5), by the same salt and kdf */
	bool has_mac;
};

static void put_le(struct buf *b, uint64_t v, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		buf_putc(b, (char)(v >> (8 * i)));
}

static struct str left(const struct rar *r)
{
	return (struct str){ r->file.ptr + r->at, r->file.len - r->at };
}

/* A block's data to the new archive. key NULL: not encrypted. keep: so many bytes of it matter. */
static bool put_data(struct rar *r, uint64_t n, const unsigned char *key, size_t key_len, const unsigned char *iv, uint64_t keep)
{
	struct str s = left(r);
	if (n > s.len || keep > (key ? n & ~(uint64_t)15 : n))
		return false;
	if (!*r->password) { /* only looked at */
		r->at += (size_t)n;
		return true;
	}
	if (!buf_room(r->out, (size_t)n))
		return false;
	unsigned char *to = (unsigned char *)r->out->ptr + r->out->len;
	if (!key)
		memcpy(to, s.ptr, (size_t)n);
	else if (!crypt_aes(key, key_len, iv, s.ptr, (size_t)n & ~(size_t)15, to))
		return false;
	r->out->len += (size_t)keep;
	r->at += (size_t)n;
	return true;
}

/* ---- RAR 5 ---- */

enum { B5_MAIN = 1, B5_FILE = 2, B5_LOCK = 4, B5_END = 5 };
enum { F5_EXTRA = 1, F5_DATA = 2 };

static uint64_t vint(struct str *s, bool *bad)
{
	uint64_t v = 0;
	for (unsigned i = 0; i < 10 && i < s->len; i++) {
		unsigned char c = (unsigned char)s->ptr[i];
		v |= (uint64_t)(c & 0x7f) << (7 * i);
		if (!(c & 0x80)) {
			*s = (struct str){ s->ptr + i + 1, s->len - i - 1 };
			return v;
		}
	}
	*bad = true;
	return 0;
}

static struct str cut(struct str *s, uint64_t n, bool *bad)
{
	if (n > s->len) {
		*bad = true;
		n = 0;
	}
	struct str got = { s->ptr, (size_t)n };
	*s = (struct str){ s->ptr + n, s->len - (size_t)n };
	return got;
}

static void put_vint(struct buf *b, uint64_t v)
{
	for (; v > 0x7f; v >>= 7)
		buf_putc(b, (char)(v | 0x80));
	buf_putc(b, (char)v);
}

/* CRC and size go before what stands in `body`. */
static void put_block5(struct rar *r, const struct buf *body)
{
	struct buf size;
	buf_init(&size, 16);
	put_vint(&size, body->len);
	uLong crc = crc32(crc32(0, (unsigned char *)size.ptr, (uInt)size.len), (unsigned char *)body->ptr, (uInt)body->len);
	put_le(r->out, crc, 4);
	buf_str(r->out, buf_view(&size));
	buf_str(r->out, buf_view(body));
	buf_done(&size);
}

/* The key of 2^kdf turns, and whether the eight bytes made with 32 more are those of `check`. */
static enum locked key5(struct rar *r, unsigned kdf, struct str salt, struct str check)
{
	unsigned char v[32], sum[32], eight[8] = { 0 };
	int n = (int)strlen(r->password);
	if (kdf > KDF_MAX || salt.len != 16 || check.len < 8)
		return LOCKED_UNKNOWN;
	if (!*r->password)
		return LOCKED_WRONG;
	if (r->has_key && r->kdf == kdf && memcmp(salt.ptr, r->salt, 16) == 0)
		return LOCKED_OPENED;
	if (!PKCS5_PBKDF2_HMAC(r->password, n, (const unsigned char *)salt.ptr, 16, 1 << kdf, EVP_sha256(), 32, r->key) ||
	    !PKCS5_PBKDF2_HMAC(r->password, n, (const unsigned char *)salt.ptr, 16, (1 << kdf) + 32, EVP_sha256(), 32, v))
		return LOCKED_UNKNOWN;
	for (size_t i = 0; i < 32; i++)
		eight[i & 7] ^= v[i];
	if (!EVP_Digest(check.ptr, 8, sum, NULL, EVP_sha256(), NULL) || (check.len >= 12 && memcmp(sum, check.ptr + 8, 4) != 0))
		return LOCKED_UNKNOWN; /* the check value is broken */
	if (memcmp(eight, check.ptr, 8) != 0)
		return LOCKED_WRONG;
	memcpy(r->salt, salt.ptr, 16);
	r->kdf = kdf;
	r->has_mac = false;
	r->has_key = true;
	return LOCKED_OPENED;
}

/* The next block's type, flags and what follows; decrypted into `b` where headers are locked. False: there is none. */
static bool next5(struct rar *r, struct buf *b, struct str *ret_body)
{
	struct str s = left(r);
	bool bad = false;
	size_t iv = r->headers_locked ? 16 : 0;
	buf_reset(b);
	if (s.len < iv + 16 && r->headers_locked)
		return false;
	struct str in = { s.ptr + iv, s.len - iv }, h = in;
	if (r->headers_locked) { /* the size first */
		if (!buf_room(b, 16) || !crypt_aes(r->key, 32, (const unsigned char *)s.ptr, in.ptr, 16, (unsigned char *)b->ptr))
			return false;
		h = (struct str){ b->ptr, 16 };
	}
	if (h.len < 7)
		return false;
	uint64_t crc = le(h, 0, 4);
	struct str rest = { h.ptr + 4, h.len - 4 };
	uint64_t size = vint(&rest, &bad);
	size_t head = (size_t)(rest.ptr - h.ptr), whole = head + (size_t)size, padded = (whole + 15) & ~(size_t)15;
	if (bad || size < 2 || size > 2 * MIB || (r->headers_locked ? padded : whole) > in.len)
		return false;
	if (r->headers_locked) {
		if (!buf_room(b, padded) || !crypt_aes(r->key, 32, (const unsigned char *)s.ptr, in.ptr, padded, (unsigned char *)b->ptr))
			return false;
		h.ptr = b->ptr;
	}
	if (crc32(0, (const unsigned char *)h.ptr + 4, (uInt)(whole - 4)) != crc)
		return false;
	*ret_body = (struct str){ h.ptr + head, (size_t)size };
	r->at += iv + (r->headers_locked ? padded : whole);
	return true;
}

struct lock5 {
	bool is;
	uint64_t flags;
	unsigned kdf;
	struct str salt, iv, check;
};

/* The extra records that stay; what the first of type 1 says. */
static void read_extra5(struct str extra, struct buf *keep, struct lock5 *lock, bool *bad)
{
	while (extra.len && !*bad) {
		struct str whole = extra, rec = cut(&extra, vint(&extra, bad), bad), x = rec;
		uint64_t type = vint(&x, bad);
		if (type == 1) { /* a second one would leave open whose key it is */
			*bad = *bad || lock->is || vint(&x, bad) != 0;
			lock->is = true;
			lock->flags = vint(&x, bad);
			struct str kdf = cut(&x, 1, bad);
			lock->kdf = kdf.len ? (unsigned char)kdf.ptr[0] : 255;
			lock->salt = cut(&x, 16, bad);
			lock->iv = cut(&x, 16, bad);
			lock->check = lock->flags & 1 ? cut(&x, 12, bad) : STR("");
		} else if (type != 2) { /* checksums that the password is mixed into */
			buf_put(keep, whole.ptr, (size_t)(rec.ptr + rec.len - whole.ptr));
		}
	}
}

/* Where the last of the compressed blocks ends: behind it AES' padding stands, which a reader would take for a block more. */
static uint64_t blocks5(struct str s)
{
	for (size_t at = 0; at + 3 <= s.len;) {
		unsigned flags = (unsigned char)s.ptr[at], n = (flags >> 3 & 3) + 1;
		at += 2 + n + (n < 4 ? (size_t)le(s, at + 2, n) : s.len);
		if (at > s.len)
			break;
		if (flags & 0x40)
			return at;
	}
	return s.len;
}

/* The block's data, which it stands before, decrypted. */
static bool data5(struct rar *r, uint64_t n, const struct lock5 *lock, struct buf *b)
{
	struct str s = left(r);
	if (n > s.len || !buf_room(b, (size_t)n) || !crypt_aes(r->key, 32, (const unsigned char *)lock->iv.ptr, s.ptr, (size_t)n & ~(size_t)15, (unsigned char *)b->ptr))
		return false;
	b->len = (size_t)n & ~(size_t)15;
	r->at += (size_t)n;
	return true;
}

/* The checksum of what is only stored, which the password may be mixed into: the reader never looks at it then. */
static bool checks5(struct rar *r, const struct lock5 *lock, struct str plain, const struct str *crc)
{
	unsigned char mac[32], le4[4];
	unsigned n = 32;
	uint32_t sum = (uint32_t)crc32(0, (const unsigned char *)plain.ptr, (uInt)plain.len), mixed = 0;
	if (crc->len != 4)
		return false;
	if (!(lock->flags & 2))
		return sum == le(*crc, 0, 4);
	for (int i = 0; i < 4; i++)
		le4[i] = (unsigned char)(sum >> (8 * i));
	r->has_mac = r->has_mac || PKCS5_PBKDF2_HMAC(r->password, (int)strlen(r->password), r->salt, 16, (1 << lock->kdf) + 16, EVP_sha256(), 32, r->mac);
	if (!r->has_mac || !HMAC(EVP_sha256(), r->mac, 32, le4, 4, mac, &n))
		return false;
	for (int i = 0; i < 32; i++)
		mixed ^= (uint32_t)mac[i] << (i & 3) * 8;
	return mixed == le(*crc, 0, 4);
}

static void put_file5(struct rar *r, uint64_t flags, struct str keep, uint64_t n, struct str body)
{
	struct buf b;
	buf_init(&b, 4 * MIB);
	put_vint(&b, B5_FILE);
	put_vint(&b, (flags & ~(uint64_t)F5_EXTRA) | (keep.len ? F5_EXTRA : 0) | F5_DATA);
	if (keep.len)
		put_vint(&b, keep.len);
	put_vint(&b, n);
	buf_str(&b, body);
	buf_str(&b, keep);
	put_block5(r, &b);
	buf_done(&b);
}

/* A file's block: `body` is what follows its flags and sizes. */
static enum locked file5(struct rar *r, uint64_t flags, struct str body, struct str extra, uint64_t data)
{
	struct lock5 lock = { 0 };
	struct buf keep, b, plain;
	bool bad = false;
	buf_init(&keep, MIB);
	buf_init(&b, 4 * MIB);
	buf_init(&plain, r->file.len);
	read_extra5(extra, &keep, &lock, &bad);
	r->locked = r->locked || lock.is;
	struct str s = body;
	uint64_t what = vint(&s, &bad), size = vint(&s, &bad), attributes = vint(&s, &bad);
	put_vint(&b, what & ~(uint64_t)4);
	put_vint(&b, size);
	put_vint(&b, attributes);
	buf_str(&b, what & 2 ? cut(&s, 4, &bad) : STR(""));
	struct str crc = cut(&s, what & 4 ? 4 : 0, &bad);
	buf_str(&b, s);
	bool stored = (vint(&s, &bad) >> 7 & 7) == 0;
	enum locked ret = bad ? LOCKED_UNKNOWN : lock.is ? key5(r, lock.kdf, lock.salt, lock.check) : LOCKED_OPENED;
	if (ret == LOCKED_OPENED && lock.is && data5(r, data, &lock, &plain)) {
		uint64_t n = !stored ? blocks5(buf_view(&plain)) : size < plain.len ? size : plain.len;
		r->found = true;
		if (stored && !checks5(r, &lock, (struct str){ plain.ptr, (size_t)n }, &crc))
			ret = LOCKED_WRONG;
		put_file5(r, flags, buf_view(&keep), n, buf_view(&b));
		buf_put(r->out, plain.ptr, (size_t)n);
	} else if (ret == LOCKED_OPENED) {
		put_file5(r, flags, buf_view(&keep), data, buf_view(&b));
		ret = !lock.is && put_data(r, data, NULL, 0, NULL, data) ? LOCKED_OPENED : LOCKED_UNKNOWN;
	}
	buf_done(&keep);
	buf_done(&b);
	buf_done(&plain);
	return ret;
}

/* The archive's own encryption header: all that follows is behind it. */
static enum locked lock5(struct rar *r, struct str body)
{
	bool bad = false;
	uint64_t version = vint(&body, &bad), flags = vint(&body, &bad);
	struct str kdf = cut(&body, 1, &bad), salt = cut(&body, 16, &bad), check = flags & 1 ? cut(&body, 12, &bad) : STR("");
	r->locked = true;
	if (bad || version != 0 || r->headers_locked)
		return LOCKED_UNKNOWN;
	enum locked ret = key5(r, (unsigned char)kdf.ptr[0], salt, check);
	r->headers_locked = r->found = ret == LOCKED_OPENED;
	return ret;
}

static void plain5(struct rar *r, uint64_t type, struct str body)
{
	struct buf b;
	buf_init(&b, MIB);
	put_vint(&b, type);
	put_vint(&b, 0);
	buf_str(&b, body);
	put_block5(r, &b);
	buf_done(&b);
}

static enum locked block5(struct rar *r, struct str s, bool *ret_end)
{
	bool bad = false;
	uint64_t type = vint(&s, &bad), flags = vint(&s, &bad);
	uint64_t n_extra = flags & F5_EXTRA ? vint(&s, &bad) : 0, data = flags & F5_DATA ? vint(&s, &bad) : 0;
	if (bad || n_extra > s.len)
		return LOCKED_UNKNOWN;
	struct str body = { s.ptr, s.len - (size_t)n_extra }, extra = { s.ptr + body.len, (size_t)n_extra };
	*ret_end = type == B5_END;
	if (type == B5_LOCK)
		return lock5(r, body);
	if (type == B5_FILE)
		return file5(r, flags, body, extra, data);
	if (type == B5_MAIN || type == B5_END)
		plain5(r, type, body);
	if (data > left(r).len)
		return LOCKED_UNKNOWN;
	r->at += (size_t)data;
	return LOCKED_OPENED;
}

static enum locked unlock5(struct rar *r)
{
	struct buf b;
	struct str body;
	enum locked ret = LOCKED_OPENED;
	bool end = false;
	buf_init(&b, 4 * MIB);
	buf_put(r->out, r->file.ptr, 8);
	r->at = 8;
	for (unsigned i = 0; ret == LOCKED_OPENED && !end; i++) {
		r->locked |= i == BLOCKS; /* nobody knows what stands behind */
		ret = i < BLOCKS && next5(r, &b, &body) ? block5(r, body, &end) : r->at == r->file.len ? (end = true, LOCKED_OPENED) : LOCKED_UNKNOWN;
	}
	buf_done(&b);
	return ret;
}

/* ---- RAR 3 ---- */

enum { B3_MAIN = 0x73, B3_FILE = 0x74, B3_END = 0x7b };
enum { F3_LOCKED = 0x80, F3_PASSWORD = 4, F3_LARGE = 0x100, F3_SALT = 0x400, F3_LONG = 0x8000 };

/* Key and start value of a salt (8 bytes, or none). */
static bool key3(struct rar *r, struct str salt)
{
	unsigned char seed[CRYPT_UTF16 + 8], h[EVP_MAX_MD_SIZE], n3[3];
	size_t n = crypt_utf16(r->password, seed);
	if (n > 2 * UNITS3)
		return false;
	if (r->has_key && memcmp(r->salt, salt.ptr, 8) == 0)
		return true;
	memcpy(seed + n, salt.ptr, 8);
	n += 8;
	EVP_MD_CTX *x = EVP_MD_CTX_new(), *y = EVP_MD_CTX_new();
	bool ok = x && y && EVP_DigestInit_ex(x, EVP_sha1(), NULL);
	for (uint32_t i = 0; ok && i < TURNS3; i++) {
		for (int k = 0; k < 3; k++)
			n3[k] = (unsigned char)(i >> (8 * k));
		ok = EVP_DigestUpdate(x, seed, n) && EVP_DigestUpdate(x, n3, 3);
		if (ok && i % (TURNS3 / 16) == 0) {
			ok = EVP_MD_CTX_copy_ex(y, x) && EVP_DigestFinal_ex(y, h, NULL);
			r->iv[i / (TURNS3 / 16)] = h[19];
		}
	}
	ok = ok && EVP_DigestFinal_ex(x, h, NULL);
	for (int i = 0; ok && i < 16; i++)
		r->key[i] = h[(i & ~3) + 3 - (i & 3)];
	EVP_MD_CTX_free(x);
	EVP_MD_CTX_free(y);
	memcpy(r->salt, salt.ptr, 8);
	return r->has_key = ok;
}

/* The next block's header whole, with a good CRC; decrypted into `b` where headers are locked. */
static bool next3(struct rar *r, struct buf *b, struct str *ret)
{
	struct str s = left(r), h = s;
	size_t salt = r->headers_locked ? 8 : 0;
	buf_reset(b);
	if (r->headers_locked) {
		if (s.len < 24 || !buf_room(b, 65536 + 16) || !key3(r, (struct str){ s.ptr, 8 }) ||
		    !crypt_aes(r->key, 16, r->iv, s.ptr + 8, 16, (unsigned char *)b->ptr))
			return false;
		h = (struct str){ b->ptr, 16 };
	}
	if (h.len < 7)
		return false;
	size_t size = (size_t)le(h, 5, 2), whole = r->headers_locked ? (size + 15) & ~(size_t)15 : size;
	if (size < 7 || whole > s.len - salt || (r->headers_locked && !crypt_aes(r->key, 16, r->iv, s.ptr + 8, whole, (unsigned char *)b->ptr)))
		return false;
	*ret = (struct str){ h.ptr, size };
	r->at += salt + whole;
	return (crc32(0, (const unsigned char *)h.ptr + 2, (uInt)size - 2) & 0xffff) == le(h, 0, 2);
}

/* As it stands but for flags, size of the data (of a file) and what stands behind `n`, up to `skip` more bytes. */
static void put_block3(struct rar *r, struct str h, unsigned flags, const uint64_t *data, size_t n, size_t skip)
{
	struct buf b;
	buf_init(&b, 65536 + 16);
	buf_putc(&b, h.ptr[2]);
	put_le(&b, flags, 2);
	put_le(&b, h.len - skip, 2);
	if (data)
		put_le(&b, *data, 4);
	buf_put(&b, h.ptr + (data ? 11 : 7), n - (data ? 11 : 7));
	buf_put(&b, h.ptr + n + skip, h.len - n - skip);
	put_le(r->out, crc32(0, (unsigned char *)b.ptr, (uInt)b.len) & 0xffff, 2);
	buf_str(r->out, buf_view(&b));
	buf_done(&b);
}

static enum locked file3(struct rar *r, struct str h, unsigned flags)
{
	size_t at = flags & F3_LARGE ? 40 : 32, name = (size_t)le(h, 26, 2), salt = flags & F3_SALT ? 8 : 0;
	uint64_t data = le(h, 7, 4), size = le(h, 11, 4);
	bool lock = flags & F3_PASSWORD;
	r->locked = r->locked || lock;
	if (h.len < at + name + salt || (flags & F3_LARGE && (le(h, 32, 4) || le(h, 36, 4))) || data > left(r).len)
		return LOCKED_UNKNOWN;
	if (lock && !*r->password)
		return LOCKED_WRONG;
	if (lock && ((unsigned char)h.ptr[24] < 29 || !salt || !key3(r, (struct str){ h.ptr + at + name, 8 })))
		return LOCKED_UNKNOWN;
	r->found = r->found || lock;
	uint64_t n = lock && h.ptr[25] == 0x30 && size <= data ? size : data;
	put_block3(r, h, flags & ~(unsigned)(F3_PASSWORD | F3_SALT), &n, at + name, salt);
	size_t begin = r->out->len;
	if (!put_data(r, data, lock ? r->key : NULL, 16, r->iv, n))
		return LOCKED_UNKNOWN;
	/* libarchive checks what was compressed, not what is only stored */
	bool right = !lock || h.ptr[25] != 0x30 || crc32(0, (unsigned char *)r->out->ptr + begin, (uInt)n) == le(h, 16, 4);
	return right ? LOCKED_OPENED : LOCKED_WRONG;
}

static enum locked block3(struct rar *r, struct str h, bool *ret_end)
{
	unsigned type = (unsigned char)h.ptr[2], flags = (unsigned)le(h, 3, 2);
	uint64_t data = flags & F3_LONG ? le(h, 7, 4) : 0;
	*ret_end = type == B3_END;
	if (type == B3_FILE)
		return file3(r, h, flags);
	if (type == B3_MAIN && !r->headers_locked) {
		put_block3(r, h, flags & ~(unsigned)F3_LOCKED, NULL, h.len, 0);
		r->headers_locked = r->found = flags & F3_LOCKED;
		r->locked = r->locked || r->found;
		if (r->found && !*r->password)
			return LOCKED_WRONG;
	} else if (type == B3_END) {
		put_block3(r, h, flags, NULL, h.len, 0);
	}
	if (data > left(r).len)
		return LOCKED_UNKNOWN;
	r->at += (size_t)data;
	return LOCKED_OPENED;
}

static enum locked unlock3(struct rar *r)
{
	struct buf b;
	struct str h;
	enum locked ret = LOCKED_OPENED;
	bool end = false;
	buf_init(&b, 65536 + 32);
	buf_put(r->out, r->file.ptr, 7);
	r->at = 7;
	for (unsigned i = 0; ret == LOCKED_OPENED && !end; i++) {
		r->locked |= i == BLOCKS;
		if (i < BLOCKS && next3(r, &b, &h))
			ret = block3(r, h, &end);
		else if (r->at == r->file.len)
			end = true;
		else
			ret = r->headers_locked && i < 3 ? LOCKED_WRONG : LOCKED_UNKNOWN; /* a header's CRC is all that tells */
	}
	buf_done(&b);
	return ret;
}

enum locked unlock_rar(struct str file, const char *password, struct buf *out)
{
	struct rar r = { .file = file, .password = password, .out = out };
	enum locked ret = LOCKED_UNKNOWN;
	if (file.len > 8 && memcmp(file.ptr, "Rar!\x1a\7\1\0", 8) == 0)
		ret = unlock5(&r);
	else if (file.len > 7 && memcmp(file.ptr, "Rar!\x1a\7\0", 7) == 0)
		ret = unlock3(&r);
	ret = ret == LOCKED_OPENED && (!r.found || out->failed) ? LOCKED_UNKNOWN : ret;
	return ret == LOCKED_UNKNOWN && r.locked ? LOCKED_WRONG : ret; /* libarchive doesn't always notice */
}
