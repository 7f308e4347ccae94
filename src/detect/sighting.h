/* What was seen of threat intelligence: from a hit to a finding, and how often.
 *
 * The first event of a terminal that touches a known value is a finding at once; for SIGHTING_QUIET_MS after it further ones
 * are counted, and the next one behind that is a finding again, with the count of all since. So a beacon gives one finding
 * an hour, and none is lost: what is still untold is told when the state goes (sightings_flush) or stays with it.
 * Kept with detectd's state (follow.h), like the correlations: a restart counts every event once. Not for threads. */
#ifndef DETECT_SIGHTING_H
#define DETECT_SIGHTING_H

#include "detect/finding.h"
#include "detect/intel.h"

#define FINDING_RULE_INTEL "54495047-7e11-4ced-8001-ca11ed000002"
#define SIGHTINGS_MAX 200000u /* organisation, terminal and value at a time; beyond, hits are counted and told each */
#define SIGHTING_QUIET_MS (3600 * 1000LL)

struct sighting_event { /* one event and what it touched */
	const struct intel *intel;
	const struct intel_item *item;
	struct str org, terminal, record;
	uint64_t salt;
	int64_t time_ms;
	enum finding_action action;
};

struct sightings_stats {
	uint64_t hits, told, kept, untold; /* untold: counted since the last finding; too_many: beyond the ceiling */
	uint64_t too_many;
};

struct sightings;
int sightings_create(struct sightings **ret, struct err *err);
void sightings_destroy(struct sightings **s);
/* Calls tell with a finding where one is due; f is valid during the call. */
void sightings_add(struct sightings *s, const struct sighting_event *e, void (*tell)(const struct finding *f, void *user), void *user);
/* Forgets what is long over; now in the events' time. */
void sightings_tick(struct sightings *s, int64_t now_ms);
void sightings_save(const struct sightings *s, struct buf *b);
int sightings_restore(struct sightings *s, struct str saved); /* "" is none. -E_CORRUPT leaves s empty */
void sightings_stats(const struct sightings *s, struct sightings_stats *ret);
/* All that is kept, as a STIX 2.1 bundle of `sighting` objects (for those whose indicator has a STIX id) and as x-toride-sighting
 * for the others; for whoever gave the intelligence. No organisation and no terminal stands in it. */
void sightings_format(const struct sightings *s, int64_t now_ms, struct buf *b);

#endif
