/* A number out of a date, for Sigma's time modifiers (modifiers appendix 2.1, "Time Modifiers").
 *
 *   2026-11-28T21:40:05.5+09:00, 2026-11-28 21:40, 2026/11/28    the figures as written, whatever the offset behind them:
 *                                                                 the specification wants no conversion of time zones
 *   1795877000, 1795877000123    seconds (below 10^11) or milliseconds since 1970, read on Japan's clock (UTC+9): our own
 *                                events' times are such numbers, and "at night" is the night of who works there
 * week: ISO 8601, 1 to 53. */
#ifndef DETECT_DATEPART_H
#define DETECT_DATEPART_H

#include "base/str.h"

enum date_part { DATE_NONE, DATE_MINUTE, DATE_HOUR, DATE_DAY, DATE_WEEK, DATE_MONTH, DATE_YEAR };

/* DATE_NONE when there is no such modifier. */
enum date_part date_part_named(struct str name);
/* False: no date, or one without that part ("2026-11-28" has no hour). */
bool date_part_of(struct str text, enum date_part part, unsigned *ret);

#endif
