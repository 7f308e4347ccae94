/* From records to acknowledgements: the writer, its commits and checkpoints, and what was seen of each sender.
 *
 *   spool_put()    one event into the segments' memory
 *   spool_commit() makes everything put so far safe
 *   spool_second() once a second: checkpoint, rotation, retention, the file of senders
 * -E_LIMIT of spool_put() means: nothing more now (the disk is full or slow); keep it and come again after a commit. */
#ifndef INTAKE_SPOOL_H
#define INTAKE_SPOOL_H

#include "intake/seen.h"
#include "normalise/accept.h"
#include "normalise/orgs.h"
#include "segment/writer.h"
#include "wire/stats.h"

struct spool;
struct spool_opts {
	const char *segments, *state; /* directories: STATE/segments, STATE/intake */
	const char *holds;            /* STATE/holds (segment/hold.h); NULL: nothing is held */
	segment_key_fn key;
	segment_seal_fn seal;
	void *user;
	const struct orgs *orgs;
	struct stats *stats;
	int64_t unheard_ms;           /* nothing ends so long after the start (segment/hold.h) */
	writer_aside_fn aside;        /* spool_aside; NULL: the cold disk is waited for */
};

/* Recovers the segments and what was seen; reads the records behind the last cursors. */
int spool_open(const struct spool_opts *o, struct spool **ret, struct err *err);
void spool_close(struct spool **s); /* last commit, checkpoint and file of senders, as far as they work */
void spool_abandon(struct spool **s); /* writes nothing: what a crash leaves (tests) */
void spool_orgs(struct spool *s, const struct orgs *orgs);
struct seen *spool_seen(struct spool *s);
/* org: code, "service" or "" (= service); a body the description doesn't know is put down to "service". from: NULL is
 * intaked itself. What from->sender may not say is kept unparsed for the service, counted ("forged"), and alarmed of
 * at once, then at most every SPOOL_FORGED_MS. */
struct spool_from {
	const struct sender *sender;
	const char *source;
	uint64_t boot, sequence;
};
int spool_put(struct spool *s, struct str org, struct str json, const struct spool_from *from, struct err *err);
#define SPOOL_FORGED_MS 60000
/* Records go by the wall clock, and what is gone stays gone: after that clock was set by more than SPOOL_DOUBT_MS, or at a
 * start that finds it so far ahead of what it said last (STATE/intake/clock; without that, of the last signature), nothing ends for SPOOL_REST_MS, and an alarm says so. */
#define SPOOL_DOUBT_MS (7LL * 24 * 3600 * 1000)
#define SPOOL_REST_MS (24LL * 3600 * 1000)
/* When less than ROOM_LOW percent of the disk is free an alarm says so, and what may go to cold storage goes, whatever its age; from ROOM_ENOUGH on
 * it is over. No record is removed for want of room: doc/LOG.md says what gives way instead, and in which order. */
#define ROOM_LOW 10
#define ROOM_ENOUGH 15
/* spool_opts.aside as intaked has it: a thread for each errand, of which there is one at a time. One that the disk keeps for ever keeps nothing else. */
int spool_aside(void (*fn)(void *arg), void *arg, void *user, struct err *err);
/* What is under way on the cold disk hasn't got on for so long: an alarm. */
#define SPOOL_COLD_SILENT_MS 15000
size_t spool_pending(const struct spool *s);
int spool_commit(struct spool *s, struct err *err);
int spool_second(struct spool *s, struct err *err);
/* An event of class 6002 about intaked itself, into "service". */
void spool_alarm(struct spool *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
