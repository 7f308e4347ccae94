/* Errors: a code, words for a person, and the place in the input they are about.
 *
 * Functions return 0 or a negative code of enum err_code and fill *err when it isn't NULL.
 * The place is a path in the description ("orgs[412015].mail.relay[2]"), a file with line, or "". */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum err_code {
	E_OK = 0,
	E_INVALID,   /* the input is wrong: tell its author */
	E_NOT_FOUND, /* the thing named doesn't exist */
	E_EXISTS,    /* it is there already */
	E_LIMIT,     /* a ceiling was reached */
	E_DENIED,    /* the caller may not */
	E_STATE,     /* not now: something else must happen first */
	E_TIMEOUT,   /* no answer in time */
	E_CLOSED,    /* the peer is gone */
	E_CORRUPT,   /* stored data fails its check */
	E_IO,        /* the operating system said no */
	E_NOMEM,     /* no memory */
	E_AGAIN,     /* would block */
};

struct err {
	int code; /* enum err_code, positive */
	char path[256];
	char msg[512];
};

/* Fills *err (NULL is fine) and returns -code. */
int err_set(struct err *err, enum err_code code, const char *path, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
/* The same with ": strerror(errno)" behind the words and code E_IO. */
int err_errno(struct err *err, const char *path, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
/* A short English name of a code (positive or negative), for logs and JSON. */
const char *err_name(int code);

/* A broken invariant: says where, and dies. Never for input. */
#define bug(...) bug_at(__FILE__, __LINE__, __VA_ARGS__)
void bug_at(const char *file, int line, const char *fmt, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

#endif
