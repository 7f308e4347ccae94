/* Correlation: how often, how many, how much within a time, for one group (Sigma correlation specification 2.1).
 *
 * Windows slide and are made of the events' own time: those within `timespan` of the newest count. A group never
 * crosses organisations: the organisation is always part of its key. An event without a group-by field is left out.
 * With lower bounds only (gte, gt) event_count, value_count, value_sum and temporal are decided with the event that completes
 * them; the group then starts anew and stays quiet for one timespan: what goes on gives one finding a timespan. All else
 * (an upper bound; value_avg and value_percentile, which mean nothing before the time is over) opens a window with a
 * group's first event and judges it once it has passed.
 *
 * Order: what arrives late, but within the horizon, counts as if it had come in time: hits are held until the horizon has
 * passed and taken in the order of their own time, then of their record's name. So events shuffled within the horizon give
 * the same findings as in order. The horizon is 0.3 s (CORRELATE_SOON_MS) for correlations that stand on our own logs alone,
 * 10 s (CORRELATE_LATE_MS) for the others. Later still: taken as it comes, counted, and the result says `incomplete`.
 * An event's place is where it ended (time + duration), its lateness what ingest_time says.
 *
 * Ceiling: bytes over all groups, in CORRELATE_SHARDS shards by group; those not touched for
 * long are dropped and counted. What is held has a quarter of it; beyond, the oldest are taken before their time and counted.
 * State is saved with the cursors it belongs to (follow.h) and comes back with correlator_restore(). Not for threads. */
#ifndef DETECT_CORRELATE_H
#define DETECT_CORRELATE_H

#include "detect/ruleset.h"
#include "wire/cursor.h"

#define CORRELATE_RECORD 64
#define CORRELATE_KEEP 256 /* events a group remembers, or its threshold where that is more */
#define CORRELATE_SHARDS 16u
#define CORRELATE_SOON_MS 300
#define CORRELATE_LATE_MS 10000
#define CORRELATE_AT_ONCE (-1) /* for correlate_opts.horizon_ms: nothing is held; order is that of arrival */

struct correlator;

struct correlate_hit { /* one event that made a rule fire */
	const struct rule *rule;
	struct str json;        /* the event, and */
	yyjson_val *root;       /* its tree */
	int64_t time;           /* its place in time, ms UTC */
	struct str org, record; /* record: its name */
	uint64_t salt;          /* tells records apart whose name was used twice (power cut); 0 where that can't be */
	enum finding_action action;
};

struct correlate_result {
	const struct rule *rule;
	yyjson_val *root;      /* of the event that completed it, or of the window's last */
	struct str org;
	struct str group;      /* bytes that name the group */
	struct str first;      /* identity of the first record, for the uid */
	int64_t first_time, last_time;
	uint64_t count;
	bool incomplete;       /* an event came later than the horizon, or more than is kept */
	enum finding_action action;
	const char *records[FINDING_RECORDS];
	size_t n_records;
};
/* Called from correlator_hit(), correlator_clock() and correlator_tick(); pointers are valid during the call. */
typedef void (*correlate_fn)(const struct correlate_result *res, void *user);

struct correlate_stats {
	uint64_t groups, bytes, evicted, late, ungrouped, fired, dropped; /* dropped: no memory */
	uint64_t held, hurried, unnumbered; /* hurried: taken before their time; unnumbered: no number to sum */
};

struct correlate_opts {
	const struct ruleset *rules; /* must outlive the correlator */
	size_t max_bytes;
	int horizon_ms;              /* 0: the two above; CORRELATE_AT_ONCE; else this for all */
	correlate_fn fn;
	void *user;
};

int correlator_create(const struct correlate_opts *o, struct correlator **ret, struct err *err);
void correlator_destroy(struct correlator **c);
/* To every correlation that the rule is part of, and on to those above them; now or when its time comes. */
void correlator_hit(struct correlator *c, const struct correlate_hit *hit);
bool correlator_wants(const struct correlator *c, const struct rule *r); /* is it part of any? */
/* All events of this organisation that were taken in before clock_ms have been seen. Cheap when nothing waits. */
void correlator_clock(struct correlator *c, struct str org, int64_t clock_ms);
/* The same for every organisation; and groups that can't count any more are dropped. */
void correlator_tick(struct correlator *c, int64_t now_ms);
/* The wall clock that stamps an organisation's events was set back by so much: what is remembered of it moves along, so that
 * the next events still fall into its windows. */
void correlator_clock_set(struct correlator *c, struct str org, int64_t by_ms);
void correlator_save(const struct correlator *c, struct buf *b);
/* Groups of correlations that are gone or say something else now are dropped. -E_CORRUPT leaves c empty; so does {"",0}. */
int correlator_restore(struct correlator *c, struct str saved);
void correlator_stats(const struct correlator *c, struct correlate_stats *ret);

#endif
