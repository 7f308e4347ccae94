/* The head of a syslog message: RFC 5424, RFC 3164, and what devices write in their place.
 *
 *   <165>1 2026-11-29T01:02:03.003Z host app 123 ID47 [id@32473 a="b"] text       RFC 5424
 *   <34>Nov 29 01:02:03 host sshd[123]: text                                      RFC 3164
 *   <166>Nov 29 2026 01:02:03: %ASA-6-302013: text     <189>date=2026-11-29 …     no host, no time: what is there is taken
 * Nothing is refused here but what has no <PRI> where one is asked for: a line that is none of these is all text. */
#ifndef DEVICE_SYSLOG_H
#define DEVICE_SYSLOG_H

#include "base/str.h"

struct syslog {
	bool has_pri, rfc5424, has_time;
	uint8_t facility, severity; /* RFC 5424 section 6.2.1 */
	int64_t time_ms;
	struct str host, app, procid, msgid; /* {NULL,0}: not there ("-") */
	struct str data; /* STRUCTURED-DATA as it stands, checked */
	struct str text; /* what is left: the message, without a byte order mark */
};
/* zone_s: of times without zone; now_ms: for those without year. The strings are borrowed from line. */
void syslog_parse(struct str line, int32_t zone_s, int64_t now_ms, struct syslog *ret);

/* Takes the next parameter out of structured data ("id", "name", value as it stands, escapes and all); false at its end. *id is
 * kept by the caller, {NULL,0} at first. */
bool syslog_data_next(struct str *data, struct str *id, struct str *name, struct str *value);

/* Is there a byte in it that no line holds (NUL, newline)? Then two readers may see two lines. */
bool syslog_has_breaks(struct str line);

#endif
