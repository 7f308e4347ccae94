/* What became of the traffic that a block stands against: every event of such a destination (or terminal), refused or
 * passed, is counted, and the counts are told as findings of one rule (FINDING_RULE_BLOCKED), each naming its block.
 *
 * A count is told when the state is saved (follow.c), at most once a save for each block, terminal and outcome. The save
 * waits for the acknowledgement, so a crash can repeat only the last count: it then has the same uid and at least the
 * same number, and respondd takes the difference. No event is counted twice, none is lost. */
#ifndef DETECT_TALLY_H
#define DETECT_TALLY_H

#include "detect/finding.h"
#include "detect/indicators.h"

#define TALLY_MAX 10000 /* counts at a time; beyond, a block's terminals are counted together */
#define TALLY_RECORDS 4 /* names of records in a finding */

struct tally_event {
	struct indicator_query q;
	int64_t time_ms;
	bool passed;       /* else refused */
	struct str record; /* its name, and */
	uint64_t salt;     /* what tells it from another of the same name (engine.h) */
};

struct tally;
int tally_create(struct tally **ret, struct err *err);
void tally_destroy(struct tally **t);
/* The list from now on; -E_INVALID: the old one stays. The text is kept for tally_list(). */
int tally_watch(struct tally *t, struct str list);
struct str tally_list(const struct tally *t); /* "" before the first */
bool tally_wants(const struct tally *t);      /* is there anything to look for? NULL: no */
void tally_count(struct tally *t, const struct tally_event *e);
/* Tells all counts and forgets them. f is valid during the call. */
void tally_flush(struct tally *t, void (*tell)(const struct finding *f, void *user), void *user);

#endif
