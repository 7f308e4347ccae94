/* Times as devices write them → ms UTC. A time without zone is read in the source's own (seconds east of UTC). */
#ifndef DEVICE_WHEN_H
#define DEVICE_WHEN_H

#include "base/str.h"

/* -E_INVALID when it isn't a date and time that exists. month 1–12. */
int when_civil(int year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second, int32_t zone_s, int64_t *ret_ms);

/* Each takes the time off the front of *s and leaves what stands behind it; -E_INVALID: it isn't one, *s is as it was.
 *
 * RFC 3164 section 4.1.2 "Nov 29 01:02:03", also with a year ("Nov 29 2026 01:02:03") and with milliseconds. Without a year it is
 * the one that brings it nearest to now. */
int when_bsd(struct str *s, int32_t zone_s, int64_t now_ms, int64_t *ret_ms);
/* RFC 3339 and what comes near it: "2026-11-29T01:02:03.123456+09:00", a blank or "/" in place of "T" and "-", no zone. */
int when_iso(struct str *s, int32_t zone_s, int64_t *ret_ms);
/* "29/Nov/2026:01:02:03 +0900", as web servers write it. */
int when_clf(struct str *s, int32_t zone_s, int64_t *ret_ms);

#endif
