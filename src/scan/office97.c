/* See office97.h; called by ole.c in a worker. */
#include "scan/office97.h"

#include "base/mem.h"
#include "scan/crypt.h"
#include "scan/le.h"

#include <openssl/evp.h>

#include <stdlib.h>

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

/* ---- PowerPoint ---- */

#define PPT_OBJECTS 65536u

enum ppt_record { PPT_USER_EDIT = 0x0ff5, PPT_DIRECTORY = 0x1772, PPT_SESSION = 0x2f14 };

struct object {
	uint32_t id;   /* 0: stands in clear */
	size_t at, n;  /* n: its header's 8 bytes too, 0 while that isn't decrypted */
};

struct ppt {
	struct str s;  /* PowerPoint Document */
	size_t edit;
	struct object *objects;
	size_t n_objects;
	struct str session;
};

/* A record's content; false: there is none of that type. */
static bool record_at(struct str s, size_t at, enum ppt_record type, struct str *ret)
{
	if (at > s.len || s.len - at < 8 || le(s, at + 2, 2) != (uint64_t)type || le(s, at + 4, 4) > s.len - at - 8)
		return false;
	*ret = (struct str){ s.ptr + at + 8, le(s, at + 4, 4) };
	return true;
}

static bool user_edit(struct str user, struct str document, struct str *ret, size_t *ret_at)
{
	*ret_at = le(user, 16, 4);
	return user.len >= 20 && record_at(document, *ret_at, PPT_USER_EDIT, ret);
}

bool office97_ppt_locked(struct str user, struct str document)
{
	struct str edit;
	size_t at;
	return (user.len >= 20 && le(user, 12, 4) == 0xf3d1c4df) || (user_edit(user, document, &edit, &at) && edit.len >= 32 && le(edit, 28, 4) != 0);
}

static bool add_object(struct ppt *p, uint32_t id, size_t at, size_t n)
{
	if (p->n_objects == PPT_OBJECTS || at > p->s.len)
		return false;
	p->objects[p->n_objects++] = (struct object){ id, at, n };
	return true;
}

/* The persist object directory (MS-PPT 2.3.4): where each object lies. The one that `session` names is what makes the key. */
static bool read_directory(struct ppt *p, struct str dir, uint32_t session)
{
	for (size_t at = 0; at < dir.len;) {
		uint32_t id = (uint32_t)le(dir, at, 4) & 0xfffff, n = (uint32_t)le(dir, at, 4) >> 20;
		at += 4;
		if (dir.len < at || n > (dir.len - at) / 4)
			return false;
		for (; n; n--, id++, at += 4) {
			size_t off = le(dir, at, 4);
			bool key = id == session;
			if (key && (p->session.ptr || !record_at(p->s, off, PPT_SESSION, &p->session)))
				return false;
			if (!add_object(p, key ? 0 : id, off, key ? p->session.len + 8 : 0))
				return false;
		}
	}
	return p->session.ptr != NULL;
}

/* One edit, as what is encrypted has (2.3.7); of more, nobody knows which objects count. */
static bool read_objects(struct ppt *p, struct str user)
{
	struct str edit, dir;
	size_t at;
	if (!user_edit(user, p->s, &edit, &p->edit) || edit.len != 32 || le(edit, 8, 4) != 0)
		return false;
	at = le(edit, 12, 4);
	return record_at(p->s, at, PPT_DIRECTORY, &dir) && add_object(p, 0, p->edit, 8 + edit.len) && add_object(p, 0, at, 8 + dir.len) &&
	       read_directory(p, dir, (uint32_t)le(edit, 28, 4));
}

/* Each piece begins the key's stream anew. */
static bool decrypt_piece(const struct rc4_keys *k, uint32_t block, struct str in, size_t at, size_t n, struct buf *out)
{
	struct rc4 x;
	if (at > in.len || in.len - at < n || !block_key(k, block, &x))
		return false;
	rc4_apply(&x, (const unsigned char *)in.ptr + at, n, (unsigned char *)out->ptr + at);
	return true;
}

