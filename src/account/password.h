/* Passwords of people who sign in at the desk: what is taken (requirement S-31), and how it is kept.
 *
 * Kept is "pbkdf2-sha256$ITERATIONS$SALT$HASH" (hex): PBKDF2-HMAC-SHA-256 (RFC 8018), since the CRYPTREC list names no
 * memory-hard function. 600,000 iterations cost a quarter of a second of a core; more can be asked for later, each hash says its
 * own number. */
#ifndef ACCOUNT_PASSWORD_H
#define ACCOUNT_PASSWORD_H

#include <stdbool.h>

struct err;

#define PASSWORD_MIN 10       /* characters */
#define PASSWORD_MAX 128      /* bytes */
#define PASSWORD_ITERATIONS 600000
#define PASSWORD_HASH_MAX 160 /* of the kept form, with its NUL */
#define PASSWORD_ONE_TIME 20  /* "XXXX-XXXX-XXXX-XXXX" with its NUL: 80 bits */

enum password_fault {
	PASSWORD_GOOD,
	PASSWORD_LENGTH,  /* too short, or longer than can be kept */
	PASSWORD_KINDS,   /* one of capital letter, small letter, digit, symbol is missing */
	PASSWORD_SIMPLE,  /* made of well-known words, runs (abcd, 1111), years or the person's own name */
	PASSWORD_USED,    /* one of the last; said by account.c, which knows them */
};

/* name: the person's. */
enum password_fault password_check(const char *password, const char *name);
/* "length", "kinds", "simple", "used"; "" for PASSWORD_GOOD. */
const char *password_fault_name(enum password_fault f);
/* -E_IO when the library refuses. */
int password_hash(const char *password, int iterations, char ret[PASSWORD_HASH_MAX], struct err *err);
/* Constant time over the hash. False also for a kept form that can't be read. */
bool password_matches(const char *password, const char *kept);
/* Letters and digits that can't be taken for each other. */
void password_one_time(char ret[PASSWORD_ONE_TIME]);

#endif
