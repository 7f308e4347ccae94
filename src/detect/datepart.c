/* Dates for the time modifiers; see datepart.h. Asked by match.c for each value of such a predicate. */
#include "detect/datepart.h"

#include "base/mem.h"

#include <string.h>

#define JST_MS (9 * 3600 * 1000LL)
#define DAY_MS (86400 * 1000LL)

struct date {
	unsigned year, month, day, hour, minute;
	bool has_time;
};

enum date_part date_part_named(struct str name)
{
	static const char *const names[] = { "", "minute", "hour", "day", "week", "month", "year" };
	for (unsigned i = 1; i < ARRAY_LEN(names); i++)
		if (str_eq(name, str_from(names[i])))
			return (enum date_part)i;
	return DATE_NONE;
}

/* Days since 1970-01-01 of a day of the Gregorian calendar, and back; years are counted from March on. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = y / 400;
	unsigned yoe = (unsigned)(y - era * 400), doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	return era * 146097 + (int64_t)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

static void civil_of(int64_t days, struct date *ret)
{
	days += 719468;
	int64_t era = days / 146097;
	unsigned doe = (unsigned)(days - era * 146097), yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
	ret->day = doy - (153 * mp + 2) / 5 + 1;
	ret->month = mp < 10 ? mp + 3 : mp - 9;
	ret->year = (unsigned)(era * 400 + yoe) + (ret->month <= 2);
}

/* ISO 8601: the week belongs to the year of its Thursday. */
static unsigned week_of(const struct date *d)
{
	int64_t day = days_of(d->year, d->month, d->day), thursday = day - (day + 3) % 7 + 3;
	struct date t;
	civil_of(thursday, &t);
	return (unsigned)((thursday - days_of(t.year, 1, 1)) / 7 + 1);
}

static bool figures(const char **p, const char *end, unsigned n, unsigned *ret)
{
	*ret = 0;
	for (unsigned i = 0; i < n; i++, (*p)++) {
		if (*p == end || **p < '0' || **p > '9')
			return false;
		*ret = *ret * 10 + (unsigned)(**p - '0');
	}
	return true;
}

static const char **after(const char **p) /* the sign between two figures, already looked at */
{
	++*p;
	return p;
}

static bool read_written(struct str s, struct date *d)
{
	const char *p = s.ptr, *end = s.ptr + s.len;
	if (s.len < 10 || (s.ptr[4] != '-' && s.ptr[4] != '/') || s.ptr[7] != s.ptr[4])
		return false;
	if (!figures(&p, end, 4, &d->year) || !figures(after(&p), end, 2, &d->month) || !figures(after(&p), end, 2, &d->day))
		return false;
	if (d->year < 1600 || d->month < 1 || d->month > 12 || d->day < 1 || d->day > 31)
		return false;
	if (p == end)
		return true;
	if (*p != 'T' && *p != 't' && *p != ' ')
		return false;
	p++;
	if (!figures(&p, end, 2, &d->hour) || p == end || *p++ != ':' || !figures(&p, end, 2, &d->minute))
		return false;
	d->has_time = true;
	return d->hour < 24 && d->minute < 60;
}

static bool read_epoch(struct str s, struct date *d)
{
	uint64_t v;
	if (!str_to_u64(s, 100000000000000ull, &v))
		return false;
	int64_t ms = (v < 100000000000ull ? (int64_t)v * 1000 : (int64_t)v) + JST_MS;
	civil_of(ms / DAY_MS, d);
	d->hour = (unsigned)(ms % DAY_MS / 3600000);
	d->minute = (unsigned)(ms % 3600000 / 60000);
	d->has_time = true;
	return true;
}

bool date_part_of(struct str text, enum date_part part, unsigned *ret)
{
	struct date d = { 0 };
	if (!read_written(text, &d)) {
		d = (struct date){ 0 };
		if (!read_epoch(text, &d))
			return false;
	}
	switch (part) {
	case DATE_MINUTE: *ret = d.minute; return d.has_time;
	case DATE_HOUR: *ret = d.hour; return d.has_time;
	case DATE_DAY: *ret = d.day; return true;
	case DATE_WEEK: *ret = week_of(&d); return true;
	case DATE_MONTH: *ret = d.month; return true;
	case DATE_YEAR: *ret = d.year; return true;
	case DATE_NONE: break;
	}
	return false;
}
