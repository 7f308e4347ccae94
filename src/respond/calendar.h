/* When a body's office is open: its hours, weekends, its own closed days, national holidays (国民の祝日に関する法律, with its substitute
 * and in-between days). Japan's time. What can wait is sent then; an alert never waits.
 * Equinoxes by the usual formula, right for 1980 to 2099. */
#ifndef RESPOND_CALENDAR_H
#define RESPOND_CALENDAR_H

#include "model/model.h"

/* Days from 1970-01-01 to that one of the proleptic Gregorian calendar. */
int64_t calendar_day(int y, int m, int d);
/* y, m, d of the Gregorian calendar. */
bool calendar_holiday(int y, int m, int d);
bool calendar_open(const struct holiday_calendar *c, int64_t ms);
/* ms itself when open then; else the next opening within 30 days; else ms. */
int64_t calendar_next_open(const struct holiday_calendar *c, int64_t ms);

#endif
