/* See log.h. */
#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"

#include <stdio.h>
#include <unistd.h>

static const char *log_process = "toride";
static enum log_level log_least = LOG_LEVEL_INFO;

void log_open(const char *process, enum log_level least)
{
	log_process = process;
	log_least = least;
}

void log_write(enum log_level level, const char *org, const char *object, const char *fmt, ...)
{
	static const char *const names[] = { "debug", "info", "warn", "error" };
	char msg[1024], when[CLOCK_TEXT];
	if (level < log_least)
		return;
	va_list ap;
	va_start(ap, fmt);
	vsnprintf(msg, sizeof msg, fmt, ap);
	va_end(ap);
	clock_format_utc(clock_now_ms(), when);
	struct buf b;
	buf_init(&b, 8192);
	buf_putc(&b, '{');
	json_field_s(&b, "time", when);
	json_field_s(&b, "level", names[level]);
	json_field_s(&b, "process", log_process);
	if (org && *org)
		json_field_s(&b, "org", org);
	if (object && *object)
		json_field_s(&b, "object", object);
	json_field_s(&b, "message", msg);
	buf_puts(&b, "}\n");
	if (!b.failed && write(STDERR_FILENO, b.ptr, b.len) < 0)
		log_least = LOG_LEVEL_ERROR; /* nobody listens; nothing better can be done */
	buf_done(&b);
}

void log_err(enum log_level level, const char *org, const char *object, const struct err *err)
{
	log_write(level, org, object, "%s%s%s (%s)", err->path, err->path[0] ? ": " : "", err->msg, err_name(err->code));
}
