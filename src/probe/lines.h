/* Whether a line works, judged by what comes back through it. Pure: the caller asks, listens and has the clock.
 *
 * A line fails after `lost` rounds in a row in which nobody it was asked through it answered, and is used again once
 * somebody has answered in every round for `back_ms`: a line that comes and goes moves traffic once, not each time.
 * All targets of a line count as one: one that answers shows that the line works, and a target of its own that is down
 * moves nothing. Rows M-008 S-30. */
#ifndef PROBE_LINES_H
#define PROBE_LINES_H

#include <stdbool.h>
#include <stdint.h>

struct line_rules {
	unsigned lost;
	int64_t back_ms;
};

struct line_state {
	bool usable;          /* may carry traffic */
	unsigned lost;        /* rounds without an answer */
	int64_t answering_ms; /* since when every round was answered; 0: the last one wasn't */
	int64_t heard_ms;     /* the last answered round; 0: none yet */
	int64_t failed_ms;    /* when it was found dead; 0: it wasn't */
};

/* A line is believed until it fails: a node that starts must serve at once. */
void line_begin(struct line_state *s);
/* One round is over. True when `usable` changed. */
bool line_round(struct line_state *s, const struct line_rules *rules, bool answered, int64_t now_ms);

#endif
