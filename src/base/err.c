/* See err.h. Stands below everything; writes nothing but what it is asked to. */
#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

__attribute__((format(printf, 4, 0)))
static void err_fill(struct err *err, enum err_code code, const char *path, const char *fmt, va_list ap)
{
	err->code = (int)code;
	snprintf(err->path, sizeof err->path, "%s", path ? path : "");
	vsnprintf(err->msg, sizeof err->msg, fmt, ap);
}

int err_set(struct err *err, enum err_code code, const char *path, const char *fmt, ...)
{
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		err_fill(err, code, path, fmt, ap);
		va_end(ap);
	}
	return -(int)code;
}

int err_errno(struct err *err, const char *path, const char *fmt, ...)
{
	int saved = errno;
	if (err) {
		va_list ap;
		va_start(ap, fmt);
		err_fill(err, saved == ENOMEM ? E_NOMEM : E_IO, path, fmt, ap);
		va_end(ap);
		size_t n = strlen(err->msg);
		snprintf(err->msg + n, sizeof err->msg - n, ": %s", strerror(saved));
	}
	return saved == ENOMEM ? -E_NOMEM : -E_IO;
}

const char *err_name(int code)
{
	static const char *const names[] = {
		[E_OK] = "ok",           [E_INVALID] = "invalid", [E_NOT_FOUND] = "not_found", [E_EXISTS] = "exists",
		[E_LIMIT] = "limit",     [E_DENIED] = "denied",   [E_STATE] = "state",         [E_TIMEOUT] = "timeout",
		[E_CLOSED] = "closed",   [E_CORRUPT] = "corrupt", [E_IO] = "io",               [E_NOMEM] = "nomem",
		[E_AGAIN] = "again",
	};
	int c = code < 0 ? -code : code;
	return c < (int)(sizeof names / sizeof names[0]) ? names[c] : "unknown";
}

void bug_at(const char *file, int line, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	fprintf(stderr, "toride: bug at %s:%d: ", file, line);
	vfprintf(stderr, fmt, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}
