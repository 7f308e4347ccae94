/* Asking the vault. Blocking calls for loops of their own, and a pipelined form for event loops.
 *
 * Blocking: one connection kept; made again once when it was lost. timeout_ms bounds each call. Not for threads.
 * Asynchronous: no event loop inside: poll vault_async_fd() for reading, and for writing while it says so; call
 * vault_async_work() when it is ready and every 100 ms. Callbacks come out of vault_async_work() only, once a request,
 * in order; when the connection is lost or the vault doesn't answer in time, with -E_CLOSED or -E_TIMEOUT. */
#ifndef VAULT_VAULT_CLIENT_H
#define VAULT_VAULT_CLIENT_H

#include "base/err.h"
#include "vault/vault.h"

struct vault;
struct vault_async;

struct vault_leaf {
	const char *names[VAULT_NAMES]; /* the first n are set */
	size_t n;
	int64_t not_before, not_after; /* UTC seconds */
	struct str spki;               /* DER SubjectPublicKeyInfo of a P-256 key (91 bytes) */
};

/* socket_path NULL: RUN/vault.sock. Doesn't connect yet. */
int vault_open(const char *socket_path, int timeout_ms, struct vault **ret, struct err *err);
void vault_close(struct vault **v);
int vault_leaf(struct vault *v, const struct vault_leaf *leaf, struct buf *ret_der, struct err *err);
/* message begins with a domain (VAULT_DOMAIN_CHECKPOINT); the signature is over the message as it is. */
int vault_seal(struct vault *v, struct str message, unsigned char ret_sig[64], unsigned char ret_pub[32], struct err *err);
int vault_segkey(struct vault *v, const char *org, const char *series, uint64_t number, unsigned char ret_key[32],
                 struct err *err);
/* Secrets 1 to n (at most VAULT_NUMBERED) of a kind that is told to somebody outside: "bgp" (sessions to the upstream), "outside" (transfers of
 * zones). ret[i - 1] is the i-th; the caller wipes them. */
#define VAULT_NUMBERED 64
int vault_numbered(struct vault *v, const char *kind, unsigned n, unsigned char ret[][32], struct err *err);
#define BGP_SECRET_TEXT 41
void bgp_secret(const unsigned char secret[32], char ret[BGP_SECRET_TEXT]); /* as both routers write it */
int vault_tsig(struct vault *v, const char *name, unsigned char ret_key[32], struct err *err);
/* The same, waiting up to five seconds where the vault says that it gives only so many a second. */
int vault_segkey_wait(struct vault *v, const char *org, const char *series, uint64_t number, unsigned char ret_key[32],
                      struct err *err);
int vault_destroy(struct vault *v, const char *org, struct err *err);
/* A new site key's certification request (PEM) for 1 to VAULT_NAMES names. */
int vault_site_key(struct vault *v, const char *const *names, size_t n, struct buf *ret_pem, struct err *err);
/* key: SHA-256 of its SubjectPublicKeyInfo; digest: 32, 48 or 64 bytes. */
int vault_site_sign(struct vault *v, const unsigned char key[32], struct str digest, struct buf *ret_der, struct err *err);
/* input: a JWS signing input, or empty: the public key alone. ES256; see vault.h. */
int vault_acme_sign(struct vault *v, struct str input, unsigned char ret_pub[64], unsigned char ret_sig[64], struct err *err);
/* context: whose it is, no NUL in it; use: "totp". vault_unwrap: -E_CORRUPT when it is another's. */
int vault_wrap(struct vault *v, const char *use, const char *context, struct str secret, struct buf *ret, struct err *err);
int vault_unwrap(struct vault *v, const char *use, const char *context, struct str wrapped, struct buf *ret, struct err *err);
/* Keys for the other node (boxes.h). names: calls fn for each, with the version of what is there; fn ends it by a negative value. */
int vault_box_names(struct vault *v, uint64_t *ret_version, int (*fn)(const char *name, void *user), void *user, struct err *err);
int vault_box_version(struct vault *v, uint64_t *ret, struct err *err);
int vault_box_get(struct vault *v, const char *name, struct buf *ret_box, struct err *err);
int vault_box_put(struct vault *v, const char *name, struct str box, struct err *err);
int vault_public(struct vault *v, struct buf *ret_ca_pem, unsigned char ret_pub[32], struct err *err);

/* code: 0 or negative; der is valid during the call only. */
typedef void (*vault_leaf_done)(int code, struct str der, void *user);

#define VAULT_ASYNC_MAX 1024 /* requests under way, else -E_LIMIT */

int vault_async_open(const char *socket_path, int timeout_ms, struct vault_async **ret, struct err *err);
void vault_async_close(struct vault_async **v); /* callbacks of what is under way are not called */
int vault_async_fd(const struct vault_async *v, bool *ret_want_write); /* -1 when not connected; may change */
void vault_async_work(struct vault_async *v);
int vault_async_leaf(struct vault_async *v, const struct vault_leaf *leaf, vault_leaf_done done, void *user, struct err *err);
size_t vault_async_pending(const struct vault_async *v);

#endif
