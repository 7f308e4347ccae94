/* One line of a body's device → one event (F-05, F-18, X-02). Every line becomes one: what no parser reads is kept as class 0 with its
 * text (`raw_data`), so that it is counted and found.
 *
 * A parser is one file with a table of its format's own names and our paths; device.c lists them. Of every event:
 *   device{name,ip,hostname}   the source's name and address as registered, and the host the line names (its own word)
 *   message, raw_data          the text behind the syslog head; the line as it came (not of JSON, whose members are all kept)
 *   severity_id                OCSF: 1 informational … 6 fatal, by the syslog severity
 *   charset                    what the line was written in, where it wasn't UTF-8 (charset.h)
 *   unmapped{}                 the format's own names with the values no attribute holds as they are */
#ifndef DEVICE_DEVICE_H
#define DEVICE_DEVICE_H

#include "device/queue.h"
#include "device/record.h"
#include "device/syslog.h"

struct device_line {
	struct str text; /* behind the syslog head */
	const struct syslog *head;
	int32_t zone_s;
	int64_t now_ms;
	struct mail_queue **queue; /* NULL: nothing is remembered from line to line */
};

struct device_format {
	const char *name;                   /* in the description and in files to import: "fortigate" */
	bool (*looks)(struct str text);     /* NULL: never guessed */
	/* 0, or -E_INVALID: not of this format; then what it put is thrown away. r->class_uid 0: of the format, but of no class of ours. */
	int (*parse)(const struct device_line *l, struct record *r);
	bool whole; /* all of the line stands in the event: raw_data isn't needed */
};
extern const struct device_format device_formats[]; /* ended by a row without name */
/* NULL: "auto", or none of ours. */
const struct device_format *device_format_find(struct str name);

struct device_source {
	const char *name, *ip;              /* "fw1", "10.1.0.254" */
	const struct device_format *format; /* NULL: by what each line looks like */
	int32_t zone_s;
	struct mail_queue **queue;          /* the caller's, one a source, NULL in it at first; or NULL */
};
struct device_result {
	bool parsed;    /* false: kept as raw text */
	bool breaks;    /* it held NUL or newline */
	bool has_time;
	int64_t time_ms; /* the device's own time */
	uint32_t class_uid;
};
/* Appends the event. why: words kept with a line that shall not be read as anything ("unregistered source"); NULL: it is read.
 * cut: the line was longer than it may be, and is its beginning. Not for threads: the record is static. */
void device_event(struct str line, const struct device_source *s, int64_t now_ms, const char *why, bool cut, struct buf *b,
                  struct device_result *ret);

#endif
