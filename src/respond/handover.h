/* What one shift leaves to the next, written by itself: when the desk's shifts change (day_shift, night_shift of the description), and
 * whenever somebody hands over to the NOC or takes back. Who takes it says so. Text in Japanese, for the people of the next shift.
 * Requirements: M-098, F-24. */
#ifndef RESPOND_HANDOVER_H
#define RESPOND_HANDOVER_H

#include "respond/respond.h"

/* Inside a transaction. kind: to_day to_night to_noc to_soc. since_ms 0: since the last one (at most 24 h, else 12 h). */
int handover_write(struct respond *r, const char *kind, int64_t since_ms, const char *by, int64_t now, int64_t *ret_id, struct err *err);
/* -E_NOT_FOUND; -E_STATE when somebody took it already. */
int handover_take(struct respond *r, int64_t id, const char *by, int64_t now, struct err *err);
/* "handovers":[…], newest first. */
int handover_format(struct respond *r, int limit, struct buf *b, struct err *err);

/* Outside a transaction: writes the one of the shift that just ended. */
int handover_work(struct respond *r, int64_t now, struct err *err);
/* The last change of shift at or before now, ms UTC; *ret_to_day: the day shift begins. */
int64_t handover_boundary(unsigned day_minute, unsigned night_minute, int64_t now, bool *ret_to_day);

#endif