static int by_place(const void *a, const void *b)
{
	const struct object *x = a, *y = b;
	return x->at < y->at ? -1 : x->at > y->at;
}

/* No object may lie in another: what is written last would hide what a program reads. */
static bool decrypt_objects(const struct rc4_keys *k, struct ppt *p, struct buf *out)
{
	size_t end = 0;
	qsort(p->objects, p->n_objects, sizeof *p->objects, by_place);
	for (struct object *o = p->objects; o < p->objects + p->n_objects; o++) {
		if (o->id) {
			if (!decrypt_piece(k, o->id, p->s, o->at, 8, out))
				return false;
			o->n = 8 + le(buf_view(out), o->at + 4, 4);
			if (!decrypt_piece(k, o->id, p->s, o->at, o->n, out))
				return false;
		}
		if (o->at < end)
			return false;
		end = o->at + o->n;
	}
	return true;
}

/* Kinds of pictures with two identifiers in front (MS-ODRAW 2.2.23 to 2.2.31). */
static bool two_uids(unsigned instance)
{
	static const uint16_t two[] = { 0x217, 0x3d5, 0x46b, 0x543, 0x6e1, 0x6e3, 0x6e5, 0x7a9 };
	for (size_t i = 0; i < ARRAY_LEN(two); i++)
		if (two[i] == instance)
			return true;
	return false;
}

/* Pictures (MS-PPT 2.1.3): of each record the header, the identifiers, what describes it and its bytes, each by the key of block 0. */
static bool decrypt_pictures(const struct rc4_keys *k, struct str in, struct buf *out)
{
	for (size_t at = 0; at < in.len;) {
		if (!decrypt_piece(k, 0, in, at, 8, out))
			return false;
		struct str head = { out->ptr + at, 8 };
		unsigned type = (unsigned)le(head, 2, 2), second = two_uids((unsigned)le(head, 0, 2) >> 4) ? 16 : 0;
		size_t end = at + 8 + le(head, 4, 4), parts[] = { 16, second, type >= 0xf01a && type <= 0xf01c ? 34 : 1 };
		at += 8;
		for (size_t i = 0; i < ARRAY_LEN(parts); at += parts[i++])
			if (!decrypt_piece(k, 0, in, at, parts[i], out))
				return false;
		if (type < 0xf018 || type > 0xf117 || end < at || !decrypt_piece(k, 0, in, at, end - at, out))
			return false;
		at = end;
	}
	return true;
}

/* As a presentation without a password says it. */
static void ppt_clear(const struct ppt *p, struct buf out[3])
{
	static const unsigned char token[4] = { 0x5f, 0xc0, 0x91, 0xe3 };
	memcpy(out[0].ptr + 12, token, 4);
	out[1].ptr[p->edit + 4] = 0x1c;
	memset(out[1].ptr + p->edit + 8 + 28, 0, 4);
	memset(out[1].ptr + (p->session.ptr - p->s.ptr) - 8, 0, p->session.len + 8);
}

static enum locked ppt_open(struct ppt *p, const struct str in[3], const char *password, struct buf out[3])
{
	struct rc4_keys k;
	if (!read_objects(p, in[0]))
		return LOCKED_UNKNOWN;
	enum locked r = keys_of(p->session, password, &k);
	if (r != LOCKED_OPENED)
		return r;
	for (int i = 0; i < 3; i++) {
		buf_str(&out[i], in[i]);
		if (out[i].failed)
			return LOCKED_UNKNOWN;
	}
	if (!decrypt_objects(&k, p, &out[1]) || !decrypt_pictures(&k, in[2], &out[2]))
		return LOCKED_UNKNOWN;
	ppt_clear(p, out);
	return LOCKED_OPENED;
}

enum locked office97_ppt(const struct str in[3], const char *password, struct buf out[3])
{
	struct ppt p = { .s = in[1], .objects = mem_array(PPT_OBJECTS, sizeof *p.objects) };
	enum locked r = p.objects ? ppt_open(&p, in, password, out) : LOCKED_UNKNOWN;
	mem_free(p.objects);
	return r;
}
