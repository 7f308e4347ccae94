/* Daemons' own log: one JSON object a line on stderr, which the supervisor collects.
 * Libraries return errors; daemons log each once, with the organisation (code or "") and the object. */
#ifndef BASE_LOG_H
#define BASE_LOG_H

struct err;
enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };

void log_open(const char *process, enum log_level least);
void log_write(enum log_level level, const char *org, const char *object, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));
void log_err(enum log_level level, const char *org, const char *object, const struct err *err);

#define log_info(org, object, ...) log_write(LOG_LEVEL_INFO, org, object, __VA_ARGS__)
#define log_warn(org, object, ...) log_write(LOG_LEVEL_WARN, org, object, __VA_ARGS__)
#define log_error(org, object, ...) log_write(LOG_LEVEL_ERROR, org, object, __VA_ARGS__)

#endif
