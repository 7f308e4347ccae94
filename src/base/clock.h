/* Time, held by tests where they want. All of Toride asks here, never the system. */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLOCK_TEXT 32

int64_t clock_now_ms(void);  /* UTC, milliseconds since 1970 */
int64_t clock_mono_ms(void); /* never goes back; for time-outs */
/* Tests and scenarios: from now on both clocks stand at `now_ms` until clock_advance(); 0 lets them go. */
void clock_hold(int64_t now_ms);
void clock_advance(int64_t ms);
/* Tests: somebody sets the wall clock by that much; the monotonic one doesn't move. */
void clock_shift(int64_t ms);

/* Was the wall clock set? What people ordered for a time ("undo in 5 minutes", "block for a day") lasts that long whatever
 * the wall clock does meanwhile: who keeps such an end as a time of day moves it by what clock_stepped() tells. */
#define CLOCK_STEP_MS 2000 /* less is no step: the two clocks are read one after the other, on a busy machine */
struct clock_watch {
	int64_t ahead_ms; /* of the wall clock before the monotonic one */
	bool begun;
};
/* By how much the wall clock was set since the last call; 0 at the first and when it wasn't. */
int64_t clock_stepped(struct clock_watch *w);
/* Names this boot: over a restart of a process the watch goes on, over a reboot there is nothing it could compare with.
 * Empty where the kernel doesn't say. */
#define CLOCK_BOOT 40
void clock_boot(char dst[CLOCK_BOOT]);
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
