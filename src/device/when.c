/* See when.h. */
#include "device/when.h"

#include "base/err.h"

static bool digits(struct str *s, unsigned n, unsigned *ret)
{
	unsigned v = 0;
	if (s->len < n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		if (s->ptr[i] < '0' || s->ptr[i] > '9')
			return false;
		v = v * 10 + (unsigned)(s->ptr[i] - '0');
	}
	*s = (struct str){ s->ptr + n, s->len - n };
	*ret = v;
	return true;
}

static bool take(struct str *s, char c)
{
	if (s->len == 0 || *s->ptr != c)
		return false;
	*s = (struct str){ s->ptr + 1, s->len - 1 };
	return true;
}

/* Days since 1970-01-01 in the Gregorian calendar. */
static int64_t days(int64_t y, unsigned m, unsigned d)
{
	y -= m <= 2;
	int64_t era = (y >= 0 ? y : y - 399) / 400;
	unsigned yoe = (unsigned)(y - era * 400), doy = (153 * (m + (m > 2 ? -3u : 9u)) + 2) / 5 + d - 1;
	return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

int when_civil(int year, unsigned month, unsigned day, unsigned hour, unsigned minute, unsigned second, int32_t zone_s, int64_t *ret_ms)
{
	static const unsigned char length[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
	if (year < 1970 || year > 2200 || month < 1 || month > 12 || day < 1 || day > length[month - 1] + (month == 2 && leap ? 1u : 0u) || hour > 23 ||
	    minute > 59 || second > 60)
		return -E_INVALID;
	*ret_ms = ((days(year, month, day) * 24 + hour) * 3600 + minute * 60 + second - zone_s) * 1000;
	return 0;
}

static bool month_name(struct str *s, unsigned *ret)
{
	static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
	if (s->len < 3)
		return false;
	const char c[3] = { (char)(s->ptr[0] | 0x20), (char)(s->ptr[1] | 0x20), (char)(s->ptr[2] | 0x20) }; /* what isn't a letter becomes none */
	for (unsigned m = 0; m < 12; m++)
		if (c[0] == names[3 * m] && c[1] == names[3 * m + 1] && c[2] == names[3 * m + 2]) {
			*s = (struct str){ s->ptr + 3, s->len - 3 };
			*ret = m + 1;
			return true;
		}
	return false;
}

static bool clock_time(struct str *s, unsigned *h, unsigned *m, unsigned *sec)
{
	return digits(s, 2, h) && take(s, ':') && digits(s, 2, m) && take(s, ':') && digits(s, 2, sec);
}

/* ".123456" → 123 */
static unsigned fraction(struct str *s)
{
	unsigned ms = 0, n = 0, d;
	if (s->len < 2 || (*s->ptr != '.' && *s->ptr != ',') || s->ptr[1] < '0' || s->ptr[1] > '9')
		return 0;
	*s = (struct str){ s->ptr + 1, s->len - 1 };
	for (; digits(s, 1, &d); n++)
		if (n < 3)
			ms = ms * 10 + d;
	for (; n < 3; n++)
		ms *= 10;
	return ms;
}

/* "Z", "+09:00", "+0900"; nothing: zone_s stays. */
static void offset(struct str *s, int32_t *zone_s)
{
	struct str rest = *s;
	unsigned h, m;
	if (take(&rest, 'Z') || take(&rest, 'z')) {
		*zone_s = 0;
	} else if (rest.len && (*rest.ptr == '+' || *rest.ptr == '-')) {
		int sign = *rest.ptr == '-' ? -1 : 1;
		take(&rest, *rest.ptr);
		if (!digits(&rest, 2, &h) || h > 15)
			return;
		take(&rest, ':');
		if (!digits(&rest, 2, &m) || m > 59)
			return;
		*zone_s = sign * (int32_t)(h * 3600 + m * 60);
	} else {
		return;
	}
	*s = rest;
}

/* The year in which the month and day lie nearest to now: logs of December come in January. */
static int nearest_year(unsigned month, unsigned day, int32_t zone_s, int64_t now_ms)
{
	int64_t best = INT64_MAX, t;
	int year = (int)(1970 + now_ms / 31556952000LL), found = year;
	for (int y = year - 1; y <= year + 1; y++) {
		if (when_civil(y, month, day, 0, 0, 0, zone_s, &t) < 0)
			continue;
		int64_t away = t > now_ms ? t - now_ms : now_ms - t;
		if (away < best) {
			best = away;
			found = y;
		}
	}
	return found;
}

int when_bsd(struct str *s, int32_t zone_s, int64_t now_ms, int64_t *ret_ms)
{
	struct str r = *s, before;
	unsigned month, day, h, m, sec, year = 0;
	if (!month_name(&r, &month) || !take(&r, ' '))
		return -E_INVALID;
	bool padded = take(&r, ' ');
	if (!digits(&r, padded ? 1 : 2, &day) && (padded || !digits(&r, 1, &day)))
		return -E_INVALID;
	if (!take(&r, ' '))
		return -E_INVALID;
	before = r;
	if (!digits(&r, 4, &year) || !take(&r, ' ')) {
		r = before;
		year = 0;
	}
	if (!clock_time(&r, &h, &m, &sec))
		return -E_INVALID;
	unsigned ms = fraction(&r);
	int y = year ? (int)year : nearest_year(month, day, zone_s, now_ms);
	if (when_civil(y, month, day, h, m, sec, zone_s, ret_ms) < 0)
		return -E_INVALID;
	*ret_ms += ms;
	*s = r;
	return 0;
}

int when_iso(struct str *s, int32_t zone_s, int64_t *ret_ms)
{
	struct str r = *s;
	unsigned y, month, day, h, m, sec;
	if (!digits(&r, 4, &y) || r.len == 0 || (*r.ptr != '-' && *r.ptr != '/'))
		return -E_INVALID;
	char between = *r.ptr;
	if (!take(&r, between) || !digits(&r, 2, &month) || !take(&r, between) || !digits(&r, 2, &day))
		return -E_INVALID;
	if (!take(&r, 'T') && !take(&r, 't') && !take(&r, ' '))
		return -E_INVALID;
	if (!clock_time(&r, &h, &m, &sec))
		return -E_INVALID;
	unsigned ms = fraction(&r);
	offset(&r, &zone_s);
	if (when_civil((int)y, month, day, h, m, sec, zone_s, ret_ms) < 0)
		return -E_INVALID;
	*ret_ms += ms;
	*s = r;
	return 0;
}

int when_clf(struct str *s, int32_t zone_s, int64_t *ret_ms)
{
	struct str r = *s;
	unsigned day, month, y, h, m, sec;
	if (!digits(&r, 2, &day) || !take(&r, '/') || !month_name(&r, &month) || !take(&r, '/') || !digits(&r, 4, &y) || !take(&r, ':') ||
	    !clock_time(&r, &h, &m, &sec))
		return -E_INVALID;
	take(&r, ' ');
	offset(&r, &zone_s);
	if (when_civil((int)y, month, day, h, m, sec, zone_s, ret_ms) < 0)
		return -E_INVALID;
	*s = r;
	return 0;
}
