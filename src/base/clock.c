/* See clock.h. */
#include "base/clock.h"

#include "base/err.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

static _Atomic int64_t held, shifted;
static _Atomic uint64_t seed;

static int64_t read_clock(clockid_t id)
{
	struct timespec ts;
	clock_gettime(id, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t clock_now_ms(void)
{
	int64_t h = held;
	return (h ? h : read_clock(CLOCK_REALTIME)) + shifted;
}

int64_t clock_mono_ms(void)
{
	int64_t h = held;
	return h ? h : read_clock(CLOCK_MONOTONIC);
}

void clock_hold(int64_t now_ms)
{
	held = now_ms;
	shifted = 0;
}

void clock_advance(int64_t ms)
{
	held += ms;
}

void clock_shift(int64_t ms)
{
	shifted += ms;
}

int64_t clock_stepped(struct clock_watch *w)
{
	int64_t ahead = clock_now_ms() - clock_mono_ms(), by = ahead - w->ahead_ms;
	bool step = w->begun && (by <= -CLOCK_STEP_MS || by >= CLOCK_STEP_MS);
	w->ahead_ms = ahead; /* each time: small corrections mustn't add up to a step */
	w->begun = true;
	return step ? by : 0;
}

void clock_boot(char dst[CLOCK_BOOT])
{
	memset(dst, 0, CLOCK_BOOT);
	FILE *f = fopen("/proc/sys/kernel/random/boot_id", "re");
	if (f && fscanf(f, "%36[0-9a-f-]", dst) != 1)
		dst[0] = 0;
	if (f)
		fclose(f);
}

static void format(int64_t ms, const char *zone, char dst[CLOCK_TEXT])
{
	time_t t = (time_t)(ms / 1000);
	int milli = (int)(ms % 1000);
	if (milli < 0)
		milli += 1000, t--;
	struct tm tm;
	gmtime_r(&t, &tm);
	size_t n = strftime(dst, CLOCK_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(dst + n, CLOCK_TEXT - n, ".%03d%s", milli, zone);
}

void clock_format_utc(int64_t ms, char dst[CLOCK_TEXT])
{
	format(ms, "Z", dst);
}

void clock_format_jst(int64_t ms, char dst[CLOCK_TEXT])
{
	format(ms + 9 * 3600 * 1000LL, "+09:00", dst);
}

/* The offset of RFC 3339 in milliseconds: "Z" or "+09:00". */
static int parse_zone(const char *p, size_t len, int64_t *ret)
{
	int h, m;
	if (len == 1 && (*p == 'Z' || *p == 'z')) {
		*ret = 0;
		return 0;
	}
	if (len != 6 || (*p != '+' && *p != '-') || sscanf(p + 1, "%2d:%2d", &h, &m) != 2 || h > 23 || m > 59)
		return -E_INVALID;
	*ret = (*p == '-' ? -1 : 1) * (h * 60 + m) * 60000LL;
	return 0;
}

int clock_parse(const char *text, size_t len, int64_t *ret_ms)
{
	char s[48];
	struct tm tm = { 0 };
	int used = 0;
	if (len < 20 || len >= sizeof s)
		return -E_INVALID;
	memcpy(s, text, len);
	s[len] = 0;
	if (sscanf(s, "%4d-%2d-%2d%*1[Tt ]%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &tm.tm_hour, &tm.tm_min,
	           &tm.tm_sec, &used) != 6 ||
	    used != 19 || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return -E_INVALID;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	int64_t milli = 0, unit = 100, zone;
	size_t i = 19;
	if (s[i] == '.')
		for (i++; s[i] >= '0' && s[i] <= '9'; i++, unit /= 10)
			milli += (s[i] - '0') * unit;
	if (parse_zone(s + i, len - i, &zone) < 0)
		return -E_INVALID;
	*ret_ms = (int64_t)timegm(&tm) * 1000 + milli - zone;
	return 0;
}

void rnd_hold(uint64_t s)
{
	seed = s;
}

/* splitmix64: good enough for a test that must repeat. */
static uint64_t seeded(void)
{
	uint64_t z = atomic_fetch_add(&seed, 0x9e3779b97f4a7c15u) + 0x9e3779b97f4a7c15u;
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

void rnd_bytes(void *dst, size_t n)
{
	unsigned char *p = dst;
	while (n) {
		size_t k = n > 256 ? 256 : n;
		if (seed) {
			uint64_t v = seeded();
			k = n > 8 ? 8 : n;
			memcpy(p, &v, k);
		} else if (getrandom(p, k, 0) != (ssize_t)k) {
			bug("getrandom failed");
		}
		p += k;
		n -= k;
	}
}

uint64_t rnd_u64(void)
{
	uint64_t v;
	rnd_bytes(&v, sizeof v);
	return v;
}
