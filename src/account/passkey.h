/* Passkeys (W3C Web Authentication Level 2) as a second factor beside the password. Attestation isn't asked for: whoever is signed in may
 * register what he has. The browser hands over the authenticator's data and the key as SubjectPublicKeyInfo (getAuthenticatorData(),
 * getPublicKey()), so that nothing of CBOR is read here. Pure: no clock, no database. Bytes of strangers; limits below.
 * ES256, EdDSA (Ed25519) and RS256 (2048 bits or more). */
#ifndef ACCOUNT_PASSKEY_H
#define ACCOUNT_PASSKEY_H

#include "base/str.h"

#include <stdint.h>

struct err;

#define PASSKEY_CHALLENGE 32
#define PASSKEY_ID_MAX 256     /* bytes of a credential's id */
#define PASSKEY_DATA_MAX 1024  /* clientDataJSON, authenticatorData, signature, key: each */

struct passkey_expect {
	const char *name;                           /* "desk.cloud.pref.lg.jp": the RP ID; the origin is https:// and it */
	unsigned char challenge[PASSKEY_CHALLENGE]; /* given out once, for this session */
};

/* A new credential: §7.1 without attestation. ret_id borrows from auth_data. -E_DENIED: not for this challenge, name or purpose, or nobody
 * was there; -E_INVALID: malformed, or a key that isn't one of the three kinds. */
int passkey_new(const struct passkey_expect *x, struct str client_data, struct str auth_data, struct str spki, struct str *ret_id, uint32_t *ret_count,
                struct err *err);
/* A sign-in: §7.2. count: what was seen last; a counter that doesn't go up is a copy (-E_DENIED), unless it stays 0. */
int passkey_signed(const struct passkey_expect *x, struct str client_data, struct str auth_data, struct str signature, struct str spki, uint32_t count,
                   uint32_t *ret_count, struct err *err);

/* base64url without padding (RFC 4648, 5), as a browser's script writes bytes. -E_INVALID; at most size bytes. dst may not overlap. */
int base64url_parse(struct str s, unsigned char *dst, size_t size, size_t *ret_n);
/* dst: 4 * (n + 2) / 3 + 1 bytes. */
void base64url_format(const unsigned char *p, size_t n, char *dst);

#endif
