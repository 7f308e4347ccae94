/* See tls.h. */
#include "daemon/tls.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/fs.h"
#include "base/mem.h"
#include "vault/vault_client.h"
#include "wire/place.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <time.h>

#define NAMES_MAX 4
#define NAME_TEXT 64

static int write_bio(const char *path, BIO *bio, struct err *err)
{
	char *text;
	long n = BIO_get_mem_data(bio, &text);
	return n > 0 ? fs_write(path, (struct str){ text, (size_t)n }, 0600, err) : err_set(err, E_IO, path, "cannot encode");
}

static int write_key(const char *name, EVP_PKEY *key, struct err *err)
{
	char path[PLACE_MAX];
	BIO *bio = BIO_new(BIO_s_mem());
	if (bio)
		PEM_write_bio_PrivateKey(bio, key, NULL, NULL, 0, NULL, NULL);
	int r = bio ? write_bio(place_in_run(path, sizeof path, "%s/tls.key", name), bio, err) : err_set(err, E_NOMEM, "", "no memory");
	BIO_free(bio);
	return r;
}

/* The leaf and, behind it, the authority that clients may not send for. */
static int write_chain(const char *name, struct str der, struct str ca, struct err *err)
{
	char path[PLACE_MAX];
	const unsigned char *p = (const unsigned char *)der.ptr;
	X509 *x = d2i_X509(NULL, &p, (long)der.len);
	BIO *bio = BIO_new(BIO_s_mem());
	bool ok = x && bio && PEM_write_bio_X509(bio, x) == 1 && BIO_write(bio, ca.ptr, (int)ca.len) == (int)ca.len;
	int r = ok ? write_bio(place_in_run(path, sizeof path, "%s/tls.pem", name), bio, err) : err_set(err, E_IO, name, "cannot encode the certificate");
	X509_free(x);
	BIO_free(bio);
	return r;
}

static int write_conf(const char *name, struct err *err)
{
	char path[PLACE_MAX];
	struct buf b;
	buf_init(&b, 4 * KIB);
	buf_printf(&b, "tls-service-key: \"%s\"\n", place_in_run(path, sizeof path, "%s/tls.key", name));
	buf_printf(&b, "tls-service-pem: \"%s\"\n", place_in_run(path, sizeof path, "%s/tls.pem", name));
	int r = fs_write(place_in_run(path, sizeof path, "%s/tls.conf", name), buf_view(&b), 0600, err);
	buf_done(&b);
	return r;
}

/* None is good for longer than its authority: in that one's last year they are shorter. */
static void within(struct str ca, struct vault_leaf *leaf)
{
	BIO *bio = BIO_new_mem_buf(ca.ptr, (int)ca.len);
	X509 *x = bio ? PEM_read_bio_X509(bio, NULL, NULL, NULL) : NULL;
	struct tm tm;
	if (x && ASN1_TIME_to_tm(X509_get0_notAfter(x), &tm) == 1 && timegm(&tm) < leaf->not_after)
		leaf->not_after = timegm(&tm);
	X509_free(x);
	BIO_free(bio);
}

static int certify(const char *name, struct vault_leaf *leaf, struct err *err)
{
	struct vault *v = NULL;
	struct buf der, ca;
	unsigned char *spki = NULL, pub[32];
	EVP_PKEY *key = EVP_EC_gen("P-256");
	int n = key ? i2d_PUBKEY(key, &spki) : -1;
	int r = n > 0 ? vault_open(NULL, 10000, &v, err) : err_set(err, E_NOMEM, name, "cannot make a key");
	buf_init(&der, 16 * KIB);
	buf_init(&ca, 64 * KIB);
	leaf->spki = (struct str){ (char *)spki, n > 0 ? (size_t)n : 0 };
	if (r == 0)
		r = vault_public(v, &ca, pub, err);
	if (r == 0)
		within(buf_view(&ca), leaf);
	if (r == 0)
		r = vault_leaf(v, leaf, &der, err);
	if (r == 0)
		r = write_key(name, key, err);
	if (r == 0)
		r = write_chain(name, buf_view(&der), buf_view(&ca), err);
	if (r == 0)
		r = write_conf(name, err);
	if (v)
		vault_close(&v);
	buf_done(&der);
	buf_done(&ca);
	OPENSSL_free(spki);
	EVP_PKEY_free(key);
	return r;
}

#define DAY_MS 86400000LL
#define RENEW_DAYS 330
#define RENEW_BY_DAYS 360

bool tls_is_due(int64_t made_ms, int64_t now_ms)
{
	int64_t age = now_ms - made_ms, hour = (now_ms / 3600000 + 9) % 24;
	return age > RENEW_BY_DAYS * DAY_MS || (age > RENEW_DAYS * DAY_MS && hour >= 3 && hour < 5) || age < -TLS_BEFORE_DAYS * DAY_MS;
}

int tls_prepare(const char *name, struct err *err)
{
	char path[PLACE_MAX], names[NAMES_MAX][NAME_TEXT];
	int64_t now = clock_now_ms() / 1000;
	struct vault_leaf leaf = { .not_before = now - TLS_BEFORE_DAYS * 86400LL, .not_after = now + TLS_DAYS * 86400LL };
	struct str rest, row;
	struct buf b;
	buf_init(&b, KIB);
	int r = fs_read(place_in_state(path, sizeof path, "current/%s/tls.names", name), &b, err);
	rest = buf_view(&b);
	while (r == 0 && leaf.n < NAMES_MAX && str_next(&rest, '\n', &row))
		if (row.len && str_copy(row, names[leaf.n], NAME_TEXT)) {
			leaf.names[leaf.n] = names[leaf.n];
			leaf.n++;
		}
	buf_done(&b);
	unlink(place_in_run(path, sizeof path, "%s/tls.conf", name));
	return r < 0 || leaf.n == 0 ? r : certify(name, &leaf, err);
}
