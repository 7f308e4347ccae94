/* What `toride status` shows, gathered from torided's status file and everybody's counters. */
#ifndef WIRE_STATUS_H
#define WIRE_STATUS_H

#include "base/buf.h"

struct err;

#define STATUS_ROWS 262144 /* counters shown at most */

/* Asks torided (order.h) for its status and appends the fields of an answer, each with a comma before it:
 *   ,"time":…,"version":…,"uptime_s":…,"generation":"sha256:…","apply":"ok","processes":[{name,state,engine,since,
 *   restarts,crashes,last_end,pid,uptime_s,rss_bytes,ready}],"counters":[{"org":"412015","proxyd":{"requests":12}}]
 * org "" is what a process counts for itself. Blocks up to two seconds. */
int status_collect(struct buf *b, struct err *err);

#endif
