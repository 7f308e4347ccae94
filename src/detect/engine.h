/* Events in, findings out: matcher and correlator of one rule set, and what a finding says about its events.
 * The same code runs live (detectd), offline (`toride detect`) and in tests. Not for threads. */
#ifndef DETECT_ENGINE_H
#define DETECT_ENGINE_H

#include "detect/correlate.h"
#include "detect/finding.h"
#include "detect/match.h"

struct facts; /* facts.h: what the description says about organisations; NULL is fine */
struct tally; /* tally.h: what is looked for by value; NULL is fine */
struct intel; /* intel.h: values known to be bad; NULL is fine */
struct sightings; /* sighting.h: needed with intel */
struct baseline; /* baseline.h */

struct engine;
struct engine_opts {
	const struct ruleset *rules; /* must outlive the engine */
	const struct facts *facts;
	struct tally *tally;         /* must outlive the engine; told by whoever owns it */
	const struct intel *intel;
	struct sightings *sightings; /* must outlive the engine */
	struct baseline *baseline;   /* must outlive the engine; NULL: it learns for itself, in memory */
	size_t correlation_bytes;    /* 0: 64 MiB */
	int horizon_ms;              /* correlate.h; 0: the usual ones */
	void (*on_finding)(const struct finding *f, void *user); /* f is valid during the call */
	void *user;
};
struct engine_event {
	struct str json;
	struct str record; /* its name, "412015/events/000001/17"; "" when it has none */
	uint64_t salt;     /* see correlate_hit */
};

int engine_create(const struct engine_opts *o, struct engine **ret, struct err *err);
void engine_destroy(struct engine **e);
/* 0, or -E_INVALID for what is no event (counted; the engine goes on). */
int engine_event(struct engine *e, const struct engine_event *ev, struct err *err);
void engine_tick(struct engine *e, int64_t now_ms);
/* The clock that stamps an organisation's events ("": the service's) was set back by -by_ms. */
void engine_clock_set(struct engine *e, struct str org, int64_t by_ms);
/* The newest `time` seen; for ticks by the events' own clock. */
int64_t engine_time(const struct engine *e);
/* Other intelligence from now on; it must outlive the engine, or the next call. NULL: none. */
void engine_intel(struct engine *e, const struct intel *intel);
struct correlator *engine_correlator(struct engine *e);
struct matcher *engine_matcher(struct engine *e);

#endif
