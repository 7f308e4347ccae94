/* See sites.h. A key is read when first used and kept in memory: a handshake waits for it. */
#include "vault/sites.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <sys/stat.h>

#define SITES_KEYS_MAX 20000
#define DAY_MS 86400000ll

/* Its file's time says when it was used last, to half a day. */
struct site_key {
	EVP_PKEY *key;
	int64_t used_ms, told_ms; /* monotonic; when the file was told */
};

struct sites {
	struct store *store;
	struct map keys; /* 64 hexadecimal digits -> struct site_key */
	struct clock_watch watch;
	int64_t since_ms; /* monotonic: since when the clock hasn't been set and uses have been seen */
};

int sites_open(struct store *st, struct sites **ret, struct err *err)
{
	struct sites *s = mem_alloc(sizeof *s);
	if (!s)
		return err_set(err, E_NOMEM, "", "no memory");
	s->store = st;
	map_init(&s->keys, SITES_KEYS_MAX);
	clock_stepped(&s->watch);
	s->since_ms = clock_mono_ms();
	*ret = s;
	return 0;
}

static void forget(struct site_key *k)
{
	EVP_PKEY_free(k->key);
	mem_free(k);
}

void sites_close(struct sites **s)
{
	struct str name;
	void *key;
	if (!*s)
		return;
	for (size_t i = 0; map_next(&(*s)->keys, &i, &name, &key);)
		forget(key);
	map_done(&(*s)->keys);
	mem_free(*s);
	*s = NULL;
}

static bool name_of(EVP_PKEY *key, char hex[65])
{
	unsigned char *der = NULL, sum[SHA256_LEN];
	int n = i2d_PUBKEY(key, &der);
	if (n <= 0)
		return false;
	hash_sha256(der, (size_t)n, sum);
	OPENSSL_free(der);
	hex_format(sum, sizeof sum, hex);
	return true;
}

static void tell_file(const struct sites *s, const char *name)
{
	char path[700];
	const struct timespec now = { clock_now_ms() / 1000, 0 }, both[2] = { now, now };
	snprintf(path, sizeof path, "%s/%s", s->store->dir, name);
	utimensat(AT_FDCWD, path, both, AT_SYMLINK_NOFOLLOW); /* a use that isn't told is told next time */
}

static int keep(struct sites *s, EVP_PKEY *key, const char *hex, struct err *err)
{
	char name[96];
	unsigned char *der = NULL;
	int n = i2d_PrivateKey(key, &der), r = -E_IO;
	snprintf(name, sizeof name, "sites/%s.key", hex);
	if (n > 0)
		r = store_put(s->store, name, (struct str){ (char *)der, (size_t)n }, err);
	OPENSSL_clear_free(der, n > 0 ? (size_t)n : 0);
	if (r == 0)
		tell_file(s, name);
	return n > 0 ? r : err_set(err, E_IO, name, "cannot encode the key");
}

/* ---- the request (RFC 2986): subject CN and subjectAltName ---- */

static bool add_names(X509_REQ *rq, const struct vault_request *q)
{
	STACK_OF(X509_EXTENSION) *list = sk_X509_EXTENSION_new_null();
	struct buf names;
	X509_EXTENSION *e = NULL;
	buf_init(&names, 4096);
	for (size_t i = 0; i < q->leaf.n; i++)
		buf_printf(&names, "%sDNS:%s", i ? "," : "", q->leaf.names[i]);
	e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, buf_cstr(&names));
	bool ok = !names.failed && list && e && sk_X509_EXTENSION_push(list, e) > 0;
	if (!ok)
		X509_EXTENSION_free(e);
	ok = ok && X509_REQ_add_extensions(rq, list) == 1;
	sk_X509_EXTENSION_pop_free(list, X509_EXTENSION_free);
	buf_done(&names);
	return ok;
}

static bool request(EVP_PKEY *key, const struct vault_request *q, struct buf *ret)
{
	char *pem;
	X509_REQ *rq = X509_REQ_new();
	BIO *bio = BIO_new(BIO_s_mem());
	X509_NAME *n = rq ? X509_REQ_get_subject_name(rq) : NULL;
	const char *cn = strlen(q->leaf.names[0]) <= 64 ? q->leaf.names[0] : ""; /* ub-common-name (RFC 5280) */
	bool ok = rq && bio && X509_REQ_set_version(rq, 0) == 1 &&
	          (!*cn || X509_NAME_add_entry_by_txt(n, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0) == 1) &&
	          X509_REQ_set_pubkey(rq, key) == 1 && add_names(rq, q) && X509_REQ_sign(rq, key, EVP_sha256()) > 0 &&
	          PEM_write_bio_X509_REQ(bio, rq) == 1;
	long len = ok ? BIO_get_mem_data(bio, &pem) : 0;
	if (len > 0)
		buf_put(ret, pem, (size_t)len);
	BIO_free(bio);
	X509_REQ_free(rq);
	return len > 0 && !ret->failed;
}

