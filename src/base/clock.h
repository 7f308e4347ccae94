/* Time, held by tests where they want. All of Toride asks here, never the system. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 32

int64_t clock_now_ms(void);  /* UTC, milliseconds since 1970 */
int64_t clock_mono_ms(void); /* never goes back; for time-outs */
/* Tests and scenarios: from now on both clocks stand at `now_ms` until clock_advance(); 0 lets them go. */
void clock_hold(int64_t now_ms);
void clock_advance(int64_t ms);
/* RFC 3339 with milliseconds: UTC "…Z", or Japan's +09:00. */
void clock_format_utc(int64_t ms, char dst[CLOCK_TEXT]);
void clock_format_jst(int64_t ms, char dst[CLOCK_TEXT]);
/* RFC 3339 in, any offset. Returns 0 or -E_INVALID. */
int clock_parse(const char *text, size_t len, int64_t *ret_ms);

/* Random bytes from the kernel; tests may replace them by a seeded series (seed != 0). */
void rnd_bytes(void *dst, size_t n);
uint64_t rnd_u64(void);
void rnd_hold(uint64_t seed);

#endif
