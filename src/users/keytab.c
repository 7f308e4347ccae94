/* See keytab.h. The format: 05 02, then entries of i32 length (negative: a hole) and
 *   u16 parts, text realm, text part …, u32 kind of name, u32 time, u8 version, u16 type, u16 length, key, [u32 version]
 * with texts of u16 length. */
#include "users/keytab.h"

#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#define FORMAT 0x0502
#define NT_PRINCIPAL 1

static const struct type {
	uint16_t number;
	size_t key;
	const char *name;
} types[] = {
	{ 17, 16, "aes128-cts-hmac-sha1-96" },
	{ 18, 32, "aes256-cts-hmac-sha1-96" },
	{ 19, 16, "aes128-cts-hmac-sha256-128" },
	{ 20, 32, "aes256-cts-hmac-sha384-192" },
};

static const struct type *type_of(uint16_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].number == number)
			return &types[i];
	return NULL;
}

const char *keytab_type(uint16_t number)
{
	const struct type *t = type_of(number);
	return t ? t->name : NULL;
}

/* False: too long for us, or not a text; the reader stands behind it all the same. */
static bool part(struct rd *r, char *dst, size_t size)
{
	uint16_t n = rd_u16(r);
	char text[KEYTAB_NAME + 1];
	bool fits = n < size && n < sizeof text;
	for (unsigned i = 0; i < n && !r->bad; i++) {
		uint8_t c = rd_u8(r);
		fits = fits && c > 0x20 && c < 0x7f && !strchr("/@\\", c);
		if (i < sizeof text)
			text[i] = (char)c;
	}
	if (!fits || r->bad)
		return false;
	memcpy(dst, text, n);
	dst[n] = 0;
	return n > 0;
}

/* 1: kept; 0: nothing for us; -E_INVALID. r holds one entry and nothing else. */
static int read_entry(struct rd *r, struct keytab_key *k)
{
	char more[KEYTAB_NAME];
	uint16_t parts = rd_u16(r);
	bool ours = part(r, k->realm, sizeof k->realm);
	for (unsigned i = 0; i < parts && !r->bad; i++)
		ours = part(r, i == 0 ? k->service : i == 1 ? k->host : more, i == 0 ? sizeof k->service : KEYTAB_NAME) && ours;
	rd_u32(r); /* kind of name */
	rd_u32(r); /* when it was written */
	k->number = rd_u8(r);
	k->type = rd_u16(r);
	k->key_len = rd_u16(r);
	const struct type *t = type_of(k->type);
	ours = ours && parts == 2 && t && k->key_len == t->key;
	if (!ours)
		return r->bad || k->key_len > (size_t)(r->end - r->p) ? -E_INVALID : 0;
	rd_bytes(r, k->key, k->key_len);
	if (!r->bad && r->end - r->p >= 4) {
		uint32_t number = rd_u32(r);
		k->number = number ? number : k->number;
	}
	return r->bad ? -E_INVALID : 1;
}

static int keep(struct keytab *t, const struct keytab_key *k, const char *service, const char *host, struct err *err)
{
	if (strcasecmp(k->service, service) != 0 || strcasecmp(k->host, host) != 0) {
		t->left_out++;
		return 0;
	}
	if (t->n == KEYTAB_KEYS)
		return err_set(err, E_LIMIT, "keytab", "more than %d keys for %s/%s", KEYTAB_KEYS, service, host);
	t->keys[t->n++] = *k;
	return 0;
}

int keytab_read(const void *p, size_t n, const char *service, const char *host, struct keytab *ret, struct err *err)
{
	struct rd r = rd_from(p, n);
	struct keytab t = { .n = 0 };
	int e = n <= KEYTAB_FILE_MAX && rd_u16(&r) == FORMAT && !r.bad ? 0 : -E_INVALID;
	while (e >= 0 && r.p < r.end) {
		struct keytab_key k = { .number = 0 };
		int32_t size = (int32_t)rd_u32(&r);
		uint32_t len = size < 0 ? 0u - (uint32_t)size : (uint32_t)size;
		if (r.bad || len > (size_t)(r.end - r.p) || len == 0) {
			e = -E_INVALID;
			break;
		}
		struct rd entry = rd_from(r.p, len);
		r.p += len;
		if (size < 0)
			continue;
		e = read_entry(&entry, &k);
		t.left_out += e == 0;
		e = e == 1 ? keep(&t, &k, service, host, err) : e;
		OPENSSL_cleanse(&k, sizeof k);
	}
	if (e == -E_INVALID)
		err_set(err, E_INVALID, "keytab", "isn't a keytab (format 5.2), or is cut off");
	if (e >= 0 && t.n == 0)
		e = err_set(err, E_NOT_FOUND, "keytab", "holds no AES key for %s/%s (of %zu others)", service, host, t.left_out);
	if (e >= 0)
		*ret = t;
	OPENSSL_cleanse(&t, sizeof t);
	return e < 0 ? e : 0;
}

static void put_text(struct buf *b, const char *text)
{
	wr_u16(b, (uint16_t)strlen(text));
	buf_puts(b, text);
}

void keytab_write(const struct keytab *k, struct buf *b)
{
	wr_u16(b, FORMAT);
	for (size_t i = 0; i < k->n; i++) {
		const struct keytab_key *x = &k->keys[i];
		size_t at = b->len;
		wr_u32(b, 0);
		wr_u16(b, 2);
		put_text(b, x->realm);
		put_text(b, x->service);
		put_text(b, x->host);
		wr_u32(b, NT_PRINCIPAL);
		wr_u32(b, 0);
		wr_u8(b, (uint8_t)x->number);
		wr_u16(b, x->type);
		wr_u16(b, (uint16_t)x->key_len);
		buf_put(b, x->key, x->key_len);
		wr_u32(b, x->number);
		wr_length(b, at);
	}
}

void keytab_wipe(struct keytab *k)
{
	OPENSSL_cleanse(k, sizeof *k);
}
