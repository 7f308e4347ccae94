/* Correlation: how often, within a time, for one group (Sigma correlation specification 2.1).
 *
 * Windows slide and are made of the events' own time: those within `timespan` of the newest count. A group never
 * crosses organisations: the organisation is always part of its key. An event without a group-by field is left out.
 * With lower bounds only (gte, gt) and for temporal rules the finding comes with the event that completes it; the
 * group then starts anew and stays quiet for one timespan: what goes on gives one finding a timespan. With an upper
 * bound (lt, lte, eq, neq) a window opens with a group's first event and is judged once it has passed
 * (correlator_tick, or the group's next event).
 * Ceiling: bytes over all groups; the least recently touched are dropped and counted.
 * State is saved with the cursors it belongs to (follow.h) and comes back with correlator_restore(). Not for threads. */
#ifndef DETECT_CORRELATE_H
#define DETECT_CORRELATE_H

#include "detect/ruleset.h"
#include "wire/cursor.h"

#define CORRELATE_RECORD 64
#define CORRELATE_KEEP 256 /* events a group remembers, or its threshold where that is more */

struct correlator;

struct correlate_hit { /* one event that made a rule fire */
	const struct rule *rule;
	yyjson_val *root;
	int64_t time;
	struct str org, record; /* record: its name */
	uint64_t salt;          /* tells records apart whose name was used twice (power cut); 0 where that can't be */
	enum finding_action action;
	struct str sample;      /* JSON of the finding the event alone would be; kept where a window is judged later */
};

struct correlate_result {
	const struct rule *rule;
	struct str group;      /* bytes that name the group */
	struct str first;      /* identity of the first record, for the uid */
	struct str sample;     /* empty when the event is at hand */
	int64_t first_time, last_time;
	uint64_t count;
	enum finding_action action;
	const char *records[FINDING_RECORDS];
	size_t n_records;
};
/* Called from correlator_hit() and correlator_tick(); pointers are valid during the call. */
typedef void (*correlate_fn)(const struct correlate_result *res, void *user);

struct correlate_stats {
	uint64_t groups, bytes, evicted, late, ungrouped, fired, dropped; /* dropped: no memory */
};

int correlator_create(const struct ruleset *s, size_t max_bytes, correlate_fn fn, void *user, struct correlator **ret,
                      struct err *err);
void correlator_destroy(struct correlator **c);
/* To every correlation that the rule is part of, and on to those above them. */
void correlator_hit(struct correlator *c, const struct correlate_hit *hit);
bool correlator_wants(const struct correlator *c, const struct rule *r, bool *ret_sample);
/* Judges windows that have passed and drops groups that can't count any more. now_ms: in the events' time. */
void correlator_tick(struct correlator *c, int64_t now_ms);
/* The wall clock that stamps an organisation's events was set back by so much: what is remembered of it moves along, so that
 * the next events still fall into its windows. */
void correlator_clock_set(struct correlator *c, struct str org, int64_t by_ms);
void correlator_save(const struct correlator *c, struct buf *b);
/* Groups of correlations that are gone or say something else now are dropped. -E_CORRUPT leaves c empty. */
int correlator_restore(struct correlator *c, struct str saved);
void correlator_stats(const struct correlator *c, struct correlate_stats *ret);

#endif
