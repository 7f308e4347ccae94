/* What the readers of locked files share: passwords as formats want them, AES and RC4 as they use them. Wipes nothing: the
 * worker dies with what it knows. */
#ifndef SCAN_CRYPT_H
#define SCAN_CRYPT_H

#include "base/str.h"

#define CRYPT_UTF16 510 /* bytes of a password, at most */

/* UTF-8, which its sender made sure of, to UTF-16LE; the bytes. */
size_t crypt_utf16(const char *s, unsigned char dst[CRYPT_UTF16]);
/* Whole blocks of AES without padding; iv NULL: ECB. key_len: 16, 24 or 32. False: not whole, or no such key. */
bool crypt_aes(const unsigned char *key, size_t key_len, const unsigned char *iv, const void *in, size_t n, unsigned char *out);
bool crypt_aes_key(size_t key_len);

/* Base64 of up to `max` bytes (128 at most); how many, 0: bad. */
size_t crypt_base64(struct str s, unsigned char *dst, size_t max);

struct rc4 {
	unsigned char s[256], i, j;
};
void rc4_begin(struct rc4 *x, const unsigned char *key, size_t n);
void rc4_apply(struct rc4 *x, const unsigned char *in, size_t n, unsigned char *out);

/* Once, before the process is confined: the library looks for its own then. */
void crypt_prepare(void);

#endif
