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
#include <string.h>

#define KEY_NAME "transfer" /* as compile/zone_list.h has it */

int tsig_prepare(const char *name, struct err *err)
{
	unsigned char key[32], text[64];
	char path[PLACE_MAX];
	struct vault *v = NULL;
	struct buf b;
	int r = vault_open(NULL, 10000, &v, err);
	if (r == 0)
		r = vault_tsig(v, KEY_NAME, key, err);
	vault_close(&v);
	if (r < 0)
		return r;
	EVP_EncodeBlock(text, key, sizeof key);
	buf_init(&b, 1024);
	if (strcmp(name, "knot") == 0)
		buf_printf(&b, "key:\n  - id: " KEY_NAME "\n    algorithm: hmac-sha256\n    secret: \"%s\"\n", text);
	else
		buf_printf(&b, "key:\n  name: \"" KEY_NAME "\"\n  algorithm: hmac-sha256\n  secret: \"%s\"\n", text);
	r = fs_write(place_in_run(path, sizeof path, "%s/tsig.conf", name), buf_view(&b), 0600, err);
	OPENSSL_cleanse(key, sizeof key);
	OPENSSL_cleanse(text, sizeof text);
	if (b.ptr)
		OPENSSL_cleanse(b.ptr, b.cap);
	buf_done(&b);
	return r;
}

int bgp_prepare(struct err *err)
{
	char path[PLACE_MAX], secret[VAULT_BGP_TEXT];
	struct vault *v = NULL;
	struct buf b;
	int r = vault_open(NULL, 10000, &v, err);
	buf_init(&b, 16 * KIB);
	for (unsigned i = 1; r == 0 && i <= BGP_SECRETS; i++) {
		r = vault_bgp(v, i, secret, err);
		if (r == 0)
			buf_printf(&b, "define secret_%u = \"%s\";\n", i, secret);
	}
	vault_close(&v);
	if (r == 0)
		r = fs_write(place_in_run(path, sizeof path, "bird/secrets"), buf_view(&b), 0600, err);
	OPENSSL_cleanse(secret, sizeof secret);
	if (b.ptr)
		OPENSSL_cleanse(b.ptr, b.cap);
	buf_done(&b);
	return r;
}
