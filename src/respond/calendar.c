/* See calendar.h. */
#include "respond/calendar.h"

#include "base/clock.h"
#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>

#define DAY_MS 86400000LL
#define JST_MS (9 * 3600000LL)

int64_t calendar_day(int y, int m, int d)
{
	int yy = m <= 2 ? y - 1 : y, mm = m + (m > 2 ? -3 : 9);
	return 365LL * yy + yy / 4 - yy / 100 + yy / 400 + (153 * mm + 2) / 5 + d - 1 - 719468;
}

/* 0 Sunday … 6 Saturday; 1970-01-01 was a Thursday. */
static int weekday(int64_t day)
{
	return (int)((day + 4) % 7);
}

static void date_of(int64_t day, int *y, int *m, int *d)
{
	char t[CLOCK_TEXT];
	clock_format_jst(day * DAY_MS - JST_MS, t);
	*y = (int)strtol(t, NULL, 10), *m = (int)strtol(t + 5, NULL, 10), *d = (int)strtol(t + 8, NULL, 10);
}

static bool by_name(int y, int m, int d)
{
	static const struct {
		int m, d;
	} fixed[] = { { 1, 1 }, { 2, 11 }, { 2, 23 }, { 4, 29 }, { 5, 3 }, { 5, 4 }, { 5, 5 }, { 8, 11 }, { 11, 3 }, { 11, 23 } };
	static const struct {
		int m, nth;
	} mondays[] = { { 1, 2 }, { 7, 3 }, { 9, 3 }, { 10, 2 } };
	int n = y - 1980;
	for (size_t i = 0; i < ARRAY_LEN(fixed); i++)
		if (fixed[i].m == m && fixed[i].d == d)
			return true;
	for (size_t i = 0; i < ARRAY_LEN(mondays); i++)
		if (mondays[i].m == m && (d + 6) / 7 == mondays[i].nth && weekday(calendar_day(y, m, d)) == 1)
			return true;
	return (m == 3 && d == (int)(20.8431 + 0.242194 * n) - n / 4) || (m == 9 && d == (int)(23.2488 + 0.242194 * n) - n / 4);
}

static bool named(int64_t day)
{
	int y, m, d;
	date_of(day, &y, &m, &d);
	return by_name(y, m, d);
}

bool calendar_holiday(int y, int m, int d)
{
	int64_t day = calendar_day(y, m, d);
	if (named(day))
		return true;
	if (named(day - 1) && named(day + 1))
		return true; /* between two */
	for (int64_t before = day - 1; named(before); before--)
		if (weekday(before) == 0)
			return true; /* for one that fell on a Sunday */
	return false;
}

static bool day_open(const struct holiday_calendar *c, int64_t day)
{
	int y, m, d;
	char text[12];
	date_of(day, &y, &m, &d);
	if (weekday(day) == 0 || weekday(day) == 6 || calendar_holiday(y, m, d))
		return false;
	snprintf(text, sizeof text, "%04d-%02d-%02d", y, m, d);
	for (size_t i = 0; i < c->n_closed; i++)
		if (strcmp(c->closed[i], text) == 0)
			return false;
	return true;
}

bool calendar_open(const struct holiday_calendar *c, int64_t ms)
{
	int64_t minute = (ms + JST_MS) % DAY_MS / 60000;
	return minute >= c->open_minute && minute < c->close_minute && day_open(c, (ms + JST_MS) / DAY_MS);
}

int64_t calendar_next_open(const struct holiday_calendar *c, int64_t ms)
{
	if (calendar_open(c, ms) || c->open_minute >= c->close_minute)
		return ms;
	int64_t today = (ms + JST_MS) / DAY_MS;
	for (int64_t day = today; day <= today + 30; day++) {
		int64_t at = day * DAY_MS - JST_MS + c->open_minute * 60000LL;
		if (at > ms && day_open(c, day))
			return at;
	}
	return ms;
}
