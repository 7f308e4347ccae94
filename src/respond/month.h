/* A month's numbers for the monthly report (月次監視報告書): incidents by body, severity and day, the rules that found most, and how long
 * each step took. A month is Japan's; an incident belongs to the one it was received in. Severity is the person's word where there is
 * one. Requirements: M-093 (what was found most), M-096. */
#ifndef RESPOND_MONTH_H
#define RESPOND_MONTH_H

#include "respond/respond.h"

/* "2026-11" as its beginning and end, ms UTC. -E_INVALID. */
int month_span(const char *month, int64_t *ret_from, int64_t *ret_to, struct err *err);
/* "month", "from", "to", "all":{…}, "orgs":[{…}], as doc/interfaces/respond.md; inside a transaction, whose scope says whose rows.
 * detail: "list" of each body too. */
int month_format(struct respond *r, const char *month, bool detail, struct buf *b, struct err *err);

#endif
