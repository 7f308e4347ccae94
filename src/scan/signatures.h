/* Which signatures are in force: their generation number, their age, and telling clamd to read new ones.
 *
 * clamd doesn't say when a reload is done. So a change of the database directory flushes all cached verdicts at once
 * and again 20, 90 and 240 s later: what the old signatures called clean while the new ones were loading doesn't stay.
 * A flush costs a second scan of what is asked for again, nothing else. */
#ifndef SCAN_SIGNATURES_H
#define SCAN_SIGNATURES_H

#include "scan/clamd.h"

#include <stdatomic.h>
#include <sys/stat.h>
#include <time.h>

struct signatures {
	const char *directory; /* borrowed */
	_Atomic uint64_t *generation;
	struct timespec changed;   /* the directory's mtime when last seen */
	int64_t flush_ms[3];       /* clock_mono_ms(); 0: done */
	uint64_t version;          /* of the daily database; 0: unknown */
	int64_t made_ms;           /* UTC; when the signatures were made, or the directory changed */
	bool clamd_up;
};

/* A restart counts as a change: nobody knows what was loaded meanwhile. */
void signatures_init(struct signatures *s, const char *directory, _Atomic uint64_t *generation);
void signatures_flush(struct signatures *s); /* all cached verdicts are void */
/* Each few seconds. True: the directory changed, tell clamd to reload. */
bool signatures_tick(struct signatures *s, int64_t mono_ms);
/* clamd's answer to VERSION: "ClamAV 1.4.6/27812/Sat Nov 21 08:24:03 2026"; ptr NULL: no answer. */
void signatures_version(struct signatures *s, struct str reply);
uint64_t signatures_age_s(const struct signatures *s, int64_t now_ms);

#endif
