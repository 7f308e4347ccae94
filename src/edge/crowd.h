/* When more ask a site than the processors can answer: who is let in first. Of nginx's side of it: daemon/crowd_module.c.
 *
 * Hundreds of sources that each stay below every limit are no source's fault; what is short is the server's time, and a request costs most of it before
 * anything is known of it (the WAF). So a site that many ask, and late, asks strangers to come again in a second with a token that costs nothing to
 * give; browsers do that by themselves. Who has one goes on as before. A program that keeps tokens passes too: where that is still too much for the
 * server, whoever asks most has to ask less. How late it is decides, and not how often it is asked: a server that gets little of its machine answers few. */
#ifndef EDGE_CROWD_H
#define EDGE_CROWD_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

#define CROWD_WINDOW_MS 8000 /* what a visitor asks is counted so long; a site's numbers fade as fast */
#define CROWD_LATE_MS 200    /* a request that waited so long for those before it is late */
#define CROWD_LATE 25        /* so many visitors whose first of a window was late, a quarter of all, make a site crowded: who asks more is the limits' matter */
#define CROWD_HOLD_MS 10000  /* it stays so as long behind the last second in which strangers pressed: */
#define CROWD_HELD 200       /* so many visitors were told to wait in a window; or */
#define CROWD_INSIST 10      /* so many asked as strangers more often than CROWD_FEW times, which no browser does that is given a token */
#define CROWD_FEW 16
#define CROWD_MANY 64        /* who asks more often than that as a stranger can't be helped */
#define CROWD_LEAST 8        /* who has a token may ask so often in a window, however late the server is: a page without its pictures */
#define CROWD_COOKIE "toride_seen"
#define CROWD_SECRET 32
#define CROWD_TOKEN 49       /* 16 digits of time, 32 of proof, NUL */
#define CROWD_LIFE_S 3600

/* One site's, of all workers: the caller keeps others out. Zero is the beginning. */
struct crowd {
	uint64_t second, until_ms;
	uint32_t asked, late, held, insist; /* visitors of about a window: an eighth fades each second */
	uint32_t all, all_late;             /* requests of this second */
	uint16_t late_before;               /* so many seconds before this one a quarter was late, two at most */
	uint16_t squeeze;                   /* 0: who has a token may ask all; of 256 parts so many less */
};

/* One more asks, by his n-th request in this window; is the site crowded? now_ms: a clock that isn't set, and doesn't go back by more than others' delays. */
bool crowd_ask(struct crowd *c, uint64_t now_ms, uint32_t n, bool late);
/* A stranger is told to wait, for the n-th time in this window; after how many milliseconds? Waiting costs his connection and not the server's time: whoever
 * asks much waits, and where the server is late even so, longer. */
uint32_t crowd_hold(struct crowd *c, uint32_t n);
/* How often a visitor with a token may ask in a window while the site is crowded, of what he may at most. */
uint32_t crowd_may(const struct crowd *c, uint32_t most);
/* One with a token may ask, but not now: where even so more comes than is answered, some are answered in time and not all too late. */
bool crowd_shed(const struct crowd *c, bool late);
/* How often a visitor has asked in this window, this time too. The slot is his, or of those whose hash is the same. */
uint32_t crowd_count(uint64_t *slot, uint64_t now_ms);

/* who: site and address. Proof: HMAC-SHA-256, its first half (RFC 2104 section 5). now_s: the wall clock's. */
void crowd_token(const unsigned char secret[CROWD_SECRET], struct str who, uint64_t now_s, char dst[CROWD_TOKEN]);
bool crowd_token_valid(const unsigned char secret[CROWD_SECRET], struct str who, uint64_t now_s, struct str token);

/* Takes each token out of what a Cookie header holds (RFC 6265 section 4.2.1), in place; how much is left. */
size_t crowd_cookie_cut(char *text, size_t n);

#endif
