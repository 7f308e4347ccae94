/* See place.h. */
#include "wire/place.h"

#include "base/err.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

const char *place_state(void)
{
	const char *s = getenv("TORIDE_STATE");
	return s && *s ? s : "/var/lib/toride";
}

const char *place_run(void)
{
	const char *s = getenv("TORIDE_RUN");
	return s && *s ? s : "/run/toride";
}

const char *place_node(void)
{
	static char host[16];
	const char *s = getenv("TORIDE_NODE");
	if (*host)
		return host;
	if (s && *s)
		snprintf(host, sizeof host, "%.15s", s);
	else if (gethostname(host, sizeof host - 1) < 0)
		host[0] = 0;
	if (!*host || strspn(host, "abcdefghijklmnopqrstuvwxyz0123456789-") != strlen(host))
		snprintf(host, sizeof host, "-");
	return host;
}

const char *place_rules(void)
{
	const char *s = getenv("TORIDE_RULES");
	return s && *s ? s : TORIDE_RULES_DIR;
}

const char *place_programs(void)
{
	static char dir[PLACE_MAX];
	if (*dir)
		return dir;
	ssize_t n = readlink("/proc/self/exe", dir, sizeof dir - 1);
	dir[n > 0 ? n : 0] = 0;
	char *slash = strrchr(dir, '/');
	if (slash)
		*slash = 0;
	return dir;
}

__attribute__((format(printf, 4, 0)))
static const char *place_join(char *dst, size_t size, const char *root, const char *fmt, va_list ap)
{
	int n = snprintf(dst, size, "%s/", root);
	if (n < 0 || (size_t)n >= size || vsnprintf(dst + n, size - (size_t)n, fmt, ap) >= (int)(size - (size_t)n))
		bug("path too long below %s", root);
	return dst;
}

const char *place_in_state(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	place_join(dst, size, place_state(), fmt, ap);
	va_end(ap);
	return dst;
}

const char *place_in_run(char *dst, size_t size, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	place_join(dst, size, place_run(), fmt, ap);
	va_end(ap);
	return dst;
}
