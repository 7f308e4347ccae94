/* Codes of an authenticator app: RFC 6238 with HMAC-SHA-1, six digits, steps of 30 s, which is what every app does. */
#ifndef ACCOUNT_TOTP_H
#define ACCOUNT_TOTP_H

#include "base/buf.h"

#define TOTP_SECRET 20   /* bytes; RFC 4226, 4: 160 bits recommended */
#define TOTP_TEXT 33     /* base32 (RFC 4648) with its NUL */
#define TOTP_STEP_MS 30000
#define TOTP_DRIFT 1     /* steps a phone may be off, either way */

void totp_make(char ret[TOTP_TEXT]);
bool totp_parse(const char *text, unsigned char ret[TOTP_SECRET]);
/* The code of the step that holds `ms`; 0 to 999999. */
unsigned totp_code(const unsigned char secret[TOTP_SECRET], int64_t ms);
/* Six digits, blanks around and inside forgiven. The step they are of, when it lies within TOTP_DRIFT of now and behind `last` (a code
 * counts once: RFC 6238, 5.2); else 0. */
int64_t totp_check(const char *text, const unsigned char secret[TOTP_SECRET], int64_t now_ms, int64_t last);
/* What the app reads from a picture (Key Uri Format). */
void totp_uri(const char *issuer, const char *name, const char *text, struct buf *ret);

#endif
