/* The key a directory shares with the proxy, so that people's tickets can be read (Kerberos): a keytab as ktpass, ktutil and kadmin write it
 * (MIT's format, version 5.2), read where it comes in and again where it is used.
 *
 * Kept are keys of AES (RFC 3962, RFC 8009) for principals of two parts, SERVICE/host@REALM; RC4 and DES are left out, and entries for
 * anything else. Requirements: F-08, issue 5. */
#ifndef USERS_KEYTAB_H
#define USERS_KEYTAB_H

#include "base/buf.h"

#define KEYTAB_FILE_MAX (64 * 1024)
#define KEYTAB_KEYS 8 /* AES with 128 and 256 bits, the former key and the next */
#define KEYTAB_NAME 255

struct err;

struct keytab_key {
	char service[16], host[KEYTAB_NAME], realm[KEYTAB_NAME];
	uint32_t number; /* key version: the directory counts */
	uint16_t type;   /* IANA's Kerberos encryption type number: 17 to 20 */
	unsigned char key[32];
	size_t key_len;
};

struct keytab {
	struct keytab_key keys[KEYTAB_KEYS];
	size_t n;
	size_t left_out; /* entries that aren't kept */
};

/* Keeps what is for `service`/`host` (host in either case). 0; -E_INVALID: not a keytab; -E_NOT_FOUND: no such key in it; -E_LIMIT: too many. */
int keytab_read(const void *p, size_t n, const char *service, const char *host, struct keytab *ret, struct err *err);
void keytab_write(const struct keytab *k, struct buf *b); /* those keys alone, as a keytab */
void keytab_wipe(struct keytab *k);
const char *keytab_type(uint16_t type); /* "aes256-cts-hmac-sha1-96"; NULL: not kept */

#endif
