/* See bundle.h. */
#include "pair/bundle.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/mem.h"
#include "wire/cursor.h"

#include <openssl/evp.h>
#include <string.h>

#define NONCE 12
#define TAG 16
#define HEAD (NONCE + TAG)

void bundle_add(struct buf *plain, const char *name, struct str bytes)
{
	wr_u8(plain, 1);
	wr_text(plain, str_from(name));
	wr_blob(plain, bytes);
}

void bundle_finish(struct buf *plain)
{
	wr_u8(plain, 0);
}

int bundle_seal(const unsigned char key[BUNDLE_KEY], struct str plain, struct buf *ret, struct err *err)
{
	int len;
	if (plain.len > BUNDLE_MAX || !buf_room(ret, HEAD + plain.len))
		return err_set(err, E_LIMIT, "bundle", "too large");
	unsigned char *box = (unsigned char *)ret->ptr;
	rnd_bytes(box, NONCE);
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && EVP_EncryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, box) == 1 &&
	          EVP_EncryptUpdate(c, box + HEAD, &len, (const unsigned char *)plain.ptr, (int)plain.len) == 1 &&
	          EVP_EncryptFinal_ex(c, box + HEAD + plain.len, &len) == 1 && EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, TAG, box + NONCE) == 1;
	EVP_CIPHER_CTX_free(c);
	ret->len = ok ? HEAD + plain.len : 0;
	return ok ? 0 : err_set(err, E_IO, "bundle", "cannot be sealed");
}

int bundle_open(const unsigned char key[BUNDLE_KEY], struct str sealed, struct buf *ret_plain, struct err *err)
{
	int len;
	unsigned char head[HEAD];
	if (sealed.len < HEAD || sealed.len > HEAD + BUNDLE_MAX)
		return err_set(err, E_INVALID, "bundle", "not a sealed bundle");
	size_t n = sealed.len - HEAD;
	if (!buf_room(ret_plain, n + 1))
		return err_set(err, E_NOMEM, "bundle", "no memory");
	memcpy(head, sealed.ptr, HEAD);
	unsigned char *plain = (unsigned char *)ret_plain->ptr;
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	bool ok = c && EVP_DecryptInit_ex(c, EVP_aes_256_gcm(), NULL, key, head) == 1 &&
	          EVP_DecryptUpdate(c, plain, &len, (const unsigned char *)sealed.ptr + HEAD, (int)n) == 1 &&
	          EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, TAG, head + NONCE) == 1 && EVP_DecryptFinal_ex(c, plain + n, &len) == 1;
	EVP_CIPHER_CTX_free(c);
	ret_plain->len = ok ? n : 0;
	return ok ? 0 : err_set(err, E_DENIED, "bundle", "it is of another key, or was altered");
}

bool bundle_name_ok(const char *name)
{
	static const char dir[] = "keys/keys/";
	if (strcmp(name, "knot_backup.label") == 0 || strcmp(name, "keys/data.mdb") == 0)
		return true;
	if (strncmp(name, dir, sizeof dir - 1) != 0)
		return false;
	const char *id = name + sizeof dir - 1;
	return strspn(id, "0123456789abcdef") == 40 && strcmp(id + 40, ".pem") == 0;
}

static int each(struct str plain, int (*fn)(const char *, struct str, void *), void *user)
{
	struct rd r = rd_from(plain.ptr, plain.len);
	char name[BUNDLE_NAME];
	int res = 0;
	while (res == 0 && rd_u8(&r) == 1 && !r.bad) {
		rd_text(&r, name, sizeof name);
		struct str bytes = rd_blob(&r);
		if (r.bad || !bundle_name_ok(name))
			return -E_INVALID;
		res = fn ? fn(name, bytes, user) : 0;
	}
	return res < 0 ? res : rd_end(&r);
}

int bundle_each(struct str plain, int (*fn)(const char *name, struct str bytes, void *user), void *user)
{
	int r = each(plain, NULL, NULL);
	return r < 0 ? r : each(plain, fn, user);
}