/* Letters, digits, hyphens and dots: they go into OpenSSL's own little language. */
static bool host_ok(const char *s)
{
	return *s && s[0] != '.' && s[strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-")] == 0;
}

int sites_make(struct sites *s, const struct vault_request *rq, struct buf *ret_pem, struct err *err)
{
	char hex[65];
	for (size_t i = 0; i < rq->leaf.n; i++)
		if (!host_ok(rq->leaf.names[i]))
			return err_set(err, E_INVALID, "name", "not a host name");
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int r = key && name_of(key, hex) ? 0 : err_set(err, E_IO, "", "cannot make a key");
	if (r == 0)
		r = keep(s, key, hex, err);
	if (r == 0 && !request(key, rq, ret_pem))
		r = err_set(err, E_IO, "", "cannot make the request");
	EVP_PKEY_free(key);
	return r;
}

/* ---- signing ---- */

static int put_loaded(struct sites *s, const char *hex, EVP_PKEY *key, struct site_key **ret)
{
	struct site_key *k = mem_alloc(sizeof *k);
	if (!k)
		return -E_NOMEM;
	*k = (struct site_key){ .key = key, .told_ms = INT64_MIN / 2 };
	int r = map_put(&s->keys, (struct str){ hex, 64 }, k);
	if (r < 0)
		mem_free(k);
	else
		*ret = k;
	return r;
}

static int load(struct sites *s, const char *hex, struct site_key **ret, struct err *err)
{
	char name[96];
	struct buf b;
	EVP_PKEY *key = NULL;
	*ret = map_get(&s->keys, (struct str){ hex, 64 });
	if (*ret)
		return 0;
	snprintf(name, sizeof name, "sites/%s.key", hex);
	buf_init(&b, 4096);
	int r = store_has(s->store, name) ? store_get(s->store, name, &b, err) : err_set(err, E_NOT_FOUND, "site", "no such key");
	const unsigned char *p = (const unsigned char *)b.ptr;
	if (r == 0 && !(key = d2i_AutoPrivateKey(NULL, &p, (long)b.len)))
		r = err_set(err, E_CORRUPT, name, "not a key");
	r = r < 0 ? r : put_loaded(s, hex, key, ret);
	if (r < 0)
		EVP_PKEY_free(key);
	buf_wipe(&b);
	return r;
}

static void used(struct sites *s, const char *hex, struct site_key *k)
{
	char name[96];
	k->used_ms = clock_mono_ms();
	if (k->used_ms - k->told_ms < DAY_MS / 2)
		return;
	k->told_ms = k->used_ms;
	snprintf(name, sizeof name, "sites/%s.key", hex);
	tell_file(s, name);
}

int sites_sign(struct sites *s, struct str message, struct buf *ret_der, struct err *err)
{
	char hex[65];
	unsigned char sig[128];
	size_t n = sizeof sig, digest = message.len - SHA256_LEN;
	struct site_key *key = NULL;
	if (message.len < SHA256_LEN || (digest != 32 && digest != 48 && digest != 64))
		return err_set(err, E_INVALID, "site", "not a key's name and a digest");
	hex_format((const unsigned char *)message.ptr, SHA256_LEN, hex);
	int r = load(s, hex, &key, err);
	if (r < 0)
		return r;
	used(s, hex, key);
	EVP_PKEY_CTX *c = EVP_PKEY_CTX_new(key->key, NULL);
	bool ok = c && EVP_PKEY_sign_init(c) == 1 &&
	          EVP_PKEY_sign(c, sig, &n, (const unsigned char *)message.ptr + SHA256_LEN, digest) == 1;
	EVP_PKEY_CTX_free(c);
	if (ok)
		buf_put(ret_der, sig, n);
	return ok ? ret_der->failed : err_set(err, E_IO, "site", "cannot sign");
}

/* ---- keys that nobody uses any more ---- */

struct retiring {
	struct sites *s;
	const char *dir;
	unsigned n;
};

/* HEX.key */
static int retire_one(const char *file, void *user)
{
	struct retiring *x = user;
	char path[700], name[96];
	struct stat st;
	struct err err = { 0 };
	struct str hex = { file, 64 };
	if (strlen(file) != 68 || !str_ends(str_from(file), STR(".key")))
		return 0;
	struct site_key *k = map_get(&x->s->keys, hex);
	snprintf(path, sizeof path, "%s/%s", x->dir, file);
	if ((k && clock_mono_ms() - k->used_ms < SITES_SURE_DAYS * DAY_MS) || stat(path, &st) < 0 ||
	    clock_now_ms() - st.st_mtime * 1000ll < SITES_UNUSED_DAYS * DAY_MS)
		return 0;
	if (k)
		forget(map_del(&x->s->keys, hex));
	snprintf(name, sizeof name, "sites/%s", file);
	if (store_erase(x->s->store, name, &err) < 0)
		log_err(LOG_LEVEL_WARN, "", "site", &err);
	else
		x->n++;
	return 0;
}

int sites_retire(struct sites *s, unsigned *ret_n, struct err *err)
{
	char dir[600];
	*ret_n = 0;
	if (clock_stepped(&s->watch) != 0)
		s->since_ms = clock_mono_ms();
	if (clock_mono_ms() - s->since_ms < SITES_SURE_DAYS * DAY_MS)
		return 0;
	snprintf(dir, sizeof dir, "%s/sites", s->store->dir);
	struct retiring x = { .s = s, .dir = dir };
	int r = fs_list(dir, retire_one, &x, err);
	*ret_n = x.n;
	return r;
}
