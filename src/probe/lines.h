/* Whether a line works, judged by what comes back through it. Pure: the caller asks, listens and has the clock.
 *
 * A line fails after `lost` rounds in a row in which nobody it was asked through it answered, or when even the target that
 * answers best has missed loss_percent of the last loss_rounds questions. It is used again once somebody has answered in every
 * round for `back_ms` and no more than half of that loss was seen meanwhile: a line that comes and goes moves traffic once, not
 * each time. A target of its own that is down moves nothing.
 *
 * A line that has lost something is looked at more closely (line_suspected()): more questions a round tell sooner whether it goes on. They count for
 * the loss and not for the silence, which stays one of rounds; and a loss counts when it comes and goes, LINE_RUNS times at least: a single gap,
 * however many questions fell into it, is silence or nothing. Rows M-008 S-30. */
#ifndef PROBE_LINES_H
#define PROBE_LINES_H

#include <stdbool.h>
#include <stdint.h>

#define LINE_TARGETS 16
#define LINE_ROUNDS 64
#define LINE_RUNS 3

struct line_rules {
	unsigned lost;
	int64_t back_ms;
	unsigned loss_percent; /* 0: only silence counts */
	unsigned loss_rounds;  /* 1 to LINE_ROUNDS */
};

struct line_state {
	bool usable;          /* may carry traffic */
	unsigned lost;        /* rounds without an answer */
	int64_t answering_ms; /* since when every round was answered; 0: the last one wasn't */
	int64_t heard_ms;     /* the last answered round; 0: none yet */
	int64_t failed_ms;    /* when it was found dead; 0: it wasn't */
	uint64_t missed[LINE_TARGETS]; /* bit i: its question of i rounds ago had no answer */
	unsigned rounds;      /* questions that these tell of */
	unsigned runs;        /* of questions without an answer, of the target that has least of them */
	unsigned loss;        /* percent, of the target that answers best */
	bool lossy;           /* it was loss that it failed by, not silence */
};

/* A line is believed until it fails: a node that starts must serve at once. */
void line_begin(struct line_state *s);
/* One question's time is over. answered: bit i: target i of n; closer: it was one between two rounds. True when `usable` changed. */
bool line_round(struct line_state *s, const struct line_rules *rules, uint32_t answered, unsigned n, bool closer, int64_t now_ms);
/* It carries traffic, and even the best target has missed something lately. */
bool line_suspected(const struct line_state *s, const struct line_rules *rules);

#endif
