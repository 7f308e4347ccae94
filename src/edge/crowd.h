/* When more ask a site than the processors can answer: who is let in first. Of nginx's side of it: daemon/crowd_module.c.
 *
 * Hundreds of sources that each stay below every limit are no source's fault; what is short is the server's time, and a request costs most of it before
 * anything is known of it (the WAF). So a site that many ask, and late, asks strangers to come again in a second with a token that costs nothing to
 * give; browsers do that by themselves. Who has one goes on as before. A program that keeps tokens passes too: it gets no more than its address may. */
#ifndef EDGE_CROWD_H
#define EDGE_CROWD_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define CROWD_RATE 100       /* requests a second of a site below which it never counts as crowded; below half of it, it is over */
#define CROWD_EACH 4         /* of a visitor's in a window so many count towards that: who asks more is the limits' matter, and fewer than 25 are no crowd */
#define CROWD_LATE_MS 200    /* a request that waited so long for those before it is late; a quarter of a second's make it crowded */
#define CROWD_HOLD_MS 10000  /* it stays so as long behind the last second that was */
#define CROWD_WINDOW_MS 8000 /* what a visitor asks is counted so long */
#define CROWD_COOKIE "toride_seen"
#define CROWD_SECRET 32
#define CROWD_TOKEN 49       /* 16 digits of time, 32 of proof, NUL */
#define CROWD_LIFE_S 3600

/* One site's, of all workers: the caller keeps others out. Zero is the beginning. */
struct crowd {
	uint64_t second, until_ms;
	uint32_t asked, late;
};

/* One more asks, by his n-th request in this window; is the site crowded? now_ms: a clock that isn't set, and doesn't go back by more than others' delays. */
bool crowd_ask(struct crowd *c, uint64_t now_ms, uint32_t n, bool late);
/* How often a visitor has asked in this window, this time too. The slot is his, or of those whose hash is the same. */
uint32_t crowd_count(uint64_t *slot, uint64_t now_ms);

/* who: site and address. Proof: HMAC-SHA-256, its first half (RFC 2104 section 5). now_s: the wall clock's. */
void crowd_token(const unsigned char secret[CROWD_SECRET], struct str who, uint64_t now_s, char dst[CROWD_TOKEN]);
bool crowd_token_valid(const unsigned char secret[CROWD_SECRET], struct str who, uint64_t now_s, struct str token);

/* Takes each token out of what a Cookie header holds (RFC 6265 section 4.2.1), in place; how much is left. */
size_t crowd_cookie_cut(char *text, size_t n);

#endif
