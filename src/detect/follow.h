/* Segments -> engine -> outbox, and how that survives a restart.
 *
 * STATE/detect/state is one file, replaced as a whole: the cursors of all series and the correlations' state at
 * exactly these cursors, so a restart counts every event once. It is written only when respondd has acknowledged
 * every finding made up to it; after a crash the events since are read again and give the same findings with the
 * same uids. (Follows from that: no finding is lost, and a repeated one is recognised by its uid.)
 *   "TRDDET04", blob cursors (reader_save), blob correlations (correlator_save), blob list (tally_list), blob sightings
 *   (sightings_save), SHA-256 of all before. Beside it STATE.usual (baseline.h), written after it
 * A state file that is missing starts at the beginning; one that is damaged is reported, and does the same. */
#ifndef DETECT_FOLLOW_H
#define DETECT_FOLLOW_H

#include "detect/engine.h"
#include "segment/reader.h"

struct follow;
struct baseline_stats;
struct follow_opts {
	const char *segments, *state;  /* directory; file */
	segment_key_fn key;
	void *key_user;
	/* Hands a finding on; its number, from 1 without gaps. Negative: it could not, the record is read again. */
	int (*put)(const struct finding *f, uint64_t *ret_seq, void *user);
	void *user;
	int64_t save_ms;               /* least time between two saves; 0: 1000, and more for a large state */
};
struct follow_stats {
	uint64_t events, bad, findings, faults, saves, clock_set;
	int64_t last_ingest_ms; /* of the last event: when its block was closed */
};

/* rules and facts must outlive the follower, or the next follow_rules(). */
int follow_open(const struct follow_opts *o, const struct ruleset *rules, const struct facts *facts, struct follow **ret,
                struct err *err);
void follow_close(struct follow **f); /* without a save */
/* Other rules from now on; correlations that are still the same keep what they have. On error the old ones stay. */
int follow_rules(struct follow *f, const struct ruleset *rules, const struct facts *facts, struct err *err);
/* What is known to be bad (intel.h); it must outlive the follower, or the next call. */
void follow_intel(struct follow *f, const struct intel *intel);
void follow_baseline(const struct follow *f, struct baseline_stats *ret);
struct sightings *follow_sightings(struct follow *f);
/* What is blocked now (indicators.h); kept with the state. -E_INVALID, -E_NOMEM: the old list stays. */
int follow_watch(struct follow *f, struct str list);
/* Reads up to max records. Returns how many; fewer than max: nothing more for now. *err (code != 0): a series' fault. */
unsigned follow_step(struct follow *f, unsigned max, struct err *err);
/* A finding could not be handed on: this process must end and start again from the saved state. */
bool follow_broken(const struct follow *f);
int follow_fd(const struct follow *f); /* reader_fd() */
/* Time passes (windows judged later), and the state is saved when it is due. acked: the last acknowledged number. */
int follow_tick(struct follow *f, int64_t now_ms, uint64_t acked, struct err *err);
/* At the end of the process: as follow_tick, without waiting for save_ms. */
int follow_save(struct follow *f, uint64_t acked, struct err *err);
void follow_stats(const struct follow *f, struct follow_stats *ret);
struct engine *follow_engine(struct follow *f);

#endif
