/* See tsig.h. */
#include "daemon/tsig.h"

#include "base/buf.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "model/model.h"
#include "vault/vault_client.h"
#include "wire/place.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>

#define KEY_NAME "transfer" /* these two as compile/zone_list.h has them */
#define OUTSIDE_NAME "secondary-"

_Static_assert(SECONDARY_SECRETS <= VAULT_NUMBERED && BGP_SECRETS <= VAULT_NUMBERED, "all of them at once");

/* The secrets 1 to n of a kind, each by `put`. */
static int put_numbered(struct vault *v, const char *kind, unsigned n, void (*put)(struct buf *b, unsigned i, const unsigned char secret[32]), struct buf *b,
                        struct err *err)
{
	unsigned char secret[VAULT_NUMBERED][32];
	int r = vault_numbered(v, kind, n, secret, err);
	for (unsigned i = 0; r == 0 && i < n; i++)
		put(b, i + 1, secret[i]);
	OPENSSL_cleanse(secret, sizeof secret);
	return r;
}

static void put_key(struct buf *b, const char *name, const unsigned char key[32])
{
	unsigned char text[64];
	EVP_EncodeBlock(text, key, 32);
	buf_printf(b, "key:\n  name: \"%s\"\n  algorithm: hmac-sha256\n  secret: \"%s\"\n", name, text);
	OPENSSL_cleanse(text, sizeof text);
}

static void put_outside(struct buf *b, unsigned i, const unsigned char secret[32])
{
	char name[32];
	snprintf(name, sizeof name, OUTSIDE_NAME "%u", i);
	put_key(b, name, secret);
}

static void put_session(struct buf *b, unsigned i, const unsigned char secret[32])
{
	char text[BGP_SECRET_TEXT];
	bgp_secret(secret, text);
	buf_printf(b, "define secret_%u = \"%s\";\n", i, text);
	OPENSSL_cleanse(text, sizeof text);
}

static int written(struct buf *b, const char *path, int r, struct err *err)
{
	r = r < 0 ? r : fs_write(path, buf_view(b), 0600, err);
	if (b->ptr)
		OPENSSL_cleanse(b->ptr, b->cap);
	buf_done(b);
	return r;
}

int tsig_prepare(const char *name, struct err *err)
{
	unsigned char key[32], text[64];
	char path[PLACE_MAX];
	struct vault *v = NULL;
	struct buf b;
	int r = vault_open(NULL, 10000, &v, err);
	bool primary = strcmp(name, "knot") == 0;
	buf_init(&b, 64 * KIB);
	r = r < 0 ? r : vault_tsig(v, KEY_NAME, key, err);
	if (r == 0 && primary) {
		EVP_EncodeBlock(text, key, sizeof key);
		buf_printf(&b, "key:\n  - id: " KEY_NAME "\n    algorithm: hmac-sha256\n    secret: \"%s\"\n", text);
		OPENSSL_cleanse(text, sizeof text);
	} else if (r == 0) {
		put_key(&b, KEY_NAME, key);
		r = put_numbered(v, "outside", SECONDARY_SECRETS, put_outside, &b, err);
	}
	OPENSSL_cleanse(key, sizeof key);
	vault_close(&v);
	return written(&b, place_in_run(path, sizeof path, "%s/tsig.conf", name), r, err);
}

int bgp_prepare(struct err *err)
{
	char path[PLACE_MAX];
	struct vault *v = NULL;
	struct buf b;
	int r = vault_open(NULL, 10000, &v, err);
	buf_init(&b, 16 * KIB);
	r = r < 0 ? r : put_numbered(v, "bgp", BGP_SECRETS, put_session, &b, err);
	vault_close(&v);
	return written(&b, place_in_run(path, sizeof path, "bird/secrets"), r, err);
}
